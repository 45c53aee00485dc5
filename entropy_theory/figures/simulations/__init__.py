"""A picture for each experiment of Section VIII: ``draw(result) -> Figure``, one file an experiment with its name.

The numbers are those of a `Result`; nothing is computed here but means and intervals over the seeds.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from entropy_theory.simulations import SIMULATIONS

DRAWINGS: dict[str, ModuleType] = {
    name: import_module(f"{__name__}.{module.__name__.rpartition('.')[2]}") for name, module in SIMULATIONS.items()
}
"""The module that draws each experiment, by the experiment's name."""

__all__ = ["DRAWINGS"]

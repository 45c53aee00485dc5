"""A picture for each experiment of Section VIII: ``draw(result) -> Figure``, one file an experiment.

The numbers are those of a `Result`; nothing is computed here but means and intervals over the seeds.
"""

from __future__ import annotations

from types import ModuleType

from entropy_theory.figures.simulations import entropy_covariance

DRAWINGS: dict[str, ModuleType] = {"entropy-covariance": entropy_covariance}
"""The module that draws each experiment, by the experiment's name."""

__all__ = ["DRAWINGS"]

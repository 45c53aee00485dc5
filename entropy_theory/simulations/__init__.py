"""The experiments of Section VIII in a model that is small enough to be exact.

Each experiment is a module with ``NAME``, ``TITLE`` and ``run(scale, seeds=, workers=, report=) -> Result``; "full" is
the variant whose numbers are reported, "small" a fast one of the same shape. Criteria are in the code; whether they
are met is computed.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from entropy_theory.simulations import (
    alpha_sweep,
    confidence,
    controls_compared,
    covariance_tail,
    difficulty,
    entropy_covariance,
    entropy_level,
    estimators_compared,
    exponential_law,
    guidelines,
    operation_counts,
    reference_kl,
)
from entropy_theory.simulations.result import Result

SIMULATIONS: dict[str, ModuleType] = {
    m.NAME: m
    for m in (
        entropy_covariance,
        covariance_tail,
        controls_compared,
        alpha_sweep,
        exponential_law,
        confidence,
        guidelines,
        operation_counts,
        estimators_compared,
        entropy_level,
        difficulty,
        reference_kl,
    )
}
"""Every experiment by its name, in the order of Section VIII."""


def select(names: Iterable[str]) -> list[ModuleType]:
    """The experiments with these names, in the order of Section VIII; all if there is none.

    Raises
    ------
    ValueError
        If a name fits no experiment; it proposes the nearest ones.
    """
    wanted = set(names)
    for name in sorted(wanted):
        if name not in SIMULATIONS:
            near = difflib.get_close_matches(str(name).lower(), SIMULATIONS, n=3, cutoff=0.4)
            hint = f"; the nearest are {', '.join(near)}" if near else ""
            raise ValueError(f"name is {name!r}, expected one of {', '.join(SIMULATIONS)}{hint}")
    return [module for name, module in SIMULATIONS.items() if not wanted or name in wanted]


def origin_of(scale: str, seeds: int | None) -> dict[str, Any]:
    """What a result depends on: the version, the code of the experiments, and what was asked for."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return {
        "version": version("entropy_theory"),
        "experiments": digest.hexdigest()[:16],
        "scale": scale,
        "seeds": "default" if seeds is None else seeds,
    }


def run(name: str, scale: str = "full", *, seeds: int | None = None, **options: Any) -> Result:
    """The result of an experiment, marked with its origin; `options` are ``workers`` and ``report``."""
    (module,) = select([name])
    result: Result = module.run(scale, seeds=seeds, **options)
    return replace(result, origin=origin_of(scale, seeds))


__all__ = ["SIMULATIONS", "origin_of", "run", "select"]

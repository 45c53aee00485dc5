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

from entropy_theory.brief import brief
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
from entropy_theory.simulations.setting import Report
from entropy_theory.validation import as_count

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

SCALES = ("full", "small")

MOST_SEEDS = 100_000
"""Repetitions that are listed before the first is run."""


def select(names: Iterable[str]) -> list[ModuleType]:
    """The experiments with these names, in the order of Section VIII; all if there is none.

    Raises
    ------
    ValueError
        If a name fits no experiment; it proposes the nearest ones.
    """
    try:
        wanted = [*names]
    except TypeError:
        raise ValueError(f"names is {brief(names)}, expected names of experiments") from None
    for name in wanted:
        _experiment(name)
    return [module for name, module in SIMULATIONS.items() if not wanted or name in wanted]


def origin_of(scale: str, seeds: int | None) -> dict[str, Any]:
    """What a result depends on: the version, the code of the experiments, and what was asked for.

    Raises
    ------
    ValueError
        If `scale` or `seeds` is not as `run` takes it.
    """
    _check(scale, seeds)
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return {
        "version": version("entropy_theory"),
        "experiments": digest.hexdigest()[:16],
        "scale": scale,
        "seeds": "default" if seeds is None else seeds,
    }


def run(
    name: str, scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None
) -> Result:
    """The result of an experiment, marked with its origin.

    Parameters
    ----------
    name : str
        A name of `SIMULATIONS`.
    scale : "full" or "small"
        "small" is a fast variant of the same shape.
    seeds : int, optional
        Repetitions; by default those of the variant.
    workers : int
        Processes; the result does not depend on it.
    report : callable, optional
        Is told after each piece of work how many are done, and of how many.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If an argument is not as above.
    """
    module = _experiment(name)
    _check(scale, seeds)
    as_count(workers, "workers")
    if report is not None and not callable(report):
        raise ValueError(f"report is {brief(report)}, expected a function of two numbers")
    result: Result = module.run(scale, seeds=seeds, workers=workers, report=report)
    return replace(result, origin=origin_of(scale, seeds))


def _experiment(name: Any) -> ModuleType:
    if isinstance(name, str) and name in SIMULATIONS:
        return SIMULATIONS[name]
    near = difflib.get_close_matches(name.lower(), SIMULATIONS, n=3, cutoff=0.4) if isinstance(name, str) else []
    hint = f"; the nearest are {', '.join(near)}" if near else ""
    raise ValueError(f"name is {brief(name)}, expected one of {', '.join(SIMULATIONS)}{hint}")


def _check(scale: Any, seeds: Any) -> None:
    if not isinstance(scale, str) or scale not in SCALES:
        raise ValueError(f"scale is {brief(scale)}, expected one of {', '.join(map(repr, SCALES))}")
    if seeds is not None and as_count(seeds, "seeds", least=1) > MOST_SEEDS:
        raise ValueError(f"seeds is {brief(seeds)}, expected at most {MOST_SEEDS:,}")


__all__ = ["SIMULATIONS", "origin_of", "run", "select"]

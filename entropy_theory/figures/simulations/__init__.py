"""A picture for each experiment of Section VIII: ``draw(result) -> Figure``, one file an experiment.

The numbers are those of a `Result`; nothing is computed here but means and intervals over the seeds.
"""

from __future__ import annotations

from types import ModuleType

from entropy_theory.figures.simulations import (
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

DRAWINGS: dict[str, ModuleType] = {
    "entropy-covariance": entropy_covariance,
    "covariance-tail": covariance_tail,
    "controls": controls_compared,
    "alpha-sweep": alpha_sweep,
    "exponential-law": exponential_law,
    "confidence": confidence,
    "guidelines": guidelines,
    "operation-counts": operation_counts,
    "estimators": estimators_compared,
    "entropy-level": entropy_level,
    "difficulty": difficulty,
    "reference-kl": reference_kl,
}
"""The module that draws each experiment, by the experiment's name."""

__all__ = ["DRAWINGS"]

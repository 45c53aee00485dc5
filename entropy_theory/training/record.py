"""What is recorded of a policy and of an update, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from entropy_theory.controls import Control
from entropy_theory.controls.tokens import Batch
from entropy_theory.gradients import Problem, mean_entropy, mean_entropy_gradient, policy_gradient
from entropy_theory.problems.values import Values
from entropy_theory.softmax import (
    entropy,
    entropy_change,
    first_order_entropy_change,
    kl,
    softmax,
    token_covariance,
)
from entropy_theory.stability import stability_margin
from entropy_theory.training.history import QUANTILE_LEVELS
from entropy_theory.validation import as_logits, within_doubles

Array = np.ndarray[Any, Any]

Record = dict[str, Any]

NO_BATCH: Record = {
    "batch_reward": np.nan,
    "batch_covariance_quantiles": np.full(len(QUANTILE_LEVELS), np.nan),
    "batch_positive_share": np.nan,
}
NO_UPDATE: Record = {
    "entropy_change": np.nan,
    "predicted_entropy_change": np.nan,
    "state_entropy_change": np.nan,
    "covariance": np.nan,
    "selected": np.nan,
    "margin": np.nan,
    **NO_BATCH,
}


@dataclass(frozen=True)
class Reading:
    """A policy in a problem, of which several records speak; each quantity is found once."""

    problem: Problem
    z: Array

    @cached_property
    def values(self) -> Values:
        """Values of the policy."""
        return self.problem.values(self.z)

    @cached_property
    def policy(self) -> Array:
        """``p(a|s)``."""
        return softmax(self.z)

    @cached_property
    def entropy(self) -> float:
        """Mean entropy, Eq. (4)."""
        return float(mean_entropy(self.problem, self.z))


@dataclass(frozen=True)
class Recorder:
    """Measures the policies of a run on `problem` that started at `z0`."""

    problem: Problem
    z0: Array
    margin: float | None
    state_entropy: bool

    def read(self, z: Array) -> Reading:
        """What the records of a policy and of its update share."""
        return Reading(self.problem, z)

    def policy(self, step: int, at: Reading) -> Record:
        """What belongs to a policy."""
        tokens = at.values.visitation[..., None] * at.policy
        covariance = token_covariance(at.z, as_logits(at.values.advantage, "the advantage in problem"))
        with within_doubles("the reward of problem"):
            return {
                "step": step,
                "objective": float(self.problem.objective(at.z)),
                "entropy": at.entropy,
                "state_entropy": np.atleast_1d(entropy(at.z)) if self.state_entropy else np.empty(0),
                "covariance_quantiles": quantiles(covariance, tokens),
                "positive_share": float(tokens[covariance > 0].sum() / tokens.sum()),
                "gradient_norm": float(np.linalg.norm(policy_gradient(self.problem, at.z))),
                "kl_to_start": float((at.values.visits * kl(at.z, self.z0)).sum()),
            }

    def update(self, at: Reading, dz: Array, eta: float) -> Record:
        """What belongs to the update `dz` of a policy, made with step size `eta`."""
        z, visitation, dz = at.z, at.values.visitation, as_logits(dz, "the update with eta from z0")
        margin = np.nan
        if self.margin is not None:
            direction = np.atleast_2d(dz / eta)
            margin = float(stability_margin(np.atleast_2d(z), direction, self.margin, np.atleast_1d(visitation)))
        return {
            "entropy_change": float(mean_entropy(self.problem, z + dz) - at.entropy),
            "predicted_entropy_change": float((mean_entropy_gradient(self.problem, z) * dz).sum()),
            "state_entropy_change": float((visitation * entropy_change(z, dz)).sum()),
            "covariance": -float((visitation * first_order_entropy_change(z, dz)).sum()),
            "margin": margin,
        }

    def selected(self, control: Control, at: Reading, anchor: Array) -> Record:
        """Share of the tokens that the exact update treats specially."""
        tokens = at.values.visitation[..., None] * (at.policy if anchor is at.z else softmax(anchor))
        share = control.selected_share(self.problem, at.z, anchor=anchor)
        return {"selected": float((tokens * share).sum() / tokens.sum())}

    @staticmethod
    def batch(batch: Batch, selected: Array, reward: Array) -> Record:
        """What belongs to the tokens of an update and to the rewards of their responses."""
        if not batch.tokens.size:
            return {"selected": np.nan, **NO_BATCH}
        covariance = batch.tokens.covariance("batch", "advantage")
        return {
            "selected": float(selected.mean()),
            "batch_reward": float(reward.mean()),
            "batch_covariance_quantiles": quantiles(covariance, np.ones(covariance.size)),
            "batch_positive_share": float((covariance > 0).mean()),
        }


def quantiles(values: Array, weights: Array) -> Array:
    """Weighted quantiles at `QUANTILE_LEVELS`, by the inverse of the distribution function."""
    flat = np.quantile(values.ravel(), QUANTILE_LEVELS, weights=weights.ravel(), method="inverted_cdf")
    return np.asarray(flat)

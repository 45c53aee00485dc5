"""The natural policy gradient: the policy gradient in the geometry of the Fisher information.

With ``dz = eta A`` the entropy changes by ``-eta Cov_p(log p, A)`` to first order: unlike the policy gradient's, the
change does not fade where actions are rare.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.controls.control import Control
from entropy_theory.controls.tokens import Batch
from entropy_theory.gradients import Problem, natural_policy_gradient
from entropy_theory.validation import report, within_doubles

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class NaturalPolicyGradient(Control):
    """Natural policy gradient: the exact update is ``eta A``.

    On a batch, each visited row of the policy gradient's loss gradient is replaced by the least solution u of ``F_s u
    = row / (n_s / N)``, ``F_s = diag(p) - p p'``: with G_a the sum of the tokens' derivatives at action a it is ``u_a =
    (G_a / p_a - sum_b G_b) / (n_s / N)``, whose mean under the policy is zero.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> from entropy_theory.controls import NaturalPolicyGradient
    >>> NaturalPolicyGradient().update(et.Bandit([1.0, 0.0]), np.zeros(2), 1.0)
    array([ 0.5, -0.5])
    """

    def direction(self, problem: Problem, z: Array, *, anchor: Any, reference: Any, step: int) -> Array:
        return natural_policy_gradient(problem, z)

    def beyond_tokens(self, step: int) -> str | None:
        return "the natural policy gradient"

    def logit_gradient(self, batch: Batch, mean_gradient: Array, selected: Array, step: int) -> Array:
        sums = batch.entry_sums(mean_gradient)
        sampled = sums != 0
        report(sampled & (batch.policy == 0), batch.policy, "pi(a|s)", "a positive probability of each sampled action")
        share = batch.state_share
        with within_doubles("advantage"):
            scores = np.where(sampled, sums / np.where(sampled, batch.policy, 1), 0) - sums.sum(-1, keepdims=True)
            return np.asarray(np.where(share > 0, scores / np.where(share > 0, share, 1), 0))

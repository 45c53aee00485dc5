"""KL-Cov, Definition VI.3 and Eq. (20): tokens of high covariance are held at the old policy.

The top share of the tokens, ranked by token-wise covariance, Eq. (17), gets a penalty on the divergence from the old
policy q. The gradient of ``KL(q || p)`` is ``p - q``, Eq. (21), so the penalty does nothing while p = q, as in the
first step on each batch. On the selected entries it changes the entropy of a state by ``eta beta sum_a p_a (log p_a +
H)(p_a - q_a)`` to first order, which may have either sign; compare Eq. (22).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.controls.control import Control
from entropy_theory.controls.expected import Expected, greater, magnitude, sign, top_share
from entropy_theory.controls.fields import (
    Coefficient,
    Number,
    check_choice,
    check_coefficient,
    check_flag,
    check_share,
    coefficient_at,
    scalar_at,
    spread,
)
from entropy_theory.controls.presets import with_changes
from entropy_theory.controls.tokens import Batch, Tokens, top_tokens
from entropy_theory.gradients import Problem
from entropy_theory.softmax import policy_change
from entropy_theory.validation import as_logits

Array = np.ndarray[Any, Any]

_RELEASED: dict[str, Any] = {"beta": 1.0, "fraction": 2e-3}

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        **_RELEASED,
        "rank": "abs",
        "at_least_one": False,
        "centre": "state",
        "factor": "logit-change",
        "mask": "logit",
        "penalty": "kl",
    },
    "cui2025": _RELEASED,
    "prime": _RELEASED,
    "verl": {"beta": 0.1, "fraction": 2e-4},
    "skyrl": {"beta": 1.0, "fraction": 0.2},
}


@dataclass(frozen=True)
class KLCov(Control):
    """KL-Cov, Eq. (20).

    `select` takes the ``int(fraction N)`` tokens with the largest token-wise covariance, of equal ones the earliest.
    The loss of a token is ``-A ratio``, that of a selected token has a penalty in addition.

    Parameters
    ----------
    beta : number >= 0 or function of the step
        Coefficient of the penalty.
    fraction : number in (0, 1]
        Share k of the batch to be selected.
    rank : "signed" or "abs"
        Largest covariance, or largest in absolute value.
    at_least_one : bool
        Whether at least one token is selected.
    centre : "batch" or "state"
        Where the means in the covariance are taken.
    factor : "advantage" or "logit-change"
        Second factor of the covariance, A or ``p A``.
    mask : "token" or "logit"
        What the penalty touches: with "token" the loss of a selected token, which moves all logits of its state; with
        "logit" only the gradient at the selected entries (s, a), each once: the update of Theorem VI.2. It needs the
        penalty "kl".
    penalty : "abs-log-ratio" or "kl"
        ``beta |log pi(a_t|s_t) - log pi_old(a_t|s_t)|``, with derivative 0 at 0, or ``beta KL(pi_old(.|s_t) ||
        pi(.|s_t))``.
    anchor : "moving" or "fixed"
        Which policy the penalty refers to in a training loop: that at the start of the batch, or the initial one.

    Raises
    ------
    ValueError
        If an argument is not as above.

    Notes
    -----
    The paper ranks by absolute value, with the policy's own means and the logit change, and has the mask "logit" and
    the penalty "kl": the preset "paper". The defaults are those of the released implementation (arXiv:2505.22617).

    The exact update is ``eta w p A`` and, with q the old policy, q' the one that the penalty refers to (q itself if the
    caller gives no other) and m(s,a) the share of an entry that is selected when entries are filled in descending rank
    up to the mass `fraction`,

    - penalty "kl", mask "token": ``-eta beta w (sum_a q_a m_a)(p - q')``;
    - penalty "kl", mask "logit": ``-eta beta w m_a (p_a - q'_a)``;
    - penalty "abs-log-ratio": ``-eta beta w [q_b m_b s_b - p_b sum_a q_a m_a s_a]``, s the sign of ``log p - log
      q'``.

    Examples
    --------
    The policy has moved from (0.9, 0.1) to (0.6, 0.4). The second action has the larger covariance, as its deviations
    from the means are the larger, and a tenth of the tokens: it is selected, and its logit is pulled back by ``0.4 -
    0.1``:

    >>> import numpy as np, entropy_theory as et
    >>> from entropy_theory.controls import KLCov, PolicyGradient
    >>> bandit, z, old = et.Bandit([1.0, 0.0]), np.log([0.6, 0.4]), np.log([0.9, 0.1])
    >>> PolicyGradient().update(bandit, z, 1.0).round(6)
    array([ 0.24, -0.24])
    >>> KLCov(1.0, 0.1, penalty="kl", mask="logit").update(bandit, z, 1.0, anchor=old).round(6)
    array([ 0.24, -0.54])
    """

    beta: Coefficient
    fraction: Number
    rank: str = field(default="signed", kw_only=True)
    at_least_one: bool = field(default=True, kw_only=True)
    centre: str = field(default="batch", kw_only=True)
    factor: str = field(default="advantage", kw_only=True)
    mask: str = field(default="token", kw_only=True)
    penalty: str = field(default="abs-log-ratio", kw_only=True)
    anchor: str = field(default="moving", kw_only=True)

    def __post_init__(self) -> None:
        check_coefficient(self.beta, "beta")
        check_share(self.fraction, "fraction")
        check_choice(self.rank, "rank", ("signed", "abs"))
        check_flag(self.at_least_one, "at_least_one")
        check_choice(self.centre, "centre", ("batch", "state"))
        check_choice(self.factor, "factor", ("advantage", "logit-change"))
        check_choice(self.mask, "mask", ("token", "logit"))
        check_choice(self.penalty, "penalty", ("abs-log-ratio", "kl"))
        check_choice(self.anchor, "anchor", ("moving", "fixed"))
        if self.mask == "logit" and self.penalty != "kl":
            raise ValueError(
                f"mask is 'logit' and penalty is {brief(self.penalty)}, expected the penalty 'kl' beside it"
            )

    @classmethod
    def preset(cls, name: str, **changes: Any) -> KLCov:
        """The settings of the paper or of a released implementation.

        Parameters
        ----------
        name : "paper", "cui2025", "prime", "verl" or "skyrl"
            "cui2025" is the 7B setting of arXiv:2505.22617; its 32B setting has ``fraction=2e-4``.
        **changes
            Fields that are to differ.

        Raises
        ------
        ValueError
            If the name or a field is unknown.
        """
        return cls(**with_changes(cls, PRESETS, name, changes))

    # Sampled tokens ----------------------------------------------------------------------------------------

    def choose(self, tokens: Tokens, rng: Any) -> Array:
        covariance = tokens.covariance(self.centre, self.factor)
        rank = covariance if self.rank == "signed" else np.abs(covariance)
        return top_tokens(rank, tokens.count(self.fraction, self.at_least_one))

    def beyond_tokens(self, step: int) -> str | None:
        return "a penalty on the whole distribution" if self.penalty == "kl" else None

    def token_derivative(self, tokens: Tokens, selected: Array, step: int) -> Array:
        plain = super().token_derivative(tokens, selected, step)
        if self.penalty == "kl":
            return plain
        pull = scalar_at(self.beta, step, "beta") * np.sign(tokens.from_reference)
        return np.asarray(plain + np.where(selected, pull, 0.0))

    def logit_gradient(self, batch: Batch, mean_gradient: Array, selected: Array, step: int) -> Array:
        gradient = batch.push(mean_gradient)
        if self.penalty != "kl":
            return gradient
        if self.mask == "token":
            held = batch.share_at_state(selected)
        else:
            held = np.where(batch.entries(selected), batch.state_share, 0.0)
        since = as_logits(batch.z - batch.reference, "z - reference")
        pull = scalar_at(self.beta, step, "beta") * policy_change(batch.reference, since)
        return np.asarray(gradient + held * pull)

    # Exact update ------------------------------------------------------------------------------------------

    def direction(self, problem: Problem, z: Array, *, anchor: Any, reference: Any, step: int) -> Array:
        beta = spread(coefficient_at(self.beta, step, "beta"), 2)
        expected = Expected.of(problem, z, anchor, reference)
        if expected.reference is None:
            return expected.shaped(expected.gradient())
        pull = expected.visits * self._pull(expected)
        return expected.shaped(expected.gradient() - beta * pull)

    def _pull(self, expected: Expected) -> Array:
        """Expected gradient of the penalty at beta = 1, at each state."""
        p, q, m = expected.policy, expected.old_policy, self.chosen_share(expected)
        if self.penalty == "kl":
            return np.asarray((m if self.mask == "logit" else (q * m).sum(-1, keepdims=True)) * expected.change)
        drawn = q * m * sign(expected.reference_log_ratio, greater(m, 0) != -1)
        return np.asarray(drawn - p * drawn.sum(-1, keepdims=True))

    def chosen_share(self, expected: Expected) -> Array:
        covariance = expected.covariance(self.centre, self.factor)
        rank = covariance if self.rank == "signed" else magnitude(covariance)
        return top_share(rank, expected.weight, self.fraction)

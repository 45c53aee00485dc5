"""Clip-Cov, Definition VI.2 and Eq. (18): tokens of high covariance are taken out of the loss.

The first-order entropy change is minus a mean of token-wise covariances, Eq. (17). Clip-Cov picks tokens at random
from those with a covariance in a band and detaches them. With tokens kept at rate K the update is ``dz_b = eta p_b
(K_b A_b - E_p[K A])``; its entropy change is ``-Cov_p(log p, dz)``, not minus the covariance over the kept tokens,
Eq. (19).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from entropy_theory.arithmetic import largest
from entropy_theory.brief import brief
from entropy_theory.controls.control import Control
from entropy_theory.controls.expected import Expected, decided, greater
from entropy_theory.controls.fields import (
    Number,
    check_choice,
    check_clip,
    check_finite,
    check_flag,
    check_share,
    in_formula,
)
from entropy_theory.controls.presets import with_changes
from entropy_theory.controls.tokens import Batch, Tokens
from entropy_theory.gradients import Problem
from entropy_theory.validation import as_generator

Array = np.ndarray[Any, Any]

MOST_SELECTED = 10**8
"""Most entries in all the masks that `selections` lists."""

_RELEASED: dict[str, Any] = {"fraction": 2e-4, "low": 1.0, "high": 5.0}

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        **_RELEASED,
        "unit": "mean",
        "band": "closed",
        "at_least_one": False,
        "centre": "state",
        "factor": "logit-change",
        "mask": "token",
        "ppo_clip": None,
    },
    "cui2025": _RELEASED,
    "prime": _RELEASED,
    "verl": _RELEASED,
    "skyrl": _RELEASED,
}


@dataclass(frozen=True)
class ClipCov(Control):
    """Clip-Cov, Eq. (18).

    `select` draws ``int(fraction N)`` tokens uniformly from the eligible ones: token-wise covariance in the band, and
    not clipped by PPO. The loss of a token is ``max(-A ratio, -A clip(ratio, 1 - low, 1 + high))``, that of a selected
    token 0.

    Parameters
    ----------
    fraction : number in (0, 1]
        Share r of the batch to be selected; all eligible tokens if there are fewer.
    low, high : number
        Ends of the band, ``low < high``.
    band : "open" or "closed"
    unit : "absolute" or "mean"
        "mean": the ends are multiples of the mean covariance of the batch.
    at_least_one : bool
        Whether at least one token is asked for.
    centre : "batch" or "state"
        Where the means in the covariance are taken.
    factor : "advantage" or "logit-change"
        Second factor of the covariance, A or ``p A``.
    mask : "token" or "logit"
        What is detached: the loss of a selected token, or the entry (s_t, a_t) of the gradient with respect to the
        logits.
    ppo_clip : (low, high) or None
        Ends of the PPO clip.

    Raises
    ------
    ValueError
        If an argument is not as above.

    Notes
    -----
    The paper has a closed band in units of the mean, the policy's own means and the logit change, and no PPO clip:
    the preset "paper". The defaults are those of the released implementation (arXiv:2505.22617).

    In the exact update e is the share of eligible tokens, ``rho = min(1, fraction / e)`` the rate at which an
    eligible token is selected, E the eligible entries and P = 0 where PPO clips, else 1. Mask "token": ``dz_b = eta w
    p_b (K_b A_b - E_p[K A])`` with ``K = P (1 - rho 1_E)``. Mask "logit": ``dz_b = eta w k_b p_b (P_b A_b - E_p[P A])``
    with ``k = 1 - rho 1_E``, the mean over draws that take out each eligible entry at rate rho. (In a large batch an
    entry has many tokens, and is taken out whenever one of them is selected, which is more often.)

    Examples
    --------
    Four tokens with covariances 1, 1/2, -1/2 and 3; the fraction asks for two, of which the open band has one:

    >>> import numpy as np, entropy_theory as et
    >>> from entropy_theory.controls import ClipCov
    >>> log_prob, advantage = [-0.25, -0.25, -0.25, -4.25], [1.0, 0.5, -0.5, -1.0]
    >>> ClipCov(0.5, 1.0, 5.0).select(log_prob, advantage)
    array([False, False, False,  True])
    >>> ClipCov(0.5, 1.0, 5.0, band="closed").select(log_prob, advantage)
    array([ True, False, False,  True])

    In the infinite batch the rarer action has covariance 0.62, is in the band and leaves the update, of which a quarter
    is left:

    >>> z = np.log([0.75, 0.25])
    >>> ClipCov(1.0, 0.1, 1.0).update(et.Bandit([1.0, 0.0]), z, 1.0)
    array([ 0.046875, -0.046875])
    """

    fraction: Number
    low: Number
    high: Number
    band: str = field(default="open", kw_only=True)
    unit: str = field(default="absolute", kw_only=True)
    at_least_one: bool = field(default=True, kw_only=True)
    centre: str = field(default="batch", kw_only=True)
    factor: str = field(default="advantage", kw_only=True)
    mask: str = field(default="token", kw_only=True)
    ppo_clip: tuple[Number, Number] | None = field(default=(0.2, 0.2), kw_only=True)

    def __post_init__(self) -> None:
        check_share(self.fraction, "fraction")
        check_finite(self.low, "low")
        check_finite(self.high, "high")
        if not self.low < self.high:
            raise ValueError(f"low is {brief(self.low)} and high is {brief(self.high)}, expected low < high")
        check_choice(self.band, "band", ("open", "closed"))
        check_choice(self.unit, "unit", ("absolute", "mean"))
        check_flag(self.at_least_one, "at_least_one")
        check_choice(self.centre, "centre", ("batch", "state"))
        check_choice(self.factor, "factor", ("advantage", "logit-change"))
        check_choice(self.mask, "mask", ("token", "logit"))
        if self.ppo_clip is not None:
            if not isinstance(self.ppo_clip, tuple | list) or len(self.ppo_clip) != 2:
                raise ValueError(f"ppo_clip is {brief(self.ppo_clip)}, expected a pair (low, high) or None")
            object.__setattr__(self, "ppo_clip", tuple(self.ppo_clip))
            check_clip(*self.ppo_clip, ("ppo_clip[0]", "ppo_clip[1]"))

    @classmethod
    def preset(cls, name: str, **changes: Any) -> ClipCov:
        """The settings of the paper or of a released implementation.

        Parameters
        ----------
        name : "paper", "cui2025", "prime", "verl" or "skyrl"
            The implementation of arXiv:2505.22617 and those that took it over have the same settings.
        **changes
            Fields that are to differ.

        Raises
        ------
        ValueError
            If the name or a field is unknown.
        """
        return cls(**with_changes(cls, PRESETS, name, changes))

    # Sampled tokens ----------------------------------------------------------------------------------------

    def _eligible(self, tokens: Tokens) -> Array:
        covariance = tokens.covariance(self.centre, self.factor)
        unit = covariance.mean() if self.unit == "mean" and tokens.size else 1.0
        low, high = float(self.low) * unit, float(self.high) * unit
        if self.band == "open":
            inside = (low < covariance) & (covariance < high)
        else:
            inside = (low <= covariance) & (covariance <= high)
        return np.flatnonzero(inside & ~tokens.ppo_clipped(self.ppo_clip))

    def choose(self, tokens: Tokens, rng: Any) -> Array:
        eligible = self._eligible(tokens)
        count = tokens.count(self.fraction, self.at_least_one)
        generator = np.random.default_rng() if rng is None else as_generator(rng, "rng")
        mask = np.zeros(tokens.size, dtype=bool)
        if 0 < count < eligible.size:
            eligible = generator.choice(eligible, count, replace=False)
        mask[eligible] = count > 0
        return mask

    def choices(self, tokens: Tokens) -> list[tuple[Array, Fraction]]:
        eligible = self._eligible(tokens)
        count = min(tokens.count(self.fraction, self.at_least_one), eligible.size)
        number = comb(eligible.size, count)
        if number * max(tokens.size, 1) > MOST_SELECTED:
            raise ValueError(
                f"fraction is {brief(self.fraction)}: it picks {count} of {eligible.size} eligible tokens in {number} "
                f"ways, expected at most {MOST_SELECTED // max(tokens.size, 1)} for {tokens.size} tokens"
            )
        masks = np.zeros((number, tokens.size), dtype=bool)
        for mask, chosen in zip(masks, combinations(eligible, count), strict=True):
            mask[list(chosen)] = True
        return [(mask, Fraction(1, number)) for mask in masks]

    def beyond_tokens(self, step: int) -> str | None:
        return "a mask on logits" if self.mask == "logit" else None

    def token_derivative(self, tokens: Tokens, selected: Array, step: int) -> Array:
        flat = tokens.ppo_clipped(self.ppo_clip)
        if self.mask == "token":
            flat = flat | selected
        return np.where(flat, 0.0, super().token_derivative(tokens, selected, step))

    def logit_gradient(self, batch: Batch, mean_gradient: Array, selected: Array, step: int) -> Array:
        gradient = batch.push(mean_gradient)
        if self.mask == "logit":
            gradient[batch.entries(selected)] = 0.0
        return gradient

    # Exact update ------------------------------------------------------------------------------------------

    def direction(self, problem: Problem, z: Array, *, anchor: Any, reference: Any, step: int) -> Array:
        expected = Expected.of(problem, z, anchor)
        flat = decided(expected.ppo_clipped(self.ppo_clip), "whether a token is clipped")
        kept = 1 - self.chosen_share(expected)
        if self.mask == "token":
            return expected.shaped(expected.gradient(np.where(flat, 0 * kept, kept)))
        return expected.shaped(kept * expected.gradient(1 - 1 * flat if flat.any() else None))

    def chosen_share(self, expected: Expected) -> Array:
        inside = np.minimum(self._in_band(expected), -expected.ppo_clipped(self.ppo_clip))
        eligible = decided(inside, "whether a covariance lies in the band")
        return np.where(eligible, self._rate(expected, eligible), 0)

    def _in_band(self, expected: Expected) -> Array:
        """Truth values of: the covariance of the entry lies in the band."""
        covariance = expected.covariance(self.centre, self.factor)
        low, high = in_formula(self.low), in_formula(self.high)
        if self.unit == "mean":
            mean = expected.mean(covariance)
            low, high = low * mean, high * mean
        if self.band == "open":
            return np.minimum(greater(covariance, low), greater(high, covariance))
        return np.minimum(-greater(low, covariance), -greater(covariance, high))

    def _rate(self, expected: Expected, eligible: Array) -> Array:
        """``min(1, fraction / e)``, e the share of eligible tokens, as ``fraction / max(e, fraction)``."""
        mass = expected.mean(np.where(eligible, 1, 0))
        fraction = in_formula(self.fraction) + 0 * mass
        return np.asarray(fraction / largest(np.stack([mass, fraction], axis=-1)))

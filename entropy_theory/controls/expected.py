"""The infinite batch: what the controls do to a policy on average, exactly, in any arithmetic.

With p = softmax(z), q = softmax(anchor) the old policy, A the advantage of p, d the visitation of p, w its expected
visits and ``W(s,a) = d(s) q(a|s) / sum_s d(s)``, the distribution of a token: actions are drawn from the old policy,
at the states that the policy visits. A bandit has one state with
w = d = 1; here it always has its axis.

Choices are made by Kleene's logic: a comparison is true (1), false (-1) or unknown (0), so that ``and`` is a minimum,
``or`` a maximum and ``not`` a minus. On balls an unknown that matters raises `UndecidedComparison`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from entropy_theory.arithmetic import is_ball, largest, midpoint, smallest
from entropy_theory.balls import Ball, UndecidedComparison
from entropy_theory.brief import brief
from entropy_theory.controls.fields import check_share, in_formula
from entropy_theory.duals import Dual
from entropy_theory.gradients import Problem, checked_logits
from entropy_theory.problems import Bandit
from entropy_theory.softmax import Policy, log_ratio, log_softmax, policy_change, softmax
from entropy_theory.validation import as_array, as_logits, broadcast, report

Array = np.ndarray[Any, Any]

TIED = 2.0**-40
"""Floats that agree to this relative distance count as tied; rounding would else split what is equal."""


@dataclass(frozen=True)
class Expected:
    """A policy in a problem, with the old policy.

    Attributes
    ----------
    z, advantage : array (..., S, A)
    visitation, visits : array (..., S, 1)
        ``d(s)`` and ``w(s)``.
    anchor : array (..., S, A) or None
        Logits of the old policy; None if it is the policy itself.
    reference : array (..., S, A) or None
        Logits of the policy that a penalty refers to; None if it is the policy itself.
    bandit : bool
        Whether the problem is a bandit, whose own arrays lack the state axis that these have.
    """

    z: Array
    anchor: Array | None
    reference: Array | None
    advantage: Array
    visitation: Array
    visits: Array
    bandit: bool

    @classmethod
    def of(cls, problem: Problem, z: Any, anchor: Any = None, reference: Any = None) -> Expected:
        """The exact quantities of a policy in a problem.

        Parameters
        ----------
        problem : Bandit, MDP or TokenTree
        z : array (..., S, A), for a bandit (..., A)
            Logits, floats or balls; broadcast against the problem.
        anchor : array like `z`, optional
            Logits of the old policy; `z` if left out.
        reference : array like `z`, optional
            Logits of the policy that a penalty refers to; `anchor` if left out.

        Returns
        -------
        Expected

        Raises
        ------
        ValueError
            If a shape does not fit or an entry is not finite.
        """
        given = {"z": z}
        if anchor is not None and anchor is not z:
            given["anchor"] = anchor
        if reference is not None and reference is not z:
            given["reference"] = reference
        found = _together(problem, given)
        values = problem.values(found["z"])
        shape = values.advantage.shape
        logits = {name: np.broadcast_to(x, shape) for name, x in found.items()}
        d, w, a = values.visitation[..., None], values.visits[..., None], values.advantage
        bandit = isinstance(problem, Bandit)
        if bandit:
            logits = {name: x[..., None, :] for name, x in logits.items()}
            d, w, a = d[..., None], w[..., None], a[..., None, :]
        old = logits.get("anchor")
        held = logits.get("reference") if reference is not None else old
        return cls(logits["z"], old, held, a, d, w, bandit)

    def shaped(self, direction: Array) -> Array:
        """A direction in logits in the problem's own shape.

        Parameters
        ----------
        direction : array (..., S, A)

        Returns
        -------
        array
            For a bandit without the state axis.
        """
        return np.asarray(direction[..., 0, :] if self.bandit else direction)

    @cached_property
    def policy(self) -> Array:
        """``p(a|s)``."""
        return softmax(self.z)

    @cached_property
    def old_policy(self) -> Array:
        """``q(a|s)``, from which the tokens are drawn."""
        return self.policy if self.anchor is None else softmax(self.anchor)

    @cached_property
    def weight(self) -> Array:
        """``W(s,a) = d(s) q(a|s) / sum_s d(s)``."""
        return np.asarray(self.visitation / self.visitation.sum(-2, keepdims=True) * self.old_policy)

    @cached_property
    def change(self) -> Array:
        """``p - q'``, q' the policy that a penalty refers to."""
        if self.reference is None:
            return 0 * self.policy
        return policy_change(self.reference, self._since(self.reference, "reference"))

    @cached_property
    def reference_log_ratio(self) -> Array:
        """``log(p / q')``."""
        if self.reference is None:
            return 0 * self.policy
        return log_ratio(self.reference, self._since(self.reference, "reference"))

    @cached_property
    def log_ratio(self) -> Array:
        """``log(p / q)``."""
        return 0 * self.policy if self.anchor is None else log_ratio(self.anchor, self._since(self.anchor, "anchor"))

    def gradient(self, keep: Array | None = None) -> Array:
        """Policy gradient ``w p A``; with tokens kept at rate K, ``w p_b (K_b A_b - E_p[K A])``.

        Parameters
        ----------
        keep : array (..., S, A), optional
            The rates K; all one if left out.

        Returns
        -------
        array (..., S, A)
        """
        values = self.advantage
        if keep is not None:
            kept = as_logits(keep * values, "the kept advantage of z and anchor in problem")
            values = Policy(self.z).centred(kept)
        return np.asarray(self.visits * self.policy * values)

    def covariance(self, centre: str, factor: str) -> Array:
        """Token-wise covariance ``C(s,a) = (log p - m1)(y - m2)``, Eq. (17), with y = A or ``p A``.

        The means are under p(.|s) for the centre "state", under W for "batch".

        Parameters
        ----------
        centre : "state" or "batch"
        factor : "advantage" or "logit-change"
            Whether y is A or ``p A``.

        Returns
        -------
        array (..., S, A)
        """
        y = self.advantage if factor == "advantage" else self.policy * self.advantage
        same = self.anchor is None and self.z.shape[-2] == 1
        if centre == "state" or same:  # equal logits then count as equal on balls
            policy = Policy(self.z)
            change = policy.centred(as_logits(y, f"the {factor} of z in problem"))
            return np.asarray(policy.centred_log_probability * change)
        return np.asarray(self._deviation(log_softmax(self.z)) * self._deviation(y))

    def mean(self, values: Array) -> Array:
        """Mean under W.

        Parameters
        ----------
        values : array (..., S, A)

        Returns
        -------
        array (..., 1, 1)
        """
        return np.asarray((self.weight * values).sum((-2, -1), keepdims=True))

    def _since(self, old: Array, name: str) -> Array:
        """The change of logits from another policy."""
        return as_logits(self.z - old, f"z - {name}")

    def _deviation(self, values: Array) -> Array:
        """Deviation from the mean under W, taken from differences to the value at the heaviest entry."""
        flat = values.reshape(*values.shape[:-2], values.shape[-2] * values.shape[-1])
        heaviest = np.argmax(midpoint(self.weight.reshape(flat.shape)), axis=-1, keepdims=True)
        difference = (flat - np.take_along_axis(flat, heaviest, -1)).reshape(values.shape)
        return np.asarray(difference - self.mean(difference))

    def ppo_clipped(self, clip: tuple[Any, Any] | None) -> Array:
        """Truth values of: the PPO surrogate is flat at the entry, with ratio p/q.

        Parameters
        ----------
        clip : (low, high) or None
            None: the surrogate is flat nowhere.

        Returns
        -------
        int array (..., S, A)
            1 true, -1 false, 0 unknown (only where balls overlap).
        """
        if clip is None or self.anchor is None:
            return np.full(self.policy.shape, -1, dtype=np.int8)
        low, high = map(in_formula, clip)
        with np.errstate(over="ignore"):
            excess = np.expm1(self.log_ratio)
        rises = np.minimum(greater(self.advantage, 0), greater(excess, high))
        falls = np.minimum(greater(0, self.advantage), greater(-low, excess))
        return np.asarray(np.maximum(rises, falls))


def _together(problem: Problem, given: dict[str, Any]) -> dict[str, Array]:
    """All logits checked, of one shape and in one arithmetic."""
    if len(given) == 1:
        return {name: checked_logits(problem, x, name) for name, x in given.items()}
    shaped = broadcast(**{name: as_logits(x, name) for name, x in given.items()})
    return {name: checked_logits(problem, x, name) for name, x in zip(given, shaped, strict=True)}


def greater(x: Any, y: Any) -> Array:
    """Truth values of ``x > y``: 1 true, -1 false, 0 unknown (only where balls overlap)."""
    x, y = (_to_decide(v) if isinstance(v, np.ndarray) else v for v in (x, y))
    if any(isinstance(v, np.ndarray) and is_ball(v) for v in (x, y)):
        return np.asarray(_GREATER(x, y)).astype(np.int8)
    return np.where(x > y, np.int8(1), np.int8(-1))


def decided(truth: Array, what: str) -> Array:
    """Truth values as booleans; an unknown raises `UndecidedComparison`."""
    if (truth == 0).any():
        raise UndecidedComparison(f"{what} cannot be decided at this precision: enclosures overlap")
    return np.asarray(truth > 0)


def sign(x: Array, matters: Array) -> Array:
    """Sign of `x`, 0 at zero and where it does not matter."""
    up, down = np.where(matters, greater(x, 0), -1), np.where(matters, greater(0, x), -1)
    return np.asarray(1 * decided(up, "the sign of log p - log q") - decided(down, "the sign of log p - log q"))


def top_share(rank: Array, weight: Array, fraction: Any) -> Array:
    """Share in [0, 1] of each entry when entries are filled in descending rank up to the mass `fraction`.

    ``min(1, max(0, (fraction - mass ranked above) / mass tied with it))``: tied entries share what is left in
    proportion.

    Parameters
    ----------
    rank, weight : array (..., S, A)
        The rank is over all entries of a problem; the weights sum to one.
    fraction : number in (0, 1]

    Returns
    -------
    array (..., S, A)

    Raises
    ------
    ValueError
        If `rank` and `weight` are no numbers of one shape (..., S, A), or `fraction` is outside (0, 1].
    UndecidedComparison
        If two balls overlap whose order matters. It does not among entries that are filled, or left out, either way.
    """
    check_share(fraction, "fraction")
    for name, array in (("rank", rank), ("weight", weight)):
        numbers = isinstance(array, np.ndarray) and array.dtype.kind in "biufcO" and not np.ma.isMaskedArray(array)
        if not numbers or array.ndim < 2 or array.shape != rank.shape:
            raise ValueError(f"{name} is {brief(array)}, expected an array of numbers (..., S, A), as the other")
        if array.dtype.kind in "fc":
            report(~np.isfinite(array), array, name, "a finite number")
    rank, weight = (as_array(x, name, bounded=False) for name, x in (("rank", rank), ("weight", weight)))
    rank, weight = broadcast(rank=rank, weight=weight)
    fraction = in_formula(fraction)
    if fraction == 1:
        return np.asarray(1 + 0 * weight)
    shape = (*weight.shape[:-2], weight.shape[-2] * weight.shape[-1])
    rank, flat = (x.reshape(shape) for x in (_to_decide(rank), weight))
    if not is_ball(flat):
        return _float_share(rank, flat, float(fraction)).reshape(weight.shape)
    out = np.empty(flat.shape, dtype=object)
    for index in np.ndindex(flat.shape[:-1]):
        out[index] = _ball_share(rank[index], flat[index], (fraction + 0 * flat[index])[0])
    return out.reshape(weight.shape)


def magnitude(x: Array) -> Array:
    """``|x|`` as a rank, also of what is differentiated."""
    return np.asarray(np.abs(_to_decide(x)))


def within(x: Array) -> Array:
    """`x` cut to [0, 1], rigorous on balls."""
    positive = largest(np.stack([x, 0 * x + 0], axis=-1))  # never -0
    return smallest(np.stack([positive, 1 + 0 * positive], axis=-1))


def _float_share(rank: Array, weight: Array, fraction: float) -> Array:
    order = np.argsort(-rank, axis=-1, kind="stable")
    ranked = np.take_along_axis(rank, order, -1)
    end = np.cumsum(np.take_along_axis(weight, order, -1), axis=-1)
    gap = ranked[..., :-1] - ranked[..., 1:]
    breaks = gap > TIED * np.maximum(np.abs(ranked[..., :-1]), np.abs(ranked[..., 1:]))
    edge = np.ones((*ranked.shape[:-1], 1), dtype=bool)
    place = np.arange(ranked.shape[-1])
    first = np.maximum.accumulate(np.where(np.concatenate([edge, breaks], -1), place, 0), axis=-1)
    reverse = np.where(np.concatenate([breaks, edge], -1), place, place[-1])[..., ::-1]
    last = np.minimum.accumulate(reverse, axis=-1)[..., ::-1]
    start = np.concatenate([0 * end[..., :1], end[..., :-1]], axis=-1)
    above, through = np.take_along_axis(start, first, -1), np.take_along_axis(end, last, -1)
    # What weighs nothing, or less than the rounding of the sum, is filled as a whole.
    tied = np.where(through.real > above.real, through - above, np.finfo(float).tiny)
    with np.errstate(over="ignore"):
        filled = (fraction - above) / tied
    out = np.empty_like(filled)
    np.put_along_axis(out, order, within(np.where(np.isfinite(filled), filled, np.sign(filled.real))), -1)
    return out


def _ball_share(rank: Array, weight: Array, fraction: Any) -> Array:
    zero = 0 * weight[0]
    up, down = greater(rank, rank[:, None]), greater(rank[:, None], rank)  # row i: the others against entry i
    np.fill_diagonal(up, -1)
    np.fill_diagonal(down, -1)
    out = np.empty(weight.shape, dtype=object)
    for i in range(weight.size):
        above = weight[up[i] == 1].sum() + zero
        through = weight[down[i] != 1].sum() + zero
        unknown = bool((up[i] == 0).any() or (down[i] == 0).any())
        if _kleene(through, fraction) == -1:
            out[i] = 1 + zero
        elif _kleene(fraction, above) == -1:
            out[i] = zero
        elif unknown:
            raise UndecidedComparison("the ranking cannot be decided at this precision: enclosures overlap")
        else:
            out[i] = _share(fraction - above, through - above)
    return out


def _share(left: Any, tied: Any) -> Any:
    try:
        return within(np.array([left / tied], dtype=object))[0]
    except ZeroDivisionError:
        raise UndecidedComparison("the share of an entry without weight cannot be decided") from None


def _kleene(x: Any, y: Any) -> int:
    x = Ball(x) if isinstance(x, arb) else x  # python-flint's own answer a comparison that is undecided
    y = Ball(y) if isinstance(y, arb) else y
    try:
        return 1 if x > y else -1
    except UndecidedComparison:
        return 0


_GREATER = np.frompyfunc(_kleene, 2, 1)


def _to_decide(x: Array) -> Array:
    """What a decision looks at: the value of what is being differentiated."""
    if is_ball(x):
        return Dual.split(x)[0] if any(isinstance(e, Dual) for e in x.flat) else x
    return np.asarray(x.real)

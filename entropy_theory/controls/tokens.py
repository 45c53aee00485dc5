"""A batch of sampled tokens: ratio, clipping, token-wise covariance, and the way from tokens to logits.

A token is an action a_t taken at a state s_t. Everything here is floats; the same quantities for an infinite batch,
in any arithmetic, are in `entropy_theory.controls.expected`. The loss is the mean of the tokens' losses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from entropy_theory import fast
from entropy_theory.brief import brief
from entropy_theory.softmax import Policy
from entropy_theory.validation import as_count, as_logits, as_numbers, report

Array = np.ndarray[Any, Any]

LARGEST_LOG_RATIO = 700.0
"""Above it the ratio of two probabilities overflows."""

PART = 2**17
"""Numbers of a table of logits that are worked on at once, at most, where one row has no more."""

KEPT = 2**20
"""Numbers of a table up to which its policy is kept."""

COMPILED = 2**18
"""Numbers of a table from which compiled passes serve it, where these are there."""


@dataclass(frozen=True)
class Tokens:
    """What a control sees of a batch of N tokens, checked.

    Attributes
    ----------
    log_prob, advantage, old_log_prob : array (N,)
        ``log pi(a_t|s_t)``, sampled advantage, ``log pi_old(a_t|s_t)``.
    state : int array (N,) or None
        Labels of the states; None if all tokens are of one state.
    given_covariance : array (N,) or None
        The token-wise covariance, where the caller knows it.
    reference_log_prob : array (N,) or None
        Log-probability under the policy that a penalty refers to; None if it is the old one.
    """

    log_prob: Array
    advantage: Array
    old_log_prob: Array
    state: Array | None = None
    given_covariance: Array | None = None
    reference_log_prob: Array | None = None

    @classmethod
    def of(
        cls,
        log_prob: Any,
        advantage: Any,
        old_log_prob: Any = None,
        state: Any = None,
        covariance: Any = None,
        reference_log_prob: Any = None,
    ) -> Tokens:
        """The tokens from what a caller gives, checked.

        Parameters
        ----------
        log_prob, advantage : array (N,)
        old_log_prob : array (N,), optional
            `log_prob` if left out.
        state : int array (N,), optional
        covariance : array (N,), optional
            The token-wise covariance, for a caller that knows it.
        reference_log_prob : array (N,), optional

        Returns
        -------
        Tokens

        Raises
        ------
        ValueError
            If a shape does not fit or an entry is not finite.
        """
        new = _floats(log_prob, "log_prob", None)
        size = new.size
        old = new if old_log_prob is None else _floats(old_log_prob, "old_log_prob", size)
        log_ratio = new - old
        if size and log_ratio.max() > LARGEST_LOG_RATIO:
            expected = f"at most {LARGEST_LOG_RATIO:g}"
            report(log_ratio > LARGEST_LOG_RATIO, log_ratio, "log_prob - old_log_prob", expected)
        return cls(
            log_prob=new,
            advantage=_floats(advantage, "advantage", size),
            old_log_prob=old,
            state=None if state is None else as_integers(state, "state", size),
            given_covariance=None if covariance is None else _floats(covariance, "covariance", size),
            reference_log_prob=None
            if reference_log_prob is None
            else _floats(reference_log_prob, "reference_log_prob", size),
        )

    @property
    def size(self) -> int:
        """Number N of tokens."""
        return int(self.log_prob.size)

    @cached_property
    def ratio(self) -> Array:
        """``pi(a_t|s_t) / pi_old(a_t|s_t)``."""
        return np.asarray(np.exp(self.log_prob - self.old_log_prob))

    @property
    def from_reference(self) -> Array:
        """``log pi(a_t|s_t)`` minus that of the policy that a penalty refers to."""
        reference = self.old_log_prob if self.reference_log_prob is None else self.reference_log_prob
        return np.asarray(self.log_prob - reference)

    def covariance(self, centre: str, factor: str) -> Array:
        """Token-wise covariance ``C_t = (log pi_t - m1)(y_t - m2)``, Eq. (17) with means over the batch.

        Parameters
        ----------
        centre : "batch" or "state"
            Means m1, m2 over all tokens, or over the tokens of the same state.
        factor : "advantage" or "logit-change"
            ``y_t = A_t``, or ``y_t = pi_t A_t``, Eq. (9) with step size one.

        Returns
        -------
        array (N,)
            The covariance that the caller gave, if it gave one.
        """
        if self.given_covariance is not None:
            return self.given_covariance
        y = self.advantage if factor == "advantage" else np.exp(self.log_prob) * self.advantage
        group = self.state if centre == "state" else None
        return np.asarray((self.log_prob - _mean(self.log_prob, group)) * (y - _mean(y, group)))

    def ppo_clipped(self, clip: tuple[Any, Any] | None) -> Array:
        """Tokens at which the PPO surrogate is flat: ``A > 0 and ratio > 1 + high``, or ``A < 0 and ratio < 1 - low``.

        Parameters
        ----------
        clip : (low, high) or None
            None: no token is clipped.

        Returns
        -------
        bool array (N,)
        """
        if clip is None:
            return np.zeros(self.size, dtype=bool)
        low, high = map(float, clip)
        above = (self.advantage > 0) & (self.ratio > 1 + high)
        return np.asarray(above | ((self.advantage < 0) & (self.ratio < 1 - low)))

    def count(self, fraction: Any, at_least_one: bool) -> int:
        """How many tokens a fraction of the batch is: ``int(fraction * N)``, or at least one.

        Parameters
        ----------
        fraction : number in (0, 1]
        at_least_one : bool
            Whether the answer is at least one.

        Returns
        -------
        int
        """
        return max(int(float(fraction) * self.size), int(at_least_one))

    def as_selected(self, selected: Any, name: str = "selected") -> Array:
        """A selection that is given, checked.

        Parameters
        ----------
        selected : bool array (N,)
        name : str
            What an error calls it.

        Returns
        -------
        bool array (N,)

        Raises
        ------
        ValueError
            If shape or dtype do not fit.
        """
        mask = np.asarray(selected)
        if mask.shape != (self.size,) or (mask.dtype != bool and mask.size):
            raise ValueError(
                f"{name} has shape {mask.shape} and dtype {mask.dtype}, expected booleans of shape ({self.size},)"
            )
        return mask.astype(bool)


@dataclass(frozen=True)
class Batch:
    """Tokens together with the policies, checked.

    Attributes
    ----------
    z, z_old, reference : array (S, A)
        Logits of the policy, of the old policy, which drew the tokens, and of the one that a penalty refers to.
    state, action : int array (N,)
        In their ranges.
    tokens : Tokens
    rows : Rows
        The policies in the rows of `z`.
    """

    z: Array
    z_old: Array
    reference: Array
    state: Array
    action: Array
    tokens: Tokens
    rows: Rows

    @classmethod
    def of(
        cls,
        z: Any,
        state: Any,
        action: Any,
        advantage: Any,
        z_old: Any = None,
        reference: Any = None,
        *,
        old_log_prob: Any = None,
        reference_log_prob: Any = None,
    ) -> Batch:
        """The batch from what a caller gives, checked.

        Parameters
        ----------
        z : array (S, A)
        state, action : int array (N,)
        advantage : array (N,)
        z_old : array (S, A), optional
            `z` if left out.
        reference : array (S, A), optional
            `z_old` if left out.
        old_log_prob, reference_log_prob : array (N,), optional
            Log-probabilities of the tokens under `z_old` and `reference`, for a caller that knows them.

        Returns
        -------
        Batch

        Raises
        ------
        ValueError
            If a shape does not fit, an index is out of range or an entry is not finite.
        """
        new = _table(z, "z", None)
        old = new if z_old is None else _table(z_old, "z_old", new.shape)
        held = old if reference is None else _table(reference, "reference", new.shape)
        s = as_integers(state, "state", None)
        a = as_integers(action, "action", s.size)
        for name, index, size in (("state", s, new.shape[0]), ("action", a, new.shape[1])):
            report((index < 0) | (index >= size), index, name, f"an integer in [0, {size})")
        rows = Rows(new)
        before, penal = old_log_prob, reference_log_prob
        if z_old is not None and before is None:
            before = Rows(old).log_prob(s, a)
        if reference is not None and penal is None:
            penal = Rows(held).log_prob(s, a)
        tokens = Tokens.of(rows.log_prob(s, a), advantage, before, s, reference_log_prob=penal)
        return cls(new, old, held, s, a, tokens, rows)

    @cached_property
    def policy(self) -> Array:
        """``pi(a|s)``, shape (S, A)."""
        return self.rows.probability

    @cached_property
    def state_entropy(self) -> Array:
        """Entropy of the policy at each state, shape (S,), in nats."""
        return self.rows.entropy

    @cached_property
    def state_share(self) -> Array:
        """Share ``n_s / N`` of the tokens at each state, shape (S, 1)."""
        return self.share_at_state(np.ones(self.tokens.size, dtype=bool))

    def share_at_state(self, mask: Array) -> Array:
        """Number of the tokens in a mask at each state, divided by N.

        Parameters
        ----------
        mask : bool array (N,)

        Returns
        -------
        array (S, 1)
        """
        counts = np.bincount(self.state[mask], minlength=self.z.shape[0])
        return np.asarray(counts[:, None] / max(self.tokens.size, 1))

    def entry_sums(self, per_token: Array) -> Array:
        """Sum of a number a token over the tokens of each entry (s, a).

        Parameters
        ----------
        per_token : array (N,)

        Returns
        -------
        array (S, A)
        """
        flat = self.state * self.z.shape[1] + self.action
        return np.bincount(flat, weights=per_token, minlength=self.z.size).reshape(self.z.shape)

    def push(self, per_token: Array) -> Array:
        """From derivatives g_t with respect to the tokens' log-probabilities to the logits, through the softmax.

        Token t adds ``g_t (e_{a_t} - pi(.|s_t))`` to row s_t.

        Parameters
        ----------
        per_token : array (N,)
            Derivatives g_t.

        Returns
        -------
        array (S, A)
        """
        sums = self.entry_sums(per_token).astype(np.float64, copy=False)  # of no tokens bincount makes integers
        self.rows.push(sums)
        return sums

    def entries(self, mask: Array) -> Array:
        """The distinct entries (s, a) of the tokens in a mask.

        Parameters
        ----------
        mask : bool array (N,)

        Returns
        -------
        bool array (S, A)
        """
        chosen = np.zeros(self.z.shape, dtype=bool)
        chosen[self.state[mask], self.action[mask]] = True
        return chosen


class Rows:
    """The policies in the rows of a table of logits, evaluated in parts that stay in the cache.

    Parameters
    ----------
    z : float array (S, A)
        Logits, checked.
    """

    def __init__(self, z: Array) -> None:
        self._z = z
        step = max(1, PART // z.shape[1])
        self._parts = [slice(i, min(i + step, z.shape[0])) for i in range(0, max(z.shape[0], 1), step)]
        self._kept: list[Policy] = []

    def log_prob(self, state: Array, action: Array) -> Array:
        """``log pi(a|s)`` of some entries.

        Parameters
        ----------
        state, action : int array (N,)
            In their ranges.

        Returns
        -------
        array (N,)
        """
        if self._compiled:
            mode, others, _ = self._summaries
            return np.asarray((self._z[state, action] - self._z[state, mode[state]]) - np.log1p(others)[state])
        if len(self._parts) == 1:
            (policy,) = self._policies()
            return np.asarray(policy.log_probability[state, action])
        out, order = np.empty(state.size), np.argsort(state, kind="stable")
        ends = np.searchsorted(state[order], [part.stop for part in self._parts]).tolist()
        for part, policy, low, high in zip(self._parts, self._policies(), [0, *ends[:-1]], ends, strict=True):
            tokens = order[low:high]
            out[tokens] = policy.log_probability[state[tokens] - part.start, action[tokens]]
        return out

    @cached_property
    def probability(self) -> Array:
        """``pi(a|s)``, shape (S, A)."""
        return np.concatenate([policy.probability for policy in self._policies()])

    @cached_property
    def entropy(self) -> Array:
        """Entropy of each row, shape (S,), in nats."""
        if self._compiled:
            return self._summaries[2]
        return np.concatenate([policy.entropy for policy in self._policies()])

    def push(self, sums: Array) -> None:
        """Through the softmax: ``G - pi * (sum of G over the row)`` in the place of G.

        Parameters
        ----------
        sums : array (S, A)
            G, the sum of the derivatives with respect to the log-probability of each entry; overwritten.
        """
        if self._compiled:
            from entropy_theory.fast import rows

            mode, others, _ = self._summaries
            rows.push(self._z, mode, others, sums)
            return
        for part, policy in zip(self._parts, self._policies(), strict=True):
            sums[part] -= policy.probability * sums[part].sum(-1, keepdims=True)

    @cached_property
    def _compiled(self) -> bool:
        return self._z.size >= COMPILED and fast.enabled()

    @cached_property
    def _summaries(self) -> tuple[Array, Array, Array]:
        from entropy_theory.fast import rows

        self._z = np.ascontiguousarray(self._z)
        return rows.summaries(self._z)

    def _policies(self) -> Iterator[Policy]:
        if self._kept:
            yield from self._kept
            return
        for part in self._parts:
            policy = Policy(self._z[part])
            if self._z.size <= KEPT:
                self._kept.append(policy)
            yield policy


def as_integers(value: Any, name: str, size: int | None) -> Array:
    """Integers of shape (N,)."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is {brief(value)}, expected integers of shape (N,)") from None
    if array.dtype.kind not in "iu" and array.size:
        raise ValueError(f"{name} has dtype {array.dtype} (first entry {brief(array.flat[0])}), expected integers")
    return _one_axis(array.astype(np.int64), name, size)


def top_tokens(values: Any, count: int) -> Array:
    """Mask of the largest entries; of equal ones the earliest.

    Parameters
    ----------
    values : array (N,)
    count : int
        How many; all if there are fewer.

    Returns
    -------
    bool array (N,)

    Raises
    ------
    ValueError
        If `values` is no array of finite numbers of one axis, or `count` no integer >= 0.
    """
    values, count = _floats(values, "values", None), as_count(count, "count", least=0)
    if count >= values.size or count == 0:
        return np.full(values.size, count > 0)
    threshold = np.partition(values, values.size - count)[values.size - count]
    mask = np.asarray(values > threshold)
    mask[np.flatnonzero(values == threshold)[: count - int(mask.sum())]] = True
    return mask


def _mean(values: Array, group: Array | None) -> Any:
    """Mean over the batch, or for each token over the tokens with its label."""
    if not values.size:
        return 0.0
    if group is None:
        return values.mean()
    _, label = np.unique(group, return_inverse=True)
    return (np.bincount(label, weights=values) / np.bincount(label))[label]


def _floats(value: Any, name: str, size: int | None) -> Array:
    array = as_numbers(value, name)
    if array.dtype != np.float64:
        raise ValueError(f"{name} has dtype {array.dtype}, expected floats: tokens are sampled")
    return _one_axis(array, name, size)


def _one_axis(array: Array, name: str, size: int | None) -> Array:
    if array.ndim != 1 or size not in (None, array.size):
        expected = "(N,)" if size is None else f"({size},), one number a token"
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}")
    return array


def _table(value: Any, name: str, shape: tuple[int, ...] | None) -> Array:
    array = as_logits(value, name)
    if array.ndim != 2 or shape not in (None, array.shape):
        raise ValueError(f"{name} has shape {array.shape}, expected {shape or '(S, A)'}")
    if array.dtype != np.float64:
        raise ValueError(f"{name} has dtype {array.dtype}, expected floats: tokens are sampled")
    return array

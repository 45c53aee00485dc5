"""Token trees: a policy writes responses token by token, and a complete response earns a verifiable reward.

A prompt m is drawn with probability c_m and answered with T tokens out of a vocabulary of V. The states are the
prefixes, the action is the next token. States are numbered level by level, within a level by prompt, within a prompt by
the prefix read as a number in base V. The successors of consecutive states are therefore consecutive as well: the
values of one level are the action values of the level above, reshaped, and one pass over the levels is exact.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from entropy_theory import fast
from entropy_theory.arithmetic import is_ball, midpoint, to_balls
from entropy_theory.balls import Ball
from entropy_theory.brief import brief, message
from entropy_theory.problems.levels import Level, Passes
from entropy_theory.problems.mdp import MDP, ROW_SUM
from entropy_theory.problems.values import Values
from entropy_theory.validation import (
    LARGEST,
    as_count,
    as_fraction,
    as_generator,
    as_logits,
    as_numbers,
    as_scalar,
    is_whole,
    report,
)

Array = np.ndarray[Any, Any]


TIED = 2.0**-40
"""Chances of success that agree to this share of the largest reward count as equal."""


MOST_RESPONSES = 10**9
"""Responses to all prompts; a number for each must fit in memory."""

MOST_HORIZON = 10**6
"""Levels of a tree, which with one token could be any number."""


COMPILED = 2**18
"""Entries (s, a) from which a tree of floats goes to the compiled passes, where these are there: more than any tree of
the stored experiments has, so that these do not depend on what is installed."""


class TokenTree:
    """Responses of T tokens to M prompts, with a reward for each complete response; undiscounted.

    Parameters
    ----------
    vocabulary : int >= 1
        Number V of tokens.
    horizon : int >= 1
        Number T of tokens of a response.
    reward : array (..., M, V**T) or (V**T,), or callable
        Reward of each response, 0 or 1 or any real number; a response is numbered like a prefix. One row serves all
        prompts. A callable gets the prompts (L,) and the tokens (L, T) of all ``L = M V**T`` responses and returns
        (L,) rewards.
    prompts : int >= 1, optional
        Number M of prompts, where `reward` does not tell.
    weights : array (M,), optional
        Probability c_m of each prompt; equal if left out.

    Attributes
    ----------
    states : int
        ``S = M (1 + V + ... + V**(T-1))``, the number of prefixes. Logits have shape (..., S, V).
    effective_horizon : array ()
        Expected number of tokens of a response, T.

    Raises
    ------
    ValueError
        If a size is no integer >= 1, a reward is not finite or, in floats, beyond 1e300, or of another shape, or the
        weights are no distribution.

    Examples
    --------
    Two tokens, of which the response (1, 1) is right. The uniform policy finds it once in four times:

    >>> import numpy as np, entropy_theory as et
    >>> tree = et.TokenTree(2, 2, [0.0, 0.0, 0.0, 1.0])
    >>> z = np.zeros((tree.states, 2))
    >>> float(tree.objective(z)), tree.values(z).v.tolist()
    (0.25, [0.25, 0.0, 0.5])
    """

    def __init__(
        self, vocabulary: int, horizon: int, reward: Any, *, prompts: int | None = None, weights: Any = None
    ) -> None:
        self.vocabulary = as_count(vocabulary, "vocabulary")
        self.horizon = as_count(horizon, "horizon")
        if prompts is not None:
            as_count(prompts, "prompts")
        responses = _responses(self.vocabulary, self.horizon, 1 if prompts is None else prompts)
        if callable(reward):
            reward = _rewards(reward, self.vocabulary, self.horizon, 1 if prompts is None else prompts)
        table = as_logits(reward, "reward")
        rows = 1 if table.ndim == 1 else table.shape[-2]
        self.prompts = max(rows, 1) if prompts is None else operator.index(prompts)
        if table.shape[-1] != responses or (table.ndim > 1 and rows != self.prompts):
            raise ValueError(
                f"reward has shape {table.shape}, expected (..., {self.prompts}, {responses}): a number for each "
                f"prompt and response"
            )
        self.reward = np.broadcast_to(table, (self.prompts, responses)) if table.ndim == 1 else table
        self._equal = weights is None
        self._exact = is_ball(self.reward) or (weights is not None and is_ball(as_numbers(weights, "weights")))
        self.weights = self._equal_weights(self._exact) if weights is None else as_numbers(weights, "weights")
        if self.weights.shape != (self.prompts,):
            raise ValueError(f"weights has shape {self.weights.shape}, expected ({self.prompts},), one a prompt")
        report(midpoint(self.weights) < 0, self.weights, "weights", "a probability >= 0")
        mass = np.asarray(self.weights.sum())
        report(abs(midpoint(mass) - 1) > ROW_SUM, mass, "the sum of weights", "a distribution that sums to one")
        sizes = [self.prompts * self.vocabulary**t for t in range(self.horizon)]
        self._ends = np.cumsum([0, *sizes])
        self.states = int(self._ends[-1])
        self.actions = self.vocabulary
        self.discount = np.asarray(1.0)
        self.effective_horizon = np.asarray(float(self.horizon))
        self.batch = self.reward.shape[:-2]

    @classmethod
    def random(
        cls,
        vocabulary: int,
        horizon: int,
        *,
        prompts: int = 1,
        correct: float | tuple[float, float] = 0.1,
        weights: Any = None,
        seed: Any = 0,
    ) -> TokenTree:
        """A tree with rewards 0 and 1: each prompt has correct responses at random places.

        Parameters
        ----------
        vocabulary, horizon, prompts
            As for the class.
        correct : number in (0, 1] or pair of them
            Share of correct responses. With a pair (low, high) each prompt's share, its difficulty, is drawn
            log-uniformly between them. A prompt has at least one correct response.
        weights
            As for the class.
        seed : int or numpy.random.Generator

        Returns
        -------
        TokenTree

        Raises
        ------
        ValueError
            If an argument is not as above.
        """
        v, t, m = as_count(vocabulary, "vocabulary"), as_count(horizon, "horizon"), as_count(prompts, "prompts")
        responses = _responses(v, t, m)
        if isinstance(correct, tuple | list) and len(correct) != 2:
            raise ValueError(f"correct is {brief(correct)}, expected a share or a pair (low, high)")
        low, high = correct if isinstance(correct, tuple | list) else (correct, correct)
        low, high = as_fraction(low, "correct"), as_fraction(high, "correct")
        if low > high:
            raise ValueError(f"correct is {brief(correct)}, expected a pair (low, high) with low <= high")
        rng = as_generator(seed)
        share = np.exp(rng.uniform(np.log(low), np.log(high), size=m))
        number = np.maximum(1, np.rint(share * responses).astype(np.int64))
        try:
            reward = np.zeros((m, responses))
        except MemoryError:
            raise ValueError(
                f"vocabulary is {v}, horizon is {t} and prompts is {m}, expected sizes of which {m * responses:.3g} "
                "rewards fit in memory"
            ) from None
        for row, count in zip(reward, number, strict=True):
            row[rng.choice(row.size, count, replace=False)] = 1.0
        return cls(v, t, reward, weights=weights)

    def __repr__(self) -> str:
        batch = f", batch {self.batch}" if self.batch else ""
        return (
            f"TokenTree({self.prompts} prompts, vocabulary {self.vocabulary}, horizon {self.horizon}, "
            f"{self.states} states{batch})"
        )

    # States ------------------------------------------------------------------------------------------------

    @property
    def initial(self) -> Array:
        """Distribution of the first state, shape (S,): the weights, then zeros."""
        zero = 0 * self.weights[:1]
        return np.concatenate([self.weights, np.broadcast_to(zero, self.states - self.prompts)])

    def level(self, t: int) -> slice:
        """The states whose prefix has length t.

        Parameters
        ----------
        t : int
            ``0 <= t < T``.

        Returns
        -------
        slice
        """
        number = _index(t, "t", self.horizon)
        return slice(int(self._ends[number]), int(self._ends[number + 1]))

    def state(self, prompt: int, prefix: Any = ()) -> int:
        """Number of the state of a prompt and a prefix.

        Parameters
        ----------
        prompt : int
        prefix : sequence of int, optional
            Fewer than T tokens; none if left out.

        Returns
        -------
        int
        """
        try:
            tokens = tuple(prefix)
        except TypeError:
            raise ValueError(f"prefix is {brief(prefix)}, expected a sequence of tokens") from None
        if len(tokens) >= self.horizon:
            raise ValueError(f"prefix is {brief(tokens)}, expected fewer than {self.horizon} tokens")
        place = _index(prompt, "prompt", self.prompts)
        for i, token in enumerate(tokens):
            place = place * self.vocabulary + _index(token, f"prefix[{i}]", self.vocabulary)
        return int(self._ends[len(tokens)]) + place

    def prefix(self, state: int) -> tuple[int, tuple[int, ...]]:
        """Prompt and prefix of a state.

        Parameters
        ----------
        state : int

        Returns
        -------
        (int, tuple of int)
        """
        number = _index(state, "state", self.states)
        t = int(np.searchsorted(self._ends, number, side="right")) - 1
        rest, tokens = number - int(self._ends[t]), []
        for _ in range(t):
            rest, token = divmod(rest, self.vocabulary)
            tokens.append(token)
        return rest, tuple(reversed(tokens))

    # Exact quantities --------------------------------------------------------------------------------------

    def objective(self, z: Any) -> Array:
        """Expected reward ``J = sum_m c_m E r_m(y)`` of a policy.

        Parameters
        ----------
        z : array (..., S, V)
            Logits.

        Returns
        -------
        array (...)
        """
        logits = self.check_logits(z)
        first = self._state_values(logits, self._leaves(), first=True)
        return np.asarray((self._weights_beside(logits) * first).sum(-1))

    def values(self, z: Any) -> Values:
        """Values of a policy, by one pass up the levels and one down.

        Parameters
        ----------
        z : array (..., S, V)
            Logits.

        Returns
        -------
        Values
        """
        logits = self.check_logits(z)
        batch, leaves = np.broadcast_shapes(self.batch, logits.shape[:-2]), self._leaves()
        v, visits = (np.empty((*batch, self.states), self._kind(logits)) for _ in range(2))
        advantage = np.empty((*batch, self.states, self.vocabulary), v.dtype)
        if self._compiled(logits):
            from entropy_theory.fast import trees

            for i, table, ends in self._problems(logits, leaves, batch):
                trees.values(table, ends, self.weights, self.horizon, v[i], advantage[i], visits[i])
        else:
            for level in self._levels(logits, leaves, batch):
                v[..., level.states], visits[..., level.states] = level.v, level.visits
                advantage[..., level.states, :] = level.advantage
        ends = np.broadcast_to(leaves, (*batch, leaves.shape[-1]))
        q = self._by_state(np.concatenate([v[..., self.prompts :], ends], axis=-1))
        return Values(v=v, q=q, advantage=advantage, visits=visits, visitation=visits / self.horizon)

    def state_values(self, z: Any, reward: Any) -> Array:
        """Expected sum of a reward over each state and the later ones.

        Parameters
        ----------
        z : array (..., S, V)
            Logits.
        reward : array (..., S)
            Depends on the state alone.

        Returns
        -------
        array (..., S)
        """
        return self._state_values(self.check_logits(z), None, self._per_state(reward))

    def expected_total(self, z: Any, reward: Any) -> Array:
        """Expected sum of a reward over the states of an episode.

        Parameters
        ----------
        z : array (..., S, V)
            Logits.
        reward : array (..., S)
            Depends on the state alone.

        Returns
        -------
        array (...)
        """
        first = self._state_values(self.check_logits(z), None, self._per_state(reward), first=True)
        return np.asarray((self._weights_beside(first) * first).sum(-1))

    def expected_next(self, v: Any) -> Array:
        """``v`` of the successor of each state and action, zero after the last token.

        Parameters
        ----------
        v : array (..., S)
            A number a state.

        Returns
        -------
        array (..., S, V)
        """
        v = as_numbers(v, "v", axes=1)
        if v.shape[-1] != self.states:
            raise ValueError(f"v has shape {v.shape}, expected (..., {self.states})")
        later = v[..., self.prompts :]
        end = np.broadcast_to(0 * v[..., :1], (*v.shape[:-1], self.prompts * self.vocabulary**self.horizon))
        return self._by_state(np.concatenate([later, end], axis=-1))

    def check_logits(self, z: Any, name: str = "z") -> Array:
        """Logits as an array that fits the problem; a ValueError says what does not.

        Parameters
        ----------
        z : array (..., S, V)
            Floats or balls.
        name : str
            What an error calls them.

        Returns
        -------
        array (..., S, V)
        """
        logits = as_logits(z, name)
        if logits.shape[-2:] != (self.states, self.vocabulary):
            raise ValueError(f"{name} has shape {logits.shape}, expected (..., {self.states}, {self.vocabulary})")
        try:
            np.broadcast_shapes(self.batch, logits.shape[:-2])
        except ValueError:
            raise ValueError(
                f"{name} has shape {logits.shape}, expected leading axes that broadcast against the batch {self.batch}"
            ) from None
        if not logits.size:
            raise ValueError(f"{name} has shape {logits.shape}, expected at least one policy")
        # Floats among balls would pass rounded exponentials off as exact numbers.
        return to_balls(logits) if self._exact and not is_ball(logits) else logits

    # Elsewhere ---------------------------------------------------------------------------------------------

    def to_mdp(self, discount: float, *, sparse: bool = False) -> MDP:
        """The tree as a discounted MDP with the same states, the same J and the same gradient of J.

        The last token ends the episode and pays ``r / discount**(T - 1)``. At level t the visits are ``discount**t``
        times, values and advantages ``discount**-t`` times those of the tree.

        Parameters
        ----------
        discount : number in (0, 1)
        sparse : bool
            Whether the table of transitions is sparse; a dense one has S * V * S entries.

        Returns
        -------
        MDP

        Raises
        ------
        ValueError
            If the discount is not as above, or the tree is a batch and the table sparse.
        """
        import scipy.sparse as sp

        if not isinstance(sparse, bool | np.bool_):
            raise ValueError(f"sparse is {brief(sparse)}, expected True or False")
        gamma = as_scalar(discount, "discount")
        if not 0 < gamma < 1:
            raise ValueError(f"discount is {brief(discount)}, expected a number in (0, 1)")
        scale = gamma ** (self.horizon - 1)
        largest = float(np.abs(midpoint(self.reward)).max())
        if not scale > largest / LARGEST:
            raise ValueError(
                f"discount is {brief(discount)}, expected one whose power {self.horizon - 1} can divide rewards"
            )
        inner, entries = int(self._ends[-2]), self.states * self.vocabulary
        moves = np.arange(inner * self.vocabulary)
        transition = sp.csr_matrix((np.ones(moves.size), (moves, moves + self.prompts)), shape=(entries, self.states))
        ended = np.zeros((self.states, self.vocabulary))
        ended[inner:] = 1.0
        last = self._by_state(self._leaves() / scale)
        earlier = np.broadcast_to(0 * last[..., :1, :], (*self.batch, inner, self.vocabulary))
        table = transition if sparse else transition.toarray().reshape(self.states, self.vocabulary, self.states)
        return MDP(table, np.concatenate([earlier, last], axis=-2), gamma, self.initial, ended)

    def pretrained(self, confidence: float, *, skill: float = 0.0, seed: Any = 0) -> Array:
        """Logits that stand for a pretrained model: random preferences, more or less sharp, more or less right.

        ``z = confidence * (skill u + sqrt(1 - skill^2) g)`` with g standard normal and u(s, .) the chances of success
        that the uniform policy has after each token, standardised within the state (zero where they are equal).

        Parameters
        ----------
        confidence : number >= 0
            Spread of the logits within a state; with 0 the policy is uniform.
        skill : number in [-1, 1]
            Correlation of the logits with the chances of success.
        seed : int or numpy.random.Generator

        Returns
        -------
        array (S, V)

        Raises
        ------
        ValueError
            If an argument is not as above, or the tree is a batch.
        """
        size, right = as_scalar(confidence, "confidence"), as_scalar(skill, "skill")
        if size < 0:
            raise ValueError(f"confidence is {brief(confidence)}, expected a number >= 0")
        if not -1 <= right <= 1:
            raise ValueError(f"skill is {brief(skill)}, expected a number in [-1, 1]")
        if self.batch or self._exact:
            raise ValueError(f"the tree has rewards of shape {self.reward.shape}, expected one problem in floats")
        noise = as_generator(seed).standard_normal((self.states, self.vocabulary))
        advantage = self.values(np.zeros_like(noise)).advantage
        spread = np.sqrt((advantage**2).mean(-1, keepdims=True))
        # Chances that differ by rounding alone are equal.
        apart = spread > TIED * np.abs(self.reward).max()
        informed = np.where(apart, advantage, 0) / np.where(apart, spread, 1)
        return np.asarray(size * (right * informed + np.sqrt(1 - right**2) * noise))

    def _equal_weights(self, exact: bool) -> Array:
        """``1 / M`` for each prompt, as a float or as the exact number."""
        if not exact:
            return np.full(self.prompts, 1 / self.prompts)
        return np.array([Ball(Fraction(1, self.prompts))] * self.prompts, dtype=object)

    def _weights_beside(self, array: Array) -> Array:
        """The weights in the arithmetic of `array`: a float 1/M among balls would pass for an exact number."""
        return self._equal_weights(True) if self._equal and is_ball(array) else self.weights

    def _leaves(self) -> Array:
        return self.reward.reshape(*self.batch, -1)

    def _by_state(self, successors: Array) -> Array:
        """What belongs to the successors of consecutive states, an axis for the states and one for the tokens."""
        states = successors.shape[-1] // self.vocabulary
        return successors.reshape(*successors.shape[:-1], states, self.vocabulary)

    def _per_state(self, reward: Any) -> Array:
        per_state = as_numbers(reward, "reward", axes=1)
        if per_state.shape[-1] != self.states:
            raise ValueError(f"reward has shape {per_state.shape}, expected (..., {self.states})")
        return per_state

    # Passes, for checked logits ----------------------------------------------------------------------------

    def objective_gradient(self, z: Any) -> Array:
        """Gradient of the objective, ``w(s) p(a|s) A(s,a)``, with nothing kept of the values but two levels' parts.

        Parameters
        ----------
        z : array (..., S, V)
            Logits.

        Returns
        -------
        array (..., S, V)
        """
        logits = self.check_logits(z)
        batch, leaves = np.broadcast_shapes(self.batch, logits.shape[:-2]), self._leaves()
        out = np.empty((*batch, self.states, self.vocabulary), self._kind(logits))
        if self._compiled(logits):
            from entropy_theory.fast import trees

            for i, table, ends in self._problems(logits, leaves, batch):
                trees.gradient(table, ends, self.weights, self.horizon, out[i])
        else:
            for level in self._levels(logits, leaves, batch):
                out[..., level.states, :] = level.reached * level.advantage
        return out

    def mean_entropy(self, z: Any) -> Array:
        """Entropy averaged over the visitation, ``sum_s d(s) H_s``, in nats.

        Parameters
        ----------
        z : array (..., S, V)
            Logits.

        Returns
        -------
        array (...)
        """
        logits = self.check_logits(z)
        first = self._state_values(logits, None, entropies=True, first=True)
        return np.asarray(np.asarray((self._weights_beside(first) * first).sum(-1)) / self.horizon)

    def mean_entropy_gradient(self, z: Any) -> Array:
        """Gradient of the mean entropy, ``d (p A_H + grad H)``, A_H the advantage where later states pay their entropy.

        Parameters
        ----------
        z : array (..., S, V)
            Logits.

        Returns
        -------
        array (..., S, V)
        """
        logits = self.check_logits(z)
        batch = np.broadcast_shapes(self.batch, logits.shape[:-2])
        out = np.empty((*batch, self.states, self.vocabulary), logits.dtype)
        if self._compiled(logits):
            from entropy_theory.fast import trees

            for i, table, _ in self._problems(logits, None, batch):
                trees.gradient(table, None, self.weights / self.horizon, self.horizon, out[i], soft=True)
        else:
            for level in self._levels(logits, None, batch, entropies=True):
                local = level.policy.entropy_gradient
                if level.q is not None:
                    local = level.policy.probability * level.advantage + local
                out[..., level.states, :] = (level.visits / self.horizon)[..., None] * local
        return out

    def _kind(self, logits: Array) -> Any:
        """Type of what the logits give in this tree."""
        return np.result_type(logits, self.reward, self.weights)

    def _compiled(self, logits: Array, now: Array | None = None) -> bool:
        """Whether the compiled passes serve these operands."""
        operands = [x for x in (logits, now, self.reward, self.weights) if x is not None]
        large = self.states * self.vocabulary >= COMPILED
        return large and all(x.dtype == np.float64 for x in operands) and fast.enabled()

    def _problems(
        self, logits: Array, leaves: Array | None, batch: tuple[int, ...]
    ) -> Iterator[tuple[tuple[int, ...], Array, Any]]:
        """Index, logits and leaves of each problem of a batch."""
        for i in np.ndindex(batch):
            yield i, _one(logits, i, 2), None if leaves is None else _one(leaves, i, 1)

    def _passes(
        self, logits: Array, leaves: Array | None, now: Array | None, batch: tuple[int, ...], entropies: bool
    ) -> Passes:
        table = np.broadcast_to(logits, (*batch, *logits.shape[-2:]))
        after, paid = (None if x is None else np.broadcast_to(x, (*batch, x.shape[-1])) for x in (leaves, now))
        return Passes(table, self.prompts, self.horizon, after, paid, entropies)

    def _levels(
        self, logits: Array, leaves: Array | None, batch: tuple[int, ...], *, entropies: bool = False
    ) -> Iterator[Level]:
        """Every state, with v and its visits ``w(s) = c_m P(prefix)``, of which each level sums to one."""
        # In the arithmetic of the logits from the first level on.
        weights = self._weights_beside(logits) + 0 * logits[..., : self.prompts, 0]
        passes = self._passes(logits, leaves, None, batch, entropies)
        return passes.up_and_down(np.broadcast_to(weights, (*batch, self.prompts)))

    def _state_values(
        self,
        logits: Array,
        leaves: Array | None,
        now: Array | None = None,
        *,
        entropies: bool = False,
        first: bool = False,
    ) -> Array:
        """Values of all states, shape (..., S), or of the first, shape (..., M).

        `leaves` is what follows the last token, `now` what each state pays; with `entropies` its entropy.
        """
        batch = np.broadcast_shapes(logits.shape[:-2], *(x.shape[:-1] for x in (leaves, now) if x is not None))
        size = self.prompts if first else self.states
        if self._compiled(logits, now):
            from entropy_theory.fast import trees

            out = np.empty((*batch, size))
            for i, table, ends in self._problems(logits, leaves, batch):
                each = None if now is None else _one(now, i, 1)
                out[i] = trees.state_values(table, ends, each, self.prompts, self.horizon, soft=entropies)[:size]
            return out
        passes = self._passes(logits, leaves, now, batch, entropies)
        out = np.empty((*batch, size), passes.kind)
        for level in passes.up():
            if level.states.start < size:
                out[..., level.states] = level.v
        return out


def _one(array: Array, index: tuple[int, ...], axes: int) -> Array:
    """Of an array whose leading axes broadcast against a batch, the part of one index; its last `axes` axes stay."""
    lead = array.ndim - axes
    own = zip(array.shape[:lead], index[len(index) - lead :], strict=True)
    return np.asarray(array[tuple(i if size > 1 else 0 for size, i in own)])


def _responses(vocabulary: int, horizon: int, prompts: int) -> int:
    """``V**T``, if a number for each response to each prompt fits in memory."""
    if horizon > MOST_HORIZON:
        raise ValueError(f"horizon is {brief(horizon)}, expected at most {MOST_HORIZON}")
    beyond = horizon * math.log(vocabulary) > 2 * math.log(MOST_RESPONSES)  # before a power is formed
    if beyond or vocabulary**horizon * int(prompts) > MOST_RESPONSES:
        raise ValueError(
            f"vocabulary is {brief(vocabulary)}, horizon is {brief(horizon)} and prompts is {brief(prompts)}, expected "
            f"at most {MOST_RESPONSES:.0e} responses"
        )
    return int(vocabulary**horizon)


def _rewards(function: Callable[..., Any], vocabulary: int, horizon: int, prompts: int) -> Array:
    responses = vocabulary**horizon
    place = np.arange(responses)
    digits = [place // vocabulary ** (horizon - 1 - t) % vocabulary for t in range(horizon)]
    tokens = np.tile(np.stack(digits, axis=-1), (prompts, 1))
    try:
        found = function(np.repeat(np.arange(prompts), responses), tokens)
    except TypeError as error:
        raise TypeError(f"reward is {brief(function)}, expected a function of two arrays: {message(error)}") from error
    rewards = as_numbers(found, "the result of reward")
    if rewards.shape != (prompts * responses,):
        raise ValueError(f"the result of reward has shape {rewards.shape}, expected ({prompts * responses},)")
    return rewards.reshape(prompts, responses)


def _index(value: Any, name: str, size: int) -> int:
    if is_whole(value) and 0 <= value < size:
        return operator.index(value)
    raise ValueError(f"{name} is {brief(value)}, expected an integer in [0, {size})")

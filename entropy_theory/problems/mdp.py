"""Discounted Markov decision processes, dense (batched) or sparse, with exact values and visitation."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np

from entropy_theory import fast
from entropy_theory.arithmetic import is_ball, midpoint, to_balls
from entropy_theory.balls import Ball
from entropy_theory.duals import Dual
from entropy_theory.problems import gymnasium_tables
from entropy_theory.problems.elimination import SMALL
from entropy_theory.problems.pieces import PIECE, by_pieces
from entropy_theory.problems.sparse_systems import SparseSystem
from entropy_theory.problems.systems import DenseSystem, products
from entropy_theory.problems.values import Values
from entropy_theory.softmax import Policy
from entropy_theory.validation import as_logits, as_numbers, report

Array = np.ndarray[Any, Any]

COMPILED = 2**14
"""Numbers of the transition tensor from which a batch of small processes goes to the kernels, where these are there:
below it they gain little."""

ROW_SUM = 1e-8
"""How far a row of probabilities in floats may be from summing to one. Balls must contain one, rationals equal it."""


class MDP:
    """A discounted Markov decision process.

    Parameters
    ----------
    transition : array (..., S, A, S) or scipy.sparse (S * A, S)
        Probability of the next state; in the sparse form row ``s * A + a`` belongs to state s and action a.
    reward : array (..., S, A)
        Expected reward of a step.
    discount : float or array (...)
        In [0, 1).
    initial : array (..., S)
        Distribution of the first state.
    termination : array (..., S, A), optional
        Probability that the episode ends with the step; zero if left out. ``transition.sum(-1) + termination`` is
        one. After the end nothing is earned and no entropy counts.

    Raises
    ------
    ValueError
        If rows do not sum to one (to 1e-8 in floats), probabilities are negative, the discount is outside [0, 1),
        entries are not finite, or shapes do not fit.

    Notes
    -----
    Arrays of float64 are kept as they are, not copied: they are not to be changed while the process is in use.

    Leading axes are a batch: thousands of problems are evaluated in one call. Policies are logits of shape (..., S,
    A) whose leading axes broadcast against the batch.

    Examples
    --------
    A step that pays 1 with probability one half and stays where it is:

    >>> import numpy as np, entropy_theory as et
    >>> mdp = et.MDP(np.ones((1, 2, 1)), [[1.0, 0.0]], 0.5, [1.0])
    >>> float(mdp.objective(np.zeros((1, 2))))
    1.0
    """

    def __init__(self, transition: Any, reward: Any, discount: Any, initial: Any, termination: Any = None) -> None:
        self.reward = as_numbers(reward, "reward", axes=2)
        self.states, self.actions = int(self.reward.shape[-2]), int(self.reward.shape[-1])
        self.discount = as_numbers(discount, "discount")
        self.initial = as_numbers(initial, "initial", axes=1)
        shape = (self.states, self.actions)
        self.termination = np.zeros(shape) if termination is None else as_numbers(termination, "termination", axes=2)
        self.sparse = _is_sparse(transition)
        if self.sparse:
            from scipy.sparse import csr_matrix

            self.transition = csr_matrix(transition, dtype=np.float64)
            self._require_shape("transition", self.transition.shape, (self.states * self.actions, self.states))
            for name in ("reward", "discount", "initial", "termination"):
                array = getattr(self, name)
                expected = {"discount": (), "initial": (self.states,)}.get(name, shape)
                if array.shape != expected or array.dtype != np.float64:
                    raise ValueError(
                        f"{name} has shape {array.shape} and dtype {array.dtype}, expected real numbers of shape "
                        f"{expected} beside a sparse transition"
                    )
            report(~np.isfinite(self.transition.data), self.transition.data, "transition.data", "a finite number")
            report(self.transition.data < 0, self.transition.data, "transition.data", "a probability >= 0")
            total = np.asarray(self.transition.sum(-1)).reshape(shape)
        else:
            self.transition = as_numbers(transition, "transition", axes=3)
            self._require_shape("transition", self.transition.shape[-3:], (*shape, self.states))
            report(midpoint(self.transition) < 0, self.transition, "transition", "a probability >= 0")
            total = self.transition.sum(-1)
        self._require_shape("initial", self.initial.shape[-1:], (self.states,))
        self._require_shape("termination", self.termination.shape[-2:], shape)
        report(midpoint(self.termination) < 0, self.termination, "termination", "a probability >= 0")
        report(midpoint(self.initial) < 0, self.initial, "initial", "a probability >= 0")
        outside = (midpoint(self.discount) < 0) | (midpoint(np.asarray(1 - self.discount)) <= 0)
        report(outside, self.discount, "discount", "a number in [0, 1)")
        try:
            self.batch = np.broadcast_shapes(
                self.discount.shape,
                self.initial.shape[:-1],
                *(() if self.sparse else (self.transition.shape[:-3],)),
                self.reward.shape[:-2],
                self.termination.shape[:-2],
            )
        except ValueError:
            raise ValueError(
                f"transition has shape {self.transition.shape}, reward {self.reward.shape}, discount "
                f"{self.discount.shape}, initial {self.initial.shape}: the leading axes do not broadcast"
            ) from None
        ends = np.asarray(total + self.termination)
        kind = "a row that sums to one" if termination is None else "transition + termination that sums to one"
        report(_far_from_one(ends), ends, "the sum of transition over the next state", kind)
        self._exact = not self.sparse and any(
            is_ball(x) for x in (self.transition, self.reward, self.discount, self.initial, self.termination)
        )
        mass = np.asarray(self.initial.sum(-1))
        report(_far_from_one(mass), mass, "the sum of initial", "a distribution that sums to one")

    @property
    def effective_horizon(self) -> Array:
        """``1 / (1 - discount)``, the discounted length of an episode that never ends."""
        return np.asarray(1 / (1 - self.discount))

    @classmethod
    def from_gymnasium(cls, env_or_id: Any, discount: float, **options: Any) -> MDP:
        """The exact table of a Gymnasium environment that has one (FrozenLake, Taxi, CliffWalking).

        Reads ``env.unwrapped.P`` and ``initial_state_distrib``. Successors that are listed more than once are added
        up, and a terminated transition ends the episode: its probability goes to `termination`.

        Parameters
        ----------
        env_or_id : str or gymnasium.Env
            For example ``"FrozenLake-v1"``.
        discount : float
            In [0, 1).
        **options
            Passed to ``gymnasium.make``, for example ``map_name="8x8"``.

        Raises
        ------
        ImportError
            If gymnasium is not installed.
        ValueError
            If the environment has no table.
        """
        transition, reward, initial, termination = gymnasium_tables.read(env_or_id, **options)
        return cls(transition, reward, discount, initial, termination)

    def __repr__(self) -> str:
        batch = f", batch {self.batch}" if self.batch else ""
        kind = "sparse" if self.sparse else "dense"
        return f"MDP({self.states} states, {self.actions} actions, {kind}{batch})"

    def objective(self, z: Any) -> Array:
        """Expected discounted reward ``J = sum_s initial(s) v(s)`` of a policy.

        Parameters
        ----------
        z : array (..., S, A)
            Logits.

        Returns
        -------
        array (...)
        """
        policy = Policy(self.check_logits(z))
        if self.sparse and policy.z.ndim > 2:
            return self._stacked([self.objective(x) for x in self._one_by_one(policy.z)], policy.z)
        v = self._system(policy, 1).values(self._spread(self._mean_reward(policy), policy.z))
        return np.asarray((self.initial * v).sum(-1))

    def values(self, z: Any) -> Values:
        """Values of a policy, each exact to the rounding of one linear solve.

        One factorisation of ``I - discount P`` serves all of them. Beside a sparse transition a system is solved by
        iteration or by a sparse factorisation, whichever its graph and the discount make cheaper.

        Parameters
        ----------
        z : array (..., S, A)
            Logits.

        Returns
        -------
        Values

        Raises
        ------
        ArithmeticError
            If a system is not solved to the rounding of its residual.
        """
        return by_pieces(_values, self.pieces(self.check_logits(z)))

    def values_under(self, policy: Policy, rewards: Sequence[Array] = ()) -> tuple[Values, list[Array]]:
        """Values of a policy that is evaluated already, and the `state_values` of rewards, from one factorisation.

        Parameters
        ----------
        policy : entropy_theory.softmax.Policy
            Of logits that `check_logits` returned.
        rewards : sequence of array (..., S)
            Each depends on the state alone.

        Returns
        -------
        (Values, list of array (..., S))

        Raises
        ------
        ArithmeticError
            If a system is not solved to the rounding of its residual.
        """
        (v, *totals), visits, error = self.totals_under(policy, [self._mean_reward(policy), *rewards])
        q = self.reward + self.discount[..., None, None] * self.next_value(v)
        wide = policy if q.shape == policy.z.shape else Policy(np.broadcast_to(policy.z, q.shape))
        visitation = (1 - self.discount[..., None]) * visits
        advantage = wide.centred(q)
        return Values(v, q, advantage, visits, visitation, error), totals

    def fits_kernels(self, logits: Array) -> bool:
        """Whether this is a large batch of small dense processes in floats, which compiled kernels serve.

        Parameters
        ----------
        logits : array (..., S, A)
            What `check_logits` returned.

        Returns
        -------
        bool
        """
        if self.sparse or self.states > SMALL or self.transition.size < COMPILED or not fast.enabled():
            return False
        tables = self.transition, self.reward, self.discount, self.initial, logits
        batch = np.broadcast_shapes(self.batch, logits.shape[:-2])
        return self.transition.shape[:-3] == batch and all(x.dtype == np.float64 for x in tables)

    def residual_of(self, logits: Array, v: Array, visits: Array) -> Array:
        """The `residual` of values and visits that were found elsewhere, in a dense process.

        Parameters
        ----------
        logits : array (..., S, A)
        v, visits : array (..., S)

        Returns
        -------
        array (...)
        """
        policy = Policy(logits)
        system = DenseSystem(self.transition, policy.probability, self.discount, v.shape[:-1])
        system.found(self._spread(self._mean_reward(policy), logits), v, transposed=False)
        system.found(self._spread(self.initial, logits), visits, transposed=True)
        return system.residual()

    def pieces(self, logits: Array) -> list[tuple[MDP, Array, slice]]:
        """The batch in pieces that stay in the cache, and the logits of each; one piece where there is no need.

        Parameters
        ----------
        logits : array (..., S, A)
            What `check_logits` returned.

        Returns
        -------
        list of (MDP, array, slice)
            The slice says where in the batch.
        """
        batch = np.broadcast_shapes(self.batch, logits.shape[:-2])
        least = 128 if self.states <= SMALL else 1  # so that eliminating them pays
        step = max(PIECE // (self.states**2 * self.actions), least)
        if self.sparse or is_ball(logits) or self._exact or len(batch) != 1 or batch[0] <= step:
            return [(self, logits, slice(None))]
        parts = [slice(i, min(i + step, batch[0])) for i in range(0, batch[0], step)]
        return [(self._part(part), _sliced(logits, 2, part), part) for part in parts]

    def _part(self, part: slice) -> MDP:
        """A slice of a batch with one axis."""
        out = copy(self)
        for name, axes in (("transition", 3), ("reward", 2), ("discount", 0), ("initial", 1), ("termination", 2)):
            setattr(out, name, _sliced(getattr(self, name), axes, part))
        out.batch = (len(range(*part.indices(self.batch[0]))),) if self.batch and self.batch[0] > 1 else self.batch
        return out

    def totals_under(self, policy: Policy, rewards: Sequence[Array]) -> tuple[list[Array], Array, Callable[[], Array]]:
        """The `state_values` of rewards and the visits, all from one factorisation.

        Parameters
        ----------
        policy : entropy_theory.softmax.Policy
            Of logits that `check_logits` returned.
        rewards : sequence of array (..., S)
            Each depends on the state alone.

        Returns
        -------
        (list of array (..., S), array (..., S), callable)
            The values, the expected discounted numbers of visits, and what finds the `residual` as in `Values`.

        Raises
        ------
        ArithmeticError
            If a system is not solved to the rounding of its residual.
        """
        logits = policy.z
        if self.sparse and logits.ndim > 2:
            several = [np.broadcast_to(x, logits.shape[:-1]) for x in rewards]
            parts = [
                self.totals_under(Policy(logits[i]), [x[i] for x in several]) for i in np.ndindex(logits.shape[:-2])
            ]
            totals = [self._stacked([part[0][k] for part in parts], logits) for k in range(len(several))]
            errors = self._stacked([error() for _, _, error in parts], logits)
            return totals, self._stacked([visits for _, visits, _ in parts], logits), partial(np.asarray, errors)
        system = self._system(policy, len(rewards) + 1)
        totals = [system.values(self._spread(x, logits)) for x in rewards]
        visits = system.occupancy(self._spread(self.initial, logits))
        system.release()
        return totals, visits, system.residual

    def state_values(self, z: Any, reward: Any) -> Array:
        """Expected discounted sum of a reward from each state on.

        Parameters
        ----------
        z : array (..., S, A)
            Logits.
        reward : array (..., S)
            Depends on the state alone; its leading axes broadcast against those of `z` and of the process.

        Returns
        -------
        array (..., S)

        Raises
        ------
        ValueError
            If a shape does not fit or an entry is not finite.
        """
        right = self._per_state(reward, "reward")
        policy = Policy(self._beside(self.check_logits(z), right))
        if self.sparse and policy.z.ndim > 2:
            each = np.broadcast_to(right, policy.z.shape[:-1])
            indices = np.ndindex(policy.z.shape[:-2])
            return self._stacked([self.state_values(policy.z[i], each[i]) for i in indices], policy.z)
        return self._system(policy, 1).values(self._spread(right, policy.z))

    def expected_total(self, z: Any, reward: Any) -> Array:
        """Expected discounted sum of a reward over the states of an episode.

        Parameters
        ----------
        z : array (..., S, A)
            Logits.
        reward : array (..., S)
            Depends on the state alone.

        Returns
        -------
        array (...)
        """
        return np.asarray((self.initial * self.state_values(z, reward)).sum(-1))

    def expected_next(self, v: Any) -> Array:
        """``E[v(s') | s, a]``, zero after the end of an episode.

        Parameters
        ----------
        v : array (..., S)
            A number a state; its leading axes broadcast against the batch.

        Returns
        -------
        array (..., S, A)

        Raises
        ------
        ValueError
            If `v` does not fit the states and the batch, or holds an entry that is not finite.
        """
        return self.next_value(self._per_state(v, "v"))

    def next_value(self, v: Array) -> Array:
        """`expected_next` of values that are known to fit, as those that the process gave itself.

        Parameters
        ----------
        v : array (..., S)

        Returns
        -------
        array (..., S, A)
        """
        if self.sparse:
            flat = v.reshape(-1, self.states)
            return np.asarray((self.transition @ flat.T).T.reshape(*v.shape, self.actions))
        # A product for each problem, not for each of its states.
        rows = self.transition.reshape(*self.transition.shape[:-3], self.states * self.actions, self.states)
        product = products(rows, v)
        return product.reshape(*product.shape[:-1], self.states, self.actions)

    def check_logits(self, z: Any, name: str = "z") -> Array:
        """Logits as an array that fits the problem; a ValueError says what does not.

        Parameters
        ----------
        z : array (..., S, A)
            Floats or balls.
        name : str
            What an error calls them.

        Returns
        -------
        array (..., S, A)
        """
        logits = as_logits(z, name)
        expected = (self.states, self.actions)
        if logits.shape[-2:] != expected:
            raise ValueError(f"{name} has shape {logits.shape}, expected (..., {self.states}, {self.actions})")
        try:
            np.broadcast_shapes(self.batch, logits.shape[:-2])
        except ValueError:
            raise ValueError(
                f"{name} has shape {logits.shape}, expected leading axes that broadcast against the batch {self.batch}"
            ) from None
        if self.sparse and is_ball(logits):
            raise ValueError(f"{name} holds balls, expected floats beside a sparse transition (use a dense one)")
        if self.sparse and not logits.size:
            raise ValueError(
                f"{name} has shape {logits.shape}, expected at least one policy beside a sparse transition"
            )
        # Floats among balls would pass rounded exponentials off as exact numbers.
        return to_balls(logits) if self._exact and not is_ball(logits) else logits

    def _per_state(self, value: Any, name: str) -> Array:
        array = as_numbers(value, name, axes=1)
        if array.shape[-1] != self.states:
            raise ValueError(f"{name} has shape {array.shape}, expected (..., {self.states}), a number a state")
        try:
            np.broadcast_shapes(self.batch, array.shape[:-1])
        except ValueError:
            raise ValueError(
                f"{name} has shape {array.shape}, expected leading axes that broadcast against the batch {self.batch}"
            ) from None
        if self.sparse and is_ball(array):
            raise ValueError(f"{name} holds balls, expected floats beside a sparse transition (use a dense one)")
        return array

    def _beside(self, logits: Array, reward: Array) -> Array:
        """The logits with the leading axes of a reward as well: a policy for each right side."""
        try:
            batch = np.broadcast_shapes(logits.shape[:-2], reward.shape[:-1])
        except ValueError:
            raise ValueError(
                f"reward has shape {reward.shape} and z {logits.shape}, expected leading axes that broadcast"
            ) from None
        if self.sparse and 0 in batch:
            raise ValueError(f"reward has shape {reward.shape}, expected at least one beside a sparse transition")
        return np.broadcast_to(logits, (*batch, *logits.shape[-2:]))

    def _mean_reward(self, policy: Policy) -> Array:
        return np.asarray((policy.probability * self.reward).sum(-1))

    def _system(self, policy: Policy, solves: int) -> DenseSystem | SparseSystem:
        if self.sparse:
            return SparseSystem(self.transition, policy.probability, float(self.discount), solves)
        batch = np.broadcast_shapes(self.batch, policy.z.shape[:-2])
        return DenseSystem(self.transition, policy.probability, self.discount, batch)

    def _spread(self, right: Array, logits: Array) -> Array:
        """`right` (..., S) over the common batch, so that each system has its right side."""
        batch = np.broadcast_shapes(self.batch, logits.shape[:-2], right.shape[:-1])
        return np.broadcast_to(right, (*batch, self.states))

    @staticmethod
    def _one_by_one(logits: Array) -> list[Array]:
        return [logits[i] for i in np.ndindex(logits.shape[:-2])]

    @staticmethod
    def _stacked(parts: list[Array], logits: Array) -> Array:
        return np.array(parts).reshape(*logits.shape[:-2], *np.shape(parts[0]))

    @staticmethod
    def _require_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if shape != expected:
            raise ValueError(f"{name} has trailing shape {shape}, expected {expected} to fit the reward")


def _values(mdp: MDP, logits: Array) -> Values:
    return mdp.values_under(Policy(logits))[0]


def _sliced(array: Array, axes: int, part: slice) -> Array:
    """A slice of the first of the leading axes, if there is one that is not broadcast."""
    return array[part] if array.ndim > axes and array.shape[0] > 1 else array


def _is_sparse(transition: Any) -> bool:
    """Whether it is of SciPy's sparse kinds, without importing them for those who have none."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(transition))


def _far_from_one(total: Array) -> Array:
    if not is_ball(total):
        return np.asarray(np.abs(total - 1) > ROW_SUM)
    value, tangent = Dual.split(total)  # what is differentiated stays a distribution: its sum does not move
    wrong = [_is_not(1, v) or _is_not(0, t) for v, t in zip(value.flat, tangent.flat, strict=True)]
    return np.array(wrong).reshape(total.shape)


def _is_not(number: int, ball: Ball) -> bool:
    """Whether it certainly is another number."""
    return ball.rational != number if ball.rational is not None else not ball.arb.overlaps(Ball(number).arb)

"""Discounted Markov decision processes, dense (batched) or sparse, with exact values and visitation."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from entropy_theory.arithmetic import is_ball, midpoint, to_balls
from entropy_theory.balls import Ball
from entropy_theory.problems import gymnasium_tables
from entropy_theory.problems.systems import DenseSystem, SparseSystem
from entropy_theory.problems.values import Values
from entropy_theory.softmax import centred, softmax
from entropy_theory.validation import as_logits, as_numbers, report

Array = np.ndarray[Any, Any]

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
        self.sparse = bool(sp.issparse(transition))
        if self.sparse:
            self.transition = sp.csr_matrix(transition, dtype=np.float64)
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
        outside = (midpoint(self.discount) < 0) | (midpoint(self.discount) >= 1)
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
        logits = self.check_logits(z)
        return np.asarray((self.initial * self._expected_return(logits, self.reward)).sum(-1))

    def values(self, z: Any) -> Values:
        """Values of a policy, each exact to the rounding of one linear solve.

        Parameters
        ----------
        z : array (..., S, A)
            Logits.

        Returns
        -------
        Values
        """
        logits = self.check_logits(z)
        if self.sparse and logits.ndim > 2:
            return self._one_by_one(logits)
        policy = softmax(logits)
        system = self._system(policy)
        v = system.values(self._spread((policy * self.reward).sum(-1), logits))
        q = self.reward + self.discount[..., None, None] * self.expected_next(v)
        visits = system.occupancy(self._spread(self.initial, logits))
        visitation = (1 - self.discount[..., None]) * visits
        return Values(v=v, q=q, advantage=centred(logits, q), visits=visits, visitation=visitation)

    def state_values(self, z: Any, reward: Any) -> Array:
        """Expected discounted sum of a reward from each state on.

        Parameters
        ----------
        z : array (..., S, A)
            Logits.
        reward : array (..., S)
            Depends on the state alone.

        Returns
        -------
        array (..., S)
        """
        logits = self.check_logits(z)
        return self._expected_return(logits, as_numbers(reward, "reward", axes=1)[..., None])

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

    def expected_next(self, v: Array) -> Array:
        """``E[v(s') | s, a]``, zero after the end of an episode.

        Parameters
        ----------
        v : array (..., S)
            A number a state.

        Returns
        -------
        array (..., S, A)
        """
        if not self.sparse:
            return np.asarray((self.transition @ v[..., None, :, None])[..., 0])
        flat = v.reshape(-1, self.states)
        return np.asarray((self.transition @ flat.T).T.reshape(*v.shape, self.actions))

    def check_logits(self, z: Any) -> Array:
        """Logits as an array that fits the problem; a ValueError says what does not.

        Parameters
        ----------
        z : array (..., S, A)
            Floats or balls.

        Returns
        -------
        array (..., S, A)
        """
        logits = as_logits(z)
        expected = (self.states, self.actions)
        if logits.shape[-2:] != expected:
            raise ValueError(f"z has shape {logits.shape}, expected (..., {self.states}, {self.actions})")
        try:
            np.broadcast_shapes(self.batch, logits.shape[:-2])
        except ValueError:
            raise ValueError(
                f"z has shape {logits.shape}, expected leading axes that broadcast against the batch {self.batch}"
            ) from None
        if self.sparse and is_ball(logits):
            raise ValueError("z holds balls, expected floats beside a sparse transition (use a dense one)")
        # Floats among balls would pass rounded exponentials off as exact numbers.
        return to_balls(logits) if self._exact and not is_ball(logits) else logits

    def _expected_return(self, logits: Array, reward: Array) -> Array:
        """Solution v of v = E[reward + discount v(s')], for a reward (..., S, A) or (..., S, 1)."""
        if self.sparse and logits.ndim > 2:
            flat = np.broadcast_to(reward, (*logits.shape[:-1], reward.shape[-1]))
            rows = [self._expected_return(logits[i], flat[i]) for i in np.ndindex(logits.shape[:-2])]
            return np.array(rows).reshape(logits.shape[:-1])
        policy = softmax(logits)
        return self._system(policy).values(self._spread((policy * reward).sum(-1), logits))

    def _system(self, policy: Array) -> DenseSystem | SparseSystem:
        if self.sparse:
            return SparseSystem(self.transition, policy, float(self.discount))
        return DenseSystem(self.transition, policy, self.discount)

    def _spread(self, right: Array, logits: Array) -> Array:
        """`right` (..., S) over the common batch, so that each system has its right side."""
        batch = np.broadcast_shapes(self.batch, logits.shape[:-2], right.shape[:-1])
        return np.broadcast_to(right, (*batch, self.states))

    def _one_by_one(self, logits: Array) -> Values:
        parts = [self.values(logits[i]) for i in np.ndindex(logits.shape[:-2])]
        batch = logits.shape[:-2]
        return Values(
            **{
                name: np.array([getattr(p, name) for p in parts]).reshape(*batch, *getattr(parts[0], name).shape)
                for name in ("v", "q", "advantage", "visits", "visitation")
            }
        )

    @staticmethod
    def _require_shape(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if shape != expected:
            raise ValueError(f"{name} has trailing shape {shape}, expected {expected} to fit the reward")


def _far_from_one(total: Array) -> Array:
    if not is_ball(total):
        return np.asarray(np.abs(total - 1) > ROW_SUM)
    balls = [Ball(x) for x in total.flat]
    wrong = [b.rational != 1 if b.rational is not None else not b.arb.overlaps(Ball(1).arb) for b in balls]
    return np.array(wrong).reshape(total.shape)

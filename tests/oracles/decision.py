"""Markov decision processes by Gaussian elimination over any field, for small processes only.

The definitions: P_pi(s, t) = sum_a pi(a|s) P(s, a, t), v = r_pi + discount P_pi v, w = initial + discount P_pi^T w.
I - discount P_pi is strictly diagonally dominant, so elimination needs no pivoting.  Gradients come from dual
numbers (``tests.oracles.dual``): no theorem about policy gradients is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from tests.oracles import dual

Number = Any


@dataclass(frozen=True)
class Process:
    """A process whose entries are rational: transition[s][a][t], reward[s][a], initial[s], termination[s][a]."""

    transition: Any
    reward: Any
    discount: Fraction
    initial: Any
    termination: Any

    @property
    def states(self) -> int:
        return len(self.reward)

    @property
    def actions(self) -> int:
        return len(self.reward[0])

    def arrays(self) -> tuple[Any, Any, Any, Any, Any]:
        """The same process in float64: transition, reward, discount, initial, termination."""
        return (
            np.array(self.transition, dtype=float),
            np.array(self.reward, dtype=float),
            float(self.discount),
            np.array(self.initial, dtype=float),
            np.array(self.termination, dtype=float),
        )


def random_process(
    seed: int,
    states: int,
    actions: int,
    discount: Fraction = Fraction(7, 8),
    terminating: bool = False,
    acyclic: bool = False,
) -> Process:
    """Entries are multiples of 1/64, hence exact in float64; rows sum to one exactly.

    In an acyclic process every step leads to a later state or ends the episode.
    """
    rng = np.random.default_rng(seed)
    transition, termination = [], []
    for s in range(states):
        rows, ends = [], []
        for _ in range(actions):
            weight = rng.dirichlet(np.full(states + 1, 0.5))
            if acyclic:
                weight[: s + 1] = 0
            if not (terminating or acyclic):
                weight[-1] = 0
            counts = rng.multinomial(64, weight / weight.sum())
            rows.append([Fraction(int(k), 64) for k in counts[:-1]])
            ends.append(Fraction(int(counts[-1]), 64))
        transition.append(rows)
        termination.append(ends)
    reward = [[Fraction(int(x), 16) for x in rng.integers(-32, 33, actions)] for _ in range(states)]
    counts = rng.multinomial(64, rng.dirichlet(np.ones(states)))
    initial = [Fraction(int(k), 64) for k in counts]
    return Process(transition, reward, discount, initial, termination)


def field(x: Fraction) -> Any:
    """A rational number in the current mpmath precision."""
    return mpmath.mpf(x.numerator) / x.denominator


def solve(matrix: list[list[Number]], rhs: list[Number]) -> list[Number]:
    """Gaussian elimination without pivoting."""
    n = len(rhs)
    m = [[*row, b] for row, b in zip(matrix, rhs, strict=True)]
    for k in range(n):
        for i in range(k + 1, n):
            factor = m[i][k] / m[k][k]
            for j in range(k, n + 1):
                m[i][j] = m[i][j] - factor * m[k][j]
    x: list[Number] = [0] * n
    for k in reversed(range(n)):
        total = m[k][n]
        for j in range(k + 1, n):
            total = total - m[k][j] * x[j]
        x[k] = total / m[k][k]
    return x


def add(terms: Sequence[Number]) -> Number:
    """Sum of numbers of any field."""
    total: Number = 0
    for t in terms:
        total = total + t
    return total


@dataclass(frozen=True)
class Answer:
    """What the process yields under a policy; ``q`` and ``advantage`` are lists of rows."""

    objective: Number
    v: list[Number]
    q: list[list[Number]]
    advantage: list[list[Number]]
    visitation: list[Number]


def evaluate(process: Process, policy: list[list[Number]], convert: Any = field) -> Answer:
    """Solve the two linear systems over the field of the policy's entries."""
    states, actions = range(process.states), range(process.actions)
    g = convert(process.discount)
    p = [[[convert(x) for x in row] for row in rows] for rows in process.transition]
    r = [[convert(x) for x in row] for row in process.reward]
    start = [convert(x) for x in process.initial]
    kernel = [[add([policy[s][a] * p[s][a][t] for a in actions]) for t in states] for s in states]
    reward = [add([policy[s][a] * r[s][a] for a in actions]) for s in states]
    system = [[int(s == t) - g * kernel[s][t] for t in states] for s in states]
    v = solve(system, reward)
    w = solve([[system[s][t] for s in states] for t in states], list(start))
    q = [[r[s][a] + g * add([p[s][a][t] * v[t] for t in states]) for a in actions] for s in states]
    return Answer(
        add([start[s] * v[s] for s in states]),
        v,
        q,
        [[q[s][a] - v[s] for a in actions] for s in states],
        [(1 - g) * x for x in w],
    )


def softmax(z: list[list[Number]]) -> list[list[Number]]:
    """Row by row, for mpmath or dual numbers."""
    out = []
    for row in z:
        weights = [dual.exp(x) for x in row]
        total = add(weights)
        out.append([w / total for w in weights])
    return out


def state_entropy(row: Sequence[Number]) -> Number:
    """-sum p log p."""
    return -add([p * dual.log(p) for p in row])


def mean_entropy(process: Process, policy: list[list[Number]]) -> Number:
    """sum_s visitation(s) H_s."""
    answer = evaluate(process, policy)
    return add([d * state_entropy(row) for d, row in zip(answer.visitation, policy, strict=True)])


@dataclass(frozen=True)
class Exact:
    """Arrays of mpmath numbers: everything the package computes for a process."""

    objective: Any
    v: Any
    q: Any
    advantage: Any
    visitation: Any
    policy_gradient: Any
    mean_entropy: Any
    mean_entropy_gradient: Any


def exactly(process: Process, z: Any, digits: int = 100) -> Exact:
    """Values by elimination, gradients by dual numbers, all with ``digits`` digits."""
    with mpmath.workdps(digits):
        rows = [[mpmath.mpf(float(x)) for x in row] for row in np.asarray(z, dtype=float)]
        plain = evaluate(process, softmax(rows))
        flat = dual.variables([x for row in rows for x in row])
        n = process.actions
        smooth = softmax([flat[i * n : (i + 1) * n] for i in range(process.states)])
        objective = evaluate(process, smooth).objective
        mean = mean_entropy(process, smooth)
        shape = (process.states, n)

        def array(x: Any) -> Any:
            return np.array(x, dtype=object)

        return Exact(
            array(plain.objective),
            array(plain.v),
            array(plain.q),
            array(plain.advantage),
            array(plain.visitation),
            array(objective.gradient).reshape(shape),
            array(mean.value),
            array(mean.gradient).reshape(shape),
        )


@dataclass(frozen=True)
class Allowed:
    """Largest errors of a stable evaluation in floating point of the given unit."""

    objective: float
    v: float
    q: float
    advantage: float
    visitation: float
    policy_gradient: float
    mean_entropy: float
    mean_entropy_gradient: float


def allowed(process: Process, z: Any, unit: float = 2.0**-52) -> Allowed:
    """Let h = 1 / (1 - discount), the norm of the inverse; c counts the operations behind one entry of a residual.

    A row of the system is known to c units with c = 4 (A + S + 8 + spread of z) as in ``tests.oracles.rounding``, so
    |dv| <= h c (R + 2 V) with V = h R.  q and the advantage add one and two more such errors.  The solution
    w = visitation / (1 - discount) of the transposed system has total mass at most h and error at most
    h c (1 + 2 h), so visitation (1 - discount) times that.  A gradient is a product of visitation, probability
    and advantage: relative errors add.  With log A <= the entropy's scale L, the mean entropy is an objective with
    rewards of size L times (1 - discount), and its gradient a policy gradient of it.
    """
    logits = np.asarray(z, dtype=float)
    spread = float(np.ptp(logits, axis=-1).max())
    c = 4 * (process.actions + process.states + 8 + spread) * unit
    h = 1 / (1 - float(process.discount))
    r = max(1e-300, max(abs(float(x)) for row in process.reward for x in row))
    v = c * h * (r + 2 * h * r)
    visitation = c * (1 + 2 * h)
    gradient = h * (visitation * 2 * h * r + 3 * v + 4 * c * h * r)
    scale = float(np.log(process.actions)) + 1
    mean = c * (1 + 2 * h) * scale
    return Allowed(v, v, 2 * v, 4 * v, visitation, gradient, 2 * mean, gradient / r * scale * 2)

"""Token trees by enumeration: every response of every prompt, in plain loops over any field.

A response is a sequence of T tokens, its probability the product of the policy's along its prefixes. Everything is a
sum over responses: no recursion over prefixes, no linear system and no policy gradient theorem. Gradients are those
of the likelihood ratio, d/dz(s,b) log P(y) = 1[y passes s and goes on with b] - 1[y passes s] p(b|s). The mean entropy
is the entropy of the law of the responses, divided by T; ``mean_entropy_by_the_chain_rule`` is the other route.

The order of the states is that of ``itertools.product``: by length, then by prompt, then by prefix.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import mpmath
import numpy as np

from tests.oracles import policies, rounding
from tests.oracles.decision import Process, add, field

Number = Any
Tokens = tuple[int, ...]
State = tuple[int, Tokens]
Policy = dict[State, list[Number]]


@dataclass(frozen=True)
class Tree:
    """vocabulary, horizon, reward[m][leaf] and weights[m], which are rational and sum to one."""

    vocabulary: int
    horizon: int
    reward: list[list[Fraction]]
    weights: list[Fraction]

    @property
    def prompts(self) -> int:
        return len(self.weights)

    @property
    def responses(self) -> list[Tokens]:
        return list(product(range(self.vocabulary), repeat=self.horizon))

    @property
    def states(self) -> list[State]:
        return [
            (m, prefix)
            for t in range(self.horizon)
            for m in range(self.prompts)
            for prefix in product(range(self.vocabulary), repeat=t)
        ]

    @property
    def level(self) -> list[int]:
        """Length of the prefix of each state."""
        return [len(prefix) for _, prefix in self.states]

    @property
    def largest(self) -> float:
        return max(abs(float(r)) for row in self.reward for r in row)

    def earned(self, m: int, response: Tokens) -> Fraction:
        """Reward of a response; its leaf is its place among all responses."""
        return self.reward[m][leaf(self.vocabulary, response)]

    def arrays(self) -> tuple[Any, Any]:
        """The rewards and the weights in float64."""
        return np.array(self.reward, dtype=float), np.array(self.weights, dtype=float)

    def absolute(self) -> Tree:
        """The tree of the rewards' sizes."""
        return Tree(self.vocabulary, self.horizon, [[abs(r) for r in row] for row in self.reward], self.weights)


def leaf(vocabulary: int, response: Tokens) -> int:
    """The number in base V, first token most significant."""
    number = 0
    for token in response:
        number = number * vocabulary + token
    return number


def random_tree(seed: int, vocabulary: int, horizon: int, prompts: int = 1, binary: bool = False) -> Tree:
    """Rewards are multiples of 1/16 (or 0 and 1), weights of 1/64: all exact in float64."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, 2, (prompts, vocabulary**horizon)) * 16 if binary else None
    counts = rng.integers(-32, 33, (prompts, vocabulary**horizon)) if drawn is None else drawn
    weights = rng.multinomial(64 - prompts, rng.dirichlet(np.ones(prompts))) + 1
    return Tree(
        vocabulary,
        horizon,
        [[Fraction(int(k), 16) for k in row] for row in counts],
        [Fraction(int(k), 64) for k in weights],
    )


def uniform(tree: Tree) -> Policy:
    """The uniform policy, in rational numbers."""
    return {s: [Fraction(1, tree.vocabulary)] * tree.vocabulary for s in tree.states}


def softmax_policy(tree: Tree, z: Any) -> Policy:
    """The policy with logits z (S, V), in mpmath numbers."""
    rows = [[mpmath.mpf(float(x)) for x in row] for row in np.asarray(z)]
    return {s: policies.softmax(row) for s, row in zip(tree.states, rows, strict=True)}


def likelihood(policy: Policy, m: int, response: Tokens, start: int = 0) -> Number:
    """Probability of the tokens from place ``start`` on, given those before."""
    total: Number = 1
    for t in range(start, len(response)):
        total = total * policy[m, response[:t]][response[t]]
    return total


def completions(tree: Tree, prefix: Tokens) -> Iterator[Tokens]:
    """The responses that begin with the prefix."""
    for rest in product(range(tree.vocabulary), repeat=tree.horizon - len(prefix)):
        yield prefix + rest


@dataclass(frozen=True)
class Answer:
    """Lists in the order of the states; ``q``, ``advantage`` and ``slope`` (the gradient of J) are lists of rows."""

    objective: Number
    v: list[Number]
    q: list[list[Number]]
    advantage: list[list[Number]]
    visits: list[Number]
    visitation: list[Number]
    slope: list[list[Number]]


def evaluate(tree: Tree, policy: Policy, convert: Any = field) -> Answer:
    """Sums over all responses, over the field of the policy's entries."""
    weights = [convert(c) for c in tree.weights]
    objective, zero = convert(Fraction(0)), convert(Fraction(0))
    visits = dict.fromkeys(tree.states, zero)
    slope = {s: [zero] * tree.vocabulary for s in tree.states}
    for m, c in enumerate(weights):
        for y in tree.responses:
            mass = c * likelihood(policy, m, y)
            gain = mass * convert(tree.earned(m, y))
            objective += gain
            for t in range(tree.horizon):
                s = (m, y[:t])
                visits[s] += mass
                for b in range(tree.vocabulary):
                    slope[s][b] += gain * ((y[t] == b) - policy[s][b])

    def ahead(m: int, prefix: Tokens, start: int) -> Number:
        gains = [likelihood(policy, m, y, start) * convert(tree.earned(m, y)) for y in completions(tree, prefix)]
        return add(gains)

    v = [ahead(m, prefix, len(prefix)) for m, prefix in tree.states]
    tokens = range(tree.vocabulary)
    q = [[ahead(m, (*prefix, a), len(prefix) + 1) for a in tokens] for m, prefix in tree.states]
    return Answer(
        objective,
        v,
        q,
        [[x - value for x in row] for row, value in zip(q, v, strict=True)],
        list(visits.values()),
        [w / tree.horizon for w in visits.values()],
        list(slope.values()),
    )


def state_values(tree: Tree, policy: Policy, u: dict[State, Number]) -> list[Number]:
    """Expected sum of u over the present and the later states of the episode."""
    out = []
    for m, prefix in tree.states:
        start = len(prefix)
        terms = [
            likelihood(policy, m, y, start) * add([u[m, y[:t]] for t in range(start, tree.horizon)])
            for y in completions(tree, prefix)
        ]
        out.append(add(terms))
    return out


def state_values_slope(tree: Tree, policy: Policy, u: dict[State, Number]) -> list[list[Number]]:
    """Gradient of sum_m c_m E[sum of u over the states of the episode], u being held."""
    slope = {s: [mpmath.mpf(0)] * tree.vocabulary for s in tree.states}
    for m, c in enumerate(tree.weights):
        for y in tree.responses:
            gain = field(c) * likelihood(policy, m, y) * add([u[m, y[:t]] for t in range(tree.horizon)])
            for t in range(tree.horizon):
                for b in range(tree.vocabulary):
                    slope[m, y[:t]][b] += gain * ((y[t] == b) - policy[m, y[:t]][b])
    return list(slope.values())


def log_policy(tree: Tree, z: Any) -> Policy:
    """The logarithms of the policy, in mpmath numbers; accurate also where a probability is nearly one."""
    rows = [[mpmath.mpf(float(x)) for x in row] for row in np.asarray(z)]
    return {s: policies.log_softmax(row) for s, row in zip(tree.states, rows, strict=True)}


def entropies(tree: Tree, z: Any) -> dict[State, Number]:
    """Entropy of the next token at each state."""
    rows = [[mpmath.mpf(float(x)) for x in row] for row in np.asarray(z)]
    return {s: policies.entropy(row) for s, row in zip(tree.states, rows, strict=True)}


def mean_entropy(tree: Tree, z: Any) -> tuple[Number, list[list[Number]]]:
    """(1/T) sum_m c_m H(law of the responses to m), and its gradient -(1/T) sum c_m P log P * score.

    (The derivative of P log P has the further term dP, which adds up to zero.)
    """
    policy, logs = softmax_policy(tree, z), log_policy(tree, z)
    total = mpmath.mpf(0)
    slope = {s: [mpmath.mpf(0)] * tree.vocabulary for s in tree.states}
    for m, c in enumerate(tree.weights):
        for y in tree.responses:
            log_likelihood = add([logs[m, y[:t]][y[t]] for t in range(tree.horizon)])
            term = -field(c) * likelihood(policy, m, y) * log_likelihood / tree.horizon
            total += term
            for t in range(tree.horizon):
                s = (m, y[:t])
                for b in range(tree.vocabulary):
                    slope[s][b] += term * ((y[t] == b) - policy[s][b])
    return total, list(slope.values())


def mean_entropy_by_the_chain_rule(tree: Tree, z: Any) -> Number:
    """sum_s w(s) / T times the entropy of the next token at s."""
    visitation = evaluate(tree, softmax_policy(tree, z)).visitation
    return add([d * h for d, h in zip(visitation, entropies(tree, z).values(), strict=True)])


@dataclass(frozen=True)
class Exact:
    """Arrays of mpmath numbers: everything the package computes for a tree."""

    objective: Any
    v: Any
    q: Any
    advantage: Any
    visits: Any
    visitation: Any
    policy_gradient: Any
    mean_entropy: Any
    mean_entropy_gradient: Any


def exactly(tree: Tree, z: Any, digits: int = policies.DIGITS) -> Exact:
    """By enumeration, with ``digits`` digits: the differences that are taken may be tiny."""

    def array(x: Any) -> Any:
        return np.array(x, dtype=object)

    with mpmath.workdps(digits):
        answer = evaluate(tree, softmax_policy(tree, z))
        mean, slope = mean_entropy(tree, z)
        return Exact(
            array(answer.objective),
            array(answer.v),
            array(answer.q),
            array(answer.advantage),
            array(answer.visits),
            array(answer.visitation),
            array(answer.slope),
            array(mean),
            array(slope),
        )


@dataclass(frozen=True)
class Allowed:
    """Largest errors of a stable evaluation in float64, of the shapes of ``Exact``; two more for complex steps."""

    objective: Any
    v: Any
    q: Any
    advantage: Any
    visits: Any
    visitation: Any
    policy_gradient: Any
    mean_entropy: Any
    mean_entropy_gradient: Any
    objective_step: Any
    mean_entropy_step: Any
    unit: float


def allowed(tree: Tree, z: Any) -> Allowed:
    """Let U be the largest ``rounding.unit`` of a row: the relative error of a probability and of a sum over tokens.

    - w is a product of at most T - 1 probabilities and a weight: relative error (T + 1) U.
    - v and q are T nested sums; their terms have errors relative to the rewards' sizes, so that with v', q' the values
      of |r| the errors are T U v' and T U q'. J has the weights in addition.
    - The advantage subtracts: U (T + 1) times the sizes q'(a) + v' and q'(mode), from which deviations may be counted.
    - The gradient is a product of w, p and the advantage: the relative errors of w and p, (T + 2) U, come on top.
    - All terms of the mean entropy have one sign: (T + 2) U. Its gradient is d p (A_H - (log p + H)), where A_H is an
      advantage with the rewards H of the later states, and log p + H is known to ``rounding.deviation_sizes``.
    - Complex steps form p_b (q_b - v) by sums of terms p_b q' and p_b v', and the slope of an entropy from terms
      p (log p + 1), cf. ``entropy_step_limit`` in the tests of gradients. Complex operations cost four real ones.

    Numbers below 2**-1022 have absolute errors; in the imaginary part of a complex step these are divided by the step.
    """
    logits = np.asarray(z, dtype=float)
    count, tokens = tree.horizon, tree.vocabulary
    unit = float(np.max(rounding.unit(logits)))
    p, _ = rounding.parts(logits)
    mode = logits.argmax(axis=-1)[:, None]
    with mpmath.workdps(30):
        sizes = evaluate(tree.absolute(), softmax_policy(tree, logits))
        ahead = entropy_ahead(tree, logits)
    v, q, w = (np.array(x, dtype=float) for x in (sizes.v, sizes.q, sizes.visits))
    tiny = rounding.SUBNORMAL * tokens * count * (1 + tree.largest)
    subtracted = q + v[:, None] + np.take_along_axis(q, mode, -1)
    advantage = (count + 1) * unit * subtracted
    weight = w[:, None] * p
    gradient = (2 * count + 3) * unit * weight * subtracted
    later = np.array(ahead, dtype=float)
    expected = (p * later).sum(-1, keepdims=True)
    logs = rounding.log_magnitude(logits)
    entropy = float(np.sum(w * (p * logs).sum(-1))) / count
    turned = later + expected + np.take_along_axis(later, mode, -1) + rounding.deviation_sizes(logits)[1]
    stepped = later + expected + 2 * (logs + 1) + (p * (logs + 1)).sum(-1, keepdims=True)
    half = (2 * count + 4) * unit * weight / count
    below = tiny / STEP
    return Allowed(
        objective=(count + 1) * unit * float(sizes.objective) + tiny,
        v=count * unit * v + tiny,
        q=count * unit * q + tiny,
        advantage=advantage + tiny,
        visits=(count + 1) * unit * w + tiny,
        visitation=(count + 2) * unit * w / count + tiny,
        policy_gradient=gradient + tiny,
        mean_entropy=(count + 2) * unit * entropy + tiny,
        mean_entropy_gradient=half * turned + tiny,
        objective_step=4 * gradient + below,
        mean_entropy_step=4 * half * stepped + below,
        unit=unit,
    )


STEP = 1e-30
"""Step of the complex derivatives."""


def entropy_ahead(tree: Tree, z: Any) -> list[list[Number]]:
    """Expected sum of the entropies of the states after each state and token."""
    values = dict(zip(tree.states, state_values(tree, softmax_policy(tree, z), entropies(tree, z)), strict=True))
    return [[values.get((m, (*prefix, a)), mpmath.mpf(0)) for a in range(tree.vocabulary)] for m, prefix in tree.states]


def process(tree: Tree, discount: Fraction) -> Process:
    """The discounted process of the same states, whose last token ends the episode and pays r / discount^(T-1)."""
    number = {s: i for i, s in enumerate(tree.states)}
    tokens = range(tree.vocabulary)
    transition, reward, termination = [], [], []
    for m, prefix in tree.states:
        last = len(prefix) + 1 == tree.horizon
        rows = [[Fraction(0)] * len(number) for _ in tokens]
        for a in tokens:
            if not last:
                rows[a][number[m, (*prefix, a)]] = Fraction(1)
        transition.append(rows)
        scale = discount ** (tree.horizon - 1)
        reward.append([tree.earned(m, (*prefix, a)) / scale if last else Fraction(0) for a in tokens])
        termination.append([Fraction(int(last))] * tree.vocabulary)
    initial = [tree.weights[m] if not prefix else Fraction(0) for m, prefix in tree.states]
    return Process(transition, reward, discount, initial, termination)

"""Token trees by enumeration of whole responses, over any field.

A response to prompt m is a sequence of T tokens out of V; its probability is the product of the policy's probabilities
at its prefixes. Everything is a sum over responses: ``J = sum_m c_m sum_y P(y) r(y)``; the expected number of visits of
a prefix is the mass of the responses that begin with it; the entropy of a response given the prompt is ``-sum P log
P``, and a T-th of its mean over the prompts is the entropy averaged over the prefixes; the divergence of two policies
is that of their responses. No recursion over prefixes is used but for ``action_values``, which enumerates completions.

Prefixes are numbered level by level, within a level by prompt, within a prompt by the prefix read in base V.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.oracles import dual
from tests.oracles.decision import add

Number = Any
Rows = list[list[Number]]


@dataclass(frozen=True)
class Responses:
    """A token tree: reward[m][leaf], weights[m]."""

    vocabulary: int
    horizon: int
    reward: Sequence[Sequence[Any]]
    weights: Sequence[Any]

    @property
    def prompts(self) -> int:
        return len(self.weights)

    @property
    def states(self) -> int:
        return self.prompts * sum(int(self.vocabulary**t) for t in range(self.horizon))

    def state(self, prompt: int, prefix: Sequence[int]) -> int:
        """Number of a prefix."""
        earlier = self.prompts * sum(int(self.vocabulary**t) for t in range(len(prefix)))
        return earlier + prompt * int(self.vocabulary ** len(prefix)) + self.place(prefix)

    def place(self, tokens: Sequence[int]) -> int:
        """The tokens as digits of a number, first the most significant."""
        number = 0
        for token in tokens:
            number = number * self.vocabulary + token
        return number

    def path(self, prompt: int, tokens: Sequence[int]) -> list[int]:
        """The states at which the tokens are chosen."""
        return [self.state(prompt, tokens[:t]) for t in range(len(tokens))]

    def all(self) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Every prompt with every response."""
        for prompt in range(self.prompts):
            for tokens in itertools.product(range(self.vocabulary), repeat=self.horizon):
                yield prompt, tokens

    def earned(self, prompt: int, tokens: Sequence[int]) -> Any:
        """Reward of a response."""
        return self.reward[prompt][self.place(tokens)]

    def probability(self, policy: Rows, prompt: int, tokens: Sequence[int]) -> Number:
        """P(y) given the prompt."""
        total: Number = 1
        for s, a in zip(self.path(prompt, tokens), tokens, strict=True):
            total = policy[s][a] * total
        return total

    # Sums over responses ------------------------------------------------------------------------------------

    def objective(self, policy: Rows) -> Number:
        """J."""
        return add([self.probability(policy, m, y) * (self.weights[m] * self.earned(m, y)) for m, y in self.all()])

    def visits(self, policy: Rows) -> list[Number]:
        """w(s): the mass of the responses that pass a prefix."""
        total: list[Number] = [0] * self.states
        for m, y in self.all():
            mass = self.probability(policy, m, y) * self.weights[m]
            for s in self.path(m, y):
                total[s] = total[s] + mass
        return total

    def mean_entropy(self, policy: Rows) -> Number:
        """A T-th of the entropy of the response given the prompt."""
        terms = []
        for m, y in self.all():
            p = self.probability(policy, m, y)
            terms.append(p * dual.log(p) * self.weights[m])
        return -add(terms) / self.horizon

    def divergence(self, policy: Rows, start: Rows) -> Number:
        """KL of the responses of one policy from those of another."""
        terms = []
        for m, y in self.all():
            p, q = self.probability(policy, m, y), self.probability(start, m, y)
            terms.append(p * (dual.log(p) - dual.log(q)) * self.weights[m])
        return add(terms)

    def action_values(self, policy: Rows) -> Rows:
        """q(s, a): the mean reward of the responses that go on from the prefix and the token."""
        out: Rows = [[0] * self.vocabulary for _ in range(self.states)]
        for m, y in self.all():
            for t, s in enumerate(self.path(m, y)):
                rest: Number = 1
                for later, token in list(zip(self.path(m, y), y, strict=True))[t + 1 :]:
                    rest = rest * policy[later][token]
                out[s][y[t]] = out[s][y[t]] + rest * self.earned(m, y)
        return out

    def advantages(self, policy: Rows) -> Rows:
        """q minus its mean at the state."""
        out = []
        for p, q in zip(policy, self.action_values(policy), strict=True):
            v = add([a * b for a, b in zip(p, q, strict=True)])
            out.append([x - v for x in q])
        return out

    # Scores -------------------------------------------------------------------------------------------------

    def score(self, policy: Rows, prompt: int, tokens: Sequence[int], per_token: Sequence[Number]) -> Rows:
        """``sum_t x_t grad log pi(a_t|s_t)`` in the logits: a token adds ``x_t (1[b = a_t] - pi(b|s_t))``."""
        out: Rows = [[0] * self.vocabulary for _ in range(self.states)]
        for s, a, x in zip(self.path(prompt, tokens), tokens, per_token, strict=True):
            for b in range(self.vocabulary):
                out[s][b] = out[s][b] + x * ((a == b) - policy[s][b])
        return out

    def gradient(self, policy: Rows, earned: Any = None) -> Rows:
        """Gradient of the mean of a number a response (the reward if none is given): ``sum P x grad log P``."""
        out: Rows = [[0] * self.vocabulary for _ in range(self.states)]
        for m, y in self.all():
            value = self.earned(m, y) if earned is None else earned(m, y)
            size = self.weights[m] * self.probability(policy, m, y) * value
            accumulate(out, self.score(policy, m, y, [size] * self.horizon))
        return out


def accumulate(total: Rows, more: Rows) -> None:
    """Add one table to another, in place."""
    for row, other in zip(total, more, strict=True):
        for a, x in enumerate(other):
            row[a] = row[a] + x


def rational_policy(states: int, actions: int, seed: int, parts: int = 16) -> list[list[Fraction]]:
    """Probabilities that are multiples of 1 / parts, none of them zero."""
    draw = random.Random(seed)
    out = []
    for _ in range(states):
        cuts = sorted(draw.sample(range(1, parts), actions - 1))
        ends = [0, *cuts, parts]
        out.append([Fraction(ends[a + 1] - ends[a], parts) for a in range(actions)])
    return out

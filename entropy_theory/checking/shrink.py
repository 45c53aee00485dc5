"""Makes a certified counterexample small: fewer states and actions, then the simplest rationals.

Every step is decided by the balls before it is taken, so that what comes out is certified like what went in. Floats
only choose what to try.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np

from entropy_theory.checking.certify import Examiner, Finding, Status
from entropy_theory.checking.claim import Claim, ClaimError, Identity, Order
from entropy_theory.checking.search import score
from entropy_theory.checking.space import delete
from entropy_theory.checking.stages import count

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

ATTEMPTS = 600
"""Most decisions in balls that one shrink may spend."""

BEST = (30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 5000, 10**4, 10**5)
"""Bounds on the denominator of the best approximations that are tried for a probability vector of two."""

SEEN_BY_FLOATS = 1e-13
"""Relative violations below this are not sorted out by floats, which may not see them."""

OUTSIDE = 8
"""Instances of a batch that are tried although floats find them outside the domain or the assumption: at a tie or at an
end they may be wrong."""

COSTLY, PAIRED = 30, 40
"""Cost from which two numbers are replaced together, and how many simple values of each are tried."""

DENOMINATORS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 50, 100, 1000, 10**6)


def cost(q: Fraction) -> int:
    """How much a reader has to write: 0 costs 0, 1 costs 2, 1/2 costs 4, 9/10 costs 36; a minus sign costs 1 more."""
    return 2 * (abs(q.numerator) + q.denominator - 1) + (q < 0)


def complexity(claim: Claim, instance: Mapping[str, Array]) -> tuple[int, int]:
    """Number of entries, then the cost of writing them; a probability vector costs its common denominator."""
    entries = sum(value.size for value in instance.values())
    total = 0
    for name, value in instance.items():
        if claim.space.leaves[name].kind == "simplex":
            total += sum(_row_cost(row) for row in value.reshape(-1, value.shape[-1]))
        else:
            total += sum(cost(x) for x in value.flat)
    return entries, total


def _row_cost(row: Iterable[Fraction]) -> int:
    """Twice the common denominator; nothing for certainty."""
    weights = _weights(row)
    return 2 * sum(weights) if sum(w > 0 for w in weights) > 1 else 0


def shrink(
    claim: Claim, instance: Instance, finding: Finding, examine: Examiner | None = None
) -> tuple[Instance, Finding]:
    """The simplest violating instance reachable from `instance`, with its finding; `examine` may know some already."""
    state = _Shrinker(claim, instance, finding, examine or Examiner(claim))
    state.run()
    return state.instance, state.finding


def rounded(claim: Claim, instance: Mapping[str, Array], d: int) -> Instance | None:
    """The instance with every number rounded to a multiple of 1/d, or None if that leaves no probabilities."""
    out: Instance = {}
    for name, leaf in claim.space.leaves.items():
        value = instance[name]
        if leaf.kind == "simplex":
            rows = [_round_row(row, d, leaf.interior) for row in value.reshape(-1, value.shape[-1])]
            if None in rows:
                return None
            numbers = [x for row in rows if row is not None for x in row]
        else:
            numbers = [Fraction(round(x * d), d) for x in value.flat]
        out[name] = np.array(numbers, dtype=object).reshape(value.shape)
    return out


class _Shrinker:
    def __init__(self, claim: Claim, instance: Instance, finding: Finding, examine: Examiner) -> None:
        self.examine = examine
        self.claim, self.instance, self.finding = claim, instance, finding
        self.complexity = complexity(claim, instance)
        self.attempts = ATTEMPTS if not isinstance(claim, Order) else ATTEMPTS // 6

    def run(self) -> None:
        self._drop()
        self._round_together()
        previous = None
        while previous != self.complexity and self.attempts > 0:
            previous = self.complexity
            self._drop()
            for name, leaf in self.claim.space.leaves.items():
                if leaf.kind == "simplex":
                    self._simplify_rows(name)
                else:
                    self._simplify_numbers(name)
            self._simplify_pairs()

    def _accept(self, instance: Instance) -> bool:
        """Take `instance` if it is simpler and the balls find it violated."""
        if self.attempts <= 0 or (simpler := complexity(self.claim, instance)) >= self.complexity:
            return False
        self.attempts -= 1
        count("attempts")
        try:
            finding = self.examine(instance)
        except (ClaimError, ValueError):
            return False
        if finding.status is not Status.VIOLATED:
            return False
        self.instance, self.finding, self.complexity = instance, finding, simpler
        return True

    def _try(self, instances: Iterable[Instance]) -> bool:
        """Take the first of `instances` that works; floats sort out in one batch those that cannot."""
        batch = list(instances)
        if not batch:
            return False
        return any(self._accept(batch[i]) for i in self._promising(batch))

    def _promising(self, batch: list[Instance]) -> list[int]:
        """What floats do not rule out, and then a few of those that they find outside."""
        if isinstance(self.claim, Order):
            return list(range(len(batch)))
        floats = {name: np.array([instance[name].astype(np.float64) for instance in batch]) for name in self.instance}
        try:
            admitted, merit, _ = score(self.claim, floats)
        except (ClaimError, ValueError):
            return list(range(len(batch)))
        least = -SEEN_BY_FLOATS if isinstance(self.claim, Identity) else 0.0
        satisfied = (
            (merit > least) if abs(self.finding.relative) >= SEEN_BY_FLOATS else np.zeros(len(batch), dtype=bool)
        )
        good = np.flatnonzero(admitted & ~satisfied)
        return [*good.tolist(), *np.flatnonzero(~admitted)[:OUTSIDE].tolist()]

    def _drop(self) -> None:
        """Delete states and actions one by one."""
        space = self.claim.space
        allowed = {label: min(s[label] for s in space.sizes() if label in s) for s in space.sizes() for label in s}
        again = True
        while again:
            again = False
            for label, least in allowed.items():
                length = self._length(label)
                if length <= least:
                    continue
                smaller = [delete(space, self.instance, label, i) for i in range(length)]
                again |= self._try(x for x in smaller if x is not None)

    def _length(self, label: str) -> int:
        for name, leaf in self.claim.space.leaves.items():
            if label in leaf.axes:
                return int(self.instance[name].shape[leaf.axes.index(label)])
        return 0

    def _round_together(self) -> None:
        """Round every number at once, to the smallest denominator that keeps the violation."""
        self._try(x for d in DENOMINATORS if (x := rounded(self.claim, self.instance, d)) is not None)

    def _simplify_numbers(self, name: str) -> None:
        size = self.instance[name].size
        if size > 1:
            self._try(self._with(name, np.full(self.instance[name].shape, q, dtype=object)) for q in _simple()[:12])
        for i in range(size):
            current = self.instance[name].flat[i]
            better = [q for q in (*_simple(), *_rounded(current)) if cost(q) < cost(current)]
            self._try(self._replaced(name, i, q) for q in sorted(set(better), key=lambda q: (cost(q), q)))

    def _simplify_pairs(self) -> None:
        """Replace two costly numbers at once: often only their ratio matters."""
        places = [
            (name, i)
            for name, leaf in self.claim.space.leaves.items()
            if leaf.kind == "real"
            for i in range(self.instance[name].size)
            if cost(self.instance[name].flat[i]) > COSTLY
        ]
        simple = _simple()[:PAIRED]
        for (first, i), (second, j) in combinations(places[:4], 2):
            pairs = sorted(product(simple, simple), key=lambda ab: cost(ab[0]) + cost(ab[1]))
            self._try(self._replaced_twice(first, i, a, second, j, b) for a, b in pairs)

    def _replaced_twice(self, first: str, i: int, a: Fraction, second: str, j: int, b: Fraction) -> Instance:
        instance = {**self.instance, first: self.instance[first].copy()}
        instance[second] = instance[second].copy()
        instance[first].flat[i], instance[second].flat[j] = a, b
        return instance

    def _simplify_rows(self, name: str) -> None:
        shape = self.instance[name].shape
        interior = self.claim.space.leaves[name].interior
        for r in range(self.instance[name].size // shape[-1]):
            row = self.instance[name].reshape(-1, shape[-1])[r]
            options = list(_simple_rows(shape[-1], interior))
            options += [x for d in DENOMINATORS if (x := _round_row(row, d, interior)) is not None]
            options += _rows_one_off(row, interior)
            if shape[-1] == 2:
                options += [(x, 1 - x) for b in BEST if 0 < (x := row[0].limit_denominator(b)) < 1]
            current = _row_cost(row)
            simpler = {x for x in options if _row_cost(x) < current}
            self._try(self._replaced_row(name, r, x) for x in sorted(simpler, key=lambda x: (sum(_weights(x)), x)))

    def _with(self, name: str, value: Array) -> Instance:
        return {**self.instance, name: value}

    def _replaced(self, name: str, i: int, q: Fraction) -> Instance:
        value = self.instance[name].copy()
        value.flat[i] = q
        return self._with(name, value)

    def _replaced_row(self, name: str, r: int, row: tuple[Fraction, ...]) -> Instance:
        value = self.instance[name].copy()
        value.reshape(-1, value.shape[-1])[r] = row
        return self._with(name, value)


@cache
def _simple() -> tuple[Fraction, ...]:
    """Rationals that read easily, simplest first."""
    values = {Fraction(p, q) for q in (1, 2, 3, 4, 5, 6, 8, 10) for p in range(-10 * q, 10 * q + 1) if abs(p) <= 20}
    values |= {Fraction(sign * 10**k) for k in range(2, 7) for sign in (-1, 1)}
    values |= {Fraction(sign, 10**k) for k in range(2, 7) for sign in (-1, 1)}
    values |= {Fraction(10**k - 1, 10**k) for k in range(1, 7)}
    return tuple(sorted(values, key=lambda q: (cost(q), q)))


def _rounded(x: Fraction) -> Iterator[Fraction]:
    for d in DENOMINATORS:
        yield Fraction(round(x * d), d)
    for bound in (10, 100, 1000, 10**6):
        yield x.limit_denominator(bound)


@cache
def _simple_rows(length: int, interior: bool) -> tuple[tuple[Fraction, ...], ...]:
    """Probability vectors with a small common denominator."""
    rows: set[tuple[Fraction, ...]] = set()
    largest = {1: 1, 2: 20, 3: 16, 4: 10}.get(length, length + 2 if length <= 8 else 0)
    for d in range(1, largest + 1):
        for bars in combinations(range(d + (0 if interior else length) - 1), length - 1):
            edges = (-1, *bars, d + (0 if interior else length) - 1)
            parts = [b - a - (0 if interior else 1) for a, b in pairwise(edges)]
            rows.add(tuple(Fraction(p, d) for p in parts))
    return tuple(sorted(rows, key=lambda r: (sum(_weights(r)), r)))


def _weights(row: Iterable[Fraction]) -> list[int]:
    """Smallest integers in proportion to the probabilities."""
    values = list(row)
    common = math.lcm(*(x.denominator for x in values))
    return [int(x * common) for x in values]


def _round_row(row: Iterable[Fraction], d: int, interior: bool) -> tuple[Fraction, ...] | None:
    weights = [max(round(x * d), 1 if interior else 0) for x in row]
    total = sum(weights)
    return tuple(Fraction(w, total) for w in weights) if total else None


def _rows_one_off(row: Array, interior: bool) -> list[tuple[Fraction, ...]]:
    """The row with one weight replaced by a smaller one."""
    weights = _weights(row)
    out = []
    for i, w in enumerate(weights):
        for smaller in {1 if interior else 0, 1, w // 2, w - w // 4, w - w // 16 - 1}:
            if smaller < w and (smaller > 0 or not interior):
                changed = [*weights[:i], smaller, *weights[i + 1 :]]
                if sum(changed):
                    out.append(tuple(Fraction(x, sum(changed)) for x in changed))
    return out

"""Looks for instances where a claim is closest to failing: vectorised random draws, then local optimisation.

Everything here is float64 and proposes only. The *merit* that is minimised is the relative slack
``(rhs - lhs) / (|lhs| + |rhs|)``, which does not vanish merely because both sides do; where one side is zero it is
the slack itself, squeezed into (-1, 1). For an identity it is minus the relative residual.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product, repeat
from typing import Any

import numpy as np

from entropy_theory.checking.claim import Claim, ClaimError, Identity, Order
from entropy_theory.checking.leaf import Sizes
from entropy_theory.checking.stages import count, stage

Array = np.ndarray[Any, Any]
Leaves = dict[str, Array]
Scores = tuple[Array, Array, Array]
Scored = Callable[[Claim, Mapping[str, Array]], Scores]

CHUNK = 20_000
"""Most numbers in one leaf of a batch, roughly; instances a batch follow from it."""

KEPT = 20
"""Candidates of the worst merit kept for each size."""

SPREAD = 6
"""Candidates kept beside, spread over all that floats find violated, and as many of the worst slack."""

PROBES, FEW = 32, 2
"""Instances that are evaluated together and one by one, and how many must differ for the claim to be refused."""

MOST_FAILURES = 40
"""Instances of a batch that are set apart one by one because the claim's functions fail there."""

STARTS = 4
"""Local optimisations for each size."""

ROUNDS, BATCH = 16, 128
"""Rounds of random steps that follow each of them, and points a round."""

MOST_FREE = 3000
"""Numbers of an instance above which there is no descent: the points of one step alone would fill the memory."""


@dataclass
class Candidate:
    """One float instance (no batch axis) with its scores."""

    leaves: Leaves
    merit: float
    slack: float

    @property
    def numbers(self) -> int:
        """How many numbers the instance has."""
        return sum(value.size for value in self.leaves.values())


@dataclass
class Harvest:
    """What the search found.

    Attributes
    ----------
    candidates : list of list of Candidate
        Worst merit first within each size, sizes in ascending order.
    instances : int
        Instances drawn, looked at by a descent, or evaluated where neither refuted the claim.
    admitted : int
        Instances that lie in the domain and meet the assumption.
    unevaluated : int
        Admitted instances at which floats give no number.
    example_unevaluated : dict or None
        The first of them.
    complete : int or None
        Instances of the domain, if they are finitely many and floats evaluated them all.
    searched : (int, int) or None
        `admitted` and `unevaluated` at the end of the search, before other ways of looking add to them.
    """

    candidates: list[list[Candidate]] = field(default_factory=list)
    instances: int = 0
    admitted: int = 0
    unevaluated: int = 0
    example_unevaluated: Leaves | None = None
    complete: int | None = None
    searched: tuple[int, int] | None = None

    @property
    def blind(self) -> bool:
        """Whether floats give no number at most of the instances of the search itself."""
        admitted, unevaluated = self.searched or (self.admitted, self.unevaluated)
        return unevaluated > admitted / 2


def score(claim: Claim, leaves: Mapping[str, Array]) -> Scores:
    """Admitted, worst merit and worst slack of each instance of a float batch; nan where there is no number.

    The sides are evaluated where the assumption is met, and nowhere else.
    """
    admitted = claim.admitted(leaves)
    merit, slack = np.full(admitted.shape, np.nan), np.full(admitted.shape, np.nan)
    if not admitted.any():
        return admitted, merit, slack
    inside = leaves if admitted.all() else {name: value[admitted] for name, value in leaves.items()}
    lhs, rhs = claim.sides(inside)
    with np.errstate(all="ignore"):
        gap = -np.abs(rhs - lhs) if isinstance(claim, Identity) else rhs - lhs
        scale = np.abs(lhs) + np.abs(rhs)
        if isinstance(claim, Identity):
            # Entries of a vector are compared on the scale of the largest.
            scale = np.broadcast_to(scale.max(-1, keepdims=True), scale.shape)
        one_sided = (lhs == 0) | (rhs == 0) if not isinstance(claim, Identity) else False
        squeezed = np.where(one_sided, gap / (1 + np.abs(gap)), gap / scale)
        merit[admitted] = np.where(gap == 0, 0.0, squeezed).min(-1)
    slack[admitted] = gap.min(-1)
    return admitted, merit, slack


def search(claim: Claim, rng: np.random.Generator, budget: int) -> Harvest:
    """Draw about `budget` instances over all sizes, keep the worst, and optimise from the very worst."""
    harvest = Harvest()
    sizes = claim.space.sizes()
    share = max(1, budget // len(sizes))
    for size in sizes:
        pool: list[Candidate] = []
        remaining = share
        with stage("propose"):
            for n in _batches(claim, size, share):
                n = min(n, remaining)
                remaining -= n
                count("proposed", n)
                leaves = claim.space.draw(rng, n, size)
                pool = _keep(pool, _collect(claim, leaves, harvest))
        if not isinstance(claim, Order):
            with stage("optimise"):
                pool.extend(descend(claim, sorted(pool, key=lambda c: c.merit)[:STARTS], harvest, rng))
        harvest.candidates.append(_keep(pool, []))
    harvest.searched = harvest.admitted, harvest.unevaluated
    return harvest


def _collect(claim: Claim, leaves: Leaves, harvest: Harvest) -> list[Candidate]:
    n = len(next(iter(leaves.values())))
    harvest.instances += n
    if harvest.instances == n:
        _require_apart(claim, leaves)
    if isinstance(claim, Order):
        admitted = claim.admitted(leaves)
        harvest.admitted += int(admitted.sum())
        return [Candidate(_take(leaves, i), 0.0, 0.0) for i in np.flatnonzero(admitted)[:KEPT]]
    admitted, merit, slack = _score_apart(claim, leaves, [])
    harvest.admitted += int(admitted.sum())
    broken = admitted & np.isnan(merit)
    if broken.any():
        harvest.unevaluated += int(broken.sum())
        if harvest.example_unevaluated is None:
            harvest.example_unevaluated = _take(leaves, int(np.flatnonzero(broken)[0]))
    good = np.flatnonzero(admitted & ~np.isnan(merit))
    if not len(good):
        return []
    by_merit = good[np.argsort(merit[good], kind="stable")]
    negative = by_merit[merit[by_merit] < 0]
    spread = negative[:: max(1, len(negative) // SPREAD)][:SPREAD]
    by_slack = good[np.argsort(slack[good], kind="stable")[:SPREAD]]
    chosen = list(dict.fromkeys((*by_merit[:KEPT], *spread, *by_slack)))
    return [Candidate(_take(leaves, int(i)), float(merit[i]), float(slack[i])) for i in chosen]


def _require_apart(claim: Claim, leaves: Leaves) -> None:
    """Raise if an instance's value depends on what else is in the batch, as where a reduction forgot its axis."""
    if len(next(iter(leaves.values()))) < PROBES:
        return
    few = {name: value[:PROBES] for name, value in leaves.items()}
    try:
        together, alone = _values(claim, few), [_values(claim, _one(few, i)) for i in range(PROBES)]
    except ClaimError:
        return  # said with its instance where it matters
    for name, batch in together.items():
        single = np.concatenate([x[name] for x in alone])
        if batch.shape != single.shape:
            differ = len(single)
        else:
            with np.errstate(all="ignore"):
                close = np.abs(batch - single) <= 1e-6 * (np.abs(batch) + np.abs(single))
            differ = int((~(close | (np.isnan(batch) & np.isnan(single)) | (batch == single))).any(-1).sum())
        if differ >= FEW:
            raise ClaimError(
                f"claim {claim.name!r}: {name} mixes instances: its value for one depends on the others in the batch; "
                "reduce along the last axis (axis=-1), never along the first"
            )


def _values(claim: Claim, leaves: Leaves) -> dict[str, Array]:
    """The claim's functions on a batch, each of shape (n, k), whether or not the assumption is met."""
    n = len(next(iter(leaves.values())))
    values = {"assuming": claim.admitted(leaves)[:, None].astype(float)}
    if isinstance(claim, Order):
        parts = {"remainder": claim.at(0.125, leaves)}
    else:
        parts = dict(zip(("lhs", "rhs"), claim.sides(leaves), strict=True))
    return values | {name: np.broadcast_to(part, (n, part.shape[1])).astype(float) for name, part in parts.items()}


def _one(leaves: Leaves, i: int) -> Leaves:
    return {name: value[i : i + 1] for name, value in leaves.items()}


def _score_apart(claim: Claim, leaves: Leaves, failures: list[ClaimError]) -> tuple[Array, Array, Array]:
    """`score`, with instances at which the claim's functions fail set apart by bisection and left without a number."""
    try:
        return score(claim, leaves)
    except ClaimError as error:
        n = len(next(iter(leaves.values())))
        if n == 1 or len(failures) >= MOST_FAILURES:
            failures.append(error)
            nothing = np.full(n, np.nan)
            return np.ones(n, dtype=bool), nothing, nothing
        halves = [{k: v[part] for k, v in leaves.items()} for part in (slice(n // 2), slice(n // 2, n))]
        first, second = (_score_apart(claim, half, failures) for half in halves)
        return (
            np.concatenate([first[0], second[0]]),
            np.concatenate([first[1], second[1]]),
            np.concatenate([first[2], second[2]]),
        )


def _keep(pool: list[Candidate], more: list[Candidate]) -> list[Candidate]:
    """The worst by merit, some spread over all that floats find violated, and the worst by slack."""
    merged = sorted(pool + more, key=lambda c: c.merit)
    rest = merged[KEPT:]
    negative = [c for c in rest if c.merit < 0]
    spread = negative[:: max(1, len(negative) // SPREAD)][:SPREAD]
    by_slack = sorted(rest, key=lambda c: c.slack)[:SPREAD]
    return merged[:KEPT] + list({id(c): c for c in (*spread, *by_slack)}.values())


def _batches(claim: Claim, size: Sizes, total: int) -> Iterator[int]:
    largest = max(leaf.numbers(size) for leaf in claim.space.leaves.values())
    n = max(1, CHUNK * 4 // max(largest, 4))
    return repeat(n, -(-total // n))


def descend(
    claim: Claim, starts: list[Candidate], harvest: Harvest, rng: np.random.Generator, scored: Scored | None = None
) -> list[Candidate]:
    """From each start L-BFGS-B with batched difference quotients, then rounds of random steps around its best point, on
    the merit. The rounds of all starts of a size go side by side, in one batch.

    Parameters
    ----------
    claim : Claim
    starts : list of Candidate
    harvest : Harvest
        Counts what is evaluated.
    rng : Generator
    scored : callable, optional
        Gives the merit, as `score` does, which it is if left out.

    Returns
    -------
    list of Candidate
        The last better points that each start came to.
    """
    few = [start for start in starts if start.numbers <= MOST_FREE]
    scored = scored or score
    descents = [d for d in (_Descent(claim, start, harvest, scored) for start in few) if np.isfinite(d.centre).all()]
    for descent in descents:
        descent.follow_slope()
        descent.draw_steps(rng)
    of_a_size: dict[Any, list[_Descent]] = {}
    for descent in descents:
        of_a_size.setdefault(tuple(descent.shapes.values()), []).append(descent)
    for same, i in product(of_a_size.values(), range(ROUNDS)):
        points = [descent.points(i) for descent in same]
        for descent, own, values in zip(same, points, _values_at(claim, same, points, harvest), strict=True):
            descent.move(own, values)
    return [candidate for descent in descents for candidate in descent.found[-3:]]


class _Descent:
    """A point on its way down, in the free coordinates of all leaves together, and the better points met."""

    def __init__(self, claim: Claim, start: Candidate, harvest: Harvest, scored: Scored) -> None:
        self.claim, self.harvest, self.scored = claim, harvest, scored
        self.leaves = claim.space.leaves
        free = {name: leaf.to_free(start.leaves[name][None])[0] for name, leaf in self.leaves.items()}
        self.shapes = {name: start.leaves[name].shape for name in self.leaves}
        self.ends = np.cumsum([len(x) for x in free.values()])[:-1]
        self.centre = np.concatenate(list(free.values()))
        self.lowest = self.best = math.inf
        self.found: list[Candidate] = []

    def instances(self, points: Array) -> Leaves:
        parts = np.split(points, self.ends, axis=1)
        return {
            name: leaf.from_free(part, self.shapes[name])
            for part, (name, leaf) in zip(parts, self.leaves.items(), strict=True)
        }

    def look(self, leaves: Leaves, admitted: Array, merit: Array, slack: Array) -> Array:
        """The values to be minimised, 2 where there is none; the best instance is found if it is better than all."""
        good = admitted & np.isfinite(merit)
        out = np.where(good, merit, 2.0)
        i = int(np.argmin(out))
        if good[i] and out[i] < self.best:
            self.best = float(out[i])
            self.found.append(Candidate(_take(leaves, i), float(merit[i]), float(slack[i])))
        return out

    def value_and_slope(self, x: Array) -> tuple[float, Array]:
        h = 1e-6 * np.maximum(1.0, np.abs(x))
        steps = np.diag(h)
        (out,) = _values_at(self.claim, [self], [np.concatenate([x[None], x + steps, x - steps])], self.harvest)
        k = len(x)
        forward, backward = out[1 : k + 1], out[k + 1 :]
        slope = (forward - backward) / (2 * h)
        slope[(forward >= 2) | (backward >= 2)] = 0.0
        return float(out[0]), slope

    def follow_slope(self) -> None:
        from scipy.optimize import minimize

        options = {"maxiter": 40, "maxfun": 60}
        result = minimize(self.value_and_slope, self.centre, jac=True, method="L-BFGS-B", options=options)
        self.centre, self.lowest = np.asarray(result.x), float(result.fun)

    def draw_steps(self, rng: np.random.Generator) -> None:
        """Steps of all sizes, along single coordinates, some of them and all, in one leaf or all: the merit need not be
        smooth."""
        k, leaves = len(self.centre), len(self.ends) + 1
        leaf = np.searchsorted(self.ends, np.arange(k), side="right")
        self.steps = []
        for _ in range(ROUNDS):
            scale = 10.0 ** rng.uniform(-7, 0.5, size=(BATCH, 1))
            share = rng.choice([1 / k, 0.5, 1.0], size=(BATCH, 1))
            moved = rng.random((BATCH, k)) < share
            if leaves > 1:
                only = rng.integers(-leaves, leaves, size=(BATCH, 1))
                moved &= (only < 0) | (only == leaf)
            self.steps.append((scale, np.where(moved, rng.normal(size=(BATCH, k)), 0.0)))

    def points(self, i: int) -> Array:
        scale, steps = self.steps[i]
        return np.asarray(self.centre + scale * np.maximum(1.0, np.abs(self.centre)) * steps)

    def move(self, points: Array, values: Array) -> None:
        i = int(np.argmin(values))
        if values[i] < self.lowest:
            self.centre, self.lowest = points[i], float(values[i])


def _values_at(claim: Claim, descents: list[_Descent], points: list[Array], harvest: Harvest) -> list[Array]:
    """The values of each descent at its points, all scored in one batch, or one by one if the claim fails on that."""
    if not descents:
        return []
    lengths = [len(own) for own in points]
    parts = [descent.instances(own) for descent, own in zip(descents, points, strict=True)]
    together = parts[0] if len(parts) == 1 else {k: np.concatenate([part[k] for part in parts]) for k in parts[0]}
    try:
        scores = descents[0].scored(claim, together)
    except (ClaimError, ValueError):
        if len(descents) > 1:
            return [_values_at(claim, [d], [own], harvest)[0] for d, own in zip(descents, points, strict=True)]
        nothing = np.full(lengths[0], np.nan)
        scores = np.zeros(lengths[0], dtype=bool), nothing, nothing
    harvest.instances += sum(lengths)
    harvest.admitted += int(scores[0].sum())
    count("optimised", sum(lengths))
    ends = np.cumsum(lengths)[:-1]
    split = zip(descents, parts, *(np.split(x, ends) for x in scores), strict=True)
    return [descent.look(part, *own) for descent, part, *own in split]


def _take(leaves: Mapping[str, Array], i: int) -> Leaves:
    return {name: np.array(value[i]) for name, value in leaves.items()}

"""Checks one claim: search in floats, decide in balls, shrink, and write the certificate."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from entropy_theory import fast
from entropy_theory.brief import brief
from entropy_theory.checking.certificate import certificate, strings
from entropy_theory.checking.certify import ONLY_ROUNDED, Examiner, Finding, Status, rationals
from entropy_theory.checking.claim import Claim, ClaimError, Identity, Inequality, Order
from entropy_theory.checking.leads import leads
from entropy_theory.checking.prove import Proof, prove
from entropy_theory.checking.search import Candidate, Harvest, score, search
from entropy_theory.checking.shrink import complexity, rounded, shrink
from entropy_theory.checking.stages import stage, stopwatch
from entropy_theory.checking.verdict import Environment, Verdict, plain

Array = np.ndarray[Any, Any]
Instance = dict[str, Array]

BUDGET = 20_000
"""Instances drawn by default."""

NUDGES = (1000, 100, 10)
"""Denominators to which an undecided instance is rounded: an open finding often lies beside a decided one."""

CLOSE = 2.0**-16
"""Slack, relative or not, below which a strict inequality is examined at simple points near by: where it fails, it does
so with equality, which floats find only to rounding."""

SIMPLE = (1000, 100, 10, 6, 4, 3, 2, 1)
"""Denominators of those points; and the bounds of the best approximations that are tried beside them."""

BEST = (100, 10)

MOST = 10**11
"""Instances that may be asked for: at a million a second a day's work for one process."""

MOST_NUMBERS = 2**22
"""Numbers of an instance: in ball arithmetic each takes some hundred bytes, several times over."""

SAMPLE = 400
"""Random instances whose two sides a verdict keeps for its picture."""

SAMPLED = 2**20
"""Numbers that they have together, at most, where one has no more."""

THOROUGHLY = 2
"""Candidates of each size that are examined thoroughly."""

WIDE = 8192
"""Numbers of an instance beyond which fewer candidates are examined, no less than `SHRUNK`, and none made small: each
decision takes seconds, and nobody reads it."""

SHRUNK = 3
"""Violating candidates that are made small; the simplest result is reported."""

POLICIES_PER_TABLE = 4
"""Random instances on the table of each environment."""

LARGEST_CERTIFIED_TABLE = 20
"""States up to which a table is evaluated in balls as well."""


def check_budget(budget: Any) -> None:
    """Raise a ValueError unless `budget` is a number of instances that may be asked for."""
    if isinstance(budget, bool) or not isinstance(budget, int) or not 1 <= budget <= MOST:
        raise ValueError(f"budget is {brief(budget)}, expected an integer from 1 to {MOST:,}")


def _check_sizes(claim: Claim) -> None:
    for size in claim.space.sizes():
        numbers = sum(leaf.numbers(size) for leaf in claim.space.leaves.values())
        if numbers > MOST_NUMBERS:
            raise ClaimError(
                f"claim {claim.name!r}: an instance has {numbers:,} numbers, expected at most {MOST_NUMBERS:,}: "
                "smaller numbers of states and actions"
            )


def generator(seed: int, name: str) -> np.random.Generator:
    """The random numbers of one claim: they depend on the seed and on its name alone."""
    digest = hashlib.sha256(name.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))


@fast.disabled()  # a verdict does not depend on what is installed
def check(claim: Claim, seed: int = 0, budget: int = BUDGET) -> Verdict:
    """Check `claim` on about `budget` instances.

    Parameters
    ----------
    claim : Claim
    seed : int
        The same seed and budget give the same verdict.
    budget : int
        Instances to draw, from 1 to `MOST`.

    Raises
    ------
    ClaimError
        If a function of the claim fails; `campaign` turns that into a verdict.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed is {brief(seed)}, expected an integer >= 0")
    check_budget(budget)
    _check_sizes(claim)
    with stopwatch() as watch:
        rng = generator(seed, f"{claim.name}:{claim.reading}")
        harvest = search(claim, rng, max(1, budget // 40) if isinstance(claim, Order) else budget)
        with stage("certify"):
            examine = Examiner(claim, logarithms=False)
            decided = _decide(claim, harvest, examine)
        boxes = None
        if not decided.violated:
            boxes = _proved(claim, harvest, decided)
            if boxes is None:
                examine = examine if not isinstance(claim, Order) else Examiner(claim)
                with stage("certify"):
                    _decide_leads(claim, seed, budget, harvest, decided, examine)
        with stage("tables"):
            environments = _environments(claim, rng, examine)
        verdict = _verdict(claim, harvest, decided, environments, seed, examine, boxes)
        stages = watch.read()
    return replace(verdict, seconds=stages.seconds, stages=stages)


class _Decided:
    """Findings on the candidates of all sizes."""

    def __init__(self) -> None:
        self.violated: list[tuple[Instance, Finding]] = []
        self.open: list[tuple[Instance, Finding]] = []
        self.best: Finding | None = None
        self.ratio = math.nan
        self.examined = 0

    def add(self, claim: Claim, instance: Instance, finding: Finding) -> None:
        if finding.status is Status.OUTSIDE:
            return
        if finding.counts:
            self.examined += 1
        if finding.status is Status.VIOLATED:
            self.violated.append((instance, finding))
        elif finding.status is Status.UNDECIDED:
            self.open.append((instance, finding))
        if finding.status is not Status.UNDECIDED:
            if not math.isnan(finding.ratio):
                self.ratio = max(finding.ratio, self.ratio) if not math.isnan(self.ratio) else finding.ratio
            if self.best is None or _worse(claim, finding.value, self.best.value):
                self.best = finding


def _numbers(candidate: Candidate) -> int:
    return sum(value.size for value in candidate.leaves.values())


def _worse(claim: Claim, a: float, b: float) -> bool:
    return a > b if isinstance(claim, Identity) else a < b


def _decide(claim: Claim, harvest: Harvest, examine: Examiner) -> _Decided:
    """Decide the candidates, small sizes first; once some size is violated, larger ones are left out."""
    decided = _Decided()
    for candidates in harvest.candidates:
        # An order is dear to measure where numbers are extreme.
        ordered = sorted(candidates, key=_extremeness) if isinstance(claim, Order) else candidates
        ordered = ordered[: max(SHRUNK, WIDE * len(candidates) // max(map(_numbers, candidates), default=1))]
        for i, candidate in enumerate(ordered):
            instance = rationals(candidate.leaves, claim.space.leaves)
            finding = examine(instance, thorough=i < THOROUGHLY)
            decided.add(claim, instance, finding)
            if finding.status is Status.UNDECIDED and len(decided.open) <= 2 * SHRUNK:
                for nearby in (rounded(claim, instance, d) for d in NUDGES):
                    if nearby is not None and (f := examine(nearby)).status is Status.VIOLATED:
                        decided.add(claim, nearby, f)
            if _nearly_equal(claim, finding) and i < SHRUNK:
                for nearby in _simple_points(claim, instance):
                    decided.add(claim, nearby, examine(nearby))
            if len(decided.violated) >= (SHRUNK if isinstance(claim, Order) else 4 * SHRUNK):
                break
        if decided.violated:
            break
    if not decided.violated and harvest.example_unevaluated is not None:
        instance = rationals(harvest.example_unevaluated, claim.space.leaves)
        finding = examine(instance)
        if finding.status is Status.UNDECIDED:
            raise ClaimError(f"claim {claim.name!r} has no finite value at {_text(claim, instance)}: {finding.reason}")
        decided.add(claim, instance, finding)
    return decided


def _proved(claim: Claim, harvest: Harvest, decided: _Decided) -> Proof | None:
    """A proof by subdivision, if the search leaves nothing open."""
    if decided.open or not harvest.admitted or not decided.examined or harvest.blind:
        return None
    with stage("prove"):
        return prove(claim)


def _decide_leads(claim: Claim, seed: int, budget: int, harvest: Harvest, decided: _Decided, examine: Examiner) -> None:
    """Decide what other ways of looking come up with, until one of them refutes the claim.

    They have random numbers of their own. What is left undecided here, and where the claim's functions fail, says
    nothing of the claim, unless it is violated but for the rounding of a float.
    """
    rng = generator(seed, f"{claim.name}:{claim.reading}:leads")
    for way in leads(claim, rng, budget, harvest, examine):
        for instance in way:
            try:
                finding = examine(instance)
            except ClaimError:
                continue
            if finding.status is not Status.UNDECIDED or finding.reason == ONLY_ROUNDED:
                decided.add(claim, instance, finding)
            if len(decided.violated) >= SHRUNK:
                return
        if decided.violated:
            return


def _nearly_equal(claim: Claim, finding: Finding) -> bool:
    """Whether a strict inequality holds at an instance by so little that it may fail with equality beside it."""
    strict = isinstance(claim, Inequality) and claim.strict
    return strict and finding.status is Status.SATISFIED and 0 <= min(finding.relative, finding.value) < CLOSE


def _simple_points(claim: Claim, instance: Instance) -> Iterator[Instance]:
    """Simple rational points near an instance."""
    for d in SIMPLE:
        if (nearby := rounded(claim, instance, d)) is not None:
            yield nearby
    for bound in BEST:
        yield {
            name: value if claim.space.leaves[name].kind == "simplex" else _best(value, bound)
            for name, value in instance.items()
        }


def _best(value: Array, bound: int) -> Array:
    return np.array([x.limit_denominator(bound) for x in value.flat], dtype=object).reshape(value.shape)


def _extremeness(candidate: Candidate) -> float:
    """Binary digits that the numbers of the instance, and their exponentials, differ by from one."""
    with np.errstate(divide="ignore"):
        parts = [np.abs(value[value != 0]) for value in candidate.leaves.values()]
        return max((float(np.max(np.abs(np.log2(x)) + x)) for x in parts if x.size), default=0.0)


def _verdict(
    claim: Claim,
    harvest: Harvest,
    decided: _Decided,
    environments: tuple[Environment, ...],
    seed: int,
    examine: Examiner,
    subdivision: Proof | None,
) -> Verdict:
    counterexample: dict[str, Any] | None = None
    proof: dict[str, Any] | None = None
    worst = decided.best.value if decided.best else math.nan
    message = ""
    outcome: Any
    boxes: int | None = None
    if decided.violated:
        simplest = sorted(decided.violated, key=lambda pair: complexity(claim, pair[0]))[:SHRUNK]
        with stage("shrink"):
            small = [(i, f) if _entries(i) > WIDE else shrink(claim, i, f, examine) for i, f in simplest]
            instance, finding = min(small, key=lambda pair: complexity(claim, pair[0]))
        outcome = "refuted"
        counterexample = _described(claim, instance)
        proof = certificate(claim, instance, finding)
    elif not harvest.admitted or not decided.examined:
        outcome = "undecided"
        message = f"vacuous: none of {harvest.instances:,} instances meets the assumption"
        if harvest.admitted:
            message += f" exactly; floats alone find that {harvest.admitted:,} do"
    elif harvest.blind:
        outcome = "undecided"
    elif decided.open:
        outcome = "undecided"
        instance, finding = decided.open[0]
        message = f"not decided at {_text(claim, instance)}: {finding.reason}"
    else:
        outcome = "holds" if subdivision is None else "proved"
        if subdivision is not None:
            boxes = subdivision.boxes
            parts = f"{boxes:,} box{'es' * (boxes != 1)}"
            message = f"proved for all {subdivision.domain} by subdivision into {parts} in ball arithmetic"
        elif harvest.complete is not None:
            message = f"floats evaluated every one of the {harvest.complete:,} instances of the domain"
        share = harvest.admitted / harvest.instances
        if share < 0.01 and not message:
            message = f"the assumption is met by {harvest.admitted:,} of {harvest.instances:,} instances only"
    if harvest.unevaluated:
        note = f"floats give no number at {harvest.unevaluated:,} instance{'s' * (harvest.unevaluated != 1)}"
        message = f"{message}; {note}" if message else note
    return Verdict(
        claim=claim.name,
        reading=claim.reading,
        kind=claim.kind,
        statement=claim.statement,
        outcome=outcome,
        instances=harvest.instances,
        admitted=harvest.admitted,
        worst=worst,
        ratio=decided.ratio,
        tight=claim.tight,
        counterexample=counterexample,
        certificate=proof,
        environments=environments,
        boxes=boxes,
        sample=sample(claim, seed),
        remark=claim.remark,
        message=message,
    )


@fast.disabled()
def sample(claim: Claim, seed: int = 0) -> tuple[tuple[float, float], ...]:
    """The two sides at some random instances, of the entry nearest to failing; for the picture of the verdict.

    The same seed gives the sample that `check` keeps, so that a verdict from a file can be drawn as well.

    Parameters
    ----------
    claim : Claim
    seed : int

    Returns
    -------
    tuple of pairs
        (lhs, rhs); empty for an order.
    """
    if isinstance(claim, Order):
        return ()
    rng = generator(seed, f"{claim.name}:{claim.reading}:sample")
    sizes = claim.space.sizes()
    pairs: list[tuple[float, float]] = []
    for size in sizes:
        numbers = sum(leaf.numbers(size) for leaf in claim.space.leaves.values())
        leaves = claim.space.draw(rng, max(1, min(SAMPLE // len(sizes), SAMPLED // numbers)), size)
        try:
            admitted = claim.admitted(leaves)
            if not admitted.any():
                continue
            lhs, rhs = claim.sides({name: value[admitted] for name, value in leaves.items()})
        except ClaimError:
            continue
        for a, b in zip(lhs, rhs, strict=True):
            if np.isfinite(a).all() and np.isfinite(b).all():
                with np.errstate(over="ignore"):
                    gap = np.abs(b - a) if isinstance(claim, Identity) else a - b
                i = int(np.argmax(gap))
                pairs.append((float(a[i]), float(b[i])))
    return tuple(pairs)


def _environments(claim: Claim, rng: np.random.Generator, examine: Examiner) -> tuple[Environment, ...]:
    out = []
    for label, table, fixed in claim.space.tables():
        sizes = claim.space.sizes_of_table(table)
        small = table.reward.shape[0] <= LARGEST_CERTIFIED_TABLE
        leaves = claim.space.draw(rng, POLICIES_PER_TABLE, sizes, fixed)
        if isinstance(claim, Order):
            if small:
                out.append(_order_on_table(claim, label, leaves, examine))
            continue
        admitted, merit, slack = score(claim, leaves)
        good = np.flatnonzero(admitted & ~np.isnan(merit))
        if not len(good):
            out.append(Environment(label, None, math.nan, False))
            continue
        i = int(good[np.argmin(merit[good])])
        if small:
            instance = rationals({k: v[i] for k, v in leaves.items()}, claim.space.leaves)
            finding = examine(instance)
            if finding.status in (Status.SATISFIED, Status.VIOLATED, Status.BALANCED):
                out.append(Environment(label, finding.status is Status.VIOLATED, finding.value, True))
                continue
        # Floats: a violation counts from a relative size that no rounding of these sums reaches.
        value = float(abs(slack[i])) if isinstance(claim, Identity) else float(slack[i])
        out.append(Environment(label, bool(merit[i] < -FLOAT_VIOLATION), value, False))
    return tuple(out)


def _order_on_table(claim: Order, label: str, leaves: Instance, examine: Examiner) -> Environment:
    """An order on a table, measured in balls for one random policy."""
    finding = examine(rationals({k: v[0] for k, v in leaves.items()}, claim.space.leaves))
    if finding.status in (Status.SATISFIED, Status.VIOLATED):
        return Environment(label, finding.status is Status.VIOLATED, finding.value, True)
    return Environment(label, None, math.nan, False)


FLOAT_VIOLATION = 1e-6
"""Relative slack below which a table that is evaluated in floats only counts as violated. No outcome depends on it."""


def _entries(instance: Instance) -> int:
    return sum(value.size for value in instance.values())


def _described(claim: Claim, instance: Instance) -> dict[str, Any]:
    return {name: strings(value) for name, value in claim.space.describe(instance).items()}


def _text(claim: Claim, instance: Instance) -> str:
    parts = _described(claim, instance)
    text = ", ".join(f"{k} = {plain(v)}" for k, v in parts.items())
    return text if len(text) < 400 else text[:400] + "…"

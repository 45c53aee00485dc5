"""One verdict over several seeds; it does not depend on the order in which theirs were reached."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from entropy_theory.brief import brief
from entropy_theory.checking.stages import Stages
from entropy_theory.checking.verdict import Environment, Outcome, Verdict

MOST_SEEDS = 100_000
"""Seeds that may be asked for: what became of each is remembered for each claim."""

RANK: tuple[Outcome, ...] = ("refuted", "proved", "undecided", "holds")
"""The first that any seed came to is the outcome of all: a proof covers what another seed left undecided."""

IN_WORDS = {"refuted": "refuted", "proved": "proved", "undecided": "undecided", "holds": "no counterexample"}


def merge(verdicts: Sequence[Verdict], seeds: Iterable[int]) -> Verdict:
    """The verdict over all seeds.

    Parameters
    ----------
    verdicts : sequence of Verdict
        On one claim.
    seeds : iterable of int
        That each of them was reached with.

    Returns
    -------
    Verdict
        See `Tally.verdict`.

    Raises
    ------
    ValueError
        If there is no verdict, not a seed for each, or one is on another claim.
    """
    numbers = tuple(seeds)
    if len(numbers) != len(verdicts):
        raise ValueError(f"seeds has {len(numbers)} numbers, expected one for each of {len(verdicts)} verdicts")
    tally = Tally(numbers)
    for i, verdict in enumerate(verdicts):
        tally.add(i, verdict)
    return tally.verdict()


class Tally:
    """The verdicts of one claim, added up as they are reached; no more than one of each outcome is held.

    Parameters
    ----------
    seeds : sequence of int
        In the order that decides which counterexample is shown.

    Raises
    ------
    ValueError
        If there is no seed, or one is not an integer of at least 0, or comes twice.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        check_seeds(seeds)
        self.seeds = seeds
        self._reached = bytearray(len(seeds))
        self._first: dict[Outcome, tuple[int, Verdict]] = {}
        self._counts: dict[Outcome, int] = dict.fromkeys(RANK, 0)
        self._total = 0
        self._drawn: tuple[int, Verdict] | None = None
        self._sum: Verdict | None = None

    @property
    def complete(self) -> bool:
        """Whether every seed has its verdict."""
        return self._total == len(self.seeds)

    def has(self, i: int) -> bool:
        """Whether the seed at position `i` has its verdict."""
        return bool(self._reached[i])

    def add(self, i: int, verdict: Verdict) -> None:
        """The verdict for the seed at position `i`.

        Parameters
        ----------
        i : int
        verdict : Verdict

        Raises
        ------
        ValueError
            If that seed has one, or the verdict is on another claim than those before.
        """
        if self._reached[i]:
            raise ValueError(f"seed {self.seeds[i]} has two verdicts on {verdict.claim!r}, expected one")
        whole = self._sum
        if whole is not None:
            for name in ("claim", "reading", "kind", "statement", "tight", "remark"):
                mine, other = getattr(whole, name), getattr(verdict, name)
                if mine != other:
                    raise ValueError(
                        f"verdicts has {name} {brief(other)} beside {brief(mine)}, expected verdicts on one claim"
                    )
        self._reached[i] = 1
        self._counts[verdict.outcome] += 1
        self._total += 1
        first = self._first.get(verdict.outcome)
        if first is None or i < first[0]:
            self._first[verdict.outcome] = i, verdict
        if verdict.sample and (self._drawn is None or i < self._drawn[0]):
            self._drawn = i, verdict
        self._sum = verdict if whole is None else _added(whole, verdict)

    def verdict(self) -> Verdict:
        """The verdict over the seeds that have been added.

        Returns
        -------
        Verdict
            Refuted if any seed refuted the claim, with the counterexample of the first in order; else proved if any
            proved it; else undecided if any was; else it holds. Instances, admitted instances and times add up; the
            slack, the residual, the order and the ratio are those nearest to failing. For a single seed its own.

        Raises
        ------
        ValueError
            If none has been added.
        """
        whole = self._sum
        if whole is None:
            raise ValueError("verdicts is empty, expected at least one")
        outcome = next(x for x in RANK if self._counts[x])
        i, shown = self._first[outcome]
        if self._total == 1:
            return shown
        return replace(
            whole,
            outcome=outcome,
            counterexample=shown.counterexample,
            certificate=shown.certificate,
            boxes=shown.boxes,
            message=self._message(outcome, i, shown),
            error=whole.error and outcome != "proved",
            sample=self._drawn[1].sample if self._drawn else (),
        )

    def _message(self, outcome: Outcome, i: int, shown: Verdict) -> str:
        counts = ", ".join(f"{IN_WORDS[x]} for {self._counts[x]:,}" for x in RANK if self._counts[x])
        parts = [f"{self._total:,} seeds: {counts}"]
        if outcome == "refuted":
            parts.append(f"the counterexample is of seed {self.seeds[i]}")
        if outcome == "refuted" and self._counts["proved"]:
            parts.append("a claim cannot be both, one of the two is wrong")
        if shown.message:
            parts.append(f"seed {self.seeds[i]}: {shown.message}")
        return "; ".join(parts)


def check_seeds(seeds: Sequence[int]) -> None:
    """Refuse what are no seeds.

    Parameters
    ----------
    seeds : sequence of int

    Raises
    ------
    ValueError
        If there is none, there are more than `MOST_SEEDS`, or one is not an integer of at least 0, or comes twice.
    """
    try:
        count = len(seeds)
    except OverflowError:
        count = MOST_SEEDS + 1
    if count > MOST_SEEDS:
        raise ValueError(f"seeds is {brief(seeds)}, expected at most {MOST_SEEDS:,} seeds")
    if not count:
        raise ValueError(f"seeds is {brief(seeds)}, expected at least one integer >= 0")
    for seed in seeds:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"seeds holds {brief(seed)}, expected integers >= 0")
    if not isinstance(seeds, range) and len(set(seeds)) != len(seeds):
        twice = next(s for s in seeds if list(seeds).count(s) > 1)
        raise ValueError(f"seeds holds {twice} more than once, expected each seed once")


def _added(a: Verdict, b: Verdict) -> Verdict:
    """All that adds up or is an extreme; what belongs to one seed alone is not looked at."""
    stages = [v.stages for v in (a, b) if v.stages is not None]
    return replace(
        a,
        instances=a.instances + b.instances,
        admitted=a.admitted + b.admitted,
        worst=_extreme(a.worst, b.worst, largest=a.kind == "identity"),
        ratio=_extreme(a.ratio, b.ratio, largest=True),
        environments=_environments(a, b),
        error=a.error or b.error,
        seconds=a.seconds + b.seconds,
        stages=Stages.total(stages) if stages else None,
    )


def _extreme(a: float, b: float, *, largest: bool) -> float:
    """A seed that measured nothing says nothing."""
    if math.isnan(a) or math.isnan(b):
        return a if math.isnan(b) else b
    return max(a, b) if largest else min(a, b)


def _environments(a: Verdict, b: Verdict) -> tuple[Environment, ...]:
    """On each table the finding nearest to failing. Seeds whose check failed have none."""
    found: dict[str, Environment] = {e.label: e for e in a.environments}
    for e in b.environments:
        found[e.label] = max(found.get(e.label, e), e, key=lambda x: _gravity(x, largest=a.kind == "identity"))
    order = (a if len(a.environments) >= len(b.environments) else b).environments
    return tuple(found[e.label] for e in order)


def _gravity(e: Environment, *, largest: bool) -> tuple[bool, bool, bool, float]:
    worst = -math.inf if math.isnan(e.worst) else e.worst if largest else -e.worst
    return e.violated is not None, bool(e.violated), e.certified, worst

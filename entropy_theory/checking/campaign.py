"""Many claims: in parallel, resumable, and no claim's failure costs another its verdict.

Each verdict depends on the claim, the seed and the budget alone, so neither the order nor the number of workers
matters. With a store each verdict is on the disk before it is reported; a later run with the same seed and budget takes
it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path

from entropy_theory.brief import brief
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.executors import Processes, outcomes
from entropy_theory.checking.guard import TIME_LIMIT, Attempt, attempt, failed, guarded
from entropy_theory.checking.merge import Tally, check_seeds
from entropy_theory.checking.store import Key, Store, StoreError
from entropy_theory.checking.tasks import Task, fingerprint, located, package_version
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import BUDGET, check_budget

__all__ = ["TIME_LIMIT", "StoreError", "effort", "guarded", "run"]

TABLES = 300
"""Numbers of an instance that cost about as much as the tables of environments."""

Report = Callable[[Verdict], None]

Step = Callable[[Verdict, int, bool], None]


def run(
    claims: Sequence[Claim],
    *,
    seed: int = 0,
    seeds: Sequence[int] | None = None,
    budget: int | None = None,
    workers: int = 1,
    isolated: bool = False,
    executor: Executor | None = None,
    source: str | None = None,
    store: Path | None = None,
    report: Report | None = None,
    step: Step | None = None,
    time_limit: float | None = TIME_LIMIT,
) -> list[Verdict]:
    """Check `claims` and return their verdicts in the same order.

    Parameters
    ----------
    claims : sequence of Claim
        Wrong variants among them are found by their own names, ``claim/mutant-label``.
    seed : int
    seeds : sequence of int, optional
        Several, in place of `seed`: each claim is decided for each, and its verdict is that of `merge.Tally`.
    budget : int, optional
        Instances a claim and seed.
    workers : int
        Processes. More than one needs `source`, from which each of them loads the claims.
    isolated : bool
        Use a process of its own also for a single worker.
    executor : concurrent.futures.Executor, optional
        Where to check, in place of processes of this machine; it is not shut down. Needs `source`.
    source : str, optional
        ``"paper"`` or the file of claims, as `registry.load` takes it. Workers read it on the same path.
    store : Path, optional
        File of verdicts (`store.Store`), read first and then added to. Needs `source`. It keeps no verdict in which the
        machine had a part: a time limit, a process that was killed.
    report : callable, optional
        Called with the verdict of each claim once all its seeds are decided.
    step : callable, optional
        Called with the verdict for each seed, the seed, and whether it was in the store.
    time_limit : float, optional
        Seconds a claim and seed.

    Returns
    -------
    list of Verdict

    Raises
    ------
    StoreError
        If the store cannot be read or written, is damaged, or is no store.
    ExecutorError
        If the executor takes no tasks, or its workers have not the same claims and package.
    ValueError
        If another argument is unusable.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ValueError(f"workers is {brief(workers)}, expected an integer >= 1")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise ValueError(f"executor is {brief(executor)}, expected an Executor of concurrent.futures")
    for name, value in (("executor", executor), ("store", store)):
        if value is not None and source is None:
            raise ValueError(f"source is None with {name} {value!s}, expected 'paper' or the file of the claims")
    size = BUDGET if budget is None else budget
    check_budget(size)
    numbers = (seed,) if seeds is None else seeds
    check_seeds(numbers)
    with ExitStack() as stack:
        kept = None if store is None else stack.enter_context(Store(store))
        work = _Work(claims, numbers, size, source, kept, report, step, time_limit)
        work.take_known()
        if source is None or (executor is None and workers == 1 and not isolated):
            for claim, i in work.open():
                work.decided(claim, i, attempt(claim, numbers[i], size, time_limit))
        elif work.left:
            place = executor or stack.enter_context(Processes(min(workers, work.left)))
            _elsewhere(work, place)
    return work.verdicts()


class _Work:
    """Which claims are decided for which seeds, and what is made of it."""

    def __init__(
        self,
        claims: Sequence[Claim],
        seeds: Sequence[int],
        budget: int,
        source: str | None,
        kept: Store | None,
        report: Report | None,
        step: Step | None,
        time_limit: float | None,
    ) -> None:
        self.claims, self.seeds, self.budget = claims, seeds, budget
        self.kept, self.report, self.step = kept, report, step
        self.time_limit = time_limit
        self.version = package_version() if source is not None else ""
        self.fingerprint = fingerprint(source) if source is not None else ""
        self.place = located(source) if source is not None else ""
        self.tallies: dict[tuple[str, str], Tally] = {(c.name, c.reading): Tally(seeds) for c in claims}
        self.left = len(self.tallies) * len(seeds)

    def key(self, claim: Claim, i: int) -> Key:
        return Key(self.version, self.fingerprint, self.seeds[i], self.budget, claim.name, claim.reading)

    def tally(self, claim: Claim) -> Tally:
        return self.tallies[claim.name, claim.reading]

    def take_known(self) -> None:
        """What the store holds, in the order of the claims."""
        for claim in self.claims:
            for i in range(len(self.seeds)):
                self._known(claim, i)

    def _known(self, claim: Claim, i: int) -> bool:
        if self.tally(claim).has(i):
            return True
        verdict = None if self.kept is None else self.kept.get(self.key(claim, i))
        if verdict is not None:
            self._reached(claim, i, verdict, known=True)
        return verdict is not None

    def open(self, order: Sequence[Claim] | None = None) -> Iterator[tuple[Claim, int]]:
        """What is left, as far as no other run has kept it in the meantime."""
        for claim in order or self.claims:
            for i in range(len(self.seeds)):
                if not self._known(claim, i):
                    yield claim, i

    def decided(self, claim: Claim, i: int, found: Attempt) -> None:
        verdict = found.verdict
        if self.kept is not None and found.lasting:
            verdict = self.kept.put(self.key(claim, i), verdict)
        self._reached(claim, i, verdict, known=False)

    def _reached(self, claim: Claim, i: int, verdict: Verdict, *, known: bool) -> None:
        tally = self.tally(claim)
        tally.add(i, verdict)
        self.left -= 1
        # A step is shown: an interruption finds every claim that was shown to be decided among the reported.
        if self.report is not None and tally.complete:
            self.report(tally.verdict())
        if self.step is not None:
            self.step(verdict, self.seeds[i], known)

    def verdicts(self) -> list[Verdict]:
        return [self.tally(claim).verdict() for claim in self.claims]


def _elsewhere(work: _Work, executor: Executor) -> None:
    """Check on workers, the longest claims first as far as that is known beforehand, so that none is left with a long
    one at the end."""
    claims: dict[tuple[str, str], Claim] = {(c.name, c.reading): c for c in work.claims}
    position = {seed: i for i, seed in enumerate(work.seeds)} if not isinstance(work.seeds, range) else None

    def tasks() -> Iterator[Task]:
        for claim, i in work.open(sorted(claims.values(), key=effort, reverse=True)):
            yield Task(work.key(claim, i), work.place, work.time_limit)

    for task, found, reason in outcomes(tasks(), executor):
        claim = claims[task.key.claim, task.key.reading]
        i = work.seeds.index(task.key.seed) if position is None else position[task.key.seed]
        work.decided(claim, i, found or Attempt(failed(claim, reason), lasting=False))


def effort(claim: Claim) -> int:
    """A guess of how long a claim takes, only good for an order: the numbers of an instance over all sizes, and as much
    as some hundred of them for the tables of environments.

    Parameters
    ----------
    claim : Claim

    Returns
    -------
    int
    """
    return claim.space.numbers_together() + TABLES * claim.space.on_tables

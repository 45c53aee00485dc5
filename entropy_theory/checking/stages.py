"""Where a check spends its time: a stopwatch with one hand a stage, and counts beside it.

A stage that is opened within another stops the outer one until it closes, so that the times add up. The stopwatch of a
check is known in its own context alone: two checks in two threads have two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import astuple, dataclass, field
from typing import Any, Literal

Stage = Literal["propose", "optimise", "certify", "shrink", "prove", "tables", "rest"]
Count = Literal["proposed", "optimised", "further", "examined", "attempts"]

STAGES: tuple[Stage, ...] = ("propose", "optimise", "certify", "shrink", "prove", "tables", "rest")
"""In the order in which a check goes through them."""


@dataclass(frozen=True)
class Stages:
    """Seconds that a check spent in each stage, and what it did there.

    Parameters
    ----------
    propose : float
        Random draws and their scores, in floats.
    optimise : float
        Local optimisation from the worst of them, in floats.
    certify : float
        Decisions on the candidates, in balls.
    shrink : float
        Making the counterexample small; its decisions in balls are counted here, not under `certify`.
    prove : float
        Subdivision of the domain, where it was tried.
    tables : float
        The claim on the tables of environments.
    rest : float
        The sample for the picture, the certificate, and what lies between the stages.
    proposed, optimised, further : int
        Instances drawn at random, points that the optimisation looked at, and what was evaluated where neither refuted
        the claim: instances with structure and the like. Together the verdict's `instances`.
    examined : int
        Decisions in balls, in all stages but `prove`.
    attempts : int
        Simpler counterexamples that the shrinking tried; one that was met before is not examined again.
    """

    propose: float = 0.0
    optimise: float = 0.0
    certify: float = 0.0
    shrink: float = 0.0
    prove: float = 0.0
    tables: float = 0.0
    rest: float = 0.0
    proposed: int = 0
    optimised: int = 0
    further: int = 0
    examined: int = 0
    attempts: int = 0

    @property
    def seconds(self) -> float:
        """All stages together, the seconds of the verdict."""
        return sum(self.shares(1.0).values())

    @classmethod
    def total(cls, parts: Iterable[Stages]) -> Stages:
        """Times and counts of several checks together.

        Parameters
        ----------
        parts : iterable of Stages

        Returns
        -------
        Stages
        """
        rows = [astuple(part) for part in parts]
        return cls(*(sum(column) for column in zip(*rows, strict=True)))

    def shares(self, of: float | None = None) -> dict[Stage, float]:
        """Each stage as a share.

        Parameters
        ----------
        of : float, optional
            Seconds that count as one; by default those of all stages together.

        Returns
        -------
        dict of str to float
        """
        times = {name: float(getattr(self, name)) for name in STAGES}
        whole = sum(times.values()) if of is None else of
        return {name: t / whole if whole else 0.0 for name, t in times.items()}


@dataclass
class Stopwatch:
    """Times and counts of a check that goes on.

    Parameters
    ----------
    clock : callable
        Seconds, as `time.perf_counter` gives them.
    """

    clock: Callable[[], float] = time.perf_counter
    times: dict[Stage, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    counts: dict[Count, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._open: list[Stage] = ["rest"]
        self._since = self.clock()

    def enter(self, stage: Stage) -> None:
        """Stop the stage that is open, and open `stage`."""
        self._credit()
        self._open.append(stage)

    def leave(self) -> None:
        """Close the stage that is open, and go on with the one outside."""
        self._credit()
        self._open.pop()

    def add(self, what: Count, n: int) -> None:
        """Count `n` more."""
        self.counts[what] = self.counts.get(what, 0) + n

    def read(self) -> Stages:
        """Times and counts up to now."""
        self._credit()
        numbers: dict[Any, Any] = {**self.times, **self.counts}
        return Stages(**numbers)

    def _credit(self) -> None:
        now = self.clock()
        self.times[self._open[-1]] += now - self._since
        self._since = now


_running: ContextVar[Stopwatch | None] = ContextVar("stopwatch", default=None)


@contextmanager
def stopwatch(clock: Callable[[], float] = time.perf_counter) -> Iterator[Stopwatch]:
    """A stopwatch that `stage` and `count` use within the block.

    Parameters
    ----------
    clock : callable
        Seconds, as `time.perf_counter` gives them.

    Yields
    ------
    Stopwatch
    """
    watch = Stopwatch(clock)
    token = _running.set(watch)
    try:
        yield watch
    finally:
        _running.reset(token)


@contextmanager
def stage(name: Stage) -> Iterator[None]:
    """The time within the block belongs to this stage; without a stopwatch nothing is measured.

    Parameters
    ----------
    name : str
    """
    watch = _running.get()
    if watch is None:
        yield
        return
    watch.enter(name)
    try:
        yield
    finally:
        watch.leave()


def count(what: Count, n: int = 1) -> None:
    """Count `n` more of something on the stopwatch of this context, if there is one.

    Parameters
    ----------
    what : str
    n : int
    """
    watch = _running.get()
    if watch is not None:
        watch.add(what, n)

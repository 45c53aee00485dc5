"""Progress of long work: a bar for a terminal, and the time left in words where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from entropy_theory.brief import brief

Report = Callable[[int, int], object]

WHOLE_RUN = 24 * 3600.0
"""Seconds over which speed is taken: claims differ a hundredfold in length, so the last half minute says little."""


class _Left(TimeRemainingColumn):
    """``02:10 left``; nothing while there is nothing to go by."""

    def render(self, task: Task) -> Text:
        known = task.total is not None and task.time_remaining is not None and not task.finished
        return Text.assemble(super().render(task), " left") if known else Text("")


def bar(*, disable: bool = False) -> Progress:
    """A bar on standard error with the count, the time gone and an estimate of the time left."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        _Left(compact=True),
        console=Console(stderr=True),
        disable=disable,
        redirect_stdout=sys.stdout.isatty(),  # a file gets what is printed while the bar moves
        speed_estimate_period=WHOLE_RUN,
    )


def interactive() -> bool:
    """Whether standard error is a terminal on which a bar can move."""
    return sys.stderr.isatty() and not Console(stderr=True).is_dumb_terminal


class TimeLeft:
    """An estimate of the time left, from the time that what was finished has taken.

    Parameters
    ----------
    clock : callable
        Seconds, as `time.monotonic` gives them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.start = clock()

    def after(self, done: int, total: int) -> str:
        """``about 2 min left`` after `done` of `total`; nothing before the first and after the last of them."""
        if not 0 < done < total:
            return ""
        return f"about {in_words((self.clock() - self.start) / done * (total - done))} left"


def in_words(seconds: float) -> str:
    """A rough duration: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.2g} h"


@contextmanager
def reporting(progress: bool | Report | None, total: int, label: str) -> Iterator[Report]:
    """A function of what is done and what there is to do, which shows it as the argument `progress` asks.

    Raises
    ------
    ValueError
        If `progress` is neither True, False, None nor a function.
    """
    if progress is None or progress is False:
        yield lambda done, total: None
    elif progress is True:
        with bar() as shown:
            task = shown.add_task(label, total=total)
            yield lambda done, total: shown.update(task, completed=done, total=total)
    elif callable(progress):
        yield progress
    else:
        raise ValueError(f"progress is {brief(progress)}, expected True, False, None or a function of two integers")

"""What the commands share: where they print, how they report progress, how they refuse, how they are interrupted."""

from __future__ import annotations

import multiprocessing
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.progress import Progress
from rich.table import Table

from entropy_theory import progress as progress_of
from entropy_theory.checking.plaintext import printable
from entropy_theory.checking.table import UNBOUNDED, Fitting
from entropy_theory.files import reason, write_whole

PIPE = 160
"""Columns of a table that goes into a file or a pipe, whatever the terminal."""

LEAST = 20
"""Columns below which a terminal is not taken at its word."""

SECOND = 2.0
"""Seconds after an interruption in which further ones are taken for the same."""

Quiet = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="Plain text, one line a row, no progress: only errors go to standard error."),
]


def progress_bar(quiet: bool = False) -> Progress:
    """A bar on standard error; `disable` is set where it cannot move, or shall not."""
    return progress_of.bar(disable=quiet or not progress_of.interactive())


class Work:
    """Items of work as they are finished: a bar on a terminal, a line an item elsewhere, nothing where quiet.

    Parameters
    ----------
    label : str
        What is shown before the first item is finished.
    total : int
        Items; None if only `reach` tells.
    quiet : bool
    """

    def __init__(self, label: str, total: int | None, quiet: bool = False) -> None:
        self.progress = progress_bar(quiet)
        self.lines = self.progress.disable and not quiet
        self.total, self.done, self.known = total, 0, 0
        self.left = progress_of.TimeLeft()
        self.task = self.progress.add_task(label, total=total)

    def __enter__(self) -> Work:
        try:
            self.progress.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.progress.stop()
        finally:
            unwrap_streams()

    def advance(self, what: str, outcome: str = "", *, known: bool = False) -> None:
        """One more item is finished; a `known` one was so before and says nothing about speed."""
        self.known += known
        self.reach(self.done + 1, self.total or 0, what, outcome)

    def reach(self, done: int, total: int, what: str, outcome: str = "") -> None:
        """So many of so many items are finished, the last of them this one."""
        self.done, self.total = done, total
        shown = f"{what} {outcome}".rstrip()
        if done <= self.known:
            self.progress.reset(self.task, total=total, completed=done, description=shown)
        else:
            self.progress.update(self.task, total=total, completed=done, description=shown)
        if self.lines:
            left = self.left.after(done - self.known, total - self.known)
            text = ", ".join(x for x in (f"{what}: {outcome}" if outcome else what, left) if x)
            print(f"[{done}/{total}] {text}", file=sys.stderr, flush=True)


def writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def make_folder(output: Path) -> None:
    """The folder of ``--output``, made if it is not there; refused if nothing can be written into it."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse(f"--output is {output}, expected a folder that can be written to: {reason(error)}")
    if not writable(output):
        refuse(f"--output is {output}, expected a folder that can be written to")


def write(path: Path, text: str) -> bool:
    """Write a file whole or not at all; whether it could be written, and if not a line that says why."""
    try:
        write_whole(path, lambda file: file.write(text.encode()))
    except OSError as error:
        complain(f"{path} cannot be written: {reason(error)}")
        return False
    return True


def or_exit(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ValueError as error:
        refuse(str(error))


WIDEST = 2000
"""Characters of an error, which may quote what it refuses."""


def refuse(message: str) -> NoReturn:
    complain(message)
    raise typer.Exit(2)


def complain(message: str) -> None:
    """An error in one line on standard error."""
    line = printable(" ".join(message.split()))
    print(f"error: {line if len(line) <= WIDEST else f'{line[: WIDEST - 1]}…'}", file=sys.stderr)


def command_line(*parts: Any) -> str:
    """A command that can be copied into a shell; options that are None or False are left out.

    Parameters
    ----------
    *parts : str, Path or pairs (option, value)
    """
    words = ["entropy-theory"]
    for part in parts:
        option, value = part if isinstance(part, tuple) else (None, part)
        if value is None or value is False:
            continue
        words += [option] if option is not None else []
        words += [str(value)] if value is not True else []
    return shlex.join(words)


def open_console() -> Console:
    """Standard output: as wide as the terminal, and of one width where it is none."""
    return Console(width=max(Console().width, LEAST) if sys.stdout.isatty() else PIPE)


def print_table(table: Table, narrow: Iterable[RenderableType], quiet: bool = False, least: int = 0) -> bool:
    """Print a table; where a terminal is too narrow for it, `narrow` in its place; where quiet, a line a row.

    Parameters
    ----------
    table : Table
    narrow : iterable of renderables
        The same, one below the other.
    quiet : bool
    least : int
        Columns below which the terminal is too narrow even if the table could be squeezed.

    Returns
    -------
    bool
        Whether it was the table that was printed.
    """
    if quiet:
        print(in_lines(table))
        return True
    console, shown = open_console(), Fitting(table, tuple(narrow), least)
    console.print(shown)
    return shown.fits(console, console.options)


def in_lines(table: Table) -> str:
    """A table as plain text: a line a row, no rule, no colour, nothing wrapped."""
    table.box, table.padding, table.pad_edge = None, (0, 2, 0, 0), False
    out = StringIO()
    Console(file=out, width=UNBOUNDED, color_system=None, force_terminal=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


@contextmanager
def signals() -> Iterator[None]:
    """Let Ctrl-C, and the signal with which a scheduler ends a job, stop the workers at once and be heard as
    `KeyboardInterrupt`, so that the command prints what is finished. A second one is heard two seconds later: it ends
    the command on the spot.
    """
    first: list[float] = []

    def stop(signum: int, frame: Any) -> None:
        if not first:
            first.append(time.monotonic())
            threading.Thread(target=_kill_workers, daemon=True).start()
            raise KeyboardInterrupt
        if time.monotonic() - first[0] > SECOND:
            Console(stderr=True).show_cursor()
            os._exit(1)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        yield
    finally:  # nothing is left to be interrupted
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


def _kill_workers() -> None:
    """They hold nothing: whatever they finished was handed over. A little later, not to disturb the start of one."""
    for pause in (0.1, 0.4, 1.0):
        time.sleep(pause)
        for child in multiprocessing.active_children():
            child.kill()


def settle_streams() -> None:
    """Print in any locale, with a question mark for what it cannot write, and with closed standard streams."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    with suppress(AttributeError):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]


def unwrap_streams() -> None:
    """Print past a bar that an interruption kept from giving the standard streams back."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        setattr(sys, name, getattr(stream, "rich_proxied_file", stream))


def drop(stream: Any) -> None:
    """Send what a stream still holds nowhere: its reader has gone."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

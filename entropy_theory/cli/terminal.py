"""What the commands share: where they print, how they report progress, how they refuse."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from entropy_theory.files import write_whole


def progress_bar() -> Progress:
    return Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        write_whole(path, lambda file: file.write(text.encode()))
    except OSError as error:
        print(f"error: {path} cannot be written: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def or_exit(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ValueError as error:
        refuse(str(error))


def refuse(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(2)


def open_console() -> Console:
    """Standard output; wide enough for the table also where it is a narrow terminal, or none."""
    return Console(width=max(Console().width, 120)) if sys.stdout.isatty() else Console(width=160)

"""``entropy-theory figures``: the pictures of the theory and of the experiments."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from entropy_theory.cli.app import app
from entropy_theory.cli.terminal import Quiet, Work, command_line, make_folder, or_exit, refuse


def _pictures(incomplete: str) -> list[tuple[str, str]]:
    """Pictures that begin so, with their titles, for the shell; none where Matplotlib is not installed."""
    try:
        from entropy_theory.figures import gallery
    except ImportError:
        return []
    return [(name, gallery.TITLES[gallery.select([name])[0]]) for name in gallery.completions(incomplete)]


@app.command(epilog="Example: entropy-theory figures theorem-v.1 alpha-sweep -o pictures")
def figures(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Figures (theorem-v.1 …) and experiments (alpha-sweep …); all if left out. --list names them.",
            autocompletion=_pictures,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where to write NAME.svg and NAME.png.")
    ] = Path("figures"),
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Draw the experiments from what 'simulate -o FOLDER' wrote; without it each is run in its small "
            "variant.",
        ),
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the pictures and stop.")] = False,
    quiet: Quiet = False,
) -> None:
    """Draw the figures as SVG and PNG.

    The path of each file is printed; experiments go into the subfolder simulations.
    """
    try:
        from entropy_theory.figures import gallery
    except ImportError as error:
        refuse(str(error))

    chosen = or_exit(gallery.select, names or [])
    if list_them:
        for name in chosen:
            print(f"{gallery.as_written(name):20} {gallery.TITLES[name]}")
        return
    if results is not None:
        if not os.path.isdir(results):
            refuse(f"--results is {results}, expected the folder of an earlier 'simulate -o FOLDER'")
        absent = or_exit(gallery.missing, chosen, results)
        if absent:
            mend = command_line("simulate", *absent, ("-o", results))
            refuse(f"--results is {results}, which holds no result of {', '.join(absent)}; run: {mend}")
        if not gallery.holds_results(results):
            mend = command_line("simulate", ("-o", results))
            refuse(f"--results is {results}, which holds no result; leave it out, or run: {mend}")
    make_folder(output)
    drawn: list[str] = []
    paths: list[Path] = []
    with Work("drawing", len(chosen), quiet) as work, _interruptions() as heard, suppress(KeyboardInterrupt):
        for name in chosen:
            paths += or_exit(gallery.write, name, output, results)
            drawn.append(name)
            work.advance(name)
            if heard:
                break
    for path in paths:
        print(path)
    rest = [name for name in chosen if name not in drawn]
    if rest:
        again = command_line("figures", *rest, ("-o", output), ("--results", results))
        print(f"interrupted: {len(drawn)} of {len(chosen)} are drawn; draw the others with: {again}", file=sys.stderr)
        raise typer.Exit(1)


@contextmanager
def _interruptions() -> Iterator[list[int]]:
    """The signals heard so far. The first waits for the end of a picture, since an exception that is raised amid
    Matplotlib's weak references is lost; a second one does what it would do without this.
    """
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        former = before[number]
        if len(heard) > 1 and callable(former):
            former(number, frame)

    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, hear)
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

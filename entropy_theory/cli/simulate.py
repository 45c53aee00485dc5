"""``entropy-theory simulate``: the experiments of Section VIII."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from entropy_theory.checking.merge import MOST_SEEDS
from entropy_theory.checking.plaintext import printable
from entropy_theory.cli.app import app, whole
from entropy_theory.cli.checking import MOST_WORKERS
from entropy_theory.cli.completion import experiments
from entropy_theory.cli.terminal import (
    Quiet,
    Work,
    command_line,
    make_folder,
    open_console,
    or_exit,
    print_table,
    refuse,
)

if TYPE_CHECKING:
    from entropy_theory.simulations.result import Result


@app.command(
    short_help="Run the experiments of Section VIII.", epilog="Example: entropy-theory simulate exponential-law --small"
)
def simulate(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Experiments; all if left out. --list names them.",
            autocompletion=experiments,
            show_default=False,
        ),
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the experiments and stop.")] = False,
    small: Annotated[bool, typer.Option("--small", help="A fast variant of the same shape, in seconds.")] = False,
    seeds: Annotated[
        int | None, typer.Option(metavar="N", parser=whole(2, MOST_SEEDS), help="Repetitions; by default at least ten.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=whole(1, MOST_WORKERS),
            help="Processes; by default one a core. Results do not depend on it.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FOLDER",
            help="Keep each result here: NAME.json, its picture as SVG and PNG, and a page with all, simulations.md.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Take from the folder what an earlier run of the same code and options left there."
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run the experiments of Section VIII: the paper, its source and the model, side by side.

    All of them take about twenty minutes on two cores.
    """
    from entropy_theory.results import ResultsFolder
    from entropy_theory.simulations import SIMULATIONS, origin_of, run, select
    from entropy_theory.simulations import table as tables

    if list_them:
        for name, module in SIMULATIONS.items():
            print(f"{name:20} {module.TITLE}")
        return
    if resume and output is None:
        refuse("--resume is given without --output, expected the folder of the earlier run")
    chosen = or_exit(select, names or [])
    if output is not None:
        make_folder(output)
    folder = None if output is None else ResultsFolder(output)
    if folder is not None:
        or_exit(folder.check_places, [module.NAME for module in chosen])
    scale = "small" if small else "full"
    results: list[Result] = []
    name = chosen[0].NAME
    try:
        for module in chosen:
            name = module.NAME
            found = or_exit(folder.load, name, origin_of(scale, seeds)) if folder is not None and resume else None
            known = found is not None
            if found is None:
                with Work(name, None, quiet) as work:
                    report = partial(_report, work, name)
                    found = run(name, scale, seeds=seeds, workers=workers or os.cpu_count() or 1, report=report)
            if folder is not None:
                notes = or_exit(folder.save_again, found) if known else folder.save(found)
                for note in (*notes, *folder.write_page(SIMULATIONS)):
                    print(printable(note), file=sys.stderr)
            results.append(found)
            _print(found, quiet)
    except KeyboardInterrupt:
        if results:
            print(tables.summary(results), flush=True)
        command = ("simulate", *(names or []), ("--small", small), ("--seeds", seeds), ("--workers", workers))
        _interrupted(name, f"{len(results)} of {len(chosen)} experiments are done", command, output)
    print(tables.summary(results))


def _report(work: Work, name: str, done: int, total: int) -> None:
    work.reach(done, total, name)


def _print(result: Result, quiet: bool) -> None:
    from entropy_theory.simulations import table as tables

    if quiet:
        print(f"{result.name}: {result.title}")
    print_table(tables.of_result(result), _narrow(result), quiet, least=100)
    if not quiet:
        console = open_console()
        for line in tables.notes(result):
            console.print(f"  {line}", markup=False, highlight=False)
    print(flush=True)


def _narrow(result: Result) -> Iterator[RenderableType]:
    """A result for a narrow terminal: what the columns of the table hold, one below the other."""
    from entropy_theory.simulations.table import STYLES, model

    yield Text(f"{result.name}: {result.title}", "bold")
    for row in result.rows:
        yield Text.assemble(f"{row.statement}: ", (row.outcome, STYLES[row.outcome]))
        for label, text in (("the paper", row.paper), ("its source", row.source), ("the model", model(row))):
            if text:
                yield Padding(Text(f"{label}: {text}"), (0, 0, 0, 4))


def _interrupted(name: str, done: str, command: Sequence[Any], output: Path | None) -> NoReturn:
    kept = "go on with" if output is not None else "nothing is kept for a later run, as it would be with"
    again = command_line(*command, ("-o", output or "results"), ("--resume", output is not None))
    print(f"interrupted in {name}: {done}; {kept}: {again}", file=sys.stderr)
    raise typer.Exit(1)

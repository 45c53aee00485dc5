"""``entropy-theory simulate``: the experiments of Section VIII."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.progress import Progress

from entropy_theory.cli.app import app
from entropy_theory.cli.terminal import open_console, or_exit, progress_bar, refuse, writable


@app.command()
def simulate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Experiments; all if left out. --list names them.")
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the experiments and stop.")] = False,
    small: Annotated[bool, typer.Option("--small", help="A fast variant of the same shape, in seconds.")] = False,
    seeds: Annotated[int | None, typer.Option(min=2, help="Repetitions; by default at least ten.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default one a core. Results do not depend on it.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Keep each result here: NAME.json, its picture as SVG and PNG, and a page with all, simulations.md.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Take from the folder what an earlier run of the same code and options left there."
        ),
    ] = False,
) -> None:
    """Run the experiments of Section VIII: the paper, its source and the model, side by side.

    All of them take about twenty minutes on two cores.
    """
    from entropy_theory.simulations import SIMULATIONS, origin_of, run, select
    from entropy_theory.simulations import table as tables
    from entropy_theory.simulations.store import Folder

    console = open_console()
    if list_them:
        for name, module in SIMULATIONS.items():
            print(f"{name:20} {module.TITLE}")
        return
    if resume and output is None:
        refuse("--resume is given without --output, expected the folder of the earlier run")
    chosen = or_exit(select, names or [])
    if output is not None:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            refuse(f"--output is {output}, expected a folder that can be written to: {error}")
        if not writable(output):
            refuse(f"--output is {output}, expected a folder that can be written to")
    folder = None if output is None else Folder(output)
    scale = "small" if small else "full"
    results = []
    with progress_bar() as progress:
        for module in chosen:
            found = (
                or_exit(folder.load, module.NAME, origin_of(scale, seeds)) if folder is not None and resume else None
            )
            if found is None:
                task = progress.add_task(module.NAME, total=None)
                report = partial(_show_progress, progress, task, module.NAME)
                try:
                    found = run(module.NAME, scale, seeds=seeds, workers=workers or os.cpu_count() or 1, report=report)
                except KeyboardInterrupt:
                    progress.stop()
                    _interrupted(module.NAME, output)
                progress.remove_task(task)
            results.append(found)
            if folder is not None:
                for note in (*folder.save(found), *folder.write_page(SIMULATIONS)):
                    print(note, file=sys.stderr)
            console.print(tables.of_result(found))
            for line in tables.notes(found):
                console.print(f"  {line}", markup=False, highlight=False)
            console.print()
    print(tables.summary(results))


def _show_progress(progress: Progress, task: Any, name: str, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)
    if progress.disable:
        print(f"[{done}/{total}] {name}", file=sys.stderr)


def _interrupted(name: str, output: Path | None) -> NoReturn:
    kept = f"; what came before it is in {output}, go on with --resume" if output is not None else ""
    print(f"interrupted in {name}{kept}", file=sys.stderr)
    raise typer.Exit(1)

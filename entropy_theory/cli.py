"""The `entropy-theory` command: a thin face over `entropy_theory.checking`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from entropy_theory.checking import campaign, certificate, table
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.explain import explain
from entropy_theory.checking.registry import load, paper_claims, select
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import BUDGET
from entropy_theory.files import write_whole

app = typer.Typer(
    name="entropy-theory",
    help="Check theorems about softmax policies: each claim of the paper, or your own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

Json = Annotated[Path | None, typer.Option("--json", help="Write the verdicts to this file as JSON.", dir_okay=False)]
Seed = Annotated[int, typer.Option(min=0, help="The same seed and budget give the same verdicts.")]
Budget = Annotated[int, typer.Option(min=1, help="Instances drawn for each claim.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes; by default one a core. Verdicts do not depend on it.")
]
Resume = Annotated[
    Path | None,
    typer.Option(help="Keep each verdict in this file as it is reached, and go on from what it holds.", dir_okay=False),
]


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="theorem-v.2, theorem-v.2/eq-16 …")
    ] = None,
    json_file: Json = None,
    seed: Seed = 0,
    budget: Budget = BUDGET,
    workers: Workers = None,
    resume: Resume = None,
) -> None:
    """Check every claim of the paper, or those named, as printed and as corrected."""
    claims = _or_exit(select, paper_claims(), names or [])
    _campaign(claims, "paper", json_file, seed, budget, workers, resume)


@app.command()
def hunt(
    spec: Annotated[
        str, typer.Argument(metavar="FILE.py[:NAME]", help="A Python file with claims, and perhaps one of them.")
    ],
    json_file: Json = None,
    seed: Seed = 0,
    budget: Budget = BUDGET,
    workers: Workers = None,
    resume: Resume = None,
) -> None:
    """Check your own claims: every Inequality, Identity and Order at the top level of a file."""
    _campaign(_or_exit(load, spec), spec, json_file, seed, budget, workers, resume)


@app.command(name="list")
def list_claims(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Claims or parts; all if left out.")
    ] = None,
) -> None:
    """List the claims of the paper."""
    _console().print(table.of_claims(_or_exit(select, paper_claims(), names or [])))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A claim or a part of one.")],
    seed: Seed = 0,
    budget: Budget = BUDGET,
) -> None:
    """Explain a claim: statement, hypotheses, verdict, counterexample step by step, where the printed proof breaks, and
    the line that holds with its proof."""
    width = min(_console().width, 100)
    for part, readings in groupby(_or_exit(select, paper_claims(), [name]), key=lambda claim: claim.name):
        print(f"{part}\n{'=' * len(part)}")
        for claim in readings:
            verdict = campaign.guarded(claim, seed, budget)
            mutants = {
                mutant.name.removeprefix(f"{claim.name}/mutant-"): campaign.guarded(mutant, seed, budget).outcome
                for mutant in claim.mutants
            }
            print("\n".join(explain(claim, verdict, mutants, width)), end="\n\n", flush=True)


@app.command()
def recheck(
    file: Annotated[
        Path, typer.Argument(metavar="CERTIFICATE.json", help="A certificate, or a file written by --json.")
    ],
    claims: Annotated[
        str | None, typer.Option(help="The file of claims that it belongs to, if not the paper's.")
    ] = None,
) -> None:
    """Decide counterexamples again, from their rational numbers alone."""
    known = paper_claims() if claims is None else _or_exit(load, claims)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        _refuse(f"{file} cannot be read as JSON: {error}")
    certificates = _certificates(data)
    if not certificates:
        _refuse(f"{file} holds no certificate")
    failed = False
    for item in certificates:
        label = f"{item.get('claim')} ({item.get('reading')})" if isinstance(item, dict) else repr(item)
        try:
            finding = certificate.recheck(_claim_of(known, item), item)
        except certificate.CertificateError as error:
            print(f"{label}: rejected: {error}")
            failed = True
            continue
        stands = certificate.stands(finding)
        failed |= not stands
        print(
            f"{label}: {'refuted' if stands else f'not confirmed ({finding.status})'}, decided at {finding.bits} bits"
        )
    raise typer.Exit(1 if failed else 0)


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

    console = _console()
    if list_them:
        for name, module in SIMULATIONS.items():
            print(f"{name:20} {module.TITLE}")
        return
    if resume and output is None:
        _refuse("--resume is given without --output, expected the folder of the earlier run")
    chosen = _or_exit(select, names or [])
    if output is not None:
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            _refuse(f"--output is {output}, expected a folder that can be written to: {error}")
        if not _writable(output):
            _refuse(f"--output is {output}, expected a folder that can be written to")
    folder = None if output is None else Folder(output)
    scale = "small" if small else "full"
    results = []
    with _progress() as progress:
        for module in chosen:
            found = (
                _or_exit(folder.load, module.NAME, origin_of(scale, seeds)) if folder is not None and resume else None
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


def _certificates(data: Any) -> list[Any]:
    """Certificates in a certificate file, a verdict or a list of verdicts."""
    items = data if isinstance(data, list) else [data]
    out = [x.get("certificate") if isinstance(x, dict) and "outcome" in x else x for x in items]
    return [x for x in out if x is not None]


def _claim_of(known: Sequence[Claim], item: Any) -> Claim:
    for claim in known:
        if isinstance(item, dict) and (claim.name, claim.reading) == (item.get("claim"), item.get("reading")):
            return claim
    name = item.get("claim") if isinstance(item, dict) else item
    raise certificate.CertificateError(
        f"claim is {name!r}, expected a known one (for your own claims give --claims FILE.py)"
    )


def _campaign(
    claims: Sequence[Claim],
    source: str,
    json_file: Path | None,
    seed: int,
    budget: int,
    workers: int | None,
    resume: Path | None,
) -> None:
    if json_file is not None and not _writable(json_file.resolve().parent):
        _refuse(f"--json is {json_file}, expected a file in an existing folder that can be written to")
    if json_file is not None and resume is not None and json_file.resolve() == resume.resolve():
        _refuse(f"--json and --resume are both {json_file}, expected two files: the store would be overwritten")
    progress = _progress()
    reached: list[Verdict] = []

    def report(verdict: Verdict) -> None:
        reached.append(verdict)
        progress.update(task, advance=1, description=f"{verdict.claim} {verdict.outcome}")
        if progress.disable:
            print(
                f"[{len(reached)}/{len(claims)}] {verdict.claim} ({verdict.reading}): {verdict.outcome}",
                file=sys.stderr,
            )

    interrupted = False
    with progress:
        task = progress.add_task("checking", total=len(claims))
        try:
            campaign.run(
                claims,
                seed=seed,
                budget=budget,
                workers=workers or os.cpu_count() or 1,
                isolated=True,
                source=source,
                store=resume,
                report=report,
            )
        except KeyboardInterrupt:
            interrupted = True
        except campaign.StoreError as error:
            _refuse(str(error))
    order: dict[tuple[str, str], int] = {(c.name, c.reading): i for i, c in enumerate(claims)}
    verdicts = sorted(reached, key=lambda v: order[v.claim, v.reading])
    console = _console()
    console.print(table.of_verdicts(verdicts))
    for line in table.notes(verdicts):
        console.print(line, markup=False, highlight=False)
    if json_file is not None:
        _write(json_file, json.dumps([v.to_json() for v in verdicts], indent=1) + "\n")
    if interrupted:
        print(f"interrupted: {len(verdicts)} of {len(claims)} claims were decided", file=sys.stderr)
    raise typer.Exit(1 if interrupted or any(v.error for v in verdicts) else 0)


def _progress() -> Progress:
    return Progress(
        TextColumn("[progress.description]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        write_whole(path, lambda file: file.write(text.encode()))
    except OSError as error:
        print(f"error: {path} cannot be written: {error}", file=sys.stderr)
        raise typer.Exit(1) from None


def _or_exit(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ValueError as error:
        _refuse(str(error))


def _refuse(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(2)


def _console() -> Console:
    """Standard output; wide enough for the table also where it is a narrow terminal, or none."""
    return Console(width=max(Console().width, 120)) if sys.stdout.isatty() else Console(width=160)


def main() -> None:
    """Run the command."""
    app()

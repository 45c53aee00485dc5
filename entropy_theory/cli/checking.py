"""``verify``, ``hunt``, ``list``, ``show`` and ``recheck``: a thin face over `entropy_theory.checking`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from entropy_theory.checking import campaign, certificate, table
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.explain import explain
from entropy_theory.checking.registry import load, paper_claims, select
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import BUDGET
from entropy_theory.cli.app import app
from entropy_theory.cli.terminal import open_console, or_exit, progress_bar, refuse, writable, write

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
    claims = or_exit(select, paper_claims(), names or [])
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
    _campaign(or_exit(load, spec), spec, json_file, seed, budget, workers, resume)


@app.command(name="list")
def list_claims(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Claims or parts; all if left out.")
    ] = None,
) -> None:
    """List the claims of the paper."""
    open_console().print(table.of_claims(or_exit(select, paper_claims(), names or [])))


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A claim or a part of one.")],
    seed: Seed = 0,
    budget: Budget = BUDGET,
) -> None:
    """Explain a claim: statement, hypotheses, verdict, counterexample step by step, where the printed proof breaks, and
    the line that holds with its proof."""
    width = min(open_console().width, 100)
    for part, readings in groupby(or_exit(select, paper_claims(), [name]), key=lambda claim: claim.name):
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
    known = paper_claims() if claims is None else or_exit(load, claims)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        refuse(f"{file} cannot be read as JSON: {error}")
    certificates = _certificates(data)
    if not certificates:
        refuse(f"{file} holds no certificate")
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
    if json_file is not None and not writable(json_file.resolve().parent):
        refuse(f"--json is {json_file}, expected a file in an existing folder that can be written to")
    if json_file is not None and resume is not None and json_file.resolve() == resume.resolve():
        refuse(f"--json and --resume are both {json_file}, expected two files: the store would be overwritten")
    progress = progress_bar()
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
            refuse(str(error))
    order: dict[tuple[str, str], int] = {(c.name, c.reading): i for i, c in enumerate(claims)}
    verdicts = sorted(reached, key=lambda v: order[v.claim, v.reading])
    console = open_console()
    console.print(table.of_verdicts(verdicts))
    for line in table.notes(verdicts):
        console.print(line, markup=False, highlight=False)
    if json_file is not None:
        write(json_file, json.dumps([v.to_json() for v in verdicts], indent=1) + "\n")
    if interrupted:
        print(f"interrupted: {len(verdicts)} of {len(claims)} claims were decided", file=sys.stderr)
    raise typer.Exit(1 if interrupted or any(v.error for v in verdicts) else 0)

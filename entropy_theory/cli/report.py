"""``entropy-theory report``: the atlas of claims, one HTML page."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from entropy_theory.checking import campaign, certificate
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.registry import load, mutants_of, paper_claims, select
from entropy_theory.checking.table import counts
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import BUDGET
from entropy_theory.cli.app import app
from entropy_theory.cli.checking import Budget, Names, Seed, Workers
from entropy_theory.cli.terminal import Quiet, Work, command_line, make_folder, or_exit, refuse, write
from entropy_theory.files import real, reason

PAGE = "index.html"


@app.command(
    short_help="Write the atlas: one HTML page with every claim, its verdict, counterexample and proof.",
    epilog="Example: entropy-theory report -o atlas --resume atlas.db",
)
def report(
    names: Names = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help=f"Folder for the page, {PAGE}.")] = Path(
        "atlas"
    ),
    verdicts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Take the verdicts from this file, which 'verify --json' wrote with the same --seed and --budget; "
            "only the wrong variants are checked.",
        ),
    ] = None,
    claims: Annotated[
        str | None,
        typer.Option(metavar="FILE.py", help="A file of your own claims, in place of the paper's."),
    ] = None,
    seed: Seed = 0,
    budget: Budget = BUDGET,
    workers: Workers = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Keep each verdict in this file as it is reached, and go on from what it holds."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write one self-contained HTML page: every claim with its statement typeset, its verdict, the counterexample
    worked out, where the printed proof breaks, the line that holds with its proof, figures, wrong variants and
    certificates.

    It checks all claims and their wrong variants first, in about four minutes on two cores.
    """
    try:
        from entropy_theory.report import FIGURES, content, page, source
    except ImportError as error:
        refuse(str(error))

    known = paper_claims() if claims is None else or_exit(load, claims)
    chosen: tuple[Claim, ...] = or_exit(select, known, names or [])
    if verdicts is not None and resume is not None and real(verdicts) == real(resume):
        refuse(f"--verdicts and --resume are both {verdicts}, expected two files: the verdicts would be added to")
    found = [] if verdicts is None else or_exit(_read, verdicts, known, chosen, seed, budget)
    if verdicts is not None:
        or_exit(content.fitting, chosen, found, f"--verdicts is {verdicts}, which")
    _prepare(output)
    wrong = mutants_of(chosen)
    options = (("--seed", seed or None), ("--budget", budget if budget != BUDGET else None))
    command = ("report", *(names or []))
    again = command_line(
        *command,
        ("-o", output),
        ("--verdicts", verdicts),
        ("--claims", claims),
        *options,
        ("--workers", workers),
        ("--resume", resume or "verdicts.db"),
    )
    todo = (*(chosen if verdicts is None else ()), *wrong)
    reached = _check(todo, claims or "paper", seed, budget, workers, resume, quiet, again)
    if resume is not None:
        _same(reached, (*chosen, *wrong), resume)
    readings = {(claim.name, claim.reading) for claim in chosen}
    found += [v for v in reached if (v.claim, v.reading) in readings]
    figures = {name: figure for name, figure in FIGURES.items() if claims is None and content.about(figure, chosen)}
    try:
        with Work("drawing", len(chosen) + len(figures), quiet) as work:
            atlas = content.build(
                source.paper() if claims is None else source.own(claims),
                chosen,
                found,
                [v for v in reached if (v.claim, v.reading) not in readings],
                seed=seed,
                budget=budget,
                command=command_line(*command, ("-o", "DIR"), ("--claims", claims), *options),
                origin=verdicts.name if verdicts is not None else "",
                figures=figures,
                report=work.advance,
            )
        text = page.render(atlas)
    except KeyboardInterrupt:
        _interrupted("all claims were decided, the page is not written", resume, again)
    path = output / PAGE
    if not write(path, text):
        raise typer.Exit(1)
    print(path)
    if not quiet:
        print(counts(found), *([f"{atlas.caught} of {atlas.mutants} wrong variants refuted."] if atlas.mutants else []))
    raise typer.Exit(1 if any(v.error for v in (*found, *reached)) else 0)


def _prepare(output: Path) -> None:
    make_folder(output)
    if (output / PAGE).is_dir():
        refuse(f"--output is {output}, which has a folder {PAGE}, expected that name to be free for the page")


def _check(
    todo: Sequence[Claim],
    origin: str,
    seed: int,
    budget: int,
    workers: int | None,
    resume: Path | None,
    quiet: bool,
    again: str,
) -> list[Verdict]:
    """Verdicts on claims and wrong variants; ends the command if it is interrupted."""
    reached: list[Verdict] = []
    with Work("checking", len(todo), quiet) as work:

        def advance(verdict: Verdict) -> None:
            reached.append(verdict)
            known = not verdict.seconds and not verdict.error  # one that was checked in this run took time
            work.advance(f"{verdict.claim} ({verdict.reading})", verdict.outcome, known=known)

        try:
            return campaign.run(
                todo,
                seed=seed,
                budget=budget,
                workers=workers or os.cpu_count() or 1,
                isolated=True,
                source=origin,
                store=resume,
                report=advance,
            )
        except campaign.StoreError as error:
            refuse(str(error))
        except KeyboardInterrupt:
            pass
    _interrupted(f"{len(reached)} of {len(todo)} claims and wrong variants were decided", resume, again)


def _same(verdicts: Iterable[Verdict], claims: Iterable[Claim], resume: Path) -> None:
    """Refuse a store with verdicts on claims that have been changed since."""
    statements: dict[tuple[str, str], str] = {(claim.name, claim.reading): claim.statement for claim in claims}
    for verdict in verdicts:
        if verdict.statement != statements[verdict.claim, verdict.reading]:
            refuse(
                f"--resume is {resume}, whose verdict on {verdict.claim} ({verdict.reading}) is on another statement "
                "than the claim has now, expected a file of these claims: name a new one"
            )


def _interrupted(what: str, resume: Path | None, again: str) -> NoReturn:
    how = "go on with" if resume is not None else "none is kept for a later run, as it would be with"
    print(f"interrupted: {what}; {how}: {again}", file=sys.stderr)
    raise typer.Exit(1)


def _read(path: Path, known: Iterable[Claim], chosen: Iterable[Claim], seed: int, budget: int) -> list[Verdict]:
    """The verdicts on the chosen claims in a file, checked to be what such a run leaves.

    A file does not say its seed and budget: one claim is checked again with those given. So is every certificate.
    """
    everything: dict[tuple[str, str], Claim] = {(c.name, c.reading): c for c in known}
    wanted = {(c.name, c.reading) for c in chosen}
    found = []
    for verdict in _verdicts(path):
        key = verdict.claim, verdict.reading
        said = f"{path}: the verdict on {verdict.claim} ({verdict.reading})"
        claim = everything.get(key)
        if claim is None:
            raise ValueError(f"{said} is on no claim that is known, expected one of this version's")
        if key not in wanted:
            continue
        if verdict.certificate is not None:
            try:
                finding = certificate.recheck(claim, verdict.certificate)
                instance, _ = certificate.read_instance(claim, verdict.certificate)
            except certificate.CertificateError as error:
                raise ValueError(f"{said} has a certificate that is rejected: {error}") from None
            if not certificate.stands(finding):
                raise ValueError(
                    f"{said} has a certificate that is not confirmed, expected one that this version wrote"
                )
            try:
                certificate.check_verdict(claim, verdict, instance)
            except certificate.CertificateError as error:
                raise ValueError(f"{said} is not that of its certificate: {error}") from None
            shown = {name: certificate.strings(value) for name, value in claim.space.describe(instance).items()}
            # What the page prints is what was decided here.
            proof = certificate.certificate(claim, instance, finding)
            verdict = replace(verdict, counterexample=shown, certificate=proof)
        found.append(verdict)
    for verdict in found[:1]:
        claim = everything[verdict.claim, verdict.reading]
        if _fate(campaign.guarded(claim, seed, budget)) != _fate(verdict):
            raise ValueError(
                f"{path}: the verdict on {verdict.claim} ({verdict.reading}) is not the one that --seed {seed} and "
                f"--budget {budget} lead to, expected the seed, the budget and the version that the file was made with"
            )
    return found


def _fate(verdict: Verdict) -> tuple[Any, ...]:
    """What differs between runs of different seeds or budgets, and not between machines."""
    return verdict.outcome, verdict.instances, verdict.admitted, verdict.counterexample


def _verdicts(path: Path) -> list[Verdict]:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"--verdicts is {path}, which cannot be read: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"--verdicts is {path}, which cannot be read as JSON: {error}") from None
    if not isinstance(data, list):
        raise ValueError(f"--verdicts is {path}, expected a list of verdicts, as 'verify --json' writes it")
    out = []
    for i, item in enumerate(data):
        try:
            out.append(Verdict.from_json(item))
        except ValueError as error:
            raise ValueError(f"--verdicts is {path}, whose entry {i} is no verdict: {error}") from None
    return out

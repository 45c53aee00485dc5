"""``verify``, ``hunt``, ``list``, ``show`` and ``recheck``: a thin face over `entropy_theory.checking`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from entropy_theory.checking import campaign, certificate, table
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.evidence import OTHERWISE
from entropy_theory.checking.executors import ExecutorError, dask_cluster
from entropy_theory.checking.explain import ROLES, explain, role_of
from entropy_theory.checking.merge import MOST_SEEDS
from entropy_theory.checking.registry import load, paper_claims, select
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import BUDGET, MOST
from entropy_theory.cli.app import app, whole
from entropy_theory.cli.completion import claim_names
from entropy_theory.cli.terminal import (
    Quiet,
    Work,
    command_line,
    open_console,
    or_exit,
    print_table,
    refuse,
    writable,
    write,
)
from entropy_theory.files import real, reason
from entropy_theory.progress import interactive

MOST_WORKERS = 1000
"""Processes of one machine that may be asked for."""

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME",
        help="Statements (theorem-v.2) or parts of them (theorem-v.2/eq-16); all if left out.",
        autocompletion=claim_names,
        show_default=False,
    ),
]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the verdicts to this file as JSON.")]
Seed = Annotated[
    int, typer.Option(metavar="N", parser=whole(0), help="The same seed and budget give the same verdicts.")
]
Seeds = Annotated[
    int,
    typer.Option(
        metavar="N",
        parser=whole(1, MOST_SEEDS),
        help="Check each claim for N seeds, --seed and those that follow; shown is the verdict over all of them.",
    ),
]
Budget = Annotated[
    int,
    typer.Option(
        metavar="N",
        parser=whole(1, MOST),
        help="Instances drawn at random for each claim; those on the optimiser's way come on top.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        parser=whole(1, MOST_WORKERS),
        help="Processes; by default one a core. Verdicts do not depend on it.",
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Check on the Dask cluster with this scheduler (tcp://host:8786), in place of processes of this machine.",
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep each verdict in this file as it is reached, and go on from what it holds."),
]
Timings = Annotated[
    bool,
    typer.Option(
        "--timings", help="Print for each claim its seconds, its instances a second, and where the time went."
    ),
]


@app.command(
    short_help="Check the claims of the paper, or some of them.",
    epilog="Example: entropy-theory verify theorem-v.2 --json verdicts.json",
)
def verify(
    names: Names = None,
    json_file: Json = None,
    seed: Seed = 0,
    seeds: Seeds = 1,
    budget: Budget = BUDGET,
    workers: Workers = None,
    dask: Dask = None,
    resume: Resume = None,
    timings: Timings = False,
    quiet: Quiet = False,
) -> None:
    """Check every claim of the paper, or those named, as printed and as corrected."""
    chosen = names or []
    claims = or_exit(select, paper_claims(), chosen)
    options = Options(json_file, seed, seeds, budget, workers, dask, resume, timings, quiet)
    _campaign(claims, "paper", ("verify", *chosen), options)


@app.command(
    short_help="Check your own claims, in a Python file.",
    epilog="Example: entropy-theory hunt examples/my_claims.py --budget 5000",
)
def hunt(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py[:NAME]",
            help="A Python file with claims, and perhaps one of them: its variable or its own name.",
        ),
    ],
    json_file: Json = None,
    seed: Seed = 0,
    seeds: Seeds = 1,
    budget: Budget = BUDGET,
    workers: Workers = None,
    dask: Dask = None,
    resume: Resume = None,
    timings: Timings = False,
    quiet: Quiet = False,
) -> None:
    """Check your own claims: every Inequality, Identity and Order at the top level of a file."""
    options = Options(json_file, seed, seeds, budget, workers, dask, resume, timings, quiet)
    _campaign(or_exit(load, spec), spec, ("hunt", spec), options)


@app.command(name="list", short_help="List the claims of the paper.", epilog="Example: entropy-theory list theorem-v.2")
def list_claims(names: Names = None, quiet: Quiet = False) -> None:
    """List the claims of the paper: names, readings, and statements in LaTeX."""
    claims = or_exit(select, paper_claims(), names or [])
    print_table(table.of_claims(claims), table.narrow_claims(claims), quiet)


@app.command(short_help="Explain a claim step by step.", epilog="Example: entropy-theory show theorem-v.2/eq-16")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A claim or a part of one.", autocompletion=claim_names)],
    seed: Seed = 0,
    budget: Budget = BUDGET,
    quiet: Quiet = False,
) -> None:
    """Explain a claim: statement, hypotheses, verdict, counterexample step by step, where the printed proof breaks, and
    the line that holds with its proof."""
    width = min(open_console().width, 100)
    for part, same in groupby(or_exit(select, paper_claims(), [name]), key=lambda claim: claim.name):
        print(f"{part}\n{'=' * len(part)}")
        readings = tuple(same)
        for claim in readings:
            title = ROLES[role_of(claim, readings)]
            with Work(f"checking {part}", 1 + len(claim.mutants), quiet or not interactive()) as work:
                verdict = campaign.guarded(claim, seed, budget)
                work.advance(f"{part} {verdict.outcome}")
                mutants = {}
                for mutant in claim.mutants:
                    label = mutant.name.removeprefix(f"{claim.name}/mutant-")
                    mutants[label] = campaign.guarded(mutant, seed, budget).outcome
                    work.advance(f"{part} without {label}")
            print("\n".join(explain(claim, verdict, mutants, width, title=title)), end="\n\n", flush=True)


@app.command(short_help="Decide counterexamples again.", epilog="Example: entropy-theory recheck verdicts.json")
def recheck(
    file: Annotated[
        Path, typer.Argument(metavar="CERTIFICATE.json", help="A certificate, or a file written by --json.")
    ],
    claims: Annotated[
        str | None,
        typer.Option(metavar="FILE.py", help="The file of claims that it belongs to, if not the paper's."),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only those that are not confirmed as they stand.")
    ] = False,
) -> None:
    """Decide counterexamples again, from their rational numbers alone; what stands beside them must be what these give.
    The exit status is 1 if one is not confirmed."""
    known = paper_claims() if claims is None else or_exit(load, claims)
    try:
        with file.open("rb") as opened:
            certificates = certificate.read_certificates(opened.read(certificate.MOST_BYTES + 1))
    except OSError as error:
        refuse(f"{file} cannot be read as JSON: {reason(error)}")
    except certificate.CertificateError as error:
        refuse(f"{file} cannot be read as JSON: {error}")
    if not certificates:
        refuse(f"{file} holds no certificate, expected one, or a file that verify --json or hunt --json wrote")
    failed = False
    for done, item in enumerate(certificates):
        try:
            stands, line = certificate.answer(known, item)
        except KeyboardInterrupt:
            again = command_line("recheck", file, ("--claims", claims))
            decided = _decided(done, len(certificates), "certificates")
            print(f"interrupted: {decided}; nothing is kept, begin again with: {again}", file=sys.stderr)
            raise typer.Exit(1) from None
        failed |= not stands
        if not (quiet and stands and OTHERWISE not in line):
            print(line, flush=True)
    raise typer.Exit(1 if failed else 0)


def _decided(done: int, total: int, what: str) -> str:
    return f"{done} of {total} {what} {'was' if done == 1 else 'were'} decided"


@dataclass(frozen=True)
class Options:
    """What `verify` and `hunt` are told beside the claims."""

    json_file: Path | None
    seed: int
    seeds: int
    budget: int
    workers: int | None
    dask: str | None
    resume: Path | None
    timings: bool
    quiet: bool

    def check(self) -> None:
        """Refuse, before any work, what would fail after it."""
        out, resume = self.json_file, self.resume
        if out is not None and (out.is_dir() or not writable(real(out).parent)):
            refuse(f"--json is {out}, expected a file in an existing folder that can be written to")
        if out is not None and resume is not None and real(out) == real(resume):
            refuse(f"--json and --resume are both {out}, expected two files: the store would be overwritten")
        if self.dask is not None and self.workers is not None:
            refuse(f"--workers is {self.workers} with --dask, expected one of the two: the cluster has its own workers")

    def again(self, command: Sequence[str]) -> str:
        """The command that goes on after an interruption."""
        return command_line(
            *command,
            ("--seed", self.seed or None),
            ("--seeds", self.seeds if self.seeds != 1 else None),
            ("--budget", self.budget if self.budget != BUDGET else None),
            ("--workers", self.workers),
            ("--dask", self.dask),
            ("--json", self.json_file),
            ("--resume", self.resume or "verdicts.db"),
        )

    @contextmanager
    def executor(self) -> Iterator[Executor | None]:
        """The workers of the cluster, if one is named."""
        if self.dask is None:
            yield None
        else:
            with dask_cluster(self.dask) as cluster:
                yield cluster


def _campaign(claims: Sequence[Claim], source: str, command: Sequence[str], options: Options) -> None:
    options.check()
    verdicts, interrupted = _reach(claims, source, options)
    order: dict[tuple[str, str], int] = {(c.name, c.reading): i for i, c in enumerate(claims)}
    verdicts = sorted(verdicts, key=lambda v: order[v.claim, v.reading])
    # First the file: standard output may have been closed in the meantime.
    text = json.dumps([v.to_json() for v in verdicts], indent=1) + "\n"
    written = options.json_file is None or write(options.json_file, text)
    if verdicts:
        _print(verdicts, options.quiet)
    if options.timings and any(v.stages for v in verdicts):
        print_table(table.of_timings(verdicts), table.narrow_timings(verdicts), options.quiet)
    if interrupted:
        sys.stdout.flush()
        how = "go on with" if options.resume is not None else "none is kept for a later run, as it would be with"
        decided = _decided(len(verdicts), len(claims), "claims")
        print(f"interrupted: {decided}; {how}: {options.again(command)}", file=sys.stderr)
    raise typer.Exit(1 if interrupted or not written or any(v.error for v in verdicts) else 0)


def _reach(claims: Sequence[Claim], source: str, options: Options) -> tuple[list[Verdict], bool]:
    """The verdicts on the claims that are decided, and whether an interruption left others."""
    reached: list[Verdict] = []
    several = options.seeds > 1
    with Work("checking", len(claims) * options.seeds, options.quiet) as work:

        def step(verdict: Verdict, seed: int, known: bool) -> None:
            what = f"{verdict.claim} ({verdict.reading})" + (f" seed {seed}" if several else "")
            work.advance(what, verdict.outcome, known=known)

        try:
            with options.executor() as executor:
                campaign.run(
                    claims,
                    seeds=range(options.seed, options.seed + options.seeds),
                    budget=options.budget,
                    workers=options.workers or os.cpu_count() or 1,
                    isolated=True,
                    executor=executor,
                    source=source,
                    store=options.resume,
                    report=reached.append,
                    step=step,
                )
        except KeyboardInterrupt:
            return reached, True
        except (campaign.StoreError, ExecutorError) as error:
            refuse(str(error))
    return reached, False


def _print(verdicts: Sequence[Verdict], quiet: bool) -> None:
    wide = print_table(table.of_verdicts(verdicts), table.narrow_verdicts(verdicts), quiet)
    if quiet:
        print(table.counts(verdicts))
        return
    console = open_console()
    for line in table.notes(verdicts, narrow=not wide):
        console.print(line, markup=False, highlight=False)

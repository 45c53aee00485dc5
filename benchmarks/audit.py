"""Where the time of the audit goes: every claim by stage, one worker against two, and time against the budget.

``python -m benchmarks.audit`` runs it, keeps the numbers in ``benchmarks/results/audit.json`` and prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import described, peak_memory, reset_peak
from entropy_theory.checking import campaign
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.registry import paper_claims, select
from entropy_theory.checking.stages import STAGES
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import BUDGET, check

RESULTS = Path(__file__).parent / "results" / "audit.json"

KINDS = (
    "lemma-iv.1",
    "proposition-iv.1/mdp",
    "remark-iv.1/comonotone",
    "theorem-v.1/bound",
    "theorem-v.2/eq-16",
    "proposition-vi.1/strict",
    "theorem-vi.2/one-step",
    "theorem-vii.1/eq-25",
    "section-viii/confidence-rises",
    "beyond/margin-gauge",
)
"""Claims of all kinds, whose time is measured against the budget."""

FEW = ("theorem-v.2/eq-16", "theorem-iv.1/two-actions", "section-viii/confidence-rises")

BUDGETS, SMALL_BUDGETS = (2_000, 20_000, 200_000), (50, 500)

ROUNDS = 2
"""Turns of one worker and of two."""


def audit(claims: Sequence[Claim], budget: int, workers: int) -> tuple[list[Verdict], float, float]:
    """The verdicts, the seconds on the clock and the seconds of all processes together, their start included."""
    before, started = _processor_seconds(), time.perf_counter()
    verdicts = campaign.run(claims, budget=budget, workers=workers, isolated=True, source="paper")
    return verdicts, time.perf_counter() - started, _processor_seconds() - before


def _processor_seconds() -> float:
    own = os.times()
    return own.user + own.system + own.children_user + own.children_system


def against_workers(claims: Sequence[Claim], budget: int, rounds: int) -> dict[str, Any]:
    """One worker and two, in turn; the verdicts by stage are those of one worker."""
    clock: dict[int, list[float]] = {1: [], 2: []}
    processor: dict[int, list[float]] = {1: [], 2: []}
    verdicts: list[Verdict] = []
    for _ in range(rounds):
        for workers in (1, 2):
            found, seconds, cpu = audit(claims, budget, workers)
            clock[workers].append(seconds)
            processor[workers].append(cpu)
            verdicts = found if workers == 1 else verdicts
    ratios = [one / two for one, two in zip(clock[1], clock[2], strict=True)]
    return {
        "workers": [
            {"workers": n, "seconds": median(clock[n]), "processor_seconds": median(processor[n])} for n in (1, 2)
        ],
        "speed_up": median(ratios),
        "claims": [_row(v) for v in verdicts],
    }


def _row(verdict: Verdict) -> dict[str, Any]:
    stages = asdict(verdict.stages) if verdict.stages is not None else {}
    return {
        "claim": verdict.claim,
        "reading": verdict.reading,
        "outcome": verdict.outcome,
        "instances": verdict.instances,
        "seconds": verdict.seconds,
        "stages": stages,
    }


def against_budget(claims: Sequence[Claim], budgets: Sequence[int]) -> list[dict[str, Any]]:
    """Seconds by stage, and the most memory, of the claims together at each budget."""
    for claim in claims:
        check(claim, 0, min(budgets))  # imports and caches
    out = []
    for budget in budgets:
        base = reset_peak()
        verdicts = [check(claim, 0, budget) for claim in claims]
        peak = peak_memory()
        known = [asdict(v.stages) for v in verdicts if v.stages is not None]
        out.append(
            {
                "budget": budget,
                "stages": {name: sum(stages[name] for stages in known) for name in known[0]},
                "peak_bytes": None if base is None or peak is None else max(0, peak - base),
            }
        )
    return out


def at_budget(size: tuple[int]) -> Callable[[], dict[str, Any]]:
    """The check of a few claims at a budget, as the other benchmarks state their work.

    Parameters
    ----------
    size : tuple of int
        The budget.
    """
    claims = select(paper_claims(), FEW)
    return lambda: {"instances": np.array([check(claim, 0, size[0]).instances for claim in claims])}


def measure(*, quick: bool = False) -> dict[str, Any]:
    """All that the benchmark measures, as it is stored.

    Parameters
    ----------
    quick : bool
        A few claims and small budgets, in seconds.
    """
    few = select(paper_claims(), FEW)
    claims, budget, rounds = (few, SMALL_BUDGETS[-1], 1) if quick else (paper_claims(), BUDGET, ROUNDS)
    return {
        "title": "The audit",
        "machine": described(),
        "budget": budget,
        **against_workers(claims, budget, rounds),
        "of": len(few) if quick else len(select(paper_claims(), KINDS)),
        "budgets": against_budget(few if quick else select(paper_claims(), KINDS), SMALL_BUDGETS if quick else BUDGETS),
    }


def markdown(results: dict[str, Any]) -> str:
    """The section of benchmarks/README.md.

    Parameters
    ----------
    results : dict
        What `measure` returned.

    Returns
    -------
    str
    """
    rows = results["claims"]
    times = {name: sum(row["stages"].get(name, 0.0) for row in rows) for name in STAGES}
    whole = sum(times.values())
    one, two = results["workers"]
    return "\n".join(
        [
            f"### {results['title']}",
            "",
            f"{len(rows)} readings of the claims at a budget of {results['budget']:,} instances each, from the start "
            "of the worker processes to the last verdict. One worker and two take turns; the stages are those of one "
            "worker. An instance is decided in floats; those that floats find nearest to failing, in balls.",
            "",
            "| workers | seconds | processor seconds | speed-up |",
            "|---:|---:|---:|---:|",
            f"| 1 | {one['seconds']:.1f} | {one['processor_seconds']:.1f} | |",
            f"| 2 | {two['seconds']:.1f} | {two['processor_seconds']:.1f} | {results['speed_up']:.2f} |",
            "",
            "| stage | seconds | share | |",
            "|---|---:|---:|---|",
            *(f"| {name} | {t:.2f} | {t / whole:.0%} | {_did(name, rows)} |" for name, t in times.items()),
            "",
            f"Time against the budget, {results['of']} readings of all kinds together: what is drawn grows with the "
            "budget, and each instance costs the same; optimisation, decisions in balls and proofs do not depend on it "
            "but by what there is to find.",
            "",
            "| budget | instances drawn | propose | µs an instance | all other stages | memory |",
            "|---:|---:|---:|---:|---:|---:|",
            *(_budget(row) for row in results["budgets"]),
            "",
            "<details><summary>Every claim</summary>",
            "",
            f"| claim | reading | outcome | seconds | instances a second | {' | '.join(STAGES)} |",
            f"|---|---|---|---:|---:|{'---:|' * len(STAGES)}",
            *(_claim(row) for row in rows),
            "",
            "</details>",
            "",
        ]
    )


def _did(stage: str, rows: Sequence[dict[str, Any]]) -> str:
    total = {
        name: sum(row["stages"].get(name, 0) for row in rows)
        for name in ("proposed", "optimised", "examined", "attempts")
    }
    return {
        "propose": f"{total['proposed']:,} instances drawn",
        "optimise": f"{total['optimised']:,} points",
        "certify": f"{total['examined']:,} decisions in balls, those of the shrinking included",
        "shrink": f"{total['attempts']:,} simpler counterexamples tried",
    }.get(stage, "")


def _budget(row: dict[str, Any]) -> str:
    stages = row["stages"]
    other = sum(stages[name] for name in STAGES if name != "propose")
    memory = "" if row["peak_bytes"] is None else f"{row['peak_bytes'] / 2**20:,.0f} MiB"
    each = 1e6 * stages["propose"] / stages["proposed"]
    return (
        f"| {row['budget']:,} | {stages['proposed']:,} | {stages['propose']:.2f} s | {each:.2f} | {other:.2f} s | "
        f"{memory} |"
    )


def _claim(row: dict[str, Any]) -> str:
    seconds = row["seconds"]
    speed = f"{row['instances'] / seconds:,.0f}" if seconds else ""
    shares = [row["stages"].get(name, 0.0) / seconds if seconds else 0.0 for name in STAGES]
    return (
        f"| {row['claim']} | {row['reading']} | {row['outcome']} | {seconds:.2f} | {speed} | "
        f"{' | '.join(f'{share:.0%}' for share in shares)} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, store and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", "--small", action="store_true", help="a few claims and small budgets; kept only with --output"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where the numbers go")
    options = parser.parse_args(arguments)
    results = measure(quick=options.quick)
    output = options.output or (None if options.quick else RESULTS)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(markdown(results))


if __name__ == "__main__":
    main()

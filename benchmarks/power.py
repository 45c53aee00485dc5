"""How often a false claim is found out, side by side with what a user would otherwise do, on claims of known truth.

``python -m benchmarks.power`` checks all claims of `benchmarks.power_claims`, keeps one row a claim in
``benchmarks/results/power.json`` and prints Markdown. ``--set second`` and ``--set third`` do so with those of
`benchmarks.power_claims.second` and `third`, which were written apart from the search.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.harness import _environment
from benchmarks.machine import described
from benchmarks.power_claims import HELD_OUT, LABELLED
from benchmarks.power_claims.contenders import PATIENCE, available, violated
from benchmarks.power_claims.labelled import Labelled
from benchmarks.power_claims.second import SECOND
from benchmarks.power_claims.third import THIRD

RESULTS = Path(__file__).parent / "results"

SETS: Mapping[str, tuple[str, Sequence[Labelled]]] = {
    "first": ("Power", LABELLED),
    "second": ("Power, second set", SECOND),
    "third": ("Power, third set", THIRD),
}
"""Title and claims of each set; results are in ``power.json``, ``power-second.json`` and so on."""

KNOWN: Mapping[str, Labelled] = {x.name: x for _, claims in SETS.values() for x in claims}

SAMPLES = 2_000_000
"""Uniform points from which an unknown share is estimated."""

SEEN = 20
"""Violations among them from which on the estimate is kept; below, only a bound is known."""

WORKERS = 2

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}

SMALL = (
    "entropy-at-most-log-n",
    "kl-one-way",
    "bhatia-davis-is-strict",
    "spike-of-two-in-a-billion",
    "entropy-to-second-order",
    "no-pell-unit",
)
"""Claims of a quick run."""

PACKAGE = "`et.verify`"


def share_of(labelled: Labelled, samples: int = SAMPLES) -> tuple[float | None, str]:
    """The share of the boxes on which a claim fails, and where the number comes from.

    Parameters
    ----------
    labelled : Labelled
    samples : int
        Uniform points where it is not known.

    Returns
    -------
    (float or None, str)
        "formula", "measured" or "bound"; None and "none" for a true claim.
    """
    if labelled.true or labelled.known != "measured":
        return labelled.share, labelled.known
    rng = np.random.default_rng(0)
    rounds, hits, drawn = max(1, samples // 50_000), 0, 0
    for _ in range(rounds):
        for box in labelled.boxes:
            low, high = np.array(box.low), np.array(box.high)
            x = low + (high - low) * rng.random((min(samples, 50_000) // len(labelled.boxes), box.size))
            with np.errstate(all="ignore"):
                hits += int(violated(labelled, x)[1].sum())
            drawn += len(x)
    # Of no hits in n draws three are expected at most, at 95 %.
    return (hits / drawn, "measured") if hits >= min(SEEN, drawn // 100) else (max(2 * hits, 3) / drawn, "bound")


def row_of(name: str, budget: int | None = None, samples: int = SAMPLES) -> dict[str, Any]:
    """One claim by the package and by every contender.

    Parameters
    ----------
    name : str
    budget : int, optional
        Of the package; its default if left out.
    samples : int
        As in `share_of`.

    Returns
    -------
    dict
        As ``power.json`` has it.
    """
    import entropy_theory as et

    labelled = KNOWN[name]
    verdict: Any = et.verify(labelled.claim) if budget is None else et.verify(labelled.claim, budget=budget)
    stages = verdict.stages
    evaluations = verdict.instances + (0 if stages is None else stages.examined)
    share, known = share_of(labelled, samples)
    row: dict[str, Any] = {
        "claim": name,
        "kind": labelled.claim.kind,
        "true": labelled.true,
        "why": labelled.why,
        "held_out": name in HELD_OUT or any(labelled is x for x in (*SECOND, *THIRD)),
        "share": share,
        "share_is": known,
        "outcome": verdict.outcome,
        "counterexample": verdict.counterexample,
        "message": verdict.message,
        "by": {
            PACKAGE: {
                "found": verdict.outcome == "refuted",
                "undecided": verdict.outcome == "undecided",
                "evaluations": evaluations,
                "seconds": verdict.seconds,
            }
        },
    }
    for label, search in available().items():
        result = search(labelled, evaluations, verdict.seconds)
        row["by"][label] = {
            "found": result.found,
            "undecided": False,
            "evaluations": result.evaluations,
            "seconds": result.seconds,
        }
    return row


def measure(
    names: Sequence[str] | None = None, *, of: str = "first", budget: int | None = None, samples: int = SAMPLES
) -> dict[str, Any]:
    """All that the benchmark measures, as it is stored.

    Parameters
    ----------
    names : sequence of str, optional
        The claims; all of the set if left out.
    of : {"first", "second", "third"}
        The set.
    budget : int, optional
    samples : int

    Returns
    -------
    dict
    """
    title, claims = SETS[of]
    names = [x.name for x in claims] if names is None else list(names)
    n = len(names)
    workers = min(WORKERS, os.cpu_count() or 1)
    with (
        _environment(ONE_THREAD),
        ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        rows = []
        for row in pool.map(row_of, names, [budget] * n, [samples] * n):
            rows.append(row)
            found = ", ".join(label for label, by in row["by"].items() if by["found"]) or "none"
            print(f"{len(rows)} / {n} {row['claim']}: {row['outcome']}; found by {found}", file=sys.stderr, flush=True)
    return {"title": title, "machine": described(), "workers": workers, "patience": PATIENCE, "claims": rows}


def totals(rows: Sequence[Mapping[str, Any]], label: str) -> dict[str, Any]:
    """What one contender did on some claims.

    Parameters
    ----------
    rows : sequence of dict
        Of ``claims``.
    label : str

    Returns
    -------
    dict
        ``found`` and ``of`` (false claims), ``wrong`` and ``of_true``, ``undecided``, medians of ``seconds`` and
        ``evaluations``.
    """
    false = [row["by"][label] for row in rows if not row["true"]]
    true = [row["by"][label] for row in rows if row["true"]]
    every = false + true
    return {
        "found": sum(x["found"] for x in false),
        "of": len(false),
        "wrong": sum(x["found"] for x in true),
        "of_true": len(true),
        "undecided": sum(x["undecided"] for x in every),
        "seconds": median(x["seconds"] for x in every) if every else math.nan,
        "evaluations": median(x["evaluations"] for x in every) if every else math.nan,
    }


def decade(share: float) -> str:
    """The row of the second table to which a share belongs.

    Parameters
    ----------
    share : float

    Returns
    -------
    str
    """
    if share == 0:
        return "0"
    power = math.floor(-math.log10(share) + 1e-9)
    return "below 1e-12" if power >= 12 else f"1e-{power + 1} to 1e-{power}" if power else "0.1 to 1"


def missed(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The false claims that the package did not refute, the largest share first.

    Parameters
    ----------
    results : dict
        What `measure` returned.

    Returns
    -------
    list of dict
    """
    rows = [row for row in results["claims"] if not row["true"] and not row["by"][PACKAGE]["found"]]
    return sorted(rows, key=lambda row: -(row["share"] or 0.0))


def _missed(row: Mapping[str, Any]) -> str:
    most = "at most " if row["share_is"] == "bound" else ""
    return f"| {row['claim']} | {most}{row['share']:.1e} | {row['outcome']} |"


def markdown(results: Mapping[str, Any]) -> str:
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
    labels = list(rows[0]["by"])
    false = [row for row in rows if not row["true"]]
    groups: dict[str, list[Any]] = {}
    for row in sorted(false, key=lambda row: -row["share"]):
        groups.setdefault(decade(row["share"]), []).append(row)
    lines = [
        f"### {results['title']}",
        "",
        f"{len(rows)} claims that are not in the paper, {len(false)} of them false, each with a witness in rational "
        "numbers. The package checks them at its default budget and seed 0. The others search the difference of the "
        "two sides, written as plain functions of a box, with as many evaluations or as much time as the package "
        f"took, whichever is more; where {results['patience']:g} s, or its time if that is more, do not suffice for as "
        "many evaluations, they stop there. Compilation is not counted. They are wrong where rounding makes them call "
        "a true claim false.",
        "",
        "| | false ones found | true ones called false | undecided | median time | median evaluations |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for label in labels:
        t = totals(rows, label)
        lines.append(
            f"| {label} | {t['found']} / {t['of']} | {t['wrong']} / {t['of_true']} | {t['undecided']} | "
            f"{t['seconds']:.2f} s | {t['evaluations']:,.0f} |"
        )
    lines += [
        "",
        "False claims found, by the share of the box on which they fail (a formula, an estimate from "
        f"{SAMPLES:,} uniform points, or an upper bound, as the results say):",
        "",
        f"| share | claims | {' | '.join(labels)} |",
        f"|---|---:|{'---:|' * len(labels)}",
    ]
    for name, group in groups.items():
        counts = " | ".join(str(sum(row["by"][label]["found"] for row in group)) for label in labels)
        lines.append(f"| {name} | {len(group)} | {counts} |")
    if left := missed(results):
        lines += ["", "False claims that the package did not refute:", "", "| claim | share | outcome |"]
        lines += ["|---|---:|---|", *(_missed(row) for row in left)]
    return "\n".join([*lines, ""])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, store and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CLAIM", help="all if left out")
    parser.add_argument("--set", choices=list(SETS), default="first")
    parser.add_argument("--small", action="store_true", help="a few claims and a small budget; kept only with --output")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where the numbers go")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(KNOWN)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if options.small:
        results = measure(options.names or SMALL, budget=500, samples=10_000)
    else:
        results = measure(options.names or None, of=options.set)
    stored = RESULTS / ("power.json" if options.set == "first" else f"power-{options.set}.json")
    output = options.output or (None if options.small or options.names else stored)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(markdown(results))


if __name__ == "__main__":
    main()

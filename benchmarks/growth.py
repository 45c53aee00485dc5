"""Time and peak memory of the package against the size of the problem, over three decades and more."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import audit, mdp, policies, sparse, token_tree, training
from benchmarks.harness import BURST, RESULTS, Contender, Size, Worker
from benchmarks.machine import described
from benchmarks.tables import write_readme

HERE = Path(__file__).parent

CALLS = 5
"""Timed calls, of which the median is taken; one where it takes more than `LONG` seconds."""

LONG = 3.0

FITTED = 1.5
"""Decades at the upper end over which the slope is taken: below them fixed costs count."""


@dataclass(frozen=True)
class Series:
    """One kind of work at growing sizes.

    Attributes
    ----------
    label, unit : str
        What is done, and what the amount counts.
    contender : Contender
    sizes : sequence of tuple
        In ascending order.
    amount : callable
        Of a size.
    """

    label: str
    unit: str
    contender: Contender
    sizes: Sequence[Size]
    amount: Callable[[Any], float]


SERIES = (
    Series(
        "policies, 64 actions",
        "policies",
        Contender(policies.ours),
        [(n, 64) for n in (30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000)],
        lambda size: float(size[0]),
    ),
    Series(
        "64 policies",
        "actions",
        Contender(policies.ours),
        [(64, n) for n in (30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000)],
        lambda size: float(size[1]),
    ),
    Series(
        "one dense MDP",
        "states",
        Contender(mdp.ours),
        [(n,) for n in (3, 10, 30, 100, 300, 1000, 3000)],
        lambda size: float(size[0]),
    ),
    Series(
        "MDPs of 10 states",
        "MDPs",
        Contender(mdp.ours),
        [(n, 10) for n in (10, 30, 100, 300, 1000, 3000, 10_000, 30_000)],
        lambda size: float(size[0]),
    ),
    Series(
        "grid world, discount 0.95",
        "states",
        Contender(sparse.ours),
        [(n, 0.95) for n in (10, 18, 32, 56, 100, 178, 316, 562, 1000)],
        lambda size: float(size[0] ** 2),
    ),
    Series(
        "token tree, 8 tokens",
        "state-action nodes",
        Contender(token_tree.ours),
        [(8, n, 1) for n in range(1, 9)],
        lambda size: float(token_tree.nodes(size)),
    ),
    Series(
        "sampled training",
        "tokens a batch",
        Contender(training.our_updates),
        [(n, 8, 8, 3) for n in (1, 4, 16, 64, 256, 1024)],
        lambda size: float(size[0] * 8 * 3),
    ),
    Series(
        "audit, four readings",
        "budget",
        Contender(audit.at_budget),
        [(n,) for n in (300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)],
        lambda size: float(size[0]),
    ),
)


def measured(series: Series, sizes: Sequence[Size] | None = None) -> dict[str, Any]:
    """Seconds and bytes at each size, each in a process of its own, as JSON has them."""
    points = []
    for size in series.sizes if sizes is None else sizes:
        worker = Worker(series.contender, size)
        try:
            worker.ask("prepare")
            worker.ask("answers")
            peak, first = worker.ask("peak")
            calls = max(1, round(BURST / max(first, 1e-7)))
            times = [worker.ask("time", calls) for _ in range(CALLS)] if first < LONG else [first]
        finally:
            worker.close()
        points.append({"amount": series.amount(size), "seconds": median(times), "peak_bytes": peak})
        print(f"{series.label}: {points[-1]}", flush=True)
    return {
        "label": series.label,
        "unit": series.unit,
        "points": points,
        "slope_of_time": slope(points, "seconds"),
        "slope_of_memory": slope(points, "peak_bytes"),
    }


def slope(points: Sequence[dict[str, Any]], key: str) -> float | None:
    """Exponent of the growth at the upper end, by least squares on the logarithms."""
    known = [(math.log10(p["amount"]), math.log10(p[key])) for p in points if p[key]]
    if len(known) < 2:
        return None
    upper = [(x, y) for x, y in known if x >= known[-1][0] - FITTED]
    x, y = np.array(upper if len(upper) > 1 else known[-2:]).T
    return float(np.polyfit(x, y, 1)[0])


def draw(results: dict[str, Any]) -> Any:
    """A panel for each kind of work: time on the left axis, memory on the right."""
    from matplotlib.figure import Figure

    from entropy_theory.figures.style import EXACT, PAPER, style

    series = results["series"]
    with style():
        figure = Figure(figsize=(12.5, 6.4), layout="constrained")
        for axis, item in zip(figure.subplots(2, math.ceil(len(series) / 2)).flat, series, strict=False):
            other = axis.twinx()
            other.spines["right"].set_visible(True)
            for side, key, scale, colour, dash in (
                (axis, "seconds", 1.0, EXACT, "-"),
                (other, "peak_bytes", 2.0**-20, PAPER, "--"),
            ):
                known = [(p["amount"], p[key] * scale) for p in item["points"] if p[key]]
                side.loglog(*zip(*known, strict=True), dash, color=colour, marker="o", markersize=3.5, linewidth=1.6)
                side.tick_params(axis="y", which="both", colors=colour, labelcolor=colour)
            title = f"{item['label']}\ntime {_number(item['slope_of_time'])}, memory {_number(item['slope_of_memory'])}"
            axis.set_title(title, fontsize=9.5)
            axis.set_xlabel(item["unit"])
        figure.suptitle("Solid: time in s, left. Dashed: peak memory in MiB, right.", fontsize=9.5, ha="left", x=0.01)
    return figure


def markdown(results: dict[str, Any]) -> str:
    """The section of benchmarks/README.md."""
    lines = [
        "![For each kind of work, time and peak memory against size on logarithmic axes, with the slope at the upper "
        "end.](growth.svg)",
        "",
        f"The slopes are taken over the upper {FITTED:g} decades; memory is what the work itself takes at its peak, "
        "beside its inputs (and the results that it overwrites, for policies).",
        "",
        "| work | sizes | longest | slope of time | most memory | slope of memory |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for item in results["series"]:
        first, last = item["points"][0], item["points"][-1]
        memory = last["peak_bytes"]
        lines.append(
            f"| {item['label']} | {first['amount']:,.0f} to {last['amount']:,.0f} {item['unit']} "
            f"| {last['seconds']:.3g} s | {_number(item['slope_of_time'])} "
            f"| {'' if memory is None else f'{memory / 2**20:,.0f} MiB'} | {_number(item['slope_of_memory'])} |"
        )
    return "\n".join(lines) + "\n"


def _number(slope: float | None) -> str:
    return "" if slope is None else f"{slope:.2f}"


def main() -> None:
    """Measure all series; keep, draw and print the results."""
    from entropy_theory.figures.style import save

    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="the smallest sizes, nothing is kept")
    options = parser.parse_args()
    results = {
        "machine": described(),
        "series": [measured(item, item.sizes[:2] if options.small else None) for item in SERIES],
    }
    print(markdown(results))
    if not options.small:
        (RESULTS / "growth.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        save(draw(results), HERE, "growth")
        write_readme()


if __name__ == "__main__":
    main()

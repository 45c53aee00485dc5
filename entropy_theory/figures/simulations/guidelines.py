"""Section VIII.D: what the guidelines say, measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from entropy_theory.figures.simulations.parts import DASHES, SERIES
from entropy_theory.figures.style import INK, MUTED, style
from entropy_theory.simulations.result import Estimate, Result

_GAPS = {
    "none": "no control",
    "bonus 0.2": r"bonus, $\alpha$ = 0.2",
    "bonus 0.2 to 0": r"bonus, $\alpha$ annealed",
    "KL-Cov as released": "KL-Cov as released",
    "KL-Cov as released, annealed": r"the same, $\beta$ annealed",
    "KL-Cov of the paper": "KL-Cov of the paper",
    "KL-Cov of the paper, fixed anchor": "the same, fixed anchor",
    "KL-Cov of the paper, fixed anchor, annealed": r"fixed anchor, $\beta$ annealed",
}
_HATCHES = ("", "////", "....", "xx")


def draw(result: Result) -> Figure:
    """Top: coverage against reward where many responses are right; rewards where one is. Below: gaps of exact updates;
    what bands of covariance hold."""
    curves = result.curves
    with style():
        figure = Figure(figsize=(9, 8.2), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.1, wspace=0.04))
        (many, one), (gaps, bands) = figure.subplots(2, 2)
        names = list(curves["tasks"])
        _many(many, curves["tasks"][names[0]])
        _one(one, {name: curves["tasks"][name]["reward"] for name in names[1:]})
        _gaps(gaps, curves["places"], curves["gaps"])
        _bands(bands, curves["bands"])
        return figure


def _look(name: str) -> dict[str, Any]:
    """Colour and marker of a control: open where its coefficient is annealed."""
    kinds = (
        ("none", INK, "X"),
        ("bonus", SERIES[0], "o"),
        ("KL-Cov 0.2", SERIES[1], "s"),
        ("KL-Cov", SERIES[1], "D"),
        ("Clip-Cov", SERIES[2], "^"),
    )
    color, marker = next((c, m) for start, c, m in kinds if name.startswith(start))
    return {"color": color, "marker": marker, "markerfacecolor": "white" if name.endswith(" to 0") else color}


def _plain(name: str) -> str:
    return {"none": "no control"}.get(name, name.replace(" to 0", r" $\to$ 0").replace("beta", r"$\beta$"))


def _point(axes: Axes, x: Any, y: Any, name: str) -> tuple[Estimate, Estimate]:
    across, up = Estimate.of(x), Estimate.of(y)
    errors = [[[e.mean - e.low], [e.high - e.mean]] for e in (across, up)]
    axes.errorbar(
        across.mean, up.mean, xerr=errors[0], yerr=errors[1], **_look(name), linewidth=1.2, markersize=6, label=name
    )
    return across, up


def _many(axes: Axes, table: dict[str, dict[str, list[float]]]) -> None:
    axes.set_title("Many right responses:\nhow many of them are used")
    crowd = []
    for name, reward in table["reward"].items():
        across, up = _point(axes, reward, table["coverage"][name], name)
        if name.startswith("bonus"):
            label = name.removeprefix("bonus ")
            axes.annotate(
                r"$\alpha$ = " + _plain(label),
                (across.mean, up.mean),
                xytext=(-7, 5),
                textcoords="offset points",
                ha="right",
                fontsize=8.5,
                color=SERIES[0],
            )
        else:
            crowd.append(name)
    handles, _ = axes.get_legend_handles_labels()
    labels = [*table["reward"]]
    kept = [(h, _plain(n)) for h, n in zip(handles, labels, strict=True) if n in crowd]
    axes.legend(*zip(*kept, strict=True), frameon=False, fontsize=8.5, loc="upper right")
    axes.set_xlabel(r"expected reward $J$ at the end")
    axes.set_ylabel("coverage of the right responses")
    low, high = axes.get_xlim()
    axes.set_xlim(low - 0.15 * (high - low), high)


def _one(axes: Axes, rewards: dict[str, dict[str, list[float]]]) -> None:
    axes.set_title("One right response:\nreward at the end")
    controls = list(next(iter(rewards.values())))
    for place, (task, found) in enumerate(rewards.items()):
        for row, name in enumerate(controls):
            estimate = Estimate.of(found[name])
            axes.errorbar(
                estimate.mean,
                row + 0.24 * (place - 0.5),
                xerr=[[estimate.mean - estimate.low], [estimate.high - estimate.mean]],
                color=SERIES[3 * place],
                marker="oD"[place],
                markerfacecolor="white" if place else SERIES[0],
                markersize=5,
                linewidth=1.2,
                label={0: task, 1: "the same with part credit"}[place] if row == 0 else None,
            )
    axes.set_yticks(range(len(controls)), [_plain(name) for name in controls])
    axes.invert_yaxis()
    axes.grid(axis="y", color=MUTED, alpha=0.25, linewidth=0.6)
    axes.set_xlabel(r"expected reward $J$ at the end")
    axes.legend(frameon=False, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.4, -0.16), ncols=2)


def _gaps(axes: Axes, places: list[int], gaps: dict[str, list[float]]) -> None:
    axes.set_title("Exact updates:\ngap to the best reward")
    for i, (name, label) in enumerate(_GAPS.items()):
        axes.plot(
            places, gaps[name], color=SERIES[i], linestyle=DASHES[i], linewidth=1.6, marker="os^DvXP*"[i], markersize=4,
            label=label,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("update")
    axes.set_ylabel(r"$1 - J$, mean")
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=2)


def _bands(axes: Axes, bands: dict[str, list[list[float]]]) -> None:
    axes.set_title("A large vocabulary:\nwhat a band of covariance holds")
    width = 0.8 / len(bands)
    for i, (name, table) in enumerate(bands.items()):
        estimates = [Estimate.of(column) for column in np.array(table).T]
        axes.bar(
            np.arange(len(estimates)) + (i - (len(bands) - 1) / 2) * width,
            [e.mean for e in estimates],
            width,
            yerr=[[e.mean - e.low for e in estimates], [e.high - e.mean for e in estimates]],
            color=SERIES[i],
            alpha=0.75,
            hatch=_HATCHES[i],
            edgecolor="white",
            ecolor=INK,
            label={"1 to 5 means": "1 to 5 times the mean", "above 5 means": "above 5 times the mean"}.get(name, name),
        )
    axes.set_xticks(range(3), ["of the\ntokens", "of the positive\ncovariance", "of the top 2 %\nof the tokens"])
    axes.set_ylabel("share")
    axes.legend(frameon=False, fontsize=8.5, loc="upper center", bbox_to_anchor=(0.45, -0.16), ncols=2)

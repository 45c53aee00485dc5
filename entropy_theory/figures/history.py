"""The picture of a training run: what happens to reward, entropy, divergence and selection, step by step."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from entropy_theory.figures.style import EXACT, style
from entropy_theory.training.history import History

PANELS = {
    "objective": "Expected reward J",
    "entropy": "Entropy (nats)",
    "kl_to_start": "KL to the start (nats)",
    "selected": "Share of tokens selected",
}


def draw(history: History) -> Figure:
    """A panel for each of reward, entropy, divergence from the start and, if the control selects tokens, their share.

    Parameters
    ----------
    history : History
    """
    chosen = [name for name in PANELS if name != "selected" or np.nansum(history.selected) > 0]
    with style():
        figure = Figure(figsize=(2.9 * len(chosen), 2.7), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(chosen)), chosen, strict=True):
            axes.plot(history.step, getattr(history, name), color=EXACT, marker="" if history.step.size > 1 else "o")
            axes.set_title(PANELS[name])
            axes.set_xlabel("updates")
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            if name != "objective":
                axes.set_ylim(bottom=0)
    return figure

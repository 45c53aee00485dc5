"""The look that all figures share, and files that are the same bytes each time.

The colours are the blue and the vermilion of Okabe and Ito, told apart with any colour vision; the vermilion is a
little darker than theirs, so that words in it are easy to read. What a colour says, a dash or a label says too: a print
in grey loses nothing. `PAPER` is for what the paper prints, `EXACT` for the exact value; the light ones are for
areas, on which words in ink stay easy to read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from entropy_theory.files import write_whole

PAPER = "#BF5200"
EXACT = "#0072B2"
INK = "#222222"
MUTED = "#666666"
SKY = "#56B4E9"
DASHED = (0, (5, 2))
LIGHT_PAPER = "#F5C9A6"
LIGHT_EXACT = "#D3E9F5"
MIDDLE_EXACT = "#93C6E4"
LIGHT = "#ECECEC"
SHADES = LinearSegmentedColormap.from_list("shades", ["#FFFFFF", "#C4E0F0", "#5BA9D4"])
"""Colour map of a quantity of one sign that is light enough to draw on; its lightness falls evenly."""
DIVERGING = LinearSegmentedColormap.from_list("blue_white_vermilion", [EXACT, "#FFFFFF", PAPER])
"""Colour map of a quantity of two signs, white at zero; in grey both ends are dark, and a hatch tells them apart."""

_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with Matplotlib
    "font.size": 9.5,
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 11,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "hatch.linewidth": 0.8,
    "lines.linewidth": 2.2,
    "lines.solid_capstyle": "round",
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "entropy_theory",
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 9,
    "xtick.minor.visible": False,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 9,
}
_METADATA: dict[str, dict[str, Any]] = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}


@contextmanager
def style() -> Iterator[None]:
    """The project's style inside a ``with`` block, whatever the user's own settings; they are back after it.

    Yields
    ------
    None
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name.svg`` and ``name.png`` into a folder; neither file holds a date.

    Each is written whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    folder : pathlib.Path
    name : str

    Returns
    -------
    list of pathlib.Path
        The two files.
    """
    paths = [folder / f"{name}.{kind}" for kind in _METADATA]
    with style():
        for path, (kind, metadata) in zip(paths, _METADATA.items(), strict=True):
            write_whole(path, partial(figure.savefig, format=kind, metadata=metadata))
    return paths

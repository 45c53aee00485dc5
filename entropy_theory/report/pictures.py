"""Pictures as data URIs, so that the page needs no second file; the same bytes each time."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace
from textwrap import fill
from types import ModuleType

from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from entropy_theory.checking.claim import Claim
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import sample
from entropy_theory.figures.style import style

DOTS_PER_INCH = 120
"""Resolution of the pictures of verdicts; the page shows them at `SHOWN` dots an inch."""

SHOWN = 80

COLOURS = 48
"""Colours of a verdict's picture: two hues, grey, and what softens their edges."""

TITLE = 44
"""Characters in a line of a picture's title; a longer word, as a claim's name may be, is cut."""


@dataclass(frozen=True)
class Picture:
    """A picture that a page can hold.

    Attributes
    ----------
    uri : str
        Data URI.
    width, height : int
        Size in CSS pixels.
    alternative : str
        What it shows, in words.
    """

    uri: str
    width: int
    height: int
    alternative: str


def of_verdict(claim: Claim, verdict: Verdict, seed: int) -> Picture | None:
    """The picture of a verdict, or None where there is nothing to draw.

    Parameters
    ----------
    claim : Claim
    verdict : Verdict
        Of that claim, perhaps read from a file.
    seed : int
        Of the check.

    Returns
    -------
    Picture or None
    """
    drawn = replace(verdict, sample=sample(claim, seed))
    try:
        figure = drawn.plot()
    except ValueError:
        return None
    _wrap_title(figure)
    if drawn.sample:
        where = "on" if claim.kind == "identity" else "on or above"
        words = (
            f"Left and right side of {claim.name} ({claim.reading}) at {len(drawn.sample)} random instances. The claim "
            f"says that all points lie {where} the line of equality; its outcome is: {verdict.outcome}."
        )
    else:
        words = (
            f"Remainder of {claim.name} ({claim.reading}) against its step, both logarithmic, beside a line of the "
            f"claimed order; its outcome is: {verdict.outcome}."
        )
    return Picture(_uri("image/png", _png(figure)), *_size(figure), words)


def of_figure(module: ModuleType) -> Picture:
    """The picture of a figure of the theory.

    Parameters
    ----------
    module : module
        One of `entropy_theory.figures.FIGURES`.

    Returns
    -------
    Picture
    """
    figure: Figure = module.draw(module.data())
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(_uri("image/svg+xml", buffer.getvalue()), *_size(figure), module.CAPTION)


def _wrap_title(figure: Figure) -> None:
    axes = figure.axes[0]
    titles = (axes.get_title(loc) for loc in ("left", "center", "right"))
    title = next(title for title in titles if title)
    words = (word if len(word) <= TITLE else f"{word[: TITLE - 1]}…" for word in title.split())
    wrapped = fill(" ".join(words), TITLE, break_on_hyphens=False)
    for text in axes.findobj(Text):
        if isinstance(text, Text) and text.get_text() == title:
            text.set_text(wrapped)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    buffer.seek(0)
    few = Image.open(buffer).convert("RGB").quantize(COLOURS)
    out = io.BytesIO()
    few.save(out, "png", optimize=True)
    return out.getvalue()


def _size(figure: Figure) -> tuple[int, int]:
    width, height = figure.get_size_inches()
    return round(width * SHOWN), round(height * SHOWN)


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"

"""Figures of the project, each a module with ``data()``, the numbers, and ``draw(data)``, the picture.

A module also has ``TITLE``, half a line; ``CAPTION``, which serves as alternative text; and ``ABOUT``, the claims that
it illustrates, the main one first. They need Matplotlib and mpltern, an optional extra; the rest of the package does
not import them.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

_NAMES = (
    "lemma_iv_1",
    "lemma_iv_2",
    "theorem_v_1",
    "theorem_v_2",
    "proposition_vi_1",
    "theorem_vi_2",
    "theorem_vii_1",
    "theorem_vii_3",
    "theorem_vii_4",
    "beyond_majorization",
)

try:
    import matplotlib as _matplotlib
    import mpltern as _mpltern
except ImportError as error:
    raise ImportError(f"the figures need {error.name}: pip install 'entropy-theory[figures]'") from None

del _matplotlib, _mpltern

FIGURES: dict[str, ModuleType] = {name: import_module(f"{__name__}.{name}") for name in _NAMES}
"""Every figure's module by the name of its file, in the order of the paper."""

__all__ = ["FIGURES"]

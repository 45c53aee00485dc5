"""Figures of the project, each a module with ``data()``, the numbers, and ``draw(data)``, the picture.

They need Matplotlib, an optional extra; the rest of the package does not import it.
"""

try:
    import matplotlib as _matplotlib
except ImportError:
    raise ImportError("the figures need Matplotlib: pip install 'entropy-theory[figures]'") from None

del _matplotlib

from entropy_theory.figures import style, theorem_v_1  # noqa: E402

FIGURES = {"theorem_v_1": theorem_v_1}
"""Every figure's module by the name of its file."""

__all__ = ["FIGURES", "style", "theorem_v_1"]

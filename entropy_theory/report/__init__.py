"""The atlas of claims: one self-contained HTML page with every claim, its verdict and what the verdict rests on.

`content` gathers what the page says, as data; `page` sets it. They need Jinja2, latex2mathml and what the figures need,
an optional extra; the rest of the package does not import them.
"""

try:
    import jinja2 as _jinja2
    import latex2mathml as _latex2mathml

    from entropy_theory.figures import FIGURES
except ImportError as error:
    missing = error.name or "Matplotlib and mpltern"
    raise ImportError(f"the report needs {missing}: pip install 'entropy-theory[report]'") from None

__all__ = ["FIGURES"]

del _jinja2, _latex2mathml

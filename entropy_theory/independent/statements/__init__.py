"""The statements by name, section by section, each read when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from entropy_theory.independent.statement import Statement

SECTIONS = (
    "section_iii",
    "section_iv",
    "section_v_bonus",
    "section_v_optimum",
    "section_vi_clipping",
    "section_vi_penalty",
    "section_vii_variance",
    "section_vii_convergence",
    "section_vii_stability",
    "section_vii_cost",
    "section_viii_covariance",
    "section_viii_estimators",
    "beyond_order",
    "beyond_bounds",
    "beyond_tokens",
    "beyond_optimum",
    "beyond_flow",
    "beyond_margins",
)


def find(claim: str, reading: str) -> Statement | None:
    """The second statement of a claim.

    Parameters
    ----------
    claim : str
        Its name.
    reading : str
        ``"printed"`` or ``"corrected"``.

    Returns
    -------
    Statement or None
        None if there is none.
    """
    return _table().get((claim, reading))


def known() -> tuple[tuple[str, str], ...]:
    """Claim and reading of every statement.

    Returns
    -------
    tuple of (str, str)
    """
    return tuple(_table())


@cache
def _table() -> dict[tuple[str, str], Statement]:
    table: dict[tuple[str, str], Statement] = {}
    for section in SECTIONS:
        for statement in import_module(f"{__name__}.{section}").STATEMENTS:
            table[statement.claim, statement.reading] = statement
    return table

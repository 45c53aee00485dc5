"""The statements by name, section by section, each read when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from entropy_theory.independent.statement import Statement

SECTIONS = ("section_iv", "section_v", "section_vi", "section_vii", "section_viii")


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
        name = f"{__name__}.{section}"
        if find_spec(name) is None:
            continue
        for statement in import_module(name).STATEMENTS:
            table[statement.claim, statement.reading] = statement
    return table

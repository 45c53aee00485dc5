"""A second set of labelled claims, true and false, that shares none with the first; none is in the paper."""

from __future__ import annotations

from benchmarks.power_claims.labelled import Labelled
from benchmarks.power_claims.second import divergences, entropies, integers, orders, processes, reals, steps

SECOND: tuple[Labelled, ...] = (
    *entropies.CLAIMS,
    *divergences.CLAIMS,
    *steps.CLAIMS,
    *reals.CLAIMS,
    *integers.CLAIMS,
    *orders.CLAIMS,
    *processes.CLAIMS,
)
"""All of them; the order says nothing."""


def claims() -> tuple[Labelled, ...]:
    """The second set, for `benchmarks.power` as `benchmarks.power_claims.LABELLED` is.

    Returns
    -------
    tuple of Labelled
    """
    return SECOND

"""A third set of labelled claims, true and false, that shares none with the first two; none is in the paper."""

from __future__ import annotations

from benchmarks.power_claims.labelled import Labelled
from benchmarks.power_claims.third import divergences, entropies, integers, orders, processes, ratios, reals, steps

THIRD: tuple[Labelled, ...] = (
    *entropies.CLAIMS,
    *divergences.CLAIMS,
    *ratios.CLAIMS,
    *steps.CLAIMS,
    *reals.CLAIMS,
    *integers.CLAIMS,
    *orders.CLAIMS,
    *processes.CLAIMS,
)
"""All of them; the order says nothing."""


def claims() -> tuple[Labelled, ...]:
    """The third set, for `benchmarks.power` as `benchmarks.power_claims.LABELLED` is.

    Returns
    -------
    tuple of Labelled
    """
    return THIRD

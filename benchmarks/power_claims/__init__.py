"""Labelled claims, true and false, for the power benchmark; none is in the paper."""

from __future__ import annotations

import hashlib

from benchmarks.power_claims import covariances, divergences, entropies, mdps, orders, reals
from benchmarks.power_claims.labelled import Labelled

LABELLED: tuple[Labelled, ...] = (
    *entropies.CLAIMS,
    *divergences.CLAIMS,
    *covariances.CLAIMS,
    *reals.CLAIMS,
    *orders.CLAIMS,
    *mdps.CLAIMS,
)
"""All of them; the order says nothing."""

HELD_OUT: frozenset[str] = frozenset(
    sorted((x.name for x in LABELLED), key=lambda name: hashlib.sha256(name.encode()).hexdigest())[::2]
)
"""Half of the names, every second by hash: no change to the search is to look at these."""

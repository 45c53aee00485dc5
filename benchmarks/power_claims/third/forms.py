"""Claims about discounted processes with two states and two actions, with further arrays and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import entropy_theory as et
from benchmarks.power_claims.labelled import Known, Labelled, box, rationals

d = et.domains

LOGITS = (-5.0, 5.0)

Ends = tuple[float, float]


def process(t: Any, r: Any, g: Any) -> et.MDP:
    """From the probability that state 0 is next, the rewards and the discount; it starts in state 0."""
    return et.MDP(np.stack([t, 1 - t], -1), r, g, np.array([1.0, 0.0]))


def about_processes(
    name: str,
    true: bool,
    why: str,
    lhs: Callable[..., Any],
    rhs: Callable[..., Any],
    plain: Callable[..., Any],
    *points: Sequence[Any],
    discount: Ends = (0.0, 0.999),
    rewards: Ends = (-1.0, 1.0),
    scalars: Mapping[str, Ends] | None = None,
    identity: bool = False,
    share: float | None = None,
    known: Known = "measured",
) -> Labelled:
    """A claim on logits z, chances t of state 0 next, rewards r, the discount g and numbers.

    Parameters
    ----------
    name, true, why, share, known
        As in `Labelled`.
    lhs, rhs : callable
        As in `entropy_theory.Inequality`; arrays have shape (n, 2, 2).
    plain : callable
        ``plain(xp, **values)`` gives both sides; arrays have shape (B, 4), of (s, a) = (0, 0), (0, 1), (1, 0), (1, 1).
    *points : sequence of rational
        z, t, r, g and the numbers.
    discount, rewards : (low, high)
    scalars : mapping of str to (low, high)
    identity : bool
        What kind of claim.

    Returns
    -------
    Labelled
    """
    arrays = {"z": LOGITS, "t": (0.0, 1.0), "r": rewards}
    numbers = {"g": discount, **(scalars or {})}
    given: dict[str, Any] = {"z": d.logits(actions=2, states=2)}
    given |= {k: d.reals(*arrays[k], like="z") for k in ("t", "r")} | {k: d.reals(*v) for k, v in numbers.items()}
    common: dict[str, Any] = {"name": name, "given": given, "lhs": lhs, "rhs": rhs}

    def split(x: Any) -> dict[str, Any]:
        out = {k: x[..., 4 * i : 4 * i + 4] for i, k in enumerate(arrays)}
        return out | {k: x[..., 4 * len(arrays) + i] for i, k in enumerate(numbers)}

    def build(x: Any) -> dict[str, Any]:
        return {k: v.reshape(*v.shape[:-1], 2, 2) if k in arrays else v for k, v in split(x).items()}

    return Labelled(
        claim=et.Identity(**common) if identity else et.Inequality(**common),
        true=true,
        why=why,
        plain=lambda xp, x: plain(xp, **split(x)),
        boxes=(box(*((a, b, 4) for a, b in arrays.values()), *((a, b, 1) for a, b in numbers.values())),),
        build=build,
        points=[rationals(*p) for p in points],
        share=share,
        known="none" if true else known,
    )

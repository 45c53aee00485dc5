"""Claims about policies with further arrays of the same shape and numbers, one an instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import entropy_theory as et
from benchmarks.power_claims.labelled import Known, Labelled, box, rationals

d = et.domains

LOGITS = (-10.0, 10.0)
"""The box in which logits are searched; the claims are about all of them."""

Ends = tuple[float, float]


def about_policies(
    name: str,
    true: bool,
    why: str,
    lhs: Callable[..., Any],
    rhs: Any,
    plain: Callable[..., Any],
    *points: Sequence[Any],
    actions: int | tuple[int, int] = 3,
    logits: Sequence[str] = ("z",),
    arrays: Mapping[str, Ends] | None = None,
    scalars: Mapping[str, Ends] | None = None,
    open_low: bool = False,
    wide: Ends = LOGITS,
    power: float | None = None,
    strict: bool = False,
    identity: bool = False,
    share: float | None = None,
    known: Known = "measured",
) -> Labelled:
    """A claim about logits, arrays of their shape and numbers.

    Parameters
    ----------
    name, true, why, share, known
        As in `Labelled`.
    lhs, rhs : callable or number
        As in `entropy_theory.Inequality`; for an order `lhs` is the remainder and `rhs` is not looked at.
    plain : callable
        ``plain(xp, **values)`` gives both sides; ``plain(xp, t, **values)`` the remainder of an order.
    *points : sequence of rational
        The logits, then the arrays, then the numbers.
    actions : int or (int, int)
        Their number; a box for each.
    logits : sequence of str
        Names of the logits. Without any, the first of `arrays` are rewards.
    arrays, scalars : mapping of str to (low, high)
        Reals of the shape of the first array, and numbers.
    open_low : bool
        Whether the lower ends of the numbers are excluded.
    wide : (low, high)
        The box of a logit.
    power : float, optional
        Of an order.
    strict, identity : bool
        What kind of claim.

    Returns
    -------
    Labelled
    """
    arrays, scalars = dict(arrays or {}), dict(scalars or {})
    names = (*logits, *arrays)
    first = names[0]
    given: dict[str, Any] = {k: d.logits(actions=actions) if k == first else d.logits(like=first) for k in logits}
    given |= {k: d.rewards(actions=actions) if k == first else d.reals(*v, like=first) for k, v in arrays.items()}
    given |= {k: d.reals(*v, open_low=open_low) for k, v in scalars.items()}
    least, most = (actions, actions) if isinstance(actions, int) else actions
    ends = {**dict.fromkeys(logits, wide), **arrays}

    def split(x: Any) -> dict[str, Any]:
        n = (x.shape[-1] - len(scalars)) // len(names)
        out = {k: x[..., n * i : n * i + n] for i, k in enumerate(names)}
        return out | {k: x[..., n * len(names) + i] for i, k in enumerate(scalars)}

    claim: et.Claim
    if power is not None:
        claim = et.Order(name=name, given=given, remainder=lhs, power=power)
    elif identity:
        claim = et.Identity(name=name, given=given, lhs=lhs, rhs=rhs)
    else:
        claim = et.Inequality(name=name, given=given, lhs=lhs, rhs=rhs, strict=strict)
    return Labelled(
        claim=claim,
        true=true,
        why=why,
        plain=lambda xp, x, *t: plain(xp, *t, **split(x)),
        boxes=tuple(
            box(*((a, b, n) for a, b in ends.values()), *((a, b, 1) for a, b in scalars.values()))
            for n in range(least, most + 1)
        ),
        build=split,
        points=[rationals(*p) for p in points],
        share=share,
        known="none" if true else known,
    )


def log_sum_exp(z: Any) -> Any:
    """``log sum exp z``, by the package."""
    return z[..., 0] - et.log_softmax(z)[..., 0]


def spread(v: Any) -> Any:
    """Largest less smallest entry, by the package."""
    return et.largest(v) - et.smallest(v)

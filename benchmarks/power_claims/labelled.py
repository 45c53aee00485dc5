"""A claim with its label, and the same two sides as plain functions of a box."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

import entropy_theory as et

CHECKED = SimpleNamespace(
    **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "abs", "sum", "stack", "cos")},
    max=et.largest,
    min=et.smallest,
)
"""The namespace for the checker: on balls a maximum must not be a comparison."""

Array = np.ndarray[Any, Any]
Sides = Callable[..., tuple[Any, Any]]
Known = Literal["formula", "measured", "bound", "none"]

STEPS = (2.0**-8, 2.0**-9)
"""Steps from which the plain gap of an order measures its power."""

SLACK = 0.25
"""By how much a measured power may fall short of the claimed one at these steps."""


@dataclass(frozen=True)
class Box:
    """The box that the contenders search.

    Attributes
    ----------
    low, high : tuple of float
        Ends of each coordinate.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return len(self.low)


def box(*parts: tuple[float, float, int]) -> Box:
    """A product of intervals.

    Parameters
    ----------
    *parts : (low, high, times)

    Returns
    -------
    Box
    """
    low = tuple(float(a) for a, _, n in parts for _ in range(n))
    return Box(low, tuple(float(b) for _, b, n in parts for _ in range(n)))


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A claim, whether it is true, and why.

    Attributes
    ----------
    claim : Claim
        What the package checks.
    true : bool
    why : str
        A proof in words, or where it fails.
    plain : callable
        ``plain(xp, x)`` gives lhs and rhs for x of shape (B, n), with NumPy, `jax.numpy` or anything that has the same
        few functions; ``plain(xp, x, t)`` the remainder of an order and its scale, for the power.
    boxes : tuple of Box
        One a size of the domain.
    build : callable
        Maps x to the variables of the claim.
    points : sequence of sequence of rational
        For a false claim points at which it fails, the first being the witness; for a true one points of equality.
    share : float or None
        Uniform measure of the violation in the boxes, all alike; None where it is to be measured.
    known : "formula", "measured", "bound" or "none"
        Where the share comes from; an upper bound where it says so, and "none" for a true claim.
    """

    claim: et.Claim
    true: bool
    why: str
    plain: Callable[..., Any] = field(repr=False)
    boxes: tuple[Box, ...]
    build: Callable[[Any], Mapping[str, Any]] = field(repr=False)
    points: Sequence[tuple[Fraction, ...]] = ()
    share: float | None = None
    known: Known = "measured"

    @property
    def name(self) -> str:
        """The name of the claim."""
        return self.claim.name

    @property
    def strict(self) -> bool:
        """Whether equality is a violation."""
        return isinstance(self.claim, et.Inequality) and self.claim.strict

    @property
    def whole(self) -> bool:
        """Whether the coordinates are integers."""
        return any("integer" in repr(v) for v in self.claim.given.values())

    def gap(self, xp: Any, x: Any) -> Any:
        """How far the claim is from failing, as a user would compute it: negative where it fails.

        Parameters
        ----------
        xp : module
            `numpy` or `jax.numpy`.
        x : array (B, n)

        Returns
        -------
        array (B,)
            rhs - lhs; for an identity minus the absolute difference; for an order the measured power less the claimed.
        """
        return self.gap_and_size(xp, x)[0]

    def gap_and_size(self, xp: Any, x: Any) -> tuple[Any, Any]:
        """The gap, and the size of the larger side (one for an order).

        Parameters
        ----------
        xp : module
        x : array (B, n)

        Returns
        -------
        (array (B,), array (B,))
        """
        x = xp.round(x) if self.whole else x
        if isinstance(self.claim, et.Order):
            first, second = (xp.abs(self.plain(xp, x, t)) for t in STEPS)
            # Where both remainders are rounded away there is nothing to measure.
            seen = (first > 1e-13) & (second > 1e-13)
            power = xp.log2(xp.where(seen, first, 1.0) / xp.where(seen, second, 1.0))
            return xp.where(seen, power - self.claim.power + SLACK, 1.0), 1 + 0 * first
        lhs, rhs = self.plain(xp, x)
        size = xp.maximum(xp.abs(lhs), xp.abs(rhs))
        gap = -xp.abs(rhs - lhs) if isinstance(self.claim, et.Identity) else rhs - lhs
        return gap, size


def columns(x: Any) -> list[Any]:
    """The coordinates of x, each of shape (B,)."""
    return [x[..., i] for i in range(x.shape[-1])]


def parts(x: Any, n: int) -> list[Any]:
    """x cut into n parts of equal length along the last axis."""
    length = x.shape[-1] // n
    return [x[..., i * length : (i + 1) * length] for i in range(n)]


def constant(x: Any, numerator: int, denominator: int = 1) -> Any:
    """A rational constant in the arithmetic of x, shape (B,)."""
    return (x[..., 0] * 0 + numerator) / denominator


def rationals(*numbers: Any) -> tuple[Fraction, ...]:
    """Numbers, or strings such as "1/3", as a point."""
    return tuple(Fraction(x) for x in numbers)


def numbers(
    name: str,
    true: bool,
    why: str,
    sides: Sides,
    given: Mapping[str, tuple[Any, Any]],
    *points: Sequence[Any],
    strict: bool = False,
    identity: bool = False,
    integers: bool = False,
    open_ends: bool = False,
    share: float | None = None,
    known: Known = "measured",
) -> Labelled:
    """A claim about real numbers or integers, one an instance, in which nothing of the package enters.

    Parameters
    ----------
    name, true, why, share, known
        As in `Labelled`.
    sides : callable
        Takes the namespace and a column for each variable; returns lhs and rhs.
    given : mapping of str to (low, high)
    *points : sequence of rational
    strict, identity, integers, open_ends : bool
        What kind of claim, and of domain.

    Returns
    -------
    Labelled
    """
    d = et.domains
    names = tuple(given)
    domain: dict[str, Any] = {
        k: d.integers(*ends) if integers else d.reals(*ends, open_low=open_ends, open_high=open_ends)
        for k, ends in given.items()
    }

    def side(which: int) -> Callable[..., Any]:
        # The checker passes variables by name.
        return lambda **values: sides(CHECKED, *(values[k] for k in names))[which]

    common: dict[str, Any] = {"name": name, "given": domain, "lhs": side(0), "rhs": side(1)}
    claim = et.Identity(**common) if identity else et.Inequality(**common, strict=strict)
    return Labelled(
        claim=claim,
        true=true,
        why=why,
        plain=lambda xp, x: sides(xp, *columns(x)),
        boxes=(box(*((a, b, 1) for a, b in given.values())),),
        build=lambda x: dict(zip(names, columns(x), strict=True)),
        points=[rationals(*p) for p in points],
        share=share,
        known="none" if true else known,
    )


def of_arrays(
    claim: et.Claim,
    true: bool,
    why: str,
    plain: Callable[..., Any],
    sizes: Sequence[int],
    ends: Mapping[str, tuple[float, float]],
    *points: Sequence[Any],
    share: float | None = None,
    known: Known = "measured",
) -> Labelled:
    """A claim about arrays of one shape, one after another in x.

    Parameters
    ----------
    claim, true, why, plain, share, known
        As in `Labelled`.
    sizes : sequence of int
        Numbers of actions, a box for each.
    ends : mapping of str to (low, high)
        The box of each array.
    *points : sequence of rational

    Returns
    -------
    Labelled
    """
    names = tuple(ends)
    return Labelled(
        claim=claim,
        true=true,
        why=why,
        plain=plain,
        boxes=tuple(box(*((a, b, n) for a, b in ends.values())) for n in sizes),
        build=lambda x: dict(zip(names, parts(x, len(names)), strict=True)),
        points=[rationals(*p) for p in points],
        share=share,
        known="none" if true else known,
    )

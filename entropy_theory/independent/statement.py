"""What the second evaluator knows of a claim: two sides, or a remainder, and a domain."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

Kind = Literal["inequality", "identity", "order"]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One reading of one claim.

    Functions take the names of the instance as keywords, a dot replaced by an underscore, each a `Fraction` or nested
    lists of them; they name only those that they need. Between them they name all.

    Parameters
    ----------
    claim : str
        The claim's name.
    domain : callable
        Whether the instance lies in the domain and meets the assumption; None if the digits do not decide it. Called
        first: where it says no, nothing else is called.
    reading : str
        ``"printed"`` or ``"corrected"``.
    kind : str
        ``"inequality"`` (lhs <= rhs), ``"identity"`` (lhs = rhs) or ``"order"`` (remainder = O(step**power)).
    sides : callable, optional
        Inequality and identity: the two sides, each a number or a list of numbers that are compared entry by entry.
    own_sides : bool
        Whether the sides are others than the claim's for the same line: multiplied out, or divergences at a margin.
    strict : bool
        Whether equality violates the inequality.
    remainder : callable, optional
        Order: takes ``step`` as well, and gives a number or a list of numbers.
    power : Fraction or int
        Order: the claimed power of the step.
    """

    claim: str
    domain: Callable[..., bool | None]
    reading: str = "printed"
    kind: Kind = "inequality"
    sides: Callable[..., tuple[Any, Any]] | None = None
    own_sides: bool = False
    strict: bool = False
    remainder: Callable[..., Any] | None = None
    power: Fraction | int = 0

    def __post_init__(self) -> None:
        if (self.remainder if self.kind == "order" else self.sides) is None:
            needed = "remainder" if self.kind == "order" else "sides"
            raise ValueError(f"claim {self.claim!r}: {needed} is None, expected a function for kind {self.kind!r}")

    @property
    def names(self) -> frozenset[str]:
        """The names of an instance, with underscores for dots."""
        functions = (self.domain, self.remainder if self.kind == "order" else self.sides)
        return frozenset(name for f in functions for name in parameters(f)) - {"step"}


def corrected(claim: str, domain: Callable[..., bool | None], sides: Callable[..., Any], **more: Any) -> Statement:
    """The corrected reading of an identity or an inequality.

    Parameters
    ----------
    claim, domain, sides
        As in `Statement`.
    **more
        Its other parameters.

    Returns
    -------
    Statement
    """
    return Statement(claim=claim, reading="corrected", domain=domain, sides=sides, **more)


def parameters(function: Any) -> tuple[str, ...]:
    """The names of a function's parameters.

    Parameters
    ----------
    function : callable

    Returns
    -------
    tuple of str
    """
    return tuple(inspect.signature(function).parameters)


def entries(side: Any) -> list[Any]:
    """The numbers of a side, one after the other.

    Parameters
    ----------
    side : Number or nested sequence of Number

    Returns
    -------
    list of Number
    """
    if not isinstance(side, Sequence):
        return [Fraction(side) if isinstance(side, int) else side]
    return [number for part in side for number in entries(part)]

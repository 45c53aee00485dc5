"""Laws of sampled updates: every outcome with its probability, and the moments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from entropy_theory.independent.numbers import total
from entropy_theory.independent.policies import advantages, mean, scaled, times
from entropy_theory.independent.tokens import score

Vector = Sequence[Any]
Matrix = Sequence[Sequence[Any]]
Law = Sequence[tuple[Any, Vector]]
"""Every value of a random vector with its probability."""


def sampled(p: Vector, tokens: int) -> list[tuple[Any, tuple[int, ...]]]:
    """Every outcome of drawing some tokens from `p`, with its probability.

    Parameters
    ----------
    p : sequence of Number
    tokens : int

    Returns
    -------
    list of (Number, tuple of int)
    """
    return [(chance([p[a] for a in drawn]), drawn) for drawn in product(range(len(p)), repeat=tokens)]


def chance(factors: Iterable[Any]) -> Any:
    """A product of probabilities.

    Parameters
    ----------
    factors : iterable of Number

    Returns
    -------
    Number
    """
    out: Any = Fraction(1)
    for factor in factors:
        out = out * factor
    return out


def average_of(rows: Sequence[Vector]) -> list[Any]:
    """The mean of some vectors.

    Parameters
    ----------
    rows : sequence of sequence of Number

    Returns
    -------
    list of Number
    """
    return [total(column) / len(rows) for column in zip(*rows, strict=True)]


def expectation(law: Sequence[tuple[Any, Vector]]) -> list[Any]:
    """The mean of a random vector.

    Parameters
    ----------
    law : sequence of (Number, sequence of Number)
        Every value with its probability.

    Returns
    -------
    list of Number
    """
    return [total(w * x[j] for w, x in law) for j in range(len(law[0][1]))]


def covariance_matrix(law: Sequence[tuple[Any, Vector]]) -> list[list[Any]]:
    """The covariance of a random vector.

    Parameters
    ----------
    law : sequence of (Number, sequence of Number)
        Every value with its probability.

    Returns
    -------
    list of list of Number
    """
    centre = expectation(law)
    moved = [(w, [a - b for a, b in zip(x, centre, strict=True)]) for w, x in law]
    indices = range(len(centre))
    return [[total(w * x[i] * x[j] for w, x in moved) for j in indices] for i in indices]


def variances(law: Sequence[tuple[Any, Vector]]) -> list[Any]:
    """The variance of every entry of a random vector.

    Parameters
    ----------
    law : sequence of (Number, sequence of Number)
        Every value with its probability.

    Returns
    -------
    list of Number
    """
    return [total(w * (x[j] - m) ** 2 for w, x in law) for j, m in enumerate(expectation(law))]


def quadratic_form(matrix: Matrix, v: Vector) -> Any:
    """``v' M v``.

    Parameters
    ----------
    matrix : sequence of sequence of Number
    v : sequence of Number

    Returns
    -------
    Number
    """
    return mean(v, [mean(row, v) for row in matrix])


def token_updates(p: Vector, r: Vector) -> Matrix:
    """``A_a (e_a - p)``, the update of one sampled token, by action.

    Parameters
    ----------
    p, r : sequence of Number

    Returns
    -------
    list of list of Number
    """
    return [scaled(gain, score(p, a)) for a, gain in enumerate(advantages(p, r))]


def one_token(p: Vector, r: Vector) -> Law:
    """The law of the update of one sampled token.

    Parameters
    ----------
    p, r : sequence of Number

    Returns
    -------
    list of (Number, list of Number)
    """
    return list(zip(p, token_updates(p, r), strict=True))


def mean_of_tokens(p: Vector, r: Vector, tokens: int) -> Law:
    """The law of the mean update of some sampled tokens.

    Parameters
    ----------
    p, r : sequence of Number
    tokens : int

    Returns
    -------
    list of (Number, list of Number)
    """
    updates = token_updates(p, r)
    return [(w, average_of([updates[a] for a in drawn])) for w, drawn in sampled(p, tokens)]


def masks(keep: Vector) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Every mask of independent entries with its probability; `keep` holds the chances of a 1.

    Parameters
    ----------
    keep : sequence of Number

    Returns
    -------
    iterator of (Number, tuple of int)
    """
    for mask in product((0, 1), repeat=len(keep)):
        yield chance(k if on else 1 - k for k, on in zip(keep, mask, strict=True)), mask


def masked_entries(law: Law, keep: Vector) -> Law:
    """The law of an update each entry of which is kept with its own chance, independently.

    Parameters
    ----------
    law : sequence of (Number, sequence of Number)
    keep : sequence of Number
        The chance of each entry.

    Returns
    -------
    list of (Number, list of Number)
    """
    return [(w * c, times(mask, x)) for w, x in law for c, mask in masks(keep)]


def masked_tokens(p: Vector, r: Vector, keep: Vector) -> Law:
    """The law of the update of one token, which is kept with the chance of its action.

    Parameters
    ----------
    p, r : sequence of Number
    keep : sequence of Number
        The chance of each action.

    Returns
    -------
    list of (Number, list of Number)
    """
    updates = token_updates(p, r)
    law = [(a * k, x) for a, k, x in zip(p, keep, updates, strict=True)]
    return [*law, *((a * (1 - k), scaled(Fraction(0), x)) for a, k, x in zip(p, keep, updates, strict=True))]

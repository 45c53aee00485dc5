"""Proposition VII.1: the cost of entropy control."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent.domains import is_constant, is_integer, shape
from entropy_theory.independent.numbers import log
from entropy_theory.independent.statement import Statement, corrected

Vector = list[Any]
Matrix = list[Vector]

MOST_TOKENS = 2**26


# Proposition VII.1


def rows_of_logits(z: Any) -> bool:
    """One or two rows of two to four logits."""
    return len(shape(z)) == 2 and 1 <= len(z) <= 2 and 2 <= len(z[0]) <= 4


def rows_of_unequal_logits(z: Any) -> bool:
    """As `rows_of_logits`, none of the rows constant, so that no probability is exp(-H)."""
    return rows_of_logits(z) and not any(is_constant(row) for row in z)


def logits_read(z: Matrix) -> Fraction:
    """How many logits the sum of the entropies has a slope by.

    The slope is ``-p_a (z_a - E z)``. ``sum_b exp(z_b) (z_a - z_b)`` with rational logits is 0 only if all of them
    are equal, since exponentials of different rational numbers are independent over the rationals (Lindemann).
    """
    return Fraction(sum(len(row) for row in z if not is_constant(row)))


def proposition_vii_1_entropy(z: Any) -> tuple[Any, Any]:
    """O(N) for the entropies of N tokens, whatever the vocabulary: at most 2 N logits are read."""
    return logits_read(z), Fraction(2 * len(z))


def proposition_vii_1_entropy_corrected(z: Any) -> tuple[Any, Any]:
    """It is the number of tokens times that of the actions."""
    return logits_read(z), Fraction(len(z) * len(z[0]))


def tokens(n: Any) -> bool:
    """2 to 2**26 tokens."""
    return is_integer(n, 2, MOST_TOKENS)


def rounds(n: Any) -> int:
    """``ceil(log2 n)``."""
    return (int(n) - 1).bit_length()


def proposition_vii_1_selection(n: Any) -> tuple[Any, Any]:
    """Merge sort takes at most ``n ceil(log2 n) - 2**ceil(log2 n) + 1`` comparisons, at most ``n log2 n``."""
    return n * rounds(n) - 2 ** rounds(n) + 1, n * log(n) / log(Fraction(2))


def few_selected(n: Any, k: Any) -> bool:
    """As `tokens`, at most one in 500 selected."""
    return tokens(n) and is_integer(k, 1, 2**17) and 500 * k <= n


def proposition_vii_1_selection_linear(n: Any, k: Any) -> tuple[Any, Any]:
    """A tournament finds the largest in ``n - 1`` comparisons and each next one in ``ceil(log2 n)`` more."""
    return n - 1 + (k - 1) * rounds(n), Fraction(11, 10) * n


STATEMENTS = (
    Statement(claim="proposition-vii.1/entropy", domain=rows_of_unequal_logits, sides=proposition_vii_1_entropy),
    corrected(
        "proposition-vii.1/entropy", rows_of_unequal_logits, proposition_vii_1_entropy_corrected, kind="identity"
    ),
    Statement(claim="proposition-vii.1/selection", domain=tokens, sides=proposition_vii_1_selection),
    corrected("proposition-vii.1/selection-linear", few_selected, proposition_vii_1_selection_linear, own_sides=True),
)

"""Two processes solved by hand.

Puterman's two-state process (Markov Decision Processes, section 3.1).  In s1 the first action pays 5 and moves
to s1 or s2 with probability 1/2 each, the second pays 10 and moves to s2; in s2 the only action pays -1 and stays
(it is entered twice here, so that both states have two actions).  With x = pi(first | s1) and discount g,

    v2 = -1 / (1 - g),      v1 = (5 x + 10 (1 - x) + g v2 (1 - x / 2)) / (1 - g x / 2).

From s1 the state is still s1 after t steps with probability (x / 2)^t, so the visitation of s1 is
(1 - g) / (1 - g x / 2).  With g = 0.95 the first action is worth 5 + 0.475 (v1 + v2), and always taking it v1 = -60/7;
always taking the second v1 = -9; v2 = -20.  With D = 1 - g x / 2,

    dv1/dx = (-5 - g v2 / 2 + (g / 2) v1) / D,      dx/dz = (x (1 - x), -x (1 - x)).

The gambler's ruin (Feller, volume 1, chapter XIV).  A gambler with fortune i = 1, ..., N - 1 wins 1 with probability p
and loses 1 with q = 1 - p, and stops at 0 or N; reaching N pays 1, discounted by g per step.  v_i = g (p v_{i+1} +
q v_{i-1}) in the inside, where the payment belongs to the last step: u_i = g v_i solves u_i = g p u_{i+1} + g q
u_{i-1} with u_0 = 0, u_N = 1, so with the roots m, n of g p m^2 - m + g q = 0

    v_i = (m^i - n^i) / (m^N - n^N) / g,      m, n = (1 +- sqrt(1 - 4 g^2 p q)) / (2 g p).

The gambler chooses between two coins, of winning probability 3/4 and 1/4: taking the first with
probability x is a coin of p = 1/4 + x / 2.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath

from tests.oracles.decision import Process


def puterman(discount: Fraction, initial: tuple[Fraction, Fraction] = (Fraction(1), Fraction(0))) -> Process:
    """The two-state process, started in s1 unless told."""
    half, one, zero = Fraction(1, 2), Fraction(1), Fraction(0)
    return Process(
        [[[half, half], [zero, one]], [[zero, one], [zero, one]]],
        [[Fraction(5), Fraction(10)], [Fraction(-1), Fraction(-1)]],
        discount,
        list(initial),
        [[zero, zero], [zero, zero]],
    )


def puterman_values(discount: Any, x: Any) -> tuple[Any, Any, Any, Any]:
    """(v1, v2, visitation of s1 from s1, dv1/dx)."""
    d = 1 - discount * x / 2
    v2 = -1 / (1 - discount)
    v1 = (5 * x + 10 * (1 - x) + discount * v2 * (1 - x / 2)) / d
    return v1, v2, (1 - discount) / d, (-5 - discount * v2 / 2 + discount * v1 / 2) / d


def ruin(size: int, discount: Fraction) -> Process:
    """The states are the fortunes 1, ..., size - 1; the gambler starts with any of them, equally likely."""
    inside = size - 1
    transition, reward, termination = [], [], []
    for i in range(1, size):
        rows, pay, ends = [], [], []
        for p in (Fraction(3, 4), Fraction(1, 4)):
            row = [Fraction(0)] * inside
            if i + 1 < size:
                row[i] = p
            if i > 1:
                row[i - 2] = 1 - p
            rows.append(row)
            pay.append(p if i + 1 == size else Fraction(0))
            ends.append((p if i + 1 == size else Fraction(0)) + (1 - p if i == 1 else Fraction(0)))
        transition.append(rows)
        reward.append(pay)
        termination.append(ends)
    return Process(transition, reward, discount, [Fraction(1, inside)] * inside, termination)


def ruin_values(size: int, discount: Any, x: Any) -> list[Any]:
    """v_i of the closed form, for a policy that takes the first coin with probability x everywhere."""
    p = mpmath.mpf(1) / 4 + x / 2
    root = mpmath.sqrt(1 - 4 * discount**2 * p * (1 - p))
    m, n = (1 + root) / (2 * discount * p), (1 - root) / (2 * discount * p)
    return [(m**i - n**i) / (m**size - n**size) / discount for i in range(1, size)]

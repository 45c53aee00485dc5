"""Tabular decision problems: linear systems in the numbers at hand, exact where those are.

A problem is given by ``transition[s][a]``, the probabilities of each next state and, as the last entry, of the end of
the episode, by ``reward[s][a]``, ``discount`` in [0, 1) and ``initial[s]``. A policy is ``p[s][a]``. Every function
takes fractions, intervals or jets.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from entropy_theory.independent.numbers import total
from entropy_theory.independent.policies import along, entropy, logs, mean

Vector = Sequence[Any]
Matrix = Sequence[Sequence[Any]]


def solve(matrix: Matrix, right: Vector) -> list[Any]:
    """The solution of a linear system by elimination without exchanges.

    Parameters
    ----------
    matrix : sequence of sequence of Number
        Square, with a dominant diagonal by rows or by columns.
    right : sequence of Number

    Returns
    -------
    list of Number
    """
    n = len(right)
    rows = [[*row, b] for row, b in zip(matrix, right, strict=True)]
    for k in range(n):
        for i in range(k + 1, n):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    out: list[Any] = [None] * n
    for k in reversed(range(n)):
        known = total(rows[k][j] * out[j] for j in range(k + 1, n))
        out[k] = (rows[k][n] - known) / rows[k][k]
    return out


def chain(transition: Sequence[Matrix], p: Matrix) -> list[list[Any]]:
    """``P(s' | s) = sum_a p(a|s) P(s' | s, a)``; a row sums to less than one where episodes end.

    Parameters
    ----------
    transition : nested sequence of Number
    p : sequence of sequence of Number

    Returns
    -------
    list of list of Number
    """
    states = range(len(p))
    return [[total(p[s][a] * transition[s][a][t] for a in range(len(p[s]))) for t in states] for s in states]


def values(transition: Sequence[Matrix], discount: Any, p: Matrix, gain: Vector) -> list[Any]:
    """Expected discounted sum of what each state gains, ``V = gain + discount P V``.

    Parameters
    ----------
    transition : nested sequence of Number
    discount : Number
    p : sequence of sequence of Number
    gain : sequence of Number
        One a state, as ``E_p r(s, .)`` or an entropy.

    Returns
    -------
    list of Number
    """
    moves = chain(transition, p)
    n = len(p)
    return solve([[int(s == t) - discount * moves[s][t] for t in range(n)] for s in range(n)], gain)


def visits(transition: Sequence[Matrix], discount: Any, initial: Vector, p: Matrix) -> list[Any]:
    """``w(s) = sum_t discount**t P(s_t = s)``, the expected discounted number of visits.

    Parameters
    ----------
    transition : nested sequence of Number
    discount : Number
    initial : sequence of Number
    p : sequence of sequence of Number

    Returns
    -------
    list of Number
        ``d(s) = (1 - discount) w(s)``.
    """
    moves = chain(transition, p)
    n = len(p)
    return solve([[int(s == t) - discount * moves[t][s] for t in range(n)] for s in range(n)], initial)


def rewards(reward: Matrix, p: Matrix) -> list[Any]:
    """``E_p r(s, .)`` at each state.

    Parameters
    ----------
    reward, p : sequence of sequence of Number

    Returns
    -------
    list of Number
    """
    return [mean(a, b) for a, b in zip(p, reward, strict=True)]


def action_values(transition: Sequence[Matrix], discount: Any, reward: Matrix, value: Vector) -> list[list[Any]]:
    """``Q(s, a) = r(s, a) + discount sum_s' P(s' | s, a) V(s')``.

    Parameters
    ----------
    transition : nested sequence of Number
    discount : Number
    reward : sequence of sequence of Number
    value : sequence of Number
        V.

    Returns
    -------
    list of list of Number
    """
    return [
        [r + discount * mean(row[: len(value)], value) for r, row in zip(rs, rows, strict=True)]
        for rs, rows in zip(reward, transition, strict=True)
    ]


def advantages(transition: Sequence[Matrix], discount: Any, reward: Matrix, p: Matrix) -> list[list[Any]]:
    """``A(s, a) = Q(s, a) - V(s)``.

    Parameters
    ----------
    transition : nested sequence of Number
    discount : Number
    reward, p : sequence of sequence of Number

    Returns
    -------
    list of list of Number
    """
    value = values(transition, discount, p, rewards(reward, p))
    table = action_values(transition, discount, reward, value)
    return [[q - v for q in row] for row, v in zip(table, value, strict=True)]


def objective(transition: Sequence[Matrix], discount: Any, reward: Matrix, initial: Vector, p: Matrix) -> Any:
    """``J``, the expected discounted sum of rewards.

    Parameters
    ----------
    transition : nested sequence of Number
    discount : Number
    reward : sequence of sequence of Number
    initial : sequence of Number
    p : sequence of sequence of Number

    Returns
    -------
    Number
    """
    return mean(initial, values(transition, discount, p, rewards(reward, p)))


def mean_entropy(transition: Sequence[Matrix], discount: Any, initial: Vector, p: Matrix) -> Any:
    """Eq. (4), ``sum_s d(s) H_s`` with the normalised discounted visitation d.

    Parameters
    ----------
    transition : nested sequence of Number
    discount : Number
    initial : sequence of Number
    p : sequence of sequence of Number

    Returns
    -------
    Number
    """
    value = values(transition, discount, p, [entropy(row) for row in p])
    return (1 - discount) * mean(initial, value)


def policy_gradient(
    transition: Sequence[Matrix], discount: Any, reward: Matrix, initial: Vector, p: Matrix
) -> list[list[Any]]:
    """Eq. (5) by logit, ``dJ/dz_{s,a} = w(s) p(a|s) A(s, a)``.

    Parameters
    ----------
    transition : nested sequence of Number
    discount : Number
    reward : sequence of sequence of Number
    initial : sequence of Number
    p : sequence of sequence of Number

    Returns
    -------
    list of list of Number
    """
    table = advantages(transition, discount, reward, p)
    weights = visits(transition, discount, initial, p)
    return [
        [w * a * b for a, b in zip(row, gains, strict=True)] for w, row, gains in zip(weights, p, table, strict=True)
    ]


def mean_entropy_gradient(transition: Sequence[Matrix], discount: Any, initial: Vector, p: Matrix) -> list[list[Any]]:
    """The gradient of Eq. (4) by logit: ``d(s) p(a|s) (A_H(s, a) - log p(a|s) - H_s)``.

    ``A_H`` is the advantage of the entropy that later states earn.

    Parameters
    ----------
    transition : nested sequence of Number
    discount : Number
    initial : sequence of Number
    p : sequence of sequence of Number

    Returns
    -------
    list of list of Number
    """
    own = [entropy(row) for row in p]
    value = values(transition, discount, p, own)
    later = action_values(transition, discount, [[Fraction(0)] * len(row) for row in p], value)
    weights = visits(transition, discount, initial, p)
    out = []
    for w, row, x, q, h in zip(weights, p, map(logs, p), later, own, strict=True):
        base = mean(row, q)
        out.append([(1 - discount) * w * a * (b - base - c - h) for a, b, c in zip(row, q, x, strict=True)])
    return out


def moved(p: Matrix, v: Matrix) -> list[list[Any]]:
    """The policy along a direction in logits to first order, as `policies.along` at every state.

    Parameters
    ----------
    p, v : sequence of sequence of Number

    Returns
    -------
    list of list of Jet
    """
    return [along(a, b) for a, b in zip(p, v, strict=True)]


def inner(u: Matrix, v: Matrix) -> Any:
    """``sum_{s,a} u(s, a) v(s, a)``.

    Parameters
    ----------
    u, v : sequence of sequence of Number

    Returns
    -------
    Number
    """
    return total(mean(a, b) for a, b in zip(u, v, strict=True))

"""Softmax policies at one state, from their definitions.

Lists of numbers, one an action. Every function takes fractions, intervals or jets.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from entropy_theory.independent.jets import Jet
from entropy_theory.independent.numbers import exp, log, maximum, total, x_log_x

Vector = Sequence[Any]


def softmax(z: Vector) -> list[Any]:
    """Eq. (2), ``exp(z_a) / sum_b exp(z_b)``.

    Parameters
    ----------
    z : sequence of Number
        Logits. Where all of them are equal the policy is exact.

    Returns
    -------
    list of Number
    """
    top = maximum(z) if all(isinstance(x, int | Fraction) for x in z) else z[0]
    weights = [exp(x - top) for x in z]
    whole = total(weights)
    return [w / whole for w in weights]


def tilted(p: Vector, change: Vector) -> list[Any]:
    """The policy after its logits ``log p`` have changed: ``p_a exp(change_a) / sum_b p_b exp(change_b)``.

    Parameters
    ----------
    p : sequence of Number
        Probabilities, of any common factor.
    change : sequence of Number

    Returns
    -------
    list of Number
        Exact if the change is the same for all actions.
    """
    exact = all(isinstance(x, int | Fraction) for x in change)
    base = maximum(change) if exact else change[0]
    weights = [a * exp(c - base) for a, c in zip(p, change, strict=True)]
    whole = total(weights)
    return [w / whole for w in weights]


def mean(p: Vector, x: Vector) -> Any:
    """``E_p x``, the expectation.

    Parameters
    ----------
    p, x : sequence of Number

    Returns
    -------
    Number
    """
    return total(a * b for a, b in zip(p, x, strict=True))


def covariance(p: Vector, x: Vector, y: Vector) -> Any:
    """``E_p[(x - E_p x)(y - E_p y)]``.

    Parameters
    ----------
    p, x, y : sequence of Number

    Returns
    -------
    Number
    """
    ex, ey = mean(p, x), mean(p, y)
    return total(a * (b - ex) * (c - ey) for a, b, c in zip(p, x, y, strict=True))


def variance(p: Vector, x: Vector) -> Any:
    """``Var_p(x)``.

    Parameters
    ----------
    p, x : sequence of Number

    Returns
    -------
    Number
    """
    ex = mean(p, x)
    return total(a * (b - ex) ** 2 for a, b in zip(p, x, strict=True))


def logs(p: Vector) -> list[Any]:
    """``log p_a`` for every action.

    Parameters
    ----------
    p : sequence of Number
        Above 0.

    Returns
    -------
    list of Number
    """
    return [log(a) for a in p]


def entropy(p: Vector) -> Any:
    """Eq. (3), ``-sum_a p_a log p_a`` in nats; an action of probability 0 adds nothing.

    Parameters
    ----------
    p : sequence of Number

    Returns
    -------
    Number
    """
    return -total(x_log_x(a) for a in p)


def entropy_gradient(p: Vector) -> list[Any]:
    """``dH/dz_a = -p_a (log p_a + H)`` by logit.

    Parameters
    ----------
    p : sequence of Number

    Returns
    -------
    list of Number
    """
    h = entropy(p)
    return [-x_log_x(a) - a * h for a in p]


def divergence(p: Vector, q: Vector) -> Any:
    """``KL(p || q) = sum_a p_a log(p_a / q_a)`` in nats.

    Parameters
    ----------
    p, q : sequence of Number
        An action to which `p` gives 0 adds nothing.

    Returns
    -------
    Number
    """
    pairs = [(a, b) for a, b in zip(p, q, strict=True) if not (isinstance(a, int | Fraction) and a == 0)]
    return total(a * log(a / b) for a, b in pairs)


def fisher(p: Vector, u: Vector, v: Vector) -> Any:
    """``<u, v>_F = u' (diag(p) - p p') v``, the Fisher inner product of two changes of logits.

    Parameters
    ----------
    p, u, v : sequence of Number

    Returns
    -------
    Number
    """
    return total(a * b * c for a, b, c in zip(p, u, v, strict=True)) - mean(p, u) * mean(p, v)


def centred(p: Vector, x: Vector) -> list[Any]:
    """``x_a - E_p x``.

    Parameters
    ----------
    p, x : sequence of Number

    Returns
    -------
    list of Number
    """
    average = mean(p, x)
    return [b - average for b in x]


def advantages(p: Vector, r: Vector) -> list[Any]:
    """``A_a = r_a - E_p r`` in a bandit.

    Parameters
    ----------
    p, r : sequence of Number

    Returns
    -------
    list of Number
    """
    return centred(p, r)


def times(p: Vector, x: Vector) -> list[Any]:
    """The products ``p_a x_a``.

    Parameters
    ----------
    p, x : sequence of Number

    Returns
    -------
    list of Number
    """
    return [a * b for a, b in zip(p, x, strict=True)]


def scaled(c: Any, x: Vector) -> list[Any]:
    """``c x``.

    Parameters
    ----------
    c : Number
    x : sequence of Number

    Returns
    -------
    list of Number
    """
    return [c * a for a in x]


def along(p: Vector, v: Vector) -> list[Jet]:
    """The policy ``softmax(log p + t v)`` to first order in t, so that a function of it has its slope along `v`.

    The derivative of ``p_a exp(t v_a) / sum_b p_b exp(t v_b)`` at 0 is ``p_a v_a - p_a sum_b p_b v_b``.

    Parameters
    ----------
    p, v : sequence of Number

    Returns
    -------
    list of Jet
        With two coefficients.
    """
    drift = mean(p, v)
    return [Jet([a, a * b - a * drift]) for a, b in zip(p, v, strict=True)]


def path(p: Vector, v: Vector, order: int) -> list[Jet]:
    """The policy ``softmax(log p + t v)`` as a power series in t.

    Parameters
    ----------
    p, v : sequence of Number
    order : int
        The last power kept.

    Returns
    -------
    list of Jet
        With ``order + 1`` coefficients.
    """
    zeros = [Fraction(0)] * (order - 1)
    weights = [Jet([Fraction(0), b, *zeros]).exp() * a for a, b in zip(p, v, strict=True)]
    whole = total(weights)
    return [w / whole for w in weights]


def spread(x: Vector) -> Any:
    """``osc(x) = max x - min x``.

    Parameters
    ----------
    x : sequence of Number

    Returns
    -------
    Number
    """
    return maximum(x) + maximum([-a for a in x])


def plus(*vectors: Vector) -> list[Any]:
    """The sum of vectors.

    Parameters
    ----------
    *vectors : sequence of Number

    Returns
    -------
    list of Number
    """
    return [total(column) for column in zip(*vectors, strict=True)]


def minus(x: Vector, y: Vector) -> list[Any]:
    """``x - y``.

    Parameters
    ----------
    x, y : sequence of Number

    Returns
    -------
    list of Number
    """
    return [a - b for a, b in zip(x, y, strict=True)]


def square(x: Vector) -> Any:
    """``||x||**2``.

    Parameters
    ----------
    x : sequence of Number

    Returns
    -------
    Number
    """
    return total(a**2 for a in x)

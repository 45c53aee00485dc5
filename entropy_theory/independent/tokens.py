"""What tokens do to a softmax policy at one state: gradients by logit, and the shares of single tokens in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from entropy_theory.independent.jets import Jet
from entropy_theory.independent.numbers import log
from entropy_theory.independent.policies import (
    advantages,
    along,
    centred,
    entropy,
    entropy_gradient,
    mean,
    plus,
    scaled,
    times,
)

Vector = Sequence[Any]


def centred_logs(p: Vector) -> list[Any]:
    """``log p_a + H``, from the logarithms of ratios, so that it is exactly 0 for a uniform policy.

    Parameters
    ----------
    p : sequence of Number

    Returns
    -------
    list of Number
    """
    return centred(p, [log(a / p[0]) for a in p])


def token_covariances(p: Vector, change: Vector) -> list[Any]:
    """Eq. (17), ``C_a = (log p_a - E log p)(change_a - E change)``.

    Parameters
    ----------
    p, change : sequence of Number

    Returns
    -------
    list of Number
    """
    return times(centred_logs(p), centred(p, change))


def influences(p: Vector) -> list[Any]:
    """``f_a = p_a (log p_a + H)``, minus the entropy gradient by logit.

    Parameters
    ----------
    p : sequence of Number

    Returns
    -------
    list of Number
    """
    return times(p, centred_logs(p))


def policy_gradient(p: Vector, r: Vector) -> list[Any]:
    """Eq. (9) by logit, ``p_a (r_a - E r)``.

    Parameters
    ----------
    p, r : sequence of Number

    Returns
    -------
    list of Number
    """
    return times(p, advantages(p, r))


def regularised_gradient(p: Vector, r: Vector, alpha: Any) -> list[Any]:
    """``grad E r + alpha grad H`` by logit.

    Parameters
    ----------
    p, r : sequence of Number
    alpha : Number

    Returns
    -------
    list of Number
    """
    return plus(policy_gradient(p, r), scaled(alpha, entropy_gradient(p)))


def entropy_slope(p: Vector, v: Vector) -> Any:
    """``dH/dt`` of ``softmax(log p + t v)`` at 0, from the entropy itself.

    Parameters
    ----------
    p, v : sequence of Number

    Returns
    -------
    Number
    """
    return entropy(along(p, v)).slope


def gradient(p: Vector, function: Callable[[list[Jet]], Any]) -> list[Any]:
    """Derivatives of a function of the policy by every logit.

    Parameters
    ----------
    p : sequence of Number
    function : callable
        Takes the policy as a list of `Jet`.

    Returns
    -------
    list of Number
    """
    units = ([Fraction(a == b) for a in range(len(p))] for b in range(len(p)))
    return [function(along(p, unit)).slope for unit in units]


def loss_gradient(p: Vector, weights: Vector, gains: Vector) -> list[Any]:
    """The gradient by logit of ``sum_a pi_a weights_a gains_a``, Eq. (18) with weights and gains held.

    Parameters
    ----------
    p, weights, gains : sequence of Number

    Returns
    -------
    list of Number
    """
    held = times(weights, gains)
    return gradient(p, lambda q: mean(held, q))


def score(p: Vector, a: int) -> list[Any]:
    """``grad log p_a`` by logit, ``e_a - p``.

    Parameters
    ----------
    p : sequence of Number
    a : int

    Returns
    -------
    list of Number
    """
    return [Fraction(a == b) - x for b, x in enumerate(p)]


def entropy_fall(p: Vector, r: Vector) -> Any:
    """``Cov(log p, p A)``, what a step of the policy gradient takes from the entropy to first order.

    Parameters
    ----------
    p, r : sequence of Number

    Returns
    -------
    Number
    """
    return mean(influences(p), policy_gradient(p, r))

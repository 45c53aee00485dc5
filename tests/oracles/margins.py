"""Stability margins with many digits, from the definition of the divergence.

For one state ``KL(p || p_eta) = L(z + eta v) - L(z) - eta E_p v`` with ``L(z) = log sum_a exp z_a``, since ``log p_a
- log p_eta,a = L(z + eta v) - L(z) - eta v_a``. Its derivative along the ray is ``E_q v - E_p v``, q the policy at
``z + eta v``. The divergence is convex along the ray, zero at zero, and grows without bound unless v is constant, so
that it meets every ``epsilon > 0`` exactly once. The root is bracketed on a logarithmic scale, refined by Newton's
method, and at the end shown to lie between two points that differ by one unit of the last digit asked for.

Logits and directions are taken relative to the mode, exactly. Then the terms are of the size ``spread + eta osc(v)``;
the divergence, of the size of epsilon, loses so many digits, which are carried in addition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mpmath

Real = Any
Rows = Any
"""A sequence of sequences of numbers, or an array of two axes."""

GUARD = 15


def _relative(z: Sequence[Real], v: Sequence[Real]) -> tuple[list[Real], list[Real]]:
    """Logits and direction minus those of the mode."""
    mode = max(range(len(z)), key=lambda a: z[a])
    return [x - z[mode] for x in z], [x - v[mode] for x in v]


def _log_sum(x: Sequence[Real]) -> Real:
    top = max(x)
    return top + mpmath.log(mpmath.fsum(mpmath.exp(t - top) for t in x))


def _mean(z: Sequence[Real], v: Sequence[Real]) -> Real:
    top = max(z)
    weights = [mpmath.exp(x - top) for x in z]
    return mpmath.fsum(w * x for w, x in zip(weights, v, strict=True)) / mpmath.fsum(weights)


class Ray:
    """The divergence along a ray, ``sum_s weights_s KL_s``; z and v are lists of rows, one a state."""

    def __init__(self, z: Rows, v: Rows, weights: Any) -> None:
        with mpmath.workdps(1000):
            pairs = [
                _relative([mpmath.mpf(t) for t in x], [mpmath.mpf(t) for t in y]) for x, y in zip(z, v, strict=True)
            ]
            kept = [(mpmath.mpf(w), *pair) for w, pair in zip(weights, pairs, strict=True)]
        self.states = [(w, x, y) for w, x, y in kept if w > 0 and any(y)]
        self.spread = max((max(abs(t) for t in x) for _, x, _ in self.states), default=mpmath.mpf(0))
        self.reach = max((max(abs(t) for t in y) for _, _, y in self.states), default=mpmath.mpf(0))
        self.weight = max((w for w, _, _ in self.states), default=mpmath.mpf(0))

    def digits(self, eta: Real, epsilon: Real, wanted: int) -> int:
        """Digits to carry so that the divergence has `wanted` digits relative to epsilon."""
        size = self.weight * (1 + self.spread + eta * self.reach) / epsilon
        return wanted + GUARD + max(0, int(mpmath.log10(1 + size)))

    def divergence(self, eta: Real) -> Real:
        """At the working precision."""
        return mpmath.fsum(
            w * (_log_sum([a + eta * b for a, b in zip(z, v, strict=True)]) - _log_sum(z) - eta * _mean(z, v))
            for w, z, v in self.states
        )

    def slope(self, eta: Real) -> Real:
        """Derivative of the divergence in eta."""
        return mpmath.fsum(
            w * (_mean([a + eta * b for a, b in zip(z, v, strict=True)], v) - _mean(z, v)) for w, z, v in self.states
        )

    def exceeds(self, eta: Real, epsilon: Real, wanted: int) -> bool:
        """Whether the divergence at eta is larger than epsilon."""
        with mpmath.workdps(self.digits(eta, epsilon, wanted)):
            return bool(self.divergence(eta) > epsilon)


def _bracket(ray: Ray, epsilon: Real) -> tuple[Real, Real]:
    """Two points around the root whose ratio is at most 1 + 2**-16."""
    low = high = mpmath.mpf(1) / ray.reach
    factor = mpmath.mpf(16)
    while ray.exceeds(low, epsilon, 8):
        low, high, factor = low / factor, low, factor * factor
    factor = mpmath.mpf(16)
    while not ray.exceeds(high, epsilon, 8):
        low, high, factor = high, high * factor, factor * factor
    while high > low * (1 + mpmath.ldexp(1, -16)):
        middle = mpmath.sqrt(low * high)
        low, high = (low, middle) if ray.exceeds(middle, epsilon, 12) else (middle, high)
    return low, high


def margin(z: Any, v: Any, epsilon: Real, digits: int = 40) -> Real:
    """Largest eta with ``KL(p_z || p_(z + eta v)) <= epsilon``, to `digits` digits; infinite if v is constant."""
    return weighted_margin([z], [v], epsilon, [1], digits)


def weighted_margin(z: Rows, v: Rows, epsilon: Real, weights: Any, digits: int = 40) -> Real:
    """Largest eta with ``sum_s weights_s KL_s <= epsilon``."""
    ray = Ray(z, v, weights)
    if not ray.states:
        return mpmath.inf
    with mpmath.workdps(digits + GUARD):
        epsilon = mpmath.mpf(epsilon)
        _, eta = _bracket(ray, epsilon)
        unit = mpmath.mpf(10) ** -digits
        step = eta
        while abs(step) > unit * eta / 1000:
            with mpmath.workdps(ray.digits(eta, epsilon, digits + GUARD)):
                step = (ray.divergence(eta) - epsilon) / ray.slope(eta)
                eta = eta - step
        # One more evaluation on each side: the root is where the sign changes.
        assert not ray.exceeds(eta * (1 - unit), epsilon, digits + GUARD)
        assert ray.exceeds(eta * (1 + unit), epsilon, digits + GUARD)
        return +eta


def roundings(z: Rows, v: Rows, epsilon: Real, weights: Any, eta: Real) -> float:
    """How far, relative to eta, a stable evaluation in floats may lie from the margin, in units of EPS.

    The margin solves ``f(eta) = sum_s w_s log E exp(eta u) = epsilon``, u the centred direction, so a relative error d
    of f moves it by ``d f / (eta f')`` (at most d, f being convex), and an error e_a of ``x_a = eta u_a`` by
    ``sum_s w_s E[(exp(x) - 1) e] / E exp(x) / (eta f')``.

    Errors in units of EPS: probabilities, exponentials and sums over A actions ``A + 8 + |z_a - z_mode|``, relative;
    x_a its own rounding ``4 |x_a|``, and that of the deviation from the mean, for which y, the change ``eta v``
    relative to the mode's, is rounded once and its mean summed up with the errors of the probabilities.
    """
    ray = Ray(z, v, weights)
    with mpmath.workdps(ray.digits(eta, epsilon, 30)):
        slope = eta * ray.slope(eta)
        moved = mpmath.mpf(0)
        for w, x, y in ray.states:
            n = len(x)
            log_sum = _log_sum(x)
            p = [mpmath.exp(t - log_sum) for t in x]
            y = [eta * t for t in y]
            mean = mpmath.fsum(a * b for a, b in zip(p, y, strict=True))
            size = mpmath.fsum(a * abs(b) * (n + 8 + min(abs(c), 745)) for a, b, c in zip(p, y, x, strict=True))
            growth = mpmath.fsum(a * mpmath.exp(b - mean) for a, b in zip(p, y, strict=True))
            for a, b, c in zip(p, y, x, strict=True):
                u = b - mean
                relative = n + 8 + min(abs(c), 745)
                terms = a * abs(mpmath.expm1(u) - u) * relative
                terms += a * abs(mpmath.expm1(u)) * (4 * abs(u) + 2 * abs(b) + 2 * size)
                moved += w * terms / growth
        return float(4 + moved / slope)

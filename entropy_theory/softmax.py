"""Softmax policies, one state at a time: entropy, covariance and divergence on logits, over the last axis.

A policy is given by its logits ``z`` of shape (..., A): ``p_a = exp(z_a) / sum_b exp(z_b)``, Eq. (2). Write
``x = log p``, ``H`` for the entropy and ``E`` for the mean under p. Each function is one formula that serves float64,
complex128 and object arrays of python-flint's ``arb`` (or `Ball`).

Two devices keep the formulas relatively accurate where a policy is nearly deterministic or nearly uniform. The
log-probability of the mode is ``-log1p(sum of the others' odds)``. A centred value ``v_a - E v`` is taken from
differences to the mode's value, so that no rounding of a large common part enters: where the mode has all but 1e-20
of the mass, its own deviation, of order 1e-20, is still accurate.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from entropy_theory.arithmetic import expm1_minus, is_ball, log1p, midpoint, to_balls
from entropy_theory.validation import as_logits, as_numbers, broadcast, within_doubles

Array = np.ndarray[Any, Any]


class Policy:
    """One evaluation of the policy with logits z, float64, complex128 or balls, unchecked.

    Attributes
    ----------
    z : array (..., A)
        The logits.
    mode : int array (..., 1)
        Index of the most probable action.
    relative, odds : array (..., A)
        Logits relative to the mode, and their exponentials.
    others : array (..., 1)
        Sum of the other actions' odds.
    """

    def __init__(self, z: Array) -> None:
        self.z = z
        self.mode = np.argmax(midpoint(z), axis=-1, keepdims=True)
        self.relative = z - self.at_mode(z)
        self.odds = np.exp(self.relative)
        own = self.at_mode(self.odds)
        np.put_along_axis(self.odds, self.mode, 0, -1)
        # The mode's own relative logit, zero, gives the sum its type where there is no other action.
        self.others = self.odds.sum(-1, keepdims=True) + self.at_mode(self.relative)
        np.put_along_axis(self.odds, self.mode, own, -1)

    @cached_property
    def probability(self) -> Array:
        """``p_a``."""
        return np.asarray(self.odds / (1 + self.others))

    @cached_property
    def log_probability(self) -> Array:
        """``x_a = log p_a``."""
        return np.asarray(self.relative - log1p(self.others))

    @cached_property
    def centred_log_probability(self) -> Array:
        """``x_a + H``."""
        return self.centred(self.z)

    @cached_property
    def entropy(self) -> Array:
        """``H = -sum_a p_a x_a``."""
        return np.asarray(0 - (self.probability * self.log_probability).sum(-1))  # never -0

    @cached_property
    def entropy_gradient(self) -> Array:
        """``dH/dz_a = -p_a (x_a + H)``."""
        return np.asarray(-self.probability * self.centred_log_probability)

    def at_mode(self, v: Array) -> Array:
        """The mode's value, shape (..., 1)."""
        return np.take_along_axis(v, self.mode, -1)

    def from_mode(self, v: Array) -> tuple[Array, Array, Array]:
        """The mode's value, the differences to it, and their mean under the policy."""
        value = self.at_mode(v)
        difference = self.relative if v is self.z else v - value
        return value, difference, (self.odds * difference).sum(-1, keepdims=True) / (1 + self.others)

    def centred(self, v: Array) -> Array:
        """``v_a - E v``."""
        _, difference, mean = self.from_mode(v)
        return np.asarray(difference - mean)

    def expectation(self, v: Array) -> Array:
        """``E v``, shape (...)."""
        value, _, mean = self.from_mode(v)
        return np.asarray((value + mean)[..., 0])

    def covariance(self, x: Array, y: Array) -> Array:
        """``Cov(x, y)`` of functions that are centred already, shape (...)."""
        return np.asarray((self.probability * x * y).sum(-1))

    def norm(self, x: Array) -> Array:
        """``sqrt(Var(x))`` of a function that is centred already, shape (...)."""
        if is_ball(x) or is_ball(self.z):
            return np.asarray(np.sqrt(self.covariance(x, x)))
        # A power of two, which rounds nothing, keeps squares from overflow and underflow.
        exponent = np.frexp(np.abs(midpoint(x)).max(-1))[1] - 1
        scaled = x * np.ldexp(1.0, -exponent // 2)[..., None] * np.ldexp(1.0, -exponent - -exponent // 2)[..., None]
        return np.asarray(np.sqrt(self.covariance(scaled, scaled)) * np.ldexp(1.0, exponent))


def _covariance(z: Array, x: Array, y: Array) -> Array:
    policy = Policy(z)
    left = policy.centred(x)
    return policy.covariance(left, left if y is x else policy.centred(y))


def softmax(z: Any) -> Array:
    """Probabilities ``p_a = exp(z_a) / sum_b exp(z_b)``, Eq. (2).

    Parameters
    ----------
    z : array (..., A)
        Logits.

    Returns
    -------
    array (..., A)
        Relatively accurate down to the smallest normal double; below exp(-745) relative to the mode it is 0.

    Raises
    ------
    ValueError
        If `z` has no actions or a non-finite entry.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> et.softmax(np.log([9.0, 1.0]))
    array([0.9, 0.1])
    """
    return Policy(as_logits(z)).probability


def log_softmax(z: Any) -> Array:
    """Log-probabilities ``x_a = log p_a``, in nats.

    Parameters
    ----------
    z : array (..., A)
        Logits.

    Returns
    -------
    array (..., A)
        Each entry relatively accurate, also that of a mode whose probability rounds to one.
    """
    return Policy(as_logits(z)).log_probability


def centred(z: Any, v: Any) -> Array:
    """Deviations ``v_a - E_p v`` from the mean under the policy.

    Parameters
    ----------
    z, v : array (..., A)
        Logits and values, of shapes that broadcast.

    Returns
    -------
    array (..., A)
        Cancellation is left only where the differences of `v` to the mode's value cancel in their mean, and where an
        action's value is close to the mean.
    """
    logits, values = broadcast(z=as_logits(z), v=as_logits(v, "v"))
    return Policy(logits).centred(values)


def expectation(z: Any, v: Any) -> Array:
    """Mean under the policy, ``E_p v``.

    Parameters
    ----------
    z, v : array (..., A)
        Logits and values, of shapes that broadcast.

    Returns
    -------
    array (...)
        The mode's value plus the mean difference to it: of equal values exactly that value.

    Examples
    --------
    >>> import entropy_theory as et
    >>> float(et.expectation([0.3, 0.2, 0.1], [0.1, 0.1, 0.1]))
    0.1
    """
    logits, values = broadcast(z=as_logits(z), v=as_logits(v, "v"))
    return Policy(logits).expectation(values)


def covariance(z: Any, x: Any, y: Any) -> Array:
    """Covariance ``Cov_{a~p}(x, y) = E[(x - E x)(y - E y)]``, as in Eq. (8).

    Parameters
    ----------
    z, x, y : array (..., A)
        Logits and two functions of the action, of shapes that broadcast.

    Returns
    -------
    array (...)
        Its error is a few units of rounding of ``E|x - E x||y - E y|``: relatively accurate unless terms of opposite
        sign cancel.

    Raises
    ------
    ValueError
        If an argument has no actions or a non-finite entry, or shapes do not broadcast.
    OverflowError
        If the products of `x` and `y` are beyond the doubles.
    """
    logits, left, right = broadcast(z=as_logits(z), x=as_logits(x, "x"), y=as_logits(y, "y"))
    with within_doubles("x", "y"):
        return _covariance(logits, left, right)


def entropy(z: Any) -> Array:
    """Entropy ``H = -sum_a p_a log p_a``, Eq. (3), in nats.

    Parameters
    ----------
    z : array (..., A)
        Logits.

    Returns
    -------
    array (...)
        All terms have one sign, so it is relatively accurate (for 1 - p = 1e-20 it is about 4.7e-19, not 0).

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> float(et.entropy(np.zeros(4)) / np.log(4))
    1.0
    """
    return Policy(as_logits(z)).entropy


def entropy_gradient(z: Any) -> Array:
    """Gradient of the entropy, ``dH/dz_a = -p_a (log p_a + H)``, Lemma IV.1, Eq. (7).

    Parameters
    ----------
    z : array (..., A)
        Logits.

    Returns
    -------
    array (..., A)
        In nats per unit of logit. Relatively accurate except close to its zero ``p_a = exp(-H)``, where two numbers
        of the size of the largest logit difference cancel.
    """
    return Policy(as_logits(z)).entropy_gradient


def varentropy(z: Any) -> Array:
    """Variance of the log-probability, ``Var_p(log p)``, the second term of Eq. (14), in nats squared.

    Parameters
    ----------
    z : array (..., A)
        Logits.

    Returns
    -------
    array (...)
    """
    logits = as_logits(z)
    return _covariance(logits, logits, logits)


def fisher_norm(z: Any, v: Any) -> Array:
    """Fisher norm ``||v||_F = sqrt(v' F v) = sqrt(Var_p(v))`` with ``F = diag(p) - p p'``.

    Parameters
    ----------
    z, v : array (..., A)
        Logits and a direction in logits, of shapes that broadcast.

    Returns
    -------
    array (...)
    """
    logits, direction = broadcast(z=as_logits(z), v=as_logits(v, "v"))
    policy = Policy(logits)
    return policy.norm(policy.centred(direction))


def kl(z_old: Any, z_new: Any) -> Array:
    """Kullback-Leibler divergence ``KL(p_old || p_new) = sum_a p_old,a log(p_old,a / p_new,a)``, in nats.

    Parameters
    ----------
    z_old, z_new : array (..., A)
        Logits, of shapes that broadcast.

    Returns
    -------
    array (...)
        Relatively accurate down to the square of the rounding error of ``z_new - z_old``: it is computed as the log of
        ``E_old exp(u)``, u the centred change of logits, from the nonnegative terms ``p (exp(u) - 1 - u)``.
    """
    old, new = broadcast(z_old=as_logits(z_old, "z_old"), z_new=as_logits(z_new, "z_new"))
    policy = Policy(old)
    return _kl_of_change(policy, policy.centred(new - old))


def kl_along(z: Any, direction: Any, step: Any) -> Array:
    """Divergence along a ray, ``KL(p_z || p_{z + step * direction}) = log E_p exp(step u)``, u the centred direction.

    Parameters
    ----------
    z, direction : array (..., A)
        Logits and a direction, of shapes that broadcast.
    step : float or array (...)

    Returns
    -------
    array (...)
        Relatively accurate for steps of every size: nothing of the size of `z` is added to a small step. In floats
        infinite where a change ``step u`` exceeds the largest double: then the divergence does, too.
    """
    logits, change = broadcast(z=as_logits(z), direction=as_logits(direction, "direction"))
    size = as_numbers(step, "step")
    broadcast(z=logits[..., 0], step=size)
    if is_ball(logits) != is_ball(size):  # floats among balls would pass rounded exponentials off as exact numbers
        logits, change, size = (to_balls(x) for x in (logits, change, size))
    policy = Policy(logits)
    with np.errstate(over="ignore"):
        u = size[..., None] * policy.centred(change)
    if u.dtype == np.float64 and np.isposinf(u).any():
        beyond = np.asarray(np.isposinf(u).any(-1))
        return np.where(beyond, np.inf, _kl_of_change(policy, np.where(beyond[..., None], 0.0, u)))
    return _kl_of_change(policy, u)


def _kl_of_change(policy: Policy, u: Array) -> Array:
    """``KL(p_z || p_{z + u})`` for a change u with mean zero under p_z: ``log E exp(u)``."""
    log_p, p = policy.log_probability, policy.probability
    # The midpoint of a ball beyond the doubles is infinite, which no ball can be added to.
    peak = np.minimum(midpoint(log_p + u).max(-1, keepdims=True), np.finfo(np.float64).max)
    # Any value is right; this one avoids overflow. In the arithmetic of z, so that its exponential is enclosed.
    scale = np.where(peak > 1, np.rint(peak), 0.0) + 0 * log_p[..., :1]
    damp = np.exp(-scale)
    near = midpoint(u) <= 1
    far_terms = np.exp(log_p + np.where(near, 0, u) - scale) - p * (1 + u) * damp
    terms = np.where(near, p * expm1_minus(np.where(near, u, 0 * u)) * damp, far_terms)
    return np.asarray(scale[..., 0] + log1p(np.expm1(-scale[..., 0]) + terms.sum(-1)))


def first_order_entropy_change(z: Any, dz: Any) -> Array:
    """First-order change of the entropy, ``-Cov_p(log p, dz)``, Lemma IV.2, Eq. (8).

    Parameters
    ----------
    z, dz : array (..., A)
        Logits and their change, of shapes that broadcast.

    Returns
    -------
    array (...)
        In nats.
    """
    logits, change = broadcast(z=as_logits(z), dz=as_logits(dz, "dz"))
    return np.asarray(-_covariance(logits, logits, change))


def entropy_change(z: Any, dz: Any) -> Array:
    """Exact change of the entropy, ``H(z + dz) - H(z)``.

    Computed as ``-sum_a (p'_a - p_a)(log p_a + H) - KL(p' || p)``, p' the new policy, so that a small change is not
    lost in the difference of two entropies.

    Parameters
    ----------
    z, dz : array (..., A)
        Logits and their change, of shapes that broadcast.

    Returns
    -------
    array (...)
        In nats. Its error is a few units of rounding of the sum of the terms' sizes.
    """
    logits, change = broadcast(z=as_logits(z), dz=as_logits(dz, "dz"))
    old = Policy(Policy(logits).relative)  # so that a small change is not lost in large logits
    new = Policy(old.z + change)
    linear = (_policy_change(old, new, change) * old.centred_log_probability).sum(-1)
    return np.asarray(-linear - _kl_of_change(new, new.centred(-change)))


def log_ratio(z: Any, dz: Any) -> Array:
    """Change of the log-probabilities, ``log(p'_a / p_a)`` with p' the policy at ``z + dz``.

    Parameters
    ----------
    z, dz : array (..., A)
        Logits and their change, of shapes that broadcast.

    Returns
    -------
    array (..., A)
        Accurate also where the two policies are close.
    """
    logits, change = broadcast(z=as_logits(z), dz=as_logits(dz, "dz"))
    return _log_ratio(Policy(logits), change)


def policy_change(z: Any, dz: Any) -> Array:
    """Change of the policy, ``p'_a - p_a`` with p' the policy at ``z + dz``, without cancellation.

    It is also the gradient of ``KL(p || p')`` with respect to the logits of p', Theorem VI.1.

    Parameters
    ----------
    z, dz : array (..., A)
        Logits and their change, of shapes that broadcast.

    Returns
    -------
    array (..., A)
    """
    logits, change = broadcast(z=as_logits(z), dz=as_logits(dz, "dz"))
    return _policy_change(Policy(logits), Policy(logits + change), change)


def _log_ratio(old: Policy, change: Array) -> Array:
    u = old.centred(change)
    return np.asarray(u - _kl_of_change(old, u)[..., None])


def _policy_change(old: Policy, new: Policy, change: Array) -> Array:
    log_ratio = _log_ratio(old, change)
    grows = midpoint(log_ratio) > 0  # either form is right; the one that is taken does not overflow
    larger = np.where(grows, new.probability, old.probability)
    return np.asarray(np.where(grows, -1, 1) * larger * np.expm1(np.where(grows, -log_ratio, log_ratio)))


def token_covariance(z: Any, dz: Any) -> Array:
    """Token-wise covariance ``C(s, a) = (log p_a - E log p)(dz_a - E dz)``, Definition VI.1, Eq. (17).

    Parameters
    ----------
    z, dz : array (..., A)
        Logits and their change, of shapes that broadcast.

    Returns
    -------
    array (..., A)
        Its mean under the policy is ``Cov_p(log p, dz)``.
    """
    logits, change = broadcast(z=as_logits(z), dz=as_logits(dz, "dz"))
    policy = Policy(logits)
    return np.asarray(policy.centred_log_probability * policy.centred(change))

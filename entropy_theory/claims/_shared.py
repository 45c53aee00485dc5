"""Pieces that several claims use. ``p`` is a policy, ``r`` rewards, ``x = log p``."""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_theory.arithmetic import directional_derivative, largest, smallest
from entropy_theory.problems import MDP
from entropy_theory.softmax import centred, covariance, entropy_gradient, softmax, token_covariance

Array = np.ndarray[Any, Any]


def advantage(p: Array, r: Array) -> Array:
    """``A = r - E_p r`` in a bandit."""
    return centred(np.log(p), r)


def ascent(p: Array, r: Array) -> Array:
    """The direction ``p A`` of Eq. (9)."""
    return p * advantage(p, r)


def driver(p: Array, r: Array) -> Array:
    """``Cov_p(log p, p A)``, which Eq. (10) says drives the entropy."""
    return covariance(np.log(p), np.log(p), ascent(p, r))


def token_driver(p: Array, r: Array) -> Array:
    """``C`` of Eq. (17) for the update ``p A``, per unit of step; its mean under p is `driver`."""
    return token_covariance(np.log(p), ascent(p, r))


def influence(p: Array, r: Array) -> Array:
    """``I_a = A_a (f_a - E_p f)`` with ``f_a = p_a (log p_a + H)``; its mean under p is `driver`.

    ``p_a I_a`` is what the tokens of action a contribute to the rate at which the policy gradient lowers the entropy.
    """
    return advantage(p, r) * centred(np.log(p), -entropy_gradient(np.log(p)))


def old_policy(p: Array, u: Array) -> Array:
    """The policy q for which ``log(p/q)`` is u up to a constant."""
    return softmax(np.log(p) - u)


def loss_gradient(p: Array, weight: Array) -> Array:
    """Gradient in z of ``sum_a softmax(z)_a weight_a`` at log p, by derivatives that know no formula."""
    return directional_derivative(
        lambda z: inner(softmax(z), weight[..., None, :]), np.log(p)[..., None, :], np.eye(p.shape[-1])
    )


def leading(x: Array, m: Array) -> Array:
    """Whether each entry of the last axis is among the first m (one number m a row)."""
    return np.asarray((np.arange(x.shape[-1]) < m[..., None]).astype(bool))


def squared_gradient(p: Array) -> Array:
    """``K = sum_a p_a^2 (x_a - E x)^2 = ||grad H||^2``."""
    return np.asarray((entropy_gradient(np.log(p)) ** 2).sum(-1))


def inner(x: Array, y: Array, axes: int = 1) -> Array:
    """Inner product over the last `axes` axes."""
    return np.asarray((x * y).sum(axis=tuple(range(-axes, 0))))


def comonotone(p: Array, r: Array) -> Array:
    """Whether no action that is more probable than another has less reward (last axis; one boolean a row)."""
    i, j = np.triu_indices(p.shape[-1], 1)
    dp, dr = p[..., i] - p[..., j], r[..., i] - r[..., j]
    against = ((dp > 0) & (dr < 0)) | ((dp < 0) & (dr > 0))
    return np.asarray(~against.astype(bool).any(-1))


def constant(r: Array) -> Array:
    """Whether all entries of a row are equal."""
    return np.asarray((r == r[..., :1]).astype(bool).all(-1))


def osc(r: Array) -> Array:
    """``max r - min r``."""
    return np.asarray(largest(r) - smallest(r))


def weights(mdp: MDP, z: Array) -> Array:
    """``w(s) = d(s) / (1 - discount)``, the expected discounted number of visits."""
    return np.asarray(mdp.values(z).visits)

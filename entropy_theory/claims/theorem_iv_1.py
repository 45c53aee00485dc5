"""Theorem IV.1, Eq. (10): the entropy dynamics of policy gradient.

In a bandit ``dH = -eta Cov(log p, p A) + O(eta^2)``. In an MDP the state-wise change carries the visits w(s), since
the update does. The averaged entropy of Eq. (4) moves also because the visitation moves: its change is not the
average of the state-wise changes. Under the natural gradient, ``dz = eta A``, the change is ``-eta Cov(log p, A)`` at
each state, with no weight.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality, Order
from entropy_theory.claims._shared import Array, advantage, ascent, driver, inner, weights
from entropy_theory.gradients import (
    mean_entropy,
    mean_entropy_gradient,
    natural_policy_gradient,
    policy_gradient,
)
from entropy_theory.problems import MDP
from entropy_theory.softmax import covariance, entropy

POSITION = 4.04

_BANDIT = Order(
    name="theorem-iv.1/bandit",
    statement=r"\text{bandit:}\quad \Delta H = -\eta\,\mathrm{Cov}(\log p, pA) + O(\eta^2)",
    given={"p": d.policies(), "r": d.rewards(like="p")},
    power=2,
    remainder=lambda t, p, r: entropy(np.log(p) + t[..., None] * ascent(p, r)) - entropy(np.log(p)) + t * driver(p, r),
)
BANDIT = _BANDIT.with_mutants(
    _BANDIT.mutant(
        "no-probability",
        remainder=lambda t, p, r: (
            entropy(np.log(p) + t[..., None] * ascent(p, r))
            - entropy(np.log(p))
            + t * covariance(np.log(p), np.log(p), r)
        ),
    ),
    _BANDIT.mutant(
        "flipped-sign",
        remainder=lambda t, p, r: (
            entropy(np.log(p) + t[..., None] * ascent(p, r)) - entropy(np.log(p)) - t * driver(p, r)
        ),
    ),
)

_GIVEN = {"mdp": d.mdps(), "p": d.policies(like="mdp")}


def _local_driver(mdp: MDP, p: Array) -> Array:
    z = np.log(p)
    return covariance(z, z, p * mdp.values(z).advantage)


def _state_change(t: Array, mdp: MDP, p: Array) -> Array:
    z = np.log(p)
    return entropy(z + t[..., None, None] * policy_gradient(mdp, z)) - entropy(z)


def _drift(mdp: MDP, p: Array) -> Array:
    """First-order change of the entropy of each state under the gradient of J, by a route that knows no formula
    for it."""
    return directional_derivative(entropy, np.log(p), policy_gradient(mdp, np.log(p)))


def _pairs(mdp: MDP, x: Array, y: Array) -> Array:
    """x(s) y(s') for all pairs of states in which an episode can start."""
    starts = (mdp.initial > 0).astype(bool)
    x, y = np.where(starts, x, 0 * x), np.where(starts, y, 0 * y)
    products = x[..., :, None] * y[..., None, :]
    return np.asarray(products.reshape(*products.shape[:-2], -1))


PRINTED = Identity(
    name="theorem-iv.1/mdp",
    statement=r"\text{MDP:}\quad \Delta H_s \propto -\mathrm{Cov}(\log\pi, \pi A)\ \text{with one factor for all } s",
    given=_GIVEN,
    lhs=lambda mdp, p: _pairs(mdp, _drift(mdp, p), _local_driver(mdp, p)),
    rhs=lambda mdp, p: _pairs(mdp, _local_driver(mdp, p), _drift(mdp, p)),
    remark="Read up to one common factor (pairs of states are compared) and at states in which an episode can start. "
    "The update is the gradient of J, which carries the number of visits of each state.",
)
_CORRECTED = Order(
    name="theorem-iv.1/mdp",
    reading="corrected",
    statement=r"\text{MDP:}\quad \Delta H_s = -\eta\, w(s)\,\mathrm{Cov}(\log\pi, \pi A) + O(\eta^2)",
    given=_GIVEN,
    power=2,
    remainder=lambda t, mdp, p: (
        _state_change(t, mdp, p) + t[..., None] * weights(mdp, np.log(p)) * _local_driver(mdp, p)
    ),
)
CORRECTED = _CORRECTED.with_mutants(
    _CORRECTED.mutant(
        "normalised-visitation",
        remainder=lambda t, mdp, p: (
            _state_change(t, mdp, p) + t[..., None] * mdp.values(np.log(p)).visitation * _local_driver(mdp, p)
        ),
    ),
)


def _mean_change(t: Array, mdp: MDP, p: Array) -> Array:
    z = np.log(p)
    return mean_entropy(mdp, z + t[..., None, None] * policy_gradient(mdp, z)) - mean_entropy(mdp, z)


AVERAGED_PRINTED = Order(
    name="theorem-iv.1/eq-4",
    statement=r"\Delta \bar H = -\eta\sum_s d(s)\,w(s)\,\mathrm{Cov}_s(\log\pi, \pi A) + O(\eta^2)",
    given=_GIVEN,
    power=2,
    remainder=lambda t, mdp, p: (
        _mean_change(t, mdp, p)
        + t * inner(mdp.values(np.log(p)).visitation * weights(mdp, np.log(p)), _local_driver(mdp, p))
    ),
    remark="The paper states the theorem for one state; this is what it suggests for the average that Eq. (4) defines. "
    "The average of the state-wise changes leaves out that the visitation moves.",
)
_AVERAGED = Order(
    name="theorem-iv.1/eq-4",
    reading="corrected",
    statement=r"\Delta \bar H = \eta\,\langle\nabla\bar H, \nabla J\rangle + O(\eta^2)",
    given=_GIVEN,
    power=2,
    remainder=lambda t, mdp, p: (
        _mean_change(t, mdp, p)
        - t * inner(mean_entropy_gradient(mdp, np.log(p)), policy_gradient(mdp, np.log(p)), axes=2)
    ),
    remark="With the gradient through the visitation of proposition-v.1/eq-4.",
)
AVERAGED = _AVERAGED.with_mutants(_AVERAGED.mutant("third-order", power=3))

_NATURAL = Order(
    name="theorem-iv.1/natural-gradient",
    reading="corrected",
    statement=r"\Delta z = \eta A:\quad \Delta H_s = -\eta\,\mathrm{Cov}(\log\pi, A) + O(\eta^2)",
    given=_GIVEN,
    power=2,
    remainder=lambda t, mdp, p: (
        entropy(np.log(p) + t[..., None, None] * natural_policy_gradient(mdp, np.log(p)))
        - entropy(np.log(p))
        + t[..., None] * covariance(np.log(p), np.log(p), mdp.values(np.log(p)).advantage)
    ),
    remark="The natural gradient needs no visitation weight.",
)
NATURAL = _NATURAL.with_mutants(
    _NATURAL.mutant(
        "vanilla-covariance",
        remainder=lambda t, mdp, p: (
            entropy(np.log(p) + t[..., None, None] * natural_policy_gradient(mdp, np.log(p)))
            - entropy(np.log(p))
            + t[..., None] * _local_driver(mdp, p)
        ),
    )
)

_SAME_SIGN = Inequality(
    name="theorem-iv.1/two-actions",
    reading="corrected",
    statement=r"n = 2:\quad \mathrm{Cov}(\log p, pA)\,\mathrm{Cov}(\log p, A) \ge 0",
    given={"p": d.policies(actions=2), "r": d.rewards(like="p")},
    lhs=0,
    rhs=lambda p, r: driver(p, r) * covariance(np.log(p), np.log(p), advantage(p, r)),
    remark="For two actions vanilla and natural gradient agree on the sign of the entropy change; from three on they "
    "need not.",
)
SAME_SIGN = _SAME_SIGN.with_mutants(
    _SAME_SIGN.mutant("three-actions", given={"p": d.policies(actions=(2, 3)), "r": d.rewards(like="p")})
)

CLAIMS = (BANDIT, PRINTED, CORRECTED, AVERAGED_PRINTED, AVERAGED, NATURAL, SAME_SIGN)

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
    proof=(
        "x = log p, A = r - E_p r. By Proposition IV.1 the step of policy gradient is dz = eta D with D_a = "
        "p_a A_a.\n"
        "Lemma IV.2 with a constant: |H(z + eta D) - H(z) + eta Cov_p(x, D)| <= (1/2) log(n) eta^2 osc(D)^2, "
        "n the number of actions.\n"
        "D does not depend on eta, so the right side is O(eta^2)."
    ),
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
    breaks=(
        "Appendix D substitutes dz_{s,a} = eta pi(a|s) A(s,a) of Proposition IV.1 into Lemma IV.2. Lemma IV.2 "
        "is right at each state; the update is not the gradient step of J in an MDP, as Appendix C leaves out "
        "how often s is visited. The gradient step is dz_{s,a} = eta w(s) pi(a|s) A(s,a) with w(s) = sum_t "
        "discount^t P(s_t = s), so what holds is dH_s = -eta w(s) Cov_s(log pi, pi A) to first order. The "
        "factor differs from state to state, so that no common eta absorbs it."
    ),
    terms={
        "w(s)": lambda mdp, p: weights(mdp, np.log(p)),
        "A(s,a)": lambda mdp, p: mdp.values(np.log(p)).advantage,
        "Cov_s(log p, pA)": _local_driver,
        "w(s) Cov_s": lambda mdp, p: weights(mdp, np.log(p)) * _local_driver(mdp, p),
        "slope of H_s": _drift,
    },
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
    proof=(
        "x = log p at state s, A(s,a) the advantage and w(s) = sum_t discount^t P(s_t = s) = d(s) / (1 - "
        "discount). By the policy gradient theorem (equation-5) the step of policy gradient is dz_{s,a} = eta "
        "w(s) p(a|s) A(s,a).\n"
        "H_s depends on the logits of s only, so Lemma IV.2 applies at s with dz_s = eta D, D = w(s) p(.|s) "
        "A(s,.).\n"
        "With its constant: |dH_s + eta Cov_p(x, D)| <= (1/2) log(n) eta^2 osc(D)^2, n the number of actions, "
        "which is O(eta^2).\n"
        "Cov_p(x, D) = w(s) Cov_p(x, pA), since w(s) does not depend on the action."
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
    breaks=(
        "Appendix D works at one state. The average of Eq. (4) is Hbar = sum_s d(s) H_s, and its change is to "
        "first order sum_s d(s) dH_s + sum_s dd(s) H_s, where dd(s) is the change of the visitation. "
        "Averaging Eq. (10) gives the first sum only. The second is of the same order in eta: a step that "
        "sends the policy more often to states of high entropy, or that makes episodes longer, raises Hbar "
        "even if no H_s moves."
    ),
    terms={
        "H_s": lambda p: entropy(np.log(p)),
        "d(s)": lambda mdp, p: mdp.values(np.log(p)).visitation,
        "w(s)": lambda mdp, p: weights(mdp, np.log(p)),
        "A(s,a)": lambda mdp, p: mdp.values(np.log(p)).advantage,
        "Cov_s(log p, pA)": _local_driver,
        "-sum_s d w Cov_s": lambda mdp, p: (
            -inner(mdp.values(np.log(p)).visitation * weights(mdp, np.log(p)), _local_driver(mdp, p))
        ),
        "slope of Hbar": lambda mdp, p: directional_derivative(
            lambda z: mean_entropy(mdp, z), np.log(p), policy_gradient(mdp, np.log(p))
        ),
    },
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
    proof=(
        "Hbar(z) = (1 - discount) sum_s initial(s) V_H(s), where V_H = H + discount P_pi V_H is the expected "
        "discounted entropy and P_pi the transition matrix of the policy.\n"
        "I - discount P_pi is invertible and all its entries are smooth in z, so Hbar is a smooth function of "
        "z.\n"
        "The step is dz = eta g with g = grad J, which does not depend on eta. Taylor's theorem: Hbar(z + eta "
        "g) = Hbar(z) + eta <grad Hbar, g> + O(eta^2).\n"
        "grad J is w(s) p(a|s) A(s,a) by equation-5; grad Hbar is d(s) p(a|s) [A_H(s,a) - (log p(a|s) + H_s)] "
        "by proposition-v.1/eq-4 (corrected), with A_H the advantage of the entropy as a reward."
    ),
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
    proof=(
        "x = log p at state s, w(s) the expected discounted number of visits of s. The natural gradient u "
        "solves F u = grad J with F block-diagonal, F_s = w(s) (diag(p) - p p').\n"
        "u = A solves it: (diag(p) - p p') A = p (A - E_p A) = pA, and grad J = w(s) pA by equation-5, so "
        "w(s) stands on both sides and drops out. (Where w(s) = 0 any u solves it, and A is taken.)\n"
        "Lemma IV.2 with its constant, at s with dz_s = eta A(s,.): |dH_s + eta Cov_p(x, A)| <= (1/2) log(n) "
        "eta^2 osc(A)^2, n the number of actions. The bound is O(eta^2)."
    ),
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
    proof=(
        "x = log p, q = p_2 = 1 - p_1. For two actions Cov_p(y, y') = p_1 q (y_1 - y_2) (y'_1 - y'_2).\n"
        "With c = r_1 - r_2: A_1 = q c and A_2 = -p_1 c, so A_1 - A_2 = c and p_1 A_1 - p_2 A_2 = 2 p_1 q c.\n"
        "Hence Cov_p(x, pA) = 2 p_1 q Cov_p(x, A).\n"
        "The product of the two covariances is 2 p_1 q Cov_p(x, A)^2 >= 0."
    ),
)
SAME_SIGN = _SAME_SIGN.with_mutants(
    _SAME_SIGN.mutant("three-actions", given={"p": d.policies(actions=(2, 3)), "r": d.rewards(like="p")})
)

CLAIMS = (BANDIT, PRINTED, CORRECTED, AVERAGED_PRINTED, AVERAGED, NATURAL, SAME_SIGN)

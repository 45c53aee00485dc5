"""Proposition V.1, Eqs. (11) and (12): the gradient of the regularised objective.

``grad (J + alpha H) = grad J + alpha grad H`` by linearity. That grad H is the one of Lemma IV.1 holds for the
entropy of one state. For the average of Eq. (4), which the objective (11) contains, the visitation moves with the
policy, and an entropy advantage enters: ``dHbar/dz_{s,a} = d(s) p(a|s) [A_H(s,a) - (log p(a|s) + H_s)]``.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity
from entropy_theory.claims._shared import Array, inner
from entropy_theory.gradients import mean_entropy, mean_entropy_gradient, policy_gradient
from entropy_theory.problems import MDP
from entropy_theory.softmax import entropy, entropy_gradient

POSITION = 5.01

_GIVEN = {"mdp": d.mdps(), "p": d.policies(like="mdp"), "v": d.reals(-np.inf, np.inf, like="mdp")}


def _slope(mdp: MDP, p: Array, v: Array, alpha: Array) -> Array:
    """Slope of J + alpha Hbar along v."""
    return directional_derivative(lambda z: mdp.objective(z) + alpha * mean_entropy(mdp, z), np.log(p), v)


_LINEAR = Identity(
    name="proposition-v.1/eq-12",
    statement=r"\nabla(J + \alpha\bar H) = \nabla J + \alpha\nabla\bar H",
    given={**_GIVEN, "alpha": d.positive()},
    lhs=_slope,
    rhs=lambda mdp, p, v, alpha: (
        inner(policy_gradient(mdp, np.log(p)), v, axes=2)
        + alpha * inner(mean_entropy_gradient(mdp, np.log(p)), v, axes=2)
    ),
    remark="The left side by a route that knows neither gradient.",
)
LINEAR = _LINEAR.with_mutants(
    _LINEAR.mutant(
        "flipped-sign",
        rhs=lambda mdp, p, v, alpha: (
            inner(policy_gradient(mdp, np.log(p)), v, axes=2)
            - alpha * inner(mean_entropy_gradient(mdp, np.log(p)), v, axes=2)
        ),
    )
)

_STATE_WISE = Identity(
    name="proposition-v.1/state-wise",
    statement=r"\nabla H_s\ \text{is given by Lemma IV.1}",
    given={"p": d.policies(actions=(2, 4), states=(2, 3)), "v": d.reals(-np.inf, np.inf, like="p")},
    lhs=lambda p, v: directional_derivative(entropy, np.log(p), v),
    rhs=lambda p, v: inner(entropy_gradient(np.log(p)), v),
    remark="Several states at once: the entropy of a state depends on its own logits only.",
)
STATE_WISE = _STATE_WISE.with_mutants(
    _STATE_WISE.mutant("other-state", rhs=lambda p, v: inner(entropy_gradient(np.log(p)), v)[..., ::-1])
)


def _mean_slope(mdp: MDP, p: Array, v: Array) -> Array:
    return directional_derivative(lambda z: mean_entropy(mdp, z), np.log(p), v)


def _local(mdp: MDP, p: Array, v: Array) -> Array:
    z = np.log(p)
    return inner(mdp.values(z).visitation, inner(entropy_gradient(z), v))


PRINTED = Identity(
    name="proposition-v.1/eq-4",
    statement=r"\nabla\bar H\ \text{of Eq. (4)} = d(s)\,\nabla H_s\ \text{of Lemma IV.1}",
    given=_GIVEN,
    lhs=_mean_slope,
    rhs=_local,
    remark="The local formula holds the visitation fixed.",
)
_CORRECTED = Identity(
    name="proposition-v.1/eq-4",
    reading="corrected",
    statement=r"\partial\bar H/\partial z_{s,a} = d(s)\,\pi(a|s)\,\big[A_H(s,a) - (\log\pi(a|s) + H_s)\big]",
    given=_GIVEN,
    lhs=_mean_slope,
    rhs=lambda mdp, p, v: inner(mean_entropy_gradient(mdp, np.log(p)), v, axes=2),
    remark="A_H is the advantage of the entropy as a reward: Q_H = discount E V_H(s'), V_H = H_s + E Q_H.",
)
CORRECTED = _CORRECTED.with_mutants(_CORRECTED.mutant("visitation-fixed", rhs=_local))

CLAIMS = (LINEAR, STATE_WISE, PRINTED, CORRECTED)

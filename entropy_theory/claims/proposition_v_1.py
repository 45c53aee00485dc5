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
    proof=(
        "p is the policy softmax(z) and P_pi its transition matrix. I - discount P_pi is invertible and its "
        "entries are smooth in z, so J and Hbar = sum_s d(s) H_s are smooth functions of z.\n"
        "The derivative is linear, so the slope of J + alpha Hbar along v is the slope of J plus alpha times "
        "that of Hbar.\n"
        "The slopes on the right are taken from the closed forms dJ/dz_{s,a} = w(s) p(a|s) A(s,a) "
        "(equation-5) and dHbar/dz_{s,a} = d(s) p(a|s) [A_H(s,a) - (log p(a|s) + H_s)] (proposition-v.1/eq-4, "
        "corrected)."
    ),
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
    proof=(
        "H_s is a function of the policy at s, and so of the logits of s only; its derivatives by the logits "
        "of other states are zero.\n"
        "At s, with x = log p and a dash for the derivative along v: p'_a = p_a (v_a - E_p v), so H' = -sum_a "
        "p'_a (x_a + 1) = -Cov_p(v, x) = -sum_a v_a p_a (x_a - E_p x).\n"
        "That is Lemma IV.1: dH_s/dz_{s,a} = -p_a (x_a - E_p x)."
    ),
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
    breaks=(
        "Appendix E says of grad H(pi_theta): 'its component with respect to the logit z_{s,a} has the closed "
        "form stated in Lemma IV.1'. Lemma IV.1 differentiates the entropy H_s of one state. The entropy in "
        "the objective (11) is the average of Eq. (4), Hbar = sum_s d(s) H_s, and the product rule gives grad "
        "Hbar = sum_s d(s) grad H_s + sum_s H_s grad d(s). The visitation d belongs to the policy and moves "
        "with it; the second sum is left out. It rewards actions that lead to states of high entropy, or that "
        "prolong the episode."
    ),
    terms={
        "d(s)": lambda mdp, p: mdp.values(np.log(p)).visitation,
        "H_s": lambda p: entropy(np.log(p)),
        "grad H_s": lambda p: entropy_gradient(np.log(p)),
        "slope, d held fixed": _local,
        "slope of Hbar": _mean_slope,
    },
)
_CORRECTED = Identity(
    name="proposition-v.1/eq-4",
    reading="corrected",
    statement=r"\partial\bar H/\partial z_{s,a} = d(s)\,\pi(a|s)\,\big[A_H(s,a) - (\log\pi(a|s) + H_s)\big]",
    given=_GIVEN,
    lhs=_mean_slope,
    rhs=lambda mdp, p, v: inner(mean_entropy_gradient(mdp, np.log(p)), v, axes=2),
    remark="A_H is the advantage of the entropy as a reward: Q_H = discount E V_H(s'), V_H = H_s + E Q_H.",
    proof=(
        "A dash is the derivative along a direction v in logits. P_pi is the transition matrix of the policy "
        "p, x = log p, Q_H(s,a) = discount E[V_H(s') | s,a], V_H(s) = H_s + E_p Q_H(s,.) and A_H = Q_H - E_p "
        "Q_H.\n"
        "V_H = H + discount P_pi V_H is the expected discounted entropy, so Hbar = sum_s d(s) H_s = (1 - "
        "discount) sum_s initial(s) V_H(s).\n"
        "Differentiate V_H(s) = H_s + sum_a p(a|s) Q_H(s,a): V_H' = b + discount P_pi V_H' with b(s) = H_s' + "
        "sum_a p'(a|s) Q_H(s,a).\n"
        "Solve and take the mean over the first state: Hbar' = sum_s d(s) b(s), since d(s) = (1 - discount) "
        "sum_t discount^t P(s_t = s).\n"
        "Softmax: p'(a|s) = p(a|s) (v_{s,a} - E_p v_s), so sum_a p'(a|s) Q_H(s,a) = Cov_p(v_s, Q_H(s,.)) = "
        "sum_a v_{s,a} p(a|s) A_H(s,a).\n"
        "Lemma IV.1: H_s' = -sum_a v_{s,a} p(a|s) (x_{s,a} + H_s). Add the two; v is arbitrary."
    ),
)
CORRECTED = _CORRECTED.with_mutants(_CORRECTED.mutant("visitation-fixed", rhs=_local))

CLAIMS = (LINEAR, STATE_WISE, PRINTED, CORRECTED)

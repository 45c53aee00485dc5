"""Proposition IV.1, Eq. (9): the logit update of policy gradient, ``dz = eta p A``.

In a bandit this is the gradient of J. In an MDP the gradient of J carries the expected discounted number of visits
w(s). As printed the claim is read generously, as "the gradient is proportional to p A": for any two directions u and v
the slopes have the same ratio.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity
from entropy_theory.claims._shared import Array, ascent, inner, weights
from entropy_theory.gradients import policy_gradient
from entropy_theory.problems import MDP, Bandit

POSITION = 4.03

_REALS = d.reals(-np.inf, np.inf, like="p")

_BANDIT = Identity(
    name="proposition-iv.1/bandit",
    statement=r"\text{bandit:}\quad \Delta z_a = \eta\,\partial J/\partial z_a = \eta\, p_a A_a",
    given={"p": d.policies(), "r": d.rewards(like="p"), "v": _REALS},
    lhs=lambda p, r, v: directional_derivative(Bandit(r).objective, np.log(p), v),
    rhs=lambda p, r, v: inner(ascent(p, r), v),
    proof=(
        "J = sum_a p_a r_a with p = softmax(z), and A = r - E_p r. A dash is the derivative along a direction "
        "v in logits.\n"
        "Softmax: p'_a = p_a (v_a - E_p v), so J' = E_p[(v - E_p v) r] = Cov_p(v, r).\n"
        "A covariance may be centred on either factor: J' = E_p[v (r - E_p r)] = sum_a v_a p_a A_a for every "
        "v.\n"
        "So dJ/dz_a = p_a A_a, and gradient ascent with step eta changes z_a by eta p_a A_a."
    ),
)
BANDIT = _BANDIT.with_mutants(
    _BANDIT.mutant("no-probability", rhs=lambda p, r, v: inner(ascent(p, r) / p, v)),
    _BANDIT.mutant("reward-for-advantage", rhs=lambda p, r, v: inner(p * r, v)),
)

_GIVEN = {
    "mdp": d.mdps(),
    "p": d.policies(like="mdp"),
    "u": d.reals(-np.inf, np.inf, like="mdp"),
    "v": d.reals(-np.inf, np.inf, like="mdp"),
}


def _slope(mdp: MDP, p: Array, v: Array) -> Array:
    return directional_derivative(mdp.objective, np.log(p), v)


def _local(mdp: MDP, p: Array, v: Array) -> Array:
    return inner(p * mdp.values(np.log(p)).advantage, v, axes=2)


def _at_starts(mdp: MDP, v: Array) -> Array:
    """The direction v at the states in which an episode can start, which are visited for certain."""
    return np.where((mdp.initial > 0).astype(bool)[..., None], v, 0 * v)


PRINTED = Identity(
    name="proposition-iv.1/mdp",
    statement=r"\text{MDP:}\quad \Delta z_{s,a} = \eta\,\partial J/\partial z_{s,a} \propto \pi(a|s)\,A(s,a)",
    given=_GIVEN,
    lhs=lambda mdp, p, u, v: _slope(mdp, p, _at_starts(mdp, u)) * _local(mdp, p, _at_starts(mdp, v)),
    rhs=lambda mdp, p, u, v: _slope(mdp, p, _at_starts(mdp, v)) * _local(mdp, p, _at_starts(mdp, u)),
    remark="Read up to one common factor (slopes along u and v are compared) and at states in which an episode can "
    "start. States that are visited unequally often break it.",
    breaks=(
        "Appendix C starts from dJ/dz_{s,a} = E_{a'~pi(.|s)}[d log pi(a'|s)/dz_{s,a} A(s,a')], with reference "
        "to the policy gradient theorem. This is the contribution of one visit of s. The theorem, Eq. (5), "
        "sums over all times at which s is met, so the right side is to be multiplied by w(s) = sum_t "
        "discount^t P(s_t = s). The rest of the appendix is right and turns the expectation into pi(a|s) "
        "A(s,a). With a single state eta absorbs the factor; two states that are visited unequally often need "
        "two different factors, and no common eta gives both."
    ),
    terms={
        "w(s)": lambda mdp, p: weights(mdp, np.log(p)),
        "A(s,a)": lambda mdp, p: mdp.values(np.log(p)).advantage,
        "slope of J along u": lambda mdp, p, u: _slope(mdp, p, _at_starts(mdp, u)),
        "slope of J along v": lambda mdp, p, v: _slope(mdp, p, _at_starts(mdp, v)),
        "pA along u": lambda mdp, p, u: _local(mdp, p, _at_starts(mdp, u)),
        "pA along v": lambda mdp, p, v: _local(mdp, p, _at_starts(mdp, v)),
    },
)

_CORRECTED = Identity(
    name="proposition-iv.1/mdp",
    reading="corrected",
    statement=r"\text{MDP:}\quad \Delta z_{s,a} = \eta\, w(s)\,\pi(a|s)\,A(s,a), \quad w = d/(1-\gamma)",
    given={k: v for k, v in _GIVEN.items() if k != "u"},
    lhs=_slope,
    rhs=lambda mdp, p, v: inner(policy_gradient(mdp, np.log(p)), v, axes=2),
    remark="w(s) is the expected discounted number of visits, from the policy gradient theorem, Eq. (5).",
    proof=(
        "A dash is the derivative along a direction v in logits. P_pi is the transition matrix of the policy "
        "p, V = E_p Q at each state, Q(s,a) = r(s,a) + discount E[V(s') | s,a] and A = Q - V.\n"
        "Differentiate V(s) = sum_a p(a|s) Q(s,a): V' = b + discount P_pi V' with b(s) = sum_a p'(a|s) "
        "Q(s,a).\n"
        "Solve and take the mean over the first state: J' = sum_s w(s) b(s), with w(s) = sum_t discount^t "
        "P(s_t = s) = d(s) / (1 - discount).\n"
        "Softmax: p'(a|s) = p(a|s) (v_{s,a} - E_p v_s), so b(s) = Cov_p(v_s, Q(s,.)) = sum_a v_{s,a} p(a|s) "
        "A(s,a).\n"
        "This holds for every v, so dJ/dz_{s,a} = w(s) p(a|s) A(s,a)."
    ),
)
CORRECTED = _CORRECTED.with_mutants(
    _CORRECTED.mutant("no-visitation", rhs=_local),
    _CORRECTED.mutant(
        "normalised-visitation",
        rhs=lambda mdp, p, v: (1 - mdp.discount) * inner(policy_gradient(mdp, np.log(p)), v, axes=2),
    ),
)

CLAIMS = (BANDIT, PRINTED, CORRECTED)

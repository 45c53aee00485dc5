"""The gradient of the visitation-averaged entropy of Eq. (4): an entropy advantage that Lemma IV.1 does not have.

Let A_H be the advantage of the policy in the same MDP with the reward H(p(.|s)) in state s, held fixed. Then
``dHbar/dz_{s,a} = d(s) p(a|s) [A_H(s,a) - (log p(a|s) + H_s)]``: beside the local term stands the policy gradient of
that MDP. So the local formula is right at a policy iff, at every visited state, all actions lead to the same expected
future entropy. There is an exact difference formula as well, for any two policies.

Proof.

Let p be the policy, H_s its entropy at s, V(s) the expected discounted sum of the entropies from s on, Q(s,a) =
discount E[V(next state) | s,a], w(s) the expected discounted number of visits and d(s) = (1 - discount) w(s). So V(s) =
H_s + E_p Q(s, .), and Eq. (4) is Hbar = sum_s d(s) H_s = (1 - discount) sum_s initial(s) V(s). (In the statements Q and
V are Q_H and V_H.) A dash marks the same quantities of a second policy p'.

V'(s) = H'_s + E_{p'} Q'(s, .). Add and subtract E_{p'} Q(s, .): V'(s) - V(s) = [H'_s + E_{p'} Q(s, .) - V(s)] +
discount E_{p'}[(V' - V)(next state) | s]. Unroll along p': sum_s initial(s) (V'(s) - V(s)) = sum_s w'(s) [H'_s +
E_{p'} Q(s, .) - V(s)]. Times 1 - discount: Hbar' - Hbar = sum_s d'(s) [H'_s + E_{p'} Q(s, .) - V(s)]. This is the
difference formula.

The bracket is zero at p' = p, so to first order d' may be replaced by d: the slope of Hbar along a direction v of the
logits is sum_s d(s) [slope of H_s + Cov_{p_s}(Q, v)], as the slope of E_{p'} Q is Cov_{p_s}(Q, v) for a softmax policy.
The slope of H_s is <grad H_s, v_s>, the local formula (Lemma IV.1).

In the MDP with reward H_s the Q-function is H_s + Q(s,a), so its advantage is A_H = Q - E_p Q, and Cov_{p_s}(Q, v) =
Cov_{p_s}(A_H, v) = sum_a p(a|s) A_H(s,a) v_{s,a}, since E_p A_H = 0.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Identity
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array, inner
from entropy_theory.claims.proposition_v_1 import _local, _mean_slope
from entropy_theory.gradients import mean_entropy, policy_gradient
from entropy_theory.problems import MDP
from entropy_theory.softmax import entropy

POSITION = 9.10

_GIVEN = {"mdp": d.mdps(states=(1, 2)), "p": d.policies(like="mdp"), "v": d.reals(-np.inf, np.inf, like="mdp")}


def _entropy_mdp(mdp: MDP, p: Array) -> MDP:
    """The MDP whose reward is the entropy of the policy p in the state."""
    reward = entropy(np.log(p))[..., None] + 0 * p
    return MDP(mdp.transition, reward, mdp.discount, mdp.initial, mdp.termination)


def _through_visitation(mdp: MDP, p: Array, v: Array) -> Any:
    """``sum_s d(s) sum_a p A_H v``, as the policy gradient of the entropy MDP."""
    gradient = policy_gradient(_entropy_mdp(mdp, p), np.log(p))
    return (1 - mdp.discount) * inner(gradient, v, axes=2)


_GRADIENT = Identity(
    name="beyond/averaged-entropy-gradient",
    reading="corrected",
    statement=r"\langle\nabla\bar H, v\rangle - \textstyle\sum_s d(s)\,\langle\nabla H_s, v_s\rangle = "
    r"\sum_s d(s)\sum_a \pi(a|s)\,A_H(s,a)\,v_{s,a}",
    given=_GIVEN,
    lhs=lambda mdp, p, v: _mean_slope(mdp, p, v) - _local(mdp, p, v),
    rhs=_through_visitation,
    remark="What Lemma IV.1 misses, through the visitation, is a policy gradient: that of the MDP whose reward is the "
    "policy's entropy in each state.",
    proof=proof_in(__doc__),
)
GRADIENT = _GRADIENT.with_mutants(
    _GRADIENT.mutant("flipped-sign", rhs=lambda mdp, p, v: -_through_visitation(mdp, p, v)),
    _GRADIENT.mutant("local", rhs=lambda mdp, p, v: 0 * _through_visitation(mdp, p, v)),
)


def _difference(mdp: MDP, p: Array, q: Array, of: Array) -> Any:
    """``sum_s d(s) [H(q_s) + E_q Q(s, .) - V(s)]``, Q and V of the entropies of p, d the visitation of `of`."""
    values = _entropy_mdp(mdp, p).values(np.log(p))
    ahead = values.q - entropy(np.log(p))[..., None]
    inside = entropy(np.log(q)) + inner(q, ahead) - values.v
    return inner(mdp.values(np.log(of)).visitation, inside)


_DIFFERENCE = Identity(
    name="beyond/averaged-entropy-gradient/exact",
    reading="corrected",
    statement=r"\bar H(\pi') - \bar H(\pi) = \textstyle\sum_s d_{\pi'}(s)\,"
    r"\big[H(\pi'_s) + \mathbb E_{\pi'}Q_H^\pi(s,\cdot) - V_H^\pi(s)\big]",
    given={"mdp": d.mdps(states=(1, 2)), "p": d.policies(like="mdp"), "q": d.policies(like="mdp")},
    lhs=lambda mdp, p, q: mean_entropy(mdp, np.log(q)) - mean_entropy(mdp, np.log(p)),
    rhs=lambda mdp, p, q: _difference(mdp, p, q, q),
    remark="Exact for any two policies: a performance difference formula for the entropy of Eq. (4).",
    proof=proof_in(__doc__),
)
DIFFERENCE = _DIFFERENCE.with_mutants(
    _DIFFERENCE.mutant("old-visitation", rhs=lambda mdp, p, q: _difference(mdp, p, q, p)),
    _DIFFERENCE.mutant(
        "entropies-only",
        rhs=lambda mdp, p, q: inner(mdp.values(np.log(q)).visitation, entropy(np.log(q)) - entropy(np.log(p))),
    ),
)

CLAIMS = (GRADIENT, DIFFERENCE)

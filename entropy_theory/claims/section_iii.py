"""Section III: the definitions that the theorems rest on.

Equation (3) gives the entropy in two forms, Eq. (5) is the policy gradient theorem, Eq. (6) says that the mean
advantage is zero. In a discounted MDP the sum of Eq. (5) over time carries ``discount^t``, that is, the weight ``w(s)
= d(s) / (1 - discount)``.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity
from entropy_theory.claims._shared import inner, weights
from entropy_theory.softmax import entropy

POSITION = 3.0

_EQ_3 = Identity(
    name="equation-3",
    statement=r"H = -\sum_a p_a \log p_a = \log\sum_a e^{z_a} - \sum_a p_a z_a",
    given={"p": d.policies(), "shift": d.reals(-10, 10)},
    lhs=lambda p: entropy(np.log(p)),
    rhs=lambda p, shift: (
        np.log((np.exp(shift)[..., None] * p).sum(-1)) - (p * (np.log(p) + shift[..., None])).sum(-1) / p.sum(-1)
    ),
    remark="For logits log p + shift; the shift drops out.",
    proof=(
        "z are the logits, Z = sum_b exp(z_b) and p_a = exp(z_a) / Z, so log p_a = z_a - log Z.\n"
        "Multiply by -p_a and sum over a, with sum_a p_a = 1: H = -sum_a p_a log p_a = log Z - sum_a p_a z_a.\n"
        "The logits z_a = log p_a + c belong to the same policy for every shift c. For them log Z = c and "
        "sum_a p_a z_a = c + sum_a p_a log p_a, so c drops out."
    ),
)
EQUATION_3 = _EQ_3.with_mutants(_EQ_3.mutant("sign", lhs=lambda p: -entropy(np.log(p))))

_EQ_5 = Identity(
    name="equation-5",
    statement=r"\nabla J = \mathbb E_\tau\Big[\sum_t \gamma^t\, \nabla\log\pi(a_t|s_t)\, A(s_t, a_t)\Big]",
    given={"mdp": d.mdps(), "p": d.policies(like="mdp"), "v": d.reals(-np.inf, np.inf, like="mdp")},
    lhs=lambda mdp, p, v: directional_derivative(mdp.objective, np.log(p), v),
    rhs=lambda mdp, p, v: inner(
        weights(mdp, np.log(p))[..., None] * p * mdp.values(np.log(p)).advantage,
        v - (p * v).sum(-1, keepdims=True),
        axes=2,
    ),
    remark="In the discounted model, where the sum over time carries discount^t. Along an arbitrary direction v; the "
    "left side by a route that knows no formula for the gradient.",
    proof=(
        "A dash is the derivative along the direction v in logits. P_pi is the transition matrix of the "
        "policy p, V = E_p Q at each state, and Q(s,a) = r(s,a) + discount E[V(s') | s,a].\n"
        "Softmax: p'(a|s) = p(a|s) (v_{s,a} - E_p v_s), that is, (log p(a|s))' = v_{s,a} - E_p v_s.\n"
        "Differentiate V(s) = sum_a p(a|s) Q(s,a): V' = b + discount P_pi V' with b(s) = sum_a p'(a|s) "
        "Q(s,a).\n"
        "I - discount P_pi is invertible, since discount < 1 and the rows of P_pi sum to at most one. So V' = "
        "sum_t discount^t P_pi^t b.\n"
        "J = sum_s initial(s) V(s), hence J' = sum_s w(s) b(s) with w(s) = sum_t discount^t P(s_t = s) = d(s) "
        "/ (1 - discount).\n"
        "sum_a p'(a|s) = 0, so V(s) may be subtracted from Q: b(s) = sum_a p(a|s) (v_{s,a} - E_p v_s) A(s,a).\n"
        "That is E_tau[sum_t discount^t (log p(a_t|s_t))' A(s_t,a_t)], the right side along v."
    ),
)
EQUATION_5 = _EQ_5.with_mutants(
    _EQ_5.mutant(
        "no-visitation",
        rhs=lambda mdp, p, v: inner(p * mdp.values(np.log(p)).advantage, v - (p * v).sum(-1, keepdims=True), axes=2),
    ),
    _EQ_5.mutant(
        "normalised-visitation",
        rhs=lambda mdp, p, v: inner(
            mdp.values(np.log(p)).visitation[..., None] * p * mdp.values(np.log(p)).advantage, v, axes=2
        ),
    ),
)

_EQ_6 = Identity(
    name="equation-6",
    statement=r"\mathbb E_{a\sim\pi(\cdot|s)}[A(s,a)] = 0, \quad A = Q - V",
    given={"mdp": d.mdps(), "p": d.policies(like="mdp")},
    lhs=lambda mdp, p: (p * mdp.values(np.log(p)).q).sum(-1),
    rhs=lambda mdp, p: mdp.values(np.log(p)).v,
    remark="V solves the linear system of the policy, Q is one step ahead of it.",
    proof=(
        "V solves V(s) = sum_a p(a|s) [r(s,a) + discount E(V(s') | s,a)], and Q(s,a) = r(s,a) + discount "
        "E(V(s') | s,a).\n"
        "The bracket is Q(s,a), so V(s) = sum_a p(a|s) Q(s,a).\n"
        "Hence E_p A(s,.) = E_p Q(s,.) - V(s) = 0."
    ),
)
EQUATION_6 = _EQ_6.with_mutants(
    _EQ_6.mutant("uniform-mean", lhs=lambda mdp, p: mdp.values(np.log(p)).q.sum(-1) / p.shape[-1])
)

CLAIMS = (EQUATION_3, EQUATION_5, EQUATION_6)

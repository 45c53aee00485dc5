"""Equation (13): the regularised logit update (its ``a`` before the second term is alpha).

In a bandit ``dz = eta (p A - alpha p (log p + H))`` is the gradient of ``J + alpha H``. In an MDP the gradient of ``J
+ alpha Hbar`` is ``w(s) p [A_soft - alpha' (log p + H_s)]`` with ``alpha' = (1 - discount) alpha``, since Hbar is an
average, and A_soft the advantage for the reward with the entropy bonus: ``V_soft = E[r] + alpha' H_s + discount E
V_soft(s')``.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity
from entropy_theory.claims._shared import Array, ascent, inner, weights
from entropy_theory.gradients import mean_entropy
from entropy_theory.problems import MDP, Bandit
from entropy_theory.softmax import centred, entropy, entropy_gradient

POSITION = 5.02

_BANDIT = Identity(
    name="equation-13/bandit",
    statement=r"\text{bandit:}\quad \Delta z_a = \eta\,\big(p_a A_a - \alpha\, p_a(\log p_a - \mathbb E\log p)\big)",
    given={
        "p": d.policies(),
        "r": d.rewards(like="p"),
        "alpha": d.positive(),
        "v": d.reals(-np.inf, np.inf, like="p"),
    },
    lhs=lambda p, r, alpha, v: directional_derivative(
        lambda z: Bandit(r).objective(z) + alpha * entropy(z), np.log(p), v
    ),
    rhs=lambda p, r, alpha, v: inner(ascent(p, r) + alpha[..., None] * entropy_gradient(np.log(p)), v),
    remark="The printed a before the second term is read as alpha.",
    proof=(
        "x = log p, mu = E_p x, A = r - E_p r. A dash is the derivative along a direction v in logits, and "
        "p'_a = p_a (v_a - E_p v).\n"
        "J = E_p r gives J' = Cov_p(v, r) = sum_a v_a p_a A_a (Proposition IV.1).\n"
        "H = -E_p x gives H' = -sum_a p'_a (x_a + 1) = -Cov_p(v, x) = -sum_a v_a p_a (x_a - mu) (Lemma IV.1).\n"
        "The derivative is linear: d(J + alpha H)/dz_a = p_a A_a - alpha p_a (x_a - mu). Times eta, that is "
        "Eq. (13)."
    ),
)
BANDIT = _BANDIT.with_mutants(
    _BANDIT.mutant(
        "flipped-sign",
        rhs=lambda p, r, alpha, v: inner(ascent(p, r) - alpha[..., None] * entropy_gradient(np.log(p)), v),
    ),
    _BANDIT.mutant("no-alpha", rhs=lambda p, r, alpha, v: inner(ascent(p, r) + entropy_gradient(np.log(p)), v)),
)

_GIVEN = {
    "mdp": d.mdps(),
    "p": d.policies(like="mdp"),
    "alpha": d.positive(),
    "v": d.reals(-np.inf, np.inf, like="mdp"),
}


def _slope(mdp: MDP, p: Array, alpha: Array, v: Array) -> Array:
    return directional_derivative(lambda z: mdp.objective(z) + alpha * mean_entropy(mdp, z), np.log(p), v)


def _soft_advantage(mdp: MDP, p: Array, bonus: Array) -> Array:
    """Advantage for the reward with the entropy bonus."""
    z = np.log(p)
    gain = (p * mdp.reward).sum(-1) + bonus[..., None] * entropy(z)
    ahead = mdp.discount[..., None, None] * mdp.expected_next(mdp.state_values(z, gain))
    return centred(z, mdp.reward + ahead)


PRINTED = Identity(
    name="equation-13/mdp",
    statement=r"\text{MDP:}\quad \Delta z_{s,a} = \eta\,\big(\pi A - \alpha\,\pi(\log\pi - \mathbb E\log\pi)\big)",
    given=_GIVEN,
    lhs=_slope,
    rhs=lambda mdp, p, alpha, v: inner(
        p * mdp.values(np.log(p)).advantage + alpha[..., None, None] * entropy_gradient(np.log(p)), v, axes=2
    ),
    remark="As in Eq. (9) the visits are missing, and the entropy that later states earn.",
    breaks=(
        "Section V.B substitutes Eq. (9) and Lemma IV.1 into Eq. (12). Both are formulas for one state: in an "
        "MDP the first term lacks the number of visits w(s), as in Appendix C, and the second is the gradient "
        "of H_s and not of the average Hbar = sum_s d(s) H_s in the objective (11). The gradient of Hbar "
        "carries d(s) and an entropy advantage, since the action at s also decides which states, with which "
        "entropies, are met later."
    ),
    terms={
        "w(s)": lambda mdp, p: weights(mdp, np.log(p)),
        "H_s": lambda p: entropy(np.log(p)),
        "slope of J": lambda mdp, p, v: directional_derivative(mdp.objective, np.log(p), v),
        "slope of Hbar": lambda mdp, p, v: directional_derivative(lambda z: mean_entropy(mdp, z), np.log(p), v),
        "pA along v": lambda mdp, p, v: inner(p * mdp.values(np.log(p)).advantage, v, axes=2),
        "grad H_s along v": lambda p, v: inner(entropy_gradient(np.log(p)), v, axes=2),
    },
)
_CORRECTED = Identity(
    name="equation-13/mdp",
    reading="corrected",
    statement=r"\text{MDP:}\quad \Delta z_{s,a} = \eta\, w(s)\,\pi\,\big[A_{\rm soft} - "
    r"\alpha(1-\gamma)(\log\pi + H_s)\big]",
    given=_GIVEN,
    lhs=_slope,
    rhs=lambda mdp, p, alpha, v: inner(
        weights(mdp, np.log(p)),
        inner(
            p * _soft_advantage(mdp, p, (1 - mdp.discount) * alpha)
            + ((1 - mdp.discount) * alpha)[..., None, None] * entropy_gradient(np.log(p)),
            v,
        ),
    ),
    remark="A_soft is the advantage for the reward plus the bonus alpha (1 - discount) H_s.",
    proof=(
        "A dash is the derivative along a direction v in logits. P_pi is the transition matrix of the policy "
        "p, x = log p, b = alpha (1 - discount), and w(s) = sum_t discount^t P(s_t = s) = d(s) / (1 - "
        "discount).\n"
        "Q_soft(s,a) = r(s,a) + discount E[V_soft(s') | s,a], V_soft(s) = E_p Q_soft(s,.) + b H_s, A_soft = "
        "Q_soft - E_p Q_soft.\n"
        "alpha Hbar = alpha sum_s d(s) H_s = sum_s w(s) b H_s, so J + alpha Hbar = sum_s initial(s) "
        "V_soft(s).\n"
        "Differentiate V_soft: V_soft' = c + discount P_pi V_soft' with c(s) = sum_a p'(a|s) Q_soft(s,a) + b "
        "H_s'. Solve and take the mean over the first state: the slope is sum_s w(s) c(s).\n"
        "Softmax: p'(a|s) = p(a|s) (v_{s,a} - E_p v_s), so the first part of c(s) is Cov_p(v_s, Q_soft(s,.)) "
        "= sum_a v_{s,a} p(a|s) A_soft(s,a).\n"
        "Lemma IV.1: H_s' = -sum_a v_{s,a} p(a|s) (x_{s,a} + H_s). Add the two; v is arbitrary."
    ),
)
CORRECTED = _CORRECTED.with_mutants(
    _CORRECTED.mutant(
        "hard-advantage",
        rhs=lambda mdp, p, alpha, v: inner(
            weights(mdp, np.log(p)),
            inner(
                p * mdp.values(np.log(p)).advantage
                + ((1 - mdp.discount) * alpha)[..., None, None] * entropy_gradient(np.log(p)),
                v,
            ),
        ),
    )
)

CLAIMS = (BANDIT, PRINTED, CORRECTED)

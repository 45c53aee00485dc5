"""Corollary V.1: sensitivity to alpha, in the paper's own model of exact gradients.

Along the soft path ``p_alpha = softmax(r / alpha)``, ``d/dalpha E_{p_alpha} r = -Var_{p_alpha}(r) / alpha^2``. So the
reward falls monotonically in alpha: the set of near-optimal coefficients is an interval (0, alpha_eps], with no lower
end. What is "too small" can only be a matter of finite time or of sampling noise.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality, Order
from entropy_theory.claims._shared import Array, ascent, constant, inner, osc
from entropy_theory.claims.theorem_v_2 import _entropy_gain, _gap, _logits
from entropy_theory.constants import exact
from entropy_theory.problems import Bandit
from entropy_theory.softmax import covariance, entropy_gradient, softmax

POSITION = 5.05

_GIVEN = {"r": d.rewards(actions=(2, 6)), "alpha": d.positive()}


def _reward(r: Array, alpha: Array) -> Array:
    return inner(softmax(_logits(r, alpha)), r)


NARROW_PRINTED = Inequality(
    name="corollary-v.1/narrow-range",
    statement=r"\alpha \le \tfrac1{10}\,\mathrm{osc}(r):\quad \mathbb E_{\pi_{\alpha/2}}[r] \le \mathbb "
    r"E_{\pi_\alpha}[r]",
    given=_GIVEN,
    assuming=lambda r, alpha: ((10 * alpha <= osc(r)) & ~constant(r)).astype(bool),
    lhs=lambda r, alpha: _gap(r, alpha),
    rhs=lambda r, alpha: _gap(r, alpha / 2),
    remark="'Only a narrow range of alpha is near-optimal' needs a lower end: below it, less alpha must not help. "
    "Compared are the gaps to max r at the optima; finite training time and sampling noise are not in this model.",
    hypotheses="10 alpha <= osc(r) = max r - min r, and the rewards are not all equal.",
    breaks=(
        "Appendix H examines a large and a small alpha, and concludes that 'only a narrow intermediate range' "
        "gives good performance. For a large alpha it rests on Theorem V.2, a statement about the optimum. "
        "For a small alpha it says that the update is nearly the unregularised one and that entropy "
        "'collapses rapidly', but for 'before the policy can reach the true optimum' it refers to "
        "experiments; no step shows a loss of reward. At the optimum of the regularised objective there is "
        "none: the expected reward falls with alpha everywhere, so that half of a good alpha is better still."
    ),
    terms={
        "max r": lambda r: r.max(-1),
        "E r at alpha": lambda r, alpha: _reward(r, alpha),
        "E r at alpha / 2": lambda r, alpha: _reward(r, alpha / 2),
        "gap at alpha": lambda r, alpha: _gap(r, alpha),
        "gap at alpha / 2": lambda r, alpha: _gap(r, alpha / 2),
    },
)
_NARROW = Identity(
    name="corollary-v.1/narrow-range",
    reading="corrected",
    statement=r"\frac{d}{d\alpha}\,\mathbb E_{\pi_\alpha}[r] = -\mathrm{Var}_{\pi_\alpha}(r)/\alpha^2",
    given=_GIVEN,
    lhs=lambda r, alpha: directional_derivative(lambda a: _reward(r, a), alpha, 1 + 0 * alpha),
    rhs=lambda r, alpha: -covariance(_logits(r, alpha), r, r) / alpha**2,
    remark="So the near-optimal set is (0, alpha_eps], with no lower end.",
    proof=(
        "p = softmax(b r) with b = 1 / alpha is the regularised optimum.\n"
        "d log p_a / db = r_a - E_p r, so dp_a / db = p_a (r_a - E_p r) and d(E_p r) / db = E_p[r (r - E_p "
        "r)] = Var_p(r).\n"
        "db / dalpha = -1 / alpha^2, and the chain rule gives d(E_p r) / dalpha = -Var_p(r) / alpha^2."
    ),
)
NARROW = _NARROW.with_mutants(
    _NARROW.mutant("power-1", rhs=lambda r, alpha: -covariance(_logits(r, alpha), r, r) / alpha),
    _NARROW.mutant("flipped-sign", rhs=lambda r, alpha: covariance(_logits(r, alpha), r, r) / alpha**2),
)

_SMALL = Order(
    name="corollary-v.1/too-small",
    statement=r"\Delta z_{\rm reg} - \Delta z = O(\alpha)",
    given={"p": d.policies(), "r": d.rewards(like="p")},
    power=1,
    remainder=lambda t, p, r: (ascent(p, r) + t[..., None] * entropy_gradient(np.log(p))) - ascent(p, r),
    remark="'Effectively identical to the unregularised update' for small alpha, and no more than that: that training "
    "then stops short of the optimum is not a statement about exact gradients, see "
    "corollary-v.1/too-small-progress.",
    proof=(
        "By Eq. (13) the regularised update is dz_reg = eta (pA + alpha grad H), the unregularised one is dz "
        "= eta pA.\n"
        "Their difference is eta alpha grad H, where grad H does not depend on alpha. It is linear in alpha, "
        "hence O(alpha)."
    ),
)
SMALL = _SMALL.with_mutants(_SMALL.mutant("second-order", power=2))


def _gain(p: Array, r: Array, c: Array) -> Array:
    g = ascent(p, r)
    eta = 2 * c / osc(r)
    bandit = Bandit(r)
    return bandit.objective(np.log(p) + eta[..., None] * g) - bandit.objective(np.log(p))


_PROGRESS = Inequality(
    name="corollary-v.1/too-small-progress",
    reading="corrected",
    statement=r"\alpha = 0,\ \eta \le 2/\mathrm{osc}(r):\quad J(z + \eta\nabla J) \ge J(z) + \tfrac\eta2\,"
    r"\|\nabla J\|^2",
    given={"p": d.policies(), "r": d.rewards(like="p"), "c": d.reals(0, 1, open_low=True)},
    assuming=lambda r: ~constant(r),
    lhs=lambda p, r, c: c / osc(r) * inner(ascent(p, r), ascent(p, r)),
    rhs=_gain,
    remark="With exact gradients the unregularised policy never stalls before the optimum: each step gains, eta = 2 c "
    "/ osc(r).",
    hypotheses="The rewards are not all equal, and eta = 2 c / osc(r) with 0 < c <= 1, osc(r) = max r - min r.",
    proof=(
        "J = E_p r with p = softmax(z); g = grad J = pA with A = r - E_p r. Along a direction v, J' = "
        "Cov_p(r, v).\n"
        "Differentiate once more, p'_a = p_a (v_a - E_p v): J'' = E_p[(r - E_p r) (v - E_p v)^2].\n"
        "|r_a - E_p r| <= osc(r), and Var_p(v) <= osc(v)^2 / 4 <= ||v||^2 / 2 by Popoviciu's inequality and "
        "(v_i - v_j)^2 <= 2 v_i^2 + 2 v_j^2. So |J''| <= (osc(r) / 2) ||v||^2 at every policy.\n"
        "Taylor's theorem along v = g: J(z + eta g) >= J(z) + eta ||g||^2 - (eta^2 / 2) (osc(r) / 2) ||g||^2.\n"
        "With eta <= 2 / osc(r) the last term is at most (eta / 2) ||g||^2, which leaves a gain of at least "
        "(eta / 2) ||g||^2."
    ),
)
PROGRESS = _PROGRESS.with_mutants(
    _PROGRESS.mutant("two-fold", lhs=lambda p, r, c: exact(21, 10) * c / osc(r) * inner(ascent(p, r), ascent(p, r)))
)

_LARGE = Inequality(
    name="corollary-v.1/too-large",
    statement=r"r\ \text{not constant},\ \alpha < \beta\ \Rightarrow\ \mathrm{gap}(\alpha) < \mathrm{gap}(\beta)",
    given={**_GIVEN, "beta": d.positive()},
    assuming=lambda r, alpha, beta: ((alpha < beta) & ~constant(r)).astype(bool),
    lhs=lambda r, alpha: _gap(r, alpha),
    rhs=lambda r, beta: _gap(r, beta),
    strict=True,
    remark="The suboptimality gap strictly increases with alpha.",
    hypotheses="alpha < beta, and the rewards are not all equal.",
    proof=(
        "p_alpha = softmax(r / alpha), gap(alpha) = max r - E_{p_alpha} r.\n"
        "corollary-v.1/narrow-range (corrected): the derivative of gap is Var_{p_alpha}(r) / alpha^2.\n"
        "Every action has positive probability and r is not constant, so the variance is > 0 and gap strictly "
        "increases."
    ),
)
LARGE = _LARGE.with_mutants(
    _LARGE.mutant("twice", lhs=lambda r, alpha: exact(11, 10) * _gap(r, alpha)),
)

_APPENDIX_H = Inequality(
    name="corollary-v.1/appendix-h",
    statement=r"\mathbb E_{\pi^*}[r] - \mathbb E_{\pi_{\rm reg}}[r] \ge \alpha\,(H(\pi^*) - H(\pi_{\rm reg}))",
    given={**_GIVEN, "q": d.policies(like="r")},
    lhs=lambda r, alpha, q: -_entropy_gain(r, alpha, q),
    rhs=lambda r, alpha: _gap(r, alpha),
    remark="Eq. (16) with the entropies exchanged. It holds, but says nothing: corollary-v.1/appendix-h-vacuous.",
    hypotheses=(
        "p* is the optimal policy with p*_a in proportion to q_a on the actions of maximal reward, and 0 elsewhere."
    ),
    proof=(
        "p_reg = softmax(r / alpha) maximises E_p r + alpha H(p), since E_p r + alpha H(p) = alpha log Z - "
        "alpha KL(p || p_reg) with Z = sum_b exp(r_b / alpha), and KL >= 0 by Gibbs' inequality.\n"
        "Compare with p*: alpha (H(p*) - H(p_reg)) <= E_{p_reg} r - E_{p*} r.\n"
        "E_{p*} r = max r, so the right side is <= 0 <= E_{p*} r - E_{p_reg} r."
    ),
)
APPENDIX_H = _APPENDIX_H.with_mutants(_APPENDIX_H.mutant("flipped-sign", lhs=_entropy_gain))
_VACUOUS = Inequality(
    name="corollary-v.1/appendix-h-vacuous",
    reading="corrected",
    statement=r"\alpha\,(H(\pi^*) - H(\pi_{\rm reg})) \le 0",
    given={**_GIVEN, "q": d.policies(like="r")},
    lhs=lambda r, alpha, q: -_entropy_gain(r, alpha, q),
    rhs=0,
    remark="The bound of the appendix says no more than gap >= 0: its right side is never positive.",
    hypotheses=(
        "p* is the optimal policy with p*_a in proportion to q_a on the actions of maximal reward, and 0 elsewhere."
    ),
    proof=(
        "p_reg = softmax(r / alpha) maximises E_p r + alpha H(p), since E_p r + alpha H(p) = alpha log Z - "
        "alpha KL(p || p_reg) with Z = sum_b exp(r_b / alpha), and KL >= 0 by Gibbs' inequality.\n"
        "Compare with p*: alpha (H(p*) - H(p_reg)) <= E_{p_reg} r - E_{p*} r <= 0, since E_{p*} r = max r."
    ),
)
VACUOUS = _VACUOUS.with_mutants(
    _VACUOUS.mutant("flipped-sign", lhs=_entropy_gain),
)

CLAIMS = (NARROW_PRINTED, NARROW, SMALL, PROGRESS, LARGE, APPENDIX_H, VACUOUS)

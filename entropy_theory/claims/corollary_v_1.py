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
    statement=r"\alpha \le \tfrac1{10}\mathrm{osc}(r):\quad \mathbb E_{\pi_{\alpha/2}}[r] \le \mathbb "
    r"E_{\pi_\alpha}[r]",
    given=_GIVEN,
    assuming=lambda r, alpha: ((10 * alpha <= osc(r)) & ~constant(r)).astype(bool),
    lhs=lambda r, alpha: _gap(r, alpha),
    rhs=lambda r, alpha: _gap(r, alpha / 2),
    remark="'Only a narrow range of alpha is near-optimal' needs a lower end: below it, less alpha must not help. "
    "Compared are the gaps to max r at the optima; finite training time and sampling noise are not in this model.",
)
_NARROW = Identity(
    name="corollary-v.1/narrow-range",
    reading="corrected",
    statement=r"\frac{d}{d\alpha}\mathbb E_{\pi_\alpha}[r] = -\mathrm{Var}_{\pi_\alpha}(r)/\alpha^2",
    given=_GIVEN,
    lhs=lambda r, alpha: directional_derivative(lambda a: _reward(r, a), alpha, 1 + 0 * alpha),
    rhs=lambda r, alpha: -covariance(_logits(r, alpha), r, r) / alpha**2,
    remark="So the near-optimal set is (0, alpha_eps], with no lower end.",
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
    "then stops short of the optimum is not a statement about exact gradients, see the next line.",
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
    statement=r"\alpha = 0,\ \eta \le 2/\mathrm{osc}(r):\quad J(z + \eta\nabla J) \ge J(z) + \tfrac\eta2\|\nabla J\|^2",
    given={"p": d.policies(), "r": d.rewards(like="p"), "c": d.reals(0, 1, open_low=True)},
    assuming=lambda r: ~constant(r),
    lhs=lambda p, r, c: c / osc(r) * inner(ascent(p, r), ascent(p, r)),
    rhs=_gain,
    remark="With exact gradients the unregularised policy never stalls before the optimum: each step gains, eta = 2 c "
    "/ osc(r).",
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
    remark="Eq. (16) with the entropies exchanged; see the next line.",
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
)
VACUOUS = _VACUOUS.with_mutants(
    _VACUOUS.mutant("flipped-sign", lhs=_entropy_gain),
)

CLAIMS = (NARROW_PRINTED, NARROW, SMALL, PROGRESS, LARGE, APPENDIX_H, VACUOUS)

"""Remark VII.1: whether only covariance-based methods become unbiased by annealing.

The remark compares KL-Cov with an annealed beta to entropy regularisation with a constant alpha. With an annealed alpha
both halves of the comparison come out alike. At the regularised optimum ``J* - J = gap(alpha) <= alpha log n``, which
goes to 0 with alpha. And ascent whose update is ``eta (grad J + alpha_t grad H)`` is the biased ascent of Theorem VII.3
with ``b_t = grad H``: the same bound, ``[2 (J* - J_0) / eta + C^2 sum alpha_t^2] / T``, with ``|grad H|^2 <= 2 H^2 <= 2
log^2 n = C^2``.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._shared import Array, constant, inner, squared_gradient
from entropy_theory.claims.theorem_v_2 import _gap
from entropy_theory.constants import exact
from entropy_theory.controls import EntropyBonus
from entropy_theory.convergence import ascend, gradient_bound, reward_smoothness
from entropy_theory.gradients import policy_gradient
from entropy_theory.problems import Bandit
from entropy_theory.softmax import entropy

POSITION = 7.04

STEPS = 3

_ANNEALED = {"r": d.rewards(actions=(2, 6)), "alpha": d.reals(2**-10, 2**10), "k": d.integers(0, 20)}

PRINTED = Inequality(
    name="remark-vii.1",
    statement=r"\text{`permanently biases'}:\quad \mathrm{gap}(2^{-k}\alpha) \ge \tfrac1{1000}\,\mathrm{gap}(\alpha),\ "
    r"k = 0, \dots, 20,\quad \mathrm{gap}(\alpha) = J^* - J(\mathrm{softmax}(r/\alpha))",
    given=_ANNEALED,
    assuming=lambda r: ~constant(r),
    lhs=lambda r, alpha: _gap(r, alpha) / 1000,
    rhs=lambda r, alpha, k: _gap(r, alpha / 2**k),
    hypotheses="The rewards are not all equal.",
    remark="Read as a difference between the methods, with both coefficients annealed: at the regularised optimum at "
    "least a thousandth of the bias stays however far alpha falls. With a constant alpha the bias is permanent, but so "
    "is that of a constant beta with a fixed pi_old.",
    breaks="No proof is given. Theorem VII.3 lets beta_t -> 0 while Theorem VII.2 has a constant alpha; the remark "
    "credits to the method what the schedule does.",
    terms={
        "gap(alpha)": lambda r, alpha: _gap(r, alpha),
        "alpha 2^-k": lambda alpha, k: alpha / 2**k,
        "gap(alpha 2^-k)": lambda r, alpha, k: _gap(r, alpha / 2**k),
    },
)
_CORRECTED = Inequality(
    name="remark-vii.1",
    reading="corrected",
    statement=r"\mathrm{gap}(2^{-k}\alpha) \le 2^{-k}\alpha\,\log n \to 0",
    given=_ANNEALED,
    lhs=lambda r, alpha, k: _gap(r, alpha / 2**k),
    rhs=lambda r, alpha, k: alpha / 2**k * np.log(exact(r.shape[-1])),
    remark="Annealed entropy regularisation is asymptotically unbiased as well.",
    proof="By theorem-v.2/eq-16 (corrected), gap(alpha) = alpha [H(p_reg) - H(p*) - KL(p* || p_reg)] <= alpha "
    "H(p_reg) <= alpha log n.",
)
CORRECTED = _CORRECTED.with_mutants(
    _CORRECTED.mutant("fifth", rhs=lambda r, alpha, k: alpha / 2**k * np.log(exact(r.shape[-1])) / 5),
    _CORRECTED.mutant("squared", rhs=lambda r, alpha, k: (alpha / 2**k) ** 2 * np.log(exact(r.shape[-1]))),
)

_ENTROPY_GRADIENT = Inequality(
    name="remark-vii.1/entropy-gradient",
    reading="corrected",
    statement=r"\|\nabla H\|^2 \le 2 H^2 \le 2\log^2 n",
    given={"p": d.policies()},
    lhs=lambda p: np.stack([squared_gradient(p), 2 * entropy(np.log(p)) ** 2], axis=-1),
    rhs=lambda p: np.stack([2 * entropy(np.log(p)) ** 2, 2 * np.log(exact(p.shape[-1])) ** 2 + 0 * p[..., 0]], axis=-1),
    remark="The bound C^2 of the bias that an entropy bonus adds. The first inequality is sharp, for two actions as p "
    "-> 1; the second is an equality at the uniform policy.",
    proof="f_a = p_a (log p_a + H) = -dH/dz_a adds up to 0. Its positive part is at most p_a H, as log p_a <= 0, "
    "so it adds up to P <= H, and the negative part adds up to -P. Squares of numbers of one sign add up to at "
    "most the square of their sum: |f|^2 <= 2 P^2 <= 2 H^2. And H <= log n.",
)
ENTROPY_GRADIENT = _ENTROPY_GRADIENT.with_mutants(
    _ENTROPY_GRADIENT.mutant("nine-tenths", lhs=squared_gradient, rhs=lambda p: exact(9, 5) * entropy(np.log(p)) ** 2),
)

_BONUS = {
    "p": d.policies(actions=(2, 3)),
    "r": d.rewards(like="p"),
    "alpha": d.reals(0, 4),
    "c": d.reals(2**-10, 1),
}


def _schedule(alpha: Array) -> Any:
    """``alpha_t = alpha / (t + 1)``, (..., STEPS)."""
    return alpha[..., None] / np.arange(1, STEPS + 1)


def _mean_squares(p: Array, r: Array, alpha: Array, c: Array) -> Any:
    """Mean of ``|grad J|^2`` over the steps t < T of annealed regularisation, T = 1, ..., STEPS."""
    bandit, alphas = Bandit(r), _schedule(alpha)
    path = ascend(bandit, EntropyBonus(lambda t: alphas[..., t]), np.log(p), c / reward_smoothness(r), STEPS - 1)
    squares = np.stack([inner(g, g) for g in (policy_gradient(bandit, z) for z in path)], axis=-1)
    return np.cumsum(squares, axis=-1) / np.arange(1, STEPS + 1)


def _mean_bound(p: Array, r: Array, alpha: Array, c: Array, share: float = 1) -> Any:
    gain = inner(p, r.max(-1, keepdims=True) - r)
    squared_bias = 2 * share * np.log(exact(p.shape[-1])) ** 2 * _schedule(alpha) ** 2
    return gradient_bound(gain, c / reward_smoothness(r), squared_bias)


_RUN = Inequality(
    name="remark-vii.1/annealed",
    reading="corrected",
    statement=r"\theta_{t+1} = \theta_t + \eta(\nabla J + \alpha_t\nabla H):\quad \min_{t<T}\|\nabla "
    r"J(\theta_t)\|^2 \le \frac1T\Big[\frac{2(J^* - J_0)}{\eta} + 2\log^2(n)\sum_{t<T}\alpha_t^2\Big],\quad \eta "
    r"\le 1/L",
    given=_BONUS,
    assuming=lambda r: ~constant(r),
    lhs=_mean_squares,
    rhs=_mean_bound,
    hypotheses="The rewards are not all equal. eta = c / L, L = osc(r) / (3 sqrt 3).",
    remark="Word for word the bound of theorem-vii.3/rate, for the unregularised objective: entropy regularisation "
    "with sum alpha_t^2 finite has the rate O(1/T), too. The mean over t < T is tested, T = 1, 2, 3, alpha_t = "
    "alpha / (t + 1).",
    proof="The proof of theorem-vii.3/rate (corrected) with b_t = alpha_t grad H, |grad H|^2 <= 2 log^2 n by "
    "remark-vii.1/entropy-gradient.",
)
RUN = _RUN.with_mutants(
    _RUN.mutant("eighth", rhs=lambda p, r, alpha, c: _mean_bound(p, r, alpha, c) / 8),
    _RUN.mutant("no-bias-term", rhs=lambda p, r, alpha, c: _mean_bound(p, r, alpha, c, share=0)),
)

CLAIMS = (PRINTED, CORRECTED, ENTROPY_GRADIENT, RUN)

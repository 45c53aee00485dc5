"""The path of regularised optima p_alpha = softmax(r / alpha): what a nat of entropy costs is alpha.

Along the path ``d/dalpha E r = -Var(r) / alpha^2``, ``dH/dalpha = Var(r) / alpha^3`` and ``dJ_alpha/dalpha = H`` for
the optimal value J_alpha = E r + alpha H, all at p_alpha. So the gap to the best reward is ``int_0^alpha Var_t(r) / t^2
dt``, the regularised optimum exceeds the best reward by ``int_0^alpha H_t dt``, and dE r = -alpha dH. The last holds
for finite steps as a two-sided bound: alpha (H_beta - H_alpha) <= E_alpha r - E_beta r <= beta (H_beta - H_alpha).

Proof.

p = softmax(r / alpha) with the entropy H, Z = sum_a exp(r_a / alpha), and all means are under p.

log p_a = r_a / alpha - log Z, so d/dalpha log p_a = -(r_a - E r) / alpha^2.

d/dalpha E r = E[r d log p / dalpha] = -Var(r) / alpha^2. As alpha falls to 0, E r tends to max r: integrate.

H = -E log p and E[d log p / dalpha] = 0, so dH/dalpha = -E[(d log p / dalpha) log p] = E[(r - E r) r / alpha] / alpha^2
= Var(r) / alpha^3.

dJ_alpha/dalpha = dE r/dalpha + H + alpha dH/dalpha = H. As alpha falls to 0, J_alpha tends to max r: integrate.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array, constant
from entropy_theory.claims.corollary_v_1 import _reward
from entropy_theory.claims.theorem_v_2 import _gap, _logits
from entropy_theory.constants import exact
from entropy_theory.softmax import covariance, entropy, log_softmax

POSITION = 9.08

_GIVEN = {"r": d.rewards(actions=(2, 6)), "alpha": d.positive()}


def _optimal_value(r: Array, alpha: Array) -> Array:
    """``E r + alpha H`` at the optimum, as ``r_a - alpha log p_a``, which is the same for every action."""
    return np.asarray(r[..., 0] - alpha * log_softmax(_logits(r, alpha))[..., 0])


def _levels(r: Array, alpha: Array) -> Any:
    """E r, H and J_alpha at the optimum."""
    return np.stack([_reward(r, alpha), entropy(_logits(r, alpha)), _optimal_value(r, alpha)], axis=-1)


def _slopes(r: Array, alpha: Array) -> Any:
    """Derivatives of E r, H and J_alpha in alpha."""
    return directional_derivative(lambda a: _levels(r, a), alpha, 1 + 0 * alpha)


def _formulas(r: Array, alpha: Array, power: int = 3) -> Any:
    z = _logits(r, alpha)
    spread = covariance(z, r, r)
    return np.stack([-spread / alpha**2, spread / alpha**power, entropy(z)], axis=-1)


_PATH = Identity(
    name="beyond/soft-path",
    reading="corrected",
    statement=r"\frac{d}{d\alpha}\,\mathbb E_{p_\alpha} r = -\frac{\mathrm{Var}(r)}{\alpha^2},\quad "
    r"\frac{dH}{d\alpha} = \frac{\mathrm{Var}(r)}{\alpha^3},\quad "
    r"\frac{d}{d\alpha}\big(\mathbb E_{p_\alpha} r + \alpha H\big) = H",
    given=_GIVEN,
    lhs=_slopes,
    rhs=_formulas,
    remark="Hence max r - E r = int_0^alpha Var_t(r) / t^2 dt and J_alpha - max r = int_0^alpha H_t dt. Left by "
    "differentiating along the path.",
    proof=proof_in(__doc__),
)
PATH = _PATH.with_mutants(
    _PATH.mutant("squared", rhs=lambda r, alpha: _formulas(r, alpha, 2)),
    _PATH.mutant("flipped-sign", rhs=lambda r, alpha: -_formulas(r, alpha)),
)


def _price(r: Array, alpha: Array, c: Array, most: Any = 1) -> tuple[Any, Any]:
    """Both sides of the two bounds, for beta = alpha (1 + c)."""
    beta = alpha * (1 + c)
    loss = _gap(r, beta) - _gap(r, alpha)
    gain = entropy(_logits(r, beta)) - entropy(_logits(r, alpha))
    return np.stack([alpha * gain, loss], axis=-1), np.stack([loss, most * beta * gain], axis=-1)


_PRICE = Inequality(
    name="beyond/soft-path/price",
    reading="corrected",
    statement=r"\alpha < \beta:\quad \alpha\,(H_\beta - H_\alpha) \le \mathbb E_\alpha r - \mathbb E_\beta r \le "
    r"\beta\,(H_\beta - H_\alpha)",
    given={**_GIVEN, "c": d.reals(0, 1, open_low=True)},
    assuming=lambda r: ~constant(r),
    lhs=lambda r, alpha, c: _price(r, alpha, c)[0],
    rhs=lambda r, alpha, c: _price(r, alpha, c)[1],
    tight=True,
    remark="beta = (1 + c) alpha. The price of a nat of entropy in reward lies between the two coefficients; equality "
    "is approached as they meet.",
    hypotheses="p_alpha = softmax(r / alpha), and r is not constant (else all sides are 0).",
    proof="E_alpha and H_alpha belong to p_alpha = softmax(r / alpha), which maximises E r + alpha H over all policies "
    "(theorem-v.2/eq-16-reversed).\n"
    "At alpha: E_alpha r + alpha H_alpha >= E_beta r + alpha H_beta: the left bound.\n"
    "At beta: E_beta r + beta H_beta >= E_alpha r + beta H_alpha: the right bound.",
)
PRICE = _PRICE.with_mutants(
    _PRICE.mutant("0.98", rhs=lambda r, alpha, c: _price(r, alpha, c, exact(98, 100))[1]),
    _PRICE.mutant(
        "lower-price",
        lhs=lambda r, alpha, c: _price(r, alpha, c)[0][..., 1:],
        rhs=lambda r, alpha, c: _price(r, alpha, c)[0][..., :1],
    ),
)

CLAIMS = (PATH, PRICE)

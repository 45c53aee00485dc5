"""Lemma IV.2, Eq. (8): the first-order entropy change, and the remainder with a constant.

``H(z + D) - H(z) = -Cov_p(log p, D) + o(||D||)``. The second derivative of H along D is at most ``log(n) osc(D)^2`` in
size, for two actions at most ``osc(D)^2 / 4``; Taylor's theorem gives the constant.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality, Order
from entropy_theory.claims._shared import Array, inner, osc
from entropy_theory.constants import exact
from entropy_theory.softmax import entropy, entropy_change, first_order_entropy_change

POSITION = 4.02

_GIVEN = {"p": d.policies(), "D": d.reals(-np.inf, np.inf, like="p")}

_LEMMA = Order(
    name="lemma-iv.2",
    statement=r"H_s(\theta+\Delta\theta) - H_s(\theta) = -\mathrm{Cov}(\log\pi, \Delta z) + o(\|\Delta z\|)",
    given=_GIVEN,
    power=2,
    remainder=lambda t, p, D: (
        entropy(np.log(p) + t[..., None] * D) - entropy(np.log(p)) - t * first_order_entropy_change(np.log(p), D)
    ),
    remark="The remainder of the step t D is measured to fall like t^2.",
    proof=(
        "p = softmax(z), x = log p, mu = E_p x. H is a smooth function of z. Put g(t) = H(z + t D).\n"
        "Taylor's theorem: g(t) = g(0) + t g'(0) + R with |R| <= (t^2 / 2) max |g''| over [0, t]. By "
        "lemma-iv.2/constant |g''| <= log(n) osc(D)^2, n the number of actions, so R = O(t^2).\n"
        "Lemma IV.1: g'(0) = sum_a D_a dH/dz_a = -sum_a p_a (x_a - mu) D_a.\n"
        "Since E_p(x - mu) = 0, D may be replaced by D - E_p D: g'(0) = -Cov_p(x, D).\n"
        "A remainder O(t^2) along each direction, with a constant that depends on osc(D) <= 2 ||D|| only, is "
        "o(||dz||)."
    ),
)
LEMMA = _LEMMA.with_mutants(
    _LEMMA.mutant(
        "covariance-with-logits",
        remainder=lambda t, p, D: (
            entropy(np.log(p) + t[..., None] * D)
            - entropy(np.log(p))
            - t * first_order_entropy_change(np.log(p), np.log(p))
        ),
    ),
    _LEMMA.mutant(
        "no-centring",
        remainder=lambda t, p, D: (
            entropy(np.log(p) + t[..., None] * D) - entropy(np.log(p)) + t * inner(p * np.log(p), D)
        ),
    ),
    _LEMMA.mutant("third-order", power=3),
)


def _error(p: Array, D: Array) -> Array:
    return abs(entropy_change(np.log(p), D) - first_order_entropy_change(np.log(p), D))


_CONSTANT = Inequality(
    name="lemma-iv.2/constant",
    reading="corrected",
    statement=r"|H(z+D) - H(z) + \mathrm{Cov}(\log p, D)| \le \tfrac12 \log(n)\, \mathrm{osc}(D)^2",
    given=_GIVEN,
    lhs=_error,
    rhs=lambda p, D: np.log(exact(p.shape[-1])) * osc(D) ** 2 / 2,
    remark="The lemma with a constant; the bound on the second derivative is in the proof.",
    proof=(
        "Put g(t) = H(z + t D). At z + t D let p be the policy, x = log p, D_c = D - E_p D and osc(D) = max D "
        "- min D.\n"
        "Along D: p'_a = p_a D_c,a and x'_a = D_c,a, and (E_p D)' = Var_p(D). By Lemma IV.1 g' = -Cov_p(x, D) "
        "= -E_p[x D_c].\n"
        "Differentiate once more: g'' = -E_p[D_c^2 x] - E_p[D_c^2] + Var_p(D) E_p x = -E_p[D_c^2 (1 + x + "
        "H)], since E_p x = -H and Var_p(D) = E_p[D_c^2].\n"
        "From below: x <= 0, Popoviciu's inequality Var_p(D) <= osc(D)^2 / 4 and H <= log n give g'' >= -(1 + "
        "H) Var_p(D) >= -(1 + log n) osc(D)^2 / 4. That is >= -log(n) osc(D)^2, since log n >= log 2 > 1/3.\n"
        "From above: dropping -(1 + H) E_p[D_c^2] <= 0 leaves g'' <= E_p[D_c^2 (-x)] <= osc(D)^2 E_p(-x) = H "
        "osc(D)^2 <= log(n) osc(D)^2, since |D_c| <= osc(D) and -x >= 0.\n"
        "So |g''| <= log(n) osc(D)^2 at every t, and Taylor's theorem gives |g(1) - g(0) - g'(0)| <= max "
        "|g''| / 2."
    ),
)
CONSTANT = _CONSTANT.with_mutants(
    _CONSTANT.mutant("tenth", rhs=lambda p, D: np.log(exact(p.shape[-1])) * osc(D) ** 2 / 10)
)

_TWO = Inequality(
    name="lemma-iv.2/constant-two-actions",
    reading="corrected",
    statement=r"n = 2:\quad |H(z+D) - H(z) + \mathrm{Cov}(\log p, D)| \le \tfrac18\, \mathrm{osc}(D)^2",
    given={"p": d.policies(actions=2), "D": d.reals(-np.inf, np.inf, like="p")},
    lhs=_error,
    rhs=lambda D: osc(D) ** 2 / 8,
    tight=True,
    remark="Equality is approached at the uniform policy as D tends to 0, where the second derivative is -osc(D)^2 / "
    "4.",
    proof=(
        "H depends on y = z_1 - z_2 alone. With p = p_1 = 1 / (1 + exp(-y)) and q = 1 - p: dp/dy = p q and "
        "dH/dp = log(q / p) = -y, so dH/dy = -p q y.\n"
        "Differentiate once more: d^2H/dy^2 = p q [y (p - q) - 1].\n"
        "Put u = y / 2: p - q = tanh u and 4 p q = 1 / cosh^2 u, so d^2H/dy^2 = (2 u tanh u - 1) / (4 cosh^2 "
        "u).\n"
        "From below it is >= -1/4, since u tanh u >= 0 and cosh u >= 1.\n"
        "From above it is <= 1/4, since 2 u tanh u <= 2 |u| <= 1 + u^2 <= 1 + cosh^2 u.\n"
        "y changes by D_1 - D_2, whose size is osc(D). Taylor's theorem bounds the error by (1/2) (1/4) "
        "osc(D)^2.\n"
        "The constant is sharp: at the uniform policy u = 0 and d^2H/dy^2 = -1/4."
    ),
)
TWO_ACTIONS = _TWO.with_mutants(_TWO.mutant("1-32", rhs=lambda D: osc(D) ** 2 / 32))

_INTEGRAL = Identity(
    name="lemma-iv.2/integral",
    reading="corrected",
    statement=r"\tfrac{d}{dt} H(z+tD) = -\mathrm{Cov}_{z+tD}(\log p_t, D),\ \text{so}\ "
    r"H(z+D) - H(z) = -\textstyle\int_0^1 \mathrm{Cov}_{z+tD}(\log p_t, D)\,dt",
    given={"p": d.policies(), "D": d.reals(-10, 10, like="p"), "t": d.reals(0, 1)},
    lhs=lambda p, D, t: directional_derivative(entropy, np.log(p) + t[..., None] * D, D),
    rhs=lambda p, D, t: first_order_entropy_change(np.log(p) + t[..., None] * D, D),
    remark="The derivative at every t is tested; the integral is the fundamental theorem.",
    proof=(
        "p_t = softmax(z + t D). By the chain rule d/dt H(z + t D) = sum_a D_a dH/dz_a, taken at z + t D.\n"
        "Lemma IV.1 there: it is -sum_a p_t,a (log p_t,a - E_{p_t} log p_t) D_a = -Cov_{p_t}(log p_t, D).\n"
        "It is continuous in t, so the fundamental theorem of calculus gives H(z + D) - H(z) as its integral "
        "over [0, 1]."
    ),
)
INTEGRAL = _INTEGRAL.with_mutants(
    _INTEGRAL.mutant("policy-held", rhs=lambda p, D: first_order_entropy_change(np.log(p), D))
)

CLAIMS = (LEMMA, CONSTANT, TWO_ACTIONS, INTEGRAL)

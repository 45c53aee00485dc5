"""Lemma IV.2, Eq. (8): the first-order entropy change, and the remainder with a constant.

``H(z + D) - H(z) = -Cov_p(log p, D) + o(||D||)``. The second derivative of H along D at p is ``-E[D_c^2 (1 + log p +
H)]``, D_c the deviation of D from its mean. It is at least ``-(1 + H) Var(D) >= -(1 + log n) osc(D)^2 / 4`` and at
most ``E[D_c^2 (-log p)] <= H osc(D)^2``, so at most ``log(n) osc(D)^2`` in size; for two actions at most ``osc(D)^2 /
4``. Taylor's theorem gives the constant.
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
    remark="The lemma with a constant; the bound on the second derivative is in the file's docstring.",
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
)
INTEGRAL = _INTEGRAL.with_mutants(
    _INTEGRAL.mutant("policy-held", rhs=lambda p, D: first_order_entropy_change(np.log(p), D))
)

CLAIMS = (LEMMA, CONSTANT, TWO_ACTIONS, INTEGRAL)

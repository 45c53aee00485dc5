"""The remainder of the first-order entropy change, with a constant that grows like log(n) / (12 sqrt 3).

For every policy on n actions and every change D of the logits ``|H(z + D) - H(z) + Cov_p(log p, D)| <= osc(D)^2 [1/8 +
log(n - 1) / (12 sqrt 3)]``. The bound log(n) / 2 of lemma-iv.2/constant is at least 2.7 times larger.
For n = 2 the constant 1/8 is sharp; for large n the factor 1 / (12 sqrt 3) is: see the leading-constant part.
Measured, the largest |d^2/dt^2 H(z + t D)| / osc(D)^2 is .2500, .2642, .2750, .2989, .3352, .3893 for n = 2, 3, 4,
6, 10, 20, where the bound gives .2500, .3167, .3557, .4049, .4614, .5333.

Proof.

n is the number of actions and osc(D) = max D - min D.

Let osc(D) <= 1, D_c = D - E_p D, v = Var_p(D), w = D_c^2 - v. Since d/dt log p = D_c, the second derivative is H'' =
-v - Cov_p(D_c^2, log p) = -v - sum_a p_a w_a log p_a. By Taylor it is enough that |H''| <= 1/4 + G log(n - 1), G = 1 /
(6 sqrt 3), at every p. If v = 0 then H'' = 0.

Let N = {w < 0}, k = |N|, F = sum_N p|w| = sum_{not N} p w, y = F / v. By beyond/remainder-bound/spread F <= v sqrt(1 -
4v), so v <= (1 - y^2) / 4 and F <= G. If F = 0 then |H''| = v <= 1/4. Otherwise 1 <= k <= n - 1.

Upper side. H'' <= -v + sum_{w > 0} p w log(1/p). There p_a >= p_a w_a as w_a < 1, so by concavity of log the sum is at
most F log((n - 1) / F), and F <= v gives H'' <= F log(n - 1) + F (log(1/F) - 1) <= G log(n - 1) + 0.13, as x (log(1/x)
- 1) rises for x <= e^-2 and F <= G < e^-2.

Lower side. -H'' = v + sum_N p|w| log(1/p) - sum_{not N} p w log(1/p). On N |w| <= v, so p >= p|w| / v, and the first
sum is at most F log(k v / F) = F log(k / y) by concavity. On the complement p_a <= 1 - p(N), so the second sum is at
least F log(1 / (1 - p(N))). As F <= v p(N), 1 - p(N) <= 1 - y. So -H'' <= F log k + g, g = v (1 + y log((1 - y) / y))
<= (1 - y^2)(1 + y log((1 - y) / y)) / 4 where the bracket is positive. Note that y log((1 - y) / y) rises up to y =
.2178, where it is .2785, and then falls. So g <= .305 for y <= .1 (1.22 / 4) and g <= .3165 beyond (.99 * 1.2785 / 4):
g < .3166 < 1/4 + G log 2.

If k <= n - 2 and n = 3, then k = 1 and -H'' <= g < 1/4 + G log 2.

If k <= n - 2 and n >= 4, the wanted bound is g - 1/4 <= G log(n - 1) - F log(n - 2) =: R. F <= y (1 - y^2) / 4, which
rises on [0, .57]; over all n, R >= G h(F / G), h(x) = -x log x - (1 - x) log(1 - x), by minimising over n. For y <= .2:
F <= .048 < G (n - 2) / (n - 1), so R rises with n and R >= G log 3 - .048 log 2 > .072 > g - 1/4. For .2 <= y <= .3: F
<= .0683, R >= min over n of G log(n - 1) - .0683 log(n - 2) > .058 (at n = 4 and 5), and g <= .96 * 1.2785 / 4 < .307.
For .3 <= y <= .4: F <= .084, R >= G h(.084 / G) > .036, and g <= .91 * 1.2542 / 4 < .2854. For y >= .4: g <= .25.

If k = n - 1, one action b is outside N. With u = D_b - E_p D the mean of D_c on N is -(1 - p(N)) u / p(N), so by
Jensen v >= (1 - p(N)) u^2 / p(N), and y = (1 - p(N)) (u^2 / v - 1) <= 2 p(N) - 1, that is 1 - p(N) <= (1 - y) / 2. So
log 2 is gained: for n >= 3 -H'' <= F log((n - 1) / 2) + g <= G log(n - 1) - G log 2 + g < G log(n - 1) + 1/4. For n =
2, D_c has two values, p_b = 1 - q <= q, and -H'' = v (1 - (2q - 1) log(q / (1 - q))) <= v <= 1/4.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array, constant, inner, osc
from entropy_theory.claims.lemma_iv_2 import _error
from entropy_theory.constants import exact
from entropy_theory.softmax import first_order_entropy_change, softmax

POSITION = 9.03

_GIVEN = {"p": d.policies(actions=(2, 8)), "D": d.reals(-4, 4, like="p")}


def _factor(n: int, quarter: Any, sixth: int) -> Any:
    """``quarter + log(n - 1) / (sixth sqrt 3)``."""
    return quarter + np.log(exact(n - 1)) / (sixth * np.sqrt(exact(3)))


_REMAINDER = Inequality(
    name="beyond/remainder-bound",
    reading="corrected",
    statement=r"|H(z+D) - H(z) + \mathrm{Cov}(\log p, D)| \le "
    r"\Big[\tfrac18 + \frac{\log(n-1)}{12\sqrt3}\Big]\,\mathrm{osc}(D)^2",
    given=_GIVEN,
    assuming=lambda D: ~constant(D),
    lhs=_error,
    rhs=lambda p, D: _factor(p.shape[-1], exact(1, 8), 12) * osc(D) ** 2,
    tight=True,
    remark="Replaces log(n) / 2 of lemma-iv.2/constant, at least 2.7 times smaller. The 1/8 is sharp for two actions; "
    "the factor 1 / (12 sqrt 3) of the logarithm is sharp as n grows.",
    hypotheses="D is not constant over the actions (else both sides are 0).",
    proof=proof_in(__doc__),
)
REMAINDER = _REMAINDER.with_mutants(
    _REMAINDER.mutant("0.123", rhs=lambda p, D: _factor(p.shape[-1], exact(123, 1000), 12) * osc(D) ** 2),
    _REMAINDER.mutant("no-logarithm", given={**_GIVEN, "p": d.policies(actions=(8, 9))}, rhs=lambda D: osc(D) ** 2 / 8),
)


def _second_derivative(p: Array, D: Array) -> Any:
    """``d^2/dt^2 H(z + t D)`` at t = 0, from the first derivative along the line."""
    return directional_derivative(lambda z: first_order_entropy_change(z, D), np.log(p), D)


_SECOND = Inequality(
    name="beyond/remainder-bound/second-derivative",
    reading="corrected",
    statement=r"\Big|\frac{d^2}{dt^2} H(z+tD)\Big| \le "
    r"\Big[\tfrac14 + \frac{\log(n-1)}{6\sqrt3}\Big]\,\mathrm{osc}(D)^2",
    given={"p": d.policies(actions=(2, 12)), "D": d.reals(0, 1, like="p")},
    assuming=lambda D: ~constant(D),
    lhs=lambda p, D: abs(_second_derivative(p, D)),
    rhs=lambda p, D: _factor(p.shape[-1], exact(1, 4), 6) * osc(D) ** 2,
    tight=True,
    remark="At every policy and in every direction. Equality at the uniform policy on two actions.",
    hypotheses="D is not constant over the actions (else both sides are 0).",
    proof=proof_in(__doc__),
)
SECOND = _SECOND.with_mutants(
    _SECOND.mutant("0.247", rhs=lambda p, D: _factor(p.shape[-1], exact(247, 1000), 6) * osc(D) ** 2),
    _SECOND.mutant("quarter-for-all", rhs=lambda D: osc(D) ** 2 / 4),
)


def _absolute_deviation(p: Array, D: Array) -> tuple[Any, Any]:
    """``Var_p(D)`` and ``E_p (Var_p(D) - D_c^2)_+``, by rational arithmetic."""
    squares = (D - inner(p, D)[..., None]) ** 2
    v = inner(p, squares)
    return v, inner(p, abs(squares - v[..., None])) / 2


def _spread(p: Array, D: Array) -> Any:
    v, share = _absolute_deviation(p, D)
    return v**2 * (osc(D) ** 2 - 4 * v), (osc(D) * share) ** 2


_SPREAD = Inequality(
    name="beyond/remainder-bound/spread",
    reading="corrected",
    statement=r"\mathbb E\,(v - D_c^2)_+ \le v\,\sqrt{1 - 4v/\mathrm{osc}(D)^2},\quad v = \mathrm{Var}_p(D)",
    given={"p": d.policies(), "D": d.reals(0, 1, like="p")},
    assuming=lambda D: ~constant(D),
    lhs=lambda p, D: _spread(p, D)[1],
    rhs=lambda p, D: _spread(p, D)[0],
    tight=True,
    remark="The lemma behind the bound, squared and times osc(D)^2. It says how far D_c^2 can be from its mean. "
    "Equality where D has two values. In particular the left side is at most osc(D)^2 / (6 sqrt 3).",
    hypotheses="D is not constant over the actions (else both sides are 0).",
    proof="D_c = D - E_p D and osc(D) = max D - min D.\n"
    "Scale: X = D_c / sqrt(v) has E X = 0, E X^2 = 1; let [-b, a] be its range, a >= b (else take -X), so that "
    "osc(D)^2 = v (a + b)^2. To show: y = E (1 - X^2)_+ <= sqrt(1 - 4 / (a + b)^2).\n"
    "E (a - X)(X + b) >= 0 gives ab >= 1, so a >= 1. If a = 1 then b = 1, X^2 = 1 always and y = 0. Let a > 1.\n"
    "For 0 <= t <= 1/a put kappa = (a^2 - 1) / (a + t)^2 < 1 and q(x) = 1 - x^2 + kappa (x + t)^2. Then q >= 1 - x^2, "
    "E q(X) = kappa (1 + t^2), and q is a concave parabola with zeros a and -b(t), b(t) = (a + 2t + a t^2) / (1 + 2at "
    "+ t^2). If b <= b(t) then q >= 0 on the range of X, so y <= E q(X). b(t) falls in t: its derivative has the sign "
    "of (1 - t^2)(1 - a^2). b(0) = a.\n"
    "If b <= b(1/a) take t = 1/a: y <= (a^2 - 1) / (a^2 + 1) = sqrt(1 - 4 / (a + 1/a)^2) <= sqrt(1 - 4 / (a + b)^2), "
    "as b >= 1/a.\n"
    "Otherwise b = b(t) for some t in [0, 1/a]. Put C = 1 / (1 - kappa) > 1 and e = (C - 1) t^2. Comparing "
    "coefficients in q(x) = (a - x)(x + b) / C gives a - b = 2 (C - 1) t and ab = C + (C - 1) t^2, so (a + b)^2 = 4 C "
    "(1 + e); and y <= E q(X) = (C - 1 + e) / C.\n"
    "To show: (C - 1 + e)^2 / C^2 <= 1 - 1 / (C (1 + e)). Times C^2 (1 + e) the difference is C (1 - 2 e^2) - (1 - e) "
    "(1 - e^2).\n"
    "From t <= 1/a and a >= (a + b) / 2: e <= (C - 1) / (C (1 + e)), so e + e^2 <= 1 - 1/C < 1. Hence e < 1, 1 - 2 e^2 "
    ">= 1 - e - e^2 >= 1/C, and C (1 - 2 e^2) >= 1 >= (1 - e)(1 - e^2).",
)
SPREAD = _SPREAD.with_mutants(
    _SPREAD.mutant("0.99", rhs=lambda p, D: exact(99, 100) * _spread(p, D)[0]),
    _SPREAD.mutant("no-root", rhs=lambda p, D: _spread(p, D)[0] * (osc(D) ** 2 - 4 * _absolute_deviation(p, D)[0])),
)


def _levelled(p: Array) -> tuple[Array, Array]:
    """The policy with the first action's probability kept and the others equal, and the indicator of that action."""
    first = np.arange(p.shape[-1]) == 0
    q = np.where(first, p, p[..., 1:].sum(-1, keepdims=True) / (p.shape[-1] - 1))
    return q, np.where(first, 1 + 0 * p, 0 * p)


def _family(p: Array) -> Any:
    q = p[..., 1:].sum(-1)
    return q * (1 - q) * (1 + (2 * q - 1) * (np.log(exact(p.shape[-1] - 1)) - np.log(q) + np.log(p[..., 0])))


_LEADING = Identity(
    name="beyond/remainder-bound/leading-constant",
    reading="corrected",
    statement=r"p = (1-q, \tfrac q{n-1}, \dots, \tfrac q{n-1}),\ D = (1, 0, \dots, 0):\quad "
    r"-\frac{d^2}{dt^2}H = q(1-q)\Big[1 + (2q-1)\big(\log(n-1) - \log(q/(1-q))\big)\Big]",
    given={"p": d.policies(actions=(2, 40))},
    lhs=lambda p: -_second_derivative(*_levelled(p)),
    rhs=_family,
    remark="Why the factor of the logarithm is sharp: at q = 1/2 + 1 / (2 sqrt 3), q (1 - q)(2q - 1) = 1 / (6 sqrt 3), "
    "and the second derivative is log(n - 1) / (6 sqrt 3) + 0.04 in size.",
    proof="A dash is the derivative by t at t = 0.\n"
    "H = h(q) + q log(n - 1) with h(q) = -q log q - (1 - q) log(1 - q), and along D the log-odds of q fall at "
    "rate 1, so q' = -q (1 - q).\n"
    "H' = -q (1 - q) (log(n - 1) - log(q / (1 - q))).\n"
    "(q (1 - q))' = -q (1 - q)(1 - 2q) and (log(q / (1 - q)))' = -1, so H'' = q (1 - q)(1 - 2q)(log(n - 1) - log(q / "
    "(1 - q))) - q (1 - q).",
)
LEADING = _LEADING.with_mutants(
    _LEADING.mutant("half", rhs=lambda p: _family(p) / 2),
    _LEADING.mutant("three-levels", lhs=lambda p: -_second_derivative(p, _levelled(p)[1])),
)


def _curvature(w: Array) -> Any:
    """``d^2 H / dw^2`` for logits (w, 0): minus ``p q (1 - w (p - q))``, as the derivative of ``-p q w``."""
    z = np.stack([w, 0 * w], axis=-1)
    p = softmax(z)
    return -p[..., 0] * p[..., 1] * (1 - w * (p[..., 0] - p[..., 1]))


_TWO_ACTIONS = Inequality(
    name="beyond/remainder-bound/two-actions",
    reading="corrected",
    statement=r"n = 2,\ \tfrac1{16} \le w = \log(p_1/p_2) \le 40:\quad "
    r"\Big|\frac{d^2H}{dw^2}\Big| < \tfrac14",
    given={"w": d.reals(1 / 16, 40)},
    hypotheses="Logits (w, 0).",
    lhs=lambda w: np.stack([_curvature(w), -_curvature(w)], axis=-1),
    rhs=exact(1, 4),
    strict=True,
    remark="So the remainder of a step D along which the policy stays in this range is below osc(D)^2 / 8; at w = 0 "
    "the curvature is -1/4. For -w it is the same by symmetry.",
    proof="By subdivision of the interval in ball arithmetic, for all its points; a case of "
    "beyond/remainder-bound/second-derivative. With p = p_1 and q = p_2, dH/dw = -p q w, whose derivative is -p q (1 "
    "- w (p - q)).",
)
TWO_ACTIONS = _TWO_ACTIONS.with_mutants(_TWO_ACTIONS.mutant("0.249", rhs=exact(249, 1000)))

CLAIMS = (REMAINDER, SECOND, SPREAD, LEADING, TWO_ACTIONS)

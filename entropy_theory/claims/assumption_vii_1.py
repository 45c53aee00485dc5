"""Assumption VII.1: smoothness of the objective, which need not be assumed.

In a bandit ``grad J`` is Lipschitz with ``L = osc(r) / (3 sqrt 3)``, and ``grad H`` with ``log(n) / (3 sqrt 3) + (1 +
1/e) / 2``; `entropy_theory.convergence` has both constants with their proofs.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._shared import Array, constant, inner, osc
from entropy_theory.constants import exact
from entropy_theory.convergence import entropy_smoothness, reward_smoothness
from entropy_theory.gradients import policy_gradient
from entropy_theory.problems import Bandit
from entropy_theory.softmax import entropy_gradient

POSITION = 7.015

_ANY_DIRECTION = d.reals(-np.inf, np.inf, like="p")


def _curvature(gradient: Any, p: Array, v: Array) -> Any:
    """``|v' Hess v|``, the Hessian as the derivative of the gradient along v."""
    return abs(inner(v, directional_derivative(gradient, np.log(p), v)))


_SMOOTH_REWARD = Inequality(
    name="assumption-vii.1/smoothness-reward",
    reading="corrected",
    statement=r"|v^\top \nabla^2 J\, v| \le \frac{\mathrm{osc}(r)}{3\sqrt3}\,\|v\|^2",
    given={"p": d.policies(), "r": d.rewards(like="p"), "v": _ANY_DIRECTION},
    assuming=lambda r: ~constant(r),
    lhs=lambda p, r, v: _curvature(lambda z: policy_gradient(Bandit(r), z), p, v),
    rhs=lambda r, v: reward_smoothness(r) * inner(v, v),
    tight=True,
    hypotheses="The rewards are not all equal.",
    remark="The constant L for the bandit. Equality for two arms with p = (1 +/- 1 / sqrt 3) / 2.",
    proof="v' (Hess J) v = Cov_p(r, u^2) with u = v - E_p v. For fixed p and v it is linear in r, and a constant added "
    "to r changes nothing, so its extremes over rewards with a given osc(r) are at r = osc(r) 1_S. Exchanging S with "
    "its complement flips the sign, so an upper bound of Cov_p(1_S, u^2) for every S is enough.\n"
    "Let s = P(S), c = 1 - 2 s, m and V the mean and the variance of v given S, m' and V' given its complement. As "
    "m - E_p v = (1 - s)(m - m') and m' - E_p v = -s (m - m'), Cov_p(1_S, u^2) = s (1 - s) [V - V' + c (m - m')^2]; "
    "and s (1 - s) = (1 - c^2)/4.\n"
    "Let N be the sum of v_a^2 over S, N' = |v|^2 - N. Then m^2 <= N, m'^2 <= N', V <= N - m^2, V <= (max v - min "
    "v)^2 / 4 <= N/2 (max and min over S), and (m - m')^2 <= 2 m^2 + 2 m'^2.\n"
    "c >= 1/2: the bracket is <= N + (2 c - 1) m^2 + 2 c N' <= 2 c |v|^2, and (1 - c^2) 2 c / 4 is largest at c = "
    "1/sqrt 3, where it is 1/(3 sqrt 3) = 0.1924...\n"
    "0 <= c <= 1/2: V <= 2 c (N - m^2) + (1 - 2 c) N/2, so the bracket is <= (1/2 + c) N + 2 c N' <= (1/2 + c) "
    "|v|^2, and (1 - c^2)(1/2 + c)/4 < 0.1896.\n"
    "c < 0: the bracket is <= V <= N/2, and s (1 - s)/2 <= 1/8.",
)
SMOOTH_REWARD = _SMOOTH_REWARD.with_mutants(
    _SMOOTH_REWARD.mutant("nineteen-hundredths", rhs=lambda r, v: exact(19, 100) * osc(r) * inner(v, v)),
)


_SMOOTH_ENTROPY = Inequality(
    name="assumption-vii.1/smoothness-entropy",
    reading="corrected",
    statement=r"|v^\top \nabla^2 H\, v| \le \Big[\frac{\log n}{3\sqrt3} + \frac{1 + 1/e}{2}\Big]\,\|v\|^2",
    given={"p": d.policies(actions=(2, 12)), "v": _ANY_DIRECTION},
    assuming=lambda v: (inner(v, v) > 0).astype(bool),
    lhs=lambda p, v: _curvature(entropy_gradient, p, v),
    rhs=lambda p, v: entropy_smoothness(p.shape[-1]) * inner(v, v),
    hypotheses="v is not zero.",
    remark="Below 2 log n for every n >= 2. Two actions need 1/2; in general something that grows like log n is "
    "needed.",
    proof="v' (Hess H) v = Cov_p(u^2, -x) - Var_p(v), x = log p, u = v - E_p v. Write -x = y + g, y = min(-x, log "
    "n), g = max(0, -x - log n).\n"
    "The bound for rewards, with y for r and osc(y) <= log n, gives |Cov_p(u^2, y)| <= log(n) |v|^2 / (3 sqrt 3).\n"
    "p_a g_a = p_a log(1/(n p_a)) where p_a < 1/n, so 0 <= p_a g_a <= 1/(e n). The map from v to u is the projection "
    "1 - 1 p', whose norm is that of 1 p', sqrt(n) |p| <= sqrt(n). Hence 0 <= E_p[u^2 g] <= |u|^2 / (e n) <= |v|^2 / "
    "e.\n"
    "With s = P(g > 0), E_p g <= s log(1/s) <= 1/e by Jensen's inequality, and E_p u^2 = Var_p(v). So -(1/e) Var_p(v) "
    "<= Cov_p(u^2, g) <= |v|^2 / e.\n"
    "As 0 <= Var_p(v) <= |v|^2 / 2, Cov_p(u^2, g) - Var_p(v) lies between -(1 + 1/e) |v|^2 / 2 and |v|^2 / e, which "
    "is the smaller of the two in size. Add the bound for y.",
)
SMOOTH_ENTROPY = _SMOOTH_ENTROPY.with_mutants(
    _SMOOTH_ENTROPY.mutant("under-a-half", rhs=lambda v: exact(49, 100) * inner(v, v)),
)

CLAIMS = (SMOOTH_REWARD, SMOOTH_ENTROPY)

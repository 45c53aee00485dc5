"""Beyond the paper: exact policy gradient on two arms in closed form, in continuous time and step by step.

With ``w = z_1 - z_2`` and rewards that differ by a gap, ``d(w + sinh w)/dt = gap`` along the gradient flow. A
discrete step with rewards (1, 0) from w >= 0 raises ``G(w) = w + sinh w`` by at least eta and at most ``eta
e^{eta/2}`` (`entropy_theory.convergence.two_armed_bounds`), so a run of any length is between two flows. Better for
long runs: the step is ``delta_t = eta / (1 + cosh w_t) <= 2 eta / G(w_t)``, because ``G(w) <= 2 sinh w <= 2 (1 + cosh
w)``, and ``G(w_t) >= eta t``. So ``G(w_T)`` exceeds ``eta T + G(w_0)`` by at most ``eta sum_{t<T} (e^{delta_t} - 1)
<= eta e^{eta/2} (eta/2 + 2 (1 + log T))``. Then ``1 + cosh w_T = eta T (1 + O(log T / T))`` and ``(eta T)^2 |grad
J|^2 -> 1/2``.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality, Order
from entropy_theory.claims._shared import Array
from entropy_theory.constants import exact
from entropy_theory.controls import PolicyGradient
from entropy_theory.convergence import (
    ascend,
    two_armed_bounds,
    two_armed_flow,
    two_armed_squared_gradient,
    two_armed_time,
)
from entropy_theory.gradients import policy_gradient
from entropy_theory.problems import Bandit

POSITION = 9.12

STEPS = 3

_STEP = {"w": d.reals(0, 40), "eta": d.reals(0, 4, open_low=True)}
_LONG = {"w0": d.reals(0, 3), "eta": d.reals(2**-10, 1)}


def _logits(w: Array) -> Any:
    """``(w, 0)``."""
    return np.stack([w, 0 * w], axis=-1)


def _difference(z: Array) -> Any:
    return z[..., 0] - z[..., 1]


def _flow_derivative(w: Array, r: Array, time: Any = two_armed_time) -> Any:
    z = _logits(w)
    return directional_derivative(lambda x: time(_difference(x)), z, policy_gradient(Bandit(r), z))


_FLOW = Identity(
    name="beyond/two-arm-flow",
    reading="corrected",
    statement=r"\dot z = \nabla J,\ w = z_1 - z_2:\quad \tfrac{d}{dt}(w + \sinh(w)) = r_1 - r_2",
    given={"w": d.reals(-40, 40), "r": d.rewards(actions=2)},
    lhs=_flow_derivative,
    rhs=lambda r: _difference(r),
    remark="So w + sinh w = s + c with s = (r_1 - r_2) t. The gradient comes from the bandit, the derivative from "
    "no formula.",
    proof="dw/dt = p_1 A_1 - p_2 A_2 = 2 p_1 p_2 (r_1 - r_2), and 2 p_1 p_2 = 1 / (1 + cosh w), as p_1 = 1 / (1 + "
    "e^-w). The derivative of w + sinh w in w is 1 + cosh w.",
)
FLOW = _FLOW.with_mutants(
    _FLOW.mutant("half-the-gap", rhs=lambda r: _difference(r) / 2),
    _FLOW.mutant("minus-sinh", lhs=lambda w, r: _flow_derivative(w, r, lambda x: 2 * x - two_armed_time(x))),
)


def _after_one_step(w: Array, eta: Array) -> Any:
    """How far w moves in an exact step with rewards (1, 0)."""
    z = _logits(w)
    return _difference(eta[..., None] * policy_gradient(Bandit(_logits(1 + 0 * w)), z))


def _growth(w: Array, eta: Array) -> Any:
    """``G(w') - G(w)``, with ``sinh a - sinh b = 2 cosh((a + b)/2) sinh((a - b)/2)`` so that nothing cancels."""
    delta = _after_one_step(w, eta)
    return delta + 2 * np.cosh(w + delta / 2) * np.sinh(delta / 2)


_SANDWICH = Inequality(
    name="beyond/two-arm-flow/sandwich",
    reading="corrected",
    statement=r"w \ge 0,\ w' = w + \frac{\eta}{1 + \cosh(w)}:\quad \eta \le G(w') - G(w) \le \eta\,e^{\eta/2},\quad "
    r"G(w) = w + \sinh(w)",
    given=_STEP,
    lhs=lambda w, eta: np.stack([eta, _growth(w, eta)], axis=-1),
    rhs=lambda w, eta: np.stack([_growth(w, eta), eta * np.exp(eta / 2)], axis=-1),
    tight=True,
    remark="One exact step of the bandit with rewards (1, 0). Both bounds are approached for small steps; the exponent "
    "eta/2 is the largest change of w, and not the best.",
    proof="G' = 1 + cosh is increasing on w >= 0, and delta = w' - w = eta / (1 + cosh w) <= eta/2. So G(w') - "
    "G(w) >= delta (1 + cosh w) = eta, and <= delta (1 + cosh(w + delta)) <= delta e^delta (1 + cosh w) = eta "
    "e^delta <= eta e^(eta/2), since 1 <= e^delta and cosh(w + delta) <= e^delta cosh w.",
)
SANDWICH = _SANDWICH.with_mutants(
    _SANDWICH.mutant("no-growth", lhs=_growth, rhs=lambda eta: eta),
    _SANDWICH.mutant("slower-growth", lhs=_growth, rhs=lambda eta: eta * np.exp(eta / 8)),
)


def _steps(eta: Array, decay: Array) -> Any:
    """``eta_t = eta / (1 + decay t)``, (..., STEPS): constant for decay 0, eta_0 / (t + 1) for decay 1."""
    return eta[..., None] / (1 + decay[..., None] * np.arange(STEPS))


def _run(w: Array, eta: Array, decay: Array) -> Any:
    sizes = _steps(eta, decay)
    path = ascend(Bandit(_logits(1 + 0 * w)), PolicyGradient(), _logits(w), lambda t: sizes[..., t], STEPS)
    return _difference(path[-1])


def _run_bounds(w: Array, eta: Array, decay: Array) -> Any:
    return two_armed_bounds(w, _steps(eta, decay).sum(-1), eta)


_RUN = Inequality(
    name="beyond/two-arm-flow/run",
    reading="corrected",
    statement=r"w_0 \ge 0,\ s = \textstyle\sum_t\eta_t:\quad w(s) \le w_T \le w(s\,e^{\max\eta_t/2}),\quad w(s) + "
    r"\sinh(w(s)) = s + w_0 + \sinh(w_0)",
    given={"w": d.reals(0, 40), "eta": d.reals(2**-10, 4), "decay": d.reals(0, 1)},
    lhs=lambda w, eta, decay: np.stack([_run_bounds(w, eta, decay)[0], _run(w, eta, decay)], axis=-1),
    rhs=lambda w, eta, decay: np.stack([_run(w, eta, decay), _run_bounds(w, eta, decay)[1]], axis=-1),
    remark="T = 3 steps eta_t = eta / (1 + decay t); the bounds are for a run of any length.",
    proof="w_t increases, so all w_t >= 0. Sum beyond/two-arm-flow/sandwich over the steps, with G(w) = w + sinh w: s "
    "<= G(w_T) - G(w_0) <= sum eta_t e^(eta_t/2) <= s e^(h/2), h the largest step. G is increasing.",
)
RUN = _RUN.with_mutants(
    _RUN.mutant("flow-is-exact", lhs=_run, rhs=lambda w, eta, decay: _run_bounds(w, eta, decay)[0]),
    _RUN.mutant("swapped", lhs=lambda w, eta, decay: _run_bounds(w, eta, decay)[1], rhs=_run),
)


def _rescaled(t: Array, w0: Array, eta: Array) -> Any:
    """Bounds on ``(eta T)^2 |grad J|^2`` after T = 1/t constant steps, upper and lower, (..., 2)."""
    slow = eta / t
    fast = slow + eta * np.exp(eta / 2) * (eta / 2 + 2 * (1 + np.log(1 / t)))
    w = two_armed_flow(np.stack([w0, w0], axis=-1), np.stack([slow, fast], axis=-1))
    return (eta / t)[..., None] ** 2 * two_armed_squared_gradient(w)


_LIMIT = Order(
    name="beyond/two-arm-flow/limit",
    reading="corrected",
    statement=r"\eta\ \text{constant}:\quad (\eta T)^2\,\|\nabla J(\theta_T)\|^2 = \tfrac12 + O(T^{-3/4})",
    given=_LONG,
    power=0.75,
    remainder=lambda t, w0, eta: _rescaled(t, w0, eta) - exact(1, 2),
    hypotheses="Rewards (1, 0), w_0 >= 0.",
    remark="t = 1/T; an upper and a lower bound of the discrete run are both measured. The remainder is of order "
    "log T / T. So |grad J|^2 falls like 1/T^2, faster than the O(1/T) of the general theorem.",
    proof="By beyond/two-arm-flow/sandwich and its proof, with G(w) = w + sinh w and the steps delta_t = eta / (1 + "
    "cosh w_t), eta T <= G(w_T) - G(w_0) <= eta sum e^{delta_t}. As G(w) <= 2 sinh w <= 2 "
    "(1 + cosh w), delta_t <= 2 eta / G(w_t) <= 2/t for t >= 1 and delta_0 <= eta/2, and e^delta - 1 <= delta "
    "e^(eta/2); so the excess of the upper bound over eta T is at most eta e^(eta/2)(eta/2 + 2 (1 + log T)). Hence "
    "1 + cosh w_T = G(w_T) + 1 - w_T + e^{-w_T} = eta T (1 + O(log T / T)), and (eta T)^2 / (2 (1 + cosh w_T)^2) = "
    "1/2 + O(log T / T).",
)
LIMIT = _LIMIT.with_mutants(
    _LIMIT.mutant("quarter", remainder=lambda t, w0, eta: _rescaled(t, w0, eta) - exact(1, 4)),
    _LIMIT.mutant("faster", power=1.25),
)

CLAIMS = (FLOW, SANDWICH, RUN, LIMIT)

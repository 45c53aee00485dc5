"""Theorem VII.3: KL-Cov with a decaying coefficient, "converges to a stationary point at rate O(1/T)".

With finite logits ``grad J_a = p_a (r_a - J)`` is zero only if all rewards are equal; so there is no stationary point
to converge to, and what happens is that ``|grad J| -> 0`` while the logits diverge. On two arms with rewards (1, 0)
and ``w = z_1 - z_2`` the run is known (`entropy_theory.convergence`): ``G(w) = w + sinh w`` grows by at least eta and
at most ``eta e^{eta/2}`` a step, and ``|grad J|^2 = 1 / (2 (1 + cosh w)^2)``. KL-Cov that takes the current policy as
pi_old at each step has the bias ``p - q = 0`` and is this run. So:

- constant eta: ``1 / min p_t`` grows like T, and ``T^2 |grad J|^2`` is bounded;
- ``eta_t = eta_0 / t``, the proof's own choice: ``G(w_T) = O(log T)``, so ``|grad J|^2`` falls like ``1 / log^2 T``;
- constant eta, pi_old uniform for good, ``beta_t = beta t^(-1/4)``: the worse arm keeps at least ``beta_t / 4``, so
  ``|grad J|^2`` falls no faster than ``T^(-1/2)``.

What holds: for constant ``eta <= 1/L`` and biases ``|b_t| <= C beta_t`` the mean of ``|grad J|^2`` over T steps is at
most ``[2 (J* - J_0) / eta + C^2 sum beta_t^2] / T``, which is O(1/T) if sum beta_t^2 is finite.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Inequality, Order
from entropy_theory.claims._shared import Array, constant, inner
from entropy_theory.constants import exact
from entropy_theory.controls import KLCov
from entropy_theory.convergence import (
    BiasedAscent,
    ascend,
    gradient_bound,
    reward_smoothness,
    two_armed_bounds,
    two_armed_flow,
    two_armed_squared_gradient,
)
from entropy_theory.gradients import policy_gradient
from entropy_theory.problems import Bandit
from entropy_theory.softmax import softmax

POSITION = 7.03

STEPS = 3

_GIVEN = {"p": d.policies(), "r": d.rewards(like="p")}
_TWO_ARMS = {"w0": d.reals(0, 3), "eta": d.reals(2**-10, 1)}


def _ascent(p: Array, r: Array) -> Array:
    """grad J."""
    return policy_gradient(Bandit(r), np.log(p))


def _squared(p: Array, r: Array) -> Any:
    g = _ascent(p, r)
    return inner(g, g)


STATIONARY_PRINTED = Order(
    name="theorem-vii.3/stationary",
    statement=r"\theta_t \to \theta^*\ \text{with}\ \nabla J(\theta^*) = 0,\ \text{so}\ 1/\min_a \pi_{\theta_T}(a) "
    r"= O(1)",
    given=_TWO_ARMS,
    power=0,
    remainder=lambda t, w0, eta: 1 + np.exp(two_armed_flow(w0, eta / t)),
    remark="Two arms, rewards (1, 0), constant eta, t = 1/T: the least that 1/min p can be after T steps of KL-Cov "
    "with the current policy as pi_old, whatever beta_t. Converging logits would keep it bounded; it grows like T. "
    "What does hold is that grad J tends to 0 as the logits diverge (theorem-vii.3/rate, corrected).",
    breaks="Appendix N concludes that 'theta_t converges to a stationary point' of the flow theta' = grad J 'whose "
    "set of equilibria is exactly S'. With finite logits S is empty as soon as two rewards differ.",
    terms={
        "1/min p at the start": lambda w0: 1 + np.exp(w0),
        "1/min p at T = 1000, at least": lambda w0, eta: 1 + np.exp(two_armed_flow(w0, 1000 * eta)),
    },
)
_STATIONARY = Inequality(
    name="theorem-vii.3/stationary",
    reading="corrected",
    statement=r"r\ \text{not constant}\ \Rightarrow\ \|\nabla J(\theta)\|^2 > 0\ \text{at all finite}\ \theta",
    given=_GIVEN,
    assuming=lambda r: ~constant(r),
    lhs=0,
    rhs=_squared,
    strict=True,
    hypotheses="The rewards are not all equal.",
    remark="No finite stationary point exists. beyond/no-finite-stationary-point says how large the gradient is.",
    proof="grad J_a = p_a (r_a - J) with p_a > 0. If all entries vanish, r_a = J for every a, so r is constant.",
)
STATIONARY = _STATIONARY.with_mutants(_STATIONARY.mutant("no-assumption", assuming=None))

RATE_PRINTED = Order(
    name="theorem-vii.3/rate",
    statement=r"\eta_t = \eta_0/t:\quad \min_{t \le T}\|\nabla J(\theta_t)\|^2 = O(1/T)",
    given=_TWO_ARMS,
    power=1,
    remainder=lambda t, w0, eta: two_armed_squared_gradient(two_armed_bounds(w0, eta * (1 + np.log(1 / t)), eta)[1]),
    remark="Two arms, rewards (1, 0), t = 1/T, eta_0 = eta: a lower bound of the minimum, from sum_{t <= T} 1/t <= "
    "1 + log T and beyond/two-arm-flow/run. The true order is 1/log^2 T. The theorem speaks of the norm, the "
    "appendix of its square; the weaker is taken.",
    breaks="Appendix N takes 'eta_t = eta_0 / t with eta_0 sufficiently small' and quotes the O(1/T) of gradient "
    "descent, which is for a constant step: the telescoped sum bounds sum eta_t |grad J|^2, hence the minimum by "
    "O(1 / sum eta_t) only.",
    terms={
        "upper bound of w at T = 1000": lambda w0, eta: two_armed_bounds(w0, eta * (1 + np.log(exact(1000))), eta)[1],
    },
)

_BIASED = {
    "p": d.policies(actions=(2, 3)),
    "q": d.policies(like="p"),
    "r": d.rewards(like="p"),
    "m": d.reals(0, 1, like="p"),
    "beta": d.reals(0, 4),
    "c": d.reals(2**-10, 1),
}


def _schedule(beta: Array) -> Any:
    """``beta_t = beta / (t + 1)``, (..., STEPS)."""
    return beta[..., None] / np.arange(1, STEPS + 1)


def _mean_squares(p: Array, q: Array, r: Array, m: Array, beta: Array, c: Array) -> Any:
    """Mean of ``|grad J|^2`` over the steps t < T of KL-Cov, T = 1, ..., STEPS."""
    bandit, betas = Bandit(r), _schedule(beta)
    penalty = BiasedAscent(lambda z, t: -betas[..., t, None] * m * (softmax(z) - q))
    path = ascend(bandit, penalty, np.log(p), c / reward_smoothness(r), STEPS - 1)
    squares = np.stack([inner(g, g) for g in (policy_gradient(bandit, z) for z in path)], axis=-1)
    return np.cumsum(squares, axis=-1) / np.arange(1, STEPS + 1)


def _mean_bound(p: Array, r: Array, beta: Array, c: Array, square: float = 2) -> Any:
    gain = inner(p, r.max(-1, keepdims=True) - r)
    return gradient_bound(gain, c / reward_smoothness(r), square * _schedule(beta) ** 2)


_RATE = Inequality(
    name="theorem-vii.3/rate",
    reading="corrected",
    statement=r"\min_{t<T}\|\nabla J(\theta_t)\|^2 \le \frac1T\sum_{t<T}\|\nabla J(\theta_t)\|^2 \le "
    r"\frac1T\Big[\frac{2(J^* - J_0)}{\eta} + C^2\sum_{t<T}\beta_t^2\Big],\quad \eta \le 1/L,\ \|b_t\| \le C",
    given=_BIASED,
    assuming=lambda r: ~constant(r),
    lhs=_mean_squares,
    rhs=_mean_bound,
    hypotheses="Exact gradients, theta_{t+1} = theta_t + eta (grad J(theta_t) + beta_t b_t). The rewards are not all "
    "equal. eta = c / L, L = osc(r) / (3 sqrt 3).",
    remark="Bandit, KL-Cov with fixed pi_old = q: b_t = -m (p_t - q) with any selection weights m in [0, 1], so "
    "C^2 = 2; beta_t = beta / (t + 1), T = 1, 2, 3. O(1/T) follows if sum beta_t^2 is finite.",
    proof="J is L-smooth (assumption-vii.1/smoothness-reward). With g = grad J(theta_t) and d = beta_t b_t, "
    "J(theta_{t+1}) - J(theta_t) >= eta <g, g + d> - L eta^2 |g + d|^2 / 2 >= eta [<g, g + d> - |g + d|^2 / 2] = "
    "(eta / 2)(|g|^2 - |d|^2) >= (eta / 2)(|g|^2 - C^2 beta_t^2), as eta L <= 1.\n"
    "Sum over t < T: the left side adds up to J(theta_T) - J_0 <= J* - J_0. Divide by eta T / 2.\n"
    "For KL-Cov C^2 = 2: |m (p - q)|^2 <= |p - q|^2 <= |p|^2 + |q|^2 <= 2.",
)
RATE = _RATE.with_mutants(
    _RATE.mutant("no-bias-term", rhs=lambda p, r, beta, c: _mean_bound(p, r, beta, c, square=0)),
    _RATE.mutant("eighth", rhs=lambda p, r, beta, c: _mean_bound(p, r, beta, c) / 8),
)

VANISHING_PRINTED = Order(
    name="theorem-vii.3/vanishing-beta",
    statement=r"\beta_t \to 0\ \Rightarrow\ \min_{t \le T}\|\nabla J(\theta_t)\|^2 = O(1/T)\quad(\eta\ "
    r"\text{constant},\ \beta_t = \beta\,t^{-1/4})",
    given={"beta": d.reals(2**-10, 0.25)},
    power=1,
    remainder=lambda t, beta: 2 * (_floor(t, beta) * (1 - _floor(t, beta))) ** 2,
    remark="Two arms, rewards (1, 0), pi_old uniform for good, both tokens selected, eta <= 1/2, t = 1/T: a lower "
    "bound of the minimum, from theorem-vii.3/vanishing-beta-barrier. It falls like T^(-1/2). What "
    "holds is theorem-vii.3/rate.",
    breaks="Appendix N lets the bias pass because 'beta_t -> 0 faster than 1/t (or at least as 1/t)'. The theorem "
    "assumes only beta_t -> 0, and the bias term contributes the mean of beta_t^2, not a vanishing share of 1/T.",
    terms={"beta_T / 4 at T = 10^4": lambda beta: beta / 40},
)


def _floor(t: Array, beta: Array) -> Any:
    """``beta_T / 4``, below which the worse arm's probability cannot fall; T = 1/t."""
    return beta * t**0.25 / 4


def _next_share(u: Array, beta: Array, eta: Array) -> Any:
    """The worse arm's probability after a step from u, pi_old uniform."""
    p = np.stack([1 - u, u], axis=-1)
    bandit = Bandit(np.stack([1 + 0 * u, 0 * u], axis=-1))
    held = KLCov(lambda _: beta, 1, penalty="kl", anchor="fixed")
    return softmax(ascend(bandit, held, np.log(p), eta, 1, anchor=0 * p)[-1])[..., 1]


def _inside(u: Array, beta: Array) -> Any:
    """Nonnegative where ``beta/4 <= u <= 1/2``, and nowhere else."""
    return (u - beta / 4) * (1 - 2 * u)


_BARRIER = Inequality(
    name="theorem-vii.3/vanishing-beta-barrier",
    reading="corrected",
    statement=r"q = (\tfrac12, \tfrac12),\ \beta_{t+1} \le \beta_t \le \tfrac14,\ \eta \le \tfrac12:\quad "
    r"\tfrac14\,\beta_t \le u_t \le \tfrac12\ \Rightarrow\ \tfrac14\,\beta_{t+1} \le u_{t+1} \le \tfrac12",
    given={
        "u": d.reals(0, 0.5, open_low=True),
        "beta": d.reals(0, 0.25),
        "eta": d.reals(0, 0.5, open_low=True),
        "share": d.reals(0, 1),
    },
    assuming=lambda u, beta: (4 * u >= beta).astype(bool),
    lhs=0,
    rhs=lambda u, beta, eta, share: _inside(_next_share(u, beta, eta), share * beta),
    hypotheses="Rewards (1, 0), pi_old = q uniform, both tokens selected; u is the worse arm's probability, at least "
    "beta/4. beta = beta_t, and beta_{t+1} = share * beta.",
    remark="So along any run with nonincreasing beta_t from u = 1/2 the worse arm keeps at least beta_t / 4 for "
    "ever, and |grad J|^2 = 2 (u (1 - u))^2 >= 2 (b (1 - b))^2 with b = beta_t / 4.",
    proof="Let w = log((1 - u) / u), the better arm's logit less the other's. The gradient of J moves w by 2 u (1 - "
    "u), that of the penalty by -beta (1 - 2 u), so a step gives w' = w + phi with phi = eta [2 u (1 - u) - beta (1 - "
    "2 u)].\n"
    "As du/dw = -u (1 - u), dw'/dw = 1 - 2 eta u (1 - u) (1 - 2 u + beta) >= 1 - (1/4)(5/4) > 0 for eta <= 1/2 and "
    "beta <= 1/4: u' increases with u. So the two ends are enough.\n"
    "At u = 1/2, phi = eta/2 > 0, so u' < 1/2. At u = b = beta/4, beta = 4 b, phi = 2 eta b [(1 - b) - 2 (1 - 2 b)] = "
    "-2 eta b (1 - 3 b) <= 0, so u' >= b. A later, smaller beta has a smaller barrier.",
)
BARRIER = _BARRIER.with_mutants(
    _BARRIER.mutant(
        "barrier-at-beta",
        assuming=lambda u, beta: (u >= beta).astype(bool),
        lhs=lambda u, beta, eta: beta,
        rhs=_next_share,
    ),
    _BARRIER.mutant("no-assumption", assuming=None),
)


def _lyapunov_change(p: Array, r: Array) -> Any:
    """``<grad V, grad J>`` for ``V = |grad J|^2 / 2``, as a derivative along grad J."""

    def v(z: Array) -> Any:
        g = policy_gradient(Bandit(r), z)
        return inner(g, g) / 2

    return directional_derivative(v, np.log(p), _ascent(p, r))


LYAPUNOV_PRINTED = Inequality(
    name="theorem-vii.3/lyapunov",
    statement=r"\nabla J(\theta) \neq 0\ \Rightarrow\ \langle\nabla V, \nabla J\rangle < 0,\quad V = "
    r"\tfrac12\,\|\nabla J\|^2",
    given=_GIVEN,
    assuming=lambda r: ~constant(r),
    lhs=_lyapunov_change,
    rhs=0,
    strict=True,
    hypotheses="The rewards are not all equal, so that grad J is not zero.",
    remark="<grad V, grad J> = g' (Hess J) g with g = grad J: positive wherever J is convex along its gradient, as "
    "where the better of two arms has probability below 1/2.",
    breaks="Appendix N chooses V = |grad J|^2 / 2 and says that 'grad J is a descent direction for V outside S'. "
    "For ascent on a function that is not concave |grad J| can grow: it does on the way out of a plateau.",
    terms={
        "p": lambda p: p,
        "grad J": _ascent,
        "|grad J|^2": _squared,
        "<grad V, grad J>": _lyapunov_change,
    },
)
_LYAPUNOV = Inequality(
    name="theorem-vii.3/lyapunov",
    reading="corrected",
    statement=r"r\ \text{not constant}\ \Rightarrow\ \langle\nabla V, \nabla J\rangle < 0,\quad V = J^* - J",
    given=_GIVEN,
    assuming=lambda r: ~constant(r),
    lhs=lambda p, r: -directional_derivative(Bandit(r).objective, np.log(p), _ascent(p, r)),
    rhs=0,
    strict=True,
    hypotheses="The rewards are not all equal.",
    remark="J itself is the Lyapunov function. It has no finite equilibrium to lead to.",
    proof="The derivative of J* - J along grad J is -|grad J|^2, which is negative by theorem-vii.3/stationary.",
)
LYAPUNOV = _LYAPUNOV.with_mutants(
    _LYAPUNOV.mutant("no-assumption", assuming=None),
    _LYAPUNOV.mutant(
        "reward-direction", lhs=lambda p, r: -directional_derivative(Bandit(r).objective, np.log(p), p * r)
    ),
)

CLAIMS = (
    STATIONARY_PRINTED,
    STATIONARY,
    RATE_PRINTED,
    RATE,
    VANISHING_PRINTED,
    BARRIER,
    LYAPUNOV_PRINTED,
    LYAPUNOV,
)

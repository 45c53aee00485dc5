"""Theorem VII.2, Eqs. (29) and (30): gradient ascent on the regularised objective.

``J_reg = J + alpha H`` in a bandit. It is L-smooth with ``L = osc(r) / (3 sqrt 3) + alpha [log(n) / (3 sqrt 3) + (1 +
1/e) / 2]``; both constants are proved in `entropy_theory.convergence`. So a step ``eta <= 1/L`` gains at least ``eta
|grad J_reg|^2 / 2``, and the sum over the steps is at most ``J*_reg - J_reg(theta_0)``. The right side of Eq. (29) has
this difference reversed, and is never positive. With ``p* = softmax(r / alpha)``, ``J*_reg = alpha log sum_a exp(r_a /
alpha)`` and ``J*_reg - J_reg(theta) = alpha KL(p || p*)``.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import smallest
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._shared import Array, constant, inner
from entropy_theory.constants import exact
from entropy_theory.controls import EntropyBonus
from entropy_theory.convergence import ascend, entropy_smoothness, gradient_bound, reward_smoothness
from entropy_theory.gradients import policy_gradient
from entropy_theory.problems import Bandit
from entropy_theory.softmax import centred, entropy, entropy_change, entropy_gradient, kl, log_softmax, softmax

POSITION = 7.02

STEPS = 3

_GIVEN = {"p": d.policies(), "r": d.rewards(like="p"), "alpha": d.positive()}
_RUN = {
    "p": d.policies(actions=(2, 3)),
    "r": d.rewards(like="p"),
    "alpha": d.reals(2**-10, 2**10),
    "c": d.reals(2**-10, 1),
}


def _gradient(z: Array, r: Array, alpha: Array) -> Any:
    """``grad J_reg``."""
    return policy_gradient(Bandit(r), z) + alpha[..., None] * entropy_gradient(z)


def _step_size(r: Array, alpha: Array, c: Array) -> Any:
    """``eta = c / L``."""
    return c / (reward_smoothness(r) + alpha * entropy_smoothness(r.shape[-1]))


def _to_optimum(p: Array, r: Array, alpha: Array) -> Any:
    """``J*_reg - J_reg`` as a divergence."""
    return alpha * kl(np.log(p), r / alpha[..., None])


_OPTIMUM = Identity(
    name="theorem-vii.2/optimum",
    reading="corrected",
    statement=r"\alpha\log\textstyle\sum_a e^{r_a/\alpha} - J_{\rm reg}(\theta) = \alpha\,"
    r"\mathrm{KL}(\pi_\theta\,\|\,\mathrm{softmax}(r/\alpha)) \ge 0",
    given=_GIVEN,
    lhs=lambda p, r, alpha: (
        r[..., 0] - alpha * log_softmax(r / alpha[..., None])[..., 0] - inner(p, r) - alpha * entropy(np.log(p))
    ),
    rhs=_to_optimum,
    remark="So the supremum J*_reg of the proof is alpha log sum exp(r / alpha), attained at softmax(r / alpha) alone.",
    proof="Let q = softmax(r/alpha) and c = alpha log sum_a exp(r_a/alpha), so that r_a = alpha log q_a + c. Then "
    "J_reg = E_p r - alpha E_p log p = c - alpha E_p log(p/q) = c - alpha KL(p || q).",
)
OPTIMUM = _OPTIMUM.with_mutants(
    _OPTIMUM.mutant("flipped", rhs=lambda p, r, alpha: alpha * kl(r / alpha[..., None], np.log(p))),
    _OPTIMUM.mutant("no-alpha", rhs=lambda p, r, alpha: kl(np.log(p), r / alpha[..., None])),
)


def _squared_gradients(p: Array, r: Array, alpha: Array, c: Array) -> Any:
    """``|grad J_reg|^2`` at the policies 0, ..., STEPS - 1 of the run, (..., STEPS)."""
    path = ascend(Bandit(r), EntropyBonus(lambda _: alpha), np.log(p), _step_size(r, alpha, c), STEPS - 1)
    return np.stack([inner(g, g) for g in (_gradient(z, r, alpha) for z in path)], axis=-1)


def _least(values: Array) -> Any:
    """``min_{t < T}`` for T = 1, 2, ..."""
    return np.stack([smallest(values[..., : t + 1]) for t in range(values.shape[-1])], axis=-1)


def _bound(p: Array, r: Array, alpha: Array, c: Array, sign: int = 1) -> Any:
    nothing = 0 * np.stack([c] * STEPS, axis=-1)
    return gradient_bound(sign * _to_optimum(p, r, alpha), _step_size(r, alpha, c), nothing)


EQ_29_PRINTED = Inequality(
    name="theorem-vii.2/eq-29",
    statement=r"\min_{t<T}\|\nabla J_{\rm reg}(\theta_t)\|^2 \le \frac{2\,(J_{\rm reg}(\theta_0) - J^*_{\rm "
    r"reg})}{\eta T},\quad \eta = c/L,\ c \le 1",
    given=_RUN,
    assuming=lambda r: ~constant(r),
    lhs=lambda p, r, alpha, c: _least(_squared_gradients(p, r, alpha, c)),
    rhs=lambda p, r, alpha, c: _bound(p, r, alpha, c, sign=-1),
    hypotheses="The rewards are not all equal.",
    remark="For T = 1, 2, 3. A slip of sign: the right side is never positive, as J*_reg is the supremum. The "
    "corrected line has the difference in its other order, and the theorem's rate O(1/T) stands.",
    breaks="Appendix M telescopes to J_reg(theta_T) - J_reg(theta_0) >= (eta/2) sum |grad J_reg|^2 and uses "
    "J_reg(theta_T) <= J*_reg, which gives sum |grad J_reg|^2 <= 2 (J*_reg - J_reg(theta_0)) / eta; the next line "
    "has 'J_reg(theta_0) - J*_reg' instead.",
    terms={
        "softmax(r/alpha)": lambda r, alpha: softmax(r / alpha[..., None]),
        "J*_reg - J_reg": _to_optimum,
        "eta": _step_size,
        "|grad J_reg|^2": lambda p, r, alpha: inner(_gradient(np.log(p), r, alpha), _gradient(np.log(p), r, alpha)),
    },
)
_EQ_29 = Inequality(
    name="theorem-vii.2/eq-29",
    reading="corrected",
    statement=r"\min_{t<T}\|\nabla J_{\rm reg}(\theta_t)\|^2 \le \frac1T\sum_{t<T}\|\nabla J_{\rm "
    r"reg}(\theta_t)\|^2 \le \frac{2\,(J^*_{\rm reg} - J_{\rm reg}(\theta_0))}{\eta T},\quad \eta \le 1/L",
    given=_RUN,
    lhs=lambda p, r, alpha, c: np.cumsum(_squared_gradients(p, r, alpha, c), axis=-1) / np.arange(1, STEPS + 1),
    rhs=_bound,
    remark="eta = c / L with the L of assumption-vii.1/smoothness-reward and /smoothness-entropy, for T = 1, 2, 3; the "
    "proof is the same for every T.",
    proof="By theorem-vii.2/descent each step gains at least (eta/2) |grad J_reg(theta_t)|^2. The gains of the "
    "steps t < T add up to J_reg(theta_T) - J_reg(theta_0) <= J*_reg - J_reg(theta_0). Divide by eta T / 2; the "
    "least term is at most the mean.",
)
EQ_29 = _EQ_29.with_mutants(
    _EQ_29.mutant("tenth", rhs=lambda p, r, alpha, c: _bound(p, r, alpha, c) / 10),
    _EQ_29.mutant("long-steps", given={**_RUN, "c": d.reals(1, 20)}, rhs=_bound),
)


def _gain(p: Array, r: Array, alpha: Array, c: Array) -> Any:
    """``J_reg(z + eta g) - J_reg(z)``, from differences so that little cancels."""
    z = np.log(p)
    dz = _step_size(r, alpha, c)[..., None] * _gradient(z, r, alpha)
    reward = inner(softmax(z + dz) - p, centred(z, r))
    return reward + alpha * entropy_change(z, dz)


def _half_gain(p: Array, r: Array, alpha: Array, c: Array) -> Any:
    g = _gradient(np.log(p), r, alpha)
    return _step_size(r, alpha, c) * inner(g, g) / 2


_DESCENT = Inequality(
    name="theorem-vii.2/descent",
    statement=r"J_{\rm reg}(\theta + \eta\nabla J_{\rm reg}) \ge J_{\rm reg}(\theta) + \tfrac\eta2"
    r"\|\nabla J_{\rm reg}\|^2,\quad \eta \le 1/L",
    given=_RUN,
    lhs=_half_gain,
    rhs=_gain,
    remark="The descent lemma that Appendix M quotes, with the L proved here.",
    proof="A function with Lipschitz gradient satisfies f(z + D) >= f(z) + <grad f, D> - L |D|^2 / 2. With D = eta "
    "grad f and eta <= 1/L the last two terms are at least (eta - eta/2) |grad f|^2. J_reg has such a gradient with L "
    "= L_J + alpha L_H, by assumption-vii.1/smoothness-reward and /smoothness-entropy.",
)
DESCENT = _DESCENT.with_mutants(
    _DESCENT.mutant("whole-gain", lhs=lambda p, r, alpha, c: exact(101, 50) * _half_gain(p, r, alpha, c)),
    _DESCENT.mutant("long-steps", given={**_RUN, "c": d.reals(1, 20)}),
)

_EQ_30 = Identity(
    name="theorem-vii.2/eq-30",
    statement=r"\theta^* = r/\alpha:\quad \nabla J(\theta^*) = -\alpha\,\nabla H(\pi_{\theta^*})",
    given={"r": d.rewards(actions=(2, 6)), "alpha": d.positive()},
    assuming=lambda r: ~constant(r),
    lhs=lambda r, alpha: policy_gradient(Bandit(r), r / alpha[..., None]),
    rhs=lambda r, alpha: -alpha[..., None] * entropy_gradient(r / alpha[..., None]),
    hypotheses="The rewards are not all equal (else both sides are zero).",
    remark="Tested is that softmax(r / alpha) is stationary; by the corrected line no other policy is.",
    proof="At z = r/alpha, alpha (log p_a + H) = alpha (z_a - E_p z) = r_a - E_p r = A_a, so p_a A_a = alpha p_a "
    "(log p_a + H) = -alpha dH/dz_a.\n"
    "That every limit point of the run is stationary follows from the corrected theorem-vii.2/eq-29: the sum of |grad "
    "J_reg(theta_t)|^2 over all t is finite, so grad J_reg(theta_t) -> 0, and grad J_reg is continuous.",
)
EQ_30 = _EQ_30.with_mutants(
    _EQ_30.mutant("same-sign", rhs=lambda r, alpha: alpha[..., None] * entropy_gradient(r / alpha[..., None])),
    _EQ_30.mutant("no-alpha", rhs=lambda r, alpha: -entropy_gradient(r / alpha[..., None])),
)


def _squared(z: Array, r: Array, alpha: Array) -> Any:
    g = _gradient(z, r, alpha)
    return inner(g, g)


_NOWHERE_ELSE = Inequality(
    name="theorem-vii.2/eq-30",
    reading="corrected",
    statement=r"r - \alpha\log\pi_\theta\ \text{not constant}\ \Rightarrow\ \nabla J(\theta) + \alpha\nabla "
    r"H(\pi_\theta) \neq 0",
    given={
        "z": d.reals(-40, 40, like="r"),
        "r": d.rewards(actions=(2, 6)),
        "alpha": d.positive(),
    },
    assuming=lambda z, r, alpha: ~constant(r - alpha[..., None] * z),
    lhs=0,
    rhs=_squared,
    strict=True,
    hypotheses="r - alpha z is not constant over the actions, that is, the policy is not softmax(r / alpha).",
    remark="The stationary policy is unique among all policies with finite logits.",
    proof="grad J_reg = F (r - alpha x) with F = diag(p) - p p' and x = log p. F v = 0 means p_a (v_a - E_p v) = 0 "
    "for all a; with p > 0 that is v constant. And x differs from z by a constant.",
)
NOWHERE_ELSE = _NOWHERE_ELSE.with_mutants(
    _NOWHERE_ELSE.mutant(
        "no-assumption",
        assuming=None,
        given={
            "z": d.reals(-40, 40, like="r"),
            "r": d.rewards(actions=(2, 6)),
            "alpha": d.reals(0, 1),
        },
    )
)

CLAIMS = (OPTIMUM, EQ_29_PRINTED, EQ_29, DESCENT, EQ_30, NOWHERE_ELSE)

"""The regularised natural gradient reaches its optimum in one step of size 1 / alpha, from every start.

In a bandit the natural gradient of E r + alpha H is A - alpha (log p + H), so a step is affine in the logits: up to a
common shift ``z' = (1 - eta alpha) z + eta r``. The distance to r / alpha, the logits of the optimum softmax(r /
alpha), is multiplied by 1 - eta alpha exactly; eta = 1 / alpha is arrival, and the iteration converges from every start
iff 0 < eta alpha < 2.

Proof.

p = softmax(z), A = r - E_p r, H the entropy of p.

u is the natural gradient if F u = grad (E r + alpha H), F = diag(p) - p p', in words: Cov_p(u, v) is the slope along
every v. The slope of E r is Cov_p(r, v) and that of H is -Cov_p(log p, v) (Lemma IV.2); so u = r - alpha log p up to a
constant, and centred u = A - alpha (log p + H).

log p = z up to a constant. So z + eta u = (1 - eta alpha) z + eta r up to a constant, and a constant does not change
the policy.

Subtract r / alpha = (1 - eta alpha) r / alpha + eta r: z' - r / alpha = (1 - eta alpha)(z - r / alpha) up to a
constant. Iterate; for eta = 1 / alpha the factor is 0, and one step ends at the logits r / alpha.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array, advantage, ascent
from entropy_theory.claims.theorem_v_2 import _logits
from entropy_theory.problems import Bandit
from entropy_theory.softmax import centred, covariance, entropy, entropy_gradient, softmax

POSITION = 9.09

_GIVEN = {"p": d.policies(), "r": d.reals(-10, 10, like="p"), "alpha": d.positive()}


def _direction(p: Array, r: Array, alpha: Array) -> Array:
    """``A - alpha (log p + H)``."""
    return np.asarray(advantage(p, r) - alpha[..., None] * centred(np.log(p), np.log(p)))


_NATURAL = Identity(
    name="beyond/one-step-soft-optimum/direction",
    reading="corrected",
    statement=r"\mathrm{Cov}_p\big(A - \alpha(\log p + H),\,v\big) = \frac{d}{dt}\big(J + \alpha H\big)(z + tv)",
    given={**_GIVEN, "v": d.reals(-10, 10, like="p")},
    lhs=lambda p, r, alpha, v: covariance(np.log(p), _direction(p, r, alpha), v),
    rhs=lambda p, r, alpha, v: directional_derivative(
        lambda z: Bandit(r).objective(z) + alpha * entropy(z), np.log(p), v
    ),
    remark="That is, A - alpha (log p + H) is the natural gradient of the regularised objective. Right by "
    "differentiating the objective.",
    proof=proof_in(__doc__),
)
NATURAL = _NATURAL.with_mutants(
    _NATURAL.mutant(
        "vanilla",
        lhs=lambda p, r, alpha, v: covariance(
            np.log(p), ascent(p, r) + alpha[..., None] * entropy_gradient(np.log(p)), v
        ),
    ),
    _NATURAL.mutant("flipped-sign", lhs=lambda p, r, alpha, v: covariance(np.log(p), _direction(p, r, -alpha), v)),
)


def _iterated(p: Array, r: Array, alpha: Array, c: Array, steps: int) -> Array:
    """The policy after some steps of size ``c / alpha``."""
    for _ in range(steps):
        p = softmax(np.log(p) + (c / alpha)[..., None] * _direction(p, r, alpha))
    return p


def _contracted(p: Array, r: Array, alpha: Array, factor: Array) -> Array:
    """The policy whose logits are `factor` times as far from r / alpha as those of p."""
    goal = _logits(r, alpha)
    return softmax(goal + factor[..., None] * (np.log(p) - goal))


_STEPS = Identity(
    name="beyond/one-step-soft-optimum/steps",
    reading="corrected",
    statement=r"z_{t+1} = z_t + \eta\,(A_t - \alpha(\log p_t + H_t)):\quad "
    r"z_t - \tfrac r\alpha \equiv (1-\eta\alpha)^t\,\big(z_0 - \tfrac r\alpha\big)",
    given={**_GIVEN, "alpha": d.reals(0.125, 8), "c": d.reals(0, 2, open_low=True)},
    lhs=lambda p, r, alpha, c: _iterated(p, r, alpha, c, 3),
    rhs=lambda p, r, alpha, c: _contracted(p, r, alpha, (1 - c) ** 3),
    remark="Three steps of size eta = c / alpha; the policies are compared. The convergence is geometric, with rate |1 "
    "- eta alpha| independent of the policy and of the rewards.",
    proof=proof_in(__doc__),
)
STEPS = _STEPS.with_mutants(
    _STEPS.mutant("two-steps", rhs=lambda p, r, alpha, c: _contracted(p, r, alpha, (1 - c) ** 2)),
)

_ARRIVAL = Identity(
    name="beyond/one-step-soft-optimum",
    reading="corrected",
    statement=r"\mathrm{softmax}\big(z + \tfrac1\alpha\,(A - \alpha(\log p + H))\big) = \mathrm{softmax}(r/\alpha)"
    r"\quad\text{for every } z",
    given=_GIVEN,
    lhs=lambda p, r, alpha: _iterated(p, r, alpha, 1 + 0 * alpha, 1),
    rhs=lambda r, alpha: softmax(_logits(r, alpha)),
    remark="One exact step from any start, however deterministic. No step size of the vanilla gradient does this from "
    "every start.",
    proof=proof_in(__doc__),
)
ARRIVAL = _ARRIVAL.with_mutants(
    _ARRIVAL.mutant("step-0.99", lhs=lambda p, r, alpha: _iterated(p, r, alpha, 99 * (1 + 0 * alpha) / 100, 1)),
    _ARRIVAL.mutant(
        "vanilla",
        lhs=lambda p, r, alpha: softmax(
            np.log(p) + (ascent(p, r) + alpha[..., None] * entropy_gradient(np.log(p))) / alpha[..., None]
        ),
    ),
)

CLAIMS = (ARRIVAL, STEPS, NATURAL)

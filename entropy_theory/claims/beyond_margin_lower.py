"""A lower bound of every stability margin: ``gamma(v) >= sqrt(8 epsilon) / osc(v)``.

Hoeffding's lemma: ``log E_p exp(eta (v - E_p v)) <= eta^2 osc(v)^2 / 8``. At ``eta = sqrt(8 epsilon) / osc(v)`` the
divergence is therefore at most epsilon. Equality is approached for two equally probable actions as epsilon tends to 0.
With ``v = pA`` and ``osc(pA) <= osc(r)`` it bounds the margin of policy gradient by ``sqrt(8 epsilon) / osc(r)``, at
every policy.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._shared import ascent, constant, osc
from entropy_theory.constants import exact
from entropy_theory.stability import stability_margin

POSITION = 9.15

_LOWER = Inequality(
    name="beyond/margin-lower",
    reading="corrected",
    statement=r"\gamma(v) \ge \sqrt{8\epsilon}\,/\,\mathrm{osc}(v)",
    given={
        "p": d.policies(actions=(2, 3)),
        "v": d.reals(-10, 10, like="p"),
        "epsilon": d.reals(0, 10, open_low=True),
    },
    assuming=lambda v: ~constant(v),
    hypotheses="v is not constant.",
    lhs=lambda v, epsilon: np.sqrt(8 * epsilon) / osc(v),
    rhs=lambda p, v, epsilon: stability_margin(np.log(p), v, epsilon),
    tight=True,
    remark="The exact margin, whatever the policy. Sharp: two equally probable actions, epsilon to 0.",
    proof="Hoeffding's lemma: for a random variable X with range of length L, log E exp(eta (X - E X)) <= eta^2 L^2 "
    "/ 8.\n"
    "With X = v_a, a drawn from p, the left side is KL(p || p_{z + eta v}) and L = osc(v).\n"
    "At eta = sqrt(8 epsilon) / osc(v) it is at most epsilon, and it increases in eta, so the margin is at least "
    "eta.",
)
LOWER = _LOWER.with_mutants(
    _LOWER.mutant("8.1", lhs=lambda v, epsilon: np.sqrt(exact(81, 10) * epsilon) / osc(v)),
)

_POLICY_GRADIENT = Inequality(
    name="beyond/margin-lower/policy-gradient",
    reading="corrected",
    statement=r"\mathrm{osc}(pA) \le \mathrm{osc}(r),\ \text{so}\ \gamma(pA) \ge \sqrt{8\epsilon}\,/\,\mathrm{osc}(r)",
    given={"p": d.policies(actions=(2, 20)), "r": d.rewards(like="p")},
    lhs=lambda p, r: osc(ascent(p, r)),
    rhs=lambda r: osc(r),
    remark="So policy gradient with a step below sqrt(8 epsilon) / osc(r) never leaves the trust region.",
    proof="Let A_i be the largest and A_j the least advantage: A_i >= 0 >= A_j and A_i - A_j = osc(r). Each p_a A_a "
    "lies in [A_j, A_i] since 0 < p_a < 1.",
)
POLICY_GRADIENT = _POLICY_GRADIENT.with_mutants(
    _POLICY_GRADIENT.mutant("third", rhs=lambda r: osc(r) / 3),
)

CLAIMS = (LOWER, POLICY_GRADIENT)

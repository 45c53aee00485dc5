"""A lower bound of every stability margin: ``gamma(v) >= sqrt(8 epsilon) / osc(v)``.

Hoeffding's lemma: ``log E_p exp(eta (v - E_p v)) <= eta^2 osc(v)^2 / 8``. At ``eta = sqrt(8 epsilon) / osc(v)`` the
divergence is therefore at most epsilon. Equality is approached for two equally probable actions as epsilon tends to 0.
With ``v = pA`` and ``osc(pA) <= osc(r) / 2`` it bounds the margin of policy gradient by ``sqrt(32 epsilon) / osc(r)``,
at every policy.
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
    statement=r"\mathrm{osc}(pA) \le \tfrac12\,\mathrm{osc}(r),\ \text{so}\ "
    r"\gamma(pA) \ge \sqrt{32\epsilon}\,/\,\mathrm{osc}(r)",
    given={"p": d.policies(actions=(2, 20)), "r": d.rewards(like="p")},
    lhs=lambda p, r: osc(ascent(p, r)),
    rhs=lambda r: osc(r) / 2,
    tight=True,
    assuming=lambda r: ~constant(r),
    hypotheses="r is not constant.",
    remark="So policy gradient with a step below sqrt(32 epsilon) / osc(r) never leaves the trust region. Both "
    "inequalities are sharp: two equally probable actions, epsilon to 0 for the second.",
    proof="Without loss of generality min r = 0 and osc(r) = 1. Let J = E_p r, and let p_a A_a be largest at i and "
    "least at j. The difference D = p_i (r_i - J) - p_j (r_j - J) has the derivatives p_i (1 - p_i + p_j) > 0 in r_i "
    "and -p_j (1 + p_i - p_j) < 0 in r_j, so it only grows if r_i is set to 1 and r_j to 0.\n"
    "Then D = p_i (1 - J) + p_j J with p_i <= J <= 1 - p_j. It is linear in J. At J = p_i it is p_i (1 - p_i + p_j) <= "
    "2 p_i (1 - p_i) <= 1/2, as p_j <= 1 - p_i. At J = 1 - p_j it is p_j (1 + p_i - p_j) <= 2 p_j (1 - p_j) <= 1/2.\n"
    "The bound of the margin is beyond/margin-lower with v = pA.",
)
POLICY_GRADIENT = _POLICY_GRADIENT.with_mutants(
    _POLICY_GRADIENT.mutant("49-hundredths", rhs=lambda r: exact(49, 100) * osc(r)),
)

CLAIMS = (LOWER, POLICY_GRADIENT)

"""Remark IV.1: what the sign of the covariance says about the entropy.

*Comonotone*: no action that is more probable than another has less reward. Then the covariance is positive. In a
bandit a comonotone policy stays comonotone under exact steps ``eta <= 8 / osc(r)``, and each step lowers the entropy,
since the new policy majorises the old one. Without comonotonicity, or in an MDP, where the advantages move, a positive
covariance at the start says nothing about later steps.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._shared import Array, advantage, ascent, comonotone, constant, driver, osc
from entropy_theory.constants import exact
from entropy_theory.gradients import policy_gradient
from entropy_theory.problems import MDP
from entropy_theory.softmax import centred, covariance, entropy, entropy_change, softmax

POSITION = 4.05

_BANDIT = {"p": d.policies(), "r": d.rewards(like="p")}

_COMONOTONE = Inequality(
    name="remark-iv.1/comonotone",
    statement=r"(p, r)\ \text{comonotone, } p \text{ not uniform, } r \text{ not constant}"
    r"\ \Rightarrow\ \mathrm{Cov}(\log p, pA) > 0",
    given={"p": d.policies(actions=(2, 40)), "r": d.rewards(like="p")},
    assuming=lambda p, r: comonotone(p, r) & ~constant(p) & ~constant(r),
    lhs=0,
    rhs=driver,
    strict=True,
    hypotheses=(
        "No action that is more probable than another has less reward, p is not uniform, and the rewards are "
        "not all equal."
    ),
    proof=(
        "x = log p, c = exp(-H), f_a = p_a (x_a + H) = p_a log(p_a / c), A = r - E_p r. E_p(x + H) = 0, so "
        "sum_a f_a = 0 and Cov_p(x, pA) = sum_a p_a A_a f_a. f is not monotone in p, so Chebyshev's sum "
        "inequality does not suffice.\n"
        "Number the actions so that p_1 >= ... >= p_n and A_1 >= ... >= A_n (sort by p, ties by r). Put P_k = "
        "p_1 + ... + p_k.\n"
        "Since E_p A = 0, summation by parts gives A_i = sum_{k<n} (A_k - A_{k+1}) (1{i<=k} - P_k).\n"
        "So Cov_p(x, pA) = sum_{k<n} (A_k - A_{k+1}) S_k with S_k = (1 - P_k) sum_{i<=k} p_i f_i - P_k "
        "sum_{j>k} p_j f_j. It remains to show S_k > 0, since A_k - A_{k+1} >= 0 and, r not being constant, > "
        "0 for some k.\n"
        "f_a < 0 where p_a < c, f_a >= 0 where p_a >= c, and there f rises with p, its derivative being log(p "
        "/ c) + 1 > 0.\n"
        "Case p_k >= c: f_i >= f_k >= 0 for i <= k and f_j <= f_k for j > k, so S_k >= (1 - P_k) P_k f_k - "
        "P_k (1 - P_k) f_k = 0. Equality would make all f_a equal, hence 0 as they sum to zero, hence all p_a "
        "= c: p would be uniform.\n"
        "Case p_k < c: f_j < 0 for all j > k, so the second part of S_k is > 0. As (p_i - c) f_i >= 0 for "
        "every i, sum_{i<=k} p_i f_i >= c sum_{i<=k} f_i = -c sum_{j>k} f_j > 0. So S_k > 0."
    ),
)
COMONOTONE = _COMONOTONE.with_mutants(
    _COMONOTONE.mutant("no-assumption", assuming=None),
    _COMONOTONE.mutant("only-the-mode", assuming=lambda p, r: p.argmax(-1) == r.argmax(-1)),
    _COMONOTONE.mutant("flipped-sign", rhs=lambda p, r: -driver(p, r)),
)


def _rises(p: Array, r: Array, eta: Array, steps: int) -> Any:
    """Entropy changes along exact gradient steps, (..., steps)."""
    z = np.log(p)
    changes = []
    for _ in range(steps):
        dz = eta[..., None] * softmax(z) * centred(z, r)
        changes.append(entropy_change(z, dz))
        z = z + dz
    return np.stack(changes, axis=-1)


def _after(p: Array, r: Array, eta: Array, steps: int) -> Array:
    """Logits after so many exact gradient steps."""
    z = np.log(p)
    for _ in range(steps):
        z = z + eta[..., None] * ascent(softmax(z), r)
    return z


MONOTONE_COVARIANCE = Inequality(
    name="remark-iv.1/monotone-covariance",
    statement=r"\mathrm{Cov}(\log p_0, p_0 A_0) > 0\ \Rightarrow\ H_{t+1} \le H_t,\ t = 0, \dots, 7"
    r"\quad(\Delta z = \eta\, pA,\ \eta\,\mathrm{osc}(r) \le 1)",
    given={
        "p": d.policies(actions=(2, 4)),
        "r": d.reals(0, 1, like="p"),
        "eta": d.reals(0, 1, open_low=True),
    },
    assuming=lambda p, r: (driver(p, r) > 0).astype(bool),
    lhs=lambda p, r, eta: _rises(p, r, eta, 8),
    rhs=0,
    remark="A positive covariance by itself, without comonotonicity, does not suffice: it can change sign along the "
    "way. What holds is remark-iv.1/monotone.",
    hypotheses="Cov(log p, pA) > 0 at the start. Rewards in [0, 1] and 0 < eta <= 1.",
    breaks=(
        "The remark has no proof of its own; Appendix H restates it as 'this covariance is positive, causing "
        "monotonic entropy decrease'. Theorem IV.1 gives the sign of one small step, from the covariance of "
        "the current policy. The step from there to 'monotonic' carries this sign over to all later policies, "
        "but the covariance changes with the policy. It can be positive while an action of small probability "
        "has the best reward. Gradient ascent raises that action; as it comes up to the others the covariance "
        "can turn negative, and the entropy then rises."
    ),
    terms={
        "A at first": advantage,
        "Cov at first": driver,
        "dH in steps 1 to 8": lambda p, r, eta: _rises(p, r, eta, 8),
        "p before step 8": lambda p, r, eta: softmax(_after(p, r, eta, 7)),
        "Cov before step 8": lambda p, r, eta: driver(softmax(_after(p, r, eta, 7)), r),
    },
)

_MONOTONE = Inequality(
    name="remark-iv.1/monotone",
    reading="corrected",
    statement=r"\text{bandit, } (p_0, r) \text{ comonotone, } \eta \le 8/\mathrm{osc}(r)\ \Rightarrow\ H_{t+1} \le H_t",
    given={**_BANDIT, "c": d.reals(0, 1, open_low=True)},
    assuming=lambda p, r: comonotone(p, r) & ~constant(r),
    lhs=lambda p, r, c: _rises(p, r, 8 * c / osc(r), 4),
    rhs=0,
    remark="eta = 8 c / osc(r), four steps. Each step keeps the order of the actions and majorises the policy.",
    hypotheses=(
        "No action that is more probable than another has less reward at the start, the rewards are not all "
        "equal, and eta = 8 c / osc(r) with 0 < c <= 1."
    ),
    proof=(
        "A = r - E_p r, osc(r) = max r - min r. By remark-iv.1/order-kept each step with eta <= 8 / osc(r) "
        "leaves (p, r) comonotone, so it is enough to show that one step from a comonotone pair does not "
        "raise H.\n"
        "Number the actions so that p_1 >= ... >= p_n and A_1 >= ... >= A_n. One step gives p'_a = p_a e_a / "
        "Z with e_a = exp(eta p_a A_a) and Z = E_p e.\n"
        "Z >= 1: by Jensen's inequality Z >= exp(eta E_p[p A]), and E_p[p A] = Cov_p(p, A) >= 0 by "
        "Chebyshev's sum inequality.\n"
        "Fix k < n. If A_k >= 0: for i <= k, p_i A_i >= p_k A_k, so e_i >= e_k; for j > k, either 0 <= A_j <= "
        "A_k and e_j <= e_k, or A_j < 0 and e_j < 1 <= e_k. So the p-mean of e over 1..k is at least that "
        "over the rest, hence at least Z.\n"
        "If A_k < 0: e_j < 1 <= Z for all j > k, so the p-mean of e over the rest is below Z, and that over "
        "1..k is above Z.\n"
        "Either way p'_1 + ... + p'_k >= p_1 + ... + p_k. The k largest entries of p' sum to no less, so p' "
        "majorises p.\n"
        "H = sum_a (-p_a log p_a) is a sum of one concave function over the entries, so by Karamata's "
        "inequality H(p') <= H(p)."
    ),
)
MONOTONE = _MONOTONE.with_mutants(_MONOTONE.mutant("no-order", assuming=lambda r: ~constant(r)))


def _order_kept(p: Array, r: Array, c: Array) -> Any:
    z = np.log(p) + (8 * c / osc(r))[..., None] * ascent(p, r)
    i, j = np.triu_indices(p.shape[-1], 1)
    return (z[..., i] - z[..., j]) * (r[..., i] - r[..., j])


_ORDER_KEPT = Inequality(
    name="remark-iv.1/order-kept",
    reading="corrected",
    statement=r"(p, r)\ \text{comonotone, } \eta \le 8/\mathrm{osc}(r)\ \Rightarrow\ (p', r)\ \text{comonotone}",
    given={**_BANDIT, "c": d.reals(0, 1, open_low=True)},
    assuming=lambda p, r: comonotone(p, r) & ~constant(r),
    lhs=0,
    rhs=_order_kept,
    remark="The constant 8 cannot be raised: p near (1/2, 1/4, 1/4), r = (1, tau, 0) with small tau.",
    hypotheses=(
        "No action that is more probable than another has less reward, the rewards are not all equal, and eta "
        "= 8 c / osc(r) with 0 < c <= 1."
    ),
    proof=(
        "A = r - E_p r, osc(r) = max r - min r, z' = log p + eta pA. Take two actions with r_1 > r_2, so p_1 "
        ">= p_2 and A_1 > A_2; to show is z'_1 >= z'_2. (Where r_1 = r_2 the product tested is zero.)\n"
        "z'_1 - z'_2 = log(p_1 / p_2) + eta (p_1 A_1 - p_2 A_2) >= log(p_1 / p_2) + eta (p_1 - p_2) A_1. If "
        "A_1 >= 0 this is >= 0.\n"
        "If A_1 < 0, let Q be the probability of the actions with reward above r_1. Then |A_1| = E_p(r - r_1) "
        "<= Q osc(r). Actions 1 and 2 are not among them, so p_1 + p_2 <= 1 - Q.\n"
        "Hence |A_1| (p_1 + p_2) <= Q (1 - Q) osc(r) <= osc(r) / 4.\n"
        "log y >= 2 (y - 1) / (y + 1) for y >= 1 gives log(p_1 / p_2) >= 2 (p_1 - p_2) / (p_1 + p_2).\n"
        "Together z'_1 - z'_2 >= (p_1 - p_2) / (p_1 + p_2) [2 - eta osc(r) / 4], which is >= 0 for eta <= 8 / "
        "osc(r)."
    ),
)
ORDER_KEPT = _ORDER_KEPT.with_mutants(
    _ORDER_KEPT.mutant("eta-9", given={**_BANDIT, "c": d.reals(0, 9 / 8, open_low=True)}),
)


def _state_rises(mdp: MDP, p: Array, eta: Array, steps: int) -> Any:
    z = np.log(p)
    changes = []
    for _ in range(steps):
        dz = eta[..., None, None] * policy_gradient(mdp, z)
        changes.append(entropy_change(z, dz))
        z = z + dz
    return np.concatenate(changes, axis=-1)


def _states_after(mdp: MDP, p: Array, eta: Array, steps: int) -> Array:
    """Logits after so many exact gradient steps."""
    z = np.log(p)
    for _ in range(steps):
        z = z + eta[..., None, None] * policy_gradient(mdp, z)
    return z


def _state_driver(mdp: MDP, z: Array) -> Array:
    """``Cov_s(log pi, pi A)`` of the policy with logits z."""
    return covariance(z, z, softmax(z) * mdp.values(z).advantage)


def _well_calibrated(mdp: MDP, p: Array) -> Any:
    z = np.log(p)
    advantages = mdp.values(z).advantage
    positive = (covariance(z, z, p * advantages) > 0).astype(bool)
    return (comonotone(p, advantages) & positive).all(-1)


MONOTONE_PRINTED = Inequality(
    name="remark-iv.1/monotone",
    statement=r"\text{MDP, } (\pi, A) \text{ comonotone, } \mathrm{Cov}_s > 0 \text{ at every state}"
    r"\ \Rightarrow\ H_s(t+1) \le H_s(t)",
    given={
        "mdp": d.mdps(states=(1, 2), actions=2, tables=False),
        "p": d.policies(like="mdp"),
        "eta": d.reals(0, 8, open_low=True),
    },
    assuming=_well_calibrated,
    lhs=lambda mdp, p, eta: _state_rises(mdp, p, eta, 4),
    rhs=0,
    remark="Four exact gradient steps. The advantages move with the policy at later states, and with them what is "
    "better. In a bandit, where they do not, the corrected line holds.",
    hypotheses=(
        "At every state at the start: no action that is more probable than another has a smaller advantage, "
        "and Cov_s(log pi, pi A) > 0."
    ),
    breaks=(
        "The remark has no proof of its own; Appendix H restates it as 'For well-calibrated policies, this "
        "covariance is positive, causing monotonic entropy decrease'. Theorem IV.1 gives the sign of one "
        "step, from the covariance of the current policy. The next step has another policy and, in an MDP, "
        "other advantages: A(s,a) depends on what the policy does at later states. As it improves there, an "
        "action that leads to them gains. It can become the better one at s while it is still the less "
        "probable one; as long as that lasts the covariance at s is negative, and a small step raises H_s."
    ),
    terms={
        "A(s,a) at first": lambda mdp, p: mdp.values(np.log(p)).advantage,
        "Cov_s at first": lambda mdp, p: _state_driver(mdp, np.log(p)),
        "dH_s in steps 1 to 4": lambda mdp, p, eta: _state_rises(mdp, p, eta, 4).reshape(len(p), 4, -1),
        "pi before step 4": lambda mdp, p, eta: softmax(_states_after(mdp, p, eta, 3)),
        "A(s,a) before step 4": lambda mdp, p, eta: mdp.values(_states_after(mdp, p, eta, 3)).advantage,
        "Cov_s before step 4": lambda mdp, p, eta: _state_driver(mdp, _states_after(mdp, p, eta, 3)),
    },
)

NEGATIVE_PRINTED = Inequality(
    name="remark-iv.1/negative",
    statement=r"\mathrm{Cov}(\log p, pA) < 0\ \Rightarrow\ H(z + \eta\, pA) \ge H(z)\quad(0 < \eta "
    r"\le 1,\ 0 \le r \le 1)",
    given={"p": d.policies(), "r": d.reals(0, 1, like="p"), "eta": d.reals(0, 1, open_low=True)},
    assuming=lambda p, r: (driver(p, r) < 0).astype(bool),
    lhs=0,
    rhs=lambda p, r, eta: entropy_change(np.log(p), eta[..., None] * ascent(p, r)),
    remark="For a finite step. To first order it holds, by theorem-iv.1/bandit; the corrected line says how small a "
    "step suffices.",
    hypotheses="Cov(log p, pA) < 0.",
    breaks=(
        "The remark reads the sign of the entropy change off Eq. (10), which is the first-order term of Eq. "
        "(8). The remainder o(||dz||) of Eq. (8), dropped in Appendix D by the sign for 'approximately', is "
        "of order eta^2 and can be negative. Where the covariance is negative but small, as near the uniform "
        "policy, a step that favours a less probable action can pass the policy of highest entropy and end "
        "further from it on the other side. With the remainder bounded, the corrected line says how small a "
        "step suffices."
    ),
    terms={
        "pA": ascent,
        "Cov(log p, pA)": driver,
        "-eta Cov": lambda p, r, eta: -eta * driver(p, r),
        "p after the step": lambda p, r, eta: softmax(_after(p, r, eta, 1)),
        "H before": lambda p: entropy(np.log(p)),
        "H after": lambda p, r, eta: entropy(_after(p, r, eta, 1)),
    },
)


def _safe_change(p: Array, r: Array, c: Array) -> Any:
    g = ascent(p, r)
    eta = -2 * c * driver(p, r) / (np.log(exact(p.shape[-1])) * osc(g) ** 2)
    return entropy_change(np.log(p), eta[..., None] * g)


_NEGATIVE = Inequality(
    name="remark-iv.1/negative",
    reading="corrected",
    statement=r"\mathrm{Cov} < 0,\ 0 < \eta \le -2\,\mathrm{Cov}/(\log(n)\,\mathrm{osc}(pA)^2)\ "
    r"\Rightarrow\ H(z + \eta\, pA) \ge H(z)",
    given={**_BANDIT, "c": d.reals(0, 1, open_low=True)},
    assuming=lambda p, r: (driver(p, r) < 0).astype(bool),
    lhs=0,
    rhs=_safe_change,
    remark="From the remainder bound lemma-iv.2/constant.",
    hypotheses="Cov(log p, pA) < 0, and eta is the bound times c with 0 < c <= 1.",
    proof=(
        "A = r - E_p r, g = pA, C = Cov_p(log p, g) < 0, n the number of actions. g is not constant, so "
        "osc(g) = max g - min g > 0.\n"
        "Lemma IV.2 with its constant (lemma-iv.2/constant): H(z + eta g) - H(z) >= -eta C - (1/2) log(n) "
        "eta^2 osc(g)^2.\n"
        "The right side is eta [-C - (1/2) log(n) eta osc(g)^2], which is >= 0 as long as 0 < eta <= -2 C / "
        "(log(n) osc(g)^2)."
    ),
)
NEGATIVE = _NEGATIVE.with_mutants(
    _NEGATIVE.mutant("ten-times", given={**_BANDIT, "c": d.reals(0, 10, open_low=True)}),
)

CLAIMS = (
    COMONOTONE,
    MONOTONE_PRINTED,
    MONOTONE,
    MONOTONE_COVARIANCE,
    ORDER_KEPT,
    NEGATIVE_PRINTED,
    NEGATIVE,
)

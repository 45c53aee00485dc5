"""Remark IV.1: what the sign of the covariance says about the entropy.

*Comonotone*: no action that is more probable than another has less reward. Then ``Cov(log p, p A) = sum_a f_a (p
A)_a`` with ``f_a = p_a (log p_a + H)`` is positive: f is negative below ``p = exp(-H)`` and rises above it, and the
threshold lemma applies (f itself is not monotone in p, so Chebyshev's inequality does not suffice).

In a bandit a comonotone policy stays comonotone under exact steps ``eta <= 8 / osc(r)``. Take p_1 >= p_2 and r_1 >=
r_2. Then ``p_1 A_1 - p_2 A_2 >= (p_1 - p_2) A_1``, which matters only if A_1 < 0. Let Q be the mass of the actions
with reward above r_1: ``|A_1| <= Q osc(r)``, and actions 1 and 2 are outside it, so ``|A_1| (p_1 + p_2) <= Q (1 - Q)
osc(r) <= osc(r) / 4``. With ``log(p_1 / p_2) >= 2 (p_1 - p_2) / (p_1 + p_2)``, ``log(p_1 / p_2) + eta (p_1 - p_2) A_1
>= 0``. Each step lowers the entropy, since the new policy majorises the old one.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._shared import Array, ascent, comonotone, constant, driver, osc
from entropy_theory.constants import exact
from entropy_theory.gradients import policy_gradient
from entropy_theory.problems import MDP
from entropy_theory.softmax import centred, covariance, entropy_change, softmax

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

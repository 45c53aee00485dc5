"""Proposition VI.1, Eq. (19): what Clip-Cov does to the covariance, and to the entropy.

As a statement about averages over tokens Eq. (19) is right: leaving out tokens with more than the mean covariance
lowers the mean. But the entropy does not follow the mean of C over the tokens that are kept; it follows ``Cov_p(log
p, dz)`` of the update that is made, over all actions. Write ``x = log p``, ``mu = E_p x``, ``f_a = p_a (x_a - mu) =
-dH/dz_a``, ``phi = E_p f``.

* Logit entries kept with weights m: ``dH = -sum_a f_a m_a dz_a``. The part of action a is ``f_a dz_a``, not ``p_a
  C_a``.
* Tokens kept with weights m in the loss ``sum_a p_a m_a A_a``: the gradient is ``dz_b = p_b (m_b A_b - E_p[m A])``,
  the policy gradient with ``m A`` for the advantage, and ``dH = -sum_b f_b dz_b = -(E_p[f m A] - phi E_p[m A]) =
  -E_p[m I]`` with the influence ``I_a = A_a (f_a - phi)``, ``E_p I = Cov_p(x, pA)``.

So clipping the tokens of action a takes ``p_a I_a`` from the rate at which the entropy falls: it slows the collapse
iff I_a > 0. A rare action with positive advantage has f_a < 0: to reinforce it is to raise the entropy. Its C_a can be
the largest all the same, since C is centred by the mean of the update.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative, smallest
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._shared import (
    Array,
    advantage,
    ascent,
    driver,
    influence,
    inner,
    leading,
    loss_gradient,
    token_driver,
)
from entropy_theory.softmax import covariance, entropy, entropy_gradient, token_covariance

POSITION = 6.03

_TOKENS = {"C": d.rewards(actions=(2, 8)), "m": d.integers(1, 7)}


def _mean(C: Array) -> Any:
    return C.sum(-1) / C.shape[-1]


def _clipped_mean(C: Array, m: Array) -> Any:
    return (C * leading(C, m)).sum(-1) / m


def _kept_mean(C: Array, m: Array) -> Any:
    return (C * ~leading(C, m)).sum(-1) / (C.shape[-1] - m)


def _some_kept(C: Array, m: Array) -> Any:
    return (m < C.shape[-1]).astype(bool)


def _eq_19(C: Array, m: Array) -> Any:
    share = m / C.shape[-1]
    return _mean(C) - share / (1 - share) * (_clipped_mean(C, m) - _mean(C))


_IDENTITY = Identity(
    name="proposition-vi.1/identity",
    statement=r"\tfrac{1}{(1-r)N}\textstyle\sum_{i\notin I} C_i = \bar C - \tfrac{r}{1-r}\,(\bar C_I - "
    r"\bar C)",
    given=_TOKENS,
    assuming=_some_kept,
    lhs=_kept_mean,
    rhs=_eq_19,
    hypotheses="The clipped tokens are the first m of N (the order of the tokens is free), r = m/N < 1.",
    remark="Eq. (19) for plain averages over N tokens.",
    proof="With S the sum of all C_i and T that of the clipped ones, r = m/N: the left side is (S - T)/((1 - r)N) = "
    "(Cbar - r Cbar_I)/(1 - r), since S = N Cbar and T = r N Cbar_I. Adding and subtracting r Cbar in the numerator "
    "gives ((1 - r) Cbar - r (Cbar_I - Cbar))/(1 - r), the right side.",
)
IDENTITY = _IDENTITY.with_mutants(
    _IDENTITY.mutant(
        "share-without-1-r", rhs=lambda C, m: _mean(C) - m / C.shape[-1] * (_clipped_mean(C, m) - _mean(C))
    ),
    _IDENTITY.mutant("flipped-sign", rhs=lambda C, m: 2 * _mean(C) - _eq_19(C, m)),
    _IDENTITY.mutant("divided-by-n", lhs=lambda C, m: (C * ~leading(C, m)).sum(-1) / C.shape[-1]),
)

_STRICT = Inequality(
    name="proposition-vi.1/strict",
    statement=r"\bar C_I > \bar C\ \Rightarrow\ \tfrac{1}{(1-r)N}\textstyle\sum_{i\notin I} C_i < "
    r"\bar C",
    given=_TOKENS,
    assuming=lambda C, m: _some_kept(C, m) & (_clipped_mean(C, m) > _mean(C)).astype(bool),
    lhs=_kept_mean,
    rhs=_mean,
    strict=True,
    hypotheses="The clipped tokens are the first m of N, r = m/N < 1, and their mean exceeds that of all.",
    remark="Right for the averages. That the entropy follows them is proposition-vi.1/predicts-entropy.",
    proof="The mean of all is r times the mean of the clipped plus 1 - r times the mean of the kept, 0 < r < 1. If the "
    "first exceeds the mean of all, the second lies below it.",
)
STRICT = _STRICT.with_mutants(
    _STRICT.mutant("no-assumption", assuming=_some_kept, strict=False),
    _STRICT.mutant(
        "positive-mean",
        assuming=lambda C, m: _some_kept(C, m) & (_clipped_mean(C, m) > 0).astype(bool),
        strict=False,
    ),
)


def _without_first(x: Array) -> Array:
    """The entries with the first set to zero."""
    return np.where(np.arange(x.shape[-1]) > 0, x, 0 * x)


def _first_has_most(p: Array, r: Array) -> Any:
    """Whether the first action has the largest C, and that above Cov > 0."""
    C = token_driver(p, r)
    mean = inner(p, C)
    top = (C[..., :1] >= C[..., 1:]).astype(bool).all(-1)
    return top & ((C[..., 0] > mean) & (mean > 0)).astype(bool)


def _entry_rate(p: Array, r: Array) -> Any:
    """Rate at which the entropy falls when the first logit entry is detached."""
    return covariance(np.log(p), np.log(p), _without_first(ascent(p, r)))


def _loss_rate(p: Array, r: Array) -> Any:
    """Rate at which the entropy falls when the tokens of the first action leave the loss: their advantage is zeroed."""
    return driver(p, _without_first(advantage(p, r)))


PREDICTS_PRINTED = Inequality(
    name="proposition-vi.1/predicts-entropy",
    statement=r"C_1 = \max_a C_a > \mathrm{Cov} > 0\ \Rightarrow\ \text{with the tokens of action 1 detached the "
    r"entropy does not fall faster}",
    given={"p": d.policies(actions=(2, 4)), "r": d.reals(0, 1, like="p")},
    assuming=_first_has_most,
    lhs=lambda p, r: smallest(np.stack([_entry_rate(p, r), _loss_rate(p, r)], axis=-1)),
    rhs=driver,
    hypotheses="Action 1 has the largest C of the policy gradient, C_1 > Cov > 0 (the order of the "
    "actions is free). Rewards in [0, 1].",
    remark="'The effective covariance used for policy updates' is smaller, so by Lemma IV.2 the entropy should fall "
    "more slowly. 'Detach' has two readings, zeroing the logit entry or the token's loss; the line counts as broken "
    "only where both rates exceed the rate without clipping. To average over the kept tokens only would divide both "
    "by 1 - r and raise them further.",
    breaks="Appendix I averages C over the kept tokens ('the effective covariance is computed over the remaining "
    "(1 - r)N tokens'), and that algebra is right. Lemma IV.2 needs another number: Cov(log p, dz) over all actions, "
    "of the update dz that is left after clipping. Action a contributes f_a dz_a to it (logit entry), or p_a A_a (f_a "
    "- E_p f) (token loss), f_a = p_a (log p_a + H); neither has the sign of C_a = (log p_a + H)(dz_a - E dz).",
    terms={
        "log p": lambda p: np.log(p),
        "A": advantage,
        "update pA": ascent,
        "C": token_driver,
        "Cov": driver,
        "Eq. (19)": lambda p, r: inner(_without_first(p), token_driver(p, r)) / _without_first(p).sum(-1),
        "influence I": influence,
        "clipped, entry": _entry_rate,
        "clipped, loss": _loss_rate,
    },
)


def _slope(p: Array, direction: Array) -> Any:
    """Derivative of the entropy along a direction in logits."""
    return directional_derivative(entropy, np.log(p), direction)


_PREDICTS = Identity(
    name="proposition-vi.1/predicts-entropy",
    reading="corrected",
    statement=r"\text{token loss, action 1 clipped:}\quad \Delta H_{\rm clip} - \Delta H = \eta\,p_1 I_1,\quad I_a = "
    r"A_a(f_a - \mathbb E_p f),\ f_a = p_a(\log p_a + H)",
    given={"p": d.policies(), "r": d.rewards(like="p")},
    lhs=lambda p, r: _slope(p, ascent(p, _without_first(advantage(p, r)))) - _slope(p, ascent(p, r)),
    rhs=lambda p, r: p[..., 0] * influence(p, r)[..., 0],
    remark="To first order, per unit of eta. So clipping action a slows the collapse iff I_a > 0, and the best single "
    "clip is the largest p_a I_a, in general not the largest C_a.",
    proof="By proposition-vi.1/token-loss the first-order change is -eta E_p[m I], linear in the weights m. All m = 1 "
    "gives dH = -eta E_p I; m_1 = 0 and the others 1 leaves out the one term p_1 I_1. The difference is eta p_1 I_1.",
)
PREDICTS = _PREDICTS.with_mutants(
    _PREDICTS.mutant("token-covariance", rhs=lambda p, r: p[..., 0] * token_driver(p, r)[..., 0]),
    _PREDICTS.mutant("no-mean", rhs=lambda p, r: -(ascent(p, r) * entropy_gradient(np.log(p)))[..., 0]),
    _PREDICTS.mutant("no-probability", rhs=lambda p, r: influence(p, r)[..., 0]),
)

_ENTRY = Identity(
    name="proposition-vi.1/logit-entry",
    reading="corrected",
    statement=r"\Delta z'_a = m_a\,\Delta z_a:\quad \Delta H = -\textstyle\sum_a f_a m_a \Delta z_a,\quad f_a = "
    r"p_a(\log p_a + H)",
    given={"p": d.policies(), "D": d.reals(-10, 10, like="p"), "m": d.reals(0, 1, like="p")},
    lhs=lambda p, D, m: _slope(p, m * D),
    rhs=lambda p, D, m: inner(m * D, entropy_gradient(np.log(p))),
    hypotheses="D is the update Delta z; m in [0, 1]^n: which logit entries are kept, 0 for a detached one.",
    remark="For any update dz. Detaching entry a slows the fall of the entropy iff f_a dz_a > 0, that is, iff the "
    "update raises the logit of an action with p_a > exp(-H), or lowers that of one with p_a < exp(-H).",
    proof="By Lemma IV.1 dH/dz_a = -p_a (log p_a + H) = -f_a. The derivative of H along the update with the entries "
    "m_a dz_a is its inner product with this gradient, -sum_a f_a m_a dz_a.",
)
ENTRY = _ENTRY.with_mutants(
    _ENTRY.mutant("token-covariance", rhs=lambda p, D, m: -inner(p * m, token_covariance(np.log(p), D))),
    _ENTRY.mutant(
        "kept-mean",
        given={**_ENTRY.given, "m": d.reals(0, 1, like="p", open_low=True)},
        rhs=lambda p, D, m: -inner(p * m, token_covariance(np.log(p), D)) / inner(p, m),
    ),
    _ENTRY.mutant("flipped-sign", rhs=lambda p, D, m: -inner(m * D, entropy_gradient(np.log(p)))),
)


def _by_derivatives(p: Array, r: Array, m: Array) -> Any:
    dz = loss_gradient(p, m * advantage(p, r))
    return np.concatenate([dz, _slope(p, dz)[..., None]], axis=-1)


def _by_formula(p: Array, r: Array, m: Array) -> Any:
    kept = m * advantage(p, r)
    dz = p * (kept - inner(p, kept)[..., None])
    return np.concatenate([dz, -inner(p * m, influence(p, r))[..., None]], axis=-1)


_LOSS = Identity(
    name="proposition-vi.1/token-loss",
    reading="corrected",
    statement=r"L = \textstyle\sum_a \pi_a m_a A_a:\quad \Delta z_b = \eta\,p_b(m_b A_b - \mathbb E_p[mA]),\quad "
    r"\Delta H = -\eta\,\mathbb E_p[m I],\quad I_a = A_a(f_a - \mathbb E_p f)",
    given={"p": d.policies(), "r": d.rewards(like="p"), "m": d.reals(0, 1, like="p")},
    lhs=_by_derivatives,
    rhs=_by_formula,
    hypotheses="m in [0, 1]^n: the weights of the actions' tokens in the loss; A and m are held fixed, as in Eq. (18).",
    remark="Both halves are tested, per unit of eta: the gradient of the clipped loss and the entropy along it. I is "
    "the exact influence of a token on the entropy; its mean is Cov(log p, pA).",
    proof="dpi_a/dz_b = p_a (1{a=b} - p_b), so dL/dz_b = p_b m_b A_b - p_b sum_a p_a m_a A_a. By Lemma IV.1 dH = "
    "-sum_b f_b dz_b, f_b = p_b (log p_b + H), so per unit of eta dH = -(sum_b p_b f_b m_b A_b - E_p[mA] sum_b p_b "
    "f_b) = -E_p[m A (f - E_p f)] = -E_p[m I]. With m = 1 and E_p A = 0 this is -E_p[f A] = -Cov(log p, pA).",
)
LOSS = _LOSS.with_mutants(
    _LOSS.mutant(
        "token-covariance",
        lhs=lambda p, r, m: _slope(p, ascent(p, m * advantage(p, r))),
        rhs=lambda p, r, m: -inner(p * m, token_driver(p, r)),
    ),
    _LOSS.mutant("no-mean", rhs=lambda p, r, m: _by_formula(p, r, m) + inner(p, m * advantage(p, r))[..., None]),
    _LOSS.mutant("twice-weighted", lhs=lambda p, r, m: _by_derivatives(p, r, m**2)),
)

CLAIMS = (IDENTITY, STRICT, PREDICTS_PRINTED, PREDICTS, ENTRY, LOSS)

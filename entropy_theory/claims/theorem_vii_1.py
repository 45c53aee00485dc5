"""Theorem VII.1, Eqs. (23) to (28): mean and covariance of the update from sampled tokens, with and without masks.

One sampled token of action a gives ``X = A_a (e_a - p)``; the update is the mean of N of them (eta = 1). Its first two
moments are m = E X and S / N with S = Cov(X). A deterministic vector moves m and leaves S, Eq. (25). What Clip-Cov and
KL-Cov add depends on the sample, so that it is random; and a mask makes an update random where it was not. If an entry
with variance s2 and mean m is dropped with probability rho, independently,

    Var = (1 - rho) s2 + rho (1 - rho) m^2,    at most s2 iff (1 - rho) m^2 <= s2.

In the Loewner order:

* Masked logit entries. The entries of X sum to zero, so ``1' Cov(X) 1 = 0``, while the sum of the kept entries is
  random: the order (28) fails in the direction (1, ..., 1).
* Masked tokens. ``S - S_mask = rho (S - (1 - rho) m m')``, so for 0 < rho < 1 (28) holds iff m lies in the range of S
  and ``(1 - rho) m' S^+ m <= 1``. Where no advantage is zero write ``a = E_p[1/A]``, ``b = E_p[1/A^2]``, ``W = b -
  a^2 = Var_p(1/A)``. With ``u = b/A - a/A^2``: E_p u = 0 and ``X'u = A u = b - a/A``, so ``m'u = W`` and ``E[X X'u] =
  b m - a E[e - p] = b m``, hence ``S u = b m - W m = a^2 m``. So ``m' S^+ m = W / a^2``, and (28) holds iff ``(1 -
  rho) Var_p(1/A) <= (E_p 1/A)^2``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative, smallest
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._sampling import (
    Outcomes,
    covariance_of,
    dropped,
    entries_dropped,
    flat,
    mean_of,
    mean_of_two,
    one_token,
    rational_advantage,
    same_for_all,
    variance_along,
    variance_of,
)
from entropy_theory.claims._shared import Array, advantage, comonotone, constant, inner, token_driver
from entropy_theory.constants import exact
from entropy_theory.moments import Moments, entry_masked, token_moments
from entropy_theory.softmax import entropy, entropy_gradient

POSITION = 7.01

_P, _R = d.policies(actions=(2, 4)), d.reals(0, 1, like="p")
_GIVEN = {"p": _P, "r": _R}
_MASKED = {**_GIVEN, "rho": d.reals(0, 1, open_low=True)}


def _rows(moments: Moments, scale: Array, shift: Any) -> Array:
    """Mean and covariance of ``scale * X + shift`` side by side."""
    mean = scale[..., None] * moments.mean + shift
    return np.concatenate([mean, flat(scale[..., None, None] ** 2 * moments.covariance)], axis=-1)


# Eq. (25) -------------------------------------------------------------------------------------------------

_REGULARISED = {"p": d.policies(actions=(2, 3)), "r": _R, "eta": d.positive(), "alpha": d.positive()}


def _slopes(p: Array) -> Array:
    """grad H, entry by entry, by a derivative that knows no formula."""
    return np.stack([directional_derivative(entropy, np.log(p), e + 0 * p) for e in np.eye(p.shape[-1])], axis=-1)


def _sampled_slopes(p: Array) -> Array:
    """The estimate of grad H from one token, ``-(log p_a + H)(e_a - p)``, whose mean is grad H."""
    surprise = entropy_gradient(np.log(p)) / p
    return surprise[..., None] * (np.eye(p.shape[-1]) - p[..., None, :])


def _regularised(p: Array, r: Array, eta: Array, bias: Array) -> Array:
    """Mean and covariance of ``eta X + bias`` for one and for two tokens; bias (..., A), or (..., A tokens, A)."""
    chance, value = one_token(p, r)
    shift = bias if bias.ndim == value.ndim else bias[..., None, :]
    one = (chance, eta[..., None, None] * value + shift)
    return np.concatenate([x for o in (one, mean_of_two(one)) for x in (mean_of(o), flat(covariance_of(o)))], axis=-1)


def _eq_25(p: Array, r: Array, eta: Array, shift: Array) -> Array:
    both = (token_moments(np.log(p), advantage(p, r), tokens=n) for n in (1, 2))
    return np.concatenate([_rows(moments, eta, shift) for moments in both], axis=-1)


_EQ_25 = Identity(
    name="theorem-vii.1/eq-25",
    statement=r"\mathbb E[\Delta_{\rm reg}] = \mu_{\rm pg} + \alpha\nabla H,\quad \mathrm{Cov}(\Delta_{\rm reg}) = "
    r"\Sigma_{\rm pg}",
    given=_REGULARISED,
    lhs=lambda p, r, eta, alpha: _regularised(p, r, eta, alpha[..., None] * _slopes(p)),
    rhs=lambda p, r, eta, alpha: _eq_25(p, r, eta, alpha[..., None] * entropy_gradient(np.log(p))),
    remark="One and two sampled tokens, by enumeration, with the exact grad H. The step size eta of Eq. (13) is "
    "missing in Eq. (24); it may be taken into alpha.",
    hypotheses="grad H is computed exactly, not estimated from the sampled tokens.",
    proof="Delta_reg = Delta_pg + c with c = alpha grad H, a number for each entry that does not depend on the "
    "sample. So E Delta_reg = E Delta_pg + c, and Delta_reg - E Delta_reg = Delta_pg - E Delta_pg: the covariances "
    "agree.",
)
EQ_25 = _EQ_25.with_mutants(
    _EQ_25.mutant(
        "estimated-gradient",
        lhs=lambda p, r, eta, alpha: _regularised(p, r, eta, alpha[..., None, None] * _sampled_slopes(p)),
    ),
    _EQ_25.mutant("no-bias", rhs=lambda p, r, eta: _eq_25(p, r, eta, 0 * p)),
)


# "Dense" --------------------------------------------------------------------------------------------------


def _in_bits(m: Array) -> Array:
    """``|log2 p_a + H / log 2| = |m_a - E m|`` for p in proportion to 2^m; rational where m is whole."""
    odds = 2**m
    return abs(m - (inner(odds, m) / odds.sum(-1))[..., None])


DENSE_PRINTED = Inequality(
    name="theorem-vii.1/dense",
    statement=r"p \propto 2^m\ \text{not uniform}\ \Rightarrow\ \partial H/\partial z_a \ne 0\ \text{for every } a",
    # Among logits that are whole in bits no policy of fewer than six actions but the uniform one has a zero entry.
    given={"m": d.logits(actions=(6, 7))},
    assuming=lambda m: ~constant(m) & ((m >= -4) & (m <= 4)).astype(bool).all(-1),
    lhs=0,
    rhs=lambda m: smallest(_in_bits(m)),
    strict=True,
    remark="'Dense (non-zero for all parameters)'. The right side is min_a |log p_a + H| / log 2; the entry is p_a "
    "log 2 times it. Logits in bits, z = m log 2, so that a zero is decided by rational arithmetic.",
    hypotheses="p is not uniform (where the whole gradient is zero), and the logits are within 4 bits of zero. With "
    "whole logits in bits a zero takes at least six actions; in general three suffice, theorem-vii.1/zero-entry.",
    breaks="Appendix L, d), says that 'the entropy gradient is non-zero for every parameter [20]'. By Lemma IV.1 the "
    "entry of action a is zero exactly where p_a = exp(-H); nothing excludes that. It is true for almost every "
    "policy.",
    terms={
        "p": lambda m: 2**m / (2**m).sum(-1, keepdims=True),
        "E m": lambda m: inner(2**m, m) / (2**m).sum(-1),
        "|m - E m|": _in_bits,
    },
)

_DENSE = Inequality(
    name="theorem-vii.1/dense",
    reading="corrected",
    statement=r"\nabla H = 0\ \text{only at the uniform policy}",
    given={"z": d.logits()},
    assuming=lambda z: ~constant(z),
    lhs=0,
    rhs=lambda z: abs(entropy_gradient(z)).sum(-1),
    strict=True,
    remark="Single entries can be zero, theorem-vii.1/zero-entry; all of them only together with log p constant.",
    hypotheses="The logits are not all equal.",
    proof="grad H = -F log p with F = diag(p) - p p', and v'Fv = Var_p(v). If grad H = 0 then Var_p(log p) = (log "
    "p)' F log p = 0, so log p is constant where p > 0, which is everywhere: p is uniform.",
)
DENSE = _DENSE.with_mutants(
    _DENSE.mutant("no-assumption", assuming=None),
    _DENSE.mutant("first-entry-positive", rhs=lambda z: entropy_gradient(z)[..., 0]),
)


def _joined(q: Array, t: Array) -> Array:
    """The policy with t on its first action and (1 - t) q on the others."""
    return np.concatenate([t[..., None], (1 - t)[..., None] * q], axis=-1)


def _first_slope(q: Array, t: Array) -> Any:
    p = _joined(q, t)
    return directional_derivative(entropy, np.log(p), np.eye(p.shape[-1])[0] + 0 * p)


def _zero_entry(q: Array, t: Array, factor: int = 1) -> Any:
    return t * (1 - t) * (np.log((1 - t) / t) - factor * entropy(np.log(q)))


_ZERO_ENTRY = Identity(
    name="theorem-vii.1/zero-entry",
    reading="corrected",
    statement=r"p = (t, (1-t)\,q):\quad \partial H/\partial z_1 = t\,(1-t)\,\big[\log\tfrac{1-t}{t} - H(q)\big]",
    given={"q": d.policies(actions=(1, 5)), "t": d.reals(0, 1, open_low=True, open_high=True)},
    lhs=_first_slope,
    rhs=_zero_entry,
    remark="So for every policy q of the other actions the entry is zero at exactly one probability of its own, t / "
    "(1 - t) = exp(-H(q)): the zeros form a surface, of measure zero.",
    proof="H(p) = h(t) + (1 - t) H(q) with h(t) = -t log t - (1 - t) log(1 - t). Changing z_1 alone keeps q and has "
    "dt/dz_1 = t (1 - t). So dH/dz_1 = t (1 - t) [h'(t) - H(q)] with h'(t) = log((1 - t)/t), which falls strictly from "
    "+inf to -inf.",
)
ZERO_ENTRY = _ZERO_ENTRY.with_mutants(
    _ZERO_ENTRY.mutant("flipped-sign", rhs=lambda q, t: _zero_entry(q, t, -1)),
    _ZERO_ENTRY.mutant("no-entropy", rhs=lambda q, t: _zero_entry(q, t, 0)),
)


# Eq. (26) -------------------------------------------------------------------------------------------------

_SELECTED = {"p": d.policies(actions=(2, 3)), "r": _R, "rho": d.reals(0, 1, like="p")}


def _added(p: Array, r: Array, rho: Array) -> Outcomes:
    """What masking adds to the update of two tokens: minus the masked part."""
    chance, value = mean_of_two(dropped(one_token(p, r), rho))
    return chance, -value


EQ_26_PRINTED = Identity(
    name="theorem-vii.1/eq-26",
    statement=r"\Delta_{\rm cov} = \Delta_{\rm pg} + \beta B_{\rm cov},\ B_{\rm cov}\ \text{deterministic: }"
    r"\mathrm{Var}(\beta B_{\mathrm{cov},j}) = 0",
    given=_SELECTED,
    lhs=lambda p, r, rho: variance_of(_added(p, r, rho)),
    rhs=0,
    remark="Clip-Cov on two sampled tokens: a token of action a is detached with probability rho_a, so that beta "
    "B_cov is minus the detached part of the sampled update.",
    hypotheses="The selection may depend on the action through rho_a, also deterministically (rho_a = 0 or 1).",
    breaks="Appendix L, b), calls I_clip 'the (random) set of tokens selected for gradient detachment' and sets the "
    "update to zero on it. Then Delta_cov - Delta_pg is minus the sampled update on I_clip: it depends on the tokens "
    "that were drawn, also where the rule that selects among them is fixed.",
    terms={
        "A": rational_advantage,
        "updates A_a (e_a - p)": lambda p, r: one_token(p, r)[1],
        "E beta B": lambda p, r, rho: mean_of(_added(p, r, rho)),
        "Var beta B": lambda p, r, rho: variance_of(_added(p, r, rho)),
    },
)


def _added_moments(p: Array, r: Array, rho: Array) -> Moments:
    return token_moments(np.log(p), advantage(p, r), keep=rho, tokens=2)


_EQ_26 = Identity(
    name="theorem-vii.1/eq-26",
    reading="corrected",
    statement=r"\mathrm{Cov}(\beta B_{\rm cov}) = \tfrac1N\big[\mathrm{diag}(w) - w p' - p w'"
    r" + (\textstyle\sum w)\,p p' - b b'\big],\quad w_a = p_a\rho_a A_a^2,"
    r"\ b_a = p_a(\rho_a A_a - \mathbb E_p[\rho A])",
    given=_SELECTED,
    lhs=lambda p, r, rho: flat(covariance_of(_added(p, r, rho))),
    rhs=lambda p, r, rho: flat(_added_moments(p, r, rho).covariance),
    remark="Two tokens, by enumeration. The bias that Clip-Cov adds is -b, dense in general, since e_a - p has no "
    "zero.",
    proof="beta B is minus the mean of N independent terms M A_a (e_a - p), P(M = 1 | a) = rho_a. One of them has "
    "the mean b_c = sum_a p_a rho_a A_a ([a=c] - p_c) and the second moments sum_a w_a ([a=c] - p_c)([a=e] - p_e); "
    "multiply out, subtract b b', and divide by N for the mean of N terms.",
)
EQ_26 = _EQ_26.with_mutants(
    _EQ_26.mutant("one-token", rhs=lambda p, r, rho: 2 * flat(_added_moments(p, r, rho).covariance)),
    _EQ_26.mutant(
        "squared-selection",
        rhs=lambda p, r, rho: flat(_added_moments(p, r, rho**2).covariance),
    ),
)


# Eq. (27) and Appendix L ----------------------------------------------------------------------------------


def _base(p: Array, r: Array) -> Array:
    return variance_of(one_token(p, r))


def _masked(p: Array, r: Array, rho: Array) -> Array:
    """Variance of each entry if it is dropped with probability rho."""
    return variance_of(dropped(one_token(p, r), same_for_all(p, rho)))


def _random_base(p: Array, r: Array) -> Any:
    return (_base(p, r) > 0).astype(bool).all(-1)


_STEPS: dict[str, Callable[..., Any]] = {
    "A": rational_advantage,
    "updates A_a (e_a - p)": lambda p, r: one_token(p, r)[1],
    "m": lambda p, r: mean_of(one_token(p, r)),
    "Var base": _base,
}

EQ_27_PRINTED = Inequality(
    name="theorem-vii.1/eq-27",
    statement=r"\mathrm{Var}((\Delta_{\rm cov})_j) \le \mathrm{Var}((\Delta_{\rm pg})_j)\quad\forall j",
    given=_MASKED,
    assuming=_random_base,
    lhs=_masked,
    rhs=_base,
    remark="One sampled token; each entry is dropped with probability rho, independently, as in Appendix L. A mask "
    "makes random an update that hardly was. Where m_j^2 > sigma_j^2 it fails for every small rho "
    "(theorem-vii.1/eq-27-iff).",
    hypotheses="The base update of every entry is random: its variance is positive.",
    breaks="Appendix L, b), computes Var(Delta_cov | I) as if the mask were not known once I is given, and takes the "
    "variance of E Delta_pg, a number, where that of E[Delta_cov | I] stands, which is m or 0: the term rho (1 - "
    "rho) m^2 is lost.",
    terms={**_STEPS, "Var masked": _masked},
)

_ENTRIES = {"p": d.policies(actions=(2, 3)), "r": d.rewards(like="p"), "rho": d.reals(0, 1, like="p")}


def _entry_variance(p: Array, r: Array, rho: Array) -> Array:
    return entry_masked(token_moments(np.log(p), advantage(p, r)), 1 - rho).variance


_EQ_27 = Identity(
    name="theorem-vii.1/eq-27",
    reading="corrected",
    statement=r"\mathrm{Var}((\Delta_{\rm cov})_j) = (1-\rho_j)\,\sigma_j^2 + \rho_j(1-\rho_j)\,m_j^2",
    given=_ENTRIES,
    lhs=lambda p, r, rho: variance_of(entries_dropped(one_token(p, r), 1 - rho)),
    rhs=_entry_variance,
    remark="By enumeration of the token and of all masks. m_j and sigma_j^2 are mean and variance of the base "
    "update's entry.",
    proof="Y = K X with K independent of X, P(K = 1) = 1 - rho, so K^2 = K. E Y^2 = (1 - rho)(sigma^2 + m^2) and (E "
    "Y)^2 = (1 - rho)^2 m^2. Their difference is (1 - rho) sigma^2 + (1 - rho)(1 - (1 - rho)) m^2.",
)
EQ_27 = _EQ_27.with_mutants(
    _EQ_27.mutant(
        "no-mean",
        rhs=lambda p, r, rho: (1 - rho) * token_moments(np.log(p), advantage(p, r)).variance,
    ),
    _EQ_27.mutant(
        "mean-kept-squared",
        rhs=lambda p, r, rho: (
            (1 - rho) * token_moments(np.log(p), advantage(p, r)).variance
            + (1 - rho) ** 2 * token_moments(np.log(p), advantage(p, r)).mean ** 2
        ),
    ),
)


def _saved(p: Array, r: Array, rho: Array) -> Array:
    return _base(p, r) - _masked(p, r, rho)


def _criterion(p: Array, r: Array, rho: Array, factor: Any = 1) -> Any:
    return _base(p, r) - factor * (1 - rho)[..., None] * mean_of(one_token(p, r)) ** 2


_IFF = Inequality(
    name="theorem-vii.1/eq-27-iff",
    reading="corrected",
    statement=r"\mathrm{Var}((\Delta_{\rm cov})_j) \le \sigma_j^2\ \Leftrightarrow\ (1-\rho)\,m_j^2 \le \sigma_j^2"
    r"\quad(0 < \rho \le 1)",
    given=_MASKED,
    lhs=0,
    rhs=lambda p, r, rho: _saved(p, r, rho) * _criterion(p, r, rho),
    remark="The product of sigma_j^2 - Var and sigma_j^2 - (1 - rho) m_j^2 is tested: the two have one sign.",
    proof="By theorem-vii.1/eq-27, sigma^2 - Var = rho sigma^2 - rho (1 - rho) m^2 = rho [sigma^2 - (1 - rho) m^2], "
    "with rho > 0. So the product is rho [sigma^2 - (1 - rho) m^2]^2 >= 0, and the two factors vanish together.",
)
IFF = _IFF.with_mutants(
    _IFF.mutant("without-1-rho", rhs=lambda p, r, rho: _saved(p, r, rho) * _criterion(p, r, 0 * rho)),
    _IFF.mutant("half", rhs=lambda p, r, rho: _saved(p, r, rho) * _criterion(p, r, rho, exact(1, 2))),
)


def _appendix_readings(p: Array, r: Array, rho: Array) -> Array:
    """The appendix's law with 0, and with m^2, for 'Var(E[Delta_pg])', (..., A, 2)."""
    kept = (1 - rho)[..., None]
    mean = mean_of(one_token(p, r))
    literal = kept * _base(p, r)
    return np.stack([literal, literal + kept**2 * mean**2], axis=-1)


APPENDIX_L_PRINTED = Identity(
    name="theorem-vii.1/appendix-l",
    statement=r"\mathrm{Var}(\Delta_{\rm cov}) = (1-\rho)\,\sigma_{\rm pg}^2 + "
    r"(1-\rho)^2\,\mathrm{Var}(\mathbb E[\Delta_{\rm pg}])",
    given=_MASKED,
    assuming=_random_base,
    lhs=lambda p, r, rho: smallest(abs(_appendix_readings(p, r, rho) - _masked(p, r, rho)[..., None])),
    rhs=0,
    remark="Var(E[Delta_pg]) is the variance of a number, 0; read kindly, m^2. The left side is the distance of the "
    "enumerated variance from the nearer of the two readings.",
    hypotheses="The base update of every entry is random: its variance is positive.",
    breaks="Appendix L, b), 'Conditional on I_clip, the update is either Delta_pg (with probability 1 - p_sa) or 0': "
    "once I_clip is given it is known which. So Var(Delta_cov | I) is sigma^2 or 0, with mean (1 - rho) sigma^2 as "
    "stated, but E[Delta_cov | I] is m or 0, with variance rho (1 - rho) m^2.",
    terms={
        **_STEPS,
        "(1 - rho) Var base": lambda p, r, rho: (1 - rho)[..., None] * _base(p, r),
        "with (1 - rho)^2 m^2": lambda p, r, rho: _appendix_readings(p, r, rho)[..., 1],
        "Var masked": _masked,
    },
)

_TOKEN_KEEP = {"p": _P, "r": d.rewards(like="p"), "k": d.reals(0, 1, like="p", open_low=True)}


def _total_law(p: Array, r: Array, k: Array, between: Any = 1) -> Any:
    """``E Var(Y | K) + between * Var E(Y | K)`` with the kept tokens' own distribution ``p k / E_p k``."""
    share = inner(p, k)[..., None]
    kept = (p * k / share, one_token(p, r)[1])
    return share * variance_of(kept) + between * share * (1 - share) * mean_of(kept) ** 2


_APPENDIX_L = Identity(
    name="theorem-vii.1/appendix-l",
    reading="corrected",
    statement=r"\mathrm{Var}(\Delta_{\rm cov}) = \kappa\,\mathrm{Var}(\Delta_{\rm pg}\,|\,K=1) + \kappa(1-\kappa)\,"
    r"\mathbb E[\Delta_{\rm pg}\,|\,K=1]^2,\quad \kappa = P(K=1)",
    given=_TOKEN_KEEP,
    lhs=lambda p, r, k: token_moments(np.log(p), advantage(p, r), keep=k).variance,
    rhs=_total_law,
    remark="The full law, also where the selection depends on the token, as by its covariance: an action a is kept "
    "with probability k_a. With one k for all it is theorem-vii.1/eq-27.",
    proof="Y = K X. Given K = 1, Y has the law of X given K = 1; given K = 0 it is 0. So E Var(Y|K) = kappa "
    "Var(X|K=1), and E(Y|K) is E[X|K=1] with probability kappa and else 0, of variance kappa (1 - kappa) E[X|K=1]^2. "
    "Their sum is Var(Y). Given K = 1 the token is a with probability p_a k_a / kappa.",
)
APPENDIX_L = _APPENDIX_L.with_mutants(
    _APPENDIX_L.mutant("no-second-term", rhs=lambda p, r, k: _total_law(p, r, k, 0)),
    _APPENDIX_L.mutant("base-moments", rhs=lambda p, r, k: _total_law(p, r, inner(p, k)[..., None] + 0 * k)),
)


# Eq. (28) -------------------------------------------------------------------------------------------------

_V = d.reals(-1, 1, like="p")


def _entries(p: Array, r: Array, k: Array) -> Outcomes:
    return entries_dropped(one_token(p, r), k)


EQ_28_PRINTED = Inequality(
    name="theorem-vii.1/eq-28",
    statement=r"\mathrm{Var}((\Delta_{\rm cov})_j) \le \mathrm{Var}((\Delta_{\rm pg})_j)\ \forall j\ \Rightarrow\ "
    r"\mathrm{Cov}(\Delta_{\rm cov}) \preceq \mathrm{Cov}(\Delta_{\rm reg})",
    given={"p": d.policies(actions=(2, 3)), "r": _R, "k": d.reals(0, 1, like="p"), "v": _V},
    assuming=lambda p, r, k: (variance_of(_entries(p, r, k)) <= _base(p, r)).astype(bool).all(-1),
    lhs=lambda p, r, k, v: variance_along(_entries(p, r, k), v),
    rhs=lambda p, r, v: variance_along(one_token(p, r), v),
    remark="The two sides are v' Cov v. One sampled token; logit entry b is kept with probability k_b, independently "
    "(Cov(Delta_reg) = Cov(Delta_pg) by Eq. (25)).",
    hypotheses="Eq. (27) holds for every entry.",
    breaks="Appendix L, e), writes v'(Cov_reg - Cov_cov)v = sum_j v_j^2 (Var_{reg,j} - Var_{cov,j}). That is true of "
    "diagonal matrices; the entries of one update are correlated, as they sum to zero, and the products v_i v_j are "
    "left out.",
    terms={
        **_STEPS,
        "Cov base": lambda p, r: covariance_of(one_token(p, r)),
        "Cov masked": lambda p, r, k: covariance_of(_entries(p, r, k)),
        "difference": lambda p, r, k: covariance_of(one_token(p, r)) - covariance_of(_entries(p, r, k)),
    },
)


def _ones(p: Array) -> Array:
    return 1 + 0 * p


_EQ_28 = Inequality(
    name="theorem-vii.1/eq-28",
    reading="corrected",
    statement=r"\text{masked logit entries:}\quad \mathbf 1'\,\mathrm{Cov}(\Delta_{\rm reg})\,\mathbf 1 = 0 < "
    r"\mathbf 1'\,\mathrm{Cov}(\Delta_{\rm cov})\,\mathbf 1",
    given={"p": d.policies(actions=(2, 3)), "r": _R, "k": d.reals(0, 1, like="p")},
    assuming=lambda r, k: ~constant(r) & ((k > 0) & (k < 1)).astype(bool).any(-1),
    lhs=lambda p, r: variance_along(one_token(p, r), _ones(p)),
    rhs=lambda p, r, k: variance_along(_entries(p, r, k), _ones(p)),
    strict=True,
    remark="So (28) never holds where single logit entries are masked at random: the direction (1, ..., 1), in which "
    "the base update does not move, is exposed.",
    hypotheses="The rewards are not all equal, and some entry's mask is random (0 < k_b < 1).",
    proof="The entries of A_a (e_a - p) sum to zero, so 1'X = 0 and 1' Cov(X) 1 = 0. The masked update has the sum Y "
    "= sum_b K_b X_b with Var(Y) >= E Var(Y|X) = sum_b k_b (1 - k_b) E X_b^2. If the rewards are not all equal some "
    "A_a is not zero, and with it X_b = A_a ([a=b] - p_b) for every b: the sum is positive if some 0 < k_b < 1.",
)
EQ_28 = _EQ_28.with_mutants(
    _EQ_28.mutant("no-assumption", assuming=None),
    _EQ_28.mutant(
        "first-entry",
        lhs=lambda p, r: _base(p, r)[..., 0],
        rhs=lambda p, r, k: variance_of(_entries(p, r, k))[..., 0],
    ),
)

_TOKENS_GIVEN = {**_MASKED, "v": _V}


def _whole(p: Array, r: Array, rho: Array) -> Outcomes:
    return dropped(one_token(p, r), same_for_all(p, rho))


EQ_28_TOKENS_PRINTED = Inequality(
    name="theorem-vii.1/eq-28-tokens",
    statement=r"\text{masked tokens:}\quad \mathrm{Var}((\Delta_{\rm cov})_j) \le \mathrm{Var}((\Delta_{\rm pg})_j)\ "
    r"\forall j\ \Rightarrow\ \mathrm{Cov}(\Delta_{\rm cov}) \preceq \mathrm{Cov}(\Delta_{\rm reg})",
    given=_TOKENS_GIVEN,
    assuming=lambda p, r, rho: (_masked(p, r, rho) <= _base(p, r)).astype(bool).all(-1),
    lhs=lambda p, r, rho, v: variance_along(_whole(p, r, rho), v),
    rhs=lambda p, r, v: variance_along(one_token(p, r), v),
    remark="The two sides are v' Cov v. Here the whole token is detached with probability rho, so that the update "
    "still sums to zero; with N tokens both covariances are divided by N.",
    hypotheses="Eq. (27) holds for every entry.",
    breaks="As theorem-vii.1/eq-28: Appendix L, e), leaves out the products v_i v_j.",
    terms={
        **_STEPS,
        "Cov base": lambda p, r: covariance_of(one_token(p, r)),
        "Cov masked": lambda p, r, rho: covariance_of(_whole(p, r, rho)),
        "difference": lambda p, r, rho: covariance_of(one_token(p, r)) - covariance_of(_whole(p, r, rho)),
    },
)


def _inverse(p: Array, r: Array) -> tuple[Array, Array]:
    """``a = E_p[1/A]`` and ``b = E_p[1/A^2]``."""
    gains = rational_advantage(p, r)
    return inner(p, 1 / gains), inner(p, 1 / gains**2)


def _no_zero(p: Array, r: Array) -> Any:
    return (rational_advantage(p, r) != 0).astype(bool).all(-1)


def _extremal(p: Array, r: Array) -> Array:
    """``u = b/A - a/A^2``: of all v it has the largest (v'm)^2 / v'Sv."""
    gains = rational_advantage(p, r)
    a, b = _inverse(p, r)
    return np.asarray(b[..., None] / gains - a[..., None] / gains**2)


def _along_mean(p: Array, r: Array, v: Array) -> Any:
    return inner(mean_of(one_token(p, r)), v)


_RANGE = Identity(
    name="theorem-vii.1/eq-28-range",
    reading="corrected",
    statement=r"\Sigma u = (\mathbb E_p[1/A])^2\, m,\ m'u = \mathrm{Var}_p(1/A)\quad\text{for}\quad "
    r"u = \mathbb E_p[A^{-2}]/A - \mathbb E_p[A^{-1}]/A^2",
    given=_GIVEN,
    assuming=_no_zero,
    lhs=lambda p, r: np.concatenate(
        [
            (covariance_of(one_token(p, r)) @ _extremal(p, r)[..., None])[..., 0],
            _along_mean(p, r, _extremal(p, r))[..., None],
        ],
        axis=-1,
    ),
    rhs=lambda p, r: _range(p, r),
    remark="So m lies in the range of Sigma iff E_p[1/A] != 0, and then m' Sigma^+ m = Var_p(1/A) / (E_p 1/A)^2.",
    hypotheses="No advantage is zero. m and Sigma are mean and covariance of the update of one sampled token.",
    proof="The update is X = A (e - p), e the unit vector of the sampled action and A its advantage. With a = "
    "E_p[1/A], b = E_p[1/A^2]: E_p u = b a - a b = 0, so X'u = A (u - E_p u) = A u = b - a/A. Then m'u = E[X'u] = b - "
    "a^2 = Var_p(1/A), and E[X X'u] = b m - a E[X/A] = b m - a E[e - p] = b m. So Sigma u = b m - (m'u) m = a^2 m. If "
    "a = 0 then Sigma u = 0 but m'u = b > 0: m is not in the range.",
)


def _range(p: Array, r: Array, power: int = 2) -> Array:
    a, b = _inverse(p, r)
    return np.concatenate([a[..., None] ** power * mean_of(one_token(p, r)), (b - a**2)[..., None]], axis=-1)


RANGE = _RANGE.with_mutants(
    _RANGE.mutant("not-squared", rhs=lambda p, r: _range(p, r, 1)),
    _RANGE.mutant(
        "second-moment",
        rhs=lambda p, r: np.concatenate([_range(p, r)[..., :-1], _inverse(p, r)[1][..., None]], axis=-1),
    ),
)


def _shrinkage(p: Array, r: Array, rho: Array, v: Array) -> Any:
    """``v'(Cov - Cov_mask)v``, by enumeration."""
    return variance_along(one_token(p, r), v) - variance_along(_whole(p, r, rho), v)


def _margin(p: Array, r: Array, rho: Array, factor: Any = 1) -> Any:
    """``(E_p 1/A)^2 - (1 - rho) Var_p(1/A)``, whose sign decides (28)."""
    a, b = _inverse(p, r)
    return a**2 - factor * (1 - rho) * (b - a**2)


def _lower(p: Array, r: Array, rho: Array, v: Array, factor: Any = 1) -> Any:
    """Left sides: the bound for every v, and the value at the extremal direction."""
    first = rho * _margin(p, r, rho, factor) * variance_along(one_token(p, r), v)
    return np.stack([first, _shrinkage(p, r, rho, _extremal(p, r))], axis=-1)


def _upper(p: Array, r: Array, rho: Array, v: Array, factor: Any = 1) -> Any:
    a, b = _inverse(p, r)
    return np.stack(
        [a**2 * _shrinkage(p, r, rho, v), rho * (b - a**2) * _margin(p, r, rho, factor)],
        axis=-1,
    )


_EQ_28_TOKENS = Inequality(
    name="theorem-vii.1/eq-28-tokens",
    reading="corrected",
    tight=True,
    statement=r"\text{masked tokens:}\quad \mathrm{Cov}(\Delta_{\rm cov}) \preceq \mathrm{Cov}(\Delta_{\rm reg})\ "
    r"\Leftrightarrow\ (1-\rho)\,\mathrm{Var}_p(1/A) \le (\mathbb E_p[1/A])^2\ \Leftrightarrow\ "
    r"(1-\rho)\,m'\Sigma^+m \le 1,\ m \in \mathrm{ran}\,\Sigma\quad(\text{the last for } \rho < 1)",
    given=_TOKENS_GIVEN,
    assuming=_no_zero,
    lhs=_lower,
    rhs=_upper,
    remark="Both directions are tested: with c = (E_p[1/A])^2 - (1 - rho) Var_p(1/A), D = Cov_reg - Cov_cov and u of "
    "theorem-vii.1/eq-28-range, rho c v' Cov_reg v <= (E_p[1/A])^2 v'Dv for every v, and u'Du <= rho Var_p(1/A) c. "
    "With N tokens both covariances are divided by N, and m and Sigma remain those of one token.",
    hypotheses="No advantage is zero, 0 < rho <= 1. m and Sigma are mean and covariance of the update of one sampled "
    "token, which is kept with probability 1 - rho.",
    proof="Let S = Sigma, D = Cov_reg - Cov_cov, a = E_p[1/A], W = Var_p(1/A), c = a^2 - (1 - rho) W. By the law of "
    "total variance D = rho (S - (1 - rho) m m'). By theorem-vii.1/eq-28-range there is a u with Su = a^2 m, m'u = W, "
    "so u'Su = a^2 W. Sufficient, a != 0: by Cauchy-Schwarz a^4 (v'm)^2 = (v'Su)^2 <= v'Sv u'Su = a^2 W v'Sv, so a^2 "
    "(v'm)^2 <= W v'Sv and a^2 v'Dv >= rho c v'Sv for every v: if c >= 0 then D >= 0. Necessary: u'Du = rho (a^2 W - "
    "(1 - rho) W^2) = rho W c; if c < 0 then W > 0 and u'Du < 0. The case a = 0: then W = E_p[1/A^2] > 0, and c < 0 "
    "unless rho = 1, where c = 0 and D = S >= 0. The last form: m' Sigma^+ m = W/a^2 if a != 0, and m is not in the "
    "range of Sigma if a = 0.",
)
EQ_28_TOKENS = _EQ_28_TOKENS.with_mutants(
    _EQ_28_TOKENS.mutant(
        "nine-tenths",
        lhs=lambda p, r, rho, v: _lower(p, r, rho, v, exact(9, 10)),
        rhs=lambda p, r, rho, v: _upper(p, r, rho, v, exact(9, 10)),
    ),
    _EQ_28_TOKENS.mutant(
        "eleven-tenths",
        lhs=lambda p, r, rho, v: _lower(p, r, rho, v, exact(11, 10)),
        rhs=lambda p, r, rho, v: _upper(p, r, rho, v, exact(11, 10)),
    ),
)


# KL-Cov ---------------------------------------------------------------------------------------------------

_PENALISED = {"p": d.policies(actions=(2, 3)), "r": _R, "q": d.policies(like="p"), "beta": d.reals(0, 1, open_low=True)}


def _outranks(score: Array) -> Array:
    """[a, b]: whether action a is selected before another action b (booleans)."""
    n = score.shape[-1]
    out = np.zeros((*score.shape, n), dtype=bool)
    i, j = np.triu_indices(n, 1)
    # Only pairs of different actions: a number's enclosure is not comparable with itself.
    out[..., i, j] = (score[..., i] > score[..., j]).astype(bool)
    out[..., j, i] = ~out[..., i, j]
    return out


def _penalty(p: Array, q: Array, beta: Array, score: Array) -> Array:
    """What KL-Cov adds to the update of each pair of tokens, if the one with the larger score is selected."""
    eye = np.eye(p.shape[-1])
    above = _outranks(score)
    first = (above | (eye > 0))[..., None] * eye[:, None, :]
    second = np.swapaxes(above, -1, -2)[..., None] * eye[None, :, :]
    pairs = (first + second) * (-beta[..., None] * (p - q))[..., None, None, :]
    return np.asarray(pairs.reshape(*pairs.shape[:-3], -1, pairs.shape[-1]))


def _kl_cov(p: Array, r: Array, q: Array, beta: Array, score: Array) -> Outcomes:
    chance, value = mean_of_two(one_token(p, r))
    return chance, value + _penalty(p, q, beta, score)


def _size(p: Array, r: Array) -> Array:
    return abs(token_driver(p, r))


KL_COV_PRINTED = Inequality(
    name="theorem-vii.1/kl-cov",
    statement=r"\text{KL-Cov:}\ \mathrm{Var}((\Delta_{\rm cov})_j) \le \mathrm{Var}((\Delta_{\rm pg})_j)\ \forall j",
    given=_PENALISED,
    assuming=lambda p, r: comonotone(p, r) & ~constant(p) & ~constant(r),
    lhs=lambda p, r, q, beta: variance_of(_kl_cov(p, r, q, beta, _size(p, r))),
    rhs=lambda p, r: variance_of(mean_of_two(one_token(p, r))),
    remark="'KL-Cov does not increase variance.' Two sampled tokens, the one with the larger |C(s,a)| of Eq. (17) is "
    "selected (k = 1/2), and its logit entry receives -beta (p - q), as in Theorem VI.2. Where "
    "the penalty lowers an entry on draws in which it is below its mean already, no beta is small enough.",
    hypotheses="Policy and rewards are comonotone and not constant: the regime of the entropy collapse.",
    breaks="Appendix L, c), says of -beta eta (pi - pi_old) that 'the added term is deterministic given the current "
    "policy'. Its value is, but not whether it is added: I_KL is the top of the sampled tokens (Definition VI.3).",
    terms={
        **_STEPS,
        "|C|": _size,
        "p - q": lambda p, q: p - q,
        "Var base, two tokens": lambda p, r: variance_of(mean_of_two(one_token(p, r))),
        "Var KL-Cov": lambda p, r, q, beta: variance_of(_kl_cov(p, r, q, beta, _size(p, r))),
    },
)


def _kl_cov_variance(p: Array, r: Array, q: Array, beta: Array, c: Array, own: Any = 1, joint: Any = 1) -> Any:
    """The closed form, with factors of its second and third term."""
    gains = advantage(p, r)
    below = _outranks(c)
    lower = (below * p[..., None, :]).sum(-1)
    reach = lower + p
    chosen = p * (2 * reach - p)
    with_token = p * (gains * (1 - p) * reach - p * (below * (p * gains)[..., None, :]).sum(-1))
    base = token_moments(np.log(p), gains, tokens=2)
    shift = beta[..., None] * (p - q)
    return (
        base.variance + own * shift**2 * chosen * (1 - chosen) - joint * 2 * shift * (with_token - base.mean * chosen)
    )


def _distinct(c: Array) -> Any:
    i, j = np.triu_indices(c.shape[-1], 1)
    return (c[..., i] != c[..., j]).astype(bool).all(-1)


_KL_COV = Identity(
    name="theorem-vii.1/kl-cov",
    reading="corrected",
    statement=r"\mathrm{Var}((\Delta_{\rm cov})_j) = \sigma_j^2 + \beta^2 (p_j-q_j)^2 P_j(1-P_j) - 2\beta(p_j-q_j)\,"
    r"\big(\mathbb E[(\Delta_{\rm pg})_j 1_{j\in I}] - m_j P_j\big),\quad P_j = P(j \in I) = p_j(2F_j - p_j)",
    given={**_PENALISED, "c": d.reals(0, 1, like="p")},
    assuming=_distinct,
    lhs=lambda p, r, q, beta, c: variance_of(_kl_cov(p, r, q, beta, c)),
    rhs=_kl_cov_variance,
    remark="Two tokens of which one is selected by any score c, such as |C|. F_j is the probability of a score of at "
    "most c_j; m_j and sigma_j^2 are mean and variance of the base update from two tokens, eta = 1. The variance is "
    "that of the base update only if p_j = q_j or the last two terms cancel.",
    hypotheses="The scores of different actions differ.",
    proof="Delta_cov,j = X_j - s K, X the base update, s = beta (p_j - q_j), K = 1 if j is selected, else 0: its "
    "variance is Var X_j + s^2 P (1 - P) - 2 s Cov(X_j, K) with P = E K and Cov(X_j, K) = E[X_j K] - m_j P. With L = "
    "F_j - p_j the probability of a lower score, j is selected by the draws (j,j), (j,b), (b,j) with c_b < c_j: P = "
    "p_j^2 + 2 p_j L = p_j (2 F_j - p_j). On (j,j) X_j = A_j (1 - p_j), on the others (A_j (1 - p_j) - A_b p_j)/2, so "
    "the closed form has E[X_j K] = p_j [A_j (1 - p_j) F_j - p_j sum_{c_b < c_j} p_b A_b].",
)
KL_COV = _KL_COV.with_mutants(
    _KL_COV.mutant("deterministic", rhs=lambda p, r: token_moments(np.log(p), advantage(p, r), tokens=2).variance),
    _KL_COV.mutant("independent", rhs=lambda p, r, q, beta, c: _kl_cov_variance(p, r, q, beta, c, joint=0)),
    _KL_COV.mutant("second-moment", rhs=lambda p, r, q, beta, c: _kl_cov_variance(p, r, q, beta, c, own=2)),
)

CLAIMS = (
    EQ_25,
    DENSE_PRINTED,
    DENSE,
    ZERO_ENTRY,
    EQ_26_PRINTED,
    EQ_26,
    EQ_27_PRINTED,
    EQ_27,
    IFF,
    APPENDIX_L_PRINTED,
    APPENDIX_L,
    EQ_28_PRINTED,
    EQ_28,
    EQ_28_TOKENS_PRINTED,
    EQ_28_TOKENS,
    RANGE,
    KL_COV_PRINTED,
    KL_COV,
)

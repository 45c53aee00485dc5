"""Section VIII: the sentences of the discussion that are statements about the model.

With two actions, rewards (1, 0) and ``p`` the probability of the better one, ``q = 1 - p``, ``L = log(p / q)``:

- the covariance that drives the entropy is ``Cov(log p, pA) = 2 p^2 q^2 L``. Its derivative is ``2 p q (1 - 2 (p - q)
  L)``, so it peaks where ``2 (p - q) L = 1``, near p = 0.7395, and vanishes as the policy becomes confident;
- along any path of policies, reward against ``e^H`` has the slope ``dR / d(e^H) = -1 / (e^H L)``, so the coefficient a
  of ``R = -a e^H + b`` is no constant: 1.26 at p = 0.6, 0.14 at p = 0.999;
- the token covariance of the rarer action is ``p / q`` times the mean.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative, largest
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._shared import Array, ascent, constant, driver
from entropy_theory.claims.theorem_v_2 import _gap
from entropy_theory.constants import exact
from entropy_theory.softmax import covariance, entropy, token_covariance

POSITION = 8.01


def _pair(a: Array) -> Any:
    """The policy (a, 1 - a)."""
    return np.stack([a, 1 - a], axis=-1)


def _covariance(a: Array) -> Array:
    """``Cov(log p, pA)`` at (a, 1 - a) with rewards (1, 0)."""
    p = _pair(a)
    return driver(p, np.stack([1 + 0 * a, 0 * a], axis=-1))


_ORDERED = {"a": d.reals(0.5, 1, open_high=True), "b": d.reals(0.5, 1, open_high=True)}
_ORDERED_WORDS = "1/2 <= a < b < 1: the policy (b, 1 - b) is more confident than (a, 1 - a). Rewards (1, 0)."

CONFIDENCE_PRINTED = Inequality(
    name="section-viii/confidence",
    statement=r"n = 2,\ r = (1, 0),\ \tfrac12 \le a < b:\quad "
    r"\mathrm{Cov}(\log p, pA)\big|_{(a,1-a)} \le \mathrm{Cov}(\log p, pA)\big|_{(b,1-b)}",
    given=_ORDERED,
    assuming=lambda a, b: (a < b).astype(bool),
    hypotheses=_ORDERED_WORDS,
    lhs=lambda a: _covariance(a),
    rhs=lambda b: _covariance(b),
    remark="Section VIII.C: 'the theoretical expectation that the covariance term scales with model confidence, as "
    "discussed in Section IV'. Read in the simplest case, in which the better action is the likelier one.",
    breaks="Section VIII.C refers to Section IV, which has no such statement. Cov(log p, pA) = 2 p^2 q^2 L for two "
    "actions: the factor p^2 q^2 falls faster than L = log(p / q) grows.",
    terms={
        "Cov at (a, 1 - a)": lambda a: _covariance(a),
        "Cov at (b, 1 - b)": lambda b: _covariance(b),
    },
)

_LOW, _HIGH = exact(739, 1000), exact(740, 1000)


def _lower(a: Array, b: Array) -> Any:
    """The covariance at the one of a < b where it is smaller."""
    rising = (b <= _LOW).astype(bool)
    return np.where(rising, _covariance(a), _covariance(b))


def _upper(a: Array, b: Array) -> Any:
    rising = (b <= _LOW).astype(bool)
    return np.where(rising, _covariance(b), _covariance(a))


_CONFIDENCE = Inequality(
    name="section-viii/confidence",
    reading="corrected",
    statement=r"n = 2,\ r = (1, 0):\quad \mathrm{Cov}(\log p, pA) = 2 p^2 q^2 \log(p/q)"
    r"\text{ rises for } \tfrac12 \le p \le 0.739 \text{ and falls for } 0.74 \le p < 1",
    given=_ORDERED,
    assuming=lambda a, b: ((a < b) & ((b <= _LOW) | (a >= _HIGH))).astype(bool),
    hypotheses="1/2 <= a < b <= 0.739 or 0.74 <= a < b < 1. Rewards (1, 0).",
    lhs=_lower,
    rhs=_upper,
    remark="The slope is decided for all p of two intervals in section-viii/confidence-rises and /confidence-falls.",
    proof="With A = (q, -p), pA = (pq, -pq), so Cov(log p, pA) = pq (pq - (-pq)) L = 2 p^2 q^2 L, where L = log(p/q).\n"
    "d/dp (p^2 q^2) = 2 p q (q - p) and dL/dp = 1/(pq), so the slope is 2 pq (1 - 2 (p - q) L).\n"
    "(p - q) L increases from 0 for p >= 1/2, so the slope changes sign once, where 2 (p - q) L = 1: between 0.739 and "
    "0.74, by section-viii/confidence-rises and /confidence-falls.",
)
CONFIDENCE = _CONFIDENCE.with_mutants(
    _CONFIDENCE.mutant(
        "falls-from-0.7",
        assuming=lambda a, b: ((a < b) & (a >= exact(7, 10))).astype(bool),
        lhs=lambda b: _covariance(b),
        rhs=lambda a: _covariance(a),
    )
)


def _crossing(a: Array) -> Array:
    """``2 (p - q) L``, which is 1 where the covariance peaks."""
    return np.asarray(2 * (2 * a - 1) * (np.log(a) - np.log(1 - a)))


_RISES = Inequality(
    name="section-viii/confidence-rises",
    reading="corrected",
    statement=r"2\,(p - q)\log(p/q) < 1\quad(\tfrac12 \le p \le 0.739)",
    given={"a": d.reals(0.5, 0.739)},
    lhs=_crossing,
    rhs=1,
    strict=True,
    remark="So the slope 2 pq (1 - 2 (p - q) L) of the covariance is positive there.",
    proof="Both p - q and L = log(p/q) increase in p and vanish at 1/2; the bound at the upper end decides.",
)
RISES = _RISES.with_mutants(_RISES.mutant("to-0.74", given={"a": d.reals(0.5, 0.74)}))

_FALLS = Inequality(
    name="section-viii/confidence-falls",
    reading="corrected",
    statement=r"2\,(p - q)\log(p/q) > 1\quad(0.74 \le p \le 1 - 10^{-6})",
    given={"a": d.reals(0.74, 0.999999)},
    lhs=1,
    rhs=_crossing,
    strict=True,
    remark="So the slope of the covariance is negative there.",
    proof="Both p - q and L increase in p; the bound at the lower end decides.",
)
FALLS = _FALLS.with_mutants(_FALLS.mutant("from-0.739", given={"a": d.reals(0.739, 0.999999)}))


def _reward_slope(a: Array) -> Array:
    """``-dR / d(e^H)`` along the policies (a, 1 - a), by derivatives that know no formula."""
    one = 1 + 0 * a
    growth = directional_derivative(lambda t: np.exp(entropy(np.log(_pair(t)))), a, one)
    return np.asarray(-one / growth)


_CONFIDENT = d.reals(0.6, 0.999)

LAW_PRINTED = Inequality(
    name="section-viii/exponential-law",
    statement=r"R = -k\,e^{H} + l\ \text{with one } k:\quad "
    r"-\frac{dR}{d e^H}\Big|_{p = a} \le 2\cdot\Big(-\frac{dR}{d e^H}\Big|_{p = b}\Big)",
    given={"a": _CONFIDENT, "b": _CONFIDENT},
    hypotheses="Two actions, rewards (1, 0); a and b are two values of the probability of the better one along a run.",
    lhs=lambda a: _reward_slope(a),
    rhs=lambda b: 2 * _reward_slope(b),
    remark="Section VIII.C calls the law R = -k e^H + l (there with a for k and b for l) 'consistent with the "
    "first-order dynamics derived in Section IV', read as: in the simplest case the coefficient k is constant to "
    "within a factor of two.",
    breaks="Section VIII.C gives no derivation. Section IV says how fast the entropy falls per step, not how the "
    "reward moves with it; for two actions reward and entropy are both functions of p, and the slope between them "
    "is not constant.",
    terms={
        "-dR/d(e^H) at a": lambda a: _reward_slope(a),
        "-dR/d(e^H) at b": lambda b: _reward_slope(b),
    },
)
_LAW = Identity(
    name="section-viii/exponential-law",
    reading="corrected",
    statement=r"n = 2,\ r = (1, 0):\quad -\frac{dR}{d e^H} = \frac{1}{e^H\,\log(p/q)}",
    given={"a": d.reals(0.5, 1, open_low=True, open_high=True)},
    lhs=_reward_slope,
    rhs=lambda a: 1 / (np.exp(entropy(np.log(_pair(a)))) * (np.log(a) - np.log(1 - a))),
    remark="1.26 at p = 0.6 and 0.14 at p = 0.999. How well the law fits whole runs is a matter of experiment.",
    proof="R = p, so dR/dp = 1. H = -p log p - q log q, so dH/dp = -log(p/q) and d(e^H)/dp = -e^H log(p/q).",
)
LAW = _LAW.with_mutants(
    _LAW.mutant("no-entropy", rhs=lambda a: 1 / (np.log(a) - np.log(1 - a))),
)


def _contributions(p: Array, r: Array) -> Array:
    return token_covariance(np.log(p), ascent(p, r))


BAND_PRINTED = Inequality(
    name="section-viii/tail-band",
    statement=r"\mathrm{Cov} > 0\ \Rightarrow\ \max_a C(s,a) \le 5\,\mathbb E_\pi C",
    given={"p": d.policies(), "r": d.reals(0, 1, like="p")},
    assuming=lambda p, r: (driver(p, r) > 0).astype(bool),
    hypotheses="The covariance Cov(log p, pA) = E C is positive.",
    lhs=lambda p, r: largest(_contributions(p, r)),
    rhs=lambda p, r: 5 * driver(p, r),
    remark="Section VIII.D: the band of Clip-Cov 'can be set to capture the extreme tail (e.g., 1-5 times the "
    "mean)'. The tail can lie above five times the mean. In arXiv:2505.22617 the bounds 1 and 5 are absolute "
    "numbers, more than 300 and 1,600 times its mean of 0.003.",
    breaks="Table 1 of arXiv:2505.22617, quoted in Section VIII.B, has a top average of 5.654 and a mean of 0.003: "
    "a ratio of 1,885. A band of 1 to 5 times the mean leaves that tail out.",
    terms={
        "C": _contributions,
        "E C": lambda p, r: driver(p, r),
        "max C": lambda p, r: largest(_contributions(p, r)),
    },
)
_BAND = Identity(
    name="section-viii/tail-band",
    reading="corrected",
    statement=r"n = 2:\quad \max_a C(s,a) = \frac{\max_a p_a}{\min_a p_a}\,\mathbb E_\pi C\ \text{where}\ "
    r"\mathrm{Cov} > 0",
    given={"p": d.policies(actions=2), "r": d.rewards(like="p")},
    assuming=lambda p, r: (driver(p, r) > 0).astype(bool),
    hypotheses="Two actions; the covariance is positive.",
    lhs=lambda p, r: largest(_contributions(p, r)) * -largest(-p),
    rhs=lambda p, r: covariance(np.log(p), np.log(p), ascent(p, r)) * largest(p),
    remark="The largest covariance belongs to the rarer action, and its ratio to the mean is unbounded.",
    proof="Write x_1 - x_2 = L and y_1 - y_2 = D for x = log p, y = pA. The deviations from the mean are (p_2 L, "
    "-p_1 L) and (p_2 D, -p_1 D), so C = (p_2^2, p_1^2) L D and E C = p_1 p_2 L D.",
)
BAND = _BAND.with_mutants(_BAND.mutant("inverse", lhs=lambda p, r: largest(_contributions(p, r)) * largest(p)))

_ANNEAL = Inequality(
    name="section-viii/annealing",
    statement=r"0 < \alpha < \alpha'\ \Rightarrow\ \mathbb E_{\pi^*}[r] - \mathbb E_{\pi_\alpha}[r]"
    r" < \mathbb E_{\pi^*}[r] - \mathbb E_{\pi_{\alpha'}}[r],\quad\text{and it is at most } \alpha\log n",
    given={"r": d.rewards(actions=(2, 6)), "alpha": d.positive(), "c": d.reals(0, 1, open_low=True, open_high=True)},
    assuming=lambda r: ~constant(r),
    hypotheses="r is not constant; alpha is compared with c alpha, 0 < c < 1.",
    lhs=lambda r, alpha, c: np.stack([_gap(r, c * alpha), _gap(r, alpha)], axis=-1),
    rhs=lambda r, alpha, c: np.stack([_gap(r, alpha), alpha * np.log(exact(r.shape[-1]))], axis=-1),
    strict=True,
    remark="Section VIII.D: 'annealing alpha to zero can mitigate asymptotic bias'. At the regularised optimum it "
    "removes it.",
    proof="d/dalpha E_{pi_alpha} r = -Var_{pi_alpha}(r) / alpha^2 < 0 for r not constant, so the gap increases in "
    "alpha.\n"
    "gap = alpha [H(pi_alpha) - H(pi*) - KL(pi* || pi_alpha)] <= alpha H(pi_alpha) < alpha log n, by "
    "theorem-v.2/eq-16 (corrected) with H(pi*) >= 0; pi_alpha is not uniform.",
)
ANNEAL = _ANNEAL.with_mutants(
    _ANNEAL.mutant(
        "quarter-of-the-bound",
        lhs=lambda r, alpha: _gap(r, alpha),
        rhs=lambda r, alpha: alpha * np.log(exact(r.shape[-1])) / 4,
    ),
)

CLAIMS = (
    CONFIDENCE_PRINTED,
    CONFIDENCE,
    RISES,
    FALLS,
    LAW_PRINTED,
    LAW,
    BAND_PRINTED,
    BAND,
    ANNEAL,
)

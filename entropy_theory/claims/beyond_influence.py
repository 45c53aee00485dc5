"""The influence of a token on the entropy, ``I_a = A_a (f_a - E_p f)`` with ``f_a = p_a (log p_a + H)``.

The update that one sampled token a causes, A_a grad log p_a, changes the entropy at rate -I_a: the mean of I is the
covariance of Eq. (10), and clipping a token slows the collapse of the entropy exactly if I_a > 0. The covariance of
Eq. (17) has the same mean, but another value, and often another sign, at each token.

Proof.

A = r - E_p r, f_a = p_a (log p_a + H), and e_a is the unit vector of action a.

grad log p_a = e_a - p, and grad H = -f by Lemma IV.1. So along A_a (e_a - p) the entropy changes at rate -A_a (f_a -
sum_b p_b f_b) = -A_a (f_a - E_p f) = -I_a.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array, advantage, ascent, driver, influence, inner, token_driver
from entropy_theory.softmax import entropy, first_order_entropy_change

POSITION = 9.05

_GIVEN = {"p": d.policies(), "r": d.rewards(like="p")}


def token_updates(p: Array, r: Array) -> Array:
    """``A_a (e_a - p)``, the update of the sampled token a, (..., a, b)."""
    return np.asarray(advantage(p, r)[..., :, None] * (np.eye(p.shape[-1], dtype=int) - p[..., None, :]))


def _token_rates(p: Array, r: Array) -> Array:
    """The entropy's rate of change along each token's update, (..., a)."""
    return directional_derivative(entropy, np.log(p)[..., None, :], token_updates(p, r))


_TOKEN = Identity(
    name="beyond/influence",
    reading="corrected",
    statement=r"\frac{d}{dt} H\big(z + t\,A_a\nabla\log p_a\big) = -I_a,\qquad "
    r"I_a = A_a\,(f_a - \mathbb E_p f),\ f_a = p_a(\log p_a + H)",
    given=_GIVEN,
    lhs=_token_rates,
    rhs=lambda p, r: -influence(p, r),
    remark="What one sampled token does to the entropy to first order, for every token. Left by differentiating the "
    "entropy.",
    proof=proof_in(__doc__),
)
TOKEN = _TOKEN.with_mutants(
    _TOKEN.mutant("token-covariance", rhs=lambda p, r: -token_driver(p, r)),
    _TOKEN.mutant("not-centred", rhs=lambda p, r: -advantage(p, r) * p * (np.log(p) + entropy(np.log(p))[..., None])),
)

_MEAN = Identity(
    name="beyond/influence/mean",
    reading="corrected",
    statement=r"\mathbb E_p I = \mathbb E_p C = \mathrm{Cov}(\log p, pA)",
    given=_GIVEN,
    lhs=lambda p, r: inner(p, influence(p, r)),
    rhs=driver,
    remark="So I and the covariance C of Eq. (17) share out the same total among the tokens, differently.",
    hypotheses="A = r - E_p r; I_a = A_a (f_a - E_p f) with f_a = p_a (log p_a + H); C_a = (x_a - E_p x)(p_a A_a - "
    "E_p[pA]), x = log p.",
    proof="E_p C = Cov(x, pA) by definition.\n"
    "E_p I = E_p[A f] - E_p[A] E_p[f] = E_p[A f], as E_p A = 0.\n"
    "E_p x = -H, so f_a = p_a (x_a - E_p x) and E_p[A f] = E_p[(x - E_p x) p A] = Cov(x, p A).",
)
MEAN = _MEAN.with_mutants(
    _MEAN.mutant("natural", rhs=lambda p, r: first_order_entropy_change(np.log(p), -r)),
    _MEAN.mutant("unweighted", lhs=lambda p, r: influence(p, r).sum(-1) / p.shape[-1]),
)


def _weighted_rate(p: Array, r: Array, m: Array) -> Array:
    """First-order entropy change if the loss of each token a has the weight m_a."""
    g = m * ascent(p, r)
    return first_order_entropy_change(np.log(p), g - p * g.sum(-1, keepdims=True))


_WEIGHT = Identity(
    name="beyond/influence/weight",
    reading="corrected",
    statement=r"\frac{\partial}{\partial m_a}\,\Delta H\big(\textstyle\sum_b m_b\,p_b A_b\nabla\log p_b\big)"
    r" = -p_a I_a",
    given={**_GIVEN, "m": d.reals(0, 1, like="p"), "v": d.reals(-1, 1, like="p")},
    lhs=lambda p, r, m, v: directional_derivative(lambda w: _weighted_rate(p, r, w), m, v),
    rhs=lambda p, r, v: -inner(v, p * influence(p, r)),
    remark="Per unit of step, at every weighting m and along every change v of the weights. So the single token whose "
    "loss is best clipped is the one with the largest p_a I_a.",
    hypotheses="A = r - E_p r; I_a = A_a (f_a - E_p f) with f_a = p_a (log p_a + H); Delta H is the first-order "
    "change.",
    proof="grad log p_b = e_b - p, e_b the unit vector of action b. Along A_b (e_b - p) the entropy changes at rate "
    "-I_b (beyond/influence).\n"
    "The first-order change is linear in the update, so sum_b m_b p_b A_b (e_b - p) changes H by -sum_b m_b p_b I_b.\n"
    "This is linear in m with slope -p_a I_a.",
)
WEIGHT = _WEIGHT.with_mutants(
    _WEIGHT.mutant("no-probability", rhs=lambda p, r, v: -inner(v, influence(p, r))),
    _WEIGHT.mutant("token-covariance", rhs=lambda p, r, v: -inner(v, p * token_driver(p, r))),
)


def _of_mode(p: Array, x: Array) -> Any:
    return np.take_along_axis(x, p.argmax(-1, keepdims=True), -1)[..., 0]


_MODE = Inequality(
    name="beyond/influence/mode",
    reading="corrected",
    statement=r"p_1 = \max_a p_a,\ A_1 \ge 0\ \Rightarrow\ I_1 \ge 0",
    given=_GIVEN,
    assuming=lambda p, r: (_of_mode(p, r) >= inner(p, r)).astype(bool),
    lhs=0,
    rhs=lambda p, r: _of_mode(p, influence(p, r)),
    remark="The tokens of a mode that is better than average never push the entropy up, to first order; no order of "
    "the other actions is needed.",
    hypotheses="The reward of the most probable action is at least the mean reward. I_a = A_a (f_a - E_p f) with f_a = "
    "p_a (log p_a + H).",
    proof="f_a = p_a (log p_a + H) is negative for p_a < exp(-H); for p_a >= exp(-H) it is >= 0 and rises with p_a.\n"
    "max p >= exp(E_p log p) = exp(-H), so f_1 is the largest of all f_a, and f_1 >= E_p f.\n"
    "I_1 = A_1 (f_1 - E_p f) is a product of two nonnegative numbers.",
)
MODE = _MODE.with_mutants(
    _MODE.mutant("any-advantage", assuming=None),
    _MODE.mutant(
        "every-token",
        assuming=lambda p, r: (_of_mode(p, r) >= inner(p, r)).astype(bool),
        rhs=influence,
    ),
)

CLAIMS = (TOKEN, MEAN, WEIGHT, MODE)

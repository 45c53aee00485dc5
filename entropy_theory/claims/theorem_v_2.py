"""Theorem V.2, Eqs. (15) and (16): what entropy regularisation costs at its optimum.

In a bandit the regularised optimum is ``softmax(r / alpha)``. For any optimal policy p*, with ``gap = E_{p*} r -
E_{preg} r``, ``gap = alpha [H(preg) - H(p*) - KL(p* || preg)]``: both sides of the definition of preg evaluated at
p*. So ``gap <= alpha (H(preg) - H(p*))``, as the paper's own appendix derives; Eq. (16) has the sign reversed.

An optimal policy is given by weights q: it has ``p*_a`` in proportion to q_a on the actions with maximal reward and 0
elsewhere.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._shared import Array, constant, inner
from entropy_theory.constants import exact
from entropy_theory.problems import MDP
from entropy_theory.softmax import centred, entropy, log_softmax, softmax

POSITION = 5.04

_GIVEN = {"r": d.rewards(actions=(2, 6)), "alpha": d.positive()}
_WITH_OPTIMUM = {**_GIVEN, "q": d.policies(like="r")}


def _logits(r: Array, alpha: Array) -> Array:
    """Logits of the regularised optimum."""
    return r / alpha[..., None]


def _gap(r: Array, alpha: Array) -> Array:
    """``max r - E_reg r`` as a sum of nonnegative terms."""
    return inner(softmax(_logits(r, alpha)), r.max(-1, keepdims=True) - r)


def _optimum(r: Array, q: Array) -> tuple[Array, Array]:
    """Which actions are optimal, and the optimal policy that q gives."""
    best = (r == r.max(-1, keepdims=True)).astype(bool)
    kept = np.where(best, q, 0 * q)
    return best, kept / kept.sum(-1, keepdims=True)


def _optimum_entropy(r: Array, q: Array) -> Any:
    best, p = _optimum(r, q)
    return -(p * np.log(np.where(best, p, 1 + 0 * p))).sum(-1)


def _divergence(r: Array, alpha: Array, q: Array) -> Any:
    """KL(p* || preg) over the optimal actions."""
    best, p = _optimum(r, q)
    log_ratio = np.log(np.where(best, p, 1 + 0 * p)) - log_softmax(_logits(r, alpha))
    return (p * np.where(best, log_ratio, 0 * p)).sum(-1)


def _entropy_gain(r: Array, alpha: Array, q: Array) -> Any:
    return alpha * (entropy(_logits(r, alpha)) - _optimum_entropy(r, q))


def _not_uniform(r: Array, q: Array) -> Any:
    """Whether p* is not the optimal policy of maximal entropy."""
    best, p = _optimum(r, q)
    top = p.max(-1, keepdims=True)
    return (best & (p < top)).astype(bool).any(-1)


_EQ_15 = Inequality(
    name="theorem-v.2/eq-15",
    statement=r"\mathbb E_{\pi_{\rm reg}}[r] \le \mathbb E_{\pi^*}[r]",
    given=_GIVEN,
    lhs=lambda r, alpha: inner(softmax(_logits(r, alpha)), r),
    rhs=lambda r: r.max(-1),
)
EQ_15 = _EQ_15.with_mutants(_EQ_15.mutant("mean-reward", rhs=lambda r: r.sum(-1) / r.shape[-1]))

STRICT_PRINTED = Inequality(
    name="theorem-v.2/strict",
    statement=r"\pi^*\ \text{not of maximal entropy among the optimal}"
    r"\ \Rightarrow\ \mathbb E_{\pi_{\rm reg}}[r] < \mathbb E_{\pi^*}[r]",
    given=_WITH_OPTIMUM,
    assuming=_not_uniform,
    lhs=0,
    rhs=lambda r, alpha: _gap(r, alpha),
    strict=True,
    remark="If all rewards are equal both sides are equal, whatever the optimal policy.",
)
_STRICT = Inequality(
    name="theorem-v.2/strict",
    reading="corrected",
    statement=r"r\ \text{not constant}\ \Rightarrow\ \mathbb E_{\pi_{\rm reg}}[r] < \mathbb E_{\pi^*}[r]",
    given=_GIVEN,
    assuming=lambda r: ~constant(r),
    lhs=0,
    rhs=_gap,
    strict=True,
    remark="The regularised optimum gives every action positive probability. The gap is written as a sum of terms >= "
    "0.",
)
STRICT = _STRICT.with_mutants(_STRICT.mutant("no-assumption", assuming=None))

EQ_16_PRINTED = Inequality(
    name="theorem-v.2/eq-16",
    statement=r"\mathbb E_{\pi^*}[r] - \mathbb E_{\pi_{\rm reg}}[r] \ge \alpha\,(H(\pi_{\rm reg}) - H(\pi^*))",
    given=_GIVEN,
    lhs=lambda r, alpha: _entropy_gain(r, alpha, 1 + 0 * r),
    rhs=_gap,
    remark="Reversed: the appendix derives the opposite inequality. Where optimal actions tie, p* is uniform on them, "
    "the case kindest to (16).",
)
_EQ_16 = Identity(
    name="theorem-v.2/eq-16",
    reading="corrected",
    statement=r"\mathbb E_{\pi^*}[r] - \mathbb E_{\pi_{\rm reg}}[r]"
    r" = \alpha\,\big[H(\pi_{\rm reg}) - H(\pi^*) - \mathrm{KL}(\pi^*\|\pi_{\rm reg})\big]",
    given=_WITH_OPTIMUM,
    lhs=lambda r, alpha: _gap(r, alpha),
    rhs=lambda r, alpha, q: _entropy_gain(r, alpha, q) - alpha * _divergence(r, alpha, q),
    remark="Exact, for every optimal policy.",
)
EQ_16 = _EQ_16.with_mutants(
    _EQ_16.mutant("no-divergence", rhs=_entropy_gain),
    _EQ_16.mutant(
        "flipped-divergence",
        rhs=lambda r, alpha, q: _entropy_gain(r, alpha, q) + alpha * _divergence(r, alpha, q),
    ),
)

_UPPER = Inequality(
    name="theorem-v.2/eq-16-reversed",
    reading="corrected",
    statement=r"0 \le \mathbb E_{\pi^*}[r] - \mathbb E_{\pi_{\rm reg}}[r] \le \alpha\,(H(\pi_{\rm reg}) - H(\pi^*))",
    given=_WITH_OPTIMUM,
    lhs=lambda r, alpha, q: np.stack([0 * alpha, _gap(r, alpha)], axis=-1),
    rhs=lambda r, alpha, q: np.stack([_gap(r, alpha), _entropy_gain(r, alpha, q)], axis=-1),
    remark="Eq. (16) with its sign as the appendix derives it. Equality for constant rewards and p* uniform.",
)
UPPER = _UPPER.with_mutants(
    _UPPER.mutant(
        "nine-tenths",
        lhs=lambda r, alpha: _gap(r, alpha),
        rhs=lambda r, alpha, q: exact(9, 10) * _entropy_gain(r, alpha, q),
    )
)


def _log_bound(r: Array, alpha: Array) -> Any:
    optimal = (r == r.max(-1, keepdims=True)).astype(int).sum(-1)
    n = r.shape[-1]
    table = np.array([np.log(exact(n, m)) * (1 + 0 * alpha.flat[0]) for m in range(1, n + 1)])
    return alpha * table[optimal - 1]


_LOG = Inequality(
    name="theorem-v.2/log-bound",
    reading="corrected",
    statement=r"\mathbb E_{\pi^*}[r] - \mathbb E_{\pi_{\rm reg}}[r] \le \alpha\log(n/m),\quad m\ "
    r"\text{optimal actions}",
    given=_GIVEN,
    lhs=_gap,
    rhs=_log_bound,
    remark="With p* uniform on the m optimal actions and H(preg) <= log n.",
)
LOG = _LOG.with_mutants(_LOG.mutant("third", rhs=lambda r, alpha: _log_bound(r, alpha) / 3))


def _soft_values(mdp: MDP, p: Array, alpha: Array) -> Array:
    z = np.log(p)
    return mdp.state_values(z, (p * mdp.reward).sum(-1) + alpha[..., None] * entropy(z))


def _soft_difference(mdp: MDP, p: Array, q: Array, alpha: Array) -> Any:
    """``sum_s w_q(s) [E_q(Q_p - alpha log q) - V_p]``, soft values of p, visits of q."""
    ahead = mdp.discount[..., None, None] * mdp.expected_next(_soft_values(mdp, p, alpha))
    soft_q = mdp.reward + ahead
    inside = (q * (soft_q - alpha[..., None, None] * np.log(q))).sum(-1) - _soft_values(mdp, p, alpha)
    visits = mdp.values(np.log(q)).visitation / (1 - mdp.discount[..., None])
    return inner(visits, inside)


_MDP = Identity(
    name="theorem-v.2/mdp",
    reading="corrected",
    statement=r"J_\alpha(\pi') - J_\alpha(\pi) = \textstyle\sum_s w_{\pi'}(s)\,"
    r"\big[\mathbb E_{\pi'}(Q_\alpha^\pi - \alpha\log\pi') - V_\alpha^\pi(s)\big]",
    given={"mdp": d.mdps(), "p": d.policies(like="mdp"), "q": d.policies(like="mdp"), "alpha": d.positive()},
    lhs=lambda mdp, p, q, alpha: inner(mdp.initial, _soft_values(mdp, q, alpha) - _soft_values(mdp, p, alpha)),
    rhs=_soft_difference,
    remark="The soft performance difference, which replaces Eq. (16) in an MDP: p and q are any two policies.",
)
MDP_DIFFERENCE = _MDP.with_mutants(
    _MDP.mutant("no-entropy", rhs=lambda mdp, p, q, alpha: _soft_difference(mdp, p, q, 0 * alpha))
)

CLAIMS = (EQ_15, STRICT_PRINTED, STRICT, EQ_16_PRINTED, EQ_16, UPPER, LOG, MDP_DIFFERENCE)
__all__ = ["CLAIMS", "centred"]

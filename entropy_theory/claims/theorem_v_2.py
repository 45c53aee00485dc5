"""Theorem V.2, Eqs. (15) and (16): what entropy regularisation costs at its optimum.

In a bandit the regularised optimum is ``softmax(r / alpha)``. For any optimal policy p*, with ``gap = E_{p*} r -
E_{p_reg} r``, ``gap = alpha [H(p_reg) - H(p*) - KL(p* || p_reg)]``. So ``gap <= alpha (H(p_reg) - H(p*))``; Eq. (16)
has the sign reversed.

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
    """KL(p* || p_reg) over the optimal actions."""
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
    proof=(
        "p* puts its mass on actions of maximal reward, so E_{p*} r = max r.\n"
        "p_reg = softmax(r / alpha) has p_a >= 0 and sum_a p_a = 1, so E_{p_reg} r = sum_a p_a r_a <= max r."
    ),
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
    hypotheses=(
        "p* is the optimal policy with p*_a in proportion to q_a on the actions of maximal reward, and 0 "
        "elsewhere; it is not uniform there, so that another optimal policy has more entropy."
    ),
    breaks=(
        "The last paragraph of Appendix G takes an optimal p' with H(p') > H(p*) and gets E_{p_reg}[r] + alpha "
        "H(p_reg) > E_{p*}[r] + alpha H(p*); 'Thus inequality (35) becomes strict, implying E_{p_reg}[r] < E_{p*}[r]'. "
        "A strict (35) says E_{p*}[r] - E_{p_reg}[r] < alpha (H(p_reg) - H(p*)), which bounds the gap from above; that "
        "the gap is positive does not follow from it. If all rewards are equal, every policy is optimal and "
        "the gap is zero, however little entropy p* has. What makes the inequality strict is that some action "
        "is not optimal."
    ),
    terms={
        "p*": lambda r, q: _optimum(r, q)[1],
        "H(p*)": _optimum_entropy,
        "p_reg": lambda r, alpha: softmax(_logits(r, alpha)),
        "H(p_reg)": lambda r, alpha: entropy(_logits(r, alpha)),
        "E r under p*": lambda r: r.max(-1),
        "E r under p_reg": lambda r, alpha: inner(softmax(_logits(r, alpha)), r),
    },
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
    hypotheses="The rewards are not all equal.",
    proof=(
        "p_reg = softmax(r / alpha) gives every action positive probability, and E_{p*} r = max r.\n"
        "E_{p*} r - E_{p_reg} r = sum_a p_{reg,a} (max r - r_a), a sum of terms >= 0.\n"
        "r is not constant, so some action has r_a < max r; its term is > 0."
    ),
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
    breaks=(
        "Appendix G derives from (35) 'the suboptimality bound: E_{p*}[r] - E_{p_reg}[r] <= alpha (H(p_reg) - "
        "H(p*))', which is right; the theorem states it with >=. Exactly, the gap is alpha [H(p_reg) - H(p*) - KL(p* "
        "|| p_reg)]. As the divergence is >= 0, (16) could hold only with equality, where p* = p_reg, which needs "
        "constant rewards."
    ),
    terms={
        "p_reg": lambda r, alpha: softmax(_logits(r, alpha)),
        "H(p_reg)": lambda r, alpha: entropy(_logits(r, alpha)),
        "H(p*)": lambda r: _optimum_entropy(r, 1 + 0 * r),
        "alpha KL(p* || p_reg)": lambda r, alpha: alpha * _divergence(r, alpha, 1 + 0 * r),
        "gap": _gap,
        "alpha (H(p_reg) - H(p*))": lambda r, alpha: _entropy_gain(r, alpha, 1 + 0 * r),
    },
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
    hypotheses=(
        "p* is the optimal policy with p*_a in proportion to q_a on the actions of maximal reward, and 0 elsewhere."
    ),
    proof=(
        "p_reg = softmax(r / alpha), Z = sum_b exp(r_b / alpha), so log p_{reg,a} = r_a / alpha - log Z.\n"
        "For every policy p: KL(p || p_reg) = -H(p) - E_p[log p_reg] = -H(p) - E_p r / alpha + log Z. So E_p r "
        "+ alpha H(p) = alpha log Z - alpha KL(p || p_reg).\n"
        "For p = p_reg: E_{p_reg} r + alpha H(p_reg) = alpha log Z. For p = p*: E_{p*} r + alpha H(p*) = alpha "
        "log Z - alpha KL(p* || p_reg).\n"
        "Subtract: E_{p*} r - E_{p_reg} r = alpha [H(p_reg) - H(p*) - KL(p* || p_reg)]."
    ),
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
    hypotheses=(
        "p* is the optimal policy with p*_a in proportion to q_a on the actions of maximal reward, and 0 elsewhere."
    ),
    proof=(
        "p_reg = softmax(r / alpha), gap = E_{p*} r - E_{p_reg} r. 0 <= gap: E_{p_reg} r <= max r = E_{p*} r "
        "(theorem-v.2/eq-15).\n"
        "p_reg maximises E_p r + alpha H(p), since E_p r + alpha H(p) = alpha log Z - alpha KL(p || p_reg) with "
        "Z = sum_b exp(r_b / alpha), and KL >= 0 by Gibbs' inequality.\n"
        "Compare with p*: E_{p_reg} r + alpha H(p_reg) >= E_{p*} r + alpha H(p*). Rearranged, gap <= alpha "
        "(H(p_reg) - H(p*)).\n"
        "For constant r and p* uniform all three sides are zero."
    ),
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
    remark="With p* uniform on the m optimal actions and H(p_reg) <= log n.",
    proof=(
        "p_reg = softmax(r / alpha). gap = E_{p*} r - E_{p_reg} r = max r - E_{p_reg} r is the same for every "
        "optimal p*. Take p* uniform on the m optimal actions, so H(p*) = log m.\n"
        "theorem-v.2/eq-16-reversed: gap <= alpha (H(p_reg) - H(p*)).\n"
        "H(p_reg) <= log n, n the number of actions, so gap <= alpha (log n - log m)."
    ),
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
    visits = mdp.values(np.log(q)).visits
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
    proof=(
        "p is pi, q is pi'. V(s) = E_p[Q(s,.) - alpha log p] with Q(s,a) = r(s,a) + discount E[V(s') | s,a], "
        "the soft values of p. V_q are the soft values of q, and J_alpha = sum_s initial(s) V(s) with the "
        "values of each.\n"
        "With P_q the transition matrix of q: V_q(s) = E_q[r - alpha log q] + discount (P_q V_q)(s), and "
        "E_q[Q(s,.)] = E_q[r] + discount (P_q V)(s).\n"
        "Subtract V: V_q - V = b + discount P_q (V_q - V) with b(s) = E_q[Q(s,.) - alpha log q] - V(s).\n"
        "discount < 1 and the rows of P_q sum to at most one, so V_q - V = sum_t discount^t P_q^t b.\n"
        "Take the mean over the first state: J_alpha(q) - J_alpha(p) = sum_s w_q(s) b(s), with w_q(s) = sum_t "
        "discount^t P_q(s_t = s)."
    ),
)
MDP_DIFFERENCE = _MDP.with_mutants(
    _MDP.mutant("no-entropy", rhs=lambda mdp, p, q, alpha: _soft_difference(mdp, p, q, 0 * alpha))
)

CLAIMS = (EQ_15, STRICT_PRINTED, STRICT, EQ_16_PRINTED, EQ_16, UPPER, LOG, MDP_DIFFERENCE)
__all__ = ["CLAIMS", "centred"]

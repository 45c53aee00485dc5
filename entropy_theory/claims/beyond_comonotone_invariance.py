"""Up to eta = 8 / osc(r) a gradient step keeps the order of the actions, and 8 is sharp; a natural one always does.

Take two actions with p_1 >= p_2 and r_1 >= r_2 among n >= 3. A step eta p A changes log(p_1 / p_2) by eta (p_1 A_1 -
p_2 A_2), so they keep their order for all eta <= 8 / osc(r) if ``8 (p_2 A_2 - p_1 A_1) <= osc(r) log(p_1 / p_2)``.
Nothing is assumed of the other actions. The constant cannot be raised: for p = (1/4 + d, 1/4 - d, 1/2) and r = (0, 0,
1) the sides are 8 d and log((1 + 4 d) / (1 - 4 d)) = 8 d + O(d^3).

Proof.

A = r - E_p r and osc(r) = max r - min r; for the two actions p_1 >= p_2 and r_1 >= r_2.

A_1 >= A_2, so p_2 A_2 - p_1 A_1 <= p_2 A_1 - p_1 A_1 = -(p_1 - p_2) A_1. If A_1 >= 0 the left side is <= 0 <= the
right side.

If A_1 < 0 let Q be the probability of the actions with reward above r_1. Then |A_1| = E_p r - r_1 <= sum_{a: r_a >
r_1} p_a (r_a - r_1) <= Q osc(r).

Actions 1 and 2 have no reward above r_1, so p_1 + p_2 <= 1 - Q, and |A_1| (p_1 + p_2) <= Q (1 - Q) osc(r) <= osc(r) /
4.

log(p_1 / p_2) = 2 artanh((p_1 - p_2) / (p_1 + p_2)) >= 2 (p_1 - p_2) / (p_1 + p_2).

Together: 8 (p_1 - p_2) |A_1| <= 2 osc(r) (p_1 - p_2) / (p_1 + p_2) <= osc(r) log(p_1 / p_2).
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import largest, log1p, smallest
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array, advantage, ascent, comonotone, constant, osc
from entropy_theory.claims.beyond_majorization import crossed, leading_sets
from entropy_theory.constants import exact
from entropy_theory.softmax import softmax

POSITION = 9.02


def _pair_first(x: Array) -> Array:
    """The entries with the first two in falling order, so that these are a pair of the theorem."""
    pair = x[..., :2]
    return np.concatenate([largest(pair)[..., None], smallest(pair)[..., None], x[..., 2:]], axis=-1)


def _closing(p: Array, r: Array) -> Any:
    """``p_2 A_2 - p_1 A_1``: how fast a step closes the pair's distance in logits."""
    g = ascent(_pair_first(p), _pair_first(r))
    return g[..., 1] - g[..., 0]


def _distance(p: Array) -> Any:
    """``log(p_1 / p_2)``."""
    q = _pair_first(p)
    return log1p((q[..., 0] - q[..., 1]) / q[..., 1])


_INVARIANCE = Inequality(
    name="beyond/comonotone-invariance",
    reading="corrected",
    statement=r"p_1 > p_2,\ r_1 \ge r_2\ \Rightarrow\ "
    r"8\,(p_2 A_2 - p_1 A_1) \le \mathrm{osc}(r)\,\log(p_1/p_2)",
    given={"p": d.policies(actions=(3, 8)), "r": d.rewards(like="p")},
    assuming=lambda p, r: (p[..., 0] != p[..., 1]).astype(bool) & ~constant(r),
    lhs=lambda p, r: 8 * _closing(p, r),
    rhs=lambda p, r: osc(r) * _distance(p),
    tight=True,
    remark="Hence a comonotone policy stays comonotone for eta <= 8 / osc(r). Equality is approached at p = (1/4 + d, "
    "1/4 - d, 1/2), r = (0, 0, 1) as d tends to 0. The larger of the first two probabilities and the larger of their "
    "rewards are taken together as action 1.",
    hypotheses="Bandit with at least three actions; r not constant; only the order of the two actions is assumed. "
    "(For p_1 = p_2 the left side is <= 0.)",
    proof=proof_in(__doc__),
)
INVARIANCE = _INVARIANCE.with_mutants(
    _INVARIANCE.mutant("8.1", lhs=lambda p, r: exact(81, 10) * _closing(p, r)),
    _INVARIANCE.mutant("advantage-for-product", lhs=lambda p, r: -8 * _closing(p, r)),
)


def _logits(p: Array, r: Array, eta: Array) -> Array:
    """Logits after a natural gradient step."""
    return np.asarray(np.log(p) + eta[..., None] * advantage(p, r))


def _kept(p: Array, r: Array, eta: Array) -> Any:
    """For all pairs of actions the product of their differences in logits, after the step, and in rewards."""
    z = _logits(p, r, eta)
    i, j = np.triu_indices(p.shape[-1], 1)
    return (z[..., i] - z[..., j]) * (r[..., i] - r[..., j])


def _less_and_more(p: Array, r: Array, eta: Array) -> tuple[Any, Any]:
    """Both sides: majorisation, then order."""
    sets, q, kept = leading_sets(p, r), softmax(_logits(p, r, eta)), _kept(p, r, eta)
    return (
        np.concatenate([crossed(sets, p, q), 0 * kept], axis=-1),
        np.concatenate([crossed(sets, q, p), kept], axis=-1),
    )


_NATURAL = Inequality(
    name="beyond/comonotone-invariance/natural",
    reading="corrected",
    statement=r"(p, r)\ \text{comonotone},\ p' = \mathrm{softmax}(\log p + \eta A)\ \Rightarrow\ "
    r"p' \text{ majorises } p \text{ and } (p', r)\ \text{is comonotone, for all } \eta > 0",
    given={"p": d.policies(), "r": d.rewards(like="p"), "eta": d.positive()},
    assuming=lambda p, r: comonotone(p, r),
    lhs=lambda p, r, eta: _less_and_more(p, r, eta)[0],
    rhs=lambda p, r, eta: _less_and_more(p, r, eta)[1],
    remark="Under the natural gradient the order is kept at every step size, so that no later step raises the entropy "
    "either.",
    hypotheses="Bandit; no action that is more probable than another has less reward. The step size is arbitrary.",
    proof="A = r - E_p r and Z = E_p exp(eta A), so that p'_a / p_a = exp(eta A_a) / Z, which does not fall as A_a "
    "rises. Number the actions so that p and A fall (weakly).\n"
    "Order: p_1 >= p_2 and A_1 >= A_2 give p_1 exp(eta A_1) >= p_2 exp(eta A_2).\n"
    "Majorisation: the actions with p'_a >= p_a are an initial segment of the numbering, so the partial sums of p' - "
    "p rise, then fall, and end at 0; all are >= 0. As p' falls along the numbering, too, they compare the k largest "
    "entries.\n"
    "In a bandit the next A differs from this one by a constant, so (p', A) is comonotone, and by induction both hold "
    "at every step.",
)
NATURAL = _NATURAL.with_mutants(
    _NATURAL.mutant("no-order", assuming=None),
    _NATURAL.mutant(
        "descent",
        lhs=lambda p, r, eta: _less_and_more(p, r, -eta)[0],
        rhs=lambda p, r, eta: _less_and_more(p, r, -eta)[1],
    ),
)

CLAIMS = (INVARIANCE, NATURAL)

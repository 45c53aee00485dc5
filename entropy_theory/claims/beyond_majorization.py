"""One exact gradient step of any size from a comonotone policy majorises it.

In a bandit let no action that is more probable than another have less reward. Then for every eta > 0 the policy p' =
softmax(log p + eta p A) majorises p: for each k the k most probable actions of p together gain probability. So every
Schur-concave entropy falls, Shannon's, each Rényi entropy and each Tsallis entropy, without a bound on the step.

Proof.

Number the actions by falling probability, ties by falling reward; then both p and A = r - E_p r fall (weakly) along
the numbering. Put u_a = p_a A_a and Z = E_p exp(eta u), so that p'_a = p_a exp(eta u_a) / Z.

Z >= 1: by Jensen Z >= exp(eta E_p u), and E_p u = Cov_p(p, A) >= 0 by Chebyshev's sum inequality.

Where A_a >= 0, u_a falls along the numbering, as a product of two nonnegative falling sequences. Where A_a < 0, which
is the end of the numbering, exp(eta u_a) < 1 <= Z.

So the actions with p'_a >= p_a, that is exp(eta u_a) >= Z, are an initial segment 1, ..., j.

The terms of sum_{a <= k} (p'_a - p_a) are >= 0 up to j and negative after it, and the full sum is 0; so every partial
sum is >= 0.

The k largest entries of p' sum to at least sum_{a <= k} p'_a >= sum_{a <= k} p_a, the sum of the k largest of p. That
is majorisation, and sum_a phi(p_a) rises for every convex phi and falls for every concave phi (Karamata).
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import largest
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array, ascent, comonotone, constant
from entropy_theory.softmax import entropy, softmax

POSITION = 9.01


def _logits(p: Array, r: Array, eta: Array) -> Array:
    """Logits after the step."""
    return np.asarray(np.log(p) + eta[..., None] * ascent(p, r))


def _step(p: Array, r: Array, eta: Array) -> Array:
    return softmax(_logits(p, r, eta))


def leading_sets(p: Array, r: Array) -> Array:
    """For each action a the actions b with ``p_b >= p_a`` and ``r_b >= r_a``, booleans (..., a, b)."""
    likelier = (p[..., None, :] >= p[..., :, None]).astype(bool)
    return np.asarray(likelier & (r[..., None, :] >= r[..., :, None]).astype(bool))


def crossed(sets: Array, p: Array, q: Array) -> Array:
    """``p(S) q(not S)`` for each set S of actions, (..., sets); ``p(S) <= q(S)`` iff it is at most that of (q, p)."""
    inside, outside = p[..., None, :], q[..., None, :]
    return np.asarray(np.where(sets, inside, 0 * inside).sum(-1) * np.where(sets, 0 * outside, outside).sum(-1))


_GIVEN = {"p": d.policies(), "r": d.rewards(like="p"), "eta": d.positive()}

_MAJORIZATION = Inequality(
    name="beyond/majorization",
    reading="corrected",
    statement=r"(p, r)\ \text{comonotone},\ p' = \mathrm{softmax}(\log p + \eta\, pA)\ \Rightarrow\ "
    r"\textstyle\sum_{a \le k} p_a \le \sum_{a \le k} p'_a\quad\text{for all } k,\ \eta > 0"
    r"\quad(p_1 \ge \dots \ge p_n)",
    given=_GIVEN,
    assuming=lambda p, r: comonotone(p, r),
    lhs=lambda p, r, eta: crossed(leading_sets(p, r), p, _step(p, r, eta)),
    rhs=lambda p, r, eta: crossed(leading_sets(p, r), _step(p, r, eta), p),
    remark="The set S of the k leading actions gains; compared are p(S) p'(not S) and p'(S) p(not S). No bound on the "
    "step is needed, although from eta = 8 / osc(r) on the new policy need not be comonotone.",
    hypotheses="Bandit; no action that is more probable than another has less reward. The step size is arbitrary.",
    proof=proof_in(__doc__),
)
MAJORIZATION = _MAJORIZATION.with_mutants(
    _MAJORIZATION.mutant("no-order", assuming=None),
    _MAJORIZATION.mutant(
        "descent",
        lhs=lambda p, r, eta: crossed(leading_sets(p, r), p, _step(p, r, -eta)),
        rhs=lambda p, r, eta: crossed(leading_sets(p, r), _step(p, r, -eta), p),
    ),
)


def _more_spread(z: Array, w: Array) -> Any:
    """Entropies of the logits z beside power sums of the logits w.

    Of z Shannon's entropy and the sum of order 1/2, which rise with the spread; of w the sums of orders 2 and 3 and
    the largest probability, which fall with it.
    """
    p, q = softmax(z), softmax(w)
    return np.stack([entropy(z), np.sqrt(p).sum(-1), (q**2).sum(-1), (q**3).sum(-1), largest(q)], axis=-1)


_ENTROPIES = Inequality(
    name="beyond/majorization/entropies",
    reading="corrected",
    statement=r"H(p') < H(p),\quad H_\alpha(p') < H_\alpha(p),\ \alpha = \tfrac12, 2, 3, \infty",
    given=_GIVEN,
    assuming=lambda p, r: comonotone(p, r) & ~constant(r),
    lhs=lambda p, r, eta: _more_spread(_logits(p, r, eta), np.log(p)),
    rhs=lambda p, r, eta: _more_spread(np.log(p), _logits(p, r, eta)),
    strict=True,
    remark="p' = softmax(log p + eta pA). Shannon's entropy; Rényi's and Tsallis's of order alpha through sum_a "
    "p_a^alpha, order infinity through the largest probability.",
    hypotheses="Bandit; (p, r) comonotone and r not constant. The step size is arbitrary.",
    proof="By beyond/majorization p' majorises p, so sum_a phi(p'_a) >= sum_a phi(p_a) for convex phi, <= for concave "
    "phi (Karamata's inequality).\n"
    "Strictly, if phi is strictly convex or concave and p' is no rearrangement of p. Suppose it is one, and number "
    "the actions as there: p'_1 + ... + p'_k >= p_1 + ... + p_k, which is the sum of the k largest of p and so of p', "
    "hence both are equal for each k and p' = p. Then all p_a A_a are equal, hence 0 as they sum to 0, hence r is "
    "constant.\n"
    "phi(p) = -p log p and sqrt(p) are strictly concave: Shannon's entropy and the sum of order 1/2 fall.\n"
    "phi(p) = p^2 and p^3 are strictly convex: these sums rise.\n"
    "The largest entry rises: p_1 A_1 is the largest of the p_a A_a, which are not all equal, so exp(eta p_1 A_1) > Z "
    "= E_p exp(eta pA) and p'_1 = p_1 exp(eta p_1 A_1) / Z > p_1.\n"
    "The Rényi entropy log(sum p^alpha) / (1 - alpha) and the Tsallis entropy (1 - sum p^alpha) / (alpha - 1) rise "
    "with the sum for alpha < 1 and fall with it for alpha > 1.",
)
ENTROPIES = _ENTROPIES.with_mutants(
    _ENTROPIES.mutant("no-order", assuming=lambda r: ~constant(r)),
    _ENTROPIES.mutant("only-the-mode", assuming=lambda p, r: (p.argmax(-1) == r.argmax(-1)) & ~constant(r)),
    _ENTROPIES.mutant(
        "flipped",
        lhs=lambda p, r, eta: _more_spread(np.log(p), _logits(p, r, eta)),
        rhs=lambda p, r, eta: _more_spread(_logits(p, r, eta), np.log(p)),
    ),
)

CLAIMS = (MAJORIZATION, ENTROPIES)

"""The spectral gap of F: p_min Var(v) <= ||F v||^2 <= p_max min(1, 2 (1 - p_max)) Var(v), in every direction v.

With F = diag(p) - p p', ``Var_p(v) = v' F v`` and ``||F v||^2 = sum_a p_a^2 (v_a - E_p v)^2``. For v = log p the
latter is ``K = ||grad H||^2``, the term that stands where Eq. (14) has the variance. This sharpens theorem-v.1/bound,
which has 2 max_a p_a (1 - p_a), up to twice as much where p_max < 1/2 and the same elsewhere, and adds a lower bound.

Proof.

F = diag(p) - p p' gives (F v)_a = p_a u_a with u_a = v_a - E_p v, so ||F v||^2 = sum_a p_a^2 u_a^2. Note that sum_a p_a
u_a = 0, and let action 1 be the mode, p_1 = p_max.

sum_a p_a^2 u_a^2 lies between p_min sum_a p_a u_a^2 and p_max sum_a p_a u_a^2, and sum_a p_a u_a^2 = Var_p(v). This is
the lower bound and the first upper bound, and for p_1 <= 1/2 the minimum is p_1.

Let p_1 > 1/2, W = p_1 u_1^2, V = sum_{a > 1} p_a u_a^2. From p_1 u_1 = -sum_{a > 1} p_a u_a and Cauchy's inequality
p_1 W <= (1 - p_1) V.

As p_a <= 1 - p_1 for a > 1, ||F v||^2 <= p_1 W + (1 - p_1) V. And 2 p_1 (1 - p_1)(W + V) - p_1 W - (1 - p_1) V = (2
p_1 - 1) [(1 - p_1) V - p_1 W] >= 0.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import largest, smallest
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array, constant, inner, squared_gradient
from entropy_theory.claims.theorem_v_1 import _complement
from entropy_theory.constants import exact
from entropy_theory.softmax import covariance, entropy_gradient, softmax, varentropy

POSITION = 9.04


def _vanilla(p: Array, v: Array) -> Array:
    """``||F v||^2``, from the matrix."""
    image = p * v - p * inner(p, v)[..., None]
    return inner(image, image)


def _least_of(p: Array) -> Any:
    return smallest(np.stack([1 + 0 * p[..., 0], 2 * _complement(p)], axis=-1))


def _bounds(p: Array, middle: Array, variance: Array, most: Any = 1) -> tuple[Any, Any]:
    """Both sides of the lower and of the upper bound."""
    upper = most * largest(p) * _least_of(p) * variance
    return np.stack([smallest(p) * variance, middle], axis=-1), np.stack([middle, upper], axis=-1)


def _sides(p: Array, v: Array, most: Any = 1) -> tuple[Any, Any]:
    return _bounds(p, _vanilla(p, v), covariance(np.log(p), v, v), most)


_GAP = Inequality(
    name="beyond/spectral-gap",
    reading="corrected",
    statement=r"p_{\min}\,\mathrm{Var}_p(v) \le \|Fv\|^2 \le "
    r"p_{\max}\,\min\{1,\,2(1-p_{\max})\}\,\mathrm{Var}_p(v),\quad F = \mathrm{diag}(p) - pp^\top",
    given={"p": d.policies(), "v": d.reals(-10, 10, like="p")},
    assuming=lambda v: ~constant(v),
    lhs=lambda p, v: _sides(p, v)[0],
    rhs=lambda p, v: _sides(p, v)[1],
    tight=True,
    remark="For every direction. p_min and p_max are the smallest and the largest probability. Both are equalities at "
    "the uniform policy; the upper one for all policies on two actions.",
    hypotheses="v is not constant over the actions (else all sides are 0).",
    proof=proof_in(__doc__),
)
GAP = _GAP.with_mutants(
    _GAP.mutant("0.99", rhs=lambda p, v: _sides(p, v, exact(99, 100))[1]),
    _GAP.mutant("squared", lhs=_vanilla, rhs=lambda p, v: largest(p) ** 2 * covariance(np.log(p), v, v)),
)


def _entropy_sides(p: Array, most: Any = 1) -> tuple[Any, Any]:
    return _bounds(p, squared_gradient(p), varentropy(np.log(p)), most)


_ENTROPY = Inequality(
    name="beyond/spectral-gap/entropy-gradient",
    reading="corrected",
    statement=r"p_{\min}\,\mathrm{Var}(\log p) \le \|\nabla H\|^2 \le "
    r"p_{\max}\,\min\{1,\,2(1-p_{\max})\}\,\mathrm{Var}(\log p)",
    given={"p": d.policies(actions=(3, 8))},
    assuming=lambda p: ~constant(p),
    lhs=lambda p: _entropy_sides(p)[0],
    rhs=lambda p: _entropy_sides(p)[1],
    tight=True,
    remark="The case v = log p, the second term of Eq. (14) as corrected. With three and more actions equality is "
    "approached as the policy becomes uniform, where both sides are Var(log p) / n: regularisation acts n times more "
    "slowly there than (14) says.",
    hypotheses="At least three actions; p is not uniform.",
    proof="grad H = -F log p by Lemma IV.1, and Var(log p) = (log p)' F (log p): beyond/spectral-gap with v = log p.",
)
ENTROPY = _ENTROPY.with_mutants(
    _ENTROPY.mutant("0.99", lhs=squared_gradient, rhs=lambda p: exact(99, 100) * largest(p) * varentropy(np.log(p))),
    _ENTROPY.mutant(
        "1.01-times-smallest",
        lhs=lambda p: exact(101, 100) * smallest(p) * varentropy(np.log(p)),
        rhs=squared_gradient,
    ),
)


def _two(u: Array) -> Any:
    """Logits (0, -u)."""
    return np.stack([0 * u, -u], axis=-1)


def _three(u: Array, v: Array) -> Any:
    """Logits (0, -u, -v): every policy on three actions up to the order of the actions has u, v >= 0."""
    return np.stack([0 * u, -u, -v], axis=-1)


def _steepness(z: Array) -> Any:
    """``||grad H||^2`` from the logits."""
    return (entropy_gradient(z) ** 2).sum(-1)


_DECIDED = (
    "By subdivision of the box in ball arithmetic, for all its points; a consequence of beyond/spectral-gap, whose "
    "proof covers all policies."
)

_TWO_ACTIONS = Inequality(
    name="beyond/spectral-gap/two-actions",
    reading="corrected",
    statement=r"n = 2,\ \tfrac1{16} \le \log(p_1/p_2) \le 40:\quad \|\nabla H\|^2 < "
    r"\tfrac12\,\mathrm{Var}(\log p)",
    given={"u": d.reals(1 / 16, 40)},
    hypotheses="Logits (0, -u).",
    lhs=lambda u: _steepness(_two(u)),
    rhs=lambda u: varentropy(_two(u)) / 2,
    strict=True,
    remark="Away from the uniform policy, where both sides vanish.",
    proof=_DECIDED,
)
TWO_ACTIONS = _TWO_ACTIONS.with_mutants(_TWO_ACTIONS.mutant("0.49", rhs=lambda u: exact(49, 100) * varentropy(_two(u))))

_BELOW = Inequality(
    name="beyond/spectral-gap/three-actions",
    reading="corrected",
    statement=r"n = 3,\ z = (0, -u, -v),\ 0 \le u \le 8,\ \tfrac18 \le v \le 8:\quad "
    r"\|\nabla H\|^2 < \tfrac12\,\mathrm{Var}(\log p)",
    given={"u": d.reals(0, 8), "v": d.reals(1 / 8, 8)},
    hypotheses="Logits (0, -u, -v).",
    lhs=lambda u, v: _steepness(_three(u, v)),
    rhs=lambda u, v: varentropy(_three(u, v)) / 2,
    strict=True,
    remark="Eq. (14) overstates the second term at least twofold at every such policy: away from the uniform one and "
    "from certainty.",
    proof=_DECIDED,
)
BELOW = _BELOW.with_mutants(
    _BELOW.mutant("third", rhs=lambda u, v: varentropy(_three(u, v)) / 3),
)

_MODE = Inequality(
    name="beyond/spectral-gap/three-actions-mode",
    reading="corrected",
    statement=r"n = 3,\ z = (0, -u, -v),\ 0 \le u \le 6,\ \tfrac12 \le v \le 6:\quad "
    r"\|\nabla H\|^2 < p_{\max}\,\mathrm{Var}(\log p)",
    given={"u": d.reals(0, 6), "v": d.reals(1 / 2, 6)},
    hypotheses="Logits (0, -u, -v), so that the first action is the mode.",
    lhs=lambda u, v: _steepness(_three(u, v)),
    rhs=lambda u, v: softmax(_three(u, v))[..., 0] * varentropy(_three(u, v)),
    strict=True,
    remark="The sharper bound, away from the uniform policy, where it is attained.",
    proof=_DECIDED,
)
MODE = _MODE.with_mutants(
    _MODE.mutant("0.8", rhs=lambda u, v: exact(8, 10) * softmax(_three(u, v))[..., 0] * varentropy(_three(u, v))),
)

CLAIMS = (GAP, ENTROPY, TWO_ACTIONS, BELOW, MODE)

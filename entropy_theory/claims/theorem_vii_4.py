"""Theorem VII.4, Eqs. (33) and (34): how regularisation changes the stability margin.

``g = p A`` is the base direction, ``h = grad H``, ``g + alpha h`` the regularised one and ``g - t b``, ``b = p - q``,
that of the KL penalty with ``t = k beta``. The margin gamma of Definition VII.2 is exact; the quadratic model of
Appendix O replaces it by ``sqrt(2 epsilon) / ||.||_F``, ``<u, v>_F = Cov_p(u, v)``.

The appendix bounds ``||g + alpha h||_F`` from above, which bounds the margin from below, and then asserts the bound
from above. The margin can grow: for a comonotone policy ``<g, h>_F < 0``, so that a small bonus makes the update
smaller in the Fisher norm. What holds for all policies is that the inverse margin is a gauge, hence subadditive.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Inequality, Order
from entropy_theory.claims._proofs import THRESHOLD_LEMMA
from entropy_theory.claims._shared import Array, advantage, ascent, comonotone, constant
from entropy_theory.softmax import covariance, entropy_gradient, fisher_norm
from entropy_theory.stability import quadratic_stability_margin, stability_margin

POSITION = 7.06

_SMALL = {"p": d.policies(actions=(2, 3)), "r": d.rewards(like="p"), "alpha": d.positive()}
_GIVEN = {**_SMALL, "p": d.policies(actions=(2, 5))}
_EPSILON = {"epsilon": d.reals(1 / 1024, 1)}
_MOVES = (
    "g = p A with A = r - E_p r, h = grad H; gamma_base and gamma_reg are the margins of g and g + alpha h. r is not "
    "constant and p is not uniform, so that both directions move the policy."
)


def _moves(p: Array, r: Array) -> Any:
    return ~constant(r) & ~constant(p)


def _bonus(p: Array) -> Array:
    return entropy_gradient(np.log(p))


def _regularised(p: Array, r: Array, alpha: Array) -> Any:
    return ascent(p, r) + alpha[..., None] * _bonus(p)


def _product(p: Array, u: Array, v: Array) -> Array:
    """``<u, v>_F``."""
    return covariance(np.log(p), u, v)


def _margins(p: Array, epsilon: Array, *directions: Array) -> Array:
    """Exact margins of several directions, one entry each."""
    stacked = np.stack(np.broadcast_arrays(*directions), axis=-2)
    return stability_margin(np.log(p)[..., None, :], stacked, epsilon[..., None])


def _margin(p: Array, direction: Array, epsilon: Array) -> Any:
    return stability_margin(np.log(p), direction, epsilon)


_EQ_33_BREAKS = (
    "Appendix O bounds ||g + alpha h||_F <= (1 + alpha kappa) ||g||_F, which gives gamma_reg >= gamma_base / (1 + "
    "alpha kappa). It then states 'a more precise statement is gamma_reg <= gamma_base / (1 + alpha kappa)', the "
    "reverse of what was derived. The step between them, ||g + alpha h||_F >= ||g||_F 'by the triangle "
    "inequality', does not follow from the triangle inequality and fails wherever <g, h>_F < -alpha ||h||_F^2 / 2."
)

EQ_33_PRINTED = Inequality(
    name="theorem-vii.4/eq-33",
    statement=r"\gamma_{\rm reg} \le \gamma_{\rm base}/(1+\alpha\kappa)\ \text{with some } \kappa > 0,"
    r"\ \text{so}\ \gamma_{\rm reg} \le \gamma_{\rm base}",
    given={**_SMALL, **_EPSILON},
    assuming=_moves,
    hypotheses=_MOVES,
    lhs=lambda p, r, alpha, epsilon: _margin(p, _regularised(p, r, alpha), epsilon),
    rhs=lambda p, r, epsilon: _margin(p, ascent(p, r), epsilon),
    remark="Exact margins, read without kappa: whatever kappa > 0 is, (33) says at least this.",
    breaks=_EQ_33_BREAKS,
    terms={
        "A = r - E r": advantage,
        "g = p A": ascent,
        "h = grad H": _bonus,
        "g + alpha h": _regularised,
        "||g||_F": lambda p, r: fisher_norm(np.log(p), ascent(p, r)),
        "||g + alpha h||_F": lambda p, r, alpha: fisher_norm(np.log(p), _regularised(p, r, alpha)),
        "gamma_base": lambda p, r, epsilon: _margin(p, ascent(p, r), epsilon),
        "gamma_reg": lambda p, r, alpha, epsilon: _margin(p, _regularised(p, r, alpha), epsilon),
    },
)

_GAUGE_PROOF = (
    "The set C of directions v with KL(p || p_{z + v}) <= epsilon is convex, because KL(p || p_{z + v}) = log E_p "
    "exp(v - E_p v) is convex in v, and 0 is in its interior.\n"
    "1/gamma(v) is its gauge: the smallest s > 0 with v/s in C. A gauge is subadditive and positively "
    "homogeneous.\n"
    "So 1/gamma(g + alpha h) <= 1/gamma(g) + alpha/gamma(h)."
)

_EQ_33 = Inequality(
    name="theorem-vii.4/eq-33",
    reading="corrected",
    statement=r"\frac1{\gamma_{\rm reg}} \le \frac1{\gamma_{\rm base}} + \frac\alpha{\gamma_H}",
    given={**_SMALL, "p": d.policies(actions=3), **_EPSILON},
    assuming=_moves,
    hypotheses=_MOVES,
    lhs=lambda p, r, alpha, epsilon: 1 / _margin(p, _regularised(p, r, alpha), epsilon),
    rhs=lambda p, r, alpha, epsilon: _gauge_bound(_margins(p, epsilon, ascent(p, r), _bonus(p)), alpha),
    remark="A lower bound of the margin, for the exact margins, with equality for two actions if both directions "
    "point the same way; here with three. gamma_H is the margin of the direction grad H. With kappa = gamma_base "
    "/ gamma_H it reads gamma_reg >= gamma_base / (1 + alpha kappa).",
    proof=_GAUGE_PROOF,
)


def _gauge_bound(margins: Array, alpha: Array) -> Any:
    return 1 / margins[..., 0] + alpha / margins[..., 1]


EQ_33 = _EQ_33.with_mutants(
    _EQ_33.mutant(
        "half-alpha",
        rhs=lambda p, r, alpha, epsilon: _gauge_bound(_margins(p, epsilon, ascent(p, r), _bonus(p)), alpha / 2),
    ),
)


def _quadratic(p: Array, direction: Array, epsilon: Array) -> Array:
    return quadratic_stability_margin(np.log(p), direction, epsilon)


def _slopes(p: Array, r: Array) -> tuple[Array, Array]:
    """``k1 = ||h||_F / ||g||_F`` and ``k2 = <g, h>_F / ||g||_F^2``."""
    g, h = ascent(p, r), _bonus(p)
    squared = _product(p, g, g)
    return np.sqrt(_product(p, h, h) / squared), _product(p, g, h) / squared


def _bounds(p: Array, r: Array, alpha: Array, epsilon: Array) -> Any:
    """Base margin over ``1 + alpha k1`` and the regularised one; the latter times ``1 + alpha k2`` and the base one."""
    base, regularised = _quadratic(p, ascent(p, r), epsilon), _quadratic(p, _regularised(p, r, alpha), epsilon)
    k1, k2 = _slopes(p, r)
    return np.stack([base / (1 + alpha * k1), regularised, regularised * (1 + alpha * k2), base], axis=-1)


_QUADRATIC = Inequality(
    name="theorem-vii.4/quadratic",
    reading="corrected",
    statement=r"\frac{\gamma_{\rm base}}{1+\alpha k_1} \le \gamma_{\rm reg},\quad"
    r"\gamma_{\rm reg}\,(1+\alpha k_2) \le \gamma_{\rm base},\quad k_1 = \frac{\|h\|_F}{\|g\|_F},\ "
    r"k_2 = \frac{\langle g,h\rangle_F}{\|g\|_F^2}",
    given={**_GIVEN, **_EPSILON},
    assuming=_moves,
    hypotheses=_MOVES,
    lhs=lambda p, r, alpha, epsilon: _bounds(p, r, alpha, epsilon)[..., 0::2],
    rhs=lambda p, r, alpha, epsilon: _bounds(p, r, alpha, epsilon)[..., 1::2],
    remark="In the quadratic model of Appendix O. k_2 can be negative: then the second bound lets the margin grow.",
    proof="||g + alpha h||_F <= ||g||_F + alpha ||h||_F = ||g||_F (1 + alpha k_1), the triangle inequality.\n"
    "||g + alpha h||_F ||g||_F >= <g + alpha h, g>_F = ||g||_F^2 (1 + alpha k_2), the Cauchy-Schwarz inequality.\n"
    "The margin is sqrt(2 epsilon) divided by the norm.",
)
QUADRATIC = _QUADRATIC.with_mutants(
    _QUADRATIC.mutant(
        "k1-in-both",
        lhs=lambda p, r, alpha, epsilon: _quadratic(p, _regularised(p, r, alpha), epsilon),
        rhs=lambda p, r, alpha, epsilon: _quadratic(p, ascent(p, r), epsilon) / (1 + alpha * _slopes(p, r)[0]),
    ),
)


def _excess(p: Array, r: Array, alpha: Array) -> Any:
    """``2 <g, h>_F + alpha ||h||_F^2``, negative where the bonus shortens the direction."""
    g, h = ascent(p, r), _bonus(p)
    return 2 * _product(p, g, h) + alpha * _product(p, h, h)


def _difference(p: Array, r: Array, alpha: Array, epsilon: Array) -> Any:
    return _quadratic(p, _regularised(p, r, alpha), epsilon) - _quadratic(p, ascent(p, r), epsilon)


_GROWS = Inequality(
    name="theorem-vii.4/grows-iff",
    reading="corrected",
    statement=r"\gamma_{\rm reg} > \gamma_{\rm base} \iff 0 < \alpha < -2\langle g,h\rangle_F/\|h\|_F^2",
    given={**_GIVEN, **_EPSILON},
    assuming=lambda p, r, alpha: _moves(p, r) & (_excess(p, r, alpha) != 0).astype(bool),
    hypotheses=_MOVES + " alpha is not the boundary value itself.",
    lhs=0,
    rhs=lambda p, r, alpha, epsilon: -_excess(p, r, alpha) * _difference(p, r, alpha, epsilon),
    strict=True,
    remark="In the quadratic model. Tested is that the change of the margin and -(2 <g,h>_F + alpha ||h||_F^2) have "
    "the same sign.",
    proof="||g + alpha h||_F^2 - ||g||_F^2 = alpha (2 <g, h>_F + alpha ||h||_F^2), and the margin falls with the norm.",
)
GROWS = _GROWS.with_mutants(
    _GROWS.mutant(
        "twice-as-far",
        rhs=lambda p, r, alpha, epsilon: -_excess(p, r, alpha / 2) * _difference(p, r, alpha, epsilon),
    )
)

NORM_PRINTED = Inequality(
    name="theorem-vii.4/norm-grows",
    statement=r"\|g+\alpha h\|_F \ge \|g\|_F",
    given=_GIVEN,
    assuming=_moves,
    hypotheses=_MOVES,
    lhs=lambda p, r: fisher_norm(np.log(p), ascent(p, r)),
    rhs=lambda p, r, alpha: fisher_norm(np.log(p), _regularised(p, r, alpha)),
    remark="The step of Appendix O from which gamma_reg <= gamma_base is drawn.",
    breaks="Appendix O: 'By the triangle inequality, ||g_reg||_F >= ||g||_F'. The triangle inequality bounds a norm "
    "of a sum from above by the sum of the norms, and from below by their difference: ||g + alpha h|| >= ||g|| - "
    "alpha ||h||. Where g and h point against each other, as under a comonotone policy, the sum is shorter.",
    terms={
        "g = p A": ascent,
        "h = grad H": _bonus,
        "<g, h>_F": lambda p, r: _product(p, ascent(p, r), _bonus(p)),
        "g + alpha h": _regularised,
    },
)

_SHORTENS = Inequality(
    name="theorem-vii.4/norm-grows",
    reading="corrected",
    statement=r"(p, r)\ \text{comonotone, } p \text{ not uniform, } r \text{ not constant}\ \Rightarrow\ "
    r"\langle g, h\rangle_F < 0,\ \text{so small } \alpha \text{ shortens } g + \alpha h",
    given={"p": d.policies(actions=(2, 20)), "r": d.rewards(like="p")},
    assuming=lambda p, r: comonotone(p, r) & _moves(p, r),
    hypotheses="No action that is more probable than another has less reward; p is not uniform, r not constant.",
    lhs=0,
    rhs=lambda p, r: -_product(p, ascent(p, r), _bonus(p)),
    strict=True,
    remark="So for every comonotone policy a small entropy bonus enlarges the quadratic margin, for every kappa.",
    proof="-<g, h>_F = Cov_p(pA, f) with f_a = p_a (log p_a + H) = -h_a, which is sum_a p_a A_a G_a with G_a = "
    "p_a (f_a - phi), phi = E_p f; sum_a G_a = 0.\n"
    "f is negative for p_a < e^-H and rises with p_a beyond. phi = Cov_p(log p, p) >= 0, as both rise with p. So there "
    "is a c >= e^-H with G <= 0 for p_a < c, and G >= 0 and nondecreasing for p_a >= c.\n"
    f"{THRESHOLD_LEMMA}\n"
    "Strictness: some k has A_k > A_{k+1}. If p_k < c, then f_j < phi and so G_j < 0 for all j > k: the second part is "
    "positive. If p_k >= c, the sum is zero only if every G_i, i <= k, equals every G_j, j > k; as they add up to 0, "
    "all vanish, so f_a = phi for all a. Since f adds up to 0 it vanishes, so p_a = e^-H for all a: p is uniform.",
)
SHORTENS = _SHORTENS.with_mutants(_SHORTENS.mutant("no-order", assuming=lambda p, r: _moves(p, r)))

_OFF_POLICY = {"p": d.policies(actions=(2, 5)), "q": d.policies(like="p"), "r": d.rewards(like="p"), **_EPSILON}
_KL_MOVES = (
    "g = p A, b = p - q with q = pi_old; gamma_base and gamma_KL are the margins of g and g - t b, t = k beta. r is "
    "not constant."
)


def _penalised(p: Array, q: Array, r: Array, t: Array) -> Any:
    """``g - t (p - q)``, t = k beta."""
    return ascent(p, r) - t[..., None] * (p - q)


def _relative_change(t: Array, p: Array, q: Array, r: Array, epsilon: Array) -> Any:
    base = _quadratic(p, ascent(p, r), epsilon)
    return _quadratic(p, _penalised(p, q, r, t), epsilon) / base - 1


_EQ_34 = Order(
    name="theorem-vii.4/eq-34",
    statement=r"\gamma_{\rm KL} = \gamma_{\rm base} + O(k\beta)\quad\text{for fixed } p, q, r",
    given=_OFF_POLICY,
    assuming=lambda r: ~constant(r),
    hypotheses=_KL_MOVES,
    power=1,
    remainder=_relative_change,
    remark="With the penalty averaged over the tokens of the state, in the quadratic model of Appendix O.",
    proof="||g - t b||_F^2 = ||g||_F^2 - 2 t <g, b>_F + t^2 ||b||_F^2 with b = p - q, and ||g||_F > 0 because r is not "
    "constant; the inverse root of a smooth positive function is smooth.",
)
EQ_34 = _EQ_34.with_mutants(_EQ_34.mutant("second-order", power=2))


def _first_order(p: Array, q: Array, r: Array) -> Any:
    g = ascent(p, r)
    return _product(p, g, p - q) / _product(p, g, g)


_EXPANSION = Order(
    name="theorem-vii.4/eq-34-expansion",
    reading="corrected",
    statement=r"\gamma_{\rm KL} = \gamma_{\rm base}\,\Big(1 + k\beta\,\frac{\langle g, b\rangle_F}{\|g\|_F^2}"
    r" + O((k\beta)^2)\Big),\quad b = p - q",
    given=_OFF_POLICY,
    assuming=lambda r: ~constant(r),
    hypotheses=_KL_MOVES,
    power=2,
    remainder=lambda t, p, q, r, epsilon: _relative_change(t, p, q, r, epsilon) - t * _first_order(p, q, r),
    remark="The first-order term has 1 / ||g||_F^2 in it: it is not bounded over policies. On-policy (q = p) b = 0 "
    "and the margin is unchanged.",
    proof="(1 - 2 s + O(t^2))^(-1/2) = 1 + s + O(t^2) with s = t <g, b>_F / ||g||_F^2.",
)
EXPANSION = _EXPANSION.with_mutants(
    _EXPANSION.mutant(
        "flipped-sign",
        remainder=lambda t, p, q, r, epsilon: _relative_change(t, p, q, r, epsilon) + t * _first_order(p, q, r),
    )
)

UNIFORM_PRINTED = Inequality(
    name="theorem-vii.4/eq-34-uniform",
    statement=r"k\beta \le 2^{-10},\ 0 \le r \le 1\ \Rightarrow\ "
    r"|\gamma_{\rm KL} - \gamma_{\rm base}| \le \tfrac12\,\gamma_{\rm base}",
    given={
        "p": d.policies(actions=(2, 3)),
        "q": d.policies(like="p"),
        "r": d.reals(0, 1, like="p"),
        "t": d.reals(0, 1 / 1024),
        **_EPSILON,
    },
    assuming=lambda r: ~constant(r),
    hypotheses=_KL_MOVES,
    lhs=lambda p, q, r, t, epsilon: abs(_relative_change(t, p, q, r, epsilon)),
    rhs=lambda t: (1 + 0 * t) / 2,
    remark="'gamma_KL is about gamma_base for sufficiently small k and bounded beta', read with a k that serves all "
    "policies; with beta = 1, k = 1/1024 is in the range [10^-4, 10^-3] of the appendix. What holds is "
    "theorem-vii.4/eq-34, for one policy.",
    breaks="Appendix O: 'the contribution of the penalty term to the overall gradient norm is of order O(k beta)', "
    "'negligible compared to ||g||_F'. Relative to ||g||_F it is k beta ||b||_F / ||g||_F, which is not bounded: g "
    "vanishes with the differences of the rewards, and near a deterministic policy faster than b does.",
    terms={
        "g = p A": ascent,
        "b = p - q": lambda p, q: p - q,
        "||g||_F": lambda p, r: fisher_norm(np.log(p), ascent(p, r)),
        "||g - t b||_F": lambda p, q, r, t: fisher_norm(np.log(p), _penalised(p, q, r, t)),
    },
)

SUMMED_PRINTED = Order(
    name="theorem-vii.4/eq-34-summed",
    statement=r"\text{penalty summed over the } kN \text{ selected tokens, } N = k^{-2}:\quad"
    r" \gamma_{\rm KL} = \gamma_{\rm base} + O(k\beta)",
    given=_OFF_POLICY,
    assuming=lambda r: ~constant(r),
    hypotheses="g = p A, b = p - q with q = pi_old; gamma_base and gamma_KL are the margins of g and g - k N beta b. r "
    "is not constant. beta = 1, t = k.",
    power=1,
    remainder=lambda t, p, q, r, epsilon: _relative_change(1 / t, p, q, r, epsilon),
    remark="As Appendix O writes the direction, grad J - beta sum_{t in I} grad KL, with |I| = k N tokens of one "
    "state, and read with a constant that serves every batch size N. What holds is theorem-vii.4/eq-34-expansion with "
    "k N beta in the place of k beta.",
    breaks="Appendix O writes the penalty as a sum over the k N selected tokens and then counts its size as O(k "
    "beta). The sum has k N terms, so its size is O(k N beta); a batch of N = 1/k^2 tokens makes it grow as k "
    "falls.",
)

CLAIMS = (
    EQ_33_PRINTED,
    EQ_33,
    QUADRATIC,
    GROWS,
    NORM_PRINTED,
    SHORTENS,
    EQ_34,
    EXPANSION,
    UNIFORM_PRINTED,
    SUMMED_PRINTED,
)

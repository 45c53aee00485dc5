"""Definition VII.2, Eq. (32): the stability margin ``gamma = max {eta > 0 : KL(p || p_eta) <= epsilon}``.

It is well posed if the divergence along a ray of logits crosses every level once. With u the centred direction the
divergence is ``phi(eta) = log E_p exp(eta u)``, a cumulant generating function: ``phi(0) = 0``, ``phi'(eta) =
E_{p_eta} u``, ``phi'' = Var_{p_eta}(u) > 0`` unless u is constant. So phi' rises from ``phi'(0) = E_p u = 0``: phi is
strictly increasing for eta > 0, and ``phi(eta) >= eta u_a + log p_a`` for every action a sends it to infinity.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._shared import Array, constant, inner
from entropy_theory.softmax import centred, kl_along, log_softmax, softmax
from entropy_theory.stability import quadratic_stability_margin, stability_margin

POSITION = 7.05

_RAY = {"p": d.policies(actions=(2, 4)), "v": d.reals(-10, 10, like="p"), "eta": d.reals(0, 100, open_low=True)}
_ALONG = "p_eta is the policy with logits log p + eta v."


def _slope(p: Array, v: Array, eta: Array) -> Array:
    """d/d eta of the divergence written out, by a route that knows no formula for it."""
    z = np.log(p)
    return directional_derivative(lambda t: _divergence(p, z + t[..., None] * v), eta, 1 + 0 * eta)


def _divergence(p: Array, new: Array) -> Array:
    """``sum_a p_a (log p_a - log p'_a)``, as the divergence is defined."""
    return inner(p, np.log(p) - log_softmax(new))


def _tilted_mean(p: Array, v: Array, eta: Array) -> Array:
    """``E_{p_eta} u``, u the centred direction."""
    z = np.log(p)
    return inner(softmax(z + eta[..., None] * v), centred(z, v))


_SLOPE = Identity(
    name="definition-vii.2/slope",
    reading="corrected",
    statement=r"\frac{d}{d\eta}\,\mathrm{KL}(p\|p_\eta) = \mathbb E_{p_\eta}[v] - \mathbb E_p[v]",
    given=_RAY,
    lhs=_slope,
    rhs=_tilted_mean,
    hypotheses=_ALONG,
    remark="Zero at eta = 0 and increasing, since its own derivative is Var_{p_eta}(v).",
    proof="KL(p || p_eta) = E_p[log p - (z + eta v) + log sum_b e^{z_b + eta v_b}], whose derivative in eta is "
    "-E_p v + E_{p_eta} v.",
)
SLOPE = _SLOPE.with_mutants(_SLOPE.mutant("flipped-sign", rhs=lambda p, v, eta: -_tilted_mean(p, v, eta)))

_WELL_POSED = Inequality(
    name="definition-vii.2/well-posed",
    statement=r"v\ \text{not constant},\ 0 < \eta < \eta' \Rightarrow "
    r"\mathrm{KL}(p\|p_\eta) < \mathrm{KL}(p\|p_{\eta'})",
    given={**_RAY, "c": d.reals(0, 10, open_low=True)},
    assuming=lambda v: ~constant(v),
    hypotheses=f"{_ALONG} v is not constant; eta' = eta (1 + c) with c > 0.",
    lhs=lambda p, v, eta: kl_along(np.log(p), v, eta),
    rhs=lambda p, v, eta, c: kl_along(np.log(p), v, eta * (1 + c)),
    strict=True,
    remark="So each level is crossed at most once. If v is constant the policy does not move and the margin is "
    "infinite.",
    proof="Let u = v - E_p v. As log p_eta = log p + eta u - log E_p exp(eta u) and E_p u = 0, phi(eta) = KL(p || "
    "p_eta) = log E_p exp(eta u).\n"
    "phi'(eta) = E_{p_eta} u, so phi'(0) = E_p u = 0.\n"
    "phi''(eta) = Var_{p_eta}(u) > 0, because p_eta gives every action positive probability and u is not constant.\n"
    "Hence phi' > 0 for eta > 0, and phi is strictly increasing there.",
)
WELL_POSED = _WELL_POSED.with_mutants(
    _WELL_POSED.mutant("no-assumption", assuming=None),
    _WELL_POSED.mutant(
        "concave",
        lhs=lambda p, v, eta, c: kl_along(np.log(p), v, eta * (1 + c)),
        rhs=lambda p, v, eta, c: (1 + c) * kl_along(np.log(p), v, eta),
    ),
)


def _chord(p: Array, v: Array, eta: Array) -> Any:
    """``eta u_a + log p_a`` for every action a."""
    z = np.log(p)
    return eta[..., None] * centred(z, v) + z


_UNBOUNDED = Inequality(
    name="definition-vii.2/unbounded",
    reading="corrected",
    statement=r"\mathrm{KL}(p\|p_\eta) \ge \eta\,(v_a - \mathbb E_p v) + \log p_a\quad\text{for every } a",
    given=_RAY,
    lhs=_chord,
    rhs=lambda p, v, eta: kl_along(np.log(p), v, eta)[..., None],
    hypotheses=_ALONG,
    remark="With the a of the largest v the right side tends to infinity, so every level is crossed.",
    proof="With u = v - E_p v, KL(p || p_eta) = log sum_b p_b exp(eta u_b) >= log(p_a exp(eta u_a)), since all terms "
    "are positive.",
)
UNBOUNDED = _UNBOUNDED.with_mutants(
    _UNBOUNDED.mutant("without-log-p", lhs=lambda p, v, eta: _chord(p, v, eta) - np.log(p))
)

_MARGIN = Identity(
    name="definition-vii.2/margin",
    statement=r"\mathrm{KL}(p\|p_\gamma) = \epsilon",
    given={
        "p": d.policies(actions=(2, 3)),
        "v": d.reals(-10, 10, like="p"),
        "epsilon": d.reals(1 / 1024, 8),
    },
    assuming=lambda v: ~constant(v),
    hypotheses=f"{_ALONG} gamma is the margin of v at epsilon. v is not constant.",
    lhs=lambda p, v, epsilon: _divergence(p, np.log(p) + stability_margin(np.log(p), v, epsilon)[..., None] * v),
    rhs=lambda epsilon: epsilon,
    remark="The margin that the package computes, put into the divergence as it is defined; in balls an enclosure.",
    proof="The divergence is continuous and zero at eta = 0. By definition-vii.2/well-posed and /unbounded it takes "
    "the value epsilon > 0 exactly once, and the maximum in Eq. (32) is attained there.",
)
MARGIN = _MARGIN.with_mutants(
    _MARGIN.mutant(
        "quadratic-model",
        lhs=lambda p, v, epsilon: _divergence(
            p, np.log(p) + quadratic_stability_margin(np.log(p), v, epsilon)[..., None] * v
        ),
    )
)

CLAIMS = (WELL_POSED, MARGIN, SLOPE, UNBOUNDED)

"""Lemma IV.1, Eq. (7): the gradient of the state-wise entropy.

``dH_s/dz_{s,a} = -p_a (log p_a - E log p)``. It is checked along arbitrary directions, against the derivative of the
entropy itself. An entry is zero exactly where ``p_a = exp(-H)``; the entries sum to zero.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._shared import Array, inner
from entropy_theory.constants import exact
from entropy_theory.softmax import entropy, entropy_gradient

POSITION = 4.01

_LEMMA = Identity(
    name="lemma-iv.1",
    statement=r"\partial H_s/\partial z_{s,a} = -\pi(a|s)\,\big(\log\pi(a|s) - \mathbb E[\log\pi]\big)",
    given={"p": d.policies(actions=(2, 40)), "v": d.reals(-np.inf, np.inf, like="p")},
    lhs=lambda p, v: directional_derivative(entropy, np.log(p), v),
    rhs=lambda p, v: inner(entropy_gradient(np.log(p)), v),
    remark="Along an arbitrary direction v; the left side by a route that knows no formula for the gradient.",
    proof=(
        "p = softmax(z), x = log p, mu = E_p x = -H. A dash is the derivative along a direction v in logits.\n"
        "Softmax: p'_a = p_a (v_a - E_p v), and sum_a p'_a = 0.\n"
        "H = -sum_a p_a x_a gives H' = -sum_a p'_a (x_a + 1) = -sum_a p'_a x_a = -E_p[(v - E_p v) x].\n"
        "A covariance may be centred on either factor: E_p[(v - E_p v) x] = E_p[v (x - mu)].\n"
        "So H' = sum_a v_a [-p_a (x_a - mu)] for every v, which says dH/dz_a = -p_a (x_a - mu)."
    ),
)
LEMMA = _LEMMA.with_mutants(
    _LEMMA.mutant("no-probability", rhs=lambda p, v: inner(entropy_gradient(np.log(p)) / p, v)),
    _LEMMA.mutant("no-centring", rhs=lambda p, v: inner(-p * np.log(p), v)),
    _LEMMA.mutant("flipped-sign", rhs=lambda p, v: inner(-entropy_gradient(np.log(p)), v)),
)

_SUM = Identity(
    name="lemma-iv.1/zero-sum",
    reading="corrected",
    statement=r"\textstyle\sum_a \partial H_s/\partial z_{s,a} = 0",
    given={"p": d.policies()},
    lhs=lambda p: entropy_gradient(np.log(p)).sum(-1),
    rhs=0,
    remark="A consequence: a common shift of the logits changes nothing.",
    proof=(
        "With x = log p and mu = E_p x, Lemma IV.1 gives dH/dz_a = -p_a (x_a - mu).\nSum over a: -(E_p x - mu) = 0."
    ),
)
ZERO_SUM = _SUM.with_mutants(_SUM.mutant("no-probability", lhs=lambda p: (entropy_gradient(np.log(p)) / p).sum(-1)))


def _first_slope(p: Array) -> Array:
    """dH/dz of the first action, by a route that knows no formula for it."""
    z = np.log(p)
    return directional_derivative(entropy, z, np.where(np.arange(p.shape[-1]) == 0, 1 + 0 * z, 0 * z))


_THRESHOLD = Inequality(
    name="lemma-iv.1/threshold",
    reading="corrected",
    statement=r"\partial H_s/\partial z_{s,a} > 0 \iff \pi(a|s) < e^{-H_s}",
    given={"p": d.policies()},
    lhs=0,
    rhs=lambda p: _first_slope(p) * (np.exp(-entropy(np.log(p))) - p[..., 0]),
    remark="The product of the slope and the distance to the threshold is tested, for the first action. An entry is "
    "zero exactly at p = exp(-H).",
    proof=(
        "Lemma IV.1: dH/dz_a = -p_a (log p_a - E_p log p) = -p_a (log p_a + H), and p_a > 0.\n"
        "So dH/dz_a > 0 iff log p_a < -H iff p_a < exp(-H); it is < 0 iff p_a > exp(-H); it is 0 iff p_a = "
        "exp(-H).\n"
        "Hence dH/dz_a and exp(-H) - p_a have the same sign, and their product is >= 0."
    ),
)
THRESHOLD = _THRESHOLD.with_mutants(
    _THRESHOLD.mutant("one-over-n", rhs=lambda p: _first_slope(p) * (exact(1, p.shape[-1]) - p[..., 0]))
)

CLAIMS = (LEMMA, ZERO_SUM, THRESHOLD)

"""Theorem VI.1, Eq. (21): the gradient of the KL penalty, and whether it opposes the loss of entropy.

With ``q = pi_old`` held fixed, ``dKL(q || p)/dz_a = p_a - q_a``. The penalty moves the policy along ``-(p - q)``, back
towards q, and so to first order it changes the entropy by ``Cov_p(x, p - q) = sum_a f_a (p_a - q_a)``, ``x = log p``,
``f_a = p_a (x_a - E_p x)``. The sign of this is not that of the token covariance C, which does not contain q: where
the old policy is sharper than the new one, the penalty sharpens the new one.

What suffices is that p/q is comonotone with p: no action that is more probable than another has grown by a smaller
factor. The proof is that of Theorem VI.2 with all actions selected.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative, largest
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._shared import (
    Array,
    advantage,
    comonotone,
    constant,
    driver,
    inner,
    old_policy,
    token_driver,
)
from entropy_theory.softmax import centred, covariance, entropy, kl, softmax

POSITION = 6.05

_GRADIENT = Identity(
    name="theorem-vi.1/gradient",
    statement=r"\partial\,\mathrm{KL}(\pi_{\rm old}\|\pi_\theta)/\partial z_a = \pi_\theta(a) - \pi_{\rm old}(a)",
    given={"p": d.policies(), "q": d.policies(like="p"), "v": d.reals(-10, 10, like="p")},
    lhs=lambda p, q, v: directional_derivative(lambda z: kl(np.log(q), z), np.log(p), v),
    rhs=lambda p, q, v: inner(p - q, v),
    hypotheses="p is the current policy, q the old one, v any direction in logits.",
    remark="Tested along arbitrary directions v; q is held fixed.",
    proof="KL(q || p) = sum_a q_a log q_a - sum_a q_a z_a + log sum_b exp(z_b), since log p_a = z_a - log sum_b "
    "exp(z_b) and q sums to one. Its derivative in z_a is -q_a + exp(z_a)/sum_b exp(z_b) = p_a - q_a.",
)
GRADIENT = _GRADIENT.with_mutants(
    _GRADIENT.mutant("flipped-sign", rhs=lambda p, q, v: inner(q - p, v)),
    _GRADIENT.mutant(
        "other-divergence", lhs=lambda p, q, v: directional_derivative(lambda z: kl(z, np.log(q)), np.log(p), v)
    ),
    _GRADIENT.mutant("weighted", rhs=lambda p, q, v: inner(p * (p - q), v)),
)


def _entropy_slope(p: Array, q: Array) -> Any:
    """First-order entropy change by the penalty, per unit of eta beta."""
    return directional_derivative(entropy, np.log(p), q - p)


def _covariance_slope(p: Array, q: Array, r: Array) -> Any:
    """First-order change by the penalty of Cov(log p, pA), per unit of eta beta."""
    return directional_derivative(lambda z: covariance(z, z, softmax(z) * centred(z, r)), np.log(p), q - p)


OPPOSES_PRINTED = Inequality(
    name="theorem-vi.1/opposes",
    statement=r"C_a > 0\ \forall a\ \Rightarrow\ \text{along } -(\pi_\theta - \pi_{\rm old}) \text{ the entropy does "
    r"not fall, or the covariance does not rise}",
    given={"p": d.policies(), "q": d.policies(like="p"), "r": d.rewards(like="p")},
    assuming=lambda p, r: (token_driver(p, r) > 0).astype(bool).all(-1),
    lhs=0,
    rhs=lambda p, q, r: largest(np.stack([_entropy_slope(p, q), -_covariance_slope(p, q, r)], axis=-1)),
    hypotheses="Every action has C > 0 under the policy gradient pA, so that the penalty acts on the whole state.",
    remark="'Opposes updates that would increase covariance, effectively regularizing the entropy dynamics' counts as "
    "broken only where the penalty both lowers the entropy and raises the covariance, to first order. The penalty "
    "pulls towards the old policy, be that sharper or flatter. For an old policy that is one exact step behind see "
    "theorem-vi.2/one-step.",
    breaks="Appendix J: 'The second term opposes changes that increase pi(a|s) relative to pi_old(a|s), which for "
    "high-covariance tokens tends to reduce the positive covariance.' The first half is right. The second takes it "
    "that p_a > q_a where C_a > 0; but C is made of p and the update alone, and says nothing about q.",
    terms={
        "log p": lambda p: np.log(p),
        "A": advantage,
        "C": token_driver,
        "Cov": driver,
        "-(p - q)": lambda p, q: q - p,
        "dH by penalty": _entropy_slope,
        "dCov by penalty": _covariance_slope,
    },
)


_OPPOSES = Inequality(
    name="theorem-vi.1/opposes",
    reading="corrected",
    statement=r"\pi_\theta/\pi_{\rm old} \text{ comonotone with } \pi_\theta\ \Rightarrow\ "
    r"\mathrm{Cov}(\log\pi_\theta,\ \pi_\theta - \pi_{\rm old}) > 0",
    given={"p": d.policies(), "u": d.rewards(like="p")},
    assuming=lambda p, u: comonotone(p, u) & ~constant(p) & ~constant(u),
    lhs=0,
    rhs=lambda p, u: _entropy_slope(p, old_policy(p, u)),
    strict=True,
    hypotheses="u = log(p/q) up to a constant, so q is in proportion to p exp(-u). No action that is more probable "
    "under p than another has the smaller u. Neither p is uniform nor u constant (there the covariance is 0).",
    remark="The penalty raises the entropy if the new policy has sharpened the old one: the more probable an action, "
    "the larger the factor by which it has grown. The side is computed as a derivative of the entropy along -(p - q).",
    proof="Let x = log p, mu = E_p x, c = exp(mu), f_a = p_a (x_a - mu), A_a = 1 - q_a/p_a. The penalty's direction is "
    "-(p - q), so by Lemma IV.2 dH = Cov_p(x, p - q) = sum_a f_a (p_a - q_a) = sum_a f_a p_a A_a. Number the actions "
    "so that p_1 >= ... >= p_n and A_1 >= ... >= A_n, which the assumption allows, as A rises with u. Both sum_a p_a "
    "A_a and sum_a f_a are 0, and neither p nor A is constant, so p_1 > c > p_n and A_1 > 0 > A_n. f_a >= 0 iff p_a >= "
    "c, and there f rises with p. Let j be the last index with A_j >= 0 or p_j >= c; then j < n. Beyond j both A_a and "
    "f_a are negative, so these terms are > 0. Case p_j >= c: f_1 >= ... >= f_j >= 0 and T_k = sum_{a<=k} p_a A_a >= 0 "
    "for every k, so sum_{a<=j} f_a p_a A_a = f_j T_j + sum_{k<j} (f_k - f_{k+1}) T_k >= 0. Case p_j < c: then A_1 >= "
    "... >= A_j >= 0, and F_k = sum_{a<=k} p_a f_a >= c sum_{a<=k} f_a >= 0, because (p_a - c) f_a >= 0 and the f_a "
    "are first >= 0, then < 0, with sum 0; so the sum is A_j F_j + sum_{k<j} (A_k - A_{k+1}) F_k >= 0.",
)
OPPOSES = _OPPOSES.with_mutants(
    _OPPOSES.mutant("no-order", assuming=lambda p, u: ~constant(p) & ~constant(u)),
    _OPPOSES.mutant("flipped-sign", rhs=lambda p, u: -_entropy_slope(p, old_policy(p, u))),
    _OPPOSES.mutant(
        "only-the-mode", assuming=lambda p, u: (p.argmax(-1) == u.argmax(-1)) & ~constant(p) & ~constant(u)
    ),
)

CLAIMS = (GRADIENT, OPPOSES_PRINTED, OPPOSES)

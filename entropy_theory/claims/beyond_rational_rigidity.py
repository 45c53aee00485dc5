"""A rational policy on three actions has a zero entry in its entropy gradient only if it is uniform.

By Lemma IV.1 dH/dz_a = 0 iff p_a = exp(-H). For p = (n_1, n_2, n_3) / N with N = n_1 + n_2 + n_3 this is an equation
between whole numbers, and unique factorisation leaves one solution. With six actions there are others: (4, 2, 1, 1, 1,
1) / 10 has a zero entry at 2/10. (None is known with four or five: not one with all n_b up to 70, respectively 30.)

Proof.

H is the entropy of p, p_b = n_b / N with N = n_1 + n_2 + n_3. By Lemma IV.1 dH/dz_a = -p_a (log p_a + H); let it be 0.

log p_a = -H = sum_b p_b log p_b. Times N, with the powers of N cancelling: n_a^N = prod_b n_b^(n_b).

Let a = 1 and divide the n_b by their common divisor, which changes no p_b: gcd(n_1, n_2, n_3) = 1. Dividing by
n_1^(n_1): n_1^(n_2 + n_3) = n_2^(n_2) n_3^(n_3).

For a prime l let v_b be its exponent in n_b: (n_2 + n_3) v_1 = n_2 v_2 + n_3 v_3. So v_1 is a mean of v_2 and v_3 with
positive weights. One of v_1, v_2, v_3 is 0; if v_2 and v_3 were both positive, v_1 would be, too. So no prime divides
both n_2 and n_3.

Then n_3 and n_2 + n_3 have no common divisor either. For a prime l that divides n_3, v_2 = 0 and (n_2 + n_3) v_1 = n_3
v_3, so n_2 + n_3 divides v_3. But then n_3 >= 2^(n_2 + n_3) > n_3. So no prime divides n_3: n_3 = 1, and likewise n_2
= 1.

Hence n_1^2 = 1, n_1 = 1, and p is uniform. (The uniform policy has grad H = 0.)
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import smallest
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array
from entropy_theory.constants import exact
from entropy_theory.softmax import entropy_gradient

POSITION = 9.11

_GIVEN = {"i": d.integers(1, 30), "j": d.integers(1, 30), "k": d.integers(1, 30)}


def _counts(*parts: Array) -> Array:
    return np.stack(parts, axis=-1)


def _policy(counts: Array) -> Array:
    return np.asarray(counts / counts.sum(-1, keepdims=True))


def _different(i: Array, j: Array, k: Array) -> Any:
    return (i != j).astype(bool) | (j != k).astype(bool)


def _quotients(counts: Array) -> Any:
    """``prod_b n_b^(n_b) / n_a^N``, which is 1 iff p_a = exp(-H)."""
    return (counts**counts).prod(-1, keepdims=True) / counts ** counts.sum(-1, keepdims=True)


_RIGIDITY = Inequality(
    name="beyond/rational-rigidity",
    reading="corrected",
    statement=r"p = (i, j, k)/(i+j+k),\ i, j, k \in \{1, \dots, 30\} \text{ not all equal}"
    r"\ \Rightarrow\ \min_a \Big|\frac{\partial H}{\partial z_a}\Big| > 0",
    given=_GIVEN,
    assuming=_different,
    lhs=0,
    rhs=lambda i, j, k: smallest(abs(entropy_gradient(np.log(_policy(_counts(i, j, k)))))),
    strict=True,
    remark="The proof covers all rational policies on three actions. Real policies with a zero entry exist: the "
    "entries change sign continuously.",
    hypotheses="The three numbers are not all equal.",
    proof=proof_in(__doc__),
)
RIGIDITY = _RIGIDITY.with_mutants(
    _RIGIDITY.mutant(
        "one-thousandth",
        rhs=lambda i, j, k: smallest(abs(entropy_gradient(np.log(_policy(_counts(i, j, k)))))) - exact(1, 1000),
    ),
    _RIGIDITY.mutant("signed", rhs=lambda i, j, k: smallest(entropy_gradient(np.log(_policy(_counts(i, j, k)))))),
)

_POWERS = Inequality(
    name="beyond/rational-rigidity/powers",
    reading="corrected",
    statement=r"i, j, k \text{ not all equal}\ \Rightarrow\ n^{\,i+j+k} \ne i^i\,j^j\,k^k,\quad n \in \{i, j, k\}",
    given=_GIVEN,
    assuming=_different,
    lhs=0,
    rhs=lambda i, j, k: smallest(abs(_quotients(_counts(i, j, k)) - 1)),
    strict=True,
    remark="The same in whole numbers: the two sides divided, minus 1, are compared with 0. With the last "
    "number taken four times, a policy on six actions, 2^10 = 4^4 2^2 is a solution.",
    hypotheses="The three numbers are not all equal.",
    proof=proof_in(__doc__),
)
POWERS = _POWERS.with_mutants(
    _POWERS.mutant("uniform-too", assuming=None),
    _POWERS.mutant("six-actions", rhs=lambda i, j, k: smallest(abs(_quotients(_counts(i, j, k, k, k, k)) - 1))),
)


def _scaled_gradient(counts: Array) -> Any:
    """``(N / p_a) dH/dz_a``, from the gradient of Lemma IV.1."""
    p = _policy(counts)
    return counts.sum(-1, keepdims=True) * entropy_gradient(np.log(p)) / p


_LINK = Identity(
    name="beyond/rational-rigidity/link",
    reading="corrected",
    statement=r"\log\frac{\prod_b n_b^{n_b}}{n_a^N} = \frac{N}{p_a}\frac{\partial H}{\partial z_a},\quad p = n/N",
    given=_GIVEN,
    lhs=lambda i, j, k: np.log(_quotients(_counts(i, j, k))),
    rhs=lambda i, j, k: _scaled_gradient(_counts(i, j, k)),
    remark="Why the entry is zero iff the powers are equal.",
    proof="(1/p_a) dH/dz_a = -(log p_a + H) = sum_b p_b log p_b - log p_a (Lemma IV.1).\n"
    "Times N, with p_b = n_b / N: sum_b n_b log n_b - N log n_a, as the terms with log N cancel.",
)
LINK = _LINK.with_mutants(
    _LINK.mutant("flipped-sign", rhs=lambda i, j, k: -_scaled_gradient(_counts(i, j, k))),
    _LINK.mutant("no-probability", rhs=lambda i, j, k: _scaled_gradient(_counts(i, j, k)) * _policy(_counts(i, j, k))),
)

CLAIMS = (RIGIDITY, POWERS, LINK)

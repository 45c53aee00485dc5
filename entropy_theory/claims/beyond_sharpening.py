"""Where the KL penalty to an old policy raises the entropy: the policy is sharper than the old one.

The penalty KL(q || p) moves the logits along -(p - q), and the entropy to first order by delta = sum_a f_a (p_a - q_a)
per unit of step and of beta, f_a = p_a (log p_a + H). If p/q does not fall as p rises ("p is a sharpening of q"), delta
>= 0, and delta > 0 unless p is uniform or p = q. So it is after any number of natural gradient steps from a comonotone
q. The order of q itself is free.

Proof.

H is the entropy of p and f_a = p_a (log p_a + H). Let A_a = 1 - q_a / p_a. Then p_a A_a = p_a - q_a, E_p A = 0, and A
does not fall as p rises. Number the actions so that p and A fall (weakly), P_k = p_1 + ... + p_k, c = exp(-H).

As f_a = p_a (log p_a - E_p log p), f sums to zero; f_a = p_a log(p_a / c) < 0 where p_a < c, and f_a >= 0 and rises
with p_a where p_a >= c.

By Abel summation A = sum_{k < n} (A_k - A_{k+1}) (1{a <= k} - P_k), as E_p A = 0. So delta = sum_a p_a A_a f_a = sum_{k
< n} (A_k - A_{k+1}) S_k, S_k = (1 - P_k) sum_{a <= k} p_a f_a - P_k sum_{a > k} p_a f_a. It is enough that S_k >= 0.

If p_k >= c: f_a >= f_k for a <= k and f_a <= f_k for a > k, so S_k >= (1 - P_k) P_k f_k - P_k (1 - P_k) f_k = 0.
Equality needs f constant on all actions, hence f = 0 and p uniform.

If p_k < c: sum_{a > k} p_a f_a < 0, and sum_{a <= k} p_a f_a >= c sum_{a <= k} f_a = -c sum_{a > k} f_a > 0, as p_a f_a
>= c f_a on both sides of c. So S_k > 0.

Not all A_k - A_{k+1} are zero unless A = 0, that is p = q.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import largest, smallest
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._shared import Array, comonotone, constant, inner, old_policy
from entropy_theory.softmax import entropy, entropy_gradient

POSITION = 9.07


def _rise(p: Array, q: Array) -> Any:
    """``sum_a f_a (p_a - q_a)``: how the penalty changes the entropy."""
    return inner(-entropy_gradient(np.log(p)), p - q)


_SHARPENING = Inequality(
    name="beyond/sharpening",
    reading="corrected",
    statement=r"p/q \text{ comonotone with } p,\ p \text{ not uniform},\ p \ne q\ \Rightarrow\ "
    r"\delta = \textstyle\sum_a f_a\,(p_a - q_a) > 0",
    given={"p": d.policies(), "s": d.rewards(like="p")},
    assuming=lambda p, s: comonotone(p, s) & ~constant(p) & ~constant(s),
    lhs=0,
    rhs=lambda p, s: _rise(p, old_policy(p, s)),
    strict=True,
    remark="s = log(p/q) up to a constant. Strict, and nothing is asked of the order of q: the penalty can raise the "
    "entropy although q has less of it than p.",
    hypotheses="No action that is more probable than another has a smaller ratio p/q; p is not uniform and p is not q. "
    "f_a = p_a (log p_a + H).",
    proof=proof_in(__doc__),
)
SHARPENING = _SHARPENING.with_mutants(
    _SHARPENING.mutant("no-order", assuming=lambda p, s: ~constant(p) & ~constant(s)),
    _SHARPENING.mutant("flipped", rhs=lambda p, s: -_rise(p, old_policy(p, s))),
    _SHARPENING.mutant(
        "only-less-entropy",
        assuming=lambda p, s: (entropy(np.log(p)) < entropy(np.log(p) - s)).astype(bool) & ~constant(p) & ~constant(s),
    ),
)


def _ratio_above(p: Array, q: Array) -> Any:
    """The smallest p/q among the actions with ``p_a >= exp(-H)``."""
    above = (p >= np.exp(-entropy(np.log(p)))[..., None]).astype(bool)
    ratio = p / q
    return smallest(np.where(above, ratio, largest(ratio)[..., None]))


def _floor(p: Array, s: Array) -> Any:
    q = old_policy(p, s)
    return (1 - 1 / _ratio_above(p, q)) * inner(p, -entropy_gradient(np.log(p)))


_SEPARATED = Inequality(
    name="beyond/sharpening/separated",
    reading="corrected",
    statement=r"\delta \ge \big(1 - 1/\kappa\big)\,\mathbb E_p f,\qquad \kappa = \min\{p_a/q_a : p_a \ge e^{-H}\}",
    given={"p": d.policies(actions=(2, 5)), "s": d.reals(-20, 20, like="p")},
    assuming=lambda p, s: comonotone(p, s) & ~constant(p),
    lhs=_floor,
    rhs=lambda p, s: _rise(p, old_policy(p, s)),
    remark="By how much: E_p f is positive, and kappa > 1 where all likely actions have become likelier. It is enough "
    "that p/q is at least kappa on the actions with p >= exp(-H) and at most kappa on the others.",
    hypotheses="No action that is more probable than another has a smaller ratio p/q; p is not uniform. delta = sum_a "
    "f_a (p_a - q_a) with f_a = p_a (log p_a + H), and s = log(p/q) up to a constant.",
    proof="H is the entropy of p. An action with p_a < exp(-H) is less probable than each with p_a >= exp(-H), so its "
    "p_a / q_a is at most kappa.\n"
    "A_a = 1 - q_a / p_a is at least a* = 1 - 1/kappa where p_a >= exp(-H), that is where f_a >= 0, and at most "
    "a* on the others, where f_a < 0.\n"
    "So every term of sum_a p_a (A_a - a*) f_a is >= 0, which says delta = sum_a p_a A_a f_a >= a* E_p f.\n"
    "E_p f >= exp(-H) sum_a f_a = 0, as p_a f_a >= exp(-H) f_a on both sides of exp(-H).",
)
SEPARATED = _SEPARATED.with_mutants(
    _SEPARATED.mutant("twice", lhs=lambda p, s: 2 * _floor(p, s)),
    _SEPARATED.mutant("no-order", assuming=lambda p, s: ~constant(p)),
)

CLAIMS = (SHARPENING, SEPARATED)

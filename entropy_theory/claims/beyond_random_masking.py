"""Random masking as an estimator: mean square error, rescaling, and tokens without advantage.

One token a ~ p gives the update X = A_a (e_a - p) with mean m = pA and covariance S; with probability rho it is masked,
which leaves 0. Theorem VII.1 asks for the variance; theorem-vii.1/eq-28-tokens says when masking lowers it, for
advantages that are not zero. Three things complete the picture.

Let B be 0 where the token is masked, else 1. The distance to the true gradient, E|BX - m|^2, bias included, falls iff
|m|^2 < tr S, whatever rho is. The unbiased form BX / (1 - rho) has a larger covariance always, by rho / (1 - rho)
E[XX'] exactly. And if tokens of probability P_0 > 0 have advantage zero, masking raises the variance in no direction
iff (1 - rho)(1 - P_0) <= P_0: always if at least half of the tokens carry no advantage.

Proof.

A = r - E_p r; a token a ~ p gives X = A_a (e_a - p), e_a the unit vector; m = E X = pA, S = Cov(X), |x|^2 = x'x. B is 1
with probability 1 - rho, else 0, independent of X.

E|BX - m|^2 = (1 - rho) E|X - m|^2 + rho |m|^2 by cases of B;
E|X - m|^2 = tr S.

E[BX] = (1 - rho) m and E[BX (BX)'] = (1 - rho) E[XX']. So Cov(BX / (1 - rho)) = E[XX'] / (1 - rho) - mm' = S + (rho /
(1 - rho)) E[XX']. And S - Cov(BX) = rho (S - (1 - rho) mm').

In a direction v, v'X = A_a t_a with t = v - E_p v. By Cauchy, with P_0 = P(A = 0), (m'v)^2 = E[At 1{A != 0}]^2 <= (1 -
P_0) E[A^2 t^2] = (1 - P_0)(v'Sv + (m'v)^2), that is P_0 (m'v)^2 <= (1 - P_0) v'Sv.

So v'Sv - (1 - rho)(m'v)^2 >= 0 if (1 - rho)(1 - P_0) <= P_0.

If P_0 > 0 equality holds for t = 1/A where A != 0 and t constant where A = 0, such that E_p t = 0. So the condition is
necessary, too.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._proofs import proof_in
from entropy_theory.claims._sampling import (
    Outcomes,
    covariance_of,
    dropped,
    flat,
    mean_of,
    one_token,
    same_for_all,
    variance_of,
)
from entropy_theory.claims._shared import Array, advantage, ascent, constant, inner
from entropy_theory.constants import exact
from entropy_theory.softmax import centred

POSITION = 9.06

_GIVEN = {
    "p": d.policies(actions=(2, 4)),
    "r": d.reals(-10, 10, like="p"),
    "rho": d.reals(0, 1, open_low=True, open_high=True),
}


def _masked(p: Array, r: Array, rho: Array) -> Outcomes:
    """All outcomes of token and mask."""
    return dropped(one_token(p, r), same_for_all(p, rho))


def _distance(outcomes: Outcomes, m: Array) -> Array:
    """``E|X - m|^2``."""
    chance, value = outcomes
    return inner(chance, ((value - m[..., None, :]) ** 2).sum(-1))


def _error_saved(p: Array, r: Array, rho: Array) -> Any:
    """How much of the mean square error masking saves, by enumeration."""
    m = mean_of(one_token(p, r))
    return _distance(one_token(p, r), m) - _distance(_masked(p, r, rho), m)


def _noise(p: Array, r: Array) -> Any:
    """``tr S``."""
    return variance_of(one_token(p, r)).sum(-1)


_ERROR = Identity(
    name="beyond/random-masking",
    reading="corrected",
    statement=r"\mathbb E\|X - m\|^2 - \mathbb E\|BX - m\|^2 = \rho\,\big(\mathrm{tr}\,S - \|m\|^2\big)",
    given=_GIVEN,
    lhs=_error_saved,
    rhs=lambda p, r, rho: rho * (_noise(p, r) - inner(ascent(p, r), ascent(p, r))),
    remark="Masking brings the sampled update nearer to the true gradient iff its noise exceeds its signal, at every "
    "mask probability alike. With its bias included the variance is not the right measure. Left by enumeration.",
    hypotheses="X = A_a (e_a - p) is the update of a token a ~ p, A = r - E_p r; m = E X = pA and S = Cov(X). B = 0 "
    "with probability rho, else 1, independent of the token; no rescaling.",
    proof=proof_in(__doc__),
)
ERROR = _ERROR.with_mutants(
    _ERROR.mutant("no-bias", rhs=lambda p, r, rho: rho * _noise(p, r)),
    _ERROR.mutant(
        "variance-only",
        rhs=lambda p, r, rho: rho * (_noise(p, r) - (1 - rho) * inner(ascent(p, r), ascent(p, r))),
    ),
)


def _rescaled(p: Array, r: Array, rho: Array) -> Outcomes:
    chance, value = _masked(p, r, rho)
    return chance, value / (1 - rho)[..., None, None]


def _second_moment(p: Array, r: Array) -> Array:
    m = ascent(p, r)
    return np.asarray(covariance_of(one_token(p, r)) + m[..., :, None] * m[..., None, :])


_RESCALED = Identity(
    name="beyond/random-masking/rescaled",
    reading="corrected",
    statement=r"\mathrm{Cov}\big(BX/(1-\rho)\big) - S = \frac{\rho}{1-\rho}\,\mathbb E[XX^\top] \succeq 0",
    given=_GIVEN,
    lhs=lambda p, r, rho: flat(covariance_of(_rescaled(p, r, rho)) - covariance_of(one_token(p, r))),
    rhs=lambda p, r, rho: flat((rho / (1 - rho))[..., None, None] * _second_moment(p, r)),
    remark="Rescaled so as to be unbiased, random masking never lowers the variance in any direction.",
    hypotheses="X = A_a (e_a - p) is the update of a token a ~ p, A = r - E_p r, and S = Cov(X). B = 0 with "
    "probability rho, else 1, independent of the token.",
    proof=proof_in(__doc__),
)
RESCALED = _RESCALED.with_mutants(
    _RESCALED.mutant(
        "covariance",
        rhs=lambda p, r, rho: flat((rho / (1 - rho))[..., None, None] * covariance_of(one_token(p, r))),
    ),
    _RESCALED.mutant("rho", rhs=lambda p, r, rho: flat(rho[..., None, None] * _second_moment(p, r))),
)


def rational_advantage(p: Array, r: Array) -> Array:
    """The advantages where the reward of the first action is the mean of the others, so that its advantage is zero."""
    others = centred(np.log(p[..., 1:]), r[..., 1:])
    return np.concatenate([0 * p[..., :1], others], axis=-1)


def _sampled(p: Array, gains: Array, v: Array) -> Array:
    """``v'X = A_a (v_a - E_p v)`` of each token a."""
    return np.asarray(gains * centred(np.log(p), v))


def _signal(p: Array, gains: Array, v: Array) -> Any:
    """``p_1 (m'v)^2``."""
    return p[..., 0] * inner(p, _sampled(p, gains, v)) ** 2


def _spread(p: Array, gains: Array, v: Array) -> Any:
    """``(1 - p_1) v'Sv``."""
    values = _sampled(p, gains, v)
    return p[..., 1:].sum(-1) * inner(p, (values - inner(p, values)[..., None]) ** 2)


_ZERO_GIVEN = {
    "p": d.policies(actions=(3, 5)),
    "r": d.reals(-10, 10, like="p"),
    "v": d.reals(-10, 10, like="p"),
}

_ZERO = Inequality(
    name="beyond/random-masking/zero-advantage",
    reading="corrected",
    statement=r"A_1 = 0:\quad p_1\,(m^\top v)^2 \le (1 - p_1)\; v^\top S\,v",
    given=_ZERO_GIVEN,
    assuming=lambda r, v: ~constant(r[..., 1:]) & ~constant(v),
    lhs=lambda p, r, v: _signal(p, rational_advantage(p, r), v),
    rhs=lambda p, r, v: _spread(p, rational_advantage(p, r), v),
    tight=True,
    remark="With the next line m' S^+ m = 1/P_0 - 1, P_0 the probability of the tokens without advantage, and masking "
    "raises the variance in no direction iff (1 - rho)(1 - P_0) <= P_0. The reward of action 1 is set to the mean of "
    "the others, so that its advantage is zero.",
    hypotheses="X = A_a (e_a - p) is the update of a token a ~ p, A = r - E_p r; m = E X = pA and S = Cov(X). Action 1 "
    "has advantage zero; the other rewards are not all equal, and v is not constant.",
    proof=proof_in(__doc__),
)
ZERO = _ZERO.with_mutants(
    _ZERO.mutant("0.98", rhs=lambda p, r, v: exact(98, 100) * _spread(p, rational_advantage(p, r), v)),
    _ZERO.mutant(
        "any-advantage",
        lhs=lambda p, r, v: _signal(p, advantage(p, r), v),
        rhs=lambda p, r, v: _spread(p, advantage(p, r), v),
    ),
)


def _worst(p: Array, gains: Array) -> Array:
    """``1/A`` for the actions after the first, and for the first what makes the mean zero."""
    inverse = 1 / gains[..., 1:]
    first = -inner(p[..., 1:], inverse) / p[..., 0]
    return np.concatenate([first[..., None], inverse], axis=-1)


def _others_nonzero(p: Array, r: Array) -> Any:
    """Whether no action after the first has the mean reward of these, by rational arithmetic."""
    mean = inner(p[..., 1:], r[..., 1:]) / p[..., 1:].sum(-1)
    return (r[..., 1:] != mean[..., None]).astype(bool).all(-1)


_ATTAINED = Identity(
    name="beyond/random-masking/attained",
    reading="corrected",
    statement=r"A_1 = 0,\ v = (v_1, \tfrac1{A_2}, \dots, \tfrac1{A_n}),\ \mathbb E_p v = 0:\quad "
    r"p_1\,(m^\top v)^2 = (1 - p_1)\; v^\top S\,v",
    given={"p": d.policies(actions=(3, 5)), "r": d.reals(-10, 10, like="p")},
    assuming=_others_nonzero,
    lhs=lambda p, r: _signal(p, rational_advantage(p, r), _worst(p, rational_advantage(p, r))),
    rhs=lambda p, r: _spread(p, rational_advantage(p, r), _worst(p, rational_advantage(p, r))),
    remark="So the condition of beyond/random-masking/zero-advantage is necessary: along this v a masked update is "
    "noisier if (1 - rho)(1 - p_1) > p_1.",
    hypotheses="m and S are mean and covariance of X = A_a (e_a - p), a ~ p, A = r - E_p r. Action 1, and no other, "
    "has advantage zero.",
    proof="E_p v = 0, so v'X = A_a v_a, which is 0 for a = 1 and 1 for the others.\n"
    "m'v = E[v'X] = 1 - p_1 and v'Sv = (1 - p_1) - (1 - p_1)^2 = p_1 (1 - p_1). Both sides are p_1 (1 - p_1)^2.",
)
ATTAINED = _ATTAINED.with_mutants(
    _ATTAINED.mutant(
        "along-the-rewards",
        lhs=lambda p, r: _signal(p, rational_advantage(p, r), r),
        rhs=lambda p, r: _spread(p, rational_advantage(p, r), r),
    )
)

CLAIMS = (ERROR, RESCALED, ZERO, ATTAINED)

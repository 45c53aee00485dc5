"""Section VIII.A: the advantage estimates of the baselines GRPO, RLOO and PRIME, and what they estimate.

All rewards are verifiable, which "ensures that the advantage estimates are derived directly from ground-truth
performance, a critical requirement for isolating the entropy dynamics": read as, the expected update of sampled
responses is the policy gradient of Eq. (9). K responses a_1, ..., a_K with rewards R_i = r_{a_i} and advantages A_i
give the update ``(1/K) sum_i A_i (e_{a_i} - p)``; here its expectation is a sum over all samples. By symmetry it is
``E[A_1 (e_{a_1} - p)]``, and what does not depend on a_1 may be added to A_1.

* RLOO subtracts the mean of the other rewards, which does not depend on a_1: unbiased.
* Centring by the mean of all K gives ``1 - 1/K`` times the advantages of RLOO.
* GRPO. For rewards 0 and 1 with N right answers in the group, ``sigma_N^2 = (N/K)(1 - N/K)``, a right answer has A = (1
  - N/K) / sigma_N and a wrong one -(N/K) / sigma_N. The mean of ``e_a - p`` is ``pA / P`` given a right answer, ``-pA /
  (1 - P)`` given a wrong one. Together ``E[sigma_N / P + sigma_N / (1 - P)] pA = E[sigma_N] / (P (1 - P)) pA``.
* With real rewards, such as pass rates, the division favours what differs by little. For K = 2 only the order of the
  rewards is left; for every K the update may turn against the policy gradient.
* PRIME adds process rewards rho, less baselines that do not depend on the response: the gradient of the expected ``R +
  sum_t rho_t``.
"""

from collections.abc import Callable
from itertools import combinations_with_replacement, product
from math import comb, factorial, prod
from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative, log1p
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._sampling import rational_advantage
from entropy_theory.claims._shared import Array, constant, inner, leading, loss_gradient
from entropy_theory.constants import exact
from entropy_theory.controls import KLCov
from entropy_theory.estimators import GRPO, RLOO, OutcomeEstimator, Reinforce, prime_advantage
from entropy_theory.problems import Bandit, TokenTree
from entropy_theory.softmax import kl, log_softmax, softmax

POSITION = 8.02

# Expected updates by enumeration ------------------------------------------------------------------------------

Draws = tuple[Array, Array]


def _ordered(n: int, responses: int) -> Draws:
    """All samples of so many responses out of n, shape (L, K), each once."""
    samples = np.array(list(product(range(n), repeat=responses)))
    return samples, np.ones(len(samples), dtype=int)


def _unordered(n: int, responses: int) -> Draws:
    """All samples up to their order, and in how many orders each comes: enough for what does not look at the order."""
    samples = np.array(list(combinations_with_replacement(range(n), responses)))
    counts = [factorial(responses) // prod(factorial(int(c)) for c in np.bincount(s)) for s in samples]
    return samples, np.array(counts)


def _expected(chance: Array, score: Array, advantage_of: Callable[[Array], Array], draws: Draws) -> Array:
    """Expectation of ``(1/K) sum_i sum_t A_{i,t} score_{a_i,t}``.

    Parameters
    ----------
    chance : array (..., n)
        Of each response.
    score : array (..., n, T, D)
        ``grad log pi`` of each token of each response.
    advantage_of : callable
        Maps the samples (L, K) to advantages (..., L, K, T).

    Returns
    -------
    array (..., D)
    """
    samples, orders = draws
    odds = chance[..., samples].prod(-1) * orders
    weighted = odds[..., None, None] * advantage_of(samples)
    of_response = [weighted[..., samples == b, :].sum(-2) for b in range(chance.shape[-1])]
    return np.asarray((np.stack(of_response, axis=-2)[..., None] * score).sum((-3, -2)) / samples.shape[1])


def _score(p: Array) -> Array:
    """``e_a - p`` of each action of a bandit, shape (..., A, 1, A)."""
    return np.asarray(np.eye(p.shape[-1])[:, None, :] - p[..., None, None, :])


def _scores(p: Array) -> Array:
    """The same for the actions of several states: gradients with respect to the logits of all, (..., S, A, S A)."""
    states, actions = p.shape[-2:]
    table = np.eye(states)[:, None, :, None] * (np.eye(actions)[:, None, :] - p[..., None, None, :])
    return table.reshape(*p.shape, -1)


def _update(estimator: OutcomeEstimator, p: Array, r: Array, draws: Draws) -> Array:
    """Expected update of a bandit."""
    return _expected(p, _score(p), lambda a: estimator.of_rewards(r[..., a])[..., None], draws)


def _updates(estimator: OutcomeEstimator, p: Array, r: Array, responses: tuple[int, ...]) -> Any:
    """The expected updates for several group sizes, side by side."""
    return np.concatenate([_update(estimator, p, r, _ordered(p.shape[-1], k)) for k in responses], axis=-1)


def _gradients(p: Array, r: Array, *factors: Any) -> Any:
    """The gradient of E r, by derivatives that know no formula, times each of the factors, side by side."""
    gradient = loss_gradient(p, r)
    return np.concatenate([factor * gradient for factor in factors], axis=-1)


_BANDIT = {"p": d.policies(actions=(2, 3)), "r": d.rewards(like="p")}
_THREE = {"p": d.policies(actions=3), "r": d.reals(0, 1, like="p")}

# REINFORCE and RLOO -------------------------------------------------------------------------------------------


def _reinforced(p: Array, r: Array) -> Any:
    return np.concatenate([_updates(Reinforce(baseline=b), p, r, (1, 2, 3)) for b in (0, 1)], axis=-1)


def _without_score(p: Array, r: Array) -> Array:
    """The update of one response with baseline 1, and with e_a in place of ``e_a - p``."""
    score = np.eye(p.shape[-1])[:, None, :] + 0 * p[..., None, None, :]
    draws = _ordered(p.shape[-1], 1)
    return _expected(p, score, lambda a: Reinforce(baseline=1).of_rewards(r[..., a])[..., None], draws)


_REINFORCE = Identity(
    name="section-viii/reinforce",
    reading="corrected",
    statement=r"A_i = R_i - b:\quad \mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big] = \nabla_z\,\mathbb E_p[r]"
    r"\quad(b = 0, 1;\ K = 1, 2, 3)",
    given=_BANDIT,
    lhs=_reinforced,
    rhs=lambda p, r: _gradients(p, r, *[1] * 6),
    remark="Every baseline b that is not 0 is b = 1 for the rewards r / b, so these are all constant baselines.",
    proof="The mean over i has the expectation of each term. E[(R - b)(e_a - p)] = sum_a p_a r_a (e_a - p) - b (p - p) "
    "has the entries p_b (r_b - E_p r), which is the derivative of sum_a p_a r_a with respect to z_b.",
)
REINFORCE = _REINFORCE.with_mutants(
    _REINFORCE.mutant("no-score", lhs=_without_score, rhs=lambda p, r: _gradients(p, r, 1)),
    _REINFORCE.mutant(
        "baseline-of-the-sample", lhs=lambda p, r: np.tile(_updates(GRPO("none"), p, r, (2, 3, 4)), (1, 2))
    ),
)

_RLOO = Identity(
    name="section-viii/rloo",
    statement=r"A_i = R_i - \frac{1}{K-1}\sum_{j\ne i} R_j:\quad "
    r"\mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big] = \nabla_z\,\mathbb E_p[r]\quad(K = 2, 3, 4)",
    given=_BANDIT,
    lhs=lambda p, r: _updates(RLOO(), p, r, (2, 3, 4)),
    rhs=lambda p, r: _gradients(p, r, 1, 1, 1),
    remark="Section VIII.A: verifiable rewards ensure 'that the advantage estimates are derived directly from "
    "ground-truth performance'. For RLOO the expected update is the policy gradient of Eq. (9).",
    proof="The responses are independent, so E[A_i | a_i] = r_{a_i} - E_p r.\n"
    "Hence E[A_i (e_{a_i} - p)] = sum_a p_a (r_a - E_p r)(e_a - p), with the entries p_b (r_b - E_p r), since sum_a "
    "p_a (r_a - E_p r) = 0. This is the derivative of sum_a p_a r_a with respect to z_b.",
)
RLOO_CLAIM = _RLOO.with_mutants(
    _RLOO.mutant("own-reward-in-the-mean", lhs=lambda p, r: _updates(GRPO("none"), p, r, (2, 3, 4))),
    _RLOO.mutant("flipped-sign", rhs=lambda p, r: _gradients(p, r, -1, -1, -1)),
)

# GRPO ---------------------------------------------------------------------------------------------------------

_PAPER = 8
"""Responses a prompt in the experiments that the paper refers to."""


def _paper_update(p: Array, r: Array) -> Array:
    """Expected update of GRPO with as many responses as the paper has."""
    return _update(GRPO(), p, r, _unordered(p.shape[-1], _PAPER))


def _ascent(p: Array, r: Array) -> Array:
    """``pA``, in rational arithmetic."""
    return np.asarray(p * rational_advantage(p, r))


def _entries(x: Array, of: int) -> Array:
    """Of each pair of entries the first or the second."""
    return np.asarray(x[..., np.triu_indices(x.shape[-1], 1)[of]])


GRPO_PRINTED = Identity(
    name="section-viii/grpo",
    statement=r"A_i = \frac{R_i - \bar R}{\mathrm{sd}\,R},\ K = 8:\quad "
    r"\mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big]\ \text{is a multiple of}\ pA\quad(0 \le r \le 1)",
    given=_THREE,
    lhs=lambda p, r: _entries(_paper_update(p, r), 0) * _entries(_ascent(p, r), 1),
    rhs=lambda p, r: _entries(_paper_update(p, r), 1) * _entries(_ascent(p, r), 0),
    remark="Section VIII.A, read for GRPO: the expected update is the policy gradient of Eq. (9), up to a factor, "
    "which the step size may take up. Rewards are pass rates; 8 responses per prompt. Compared are the products U_a "
    "(pA)_b and U_b (pA)_a, U the expected update.",
    breaks="Section VIII.A takes rewards that are verifiable to be enough for advantage estimates that are 'derived "
    "directly from ground-truth performance'. The estimate also divides by the standard deviation of the same rewards: "
    "R_i / sd R is no unbiased estimate of anything that is linear in r, and groups in which the rewards differ by "
    "little count as much as groups in which they differ by a lot.",
    terms={
        "A": rational_advantage,
        "pA": _ascent,
        "U": _paper_update,
    },
)


def _right(p: Array, m: Array) -> Any:
    """Rewards: one for the first m actions, else zero."""
    return np.where(leading(p, m), 1 + 0 * p, 0 * p)


def _factor(right: Array, wrong: Array, responses: int) -> Any:
    """``E[sigma_N] / (P (1 - P))``, N binomial, without the division: no term has N = 0 or N = K."""
    terms = [
        comb(responses, n)
        * np.sqrt(exact(n * (responses - n), responses**2))
        * right ** (n - 1)
        * wrong ** (responses - n - 1)
        for n in range(1, responses)
    ]
    return sum(terms[1:], terms[0])


def _factors(p: Array, m: Array) -> list[Any]:
    r = _right(p, m)
    return [_factor(inner(p, r), inner(p, 1 - r), k)[..., None] for k in (2, 3, 4)]


_GRADED = {"p": d.policies(actions=(2, 3)), "m": d.integers(1, 2)}
_GRADED_WORDS = "The first m actions have reward 1 and the others 0, 1 <= m < n, so 0 < P < 1."


def _some_wrong(p: Array, m: Array) -> Any:
    return (m < p.shape[-1]).astype(bool)


_GRPO = Identity(
    name="section-viii/grpo",
    reading="corrected",
    statement=r"r \in \{0,1\}^n,\ P = \mathbb E_p[r]:\quad \mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big] = "
    r"\frac{\mathbb E\,\sigma_N}{P(1-P)}\,\nabla_z P,\quad N \sim \mathrm{Bin}(K, P),\ "
    r"\sigma_N^2 = \tfrac NK\big(1 - \tfrac NK\big)\quad(K = 2, 3, 4)",
    given=_GRADED,
    assuming=_some_wrong,
    hypotheses=_GRADED_WORDS + " The standard deviation of the group has the divisor K.",
    lhs=lambda p, m: _updates(GRPO(ddof=0), p, _right(p, m), (2, 3, 4)),
    rhs=lambda p, m: _gradients(p, _right(p, m), *_factors(p, m)),
    remark="For exact match the direction of one prompt is right and the factor depends on its success chance: exactly "
    "1 for K = 2, about 1 / sqrt(P (1 - P)) for large K. The same factor stands before the covariance of Eq. (10).",
    proof="With N right answers in the group, a right one has A = (1 - N/K) / s and a wrong one A = -(N/K) / s, s = "
    "sigma_N; all are zero if N is 0 or K.\n"
    "Given which answers are right, E[e_a - p | right] = p 1{r=1} / P - p, with the entries p_a (r_a - P) / P, so it "
    "is pA / P; likewise E[e_a - p | wrong] = -pA / (1 - P).\n"
    "So the expected update is pA E[(N/K)(1 - N/K) / s (1/P + 1/(1 - P))] = pA E[s] / (P (1 - P)), where a term with s "
    "= 0 is zero. And pA = grad P.",
)
GRPO_CLAIM = _GRPO.with_mutants(
    _GRPO.mutant("divisor-less-one", lhs=lambda p, m: _updates(GRPO(), p, _right(p, m), (2, 3, 4))),
    _GRPO.mutant("no-factor", rhs=lambda p, m: _gradients(p, _right(p, m), 1, 1, 1)),
    _GRPO.mutant(
        "limit-of-large-groups",
        rhs=lambda p, m: _gradients(
            p, _right(p, m), *[1 / np.sqrt(inner(p, _right(p, m)) * inner(p, 1 - _right(p, m)))[..., None]] * 3
        ),
    ),
)

DIRECTION_PRINTED = Inequality(
    name="section-viii/grpo-direction",
    statement=r"A_i = \frac{R_i - \bar R}{\mathrm{sd}\,R},\ K = 8:\quad "
    r"\Big\langle \mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big],\ \nabla_z\,\mathbb E_p[r]\Big\rangle \ge 0"
    r"\quad(0 \le r \le 1)",
    given=_THREE,
    lhs=0,
    rhs=lambda p, r: inner(_paper_update(p, r), _ascent(p, r)),
    remark="The weakest reading of Section VIII.A: the expected update of GRPO is at least a direction of ascent. It "
    "fails where one answer is rare and the others differ by little. The 1e-6 that released code adds to the standard "
    "deviation does not change that.",
    breaks="Section VIII.A takes rewards that are verifiable (for code, the pass rate) to be enough. In a group "
    "without the rare answer the others' small difference is divided by itself, so the slightly worse of them is "
    "lowered as if it were bad, also where it is far above the mean of the policy. Most groups are of this kind. In "
    "the gradient the rare answer, which is far from the others, decides.",
    terms={
        "A": rational_advantage,
        "pA": _ascent,
        "U": _paper_update,
        "<U, pA>": lambda p, r: inner(_paper_update(p, r), _ascent(p, r)),
    },
)


def _alignment(p: Array, m: Array) -> Array:
    r = _right(p, m)
    return inner(_paper_update(p, r), _ascent(p, r))


_DIRECTION = Inequality(
    name="section-viii/grpo-direction",
    reading="corrected",
    statement=r"r \in \{0,1\}^n,\ 0 < P < 1,\ K = 8:\quad "
    r"\Big\langle \mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big],\ \nabla_z P\Big\rangle > 0",
    given=_GRADED,
    assuming=_some_wrong,
    hypotheses=_GRADED_WORDS,
    lhs=0,
    rhs=_alignment,
    strict=True,
    remark="Exact match. With several prompts that share parameters it can fail again, section-viii/grpo-prompts.",
    proof="By section-viii/grpo (corrected) the expected update is a positive multiple of pA; the divisor K - 1 "
    "changes the multiple by section-viii/grpo-ddof. So the product is that multiple of sum_a (p_a A_a)^2, and A_a = 1 "
    "- P or -P is not zero.",
)
DIRECTION = _DIRECTION.with_mutants(
    _DIRECTION.mutant("flipped-sign", rhs=lambda p, m: -_alignment(p, m)),
    _DIRECTION.mutant(
        "seven-quarters", lhs=lambda p, m: exact(7, 4) * inner(_ascent(p, _right(p, m)), _ascent(p, _right(p, m)))
    ),
)

_CENTRED = Identity(
    name="section-viii/grpo-centred",
    reading="corrected",
    statement=r"A_i = R_i - \bar R:\quad \mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big] = "
    r"\Big(1 - \frac1K\Big)\nabla_z\,\mathbb E_p[r]\quad(K = 2, 3, 4)",
    given=_BANDIT,
    lhs=lambda p, r: _updates(GRPO("none"), p, r, (2, 3, 4)),
    rhs=lambda p, r: _gradients(p, r, exact(1, 2), exact(2, 3), exact(3, 4)),
    remark="Without the division (Dr. GRPO) the direction is right for all rewards and prompts, and the factor is one "
    "number.",
    proof="R_i - mean R = (1 - 1/K)(R_i - mean_{j != i} R_j): the update is 1 - 1/K times that of section-viii/rloo.",
)
CENTRED = _CENTRED.with_mutants(_CENTRED.mutant("no-factor", rhs=lambda p, r: _gradients(p, r, 1, 1, 1)))

_DDOF = Identity(
    name="section-viii/grpo-ddof",
    reading="corrected",
    statement=r"A_i\big|_{\text{divisor } K-1} = \sqrt{\tfrac{K-1}{K}}\;A_i\big|_{\text{divisor } K}",
    given={"r": d.rewards(actions=(2, 6))},
    lhs=lambda r: GRPO(ddof=1).of_rewards(r),
    rhs=lambda r: np.sqrt(exact(r.shape[-1] - 1, r.shape[-1])) * GRPO(ddof=0).of_rewards(r),
    remark="The r here are the rewards of one group. Released implementations divide by K - 1.",
    proof="The standard deviations are sqrt(S / (K - 1)) and sqrt(S / K), S = sum_j (R_j - mean R)^2, so A_i differs "
    "by the factor sqrt((K - 1) / K). Where S = 0 both sides are zero.",
)
DDOF = _DDOF.with_mutants(_DDOF.mutant("equal", rhs=lambda r: GRPO(ddof=0).of_rewards(r)))

_SIZES = (2, 3, 4, 8, 16)


def _arcsine_share(a: Array) -> Any:
    """``E[sigma_N] / sqrt(P (1 - P))`` at P = a for several group sizes; sigma_N is the mean of A_i R_i."""
    pair = np.stack([a, 1 - a], axis=-1)
    columns = []
    for k in _SIZES:
        samples, orders = _unordered(2, k)
        hits = (samples == 0).astype(int)
        spread = (GRPO(ddof=0).of_rewards(hits + 0 * a[:1, None, None]) * hits).sum(-1) / k
        columns.append((pair[..., samples].prod(-1) * orders * spread).sum(-1) / np.sqrt(a * (1 - a)))
    return np.stack(columns, axis=-1)


def _floor(a: Array, constant: Any) -> Any:
    return np.stack([1 - constant / (k * a * (1 - a)) for k in _SIZES], axis=-1)


def _ceiling(a: Array, power: int) -> Any:
    return np.stack([np.sqrt(exact(k - 1, k) ** power) + 0 * a for k in _SIZES], axis=-1)


_ARCSINE = Inequality(
    name="section-viii/grpo-arcsine",
    reading="corrected",
    statement=r"1 - \frac{1}{2KP(1-P)} \;\le\; \sqrt{P(1-P)}\,\frac{\mathbb E\,\sigma_N}{P(1-P)} \;\le\; "
    r"\sqrt{1 - \tfrac1K}\quad(K = 2, 3, 4, 8, 16)",
    given={"a": d.reals(0, 1, open_low=True, open_high=True)},
    hypotheses="a = P is the success chance.",
    lhs=lambda a: np.concatenate([_floor(a, exact(1, 2)), _arcsine_share(a)], axis=-1),
    rhs=lambda a: np.concatenate([_arcsine_share(a), _ceiling(a, 1)], axis=-1),
    remark="So the factor of section-viii/grpo (corrected) tends to 1 / sqrt(P (1 - P)), and the expected update to "
    "the gradient of 2 arcsin sqrt(P). Both bounds meet only as K grows.",
    proof="v = P (1 - P). X = sigma_N^2 has E X = (1 - 1/K) v, so by Jensen's inequality E sigma_N <= sqrt((1 - 1/K) "
    "v): the upper bound.\n"
    "s = sqrt(K X / ((K - 1) v)) has E s^2 = 1, and s^2 v is the unbiased sample variance, whose variance is [v (1 - 3 "
    "v) - v^2 (K - 3)/(K - 1)] / K. So E s^4 = 1 + [1/v - 4 + 2/(K - 1)] / K.\n"
    "For s >= 0: s >= (3 s^2 - s^4)/2, since s^3 - 3 s + 2 = (s - 1)^2 (s + 2) >= 0. Hence E s >= 1 - [1/v - 4 + 2/(K "
    "- 1)] / (2 K) = 1 + b - 1/(2 K v) with b = (2 - 1/(K - 1)) / K.\n"
    "E sigma_N / sqrt(v) = sqrt(1 - 1/K) E s >= sqrt(1 - 1/K)(1 + b) - 1/(2 K v). And (1 - 1/K)(1 + b)^2 >= (1 - "
    "1/K)(1 + 2 b) = 1 + (3 K - 6)/K^2 >= 1.",
)
ARCSINE = _ARCSINE.with_mutants(
    _ARCSINE.mutant("a-tenth", lhs=lambda a: _floor(a, exact(1, 10)), rhs=lambda a: _arcsine_share(a)),
    _ARCSINE.mutant("no-root", lhs=_arcsine_share, rhs=lambda a: _ceiling(a, 2)),
)

# Several prompts ----------------------------------------------------------------------------------------------

_PROMPTS = {"p": d.policies(actions=2, states=2), "f": d.reals(-1, 1, like="p")}
_PROMPTS_WORDS = (
    "Two equally likely prompts with two answers each, the first of which is right. One parameter t moves the logits "
    "of prompt m by t f_m; p_m is the policy at t = 0."
)


def _first(p: Array) -> Any:
    """Rewards: one for the first action, else zero."""
    return np.stack([1 + 0 * p[..., 0], *[0 * p[..., 0]] * (p.shape[-1] - 1)], axis=-1)


def _along(p: Array, f: Array) -> Array:
    """The expected update of t: the mean over the prompts of that of the logits, taken along f."""
    return np.asarray(inner(_paper_update(p, _first(p)), f).sum(-1) / 2)


def _slope(p: Array, f: Array) -> Array:
    """The derivative of the mean success chance with respect to t."""
    return np.asarray(inner(_ascent(p, _first(p)), f).sum(-1) / 2)


PROMPTS_PRINTED = Inequality(
    name="section-viii/grpo-prompts",
    statement=r"r \in \{0,1\},\ \text{two prompts},\ K = 8:\quad \frac{dJ}{dt}\cdot\mathbb E[\Delta t] \ge 0,\quad "
    r"J = \tfrac12(P_1 + P_2)",
    given=_PROMPTS,
    hypotheses=_PROMPTS_WORDS,
    lhs=0,
    rhs=lambda p, f: _slope(p, f) * _along(p, f),
    remark="Section VIII.A in the case that is the kindest to GRPO, exact match, with 256 prompts and one model: the "
    "expected update is at least a direction of ascent of J. Each prompt's gradient has the factor of "
    "section-viii/grpo (corrected), which is larger for hard and easy prompts than for others.",
    breaks="Section VIII.A takes rewards that are verifiable to be enough. The division by the standard deviation of "
    "the group weighs prompts by their success chance, and J weighs them equally. Where a step in t helps one prompt "
    "and harms another, the two may disagree on its sign.",
    terms={
        "p A": lambda p: _ascent(p, _first(p)),
        "U": lambda p: _paper_update(p, _first(p)),
        "dJ/dt": _slope,
        "E dt": _along,
    },
)


def _potential(chance: Array, responses: int) -> Any:
    """``sqrt((K - 1) / K) E c_M`` with M binomial (K - 1, chance) and ``c_m = sum_{N=1}^m 1 / sqrt(N (K - N))``."""
    n = responses - 1
    steps = [1 / np.sqrt(exact(m * (responses - m))) for m in range(1, responses)]
    total = 0 * chance
    for m in range(1, responses):
        weight = comb(n, m) * chance**m * (1 - chance) ** (n - m)
        total = total + sum(steps[1:m], steps[0]) * weight
    return np.sqrt(exact(n, responses)) * total


def _climbed(p: Array, f: Array, potential: Callable[[Array], Any]) -> Array:
    """The derivative in t of the mean of a function of the prompts' success chances."""
    x = np.log(p)

    def mean(t: Array) -> Array:
        chance = softmax(x + t[..., None, None] * f)[..., 0]
        return np.asarray(potential(chance).sum(-1) / 2)

    at = 0 * p[..., 0, 0]
    return directional_derivative(mean, at, 1 + at)


_PROMPTS_CLAIM = Identity(
    name="section-viii/grpo-prompts",
    reading="corrected",
    statement=r"\mathbb E[\Delta t] = \frac{d}{dt}\,\tfrac12\big(\Phi(P_1) + \Phi(P_2)\big),\quad "
    r"\Phi(P) = \sqrt{\tfrac{K-1}{K}}\;\mathbb E\,c_M,\ M \sim \mathrm{Bin}(K-1, P),\ "
    r"c_m = \sum_{N=1}^m \frac{1}{\sqrt{N(K-N)}}\quad(K = 8)",
    given=_PROMPTS,
    hypotheses=_PROMPTS_WORDS,
    lhs=_along,
    rhs=lambda p, f: _climbed(p, f, lambda chance: _potential(chance, _PAPER)),
    remark="GRPO climbs another objective: the mean of an increasing function of the success chances, which is steep "
    "at both ends and tends to 2 arcsin sqrt(P) for large K.",
    proof="For one prompt the expected update of the logits is g(P) grad P with g(P) = sqrt((K - 1) / K) E sigma_N / "
    "(P (1 - P)), by section-viii/grpo (corrected) and section-viii/grpo-ddof; so that of t is the mean of g(P_m) "
    "dP_m/dt. It remains to show Phi' = g.\n"
    "For M binomial (n, P), d/dP E c_M = n E[c_{M'+1} - c_{M'}] with M' binomial (n - 1, P). Here n = K - 1 and "
    "c_{m+1} - c_m = 1 / sqrt((m + 1)(K - m - 1)).\n"
    "So Phi' = sqrt((K - 1) / K) sum_{N=1}^{K - 1} (K - 1) C(K - 2, N - 1) P^(N - 1) (1 - P)^(K - N - 1) / sqrt(N (K "
    "- N)).\n"
    "C(K - 2, N - 1) = C(K, N) N (K - N) / (K (K - 1)), so the term is C(K, N) P^(N - 1) (1 - P)^(K - N - 1) sqrt(N "
    "(K - N)) / K, which is that of E sigma_N / (P (1 - P)).",
)
PROMPTS = _PROMPTS_CLAIM.with_mutants(
    _PROMPTS_CLAIM.mutant("mean-success", rhs=lambda p, f: _climbed(p, f, lambda chance: chance)),
    _PROMPTS_CLAIM.mutant(
        "divisor-of-the-mean",
        rhs=lambda p, f: np.sqrt(exact(8, 7)) * _climbed(p, f, lambda chance: _potential(chance, _PAPER)),
    ),
)

_BATCH = {"p": d.policies(actions=2, states=2), "c": d.reals(0, 1, open_low=True, open_high=True)}


def _pairs(p: Array, c: Array) -> tuple[Array, Array, Array]:
    """Prompt and answer as one response: its chance, its reward, and grad log pi with respect to all logits."""
    weight = np.stack([c, 1 - c], axis=-1)
    chance = (weight[..., None] * p).reshape(len(p), -1)
    return chance, _first(p).reshape(chance.shape), _scores(p).reshape(*chance.shape, 1, -1)


_BATCHES = (_ordered, 2), (_unordered, 4)
"""Batches of 2 responses in every order, and of 4 up to the order."""


def _batch_updates(p: Array, c: Array) -> Any:
    """Expected updates of all logits, each response to a prompt of its own."""
    chance, reward, score = _pairs(p, c)
    n, of_rewards = chance.shape[-1], Reinforce(normalise=True).of_rewards
    updates = [
        _expected(chance, score, lambda a: of_rewards(reward[..., a])[..., None], draws(n, k)) for draws, k in _BATCHES
    ]
    return np.concatenate(updates, axis=-1)


def _group_updates(p: Array, c: Array) -> Any:
    """The same with all responses to one prompt, drawn for all of them."""
    weight, estimator = np.stack([c, 1 - c], axis=-1)[..., None], Reinforce(normalise=True)
    updates = [weight * _update(estimator, p, _first(p), draws(p.shape[-1], k)) for draws, k in _BATCHES]
    return np.concatenate([u.reshape(len(p), -1) for u in updates], axis=-1)


def _batch_gradients(p: Array, c: Array) -> Any:
    weight = np.stack([c, 1 - c], axis=-1)

    def objective(z: Array) -> Array:
        return inner(weight, softmax(z)[..., 0])

    x, shape = np.log(p), p.shape[-2:]
    directions = np.eye(shape[0] * shape[1]).reshape(-1, *shape)
    gradient = np.stack([directional_derivative(objective, x, e) for e in directions], axis=-1)
    right, wrong = inner(weight, p[..., 0]), inner(weight, p[..., 1])
    return np.concatenate([_factor(right, wrong, k)[..., None] * gradient for _, k in _BATCHES], axis=-1)


_NORMALISED = Identity(
    name="section-viii/reinforce-normalised",
    reading="corrected",
    statement=r"r \in \{0,1\},\ A_i = \frac{R_i - \bar R}{\mathrm{sd}\,R}\ \text{over a batch of } B:\quad "
    r"\mathbb E[\Delta z] = \frac{\mathbb E\,\sigma_N}{J(1-J)}\,\nabla_z J,\quad N \sim \mathrm{Bin}(B, J)"
    r"\quad(B = 2, 4)",
    given=_BATCH,
    hypotheses="Each response answers a prompt drawn for it alone, the first with probability c and the second with 1 "
    "- c; at both the first action has reward 1 and the other 0. The standard deviation has the divisor B.",
    lhs=_batch_updates,
    rhs=_batch_gradients,
    remark="REINFORCE++ is biased like GRPO, but over the whole batch: for rewards 0 and 1 by one factor for all "
    "prompts, so it ascends J. For other rewards it need not, as section-viii/grpo-direction (printed), the case of "
    "one prompt, shows.",
    proof="A response is a pair (prompt, answer), drawn independently for each i, and right with probability J. With s "
    "the gradient of the log-probability of the answer given the prompt, E[s] = 0 and E[s 1{right}] = grad J.\n"
    "So E[s | right] = grad J / J and E[s | wrong] = -grad J / (1 - J). The rest is the proof of section-viii/grpo "
    "(corrected) with J for P and grad J for pA.",
)
NORMALISED = _NORMALISED.with_mutants(
    _NORMALISED.mutant("by-prompt", lhs=_group_updates),
    _NORMALISED.mutant("flipped-sign", lhs=lambda p, c: -_batch_updates(p, c)),
)

# PRIME --------------------------------------------------------------------------------------------------------

_JUDGED = {**_BANDIT, "u": d.reals(-1, 1, like="p")}
_JUDGED_WORDS = (
    "u_a is the process reward of action a, beta log(phi_a / phi_ref,a); up to a constant, which cancels, a model phi "
    "can have any u."
)


def _prime(p: Array, r: Array, u: Array, responses: tuple[int, ...] = (2, 3)) -> Any:
    """Expected updates of PRIME with process rewards u and responses of one token."""
    return np.concatenate(
        [
            _expected(
                p, _score(p), lambda a: prime_advantage(r[..., a], u[..., a][..., None]), _ordered(p.shape[-1], k)
            )
            for k in responses
        ],
        axis=-1,
    )


PRIME_PRINTED = Identity(
    name="section-viii/prime",
    statement=r"A_i = R_i + \rho_i - \frac{1}{K-1}\sum_{j\ne i}(R_j + \rho_j):\quad "
    r"\mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big] = pA\quad(K = 2, 3)",
    given=_JUDGED,
    assuming=lambda r: ~constant(r),
    hypotheses=_JUDGED_WORDS + " The rewards are not all equal.",
    lhs=_prime,
    rhs=lambda p, r: np.concatenate([_ascent(p, r)] * 2, axis=-1),
    remark="Section VIII.A, read for PRIME: the expected update is the policy gradient of Eq. (9). It is in the first "
    "batch, where phi = phi_ref.",
    breaks="Section VIII.A says that verifiable rewards eliminate 'the confounding effect of reward model "
    "misspecification'. PRIME adds to them the process rewards of a model that it learns; their mean over the other "
    "responses is subtracted, but not their mean given the response.",
    terms={
        "pA": _ascent,
        "p (u - E u)": lambda p, u: _ascent(p, u),
        "U": lambda p, r, u: _prime(p, r, u, (2,)),
    },
)

_PRIME = Identity(
    name="section-viii/prime",
    reading="corrected",
    statement=r"\mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big] = \nabla_z\,\mathbb E_p[r + \rho]"
    r"\quad(\rho\ \text{held};\ K = 2, 3)",
    given=_JUDGED,
    hypotheses=_JUDGED_WORDS,
    lhs=_prime,
    rhs=lambda p, r, u: _gradients(p, r + u, 1, 1),
    remark="The bias is the gradient of the expected process reward, with the model held fixed.",
    proof="For one token A_i is the advantage of RLOO for the rewards R + rho; section-viii/rloo.",
)
PRIME_CLAIM = _PRIME.with_mutants(
    _PRIME.mutant("process-reward-twice", rhs=lambda p, r, u: _gradients(p, r + 2 * u, 1, 1)),
    _PRIME.mutant("outcome-only", rhs=lambda p, r: _gradients(p, r, 1, 1)),
)

_LEAVES = np.array(list(product(range(2), repeat=2)))
"""The responses of two tokens: first and second token."""

_PREFIXES = np.stack([np.zeros(4, dtype=int), 1 + _LEAVES[:, 0]], axis=-1)
"""The states in which they are chosen, numbered as in a TokenTree."""

_TREE = {
    "p": d.policies(actions=2, states=3),
    "u": d.reals(-1, 1, like="p"),
    "r": d.rewards(actions=4),
}


def _tree_updates(p: Array, u: Array, r: Array) -> Any:
    """Expected updates of PRIME for two and three responses of two tokens."""
    chance = p[..., _PREFIXES, _LEAVES].prod(-1)
    process = u[..., _PREFIXES, _LEAVES]
    score = _scores(p)[..., _PREFIXES, _LEAVES, :]
    updates = [
        _expected(chance, score, lambda a: prime_advantage(r[..., a], process[..., a, :]), draws)
        for draws in (_ordered(4, 2), _unordered(4, 3))
    ]
    return np.concatenate(updates, axis=-1)


def _tree_gradients(p: Array, u: Array, r: Array, weight: int = 1) -> Any:
    """The gradient of the expected sum of outcome and process rewards, by derivatives."""
    total = r + weight * u[..., _PREFIXES, _LEAVES].sum(-1)
    tree = TokenTree(2, 2, total[:, None, None, :])
    directions = np.eye(6).reshape(6, 3, 2)
    gradient = directional_derivative(tree.objective, np.log(p)[:, None], directions)
    return np.concatenate([gradient, gradient], axis=-1)


_TOKENS = Identity(
    name="section-viii/prime-tokens",
    reading="corrected",
    statement=r"T = 2:\quad \mathbb E\Big[\tfrac1K\sum_{i,t} A_{i,t}\,\nabla_z\log\pi(a_{i,t}|s_{i,t})\Big] = "
    r"\nabla_z\,\mathbb E_\pi\Big[R + \sum_t \rho_t\Big]\quad(\rho\ \text{held};\ K = 2, 3)",
    given=_TREE,
    hypotheses="Responses of two tokens out of two: three states, four responses with the rewards r. u(s, a) is the "
    "process reward of a token.",
    lhs=_tree_updates,
    rhs=lambda p, u, r: _tree_gradients(p, u, r),
    remark="The baseline takes the mean process reward of the other responses once for each token that is left. It "
    "depends on the place of the token but not on the response, so it adds no bias.",
    proof="A_{i,t} = sum_{s>=t} rho_{i,s} + R_i - b_{i,t}, where b_{i,t} depends on t and on the other responses only. "
    "They are independent of response i, and E[grad log pi(a_t|s_t)] = 0, so b drops out.\n"
    "For s < t, rho_{i,s} is known before a_t is drawn, so E[rho_{i,s} grad log pi(a_t|s_t)] = 0. It may therefore be "
    "added: the expected update is E[sum_t (R + sum_s rho_s) grad log pi(a_t|s_t)].\n"
    "That is the sum over the responses y of (R + sum_s rho_s) grad P(y), since grad log P(y) = sum_t grad log "
    "pi(a_t|s_t).",
)
TOKENS = _TOKENS.with_mutants(
    _TOKENS.mutant("process-reward-twice", rhs=lambda p, u, r: _tree_gradients(p, u, r, weight=2)),
    _TOKENS.mutant("outcome-only", rhs=lambda p, u, r: _tree_gradients(p, u, r, weight=0)),
)


def _learnt(p: Array, r: Array, beta: Array, rate: Array) -> Array:
    """Process rewards after one exact step of the model from phi = phi_ref = p."""
    x = np.log(p)[..., None, :]

    def process(y: Array) -> Array:
        return np.asarray(beta[..., None, None] * (log_softmax(y) - x))

    def cross_entropy(y: Array) -> Array:
        rho, right = process(y), r[..., None, :]
        loss = right * log1p(np.exp(-rho)) + (1 - right) * log1p(np.exp(rho))
        return inner(p[..., None, :], loss)

    gradient = directional_derivative(cross_entropy, x, np.eye(p.shape[-1]))
    return process(x - (rate[..., None] * gradient)[..., None, :])[..., 0, :]


def _after_one_step(p: Array, r: Array, beta: Array, rate: Array) -> Array:
    """Inner product of the expected update with the policy gradient, K = 2."""
    return inner(_prime(p, r, _learnt(p, r, beta, rate), (2,)), _ascent(p, r))


_FIRST_STEP = Inequality(
    name="section-viii/prime-first-step",
    reading="corrected",
    statement=r"\phi\ \text{after one exact step from } \phi_{\rm ref} = p:\quad \|pA\|^2 \le "
    r"\Big\langle \mathbb E\Big[\tfrac1K\sum_i A_i\,(e_{a_i} - p)\Big],\ pA\Big\rangle\quad(0 \le r \le 1,\ K = 2)",
    given={
        "p": d.policies(actions=(2, 4)),
        "r": d.reals(0, 1, like="p"),
        "beta": d.reals(0, 1, open_low=True),
        "rate": d.reals(0, 100, open_low=True),
    },
    hypotheses="One step of gradient descent with the learning rate called rate on the expected cross-entropy of "
    "sigmoid(rho_a) against r_a, actions drawn from p, which is also phi_ref and the start of phi.",
    lhs=lambda p, r: inner(_ascent(p, r), _ascent(p, r)),
    rhs=_after_one_step,
    tight=True,
    remark="The bias of PRIME does no harm at first: after one exact step the process rewards are rho = rate beta^2 pA "
    "up to a constant, and the expected update still ascends, at least as fast as the policy gradient.",
    proof="At phi = phi_ref all rho are 0, and the derivative of the cross-entropy with respect to rho_a is p_a (1/2 - "
    "r_a). With drho_a/dy_b = beta (1{a=b} - p_b) the step is rate beta p_b (r_b - 1/2 - E_p(r - 1/2)) = rate beta p_b "
    "A_b.\n"
    "log softmax(log p + v) - log p is v up to a constant, so rho = c pA + constant with c = rate beta^2.\n"
    "By section-viii/prime (corrected) the expected update is p (A + c (g - E_p g)) with g = pA. Its product with g is "
    "sum_a g_a^2 + c [E_p g^2 - (E_p g)^2], and the bracket is Var_p(g) >= 0.",
)
FIRST_STEP = _FIRST_STEP.with_mutants(
    _FIRST_STEP.mutant(
        "one-percent-more", lhs=lambda p, r: exact(101, 100) * inner(_ascent(p, r), _ascent(p, r)), tight=False
    ),
    _FIRST_STEP.mutant("gradient-ascent", rhs=lambda p, r, beta, rate: _after_one_step(p, r, beta, -rate), tight=False),
)

# The penalty on the divergence from a reference -----------------------------------------------------------------

_REFERRED = {"p": d.policies(actions=(2, 3)), "q": d.policies(like="p")}


def _k3_gradient(p: Array, q: Array) -> Array:
    """Expected gradient of ``ratio - log ratio - 1``, ratio q/p at sampled tokens, with the sample held."""

    def loss(z: Array) -> Array:
        log_ratio = np.log(q)[..., None, :] - log_softmax(z)
        return inner(p[..., None, :], np.exp(log_ratio) - log_ratio - 1)

    return directional_derivative(loss, np.log(p)[..., None, :], np.eye(p.shape[-1]))


def _kl_gradient(p: Array, q: Array) -> Array:
    """Gradient of ``KL(q || p)`` in the logits of p, by derivatives."""
    return directional_derivative(
        lambda z: kl(np.log(q)[..., None, :], z), np.log(p)[..., None, :], np.eye(p.shape[-1])
    )


def _reverse_kl_gradient(p: Array, q: Array) -> Array:
    """Gradient of ``KL(p || q)`` in the logits of p: ``p (log(p/q) - KL)``, by derivatives."""
    return directional_derivative(
        lambda z: kl(z, np.log(q)[..., None, :]), np.log(p)[..., None, :], np.eye(p.shape[-1])
    )


def _kl_cov_pull(p: Array, q: Array) -> Array:
    """What KL-Cov on all tokens adds to the loss gradient, at beta = 1."""
    control = KLCov(1.0, 1.0, penalty="kl", mask="token")
    return -control.update(Bandit(0 * p), np.log(p), 1.0, anchor=np.log(q))


_REFERENCE = Identity(
    name="section-viii/reference-kl",
    reading="corrected",
    statement=r"\mathbb E_{a\sim p}\Big[\nabla_z\Big(\frac{q_a}{p_a} - \log\frac{q_a}{p_a} - 1\Big)\Big] = p - q = "
    r"\nabla_z\,\mathrm{KL}(q\,\|\,p)",
    given=_REFERRED,
    hypotheses="q is the reference policy; the sampled action is held when the loss is differentiated.",
    lhs=lambda p, q: np.tile(_k3_gradient(p, q), (1, 3)),
    rhs=lambda p, q: np.concatenate([_kl_gradient(p, q), p - q, _kl_cov_pull(p, q)], axis=-1),
    remark="The penalty on the divergence from a reference in the released code of GRPO. Its mean is KL(p || q), but "
    "the gradient of KL(p || q) is p (log(p/q) - KL(p || q)). As an update it is KL-Cov on all tokens, KLCov(beta, 1, "
    "penalty='kl', mask='token', anchor='fixed').",
    proof="The gradient of log p_a is e_a - p, so that of q_a/p_a - log(q_a/p_a) - 1 is (1 - q_a/p_a)(e_a - p).\n"
    "Its mean under p is sum_a (p_a - q_a)(e_a - p) = p - q, as sum_a (p_a - q_a) = 0.\n"
    "grad KL(q || p) = -sum_a q_a (e_a - p) = p - q. KL-Cov adds beta (sum_a q_a m_a)(p - q), and with all tokens "
    "selected the sum is one.",
)
REFERENCE = _REFERENCE.with_mutants(
    _REFERENCE.mutant(
        "the-other-divergence", lhs=lambda p, q: _k3_gradient(p, q), rhs=lambda p, q: _reverse_kl_gradient(p, q)
    ),
    _REFERENCE.mutant("flipped-sign", lhs=lambda p, q: _k3_gradient(p, q), rhs=lambda p, q: q - p),
)

CLAIMS = (
    RLOO_CLAIM,
    GRPO_PRINTED,
    GRPO_CLAIM,
    DIRECTION_PRINTED,
    DIRECTION,
    PROMPTS_PRINTED,
    PROMPTS,
    ARCSINE,
    DDOF,
    CENTRED,
    REINFORCE,
    NORMALISED,
    PRIME_PRINTED,
    PRIME_CLAIM,
    TOKENS,
    FIRST_STEP,
    REFERENCE,
)

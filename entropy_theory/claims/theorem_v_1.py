"""Theorem V.1, Eq. (14): the entropy dynamics under entropy regularisation.

Substituting Eq. (13) into Lemma IV.2 gives exactly ``dH = -eta Cov(x, pA) + alpha eta K`` with ``K = sum_a p_a^2 (x_a
- mu)^2 = ||grad H||^2``. The paper has ``Var(x) = sum_a p_a (x_a - mu)^2`` in its place. With ``F = diag(p) - p p'``, K
is ``x' F^2 x`` and Var(x) is ``x' F x``: (14) overstates the second term always, at least twofold, and the more so the
more deterministic the policy. Its true home is the natural gradient, where F replaces F^2.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative, largest
from entropy_theory.checking.claim import Identity, Inequality, Order
from entropy_theory.claims._shared import Array, advantage, ascent, driver, inner, squared_gradient
from entropy_theory.constants import exact
from entropy_theory.softmax import (
    centred,
    covariance,
    entropy,
    entropy_gradient,
    first_order_entropy_change,
    varentropy,
)

POSITION = 5.03

_GIVEN = {"p": d.policies(), "r": d.rewards(like="p"), "alpha": d.positive()}


def _update(p: Array, r: Array, alpha: Array) -> Any:
    """The direction of Eq. (13)."""
    return ascent(p, r) + alpha[..., None] * entropy_gradient(np.log(p))


def _true(p: Array, r: Array, alpha: Array) -> Any:
    """First-order entropy change per unit of eta, from Lemma IV.2."""
    return first_order_entropy_change(np.log(p), _update(p, r, alpha))


def _printed(p: Array, r: Array, alpha: Array) -> Any:
    return -driver(p, r) + alpha * varentropy(np.log(p))


EQ_14_PRINTED = Identity(
    name="theorem-v.1/eq-14",
    statement=r"\Delta H = -\eta\,\mathrm{Cov}(\log p, pA) + \alpha\eta\,\mathrm{Var}(\log p)",
    given=_GIVEN,
    lhs=_true,
    rhs=_printed,
    remark="Per unit of eta. The second covariance is K = ||grad H||^2, at most half of the variance. How good (14) is "
    "as an approximation near determinism is theorem-v.1/near-deterministic.",
    breaks=(
        "Appendix F arrives rightly at dH = -eta Cov(log pi, pi A) + alpha eta Cov(log pi, pi (log pi - mu)). "
        "The second covariance is K = sum_a p_a^2 (x_a - mu)^2 = ||grad H||^2, with weights p_a^2. The "
        "appendix first loses a term of it (theorem-v.1/appendix-f), then writes what is left as Var(log pi) "
        "+ Delta and drops Delta, which is of the size of the variance itself (theorem-v.1/appendix-f-delta). "
        "In fact K is never more than half of the variance, so that (14) overstates what regularisation does "
        "at least twofold."
    ),
    terms={
        "log p": lambda p: np.log(p),
        "A": advantage,
        "Cov(log p, pA)": driver,
        "K = ||grad H||^2": squared_gradient,
        "Var(log p)": lambda p: varentropy(np.log(p)),
        "dH by Lemma IV.2": _true,
        "dH by (14)": _printed,
    },
)
_EQ_14 = Identity(
    name="theorem-v.1/eq-14",
    reading="corrected",
    statement=r"\Delta H = -\eta\,\mathrm{Cov}(\log p, pA) + \alpha\eta\sum_a p_a^2(\log p_a + H)^2",
    given=_GIVEN,
    lhs=lambda p, r, alpha: directional_derivative(entropy, np.log(p), _update(p, r, alpha)),
    rhs=lambda p, r, alpha: -driver(p, r) + alpha * squared_gradient(p),
    remark="K = ||grad H||^2: entropy regularisation is gradient ascent on H.",
    proof=(
        "x = log p, mu = E_p x, A = r - E_p r. Eq. (13) is dz = eta D with D_a = p_a A_a - alpha p_a (x_a - "
        "mu).\n"
        "Lemma IV.2: per unit of eta the first-order change of H is -Cov_p(x, D) = -Cov_p(x, pA) + alpha "
        "Cov_p(x, p (x - mu)), the covariance being linear in D.\n"
        "Since E_p(x - mu) = 0, Cov_p(x, y) = sum_a p_a (x_a - mu) y_a for every y. With y = p (x - mu) this "
        "is K = sum_a p_a^2 (x_a - mu)^2.\n"
        "By Lemma IV.1 dH/dz_a = -p_a (x_a - mu), so K = ||grad H||^2; and mu = -H."
    ),
)
EQ_14 = _EQ_14.with_mutants(
    _EQ_14.mutant("half-variance", rhs=lambda p, r, alpha: -driver(p, r) + alpha * varentropy(np.log(p)) / 2),
    _EQ_14.mutant("no-alpha", rhs=lambda p, r, alpha: -driver(p, r) + squared_gradient(p)),
)

_NEAR = {"p": d.policies(), "gap": d.reals(0, 0.001, open_low=True)}


def _tilted(p: Array, gap: Array) -> Any:
    """The policy p mixed with its first action until that has probability at least 1 - gap."""
    rest = gap[..., None] * p
    first = np.arange(p.shape[-1]) == 0
    return np.where(first, rest + (1 - gap)[..., None], rest)


SIGN = Inequality(
    name="theorem-v.1/sign",
    statement=r"\max_a p_a \ge 0.999:\quad \Delta H\ \text{and the right side of (14) have the same sign}",
    given={**_NEAR, "r": d.rewards(like="p"), "alpha": d.positive()},
    lhs=0,
    rhs=lambda p, gap, r, alpha: _true(_tilted(p, gap), r, alpha) * _printed(_tilted(p, gap), r, alpha),
    remark="Their product is tested, where (14) is meant to be accurate: the policy is (1 - gap) on its first action "
    "plus gap times p. (14) can announce a rise of the entropy where it falls. What holds is theorem-v.1/eq-14.",
    breaks=(
        "Theorem V.1 calls (14) accurate when the policy is nearly deterministic, since by Appendix F 'Delta "
        "~ 0' there. Delta is small, and so is everything else: relative to the variance it tends to -1, and "
        "Cov(log pi, pi (log pi - mu)) = K becomes negligible beside Var(log pi). Where alpha K < Cov(log pi, "
        "pi A) < alpha Var(log pi), (14) announces a rise of the entropy while it falls."
    ),
    terms={
        "policy": _tilted,
        "Cov(log p, pA)": lambda p, gap, r: driver(_tilted(p, gap), r),
        "alpha K": lambda p, gap, alpha: alpha * squared_gradient(_tilted(p, gap)),
        "alpha Var(log p)": lambda p, gap, alpha: alpha * varentropy(np.log(_tilted(p, gap))),
        "dH by Lemma IV.2": lambda p, gap, r, alpha: _true(_tilted(p, gap), r, alpha),
        "dH by (14)": lambda p, gap, r, alpha: _printed(_tilted(p, gap), r, alpha),
    },
)

NEAR_PRINTED = Inequality(
    name="theorem-v.1/near-deterministic",
    statement=r"\max_a p_a \ge 0.999\ \Rightarrow\ \tfrac12\,\mathrm{Var}(\log p) \le \mathrm{Cov}(\log "
    r"p, p(\log p + H))",
    given=_NEAR,
    lhs=lambda p, gap: varentropy(np.log(_tilted(p, gap))) / 2,
    rhs=lambda p, gap: squared_gradient(_tilted(p, gap)),
    remark="'Accurate when the policy is nearly deterministic', read as: right to within a factor of two. The policy "
    "is (1 - gap) on its first action plus gap times p.",
    breaks=(
        "Appendix F concludes Cov(log pi, pi (log pi - mu)) ~ Var(log pi) near determinism from 'p_a (p_a - "
        "1) ~ 0 for all a', 'x_a ~ mu for a = a*' and so 'Delta ~ 0'. All three tend to zero, but so does the "
        "variance, and what is dropped is as large as what is kept. The variance comes from the rare actions, "
        "each with about p_a x_a^2; in the covariance each carries one more factor p_a. So their ratio tends "
        "to 0 and not to 1."
    ),
    terms={
        "policy": _tilted,
        "1 - max p": lambda p, gap: _complement(_tilted(p, gap)),
        "Var(log p)": lambda p, gap: varentropy(np.log(_tilted(p, gap))),
        "K = Cov(x, p (x - mu))": lambda p, gap: squared_gradient(_tilted(p, gap)),
        "K / Var(log p)": lambda p, gap: squared_gradient(_tilted(p, gap)) / varentropy(np.log(_tilted(p, gap))),
    },
)
_NEAR_CORRECTED = Inequality(
    name="theorem-v.1/near-deterministic",
    reading="corrected",
    statement=r"K \le 2\,(1 - \max_a p_a)\,\mathrm{Var}(\log p)",
    given={"p": d.policies()},
    lhs=squared_gradient,
    rhs=lambda p: 2 * _complement(p) * varentropy(np.log(p)),
    tight=True,
    remark="So K / Var tends to 0, not to 1, as the policy becomes deterministic. Equality is approached there for two "
    "actions.",
    proof=(
        "x = log p, mu = E_p x, F = diag(p) - p p'. Then grad H = -F x, so K = ||grad H||^2 = x' F^2 x, and "
        "Var(x) = x' F x.\n"
        "F is symmetric and positive semidefinite, so K = (F^(1/2) x)' F (F^(1/2) x) <= ||F|| x' F x = ||F|| "
        "Var(x), ||F|| its largest eigenvalue.\n"
        "Row a of F has the entry p_a (1 - p_a) on the diagonal, and the sizes of its other entries sum to "
        "p_a (1 - p_a). By Gershgorin's theorem ||F|| <= 2 max_a p_a (1 - p_a).\n"
        "Let m be the largest probability. For the action that has it, p_a (1 - p_a) <= 1 - m. For every "
        "other action p_a <= 1 - m, so again p_a (1 - p_a) <= 1 - m.\n"
        "Hence ||F|| <= 2 (1 - m) and K <= 2 (1 - m) Var(x).\n"
        "For two actions K = 2 m (1 - m) Var(x) (theorem-v.1/two-actions), so equality is approached as m "
        "tends to 1."
    ),
)


def _complement(p: Array) -> Any:
    """1 - max p as the sum of the others, so that it is accurate near determinism."""
    return np.sort(p, axis=-1)[..., :-1].sum(-1)


NEAR = _NEAR_CORRECTED.with_mutants(
    _NEAR_CORRECTED.mutant("factor-1.9", rhs=lambda p: exact(19, 10) * _complement(p) * varentropy(np.log(p)))
)

_BOUND = Inequality(
    name="theorem-v.1/bound",
    reading="corrected",
    statement=r"K \le 2\max_a p_a(1-p_a)\,\mathrm{Var}(\log p) \le \tfrac12\,\mathrm{Var}(\log p)",
    given={"p": d.policies(actions=(2, 40))},
    lhs=lambda p: np.stack([squared_gradient(p), 2 * largest(p * (1 - p)) * varentropy(np.log(p))], axis=-1),
    rhs=lambda p: np.stack([2 * largest(p * (1 - p)) * varentropy(np.log(p)), varentropy(np.log(p)) / 2], axis=-1),
    tight=True,
    remark="Gershgorin's theorem for F. Equality in the first for two actions; in the second as they become equal.",
    proof=(
        "x = log p, mu = E_p x, F = diag(p) - p p'. Then grad H = -F x, so K = ||grad H||^2 = x' F^2 x, and "
        "Var(x) = x' F x.\n"
        "F is symmetric and positive semidefinite, so K = (F^(1/2) x)' F (F^(1/2) x) <= ||F|| x' F x = ||F|| "
        "Var(x), ||F|| its largest eigenvalue.\n"
        "Row a of F has the entry p_a (1 - p_a) on the diagonal, and the sizes of its other entries sum to "
        "p_a (1 - p_a). By Gershgorin's theorem ||F|| <= 2 max_a p_a (1 - p_a).\n"
        "This is the first inequality. The second is p_a (1 - p_a) <= 1/4."
    ),
)
BOUND = _BOUND.with_mutants(
    _BOUND.mutant(
        "factor-0.49",
        lhs=squared_gradient,
        rhs=lambda p: exact(49, 100) * varentropy(np.log(p)),
    )
)

_TWO = Identity(
    name="theorem-v.1/two-actions",
    reading="corrected",
    statement=r"n = 2:\quad K = 2\,p_1 p_2\,\mathrm{Var}(\log p)",
    given={"p": d.policies(actions=2)},
    lhs=squared_gradient,
    rhs=lambda p: 2 * p.prod(-1) * varentropy(np.log(p)),
    proof=(
        "x = log p, mu = E_p x, L = x_1 - x_2. For two actions x_1 - mu = p_2 L and x_2 - mu = -p_1 L.\n"
        "Var(x) = p_1 p_2^2 L^2 + p_2 p_1^2 L^2 = p_1 p_2 L^2.\n"
        "K = p_1^2 (x_1 - mu)^2 + p_2^2 (x_2 - mu)^2 = 2 p_1^2 p_2^2 L^2 = 2 p_1 p_2 Var(x)."
    ),
)
TWO = _TWO.with_mutants(_TWO.mutant("three-actions", given={"p": d.policies(actions=3)}))

APPENDIX_F = Identity(
    name="theorem-v.1/appendix-f",
    statement=r"\mathrm{Cov}(x, p(x-\mu)) = \textstyle\sum_a p_a^2 x_a^2 - \mu\sum_a p_a^2 x_a",
    given={"p": d.policies()},
    lhs=lambda p: covariance(np.log(p), np.log(p), p * centred(np.log(p), np.log(p))),
    rhs=lambda p: inner(p**2, np.log(p) ** 2) - inner(p, np.log(p)) * inner(p**2, np.log(p)),
    remark="The first step of the appendix replaces p (x - mu) by p x under the sum, and loses the terms with mu p.",
    breaks=(
        "Appendix F, the first equality for the second covariance: the deviation of p_a (x_a - mu) from its "
        "mean is written as p_a x_a - sum_a' p_a' (p_a' x_a'). This is the deviation of p_a x_a; that of -mu "
        "p_a is missing. So the lines that follow compute Cov(x, p x), and the term -mu Cov(x, p) = -mu sum_a "
        "p_a^2 x_a + mu^2 sum_a p_a^2 is lost. With it the result is sum_a p_a^2 (x_a - mu)^2."
    ),
    terms={
        "log p": lambda p: np.log(p),
        "mu": lambda p: inner(p, np.log(p)),
        "Cov(x, p x)": lambda p: covariance(np.log(p), np.log(p), p * np.log(p)),
        "mu Cov(x, p)": lambda p: inner(p, np.log(p)) * covariance(np.log(p), np.log(p), p),
        "K = Cov(x, p (x - mu))": squared_gradient,
    },
)
_APPENDIX_F = Identity(
    name="theorem-v.1/appendix-f",
    reading="corrected",
    statement=r"\mathrm{Cov}(x, p(x-\mu)) = \textstyle\sum_a p_a^2 x_a^2 - 2\mu\sum_a p_a^2 x_a + \mu^2\sum_a p_a^2",
    given={"p": d.policies()},
    lhs=lambda p: covariance(np.log(p), np.log(p), p * centred(np.log(p), np.log(p))),
    rhs=lambda p: (
        inner(p**2, np.log(p) ** 2)
        - 2 * inner(p, np.log(p)) * inner(p**2, np.log(p))
        + inner(p, np.log(p)) ** 2 * inner(p, p)
    ),
    remark="That is sum p^2 (x - mu)^2 = K.",
    proof=(
        "x = log p and mu = E_p x. Since E_p(x - mu) = 0, Cov_p(x, y) = sum_a p_a (x_a - mu) y_a for every y.\n"
        "With y_a = p_a (x_a - mu): Cov_p(x, p (x - mu)) = sum_a p_a^2 (x_a - mu)^2.\n"
        "Expand the square: sum_a p_a^2 x_a^2 - 2 mu sum_a p_a^2 x_a + mu^2 sum_a p_a^2."
    ),
)
APPENDIX_F_CORRECTED = _APPENDIX_F.with_mutants(
    _APPENDIX_F.mutant(
        "no-last-term",
        rhs=lambda p: inner(p**2, np.log(p) ** 2) - 2 * inner(p, np.log(p)) * inner(p**2, np.log(p)),
    )
)


def _delta(p: Array) -> Any:
    """The term that the appendix calls Delta."""
    x, mu = np.log(p), inner(p, np.log(p))
    return inner(p * (p - 1), x**2) - mu * inner(p**2, x) + mu**2


DELTA = Inequality(
    name="theorem-v.1/appendix-f-delta",
    statement=r"\max_a p_a \ge 0.999\ \Rightarrow\ |\Delta| \le \tfrac12\,\mathrm{Var}(\log p),\quad"
    r" \Delta = \textstyle\sum_a p_a(p_a - 1)x_a^2 - \mu\sum_a p_a^2 x_a + \mu^2",
    given=_NEAR,
    lhs=lambda p, gap: abs(_delta(_tilted(p, gap))),
    rhs=lambda p, gap: varentropy(np.log(_tilted(p, gap))) / 2,
    remark="'Delta is about 0', read relative to the term that it is dropped from; it tends to -1 times that term. "
    "What holds is theorem-v.1/near-deterministic.",
    breaks=(
        "Appendix F: 'p_a (p_a - 1) ~ 0 for all a', 'mu sum_a p_a^2 x_a ~ mu^2', thus 'Delta ~ 0'. The first "
        "factor is multiplied by x_a^2 = log^2 p_a, and the first sum of Delta is -sum_a p_a (1 - p_a) x_a^2. "
        "For the rare actions, from which the variance comes, this is almost -p_a x_a^2: the sum is close to "
        "-Var(x), and the other two terms of Delta are negligible beside it. So Delta tends to zero only "
        "because the variance does; it cancels the variance instead of vanishing beside it."
    ),
    terms={
        "policy": _tilted,
        "sum p (p - 1) x^2": lambda p, gap: inner(
            _tilted(p, gap) * (_tilted(p, gap) - 1), np.log(_tilted(p, gap)) ** 2
        ),
        "Delta": lambda p, gap: _delta(_tilted(p, gap)),
        "Var(log p)": lambda p, gap: varentropy(np.log(_tilted(p, gap))),
        "Delta / Var(log p)": lambda p, gap: _delta(_tilted(p, gap)) / varentropy(np.log(_tilted(p, gap))),
    },
)


def _pair_variance(a: Array) -> Any:
    return varentropy(np.log(np.stack([a, 1 - a], axis=-1)))


_PAIR = {"a": d.reals(0.5, 1, open_high=True), "b": d.reals(0.5, 1, open_high=True)}

GROWS_PRINTED = Inequality(
    name="theorem-v.1/variance-grows",
    statement=r"n = 2,\ \tfrac12 \le a < b:\quad \mathrm{Var}(\log(a, 1-a)) \le \mathrm{Var}(\log(b, 1-b))",
    given=_PAIR,
    assuming=lambda a, b: (a < b).astype(bool),
    lhs=lambda a: _pair_variance(a),
    rhs=lambda b: _pair_variance(b),
    remark="'Increases as the policy becomes more deterministic', for two actions.",
    hypotheses="Two actions with probabilities (a, 1 - a) or (b, 1 - b), and a < b.",
    breaks=(
        "The sentence after Theorem V.1, that Var(log pi) 'is positive and increases as the policy becomes "
        "more deterministic', comes without a proof. For two actions the variance is a (1 - a) log^2(a / (1 - "
        "a)). The logarithm grows without bound as a tends to 1, but only like the logarithm of 1 / (1 - a), "
        "and the factor 1 - a wins: the variance rises up to about a = 0.917 and then falls to zero. At a "
        "deterministic policy nothing is left of the second term of (14)."
    ),
    terms={
        "a (1 - a)": lambda a: a * (1 - a),
        "log(a / (1 - a))": lambda a: np.log(a / (1 - a)),
        "Var at a": _pair_variance,
        "b (1 - b)": lambda b: b * (1 - b),
        "log(b / (1 - b))": lambda b: np.log(b / (1 - b)),
        "Var at b": lambda b: _pair_variance(b),
    },
)


def _same_side(a: Array, b: Array) -> Any:
    low, high = exact(916, 1000), exact(917, 1000)
    return ((a < b) & ((b <= low) | (a >= high))).astype(bool)


_GROWS = Inequality(
    name="theorem-v.1/variance-grows",
    reading="corrected",
    statement=r"n = 2:\quad \mathrm{Var}\ \text{rises for } \tfrac12 \le a \le 0.916 \text{ and falls "
    r"for } 0.917 \le a < 1",
    given=_PAIR,
    assuming=_same_side,
    lhs=lambda a, b: np.where((b < exact(9165, 10000)).astype(bool), _pair_variance(a), _pair_variance(b)),
    rhs=lambda a, b: np.where((b < exact(9165, 10000)).astype(bool), _pair_variance(b), _pair_variance(a)),
    remark="a (1 - a) log^2(a / (1 - a)) has one peak, near a = 0.91678, and tends to 0.",
    hypotheses=(
        "Two actions with probabilities (a, 1 - a) or (b, 1 - b), and a < b, both at most 0.916 or both at least 0.917."
    ),
    proof=(
        "For two actions Var(log p) = g(a) = a (1 - a) L^2 with L = log(a / (1 - a)) "
        "(theorem-v.1/two-actions).\n"
        "L' = 1 / (a (1 - a)), so g' = (1 - 2a) L^2 + 2 L = L [2 - (2a - 1) L].\n"
        "For a > 1/2, L > 0, and (2a - 1) L is a product of two positive increasing functions, so it rises "
        "from 0 without bound. Hence g' changes its sign once, from plus to minus.\n"
        "(2a - 1) L is 1.9878 at a = 0.916 and 2.0035 at a = 0.917. So g rises on [1/2, 0.916] and falls on "
        "[0.917, 1)."
    ),
)
GROWS = _GROWS.with_mutants(
    _GROWS.mutant(
        "peak-at-0.9",
        assuming=lambda a, b: ((a < b) & (a >= exact(9, 10))).astype(bool),
        lhs=lambda b: _pair_variance(b),
        rhs=lambda a: _pair_variance(a),
    )
)

_NATURAL = Order(
    name="theorem-v.1/natural-gradient",
    reading="corrected",
    statement=r"\Delta z = \eta\,(A - \alpha(\log p + H)):\quad"
    r" \Delta H = -\eta\,\mathrm{Cov}(\log p, A) + \alpha\eta\,\mathrm{Var}(\log p) + O(\eta^2)",
    given=_GIVEN,
    power=2,
    remainder=lambda t, p, r, alpha: (
        entropy(np.log(p) + t[..., None] * (advantage(p, r) - alpha[..., None] * centred(np.log(p), np.log(p))))
        - entropy(np.log(p))
        + t * covariance(np.log(p), np.log(p), r)
        - t * alpha * varentropy(np.log(p))
    ),
    remark="Eq. (14) with its variance is right under the natural gradient, with Cov(log p, A) in the first term.",
    proof=(
        "x = log p, A = r - E_p r, F = diag(p) - p p'. The direction D = A - alpha (x + H) is the natural "
        "gradient of J + alpha H: F D = pA - alpha p (x + H) = grad J + alpha grad H.\n"
        "Lemma IV.2 with its constant: H(z + eta D) - H(z) = -eta Cov_p(x, D) + R with |R| <= (1/2) log(n) "
        "eta^2 osc(D)^2, n the number of actions.\n"
        "The covariance is linear and ignores the constant H: Cov_p(x, D) = Cov_p(x, A) - alpha Var_p(x)."
    ),
)
NATURAL = _NATURAL.with_mutants(
    _NATURAL.mutant(
        "vanilla-covariance",
        remainder=lambda t, p, r, alpha: (
            entropy(np.log(p) + t[..., None] * (advantage(p, r) - alpha[..., None] * centred(np.log(p), np.log(p))))
            - entropy(np.log(p))
            + t * driver(p, r)
            - t * alpha * varentropy(np.log(p))
        ),
    )
)

CLAIMS = (
    EQ_14_PRINTED,
    EQ_14,
    NEAR_PRINTED,
    NEAR,
    SIGN,
    BOUND,
    TWO,
    APPENDIX_F,
    APPENDIX_F_CORRECTED,
    DELTA,
    GROWS_PRINTED,
    GROWS,
    NATURAL,
)

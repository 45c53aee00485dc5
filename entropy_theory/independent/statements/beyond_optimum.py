"""Beyond the paper: soft optima and the way to them, the averaged entropy, and rational policies."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

from entropy_theory.independent import processes
from entropy_theory.independent.domains import (
    are_policies,
    is_bandit,
    is_constant,
    is_integer,
    is_number,
    is_process,
    is_vector,
    shape,
)
from entropy_theory.independent.jets import Jet
from entropy_theory.independent.numbers import exp, log, minimum, total
from entropy_theory.independent.policies import (
    advantages,
    along,
    centred,
    covariance,
    entropy,
    entropy_gradient,
    logs,
    mean,
    minus,
    scaled,
    softmax,
    tilted,
    variance,
)
from entropy_theory.independent.statement import Statement, corrected
from entropy_theory.independent.tokens import centred_logs, entropy_slope, influences

Vector = list[Any]
Matrix = list[Vector]


# The path of soft optima, softmax(r / alpha)


def rewards_and_alpha(r: Any, alpha: Any) -> bool:
    """Two to six rewards and alpha above 0."""
    return is_vector(r) and 2 <= len(r) <= 6 and is_number(alpha, above=0)


def soft_optimum(r: Vector, alpha: Any) -> tuple[Vector, Any]:
    """``softmax(r / alpha)`` and its entropy ``log Z - E z``, with the largest logit moved to 0."""
    z = [(x - max(r)) / alpha for x in r]
    weights = [exp(x) if isinstance(x, Jet) else exp(Fraction(x)) for x in z]
    whole = total(weights)
    p = [w / whole for w in weights]
    return p, log(whole) - mean(p, z)


def soft_path(r: Any, alpha: Any) -> tuple[Any, Any]:
    """Slopes in alpha of the reward, of the entropy and of ``E r + alpha H``."""
    coefficient = Jet([alpha, Fraction(1)])
    p, h = soft_optimum(r, coefficient)
    reward = mean(p, r)
    slopes = [reward.slope, h.slope, (reward + coefficient * h).slope]
    here = [x.value for x in p]
    v = variance(here, r)
    return slopes, [-v / alpha**2, v / alpha**3, h.value]


def unequal_and_share(r: Any, alpha: Any, c: Any) -> bool:
    """As `rewards_and_alpha`, the rewards not all equal, and c in (0, 1]."""
    return rewards_and_alpha(r, alpha) and not is_constant(r) and is_number(c, above=0, high=1)


def soft_path_price(r: Any, alpha: Any, c: Any) -> tuple[Any, Any]:
    """``alpha (H_beta - H_alpha) <= E_alpha r - E_beta r <= beta (H_beta - H_alpha)``, ``beta = (1 + c) alpha``."""
    beta = (1 + c) * alpha
    (p, h), (q, k) = soft_optimum(r, alpha), soft_optimum(r, beta)
    short = [max(r) - x for x in r]
    price = mean(q, short) - mean(p, short)
    return [alpha * (k - h), price], [price, beta * (k - h)]


# One step of the regularised natural gradient


def natural_bandit(p: Any, r: Any, alpha: Any) -> bool:
    """A bandit with rewards within 10 of zero, and alpha above 0."""
    return is_bandit(p, r, low=-10, high=10) and is_number(alpha, above=0)


def natural_update(p: Vector, r: Vector, alpha: Any) -> Vector:
    """``A - alpha (log p + H)``."""
    return minus(centred(p, r), scaled(alpha, centred_logs(p)))


def one_step(p: Any, r: Any, alpha: Any) -> tuple[Any, Any]:
    """A step of size ``1 / alpha`` ends at ``softmax(r / alpha)``."""
    return tilted(p, scaled(1 / alpha, natural_update(p, r, alpha))), soft_optimum(r, alpha)[0]


def natural_run(p: Any, r: Any, alpha: Any, c: Any) -> bool:
    """A bandit with rewards within 10 of zero, alpha in [1/8, 8] and c in (0, 2]."""
    return natural_bandit(p, r, alpha) and is_number(alpha, Fraction(1, 8), 8) and is_number(c, above=0, high=2)


def one_step_steps(p: Any, r: Any, alpha: Any, c: Any) -> tuple[Any, Any]:
    """After t steps of size ``c / alpha`` the logits are ``r / alpha + (1 - c)**t (log p - r / alpha)``."""
    end, start = [x / alpha for x in r], logs(p)
    left, right, now = [], [], p
    for t in (1, 2, 3):
        now = tilted(now, scaled(c / alpha, natural_update(now, r, alpha)))
        left.append(now)
        right.append(softmax([x + (1 - c) ** t * (y - x) for x, y in zip(end, start, strict=True)]))
    return left, right


def natural_directed(p: Any, r: Any, alpha: Any, v: Any) -> bool:
    """As `natural_bandit`, and a direction within 10 of zero."""
    return natural_bandit(p, r, alpha) and is_vector(v, len(p), -10, 10)


def one_step_direction(p: Any, r: Any, alpha: Any, v: Any) -> tuple[Any, Any]:
    """``Cov_p(A - alpha (log p + H), v)`` is the slope of ``E r + alpha H`` along v."""
    update = [gain - alpha * (x + entropy(p)) for gain, x in zip(advantages(p, r), logs(p), strict=True)]
    return covariance(p, update, v), mean(along(p, v), r).slope + alpha * entropy_slope(p, v)


# The entropy averaged over visits, Eq. (4)


def directed_process(mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any) -> bool:
    """A process of one or two states, a policy for it and a direction."""
    problem = (mdp_transition, mdp_reward, mdp_discount, mdp_initial)
    return is_process(*problem, states=(1, 2)) and are_policies(p, mdp_reward) and shape(v) == shape(p)


def later_entropy(transition: Any, discount: Any, p: Matrix) -> tuple[Vector, Matrix]:
    """V, the expected discounted sum of the entropies from each state on, and ``Q = discount E V(next state)``."""
    value = processes.values(transition, discount, p, [entropy(row) for row in p])
    return value, processes.action_values(transition, discount, [[Fraction(0)] * len(row) for row in p], value)


def shares_of_visits(transition: Any, discount: Any, initial: Any, p: Matrix) -> Vector:
    """``d(s)``, the normalised discounted visits."""
    return scaled(1 - discount, processes.visits(transition, discount, initial, p))


def averaged_entropy_gradient(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, v: Any
) -> tuple[Any, Any]:
    """The slope of Eq. (4) less that of the entropies at held visits is a policy gradient for the entropy."""
    shares = shares_of_visits(mdp_transition, mdp_discount, mdp_initial, p)
    moved = processes.moved(p, v)
    whole = processes.mean_entropy(mdp_transition, mdp_discount, mdp_initial, moved).slope
    held = total(d * entropy_slope(row, change) for d, row, change in zip(shares, p, v, strict=True))
    later = later_entropy(mdp_transition, mdp_discount, p)[1]
    gains = [centred(row, q) for row, q in zip(p, later, strict=True)]
    parts = zip(shares, p, gains, v, strict=True)
    return whole - held, total(
        d * total(a * g * x for a, g, x in zip(row, own, change, strict=True)) for d, row, own, change in parts
    )


def process_with_two_policies(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, q: Any
) -> bool:
    """A process of one or two states and two policies for it."""
    problem = (mdp_transition, mdp_reward, mdp_discount, mdp_initial)
    return is_process(*problem, states=(1, 2)) and are_policies(p, mdp_reward) and are_policies(q, mdp_reward)


def averaged_entropy_exact(mdp_transition: Any, mdp_discount: Any, mdp_initial: Any, p: Any, q: Any) -> tuple[Any, Any]:
    """The difference of Eq. (4) between two policies, by the visits of the second."""
    before, after = (processes.mean_entropy(mdp_transition, mdp_discount, mdp_initial, x) for x in (p, q))
    value, later = later_entropy(mdp_transition, mdp_discount, p)
    parts = zip(shares_of_visits(mdp_transition, mdp_discount, mdp_initial, q), q, later, value, strict=True)
    return after - before, total(d * (entropy(row) + mean(row, own) - x) for d, row, own, x in parts)


# Rational policies on three actions


def uneven_counts(i: Any, j: Any, k: Any) -> bool:
    """Three whole numbers from 1 to 30, not all equal."""
    return all(is_integer(x, 1, 30) for x in (i, j, k)) and not is_constant([i, j, k])


def three_counts(i: Any, j: Any, k: Any) -> bool:
    """Three whole numbers from 1 to 30."""
    return all(is_integer(x, 1, 30) for x in (i, j, k))


def by_counts(*n: Any) -> Vector:
    """The policy ``n / sum(n)``."""
    return [x / sum(n) for x in n]


def rigidity(i: Any, j: Any, k: Any) -> tuple[Any, Any]:
    """No entry of the entropy gradient is 0."""
    return Fraction(0), minimum([abs(x) for x in influences(by_counts(i, j, k))])


def powers(*n: Any) -> Vector:
    """``prod_b n_b**n_b / n_a**N`` for each a, exactly."""
    whole = int(sum(n))
    product_of = prod(Fraction(x) ** int(x) for x in n)
    return [product_of / Fraction(x) ** whole for x in n]


def rigidity_powers(i: Any, j: Any, k: Any) -> tuple[Any, Any]:
    """``n**(i + j + k)`` is not ``i**i j**j k**k`` for n one of the three."""
    return Fraction(0), [abs(x - 1) for x in powers(i, j, k)]


def rigidity_link(i: Any, j: Any, k: Any) -> tuple[Any, Any]:
    """The logarithm of the ratio of powers is ``N / p_a`` times the entry of the entropy gradient."""
    p = by_counts(i, j, k)
    right = [(i + j + k) / a * g for a, g in zip(p, entropy_gradient(p), strict=True)]
    return logs(powers(i, j, k)), right


STATEMENTS: tuple[Statement, ...] = (
    corrected("beyond/soft-path", rewards_and_alpha, soft_path, kind="identity"),
    corrected("beyond/soft-path/price", unequal_and_share, soft_path_price),
    corrected("beyond/one-step-soft-optimum", natural_bandit, one_step, kind="identity"),
    corrected("beyond/one-step-soft-optimum/steps", natural_run, one_step_steps, kind="identity"),
    corrected("beyond/one-step-soft-optimum/direction", natural_directed, one_step_direction, kind="identity"),
    corrected("beyond/averaged-entropy-gradient", directed_process, averaged_entropy_gradient, kind="identity"),
    corrected(
        "beyond/averaged-entropy-gradient/exact", process_with_two_policies, averaged_entropy_exact, kind="identity"
    ),
    corrected("beyond/rational-rigidity", uneven_counts, rigidity, strict=True),
    corrected("beyond/rational-rigidity/powers", uneven_counts, rigidity_powers, strict=True),
    corrected("beyond/rational-rigidity/link", three_counts, rigidity_link, kind="identity"),
)

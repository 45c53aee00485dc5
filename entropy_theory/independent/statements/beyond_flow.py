"""Beyond the paper: gradient flow and ascent on two arms, and points where the gradient vanishes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from entropy_theory.independent import processes
from entropy_theory.independent.domains import are_policies, is_bandit, is_constant, is_number, is_process, is_vector
from entropy_theory.independent.jets import Jet
from entropy_theory.independent.numbers import exp, log, minimum, total
from entropy_theory.independent.policies import mean, softmax, square
from entropy_theory.independent.statement import Statement, corrected
from entropy_theory.independent.tokens import policy_gradient
from entropy_theory.independent.two_arms import hyperbolic, solved

Vector = list[Any]

LEAST_STEP = Fraction(1, 1024)


def conserved(w: Any) -> Any:
    """``w + sinh w``."""
    return w + hyperbolic(w)[0]


# Two arms


def difference_and_rewards(w: Any, r: Any) -> bool:
    """A difference of logits within 40 of zero, and two rewards."""
    return is_number(w, -40, 40) and is_vector(r, 2)


def two_arm_flow(w: Any, r: Any) -> tuple[Any, Any]:
    """Along ``z' = grad J`` the time derivative of ``w + sinh w`` is ``r_1 - r_2``."""
    g = policy_gradient(softmax([w, Fraction(0)]), r)
    return conserved(Jet([w, g[0] - g[1]])).slope, r[0] - r[1]


def difference_and_step(w: Any, eta: Any) -> bool:
    """w in [0, 40] and eta in (0, 4]."""
    return is_number(w, 0, 40) and is_number(eta, above=0, high=4)


def stepped(w: Any, eta: Any) -> Any:
    """One step with rewards (1, 0), ``w + eta / (1 + cosh w)``."""
    return w + eta / (1 + hyperbolic(w)[1])


def two_arm_sandwich(w: Any, eta: Any) -> tuple[Any, Any]:
    """``w + sinh w`` grows by at least eta and at most ``eta exp(eta / 2)``."""
    growth = conserved(stepped(w, eta)) - conserved(w)
    return [eta, growth], [growth, eta * exp(eta / 2)]


def difference_and_steps(w: Any, eta: Any, decay: Any) -> bool:
    """w in [0, 40], eta in [1/1024, 4] and decay in [0, 1]."""
    return is_number(w, 0, 40) and is_number(eta, LEAST_STEP, 4) and is_number(decay, 0, 1)


def two_arm_run(w: Any, eta: Any, decay: Any) -> tuple[Any, Any]:
    """After three steps ``w + sinh w`` has grown by at least their sum s and at most ``s exp(max eta_t / 2)``."""
    steps = [eta / (1 + decay * t) for t in range(3)]
    end = w
    for step in steps:
        end = stepped(end, step)
    growth, s = conserved(end) - conserved(w), total(steps)
    return [s, growth], [growth, s * exp(max(steps) / 2)]


def start_and_step(w0: Any, eta: Any) -> bool:
    """w_0 in [0, 3] and eta in [1/1024, 1]."""
    return is_number(w0, 0, 3) and is_number(eta, LEAST_STEP, 1)


def two_arm_limit(w0: Any, eta: Any, step: Any) -> Any:
    """``(eta T)**2 ||grad J||**2 - 1/2`` after ``T = 1 / step`` steps, from bounds of ``w + sinh w`` on both sides.

    The sum of the steps bounds its growth from below. A step grows it by at most ``eta exp(delta)``, delta the change
    of w, which is at most ``2 / t`` and first at most ``eta / 2``; and ``exp(delta) - 1 <= delta exp(eta / 2)``.
    """
    least = conserved(w0) + eta / step
    most = least + eta * exp(eta / 2) * (eta / 2 + 2 * (1 - log(step)))
    ends = [1 + hyperbolic(solved(s))[1] for s in (least, most)]
    return [((eta / step / x) ** 2 - 1) / 2 for x in ends]


# No finite stationary point


def unequal_bandit(p: Any, r: Any) -> bool:
    """A bandit whose rewards are not all equal."""
    return is_bandit(p, r) and not is_constant(r)


def no_stationary_point(p: Any, r: Any) -> tuple[Any, Any]:
    """``||grad J||**2 >= n / (n - 1) p_a**2 (J* - J)**2`` for every optimal action a."""
    n, short = len(p), max(r) - mean(p, r)
    least = [Fraction(n, n - 1) * (a * short) ** 2 for a, x in zip(p, r, strict=True) if x == max(r)]
    return least, square(policy_gradient(p, r))


def process_with_two_policies(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, q: Any
) -> bool:
    """A process of one or two states with two actions, and two policies for it."""
    problem = (mdp_transition, mdp_reward, mdp_discount, mdp_initial)
    sizes = {"states": (1, 2), "actions": (2, 2)}
    return is_process(*problem, **sizes) and are_policies(p, mdp_reward) and are_policies(q, mdp_reward)


def no_stationary_point_mdp(
    mdp_transition: Any, mdp_reward: Any, mdp_discount: Any, mdp_initial: Any, p: Any, q: Any
) -> tuple[Any, Any]:
    """``min (w p) / (w' p') |J(p') - J(p)| <= sum |grad J(p)| / 2``, half of the first states drawn uniformly."""
    initial = [(x + Fraction(1, len(mdp_initial))) / 2 for x in mdp_initial]
    weights = [
        [
            w * a
            for w, row in zip(processes.visits(mdp_transition, mdp_discount, initial, x), x, strict=True)
            for a in row
        ]
        for x in (p, q)
    ]
    least = minimum([a / b for a, b in zip(*weights, strict=True)])
    values = [processes.objective(mdp_transition, mdp_discount, mdp_reward, initial, x) for x in (p, q)]
    slopes = processes.policy_gradient(mdp_transition, mdp_discount, mdp_reward, initial, p)
    return least * abs(values[1] - values[0]), total(abs(x) for row in slopes for x in row) / 2


STATEMENTS: tuple[Statement, ...] = (
    corrected("beyond/two-arm-flow", difference_and_rewards, two_arm_flow, kind="identity"),
    corrected("beyond/two-arm-flow/sandwich", difference_and_step, two_arm_sandwich),
    corrected("beyond/two-arm-flow/run", difference_and_steps, two_arm_run, own_sides=True),
    Statement(
        claim="beyond/two-arm-flow/limit",
        reading="corrected",
        kind="order",
        domain=start_and_step,
        remainder=two_arm_limit,
        power=Fraction(3, 4),
    ),
    corrected("beyond/no-finite-stationary-point", unequal_bandit, no_stationary_point),
    corrected("beyond/no-finite-stationary-point/mdp", process_with_two_policies, no_stationary_point_mdp),
)

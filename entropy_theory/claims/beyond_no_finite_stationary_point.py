"""Beyond the paper: with finite logits the gradient of the objective is zero only where every policy is optimal.

In a bandit ``grad J_a = p_a (r_a - J)``; at an optimal action it is ``p_* (J* - J)``, and the entries add up to zero.
In an MDP, with ``g = grad J`` and any other policy q, the performance difference is ``J(q) - J(p) = sum_{s,a} R(s,a)
g(s,a)`` with the ratio ``R = w_q q / (w_p p)`` of expected visits to pairs. The entries of g add up to zero at each
state, and R is nonnegative, so ``|J(q) - J(p)| <= max R sum |g| / 2``. If g = 0, all policies have one value.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import smallest
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._shared import Array, constant, inner
from entropy_theory.constants import exact
from entropy_theory.gradients import policy_gradient
from entropy_theory.problems import MDP, Bandit

POSITION = 9.13


def _at_best(p: Array, r: Array) -> Any:
    """``p_* (J* - J)``, with the first of the optimal actions."""
    best = np.argmax(r, axis=-1)[..., None]
    gap = inner(p, r.max(-1, keepdims=True) - r)
    return np.take_along_axis(p, best, -1)[..., 0] * gap


def _squared(p: Array, r: Array) -> Any:
    g = policy_gradient(Bandit(r), np.log(p))
    return inner(g, g)


_BANDIT = Inequality(
    name="beyond/no-finite-stationary-point",
    reading="corrected",
    statement=r"\|\nabla J\|^2 \ge \frac{n}{n-1}\,p_{a^*}^2\,(J^* - J)^2 > 0\quad(r\ \text{not constant})",
    given={"p": d.policies(), "r": d.rewards(like="p")},
    assuming=lambda r: ~constant(r),
    lhs=lambda p, r: _at_best(p, r) ** 2 * exact(p.shape[-1], p.shape[-1] - 1),
    rhs=_squared,
    tight=True,
    hypotheses="The rewards are not all equal.",
    remark="Equality for two arms. Away from the optimum the gradient is small only where p of every optimal action is "
    "small.",
    proof="g_a = p_a (r_a - J), so g_* = p_* (J* - J) > 0 at an optimal action. The other n - 1 entries add up to "
    "-g_*, so their squares add up to at least g_*^2 / (n - 1) (Cauchy-Schwarz). J* > J because p > 0 and r is not "
    "constant.",
)
BANDIT = _BANDIT.with_mutants(
    _BANDIT.mutant(
        "one-percent-more", lhs=lambda p, r: _at_best(p, r) ** 2 * exact(101 * p.shape[-1], 100 * p.shape[-1] - 100)
    ),
    _BANDIT.mutant("no-probability", lhs=lambda p, r: inner(p, r.max(-1, keepdims=True) - r) ** 2),
)


def _with_every_start(mdp: MDP) -> MDP:
    """The MDP with half of its first states drawn uniformly, so that every state is visited."""
    initial = (mdp.initial + exact(1, mdp.states)) / 2
    return MDP(mdp.transition, mdp.reward, mdp.discount, initial, mdp.termination)


def _share(mdp: MDP, p: Array, q: Array) -> Any:
    """``min 1/R`` over states and actions."""
    visits = [mdp.values(np.log(x)).visitation[..., None] * x for x in (p, q)]
    ratio = visits[0] / visits[1]
    return smallest(ratio.reshape(*ratio.shape[:-2], -1))


def _difference(mdp: MDP, p: Array, q: Array) -> Any:
    """``|J(q) - J(p)|``."""
    return abs(mdp.objective(np.log(q)) - mdp.objective(np.log(p)))


def _scaled_difference(mdp: MDP, p: Array, q: Array) -> Any:
    everywhere = _with_every_start(mdp)
    return _share(everywhere, p, q) * _difference(everywhere, p, q)


def _half_sum(mdp: MDP, p: Array) -> Any:
    return abs(policy_gradient(_with_every_start(mdp), np.log(p))).sum((-2, -1)) / 2


_MDP = Inequality(
    name="beyond/no-finite-stationary-point/mdp",
    reading="corrected",
    statement=r"\min_{s,a}\frac{w_\pi(s)\,\pi(a|s)}{w_{\pi'}(s)\,\pi'(a|s)}\ |J(\pi') - J(\pi)| \le "
    r"\tfrac12\textstyle\sum_{s,a}|\partial J(\pi)/\partial\theta_{s,a}|",
    given={
        "mdp": d.mdps(states=(1, 2), actions=2, tables=False),
        "p": d.policies(like="mdp"),
        "q": d.policies(like="mdp"),
    },
    lhs=_scaled_difference,
    rhs=lambda mdp, p: _half_sum(mdp, p),
    tight=True,
    hypotheses="Every state may be the first (half of the first states are drawn uniformly).",
    remark="For any two policies with finite logits. So grad J = 0 at finite logits implies that every policy has "
    "the same value, hence is optimal.",
    proof="Performance difference: J(q) - J(p) = sum_s w_q(s) sum_a q(a|s) A_p(s,a) = sum_{s,a} R g with g = w_p p "
    "A_p and R = w_q q / (w_p p). As R >= 0 and sum_a g(s,a) = 0, -max R sum g_- <= sum R g <= max R sum g_+, and "
    "sum g_+ = sum g_- = sum |g| / 2. All w_p(s) are positive, so max R is finite, and g = 0 gives J(q) = J(p).",
)
MDP_BOUND = _MDP.with_mutants(
    _MDP.mutant("ten-percent-less", rhs=lambda mdp, p: exact(9, 10) * _half_sum(mdp, p)),
    _MDP.mutant("no-ratio", lhs=lambda mdp, p, q: _difference(_with_every_start(mdp), p, q)),
)

CLAIMS = (BANDIT, MDP_BOUND)

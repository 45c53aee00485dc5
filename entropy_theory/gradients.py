"""Exact gradients of the objective and of the mean entropy, for bandits, MDPs and token trees.

With ``w`` the expected discounted number of visits, ``d = w / effective_horizon`` the normalised visitation, ``p`` the
policy and ``x = log p``. A bandit has one state with w = d = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.problems import MDP, Bandit, TokenTree, Values
from entropy_theory.problems.pieces import by_pieces
from entropy_theory.softmax import Policy, entropy
from entropy_theory.validation import as_numbers

Array = np.ndarray[Any, Any]

Problem = Bandit | MDP | TokenTree


@dataclass(frozen=True)
class Evaluation:
    """All that is exact about a policy in a problem, from `evaluate`.

    Attributes
    ----------
    objective : array (...)
        Expected reward J.
    mean_entropy : array (...)
        Entropy averaged over the visitation, in nats.
    policy_gradient : array (..., S, A)
        Gradient of the objective.
    mean_entropy_gradient : array (..., S, A)
        Gradient of the mean entropy.
    values : Values
        Its advantage is the natural gradient of the objective.
    """

    objective: Array
    mean_entropy: Array
    policy_gradient: Array
    mean_entropy_gradient: Array
    values: Values


def checked_logits(problem: Problem, z: Any, name: str = "z") -> Array:
    """`z` as logits that fit the problem; a ValueError says what is neither."""
    if not isinstance(problem, Problem):
        raise ValueError(f"problem is {brief(problem)}, expected a Bandit, an MDP or a TokenTree")
    return problem.check_logits(z, name)


def evaluate(problem: Problem, z: Any) -> Evaluation:
    """Objective, mean entropy, both gradients and all values of a policy at once.

    In an MDP the policy is evaluated once and all of it comes out of one factorisation of ``I - discount P``: the
    quickest way to more than one of them. Each is what the function of its name gives, but perhaps for the last units
    of rounding.

    Parameters
    ----------
    problem : Bandit, MDP or TokenTree
    z : array (..., S, A), for a bandit (..., A)
        Logits.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If the logits do not fit the problem.
    ArithmeticError
        If a sparse system is not solved to the rounding of its residual.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> result = et.evaluate(et.Bandit([1.0, 0.0]), np.zeros(2))
    >>> float(result.objective), result.policy_gradient.tolist(), float(result.mean_entropy / np.log(2))
    (0.5, [0.25, -0.25], 1.0)
    """
    if isinstance(problem, TokenTree):
        return _evaluate_tree(problem, problem.check_logits(z))
    if isinstance(problem, MDP) and problem.fits_kernels(logits := problem.check_logits(z)):
        return _evaluate_many(problem, logits)
    return by_pieces(_evaluate, _pieces(problem, z))


def policy_gradient(problem: Problem, z: Any) -> Array:
    """Gradient of the objective, ``dJ/dz_{s,a} = w(s) p(a|s) A(s,a)``.

    Eq. (9) of the paper without its step size, with the weight w(s) that the policy gradient theorem, Eq. (5), puts
    on each state of an MDP.

    Parameters
    ----------
    problem : Bandit, MDP or TokenTree
    z : array (..., S, A), for a bandit (..., A)
        Logits.

    Returns
    -------
    array of the shape of `z` broadcast against the problem
    """
    if isinstance(problem, TokenTree):
        return problem.objective_gradient(z)
    return by_pieces(_policy_gradient, _pieces(problem, z))


def natural_policy_gradient(problem: Problem, z: Any) -> Array:
    """Natural gradient of the objective: the advantage ``A(s,a)``.

    It is the least solution in Fisher geometry of ``F u = dJ/dz`` with ``F`` block-diagonal, blocks
    ``w(s) (diag(p_s) - p_s p_s')`` (Kakade 2001; Agarwal et al. 2021, Lemma 15, whose normalised d gives A / (1 -
    discount)). At a state that is never visited, where F is zero, it is set to A as well.

    Parameters
    ----------
    problem : Bandit, MDP or TokenTree
    z : array (..., S, A), for a bandit (..., A)
        Logits.

    Returns
    -------
    array of the shape of `z` broadcast against the problem
    """
    logits = checked_logits(problem, z)
    return problem.values(logits).advantage


def mean_entropy(problem: Problem, z: Any) -> Array:
    """Entropy averaged over the visitation, ``sum_s d(s) H(p(.|s))``, Eq. (4), in nats.

    In an MDP with termination the time after the end of the episode counts with entropy zero.

    Parameters
    ----------
    problem : Bandit, MDP or TokenTree
    z : array (..., S, A), for a bandit (..., A)
        Logits.

    Returns
    -------
    array (...)
    """
    if isinstance(problem, TokenTree):
        return problem.mean_entropy(z)
    logits = checked_logits(problem, z)
    if isinstance(problem, Bandit):
        return entropy(logits)
    each = as_numbers(entropy(logits), "the entropy of z")
    return np.asarray(problem.expected_total(logits, each) / problem.effective_horizon)


def mean_entropy_gradient(problem: Problem, z: Any) -> Array:
    """Gradient of the mean entropy, through the policy and through the visitation.

    ``d(s) p(a|s) [A_H(s,a) - (log p(a|s) + H_s)]`` with the entropy advantage ``A_H = Q_H - E_p Q_H``, where
    ``Q_H = discount E V_H(s')`` and ``V_H = H_s + E_p Q_H``. Without A_H it is the local formula that Proposition V.1
    refers to.

    Parameters
    ----------
    problem : Bandit, MDP or TokenTree
    z : array (..., S, A), for a bandit (..., A)
        Logits.

    Returns
    -------
    array of the shape of `z` broadcast against the problem
    """
    if isinstance(problem, TokenTree):
        return problem.mean_entropy_gradient(z)
    return by_pieces(_mean_entropy_gradient, _pieces(problem, z))


def _pieces(problem: Bandit | MDP, z: Any) -> list[tuple[Bandit | MDP, Array, slice]]:
    """The problem and the checked logits; a large batch of MDPs in several pieces."""
    logits = checked_logits(problem, z)
    return [*problem.pieces(logits)] if isinstance(problem, MDP) else [(problem, logits, slice(None))]


def _evaluate(problem: Bandit | MDP, logits: Array) -> Evaluation:
    policy = Policy(logits)
    if isinstance(problem, Bandit):
        values = problem.values_under(policy)
        objective, mean, slope = values.v, policy.entropy, policy.entropy_gradient
    else:
        values, (entropies,) = problem.values_under(policy, [policy.entropy])
        objective, total = (np.asarray((problem.initial * x).sum(-1)) for x in (values.v, entropies))
        mean = np.asarray(total / problem.effective_horizon)
        slope = _mean_entropy_slope(problem, policy, values.visitation, entropies)
    return Evaluation(objective, mean, _policy_slope(policy, values), slope, values)


def _evaluate_tree(tree: TokenTree, logits: Array) -> Evaluation:
    return Evaluation(
        objective=tree.objective(logits),
        mean_entropy=tree.mean_entropy(logits),
        policy_gradient=tree.objective_gradient(logits),
        mean_entropy_gradient=tree.mean_entropy_gradient(logits),
        values=tree.values(logits),
    )


def _evaluate_many(mdp: MDP, logits: Array) -> Evaluation:
    from entropy_theory.fast.mdps import evaluate as fill

    batch = mdp.transition.shape[:-3]
    count, states, actions = math.prod(batch), mdp.states, mdp.actions

    def each(table: Array, *shape: int) -> Array:
        return np.ascontiguousarray(np.broadcast_to(table, (*batch, *shape))).reshape(count, *shape)

    rows = tuple(np.empty((*batch, states, actions)) for _ in range(4))
    sums = (*(np.empty((*batch, states)) for _ in range(2)), *(np.empty(batch) for _ in range(2)))
    fill(
        each(mdp.transition, states, actions, states),
        each(mdp.reward, states, actions),
        each(mdp.discount),
        each(mdp.initial, states),
        each(logits, states, actions),
        tuple(x.reshape(count, states, actions) for x in rows),
        tuple(x.reshape(count, *x.shape[len(batch) :]) for x in sums),
    )
    (q, advantage, gradient, slope), (v, visits, objective, mean) = rows, sums
    if not (np.isfinite(v).all() and np.isfinite(slope).all()):
        raise ArithmeticError(
            "a system of values is singular in floats, expected a discount farther from one, or smaller rewards where "
            "these are huge"
        )
    visitation = (1 - mdp.discount[..., None]) * visits
    values = Values(
        v, q, advantage, visits, visitation, partial(mdp.residual_of, logits.copy(), v.copy(), visits.copy())
    )
    return Evaluation(objective, mean, gradient, slope, values)


def _policy_gradient(problem: Bandit | MDP, logits: Array) -> Array:
    policy = Policy(logits)
    values = problem.values_under(policy) if isinstance(problem, Bandit) else problem.values_under(policy)[0]
    return _policy_slope(policy, values)


def _mean_entropy_gradient(problem: Bandit | MDP, logits: Array) -> Array:
    policy = Policy(logits)
    if isinstance(problem, Bandit):
        return policy.entropy_gradient
    (entropies,), visits, _ = problem.totals_under(policy, [policy.entropy])
    return _mean_entropy_slope(problem, policy, (1 - problem.discount[..., None]) * visits, entropies)


def _policy_slope(policy: Policy, values: Values) -> Array:
    return np.asarray(values.visits[..., None] * policy.probability * values.advantage)


def _mean_entropy_slope(problem: MDP, policy: Policy, visitation: Array, entropies: Array) -> Array:
    """From the state values `entropies` of the entropy."""
    ahead = problem.discount[..., None, None] * problem.next_value(entropies)
    wide = policy if ahead.shape == policy.z.shape else Policy(np.broadcast_to(policy.z, ahead.shape))
    local = policy.probability * wide.centred(ahead) + policy.entropy_gradient
    return np.asarray(visitation[..., None] * local)

"""Exact gradients of the objective and of the mean entropy, for bandits, MDPs and token trees.

With ``w`` the expected discounted number of visits, ``d = w / effective_horizon`` the normalised visitation, ``p`` the
policy and ``x = log p``. A bandit has one state with w = d = 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_theory.problems import MDP, Bandit, TokenTree
from entropy_theory.softmax import centred, entropy, entropy_gradient, softmax

Array = np.ndarray[Any, Any]

Problem = Bandit | MDP | TokenTree


def checked_logits(problem: Problem, z: Any) -> Array:
    """`z` as logits that fit the problem; a ValueError says what is neither."""
    if not isinstance(problem, Problem):
        raise ValueError(f"problem is {problem!r}, expected a Bandit, an MDP or a TokenTree")
    return problem.check_logits(z)


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
    logits = checked_logits(problem, z)
    values = problem.values(logits)
    return np.asarray(values.visits[..., None] * softmax(logits) * values.advantage)


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
    return problem.values(checked_logits(problem, z)).advantage


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
    logits = checked_logits(problem, z)
    if isinstance(problem, Bandit):
        return entropy(logits)
    return np.asarray(problem.expected_total(logits, entropy(logits)) / problem.effective_horizon)


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
    logits = checked_logits(problem, z)
    if isinstance(problem, Bandit):
        return entropy_gradient(logits)
    entropies = problem.state_values(logits, entropy(logits))
    ahead = problem.discount[..., None, None] * problem.expected_next(entropies)
    visitation = problem.values(logits).visitation
    local = softmax(logits) * centred(logits, ahead) + entropy_gradient(logits)
    return np.asarray(visitation[..., None] * local)

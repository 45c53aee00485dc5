"""PRIME: process rewards from a model that learns from the outcomes, Cui et al., arXiv:2502.01456.

The model is a policy phi, trained so that ``sigmoid(sum_t rho_t)`` predicts whether a response is right, with ``rho_t =
beta log(phi(a_t|s_t) / phi_ref(a_t|s_t))``. The log-ratio of a token is then taken as its reward, beside the outcome.
Here phi is tabular, with a logit for each state and token, as the policy is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.controls.fields import Number, check_nonnegative
from entropy_theory.estimators.estimator import Estimator, Memory, check_rollouts
from entropy_theory.estimators.groups import as_rewards, from_first, mean_of_others
from entropy_theory.problems import TokenTree
from entropy_theory.rollouts import Rollouts
from entropy_theory.softmax import log_ratio, softmax
from entropy_theory.validation import as_numbers, report

Array = np.ndarray[Any, Any]


def prime_advantage(reward: Any, process: Any) -> Array:
    """The advantages of PRIME, arXiv:2502.01456, Eq. (5) with discount 1.

    ``A_{i,t} = sum_{s>=t} [rho_{i,s} - mean_{j!=i} rhobar_j] + R_i - mean_{j!=i} R_j``, rhobar_j the mean of the
    process rewards over the tokens of response j.

    Parameters
    ----------
    reward : array (..., K)
        Outcome rewards R, K >= 2.
    process : array (..., K, T)
        Process rewards rho.

    Returns
    -------
    array (..., K, T)
        Floats, or balls if one of the arguments is.

    Raises
    ------
    ValueError
        If a shape does not fit or an entry is not finite.

    Examples
    --------
    >>> from entropy_theory.estimators import prime_advantage
    >>> prime_advantage([1.0, 0.0], [[0.5, 0.0], [0.0, 0.0]])
    array([[ 1.5 ,  1.  ],
           [-1.5 , -1.25]])
    """
    outcome, rho = as_rewards(reward, least=2), as_numbers(process, "process", axes=2)
    if rho.shape[-2] != outcome.shape[-1] or not _broadcast(rho.shape[:-2], outcome.shape[:-1]):
        raise ValueError(
            f"process has shape {rho.shape} and reward {outcome.shape}, expected (..., K, T) beside (..., K)"
        )
    horizon = rho.shape[-1]
    to_go = np.cumsum(rho[..., ::-1], axis=-1)[..., ::-1]
    baseline = mean_of_others(rho.sum(-1) / horizon)[..., None] * np.arange(horizon, 0, -1)
    difference = from_first(outcome)
    return np.asarray(to_go - baseline + (difference - mean_of_others(difference))[..., None])


def _broadcast(*shapes: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class PRIME(Estimator):
    """PRIME: outcome and implicit process rewards, each less the mean of the other responses; see `prime_advantage`.

    The process reward of a token is ``rho_t = beta log(phi(a_t|s_t) / phi_ref(a_t|s_t))``. The memory is
    ``{"logits", "reference"}``, both (S, V): phi, and the initial policy, where phi starts. A batch is judged by the
    model as it is before it learns from it, so the advantages of the first batch are those of `RLOO`.

    Parameters
    ----------
    beta : number >= 0
        Coefficient of the log-ratio, in the paper 0.05.
    learning_rate : number >= 0
        Of the gradient descent on the cross-entropy, a mean over the batch. Its derivative with respect to a response's
        sum of rho is at most one in size, so a step moves a logit by at most ``learning_rate * beta * share``, where
        `share` is the share of the responses that pass through its state. The default is meant for 256 prompts with 8
        responses each: a logit at the start of a prompt moves by at most 2, one that a single response passes by at
        most 1/4, and by half of that as long as the model is undecided. A rho then moves by up to 0.05 a batch, and the
        model tells the responses to a prompt apart after some tens of batches. With M prompts take M/256 of it. (The
        learning rate 1e-6 of the paper is that of a network and has no counterpart here.)

    Raises
    ------
    ValueError
        If an argument is not as above.

    Notes
    -----
    Shapes: `advantages` gives (G, K, T).

    Bias: with the model held fixed the expected update is the gradient of the expected ``R + sum_t rho_t``. The bias is
    therefore the gradient of the expected process reward, zero only where phi = phi_ref or the policy cannot change
    it.

    The released code normalises the advantages over the batch afterwards; here, as in the paper's equation, they are
    not.

    Examples
    --------
    Two responses of one token, of which the first is right. After a step phi prefers it, and so does the advantage:

    >>> import numpy as np, entropy_theory as et
    >>> from entropy_theory.estimators import PRIME
    >>> from entropy_theory.rollouts import Rollouts
    >>> tree, z = et.TokenTree(2, 1, [1.0, 0.0]), np.zeros((1, 2))
    >>> token = np.array([[[0], [1]]])
    >>> batch = Rollouts(np.array([0]), 0 * token, token, np.array([[1.0, 0.0]]), np.full((1, 2, 1), np.log(0.5)))
    >>> prime = PRIME(beta=0.5, learning_rate=2.0)
    >>> memory = prime.start(tree, z)
    >>> prime.advantages(batch, memory).ravel()
    array([ 1., -1.])
    >>> memory = prime.learn(batch, memory)
    >>> memory["logits"]
    array([[ 0.25, -0.25]])
    >>> prime.advantages(batch, memory).ravel()
    array([ 1.25, -1.25])
    """

    beta: Number = 0.05
    learning_rate: Number = 10_000.0

    @property
    def least_responses(self) -> int:
        """Two: the baseline is the mean of the others."""
        return 2

    def __post_init__(self) -> None:
        check_nonnegative(self.beta, "beta")
        check_nonnegative(self.learning_rate, "learning_rate")

    def start(self, tree: TokenTree, z0: Any) -> Memory:
        """``{"logits": z0, "reference": z0}``, copies.

        Parameters
        ----------
        tree, z0
            As in `Estimator.start`.

        Returns
        -------
        dict of str to array

        Raises
        ------
        ValueError
            If `z0` is no float array (S, V) of the tree.
        """
        if not isinstance(tree, TokenTree):
            raise ValueError(f"tree is {brief(tree)}, expected a TokenTree")
        logits = tree.check_logits(z0, "z0")
        shape = (tree.states, tree.vocabulary)
        if logits.shape != shape or logits.dtype != np.float64:
            raise ValueError(f"z0 has shape {logits.shape} and dtype {logits.dtype}, expected floats of shape {shape}")
        return {"logits": logits.copy(), "reference": logits.copy()}

    def process(self, rollouts: Rollouts, memory: Memory) -> Array:
        """Process rewards ``rho`` of the tokens.

        Parameters
        ----------
        rollouts, memory
            As in `Estimator.advantages`.

        Returns
        -------
        array (G, K, T)
        """
        check_rollouts(rollouts)
        logits, reference = _tables(memory)
        visited, row = _rows(rollouts)
        for name, index, size in zip(("state", "action"), (rollouts.state, rollouts.action), logits.shape, strict=True):
            report(index >= size, index, f"rollouts.{name}", f"an integer below {size}, to fit the memory")
        ratio = log_ratio(reference[visited], logits[visited] - reference[visited])
        return np.asarray(float(self.beta) * ratio[row, rollouts.action])

    def advantages(self, rollouts: Rollouts, memory: Memory | None = None) -> Array:
        """`prime_advantage` of the outcomes and the process rewards.

        Parameters
        ----------
        rollouts, memory
            As in `Estimator.advantages`.

        Returns
        -------
        array (G, K, T)
        """
        check_rollouts(rollouts)
        if memory is None:
            raise ValueError("memory is None, expected what start or learn returned")
        if not rollouts.reward.size:
            return np.zeros(rollouts.action.shape)
        return prime_advantage(rollouts.reward, self.process(rollouts, memory))

    def learn(self, rollouts: Rollouts, memory: Memory) -> Memory:
        """One step of gradient descent on the mean cross-entropy of ``sigmoid(sum_t rho_t)`` against the rewards.

        Row s moves by ``-learning_rate * beta * mean_i (sigmoid_i - R_i) sum_{t: s_t = s} (e_{a_t} - phi(.|s))``.

        Parameters
        ----------
        rollouts, memory
            As in `Estimator.learn`.

        Returns
        -------
        dict of str to array

        Raises
        ------
        ValueError
            If a reward is outside [0, 1], or the memory does not fit.
        """
        from scipy.special import expit

        check_rollouts(rollouts)
        logits, reference = _tables(memory)
        reward = rollouts.reward
        report(
            ~((reward >= 0) & (reward <= 1)), reward, "reward", "a reward in [0, 1], which a probability can predict"
        )
        if not reward.size:
            return memory
        visited, row = _rows(rollouts)
        error = expit(self.process(rollouts, memory).sum(-1)) - reward
        slope = np.broadcast_to(float(self.beta) * error[..., None] / reward.size, row.shape).ravel()
        width = logits.shape[1]
        entry = row.ravel() * width + rollouts.action.ravel()
        gradient = np.bincount(entry, slope, visited.size * width).reshape(visited.size, width)
        gradient -= gradient.sum(-1, keepdims=True) * softmax(logits[visited])
        learnt = logits.copy()
        learnt[visited] -= float(self.learning_rate) * gradient
        return {"logits": learnt, "reference": reference}


def _tables(memory: Memory) -> tuple[Array, Array]:
    """The logits of phi and of its reference."""
    if not isinstance(memory, Mapping):
        raise ValueError(f"memory is {brief(memory)}, expected what start or learn returned")
    missing = [name for name in ("logits", "reference") if name not in memory]
    if missing:
        raise ValueError(f"memory has the entries {brief(list(memory))}, expected {missing[0]!r} among them")
    logits, reference = memory["logits"], memory["reference"]
    if logits.ndim != 2 or logits.shape != reference.shape:
        raise ValueError(
            f"memory has logits of shape {logits.shape} and reference of shape {reference.shape}, expected both (S, V)"
        )
    return logits, reference


def _rows(rollouts: Rollouts) -> tuple[Array, Array]:
    """The states that are visited, and for each token its place among them, shape (G, K, T)."""
    visited, row = np.unique(rollouts.state, return_inverse=True)
    return visited, row.reshape(rollouts.state.shape)

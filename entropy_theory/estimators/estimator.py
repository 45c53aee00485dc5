"""What every estimator of the advantage has in common.

A prompt is answered K times and each response is rewarded. An estimator gives every token of every response a number
that takes the place of its advantage in the loss, ``-A ratio`` a token. It is unbiased if the mean over the responses
of ``sum_t A_t grad log pi(a_t|s_t)`` has the policy gradient, Eq. (5), as its expectation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.problems import TokenTree
from entropy_theory.rollouts import Rollouts

Array = np.ndarray[Any, Any]
Memory = dict[str, Array]


class Estimator(ABC):
    """Base of the estimators."""

    @property
    def least_responses(self) -> int:
        """Responses to a prompt that the estimator needs."""
        return 1

    @abstractmethod
    def advantages(self, rollouts: Rollouts, memory: Memory | None = None) -> Array:
        """One advantage a token.

        Parameters
        ----------
        rollouts : Rollouts
            G groups of K responses of T tokens.
        memory : dict of str to array, optional
            What the estimator has learnt, for one that learns.

        Returns
        -------
        array (G, K, T)

        Raises
        ------
        ValueError
            If a group is too small, or the memory does not fit.
        """

    def start(self, tree: TokenTree, z0: Any) -> Memory:
        """The memory before the first batch: empty for an estimator that learns nothing.

        Parameters
        ----------
        tree : TokenTree
        z0 : array (S, V)
            Logits of the initial policy.

        Returns
        -------
        dict of str to array
        """
        return {}

    def learn(self, rollouts: Rollouts, memory: Memory) -> Memory:
        """The memory after a batch; the one that is given stays as it is.

        A training loop calls it after `advantages` of the same batch, whose process rewards thus come from a model
        that has not seen it.

        Parameters
        ----------
        rollouts : Rollouts
        memory : dict of str to array

        Returns
        -------
        dict of str to array
        """
        return memory


def check_rollouts(rollouts: Any) -> None:
    """Raise a ValueError unless `rollouts` is that."""
    if not isinstance(rollouts, Rollouts):
        raise ValueError(f"rollouts is {brief(rollouts)}, expected Rollouts, as Sampling.collect gives them")


class OutcomeEstimator(Estimator):
    """Base of the estimators that look at the rewards alone: all tokens of a response have the same advantage."""

    @abstractmethod
    def of_rewards(self, reward: Any) -> Array:
        """Advantages of the responses of a group.

        Parameters
        ----------
        reward : array (..., K)
            Rewards, floats or balls; the last axis holds the responses.

        Returns
        -------
        array (..., K)

        Raises
        ------
        ValueError
            If a reward is not finite or there are too few responses.
        """

    def advantages(self, rollouts: Rollouts, memory: Memory | None = None) -> Array:
        """The formula `of_rewards` group by group, repeated for each token.

        Parameters
        ----------
        rollouts, memory
            As in `Estimator.advantages`.

        Returns
        -------
        array (G, K, T)
        """
        check_rollouts(rollouts)
        return np.repeat(self.of_rewards(rollouts.reward)[..., None], rollouts.horizon, axis=-1)

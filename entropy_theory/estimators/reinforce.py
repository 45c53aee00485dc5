"""REINFORCE: the reward less a constant, or less the mean of the batch in units of its standard deviation.

Williams, Simple statistical gradient-following algorithms for connectionist reinforcement learning, Machine Learning 8
(1992); with the normalisation over the batch REINFORCE++, arXiv:2501.03262.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.controls.fields import Number, check_finite, check_flag, in_formula
from entropy_theory.estimators.estimator import Memory, OutcomeEstimator
from entropy_theory.estimators.groups import as_rewards, standardised
from entropy_theory.rollouts import Rollouts

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Reinforce(OutcomeEstimator):
    """REINFORCE: ``A_i = R_i - b``.

    Parameters
    ----------
    baseline : number
        The constant b.
    normalise : bool
        ``A_i = (R_i - mean R) / sd R`` with mean and standard deviation (divisor the number of responses) over all
        responses of the batch, whatever their prompts; all zero where all rewards are equal. The baseline then cancels.

    Raises
    ------
    ValueError
        If an argument is not as above.

    Notes
    -----
    Shapes: `of_rewards` maps (..., K) to (..., K); with `normalise` its last axis is the batch, and `advantages`
    normalises over all G K responses of the rollouts at once.

    Bias: none with a constant baseline. Normalised, and with prompts drawn independently for each response, the
    expected update is for rewards 0 and 1 and two or more responses the policy gradient times one positive number, the
    same for all prompts; for other rewards it has another direction in general.

    The released code of REINFORCE++ normalises over tokens, which agrees where all responses have one length, and
    bounds the variance from below by 1e-8; here nothing is bounded. Its penalty on the divergence from a reference
    policy is no part of the estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from entropy_theory.estimators import Reinforce
    >>> Reinforce(baseline=0.25).of_rewards([1.0, 0.0, 0.0, 0.0])
    array([ 0.75, -0.25, -0.25, -0.25])
    >>> Reinforce(normalise=True).of_rewards([1.0, 0.0, 1.0, 0.0])
    array([ 1., -1.,  1., -1.])
    """

    baseline: Number = 0.0
    normalise: bool = False

    def __post_init__(self) -> None:
        check_finite(self.baseline, "baseline")
        check_flag(self.normalise, "normalise")

    def of_rewards(self, reward: Any) -> Array:
        rewards = as_rewards(reward, least=1)
        return standardised(rewards, ddof=0) if self.normalise else np.asarray(rewards - in_formula(self.baseline))

    def advantages(self, rollouts: Rollouts, memory: Memory | None = None) -> Array:
        """The formula over the whole batch.

        Parameters
        ----------
        rollouts, memory
            As in `Estimator.advantages`.

        Returns
        -------
        array (G, K, T)
        """
        if not self.normalise or not rollouts.reward.size:
            return super().advantages(rollouts, memory)
        batch = self.of_rewards(rollouts.reward.reshape(-1)).reshape(rollouts.reward.shape)
        return np.repeat(batch[..., None], rollouts.horizon, axis=-1)

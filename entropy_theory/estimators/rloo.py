"""RLOO: the reward less the mean reward of the other responses to the prompt.

Kool, van Hoof and Welling, Buy 4 REINFORCE samples, get a baseline for free! (2019); for language models Ahmadian et
al., arXiv:2402.14740.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.estimators.estimator import OutcomeEstimator
from entropy_theory.estimators.groups import as_rewards, from_first, mean_of_others

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class RLOO(OutcomeEstimator):
    """RLOO: ``A_i = R_i - mean_{j != i} R_j = (R_i - mean R) K / (K - 1)``.

    Shapes: `of_rewards` maps (..., K) to (..., K), K >= 2.

    Bias: none. The mean of the others does not depend on the response, so it is a baseline, and ``E grad log pi = 0``.

    Examples
    --------
    >>> import numpy as np
    >>> from entropy_theory.estimators import RLOO
    >>> RLOO().of_rewards([1.0, 0.0, 0.0, 0.5, 0.5])
    array([ 0.75 , -0.5  , -0.5  ,  0.125,  0.125])
    """

    @property
    def least_responses(self) -> int:
        """Two: the baseline is the mean of the others."""
        return 2

    def of_rewards(self, reward: Any) -> Array:
        difference = from_first(as_rewards(reward, least=2))
        return np.asarray(difference - mean_of_others(difference))

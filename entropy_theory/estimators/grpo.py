"""GRPO: the rewards of a group less their mean, in units of their standard deviation.

Shao et al., arXiv:2402.03300; without the division Dr. GRPO, Liu et al., arXiv:2503.20783.

For rewards 0 and 1 with success chance P the expected update on one prompt is ``grad P`` times ``E[sigma_N] / (P (1 -
P))``, where N is binomial (K, P) and ``sigma_N`` the standard deviation of N ones among K rewards. It is exactly the
gradient of ``E c_M``, M binomial (K - 1, P), ``c_m = sum_{1<=N<=m} 1 / sqrt(N (K - N))``, which tends to ``2 arcsin
sqrt P`` for large K: hard and easy prompts weigh more than those of medium difficulty. All this is for the divisor K;
the divisor K - 1 multiplies it by ``sqrt((K - 1) / K)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.controls.fields import check_choice
from entropy_theory.estimators.estimator import OutcomeEstimator
from entropy_theory.estimators.groups import as_rewards, deviations, standardised
from entropy_theory.validation import is_whole

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class GRPO(OutcomeEstimator):
    """GRPO: ``A_i = (R_i - mean R) / sqrt(sum_j (R_j - mean R)^2 / (K - ddof))``.

    All advantages of a group are zero where all its rewards are equal.

    Parameters
    ----------
    scale : "std" or "none"
        "none": only ``A_i = R_i - mean R``, as in Dr. GRPO.
    ddof : 0 or 1
        Divisor K or K - 1 of the variance; without effect on the scale "none". With 1 a group needs two responses.

    Raises
    ------
    ValueError
        If an argument is not as above.

    Notes
    -----
    Shapes: `of_rewards` maps (..., K) to (..., K).

    Bias: with the scale "none" the expected update is the policy gradient times ``1 - 1/K``. With "std" it is for
    rewards 0 and 1 the gradient of each prompt times a positive number that depends on the prompt's success chance; for
    other rewards it need not even ascend.

    The paper does not say which divisor its standard deviation has; the released implementations have K - 1, the
    default here. They add 1e-6 to the standard deviation; here nothing is added.

    Examples
    --------
    One right answer among four has the deviation 3/4, and the standard deviation of the group is 1/2:

    >>> import numpy as np
    >>> from entropy_theory.estimators import GRPO
    >>> GRPO().of_rewards([1.0, 0.0, 0.0, 0.0])
    array([ 1.5, -0.5, -0.5, -0.5])
    >>> GRPO(scale="none").of_rewards([[1.0, 0.0, 0.0, 0.0], [0.1, 0.1, 0.1, 0.1]])
    array([[ 0.75, -0.25, -0.25, -0.25],
           [ 0.  ,  0.  ,  0.  ,  0.  ]])
    """

    scale: str = "std"
    ddof: int = 1

    def __post_init__(self) -> None:
        check_choice(self.scale, "scale", ("std", "none"))
        if not is_whole(self.ddof) or self.ddof not in (0, 1):
            raise ValueError(f"ddof is {brief(self.ddof)}, expected 0 or 1")

    @property
    def least_responses(self) -> int:
        """Two with the divisor K - 1, else one."""
        return 1 + int(self.ddof)

    def of_rewards(self, reward: Any) -> Array:
        rewards = as_rewards(reward, least=self.least_responses)
        return deviations(rewards) if self.scale == "none" else standardised(rewards, int(self.ddof))

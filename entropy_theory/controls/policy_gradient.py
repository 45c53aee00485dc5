"""The plain policy gradient, Eq. (5), in a bandit Eq. (9): no entropy control.

With ``dz = eta p A`` the entropy changes by ``-eta Cov_p(log p, p A)`` to first order, Eq. (10): it falls where likely
actions are the better ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.controls.control import Control
from entropy_theory.gradients import Problem, policy_gradient

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class PolicyGradient(Control):
    """Policy gradient: the loss of a token is ``-A ratio``, the exact update ``eta w p A``, Eq. (9).

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> from entropy_theory.controls import PolicyGradient
    >>> PolicyGradient().update(et.Bandit([1.0, 0.0]), np.zeros(2), 1.0)
    array([ 0.25, -0.25])
    """

    def direction(self, problem: Problem, z: Array, *, anchor: Any, reference: Any, step: int) -> Array:
        return policy_gradient(problem, z)

"""Entropy regularisation: ``J + alpha H``, Eq. (4), the traditional control.

The bonus adds ``alpha grad H``, Eq. (13), whose own first-order effect on the entropy of a state is
``alpha eta ||grad H||^2 >= 0``. It acts at every state and on every action, Definition VII.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.controls.control import Control
from entropy_theory.controls.fields import (
    Coefficient,
    check_choice,
    check_coefficient,
    coefficient_at,
    scalar_at,
    spread,
)
from entropy_theory.controls.tokens import Batch
from entropy_theory.gradients import Problem, mean_entropy_gradient, policy_gradient
from entropy_theory.problems import Bandit
from entropy_theory.softmax import entropy_gradient

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class EntropyBonus(Control):
    """Entropy bonus: the exact update is ``eta (w p A + alpha G)``.

    Parameters
    ----------
    alpha : number >= 0 or function of the step
        Coefficient of the bonus.
    visitation : "through" or "held"
        "through": G is the gradient of the mean entropy, Eq. (4), also through the visitation. "held": ``G(s,.) = d(s)
        grad H(p(.|s))``, the local formula that the paper's Section V uses. In a bandit they agree.

    Raises
    ------
    ValueError
        If an argument is not as above.

    Notes
    -----
    A batch cannot see through the visitation: there the loss gets ``-alpha H(s_t)`` a token with either.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> from entropy_theory.controls import EntropyBonus
    >>> z = np.log([0.75, 0.25])
    >>> EntropyBonus(0.0).update(et.Bandit([1.0, 0.0]), z, 1.0).round(4)
    array([ 0.1875, -0.1875])
    >>> EntropyBonus(1.0).update(et.Bandit([1.0, 0.0]), z, 1.0).round(4)
    array([-0.0185,  0.0185])
    """

    alpha: Coefficient
    visitation: str = "through"

    def __post_init__(self) -> None:
        check_coefficient(self.alpha, "alpha")
        check_choice(self.visitation, "visitation", ("through", "held"))

    def direction(self, problem: Problem, z: Array, *, anchor: Any, reference: Any, step: int) -> Array:
        alpha = spread(coefficient_at(self.alpha, step, "alpha"), 1 if isinstance(problem, Bandit) else 2)
        return np.asarray(policy_gradient(problem, z) + alpha * self._bonus(problem, z))

    def _bonus(self, problem: Problem, z: Any) -> Array:
        if isinstance(problem, Bandit) or self.visitation == "through":
            return mean_entropy_gradient(problem, z)
        logits = problem.check_logits(z)
        return np.asarray(problem.values(logits).visitation[..., None] * entropy_gradient(logits))

    def beyond_tokens(self, step: int) -> str | None:
        return "the entropy bonus" if scalar_at(self.alpha, step, "alpha") > 0 else None

    def logit_gradient(self, batch: Batch, mean_gradient: Array, selected: Array, step: int) -> Array:
        bonus = scalar_at(self.alpha, step, "alpha") * batch.state_share * entropy_gradient(batch.z)
        return np.asarray(batch.push(mean_gradient) - bonus)

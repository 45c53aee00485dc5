"""One state: a reward for each action."""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_theory.problems.values import Values
from entropy_theory.softmax import Policy, softmax
from entropy_theory.validation import as_logits, broadcast

Array = np.ndarray[Any, Any]


class Bandit:
    """A bandit with expected rewards.

    Parameters
    ----------
    reward : array (..., A)
        Expected reward of each action. Policies are logits of shape (..., A) that broadcast against it; a state axis of
        length one is kept like any leading axis.

    Raises
    ------
    ValueError
        If `reward` has no actions or an entry that is not finite or, in floats, beyond 1e300.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> bandit = et.Bandit([1.0, 0.0])
    >>> float(bandit.objective(np.zeros(2)))
    0.5
    """

    def __init__(self, reward: Any) -> None:
        self.reward = as_logits(reward, "reward")

    states = 1
    effective_horizon = np.asarray(1.0)

    @property
    def actions(self) -> int:
        """Number A of actions."""
        return int(self.reward.shape[-1])

    def __repr__(self) -> str:
        return f"Bandit(reward of shape {self.reward.shape})"

    def objective(self, z: Any) -> Array:
        """Expected reward ``J = sum_a p_a r_a`` of a policy.

        Parameters
        ----------
        z : array (..., A)
            Logits.

        Returns
        -------
        array (...)
        """
        logits, reward = self._together(z)
        return np.asarray((softmax(logits) * reward).sum(-1))

    def values(self, z: Any) -> Values:
        """Values of a policy: v = J, q = reward, advantage = r - J, visitation 1.

        Parameters
        ----------
        z : array (..., A)
            Logits.

        Returns
        -------
        Values
        """
        return self.values_under(Policy(self.check_logits(z)))

    def values_under(self, policy: Policy) -> Values:
        """Values of a policy that is evaluated already.

        Parameters
        ----------
        policy : entropy_theory.softmax.Policy
            Of logits that `check_logits` returned.

        Returns
        -------
        Values
        """
        reward = np.broadcast_to(self.reward, policy.z.shape)
        v = np.asarray((policy.probability * reward).sum(-1))
        one = np.ones(v.shape)
        return Values(v=v, q=reward, advantage=policy.centred(reward), visits=one, visitation=one)

    def check_logits(self, z: Any, name: str = "z") -> Array:
        """Logits as an array that fits the problem; a ValueError says what does not.

        Parameters
        ----------
        z : array (..., A) or (..., 1, A)
            Floats or balls.
        name : str
            What an error calls them.

        Returns
        -------
        array (..., A)
        """
        return self._together(z, name)[0]

    def _together(self, z: Any, name: str = "z") -> list[Array]:
        return broadcast(**{name: as_logits(z, name), "reward": self.reward})

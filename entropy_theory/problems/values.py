"""What is exact about a policy in a problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def _none() -> Array:
    return np.zeros(())


@dataclass(frozen=True)
class Values:
    """Values of a policy.

    Attributes
    ----------
    v : array (..., S)
        ``v(s)``, expected discounted reward from s. For a bandit (...).
    q : array (..., S, A)
        ``q(s, a) = r(s, a) + discount * E v(s')``.
    advantage : array (..., S, A)
        ``q - v``; its mean under the policy is zero at each state, Eq. (6).
    visits : array (..., S)
        ``w(s) = sum_t discount^t P(s_t = s)``, the expected discounted number of visits, the weight of a state in the
        policy gradient theorem, Eq. (5). For a bandit 1.
    visitation : array (..., S)
        ``d(s) = w(s) / effective_horizon``, in an MDP ``(1 - discount) w(s)``. It sums to one if no episode ends by
        itself; otherwise what is missing is the discounted time after the end. In a token tree of horizon T, ``w(s) /
        T``; for a bandit 1.
    """

    v: Array
    q: Array
    advantage: Array
    visits: Array
    visitation: Array
    _backward_error: Callable[[], Array] = field(default=_none, repr=False, compare=False)

    @property
    def residual(self) -> Array:
        """The largest normwise relative backward error of the linear systems behind these values, shape (...) or ().

        ``|b - A x| / (2 |x| + |b|)``, in the maximum norm for v and in the sum norm for the visits: a few units of
        rounding, or of the root of the largest number of entries in a row or column of a sparse transition, without
        which values are not returned there. Zero where no system is solved in floats:
        on balls, in a bandit and in a token tree. Beside a dense transition it is what elimination leaves, computed
        when it is asked for.
        """
        return self._backward_error()

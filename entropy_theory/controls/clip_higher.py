"""PPO clipping with a wider upper end ("clip-higher"), a baseline of the paper's Section VIII.

A token whose ratio has left [1 - low, 1 + high] in the direction of its advantage no longer pulls. The wider upper
end lets unlikely actions grow for longer, which keeps entropy. On policy it does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.controls.control import Control
from entropy_theory.controls.expected import Expected, decided
from entropy_theory.controls.fields import Number, check_clip
from entropy_theory.controls.tokens import Tokens
from entropy_theory.gradients import Problem

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class ClipHigher(Control):
    """PPO clipped surrogate with two ends: the loss of a token is ``max(-A ratio, -A clip(ratio, 1 - low, 1 + high))``.

    `select` gives the clipped tokens: ``A > 0 and ratio > 1 + high``, or ``A < 0 and ratio < 1 - low``. The exact
    update is ``dz_b = eta w p_b (K_b A_b - E_p[K A])``, K = 0 at clipped entries and 1 elsewhere.

    Parameters
    ----------
    low, high : number
        ``0 <= low <= 1`` and ``high >= 0``. The defaults are those of DAPO (arXiv:2503.14476).

    Raises
    ------
    ValueError
        If an argument is not as above.

    Examples
    --------
    >>> import numpy as np
    >>> from entropy_theory.controls import ClipHigher
    >>> old, new = np.log([0.5, 0.5, 0.5]), np.log([0.6, 0.65, 0.35])
    >>> ClipHigher().select(new, [1.0, 1.0, -1.0], old_log_prob=old)
    array([False,  True,  True])
    """

    low: Number = 0.2
    high: Number = 0.28

    def __post_init__(self) -> None:
        check_clip(self.low, self.high, ("low", "high"))

    def choose(self, tokens: Tokens, rng: Any) -> Array:
        return tokens.ppo_clipped((self.low, self.high))

    def token_derivative(self, tokens: Tokens, selected: Array, step: int) -> Array:
        return np.where(selected, 0.0, super().token_derivative(tokens, selected, step))

    def direction(self, problem: Problem, z: Array, *, anchor: Any, reference: Any, step: int) -> Array:
        expected = Expected.of(problem, z, anchor)
        clipped = self.chosen_share(expected)
        return expected.shaped(expected.gradient(1 - clipped if clipped.any() else None))

    def chosen_share(self, expected: Expected) -> Array:
        return 1 * decided(expected.ppo_clipped((self.low, self.high)), "whether a token is clipped")

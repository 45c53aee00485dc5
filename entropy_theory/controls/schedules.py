"""Coefficients that change with the step: linear annealing and a power of the step.

Theorem VII.3 lets the coefficient of KL-Cov tend to zero, in its proof at least as fast as ``1/t``, which is
``PowerDecay(beta, 1)``. Any other function of the step serves as a schedule as well.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from entropy_theory.brief import brief
from entropy_theory.controls.fields import Number, as_step, check_nonnegative


@dataclass(frozen=True)
class Annealed:
    """Linear from `start` at step 0 to `end` at step `steps`, constant from there on.

    ``start + (end - start) min(step, steps) / steps``.

    Parameters
    ----------
    start, end : number >= 0
    steps : int >= 1

    Raises
    ------
    ValueError
        If an argument is out of its range; when called, if the step is no integer >= 0.

    Examples
    --------
    >>> from entropy_theory.controls import Annealed
    >>> beta = Annealed(1.0, 0.0, 4)
    >>> [beta(step) for step in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    start: Number
    end: Number
    steps: int

    def __post_init__(self) -> None:
        check_nonnegative(self.start, "start")
        check_nonnegative(self.end, "end")
        try:
            steps = operator.index(self.steps)
        except TypeError:
            steps = 0
        if steps < 1:
            raise ValueError(f"steps is {brief(self.steps)}, expected an integer >= 1")

    def __call__(self, step: int) -> Any:
        number = as_step(step)
        if number >= self.steps:
            return self.end
        return self.start + (self.end - self.start) * number / operator.index(self.steps)


@dataclass(frozen=True)
class PowerDecay:
    """A power of the step, ``start (step + 1)^(-power)``.

    Parameters
    ----------
    start, power : number >= 0

    Raises
    ------
    ValueError
        If an argument is negative or not finite; when called, if the step is no integer >= 0.

    Examples
    --------
    >>> from entropy_theory.controls import PowerDecay
    >>> beta = PowerDecay(1.0, 0.5)
    >>> beta(0), beta(3)
    (1.0, 0.5)
    """

    start: Number
    power: Number

    def __post_init__(self) -> None:
        check_nonnegative(self.start, "start")
        check_nonnegative(self.power, "power")

    def __call__(self, step: int) -> Any:
        try:
            return self.start * (as_step(step) + 1) ** (-self.power)
        except OverflowError:
            raise ValueError(f"step is {brief(step)}, expected an integer in the range of doubles") from None

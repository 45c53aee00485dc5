"""Reward as a function of entropy, ``R = -a e^H + b``, and two rivals: fits by least squares, as arXiv:2505.22617 does.

The rivals are the straight line ``R = -a H + b``, as free as the law, and the quadratic, which has one number more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

FORMS: dict[str, Callable[[Array], tuple[Array, ...]]] = {
    "exponential": lambda h: (-np.exp(h), np.ones_like(h)),
    "line": lambda h: (-h, np.ones_like(h)),
    "quadratic": lambda h: (-h, np.ones_like(h), h**2),
}
"""The functions of the entropy that a form adds up; the first coefficient is a, the second b."""


def fit(form: str, entropy: Array, reward: Array) -> Array:
    """Coefficients (a, b, ...) that minimise the squared residuals of `reward`."""
    columns = np.stack(FORMS[form](entropy), axis=-1)
    return np.asarray(np.linalg.lstsq(columns, reward, rcond=None)[0])


def predict(form: str, coefficients: Array, entropy: Array) -> Array:
    """Reward that the form has at each entropy."""
    return np.asarray(np.stack(FORMS[form](entropy), axis=-1) @ coefficients)


def rmse(form: str, coefficients: Array, entropy: Array, reward: Array) -> float:
    """Root of the mean squared difference between the form and `reward`."""
    return root_mean_square(predict(form, coefficients, entropy) - reward)


def root_mean_square(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def reward_at(level: Any, entropy: Array, reward: Array) -> Array:
    """Reward where a run has the entropy `level`, interpolated between its records."""
    order = np.argsort(entropy, kind="stable")
    return np.asarray(np.interp(level, entropy[order], reward[order]))

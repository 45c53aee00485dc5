"""Checks theorems about softmax policies: exact gradients and entropy changes, and a certified verdict on every claim."""

from entropy_theory.arithmetic import directional_derivative
from entropy_theory.balls import Ball, UndecidedComparison, precision
from entropy_theory.constants import exact
from entropy_theory.gradients import (
    mean_entropy,
    mean_entropy_gradient,
    natural_policy_gradient,
    policy_gradient,
)
from entropy_theory.problems import MDP, Bandit, Values
from entropy_theory.softmax import (
    centred,
    covariance,
    entropy,
    entropy_change,
    entropy_gradient,
    first_order_entropy_change,
    fisher_norm,
    kl,
    log_softmax,
    softmax,
    token_covariance,
    varentropy,
)

__version__ = "0.1.0"

__all__ = [
    "MDP",
    "Ball",
    "Bandit",
    "UndecidedComparison",
    "Values",
    "centred",
    "covariance",
    "directional_derivative",
    "entropy",
    "entropy_change",
    "entropy_gradient",
    "exact",
    "first_order_entropy_change",
    "fisher_norm",
    "kl",
    "log_softmax",
    "mean_entropy",
    "mean_entropy_gradient",
    "natural_policy_gradient",
    "policy_gradient",
    "precision",
    "softmax",
    "token_covariance",
    "varentropy",
]

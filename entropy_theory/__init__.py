"""Checks theorems about softmax policies: exact gradients and entropy changes, and a certified verdict on every
claim."""

from importlib.metadata import version

from entropy_theory.arithmetic import directional_derivative, largest, smallest
from entropy_theory.balls import Ball, UndecidedComparison, precision
from entropy_theory.checking import domains
from entropy_theory.checking.api import Verdicts, verify, verify_all
from entropy_theory.checking.claim import Claim, ClaimError, Identity, Inequality, Order
from entropy_theory.checking.verdict import Verdict
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

__version__ = version("entropy_theory")

__all__ = [
    "MDP",
    "Ball",
    "Bandit",
    "Claim",
    "ClaimError",
    "Identity",
    "Inequality",
    "Order",
    "UndecidedComparison",
    "Values",
    "Verdict",
    "Verdicts",
    "centred",
    "covariance",
    "directional_derivative",
    "domains",
    "entropy",
    "entropy_change",
    "entropy_gradient",
    "exact",
    "first_order_entropy_change",
    "fisher_norm",
    "kl",
    "largest",
    "log_softmax",
    "mean_entropy",
    "mean_entropy_gradient",
    "natural_policy_gradient",
    "policy_gradient",
    "precision",
    "smallest",
    "softmax",
    "token_covariance",
    "varentropy",
    "verify",
    "verify_all",
]

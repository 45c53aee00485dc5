"""Checks theorems about softmax policies: exact gradients and entropy changes, and a certified verdict on every
claim."""

from entropy_theory.arithmetic import directional_derivative, largest, smallest
from entropy_theory.balls import Ball, UndecidedComparison, precision
from entropy_theory.checking import domains
from entropy_theory.checking.api import Verdicts, verify, verify_all
from entropy_theory.checking.claim import Claim, ClaimError, Identity, Inequality, Order
from entropy_theory.checking.verdict import Verdict
from entropy_theory.constants import exact
from entropy_theory.controls import (
    Annealed,
    ClipCov,
    ClipHigher,
    Control,
    EntropyBonus,
    KLCov,
    NaturalPolicyGradient,
    PolicyGradient,
    PowerDecay,
)
from entropy_theory.convergence import (
    BiasedAscent,
    ascend,
    entropy_smoothness,
    gradient_bound,
    reward_smoothness,
    two_armed_ascent,
    two_armed_bounds,
    two_armed_flow,
)
from entropy_theory.estimators import GRPO, PRIME, RLOO, Estimator, Reinforce
from entropy_theory.gradients import (
    Evaluation,
    evaluate,
    mean_entropy,
    mean_entropy_gradient,
    natural_policy_gradient,
    policy_gradient,
)
from entropy_theory.moments import (
    Moments,
    entry_masked,
    enumerated_moments,
    loewner_gap,
    loewner_witness,
    randomly_masked,
    token_moments,
)
from entropy_theory.problems import MDP, Bandit, TokenTree, Values
from entropy_theory.rollouts import Rollouts
from entropy_theory.softmax import (
    centred,
    covariance,
    entropy,
    entropy_change,
    entropy_gradient,
    expectation,
    first_order_entropy_change,
    fisher_norm,
    kl,
    kl_along,
    log_ratio,
    log_softmax,
    policy_change,
    softmax,
    token_covariance,
    varentropy,
)
from entropy_theory.stability import quadratic_stability_margin, stability_margin
from entropy_theory.statistics import PolicyStatistics, policy_statistics
from entropy_theory.training import History, Sampling, train

__version__: str

__all__ = [
    "GRPO",
    "MDP",
    "PRIME",
    "RLOO",
    "Annealed",
    "Ball",
    "Bandit",
    "BiasedAscent",
    "Claim",
    "ClaimError",
    "ClipCov",
    "ClipHigher",
    "Control",
    "EntropyBonus",
    "Estimator",
    "Evaluation",
    "History",
    "Identity",
    "Inequality",
    "KLCov",
    "Moments",
    "NaturalPolicyGradient",
    "Order",
    "PolicyGradient",
    "PolicyStatistics",
    "PowerDecay",
    "Reinforce",
    "Rollouts",
    "Sampling",
    "TokenTree",
    "UndecidedComparison",
    "Values",
    "Verdict",
    "Verdicts",
    "ascend",
    "centred",
    "covariance",
    "directional_derivative",
    "domains",
    "entropy",
    "entropy_change",
    "entropy_gradient",
    "entropy_smoothness",
    "entry_masked",
    "enumerated_moments",
    "evaluate",
    "exact",
    "expectation",
    "first_order_entropy_change",
    "fisher_norm",
    "gradient_bound",
    "kl",
    "kl_along",
    "largest",
    "loewner_gap",
    "loewner_witness",
    "log_ratio",
    "log_softmax",
    "mean_entropy",
    "mean_entropy_gradient",
    "natural_policy_gradient",
    "policy_change",
    "policy_gradient",
    "policy_statistics",
    "precision",
    "quadratic_stability_margin",
    "randomly_masked",
    "reward_smoothness",
    "smallest",
    "softmax",
    "stability_margin",
    "token_covariance",
    "token_moments",
    "train",
    "two_armed_ascent",
    "two_armed_bounds",
    "two_armed_flow",
    "varentropy",
    "verify",
    "verify_all",
]


def __getattr__(name: str) -> str:
    """The version is read where it is asked for: that takes a tenth of the time of all imports here."""
    if name == "__version__":
        from importlib.metadata import version

        return version("entropy_theory")
    raise AttributeError(f"module 'entropy_theory' has no attribute {name!r}")

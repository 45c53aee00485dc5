"""Estimators of the advantage: from the rewards of sampled responses to one number a token.

Each estimator is a small frozen object, in a file of its own. Those that look at the rewards alone have the formula
`of_rewards`; `PRIME` also learns a model of process rewards while it trains. Which of them point, on average, along the
policy gradient is decided in the claims of Section VIII.
"""

from entropy_theory.estimators.estimator import Estimator, OutcomeEstimator
from entropy_theory.estimators.grpo import GRPO
from entropy_theory.estimators.prime import PRIME, prime_advantage
from entropy_theory.estimators.reinforce import Reinforce
from entropy_theory.estimators.rloo import RLOO

__all__ = ["GRPO", "PRIME", "RLOO", "Estimator", "OutcomeEstimator", "Reinforce", "prime_advantage"]

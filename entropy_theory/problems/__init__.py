"""What a policy acts in: bandits and Markov decision processes, with exact values and visitation."""

from entropy_theory.problems.bandit import Bandit
from entropy_theory.problems.mdp import MDP
from entropy_theory.problems.values import Values

__all__ = ["MDP", "Bandit", "Values"]

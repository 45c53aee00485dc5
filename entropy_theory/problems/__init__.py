"""What a policy acts in, with exact values: one state, a Markov decision process, a tree of token sequences."""

from entropy_theory.problems.bandit import Bandit
from entropy_theory.problems.mdp import MDP
from entropy_theory.problems.token_tree import TokenTree
from entropy_theory.problems.values import Values

__all__ = ["MDP", "Bandit", "TokenTree", "Values"]

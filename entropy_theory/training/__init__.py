"""Training: a control iterated on a problem, exactly or with sampled responses, and the history of the run."""

from entropy_theory.training.history import History
from entropy_theory.training.sampling import Sampling
from entropy_theory.training.train import train

__all__ = ["History", "Sampling", "train"]

"""Entropy controls: what is done to the policy gradient so that the entropy does not collapse, or does so later.

Each control is a small frozen object, in a file of its own, that serves sampled tokens (`select`, `selections`,
`token_gradient`, `loss_gradient`) and exact analysis (`update`) alike. `Annealed` and `PowerDecay` are schedules for
its coefficient. A control of one's own derives from `Control`; `Tokens`, `Batch` and `Expected` are what its hooks are
given, and `top_tokens` and `top_share` pick the largest of a batch and of an infinite batch.
"""

from entropy_theory.controls.clip_cov import ClipCov
from entropy_theory.controls.clip_higher import ClipHigher
from entropy_theory.controls.control import Control
from entropy_theory.controls.entropy_bonus import EntropyBonus
from entropy_theory.controls.expected import Expected, top_share
from entropy_theory.controls.kl_cov import KLCov
from entropy_theory.controls.natural_policy_gradient import NaturalPolicyGradient
from entropy_theory.controls.policy_gradient import PolicyGradient
from entropy_theory.controls.schedules import Annealed, PowerDecay
from entropy_theory.controls.tokens import Batch, Tokens, top_tokens

__all__ = [
    "Annealed",
    "Batch",
    "ClipCov",
    "ClipHigher",
    "Control",
    "EntropyBonus",
    "Expected",
    "KLCov",
    "NaturalPolicyGradient",
    "PolicyGradient",
    "PowerDecay",
    "Tokens",
    "top_share",
    "top_tokens",
]

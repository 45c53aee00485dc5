"""Definition VI.3: the tokens that KL-Cov penalises, the first of the ranking by ``|C(s, a)|``.

The text calls them tokens of high covariance. With the absolute value the ranking may begin with a token whose C is
negative, one that holds the entropy up. Ranked by C itself, the first token has ``max_a C_a >= E_p C = Cov``, which is
positive whenever the policy gradient lowers the entropy.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative, largest, smallest
from entropy_theory.checking.claim import Inequality
from entropy_theory.claims._shared import Array, advantage, ascent, driver, token_driver
from entropy_theory.constants import exact
from entropy_theory.softmax import entropy

POSITION = 6.04

_GIVEN = {"p": d.policies(), "r": d.rewards(like="p")}


def _entropy_falls(p: Array, r: Array) -> Any:
    return (driver(p, r) > 0).astype(bool)


def _lead(p: Array, r: Array) -> Array:
    """By how much the largest positive C exceeds the most negative one in size."""
    C = token_driver(p, r)
    return np.asarray(largest(C) + smallest(C))


def _rate(p: Array, r: Array) -> Any:
    """Rate at which the entropy falls along the policy gradient."""
    return -directional_derivative(entropy, np.log(p), ascent(p, r))


HIGH_PRINTED = Inequality(
    name="definition-vi.3",
    statement=r"\mathrm{Cov} > 0\ \Rightarrow\ \text{the largest } |C_a| \text{ belongs to a positive } C_a:\quad "
    r"\max_a C_a \ge -\min_a C_a",
    given={"p": d.policies(), "r": d.reals(0, 1, like="p")},
    assuming=_entropy_falls,
    lhs=0,
    rhs=_lead,
    hypotheses="Cov(log p, pA) > 0: the policy gradient lowers the entropy. Rewards in [0, 1].",
    remark="Read as the text means it: the tokens ranked first by |C| are 'high-covariance tokens'. The update is the "
    "policy gradient pA. Released implementations rank by C with its sign.",
    breaks="Section VI-C speaks of a 'KL Penalty on High-Covariance Tokens' and Definition VI.3 ranks by |C(s, a)|. "
    "The two agree only if no negative C exceeds the positive ones in size. A positive mean, Cov > 0, does not ensure "
    "that: a rare action can have a large negative C.",
    terms={
        "log p": lambda p: np.log(p),
        "A": advantage,
        "C": token_driver,
        "Cov": driver,
    },
)

_HIGH = Inequality(
    name="definition-vi.3",
    reading="corrected",
    statement=r"\mathrm{Cov} > 0\ \Rightarrow\ \max_a C_a \ge \mathrm{Cov} > 0",
    given=_GIVEN,
    assuming=_entropy_falls,
    lhs=_rate,
    rhs=lambda p, r: largest(token_driver(p, r)),
    tight=True,
    hypotheses="Cov(log p, pA) > 0: the policy gradient lowers the entropy.",
    remark="Ranked by C with its sign, the first token has at least the mean covariance. The left side is the rate at "
    "which the entropy falls, as a derivative. Equality is approached for two actions near the uniform policy.",
    proof="C_a = (log p_a - E_p log p)((pA)_a - E_p[pA]), so E_p C = Cov(log p, pA), and by Lemma IV.2 this is minus "
    "the derivative of H along pA. A mean is at most the largest value, so max_a C_a >= Cov, which is positive by "
    "assumption. For two actions with probabilities p and 1 - p, C_1 = (1 - p)^2 L D and C_2 = p^2 L D with L = "
    "log(p/(1 - p)) and D the difference of the two entries of pA, while Cov = p (1 - p) L D > 0; the ratios of the "
    "three tend to 1 as p -> 1/2.",
)
HIGH = _HIGH.with_mutants(
    _HIGH.mutant("smallest", rhs=lambda p, r: smallest(token_driver(p, r))),
    _HIGH.mutant("factor-1.02", lhs=lambda p, r: exact(102, 100) * _rate(p, r)),
)

CLAIMS = (HIGH_PRINTED, HIGH)

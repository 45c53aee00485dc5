"""Tables of Gymnasium environments, and the absorbing chain they describe.

The tables are read by a plain loop into a chain with one more state, which absorbs: a terminated transition leads
there.  Values and visitation are power sums of that chain (no linear system), truncated where the remaining
terms are below rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class Tables:
    """kernel: (S * A, S + 1) sparse, the last column absorbing; reward: (S, A); initial: (S,)."""

    kernel: Any
    reward: Any
    initial: Any


def tables(env: Any) -> Tables:
    """Read env.unwrapped.P and initial_state_distrib."""
    p = env.unwrapped.P
    states, actions = len(p), len(p[0])
    kernel = sp.lil_matrix((states * actions, states + 1))
    reward = np.zeros((states, actions))
    for s in range(states):
        for a in range(actions):
            for probability, successor, gain, terminated in p[s][a]:
                column = states if terminated else int(successor)
                kernel[s * actions + a, column] += probability
                reward[s, a] += probability * gain
    return Tables(kernel.tocsr(), reward, np.asarray(env.unwrapped.initial_state_distrib, dtype=float))


def horizon(discount: float) -> int:
    """Steps after which discount**t / (1 - discount) is below 1e-18."""
    return int(np.ceil(np.log(1e-18 * (1 - discount)) / np.log(discount)))


def power_sums(chain: Tables, policy: Any, discount: float) -> tuple[Any, Any]:
    """(v, visitation) by adding up discounted steps of the absorbing chain."""
    states, actions = chain.reward.shape
    rows = sp.csr_matrix(
        (policy.ravel(), (np.repeat(np.arange(states), actions), np.arange(states * actions))),
        shape=(states, states * actions),
    )
    inside = sp.vstack([rows @ chain.kernel, sp.csr_matrix(([1.0], ([0], [states])), shape=(1, states + 1))]).tocsr()
    gain = np.append((policy * chain.reward).sum(axis=-1), 0.0)
    value, term = np.zeros(states + 1), gain
    counts, mass = np.zeros(states + 1), np.append(chain.initial, 0.0)
    backwards = inside.T.tocsr()
    for t in range(horizon(discount)):
        value = value + discount**t * term
        counts = counts + discount**t * mass
        term, mass = inside @ term, backwards @ mass
    return value[:-1], (1 - discount) * counts[:-1]

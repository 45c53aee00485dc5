"""Reads the transition table of a Gymnasium environment."""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_theory.brief import brief

Array = np.ndarray[Any, Any]


def read(env_or_id: Any, **options: Any) -> tuple[Array, Array, Array, Array]:
    """Transition (S, A, S), expected reward (S, A), initial (S,) and termination (S, A) of an environment.

    In ``env.unwrapped.P[s][a]``, a list of (probability, successor, reward, terminated), a successor can occur more
    than once and with different rewards, and a terminal state has a table of its own although the episode has ended
    there.
    """
    env = _make(env_or_id, **options)
    table = getattr(env.unwrapped, "P", None)
    initial = getattr(env.unwrapped, "initial_state_distrib", None)
    if table is None or initial is None:
        raise ValueError(f"env_or_id is {brief(env_or_id)}, expected an environment with P and initial_state_distrib")
    states, actions = len(table), len(table[0])
    transition, termination = np.zeros((states, actions, states)), np.zeros((states, actions))
    reward = np.zeros((states, actions))
    for s in range(states):
        for a in range(actions):
            for probability, successor, gain, terminated in table[s][a]:
                reward[s, a] += probability * gain
                if terminated:
                    termination[s, a] += probability
                else:
                    transition[s, a, successor] += probability
    return transition, reward, np.asarray(initial, dtype=np.float64), termination


def _make(env_or_id: Any, **options: Any) -> Any:
    if not isinstance(env_or_id, str):
        if not hasattr(env_or_id, "unwrapped"):
            raise ValueError(
                f"env_or_id is {brief(env_or_id)}, expected an environment or its id such as 'FrozenLake-v1'"
            )
        return env_or_id
    try:
        import gymnasium
    except ImportError:
        raise ImportError(
            "reading a Gymnasium environment needs gymnasium: pip install 'entropy-theory[gymnasium]'"
        ) from None
    try:
        return gymnasium.make(env_or_id, **options)
    except gymnasium.error.Error as error:
        why = " ".join(str(error).split())
        raise ValueError(f"env_or_id is {brief(env_or_id)}, expected an id that Gymnasium knows: {why}") from None

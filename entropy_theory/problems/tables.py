"""The tables of four Gymnasium environments, shipped so that a verdict does not depend on what is installed.

Written by ``python -m entropy_theory.problems.tables``, which needs gymnasium; a test compares them with the
installed one.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from entropy_theory.problems import gymnasium_tables

Array = np.ndarray[Any, Any]

ENVIRONMENTS: dict[str, tuple[str, dict[str, str]]] = {
    "FrozenLake 4x4": ("FrozenLake-v1", {"map_name": "4x4"}),
    "FrozenLake 8x8": ("FrozenLake-v1", {"map_name": "8x8"}),
    "CliffWalking": ("CliffWalking-v1", {}),
    "Taxi": ("Taxi-v4", {}),
}

DISCOUNT = 0.9
"""The tables have no discount of their own; they are checked with this one."""


@dataclass(frozen=True)
class Table:
    """Transition (S, A, S), reward (S, A), initial (S,), termination (S, A) and discount of an environment."""

    label: str
    transition: Array
    reward: Array
    initial: Array
    termination: Array
    discount: float = DISCOUNT


@cache
def tables() -> tuple[Table, ...]:
    """The shipped tables."""
    out = []
    with np.load(str(files("entropy_theory.problems") / "tables.npz"), allow_pickle=False) as data:
        for label in ENVIRONMENTS:
            reward = data[f"{label}/reward"]
            states, actions = reward.shape
            transition = np.zeros((states, actions, states))
            transition[tuple(data[f"{label}/index"])] = data[f"{label}/probability"]
            initial, termination = data[f"{label}/initial"], data[f"{label}/termination"]
            out.append(Table(label, transition, reward, initial, termination))
    return tuple(out)


def write(path: Path) -> None:
    """Read all environments from the installed Gymnasium and write them to `path` (NPZ)."""
    data: dict[str, Any] = {}
    for label, (name, options) in ENVIRONMENTS.items():
        transition, reward, initial, termination = gymnasium_tables.read(name, **options)
        index = np.nonzero(transition)
        data |= {
            f"{label}/index": np.array(index, dtype=np.int32),
            f"{label}/probability": transition[index],
            f"{label}/reward": reward,
            f"{label}/initial": initial,
            f"{label}/termination": termination,
        }
    np.savez_compressed(path, **data)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("tables.npz"))

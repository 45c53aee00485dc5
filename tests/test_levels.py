"""The passes over a tree in parts: where a tree is divided changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.arithmetic import to_balls
from entropy_theory.problems import levels

QUANTITIES: dict[str, Any] = {
    "objective": lambda tree, z: tree.objective(z),
    "v": lambda tree, z: tree.values(z).v,
    "q": lambda tree, z: tree.values(z).q,
    "advantage": lambda tree, z: tree.values(z).advantage,
    "visits": lambda tree, z: tree.values(z).visits,
    "visitation": lambda tree, z: tree.values(z).visitation,
    "policy_gradient": lambda tree, z: tree.objective_gradient(z),
    "mean_entropy": lambda tree, z: tree.mean_entropy(z),
    "mean_entropy_gradient": lambda tree, z: tree.mean_entropy_gradient(z),
    "state_values": lambda tree, z: tree.state_values(z, np.arange(tree.states) % 7 - 3.0),
    "expected_total": lambda tree, z: tree.expected_total(z, np.arange(tree.states) % 7 - 3.0),
}


@pytest.mark.parametrize("part", [1, 7, 40, 200])
@pytest.mark.parametrize("kind", ["floats", "a batch", "complex numbers", "balls"])
def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch, part: int, kind: str) -> None:
    """To the bit, since each row is worked on for itself."""
    lead = (2,) if kind == "a batch" else ()
    rng = np.random.default_rng(1)
    reward: Any = rng.normal(size=(*lead, 2, 27))
    z: Any = rng.normal(size=(*lead, 26, 3))
    tree = et.TokenTree(3, 3, reward)
    if kind == "complex numbers":
        z = z + 1e-30j
    if kind == "balls":
        tree, z = et.TokenTree(3, 2, reward[:, :9]), to_balls(z[:8])
    whole = {name: quantity(tree, z) for name, quantity in QUANTITIES.items()}
    monkeypatch.setattr(levels, "PART", part)
    for name, quantity in QUANTITIES.items():
        found = quantity(tree, z)
        assert found.dtype == whole[name].dtype
        assert [repr(x) for x in found.flat] == [repr(x) for x in whole[name].flat], name

"""The passes over a tree in parts: where a tree is divided changes nothing."""

from __future__ import annotations

import math
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


@pytest.mark.parametrize("part", [1, 7, levels.PART])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_without_successors_and_pay_all_is_zero(
    monkeypatch: pytest.MonkeyPatch, part: int, batch: tuple[int, ...]
) -> None:
    """The visits are what they are: each level's add up to one."""
    monkeypatch.setattr(levels, "PART", part)
    z = np.random.default_rng(2).integers(-1, 2, (*batch, 14, 2)).astype(float)
    passes = levels.Passes(z, 2, 3, None, None, False)
    met = 0
    for level in passes.up():
        assert np.all(level.v == 0)
        assert np.all(level.ahead == 0)
        assert np.all(level.advantage == 0)
        assert level.v.shape == (*batch, level.states.stop - level.states.start)
        met += level.states.stop - level.states.start
    assert met == 14
    visits = np.zeros((*batch, 14))
    for level in passes.up_and_down(np.full((*batch, 2), 0.5)):
        assert np.all(level.v == 0)
        visits[..., level.states] = level.visits
    for start, stop in ((0, 2), (2, 6), (6, 14)):
        np.testing.assert_allclose(visits[..., start:stop].sum(-1), np.ones(batch), rtol=1e-15)


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize(("vocabulary", "horizon"), [(1, 1), (1, 4), (2, 1), (2, 4), (3, 3)])
def test_parts_are_as_large_as_they_may_be(
    monkeypatch: pytest.MonkeyPatch, vocabulary: int, horizon: int, batch: tuple[int, ...]
) -> None:
    """A state has V logits for itself and for each state below it, in each problem of the batch.

    The split is the first level of which a state and all below it have no more than `PART`, or the last level.
    """

    def numbers(level: int) -> int:
        return math.prod(batch) * sum(int(vocabulary ** (k + 1)) for k in range(horizon - level))

    prompts = 5
    z = np.zeros((*batch, prompts * sum(vocabulary**t for t in range(horizon)), vocabulary))
    passes = levels.Passes(z, prompts, horizon, None, None, True)
    fits = {n * numbers(level) + off for level in range(horizon) for n in (1, 2, 3) for off in (-1, 0, 1)}
    for part in sorted(fits):
        monkeypatch.setattr(levels, "PART", part)
        split, parts = passes._division()
        size = prompts * vocabulary**split
        assert [p.start for p in parts] == [0, *(p.stop for p in parts[:-1])]
        assert parts[-1].stop == size
        assert split == horizon - 1 or numbers(split) <= part
        assert split == 0 or numbers(split - 1) > part
        lengths = [p.stop - p.start for p in parts]
        assert all(1 <= n <= lengths[0] for n in lengths)
        assert len(set(lengths[:-1])) <= 1
        assert lengths[0] == 1 or lengths[0] * numbers(split) <= part
        assert lengths[0] == size or (lengths[0] + 1) * numbers(split) > part

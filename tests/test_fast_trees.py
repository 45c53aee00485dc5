"""The compiled passes over token trees against the enumeration of every response, and against the NumPy passes.

Both paths keep to the limits that are derived in ``tests.oracles.token_tree.allowed``; where they are compared with
each other, a difference may be twice such a limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import entropy_theory as et
from entropy_theory import fast
from entropy_theory.problems import token_tree
from tests.oracles import rounding
from tests.oracles.numbers import assert_within
from tests.test_levels import QUANTITIES
from tests.test_token_tree import TREES, case, check, checks, package_tree, trees

numba = pytest.importorskip("numba")
compiled_trees = pytest.importorskip("entropy_theory.fast.trees")

Array = np.ndarray[Any, Any]


class NotCompiled(AssertionError):
    """The NumPy passes were taken."""


def refuse(*_: Any) -> Any:
    raise NotCompiled


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Every tree of floats goes to the compiled passes."""
    monkeypatch.delenv(fast.SWITCH, raising=False)
    monkeypatch.setattr(token_tree, "COMPILED", 0)
    monkeypatch.setattr(token_tree, "Passes", refuse)
    return monkeypatch


# --- against the enumeration ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [1, 12, 40, compiled_trees.PART])
@pytest.mark.parametrize("name", TREES)
def test_every_response(forced: pytest.MonkeyPatch, name: str, part: int) -> None:
    """In parts of one state, of some, and of the whole tree."""
    forced.setattr(compiled_trees, "PART", part)
    tree, z, exact, limit = case(name)
    check(tree, z, exact)
    for what in ("policy_gradient", "mean_entropy", "mean_entropy_gradient"):
        assert_within(QUANTITIES[what](package_tree(tree), z), getattr(exact, what), getattr(limit, what), what)


@settings(checks, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees())
def test_every_response_of_any_tree(forced: pytest.MonkeyPatch, pair: Any) -> None:
    from tests.oracles import token_tree as oracle

    tree, z = pair
    forced.setattr(compiled_trees, "PART", 1 + len(tree.states))
    check(tree, z, oracle.exactly(tree, z))


def test_the_forced_path_is_the_compiled_one(forced: pytest.MonkeyPatch) -> None:
    tree, z, _, _ = case("ternary")
    problem = package_tree(tree)
    for quantity in QUANTITIES.values():
        with fast.disabled(), pytest.raises(NotCompiled):
            quantity(problem, z)
        quantity(problem, z)


# --- against the NumPy passes ---------------------------------------------------------------------------------------

RNG = np.random.default_rng(6)


@dataclass(frozen=True)
class Regime:
    """Logits of some 2**15 entries, so that a tree has several parts."""

    vocabulary: int
    horizon: int
    prompts: int
    scale: float
    zeros: bool = False
    """Whether most prompts weigh nothing."""

    def tree(self) -> et.TokenTree:
        rng = np.random.default_rng(self.vocabulary)
        reward = rng.integers(-8, 9, (self.prompts, self.vocabulary**self.horizon)) / 8
        weights = rng.dirichlet(np.ones(self.prompts))
        if self.zeros:
            weights[1:] = 0.0
            weights[0] = 1.0
        return et.TokenTree(self.vocabulary, self.horizon, reward, weights=weights)

    def logits(self, tree: et.TokenTree) -> Array:
        drawn = np.random.default_rng(self.horizon).standard_normal((tree.states, self.vocabulary))
        if self.scale < 0:  # all but exp(scale) of the mass on one action
            z = self.scale + drawn
            z[np.arange(tree.states), np.arange(tree.states) % self.vocabulary] = 0.0
            return z
        if self.scale == 2.5:  # ties
            return np.asarray(np.rint(self.scale * drawn))
        return np.asarray(self.scale * drawn)


REGIMES = {
    "uniform": Regime(8, 5, 1, 0.0),
    "tiny spread": Regime(8, 5, 1, 1e-12),
    "usual": Regime(8, 5, 3, 1.0),
    "ties": Regime(4, 7, 2, 2.5),
    "binary, deep": Regime(2, 15, 1, 1.0),
    "nearly deterministic, 1e-20": Regime(8, 5, 1, -46.0),
    "nearly deterministic, 1e-300": Regime(8, 5, 1, -690.0),
    "far": Regime(8, 5, 2, 700.0),
    "very far": Regime(8, 5, 2, 1e5),
    "one token": Regime(1, 4, 9000, 1.0),
    "one step": Regime(16, 1, 2100, 3.0),
    "one step, wide": Regime(40_000, 1, 2, 3.0),
    "wide": Regime(200, 2, 3, 3.0),
    "weights of zero": Regime(4, 6, 9, 1.0, zeros=True),
}


def limits(tree: et.TokenTree, z: Array, now: Array) -> dict[str, Array]:
    """Those of ``tests.oracles.token_tree.allowed``, with the sizes in floats; see there for the derivation."""
    count = tree.horizon
    unit = float(np.max(rounding.unit(z)))
    p, _ = rounding.parts(z)
    mode = z.argmax(-1)[:, None]
    sizes = et.TokenTree(tree.vocabulary, count, np.abs(tree.reward), weights=tree.weights)
    with fast.disabled():
        values, objective = sizes.values(z), sizes.objective(z)
        paid = sizes.state_values(z, np.abs(now))
        entropies = sizes.state_values(z, et.entropy(z))
        ahead = sizes.expected_next(entropies)
        total = et.mean_entropy(sizes, z)
    w = values.visits[:, None]
    tiny = rounding.SUBNORMAL * tree.vocabulary * count * (1 + np.abs(tree.reward).max() + np.abs(now).max())
    subtracted = values.q + values.v[:, None] + np.take_along_axis(values.q, mode, -1)
    expected = (p * ahead).sum(-1, keepdims=True)
    turned = ahead + expected + np.take_along_axis(ahead, mode, -1) + rounding.deviation_sizes(z)[1]
    out = {
        "objective": (count + 1) * unit * objective,
        "v": count * unit * values.v,
        "q": count * unit * values.q,
        "advantage": (count + 1) * unit * subtracted,
        "visits": (count + 1) * unit * values.visits,
        "visitation": (count + 2) * unit * values.visitation,
        "policy_gradient": (2 * count + 3) * unit * w * p * subtracted,
        "mean_entropy": (count + 2) * unit * total,
        "mean_entropy_gradient": (2 * count + 4) * unit * w * p * turned / count,
        "state_values": (count + 1) * unit * paid,
        "expected_total": (count + 2) * unit * (tree.weights * paid[: tree.prompts]).sum(),
    }
    return {name: np.asarray(limit) + tiny for name, limit in out.items()}


@pytest.mark.parametrize("name", REGIMES)
def test_both_paths(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(fast.SWITCH, raising=False)
    monkeypatch.setattr(token_tree, "COMPILED", 0)
    tree = REGIMES[name].tree()
    z = REGIMES[name].logits(tree)
    assert tree._compiled(z)
    allowed = limits(tree, z, np.arange(tree.states) % 7 - 3.0)
    for what, quantity in QUANTITIES.items():
        compiled = quantity(tree, z)
        with fast.disabled():
            plain = quantity(tree, z)
        assert compiled.shape == plain.shape
        assert compiled.dtype == plain.dtype == np.float64
        assert np.all(np.abs(compiled - plain) <= 2 * allowed[what]), what


@pytest.mark.parametrize("scale", [1e-12, 1.0, -46.0, -690.0])
def test_a_single_step_is_relative_to_the_differences(monkeypatch: pytest.MonkeyPatch, scale: float) -> None:
    """Rewards that differ little, on policies of every kind: what is common to them costs no accuracy.

    With T = 1 the action values are the rewards, exactly. A deviation is then known to ``unit`` times the sizes
    ``|r_a - r_mode|`` and their mean, a gradient to as much and the errors of w and p.
    """
    monkeypatch.delenv(fast.SWITCH, raising=False)
    monkeypatch.setattr(token_tree, "COMPILED", 0)
    regime = Regime(16, 1, 2100, scale)
    tree = regime.tree()
    z = regime.logits(tree)
    near = et.TokenTree(16, 1, 1 + tree.reward * 2.0**-40, weights=tree.weights)
    p, _ = rounding.parts(z)
    gap = rounding.from_mode(z, near.reward)
    size = gap + (p * gap).sum(-1, keepdims=True)
    unit = float(np.max(rounding.unit(z)))
    entropic = p * rounding.deviation_sizes(z)[1]
    for quantity, limit in (
        (QUANTITIES["advantage"], size),
        (QUANTITIES["policy_gradient"], 4 * tree.weights[:, None] * p * size),
        (QUANTITIES["mean_entropy_gradient"], 4 * tree.weights[:, None] * entropic),
    ):
        compiled = quantity(near, z)
        with fast.disabled():
            plain = quantity(near, z)
        assert np.all(np.abs(compiled - plain) <= 2 * unit * limit + rounding.SUBNORMAL * 16)


def test_batches(forced: pytest.MonkeyPatch) -> None:
    """Leading axes of rewards and of logits that broadcast are so many trees."""
    reward = RNG.normal(size=(3, 1, 2, 27))
    tree = et.TokenTree(3, 3, reward, weights=[0.25, 0.75])
    z = RNG.normal(size=(2, tree.states, 3))
    for what, quantity in QUANTITIES.items():
        found = quantity(tree, z)
        rewarded = what not in ("mean_entropy", "mean_entropy_gradient", "state_values", "expected_total")
        if what == "mean_entropy_gradient":
            rewarded = True
        assert found.shape[:2] == (3, 2) if rewarded else found.shape[:1] == (2,), what
        for i, j in np.ndindex(3, 2):
            one = quantity(et.TokenTree(3, 3, reward[i, 0], weights=tree.weights), z[j])
            np.testing.assert_array_equal(found[i, j] if rewarded else found[j], one)


def test_many_rewards_of_the_states(forced: pytest.MonkeyPatch) -> None:
    tree = et.TokenTree(3, 3, RNG.normal(size=(2, 27)))
    z, now = RNG.normal(size=(tree.states, 3)), RNG.normal(size=(4, 1, tree.states))
    together = tree.state_values(z, now)
    assert together.shape == (4, 1, tree.states)
    for i in range(4):
        np.testing.assert_array_equal(together[i, 0], tree.state_values(z, now[i, 0]))


def test_operands_of_any_layout(forced: pytest.MonkeyPatch) -> None:
    """Strides and write protection do not matter, and nothing that is given is written to."""
    tree = et.TokenTree(3, 3, np.repeat(RNG.normal(size=27), 2)[::2], prompts=2)
    z = RNG.normal(size=(tree.states, 3))
    wide = np.asfortranarray(z)
    held = z.copy()
    held.flags.writeable = False
    for quantity in QUANTITIES.values():
        expected = quantity(tree, z)
        np.testing.assert_array_equal(quantity(tree, wide), expected)
        np.testing.assert_array_equal(quantity(tree, held), expected)
    np.testing.assert_array_equal(held, z)


def test_bytes_do_not_depend_on_the_threads(forced: pytest.MonkeyPatch) -> None:
    regime = REGIMES["usual"]
    tree = regime.tree()
    z = regime.logits(tree)
    number = numba.get_num_threads()
    all_threads = [quantity(tree, z).tobytes() for quantity in QUANTITIES.values()]
    try:
        numba.set_num_threads(1)
        assert [quantity(tree, z).tobytes() for quantity in QUANTITIES.values()] == all_threads
    finally:
        numba.set_num_threads(number)


# --- which path is taken --------------------------------------------------------------------------------------------


def test_what_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Floats from a size on, unless it is switched off: never balls, complex numbers or small trees."""
    monkeypatch.delenv(fast.SWITCH, raising=False)
    large = et.TokenTree(64, 3, np.zeros(64**3))
    small = et.TokenTree(63, 3, np.zeros(63**3))
    z = np.zeros((large.states, 64))
    assert token_tree.COMPILED >= 2**15
    assert large._compiled(z)
    assert not small._compiled(np.zeros((small.states, 63)))
    assert not large._compiled(z + 0j)
    assert not large._compiled(z, np.zeros(large.states, complex))
    assert not large._compiled(z.astype(object))
    assert not et.TokenTree(64, 3, np.zeros(64**3) + 0j)._compiled(z)
    with fast.disabled():
        assert not large._compiled(z)
    monkeypatch.setenv(fast.SWITCH, "0")
    assert not large._compiled(z)

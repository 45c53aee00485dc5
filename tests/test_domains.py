"""Domains: every draw lies within, the regimes are all met, and an empty domain is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.certify import rationals
from entropy_theory.checking.leaf import Leaf, Sizes
from entropy_theory.checking.space import Space, delete
from entropy_theory.checking.variables import Variable
from entropy_theory.checking.verify import check

Array = np.ndarray[Any, Any]

d = et.domains
N = 4000


def drawn(given: dict[str, Variable], sizes: Sizes | None = None, n: int = N) -> tuple[Space, dict[str, Array]]:
    space = Space(given)
    chosen = space.sizes()[-1] if sizes is None else sizes
    return space, space.draw(np.random.default_rng(7), n, chosen)


DOMAINS: dict[str, Callable[[], dict[str, Variable]]] = {
    "logits": lambda: {"z": d.logits(actions=(1, 5))},
    "logits of states": lambda: {"z": d.logits(actions=3, states=(1, 2))},
    "policies": lambda: {"p": d.policies(actions=(1, 5))},
    "policies of states": lambda: {"p": d.policies(actions=(2, 3), states=2)},
    "rewards": lambda: {"r": d.rewards(actions=4)},
    "rewards of a policy": lambda: {"p": d.policies(actions=(2, 6)), "r": d.rewards(like="p")},
    "rewards before their policy": lambda: {"r": d.rewards(like="p"), "p": d.policies(actions=3)},
    "policy of an mdp": lambda: {"m": d.mdps(states=(1, 2)), "z": d.logits(like="m"), "r": d.rewards(like="z")},
    "reals": lambda: {"x": d.reals(-2, 3)},
    "half open": lambda: {"x": d.reals(0, 1, open_low=True)},
    "open": lambda: {"x": d.reals(0, 1, open_low=True, open_high=True)},
    "line": lambda: {"x": d.reals(-math.inf, math.inf)},
    "from below": lambda: {"x": d.reals(-math.inf, -3, open_high=True)},
    "from above": lambda: {"x": d.reals(5, math.inf)},
    "point": lambda: {"x": d.reals(2, 2)},
    "narrow": lambda: {"x": d.reals(1, 1 + 1e-9, open_low=True, open_high=True)},
    "far": lambda: {"x": d.reals(1e9, 1e10)},
    "very far": lambda: {"x": d.reals(1e13, math.inf)},
    "very far below": lambda: {"x": d.reals(-math.inf, -1e13)},
    "wide": lambda: {"x": d.reals(-1e200, 1e200)},
    "array of reals": lambda: {"z": d.logits(actions=(2, 4)), "x": d.reals(0, 1, like="z", open_low=True)},
    "positive": lambda: {"x": d.positive()},
    "array of positive": lambda: {"z": d.logits(actions=3, states=2), "x": d.positive(like="z")},
    "integers": lambda: {"n": d.integers(-3, 8)},
    "one integer": lambda: {"n": d.integers(4, 4)},
    "integers upwards": lambda: {"n": d.integers(1, math.inf)},  # type: ignore[arg-type]
    "mdps": lambda: {"m": d.mdps(states=(1, 3), actions=(1, 3))},
}


@pytest.mark.parametrize("name", DOMAINS)
def test_every_draw_lies_in_the_domain(name: str) -> None:
    given = DOMAINS[name]()
    space = Space(given)
    for sizes in space.sizes():
        leaves = space.draw(np.random.default_rng(3), 800, sizes)
        assert set(leaves) == set(space.leaves)
        for label, value in leaves.items():
            leaf = space.leaves[label]
            shape = tuple(sizes[a.removesuffix("+end")] + a.endswith("+end") for a in leaf.axes)
            assert value.shape == (800, *shape)
            assert value.dtype.kind in "if"
            assert np.isfinite(value).all()
            if leaf.kind == "simplex":
                assert (value > 0).all() if leaf.interior else (value >= 0).all()
                np.testing.assert_allclose(value.sum(-1), 1, rtol=1e-15 * value.shape[-1])
            else:
                assert (value > leaf.low).all() if leaf.open_low else (value >= leaf.low).all()
                assert (value < leaf.high).all() if leaf.open_high else (value <= leaf.high).all()
                assert not leaf.integer or (value == np.rint(value)).all()
        assert space.admits(leaves).all()


@pytest.mark.parametrize("name", DOMAINS)
def test_a_draw_stays_in_the_domain_as_exact_rationals(name: str) -> None:
    space, leaves = drawn(DOMAINS[name](), n=40)
    for i in range(40):
        exact = rationals({k: v[i] for k, v in leaves.items()}, space.leaves)
        for label, value in exact.items():
            if space.leaves[label].kind == "simplex":
                assert all(total == 1 for total in np.asarray(value.sum(-1)).flat)
        balls = {k: np.array([et.Ball(x) for x in v.flat], dtype=object).reshape(1, *v.shape) for k, v in exact.items()}
        assert space.admits(balls).all()


@pytest.mark.parametrize("name", DOMAINS)
def test_the_same_seed_draws_the_same(name: str) -> None:
    first, second = drawn(DOMAINS[name](), n=50)[1], drawn(DOMAINS[name](), n=50)[1]
    for label in first:
        assert first[label].tobytes() == second[label].tobytes()


@pytest.mark.parametrize("name", DOMAINS)
def test_coordinates_of_the_optimiser_lead_back_into_the_domain(name: str) -> None:
    space, leaves = drawn(DOMAINS[name](), n=200)
    rng = np.random.default_rng(5)
    moved = {}
    for label, leaf in space.leaves.items():
        free = leaf.to_free(leaves[label])
        free = free + rng.normal(size=free.shape) * 10.0 ** rng.uniform(-6, 3, size=free.shape)
        moved[label] = leaf.from_free(free, leaves[label].shape[1:])
        assert np.isfinite(moved[label]).all()
    assert space.admits(moved).all()


# Regimes ---------------------------------------------------------------------------------------------------------


def policy_regimes(p: Array) -> dict[str, Array]:
    top = p.max(-1)
    rest = p.sum(-1) - top  # exactly what the mode leaves, up to rounding
    others = np.sort(p, axis=-1)[..., :-1].sum(-1)
    ordered = np.sort(p, axis=-1)
    tied = (np.diff(ordered, axis=-1) == 0).any(-1)
    return {
        "near uniform": (ordered[..., -1] < ordered[..., 0] * (1 + 1e-3)) & (ordered[..., -1] > ordered[..., 0]),
        "uniform": ordered[..., -1] == ordered[..., 0],
        "tied": tied & (ordered[..., -1] != ordered[..., 0]),
        "generic": ~tied & (top < 0.9),
        "nearly deterministic": (others < 1e-6) & (others > 1e-10),
        "very nearly deterministic": (others < 1e-11) & (others > 1e-13),
        "beyond one rounding unit": (others < 1e-17) & (rest >= 0),
        "wide": ordered[..., 0] < 1e-60,
    }


REGIMES = tuple(policy_regimes(np.array([[0.5, 0.5]])))


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("actions", [2, 3, 5])
@pytest.mark.parametrize("kind", ["policies", "logits"])
def test_policies_cover_their_regimes(kind: str, actions: int, regime: str) -> None:
    if regime == "tied" and actions == 2:
        return
    domain = d.policies(actions=actions) if kind == "policies" else d.logits(actions=actions)
    _, leaves = drawn({"v": domain})
    p = leaves["v"] if kind == "policies" else et.softmax(leaves["v"])
    assert policy_regimes(p)[regime].sum() >= 4


def test_policies_hold_small_rationals() -> None:
    _, leaves = drawn({"p": d.policies(actions=2)})
    for share in (Fraction(1, 2), Fraction(1, 3), Fraction(1, 5)):
        assert (leaves["p"][:, 0] == float(share)).any()


@pytest.mark.parametrize("kind", ["policies", "logits"])
def test_rewards_cover_their_regimes(kind: str) -> None:
    domain = d.policies(actions=4) if kind == "policies" else d.logits(actions=4)
    _, leaves = drawn({"p": domain, "r": d.rewards(like="p")})
    p, r = leaves["p"], leaves["r"]
    order = np.argsort(p, axis=-1, kind="stable")
    distinct = (np.diff(np.sort(p, axis=-1)) > 0).all(-1)
    steps = np.diff(np.take_along_axis(r, order, -1))
    constant = (r == r[:, :1]).all(-1)
    tied = (np.diff(np.sort(r, axis=-1)) == 0).any(-1) & ~constant
    spread = np.ptp(r, axis=-1)
    regimes = {
        "constant": constant,
        "tied": tied,
        "comonotone": distinct & ~constant & (steps >= 0).all(-1),
        "anticomonotone": distinct & ~constant & (steps <= 0).all(-1),
        "neither": distinct & (steps > 0).any(-1) & (steps < 0).any(-1),
        "tiny": ~constant & (spread < 1e-3),
        "huge": spread > 1e4,
        "binary": np.isin(r, (0, 1)).all(-1) & ~constant,
        "small integers": (r == np.rint(r)).all(-1) & (np.abs(r) <= 3).all(-1),
    }
    rare = {k: int(v.sum()) for k, v in regimes.items() if v.sum() < 10}
    assert rare == {}


def test_reals_reach_their_ends() -> None:
    _, leaves = drawn({"x": d.reals(-2, 3)})
    x = leaves["x"]
    assert (x == -2).any()
    assert (x == 3).any()
    assert ((x > -2) & (x < -2 + 1e-6)).any()
    assert ((x < 3) & (x > 3 - 1e-6)).any()
    assert (x == 0).any()
    assert (np.histogram(x, bins=10, range=(-2, 3))[0] > N / 100).all()


def test_open_ends_are_approached_but_not_met() -> None:
    _, leaves = drawn({"x": d.reals(0, 1, open_low=True, open_high=True)})
    x = leaves["x"]
    assert 0 < x.min() < 1e-8
    assert 1 - 1e-8 < x.max() < 1


def test_positive_reals_are_tiny_and_huge() -> None:
    _, leaves = drawn({"x": d.positive()})
    x = leaves["x"]
    assert 0 < x.min() < 1e-9
    assert x.max() > 1e9
    assert (x == 1).any()
    assert (x == 2).any()


def test_the_line_has_both_signs_and_all_sizes() -> None:
    _, leaves = drawn({"x": d.reals(-math.inf, math.inf)})
    x = leaves["x"]
    for sign in (-1, 1):
        assert (sign * x > 1e6).any()
        assert ((sign * x > 0) & (sign * x < 1e-6)).any()
        assert ((sign * x > 0.1) & (sign * x < 10)).any()
    assert (x == 0).any()


def test_integers_reach_all_values() -> None:
    _, leaves = drawn({"n": d.integers(-3, 8)})
    assert sorted(set(leaves["n"].tolist())) == list(range(-3, 9))


def test_mdps_cover_their_regimes() -> None:
    _, leaves = drawn({"m": d.mdps(states=(3, 3), actions=(2, 2))})
    transition, reward = leaves["m.transition"], leaves["m.reward"]
    discount, initial = leaves["m.discount"], leaves["m.initial"]
    regimes = {
        "deterministic": ((transition == 0) | (transition == 1)).all((1, 2, 3)),
        "random": ((transition > 0) & (transition < 1)).any((1, 2, 3)),
        "ends at once": (transition[..., -1] == 1).any((1, 2)),
        "never ends": (transition[..., -1] == 0).all((1, 2)),
        "absorbing": np.isclose(transition[:, np.arange(3), :, np.arange(3)], 1).all(-1).any(0),
        "binary rewards": np.isin(reward, (0, 1)).all((1, 2)),
        "rewards and penalties": np.isin(reward, (-1, 0, 1)).all((1, 2)) & (reward < 0).any((1, 2)),
        "patient": discount > 0.99,
        "impatient": discount < 0.1,
        "very patient": discount > 0.99999,
        "myopic": discount == 0,
        "one half": discount == 0.5,
        "one start": (initial == 1).any(-1),
        "spread start": (initial < 0.9).all(-1),
    }
    rare = {k: int(v.sum()) for k, v in regimes.items() if v.sum() < 10}
    assert rare == {}


@pytest.mark.parametrize(
    ("discount", "low", "high"), [(0.9, 0.9, 0.9), ((0.5, 0.75), 0.5, 0.75), ((0.5, 1), 0.5, 1.0), (0, 0.0, 0.0)]
)
def test_discounts_of_mdps(discount: Any, low: float, high: float) -> None:
    space, leaves = drawn({"m": d.mdps(discount=discount)})
    values = leaves["m.discount"]
    assert low <= values.min() <= low + (high - low) / 1000
    assert high - (high - low) / 1000 <= values.max() <= high
    assert space.admits(leaves).all()
    assert (values < 1).all()
    for outside in (low - 1e-9, high + 1e-9, 1.0):
        assert not space.admits({**leaves, "m.discount": np.full(len(values), outside)}).any()


@pytest.mark.parametrize(
    ("discount", "text"),
    [(0.5, "1/2"), ((0, 1), "in [0, 1)"), ([0.5, 0.75], "in [1/2, 3/4]"), ((0.5, 1), "in [1/2, 1)")],
)
def test_discounts_in_words(discount: Any, text: str) -> None:
    assert f"discount {text}, " in d.mdps(discount=discount).in_words("m")
    assert "discount in [0, 1), " in d.mdps().in_words("m")


@pytest.mark.parametrize(
    "bad", [1, -0.1, (0.5, 0.4), (1, 1), (0, 1.5), math.nan, (0.1, 0.2, 0.3), "x", None, 1j, 10**400]
)
def test_discounts_that_are_none(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"discount is .*, expected a number in \[0, 1\) or a pair \(least, most\)"):
        d.mdps(discount=bad)


def test_descents_go_to_no_discount_that_floats_cannot_solve_for() -> None:
    leaf = Space({"m": d.mdps()}).leaves["m.discount"]
    free = np.array([[-1.0], [0.0], [0.5], [1 - 1e-9], [1.0], [7.0]])
    np.testing.assert_array_equal(leaf.from_free(free, ()), [0, 0, 0.5, 1 - 1e-6, 1 - 1e-6, 1 - 1e-6])
    leaf = Space({"m": d.mdps(discount=(1 - 1e-9, 1))}).leaves["m.discount"]
    assert leaf.admits(leaf.from_free(free, ())).all()


# Sizes, membership and deletion ----------------------------------------------------------------------------------


def test_sizes_are_all_of_a_short_range_and_reach_the_end_of_a_long_one() -> None:
    assert [s["z.actions"] for s in Space({"z": d.logits(actions=(2, 6))}).sizes()] == [2, 3, 4, 5, 6]
    assert [s["z.actions"] for s in Space({"z": d.logits(actions=4)}).sizes()] == [4]
    long = [s["z.actions"] for s in Space({"z": d.logits(actions=(3, 100))}).sizes()]
    assert long[0] == 3
    assert long[-1] == 100
    assert long == sorted(set(long))


def test_sizes_of_two_variables_combine() -> None:
    sizes = Space({"z": d.logits(actions=(2, 3)), "m": d.mdps(states=(1, 2), actions=(1, 2))}).sizes()
    assert len(sizes) == 2 * 4
    assert sum(sizes[0].values()) == min(sum(s.values()) for s in sizes)


def test_membership_of_exact_numbers_is_exact() -> None:
    leaf = Leaf("real", (), 0.0, 0.1, open_low=True)
    beyond = Fraction(0.1) + Fraction(1, 10**50)
    for value, inside in ((Fraction(0.1), True), (beyond, False), (Fraction(0), False), (Fraction(1, 10**50), True)):
        assert bool(leaf.admits(np.array([et.Ball(value)], dtype=object))[0]) is inside


def test_membership_asks_for_whole_numbers() -> None:
    leaf = d.integers(0, 5).leaves("n", {"n": d.integers(0, 5)})["n"]
    for value, inside in ((Fraction(2), True), (Fraction(5, 2), False), (Fraction(6), False)):
        assert bool(leaf.admits(np.array([et.Ball(value)], dtype=object))[0]) is inside
        assert bool(leaf.admits(np.array([float(value)]))[0]) is inside


def test_a_probability_of_zero_is_outside_the_interior() -> None:
    space = Space({"p": d.policies(actions=2)})
    for row, inside in (((1, 0), False), ((Fraction(1, 2), Fraction(1, 2)), True), ((2, -1), False)):
        value = np.array([[et.Ball(x) for x in row]], dtype=object)
        assert bool(space.admits({"p": value})[0]) is inside


def test_deleting_an_action_leaves_probabilities() -> None:
    space = Space({"p": d.policies(actions=(2, 3)), "r": d.rewards(like="p")})
    instance = {
        "p": np.array([Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)], dtype=object),
        "r": np.array([Fraction(1), Fraction(2), Fraction(3)], dtype=object),
    }
    smaller = delete(space, instance, "p.actions", 0)
    assert smaller is not None
    assert smaller["p"].tolist() == [Fraction(2, 3), Fraction(1, 3)]
    assert smaller["r"].tolist() == [2, 3]


def test_deleting_a_state_removes_its_row_and_column() -> None:
    space, leaves = drawn({"m": d.mdps(states=(3, 3), actions=(2, 2))}, n=30)
    kept = 0
    for i in range(30):
        instance = rationals({k: v[i] for k, v in leaves.items()}, space.leaves)
        smaller = delete(space, instance, "m.states", 1)
        if smaller is None:
            continue
        kept += 1
        assert smaller["m.transition"].shape == (2, 2, 3)
        assert smaller["m.reward"].shape == (2, 2)
        assert all(t == 1 for t in smaller["m.transition"].sum(-1).flat)
        assert smaller["m.initial"].sum() == 1
    assert kept > 0


def test_an_mdp_is_built_for_the_functions() -> None:
    space, leaves = drawn({"m": d.mdps(states=(2, 2), actions=(3, 3))}, n=5)
    mdp = space.build(leaves)["m"]
    assert isinstance(mdp, et.MDP)
    assert mdp.reward.shape == (5, 2, 3)
    described = space.describe({k: v[0] for k, v in leaves.items()})
    assert {"m.transition", "m.termination", "m.reward", "m.discount", "m.initial"} == set(described)
    assert described["m.transition"].shape == (2, 3, 2)


# Errors ----------------------------------------------------------------------------------------------------------

EMPTY: dict[str, Callable[[], Any]] = {
    "reals": lambda: d.reals(1, 0),
    "open point": lambda: d.reals(1, 1, open_low=True),
    "open above": lambda: d.reals(1, 1, open_high=True),
    "integers": lambda: d.integers(3, 2),
    "no integer between": lambda: d.integers(0.2, 0.8),  # type: ignore[arg-type]
    "actions": lambda: d.logits(actions=(3, 2)),
    "no action": lambda: d.policies(actions=0),
    "negative": lambda: d.rewards(actions=(-2, 2)),
    "no state": lambda: d.logits(states=0),
    "mdps": lambda: d.mdps(states=(2, 1)),
    "above all": lambda: d.reals(math.inf, math.inf),
    "below all": lambda: d.reals(-math.inf, -math.inf),
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty_domains_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"empty|expected"):
        EMPTY[name]()


@pytest.mark.parametrize("bad", ["x", None, True, math.nan, 1j])
def test_bounds_that_are_no_numbers_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match=r"low is .*expected a real number"):
        d.reals(bad, 1)
    with pytest.raises(ValueError, match=r"high is .*expected a real number"):
        d.reals(0, bad)
    with pytest.raises(ValueError, match=r"low is .*expected a real number"):
        d.integers(bad, 3)


@pytest.mark.parametrize("bad", [2.5, 0.5, -1e-9, np.float64(1.25), np.float32(0.1)])
def test_ends_of_integers_are_integers(bad: float) -> None:
    for side, ends in (("low", (bad, 9)), ("high", (-9, bad)), ("low", (bad, math.inf)), ("high", (-math.inf, bad))):
        with pytest.raises(ValueError, match=f"{side} is {re.escape(repr(bad))}, expected an integer"):
            d.integers(*ends)


@pytest.mark.parametrize("ends", [(1, 3), (1.0, 3.0), (np.float64(1), np.int64(3))])
def test_whole_floats_are_integers(ends: Any) -> None:
    assert (d.integers(*ends).low, d.integers(*ends).high) == (1, 3)


@pytest.mark.parametrize("end", [et.exact("0.1"), Fraction(1, 10), "0.1", Decimal("0.1"), et.Ball(1) / 10])
def test_exact_ends_are_refused_with_what_to_do_instead(end: Any) -> None:
    advice = re.escape("ends are doubles; for an exact end scale the variable, as et.exact('0.1') * x for x in [0, 1]")
    with pytest.raises(ValueError, match=f"high is .*, expected a real number as an int or a float: {advice}"):
        d.reals(0, end)
    with pytest.raises(ValueError, match=f"low is .*{advice}"):
        d.reals(end, 1)


def test_a_scaled_variable_has_an_exact_end() -> None:
    """As the message says."""
    given = {"x": d.reals(0, 1)}
    tenth = et.exact("0.1")
    upto = et.Inequality(name="upto", given=given, lhs=lambda x: tenth * x, rhs=tenth)
    below = et.Inequality(name="below", given=given, lhs=lambda x: tenth * x, rhs=tenth, strict=True)
    assert check(upto, 0, 200).outcome in ("holds", "proved")
    assert check(below, 0, 200).counterexample == {"x": "1"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"r": d.rewards(like="r")}, "given['r'] is like 'r', expected sizes of its own: no other variable has any"),
        ({"r": d.rewards(like="r"), "p": d.policies()}, "given['r'] is like 'r', expected one of ['p']"),
        ({"r": d.rewards(like="q"), "q": d.logits(like="r"), "m": d.mdps()}, "'r'] is like 'q', expected one of ['m']"),
        (
            {"a": d.rewards(like="b"), "b": d.rewards(like="p"), "p": d.policies(), "c": d.rewards(like="z")},
            "given['c'] is like 'z', expected one of ['a', 'b', 'p']",
        ),
    ],
)
def test_a_variable_is_like_another(given: dict[str, Any], said: str) -> None:
    """What is proposed is accepted."""
    with pytest.raises(ValueError, match=re.escape(said)):
        et.Inequality(name="likes", given=given, lhs=0, rhs=1)
    name = said.split("'")[1]
    for other in re.findall(r"'(\w+)'", said.partition("expected")[2]):
        et.Inequality(name="likes", given=given | {name: d.rewards(like=other)}, lhs=0, rhs=1)


@pytest.mark.parametrize("bad", [2.0, "2", None, True, (1, 2, 3), (1,), (1.0, 2), ()])
def test_sizes_that_are_no_ranges_are_refused(bad: Any) -> None:
    for make in (lambda: d.logits(actions=bad), lambda: d.mdps(actions=bad), lambda: d.mdps(states=bad)):
        with pytest.raises(ValueError, match="expected"):
            make()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"z": 3},
        {"z": d.logits(like="p")},
        {"z": d.logits(like="z")},
        {"z": d.logits(like="p"), "p": d.policies(like="z")},
        {"z": "logits"},
    ],
    ids=["none", "number", "unknown", "itself", "circle", "string"],
)
def test_variables_that_lead_nowhere_are_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        Space(given)
    with pytest.raises(ValueError, match="'nowhere'"):
        et.Identity(name="nowhere", given=given, lhs=0, rhs=0)


def test_an_interval_without_a_double_is_not_said_to_hold() -> None:
    """Between two neighbouring doubles there are real numbers, but none that the search can draw."""
    narrow = d.reals(1, math.nextafter(1, 2), open_low=True, open_high=True)
    claim = et.Inequality(name="no-double", given={"x": narrow}, lhs=lambda x: x, rhs=0)
    verdict = et.verify(claim, budget=500)
    assert isinstance(verdict, et.Verdict)
    assert verdict.outcome in ("undecided", "refuted")

"""What fuzzing found, by name: the call, and the line that names the argument, its value and what was expected."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, cast

import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory import simulations
from entropy_theory.controls import top_share
from entropy_theory.controls.expected import greater
from entropy_theory.convergence import ascend
from entropy_theory.duals import Dual
from entropy_theory.moments import loewner_gap, loewner_witness
from entropy_theory.validation import within_doubles

Array = np.ndarray[Any, Any]

P = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [0.0, 1.0]]])
R = np.array([[1.0, 0.0], [0.5, -1.0]])
Z = np.array([[0.5, -1.0], [0.0, 2.0]])
START = np.array([0.5, 0.5])
BIG = 1.5e300


def objects(*entries: Any) -> Array:
    out = np.empty(len(entries), dtype=object)
    out[:] = entries
    return out


def of(make: Callable[[float], Any], numbers: Any) -> Array:
    given = np.asarray(numbers, dtype=float)
    return objects(*map(make, given.ravel().tolist())).reshape(given.shape)


def says(call: Callable[[], Any], message: str, kind: type[Exception] = ValueError) -> None:
    """One line, of this beginning."""
    with pytest.raises(kind, match=f"^{message}") as caught:
        call()
    assert "\n" not in str(caught.value)


# Experiments of Section VIII -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [0, None, 3.5, Dual(1)], ids=repr)
def test_names_of_experiments_that_are_no_list(names: Any) -> None:
    says(lambda: simulations.select(names), r"names is .*, expected names of experiments$")


@pytest.mark.parametrize("name", [0, None, et.Ball(1), Dual(1), ["controls"], {}, np.zeros(2), b"controls"], ids=repr)
def test_a_name_that_is_no_experiment(name: Any) -> None:
    for call in (lambda: simulations.select([name]), lambda: simulations.run(name)):
        says(call, "name is .*, expected one of entropy-covariance, .*reference-kl$")


def test_a_name_near_an_experiment_is_told_which() -> None:
    says(lambda: simulations.run("Control"), "name is 'Control', expected one of .*; the nearest are controls")
    assert [module.NAME for module in simulations.select(["difficulty", "controls"])] == ["controls", "difficulty"]
    assert len(simulations.select([])) == len(simulations.SIMULATIONS)


@pytest.mark.parametrize("scale", [3, None, "tiny", [], {}, et.Ball(1), Dual(1), np.zeros(2)], ids=repr)
def test_a_scale_that_is_none(scale: Any) -> None:
    for call in (lambda: simulations.run("controls", scale), lambda: simulations.origin_of(scale, 2)):
        says(call, "scale is .*, expected one of 'full', 'small'$")


@pytest.mark.parametrize("seeds", ["x", 0, -1, 1.5, True, [], et.Ball(1), 10**30], ids=repr)
def test_a_number_of_seeds_that_is_none(seeds: Any) -> None:
    for call in (
        lambda: simulations.run("controls", "small", seeds=seeds),
        lambda: simulations.origin_of("small", seeds),
    ):
        says(call, "seeds is .*, expected (an integer >= 1|at most 100,000)$")


def test_the_largest_number_of_seeds_is_no_error() -> None:
    assert simulations.origin_of("small", simulations.MOST_SEEDS)["seeds"] == 100_000


@pytest.mark.parametrize("workers", ["x", 0, -1, 1.5, None, et.Ball(1)], ids=repr)
def test_a_number_of_workers_that_is_none(workers: Any) -> None:
    says(lambda: simulations.run("controls", "small", workers=workers), "workers is .*, expected an integer >= 1$")


@pytest.mark.parametrize("report", [3, "x", et.Ball(1)], ids=repr)
def test_a_report_that_cannot_be_called(report: Any) -> None:
    says(
        lambda: simulations.run("controls", "small", report=report), "report is .*, expected a function of two numbers"
    )


def test_an_experiment_with_good_arguments_is_run_and_reports() -> None:
    seen: list[tuple[int, int]] = []
    result = simulations.run("difficulty", "small", seeds=2, workers=1, report=lambda done, of: seen.append((done, of)))
    assert result.origin == simulations.origin_of("small", 2)
    assert seen == [(1, 2), (2, 2)]


# Dual numbers --------------------------------------------------------------------------------------------------------

MARGINS: dict[str, Any] = {"z": Z, "direction": Z[::-1], "epsilon": 0.1, "weights": START}


@pytest.mark.parametrize("argument", MARGINS)
@pytest.mark.parametrize("margin", [et.stability_margin, et.quadratic_stability_margin])
def test_a_margin_is_not_differentiated(margin: Any, argument: str) -> None:
    duals = of(lambda x: Dual(x, 1), MARGINS[argument])
    says(
        lambda: margin(**{**MARGINS, argument: duals}),
        rf"{argument} holds dual numbers such as Dual\(.*, expected floats or balls: a stability margin is not ",
    )
    says(
        lambda: margin(**{**MARGINS, argument: np.asarray(MARGINS[argument]) + 0j}), f"{argument} has dtype complex128"
    )


@pytest.mark.parametrize("function", [loewner_gap, loewner_witness])
@pytest.mark.parametrize("argument", ["smaller", "larger"])
def test_an_order_of_matrices_is_not_differentiated(argument: str, function: Any) -> None:
    matrices: dict[str, Any] = {"smaller": np.diag([1.0, 3.0]), "larger": np.diag([2.0, 2.0])}
    duals = of(lambda x: Dual(x, 1), matrices[argument])
    says(lambda: function(**{**matrices, argument: duals}), f"{argument} holds dual numbers such as Dual")


TWO_ARMS: list[tuple[Any, dict[str, Any]]] = [
    (et.two_armed_flow, {"w0": 0.5, "s": 1.0}),
    (et.two_armed_bounds, {"w0": 0.5, "total": 3.0, "largest_step": 0.5}),
    (et.gradient_bound, {"gain": 1.0, "squared_bias": [1.0, 2.0], "eta": 0.5}),
]


@pytest.mark.parametrize(
    ("function", "good", "argument"), [(f, good, name) for f, good in TWO_ARMS for name in good if name != "eta"]
)
def test_bounds_of_two_arms_are_not_differentiated(function: Any, good: dict[str, Any], argument: str) -> None:
    says(
        lambda: function(**{**good, argument: of(lambda x: Dual(x, 1), good[argument])}),
        rf"{argument} holds dual numbers such as Dual\(.*, expected floats or balls$",
    )


@pytest.mark.parametrize("estimator", [et.GRPO(), et.GRPO(ddof=0), et.Reinforce(normalise=True)], ids=repr)
def test_rewards_over_their_deviation_are_not_differentiated(estimator: Any) -> None:
    duals = objects(Dual(1, 1), Dual(0, 1), Dual(1, 0))
    says(lambda: estimator.of_rewards(duals), "reward holds dual numbers such as Dual.*: advantages .* jump where all")


@pytest.mark.parametrize("estimator", [et.RLOO(), et.GRPO(scale="none"), et.Reinforce(0.5)], ids=repr)
def test_rewards_less_a_mean_are_differentiated(estimator: Any) -> None:
    """They are linear: the derivative along a direction is the advantage of the direction, without the baseline."""
    reward, direction = of(et.Ball, [1.0, 0.0, 0.25]), of(et.Ball, [0.5, -1.0, 2.0])
    slope = et.directional_derivative(estimator.of_rewards, reward, direction)
    base = 0.5 if isinstance(estimator, et.Reinforce) else 0
    assert [et.Ball(x).rational for x in slope] == [et.Ball(x + base).rational for x in estimator.of_rewards(direction)]


MOVES: dict[str, Array] = {
    "transition": np.array([[[0.25, -0.25], [-1.0, 1.0]], [[0.0, 0.0], [2.0, -2.0]]]),
    "initial": np.array([1.0, -1.0]),
    "reward": np.array([[1.0, 2.0], [0.0, -1.0]]),
}


@pytest.mark.parametrize("argument", MOVES)
def test_an_objective_is_differentiated_along_a_table(argument: str) -> None:
    """Balls were not told of the duals' values; floats take the complex step."""
    tables: dict[str, Any] = {"transition": P, "initial": START, "reward": R}

    def objective(table: Any) -> Any:
        return et.MDP(discount=0.875, **{**tables, argument: table}).objective(Z)

    wanted = float(et.directional_derivative(objective, tables[argument], MOVES[argument]))
    found = et.directional_derivative(objective, of(et.Ball, tables[argument]), of(et.Ball, MOVES[argument]))
    assert et.Ball(found[()]).midpoint() == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("argument", "name"),
    [("transition", r"the sum of transition over the next state\[0, 0\]"), ("initial", "the sum of initial")],
)
def test_a_table_that_moves_off_the_distributions_is_none(argument: str, name: str) -> None:
    tables: dict[str, Any] = {"transition": P, "initial": START}
    moved = {**tables, argument: of(lambda x: Dual(x, 1), tables[argument])}
    says(lambda: et.MDP(reward=R, discount=0.5, **moved), rf"{name} is Dual\(Ball\(1\), Ball\(2\)\), expected a ")


def test_a_row_whose_sum_may_be_one_is_kept_and_one_that_is_not_is_none() -> None:
    wide = objects(et.Ball(arb(1, 0.5))).reshape(1, 1, 1)
    assert et.MDP(wide, [[1.0]], 0.5, [1.0]).states == 1
    says(lambda: et.MDP(wide + 1, [[1.0]], 0.5, [1.0]), "the sum of transition over the next state")
    moving = objects(Dual(1, et.Ball(arb(0, 0.5)))).reshape(1, 1, 1)
    assert et.MDP(moving, [[1.0]], 0.5, [1.0]).states == 1
    says(lambda: et.MDP(moving + Dual(0, 1), [[1.0]], 0.5, [1.0]), "the sum of transition over the next state")
    half = objects(Dual(0.5)).reshape(1, 1, 1)
    says(lambda: et.MDP(half, [[1.0]], 0.5, [1.0]), "the sum of transition over the next state")


def test_the_larger_of_two_open_dual_numbers_is_open() -> None:
    """A maximum has no derivative where it is not known which entry it is."""
    wide = objects(Dual(et.Ball(arb(0, 1)), 1), Dual(0, 2))
    for function in (et.largest, et.smallest):
        says(partial(function, wide), r"Ball\(.*cannot be ordered", et.UndecidedComparison)
    decided = objects(Dual(1, 1), Dual(2, 3))
    assert Dual.split(et.largest(decided))[1] == 3
    assert Dual.split(et.smallest(decided))[1] == 1


POWERS: list[tuple[Callable[[Any], Any], float]] = [
    (lambda x: x**x, 2**2 * (1 + np.log(2))),
    (lambda x: 3**x, 9 * np.log(3)),
    (lambda x: et.Ball(3) ** x, 9 * np.log(3)),
    (lambda x: (1 / x) ** (2 * x), 2 ** (-4) * (-2 * np.log(2) - 2)),
    (lambda x: x ** et.exact(1, 2), 2**-1.5),
    (lambda x: et.exact(1, 2) ** x, np.log(0.5) / 4),
]


@pytest.mark.parametrize("number", range(len(POWERS)))
def test_the_derivative_of_a_power(number: int) -> None:
    function, slope = POWERS[number]
    tangent = et.Ball(Dual.split(np.asarray(function(Dual(2, 1)), dtype=object))[1][()])
    assert tangent.midpoint() == pytest.approx(slope, rel=1e-14)
    assert float(tangent.arb.rad()) < 1e-12


# Numbers that meet numbers -------------------------------------------------------------------------------------------

ORDERED: dict[str, Callable[[int], Any]] = {
    "ball": et.Ball,
    "dual": lambda n: Dual(n, 1),
    "constant": et.exact,
    "enclosure": arb,
    "rational": fmpq,
    "fraction": Fraction,
    "float": float,
    "array": lambda n: objects(et.Ball(n)),
}
OURS = ("ball", "dual", "constant")
RELATIONS = ("lt", "le", "gt", "ge", "eq", "ne")


@pytest.mark.parametrize("left", ORDERED)
@pytest.mark.parametrize("right", ORDERED)
def test_numbers_of_each_kind_are_ordered(left: str, right: str) -> None:
    if left not in OURS and right not in OURS:
        return
    if {"constant"} == {left, right} & {"constant"} and {left, right} & {"enclosure", "rational"}:
        return  # of python-flint's own, which compare with nothing unknown to them
    for name in RELATIONS:
        relation = getattr(operator, name)
        for a, b in ((2, 3), (3, 2), (2, 2)):
            assert bool(np.all(relation(ORDERED[left](a), ORDERED[right](b)))) is relation(a, b), (name, a, b)


def test_a_ball_to_the_power_of_a_constant() -> None:
    root = et.Ball(np.asarray(et.Ball(4) ** et.exact(1, 2))[()])
    assert root.arb.overlaps(arb(2))
    assert et.Ball(4) ** et.Ball(3) == 64


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), np.float64("nan"), np.longdouble("1e4000")])
def test_what_is_no_number_is_said_to_be_none(bad: Any) -> None:
    for good in (et.Ball(2), et.Ball(arb(2)), Dual(2, 1), et.exact(2)):
        for name in ("add", "sub", "mul", "truediv", "pow"):
            call = getattr(operator, name)
            for left, right in ((good, bad), (bad, good)):
                says(partial(call, left, right), ".* is not a finite rational number$")


def test_what_is_not_a_number_at_all_is_left_to_python() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        et.Ball(2) + None
    with pytest.raises(TypeError, match="unsupported operand"):
        [] - et.Ball(2)


# Enclosures of python-flint's own: they answer a comparison that is undecided -----------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(-8, 8), st.integers(0, 4)), min_size=1, max_size=4))
def test_the_largest_enclosure_holds_every_maximum(pairs: list[tuple[int, int]]) -> None:
    """`et.largest([0 +/- 2, 0.5 +/- 1])` was 0.5 +/- 1, which does not hold 2."""
    entries = objects(*(arb(m, r) for m, r in pairs))
    high, low = et.largest(entries)[()], et.smallest(entries)[()]
    assert isinstance(high, arb)
    for shift in (-1, 0, 1):
        ends = [m + shift * r for m, r in pairs]
        assert high.contains(arb(max(ends)))
        assert low.contains(arb(min(ends)))


def test_enclosures_that_overlap_are_not_ranked() -> None:
    """The two shared the weight as if they were equal."""
    rank, weight = objects(arb(1, 0.5), arb(1.25, 0.5))[None], objects(arb(0.5), arb(0.5))[None]
    says(lambda: top_share(rank, weight, 0.5), "the ranking cannot be decided", et.UndecidedComparison)
    says(
        lambda: top_share(of(et.Ball, [[1.0]]) + objects(0, et.Ball(arb("nan"))), of(et.Ball, [[0.5, 0.5]]), 0.5),
        "the ranking cannot be decided",
        et.UndecidedComparison,
    )
    assert greater(objects(arb(0, 1), arb(2), arb(-2)), 0).tolist() == [0, 1, -1]
    assert greater(0, objects(arb(0, 1), arb(2), arb(-2))).tolist() == [0, -1, 1]


def test_rewards_that_may_be_equal_are_not_standardised() -> None:
    says(
        lambda: et.GRPO().of_rewards(objects(arb(0, 1), arb(0.5))),
        "whether all rewards of a group are equal cannot be decided",
        et.UndecidedComparison,
    )


@pytest.mark.parametrize("make", [lambda x: fmpq(*float(x).as_integer_ratio()), Fraction, int, np.int64, et.Ball])
def test_shares_of_ranks_of_every_kind(make: Any) -> None:
    """Rationals failed with "unsupported operand type(s) for *"; whole numbers had no negative."""
    rank, weight = of(make, [[1.0, 3.0, 2.0]]), of(et.Ball, [[0.25, 0.25, 0.5]])
    assert [x == y for x, y in zip(top_share(rank, weight, 0.5)[0], (0, 1, 0.5), strict=True)] == [True] * 3
    shares = top_share(of(et.Ball, [[1.0, 3.0, 2.0]]), of(Fraction, [[0.25, 0.25, 0.5]]), 0.5)
    assert [x == y for x, y in zip(shares[0], (0, 1, 0.5), strict=True)] == [True] * 3


def test_shares_of_whole_numbers() -> None:
    ranks = np.array([[1, 3, 2]], dtype=np.uint8)
    assert top_share(ranks, np.array([[0.25, 0.25, 0.5]]), 0.5).tolist() == [[0.0, 1.0, 0.5]]
    assert top_share(of(et.Ball, ranks), np.array([[0.25, 0.25, 0.5]]), 0.5)[0, 2] == Fraction(1, 2)


# Wide balls and large floats: the argument of the call is named, none of the calls within it --------------------------

WIDE: dict[str, Any] = {
    "a wide ball": objects(et.Ball(arb(0, 1)), et.Ball(0)),
    "a wider ball": objects(et.Ball(arb(0, 1e300)), et.Ball(0)),
    "an enclosure": objects(arb(0, 1), arb(0)),
}
KINDS = (ValueError, et.UndecidedComparison)
CHAIN = et.MDP(np.ones((1, 2, 1)), [[1.0, 0.0]], 0.5, [1.0])
BANDIT = et.Bandit([1.0, 0.0])
STATE = et.KLCov(0.5, 0.25, centre="state", factor="logit-change")
CLIP = et.ClipCov(0.5, -1, 2, ppo_clip=None)


@pytest.mark.parametrize("name", WIDE)
def test_a_wide_policy_is_said_to_be_that(name: str) -> None:
    z = WIDE[name]
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: et.mean_entropy(CHAIN, z[None]), r"the entropy of z\[0\] is "),
        (lambda: ascend(BANDIT, et.PolicyGradient(), z, 0.5, 2), r"at step 1 from z0 with eta, z\[0\] is "),
        (lambda: STATE.selected_share(BANDIT, z), r"the logit-change of z in problem\[0, 0\] is "),
        (lambda: et.BiasedAscent(lambda z, t: 0 * z).update(BANDIT, z, 1.0), r"the gradient with bias at z\[0\] is "),
    ]
    for call, message in calls:
        with pytest.raises(KINDS, match=f"^{message}.*bounded at 53 bits$"):
            call()


@pytest.mark.parametrize("bad", [arb("nan"), arb("inf"), arb("0 +/- inf")], ids=str)
def test_what_is_not_bounded_is_shown(bad: arb) -> None:
    says(lambda: et.entropy(objects(bad, 0)), r"z\[0\] is .*, expected a finite number, bounded at 53 bits$")
    ball = objects(0, et.Ball(bad))
    says(lambda: et.entropy(ball), r"z\[1\] is Ball\(.*\), not bounded at 53 bits$", et.UndecidedComparison)


def test_a_share_that_is_open_is_not_a_policy_that_is_wide() -> None:
    with pytest.raises(KINDS, match=r"^the kept advantage of z and anchor in problem\[0, 0\] is .*bounded at 53 bits$"):
        et.ClipCov(0.5, -1, 2, centre="state", ppo_clip=None).update(
            BANDIT, of(et.Ball, [0.5, 0.0]), 1.0, anchor=WIDE["a wide ball"]
        )


@pytest.mark.parametrize(
    ("control", "name"),
    [(et.KLCov(0.5, 0.4), "reference"), (et.KLCov(0.5, 0.4, penalty="kl"), "reference"), (et.ClipHigher(), "anchor")],
    ids=repr,
)
def test_logits_that_are_too_far_apart(control: et.Control, name: str) -> None:
    says(
        lambda: control.update(BANDIT, [1e300, 0.0], 1.0, anchor=[-1e300, 0.0]),
        rf"z - {name}\[0, 0\] is 2e\+300, expected a number of size at most 1e\+300$",
    )


def test_logits_of_a_batch_that_are_too_far_apart() -> None:
    z, far = np.array([[1e300, 0.0]]), np.array([[-1e300, 0.0]])
    says(
        lambda: et.KLCov(0.5, 0.4, penalty="kl").loss_gradient(z, [0], [0], [1.0], z_old=z, reference=far),
        r"z - reference\[0, 0\] is 2e\+300, expected",
    )


def test_advantages_that_are_too_large() -> None:
    bandit = et.Bandit([1e300, -1e300, -1e300])
    says(
        lambda: et.KLCov(0.5, 0.4, centre="state").update(bandit, [3.0, 0, 0], 1.0, anchor=[0.0, 0, 0]),
        r"the advantage of z in problem\[0, 1\] is -1\.8.*e\+300, expected a number of size at most",
    )
    says(lambda: CLIP.update(bandit, [3.0, 0, 0], 1.0), r"the advantage of z in problem\[0, 1\] is -1\.8")
    says(
        lambda: CLIP.update(bandit, [3.0, 0, 0], 1.0, anchor=[0.0, 0, 0]),
        r"the kept advantage of z and anchor in problem\[0, 1\] is -1\.8",
    )


def test_rewards_whose_differences_are_no_doubles() -> None:
    says(lambda: et.Bandit([BIG, 0.0]), r"reward\[0\] is 1\.5e\+300, expected a number of size at most 1e\+300$")
    says(lambda: et.TokenTree(2, 1, [0.0, -BIG]), r"reward\[1\] is -1\.5e\+300, expected a number of size at most")
    assert et.Bandit([1e300, -1e300]).objective([0.0, 0.0]) == 0
    exact = et.Bandit(of(et.Ball, [BIG, 0.0]))
    assert et.Ball(exact.objective(of(et.Ball, [0.0, 0.0]))[()]).rational == et.Ball(BIG / 2).rational


def test_a_path_that_leaves_the_doubles() -> None:
    message = r"at step 1 from z0 with eta, z\[0\] is 2\.5e\+300, expected a number of size at most 1e\+300$"
    says(lambda: ascend(BANDIT, et.PolicyGradient(), [0.0, 0.0], 1e301, 1), message)
    says(
        lambda: et.train(BANDIT, et.PolicyGradient(), [0.0, 0.0], 1e301, 1),
        r"the update with eta from z0\[0\] is 2\.5e\+300, expected",
    )
    etas = (1.0, 1e302).__getitem__
    says(lambda: et.train(BANDIT, et.PolicyGradient(), [0.0, 0.0], etas, 2, record_every=9), "at step 2 from z0")
    says(lambda: ascend(BANDIT, et.PolicyGradient(), [0.0, 0.0], etas, 2), "at step 2 from z0")


def test_records_of_rewards_that_are_too_large() -> None:
    says(
        lambda: et.train(et.Bandit([1e155, 0.0]), et.PolicyGradient(), [0.0, 0.0], 1.0, 1),
        "the reward of problem is too large, expected numbers of which the result is within",
        OverflowError,
    )
    says(
        lambda: et.train(et.Bandit([1e300, -1e300]), et.PolicyGradient(), [3.0, 0.0], 1.0, 1),
        r"the advantage in problem\[1\] is -1\.9.*e\+300, expected",
    )


def test_a_step_that_makes_the_flow_unbounded() -> None:
    says(
        lambda: et.two_armed_bounds(0.5, 3.0, et.Ball(10**400)),
        r"total with largest_step is Ball\(.*\), not bounded at 53 bits$",
        et.UndecidedComparison,
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_a_witness_beyond_the_doubles(sign: int) -> None:
    """Its eigenvector was nan, and could not be rounded."""
    large = np.array([[et.Ball(sign * 10**400)]], dtype=object)
    says(
        lambda: loewner_witness(large, [[1.0]]),
        r"larger - smaller\[0, 0\] is Ball\(.*\), expected a number in the range",
    )
    says(
        lambda: loewner_witness([[1.0]], large),
        r"larger - smaller\[0, 0\] is Ball\(.*\), expected a number in the range",
    )


# Runs ----------------------------------------------------------------------------------------------------------------


class Short:
    """An update of other arguments."""

    def update(self, problem: Any, z: Any) -> Any:
        return z


NO_CONTROLS = [{"a": 1}, set(), Short(), object(), None, 3, Short]


@pytest.mark.parametrize("control", NO_CONTROLS, ids=lambda x: type(x).__name__)
def test_a_control_whose_update_cannot_be_called(control: Any) -> None:
    """A dictionary has an update of its own, which said "update expected at most 1 argument, got 3"."""
    says(
        lambda: ascend(BANDIT, control, [0.0, 0.0], 1.0, 1),
        r"control is .*, expected one with a method update\(problem, z, eta, anchor=, step=\), such as PolicyGradient",
    )


def test_a_step_size_in_balls_beside_a_sparse_transition() -> None:
    import scipy.sparse as sp

    mdp = et.MDP(sp.csr_matrix(P.reshape(4, 2)), R, 0.9, START)
    says(
        lambda: ascend(mdp, et.PolicyGradient(), Z, et.Ball(1), 2),
        r"at step 1 from z0 with eta, z holds balls, expected floats beside a sparse transition",
    )


def test_a_bias_takes_the_logits_as_the_problem_has_them() -> None:
    """It was given what the caller wrote, a list of which ``0 * z`` is the empty list."""
    ascent = et.BiasedAscent(lambda z, t: 2 * z + t)
    assert ascent.update(et.Bandit([1.0, 1.0]), [1.0, 3.0], 0.5, step=4).tolist() == [3.0, 5.0]
    spread = ascent.update(et.Bandit([1.0, 1.0]), [[1.0], [2.0]], 0.5)
    assert spread.tolist() == [[1.0, 1.0], [2.0, 2.0]]


@pytest.mark.parametrize("bias", [np.ones(3), "a", None, [[1.0], [1.0, 2.0]]], ids=repr)
def test_a_bias_that_cannot_be_added(bias: Any) -> None:
    says(
        lambda: et.BiasedAscent(lambda z, t: bias).update(BANDIT, [0.0, 0.0], 1.0),
        r"bias gave .*, expected numbers of shape \(2,\)$",
    )


def test_a_bias_that_is_no_number() -> None:
    says(
        lambda: et.BiasedAscent(lambda z, t: np.array([0.0, np.nan])).update(BANDIT, [0.0, 0.0], 1.0),
        r"the gradient with bias at z\[1\] is nan, expected a finite number$",
    )


def test_an_error_within_a_bias_is_its_own() -> None:
    def bias(z: Array, step: int) -> Any:
        raise ValueError("of mine")

    says(lambda: et.BiasedAscent(bias).update(BANDIT, [0.0, 0.0], 1.0), "of mine$")


def test_a_run_that_no_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    says(
        lambda: ascend(BANDIT, et.PolicyGradient(), [0.0, 0.0], 1.0, 2**31),
        "steps is 2147483648, expected a path of at most 1,073,741,824 numbers$",
    )
    says(
        lambda: et.train(BANDIT, et.PolicyGradient(), [0.0, 0.0], 1.0, 2**31, record_every=2),
        "steps is 2147483648 and record_every 2, expected at most 10,000,000 records$",
    )
    monkeypatch.setattr("entropy_theory.convergence.MOST_NUMBERS_OF_A_PATH", 6)
    assert ascend(BANDIT, et.PolicyGradient(), [0.0, 0.0], 1.0, 2).size == 6
    says(
        lambda: ascend(BANDIT, et.PolicyGradient(), [0.0, 0.0], 1.0, 3), "steps is 3, expected a path of at most 6 num"
    )


@pytest.mark.parametrize("z", [[0.0], [0.0, 1.0, 2.0]])
def test_tokens_whose_sequences_have_no_number(monkeypatch: pytest.MonkeyPatch, z: list[float]) -> None:
    """Three to the power of 2^31 was calculated first."""
    control = et.PolicyGradient()
    says(lambda: et.enumerated_moments(control, z, z, 2**31), "tokens is 2147483648, expected at most 1,000,000$")
    if len(z) > 1:
        says(lambda: et.enumerated_moments(control, z, z, 10**6), r"tokens is too large: 3\^1000000 sequences are more")
        says(lambda: et.enumerated_moments(control, z, z, 13), r"tokens is too large: 3\^13 sequences are more")
    monkeypatch.setattr("entropy_theory.moments.MOST_OUTCOMES", 9)
    assert et.enumerated_moments(control, z, z, 9 if len(z) == 1 else 2).mean.shape == (len(z),)
    says(lambda: et.enumerated_moments(control, z, z, 10 if len(z) == 1 else 3), "tokens is ")
    monkeypatch.setattr("entropy_theory.moments.MOST_OUTCOMES", 3)
    assert et.enumerated_moments(control, z, z, 1).mean.shape == (len(z),)


def test_policies_that_are_too_far_apart_for_a_ratio() -> None:
    says(
        lambda: et.enumerated_moments(et.PolicyGradient(), [0.0, 0.0], [1.0, 0.0], 1, z_old=[1e3, 0.0]),
        r"log p - log q of z and z_old\[1\] is 999\.3.*, expected at most 700$",
    )
    largest = et.enumerated_moments(et.PolicyGradient(), [0.0, -800.0], [0.0, 0.0], 1, z_old=[-700.0, 0.0])
    assert not largest.covariance.any()


@pytest.mark.parametrize("betas", [[1e300] * 3, [1e200, 0.0, 0.0]], ids=repr)
def test_a_run_of_two_arms_that_leaves_the_doubles(betas: list[float]) -> None:
    says(
        lambda: et.two_armed_ascent(1.0, [1e300] * 3, betas),
        "etas or betas are too large, expected a run within the range of doubles$",
        OverflowError,
    )
    assert np.isfinite(et.two_armed_ascent(1.0, [1e300] * 3, [0.0] * 3)).all()


def test_a_run_of_two_arms_that_leaves_the_doubles_late(monkeypatch: pytest.MonkeyPatch) -> None:
    for chunk in (1, 100):
        monkeypatch.setattr("entropy_theory.convergence.CHUNK", chunk)
        says(lambda: et.two_armed_ascent(1.0, [1.0, 1e300], [1.0, 1e300]), "etas or betas are too large", OverflowError)


def test_rewards_of_a_state_come_in_batches() -> None:
    """Beside one process they failed with NumPy's words about axes, or with a number that is none."""
    import scipy.sparse as sp

    rewards = np.array([[[1.0, 0.0], [0.0, 1.0], [2.0, -1.0]]])
    for transition in (P, sp.csr_matrix(P.reshape(4, 2)), of(et.Ball, P)):
        mdp = et.MDP(transition, R, 0.875, START)
        found, total = mdp.state_values(Z, rewards), mdp.expected_total(Z, rewards)
        assert (found.shape, total.shape) == ((1, 3, 2), (1, 3))
        for i in range(3):
            alone = mdp.state_values(Z, rewards[0, i])
            assert all(abs(et.Ball(x - y).midpoint()) < 1e-13 for x, y in zip(found[0, i], alone, strict=True))
    mdp, batch = et.MDP(P, R, 0.875, START), np.stack([Z, -Z])
    assert mdp.state_values(batch, rewards[0, 0])[1].tolist() == mdp.state_values(-Z, rewards[0, 0]).tolist()
    assert mdp.state_values(Z, np.zeros((0, 2))).shape == (0, 2)
    says(
        lambda: mdp.state_values(batch, rewards),
        r"reward has shape \(1, 3, 2\) and z \(2, 2, 2\), expected leading axes that broadcast$",
    )
    sparse = et.MDP(sp.csr_matrix(P.reshape(4, 2)), R, 0.875, START)
    says(
        lambda: sparse.state_values(Z, np.zeros((0, 2))), r"reward has shape \(0, 2\), expected at least one beside a "
    )


def test_no_values_of_a_tree_have_no_successors() -> None:
    tree = et.TokenTree(3, 2, np.zeros(9))
    assert tree.expected_next(np.zeros((0, 4))).shape == (0, 4, 3)
    assert tree.expected_next([1.0, 2.0, 3.0, 4.0]).tolist() == [[2.0, 3.0, 4.0], *[[0.0] * 3] * 3]


@pytest.mark.parametrize(("z", "kind"), [(np.zeros(2), "complex"), (of(et.Ball, np.zeros(2)), "dual")])
def test_a_derivative_of_what_takes_no_such_numbers(z: Array, kind: str) -> None:
    says(
        lambda: et.directional_derivative(float, z, np.ones(2)),
        f"function is <class 'float'>, expected one of {kind} numbers: ",
        TypeError,
    )


def test_step_sizes_that_do_not_fit_the_problems() -> None:
    says(
        lambda: et.PolicyGradient().update(et.Bandit(np.zeros((2, 3))), np.zeros(3), np.ones((2, 0))),
        r"eta is array\(.*expected one that fits an update of shape \(2, 3\)$",
    )
    says(
        lambda: et.gradient_bound(np.ones(3), np.ones(2), [1.0]),
        r"gain has shape \(3,\), eta \(2,\) and squared_bias \(1,\), expected .* that broadcast$",
    )


def test_functions_of_the_step_that_take_none() -> None:
    message, no_schedule = "{} is <built-in function len>, expected a function of the step: ", cast(Any, len)
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: et.train(BANDIT, et.PolicyGradient(), [0.0, 0.0], len, 1), "eta"),
        (lambda: ascend(BANDIT, et.PolicyGradient(), [0.0, 0.0], len, 1), "eta"),
        (lambda: et.EntropyBonus(no_schedule).update(BANDIT, [0.0, 0.0], 1.0), "alpha"),
    ]
    for call, name in calls:
        says(call, message.format(name), TypeError)
    says(lambda: et.TokenTree(2, 1, int), "reward is <class 'int'>, expected a function of two arrays: ", TypeError)


def test_complex_numbers_beside_balls() -> None:
    bandit, mdp = et.Bandit(of(et.Ball, [1.0, 0.0])), et.MDP(P, of(et.Ball, R), 0.5, START)
    for call in (lambda: bandit.objective(np.zeros(2) + 0j), lambda: mdp.objective(Z + 0j)):
        says(call, "z has dtype complex128, expected real numbers beside balls$")


def test_sums_and_products_beyond_the_doubles() -> None:
    says(
        lambda: et.enumerated_moments(et.PolicyGradient(), [0.0, 0.0], [1.7e308, 0.0], 2, z_old=[-3.0, 0.0]),
        "advantage is too large",
        OverflowError,
    )
    z = np.array([1e300, 1e300])
    says(
        lambda: ascend(BANDIT, et.BiasedAscent(lambda z, t: z * 1e8), z, 1.0, 1), r"at step 1 from z0 with eta, z\[0\]"
    )
    z = np.array([9e299, 9e299])
    says(
        lambda: ascend(BANDIT, et.BiasedAscent(lambda z, t: 1.79e308), z, 1.0, 1), r"at step 1 from z0 with eta, z\[0\]"
    )


def test_step_sizes_of_which_some_are_masked() -> None:
    masked = np.ma.masked_array([1.0, 2.0], mask=[True, False])
    says(
        lambda: et.two_armed_ascent(0.0, masked),
        "etas is masked_array.*, a masked array, expected numbers that are all",
    )


# No negative zero ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("z", [[0.0, -800.0], [0.0], [[-800.0, 0.0, -900.0]], [[0.0, -800.0]] * 5000])
def test_an_entropy_of_zero_is_not_negative(z: Any) -> None:
    for found in (et.entropy(z), et.mean_entropy(et.Bandit(np.zeros(np.shape(z)[-1])), z)):
        assert (found == 0).all()
        assert not np.signbit(found).any()
    statistics = et.policy_statistics(z, np.ones(np.shape(z)))
    assert not np.signbit(statistics.entropy).any()


def test_the_words_for_a_product_beyond_the_doubles() -> None:
    with pytest.raises(OverflowError, match=r"^x or y is too large"), within_doubles("x", "y"):
        np.array([1e300]) * 1e300

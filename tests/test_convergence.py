"""Smoothness constants, runs and two arms, against second differences, plain loops, roots and integrated flows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import entropy_theory as et
from entropy_theory.balls import Ball, UndecidedComparison, precision
from entropy_theory.controls import EntropyBonus, KLCov, NaturalPolicyGradient, PolicyGradient, PowerDecay
from entropy_theory.convergence import (
    BiasedAscent,
    ascend,
    entropy_smoothness,
    gradient_bound,
    reward_smoothness,
    two_armed_ascent,
    two_armed_bounds,
    two_armed_flow,
    two_armed_speed,
    two_armed_squared_gradient,
    two_armed_time,
)
from tests.oracles import ascent

ROOT_THREE = math.sqrt(3)

LONG = 10_000_000
"""Steps of the long runs: some seconds each."""


def balls(x: Any) -> Any:
    array = np.asarray(x, dtype=object)
    out = np.empty(array.shape, dtype=object)
    for index in np.ndindex(array.shape):
        out[index] = Ball(array[index])
    return out


def assert_enclosed(got: Any, exact: Any, digits: int) -> None:
    """Every ball meets the mpmath number widened by 10**-digits, and is itself that small."""
    for index in np.ndindex(got.shape):
        ball = got[index].arb
        with mpmath.workdps(digits + 20):
            error = abs(mpmath.mpf(ball.mid().str(digits + 20, radius=False)) - exact[index])
            size = max(1, abs(exact[index]))
            assert error <= float(ball.rad()) + size * mpmath.mpf(10) ** -digits
            assert float(ball.rad()) <= size * mpmath.mpf(10) ** -digits


# Smoothness constants ------------------------------------------------------------------------------------

POLICIES = {
    "uniform": [0.0, 0.0, 0.0],
    "two uniform": [0.3, 0.3],
    "worst of two": np.log([(1 - 1 / ROOT_THREE) / 2, (1 + 1 / ROOT_THREE) / 2]).tolist(),
    "skewed": [1.0, -0.5, 0.25, -2.0],
    "one rare": [0.0, 0.7, -30.0],
    "near one": [0.0, -3.0, -9.0, -9.5, -12.0],
    "spread": [0.0, -1.0, -2.0, -4.0, -8.0, -16.0],
}


@pytest.mark.parametrize("name", POLICIES)
def test_reward_smoothness_bounds_second_differences(name: str) -> None:
    z = POLICIES[name]
    rng = np.random.default_rng(7)
    for reward in [rng.normal(size=len(z)), rng.integers(0, 2, size=len(z)), np.arange(len(z)) == 0]:
        r = [float(x) for x in reward]
        assert ascent.curvature(ascent.objective(r), z) <= float(reward_smoothness(r)) * (1 + 1e-12)


@pytest.mark.parametrize("others", [[], [-60.0], [-60.0, -61.0]])
def test_reward_smoothness_is_attained(others: list[float]) -> None:
    """By two arms, and approached with more actions as they become rare."""
    z = POLICIES["worst of two"] + others
    r = [1.0] + [0.0] * (len(z) - 1)
    assert ascent.curvature(ascent.objective(r), z) == pytest.approx(float(reward_smoothness(r)), rel=1e-12)


def test_reward_smoothness_scales_with_the_spread() -> None:
    r = np.array([[1.0, 0.0, 0.5], [7.0, 7.0, 7.0], [-2.0, 3.0, 0.0]])
    assert reward_smoothness(r) == pytest.approx(np.array([1.0, 0.0, 5.0]) / (3 * ROOT_THREE), rel=1e-15)


@pytest.mark.parametrize("name", POLICIES)
def test_entropy_smoothness_bounds_second_differences(name: str) -> None:
    z = POLICIES[name]
    assert ascent.curvature(ascent.entropy, z) <= float(entropy_smoothness(len(z)))


def test_entropy_smoothness_against_random_policies() -> None:
    rng = np.random.default_rng(3)
    for n in (2, 3, 5):
        for _ in range(6):
            z = (rng.normal(size=n) * 10 ** rng.uniform(-1, 1)).tolist()
            assert ascent.curvature(ascent.entropy, z) <= float(entropy_smoothness(n))


def test_two_actions_need_one_half() -> None:
    assert ascent.curvature(ascent.entropy, [0.0, 0.0]) == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize("n", [10**4, 10**9, 10**15])
def test_entropy_smoothness_needs_a_logarithm(n: int) -> None:
    """One action with probability s, the others alike, moved along that action: the curvature grows like log n."""
    s = mpmath.mpf((1 + 1 / ROOT_THREE) / 2)

    def along(t: Any) -> Any:
        p = s * mpmath.exp(t) / (s * mpmath.exp(t) + 1 - s)
        return -p * mpmath.log(p) - (1 - p) * mpmath.log((1 - p) / (n - 1))

    with mpmath.workdps(40):
        size = float(abs(mpmath.diff(along, 0, 2)))
    assert 0.08 * math.log(n) - 0.5 < size <= float(entropy_smoothness(n))


def test_entropy_smoothness_is_exact_on_balls() -> None:
    with precision(200):
        product = np.asarray(entropy_smoothness(6) * balls([1]))
        with mpmath.workdps(60):
            exact = mpmath.log(6) / (3 * mpmath.sqrt(3)) + (1 + mpmath.exp(-1)) / 2
        assert_enclosed(product, np.array([exact], dtype=object), 50)


def test_smoothness_constants_are_below_the_plain_ones() -> None:
    """osc / 2 and 2 log n, which follow from a cruder argument."""
    assert float(reward_smoothness([0.0, 1.0])) < 0.5
    assert all(float(entropy_smoothness(n)) < 2 * math.log(n) for n in range(2, 200))


@pytest.mark.parametrize("actions", [0, -1, 2.0, True, "3"])
def test_entropy_smoothness_refuses(actions: Any) -> None:
    with pytest.raises(ValueError, match=r"actions is .* expected an integer >= 1"):
        entropy_smoothness(actions)


def test_reward_smoothness_refuses() -> None:
    with pytest.raises(ValueError, match=r"reward\[1\] is nan"):
        reward_smoothness([0.0, float("nan")])
    with pytest.raises(ValueError, match="reward has shape"):
        reward_smoothness(1.0)


# Runs ----------------------------------------------------------------------------------------------------

REWARD, START, ANCHOR = [1.0, 0.0, 0.6], [0.2, 0.9, -0.4], [0.5, 0.0, -0.5]


def held(beta: Any, **options: Any) -> KLCov:
    """KL-Cov that selects everything, with the divergence as its penalty."""
    return KLCov(beta, 1, penalty="kl", **options)


RUNS: dict[str, tuple[Any, ascent.Bias | None]] = {
    "policy gradient": (PolicyGradient(), None),
    "entropy bonus": (EntropyBonus(0.3), ascent.entropy_bonus(lambda t: 0.3)),
    "annealed bonus": (EntropyBonus(PowerDecay(0.5, 1)), ascent.entropy_bonus(lambda t: 0.5 / (t + 1))),
    "moving anchor": (held(2.0), None),
    "fixed anchor": (held(0.5, anchor="fixed"), ascent.towards(START, lambda t: 0.5)),
    "vanishing beta": (
        held(PowerDecay(0.5, 0.25), anchor="fixed"),
        ascent.towards(START, lambda t: 0.5 * (t + 1) ** -0.25),
    ),
    "bias": (BiasedAscent(lambda z, t: 0 * z + t), lambda z, t: [t] * len(z)),
}


@pytest.mark.parametrize("name", RUNS)
def test_ascend_against_a_plain_loop(name: str) -> None:
    control, bias = RUNS[name]
    path = ascend(et.Bandit(REWARD), control, START, 0.7, 40)
    with mpmath.workdps(30):
        expected = np.array(ascent.run(REWARD, START, 0.7, 40, bias)).astype(float)
    assert path.shape == (41, 3)
    # Rounding is added up over 40 steps; nothing here amplifies it.
    assert path == pytest.approx(expected, rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("name", ["policy gradient", "entropy bonus", "fixed anchor", "bias"])
def test_ascend_on_balls(name: str) -> None:
    control, bias = RUNS[name]
    with precision(256):
        path = ascend(et.Bandit(balls(REWARD)), control, START, 0.75, 5)
    with mpmath.workdps(90):
        if name == "entropy bonus":
            bias = ascent.entropy_bonus(lambda t: 0.3)
        assert_enclosed(path, np.array(ascent.run(REWARD, START, 0.75, 5, bias), dtype=object), 60)


def test_ascend_with_a_given_anchor() -> None:
    """It takes the place of the first policy and of the current one."""
    bias = ascent.towards(ANCHOR, lambda t: 0.5)
    with mpmath.workdps(30):
        expected = np.array(ascent.run(REWARD, START, 0.7, 10, bias)).astype(float)
    for control in (held(0.5), held(0.5, anchor="fixed")):
        path = ascend(et.Bandit(REWARD), control, START, 0.7, 10, anchor=ANCHOR)
        assert path == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_ascend_takes_a_schedule_and_a_step_size_a_problem() -> None:
    rewards, z0 = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[0.1, 0.2], [0.3, -0.4]])
    together = ascend(et.Bandit(rewards), PolicyGradient(), z0, lambda t: np.array([0.5, 1.5]) / (t + 1), 6)
    assert together.shape == (7, 2, 2)
    for i, eta in enumerate((0.5, 1.5)):
        alone = ascend(et.Bandit(rewards[i]), PolicyGradient(), z0[i], lambda t, eta=eta: eta / (t + 1), 6)
        assert np.array_equal(together[:, i], alone)


@pytest.mark.parametrize("control", [PolicyGradient(), NaturalPolicyGradient(), EntropyBonus(0.2)])
def test_ascend_in_an_mdp(control: Any) -> None:
    rng = np.random.default_rng(11)
    mdp = et.MDP(rng.dirichlet(np.ones(3), size=(3, 2)), rng.normal(size=(3, 2)), 0.9, [0.5, 0.25, 0.25])
    z0 = rng.normal(size=(3, 2))
    path = ascend(mdp, control, z0, 0.1, 8)
    z = z0
    for t in range(8):
        assert np.array_equal(path[t], z)
        z = z + control.update(mdp, z, 0.1, anchor=z, step=t)
    assert np.array_equal(path[8], z)


def test_biased_ascent_in_an_mdp_is_the_policy_gradient_where_there_is_no_bias() -> None:
    rng = np.random.default_rng(12)
    mdp = et.MDP(rng.dirichlet(np.ones(2), size=(2, 2, 2)), rng.normal(size=(2, 2, 2)), 0.5, [0.5, 0.5])
    z, eta = rng.normal(size=(2, 2, 2)), np.array([0.1, 2.0])
    update = BiasedAscent(lambda z, t: 0 * z).update(mdp, z, eta)
    assert update == pytest.approx(PolicyGradient().update(mdp, z, eta), rel=1e-14)


def test_a_biased_ascent_is_not_changed_and_begins_at_step_zero() -> None:
    ascent_ = BiasedAscent(lambda z, t: 0 * z + t)
    bandit = et.Bandit([1.0, 0.0])
    np.testing.assert_allclose(ascent_.update(bandit, np.zeros(2), 2.0), [0.5, -0.5], rtol=1e-15)
    np.testing.assert_allclose(ascent_.update(bandit, np.zeros(2), 2.0, step=3), [6.5, 5.5], rtol=1e-15)
    with pytest.raises(FrozenInstanceError):
        ascent_.bias = ascent_.bias  # type: ignore[misc]
    with pytest.raises(ValueError, match="bias is 3, expected a function of the logits and the step"):
        BiasedAscent(3)  # type: ignore[arg-type]


def test_no_steps() -> None:
    assert np.array_equal(ascend(et.Bandit([1.0, 0.0]), PolicyGradient(), [0.5, 0.0], 1.0, 0), [[0.5, 0.0]])


@pytest.mark.parametrize("steps", [-1, 1.0, True])
def test_ascend_refuses_steps(steps: Any) -> None:
    with pytest.raises(ValueError, match=r"steps is .* expected an integer >= 0"):
        ascend(et.Bandit([1.0, 0.0]), PolicyGradient(), [0.0, 0.0], 1.0, steps)


@pytest.mark.parametrize("control", [PolicyGradient(), BiasedAscent(lambda z, t: 0 * z)])
def test_ascend_refuses_a_step_size(control: Any) -> None:
    bandit = et.Bandit([1.0, 0.0])
    with pytest.raises(ValueError, match=r"eta is .*expected a step size > 0"):
        ascend(bandit, control, [0.0, 0.0], -1.0, 1)
    with pytest.raises(ValueError, match=r"eta is .*expected a step size > 0"):
        ascend(bandit, control, [0.0, 0.0], lambda t: 1.0 - t, 3)
    with pytest.raises(ValueError, match="z0 has shape"):
        ascend(bandit, control, [0.0, 0.0, 0.0], 1.0, 1)


def test_gradient_bound_by_hand() -> None:
    bound = gradient_bound([3.0, 0.5], [2.0, 1.0], [[0.0, 0.0, 0.0], [1.0, 2.0, 4.0]])
    assert np.array_equal(bound, [[3.0, 1.5, 1.0], [2.0, 2.0, 8.0 / 3.0]])


@pytest.mark.parametrize("scale", [0.01, 1.0])
def test_gradient_bound_on_long_runs(scale: float) -> None:
    """Steps of 1/L, and of a hundredth of that, with a bias that pulls to the worst action."""
    r, z0, steps = [1.0, 0.5, 0.0], [0.0, 1.0, 2.0], 400
    eta = scale / float(reward_smoothness(r))
    worst = [-3.0, -3.0, 3.0]
    path = ascend(et.Bandit(r), held(PowerDecay(1.0, 1), anchor="fixed"), z0, eta, steps - 1, anchor=worst)
    squares = (et.policy_gradient(et.Bandit(r), path) ** 2).sum(-1)
    gain = 1.0 - float(et.Bandit(r).objective(np.array(z0)))
    bound = gradient_bound(gain, eta, 2 / np.arange(1.0, steps + 1) ** 2)
    assert np.all(np.cumsum(squares) / np.arange(1, steps + 1) <= bound)


# Two arms --------------------------------------------------------------------------------------------------

TIMES = [0.0, 1e-12, 1e-5, 0.3, 1.0, 17.0, 1e6, 1e50, 1e300]
STARTS = [0.0, 1e-9, 0.5, 3.0, 40.0, 700.0, -1e-3, -2.0, -30.0]


@pytest.mark.parametrize("w0", STARTS)
def test_flow_against_the_root(w0: float) -> None:
    got = two_armed_flow(w0, np.array(TIMES))
    for w, s in zip(got, TIMES, strict=True):
        exact = ascent.flow_root(w0, s)
        # Rounding of the target y = s + G(w0) is worth eps (s + |G(w0)|) / G'(w); the rest is relative to w.
        target = 4e-16 * (s + abs(w0) + abs(math.sinh(w0))) / (1 + math.cosh(float(exact)))
        assert abs(mpmath.mpf(float(w)) - exact) <= 1e-15 * abs(exact) + target + 1e-80


@pytest.mark.parametrize("w0", [0, Fraction(1, 3), 5, -2])
def test_flow_on_balls(w0: Any) -> None:
    times = [Fraction(1, 10**12), Fraction(1, 7), 1000, 10**300]
    with precision(256):
        got = two_armed_flow(balls([w0] * len(times)), balls(times))
        for ball, s in zip(got, times, strict=True):
            low, high = (Ball(ball.arb.mid()) + i * Ball(ball.arb.rad()) for i in (-2, 2))
            y = Ball(s) + two_armed_time(balls([w0]))[0]
            assert two_armed_time(balls([low]))[0] < y < two_armed_time(balls([high]))[0]
            assert float(ball.arb.rad()) <= 1e-60 * abs(ball.midpoint())


def test_flow_on_balls_beyond_doubles() -> None:
    """w + sinh w = 2**k: w = log(2**(k + 1)) up to w e^-w."""
    with precision(512):
        got = two_armed_flow(balls([0, 0]), balls([2**1000, 2**20000]))
        for ball, k in zip(got, (1000, 20000), strict=True):
            error = abs(ball - (k + 1) * Ball(2).log()).arb
            assert error < 1e-100


def test_flow_on_balls_within_doubles_and_beyond_at_once() -> None:
    with precision(128):
        got = two_armed_flow(balls([0, 0, 0, 0, -5]), balls([10**400, 1, Fraction(1, 10**400), 0, 10**400]))
        for i in (0, 4):  # w = log(2 y), up to w e^-w
            assert abs(got[i] - (400 * Ball(10).log() + Ball(2).log())) < Fraction(1, 10**30)
        assert got[1].midpoint() == pytest.approx(float(ascent.flow_root(0.0, 1.0)), rel=1e-15)
        assert abs(got[2] * 2 * 10**400 - 1) < Fraction(1, 10**30)
        assert got[3].rational == 0


def test_flow_keeps_an_exact_zero() -> None:
    with precision(64):
        assert two_armed_flow(balls([0]), balls([0]))[0].rational == 0


def test_flow_with_a_target_that_may_be_zero_is_undecided() -> None:
    with precision(64):
        opposite = two_armed_time(balls([1]))
        with pytest.raises(UndecidedComparison):
            two_armed_flow(balls([-1]), opposite)


@pytest.mark.parametrize("w0", [0.0, -3.0, 2.0])
def test_flow_against_an_integrated_flow(w0: float) -> None:
    times = np.array([0.1, 1.0, 10.0, 60.0])
    solution = solve_ivp(
        lambda t, w: 1 / (1 + np.cosh(w)), (0, 60), [w0], t_eval=times, method="DOP853", rtol=1e-12, atol=1e-12
    )
    assert two_armed_flow(w0, times) == pytest.approx(solution.y[0], abs=1e-9)


def test_flow_against_the_gradient_flow_of_the_logits() -> None:
    """Three quantities that know no formula: both logits, moved by the package's gradient of a bandit with gap 1/2."""
    bandit, z0 = et.Bandit([0.75, 0.25]), np.array([-0.5, 0.25])
    solution = solve_ivp(
        lambda t, z: et.policy_gradient(bandit, z), (0, 30), z0, method="DOP853", rtol=1e-11, atol=1e-11
    )
    w = solution.y[0, -1] - solution.y[1, -1]
    assert w == pytest.approx(float(two_armed_flow(-0.75, 15.0)), abs=1e-8)


def test_speed_and_squared_gradient() -> None:
    w = np.array([0.0, 1.0, -4.0, 30.0])
    p = et.softmax(np.stack([w, 0 * w], axis=-1))
    assert two_armed_speed(w) == pytest.approx(2 * p.prod(-1), rel=1e-14)
    g = et.policy_gradient(et.Bandit([1.0, 0.0]), np.stack([w, 0 * w], axis=-1))
    assert two_armed_squared_gradient(w) == pytest.approx((g**2).sum(-1), rel=1e-13)
    assert two_armed_speed(1e4) == 0.0


def test_flow_refuses() -> None:
    with pytest.raises(ValueError, match=r"s\[1\] is -1.0, expected a number >= 0"):
        two_armed_flow(0.0, [1.0, -1.0])
    with pytest.raises(ValueError, match=r"w0 is 701.0, expected a number of size at most 700"):
        two_armed_flow(701.0, 1.0)
    with pytest.raises(ValueError, match=r"s is 1e[+]301, expected a number of at most 1e[+]300"):
        two_armed_flow(0.0, 1e301)
    with pytest.raises(ValueError, match=r"w0 has shape \(2,\) and s \(3,\)"):
        two_armed_flow([0.0, 1.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"w0 is -1.0, expected a number >= 0"):
        two_armed_bounds(-1.0, 1.0, 1.0)


@pytest.mark.parametrize("w0", [0.0, 4.0, -6.0])
def test_discrete_run_against_both_logits(w0: float) -> None:
    etas = 1 / np.sqrt(np.arange(1.0, 20_001.0))
    path = two_armed_ascent(w0, etas)
    assert path.shape == (20_001,)
    assert path[0] == w0
    assert path[-1] == pytest.approx(ascent.two_arms(w0, etas.tolist()), rel=1e-11)


def test_discrete_run_is_that_of_the_bandit() -> None:
    path = ascend(et.Bandit([1.0, 0.0]), PolicyGradient(), [0.3, 0.0], lambda t: 2 / (t + 1), 50)
    assert path[:, 0] - path[:, 1] == pytest.approx(two_armed_ascent(0.3, 2 / np.arange(1.0, 51.0)), rel=1e-13)


def test_discrete_run_with_a_penalty_is_that_of_the_control() -> None:
    """KL-Cov with all tokens selected and the old policy held at the uniform one."""
    steps = np.arange(1, 201)
    control = et.KLCov(et.PowerDecay(1.0, 0.25), 1, penalty="kl", anchor="fixed")
    path = ascend(et.Bandit([1.0, 0.0]), control, np.zeros(2), 1.0, 200)
    run = two_armed_ascent(0.0, np.ones(200), steps**-0.25)
    # Rounding of some units a step, which later steps damp.
    np.testing.assert_allclose(run, path[:, 0] - path[:, 1], rtol=1e-13, atol=1e-13)
    assert np.array_equal(two_armed_ascent(0.5, np.ones(9), np.zeros(9)), two_armed_ascent(0.5, np.ones(9)))


def test_discrete_run_in_pieces_and_from_a_generator() -> None:
    """The pieces in which the step sizes are taken up do not show."""
    etas = np.linspace(0.1, 2.0, 250_001)
    path = two_armed_ascent(0.1, etas)
    assert np.array_equal(path, two_armed_ascent(0.1, (float(x) for x in etas)))
    assert path[-1] == two_armed_ascent(path[100_000], etas[100_000:])[-1]
    assert (
        two_armed_ascent(0.1, etas, etas)[-1]
        == two_armed_ascent(two_armed_ascent(0.1, etas[:7], etas[:7])[-1], etas[7:], iter(etas[7:]))[-1]
    )
    assert np.array_equal(two_armed_ascent(0.25, []), [0.25])
    assert np.array_equal(two_armed_ascent(1e5, [1.0]), [1e5, 1e5])


def test_discrete_run_refuses() -> None:
    with pytest.raises(ValueError, match=r"etas from 0\[1\] is -1.0, expected a number >= 0"):
        two_armed_ascent(0.0, [1.0, -1.0])
    with pytest.raises(ValueError, match="w0 is nan"):
        two_armed_ascent(float("nan"), [1.0])
    with pytest.raises(ValueError, match=r"etas from 0\[0\] is inf"):
        two_armed_ascent(0.0, [math.inf])
    with pytest.raises(ValueError, match=r"betas from 0\[1\] is -2.0, expected a number >= 0"):
        two_armed_ascent(0.0, [1.0, 1.0], [1.0, -2.0])
    with pytest.raises(ValueError, match="betas has 1 coefficients, expected one for each of the etas"):
        two_armed_ascent(0.0, [1.0, 1.0], [1.0])
    wrongs: list[Any] = [[[1.0], [2.0]], [1j, 2.0], balls([1, 2])]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"etas has entries of shape .*expected real numbers"):
            two_armed_ascent(0.0, wrong)
    with pytest.raises(ValueError, match=r"etas is 1.0, expected numbers, one a step"):
        two_armed_ascent(0.0, 1.0)  # type: ignore[arg-type]


def test_where_a_long_run_goes_wrong_is_named() -> None:
    """Step sizes are taken up in pieces of 100,000."""
    etas = np.ones(100_002)
    etas[-1] = -1.0
    with pytest.raises(ValueError, match=r"etas from 100000\[1\] is -1.0, expected a number >= 0"):
        two_armed_ascent(0.0, etas)
    with pytest.raises(ValueError, match="betas has 100001 coefficients, expected one for each of the etas"):
        two_armed_ascent(0.0, abs(etas), np.ones(100_001))


SCHEDULES: dict[str, Callable[[Any], Any]] = {"constant": lambda t: 0 * t + 1.0, "eta_0 / t": lambda t: 1.0 / t}


@pytest.mark.parametrize("name", SCHEDULES)
def test_long_run_lies_between_two_flows(name: str) -> None:
    etas = SCHEDULES[name](np.arange(1.0, 1_000_001.0))
    path = two_armed_ascent(0.5, etas)
    total = np.concatenate([[0.0], np.cumsum(etas)])
    low, high = two_armed_bounds(0.5, total, etas.max())
    assert np.all(low <= path * (1 + 1e-12))
    assert np.all(path <= high * (1 + 1e-12))


@pytest.mark.parametrize(
    ("w0", "total", "step"), [(0.0, 0.0, 0.0), (0.25, 0.5, 0.75), (3.0, 200.0, 2.0), (0.0, 1e300, 0.0)]
)
def test_bounds_are_the_flow_at_two_times(w0: float, total: float, step: float) -> None:
    """At S and at ``S exp(h / 2)``, by the root with many digits."""
    low, high = two_armed_bounds(w0, total, step)
    for got, time in ((low, total), (high, total * math.exp(step / 2))):
        assert float(got) == pytest.approx(float(ascent.flow_root(w0, time)), rel=4e-15)
    with precision(128):
        enclosed = two_armed_bounds(balls([w0]), balls([total]), balls([step]))
        for ball, float_bound in zip(enclosed, (low, high), strict=True):
            assert ball[0].midpoint() == pytest.approx(float(float_bound), rel=4e-15)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-0.5, 1.0, 1.0), r"w0 is -0.5, expected a number >= 0"),
        ((0.5, -0.5, 1.0), r"total is -0.5, expected a number >= 0"),
        ((0.5, 1.0, -0.5), r"largest_step is -0.5, expected a number >= 0"),
        ((0.5, 2e300, 0.0), r"total is 2e[+]300, expected a number of at most 1e[+]300"),
        ((0.5, 1e300, 1.0), r"total with largest_step is 1.6\d*e[+]300, expected a number of at most 1e[+]300"),
        ((701.0, 1.0, 1.0), "w0 is 701.0, expected a number of size at most 700"),
    ],
)
def test_bounds_refuse(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        two_armed_bounds(*arguments)


def test_bounds_beyond_the_doubles() -> None:
    with pytest.raises(OverflowError, match="total or largest_step is too large"):
        two_armed_bounds(0.0, 1e300, 1e5)
    with precision(128):
        low, high = two_armed_bounds(balls([0]), balls([10**400]), balls([2]))
        assert abs(low[0] - (400 * Ball(10).log() + Ball(2).log())) < Fraction(1, 10**30)
        assert abs(high[0] - low[0] - 1) < Fraction(1, 10**30)


def test_constant_steps_give_one_over_the_square_of_the_time() -> None:
    """T^2 |grad J|^2 is between 1/2 minus what the excess of G allows, and 1/2."""
    w = two_armed_ascent(0.0, np.ones(LONG))[-1]
    scaled = LONG**2 * ascent.squared_gradient(float(w))
    most = LONG + math.exp(0.5) * (0.5 + 2 * (1 + math.log(LONG)))
    assert LONG**2 * ascent.squared_gradient(float(two_armed_flow(0.0, most))) <= scaled
    assert scaled <= LONG**2 * ascent.squared_gradient(float(two_armed_flow(0.0, float(LONG))))
    assert scaled == pytest.approx(0.5, abs=2e-5)


def test_harmonic_steps_give_one_over_the_square_of_the_logarithm() -> None:
    """At T = 10^7, T |grad J|^2 is over 20,000 times what constant steps guarantee, [2 (J* - J_0) / eta] / T, and it
    grows like T / log^2 T: a bound of the kind C / T that holds at 10^3 is exceeded 1800-fold at 10^7."""
    w = two_armed_ascent(0.0, 1 / np.arange(1.0, LONG + 1.0))
    scaled = {t: t * ascent.squared_gradient(float(w[t])) for t in (10**3, 10**5, LONG)}
    guaranteed = 2 * 0.5 / 1.0
    assert scaled[LONG] > 20_000 * guaranteed
    assert scaled[LONG] > 1_800 * scaled[10**3]
    for t in scaled:
        # G(w_T) = log T + O(1), and 1 + cosh w = G(w) + 1 - w + e^-w.
        exact = 1 / (2 * (math.log(t) + 0.5772156649) ** 2)
        assert 1 < scaled[t] / t / exact < 2.5


def test_vanishing_beta_gives_one_over_the_square_root() -> None:
    """|grad J|^2 ~ beta^2 T^(-1/2) / 2, and the worse arm never falls below beta_t / 4."""
    steps, beta = 1_000_000, 0.25
    shares, coefficients = ascent.held_to_uniform(0.5, beta, 0.25, steps)
    u, b = np.array(shares), np.array(coefficients)
    assert np.all(u >= b / 4)
    squares = 2 * (u * (1 - u)) ** 2
    law = beta**2 / (2 * np.sqrt(np.arange(1.0, steps + 1)))
    assert squares[-1] == pytest.approx(law[-1], rel=0.02)
    assert steps * squares[-1] > 30 * 1_000 * squares[999]


def test_vanishing_beta_run_is_that_of_the_control() -> None:
    control = held(PowerDecay(0.25, 0.25), anchor="fixed")
    path = ascend(et.Bandit([1.0, 0.0]), control, [0.0, 0.0], 0.5, 400)
    shares, _ = ascent.held_to_uniform(0.5, 0.25, 0.25, 401)
    assert et.softmax(path)[:, 1] == pytest.approx(np.array(shares), rel=1e-12)


def test_gradient_norm_can_grow() -> None:
    """d/dt |grad J|^2 / 2 = 27/2048 at p = (1/4, 3/4), rewards (1, 0)."""
    z, bandit = np.log([0.25, 0.75]), et.Bandit([1.0, 0.0])
    slope = et.directional_derivative(
        lambda x: (et.policy_gradient(bandit, x) ** 2).sum(-1) / 2, z, et.policy_gradient(bandit, z)
    )
    assert float(slope) == pytest.approx(27 / 2048, rel=1e-14)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: two_armed_flow(1 + 1j, 1.0), ValueError, "w0 has dtype complex128"),
        (lambda: two_armed_flow(1.0, 1 + 1j), ValueError, "s has dtype complex128"),
        (lambda: two_armed_bounds(1j, 1.0, 1.0), ValueError, "w0 has dtype complex128"),
        (lambda: two_armed_bounds(0.0, 1j, 1.0), ValueError, "total has dtype complex128"),
        (lambda: two_armed_bounds(0.0, 1.0, 1j), ValueError, "largest_step has dtype complex128"),
        (lambda: two_armed_bounds(0.0, [1.0, 2.0, 3.0], [1.0, 2.0]), ValueError, r"total has shape \(3,\)"),
        (lambda: reward_smoothness([1e308, -1e308]), OverflowError, "^reward is too large"),
    ],
)
def test_what_has_no_answer_is_refused_by_name(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_bounds_of_single_balls() -> None:
    """They solve ``w + sinh w = S`` for the total S and for ``S e^{h/2}``."""
    bounds = two_armed_bounds(et.Ball(0), et.Ball(1), et.Ball(1))
    for bound, total in zip(bounds, (1.0, math.exp(0.5)), strict=True):
        w = et.Ball(bound.item()).midpoint()
        assert w + math.sinh(w) == pytest.approx(total, rel=1e-11)

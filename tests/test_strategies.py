"""The Hypothesis strategies, and what must hold for every policy, bandit and MDP that they draw.

Rounding. EPS is 2**-52; one operation rounds by EPS / 2, an exp or a log by at most 4 EPS. A logit relative
to the largest, d = z - max z, is rounded once, so exp(d) has relative error |d| EPS / 2 besides that of exp.
With the sum over A actions and the division, `unit` bounds the relative error of a probability, a
log-probability and a mean.

Linear systems. For M = I - discount P of S states, Gaussian elimination with partial pivoting solves a system
whose matrix differs by 3 S (EPS / 2) S**2 2**(S - 1) |M|, |M| <= 2 (Higham, Accuracy and Stability of
Numerical Algorithms, Theorem 9.5). The entries of M have error 2 unit, the right side, a mean of rewards, 2
unit. With h = 1 / (1 - discount), |M^-1| <= h, so a solution has relative error `error` = h (elimination + 6
unit) in the maximum norm (values), or in the 1-norm (visitation). For rewards of size R, the solution v is at
most h R.

From that, for each of the following the largest error of an entry, where unit <= error / 6:

- objective: error h R.
- advantage: 2 error h R from q, 4 unit (largest - smallest q) from the mean, together at most 4 error h R.
- policy gradient w p A, w <= h of error h error: at most 8 error h**2 R.
- mean entropy (a discounted sum of entropies of size L = log A, over h): error L.
- its gradient d p (A_H - log p - H): 4 error h L from A_H, 2 error h L from d, 8 unit L from log p + H, as
  E |log p + H| <= 2 H; together at most 10 error h L.

A bandit is the case S = 1, h = 1 without a linear system. In the maximum norm, a change x of the logits
changes the objective by at most 2 h**2 R x, since sum |dJ/dz| = sum w p |A| <= h 2 h R.

Underflow. The strategies draw no number other than zero below 1e-50 of its range, and probabilities above
1e-28, so what an underflow loses, 2**-1074 (over a complex step of 1e-200: 5e-124), is far below EPS times
the product of two such numbers.
"""

from __future__ import annotations

import importlib.util
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory import strategies
from entropy_theory.problems.systems import BACKWARD_ERROR
from entropy_theory.strategies import (
    bandits,
    bandits_with_logits,
    directions,
    logits,
    mdps,
    mdps_with_logits,
    policies,
    rewards,
)

Array = np.ndarray[Any, Any]
Problem = et.Bandit | et.MDP
EPS = 2.0**-52

problems_with_logits = st.one_of(bandits_with_logits(), mdps_with_logits())


def unit(*vectors: Array) -> float:
    """Relative error of a probability, whose logits (and changes of logits) are given."""
    spread = sum(float(np.ptp(v, axis=-1).max()) for v in vectors)
    return float((vectors[0].shape[-1] + 16 + spread) * EPS)


def horizon(problem: Problem) -> float:
    return 1.0 if isinstance(problem, et.Bandit) else 1.0 / (1.0 - float(problem.discount))


def error(problem: Problem, z: Array) -> float:
    """Relative error of values and visitation."""
    s = problem.states
    elimination = 0.0 if isinstance(problem, et.Bandit) else 1.5 * s**3 * 2**s * EPS
    return float(horizon(problem) * (elimination + 6 * unit(z)))


def size(problem: Problem) -> float:
    return float(np.abs(problem.reward).max())


def between(mdp: et.MDP, z: Array) -> Array:
    """Transitions between states under the policy."""
    return np.asarray(np.einsum("sa,sat->st", et.softmax(z), mdp.transition))


def step(problem: Problem, z: Array, change: Array) -> tuple[Array, float]:
    """The changed logits, and how far their rounding moves the objective."""
    new = z + change
    moved = EPS / 2 * float(np.abs(new).max())
    return new, 2 * horizon(problem) ** 2 * size(problem) * moved


# --- the strategies -----------------------------------------------------------------------------------------------

# Enough examples to meet what one in a hundred shows.
searched = settings(max_examples=2000, database=None, derandomize=True, phases=[Phase.generate, Phase.shrink])


def drawn(strategy: st.SearchStrategy[Any], condition: Callable[[Any], Any]) -> Any:
    """The first example that meets the condition."""
    return find(strategy, condition, settings=settings(searched, phases=[Phase.generate]), random=Random(0))


def simplest(strategy: st.SearchStrategy[Any], condition: Callable[[Any], Any] = lambda _: True) -> Any:
    """The example that it shrinks to."""
    return find(strategy, condition, settings=searched, random=Random(0))


@given(logits(), logits(actions=3, states=(1, 4), low=-2.0, high=5.5))
def test_logits_have_the_asked_shape_and_range(vector: Array, table: Array) -> None:
    assert vector.dtype == table.dtype == np.float64
    assert vector.ndim == 1
    assert 2 <= vector.size <= 6
    assert np.abs(vector).max() <= 30
    assert table.shape[1:] == (3,)
    assert 1 <= table.shape[0] <= 4
    assert -2 <= table.min() <= table.max() <= 5.5


@pytest.mark.parametrize(
    ("low", "high"), [(0.2, 0.8), (3.0, 3.0), (-9.0, -8.5), (0.0, -0.0), (-1e3, 1e3), (0.0, 5e-324), (-1e308, 1e308)]
)
@given(data=st.data())
def test_any_finite_range_is_possible(low: float, high: float, data: st.DataObject) -> None:
    z = data.draw(logits(actions=(1, 3), low=low, high=high))
    assert low <= z.min() <= z.max() <= high


@given(logits(), rewards(), bandits(), mdps())
def test_nothing_underflows(z: Array, reward: Array, bandit: et.Bandit, mdp: et.MDP) -> None:
    """The ranges end at 30, 10 and 0.99; 1e-50 times that is the least magnitude, but for zero."""
    numbers = np.concatenate([z, reward, bandit.reward, mdp.reward.ravel(), mdp.discount[None]])
    assert np.abs(numbers[numbers != 0]).min(initial=1.0) >= 0.99e-50


@pytest.mark.parametrize(
    "condition",
    [
        lambda z: (z == np.round(z)).all() and np.unique(z).size == z.size > 3,
        lambda z: (z != np.round(z)).all(),
        lambda z: z.size > 3 and np.unique(z).size == 2 and (z != np.round(z)).any(),
        lambda z: (np.sort(z)[-1] - np.sort(z)[-2]) >= 40,
        lambda z: z.size == 6,
        lambda z: z[-1] == z.max() > z[0],
    ],
    ids=["whole", "floats", "ties", "peak", "largest size", "mode last"],
)
def test_every_kind_of_logits_is_drawn(condition: Callable[[Array], bool]) -> None:
    drawn(logits(), condition)


def test_a_wide_range_gives_gaps_of_hundreds() -> None:
    z = drawn(logits(actions=3, low=0.0, high=700.0), lambda z: np.sort(z)[-1] - np.sort(z)[-2] >= 600)
    assert 0 <= et.softmax(z).min() < 1e-260


def test_logits_shrink_to_the_uniform_policy() -> None:
    np.testing.assert_array_equal(simplest(logits()), [0.0, 0.0])
    np.testing.assert_array_equal(simplest(logits(states=(1, 4))), [[0.0, 0.0]])
    np.testing.assert_array_equal(simplest(logits(low=-5.0, high=-2.0)), [-2.0, -2.0])
    np.testing.assert_array_equal(simplest(logits(), lambda z: z[0] != z[1]), [0.0, 1.0])
    np.testing.assert_array_equal(simplest(policies()), [0.5, 0.5])


@given(policies(), policies(states=(1, 4), low=-350.0, high=350.0))
def test_policies_are_positive_and_sum_to_one(vector: Array, table: Array) -> None:
    for p, gap in ((vector, 60), (table, 700)):
        assert (p > 0).all()
        # `unit` for each probability, and as much for their sum.
        assert np.abs(p.sum(-1) - 1).max() <= 2 * (p.shape[-1] + 16 + gap) * EPS


@given(st.data(), logits(states=(1, 3)))
def test_rewards_and_directions_have_the_shape_of_an_array(data: st.DataObject, z: Array) -> None:
    reward, direction = data.draw(rewards(z, low=0.0, high=1.0)), data.draw(directions(z[None]))
    assert reward.shape == z.shape
    assert direction.shape == (1, *z.shape)
    assert 0 <= reward.min() <= reward.max() <= 1
    assert np.abs(direction).max() <= 10
    assert data.draw(rewards(actions=(2, 3), states=2)).shape in {(2, 2), (2, 3)}
    assert data.draw(rewards([1, 2, 3])).shape == (3,)


def test_rewards_and_directions_shrink_to_zero() -> None:
    np.testing.assert_array_equal(simplest(rewards()), [0.0, 0.0])
    np.testing.assert_array_equal(simplest(directions(np.ones((2, 3)))), np.zeros((2, 3)))


@given(bandits(actions=(3, 4)), bandits_with_logits(actions=(1, 3), low=-1.0, high=1.0))
def test_bandits(bandit: et.Bandit, case: tuple[et.Bandit, Array]) -> None:
    assert bandit.reward.shape in {(3,), (4,)}
    assert np.abs(bandit.reward).max() <= 10
    other, z = case
    assert z.shape == other.reward.shape
    assert np.abs(z).max() <= 1


@given(mdps(), mdps(states=3, actions=2, termination=False, discount=0.5))
def test_mdps_are_valid(mdp: et.MDP, fixed: et.MDP) -> None:
    assert 1 <= mdp.states <= 4
    assert 2 <= mdp.actions <= 3
    assert 0 <= mdp.discount <= 0.99
    assert not mdp.batch
    assert not mdp.sparse
    assert (fixed.states, fixed.actions, float(fixed.discount)) == (3, 2, 0.5)
    assert not fixed.termination.any()
    for m in (mdp, fixed):
        # A probability of a softmax of logits 60 apart over at most 5 outcomes has error `unit`; the sum adds as much.
        allowed = 2 * (5 + 16 + 60) * EPS
        assert m.transition.min() >= 0
        assert m.termination.min() >= 0
        assert np.abs(m.transition.sum(-1) + m.termination - 1).max() <= allowed
        assert abs(m.initial.sum() - 1) <= allowed


@pytest.mark.parametrize(
    "condition",
    [
        lambda m: m.termination.any() and not m.termination.all(),
        lambda m: m.states == 4 and not m.termination.any(),
        lambda m: m.states > 1 and np.isin(m.transition, [0.0, 1.0]).all() and (m.transition[..., 0] == 0).any(),
        lambda m: m.states > 1 and ((m.transition > 0) & (m.transition < 1)).any(),
        lambda m: m.states > 2 and (m.initial > 0).all(),
        lambda m: ((m.transition > 0) & (m.transition < 1e-6)).any(),
        lambda m: m.discount >= 0.9,
        lambda m: 0 < m.discount < 0.5,
    ],
    ids=["ends", "endless", "deterministic", "random", "starts anywhere", "tiny", "far-sighted", "short-sighted"],
)
def test_every_kind_of_mdp_is_drawn(condition: Callable[[et.MDP], bool]) -> None:
    drawn(mdps(), condition)


def test_mdps_shrink_to_one_state() -> None:
    mdp, z = simplest(mdps_with_logits(discount=(0.25, 0.3)))
    assert (mdp.states, mdp.actions, float(mdp.discount)) == (1, 2, 0.25)
    for table in (mdp.reward, mdp.termination, z):
        assert not table.any()


def test_mdps_shrink_to_deterministic_transitions() -> None:
    mdp = simplest(mdps(states=(1, 2)), lambda m: m.states > 1)
    assert (mdp.states, mdp.actions) == (2, 2)
    np.testing.assert_array_equal(mdp.transition[..., 0], np.ones((2, 2)))


@pytest.mark.parametrize(("strategy", "shown"), [(mdps(), "transition=array("), (bandits(), "Bandit(")])
def test_a_failing_example_is_shown_with_its_numbers(strategy: st.SearchStrategy[Problem], shown: str) -> None:
    @settings(searched, max_examples=1)
    @given(strategy)
    def fails(problem: Problem) -> None:
        raise ArithmeticError

    with pytest.raises(ArithmeticError) as raised:
        fails()
    assert any(shown in note for note in raised.value.__notes__)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: logits(actions=(5, 2)), r"actions is \(5, 2\), expected an integer or \(least, largest\)"),
        (lambda: logits(actions=0), "actions is 0, expected"),
        (lambda: logits(actions=True), "actions is True, expected"),
        (lambda: logits(actions=(2, 3.5)), r"actions is \(2, 3.5\), expected"),  # type: ignore[arg-type]
        (lambda: logits(actions="2"), "actions is '2', expected"),  # type: ignore[arg-type]
        (lambda: logits(actions=(1, 2, 3)), r"actions is \(1, 2, 3\), expected"),  # type: ignore[arg-type]
        (lambda: logits(states=(0, 2)), r"states is \(0, 2\), expected"),
        (lambda: logits(low=2.0, high=1.0), "low is 2.0 and high is 1.0, expected low <= high"),
        (lambda: logits(low=-np.inf), "low is -inf, expected a finite number"),
        (lambda: logits(high=np.nan), "high is nan, expected a finite number"),
        (lambda: logits(high="many"), "high is 'many', expected a finite number"),  # type: ignore[arg-type]
        (lambda: policies(low=0.0, high=701.0), "high is 701.0, expected a range at most 700 wide"),
        (lambda: policies(actions=(3, 2)), r"actions is \(3, 2\), expected"),
        (lambda: rewards(np.ones(3), actions=3), "actions is 3, expected none beside like"),
        (lambda: rewards(np.ones(3), states=2), "states is 2, expected none beside like"),
        (lambda: rewards(2.0), r"like has shape \(\), expected an array \(..., A\)"),
        (lambda: rewards(low=1.0, high=-1.0), "low is 1.0 and high is -1.0, expected"),
        (lambda: directions(np.ones((2, 0))), r"like has shape \(2, 0\), expected"),
        (lambda: directions([[1.0], [1.0, 2.0]]), r"like is \[\[1.0\], \[1.0, 2.0\]\], expected an array"),
        (lambda: directions(np.ones(2), low=1.0, high=0.0), "low is 1.0 and high is 0.0, expected"),
        (lambda: bandits(actions=(2, 1)), r"actions is \(2, 1\), expected"),
        (lambda: bandits_with_logits(actions=-1), "actions is -1, expected"),
        (lambda: bandits_with_logits(low=1.0, high=0.0), "low is 1.0 and high is 0.0, expected"),
        (lambda: mdps(states=(4, 1)), r"states is \(4, 1\), expected"),
        (lambda: mdps(actions=(3, 2)), r"actions is \(3, 2\), expected"),
        (lambda: mdps(discount=1.0), r"discount is 1.0, expected a number in \[0, 1\)"),
        (lambda: mdps(discount=(-0.1, 0.5)), r"discount is \(-0.1, 0.5\), expected"),
        (lambda: mdps(discount=(0.9, 0.5)), r"discount is \(0.9, 0.5\), expected"),
        (lambda: mdps(discount=(0.1, 0.2, 0.3)), "discount is .*, expected"),  # type: ignore[arg-type]
        (lambda: mdps(discount=np.nan), "discount is nan, expected"),
        (lambda: mdps(termination=0.5), "termination is 0.5, expected True or False"),  # type: ignore[arg-type]
        (lambda: mdps_with_logits(states=0), "states is 0, expected"),
        (lambda: mdps_with_logits(low=np.inf), "low is inf, expected a finite number"),
    ],
)
def test_bad_arguments_are_reported_at_the_call(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    spec = importlib.util.spec_from_file_location("strategies_alone", strategies.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(ImportError, match=r"pip install 'entropy-theory\[hypothesis\]'"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.mark.parametrize(
    ("profile", "ci", "expected"),
    [(None, None, "dev"), (None, "true", "ci"), ("dev", "true", "dev"), ("ci", None, "ci")],
)
def test_profiles(profile: str | None, ci: str | None, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HYPOTHESIS_PROFILE", profile), ("CI", ci)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    before = settings.get_current_profile_name()
    try:
        runpy.run_path(str(Path(__file__).with_name("conftest.py")))
        assert settings.get_current_profile_name() == expected
    finally:
        settings.load_profile(before)
    chosen = settings.get_profile("ci")
    assert (chosen.deadline, chosen.print_blob, chosen.derandomize) == (None, True, True)
    assert settings.get_profile("dev").max_examples < chosen.max_examples


# --- policies -----------------------------------------------------------------------------------------------------


@given(logits(states=(1, 3)))
def test_entropy_lies_between_zero_and_log_n(z: Array) -> None:
    entropy = et.entropy(z)
    assert (entropy >= 0).all()
    assert entropy.max() <= np.log(z.shape[-1]) * (1 + 2 * unit(z))


@given(logits(states=(1, 3)), st.floats(-100, 100))
def test_a_common_shift_of_the_logits_changes_nothing(z: Array, shift: float) -> None:
    """Rounding z + shift moves a logit by x = EPS / 2 max |z + shift|, log p by 2 x, H by E|log p + H| x <= 2 H x."""
    moved = z + shift
    relative = EPS * np.abs(moved).max() + 2 * unit(z)
    np.testing.assert_allclose(et.softmax(moved), et.softmax(z), rtol=2 * relative, atol=0)
    np.testing.assert_allclose(et.entropy(moved), et.entropy(z), rtol=2 * relative, atol=0)


@given(st.data(), logits(states=(1, 3)))
def test_entropy_change_is_the_difference_of_entropies(data: st.DataObject, z: Array) -> None:
    """Each entropy has relative error 2 unit, and rounding z + dz moves it by 2 H times EPS / 2 max |z + dz|.

    The change is sum (p' - p)(log p + H) + KL(p' || p): log p' / p is at most 2 spread(dz), log p + H at most
    spread(z), and KL at most spread(dz), each formed with error 4 unit of that size, where p or p' sums to
    one.
    """
    dz = data.draw(directions(z))
    before, after = et.entropy(z), et.entropy(z + dz)
    u, spread, turn = unit(z, dz), np.ptp(z, axis=-1), np.ptp(dz, axis=-1)
    allowed = 2 * u * (before + after) + EPS * np.abs(z + dz).max() * after + 8 * u * turn * (1 + 4 * spread)
    assert (np.abs(et.entropy_change(z, dz) - (after - before)) <= allowed).all()


@given(logits(states=(1, 3)))
def test_the_squared_entropy_gradient_is_at_most_half_the_varentropy(z: Array) -> None:
    """K = sum p**2 y**2 <= sum p y**2 / 2 for y = log p + H, as E y = 0 (equality needs two actions with p = 1/2).

    y is formed from terms of size t = |d| + E|d| with error 2 unit t, d = z - max z, and both sides from its
    square.
    """
    p, d = et.softmax(z), z - z.max(-1, keepdims=True)
    terms = -d - (p * d).sum(-1, keepdims=True)
    squared = (et.entropy_gradient(z) ** 2).sum(-1)
    assert (squared <= et.varentropy(z) / 2 + 8 * unit(z) * (p * terms**2).sum(-1)).all()


@given(st.data(), logits(states=(1, 3)))
def test_kl_is_a_mean_log_ratio_and_obeys_pinsker(data: st.DataObject, z: Array) -> None:
    """KL = E_p(log p - log q) >= |p - q|**2 / 2 in the 1-norm.

    The log-probabilities have relative error unit, their mean 2 more; rounding new - z costs |p - q| EPS / 2
    max |new - z|; and each probability has relative error unit, so |p - q| has error 2 unit.
    """
    new = z + data.draw(directions(z))
    p, q, kl = et.softmax(z), et.softmax(new), et.kl(z, new)
    u = unit(z, new)
    log_p, log_q = et.log_softmax(z), et.log_softmax(new)
    distance = np.abs(p - q).sum(-1)
    allowed = 4 * u * (p * (np.abs(log_p) + np.abs(log_q))).sum(-1) + distance * EPS * np.abs(new - z).max()
    assert (kl >= 0).all()
    assert (np.abs(kl - (p * (log_p - log_q)).sum(-1)) <= allowed).all()
    assert (kl + allowed >= distance**2 / 2 - 2 * u * distance).all()
    np.testing.assert_array_equal(et.kl(z, z), 0)


# --- values and visitation ----------------------------------------------------------------------------------------


@given(problems_with_logits)
def test_the_advantage_has_mean_zero(case: tuple[Problem, Array]) -> None:
    """A = q - E q with error 2 unit (|q - q_mode| + E|q - q_mode|), of mean at most 4 unit spread(q); p doubles it."""
    problem, z = case
    values = problem.values(z)
    mean = (et.softmax(z) * values.advantage).sum(-1)
    assert (np.abs(mean) <= 8 * unit(z) * np.ptp(values.q, axis=-1)).all()


@given(problems_with_logits)
def test_values_solve_the_bellman_equations(case: tuple[Problem, Array]) -> None:
    """v = E q, A = q - v, J = sum initial v; q and v have error `error` h R each."""
    problem, z = case
    values = problem.values(z)
    allowed = 6 * error(problem, z) * horizon(problem) * size(problem)
    v = np.asarray(values.v)
    np.testing.assert_allclose((et.softmax(z) * values.q).sum(-1), v, rtol=0, atol=allowed)
    np.testing.assert_allclose(values.q - v[..., None], values.advantage, rtol=0, atol=allowed)
    if isinstance(problem, et.MDP):
        ahead = np.einsum("sat,t->sa", problem.transition, v)
        np.testing.assert_allclose(problem.reward + problem.discount * ahead, values.q, rtol=0, atol=allowed)
        v = (problem.initial * v).sum()
    np.testing.assert_allclose(problem.objective(z), v, rtol=0, atol=allowed)


@given(problems_with_logits)
def test_the_objective_lies_between_the_extreme_rewards(case: tuple[Problem, Array]) -> None:
    """After the end the reward is zero, so zero counts among the rewards of an MDP."""
    problem, z = case
    reward = problem.reward if isinstance(problem, et.Bandit) else np.append(problem.reward, 0.0)
    h, allowed = horizon(problem), error(problem, z) * horizon(problem) * size(problem)
    assert h * reward.min() - allowed <= problem.objective(z) <= h * reward.max() + allowed


@given(mdps_with_logits())
def test_visitation_solves_the_flow_equation(case: tuple[et.MDP, Array]) -> None:
    """d = (1 - discount) initial + discount P' d; a computed d has 1-norm error `error`, and so has its image."""
    mdp, z = case
    d = mdp.values(z).visitation
    flow = (1 - mdp.discount) * mdp.initial + mdp.discount * d @ between(mdp, z)
    assert np.abs(d - flow).sum() <= 3 * error(mdp, z)
    assert d.min() >= -error(mdp, z)
    # What is missing to one is the discounted time after the end: a fraction discount / (1 - discount) of the endings.
    ended = horizon(mdp) * mdp.discount * (d * (et.softmax(z) * mdp.termination).sum(-1)).sum()
    assert abs(d.sum() + ended - 1) <= 3 * horizon(mdp) * error(mdp, z)


@given(mdps_with_logits(termination=False))
def test_visitation_sums_to_one_without_ends(case: tuple[et.MDP, Array]) -> None:
    mdp, z = case
    assert abs(mdp.values(z).visitation.sum() - 1) <= 2 * error(mdp, z)


@given(st.data(), problems_with_logits)
def test_performance_difference(data: st.DataObject, case: tuple[Problem, Array]) -> None:
    """J(new) - J = sum w'(s) p'(a|s) A(s, a) (Kakade and Langford 2002), w' and p' of the new policy.

    Besides the two objectives: A has error 4 `error` h R, w' <= h has h `error`, and A <= 2 h R.
    """
    problem, z = case
    new = z + data.draw(directions(z))
    h = horizon(problem)
    weight = h * np.asarray(problem.values(new).visitation)
    gain = (weight[..., None] * et.softmax(new) * problem.values(z).advantage).sum()
    allowed = 8 * (error(problem, z) + error(problem, new)) * h**2 * size(problem)
    assert abs(problem.objective(new) - problem.objective(z) - gain) <= allowed


@given(problems_with_logits, st.integers(-20, 20))
def test_a_shift_of_logits_leaves_the_objective(case: tuple[Problem, Array], shift: int) -> None:
    problem, z = case
    moved, rounded = step(problem, z, np.full(z.shape, float(shift)))
    allowed = 2 * error(problem, z) * horizon(problem) * size(problem) + 2 * rounded
    assert abs(problem.objective(moved) - problem.objective(z)) <= allowed


@given(mdps_with_logits(termination=False), st.floats(-10, 10))
def test_a_constant_reward_is_earned_by_every_policy(case: tuple[et.MDP, Array], more: float) -> None:
    """J grows by more / (1 - discount) and no gradient changes; errors as in the module's text, for both rewards."""
    mdp, z = case
    raised = et.MDP(mdp.transition, mdp.reward + more, mdp.discount, mdp.initial)
    sizes = size(mdp) + size(raised) + abs(more)
    h, e = horizon(mdp), error(mdp, z)
    assert abs(raised.objective(z) - mdp.objective(z) - h * more) <= 2 * e * h * sizes
    before, after = et.policy_gradient(mdp, z), et.policy_gradient(raised, z)
    np.testing.assert_allclose(after, before, rtol=0, atol=8 * e * h**2 * sizes)


@given(bandits_with_logits(), st.floats(0, 0.99))
def test_a_bandit_is_an_mdp_that_ends_at_once(case: tuple[et.Bandit, Array], discount: float) -> None:
    """Its only state is left at once, so J and dJ/dz are those of the bandit; d is 1 - discount."""
    bandit, z = case
    n = bandit.actions
    mdp = et.MDP(np.zeros((1, n, 1)), bandit.reward[None], discount, [1.0], np.ones((1, n)))
    allowed = 16 * unit(z) * size(bandit)
    assert abs(mdp.objective(z[None]) - bandit.objective(z)) <= allowed
    np.testing.assert_allclose(et.policy_gradient(mdp, z[None])[0], et.policy_gradient(bandit, z), rtol=0, atol=allowed)
    np.testing.assert_allclose(mdp.values(z[None]).visitation, 1 - discount, rtol=4 * EPS, atol=0)
    np.testing.assert_allclose(
        et.mean_entropy(mdp, z[None]), (1 - discount) * et.mean_entropy(bandit, z), rtol=8 * unit(z), atol=0
    )


# --- gradients ----------------------------------------------------------------------------------------------------


@given(problems_with_logits)
def test_gradients_sum_to_zero_in_every_state(case: tuple[Problem, Array]) -> None:
    """Each is a weight times p times a deviation x - E x, whose sum over actions has error 8 unit E|x - x_mode|."""
    problem, z = case
    values = problem.values(z)
    h, u, log_n = horizon(problem), unit(z), np.log(problem.actions)
    weight = np.abs(np.asarray(values.visitation))
    total = et.policy_gradient(problem, z).sum(-1)
    assert (np.abs(total) <= 8 * u * h * weight * np.ptp(values.q, axis=-1)).all()
    # The deviations are those of log p, E|d| <= H, and of the entropy ahead, at most h log n.
    total = et.mean_entropy_gradient(problem, z).sum(-1)
    assert (np.abs(total) <= 8 * u * weight * (1 + h) * log_n).all()


@given(st.data(), problems_with_logits)
def test_gradients_are_derivatives_along_every_line(data: st.DataObject, case: tuple[Problem, Array]) -> None:
    """Against a derivative that knows no formula for it, the complex step.

    Along a direction of size x, p moves by 2 x p, so that the derivative of v solves the system with a right
    side of size 2 x h R and is at most 2 x h**2 R. The factors of the elimination move too, by their growth
    2**S and h: the imaginary part has relative error 16 `error` 2**S. The mean entropy has L + 1 for R, since
    p d(log p) of size 2 x cancels only in the sum, and h**2 (1 - discount) = h.
    """
    problem, z = case
    direction = data.draw(directions(z))
    h, most = horizon(problem), float(np.abs(direction).max())
    relative = 16 * 2**problem.states * error(problem, z)
    slope = et.directional_derivative(problem.objective, z, direction)
    along = (et.policy_gradient(problem, z) * direction).sum()
    assert abs(slope - along) <= relative * 2 * most * h**2 * size(problem)
    slope = et.directional_derivative(lambda x: et.mean_entropy(problem, x), z, direction)
    along = (et.mean_entropy_gradient(problem, z) * direction).sum()
    assert abs(slope - along) <= relative * 2 * most * h * (1 + np.log(problem.actions))


@given(st.one_of(bandits_with_logits(), mdps_with_logits(discount=(0.0, 0.9))))
def test_a_small_gradient_step_improves(case: tuple[Problem, Array]) -> None:
    """J has a Lipschitz gradient of constant 8 h**3 (range of rewards and zero) (Mei et al. 2020, Lemmas 2 and 7).

    So the step 1 / constant gains at least |g|**2 step / 2. An error x of g moves J by 2 h**2 R step x, and
    the promised gain, since sum |g| <= 2 h**2 R, by as much.
    """
    problem, z = case
    h, largest = horizon(problem), max(size(problem), 1.0)
    rate = 1 / (8 * h**3 * 2 * largest)
    gradient = et.policy_gradient(problem, z)
    new, rounded = step(problem, z, rate * gradient)
    e = error(problem, z) + error(problem, new)
    allowed = e * h * largest + 2 * h**2 * largest * 2 * rate * 8 * e * h**2 * largest + rounded
    gain = problem.objective(new) - problem.objective(z)
    assert gain >= rate / 2 * (gradient**2).sum() - allowed


@given(st.one_of(bandits_with_logits(), mdps_with_logits(discount=(0.0, 0.9))), st.floats(0, 4))
def test_every_natural_gradient_step_improves(case: tuple[Problem, Array], rate: float) -> None:
    """p' is p exp(rate A) normalised, so E_p' A >= E_p A = 0 in every state, at any rate; hence J does not fall.

    The advantage has error 4 `error` h R; moved by rate times that, the logits move J by 2 h**2 R as much.
    """
    problem, z = case
    h, largest = horizon(problem), size(problem)
    advantage = et.natural_policy_gradient(problem, z)
    new, rounded = step(problem, z, rate * advantage)
    e = error(problem, z) + error(problem, new)
    allowed = e * h * largest + 2 * h**2 * largest * rate * 4 * e * h * largest + rounded
    assert problem.objective(new) >= problem.objective(z) - allowed


@given(problems_with_logits)
def test_mean_entropy_weighs_the_entropies_by_visitation(case: tuple[Problem, Array]) -> None:
    problem, z = case
    mean, log_n = et.mean_entropy(problem, z), np.log(problem.actions)
    allowed = 3 * error(problem, z) * log_n
    assert abs(mean - (problem.values(z).visitation * et.entropy(z)).sum()) <= allowed
    assert -allowed <= mean <= log_n + allowed


@given(mdps(termination=False))
def test_the_uniform_policy_is_a_maximum_of_the_mean_entropy(mdp: et.MDP) -> None:
    z = np.zeros((mdp.states, mdp.actions))
    log_n, e = np.log(mdp.actions), error(mdp, z)
    assert abs(et.mean_entropy(mdp, z) - log_n) <= e * log_n
    assert np.abs(et.mean_entropy_gradient(mdp, z)).max() <= 10 * e * horizon(mdp) * log_n


# --- the same problem in another form -----------------------------------------------------------------------------


def everything(problem: Problem, z: Array) -> dict[str, Array]:
    values = problem.values(z)
    return {
        "objective": problem.objective(z),
        "v": values.v,
        "q": values.q,
        "advantage": values.advantage,
        "visitation": values.visitation,
        "policy_gradient": et.policy_gradient(problem, z),
        "mean_entropy": et.mean_entropy(problem, z),
        "mean_entropy_gradient": et.mean_entropy_gradient(problem, z),
    }


def assert_same(got: dict[str, Array], wanted: dict[str, Array], problem: Problem, relative: float) -> None:
    """The errors listed at the top, on both sides, for solutions of that relative error."""
    h, r, log_n = horizon(problem), size(problem), np.log(problem.actions)
    factors = {
        "objective": h * r,
        "v": h * r,
        "q": h * r,
        "advantage": 4 * h * r,
        "visitation": 1.0,
        "policy_gradient": 8 * h**2 * r,
        "mean_entropy": log_n,
        "mean_entropy_gradient": 10 * h * log_n,
    }
    for name, factor in factors.items():
        np.testing.assert_allclose(got[name], wanted[name], rtol=0, atol=2 * relative * factor, err_msg=name)


@given(st.data(), problems_with_logits)
def test_a_batch_of_policies_equals_a_loop(data: st.DataObject, case: tuple[Problem, Array]) -> None:
    problem, z = case
    zs = np.stack([z, z + data.draw(directions(z)), np.zeros_like(z)])
    together = everything(problem, zs)
    for i, each in enumerate(zs):
        alone = everything(problem, each)
        shapes = {name: np.shape(x) for name, x in alone.items()}
        # The rewards of a bandit are its q, whatever the policy.
        assert {name: x.shape for name, x in together.items()} == {k: (3, *s) for k, s in shapes.items()}
        assert_same({name: x[i] for name, x in together.items()}, alone, problem, error(problem, each))


@given(st.data(), st.integers(1, 4), st.integers(1, 3))
def test_a_batch_of_mdps_equals_a_loop(data: st.DataObject, states: int, actions: int) -> None:
    cases = data.draw(st.lists(mdps_with_logits(states, actions), min_size=1, max_size=3))
    names = ("transition", "reward", "discount", "initial", "termination")
    batch = et.MDP(*(np.stack([getattr(mdp, name) for mdp, _ in cases]) for name in names))
    together = everything(batch, np.stack([z for _, z in cases]))
    for i, (mdp, z) in enumerate(cases):
        assert_same({name: x[i] for name, x in together.items()}, everything(mdp, z), mdp, error(mdp, z))


@given(st.data(), mdps_with_logits())
def test_sparse_equals_dense(data: st.DataObject, case: tuple[et.MDP, Array]) -> None:
    """An iterative solution x has a residual of BACKWARD_ERROR (2 |x| + |b|), and |x| <= horizon |b|."""
    mdp, z = case
    table = sp.csr_matrix(mdp.transition.reshape(-1, mdp.states))
    sparse = et.MDP(table, mdp.reward, mdp.discount, mdp.initial, mdp.termination)
    relative = error(mdp, z) + horizon(mdp) * mdp.states * BACKWARD_ERROR * (2 * horizon(mdp) + 1)
    assert_same(everything(sparse, z), everything(mdp, z), mdp, relative)
    zs = np.stack([z, z + data.draw(directions(z))])
    relative = max(error(mdp, x) for x in zs) + horizon(mdp) * mdp.states * BACKWARD_ERROR * (2 * horizon(mdp) + 1)
    assert_same(everything(sparse, zs), everything(mdp, zs), mdp, relative)


@given(st.data(), mdps_with_logits())
def test_states_and_actions_have_no_order(data: st.DataObject, case: tuple[et.MDP, Array]) -> None:
    mdp, z = case
    s = data.draw(st.permutations(range(mdp.states)))
    a = data.draw(st.permutations(range(mdp.actions)))
    assume(s != sorted(s) or a != sorted(a))
    pairs = np.ix_(s, a)
    renamed = et.MDP(
        mdp.transition[np.ix_(s, a, s)], mdp.reward[pairs], mdp.discount, mdp.initial[s], mdp.termination[pairs]
    )
    wanted = everything(mdp, z)
    for name in ("v", "visitation"):
        wanted[name] = wanted[name][s]
    for name in ("q", "advantage", "policy_gradient", "mean_entropy_gradient"):
        wanted[name] = wanted[name][pairs]
    assert_same(everything(renamed, z[pairs]), wanted, mdp, error(mdp, z))


@given(st.data(), bandits_with_logits())
def test_the_actions_of_a_bandit_have_no_order(data: st.DataObject, case: tuple[et.Bandit, Array]) -> None:
    bandit, z = case
    a = data.draw(st.permutations(range(bandit.actions)))
    wanted = everything(bandit, z)
    for name in ("q", "advantage", "policy_gradient", "mean_entropy_gradient"):
        wanted[name] = wanted[name][a]
    assert_same(everything(et.Bandit(bandit.reward[a]), z[a]), wanted, bandit, error(bandit, z))

"""Batches of small MDPs in compiled passes, against NumPy's elimination and against rational numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory import fast, gradients
from entropy_theory.problems import mdp as module

pytest.importorskip("numba")

EPS = float(np.finfo(np.float64).eps)
NAMES = ("v", "q", "advantage", "visits", "visitation")


@pytest.fixture(autouse=True)
def kernels_at_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMPILED", 1)


def processes(batch: tuple[int, ...], states: int, actions: int, discount: Any, *, ends: bool = False) -> et.MDP:
    """Random processes, of which some successors have probability zero."""
    rng = np.random.default_rng(states * 100 + actions)
    transition = rng.random((*batch, states, actions, states)) ** 4
    transition *= rng.random(transition.shape) < 0.7
    transition[..., 0] += 1e-3
    transition /= transition.sum(-1, keepdims=True)
    termination = None
    if ends:
        termination = rng.random((*batch, states, actions)) / 4
        transition *= (1 - termination)[..., None]
    reward = rng.standard_normal((*batch, states, actions))
    initial = rng.dirichlet(np.ones(states), size=batch)
    return et.MDP(transition, reward, discount, initial, termination)


def parts(result: et.Evaluation) -> dict[str, Any]:
    own = ("objective", "mean_entropy", "policy_gradient", "mean_entropy_gradient")
    return {n: getattr(result, n) for n in own} | {n: getattr(result.values, n) for n in NAMES}


def by_kernels(problem: et.MDP, z: Any) -> et.Evaluation:
    """The evaluation, which is seen to come from the kernels."""
    assert problem.fits_kernels(problem.check_logits(z))
    return et.evaluate(problem, z)


def agree(problem: et.MDP, z: Any) -> None:
    """Both ways have backward errors of a few units, and I - discount P has a condition below 2 / (1 - discount)."""
    found = by_kernels(problem, z)
    with fast.disabled():
        expected = parts(et.evaluate(problem, z))
    units = 40 * problem.states * EPS * 2 / (1 - np.max(problem.discount))
    sizes = {"v", "q", "advantage", "objective", "policy_gradient"}
    horizon = float(1 / (1 - np.max(problem.discount)))
    for name, value in parts(found).items():
        assert value.shape == expected[name].shape
        assert value.dtype == np.float64
        # Rewards add up over the horizon before anything cancels; so do entropies and visits.
        scale = horizon * (np.abs(problem.reward).max() if name in sizes else max(1.0, np.log(problem.actions)))
        limit = units * scale * (horizon if name == "policy_gradient" else 1)
        assert np.abs(value - expected[name]).max() <= limit, name
    residual = found.values.residual
    assert residual.shape == found.objective.shape
    assert (residual <= 8 * problem.states * EPS).all()


LOGITS: dict[str, Any] = {
    "random": lambda rng, shape: rng.standard_normal(shape),
    "uniform": lambda rng, shape: np.zeros(shape),
    "tied modes": lambda rng, shape: np.round(rng.standard_normal(shape)),
    "nearly deterministic": lambda rng, shape: 50 * rng.standard_normal(shape),
    "deterministic": lambda rng, shape: 1e5 * rng.standard_normal(shape),
    "shifted": lambda rng, shape: 1e6 + rng.standard_normal(shape),
    "nearly uniform": lambda rng, shape: 1e-12 * rng.standard_normal(shape),
}


@pytest.mark.parametrize("kind", LOGITS)
@pytest.mark.parametrize(("states", "actions"), [(1, 1), (1, 3), (2, 2), (3, 5), (8, 4), (10, 4), (17, 2), (24, 3)])
def test_both_ways_agree(kind: str, states: int, actions: int) -> None:
    z = LOGITS[kind](np.random.default_rng(1), (131, states, actions))
    agree(processes((131,), states, actions, 0.9), z)


@pytest.mark.parametrize("discount", [0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("ends", [False, True])
def test_discounts_and_ends_of_episodes(discount: float, ends: bool) -> None:
    agree(processes((70,), 6, 3, discount, ends=ends), np.random.default_rng(2).standard_normal((70, 6, 3)))


def test_tables_and_logits_broadcast() -> None:
    full = processes((3, 40), 5, 2, 0.8)
    rng = np.random.default_rng(3)
    shared = et.MDP(full.transition, full.reward[0, 0], rng.uniform(0.1, 0.9, 40), full.initial[1, 1])
    agree(shared, rng.standard_normal((5, 2)))
    agree(shared, rng.standard_normal((3, 1, 5, 2)))
    agree(et.MDP(np.asfortranarray(full.transition), full.reward, 0.8, full.initial), rng.standard_normal((40, 5, 2)))


def test_against_rational_numbers() -> None:
    """Logits of zero give rational policies, so that objective and visits are exact."""
    transition = np.array([[[0.5, 0.5], [0.25, 0.75]], [[0.0, 1.0], [0.125, 0.875]]])
    reward = np.array([[1.0, 0.0], [-0.5, 2.0]])
    initial = np.array([0.75, 0.25])
    many = et.MDP(np.stack([transition] * 3), np.stack([reward] * 3), 0.5, np.stack([initial] * 3))
    found = by_kernels(many, np.zeros((3, 2, 2)))
    half = Fraction(1, 2)
    p = [[sum(half * Fraction(float(transition[s, a, t])) for a in range(2)) for t in range(2)] for s in range(2)]
    pay = [sum(half * Fraction(float(reward[s, a])) for a in range(2)) for s in range(2)]
    a, b, c, d = 1 - half * p[0][0], -half * p[0][1], -half * p[1][0], 1 - half * p[1][1]
    determinant = a * d - b * c
    v = [(d * pay[0] - b * pay[1]) / determinant, (a * pay[1] - c * pay[0]) / determinant]
    w = [
        (d * Fraction(3, 4) - c * Fraction(1, 4)) / determinant,
        (a * Fraction(1, 4) - b * Fraction(3, 4)) / determinant,
    ]
    # A few roundings in systems of condition below four.
    np.testing.assert_allclose(found.values.v, [[float(x) for x in v]] * 3, rtol=32 * EPS)
    np.testing.assert_allclose(found.values.visits, [[float(x) for x in w]] * 3, rtol=32 * EPS)
    np.testing.assert_allclose(found.objective, float(Fraction(3, 4) * v[0] + Fraction(1, 4) * v[1]), rtol=32 * EPS)
    np.testing.assert_allclose(found.mean_entropy, np.log(2), rtol=32 * EPS)


def test_gradients_against_complex_steps() -> None:
    """Derivatives of objective and mean entropy along each logit, which know no gradient theorem."""
    problem = processes((4,), 3, 3, 0.7)
    z = np.random.default_rng(5).standard_normal((4, 3, 3))
    found = by_kernels(problem, z)
    for i in range(4):
        one = table_of(problem, i)
        for s in range(3):
            for a in range(3):
                step = 1e-200j * (np.arange(9).reshape(3, 3) == 3 * s + a)
                expected = et.MDP(*one).objective(z[i] + step).imag / 1e-200
                slope = et.mean_entropy(et.MDP(*one), z[i] + step).imag / 1e-200
                assert abs(found.policy_gradient[i, s, a] - expected) < 1e3 * EPS
                assert abs(found.mean_entropy_gradient[i, s, a] - slope) < 1e3 * EPS


def table_of(problem: et.MDP, i: int) -> tuple[Any, ...]:
    return problem.transition[i], problem.reward[i], float(problem.discount), problem.initial[i]


def test_a_problem_does_not_see_the_others() -> None:
    problem = processes((200,), 7, 3, 0.9)
    z = np.random.default_rng(6).standard_normal((200, 7, 3))
    whole = parts(by_kernels(problem, z))
    part = et.MDP(problem.transition[60:70], problem.reward[60:70], 0.9, problem.initial[60:70])
    for name, value in parts(by_kernels(part, z[60:70])).items():
        assert value.tobytes() == whole[name][60:70].tobytes(), name


def test_the_residual_is_that_of_what_was_handed_out() -> None:
    problem, z = processes((5,), 3, 2, 0.9), np.zeros((5, 3, 2))
    values = by_kernels(problem, z).values
    values.v[:] = 7.0
    z += np.arange(2)
    assert (values.residual < 24 * EPS).all()


def test_one_compilation_serves_tables_that_may_be_written_to_and_others() -> None:
    from entropy_theory.fast import mdps

    problem = processes((5,), 3, 2, 0.9)
    z = np.zeros((5, 3, 2))
    by_kernels(problem, z)
    before = len(mdps._evaluate.signatures)
    z.flags.writeable = False
    by_kernels(problem, z)
    by_kernels(et.MDP(problem.transition, problem.reward[0], 0.9, problem.initial[0]), z[0])
    assert len(mdps._evaluate.signatures) == before == 1


def test_what_the_kernels_do_not_serve() -> None:
    wide, small = processes((3,), 25, 2, 0.9), processes((3,), 4, 2, 0.9)
    assert not wide.fits_kernels(np.zeros((3, 25, 2)))
    assert not small.fits_kernels(np.zeros((3, 4, 2)) + 0j)
    assert not small.fits_kernels(np.zeros((2, 3, 4, 2)))  # one table for several policies
    with fast.disabled():
        assert not small.fits_kernels(np.zeros((3, 4, 2)))


def test_a_system_that_is_singular_in_floats_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = et.MDP(np.ones((2, 1, 1, 1)), np.ones((2, 1, 1)), 0.5, np.ones((2, 1)))
    problem.discount = np.asarray(1.0)
    with pytest.raises(ArithmeticError, match="singular in floats, expected a discount farther from one"):
        gradients._evaluate_many(problem, np.zeros((2, 1, 1)))

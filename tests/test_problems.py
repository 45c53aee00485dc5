"""Bandits and Markov decision processes against processes solved by hand, enumeration, and many digits.

The tolerances are derived in ``tests.oracles.rounding`` and ``tests.oracles.decision.allowed``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from quantecon.markov import DiscreteDP, MarkovChain

import entropy_theory as et
from entropy_theory import fast
from entropy_theory.problems import elimination
from entropy_theory.problems import mdp as module
from entropy_theory.problems.sparse_systems import SparseSystem
from tests.oracles import decision, policies, rounding, textbook, trajectories
from tests.oracles.decision import Process
from tests.oracles.numbers import assert_encloses, assert_within, to_arb

PRECISION = 200
"""Bits of the ball arithmetic."""
LOST = 2.0**-140
"""Radii are held against units of 2**-140: the balls may grow by 60 bits, far from the 53 bits of a double."""
FIELDS = [f.name for f in dataclasses.fields(decision.Exact)]


def dense(process: Process) -> Any:
    transition, reward, discount, initial, termination = process.arrays()
    return et.MDP(transition, reward, discount, initial, termination=termination)


def sparse(process: Process, kind: Callable[..., Any] = sp.csr_matrix) -> Any:
    transition, reward, discount, initial, termination = process.arrays()
    rows = kind(transition.reshape(-1, process.states))
    return et.MDP(rows, reward, discount, initial, termination=termination)


def stacked(*processes: Process) -> Any:
    parts = [np.stack(x) for x in zip(*[p.arrays() for p in processes], strict=True)]
    return et.MDP(parts[0], parts[1], parts[2], parts[3], termination=parts[4])


def balls(process: Process) -> Any:
    """The entries are multiples of 1/64 and 1/16, or have an exact quotient as centre."""

    def ball(x: Any) -> Any:
        source: Any = np.array(x, dtype=object)
        out = np.empty(source.shape, dtype=object)
        for index in np.ndindex(*source.shape):
            fraction = Fraction(source[index])
            out[index] = flint.arb(flint.fmpq(fraction.numerator, fraction.denominator))
        return out

    return et.MDP(
        ball(process.transition),
        ball(process.reward),
        ball(process.discount)[()],
        ball(process.initial),
        termination=ball(process.termination),
    )


def everything(problem: Any, z: Any) -> dict[str, Any]:
    """All that the package computes for a problem."""
    values = problem.values(z)
    return {
        "objective": problem.objective(z),
        "v": values.v,
        "q": values.q,
        "advantage": values.advantage,
        "visitation": values.visitation,
        "policy_gradient": et.policy_gradient(problem, z),
        "natural": et.natural_policy_gradient(problem, z),
        "mean_entropy": et.mean_entropy(problem, z),
        "mean_entropy_gradient": et.mean_entropy_gradient(problem, z),
    }


def check(problem: Any, z: Any, process: Process, exact: decision.Exact, what: str) -> None:
    got = everything(problem, z)
    limit = decision.allowed(process, z)
    for name in FIELDS:
        assert_within(got[name], getattr(exact, name), getattr(limit, name), f"{what} {name}")
    assert_within(got["natural"], exact.advantage, limit.advantage, f"{what} natural")


# --- solved by hand --------------------------------------------------------------------------------------------------


def exact_puterman(discount: Fraction, z: Any) -> dict[str, Any]:
    """The closed form of ``textbook``, at x = 1 / (1 + exp(z12 - z11)); the second state has no choice that matters."""
    a, b = (mpmath.mpf(float(x)) for x in z[0])
    c, d = (mpmath.mpf(float(x)) for x in z[1])
    x, y = 1 / (1 + mpmath.exp(b - a)), 1 / (1 + mpmath.exp(d - c))
    g = decision.field(discount)
    v1, v2, visit, slope = textbook.puterman_values(g, x)
    step = x * (1 - x)
    h = [-(t * mpmath.log(t) + (1 - t) * mpmath.log(1 - t)) for t in (x, y)]
    # d visit / dx = visit * (g / 2) / (1 - g x / 2); d h / dx = log((1 - x) / x)
    turn = visit * (g / 2) / (1 - g * x / 2) * (h[0] - h[1]) + visit * mpmath.log((1 - x) / x)
    other = (1 - visit) * mpmath.log((1 - y) / y) * y * (1 - y)
    return {
        "objective": v1,
        "v": [v1, v2],
        "visitation": [visit, 1 - visit],
        "policy_gradient": [[slope * step, -slope * step], [0, 0]],
        "mean_entropy": visit * h[0] + (1 - visit) * h[1],
        "mean_entropy_gradient": [[turn * step, -turn * step], [other, -other]],
    }


PUTERMAN_LOGITS = np.array([[[0.0, 0.0], [0.0, 0.0]], [[1.5, -0.5], [0.25, 1.0]], [[-3.0, 4.0], [2.0, 2.0]]])


@pytest.mark.parametrize("discount", [Fraction(15, 16), Fraction(1, 2), Fraction(0)])
def test_puterman(discount: Fraction) -> None:
    """The same closed form through four formulations."""
    process = textbook.puterman(discount)
    together = stacked(*[process] * len(PUTERMAN_LOGITS))
    with mpmath.workdps(100), flint.ctx.workprec(PRECISION):
        batch = everything(together, PUTERMAN_LOGITS)
        shared = everything(dense(process), PUTERMAN_LOGITS)
        for k, z in enumerate(PUTERMAN_LOGITS):
            exact = exact_puterman(discount, z)
            limit = decision.allowed(process, z)
            for name, value in exact.items():
                wanted, most = np.array(value, dtype=object), getattr(limit, name)
                for what, problem in (("dense", dense(process)), ("sparse", sparse(process))):
                    assert_within(everything(problem, z)[name], wanted, most, f"{what} {name}")
                assert_within(batch[name][k], wanted, most, f"batched {name}")
                assert_within(shared[name][k], wanted, most, f"batch of logits, {name}")
                enclosure = everything(balls(process), to_arb(z))[name]
                assert_encloses(enclosure, wanted, most * LOST / rounding.EPS, 80, f"balls {name}")


def test_puterman_numbers_in_the_book() -> None:
    """With discount 0.95: v2 = -20, v1 = -60/7 with the first action and -9 with the second.

    exp(-1e4) underflows, so the policies are deterministic in double precision.
    """
    process = textbook.puterman(Fraction(19, 20))
    problem = dense(process)
    limit = decision.allowed(process, np.zeros((2, 2))).v
    for z, v1 in (([[1e4, 0.0], [0.0, 0.0]], -60 / 7), ([[0.0, 1e4], [0.0, 0.0]], -9.0)):
        np.testing.assert_allclose(problem.values(np.array(z)).v, [v1, -20.0], rtol=0, atol=limit)


@pytest.mark.parametrize("size", [2, 5, 9])
def test_gamblers_ruin(size: int) -> None:
    discount = Fraction(15, 16)
    process = textbook.ruin(size, discount)
    logits = np.array([[[0.5, -0.25]], [[0.0, 0.0]], [[-2.0, 1.0]]]) + np.zeros((3, size - 1, 2))
    together = stacked(*[process] * 3)
    with mpmath.workdps(100), flint.ctx.workprec(PRECISION):
        batch = together.values(logits).v
        for k, z in enumerate(logits):
            x = 1 / (1 + mpmath.exp(mpmath.mpf(z[0, 1]) - mpmath.mpf(z[0, 0])))
            v = np.array(textbook.ruin_values(size, decision.field(discount), x), dtype=object)
            limit = decision.allowed(process, z)
            kinds = [sparse(process, kind) for kind in (sp.csr_matrix, sp.csc_array, sp.coo_array)]
            for problem in (dense(process), *kinds):
                assert_within(problem.values(z).v, v, limit.v, "v")
                assert_within(problem.objective(z), v.mean(), limit.objective, "objective")
            assert_within(batch[k], v, limit.v, "batched v")
            enclosure = balls(process)
            radius = limit.v * LOST / rounding.EPS
            assert_encloses(enclosure.values(to_arb(z)).v, v, radius, 80, "balls v")
            assert_encloses(enclosure.objective(to_arb(z)), v.mean(), radius, 80, "balls objective")


# --- every trajectory ------------------------------------------------------------------------------------------------

POLICY = [[p, 1 - p] for p in (Fraction(1, 3), Fraction(1, 4), Fraction(1, 2), Fraction(1, 8))]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_trajectory_of_an_acyclic_process(seed: int) -> None:
    """All episodes end within four steps, so the sums over trajectories are the exact rational answers.

    The logits are logarithms of rational weights, rounded to double precision: a relative error of half a unit in a
    probability, four more of which are in the tolerance of every probability.
    """
    process = decision.random_process(seed, 4, 2, Fraction(3, 4), acyclic=True)
    with mpmath.workdps(100), flint.ctx.workprec(PRECISION):
        sums = trajectories.enumerate_all(process, POLICY, 5)
        assert sums.cut == 0
        weights = np.array([[float(np.log(float(p))) for p in row] for row in POLICY])
        exact_logits = np.empty((4, 2), dtype=object)
        for index in np.ndindex(4, 2):
            p = POLICY[index[0]][index[1]]
            exact_logits[index] = flint.arb(flint.fmpq(p.numerator, p.denominator)).log()
        limit = decision.allowed(process, weights)
        got = [everything(p, weights) for p in (dense(process), sparse(process))]
        enclosure = everything(balls(process), exact_logits)

        def number(x: Any) -> Any:
            return np.vectorize(lambda f: decision.field(f) if isinstance(f, Fraction) else f, otypes=[object])(
                np.array(x, dtype=object)
            )

        for name, value in (
            ("objective", sums.objective),
            ("visitation", sums.visitation),
            ("policy_gradient", sums.objective_gradient),
            ("mean_entropy", sums.mean_entropy),
            ("mean_entropy_gradient", sums.mean_entropy_gradient),
        ):
            for answers in got:
                assert_within(answers[name], number(value), getattr(limit, name), name)
            assert_encloses(enclosure[name], number(value), getattr(limit, name) * LOST / rounding.EPS, 80, name)


def test_every_trajectory_up_to_a_horizon() -> None:
    """A process with cycles, cut after five steps: the rest is at most discount^5 R / (1 - discount) in value.

    The mass that was cut contributes between 0 and discount^5 to the visitation.
    """
    process = decision.random_process(5, 2, 2, Fraction(1, 8), terminating=True)
    policy = POLICY[:2]
    z = np.log(np.array(policy, dtype=float))
    sums = trajectories.enumerate_all(process, policy, 5)
    assert 0 < sums.cut < 1
    largest = max(abs(x) for row in process.reward for x in row)
    tail = float(sums.cut * Fraction(1, 8) ** 5)
    values = dense(process).values(z)
    limit = decision.allowed(process, z)
    assert abs(dense(process).objective(z) - float(sums.objective)) <= tail * float(largest) * 8 / 7 + limit.objective
    rest = values.visitation - np.array(sums.visitation, dtype=float)
    assert np.all(rest >= -limit.visitation)
    assert np.all(rest <= tail + limit.visitation)


# --- many digits -------------------------------------------------------------------------------------------------

PROCESSES = {
    "two states": decision.random_process(10, 2, 3),
    "four states": decision.random_process(11, 4, 3, Fraction(31, 32)),
    "terminating": decision.random_process(12, 4, 2, Fraction(63, 64), terminating=True),
    "one state": decision.random_process(13, 1, 3, Fraction(1, 2)),
    "one action": decision.random_process(14, 3, 1, Fraction(3, 4), terminating=True),
    "no discount": decision.random_process(15, 3, 2, Fraction(0)),
}


def logits_for(process: Process, seed: int = 0, scale: float = 2.0) -> Any:
    return np.random.default_rng(seed).normal(0, scale, (process.states, process.actions))


@pytest.mark.parametrize("name", PROCESSES)
def test_random_processes(name: str) -> None:
    """Dense, sparse and batched formulations against elimination and dual numbers with 100 digits."""
    process = PROCESSES[name]
    z = logits_for(process)
    exact = decision.exactly(process, z)
    check(dense(process), z, process, exact, "dense")
    check(sparse(process), z, process, exact, "sparse")
    batch = everything(stacked(process, process), np.stack([z, 2 * z]))
    limit = decision.allowed(process, 2 * z)
    for field, wanted in (("objective", exact.objective), ("policy_gradient", exact.policy_gradient)):
        assert_within(batch[field][0], wanted, getattr(limit, field), field)


def test_nearly_deterministic_process_in_closed_form() -> None:
    """One state, two actions of reward 0 and 1, z = (0, -700): a bandit, q = exp(-700), p = (1 - q, q).

    J = q h with h = 1 / (1 - discount); the gradient is q h in each entry up to sign, and the mean entropy 701 q,
    each to leading order in q.  All is relatively accurate: products of a few rounded factors.
    """
    q, h = np.exp(-700.0), 8.0
    problem = et.MDP(np.ones((1, 2, 1)), np.array([[0.0, 1.0]]), 0.875, np.ones(1))
    z = np.array([[0.0, -700.0]])
    some = 64 * rounding.EPS
    np.testing.assert_allclose(problem.objective(z), q * h, rtol=some, atol=0)
    np.testing.assert_allclose(et.policy_gradient(problem, z)[0, 1], q * h, rtol=some, atol=0)
    np.testing.assert_allclose(et.mean_entropy(problem, z), 701 * q, rtol=some, atol=0)
    np.testing.assert_allclose(et.mean_entropy_gradient(problem, z), [[-700 * q, 700 * q]], rtol=some, atol=0)


# --- every formula, every kind of number -----------------------------------------------------------------------------

Z = np.array([[0.25, -1.5, 0.75], [1.0, 0.125, -0.5]])
X = np.array([[0.5, -0.25, 1.0], [2.0, -1.0, 0.375]])
Y = np.array([[1.0, 0.75, -0.5], [0.125, 3.0, -2.0]])
REWARD = np.array([[1.0, -0.5, 2.0], [0.25, 0.75, -1.0]])
SMALL = decision.random_process(20, 2, 3, Fraction(7, 8), terminating=True)


@dataclasses.dataclass(frozen=True)
class Formula:
    """How the package is called on arguments of one kind, the exact value, and the error allowed in float64."""

    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    exact: Callable[[], Any]
    allowed: Callable[[], Any]


def bandit_values(z: Any) -> Any:
    """E_p reward, row by row."""
    return policies.exactly(policies.mean, z, REWARD)


def bandit_advantage() -> Any:
    with mpmath.workdps(policies.DIGITS):
        return REWARD - bandit_values(Z)[:, None]


def bandit_gradient() -> Any:
    with mpmath.workdps(policies.DIGITS):
        return policies.exactly(policies.softmax, Z) * bandit_advantage()


BANDIT_LIMIT = 4 * (3 + 8 + 3) * rounding.EPS * 4
"""Sums of three products of numbers below 2, with ``unit`` of the logits Z (spread below 3)."""


def formula(name: str, arguments: tuple[Any, ...], limit: Callable[[], Any]) -> Formula:
    return Formula(
        lambda kind, *a: getattr(et, name)(*a),
        arguments,
        lambda: policies.exactly(getattr(policies, name), *arguments),
        limit,
    )


def bandit(function: Callable[[Any, Any], Any], exact: Callable[[], Any]) -> Formula:
    def call(kind: str, z: Any) -> Any:
        return function(et.Bandit(to_arb(REWARD) if kind == "arb" else REWARD), z)

    return Formula(call, (Z,), exact, lambda: BANDIT_LIMIT)


def process(function: Callable[[Any, Any], Any], field: str) -> Formula:
    def call(kind: str, z: Any) -> Any:
        return function(balls(SMALL) if kind == "arb" else dense(SMALL), z)

    return Formula(
        call,
        (Z,),
        lambda: getattr(decision.exactly(SMALL, Z), field),
        lambda: getattr(decision.allowed(SMALL, Z), field),
    )


FORMULAS: dict[str, Formula] = {
    "softmax": formula("softmax", (Z,), lambda: rounding.softmax(Z)),
    "log_softmax": formula("log_softmax", (Z,), lambda: rounding.log_softmax(Z)),
    "entropy": formula("entropy", (Z,), lambda: rounding.entropy(Z)),
    "entropy_gradient": formula("entropy_gradient", (Z,), lambda: rounding.entropy_gradient(Z)),
    "varentropy": formula("varentropy", (Z,), lambda: rounding.varentropy(Z)),
    "covariance": formula("covariance", (Z, X, Y), lambda: rounding.covariance(Z, X, Y)),
    "kl": formula("kl", (Z, X), lambda: rounding.kl(Z, X, policies.exactly(policies.kl, Z, X))),
    "fisher_norm": formula(
        "fisher_norm",
        (Z, X),
        lambda: rounding.fisher_norm(Z, X, policies.exactly(policies.fisher_norm, Z, X)),
    ),
    "first_order_entropy_change": formula("first_order_entropy_change", (Z, X), lambda: rounding.covariance(Z, Z, X)),
    "entropy_change": formula("entropy_change", (Z, X), lambda: rounding.entropy_change(Z, X)),
    "token_covariance": formula("token_covariance", (Z, X), lambda: rounding.token_covariance(Z, X)),
    "bandit objective": bandit(lambda b, z: b.objective(z), lambda: bandit_values(Z)),
    "bandit v": bandit(lambda b, z: b.values(z).v, lambda: bandit_values(Z)),
    "bandit q": bandit(lambda b, z: b.values(z).q, lambda: REWARD.astype(object)),
    "bandit advantage": bandit(lambda b, z: b.values(z).advantage, bandit_advantage),
    "bandit visitation": bandit(lambda b, z: b.values(z).visitation, lambda: np.ones(2).astype(object)),
    "bandit policy_gradient": bandit(et.policy_gradient, bandit_gradient),
    "bandit natural_policy_gradient": bandit(et.natural_policy_gradient, bandit_advantage),
    "bandit mean_entropy": bandit(et.mean_entropy, lambda: policies.exactly(policies.entropy, Z)),
    "bandit mean_entropy_gradient": bandit(
        et.mean_entropy_gradient, lambda: policies.exactly(policies.entropy_gradient, Z)
    ),
    "MDP objective": process(lambda m, z: m.objective(z), "objective"),
    "MDP v": process(lambda m, z: m.values(z).v, "v"),
    "MDP q": process(lambda m, z: m.values(z).q, "q"),
    "MDP advantage": process(lambda m, z: m.values(z).advantage, "advantage"),
    "MDP visitation": process(lambda m, z: m.values(z).visitation, "visitation"),
    "MDP policy_gradient": process(et.policy_gradient, "policy_gradient"),
    "MDP natural_policy_gradient": process(et.natural_policy_gradient, "advantage"),
    "MDP mean_entropy": process(et.mean_entropy, "mean_entropy"),
    "MDP mean_entropy_gradient": process(et.mean_entropy_gradient, "mean_entropy_gradient"),
}


@pytest.mark.parametrize("kind", ["float64", "complex128", "arb"])
@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula(name: str, kind: str) -> None:
    """Floating point is within its bound, a ball holds the exact value, and complex arguments with no imaginary part
    give the real answer.
    """
    this = FORMULAS[name]
    exact, limit = this.exact(), this.allowed()
    if kind == "arb":
        with flint.ctx.workprec(PRECISION):
            got = this.call(kind, *[to_arb(x) for x in this.arguments])
            assert_encloses(got, exact, limit * LOST / rounding.EPS, 80, name)
        return
    got = np.asarray(this.call(kind, *[x.astype(kind) for x in this.arguments]))
    if kind == "complex128":
        assert np.all(got.imag == 0)
        got = np.asarray(got.real)
    assert_within(got, exact, limit, name)


# --- shapes -----------------------------------------------------------------------------------------------------------


def test_shapes_of_a_bandit() -> None:
    """Reward and logits broadcast; the answers have the broadcast shape."""
    z = np.zeros((5, 1, 3))
    problem = et.Bandit(np.arange(12.0).reshape(4, 3))
    got = everything(problem, z)
    for name in ("objective", "v", "visitation", "mean_entropy"):
        assert got[name].shape == (5, 4), name
    for name in ("q", "advantage", "policy_gradient", "natural", "mean_entropy_gradient"):
        assert got[name].shape == (5, 4, 3), name
    np.testing.assert_allclose(got["v"], np.broadcast_to([1.0, 4.0, 7.0, 10.0], (5, 4)), rtol=8 * rounding.EPS)


def test_thousands_of_processes_in_one_call() -> None:
    """2000 processes, each with its discount, agree with one call per process (both within the bound)."""
    few = [decision.random_process(k, 4, 3, Fraction(k, 16), terminating=k % 2 == 0) for k in range(1, 15)]
    many = [few[k % 14] for k in range(2000)]
    problem = stacked(*many)
    z = np.random.default_rng(3).normal(size=(2000, 4, 3))
    got = everything(problem, z)
    assert got["objective"].shape == (2000,)
    assert got["policy_gradient"].shape == (2000, 4, 3)
    for k in range(0, 2000, 133):
        alone = everything(dense(many[k]), z[k])
        limit = decision.allowed(many[k], z[k])
        for name in FIELDS:
            assert np.all(np.abs(got[name][k] - alone[name]) <= 2 * getattr(limit, name)), name


def test_batch_axes_broadcast() -> None:
    """Logits (5, 1, S, A) with processes (3, ...), and one process with discounts (3,)."""
    process = PROCESSES["four states"]
    transition, reward, _, initial, _ = process.arrays()
    discount = np.array([0.0, 0.5, 0.875])
    problem = et.MDP(transition, reward, discount, initial)
    z = np.random.default_rng(4).normal(size=(5, 1, 4, 3))
    got = everything(problem, z)
    for i in range(5):
        for j in range(3):
            alone = dataclasses.replace(process, discount=Fraction(float(discount[j])))
            exact = decision.exactly(alone, z[i, 0], digits=40)
            limit = decision.allowed(alone, z[i, 0])
            for name in FIELDS:
                assert_within(np.asarray(got[name][i, j]), getattr(exact, name), getattr(limit, name), name)


def test_attributes() -> None:
    process = PROCESSES["terminating"]
    transition, reward, discount, initial, termination = process.arrays()
    problem = dense(process)
    assert (problem.states, problem.actions) == (4, 2)
    for got, wanted in (
        (problem.transition, transition),
        (problem.reward, reward),
        (problem.discount, discount),
        (problem.initial, initial),
        (problem.termination, termination),
    ):
        np.testing.assert_array_equal(np.asarray(got), wanted)
    thin = sparse(process)
    assert (thin.states, thin.actions) == (4, 2)
    assert sp.issparse(thin.transition)
    np.testing.assert_array_equal(thin.transition.toarray(), transition.reshape(8, 4))
    assert np.all(np.asarray(dense(PROCESSES["two states"]).termination) == 0)


def test_what_a_process_says_of_itself() -> None:
    process = PROCESSES["four states"]
    assert repr(dense(process)) == "MDP(4 states, 3 actions, dense)"
    assert repr(sparse(process)) == "MDP(4 states, 3 actions, sparse)"
    assert repr(stacked(process, process)) == "MDP(4 states, 3 actions, dense, batch (2,))"
    discounts = et.MDP(np.ones((1, 2, 1)), np.ones((1, 2)), [0.0, 0.5, 0.75, 0.9375], [1.0])
    np.testing.assert_array_equal(discounts.effective_horizon, [1, 2, 4, 16])


@pytest.mark.parametrize("batch", [(), (1,), (3,), (2, 3)])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_rewards_of_states(kind: str, batch: tuple[int, ...]) -> None:
    """One state leads to the next, the last to itself: at discount 1/2 the sums are geometric, and exact in floats."""
    moves = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 1]], dtype=float)[:, None]
    table = sp.csr_matrix(moves[:, 0]) if kind == "sparse" else moves
    problem = et.MDP(table, np.zeros((3, 1)), 0.5, [0.5, 0.25, 0.25])
    u = np.random.default_rng(1).integers(-64, 65, (*batch, 3)).astype(float)
    z = np.zeros((*batch, 3, 1))
    last = 2 * u[..., 2]
    wanted = np.stack([u[..., 0] + u[..., 1] / 2 + last / 4, u[..., 1] + last / 2, last], axis=-1)
    np.testing.assert_array_equal(problem.state_values(z, u), wanted)
    total = (wanted * [0.5, 0.25, 0.25]).sum(-1)
    np.testing.assert_array_equal(problem.expected_total(z, u), total)
    following = np.stack([u[..., 1], u[..., 2], u[..., 2]], axis=-1)[..., None]
    np.testing.assert_array_equal(problem.expected_next(u), following)
    if batch:
        one = (wanted[..., :1] * 0 + problem.state_values(z, [1.0, 0.0, 0.0])).reshape(-1, 3)
        np.testing.assert_array_equal(one, np.tile([1.0, 0.0, 0.0], (len(one), 1)))


@pytest.mark.parametrize("batch", [(1,), (3,), (2, 3)])
def test_batches_of_policies_beside_a_sparse_table(batch: tuple[int, ...]) -> None:
    """As one by one, to the bit."""
    problem = sparse(PROCESSES["terminating"])
    z = np.random.default_rng(8).normal(size=(*batch, 4, 2))
    together = everything(problem, z)
    for i in np.ndindex(batch):
        for name, alone in everything(problem, z[i]).items():
            assert together[name].shape == (*batch, *alone.shape), name
            np.testing.assert_array_equal(together[name][i], alone, err_msg=name)


def test_how_many_systems_share_a_factorisation(monkeypatch: Any) -> None:
    """One for a sum of rewards, two for values with visits, three with the entropies as well."""
    told = []

    def noted(*arguments: Any) -> SparseSystem:
        told.append(arguments[-1])
        return SparseSystem(*arguments)

    monkeypatch.setattr(module, "SparseSystem", noted)
    problem = sparse(PROCESSES["terminating"])
    z = np.zeros((4, 2))
    calls: list[tuple[Callable[..., Any], int]] = [
        (problem.objective, 1),
        (problem.values, 2),
        (lambda z: problem.state_values(z, np.ones(4)), 1),
        (lambda z: et.evaluate(problem, z), 3),
    ]
    for call, count in calls:
        told.clear()
        call(z)
        assert told == [count]


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
def test_the_residual_of_values_found_elsewhere(batch: tuple[int, ...]) -> None:
    """The first state pays 1 and stays, the second leads to it: v = (2, 1), and from (1/2, 1/2) the visits (3/2, 1/2).

    With both values too large by 1 both equations are off by 1/2: ``|b - A v| / (2 |v| + |b|) = (1/2) / (2 * 3 + 1)``.
    With both visits too large by 1 the equations are off by (0, 1): in the sum norm ``1 / (2 * 4 + 1)``.
    """
    transition = np.zeros((*batch, 2, 2, 2))
    transition[..., 0] = 1.0
    problem = et.MDP(transition, [[1.0, 1.0], [0.0, 0.0]], 0.5, [0.5, 0.5])
    z = np.zeros((*batch, 2, 2))
    v, visits = (np.broadcast_to(x, (*batch, 2)).copy() for x in ([2.0, 1.0], [1.5, 0.5]))
    for found, visited, wanted in ((v, visits, 0.0), (v + 1, visits, 1 / 14), (v, visits + 1, 1 / 9)):
        residual = problem.residual_of(z, found, visited)
        assert residual.shape == batch
        np.testing.assert_allclose(residual, np.full(batch, wanted), rtol=4 * rounding.EPS, atol=0)
    if batch:
        v[(0,) * len(batch)] += 1.0
        visits[(-1,) * len(batch)] += 1.0
        expected = np.zeros(batch)
        expected[(0,) * len(batch)], expected[(-1,) * len(batch)] = 1 / 14, 1 / 9
        np.testing.assert_allclose(problem.residual_of(z, v, visits), expected, rtol=4 * rounding.EPS, atol=0)


def even(states: int, actions: int, batch: tuple[int, ...] = (), **changes: Any) -> et.MDP:
    """A process that goes anywhere."""
    transition = np.full((*batch, states, actions, states), 1 / states)
    reward, initial = np.ones((states, actions)), np.full(states, 1 / states)
    given = {"transition": transition, "reward": reward, "discount": 0.5, "initial": initial} | changes
    return et.MDP(**given)


@pytest.mark.parametrize("batch", [(3,), (2, 3)])
@pytest.mark.parametrize("name", ["transition", "reward", "discount", "initial", "termination"])
def test_any_one_argument_may_be_a_batch(name: str, batch: tuple[int, ...]) -> None:
    """The batch is that of the process, and with another of the logits both are broadcast."""
    one = {
        "transition": np.full((2, 2, 2), 0.5),
        "reward": np.ones((2, 2)),
        "discount": np.asarray(0.5),
        "initial": np.full(2, 0.5),
        "termination": np.zeros((2, 2)),
    }[name]
    problem = even(2, 2, (), **{name: np.broadcast_to(one, (*batch, *one.shape))})
    assert problem.batch == batch
    z = np.zeros((2, 2))
    np.testing.assert_array_equal(problem.objective(z), np.full(batch, 2.0))
    assert problem.objective(np.zeros((5, *(1 for _ in batch), 2, 2))).shape == (5, *batch)
    assert et.policy_gradient(problem, z).shape == (*batch, 2, 2)


def test_what_goes_to_the_kernels(monkeypatch: Any) -> None:
    """Batches of small dense processes in floats, each with its own transition tensor, from a number of entries on."""
    monkeypatch.setattr(fast, "enabled", lambda: True)
    most, batch = elimination.SMALL, (3,)
    z = np.zeros((3, 4, 2))
    monkeypatch.setattr(module, "COMPILED", 3 * 4 * 2 * 4)
    assert even(4, 2, batch).fits_kernels(z)
    assert even(4, 2, batch).fits_kernels(z[0])
    assert even(4, 2, (3, 1)).fits_kernels(z[:, None])
    assert even(most, 2, batch).fits_kernels(np.zeros((most, 2)))
    assert not even(most + 1, 2, batch).fits_kernels(np.zeros((most + 1, 2)))
    assert not even(4, 2, (2,)).fits_kernels(z[:2]), "too few entries"
    assert not even(4, 2, batch).fits_kernels(z.astype(complex))
    assert not even(4, 2, batch, reward=np.ones((4, 2), complex)).fits_kernels(z)
    assert not even(4, 2, batch, discount=0.5 + 0j).fits_kernels(z)
    monkeypatch.setattr(module, "COMPILED", 1)
    assert not even(4, 2).fits_kernels(z), "one tensor for all"
    assert not even(4, 2, (1,)).fits_kernels(z), "one tensor for all"
    assert not even(4, 2, (3,)).fits_kernels(np.zeros((2, 1, 4, 2)))
    assert not even(4, 2, batch, transition=to_arb(np.full((3, 4, 2, 4), 0.25))).fits_kernels(z)
    rows = sp.csr_matrix(np.full((8, 4), 0.25))
    assert not even(4, 2, transition=rows).fits_kernels(z[0])
    monkeypatch.setattr(fast, "enabled", lambda: False)
    assert not even(4, 2, batch).fits_kernels(z)


@pytest.mark.parametrize(
    ("batch", "numbers", "small", "ends"),
    [
        (20, 7 * 18, 0, [7, 14, 20]),
        (20, 8 * 18 - 1, 0, [7, 14, 20]),
        (21, 7 * 18, 0, [7, 14, 21]),
        (8, 7 * 18, 0, [7, 8]),
        (7, 7 * 18, 0, [None]),
        (2, 1, 0, [1, 2]),
        (1, 1, 0, [None]),
        (300, 1, 3, [128, 256, 300]),
        (129, 1, 3, [128, 129]),
        (128, 1, 3, [None]),
        (129, 1, 2, [*range(1, 130)]),
    ],
)
def test_pieces_of_a_batch(batch: int, numbers: int, small: int, ends: list[int | None], monkeypatch: Any) -> None:
    """As many of three states and two actions as hold so many numbers, 18 each, but 128 where these are eliminated."""
    monkeypatch.setattr(module, "PIECE", numbers)
    monkeypatch.setattr(module, "SMALL", small)
    rng = np.random.default_rng(5)
    reward, z = rng.normal(size=(batch, 3, 2)), rng.normal(size=(batch, 3, 2))
    for problem, logits in (
        (even(3, 2, (batch,), reward=reward), z),
        (even(3, 2, reward=reward), z[0]),
        (even(3, 2), z),
        (even(3, 2, discount=np.full(batch, 0.5)), z[:1]),
        (even(3, 2, initial=np.full((batch, 3), 1 / 3)), z),
        (even(3, 2, termination=np.zeros((batch, 3, 2))), z),
    ):
        got = problem.pieces(logits)
        starts = [0, *ends[:-1]] if len(ends) > 1 else [None]
        assert [part for _, _, part in got] == [slice(i, j) for i, j in zip(starts, ends, strict=True)]
        for piece, own, part in got:
            size = len(range(batch)[part])
            assert np.broadcast_shapes(piece.batch, own.shape[:-2]) == (size,)
            assert piece.batch in ((), (1,), (size,))
            np.testing.assert_array_equal(
                np.broadcast_to(own, (size, 3, 2)), np.broadcast_to(logits, (batch, 3, 2))[part]
            )
            for name in ("transition", "reward", "discount", "initial", "termination"):
                whole, cut = getattr(problem, name), getattr(piece, name)
                tail = {"transition": 3, "reward": 2, "initial": 1, "termination": 2, "discount": 0}[name]
                shape = whole.shape[whole.ndim - tail :]
                all_of_it, wanted = (np.broadcast_to(x, (n, *shape)) for x, n in ((whole, batch), (cut, size)))
                np.testing.assert_array_equal(wanted, all_of_it[part], err_msg=name)


def test_what_is_left_in_one_piece(monkeypatch: Any) -> None:
    """Two axes of a batch, balls and sparse tables."""
    monkeypatch.setattr(module, "PIECE", 1)
    monkeypatch.setattr(module, "SMALL", 0)
    z = np.zeros((4, 3, 2))
    fractions = np.full((3, 2), Fraction(1), dtype=object)
    for problem, logits in (
        (even(3, 2, (2, 2)), z.reshape(2, 2, 3, 2)),
        (even(3, 2, (4,)), to_arb(z)),
        (even(3, 2, (4,), reward=fractions), z),
        (even(3, 2, transition=sp.csr_matrix(np.full((6, 3), 1 / 3))), z),
        (even(3, 2), z[0]),
    ):
        ((whole, own, part),) = problem.pieces(logits)
        assert whole is problem
        assert own is logits
        assert part == slice(None)


@pytest.mark.parametrize("name", ["two states", "terminating"])
def test_logits_in_floats_of_a_process_in_balls(name: str) -> None:
    """Their exponentials, rounded, would pass for exact numbers: the answers must hold the exact ones."""
    process = PROCESSES[name]
    z = logits_for(process)
    exact, limit = decision.exactly(process, z), decision.allowed(process, z)
    with mpmath.workdps(100), flint.ctx.workprec(PRECISION):
        got = everything(balls(process), z)
        for field in FIELDS:
            radius = getattr(limit, field) * LOST / rounding.EPS
            enclosure = np.vectorize(lambda x: et.Ball(x).arb, otypes=[object])(got[field])
            assert_encloses(enclosure, getattr(exact, field), radius, 80, field)


def test_balls_that_are_not_exact() -> None:
    """Rows of thirds sum to a ball around one: accepted, and the answers hold the rational ones.

    One state of reward 1 and two that lead to it with probability 1/3 each: v = h everywhere with reward 1.
    """
    with flint.ctx.workprec(PRECISION):
        third = flint.arb(1) / 3
        transition = np.full((3, 1, 3), third, dtype=object)
        reward = np.full((3, 1), flint.arb(1), dtype=object)
        initial = np.full(3, third, dtype=object)
        problem = et.MDP(transition, reward, flint.arb(7) / 8, initial)
        z = to_arb(np.zeros((3, 1)))
        assert_encloses(problem.values(z).v, np.array([mpmath.mpf(8)] * 3, dtype=object), 1e-40, 60)
        with mpmath.workdps(80):
            assert_encloses(problem.values(z).visitation, np.array([mpmath.mpf(1) / 3] * 3, dtype=object), 1e-40, 60)


@pytest.mark.parametrize("seed", [60, 61])
def test_fractions_are_exact(seed: int) -> None:
    """Equal logits are the uniform policy, so that all values of a rational process are rational: no tolerance."""
    process = decision.random_process(seed, 3, 3, Fraction(7, 9), terminating=True)
    uniform = [[Fraction(1, 3)] * 3] * 3
    exact = decision.evaluate(process, uniform, convert=lambda x: x)

    def array(x: Any) -> Any:
        return np.array(x, dtype=object)

    problem = et.MDP(
        array(process.transition),
        array(process.reward),
        process.discount,
        array(process.initial),
        termination=array(process.termination),
    )
    z = array([[Fraction(1, 7)] * 3] * 3)
    values = problem.values(z)
    assert np.asarray(problem.objective(z), dtype=object)[()] == exact.objective
    for name in ("v", "q", "advantage", "visitation"):
        assert np.all(np.asarray(getattr(values, name)) == array(getattr(exact, name))), name
    scale = array(exact.visitation)[:, None] / (1 - process.discount) / 3
    assert np.all(np.asarray(et.policy_gradient(problem, z)) == scale * array(exact.advantage))


# --- QuantEcon --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [30, 31, 32])
def test_quantecon_values_of_deterministic_policies(seed: int) -> None:
    """exp(-1e4) underflows, so logits of 0 and -1e4 are a deterministic policy; both solvers round alike."""
    process = decision.random_process(seed, 5, 3, Fraction(15, 16))
    transition, reward, discount, _, _ = process.arrays()
    program = DiscreteDP(reward, transition, discount)
    rng = np.random.default_rng(seed)
    limit = decision.allowed(process, np.zeros((5, 3)))
    for _ in range(4):
        choice = rng.integers(0, 3, 5)
        z = np.where(np.arange(3) == choice[:, None], 0.0, -1e4)
        wanted = program.evaluate_policy(choice)
        assert np.all(np.abs(dense(process).values(z).v - wanted) <= 2 * limit.v)
        assert np.all(np.abs(sparse(process).values(z).v - wanted) <= 2 * limit.v)


@pytest.mark.parametrize("seed", [40, 41])
def test_quantecon_stationary_distribution(seed: int) -> None:
    """Started from the stationary distribution of P_pi, the visitation is that distribution at every discount.

    visitation - mu = (1 - discount) w error; mu is known to about S**2 units (state reduction subtracts nothing), which
    moves the visitation by at most as much.
    """
    process = decision.random_process(seed, 5, 3)
    transition, reward, _, _, _ = process.arrays()
    z = logits_for(process, seed)
    weight = np.exp(z)
    policy = weight / weight.sum(axis=-1, keepdims=True)
    kernel = np.einsum("sa,sat->st", policy, transition)
    (stationary,) = MarkovChain(kernel / kernel.sum(axis=-1, keepdims=True)).stationary_distributions
    stationary = stationary / stationary.sum()
    for discount in (0.0, 0.5, 0.9, 0.999):
        got = et.MDP(transition, reward, discount, stationary).values(z).visitation
        limit = decision.allowed(dataclasses.replace(process, discount=Fraction(discount)), z)
        # One step of the kernel moves mu by its error; the visitation adds up to h of them, times 1 - discount.
        assert np.all(np.abs(got - stationary) <= limit.visitation + 2 * 25 * 8 * rounding.EPS / (1 - discount))


# --- large sparse processes ---------------------------------------------------------------------------------------


def grid(rows: int, columns: int) -> tuple[Any, Any]:
    """Four moves, each slipping to one side with probability 1/4; walls stop.  Reward 1 in the last corner."""
    states = rows * columns
    y, x = np.divmod(np.arange(states), columns)
    moves = [(-1, 0), (0, 1), (1, 0), (0, -1)]
    reached = np.stack(
        [np.clip(y + dy, 0, rows - 1) * columns + np.clip(x + dx, 0, columns - 1) for dy, dx in moves],
        axis=-1,
    )
    row = np.arange(states * 4)
    a = row % 4
    entries = [(0, 0.5), (1, 0.25), (3, 0.25)]
    data = np.concatenate([np.full(row.size, p) for _, p in entries])
    columns_ = np.concatenate([reached[row // 4, (a + turn) % 4] for turn, _ in entries])
    matrix = sp.coo_matrix((data, (np.tile(row, 3), columns_)), shape=(states * 4, states)).tocsr()
    reward = np.zeros((states, 4))
    reward[-1] = 1.0
    return matrix, reward


def graph(states: int, actions: int) -> tuple[Any, Any]:
    """Every action leads to four random states with probability 1/4 each; rewards are random in [-1, 1]."""
    rng = np.random.default_rng(6)
    successors = rng.integers(0, states, (states * actions, 4))
    row = np.repeat(np.arange(states * actions), 4)
    matrix = sp.coo_matrix((np.full(row.size, 0.25), (row, successors.ravel())), shape=(states * actions, states))
    return matrix.tocsr(), rng.uniform(-1, 1, (states, actions))


@pytest.mark.parametrize(("kind", "discount"), [("grid", 0.99), ("graph", 0.9), ("graph", 0.99)])
def test_hundred_thousand_states(kind: str, discount: float) -> None:
    """The Bellman residuals are recomputed here, and the answers tied together by duality.

    With c = 4 (A + 4 + 8 + spread) units for one residual entry of size R + 2 V, |dv| <= c h (R + 2 V), and the
    residual of such a v is at most (1 + discount) times that.
    """
    matrix, reward = grid(250, 400) if kind == "grid" else graph(100_000, 3)
    states, actions = reward.shape
    rng = np.random.default_rng(7)
    z = rng.normal(size=(states, actions))
    initial = np.full(states, 1 / states)
    problem = et.MDP(matrix, reward, discount, initial)
    values = problem.values(z)
    weight = np.exp(z - z.max(axis=-1, keepdims=True))
    policy = weight / weight.sum(axis=-1, keepdims=True)
    q = reward + discount * (matrix @ values.v).reshape(states, actions)
    c = 4 * (actions + 4 + 8 + np.ptp(z, axis=-1).max()) * rounding.EPS
    largest = np.abs(values.v).max()
    h = 1 / (1 - discount)
    allowed = c * h * (np.abs(reward).max() + 2 * largest)
    assert np.abs((policy * q).sum(axis=-1) - values.v).max() <= 2 * allowed
    assert np.abs(q - values.q).max() <= 2 * allowed
    assert np.abs(values.q - values.v[:, None] - values.advantage).max() <= 2 * allowed
    flow = (policy * values.visitation[:, None]).ravel()
    balance = (1 - discount) * initial + discount * (matrix.T @ flow) - values.visitation
    assert np.abs(balance).sum() <= 2 * c * h
    assert abs(values.visitation.sum() - 1) <= 2 * c * h
    assert np.all(values.visitation > 0)
    objective = initial @ values.v if kind == "grid" else problem.objective(z)
    assert abs(objective - initial @ values.v) <= allowed
    assert abs(objective - flow @ reward.ravel() * h) <= allowed + 2 * c * h * h * np.abs(reward).max()
    if (kind, discount) == ("graph", 0.9):
        gradient = et.policy_gradient(problem, z)
        wanted = h * values.visitation[:, None] * policy * values.advantage
        assert np.abs(gradient - wanted).sum() <= 8 * h * (c * h * largest * 2 + allowed)


# --- properties ---------------------------------------------------------------------------------------------------

checks = settings(max_examples=40, deadline=None, derandomize=True, database=None)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Process, Any]:
    """A process and logits for it."""
    states, actions = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    discount = Fraction(draw(st.integers(0, 63)), 64)
    process = decision.random_process(
        draw(st.integers(0, 10**6)), states, actions, discount, terminating=draw(st.booleans())
    )
    z = draw(st.lists(st.floats(-20, 20, allow_subnormal=False), min_size=states * actions, max_size=states * actions))
    return process, np.array(z).reshape(states, actions)


@checks
@given(problems(), st.integers(-100, 100), st.randoms(use_true_random=False))
def test_invariances_of_a_process(pair: tuple[Process, Any], shift: int, random: Any) -> None:
    """Shifting the logits of a state changes nothing; permuting states and actions permutes the answers."""
    process, z = pair
    z = np.round(z * 2.0**20) / 2.0**20
    limit = decision.allowed(process, z)
    base = everything(dense(process), z)
    moved = everything(dense(process), z + shift * np.arange(1, process.states + 1)[:, None])
    for name in FIELDS:
        assert np.all(np.abs(moved[name] - base[name]) <= 2 * getattr(limit, name)), name
    s, a = list(range(process.states)), list(range(process.actions))
    random.shuffle(s)
    random.shuffle(a)
    transition, reward, discount, initial, termination = process.arrays()
    other = et.MDP(
        transition[np.ix_(s, a, s)],
        reward[np.ix_(s, a)],
        discount,
        initial[s],
        termination=termination[np.ix_(s, a)],
    )
    permuted = everything(other, z[np.ix_(s, a)])
    for name in FIELDS:
        order = {0: (), 1: (s,), 2: np.ix_(s, a)}[np.ndim(base[name])]
        assert np.all(np.abs(permuted[name] - base[name][order]) <= 2 * getattr(limit, name)), name


@checks
@given(problems())
def test_identities_of_a_process(pair: tuple[Process, Any]) -> None:
    """E_pi advantage = 0, gradients sum to zero in each state, mass balance, duality, dense equals sparse."""
    process, z = pair
    transition, reward, discount, initial, termination = process.arrays()
    problem = dense(process)
    got = everything(problem, z)
    limit = decision.allowed(process, z)
    h = 1 / (1 - discount)
    policy = np.exp(z - z.max(axis=-1, keepdims=True))
    policy /= policy.sum(axis=-1, keepdims=True)
    n = process.actions * process.states
    assert np.abs((policy * got["advantage"]).sum(axis=-1)).max() <= 2 * limit.advantage
    assert np.abs(got["policy_gradient"].sum(axis=-1)).max() <= process.actions * limit.policy_gradient
    assert np.abs(got["mean_entropy_gradient"].sum(axis=-1)).max() <= process.actions * limit.mean_entropy_gradient
    flow = got["visitation"][:, None] * policy
    balance = (1 - discount) * initial + discount * np.einsum("sa,sat->t", flow, transition)
    assert np.abs(balance - got["visitation"]).max() <= 3 * process.states * limit.visitation
    # The mass that ended: each unit that ends after a step misses from all later times.
    missing = discount * (flow * termination).sum() * h
    assert abs(got["visitation"].sum() + missing - 1) <= 3 * n * h * limit.visitation
    assert abs((flow * reward).sum() * h - got["objective"]) <= limit.objective + 2 * n * h * limit.visitation * 2
    wanted = h * got["visitation"][:, None] * policy * got["advantage"]
    assert np.abs(got["policy_gradient"] - wanted).max() <= 2 * limit.policy_gradient
    np.testing.assert_array_equal(got["natural"], got["advantage"])
    thin = everything(sparse(process), z)
    for name in FIELDS:
        assert np.all(np.abs(thin[name] - got[name]) <= 2 * getattr(limit, name)), name


@checks
@given(problems())
def test_bounds_of_a_process(pair: tuple[Process, Any]) -> None:
    """Bounds that hold exactly: J between the extreme rewards (and 0 where episodes end), entropies below log A."""
    process, z = pair
    _, reward, discount, _, termination = process.arrays()
    got = everything(dense(process), z)
    limit = decision.allowed(process, z)
    h = 1 / (1 - discount)
    low, high = reward.min(), reward.max()
    if termination.any():
        low, high = min(low, 0.0), max(high, 0.0)
    for name in ("v", "q", "objective"):
        assert np.all(got[name] >= low * h - getattr(limit, name) - 4 * rounding.EPS * abs(low) * h), name
        assert np.all(got[name] <= high * h + getattr(limit, name) + 4 * rounding.EPS * abs(high) * h), name
    assert np.abs(got["advantage"]).max() <= (high - low) * h + limit.advantage
    assert np.all(got["visitation"] >= 0)
    assert got["visitation"].sum() <= 1 + process.states * limit.visitation
    assert -limit.mean_entropy <= got["mean_entropy"] <= np.log(process.actions) + limit.mean_entropy


@checks
@given(problems())
def test_natural_gradient_is_the_pseudo_inverse_of_the_fisher_matrix(pair: tuple[Process, Any]) -> None:
    """F advantage = gradient, with F = sum_s w(s) (diag pi_s - pi_s pi_s^T), and the advantage has policy mean zero.

    These determine the solution up to constants per state (the null space of F), which E_pi advantage = 0 fixes.
    """
    process, z = pair
    got = everything(dense(process), z)
    limit = decision.allowed(process, z)
    policy = np.exp(z - z.max(axis=-1, keepdims=True))
    policy /= policy.sum(axis=-1, keepdims=True)
    w = got["visitation"] / (1 - float(process.discount))
    natural = got["natural"]
    applied = w[:, None] * policy * (natural - (policy * natural).sum(axis=-1, keepdims=True))
    h = 1 / (1 - float(process.discount))
    assert np.abs(applied - got["policy_gradient"]).max() <= 2 * limit.policy_gradient + 2 * h * limit.advantage


@checks
@given(problems())
def test_a_bandit_is_a_process_of_one_step(pair: tuple[Process, Any]) -> None:
    """With discount 0 the values are those of the bandit in each state, and J their average over the start."""
    process, z = pair
    process = dataclasses.replace(process, discount=Fraction(0))
    _, reward, _, initial, _ = process.arrays()
    got, alone = everything(dense(process), z), everything(et.Bandit(reward), z)
    limit = decision.allowed(process, z)
    for name in ("v", "q", "advantage"):
        assert np.all(np.abs(got[name] - alone[name]) <= 2 * getattr(limit, name)), name
    assert np.all(got["visitation"] == initial)
    np.testing.assert_array_equal(alone["visitation"], np.ones(process.states))
    gradient = initial[:, None] * alone["policy_gradient"]
    assert np.all(np.abs(got["policy_gradient"] - gradient) <= 2 * limit.policy_gradient)
    gradient = initial[:, None] * alone["mean_entropy_gradient"]
    assert np.all(np.abs(got["mean_entropy_gradient"] - gradient) <= 2 * limit.mean_entropy_gradient)
    np.testing.assert_array_equal(alone["mean_entropy"], et.entropy(z))
    np.testing.assert_array_equal(alone["mean_entropy_gradient"], et.entropy_gradient(z))


@checks
@given(problems())
def test_one_step_of_a_bandit(pair: tuple[Process, Any]) -> None:
    """Cov_p(log p, p A) = -<dH, dJ>: the entropy change along the gradient, to first order."""
    process, z = pair
    _, reward, _, _, _ = process.arrays()
    problem = et.Bandit(reward)
    step = et.policy_gradient(problem, z)
    got = et.first_order_entropy_change(z, step)
    wanted = (et.entropy_gradient(z) * step).sum(axis=-1)
    loss = rounding.covariance(z, z, step) + (rounding.entropy_gradient(z) * np.abs(step)).sum(axis=-1)
    assert np.all(np.abs(got - wanted) <= 2 * loss)

"""Softmax policies: every formula against hundreds of digits, then identities, invariances and bounds.

The tolerances are derived in ``tests.oracles.rounding``; the exact values come from ``tests.oracles.policies``.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory.softmax import Policy, kl_along
from tests.oracles import policies, rounding
from tests.oracles.numbers import assert_within

LOGITS: dict[str, list[float]] = {
    "one action": [3.25],
    "two actions": [0.3, -0.2],
    "uniform": [1.0, 1.0, 1.0],
    "moderate": [0.1, -1.7, 2.3, 0.0, 1.1],
    "nearly deterministic": [0.0, -40.0, -41.0],
    "smallest normal": [0.0, -700.0],
    "subnormal": [0.0, -740.0],
    "underflow": [0.0, -1.0, -1e4],
    "shifted": [-1000.0, -1700.5, -1033.3],
    "mode last": [-700.0, -37.1, -36.7, 0.0],
    "two modes": [0.0, 0.0, -700.0],
    "two close modes": [5.0, 5.0 - 1e-12, -35.0],
    "nearly uniform": [0.0, 1e-9, 2e-9],
    "nearly uniform, shuffled": [3e-9, -1e-9, 0.0, 2e-9],
    "uniform to one unit": [0.0, 1e-15, -2e-15],
    "huge": [1e6, -1e6, 0.0],
    "huge and close": [-1e6, -1e6 + 1, -1e6 - 1],
    "huge tie": [1e6, 1e6],
    "many": [float(x) for x in np.random.default_rng(1).normal(0, 3, 24)],
}
CHANGES: dict[str, list[float]] = {
    "ordinary": [0.7, -0.4, 0.2, 1.1, -0.9],
    "small": [3e-9, -1e-9, 2e-9, 7e-9, -5e-9],
    "tiny": [1e-20, -3e-20, 2e-20, 5e-20, -4e-20],
    "away from the mode": [-2e-11, 1e-11, 3e-11, 0.0, 1e-12],
    "large": [-30.0, 11.0, 2.0, 0.5, 40.0],
    "zero": [0.0, 0.0, 0.0, 0.0, 0.0],
    "constant": [0.5, 0.5, 0.5, 0.5, 0.5],
}
SHIFTS: dict[str, list[float]] = {
    "large mean": [1000.0, 1000.5, 1002.0, 999.25, 1000.0],
    "large mean, small spread": [1024.0, 1024.0 + 2.0**-30, 1024.0 - 2.0**-31, 1024.0, 1024.0 + 2.0**-29],
}


def fill(values: list[float], actions: int) -> list[float]:
    """The first ``actions`` of the values, repeated as often as needed."""
    return [values[i % len(values)] for i in range(actions)]


every_logits = pytest.mark.parametrize("name", LOGITS)
every_change = pytest.mark.parametrize("change", CHANGES)
every_direction = pytest.mark.parametrize("change", [*CHANGES, *SHIFTS])
every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.complex128])
ALL_CHANGES = CHANGES | SHIFTS


def real(x: Any, dtype: type) -> Any:
    """The value, which must have the asked dtype and, of real arguments, no imaginary part."""
    array = np.asarray(x)
    assert array.dtype == dtype
    if dtype is np.complex128:
        assert np.all(array.imag == 0)
    return np.asarray(array.real)


@every_dtype
@every_logits
@pytest.mark.parametrize("what", ["softmax", "log_softmax", "entropy", "varentropy", "entropy_gradient"])
def test_of_one_policy(what: str, name: str, dtype: type) -> None:
    z = np.array(LOGITS[name])
    exact = policies.exactly(getattr(policies, what), z)
    got = real(getattr(et, what)(z.astype(dtype)), dtype)
    assert_within(got, exact, getattr(rounding, what)(z), what)


@every_dtype
@every_direction
@every_logits
@pytest.mark.parametrize("what", ["fisher_norm", "first_order_entropy_change", "token_covariance"])
def test_of_a_policy_and_a_direction(what: str, name: str, change: str, dtype: type) -> None:
    z = np.array(LOGITS[name])
    dz = np.array(fill(ALL_CHANGES[change], z.size))
    exact = policies.exactly(getattr(policies, what), z, dz)
    allowed = {
        "fisher_norm": lambda: rounding.fisher_norm(z, dz, exact),
        "first_order_entropy_change": lambda: rounding.covariance(z, rounding.parts(z)[1], dz),
        "token_covariance": lambda: rounding.token_covariance(z, dz),
    }[what]()
    got = real(getattr(et, what)(z.astype(dtype), dz.astype(dtype)), dtype)
    assert_within(got, exact, allowed, what)


@every_dtype
@every_change
@every_logits
def test_entropy_change(name: str, change: str, dtype: type) -> None:
    z = np.array(LOGITS[name])
    dz = np.array(fill(CHANGES[change], z.size))
    exact = policies.exactly(policies.entropy_change, z, dz)
    got = real(et.entropy_change(z.astype(dtype), dz.astype(dtype)), dtype)
    assert_within(got, exact, rounding.entropy_change(z, dz), "entropy_change")


@every_dtype
@every_change
@every_logits
def test_kl(name: str, change: str, dtype: type) -> None:
    """The second argument is rounded before anything is computed, so the exact value is of the rounded one."""
    z = np.array(LOGITS[name])
    new = z + np.array(fill(CHANGES[change], z.size))
    exact = policies.exactly(policies.kl, z, new)
    got = real(et.kl(z.astype(dtype), new.astype(dtype)), dtype)
    assert_within(got, exact, rounding.kl(z, new, exact), "kl")
    assert np.all(got >= 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ([0.0, -700.0], [0.0, -699.0]),
        ([0.0, -700.0], [0.0, -300.0]),
        ([0.0, -700.0], [0.0, 700.0]),
        ([0.0, 0.0], [0.0, -800.0]),
        ([0.0, 0.0, 0.0], [1e-10, -1e-10, 0.0]),
        ([1e6, -1e6], [-1e6, 1e6]),
        ([0.0, -40.0, -41.0], [0.0, -40.0 + 2.0**-30, -41.0]),
        ([2.0, 1.0, 0.0], [1002.0, 1001.0, 1000.0]),
        ([0.0, -745.0], [0.0, 0.0]),
    ],
)
def test_kl_between_policies_near_and_far(old: list[float], new: list[float]) -> None:
    exact = policies.exactly(policies.kl, old, new)
    assert_within(et.kl(old, new), exact, rounding.kl(old, new, exact), "kl")


def test_kl_of_order_1e_20_is_relatively_accurate() -> None:
    """KL = Var_p(delta) / 2 to leading order: 14 digits of a number near 1e-20."""
    old = np.array([0.0, 1.0, -2.0])
    new = old + np.array([2.0**-33, -(2.0**-33), 2.0**-32])
    exact = float(policies.exactly(policies.kl, old, new)[()])
    assert 1e-21 < exact < 1e-19
    assert abs(float(et.kl(old, new)) - exact) <= 100 * rounding.EPS * exact * 11


@every_dtype
@every_direction
@every_logits
def test_covariance(name: str, change: str, dtype: type) -> None:
    z = np.array(LOGITS[name])
    x = np.array(fill(ALL_CHANGES[change], z.size))
    for other in ([0.3, -1.0, 2.0], [7.0, 7.125, 6.5], [1e-12, 5e-12, -1e-12]):
        y = np.array(fill(other, z.size))
        exact = policies.exactly(policies.covariance, z, x, y)
        got = real(et.covariance(z.astype(dtype), x.astype(dtype), y.astype(dtype)), dtype)
        assert_within(got, exact, rounding.covariance(z, x, y), "covariance")


@every_dtype
@every_direction
@every_logits
def test_expectation(name: str, change: str, dtype: type) -> None:
    """The mode's value, rounded once, and the mean difference to it, within `unit` of E|v - v_mode|."""
    z = np.array(LOGITS[name])
    v = np.array(fill(ALL_CHANGES[change], z.size))
    exact = policies.exactly(policies.mean, z, v)
    p, _ = rounding.parts(z)
    allowed = rounding.unit(z) * (p * rounding.from_mode(z, v)).sum() + 2 * rounding.EPS * np.abs(v).max()
    got = real(et.expectation(z.astype(dtype), v.astype(dtype)), dtype)
    assert_within(got, exact, allowed + rounding.SUBNORMAL, "expectation")


def test_the_fisher_norm_of_directions_of_every_size() -> None:
    """Two uniform actions: half of the difference. Its square would exceed the largest double, or underflow."""
    for difference in (8e299, 2.0**-500, 2.0**-1072):
        assert et.fisher_norm([0.0, 0.0], [difference, 0.0]) == difference / 2
    policy = Policy(np.zeros(2))
    assert policy.norm(np.array([1.6e308, -1.6e308])) == 1.6e308
    assert policy.norm(np.array([5e-324, -5e-324])) == 5e-324


def test_the_fisher_norm_where_only_one_of_the_two_is_a_ball() -> None:
    with et.precision(64):
        ball = np.array([et.Ball(3), et.Ball(1)], dtype=object)
        for z, v in ((np.zeros(2), ball), (0 * ball, np.array([3.0, 1.0])), (0 * ball, ball)):
            assert abs(et.Ball(np.asarray(et.fisher_norm(z, v))[()]) - 1) < Fraction(1, 2**50)


def test_relative_accuracy_where_the_answer_is_known_in_closed_form() -> None:
    """For z = (0, -t) with q = exp(-t) below 1e-16 the leading terms in q are exact to double precision.

    p = (1 - q, q) up to q**2, log p = (-q, -t), H = q (t + 1), Var log p = q t**2, dH/dz = (-q t, q t).  The
    tolerance is 4 units of rounding in each of at most 8 operations; t is exact.
    """
    for t in (40.0, 100.0, 700.0):
        q = np.exp(-t)
        z = [0.0, -t]
        some = 32 * rounding.EPS
        np.testing.assert_allclose(et.log_softmax(z), [-q, -t], rtol=some, atol=0)
        np.testing.assert_allclose(et.entropy(z), q * (t + 1), rtol=some, atol=0)
        np.testing.assert_allclose(et.varentropy(z), q * t**2, rtol=some, atol=0)
        np.testing.assert_allclose(et.entropy_gradient(z), [-q * t, q * t], rtol=some, atol=0)
        np.testing.assert_allclose(et.fisher_norm(z, [1.0, 3.0]), 2 * np.sqrt(q), rtol=some, atol=0)


def test_nearly_uniform_policies_in_closed_form() -> None:
    """z = h k with integers k: Var log p = h**2 Var k and dH/dz = -h (k - mean k) / A, up to a factor 1 + O(h).

    With h = 2**-60 the correction is below rounding; the tolerance is 4 units in each of at most 8 operations.
    """
    h = 2.0**-60
    k = np.array([3.0, -1.0, 0.0, 2.0])
    some = 32 * rounding.EPS
    np.testing.assert_allclose(et.varentropy(h * k), h**2 * 2.5, rtol=some, atol=0)
    np.testing.assert_allclose(et.entropy_gradient(h * k), -h * (k - 1) / 4, rtol=some, atol=0)
    np.testing.assert_allclose(et.entropy(h * k), np.log(4.0), rtol=some, atol=0)
    np.testing.assert_allclose(et.kl(np.zeros(4), h * k), h**2 * 1.25, rtol=some, atol=0)


def test_broadcasting_over_leading_axes() -> None:
    rng = np.random.default_rng(2)
    old = rng.normal(size=(5, 1, 4))
    new = rng.normal(size=(3, 4))
    both = et.kl(old, new)
    assert both.shape == (5, 3)
    cov = et.covariance(old, new, old)
    assert cov.shape == (5, 3)
    one = np.array([0.5, 0.0, -1.0, 2.0])
    assert et.entropy_gradient(old).shape == (5, 1, 4)
    assert et.softmax(old).shape == et.log_softmax(old).shape == (5, 1, 4)
    assert et.token_covariance(one, new).shape == (3, 4)
    assert et.first_order_entropy_change(old, new).shape == (5, 3)
    assert et.entropy_change(old, one).shape == (5, 1)
    assert et.fisher_norm(one, new).shape == (3,)
    for i in range(5):
        for j in range(3):
            exact = policies.exactly(policies.kl, old[i, 0], new[j], digits=60)
            assert_within(both[i, j], exact, rounding.kl(old[i, 0], new[j], exact), "kl")
            exact = policies.exactly(policies.covariance, old[i, 0], new[j], old[i, 0], digits=60)
            assert_within(cov[i, j], exact, rounding.covariance(old[i, 0], new[j], old[i, 0]), "covariance")


def test_a_policy_with_one_action_never_moves() -> None:
    np.testing.assert_array_equal(kl_along([3.0], [1.0], [0.5, 1e200]), [0.0, 0.0])
    assert et.kl([3.0], [-1e6]) == 0
    with et.precision(64):
        assert kl_along(np.array([et.Ball(3)]), np.array([et.Ball(2)]), 5.0)[()] == 0


def test_lists_integers_and_single_precision_are_accepted() -> None:
    """Small integers are the same numbers in every format."""
    wanted = et.entropy(np.array([0.0, 1.0, 2.0]))
    assert et.entropy([0, 1, 2]) == wanted
    assert et.entropy(np.array([0, 1, 2])) == wanted
    assert et.entropy(np.array([0, 1, 2], dtype=np.float32)) == wanted


# --- properties ---------------------------------------------------------------------------------------------------

checks = settings(max_examples=60, deadline=None, derandomize=True, database=None)
numbers = st.floats(-50, 50, allow_subnormal=False)


@st.composite
def vectors(draw: st.DrawFn, count: int = 1) -> list[Any]:
    """``count`` vectors of the same length, of at most eight actions."""
    n = draw(st.integers(1, 8))
    return [np.array(draw(st.lists(numbers, min_size=n, max_size=n))) for _ in range(count)]


@checks
@given(vectors(2))
def test_against_many_digits(pair: list[Any]) -> None:
    z, dz = pair
    for what in ("softmax", "log_softmax", "entropy", "varentropy", "entropy_gradient"):
        exact = policies.exactly(getattr(policies, what), z, digits=400)
        assert_within(getattr(et, what)(z), exact, getattr(rounding, what)(z), what)
    exact = policies.exactly(policies.entropy_change, z, dz / 64, digits=400)
    assert_within(et.entropy_change(z, dz / 64), exact, rounding.entropy_change(z, dz / 64), "entropy_change")
    exact = policies.exactly(policies.kl, z, dz, digits=400)
    assert_within(et.kl(z, dz), exact, rounding.kl(z, dz, exact), "kl")


@checks
@given(vectors(2), st.integers(-1000, 1000))
def test_shift_of_the_logits(pair: list[Any], shift: int) -> None:
    """Logits on a grid of 2**-20 are shifted by an integer without rounding: all answers stay within rounding."""
    z, dz = np.round(np.array(pair) * 2.0**20) / 2.0**20
    moved = z + shift
    assert np.all(moved - shift == z)
    for what in ("softmax", "log_softmax", "entropy", "varentropy", "entropy_gradient"):
        allowed = 2 * getattr(rounding, what)(z)
        assert np.all(np.abs(getattr(et, what)(moved) - getattr(et, what)(z)) <= allowed), what
    for got, wanted in (
        (et.covariance(moved, dz + shift, z), et.covariance(z, dz, z)),
        (et.first_order_entropy_change(moved, dz + shift), -et.covariance(z, dz, z)),
    ):
        assert abs(got - wanted) <= 2 * rounding.covariance(z, dz, z)
    change = dz / 64 * 0 + np.round(dz) / 64
    assert abs(et.entropy_change(moved, change) - et.entropy_change(z, change)) <= 2 * rounding.entropy_change(
        z, change
    )


@checks
@given(vectors(2), st.randoms(use_true_random=False))
def test_permutation_of_the_actions(pair: list[Any], random: Any) -> None:
    z, dz = pair
    order = list(range(z.size))
    random.shuffle(order)
    for what in ("softmax", "log_softmax", "entropy_gradient"):
        got, wanted = getattr(et, what)(z[order]), getattr(et, what)(z)[order]
        assert np.all(np.abs(got - wanted) <= 2 * getattr(rounding, what)(z)[order]), what
    for what in ("entropy", "varentropy"):
        assert abs(getattr(et, what)(z[order]) - getattr(et, what)(z)) <= 2 * getattr(rounding, what)(z), what
    token = et.token_covariance(z, dz)
    assert np.all(
        np.abs(et.token_covariance(z[order], dz[order]) - token[order]) <= 2 * rounding.token_covariance(z, dz)[order]
    )
    kl = et.kl(z, dz)
    assert abs(et.kl(z[order], dz[order]) - kl) <= 2 * rounding.kl(z, dz, kl)


@checks
@given(vectors(3))
def test_identities(triple: list[Any]) -> None:
    """sum_a dH/dz_a = 0; Cov(log p, dz) = E token = -<dH, dz>; Var log p = Cov(z, z); fisher_norm**2 = Cov(v, v)."""
    z, x, y = triple
    gradient, limit = et.entropy_gradient(z), rounding.entropy_gradient(z)
    assert abs(gradient.sum()) <= limit.sum() + z.size * rounding.EPS * np.abs(gradient).sum()
    cov_limit = rounding.covariance(z, z, x)
    first = et.first_order_entropy_change(z, x)
    assert abs(first + et.covariance(z, et.log_softmax(z), x)) <= 3 * cov_limit + 4 * rounding.EPS * np.sum(
        rounding.log_magnitude(z) * rounding.parts(z)[0] * rounding.from_mode(z, x)
    )
    p = et.softmax(z)
    token = et.token_covariance(z, x)
    loss = (p * rounding.token_covariance(z, x)).sum() + (rounding.softmax(z) * np.abs(token)).sum()
    assert abs((p * token).sum() + first) <= cov_limit + loss + z.size * rounding.EPS * (p * np.abs(token)).sum()
    inner = gradient @ x
    loss = limit @ np.abs(x) + z.size * rounding.EPS * (np.abs(gradient) @ np.abs(x))
    assert abs(inner - first) <= cov_limit + loss
    assert abs(et.varentropy(z) - et.covariance(z, z, z)) <= 2 * rounding.varentropy(z)
    norm = et.fisher_norm(z, x)
    assert abs(norm**2 - et.covariance(z, x, x)) <= 2 * rounding.covariance(z, x, x) + 8 * rounding.EPS * norm**2
    assert abs(et.covariance(z, x, y) - et.covariance(z, y, x)) <= 2 * rounding.covariance(z, x, y)


@checks
@given(vectors(2))
def test_covariance_with_the_probability_weighted_advantage(pair: list[Any]) -> None:
    """Cov_p(log p, p A) = -<dH/dz, dJ/dz>: dH_a = -p_a (log p_a + H), dJ_a = p_a A_a, and E (log p + H) = 0."""
    z, reward = pair
    p = et.softmax(z)
    advantage = reward - (p * reward).sum()
    gradient = p * advantage
    size = p * (rounding.from_mode(z, reward) + np.abs(advantage))
    got = et.covariance(z, et.log_softmax(z), gradient)
    wanted = -(et.entropy_gradient(z) @ gradient)
    # Both sides round the same numbers: p (log p + H), bounded by entropy_gradient's limit, against p A.
    loss = rounding.entropy_gradient(z) @ np.abs(gradient) + rounding.covariance(z, z, gradient)
    loss += 4 * rounding.EPS * (rounding.log_magnitude(z) * p) @ (np.abs(gradient) + p @ np.abs(gradient))
    assert abs(got - wanted) <= 2 * loss + 4 * z.size * rounding.EPS * np.abs(et.entropy_gradient(z)) @ size


@checks
@given(vectors(2))
def test_bounds(pair: list[Any]) -> None:
    """Bounds that hold exactly, so that only the rounding of the two sides is allowed.

    0 <= H <= log A; Var log p <= log(A - 1)**2 / 4 + 1 (Reeb and Wolf); KL >= |p - q|_1**2 / 2 (Pinsker);
    fisher_norm <= range / 2 (Popoviciu); |first-order change| <= sqrt(Var log p) fisher_norm (Cauchy-Schwarz).
    """
    z, x = pair
    n = z.size
    entropy = et.entropy(z)
    assert 0 <= entropy <= np.log(n) + rounding.entropy(z)
    largest = 0.25 * np.log(max(n - 1, 1)) ** 2 + 1
    varentropy = et.varentropy(z)
    assert 0 <= varentropy <= largest + rounding.varentropy(z)
    kl = et.kl(z, x)
    distance = np.abs(et.softmax(z) - et.softmax(x)).sum()
    assert kl >= 0
    assert (
        kl + rounding.kl(z, x, kl) + 4 * distance * (rounding.softmax(z) + rounding.softmax(x)).sum() >= distance**2 / 2
    )
    norm = et.fisher_norm(z, x)
    loss = rounding.fisher_norm(z, x, norm)
    assert 0 <= norm <= np.ptp(x) / 2 + loss
    first = abs(et.first_order_entropy_change(z, x))
    root = np.sqrt(varentropy)
    slack = rounding.covariance(z, z, x) + root * loss + 4 * rounding.EPS * first
    slack += norm * rounding.varentropy(z) / max(root, 2.0**-500)
    assert first <= root * norm + slack


@checks
@given(vectors(2), st.integers(1, 4))
def test_batched_equals_loop(pair: list[Any], copies: int) -> None:
    z = np.array([pair[0] * (k + 1) / copies for k in range(copies)])
    x = np.array([pair[1] - k for k in range(copies)])
    for k in range(copies):
        for what in ("softmax", "log_softmax", "entropy", "varentropy", "entropy_gradient"):
            allowed = 2 * getattr(rounding, what)(z[k])
            assert np.all(np.abs(getattr(et, what)(z)[k] - getattr(et, what)(z[k])) <= allowed), what
        kl = et.kl(z[k], x[k])
        assert abs(et.kl(z, x)[k] - kl) <= 2 * rounding.kl(z[k], x[k], kl)
        alone = et.entropy_change(z[k], x[k])
        assert abs(et.entropy_change(z, x)[k] - alone) <= 2 * rounding.entropy_change(z[k], x[k])

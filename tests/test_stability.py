"""Stability margins against roots with many digits (``tests.oracles.margins``), closed forms and laws.

Limits are conditioning: `oracle.roundings` adds up, at the exact root and in units of EPS, what one rounding of each
probability, each deviation from the mean and each exponential moves the root by, and a factor FACTOR is left for
functions that are not correctly rounded. A law that relates two computed margins gets the limits of both.
"""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory.checking.prove import prove
from entropy_theory.duals import Dual
from entropy_theory.stability import quadratic_stability_margin, stability_margin
from tests.oracles import margins as oracle
from tests.oracles.rounding import EPS

Array = np.ndarray[Any, Any]
F = Fraction

FACTOR = 4
"""NumPy's exponentials and logarithms are within four units of the last place."""

MODERATE = 1e-13
"""About FACTOR times `oracle.roundings` for some six actions, logits and directions of size about one."""


# Inputs ---------------------------------------------------------------------------------------------------------


@st.composite
def policies(draw: st.DrawFn, actions: int) -> Array:
    """Logits: moderate, tied, one action with all but 1e-12 of the mass, or one as rare as 1e-200."""
    kind = draw(st.sampled_from(["moderate", "tied", "confident", "rare"]))
    if kind == "tied":
        return np.array(draw(st.lists(st.sampled_from([-1.0, 0.0, 2.0]), min_size=actions, max_size=actions)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    z = rng.uniform(-4, 4, actions)
    if kind == "confident":
        z[draw(st.integers(0, actions - 1))] += draw(st.floats(0, 28))
    if kind == "rare":
        z[draw(st.integers(0, actions - 1))] -= draw(st.floats(0, 460))
    return z


@st.composite
def directions(draw: st.DrawFn, actions: int) -> Array:
    """Directions of size 1e-8 to 1e8 that are not constant: arbitrary, tied, or of one action."""
    kind = draw(st.sampled_from(["arbitrary", "tied", "one"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    v = rng.normal(size=actions) if kind == "arbitrary" else rng.integers(-1, 2, actions).astype(float)
    if kind == "one" or np.ptp(v) == 0:
        v = np.zeros(actions)
        v[draw(st.integers(0, actions - 1))] = draw(st.sampled_from([-1.0, 1.0]))
    return np.asarray(v * 10.0 ** draw(st.floats(-8, 8)))


@st.composite
def rays(draw: st.DrawFn, sizes: tuple[int, ...] = (2, 2, 3, 5, 5, 12, 40, 200)) -> tuple[Array, Array]:
    """A policy and a direction."""
    actions = draw(st.sampled_from(sizes))
    return draw(policies(actions)), draw(directions(actions))


epsilons = st.floats(-10, 3).map(lambda k: 10.0**k)
small_rays = rays(sizes=(2, 3, 6))
CASES = settings(max_examples=60)


def moderate_rays(n: int, actions: int = 4, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-2, 2, (n, actions)), rng.normal(size=(n, actions))


def root_and_limit(z: Any, v: Any, epsilon: float, weights: Any = None) -> tuple[Any, float]:
    """The margin to 40 digits, and how far, relative to it, floats may lie from it."""
    rows, moves, shares = (z, v, weights) if weights is not None else ([z], [v], [1.0])
    root = oracle.weighted_margin(rows, moves, epsilon, shares)
    return root, FACTOR * EPS * oracle.roundings(rows, moves, epsilon, shares, root)


def limit_at(z: Any, v: Any, epsilon: float, margin: Any) -> float:
    """The limit without the root, at a margin that is close to it."""
    return FACTOR * EPS * oracle.roundings([z], [v], epsilon, [1.0], mpmath.mpf(float(margin)))


def assert_close(got: Any, root: Any, limit: float) -> None:
    assert isinstance(got, np.ndarray | np.floating)
    assert got.dtype == np.float64
    error = abs(mpmath.mpf(float(got)) - root) / root
    assert error <= limit, (
        f"got {float(got)!r}, expected {mpmath.nstr(root, 20)}: error {float(error):.3g} > {limit:.3g}"
    )


# Against the root -----------------------------------------------------------------------------------------------


@CASES
@given(rays(), epsilons)
@example((np.array([0.0, 0.0]), np.array([1.0, -1.0])), 1e-10)
@example((np.array([460.0, 0.0]), np.array([1.0, 0.0])), 1e3)
@example((np.array([460.0, 0.0]), np.array([0.0, 1.0])), 1e-10)
@example((np.array([27.6, 0.0, 0.0]), np.array([0.0, 1.0, -1.0])), 1e-3)
@example((np.array([0.0, 0.0, 0.0]), np.array([1e8, 1e8, 1e8 + 2.0**-20])), 1e-3)
def test_root(ray: tuple[Array, Array], epsilon: float) -> None:
    z, v = ray
    root, limit = root_and_limit(z, v, epsilon)
    assert_close(stability_margin(z, v, epsilon), root, limit)


@pytest.mark.parametrize("scale", [1e-8, 1e-3, 1.0, 1e4, 1e8])
@pytest.mark.parametrize("epsilon", [1e-6, 1e-2, 1.0, 30.0])
def test_fourteen_digits(scale: float, epsilon: float) -> None:
    """Few actions, logits and directions of size about one: errors of a few units, margins from 1e-8 to 1e8."""
    z, v = moderate_rays(4, seed=int(7 * epsilon) + 1)
    v = v * scale
    got = stability_margin(z, v, epsilon)
    for margin, row, move in zip(got, z, v, strict=True):
        assert_close(margin, oracle.margin(row, move, epsilon), 1e-14)


@pytest.mark.parametrize(
    ("scale", "epsilon"), [(1e-150, 1e-3), (1e150, 1e-3), (1e-30, 1e-30), (1e30, 1e30), (1.0, 1e-60), (1.0, 1e60)]
)
def test_far_beyond(scale: float, epsilon: float) -> None:
    """Margins from 1e-150 to 1e150; twelve digits are good enough there."""
    z, v = moderate_rays(3, seed=3)
    got = stability_margin(z, v * scale, epsilon)
    for margin, row, move in zip(got, z, v * scale, strict=True):
        assert_close(margin, oracle.margin(row, move, epsilon), 1e-12)


@pytest.mark.parametrize("gap", [5.0, 12 * math.log(10), 200 * math.log(10)])
@pytest.mark.parametrize("epsilon", [1e-10, 1e-2, 1e3])
def test_nearly_deterministic(gap: float, epsilon: float) -> None:
    """Towards the mode the divergence is ``eta p`` in the end, away from it the margin is the gap plus log epsilon."""
    z = np.array([gap, 0.0])
    for v in ([1.0, 0.0], [-1.0, 0.0]):
        root, limit = root_and_limit(z, v, epsilon)
        assert_close(stability_margin(z, v, epsilon), root, limit)


# Closed forms ---------------------------------------------------------------------------------------------------


@CASES
@given(st.floats(-8, 8).map(lambda k: 10.0**k), epsilons)
def test_two_uniform_actions(size: float, epsilon: float) -> None:
    """``KL = log cosh(eta v)`` for the direction (v, -v)."""
    with mpmath.workdps(60):
        root = mpmath.acosh(mpmath.exp(mpmath.mpf(epsilon))) / mpmath.mpf(size)
    assert_close(stability_margin(np.zeros(2), np.array([size, -size]), epsilon), root, 1e-14)


@pytest.mark.parametrize("pairs", [1, 2, 10, 100])
def test_uniform_pairs(pairs: int) -> None:
    """Uniform over 2m actions, half with v and half with -v: again log cosh."""
    got = stability_margin(np.zeros(2 * pairs), np.repeat([1.0, -1.0], pairs), 0.25)
    assert_close(got, mpmath.acosh(mpmath.exp(0.25)), FACTOR * EPS * (2 * pairs + 8))


def test_the_divergence_at_the_margin() -> None:
    """Exactly epsilon, by the sum over actions."""
    z, v = moderate_rays(5)
    epsilon = np.array([1e-3, 1e-2, 0.1, 1.0, 5.0])
    moved = z + stability_margin(z, v, epsilon)[:, None] * v
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    q = np.exp(moved) / np.exp(moved).sum(-1, keepdims=True)
    # The sum of terms of both signs and of size about one has an absolute error of a few units.
    np.testing.assert_allclose((p * np.log(p / q)).sum(-1), epsilon, rtol=MODERATE, atol=64 * EPS)


# Laws -----------------------------------------------------------------------------------------------------------


@CASES
@given(small_rays, epsilons, st.floats(1e-9, 10))
def test_monotone_in_epsilon(ray: tuple[Array, Array], epsilon: float, more: float) -> None:
    z, v = ray
    larger = epsilon * (1 + more)
    low, high = stability_margin(z, v, np.array([epsilon, larger]))
    assert low * (1 - limit_at(z, v, epsilon, low)) <= high * (1 + limit_at(z, v, larger, high))


@CASES
@given(small_rays, epsilons, st.floats(-6, 6).map(lambda k: 10.0**k))
def test_scaling(ray: tuple[Array, Array], epsilon: float, factor: float) -> None:
    """``gamma(c v) = gamma(v) / c``; c is rounded to a power of two, so that ``c v`` is exact."""
    z, v = ray
    c = 2.0 ** round(math.log2(factor))
    one, other = stability_margin(z, v, epsilon), stability_margin(z, c * v, epsilon)
    np.testing.assert_allclose(other * c, one, rtol=2 * limit_at(z, v, epsilon, one), atol=0)


def on_a_grid(x: Array) -> Array:
    """Multiples of 2**-20 that are at most one in size, so that a shift by an integer is exact."""
    return np.asarray(np.rint(x / 2.0 ** np.ceil(np.log2(np.abs(x).max() + 1e-300)) * 2**20) / 2**20)


@CASES
@given(small_rays, epsilons, st.sampled_from([1.0, 400.0]), st.integers(-(2**20), 2**20))
def test_shift_of_the_logits(ray: tuple[Array, Array], epsilon: float, spread: float, shift: int) -> None:
    z, v = on_a_grid(ray[0]) * spread, ray[1]
    one, other = stability_margin(z, v, epsilon), stability_margin(z + shift, v, epsilon)
    if np.isinf(one):
        assert np.isinf(other)
        assert oracle.margin(z, v, epsilon) > sys.float_info.max
        return
    np.testing.assert_allclose(other, one, rtol=2 * limit_at(z, v, epsilon, one), atol=0)


@CASES
@given(small_rays, epsilons, st.integers(-(2**20), 2**20))
@example((np.array([1.0, -2.0, -3.5]), np.array([-0.75, -0.6875, -1.0])), 1.0, 2**20)
def test_shift_of_the_direction(ray: tuple[Array, Array], epsilon: float, shift: int) -> None:
    z, v = ray[0], on_a_grid(ray[1])
    assume(np.ptp(v) > 0)
    one, other = stability_margin(z, v, epsilon), stability_margin(z, v + shift, epsilon)
    np.testing.assert_allclose(other, one, rtol=2 * limit_at(z, v, epsilon, one), atol=0)


@CASES
@given(small_rays, epsilons, st.randoms(use_true_random=False))
def test_permutations(ray: tuple[Array, Array], epsilon: float, random: Any) -> None:
    z, v = ray
    order = list(range(len(z)))
    random.shuffle(order)
    one, other = stability_margin(z, v, epsilon), stability_margin(z[order], v[order], epsilon)
    np.testing.assert_allclose(other, one, rtol=2 * limit_at(z, v, epsilon, one), atol=0)


@CASES
@given(small_rays, epsilons)
def test_distance_from_the_quadratic_model(ray: tuple[Array, Array], epsilon: float) -> None:
    """The second derivative V(t) of the divergence along the ray has ``|V'| <= osc(v) V``: a third central moment is at
    most the range times the variance. So ``epsilon`` lies between ``V(0) gamma^2 / 2`` times ``exp(-r)`` and
    ``exp(r)``, and the quadratic margin between gamma times ``exp(-r/2)`` and ``exp(r/2)``, ``r = gamma osc(v)``."""
    z, v = ray
    margin = float(stability_margin(z, v, epsilon))
    model = float(quadratic_stability_margin(z, v, epsilon))
    room = 2 * limit_at(z, v, epsilon, margin)
    assert abs(math.log(model) - math.log(margin)) <= margin * np.ptp(v) / 2 + room


def test_the_quadratic_model_is_the_limit() -> None:
    z, v = moderate_rays(3)
    for epsilon in 10.0 ** -np.arange(2.0, 26, 4):
        ratio = stability_margin(z, v, epsilon) / quadratic_stability_margin(z, v, epsilon)
        # r = gamma osc(v) is of the order of sqrt(epsilon), see above.
        r = stability_margin(z, v, epsilon) * np.ptp(v, axis=-1)
        assert (abs(ratio - 1) <= np.expm1(r / 2) + MODERATE).all()


@CASES
@given(small_rays, epsilons)
def test_quadratic_margin(ray: tuple[Array, Array], epsilon: float) -> None:
    """``sqrt(2 epsilon) / sqrt(Var v)``, and at small steps the margin is conditioned alike."""
    z, v = ray
    with mpmath.workdps(400):
        p = [mpmath.exp(mpmath.mpf(x)) for x in z]
        p = [x / mpmath.fsum(p) for x in p]
        mean = mpmath.fsum(a * mpmath.mpf(b) for a, b in zip(p, v, strict=True))
        variance = mpmath.fsum(a * (mpmath.mpf(b) - mean) ** 2 for a, b in zip(p, v, strict=True))
        exact = mpmath.sqrt(2 * mpmath.mpf(epsilon) / variance)
        tiny = exact * mpmath.mpf(2) ** -400
    limit = FACTOR * EPS * oracle.roundings([z], [v], tiny**2 * variance / 2, [1.0], tiny)
    assert_close(quadratic_stability_margin(z, v, epsilon), exact, limit)


@CASES
@given(small_rays, epsilons)
def test_hoeffding(ray: tuple[Array, Array], epsilon: float) -> None:
    """``log E exp(eta u) <= eta^2 osc(v)^2 / 8``, hence ``gamma >= sqrt(8 epsilon) / osc(v)``."""
    z, v = ray
    margin = stability_margin(z, v, epsilon)
    assert margin >= math.sqrt(8 * epsilon) / np.ptp(v) * (1 - limit_at(z, v, epsilon, margin))


@CASES
@given(st.integers(0, 2**32 - 1), epsilons, st.floats(-3, 3))
def test_the_inverse_is_subadditive(seed: int, epsilon: float, scale: float) -> None:
    """The directions with ``KL <= epsilon`` form a convex set around zero, and 1 / gamma is its gauge."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-6, 6, 4)
    v, w = rng.integers(-4, 5, 4) * 1.0, rng.integers(-4, 5, 4) * 2.0 ** round(scale)
    one, other, both = 1 / stability_margin(z, np.stack([v, w, v + w]), epsilon)
    room = 0.0
    for move, inverse in ((v, one), (w, other), (v + w, both)):
        room += inverse * limit_at(z, move, epsilon, 1 / inverse) if inverse else 0.0
    assert both <= one + other + room


# Infinite margins -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 1.0, -1e8, 0.1])
@pytest.mark.parametrize("actions", [1, 2, 50])
@pytest.mark.parametrize("function", [stability_margin, quadratic_stability_margin])
def test_constant_direction(function: Any, actions: int, value: float) -> None:
    z = np.linspace(-3, 300, actions)
    assert function(z, np.full(actions, value), 0.1) == math.inf


@pytest.mark.parametrize("function", [stability_margin, quadratic_stability_margin])
def test_infinite_only_where_constant(function: Any) -> None:
    z = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
    v = np.array([[1.0, 1.0], [1.0, 2.0], [0.0, 0.0]])
    got = function(z, v, 0.1)
    assert got[0] == got[2] == math.inf
    assert got[1] == function(z[1], v[1], 0.1)
    assert np.isfinite(got[1])


@pytest.mark.parametrize("function", [stability_margin, quadratic_stability_margin])
def test_a_state_without_weight_does_not_count(function: Any) -> None:
    z, v = np.zeros((2, 2)), np.array([[1.0, -1.0], [3.0, 3.0]])
    assert function(z, v, 0.1, weights=[0.0, 1.0]) == math.inf
    assert function(z, v, 0.1, weights=[0.0, 0.0]) == math.inf
    np.testing.assert_allclose(function(z, v, 0.1, weights=[1.0, 5.0]), function(z[0], v[0], 0.1), rtol=MODERATE)
    wild = np.array([[1.0, -1.0], [1e8, -1e8]])
    np.testing.assert_allclose(function(z, wild, 0.1, weights=[1.0, 0.0]), function(z[0], v[0], 0.1), rtol=MODERATE)


# Weights --------------------------------------------------------------------------------------------------------


@CASES
@given(st.integers(1, 4), st.sampled_from([2, 3, 6]), epsilons, st.data())
def test_weights(states: int, actions: int, epsilon: float, data: Any) -> None:
    rays_ = [(data.draw(policies(actions)), data.draw(directions(actions))) for _ in range(states)]
    z, v = np.stack([x for x, _ in rays_]), np.stack([x for _, x in rays_])
    weights = np.array(
        data.draw(st.lists(st.sampled_from([0.0, 1e-6, 0.25, 0.3, 1.0, 40.0]), min_size=states, max_size=states))
    )
    assume(weights.any())
    root, limit = root_and_limit(z, v, epsilon, weights)
    assert_close(stability_margin(z, v, epsilon, weights=weights), root, limit + FACTOR * EPS * states)


def test_one_state_with_weight_one_is_no_weight() -> None:
    z, v = moderate_rays(6)
    got = stability_margin(z[:, None], v[:, None], 0.01, weights=np.ones((6, 1)))
    np.testing.assert_allclose(got, stability_margin(z, v, 0.01), rtol=MODERATE)


def test_a_common_factor_of_the_weights_divides_epsilon() -> None:
    z, v = moderate_rays(3)
    weights = np.array([0.25, 0.5, 0.125])
    got = stability_margin(z, v, 0.01, weights=8 * weights)
    np.testing.assert_allclose(got, stability_margin(z, v, 0.01 / 8, weights=weights), rtol=MODERATE)


def test_weighted_quadratic_margin() -> None:
    z, v = moderate_rays(3)
    weights = np.array([0.2, 0.7, 0.1])
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    variance = (p * v**2).sum(-1) - (p * v).sum(-1) ** 2
    expected = math.sqrt(2 * 0.01) / math.sqrt(weights @ variance)
    np.testing.assert_allclose(quadratic_stability_margin(z, v, 0.01, weights=weights), expected, rtol=MODERATE)


def test_hoeffding_with_weights() -> None:
    z, v = moderate_rays(3)
    weights = np.array([0.2, 0.7, 0.1])
    bound = math.sqrt(8 * 0.01 / (weights @ np.ptp(v, axis=-1) ** 2))
    assert stability_margin(z, v, 0.01, weights=weights) >= bound


def test_the_visitation_of_an_mdp() -> None:
    """The discounted visits are added up step by step."""
    rng = np.random.default_rng(5)
    transition, discount, initial = rng.dirichlet(np.ones(3), (3, 2)), 0.9, np.array([0.5, 0.25, 0.25])
    mdp = et.MDP(transition, rng.normal(size=(3, 2)), discount, initial)
    z, v = rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    p = np.exp(z) / np.exp(z).sum(-1, keepdims=True)
    step = np.einsum("sa,sat->st", p, transition)
    visits = sum(discount**t * initial @ np.linalg.matrix_power(step, t) for t in range(400)) * (1 - discount)
    got = stability_margin(z, v, 0.01, weights=mdp.values(z).visitation)
    # The weights carry the condition 1 / (1 - discount) = 10 of the linear system.
    assert_close(got, oracle.weighted_margin(z, v, 0.01, visits), 10 * MODERATE)


# Batches --------------------------------------------------------------------------------------------------------


def test_a_batch_is_its_instances() -> None:
    z, v = moderate_rays(40, actions=5)
    epsilon = 10.0 ** np.linspace(-10, 3, 40)
    scale = 10.0 ** np.linspace(8, -8, 40)[:, None]
    got = stability_margin(z, v * scale, epsilon)
    assert got.shape == (40,)
    each = [float(stability_margin(z[i], v[i] * scale[i], epsilon[i])) for i in range(40)]
    np.testing.assert_allclose(got, each, rtol=2 * MODERATE, atol=0)


def test_neighbours_do_not_matter() -> None:
    """An instance beside easy, hard and constant ones."""
    z = np.array([[0.0, 1.0, 2.0], [400.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 1.0, 2.0]])
    v = np.array([[1.0, 0.0, 2.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1e8, 0.0, 2e8]])
    got = stability_margin(z, v, 0.1)
    np.testing.assert_allclose(got[0], stability_margin(z[0], v[0], 0.1), rtol=2 * MODERATE)
    np.testing.assert_allclose(got[3], stability_margin(z[3], v[3], 0.1), rtol=2 * MODERATE)


@pytest.mark.parametrize("function", [stability_margin, quadratic_stability_margin])
def test_shapes(function: Any) -> None:
    z, v = moderate_rays(12)
    assert function(z[0], v[0], 0.1).shape == ()
    assert function(z[0], v[0], np.array([0.1, 0.2])).shape == (2,)
    assert function(z[0], v, 0.1).shape == (12,)
    assert function(z.reshape(3, 4, 4), v[:4], np.array([[0.1], [0.2], [0.3]])).shape == (3, 4)
    assert function(z.reshape(6, 2, 4), v[:2], 0.1, weights=np.array([0.5, 0.5])).shape == (6,)
    assert function(z[:2], v[:2], np.array([0.1, 0.2]), weights=np.ones((2, 2))).shape == (2,)
    assert function(z[:2].tolist(), v[:2].tolist(), 1, weights=[1, 2]).shape == ()


def test_inputs_are_not_changed() -> None:
    z, v = moderate_rays(3)
    before = z.copy(), v.copy()
    z.flags.writeable = v.flags.writeable = False
    stability_margin(z, v, 0.1)
    assert (z == before[0]).all()
    assert (v == before[1]).all()


# Enclosures -----------------------------------------------------------------------------------------------------


def balls(values: Any) -> Array:
    array = np.array(values, dtype=object)
    out = np.empty(array.shape, dtype=object)
    for index in np.ndindex(*array.shape):
        out[index] = et.Ball(array[index])
    return out


def assert_enclosed(got: Any, root: Any, bits: int, lost: float, digits: int) -> None:
    """The ball holds the root, which is known to `digits` digits, and has at least ``bits - lost`` bits."""
    ball = et.Ball(got).arb
    before = flint.ctx.prec
    flint.ctx.prec = bits + 200
    try:
        with mpmath.workdps(digits + 30):
            exact = flint.arb(mpmath.mpf(root), mpmath.mpf(root) * mpmath.mpf(10) ** -digits)
        assert ball.is_finite()
        assert ball.overlaps(exact), f"{ball} does not hold {mpmath.nstr(root, 30)}"
        assert ball.rad() <= abs(exact) * flint.arb(2) ** int(lost - bits), (
            f"{ball} is wider than {bits} - {lost:.0f} bits"
        )
    finally:
        flint.ctx.prec = before


def bits_lost(epsilon: float) -> float:
    """``E exp(eta u)`` is near one and known to `bits` bits, its logarithm to ``log2(1 / epsilon)`` fewer; 16 more."""
    return 16 + math.log2(1 + 1 / epsilon)


BITS = pytest.mark.parametrize("bits", [64, 256, 1024])
EXACT_RAYS: dict[str, tuple[list[Any], list[Any]]] = {
    "two uniform": ([0, 0], [1, -1]),
    "three": ([F(1, 2), F(5, 4), -3], [F(1, 3), F(-1, 7), 0]),
    "large direction": ([F(1, 2), F(5, 4), -3], [10**8, -(10**8) - 1, 0]),
    "confident": ([28, 0, 0], [1, 2, -1]),
    "rare, away": ([460, 0], [0, 1]),
    "rare, towards": ([460, 0], [1, 0]),
}


@BITS
@pytest.mark.parametrize("epsilon", [1e-20, 1e-10, 0.125, 1e3])
@pytest.mark.parametrize("name", EXACT_RAYS)
def test_enclosure(name: str, epsilon: float, bits: int) -> None:
    z, v = EXACT_RAYS[name]
    digits = round(0.31 * bits) + 20
    with et.precision(bits):
        got = stability_margin(balls([z]), balls([v]), balls([epsilon]))
    assert got.shape == (1,)
    with mpmath.workdps(digits + 400):
        exact = [[mpmath.mpf(x.numerator) / x.denominator for x in map(F, row)] for row in (z, v)]
        root = oracle.margin(exact[0], exact[1], mpmath.mpf(epsilon), digits)
    assert_enclosed(got[0], root, bits, bits_lost(epsilon), digits - 2)


@BITS
def test_enclosure_of_rational_probabilities(bits: int) -> None:
    """Logits that are logarithms, themselves known to `bits` bits only."""
    digits = round(0.31 * bits) + 20
    p = [F(1, 3), F(1, 2), F(1, 6)]
    with et.precision(bits):
        got = stability_margin(np.log(balls([p])), balls([[1, 0, F(-1, 3)]]), et.exact(1, 10))
    with mpmath.workdps(digits + 60):
        z = [mpmath.log(mpmath.mpf(x.numerator) / x.denominator) for x in p]
        root = oracle.margin(z, [mpmath.mpf(1), mpmath.mpf(0), -mpmath.mpf(1) / 3], mpmath.mpf(1) / 10, digits)
    assert_enclosed(got[0], root, bits, bits_lost(0.1), digits - 2)


@BITS
def test_enclosure_with_weights(bits: int) -> None:
    digits = round(0.31 * bits) + 20
    z, v, weights = [[0, 1, 2], [3, 0, 0]], [[1, 0, -1], [0, 5, 1]], [F(1, 4), F(3, 4)]
    with et.precision(bits):
        got = stability_margin(balls([z]), balls([v]), balls([F(1, 8)]), weights=balls([weights]))
        model = quadratic_stability_margin(balls([z]), balls([v]), balls([F(1, 8)]), weights=balls([weights]))
    assert_enclosed(
        got[0], oracle.weighted_margin(z, v, 0.125, [0.25, 0.75], digits), bits, bits_lost(0.125), digits - 2
    )
    with mpmath.workdps(digits + 20):
        variance = mpmath.mpf(0)
        for w, row, move in zip(weights, z, v, strict=True):
            total = mpmath.fsum(mpmath.exp(x) for x in row)
            moments = [
                mpmath.fsum(mpmath.exp(x) * y**k for x, y in zip(row, move, strict=True)) / total for k in (1, 2)
            ]
            variance += mpmath.mpf(w.numerator) / w.denominator * (moments[1] - moments[0] ** 2)
        assert_enclosed(model[0], mpmath.sqrt(mpmath.mpf(1) / 4 / variance), bits, 16, digits)


@BITS
def test_enclosure_of_the_closed_form(bits: int) -> None:
    """``arcosh(exp(1/8))``, by the same balls: ``log(e + sqrt(e^2 - 1))``."""
    with et.precision(bits):
        got = stability_margin(balls([[0, 0]]), balls([[1, -1]]), balls([F(1, 8)]))
    before, flint.ctx.prec = flint.ctx.prec, bits + 64
    try:
        e = (flint.arb(1) / 8).exp()
        assert et.Ball(got[0]).arb.contains((e + (e * e - 1).sqrt()).log())
    finally:
        flint.ctx.prec = before


def test_enclosures_need_no_batch() -> None:
    """Shapes (A,), (A,) and () on balls, as on floats."""
    epsilon = np.empty((), dtype=object)
    epsilon[()] = et.Ball(F(1, 8))
    root = mpmath.acosh(mpmath.exp(0.125))
    with et.precision(64):
        for bound in (epsilon, et.Ball(F(1, 8)), 0.125, et.exact(1, 8)):
            got = stability_margin(balls([0, 0]), balls([1, -1]), bound)
            assert_enclosed(np.asarray(got)[()], root, 64, 16, 15)


def test_a_batch_of_balls_is_its_instances() -> None:
    z, v = [[0, 1], [3, 0], [0, 0]], [[1, 0], [1, 5], [1, -1]]
    with et.precision(128):
        got = stability_margin(balls(z), balls(v), balls([F(1, 8), F(1, 100), 2]))
        for i, epsilon in enumerate((F(1, 8), F(1, 100), 2)):
            one = stability_margin(balls([z[i]]), balls([v[i]]), balls([epsilon]))[0]
            assert et.Ball(one).arb.overlaps(et.Ball(got[i]).arb)


@pytest.mark.parametrize("function", [stability_margin, quadratic_stability_margin])
def test_infinite_on_balls(function: Any) -> None:
    with et.precision(64):
        got = function(balls([[0, 1], [0, 1]]), balls([[F(1, 3), F(1, 3)], [1, 2]]), balls([1, 1]))
        infinite, finite = (et.Ball(x).midpoint() for x in got)
    assert infinite == math.inf
    assert math.isfinite(finite)


# Errors ---------------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "zero": ("epsilon", {"epsilon": 0.0}),
    "negative": ("epsilon", {"epsilon": -1.0}),
    "undefined": ("epsilon", {"epsilon": math.nan}),
    "one of a batch": (r"epsilon\[1\]", {"epsilon": [1.0, 0.0]}),
    "a word": ("epsilon", {"epsilon": "large"}),
    "shape of epsilon": ("epsilon", {"epsilon": [1.0, 1.0, 1.0]}),
    "undefined logit": ("z", {"z": np.array([[0.0, math.nan], [0.0, 0.0]])}),
    "infinite direction": ("direction", {"direction": np.array([math.inf, 0.0])}),
    "shapes": ("direction", {"direction": np.zeros((2, 3))}),
    "no actions": ("z", {"z": np.zeros((2, 0))}),
    "negative weight": (r"weights\[1\]", {"weights": [1.0, -1.0], "epsilon": 1.0}),
    "undefined weight": ("weights", {"weights": [1.0, math.nan], "epsilon": 1.0}),
    "number of weights": ("weights", {"weights": [1.0, 1.0, 1.0], "epsilon": 1.0}),
    "weights without states": (
        "weights",
        {"z": np.zeros(2), "direction": np.ones(2), "weights": [1.0], "epsilon": 1.0},
    ),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("function", [stability_margin, quadratic_stability_margin])
def test_errors_name_the_argument(function: Any, name: str) -> None:
    argument, changes = BAD[name]
    arguments: dict[str, Any] = {
        "z": np.array([[0.0, 1.0], [0.0, 0.0]]),
        "direction": np.array([1.0, -1.0]),
        "epsilon": np.array([1.0, 2.0]),
        **changes,
    }
    with pytest.raises(ValueError, match=argument):
        function(**arguments)


# An infinite margin on balls is certain --------------------------------------------------------------------------


def test_a_direction_that_may_move_has_no_infinite_margin() -> None:
    """An interval around zero is no constant direction, nor one below the smallest double: log cosh(eta v / 2) = 1."""
    z = balls([[0, 0]])
    with et.precision(64):
        wide = np.array([[et.Ball(flint.arb(0, 1)), et.Ball(0)]], dtype=object)
        with pytest.raises(et.UndecidedComparison):
            stability_margin(z, wide, balls([1]))
        tiny = np.array([[et.Ball(10) ** -400, et.Ball(0)]], dtype=object)
        scaled = et.Ball(stability_margin(z, tiny, balls([1]))[0] / 10**400)
        assert scaled.midpoint() == pytest.approx(2 * math.acosh(math.e), rel=8 * EPS)
        assert stability_margin(z, balls([[3, 3]]), balls([1]))[0].midpoint() == math.inf


def _inverse_margin(x: Any) -> Any:
    return 1 / stability_margin(0 * np.stack([x, x], -1), np.stack([x, 0 * x], -1), et.exact(1, 2))


def test_margins_prove_nothing_false() -> None:
    """x - x^3 is largest at 1/sqrt(3), where the sides are equal; at a needle of x the second claim fails by far."""
    d = et.domains
    peak = et.Inequality(
        name="cubic",
        given={"x": d.reals(-1, 1)},
        lhs=lambda x: _inverse_margin(x - x**3),
        rhs=lambda x: _inverse_margin(2 / (3 * np.sqrt(et.exact(3))) + 0 * x),
        strict=True,
    )
    needle = et.Inequality(
        name="needle",
        given={"x": d.reals(-1, 1)},
        lhs=lambda x: _inverse_margin(x * np.exp(-(((x - et.exact("0.123456789")) * 10**8) ** 2))),
        rhs=et.exact(1, 100),
    )
    for claim in (peak, needle):
        assert prove(claim, most_boxes=300) is None


def test_a_float_epsilon_is_no_counterexample() -> None:
    """0.1 stands for all numbers that it may be the rounding of: neither direction is refuted."""
    given, unit = {"z": et.domains.reals(-3, 3)}, np.array([1.0, 0.0])

    def at(epsilon: Any) -> Any:
        return lambda z: stability_margin(np.stack([z, 0 * z], -1), unit + 0 * z[..., None], epsilon)

    for low, high in ((0.1, et.exact("0.1")), (et.exact("0.3"), 0.3)):
        verdict = et.verify(et.Inequality(name="epsilon", given=given, lhs=at(low), rhs=at(high)), budget=500)
        assert isinstance(verdict, et.Verdict)
        assert verdict.outcome != "refuted"


# At the ends of the range ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [-900, -1, 0, 900])
@pytest.mark.parametrize("weights", [None, [0.5]])
def test_directions_of_every_size(exponent: int, weights: Any) -> None:
    """A power of two rounds nothing, and the square of 2**900 exceeds the largest double."""
    z, v = np.array([[0.5, -1.0, 2.0]]), np.array([[1.0, -1.0, 0.25]])
    if weights is None:
        z, v = z[0], v[0]
    for function in (stability_margin, quadratic_stability_margin):
        one = function(z, v, 0.25, weights=weights)
        other = function(z, v * 2.0**exponent, 0.25, weights=weights)
        np.testing.assert_allclose(other * 2.0**exponent, one, rtol=2 * MODERATE, atol=0)


def test_the_largest_direction_that_has_weight_sets_the_scale() -> None:
    large, still, small = [2.0**900, -(2.0**900)], [0.0, 0.0], [2.0**-100, -(2.0**-100)]
    z = np.array([[0.5, -1.0], [1.0, 0.0]])
    for second, weights in ((still, [0.5, 0.25]), (small, [0.5, 0.25]), (large, [0.5, 0.0])):
        v = np.array([large, second])
        got = stability_margin(z, v, 0.25, weights=weights)
        np.testing.assert_allclose(got, stability_margin(z[0], v[0], 0.5), rtol=2 * MODERATE, atol=0)
    v = np.array([[1.0, -1.0], [2.0**900, -(2.0**900)]])
    got = stability_margin(z, v, 0.25, weights=[0.5, 0.0])
    np.testing.assert_allclose(got, stability_margin(z[0], v[0], 0.5), rtol=2 * MODERATE, atol=0)


def test_a_wide_direction_of_little_weight_beside_a_narrow_one() -> None:
    """The bound from below counts each state with its weight."""
    z, v, weights = np.array([[0.5, -1.0], [1.0, 0.0]]), np.array([[1e-3, 0.0], [1.0, 0.0]]), [1.0, 1e-12]
    root, limit = root_and_limit(z, v, 1e-6, weights)
    assert_close(stability_margin(z, v, 1e-6, weights=weights), root, limit + FACTOR * EPS * 2)


def test_a_margin_beyond_the_largest_double_is_infinite() -> None:
    """About exp(2000): the second action has to lose all that it has."""
    assert stability_margin([0.0, -2000.0], [0.0, -1.0], 1.0) == math.inf
    assert stability_margin([0.0, -1e300], [0.0, -1.0], 1.0) == math.inf
    usual = stability_margin([0.0, -1.0], [0.0, -1.0], 1.0)
    both = stability_margin([[0.0, -2000.0], [0.0, -1.0]], [0.0, -1.0], 1.0)
    assert both[0] == math.inf
    np.testing.assert_allclose(both[1], usual, rtol=2 * MODERATE)


def test_weights_may_have_the_axes_of_the_batch() -> None:
    z, v = moderate_rays(3)
    weights = np.array([[0.2, 0.7, 0.1], [1.0, 0.0, 0.0]])
    for function in (stability_margin, quadratic_stability_margin):
        got = function(z, v, 0.01, weights=weights)
        assert got.shape == (2,)
        np.testing.assert_allclose(got[1], function(z[0], v[0], 0.01), rtol=2 * MODERATE)


def test_balls_beyond_the_doubles_are_undecided() -> None:
    usual, beyond = [[0, 0], [1, -1]], F(1, 10**400)
    with et.precision(64):
        for z, v, epsilon in (
            ([[2**2000, 0]], [usual[1]], [1]),
            ([usual[0], usual[0]], [usual[1], usual[1]], [1, beyond]),
            ([usual[0]], [usual[1]], [beyond]),
            ([usual[0], [0, -2000]], [usual[1], [0, -1]], [1, 1]),
        ):
            with pytest.raises(et.UndecidedComparison, match="cannot be told from one without a finite margin"):
                stability_margin(balls(z), balls(v), balls(epsilon))


@pytest.mark.parametrize("scale", [F(1), F(10**4000), F(1, 10**4000)])
def test_directions_of_every_size_on_balls(scale: Any) -> None:
    """The largest entry counts, not the smallest, and none of them that is zero after centring."""
    with et.precision(128):
        one = stability_margin(balls([[0, 0, 0]]), balls([[1, 0, -1]]), balls([F(1, 8)]))[0]
        v = [[scale, scale / 10**400, -scale]]
        other = stability_margin(balls([[0, 0, 0]]), balls(v), balls([F(1, 8)]))[0]
        assert abs(et.Ball(other) * scale / one - 1) < F(1, 2**64)


def test_weights_of_zero_and_still_states_on_balls() -> None:
    z, v = [[0, 1], [2, 0]], [[1, -1], [3, 3]]
    with et.precision(64):
        alone = stability_margin(balls([z[0]]), balls([v[0]]), balls([F(1, 8)]))[0]
        for weights in ([1, 5], [1, 0]):
            got = stability_margin(balls([z]), balls([v]), balls([F(1, 8)]), weights=balls([weights]))[0]
            assert et.Ball(got).arb.overlaps(et.Ball(alone).arb)
        moving = stability_margin(balls([z]), balls([[v[0], v[0]]]), balls([F(1, 8)]), weights=balls([[1, 0]]))[0]
        assert et.Ball(moving).arb.overlaps(et.Ball(alone).arb)
        assert stability_margin(balls([z]), balls([v]), 1, weights=balls([[0, 1]]))[0].midpoint() == math.inf


def test_the_quadratic_margin_of_balls_needs_no_batch() -> None:
    with et.precision(64):
        got = quadratic_stability_margin(balls([0, 0]), balls([1, -1]), et.exact(1, 8))
        assert abs(et.Ball(np.asarray(got)[()]) - F(1, 2)) < F(1, 2**50)


def test_a_margin_is_not_differentiated() -> None:
    direction = balls([[1, -1]])
    direction[0, 0] = Dual(direction[0, 0], 1)
    with et.precision(64), pytest.raises(ValueError, match="direction holds dual numbers"):
        stability_margin(balls([[0, 0]]), direction, balls([1]))


@pytest.mark.parametrize("epsilon", [5e-324, [1.0, 5e-324], [5e-324, 1.0]])
def test_a_divergence_below_the_doubles_is_refused(epsilon: Any) -> None:
    """A weight of 1e300 makes the bound on the divergence of the one state 5e-624."""
    with pytest.raises(OverflowError, match="epsilon is too small beside direction and weights"):
        stability_margin(np.zeros((1, 2)), np.array([[1.0, -1.0]]), epsilon, weights=[1e300])

"""The numbers of the figure of Lemma IV.2, by routes of their own.

The first-order change is a central difference of the entropy along the direction, which knows no covariance; the exact
one is the difference of two entropies; both with 80 digits.
"""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from entropy_theory.figures import lemma_iv_2
from tests.drawings import shows_curve, words
from tests.oracles import policies, simplex

EPS = 2.0**-52
CHANGE = 20 * EPS
"""Of a first-order or an exact change, per unit of the step: some roundings of ``p_a |log p_a + H| |D_a - E D|``. For
four actions and ``osc(D) = 1`` the sum of that is at most ``sqrt(Var(log p)) / 2 < 0.7``; log p itself is a difference
of logits up to 8, and so known to 4 EPS."""
precise = mpmath.workdps(80)


@pytest.fixture(scope="module", name="data")
def _data() -> lemma_iv_2.Data:
    return lemma_iv_2.data()


def moved(z: Any, d: Any, t: Any) -> Any:
    """Entropy of the policy with logits ``z + t D``."""
    return policies.entropy([x + t * y for x, y in zip(z, d, strict=True)])


@pytest.fixture(scope="module", name="slopes")
def _slopes(data: lemma_iv_2.Data) -> list[Any]:
    """Derivative of the entropy along each direction; the difference errs by the order of its step squared."""
    with precise:
        h = mpmath.mpf(10) ** -25
        pairs = zip(simplex.wide(data.logits), simplex.wide(data.direction), strict=True)
        return [(moved(z, d, h) - moved(z, d, -h)) / (2 * h) for z, d in pairs]


@pytest.fixture(scope="module", name="remainders")
def _remainders(data: lemma_iv_2.Data, slopes: list[Any]) -> Any:
    """Signed remainders of the curves, (CURVES, len(step))."""
    with precise:
        some = slice(0, lemma_iv_2.CURVES)
        steps, logits, directions = map(simplex.wide, (data.step, data.logits[some], data.direction[some]))
        cases = [(moved(z, d, 0), z, d, slope) for z, d, slope in zip(logits, directions, slopes[some], strict=True)]
        rows = [[moved(z, d, t) - start - t * slope for t in steps] for start, z, d, slope in cases]
        return np.array(rows, dtype=object)


def test_random_policies_and_directions(data: lemma_iv_2.Data) -> None:
    rng = np.random.default_rng(lemma_iv_2.SEED)
    shape = (lemma_iv_2.POLICIES, lemma_iv_2.ACTIONS)
    factor = rng.uniform(0, 3, (shape[0], 1))
    logits, direction = rng.standard_normal(shape) * factor, rng.standard_normal(shape)
    np.testing.assert_allclose(data.logits, logits, rtol=2 * EPS)
    width = direction.max(-1, keepdims=True) - direction.min(-1, keepdims=True)
    np.testing.assert_allclose(data.direction, direction / width, rtol=2 * EPS)
    np.testing.assert_allclose(np.ptp(data.direction, axis=-1), 1, rtol=2 * EPS)


def test_changes(data: lemma_iv_2.Data, slopes: list[Any]) -> None:
    assert data.predicted.shape == (lemma_iv_2.POLICIES,)
    assert data.exact.shape == (len(lemma_iv_2.STEPS), lemma_iv_2.POLICIES)
    with precise:
        for i, (z, d) in enumerate(zip(simplex.wide(data.logits), simplex.wide(data.direction), strict=True)):
            assert abs(data.predicted[i] - slopes[i]) < CHANGE
            start = moved(z, d, 0)
            for t, change in zip(simplex.wide(lemma_iv_2.STEPS), data.exact[:, i], strict=True):
                assert abs(change - (moved(z, d, t) - start) / t) < CHANGE


def test_small_steps_lie_on_the_line_and_large_ones_leave_it_within_the_band(data: lemma_iv_2.Data) -> None:
    with precise:
        constant = mpmath.mpf(1) / 8 + mpmath.log(3) / (12 * mpmath.sqrt(3))
        assert abs(data.constant - constant) < 2 * EPS
    assert f"{data.constant:.3f}" == "0.178"
    off = np.abs(data.exact - data.predicted)
    assert lemma_iv_2.STEPS == (2, 0.5, 0.05)
    assert (off < data.constant * np.array(lemma_iv_2.STEPS)[:, None]).all()
    assert off[2].max() < 0.01
    assert off[0].max() > 0.2
    assert (off[:2].max(-1) > 3 * off[1:].max(-1)).all()
    assert data.predicted.min() < 0 < data.predicted.max()  # falls and rises of the entropy


def test_grid_and_bound(data: lemma_iv_2.Data) -> None:
    assert data.step.shape == data.bound.shape == (131,)
    with precise:
        for k, (t, bound) in enumerate(zip(data.step, data.bound, strict=True)):
            exact = mpmath.mpf(10) ** (mpmath.mpf(k) / 10 - 12)
            assert abs(t - exact) < 40 * EPS * exact  # exp of a logarithm of size 28, rounded
            assert abs(bound - data.constant * mpmath.mpf(t) ** 2) < 4 * EPS * bound


def test_remainder(data: lemma_iv_2.Data, remainders: Any) -> None:
    """A difference of two changes of size t, which is known to `CHANGE` times t; so slope two is seen at 1e-12."""
    assert data.remainder.shape == (lemma_iv_2.CURVES, 131)
    with precise:
        error = abs(data.remainder - abs(remainders)) / (CHANGE * data.step)
        assert error.max() < 1
    assert (data.remainder <= data.bound).all()
    assert (np.abs(remainders) <= data.bound).all()
    assert (data.remainder[:, 0] < 1e-25).all()


def test_slopes(data: lemma_iv_2.Data, remainders: Any) -> None:
    """Least squares, on the data and on the exact remainders; an error of a remainder counts by its share of it."""
    chosen = (data.step > 0.99e-9) & (data.step < 1.01e-3)
    assert chosen.sum() == 61
    x = np.log(data.step[chosen])
    weight = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    np.testing.assert_allclose(data.order, np.log(data.remainder[:, chosen]) @ weight, rtol=1e-12)
    with precise:
        logs = np.array([[float(mpmath.log(abs(r))) for r in row] for row in remainders[:, chosen]])
    room = (CHANGE * data.step / data.remainder)[:, chosen] @ np.abs(weight)
    assert (np.abs(data.order - logs @ weight) < room + 1e-12).all()
    assert room.max() < 1e-4
    assert {f"{order:.3f}" for order in data.order} == {"2.000"}


def test_plain_difference_drowns_in_rounding(data: lemma_iv_2.Data, remainders: Any) -> None:
    """Entropies up to log 4 are known to some units of EPS, and so is their difference, however small the step."""
    with precise:
        error = abs(data.plain - abs(remainders[0]))
        assert (error < 10 * EPS * (1 + data.step)).all()
    lost = data.step[error > abs(remainders[0]) / 10]
    assert data.lost == lost.max()
    assert 1e-8 < data.lost < 1e-6
    small = data.step < 1e-10
    assert (data.plain[small] > data.bound[small]).mean() > 0.8  # a bound that is proved, so that none of it is true
    assert (data.remainder[0][small] < 1e-20).all()


def test_data_are_the_same_each_time(data: lemma_iv_2.Data) -> None:
    again = lemma_iv_2.data()
    for name in lemma_iv_2.Data.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))


def test_picture_shows_the_data(data: lemma_iv_2.Data) -> None:
    left, right = lemma_iv_2.draw(data).axes
    for exact in data.exact:
        assert shows_curve(left, data.predicted, exact)
    curves = [np.asarray(line.get_xydata()) for line in left.lines]
    [line] = [curve for curve in curves if len(curve) == 2]
    np.testing.assert_array_equal(line[:, 0], line[:, 1])
    assert (left.get_xlim()[0], left.get_xlim()[1]) == (line.min(), line.max())
    assert np.abs(data.predicted).max() < line.max()
    [band] = [c for c in left.collections if isinstance(c, PolyCollection)]
    corners: Any = band.get_paths()[0].vertices
    np.testing.assert_allclose(np.abs(corners[:, 1] - corners[:, 0]), 2 * data.constant, rtol=8 * EPS)
    assert {*np.sign(corners[:, 1] - corners[:, 0])} == {-1, 1}
    for y in (*data.remainder, data.bound, data.plain, data.step):
        assert shows_curve(right, data.step, y)
    said = words(right)
    assert f"{len(data.remainder)} policies: slope 2.000" in said
    assert "0.178 step" in said
    assert "10^{-6.8}" in said
    assert f"{np.log10(data.lost):.1f}" == "-6.8"

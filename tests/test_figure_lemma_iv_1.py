"""The numbers of the figure of Lemma IV.1, by routes of their own.

The gradient of the entropy and the motion along it come from dual numbers, the natural gradient from solving ``F u =
grad H`` with the Fisher matrix F. For ``p = ((1 - e)/2, (1 - e)/2, e)`` let ``u = log(p_1 / p_3)``. Then ``log p_3 + H
= -(1 - e) u``, and ``d(log e) = -(1 - e) du``. Along the natural gradient ``log p_3`` grows at the rate ``(1 - e) u``,
so that the time from u_0 to u_1 is ``log(u_0 / u_1)``. Along the gradient the rate is ``3/2 e (1 - e)^2 u``; with ``e
= 1 / (1 + 2 exp u)`` the time is the integral of ``(2 exp u + 2 + exp(-u)/2) / (3/2 u)``, which exponential integrals
give.
"""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
from matplotlib.collections import TriMesh
from matplotlib.quiver import Quiver

from entropy_theory.figures import lemma_iv_1
from tests.drawings import cartesian, contours, shows_curve, words
from tests.oracles import decision, dual, simplex

EPS = 2.0**-52
RELATIVE = 1000 * EPS
"""Of the rates of a rare action: some tens of roundings. The policy is rounded; at the largest e, 0.3, p_1 is near to
p_3, so that u = 0.15 loses a digit."""


@pytest.fixture(scope="module", name="data")
def _data() -> lemma_iv_1.Data:
    return lemma_iv_1.data()


def flow(p: Any) -> tuple[Any, Any]:
    """grad H, and p' along ``z' = grad H``, by differentiation alone."""
    policy = decision.softmax([dual.variables([mpmath.log(x) for x in p])])[0]
    h = decision.state_entropy(policy).gradient
    return h, [mpmath.fdot(x.gradient, h) for x in policy]


def natural(p: Any, h: Any) -> Any:
    """u with ``F u = grad H``, ``F = diag(p) - p p'``, and ``E_p u = 0``."""
    fisher = [[p[a] * ((a == b) - p[b]) for b in range(3)] for a in range(2)]
    return decision.solve([*fisher, list(p)], [h[0], h[1], mpmath.mpf(0)])


def test_policies_and_axis(data: lemma_iv_1.Data) -> None:
    for got, size in ((data.policies, 240), (data.starts, lemma_iv_1.ARROWS)):
        parts = simplex.lattice(size)
        assert got.shape == parts.shape
        np.testing.assert_allclose(got, simplex.floats(parts), rtol=4 * EPS)
    assert (data.rare.size, data.rare[0], data.rare[-1]) == (300, 1e-6, 0.3)
    # exp of a logarithm of size 14, rounded
    np.testing.assert_allclose(np.diff(np.log(data.rare)), np.log(0.3 / 1e-6) / 299, rtol=0, atol=60 * EPS)


def test_entropy_and_surplus(data: lemma_iv_1.Data) -> None:
    # Terms of size log p <= 6.6, some of which cancel, each to a few roundings.
    size = 100 * EPS
    p = simplex.floats(simplex.lattice(240))
    np.testing.assert_allclose(data.entropy, simplex.entropy(p), rtol=0, atol=size)
    np.testing.assert_allclose(data.surplus, simplex.surplus(p), rtol=0, atol=size)
    chosen = np.unique(np.concatenate([simplex.sample(values, 300) for values in data.surplus.T]))
    with simplex.precise:
        p = simplex.exact(simplex.lattice(240)[chosen])
        assert abs(simplex.entropy(p) - data.entropy[chosen]).max() < size
        assert abs(simplex.surplus(p) - data.surplus[chosen]).max() < size


def test_an_entry_is_zero_only_at_exp_minus_entropy(data: lemma_iv_1.Data) -> None:
    """The signs on both sides of the curves; on a rational policy an entry is zero only if the policy is uniform."""
    parts = simplex.lattice(240)
    p = simplex.floats(parts)
    above = p > np.exp(-simplex.entropy(p))[:, None]
    uniform: Any = (parts == 241).all(-1)
    assert uniform.sum() == 1
    assert np.abs(data.surplus[uniform]).max() <= 8 * EPS
    np.testing.assert_array_equal(data.surplus[~uniform] > 0, above[~uniform])
    # Not a matter of rounding: the nearest one, which the test above compares with 50 digits, is well away from 0.
    assert np.abs(data.surplus[~uniform]).min() > 1e-8
    assert (data.surplus[~uniform].max(-1) > 0).all()
    assert (data.surplus[~uniform].min(-1) < 0).all()


def test_velocities(data: lemma_iv_1.Data) -> None:
    with simplex.precise:
        for p, velocity in zip(simplex.exact(simplex.lattice(lemma_iv_1.ARROWS)), data.velocities, strict=True):
            _, exact = flow(p)
            # p_a times a difference of terms that are of the size of log p <= 3.8, but may cancel
            assert all(abs(x - y) < 100 * EPS for x, y in zip(velocity, exact, strict=True))
    np.testing.assert_allclose(data.velocities.sum(-1), 0, rtol=0, atol=8 * EPS)
    # To the uniform policy: KL(uniform || p) = const - sum log p_a / 3 falls, and the entropy rises.
    assert ((data.velocities / data.starts).sum(-1) > 0).all()
    assert (-(data.velocities * np.log(data.starts)).sum(-1) > 0).all()


def test_rates_of_a_rare_action(data: lemma_iv_1.Data) -> None:
    assert data.vanilla.shape == data.natural.shape == data.rare.shape
    with simplex.precise:
        for i in [*range(0, 300, 10), 299]:
            e = mpmath.mpf(data.rare[i])
            p = [(1 - e) / 2, (1 - e) / 2, e]
            h, velocity = flow(p)
            rate = natural(p, h)[2]
            assert abs(data.vanilla[i] - velocity[2] / e) <= RELATIVE * abs(velocity[2] / e)
            assert abs(data.natural[i] - rate) <= RELATIVE * rate
            u = mpmath.log((1 - e) / 2 / e)
            assert mpmath.almosteq(velocity[2] / e, 1.5 * e * (1 - e) ** 2 * u, 1e-40)
            assert mpmath.almosteq(rate, (1 - e) * u, 1e-40)


def test_ever_more_slowly_and_ever_faster(data: lemma_iv_1.Data) -> None:
    """The rate along the gradient peaks where ``(1 - 3 e) u = 1``, and tends to 0 as ``3/2 e (log(1/e) - log 2)``."""
    peak = float(mpmath.findroot(lambda e: (1 - 3 * e) * mpmath.log((1 - e) / 2 / e) - 1, 0.1))
    before = data.rare <= peak
    assert 0.1 < peak < 0.11
    assert 270 < before.sum() < 300
    assert (np.diff(data.vanilla[before]) > 0).all()
    assert (np.diff(data.vanilla[data.rare >= peak]) < 0).all()
    assert (np.diff(data.natural) < 0).all()
    assert (data.vanilla < data.natural).all()
    e = data.rare[:100]
    limit = 1.5 * e * np.log(0.5 / e)
    # (1 - e)^2 is 1 - 2 e; u lies below log(0.5 / e) > 8 by e.
    assert (np.abs(data.vanilla[:100] / limit - 1) < 3 * e).all()
    assert (np.diff(np.abs(data.vanilla[:100] / (1.5 * e * np.log(1 / e)) - 1)) > 0).all()
    assert (np.abs(data.natural[:100] - np.log(0.5 / e)) < 20 * e).all()


def test_times(data: lemma_iv_1.Data) -> None:
    with simplex.precise:
        low, high = (mpmath.log((1 - e) / 2 / e) for e in map(mpmath.mpf, (0.25, 1e-4)))
        growing = 2 * (mpmath.ei(high) - mpmath.ei(low)) + (mpmath.e1(low) - mpmath.e1(high)) / 2
        times = (growing + 2 * mpmath.log(high / low)) / 1.5, mpmath.log(high / low)
        # the accuracy of a quadrature with scipy's own settings, 1.5e-8, met with room to spare
        assert all(abs(x / y - 1) < 1e-10 for x, y in zip(data.times, times, strict=True))
        assert [mpmath.nstr(x, 3) for x in times] == ["916.0", "3.04"]
    assert (lemma_iv_1.LOST, lemma_iv_1.FOUND) == (1e-4, 0.25)


def test_data_are_the_same_each_time(data: lemma_iv_1.Data) -> None:
    again = lemma_iv_1.data()
    for name in lemma_iv_1.Data.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))


def test_picture_shows_the_data(data: lemma_iv_1.Data) -> None:
    left, right = lemma_iv_1.draw(data).axes
    assert shows_curve(right, data.rare, data.vanilla)
    assert shows_curve(right, data.rare, data.natural)
    assert "0.0001 to 0.25 in 916 units of time" in words(right)
    assert "0.0001 to 0.25 in 3.0 units of time" in words(right)
    [shading] = [c for c in left.collections if isinstance(c, TriMesh)]
    np.testing.assert_array_equal(shading.get_array(), data.entropy)
    [arrows] = [c for c in left.collections if isinstance(c, Quiver)]
    np.testing.assert_allclose(np.asarray(arrows.XY), cartesian(data.starts), rtol=0, atol=8 * EPS)
    drawn = np.stack([np.ma.getdata(arrows.U), np.ma.getdata(arrows.V)], -1)
    np.testing.assert_allclose(drawn, cartesian(data.velocities), rtol=0, atol=8 * EPS)


def test_each_curve_is_where_one_entry_is_zero(data: lemma_iv_1.Data) -> None:
    """The points of the curve of action a are policies with ``p_a = exp(-H)``, to the error of interpolation."""
    left, _ = lemma_iv_1.draw(data).axes
    curves = contours(left, filled=False)
    assert len(curves) == 3
    for a, curve in enumerate(curves):
        x, top = curve.get_paths()[0].vertices.T
        p = np.stack([top, (1 - top - np.sqrt(3) * x) / 2, (1 - top + np.sqrt(3) * x) / 2], axis=-1)
        # Linear over steps of 1/241; the second derivatives of p_a - exp(-H) grow as 1 / p next to a side.
        away = p.min(-1) > 0.01
        assert away.sum() > 200
        assert np.abs(p[away, a] - np.exp(-simplex.entropy(p[away]))).max() < 100 / 241**2 / 8
        assert np.ptp(p[:, a]) > 0.1

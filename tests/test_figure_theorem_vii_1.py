"""The numbers of the figure of Theorem VII.1, in rational numbers.

The moments are sums over all outcomes, token and mask, of the update as the text defines it. Where masking adds to the
variance is decided exactly. A float is a rational number, and its error is known exactly as well.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from entropy_theory.figures import theorem_vii_1
from tests.drawings import shows_curve, words
from tests.oracles import enumeration

EPS = Fraction(1, 2**52)
P = [Fraction(j, 200) for j in range(1, 200)]
RHO = [Fraction(i, 100) for i in range(101)]
RATIOS = [Fraction(k) for k in theorem_vii_1.RATIOS]


@pytest.fixture(scope="module", name="data")
def _data() -> theorem_vii_1.Data:
    return theorem_vii_1.data()


def exactly(got: Any) -> Any:
    return np.frompyfunc(Fraction, 1, 1)(np.asarray(got, dtype=object))


def errors(got: Any, exact: Any) -> Any:
    """Of an array of floats of the expected shape, entry by entry."""
    assert got.shape == np.shape(exact)
    return abs(exactly(got) - np.array(exact, dtype=object))


def token(p: Fraction, rho: Fraction) -> tuple[Fraction, Fraction]:
    """Mean and variance of the first entry of ``A (e_a - p)``, ``A = r - p_1``; rho drops the token."""
    mean, covariance = enumeration.moments(enumeration.masked_tokens([p, 1 - p], [1 - p, -p], [1 - rho] * 2, 1))
    return mean[0], covariance[0][0]


@pytest.fixture(scope="module", name="unmasked")
def _unmasked() -> Any:
    """Means and variances without a mask, (2, 199)."""
    return np.array([token(p, Fraction(0)) for p in P], dtype=object).T


@pytest.fixture(scope="module", name="excess")
def _excess(unmasked: Any) -> Any:
    """What masking adds: of the second moment ``s2 + m^2`` the share 1 - rho is left, and so of the mean."""
    m, s2 = unmasked
    kept = 1 - np.array(RHO, dtype=object)[:, None]
    return kept * (s2 + m**2) - (kept * m) ** 2 - s2


def relative(k: Fraction) -> list[Fraction]:
    """Masked over unmasked variance: outcomes ``m``, ``m - c`` and ``m + c`` of variance s2, ``m^2 = k s2``."""
    m, s2 = k, max(k, Fraction(1))
    c = s2 + 1
    side = s2 / c**2 / 2
    outcomes = [(1 - 2 * side, [m]), (side, [m - c]), (side, [m + c])]
    assert enumeration.moments(outcomes)[1][0][0] == s2
    return [enumeration.moments(enumeration.masked_updates(outcomes, rho))[1][0][0] / s2 for rho in RHO]


def test_grids(data: theorem_vii_1.Data) -> None:
    assert theorem_vii_1.REWARD == (1, 0)
    assert errors(data.rho, RHO).max() <= EPS
    assert errors(data.probability, P).max() <= EPS
    assert (data.rho[0], data.rho[-1], data.probability[99]) == (0, 1, 0.5)


def test_relative_variance(data: theorem_vii_1.Data) -> None:
    """To the rounding of a sum of two terms, up to ``1 + k/4``; above one at first exactly where k is above one."""
    exact = np.array([relative(k) for k in RATIOS])
    error = errors(data.relative, exact)
    for k, row, values, wrong in zip(RATIOS, data.relative, exact, error, strict=True):
        assert wrong.max() <= 4 * EPS * (1 + k)
        assert (values[1] > 1) == (row[1] > 1) == (k > 1)
        assert (row.max() > 1 + EPS) == (k > 1)
    assert (data.relative[:, 0] == 1).all()
    assert (data.relative[:, -1] == 0).all()


def test_crossings(data: theorem_vii_1.Data) -> None:
    """The mask probabilities at which the sums over the outcomes change from a rise to a fall."""
    above = [k for k in RATIOS if k > 1]
    assert data.crossing.tolist() == [1 - 1 / k for k in above] == [0.5, 0.75, 0.875]
    for k, crossing in zip(above, exactly(data.crossing), strict=True):
        for rho, value in zip(RHO, relative(k), strict=True):
            side = (rho < crossing) - (rho > crossing)
            assert (value > 1) - (value < 1) == (side if rho > 0 else 0)


def test_moments_of_one_token(data: theorem_vii_1.Data, unmasked: Any) -> None:
    """``1 - p_1`` is rounded relative to 1, ``p_1 - p_2`` likewise, and a product of them so often."""
    assert errors(data.mean, unmasked[0]).max() <= 2 * EPS
    assert errors(data.variance, unmasked[1]).max() <= 4 * EPS
    assert unmasked[0].tolist() == [p * (1 - p) for p in P]
    assert unmasked[1].tolist() == [p * (1 - p) * (2 * p - 1) ** 2 for p in P]


def test_excess(data: theorem_vii_1.Data, excess: Any) -> None:
    assert errors(data.excess, excess).max() <= 4 * EPS
    for i in (0, 1, 37, 50, 99, 100):  # the mask itself
        for j in (0, 50, 55, 99, 144, 198):
            assert excess[i, j] == token(P[j], RHO[i])[1] - token(P[j], Fraction(0))[1]
    decided = abs(excess) > 4 * EPS
    np.testing.assert_array_equal((data.excess > 0)[decided], (excess > 0)[decided])
    assert (~decided).sum() <= 101 + 199 + 2  # no mask, or zero itself
    assert (excess[~decided] == 0).all()


def test_boundary_parts_rises_from_falls(data: theorem_vii_1.Data, unmasked: Any, excess: Any) -> None:
    m, s2 = unmasked
    exact = 1 - s2 / m**2
    # s2 and m^2, up to 1/16, to some EPS: relative to m^2, and again relative to their quotient.
    assert (errors(data.boundary, exact) <= 8 * EPS * (1 + 1 / m) * (1 + abs(exact))).all()
    rho = np.array(RHO)[1:, None]
    np.testing.assert_array_equal(excess[1:] > 0, rho < exact)
    np.testing.assert_array_equal(excess[1:] == 0, rho == exact)
    away = rho != exact
    np.testing.assert_array_equal((excess[1:] > 0)[away], (rho < exactly(data.boundary))[away])
    assert [rho < 1 for rho in data.boundary].count(False) == 1  # any mask raises it at the uniform policy alone


def test_edges(data: theorem_vii_1.Data, unmasked: Any) -> None:
    """Where ``m^2 = s2``: roots of the difference of the two polynomials, on either side of one half."""
    with mpmath.workdps(50):
        for edge, ends in zip(data.edges, ((0.1, 0.5), (0.5, 0.9)), strict=True):
            root = mpmath.findroot(lambda p: (p - p**2) - (2 * p - 1) ** 2, ends, solver="anderson")
            assert abs(edge - root) < float(EPS)
    inside = (unmasked[0] ** 2 > unmasked[1]).tolist()
    assert inside == [data.edges[0] < p < data.edges[1] for p in P]
    assert [f"{x:.3f}" for x in data.edges] == ["0.276", "0.724"]


def test_example(data: theorem_vii_1.Data) -> None:
    """At the uniform policy both tokens make the same update; a mask with probability 1/2 adds 1/64."""
    half = Fraction(1, 2)
    assert theorem_vii_1.EXAMPLE == (0.5, 0.5)
    assert len({str(x) for w, x in enumeration.masked_tokens([half] * 2, [half, -half], [1, 1], 1) if w}) == 1
    variances = [token(half, rho)[1] for rho in (Fraction(0), half)]
    assert list(data.example) == variances == [0, Fraction(1, 64)]
    assert data.excess[50, 99] == 1 / 64 == data.excess.max()


def test_data_are_the_same_each_time(data: theorem_vii_1.Data) -> None:
    again = theorem_vii_1.data()
    for name in theorem_vii_1.Data.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))


def test_picture_shows_the_data(data: theorem_vii_1.Data, excess: Any) -> None:
    left, right, _ = theorem_vii_1.draw(data).axes
    for row in data.relative:
        assert shows_curve(left, data.rho, row)
    assert shows_curve(left, data.crossing, np.ones(3))
    [excluded] = [c.get_paths()[0].get_extents() for c in left.collections if isinstance(c, PolyCollection)]
    assert (excluded.x0, excluded.x1, excluded.y0, excluded.y1) == (0, 1, 1, left.get_ylim()[1])
    assert shows_curve(right, data.probability, data.boundary)
    assert shows_curve(right, 0.5, 0.5)
    assert "variance 0 becomes 1/64" in words(right)
    assert {"0.276", "0.724"} < {label.get_text() for label in right.get_xticklabels()}
    [image] = right.images
    np.testing.assert_array_equal(image.get_array(), data.excess)
    assert image.origin == "lower"
    np.testing.assert_allclose(image.get_extent(), (0.0025, 0.9975, -0.005, 1.005), rtol=0, atol=1e-15)
    [region] = [c.get_paths()[0] for c in right.collections if isinstance(c, PolyCollection)]
    # The outline joins points 1/200 apart; rho = 0 and 1 are its ends.
    points = np.array([[(p, rho) for p in data.probability] for rho in data.rho[1:-1]])
    clear = np.abs(points[..., 1] - data.boundary) > 1e-9
    assert clear.sum() > 0.99 * clear.size
    np.testing.assert_array_equal(region.contains_points(points[clear]), (excess[1:-1] > 0)[clear])

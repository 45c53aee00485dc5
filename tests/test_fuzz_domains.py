"""Domains that reach the end of the doubles, and draws from them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.leaf import Leaf

d = et.domains

END = 1.7e308

DOMAINS: dict[str, Any] = {
    "wider than a double": d.reals(-END, END),
    "open": d.reals(-END, END, open_low=True, open_high=True),
    "integers": d.integers(-17 * 10**307, 17 * 10**307),
    "one side": d.reals(0, END),
    "far to the right": d.reals(1.5e308, END, open_low=True, open_high=True),
    "without end to the right": d.reals(END, math.inf),
    "without end to the left": d.reals(-math.inf, -END),
    "all doubles": d.reals(-1.7976931348623157e308, 1.7976931348623157e308),
}


@pytest.mark.parametrize("name", DOMAINS)
def test_draws_are_finite_and_inside(name: str) -> None:
    claim = et.Inequality(name="far", given={"x": DOMAINS[name]}, lhs=0, rhs=1)
    drawn = claim.space.draw(np.random.default_rng(0), 4000, {})["x"]
    assert np.isfinite(drawn).all()
    assert claim.space.admits({"x": drawn}).all()
    if name in ("wider than a double", "open", "integers", "all doubles"):
        assert drawn.min() < -1e308 < 1e308 < drawn.max()


@pytest.mark.parametrize("name", DOMAINS)
def test_a_true_claim_is_never_refuted_nor_a_false_one_confirmed(name: str) -> None:
    """They raised an OverflowError, and NumPy warned of overflows."""
    given = {"x": DOMAINS[name]}
    true = et.verify(et.Inequality(name="true", given=given, lhs=lambda x: 0 * x, rhs=1), budget=200)
    false = et.verify(et.Inequality(name="false", given=given, lhs=lambda x: 1 + 0 * x, rhs=0), budget=200)
    assert isinstance(true, et.Verdict)
    assert isinstance(false, et.Verdict)
    assert true.outcome in ("holds", "proved")
    assert false.outcome == "refuted"


def test_a_violation_near_zero_is_found_in_a_domain_of_all_sizes() -> None:
    """The descent goes through sizes, not through numbers: from 1e308 no step of that size comes near."""
    given = {"x": d.reals(-END, END)}
    claim = et.Inequality(name="near", given=given, lhs=lambda x: 1 / (1 + abs(x - 5)), rhs=et.exact(9, 10))
    verdict = et.verify(claim, budget=200)
    assert isinstance(verdict, et.Verdict)
    assert verdict.outcome == "refuted"


@pytest.mark.parametrize("x", [0.0, 1.0, -3.5, 1e-300, 1e12, 1e300, -END, 1.7976931348623157e308])
def test_far_coordinates_lead_back(x: float) -> None:
    leaf = Leaf("real", (), -1.7976931348623157e308, 1.7976931348623157e308)
    free = leaf.to_free(np.array([x]))
    assert abs(free).max() < 711
    assert leaf.from_free(free, ())[0] == pytest.approx(x, rel=1e-12)
    steps = leaf.from_free(np.array([[-1e6], [1e6]]), ())
    assert np.isfinite(steps).all()


def test_near_coordinates_are_the_numbers_themselves() -> None:
    """Also at 1e300: verdicts of claims over such domains keep their bytes."""
    values = np.array([-1e300, -2.5, 1e-300, 1e300])
    leaf = Leaf("real", (), -1e300, 1e300)
    assert np.array_equal(leaf.to_free(values)[:, 0], values)
    assert np.array_equal(leaf.from_free(values[:, None], ()), values)


def test_an_empty_range_says_what_is_missing() -> None:
    with pytest.raises(ValueError, match=r"expected low <= high$"):
        et.domains.reals(2, 1)
    with pytest.raises(ValueError, match=r"expected low < high$"):
        et.domains.reals(1, 1, open_low=True)

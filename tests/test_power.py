"""The labels of the power benchmark are right, whatever the checker says, and the benchmark runs.

The plain sides of a claim are evaluated in mpmath intervals at the witness of a false claim, and to 60 digits at random
points and at the points of equality of a true one; nothing of the package takes part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import iv, mp

import entropy_theory as et
from benchmarks import power
from benchmarks.power_claims import HELD_OUT, LABELLED
from benchmarks.power_claims.contenders import CONTENDERS, available, gradients, hypothesis_find, violated
from benchmarks.power_claims.labelled import Labelled

Array = np.ndarray[Any, Any]

DIGITS = 60

STEPS = (mpmath.mpf(2) ** -30, mpmath.mpf(2) ** -330)
"""Steps between which the ratio of a remainder to its claimed power is compared."""

POINTS = 25

BY_NAME = {x.name: x for x in LABELLED}
TRUE = [x for x in LABELLED if x.true]
FALSE = [x for x in LABELLED if not x.true]


class Multiprecision:
    """The functions that plain sides call, on object arrays of mpmath numbers or intervals."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self.exp, self.log, self.sqrt, self.cos = (
            np.frompyfunc(getattr(context, name), 1, 1) for name in ("exp", "log", "sqrt", "cos")
        )
        self.abs = np.frompyfunc(abs, 1, 1)

    def sum(self, x: Array, axis: int) -> Array:
        return np.asarray(x.sum(axis), dtype=object)

    def stack(self, arrays: list[Array], axis: int) -> Array:
        return np.stack(arrays, axis)

    def max(self, x: Array, axis: int) -> Array:
        return self._reduced(x, max)

    def min(self, x: Array, axis: int) -> Array:
        return self._reduced(x, min)

    def _reduced(self, x: Array, choose: Callable[[Any, Any], Any]) -> Array:
        """Along the last axis; of intervals the interval of what may be chosen."""

        def pair(a: Any, b: Any) -> Any:
            return iv.mpf([choose(a.a, b.a), choose(a.b, b.b)]) if self._context is iv else choose(a, b)

        out = np.empty(x.shape[:-1], dtype=object)
        for index in np.ndindex(out.shape):
            out[index] = reduce(pair, x[index])
        return out


REALS, INTERVALS = Multiprecision(mp), Multiprecision(iv)


def numbers(context: Any, point: tuple[Fraction, ...]) -> Array:
    """A point as an array of one row."""
    out = np.empty((1, len(point)), dtype=object)
    for i, x in enumerate(point):
        out[0, i] = context.mpf(x.numerator) / x.denominator
    return out


def inside(labelled: Labelled, point: tuple[Fraction, ...]) -> bool:
    return any(
        box.size == len(point) and all(a <= x <= b for a, x, b in zip(box.low, point, box.high, strict=True))
        for box in labelled.boxes
    )


def random_points(labelled: Labelled) -> list[tuple[Fraction, ...]]:
    """Dyadic points of the boxes, most of them drawn evenly, some near the corners, the middle or ties."""
    rng = np.random.default_rng([7, len(labelled.name)])
    out = []
    for box in labelled.boxes:
        low, high = np.array(box.low), np.array(box.high)
        for i in range(POINTS):
            u = rng.random(box.size)
            u = [u, np.rint(u), 0.5 + 1e-4 * (u - 0.5), np.rint(4 * u) / 4, u**6][i % 5]
            x = low + (high - low) * u
            x = np.clip(np.rint(x) if labelled.whole else x, low, high)
            if any(v.open_low for v in labelled.claim.given.values() if hasattr(v, "open_low")):
                x = np.clip(x, low + 1e-9, high - 1e-9)
            out.append(tuple(Fraction(float(v)) for v in x))
    return out


def ratio(labelled: Labelled, point: tuple[Fraction, ...], step: Any) -> Any:
    """A remainder as a multiple of its claimed power of the step."""
    claim = labelled.claim
    assert isinstance(claim, et.Order)
    with mpmath.workdps(int(DIGITS + 150 * (claim.power + 1))):
        remainder = labelled.plain(REALS, numbers(mp, point), step)[0]
        return abs(remainder) / step ** mpmath.mpf(claim.power)


def gap(labelled: Labelled, xp: Multiprecision, x: Array) -> Any:
    """rhs - lhs, or minus its absolute value for an identity."""
    lhs, rhs = labelled.plain(xp, x)
    return -abs((rhs - lhs)[0]) if isinstance(labelled.claim, et.Identity) else (rhs - lhs)[0]


def test_the_set_is_as_large_and_as_mixed_as_it_says() -> None:
    assert len(BY_NAME) == len(LABELLED) >= 70
    assert len(TRUE) >= 25
    assert len(FALSE) >= 45
    assert {x.claim.kind for x in TRUE} == {x.claim.kind for x in FALSE} == {"inequality", "identity", "order"}
    assert all(x.why and x.known in ("formula", "measured", "bound", "none") for x in LABELLED)
    assert all((x.share is None) == (x.known in ("measured", "none")) for x in LABELLED)
    shares = [x.share for x in FALSE if x.share]
    assert min(shares) < 1e-9
    assert max(shares) >= 0.5


def test_half_of_the_claims_are_held_out_by_hash() -> None:
    ordered = sorted(BY_NAME, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    assert frozenset(ordered[::2]) == HELD_OUT
    assert {BY_NAME[name].true for name in HELD_OUT} == {True, False}


@pytest.mark.parametrize("labelled", FALSE, ids=lambda x: x.name)
def test_a_false_claim_fails_at_its_witness(labelled: Labelled) -> None:
    assert labelled.points
    for point in labelled.points:
        assert inside(labelled, point)
        if isinstance(labelled.claim, et.Order):
            small, large = ratio(labelled, point, STEPS[1]), ratio(labelled, point, STEPS[0])
            assert small > 5 * large > 0
            continue
        iv.dps = DIGITS
        enclosure = gap(labelled, INTERVALS, numbers(iv, point))
        if labelled.strict:  # equality: at a rational witness both sides are the same number
            assert abs(enclosure.a) < mpmath.mpf(10) ** (5 - DIGITS)
            assert abs(enclosure.b) < mpmath.mpf(10) ** (5 - DIGITS)
        else:
            assert enclosure.b < 0


@pytest.mark.parametrize("labelled", TRUE, ids=lambda x: x.name)
def test_a_true_claim_holds_at_random_points_and_where_it_is_tight(labelled: Labelled) -> None:
    points = random_points(labelled)
    for point in [*labelled.points, *points]:
        assert inside(labelled, point)
        if isinstance(labelled.claim, et.Order):
            small, large = ratio(labelled, point, STEPS[1]), ratio(labelled, point, STEPS[0])
            assert small <= 2 * large + 1e-6
            continue
        with mpmath.workdps(DIGITS):
            assert gap(labelled, REALS, numbers(mp, point)) >= -(mpmath.mpf(10) ** (15 - DIGITS))
    for point in labelled.points:
        with mpmath.workdps(DIGITS):
            assert abs(gap(labelled, REALS, numbers(mp, point))) < mpmath.mpf(10) ** (15 - DIGITS)


ROUNDED = 1e5 * 2.0**-52
"""Constants reach 1000, and terms are up to a hundred times as large as the side, or as 1, to which they cancel:
2.2e-11, so that a constant that is one part in a billion off is seen."""


@pytest.mark.parametrize("labelled", LABELLED, ids=lambda x: x.name)
def test_the_plain_sides_are_those_of_the_claim(labelled: Labelled) -> None:
    """The package's floats agree with 60 digits of the plain formulas, so the label is that of the claim."""
    claim = labelled.claim
    rng = np.random.default_rng(3)
    for box in labelled.boxes:
        low, high = np.array(box.low), np.array(box.high)
        x = low + (high - low) * rng.random((4, box.size))
        x = np.rint(x) if labelled.whole else x
        values = dict(labelled.build(x))
        for i in range(len(x)):
            point = numbers(mp, tuple(Fraction(float(v)) for v in x[i]))
            if isinstance(claim, et.Order):
                with mpmath.workdps(DIGITS):
                    plain = [labelled.plain(REALS, point, mpmath.mpf(2) ** -6)]
                ours = [claim.remainder(t=np.full(len(x), 2.0**-6), **values)]
            else:
                with mpmath.workdps(DIGITS):
                    plain = list(labelled.plain(REALS, point))
                assert isinstance(claim, et.Inequality | et.Identity)
                ours = [side(**values) if callable(side) else side for side in (claim.lhs, claim.rhs)]
            scale = max(abs(float(p[0])) for p in plain)
            for p, o in zip(plain, ours, strict=True):
                number = np.broadcast_to(np.asarray(o, dtype=float), (len(x),))[i]
                assert abs(number - float(p[0])) <= ROUNDED * max(scale, 1.0)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contenders that are stopped by their evaluations, not by a busy machine."""
    monkeypatch.setattr("benchmarks.power_claims.contenders.PATIENCE", np.inf)


@pytest.mark.usefixtures("patient")
def test_a_contender_finds_what_is_plain_and_no_more() -> None:
    plain, tight = BY_NAME["kl-one-way"], BY_NAME["entropy-at-most-log-n"]
    for search in available().values():
        result = search(plain, 2000, 0.0)
        assert result.found
        assert result.point is not None
        assert violated(plain, np.array([result.point]))[1][0]
    result = CONTENDERS["uniform random"](tight, 3000, 0.0)
    assert not result.found
    assert result.evaluations >= 3000


@pytest.mark.usefixtures("patient")
def test_gradients_reach_a_valley() -> None:
    """Where JAX is not installed, it is no contender."""
    if "JAX gradients" in available():
        assert gradients(BY_NAME["valley-of-rosenbrock"], 1_000_000, 0.0).found
    else:
        assert find_spec("jax") is None


@pytest.mark.usefixtures("patient")
def test_hypothesis_reaches_a_tie() -> None:
    assert hypothesis_find(BY_NAME["bhatia-davis-is-strict"], 500, 0.0).found


def test_a_share_is_measured_or_bounded() -> None:
    claim = BY_NAME["renyi-two-near-shannon"]
    share, known = power.share_of(claim, 20_000)
    assert known == "measured"
    assert share is not None
    assert 0 < share <= 1
    assert power.share_of(BY_NAME["kl-one-way"]) == (0.5, "formula")
    assert power.share_of(BY_NAME["pinsker"]) == (None, "none")


@pytest.mark.parametrize(
    ("share", "name"),
    [
        (0.5, "0.1 to 1"),
        (0.1, "1e-2 to 1e-1"),
        (0.05, "1e-2 to 1e-1"),
        (2e-9, "1e-9 to 1e-8"),
        (1e-20, "below 1e-12"),
        (0, "0"),
    ],
)
def test_decades(share: float, name: str) -> None:
    assert power.decade(share) == name


def test_a_small_run_is_stored_and_says_what_was_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "power.json"
    power.main(["--small", "kl-one-way", "spike-of-two-in-a-billion", "entropy-at-most-log-n", "-o", str(output)])
    results = json.loads(output.read_text())
    rows = {row["claim"]: row for row in results["claims"]}
    assert rows["kl-one-way"]["outcome"] == "refuted"
    assert rows["entropy-at-most-log-n"]["outcome"] == "holds"
    for row in rows.values():
        assert set(row["by"]) == {power.PACKAGE, *available()}
        assert all(x["evaluations"] > 0 for x in row["by"].values())
    text = capsys.readouterr().out
    assert text.strip() == power.markdown(results).strip()
    for row in power.missed(results):
        assert f"| {row['claim']} | {row['share']:.1e} | {row['outcome']} |" in text


def test_totals_count_wrong_and_undecided_verdicts() -> None:
    def row(true: bool, found: bool, undecided: bool = False) -> dict[str, Any]:
        one = {"found": found, "undecided": undecided, "seconds": 1.0, "evaluations": 2}
        return {"claim": "made", "true": true, "share": None if true else 0.5, "by": {power.PACKAGE: one}}

    rows = [row(True, True), row(True, False), row(False, True), row(False, False, True)]
    found = power.totals(rows, power.PACKAGE)
    assert (found["found"], found["of"], found["wrong"], found["of_true"], found["undecided"]) == (1, 2, 1, 2, 1)
    assert [r["by"][power.PACKAGE]["undecided"] for r in power.missed({"claims": rows})] == [True]


def test_an_unknown_claim_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        power.main(["no-such-claim"])
    assert "unknown: no-such-claim" in capsys.readouterr().err

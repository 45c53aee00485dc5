"""The numbers of the figure of Theorem VII.3, by routes of their own.

Runs are plain loops on ``u = p_2 = 1 / (1 + exp w)``: ``J = 1 - u``, each logit moves by ``+- u (1 - u)``, and ``p -
q`` has the entries ``+- (1/2 - u)``; so w moves by ``eta [2 u (1 - u) - beta (1 - 2 u)]``. The first steps are made
with 30 digits, all of them with floats.

Independently of any run, for ``f(w) = w + sinh w``: f is convex for w > 0 and an exact step adds ``eta / f'(w)`` to w,
so ``f(w_T) >= s``, the sum of the steps, and each step adds at most ``eta^2 sinh(w') / (2 f'(w)^2)`` more than eta.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np
import pytest

from entropy_theory.figures import theorem_vii_3
from tests.drawings import shows_curve, words
from tests.oracles import ascent

EPS = 2.0**-52
NAMES = ("constant", "decaying", "anchored")
PRECISE = 2000
"""Updates with 30 digits."""


@pytest.fixture(scope="module", name="data")
def _data() -> theorem_vii_3.Data:
    return theorem_vii_3.data()


def run(name: str, exp: Callable[[Any], Any], one: Any) -> Iterator[Any]:
    """``|grad J|^2`` before each update, for ever; `one` is 1 in the arithmetic of `exp`."""
    w, t = 0 * one, 0
    while True:
        u = 1 / (1 + exp(w))
        yield 2 * (u * (1 - u)) ** 2
        t += 1
        eta = one / t if name == "decaying" else one
        beta = one / (one * t) ** (one / 4) if name == "anchored" else 0
        w += eta * (2 * u * (1 - u) - beta * (1 - 2 * u))


def smallest(values: Iterator[Any], updates: list[int]) -> list[Any]:
    """Running minima at the numbers of updates."""
    out: list[Any] = []
    least = math.inf
    for t, value in enumerate(values):
        least = min(least, value)
        if t == updates[len(out)]:
            out.append(least)
            if len(out) == len(updates):
                return out
    raise AssertionError


def room(updates: Any) -> Any:
    """Relative. A step errs by some units of w < 16, 2e-15 each, and damps what errors came before (the derivative of
    the map is in [0, 1]); ``|grad J|^2`` changes by at most twice as much, relatively. Besides some roundings."""
    return 2 * 4e-15 * updates + 20 * EPS


def test_updates(data: theorem_vii_3.Data) -> None:
    assert (theorem_vii_3.UPDATES, theorem_vii_3.ETA, theorem_vii_3.POWER) == (10**6, 1, 1 / 4)
    with mpmath.workdps(30):
        grid = sorted({int(mpmath.nint(mpmath.mpf(10) ** (mpmath.mpf(k) / 20))) for k in range(121)})
    assert data.updates.tolist() == grid
    assert all(getattr(data, name).shape == (len(grid),) for name in (*NAMES, "printed"))
    assert data.power.shape == data.limit.shape == (3, len(grid))


@pytest.mark.parametrize("name", NAMES)
def test_minima_of_runs(data: theorem_vii_3.Data, name: str) -> None:
    got = getattr(data, name)
    everything = np.array(smallest(run(name, math.exp, 1.0), data.updates.tolist()))
    assert (np.abs(got / everything - 1) < 2 * room(data.updates)).all()  # both err
    first = data.updates[data.updates <= PRECISE].tolist()
    with mpmath.workdps(30):
        exact = smallest(run(name, mpmath.exp, mpmath.mpf(1)), first)
        for value, true, updates in zip(got, exact, first, strict=False):
            assert abs(value / true - 1) < room(updates)
    assert (np.diff(got) < 0).all()


def test_first_update_in_closed_form(data: theorem_vii_3.Data) -> None:
    """From w = 0 all three go to w = 1/2; the penalty's gradient is zero at the start, where the policy is pi_old."""
    exact = 1 / (2 * (1 + math.cosh(0.5)) ** 2)
    assert [abs(getattr(data, name)[0] / exact - 1) < 20 * EPS for name in NAMES] == [True] * 3
    assert abs(ascent.squared_gradient(0.5) / exact - 1) < 20 * EPS


def least_excess(w: Any) -> Any:
    """What a step from w adds to f beyond eta is at most eta^2 times this, for eta <= 1."""
    return np.sinh(w + 1 / (1 + np.cosh(w))) / (2 * (1 + np.cosh(w)) ** 2)


def test_flow_encloses_the_two_runs_of_plain_ascent(data: theorem_vii_3.Data) -> None:
    """``s <= f(w_T) <= s + excess``: up to 1 + log T for constant steps, as a step adds at most ``1 / (1 + f(w))`` and
    ``f(w_t) >= t``; up to 0.15 (pi^2 / 6) for steps 1/t."""
    w = np.linspace(0, 20, 20001)
    assert (least_excess(w) * (1 + w + np.sinh(w)) < 1).all()
    assert (least_excess(w) < 0.15).all()
    harmonic = np.cumsum(1 / np.arange(1, theorem_vii_3.UPDATES + 1))
    for i in (0, 20, 60, 85, 109):
        t = int(data.updates[i])
        for value, s, excess in (
            (data.constant[i], t, 1 + math.log(t)),
            (data.decaying[i], harmonic[t - 1], 0.15 * math.pi**2 / 6),
        ):
            high, low = (ascent.squared_gradient(float(ascent.flow_root(0.0, s + e))) for e in (0, excess))
            assert low * (1 - room(t)) <= value <= high * (1 + room(t))


def test_anchored_run_stays_behind_where_the_two_pulls_are_equal(data: theorem_vii_3.Data) -> None:
    """The map is increasing and where the pulls are equal moves away, so w never passes it. There ``2 u (1 - u) = beta
    (1 - 2 u)``, a quadratic equation, and ``|grad J|^2 = beta^2 (1 - 2 u)^2 / 2``, next to ``T^(-1/2) / 2``."""
    beta = data.updates**-0.25
    u = beta / (1 + beta + np.sqrt(1 + beta**2))
    np.testing.assert_allclose(2 * u * (1 - u), beta * (1 - 2 * u), rtol=20 * EPS)
    equal = 2 * (u * (1 - u)) ** 2
    late = data.updates >= 100
    assert (data.anchored > equal).all()
    assert (np.diff(data.anchored[late] / equal[late]) < 0).all()
    assert data.anchored[-1] / equal[-1] < 1.001
    share = data.anchored * 2 * np.sqrt(data.updates)
    assert (np.diff(share[late]) > 0).all()
    assert 0.93 < share[-1] < 1


def test_printed_rate_and_what_is_proved(data: theorem_vii_3.Data) -> None:
    """``2 (J* - J_0) / (eta T) = 1/T`` bounds the run with constant steps; the others lie above it from T = 25 on."""
    np.testing.assert_allclose(data.printed, 1 / data.updates, rtol=2 * EPS)
    assert (data.constant < data.printed).all()
    late = data.updates >= 25
    for name in ("decaying", "anchored"):
        values = getattr(data, name)
        np.testing.assert_array_equal(values > data.printed, late)
        assert (np.diff(values * data.updates)[late[1:]] > 0).all()  # beyond C/T for every C
        assert values[-1] > 100 * data.printed[-1]
    assert abs(2 * data.constant[-1] * data.updates[-1] ** 2 - 1) < 2e-5
    assert (np.diff(np.abs(2 * data.constant * data.updates**2.0 - 1)[data.updates >= 100]) < 0).all()


def test_powers(data: theorem_vii_3.Data) -> None:
    """Derivative of the parabola through three points; at the ends the chord. Logarithms up to 28 are rounded, and
    divided by at least 0.07."""
    x = np.log(data.updates)
    assert np.diff(x).min() > 0.07
    for row, name in zip(data.power, NAMES, strict=True):
        chords = np.diff(np.log(getattr(data, name))) / np.diff(x)
        before, after = np.diff(x)[:-1], np.diff(x)[1:]
        inner = (chords[:-1] * after + chords[1:] * before) / (before + after)
        np.testing.assert_allclose(row, [chords[0], *inner, chords[-1]], rtol=0, atol=28 * 4 * EPS / 0.07)
    np.testing.assert_array_equal(data.limit[0], -2)
    np.testing.assert_array_equal(data.limit[2], -0.5)
    assert data.limit[1, 0] == -np.inf
    np.testing.assert_allclose(data.limit[1, 1:], -2 / x[1:], rtol=4 * EPS)


def flow_power(s: float) -> float:
    """``d log |grad J|^2 / ds`` along the flow: ``dw = ds / (1 + cosh w)``, and ``|grad J|^2 ~ (1 + cosh w)^-2``."""
    w = float(ascent.flow_root(0.0, s))
    return -2 * math.sinh(w) / (1 + math.cosh(w)) ** 2


def test_powers_tend_to_the_limits(data: theorem_vii_3.Data) -> None:
    """The printed rate needs -1 or less: the first run has it from T = 3 on, the others never come near."""
    np.testing.assert_array_equal(data.power[0] < -1, data.updates >= 3)
    assert (data.power[1:] > -0.5).all()
    apart = np.abs(data.power - data.limit)
    late = data.updates >= 1000
    assert (np.diff(apart[::2, late]) < 0).all()
    assert (apart[:, -1] < [1e-4, 0.005, 0.02]).all()
    # Steps 1/t, ds = dT/T: so slowly that the flow alone shows the limit; the run is at s = log T + 0.577.
    assert (np.diff(data.power[1, late]) > 0).all()
    for i in (50, 80, 100):
        assert abs(data.power[1, i] - flow_power(math.log(data.updates[i]) + np.euler_gamma)) < 0.005
    shares = [flow_power(s) * s / -2 for s in (1e2, 1e4, 1e6, 1e8)]
    assert (np.diff(np.abs(np.array(shares) - 1)) < 0).all()
    assert abs(shares[-1] - 1) < 1e-6


def test_data_are_the_same_each_time(data: theorem_vii_3.Data) -> None:
    again = theorem_vii_3.data()
    for name in theorem_vii_3.Data.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))


def test_picture_shows_the_data(data: theorem_vii_3.Data) -> None:
    left, right = theorem_vii_3.draw(data).axes
    assert left.get_xscale() == left.get_yscale() == right.get_xscale() == "log"
    for values, power in zip((data.constant, data.decaying, data.anchored), data.power, strict=True):
        assert shows_curve(left, data.updates, values)
        assert shows_curve(right, data.updates, power)
    assert shows_curve(left, data.updates, data.printed)
    late = data.updates >= 1000
    for limit in data.limit:
        assert shows_curve(right, data.updates[late], limit[late])
    assert shows_curve(right, [0, 1], [-1, -1])
    assert all(said in words(right) for said in ("tends to −2", "tends to −0.5", "steps 1/t: tends to 0"))

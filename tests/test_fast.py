"""The compiled elementary functions against mpmath, the switch that leaves kernels out, and that threads do not matter.

An error in units is one relative to the distance of the floats about the exact value, 2**-1074 where they are
subnormal.
"""

from __future__ import annotations

import contextvars
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np
import pytest

import entropy_theory as et
from entropy_theory import fast, statistics

numba = pytest.importorskip("numba")
elementary = pytest.importorskip("entropy_theory.fast.elementary")
kernels = pytest.importorskip("entropy_theory.fast.policies")

Array = np.ndarray[Any, Any]
Function = Callable[[Array], Array]

FLAGS: dict[str, Any] = {
    "strict": {},
    "fastmath": {"fastmath": True},
    "reassociated": {"fastmath": {"reassoc", "contract", "nsz"}},
}


def over_arrays(function: Any, flags: str) -> Function:
    """A compiled loop, as a kernel has it: the caller's flags must not reach into the function."""

    def loop(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    compiled = numba.njit(**FLAGS[flags])(loop)

    def call(x: Array) -> Array:
        out = np.full(x.shape, np.nan)
        compiled(x, out)
        return out

    return call


@pytest.fixture(scope="module", params=FLAGS)
def exp(request: pytest.FixtureRequest) -> Function:
    return over_arrays(elementary.exp_nonpositive, request.param)


@pytest.fixture(scope="module", params=FLAGS)
def log1p(request: pytest.FixtureRequest) -> Function:
    return over_arrays(elementary.log1p_nonnegative, request.param)


def exactly(function: Callable[[Any], Any], x: Array) -> tuple[Array, Array, Array]:
    """Nearest floats, what they leave, and the units there."""
    with mpmath.workdps(40):
        numbers = [function(mpmath.mpf(a)) for a in x.tolist()]
        high = np.array([float(a) for a in numbers])
        low = np.array([float(a - mpmath.mpf(b)) for a, b in zip(numbers, high.tolist(), strict=True)])
    return high, low, np.spacing(high)


def units(got: Array, exact: tuple[Array, Array, Array]) -> Array:
    high, low, unit = exact
    # Divided first: the unit may be subnormal.
    return np.asarray(np.abs((got - high) / unit - low / unit))


def exp_points() -> Array:
    rng = np.random.default_rng(0)
    halves = -np.arange(0, 2152) * (math.log(2) / 2)
    return np.concatenate(
        [
            -rng.uniform(0, 1, 1500),
            -rng.uniform(0, 745, 1500),
            -(10.0 ** rng.uniform(-320, 0, 400)),
            -rng.uniform(708, 745.1, 600),
            halves[::2][rng.permutation(1076)[:300]],
            *[np.nextafter(halves[1::2][rng.permutation(1076)[:300]], to) for to in (-np.inf, np.inf)],
            halves[1:12],
            [0.0, -0.0, -1.0, -5e-324, -1e-300, -1e-17, -708.3, -708.4, -744.4, -745.1],
        ]
    )


EXP_POINTS = exp_points()


@pytest.fixture(scope="module")
def exact_exp() -> tuple[Array, Array, Array]:
    return exactly(mpmath.exp, EXP_POINTS)


def test_exp_within_one_unit(exp: Function, exact_exp: tuple[Array, Array, Array]) -> None:
    """Subnormal results, too: they are rounded a second time, which with the first error makes at most 1.5 units."""
    errors = units(exp(EXP_POINTS), exact_exp)
    normal = exact_exp[0] >= np.finfo(float).tiny
    assert np.all(errors[normal] <= 1), (EXP_POINTS[normal][errors[normal].argmax()], errors[normal].max())
    assert np.all(errors[~normal] <= 1.5), (EXP_POINTS[~normal][errors[~normal].argmax()], errors[~normal].max())
    assert np.sum(~normal) > 300


def test_exp_at_the_ends(exp: Function) -> None:
    x = np.array([0.0, -0.0, -745.2, -746.0, -747.0, -1e4, -1e17, -1e308, np.finfo(float).min, -np.inf])
    assert exp(x).tolist() == [1.0, 1.0, *[0.0] * 8]
    assert not np.signbit(exp(x)).any()
    # 2**-1074 is the nearest float from log(2**-1075) = -745.1332 on.
    assert np.all(exp(np.linspace(-745.13, -744.5, 50)) > 0)


def test_exp_is_exact_where_it_has_to_be(exp: Function) -> None:
    """Zero is the only number whose exponential is a float: the mode's odds are 1."""
    assert np.all(exp(np.zeros(17)) == 1)
    assert np.all(exp(-np.array([1e-17, 1e-20, 1e-300])) == 1)


def test_exp_is_monotone(exp: Function) -> None:
    """Within one unit, where the argument is reduced differently, and between neighbours."""
    edge = -(np.arange(0, 40) + 0.5) * math.log(2)
    steps = np.arange(-60, 61)
    for x in (*(e + steps * np.spacing(-e) for e in edge), np.linspace(-2, 0, 20001), np.linspace(-746, -700, 20001)):
        y = exp(np.ascontiguousarray(x))
        assert np.all(np.diff(y) >= -np.spacing(y[1:]))


def test_exp_lies_between_zero_and_one(exp: Function) -> None:
    x = -(10.0 ** np.linspace(-20, 3, 30001))
    y = exp(x)
    assert np.all((y >= 0) & (y <= 1))


def log1p_points() -> Array:
    rng = np.random.default_rng(1)
    powers = 2.0 ** np.arange(0, 1023, 7)
    # 1 + x is split into a power of two and a factor at the square root of 1/2.
    edges = np.concatenate([math.sqrt(0.5) * 2.0 ** np.arange(1, 60) - 1, 2.0 ** np.arange(1, 60) - 1])
    return np.concatenate(
        [
            rng.uniform(0, 1, 1500),
            rng.uniform(0, 40, 500),
            10.0 ** rng.uniform(-323, 0, 600),
            10.0 ** rng.uniform(-18, 0, 600),
            10.0 ** rng.uniform(0, 300, 600),
            powers,
            edges,
            np.nextafter(edges, 0),
            np.nextafter(edges, np.inf),
            [
                1e-320,
                5e-324,
                1e-300,
                1e-17,
                2.0**-53,
                2.0**-52,
                math.sqrt(2) - 1,
                0.4142,
                1,
                3,
                2.0**52,
                2.0**53,
                1e300,
            ],
            np.arange(1.0, 200.0),
        ]
    )


LOG1P_POINTS = log1p_points()


@pytest.fixture(scope="module")
def exact_log1p() -> tuple[Array, Array, Array]:
    with mpmath.workdps(40):
        return exactly(mpmath.log1p, LOG1P_POINTS)


def test_log1p_within_three_units(log1p: Function, exact_log1p: tuple[Array, Array, Array]) -> None:
    errors = units(log1p(LOG1P_POINTS), exact_log1p)
    assert np.all(errors <= 3), (LOG1P_POINTS[errors.argmax()], errors.max())


def test_log1p_of_nothing(log1p: Function) -> None:
    """The log-probability of a mode with all the mass is 0; what is tiny is returned as it is."""
    assert log1p(np.array([0.0])).tolist() == [0.0]
    tiny = np.array([5e-324, 1e-320, 1e-310, 1e-300, 1e-100, 1e-30])
    assert np.array_equal(log1p(tiny), tiny)


def test_log1p_is_monotone(log1p: Function) -> None:
    for x in (np.linspace(0, 3, 30001), 10.0 ** np.linspace(-30, 30, 30001), np.linspace(0.41, 0.42, 10001)):
        y = log1p(x)
        # Each value errs by at most three units.
        assert np.all(np.diff(y) >= -6 * np.spacing(y[1:]))


# --- the switch -----------------------------------------------------------------------------------------------------


@pytest.fixture
def switch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv(fast.SWITCH, raising=False)
    return monkeypatch


def test_disabled_nests(switch: pytest.MonkeyPatch) -> None:
    assert fast.enabled()
    with fast.disabled():
        assert not fast.enabled()
        with fast.disabled():
            assert not fast.enabled()
        assert not fast.enabled()
    assert fast.enabled()


def test_disabled_ends_with_an_error(switch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError), fast.disabled():
        raise KeyError
    assert fast.enabled()


def test_disabled_in_this_thread_only(switch: pytest.MonkeyPatch) -> None:
    inside, looked = threading.Event(), threading.Event()
    seen: list[bool] = []

    def other() -> None:
        with fast.disabled():
            seen.append(fast.enabled())
            inside.set()
            looked.wait(30)
        seen.append(fast.enabled())

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(30)
    here = fast.enabled()
    looked.set()
    thread.join()
    assert here
    assert seen == [False, True]


def test_disabled_goes_along_with_a_context(switch: pytest.MonkeyPatch) -> None:
    with fast.disabled():
        context = contextvars.copy_context()
    assert fast.enabled()
    assert not context.run(fast.enabled)


@pytest.mark.parametrize(("value", "expected"), [("0", False), ("1", True), ("", True)])
def test_environment_variable(switch: pytest.MonkeyPatch, value: str, expected: bool) -> None:
    assert fast.SWITCH == "ENTROPY_THEORY_FAST"
    switch.setenv("ENTROPY_THEORY_FAST", value)
    assert fast.enabled() is expected
    with fast.disabled():
        assert not fast.enabled()


def test_environment_variable_of_a_process() -> None:
    """Not even imported."""
    script = (
        "import sys, numpy as np, entropy_theory as et\n"
        "from entropy_theory import fast, statistics\n"
        "z = np.zeros((statistics.LARGE, 2)); et.policy_statistics(z, z)\n"
        "print(fast.enabled(), 'numba' in sys.modules)"
    )
    for value, expected in (("0", "False False"), ("1", "True True")):
        environment = {**os.environ, "ENTROPY_THEORY_FAST": value}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == expected.split()


def test_import_is_light() -> None:
    script = "import sys, entropy_theory; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numba", "llvmlite", "scipy", "matplotlib", "pylatexenc"} & set(done.stdout.split())


def test_a_claim_is_checked_without_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search evaluates batches that are large enough for kernels; it must not hand them over."""
    from entropy_theory.checking.verify import check

    def refuse(*arguments: object) -> None:
        raise AssertionError("a kernel was called")

    for name in ("policies.statistics", "mdps.evaluate", "trees.gradient", "rows.summaries"):
        monkeypatch.setattr(f"entropy_theory.fast.{name}", refuse)
    with pytest.raises(AssertionError, match="a kernel was called"):
        et.policy_statistics(np.zeros((20_000, 4)), np.ones(4))
    d = et.domains
    verdict = check(
        et.Identity(
            name="statistics",
            given={"z": d.logits(actions=(4, 4)), "v": d.rewards(like="z")},
            lhs=lambda z, v: et.policy_statistics(z, v).mean,
            rhs=lambda z, v: et.expectation(z, v),
        ),
        budget=20_000,
    )
    assert verdict.outcome == "holds"


# --- threads --------------------------------------------------------------------------------------------------------

SHAPES = [(1, 3), (129, 3), (20_001, 4), (8192 + 130, 24), (2, 25), (301, 33), (40, 2000), (3, 20_000)]


def bytes_of(result: et.PolicyStatistics) -> dict[str, bytes]:
    return {name: getattr(result, name).tobytes() for name in result.__dataclass_fields__}


@pytest.fixture
def threads_as_before() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_number_of_threads_does_not_matter(
    switch: pytest.MonkeyPatch, threads_as_before: None, shape: tuple[int, int]
) -> None:
    switch.setattr(statistics, "LARGE", 0)
    z, v = np.random.default_rng(3).standard_normal((2, *shape)) * 5
    found = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS) * 2:
        numba.set_num_threads(threads)
        found.append(bytes_of(et.policy_statistics(z, v)))
    assert all(result == found[0] for result in found)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_every_share_of_the_batch_is_worked_on(threads: int) -> None:
    """Whatever the number of threads of the process is."""
    script = (
        "import hashlib, numpy as np, entropy_theory as et, numba\n"
        "from entropy_theory import statistics\n"
        "statistics.LARGE = 0\n"
        "digest = hashlib.sha256()\n"
        f"for shape in {SHAPES}:\n"
        "    z, v = np.random.default_rng(3).standard_normal((2, *shape)) * 5\n"
        "    s = et.policy_statistics(z, v)\n"
        "    for name in s.__dataclass_fields__: digest.update(getattr(s, name).tobytes())\n"
        "print(numba.config.NUMBA_NUM_THREADS, digest.hexdigest())"
    )
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(threads), "ENTROPY_THEORY_FAST": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    count, digest = done.stdout.split()
    assert int(count) == threads
    assert digest == expected_digest()


def expected_digest() -> str:
    import hashlib

    digest = hashlib.sha256()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "LARGE", 0)
        patch.setenv(fast.SWITCH, "1")
        for shape in SHAPES:
            z, v = np.random.default_rng(3).standard_normal((2, *shape)) * 5
            result = et.policy_statistics(z, v)
            for part in bytes_of(result).values():
                digest.update(part)
    return digest.hexdigest()


def test_the_larger_size_of_logits_and_values_is_returned() -> None:
    """At any place; what is undefined is passed over, and shows in the sums of its policy."""
    rng = np.random.default_rng(5)
    for function, shape in ((kernels.narrow, (300, 5)), (kernels.wide, (7, 61))):
        n, a = shape
        for which in (0, 1):
            for i, j in ((0, 0), (n - 1, a - 1), (n // 2, 3), (n - 1, 0), (0, a - 1)):
                arrays = list(rng.standard_normal((2, *shape)))
                arrays[which][i, j] = -1234.5
                outputs = [np.zeros(shape) for _ in range(3)] + [np.zeros(n) for _ in range(4)]
                assert function(*arrays, *outputs) == 1234.5
                arrays[which][i, j] = np.nan
                function(*arrays, *outputs)
                undefined = np.isnan(outputs[4])
                assert undefined[i]
                assert undefined.sum() == 1

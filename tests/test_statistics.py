"""Statistics of batches of policies, each way of computing them against their definitions with many digits."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import fmpq

import entropy_theory as et
from entropy_theory import fast, statistics, statistics_in_pieces
from tests.oracles import policies as definitions
from tests.oracles import policy_statistics as oracle

pytest.importorskip("numba")
kernels = pytest.importorskip("entropy_theory.fast.policies")

Array = np.ndarray[Any, Any]
FIELDS, ROWS = oracle.FIELDS, oracle.ROWS
NARROWEST = (1, 2, 3, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33)
SIZES = (*NARROWEST, 48, 63, 64, 65, 100)

# --- the ways -------------------------------------------------------------------------------------------------------

Way = Callable[[Array, Array], et.PolicyStatistics]


def empty(n: int, actions: int) -> et.PolicyStatistics:
    """Undefined numbers, so that what is not written shows."""
    shapes = {name: (n, actions) if name in ROWS else (n,) for name in FIELDS}
    return et.PolicyStatistics(**{name: np.full(shape, np.nan) for name, shape in shapes.items()})


def kernel(function: Any) -> Way:
    def way(z: Array, v: Array) -> et.PolicyStatistics:
        out = empty(*z.shape)
        order = (*ROWS, "entropy", "mean", "covariance", "fisher_norm")
        size = function(z, v, *[getattr(out, name) for name in order])
        assert size == max(np.abs(z).max(), np.abs(v).max())
        return out

    return way


def pieces(z: Array, v: Array) -> et.PolicyStatistics:
    out = empty(*z.shape)
    sums = (out.entropy, out.mean, out.covariance, out.fisher_norm)
    statistics_in_pieces.statistics(z, v, (out.log_probability, out.entropy_gradient, out.update), sums)
    return out


def formulas(z: Array, v: Array) -> et.PolicyStatistics:
    """As for a small batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "LARGE", z.size + 1)
        patch.setattr(statistics_in_pieces, "statistics", refuse)
        return et.policy_statistics(z, v)


def public_compiled(z: Array, v: Array) -> et.PolicyStatistics:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(fast.SWITCH, raising=False)
        patch.setattr(statistics, "LARGE", 0)
        patch.setattr(statistics_in_pieces, "statistics", refuse)
        return et.policy_statistics(z, v)


def public_in_pieces(z: Array, v: Array) -> et.PolicyStatistics:
    with pytest.MonkeyPatch.context() as patch, fast.disabled():
        patch.setattr(statistics, "LARGE", 0)
        patch.setattr(kernels, "statistics", refuse)
        return et.policy_statistics(z, v)


def refuse(*_: Any) -> Any:
    raise AssertionError("the other way was taken")


DIRECT: dict[str, Way] = {"narrow": kernel(kernels.narrow), "wide": kernel(kernels.wide), "pieces": pieces}
WAYS: dict[str, Way] = {
    **DIRECT,
    "formulas": formulas,
    "public, compiled": public_compiled,
    "public, in pieces": public_in_pieces,
}
LARGE_WAYS = ("public, compiled", "public, in pieces")


@pytest.fixture(autouse=True)
def nothing_is_raised_by_valid_input() -> Iterator[None]:
    """Warnings are errors already; here floating point exceptions are, too.

    But not that of an underflow, which NumPy passes over, too: exp of a distant logit is 0.
    """
    with np.errstate(all="raise", under="ignore"):
        yield


# --- the regimes ----------------------------------------------------------------------------------------------------


def drop(rng: np.random.Generator, actions: int, gap: float) -> Array:
    """The mode, and the others below it by `gap` and more."""
    z = rng.standard_normal(actions) - 3
    z -= z.max() + gap
    z[rng.integers(actions)] = 0.0
    return z


def ties(rng: np.random.Generator, actions: int, count: int, below: float) -> Array:
    z = rng.standard_normal(actions) - below - 4
    z[rng.permutation(actions)[:count]] = 0.7
    return z


LOGITS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "uniform": lambda rng, a: np.zeros(a),
    "uniform, far off": lambda rng, a: np.full(a, -1234567.8),
    "normal": lambda rng, a: rng.standard_normal(a),
    "spread": lambda rng, a: 20 * rng.standard_normal(a),
    "two modes": lambda rng, a: ties(rng, a, 2, 0),
    "three modes": lambda rng, a: ties(rng, a, 3, 30),
    "1 - p = 1e-3": lambda rng, a: drop(rng, a, np.log(1e3)),
    "1 - p = 1e-20": lambda rng, a: drop(rng, a, np.log(1e20)),
    "1 - p = 1e-300": lambda rng, a: drop(rng, a, 300 * np.log(10)),
    "1 - p subnormal": lambda rng, a: drop(rng, a, 730.0),
    "1 - p = 0": lambda rng, a: drop(rng, a, 760.0),
    "to the end of exp": lambda rng, a: rng.permutation(-np.linspace(0, 760, a)) + 0.3,
    "700": lambda rng, a: 700 * np.sign(rng.standard_normal(a)),
    "1e5": lambda rng, a: 1e5 * rng.choice([-1.0, 1.0], a) + rng.standard_normal(a),
    "1e299": lambda rng, a: 1e299 * rng.choice([-1.0, 0.5, 1.0], a),
    "close, far off": lambda rng, a: 1e6 * (1 + oracle.EPS * rng.integers(-20, 20, a)),
    "close": lambda rng, a: 1 + 1e-12 * rng.standard_normal(a),
}

VALUES: dict[str, Callable[[np.random.Generator, Array], Array]] = {
    "normal": lambda rng, z: rng.standard_normal(z.size),
    "the logits": lambda rng, z: z.copy(),
    "1e140": lambda rng, z: 1e140 * rng.choice([-1.0, 0.3, 1.0], z.size),
    "1e-140": lambda rng, z: 1e-140 * rng.standard_normal(z.size),
    "far off": lambda rng, z: 1e6 + 1e-3 * rng.standard_normal(z.size),
    "of all sizes": lambda rng, z: rng.standard_normal(z.size) * 10.0 ** rng.integers(-40, 40, z.size),
    "a reward": lambda rng, z: (np.arange(z.size) == rng.integers(z.size)).astype(float),
}


def case(names: tuple[str, str], actions: int) -> tuple[Array, Array]:
    rng = np.random.default_rng([actions, list(LOGITS).index(names[0]), list(VALUES).index(names[1])])
    z = LOGITS[names[0]](rng, actions)
    return z, VALUES[names[1]](rng, z)


def names_of(actions: int) -> list[tuple[str, str]]:
    """Three values for each kind of logits: in turn, so that all pairs are met over the sizes."""
    values = list(VALUES)
    return [(z, values[(actions + i + 3 * j) % len(values)]) for i, z in enumerate(LOGITS) for j in range(3)]


@functools.cache
def batch(actions: int) -> tuple[Array, Array]:
    pairs = [case(names, actions) for names in names_of(actions)]
    return np.array([z for z, _ in pairs]), np.array([v for _, v in pairs])


@functools.cache
def answers(actions: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """For each row of the batch the answers in two parts, and the limits."""
    return [answer(z, v) for z, v in zip(*batch(actions), strict=True)]


@functools.cache
def large_row(actions: int) -> tuple[tuple[str, str], Array, Array, Any]:
    names = LARGE_ROWS[actions]
    z, v = case(names, actions)
    return names, z[None], v[None], answer(z, v)


LARGE_ROWS = {
    1000: ("to the end of exp", "far off"),
    1001: ("1 - p = 1e-20", "of all sizes"),
    1024: ("three modes", "normal"),
    8191: ("1 - p = 1e-300", "the logits"),
    8192: ("uniform, far off", "normal"),
    8193: ("spread", "a reward"),
    20_000: ("normal", "the logits"),
}


def answer(z: Array, v: Array) -> tuple[dict[str, Any], dict[str, Any]]:
    with np.errstate(all="ignore"):
        found = {name: oracle.parts(x) for name, x in oracle.exactly(z.tolist(), v.tolist()).items()}
        return found, oracle.limits(z, v, {name: high for name, (high, _) in found.items()})


def assert_row(
    got: et.PolicyStatistics,
    row: Any,
    expected: tuple[dict[str, Any], dict[str, Any]],
    what: str,
    names: Iterable[str] = FIELDS,
) -> None:
    """Within the limits that the error analysis in the oracle gives."""
    exact, allowed = expected
    for name in names:
        high, low = exact[name]
        measured = getattr(got, name)[row]
        with np.errstate(all="ignore"):
            error = np.abs((measured - high) - low)
            excess = ~(error <= allowed[name])
        assert not np.any(excess), (
            f"{what}: {name} is {np.asarray(measured)[excess]}, expected {np.asarray(high)[excess]}, "
            f"errors are {np.asarray(error / allowed[name])[excess]} of what is allowed"
        )


# --- the definitions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("actions", SIZES)
def test_definitions(way: str, actions: int) -> None:
    """Every regime, in batches of 51 policies."""
    got = WAYS[way](*batch(actions))
    for row, names in enumerate(names_of(actions)):
        assert_row(got, row, answers(actions)[row], f"{names}, {actions} actions")


@pytest.mark.parametrize("way", [way for way in WAYS if way != "narrow"])
@pytest.mark.parametrize("actions", LARGE_ROWS)
def test_definitions_for_many_actions(way: str, actions: int) -> None:
    names, z, v, expected = large_row(actions)
    assert_row(WAYS[way](z, v), 0, expected, f"{names}, {actions} actions")


@pytest.mark.parametrize("actions", [2, 6])
def test_the_oracle_by_sums_over_pairs(actions: int) -> None:
    """With 800 digits, and the gradient of the entropy as a derivative."""
    for z, v, (exact, _) in zip(*batch(actions), answers(actions), strict=True):
        logits, values = ([mpmath.mpf(x) for x in row.tolist()] for row in (z, v))
        if np.ptp(z) > 800:
            continue
        with mpmath.workdps(800):
            p = definitions.softmax(logits)
            mean = definitions.mean(logits, values)
            u = [a * (b - mean) for a, b in zip(p, values, strict=True)]
            expected = {
                "log_probability": definitions.log_softmax(logits),
                "entropy": definitions.entropy(logits),
                "entropy_gradient": definitions.entropy_gradient(logits),
                "mean": mean,
                "update": u,
                "covariance": definitions.covariance(logits, logits, u),
                "fisher_norm": definitions.fisher_norm(logits, u),
            }
        for name in FIELDS:
            high, _ = oracle.parts(expected[name])
            # The nearest float of a number with 60 digits; of two large parts that cancel, 60 digits of those.
            close = 2 * oracle.EPS * np.abs(high) + 1e-50 * np.abs(v).max() + oracle.TINY
            assert np.all(np.abs(exact[name][0] - high) <= close), name


EXTREME: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "1e299": lambda rng, a: 1e299 * rng.choice([-1.0, 0.3, 1.0], a),
    "1e-300": lambda rng, a: 1e-300 * rng.standard_normal(a),
}


@functools.cache
def extreme(values: str, actions: int) -> tuple[Array, Array, list[Any]]:
    rng = np.random.default_rng(actions)
    z = np.array([LOGITS[name](rng, actions) for name in LOGITS])
    v = np.array([EXTREME[values](rng, actions) for _ in z])
    return z, v, [answer(*row) for row in zip(z, v, strict=True)]


@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("values", EXTREME)
@pytest.mark.parametrize("actions", [2, 5, 40])
def test_values_of_extreme_size(way: str, values: str, actions: int) -> None:
    """The norm is the concern of the next test."""
    z, v, expected = extreme(values, actions)
    with np.errstate(over="ignore"):
        got = WAYS[way](z, v)
    for row, answer_of_row in enumerate(expected):
        assert_row(got, row, answer_of_row, f"{list(LOGITS)[row]}, {values}", set(FIELDS) - {"fisher_norm"})


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("values", EXTREME)
@pytest.mark.parametrize("actions", [2, 5, 40])
def test_norm_of_updates_of_extreme_size(way: str, values: str, actions: int) -> None:
    """Nothing overflows, and nothing is lost, where an update but not its square is within the range of floats."""
    z, v, expected = extreme(values, actions)
    got = WAYS[way](z, v)
    for row, (exact, allowed) in enumerate(expected):
        names = f"{list(LOGITS)[row]}, {values}"
        assert_row(got, row, (exact, {**allowed, "fisher_norm": allowed["fisher_norm, scaled"]}), names)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("actions", [1, 2, 7, 24, 25, 65])
def test_equal_values(way: str, actions: int) -> None:
    """Their mean is that value, and there is nothing to improve, to the last bit."""
    z, _ = batch(actions)
    v = np.repeat(np.resize([0.1, -1e299, 1e-300, 0.0, 1 / 3, 1234567.8], len(z))[:, None], actions, axis=1)
    got = WAYS[way](z, v)
    assert np.array_equal(got.mean, v[:, 0])
    for name in ("update", "covariance", "fisher_norm"):
        assert not getattr(got, name).any(), name


def test_one_action() -> None:
    z, v = batch(1)
    for way in WAYS.values():
        got = way(z, v)
        assert np.array_equal(got.mean, v[:, 0])
        for name in set(FIELDS) - {"mean"}:
            assert not getattr(got, name).any(), name


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("actions", [2, 24, 25, 100])
def test_no_floating_point_exception_at_all(way: str, actions: int) -> None:
    """Not even of an underflow, where nothing is small."""
    z, v = np.random.default_rng(actions).uniform(1, 2, (2, 60, actions))
    with np.errstate(all="raise"):
        WAYS[way](z, v)


# --- batches --------------------------------------------------------------------------------------------------------


def assert_same_bytes(got: et.PolicyStatistics, expected: et.PolicyStatistics, rows: Any = slice(None)) -> None:
    for name in FIELDS:
        left, right = np.ascontiguousarray(getattr(got, name)), np.ascontiguousarray(getattr(expected, name)[rows])
        assert left.shape == right.shape, name
        assert np.array_equal(left.view(np.int64), right.view(np.int64)), name


BATCHES = [(way, actions) for way in ("narrow", "pieces", *LARGE_WAYS) for actions in (1, 3, 8, 17, 24)]
BATCHES += [(way, actions) for way in ("wide", "pieces", *LARGE_WAYS) for actions in (3, 25, 33)]


@pytest.mark.parametrize("size", [1, 127, 128, 129, 8191, 8193, 8192 + 130])
@pytest.mark.parametrize(("way", "actions"), BATCHES)
def test_a_row_does_not_depend_on_the_others(way: str, actions: int, size: int) -> None:
    """Bit for bit: a batch of the policies above, over and over, whose answers are known."""
    z, v = batch(actions)
    rows = np.arange(size) % len(z)
    assert_same_bytes(WAYS[way](z[rows], v[rows]), WAYS[way](z, v), rows)


@pytest.mark.parametrize("way", DIRECT)
def test_same_bytes_twice(way: str) -> None:
    z, v = batch(17)
    rows = np.arange(3000) % len(z)
    assert_same_bytes(DIRECT[way](z[rows], v[rows]), DIRECT[way](z[rows], v[rows]))


@pytest.mark.parametrize("piece", [1, 40, 64, 1000, 2**13, 2**16, 2**20])
@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("actions", [3, 33])
def test_pieces_of_any_size(monkeypatch: pytest.MonkeyPatch, actions: int, workers: int, piece: int) -> None:
    """Also smaller than a row, or of a number of rows that does not divide the batch."""
    z, v = batch(actions)
    rows = np.arange(997) % len(z)
    expected = pieces(z, v)
    monkeypatch.setattr(statistics_in_pieces, "PIECE", piece)
    monkeypatch.setattr(statistics_in_pieces, "threads", lambda: workers)
    assert_same_bytes(pieces(z[rows], v[rows]), expected, rows)


@pytest.mark.parametrize("short", [1, 16, 32, 33, 64, 1000, 2**13])
def test_pieces_with_any_bound_of_short(monkeypatch: pytest.MonkeyPatch, short: int) -> None:
    monkeypatch.setattr(statistics_in_pieces, "SHORT", short)
    got = pieces(*batch(33))
    for row, names in enumerate(names_of(33)):
        assert_row(got, row, answers(33)[row], f"{names}")


@pytest.mark.parametrize("workers", [1, 2])
def test_threads_heed_what_the_caller_says_of_exceptions(monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    monkeypatch.setattr(statistics_in_pieces, "threads", lambda: workers)
    z = np.resize([0.0, -740.0, -1.0], (99, 3))
    with np.errstate(under="raise"), pytest.raises(FloatingPointError, match="underflow"):
        pieces(z, z)


@pytest.mark.parametrize(("setting", "expected"), [("1", 1), ("3", 3)])
def test_threads_of_the_pieces(monkeypatch: pytest.MonkeyPatch, setting: str, expected: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", setting)
    assert statistics_in_pieces.threads() == expected


@pytest.mark.parametrize("way", LARGE_WAYS)
def test_batches_from_several_threads(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Callers at the same time do not share memory."""
    monkeypatch.delenv(fast.SWITCH, raising=False)
    z, v = batch(17)
    rows = np.arange(4000) % len(z)
    expected = WAYS[way](z, v)

    def call(_: int) -> et.PolicyStatistics:
        with np.errstate(all="raise", under="ignore"):
            if way == "public, compiled":
                return et.policy_statistics(z[rows], v[rows])
            with fast.disabled():
                return et.policy_statistics(z[rows], v[rows])

    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(call, range(8)):
            assert_same_bytes(got, expected, rows)


# --- which way ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actions", [4, 24, 25, 64])
def test_a_large_batch_takes_the_kernels_if_there_are_some(monkeypatch: pytest.MonkeyPatch, actions: int) -> None:
    monkeypatch.delenv(fast.SWITCH, raising=False)
    z, v = batch(actions)[0][10:12], batch(actions)[1][10:12]
    many = -(-statistics.LARGE // actions)
    big = np.resize(z, (many, actions)), np.resize(v, (many, actions))
    rows = np.arange(many) % 2
    chosen = "narrow" if actions <= kernels.NARROW else "wide"
    assert_same_bytes(et.policy_statistics(*big), WAYS[chosen](z, v), rows)
    with fast.disabled():
        assert_same_bytes(et.policy_statistics(*big), pieces(z, v), rows)
    monkeypatch.setenv(fast.SWITCH, "0")
    assert_same_bytes(et.policy_statistics(*big), pieces(z, v), rows)


def test_a_small_batch_takes_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics_in_pieces, "statistics", refuse)
    monkeypatch.setattr(kernels, "statistics", refuse)
    z, v = batch(64)
    assert z.size < statistics.LARGE
    got = et.policy_statistics(z, v)
    for name, function in SINGLE.items():
        assert np.array_equal(getattr(got, name), function(z, v)), name


SINGLE: dict[str, Callable[[Any, Any], Any]] = {
    "log_probability": lambda z, v: et.log_softmax(z),
    "entropy": lambda z, v: et.entropy(z),
    "entropy_gradient": lambda z, v: et.entropy_gradient(z),
    "mean": et.expectation,
}

WITHOUT_NUMBA = """
import sys
{block}
import numpy as np, entropy_theory as et
from entropy_theory import fast, statistics
assert not fast.enabled()
z = np.random.default_rng(0).standard_normal((statistics.LARGE // 8 + 3, 8))
s = et.policy_statistics(z, z[::-1])
np.savez(sys.argv[1], *(getattr(s, name) for name in {fields!r}))
assert not any(name.startswith(("numba.", "llvmlite")) for name in sys.modules)
"""

NOT_FOUND = """
import importlib.machinery as machinery
class Without(machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in ("numba", "llvmlite") else super().find_spec(name, path, target)
sys.meta_path[:] = [Without if f is machinery.PathFinder else f for f in sys.meta_path]
"""
BLOCKS = {"import fails": "sys.modules['numba'] = None", "not found": NOT_FOUND, "switched off": ""}


@pytest.mark.parametrize("block", BLOCKS)
def test_without_numba(tmp_path: Any, block: str) -> None:
    """The package imports, and computes the same in pieces."""
    script = WITHOUT_NUMBA.format(block=BLOCKS[block], fields=FIELDS)
    environment = {**os.environ, fast.SWITCH: "0" if block == "switched off" else "1"}
    target = tmp_path / "statistics.npz"
    subprocess.run([sys.executable, "-W", "error", "-c", script, str(target)], check=True, env=environment)
    z = np.random.default_rng(0).standard_normal((statistics.LARGE // 8 + 3, 8))
    expected = pieces(z, z[::-1].copy())
    with np.load(target) as stored:
        assert_same_bytes(et.PolicyStatistics(**dict(zip(FIELDS, stored.values(), strict=True))), expected)


# --- shapes and kinds of numbers ------------------------------------------------------------------------------------

PUBLIC = {name: WAYS[name] for name in ("formulas", *LARGE_WAYS)}


def assert_all(got: et.PolicyStatistics, z: Any, v: Any) -> None:
    """Every policy of the broadcast arguments, each by itself."""
    z, v = np.broadcast_arrays(np.asarray(z, dtype=float), np.asarray(v, dtype=float))
    for name in FIELDS:
        array = getattr(got, name)
        assert isinstance(array, np.ndarray | np.float64), name
        assert array.dtype == np.float64, name
        assert array.shape == (z.shape if name in ROWS else z.shape[:-1]), name
    for index in np.ndindex(z.shape[:-1]):
        assert_row(got, index, answer(z[index], v[index]), f"{index}")


rng = np.random.default_rng(6)
A = 6
TABLE = rng.standard_normal((4, 3, 2 * A))
ARGUMENTS: dict[str, tuple[Any, Any]] = {
    "one policy": (TABLE[0, 0], TABLE[0, 1]),
    "lists": (TABLE[0].tolist(), TABLE[1].tolist()),
    "values for all": (TABLE[:, :1], TABLE[0, 0]),
    "logits for all": (TABLE[0, 0], TABLE),
    "an outer product": (TABLE[:, :1], TABLE[:1, :, :]),
    "one value for all actions": (TABLE, TABLE[..., :1]),
    "strided": (TABLE[..., ::2], TABLE[..., 1::2]),
    "reversed": (TABLE[::-1, :, ::-1], TABLE),
    "transposed": (TABLE.transpose(2, 1, 0), TABLE.transpose(2, 1, 0)[::-1]),
    "Fortran order": (np.asfortranarray(TABLE), TABLE),
    "float32": (TABLE.astype(np.float32), TABLE),
    "big endian": (TABLE.astype(">f8"), TABLE),
    "integers": (np.arange(12).reshape(3, 4), np.array([[1], [2], [-3]])),
    "truth values": ([0.1, 0.2, 0.3], np.array([True, False, True])),
    "a matrix of one axis": (TABLE.reshape(12, -1), TABLE.reshape(12, -1)[::-1]),
    "read only": (np.broadcast_to(TABLE[0, 0], (5, 12)), TABLE[0, 0]),
}


@pytest.mark.parametrize("way", PUBLIC)
@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_shapes(way: str, arguments: str) -> None:
    z, v = ARGUMENTS[arguments]
    kept = np.array(z), np.array(v)
    with pytest.MonkeyPatch.context() as patch:
        if way != "formulas":
            patch.setattr(statistics, "LARGE", 0)
        with fast.disabled() if way == "public, in pieces" else warnings.catch_warnings():
            got = et.policy_statistics(z, v)
    assert_all(got, z, v)
    assert np.array_equal(kept[0], z)
    assert np.array_equal(kept[1], v)


@pytest.mark.parametrize("way", LARGE_WAYS)
@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 30)])
def test_no_policies(way: str, shape: tuple[int, ...]) -> None:
    z = np.zeros(shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "LARGE", 0)
        with fast.disabled() if way == "public, in pieces" else warnings.catch_warnings():
            got = et.policy_statistics(z, z)
    assert got.update.shape == shape
    assert got.mean.shape == shape[:-1]


def test_balls() -> None:
    """Enclosures of the exact statistics of rational logits and values."""
    z, v = np.array([[0.5, -1.25, 3.0], [0.0, 0.0, -700.0]]), np.array([1.0, -2.0, 0.375])
    exact = np.array([[et.Ball(fmpq(*x.as_integer_ratio())) for x in row] for row in z.tolist()], dtype=object)
    got = et.policy_statistics(exact, v)
    for row in range(2):
        expected = oracle.exactly(z[row].tolist(), v.tolist())
        for name in FIELDS:
            balls, numbers = np.ravel(getattr(got, name)[row]), expected[name]
            for ball, number in zip(balls, numbers if isinstance(numbers, list) else [numbers], strict=True):
                assert isinstance(ball, et.Ball)
                with mpmath.workdps(oracle.DIGITS):
                    middle, radius = mpmath.mpf(ball.arb.mid().str(60, radius=False)), float(ball.arb.rad())
                    slack = mpmath.mpf(10) ** -50 * (abs(number) + mpmath.mpf(10) ** -300)
                    assert abs(middle - number) <= radius + slack, name
                # 53 bits; of the norm half of them where the squares of a row cancel.
                assert radius <= 1e-12, name


@pytest.mark.parametrize("actions", [2, 7, 40])
def test_complex_step(actions: int) -> None:
    """The derivatives of the entropy and of the mean along a direction, from the imaginary parts."""
    generator = np.random.default_rng(actions)
    z, v, d = generator.standard_normal((3, 5, actions))
    step = 1e-100
    with np.errstate(under="ignore"):
        got = et.policy_statistics(z + 1j * step * d, v)
    real = et.policy_statistics(z, v)
    for name, gradient in (("entropy", real.entropy_gradient), ("mean", real.update)):
        assert getattr(got, name).dtype == np.complex128
        # Sums of 40 terms of order one.
        assert np.allclose(getattr(got, name).imag / step, (gradient * d).sum(-1), rtol=0, atol=1e-14 * actions)
    for name in FIELDS:
        assert np.allclose(getattr(got, name).real, getattr(real, name), rtol=1e-12, atol=1e-15), name


def test_complex_values_in_a_large_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """No kernel is for them."""
    monkeypatch.setattr(kernels, "statistics", refuse)
    monkeypatch.setattr(statistics_in_pieces, "statistics", refuse)
    z = np.random.default_rng(0).standard_normal((statistics.LARGE // 4, 4))
    got = et.policy_statistics(z, z + 1j)
    # One is added to every imaginary part: to the mean, and to nothing else, up to a few roundings of one.
    assert np.allclose(got.mean.imag, 1, rtol=0, atol=1e-14)
    assert np.allclose(got.update.imag, 0, rtol=0, atol=1e-14)
    few = et.policy_statistics(z[:9], z[:9])
    assert np.allclose(got.mean.real[:9], few.mean, rtol=1e-13, atol=1e-15)
    assert np.allclose(got.update.real[:9], few.update, rtol=1e-13, atol=1e-15)


# --- out ------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=PUBLIC)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Calls of `policy_statistics` take this way."""
    monkeypatch.delenv(fast.SWITCH, raising=False)
    monkeypatch.setattr(statistics, "LARGE", 2**40 if request.param == "formulas" else 0)
    with fast.disabled() if request.param == "public, in pieces" else warnings.catch_warnings():
        yield request.param


@pytest.mark.parametrize("actions", [3, 40])
def test_out_is_overwritten_and_returned(way: str, actions: int) -> None:
    """What is written into it need not be bit for bit what a small batch gives without."""
    z, v = batch(actions)
    fresh = et.policy_statistics(z, v, out=empty(*z.shape))
    if way != "formulas":
        assert_same_bytes(fresh, et.policy_statistics(z, v))
    for row, names in enumerate(names_of(actions)):
        assert_row(fresh, row, answers(actions)[row], f"{names}")
    out = empty(*z.shape)
    arrays = {name: getattr(out, name) for name in FIELDS}
    kept = z.copy(), v.copy()
    assert et.policy_statistics(z, v, out=out) is out
    for name in FIELDS:
        assert getattr(out, name) is arrays[name]
    assert_same_bytes(out, fresh)
    assert np.array_equal(kept[0], z)
    assert np.array_equal(kept[1], v)
    assert et.policy_statistics(z[::-1], v[::-1], out=out) is out
    assert_same_bytes(out, fresh, slice(None, None, -1))


@pytest.mark.parametrize("actions", [3, 40])
def test_results_share_no_memory(way: str, actions: int) -> None:
    z, v = batch(actions)
    got = et.policy_statistics(z, v)
    arrays = [z, v, *(getattr(got, name) for name in FIELDS)]
    for i, left in enumerate(arrays):
        assert not any(np.shares_memory(left, right) for right in arrays[i + 1 :])
        assert left.flags.writeable


@pytest.mark.parametrize("shape", [(6,), (2, 3, 6), (5, 1, 30)])
def test_out_of_an_earlier_call(way: str, shape: tuple[int, ...]) -> None:
    z, v = np.random.default_rng(1).standard_normal((2, *shape))
    out = et.policy_statistics(z, z)
    assert et.policy_statistics(z, v, out=out) is out
    assert_all(out, z, v)


WRONG: dict[str, Callable[[Array], Any]] = {
    "shape": lambda x: np.zeros((*x.shape[:-1], x.shape[-1] + 1)),
    "too many axes": lambda x: np.zeros((1, *x.shape)),
    "dtype": lambda x: x.astype(np.float32),
    "complex": lambda x: x.astype(np.complex128),
    "objects": lambda x: x.astype(object),
    "strided": lambda x: np.zeros((*x.shape, 2))[..., 0],
    "not to be written to": lambda x: np.broadcast_to(0.0, x.shape),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("field", FIELDS)
def test_out_that_does_not_fit(way: str, field: str, wrong: str) -> None:
    z, v = batch(7)
    good = empty(*z.shape)
    out = replace(good, **{field: WRONG[wrong](np.zeros_like(getattr(good, field)))})
    with pytest.raises(ValueError, match=rf"^out\.{field}\b"):
        et.policy_statistics(z, v, out=out)


def test_out_says_what_is_wrong_with_it(way: str) -> None:
    z, v = batch(7)
    good = empty(*z.shape)
    backwards = replace(good, update=np.asfortranarray(good.update))
    with pytest.raises(ValueError, match=r"^out\.update is not C-contiguous"):
        et.policy_statistics(z, v, out=backwards)
    good.entropy.flags.writeable = False
    with pytest.raises(ValueError, match=r"^out\.entropy is not writeable"):
        et.policy_statistics(z, v, out=good)


def test_an_array_for_two_results_is_refused(way: str) -> None:
    z, v = batch(7)
    good = empty(*z.shape)
    with pytest.raises(ValueError, match=r"^out\.update shares memory with out\.log_probability"):
        et.policy_statistics(z, v, out=replace(good, update=good.log_probability))


@pytest.mark.parametrize("kind", ["complex", "balls"])
def test_out_is_for_floats(way: str, kind: str) -> None:
    z, v = np.zeros((2, 3)), np.ones((2, 3))
    other = v.astype(complex) if kind == "complex" else np.array([[et.Ball(1)] * 3] * 2, dtype=object)
    for arguments in ((z, other), (other, v)):
        with pytest.raises(ValueError, match=r"^out\b"):
            et.policy_statistics(*arguments, out=empty(2, 3))


@pytest.mark.parametrize("field", ["log_probability", "entropy_gradient", "update"])
@pytest.mark.parametrize("argument", ["z", "v"])
@pytest.mark.parametrize("actions", [3, 40])
def test_out_that_overlaps_an_argument(way: str, field: str, argument: str, actions: int) -> None:
    """Is refused, or does not matter."""
    z, v = (x.copy() for x in batch(actions))
    expected = et.policy_statistics(z, v, out=empty(*z.shape))
    out = replace(empty(*z.shape), **{field: z if argument == "z" else v})
    try:
        et.policy_statistics(z, v, out=out)
    except ValueError as error:
        message = str(error)
    else:
        assert_same_bytes(out, expected)
        return
    assert message.startswith("out")


# --- errors ---------------------------------------------------------------------------------------------------------

BAD = {
    "nan": (np.nan, "nan"),
    "inf": (np.inf, "inf"),
    "-inf": (-np.inf, "-inf"),
    "1e301": (1e301, "1e+301"),
    "-1e301": (-1e301, "-1e+301"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("argument", ["z", "v"])
@pytest.mark.parametrize("shape", [(300, 3), (300, 24), (130, 25), (3, 1000), (1, 9000)])
def test_bad_entries(way: str, argument: str, bad: str, shape: tuple[int, int]) -> None:
    """At the first, at the last and at other places: the same error as for a small batch."""
    generator = np.random.default_rng(2)
    z, v = generator.standard_normal((2, *shape))
    n, a = shape
    value, text = BAD[bad]
    for i, j in {(0, 0), (n - 1, a - 1), (n // 2, a // 3), (min(n - 1, 128), a - 1), (n - 1, 0)}:
        arrays = {"z": z.copy(), "v": v.copy()}
        arrays[argument][i, j] = value
        with pytest.raises(ValueError, match=r"expected a (finite number|number of size at most 1e\+300)$") as caught:
            et.policy_statistics(**arrays)
        assert str(caught.value).startswith(f"{argument}[{i}, {j}] is {text}, expected")
        with pytest.raises(ValueError, match="expected") as again:
            et.policy_statistics(**arrays, out=empty(n, a))
        assert str(again.value) == str(caught.value)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(statistics, "LARGE", 2**40)
            with pytest.raises(ValueError, match="expected") as small:
                et.policy_statistics(**arrays)
        assert str(small.value) == str(caught.value)


def test_bad_entries_of_both(way: str) -> None:
    z, v = np.zeros((200, 3)), np.zeros((200, 3))
    z[5, 1], v[2, 0], z[7, 2] = -np.inf, np.nan, np.nan
    with pytest.raises(ValueError, match=r"^z\[5, 1\] is -inf, expected a finite number$"):
        et.policy_statistics(z, v)


def test_a_bad_entry_of_broadcast_arguments(way: str) -> None:
    v = np.zeros(5)
    v[3] = np.nan
    with pytest.raises(ValueError, match=r"^v\[3\] is nan, expected a finite number$"):
        et.expectation(np.zeros((50, 5)), v)
    with pytest.raises(ValueError, match=r"^v\[3\] is nan, expected a finite number$"):
        et.policy_statistics(np.zeros((50, 5)), v)


def test_the_largest_entries(way: str) -> None:
    z = np.array([[1e300, -1e300, 0.0]] * 2)
    got = et.policy_statistics(z, np.zeros_like(z))
    assert np.array_equal(got.log_probability, [[0.0, -2e300, -1e300]] * 2)
    assert np.array_equal(got.entropy, [0.0, 0.0])


@pytest.mark.parametrize(
    ("z", "v", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), r"^z has shape \(2, 3\), v has shape \(2, 4\), expected shapes"),
        (np.zeros((2, 0)), np.zeros((2, 0)), r"^z has shape \(2, 0\), expected at least one entry"),
        (0.0, [1.0], r"^z has shape \(\), expected at least 1 axis"),
        ([0.0, 1.0], "high", "^v has dtype"),
    ],
)
def test_arguments_that_do_not_fit(way: str, z: Any, v: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        et.policy_statistics(z, v)


def test_the_fields_are_those_of_the_definitions() -> None:
    assert [field.name for field in fields(et.PolicyStatistics)] == list(FIELDS)

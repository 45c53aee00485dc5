"""Hostile arguments, and what may come of a call with them: a well-formed result, or an error that names one of them.

Used by the ``test_fuzz_*`` files.
"""

from __future__ import annotations

import datetime
import re
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from flint import arb
from hypothesis import strategies as st

import entropy_theory as et

Array = np.ndarray[Any, Any]

PACKAGE = str(Path(et.__file__).parent)

SECONDS = 20.0
"""After which a call counts as one that hangs. The good calls take some thousandths of it."""

ROOM = 2 << 30
"""Bytes that a call may take beyond those in use. The good calls take some millions."""

NOT_OURS = re.compile(
    r"operands|broadcast together|could not be broadcast|shape mismatch|setting an array element|inhomogeneous"
    r"|matmul|ufunc|cannot reshape|out of bounds|zero-size|loop of ufunc|object arrays are not supported|einsum"
    r"|casting rule|truth value|'NoneType'|has no attribute|unsupported operand|not subscriptable|not iterable"
    r"|unexpected keyword|cannot unpack|unpack|is an invalid keyword|too large to convert|Maximum allowed",
    re.IGNORECASE,
)
"""Words of NumPy and Python about their own inner operations."""


class Hang(BaseException):
    """A call that does not return."""


NUMBERS: tuple[Any, ...] = (
    0,
    1,
    2,
    3,
    -1,
    0.0,
    -0.0,
    0.5,
    1.5,
    -2.5,
    5e-324,
    -5e-324,
    2.3e-308,
    1e-300,
    1e300,
    -1e300,
    1.7e308,
    -1.7e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    2**31,
    2**63,
    -(2**63),
    2**64,
    10**30,
    10**400,
    -(10**400),
    Fraction(1, 3),
    Fraction(10**400, 3),
    Fraction(1, 10**400),
    1 + 2j,
    complex("nan"),
    np.float16(0.5),
    np.float32(1e30),
    np.longdouble("1e4000"),
    np.int64(2),
    np.uint64(2**64 - 1),
    np.bool_(True),
    np.datetime64("2024-01-01"),
    np.timedelta64(3, "s"),
    et.exact(1, 3),
    et.exact(-1),
    et.Ball(Fraction(1, 3)),
    arb("1 +/- 3"),
    arb("nan"),
)

JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    "a",
    "1.5",
    "\0",
    "x" * 1000,
    "nan\n",
    b"\x00\xff",
    bytearray(b"12"),
    (),
    [],
    {},
    set(),
    {1.0, 2.0},
    frozenset({1}),
    [None],
    [[1.0], [2.0, 3.0]],
    [1.0, "a"],
    ["a", "b"],
    [1.0, None, 2.0],
    {"a": 1.0},
    range(3),
    slice(None),
    ...,
    int,
    len,
    object(),
    lambda *arguments, **named: None,
    lambda *arguments, **named: float("nan"),
    datetime.datetime(2024, 1, 1),
    datetime.timedelta(1),
    np.random.default_rng(0),
    np.dtype(float),
    np.array(["a", "b"]),
    np.array([b"a", b"b"]),
    np.array(["2024-01-01"], dtype="M8[D]"),
    np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    np.array([None, None], dtype=object),
    np.array([object(), 1.0], dtype=object),
    np.array([[], []]),
    np.zeros(0),
    np.zeros((0, 2)),
    np.zeros((2, 0)),
    np.zeros((3, 0, 2)),
    np.array(0.5),
    np.array(None),
    np.zeros((1, 1, 1, 1, 1, 1)),
    np.zeros((2, 2)),
    np.zeros((3, 2)),
    np.zeros((2, 3)),
    np.zeros((2, 2, 2)),
    np.zeros(7),
    np.ones(2, dtype=bool),
    np.ma.masked_array([1.0, 2.0], mask=[True, False]),
    np.ma.masked_array([1.0, 2.0]),
    np.broadcast_to(0.5, (1 << 16,)),
    np.array([10**400, 1], dtype=object),
    np.array([Fraction(1, 3), Fraction(2, 3)], dtype=object),
    np.array([et.Ball(1), et.Ball(2)], dtype=object),
    np.array([arb("0 +/- 1e300"), arb(1)], dtype=object),
    et.PolicyGradient(),
    et.Bandit([1.0, 0.0]),
)

ENTRIES: tuple[float, ...] = (
    float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, -5e-324, 1e-310, 1e300, -1e300, 1.7e308, -1.7e308, 1e17,
    745.2, -746.0, 1.0, 0.0, -1.0,
)  # fmt: skip


def _forms(array: Array) -> list[Callable[[], Any]]:
    """The same numbers, or nearly, in another form."""

    def strided() -> Array:
        wide = np.full((*array.shape, 2), 9.0 if array.dtype.kind == "f" else 0).astype(array.dtype)
        wide[..., 0] = array
        return wide[..., 0]

    def locked() -> Array:
        out = array.copy()
        out.flags.writeable = False
        return out

    return [
        locked,
        strided,
        lambda: np.asfortranarray(array),
        lambda: array[::-1] if array.ndim else array,
        lambda: array.astype(array.dtype.newbyteorder()),
        lambda: array.astype(np.float16),
        lambda: array.astype(np.float32),
        lambda: array.astype(np.longdouble),
        lambda: array.astype(np.complex64),
        lambda: array.astype(np.int8),
        lambda: array.astype(np.uint64),
        lambda: array.astype(bool),
        lambda: array.astype(object),
        lambda: array.astype(str),
        lambda: array.astype("M8[s]"),
        lambda: array.tolist(),
        lambda: np.ma.masked_array(array),
        lambda: np.ma.masked_greater(array, 0),
        lambda: np.asmatrix(array) if array.ndim == 2 else array,
        lambda: array[None],
        lambda: array[..., None],
        lambda: array[:0] if array.ndim else array,
        lambda: array[..., :0] if array.ndim else array,
        lambda: array[..., :1] if array.ndim else array,
        lambda: array[0] if array.ndim and len(array) else array,
        lambda: np.repeat(array, 2, axis=-1) if array.ndim else array,
        lambda: np.concatenate([array, array], axis=0) if array.ndim else array,
        lambda: np.broadcast_to(array, (0, *array.shape)),
        lambda: np.broadcast_to(array, (2, *array.shape)),
        lambda: np.broadcast_to(array, (1,) * 30 + array.shape),
        lambda: np.vectorize(et.Ball, otypes=[object])(array) if array.size else array,
        lambda: np.vectorize(lambda x: arb(float(x), 1.0), otypes=[object])(array) if array.size else array,
        lambda: np.vectorize(lambda x: Fraction(float(x)), otypes=[object])(array) if array.size else array,
    ]


@st.composite
def mutations(draw: st.DrawFn, good: Array) -> Any:
    """An array near a good one."""
    array = np.array(good)
    how = draw(st.integers(0, 3))
    if how == 0 or not array.size:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return draw(one_of(_forms(array)))()
            except (TypeError, ValueError):  # a form that this array cannot take
                return array
    if how == 1:
        index = draw(st.integers(0, array.size - 1))
        entry = draw(st.sampled_from(ENTRIES))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            floats = array.astype(float)
        floats.flat[index] = entry
        return floats
    if how == 2:
        with np.errstate(all="ignore"):
            return array * draw(st.sampled_from(ENTRIES))
    count = array.size
    flat = draw(st.lists(st.sampled_from(ENTRIES) | st.floats(-3, 3), min_size=count, max_size=count))
    return np.array(flat).reshape(array.shape)


def one_of(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of some values, of which not all can be hashed or compared."""
    return st.integers(0, len(values) - 1).map(lambda i: values[i])


def hostile(good: Any) -> st.SearchStrategy[Any]:
    """Values in place of a good one."""
    anything = one_of(NUMBERS) | one_of(JUNK)
    if isinstance(good, np.ndarray) and good.dtype.kind in "biuf":
        return st.one_of(mutations(good), mutations(good), anything)
    return anything


def strategy(good: Mapping[str, Any], extra: Mapping[str, tuple[Any, ...]]) -> st.SearchStrategy[dict[str, Any]]:
    """Changes of one, two or three of the good arguments."""
    names = list(good)

    def changed(chosen: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        each = {
            name: hostile(good[name]) | one_of(extra[name]) if name in extra else hostile(good[name]) for name in chosen
        }
        return st.fixed_dictionaries(each)

    return st.lists(st.sampled_from(names), min_size=1, max_size=min(3, len(names)), unique=True).flatmap(changed)


@contextmanager
def limits(seconds: float = SECONDS, room: int = ROOM) -> Iterator[None]:
    """An end to calls that hang or that take memory without bound, where the system has such limits."""
    if sys.platform != "linux":
        yield
        return
    import resource

    def interrupt(signum: int, frame: Any) -> None:
        raise Hang

    with open("/proc/self/statm", "rb") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    before = signal.signal(signal.SIGALRM, interrupt)
    resource.setrlimit(resource.RLIMIT_AS, (used + room, hard))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def violation(call: Callable[[], Any], names: tuple[str, ...], *, may_be_nan: bool = False) -> str | None:
    """What is wrong with how a call ends; None if nothing is.

    Parameters
    ----------
    call : callable
    names : tuple of str
        Words of which an error has to hold one: the arguments.
    may_be_nan : bool
        Whether the result may hold "no number".

    Returns
    -------
    str or None
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            with limits():
                result = call()
        except Hang:
            return "does not return"
        except Exception as error:
            return _wrong_error(error, names)
    return None if may_be_nan else _not_well_formed(result)


def _wrong_error(error: Exception, names: tuple[str, ...]) -> str | None:
    text = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    place = next(
        (f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames) if f.filename.startswith(PACKAGE)), ""
    )
    where = f"{text[:300]} at {place}"
    if isinstance(error, MemoryError):
        return f"asks for too much memory: {where}"
    if isinstance(error, ZeroDivisionError | np.linalg.LinAlgError):
        return where
    if not isinstance(error, ValueError | TypeError | ArithmeticError | et.ClaimError):
        return where
    message = str(error)
    if isinstance(error, et.UndecidedComparison) and "not bounded" not in message:
        return None
    if "\n" in message.strip():
        return f"more than one line: {where}"
    if len(message) > 2000:
        return f"a message of {len(message)} characters: {where}"
    # What the caller's own value says of itself is quoted in the message, and is not ours.
    if NOT_OURS.search(re.sub(r"is '[^']*'|is <[^>]*>", "", message)):
        return f"inner words: {where}"
    if not any(re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", message) for name in names):
        return f"names no argument: {where}"
    return None


def _not_well_formed(result: Any) -> str | None:
    for name, array in _arrays(result, "result"):
        if array.dtype.kind in "fc" and np.isnan(array).any():
            return f"{name} holds nan"
        if array.dtype.kind not in "biufcO":
            return f"{name} has dtype {array.dtype}"
        if np.ma.isMaskedArray(array):
            return f"{name} is a masked array"
    return None


def _arrays(value: Any, name: str) -> Iterator[tuple[str, Array]]:
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, float | complex | np.floating | np.complexfloating):
        yield name, np.asarray(value)
    elif isinstance(value, tuple | list):
        for i, item in enumerate(value):
            yield from _arrays(item, f"{name}[{i}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _arrays(item, f"{name}[{key!r}]")
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _arrays(getattr(value, field.name), f"{name}.{field.name}")

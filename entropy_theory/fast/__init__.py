"""The compiled path: fused numba kernels for large float64 arrays, there with the extra ``fast``.

Whether it is taken is decided here and nowhere else. Each kernel restates formulas of `entropy_theory.softmax`; tests
hold both to the same values. A claim is checked without kernels, so that no verdict depends on what is installed.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SWITCH = "ENTROPY_THEORY_FAST"
"""Environment variable: "0" leaves the kernels out."""

SMALLEST_VARIANCE = 1e-270
"""A variance below this, or above its inverse, is added up anew on the scale of the largest term."""

alone = threading.RLock()
"""Held while a kernel runs: numba's own threads serve one caller at a time."""

_off: ContextVar[bool] = ContextVar("kernels_off", default=False)

_forked = False


@cache
def _installed() -> bool:
    return find_spec("numba") is not None


def enabled() -> bool:
    """Whether kernels may be used: numba is installed and they are not switched off.

    A process that was forked from one that had loaded numba goes without: the threads are not there in the child.
    """
    return not (_off.get() or _forked) and os.environ.get(SWITCH) != "0" and _installed()


def inputs(*arrays: Array) -> tuple[Array, ...]:
    """Contiguous views that must not be written to, whatever the arrays allow: a kernel is compiled for each kind."""
    views = tuple(np.ascontiguousarray(array).view() for array in arrays)
    for view in views:
        view.flags.writeable = False
    return views


@contextmanager
def disabled() -> Iterator[None]:
    """Leave the kernels out within the block."""
    token = _off.set(True)
    try:
        yield
    finally:
        _off.reset(token)


def _in_child() -> None:
    global _forked
    _forked = "numba" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)

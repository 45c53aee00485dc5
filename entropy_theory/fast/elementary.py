"""Elementary functions of the kernels, as vector instructions: numba brings none, and a call a number costs threefold.

They are compiled with leave to contract a product and a sum, and none else: reordered sums would undo the reduction of
the arguments. Where they are called, the flags of the caller hold for the caller's own operations only.
"""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# Threads that wait for work are to sleep: beside another busy process spinning ones were measured to cost sixfold.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

LOG2_E = 1 / math.log(2)

LN2_HIGH = float.fromhex("0x1.62e42fefa3800p-1")
"""log 2 to 42 bits, so that ``k * LN2_HIGH`` is exact."""

LN2_LOW = float.fromhex("0x1.ef35793c76730p-45")

LIFT = 54
"""Powers of two by which an exponential is lifted until the last step: what may be subnormal is not so before."""

ROUNDER = 1.5 * 2.0**52 + (1023 + LIFT)
"""Added to a number, it leaves the nearest integer in the low bits, here as the exponent of a lifted float."""

UNLIFT = 2.0**-LIFT

LOWEST = -746.0
"""Here and below the exponential rounds to zero."""

EXP = tuple(
    float.fromhex(number)
    for number in (
        "0x1.5555555555501p-3",
        "0x1.555555555320ep-5",
        "0x1.111111112882dp-7",
        "0x1.6c16c17cc0bd6p-10",
        "0x1.a01a011c378b6p-13",
        "0x1.a019ab35b3086p-16",
        "0x1.71df552399c22p-19",
        "0x1.289f81ab55205p-22",
        "0x1.ad2029beedf82p-26",
    )
)
"""``exp(r) = 1 + r + r^2 / 2 + r^3 (EXP[0] + EXP[1] r + ...)`` for ``|r| <= log(2) / 2``.

Found by Remez exchange of the relative error in 50 digits, then rounded, which leaves less than 6e-18 of it.
"""

ATANH = tuple(2 / (2 * n + 1) for n in range(11))

ROOT_HALF_BITS = int(np.float64(math.sqrt(0.5)).view(np.int64))


def _kept() -> bool:
    """Whether there is a folder in which compiled code can be kept for later processes.

    Numba looks at the file of a kernel to see whether that code is still right, not at this one, whose functions it
    contains: after a change here the kept code has to be removed (``find . -name "*.nb[ci]" -delete``).
    """
    try:
        njit(cache=True)(_kept)
    except RuntimeError:
        return False
    return True


KEPT = _kept()

EXACTLY: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "cache": KEPT}
"""How kernels are compiled: each operation rounds as written, but for contraction; division does not raise."""


@intrinsic
def _bits(typing_context: Any, number: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@intrinsic
def _from_bits(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@intrinsic
def larger(typing_context: Any, a: Any, b: Any) -> Any:
    """The larger of two numbers, in a form of which a loop makes vector instructions."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        double = ir.DoubleType()
        function = builder.module.declare_intrinsic("llvm.maxnum", [double], ir.FunctionType(double, [double, double]))
        return builder.call(function, arguments, fastmath=("nnan", "nsz", "reassoc"))

    return types.float64(types.float64, types.float64), generate


@njit(fastmath={"contract", "reassoc", "nsz"}, error_model="numpy", cache=KEPT)
def plus(a: float, b: float) -> float:
    """``a + b``, in any order where a loop adds up: the only operation that kernels may reorder."""
    return a + b


@njit(**EXACTLY)
def exp_nonpositive(x: float) -> float:
    """``exp(x)`` for x <= 0, within one unit in the last place; below exp(-745.2) it is 0.

    ``exp(x) = 2^k exp(r)`` with ``k = rint(x / log 2)`` and ``|r| <= log(2) / 2``, there by a polynomial of degree 11.
    """
    x = LOWEST if x < LOWEST else x
    shifted = x * LOG2_E + ROUNDER
    multiple = shifted - ROUNDER
    r = (x - multiple * LN2_HIGH) - multiple * LN2_LOW
    # Even and odd powers apart: two short chains of operations that wait for each other instead of a long one.
    q = r * r
    even = EXP[8] * q + EXP[6]
    odd = EXP[7] * q + EXP[5]
    even = even * q + EXP[4]
    odd = odd * q + EXP[3]
    even = even * q + EXP[2]
    odd = odd * q + EXP[1]
    even = even * q + EXP[0]
    tail = odd * r + even
    tail = tail * r + 0.5
    tail = tail * r + 1.0
    result: float = (tail * r + 1.0) * _from_bits(_bits(shifted) << 52) * UNLIFT
    return result


@njit(**EXACTLY)
def log1p_nonnegative(x: float) -> float:
    """``log(1 + x)`` for x >= 0, within three units in the last place.

    ``1 + x = 2^k m`` with m between the square roots of 1/2 and 2, and ``log m = 2 atanh((m - 1) / (m + 1))`` by its
    series up to the power 21, which leaves out less than 1e-18 of it. What ``1 + x`` rounds away is added at the end.
    """
    y = 1.0 + x
    lost = x - (y - 1.0)
    bits = _bits(y)
    k = (bits - ROOT_HALF_BITS) >> 52
    m = _from_bits(bits - (k << 52))
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    tail = ATANH[10]
    tail = tail * q + ATANH[9]
    tail = tail * q + ATANH[8]
    tail = tail * q + ATANH[7]
    tail = tail * q + ATANH[6]
    tail = tail * q + ATANH[5]
    tail = tail * q + ATANH[4]
    tail = tail * q + ATANH[3]
    tail = tail * q + ATANH[2]
    tail = tail * q + ATANH[1]
    power = float(k)
    result: float = power * LN2_HIGH + ((2.0 * s + s * (q * tail)) + (power * LN2_LOW + lost / y))
    return result

"""What differs between float64, complex128 and balls; every formula elsewhere is written once for all three.

Balls travel in object arrays, on whose elements NumPy's ufuncs, sums and ``@`` call the methods of the same name.
Six things cannot be left to that: choosing between two formulas that are equal in exact arithmetic (`midpoint`),
functions that NumPy lacks or has inaccurately (`expm1_minus`, `log1p`), a maximum (`largest`), the linear solve
(`solve`), the root of an increasing function (`bracketed_root`, `enclosed_root`) and the derivative along a line
(`directional_derivative`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any, cast

import numpy as np
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat

from entropy_theory.balls import Ball, UndecidedComparison, constant
from entropy_theory.brief import brief, message
from entropy_theory.duals import Dual

Array = np.ndarray[Any, Any]

COMPLEX_STEP = 1e-200
"""Step of the complex-step derivative: no difference is taken, so it can be far below the rounding unit."""

_TAYLOR = [1 / math.factorial(k) for k in range(2, 20)]


def is_ball(x: Array) -> bool:
    """Whether `x` is an object array, that is, carries balls; or a ball, which NumPy's ufuncs make of an array without
    axes."""
    return bool(x.dtype == object) if hasattr(x, "dtype") else isinstance(x, Ball | Dual | arb)


def to_balls(x: Array, name: str = "z") -> Array:
    """Each float as the number that it is, in an array of balls; within `widened_constants` as all that it may be the
    rounding of; a ValueError that names the array if it is of complex numbers."""
    if x.dtype.kind == "c":
        raise ValueError(f"{name} has dtype {x.dtype}, expected real numbers beside balls")
    out = np.empty(x.shape, dtype=object)
    for index in np.ndindex(x.shape):
        out[index] = x[index] if is_ball(x) else constant(float(x[index]))
    return out


def midpoint(x: Array) -> Array:
    """The real double nearest to each element: its real part, or the centre of its ball.

    It may only choose between formulas that agree in exact arithmetic, since it ignores the radius.
    """
    if not is_ball(x):
        return x.real
    centres = [float(e) if isinstance(e, arb) else e.midpoint() if isinstance(e, Ball | Dual) else e for e in x.flat]
    return np.array(centres, dtype=np.float64).reshape(x.shape)


def expm1_minus(t: Array) -> Array:
    """``exp(t) - 1 - t``, relatively accurate also for tiny t (there it is t²/2)."""
    if is_ball(t):
        return np.asarray(np.expm1(t) - t, dtype=object)
    small = np.abs(t) < 1
    s = np.where(small, t, 0)
    series = np.full_like(s, _TAYLOR[-1])
    for coefficient in reversed(_TAYLOR[:-1]):
        series = series * s + coefficient
    far = np.where(small, 0, t)
    return np.asarray(np.where(small, series * s * s, np.expm1(far) - far))


def log1p(x: Array) -> Array:
    """``log(1 + x)``. NumPy's is accurate on floats; on complex numbers it loses the real part of a small result."""
    x = np.asarray(x)
    if x.dtype.kind != "c":
        return np.asarray(np.log1p(x))
    size = np.log1p(x.real * (2 + x.real) + x.imag**2) / 2
    return np.asarray(np.where(np.abs(x) < 0.5, size + 1j * np.arctan2(x.imag, 1 + x.real), np.log1p(x)))


def largest(x: Any, axis: int = -1) -> Array:
    """Maximum along an axis, rigorous on balls: where enclosures overlap, an enclosure of the maximum.

    ``np.max`` on balls has to compare them and fails where two entries are equal but not known to be.

    Parameters
    ----------
    x : array
        Floats, balls, or the complex numbers of a complex step, which are compared by their real parts.
    axis : int
        Along which it is taken; the last if left out.

    Returns
    -------
    array
        Of the shape of `x` without that axis; nan where an entry is that.

    Raises
    ------
    ValueError
        If `x` holds no numbers, or has no entries along `axis`.
    UndecidedComparison
        If `x` is differentiated and it is open which entry is the largest.
    """
    array = _along(x, axis)
    if not is_ball(array):
        return np.asarray(array.max(axis))
    moved = np.moveaxis(array, axis, -1)
    out = np.empty(moved.shape[:-1], dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = reduce(_larger, moved[index])
    return out


def smallest(x: Any, axis: int = -1) -> Array:
    """Minimum along an axis, rigorous on balls like `largest`.

    Parameters
    ----------
    x : array
        As for `largest`.
    axis : int
        Along which it is taken; the last if left out.

    Returns
    -------
    array
        Of the shape of `x` without that axis; nan where an entry is that.

    Raises
    ------
    ValueError, UndecidedComparison
        As `largest`.
    """
    array = _along(x, axis)
    return np.asarray(-largest(-array, axis) if is_ball(array) else array.min(axis))


def _along(x: Any, axis: Any) -> Array:
    """Numbers, and entries along an axis of theirs."""
    try:
        array = np.asarray(x)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"x is {brief(x)}, expected an array of numbers, with rows of one length") from None
    if array.dtype.kind not in "biufcO":
        raise ValueError(f"x has dtype {array.dtype}, expected numbers")
    if isinstance(axis, bool) or not isinstance(axis, int | np.integer) or not -array.ndim <= axis < array.ndim:
        raise ValueError(f"axis is {brief(axis)}, expected an axis of x, which has shape {array.shape}")
    if not array.shape[axis]:
        raise ValueError(f"x has shape {array.shape}, expected at least one entry along axis {axis}")
    _require_real(array, "x")
    return array


def _require_real(array: Array, name: str) -> None:
    for entry in array.flat if is_ball(array) else ():
        if not isinstance(entry, Ball | Dual | arb | int | float | Fraction | fmpq | np.integer | np.floating):
            raise ValueError(f"{name} holds {brief(entry)}, expected real numbers")


def _larger(a: Any, b: Any) -> Any:
    left = Ball(a) if isinstance(a, arb) else a  # python-flint's own answer a comparison that is undecided
    right = Ball(b) if isinstance(b, arb) else b
    try:
        return a if left >= right else b
    except UndecidedComparison:
        if isinstance(a, Dual) or isinstance(b, Dual):
            raise
        both = Ball(a).arb.max(Ball(b).arb)
        return both if isinstance(a, arb) and isinstance(b, arb) else Ball(both)


def solve(matrix: Array, right: Array) -> Array:
    """Solve ``matrix @ x = right`` over the last two axes, in the arithmetic of the operands.

    Parameters
    ----------
    matrix : array (..., S, S)
    right : array (..., S)

    Returns
    -------
    array (..., S)
        In balls the solution is exact if all entries are rational, else a rigorous enclosure.
    """
    if not (is_ball(matrix) or is_ball(right)):
        return np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0])
    batch = np.broadcast_shapes(matrix.shape[:-2], right.shape[:-1])
    size = matrix.shape[-1]
    matrices = np.broadcast_to(matrix, (*batch, size, size)).reshape(-1, size, size)
    rights = np.broadcast_to(right, (*batch, size)).reshape(-1, size)
    out = np.empty(rights.shape, dtype=object)
    for i, (a, b) in enumerate(zip(matrices, rights, strict=True)):
        out[i] = _solve_one(a, b)
    return out.reshape(*batch, size)


def _solve_one(a: Array, b: Array) -> list[Any]:
    if any(isinstance(x, Dual) for x in (*a.flat, *b.flat)):
        a_value, a_tangent = Dual.split(a)
        b_value, b_tangent = Dual.split(b)
        value = solve(a_value, b_value)
        tangent = solve(a_value, b_tangent - a_tangent @ value)
        return [Dual(v, t) for v, t in zip(value, tangent, strict=True)]
    raw = any(isinstance(x, arb) for x in (*a.flat, *b.flat))
    balls_a, balls_b = [Ball(x) for x in a.flat], [Ball(x) for x in b]
    n = len(balls_b)
    rational_a, rational_b = [x.rational for x in balls_a], [x.rational for x in balls_b]
    solution: Any
    try:
        if None in rational_a or None in rational_b:
            solution = arb_mat(n, n, [x.arb for x in balls_a]).solve(arb_mat(n, 1, [x.arb for x in balls_b]))
        else:
            solution = fmpq_mat(n, n, cast("list[fmpq]", rational_a)).solve(
                fmpq_mat(n, 1, cast("list[fmpq]", rational_b))
            )
    except ZeroDivisionError:
        raise UndecidedComparison("the linear system cannot be told from a singular one at this precision") from None
    return [x if raw and isinstance(x, arb) else Ball(x) for x in solution.entries()]


def bracketed_root(function: Callable[[Array, Array], Array], low: Array, high: Array) -> Array:
    """The roots of increasing float functions, one an element, each within its bracket.

    Parameters
    ----------
    function : callable
        Maps points (m,) and the indices (m,) of the elements to which they belong to values (m,).
    low, high : array (n,)
        Brackets: the values there have opposite signs.

    Raises
    ------
    ArithmeticError
        If a bracket is none.
    """
    from scipy.optimize.elementwise import find_root

    unit = 2 * np.finfo(np.float64).eps
    result = find_root(function, (low, high), args=(np.arange(len(low)),), tolerances={"xrtol": unit, "xatol": unit})
    if not np.all(result.success):
        i = int(np.argmin(result.success))
        raise ArithmeticError(f"no root was bracketed between {low[i]!r} and {high[i]!r}")
    return np.asarray(result.x)


def enclosed_root(function: Callable[[Array], Array], guess: Array) -> Array:
    """Rigorous enclosures of the roots of increasing functions, one an element, in balls.

    Newton's method goes from the float `guess` to the precision in force; what it comes to is then widened until the
    function is certified to be negative at the lower end and positive at the upper.

    Parameters
    ----------
    function : callable
        Maps an array of balls or duals to one of the same shape, elementwise; increasing.
    guess : array
        Floats; an infinite one stays as it is.

    Raises
    ------
    UndecidedComparison
        If some root cannot be enclosed to two digits at the precision in force.
    """
    finite = np.isfinite(guess)
    x = to_balls(np.where(finite, guess, 1.0))
    ones = to_balls(np.ones(guess.shape))
    for _ in range(2 + max(0, math.ceil(math.log2(ctx.prec / 40)))):
        step = function(x) / directional_derivative(function, x, ones)
        x = _exact_centres(x - step)
    out = np.empty(guess.shape, dtype=object)
    missing = finite.copy()
    lost = 12
    while missing.any() and lost < ctx.prec - 8:
        radius = abs(x) * Ball(Fraction(1, 2 ** (ctx.prec - lost)))
        below, above = function(x - radius), function(x + radius)
        for index in zip(*np.nonzero(missing), strict=True):
            if Ball(below[index]).arb < 0 and Ball(above[index]).arb > 0:
                out[index] = Ball(arb(Ball(x[index]).arb.mid(), Ball(radius[index]).arb.upper()))
                missing[index] = False
        lost *= 2
    if missing.any():
        raise UndecidedComparison(f"a root near {guess[missing][0]!r} is not enclosed at {ctx.prec} bits")
    out[~finite] = guess[~finite]
    return out


def _together(**given: Any) -> list[Array]:
    """Finite numbers, broadcast against each other."""
    arrays = {}
    for name, value in given.items():
        try:
            array = np.asarray(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"{name} is {brief(value)}, expected an array of numbers, with rows of one length"
            ) from None
        if array.dtype.kind not in "biufcO":
            raise ValueError(f"{name} has dtype {array.dtype}, expected numbers")
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{name}{list(index) or ''} is {array[index]}, expected a finite number")
        _require_real(array, name)
        arrays[name] = array
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{shapes}, expected shapes that broadcast against each other") from None


def _value(function: Callable[[Any], Any], line: Array) -> Any:
    try:
        return function(line)
    except TypeError as error:  # as float and math.exp say it, which name nothing
        kind = "dual" if is_ball(line) else "complex"
        raise TypeError(f"function is {brief(function)}, expected one of {kind} numbers: {message(error)}") from error


def _exact_centres(x: Array) -> Array:
    centres = np.empty(x.shape, dtype=object)
    for index in np.ndindex(x.shape):
        value = Ball(x[index]).arb
        centres[index] = Ball(value.mid() if value.is_finite() else arb(1))
    return centres


def directional_derivative(function: Callable[[Any], Any], z: Array, direction: Array) -> Array:
    """The derivative of ``function(z + t * direction)`` at ``t = 0``, by a route that knows no formula for it.

    On floats by the complex step ``Im f(z + i h v) / h``, on balls by dual numbers, so that the result is accurate to
    rounding, respectively a rigorous enclosure. (On floats a slope below 1e-120 is lost to underflow.) `function`
    must be analytic along the line and made of operations that both arithmetics have (no abs, max or sort of what
    depends on `z`).

    Parameters
    ----------
    function : callable
        Maps an array like `z` to an array.
    z, direction : array
        Of shapes that broadcast against each other.

    Returns
    -------
    array
        Of the shape of the values of `function`.

    Raises
    ------
    ValueError
        If `z` or `direction` is no array of finite numbers, their shapes do not broadcast, or `function` is none, or
        gives real numbers for complex ones.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> z = np.array([0.0, 1.0])
    >>> float(et.directional_derivative(et.entropy, z, np.array([0.0, 1.0])))  # doctest: +ELLIPSIS
    -0.19661193...
    """
    if not callable(function):
        raise ValueError(f"function is {brief(function)}, expected a function of an array")
    z, direction = _together(z=z, direction=direction)
    for name, array in (("z", z), ("direction", direction)):
        if is_ball(array) and any(isinstance(x, Dual) for x in array.flat):
            raise ValueError(f"{name} holds dual numbers, expected floats or balls: no derivative within a derivative")
    if is_ball(z) or is_ball(direction):
        line = np.empty(z.shape, dtype=object)
        for index in np.ndindex(z.shape):
            line[index] = Dual(Ball(z[index]), Ball(direction[index]))
        return Dual.split(np.asarray(_value(function, line)))[1]
    value = np.asarray(_value(function, z + 1j * COMPLEX_STEP * direction))
    if value.dtype.kind != "c":
        raise ValueError(
            f"function returned {value.dtype} for complex numbers, expected an analytic function (no abs, norm, std)"
        )
    return np.asarray(value.imag / COMPLEX_STEP)

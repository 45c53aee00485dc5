"""Instances with structure: small whole numbers over one denominator that stand in a simple relation.

Where a claim fails only at ties, at one ratio of two numbers or at a zero, random real numbers never meet the place. A
recipe imposes one relation, such as ``3 x = 2 y``, ``x = y + w``, ``x + y = 1`` or ``r = -2 z``, on a few
instances that are otherwise drawn from a grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, permutations
from typing import Any

import numpy as np

from entropy_theory.checking.leaf import Leaf, Sizes
from entropy_theory.checking.space import Space

Array = np.ndarray[Any, Any]
Generator = np.random.Generator

DENOMINATORS = (1, 1, 1, 2, 4, 8, 64, 3, 5, 6, 10, 12, 100)

REACHES = (1, 2, 3, 6, 20, 100, 1000)
"""Bounds of the numerators of numbers that have none of their own."""

MOST_WEIGHTS = (2, 4, 12, 100)
"""Bounds of the weights of a probability vector."""

SMALL_RATIOS: tuple[tuple[int, ...], ...] = (
    (1, 1),
    (1, 1),
    (1, 1),
    (1, -1),
    *permutations((1, 2, 3, 4, 5), 2),
    (1, -2),
    (2, -1),
)

FACTORS = (1, 1, 1, -1, 2, -2, 3)

EACH, TOGETHER, MOST_NUMBERS = 8, 32, 80_000
"""Instances that share a recipe, and recipes that are evaluated together; fewer if they hold more numbers than this."""

LARGEST, BEYOND = 2**40, 2**61
"""Bounds on numerators, where the domain allows them and where it does not."""


@dataclass(frozen=True)
class Grid:
    """Instances whose numbers are whole numbers over a common denominator, and whose probabilities are weights.

    Attributes
    ----------
    numerators : dict of str to int array (n, ...)
        Of each leaf; weights of a probability vector.
    denominators : int array (n,)
    spec : mapping of str to Leaf
    """

    numerators: Mapping[str, Array]
    denominators: Array
    spec: Mapping[str, Leaf]

    def floats(self) -> dict[str, Array]:
        """The instances as the search holds them."""
        out = {}
        for name, value in self.numerators.items():
            if self.spec[name].kind == "simplex":
                out[name] = value / value.sum(-1, keepdims=True)
            else:
                out[name] = value / self.denominators.reshape(-1, *[1] * (value.ndim - 1))
        return out

    def exact(self, i: int) -> dict[str, Array]:
        """One instance in exact rationals."""
        out = {}
        for name, value in self.numerators.items():
            row = np.array(value[i])
            total = row.sum(-1, keepdims=True) if self.spec[name].kind == "simplex" else self.denominators[i]
            entries = np.empty(row.shape, dtype=object)
            for index, below in np.ndenumerate(np.broadcast_to(total, row.shape)):
                entries[index] = Fraction(int(row[index]), int(below))
            out[name] = entries
        return out


def structured(space: Space, rng: Generator, n: int, size: Sizes) -> Iterator[Grid]:
    """About `n` instances of one size, a few of each recipe.

    Parameters
    ----------
    space : Space
    rng : Generator
    n : int
    size : dict of str to int

    Yields
    ------
    Grid
    """
    largest = max(leaf.numbers(size) for leaf in space.leaves.values())
    each = max(1, min(EACH, n, MOST_NUMBERS // max(1, largest)))
    recipes = math.ceil(n / each)
    together = max(1, min(TOGETHER, recipes, MOST_NUMBERS // (each * max(1, largest))))
    ratios = cycle(tuple(SMALL_RATIOS[i]) for i in rng.permutation(len(SMALL_RATIOS)))
    for start in range(0, recipes, together):
        parts, denominators = [], []
        for _ in range(min(together, recipes - start)):
            denominator = int(rng.choice(DENOMINATORS)) * _scale(space)
            reach = int(rng.choice(REACHES)) * (denominator if rng.random() < 0.5 else 1)
            block = {name: _drawn(leaf, rng, each, size, denominator, reach) for name, leaf in space.leaves.items()}
            for _ in range(1 + (rng.random() < 0.3)):
                _relate(block, space.leaves, rng, denominator, reach, ratios)
            parts.append({name: _proper(value, space.leaves[name]) for name, value in block.items()})
            denominators += [denominator] * each
        numerators = {name: np.concatenate([part[name] for part in parts]) for name in space.leaves}
        yield Grid(numerators, np.array(denominators), space.leaves)


def _drawn(leaf: Leaf, rng: Generator, n: int, size: Sizes, denominator: int, reach: int) -> Array:
    """Numerators without any relation."""
    shape = (n, *leaf.shape(size))
    if leaf.kind == "simplex":
        return rng.integers(1 if leaf.interior else 0, int(rng.choice(MOST_WEIGHTS)) + 1, size=shape)
    low, high = _window(leaf, denominator, reach)
    unit = denominator if leaf.integer else 1
    bound = BEYOND // unit  # what lies beyond is outside the domain, and is not admitted
    least = min(max(-(-low // unit), -bound), bound)
    most = min(max(high // unit, least), bound)
    return unit * rng.integers(least, most + 1, size=shape)


def _proper(value: Array, leaf: Leaf) -> Array:
    """Weights that are positive, or not all zero."""
    if leaf.kind != "simplex":
        return value
    weights = np.abs(value)
    return np.maximum(weights, 1) if leaf.interior else weights + (weights.sum(-1) == 0)[..., None]


def _scale(space: Space) -> int:
    """A power of two by which the denominators are multiplied, so that the narrowest interval has some of the grid."""
    widths = [leaf.high - leaf.low for leaf in space.leaves.values() if leaf.kind == "real" and leaf.high > leaf.low]
    narrowest = min(widths, default=4.0)
    return 1 if narrowest >= 2 else 2 ** math.ceil(math.log2(2 / max(narrowest, 2.0**-29)))


def _window(leaf: Leaf, denominator: int, reach: int) -> tuple[int, int]:
    """Least and largest numerator: as near to zero as the leaf allows."""
    low = -LARGEST if leaf.low * denominator < -LARGEST else math.ceil(Fraction(leaf.low) * denominator)
    high = LARGEST if leaf.high * denominator > LARGEST else math.floor(Fraction(leaf.high) * denominator)
    low += leaf.open_low and low == leaf.low * denominator
    high -= leaf.open_high and high == leaf.high * denominator
    if low > high:
        return low, low
    near = min(max(0, low), high)
    return max(low, near - reach), min(high, near + reach)


def _relate(
    block: dict[str, Array],
    spec: Mapping[str, Leaf],
    rng: Generator,
    denominator: int,
    reach: int,
    ratios: Iterator[tuple[int, ...]],
) -> None:
    """Impose one relation on all instances of the block."""
    reals = [name for name, leaf in spec.items() if leaf.kind == "real"]
    arrays = [name for name in spec if block[name].ndim > 1 and block[name].shape[-1] > 1]
    kinds = ["scalars"] * (3 if reals else 0) + ["one"] * bool(reals) + ["array", "arrays"] * bool(arrays)
    kind = rng.choice(kinds or ["array"])
    if kind in ("array", "arrays") and arrays:
        name = str(rng.choice(arrays))
        others = [
            k for k in spec if k != name and block[k].shape == block[name].shape and spec[k].kind == spec[name].kind
        ]
        if kind == "arrays" and others:
            block[name] = int(rng.choice(FACTORS)) * block[str(rng.choice(others))]
        else:
            block[name] = _pattern(block[name], rng)
    elif reals:
        flat = {name: block[name].reshape(len(block[name]), -1) for name in reals}
        places = [(name, i) for name, value in flat.items() for i in range(value.shape[1])]
        chosen = [places[i] for i in rng.permutation(len(places))[:3]]
        columns = [flat[name][:, i] for name, i in chosen]
        if kind == "one" or len(columns) == 1:
            new: list[Array] = [np.full(len(columns[0]), int(rng.choice([0, denominator, -denominator, reach])))]
        else:
            new = _related(columns, rng, denominator, ratios)
        for (name, i), column in zip(chosen, new, strict=False):
            flat[name][:, i] = np.clip(column, -LARGEST, LARGEST)
            block[name] = flat[name].reshape(block[name].shape)


def _related(columns: list[Array], rng: Generator, denominator: int, ratios: Iterator[tuple[int, ...]]) -> list[Array]:
    """New values of the first of the columns, in a relation to the others."""
    y = columns[1]
    kind = rng.choice(["ratio", "ratio", "ratio", "sum", "complement", "square"])
    if kind == "ratio":
        a, b = next(ratios)
        m = np.rint(y / b).astype(np.int64)
        return [a * m, b * m]
    if kind == "sum":
        other = columns[2] if len(columns) > 2 else np.full(len(y), denominator)
        signs = rng.choice([-2, -1, 1, 1, 1, 2], size=2)
        return [int(signs[0]) * y + int(signs[1]) * other]
    if kind == "complement":
        return [denominator - y]
    return [y * y // denominator]


def _pattern(value: Array, rng: Generator) -> Array:
    """Arrays of a pattern along the last axis: constant, of two values, steps, mirrored or with its sign mirrored."""
    length = value.shape[-1]
    kind = rng.choice(["constant", "two", "steps", "mirror", "mirrored sign", "one"])
    first, second = value[..., :1], value[..., 1:2]
    if kind == "constant":
        return np.array(np.broadcast_to(first, value.shape))
    if kind == "two":
        return np.where(rng.random(length) < 0.5, first, second)
    if kind == "steps":
        return np.asarray(first + (second - first) * np.arange(length))
    if kind == "one":
        return np.where(np.arange(length) == rng.integers(length), first, second)
    mirrored = value[..., ::-1]
    half = np.arange(length) < length / 2
    middle = 2 * np.arange(length) + 1 == length
    if kind == "mirror":
        return np.where(half, value, mirrored)
    return np.asarray(np.where(middle, 0, np.where(half, value, -mirrored)))

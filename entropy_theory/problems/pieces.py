"""A batch of problems in pieces that stay in the cache: what is computed of each piece is put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

PIECE = 2**18
"""Numbers of the transition tensor in a piece, 2 MiB. Larger temporary arrays are fresh memory each time, and cost as
much as what is computed in them."""

T = TypeVar("T")
P = TypeVar("P")


def by_pieces(compute: Callable[[P, Any], T], pieces: Sequence[tuple[P, Any, slice]]) -> T:
    """What `compute` gives for each problem and its logits, along the first axis where the slice says.

    The results are arrays, functions that return arrays, or dataclasses of such. A single piece is left as it is.
    """
    if len(pieces) == 1:
        return compute(*pieces[0][:2])
    total = pieces[-1][2].stop
    whole: list[Any] = []
    for problem, z, part in pieces:
        result = compute(problem, z)
        leaves = list(_leaves(result))
        whole = whole or [[] if callable(x) else np.empty((total, *x.shape[1:]), x.dtype) for x in leaves]
        for place, x in zip(whole, leaves, strict=True):
            if callable(x):
                place.append(x)
            else:
                place[part] = x
    together: T = _like(result, iter(whole))
    return together


def _leaves(result: Any) -> Iterator[Any]:
    if not is_dataclass(result):
        yield result
        return
    for field in fields(result):
        yield from _leaves(getattr(result, field.name))


def _like(result: Any, whole: Iterator[Any]) -> Any:
    if is_dataclass(result) and not isinstance(result, type):
        return type(result)(**{f.name: _like(getattr(result, f.name), whole) for f in fields(result)})
    leaf = next(whole)
    return partial(_later, leaf) if isinstance(leaf, list) else leaf


def _later(functions: Sequence[Callable[[], Any]]) -> Any:
    return np.concatenate([function() for function in functions])

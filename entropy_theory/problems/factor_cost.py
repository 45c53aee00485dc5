"""What a sparse LU factorisation would cost, from the shape of the graph alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

HUB = 32
"""A state with more neighbours than this, and than the root of the number of states, is left out of the levels."""

PEELINGS = 32
"""Rounds of taking off states with one neighbour, which a factorisation eliminates first and for nothing."""


@dataclass(frozen=True)
class FactorCost:
    """Estimated cost of a sparse LU factorisation with three pairs of solves.

    Attributes
    ----------
    seconds : float
        On the machine on which it was fitted; it is only compared with the seconds of matrix products there.
    entries : float
        Of both factors.
    """

    seconds: float
    entries: float


def factor_cost(matrix: Any) -> FactorCost:
    """Estimate the cost of a sparse LU factorisation with minimum degree ordering.

    A level of a breadth-first search separates the graph, and the largest, of W states, is about as large as the
    largest separator that a good ordering meets. In graphs that have a geometry, of any dimension, the work is then of
    the order of ``max(n W, W^3)`` and the factors have ``max(n log W, W^2)`` entries (George 1973; Lipton, Rose and
    Tarjan 1979). In a graph with no geometry, where all states are within ``2 log2 n`` steps (an expander), all work is
    in one dense block. The constants are fitted to SuperLU on chains, strips, grids, cubes, trees and random graphs
    of 1e3 to 1e6 states, to within a factor of three.

    Parameters
    ----------
    matrix : scipy.sparse.csr_matrix (n, n)

    Returns
    -------
    FactorCost
    """
    n = matrix.shape[0]
    graph = _undirected(matrix)
    core, hub_neighbours = _core(graph)
    if not core.all():
        graph = graph[core][:, core]
    width, depth = _levels(graph) if graph.shape[0] > 1 else (1, 1)
    hubs = 4e-10 * n * hub_neighbours
    if depth > 2 * math.log2(n + 1):
        work, entries = max(1e-8 * n * width, 2.5e-9 * width**3), max(10 * n * math.log2(width + 1), 26 * width**2)
    else:
        work, entries = 4e-11 * width**3, float(width**2)
    return FactorCost(4e-7 * n + work + hubs, 5.0 * n + min(entries, float(n) ** 2))


def _undirected(matrix: Any) -> Any:
    import scipy.sparse as sp

    pattern = sp.csr_matrix((np.ones(matrix.nnz, np.int8), matrix.indices, matrix.indptr), shape=matrix.shape)
    graph = (pattern + pattern.T).tocsr()
    graph.data[:] = 1
    return graph


def _core(graph: Any) -> tuple[Array, int]:
    """Where the graph is neither a hub nor a bush, and the number of the hubs' neighbours."""
    degree = np.diff(graph.indptr)
    core = degree <= max(HUB, math.isqrt(len(degree)))
    neighbours = int(degree[~core].sum())
    for _ in range(PEELINGS):
        # Itself is among a state's neighbours: the diagonal of the matrix is never zero.
        bare = core & (graph @ core.astype(np.int32) <= 2)
        if np.count_nonzero(bare) <= len(degree) // 1000:
            break
        core &= ~bare
    return core, neighbours


def _levels(graph: Any) -> tuple[int, int]:
    """States of the widest level, and the number of levels, of a search of the largest component from its rim."""
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    rim = int(breadth_first_order(graph, 0, return_predecessors=False)[-1])
    order, predecessor = breadth_first_order(graph, rim)
    if 2 * len(order) < graph.shape[0]:
        _, label = connected_components(graph, directed=False)
        start = int(np.argmax(label == np.bincount(label).argmax()))
        rim = int(breadth_first_order(graph, start, return_predecessors=False)[-1])
        order, predecessor = breadth_first_order(graph, rim)
    place = np.empty(graph.shape[0], np.int64)
    place[order] = np.arange(len(order))
    before = np.zeros(len(order), np.int64)
    before[1:] = place[predecessor[order[1:]]]
    # Steps to the rim, with a stride that doubles.
    level = np.ones(len(order), np.int64)
    level[0] = 0
    while before.any():
        level += level[before]
        before = before[before]
    width = np.bincount(level)
    return int(width.max()), len(width)

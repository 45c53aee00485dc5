"""What a user would do without the package: sample, ask Hypothesis or SciPy, or follow gradients.

Each searches the plain gap of a claim for a point where it is below -1e-12 times the size of the sides (not above zero
where the claim is strict), until it has had as many evaluations and as much time as it is given. It returns whether it
found one, the evaluations and the seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from random import Random
from typing import Any

import numpy as np

from benchmarks.power_claims.labelled import Box, Labelled

Array = np.ndarray[Any, Any]

TOLERANCE = 1e-12

BATCH = 4096

STARTS, STEPS, RATE = 64, 500, 0.05
"""Points of a gradient search, its steps, and the length of the first in units of the box."""

PATIENCE = 1.0
"""Seconds after which a contender that is slow an evaluation stops, even with evaluations left: Hypothesis takes a
thousand times as long for one as NumPy."""


@dataclass(frozen=True)
class Searched:
    """What a search came to.

    Attributes
    ----------
    found : bool
    evaluations : int
    seconds : float
    point : tuple of float or None
    """

    found: bool
    evaluations: int
    seconds: float
    point: tuple[float, ...] | None = None


class _Stop(Exception):
    """The search is over."""


class Meter:
    """Counts evaluations of a claim's gap, remembers a violation, and says when to stop.

    Parameters
    ----------
    labelled : Labelled
    evaluations : int
        At least so many, unless `patience` ends before.
    seconds : float
        At least so long.
    """

    def __init__(self, labelled: Labelled, evaluations: int, seconds: float) -> None:
        self.labelled = labelled
        self.evaluations = 0
        self.point: tuple[float, ...] | None = None
        self._wanted, self._seconds = evaluations, seconds
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self._started

    @property
    def over(self) -> bool:
        """Whether a violation was found or the search had all that it was given."""
        late = self.seconds >= max(self._seconds, PATIENCE)
        spent = self.evaluations >= self._wanted and self.seconds >= self._seconds
        return self.point is not None or spent or late

    def look(self, x: Array) -> Array:
        """The gap at points, which are counted.

        Parameters
        ----------
        x : array (B, n)

        Returns
        -------
        array (B,)
        """
        self.evaluations += len(x)
        with np.errstate(all="ignore"):
            gap, hit = violated(self.labelled, x)
        if hit.any() and self.point is None:
            self.point = tuple(float(v) for v in x[int(np.argmax(hit))])
        return gap

    def result(self) -> Searched:
        """What it came to."""
        return Searched(self.point is not None, self.evaluations, self.seconds, self.point)


def violated(labelled: Labelled, x: Array) -> tuple[Array, Array]:
    """The gap in floats, and whether it counts as a violation.

    Parameters
    ----------
    labelled : Labelled
    x : array (B, n)

    Returns
    -------
    (array (B,), bool array (B,))
    """
    gap, size = labelled.gap_and_size(np, x)
    hit = gap <= 0 if labelled.strict else gap < -TOLERANCE * size
    return gap, hit & np.isfinite(gap)


def _ends(box: Box) -> tuple[Array, Array]:
    return np.array(box.low), np.array(box.high)


def uniform(labelled: Labelled, evaluations: int, seconds: float, seed: int = 0) -> Searched:
    """Uniform random points of the boxes, in turn.

    Parameters
    ----------
    labelled : Labelled
    evaluations : int
    seconds : float
    seed : int

    Returns
    -------
    Searched
    """
    rng = np.random.default_rng(seed)
    meter = Meter(labelled, evaluations, seconds)
    while not meter.over:
        for box in labelled.boxes:
            low, high = _ends(box)
            meter.look(low + (high - low) * rng.random((BATCH // len(labelled.boxes), box.size)))
    return meter.result()


def hypothesis_find(labelled: Labelled, evaluations: int, seconds: float, seed: int = 0) -> Searched:
    """`hypothesis.find` over floats of the boxes, without shrinking.

    Parameters
    ----------
    labelled : Labelled
    evaluations : int
    seconds : float
    seed : int

    Returns
    -------
    Searched
    """
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis import strategies as st
    from hypothesis.errors import NoSuchExample

    points = st.one_of(
        [
            st.tuples(*(_coordinate(st, labelled, a, b) for a, b in zip(box.low, box.high, strict=True)))
            for box in labelled.boxes
        ]
    )
    options = settings(
        max_examples=2000,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    meter = Meter(labelled, evaluations, seconds)

    def predicate(point: tuple[Any, ...]) -> bool:
        meter.look(np.array([point], dtype=float))
        return meter.over

    source = Random(seed)
    while not meter.over:
        try:
            find(points, predicate, settings=options, random=Random(source.random()))
        except NoSuchExample:
            continue
    return meter.result()


def _coordinate(st: Any, labelled: Labelled, low: float, high: float) -> Any:
    return st.integers(int(low), int(high)) if labelled.whole else st.floats(low, high)


def evolution(labelled: Labelled, evaluations: int, seconds: float, seed: int = 0) -> Searched:
    """SciPy's `differential_evolution` with its defaults, started again where it converges.

    Parameters
    ----------
    labelled : Labelled
    evaluations : int
    seconds : float
    seed : int

    Returns
    -------
    Searched
    """
    from scipy.optimize import differential_evolution

    meter = Meter(labelled, evaluations, seconds)

    def objective(point: Array) -> float:
        gap = float(meter.look(point[None])[0])
        if meter.over:
            raise _Stop
        return gap if np.isfinite(gap) else 1e300

    rng = np.random.default_rng(seed)
    try:
        while not meter.over:
            for box in labelled.boxes:
                with np.errstate(all="ignore"):
                    differential_evolution(objective, list(zip(box.low, box.high, strict=True)), rng=rng)
    except _Stop:
        pass
    return meter.result()


def gradients(labelled: Labelled, evaluations: int, seconds: float, seed: int = 0) -> Searched:
    """Projected Adam on the gap in JAX, from many random starts at once; compilation is not counted.

    Parameters
    ----------
    labelled : Labelled
    evaluations : int
    seconds : float
    seed : int

    Returns
    -------
    Searched
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    key = jax.random.key(seed)
    searches = [(_descent(labelled, box), box) for box in labelled.boxes]
    for search, box in searches:
        jax.block_until_ready(search(jax.random.uniform(key, (STARTS, box.size))))
    meter = Meter(labelled, evaluations, seconds)
    while not meter.over:
        for search, box in searches:
            key, part = jax.random.split(key)
            best = np.asarray(search(jax.random.uniform(part, (STARTS, box.size))))
            meter.evaluations += STARTS * STEPS
            low, high = _ends(box)
            meter.look(low + (high - low) * best)
    return meter.result()


def _descent(labelled: Labelled, box: Box) -> Callable[[Any], Any]:
    """From points of the unit cube to the best on their ways."""
    import jax
    import jax.numpy as jnp

    low, high = (jnp.array(x) for x in _ends(box))

    def gap(u: Any) -> Any:
        value, size = labelled.gap_and_size(jnp, (low + (high - low) * u)[None])
        return value[0], size[0]

    def one(start: Any) -> Any:
        slope = jax.value_and_grad(gap, has_aux=True)

        def step(state: Any, k: Any) -> Any:
            u, first, second, best, least = state
            (value, size), g = slope(u)
            g = jnp.where(jnp.isfinite(g), g, 0.0)
            relative = value / jnp.maximum(size, 1e-300)
            better = relative < least
            best, least = jnp.where(better, u, best), jnp.where(better, relative, least)
            first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
            move = first / (1 - 0.9 ** (k + 1)) / (jnp.sqrt(second / (1 - 0.999 ** (k + 1))) + 1e-12)
            rate = RATE * 10 ** (-4 * k / STEPS)
            return (jnp.clip(u - rate * move, 0.0, 1.0), first, second, best, least), None

        zero = jnp.zeros_like(start)
        state, _ = jax.lax.scan(step, (start, zero, zero, start, jnp.inf), jnp.arange(STEPS))
        return state[3]

    compiled: Callable[[Any], Any] = jax.jit(jax.vmap(one))
    return compiled


CONTENDERS: Mapping[str, Callable[..., Searched]] = {
    "uniform random": uniform,
    "`hypothesis.find`": hypothesis_find,
    "SciPy differential evolution": evolution,
    "JAX gradients": gradients,
}

NEEDS = {"`hypothesis.find`": "hypothesis", "JAX gradients": "jax"}
"""Modules that the package does not depend on."""


def available() -> dict[str, Callable[..., Searched]]:
    """The contenders whose modules are installed.

    Returns
    -------
    dict
    """
    return {
        label: search
        for label, search in CONTENDERS.items()
        if label not in NEEDS or find_spec(NEEDS[label]) is not None
    }

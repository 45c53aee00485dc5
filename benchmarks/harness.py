"""Times contenders side by side: one process each, all alive at once and called in turn, so that a change of the
machine's speed meets them all; what is reported are medians, and medians of the ratios within a round."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.machine import described, peak_memory, reset_peak

Array = np.ndarray[Any, Any]
Size = tuple[Any, ...]
Answers = Mapping[str, Any]
Work = Callable[[], Answers]
Setup = Callable[[Any], Work]

RESULTS = Path(__file__).parent / "results"

ROUNDS, FEW_ROUNDS = 9, 3
"""Turns of each contender, and where a call takes more than `LONG`; one where it takes more than `VERY_LONG`."""

LONG, VERY_LONG = 2.0, 10.0
"""Seconds."""

LAUNCHES, QUICK = 5, 2.0
"""Times that all processes are started afresh where a round takes less than so many seconds: where in memory a process
lies was measured to change the time of a pass over it by a factor of two."""

BURST = 0.1
"""Seconds that a turn lasts at least: short calls are repeated."""

PATIENCE = 150.0
"""Seconds after which a contender is given up."""

PAUSE = 0.02
"""Seconds between two turns, in which the other's threads fall asleep."""


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Attributes
    ----------
    setup : callable
        Takes the size, prepares the data and imports its library in the process of the contender; returns what is
        timed, which gives its answers as arrays by name.
    needs : tuple of str
        Modules without which it is left out.
    environment : mapping
        Variables of its process.
    compare : bool
        Whether its answers must agree with those of the reference.
    """

    setup: Setup
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    compare: bool = True

    @property
    def missing(self) -> str | None:
        """The first module that is not installed."""
        return next((name for name in self.needs if find_spec(name) is None), None)


@dataclass(frozen=True)
class Benchmark:
    """The same work by several contenders at several sizes.

    Attributes
    ----------
    name, title, about : str
        Of the file of results, of the section, and what the work is.
    sizes : sequence of tuple
        In the order of the table.
    small : tuple
        A size that takes milliseconds, for the tests.
    axes : str
        What the numbers of a size count.
    contenders : mapping of str to Contender
        In the order of the table.
    reference : str
        The contender to which ratios are taken.
    floor : str or None
        The contender that does the least that any would have to do.
    tolerance : float
        Largest difference of an answer from the reference's, relative to the largest entry.
    work : callable
        Takes the size; how much work it is, and of what.
    """

    name: str
    title: str
    about: str
    sizes: Sequence[Size]
    small: Size
    axes: str
    contenders: Mapping[str, Contender]
    reference: str
    floor: str | None
    tolerance: float
    work: Callable[[Any], tuple[float, str]]


@dataclass
class Measured:
    """Seconds of the calls of one contender, a number a round, and the bytes by which its memory grew at most."""

    seconds: list[float]
    peak: int | None = None
    problem: str = ""

    def add(self, other: Measured) -> None:
        """What another launch measured; a problem in any of them is one."""
        if self.problem or other.problem:
            self.seconds, self.problem = [], self.problem or other.problem
        self.seconds += other.seconds if not self.problem else []
        if self.peak is not None and other.peak is not None:
            self.peak = max(self.peak, other.peak)


class Failed(RuntimeError):
    """A contender that did not do its work."""


class Worker:
    """The process of one contender at one size."""

    def __init__(self, contender: Contender, size: Size) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        with _environment(contender.environment):
            self._process = context.Process(target=_serve, args=(theirs, contender.setup, size), daemon=True)
            self._process.start()
        theirs.close()

    def ask(self, order: str, *arguments: Any) -> Any:
        """What the process answers to an order of `_serve`."""
        try:
            self._pipe.send((order, *arguments))
            if not self._pipe.poll(PATIENCE):
                raise Failed(f"more than {PATIENCE:.0f} s")
            good, answer = self._pipe.recv()
        except (EOFError, OSError):
            raise Failed("the process ended, as for lack of memory") from None
        if not good:
            raise Failed(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, setup: Setup, size: Size) -> None:
    work: Work | None = None
    while True:
        order, *arguments = pipe.recv()
        try:
            answer: Any
            if order == "prepare":
                work = setup(size)
                answer = None
            else:
                assert work is not None
                orders: dict[str, Callable[..., Any]] = {"answers": _answers, "time": _time, "peak": _peak}
                answer = orders[order](work, *arguments)
            pipe.send((True, answer))
        except Exception as error:
            pipe.send((False, f"{type(error).__name__}: {error}"))


def _answers(work: Work) -> dict[str, Array]:
    """The answers, thinned out where they are large."""
    thinned = {}
    for name, value in work().items():
        flat = np.asarray(value).ravel()
        thinned[name] = flat[:: max(1, flat.size // 100_000)].copy()
    return thinned


def _time(work: Work, calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        work()
    return (time.perf_counter() - started) / calls


def _peak(work: Work) -> tuple[int | None, float]:
    before = reset_peak()
    seconds = _time(work, 1)
    after = peak_memory()
    return None if before is None or after is None else max(0, after - before), seconds


def compare(benchmark: Benchmark, size: Size, rounds: int | None = None) -> dict[str, Measured]:
    """All contenders at one size, in turn; quick ones in several launches, unless the number of rounds is given.

    Raises
    ------
    AssertionError
        If the answers of two contenders differ.
    """
    measured = _launch(benchmark, size, rounds)
    turns = sum(max(BURST, min(item.seconds)) for item in measured.values() if item.seconds)
    for _ in range(0 if rounds is not None or turns > QUICK else LAUNCHES - 1):
        for label, item in _launch(benchmark, size, None).items():
            measured[label].add(item)
    return measured


def _launch(benchmark: Benchmark, size: Size, rounds: int | None) -> dict[str, Measured]:
    measured: dict[str, Measured] = {}
    workers: dict[str, Worker] = {}
    calls: dict[str, int] = {}
    answers: dict[str, dict[str, Array]] = {}
    first: dict[str, float] = {}
    try:
        for label, contender in benchmark.contenders.items():
            if contender.missing is not None:
                measured[label] = Measured([], problem=f"{contender.missing} is not installed")
                continue
            workers[label] = worker = Worker(contender, size)
            try:
                worker.ask("prepare")
                answers[label] = worker.ask("answers")
                peak, first[label] = worker.ask("peak")
                calls[label] = max(1, round(BURST / max(first[label], 1e-7)))
                measured[label] = Measured([], peak)
            except Failed as error:
                measured[label] = Measured([], problem=str(error))
                workers.pop(label).close()
        _require_agreement(benchmark, size, answers)
        for _ in range(rounds or _rounds(max(first.values(), default=0.0))):
            for label, worker in list(workers.items()):
                time.sleep(PAUSE)
                try:
                    measured[label].seconds.append(worker.ask("time", calls[label]))
                except Failed as error:
                    measured[label] = Measured([], problem=str(error))
                    workers.pop(label).close()
    finally:
        for worker in workers.values():
            worker.close()
    return {label: measured[label] for label in benchmark.contenders}


def _rounds(longest: float) -> int:
    return ROUNDS if longest < LONG else FEW_ROUNDS if longest < VERY_LONG else 1


def _require_agreement(benchmark: Benchmark, size: Size, answers: Mapping[str, Mapping[str, Array]]) -> None:
    compared = {label: x for label, x in answers.items() if benchmark.contenders[label].compare}
    if not compared:
        return
    against = benchmark.reference if benchmark.reference in compared else next(iter(compared))
    expected = compared[against]
    for label, found in compared.items():
        if found.keys() != expected.keys():
            raise AssertionError(f"{benchmark.name} {size}: {label!r} answers {sorted(found)}, not {sorted(expected)}")
        for name in sorted(expected):
            if found[name].shape != expected[name].shape:
                raise AssertionError(f"{benchmark.name} {size}: {name} of {label!r} has another shape")
            scale = float(np.abs(expected[name]).max())
            apart = float(np.abs(np.asarray(found[name]) - expected[name]).max())
            if not apart <= benchmark.tolerance * max(scale, 1e-300):
                raise AssertionError(
                    f"{benchmark.name} {size}: {name} of {label!r} differs by {apart:.2e} from that of "
                    f"{against!r}, whose largest entry is {scale:.2e}"
                )


def ratios(reference: Measured, other: Measured) -> list[float]:
    """Seconds of the other as a multiple of the reference's, a number a round."""
    return [b / a for a, b in zip(reference.seconds, other.seconds, strict=False)]


def run(benchmark: Benchmark, sizes: Sequence[Size] | None = None, rounds: int | None = None) -> dict[str, Any]:
    """The results of a benchmark as JSON has them."""
    table = []
    for size in benchmark.sizes if sizes is None else sizes:
        measured = compare(benchmark, size, rounds)
        amount, unit = benchmark.work(size)
        rows = []
        for label, item in measured.items():
            row: dict[str, Any] = {"contender": label, "problem": item.problem, "peak_bytes": item.peak}
            if item.seconds:
                apart = ratios(measured[benchmark.reference], item)
                row |= {
                    "seconds": median(item.seconds),
                    "seconds_least_most": [min(item.seconds), max(item.seconds)],
                    "ratio": median(apart) if apart else None,
                    "a_second": amount / median(item.seconds),
                    "rounds": len(item.seconds),
                }
            rows.append(row)
        table.append({"size": list(size), "unit": unit, "rows": rows})
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "about": benchmark.about,
        "axes": benchmark.axes,
        "reference": benchmark.reference,
        "floor": benchmark.floor,
        "machine": described(),
        "sizes": table,
    }


def main(benchmarks: Sequence[Benchmark]) -> None:
    """Run the benchmarks of a file, or those of them that the command line names; keep and print the results."""
    import argparse

    from benchmarks.tables import section, write_readme

    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help=f"of {', '.join(b.name for b in benchmarks)}; all if left out")
    parser.add_argument("--small", action="store_true", help="one small size, nothing is kept")
    parser.add_argument("--size", help="one size, as 1000,0.999; the others are kept as they were on the same machine")
    options = parser.parse_args()
    unknown = set(options.names) - {b.name for b in benchmarks}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    chosen = [b for b in benchmarks if not options.names or b.name in options.names]
    if options.size and not any(_written(size) == options.size for b in chosen for size in b.sizes):
        known = " ".join(_written(size) for b in chosen for size in b.sizes)
        parser.error(f"size is {options.size}, expected one of {known}")
    for benchmark in chosen:
        sizes = [size for size in benchmark.sizes if options.size in (None, _written(size))]
        if not sizes:
            continue
        results = run(benchmark, [benchmark.small], 2) if options.small else run(benchmark, sizes)
        print(section(results), flush=True)
        if options.size and not options.small:
            kept = json.loads((RESULTS / f"{benchmark.name}.json").read_text(encoding="utf-8"))
            results = together(kept, results)
        if not options.small:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{benchmark.name}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    if not options.small:
        write_readme()


def together(kept: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What was kept, with the sizes that were measured now in their place.

    Raises
    ------
    ValueError
        If they are of different machines or libraries.
    """
    if kept["machine"] != new["machine"]:
        raise ValueError(f"the results kept are of {kept['machine']}, expected {new['machine']}: run all sizes")
    measured = {_written(entry["size"]): entry for entry in new["sizes"]}
    return new | {"sizes": [measured.get(_written(entry["size"]), entry) for entry in kept["sizes"]]}


def _written(size: Sequence[Any]) -> str:
    return ",".join(map(str, size))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

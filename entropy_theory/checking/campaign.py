"""Many claims: in parallel, resumable, and no claim's failure costs another its verdict.

Each verdict depends on the claim, the seed and the budget alone, so neither the order nor the number of workers
matters. With a store each verdict is written, and flushed to disk, as soon as it is reached; a later run with the
same seed and budget takes it from there.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from entropy_theory.checking.claim import Claim, ClaimError
from entropy_theory.checking.plaintext import printable
from entropy_theory.checking.registry import find
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import BUDGET, check
from entropy_theory.files import reason
from entropy_theory.workers import deaf, one_thread_each, pool_of

TIME_LIMIT = 900.0
"""Seconds after which a claim is given up, so that a function that never returns costs no other claim its verdict."""

TABLES = 300
"""Numbers of an instance that cost about as much as the tables of environments."""

Report = Callable[[Verdict], None]


class StoreError(ValueError):
    """A store that cannot be read or written, or is no file of verdicts."""


def guarded(claim: Claim, seed: int, budget: int, time_limit: float | None = TIME_LIMIT) -> Verdict:
    """Check a claim; if its functions fail or do not return in time, the verdict is ``undecided`` and says why."""
    try:
        with _alarm(claim.name, time_limit):
            return check(claim, seed, budget)
    except (ClaimError, _TimeLimit) as error:
        return _failed(claim, str(error))
    except Exception as error:
        return _failed(claim, f"claim {claim.name!r}: {type(error).__name__}: {error}")


def _failed(claim: Claim, message: str) -> Verdict:
    return Verdict(
        claim=claim.name,
        reading=claim.reading,
        kind=claim.kind,
        statement=claim.statement,
        outcome="undecided",
        instances=0,
        admitted=0,
        tight=claim.tight,
        remark=claim.remark,
        message=printable(message),
        error=True,
    )


def run(
    claims: Sequence[Claim],
    *,
    seed: int = 0,
    budget: int | None = None,
    workers: int = 1,
    isolated: bool = False,
    source: str | None = None,
    store: Path | None = None,
    report: Report | None = None,
    time_limit: float | None = TIME_LIMIT,
) -> list[Verdict]:
    """Check `claims` and return their verdicts in the same order.

    Parameters
    ----------
    claims : sequence of Claim
        Wrong variants among them are found by their own names, ``claim/mutant-label``.
    seed : int
    budget : int, optional
        Instances a claim.
    workers : int
        Processes. More than one needs `source`, from which each of them loads the claims.
    isolated : bool
        Use a process of its own also for a single worker.
    source : str, optional
        ``"paper"`` or the file of claims, as `registry.load` takes it.
    store : Path, optional
        File of verdicts (JSON lines), read first and then appended to.
    report : callable, optional
        Called with each verdict as it is reached.
    time_limit : float, optional
        Seconds a claim.
    """
    from importlib.metadata import version  # reads mail headers: a tenth of the package's import time

    budget = BUDGET if budget is None else budget
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ValueError(f"workers is {workers!r}, expected an integer >= 1")
    key = {
        "version": version("entropy_theory"),
        "source": _fingerprint(source),
        "seed": seed,
        "budget": budget,
    }
    done = _read(store, key) if store is not None else {}
    verdicts: dict[tuple[str, str], Verdict] = {}
    todo: list[Claim] = []
    for claim in claims:
        known = done.get((claim.name, claim.reading))
        if known is None:
            todo.append(claim)
        else:
            verdicts[claim.name, claim.reading] = known
            if report is not None:
                report(known)

    def reached(verdict: Verdict) -> None:
        verdicts[verdict.claim, verdict.reading] = verdict
        if store is not None:
            _append(store, verdict, key)
        if report is not None:
            report(verdict)

    if source is None or not todo or (workers == 1 and not isolated):
        for claim in todo:
            reached(guarded(claim, seed, budget, time_limit))
    else:
        _in_processes(todo, source, seed, budget, workers, time_limit, reached)
    return [verdicts[c.name, c.reading] for c in claims]


def _in_processes(
    todo: Sequence[Claim],
    source: str,
    seed: int,
    budget: int,
    workers: int,
    time_limit: float | None,
    reached: Report,
) -> None:
    """Check in worker processes, the longest first as far as that is known beforehand, so that none is left with a long
    one at the end. If a process is killed, the claims still open get one of their own each, and one whose process dies
    again is ``undecided``."""
    todo = sorted(todo, key=effort, reverse=True)
    left: dict[tuple[str, str], Claim] = {(c.name, c.reading): c for c in todo}
    for attempt, group in enumerate([list(todo), *([c] for c in todo)]):
        group = [c for c in group if (c.name, c.reading) in left]
        if not group:
            continue
        try:
            for verdict in _pool(group, source, seed, budget, workers, time_limit):
                del left[verdict.claim, verdict.reading]
                reached(verdict)
        except BrokenProcessPool:
            if attempt:
                del left[group[0].name, group[0].reading]
                reached(_failed(group[0], "the process that checked it was killed, twice"))


def effort(claim: Claim) -> int:
    """A guess of how long a claim takes, only good for an order: the numbers of an instance over all sizes, and as much
    as some hundred of them for the tables of environments.

    Parameters
    ----------
    claim : Claim

    Returns
    -------
    int
    """
    return claim.space.numbers() + TABLES * claim.space.on_tables


def _pool(
    todo: Sequence[Claim], source: str, seed: int, budget: int, workers: int, time_limit: float | None
) -> Iterator[Verdict]:
    # "spawn" starts clean processes on every platform; a claim travels as its name.
    context = multiprocessing.get_context("spawn")
    with one_thread_each(), pool_of(ProcessPoolExecutor(min(workers, len(todo)), mp_context=context)) as pool:
        with deaf():
            futures: list[Future[Verdict]] = [
                pool.submit(_remote, source, c.name, c.reading, seed, budget, time_limit) for c in todo
            ]
        for future in as_completed(futures):
            yield future.result()


def _remote(source: str, name: str, reading: str, seed: int, budget: int, time_limit: float | None) -> Verdict:
    return guarded(find(source, name, reading), seed, budget, time_limit)


class _TimeLimit(BaseException):
    """Not an Exception, so that a claim's own handlers do not swallow it."""


@contextmanager
def _alarm(name: str, seconds: float | None) -> Iterator[None]:
    """Interrupt the block after `seconds`, where the platform has timers and this is the main thread."""
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if seconds is None or not usable:
        yield
        return

    def interrupt(signum: int, frame: Any) -> None:
        raise _TimeLimit(f"claim {name!r} was given up after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, 2.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _fingerprint(source: str | None) -> str:
    """Changes with the file of claims, so that an edited claim is checked anew."""
    if source is None or source == "paper":
        return source or ""
    path = source.rpartition(":")[0] if ".py:" in source else source
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _read(path: Path, key: dict[str, Any]) -> dict[tuple[str, str], Verdict]:
    """Verdicts of earlier runs with the same key. A line cut short by an interruption is left out."""
    if not path.exists():
        return {}
    try:
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {reason(error)}") from None
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} cannot be read: {error}") from None
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
            entries.append((entry["key"], Verdict.from_json(entry["verdict"])))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    if not entries and any(not line.startswith('{"key"') for line in lines):
        raise StoreError(f"{path} holds no verdict, expected a file that an earlier run with --resume wrote")
    return {(v.claim, v.reading): v for k, v in entries if k == key}


def _append(path: Path, verdict: Verdict, key: dict[str, Any]) -> None:
    line = json.dumps({"key": key, "verdict": verdict.to_json()}) + "\n"
    try:
        with path.open("a+b") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = "\n" + line
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {reason(error)}") from None

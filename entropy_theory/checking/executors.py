"""Tasks on workers of any kind: few at a time, each that loses its worker once more, and none without an answer."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, ParamSpec, TypeVar

from entropy_theory.checking.guard import Attempt
from entropy_theory.checking.tasks import Task, TaskError, decide, package_version
from entropy_theory.workers import deaf, end_with_parent, kill, one_thread_each

P = ParamSpec("P")
T = TypeVar("T")

IN_FLIGHT = 4
"""Tasks a worker that are handed out and not yet decided, so that no worker waits for the next."""

RECOUNT = 5.0
"""Seconds after which the workers are counted again: those of a cluster come and go."""

CONNECT = 10.0
"""Seconds in which a scheduler must answer and have a worker."""


class ExecutorError(ValueError):
    """Workers that cannot be reached, or cannot decide the claims of this campaign."""


class Processes(Executor):
    """Worker processes on this machine, each apart from the others: one that dies takes only its own tasks along.

    Parameters
    ----------
    workers : int
        Processes. They are started clean ("spawn") when they are needed, with one thread for each library.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pools: list[ProcessPoolExecutor] = []
        self._open: list[set[Future[Any]]] = []
        self._single: list[tuple[ProcessPoolExecutor, Future[Any]]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand a call to the process with the fewest."""
        for i, futures in enumerate(self._open):
            self._open[i] = {f for f in futures if not f.done()}
        if len(self._pools) < self.workers and all(self._open):
            self._pools.append(_process())
            self._open.append(set())
        slot = min(range(len(self._pools)), key=lambda i: len(self._open[i]))
        with deaf():
            try:
                future = self._pools[slot].submit(fn, *args, **kwargs)
            except BrokenExecutor:
                self._pools[slot].shutdown(wait=False)
                self._pools[slot] = _process()
                future = self._pools[slot].submit(fn, *args, **kwargs)
        self._open[slot].add(future)
        return future

    def alone(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand a call to a process of its own."""
        for pool, future in self._single:
            if future.done():
                pool.shutdown(wait=False)
        self._single = [(pool, future) for pool, future in self._single if not future.done()]
        pool = _process()
        with deaf():
            future = pool.submit(fn, *args, **kwargs)
        self._single.append((pool, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes."""
        for pool in self._all():
            pool.shutdown(wait=wait, cancel_futures=cancel_futures)

    def __exit__(self, *error: Any) -> None:
        # An interruption does not wait for claims that are half decided.
        if error[0] is not None:
            for pool in self._all():
                kill(pool)
        self.shutdown(cancel_futures=True)

    def _all(self) -> list[ProcessPoolExecutor]:
        return [*self._pools, *(pool for pool, _ in self._single)]


def _process() -> ProcessPoolExecutor:
    # "spawn" starts clean processes on every platform; a claim travels as its name.
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=end_with_parent)


class Outcome(NamedTuple):
    """What became of a task.

    Parameters
    ----------
    task : Task
    attempt : Attempt or None
        None if it lost its worker twice.
    reason : str
        Why there is none.
    """

    task: Task
    attempt: Attempt | None
    reason: str = ""


def outcomes(tasks: Iterator[Task], executor: Executor) -> Iterator[Outcome]:
    """What becomes of each task, as it is known.

    Parameters
    ----------
    tasks : iterator of Task
        Read as workers become free.
    executor : Executor
        Of `concurrent.futures`, or of the same form. It is not shut down.

    Yields
    ------
    Outcome

    Raises
    ------
    ExecutorError
        If the executor takes no tasks, or its workers have other claims or another version of the package, or the
        scheduler of a cluster is lost.
    """
    with one_thread_each(), ExitStack() as stack:
        run = _Run(executor, stack)
        try:
            yield from run.outcomes(tasks)
        finally:
            for future in run.pending if run.status() == "running" else ():
                future.cancel()


class _Run:
    """The tasks that are handed out, and where."""

    def __init__(self, executor: Executor, stack: ExitStack) -> None:
        self.place = executor
        self.stack = stack
        self.pending: dict[Future[Attempt], tuple[Task, bool]] = {}
        self.again: deque[tuple[Task, str]] = deque()
        self.workers, self._counted = workers_of(executor), time.monotonic()

    def outcomes(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        ready: list[tuple[Future[Attempt], Task, bool]] = []
        while True:
            # First work for those that are free: what is yielded is written to the disk.
            yield from self._repeat()
            yield from self._fill(tasks)
            for future, task, repeated in ready:
                yield from self._settle(future, task, repeated)
            ready = []
            if self.pending:
                done = wait(self.pending, timeout=RECOUNT, return_when=FIRST_COMPLETED).done
                ready = [(future, *self.pending.pop(future)) for future in done]
                if not done:
                    self._check_scheduler("running", "connecting")
            elif not self.again:
                return

    def _settle(self, future: Future[Attempt], task: Task, repeated: bool) -> Iterator[Outcome]:
        try:
            attempt = future.result()
        except TaskError as error:
            raise ExecutorError(str(error)) from None
        except (Exception, CancelledError) as error:
            if isinstance(error, ModuleNotFoundError) and "entropy_theory" in str(error):
                raise ExecutorError(f"a worker has no package entropy_theory: {error}") from None
            self._check_scheduler("running")
            reason = _lost(error, repeated)
            # Dask has tried such a task on several workers.
            if repeated or type(error).__name__ == "KilledWorker":
                yield Outcome(task, None, reason)
            else:
                self.again.append((task, reason))
        else:
            yield Outcome(task, attempt)

    def _fill(self, tasks: Iterator[Task]) -> Iterator[Outcome]:
        while len(self.pending) < self._window():
            task = next(tasks, None)
            if task is None:
                return
            try:
                self.pending[self._submit(task)] = task, False
            except BrokenExecutor as error:
                yield Outcome(task, None, _lost(error, False))

    def _repeat(self) -> Iterator[Outcome]:
        """Tasks that lost their worker, no more at a time than there are workers."""
        while self.again and sum(repeated for _, repeated in self.pending.values()) < self._workers():
            task, reason = self.again.popleft()
            try:
                self._mend()
                place = self.place
                future = place.alone(decide, task) if isinstance(place, Processes) else self._submit(task)
                self.pending[future] = task, True
            except BrokenExecutor:
                yield Outcome(task, None, reason)

    def _submit(self, task: Task) -> Future[Attempt]:
        self._mend()
        try:
            return self.place.submit(decide, task)
        except BrokenExecutor:
            if not self._mend():
                raise
            return self.place.submit(decide, task)
        except Exception as error:
            raise ExecutorError(f"executor takes no more tasks ({type(error).__name__}: {error})") from None

    def status(self) -> str:
        """Of the connection to the scheduler of a cluster, as Dask calls it."""
        return str(getattr(getattr(self.place, "_client", None), "status", "running"))

    def _check_scheduler(self, *allowed: str) -> None:
        # Dask leaves the tasks of a scheduler that has gone open for ever, or cancels them.
        if self.status() not in allowed:
            raise ExecutorError("executor has lost its scheduler, expected one that answers to the end")

    def _mend(self) -> bool:
        """Whether a broken pool of processes was replaced; of another executor nothing is known that would do."""
        if not isinstance(self.place, ProcessPoolExecutor) or not getattr(self.place, "_broken", False):
            return False
        self.place = self.stack.enter_context(Processes(self.workers))
        return True

    def _window(self) -> int:
        # A process of ours has no claim queued behind a long one while another process is free.
        return self._workers() * (1 if isinstance(self.place, Processes) else IN_FLIGHT)

    def _workers(self) -> int:
        if time.monotonic() - self._counted > RECOUNT:
            self.workers, self._counted = workers_of(self.place), time.monotonic()
        return self.workers


def _lost(error: BaseException, repeated: bool) -> str:
    if isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":
        return f"the process that checked it was killed{', twice' if repeated else ''}"
    return f"the worker that checked it failed: {type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")


def workers_of(executor: Any) -> int:
    """Tasks that an executor does at once, as far as it says so; else one a core of this machine.

    Parameters
    ----------
    executor : Executor

    Returns
    -------
    int
    """
    for name in ("workers", "_max_workers"):
        if isinstance(found := getattr(executor, name, None), int) and found > 0:
            return found
    client: Any = getattr(executor, "_client", None)
    if hasattr(client, "nthreads"):
        try:
            return max(1, sum(int(n) for n in client.nthreads().values()))
        except Exception:  # it is lost, which the tasks will say
            return 1
    return os.cpu_count() or 1


@contextmanager
def dask_cluster(address: str) -> Iterator[Executor]:
    """The workers of a Dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler: ``"tcp://host:8786"``.

    Yields
    ------
    Executor

    Raises
    ------
    ExecutorError
        If Dask is not installed, no scheduler answers, it has no worker, or a worker has not this version of the
        package.
    """
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError as error:
        raise ExecutorError(
            f"a Dask cluster needs dask and distributed ({error}): pip install 'entropy_theory[dask]'"
        ) from None
    with ExitStack() as stack:
        try:
            client = stack.enter_context(distributed.Client(address, timeout=CONNECT, set_as_default=False))
        except (OSError, ValueError, TypeError) as error:
            raise ExecutorError(
                f"address is {address!r}, expected that of a Dask scheduler that answers within {CONNECT:g} s "
                f"({' '.join(str(error).split())})"
            ) from None
        _same_package(client, address)
        yield client.get_executor(pure=False)


def _same_package(client: Any, address: str) -> None:
    from importlib.metadata import version

    try:
        client.wait_for_workers(1, timeout=CONNECT)
    except TimeoutError:
        raise ExecutorError(f"address is {address!r}, a cluster without workers, expected at least one") from None
    expected = package_version()
    # A function of the standard library: one of this package could not arrive where the package is not.
    for worker, found in client.run(version, "entropy_theory", on_error="return").items():
        if isinstance(found, Exception):
            raise ExecutorError(
                f"worker {worker} has no package entropy_theory ({type(found).__name__}), expected {expected}"
            )
        if found != expected:
            raise ExecutorError(f"worker {worker} has entropy_theory {found}, expected {expected} as here")

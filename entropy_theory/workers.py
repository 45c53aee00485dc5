"""Work in several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any, TypeVar

Result = TypeVar("Result")

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def in_order(function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]], workers: int) -> Iterator[Result]:
    """``function(*a)`` for each of `arguments`, in their order, in `workers` processes; with one worker in this one.

    The function and its arguments must be importable and picklable.
    """
    todo = list(arguments)
    if workers == 1 or len(todo) < 2:
        yield from (function(*a) for a in todo)
        return
    # "spawn" starts clean processes on every platform.
    context = multiprocessing.get_context("spawn")
    with one_thread_each(), pool_of(ProcessPoolExecutor(min(workers, len(todo)), context)) as pool:
        with deaf():
            futures = [pool.submit(function, *a) for a in todo]
        for future in futures:
            yield future.result()


@contextmanager
def pool_of(pool: ProcessPoolExecutor) -> Iterator[ProcessPoolExecutor]:
    """The pool, shut down after the block; if the block fails or is interrupted, its processes are ended at once."""
    try:
        yield pool
    except BaseException:
        kill(pool)
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def kill(pool: ProcessPoolExecutor) -> None:
    """End the processes of a pool at once, whatever they are at."""
    for process in list((getattr(pool, "_processes", None) or {}).values()):
        process.kill()


def end_with_parent() -> None:
    """Called in a worker process: it ends when the process that started it does, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def deaf() -> Iterator[None]:
    """Processes that are started in the block do not hear Ctrl-C, which a terminal sends to all: this one ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Worker processes inherit the environment: one thread each, or they would fight for the cores."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

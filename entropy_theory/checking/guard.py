"""Checks a claim so that neither its errors nor its endless loops reach the other claims."""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, NamedTuple

from entropy_theory.brief import message
from entropy_theory.checking.claim import Claim, ClaimError, OutOfMemory
from entropy_theory.checking.plaintext import printable
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import check

TIME_LIMIT = 900.0
"""Seconds after which a claim is given up, so that a function that never returns costs no other claim its verdict."""

AGAIN = 2.0
"""Seconds after which an interruption is repeated: a claim's own handlers may have swallowed it."""


class Attempt(NamedTuple):
    """A verdict, and whether it depends on the claim, the seed and the budget alone.

    Parameters
    ----------
    verdict : Verdict
    lasting : bool
        False if the machine had a part in it: time, memory, a process that was killed. It is not kept for a later run.
    """

    verdict: Verdict
    lasting: bool = True


def guarded(claim: Claim, seed: int, budget: int, time_limit: float | None = TIME_LIMIT) -> Verdict:
    """Check a claim; if its functions fail or do not return in time, the verdict is ``undecided`` and says why."""
    return attempt(claim, seed, budget, time_limit).verdict


def attempt(claim: Claim, seed: int, budget: int, time_limit: float | None = TIME_LIMIT) -> Attempt:
    """As `guarded`, and whether the verdict is one to keep."""
    try:
        with _limited(claim.name, time_limit):
            return Attempt(check(claim, seed, budget))
    except _TimeLimit as error:
        return Attempt(failed(claim, str(error)), lasting=False)
    except ClaimError as error:
        return Attempt(failed(claim, str(error)))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also what a function may raise beside exceptions
        return Attempt(failed(claim, _text(claim, error)), lasting=not isinstance(error, MemoryError))


def checked(claim: Claim, seed: int, budget: int) -> Verdict:
    """Check a claim.

    Parameters
    ----------
    claim : Claim
    seed, budget : int

    Returns
    -------
    Verdict

    Raises
    ------
    ClaimError
        If its functions fail, or there is too little memory.
    """
    try:
        return check(claim, seed, budget)
    except MemoryError as error:
        raise ClaimError(_text(claim, error)) from error


def _text(claim: Claim, error: BaseException) -> str:
    if isinstance(error, OutOfMemory):
        return str(error)
    why = message(error) or ("no memory was left" if isinstance(error, MemoryError) else "")
    return f"claim {claim.name!r}: {type(error).__name__}{f': {why}' if why else ''}"


def failed(claim: Claim, message: str) -> Verdict:
    """``undecided``, because the check failed."""
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


class _TimeLimit(BaseException):
    """Not an Exception, so that a claim's own handlers do not swallow it."""


def _limited(name: str, seconds: float | None) -> AbstractContextManager[None]:
    """Interrupt the block after `seconds`."""
    if seconds is None:
        return _unlimited()
    message = f"claim {name!r} was given up after {seconds:g} s"
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        return _alarm(message, seconds)
    return _watched(message, seconds)


@contextmanager
def _unlimited() -> Iterator[None]:
    yield


@contextmanager
def _alarm(message: str, seconds: float) -> Iterator[None]:
    def interrupt(signum: int, frame: Any) -> None:
        raise _TimeLimit(message)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _watched(message: str, seconds: float) -> Iterator[None]:
    """The same in a thread, which gets no signals: a second thread raises the exception in it."""
    thread = ctypes.c_ulong(threading.get_ident())
    interrupt = partial(ctypes.pythonapi.PyThreadState_SetAsyncExc, thread, ctypes.py_object(_TimeLimit))
    finished, fired, turn = threading.Event(), threading.Event(), threading.Lock()

    def watch() -> None:
        pause = seconds
        while not finished.wait(pause):
            with turn:
                if not finished.is_set():
                    fired.set()
                    interrupt()
            pause = AGAIN

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    except _TimeLimit:
        raise _TimeLimit(message) from None
    finally:
        # One may be on its way. It is met here, as taking it back would leave the interpreter on the alert for ever,
        # in which Python 3.11 does not enter a traced function.
        while not finished.is_set() or fired.is_set():
            try:
                with turn:
                    finished.set()
                if fired.is_set():
                    interrupt()
                    while True:
                        pass
            except _TimeLimit:
                fired.clear()

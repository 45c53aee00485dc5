"""What travels to a worker: where the claim is found, not the claim, and a fingerprint by which both mean the same."""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from pathlib import Path
from typing import NamedTuple

from entropy_theory.checking.guard import Attempt, attempt
from entropy_theory.checking.imports import files_of
from entropy_theory.checking.registry import ClaimFileError, find
from entropy_theory.checking.store import Key


class TaskError(ValueError):
    """A worker cannot decide the claims of this campaign: it has other claims, or another version of the package."""


class Task(NamedTuple):
    """A claim to be decided for one seed.

    Parameters
    ----------
    key : Key
    source : str
        ``"paper"`` or the file of claims, with its whole path.
    time_limit : float or None
        Seconds.
    """

    key: Key
    source: str
    time_limit: float | None


_ALONE = threading.Lock()
"""The precision of the balls belongs to the process, so its threads take turns."""


def decide(task: Task) -> Attempt:
    """Decide a task in this process.

    Parameters
    ----------
    task : Task

    Returns
    -------
    Attempt

    Raises
    ------
    TaskError
        If the package or the file of claims is not the one that the task was made with.
    """
    key = task.key
    if (here := package_version()) != key.version:
        raise TaskError(f"a worker has entropy_theory {here}, expected {key.version} as where the campaign was started")
    with _ALONE:
        _compare(task)
        try:
            claim = find(task.source, key.claim, key.reading)
        except ValueError as error:
            raise TaskError(f"a worker cannot load the claims: {error}") from None
        _compare(task)  # it may have been edited while it was read
        return attempt(claim, key.seed, key.budget, task.time_limit)


def _compare(task: Task) -> None:
    try:
        here = fingerprint(task.source)
    except (OSError, ClaimFileError) as error:
        raise TaskError(
            f"a worker cannot read {task.source}: {error}; expected the file of claims on the same path there"
        ) from None
    if here != task.key.source:
        what = "the package" if task.source == "paper" else f"{task.source} or the package"
        raise TaskError(f"{what} differs on a worker from what the campaign was started with, expected the same bytes")


@cache
def package_version() -> str:
    """Version of the installed package."""
    from importlib.metadata import version  # reads mail headers: a tenth of the package's import time

    return version("entropy_theory")


def fingerprint(source: str) -> str:
    """Changes with the claims and with the package, so that nothing passes for checked that was not.

    Parameters
    ----------
    source : str
        ``"paper"`` or a file of claims, which stands for itself and the modules of the user's own that it imports;
        files that it reads are not looked at.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    package = _of_package()
    if source == "paper":
        return package
    whole = hashlib.sha256(package.encode())
    for path in files_of(_file(source)[0]):
        data = path.read_bytes()
        whole.update(f"{len(data)}\n".encode() + data)
    return whole.hexdigest()


def located(source: str) -> str:
    """The source with its whole path, for workers in other folders.

    Parameters
    ----------
    source : str

    Returns
    -------
    str
    """
    if source == "paper":
        return source
    path, name = _file(source)
    return f"{path.resolve()}{name}"


def _file(source: str) -> tuple[Path, str]:
    """The file, and what follows it: nothing, or a colon and a name."""
    path, colon, name = source.rpartition(":") if ".py:" in source else (source, "", "")
    return Path(path), f"{colon}{name}"


@cache
def _of_package() -> str:
    import entropy_theory

    whole = hashlib.sha256()
    for folder in map(Path, entropy_theory.__path__):
        for path in sorted(folder.rglob("*.py")):
            data = path.read_bytes()
            whole.update(f"{path.relative_to(folder).as_posix()} {len(data)}\n".encode() + data)
    return whole.hexdigest()

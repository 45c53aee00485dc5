"""Files that are written whole or not at all, and archives of arrays."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

Array = np.ndarray[Any, Any]


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a new file beside `path`, then put it in its place in one step.

    A reader, and a run that was cut off, see the old file or the new one, never a part.

    Raises
    ------
    OSError
        If the file cannot be written; it names `path`, and what was there is left as it was.
    """
    target = path.resolve()
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {target.parent}")
    if target.is_dir():
        raise IsADirectoryError(f"{path} cannot be written: it is a folder")
    try:
        _write_beside(target, write)
    except OSError as error:
        # Of the system, about the new file: a reader knows only the name that it was to get.
        if error.errno is None or not str(error.filename or target).startswith(str(target)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_beside(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    try:
        mode = target.stat().st_mode & 0o777
    except FileNotFoundError:
        mode = 0o666 & ~_umask()
    with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=target.name, delete=False) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, mode)
            os.replace(file.name, target)
        except BaseException:
            # Gone already if an interrupt came just after the file was put in its place.
            Path(file.name).unlink(missing_ok=True)
            raise


def reason(error: OSError) -> str:
    """Why, without the number and the path: ``no such file or directory``."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def read_arrays(path: Any) -> dict[str, Array]:
    """The arrays of an NPZ file.

    Raises
    ------
    ValueError
        If the file holds none, or is damaged.
    FileNotFoundError
        If there is no such file.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except FileNotFoundError:
        raise
    except (AttributeError, EOFError, OSError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"it is no archive of arrays, or a damaged one ({type(error).__name__})") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

"""Files that are written whole or not at all, and archives of arrays."""

from __future__ import annotations

import math
import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np

Array = np.ndarray[Any, Any]

MOST_BYTES = 2**30
"""Bytes of arrays that any archive may declare; beyond it only as many as `MOST_RATIO` times its own."""

MOST_RATIO = 100


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a new file beside `path`, then put it in its place in one step.

    A reader, and a run that was cut off, see the old file or the new one, never a part.

    Raises
    ------
    OSError
        If the file cannot be written; it names `path`, and what was there is left as it was.
    """
    target = real(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {target.parent}")
    if target.is_dir():
        raise IsADirectoryError(f"{path} cannot be written: it is a folder")
    try:
        if target.exists() and not target.is_file():
            _write_into(target, write)  # a device or a pipe, which a file must not take the place of
        else:
            _write_beside(target, write)
    except OSError as error:
        # Of the system, about the new file: a reader knows only the name that it was to get.
        if error.errno is None or not str(error.filename or target).startswith(str(target)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def real(path: Path) -> Path:
    """Where links lead; of a link to itself the link, which `Path.resolve` answers with a RuntimeError."""
    return Path(os.path.realpath(path))


def _write_into(target: Path, write: Callable[[IO[bytes]], object]) -> None:
    content = BytesIO()
    write(content)
    with open(target, "wb") as file:
        file.write(content.getvalue())


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
        If the file holds none, is damaged, names an array twice, or declares arrays far beyond its own size.
    FileNotFoundError
        If there is no such file.
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError("it is no path")
    try:
        with open(path, "rb") as file, warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy warns of headers that it has to guess at
            _check_archive(file)
            with np.load(file, allow_pickle=False) as data:
                return {name: data[name] for name in data.files}
    except (FileNotFoundError, _Declared):
        raise
    except MemoryError:
        raise ValueError("its arrays do not fit in memory") from None
    except Exception as error:  # of the many readers of parts of a damaged file
        raise ValueError(f"it is no archive of arrays, or a damaged one ({type(error).__name__})") from None


class _Declared(ValueError):
    """An archive that declares what it cannot hold."""


def _check_archive(file: IO[bytes]) -> None:
    """Refuse, before any memory is asked for, an archive that NumPy would read wrongly or without bound."""
    size = os.fstat(file.fileno()).st_size
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise _Declared(f"it names the array {twice[0].removesuffix('.npy')!r} twice")
        declared = sum(member.file_size for member in members)
        if declared > max(MOST_BYTES, MOST_RATIO * size):
            raise _Declared(f"it declares {declared:,} bytes of arrays in a file of {size:,}")
        for member in members:
            with archive.open(member) as content:
                version = np.lib.format.read_magic(content)
                read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
                read = read or np.lib.format.read_array_header_2_0
                shape, _, dtype = read(content)
                if math.prod(shape) * dtype.itemsize > member.file_size or min(shape, default=0) < 0:
                    raise _Declared(f"it declares an array of shape {shape} in {member.file_size:,} bytes")
    file.seek(0)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

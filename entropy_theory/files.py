"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a new file beside `path`, then put it in its place in one step.

    A reader, and a run that was cut off, see the old file or the new one, never a part.
    """
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"{path} cannot be written: there is no folder {path.resolve().parent}")
    with tempfile.NamedTemporaryFile("wb", dir=path.resolve().parent, prefix=path.name, delete=False) as file:
        try:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o666 & ~_umask())
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

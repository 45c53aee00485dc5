"""The folder of a file of claims on Python's path while the file is run, as for a script."""

from __future__ import annotations

import importlib
import site
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_LOADED: set[str] = set()
"""Modules that files of claims have imported from beside them."""


def folder_of(path: Path) -> Path:
    """The folder whose modules a file can import.

    Parameters
    ----------
    path : Path
        A Python file.

    Returns
    -------
    Path
    """
    return path.resolve().parent


@contextmanager
def importable(path: Path) -> Iterator[None]:
    """Within the block the modules beside a file can be imported; each block imports them anew.

    Parameters
    ----------
    path : Path
        A Python file.
    """
    folder = folder_of(path)
    # Another file of claims may have a module of the same name, and this one may have been edited.
    for name in _LOADED & sys.modules.keys():
        del sys.modules[name]
    _LOADED.clear()
    importlib.invalidate_caches()
    before, bytecode = {*sys.modules}, sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    # On disk it passes for current when a module is edited twice within a second.
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = bytecode
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
        _LOADED.update(name for name in sys.modules.keys() - before if _is_in(folder, name))


def is_installed(place: Path) -> bool:
    """Whether a resolved path is of Python, of an installed package or of this one, wherever they lie.

    Parameters
    ----------
    place : Path

    Returns
    -------
    bool
    """
    return any(place.is_relative_to(folder) for folder in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    folders = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    folders |= {*site.getsitepackages(), site.getusersitepackages(), str(Path(__file__).parents[1])}
    return tuple(Path(folder).resolve() for folder in folders)


def _is_in(folder: Path, name: str) -> bool:
    """Whether a module was found in the folder, by its package if it is of one, and is not installed there."""
    module = sys.modules.get(name.partition(".")[0])
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    paths = [Path(place).resolve() for place in places if isinstance(place, str)]
    return any(path.is_relative_to(folder) for path in paths) and not any(map(is_installed, paths))

"""The folder of a file of claims on Python's path while the file is run, as for a script."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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


def _is_in(folder: Path, name: str) -> bool:
    """Whether a module was found in the folder; its package, if it is of one."""
    module = sys.modules.get(name.partition(".")[0])
    places = [getattr(module, "__file__", None), *(getattr(module, "__path__", None) or ())]
    return any(isinstance(place, str) and Path(place).resolve().is_relative_to(folder) for place in places)

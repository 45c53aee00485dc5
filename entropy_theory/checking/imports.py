"""The files that a file of claims consists of: itself and the modules of the user's own that it imports.

They are found without running anything, so that each process finds the same ones.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from entropy_theory.checking.beside import folder_of, is_installed

MOST_FILES = 10_000
"""Files that are looked at, so that a folder of whatever else beside a module takes no time without end."""


def files_of(path: Path) -> list[Path]:
    """The file and all modules that it imports, in turn, but for those of Python and of installed packages.

    Parameters
    ----------
    path : Path
        A Python file.

    Returns
    -------
    list of Path
        The file first, then the modules by name.

    Raises
    ------
    OSError
        If the file, or a module that is there, cannot be read.
    """
    importlib.invalidate_caches()
    found: dict[Path, None] = {}
    folder = folder_of(path)
    pending = [path]
    while pending and len(found) < MOST_FILES:
        file = pending.pop()
        if file in found:
            continue
        found[file] = None
        for name in _imports(file.read_bytes()):
            pending += _own(name, folder)
    return [path, *sorted(found.keys() - {path})]


def _imports(source: bytes) -> Iterator[str]:
    """The top-level names of what a module imports, anywhere in it."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # said where it is run
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _own(name: str, folder: Path) -> list[Path]:
    """The files of a module or package, none if Python or an installed package has it, or nothing is found."""
    try:
        spec = PathFinder.find_spec(name, [str(folder), *sys.path])
    except (ImportError, ValueError):
        return []
    if spec is None or name == "entropy_theory":  # this one is loaded already, whatever lies beside the file
        return []
    places = [Path(x) for x in spec.submodule_search_locations or ()]
    if not places and spec.origin is not None and spec.has_location:
        places = [Path(spec.origin)]
    places = [place.resolve() for place in places]
    if any(map(is_installed, places)):
        return []
    files = [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    return [file for file in files if file.suffix == ".py"][:MOST_FILES]

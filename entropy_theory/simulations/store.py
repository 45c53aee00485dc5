"""Results in a folder: one JSON file an experiment, its picture where Matplotlib is installed, and a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entropy_theory.files import write_whole
from entropy_theory.simulations import table
from entropy_theory.simulations.result import Result


@dataclass(frozen=True)
class Folder:
    """A folder that holds ``NAME.json``, ``NAME.svg`` and ``NAME.png`` of each experiment, and ``simulations.md``."""

    path: Path

    def save(self, result: Result) -> list[str]:
        """Write the result and its picture; a note if it cannot be drawn."""
        write_whole(self.path / f"{result.name}.json", lambda file: file.write(result.to_json().encode()))
        try:
            from entropy_theory.figures import style
            from entropy_theory.figures.simulations import DRAWINGS
        except ImportError as error:
            return [f"{result.name}: no picture, {error}"]
        # From the stored numbers, so that a picture can be drawn again from the file alone.
        style.save(DRAWINGS[result.name].draw(Result.from_json(result.to_json())), self.path, result.name)
        return []

    def load(self, name: str, origin: dict[str, Any] | None = None) -> Result | None:
        """An earlier result; if an origin is given, one that was made by the same."""
        path = self.path / f"{name}.json"
        if not path.is_file():
            return None
        try:
            result = Result.from_json(path.read_text(encoding="utf-8"))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no result, expected a file that an earlier run wrote: {error}") from None
        return result if origin in (None, result.origin) else None

    def write_page(self, names: Iterable[str]) -> list[str]:
        """Write ``simulations.md``, the results of `names` that are here, in that order; a note on each that cannot be
        read."""
        found, notes = [], []
        for name in names:
            try:
                result = self.load(name)
            except ValueError as error:
                notes.append(str(error))
                continue
            if result is not None:
                found.append(result)
        write_whole(self.path / "simulations.md", lambda file: file.write(table.markdown(found).encode()))
        return notes

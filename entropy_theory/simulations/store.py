"""Results in a folder: one JSON file an experiment, its picture where Matplotlib is installed, and a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

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

    def load(self, name: str, scale: str | None = None, seeds: int | None = None) -> Result | None:
        """An earlier result of that scale, and of that number of seeds if one is given."""
        path = self.path / f"{name}.json"
        if not path.is_file():
            return None
        try:
            result = Result.from_json(path.read_text(encoding="utf-8"))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no result, expected a file that an earlier run wrote: {error}") from None
        same = scale in (None, result.setting.get("scale")) and seeds in (None, result.setting.get("seeds"))
        return result if same else None

    def write_page(self, names: Iterable[str]) -> None:
        """Write ``simulations.md``, the results of `names` that are here, in that order."""
        found = [result for result in map(self.load, names) if result is not None]
        write_whole(self.path / "simulations.md", lambda file: file.write(table.markdown(found).encode()))

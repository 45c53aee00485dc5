"""Pages that are made from the package at each build: the course, the gallery of figures and the command line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from sphinx.util import logging

from entropy_theory.figures import FIGURES

logger = logging.getLogger(__name__)


def write(path: Path, text: str) -> None:
    """Write a file unless it holds the text already, so that only what has changed is built again."""
    path.parent.mkdir(exist_ok=True)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def copy(source: Path, folder: Path) -> None:
    """Copy a file unless the copy is as new."""
    target = folder / source.name
    if not target.is_file() or target.stat().st_mtime < source.stat().st_mtime:
        folder.mkdir(exist_ok=True)
        shutil.copy2(source, target)


def course(root: Path, docs: Path) -> None:
    """The stored notebooks."""
    for notebook in sorted((root / "notebooks").glob("*.ipynb")):
        copy(notebook, docs / "course")


def gallery(root: Path, docs: Path) -> None:
    """Every figure with its caption and the claims that it is about."""
    parts = []
    for name, module in FIGURES.items():
        picture = root / "figures" / f"{name}.png"
        if not picture.is_file():
            logger.warning("figures/%s is missing: run python figures/generate.py", picture.name)
            continue
        copy(picture, docs / "_generated")
        claims = ", ".join(f"`{claim}`" for claim in module.ABOUT)
        parts.append(
            f"## {module.TITLE}\n\n"
            f"```{{image}} /_generated/{picture.name}\n:alt: {' '.join(module.CAPTION.split())}\n```\n\n"
            f"{module.CAPTION}\n\nAbout: {claims}. Drawn by {{py:mod}}`entropy_theory.figures.{name}`.\n"
        )
    write(docs / "_generated" / "gallery.md", "\n".join(parts))


def figure_modules(docs: Path) -> None:
    """The two functions of every figure, and what the figures share."""
    parts = []
    for name, functions in {"style": ("style", "save"), **dict.fromkeys(FIGURES, ("data", "draw"))}.items():
        entry = f".. automodule:: entropy_theory.figures.{name}\n   :no-members:\n"
        entry += "".join(f"\n.. autofunction:: entropy_theory.figures.{name}.{f}\n" for f in functions)
        parts.append(f"## `{name}`\n\n```{{eval-rst}}\n{entry}```\n")
    write(docs / "_generated" / "figure-modules.md", "\n".join(parts))


def command_line(docs: Path) -> None:
    """The help of every command, by Typer's own documentation tool."""
    command = [sys.executable, "-m", "typer", "entropy_theory.cli", "utils", "docs", "--name", "entropy-theory"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    write(docs / "_generated" / "command-line.md", text.partition("\n")[2])


def generate(app: Any) -> None:
    """Write all of them before the sources are looked for."""
    docs = Path(app.srcdir)
    root = docs.parent
    course(root, docs)
    gallery(root, docs)
    figure_modules(docs)
    command_line(docs)


def setup(app: Any) -> dict[str, bool]:
    """Join the build."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True}

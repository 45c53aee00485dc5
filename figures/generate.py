"""Draw all figures: ``python figures/generate.py [-o FOLDER]`` writes each as SVG and PNG, by default beside itself."""

from __future__ import annotations

import argparse
from pathlib import Path

from entropy_theory.figures import FIGURES, style


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw all figures as SVG and PNG; the same bytes each time.")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(__file__).parent,
        metavar="FOLDER",
        help="where to write them (default: the folder of this script)",
    )
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in FIGURES.items():
        for path in style.save(figure.draw(figure.data()), folder, name):
            print(path)


if __name__ == "__main__":
    main()

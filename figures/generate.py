"""Draw all pictures of this folder: ``python figures/generate.py [-o FOLDER]``.

Writes the figures of the theory as SVG and PNG, by default beside itself, and into the subfolder ``simulations`` those
of the experiments of Section VIII, from the results that are stored there. ``entropy-theory figures`` draws some.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from entropy_theory.figures import gallery

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw all figures as SVG and PNG; the same bytes each time.")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=HERE,
        metavar="FOLDER",
        help="where to write them (default: the folder of this script)",
    )
    folder = parser.parse_args().output
    for name in gallery.TITLES:
        for path in gallery.write(name, folder, HERE / gallery.SUBFOLDER):
            print(path)


if __name__ == "__main__":
    main()

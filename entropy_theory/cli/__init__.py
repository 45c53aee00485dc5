"""The `entropy-theory` command: a thin face over the package, one file a group of commands."""

import sys

from entropy_theory.cli import checking, figures, report, simulate
from entropy_theory.cli.app import app
from entropy_theory.cli.terminal import settle_streams, signals

__all__ = ["app", "checking", "figures", "main", "report", "simulate"]


def main() -> None:
    """Run the command."""
    settle_streams()
    with signals():
        try:
            app()
        except KeyboardInterrupt:  # before a command has begun
            sys.exit("interrupted")

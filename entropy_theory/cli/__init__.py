"""The `entropy-theory` command: a thin face over the package, one file a group of commands."""

from entropy_theory.cli import checking, simulate
from entropy_theory.cli.app import app

__all__ = ["app", "checking", "main", "simulate"]


def main() -> None:
    """Run the command."""
    app()

"""The Typer application that the commands join, and how it refuses: in one line."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable
from importlib.metadata import version
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from entropy_theory.brief import brief
from entropy_theory.cli.terminal import complain, drop, unwrap_streams
from entropy_theory.files import reason

# Older Typers raise the errors of Click, newer ones their own; both kinds have this class.
UsageError: Any = typer.BadParameter.__bases__[0]


class OneLine(TyperGroup):
    """A group of commands whose errors are one line each, and that ends quietly when it is interrupted or not read."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise UsageError(_unknown("command", args[0], self.commands), ctx)
        return super().resolve_command(ctx, args)

    def main(self, args: Any = None, *rest: Any, **options: Any) -> Any:
        standalone = options.pop("standalone_mode", True)
        options["standalone_mode"] = False
        if not standalone:
            return super().main(args, *rest, **options)
        try:
            status = super().main(args, *rest, **options)
            sys.stdout.flush()
        except UsageError as error:
            _refuse(error)
        except (typer.Abort, KeyboardInterrupt):
            status = 130
        except BrokenPipeError:
            drop(sys.stdout)
            drop(sys.stderr)
            sys.exit(1)
        except OSError as error:
            drop(sys.stdout)
            complain(f"{error.filename or 'the output'} cannot be read or written: {reason(error)}")
            sys.exit(1)
        if status == 130:
            unwrap_streams()
            Console(stderr=True).show_cursor()
            print("interrupted", file=sys.stderr)
            sys.exit(1)
        sys.exit(status if isinstance(status, int) else 0)


def _refuse(error: Any) -> NoReturn:
    """Print a usage error and how to mend it."""
    ctx = error.ctx
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message(), file=sys.stderr)
        sys.exit(2)
    kind, parameter = type(error).__name__, getattr(error, "param", None)
    name = max(parameter.opts, key=len) if parameter is not None else ""
    if kind == "NoSuchOption" and ctx is not None:
        known = (o for p in ctx.command.get_params(ctx) for o in p.opts if o.startswith("--"))
        message = _unknown("option", error.option_name, known)
    elif kind == "BadParameter" and name.startswith("-"):
        message = f"{name} {error.message}"
    elif kind == "MissingParameter" and parameter is not None:
        message = f"{parameter.metavar or name} is missing, expected {_lower(parameter.help or 'a value')}"
    else:
        message = _lower(error.format_message())
    path = ctx.command_path if ctx is not None else "entropy-theory"
    complain(f"{message.rstrip('.')}; '{path} --help' explains")
    sys.exit(2)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _unknown(kind: str, name: Any, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(str(name)[:100], names, n=3, cutoff=0.6)
    hint = f"; the nearest {'is' if len(near) == 1 else 'are'} {', '.join(near)}" if near else ""
    return f"{kind} is {brief(name)}, expected one of {', '.join(names)}{hint}"


def whole(least: int, most: int | None = None) -> Any:
    """A parser of an option: an integer of at least `least`, and at most `most`."""

    def parse(text: Any) -> int:
        # Digits alone: Python reads "1_000" and the digits of other scripts as well.
        digits = re.fullmatch(r"\s*[+-]?[0-9]{1,1000}\s*", str(text), re.ASCII)
        number = int(text) if digits else least - 1
        if number < least:
            raise typer.BadParameter(f"is {brief(text)}, expected an integer >= {least}")
        if most is not None and number > most:
            raise typer.BadParameter(f"is {brief(text)}, expected an integer from {least} to {most:,}")
        return number

    return parse


def _version(asked: bool) -> None:
    if asked:
        print(f"entropy-theory {version('entropy_theory')}")
        raise typer.Exit


app = typer.Typer(
    name="entropy-theory",
    cls=OneLine,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    # Panels and colours are for a person who looks at them.
    rich_markup_mode="rich" if sys.stdout is not None and sys.stdout.isatty() else None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog="Begin with: entropy-theory show theorem-v.2/eq-16")
def command(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Check theorems about softmax policies: each claim of the paper, or your own."""

"""The Typer application that the commands join."""

import typer

app = typer.Typer(
    name="entropy-theory",
    help="Check theorems about softmax policies: each claim of the paper, or your own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

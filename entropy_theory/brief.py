"""How an error shows a value that it refuses: on one line, and not at length."""

from __future__ import annotations

from typing import Any

WIDEST = 200
"""Characters of a value."""

LONGEST = 1000
"""Characters of what another error says."""


def brief(value: Any) -> str:
    """A value as Python prints it, on one line and cut short where it is long.

    Parameters
    ----------
    value : object
        Anything: also what cannot be printed, such as an integer of too many digits.

    Returns
    -------
    str
    """
    try:
        text = repr(value)
    except Exception:  # of the caller's own class, or Python's limit of digits
        return f"a {type(value).__name__} that cannot be printed"
    line = " ".join(text.split()) if "\n" in text or "\r" in text else text
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"


def message(error: BaseException) -> str:
    """What an error says, on one line and cut short where it is long; it may be of a class whose text fails.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    str
    """
    try:
        line = " ".join(str(error).split())
    except Exception:
        return "an error that cannot be printed"
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"

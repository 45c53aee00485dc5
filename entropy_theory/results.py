"""Folders of results that a run left: read with care, since anyone may have changed what is in them."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.checking.plaintext import printable
from entropy_theory.files import real, reason
from entropy_theory.simulations.result import Estimate, Result, Row
from entropy_theory.simulations.store import Folder

MOST_BYTES = 2**28
"""Bytes of a file that are read; a result with as many seeds as may be asked for has some tens of millions."""

MOST_LEVELS = 20
"""Levels of lists and objects in a setting or in curves; results have five at most."""

CLOSE = 1e-9
"""Relative distance of a stored mean or end of an interval from what its samples give: SciPy's versions differ less."""

DIGEST = "digest"
"""Key of the origin under which the digest of the findings is stored."""

KINDS = ("json", "svg", "png")


@dataclass(frozen=True)
class ResultsFolder(Folder):
    """A `Folder` whose files may be damaged or made up; each result in it carries a digest of its findings.

    Parameters
    ----------
    path : Path
    """

    def check_places(self, names: Iterable[str]) -> None:
        """Refuse a folder in which a file cannot be written, before a run takes minutes to find out.

        Parameters
        ----------
        names : iterable of str
            Experiments whose results are to be written.

        Raises
        ------
        ValueError
            If something that is no regular file stands in the place of one: a folder, a pipe, a device.
        """
        for file in (*(f"{name}.{kind}" for name in names for kind in KINDS), "simulations.md"):
            path = self.path / file
            try:
                mode = os.stat(path).st_mode
            except FileNotFoundError:
                if not real(path).parent.is_dir():
                    raise ValueError(f"{path} is a link to where there is no folder, expected a file") from None
                continue
            except OSError as error:
                raise ValueError(f"{path} cannot be read: {reason(error)}") from None
            if not stat.S_ISREG(mode):
                raise ValueError(f"{path} is {_kind(mode)}, expected a file or nothing in its place")

    def save(self, result: Result) -> list[str]:
        """Write the result, with the digest of its findings, and its picture.

        Parameters
        ----------
        result : Result

        Returns
        -------
        list of str
            A note if it cannot be drawn.
        """
        origin = {k: v for k, v in result.origin.items() if k != DIGEST}
        return super().save(replace(result, origin={**origin, DIGEST: digest(result)}))

    def save_again(self, result: Result) -> list[str]:
        """As `save`, of a result that was loaded.

        Parameters
        ----------
        result : Result

        Returns
        -------
        list of str
            A note if it cannot be drawn.

        Raises
        ------
        ValueError
            If there is no picture of such curves.
        """
        try:
            return self.save(result)
        except OSError:
            raise
        except Exception as error:  # of whatever Matplotlib makes of curves that are none
            raise self.not_drawn(result.name, error) from None

    def not_drawn(self, name: str, error: Exception) -> ValueError:
        """The error of a stored result whose curves cannot be drawn.

        Parameters
        ----------
        name : str
            The experiment.
        error : Exception

        Returns
        -------
        ValueError
        """
        kind = type(error).__name__
        return ValueError(f"{self.path / name}.json holds no result: its curves cannot be drawn ({kind})")

    def load(self, name: str, origin: dict[str, Any] | None = None) -> Result | None:
        """An earlier result, after a check of every part of it.

        Parameters
        ----------
        name : str
            The experiment.
        origin : dict, optional
            If given, only a result that was made by the same.

        Returns
        -------
        Result or None
            None if there is no file, or one of another origin.

        Raises
        ------
        ValueError
            If the file cannot be read, holds no result or that of another experiment, or was changed after it was
            written; the error names it.
        """
        path = self.path / f"{name}.json"
        content = _read(path)
        if content is None:
            return None
        try:
            result = _result(content)
        except RecursionError:
            raise ValueError(f"{path} holds no result: it is nested too deeply") from None
        except MemoryError:
            raise ValueError(f"{path} holds no result: it does not fit in memory") from None
        except ValueError as error:
            why = printable(" ".join(str(error).split()))
            raise ValueError(f"{path} holds no result, expected a file that an earlier run wrote: {why}") from None
        if result.name != name:
            raise ValueError(f"{path} holds a result of {brief(result.name)}, expected one of {name!r}")
        found = dict(result.origin)
        if found.pop(DIGEST, digest(result)) != digest(result):
            raise ValueError(f"{path} holds no result: its findings are not those that were written")
        return replace(result, origin=found) if origin in (None, found) else None


def digest(result: Result) -> str:
    """A digest of the findings, the setting and the curves of a result.

    Parameters
    ----------
    result : Result

    Returns
    -------
    str
        Thirty-two hexadecimal digits; the same for a result and for what is read from its file.
    """
    data = json.loads(result.to_json())
    parts = json.dumps([data["name"], data["setting"], data["rows"], data["curves"]], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _read(path: Path) -> bytes | None:
    """The content of a file, None if there is none. Neither a pipe that nobody writes to nor a device holds it up."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise ValueError(f"{path} is {_kind(mode)}, expected a file")
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {reason(error)}") from None
    except MemoryError:
        raise ValueError(f"{path} holds no result: it does not fit in memory") from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} holds no result: it has more than {MOST_BYTES:,} bytes")
    return content


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISCHR, "a device"))
    return next((words for test, words in kinds if test(mode)), "no regular file")


def _result(content: bytes) -> Result:
    """The result in a file; a ValueError says which part is none."""
    data = _object(json.loads(content.decode()), "it", {f.name for f in fields(Result)})
    for key in ("name", "title"):
        _text(data[key], key)
    for key in ("setting", "curves", "origin"):
        if not isinstance(data[key], dict):
            raise ValueError(f"{key} is {brief(data[key])}, expected an object")
        _plain(data[key], key)
    for key in ("scale", "seeds"):
        if key not in data["setting"]:
            raise ValueError(f"setting lacks {key!r}")
    if not isinstance(data["rows"], list) or not data["rows"]:
        raise ValueError(f"rows is {brief(data['rows'])}, expected a list of findings")
    rows = tuple(_row(row, f"rows[{i}]") for i, row in enumerate(data["rows"]))
    return Result(data["name"], data["title"], data["setting"], rows, data["curves"], data["origin"])


def _row(data: Any, place: str) -> Row:
    names = {f.name for f in fields(Row)}
    data = _object(data, place, names | {"outcome"})
    for key in names - {"model", "agrees"}:
        _text(data[key], f"{place}.{key}")
    if not isinstance(data["agrees"], bool | None):
        raise ValueError(f"{place}.agrees is {brief(data['agrees'])}, expected true, false or null")
    if not isinstance(data["model"], dict) or not data["model"]:
        raise ValueError(f"{place}.model is {brief(data['model'])}, expected an object of estimates")
    model = {}
    for name, estimate in data["model"].items():
        _text(name, f"{place}.model")
        model[name] = _estimate(estimate, f"{place}.model[{brief(name)}]")
    row = Row(**{**{k: data[k] for k in names}, "model": model})
    if data["outcome"] != row.outcome or (row.agrees is not None and not row.criterion):
        raise ValueError(f"{place}.outcome is {brief(data['outcome'])}, which is not what agrees and criterion say")
    return row


def _estimate(data: Any, place: str) -> Estimate:
    data = _object(data, place, {f.name for f in fields(Estimate)})
    if not isinstance(data["samples"], list) or not data["samples"]:
        raise ValueError(f"{place}.samples is {brief(data['samples'])}, expected a list of numbers")
    for x in (data["mean"], data["low"], data["high"], *data["samples"]):
        if not isinstance(x, int | float) or isinstance(x, bool) or not -1e300 < x < 1e300:
            raise ValueError(f"{place} has the number {brief(x)}, expected a finite one")
    found = Estimate(data["mean"], data["low"], data["high"], tuple(data["samples"]))
    if not found.low <= found.mean <= found.high or not _of_samples(found):
        raise ValueError(f"{place} is {found.mean!r} in [{found.low!r}, {found.high!r}], which its samples do not give")
    return found


def _of_samples(found: Estimate) -> bool:
    """Whether mean and interval are those of the samples, or of their logarithms."""
    plain = _safely(found.samples)
    if plain is not None and _close(found, plain):
        return True
    if min(found.samples) <= 0:
        return False
    logs = _safely(np.log(found.samples).tolist())
    if logs is None or max(map(abs, (logs.mean, logs.low, logs.high))) > 700:
        return False
    mean, low, high = (math.exp(x) for x in (logs.mean, logs.low, logs.high))
    return _close(found, Estimate(mean, low, high, found.samples))


def _safely(samples: Iterable[float]) -> Estimate | None:
    try:
        with np.errstate(over="raise", invalid="raise"):
            return Estimate.of(samples)
    except (ArithmeticError, ValueError):
        return None


def _close(found: Estimate, other: Estimate) -> bool:
    size = max(map(abs, (other.mean, other.low, other.high)))
    pairs = ((found.mean, other.mean), (found.low, other.low), (found.high, other.high))
    return all(abs(x - y) <= CLOSE * size for x, y in pairs)


def _object(value: Any, place: str, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{place} is {brief(value)}, expected an object")
    if value.keys() != keys:
        wrong = min(value.keys() ^ keys)
        raise ValueError(f"{place} {'lacks' if wrong in keys else 'has'} the key {brief(wrong)}")
    return value


def _text(value: Any, place: str) -> None:
    """Refuse what is no text, and characters that a terminal obeys or no file can hold."""
    if not isinstance(value, str) or printable(value) != value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ValueError(f"{place} is {brief(value)}, expected text")


def _plain(value: Any, place: str, level: int = 0) -> None:
    """Refuse what is nested without end, and texts that cannot be shown."""
    if level > MOST_LEVELS:
        raise ValueError(f"{place} is nested too deeply")
    if isinstance(value, dict):
        for key, item in value.items():
            _text(key, place)
            _plain(item, place, level + 1)
    elif isinstance(value, list):
        for item in value:
            _plain(item, place, level + 1)
    elif isinstance(value, str):
        _text(value, place)

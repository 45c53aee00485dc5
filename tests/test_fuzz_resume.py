"""Folders of results that are damaged or made up: the table that was stored, a run afresh, or one line that names the
file; never another table, a traceback, or no end."""

from __future__ import annotations

import json
import os
import random
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from entropy_theory import results, simulations
from entropy_theory.figures import style
from entropy_theory.figures.simulations import DRAWINGS
from entropy_theory.results import ResultsFolder, digest
from entropy_theory.simulations.result import Result
from tests.test_fuzz_command import status
from tests.test_fuzz_files import DAMAGES

NAME = "operation-counts"

ROUNDS = 20
"""Damaged copies for each kind of damage."""

DRAW = DRAWINGS[NAME].draw

posix = pytest.mark.skipif(os.name != "posix", reason="files of the kinds used need POSIX")


@pytest.fixture(scope="module")
def made() -> Result:
    return simulations.run(NAME, "small", seeds=2, workers=1)


@pytest.fixture
def runs(made: Result, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The experiments that are run, with their results at hand; nothing is drawn."""
    names: list[str] = []

    def run(name: str, *arguments: Any, **options: Any) -> Result:
        names.append(name)
        return made

    monkeypatch.setattr(simulations, "run", run)
    monkeypatch.setattr(DRAWINGS[NAME], "draw", lambda result: None)
    monkeypatch.setattr(style, "save", lambda *arguments: [])
    return names


@pytest.fixture
def folder(tmp_path: Path, made: Result, runs: list[str]) -> Path:
    ResultsFolder(tmp_path).save(made)
    return tmp_path


def resume(folder: Path, **options: Any) -> Any:
    command = ("simulate", NAME, "--small", "--seeds", "2", "--workers", "1", "-q", "-o", folder, "--resume")
    return status(*command, **options)


def refused(folder: Path, *words: str) -> str:
    """One line that names the file and holds these words."""
    said = str(resume(folder, code=2, seconds=20).stderr)
    assert f"{NAME}.json" in said
    assert all(word in said for word in words), said
    return said


def test_what_is_stored_is_taken(folder: Path, runs: list[str]) -> None:
    stored = (folder / f"{NAME}.json").read_bytes()
    first = resume(folder, code=0).stdout
    assert not runs
    assert "exponent of N" in first
    assert (folder / f"{NAME}.json").read_bytes() == stored
    (folder / f"{NAME}.json").unlink()
    assert resume(folder, code=0).stdout == first
    assert runs == [NAME]
    assert (folder / f"{NAME}.json").read_bytes() == stored


# Damage --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_result_gives_no_other_table(folder: Path, damage: str) -> None:
    """But for its title, which is no finding."""
    path, rng = folder / f"{NAME}.json", random.Random(damage)
    content, good = path.read_bytes(), _findings(resume(folder, code=0).stdout)
    for _ in range(ROUNDS):
        path.write_bytes(DAMAGES[damage](content, rng))
        result = resume(folder, seconds=20)
        if result.exit_code == 0:
            assert _findings(result.stdout) == good
        else:
            assert f"{NAME}.json" in result.stderr


def _findings(table: str) -> list[str]:
    return [line for line in table.splitlines() if not line.startswith(NAME)]


def test_one_digit_or_letter_of_a_finding_makes_it_another(folder: Path) -> None:
    path = folder / f"{NAME}.json"
    content = path.read_text(encoding="utf-8")
    for old, new in (("within 0.95", "within 0.05"), ("O(N)", "O(M)"), ('"few": 2', '"few": 3')):
        assert old in content
        path.write_text(content.replace(old, new, 1), encoding="utf-8")
        refused(folder, "not those that were written")


def test_numbers_that_their_samples_do_not_give_are_refused_without_a_digest_as_well(
    folder: Path, made: Result
) -> None:
    path = folder / f"{NAME}.json"
    data = json.loads(made.to_json())
    path.write_text(json.dumps(data), encoding="utf-8")
    resume(folder, code=0)
    data["rows"][1]["model"]["exponent of |A|"]["mean"] += 1e-6
    path.write_text(json.dumps(data), encoding="utf-8")
    refused(folder, "rows[1]", "exponent of |A|")


# Other files in its place --------------------------------------------------------------------------------------------

TEXTS = {
    "nothing": "",
    "null": "null",
    "a list": "[]",
    "a number": "1e999",
    "no number": "NaN",
    "a huge integer": "9" * 5000,
    "an object": "{}",
    "nested lists": "[" * 100_000,
    "nested objects": '{"a":' * 100_000,
    "a mark of the order of bytes": "\ufeff{}",
    "half a character": "\udc80",
    "a null character": "\x00",
    "rows alone": '{"rows": []}',
    "rows of nothing": '{"rows": [null]}',
    "another key": '{"a\\nb\\u001b[31m": 1}',
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_that_holds_no_result(folder: Path, name: str) -> None:
    (folder / f"{NAME}.json").write_bytes(TEXTS[name].encode("utf-8", "surrogatepass"))
    refused(folder, "holds no result")


def nested(levels: int) -> Any:
    out: Any = 0
    for _ in range(levels):
        out = [out]
    return out


VALUES: tuple[Any, ...] = (
    None, True, 3, -1.5, 10**400, float("nan"), float("inf"), 1e308, "1.5", "", "a\x1b[31m", "\ud800", [], {}, [None],
    {"a": 1}, [[1.0], "a"], nested(600), "x" * 5000,
)  # fmt: skip

ROW, ESTIMATE = ("rows", 2), ("rows", 0, "model", "exponent of N")

PLACES: tuple[tuple[Any, ...], ...] = (
    *((key,) for key in ("name", "title", "setting", "rows", "curves", "origin")),
    ROW,
    *((*ROW, key) for key in
      ("statement", "paper", "source", "model", "criterion", "agrees", "remark", "outcome")),
    ESTIMATE,
    *((*ESTIMATE, key) for key in ("mean", "low", "high", "samples")),
    (*ESTIMATE, "samples", 0),
    ("setting", "scale"),
    ("setting", "few"),
    ("curves", "covariance"),
)  # fmt: skip
"""Keys on the way to each place."""


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_values_that_are_none_in_every_place(folder: Path, made: Result, place: tuple[Any, ...]) -> None:
    """In a file with the right digest where one can be made: a table is printed only from a result that is whole."""
    path = folder / f"{NAME}.json"
    for value in VALUES:
        data = json.loads(made.to_json())
        owner: Any = data
        for key in place[:-1]:
            owner = owner[key]
        owner[place[-1]] = value
        path.write_text(_with_digest(data), encoding="utf-8")
        result = resume(folder, seconds=20)
        if result.exit_code:
            assert f"{NAME}.json" in result.stderr, (place, value)
        assert "\x1b" not in result.output
        assert len(result.stderr) < 2500


def _with_digest(data: dict[str, Any]) -> str:
    with suppress(ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError):
        data["origin"] = {**data["origin"], "digest": digest(Result.from_json(json.dumps(data)))}
    return json.dumps(data)


@pytest.mark.parametrize("key", ["name", "title", "setting", "rows", "curves", "origin", "digest", "scale", "seeds"])
def test_a_key_that_is_missing(folder: Path, key: str) -> None:
    path = folder / f"{NAME}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    owner = data if key in data else data["setting"] if key in data["setting"] else data["origin"]
    del owner[key]
    path.write_text(json.dumps(data), encoding="utf-8")
    if key == "digest":
        resume(folder, code=0)
    else:
        refused(folder, "lacks ", f"'{key}'")


def test_the_result_of_another_experiment_is_not_taken_for_this_one(folder: Path, made: Result) -> None:
    """It has the same origin: the code of all experiments is one."""
    path = folder / f"{NAME}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(_with_digest({**data, "name": "controls"}), encoding="utf-8")
    refused(folder, "'controls'", f"expected one of '{NAME}'")


@pytest.mark.parametrize(("key", "value"), [("version", "9.9"), ("experiments", "0" * 16), ("scale", "full"),
                                            ("seeds", 3), ("seeds", "default")])  # fmt: skip
def test_what_other_code_or_options_made_is_run_again(folder: Path, runs: list[str], key: str, value: Any) -> None:
    path = folder / f"{NAME}.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["origin"][key] = value
    path.write_text(json.dumps(data), encoding="utf-8")
    resume(folder, code=0)
    assert runs == [NAME]


def test_other_results_in_the_folder_are_named_and_left_out_of_the_page(folder: Path) -> None:
    for text in ("[" * 100_000, '{"rows": 1}', "\x00"):
        (folder / "controls.json").write_text(text, encoding="utf-8")
        result = resume(folder, code=0)
        assert "controls.json holds no result" in result.stderr
        assert result.stderr.count("\n") == 1
        assert (folder / "simulations.md").read_text(encoding="utf-8").count("\n## ") == 1


# What is no file -----------------------------------------------------------------------------------------------------


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "no" / "where")


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


STRANGE: dict[str, Callable[[Path], None]] = {
    "a folder": _folder,
    "a pipe that nobody writes to": _pipe,
    "a link to itself": _loop,
    "a link to nowhere": _nowhere,
    "a full disk": _link("/dev/full"),
    "zeros without end": _link("/dev/zero"),
    **({"memory": _link("/proc/self/mem")} if Path("/proc/self/mem").exists() else {}),
    "a folder of the system": _link("/"),
}


@posix
@pytest.mark.parametrize("strange", STRANGE)
@pytest.mark.parametrize("kind", ["json", "svg", "png"])
def test_what_is_no_file_is_refused_before_anything_is_run(
    strange: str, kind: str, tmp_path: Path, runs: list[str]
) -> None:
    """And not read without end, nor waited for, nor written to."""
    path = tmp_path / f"{NAME}.{kind}"
    STRANGE[strange](path)
    if strange == "memory" and kind != "json":
        return  # a regular file by its kind; nothing but a write tells
    result = resume(tmp_path, code=2, seconds=20)
    assert path.name in result.stderr
    assert not runs


@posix
@pytest.mark.parametrize("strange", ["a folder", "a pipe that nobody writes to", "zeros without end"])
def test_what_is_no_page_is_refused_before_anything_is_run(strange: str, tmp_path: Path, runs: list[str]) -> None:
    STRANGE[strange](tmp_path / "simulations.md")
    assert "simulations.md" in resume(tmp_path, code=2, seconds=20).stderr
    assert not runs


@posix
@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_no_file_of_another_experiment_is_named(strange: str, folder: Path) -> None:
    """For the page of all that is there."""
    STRANGE[strange](folder / "controls.json")
    result = resume(folder, code=0, seconds=20)
    if strange != "a link to nowhere":
        assert "controls.json" in result.stderr


def test_a_file_without_end_is_read_to_a_bound(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a terabyte, of which the disk holds nothing; what is read at most is made small here, to be quick."""
    assert results.MOST_BYTES <= 2**28
    monkeypatch.setattr(results, "MOST_BYTES", 2**20)
    path = folder / f"{NAME}.json"
    with open(path, "r+b") as file:
        file.truncate(2**40)
    try:
        refused(folder, "more than 1,048,576 bytes")
    finally:
        path.unlink()


def test_what_may_not_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser may read everything, so the refusal is the test's."""

    opened = os.open

    def refuse(path: Any, *arguments: Any, **options: Any) -> int:
        if str(path).endswith(f"{NAME}.json"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    with monkeypatch.context() as changed:
        changed.setattr(os, "open", refuse)
        refused(folder, "cannot be read: permission denied")


@pytest.mark.parametrize("below", [False, True])
def test_a_file_in_place_of_the_folder(below: bool, tmp_path: Path, runs: list[str]) -> None:
    path = tmp_path / "file"
    path.write_text("", encoding="utf-8")
    assert "--output" in resume(path / "folder" if below else path, code=2).stderr
    assert not runs


# Pictures of curves that are none ------------------------------------------------------------------------------------

CURVES: tuple[Any, ...] = ({}, {"a": 1}, {"a": ["b"]}, {"a": [[1.0], [1.0, 2.0]]})


@pytest.mark.parametrize("curves", CURVES, ids=str)
def test_curves_that_cannot_be_drawn(
    folder: Path, made: Result, curves: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither again for the folder nor by ``figures``."""
    monkeypatch.setattr(DRAWINGS[NAME], "draw", DRAW)
    data = {**json.loads(made.to_json()), "curves": curves}
    (folder / f"{NAME}.json").write_text(_with_digest(data), encoding="utf-8")
    refused(folder, "curves cannot be drawn")
    result = status("figures", NAME, "--results", folder, "-o", tmp_path / "pictures", code=2)
    assert f"{NAME}.json" in result.stderr


def test_hostile_values_in_curves(folder: Path, made: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of numbers and lists, one at a time."""
    monkeypatch.setattr(DRAWINGS[NAME], "draw", DRAW)
    names = list(json.loads(made.to_json())["curves"])
    rng = random.Random(0)
    for _ in range(20):
        data = json.loads(made.to_json())
        owner: Any = data["curves"]
        key: Any = rng.choice(names)
        while isinstance(owner[key], list | dict) and owner[key] and rng.random() < 0.8:
            owner = owner[key]
            key = rng.choice(list(owner)) if isinstance(owner, dict) else rng.randrange(len(owner))
        owner[key] = rng.choice(VALUES)
        (folder / f"{NAME}.json").write_text(_with_digest(data), encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            resume(folder, seconds=30)

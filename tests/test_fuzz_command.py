"""The command with hostile values: exit status 0, 1 or 2, an error of one line, no traceback, and no part of a file."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.main import get_command
from typer.testing import CliRunner

from entropy_theory.checking import campaign
from entropy_theory.cli import app
from tests.hostile import Hang, limits

PART = "lemma-iv.1/zero-sum"

MINE = """
import entropy_theory as et
d = et.domains
false = et.Inequality(name="false", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 5))
"""

TEXTS = (
    "",
    " ",
    "-1",
    "0",
    "1.5",
    "1e30",
    "nan",
    "inf",
    "--",
    "-",
    "٣",
    "²",
    "1_000",
    "0x10",
    "a\nb",
    "a\tb\x1b[31m",
    "\r",
    "é",
    "\udc80",
    "x" * 5000,
    "../..",
    "/",
    "/dev/null",
    "/proc/self/mem",
    "nowhere/at/all",
    "theorem",
    "%s{}{0}",
    "[red]a[/red]",
    "9" * 5000,
)

NUMBERS = ("0", "-1", "1.5", "1e30", "", "nan", "٣", "9" * 400, "-" + "9" * 5000, "0x10", " 3 x", "a\nb")

HUGE = (str(2**63), str(2**64), str(10**30))


def status(*arguments: Any, code: int | None = None, seconds: float = 60) -> Any:
    """The result of a command, which ended as a command should."""
    try:
        with limits(seconds):
            result = CliRunner().invoke(app, [str(a) for a in arguments])
    except Hang:
        pytest.fail(f"{arguments} does not return")
    shown = f"{[str(a)[:60] for a in arguments]}: {result.exit_code} {result.stderr[:600]!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit), f"{shown} {result.exception!r:.600}"
    assert result.exit_code in (0, 1, 2), shown
    assert "Traceback" not in result.output, shown
    if result.exit_code == 2:
        assert result.stderr.startswith("error: "), shown
        assert result.stderr.count("\n") == 1, shown
        assert "\x1b" not in result.stderr, shown
        assert not result.stdout, shown
    if code is not None:
        assert result.exit_code == code, shown
    return result


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files with hostile names land here."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without processes of its own, of which each takes seconds to start; `test_campaign` has those."""
    run = campaign.run
    monkeypatch.setattr(campaign, "run", lambda *a, **k: run(*a, **{**k, "isolated": False, "workers": 1}))


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE, encoding="utf-8")
    return path


# What the command line itself says of its commands and options --------------------------------------------------------


def commands() -> dict[str, Any]:
    root: Any = get_command(app)
    return dict(root.commands)


def options(kind: str) -> Iterator[tuple[str, str]]:
    """Command and option, of the options that take a number or a path or text."""
    for name, command in commands().items():
        for parameter in command.params:
            if parameter.param_type_name != "option" or parameter.is_flag:
                continue
            numeric = parameter.metavar == "N"
            if numeric == (kind == "numbers"):
                yield name, max(parameter.opts, key=len)


GOOD: dict[str, tuple[str, ...]] = {
    "verify": (PART, "--budget", "3", "--workers", "1"),
    "hunt": ("mine.py", "--budget", "3", "--workers", "1"),
    "list": (PART,),
    "show": (PART, "--budget", "3"),
    "recheck": ("verdicts.json",),
    "figures": ("--list",),
    "report": (PART, "--budget", "3", "--workers", "1", "-o", "atlas"),
    "simulate": ("--list",),
}


def test_every_command_is_fuzzed() -> None:
    assert set(commands()) == set(GOOD)


@pytest.mark.parametrize(("command", "option"), [*options("numbers")])
def test_numbers_that_are_none(command: str, option: str, mine: Path) -> None:
    for value in NUMBERS:
        if option == "--seed" and value.isdecimal() and value.isascii():
            continue  # a seed may be of any size
        status(command, *GOOD[command], option, value, code=2)


@pytest.mark.parametrize("command", GOOD)
@given(data=st.data())
@settings(max_examples=10, deadline=None, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
def test_words_that_are_none(command: str, data: st.DataObject) -> None:
    """Names, options that do not exist, values where none is expected."""
    words = data.draw(st.lists(st.sampled_from(TEXTS) | st.text(max_size=20), min_size=1, max_size=3))
    if command in ("figures", "simulate", "report"):
        words = [*words, "no-such-name"]  # without a wrong name among them these work for minutes
    if all(w in ("", "--") for w in words) and command == "list":
        return
    if command == "verify" and not [w for w in words if w not in ("--", "")]:
        words = [*words, "no-such-name"]
    result = status(command, *words)
    if result.exit_code == 0:
        assert {"-h", "--help"} & {*words} or command == "list", words


@pytest.mark.parametrize("command", ["verify", "list", "show", "hunt", "figures", "simulate", "report"])
@pytest.mark.parametrize(
    "name", ["a\nb", "x" * 100_000, "\x1b[31mred", "\0", "theorem-v.2\n", "[bold]a", "-", "' OR 1"]
)
def test_names_that_are_none(command: str, name: str) -> None:
    result = status(command, name, code=2)
    assert len(result.stderr) < 2500


# Huge numbers that are numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", HUGE[1:])
def test_seeds_may_be_as_large_as_one_likes(seed: str, mine: Path) -> None:
    status("hunt", *GOOD["hunt"], "--seed", seed, "--resume", "v.db", "--json", "v.json", code=0)
    kept = json.loads(Path("v.json").read_text(encoding="utf-8"))
    status("hunt", *GOOD["hunt"], "--seed", seed, "--resume", "v.db", "--json", "v.json", code=0)
    assert json.loads(Path("v.json").read_text(encoding="utf-8")) == kept


@pytest.mark.parametrize("option", ["--seeds", "--budget", "--workers"])
@pytest.mark.parametrize("value", [*HUGE, str(10**12)])
@pytest.mark.parametrize("command", ["verify", "hunt"])
def test_more_than_can_be_done_is_refused_at_once(command: str, option: str, value: str, mine: Path) -> None:
    arguments = [a for a in GOOD[command] if a not in ("--budget", "--workers", "3", "1")]
    result = status(command, *arguments, option, value, code=2, seconds=20)
    assert option in result.stderr


# Paths -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Places that are no files to write to or to read from."""
    folder, locked, file = tmp_path / "folder", tmp_path / "locked", tmp_path / "file.txt"
    folder.mkdir()
    locked.mkdir()
    file.write_text("no JSON", encoding="utf-8")
    (tmp_path / "empty").touch()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    return {
        "a folder": folder,
        "missing": tmp_path / "nowhere" / "file",
        "below a file": file / "file",
        "the null device": Path("/dev/null"),
        "a loop": tmp_path / "loop",
        "a link to nothing": tmp_path / "dangling",
        "text": file,
        "empty": tmp_path / "empty",
        "a long name": tmp_path / ("x" * 300),
        "a name of lines": tmp_path / "a\nb",
        "no name": Path(""),
        "control characters": tmp_path / "\x1b[31m",
        "a null character": Path("a\0b"),
    }


PLACES = (
    "a folder", "missing", "below a file", "the null device", "a loop", "a link to nothing", "text", "empty",
    "a long name", "a name of lines", "no name", "control characters", "a null character",
)  # fmt: skip


# Not the null device: a test that fails must not take it from the machine. A pipe stands in for it below.
@pytest.mark.parametrize("place", [place for place in PLACES if place != "the null device"])
@pytest.mark.parametrize("option", ["--json", "--resume"])
def test_places_to_write_to(option: str, place: str, places: dict[str, Path], mine: Path) -> None:
    target = places[place]
    result = status("hunt", *GOOD["hunt"], option, target)
    if result.exit_code == 0 and option == "--json" and target.is_file():
        assert isinstance(json.loads(target.read_text(encoding="utf-8")), list)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "arguments",
    [("recheck",), ("recheck", "--claims"), ("hunt",), ("report", PART, "--verdicts"), ("report", PART, "-o"),
     ("report", "--claims"), ("figures", "theorem-v.1", "--results"), ("simulate", "exponential-law", "--resume")],
    ids=" ".join,
)  # fmt: skip
def test_places_to_read_from(arguments: tuple[str, ...], place: str, places: dict[str, Path]) -> None:
    if arguments == ("recheck", "--claims"):
        Path("verdicts.json").write_text("[]", encoding="utf-8")
        arguments = ("recheck", "verdicts.json", "--claims")
    if arguments[-1] == "-o" and place in (
        "a folder",
        "missing",
        "a name of lines",
        "no name",
        "control characters",
    ):
        return  # may be a folder to write to
    if arguments[:1] == ("report",):
        arguments = (arguments[0], "--budget", "3", "--workers", "1", *arguments[1:])
    if arguments[0] == "simulate":
        arguments = ("simulate", "exponential-law", "-o", "out", "--resume")
    result = status(*arguments, places[place], code=2)
    assert result.stderr


def test_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The superuser may read everything, so the refusal is the test's."""
    path = tmp_path / "secret.py"
    path.write_text("[]", encoding="utf-8")

    def refuse(self: Path, *_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(self))

    for name in ("open", "read_text", "read_bytes"):
        monkeypatch.setattr(Path, name, refuse)
    for arguments in (("recheck",), ("hunt",)):
        status(*arguments, path, code=2)


# Files of verdicts ---------------------------------------------------------------------------------------------------

JSONS = (
    "", "null", "[]", "{}", "[[]]", "[null]", "1e999", "NaN", "9" * 5000, '"a"', "[" * 100_000, "{" * 1000, "\ufeff[]",
    '{"outcome": 1}', '[{"outcome": "refuted"}]', '[{"certificate": 1, "outcome": "refuted"}]', '{"claim": "x\\ny"}',
    '[{"claim": "theorem-v.2/eq-16", "reading": "printed"}]', '{"a": 1, "a": 2}', "[1, 2", "\x00", "\ud800",
    '{"claim": "' + "x" * 100_000 + '"}', '{"claim": {"a": ["' + "y" * 10_000 + '"]}}',
)  # fmt: skip


@pytest.mark.parametrize("text", JSONS, ids=range(len(JSONS)))
def test_files_that_hold_no_verdicts(text: str, tmp_path: Path) -> None:
    path = tmp_path / "verdicts.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    result = status("recheck", path)
    assert result.exit_code in (1, 2)
    assert all(len(line) < 2500 for line in result.output.splitlines())
    if text != "[]":
        status("report", PART, "--verdicts", path, "--budget", 3, "--workers", 1, code=2)


def test_damaged_files_of_verdicts(mine: Path, tmp_path: Path) -> None:
    """Each is refused, or each certificate in it is confirmed or not: a flipped digit never ends in a traceback."""
    path = tmp_path / "verdicts.json"
    status("hunt", mine, "--budget", 50, "--workers", 1, "--json", path, code=0)
    content, rng = path.read_bytes(), random.Random(0)
    for _ in range(60):
        out = bytearray(content)
        for _ in range(rng.choice((1, 1, 5))):
            out[rng.randrange(len(out))] = rng.choice((rng.randrange(256), ord("0"), ord('"'), ord("9")))
        path.write_bytes(bytes(out[: rng.choice((len(out), len(out), rng.randrange(len(out))))]))
        status("recheck", path, "--claims", mine)


@pytest.mark.skipif(os.name != "posix", reason="pipes of the kind used need POSIX")
def test_what_is_no_regular_file_is_written_to_not_replaced(mine: Path, tmp_path: Path) -> None:
    """A device that a file took the place of would be gone for every program."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status("hunt", mine, "--budget", 3, "--workers", 1, "--json", pipe, code=0)
        text = os.read(reader, 1 << 16).decode()
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert isinstance(json.loads(text), list)

"""Files that were damaged or made up: histories, checkpoints, stores and results end in one clear error or in the right
result, never in a wrong one."""

from __future__ import annotations

import io
import json
import random
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking import campaign
from entropy_theory.checking.verdict import Verdict
from tests.hostile import violation

Damage = Callable[[bytes, random.Random], bytes]

ROUNDS = 60
"""Damaged copies of a file for each kind of damage."""


def truncated(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flipped(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(8 * len(content))
    out = bytearray(content)
    out[place // 8] ^= 1 << place % 8
    return bytes(out)


def overwritten(content: bytes, rng: random.Random) -> bytes:
    start, length = rng.randrange(len(content)), rng.randrange(1, 200)
    return content[:start] + rng.randbytes(length) + content[start + length :]


def noise(content: bytes, rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(3000))


def noise_behind(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(120)] + rng.randbytes(rng.randrange(3000))


def doubled(content: bytes, rng: random.Random) -> bytes:
    return content + content[rng.randrange(len(content)) :]


DAMAGES: dict[str, Damage] = {f.__name__: f for f in (truncated, flipped, overwritten, noise, noise_behind, doubled)}


def said(error: ValueError, *words: str) -> None:
    """The error is one line, which holds these words."""
    message = str(error)
    assert "\n" not in message
    assert all(word in message for word in words), message


damages = pytest.mark.parametrize("damage", DAMAGES)


def copies(content: bytes, damage: str) -> list[bytes]:
    rng = random.Random(damage)
    return [DAMAGES[damage](content, rng) for _ in range(ROUNDS)]


# Histories -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run() -> et.History:
    return et.train(et.Bandit([1.0, 0.0]), et.KLCov(0.5, 0.5), np.zeros(2), 1.0, 3, margin=0.1)


@pytest.fixture(scope="module")
def history(run: et.History, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return run.save(tmp_path_factory.mktemp("history") / "run.npz").read_bytes()


def same(one: et.History, other: et.History) -> bool:
    a, b = one.arrays(), other.arrays()
    return (
        a.keys() == b.keys()
        and one.metadata == other.metadata
        and all(np.array_equal(np.asarray(a[k]), np.asarray(b[k]), equal_nan=True) for k in a)
    )


@damages
def test_a_damaged_history(run: et.History, history: bytes, damage: str, tmp_path: Path) -> None:
    path, read = tmp_path / "run.npz", 0
    for content in copies(history, damage):
        path.write_bytes(content)
        assert violation(lambda: et.History.load(path), ("path",), may_be_nan=True) is None
        try:
            found = et.History.load(path)
        except ValueError:
            continue
        read += 1
        assert same(run, found)
    assert read < ROUNDS


def archive(path: Path, members: dict[str, bytes] | list[tuple[str, bytes]], *, packed: bool = True) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as file:
        for name, content in members.items() if isinstance(members, dict) else members:
            file.writestr(name, content)
    return path


def header(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue()


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def members_of(history: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(history)) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.mark.parametrize("shape", [(10**15,), (2**31, 2**31), (10**9,), (-1,), (2**62, 4), (0, 2**63)])
def test_a_history_that_declares_a_huge_array(history: bytes, shape: tuple[int, ...], tmp_path: Path) -> None:
    path = archive(tmp_path / "run.npz", {**members_of(history), "logits.npy": header(shape) + bytes(64)})
    assert violation(lambda: et.History.load(path), ("path",)) is None
    with pytest.raises(ValueError, match=r"path is .*(declares|damaged)"):
        et.History.load(path)


def test_a_history_that_inflates_without_bound(history: bytes, tmp_path: Path) -> None:
    """Eight gigabytes, as the directory of the archive says: refused by that, not by running out of memory."""
    path = tmp_path / "run.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members_of(history).items():
            file.writestr(name, header((2**30,)) + bytes(10_000) if name == "logits.npy" else content)
        file.getinfo("logits.npy").file_size = 2**33 + 128
    with pytest.raises(ValueError, match=r"path is .*declares"):
        et.History.load(path)


def test_a_history_with_an_array_twice(history: bytes, tmp_path: Path) -> None:
    members = [*members_of(history).items(), ("step.npy", npy(np.arange(4) + 7))]
    with pytest.warns(UserWarning, match="Duplicate"):
        path = archive(tmp_path / "run.npz", members)
    with pytest.raises(ValueError, match=r"step.* twice"):
        et.History.load(path)


OTHER: dict[str, Any] = {
    "short": {"objective.npy": npy(np.zeros(1))},
    "long": {"objective.npy": npy(np.zeros(9))},
    "no number": {"objective.npy": npy(np.zeros(()))},
    "two axes": {"margin.npy": npy(np.zeros((4, 4)))},
    "strings": {"margin.npy": npy(np.array(["a"] * 4))},
    "complex": {"margin.npy": npy(np.zeros(4, dtype=complex))},
    "fractional steps": {"step.npy": npy(np.linspace(0, 1, 4))},
    "no records": {"step.npy": npy(np.zeros(0, dtype=int))},
    "metadata is a list": {"metadata.npy": npy(np.array("[]"))},
    "metadata is nested": {"metadata.npy": npy(np.array("[" * 100_000))},
    "metadata lacks the levels": {"metadata.npy": npy(np.array('{"fields": {}}'))},
    "metadata is a number": {"metadata.npy": npy(np.array(3))},
    "metadata is two": {"metadata.npy": npy(np.array(["{}", "{}"]))},
    "another array": {"other.npy": npy(np.zeros(4))},
    "another file": {"readme.txt": b"hello"},
    "objects": {"margin.npy": npy(np.array([{}, 1], dtype=object))},
}


@pytest.mark.parametrize("name", OTHER)
def test_a_history_with_other_contents(history: bytes, name: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "run.npz", {**members_of(history), **OTHER[name]})
    assert violation(lambda: et.History.load(path), ("path",)) is None
    with pytest.raises(ValueError, match="path is"):
        et.History.load(path)


@pytest.mark.parametrize(
    "value", [None, 0, 10**9, b"run.npz\0", "a\0b", "", ".", "/dev/null", 1.5, object(), ["run.npz"]]
)
def test_what_is_no_path_of_a_history(value: Any) -> None:
    """An integer is the descriptor of an open file to Python: nothing is read from it, and it stays open."""
    with pytest.raises((ValueError, FileNotFoundError)):
        et.History.load(value)


# Checkpoints ---------------------------------------------------------------------------------------------------------


def trained(path: Path) -> et.History:
    return et.train(et.Bandit([1.0, 0.0]), et.PolicyGradient(), np.zeros(2), 1.0, 4, checkpoint=path)


@damages
def test_a_damaged_checkpoint(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    undisturbed = trained(path)
    for content in copies(path.read_bytes(), damage):
        path.write_bytes(content)
        try:
            found = trained(path)
        except ValueError as error:
            said(error, "checkpoint is")
            continue
        assert same(undisturbed, found)


HEADS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no step": lambda head: {k: v for k, v in head.items() if k != "step"},
    "a negative step": lambda head: {**head, "step": -1},
    "a fractional step": lambda head: {**head, "step": 1.5},
    "a step of text": lambda head: {**head, "step": "2"},
    "more records": lambda head: {**head, "records": 9},
    "no records": lambda head: {**head, "records": None},
    "another generator": lambda head: {**head, "rng": {"bit_generator": "MT19937"}},
    "no generator": lambda head: {**head, "rng": None},
    "arguments of text": lambda head: {**head, "arguments": "a"},
    "a list": lambda head: [head],
}


@pytest.mark.parametrize("name", HEADS)
def test_a_checkpoint_with_another_head(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    undisturbed = trained(path)
    with np.load(path) as data:
        arrays: dict[str, Any] = {k: data[k] for k in data.files}
    head = json.loads(arrays["checkpoint"].item())
    arrays["checkpoint"] = np.array(json.dumps(HEADS[name](head)))
    with path.open("wb") as file:
        np.savez(file, **arrays)
    try:
        found = trained(path)
    except ValueError as error:
        said(error, "checkpoint is")
        return
    assert same(undisturbed, found)


@pytest.mark.parametrize("z", [np.zeros(3), np.zeros((1, 2)), np.array([np.nan, 0.0]), np.array(["a", "b"])])
def test_a_checkpoint_with_other_logits(z: Any, tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    trained(path)
    with np.load(path) as data:
        arrays: dict[str, Any] = {k: data[k] for k in data.files}
    with path.open("wb") as file:
        np.savez(file, **{**arrays, "z": z})
    with pytest.raises(ValueError, match="checkpoint is"):
        trained(path)


# Stores of verdicts --------------------------------------------------------------------------------------------------

CLAIMS = """
import entropy_theory as et
d = et.domains
false = et.Inequality(name="false", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 5))
true = et.Inequality(name="true", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 4))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, list[dict[str, Any]]]:
    """A file of claims, their store, and the verdicts in it."""
    folder = tmp_path_factory.mktemp("store")
    source, path = folder / "mine.py", folder / "verdicts.db"
    source.write_text(CLAIMS, encoding="utf-8")
    verdicts = resumed(source, path)
    return source, path.read_bytes(), verdicts


def resumed(source: Path, path: Path) -> list[dict[str, Any]]:
    from entropy_theory.checking.registry import load

    verdicts = campaign.run(load(str(source)), budget=40, source=str(source), store=path)
    return [v.to_json() for v in verdicts]


@damages
def test_a_damaged_store(store: tuple[Path, bytes, list[dict[str, Any]]], damage: str, tmp_path: Path) -> None:
    source, content, verdicts = store
    path = tmp_path / "verdicts.db"
    for copy in copies(content, damage)[: ROUNDS // 2]:
        for leftover in tmp_path.iterdir():
            leftover.unlink()
        path.write_bytes(copy)
        try:
            found = resumed(source, path)
        except campaign.StoreError as error:
            said(error, path.name)
            continue
        assert found == verdicts


def test_a_store_whose_journal_was_made_up(store: tuple[Path, bytes, list[dict[str, Any]]], tmp_path: Path) -> None:
    """A hot journal rolls pages back; noise in its place must not become verdicts."""
    source, content, verdicts = store
    path, rng = tmp_path / "verdicts.db", random.Random(0)
    for length in (0, 1, 512, 4096, 9000):
        path.write_bytes(content)
        magic = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + struct.pack(">5I", 1, 7, 2, 512, 4096)
        (tmp_path / "verdicts.db-journal").write_bytes((magic + rng.randbytes(length))[: length or 1])
        try:
            found = resumed(source, path)
        except campaign.StoreError as error:
            said(error, path.name)
            continue
        assert found == verdicts


STATEMENTS = (
    "CREATE TRIGGER t AFTER INSERT ON verdicts BEGIN DELETE FROM verdicts; END",
    "CREATE VIEW other AS SELECT * FROM verdicts",
    "CREATE INDEX other ON verdicts (claim)",
    "ALTER TABLE verdicts ADD COLUMN more TEXT",
    "PRAGMA user_version = 2",
    "PRAGMA user_version = 0",
    "PRAGMA application_id = 1",
    "DROP TABLE verdicts",
    "UPDATE verdicts SET verdict = replace(verdict, 'refuted', 'holds')",
    "UPDATE verdicts SET claim = 'true' WHERE claim = 'false'",
    "UPDATE OR REPLACE verdicts SET verdict = zeroblob(1000)",
    "UPDATE verdicts SET verdict = NULL",
    "UPDATE verdicts SET sha256 = x'00'",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_store_that_was_edited(
    store: tuple[Path, bytes, list[dict[str, Any]]], statement: str, tmp_path: Path
) -> None:
    source, content, verdicts = store
    path = tmp_path / "verdicts.db"
    path.write_bytes(content)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        try:
            file.execute(statement)
        except sqlite3.Error:
            return  # the table itself does not allow it
    try:
        found = resumed(source, path)
    except campaign.StoreError as error:
        said(error, path.name)
        return
    assert found == verdicts


# Verdicts as JSON ----------------------------------------------------------------------------------------------------


def test_a_verdict_with_any_field_replaced(store: tuple[Path, bytes, list[dict[str, Any]]]) -> None:
    """An error that names the field, or a verdict that says again what it was given."""
    values: tuple[Any, ...] = (None, "", "x", -1, 1.5, 10**400, True, [], [[]], {}, {"a": 1}, np.nan, np.inf)
    for verdict in store[2]:
        for name in verdict:
            words = (name, "outcome", "verdict", "it")
            for value in values:
                changed = {**verdict, name: value}
                wrong = violation(partial(Verdict.from_json, changed), words, may_be_nan=True)
                assert wrong is None, f"{name} = {value!r}: {wrong}"

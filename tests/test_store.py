"""The store: what it keeps it gives back, and what is damaged, foreign or of another release it refuses."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from entropy_theory.checking import store as module
from entropy_theory.checking.store import APPLICATION, FORMAT, Key, Store, StoreError, checksum
from entropy_theory.checking.verdict import Environment, Verdict

KEY = Key("0.1.0", "abc", 0, 100, "lemma", "printed")
VERDICT = Verdict("lemma", "printed", "inequality", "a <= b", "holds", 100, 90, worst=0.25, ratio=math.inf)
VERDICTS = {
    KEY: VERDICT,
    KEY._replace(seed=2**80): replace(VERDICT, worst=math.inf, message="lone \ud800 surrogate, \u00e9, \x00"),
    KEY._replace(reading="corrected"): replace(
        VERDICT,
        reading="corrected",
        outcome="refuted",
        worst=-1.0,
        counterexample={"z": ["0", "1/3"]},
        certificate={"claim": "lemma"},
        environments=(Environment("table", True, math.nan, False),),
    ),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def filled(path: Path) -> Path:
    with Store(path) as store:
        for key, verdict in VERDICTS.items():
            assert store.put(key, verdict) is verdict
    return path


def execute(path: Path, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(statement, values)


def text(verdict: Verdict) -> str:
    return json.dumps(verdict.to_json())


def test_what_is_kept_is_given_back(filled: Path) -> None:
    with Store(filled) as store:
        assert len(store) == len(VERDICTS)
        for key, verdict in VERDICTS.items():
            known = store.get(key)
            assert known is not None
            assert text(known) == text(replace(verdict, message=known.message))
    assert [p.name for p in filled.parent.iterdir()] == [filled.name]


@pytest.mark.parametrize(
    "change",
    [{"version": "0.1.1"}, {"source": "abd"}, {"seed": 1}, {"budget": 101}, {"claim": "lemm"}, {"reading": "x"}],
    ids=lambda change: next(iter(change)),
)
def test_a_verdict_belongs_to_its_whole_key(filled: Path, change: dict[str, Any]) -> None:
    with Store(filled) as store:
        assert store.get(KEY._replace(**change)) is None


def test_the_first_of_two_verdicts_stands(filled: Path) -> None:
    with Store(filled) as one, Store(filled) as other:
        standing = one.put(KEY, replace(VERDICT, instances=7000))
        assert text(standing) == text(VERDICT)
        key = KEY._replace(seed=9)
        one.put(key, VERDICT)
        assert text(other.put(key, replace(VERDICT, worst=0.5))) == text(VERDICT)
        assert len(one) == len(other) == len(VERDICTS) + 1


def test_each_write_is_synchronised_and_needs_no_shared_memory(path: Path) -> None:
    with Store(path) as store:
        pragma = {name: store._one(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "application_id")}
        assert pragma == {"journal_mode": "delete", "synchronous": 3, "application_id": APPLICATION}
        assert store._one("PRAGMA user_version") == FORMAT


def test_nothing_is_written_into_memory_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (":memory:", "file:x?mode=memory", "sub'quote\"%"):
        with Store(name) as store:
            store.put(KEY, VERDICT)
        with Store(name) as store:
            assert len(store) == 1


# What is refused ---------------------------------------------------------------------------------------------------


def take_all(path: Path) -> None:
    with Store(path) as store:
        for key in VERDICTS:
            store.get(key)


def refused(path: Path, pattern: str) -> None:
    """In one line that names the path; the file is left as it was."""
    before = path.read_bytes() if path.name.startswith("store") and path.is_file() else None
    with pytest.raises(StoreError, match=pattern) as caught:
        take_all(path)
    said = str(caught.value)
    assert path.name in said
    assert "\n" not in said
    assert "expected" in said or "cannot be" in said
    if before is not None:
        assert path.read_bytes() == before


OTHERS = {
    "short text": b"first line\nsecond line\n",
    "long text": b"first line\nsecond line\n" * 500,
    "old store": b'{"key": {"seed": 0}, "verdict": {}}\n',
    "zeros": bytes(8192),
    "bytes": bytes(range(256)) * 32,
    "almost": b"SQLite format 3\x00" + b"\xff" * 5000,
    "header only": b"SQLite format 3\x00",
    "archive": b"PK\x03\x04" + bytes(2000),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_file_of_another_kind_is_refused(path: Path, name: str) -> None:
    path.write_bytes(OTHERS[name])
    refused(path, r"is no store of verdicts|is damaged")


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    execute(path, "CREATE TABLE notes (text)")
    refused(path, r"of another program \(application 0\)")
    execute(path, "PRAGMA application_id = 77")
    refused(path, r"of another program \(application 77\)")


@pytest.mark.parametrize("version", [0, 2, -1, 2**31 - 1])
def test_a_store_of_another_release_is_refused_by_its_number(filled: Path, version: int) -> None:
    execute(filled, f"PRAGMA user_version = {version}")
    refused(filled, rf"store of format {version}, expected format 1")


@pytest.mark.parametrize("statement", ["DROP TABLE verdicts", "CREATE TABLE more (x)", "ALTER TABLE verdicts ADD x"])
def test_other_tables_are_refused(filled: Path, statement: str) -> None:
    execute(filled, statement)
    refused(filled, "its tables are not those of format 1")


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "is a directory")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        refused(tmp_path / "pipe", "is no regular file")
    refused(tmp_path / "no folder" / "x.db", "cannot be written: no such file or directory")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    refused(tmp_path / "file" / "x.db", "cannot be read: not a directory")
    refused(tmp_path / ("long" * 100), "file name too long")
    with pytest.raises(StoreError, match="null"):
        Store("x\0y")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(StoreError, match="loop cannot be"):
        Store(loop)


def test_a_file_without_content_is_a_new_store(path: Path) -> None:
    """As a run that was killed while it made the file leaves it."""
    path.touch()
    with Store(path) as store:
        store.put(KEY, VERDICT)
    with Store(path) as store:
        assert len(store) == 1


# What is damaged ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["verdict", "sha256"])
@pytest.mark.parametrize("value", ["", "x", None, 5, b"\x00"])
def test_a_row_that_does_not_fit_its_checksum_is_not_believed(filled: Path, column: str, value: Any) -> None:
    if value is None:  # which the table does not take
        value = json.dumps(replace(VERDICT, worst=0.75).to_json())
    execute(filled, f"UPDATE verdicts SET {column} = ? WHERE seed = '0' AND reading = 'printed'", value)
    refused(filled, r"is damaged \((the verdict on lemma \(printed\), seed 0, budget 100 does not fit|.*verdicts)")


def test_a_verdict_moved_to_another_claim_is_not_believed(filled: Path) -> None:
    execute(filled, "UPDATE verdicts SET seed = '1' WHERE seed = '0' AND reading = 'printed'")
    with Store(filled) as store, pytest.raises(StoreError, match="does not fit its checksum"):
        store.get(KEY._replace(seed=1))


NO_VERDICTS = ["null", "{}", "[" * 5000, "{", json.dumps(VERDICT.to_json() | {"outcome": "maybe"})]


@pytest.mark.parametrize("content", NO_VERDICTS)
def test_a_row_with_a_good_checksum_and_no_verdict_is_refused(filled: Path, content: str) -> None:
    where = "WHERE seed = '0' AND reading = 'printed'"
    execute(filled, f"UPDATE verdicts SET verdict = ?, sha256 = ? {where}", content, checksum(KEY, content))
    refused(filled, r"is damaged \(the verdict on lemma \(printed\), seed 0, budget 100: ")


def test_a_row_with_the_verdict_on_another_claim_is_refused(filled: Path) -> None:
    content = json.dumps(replace(VERDICT, claim="theorem").to_json())
    where = "WHERE seed = '0' AND reading = 'printed'"
    execute(filled, f"UPDATE verdicts SET verdict = ?, sha256 = ? {where}", content, checksum(KEY, content))
    refused(filled, "is on theorem")


def many(path: Path) -> dict[Key, str]:
    """A store of several pages."""
    kept = {KEY._replace(seed=i): replace(VERDICT, instances=1000 + i, message="x" * 400) for i in range(40)}
    with Store(path) as store:
        for key, verdict in kept.items():
            store.put(key, verdict)
    return {key: text(verdict) for key, verdict in kept.items()}


def read(path: Path, kept: dict[Key, str]) -> bool:
    """Whether every verdict is given back; False if the store is refused. None may be lost or changed in silence."""
    try:
        with Store(path) as store:
            for key, expected in kept.items():
                known = store.get(key)
                assert known is not None, f"{key} is gone, and nothing says so"
                assert text(known) == expected
    except StoreError:
        return False
    return True


def test_a_truncated_file_is_refused(path: Path) -> None:
    kept = many(path)
    whole = path.read_bytes()
    rng = random.Random(7)
    for size in (
        1,
        2,
        15,
        16,
        99,
        100,
        512,
        4095,
        4096,
        4097,
        *(rng.randrange(1, len(whole) - 4096) for _ in range(30)),
    ):
        path.write_bytes(whole[:size])
        assert not read(path, kept), size
    for size in range(len(whole) - 4095, len(whole), 97):  # SQLite reads zeros after the end of the last page
        path.write_bytes(whole[:size])
        read(path, kept)
    path.write_bytes(whole)
    assert read(path, kept)


def test_flipped_bits_are_refused_or_do_no_harm(path: Path) -> None:
    kept = many(path)
    whole = path.read_bytes()
    rng = random.Random(11)
    refusals = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.choice((1, 1, 1, 8, 64))):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        refusals += not read(path, kept)
    assert refusals > 100


def test_a_zeroed_page_is_refused(path: Path) -> None:
    kept = many(path)
    whole = path.read_bytes()
    for start in range(0, len(whole), 4096):
        path.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096 :])
        assert not read(path, kept), start


# What cannot be written --------------------------------------------------------------------------------------------

LIMITED = """
import resource, sys
from dataclasses import replace
from entropy_theory.checking.store import Key, Store, StoreError
from tests.test_store import KEY, VERDICT
with Store(sys.argv[1]) as store:
    store.put(KEY, VERDICT)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
    try:
        for seed in range(1, 1000):
            store.put(KEY._replace(seed=seed), replace(VERDICT, message="x" * 2000))
            print(seed, flush=True)
    except StoreError as error:
        print(error)
        sys.exit(3)
"""


def child(program: str, *arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        timeout=120,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits")
def test_no_room_for_a_verdict_is_an_error_and_those_before_stay(path: Path) -> None:
    done = child(LIMITED, path)
    assert done.returncode == 3, done.stderr
    *reported, said = done.stdout.splitlines()
    assert said.startswith(f"{path} cannot be written: ")
    assert reported
    with Store(path) as store:
        assert len(store) == len(reported) + 1
        for seed in reported:
            assert store.get(KEY._replace(seed=int(seed))) is not None


@pytest.fixture(params=["mounted", "limited"])
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, bool]]:
    """A file system of 64 KiB, where one may be mounted; else, and in any case, a database of as many at most."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    wanted = request.param == "mounted" and shutil.which("mount") is not None
    mounted = wanted and subprocess.run(mount, capture_output=True).returncode == 0
    yield folder, mounted
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_an_error_and_verdicts_before_stay(small_disk: tuple[Path, bool]) -> None:
    folder, mounted = small_disk
    path = folder / "store.db"
    reported: list[int] = []

    def fill() -> None:
        with Store(path) as store:
            if not mounted:
                store._file.execute("PRAGMA max_page_count = 16")
            for seed in range(1000):
                store.put(KEY._replace(seed=seed), replace(VERDICT, message="x" * 2000))
                reported.append(seed)

    with pytest.raises(StoreError, match=r"store\.db cannot be written: the disk is full"):
        fill()
    assert reported
    if mounted:
        subprocess.run(["mount", "-o", "remount,size=1m", str(folder)], check=True)
    with Store(path) as store:
        assert len(store) == len(reported)
        assert all(store.get(KEY._replace(seed=seed)) for seed in reported)
        store.put(KEY._replace(seed=1000), VERDICT)


UNPRIVILEGED = """
import os, sys
from entropy_theory.checking.store import Store, StoreError
import sqlite3
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    with Store(sys.argv[1]) as store:
        print("opened")
except StoreError as error:
    print(error)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that other users can reach too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
@pytest.mark.parametrize("exists", [False, True])
def test_a_read_only_folder_is_an_error_before_any_work(open_folder: Path, exists: bool) -> None:
    path = open_folder / "store.db"
    if exists:
        with Store(path):
            pass
        path.chmod(0o666)
    open_folder.chmod(0o555)
    try:
        done = child(UNPRIVILEGED, path)
    finally:
        open_folder.chmod(0o777)
    assert done.stdout.startswith(f"{path} cannot be written: "), done.stderr
    assert done.stdout.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
@pytest.mark.parametrize(("mode", "said"), [(0o444, "it is read-only"), (0o000, "permission denied")])
def test_a_read_only_store_is_an_error_before_any_work(open_folder: Path, mode: int, said: str) -> None:
    path = open_folder / "store.db"
    with Store(path):
        pass
    path.chmod(mode)
    done = child(UNPRIVILEGED, path)
    assert done.stdout.startswith(f"{path} cannot be written: {said}"), done.stderr
    assert done.stdout.count("\n") == 1


# Several at once ---------------------------------------------------------------------------------------------------


def test_a_store_that_stays_locked_is_an_error(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with closing(sqlite3.connect(filled)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"store\.db cannot be .*: another process has kept it locked"):
            Store(filled)
    with Store(filled) as store:
        assert len(store) == len(VERDICTS)


def test_threads_that_make_and_fill_one_store_lose_nothing(path: Path) -> None:
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def work(first: int) -> None:
        try:
            start.wait()
            with Store(path) as store:
                for seed in range(first, first + 10):
                    store.put(KEY._replace(seed=seed), VERDICT)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(5 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with Store(path) as store:
        assert len(store) == 25
        assert all(store.get(KEY._replace(seed=seed)) for seed in range(25))

"""Campaigns: workers, a store that survives interruptions, and processes that die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from entropy_theory.checking import campaign
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.registry import ClaimFileError, load
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import check as genuine_check

BUDGET = 300

HEAD = "import os\nimport entropy_theory as et\nd = et.domains\n"
CLAIM = "{0} = et.Inequality(name='{0}', given={{'z': d.logits(actions=2)}}, lhs=lambda z: et.entropy(z), rhs={1})\n"
FOUR = HEAD + "".join(CLAIM.format(name, rhs) for name, rhs in (("a", 2), ("b", 0), ("c", 3), ("e", "et.exact(3, 5)")))
OUTCOMES = ["holds", "refuted", "holds", "refuted"]


@pytest.fixture
def claims_file(tmp_path: Path) -> Path:
    file = tmp_path / "claims.py"
    file.write_text(FOUR, encoding="utf-8")
    return file


def texts(verdicts: list[Verdict]) -> list[str]:
    return [json.dumps(v.to_json()) for v in verdicts]


def run(file: Path, **options: Any) -> list[Verdict]:
    return campaign.run(load(str(file)), source=str(file), **{"budget": BUDGET, **options})


def counting(claims: tuple[Claim, ...], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the claims that are really checked, filled as the campaign goes."""
    checked: list[str] = []

    def check(claim: Claim, seed: int = 0, budget: int = BUDGET) -> Verdict:
        checked.append(claim.name)
        return genuine_check(claim, seed, budget)

    monkeypatch.setattr(campaign, "check", check)
    return checked


def test_verdicts_come_in_the_order_of_the_claims(claims_file: Path) -> None:
    reported: list[str] = []
    verdicts = run(claims_file, workers=2, report=lambda v: reported.append(v.claim))
    assert [v.claim for v in verdicts] == ["a", "b", "c", "e"]
    assert [v.outcome for v in verdicts] == OUTCOMES
    assert sorted(reported) == ["a", "b", "c", "e"]
    assert texts(verdicts) == texts(run(claims_file))
    reversed_order = campaign.run(load(str(claims_file))[::-1], budget=BUDGET, source=str(claims_file))
    assert texts(reversed_order[::-1]) == texts(verdicts)


@pytest.mark.parametrize("workers", [0, -1, 1.0, True, "2", None])
def test_workers_are_checked(workers: Any, claims_file: Path) -> None:
    with pytest.raises(ValueError, match="workers is"):
        run(claims_file, workers=workers)


def test_no_claims_give_no_verdicts() -> None:
    assert campaign.run([]) == []


def test_a_store_is_filled_and_read(claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.jsonl"
    first = run(claims_file, store=store)
    assert len(store.read_text().splitlines()) == 4
    checked = counting(load(str(claims_file)), monkeypatch)
    reported: list[str] = []
    again = run(claims_file, store=store, report=lambda v: reported.append(v.claim))
    assert checked == []
    assert texts(again) == texts(first)
    assert reported == ["a", "b", "c", "e"]
    assert len(store.read_text().splitlines()) == 4


@pytest.mark.parametrize("cut", [1, 40, -1, -2])
def test_a_line_cut_short_is_checked_again(
    claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    store = tmp_path / "store.jsonl"
    first = run(claims_file, store=store)
    lines = store.read_text().splitlines()
    store.write_text("\n".join([*lines[:2], lines[2][:cut]]), encoding="utf-8")
    checked = counting(load(str(claims_file)), monkeypatch)
    again = run(claims_file, store=store)
    assert checked == ["c", "e"]
    assert texts(again) == texts(first)
    assert texts(run(claims_file, store=store)) == texts(first)
    assert checked == ["c", "e"]


def test_an_interrupted_run_goes_on(claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.jsonl"

    def interrupt(verdict: Verdict) -> None:
        if verdict.claim == "b":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(claims_file, store=store, report=interrupt)
    assert len(store.read_text().splitlines()) == 2
    checked = counting(load(str(claims_file)), monkeypatch)
    verdicts = run(claims_file, store=store)
    assert checked == ["c", "e"]
    assert [v.outcome for v in verdicts] == OUTCOMES


@pytest.mark.parametrize("change", [{"seed": 1}, {"budget": BUDGET + 1}])
def test_a_store_from_another_run_is_not_used(
    claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, int]
) -> None:
    store = tmp_path / "store.jsonl"
    first = run(claims_file, store=store)
    checked = counting(load(str(claims_file)), monkeypatch)
    run(claims_file, store=store, **change)
    assert checked == ["a", "b", "c", "e"]
    # Both runs are kept beside each other.
    assert texts(run(claims_file, store=store)) == texts(first)
    assert checked == ["a", "b", "c", "e"]


def test_an_edited_claim_is_checked_anew(claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.jsonl"
    run(claims_file, store=store)
    claims_file.write_text(FOUR.replace("rhs=2", "rhs=0"), encoding="utf-8")
    checked = counting(load(str(claims_file)), monkeypatch)
    verdicts = run(claims_file, store=store)
    assert checked == ["a", "b", "c", "e"]
    assert verdicts[0].outcome == "refuted"


HOSTILE_LINES = [
    "null",
    "3",
    "[]",
    '"text"',
    "{}",
    '{"key": {}, "verdict": null}',
    '{"key": {}, "verdict": "holds"}',
    '{"key": {}, "verdict": [1]}',
    '{"key": {}, "verdict": {}}',
    '{"key": null, "verdict": {"claim": "a"}}',
    "{" * 50,
]


@pytest.mark.parametrize("line", HOSTILE_LINES)
def test_a_line_that_holds_no_verdict_does_no_harm(claims_file: Path, tmp_path: Path, line: str) -> None:
    store = tmp_path / "store.jsonl"
    first = run(claims_file, store=store)
    store.write_text(store.read_text() + line + "\n", encoding="utf-8")
    assert texts(run(claims_file, store=store)) == texts(first)


def test_a_file_that_is_no_store_is_refused_and_left_alone(claims_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "notes.txt"
    content = "first line\nsecond line\n"
    store.write_text(content, encoding="utf-8")
    with pytest.raises(campaign.StoreError, match=r"notes\.txt"):
        run(claims_file, store=store)
    assert store.read_text() == content
    store.write_bytes(b"\xff\xfe\x00binary\n\xff")
    with pytest.raises(campaign.StoreError, match=r"notes\.txt"):
        run(claims_file, store=store)


def test_a_store_that_cannot_be_written_is_an_error(claims_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for store in (folder, tmp_path / "missing" / "store.jsonl", claims_file / "store.jsonl"):
        with pytest.raises(campaign.StoreError, match=r"cannot be"):
            run(claims_file, store=store)


def test_a_store_that_cannot_be_written_is_an_error_with_workers_too(claims_file: Path, tmp_path: Path) -> None:
    with pytest.raises(campaign.StoreError, match="cannot be written"):
        run(claims_file, workers=2, store=tmp_path / "missing" / "store.jsonl")


DYING = {
    "kill": "os.kill(os.getpid(), 9)",
    "exit": "os._exit(1)",
}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("name", DYING)
def test_a_process_that_dies_costs_no_other_claim_its_verdict(tmp_path: Path, name: str) -> None:
    file = tmp_path / "dying.py"
    file.write_text(
        HEAD
        + f"def die(x):\n    {DYING[name]}\n    return x\n"
        + CLAIM.format("first", 2)
        + "dying = et.Inequality(name='dying', given={'x': d.reals(0, 1)}, lhs=die, rhs=1)\n"
        + CLAIM.format("last", 0),
        encoding="utf-8",
    )
    store = tmp_path / "store.jsonl"
    verdicts = run(file, workers=2, store=store)
    assert [v.claim for v in verdicts] == ["first", "dying", "last"]
    assert [v.outcome for v in verdicts] == ["holds", "undecided", "refuted"]
    assert [v.error for v in verdicts] == [False, True, False]
    assert "killed" in verdicts[1].message
    assert len(store.read_text().splitlines()) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_killed_campaign_keeps_what_it_had_reached(tmp_path: Path) -> None:
    """Kill the whole process between two claims; every line of the store is whole, and a new run goes on."""
    file, store, mark = tmp_path / "slow.py", tmp_path / "store.jsonl", tmp_path / "reached"
    waiting = (
        f"import pathlib, time\nMARK = pathlib.Path({str(mark)!r})\nWAIT = [True]\n"
        "def slow(x):\n    MARK.touch()\n    while WAIT[0] and MARK.exists():\n        time.sleep(0.05)\n    return x\n"
    )
    file.write_text(
        HEAD
        + waiting
        + CLAIM.format("a", 2)
        + "slow_one = et.Inequality(name='slow', given={'x': d.reals(0, 1)}, lhs=slow, rhs=1)\n",
        encoding="utf-8",
    )
    program = (
        "from pathlib import Path\nfrom entropy_theory.checking import campaign\n"
        "from entropy_theory.checking.registry import load\n"
        f"campaign.run(load({str(file)!r}), source={str(file)!r}, budget={BUDGET}, store=Path({str(store)!r}))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        deadline = time.monotonic() + 30
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert mark.exists()
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    kept = [json.loads(line) for line in store.read_text().splitlines()]
    assert [k["verdict"]["claim"] for k in kept] == ["a"]
    module = sys.modules.get("_claims_slow")
    assert module is None
    claims = load(str(file))
    sys.modules["_claims_slow"].WAIT[0] = False
    verdicts = campaign.run(claims, source=str(file), budget=BUDGET, store=store)
    assert [v.claim for v in verdicts] == ["a", "slow"]
    assert [v.error for v in verdicts] == [False, False]
    assert len(store.read_text().splitlines()) == 2


# Files of claims -------------------------------------------------------------------------------------------------


def test_a_file_is_loaded_by_variable_or_by_name(claims_file: Path) -> None:
    claims_file.write_text(FOUR + CLAIM.format("f", 2).replace("name='f'", "name='part/f'"), encoding="utf-8")
    assert [c.name for c in load(str(claims_file))] == ["a", "b", "c", "e", "part/f"]
    assert [c.name for c in load(f"{claims_file}:b")] == ["b"]
    assert [c.name for c in load(f"{claims_file}:f")] == ["part/f"]
    assert [c.name for c in load(f"{claims_file}:part/f")] == ["part/f"]
    with pytest.raises(ClaimFileError, match=r"'zz'.*a, b, c"):
        load(f"{claims_file}:zz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "holds no claim"),
        ("", "holds no claim"),
        ("import entropy_theory\n\nraise RuntimeError('broken')\n", r"line 3: RuntimeError: broken"),
        ("a = 1\nb = (\n", r"line 2: SyntaxError"),
        ("import nothing_of_this_name\n", r"line 1: ModuleNotFoundError"),
        (HEAD + CLAIM.format("a", 2) + CLAIM.format("a", 3).replace("a =", "b ="), "two claims are named 'a'"),
        (HEAD + "a = et.Inequality(name='A b', given={'x': d.reals(0, 1)}, lhs=0, rhs=1)\n", r"line 4: ValueError"),
        ("import sys\nsys.exit(4)\n", r"line 2: SystemExit"),
    ],
    ids=["none", "empty", "raises", "syntax", "import", "twice", "bad name", "exits"],
)
def test_a_file_that_cannot_be_loaded_says_where(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text, encoding="utf-8")
    try:
        with pytest.raises(ClaimFileError, match=message) as caught:
            load(str(file))
    except SystemExit:
        pytest.fail("the file ended the process")
    assert "broken.py" in str(caught.value)


@pytest.mark.parametrize("spec", ["missing.py", "missing.py:a", "", ".", "nowhere/"])
def test_a_missing_file_is_said_to_be_missing(spec: str) -> None:
    with pytest.raises(ClaimFileError, match="is no file"):
        load(spec)

"""Campaigns: workers, a store that survives interruptions, and processes that die."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from entropy_theory.checking import campaign, guard
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.registry import ClaimFileError, load
from entropy_theory.checking.store import Key, Store
from entropy_theory.checking.tasks import fingerprint, package_version
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

    monkeypatch.setattr(guard, "check", check)
    return checked


def size(path: Path) -> int:
    with Store(path) as store:
        return len(store)


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
    store = tmp_path / "store.db"
    first = run(claims_file, store=store)
    assert size(store) == 4
    checked = counting(load(str(claims_file)), monkeypatch)
    reported: list[str] = []
    again = run(claims_file, store=store, report=lambda v: reported.append(v.claim))
    assert checked == []
    assert texts(again) == texts(first)
    assert reported == ["a", "b", "c", "e"]
    assert size(store) == 4


def test_an_interrupted_run_goes_on(claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.db"

    def interrupt(verdict: Verdict) -> None:
        if verdict.claim == "b":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(claims_file, store=store, report=interrupt)
    assert size(store) == 2
    checked = counting(load(str(claims_file)), monkeypatch)
    verdicts = run(claims_file, store=store)
    assert checked == ["c", "e"]
    assert [v.outcome for v in verdicts] == OUTCOMES


@pytest.mark.parametrize("change", [{"seed": 1}, {"budget": BUDGET + 1}])
def test_a_store_from_another_run_is_not_used(
    claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, int]
) -> None:
    store = tmp_path / "store.db"
    first = run(claims_file, store=store)
    checked = counting(load(str(claims_file)), monkeypatch)
    run(claims_file, store=store, **change)
    assert checked == ["a", "b", "c", "e"]
    # Both runs are kept beside each other.
    assert texts(run(claims_file, store=store)) == texts(first)
    assert checked == ["a", "b", "c", "e"]


def test_an_edited_claim_is_checked_anew(claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.db"
    run(claims_file, store=store)
    claims_file.write_text(FOUR.replace("rhs=2", "rhs=0"), encoding="utf-8")
    checked = counting(load(str(claims_file)), monkeypatch)
    verdicts = run(claims_file, store=store)
    assert checked == ["a", "b", "c", "e"]
    assert verdicts[0].outcome == "refuted"


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


def test_a_store_that_cannot_be_written_is_an_error(
    claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    checked = counting(load(str(claims_file)), monkeypatch)
    for store in (folder, tmp_path / "missing" / "store.db", claims_file / "store.db"):
        with pytest.raises(campaign.StoreError, match=r"cannot be"):
            run(claims_file, store=store)
    assert checked == []


def test_a_store_that_cannot_be_written_is_an_error_with_workers_too(claims_file: Path, tmp_path: Path) -> None:
    with pytest.raises(campaign.StoreError, match="cannot be written"):
        run(claims_file, workers=2, store=tmp_path / "missing" / "store.db")


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
    store = tmp_path / "store.db"
    verdicts = run(file, workers=2, store=store)
    assert [v.claim for v in verdicts] == ["first", "dying", "last"]
    assert [v.outcome for v in verdicts] == ["holds", "undecided", "refuted"]
    assert [v.error for v in verdicts] == [False, True, False]
    assert "killed" in verdicts[1].message
    assert size(store) == 2  # what the machine had a part in is decided anew by a later run


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_a_killed_campaign_keeps_what_it_had_reached(tmp_path: Path) -> None:
    """Kill the whole process between two claims; every line of the store is whole, and a new run goes on."""
    file, store, mark = tmp_path / "slow.py", tmp_path / "store.db", tmp_path / "reached"
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
    assert size(store) == 1
    claims = load(str(file))
    sys.modules["_claims_slow"].WAIT[0] = False
    verdicts = campaign.run(claims, source=str(file), budget=BUDGET, store=store)
    assert [v.claim for v in verdicts] == ["a", "slow"]
    assert [v.error for v in verdicts] == [False, False]
    assert size(store) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX timers")
def test_a_claim_that_was_given_up_is_decided_anew(tmp_path: Path) -> None:
    """On a faster machine, or with more time, there may be a verdict."""
    file, store = tmp_path / "waiting.py", tmp_path / "store.db"
    text = "import time\n" + HEAD + "def wait(x):\n    time.sleep({0})\n    return x\n"
    text += "w = et.Inequality(name='w', given={{'x': d.reals(0, 1)}}, lhs=wait, rhs=1)\n"
    file.write_text(text.format(60), encoding="utf-8")
    (verdict,) = run(file, store=store, time_limit=0.5)
    assert verdict.outcome == "undecided"
    assert "given up after 0.5 s" in verdict.message
    assert size(store) == 0


def test_a_store_or_an_executor_needs_the_place_of_the_claims(claims_file: Path, tmp_path: Path) -> None:
    claims = load(str(claims_file))
    with pytest.raises(ValueError, match="source is None with store"):
        campaign.run(claims, store=tmp_path / "store.db")
    with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="source is None with executor"):
        campaign.run(claims, executor=pool)
    with pytest.raises(ValueError, match="executor is 'pool', expected an Executor"):
        campaign.run(claims, source=str(claims_file), executor="pool")  # type: ignore[arg-type]


# Killed again and again --------------------------------------------------------------------------------------------

RUNNER = """
import json, sys
from pathlib import Path
from entropy_theory.checking import campaign
from entropy_theory.checking.registry import load

def step(verdict, seed, known):
    print(verdict.claim, seed, json.dumps(verdict.to_json()), flush=True)

if __name__ == "__main__":
    file, store, out, workers, seeds, budget = sys.argv[1:]
    verdicts = campaign.run(
        load(file), source=file, store=Path(store), seeds=range(int(seeds)), budget=int(budget), workers=int(workers),
        step=step,
    )
    Path(out).write_text(json.dumps([v.to_json() for v in verdicts], indent=1), encoding="utf-8")
"""

SEEDS = 6


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    file = tmp_path / "runner.py"
    file.write_text(RUNNER, encoding="utf-8")
    return file


def start(runner: Path, claims: Path, store: Path, out: Path, workers: int = 1) -> subprocess.Popen[str]:
    arguments = [runner, claims, store, out, workers, SEEDS, BUDGET]
    return subprocess.Popen([sys.executable, *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def reported(lines: str) -> dict[tuple[str, int], str]:
    """What the whole lines say."""
    found = {}
    for line in lines.splitlines(keepends=True):
        if line.endswith("\n"):
            claim, seed, verdict = line.rstrip("\n").split(" ", 2)
            found[claim, int(seed)] = verdict
    return found


def undisturbed(claims: Path) -> str:
    return json.dumps([v.to_json() for v in run(claims, seeds=range(SEEDS))], indent=1)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_again_and_again_it_loses_nothing_and_ends_the_same(
    claims_file: Path, tmp_path: Path, runner: Path, workers: int
) -> None:
    """Killed after a random number of reports, and a random moment later, so that it is often in mid-write."""
    store, out = tmp_path / "store.db", tmp_path / "out.json"
    rng = random.Random(workers)
    said: dict[tuple[str, int], str] = {}
    kills = 0
    while not out.exists():
        known = len(said)
        process = start(runner, claims_file, store, out, workers)
        assert process.stdout is not None
        lines = ""
        for _ in range(known + rng.randrange(1, 6)):
            line = process.stdout.readline()
            if not line:
                break
            lines += line
        time.sleep(rng.random() * 0.02)
        process.kill()
        rest, _ = process.communicate()
        kills += process.returncode == -signal.SIGKILL
        now = reported(lines + rest)
        with Store(store) as kept:
            key = Key(package_version(), fingerprint(str(claims_file)), 0, BUDGET, "", "printed")
            for claim, seed in said | now:
                verdict = kept.get(key._replace(claim=claim, seed=seed))
                assert verdict is not None, f"{claim}, seed {seed} was reported and is lost"
                assert json.dumps(verdict.to_json()) == (said | now)[claim, seed]
        assert out.exists() or all(now.get(name, text) == text for name, text in said.items())
        said |= now
    assert kills >= 4
    assert len(said) == 4 * SEEDS
    assert out.read_text(encoding="utf-8") == undisturbed(claims_file)


def test_two_runs_on_one_store_end_with_the_same(claims_file: Path, tmp_path: Path, runner: Path) -> None:
    store, outs = tmp_path / "store.db", [tmp_path / "1.json", tmp_path / "2.json"]
    both = [start(runner, claims_file, store, out) for out in outs]
    said = [reported(process.communicate(timeout=120)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1]
    assert size(store) == 4 * SEEDS
    assert outs[0].read_text() == outs[1].read_text() == undisturbed(claims_file)


# Several seeds -----------------------------------------------------------------------------------------------------


def test_each_seed_is_kept_by_itself(claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "store.db"
    run(claims_file, store=store, seeds=(4, 2))
    checked = counting(load(str(claims_file)), monkeypatch)
    steps: list[tuple[str, int, bool]] = []
    merged = run(
        claims_file, store=store, seeds=(2, 3, 4), step=lambda v, seed, known: steps.append((v.claim, seed, known))
    )
    assert checked == ["a", "b", "c", "e"]
    assert [(claim, seed) for claim, seed, known in steps if not known] == [(name, 3) for name in "abce"]
    assert len(steps) == 12
    assert texts(merged) == texts(run(claims_file, seeds=(2, 3, 4)))
    assert [v.instances for v in merged] == [
        sum(v.instances for v in same)
        for same in zip(*(run(claims_file, seed=seed, store=store) for seed in (2, 3, 4)), strict=True)
    ]


def test_a_claim_is_reported_once_all_its_seeds_are_decided(claims_file: Path) -> None:
    said: list[Verdict] = []
    verdicts = run(claims_file, seeds=range(3), workers=2, report=said.append)
    assert sorted(v.claim for v in said) == ["a", "b", "c", "e"]
    assert {v.claim: json.dumps(v.to_json()) for v in said} == {v.claim: json.dumps(v.to_json()) for v in verdicts}


@pytest.mark.parametrize(
    ("seeds", "message"),
    [((), "at least one"), ((0, -1), "-1"), ((0, True), "True"), ((1.0,), "1.0"), ((3, 1, 3), "3 more than once")],
)
def test_seeds_are_checked(claims_file: Path, seeds: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"seeds .*{message}"):
        run(claims_file, seeds=seeds)


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

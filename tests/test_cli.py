"""The command: what it prints, what it writes, and with which exit code it ends."""

from __future__ import annotations

import copy
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from entropy_theory.checking.registry import paper_claims
from entropy_theory.cli import app
from entropy_theory.independent.decide import Decision

Result = Any

KEYS = {"claim", "part", "reading", "outcome", "instances", "worst", "counterexample", "certificate"}

CLAIMS = """
import numpy as np
import entropy_theory as et
d = et.domains
false = et.Inequality(
    name="mine/fifth", statement="x", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 5))
true = et.Inequality(name="true", given={"z": d.logits(actions=2)}, lhs=lambda z: et.entropy(z), rhs=2)
"""
FAILING = CLAIMS + (
    "failing = et.Inequality(name='failing', given={'x': d.reals(0, 1)}, lhs=lambda x: x[:, 7], rhs=0)\n"
)

PART = "theorem-v.2/eq-16"


def invoke(*arguments: Any) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(CLAIMS, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Result]:
    """A file of claims, the JSON of a hunt through it, and what the hunt printed."""
    folder = tmp_path_factory.mktemp("hunted")
    file, out = folder / "mine.py", folder / "verdicts.json"
    file.write_text(CLAIMS, encoding="utf-8")
    return file, out, invoke("hunt", file, "--budget", 300, "--workers", 1, "--json", out)


# Verify, list and show -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("verified") / "verdicts.json"
    return out, invoke("verify", PART, "--budget", 400, "--workers", 1, "--json", out)


def test_verify_a_part(verified: tuple[Path, Result]) -> None:
    out, result = verified
    assert result.exit_code == 0, result.output
    assert PART in result.stdout
    readings = [c.reading for c in paper_claims() if c.name == PART]
    data = json.loads(out.read_text())
    assert [(x["claim"], x["part"], x["reading"]) for x in data] == [
        ("theorem-v.2", "eq-16", reading) for reading in readings
    ]
    outcome = {x["reading"]: x["outcome"] for x in data}
    assert outcome["printed"] == "refuted"
    assert outcome.get("corrected") != "refuted"


def test_the_json_follows_its_contract(verified: tuple[Path, Result]) -> None:
    out, _ = verified
    data = json.loads(out.read_text())
    assert isinstance(data, list)
    for item in data:
        assert set(item) >= KEYS
        assert item["reading"] in ("printed", "corrected")
        assert item["outcome"] in ("proved", "holds", "refuted", "undecided")
        assert isinstance(item["instances"], int)
        assert item["instances"] > 0
        assert item["worst"] is None or isinstance(item["worst"], float)
        refuted = item["outcome"] == "refuted"
        assert (item["counterexample"] is not None) is refuted
        assert (item["certificate"] is not None) is refuted
        if refuted:
            assert all(isinstance(x, str) for x in _leaves(item["counterexample"]))


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [x for v in value.values() for x in _leaves(v)]
    if isinstance(value, list):
        return [x for v in value for x in _leaves(v)]
    return [value]


def test_the_certificates_of_the_paper_are_rechecked(verified: tuple[Path, Result]) -> None:
    out, _ = verified
    result = invoke("recheck", out)
    assert result.exit_code == 0, result.output
    assert f"{PART} (printed): refuted" in result.stdout


@pytest.mark.parametrize(
    ("outcome", "status", "text"),
    [
        ("violated", 0, "; second evaluator: refuted, with 40 digits"),
        ("unknown", 0, "; second evaluator: unknown"),
        ("undecided", 1, "; second evaluator: undecided: not confirmed"),
        ("not violated", 1, "; the second evaluator says not violated, with 40 digits: not confirmed"),
        ("outside", 1, "; the second evaluator says outside, with 40 digits: not confirmed"),
    ],
)
def test_a_second_evaluator_that_differs_is_heard(
    verified: tuple[Path, Result], monkeypatch: pytest.MonkeyPatch, outcome: Any, status: int, text: str
) -> None:
    monkeypatch.setattr("entropy_theory.independent.decide.decide", lambda item: Decision(outcome, 40))
    result = invoke("recheck", verified[0])
    assert result.exit_code == status
    lines = result.stdout.splitlines()
    assert lines
    assert all(line.endswith(text) for line in lines)


@pytest.mark.parametrize("command", ["verify", "list", "show"])
def test_an_unknown_name_proposes_the_nearest(command: str) -> None:
    result = invoke(command, "theorem-v.22")
    assert result.exit_code == 2
    assert "theorem-v.22" in result.stderr
    assert "theorem-v.2" in result.stderr.replace("theorem-v.22", "")
    assert "Traceback" not in result.output


def test_a_name_like_none_is_refused_without_a_proposal() -> None:
    result = invoke("list", "qqqqqqqqqq")
    assert result.exit_code == 2
    assert "qqqqqqqqqq" in result.stderr


def test_list_names_the_claims() -> None:
    result = invoke("list")
    assert result.exit_code == 0
    for claim in paper_claims():
        assert claim.name in result.stdout
    some = invoke("list", "theorem-v.2")
    assert some.exit_code == 0
    assert PART in some.stdout
    assert "lemma-iv.1" not in some.stdout


def test_show_prints_one_claim() -> None:
    result = invoke("show", PART, "--budget", 100)
    assert result.exit_code == 0, result.output
    assert PART in result.stdout
    assert "refuted" in result.stdout
    assert "counterexample" in result.stdout
    for section in ("statement", "for all", "step by step", "where the proof breaks", "proof"):
        assert f"\n  {section}\n" in result.stdout
    for claim in paper_claims():
        if claim.name == PART:
            for mutant in claim.mutants:
                assert mutant.name.removeprefix(f"{PART}/mutant-") in result.stdout


# Hunt ------------------------------------------------------------------------------------------------------------


def test_hunt_checks_a_file(hunted: tuple[Path, Path, Result]) -> None:
    _, out, result = hunted
    assert result.exit_code == 0, result.output
    assert "mine/fifth" in result.stdout
    assert "1/2" in result.stdout
    data = json.loads(out.read_text())
    assert [(x["claim"], x["part"], x["outcome"]) for x in data] == [
        ("mine", "fifth", "refuted"),
        ("true", None, "holds"),
    ]
    assert data[0]["counterexample"] == {"x": "1/2"}
    assert all(set(x) >= KEYS for x in data)


def test_hunt_checks_one_claim_of_a_file(mine: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = invoke("hunt", f"{mine}:true", "--budget", 100, "--workers", 1, "--json", out)
    assert result.exit_code == 0, result.output
    assert [x["claim"] for x in json.loads(out.read_text())] == ["true"]


def test_a_claim_that_fails_ends_with_code_one(tmp_path: Path) -> None:
    file, out = tmp_path / "failing.py", tmp_path / "out.json"
    file.write_text(FAILING, encoding="utf-8")
    result = invoke("hunt", file, "--budget", 100, "--workers", 2, "--json", out)
    assert result.exit_code == 1
    assert "failing" in result.stdout
    assert "IndexError" in result.stdout
    data = {x["claim"]: x for x in json.loads(out.read_text())}
    assert data["failing"]["error"]
    assert data["true"]["outcome"] == "holds"
    assert data["mine"]["outcome"] == "refuted"


@pytest.mark.parametrize(
    ("text", "line"),
    [("import entropy_theory\n\nraise RuntimeError('broken')\n", "line 3"), ("x = (\n", "line 1")],
    ids=["raises", "syntax"],
)
def test_a_file_that_fails_when_loaded_says_where(tmp_path: Path, text: str, line: str) -> None:
    file = tmp_path / "broken.py"
    file.write_text(text, encoding="utf-8")
    result = invoke("hunt", file)
    assert result.exit_code == 2
    assert "broken.py" in result.stderr
    assert line in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("spec", ["missing.py", "missing.py:a", "."])
def test_a_missing_file_ends_with_code_two(spec: str) -> None:
    result = invoke("hunt", spec)
    assert result.exit_code == 2
    assert "is no file" in result.stderr


def test_an_unknown_claim_of_a_file_ends_with_code_two(mine: Path) -> None:
    result = invoke("hunt", f"{mine}:tru")
    assert result.exit_code == 2
    assert "'tru'" in result.stderr
    assert "true" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--budget", "0"),
        ("--budget", "many"),
        ("--seed", "-1"),
        ("--seed", "1.5"),
        ("--workers", "0"),
        ("--unknown",),
        ("--json",),
    ],
)
def test_bad_options_end_with_code_two(mine: Path, options: tuple[str, ...]) -> None:
    result = invoke("hunt", mine, *options)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_folder_for_the_json_that_is_missing_ends_with_code_two(mine: Path, tmp_path: Path) -> None:
    result = invoke("hunt", mine, "--budget", 100, "--json", tmp_path / "missing" / "out.json")
    assert result.exit_code == 2
    assert "--json" in result.stderr
    result = invoke("hunt", mine, "--budget", 100, "--json", tmp_path)
    assert result.exit_code == 2


def test_timings_follow_the_verdicts_and_leave_the_json_alone(mine: Path, tmp_path: Path) -> None:
    store, plain, timed = tmp_path / "store.db", tmp_path / "1.json", tmp_path / "2.json"
    assert invoke("hunt", mine, "--budget", 100, "--workers", 1, "--json", plain, "-q").exit_code == 0
    options = ("--budget", 100, "--workers", 1, "--json", timed, "--timings", "-q", "--resume", store)
    result = invoke("hunt", mine, *options)
    assert result.exit_code == 0, result.output
    names = [x["claim"] for x in json.loads(plain.read_text())]
    verdicts, head, rows = result.stdout.partition("instances/s")
    assert all(name in verdicts and name in rows for name in names)
    assert head
    assert rows.split()[:3] == ["propose", "optimise", "certify"]
    assert rows.splitlines()[-1].split()[0] == "all"
    assert timed.read_text() == plain.read_text()
    # What is taken from the store took no time.
    assert "instances/s" not in invoke("hunt", mine, *options).stdout


def test_resume_goes_on_where_it_stopped(mine: Path, tmp_path: Path) -> None:
    store, first, second = tmp_path / "store.db", tmp_path / "1.json", tmp_path / "2.json"
    options = ("--budget", 200, "--workers", 1, "--resume", store)
    assert invoke("hunt", mine, *options, "--json", first).exit_code == 0
    with closing(sqlite3.connect(store)) as file, file:
        assert file.execute("SELECT count(*) FROM verdicts").fetchone() == (2,)
        file.execute("DELETE FROM verdicts WHERE rowid = 2")
    assert invoke("hunt", mine, *options, "--json", second).exit_code == 0
    assert second.read_text() == first.read_text()


def test_a_store_that_is_none_ends_with_code_two(mine: Path, tmp_path: Path) -> None:
    store = tmp_path / "notes.txt"
    store.write_text("some\nnotes\n")
    result = invoke("hunt", mine, "--budget", 100, "--resume", store)
    assert result.exit_code == 2
    assert "notes.txt" in result.stderr
    assert store.read_text() == "some\nnotes\n"
    assert invoke("hunt", mine, "--budget", 100, "--resume", tmp_path / "no" / "store").exit_code == 2


# Recheck ---------------------------------------------------------------------------------------------------------


def test_recheck_confirms_ones_own_counterexample(hunted: tuple[Path, Path, Result], tmp_path: Path) -> None:
    file, out, _ = hunted
    result = invoke("recheck", out, "--claims", file)
    assert result.exit_code == 0, result.output
    assert "mine/fifth (printed): refuted" in result.stdout
    for name, content in (("verdict", json.loads(out.read_text())[0]), ("bare", _certificate(out))):
        single = tmp_path / f"{name}.json"
        single.write_text(json.dumps(content))
        assert invoke("recheck", single, "--claims", file).exit_code == 0


def _certificate(out: Path) -> Any:
    return json.loads(out.read_text())[0]["certificate"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"instance": {"x": "1/10"}}, "not confirmed (satisfied)"),
        ({"instance": {"x": "7"}}, "not confirmed (outside)"),
        ({"instance": {"x": "a half"}}, "rejected"),
        ({"instance": None}, "rejected"),
        ({"claim": "other"}, "rejected"),
        ({"claim": ["mine/fifth"]}, "rejected"),
        ({"reading": "corrected"}, "rejected"),
        ({"version": 99}, "rejected"),
        ({"format": "x"}, "rejected"),
    ],
)
def test_recheck_answers_truthfully_whatever_was_changed(
    hunted: tuple[Path, Path, Result], tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    file, out, _ = hunted
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({**_certificate(out), **change}))
    result = invoke("recheck", changed, "--claims", file)
    assert result.exit_code == 1
    assert said in result.stdout
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_recheck_reports_each_certificate(hunted: tuple[Path, Path, Result], tmp_path: Path) -> None:
    file, out, _ = hunted
    good = _certificate(out)
    several = tmp_path / "several.json"
    several.write_text(json.dumps([good, {**good, "instance": {"x": "0"}}, 7, "x", good]))
    result = invoke("recheck", several, "--claims", file)
    assert result.exit_code == 1
    assert result.stdout.count(": refuted") == 2
    assert result.stdout.count("not confirmed") == 1
    assert result.stdout.count("rejected") == 2


def test_recheck_says_also_quietly_where_other_digits_stand(hunted: tuple[Path, Path, Result], tmp_path: Path) -> None:
    file, out, _ = hunted
    good = json.loads(out.read_text())[0]
    wide = copy.deepcopy(good)
    wide["certificate"]["bits"] = 128
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps([good, wide]))
    result = invoke("recheck", changed, "--claims", file, "--quiet")
    assert result.exit_code == 0
    assert result.stdout == (
        "mine/fifth (printed): refuted, decided at 64 bits; bits are 64, where the certificate has 128\n"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": "holds"}, "'holds' with a counterexample, expected null"),
        ({"outcome": "holds", "counterexample": None}, "'holds' with a certificate, expected null"),
        ({"counterexample": {"x": "1/3"}}, "another counterexample than its certificate"),
        ({"part": "sixth"}, "the verdict is on 'mine/sixth'"),
    ],
)
def test_recheck_reads_the_verdict_beside_the_certificate(
    hunted: tuple[Path, Path, Result], tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    file, out, _ = hunted
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps([json.loads(out.read_text())[0] | change]))
    result = invoke("recheck", changed, "--claims", file)
    assert result.exit_code == 1
    assert result.stdout.startswith("mine/fifth (printed): rejected: ")
    assert said in result.stdout


@pytest.mark.parametrize("content", ["", "{", "[]", '[{"outcome": "holds", "certificate": null}]', "\udc80"])
def test_a_file_without_certificates_ends_with_code_two(tmp_path: Path, content: str) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    result = invoke("recheck", file)
    assert result.exit_code == 2
    assert "file.json" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "content", ["3", '"text"', "true", "null", "[null]", "{}", "[[]]", '[{"outcome": "refuted", "certificate": 5}]']
)
def test_what_is_no_certificate_is_not_confirmed(tmp_path: Path, content: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(content)
    result = invoke("recheck", file)
    assert result.exit_code in (1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert ": refuted" not in result.stdout


def test_a_missing_certificate_ends_with_code_two(tmp_path: Path) -> None:
    assert invoke("recheck", tmp_path / "missing.json").exit_code == 2
    assert invoke("recheck", tmp_path).exit_code == 2


def test_a_missing_file_of_claims_ends_with_code_two(hunted: tuple[Path, Path, Result]) -> None:
    _, out, _ = hunted
    assert invoke("recheck", out, "--claims", "missing.py").exit_code == 2
    result = invoke("recheck", out)
    assert result.exit_code == 1
    assert "--claims" in result.stdout


# The command as a process ----------------------------------------------------------------------------------------


def test_the_command_runs_as_a_process(hunted: tuple[Path, Path, Result]) -> None:
    file, out, _ = hunted
    program = "from entropy_theory.cli import main; main()"
    good = subprocess.run(
        [sys.executable, "-c", program, "recheck", str(out), "--claims", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert good.returncode == 0, good.stderr
    assert "refuted" in good.stdout
    bad = subprocess.run(
        [sys.executable, "-c", program, "hunt", "missing.py"], capture_output=True, text=True, check=False
    )
    assert bad.returncode == 2
    assert bad.stdout == ""
    assert bad.stderr.startswith("error: ")


def test_no_arguments_print_help() -> None:
    result = invoke()
    assert "verify" in result.output
    assert "hunt" in result.output
    assert invoke("--help").exit_code == 0
    assert invoke("nonsense").exit_code == 2


def test_deeply_nested_json_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "deep.json"
    file.write_text("[" * 200_000, encoding="utf-8")
    result = invoke("recheck", file)
    assert result.exit_code == 2
    assert "cannot be read as JSON" in result.output


def test_the_store_and_the_json_are_two_files(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    result = invoke("verify", PART, "--budget", 100, "--json", file, "--resume", file)
    assert result.exit_code == 2
    assert "expected two files" in result.output


def test_a_store_with_an_impossible_verdict_is_not_believed(tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    assert invoke("verify", PART, "--budget", 100, "--workers", 1, "--resume", store).exit_code == 0
    with closing(sqlite3.connect(store)) as file, file:
        file.execute("UPDATE verdicts SET verdict = replace(verdict, '\"refuted\"', '\"banana\"')")
    result = invoke("verify", PART, "--budget", 100, "--workers", 1, "--resume", store)
    assert result.exit_code == 2
    assert "does not fit its checksum" in result.stderr


def test_claims_in_a_list_or_a_dictionary_are_found(tmp_path: Path) -> None:
    file = tmp_path / "gathered.py"
    file.write_text(
        "import entropy_theory as et\n"
        "def claim(name):\n"
        "    return et.Inequality(name=name, given={'x': et.domains.reals(0, 1)}, lhs=lambda x: x, rhs=1)\n"
        "several, named = [claim('in-a-list')], {'a': claim('in-a-dictionary')}\n",
        encoding="utf-8",
    )
    result = invoke("hunt", file, "--budget", 100, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "in-a-list" in result.stdout
    assert "in-a-dictionary" in result.stdout

"""The locked versions, and the comparison of verdicts with those that are published."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from entropy_theory.checking.registry import paper_claims, select
from entropy_theory.checking.table import evidence
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import check
from tests.published import PUBLISHED, differences, published

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "lock.txt").read_text(encoding="utf-8")
LINE = re.compile(r"^([\w.-]+)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_the_locked_versions_are_allowed(requirement: str) -> None:
    wanted = Requirement(requirement)
    locked = [Version(version) for name, version, _ in LINE.findall(LOCK) if name == wanted.name]
    assert locked
    assert all(version in wanted.specifier for version in locked)


def test_every_locked_version_has_a_hash() -> None:
    entries = re.split(r"\n(?=\S)", LOCK.strip())
    assert len(entries) == len(LINE.findall(LOCK))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in LOCK


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    """At the default seed and budget, which the table has."""
    return [check(claim) for claim in select(paper_claims(), ["lemma-iv.2", "theorem-v.2/eq-16"])]


@pytest.fixture(scope="module")
def table(verdicts: list[Verdict]) -> str:
    """The rows of the published table on these claims."""
    names = {verdict.claim for verdict in verdicts}
    text = PUBLISHED.read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if line.split(None, 1)[:1] and line.split()[0] in names)


def test_verdicts_are_as_published(verdicts: list[Verdict], table: str) -> None:
    assert len(dict(published(table))) == len(verdicts)
    assert list(differences(table, verdicts, numbers=False)) == []


def test_what_differs_is_said(verdicts: list[Verdict], table: str) -> None:
    first, *others = verdicts
    rows = [f" {v.claim}  {v.reading}  {v.outcome}  {v.admitted:,}  {evidence(v)}" for v in verdicts]
    assert list(differences("\n".join(rows), verdicts, numbers=True)) == []
    assert list(differences("\n".join(rows[1:]), verdicts, numbers=True)) == [
        f"{(first.claim, first.reading)} is only in the file"
    ]
    assert list(differences("\n".join(rows), others, numbers=True)) == [
        f"{(first.claim, first.reading)} is only in the table"
    ]
    changed = [replace(first, outcome="undecided"), *others]
    (said,) = differences("\n".join(rows), changed, numbers=False)
    assert said == f"{(first.claim, first.reading)} is undecided, expected {first.outcome}"
    more = [replace(first, admitted=first.admitted + 1), *others]
    assert list(differences("\n".join(rows), more, numbers=False)) == []
    (said,) = differences("\n".join(rows), more, numbers=True)
    assert said.endswith(f"expected {first.admitted:,}")


def test_the_whole_table_is_read() -> None:
    text = PUBLISHED.read_text(encoding="utf-8")
    rows = dict(published(text))
    (count,) = re.findall(r"of (\d+) readings", text)
    assert len(rows) == int(count)
    assert {(c.name, c.reading) for c in paper_claims()} == set(rows)

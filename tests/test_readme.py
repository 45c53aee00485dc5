"""The README says what the package does today."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

from tests.test_claims import EXPECTED

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_table_has_every_claim_with_its_outcome() -> None:
    row = r"^ (\S+) +(printed|corrected) +(proved|holds|refuted|undecided) "
    rows = re.findall(row, blocks("text")[0], re.MULTILINE)
    assert {(name, reading): outcome for name, reading, outcome in rows} == EXPECTED
    assert len(rows) == len(EXPECTED)


def test_the_python_lines_run_and_print_what_the_text_says() -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(blocks("python")[0], "README.md", "exec"), {})
    outcome = re.search(r"outcome +(\w+)", printed.getvalue())
    example = re.search(r"counterexample z +(.*)", printed.getvalue())
    assert outcome is not None
    assert example is not None
    assert outcome.group(1) == "refuted"
    assert f"`z = {example.group(1)}`" in README


def test_the_two_commands_and_the_files_are_there() -> None:
    assert "    pip install -e . && entropy-theory verify\n" in README
    assert "    pip install -e '.[test]' && pytest\n" in README
    for target in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (ROOT / target).exists(), target

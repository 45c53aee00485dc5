"""The README and the table of verdicts say what the package does today."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import entropy_theory as et
from entropy_theory.checking.explain import explain
from entropy_theory.checking.registry import paper_claims
from entropy_theory.simulations import SIMULATIONS
from entropy_theory.simulations import table as tables
from entropy_theory.simulations.store import Folder
from tests.test_claims import CLAIMS, EXPECTED

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
VERDICTS = (ROOT / "VERDICTS.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def summary() -> Iterator[str]:
    """The README's table of all statements, from the expected outcomes in the order of the package."""
    cells: dict[str, dict[str, dict[str, list[str]]]] = {}
    for claim in paper_claims():
        names = claim.name.split("/")
        length = 2 if names[0] == "beyond" else 1
        reading = cells.setdefault("/".join(names[:length]), {}).setdefault(claim.reading, {})
        part = "/".join(names[length:]) or "itself"
        reading.setdefault(EXPECTED[claim.name, claim.reading], []).append(part)

    def cell(outcomes: dict[str, list[str]]) -> str:
        parts = []
        for outcome in ("refuted", "holds", "proved"):
            names = outcomes.get(outcome, [])
            if names:
                label = f"**{outcome}**" if outcome == "refuted" else outcome
                parts.append(label if names == ["itself"] else f"{label}: {', '.join(names)}")
        return "; ".join(parts)

    yield "| statement | as printed | as corrected |"
    yield "|---|---|---|"
    for statement, readings in cells.items():
        if not statement.startswith("beyond/"):
            yield f"| `{statement}` | {cell(readings.get('printed', {}))} | {cell(readings.get('corrected', {}))} |"
    yield ""
    yield "| beyond the paper | outcome |"
    yield "|---|---|"
    for statement, readings in cells.items():
        if statement.startswith("beyond/"):
            yield f"| `{statement}` | {cell(readings['corrected'])} |"


def test_the_readme_has_every_statement_with_its_outcomes() -> None:
    assert "\n".join(summary()) in README


def test_the_table_of_verdicts_has_every_claim_with_its_outcome() -> None:
    row = r"^ (\S+) +(printed|corrected) +(proved|holds|refuted|undecided) "
    rows = re.findall(row, blocks(VERDICTS, "text")[0], re.MULTILINE)
    assert {(name, reading): outcome for name, reading, outcome in rows} == EXPECTED
    assert len(rows) == len(EXPECTED)


def printed(code: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    return out.getvalue()


def test_the_claim_of_the_text_is_decided_as_it_says() -> None:
    text = printed(blocks(README, "python")[0])
    outcome = re.search(r"outcome +(\w+)", text)
    example = re.search(r"counterexample z +(.*)", text)
    assert outcome is not None
    assert example is not None
    assert outcome.group(1) == "refuted"
    assert f"`z = {example.group(1)}`" in README


def test_the_exact_quantities_of_the_text_run() -> None:
    lines = printed(blocks(README, "python")[1]).splitlines()
    assert len(lines) == 3
    assert all(re.fullmatch(r"[+-]\d\.\d{6} \d+\.\d{4}", line) for line in lines)


def test_the_training_of_the_text_prints_what_it_says() -> None:
    assert printed(blocks(README, "python")[2]).strip() == blocks(README, "text")[1].strip()


def test_the_experiments_have_the_outcomes_of_the_stored_results() -> None:
    stored = [Folder(ROOT / "figures" / "simulations").load(name) for name in SIMULATIONS]
    results = [result for result in stored if result is not None]
    assert tables.overview(results) in README
    assert tables.summary(results) in README


def test_the_calculation_of_the_text_is_what_show_prints() -> None:
    verdict = et.verify("theorem-vii.4/eq-33")
    assert isinstance(verdict, et.Verdict)
    shown = list(explain(CLAIMS["theorem-vii.4/eq-33", "printed"], verdict, {}))
    lines = blocks(README, "text")[0].splitlines()
    start = shown.index(lines[0])
    assert shown[start : start + len(lines)] == lines


def test_the_two_commands_and_the_files_are_there() -> None:
    assert "    pip install -e . && entropy-theory verify\n" in README
    assert "    pip install -e '.[test]' && pytest\n" in README
    for target in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (ROOT / target).exists(), target

"""Compare the verdicts in a file that ``entropy-theory verify --json`` wrote with those in VERDICTS.md.

python tests/published.py verdicts.json             # outcomes
python tests/published.py verdicts.json --numbers   # instances and evidence as well
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from entropy_theory.checking.table import evidence
from entropy_theory.checking.verdict import Verdict

PUBLISHED = Path(__file__).parent.parent / "VERDICTS.md"

ROW = re.compile(r"^ (\S+) +(printed|corrected) +(proved|holds|refuted|undecided) +([\d,]+)(?: \(\d+%\))? +(.*)$")


def published(text: str) -> Iterator[tuple[tuple[str, str], tuple[str, int, str]]]:
    """Claim and reading; outcome, instances and the rest of the row."""
    for line in text.splitlines():
        if row := ROW.match(line):
            name, reading, outcome, instances, rest = row.groups()
            yield (name, reading), (outcome, int(instances.replace(",", "")), rest)


def differences(text: str, verdicts: list[Verdict], numbers: bool) -> Iterator[str]:
    """One line for each difference between a table of verdicts and these."""
    expected = dict(published(text))
    found = {(v.claim, v.reading): v for v in verdicts}
    for missing in expected.keys() ^ found.keys():
        yield f"{missing} is only in {'the table' if missing in expected else 'the file'}"
    for key in expected.keys() & found.keys():
        outcome, instances, rest = expected[key]
        verdict = found[key]
        if verdict.outcome != outcome:
            yield f"{key} is {verdict.outcome}, expected {outcome}"
        elif numbers and verdict.admitted != instances:
            yield f"{key} has {verdict.admitted:,} instances, expected {instances:,}"
        elif numbers and not rest.startswith(evidence(verdict)):
            yield f"{key} has the evidence {evidence(verdict)!r}, expected {rest!r}"


def main() -> int:
    """Print the differences; 1 if there are any."""
    verdicts = [Verdict.from_json(entry) for entry in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]
    lines = sorted(differences(PUBLISHED.read_text(encoding="utf-8"), verdicts, "--numbers" in sys.argv[2:]))
    print("\n".join(lines) or f"{len(verdicts)} verdicts as published")
    return bool(lines)


if __name__ == "__main__":
    sys.exit(main())

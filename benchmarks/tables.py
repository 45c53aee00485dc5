"""The tables of benchmarks/README.md, from the stored results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def section(results: dict[str, Any]) -> str:
    """One benchmark as Markdown: what it is, and a table a size."""
    lines = [f"### {results['title']}", "", " ".join(results["about"].split()), ""]
    for table in results["sizes"]:
        size = " x ".join(f"{n:,}" if isinstance(n, int) else str(n) for n in table["size"])
        floor = _floor(results, table)
        lines += [
            f"**{size}** ({results['axes']})",
            "",
            f"| | time | to {results['reference']} | to the floor | {table['unit']} a second | memory |",
            "|---|---:|---:|---:|---:|---:|",
        ]
        for row in table["rows"]:
            name = row["contender"]
            if "seconds" not in row:
                lines.append(f"| {name} | {row['problem']} | | | | |")
                continue
            above = f"{row['ratio'] / floor:.2f}" if floor and row["ratio"] else ""
            ratio = f"{row['ratio']:.2f}" if row["ratio"] else ""
            lines.append(
                f"| {name} | {_time(row['seconds'])} | {ratio} | {above} | {row['a_second']:.2g} | "
                f"{_bytes(row['peak_bytes'])} |"
            )
        lines.append("")
    return "\n".join(lines)


def _floor(results: dict[str, Any], table: dict[str, Any]) -> float | None:
    for row in table["rows"]:
        if row["contender"] == results["floor"]:
            ratio: float | None = row.get("ratio")
            return ratio
    return None


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale or unit == "µs":
            return f"{seconds / scale:.3g} {unit}"
    raise AssertionError


def _bytes(number: int | None) -> str:
    return "" if number is None else f"{number / 2**20:,.0f} MiB"


def machine(results: dict[str, Any]) -> str:
    """A line about the machine and the versions."""
    found = results["machine"]
    versions = ", ".join(f"{name} {v}" for name, v in found["libraries"].items() if v)
    return (
        f"As last run on: {found['processor']}, {found['cores']} cores, {found['memory_gib']} GiB, {found['system']}; "
        f"Python {found['python']}, {versions}.\n"
    )


def rendered(name: str, results: dict[str, Any]) -> str:
    """The part of the page that belongs to a file of results."""
    from benchmarks import audit, growth, mutation, power

    pages = {"audit": audit.markdown, "growth": growth.markdown, "mutation": mutation.markdown, "power": power.markdown}
    return pages.get(name.partition("-")[0], section)(results)


def write_readme() -> None:
    """Put the tables of all stored results between the marks of benchmarks/README.md."""
    path = HERE / "README.md"
    text = path.read_text(encoding="utf-8")
    for file in sorted((HERE / "results").glob("*.json")):
        results = json.loads(file.read_text(encoding="utf-8"))
        text = _between(text, file.stem, rendered(file.stem, results))
        if "machine" in results:
            text = _between(text, "machine", machine(results))
    path.write_text(text, encoding="utf-8")


def _between(text: str, name: str, part: str) -> str:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    if begin not in text or end not in text:
        raise ValueError(f"benchmarks/README.md has no place for {name}: expected {begin.strip()} and {end}")
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n{part}\n{end}{tail}"


if __name__ == "__main__":
    write_readme()

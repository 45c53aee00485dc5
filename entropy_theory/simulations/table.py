"""Results as tables: the paper, its source, the model; for a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from entropy_theory.simulations.result import Result, Row

STYLES = {"reproduced": "green", "not reproduced": "bold red", "open": "yellow", "measured": ""}


def of_result(result: Result) -> Table:
    """One row a finding."""
    out = Table(
        title=f"{result.name}: {result.title}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        header_style="bold",
    )
    for column, ratio in (("finding", 3), ("the paper", 2), ("its source", 2), ("the model", 4)):
        out.add_column(column, overflow="fold", ratio=ratio)
    out.add_column("outcome", no_wrap=True)
    for row in result.rows:
        out.add_row(
            Text(row.statement),
            Text(row.paper),
            Text(row.source),
            Text(model(row)),
            Text(row.outcome, STYLES[row.outcome]),
        )
    return out


def model(row: Row, between: str = "; ") -> str:
    """What the model gives, in one line."""
    return between.join(f"{name} {estimate}" for name, estimate in row.model.items())


def notes(result: Result) -> list[str]:
    """What the table cannot say in a row: criteria and remarks."""
    out = []
    for row in result.rows:
        parts = [f"criterion: {row.criterion}" if row.criterion else "", row.remark]
        if any(parts):
            out.append(f"{row.statement}: {'. '.join(p.rstrip('.') for p in parts if p)}.")
    return out


def summary(results: Iterable[Result]) -> str:
    """How many findings have which outcome."""
    rows = [row for result in results for row in result.rows]
    count = {o: sum(row.outcome == o for row in rows) for o in STYLES}
    return ", ".join(f"{n} {outcome}" for outcome, n in count.items() if n) + f" of {len(rows)} findings."


HEAD = """# Section VIII in a model that is small enough to be exact

The paper (arXiv:2604.09676) takes the numbers of its Section VIII from experiments with language models in its source
(arXiv:2505.22617). Here each of them stands beside what the source reports and what a small model gives: a tree of
tokens with a verifiable reward for each complete response, a softmax policy with a logit for every prefix and token,
sampled as the source does unless an experiment says otherwise. Entropies, rewards and gradients along the way are
exact. Intervals are 95 % intervals over independent seeds, each with its own tree, start and samples. They are not
corrected for their number, so a few of them miss.

What the model cannot show: its policy shares no parameters between prefixes, so nothing is learnt on one prompt for
another, and its responses are a few tokens long unless an experiment says otherwise. A finding that is not reproduced
here may hold for language models; it then rests on sizes and settings that differ here, or on something that the theory
of the paper, which is tabular as well, does not contain. Each criterion is in the code and whether it is met is
computed. Settings and criteria were settled on other random numbers than those of the results, which were drawn once
they stood.

Each section is the output of `entropy-theory simulate NAME`.

**What the paper reports without support in its source:** a Pearson correlation above 0.92 (the source gives none); 68 %
of the tokens with positive covariance (not found there); averages over three seeds (not stated there); the highest
accuracy for KL-Cov with annealed beta (no annealing there); Fig. 10 as evidence on the entropy bonus (it is a penalty
on the divergence from a reference policy); a "moderate improvement" at alpha = 5e-3 (there it does not outperform other
baselines); thresholds of one to five times the mean (there 1 and 5, absolute); shares k in [1e-4, 1e-3] (there 2e-3 and
2e-4); the exponential law, and a covariance that scales with confidence, as consequences of Section IV (no such
statement is there). The gains on AIME are in the source; nothing here tests them.
"""


def markdown(results: Sequence[Result], head: str = HEAD) -> str:
    """A page with a section an experiment; the pictures are ``NAME.png`` beside it."""
    out = [head, summary(results), ""]
    for outcome in STYLES:
        found = [f"- {_text(row.statement)} (`{r.name}`)" for r in results for row in r.rows if row.outcome == outcome]
        if found and outcome != "measured":
            out += [f"**{outcome.capitalize()}:**", "", *found, ""]
    for result in results:
        out += [f"## {result.title} (`{result.name}`)", "", f"![{_alternative(result)}]({result.name}.png)", ""]
        out += ["| finding | the paper | its source | the model | outcome |", "|---|---|---|---|---|"]
        for row in result.rows:
            outcome = f"**{row.outcome}**" if row.outcome == "not reproduced" else row.outcome
            cells = (row.statement, row.paper, row.source, model(row, "<br>"))
            out.append("| " + " | ".join([*map(_cell, cells), outcome]) + " |")
        out += ["", *(f"- {_text(note)}" for note in notes(result)), ""]
        out += [f"Setting: {_text(_setting(result.setting))}.", ""]
    return "\n".join(out)


def overview(results: Iterable[Result]) -> str:
    """A table in Markdown with a line an experiment: which findings have which outcome."""
    out = ["| experiment | reproduced | not reproduced | open |", "|---|---|---|---|"]
    for result in results:
        cells = []
        for outcome in ("reproduced", "not reproduced", "open"):
            cells.append("; ".join(_cell(row.statement) for row in result.rows if row.outcome == outcome))
        if not any(cells):
            cells[0] = "(measured only: neither the paper nor its source says what to expect)"
        out.append(f"| `{result.name}` | {' | '.join(cells)} |")
    return "\n".join(out)


def _alternative(result: Result) -> str:
    return "; ".join(f"{row.statement}: {row.outcome}" for row in result.rows).replace("[", "(").replace("]", ")")


def _setting(setting: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in setting.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{k} {_value(v)}" for k, v in value.items()) + ")"
    if isinstance(value, list | tuple):
        return ", ".join(_value(v) for v in value).join("()")
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cell(text: str) -> str:
    return _text(text).replace("|", "\\|").replace("\n", " ")


def _text(text: str) -> str:
    """Plain text in Markdown: what would be markup is escaped, but for the line breaks put in here."""
    for sign in ("\\", "*", "_", "`"):
        text = text.replace(sign, f"\\{sign}")
    return text.replace("<", "&lt;").replace("&lt;br>", "<br>")

"""How verdicts and histories show themselves: as text, in a terminal, in a notebook."""

from __future__ import annotations

import dataclasses
import functools
import io
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import entropy_theory as et
from entropy_theory.checking.forms import BADGES
from entropy_theory.checking.table import STYLES, evidence, notes
from entropy_theory.training.history import COLUMNS, SHOWN

FORMULA = r"a < b \\\\& \mathbb E[x] \le \alpha"


@functools.cache
def verdict() -> et.Verdict:
    found = et.verify("theorem-v.2/eq-16", budget=100)
    assert isinstance(found, et.Verdict)
    return found


@functools.cache
def verdicts() -> et.Verdicts:
    found = et.verify("theorem-v.2", budget=100)
    assert isinstance(found, et.Verdicts)
    return found


@functools.cache
def history(name: str = "exact") -> et.History:
    if name == "exact":
        return et.train(et.Bandit([1.0, 0.5, 0.0]), et.KLCov.preset("verl", fraction=0.4), np.zeros(3), 1.0, 40)
    tree = et.TokenTree.random(vocabulary=3, horizon=2, prompts=4, correct=(1 / 9, 1 / 3), seed=1)
    sampling = et.Sampling(prompts=4, responses=4, estimator=et.GRPO())
    return et.train(tree, et.PolicyGradient(), tree.pretrained(confidence=1.0), 1.0, 8, sampling=sampling, margin=0.1)


def elements(html: str) -> ET.Element:
    """The page as a tree: every element is closed and every sign escaped."""
    return ET.fromstring(f"<body>{html}</body>")


def words(element: ET.Element) -> str:
    return "".join(element.itertext())


def printed(item: Any, width: int = 200, colour: bool = False) -> str:
    out = io.StringIO()
    system: Any = "truecolor" if colour else None
    Console(file=out, width=width, force_terminal=colour, color_system=system).print(item)
    return out.getvalue()


@pytest.mark.parametrize("item", [verdict, verdicts, history], ids=["verdict", "verdicts", "history"])
def test_notebooks_get_accessible_tables_that_load_nothing(item: Any) -> None:
    html = item()._repr_html_()
    page = elements(html)
    tables = page.findall(".//table")
    assert tables
    for table in tables:
        assert words(table.find("caption") or table[0])
        headings = table.findall(".//th")
        assert headings
        assert all(h.get("scope") in ("row", "col") for h in headings)
    for forbidden in ("http", "src=", "<script", "<style", "<link", "url("):
        assert forbidden not in html
    # The page's own colour of text is kept, but for white on a ground of our own.
    for element in page.iter():
        style = element.get("style", "")
        if "background" in style:
            assert "color:#fff" in style
        else:
            assert "color:#" not in style


@pytest.mark.parametrize("colour", BADGES.values())
def test_white_is_read_on_every_badge(colour: str) -> None:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def test_every_outcome_has_a_colour() -> None:
    assert set(BADGES) == set(STYLES)


# Verdict ---------------------------------------------------------------------------------------------------------


def test_all_forms_of_a_verdict_say_the_same() -> None:
    found = verdict()
    text, page = str(found), elements(found._repr_html_())
    rich = " ".join(printed(found).replace("│", " ").split())
    rows = {words(row[0]): words(row[1]) for row in page.findall(".//tr")}
    for label, said in found.lines():
        if label == "statement":
            assert rows[label] == f"${said}$"
            assert "\\mathbb" not in text
            assert "≥" in text
            assert "≥" in rich
            continue
        assert rows[label] == said
        assert f"{label} " in text
        assert said in text
        assert said in rich
    assert text.splitlines()[0] == words(page.findall(".//caption")[0]) == "theorem-v.2/eq-16 (printed)"


def test_the_outcome_is_coloured() -> None:
    assert "\x1b[1;31mrefuted" in printed(verdict(), colour=True)
    holds = next(v for v in verdicts() if v.outcome == "holds")
    assert "\x1b[32mholds" in printed(holds, colour=True)


def test_a_verdict_in_one_line() -> None:
    found = verdict()
    assert repr(found) == f"Verdict(theorem-v.2/eq-16 (printed): refuted, {evidence(found)})"


def test_what_people_write_into_a_claim_does_no_harm() -> None:
    hostile = dataclasses.replace(
        verdict(),
        claim="<b>x</b>",
        statement=FORMULA,
        remark="costs $5, <script>alert(1)</script>",
        message="[red]a[/]",
    )
    page = elements(hostile._repr_html_())
    rows = {words(row[0]): row[1] for row in page.findall(".//tr")}
    assert words(rows["statement"]) == f"${FORMULA}$"
    assert words(rows["remark"]) == "costs $5, <script>alert(1)</script>"
    assert "mathjax_ignore" in rows["remark"].get("class", "")
    assert page.find(".//script") is None
    assert page.find(".//b") is None
    for text in (str(hostile), printed(hostile)):
        assert "<script>alert(1)</script>" in text
        assert "[red]a[/]" in text
    assert "[red]a[/]" in printed(et.Verdicts([dataclasses.replace(hostile, counterexample=None)]))


def test_long_numbers_wrap() -> None:
    long = dataclasses.replace(verdict(), counterexample={"x": "1" * 500})
    page = elements(long._repr_html_())
    (cell,) = (row[1] for row in page.findall(".//tr") if words(row[0]) == "counterexample x")
    assert "overflow-wrap:anywhere" in cell.get("style", "")
    assert max(map(len, printed(long, width=60).splitlines())) <= 60
    assert printed(long, width=60).count("1") >= 500


# Verdicts --------------------------------------------------------------------------------------------------------


def test_all_forms_of_verdicts_have_outcome_evidence_and_counts() -> None:
    found = verdicts()
    lines = str(found).splitlines()
    page = elements(found._repr_html_())
    rows = page.findall(".//tbody/tr")
    assert len(rows) == len(found) == len(lines) - 1
    for v, line, row in zip(found, lines[:-1], rows, strict=True):
        assert line.split()[:3] == [v.claim, v.reading, v.outcome]
        assert line.endswith(evidence(v))
        assert [words(cell) for cell in row][:5] == [v.claim, v.reading, v.outcome, f"{v.admitted:,}", evidence(v)]
    counts = {o: sum(v.outcome == o for v in found) for o in STYLES}
    said = ", ".join(f"{n} {o}" for o, n in counts.items() if n) + f" of {len(found)} readings."
    assert lines[-1] == words(page.findall(".//caption")[0]) == said
    assert said in printed(found)
    assert repr(found) == str(found)


def test_the_legend_explains_what_is_shown() -> None:
    wide, narrow = (list(notes(verdicts(), narrow=narrow))[-1] for narrow in (False, True))
    assert wide.startswith("instances: ")
    assert narrow.startswith("evidence: ")
    assert wide.endswith(narrow)


def test_verdicts_fit_a_narrow_terminal() -> None:
    text = printed(verdicts(), width=50)
    assert max(map(len, text.splitlines())) <= 50
    for v in verdicts():
        assert f"{v.claim} ({v.reading}): {v.outcome}" in text


def test_no_verdicts_are_no_error() -> None:
    none = et.Verdicts([])
    assert str(none) == "of 0 readings."
    assert elements(none._repr_html_()).findall(".//tbody/tr") == []
    assert printed(none)


def test_verify_all_shows_progress(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[int, int]] = []
    names = ["theorem-v.2/eq-16"]
    found = et.verify_all(names, budget=100, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 2), (2, 2)]
    assert capsys.readouterr().err == ""
    assert et.verify_all(names, budget=100, progress=True) == found
    assert "2/2" in capsys.readouterr().err
    with pytest.raises(ValueError, match="progress is 'yes', expected True, False, None or a function"):
        et.verify_all(names, budget=100, progress="yes")  # type: ignore[arg-type]


# History ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["exact", "sampled"])
def test_all_forms_of_a_history_show_its_setting_and_the_same_rows(name: str) -> None:
    run = history(name)
    page = elements(run._repr_html_())
    rows = [tuple(words(cell) for cell in row) for row in page.findall(".//table")[1].findall("./tbody/tr")]
    assert rows == list(run.rows())
    assert len(rows) == min(SHOWN, run.step.size)
    assert rows[0][0] == "0"
    assert rows[-1][0] == str(run.step[-1])
    assert rows[-1][list(COLUMNS).index("selected") + 1] == "-"  # no update follows the last policy
    text, rich = str(run), " ".join(printed(run).replace("│", " ").split())
    for row in rows:
        assert row in [tuple(line.split()) for line in text.splitlines()]
        assert " ".join(row) in rich
    for label, said in run.setting():
        assert said in text
        assert said in rich
        assert said in words(page)
        assert label in text
    assert "\n" not in repr(run)


def test_a_history_says_how_many_of_its_records_it_shows() -> None:
    bandit, z = et.Bandit([1.0, 0.0]), np.zeros(2)
    run = et.train(bandit, et.PolicyGradient(), z, 1.0, SHOWN)
    said = f"{SHOWN + 1}, {SHOWN} shown, steps 0 to {SHOWN}"
    assert said in str(run)
    assert said in printed(run)
    assert said in run._repr_html_()
    assert "shown" not in repr(run)
    assert "shown" not in str(et.train(bandit, et.PolicyGradient(), z, 1.0, SHOWN - 1))


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux has a folder that nobody can write to")
def test_a_history_that_cannot_be_saved_names_its_file() -> None:
    path = Path("/proc/history.npz")
    with pytest.raises(OSError, match=str(path)) as caught:
        history().save(path)
    assert caught.value.filename == str(path)


def test_numbers_of_a_history_are_its_own() -> None:
    run = history()
    for row in run.rows():
        (i,) = np.flatnonzero(run.step == int(row[0]))
        for name, said in zip(COLUMNS, row[1:], strict=True):
            value = getattr(run, name)[i]
            # Four digits: half a unit of the last.
            assert np.isnan(value) if said == "-" else float(said) == pytest.approx(value, rel=5e-4)


def test_the_curves_of_a_history_follow_its_arrays() -> None:
    run = history()
    for svg, name in zip(elements(run._repr_html_()).findall(".//svg"), ("objective", "entropy"), strict=True):
        assert svg.get("role") == "img"
        assert COLUMNS[name] in str(svg.get("aria-label"))
        points = [p.split(",") for p in svg[0].get("points", "").split()]
        x, y = np.array(points, dtype=float).T
        values = getattr(run, name)
        assert (np.diff(x) > 0).all()
        assert len(x) == run.step.size
        # The vertical axis points down; a curve of 24 pixels is rounded to whole ones.
        assert np.corrcoef(y, -values)[0, 1] > 0.99
        assert 0 <= y.min() <= y.max() <= float(svg.get("height", "0"))


def test_a_history_of_one_record_has_forms_too() -> None:
    run = et.train(et.Bandit([1.0, 0.0]), et.PolicyGradient(), np.zeros(2), 1.0, 0)
    assert len(list(run.rows())) == 1
    assert elements(run._repr_html_()).findall(".//svg")
    assert str(run)
    assert printed(run)
    assert run.plot()


def test_the_plot_of_a_history_draws_its_arrays() -> None:
    run = history()
    figure = run.plot()
    drawn = [axes.lines[0].get_xydata() for axes in figure.axes]
    for xy, name in zip(drawn, ("objective", "entropy", "kl_to_start", "selected"), strict=True):
        np.testing.assert_array_equal(np.asarray(xy), np.column_stack([run.step, getattr(run, name)]))
    assert all(axes.get_title(loc="left") and axes.get_xlabel() for axes in figure.axes)
    assert len(history("sampled").plot().axes) == 3  # a policy gradient selects nothing


def test_the_plot_needs_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("entropy_theory.figures"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'entropy-theory\[figures\]'"):
        history().plot()


class Printer:
    """What IPython hands to ``_repr_pretty_``."""

    def __init__(self) -> None:
        self.said = ""

    def text(self, text: str) -> None:
        self.said += text


@pytest.mark.parametrize("item", [verdict, verdicts, history], ids=["verdict", "verdicts", "history"])
def test_ipython_prints_the_whole_text(item: Any) -> None:
    printer = Printer()
    item()._repr_pretty_(printer, False)
    assert printer.said == str(item())

"""The atlas of claims: what the page says, that it says all of it, and the command that writes it."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

import entropy_theory as et
from entropy_theory.checking import campaign, certificate
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.registry import find, mutants_of, paper_claims, select
from entropy_theory.checking.store import Key, Store
from entropy_theory.checking.tasks import fingerprint, package_version
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import check, sample
from entropy_theory.cli import app
from entropy_theory.figures import FIGURES
from entropy_theory.report import content, mathml, notes, page, pictures, prose, source

BUDGET = 300
SOME = ("theorem-v.2/eq-15", "theorem-v.2/eq-16", "definition-vi.2", "lemma-iv.1", "theorem-iv.1/bandit")
PROVED = "beyond/spectral-gap/two-actions"


def invoke(*arguments: Any) -> Any:
    return CliRunner().invoke(app, [str(a) for a in arguments])


# Pages ------------------------------------------------------------------------------------------------------------


@cache
def some() -> tuple[content.Atlas, str]:
    """A few claims of every kind and outcome, checked, with pictures, wrong variants and a figure; and their page."""
    claims = select(paper_claims(), (*SOME, PROVED))
    verdicts = [check(claim, budget=BUDGET) for claim in claims]
    wrong = [check(mutant, budget=BUDGET) for mutant in mutants_of(claims)]
    figures = {"theorem_v_1": FIGURES["theorem_v_1"]}
    atlas = content.build(
        source.paper(), claims, verdicts, wrong, seed=0, budget=BUDGET, command="entropy-theory report", figures=figures
    )
    return atlas, page.render(atlas)


@cache
def everything() -> tuple[content.Atlas, str]:
    """All claims with a verdict that says that they were not checked; and their page."""
    claims = paper_claims()
    verdicts = [unchecked(claim) for claim in claims]
    atlas = content.build(source.paper(), claims, verdicts, seed=0, budget=1, command="no command", draw=False)
    return atlas, page.render(atlas)


def unchecked(claim: Claim, outcome: Any = "undecided") -> Verdict:
    return Verdict(
        claim=claim.name,
        reading=claim.reading,
        kind=claim.kind,
        statement=claim.statement,
        outcome=outcome,
        instances=1,
        admitted=1,
        message="not checked here",
    )


class Document(HTMLParser):
    """Elements with their attributes, and what is wrong with their nesting."""

    VOID = ("meta", "link", "br", "wbr", "img", "input", "hr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)
        self.close()
        self.wrong += [f"{tag} is not closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if len({k for k, _ in attrs}) < len(attrs):
            self.wrong.append(f"{tag} has an attribute twice")
        inside_p = "p" in self.open
        if inside_p and tag in ("p", "div", "ul", "h3", "h4", "h5", "figure", "details", "table", "section"):
            self.wrong.append(f"{tag} inside p")
        if tag == "a" and "a" in self.open:
            self.wrong.append("a inside a")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        if "math" not in self.open:
            self.wrong.append(f"{tag} closes itself")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"/{tag} closes {self.open[-1:]}")
        else:
            self.open.pop()

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] for _, attrs in self.elements if attribute in attrs]


@pytest.fixture(params=["some", "everything"])
def built(request: pytest.FixtureRequest) -> tuple[content.Atlas, str]:
    return some() if request.param == "some" else everything()


def test_every_claim_is_there_once_under_its_name() -> None:
    atlas, html = everything()
    claims = paper_claims()
    assert Counter(r.anchor for r in atlas.readings) == Counter(f"{c.name}:{c.reading}" for c in claims)
    ids = Document(html).values("id")
    assert len(ids) == len(set(ids))
    names = {f"{c.name}:{c.reading}" for c in claims} | {c.name for c in claims}
    names |= {source.statement_of(c.name) for c in claims}
    assert names <= set(ids)


def test_the_order_is_that_of_the_paper() -> None:
    atlas, _ = everything()
    assert [c.title.split(".")[0] for c in atlas.chapters] == [
        "III",
        "IV",
        "V",
        "VI",
        "VII",
        "VIII",
        "Beyond the paper",
    ]
    assert [p.name for p in atlas.parts] == list(dict.fromkeys(c.name for c in paper_claims()))


def test_links_lead_somewhere(built: tuple[content.Atlas, str]) -> None:
    """Inside the page to what is there; outside only to the paper."""
    document = Document(built[1])
    ids = set(document.values("id"))
    links = [attrs["href"] for tag, attrs in document.elements if tag == "a"]
    inside = [unquote(link[1:]) for link in links if link.startswith("#")]
    assert len(inside) > len(built[0].parts)
    assert set(inside) <= ids
    rest = {link for link in links if not link.startswith(("#", "data:application/json;base64,"))}
    assert rest == {"https://arxiv.org/abs/2604.09676"}


def test_the_page_needs_no_other_file(built: tuple[content.Atlas, str]) -> None:
    document = Document(built[1])
    assert all(value.startswith("data:") for value in document.values("src"))
    assert [attrs["href"] for tag, attrs in document.elements if tag == "link"] == ["data:,"]
    assert "srcset" not in built[1]
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|https?://(?!arxiv\.org/abs/)", built[1])


def test_the_html_is_well_formed(built: tuple[content.Atlas, str]) -> None:
    html = built[1]
    assert html.startswith("<!DOCTYPE html>\n<html lang=")
    assert not Document(html).wrong


def test_nothing_is_left_out() -> None:
    """Each line that ``show`` prints about a claim stands on the page."""
    atlas, html = some()
    links = page.addresses(atlas)
    for reading in atlas.readings:
        start = html.index(f'id="{reading.anchor}"')
        end = html.find('<div class="reading', start)
        block = html[start : end if end > 0 else None]
        for section in reading.sections:
            for line in section.lines if section.kind != "outcomes" else ():
                assert str(prose.typeset(line, links)) in block, (reading.anchor, section.label)
    labels = {s.label for r in atlas.readings for s in r.sections}
    assert {"counterexample", "step by step", "where the proof breaks", "proof", "wrong variants"} <= labels
    assert {r.outcome for r in atlas.readings} == {"refuted", "holds", "proved"}


def test_every_line_that_fails_leads_to_one_that_holds() -> None:
    """It stands in the same part, or the table and the remark link to it."""
    atlas, html = everything()
    corrected = {claim.name for claim in paper_claims() if claim.reading == "corrected"}
    printed = {claim.name for claim in paper_claims() if claim.reading == "printed"}
    alone = [
        p for p in atlas.parts if any(c.breaks for c in select(paper_claims(), [p.name])) and not p.of("corrected")
    ]
    assert len(alone) >= 5
    for part in alone:
        (name,) = part.instead
        assert name in corrected | printed - {part.name}
        assert not any(c.breaks for c in select(paper_claims(), [name]) if name not in corrected)
        row = html[html.index(f'<a href="#{part.name}">') :].partition("</tr>")[0]
        assert f'see <a href="#{name}">' in row


def test_a_line_that_was_added_is_not_called_a_correction() -> None:
    atlas, html = everything()
    readings = Counter(c.name for c in paper_claims())
    roles = Counter(r.role for r in atlas.readings)
    assert roles["printed"] + roles["corrected"] + roles["added"] == len(atlas.readings)
    assert roles["corrected"] == sum(number == 2 for number in readings.values())
    assert {r.role for r in atlas.readings if r.name.startswith("beyond/")} == {"added"}
    assert atlas.counts == {role: {"undecided": roles[role]} for role in ("printed", "corrected", "added")}
    assert html.count("<strong>Added</strong>") == roles["added"]


def test_the_remark_stands_above_the_details() -> None:
    """It says how words of the paper were read, so that it must not be folded away."""
    atlas, html = some()
    (reading,) = (r for r in atlas.readings if r.anchor == "theorem-v.2/eq-16:printed")
    (remark,) = (s.lines[0] for s in reading.sections if s.label == "remark")
    block = html[html.index(f'id="{reading.anchor}"') :]
    assert 0 < block.index(str(prose.typeset(remark, page.addresses(atlas)))) < block.index("<details>")
    assert "remark" not in reading.inside.lower()


def test_wrong_variants_are_listed_with_their_outcomes() -> None:
    atlas, html = some()
    (section,) = (
        s for r in atlas.readings if r.name == "theorem-v.2/eq-15" for s in r.sections if s.kind == "outcomes"
    )
    assert section.lines == ("mean-reward: refuted",)
    assert re.search(r"<li><code>mean-reward</code>\s*<span class=\"badge refuted\">", html)
    assert f"{atlas.caught} of {atlas.mutants} refuted" in html


def test_certificates_on_the_page_stand(tmp_path: Path) -> None:
    atlas, html = some()
    links = [a for tag, a in Document(html).elements if tag == "a" and "download" in a]
    refuted = [r for r in atlas.readings if r.outcome == "refuted"]
    assert [a["download"] for a in links] == [r.file_name for r in refuted]
    for link, reading in zip(links, refuted, strict=True):
        text = base64.b64decode(link["href"].partition(",")[2])
        assert certificate.stands(certificate.recheck(find("paper", reading.name, reading.reading), json.loads(text)))
        file = tmp_path / link["download"]
        file.write_bytes(text)
        assert invoke("recheck", file).exit_code == 0


def test_commands_name_the_claim_and_the_options() -> None:
    atlas, _ = some()
    (part,) = (p for p in atlas.parts if p.name == "theorem-v.2/eq-16")
    assert part.commands == (
        f"entropy-theory verify theorem-v.2/eq-16 --seed 0 --budget {BUDGET}",
        f"entropy-theory show theorem-v.2/eq-16 --seed 0 --budget {BUDGET}",
    )


def test_the_same_claims_give_the_same_page() -> None:
    claims = select(paper_claims(), ["theorem-v.2/eq-16"])
    verdicts = [check(claim, budget=50) for claim in claims]
    read = [Verdict.from_json(json.loads(json.dumps(v.to_json()))) for v in verdicts]
    first, second = (
        page.render(content.build(source.paper(), claims, v, seed=0, budget=50, command="c")) for v in (verdicts, read)
    )
    assert first == second


def test_figures_are_shown_once() -> None:
    """At the statement that they are mainly about; the others link to them."""
    atlas, html = some()
    (home,) = (s for s in atlas.statements if s.figures)
    figure = home.figures[0]
    assert html.count(figure.picture.uri) == 1
    assert home.name == content.about(FIGURES["theorem_v_1"], select(paper_claims(), (*SOME, PROVED)))[0]
    module = SimpleNamespace(ABOUT=("lemma-iv.1", "lemma-iv.2/constant", "nowhere"))
    assert content.about(module, paper_claims()) == ["lemma-iv.1", "lemma-iv.2"]  # type: ignore[arg-type]


def test_pictures_come_with_words() -> None:
    atlas, html = some()
    images = [attrs for tag, attrs in Document(html).elements if tag == "img"]
    assert len(images) == sum(r.picture is not None for r in atlas.readings) + 1
    assert all(len(image["alt"].split()) >= 8 and image["loading"] == "lazy" for image in images)
    assert all(int(image["width"]) > 0 and int(image["height"]) > 0 for image in images)


def test_a_sample_is_drawn_again_from_the_claim() -> None:
    claim = find("paper", "theorem-v.2/eq-15", "printed")
    assert sample(claim, 3) == check(claim, seed=3, budget=10).sample
    assert sample(claim, 3) != sample(claim, 4)


def test_an_order_that_holds_has_no_picture() -> None:
    claim = find("paper", "theorem-iv.1/bandit", "printed")
    assert pictures.of_verdict(claim, unchecked(claim, "holds"), 0) is None


# Verdicts that do not fit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v[1:], r"none on theorem-v\.2/eq-16 \(printed\), expected one on each"),
        (lambda v: [], r"none on theorem-v\.2/eq-16 \(printed\) and 1 more"),
        (lambda v: [*v, replace(v[0], claim="theorem-v.9")], r"one on theorem-v\.9 \(printed\), expected claims"),
        (lambda v: [*v, v[0]], r"two on theorem-v\.2/eq-16 \(printed\), expected one"),
        (lambda v: [replace(v[0], statement="x"), v[1]], "another statement of theorem-v.2/eq-16"),
    ],
)
def test_verdicts_that_do_not_fit_are_named(change: Any, message: str) -> None:
    claims = select(paper_claims(), ["theorem-v.2/eq-16"])
    with pytest.raises(content.UnfitVerdicts, match=message):
        content.fitting(claims, change([unchecked(c) for c in claims]))


# Formulas ---------------------------------------------------------------------------------------------------------

_SIGNS = {
    "le": "≤", "ge": "≥", "ne": "≠", "neq": "≠", "in": "∈", "notin": "∉", "sum": "∑", "prod": "∏", "int": "∫",
    "nabla": "∇", "partial": "∂", "infty": "∞", "Rightarrow": "⇒", "epsilon": "ϵ", "phi": "ϕ", "log": "log",
    "sinh": "sinh", "cosh": "cosh", "max": "max", "min": "min", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ",
    "eta": "η", "theta": "θ", "kappa": "κ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "omega": "ω",
    "Delta": "Δ", "Sigma": "Σ", "Phi": "Φ",
}  # fmt: skip


def signs_of(latex: str) -> Counter[str]:
    """Letters, digits and relations that a statement has, read by another route than the one under test."""
    text = re.sub(r"\\(?:text|mathrm|mathbb|mathbf|rm|overline|bar|dot|sqrt|[td]?frac|[bB]ig)(?![A-Za-z])", " ", latex)
    text = re.sub(r"\\([A-Za-z]+)", lambda m: f" {_SIGNS.get(m[1], '')} ", text)
    return Counter(c for c in text if c.isalnum() or c in "=<>+/≤≥≠∈∉∑∏∫∇∂∞⇒")


@pytest.mark.parametrize("claim", paper_claims(), ids=lambda c: f"{c.name}-{c.reading}")
def test_every_statement_is_typeset(claim: Claim) -> None:
    """Nothing of it is lost, no LaTeX is left, and each formula has a text for who cannot see it."""
    html = str(mathml.formula(claim.statement))
    document = Document(html)
    assert not document.wrong
    shown = re.sub(r"<[^>]*>", "", html).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    letters = str.maketrans({"𝔼": "E", "𝟏": "1"})
    assert Counter(c for c in shown.translate(letters) if c.isalnum() or c in "=<>+/≤≥≠∈∉∑∏∫∇∂∞⇒") == signs_of(
        claim.statement
    )
    assert "\\" not in html
    assert "merror" not in html
    formulas = [attrs for tag, attrs in document.elements if tag == "math"]
    assert formulas
    assert all(attrs["alttext"] for attrs in formulas)


@pytest.mark.parametrize(
    ("latex", "part"),
    [
        (r"\gamma_{\rm reg}", "<mi>reg</mi>"),
        (r"\mathrm{Var}(x)", "<mi>Var</mi>"),
        (r"\gamma_{\rm KL-Cov}", "<mtext>KL-Cov</mtext>"),
        (r"p\log p", '<mi>p</mi><mspace width="0.167em" /><mi>log</mi><mspace width="0.167em" /><mi>p</mi>'),
        (r"\log(p)", "<mi>log</mi><mo"),
        (r"\mathbb E[x]", "<mi>𝔼</mi>"),
        (r"\Big\langle x\Big\rangle", '<mo minsize="1.623em" maxsize="1.623em">⟨</mo>'),
        (r"x = -y", '<mo form="prefix">−</mo>'),
        (r"90\%", "<mn>90</mn>"),
        (r"\max_a |C_a|", '<mspace width="0.167em" /><mo stretchy="false" form="prefix">|</mo>'),
        (r"(a + b + c + d + e + f)\,m'\Sigma^+m", '<msup><mi mathvariant="normal">Σ</mi><mo>+</mo></msup>'),
    ],
)
def test_what_is_mended_in_a_formula(latex: str, part: str) -> None:
    assert part in str(mathml.formula(latex))


def test_a_long_statement_is_cut_where_a_line_may_end() -> None:
    latex = r"n = 2:\quad |H(z+D) - H(z)| \le \tfrac18 D^2\ \text{for all } D = (a \le b)"
    found = [(p.text.strip(), p.words, p.apart) for p in mathml.pieces(latex)]
    assert found == [
        ("n = 2:", False, False),
        ("|H(z+D) - H(z)|", False, True),
        (r"\le \tfrac18 D^2", False, True),
        ("for all", True, True),
        ("D = (a \\le b)", False, True),
    ]


def test_a_long_sum_is_cut_before_its_signs() -> None:
    latex = r"\Delta H = -\eta\,\mathrm{Cov}(\log p, pA) + \alpha\eta - |J(\pi_{\theta}) - J(\pi_{\rm old})| - 1"
    assert [p.text.strip() for p in mathml.pieces(latex)] == [
        r"\Delta H = -\eta\,\mathrm{Cov}(\log p, pA)",
        r"{}+ \alpha\eta - |J(\pi_{\theta}) - J(\pi_{\rm old})|",
        "{}- 1",
    ]
    signs = re.findall(r"<mo([^>]*)>([+−])</mo>", str(mathml.formula(latex)))
    assert signs == [(' form="prefix"', "−"), (' lspace="0"', "+"), *[("", "−")] * 2, (' lspace="0"', "−")]


@pytest.mark.parametrize("latex", [r"\nosuchcommand x", r"\frac{1}{"])
def test_latex_that_cannot_be_read_is_refused(latex: str) -> None:
    with pytest.raises(ValueError, match=r"statement is .* expected LaTeX"):
        mathml.formula(latex)


# Plain text -------------------------------------------------------------------------------------------------------


def texts() -> Sequence[str]:
    out: dict[str, None] = {}
    for claim in paper_claims():
        lines = (claim.hypotheses, claim.remark, claim.breaks, *claim.proof.splitlines(), *claim.terms)
        out |= dict.fromkeys((*lines, *(v.in_words(name) for name, v in claim.space.given.items())))
    return [text for text in out if text]


def normalised(text: str) -> str:
    """Without what an index and a power do not show: braces around one name, and which brackets hold a power."""
    text = re.sub(r"_\{([A-Za-z]+,[a-z]|[-+]?\w+|[*+-])\}", r"_\1", text)
    text = re.sub(r"\^\{((?:[^{}]|\{[^{}]*\})*)\}", r"^(\1)", text)
    return re.sub(r"\^\(([-+]?\w+(?:\.\d+)?|[*+-])\)", r"^\1", text)


def test_every_text_can_be_led_back() -> None:
    links = {claim.name: f"#{claim.name}" for claim in paper_claims()}
    for text in texts():
        html = str(prose.typeset(text, links))
        assert prose.plain(html) == normalised(text)
        assert not Document(html).wrong, text


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("||g + alpha h||_F <= 2", "‖<i>g</i> + <i>α</i> <i>h</i>‖<sub><i>F</i></sub> ≤ 2"),
        ("gamma_reg >= -1", "<i>γ</i><sub>reg</sub> ≥ −1"),
        ("sum_{a <= k} p_a^2", "∑<sub><i>a</i> ≤ <i>k</i></sub> <i>p</i><sub><i>a</i></sub><sup>2</sup>"),
        ("grad H = 0", "∇<i>H</i> = 0"),
        ("F^(1/2) x", "<i>F</i><sup>1/2</sup> <i>x</i>"),
        ("d^2/dt^2 H", "<i>d</i><sup>2</sup>/<i>dt</i><sup>2</sup> <i>H</i>"),
        ("e^{delta_t}", "<i>e</i><sup><i>δ</i><sub><i>t</i></sub></sup>"),
        ("theorem-vii.1/eq-27-iff, 1-5 times", "theorem-vii.1/eq-27-iff, 1-5 times"),
        ("2^1/2", "2^1/2"),
        ("like t^1.0000, not t^-0.5.", "like <i>t</i><sup>1.0000</sup>, not <i>t</i><sup>−0.5</sup>."),
        ("<g, h>_F < 0", "⟨<i>g</i>, <i>h</i>⟩<sub><i>F</i></sub> &lt; 0"),
        ("sqrt(8 epsilon)", "√(8 <i>ε</i>)"),
        ("a step of a policy a", "a step of a policy <i>a</i>"),
        ("action a is", "action <i>a</i> is"),
        ("Appendix F, A rule", "Appendix F, <i>A</i> rule"),
        ("Clip-Cov of Theorem V.1", "Clip-Cov of Theorem V.1"),
        ("entropy_theory.convergence", "entropy_theory.convergence"),
        ("A(s_t,a_t)", "<i>A</i>(<i>s</i><sub><i>t</i></sub>,<i>a</i><sub><i>t</i></sub>)"),
        ("Hbar'", "<i>H\u0304</i>&#39;"),
        ("a < b & c", "<i>a</i> &lt; <i>b</i> &amp; <i>c</i>"),
        ("vanishing-beta", "vanishing-beta"),
        ("<b>x</b> <script>", "&lt;b&gt;<i>x</i>&lt;/b&gt; &lt;script&gt;"),
        ("1 +/- 2e-15 != 3 ...", "1 ± 2e−15 ≠ 3 …"),
    ],
)
def test_how_a_text_is_set(text: str, html: str) -> None:
    assert str(prose.typeset(text)) == html


def test_no_ascii_mathematics_is_left_in_the_texts_of_the_claims() -> None:
    """Neither an index nor a power that hangs on nothing, nor one that ends too early, nor a sign of two characters."""
    worked_out = [line for r in some()[0].readings for s in r.sections if s.kind != "outcomes" for line in s.lines]
    for text in (*texts(), *worked_out):
        html = str(prose.typeset(text, {claim.name: "#" for claim in paper_claims()}))
        shown = re.sub(r"<[^>]*>", "", html).replace("&lt;", "<").replace("&gt;", ">")
        assert not re.search(r"[_^`\\]|<=|>=|->|!=|\|\|", shown), (text, shown)
        assert not re.search(r"<sup>(?:(?!</sup>).)*</sup><sub>", html), f"{text!r}: a power whose index is on the base"
        assert not re.search(r"</su[bp]>\.\d", html), f"{text!r}: a number that is cut"
        assert not re.search(r"[\d)]-[A-Za-z(]", re.sub(r"[a-z]+-[\w./-]+", "", shown)), (
            f"{text!r}: a hyphen for a minus"
        )


def test_names_of_claims_become_links() -> None:
    links = {"lemma-iv.2": "#lemma-iv.2", "lemma-iv.2/constant": "#lemma-iv.2/constant"}
    html = str(prose.typeset("By lemma-iv.2/constant. See lemma-iv.2/constants, lemma-iv.2.", links))
    assert re.findall(r'href="([^"]*)"', html) == ["#lemma-iv.2/constant", "#lemma-iv.2"]


def test_notes_leave_out_title_and_proof() -> None:
    text = "A title.\n\nSays ``p_a`` of `name`.\n\n* one\n  more\n* two\n\n    Var = 1\n\nProof.\n\nHidden."
    html = str(notes.set_notes(text))
    assert html.split("\n") == [
        "<p>Says <i>p</i><sub><i>a</i></sub> of <code>name</code>.</p>",
        "<ul><li>one more</li><li>two</li></ul>",
        '<p class="display">Var = 1</p>',
    ]
    assert str(notes.set_notes(text, title=True)).startswith("<p><strong>A title.</strong></p>")


def test_headings_of_statements() -> None:
    paper = source.paper()
    assert paper.label("theorem-v.2") == "Theorem V.2"
    assert paper.label("equation-13") == "Equation (13)"
    assert paper.label("beyond/soft-path") == "Soft path"
    assert paper.title_of("theorem-v.2") == "What entropy regularisation costs at its optimum"


# One's own claims -------------------------------------------------------------------------------------------------

OWN = r"""
import numpy as np
import entropy_theory as et
d = et.domains
true = et.Inequality(name="mine/true", statement=r"x \le 1", given={"x": d.reals(0, 1)}, lhs=lambda x: x, rhs=1)
true = true.with_mutants(true.mutant("half", rhs=et.exact(1, 2)))
odd = et.Inequality(name="odd", statement=r"\nosuch{x} < 1 & <b>", given={"x": d.reals(0, 1)}, lhs=lambda x: x, rhs=1)
tags = et.Inequality(
    name="tags", statement=r"\text{<script>alert(1)</script>} \le \mathrm{a}\"", given={"x": d.reals(0, 1)},
    lhs=lambda x: x, rhs=et.exact(1, 2), hypotheses="<b>\"", remark="</p><script>alert(2)</script>",
    breaks="</div><img src=x onerror=alert(3)>", terms={"<i>\"": lambda x: x},
)
bare = et.Inequality(name="bare", given={"x": d.reals(0, 1)}, lhs=lambda x: x, rhs=et.exact(1, 2))
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    file = tmp_path / "own.py"
    file.write_text(OWN, encoding="utf-8")
    return file


def test_a_page_of_ones_own_claims(own: Path, tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    result = invoke("report", "--claims", own, "-o", out, "--budget", 200, "--workers", 1)
    assert result.exit_code == 0, result.output
    html = (out / "index.html").read_text(encoding="utf-8")
    document = Document(html)
    assert not document.wrong
    assert {"mine/true", "odd", "bare:printed"} <= set(document.values("id"))
    assert "<code>\\nosuch{x} &lt; 1 &amp; &lt;b&gt;</code>" in html
    assert f"hunt {own}:bare --seed 0 --budget 200" in html
    assert f"<code>entropy-theory recheck bare_printed.json --claims {own}</code>" in html
    assert not re.search(r"<(?:script>alert|img src=x|b>|i>&#34;)", html), "texts are escaped"
    assert html.count("alert(") >= 4
    assert "arxiv" not in html.lower()
    assert "1 of 1 wrong variants refuted" in result.stdout


def test_only_names_that_no_word_can_be_become_links() -> None:
    names = ("a/b/c", "policy/x", "word", "12", "1/2", "x1", "my-claim")
    claims = [et.Inequality(name=name, given={"x": et.domains.reals(0, 1)}, lhs=0, rhs=1) for name in names]
    atlas = content.build(
        source.own("f.py"), claims, [unchecked(c) for c in claims], seed=0, budget=1, command="c", draw=False
    )
    links = page.addresses(atlas)
    assert set(links) == {"a/b/c", "policy/x", "x1", "my-claim"}
    html = str(prose.typeset("a policy, a/b/c, policy/x, 1/2 of 12, a word", links))
    assert re.findall(r'href="([^"]*)"', html) == ["#a/b/c", "#policy/x"]


def test_a_certificate_of_an_own_claim_is_rechecked_with_its_file(own: Path, tmp_path: Path) -> None:
    """The command as the page prints it, also where the page is about one claim of a file."""
    claim = find(str(own), "bare", "printed")
    of = source.own(f"{own}:bare")
    atlas = content.build(of, [claim], [check(claim, budget=50)], seed=0, budget=50, command="c", draw=False)
    (reading,) = atlas.readings
    assert of.title == own.name
    assert reading.recheck == f"entropy-theory recheck bare_printed.json --claims {own}"
    assert reading.certificate is not None
    (tmp_path / reading.file_name).write_text(reading.certificate, encoding="utf-8")
    result = invoke("recheck", tmp_path / reading.file_name, "--claims", own)
    assert result.exit_code == 0, result.output


def test_control_characters_reach_neither_page_nor_terminal(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "import entropy_theory as et\n"
        "def fail(x):\n    raise RuntimeError('\\x1b[31mred\\x07\\x9b')\n"
        "bad = et.Inequality(name='bad', statement='\\frac{x}{2}', given={'x': et.domains.reals(0, 1)}, lhs=fail,"
        " rhs=1, remark='\\x1b]0;title\\x07')\n",
        encoding="utf-8",
    )
    options = ("--budget", 50, "--workers", 1)
    result = invoke("report", "--claims", file, "-o", tmp_path, *options)
    assert result.exit_code == 1, "the claim failed"
    assert "0 of 0" not in result.output
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    told = invoke("hunt", file, *options).output
    shown = str(check_guarded(file))
    for text in (html, result.output, told, shown):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    for text in (html, told, shown):
        assert "\ufffd[31mred\ufffd\ufffd" in text


def check_guarded(file: Path) -> Verdict:
    return campaign.guarded(find(str(file), "bad", "printed"), 0, 50)


@pytest.mark.parametrize("letter", ["w", "m-"])
def test_a_long_name_leaves_the_outcome_in_the_title(letter: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings are errors: the layout must not collapse."""
    name = "a" + letter * (300 // len(letter))
    claim = et.Inequality(name=name, given={"x": et.domains.reals(0, 1)}, lhs=lambda x: x, rhs=1)
    figures = []
    png = pictures._png

    def keep(figure: Figure) -> bytes:
        figures.append(figure)
        return png(figure)

    monkeypatch.setattr(pictures, "_png", keep)
    picture = pictures.of_verdict(claim, unchecked(claim, "holds"), 0)
    assert picture is not None
    assert name in picture.alternative
    axes = figures[0].axes[0]
    (title,) = filter(None, (axes.get_title("left"), axes.get_title("center")))
    lines = title.split("\n")
    assert lines == [f"{name[: pictures.TITLE - 1]}…", "(printed): holds"]


def test_wrong_variants_are_found_by_name_in_a_worker(own: Path) -> None:
    mutant = find(str(own), "mine/true/mutant-half", "printed")
    (verdict,) = campaign.run([mutant], budget=100, source=str(own), isolated=True)
    assert (verdict.claim, verdict.outcome) == ("mine/true/mutant-half", "refuted")
    with pytest.raises(ValueError, match="name is 'nobody'"):
        find(str(own), "nobody", "printed")


# The command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("verified") / "verdicts.json"
    claims = select(paper_claims(), ["theorem-v.2/eq-16", "theorem-v.2/eq-15"])
    file.write_text(json.dumps([check(c, budget=100).to_json() for c in claims]), encoding="utf-8")
    return file


def test_the_command_takes_verdicts_from_a_file(verified: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    options = ("-o", out, "--budget", 100, "--workers", 1, "-q")
    result = invoke("report", "theorem-v.2/eq-16", "--verdicts", verified, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out / 'index.html'}\n"
    html = (out / "index.html").read_text(encoding="utf-8")
    assert "read from <code>verdicts.json</code>" in html
    assert "theorem-v.2/eq-15:printed" not in html


NOTHING = {"counterexample": None, "certificate": None}


def _changed(file: Path, tmp_path: Path, **changes: Any) -> Path:
    data = json.loads(file.read_text(encoding="utf-8"))
    (item,) = (x for x in data if (x["part"], x["reading"]) == ("eq-16", "printed"))
    item.update(changes)
    out = tmp_path / "changed.json"
    out.write_text(json.dumps(data), encoding="utf-8")
    return out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"claim": "theorem-v.7"}, "theorem-v.7/eq-16 (printed) is on no claim"),
        ({"certificate": None}, "'refuted' without a certificate"),
        ({"statement": "x"}, "the statement of the verdict is 'x', expected that of the claim: "),
        ({"instances": 10**6}, "is not the one that --seed 0 and --budget 100 lead to"),
        ({"outcome": "maybe"}, "no verdict"),
    ],
)
def test_verdicts_that_were_changed_are_refused(
    verified: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    file = _changed(verified, tmp_path, **changes)
    result = invoke("report", "theorem-v.2/eq-16", "-o", tmp_path, "--verdicts", file, "--budget", 100)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outcome": "holds"}, "theorem-v.2/eq-16 (printed) is 'holds' with a counterexample, expected null"),
        ({"counterexample": None}, "theorem-v.2/eq-16 (printed) is 'refuted' without a counterexample"),
        ({"counterexample": {"p": ["1"]}}, "the verdict has another counterexample than its certificate"),
        ({"boxes": 3}, "theorem-v.2/eq-16 (printed) is 'refuted' with boxes 3, expected null"),
        ({"outcome": "proved", **NOTHING}, "theorem-v.2/eq-16 (printed) is 'proved' with boxes None, expected an int"),
        ({"outcome": "proved", **NOTHING, "boxes": 0}, "with boxes 0, expected an integer >= 1"),
        ({"outcome": "holds", **NOTHING, "worst": -1.0}, "with worst -1, expected a smallest rhs - lhs >= 0"),
        ({"outcome": "holds", **NOTHING, "worst": "-inf"}, "with worst -inf, expected"),
        ({"outcome": "holds", **NOTHING, "admitted": 0}, "with no instance admitted, expected 'undecided'"),
        ({"outcome": "holds", **NOTHING, "error": True}, "with an error, expected 'undecided'"),
        ({"admitted": 10**9}, "instances admitted, expected 0 to all"),
        ({"worst": "x"}, 'worst is \'x\', expected a number, "inf", "-inf" or null'),
        ({"worst": 10**400}, "worst is an integer beyond the range of floats"),
        ({"instances": "5"}, "instances is '5', expected an integer"),
        ({"instances": True}, "instances is True, expected an integer"),
        ({"kind": "rumour"}, "kind is 'rumour', expected one of identity, inequality, order"),
        ({"environments": [1]}, "environments holds 1, expected objects"),
        ({"environments": [{"label": "x"}]}, "violated is missing, expected true, false or null"),
        ({"sample": [[1, 2]]}, "sample is no field of a verdict"),
    ],
)
def test_verdicts_that_contradict_themselves_are_refused(
    verified: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    file = _changed(verified, tmp_path, **changes)
    result = invoke("report", "theorem-v.2/eq-16", "-o", tmp_path, "--verdicts", file, "--budget", 100)
    assert result.exit_code == 2
    assert message in result.stderr
    assert str(file) in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "index.html").exists()


def test_the_page_says_what_was_taken_from_a_file(verified: Path, tmp_path: Path) -> None:
    """A counterexample may be written with other fractions; the evidence is the one that was computed here."""
    data = json.loads(verified.read_text(encoding="utf-8"))
    (refuted,) = (x for x in data if x["outcome"] == "refuted" and x["part"] == "eq-16")
    true = refuted["certificate"]["evidence"]["rhs_minus_lhs"]
    evidence = {**refuted["certificate"]["evidence"], "rhs_minus_lhs": "[-77777.0 +/- 1e9]"}
    proof = {**refuted["certificate"], "evidence": evidence}
    other = {
        k: [f"{2 * int(x.partition('/')[0])}/{2 * int(x.partition('/')[2] or 1)}" for x in v]
        if isinstance(v, list)
        else v
        for k, v in refuted["counterexample"].items()
    }
    assert other != refuted["counterexample"]
    file = _changed(verified, tmp_path, certificate=proof, counterexample=other)
    result = invoke("report", "theorem-v.2/eq-16", "-o", tmp_path, "--verdicts", file, "--budget", 100, "-q")
    assert result.exit_code == 0, result.output
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "7777" not in re.sub(r"data:[^\"]*", "", html)
    (uri,) = (a["href"] for tag, a in Document(html).elements if tag == "a" and "download" in a)
    assert json.loads(base64.b64decode(uri.partition(",")[2]))["evidence"]["rhs_minus_lhs"] == true
    assert "the certificate of every refuted line decided again" in html
    assert "Outcomes without a certificate (holds, proved, undecided)" in html


def test_a_file_without_a_claim_is_named_with_the_option(verified: Path, tmp_path: Path) -> None:
    result = invoke("report", "lemma-iv.1", "-o", tmp_path, "--verdicts", verified)
    assert result.exit_code == 2
    assert f"--verdicts is {verified}, which has none on lemma-iv.1" in result.stderr


def test_a_certificate_that_was_changed_is_refused(verified: Path, tmp_path: Path) -> None:
    data = json.loads(verified.read_text(encoding="utf-8"))
    (proof,) = (x["certificate"] for x in data if x["certificate"])
    proof["instance"]["r"] = ["1", "1"]  # equal rewards: both sides agree
    file = _changed(verified, tmp_path, certificate=proof)
    result = invoke("report", "theorem-v.2/eq-16", "-o", tmp_path, "--verdicts", file, "--budget", 100)
    assert result.exit_code == 2
    assert "certificate that is not confirmed" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("theorem-v.22",), "the nearest are"),
        (("--seed", "-1"), "expected an integer >= 0"),
        (("--verdicts", "nowhere.json"), "nowhere.json, which cannot be read"),
        (("--verdicts", "same", "--resume", "same"), "expected two files"),
        (("--claims", "nowhere.py"), "'nowhere.py' is no file"),
    ],
)
def test_bad_arguments_end_with_code_two(
    tmp_path: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "atlas"
    monkeypatch.setattr(campaign, "run", lambda *a, **k: pytest.fail("it must be refused before the work"))
    result = invoke("report", "-o", out, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert not out.exists()


@pytest.mark.parametrize(
    ("content_of_file", "message"),
    [
        ("{}", "expected a list of verdicts"),
        ("[1]", "entry 0 is no verdict: it is 1, expected an object"),
        ("[{}]", "entry 0 is no verdict: claim is missing, expected a string"),
        ("no JSON", "cannot be read as JSON"),
    ],
)
def test_a_file_that_holds_no_verdicts_is_refused(tmp_path: Path, content_of_file: str, message: str) -> None:
    file = tmp_path / "v.json"
    file.write_text(content_of_file, encoding="utf-8")
    result = invoke("report", "-o", tmp_path, "--verdicts", file)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "atlas"
    file.write_text("x", encoding="utf-8")
    result = invoke("report", "equation-3", "-o", file)
    assert result.exit_code == 2
    assert "expected a folder" in result.stderr
    (tmp_path / "index.html").mkdir()
    assert "which has a folder index.html" in invoke("report", "equation-3", "-o", tmp_path).stderr


def test_an_interruption_says_how_to_go_on(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was decided stays in the store, the old page stays as it was, and a second run takes the rest."""
    out, store = tmp_path / "atlas", tmp_path / "store.db"
    out.mkdir()
    (out / "index.html").write_text("old", encoding="utf-8")
    options = ("report", "--claims", own, "-o", out, "--budget", 100, "--workers", 1, "--resume", store)
    true_build = content.build
    monkeypatch.setattr(content, "build", _interrupt)
    result = invoke(*options)
    assert result.exit_code == 1
    assert f"go on with: entropy-theory report -o {out} --claims {own} --budget 100" in result.stderr
    assert (out / "index.html").read_text(encoding="utf-8") == "old"
    monkeypatch.setattr(content, "build", true_build)
    checked: list[str] = []
    monkeypatch.setattr(campaign, "_elsewhere", lambda work, executor: checked.extend(c.name for c, _ in work.open()))
    assert invoke(*options).exit_code == 0
    assert not checked
    assert "Atlas of claims" in (out / "index.html").read_text(encoding="utf-8")


def test_a_store_of_claims_that_were_changed_since_is_refused(tmp_path: Path) -> None:
    """As in a working copy whose version stays the same while statements are edited."""
    store = tmp_path / "store.db"
    options = ("report", "equation-3", "-o", tmp_path, "--budget", 100, "--workers", 1, "--resume", store)
    assert invoke(*options).exit_code == 0
    (tmp_path / "index.html").unlink()
    claim = find("paper", "equation-3", "printed")
    key = Key(package_version(), fingerprint("paper"), 0, 100, claim.name, claim.reading)
    with Store(store) as kept:
        verdict = kept.get(key)
    assert verdict is not None
    store.unlink()
    with Store(store) as kept:
        kept.put(key, replace(verdict, statement="H = 1"))
    result = invoke(*options)
    assert result.exit_code == 2
    assert f"--resume is {store}, whose verdict on equation-3" in result.stderr
    assert "another statement than the claim has now" in result.stderr
    assert not (tmp_path / "index.html").exists()


def test_an_interruption_of_the_check_says_how_to_go_on(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign, "run", _interrupt)
    result = invoke("report", "--claims", own, "-o", tmp_path)
    assert result.exit_code == 1
    assert "interrupted: 0 of 5 claims and wrong variants were decided; none is kept" in result.stderr
    assert "--resume verdicts.db" in result.stderr


def _interrupt(*arguments: Any, **options: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("package", "named"), [("latex2mathml", "latex2mathml"), ("matplotlib", "Matplotlib and mpltern")]
)
def test_a_missing_package_is_named_with_its_extra(
    package: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [n for n in sys.modules if n.startswith(("entropy_theory.report", "entropy_theory.figures"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    result = invoke("report", "equation-3", "-o", tmp_path)
    assert result.exit_code == 2
    assert result.stderr == f"error: the report needs {named}: pip install 'entropy-theory[report]'\n"


def test_templates_are_part_of_the_package() -> None:
    folder = resources.files("entropy_theory.report") / "templates"
    assert {"page.html", "macros.html", "style.css", "filters.js"} <= {f.name for f in folder.iterdir()}


def test_an_image_has_the_size_that_it_says() -> None:
    """Dots of the PNG over CSS pixels: the ratio of the two resolutions, up to rounding to a pixel."""
    claim = find("paper", "theorem-v.2/eq-15", "printed")
    picture = pictures.of_verdict(claim, unchecked(claim, "holds"), 0)
    assert picture is not None
    data = base64.b64decode(picture.uri.partition(",")[2])
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    size = np.frombuffer(data[16:24], dtype=">u4")
    expected = np.array([picture.width, picture.height]) * pictures.DOTS_PER_INCH / pictures.SHOWN
    np.testing.assert_allclose(size, expected, atol=1)


def test_a_page_of_nothing_but_orders() -> None:
    claim = et.Order(name="linear", given={"x": et.domains.reals(1, 2)}, power=1, remainder=lambda t, x: t * x)
    verdict = check(claim, budget=40)
    html = page.render(content.build(source.own("f.py"), [claim], [verdict], seed=0, budget=40, command="c"))
    assert not Document(html).wrong
    assert "order 1" in html

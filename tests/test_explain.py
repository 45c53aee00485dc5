"""What `entropy-theory show` says of a claim, and that the texts it needs are there for every claim."""

from __future__ import annotations

import math
import re
from itertools import groupby

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.balls import precision
from entropy_theory.checking.certificate import read_instance
from entropy_theory.checking.certify import balls_of
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.explain import explain, role_of, sections, steps
from entropy_theory.checking.plaintext import in_unicode
from entropy_theory.checking.registry import paper_claims
from entropy_theory.checking.verdict import Verdict
from tests.test_claims import CLAIMS, EXPECTED

REFUTED = [key for key, outcome in EXPECTED.items() if outcome == "refuted"]
TRUE = [key for key, outcome in EXPECTED.items() if outcome in ("holds", "proved")]


def name_of(key: tuple[str, str]) -> str:
    return f"{key[0]}-{key[1]}"


@pytest.mark.parametrize("key", TRUE, ids=name_of)
def test_a_line_that_holds_comes_with_a_proof(key: tuple[str, str]) -> None:
    claim = CLAIMS[key]
    assert len(claim.proof.split()) >= 8, "a proof of a few words is none"
    assert not claim.breaks


@pytest.mark.parametrize("key", REFUTED, ids=name_of)
def test_a_refuted_line_says_where_its_proof_breaks(key: tuple[str, str]) -> None:
    assert len(CLAIMS[key].breaks.split()) >= 8
    assert not CLAIMS[key].proof


@pytest.mark.parametrize("claim", paper_claims(), ids=lambda c: f"{c.name}-{c.reading}")
def test_texts_can_be_read_in_a_terminal(claim: Claim) -> None:
    """No LaTeX is left in the statement, and an assumption is said in words."""
    text = in_unicode(claim.statement)
    assert text
    assert not re.search(r"[\\$]|%s", text), text
    assert bool(claim.hypotheses) or claim.assuming is None
    for field in (claim.hypotheses, claim.proof, claim.breaks, claim.remark):
        assert "\\" not in field


@pytest.mark.parametrize("key", REFUTED, ids=name_of)
def test_the_calculation_can_be_shown(key: tuple[str, str]) -> None:
    """Every term has a value at the counterexample, and the last lines are the two sides that the certificate has."""
    claim = CLAIMS[key]
    verdict = et.verify(claim, budget=2000)
    assert isinstance(verdict, et.Verdict)
    assert verdict.certificate is not None
    instance, _ = read_instance(claim, verdict.certificate)
    with precision(128):
        terms = claim.evaluate_terms({name: balls_of(value)[None] for name, value in instance.items()})
    lines = list(steps(claim, verdict))
    assert all(line.startswith(f"{label} = ") for line, label in zip(lines, terms, strict=False))
    if claim.kind == "order":
        assert "so it falls like t^" in lines[-1]
    else:
        evidence = verdict.certificate["evidence"]
        assert lines[-1].startswith(f"but right - left = {evidence['rhs_minus_lhs']}")
        assert any(evidence["lhs"] in line for line in lines)


def test_a_calculation_is_right() -> None:
    """Eq. (16) at r = (0, 1), alpha = 1, worked out by hand."""
    verdict = et.verify("theorem-v.2/eq-16", budget=2000)
    assert isinstance(verdict, et.Verdict)
    assert verdict.counterexample == {"r": ["0", "1"], "alpha": "1"}
    text = "\n".join(explain(CLAIMS["theorem-v.2/eq-16", "printed"], verdict, {}))
    e = math.e
    for number in (1 / (1 + e), e / (1 + e), np.log(1 + e) - e / (1 + e)):
        assert str(number)[:10] in text


def test_sections_are_what_the_text_is_made_of() -> None:
    """The page and the terminal share them: each line stands in the text, in the same order."""
    claim = CLAIMS["theorem-v.2/eq-16", "printed"]
    verdict = et.verify(claim, budget=500)
    assert isinstance(verdict, et.Verdict)
    mutants = {"one": "refuted", "two": "holds"}
    found = list(sections(claim, verdict, mutants))
    assert [s.label for s in found] == [
        "statement",
        "for all",
        *(["provided"] if claim.hypotheses else []),
        "verdict",
        "counterexample",
        "step by step",
        "where the proof breaks",
        *(["remark"] if claim.remark else []),
        "wrong variants",
    ]
    assert found[0].kind == "formula"
    assert found[0].lines == (claim.statement,)
    assert found[-1].lines == ("one: refuted", "two: holds")
    text = list(explain(claim, verdict, mutants, width=10_000))
    expected = ["As printed: refuted", "  statement", f"    {in_unicode(claim.statement)}"]
    for section in found[1:]:
        lines = [", ".join(section.lines)] if section.kind == "outcomes" else section.lines
        expected += [f"  {section.label}", *(f"    {line}" for line in lines)]
    assert text == expected


def test_terms_are_checked_where_the_claim_is_made() -> None:
    given = {"x": et.domains.reals(0, 1)}
    with pytest.raises(ValueError, match="term 'y' takes y, expected a variable's name"):
        et.Inequality(name="c", given=given, lhs=0, rhs=1, terms={"y": lambda y: y})
    with pytest.raises(ValueError, match=r"term 'half' takes 0\.5"):
        et.Inequality(name="c", given=given, lhs=0, rhs=1, terms={"half": 0.5})  # type: ignore[dict-item]


def test_an_explanation_without_a_counterexample() -> None:
    claim = CLAIMS["theorem-v.2/eq-15", "printed"]
    verdict = et.verify(claim, budget=500)
    assert isinstance(verdict, et.Verdict)
    text = "\n".join(explain(claim, verdict, {"mean-reward": "refuted"}, width=60))
    assert text.startswith("As printed: holds")
    assert "no counterexample was found" in text
    assert "mean-reward: refuted" in text
    assert max(map(len, text.splitlines())) <= 60


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"K \le \tfrac12\,\mathrm{Var}(\log p)", "K ≤ 1/2 Var(log p)"),
        (r"\|g+\alpha h\|_F \ge \|g\|_F", "‖g+αh‖_F ≥ ‖g‖_F"),
        (r"a \iff b", "a ⇔ b"),
        ("90% of it", "90% of it"),
        ("x <= y", "x <= y"),
        ("", ""),
    ],
)
def test_latex_in_unicode(latex: str, text: str) -> None:
    assert in_unicode(latex) == text


def test_a_line_with_nothing_printed_beside_it_is_added() -> None:
    by_role: dict[str, set[str]] = {}
    for name, same in groupby(paper_claims(), key=lambda claim: claim.name):
        readings = tuple(same)
        for claim in readings:
            by_role.setdefault(role_of(claim, readings), set()).add(f"{name} {len(readings)}")
    assert "theorem-v.2/eq-16 2" in by_role["printed"] & by_role["corrected"]
    assert {"lemma-iv.1/zero-sum 1", "beyond/sharpening 1"} <= by_role["added"]
    assert not by_role["added"] & (by_role["printed"] | by_role["corrected"])
    verdict = Verdict("x", "corrected", "identity", "", "holds", 1, 1)
    claim = next(claim for claim in paper_claims() if claim.name == "beyond/sharpening")
    assert next(explain(claim, verdict, {}, title="Added")) == "Added: holds"

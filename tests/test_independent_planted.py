"""Errors planted in either evaluator of certificates are seen, and let nothing be confirmed that is no violation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking import certificate, certify
from entropy_theory.checking.certificate import answer
from entropy_theory.checking.certify import Finding, Status
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.registry import paper_claims
from entropy_theory.independent import decide as deciding
from entropy_theory.independent.decide import Decision
from entropy_theory.independent.evidence import contradiction
from entropy_theory.independent.numbers import sign
from entropy_theory.independent.statements import find
from tests.test_certificate_fuzz import BY_NAME, attacked, bare

EXAMPLES = [
    (bare(BY_NAME["theorem-vii.3/lyapunov"]), "refuted", "refuted"),
    (bare(BY_NAME["definition-vii.1/local"]), "refuted", "refuted"),
    (bare(BY_NAME["theorem-vii.3/vanishing-beta"]), "refuted", "refuted"),
    (bare(attacked(instance={"p": ["1/3", "2/3"], "r": ["0", "1"]})), "not confirmed (satisfied)", "not violated"),
    (bare(attacked(instance={"p": ["1/3", "2/3"], "r": ["1", "1"]})), "not confirmed (outside)", "outside"),
    (
        bare(BY_NAME["definition-vii.1/local"]) | {"instance": {"p": ["1/2", "1/2"], "r": ["0", "1"], "keep": "1"}},
        "not confirmed (satisfied)",
        "not violated",
    ),
    (
        bare(BY_NAME["theorem-v.2/eq-16"])
        | {"claim": "theorem-v.2/eq-16-reversed", "reading": "corrected"}
        | {"instance": {"r": ["0", "1"], "alpha": "1", "q": ["1/2", "1/2"]}},
        "not confirmed (satisfied)",
        "not violated",
    ),
]
"""Certificates without evidence, with what the first and the second evaluator are to say of them."""


def faults() -> tuple[list[str], list[str]]:
    """Answers that are not as they are to be, and those of them that confirm what is no violation."""
    wrong, confirmed_wrongly = [], []
    for item, first, second in EXAMPLES:
        confirmed, line = answer(paper_claims(), item)
        if confirmed != (first == "refuted") or f": {first}" not in line or f"second evaluator: {second}" not in line:
            wrong.append(line)
        if confirmed and first != "refuted":
            confirmed_wrongly.append(line)
    return wrong, confirmed_wrongly


def first_says(status: Status) -> Callable[..., Finding]:
    return lambda *arguments, **more: Finding(status, bits=64)


def second_says(said: Any) -> Callable[[Any], Decision]:
    return lambda item: Decision(said, 20)


def turned_sides(sides: Callable[..., Any]) -> Callable[..., Any]:
    def turned(self: Any, leaves: Any) -> Any:
        left, right = sides(self, leaves)
        return right, left

    return turned


FIRST: dict[str, tuple[Any, str, Any]] = {
    "always agrees": (certificate, "examine", first_says(Status.VIOLATED)),
    "never agrees": (certificate, "examine", first_says(Status.SATISFIED)),
    "never decides": (certificate, "examine", first_says(Status.UNDECIDED)),
    "admits nothing": (certificate, "examine", first_says(Status.OUTSIDE)),
    "inequalities always break": (certify, "_breaks", lambda gap, strict: True),
    "inequalities never break": (certify, "_breaks", lambda gap, strict: False),
    "the other sign": (et.Inequality, "sides", turned_sides(et.Inequality.sides)),
    "admits everything": (Claim, "admitted", lambda self, leaves: np.ones(1, dtype=bool)),
}
SECOND: dict[str, tuple[Any, str, Any]] = {
    "always agrees": (deciding, "decide", second_says("violated")),
    "never agrees": (deciding, "decide", second_says("not violated")),
    "never decides": (deciding, "decide", second_says("undecided")),
    "knows nothing": (deciding, "decide", second_says("unknown")),
    "admits nothing": (deciding, "decide", second_says("outside")),
    "everything is violated": (deciding, "_violated", lambda statement, a, b, n: True),
    "nothing is violated": (deciding, "_violated", lambda statement, a, b, n: False),
    "the other sign": (deciding, "sign", lambda x: None if (own := sign(x)) is None else -own),
}


def test_both_evaluators_as_they_are_give_no_fault() -> None:
    assert faults() == ([], [])


@pytest.mark.parametrize("error", FIRST)
def test_an_error_planted_in_the_first_evaluator_is_seen(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FIRST[error])
    wrong, confirmed_wrongly = faults()
    assert wrong
    assert confirmed_wrongly == [], "the second evaluator alone is enough to confirm nothing wrongly"


@pytest.mark.parametrize("error", SECOND)
def test_an_error_planted_in_the_second_evaluator_is_seen(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*SECOND[error])
    wrong, confirmed_wrongly = faults()
    assert wrong
    assert confirmed_wrongly == [], "the first evaluator alone is enough to confirm nothing wrongly"


def test_only_both_evaluators_broken_confirm_what_is_no_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FIRST["always agrees"])
    monkeypatch.setattr(*SECOND["always agrees"])
    assert len(faults()[1]) == 4


# Evidence ----------------------------------------------------------------------------------------------------------


def doubled(sides: Callable[..., Any]) -> Callable[..., Any]:
    def both(self: Any, leaves: Any) -> Any:
        left, right = sides(self, leaves)
        return left * 2, right * 2

    return both


@pytest.mark.parametrize("name", ["theorem-vii.3/lyapunov", "theorem-v.2/eq-16", "theorem-vii.2/eq-29"])
def test_a_factor_on_both_sides_of_the_first_evaluator_is_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It refutes what is false as before; only what it prints is wrong."""
    monkeypatch.setattr(et.Inequality, "sides", doubled(et.Inequality.sides))
    item = BY_NAME[name]
    claim = next(c for c in paper_claims() if (c.name, c.reading) == (name, "printed"))
    instance, _ = certificate.read_instance(claim, item)
    wrong = certificate.certificate(claim, instance, certify.examine(claim, instance))
    assert wrong["evidence"] != item["evidence"]
    confirmed, line = answer(paper_claims(), wrong)
    assert not confirmed
    assert "second evaluator: refuted" in line
    assert "; its evidence is rejected: the sides are " in line
    assert answer(paper_claims(), bare(wrong))[0]


OTHER = "[0.3 +/- 1e-9]"


@pytest.mark.parametrize("name", BY_NAME)
def test_the_second_evaluator_knows_the_evidence(name: str) -> None:
    """It contradicts each enclosure that another takes the place of, but for lines that it has in another form."""
    item = BY_NAME[name]
    n = deciding.decide(item).digits
    assert contradiction(item, n) == ""
    statement = find(name, "printed")
    assert statement is not None
    for key, value in item["evidence"].items():
        if key in ("lhs", "rhs", "rhs_minus_lhs"):
            other = item | {"evidence": item["evidence"] | {key: OTHER}}
            assert (contradiction(other, n) == "") is statement.own_sides
        if key == "remainders":
            for i, step in enumerate(item["evidence"]["steps"]):
                other = item | {"evidence": item["evidence"] | {key: [*value[:i], OTHER, *value[i + 1 :]]}}
                found = contradiction(other, n)
                assert found.startswith(f"the remainder at {step} is [")
                assert found.endswith(f", expected {OTHER}")


def test_both_are_shown_with_enough_digits() -> None:
    item = BY_NAME["theorem-v.2/eq-16"]
    wrong = item | {"evidence": item["evidence"] | {"lhs": "[0.582203108888217955 +/- 1e-25]"}}
    confirmed, line = answer(paper_claims(), wrong)
    assert not confirmed
    assert "the sides are [0.58220310888821795" in line
    assert "expected [0.582203108888217955 +/- 1e-25] and [0.268941421369995121 +/- 3.45e-19]: not confirmed" in line


@pytest.mark.parametrize("text", ["nan", "[0.58 +/- inf]", "0x1", "1/0", "[0.58]", "9" * 61])
def test_what_is_no_enclosure_cannot_be_contradicted(text: str) -> None:
    """The first evaluator rejects it."""
    item = BY_NAME["theorem-v.2/eq-16"]
    wrong = item | {"evidence": item["evidence"] | {"lhs": text}}
    if text != "9" * 61:
        assert contradiction(wrong, 20) == ""
    confirmed, line = answer(paper_claims(), wrong)
    assert not confirmed
    assert ": rejected: evidence: lhs is " in line

"""Tampered certificates: each is refused in one line, or decided anew and said truthfully.

`certificates.json` holds one certificate of every line of the paper that is refuted, as `refutation` of
`tests.test_independent` found them. What a changed one shows is known by a third route for the claims of
`tests.oracles.refuted`; and a line that holds is never to be confirmed as refuted.
"""

from __future__ import annotations

import copy
import json
import re
import string
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from entropy_theory.checking import certificate
from entropy_theory.checking.certificate import CertificateError, answer, read_certificates
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.evidence import LONGEST, OTHERWISE, brief
from entropy_theory.checking.leaf import Leaf
from entropy_theory.checking.registry import paper_claims
from entropy_theory.checking.verdict import Verdict
from entropy_theory.cli import app
from entropy_theory.independent.decide import decide
from tests.oracles.refuted import ORACLES

F = Fraction
Certificate = dict[str, Any]

STORED: list[Certificate] = json.loads(Path(__file__).with_name("certificates.json").read_text(encoding="utf-8"))
CLAIMS: dict[tuple[str, str], Claim] = {(claim.name, claim.reading): claim for claim in paper_claims()}
HOLDING = [claim for claim in paper_claims() if not claim.breaks]
BY_NAME = {x["claim"]: x for x in STORED}
SLOW = {"theorem-vii.3/rate", "theorem-vii.3/stationary", "theorem-iv.1/eq-4", "theorem-vii.4/eq-33"}
"""Certificates whose decision takes more than 40 milliseconds, beside those of Section VIII."""

MEANT = ("format", "version", "claim", "reading", "kind", "instance")
"""Entries on which the decision depends; bits and evidence are found anew, and compared."""

REJECTED = "; its evidence is rejected: "
"""What is said where the first evaluator's enclosures are too wide to see that the printed ones are wrong."""

many = settings(max_examples=4 * settings().max_examples, suppress_health_check=list(HealthCheck))


def quick(claim: Claim) -> bool:
    return claim.kind != "order" and not claim.name.startswith(("section-viii/grpo", "section-viii/reinforce"))


def rational(value: Any) -> Any:
    return [rational(x) for x in value] if isinstance(value, list) else F(value)


def numbers(value: Any) -> Iterator[Fraction]:
    if isinstance(value, list):
        for part in value:
            yield from numbers(part)
    else:
        yield value


def bare(item: Certificate) -> Certificate:
    """The certificate with nothing printed that other numbers would contradict."""
    return {key: value for key, value in item.items() if key in MEANT}


def at_a_float_end(item: Certificate) -> bool:
    """Whether some number lies at an end such as 0.999, where the double and the decimal number part."""
    for name, leaf in CLAIMS[item["claim"], item["reading"]].space.leaves.items():
        for end in (leaf.low, leaf.high):
            if abs(end) < float("inf") and F(end).denominator > 1024:
                near = [x for x in numbers(rational(item["instance"][name])) if abs(x - F(end)) < F(1, 10**12)]
                if near:
                    return True
    return False


def agree(item: Certificate, line: str) -> bool:
    """Whether both evaluators say the same, or one of them that its digits did not suffice."""
    first, _, second = line.partition("second evaluator")
    if not second:
        # A claim's functions need not have a value outside its domain.
        return " raised " in line and decide(item).outcome == "outside"
    if "undecided" in line or "both sides agree to" in second or at_a_float_end(item):
        return True
    expected = {"(satisfied": "not violated", "(balanced": "not violated", "(outside": "outside"}
    return next((said for word, said in expected.items() if word in first), "refuted") in second


def truth(item: Certificate) -> bool | None:
    """Whether a readable certificate shows a violation; None if no oracle says."""
    if item["claim"] not in ORACLES or item["reading"] != "printed" or at_a_float_end(item):
        return None
    claim = CLAIMS[item["claim"], "printed"]
    instance = {name: rational(value) for name, value in item["instance"].items()}
    for name, leaf in claim.space.leaves.items():
        if any(x < leaf.low or x > leaf.high for x in numbers(instance[name])) and leaf.kind == "real":
            return False
    with mpmath.workdps(200):
        return ORACLES[item["claim"]](**instance)


# The answer to a file, with all that every answer must be


def in_one_line(text: str) -> bool:
    return 10 < len(text) < 700 and set(text) <= set(string.printable) - set("\n\r\x0b\x0c\t")


def outcome(content: bytes) -> list[tuple[bool, str]] | str:
    """Why the file is refused, or the answer to each certificate in it."""
    refused = ""
    try:
        items = read_certificates(content)
    except CertificateError as error:
        refused = str(error)
    if refused:
        assert in_one_line(f"file: {refused}"), refused
        return refused
    answers = [answer(paper_claims(), item) for item in items]
    for confirmed, line in answers:
        assert in_one_line(line), line
        known = any(line.startswith(f"{name} ({reading}): ") for name, reading in CLAIMS)
        assert known or ": rejected: " in line
        if confirmed:
            # Both evaluators say so, each by its own decision.
            assert ": refuted, decided at " in line
            assert "; second evaluator: refuted, with " in line
            assert "not confirmed" not in line
        else:
            assert ": rejected: " in line or "not confirmed" in line
    return answers


def decided(item: Any) -> tuple[bool, str]:
    """The answer to one certificate, through the text of a file."""
    answers = outcome(json.dumps(item).encode())
    assert not isinstance(answers, str)
    assert len(answers) == 1
    return answers[0]


def moderate(item: Certificate) -> bool:
    """Whether no number needs more than two digits, so that no exponential of them is too small to be seen."""
    parts = [x.as_integer_ratio() for value in item["instance"].values() for x in numbers(rational(value))]
    return all(abs(part) <= 20 for pair in parts for part in pair)


def check_truth(item: Certificate, confirmed: bool, line: str) -> None:
    """The evaluators agree, and the answer is what the oracle says, or says that the precision did not suffice."""
    assert agree(item, line), (item, line)
    expected = truth(item)
    if expected and not confirmed and REJECTED not in line:
        assert not moderate(item), (item, line)
        assert any(words in line for words in ("undecided", "(balanced", "both sides agree to")), (item, line)
    elif expected is not None and REJECTED not in line:
        assert confirmed is expected, (item, line)
    if confirmed:
        assert CLAIMS[item["claim"], item["reading"]].breaks, (item, line)


# Genuine certificates


def test_every_refuted_line_of_the_paper_is_stored() -> None:
    assert set(BY_NAME) == {claim.name for claim in paper_claims() if claim.breaks}
    assert len(STORED) == len(BY_NAME) == 50


@pytest.mark.parametrize("name", BY_NAME)
def test_stored_certificates_are_confirmed(name: str) -> None:
    confirmed, line = decided(BY_NAME[name])
    assert confirmed, line
    check_truth(BY_NAME[name], confirmed, line)


@pytest.mark.parametrize("name", ORACLES)
def test_oracles_know_both_answers(name: str) -> None:
    """An oracle that always gives one answer would notice nothing."""
    assert truth(BY_NAME[name]) is True
    other = copy.deepcopy(BY_NAME[name])
    for key, value in other["instance"].items():
        other["instance"][key] = ["-1"] * len(value) if isinstance(value, list) else "-1"
    assert truth(other) is False


# Tampered text


cheap = st.sampled_from(
    [x for x in STORED if x["claim"] not in SLOW and not x["claim"].startswith("section-viii/grpo")]
)
known_truth = st.sampled_from([BY_NAME[name] for name in ORACLES])


def spots(text: str, characters: str) -> list[int]:
    return [i for i, c in enumerate(text) if c in characters]


def after_change(item: Certificate, text: str) -> None:
    """A changed file is refused, or what it now says is decided truthfully."""
    answers = outcome(text.encode("utf-8", "surrogatepass"))
    if isinstance(answers, str):
        return
    now = json.loads(text)
    assert len(answers) == 1
    confirmed, line = answers[0]
    if ": rejected: " not in line:
        check_truth(now, confirmed, line)
    check_beside(item, now, confirmed, line)


ENCLOSED = ("lhs", "rhs", "rhs_minus_lhs", "remainders", "orders")
NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]{1,5})?"


def printed_ends(text: Any) -> tuple[Fraction, Fraction] | None:
    """The interval that an entry of the evidence prints; None if it prints none, or one at length."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    if re.fullmatch(rf"-?[0-9]+/0*[1-9][0-9]*|{NUMBER}", text):
        return F(text), F(text)
    match = re.fullmatch(rf"\[({NUMBER} )?\+/- ({NUMBER})\]", text)
    if match is None or F(match[2]) < 0:
        return None
    middle, radius = F((match[1] or "0").strip()), F(match[2])
    return middle - radius, middle + radius


def parts_of(evidence: Any) -> Iterator[tuple[str, Any]]:
    for name, value in evidence.items():
        yield from ((name, part) for part in value) if isinstance(value, list) else [(name, value)]


def may_be_printed(true: Any, printed: Any) -> bool | None:
    """Whether printed evidence has the entries of the true one, and intervals that hold its; None if they only meet."""
    if not isinstance(printed, dict) or set(printed) != set(true):
        return False
    whole = True
    for name, value in true.items():
        own = printed[name]
        if isinstance(value, list) and (not isinstance(own, list) or len(own) != len(value)):
            return False
        for a, b in zip(*(x if isinstance(value, list) else [x] for x in (value, own)), strict=True):
            if name not in ENCLOSED and (type(a) is not type(b) or a != b):
                return False
            if a != b:
                (low, high), ends = printed_ends(a) or (F(0), F(0)), printed_ends(b)
                if ends is None or ends[0] > high or ends[1] < low:
                    return False
                whole = whole and ends[0] <= low and ends[1] >= high
    return whole or None


def check_beside(item: Certificate, now: Certificate, confirmed: bool, line: str) -> None:
    """What a changed certificate of the same numbers prints is rejected, or the truth is said of it."""
    if "outcome" in now or any(now.get(key) != item.get(key) for key in MEANT):
        return
    bits = now.get("bits", 1)
    genuine: bool | None = type(bits) is int and bits >= 1
    printed = "evidence" in item and now.get("evidence") is not None
    if genuine and printed:
        genuine = may_be_printed(item["evidence"], now["evidence"])
    if genuine is not None:
        assert confirmed is genuine, line
    if not confirmed:
        assert (REJECTED if genuine is None else ": rejected: ") in line
        return
    others = [("bits", item["bits"])] if now.get("bits", item.get("bits")) != item.get("bits") else []
    if printed:
        pairs = zip(parts_of(item["evidence"]), parts_of(now["evidence"] | {}), strict=True)
        others += [a for a, b in pairs if a != b]
    assert (OTHERWISE in line) == bool(others)
    for name, true in others:
        assert name in line
        assert brief(true) in line


@many
@given(known_truth, st.data())
def test_any_digit_of_any_number(item: Certificate, data: st.DataObject) -> None:
    item = data.draw(st.sampled_from([item, bare(item)]))
    text = json.dumps(item)
    for _ in range(data.draw(st.integers(1, 2))):
        i = data.draw(st.sampled_from(spots(text, string.digits)))
        text = text[:i] + data.draw(st.sampled_from(string.digits)) + text[i + 1 :]
    after_change(item, text)


@many
@given(cheap, st.data())
def test_any_character_changed_dropped_or_added(item: Certificate, data: st.DataObject) -> None:
    item = data.draw(st.sampled_from([item, bare(item)]))
    text = json.dumps(item, indent=data.draw(st.sampled_from([None, 1])))
    for _ in range(data.draw(st.integers(1, 3))):
        i = data.draw(st.integers(0, len(text) - 1))
        new = data.draw(
            st.sampled_from(["", "-", "0", "9", "/", ".", '"', "[", "]", "{", "}", ",", ":", "e", "\u0661", "\\"])
        )
        text = text[:i] + new + text[i + data.draw(st.integers(0, 1)) :]
    after_change(item, text)


@many
@given(cheap, st.data())
def test_any_byte(item: Certificate, data: st.DataObject) -> None:
    content = bytearray(json.dumps(item).encode())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    answers = outcome(bytes(content))
    if not isinstance(answers, str) and answers and answers[0][0]:
        check_truth(json.loads(bytes(content)), *answers[0])
        check_beside(item, json.loads(bytes(content)), *answers[0])


@many
@given(cheap, st.data())
def test_any_key_given_twice(item: Certificate, data: st.DataObject) -> None:
    """Readers differ in which of the two they take."""
    text = json.dumps(item)
    inside = data.draw(st.sampled_from([item, item["instance"], item["evidence"]]))
    key, value = data.draw(st.sampled_from(sorted(inside.items(), key=str)))
    again = data.draw(st.sampled_from([value, data.draw(st.sampled_from(WEIRD))]))
    plain = f"{json.dumps(key)}: {json.dumps(value)}"
    assert plain in text
    refused = outcome(text.replace(plain, f"{plain}, {json.dumps(key)}: {json.dumps(again)}", 1).encode())
    assert refused == f"the key {key!r} is given twice"


def test_truncated_at_any_byte() -> None:
    content = json.dumps(BY_NAME["theorem-vii.3/lyapunov"], indent=1).encode()
    for end in range(len(content)):
        refused = outcome(content[:end])
        assert isinstance(refused, str), end
    assert not isinstance(outcome(content), str)


# Tampered evidence, and verdicts


@many
@given(st.sampled_from(STORED), st.data())
def test_any_character_of_the_evidence(item: Certificate, data: st.DataObject) -> None:
    changed = copy.deepcopy(item)
    places_of = [
        path for path in sorted(places(item["evidence"]), key=str) if isinstance(at(item["evidence"], path), str)
    ]
    path = data.draw(st.sampled_from(places_of))
    text = at(item["evidence"], path)
    i = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(
        st.sampled_from([*string.digits, *string.digits, "", "-", ".", "/", "e", "e-", "e+9", " ", "[", "]"])
    )
    text = text[:i] + new + text[i + data.draw(st.integers(0, 1)) :]
    holder(changed["evidence"], path)[path[-1]] = text
    confirmed, line = decided(changed)
    check_beside(item, changed, confirmed, line)


def verdict_of(item: Certificate) -> Certificate:
    """A verdict that holds the certificate, as the command writes it."""
    claim = CLAIMS[item["claim"], item["reading"]]
    instance, _ = certificate.read_instance(claim, item)
    return Verdict(
        claim=claim.name,
        reading=claim.reading,
        kind=claim.kind,
        statement=claim.statement,
        outcome="refuted",
        instances=900,
        admitted=800,
        worst=-1.5,
        tight=claim.tight,
        counterexample={name: certificate.strings(value) for name, value in claim.space.describe(instance).items()},
        certificate=copy.deepcopy(item),
        remark=claim.remark,
    ).to_json()


FREE = {"instances", "admitted", "worst", "ratio", "environments", "message", "error"}
"""Entries of a verdict that tell of the search, of which the numbers of a certificate know nothing."""


@pytest.mark.parametrize("name", BY_NAME)
def test_verdicts_are_confirmed_by_their_certificates(name: str) -> None:
    assert decided(verdict_of(BY_NAME[name])) == decided(BY_NAME[name])


@many
@given(cheap, st.data())
def test_any_digit_of_the_counterexample_beside_a_certificate(item: Certificate, data: st.DataObject) -> None:
    verdict = verdict_of(item)
    text = json.dumps(verdict["counterexample"])
    i = data.draw(st.sampled_from(spots(text, string.digits)))
    text = text[:i] + data.draw(st.sampled_from(string.digits)) + text[i + 1 :]
    if any(not b.strip("0") for b in re.findall("/([0-9]+)", text)):
        shown = None
    else:
        shown = {name: rational(value) for name, value in json.loads(text).items()}
    true = {name: rational(value) for name, value in verdict["counterexample"].items()}
    confirmed, line = decided(verdict | {"counterexample": json.loads(text)})
    assert confirmed is (shown == true)
    assert confirmed or ": rejected: the verdict has another counterexample than its certificate" in line


@many
@given(cheap, st.data())
def test_any_entry_of_a_verdict(item: Certificate, data: st.DataObject) -> None:
    """Only what tells of the search may be changed and pass."""
    verdict = verdict_of(item)
    changed = tampered(verdict, data.draw)
    if not isinstance(changed, dict) or "outcome" not in changed:
        answers = outcome(json.dumps(changed).encode())
        assert not isinstance(answers, str)
        assert not any(confirmed for confirmed, _ in answers)
        return
    answers = outcome(json.dumps(changed).encode())
    assert not isinstance(answers, str)
    if not answers:
        assert changed.get("certificate") is None
        assert changed.get("counterexample") is None
        return
    confirmed, line = answers[0]
    fixed = {key: value for key, value in changed.items() if key not in FREE}
    if not confirmed:
        assert changed != verdict
        return
    assert set(changed) == set(verdict)
    inside = changed["certificate"]
    for name, value in fixed.items():
        if name == "certificate":
            check_truth(value, confirmed, line)
            check_beside(item, value, confirmed, line)
        elif name == "counterexample":
            numbers_of = certificate.read_instance(CLAIMS[inside["claim"], inside["reading"]], inside)[0]
            shown = CLAIMS[inside["claim"], inside["reading"]].space.describe(numbers_of)
            assert {k: rational(v) for k, v in value.items()} == {k: v.tolist() for k, v in shown.items()}
        else:
            assert value == verdict[name]


@many
@given(cheap, st.sampled_from(STORED), st.data())
def test_parts_of_two_verdicts_exchanged(item: Certificate, other: Certificate, data: st.DataObject) -> None:
    """One line's refutation is not to be printed as that of another."""
    mine, others = verdict_of(item), verdict_of(other)
    names = sorted(set(mine) - FREE - {"outcome"})
    taken = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=len(names) - 1, unique=True))
    changed = mine | {name: others[name] for name in taken}
    confirmed, line = decided(changed)
    assert confirmed is (changed in (mine, others)), line
    assert confirmed or ": rejected: " in line


# Tampered entries


LONG = "7" * 10**5
WEIRD: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    0.5,
    10**30,
    "",
    "0",
    "-0",
    "1",
    "-1",
    "1/0",
    "0/0",
    "-1/3",
    "1/-3",
    "1/3/3",
    "0.25",
    ".5",
    "5.",
    "+1",
    " 1",
    "1 ",
    "1\n",
    "1_000",
    "1e999999",
    "-1e-999999999",
    "1e5",
    "0x10",
    "nan",
    "NaN",
    "Infinity",
    "-inf",
    "\u0661\u0662",
    "\u00bd",
    "\udc80",
    "\u2028",
    "\x1b[31m",
    LONG,
    "1/" + LONG,
    "-" + LONG[:999],
    "1/" + LONG[:999],
    [],
    {},
    [[]],
    ["1"],
    ["1/2", "1/2"],
    [["1/2", "1/2"]],
    ["1/2", ["1/2"]],
    {"p": "1"},
    "theorem-v.2/eq-16",
    "printed",
    "corrected",
    "order",
    "identity",
    "inequality",
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def at(item: Any, path: tuple[Any, ...]) -> Any:
    return holder(item, path)[path[-1]]


def holder(item: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        item = item[step]
    return item


def tampered(item: Certificate, draw: Callable[[Any], Any]) -> Any:
    item = copy.deepcopy(item)
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(sorted(places(item), key=str)))
        inside, key = holder(item, path), path[-1]
        change = draw(
            st.sampled_from(["replace", "number", "drop", "rename", "wrap", "unwrap", "repeat", "swap", "add"])
        )
        if change == "replace":
            inside[key] = copy.deepcopy(draw(st.sampled_from(WEIRD)))
        elif change == "number":
            inside[key] = str(draw(st.fractions(-3, 3, max_denominator=12)))
        elif change == "drop":
            del inside[key]
        elif change == "rename" and isinstance(inside, dict):
            inside[draw(st.sampled_from(["", "p", "P", f"{key} ", "x" * 10**4]))] = inside.pop(key)
        elif change == "wrap":
            inside[key] = [inside[key]]
        elif change == "unwrap" and isinstance(inside[key], list) and inside[key]:
            inside[key] = inside[key][0]
        elif change == "repeat" and isinstance(inside[key], list):
            inside[key] = inside[key] * draw(st.sampled_from([2, 5, 300]))
        elif change == "swap" and isinstance(inside[key], list):
            inside[key] = inside[key][::-1]
        elif change == "add" and isinstance(inside[key], dict):
            inside[key][draw(st.sampled_from(["p", "x", "", "outcome"]))] = draw(st.sampled_from(WEIRD))
        if not item:
            break
    return item


@many
@given(cheap, st.data())
def test_any_entry_replaced_dropped_renamed_or_nested(item: Certificate, data: st.DataObject) -> None:
    item = data.draw(st.sampled_from([item, bare(item)]))
    changed = tampered(item, data.draw)
    answers = outcome(json.dumps(changed).encode())
    assert not isinstance(answers, str)
    for confirmed, line in answers:
        if ": rejected: " not in line:
            check_truth(changed, confirmed, line)
        if isinstance(changed, dict):
            check_beside(item, changed, confirmed, line)


@many
@given(known_truth, st.data())
def test_other_numbers_are_decided_anew(item: Certificate, data: st.DataObject) -> None:
    """Numbers near and far, with what the domain asks of them or without."""
    changed = copy.deepcopy(bare(item))
    simple = st.one_of(st.fractions(-2, 2, max_denominator=9), st.integers(-3, 25).map(F))
    number = st.one_of(
        simple, simple, st.fractions(-1, 1), st.sampled_from([F(10) ** 300, F(1, 10**300), F(1, 10**998)])
    )
    for name, leaf in CLAIMS[item["claim"], "printed"].space.leaves.items():
        old = changed["instance"][name]
        if leaf.kind == "simplex":
            weights = data.draw(st.lists(st.integers(1, 40), min_size=len(old), max_size=len(old)))
            changed["instance"][name] = [str(F(w, sum(weights))) for w in weights]
        elif isinstance(old, list):
            changed["instance"][name] = [
                str(x) for x in data.draw(st.lists(number, min_size=len(old), max_size=len(old)))
            ]
        elif data.draw(st.booleans()):
            changed["instance"][name] = str(data.draw(number))
    confirmed, line = decided(changed)
    assert ": rejected: " not in line
    check_truth(changed, confirmed, line)


@pytest.mark.parametrize("name", BY_NAME)
def test_the_counterexample_of_one_line_confirms_no_line_that_holds(name: str) -> None:
    item = BY_NAME[name]
    for claim in HOLDING:
        if set(claim.space.leaves) == set(item["instance"]):
            renamed = {**item, "claim": claim.name, "reading": claim.reading, "kind": claim.kind}
            confirmed, line = decided(renamed)
            assert not confirmed, line
            assert ": rejected: " in line or agree(renamed, line), line


def on_a_grid(leaf: Leaf) -> st.SearchStrategy[Fraction]:
    """Numbers of a leaf, at most 5 from zero where it has no bounds."""
    low, high = F(max(leaf.low, -5)), F(min(leaf.high, max(5, leaf.low + 5)))
    if leaf.integer:
        return st.integers(int(low), int(high)).map(F)
    return st.integers(0, 32).map(lambda k: low + (high - low) * k / 32)


@many
@given(st.sampled_from(sorted((c.name, c.reading) for c in HOLDING if quick(c))), st.data())
def test_no_instance_confirms_a_line_that_holds(key: tuple[str, str], data: st.DataObject) -> None:
    claim = CLAIMS[key]
    sizes = data.draw(st.sampled_from(claim.space.sizes()[:3]))
    instance = {}
    for name, leaf in claim.space.leaves.items():
        shape = [sizes[label.removesuffix("+end")] + label.endswith("+end") for label in leaf.axes]
        count = int(np.prod(shape, dtype=int))
        if leaf.kind == "simplex":
            weights = np.array(data.draw(st.lists(st.integers(1, 9), min_size=count, max_size=count)), dtype=object)
            rows = weights.reshape(shape)
            values = np.vectorize(F, otypes=[object])(rows, np.broadcast_to(rows.sum(-1, keepdims=True), rows.shape))
        else:
            values = np.array(data.draw(st.lists(on_a_grid(leaf), min_size=count, max_size=count)), dtype=object)
            values = values.reshape(shape)
        instance[name] = certificate.strings(values)
    frame = {"format": certificate.FORMAT, "version": certificate.VERSION, "kind": claim.kind}
    item = {**frame, "claim": claim.name, "reading": claim.reading, "instance": instance}
    confirmed, line = decided(item)
    assert not confirmed, line
    assert ": rejected: " not in line
    assert agree(item, line), (item, line)


# Single attacks, each of which once got through or ended in a traceback


def attacked(**changes: Any) -> Certificate:
    return {**copy.deepcopy(BY_NAME["theorem-vii.3/lyapunov"]), **changes}


def nested(depth: int) -> Any:
    out: Any = "1"
    for _ in range(depth):
        out = [out]
    return out


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (attacked(instance={"p": ["\u0662/3", "1/3"], "r": ["0", "1"]}), "instance['p'] holds '\\u0662/3'"),
        (attacked(claim="x\ntheorem-v.1 (printed): refuted"), "claim is 'x\\ntheorem-v.1 (printed): refuted'"),
        (attacked(claim="\udc80"), "claim is '\\udc80'"),
        (attacked(claim="x" * 10**5), "claim is 'xxxx"),
        (attacked(reading="corrected "), "reading is 'corrected '"),
        (attacked(version=True), "version is True, expected 1"),
        (attacked(version=1.0), "version is 1.0, expected 1"),
        (attacked(version=2), "version is 2, expected 1"),
        (attacked(version="1"), "version is '1', expected 1"),
        (attacked(kind="identity"), "kind is 'identity', expected 'inequality'"),
        (
            attacked(instance={"p": nested(900), "r": ["0", "1"]}),
            "instance['p'] holds a list of 1, expected a rational",
        ),
        (attacked(instance={"p": ["1/3", "2/3"], "r": ["0", LONG]}), "of at most 1000 digits"),
        (attacked(instance={"p": ["1/3", "2/3"], "r": ["0", "1e999999"]}), "'1e999999', expected a rational number"),
        (attacked(instance={"p": ["1/3", "2/3"], "r": ["0", "1/0"]}), "'1/0', expected a denominator other than zero"),
        (attacked(instance={"p": ["1/3", "1/3"], "r": ["0", "1"]}), "instance['p'] has a row that does not sum to one"),
        (attacked(instance={"p": ["1/3", "2/3"], "r": ["0"]}), "instance['r'] has shape (1,)"),
        (attacked(instance={"p": ["1/3", "2/3"]}), "instance has 'p', expected 'p', 'r'"),
        (attacked(instance={"p\n": ["1"], "r": ["0"]}), "instance has 'p\\n', 'r', expected"),
        ({"outcome": "refuted", "claim": "x", "certificate": None}, "says 'refuted' and has no certificate"),
        ([1] * 10**4, "the certificate is a list of 10000"),
        (nested(900), "the certificate is a list of 1"),
        (10**40, "the certificate is 1000"),
    ],
)
def test_what_was_wrong_is_named(item: Any, said: str) -> None:
    confirmed, line = decided([item])
    assert not confirmed
    assert ": rejected: " in line
    assert said in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Expecting value"),
        (b"\x00\xff\xfe", "codec can't decode"),
        (b"PK\x03\x04", "Expecting value"),
        (b"\x80\x04\x95", "codec can't decode"),
        (b'{"claim": "a", "claim": "b"}', "the key 'claim' is given twice"),
        (b'[{"x": {"a\\n": 1, "a\\n": 1}}]', "the key 'a\\n' is given twice"),
        (b'{"bits": NaN}', "NaN is no number of JSON"),
        (b'{"bits": -Infinity}', "-Infinity is no number of JSON"),
        (b"[" * 10**5, "nested too deeply"),
        (b"[" + b"0," * 10**5 + b"0]", "it holds 100001 entries, expected at most 100000"),
        (b'{"bits": ' + LONG.encode() + b"}", "Exceeds the limit"),
        (b'{"bits": 1} {"bits": 2}', "Extra data"),
        (json.dumps(BY_NAME["remark-vii.1"]).encode("utf-16"), "codec can't decode"),
    ],
)
def test_what_is_no_file_of_certificates_is_refused(content: bytes, said: str) -> None:
    refused = outcome(content)
    assert isinstance(refused, str)
    assert said in refused


def test_a_byte_order_mark_and_other_entries_change_nothing() -> None:
    item = attacked(comment="x", certificate=None)
    assert decided(item)[0]
    answers = outcome(b"\xef\xbb\xbf" + json.dumps(item).encode())
    assert not isinstance(answers, str)
    assert answers[0][0]


def test_a_larger_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = json.dumps(BY_NAME["remark-vii.1"]).encode()
    monkeypatch.setattr(certificate, "MOST_BYTES", len(content))
    assert not isinstance(outcome(content), str)
    assert outcome(content + b" ") == f"it has more than {len(content)} bytes"
    file = tmp_path / "large.json"
    file.write_bytes(content + b" " * 10**6)
    assert "more than" in invoke(file).output


def test_very_many_long_numbers_are_outside_before_they_are_added() -> None:
    """Their common denominator would have a million digits."""
    rows = [f"{10**900 + i}/{10**990 + 2 * i + 1}" for i in range(1500)]
    confirmed, line = decided(attacked(instance={"p": rows, "r": rows}))
    assert not confirmed
    assert "not confirmed (outside); second evaluator: outside" in line


@pytest.mark.parametrize("name", BY_NAME)
def test_numbers_of_a_thousand_digits_are_decided(name: str) -> None:
    """Numbers that differ from the counterexample's by 1e-900 of them."""
    item = copy.deepcopy(bare(BY_NAME[name]))
    little = F(1, 10**900)

    def longer(value: Any, simplex: bool) -> Any:
        if isinstance(value, str):
            return str(F(value) * (1 - little))
        if simplex and isinstance(value[0], str):
            row = [F(x) for x in value]
            moved = [x * (1 - little) for x in row]
            top = row.index(max(row))
            return [str(x + (little if a == top else 0)) for a, x in enumerate(moved)]
        return [longer(part, simplex) for part in value]

    for leaf, spec in CLAIMS[name, "printed"].space.leaves.items():
        if not spec.integer:
            item["instance"][leaf] = longer(item["instance"][leaf], spec.kind == "simplex")
    confirmed, line = decided(item)
    assert ": rejected: " not in line
    check_truth(item, confirmed, line)


# The command


def invoke(file: Path, *more: Any) -> Any:
    return CliRunner().invoke(app, ["recheck", str(file), *map(str, more)])


@pytest.mark.parametrize("end", [0, 1, 50, 100, 150, 200, 250, 300])
def test_the_command_refuses_a_truncated_file(tmp_path: Path, end: int) -> None:
    file = tmp_path / "short.json"
    file.write_bytes(json.dumps(BY_NAME["theorem-vii.3/lyapunov"]).encode()[:end])
    result = invoke(file)
    assert result.exit_code == 2
    assert "short.json cannot be read as JSON" in result.output
    assert result.output.count("\n") == 1
    assert isinstance(result.exception, SystemExit)


def test_the_command_answers_each_certificate_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "several.json"
    items = [BY_NAME["remark-vii.1"], attacked(claim="a\nb"), attacked(version=True), [1] * 10**4, attacked()]
    file.write_text(json.dumps(items), encoding="utf-8")
    result = invoke(file)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert len(lines) == len(items)
    assert [": refuted" in line for line in lines] == [True, False, False, False, True]


FAILING = """
import entropy_theory as et
def lhs(x):
    if (x > 0.7).any():
        raise RuntimeError("no\\nvalue")
    return x
claim = et.Inequality(name="own", given={"x": et.domains.reals(0, 1)}, lhs=lhs, rhs=et.exact(1, 2))
"""


def test_a_claim_whose_function_fails_confirms_nothing(tmp_path: Path) -> None:
    claims, file = tmp_path / "own.py", tmp_path / "own.json"
    claims.write_text(FAILING, encoding="utf-8")
    frame = {"format": certificate.FORMAT, "version": 1, "claim": "own", "reading": "printed"}
    file.write_text(json.dumps([{**frame, "instance": {"x": x}} for x in ("3/5", "4/5")]), encoding="utf-8")
    result = invoke(file, "--claims", claims)
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    assert first == "own (printed): refuted, decided at 64 bits"
    assert second.startswith("own (printed): not confirmed: claim 'own': lhs raised RuntimeError: no value")

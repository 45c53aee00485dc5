"""Certificates: decided again from their rationals alone, and truthful whatever was done to them."""

from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.certificate import (
    CertificateError,
    answer,
    read_certificates,
    recheck,
    stands,
)
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.evidence import brief, other_digits
from entropy_theory.checking.registry import paper_claims
from entropy_theory.checking.verdict import Environment, Verdict
from entropy_theory.checking.verify import check
from entropy_theory.independent import decide as deciding
from entropy_theory.independent.decide import Decision

d = et.domains

FIFTH = et.Inequality(name="fifth", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 5))
HALF_LOG = et.Inequality(
    name="part/half-log",
    given={"z": d.logits(actions=(2, 4))},
    lhs=lambda z: et.entropy(z),
    rhs=lambda z: np.log(et.exact(z.shape[-1])) / 2,
)
RENYI = et.Identity(
    name="renyi",
    given={"p": d.policies(actions=(2, 4))},
    lhs=lambda p: et.entropy(np.log(p)),
    rhs=lambda p: -np.log((p * p).sum(-1)),
    reading="corrected",
)
ASSUMED = et.Inequality(
    name="assumed", given={"x": d.reals(0, 9)}, assuming=lambda x: x > 2, lhs=lambda x: x, rhs=et.exact(5, 2)
)
VISITS = et.Identity(
    name="visits",
    given={"m": d.mdps(states=(1, 2), actions=(2, 2), tables=False), "z": d.logits(like="m")},
    lhs=lambda m, z: m.values(z).visitation.sum(-1),
    rhs=1,
)
CUBIC = et.Order(name="cubic", given={"x": d.reals(-5, 5)}, remainder=lambda t, x: np.exp(t * x) - 1 - t * x, power=3)
SEVEN = et.Inequality(
    name="seven", given={"n": d.integers(-10, 10)}, lhs=lambda n: n - n * n, rhs=0, remark="true of all integers"
)
CLAIMS: tuple[Claim, ...] = (FIFTH, HALF_LOG, RENYI, ASSUMED, VISITS, CUBIC)

_VERDICTS: dict[str, Verdict] = {}


def verdict_of(claim: Claim) -> Verdict:
    if claim.name not in _VERDICTS:
        _VERDICTS[claim.name] = check(claim, 0, 2000)
    return _VERDICTS[claim.name]


def certificate_of(claim: Claim) -> Any:
    """A copy of the claim's certificate as it is read from a file."""
    return json.loads(json.dumps(verdict_of(claim).certificate))


every_claim = pytest.mark.parametrize("claim", CLAIMS, ids=lambda c: c.name)


@every_claim
def test_a_certificate_is_confirmed_from_its_rationals(claim: Claim) -> None:
    data = certificate_of(claim)
    assert stands(recheck(claim, data))
    kept = {k: data[k] for k in ("format", "version", "claim", "reading", "instance")}
    finding = recheck(claim, kept)
    assert stands(finding)
    assert finding.bits == data["bits"]
    assert finding.evidence == data["evidence"]


@every_claim
def test_other_evidence_is_rejected(claim: Claim) -> None:
    data = certificate_of(claim)
    data["evidence"] = {"lhs": "0", "rhs": "17", "rhs_minus_lhs": "17"}
    with pytest.raises(CertificateError, match="evidence"):
        recheck(claim, data)


@every_claim
@pytest.mark.parametrize("bits", [0, -5, 64.0, "64", None, True])
def test_what_is_no_precision_is_rejected(claim: Claim, bits: Any) -> None:
    with pytest.raises(CertificateError) as error:
        recheck(claim, certificate_of(claim) | {"bits": bits})
    assert str(error.value) == f"bits is {bits!r}, expected an integer >= 1"


@every_claim
def test_another_precision_decides_nothing_and_is_said(claim: Claim) -> None:
    data = certificate_of(claim)
    for bits in (1, data["bits"] + 1, 10**40):
        assert recheck(claim, data | {"bits": bits}).bits == data["bits"]
        confirmed, line = answer(CLAIMS, data | {"bits": bits})
        assert confirmed
        assert line.endswith(f"; bits are {data['bits']}, where the certificate has {bits}")


def test_a_number_that_satisfies_the_claim_is_not_confirmed() -> None:
    data = certificate_of(FIFTH)
    del data["evidence"]
    for text, status in (
        ("1/10", "satisfied"),
        ("0", "satisfied"),
        ("1/2", "violated"),
        ("3/2", "outside"),
        ("-1/2", "outside"),
        ("1000000000000000000000000000000000000001/2000000000000000000000000000000000000000", "violated"),
    ):
        data["instance"]["x"] = text
        assert recheck(FIFTH, data).status == status


def test_an_instance_that_does_not_meet_the_assumption_is_not_confirmed() -> None:
    data = certificate_of(ASSUMED)
    for text, status in (("3", "violated"), ("2", "outside"), ("9/4", "satisfied"), ("10", "outside")):
        data["instance"]["x"] = text
        assert recheck(ASSUMED, data).status == status


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", "other"),
        ("format", None),
        ("version", 2),
        ("version", "1"),
        ("version", None),
        ("version", [1]),
        ("claim", "other"),
        ("claim", None),
        ("claim", ["fifth"]),
        ("reading", "corrected"),
        ("reading", {}),
        ("instance", None),
        ("instance", []),
        ("instance", {}),
        ("instance", {"y": "1/2"}),
        ("instance", {"x": "1/2", "y": "1/2"}),
        ("instance", "1/2"),
    ],
)
def test_a_tampered_frame_is_rejected(key: str, value: Any) -> None:
    data = certificate_of(FIFTH)
    data[key] = value
    with pytest.raises(CertificateError, match=r"expected"):
        recheck(FIFTH, data)


@pytest.mark.parametrize("key", ["format", "version", "claim", "reading", "instance"])
def test_a_missing_entry_is_rejected(key: str) -> None:
    data = certificate_of(FIFTH)
    del data[key]
    with pytest.raises(CertificateError):
        recheck(FIFTH, data)


@pytest.mark.parametrize("data", [None, [], {}, "certificate", 3, math.nan, [["format"]], True])
def test_what_is_no_certificate_is_rejected(data: Any) -> None:
    with pytest.raises(CertificateError):
        recheck(FIFTH, data)


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        1,
        None,
        True,
        "",
        "x",
        "1/0",
        "nan",
        "inf",
        "-inf",
        "1/2/3",
        "1j",
        ["1/2"],
        [],
        [[]],
        {"p": "1"},
        "0x1p-1",
        "1" * 10_000,
    ],
)
def test_what_is_no_rational_of_the_right_shape_is_rejected(value: Any) -> None:
    data = certificate_of(FIFTH)
    data["instance"]["x"] = value
    with pytest.raises(CertificateError):
        recheck(FIFTH, data)


@pytest.mark.parametrize("text", ["1e-1000000000", "1e1000000000", "1E+99999999999"])
def test_a_number_too_long_to_write_out_does_not_stop_the_check(text: str) -> None:
    """Its digits would fill the memory; the certificate is rejected instead."""
    data = certificate_of(FIFTH)
    data["instance"]["x"] = text
    program = (
        "import json, sys\n"
        "import entropy_theory as et\n"
        "from entropy_theory.checking.certificate import CertificateError, recheck\n"
        "claim = et.Inequality(name='fifth', given={'x': et.domains.reals(0, 1)},"
        " lhs=lambda x: x * (1 - x), rhs=et.exact(1, 5))\n"
        "try:\n"
        "    print(recheck(claim, json.loads(sys.argv[1])).status)\n"
        "except CertificateError as error:\n"
        "    print('rejected')\n"
    )
    # Without a limit of its own the conversion runs for hours; a start of Python takes a second or two.
    result = subprocess.run(
        [sys.executable, "-c", program, json.dumps(data)], capture_output=True, text=True, timeout=10, check=False
    )
    assert result.stdout.strip() in ("rejected", "outside"), result.stderr


@pytest.mark.parametrize(
    "rows",
    [
        ["1/2", "1/3"],
        ["1/2", "1/2", "1/2"],
        [["1/2", "1/2"]],
        ["1/2", ["1/2"]],
        "1",
        [],
        ["1/2", None],
        ["1/2", 0.5],
    ],
)
def test_rows_that_are_no_probabilities_are_rejected(rows: Any) -> None:
    data = certificate_of(RENYI)
    data["instance"]["p"] = rows
    with pytest.raises(CertificateError):
        recheck(RENYI, data)


@pytest.mark.parametrize("rows", [["3/2", "-1/2"], ["1", "0"]])
def test_rows_outside_the_simplex_are_not_confirmed(rows: list[str]) -> None:
    data = certificate_of(RENYI)
    data["instance"]["p"] = rows
    assert recheck(RENYI, data).status == "outside"


def test_a_uniform_policy_does_not_separate_the_two_entropies() -> None:
    data = certificate_of(RENYI)
    data["instance"]["p"] = ["1/4"] * 4
    finding = recheck(RENYI, data)
    assert not stands(finding)


def test_sizes_outside_the_domain_are_not_confirmed() -> None:
    """``H <= log 4`` is true of two to four actions; five are outside, and so is one."""
    claim = et.Inequality(
        name="log-four", given={"z": d.logits(actions=(2, 4))}, lhs=lambda z: et.entropy(z), rhs=np.log(et.exact(4))
    )
    frame = {"format": "entropy-theory-certificate", "version": 1, "claim": "log-four", "reading": "printed"}
    assert recheck(claim, {**frame, "instance": {"z": ["0", "1", "0", "0"]}}).status == "satisfied"
    for z in (["0"] * 5, ["0"]):
        try:
            finding = recheck(claim, {**frame, "instance": {"z": z}})
        except CertificateError:
            continue
        assert finding.status == "outside"


def test_a_fraction_in_place_of_an_integer_is_not_confirmed() -> None:
    """``n <= n^2`` is true of all integers and false of one half."""
    frame = {"format": "entropy-theory-certificate", "version": 1, "claim": "seven", "reading": "printed"}
    assert recheck(SEVEN, {**frame, "instance": {"n": "3"}}).status == "satisfied"
    try:
        finding = recheck(SEVEN, {**frame, "instance": {"n": "1/2"}})
    except CertificateError:
        return
    assert finding.status == "outside"


MDP_CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a state less": lambda i: i.update({"m.initial": i["m.initial"][:-1]}),
    "a state more": lambda i: i.update({"m.initial": [*i["m.initial"], "0"]}),
    "an action less": lambda i: i.update({"z": [row[:-1] for row in i["z"]]}),
    "no end": lambda i: i.update({"m.transition": [[row[:-1] for row in s] for s in i["m.transition"]]}),
    "discount of two axes": lambda i: i.update({"m.discount": [["1/2"]]}),
    "rows of two": lambda i: i.update({"m.transition": [[["2"] * len(r) for r in s] for s in i["m.transition"]]}),
    "no reward": lambda i: i.pop("m.reward"),
    "rewards by state": lambda i: i.update({"m.reward": [row[0] for row in i["m.reward"]]}),
}


@pytest.mark.parametrize("name", MDP_CHANGES)
def test_parts_of_an_mdp_that_do_not_fit_are_rejected(name: str) -> None:
    data = certificate_of(VISITS)
    MDP_CHANGES[name](data["instance"])
    with pytest.raises(CertificateError):
        recheck(VISITS, data)


@pytest.mark.parametrize(("discount", "status"), [("1", "outside"), ("2", "outside"), ("-1/2", "outside")])
def test_a_discount_outside_its_range_is_not_confirmed(discount: str, status: str) -> None:
    data = certificate_of(VISITS)
    data["instance"]["m.discount"] = discount
    assert recheck(VISITS, data).status == status


def test_an_mdp_that_never_ends_visits_a_whole_unit() -> None:
    data = certificate_of(VISITS)
    states = len(data["instance"]["m.initial"])
    stay = ["1"] + ["0"] * states
    data["instance"]["m.transition"] = [[stay, stay] for _ in range(states)]
    assert not stands(recheck(VISITS, data))


@every_claim
def test_any_single_change_is_answered_truthfully(claim: Claim) -> None:
    """Replace each number in turn: the answer is that of the changed instance, or a rejection; never a crash."""
    original = certificate_of(claim)
    places = list(_places(original["instance"]))
    assert places
    for place in places[:25]:
        for text in ("0", "1", "-1", "1/3", "7/2", "-5000"):
            data = copy.deepcopy(original)
            holder = data["instance"]
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = text
            try:
                finding = recheck(claim, data)
            except CertificateError:
                continue
            if stands(finding) and claim is FIFTH:
                x = Fraction(text)
                assert 0 <= x <= 1
                assert x * (1 - x) > Fraction(1, 5)
            if stands(finding) and claim is ASSUMED:
                assert Fraction(5, 2) < Fraction(text) <= 9
            if stands(finding) and claim is CUBIC:
                assert 0 < abs(Fraction(text)) <= 5
            if stands(finding) and claim is VISITS:
                assert Fraction(1, 10) <= Fraction(data["instance"]["m.discount"]) < 1


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, str):
            yield (key,)
        else:
            yield from ((key, *rest) for rest in _places(inner))


@every_claim
def test_a_certificate_of_another_claim_is_rejected(claim: Claim) -> None:
    for other in CLAIMS:
        if other is not claim:
            with pytest.raises(CertificateError):
                recheck(claim, certificate_of(other))


def test_a_certificate_renamed_to_another_claim_is_decided_for_that_claim() -> None:
    """The instance of a refuted claim confirms nothing about a true one on the same domain."""
    true = et.Inequality(name="quarter", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 4))
    data = certificate_of(FIFTH)
    data["claim"] = "quarter"
    assert recheck(true, data).status == "satisfied"


# Verdicts that hold a certificate ---------------------------------------------------------------------------------


def whole(claim: Claim) -> Any:
    """A copy of the claim's verdict as it is read from a file."""
    return json.loads(json.dumps(verdict_of(claim).to_json()))


@every_claim
def test_a_verdict_is_confirmed_by_its_certificate(claim: Claim) -> None:
    bits = verdict_of(claim).certificate["bits"]  # type: ignore[index]
    expected = True, f"{claim.name} ({claim.reading}): refuted, decided at {bits} bits"
    assert answer(CLAIMS, whole(claim)) == answer(CLAIMS, certificate_of(claim)) == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": "holds"}, "the outcome of fifth (printed) is 'holds' with a counterexample, expected null"),
        ({"outcome": "proved"}, "the outcome of fifth (printed) is 'proved' with a counterexample, expected null"),
        ({"outcome": "true"}, "outcome is 'true', expected one of proved, holds, refuted, undecided"),
        ({"counterexample": None}, "the outcome of fifth (printed) is 'refuted' without a counterexample"),
        ({"counterexample": {"x": "1/3"}}, "another counterexample than its certificate, expected the same numbers"),
        ({"counterexample": {"x": ["1/2"]}}, "another counterexample"),
        ({"counterexample": {"x": {"x": "1/2"}}}, "another counterexample"),
        ({"counterexample": {"x": 0.5}}, "another counterexample"),
        ({"counterexample": {"x": "1/0"}}, "another counterexample"),
        ({"counterexample": {"x": "a half"}}, "another counterexample"),
        ({"counterexample": {"y": "1/2"}}, "another counterexample"),
        ({"counterexample": {"x": "1/2", "y": "1/2"}}, "another counterexample"),
        ({"counterexample": {}}, "another counterexample"),
        (
            {"claim": "seven"},
            "the verdict is on 'seven' (printed, inequality), expected 'fifth' (printed, inequality), "
            "the claim of its certificate",
        ),
        ({"part": "x"}, "the verdict is on 'fifth/x' (printed, inequality), expected 'fifth'"),
        ({"reading": "corrected"}, "the verdict is on 'fifth' (corrected, inequality), expected 'fifth' (printed"),
        ({"kind": "identity"}, "the verdict is on 'fifth' (printed, identity), expected 'fifth' (printed, inequality)"),
        ({"statement": "x < 0"}, "the statement of the verdict is 'x < 0', expected that of the claim: ''"),
        ({"remark": "no"}, "the remark of the verdict is 'no', expected that of the claim: ''"),
        ({"tight": True}, "the tight of the verdict is True, expected that of the claim: False"),
        ({"boxes": 3}, "with boxes 3, expected null"),
        ({"admitted": 10**9}, "instances admitted, expected 0 to all"),
        ({"admitted": "all"}, "admitted is 'all', expected an integer"),
        ({"more": 1}, "more is no field of a verdict"),
        ({"format": "entropy-theory-certificate"}, "format is no field of a verdict"),
        ({"certificate": None}, "rejected: the verdict says 'refuted' and has no certificate"),
        ({"certificate": 5}, "rejected: the certificate is 5, expected an object"),
    ],
)
def test_a_verdict_that_says_something_else_is_rejected(change: dict[str, Any], said: str) -> None:
    confirmed, line = answer(CLAIMS, whole(FIFTH) | change)
    assert not confirmed
    assert ": rejected: " in line
    assert said in line


@pytest.mark.parametrize("name", ["part", "statement", "outcome", "instances", "worst", "environments", "error"])
def test_a_verdict_without_one_of_its_fields_is_rejected(name: str) -> None:
    item = whole(FIFTH)
    del item[name]
    confirmed, line = answer(CLAIMS, item)
    assert not confirmed
    assert (f"{name} is missing" in line) == (name != "outcome")


def test_equal_numbers_are_the_same_counterexample() -> None:
    x = Fraction(verdict_of(FIFTH).counterexample["x"])  # type: ignore[index]
    for text in (f"{7 * x.numerator}/{7 * x.denominator}", f"{float(x)}"):
        assert Fraction(text) == x
        assert answer(CLAIMS, whole(FIFTH) | {"counterexample": {"x": text}})[0]


def test_the_counterexample_of_a_process_is_that_of_its_certificate() -> None:
    """It is shown with the ends of the episode apart."""
    item = whole(VISITS)
    assert set(item["counterexample"]) != set(item["certificate"]["instance"])
    for place in _places(item["counterexample"]):
        changed = copy.deepcopy(item)
        inside = changed["counterexample"]
        for step in place[:-1]:
            inside = inside[step]
        inside[place[-1]] = "5/7"
        confirmed, line = answer(CLAIMS, changed)
        assert not confirmed
        assert "another counterexample than its certificate" in line


# Verdicts as JSON ------------------------------------------------------------------------------------------------


@every_claim
def test_a_verdict_survives_json(claim: Claim) -> None:
    verdict = verdict_of(claim)
    text = json.dumps(verdict.to_json(), allow_nan=False)
    again = Verdict.from_json(json.loads(text))
    assert json.dumps(again.to_json()) == text
    assert again.claim == verdict.claim
    assert (again.outcome, again.counterexample, again.certificate) == (
        verdict.outcome,
        verdict.counterexample,
        json.loads(json.dumps(verdict.certificate)),
    )
    assert str(again) == str(verdict)


@pytest.mark.parametrize("name", ["a", "a/b", "a/b/c", "beyond/x", "beyond/x/y", "beyond", "a/", "a//b", "theorem-v.2"])
def test_names_survive_json_or_are_refused(name: str) -> None:
    try:
        claim = et.Inequality(name=name, given={"x": d.reals(0, 1)}, lhs=0, rhs=1)
    except ValueError:
        assert name in ("a/", "a//b")
        return
    verdict = check(claim, 0, 50)
    assert Verdict.from_json(verdict.to_json()).claim == name


def test_environments_and_undefined_numbers_survive_json() -> None:
    verdict = Verdict(
        claim="a/b",
        reading="corrected",
        kind="inequality",
        statement="",
        outcome="holds",
        instances=3,
        admitted=2,
        worst=0.1 + 0.2,
        ratio=math.nan,
        environments=(Environment("Taxi", None, math.nan, False), Environment("FrozenLake", False, 0.25, True)),
        message="note",
    )
    text = json.dumps(verdict.to_json(), allow_nan=False)
    again = Verdict.from_json(json.loads(text))
    assert json.dumps(again.to_json()) == text
    assert again.worst == verdict.worst
    assert math.isnan(again.ratio)
    assert again.environments[1] == verdict.environments[1]
    assert again.share_admitted == 2 / 3


def test_a_remainder_of_zero_survives_json() -> None:
    """Its order is infinite, which the table prints as a remainder of zero, also after an interrupted run."""
    claim = et.Order(name="zero", given={"x": d.reals(-5, 5)}, remainder=lambda t, x: 0 * t * x, power=2)
    verdict = check(claim, 0, 400)
    assert verdict.worst == math.inf
    text = json.dumps(verdict.to_json(), allow_nan=False)
    assert Verdict.from_json(json.loads(text)).worst == math.inf


# Files of certificates -------------------------------------------------------------------------------------------

A, B = {"format": "a"}, {"format": "b", "outcome": "refuted", "certificate": {"format": "c"}}


@pytest.mark.parametrize(
    ("content", "certificates"),
    [
        (A, [A]),
        ([A, B, 3, "x", []], [A, B, 3, "x", []]),
        ({"outcome": "refuted", "certificate": A}, [{"outcome": "refuted", "certificate": A}]),
        ({"outcome": "holds", "certificate": A}, [{"outcome": "holds", "certificate": A}]),
        ({"outcome": "holds", "certificate": None}, []),
        ({"outcome": "holds", "counterexample": {}}, [{"outcome": "holds", "counterexample": {}}]),
        ([{"outcome": "disproved"}, {"outcome": []}], [{"outcome": "disproved"}, {"outcome": []}]),
        ([{"outcome": "proved"}, A, {"outcome": "undecided"}], [A]),
        ([{"outcome": "refuted"}, {"outcome": "holds"}], [{"outcome": "refuted"}]),
        ({"outcome": "refuted", "certificate": None}, [{"outcome": "refuted", "certificate": None}]),
        ([0] * 100_000, [0] * 100_000),
    ],
    ids=range(11),
)
def test_the_certificates_of_a_file(content: Any, certificates: list[Any]) -> None:
    assert read_certificates(json.dumps(content).encode()) == certificates


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" + b"0," * 100_000 + b"0]", "it holds 100001 entries, expected at most 100000"),
        (b'{"x": 1, "y": {"x": 1, "x": 2}}', "the key 'x' is given twice"),
        (b"1".ljust(2**25 + 1), "it has more than 33554432 bytes"),
    ],
    ids=["entries", "key", "bytes"],
)
def test_a_file_that_says_too_much_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(CertificateError) as error:
        read_certificates(content)
    assert str(error.value) == said


def test_a_file_may_have_32_mebibytes() -> None:
    assert read_certificates(b"1".ljust(2**25)) == [1]


# Numbers and shapes ----------------------------------------------------------------------------------------------


def framed(claim: Claim, **instance: Any) -> dict[str, Any]:
    """A certificate with nothing but what is read."""
    frame = {"format": "entropy-theory-certificate", "version": 1, "claim": claim.name, "reading": claim.reading}
    return {**frame, "instance": instance}


def test_a_number_may_have_a_thousand_digits_on_either_side() -> None:
    long = "5" * 1000
    for text in (f"1/{long}", f"0.{long}", f"{long}/{long}"):
        assert recheck(FIFTH, framed(FIFTH, x=text)).status == ("violated" if text.startswith("0.") else "satisfied")
    for text in (f"1/{long}5", f"0.{long}5", f"{long}5"):
        with pytest.raises(CertificateError, match="of at most 1000 digits a part"):
            recheck(FIFTH, framed(FIFTH, x=text))


def test_rows_of_two_lengths_are_no_array() -> None:
    data = certificate_of(VISITS)
    first = data["instance"]["m.transition"][0]
    first[0] = first[0][:-1]
    with pytest.raises(CertificateError, match=r"instance\['m.transition'\] holds lists of different lengths"):
        recheck(VISITS, data)


def test_of_many_names_twenty_are_said() -> None:
    names = [f"n{i}" for i in range(10, 35)]
    with pytest.raises(CertificateError) as error:
        recheck(FIFTH, framed(FIFTH, **dict.fromkeys(names, "1")))
    shown = ", ".join(f"'{name}'" for name in names[:20])
    assert str(error.value) == f"instance has {shown}, expected 'x' for claim 'fifth'"


def test_values_in_messages_are_short() -> None:
    assert brief("x" * 60) == f"'{'x' * 60}'"
    assert brief("x" * 61) == brief("x" * 99) == f"'{'x' * 59}..."
    assert brief(10**61) == f"1{'0' * 61}"
    assert brief(10**62) == f"1{'0' * 59}..."
    assert (brief([1, 2]), brief({"a": 1}), brief("\u00e9\n")) == ("a list of 2", "an object of 1", r"'\xe9\n'")


def test_sides_that_agree_to_the_digits_of_a_search_are_looked_at_thoroughly() -> None:
    """They differ by 2**-2000."""
    claim = et.Inequality(
        name="near",
        given={"x": d.reals(0, 1)},
        lhs=lambda x: np.exp(x) + et.exact(1, 2**2000),
        rhs=lambda x: np.exp(x),
    )
    assert recheck(claim, framed(claim, x="1/3")).status == "violated"


# The answer in one line ------------------------------------------------------------------------------------------


def failing(x: Any) -> Any:
    raise RuntimeError("no\nvalue")


OPEN = et.Inequality(
    name="open", given={"x": d.reals(0, 1)}, assuming=lambda x: np.log(np.exp(x)) >= x, lhs=lambda x: 0 * x, rhs=1
)
FAILING = et.Inequality(name="failing", given={"x": d.reals(0, 1)}, lhs=failing, rhs=1)
OWN = (FIFTH, HALF_LOG, RENYI, OPEN, FAILING)


@pytest.mark.parametrize(
    ("item", "confirmed", "line"),
    [
        (framed(FIFTH, x="1/2"), True, "fifth (printed): refuted, decided at 64 bits"),
        (
            {**framed(FIFTH, x="1/2"), "outcome": "holds"},
            False,
            "fifth (printed): rejected: what holds the certificate is no verdict: part is missing, "
            "expected a string or null",
        ),
        (framed(FIFTH, x="0"), False, "fifth (printed): not confirmed (satisfied), decided at 64 bits"),
        (framed(FIFTH, x="2"), False, "fifth (printed): not confirmed (outside), decided at 64 bits"),
        (framed(HALF_LOG, z=["0"] * 5), False, "part/half-log (printed): not confirmed (outside)"),
        (
            framed(OPEN, x="1/3"),
            False,
            "open (printed): not confirmed (satisfied, whether the assumption is met is undecided), decided at 64 bits",
        ),
        (
            framed(FAILING, x="1/3"),
            False,
            "failing (printed): not confirmed: claim 'failing': lhs raised RuntimeError: no value "
            "(in a batch of 1 whose first instance is x = 0.333333)",
        ),
        ([1, 2], False, "a list of 2: rejected: the certificate is a list of 2, expected an object"),
        ({"outcome": "refuted"}, False, "None (None): rejected: the verdict says 'refuted' and has no certificate"),
        (
            {"claim": "fifth", "reading": "printed"},
            False,
            "fifth (printed): rejected: format is None, expected 'entropy-theory-certificate'",
        ),
        (
            {**framed(FIFTH, x="1/2"), "reading": "corrected"},
            False,
            "'fifth' ('corrected'): rejected: reading is 'corrected', expected one that the claim has",
        ),
        (
            {**framed(FIFTH, x="1/2"), "claim": "sixth"},
            False,
            "'sixth' ('printed'): rejected: claim is 'sixth', expected a known one "
            "(for your own claims give --claims FILE.py)",
        ),
    ],
)
def test_the_answer_for_a_claim_of_ones_own(item: Any, confirmed: bool, line: str) -> None:
    assert answer(OWN, item) == (confirmed, line)


LYAPUNOV = next(
    item
    for item in json.loads(Path(__file__).with_name("certificates.json").read_text(encoding="utf-8"))
    if item["claim"] == "theorem-vii.3/lyapunov"
)


@pytest.mark.parametrize(
    ("p", "r", "first", "second"),
    [
        (["2/3", "1/3"], ["0", "1"], "refuted", "refuted"),
        (["1/3", "2/3"], ["0", "1"], "not confirmed (satisfied)", "not violated"),
        (["1/3", "2/3"], ["1", "1"], "not confirmed (outside)", "outside"),
    ],
)
def test_the_answer_for_a_claim_of_the_paper(p: list[str], r: list[str], first: str, second: str) -> None:
    confirmed, line = answer(paper_claims(), {**LYAPUNOV, "instance": {"p": p, "r": r}})
    assert confirmed is (first == "refuted")
    said = f"{first}, decided at 64 bits; second evaluator: {second}, with 20 digits"
    assert line == f"theorem-vii.3/lyapunov (printed): {said}"


def test_the_second_evaluator_sees_that_evidence_is_narrower_than_the_truth() -> None:
    """The enclosure of the first is too wide to see it."""
    wrong = copy.deepcopy(LYAPUNOV)
    true, printed = wrong["evidence"]["lhs"], "[0.014631915866483768 +/- 1e-25]"
    wrong["evidence"]["lhs"] = printed
    assert answer(paper_claims(), wrong) == (
        False,
        f"theorem-vii.3/lyapunov (printed): refuted, decided at 64 bits; lhs is '{true}', where the certificate has "
        f"'{printed}'; second evaluator: refuted, with 20 digits; its evidence is rejected: the sides are 32/2187 and "
        f"0, expected {printed} and 0: not confirmed",
    )


@pytest.mark.parametrize("change", [{"evidence": None}, {}])
def test_a_certificate_may_say_nothing_of_its_evidence(change: dict[str, Any]) -> None:
    kept = {key: value for key, value in LYAPUNOV.items() if key not in ("evidence", "bits")}
    line = "theorem-vii.3/lyapunov (printed): refuted, decided at 64 bits; second evaluator: refuted, with 20 digits"
    assert answer(paper_claims(), kept | change) == (True, line)


UNREADABLE = ValueError("\u00e9 \n" + "x" * 400)


@pytest.mark.parametrize(
    ("violated", "second", "confirmed", "said"),
    [
        (True, Decision("unknown"), True, "this reading has no second statement; second evaluator: unknown"),
        (False, Decision("unknown"), False, "this reading has no second statement; second evaluator: unknown"),
        (True, Decision("undecided", 640), False, "second evaluator: undecided: not confirmed"),
        (False, Decision("undecided", 640), False, "second evaluator: undecided"),
        (
            True,
            Decision("not violated", 640, agree=True),
            False,
            "second evaluator: both sides agree to 320 digits: not confirmed",
        ),
        (False, Decision("not violated", 640, agree=True), False, "second evaluator: both sides agree to 320 digits"),
        (
            True,
            Decision("not violated", 40),
            False,
            "the second evaluator says not violated, with 40 digits: not confirmed",
        ),
        (True, Decision("outside", 40), False, "the second evaluator says outside, with 40 digits: not confirmed"),
        (False, Decision("violated", 40), False, "the second evaluator says violated, with 40 digits: not confirmed"),
        (
            True,
            UNREADABLE,
            False,
            rf"the second evaluator cannot read it: \xe9 {'x' * 298}: not confirmed",
        ),
    ],
)
def test_nothing_is_confirmed_that_the_second_evaluator_does_not_say(
    monkeypatch: pytest.MonkeyPatch, violated: bool, second: Decision | ValueError, confirmed: bool, said: str
) -> None:
    """Whatever it may say instead of what it does."""

    def decide(item: Any) -> Decision:
        if isinstance(second, ValueError):
            raise second
        return second

    monkeypatch.setattr(deciding, "decide", decide)
    p = ["2/3", "1/3"] if violated else ["1/3", "2/3"]
    first = "refuted" if violated else "not confirmed (satisfied)"
    assert answer(paper_claims(), {**LYAPUNOV, "instance": {"p": p, "r": ["0", "1"]}}) == (
        confirmed,
        f"theorem-vii.3/lyapunov (printed): {first}, decided at 64 bits; {said}",
    )


def test_an_entry_that_is_null_is_refused_and_not_passed_over() -> None:
    assert read_certificates(b"[null]") == read_certificates(b"null") == [None]
    with pytest.raises(CertificateError, match="the certificate is None, expected an object"):
        recheck(et.Inequality(name="x", given={"x": d.reals(0, 1)}, lhs=0, rhs=1), None)


# Evidence --------------------------------------------------------------------------------------------------------

SIDES = {"lhs": "[0.25 +/- 1e-2]", "rhs": "1/3", "rhs_minus_lhs": "[1e-3 +/- 2e-3]", "entry": 1, "strict": True}
STEPS = {
    "steps": ["2^-64", "2^-128"],
    "remainders": ["[1.5e-20 +/- 1e-21]", "[+/- 1e-40]"],
    "orders": ["1.00"],
    "logarithms": ["[-1.5e+2 +/- 5]"],
}


@pytest.mark.parametrize(
    ("found", "change", "other"),
    [
        (SIDES, {}, []),
        (SIDES, {"lhs": "[0.27 +/- 1.0e-2]"}, ["lhs"]),
        (SIDES, {"lhs": "13/50"}, ["lhs"]),
        (SIDES, {"lhs": "0.26"}, ["lhs"]),
        (SIDES, {"lhs": "0.24"}, ["lhs"]),
        (SIDES, {"lhs": "24e-2"}, ["lhs"]),
        (SIDES, {"lhs": "0.0024e2"}, ["lhs"]),
        (SIDES, {"lhs": "0.0024e+2"}, ["lhs"]),
        (SIDES, {"lhs": "[+/- 0.24]"}, ["lhs"]),
        (SIDES, {"lhs": "[0.24 +/- 0]"}, ["lhs"]),
        (SIDES, {"lhs": "[-3.76 +/- 4]"}, ["lhs"]),
        (SIDES, {"lhs": "[1e3 +/- 1e+3]", "rhs": "2/6"}, ["lhs", "rhs"]),
        (SIDES, {"rhs": "[0.33 +/- 4e-3]", "rhs_minus_lhs": "3e-3"}, ["rhs", "rhs_minus_lhs"]),
        (SIDES, {"rhs_minus_lhs": "-0.001"}, ["rhs_minus_lhs"]),
        (SIDES, {"lhs": f"0.2{'5' * 1000}"}, ["lhs"]),
        (SIDES, {"lhs": f"0.2{'5' * 2097}"}, ["lhs"]),
        (STEPS, {}, []),
        (STEPS, {"remainders": ["14e-21", "1e-40"]}, ["remainders[0]", "remainders[1]"]),
        (STEPS, {"orders": ["1"]}, ["orders[0]"]),
        (STEPS, {"logarithms": ["-145"]}, ["logarithms[0]"]),
    ],
)
def test_other_digits_that_may_be_true(found: dict[str, Any], change: dict[str, Any], other: list[str]) -> None:
    """The intervals meet, if only at an end."""
    said = other_digits(found | change, found)
    assert [text.partition(" is ")[0] for text in said] == other
    for text, place in zip(said, other, strict=True):
        name, _, index = place.partition("[")
        printed, true = (x[int(index[:-1])] if index else x for x in (change[name], found[name]))
        assert text == f"{place} is {brief(true)}, where the certificate has {brief(printed)}"


@pytest.mark.parametrize(
    ("found", "change", "said"),
    [
        (SIDES, {"lhs": "0.26000000000000000001"}, "lhs is '0.26000000000000000001', expected '[0.25 +/- 1e-2]'"),
        (SIDES, {"lhs": "0.2399999999999999999"}, "lhs is '0.2399999999999999999'"),
        (SIDES, {"lhs": "[-0.25 +/- 1e-2]"}, "lhs is '[-0.25 +/- 1e-2]'"),
        (SIDES, {"lhs": "[0.25 +/- -1e-2]"}, "lhs is"),
        (SIDES, {"lhs": "[0.25 +/- 1e-100000]"}, "lhs is"),
        (SIDES, {"lhs": "25e-02\n"}, "lhs is"),
        (SIDES, {"lhs": "\u0660.25"}, "lhs is"),
        (SIDES, {"lhs": " 1/4"}, "lhs is"),
        (SIDES, {"lhs": "1/4 "}, "lhs is"),
        (SIDES, {"lhs": "1/0"}, "lhs is"),
        (SIDES, {"lhs": "1/00"}, "lhs is"),
        (SIDES, {"lhs": "nan"}, "lhs is"),
        (SIDES, {"lhs": 0.25}, "lhs is 0.25, expected '[0.25 +/- 1e-2]'"),
        (SIDES, {"lhs": None}, "lhs is None"),
        (SIDES, {"lhs": ["1/4"]}, "lhs is a list of 1"),
        (SIDES, {"lhs": f"0.2{'5' * 2098}"}, "lhs is '0.2555"),
        (SIDES, {"rhs": "0.3333333333333333333333333333333333333"}, "rhs is '0.3333333333333333333333333333333333333'"),
        (SIDES, {"entry": 0}, "entry is 0, expected 1"),
        (SIDES, {"entry": True}, "entry is True, expected 1"),
        (SIDES, {"entry": "1"}, "entry is '1', expected 1"),
        (SIDES, {"strict": 1}, "strict is 1, expected True"),
        (STEPS, {"steps": ["2^-64", "2^-129"]}, "steps[1] is '2^-129', expected '2^-128'"),
        (STEPS, {"steps": ["2^-64"]}, "steps is a list of 1, expected a list of 2"),
        (STEPS, {"orders": ["1.00", "1.00"]}, "orders is a list of 2, expected a list of 1"),
        (STEPS, {"orders": "1.00"}, "orders is '1.00', expected a list of 1"),
        (STEPS, {"remainders": ["1/2", "[+/- 1e-40]"]}, "remainders[0] is '1/2', expected '[1.5e-20 +/- 1e-21]'"),
        (STEPS, {"logarithms": ["-144.9"]}, "logarithms[0] is '-144.9'"),
    ],
)
def test_evidence_that_cannot_be_true(found: dict[str, Any], change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"evidence: {said}")):
        other_digits(found | change, found)


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ([], "evidence is a list of 0, expected an object"),
        ("1/2", "evidence is '1/2', expected an object"),
        ({}, "evidence has nothing, expected 'entry', 'lhs', 'rhs', 'rhs_minus_lhs', 'strict'"),
        ({**SIDES, "a\n": 1}, r"evidence has 'a\n', 'entry', 'lhs', 'rhs', 'rhs_minus_lhs', 'strict', expected"),
        (
            {f"{i}": 1 for i in range(11, 33)},
            f"evidence has {', '.join(repr(str(i)) for i in range(11, 21))}, expected",
        ),
    ],
)
def test_evidence_of_other_entries(printed: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        other_digits(printed, SIDES)


def test_of_many_other_digits_three_are_said() -> None:
    found = {"remainders": [f"[{i} +/- 1]" for i in range(9)]}
    wide = [f"[{i} +/- 2]" for i in range(9)]
    for n in range(1, 10):
        said = other_digits({"remainders": wide[:n] + found["remainders"][n:]}, found)
        assert len(said) == min(n, 4)
        assert (said[-1] == f"{n - 3} more differ") == (n > 3)


def test_a_long_fraction_is_what_it_is() -> None:
    """Longer ones than a changed text may have, and than Python's own limit of digits."""
    long = {"lhs": f"1/1{'0' * 9000}"}
    assert other_digits(dict(long), long) == []
    assert other_digits({"lhs": "[+/- 1e-9000]"}, long) == [
        f"lhs is {brief(long['lhs'])}, where the certificate has '[+/- 1e-9000]'"
    ]
    with pytest.raises(ValueError, match="evidence: lhs is"):
        other_digits({"lhs": "[+/- 1e-9001]"}, long)

"""The second evaluator: it agrees with the first, shares no code with it, and notices a wrong statement."""

from __future__ import annotations

import ast
import copy
import functools
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import libmp

import entropy_theory as et
from entropy_theory.balls import Ball, precision
from entropy_theory.checking.certificate import strings
from entropy_theory.checking.certify import Status, balls_of, examine
from entropy_theory.checking.claim import Claim, Inequality, Order
from entropy_theory.checking.leaf import Leaf
from entropy_theory.checking.registry import paper_claims
from entropy_theory.checking.verify import check
from entropy_theory.independent import decide as deciding
from entropy_theory.independent import policies, processes
from entropy_theory.independent.decide import Decision, decide, read
from entropy_theory.independent.jets import Jet
from entropy_theory.independent.numbers import (
    Interval,
    as_interval,
    digits,
    exp,
    log,
    maximum,
    minimum,
    sign,
    sqrt,
    x_log_x,
)
from entropy_theory.independent.processes import action_values
from entropy_theory.independent.statement import Statement, entries, parameters
from entropy_theory.independent.statements import find, known

F = Fraction
FOLDER = Path(et.__file__).parent / "independent"
CLAIMS: dict[tuple[str, str], Claim] = {(claim.name, claim.reading): claim for claim in paper_claims()}
BOTH = list(CLAIMS)
REFUTED = [name for (name, _), claim in CLAIMS.items() if claim.breaks]
OTHER_SIDES = {
    ("theorem-vii.1/dense", "corrected"),
    ("theorem-vii.2/eq-29", "corrected"),
    ("theorem-vii.3/rate", "corrected"),
    ("theorem-vii.3/vanishing-beta-barrier", "corrected"),
    ("remark-vii.1/annealed", "corrected"),
    ("theorem-vii.4/eq-33", "printed"),
    ("theorem-vii.4/eq-33", "corrected"),
    ("theorem-vii.4/quadratic", "corrected"),
    ("theorem-vii.4/grows-iff", "corrected"),
    ("theorem-vii.4/eq-34-uniform", "printed"),
    ("proposition-vii.1/selection-linear", "corrected"),
    ("beyond/majorization", "corrected"),
    ("beyond/comonotone-invariance/natural", "corrected"),
    ("beyond/two-arm-flow/run", "corrected"),
    ("beyond/margin-gauge", "corrected"),
    ("beyond/margin-lower", "corrected"),
}
"""Readings whose statements have the package's line, but not its two sides: multiplied out, or turned into divergences
at a margin. Of all others both sides are compared as well."""


@functools.cache
def refutation(name: str) -> dict[str, Any]:
    """A certificate of the package, found with as few instances as suffice."""
    for budget in (50, 500, 5000, 20_000):
        verdict = check(CLAIMS[name, "printed"], 0, budget)
        if verdict.certificate is not None:
            return verdict.certificate
    raise AssertionError(f"{name} is not refuted")


def test_statements_say_whether_their_sides_are_the_claims() -> None:
    assert {key for key in known() if (statement := find(*key)) is not None and statement.own_sides} == OTHER_SIDES


def rational(value: Any, leaf: Leaf, denominator: int) -> Any:
    """Numbers drawn by the search as simple fractions in the domain; probabilities divided by their sum."""
    out = np.empty(np.shape(value), dtype=object)
    for index in np.ndindex(out.shape):
        x = float(np.asarray(value)[index])
        simple = F(x).limit_denominator(denominator)
        kept = leaf.low < simple < leaf.high or simple == x
        out[index] = simple if kept and (leaf.kind == "real" or simple > 0) else F(x)
    return out / out.sum(-1, keepdims=True) if leaf.kind == "simplex" else out


def instances(claim: Claim, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Rational instances of a claim, of small sizes in turn."""
    rng = np.random.default_rng(seed)
    sizes = claim.space.sizes()[:4]
    for k in range(80):
        drawn = claim.space.draw(rng, 1, sizes[k % len(sizes)])
        denominator = int(rng.choice([4, 12, 60]))
        yield {name: rational(value[0], claim.space.leaves[name], denominator) for name, value in drawn.items()}


def rational_ends(x: Any) -> tuple[Fraction, Fraction]:
    """Both ends of an enclosure of either evaluator, exactly."""
    if isinstance(x, Ball):
        low, high = (end.man_exp() for end in (x.arb.lower(), x.arb.upper()))
        return F(int(low[0])) * F(2) ** int(low[1]), F(int(high[0])) * F(2) ** int(high[1])
    ends = [(-1) ** int(s) * F(int(m)) * F(2) ** int(e) for s, m, e, _ in as_interval(x).ends]
    return ends[0], ends[1]


def binary_ends(x: Any) -> tuple[Any, Any]:
    """Both ends of an enclosure of either evaluator, as mpmath's numbers: exact, and of any exponent."""
    if isinstance(x, Ball):
        pairs = [end.man_exp() for end in (x.arb.lower(), x.arb.upper())]
        raw = [libmp.from_man_exp(int(man), int(exponent)) for man, exponent in pairs]
    else:
        raw = list(as_interval(x).ends)
    return mpmath.mp.make_mpf(raw[0]), mpmath.mp.make_mpf(raw[1])


def exactly_negative(x: Any) -> Any:
    return mpmath.mp.make_mpf(libmp.mpf_neg(x._mpf_))


def decisive_gap(kind: str, gaps: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Enclosure of what decides: the smallest rhs - lhs of an inequality, the largest distance of an identity."""
    if kind == "inequality":
        return min(low for low, _ in gaps), min(high for _, high in gaps)
    least = [max(low, exactly_negative(high), mpmath.mpf(0)) for low, high in gaps]
    return max(least), max(max(exactly_negative(low), high) for low, high in gaps)


def gap_of_package(claim: Claim, instance: dict[str, Any]) -> tuple[Any, Any]:
    with precision(256):
        left, right = claim.sides({name: balls_of(value)[None] for name, value in instance.items()})
        gaps = [binary_ends(Ball(b) - Ball(a)) for a, b in zip(left[0], right[0], strict=True)]
    return decisive_gap(claim.kind, gaps)


def gap_of_statement(statement: Statement, instance: dict[str, Any]) -> tuple[Any, Any]:
    assert statement.sides is not None
    wanted = parameters(statement.sides)
    with digits(70):
        left, right = map(entries, statement.sides(**{name: instance[name] for name in wanted}))
        left, right = left * (len(right) if len(left) == 1 else 1), right * (len(left) if len(right) == 1 else 1)
        gaps = [binary_ends(as_interval(b - a)) for a, b in zip(left, right, strict=True)]
    return decisive_gap(statement.kind, gaps)


def differences(claim: Claim, statement: Statement, same_sides: bool, most: int = 5) -> tuple[int, list[Any]]:
    """How many instances were compared, and those on which the two evaluators differ."""
    compared, found = 0, []
    for instance in instances(claim):
        finding = examine(claim, instance)
        plain = {name: strings(value) for name, value in instance.items()}
        decision = deciding.examine(statement, read(plain))
        if finding.status is Status.UNDECIDED or not finding.counts:
            continue
        expected = {"violated": "violated", "outside": "outside"}.get(finding.status.value, "not violated")
        differ = decision.outcome != expected
        if finding.status is not Status.OUTSIDE:
            compared += 1
            if same_sides and not isinstance(claim, Order):
                (a, b), (c, d) = gap_of_package(claim, instance), gap_of_statement(statement, read(plain))
                differ = differ or b < c or d < a
        if differ:
            found.append((plain, finding.status.value, decision))
        if compared == most:
            break
    return compared, found


@pytest.mark.parametrize("name", REFUTED)
def test_refuted_lines_are_violated(name: str) -> None:
    assert decide(refutation(name)).outcome == "violated"


@pytest.mark.parametrize(("name", "reading"), BOTH)
def test_both_evaluators_agree(name: str, reading: str) -> None:
    statement = find(name, reading)
    assert statement is not None
    compared, found = differences(CLAIMS[name, reading], statement, (name, reading) not in OTHER_SIDES)
    assert compared > 0
    assert found == []


@pytest.mark.parametrize(("name", "reading"), BOTH)
def test_statements_are_of_the_claims_kind(name: str, reading: str) -> None:
    claim, statement = CLAIMS[name, reading], find(name, reading)
    assert statement is not None
    assert statement.kind == claim.kind
    assert statement.strict == (isinstance(claim, Inequality) and claim.strict)
    assert statement.power == (claim.power if isinstance(claim, Order) else 0)
    assert statement.names == {leaf.replace(".", "_") for leaf in claim.space.leaves}


def test_every_claim_has_a_second_statement() -> None:
    assert set(known()) == set(CLAIMS)


@pytest.mark.parametrize(("name", "reading"), sorted(OTHER_SIDES))
def test_other_sides_are_other(name: str, reading: str) -> None:
    """Where the two sides turn out to be the package's they are to be compared."""
    statement = find(name, reading)
    assert statement is not None
    assert differences(CLAIMS[name, reading], statement, True)[1]


PLANTED = [
    ("theorem-v.1/bound", "corrected"),
    ("remark-iv.1/negative", "printed"),
    ("theorem-v.2/eq-16-reversed", "corrected"),
]


@pytest.mark.parametrize(("name", "reading"), PLANTED)
@pytest.mark.parametrize("same_sides", [False, True])
def test_swapped_sides_are_noticed(name: str, reading: str, same_sides: bool) -> None:
    statement = find(name, reading)
    assert statement is not None
    sides = statement.sides
    assert sides is not None

    @functools.wraps(sides)
    def swapped(**numbers: Any) -> tuple[Any, Any]:
        left, right = sides(**numbers)
        return right, left

    assert differences(CLAIMS[name, reading], replace(statement, sides=swapped), same_sides)[1]


@pytest.mark.parametrize("name", ["lemma-iv.1", "equation-13/mdp", "theorem-v.1/eq-14"])
def test_a_slightly_wrong_side_is_noticed(name: str) -> None:
    reading = "printed" if name == "lemma-iv.1" else "corrected"
    statement = find(name, reading)
    assert statement is not None
    sides = statement.sides
    assert sides is not None

    @functools.wraps(sides)
    def wrong(**numbers: Any) -> tuple[Any, Any]:
        left, right = sides(**numbers)
        return left, right * (1 + F(1, 10**30))

    assert differences(CLAIMS[name, reading], replace(statement, sides=wrong), False)[1]


def test_a_wrong_remainder_is_noticed() -> None:
    statement = find("theorem-iv.1/bandit", "printed")
    assert statement is not None
    remainder = statement.remainder
    assert remainder is not None

    @functools.wraps(remainder)
    def wrong(**numbers: Any) -> Any:
        return remainder(**numbers) + numbers["step"] / 10**6

    claim = CLAIMS["theorem-iv.1/bandit", "printed"]
    assert differences(claim, replace(statement, remainder=wrong), False)[1]


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield node.module or ""


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_is_shared_with_the_package(path: Path) -> None:
    for name in imported(path):
        inside = name.split(".")[:2] == ["entropy_theory", "independent"]
        assert inside or name.split(".")[0] in sys.stdlib_module_names | {"mpmath"}, name


# Decisions


EQ_16 = {"claim": "theorem-v.2/eq-16", "reading": "printed", "instance": {"r": ["0", "1"], "alpha": "1"}}


def test_only_claim_reading_and_instance_count() -> None:
    certificate = copy.deepcopy(refutation("theorem-v.2/eq-16"))
    plain = decide({key: certificate[key] for key in ("claim", "reading", "instance")})
    certificate |= {"kind": "order", "bits": -1, "evidence": {"lhs": "0", "rhs": "1", "rhs_minus_lhs": "1"}}
    assert decide(certificate) == plain
    assert plain.outcome == "violated"


def test_a_reading_that_holds_is_not_violated_at_the_counterexample() -> None:
    instance = EQ_16["instance"] | {"q": ["1/2", "1/2"]}  # type: ignore[operator]
    for name, reading in (("theorem-v.2/eq-16", "corrected"), ("theorem-v.2/eq-16-reversed", "corrected")):
        assert decide({"claim": name, "reading": reading, "instance": instance}).outcome == "not violated"


@pytest.mark.parametrize(
    "instance",
    [
        {"r": ["0", "1"], "alpha": "0"},
        {"r": ["0", "1"], "alpha": ["1"]},
        {"r": "0", "alpha": "1"},
        {"r": ["0"], "alpha": "1"},
        {"r": ["0"] * 7, "alpha": "1"},
        {"r": [["0", "1"]], "alpha": "1"},
    ],
)
def test_outside_the_domain(instance: Any) -> None:
    assert decide(EQ_16 | {"instance": instance}).outcome == "outside"


def test_policies_that_do_not_sum_to_one_are_outside() -> None:
    certificate = {"claim": "theorem-v.1/appendix-f", "reading": "printed", "instance": {"p": ["1/3", "2/3"]}}
    assert decide(certificate).outcome == "violated"
    assert decide(certificate | {"instance": {"p": ["1/3", "1/3"]}}).outcome == "outside"
    assert decide(certificate | {"instance": {"p": ["0", "1"]}}).outcome == "outside"


@pytest.mark.parametrize(("claim", "reading"), [("theorem-x.1", "printed"), ("theorem-v.2/eq-16", "other"), ("", "")])
def test_unknown_claims(claim: str, reading: str) -> None:
    assert decide(EQ_16 | {"claim": claim, "reading": reading}) == Decision("unknown")


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ([], "expected a mapping"),
        ({}, "claim is None"),
        (EQ_16 | {"claim": 3}, "claim is 3"),
        (EQ_16 | {"reading": None}, "reading is None"),
        (EQ_16 | {"instance": None}, "instance is None"),
        (EQ_16 | {"instance": {1: "1"}}, "expected a mapping of names"),
        (EQ_16 | {"instance": {"r": ["0", "1"]}}, "expected \\['alpha', 'r'\\]"),
        (EQ_16 | {"instance": {"r": ["0", "1"], "alpha": "1", "x": "1"}}, "instance has"),
        (EQ_16 | {"instance": {"r": ["0", "1"], "alpha": 1}}, "holds 1"),
        (EQ_16 | {"instance": {"r": ["0", "1"], "alpha": "1e9"}}, "'1e9'"),
        (EQ_16 | {"instance": {"r": ["0", "1"], "alpha": "1/0"}}, "'1/0'"),
        (EQ_16 | {"instance": {"r": ["0", "1"], "alpha": "1/000"}}, "'1/000'"),
        (EQ_16 | {"instance": {"r": ["0", "1"], "alpha": "\u0661"}}, "holds"),
        (EQ_16 | {"instance": {"r": ["0", ["1"]], "alpha": "1"}}, "different lengths"),
        (EQ_16 | {"instance": {"r": [], "alpha": "1"}}, "holds \\[\\]"),
        (EQ_16 | {"instance": {"r.x": "0", "r_x": "1"}}, "given twice"),
    ],
)
def test_malformed_certificates(certificate: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decide(certificate)


def pair(left: Any, right: Any, **more: Any) -> Decision:
    statement = Statement(claim="own", domain=lambda x: True, sides=lambda x: (left(x), right(x)), **more)
    return deciding.examine(statement, {"x": F(2)})


def round_trip(x: Any) -> Any:
    return exp(log(x))


@pytest.mark.parametrize(("exponent", "needed"), [(10, 20), (30, 40), (50, 80), (200, 320), (500, 640)])
def test_digits_rise_until_it_is_decided(exponent: int, needed: int) -> None:
    little = F(1, 10**exponent)
    below, above = pair(round_trip, lambda x: x - little), pair(round_trip, lambda x: x + little)
    assert (below.outcome, below.digits) == ("violated", needed)
    assert (above.outcome, above.digits) == ("not violated", needed)
    assert pair(round_trip, lambda x: x + little, kind="identity").outcome == "violated"


def test_equal_sides() -> None:
    for kind in ("inequality", "identity"):
        assert pair(round_trip, lambda x: x, kind=kind) == Decision("not violated", 640, "[2.0, 2.0]", "2", agree=True)
    assert pair(round_trip, lambda x: x, strict=True).outcome == "undecided"
    assert pair(lambda x: x, lambda x: x, strict=True).outcome == "violated"
    assert pair(lambda x: x, lambda x: x).digits == 20


def test_one_entry_that_fails_violates() -> None:
    assert pair(lambda x: [x, x, x], lambda x: [x, x + 1, x - 1]) == Decision("violated", 20, "2", "1")
    assert pair(lambda x: [x, x + 1], lambda x: x).outcome == "violated"
    assert pair(lambda x: x, lambda x: [x, x + 1]).outcome == "not violated"


def test_an_assumption_that_is_not_decided() -> None:
    statement = Statement(claim="own", domain=lambda x: None, sides=lambda x: (x, x - 1))
    assert deciding.examine(statement, {"x": F(2)}).outcome == "undecided"
    holds = replace(statement, sides=lambda x: (x, x + 1))
    assert deciding.examine(holds, {"x": F(2)}).outcome == "not violated"
    never = replace(statement, sides=lambda x: (x / (x - 2), x))
    assert deciding.examine(never, {"x": F(2)}).outcome == "undecided"


@pytest.mark.parametrize(
    ("power", "remainder", "outcome"),
    [
        (2, lambda x, step: exp(step * x) - 1 - step * x, "not violated"),
        (3, lambda x, step: exp(step * x) - 1 - step * x, "violated"),
        (3, lambda x, step: step * 0, "not violated"),
        (2, lambda x, step: [step**2, step], "violated"),
        (3, lambda x, step: step**3 / sqrt(sqrt(sqrt(step))), "undecided"),
        (2, lambda x, step: step**2 + step / 10**100, "violated"),
        (2, lambda x, step: exp(step * x) - 1 - step * x + step / 10**100, "violated"),
        (2, lambda x, step: step**2 * log(step), "not violated"),
        (F(3, 2), lambda x, step: step * sqrt(step), "not violated"),
        (0, lambda x, step: 1 / step, "violated"),
    ],
)
def test_orders(power: Any, remainder: Any, outcome: str) -> None:
    statement = Statement(claim="own", domain=lambda x: True, kind="order", remainder=remainder, power=power)
    assert deciding.examine(statement, {"x": F(2)}).outcome == outcome


def test_statements_need_their_functions() -> None:
    with pytest.raises(ValueError, match="sides is None"):
        Statement(claim="own", domain=lambda x: True)
    with pytest.raises(ValueError, match="remainder is None"):
        Statement(claim="own", domain=lambda x: True, kind="order", sides=lambda x: (x, x))


# Numbers


fractions = st.builds(F, st.integers(-(10**12), 10**12), st.integers(1, 10**12))
positive = st.builds(F, st.integers(1, 10**30), st.integers(1, 10**30))


def encloses(x: Any, value: Any) -> bool:
    low, high = (mpmath.mp.make_mpf(end) for end in as_interval(x).ends)
    return bool(low <= value <= high)


def mp(x: Fraction) -> Any:
    return mpmath.mpf(x.numerator) / x.denominator


@given(fractions, fractions, st.sampled_from([5, 20, 60]))
def test_intervals_enclose_rational_operations(a: Fraction, b: Fraction, n: int) -> None:
    with digits(n):
        x, y = as_interval(a), as_interval(b)
        results = [(x + b, a + b), (a - y, a - b), (x * y, a * b), (x**3, a**3), (-x, -a), (abs(x), abs(a))]
        results += [(maximum([x, b]), max(a, b)), (minimum([a, y]), min(a, b))]
        if b:
            results.append((x / y, a / b))
    for interval, value in results:
        low, high = rational_ends(interval)
        assert low <= value <= high


@given(fractions, positive, st.sampled_from([5, 20, 60]))
def test_intervals_enclose_functions(a: Fraction, b: Fraction, n: int) -> None:
    with digits(n):
        results = [exp(a / 10**9), exp(as_interval(a / 10**9)), log(b), log(as_interval(b)), sqrt(b), x_log_x(b)]
    with mpmath.workdps(200):
        power, logarithm = mpmath.exp(mp(a / 10**9)), mpmath.log(mp(b))
        values = [power, power, logarithm, logarithm, mpmath.sqrt(mp(b)), mp(b) * logarithm]
        assert all(encloses(x, value) for x, value in zip(results, values, strict=True))


@given(positive, st.sampled_from([20, 60]))
def test_intervals_are_narrow(b: Fraction, n: int) -> None:
    with digits(n):
        for x in (exp(b / 10**30), log(b), sqrt(b)):
            low, high = rational_ends(x)
            assert high - low <= abs(low + high) * F(1, 10**n)


def test_exact_values() -> None:
    assert exp(F(0)) == 1
    assert log(F(1)) == 0
    assert sqrt(F(9, 4)) == F(3, 2)
    assert x_log_x(F(0)) == 0
    assert all(isinstance(x, Fraction) for x in (exp(F(0)), log(F(1)), sqrt(F(9, 4)), F(0) * log(F(2))))


def test_signs() -> None:
    difference = log(F(2)) - log(F(2))
    assert isinstance(difference, Interval)
    assert sign(difference) is None
    assert [sign(x) for x in (log(F(2)), -log(F(2)), F(0), as_interval(F(0)))] == [1, -1, 0, 0]
    assert sign(log(F(2)) / difference) is None


def test_extreme_exponentials() -> None:
    # Never as a fraction: its denominator would have a million million digits.
    assert mpmath.libmp.mpf_sign(as_interval(exp(F(-(10**20)))).ends[0]) == 0
    assert sign(F(1, 10**300) - exp(F(-(10**20)))) == 1
    assert sign(exp(F(10**20)) - 1) is None
    assert sign(x_log_x(exp(F(-(10**20)))) + F(1, 10**100)) == 1


def test_x_log_x_over_an_interval_from_zero() -> None:
    third = as_interval(F(1, 3)) - F(1, 100)
    for top in (third, as_interval(F(2)), as_interval(F(9, 10))):
        wide = maximum([-as_interval(F(1)), top]) * F(1)
        assert isinstance(wide, Interval)
        from_zero = Interval((as_interval(F(0)).ends[0], wide.ends[1]))
        with mpmath.workdps(50):
            for k in range(1, 100):
                x = mpmath.mp.make_mpf(from_zero.ends[1]) * k / 100
                assert encloses(x_log_x(from_zero), x * mpmath.log(x))


def test_functions_without_a_value() -> None:
    for function in (lambda: log(F(0)), lambda: log(as_interval(F(-1))), lambda: sqrt(F(-1))):
        with pytest.raises(ArithmeticError, match="expected a number"):
            function()


# Building blocks, against closed forms


HALF, THIRD = F(1, 2), F(1, 3)


def close(x: Any, y: Any) -> bool:
    return sign(abs(as_interval(x - y)) - F(1, 10**18)) == -1


def test_two_actions() -> None:
    p, q = F(4, 5), F(1, 5)
    gap = log(p / q)
    assert close(policies.entropy([p, q]), log(F(5)) - p * log(F(4)))
    assert all(map(close, policies.entropy_gradient([p, q]), [-p * q * gap, p * q * gap]))
    assert close(policies.variance([p, q], policies.logs([p, q])), p * q * gap**2)
    assert close(policies.divergence([p, q], [q, p]), (p - q) * gap)
    assert policies.covariance([p, q], [F(1), F(3)], [F(2), F(7)]) == p * q * 10
    assert policies.fisher([p, q], [F(1), F(3)], [F(2), F(7)]) == p * q * 10
    assert policies.advantages([p, q], [F(1), F(0)]) == [q, -p]
    assert policies.spread([F(1), F(3)]) == 2


def test_softmax() -> None:
    assert policies.softmax([F(7)] * 3) == [THIRD] * 3
    assert close(policies.softmax([log(F(3)), F(0)])[0], F(3, 4))
    assert close(policies.tilted([HALF, HALF], [log(F(3)), F(0)])[0], F(3, 4))
    assert policies.tilted([F(1, 4), F(3, 4)], [F(9), F(9)]) == [F(1, 4), F(3, 4)]
    assert close(policies.entropy(policies.softmax([F(0)] * 5)), log(F(5)))


def test_directions() -> None:
    p, v = [F(1, 4), F(3, 4)], [F(2), F(0)]
    assert [jet.slope for jet in policies.along(p, v)] == [F(3, 8), F(-3, 8)]
    path = policies.path(p, v, 3)
    assert path[0].coefficients[:2] == [F(1, 4), F(3, 8)]
    # The logistic function has p' = p (1 - p) and p'' = p (1 - p)(1 - 2 p), here at speed 2.
    assert path[0].coefficients[2] == F(1, 2) * 4 * F(3, 16) * HALF


def test_jets() -> None:
    t = Jet([F(0), F(1), F(0), F(0)])
    assert (1 / (1 - t)).coefficients == [1, 1, 1, 1]
    assert t.exp().coefficients == [1, 1, HALF, F(1, 6)]
    assert (1 + t).log().coefficients == [0, 1, -HALF, THIRD]
    assert ((1 + t) ** 3 / (1 + t)).coefficients == [1, 2, 1, 0]
    assert ((1 + t).log().exp() - t).coefficients == [1, 0, 0, 0]
    assert ((2 - t) * (2 + t)).coefficients == [4, 0, -1, 0]


def test_a_loop() -> None:
    """One state that is left with action b: w = 1 / (1 - discount p)."""
    p, discount = F(3, 4), HALF
    transition = [[[F(1), F(0)], [F(0), F(1)]]]
    reward = [[F(2), F(5)]]
    gain, w = p * 2 + (1 - p) * 5, 1 / (1 - discount * p)
    problem = (transition, discount)
    assert processes.visits(*problem, [F(1)], [[p, 1 - p]]) == [w]
    assert processes.objective(*problem, reward, [F(1)], [[p, 1 - p]]) == w * gain
    assert processes.advantages(*problem, reward, [[p, 1 - p]]) == [
        [2 + discount * w * gain - w * gain, 5 - w * gain],
    ]
    h = policies.entropy([p, 1 - p])
    assert close(processes.mean_entropy(*problem, [F(1)], [[p, 1 - p]]), (1 - discount) * w * h)
    # J = (5 - 3p) / (1 - p/2), and p moves by p (1 - p) for a unit of the first logit.
    slope = (-3 * (1 - p / 2) + (5 - 3 * p) / 2) / (1 - p / 2) ** 2
    assert processes.policy_gradient(*problem, reward, [F(1)], [[p, 1 - p]])[0][0] == slope * p * (1 - p)


def test_gradients_of_a_process_are_its_slopes() -> None:
    transition = [[[HALF, HALF, F(0)], [F(0), F(1), F(0)]], [[THIRD, F(0), 1 - THIRD], [F(1), F(0), F(0)]]]
    reward = [[F(1), F(0)], [F(-2), F(3)]]
    initial, p, discount = [F(1, 4), F(3, 4)], [[F(1, 5), F(4, 5)], [F(2, 3), THIRD]], F(9, 10)
    gradient = processes.policy_gradient(transition, discount, reward, initial, p)
    wide = processes.mean_entropy_gradient(transition, discount, initial, p)
    for s in range(2):
        for a in range(2):
            v = [[F(int((s, a) == (i, j))) for j in range(2)] for i in range(2)]
            moved = processes.moved(p, v)
            assert processes.objective(transition, discount, reward, initial, moved).slope == gradient[s][a]
            assert close(processes.mean_entropy(transition, discount, initial, moved).slope, wide[s][a])
    weights = processes.visits(transition, discount, initial, p)
    assert sum(weights) < 1 / (1 - discount)
    # Bellman's equations, both ways.
    value = processes.values(transition, discount, p, processes.rewards(reward, p))
    table = action_values(transition, discount, reward, value)
    assert [policies.mean(row, q) for row, q in zip(p, table, strict=True)] == value
    moves = processes.chain(transition, p)
    flow = [initial[t] + discount * sum(weights[s] * moves[s][t] for s in range(2)) for t in range(2)]
    assert flow == weights


def test_elimination_is_exact() -> None:
    matrix = [[F(2), F(-1), F(0)], [F(-1), F(3), F(1)], [F(0), F(1), F(2)]]
    solution = [F(1, 3), F(-2), F(5)]
    right = [sum(a * b for a, b in zip(row, solution, strict=True)) for row in matrix]
    assert processes.solve(matrix, right) == solution

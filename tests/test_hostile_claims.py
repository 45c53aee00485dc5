"""Claims whose functions misbehave: a message that names the claim, and no harm to the claims beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking import campaign
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.registry import load
from entropy_theory.checking.verify import check

Array = np.ndarray[Any, Any]

d = et.domains

GOOD_BEFORE = et.Inequality(name="before", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 4))
GOOD_AFTER = et.Inequality(name="after", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 5))


def raises(z: Array) -> Any:
    raise RuntimeError("out of ideas")


def asserts(z: Array) -> Any:
    assert z.sum() == 1e99, "never so"
    return z


def recurses(z: Array) -> Any:
    return recurses(z)


def stops(z: Array) -> Any:
    raise StopIteration


def indexes(z: Array) -> Any:
    return z[:, 99]


def divides(z: Array) -> Any:
    return z.sum(-1) * (1 / int(0 * z.shape[0]))


FUNCTIONS: dict[str, Callable[[Array], Any]] = {
    "raises": raises,
    "asserts": asserts,
    "recurses": recurses,
    "stops": stops,
    "indexes": indexes,
    "divides": divides,
    "wrong length": lambda z: np.zeros(len(z) + 1),
    "wrong axis": lambda z: z.sum(0),
    "empty": lambda z: np.zeros((0,)),
    "no entries": lambda z: np.zeros((len(z), 0)),
    "None": lambda z: None,
    "string": lambda z: "large",
    "strings": lambda z: np.array(["a"] * len(z)),
    "dictionary": lambda z: {"value": z},
    "ragged": lambda z: [[1, 2], [3]] * len(z),
    "object Nones": lambda z: np.array([None] * len(z), dtype=object),
    "nan": lambda z: np.full(len(z), np.nan),
    "a nan": lambda z: np.where(np.arange(len(z)) == 0, np.nan, 1.0),
    "infinity": lambda z: np.full(len(z), np.inf),
    "minus infinity": lambda z: np.full(len(z), -np.inf),
    "complex": lambda z: np.full(len(z), 1 + 2j),
    "dates": lambda z: np.full(len(z), np.datetime64("2024-01-01")),
    "generator": lambda z: (x for x in z),
    "function": lambda z: np.exp,
    "log of negative": lambda z: np.log(-1 - z[:, 0] ** 2),
}

MISSHAPEN = ("raises", "asserts", "recurses", "indexes", "wrong length", "wrong axis", "nan", "infinity")
"""For these the reader has to see where it happened."""


def claim_of(name: str, side: str) -> Claim:
    function = FUNCTIONS[name]
    other: Any = lambda z: z.sum(-1)  # noqa: E731
    sides = {"lhs": other, "rhs": other, side: function}
    return et.Inequality(name="hostile", given={"z": d.logits(actions=(2, 4))}, **sides)


@pytest.mark.parametrize("side", ["lhs", "rhs"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_that_misbehaves_gets_no_verdict_but_a_message(name: str, side: str) -> None:
    verdict = campaign.guarded(claim_of(name, side), 0, 500)
    assert verdict.outcome == "undecided"
    assert verdict.error
    assert "hostile" in verdict.message
    assert verdict.counterexample is None
    assert verdict.claim == "hostile"
    json.dumps(verdict.to_json(), allow_nan=False)
    assert str(verdict)


@pytest.mark.parametrize("name", MISSHAPEN)
def test_the_message_names_the_instance(name: str) -> None:
    verdict = campaign.guarded(claim_of(name, "lhs"), 0, 500)
    assert "z = " in verdict.message


@pytest.mark.parametrize("name", ["raises", "wrong length", "None", "complex", "nan"])
def test_verify_raises_a_claim_error(name: str) -> None:
    with pytest.raises(et.ClaimError, match="hostile"):
        et.verify(claim_of(name, "lhs"), budget=200)


@pytest.mark.parametrize("name", ["raises", "wrong length", "None", "string", "complex", "recurses"])
def test_a_remainder_that_misbehaves_gets_a_message(name: str) -> None:
    function = FUNCTIONS[name]
    claim = et.Order(name="hostile", given={"z": d.logits()}, remainder=lambda t, z: function(z), power=2)
    verdict = campaign.guarded(claim, 0, 500)
    assert verdict.outcome == "undecided"
    assert verdict.error
    assert "hostile" in verdict.message


@pytest.mark.parametrize(
    "assuming",
    [raises, lambda z: None, lambda z: "yes", lambda z: z, lambda z: np.ones(len(z) + 1, dtype=bool), lambda z: z > 0],
    ids=["raises", "None", "string", "numbers", "length", "matrix"],
)
def test_an_assumption_that_misbehaves_gets_a_message(assuming: Callable[[Array], Any]) -> None:
    claim = et.Inequality(
        name="hostile", given={"z": d.logits(actions=3)}, assuming=assuming, lhs=lambda z: z.sum(-1), rhs=0
    )
    verdict = campaign.guarded(claim, 0, 500)
    assert verdict.outcome == "undecided"
    assert verdict.error
    assert "hostile" in verdict.message


def test_sides_of_different_lengths_get_a_message() -> None:
    claim = et.Inequality(
        name="hostile", given={"z": d.logits(actions=4)}, lhs=lambda z: z[:, :3], rhs=lambda z: z[:, :2]
    )
    verdict = campaign.guarded(claim, 0, 500)
    assert verdict.outcome == "undecided"
    assert "hostile" in verdict.message
    assert "3" in verdict.message
    assert "2" in verdict.message


def test_booleans_are_compared_as_numbers_or_get_a_message() -> None:
    """``False <= True`` is true; the claim below is false at some z."""
    claim = et.Inequality(
        name="hostile", given={"z": d.logits(actions=2)}, lhs=lambda z: z[:, 0] > 0, rhs=lambda z: z[:, 1] > 0
    )
    verdict = campaign.guarded(claim, 0, 500)
    assert verdict.outcome in ("refuted", "undecided")
    if verdict.outcome == "undecided":
        assert "hostile" in verdict.message
        assert "bool" in verdict.message


def test_an_infinite_side_decides_nothing() -> None:
    for side in (np.inf, -np.inf):
        claim = et.Inequality(name="hostile", given={"x": d.reals(0, 1)}, lhs=lambda x: x, rhs=side)
        verdict = campaign.guarded(claim, 0, 200)
        assert verdict.outcome == "undecided"
        assert verdict.error
        assert "hostile" in verdict.message


def test_a_function_that_fails_at_a_few_instances_still_gets_its_counterexample() -> None:
    """The failure is said, and so is that the claim is false elsewhere."""

    def picky(x: Array) -> Array:
        if (x == 1).any():
            raise ValueError("not at one")
        return np.asarray(x * (1 - x))

    claim = et.Inequality(name="picky", given={"x": d.reals(0, 1)}, lhs=picky, rhs=et.exact(1, 5))
    verdict = campaign.guarded(claim, 0, 2000)
    assert verdict.outcome == "refuted"
    assert verdict.counterexample == {"x": "1/2"}


def test_a_function_that_fails_at_a_few_instances_is_not_said_to_hold_everywhere() -> None:
    def picky(x: Array) -> Array:
        if (x == 1).any():
            raise ValueError("not at one")
        return np.asarray(x * (1 - x))

    claim = et.Inequality(name="picky", given={"x": d.reals(0, 1)}, lhs=picky, rhs=et.exact(1, 4))
    verdict = campaign.guarded(claim, 0, 2000)
    assert verdict.outcome != "refuted"
    assert "not at one" in verdict.message or "no number" in verdict.message


def test_a_function_that_changes_its_arguments_does_not_change_the_verdict() -> None:
    def zeroes(z: Array) -> Array:
        total = z.sum(-1)
        z[...] = 0
        return np.asarray(total)

    true = et.Inequality(name="mutating", given={"z": d.logits()}, lhs=zeroes, rhs=lambda z: z.sum(-1) + 1)
    assert campaign.guarded(true, 0, 500).outcome != "refuted"
    false = et.Identity(name="mutating", given={"z": d.logits(actions=2)}, lhs=zeroes, rhs=lambda z: 2 * z.sum(-1))
    verdict = campaign.guarded(false, 0, 500)
    assert verdict.outcome == "refuted" or verdict.error


def test_a_function_that_reports_warnings_does_no_harm() -> None:
    claim = et.Inequality(
        name="overflowing", given={"x": d.reals(0, 1e4)}, lhs=lambda x: np.exp(x) * 0, rhs=lambda x: np.exp(x)
    )
    assert campaign.guarded(claim, 0, 500).outcome in ("holds", "proved", "undecided")


def test_random_functions_do_not_crash() -> None:
    rng = np.random.default_rng(0)
    claim = et.Inequality(name="random", given={"x": d.reals(0, 1)}, lhs=lambda x: rng.normal(size=len(x)), rhs=0)
    verdict = campaign.guarded(claim, 0, 300)
    assert verdict.outcome in ("refuted", "undecided", "holds")


LOOPS: dict[str, str] = {
    "loop": "def f(z):\n    while True:\n        pass\n",
    "sleep": "import time\ndef f(z):\n    time.sleep(1000)\n    return 0 * z.sum(-1)\n",
    "swallow": (
        "def f(z):\n    while True:\n        try:\n            sum(range(1000))\n"
        "        except Exception:\n            pass\n"
    ),
    "balls only": "def f(z):\n    while z.dtype == object:\n        pass\n    return 0 * z.sum(-1)\n",
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.skipif(sys.platform == "win32", reason="timers of the kind used need POSIX")
def test_a_function_that_never_returns_is_given_up(name: str) -> None:
    program = (
        "import time\n"
        "import entropy_theory as et\n"
        "from entropy_theory.checking import campaign\n"
        + LOOPS[name]
        + "claim = et.Inequality(name='endless', given={'z': et.domains.logits()}, lhs=f, rhs=1)\n"
        "started = time.perf_counter()\n"
        "verdict = campaign.guarded(claim, 0, 500, time_limit=1)\n"
        "print(verdict.outcome, verdict.error, time.perf_counter() - started < 5, 'endless' in verdict.message)\n"
    )
    try:
        # A start of Python and the limit of one second fit in well.
        result = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=10, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.fail("the claim was not given up after its time limit")
    assert result.stdout.split() == ["undecided", "True", "True", "True"], result.stderr


def test_a_time_limit_leaves_no_timer_behind() -> None:
    verdict = campaign.guarded(GOOD_BEFORE, 0, 100, time_limit=0.8)
    assert verdict.outcome == "holds"
    time.sleep(1)


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n != "recurses"])
def test_other_claims_still_get_their_verdicts(name: str) -> None:
    claims = [GOOD_BEFORE, claim_of(name, "lhs"), GOOD_AFTER]
    verdicts = campaign.run(claims, budget=200)
    assert [v.claim for v in verdicts] == ["before", "hostile", "after"]
    assert [v.outcome for v in verdicts] == ["holds", "undecided", "refuted"]
    assert [v.error for v in verdicts] == [False, True, False]


@pytest.mark.parametrize("isolated", [False, True])
def test_a_function_that_leaves_the_process_costs_no_other_claim_its_verdict(tmp_path: Path, isolated: bool) -> None:
    """``sys.exit`` inside a claim is a failure of that claim, not the end of the campaign."""
    file = tmp_path / "leaving.py"
    file.write_text(
        "import sys\nimport entropy_theory as et\nd = et.domains\n"
        "one = et.Inequality(name='one', given={'x': d.reals(0, 1)}, lhs=lambda x: x, rhs=1)\n"
        "leaver = et.Inequality(name='leaver', given={'x': d.reals(0, 1)}, lhs=lambda x: sys.exit(3), rhs=1)\n"
        "two = et.Inequality(name='two', given={'x': d.reals(0, 1)}, lhs=lambda x: x, rhs=1)\n",
        encoding="utf-8",
    )
    try:
        verdicts = campaign.run(load(str(file)), budget=100, workers=1, isolated=isolated, source=str(file))
    except SystemExit:
        pytest.fail("the claim ended the campaign")
    assert [v.error for v in verdicts] == [False, True, False]
    assert [v.outcome for v in verdicts] == ["proved", "undecided", "proved"]
    assert "leaver" in verdicts[1].message


# Claims that cannot be made ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "Upper", "a b", "/a", "ä", "a\n", None, 3, "-a", "a\\b", "../a:b"])
def test_bad_names_are_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="name is"):
        et.Inequality(name=name, given={"x": d.reals(0, 1)}, lhs=0, rhs=1)


@pytest.mark.parametrize("side", ["x", None, [1, 2], {"a": 1}, 1j, object()])
def test_sides_that_are_no_functions_are_refused(side: Any) -> None:
    with pytest.raises(ValueError, match="hostile"):
        et.Inequality(name="hostile", given={"x": d.reals(0, 1)}, lhs=side, rhs=1)


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'y'.*'x'"):
        et.Inequality(name="hostile", given={"x": d.reals(0, 1)}, lhs=lambda y: y, rhs=1)
    with pytest.raises(ValueError, match=r"assuming takes 'y'"):
        et.Inequality(name="hostile", given={"x": d.reals(0, 1)}, lhs=0, rhs=1, assuming=lambda y: y > 0)
    with pytest.raises(ValueError, match="expected a function"):
        et.Order(name="hostile", given={"x": d.reals(0, 1)}, remainder="t", power=2)  # type: ignore[arg-type]


def test_optional_and_collected_arguments_are_understood() -> None:
    given = {"x": d.reals(0, 1), "y": d.reals(0, 1)}
    claim = et.Inequality(
        name="flexible", given=given, lhs=lambda x, unused=3: x * 0, rhs=lambda **all_of_them: all_of_them["y"]
    )
    assert check(claim, 0, 100).outcome in ("holds", "proved")


@pytest.mark.parametrize("power", ["two", None, float("nan"), float("inf"), 1j])
def test_a_power_that_is_no_number_is_refused(power: Any) -> None:
    """At the latest when it is checked, with the claim's name."""
    message = ""
    try:
        claim = et.Order(name="hostile", given={"x": d.reals(0, 1)}, remainder=lambda t, x: t * x, power=power)
    except ValueError as error:
        message = str(error)
    else:
        verdict = campaign.guarded(claim, 0, 100)
        assert verdict.outcome == "undecided"
        assert verdict.error
        message = verdict.message
    assert "hostile" in message


def test_environment_is_as_before_a_campaign() -> None:
    before = dict(os.environ)
    campaign.run([GOOD_BEFORE], budget=50)
    assert dict(os.environ) == before


@pytest.mark.parametrize("side", ["lhs", "rhs"])
@pytest.mark.parametrize("nan", [float("nan"), np.float32("nan"), "1", None, 1j])
def test_a_side_that_is_no_number_is_refused(side: str, nan: Any) -> None:
    parts: dict[str, Any] = {"lhs": 0, "rhs": 1, side: nan}
    with pytest.raises(ValueError, match=f"claim 'n': {side} is .*, expected a function or a number"):
        et.Inequality(name="n", given={"x": d.reals(0, 1)}, **parts)
    claim = et.Inequality(name="n", given={"x": d.reals(0, 1)}, lhs=0, rhs=1)
    with pytest.raises(ValueError, match=f"claim 'n/mutant-m': {side} is .*, expected a function or a number"):
        claim.mutant("m", **{side: nan})


@pytest.mark.parametrize("label", [0, None, 1.5, ("a",)])
def test_the_label_of_a_wrong_variant_is_a_string(label: Any) -> None:
    claim = et.Inequality(name="n", given={"x": d.reals(0, 1)}, lhs=0, rhs=1)
    with pytest.raises(ValueError, match=r"label is .*, expected a string"):
        claim.mutant(label, rhs=2)

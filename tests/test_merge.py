"""One verdict over several seeds: what adds up, what is an extreme, which outcome wins, and that no order matters."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entropy_theory.checking.merge import Tally, merge
from entropy_theory.checking.stages import Stages
from entropy_theory.checking.verdict import Environment, Verdict

HOLDS = Verdict("lemma", "printed", "inequality", "a <= b", "holds", 100, 90, worst=0.25, ratio=0.5)
PROVED = replace(HOLDS, outcome="proved", boxes=3, message="proved for all z")
UNDECIDED = replace(HOLDS, outcome="undecided", worst=math.nan, ratio=math.nan, message="not decided at z = 1")
FAILED = replace(UNDECIDED, instances=0, admitted=0, error=True, message="it was killed")


def refuted(x: str) -> Verdict:
    numbers: dict[str, Any] = {"z": [x]}
    return replace(HOLDS, outcome="refuted", worst=-1.0, counterexample=numbers, certificate={"instance": numbers})


def text(verdict: Verdict) -> str:
    return json.dumps(verdict.to_json())


def test_of_one_seed_it_is_that_verdict() -> None:
    for verdict in (HOLDS, PROVED, UNDECIDED, FAILED, refuted("1/2")):
        assert merge([verdict], [7]) is verdict


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        ((HOLDS, HOLDS), "holds"),
        ((HOLDS, UNDECIDED), "undecided"),
        ((HOLDS, FAILED), "undecided"),
        ((HOLDS, PROVED), "proved"),
        ((UNDECIDED, PROVED), "proved"),
        ((FAILED, PROVED), "proved"),
        ((HOLDS, refuted("1")), "refuted"),
        ((UNDECIDED, FAILED, refuted("1")), "refuted"),
        ((PROVED, refuted("1")), "refuted"),
    ],
)
def test_the_outcome_does_not_depend_on_the_order(verdicts: tuple[Verdict, ...], outcome: str) -> None:
    for order in itertools.permutations(verdicts):
        merged = merge(order, range(len(order)))
        assert merged.outcome == outcome
        # What a file may hold: an outcome that its own fields do not contradict.
        assert text(Verdict.from_json(merged.to_json())) == text(merged)


def test_counts_and_times_add_up_and_slacks_are_extremes() -> None:
    stages = Stages(propose=1.0, certify=0.5, proposed=100)
    parts = [
        replace(HOLDS, seconds=1.5, stages=stages),
        replace(HOLDS, instances=10, admitted=1, worst=0.125, ratio=0.875, seconds=2.5, stages=stages),
        replace(HOLDS, instances=1, admitted=1, worst=math.nan, ratio=math.nan),
    ]
    merged = merge(parts, (0, 1, 2))
    assert (merged.instances, merged.admitted) == (111, 92)
    assert (merged.worst, merged.ratio) == (0.125, 0.875)
    assert merged.seconds == 4.0
    assert merged.stages == Stages(propose=2.0, certify=1.0, proposed=200)
    assert merged.message == "3 seeds: no counterexample for 3"
    for kind, worst in (("identity", 0.25), ("order", 0.125)):
        assert merge([replace(v, kind=kind) for v in parts], (0, 1, 2)).worst == worst


def test_the_counterexample_is_of_the_first_seed_in_order_that_refuted() -> None:
    merged = merge([HOLDS, refuted("1/3"), refuted("1/2")], (5, 9, 2))
    assert merged.counterexample == {"z": ["1/3"]}
    assert merged.certificate == {"instance": {"z": ["1/3"]}}
    assert merged.worst == -1.0
    assert merged.message == "3 seeds: refuted for 2, no counterexample for 1; the counterexample is of seed 9"


def test_the_reason_is_of_the_first_seed_that_came_to_the_outcome() -> None:
    other = replace(UNDECIDED, message="not decided at z = 2")
    merged = merge([HOLDS, other, UNDECIDED], (1, 0, 2))
    assert merged.message == "3 seeds: undecided for 2, no counterexample for 1; seed 0: not decided at z = 2"
    assert "killed" not in merge([PROVED, FAILED], (0, 1)).message
    assert not merge([PROVED, FAILED], (0, 1)).error
    assert merge([HOLDS, FAILED], (0, 1)).error


def test_a_proof_beside_a_counterexample_is_said_to_be_impossible() -> None:
    assert "one of the two is wrong" in merge([PROVED, refuted("1")], (0, 1)).message


def test_on_each_table_the_finding_nearest_to_failing_is_kept() -> None:
    def on(*found: tuple[bool | None, float, bool]) -> Verdict:
        labels = (f"table {i}" for i in range(len(found)))
        return replace(HOLDS, environments=tuple(Environment(n, *e) for n, e in zip(labels, found, strict=True)))

    parts = [
        on((False, 0.5, True), (None, math.nan, False), (False, 0.1, False)),
        on((False, 0.25, True), (False, 3.0, True), (True, -2.0, False)),
        FAILED,
    ]
    for order in itertools.permutations(parts):
        merged = merge(order, (0, 1, 2))
        assert [(e.violated, e.worst, e.certified) for e in merged.environments] == [
            (False, 0.25, True),
            (False, 3.0, True),
            (True, -2.0, False),
        ]


some = st.sampled_from([HOLDS, PROVED, UNDECIDED, FAILED, refuted("1"), refuted("2"), refuted("1/3")])
numbers = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 0.5, 1e-300, -2.0])
verdicts = st.builds(
    lambda v, w, r, n: replace(v, worst=w, ratio=r, admitted=n), some, numbers, numbers, st.integers(1, 90)
)


@given(st.lists(verdicts, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_bytes_do_not_depend_on_the_order_in_which_seeds_are_reached(parts: list[Verdict], random: Any) -> None:
    expected = text(merge(parts, range(len(parts))))
    order = list(range(len(parts)))
    random.shuffle(order)
    tally = Tally(range(len(parts)))
    for n, i in enumerate(order):
        assert not tally.complete
        assert not tally.has(i)
        tally.add(i, parts[i])
        assert tally.has(i)
        assert sum(map(tally.has, range(len(parts)))) == n + 1
    assert tally.complete
    assert text(tally.verdict()) == expected


def test_what_cannot_be_merged_is_refused() -> None:
    with pytest.raises(ValueError, match="verdicts is empty"):
        Tally((0, 1)).verdict()
    with pytest.raises(ValueError, match="seeds is"):
        merge([], [])
    with pytest.raises(ValueError, match="seeds has 1 numbers, expected one for each of 2 verdicts"):
        merge([HOLDS, HOLDS], [0])
    with pytest.raises(ValueError, match="seeds holds 4 more than once"):
        merge([HOLDS, HOLDS], [4, 4])
    with pytest.raises(ValueError, match="claim 'theorem' beside 'lemma'"):
        merge([HOLDS, replace(HOLDS, claim="theorem")], [0, 1])
    with pytest.raises(ValueError, match="statement 'a < b' beside 'a <= b'"):
        merge([HOLDS, replace(HOLDS, statement="a < b")], [0, 1])
    tally = Tally((0, 1))
    tally.add(1, HOLDS)
    with pytest.raises(ValueError, match="seed 1 has two verdicts on 'lemma'"):
        tally.add(1, HOLDS)

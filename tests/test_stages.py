"""Where the time of a check goes: stages that add up, counts of what was done, and nothing of it in the JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import entropy_theory as et
from benchmarks import audit
from entropy_theory.checking import campaign, certify, search, table
from entropy_theory.checking.registry import paper_claims
from entropy_theory.checking.search import PROBES
from entropy_theory.checking.stages import STAGES, Stages, count, stage, stopwatch
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import check

d = et.domains

REFUTED = et.Inequality(
    name="half-of-the-square", given={"x": d.reals(0, 3)}, lhs=lambda x: x, rhs=lambda x: 0.5 + 0.3 * x * x
)
HOLDS = et.Inequality(
    name="geometric-mean",
    given={"z": d.logits(actions=(2, 4))},
    lhs=lambda z: et.entropy(z),
    rhs=lambda z: np.log(et.exact(z.shape[-1])),
)
ORDER = et.Order(
    name="second-order", given={"x": d.reals(-1, 1)}, remainder=lambda t, x: np.exp(t * x) - 1 - t * x, power=2
)
ON_TABLES = next(c for c in paper_claims() if c.name == "equation-5")

BUDGET = 400


class Clock:
    """A clock that moves only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    return [check(claim, 0, BUDGET) for claim in (REFUTED, HOLDS, ORDER, ON_TABLES)]


def stages_of(verdict: Verdict) -> Stages:
    assert verdict.stages is not None
    return verdict.stages


def test_a_stage_within_a_stage_stops_the_outer_one() -> None:
    clock = Clock()
    with stopwatch(clock) as watch:
        clock.now += 1
        with stage("certify"):
            clock.now += 2
            with stage("shrink"):
                clock.now += 4
            clock.now += 8
            with stage("certify"):
                clock.now += 16
        clock.now += 32
        read = watch.read()
    assert (read.rest, read.certify, read.shrink) == (33, 26, 4)
    assert read.seconds == 63
    assert read.shares()["certify"] == 26 / 63


def test_a_stage_that_fails_is_closed() -> None:
    clock = Clock()
    with stopwatch(clock) as watch:
        with pytest.raises(ZeroDivisionError), stage("prove"):
            clock.now += 1 / (clock.now - clock.now)
        clock.now += 2
        read = watch.read()
    assert (read.prove, read.rest) == (0, 2)


def test_without_a_stopwatch_nothing_is_measured() -> None:
    with stage("propose"):
        count("proposed", 3)
    with stopwatch() as watch:
        assert watch.read().proposed == 0


def test_a_stopwatch_within_a_stopwatch_leaves_the_outer_one_alone() -> None:
    with stopwatch() as outer:
        count("examined")
        with stopwatch() as inner:
            count("examined", 5)
        count("examined")
    assert (outer.read().examined, inner.read().examined) == (2, 5)


def test_totals_and_shares() -> None:
    total = Stages.total([Stages(propose=1.0, proposed=3), Stages(propose=2.0, rest=1.0, proposed=4, attempts=1)])
    assert total == Stages(propose=3.0, rest=1.0, proposed=7, attempts=1)
    assert total.shares() == {**dict.fromkeys(STAGES, 0.0), "propose": 0.75, "rest": 0.25}
    assert set(Stages().shares().values()) == {0.0}


def test_stages_add_up_to_the_seconds_of_the_verdict(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        times = [getattr(stages_of(verdict), name) for name in STAGES]
        assert min(times) >= 0
        assert sum(times) == pytest.approx(verdict.seconds, rel=1e-12)  # sums of the same floats, in another order


def test_stages_are_those_that_the_check_went_through(verdicts: list[Verdict]) -> None:
    refuted, holds, order, on_tables = (stages_of(v) for v in verdicts)
    assert [v.outcome for v in verdicts] == ["refuted", "holds", "holds", "holds"]
    assert min(refuted.shrink, refuted.certify, refuted.optimise) > 0
    assert refuted.attempts > 0
    assert refuted.prove == 0
    assert holds.prove > 0
    assert holds.shrink == holds.attempts == 0
    assert order.optimise == order.optimised == 0
    assert on_tables.tables > holds.tables


def test_instances_are_those_of_all_stages(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        stages = stages_of(verdict)
        assert stages.proposed + stages.optimised + stages.further == verdict.instances
    assert stages_of(verdicts[0]).proposed == BUDGET
    assert stages_of(verdicts[2]).proposed == BUDGET // 40


def test_counts_are_of_what_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    scored: list[int] = []
    examined: list[int] = []
    score, examine, draw = search.score, certify.examine, REFUTED.space.draw

    def spied(calls: list[int], function: Callable[..., object], size: Callable[..., int]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            calls.append(size(*args))
            return function(*args, **kwargs)

        return call

    claim = replace(REFUTED)
    monkeypatch.setattr(claim.space, "draw", spied(drawn, draw, lambda rng, n, *_: n))
    monkeypatch.setattr(search, "score", spied(scored, score, lambda _, leaves: len(leaves["x"])))
    monkeypatch.setattr(certify, "examine", spied(examined, examine, lambda *_: 1))
    stages = stages_of(check(claim, 0, BUDGET))
    sample = drawn.pop()  # the last draw is the picture's
    assert sample >= PROBES
    assert stages.proposed == sum(drawn)
    assert stages.optimised == sum(scored) - sum(drawn)
    assert stages.examined == sum(examined)


def test_json_holds_no_timing(verdicts: list[Verdict]) -> None:
    for verdict, claim in zip(verdicts[:3], (REFUTED, HOLDS, ORDER), strict=True):
        text = json.dumps(verdict.to_json())
        assert not any(word in text for word in ("seconds", "stages", "propose"))
        again = check(claim, 0, BUDGET)
        assert again.seconds != verdict.seconds
        assert again == verdict
        assert json.dumps(again.to_json()) == text
        read = Verdict.from_json(verdict.to_json())
        assert (read.stages, read.seconds) == (None, 0.0)


def test_two_checks_in_two_threads_do_not_mix() -> None:
    claims = (REFUTED, HOLDS)
    alone = [stages_of(check(claim, 0, BUDGET)) for claim in claims]
    found: dict[int, Stages] = {}
    start = threading.Barrier(2)

    def run(i: int) -> None:
        start.wait()
        found[i] = stages_of(check(claims[i], 0, BUDGET))

    threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = ("proposed", "optimised", "examined", "attempts")
    for i, stages in enumerate(alone):
        assert [getattr(found[i], c) for c in counts] == [getattr(stages, c) for c in counts]


def test_a_verdict_from_a_worker_brings_its_stages() -> None:
    claims = [c for c in paper_claims() if c.name == "theorem-v.2/strict"]
    (here, there) = (
        campaign.run(claims, budget=100, source="paper", workers=workers, isolated=workers > 1) for workers in (1, 2)
    )
    for one, other in zip(here, there, strict=True):
        assert stages_of(other).seconds == other.seconds > 0
        assert stages_of(other).examined == stages_of(one).examined


def test_timings_as_a_table(verdicts: list[Verdict]) -> None:
    rows = table.of_timings(verdicts)
    assert rows.row_count == len(verdicts) + 1
    read = [Verdict.from_json(v.to_json()) for v in verdicts]
    assert table.of_timings(read).row_count == 1


def test_the_longest_claims_come_first_in_a_campaign() -> None:
    claims = {c.name: campaign.effort(c) for c in paper_claims()}
    assert claims["proposition-v.1/eq-12"] > claims["lemma-iv.1"] > claims["section-viii/confidence-rises"]


def test_the_benchmark_of_the_audit_says_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results" / "audit.json"
    audit.main(["--quick", "-o", str(file)])
    results = json.loads(file.read_text(encoding="utf-8"))
    assert capsys.readouterr().out.strip() == audit.markdown(results).strip()
    assert [w["workers"] for w in results["workers"]] == [1, 2]
    assert {row["claim"].partition("/mutant")[0] for row in results["claims"]} == set(audit.FEW)
    for row in results["claims"]:
        assert row["seconds"] == pytest.approx(sum(row["stages"][name] for name in STAGES), rel=1e-12)
    drawn = [row["stages"]["proposed"] for row in results["budgets"]]
    assert drawn == [b * results["of"] for b in audit.SMALL_BUDGETS]

"""The benchmarks run at a small size, contenders agree, tables say what was measured; no time is asserted."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import growth, harness, tables
from benchmarks.harness import Benchmark, Contender, Measured, Worker, compare, ratios, run

FILES = ("policies", "mdp", "sparse", "token_tree", "training")
BENCHMARKS = [b for name in FILES for b in importlib.import_module(f"benchmarks.{name}").BENCHMARKS]
FOLDER = Path(tables.__file__).parent


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda b: b.name)
def test_contenders_agree_at_a_small_size(benchmark: Benchmark) -> None:
    """`run` compares the answers of all contenders that are installed and raises where they differ."""
    results = run(benchmark, [benchmark.small], rounds=1)
    rows = {row["contender"]: row for row in results["sizes"][0]["rows"]}
    assert list(rows) == list(benchmark.contenders)
    for label, row in rows.items():
        missing = benchmark.contenders[label].missing
        assert row["problem"] == ("" if missing is None else f"{missing} is not installed")
        assert ("seconds" in row) == (missing is None)
    assert rows[benchmark.reference]["ratio"] == 1.0
    assert benchmark.title in tables.section(results)


def wrong(size: tuple[int, ...]) -> Any:
    return lambda: {"x": np.arange(4.0) + 1e-6}


def right(size: tuple[int, ...]) -> Any:
    return lambda: {"x": np.arange(4.0)}


def failing(size: tuple[int, ...]) -> Any:
    def work() -> Any:
        raise MemoryError("too large")

    return work


def made(**contenders: Contender) -> Benchmark:
    """A benchmark of made-up contenders."""
    return Benchmark(
        name="made",
        title="Made up",
        about="Nothing.",
        sizes=((1,),),
        small=(1,),
        axes="nothing",
        contenders=contenders,
        reference="right",
        floor=None,
        tolerance=1e-9,
        work=lambda size: (1.0, "pieces"),
    )


def test_a_contender_with_another_answer_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"x of 'wrong' differs by 1\.00e-06"):
        compare(made(right=Contender(right), wrong=Contender(wrong)), (1,), rounds=1)


def test_a_contender_that_fails_is_reported_and_costs_the_others_nothing() -> None:
    measured = compare(made(right=Contender(right), failing=Contender(failing)), (1,), rounds=2)
    assert measured["failing"].problem == "MemoryError: too large"
    assert len(measured["right"].seconds) == 2


def test_a_module_that_is_not_installed_is_named() -> None:
    measured = compare(made(right=Contender(right), other=Contender(right, needs=("no_such_module",))), (1,), rounds=1)
    assert measured["other"].problem == "no_such_module is not installed"


def test_without_the_reference_the_others_are_compared() -> None:
    found = run(made(right=Contender(right, needs=("no_such_module",)), other=Contender(right)), rounds=1)
    rows = {row["contender"]: row for row in found["sizes"][0]["rows"]}
    assert rows["other"]["ratio"] is None
    assert rows["right"]["problem"] == "no_such_module is not installed"
    assert "| other |" in tables.section(found)


def several(size: tuple[int, ...]) -> Any:
    return lambda: {f"x{i}": np.ones(size[0]) for i in range(16)}


def test_memory_that_was_freed_is_not_taken_for_free() -> None:
    """Arrays of 8 MiB are kept by the allocator from one call to the next."""
    worker = Worker(Contender(several), (2**20,))
    try:
        worker.ask("prepare")
        for _ in range(3):
            worker.ask("answers")
        peak, _ = worker.ask("peak")
    finally:
        worker.close()
    assert peak is None or 0.9 * 2**27 < peak < 1.5 * 2**27


def environment(size: tuple[int, ...]) -> Any:
    import os

    return lambda: {"x": float(os.environ["OF_THIS_CONTENDER"])}


def test_the_environment_is_that_of_the_contender_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OF_THIS_CONTENDER", raising=False)
    worker = Worker(Contender(environment, environment={"OF_THIS_CONTENDER": "7"}), (1,))
    try:
        worker.ask("prepare")
        assert worker.ask("answers")["x"].tolist() == [7.0]
    finally:
        worker.close()
    import os

    assert "OF_THIS_CONTENDER" not in os.environ


def growing(size: tuple[int, ...]) -> Any:
    return lambda: {"x": np.ones(size[0])}


def test_the_peak_of_memory_is_that_of_the_work() -> None:
    worker = Worker(Contender(growing), (2**24,))
    try:
        worker.ask("prepare")
        worker.ask("answers")
        peak, _ = worker.ask("peak")
    finally:
        worker.close()
    assert (peak is None) == (sys.platform != "linux")
    assert peak is None or 0.9 * 2**27 < peak < 1.5 * 2**27  # 2**24 doubles


def test_ratios_are_taken_within_a_round() -> None:
    assert ratios(Measured([1.0, 2.0, 4.0]), Measured([3.0, 2.0, 2.0])) == [3.0, 1.0, 0.5]


def test_slopes_are_those_of_powers() -> None:
    points = [{"amount": 10.0**k, "seconds": 2e-9 * 10 ** (1.5 * k) + 1e-4, "peak_bytes": 8 * 10**k} for k in range(9)]
    # Of the two points of the upper decades the lower is 63 s: 1e-4 s beside it are 7e-7 in the logarithm.
    assert growth.slope(points, "seconds") == pytest.approx(1.5, abs=1e-6)
    assert growth.slope(points, "peak_bytes") == pytest.approx(1.0)
    assert growth.slope(points[:1], "seconds") is None


def test_the_readme_shows_the_stored_results() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    stored = sorted((FOLDER / "results").glob("*.json"))
    assert {f.stem for f in stored} == {
        *(b.name for b in BENCHMARKS),
        "audit",
        "growth",
        "mutation",
        "power",
        "power-second",
        "power-third",
    }
    for file in stored:
        assert tables.rendered(file.stem, json.loads(file.read_text(encoding="utf-8"))) in text, file.stem


@pytest.mark.parametrize("problem", [("", ""), ("ended", ""), ("", "ended")])
def test_launches_are_put_together(problem: tuple[str, str]) -> None:
    """A contender that failed once has no times, and says why."""
    first, second = (
        Measured([] if p else [x], peak, p) for x, peak, p in zip((1.0, 2.0), (5, 7), problem, strict=True)
    )
    first.add(second)
    assert first == Measured([] if any(problem) else [1.0, 2.0], 7, "".join(problem))


def test_quick_contenders_are_launched_several_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "LAUNCHES", 2)
    quick = compare(made(right=Contender(right)), (1,))["right"].seconds
    assert len(quick) == 2 * harness.ROUNDS
    monkeypatch.setattr(harness, "QUICK", 0.0)
    assert len(compare(made(right=Contender(right)), (1,))["right"].seconds) == harness.ROUNDS


def test_one_size_is_measured_anew_in_the_place_of_the_old() -> None:
    kept, new = (
        {"machine": "m", "sizes": [{"size": [k, 0.5], "rows": rows} for k in ks]}
        for ks, rows in (((1, 2), "old"), ((2,), "new"))
    )
    assert [x["rows"] for x in harness.together(kept, new)["sizes"]] == ["old", "new"]
    with pytest.raises(ValueError, match="results kept are of m, expected other"):
        harness.together(kept, new | {"machine": "other"})

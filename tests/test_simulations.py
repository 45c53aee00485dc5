"""The experiments of Section VIII: small variants run and say the same each time; the stored results are theirs."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from entropy_theory.cli import app
from entropy_theory.figures import style
from entropy_theory.figures.simulations import DRAWINGS
from entropy_theory.simulations import SIMULATIONS, select
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL, SMALL, pieces
from entropy_theory.simulations.store import Folder

STORED = Path(__file__).parent.parent / "figures" / "simulations"
NAMES = list(SIMULATIONS)


@cache
def reported(name: str) -> tuple[Result, tuple[tuple[int, int], ...]]:
    """The result of the small variant and its reports of progress."""
    seen: list[tuple[int, int]] = []
    result = SIMULATIONS[name].run("small", report=lambda done, total: seen.append((done, total)))
    return result, tuple(seen)


def small(name: str) -> Result:
    return reported(name)[0]


# Estimates and rows ----------------------------------------------------------------------------------------------


def test_the_interval_is_that_of_student() -> None:
    """Tabulated: t(0.975, 2) = 4.302653, of which half a unit of the last digit is 1.2e-7; the samples 1, 2, 3 have
    mean 2 and standard error 1/sqrt(3)."""
    estimate = Estimate.of([1, 2, 3])
    assert (estimate.mean, estimate.samples) == (2.0, (1.0, 2.0, 3.0))
    assert estimate.high - 2 == pytest.approx(4.302653 / math.sqrt(3), rel=1.2e-7)
    assert 2 - estimate.low == pytest.approx(4.302653 / math.sqrt(3), rel=1.2e-7)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = [e.low <= 0 <= e.high for e in (Estimate.of(rng.normal(size=5)) for _ in range(2000))]
    assert abs(np.mean(covered) - 0.95) < 5 * math.sqrt(0.95 * 0.05 / 2000)


@pytest.mark.parametrize("samples", [[], [1.0, math.nan], [math.inf]])
def test_bad_samples(samples: list[float]) -> None:
    with pytest.raises(ValueError, match=r"samples is .*expected at least one number, all finite"):
        Estimate.of(samples)


def test_equal_samples_have_no_width() -> None:
    assert str(Estimate.of([0.1] * 3)) == "0.1"
    assert Estimate.of([7.0]).low == 7.0


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(-1, 1))
def test_what_an_interval_decides(mean: float, half: float, bound: float) -> None:
    estimate = Estimate(mean, mean - half, mean + half, (mean,))
    answer = estimate.above(bound)
    if answer is None:
        assert estimate.low <= bound <= estimate.high
    else:
        assert all((x > bound) is answer for x in (estimate.low, estimate.mean, estimate.high))
    inside = estimate.within(bound, bound + 0.5)
    if inside is not None:
        ends = (estimate.low, estimate.high)
        assert all((bound <= x <= bound + 0.5) is inside for x in ends)


@given(st.lists(st.sampled_from([True, False, None])))
def test_every_is_the_strong_conjunction(answers: list[bool | None]) -> None:
    possible = {all(a if a is not None else guess for a in answers) for guess in (True, False)}
    assert every(*answers) == (possible.pop() if len(possible) == 1 else None)


def test_outcomes() -> None:
    def row(criterion: str, agrees: bool | None) -> str:
        return Row("s", "p", "-", {}, criterion, agrees).outcome

    assert [row("c", x) for x in (True, False, None)] == ["reproduced", "not reproduced", "open"]
    assert row("", None) == "measured"


# Small variants --------------------------------------------------------------------------------------------------


def test_all_twelve_experiments_are_there() -> None:
    assert list(SIMULATIONS) == [
        "entropy-covariance",
        "covariance-tail",
        "controls",
        "alpha-sweep",
        "exponential-law",
        "confidence",
        "guidelines",
        "operation-counts",
        "estimators",
        "entropy-level",
        "difficulty",
        "reference-kl",
    ]
    assert list(DRAWINGS) == list(SIMULATIONS)


@pytest.mark.parametrize("name", NAMES)
def test_small_variant(name: str) -> None:
    result = small(name)
    assert result.name == name
    assert result.setting["scale"] == "small"
    assert result.setting["seeds"] >= 2
    assert len({row.statement for row in result.rows}) == len(result.rows) > 0
    for row in result.rows:
        assert row.model
        assert row.paper
        assert row.source
        assert row.criterion or row.agrees is None
        for estimate in row.model.values():
            assert estimate.low <= estimate.mean <= estimate.high
            assert all(map(math.isfinite, estimate.samples))


@pytest.mark.parametrize("name", NAMES)
def test_json_round_trip(name: str) -> None:
    text = small(name).to_json()
    assert Result.from_json(text).to_json() == text
    assert [row["outcome"] for row in json.loads(text)["rows"]] == [row.outcome for row in small(name).rows]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_in_several_processes(name: str) -> None:
    """Every repetition has its own seed, so neither their order nor the number of processes matters."""
    assert SIMULATIONS[name].run("small", workers=2).to_json() == small(name).to_json()


@pytest.mark.parametrize("name", NAMES)
def test_progress_reaches_its_end(name: str) -> None:
    done, total = zip(*reported(name)[1], strict=True)
    assert done[-1] == total[-1] > 0
    assert list(done) == sorted(done)


@pytest.mark.parametrize("name", NAMES)
def test_unknown_scale(name: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        SIMULATIONS[name].run("medium")


@pytest.mark.parametrize("name", NAMES)
def test_picture_of_the_small_variant(name: str, tmp_path: Path) -> None:
    """It is drawn from the stored form, and the same bytes each time."""
    files = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        figure = DRAWINGS[name].draw(Result.from_json(small(name).to_json()))
        files.append([path.read_bytes() for path in style.save(figure, folder, name)])
    assert files[0] == files[1]


# Stored results --------------------------------------------------------------------------------------------------


def geometric(samples: tuple[float, ...]) -> Estimate | None:
    """The estimate of a ratio: the interval of the logarithms."""
    if min(samples) <= 0:
        return None
    of_logs = Estimate.of(np.log(samples))
    mean, low, high = np.exp([of_logs.mean, of_logs.low, of_logs.high]).tolist()
    return Estimate(mean, low, high, samples)


@pytest.mark.parametrize("name", NAMES)
def test_stored_result_is_of_the_full_variant(name: str) -> None:
    result = Folder(STORED).load(name)
    assert result is not None
    assert result.setting["scale"] == "full"
    assert result.setting["seeds"] >= 10
    assert result.title == SIMULATIONS[name].TITLE
    assert [row.statement for row in result.rows] == [row.statement for row in small(name).rows]
    assert [row.criterion for row in result.rows] == [row.criterion for row in small(name).rows]
    for row in result.rows:
        for estimate in row.model.values():
            assert estimate in (Estimate.of(estimate.samples), geometric(estimate.samples))
    for kind in ("png", "svg"):
        assert (STORED / f"{name}.{kind}").is_file()


def test_the_page_is_made_from_the_stored_results(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / f"{name}.json").write_bytes((STORED / f"{name}.json").read_bytes())
    Folder(tmp_path).write_page(NAMES)
    assert (STORED / "simulations.md").read_text() == (tmp_path / "simulations.md").read_text()


# Setting and command ---------------------------------------------------------------------------------------------


def test_a_repetition_is_its_seed() -> None:
    (tree, z, _), (other, w, _) = SMALL.start(3), SMALL.start(4)
    again, y, _ = SMALL.start(3)
    np.testing.assert_array_equal(tree.reward, again.reward)
    np.testing.assert_array_equal(z, y)
    assert (tree.reward != other.reward).any()
    assert (z != w).any()


def test_the_full_setting_has_the_scale_of_the_paper() -> None:
    assert (FULL.prompts, FULL.responses, FULL.epochs, FULL.filter_equal) == (256, 8, 8, True)
    assert FULL.seeds >= 10


def test_pieces_keep_their_order() -> None:
    assert pieces(math.sqrt, [(x,) for x in (9.0, 4.0, 1.0)], workers=2) == [3.0, 2.0, 1.0]


def test_select() -> None:
    assert [m.NAME for m in select(["controls", "covariance-tail"])] == ["covariance-tail", "controls"]
    assert len(select([])) == len(SIMULATIONS)
    with pytest.raises(ValueError, match=r"name is 'control', expected one of .*; the nearest are controls"):
        select(["control"])


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["simulate", *arguments])


def test_command_writes_results_and_takes_them_up_again(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    first = invoke("operation-counts", "--small", "--seeds", "2", "--workers", "1", "-o", str(folder))
    assert first.exit_code == 0, first.output
    kinds = [f"operation-counts.{kind}" for kind in ("json", "png", "svg")]
    assert sorted(p.name for p in folder.iterdir()) == [*kinds, "simulations.md"]
    assert (folder / "simulations.md").read_text().count("## ") == 1
    assert "findings." in first.stdout.splitlines()[-1]
    path = folder / "operation-counts.json"
    marked = path.read_text().replace(SIMULATIONS["operation-counts"].TITLE, "Taken from the folder")
    path.write_text(marked)
    resumed = invoke("operation-counts", "--small", "--seeds", "2", "-o", str(folder), "--resume")
    assert "Taken from the folder" in resumed.output
    again = invoke("operation-counts", "--small", "--seeds", "3", "--workers", "1", "-o", str(folder), "--resume")
    assert "Taken from the folder" not in again.output


def test_command_lists() -> None:
    assert [line.split()[0] for line in invoke("--list").output.splitlines()] == NAMES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["contrls"], "name is 'contrls', expected one of"),
        (["controls", "--resume"], "--resume is given without --output"),
    ],
)
def test_command_refuses(arguments: list[str], message: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_command_refuses_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("controls", "--small", "-o", str(tmp_path / "file"))
    assert result.exit_code == 2
    assert "--output" in result.stderr


def test_command_says_what_a_broken_store_is(tmp_path: Path) -> None:
    (tmp_path / "controls.json").write_text("{}")
    result = invoke("controls", "--small", "-o", str(tmp_path), "--resume")
    assert result.exit_code == 2
    assert "controls.json holds no result" in result.stderr


def test_interruption_leaves_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any, **options: Any) -> Result:
        raise KeyboardInterrupt

    monkeypatch.setattr(SIMULATIONS["controls"], "run", interrupted)
    result = invoke("covariance-tail", "controls", "--small", "--seeds", "2", "--workers", "1", "-o", str(tmp_path))
    assert result.exit_code == 1
    assert (tmp_path / "covariance-tail.json").is_file()
    assert "interrupted in controls" in result.stderr
    assert "--resume" in result.stderr

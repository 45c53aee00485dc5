"""Figures: the registry, the command and the files, the same bytes each time; and the numbers of Theorem V.1.

The numbers are tested against mpmath and formulas derived by hand. For two actions with ``L = log(p / q)``: ``log p +
H = q L`` and ``log q + H = -p L``, so that ``Var(log p) = p q^2 L^2 + q p^2 L^2 = p q L^2`` and ``K = p^2 q^2 L^2 + q^2
p^2 L^2 = 2 p q Var``. As ``dp = p q dL`` and ``d(p q) = p q (q - p) dL``, Var is stationary where ``(p - q) L = 2``,
that is ``L tanh(L / 2) = 2``.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import mpmath
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from typer.testing import CliRunner

from entropy_theory.checking.registry import paper_claims, select
from entropy_theory.cli import app
from entropy_theory.cli.figures import _pictures
from entropy_theory.figures import FIGURES, gallery, style, theorem_v_1
from entropy_theory.simulations import SIMULATIONS
from tests.oracles import policies

ROOT = Path(__file__).parents[1]
STORED = ROOT / "figures"
RELATIVE = 1e-13


@pytest.fixture(scope="module", name="data")
def _data() -> theorem_v_1.Data:
    return theorem_v_1.data()


def two_actions(gap: float) -> tuple[Any, Any]:
    """Var and K of the policy (1 - gap, gap)."""
    q = mpmath.mpf(gap)
    p = 1 - q
    var = p * q * mpmath.log(p / q) ** 2
    return var, 2 * p * q * var


def test_axis_runs_from_one_half_to_nearly_deterministic(data: theorem_v_1.Data) -> None:
    assert data.gap[0] == 0.5
    assert data.gap[-1] == 1e-4
    assert (np.diff(data.gap) < 0).all()


def test_terms_for_two_actions(data: theorem_v_1.Data) -> None:
    with mpmath.workdps(50):
        for gap, printed, exact in zip(data.gap, data.printed, data.exact, strict=True):
            var, k = two_actions(gap)
            # A rounding of the logits moves L by about 1e-16, which matters next to L = 0 alone.
            assert abs(printed - var) <= RELATIVE * var + 1e-30
            assert abs(exact - k) <= RELATIVE * k + 1e-30
        for value, oracle in zip(data.example, two_actions(theorem_v_1.EXAMPLE_GAP), strict=True):
            assert abs(value - oracle) <= RELATIVE * oracle


def test_peak_of_the_variance(data: theorem_v_1.Data) -> None:
    with mpmath.workdps(50):
        odds = mpmath.findroot(lambda x: x * mpmath.tanh(x / 2) - 2, 2.4)
        gap = 1 / (1 + mpmath.exp(odds))
        assert abs(data.peak_gap - gap) < 1e-7  # the optimiser's: a maximum is flat
        assert abs(data.peak - two_actions(gap)[0]) < 1e-14
    assert f"{1 - data.peak_gap:.5f} {data.peak:.5f}" == "0.91678 0.43923"
    before = data.gap > data.peak_gap
    assert (np.diff(data.printed[before]) > 0).all()
    assert (np.diff(data.printed[~before]) < 0).all()


def test_ratio_of_random_policies(data: theorem_v_1.Data) -> None:
    assert tuple(z.shape for z in data.logits) == tuple((theorem_v_1.POLICIES, n) for n in (2, 3, 4, 5, 6))
    rows = [row for z in data.logits for row in z.tolist()]
    assert len(rows) == len(data.ratio) == len(data.random_gap)
    with mpmath.workdps(50):
        for row, gap, ratio in itertools.islice(zip(rows, data.random_gap, data.ratio, strict=True), 0, None, 5):
            z = [mpmath.mpf(x) for x in row]
            exact_gap = mpmath.fsum(sorted(policies.softmax(z))[:-1])
            exact_ratio = mpmath.fsum(g**2 for g in policies.entropy_gradient(z)) / policies.varentropy(z)
            assert abs(gap - exact_gap) <= RELATIVE * exact_gap
            assert abs(ratio - exact_ratio) <= 1e-11 * exact_ratio


def test_ratio_keeps_the_proved_bounds(data: theorem_v_1.Data) -> None:
    room = 1 + 1e-11
    assert (data.ratio > 0).all()
    assert (data.ratio <= 0.5 * room).all()
    assert (data.ratio <= 2 * data.random_gap * room).all()
    two = slice(0, theorem_v_1.POLICIES)
    gap = data.random_gap[two]
    np.testing.assert_allclose(data.ratio[two], 2 * gap * (1 - gap), rtol=1e-11)


def test_random_policies_fill_the_axis(data: theorem_v_1.Data) -> None:
    assert (data.random_gap >= theorem_v_1.SMALLEST_GAP * (1 - 1e-12)).all()
    assert (data.random_gap < 1 - 1 / 6 + 1e-12).all()
    counts, _ = np.histogram(np.log10(data.random_gap), bins=[-4, -3, -2, -1, 0])
    assert (counts > 300).all()


def test_data_are_the_same_each_time(data: theorem_v_1.Data) -> None:
    again = theorem_v_1.data()
    for name in ("gap", "printed", "exact", "random_gap", "ratio"):
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))
    assert (data.peak_gap, data.peak, data.example) == (again.peak_gap, again.peak, again.example)


def test_picture_shows_the_data(data: theorem_v_1.Data) -> None:
    left, right = theorem_v_1.draw(data).axes
    curves = [np.asarray(line.get_xydata()) for line in [*left.lines, *right.lines]]
    for expected in [(data.gap, data.printed), (data.gap, data.exact), (data.random_gap, data.ratio)]:
        assert any(np.array_equal(curve, np.stack(expected, axis=-1)) for curve in curves)


def texts_of(figure: Figure) -> dict[Text, Bbox]:
    """The texts that are drawn, which the labels of ticks beyond an axis are not, and the boxes that hold them."""
    drawn: dict[Text, Bbox] = {}
    draw = Text.draw

    def noted(text: Text, renderer: Any, *rest: Any, **options: Any) -> None:
        draw(text, renderer, *rest, **options)
        if text.get_visible() and text.get_text():
            drawn[text] = text.get_window_extent(renderer)

    with style.style(), pytest.MonkeyPatch.context() as patch:
        figure.draw_without_rendering()  # lays it out
        patch.setattr(Text, "draw", noted)
        figure.draw_without_rendering()
    return drawn


def shown(line: Line2D) -> Any:
    """The points of a line that its axes do not cut off, in pixels."""
    points = line.get_transform().transform(line.get_xydata())
    if line.axes is None or not line.get_clip_on():
        return points
    low, high = line.axes.bbox.get_points()
    return points[((points >= low) & (points <= high)).all(-1)]


@pytest.mark.parametrize("name", FIGURES)
def test_texts_stay_clear_of_each_other_and_of_the_curves(name: str) -> None:
    figure = FIGURES[name].draw(FIGURES[name].data())
    boxes = [(text.get_text(), box) for text, box in texts_of(figure).items()]
    assert len(boxes) > 10
    for text, box in boxes:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
        for axes in figure.axes:
            for line in axes.lines:
                assert not box.count_contains(shown(line)), f"{text!r} lies on a curve"
    for (a, box), (b, other) in itertools.combinations(boxes, 2):
        assert not box.overlaps(other), f"{a!r} overlaps {b!r}"


def test_style_leaves_the_settings_as_they_were(data: theorem_v_1.Data, tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 17.0}):
        before = dict(matplotlib.rcParams)
        style.save(theorem_v_1.draw(data), tmp_path, "picture")
        assert dict(matplotlib.rcParams) == before


# Registry and files ----------------------------------------------------------------------------------------------


def position(name: str) -> int:
    """Where in the paper the claim stands that a figure is mainly about."""
    return paper_claims().index(select(paper_claims(), [FIGURES[name].ABOUT[0]])[0])


def test_figures_are_in_the_order_of_the_paper() -> None:
    assert list(FIGURES) == sorted(FIGURES, key=position)
    assert {f"{name}.py" for name in FIGURES} <= {path.name for path in Path(style.__file__).parent.iterdir()}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_says_what_it_shows(name: str) -> None:
    figure = FIGURES[name]
    main = figure.ABOUT[0].partition("/")[0]
    statement = figure.ABOUT[0] if main == "beyond" else main
    assert re.sub(r"\W", "_", statement) == name
    assert len(set(figure.ABOUT)) == len(figure.ABOUT)
    assert select(paper_claims(), figure.ABOUT)  # refuses a name that no claim has
    assert 20 < len(figure.TITLE) < 80
    assert not figure.TITLE.endswith(".")
    assert 100 < len(figure.CAPTION) < 700
    assert figure.CAPTION.endswith(".")
    assert figure.__doc__


def test_titles_of_all_pictures() -> None:
    assert list(gallery.TITLES) == [*FIGURES, *SIMULATIONS]
    assert len(set(gallery.TITLES.values())) == len(gallery.TITLES)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names_of_files(*names: str) -> set[str]:
    """What the pictures with these names are written to."""
    folder = {name: "" if name in FIGURES else "simulations/" for name in names}
    return {f"{folder[name]}{name}.{kind}" for name in names for kind in ("svg", "png")}


def generate(folder: Path, **environment: str) -> dict[str, bytes]:
    script = str(STORED / "generate.py")
    subprocess.run([sys.executable, script, "-o", str(folder)], env={**os.environ, **environment}, check=True)
    return files_of(folder)


def test_generate_writes_the_same_bytes_each_time(tmp_path: Path) -> None:
    """Also in another process, under another hash seed, another date and other settings of the user's."""
    settings = tmp_path / "matplotlibrc"
    settings.write_text("font.size: 20\nlines.linewidth: 9\naxes.facecolor: red\nsvg.fonttype: none\nsavefig.dpi: 50\n")
    files = generate(
        tmp_path / "a" / "b", PYTHONHASHSEED="2", MATPLOTLIBRC=str(settings), SOURCE_DATE_EPOCH="1000000000"
    )
    assert set(files) == names_of_files(*gallery.TITLES)
    here = tmp_path / "here"
    for name in (*FIGURES, "guidelines"):
        gallery.write(name, here, STORED / "simulations")
    for path, content in files_of(here).items():
        assert content == files[path], path
    for path, content in files.items():
        assert content.startswith(b"\x89PNG" if path.endswith("png") else b"<?xml")
        assert len(content) < 500_000, path


def words(svg: Path) -> list[str]:
    """The texts in a picture, in the comments that Matplotlib writes beside their outlines."""
    return re.findall(r"<!-- (.*?) -->", svg.read_text(encoding="utf-8"))


def blocks(png: Path, size: int = 20) -> Any:
    """A picture's grey levels, from 0 to 1, averaged over blocks of so many pixels."""
    grey = imread(png)[..., :3].mean(-1)
    height, width = (n // size for n in grey.shape)
    return grey[: height * size, : width * size].reshape(height, size, width, size).mean((1, 3))


@pytest.mark.parametrize("name", gallery.TITLES)
def test_stored_picture_is_what_is_drawn(name: str, tmp_path: Path) -> None:
    """Bytes depend on the version of Matplotlib; words do not, and lines hardly: one of 6 pixels that moves by one
    changes the mean of a block of 20 x 20 by 1/20, one that is missing or new by 6/20."""
    svg, png = gallery.write(name, tmp_path, STORED / "simulations")
    stored = {path: STORED / path.relative_to(tmp_path) for path in (svg, png)}
    assert words(svg) == words(stored[svg])
    assert words(svg)
    drawn, kept = blocks(png), blocks(stored[png])
    assert drawn.shape == kept.shape
    assert np.abs(drawn - kept).max() < 0.1


def test_folder_of_figures_holds_nothing_else() -> None:
    results = {f"simulations/{name}.json" for name in SIMULATIONS}
    others = {"generate.py", "simulations/simulations.md"}
    files = {name for name in files_of(STORED) if "__pycache__" not in name}
    assert files == names_of_files(*gallery.TITLES) | results | others


# The command -----------------------------------------------------------------------------------------------------


def invoke(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["figures", *(str(a) for a in arguments)])


def test_list_names_all_pictures() -> None:
    result = invoke("--list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    names = [line.split()[0] for line in lines]
    assert "theorem-v.1" in names
    assert [gallery.select([name]) for name in names] == [[name] for name in gallery.TITLES]
    assert all(title in line for line, title in zip(lines, gallery.TITLES.values(), strict=True))


@pytest.mark.parametrize("name", ["theorem_v_2", "theorem-v-2", "theorem-v.2", "Theorem V.2"])
def test_a_figure_by_any_of_its_names(name: str) -> None:
    assert gallery.select([name]) == ["theorem_v_2"]


def test_pictures_are_written_in_their_order_and_named(tmp_path: Path) -> None:
    """Into a folder that is made; the experiment is drawn from its stored result, as in the folder of figures."""
    folder = tmp_path / "a" / "b"
    result = invoke("operation-counts", "theorem-v.1", "-o", folder, "--results", STORED / "simulations")
    assert result.exit_code == 0
    order = [
        "theorem_v_1.svg",
        "theorem_v_1.png",
        "simulations/operation-counts.svg",
        "simulations/operation-counts.png",
    ]
    assert result.stdout.split() == [str(folder / name) for name in order]
    assert set(files_of(folder)) == set(order)
    for name in order:
        if name.endswith("svg"):
            assert words(folder / name) == words(STORED / name)
    assert "[2/2] operation-counts" in result.stderr


def test_quiet_says_nothing_but_the_paths(tmp_path: Path) -> None:
    result = invoke("theorem_v_1", "-o", tmp_path, "--quiet")
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(result.stdout.split()) == 2


def test_the_folder_is_figures_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert invoke("theorem_v_1").exit_code == 0
    assert set(files_of(tmp_path)) == {"figures/theorem_v_1.svg", "figures/theorem_v_1.png"}


@pytest.mark.parametrize("name", ["operation-counts", "reference-kl"])
def test_without_results_the_small_variant_says_so(name: str, tmp_path: Path) -> None:
    """One picture with a legend below the axes and one without; the line is clear of all other texts."""
    assert invoke(name, "-o", tmp_path).exit_code == 0
    seeds = SIMULATIONS[name].run("small").setting["seeds"]
    said = f"small variant, {seeds} seeds"
    assert said in words(tmp_path / "simulations" / f"{name}.svg")
    assert said not in words(STORED / "simulations" / f"{name}.svg")
    figure = gallery._of_experiment(name, None)
    boxes = {text.get_text(): box for text, box in texts_of(figure).items()}
    line = boxes.pop(said)
    assert figure.bbox.y0 <= line.y0
    assert line.x1 <= figure.bbox.x1
    assert all(line.y1 <= other.y0 for other in boxes.values())


@pytest.mark.parametrize("name", ["theorem-v.3", "alpha-sweeps", "lemma"])
def test_an_unknown_name_proposes_the_nearest(name: str) -> None:
    result = invoke(name)
    assert (result.exit_code, result.stdout) == (2, "")
    near = {"theorem-v.3": "theorem-v.2", "alpha-sweeps": "alpha-sweep", "lemma": "lemma-iv.1"}[name]
    assert result.stderr.startswith(f"error: name is {name!r}, expected one of lemma-iv.1, ")
    assert near in result.stderr.partition("the nearest are")[2]
    assert result.stderr.count("\n") == 1


def test_a_missing_result_is_named_before_anything_is_drawn(tmp_path: Path) -> None:
    results, folder = tmp_path / "results", tmp_path / "pictures"
    results.mkdir()
    (results / "difficulty.json").write_bytes((STORED / "simulations" / "difficulty.json").read_bytes())
    result = invoke("alpha-sweep", "difficulty", "theorem_v_1", "-o", folder, "--results", results)
    assert (result.exit_code, result.stdout) == (2, "")
    mend = f"entropy-theory simulate alpha-sweep -o {results}"
    assert result.stderr == f"error: --results is {results}, which holds no result of alpha-sweep; run: {mend}\n"
    assert not folder.exists()


def test_a_damaged_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "difficulty.json").write_text("[]")
    result = invoke("difficulty", "-o", tmp_path, "--results", tmp_path)
    assert result.exit_code == 2
    assert "difficulty.json holds no result" in result.stderr


def test_the_result_of_another_experiment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alpha-sweep.json").write_bytes((STORED / "simulations" / "operation-counts.json").read_bytes())
    result = invoke("alpha-sweep", "-o", tmp_path / "pictures", "--results", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    said = f"{tmp_path / 'alpha-sweep.json'} holds a result of 'operation-counts', expected one of 'alpha-sweep'"
    assert result.stderr.startswith(f"error: {said}")
    assert result.stderr.count("\n") == 1
    with pytest.raises(ValueError, match="holds a result of 'operation-counts'"):
        gallery.write("alpha-sweep", tmp_path, tmp_path)


@pytest.mark.parametrize(("folder", "said"), [("none", "expected the folder of"), ("", "which holds no result;")])
def test_results_are_looked_at_even_if_no_experiment_is_drawn(folder: str, said: str, tmp_path: Path) -> None:
    results = tmp_path / folder
    result = invoke("theorem-v.1", "-o", tmp_path / "pictures", "--results", results)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: --results is {results}, {said}")
    assert not (tmp_path / "pictures").exists()


def test_completion_goes_on_in_the_form_that_was_begun() -> None:
    every = [name for name, _ in _pictures("")]
    assert [gallery.select([name]) for name in every] == [[name] for name in gallery.TITLES]
    assert ("theorem-v.1", gallery.TITLES["theorem_v_1"]) in _pictures("theorem-")
    assert [name for name, _ in _pictures("theorem_v_")] == ["theorem_v_1", "theorem_v_2"]
    assert _pictures("none") == []


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux has a folder that nobody can write to")
def test_a_picture_that_cannot_be_written_is_named() -> None:
    with pytest.raises(OSError, match=re.escape("/proc/theorem_v_1.svg")):
        gallery.write("theorem_v_1", Path("/proc"))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("theorem_v_1", "-o", tmp_path / "file" / "x")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: --output is {tmp_path / 'file' / 'x'}, expected a folder")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_run_names_what_is_left(
    number: signal.Signals, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: after the picture that is being drawn, the second. Twice: amid it, as the handler before would do it."""
    draw = gallery.write

    def interrupted(name: str, *rest: Any) -> list[Path]:
        if name == "theorem_v_2":
            for _ in range(times):
                signal.raise_signal(number)
        return draw(name, *rest)

    monkeypatch.setattr(gallery, "write", interrupted)
    former = {n: signal.signal(n, signal.default_int_handler) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        result = invoke("theorem_v_1", "theorem_v_2", "difficulty", "-o", tmp_path)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        for n, handler in former.items():
            signal.signal(n, handler)
    done, left = (
        (["theorem_v_1", "theorem_v_2"], "difficulty") if times == 1 else (["theorem_v_1"], "theorem_v_2 difficulty")
    )
    assert result.exit_code == 1
    assert result.stdout.split() == [str(tmp_path / f"{name}.{kind}") for name in done for kind in ("svg", "png")]
    assert set(files_of(tmp_path)) == names_of_files(*done)
    again = f"entropy-theory figures {left} -o {tmp_path}"
    said = f"interrupted: {len(done)} of 3 are drawn; draw the others with: {again}"
    assert result.stderr.splitlines()[-1] == said


def test_an_interruption_at_the_last_picture_leaves_nothing_to_draw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = gallery.write

    def interrupted(name: str, *rest: Any) -> list[Path]:
        signal.raise_signal(signal.SIGINT)
        return draw(name, *rest)

    monkeypatch.setattr(gallery, "write", interrupted)
    result = invoke("theorem_v_1", "-o", tmp_path)
    assert result.exit_code == 0
    assert "interrupted" not in result.stderr


# Matplotlib is optional ------------------------------------------------------------------------------------------


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_package_does_not_import_matplotlib() -> None:
    assert run("import sys, entropy_theory; print('matplotlib' in sys.modules)") == "False\n"


def test_without_matplotlib_the_error_names_the_extra() -> None:
    code = """
import sys
sys.modules["matplotlib"] = None
try:
    import entropy_theory.figures
except ImportError as error:
    print(error)
"""
    assert "pip install 'entropy-theory[figures]'" in run(code)


def test_without_matplotlib_the_command_says_so_in_one_line() -> None:
    code = """
import sys
sys.modules["matplotlib"] = None
from entropy_theory.cli import app
from entropy_theory.cli.figures import _pictures
app(["figures"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: the figures need matplotlib: pip install 'entropy-theory[figures]'\n"

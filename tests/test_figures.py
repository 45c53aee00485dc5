"""Figures: their numbers against mpmath and formulas derived by hand, and the files, the same bytes each time.

For two actions with ``L = log(p / q)``: ``log p + H = q L`` and ``log q + H = -p L``, so that ``Var(log p) = p q^2 L^2
+ q p^2 L^2 = p q L^2`` and ``K = p^2 q^2 L^2 + q^2 p^2 L^2 = 2 p q Var``. As ``dp = p q dL`` and ``d(p q) = p q (q - p)
dL``, Var is stationary where ``(p - q) L = 2``, that is ``L tanh(L / 2) = 2``.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib
import mpmath
import numpy as np
import pytest
from matplotlib.text import Text

from entropy_theory.figures import FIGURES, style, theorem_v_1
from tests.oracles import policies

ROOT = Path(__file__).parents[1]
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


@pytest.mark.parametrize("name", FIGURES)
def test_texts_stay_clear_of_each_other_and_of_the_curves(name: str) -> None:
    figure = FIGURES[name].draw(FIGURES[name].data())
    with style.style():
        figure.draw_without_rendering()
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
        boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    assert len(boxes) > 10
    for text, box in boxes:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
        for axes in figure.axes:
            for line in axes.lines:
                points = line.get_transform().transform(line.get_xydata())
                assert not box.count_contains(points), f"{text!r} lies on a curve"
    for (a, box), (b, other) in itertools.combinations(boxes, 2):
        assert not box.overlaps(other), f"{a!r} overlaps {b!r}"


def test_style_leaves_the_settings_as_they_were(data: theorem_v_1.Data, tmp_path: Path) -> None:
    with matplotlib.rc_context({"font.size": 17.0}):
        before = dict(matplotlib.rcParams)
        style.save(theorem_v_1.draw(data), tmp_path, "picture")
        assert dict(matplotlib.rcParams) == before


def generate(folder: Path, **environment: str) -> dict[str, bytes]:
    script = str(ROOT / "figures" / "generate.py")
    subprocess.run([sys.executable, script, "-o", str(folder)], env={**os.environ, **environment}, check=True)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_generate_writes_the_same_bytes_twice(tmp_path: Path) -> None:
    """Also under another hash seed, another date and other settings of the user's."""
    settings = tmp_path / "matplotlibrc"
    settings.write_text("font.size: 20\nlines.linewidth: 9\naxes.facecolor: red\nsvg.fonttype: none\nsavefig.dpi: 50\n")
    first = generate(tmp_path / "a", PYTHONHASHSEED="1")
    second = generate(
        tmp_path / "b" / "c", PYTHONHASHSEED="2", MATPLOTLIBRC=str(settings), SOURCE_DATE_EPOCH="1000000000"
    )
    assert set(first) == {f"{name}.{kind}" for name in FIGURES for kind in ("svg", "png")}
    assert first == second
    for name, content in first.items():
        assert content.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")


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

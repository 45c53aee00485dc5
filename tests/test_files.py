"""Files that are written whole, archives that are read, work in several processes, and means of equal values."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import entropy_theory as et
from entropy_theory.files import read_arrays, write_whole
from entropy_theory.workers import in_order


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, lambda file: file.write(b"one"))
    os.chmod(path, 0o600)
    write_whole(path, lambda file: file.write(b"two"))
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fails(file: IO[bytes]) -> None:
        file.write(b"new")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write_whole(path, fails)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_an_interrupt_just_after_the_file_is_in_place_stays_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, replace = tmp_path / "file", os.replace

    def replace_and_stop(source: str, target: str) -> None:
        replace(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", replace_and_stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"


def test_a_link_keeps_pointing_at_its_target(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder / "target")
    write_whole(link, lambda file: file.write(b"x"))
    assert link.is_symlink()
    assert (folder / "target").read_bytes() == b"x"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*none"):
        write_whole(tmp_path / "none" / "file", lambda file: None)
    with pytest.raises(IsADirectoryError, match="it is a folder"):
        write_whole(tmp_path, lambda file: None)
    assert not list(tmp_path.iterdir())


def test_archives(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_whole(path, lambda file: np.savez(file, x=np.arange(3)))
    np.testing.assert_array_equal(read_arrays(path)["x"], [0, 1, 2])
    with pytest.raises(FileNotFoundError):
        read_arrays(tmp_path / "b.npz")
    path.write_text("no archive")
    with pytest.raises(ValueError, match="no archive of arrays, or a damaged one"):
        read_arrays(path)


@pytest.mark.parametrize("workers", [1, 2])
def test_work_keeps_its_order(workers: int) -> None:
    assert list(in_order(math.sqrt, [(x * x,) for x in range(5)], workers)) == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_of_workers_are_those_of_the_function(workers: int) -> None:
    with pytest.raises(ValueError, match="math domain error"):
        list(in_order(math.sqrt, [(1.0,), (-1.0,)], workers))


LOGITS = hnp.arrays(np.float64, (3, 4), elements=st.floats(-30, 30))


@given(LOGITS, st.floats(-1e6, 1e6))
def test_the_mean_of_equal_values_is_that_value(z: np.ndarray, value: float) -> None:
    np.testing.assert_array_equal(et.expectation(z, np.full(4, value)), np.full(3, value))


@given(LOGITS, hnp.arrays(np.float64, (4,), elements=st.floats(-10, 10)))
def test_the_mean_is_the_weighted_sum(z: np.ndarray, v: np.ndarray) -> None:
    p = np.exp(z - z.max(-1, keepdims=True))
    expected = [math.fsum(a * b for a, b in zip(row, v, strict=True)) / math.fsum(row) for row in p]
    np.testing.assert_allclose(et.expectation(z, v), expected, rtol=0, atol=16 * np.finfo(float).eps * 10)


def test_the_mean_on_balls() -> None:
    z, v = np.array([et.Ball(0), et.Ball(0), et.Ball(0)]), np.array([et.Ball(1), et.Ball(2), et.Ball(6)])
    assert et.expectation(z, v).item() == 3

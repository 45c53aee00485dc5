"""Nothing that is read from a file is unpickled: a pickle runs code of whoever wrote it."""

from __future__ import annotations

import ast
import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.certificate import CertificateError, read_certificates
from entropy_theory.checking.store import Store, StoreError
from entropy_theory.files import read_arrays

FOLDER = Path(et.__file__).parent
SOURCES = sorted(FOLDER.rglob("*.py"))
UNPICKLERS = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "joblib", "dill", "cloudpickle", "dbm"}
RUNNERS = {"read_pickle", "unpickle"}


def faults(source: str) -> Iterator[str]:
    """What in a source unpickles, or may."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in UNPICKLERS)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNPICKLERS:
            yield str(node.module)
        elif isinstance(node, ast.Constant) and node.value in UNPICKLERS:
            yield repr(node.value)
        elif isinstance(node, ast.Attribute) and node.attr in RUNNERS:
            yield node.attr
        elif isinstance(node, ast.Call) and called(node) in ("np.load", "numpy.load", "np.lib.npyio.NpzFile"):
            given = {k.arg: k.value for k in node.keywords}
            allowed = given.get("allow_pickle")
            if not (isinstance(allowed, ast.Constant) and allowed.value is False) or len(node.args) > 2:
                yield f"np.load without allow_pickle=False in line {node.lineno}"


def called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def test_no_source_unpickles() -> None:
    assert len(SOURCES) > 100
    found = {str(path.relative_to(FOLDER)): list(faults(path.read_text(encoding="utf-8"))) for path in SOURCES}
    assert {path: what for path, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, pickle as p",
        "from pickle import loads",
        "def f():\n    from joblib import load",
        "import_module('marshal')",
        "import shelve",
        "np.load(file)",
        "np.load(file, allow_pickle=True)",
        "np.load(file, allow_pickle=flag)",
        "np.load(file, None, True)",
        "pandas.read_pickle(file)",
    ],
)
def test_what_unpickles_is_noticed(source: str) -> None:
    assert list(faults(source))


def test_arrays_are_loaded_somewhere() -> None:
    """The rule for `np.load` has something to apply to."""
    assert sum(path.read_text(encoding="utf-8").count("np.load(") for path in SOURCES) >= 2


class Trap:
    """Unpickled it leaves a trace."""

    sprung = False

    def __reduce__(self) -> tuple[Any, ...]:
        return spring, ()


def spring() -> Trap:
    Trap.sprung = True
    return Trap()


@pytest.fixture(autouse=True)
def unsprung() -> Iterator[None]:
    Trap.sprung = False
    yield
    assert not Trap.sprung


def trapped(**more: Any) -> bytes:
    """An archive of arrays, one of which holds the trap."""
    file = io.BytesIO()
    array = np.empty(1, dtype=object)
    array[0] = Trap()
    np.savez(file, z=array, **more)
    return file.getvalue()


def test_the_trap_works() -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        np.load(io.BytesIO(trapped()), allow_pickle=False)["z"]
    pickle.loads(pickle.dumps(Trap()))
    assert Trap.sprung
    Trap.sprung = False


def test_an_archive_with_objects_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "arrays.npz"
    file.write_bytes(trapped())
    with pytest.raises(ValueError, match="no archive of arrays, or a damaged one"):
        read_arrays(file)


def test_a_history_with_objects_is_refused(tmp_path: Path) -> None:
    bandit = et.Bandit([1.0, 0.0])
    history = et.train(bandit, et.PolicyGradient(), np.zeros(2), 1.0, 2)
    file = history.save(tmp_path / "history.npz")
    assert et.History.load(file) == history
    with np.load(file, allow_pickle=False) as data:
        arrays = {name: data[name] for name in data.files}
    broken = {name: array for name, array in arrays.items() if name != "z"}
    file.write_bytes(trapped(**broken))
    with pytest.raises(ValueError, match=r"expected a file that History\.save wrote"):
        et.History.load(file)


def test_a_checkpoint_with_objects_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "checkpoint.npz"
    file.write_bytes(trapped(checkpoint=np.array("{}")))
    with pytest.raises(ValueError, match="checkpoint"):
        et.train(et.Bandit([1.0, 0.0]), et.PolicyGradient(), np.zeros(2), 1.0, 2, checkpoint=file)


@pytest.mark.parametrize("content", [pickle.dumps(Trap()), pickle.dumps(Trap(), 0), trapped()])
def test_a_pickle_is_no_certificate(content: bytes) -> None:
    with pytest.raises(CertificateError):
        read_certificates(content)


@pytest.mark.parametrize("content", [pickle.dumps(Trap()), pickle.dumps(Trap(), 0), trapped()])
def test_a_pickle_is_no_store(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "store.db"
    file.write_bytes(content)
    with pytest.raises(StoreError):
        Store(file)

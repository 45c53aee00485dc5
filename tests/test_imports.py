"""Kept verdicts are about a file of claims and the modules of the user's own that it imports."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import entropy_theory as et
from entropy_theory.checking import beside
from entropy_theory.checking.imports import files_of
from entropy_theory.checking.registry import ClaimFileError, load
from entropy_theory.checking.tasks import fingerprint


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of claims, a module that it imports, one that this imports, a package, and one that nothing imports."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "claims_of_mine.py").write_text(
        "import math\nimport numpy as np\nimport entropy_theory as et\nimport first_of_mine\n"
        "def late():\n    from package_of_mine.inner import x\nimport no_such_module_at_all\n"
    )
    (tmp_path / "first_of_mine.py").write_text("from second_of_mine import y\nimport claims_of_mine\n")
    (tmp_path / "second_of_mine.py").write_text("y = 1\n")
    (tmp_path / "other_of_mine.py").write_text("z = 1\n")
    (tmp_path / "package_of_mine").mkdir()
    for name in ("__init__.py", "inner.py", "beside.py"):
        (tmp_path / "package_of_mine" / name).write_text("x = 1\n")
    return tmp_path


def test_the_files_of_claims_are_those_that_they_import(project: Path) -> None:
    names = [path.relative_to(project).as_posix() for path in files_of(project / "claims_of_mine.py")]
    assert names[0] == "claims_of_mine.py"
    assert names[1:] == [
        "first_of_mine.py",
        "package_of_mine/__init__.py",
        "package_of_mine/beside.py",
        "package_of_mine/inner.py",
        "second_of_mine.py",
    ]


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("claims_of_mine.py", True),
        ("first_of_mine.py", True),
        ("second_of_mine.py", True),
        ("package_of_mine/inner.py", True),
        ("other_of_mine.py", False),
    ],
)
def test_an_edit_of_what_is_imported_changes_the_fingerprint(project: Path, file: str, counts: bool) -> None:
    source = str(project / "claims_of_mine.py")
    before = fingerprint(source)
    assert fingerprint(source) == before
    with (project / file).open("a") as opened:
        opened.write("# edited\n")
    assert (fingerprint(source) != before) is counts


def test_a_file_that_is_no_python_stands_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import math, (\n")
    assert files_of(path) == [path]


# A module beside a file of claims ----------------------------------------------------------------------------------

CLAIMS = """
import entropy_theory as et
from helper_of_mine import BOUND
claim = et.Inequality(name="own", given={"x": et.domains.reals(0, 1)}, lhs=lambda x: x, rhs=BOUND)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file of claims and a module that it needs, in a folder that is not on Python's path."""
    (tmp_path / "claims_of_mine.py").write_text(CLAIMS)
    (tmp_path / "helper_of_mine.py").write_text("from package_of_mine.bounds import BOUND\n")
    (tmp_path / "package_of_mine").mkdir()
    (tmp_path / "package_of_mine" / "__init__.py").write_text("")
    (tmp_path / "package_of_mine" / "bounds.py").write_text("BOUND = 2\n")
    return tmp_path


def rhs_of(folder: Path) -> Any:
    (claim,) = load(str(folder / "claims_of_mine.py"))
    assert isinstance(claim, et.Inequality)
    return claim.rhs


def test_a_file_of_claims_imports_what_stands_beside_it(folder: Path) -> None:
    before, written = [*sys.path], sys.dont_write_bytecode
    assert rhs_of(folder) == 2
    assert sys.path == before
    assert sys.dont_write_bytecode == written
    assert not [*folder.rglob("*.pyc")]


def test_the_path_is_as_before_after_a_file_that_fails(folder: Path) -> None:
    (folder / "package_of_mine" / "bounds.py").write_text("raise ValueError('no bound')\n")
    before = [*sys.path]
    with pytest.raises(ClaimFileError, match=r"claims_of_mine.py, line 3: ValueError: no bound"):
        rhs_of(folder)
    assert sys.path == before


def test_what_a_file_of_claims_puts_on_the_path_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    text = f"import sys\nsys.path.insert(0, '/of-mine')\nsys.path.append({str(folder)!r})\n{CLAIMS}"
    (folder / "claims_of_mine.py").write_text(text)
    before = [*sys.path]
    assert rhs_of(folder) == 2
    assert sys.path == ["/of-mine", *before, str(folder)]


def test_an_edited_module_is_imported_anew(folder: Path) -> None:
    """Also within one second, and with a text of the same length."""
    for bound in (2, 3, 4):
        (folder / "package_of_mine" / "bounds.py").write_text(f"BOUND = {bound}\n")
        assert rhs_of(folder) == bound


def test_modules_of_one_name_in_two_folders_are_two(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "claims_of_mine.py").write_text(CLAIMS)
    (other / "helper_of_mine.py").write_text("BOUND = 5\n")
    assert [rhs_of(folder), rhs_of(other), rhs_of(folder)] == [2, 5, 2]


def test_a_linked_file_of_claims_stands_where_it_is(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """As for a script."""
    link = tmp_path_factory.mktemp("links") / "claims_of_mine.py"
    link.symlink_to(folder / "claims_of_mine.py")
    assert rhs_of(link.parent) == 2
    assert fingerprint(str(link)) == fingerprint(str(folder / "claims_of_mine.py"))


@pytest.mark.parametrize("file", ["helper_of_mine.py", "package_of_mine/bounds.py", "package_of_mine/__init__.py"])
def test_kept_verdicts_are_about_what_stands_beside_as_well(folder: Path, file: str) -> None:
    source = str(folder / "claims_of_mine.py")
    before = fingerprint(source)
    (folder / file).write_text((folder / file).read_text() + "# edited\n")
    assert fingerprint(source) != before


def hunt(folder: Path, *options: str) -> Any:
    """The verdict, with a process that has the folder neither as its own nor on its path."""
    out = folder / "out.json"
    command = [
        sys.executable,
        "-c",
        "from entropy_theory.cli import main; main()",
        "hunt",
        "--quiet",
        "--json",
        str(out),
    ]
    result = subprocess.run(
        [*command, *options, "--budget", "100", str(folder / "claims_of_mine.py")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(out.read_text())


@pytest.mark.parametrize("workers", ["1", "2"])
def test_workers_import_it_too(folder: Path, workers: str) -> None:
    second = CLAIMS.replace('"own"', '"second"').replace("claim =", "second =")
    (folder / "claims_of_mine.py").write_text(CLAIMS + second)
    verdicts = hunt(folder, "--workers", workers)
    assert [(v["claim"], v["outcome"], v["error"]) for v in verdicts] == [
        ("own", "proved", False),
        ("second", "proved", False),
    ]


def test_a_kept_verdict_is_decided_again_once_a_module_is_edited(folder: Path) -> None:
    store = str(folder / "kept.db")
    assert hunt(folder, "--workers", "1", "--resume", store)[0]["outcome"] == "proved"
    (folder / "package_of_mine" / "bounds.py").write_text("BOUND = 0\n")
    assert hunt(folder, "--workers", "1", "--resume", store)[0]["outcome"] == "refuted"


@pytest.mark.parametrize("name", ["colorsys", "entropy_theory.figures.gallery", "pytest"])
def test_what_is_installed_below_the_folder_is_no_module_beside_the_file(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a virtual environment, or the package itself, lies in the folder of the file: it is imported once."""
    root = Path(sys.executable).anchor
    if name != "pytest":
        monkeypatch.delitem(sys.modules, name, raising=False)
    with beside.importable(Path(root) / "claims.py"):
        first = importlib.import_module(name)
    with beside.importable(Path(root) / "claims.py"):
        assert importlib.import_module(name) is first

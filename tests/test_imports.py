"""Kept verdicts are about a file of claims and the modules of the user's own that it imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from entropy_theory.checking.imports import files_of
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

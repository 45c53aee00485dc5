"""The mutation tester itself: what it changes, that it notices a test that notices, and that its explanations are of
mutants that exist."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from benchmarks import mutation
from benchmarks.mutation import TESTS, changes, explained, mutants, run, source

SOURCE = '''
def f(x: int = 1) -> bool:
    """A docstring with 1."""
    if not x:
        raise ValueError(f"x is {x + 1}")
    return -x < 2.5 or max(x, 3) == x * 2
'''


def test_each_kind_of_change() -> None:
    tree = ast.parse(SOURCE)
    found = []
    for number in range(len(list(changes(tree)))):
        again = ast.parse(SOURCE)
        node, field, value = list(changes(again))[number]
        setattr(node, field, value)
        found.append(ast.unparse(ast.fix_missing_locations(again)).splitlines())
    plain = ast.unparse(tree).splitlines()
    lines = [next(after for before, after in zip(plain, x, strict=True) if before != after).strip() for x in found]
    assert sorted(lines) == sorted(
        [
            "def f(x: int=2) -> bool:",
            "if not not x:",
            "if not not x:",
            "return +x < 2.5 or max(x, 3) == x * 2",
            "return -x <= 2.5 or max(x, 3) == x * 2",
            "return -x < 5.0 or max(x, 3) == x * 2",
            "return -x < 2.5 and max(x, 3) == x * 2",
            "return -x < 2.5 or min(x, 3) == x * 2",
            "return -x < 2.5 or max(x, 4) == x * 2",
            "return -x < 2.5 or max(x, 3) != x * 2",
            "return -x < 2.5 or max(x, 3) == x / 2",
            "return -x < 2.5 or max(x, 3) == x * 3",
        ]
    )


@pytest.mark.parametrize("module", TESTS)
def test_each_mutant_differs_from_the_module_in_one_statement(module: str) -> None:
    path = Path(mutation.ROOT, "entropy_theory", *module.split(".")).with_suffix(".py")
    plain = ast.unparse(ast.parse(path.read_text())).splitlines()
    every = mutants(module)
    assert [m.number for m in every] == list(range(len(every)))
    assert all(m.before != m.after for m in every)
    for mutant in every[:: max(1, len(every) // 8)]:
        changed = source(mutant)
        compile(changed, str(path), "exec")
        assert sum(a != b for a, b in zip(plain, changed.splitlines(), strict=True)) == 1


def test_tests_of_each_module_exist() -> None:
    for names in TESTS.values():
        assert all((mutation.ROOT / "tests" / f"test_{name}.py").exists() for name in names)


def test_explanations_are_of_mutants_that_exist() -> None:
    """An explanation of code that has changed is taken out."""
    keys = {mutant.key for module in TESTS for mutant in mutants(module)}
    assert set(explained()) <= keys
    assert all(len(reason.split()) >= 4 for reason in explained().values())


def test_a_mutant_that_a_test_notices_is_killed_and_another_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("entropy_theory", "tests"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "entropy_theory" / "small.py").write_text(
        "def f(x):\n    return x + 1\n\n\ndef g(x):\n    return x * 2\n"
    )
    (tmp_path / "tests" / "test_small.py").write_text(
        "from entropy_theory.small import f\n\n\ndef test():\n    assert f(1) == 2\n"
    )
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    monkeypatch.setattr(mutation, "TESTS", {"small": ("small",)})
    survived = {m.after: s for m, s in run(mutants("small"), 1)}
    assert survived == {
        "return x - 1": False,
        "return x + 2": False,
        "return x / 2": True,
        "return x * 3": True,
    }
    (tmp_path / "tests" / "test_small.py").write_text("def test():\n    assert False\n")
    with pytest.raises(RuntimeError, match="fail without a change"):
        list(run(mutants("small"), 1))


def test_stored_results_are_of_these_modules() -> None:
    stored = json.loads(mutation.RESULTS.read_text())
    assert list(stored["modules"]) == list(TESTS)
    for row in stored["modules"].values():
        assert row["mutants"] == row["killed"] + row["explained"] + len(row["survived"])

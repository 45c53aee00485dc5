"""The mutation tester itself: what it changes, that it notices a test that notices, and that its explanations are of
mutants that exist."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import mutants as machine
from benchmarks import mutation
from benchmarks.mutants import Mutant, blocks, changes, code_of, in_fork, instrumented, mutants, path_of, source
from benchmarks.mutation import TESTS, explained, merged

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
    path = path_of(machine.ROOT, module)
    plain = ast.unparse(ast.parse(path.read_text())).splitlines()
    every = mutants(module)
    assert [m.number for m in every] == list(range(len(every)))
    assert all(m.before != m.after for m in every)
    for mutant in every[:: max(1, len(every) // 8)]:
        changed = source(mutant)
        assert sum(a != b for a, b in zip(plain, changed.splitlines(), strict=True)) == 1


def test_a_compiled_mutant_keeps_the_lines_of_its_functions() -> None:
    """By name and line the fork finds which function gets which code."""
    path = path_of(machine.ROOT, "softmax")
    plain = functions_of(compile(path.read_text(), str(path), "exec"))
    for mutant in mutants("softmax")[::10]:
        changed = functions_of(code_of(mutant))
        assert changed.keys() == plain.keys()
        assert sum(changed[key].co_code != plain[key].co_code or changed[key].co_consts != plain[key].co_consts
                   for key in plain) >= 1  # fmt: skip


def functions_of(code: Any) -> dict[tuple[str, int], Any]:
    out: dict[tuple[str, int], Any] = {}
    for inner in code.co_consts:
        if hasattr(inner, "co_code"):
            out |= {(inner.co_qualname, inner.co_firstlineno): inner} | functions_of(inner)
    return out


BLOCKS = """
x = 1
def f(a=x):
    "text"
    y = a
    if y > 1:
        y = 2
    else:
        y = 3
    return y
class C:
    z = 4
    def g(self):
        return [f(k) for k in range(3)]
"""


def test_what_reaches_a_block_is_noted() -> None:
    tree = ast.parse(BLOCKS)
    number = {ast.unparse(node): block for node, block in blocks(tree).items() if isinstance(node, ast.stmt)}
    assert number["x = 1"] == number["z = 4"] == 0
    assert len({number[text] for text in ("y = a", "y = 2", "y = 3", "return [f(k) for k in range(3)]")}) == 4
    assert number["y = a"] == number["return y"]
    reached: set[int] = set()
    names: dict[str, Any] = {"__reached__": reached}
    exec(compile(instrumented(ast.parse(BLOCKS)), "blocks", "exec"), names)
    assert reached == set()
    assert names["f"].__doc__ == "text"
    assert names["f"](1) == 3
    assert reached == {number["y = a"], number["y = 3"]}
    names["C"]().g()
    assert {number["y = 2"], number["return [f(k) for k in range(3)]"]} <= reached


def test_tests_of_each_module_exist() -> None:
    for module in TESTS:
        for test in mutation.tests_of(module):
            file, _, name = test.partition("::")
            assert Path(file).exists()
            assert f"def {name}" in Path(file).read_text()


def test_explanations_are_of_mutants_that_exist() -> None:
    """An explanation of code that has changed is taken out."""
    every = [mutant.key for module in TESTS for mutant in mutants(module)]
    keys = set(every)
    assert len(keys) == len(every)
    assert set(explained()) <= keys
    assert all(len(reason.split()) >= 4 for reason in explained().values())


def test_how_a_fork_ends() -> None:
    def fails(say: Any) -> None:
        say("a test")

    def raises(say: Any) -> None:
        raise KeyError("x")

    def runs_on(say: Any) -> None:
        while True:
            pass

    assert in_fork(lambda say: None, 5) is None
    assert in_fork(fails, 5) == "a test"
    assert in_fork(raises, 5) == "raised KeyError"
    assert in_fork(lambda say: os.kill(os.getpid(), signal.SIGKILL), 5) == "stopped"
    assert in_fork(runs_on, 1) == "stopped"


SMALL = """
LIMIT = 5

def f(x):
    return x + 1


def g(x):
    return x * 2


def h(x):
    if x > LIMIT:
        return 1
    return 0
"""

NOTICES = """
from entropy_theory.small import f, h

def test_f():
    assert f(1) == 2

def test_h():
    assert h(6) == 1
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of one module, with a file of tests; it takes the place of the package only within forks."""
    for folder in ("entropy_theory", "tests"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").touch()
    (tmp_path / "entropy_theory" / "small.py").write_text(SMALL)
    (tmp_path / "tests" / "test_small.py").write_text(NOTICES)
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    return tmp_path


def outcomes(folder: Path) -> subprocess.CompletedProcess[str]:
    """The mutants of the small module, run by a process of their own that knows no other package of the name."""
    script = (
        "import sys, json\n"
        "from pathlib import Path\n"
        "from benchmarks import mutants as machine\n"
        f"machine.ROOT = Path({str(folder)!r})\n"
        f"tests = [{str(folder / 'tests' / 'test_small.py')!r}]\n"
        "print(json.dumps([[m.after, by] for m, by in machine.run(machine.mutants('small'), tests)]))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(mutation.__file__).parent.parent)}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


NEEDS_ITS_PROCESS = """
import os

PROCESS = os.getpid()

def test_process():
    assert os.getpid() == PROCESS
"""


@pytest.mark.parametrize("more", ["", NEEDS_ITS_PROCESS], ids=["in forks", "each imported"])
def test_a_mutant_that_a_test_notices_is_killed_and_another_survives(small: Path, more: str) -> None:
    """Also where the change is met by the import, or the tests do not pass in a fork; what no test reaches survives."""
    (small / "tests" / "test_small.py").write_text(NOTICES + more)
    done = outcomes(small)
    assert done.returncode == 0, done.stderr
    f, h = (f"tests/test_small.py::test_{name}" for name in "fh")
    assert dict(json.loads(done.stdout)) == {
        "LIMIT = 6": h,
        "return x - 1": f,
        "return x + 2": f,
        "return x / 2": None,
        "return x * 3": None,
        "if x >= LIMIT:": None,
        "if not x > LIMIT:": h,
        "return 2": h,
        "return 1": None,
    }


def test_tests_that_fail_without_a_change_are_refused(small: Path) -> None:
    (small / "tests" / "test_small.py").write_text("import entropy_theory.small\n\ndef test():\n    assert False\n")
    done = outcomes(small)
    assert done.returncode == 1
    assert "expected the tests of small to pass without a change" in done.stderr


def test_results_that_are_about_the_code_as_it_is_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed: as long as the module is as it was. Survived: as long as its tests are, too."""
    record = tmp_path / "record.jsonl"
    chosen: list[Mutant] = mutants("problems.bandit")
    source_digest = mutation.digest([path_of(machine.ROOT, "problems.bandit")])
    about = {"module": "problems.bandit", "source": source_digest, "tests": mutation.tests_digest("problems.bandit")}
    about_each = [about | {"mutant": m.key} for m in chosen]
    rows = [about_each[0] | {"killed_by": "a test"}, about_each[1] | {"killed_by": None}]
    rows.append(about_each[2] | {"killed_by": None, "tests": "others"})
    rows.append(about_each[3] | {"killed_by": "a test", "source": "another"})
    record.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [m.number for m in mutation.left(chosen, record)] == [m.number for m in chosen if m.number >= 2]
    monkeypatch.setattr(mutation, "explained", lambda: {chosen[1].key: "it is the same"})
    counted = merged(record)["problems.bandit"]
    assert (counted["run"], counted["killed"], counted["explained"], counted["score"]) == (3, 1, 1, 0.6667)
    assert [row["mutant"] for row in counted["survived"]] == [chosen[2].key]


def test_stored_results_are_of_these_modules() -> None:
    stored = json.loads(mutation.RESULTS.read_text())
    assert list(stored["modules"]) == list(TESTS)
    for row in stored["modules"].values():
        assert row["run"] == row["killed"] + row["explained"] + len(row["survived"])

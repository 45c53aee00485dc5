"""Files of claims that are wrong in every way a program can be: one clear error, or `undecided` with the reason, and
the claims beside them get their verdicts. `test_hostile_claims` has functions that misbehave one by one."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import entropy_theory as et
from entropy_theory.checking import campaign
from entropy_theory.checking.executors import Processes
from entropy_theory.checking.registry import ClaimFileError, load
from entropy_theory.cli import app

HEAD = """
import numpy as np
import entropy_theory as et
d = et.domains
x = {"x": d.reals(0, 1)}
def claim(name, lhs, rhs=1, **more):
    return et.Inequality(name=name, given=x, lhs=lhs, rhs=rhs, **more)
"""

AROUND = """
before = claim("before", lambda x: x * (1 - x), et.exact(1, 5))
{}
after = claim("after", lambda x: x * (1 - x), et.exact(1, 4))
"""


def file_of(folder: Path, body: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_bytes((HEAD + body).encode("utf-8", "surrogatepass"))
    return path


# Files that cannot be loaded -----------------------------------------------------------------------------------------

BROKEN: dict[str, str] = {
    "syntax": "def (:\n",
    "indentation": "if True:\npass\n",
    "no UTF-8": "name = '\udc80'\n",
    "a null character": "a = 1\0\n",
    "recursion": "def f(): return f()\nf()\n",
    "a deep expression": "a = " + "(" * 3000 + ")" * 3000 + "\n",
    "a long chain": "a = " + "-" * 20_000 + "1\n",
    "an exit": "import sys\nsys.exit(0)\n",
    "quit": "raise SystemExit('a\\nb')\n",
    "an error": "1 / 0\n",
    "an error of lines": "raise ValueError('a\\nb' * 1000)\n",
    "an error that cannot be printed": "class E(Exception):\n    def __str__(self): raise E\nraise E\n",
    "an error with an error": "class E(Exception):\n    def __str__(self): return 1\nraise E\n",
    "an import": "import no_such_module_at_all\n",
    "memory": "a = bytearray(1 << 60)\n",
    "generator exit": "raise GeneratorExit\n",
    "a base exception": "class B(BaseException): pass\nraise B('b')\n",
    "stop iteration": "next(iter(()))\n",
    "no claim": "a = 1\n",
    "names that clash": "a = claim('same', lambda x: x)\nb = claim('same', lambda x: 2 * x)\n",
    "names that clash in lists": "a = [claim('same', lambda x: x), claim('same', lambda x: x)]\n",
    "a bad claim": "a = claim('BAD NAME', lambda x: x)\n",
    "a recursive domain": "a = et.Inequality(name='a', given={'z': d.logits(like='z')}, lhs=lambda z: z, rhs=0)\n",
    "a huge domain": "a = et.Inequality(name='a', given={'z': d.logits(actions=(1, 'a'))}, lhs=lambda z: z, rhs=0)\n",
    "dictionary that misbehaves": "class D(dict):\n    def values(self): raise KeyError('x')\na = D(b=1)\n",
    "list that misbehaves": "class L(list):\n    def __iter__(self): raise KeyError('x')\na = L([1])\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_loaded(name: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, BROKEN[name])
    with pytest.raises(ClaimFileError, match=r"mine\.py"):
        load(str(path))
    result = CliRunner().invoke(app, ["hunt", str(path), "--json", str(tmp_path / "out.json")])
    assert result.exit_code == 2, result.output[:500]
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 2500
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"\x7fELF\x02\x01", b"PK\x03\x04", b"[]", b"\xef\xbb\xbf"])
def test_a_file_that_is_no_program(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(content)
    with pytest.raises(ClaimFileError, match=r"mine\.py"):
        load(str(path))


@pytest.mark.parametrize("name", ["a b.py", "a.b.py", "é.py", "a:b.py", "-.py", "numpy.py", "a\nb.py", "1.py"])
def test_a_file_may_have_any_name(name: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, AROUND.format(""), name)
    assert [c.name for c in load(str(path))] == ["before", "after"]
    assert campaign.run(load(str(path)), budget=20, source=str(path))[0].outcome == "refuted"


# Functions that take their arguments by place ------------------------------------------------------------------------

BY_PLACE: dict[str, Any] = {
    "a ufunc": np.exp,
    "a ufunc of two": np.add,
    "a ufunc with a place filled": partial(np.add, 1),
    "a function of Python": abs,
    "a function of the standard library": math.exp,
    "a class": float,
    "a parameter before the slash": lambda x, /: x,
    "an optional one": lambda x=1, /: x,
    "a variable before the slash": lambda x=1, /, y=2: y,
    "any number of them": lambda *x: sum(x),
    "any number of others": lambda *others: sum(others),
}


@pytest.mark.parametrize("name", BY_PLACE)
@pytest.mark.parametrize("attribute", ["lhs", "rhs", "assuming", "terms"])
def test_a_function_that_takes_no_names_is_refused_with_what_to_write(attribute: str, name: str) -> None:
    """The variables are passed by name. Some failed at the first call, with Python's words, and `sum` of the variables
    was taken for the constant 0, the sum of none."""
    sides: dict[str, Any] = {"lhs": lambda x: x, "rhs": 1}
    function = {"a": BY_PLACE[name]} if attribute == "terms" else BY_PLACE[name]
    said = (
        r"^claim 'bare': (lhs|rhs|assuming|term 'a') is .*, which does not take its arguments by name; write lambda x: "
    )
    with pytest.raises(ValueError, match=said) as caught:
        et.Inequality(name="bare", given={"x": et.domains.reals(0, 1)}, **{**sides, attribute: function})
    assert "\n" not in str(caught.value)


def test_a_remainder_that_takes_no_names_is_told_of_its_step() -> None:
    with pytest.raises(ValueError, match=r"remainder is <ufunc 'power'>.*; write lambda t, x: f\(t, x\) for"):
        et.Order(name="bare", given={"x": et.domains.reals(0, 1)}, remainder=np.power, power=1)


def test_a_function_whose_parameters_nobody_knows_is_told_what_to_write() -> None:
    claim = et.Inequality(name="bare", given={"x": et.domains.reals(0, 1)}, lhs=max, rhs=1)
    with pytest.raises(et.ClaimError, match="variables are passed by name: write lambda x: "):
        et.verify(claim, budget=20)


BY_NAME: dict[str, Any] = {
    "a function": lambda x: x,
    "with others": lambda x, y=2: x,
    "all names": lambda **named: named["x"],
    "any places and all names": lambda *places, **named: named["x"],
    "names after the star": lambda *places, x: x,
    "an optional place": lambda y=2, /, *, x: x,
    "vectorised": np.vectorize(lambda x: x),
    "a place filled": partial(lambda y, x: x, 2),
    "none": lambda: 1,
}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_function_that_takes_names_is_called_with_them(name: str) -> None:
    claim = et.Inequality(name="named", given={"x": et.domains.reals(0, 1)}, lhs=BY_NAME[name], rhs=1)
    leaves = {"x": np.array([0.25, 1.0])}
    assert claim.sides(leaves)[0].ravel().tolist() == ([1, 1] if name == "none" else [0.25, 1.0])


# Claims that misbehave, beside others --------------------------------------------------------------------------------

MISBEHAVING: dict[str, str] = {
    "None": "bad = claim('bad', lambda x: None)",
    "a generator": "bad = claim('bad', lambda x: (i for i in x))",
    "complex": "bad = claim('bad', lambda x: x * 1j)",
    "nan": "bad = claim('bad', lambda x: x * np.nan)",
    "text": "bad = claim('bad', lambda x: 'large')",
    "other shapes": "bad = claim('bad', lambda x: x[:, None, None] * np.ones((3, 4, 5)), lambda x: np.ones((7,)))",
    "a base exception": "class B(BaseException): pass\ndef f(x): raise B('out')\nbad = claim('bad', f)",
    "an exit": "def f(x): raise SystemExit(3)\nbad = claim('bad', f)",
    "an error that cannot be printed": (
        "class E(Exception):\n    def __str__(self): raise RuntimeError\ndef f(x): raise E\nbad = claim('bad', f)"
    ),
    "an object that misbehaves": (
        "class O:\n    def __array__(self, *a, **k): raise OSError('no')\nbad = claim('bad', lambda x: O())"
    ),
    "more than there is": "bad = claim('bad', lambda x: np.zeros((len(x), 1 << 50)))",
    "a long list": "bad = claim('bad', lambda x: [0] * (1 << 60))",
    "warnings": "import warnings\ndef f(x):\n    warnings.warn('no')\n    return x[:, 9]\nbad = claim('bad', f)",
    "an assumption": "bad = claim('bad', lambda x: x, assuming=lambda x: 'yes')",
    "numbers that are not": "bad = claim('bad', lambda x: np.array([object()] * len(x)))",
    "recursion": "def f(x): return f(x)\nbad = claim('bad', f)",
    "memory that was spent": "def f(x): raise MemoryError\nbad = claim('bad', f)",
    "interruption": "def f(x): raise InterruptedError('no')\nbad = claim('bad', f)",
}


@pytest.mark.parametrize("name", MISBEHAVING)
def test_a_claim_that_misbehaves_costs_no_other_its_verdict(name: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, AROUND.format(MISBEHAVING[name]))
    verdicts = campaign.run(load(str(path)), budget=60, source=str(path))
    assert [v.claim for v in verdicts] == ["before", "bad", "after"]
    assert verdicts[0].outcome == "refuted"
    assert verdicts[2].outcome in ("holds", "proved")
    bad = verdicts[1]
    assert bad.outcome == "undecided"
    assert bad.error
    assert "bad" in bad.message
    assert len(bad.message) < 3000
    json.dumps([v.to_json() for v in verdicts], allow_nan=False)


RANDOM = """
import itertools
count = itertools.count()
bad = claim("bad", lambda x: x + (next(count) % 7) * 1e-3 - 0.5, lambda x: 0.5 + 0 * x)
worse = et.Identity(name="worse", given=x, lhs=lambda x: np.random.default_rng().normal(size=len(x)), rhs=0)
"""


def test_sides_that_are_not_deterministic_are_never_said_to_be_proved(tmp_path: Path) -> None:
    """What a function says once it need not say again; a certificate of it is decided afresh."""
    path = file_of(tmp_path, AROUND.format(RANDOM))
    verdicts = {v.claim: v for v in campaign.run(load(str(path)), budget=200, source=str(path))}
    assert verdicts["worse"].outcome in ("undecided", "refuted")
    assert verdicts["before"].outcome == "refuted"
    assert verdicts["after"].outcome in ("holds", "proved")


def test_thousands_of_claims(tmp_path: Path) -> None:
    """Of which one alone is false; each has its verdict, in their order."""
    sides = "et.exact(1, 5) if i == 1234 else 1"
    path = file_of(tmp_path, f"many = [claim(f'c/{{i}}', lambda x: x * (1 - x), {sides}) for i in range(2000)]\n")
    verdicts = campaign.run(load(str(path))[1000:1300], budget=1, source=str(path), time_limit=None)
    assert [v.claim for v in verdicts] == [f"c/{i}" for i in range(1000, 1300)]
    assert [v.claim for v in verdicts if v.outcome == "refuted"] == ["c/1234"]
    assert {v.outcome for v in verdicts} <= {"holds", "proved", "refuted"}


# Time and memory -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="timers of the kind used need POSIX")
def test_a_claim_that_never_ends_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = file_of(tmp_path, AROUND.format("def f(x):\n    while True: pass\nbad = claim('bad', f)"))
    verdicts = campaign.run(
        load(str(path)), budget=40, source=str(path), isolated=True, time_limit=5, store=tmp_path / "v.db"
    )
    assert [v.outcome for v in verdicts][:2] == ["refuted", "undecided"]
    assert "given up after 5 s" in verdicts[1].message
    assert verdicts[2].outcome in ("holds", "proved")


ALLOCATING = """
import resource
def f(x):
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (256 << 20), hard))
    try:
        held = []
        while True:
            held.append(np.ones(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
bad = claim("bad", f)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory of the kind used need Linux")
def test_a_claim_that_allocates_without_end_is_undecided_and_not_kept(tmp_path: Path) -> None:
    """Where the system refuses memory, that is the reason given; a later run with more memory decides it."""
    path = file_of(tmp_path, AROUND.format(ALLOCATING))
    verdicts = campaign.run(load(str(path)), budget=40, source=str(path), store=tmp_path / "v.db")
    assert [v.outcome for v in verdicts][:2] == ["refuted", "undecided"]
    assert "MemoryError" in verdicts[1].message
    assert verdicts[2].outcome in ("holds", "proved")


KILLED = "import os, signal\ndef f(x): os.kill(os.getpid(), signal.SIGKILL)\nbad = claim('bad', f)"


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed as POSIX does it")
def test_a_claim_that_has_its_process_killed_is_undecided(tmp_path: Path) -> None:
    """As the system does with a process that takes all its memory."""
    path = file_of(tmp_path, AROUND.format(KILLED))
    with Processes(2) as pool:
        verdicts = campaign.run(load(str(path)), budget=40, source=str(path), executor=pool)
    assert [v.outcome for v in verdicts][:2] == ["refuted", "undecided"]
    assert "was killed" in verdicts[1].message
    assert verdicts[2].outcome in ("holds", "proved")


def test_a_file_that_prints_and_reads_standard_input_does_no_harm(tmp_path: Path) -> None:
    body = "import sys\nprint('hello')\nsys.stdin.read()\n" + AROUND.format("")
    path = file_of(tmp_path, body)
    command = [sys.executable, "-m", "entropy_theory", "hunt", str(path), "--budget", "20", "--quiet"]
    program = "from entropy_theory.cli import main; main()"
    command = [sys.executable, "-c", program, *command[3:]]
    result: Any = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert result.returncode == 0, result.stderr
    assert "before" in result.stdout

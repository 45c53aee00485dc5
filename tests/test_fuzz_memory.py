"""What asks for more than there is, is refused in one line or done bit by bit."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.certificate import FORMAT, answer
from entropy_theory.checking.guard import attempt
from tests.hostile import violation

d = et.domains

HUGE = 10**12


def claim(**given: Any) -> et.Inequality:
    return et.Inequality(name="huge", given=given, lhs=lambda x: 0 * x, rhs=1)


@pytest.mark.parametrize("budget", [HUGE, 10**30, 2**63])
def test_a_budget_of_a_trillion_is_refused(budget: int) -> None:
    with pytest.raises(ValueError, match=r"budget is \d+, expected an integer from 1 to "):
        et.verify(claim(x=d.reals(0, 1)), budget=budget)


@pytest.mark.parametrize("actions", [HUGE, (HUGE, HUGE), (2, HUGE), (1, 10**30)])
def test_instances_of_a_trillion_numbers_are_refused(actions: Any) -> None:
    wide = et.Inequality(name="huge", given={"z": d.logits(actions=actions)}, lhs=et.entropy, rhs=1)
    assert violation(lambda: et.verify(wide, budget=10), ("huge",)) is None
    with pytest.raises(et.ClaimError, match=r"claim 'huge': an instance has [\d,]+ numbers, expected at most"):
        et.verify(wide, budget=10)


def test_mdps_of_a_trillion_numbers_are_refused() -> None:
    wide = et.Inequality(name="huge", given={"m": d.mdps(states=10**4, actions=10**4)}, lhs=lambda m: m.reward, rhs=1)
    with pytest.raises(et.ClaimError, match="claim 'huge': an instance has"):
        et.verify(wide, budget=10)


def test_a_domain_of_a_trillion_points_is_searched_not_listed() -> None:
    verdict = et.verify(claim(x=d.integers(0, HUGE)), budget=1000)
    assert isinstance(verdict, et.Verdict)
    assert verdict.outcome in ("holds", "proved")


BATCHES: dict[str, Any] = {
    "softmax": lambda z: et.softmax(z),
    "entropy": lambda z: et.entropy(z),
    "kl": lambda z: et.kl([0.0, 1.0], z),
    "statistics": lambda z: et.policy_statistics(z, [0.0, 1.0]),
    "bandit": lambda z: et.Bandit(z),
    "objective": lambda z: et.Bandit([1.0, 0.0]).objective(z),
    "margin": lambda z: et.stability_margin(z, [1.0, 0.0], 0.1),
    "moments": lambda z: et.token_moments(z, [1.0, 0.0]),
}


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_of_a_trillion_policies_is_refused(name: str) -> None:
    """A broadcast view of one number, which itself takes no memory."""
    batch = np.broadcast_to(0.0, (HUGE, 2))
    assert violation(lambda: BATCHES[name](batch), ("z", "reward", "z_new")) is None
    with pytest.raises(ValueError, match=r"has shape \(1000000000000, 2\), expected at most"):
        BATCHES[name](batch)


@pytest.mark.parametrize(
    ("vocabulary", "horizon", "prompts"), [(10**6, 2, 1), (2, 40, 1), (10, 8, 100), (HUGE, 1, 1), (2, 10**30, 1)]
)
def test_trees_of_a_trillion_responses_are_refused(vocabulary: int, horizon: int, prompts: int) -> None:
    with pytest.raises(ValueError, match=r"^(vocabulary is .* horizon is .* prompts|horizon) is .*, expected at most"):
        et.TokenTree.random(vocabulary, horizon, prompts=prompts)


def test_batches_of_a_trillion_responses_are_refused() -> None:
    with pytest.raises(ValueError, match=r"prompts is 1000000 and responses is 1000000, expected at most"):
        et.Sampling(prompts=10**6, responses=10**6)


def test_constants_of_a_billion_digits_are_refused() -> None:
    for text in ("1e999999999", "-3.5E-4000000000", "1e1_000_000_000"):
        for make in (et.exact, et.Ball):
            assert violation(partial(make, text), ("numerator", "rational")) is None
            with pytest.raises(ValueError, match="rational"):
                make(text)


PROGRAM = """
import resource
import numpy as np
import entropy_theory as et
z = np.random.default_rng(0).normal(size=(4, 151_936))
et.policy_statistics(z, z[::-1])
et.entropy_change(z, 0.1 * z[::-1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is in kilobytes on Linux")
def test_a_vocabulary_of_a_language_model_needs_no_more_than_a_gibibyte() -> None:
    """Four policies over 151,936 tokens."""
    result = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 1024


ALLOCATING = """
import numpy as np
import entropy_theory as et
x = {"x": et.domains.reals(0, 1)}
def claim(name, lhs, rhs):
    return et.Inequality(name=name, given=x, lhs=lhs, rhs=rhs)
def at_once(x):
    np.empty(25 << 30, dtype=np.float64).fill(1.0)
    return x
def bit_by_bit(x):
    held = []
    while True:
        held.append(np.empty(1 << 25))
def without_words(x):
    held = [0]
    while True:
        held += held
claims = [
    claim("before", lambda x: x * (1 - x), et.exact(1, 5)),
    claim("at-once", at_once, 1),
    claim("bit-by-bit", bit_by_bit, 1),
    claim("without-words", without_words, 1),
    claim("after", lambda x: x * (1 - x), et.exact(1, 4)),
]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory of the kind used need Linux")
@pytest.mark.parametrize("workers", [1, 2])
def test_what_takes_all_memory_is_undecided_and_costs_no_other_its_verdict(workers: int, tmp_path: Path) -> None:
    """200 GiB at a time, 256 MiB at a time, and a list that doubles, where a process may take 3 GiB."""
    (tmp_path / "mine.py").write_text(ALLOCATING, encoding="utf-8")
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30)); "
        "from entropy_theory.cli import main; main()"
    )
    options = ["--budget", "20", "--workers", str(workers), "--json", "out.json", "--resume", "kept.db", "-q"]
    command = [sys.executable, "-c", program, "hunt", "mine.py", *options]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    verdicts = {v["claim"]: v for v in json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))}
    assert [v["outcome"] for v in verdicts.values()] == ["refuted", *["undecided"] * 3, "holds"]
    assert verdicts["at-once"]["message"].startswith(
        "claim 'at-once': lhs raised MemoryError: Unable to allocate 200. GiB"
    )
    said = verdicts["bit-by-bit"]["message"]
    assert said.startswith("claim 'bit-by-bit': lhs raised MemoryError: Unable to allocate 256. MiB")
    assert verdicts["without-words"]["message"] == "claim 'without-words': lhs raised MemoryError: no memory was left"
    with closing(sqlite3.connect(tmp_path / "kept.db")) as store:
        kept = {row[0] for row in store.execute("SELECT claim FROM verdicts")}
    assert kept == {"before", "after"}


def huge(x: Any) -> Any:
    return np.zeros(10**14)


@pytest.mark.parametrize(
    ("part", "claim"),
    [
        ("lhs", et.Inequality(name="own", given={"x": et.domains.reals(0, 1)}, lhs=huge, rhs=1)),
        ("rhs", et.Identity(name="own", given={"x": et.domains.reals(0, 1)}, lhs=1, rhs=huge)),
        ("assuming", et.Inequality(name="own", given={"x": et.domains.reals(0, 1)}, assuming=huge, lhs=0, rhs=1)),
        (
            "remainder",
            et.Order(name="own", given={"x": et.domains.reals(0, 1)}, remainder=lambda t, x: huge(x), power=1),
        ),
    ],
)
def test_the_function_that_asks_for_too_much_is_named(part: str, claim: et.Inequality) -> None:
    said = f"claim 'own': {part} raised MemoryError: Unable to allocate 728. TiB"
    with pytest.raises(et.ClaimError, match=said):
        et.verify(claim, budget=50)
    once = attempt(claim, 0, 50)
    assert once.verdict.message.startswith(said)
    assert once.verdict.error
    assert not once.lasting
    item = {"format": FORMAT, "version": 1, "claim": "own", "reading": "printed", "instance": {"x": "1/2"}}
    confirmed, line = answer([claim], item)
    assert not confirmed
    assert line.startswith(f"own (printed): not confirmed: {said}")

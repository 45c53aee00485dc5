"""How many small errors in the core the tests notice.

A mutant is one module with one change: another operator, comparison, constant or function. The tests of the module run
on it until one fails. A mutant that they pass has survived: it is killed by a better test, or it changes nothing, which
`explained.toml` says of it in words.

    python -m benchmarks.mutation --sample 20 --seed 0
    python -m benchmarks.mutation checking.certify
    python -m benchmarks.mutation --merge

Each result is appended to `mutation.jsonl` as it is reached, so that a run that is broken off goes on where it was;
`--merge` counts what is there. How the mutants are run, and why that is quick: `benchmarks/mutants.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.mutants import ROOT, Mutant, mutants, path_of, run

RESULTS = ROOT / "benchmarks" / "results" / "mutation.json"
RECORD = ROOT / "benchmarks" / "results" / "mutation.jsonl"
EXPLAINED = ROOT / "benchmarks" / "explained.toml"

TESTS: Mapping[str, tuple[str, ...]] = {
    "softmax": (
        "known_values",
        "softmax",
        "extreme_points::test_a_divergence_beyond_the_largest_double_is_infinite",
        "fuzz_named",
    ),
    "gradients": ("gradients", "known_values", "problems", "fast_mdps", "fuzz_named"),
    "stability": ("stability", "fuzz_named"),
    "moments": ("moments", "fuzz_named"),
    "convergence": ("convergence", "fuzz_named"),
    "balls": ("balls", "certify", "fuzz_named"),
    "problems.bandit": ("gradients", "known_values", "problems", "bad_input", "fuzz_named"),
    "problems.mdp": ("tables", "gradients", "problems", "systems", "bad_input", "fuzz_named"),
    "problems.systems": ("systems", "problems"),
    "problems.elimination": ("systems",),
    "problems.sparse_systems": ("systems",),
    "problems.levels": ("levels", "token_tree"),
    "problems.token_tree": ("token_tree", "problems", "bad_input", "fuzz_named"),
    "controls.clip_cov": ("control_anchor", "controls"),
    "controls.kl_cov": ("control_anchor", "controls", "fuzz_named"),
    "controls.clip_higher": ("control_anchor", "controls"),
    "controls.entropy_bonus": ("control_anchor", "controls"),
    "controls.expected": ("control_anchor", "controls", "fuzz_named"),
    "controls.tokens": ("control_anchor", "controls", "rollouts", "fast_rows"),
    "controls.natural_policy_gradient": ("control_anchor", "controls"),
    "controls.policy_gradient": ("control_anchor", "controls"),
    "checking.certify": ("certify", "decisions::test_the_gate_is_passed", "certificates", "search_power"),
    "checking.certificate": ("certify", "certificates"),
    "checking.evidence": ("certificates",),
    "checking.prove": ("decisions::test_the_gate_is_passed", "prove"),
    "checking.verify": ("verify", "certify", "decisions::test_the_gate_is_passed", "search_power"),
    "checking.shrink": ("decisions::test_the_gate_is_passed", "checker"),
}
"""Tests that are to notice a change of a module: all of a file, or one."""


def digest(names: Sequence[Path]) -> str:
    """What a result is about: it does not outlive a change of the module, and a survivor none of its tests."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in names)).hexdigest()[:16]


def tests_of(module: str) -> list[str]:
    """The tests that are to notice a change of a module, as pytest takes them."""
    parts = [name.partition("::") for name in TESTS[module]]
    return [str(ROOT / "tests" / f"test_{file}.py") + separator + test for file, separator, test in parts]


def tests_digest(module: str) -> str:
    """Of the files that they are in."""
    return digest([Path(test.partition("::")[0]) for test in tests_of(module)])


def recorded(record: Path) -> dict[str, dict[str, Any]]:
    """The last result of each mutant that is still about the code as it is."""
    out: dict[str, dict[str, Any]] = {}
    if record.exists():
        now = {module: digest([path_of(ROOT, module)]) for module in TESTS}
        for line in record.read_text().splitlines():
            row = json.loads(line)
            if row["source"] == now.get(row["module"]):
                out[row["mutant"]] = row
    return out


def left(chosen: Sequence[Mutant], record: Path) -> list[Mutant]:
    """The mutants without a result, and the survivors of other tests than those that are there now."""
    known = recorded(record)
    tests = {module: tests_digest(module) for module in {m.module for m in chosen}}

    def settled(mutant: Mutant) -> bool:
        row = known.get(mutant.key)
        return row is not None and (row["killed_by"] is not None or row["tests"] == tests[mutant.module])

    return [m for m in chosen if not settled(m)]


def drawn(module: str, sample: int | None, seed: int) -> list[Mutant]:
    """The mutants of a module that are run: all, or so many at random."""
    every = mutants(module)
    if sample is None or sample >= len(every):
        return every
    return sorted(random.Random(f"{seed} {module}").sample(every, sample), key=lambda mutant: mutant.number)


def explained() -> dict[str, str]:
    """Why a mutant that survives is none, by its key."""
    return dict(tomllib.loads(EXPLAINED.read_text())["equivalent"]) if EXPLAINED.exists() else {}


def merged(record: Path) -> dict[str, Any]:
    """The results of all modules, counted; the score is the share that is killed or explained."""
    known, reasons = recorded(record), explained()
    out: dict[str, Any] = {}
    for module in TESTS:
        every = mutants(module)
        rows = [known[m.key] | {"line": m.line} for m in every if m.key in known]
        survived = [row for row in rows if row["killed_by"] is None]
        open_ = [{"line": row["line"], "mutant": row["mutant"]} for row in survived if row["mutant"] not in reasons]
        settled = len(rows) - len(open_)
        out[module] = {
            "mutants": len(every),
            "run": len(rows),
            "killed": len(rows) - len(survived),
            "explained": len(survived) - len(open_),
            "score": round(settled / len(rows), 4) if rows else None,
            "survived": open_,
        }
    return out


def table(counted: Mapping[str, Any]) -> Iterator[str]:
    """The counts as lines of text, and their sum."""
    names = ("mutants", "run", "killed", "explained")
    sums = {name: sum(row[name] for row in counted.values()) for name in names}
    survived = sum(len(row["survived"]) for row in counted.values())
    yield f"{'module':36} {'mutants':>8} {'run':>8} {'killed':>8} {'explained':>10} {'survived':>9} {'score':>7}"
    for module, row in [*counted.items(), ("all", sums | {"survived": range(survived)})]:
        score = (row["killed"] + row["explained"]) / row["run"] if row["run"] else float("nan")
        left_over = len(row["survived"])
        yield (
            f"{module:36} {row['mutants']:8} {row['run']:8} {row['killed']:8} {row['explained']:10} "
            f"{left_over:9} {score:7.1%}"
        )


def markdown(results: Mapping[str, Any]) -> str:
    """The section of benchmarks/README.md.

    Parameters
    ----------
    results : dict
        As `main` stores them.

    Returns
    -------
    str
    """
    counted = {name: row for name, row in results["modules"].items() if row["run"]}
    columns = ("mutants", "run", "killed", "explained")
    totals = {c: sum(row[c] for row in counted.values()) for c in columns}
    totals["survived"] = sum(len(row["survived"]) for row in counted.values())
    lines = [
        "### Mutants",
        "",
        "A mutant is a module with one change: another operator, comparison, constant, condition or function. It is "
        "killed if a test of the module fails. One that passes them all and changes nothing that counts is explained "
        "in `explained.toml`; the others have survived, and `results/mutation.json` lists them. The score is the share "
        "of those run that are killed or explained.",
        "",
        "| module | mutants | run | killed | explained | survived | score |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    shown = {f"`{name}`": row | {"survived": len(row["survived"])} for name, row in counted.items()}
    for name, row in (shown | {"all": totals}).items():
        numbers = " | ".join(f"{row[c]:,}" for c in (*columns, "survived"))
        lines.append(f"| {name} | {numbers} | {(row['killed'] + row['explained']) / row['run']:.1%} |")
    return "\n".join([*lines, ""])


def work(modules: Sequence[str], sample: int | None, seed: int, share: tuple[int, int]) -> None:
    """Run every `share[1]`-th of the mutants that are left, from `share[0]` on, and record each."""
    i, n = share
    reasons = explained()
    for module in modules:
        chosen = left(drawn(module, sample, seed)[i::n], RECORD)
        about = {"source": digest([path_of(ROOT, module)]), "tests": tests_digest(module)}
        for mutant, killed_by in run(chosen, tests_of(module)):
            row = {"module": module, "mutant": mutant.key, **about, "killed_by": killed_by}
            with RECORD.open("a") as file:
                file.write(json.dumps(row) + "\n")
            if killed_by is None and mutant.key not in reasons:
                print(f"survived: line {mutant.line}: {mutant.key}", flush=True)


def main() -> None:
    """Run mutants of the modules that the command line names, or of all; record and count what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="as checking.certify; all if none is named")
    parser.add_argument("--sample", type=int, help="mutants a module, drawn at random; all if left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--share", help=argparse.SUPPRESS)
    parser.add_argument("--merge", action="store_true", help="run nothing; count what is recorded and store that")
    options = parser.parse_args()
    if unknown := sorted(set(options.modules) - set(TESTS)):
        parser.error(f"modules has {unknown[0]!r}, expected some of {', '.join(TESTS)}")
    modules = options.modules or list(TESTS)
    if options.share:
        i, n = map(int, options.share.split("/"))
        work(modules, options.sample, options.seed, (i, n))
        return
    if not options.merge:
        command = [sys.executable, "-m", "benchmarks.mutation", *sys.argv[1:], "--share"]
        started = [subprocess.Popen([*command, f"{i}/{options.workers}"], cwd=ROOT) for i in range(options.workers)]
        if sum(process.wait() != 0 for process in started):
            raise SystemExit("a worker failed; what is recorded is kept")
    counted = merged(RECORD)
    print("\n".join(table(counted)))
    RESULTS.write_text(json.dumps({"modules": counted}, indent=1) + "\n")


if __name__ == "__main__":
    main()

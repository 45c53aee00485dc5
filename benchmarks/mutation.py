"""How many small errors in the core the tests notice.

A mutant is one module with one change: another operator, comparison, constant or function. The tests of the module run
on a copy of the repository that contains it. A mutant that they pass has survived: it is killed by a better test, or
it changes nothing, which `explained.toml` says of it in words.

    python -m benchmarks.mutation --sample 20 --seed 0
    python -m benchmarks.mutation checking.certify
"""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "mutation.json"
EXPLAINED = ROOT / "benchmarks" / "explained.toml"

TESTS: Mapping[str, tuple[str, ...]] = {
    "softmax": ("softmax", "known_values", "statistics", "bad_input", "balls"),
    "gradients": ("gradients", "known_values", "systems", "problems", "token_tree"),
    "stability": ("stability",),
    "moments": ("moments",),
    "convergence": ("convergence",),
    "balls": ("balls", "checker"),
    "problems.bandit": ("problems", "gradients", "known_values", "bad_input"),
    "problems.mdp": ("problems", "gradients", "systems", "bad_input", "tables"),
    "problems.systems": ("systems", "problems"),
    "problems.elimination": ("systems",),
    "problems.sparse_systems": ("systems",),
    "problems.levels": ("levels", "token_tree"),
    "problems.token_tree": ("token_tree", "problems", "bad_input"),
    "controls.clip_cov": ("controls", "control_anchor"),
    "controls.kl_cov": ("controls", "control_anchor"),
    "controls.clip_higher": ("controls", "control_anchor"),
    "controls.entropy_bonus": ("controls", "control_anchor"),
    "controls.expected": ("controls", "control_anchor"),
    "controls.tokens": ("controls", "control_anchor", "rollouts"),
    "controls.natural_policy_gradient": ("controls", "control_anchor"),
    "controls.policy_gradient": ("controls", "control_anchor"),
    "checking.certify": ("certificates", "checker", "prove", "hostile_claims"),
    "checking.certificate": ("certificates",),
    "checking.prove": ("prove", "checker"),
    "checking.verify": ("checker", "certificates", "campaign"),
    "checking.shrink": ("checker", "certificates"),
}
"""Tests that are to notice a change of a module, by the names of both."""

PATIENCE = 600.0
"""Seconds after which the tests are given up: the mutant does not come to an end, which is noticed as well."""

COMPARISONS: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}

OPERATORS: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}

NAMES = {
    "max": "min",
    "min": "max",
    "maximum": "minimum",
    "minimum": "maximum",
    "any": "all",
    "all": "any",
    "argmax": "argmin",
    "argmin": "argmax",
    "largest": "smallest",
    "smallest": "largest",
    "lower": "upper",
    "upper": "lower",
    "VIOLATED": "HOLDS",
    "HOLDS": "VIOLATED",
}
"""Functions and members that are taken for each other."""


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes
    ----------
    module : str
        Below ``entropy_theory``.
    number : int
        Of the change in the module.
    line : int
    before, after : str
        The statement with the change, on one line; of one with a block the head.
    """

    module: str
    number: int
    line: int
    before: str
    after: str

    @property
    def key(self) -> str:
        """By what `explained.toml` knows it; it does not change with the lines above it."""
        return f"{self.module}: {self.before} -> {self.after}"


def changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, Any]]:
    """The node that changes, which of its fields, and the value that it gets.

    What only a reader or a type checker sees is left alone: docstrings, annotations and the texts of errors.
    """
    silent = _silent(tree)
    for node in ast.walk(tree):
        if node in silent:
            continue
        if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in OPERATORS:
            yield node, "op", OPERATORS[type(node.op)]()
        elif isinstance(node, ast.Compare):
            for i, operator in enumerate(node.ops):
                yield node, "ops", [*node.ops[:i], COMPARISONS[type(operator)](), *node.ops[i + 1 :]]
        elif isinstance(node, ast.BoolOp):
            yield node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And()
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield node, "op", ast.UAdd()
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield node, "operand", ast.UnaryOp(ast.Not(), node.operand)
        elif isinstance(node, ast.Constant) and not isinstance(node.value, str | bytes):
            for value in _other(node.value):
                yield node, "value", value
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            yield node, "attr", NAMES[node.attr]
        elif isinstance(node, ast.Name) and node.id in NAMES and isinstance(node.ctx, ast.Load):
            yield node, "id", NAMES[node.id]
        elif isinstance(node, ast.IfExp | ast.If | ast.While):
            yield node, "test", ast.UnaryOp(ast.Not(), node.test)


def _other(value: Any) -> list[Any]:
    if value is True or value is False:
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    return [value * 2] if isinstance(value, float) and value else []


def _silent(tree: ast.Module) -> set[ast.AST]:
    out: set[ast.AST] = set()
    for node in ast.walk(tree):
        parts: list[Any] = []
        if isinstance(node, ast.FunctionDef):
            parts = [node.returns, *(a.annotation for a in (*node.args.args, *node.args.kwonlyargs))]
        elif isinstance(node, ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            parts = [node]
        for part in parts:
            out |= set(ast.walk(part)) if part is not None else set()
    return out


def mutants(module: str) -> list[Mutant]:
    """All mutants of a module."""
    tree = _parsed(module)
    statements = _statements(tree)
    out = []
    for number, (node, field, value) in enumerate(list(changes(tree))):
        statement, original = statements[node], getattr(node, field)
        before = _first_line(statement)
        setattr(node, field, value)
        out.append(Mutant(module, number, statement.lineno, before, _first_line(statement)))
        setattr(node, field, original)
    return out


def source(mutant: Mutant) -> str:
    """The module with the change."""
    tree = _parsed(mutant.module)
    node, field, value = list(changes(tree))[mutant.number]
    setattr(node, field, value)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _parsed(module: str) -> ast.Module:
    return ast.parse(_path(ROOT, module).read_text())


def _statements(tree: ast.Module) -> dict[ast.AST, ast.stmt]:
    """The innermost statement of each node."""
    out: dict[ast.AST, ast.stmt] = {}

    def visit(node: ast.AST, statement: ast.stmt | None) -> None:
        inner = node if isinstance(node, ast.stmt) else statement
        if inner is not None:
            out[node] = inner
        for child in ast.iter_child_nodes(node):
            visit(child, inner)

    visit(tree, None)
    return out


def _first_line(statement: ast.stmt) -> str:
    """Of a statement with a block its decorators and head."""
    head = 1 + len(getattr(statement, "decorator_list", ()))
    return " ".join(ast.unparse(statement).split("\n")[:head])


def _path(root: Path, module: str) -> Path:
    return root / "entropy_theory" / Path(*module.split(".")).with_suffix(".py")


def passes(folder: Path, tests: Sequence[str]) -> bool:
    """Whether the tests of a copy of the repository pass."""
    files = [f"tests/test_{name}.py" for name in tests]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *files]
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "HYPOTHESIS_PROFILE": "dev",
    }
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout.decode()[-500:]}")
    return done.returncode == 0


def run(chosen: Sequence[Mutant], workers: int) -> Iterator[tuple[Mutant, bool]]:
    """Each mutant, and whether it has survived; in the order given.

    Raises
    ------
    RuntimeError
        If the tests do not pass without a change.
    """
    with tempfile.TemporaryDirectory() as name:
        folders: SimpleQueue[Path] = SimpleQueue()
        for i in range(workers):
            copy = Path(name) / str(i)
            shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "*.nb[ci]"))
            folders.put(copy)

        def survives(mutant: Mutant) -> bool:
            folder = folders.get()
            path = _path(folder, mutant.module)
            original = path.read_text()
            try:
                path.write_text(source(mutant))
                return passes(folder, TESTS[mutant.module])
            finally:
                path.write_text(original)
                folders.put(folder)

        needed = sorted({test for mutant in chosen for test in TESTS[mutant.module]})
        if not passes(Path(name) / "0", needed):
            raise RuntimeError(f"the tests {needed} fail without a change, expected them to pass")
        with ThreadPoolExecutor(workers) as pool:
            yield from zip(chosen, pool.map(survives, chosen), strict=True)


def explained() -> dict[str, str]:
    """Why a mutant that survives is none, by its key."""
    return dict(tomllib.loads(EXPLAINED.read_text())["equivalent"]) if EXPLAINED.exists() else {}


def main() -> None:
    """Run mutants of the modules that the command line names, or of all; keep and print what was found."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", choices=[[], *TESTS], help="as checking.certify; all if none is named")
    parser.add_argument("--sample", type=int, help="mutants a module, drawn at random; all if left out")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    chosen = []
    for module in options.modules or TESTS:
        every = mutants(module)
        some = (
            every
            if options.sample is None
            else random.Random(f"{options.seed} {module}").sample(every, min(options.sample, len(every)))
        )
        chosen += sorted(some, key=lambda mutant: mutant.number)
    known = explained()
    kept: dict[str, dict[str, Any]] = {}
    for mutant, survived in run(chosen, options.workers):
        row = kept.setdefault(mutant.module, {"mutants": 0, "killed": 0, "explained": 0, "survived": []})
        row["mutants"] += 1
        reason = known.get(mutant.key)
        if not survived:
            row["killed"] += 1
        elif reason:
            row["explained"] += 1
        else:
            row["survived"].append(asdict(mutant))
            print(f"survived: entropy_theory/{mutant.module}:{mutant.line}: {mutant.key}", flush=True)
    print(json.dumps({name: {**row, "survived": len(row["survived"])} for name, row in kept.items()}, indent=1))
    if not options.modules:
        RESULTS.write_text(
            json.dumps({"sample": options.sample, "seed": options.seed, "modules": kept}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()

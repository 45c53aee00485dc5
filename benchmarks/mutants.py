"""Mutants of a module, and what the tests say of them.

To start Python and to import everything for each of some thousand mutants would take longer than the tests. So the
tests run once on a module that notes which of its blocks each test reaches. Then a process that has collected the tests
forks for each mutant; the fork gives the functions the changed code and runs those tests that reach the change, until
one fails: first those that have killed most mutants, then the quickest. Only what runs while modules are imported is
imported again, with the change, by a fork of a process that has imported what the package needs.

Hypothesis draws the same examples each time and does not shrink what it finds.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import io
import json
import math
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from itertools import count
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

PATIENCE, SLOWER = 20, 5
"""A mutant may use so many seconds of processor time, and so many times what its tests use without it."""

LONGEST = 900.0
"""Seconds after which a mutant is stopped that waits."""

MEMORY = 4 * 2**30
"""Bytes that a mutant may use beyond what the process has before."""

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
    "VIOLATED": "SATISFIED",
    "SATISFIED": "VIOLATED",
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
    function : str
        In which it is, with its classes; empty outside of functions.
    block : int
        As `blocks` numbers it.
    before, after : str
        The statement with the change, on one line; of one with a block the head.
    again : int
        How often the same change of the same statement was met before in the function.
    """

    module: str
    number: int
    line: int
    function: str
    block: int
    before: str
    after: str
    again: int = 0

    @property
    def key(self) -> str:
        """By what `explained.toml` knows it; it does not change with the lines above it."""
        place = f"{self.module}.{self.function}" if self.function else self.module
        return f"{place}: {self.before} -> {self.after}" + (f" ({self.again + 1})" if self.again else "")


def changes(tree: ast.Module) -> Iterator[tuple[ast.AST, str, Any]]:
    """The node that changes, which of its fields, and the value that it gets.

    What only a reader or a type checker sees is left alone: docstrings, annotations, the texts of errors, and that
    `zip` takes sequences of one length.
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
        elif isinstance(node, ast.IfExp | ast.If | ast.While) and not _negated(node.test):
            yield node, "test", ast.UnaryOp(ast.Not(), node.test)


def _negated(test: ast.expr) -> bool:
    """Whether its own mutant is its opposite."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return isinstance(test.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn)
    return isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)


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
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "zip":
            parts = [keyword.value for keyword in node.keywords]
        for part in parts:
            out |= set(ast.walk(part)) if part is not None else set()
    return out


def mutants(module: str) -> list[Mutant]:
    """All mutants of a module."""
    tree = _parsed(module)
    number_of, places = blocks(tree), _places(tree)
    out: list[Mutant] = []
    met: Counter[tuple[str, str, str]] = Counter()
    for number, (node, field, value) in enumerate(list(changes(tree))):
        (statement, function), original = places[node], getattr(node, field)
        before = _first_line(statement)
        setattr(node, field, value)
        same = function, before, _first_line(statement)
        out.append(Mutant(module, number, statement.lineno, function, number_of[node], *same[1:], again=met[same]))
        met[same] += 1
        setattr(node, field, original)
    return out


def source(mutant: Mutant) -> str:
    """The module with the change."""
    return ast.unparse(_changed(mutant)) + "\n"


def code_of(mutant: Mutant) -> CodeType:
    """The module with the change, compiled; its functions keep their lines."""
    return compile(_changed(mutant), str(path_of(ROOT, mutant.module)), "exec")


def _changed(mutant: Mutant) -> ast.Module:
    tree = _parsed(mutant.module)
    node, field, value = list(changes(tree))[mutant.number]
    for new in value if isinstance(value, list) else [value]:
        if isinstance(new, ast.expr) and isinstance(node, ast.expr | ast.stmt):
            ast.copy_location(new, node)
    setattr(node, field, value)
    return ast.fix_missing_locations(tree)


def _parsed(module: str) -> ast.Module:
    return ast.parse(path_of(ROOT, module).read_text())


def _places(tree: ast.Module) -> dict[ast.AST, tuple[ast.stmt, str]]:
    """The innermost statement of each node, and the name of its function with its classes."""
    out: dict[ast.AST, tuple[ast.stmt, str]] = {}

    def visit(node: ast.AST, statement: ast.stmt | None, names: tuple[str, ...]) -> None:
        inner = node if isinstance(node, ast.stmt) else statement
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = (*names, node.name)
        if inner is not None:
            out[node] = inner, ".".join(names)
        for child in ast.iter_child_nodes(node):
            visit(child, inner, names)

    visit(tree, None, ())
    return out


def _first_line(statement: ast.stmt) -> str:
    """Of a statement with a block its decorators and head."""
    head = 1 + len(getattr(statement, "decorator_list", ()))
    return " ".join(ast.unparse(statement).split("\n")[:head])


def path_of(root: Path, module: str) -> Path:
    """The file of a module."""
    return root / "entropy_theory" / Path(*module.split(".")).with_suffix(".py")


def blocks(tree: ast.Module) -> dict[ast.AST, int]:
    """For each node the number of the list of statements that it runs with: what reaches the list reaches the node."""
    out: dict[ast.AST, int] = {}
    numbers = count(1)

    def visit(node: ast.AST, block: int) -> None:
        out[node] = block
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                inner = block if isinstance(node, ast.Module | ast.ClassDef) else next(numbers)
                for child in value:
                    visit(child, inner)
            else:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        visit(child, block)

    visit(tree, 0)
    return out


def instrumented(tree: ast.Module) -> ast.Module:
    """The module, changed so that each list of statements adds its number to the set ``__reached__``."""
    number = blocks(tree)
    for node in list(ast.walk(tree)):
        for _, value in list(ast.iter_fields(node)):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt) and number[value[0]] != 0:
                note = ast.parse(f"__reached__.add({number[value[0]]})").body[0]
                docstring = isinstance(value[0], ast.Expr) and isinstance(value[0].value, ast.Constant)
                value.insert(1 if docstring else 0, note)
    return ast.fix_missing_locations(tree)


class Mutated(SourceFileLoader):
    """Loads a module from another code than that of its file.

    Parameters
    ----------
    name, path : str
    code : CodeType
    globals : dict
        Names that the module finds defined.
    """

    def __init__(self, name: str, path: str, code: CodeType, globals: dict[str, Any]) -> None:
        super().__init__(name, path)
        self._code, self._globals = code, globals

    def get_code(self, fullname: str) -> CodeType:
        """The other code."""
        return self._code

    def exec_module(self, module: ModuleType) -> None:
        """Run it."""
        module.__dict__.update(self._globals)
        super().exec_module(module)


class Finder(MetaPathFinder):
    """Finds one module before everybody else does."""

    def __init__(self, loader: Mutated) -> None:
        self._loader = loader

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """The module's specification, if it is the one."""
        if fullname != self._loader.name:
            return None
        return spec_from_file_location(fullname, self._loader.path, loader=self._loader)


class Probe:
    """Pytest plugin: which tests reach which blocks, which blocks are reached before any test, and how long each takes.

    Attributes
    ----------
    reached : set of int
        Filled by the instrumented module.
    """

    def __init__(self) -> None:
        self.reached: set[int] = set()
        self.before: list[int] = []
        self.tests: dict[str, tuple[float, list[int]]] = {}
        self.failed: list[str] = []

    def pytest_configure(self) -> None:
        """Without Hypothesis's memory and shrinking: a test fails or passes the same way each time, and soon."""
        _repeatable()

    def pytest_collection_finish(self) -> None:
        """From here on tests run."""
        self.before = sorted(self.reached)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        """Note what one test reaches."""
        self.reached.clear()
        start = time.process_time()
        out = yield
        self.tests[item.nodeid] = (time.process_time() - start, sorted(self.reached))
        return out

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note a failure."""
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        """Note a file that cannot be imported."""
        if report.failed:
            self.failed.append(report.nodeid)


class FirstFailure:
    """Pytest plugin: runs the tests in a given order and says through a pipe which fails first.

    Parameters
    ----------
    order : sequence of str
        Node identifiers; the others are not run.
    say : callable
        Gets the identifier. It does not return.
    """

    def __init__(self, order: Sequence[str], say: Callable[[str], None]) -> None:
        self.order, self.say = order, say

    def pytest_configure(self) -> None:
        """As in the probe."""
        _repeatable()

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Put the tests in order."""
        by_name = {item.nodeid: item for item in items}
        items[:] = [by_name[name] for name in self.order if name in by_name]

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Stop at the first failure."""
        if report.failed:
            self.say(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        """A file that cannot be imported is a failure."""
        if report.failed:
            self.say(report.nodeid)


class Forks:
    """Pytest plugin: after the collection, each mutant is run by a fork of this process.

    Parameters
    ----------
    chosen : sequence of Mutant
    path : Path
        Of the module.
    known : Known
    emit : callable
        Gets the number of a mutant and what killed it.
    """

    def __init__(self, chosen: Sequence[Mutant], known: Known, emit: Callable[[int, str | None], None]) -> None:
        self.chosen, self.known, self.emit = chosen, known, emit

    def pytest_configure(self) -> None:
        """As in the probe."""
        _repeatable()

    def pytest_runtestloop(self, session: Any) -> bool:
        """Run the mutants instead of the tests; first one that changes nothing, which has to survive."""
        items = {item.nodeid: item for item in session.items}
        path = path_of(ROOT, self.chosen[0].module)
        functions = _functions(str(path))

        def verdict(code: CodeType, order: list[str]) -> str | None:
            def attempt(say: Callable[[str], None]) -> None:
                _replace(functions, code)
                session.config.pluginmanager.register(FirstFailure(order, say))
                chosen = [items[name] for name in order]
                for item, after in zip(chosen, [*chosen[1:], None], strict=True):
                    item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)

            return in_fork(attempt, self.known.patience(order)) if order else None

        if (killed_by := verdict(compile(path.read_text(), str(path), "exec"), list(self.known.tests))) is not None:
            self.emit(-1, killed_by)
            return True
        for mutant in self.chosen:
            killed_by = verdict(code_of(mutant), self.known.order(mutant))
            self.known.note(killed_by)
            self.emit(mutant.number, killed_by)
        return True


class Known:
    """What the probe has found about the tests of a module, and which of them have killed mutants."""

    def __init__(self, before: Sequence[int], tests: Mapping[str, tuple[float, list[int]]]) -> None:
        self.before, self.tests = set(before), tests
        self.kills: Counter[str] = Counter()

    def order(self, mutant: Mutant) -> list[str]:
        """The tests that reach the mutant: those that have killed most come first, then the quick ones."""
        able = [
            name
            for name, (_, blocks) in self.tests.items()
            if mutant.block in blocks or mutant.block in self.before or mutant.block == 0
        ]
        return sorted(able, key=lambda name: (-self.kills[name], self.tests[name][0]))

    def patience(self, order: Sequence[str]) -> int:
        """Seconds of processor time after which a mutant counts as one that does not come to an end."""
        return math.ceil(PATIENCE + SLOWER * sum(self.tests[name][0] for name in order))

    def note(self, killed_by: str | None) -> None:
        """Remember a kill."""
        if killed_by is not None and killed_by in self.tests:
            self.kills[killed_by] += 1

    def needs_import(self, mutant: Mutant) -> bool:
        """Whether the change is met while modules are imported, so that they must be imported with it."""
        return mutant.block == 0 or mutant.block in self.before


def run(chosen: Sequence[Mutant], tests: Sequence[str]) -> Iterator[tuple[Mutant, str | None]]:
    """Each mutant of one module, and what has killed it: a test, or that it was stopped. None: it has survived.

    Raises
    ------
    RuntimeError
        If the tests do not pass without a change.
    """
    if not chosen:
        return
    _warm()
    known = _probed(chosen[0].module, tests)
    imported = [m for m in chosen if known.needs_import(m)]
    rest = {m.number: m for m in chosen if not known.needs_import(m)}
    if rest:
        for number, killed_by in _stream(lambda emit: _pytest(tests, Forks(list(rest.values()), known, emit))):
            if number < 0:  # what the tests need does not outlive a fork, such as the threads of compiled kernels
                imported = [*chosen]
                break
            known.note(killed_by)
            yield rest.pop(number), killed_by
    path = path_of(ROOT, chosen[0].module)

    def verdict(code: CodeType, order: list[str]) -> str | None:
        def attempt(say: Callable[[str], None]) -> None:
            _load(chosen[0].module, code, {})
            _pytest(tests, FirstFailure(order, say))

        return in_fork(attempt, known.patience(order)) if order else None

    if imported:
        failed = verdict(compile(path.read_text(), str(path), "exec"), list(known.tests))
        if failed is not None:
            raise RuntimeError(f"{failed}: expected it to pass in a fork without a change")
    for mutant in imported:
        killed_by = verdict(code_of(mutant), known.order(mutant))
        known.note(killed_by)
        yield mutant, killed_by


def _probed(module: str, files: Sequence[str]) -> Known:
    def probe(emit: Callable[..., None]) -> None:
        plugin = Probe()
        path = path_of(ROOT, module)
        code = compile(instrumented(ast.parse(path.read_text())), str(path), "exec")
        _load(module, code, {"__reached__": plugin.reached})
        _pytest(files, plugin)
        emit(plugin.before, plugin.tests, plugin.failed)

    ((before, seen, failed),) = _stream(probe)
    if failed or not seen:
        raise RuntimeError(f"{failed[:1] or 'no test runs'}: expected the tests of {module} to pass without a change")
    return Known(before, {name: (seconds, blocks) for name, (seconds, blocks) in seen.items()})


def _stream(work: Callable[[Callable[..., None]], Any]) -> Iterator[Any]:
    """What a fork emits, piece by piece."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.close(read)
        with open(write, "w") as pipe:

            def emit(*what: Any) -> None:
                pipe.write(json.dumps(what) + "\n")
                pipe.flush()

            try:
                work(emit)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        os._exit(0)
    os.close(write)
    with open(read) as pipe:
        for line in pipe:
            yield json.loads(line)
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"a run of the tests ended with status {status}")


def in_fork(attempt: Callable[[Callable[[str], None]], None], seconds: int) -> str | None:
    """What `attempt` says in a fork of this process, or how the fork ended; None if it says nothing."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os.close(read)
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)

        def say(what: str) -> None:
            os.write(write, what.encode())
            os._exit(0)

        try:
            attempt(say)
        except BaseException as error:
            say(f"raised {type(error).__name__}")
        os._exit(0)
    os.close(write)
    with open(read) as pipe:
        ready, _, _ = select.select([pipe], [], [], LONGEST)
        said = pipe.read() if ready else ""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if said:
        return said
    return None if ready and status == 0 else "stopped"


def _pytest(arguments: Sequence[str], plugin: object) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        fixed = ["-q", "-n", "0", "-s", "-p", "no:cacheprovider", "--rootdir", str(ROOT), "--basetemp", f"{scratch}/t"]
        # Hypothesis is imported before pytest looks for what it rewrites.
        fixed += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
        with contextlib.redirect_stdout(io.StringIO()) as text:
            code = pytest.main([*fixed, *arguments], plugins=[plugin])
        if code not in (0, 1, 2):
            raise RuntimeError(f"pytest ended with {code}: {text.getvalue()[-3000:]}")


def _load(module: str, code: CodeType, globals: dict[str, Any]) -> None:
    """Let an import of the module run `code`."""
    name = f"entropy_theory.{module}"
    if name in sys.modules:
        raise RuntimeError(f"{name} is imported already")
    sys.path.insert(0, str(ROOT))
    sys.meta_path.insert(0, Finder(Mutated(name, str(path_of(ROOT, module)), code, globals)))


def _functions(path: str) -> dict[tuple[str, int], list[FunctionType]]:
    """The functions of a file that exist, by name and line."""
    out: dict[tuple[str, int], list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename == path:
            out.setdefault((thing.__code__.co_qualname, thing.__code__.co_firstlineno), []).append(thing)
    return out


def _replace(functions: Mapping[tuple[str, int], Sequence[FunctionType]], code: CodeType) -> None:
    """Give each function its code of another version of the file; whoever holds the function has the other version."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            for function in functions.get((inner.co_qualname, inner.co_firstlineno), ()):
                function.__code__ = inner
            _replace(functions, inner)


def _repeatable() -> None:
    from hypothesis import Phase, settings

    current = settings.get_current_profile_name()
    settings.register_profile(
        "mutation",
        parent=settings.get_profile(current),
        database=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),
        report_multiple_bugs=False,
    )
    settings.load_profile("mutation")


def _warm() -> None:
    """Import what every run needs and no mutant changes."""
    for name in ("flint", "hypothesis", "mpmath", "numpy", "scipy.linalg", "scipy.sparse.linalg", "_pytest.doctest"):
        importlib.import_module(name)

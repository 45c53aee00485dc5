"""Named claims: the paper's, and those of a user's file."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from entropy_theory.brief import brief, message
from entropy_theory.checking.beside import importable
from entropy_theory.checking.claim import Claim


class ClaimFileError(ValueError):
    """A file of claims that cannot be loaded or holds no claim."""


@cache
def paper_modules() -> tuple[ModuleType, ...]:
    """The modules of the package `entropy_theory.claims`, in the order of the paper.

    Each has a tuple ``CLAIMS`` and a number ``POSITION`` that orders it: the section of the paper and what follows it.
    """
    package = importlib.import_module("entropy_theory.claims")
    modules = [
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in pkgutil.iter_modules(package.__path__)
        if not info.name.startswith("_")
    ]
    return tuple(sorted(modules, key=lambda m: m.POSITION))


@cache
def paper_claims() -> tuple[Claim, ...]:
    """Every claim of the package `entropy_theory.claims`, in the order of the paper."""
    return unique(claim for module in paper_modules() for claim in module.CLAIMS)


def mutants_of(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """The wrong variants of claims, in their order.

    Parameters
    ----------
    claims : iterable of Claim

    Returns
    -------
    tuple of Claim
    """
    return unique(mutant for claim in claims for mutant in claim.mutants)


def find(source: str, name: str, reading: str) -> Claim:
    """The claim, or the wrong variant of one, of that name and reading.

    Parameters
    ----------
    source : str
        ``"paper"``, or a file of claims as `load` takes it.
    name, reading : str

    Returns
    -------
    Claim

    Raises
    ------
    ValueError
        If there is none.
    """
    claims = paper_claims() if source == "paper" else load(source)
    for claim in (*claims, *mutants_of(claims)):
        if (claim.name, claim.reading) == (name, reading):
            return claim
    raise ValueError(f"name is {brief(name)} ({reading}), expected a claim of {source}")


def unique(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """The claims, checked to have distinct names and readings."""
    out: dict[tuple[str, str], Claim] = {}
    for claim in claims:
        key = (claim.name, claim.reading)
        if out.setdefault(key, claim) is not claim:
            raise ClaimFileError(f"two claims are named {claim.name!r} ({claim.reading}), expected distinct names")
    return tuple(out.values())


def select(claims: Iterable[Claim], names: Iterable[str]) -> tuple[Claim, ...]:
    """The claims with one of `names`, which may be a claim (``theorem-v.2``) or a part (``theorem-v.2/eq-16``).

    Raises
    ------
    ValueError
        If a name fits no claim; it proposes the nearest ones.
    """
    pool = tuple(claims)
    try:
        wanted = [*names]
    except TypeError:
        raise ValueError(f"names is {brief(names)}, expected names of claims") from None
    if not wanted:
        return pool
    for name in wanted:
        if not isinstance(name, str):
            raise ValueError(f"name is {brief(name)}, expected the name of a claim")
        if not any(_fits(claim.name, name) for claim in pool):
            known = sorted({c.name for c in pool} | {c.name.partition("/")[0] for c in pool})
            near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.4)
            hint = f"; the nearest are {', '.join(near)}" if near else ""
            raise ValueError(f"name is {brief(name)}, expected the name of a claim{hint}")
    return tuple(c for c in pool if any(_fits(c.name, name) for name in wanted))


def _fits(claim: str, name: str) -> bool:
    return claim == name or claim.startswith(f"{name}/")


def load(spec: str) -> tuple[Claim, ...]:
    """The claims of a file ``FILE.py`` or the one that it calls NAME: ``FILE.py:NAME``.

    NAME is the variable or the claim's own name. The file can import modules that stand beside it, as a script can, but
    not later, when its functions are called.

    Raises
    ------
    ClaimFileError
        If the file is missing, fails when run, or has no such claim.
    """
    path_text, _, wanted = spec.rpartition(":") if ".py:" in spec else (spec, "", "")
    path = Path(path_text)
    try:
        there = path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        there = False
    if not there:
        raise ClaimFileError(f"{brief(path_text)} is no file, expected a Python file with claims")
    module = _run(path)
    variables = {k: v for k, v in vars(module).items() if isinstance(v, Claim)}
    found: list[Claim] = list(variables.values())
    for value in vars(module).values():
        # By the methods of the types themselves: a class of the file's own may have others.
        if isinstance(value, dict):
            value = list(dict.values(value))
        if isinstance(value, list | tuple):
            items = list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value)
            found.extend(x for x in items if isinstance(x, Claim))
    try:
        distinct = unique({id(c): c for c in found}.values())
    except ClaimFileError as error:
        raise ClaimFileError(f"{path}: {error}") from None
    if not distinct:
        raise ClaimFileError(f"{path} holds no claim, expected an Inequality, Identity or Order at top level")
    if not wanted:
        return distinct
    chosen = tuple(c for c in distinct if c.name == wanted or variables.get(wanted) is c)
    if not chosen:
        raise ClaimFileError(
            f"{path} has no claim {brief(wanted)}, expected one of {', '.join(c.name for c in distinct)}"
        )
    return chosen


def _run(path: Path) -> ModuleType:
    name = f"_claims_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ClaimFileError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        # Not from bytecode on disk, which passes for current when a file is edited twice within a second.
        with importable(path):
            exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also what a program may raise beside exceptions
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        line = f", line {frames[-1].lineno}" if frames else ""
        if isinstance(error, SyntaxError):
            line = f", line {error.lineno}"
        raise ClaimFileError(f"{path}{line}: {type(error).__name__}: {message(error)}") from None
    return module

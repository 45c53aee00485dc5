"""Warns of every public name that no page documents or that has no docstring, and of every field of a record that its
docstring leaves out.

A docstring's single backticks may hold a name of this package, a parameter or a line of code. They link where they
name something documented and are code elsewhere; in pages every role stays strict.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
from collections.abc import Iterator
from typing import Any

from numpydoc.docscrape import NumpyDocString
from sphinx.util import logging

import entropy_theory
from entropy_theory import controls, domains, estimators, figures, simulations, strategies

logger = logging.getLogger(__name__)

NAMESPACES = {
    "entropy_theory": entropy_theory,
    "entropy_theory.domains": domains,
    "entropy_theory.controls": controls,
    "entropy_theory.estimators": estimators,
    "entropy_theory.strategies": strategies,
    "entropy_theory.figures": figures,
    "entropy_theory.simulations": simulations,
}


def public_names() -> Iterator[str]:
    """Every name in an ``__all__`` of the package, and the methods and properties that each class defines.

    What a second namespace only hands on, such as a control that `entropy_theory` has already, counts once.
    """
    seen: set[int] = set()
    for path, namespace in NAMESPACES.items():
        for name in namespace.__all__:
            thing = getattr(namespace, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                if id(thing) in seen:
                    continue
                seen.add(id(thing))
            yield f"{path}.{name}"
            if inspect.isclass(thing):
                yield from (f"{path}.{name}.{member}" for member in documented_members(thing))


def documented_members(cls: type) -> Iterator[str]:
    """Public methods and properties that a class defines; not one that overrides another and adds no docstring."""
    for name, member in vars(cls).items():
        if not name.startswith("_") and is_member(member) and not is_silent_override(cls, name):
            yield name


def is_member(thing: Any) -> bool:
    """Whether something in a class is a method or a property."""
    kinds = classmethod | staticmethod | property | functools.cached_property
    return isinstance(thing, kinds) or inspect.isroutine(thing)


def is_silent_override(cls: type, name: str) -> bool:
    """Whether a member takes its documentation from a base class, where it is shown."""
    member = vars(cls).get(name)
    inherited = any(name in vars(base) and is_member(vars(base)[name]) for base in cls.__mro__[1:])
    return inherited and not getattr(member, "__doc__", None)


def skip_member(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out fields, which the class's docstring has, and overrides without a docstring."""
    place = app.env.current_document
    if what not in ("class", "exception") or name.startswith("_") or not place.autodoc_class:
        return None
    cls = getattr(importlib.import_module(place.autodoc_module), place.autodoc_class)
    return None if name in documented_members(cls) else True


def check_docstring(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Warn of what has no docstring, and of every field of a dataclass that is neither a Parameter nor an Attribute."""
    if (callable(thing) or is_member(thing)) and not inspect.getdoc(thing):
        logger.warning("%s has no docstring", name)
    if not inspect.isclass(thing) or not dataclasses.is_dataclass(thing):
        return
    sections = NumpyDocString(inspect.getdoc(thing) or "")
    named = {n for section in ("Parameters", "Attributes") for p in sections[section] for n in p.name.split(", ")}
    for field in dataclasses.fields(thing):
        if not field.name.startswith("_") and field.name not in named:
            logger.warning("field %s of %s is not documented", field.name, name)


def check_inventory(app: Any, env: Any) -> None:
    """Warn of every public name that no page documents."""
    objects = env.get_domain("py").objects
    for name in public_names():
        if name not in objects:
            logger.warning("public name %s is on no page of the reference", name)


def lenient_backticks(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """What a docstring has in single backticks need not be documented."""
    in_page = str(node.source).endswith(".md")
    return contnode if node.get("reftype") == "obj" and not in_page else None


def setup(app: Any) -> dict[str, bool]:
    """Join the build."""
    app.connect("autodoc-process-docstring", check_docstring, priority=100)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("env-check-consistency", check_inventory)
    app.connect("missing-reference", lenient_backticks)
    return {"parallel_read_safe": True}

"""Settings by name."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from entropy_theory.brief import brief


def with_changes(
    control: type[Any], presets: dict[str, dict[str, Any]], name: str, changes: dict[str, Any]
) -> dict[str, Any]:
    """The fields of the preset `name` of a control, with `changes`; a ValueError lists the known names."""
    if not isinstance(name, str) or name not in presets:
        raise ValueError(f"preset is {brief(name)}, expected one of {', '.join(map(repr, presets))}")
    known = [f.name for f in fields(control)]
    for change in changes:
        if change not in known:
            raise ValueError(f"{control.__name__} has no field {brief(change)}, expected one of {', '.join(known)}")
    return {**presets[name], **changes}

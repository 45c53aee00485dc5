"""Where a run stands, kept in a file, so that nothing is lost when it is interrupted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.files import read_arrays, write_whole
from entropy_theory.training.record import Record
from entropy_theory.training.sampling import Spare
from entropy_theory.validation import is_whole

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class State:
    """A run at the boundary between two batches."""

    step: int
    z: Array
    rng: dict[str, Any]
    """State of the bit generator."""
    memory: dict[str, Array]
    """What the estimator has learned."""
    spare: Spare | None = None
    """A table to be overwritten, which saves a copy of all logits a batch; not kept in the file."""


@dataclass(frozen=True)
class Checkpoint:
    """A file with the state and the records of a run that the `arguments` determine."""

    path: Path
    arguments: dict[str, str]

    def save(self, state: State, records: list[Record]) -> None:
        """Write the file, whole or not at all; a ValueError says why it cannot be written."""
        head = {"arguments": self.arguments, "step": state.step, "rng": state.rng, "records": len(records)}
        arrays: dict[str, Any] = {f"memory.{name}": array for name, array in state.memory.items()}
        if records:
            arrays |= {f"record.{name}": np.array([r[name] for r in records]) for name in records[0]}
        text = np.array(json.dumps(head))
        try:
            write_whole(self.path, lambda file: np.savez(file, checkpoint=text, z=state.z, **arrays))
        except OSError as error:
            raise ValueError(
                f"checkpoint is {str(self.path)!r}, expected a file that can be written to: {error}"
            ) from None

    def load(self, z0: Array) -> tuple[State, list[Record]] | None:
        """The state and the records in the file of a run that starts at `z0`; None if there is no file.

        Raises
        ------
        ValueError
            If the file is no checkpoint, is damaged, or belongs to a run with other arguments.
        """
        if not self.path.exists():
            return None
        try:
            arrays = read_arrays(self.path)
            head = json.loads(arrays["checkpoint"].item())
            found = dict(head["arguments"])
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            why = " ".join(str(error).split())
            raise ValueError(f"checkpoint is {str(self.path)!r}, expected a file of an earlier run: {why}") from None
        for name, value in self.arguments.items():
            if found.get(name) != value:
                raise ValueError(
                    f"checkpoint is {str(self.path)!r}, expected that of a run with {name} = {value}; it has "
                    f"{found.get(name)}"
                )
        columns = _named(arrays, "record.")
        wrong = _inconsistent(head, arrays.get("z"), z0, columns, int(self.arguments["record_every"]))
        if wrong:
            raise ValueError(f"checkpoint is {str(self.path)!r}, expected a file of an earlier run: {wrong}")
        state = State(head["step"], arrays["z"], head["rng"], _named(arrays, "memory."))
        records = [{name: array[i] for name, array in columns.items()} for i in range(head["records"])]
        return state, records


def _inconsistent(head: dict[str, Any], z: Any, z0: Array, columns: dict[str, Array], every: int) -> str | None:
    """What no run leaves, in words; None if all fits."""
    step, count = head.get("step"), head.get("records")
    if not isinstance(step, int) or not is_whole(step) or step < 0:
        return f"step is {brief(step)}"
    if not is_whole(count) or count != len(range(0, step, every)):
        return f"it says {brief(count)} records at step {step}"
    if not isinstance(z, np.ndarray) or z.shape != z0.shape or z.dtype != z0.dtype or not np.isfinite(z).all():
        return f"its logits are {brief(z)}"
    for name, column in columns.items():
        if column.ndim < 1 or len(column) != count or column.dtype.kind not in "biuf":
            return f"{name} has shape {column.shape} and dtype {column.dtype} for {count} records"
    if count and not columns:
        return f"it holds none of {count} records"
    try:
        np.random.default_rng().bit_generator.state = head["rng"]
    except (KeyError, TypeError, ValueError, OverflowError):
        return f"its generator is {brief(head.get('rng'))}"
    return None


def _named(arrays: dict[str, Array], prefix: str) -> dict[str, Array]:
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


def describe(value: Any) -> str:
    """An argument in words that change when it does.

    Arrays are told by their shape and a hash of their bytes, functions by their name and a hash of their code, defaults
    and what they close over; other objects by their type and their attributes. What a function reads elsewhere is not
    seen.
    """
    if is_dataclass(value) and not isinstance(value, type):
        inner = ", ".join(f"{f.name}={describe(getattr(value, f.name))}" for f in fields(value))
        return f"{type(value).__name__}({inner})"
    if isinstance(value, np.ndarray):
        return f"array{value.shape} {_hash(value.dtype.str.encode(), np.ascontiguousarray(value).tobytes())}"
    if hasattr(value, "tocsr"):  # a sparse matrix
        table = value.tocsr()
        return f"sparse{table.shape} {_hash(*(x.tobytes() for x in (table.data, table.indices, table.indptr)))}"
    if isinstance(value, partial):
        return f"partial({describe(value.func)}, {describe(list(value.args))}, {describe(value.keywords)})"
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        held = [_code(value.__code__), describe([value.__defaults__, value.__kwdefaults__, cells])]
        return f"{value.__module__}.{value.__qualname__} {_hash(*(x.encode() for x in held))}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k!r}: {describe(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(describe, value))}]"
    if isinstance(value, np.generic):
        return repr(value.item())
    kind: Any = type(value)
    if kind.__repr__ is object.__repr__:
        return f"{kind.__module__}.{kind.__qualname__}({describe(dict(getattr(value, '__dict__', {})))})"
    return repr(value)


def _code(code: CodeType) -> str:
    """What a function does, wherever it stands."""
    constants = [_code(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"


def describe_problem(problem: Any) -> str:
    """A problem by its size and a hash of its tables."""
    tables = {name: value for name, value in vars(problem).items() if not name.startswith("_")}
    return f"{problem!r} {_hash(*(f'{name}={describe(tables[name])}'.encode() for name in sorted(tables)))}"


def _hash(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]

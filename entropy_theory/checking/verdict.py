"""What a check comes to, and how it prints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from rich.console import RenderableType

from entropy_theory.brief import brief
from entropy_theory.checking.plaintext import printable
from entropy_theory.checking.stages import Stages

Outcome = Literal["proved", "holds", "refuted", "undecided"]


@dataclass(frozen=True)
class Environment:
    """How a claim fared on the table of one environment, over a few random policies.

    Attributes
    ----------
    label : str
    violated : bool or None
        None if no policy met the assumption.
    worst : float
        Smallest rhs - lhs, or largest |lhs - rhs|.
    certified : bool
        Whether balls decided it; the largest tables are evaluated in floats only.
    """

    label: str
    violated: bool | None
    worst: float
    certified: bool


@dataclass(frozen=True)
class Verdict:
    """The outcome of checking one claim.

    Attributes
    ----------
    claim : str
        Its name.
    reading : str
        ``"printed"`` or ``"corrected"``.
    kind : str
        ``"identity"``, ``"inequality"`` or ``"order"``.
    statement : str
        The claim in LaTeX.
    outcome : str
        ``"refuted"``: balls exclude it at `counterexample`. ``"holds"``: no counterexample in so many instances.
        ``"undecided"``: neither; `message` says why. ``"proved"``: decided for every instance of the domain.
    instances, admitted : int
        Drawn, and of these in the domain and meeting the assumption.
    worst : float
        Inequality: smallest certified rhs - lhs. Identity: largest certified bound of ``|lhs - rhs|``. Order: lowest
        measured order.
    ratio : float
        Inequality: largest lhs / rhs met where both are positive: 1 means that equality is approached.
    tight : bool
        Whether the claim says that equality is attained or approached.
    counterexample : dict or None
        For each variable rational numbers as strings, nested like the array.
    certificate : dict or None
        The counterexample and the enclosures that decide it; ``entropy-theory recheck`` decides it again.
    environments : tuple of Environment
        How the claim fared on the tables of environments, for a claim on MDPs.
    boxes : int or None
        Boxes of the subdivision that proves the claim.
    remark : str
        What the claim says to its reader.
    message : str
        What a reader should know beside: why undecided, how rarely the assumption was met.
    error : bool
        Whether the claim's own functions failed.
    sample : tuple of pairs
        (lhs, rhs) at some random instances, for `plot`. Not part of the JSON form.
    seconds : float
        Time taken. It and the times of `stages` are all that differs between runs.
    stages : Stages or None
        Where that time went, and how much was done in each stage. Not part of the JSON form, so None for a verdict read
        from a file, and for a claim whose functions failed.
    """

    claim: str
    reading: str
    kind: str
    statement: str
    outcome: Outcome
    instances: int
    admitted: int
    worst: float = math.nan
    ratio: float = math.nan
    tight: bool = False
    counterexample: dict[str, Any] | None = None
    certificate: dict[str, Any] | None = None
    environments: tuple[Environment, ...] = ()
    boxes: int | None = None
    remark: str = ""
    message: str = ""
    error: bool = False
    sample: tuple[tuple[float, float], ...] = field(default=(), compare=False, repr=False)
    seconds: float = field(default=0.0, compare=False)
    stages: Stages | None = field(default=None, compare=False, repr=False)

    @property
    def share_admitted(self) -> float:
        """Share of the drawn instances that meet the assumption."""
        return self.admitted / self.instances if self.instances else 0.0

    def to_json(self) -> dict[str, Any]:
        """The verdict as a dictionary of JSON values; an infinite number is "inf", an undefined one null.

        Returns
        -------
        dict
        """
        beyond = self.claim.startswith("beyond/")
        claim, slash, part = (self.claim, "", "") if beyond else self.claim.partition("/")
        return {
            "claim": claim,
            "part": part if slash else None,
            "reading": self.reading,
            "kind": self.kind,
            "statement": self.statement,
            "outcome": self.outcome,
            "instances": self.instances,
            "admitted": self.admitted,
            "worst": _number(self.worst),
            "ratio": _number(self.ratio),
            "tight": self.tight,
            "counterexample": self.counterexample,
            "certificate": self.certificate,
            "environments": [
                {
                    "label": e.label,
                    "violated": e.violated,
                    "worst": _number(e.worst),
                    "certified": e.certified,
                }
                for e in self.environments
            ],
            "boxes": self.boxes,
            "remark": self.remark,
            "message": self.message,
            "error": self.error,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Verdict:
        """The verdict that `to_json` wrote.

        Parameters
        ----------
        data : dict

        Returns
        -------
        Verdict

        Raises
        ------
        ValueError
            If a field is missing or what no verdict can hold, or if other fields contradict the outcome.
        """
        if not isinstance(data, dict):
            raise ValueError(f"it is {brief(data)}, expected an object with the fields of a verdict")
        _check_fields(data, _FIELDS)
        if extra := sorted(set(data) - set(_FIELDS)):
            raise ValueError(f"{extra[0]} is no field of a verdict, expected {', '.join(_FIELDS)}")
        for entry in data["environments"]:
            if not isinstance(entry, dict):
                raise ValueError(f"environments holds {brief(entry)}, expected objects")
            _check_fields(entry, _ENVIRONMENT)
        for name, known in _WORDS.items():
            if data[name] not in known:
                raise ValueError(f"{name} is {brief(data[name])}, expected one of {', '.join(known)}")
        environments = tuple(
            Environment(e["label"], e["violated"], _float("worst", e["worst"]), e["certified"])
            for e in data["environments"]
        )
        fields = {k: v for k, v in data.items() if k not in ("claim", "part", "environments")}
        fields |= {k: _float(k, data[k]) for k in ("worst", "ratio")}
        fields["message"] = printable(data["message"])
        name = data["claim"] if data["part"] is None else f"{data['claim']}/{data['part']}"
        out = cls(claim=name, environments=environments, **fields)
        _check_whole(out)
        return out

    def lines(self) -> Iterator[tuple[str, str]]:
        """What there is to say, in the order in which it is read.

        Yields
        ------
        label, text : str
        """
        if self.statement:
            yield "statement", self.statement
        yield "outcome", self.outcome
        if self.counterexample is not None:
            for name, value in self.counterexample.items():
                yield f"counterexample {name}", plain(value)
            evidence = (self.certificate or {}).get("evidence") or {}
            for name, value in evidence.items():
                yield name.replace("_", " "), plain(value)
        if not math.isnan(self.worst) and self.outcome != "refuted":
            label = {
                "identity": "largest certified residual",
                "order": "lowest measured order",
            }.get(self.kind, "smallest rhs - lhs")
            yield label, f"{self.worst:.6g}"
        if self.tight and not math.isnan(self.ratio):
            yield "largest lhs / rhs", f"{self.ratio:.6f} (1 is equality)"
        yield (
            "instances",
            f"{self.instances:,}, of which {self.admitted:,} admitted ({self.share_admitted:.1%})",
        )
        for e in self.environments:
            verdict = "assumption not met" if e.violated is None else "violated" if e.violated else "holds"
            yield e.label, f"{verdict}, worst {e.worst:.3g}{'' if e.certified else ' (floats)'}"
        if self.remark:
            yield "remark", self.remark
        if self.message:
            yield "note", self.message

    def plot(self) -> Any:
        """A Matplotlib figure: the two sides at random instances, or the remainder of an order against its step.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        ValueError
            If there is nothing to draw, as for a verdict read from JSON or an order that holds.
        """
        from entropy_theory.figures import verdict

        title = f"{self.claim} ({self.reading}): {self.outcome}"
        evidence = (self.certificate or {}).get("evidence") or {}
        if self.kind == "order" and "steps" in evidence:
            return verdict.draw_remainder(title, evidence)
        if not self.sample:
            what = "an order that is not refuted" if self.kind == "order" else "a verdict read from a file"
            raise ValueError(f"the verdict on {self.claim!r} holds nothing to draw: it is {what}")
        return verdict.draw_sides(title, self.sample, self.kind == "identity", refuted=self.outcome == "refuted")

    # The forms stand above the verdict that they print, and are read on demand.

    def __str__(self) -> str:
        from entropy_theory.checking import forms

        return forms.as_text(self)

    def __repr__(self) -> str:
        from entropy_theory.checking import forms

        return f"Verdict({forms.in_a_line(self)})"

    def __rich__(self) -> RenderableType:
        from entropy_theory.checking import forms

        return forms.as_rich(self)

    def _repr_html_(self) -> str:
        from entropy_theory.checking import forms

        return forms.as_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


_FIELDS: dict[str, Any] = {
    "claim": str,
    "part": str | None,
    **dict.fromkeys(("reading", "kind", "statement", "outcome"), str),
    **dict.fromkeys(("instances", "admitted"), int),
    **dict.fromkeys(("worst", "ratio"), float | int | str | None),
    "tight": bool,
    **dict.fromkeys(("counterexample", "certificate"), dict | None),
    "environments": list,
    "boxes": int | None,
    **dict.fromkeys(("remark", "message"), str),
    "error": bool,
}

_ENVIRONMENT: dict[str, Any] = {
    "label": str,
    "violated": bool | None,
    "worst": float | int | str | None,
    "certified": bool,
}

_IN_WORDS = {
    str: "a string",
    str | None: "a string or null",
    int: "an integer",
    int | None: "an integer or null",
    float | int | str | None: 'a number, "inf", "-inf" or null',
    bool: "true or false",
    bool | None: "true, false or null",
    dict | None: "an object or null",
    list: "a list",
}

_WORDS = {
    "reading": ("printed", "corrected"),
    "kind": ("identity", "inequality", "order"),
    "outcome": get_args(Outcome),
}


def _check_fields(data: dict[str, Any], fields: dict[str, Any]) -> None:
    for name, kind in fields.items():
        if name not in data:
            raise ValueError(f"{name} is missing, expected {_IN_WORDS[kind]}")
        value = data[name]
        truth = kind in (bool, bool | None)
        if not isinstance(value, kind) or (isinstance(value, bool) and not truth):
            raise ValueError(f"{name} is {brief(value)}, expected {_IN_WORDS[kind]}")


def _float(name: str, value: Any) -> float:
    """What `_number` wrote."""
    if isinstance(value, str) and value not in ("inf", "-inf"):
        raise ValueError(f"{name} is {brief(value)}, expected {_IN_WORDS[_ENVIRONMENT['worst']]}")
    try:
        return math.nan if value is None else float(value)
    except OverflowError:
        raise ValueError(f"{name} is an integer beyond the range of floats, expected a float") from None


def _check_whole(verdict: Verdict) -> None:
    """Refuse an outcome that its own fields contradict."""
    said = f"the outcome of {verdict.claim} ({verdict.reading}) is {brief(verdict.outcome)}"
    for name in ("counterexample", "certificate"):
        if verdict.outcome == "refuted" and getattr(verdict, name) is None:
            raise ValueError(f"{said} without a {name}, expected one")
        if verdict.outcome != "refuted" and getattr(verdict, name) is not None:
            raise ValueError(f"{said} with a {name}, expected null")
    if verdict.outcome == "proved" and (verdict.boxes is None or verdict.boxes < 1):
        raise ValueError(f"{said} with boxes {verdict.boxes}, expected an integer >= 1")
    if verdict.outcome != "proved" and verdict.boxes is not None:
        raise ValueError(f"{said} with boxes {verdict.boxes}, expected null")
    if not 0 <= verdict.admitted <= verdict.instances:
        raise ValueError(f"{said} with {verdict.admitted} of {verdict.instances} instances admitted, expected 0 to all")
    if verdict.outcome not in ("holds", "proved"):
        return
    if verdict.error or not verdict.admitted:
        found = "an error" if verdict.error else "no instance admitted"
        raise ValueError(f"{said} with {found}, expected 'undecided'")
    if verdict.kind == "inequality" and verdict.worst < 0:
        raise ValueError(f"{said} with worst {verdict.worst:g}, expected a smallest rhs - lhs >= 0")


def plain(value: Any) -> str:
    """Nested lists of strings as ``(9/10, 1/10)``."""
    if isinstance(value, list):
        return f"({', '.join(plain(x) for x in value)})"
    return str(value)


def _number(x: float) -> float | str | None:
    """A JSON value: infinities as strings, what is undefined as null."""
    return None if math.isnan(x) else x if math.isfinite(x) else str(x)

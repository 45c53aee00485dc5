"""What a check comes to, and how it prints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from rich.console import RenderableType

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
        Time taken; the one field that differs between runs.
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
            If an entry is what no verdict can hold.
        """
        for name, kind in _FIELDS.items():
            if not isinstance(data[name], kind) or (kind is int and isinstance(data[name], bool)):
                raise ValueError(f"{name} is {data[name]!r}, expected {kind}")
        if data["outcome"] not in get_args(Outcome):
            raise ValueError(f"outcome is {data['outcome']!r}, expected one of {', '.join(get_args(Outcome))}")
        fields = {k: v for k, v in data.items() if k not in ("claim", "part", "environments")}
        fields["worst"] = math.nan if data["worst"] is None else float(data["worst"])
        fields["ratio"] = math.nan if data["ratio"] is None else float(data["ratio"])
        environments = tuple(
            Environment(
                e["label"],
                e["violated"],
                math.nan if e["worst"] is None else float(e["worst"]),
                e["certified"],
            )
            for e in data["environments"]
        )
        name = data["claim"] if data["part"] is None else f"{data['claim']}/{data['part']}"
        return cls(claim=name, environments=environments, **fields)

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
        return verdict.draw_sides(title, self.sample, self.kind == "identity")

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
    **dict.fromkeys(("claim", "reading", "kind", "statement", "outcome", "remark", "message"), str),
    **dict.fromkeys(("instances", "admitted"), int),
    **dict.fromkeys(("counterexample", "certificate"), dict | None),
    **dict.fromkeys(("tight", "error"), bool),
    "environments": list,
    "boxes": int | None,
}


def plain(value: Any) -> str:
    """Nested lists of strings as ``(9/10, 1/10)``."""
    if isinstance(value, list):
        return f"({', '.join(plain(x) for x in value)})"
    return str(value)


def _number(x: float) -> float | str | None:
    """A JSON value: infinities as strings, what is undefined as null."""
    return None if math.isnan(x) else x if math.isfinite(x) else str(x)

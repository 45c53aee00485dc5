"""What an experiment found: numbers with confidence intervals, beside the paper's and the source's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy import stats

Array = np.ndarray[Any, Any]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over independent seeds, with the 95 % interval of Student's t.

    Attributes
    ----------
    mean, low, high : float
    samples : tuple of float
        One number a seed.
    """

    mean: float
    low: float
    high: float
    samples: tuple[float, ...]

    @classmethod
    def of(cls, samples: Iterable[float]) -> Estimate:
        """The estimate from one number a seed; of equal numbers, or a single one, the interval is that number."""
        values = np.array([float(x) for x in samples])
        if not values.size or not np.isfinite(values).all():
            raise ValueError(f"samples is {values.tolist()!r}, expected at least one number, all finite")
        mean = float(values.mean())
        if values.size == 1 or (values == values[0]).all():
            return cls(mean, mean, mean, tuple(values.tolist()))
        low, high = stats.t.interval(CONFIDENCE, values.size - 1, loc=mean, scale=stats.sem(values))
        return cls(mean, float(low), float(high), tuple(values.tolist()))

    def above(self, bound: float) -> bool | None:
        """Whether the interval lies above `bound`; None if it straddles it."""
        return True if self.low > bound else False if self.high < bound else None

    def below(self, bound: float) -> bool | None:
        """Whether the interval lies below `bound`; None if it straddles it."""
        return True if self.high < bound else False if self.low > bound else None

    def within(self, low: float, high: float) -> bool | None:
        """Whether the interval lies within [low, high]; False if it lies outside, None if it straddles an end."""
        if low <= self.low and self.high <= high:
            return True
        return False if self.high < low or self.low > high else None

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.mean:.4g}"
        digits = max(0, min(6, 2 - int(np.floor(np.log10(self.high - self.low)))))
        if max(abs(self.low), abs(self.high)) < 1e-4 or abs(self.mean) >= 1e5:
            return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"
        return f"{self.mean:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def every(*answers: bool | None) -> bool | None:
    """Whether all hold: False as soon as one fails, None if one is open."""
    return False if False in answers else None if None in answers else True


@dataclass(frozen=True)
class Row:
    """One finding: the paper's sentence, what its source reports, what the model gives.

    Attributes
    ----------
    statement : str
        What is said, in a few words.
    paper, source : str
        What the paper reports, and what its source (arXiv:2505.22617) reports; "-" where nothing.
    model : dict of str to Estimate
        What the model gives.
    criterion : str
        What would count as the same finding; empty where the row only measures.
    agrees : bool or None
        Whether the model meets the criterion; None where the intervals leave it open or there is none.
    remark : str
        What the reader should know about it.
    """

    statement: str
    paper: str
    source: str
    model: dict[str, Estimate]
    criterion: str = ""
    agrees: bool | None = None
    remark: str = ""

    @property
    def outcome(self) -> str:
        """``reproduced``, ``not reproduced``, ``open`` or ``measured``."""
        if not self.criterion:
            return "measured"
        return {True: "reproduced", False: "not reproduced", None: "open"}[self.agrees]


@dataclass(frozen=True)
class Result:
    """An experiment's findings.

    Attributes
    ----------
    name, title : str
    setting : dict
        Every number that the run depends on.
    rows : tuple of Row
    curves : dict of str to nested lists of numbers
        What the figure shows.
    origin : dict
        What the result was made by, see `simulations.origin_of`.
    """

    name: str
    title: str
    setting: dict[str, Any]
    rows: tuple[Row, ...]
    curves: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The result as JSON; the same run gives the same text. Curves are rounded to six digits."""
        data = asdict(self)
        data["rows"] = [{**asdict(row), "outcome": row.outcome} for row in self.rows]
        data["curves"] = _plain(self.curves)
        return json.dumps(data, indent=1, allow_nan=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Result:
        """The result that `to_json` wrote."""
        data = json.loads(text)
        rows = []
        for row in data.pop("rows"):
            row.pop("outcome")
            model = {k: Estimate(**{**v, "samples": tuple(v["samples"])}) for k, v in row.pop("model").items()}
            rows.append(Row(**row, model=model))
        return cls(**data, rows=tuple(rows))


def _plain(value: Any) -> Any:
    """Nested lists of numbers of six digits."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(v) for v in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, str | bool | int | None):
        return value
    return float(f"{float(value):.6g}")

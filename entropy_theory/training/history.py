"""The history of a training run: arrays by record, and one file that explains itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from entropy_theory.brief import brief
from entropy_theory.files import read_arrays, write_whole
from entropy_theory.markup import grid, pairs
from entropy_theory.markup import text as words

Array = np.ndarray[Any, Any]

QUANTILE_LEVELS = (0.02, 0.2, 0.5, 0.8, 0.98, 0.998, 0.9998)
"""Levels of the recorded quantiles of token-wise covariance."""

MEANING = {
    "step": "number of updates made before the record",
    "objective": "expected reward J of the policy, exact",
    "entropy": "mean entropy sum_s d(s) H_s, Eq. (4), exact, nats",
    "state_entropy": "entropy H_s of each state, nats (records, S); no columns if it was not asked for",
    "entropy_change": "change of the mean entropy, Eq. (4), by the update of this step, exact, nats",
    "predicted_entropy_change": "<grad of the mean entropy, dz>, through the visitation too, nats",
    "state_entropy_change": "sum_s d(s) [H_s(z + dz) - H_s(z)], the visitation held, nats",
    "covariance": "sum_s d(s) Cov_p(log p, dz), minus the first order of state_entropy_change, Eq. (8), nats",
    "covariance_quantiles": "quantiles of C(s,a) = (log p - E log p)(A - E A), exact advantage A, over tokens s ~ d, "
    "a ~ p (records, levels)",
    "positive_share": "share of tokens s ~ d, a ~ p with C(s,a) > 0",
    "gradient_norm": "Euclidean norm of grad J",
    "kl_to_start": "sum_s w(s) KL(p_s || p0_s), the divergence of whole episodes from the first policy, in an MDP "
    "discounted, nats",
    "selected": "share of the tokens of this update that the control selected",
    "margin": "stability margin of the direction of this update: step size at which sum_s d(s) KL_s reaches the bound",
    "batch_reward": "mean reward of the sampled responses of this update",
    "batch_covariance_quantiles": "quantiles over the tokens of this update of (log p - mean)(advantage - mean), means "
    "over those tokens (records, levels)",
    "batch_positive_share": "share of the tokens of this update whose covariance with batch means is positive",
    "logits": "logits of the last policy",
}
"""What each array of a history is; nan where a record has no such number."""

COLUMNS = {
    "objective": "reward J",
    "entropy": "entropy",
    "covariance": "covariance",
    "kl_to_start": "KL to start",
    "gradient_norm": "norm of grad J",
    "selected": "selected",
}
"""What a history shows of itself, with its heading."""

SHOWN = 8
"""Records that it shows at most."""


@dataclass(frozen=True, eq=False)
class History:
    """What `train` recorded: one entry a record, at the policy before the update of that step.

    The last record is the last policy, which no update follows: what belongs to an update is nan there. What belongs
    to sampled tokens is nan in an exact run, and the margin where it was not asked for.

    Attributes
    ----------
    step : int array (R,)
        Number of updates made before the record.
    objective : array (R,)
        Exact expected reward J.
    entropy : array (R,)
        Exact mean entropy ``sum_s d(s) H_s``, Eq. (4), in nats; in a token tree per token.
    state_entropy : array (R, S)
        Entropy of each state; (R, 0) if it was not asked for.
    entropy_change, predicted_entropy_change : array (R,)
        Change of the mean entropy by the update dz of this step, and its first order ``<grad, dz>``.
    state_entropy_change, covariance : array (R,)
        The same with the visitation held: ``sum_s d(s) [H_s(z + dz) - H_s(z)]``, whose first order is minus ``sum_s
        d(s) Cov_p(log p, dz)``, Eq. (8).
    covariance_quantiles : array (R, Q)
        Quantiles at `quantile_levels` of ``C(s,a) = (log p - E log p)(A - E A)`` with the exact advantage, over tokens
        s ~ d, a ~ p.
    positive_share : array (R,)
        Share of those tokens with C > 0.
    gradient_norm : array (R,)
        ``||grad J||``.
    kl_to_start : array (R,)
        ``sum_s w(s) KL(p_s || p0_s)``: of whole responses, in an MDP discounted; in nats.
    selected : array (R,)
        Share of the tokens of this update that the control selected.
    margin : array (R,)
        Stability margin of the direction ``dz / eta``, weighted by d, in units of the step size.
    batch_reward, batch_covariance_quantiles, batch_positive_share : array (R,), (R, Q), (R,)
        Of the sampled tokens of this update, with means over them as the released implementations take them.
    logits : array
        Logits of the last policy.
    metadata : dict
        The arguments, the versions and the meaning of every array.
    """

    step: Array
    objective: Array
    entropy: Array
    state_entropy: Array
    entropy_change: Array
    predicted_entropy_change: Array
    state_entropy_change: Array
    covariance: Array
    covariance_quantiles: Array
    positive_share: Array
    gradient_norm: Array
    kl_to_start: Array
    selected: Array
    margin: Array
    batch_reward: Array
    batch_covariance_quantiles: Array
    batch_positive_share: Array
    logits: Array
    metadata: dict[str, Any]

    @property
    def quantile_levels(self) -> tuple[float, ...]:
        """Levels of the quantiles of covariance."""
        return tuple(self.metadata["quantile_levels"])

    def save(self, path: Any) -> Path:
        """Write the history as one NPZ file, whole or not at all; `numpy.load` reads it without this package.

        The entry ``metadata`` is JSON with the arguments of the run and the meaning and unit of every array. The same
        run gives the same bytes.

        Parameters
        ----------
        path : path
            Its name should end in ``.npz``.

        Returns
        -------
        pathlib.Path
        """
        target = Path(path)
        text = json.dumps(self.metadata, sort_keys=True)
        write_whole(target, lambda file: np.savez_compressed(file, metadata=np.array(text), **self.arrays()))
        return target

    @classmethod
    def load(cls, path: Any) -> History:
        """Read a file that `save` wrote.

        Parameters
        ----------
        path : path

        Returns
        -------
        History

        Raises
        ------
        ValueError
            If the file holds no history.
        """
        try:
            arrays = read_arrays(path)
            metadata = json.loads(arrays.pop("metadata").item())
            metadata["fields"]
            _check_columns(arrays, metadata)
            return cls(**arrays, metadata=metadata)
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            why = " ".join(str(error).split())
            raise ValueError(f"path is {brief(path)}, expected a file that History.save wrote: {why}") from None

    def arrays(self) -> dict[str, Any]:
        """Every array by name.

        Returns
        -------
        dict of str to array
        """
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "metadata"}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        mine, its = self.arrays(), other.arrays()
        same = all(np.array_equal(mine[k], its[k], equal_nan=True) for k in mine)
        return same and self.metadata == other.metadata

    __hash__ = None  # type: ignore[assignment]

    def plot(self) -> Any:
        """A Matplotlib figure: reward, entropy, divergence from the start and share of selected tokens by step.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            If Matplotlib is not installed.
        """
        from entropy_theory.figures import history

        return history.draw(self)

    def setting(self) -> Iterator[tuple[str, str]]:
        """Label and text of what was run, without the hashes that the metadata keep.

        Yields
        ------
        label, text : str
        """
        for name in ("problem", "control", "eta", "sampling", "updates", "margin", "seed"):
            text = re.sub(r" [0-9a-f]{16}\b", "", str(self.metadata.get(name, "None")))
            if text not in ("None", "1" if name == "updates" else ""):
                yield name, text.removesuffix(" ()") if name == "seed" else text
        shown = f", {SHOWN} shown" if self.step.size > SHOWN else ""
        yield "records", f"{self.step.size}{shown}, steps {self.step[0]} to {self.step[-1]}"

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The numbers of `COLUMNS` at the first, the last and some records between; a dash where there is none.

        Yields
        ------
        tuple of str
        """
        for i in sorted({*np.linspace(0, self.step.size - 1, SHOWN).round().astype(int).tolist()}):
            values = (float(getattr(self, name)[i]) for name in COLUMNS)
            yield (str(self.step[i]), *("-" if np.isnan(x) else f"{x:.4g}" for x in values))

    def __str__(self) -> str:
        setting = list(self.setting())
        width = max(len(label) for label, _ in setting)
        table = [("step", *COLUMNS.values()), *self.rows()]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        numbers = ("  ".join(f"{x:>{n}}" for x, n in zip(row, widths, strict=True)) for row in table)
        return "\n".join(["History", *(f"  {label:<{width}}  {text}" for label, text in setting), "", *numbers])

    def __repr__(self) -> str:
        first, last = self.step[0], self.step[-1]
        return (
            f"History({self.step.size} records, steps {first} to {last}: "
            f"J {self.objective[0]:.4g} -> {self.objective[-1]:.4g}, "
            f"entropy {self.entropy[0]:.4g} -> {self.entropy[-1]:.4g})"
        )

    def __rich__(self) -> RenderableType:
        setting = Table.grid(padding=(0, 2))
        setting.add_column(style="dim", no_wrap=True)
        setting.add_column(overflow="fold")
        for label, text in self.setting():
            setting.add_row(label, Text(text))
        numbers = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for name in ("step", *COLUMNS.values()):
            numbers.add_column(name, justify="right")
        for row in self.rows():
            numbers.add_row(*row)
        return Panel(Group(setting, numbers), title="History", title_align="left", expand=False)

    def _repr_html_(self) -> str:
        rows = [(label, words(text)) for label, text in self.setting()]
        for name in ("objective", "entropy"):
            rows.append(
                (
                    COLUMNS[name],
                    f'<td style="text-align:left">{_sparkline(COLUMNS[name], self.step, getattr(self, name))}</td>',
                )
            )
        return pairs("History", rows) + grid("Records", ("step", *COLUMNS.values()), self.rows())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def _check_columns(arrays: dict[str, Array], metadata: Any) -> None:
    """Raise a ValueError unless there is one number, or row of numbers, for each record."""
    known = {field.name for field in fields(History)} - {"metadata"}
    if arrays.keys() != known:
        raise ValueError(f"it holds {brief(sorted(arrays))}, expected {', '.join(sorted(known))}")
    records, levels = arrays["step"].size, len(metadata["quantile_levels"])
    wide = {"covariance_quantiles", "batch_covariance_quantiles"}
    for name, array in arrays.items():
        if array.dtype.kind not in ("iu" if name == "step" else "fiu"):
            raise ValueError(f"{name} has dtype {array.dtype}, expected numbers")
        shape = {**dict.fromkeys(wide, (records, levels)), "logits": array.shape}.get(name, (records,))
        if name == "state_entropy":
            shape = (records, *array.shape[1:2])
        if array.shape != shape or not records:
            raise ValueError(f"{name} has shape {array.shape}, expected {shape}, one entry for each record")


def _sparkline(label: str, step: Array, values: Array) -> str:
    """A small curve with its ends in figures, which a screen reader reads out."""
    width, height, most = 120, 24, 60
    chosen = np.unique(np.linspace(0, step.size - 1, most).round().astype(int))
    y = values[chosen]
    span = float(np.ptp(y)) or 1.0
    across = (step[chosen] - step[0]) / max(1, step[-1] - step[0]) * width
    down = 1 + (y.max() - y) / span * (height - 2)
    points = " ".join(f"{a:.0f},{b:.0f}" for a, b in zip(across, down, strict=True))
    ends = f"{values[0]:.4g} to {values[-1]:.4g}"
    return (
        f'{ends} <svg role="img" aria-label="{label} from {ends}" width="{width}" height="{height}" '
        f'style="vertical-align:middle"><polyline points="{points}" fill="none" stroke="currentColor"/></svg>'
    )

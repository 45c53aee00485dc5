"""`verify` and `verify_all`: the checker as Python functions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from entropy_theory.brief import brief
from entropy_theory.checking import campaign, forms
from entropy_theory.checking.claim import Claim, Reading
from entropy_theory.checking.guard import checked
from entropy_theory.checking.merge import check_seeds
from entropy_theory.checking.registry import paper_claims, select
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import BUDGET
from entropy_theory.progress import Report, reporting


class Verdicts(tuple[Verdict, ...]):
    """Several verdicts; prints as a table.

    Parameters
    ----------
    iterable : iterable of Verdict
    """

    __slots__ = ()

    def __str__(self) -> str:
        return forms.all_as_text(self)

    __repr__ = __str__

    def __rich__(self) -> RenderableType:
        return forms.all_as_rich(self)

    def _repr_html_(self) -> str:
        return forms.all_as_html(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def verify(
    claim: Claim | str, *, seed: int = 0, budget: int | None = None, reading: Reading = "printed"
) -> Verdict | Verdicts:
    """Check a claim of your own, or one of the paper's by name.

    Parameters
    ----------
    claim : Claim or str
        An `Inequality`, `Identity` or `Order`; or a name: ``"theorem-v.2/eq-16"`` for one part, ``"theorem-v.2"`` for
        all parts of a theorem in both readings.
    seed : int
        The same seed and budget give the same verdict.
    budget : int, optional
        Instances to draw.
    reading : "printed" or "corrected"
        For a name of one part that has both.

    Returns
    -------
    Verdict, or Verdicts (a tuple) for a name that covers several parts

    Raises
    ------
    ValueError
        If no claim has that name; it proposes the nearest ones.
    ClaimError
        If a function of the claim fails, or asks for more memory than there is.
    """
    if not isinstance(reading, str) or reading not in ("printed", "corrected"):
        raise ValueError(f"reading is {brief(reading)}, expected 'printed' or 'corrected'")
    size = BUDGET if budget is None else budget
    if isinstance(claim, Claim):
        return checked(claim, seed, size)
    if not isinstance(claim, str):
        raise ValueError(f"claim is {brief(claim)}, expected a claim or the name of one")
    chosen = select(paper_claims(), [claim])
    same = [c for c in chosen if c.name == claim]
    if same:
        return checked(next((c for c in same if c.reading == reading), same[0]), seed, size)
    return Verdicts(checked(c, seed, size) for c in chosen)


def verify_all(
    names: Iterable[str] = (),
    *,
    seed: int = 0,
    seeds: int = 1,
    budget: int | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    store: str | Path | None = None,
    progress: bool | Report | None = None,
) -> Verdicts:
    """Check every claim of the paper (or those named), both readings.

    Parameters
    ----------
    names : iterable of str
        Claims or parts; all if empty.
    seed : int
        As in `verify`.
    seeds : int
        Check each claim for so many seeds, `seed` and those that follow; its verdict is that over all of them.
    budget : int, optional
        As in `verify`.
    workers : int
        Processes; the verdicts do not depend on it.
    executor : concurrent.futures.Executor, optional
        Where to check, in place of processes of this machine: one of `concurrent.futures`, or of a cluster. It is not
        shut down.
    store : path, optional
        File, an SQLite database, in which each verdict is on the disk as soon as it is reached, and from which a later
        call with the same seed and budget goes on.
    progress : bool or callable, optional
        True shows a bar on standard error; a callable gets the verdicts reached and those to reach, one a claim and
        seed.

    Returns
    -------
    Verdicts

    Raises
    ------
    ValueError
        If no claim has one of the names, `store` cannot be read or written or is no file of verdicts, or the workers
        of `executor` have another version of the package.
    """
    for name, value, least in (("seed", seed, 0), ("seeds", seeds, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} is {brief(value)}, expected an integer >= {least}")
    if isinstance(names, str):
        names = (names,)
    try:
        wanted = [*names]
    except TypeError:
        raise ValueError(f"names is {brief(names)}, expected names of claims") from None
    check_seeds(range(seed, seed + seeds))
    claims = select(paper_claims(), wanted)
    if store is not None and not isinstance(store, str | os.PathLike):
        raise ValueError(f"store is {brief(store)}, expected the path of a file")
    path = None if store is None else Path(store)
    total = len(claims) * seeds
    with reporting(progress, total, "checking") as shown:
        done = 0

        def step(verdict: Verdict, seed: int, known: bool) -> None:
            nonlocal done
            done += 1
            shown(done, total)

        verdicts = campaign.run(
            claims,
            seeds=range(seed, seed + seeds),
            budget=budget,
            workers=workers,
            executor=executor,
            source="paper",
            store=path,
            step=step,
        )
    return Verdicts(verdicts)

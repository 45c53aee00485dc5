"""`verify` and `verify_all`: the checker as Python functions."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from entropy_theory.checking import campaign
from entropy_theory.checking.claim import Claim, Reading
from entropy_theory.checking.registry import paper_claims, select
from entropy_theory.checking.verdict import Verdict
from entropy_theory.checking.verify import BUDGET, check


class Verdicts(tuple[Verdict, ...]):
    """Several verdicts; prints as a table."""

    __slots__ = ()

    def __str__(self) -> str:
        width = max((len(v.claim) for v in self), default=0)
        return "\n".join(f"{v.claim:<{width}}  {v.reading:<9}  {v.outcome}" for v in self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(v.claim)}</td><td>{v.reading}</td><td>{v.outcome}</td></tr>"
            for v in self
        )
        return f"<table><tr><th>claim</th><th>reading</th><th>outcome</th></tr>{rows}</table>"


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
        If a function of the claim fails.
    """
    if reading not in ("printed", "corrected"):
        raise ValueError(f"reading is {reading!r}, expected 'printed' or 'corrected'")
    size = BUDGET if budget is None else budget
    if isinstance(claim, Claim):
        return check(claim, seed, size)
    if not isinstance(claim, str):
        raise ValueError(f"claim is {claim!r}, expected a claim or the name of one")
    chosen = select(paper_claims(), [claim])
    same = [c for c in chosen if c.name == claim]
    if same:
        return check(next((c for c in same if c.reading == reading), same[0]), seed, size)
    return Verdicts(check(c, seed, size) for c in chosen)


def verify_all(
    names: Iterable[str] = (),
    *,
    seed: int = 0,
    budget: int | None = None,
    workers: int = 1,
    store: str | Path | None = None,
) -> Verdicts:
    """Check every claim of the paper (or those named), both readings.

    Parameters
    ----------
    names : iterable of str
        Claims or parts; all if empty.
    seed, budget : int
        As in `verify`.
    workers : int
        Processes; the verdicts do not depend on it.
    store : path, optional
        File in which each verdict is kept as it is reached, and from which a later call goes on.
    """
    claims = select(paper_claims(), names)
    path = None if store is None else Path(store)
    return Verdicts(campaign.run(claims, seed=seed, budget=budget, workers=workers, source="paper", store=path))

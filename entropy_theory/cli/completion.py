"""What a shell proposes for the arguments of the commands."""

from __future__ import annotations

from entropy_theory.checking.registry import paper_claims


def claim_names(incomplete: str) -> list[str]:
    """Statements that begin so; once only one does, its parts as well."""
    names = list(dict.fromkeys(claim.name for claim in paper_claims()))
    statements = [s for s in dict.fromkeys(map(_statement, names)) if s.startswith(incomplete)]
    if len(statements) > 1:
        return statements
    return list(dict.fromkeys([*statements, *(name for name in names if name.startswith(incomplete))]))


def _statement(name: str) -> str:
    """``theorem-v.2`` of ``theorem-v.2/eq-16``; ``beyond/influence`` of ``beyond/influence/mean``."""
    return "/".join(name.split("/")[: 2 if name.startswith("beyond/") else 1])


def experiments(incomplete: str) -> list[tuple[str, str]]:
    """Experiments that begin so, with their titles."""
    from entropy_theory.simulations import SIMULATIONS

    return [(name, module.TITLE) for name, module in SIMULATIONS.items() if name.startswith(incomplete)]

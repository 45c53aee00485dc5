"""Descents go down from instances of any sizes side by side."""

from __future__ import annotations

import numpy as np

import entropy_theory as et
from entropy_theory.checking.search import Candidate, Harvest, descend, score

d = et.domains


def test_descents_start_from_several_sizes_at_once() -> None:
    claim = et.Inequality(
        name="entropy-below-log-n",
        given={"z": d.logits((2, 5))},
        lhs=et.entropy,
        rhs=lambda z: np.log(et.exact(z.shape[-1])) * et.exact(3, 2),
    )
    rng = np.random.default_rng(0)
    starts = []
    for actions in (5, 2, 4, 2, 5):
        z = rng.normal(scale=3, size=(1, actions))
        _, merit, slack = score(claim, {"z": z})
        starts.append(Candidate({"z": z[0]}, float(merit[0]), float(slack[0])))
    harvest = Harvest()
    found = descend(claim, starts, harvest, rng)
    assert harvest.admitted == harvest.instances > 0
    for start in starts:
        (actions,) = start.leaves["z"].shape
        # At the uniform policy the slack is log(n) / 2 beside sides of log(n) and 3 log(n) / 2.
        reached = min(c.merit for c in found if c.leaves["z"].shape == (actions,))
        assert abs(reached - 0.2) < 1e-8

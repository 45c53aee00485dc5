"""Section VIII.B(c): the entropy level as the strength of a control sets it.

The source's Fig. 12 says that more clipping in Clip-Cov, and a larger coefficient in KL-Cov, give higher entropy. Each
of three strengths is varied alone here: the share r of tokens that Clip-Cov may take out, at most all that lie in its
band (0 is its PPO clip alone), the coefficient beta of KL-Cov at a share of 0.2 (0 is no control), and the share k of
KL-Cov at beta = 1 (0 is no control). The source does not vary k.

Higher entropy after the same number of updates may only mean slower learning, since a policy that has learnt less has
more entropy left. So the entropy is also compared at equal reward, the largest that all runs from one start reach.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from entropy_theory.controls import ClipCov, ClipHigher, Control, KLCov, PolicyGradient
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL, SMALL, Report, Setting, pieces

Array = np.ndarray[Any, Any]
Measured = dict[str, list[Array]]
"""By scan: for each strength one number a seed."""

NAME = "entropy-level"
TITLE = "The entropy level against the strength of a control"

_RECORDS = 8
_SHARE, _BETA = 0.2, 1.0
_WORDS = {
    "r": "share r of Clip-Cov",
    "beta": f"coefficient beta of KL-Cov (k = {_SHARE:g})",
    "k": f"share k of KL-Cov (beta = {_BETA:g})",
}
STRENGTHS = {
    "r": (0.0, 2e-4, 2e-3, 2e-2, 0.1, 0.3),
    "beta": (0.0, 0.1, 0.3, 1.0, 3.0),
    "k": (0.0, 2e-4, 2e-3, 2e-2, 0.2),
}
"""Each scan from weak to strong."""
_FIRST = {"r": 1, "beta": 0, "k": 1}
"""Where the comparison of neighbours begins: before it is the reference without the control."""


def scans() -> dict[str, list[Control]]:
    """The controls of each scan, one a strength."""
    r, beta, k = (STRENGTHS[name] for name in ("r", "beta", "k"))
    return {
        "r": [ClipCov.preset("cui2025", fraction=x) if x else ClipHigher(0.2, 0.2) for x in r],
        "beta": [KLCov.preset("cui2025", fraction=_SHARE, beta=x) if x else PolicyGradient() for x in beta],
        "k": [KLCov.preset("cui2025", fraction=x, beta=_BETA) if x else PolicyGradient() for x in k],
    }


def repetition(setting: Setting, control: Control, seed: int, records: int) -> tuple[Array, Array]:
    """One run: reward and entropy along it."""
    run = setting.sampled(control, seed, records=records)
    return run.objective, run.entropy


def entropy_at(reward: Array, entropy: Array, level: float) -> float:
    """Entropy where the reward first reaches `level`, linear between records; at the last record if it never does."""
    reached = np.flatnonzero(reward >= level)
    i = int(reached[0]) if reached.size else reward.size - 1
    if i == 0 or not reached.size:
        return float(entropy[i])
    weight = (level - reward[i - 1]) / (reward[i] - reward[i - 1])
    return float(entropy[i - 1] + weight * (entropy[i] - entropy[i - 1]))


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    setting = {"full": FULL.changed(prompts=128, eta=20.0, steps=480), "small": SMALL.changed(steps=24)}[scale]
    setting = setting if seeds is None else setting.changed(seeds=seeds)
    records = _RECORDS if scale == "full" else 2
    runs = _gather(setting, records, workers, report)
    last: Measured = {name: [entropy[:, -1] for _, entropy in scan] for name, scan in runs.items()}
    reached = np.min([reward.max(-1) for scan in runs.values() for reward, _ in scan], axis=0)
    equal: Measured = {name: [_at_levels(*pair, reached) for pair in scan] for name, scan in runs.items()}
    rows = (
        _ends(last, "entropy at equal time", _FIXED_ENDS),
        _ends(equal, "entropy at equal reward", _EQUAL),
        *(_row(name, last, "entropy at equal time", _FIXED_OF[name]) for name in runs),
        *(_row(name, equal, "entropy at equal reward", _EQUAL_OF[name]) for name in runs),
        Row(
            statement="the equal reward: the largest that all runs from one start reach",
            paper="-",
            source="-",
            model={
                "reward": Estimate.of(reached),
                "at the start": Estimate.of(runs["r"][0][0][:, 0]),
            },
        ),
    )
    curves = {
        "strength": {name: list(values) for name, values in STRENGTHS.items()},
        "last": last,
        "equal": equal,
        "reward": {name: [reward[:, -1] for reward, _ in scan] for name, scan in runs.items()},
    }
    strengths = {name: list(values) for name, values in STRENGTHS.items()}
    return Result(NAME, TITLE, setting.described(scale=scale, strengths=strengths, records=records), rows, curves)


def _gather(
    setting: Setting, records: int, workers: int, report: Report | None
) -> dict[str, list[tuple[Array, Array]]]:
    """Reward and entropy, each (seeds, records), for each strength of each scan; equal controls are run once."""
    lists = scans()
    different = list(dict.fromkeys(control for scan in lists.values() for control in scan))
    todo = [(setting, control, seed, records) for control in different for seed in range(setting.seeds)]
    found = iter(pieces(repetition, todo, workers, report))
    of: dict[Control, tuple[Array, Array]] = {}
    for control in different:
        rewards, entropies = zip(*(next(found) for _ in range(setting.seeds)), strict=True)
        of[control] = np.array(rewards), np.array(entropies)
    return {name: [of[control] for control in scan] for name, scan in lists.items()}


def _at_levels(reward: Array, entropy: Array, levels: Array) -> Array:
    return np.array([entropy_at(*of_seed) for of_seed in zip(reward, entropy, levels, strict=True)])


_ONE_TOKEN = "A share of 2e-4 is one token of a batch here."
_BAND = (
    "r is the share of tokens that Clip-Cov may take out, at most all that lie in its band (0 is its PPO clip alone)."
)
_FIXED = {
    "paper": "cites the figure (Figs. 11, 12 of the source)",
    "source": "Fig. 12: more clipping (Clip-Cov) or a larger beta (KL-Cov) gives higher entropy",
}
_FIXED_ENDS = {**_FIXED, "source": f"{_FIXED['source']}; k is not varied there", "remark": _ONE_TOKEN}
_FIXED_OF = {
    "r": {**_FIXED, "remark": f"{_BAND} {_ONE_TOKEN}"},
    "beta": _FIXED,
    "k": {"paper": "-", "source": "-", "remark": _ONE_TOKEN},
}
_EQUAL = {
    "paper": "-",
    "source": "-",
    "remark": "Where this does not rise but the entropy at equal time does, the control only slows learning down.",
}
_EQUAL_OF = {"r": {**_EQUAL, "remark": f"{_BAND} {_EQUAL['remark']}"}, "beta": _EQUAL, "k": _EQUAL}


def _ends(measured: Measured, words: str, texts: dict[str, str]) -> Row:
    model = {
        f"{name} {STRENGTHS[name][-1]:g} minus {STRENGTHS[name][first]:g}": Estimate.of(
            measured[name][-1] - measured[name][first]
        )
        for name, first in _FIRST.items()
    }
    return Row(
        statement=f"{words}, strongest minus weakest",
        model=model,
        criterion="above 0 for each of the three strengths",
        agrees=every(*(estimate.above(0) for estimate in model.values())),
        **texts,
    )


def _row(name: str, measured: Measured, words: str, texts: dict[str, str]) -> Row:
    levels = [Estimate.of(samples) for samples in measured[name]]
    return Row(
        statement=f"{words} rises with the {_WORDS[name]}",
        model={f"{name} = {x:g}": level for x, level in zip(STRENGTHS[name], levels, strict=True)},
        criterion="each step up gives more entropy: intervals of the paired differences of neighbours above 0",
        agrees=every(*(Estimate.of(b - a).above(0) for a, b in pairwise(measured[name][_FIRST[name] :]))),
        **texts,
    )

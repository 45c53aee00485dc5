"""Section VIII.B(d) and VIII.C: does covariance control gain more from a confident start?

The paper explains the larger gain of the larger model by its more confident start, whose entropy collapses faster, and
by a covariance that "scales with model confidence". In the model the confidence of the start is the spread of its
logits, and everything else stays as it is: the same prompts, the same preferences, the same samples' seed. So the gain
can be measured against the confidence alone, paired by seed. A sharper start has another reward at the start too, and
that is part of what is varied.

The covariance needs no training. For two actions it is ``Cov(log p, pA) = 2 p^2 q^2 log(p / q)`` (claims
section-viii/confidence), which rises up to p = 0.74 and then falls: a confident policy has little left to lose. Here it
is taken of the starts on the tree.

The baseline of arXiv:2505.22617 is GRPO with PPO clipping. Its KL-Cov has no clipping, its Clip-Cov keeps it. A gain of
KL-Cov over that baseline is therefore the sum of two: dropping the clip, and the penalty. Both references are here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_theory.controls import ClipCov, ClipHigher, Control, KLCov, PolicyGradient
from entropy_theory.controls.tokens import Batch
from entropy_theory.estimators import GRPO
from entropy_theory.gradients import mean_entropy
from entropy_theory.problems import TokenTree
from entropy_theory.rollouts import draw_prompts, sample
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL, SMALL, Report, Setting, pieces
from entropy_theory.softmax import covariance, softmax
from entropy_theory.training import History

Array = np.ndarray[Any, Any]

NAME = "confidence"
TITLE = "The benefit of covariance control against the confidence of the start"

CONFIDENCES = (0.5, 1.0, 2.0, 4.0)
"""Starts that are trained: entropies from nearly uniform to about a third of that."""

STARTS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Starts whose covariance is taken."""

CONTROLS: dict[str, Control] = {
    "none": PolicyGradient(),
    "PPO clip": ClipHigher(0.2, 0.2),
    "clip-higher": ClipHigher(),
    "KL-Cov 0.002": KLCov.preset("cui2025"),
    "KL-Cov 0.2": KLCov.preset("skyrl"),
    "Clip-Cov 0.0002": ClipCov.preset("cui2025"),
}
"""The presets, and a share that is large enough to be felt in a batch of some thousand tokens."""

_RECORDS = 10
_AHEAD = 0.5
"""A prompt counts as solved if the policy answers it right more often than not."""


def repetition(setting: Setting, confidence: float, seed: int) -> dict[str, Any]:
    """Final reward, solved prompts and speed of the collapse from one start, under every control."""
    setting = setting.changed(confidence=confidence)
    tree, _, _ = setting.start(seed)
    runs = {
        name: setting.sampled(control, seed, records=_RECORDS if name == "none" else 1)
        for name, control in CONTROLS.items()
    }
    free = runs["none"]
    return {
        "objective": {name: float(run.objective[-1]) for name, run in runs.items()},
        "solved": {name: _solved(tree, run) for name, run in runs.items()},
        "collapse": lost_early(free.step, free.entropy),
    }


def _solved(tree: TokenTree, run: History) -> float:
    return float(tree.weights @ (tree.values(run.logits).v[: tree.prompts] > _AHEAD))


def lost_early(step: Array, entropy: Array) -> float:
    """Share of the entropy of the start that is lost in the first tenth of the run."""
    early = int(np.searchsorted(step, step[-1] / 10))
    return float(1 - entropy[early] / entropy[0])


def start(setting: Setting, confidence: float, seed: int) -> dict[str, float]:
    """Entropy and covariances of one start."""
    setting = setting.changed(confidence=confidence)
    tree, z, sample_seed = setting.start(seed)
    values = tree.values(z)
    return {
        "entropy": float(mean_entropy(tree, z)),
        "advantage": float((values.visitation * covariance(z, z, values.advantage)).sum()),
        "logit_change": float((values.visitation * covariance(z, z, softmax(z) * values.advantage)).sum()),
        "batch": _of_batch(setting, tree, z, np.random.default_rng(sample_seed)),
    }


def _of_batch(setting: Setting, tree: TokenTree, z: Array, rng: np.random.Generator) -> float:
    """Mean token-wise covariance of a sampled batch with the advantages of GRPO, as the implementations take it."""
    rollouts = sample(tree, z, draw_prompts(tree, setting.prompts, rng), setting.responses, rng)
    advantage = GRPO().advantages(rollouts)
    batch = Batch.of(z, rollouts.state.ravel(), rollouts.action.ravel(), advantage.ravel())
    return float(batch.tokens.covariance("batch", "advantage").mean())


def slope(confidences: Array, values: Array) -> float:
    """Least squares: change a unit of confidence."""
    away = confidences - confidences.mean()
    return float(away @ (values - values[0]) / (away @ away))


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    setting = {"full": FULL, "small": SMALL}[scale]
    setting = setting if seeds is None else setting.changed(seeds=seeds)
    every_seed = range(setting.seeds)
    trained = [(setting, c, seed) for c in CONFIDENCES for seed in every_seed]
    looked_at = [(setting, c, seed) for c in STARTS for seed in every_seed]
    total = len(trained) + len(looked_at)

    def after(before: int) -> Report | None:
        return None if report is None else lambda done, _: report(before + done, total)

    ends = pieces(repetition, trained, workers, after(0))
    begins = pieces(start, looked_at, workers, after(len(trained)))
    found = _Found(ends, begins, setting.seeds)
    described = setting.described(
        scale=scale, confidence=list(CONFIDENCES), controls=list(CONTROLS), starts=list(STARTS), solved_above=_AHEAD
    )
    return Result(NAME, TITLE, described, (*_gains(found), *_collapse(found)), found.curves())


class _Found:
    """The pieces by control and confidence, seeds on the first axis."""

    def __init__(self, ends: list[dict[str, Any]], begins: list[dict[str, float]], seeds: int) -> None:
        def table(numbers: list[float]) -> Array:
            return np.array(numbers).reshape(-1, seeds).T

        self.objective = {name: table([e["objective"][name] for e in ends]) for name in CONTROLS}
        self.solved = {name: table([e["solved"][name] for e in ends]) for name in CONTROLS}
        self.collapse = table([e["collapse"] for e in ends])
        self.start = {name: table([b[name] for b in begins]) for name in begins[0]}

    def gain(self, control: str, reference: str) -> Array:
        """Final reward less that of the reference with the same seed, shape (seeds, confidences)."""
        return np.asarray(self.objective[control] - self.objective[reference])

    def curves(self) -> dict[str, Any]:
        """What the picture shows."""
        return {
            "confidences": list(CONFIDENCES),
            "objective": self.objective,
            "solved": {name: table.mean(0) for name, table in self.solved.items()},
            "collapse": self.collapse,
            "starts": list(STARTS),
            "start": self.start,
        }


def _slopes(table: Array) -> Estimate:
    return Estimate.of(slope(np.array(CONFIDENCES), row) for row in table)


def _at(table: Array, confidence: float) -> Estimate:
    return Estimate.of(table[:, CONFIDENCES.index(confidence)])


def _gains(found: _Found) -> list[Row]:
    """Who gains over which reference, and whether more from a confident start."""
    low, high = CONFIDENCES[0], CONFIDENCES[-1]

    def row(control: str, reference: str, statement: str, paper: str, source: str, remark: str) -> Row:
        gain = found.gain(control, reference)
        slopes, at_high = _slopes(gain), _at(gain, high)
        model = {
            f"gain at confidence {low:g}": _at(gain, low),
            f"gain at {high:g}": at_high,
            "gain a unit of confidence": slopes,
        }
        if reference == "PPO clip" and control.startswith("KL-Cov"):
            model[f"of which dropping the clip, at {high:g}"] = _at(found.gain("none", reference), high)
        if reference == "none" and control.endswith("0.002"):
            model[f"more prompts solved, at {high:g}"] = _at(found.solved[control] - found.solved[reference], high)
        return Row(
            statement=statement,
            paper=paper,
            source=source,
            model=model,
            criterion=f"gain a unit of confidence above 0, and gain at {high:g} above 0",
            agrees=every(slopes.above(0), at_high.above(0)),
            remark=remark,
        )

    paper, source = "40.6 %, +2.0 (7B); 52.2 %, +6.4 (32B)", "40.6 against 38.6 (7B), 52.2 against 45.8 (32B), Table 2"
    return [
        row(
            "KL-Cov 0.002",
            "none",
            "KL-Cov gains over no control, and more from a confident start",
            paper,
            source,
            "Exact reward at the end of the run. Prompts share no parameters here: nothing is learnt from one for "
            "another.",
        ),
        row(
            "KL-Cov 0.002",
            "PPO clip",
            "KL-Cov gains over GRPO with PPO clipping, the source's baseline",
            paper,
            source,
            "The released KL-Cov does not clip, so the gain over this baseline contains that of dropping the clip, "
            "which is shown beside it.",
        ),
        row(
            "KL-Cov 0.2",
            "none",
            "KL-Cov with a hundred times the share gains over no control",
            "-",
            "-",
            "The share of the SkyRL implementation.",
        ),
        row(
            "Clip-Cov 0.0002",
            "PPO clip",
            "Clip-Cov gains over GRPO with PPO clipping",
            "better final accuracy for both methods (VIII.B(c)), no number for Clip-Cov",
            "40.4 against 38.6 (7B), 50.3 against 45.8 (32B), Table 2",
            "The released Clip-Cov clips as well. Of at most 6,144 tokens its share is one token.",
        ),
        row(
            "clip-higher",
            "PPO clip",
            "clip-higher gains over GRPO with PPO clipping",
            "not reported",
            "38.8 against 38.6 (7B), 47.2 against 45.8 (32B), Table 2",
            "No covariance is involved.",
        ),
    ]


def _collapse(found: _Found) -> list[Row]:
    """The explanation: confident starts collapse faster, since the covariance is larger there."""
    low, high = CONFIDENCES[0], CONFIDENCES[-1]
    faster = _slopes(found.collapse)
    trained = [STARTS.index(c) for c in CONFIDENCES]
    rises, model = [], {}
    for name, label in (("advantage", "Cov(log p, A)"), ("logit_change", "Cov(log p, pA)")):
        table = found.start[name][:, trained]
        rises += [Estimate.of(step).above(0) for step in np.diff(table, axis=1).T]
        model[f"{label}, confidence {high:g} over {low:g}"] = Estimate.of(table[:, -1] / table[:, 0])
        model[f"{label} is largest at"] = Estimate.of(np.array(STARTS)[found.start[name].argmax(1)])
    batch = found.start["batch"]
    model["GRPO batch is largest at"] = Estimate.of(np.array(STARTS)[batch.argmax(1)])
    return [
        Row(
            statement="confident starts suffer more from entropy collapse",
            paper="larger models suffer more severely since they are more confident",
            source="-",
            model={
                f"entropy lost in the first tenth, at {low:g}": _at(found.collapse, low),
                f"at {high:g}": _at(found.collapse, high),
                "more a unit of confidence": faster,
            },
            criterion="share of the entropy lost in the first tenth of the run: change a unit of confidence above 0",
            agrees=faster.above(0),
            remark="Without control. Relative to the entropy of the start, which is lower for a confident one.",
        ),
        Row(
            statement="the covariance scales with model confidence",
            paper="as discussed in Section IV",
            source="-",
            model=model,
            criterion="Cov(log p, A) and Cov(log p, pA) of the start rise from each trained confidence to the next",
            agrees=every(*rises),
            remark="Section IV has no such statement. For two actions 2 p^2 q^2 log(p/q) is largest at p = 0.74 "
            "(claims section-viii/confidence).",
        ),
    ]

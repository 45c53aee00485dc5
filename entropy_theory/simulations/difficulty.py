"""Section VIII.C, Figure 8 right of the source: do easier prompts have a higher covariance, and do confident policies?

The covariance of a prompt m is ``sum_s d(s|m) Cov_p(log p, y)``, d(s|m) the visitation of the states of its responses,
with ``y = A`` and with ``y = p A``, exact, and by the source's own estimate: the covariance of the length-normalised
log-probabilities of eight sampled responses with their GRPO advantages. (The mean over a prompt's tokens of the
released token-wise covariance is the same number, as the advantages of a prompt have mean zero.) It is set against the
chance of success of the prompt, and for the estimate against the share of the eight responses that are right.

A success chance of zero or one leaves no advantage, so that no covariance can rise with it all the way: a policy of two
actions has ``Cov(log p, p A) = 2 p^2 (1 - p)^2 log(p / (1 - p))``, p the chance of the right one, which is negative
below 1/2, largest at 0.74 and zero again at one. Which side of the peak the prompts are on can change in training.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from entropy_theory.controls import PolicyGradient
from entropy_theory.estimators import GRPO
from entropy_theory.problems import TokenTree
from entropy_theory.rollouts import sample
from entropy_theory.simulations.entropy_covariance import response_covariance
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL, SMALL, Report, Setting, pieces
from entropy_theory.softmax import covariance, entropy, softmax
from entropy_theory.training import Sampling, train

Array = np.ndarray[Any, Any]

NAME = "difficulty"
TITLE = "The covariance against the difficulty of the prompt"

STAGES = (0, 96, 200, 400)
"""Updates after which the prompts are measured."""
BINS = 8
"""Of the chance of success, of equal width."""

_SHORT = SMALL.changed(prompts=64, eta=16.0)
_SHORT_STAGES = (0, 8, 16)


def per_prompt(tree: TokenTree, z: Array) -> dict[str, Array]:
    """Chance of success of each prompt, its exact covariances and the mean entropy of its tokens, all (M,)."""
    values = tree.values(z)
    owner = np.concatenate([np.repeat(np.arange(tree.prompts), tree.vocabulary**t) for t in range(tree.horizon)])
    share = values.visitation / tree.weights[owner]

    def of_prompt(per_state: Array) -> Array:
        return np.bincount(owner, share * per_state, tree.prompts)

    return {
        "success": values.v[: tree.prompts],
        "A": of_prompt(covariance(z, z, values.advantage)),
        "pA": of_prompt(covariance(z, z, softmax(z) * values.advantage)),
        "entropy": of_prompt(entropy(z)),
    }


def sampled(tree: TokenTree, z: Array, responses: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Share of right responses and the source's estimate of the covariance, of each prompt that has right and wrong
    ones, shape (G,) both."""
    rollouts = sample(tree, z, np.arange(tree.prompts), responses, rng)
    rollouts = rollouts.take((rollouts.reward != rollouts.reward[:, :1]).any(-1))
    return rollouts.reward.mean(-1), response_covariance(rollouts, GRPO().of_rewards(rollouts.reward))


def repetition(setting: Setting, stages: tuple[int, ...], seed: int) -> list[dict[str, Any]]:
    """Rank correlations and means by bins, a dict a stage."""
    tree, z, sequence = setting.start(seed)
    drawn, *batches = sequence.spawn(1 + len(stages))
    rng = np.random.default_rng(drawn)
    sampling = Sampling(
        prompts=setting.prompts, responses=setting.responses, epochs=setting.epochs, filter_equal=setting.filter_equal
    )
    out, before = [], 0
    for stage, batch in zip(stages, batches, strict=True):
        steps = stage - before
        if steps:
            run = train(
                tree, PolicyGradient(), z, setting.eta, steps, sampling=sampling, record_every=steps, seed=batch
            )
            z, before = run.logits, stage
        out.append(_measured(per_prompt(tree, z), *sampled(tree, z, setting.responses, rng), setting.responses))
    return out


def _measured(exact: dict[str, Array], accuracy: Array, estimate: Array, responses: int) -> dict[str, Any]:
    success = exact["success"]
    place = np.minimum((success * BINS).astype(int), BINS - 1)
    right = np.rint(accuracy * responses).astype(int)
    return {
        "success, A": rank_correlation(success, exact["A"]),
        "success, pA": rank_correlation(success, exact["pA"]),
        "success, sampled": rank_correlation(accuracy, estimate),
        "confidence, A": rank_correlation(-exact["entropy"], exact["A"]),
        "confidence, pA": rank_correlation(-exact["entropy"], exact["pA"]),
        "bins": {y: sums(place, exact[y], BINS) for y in ("A", "pA")} | {"sampled": sums(right, estimate, responses)},
        "median": float(np.median(success)),
    }


def rank_correlation(x: Array, y: Array) -> float:
    """Spearman's; zero where one of them is constant."""
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(stats.spearmanr(x, y).statistic)


def sums(place: Array, values: Array, size: int) -> Array:
    """Sum of the values and their number at each place, shape (size, 2)."""
    return np.stack([np.bincount(place, values, size)[:size], np.bincount(place, minlength=size)[:size]], axis=-1)


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    setting, stages = {"full": (FULL, STAGES), "small": (_SHORT, _SHORT_STAGES)}[scale]
    setting = setting if seeds is None else setting.changed(seeds=seeds)
    todo = [(setting, stages, seed) for seed in range(setting.seeds)]
    found = pieces(repetition, todo, workers, report)
    first, later = [0], list(range(1, len(stages)))
    rows = (
        _easier(found, stages, first),
        _easier(found, stages, later),
        _confident(found, stages),
        _peak(found),
    )
    described = setting.changed(steps=stages[-1]).described(scale=scale, control="none", stages=list(stages))
    return Result(NAME, TITLE, described, rows, _curves(found, stages))


_READINGS = {"success, A": "exact, A", "success, pA": "exact, p A", "success, sampled": "sampled"}


def _at(found: list[list[dict[str, Any]]], stage: int, name: str) -> Estimate:
    return Estimate.of(piece[stage][name] for piece in found)


def _easier(found: list[list[dict[str, Any]]], stages: tuple[int, ...], which: list[int]) -> Row:
    model = {f"{label}, update {stages[i]}": _at(found, i, name) for i in which for name, label in _READINGS.items()}
    start = which == [0]
    sampled_ones = [_at(found, i, "success, sampled") for i in which]
    return Row(
        statement="easier prompts have a higher covariance, " + ("at the start" if start else "later in training"),
        paper="-",
        source="easier prompts have a higher covariance (Fig. 8 right)",
        model=model,
        criterion="rank correlation of the source's estimate (sampled) with the share of right responses above 0"
        + ("" if start else ", at each stage"),
        agrees=every(*(estimate.above(0) for estimate in sampled_ones)),
        remark="Rank correlations over the prompts; the exact covariances against the chance of success, the sampled "
        "ones, of prompts with right and wrong responses among eight, against the share of right ones."
        if start
        else "The policies of the prompts share no parameters here. GRPO divides by the standard deviation of the "
        "group, which lifts the sampled covariance of prompts that are nearly always or nearly never solved.",
    )


def _confident(found: list[list[dict[str, Any]]], stages: tuple[int, ...]) -> Row:
    model = {f"p A, update {stage}": _at(found, i, "confidence, pA") for i, stage in enumerate(stages)}
    return Row(
        statement="the covariance scales with the confidence of the policy",
        paper="the covariance term scales with model confidence",
        source="-",
        model=model,
        criterion="rank correlation of minus the entropy and Cov(log p, p A) above 0 at each stage",
        agrees=every(*(estimate.above(0) for estimate in model.values())),
        remark="Over the prompts of one model. A policy that is certain has no covariance, as no advantage is left.",
    )


def _peak(found: list[list[dict[str, Any]]]) -> Row:
    centre = (np.arange(BINS) + 0.5) / BINS
    model = {}
    for y, label in (("A", "A"), ("pA", "p A")):
        peaks = []
        for piece in found:
            total = np.sum([stage["bins"][y] for stage in piece], axis=0)
            peaks.append(centre[np.argmax(_means(total))])
        model[label] = Estimate.of(peaks)
    return Row(
        statement="chance of success at which the covariance is largest",
        paper="-",
        source="-",
        model=model,
        remark="Middle of the bin of width 1/8 with the largest mean, all stages together. The covariance "
        "vanishes at both ends.",
    )


def _means(total: Array) -> Array:
    """Means from sums and numbers; of an empty bin minus infinity."""
    return np.where(total[:, 1] > 0, total[:, 0] / np.maximum(total[:, 1], 1), -np.inf)


def _curves(found: list[list[dict[str, Any]]], stages: tuple[int, ...]) -> dict[str, Any]:
    """Means by bins over the prompts of all seeds, as pairs (place, mean); rank correlations, an entry a seed."""
    curves: dict[str, Any] = {"stage": stages}
    for y in ("A", "pA", "sampled"):
        curves[y] = []
        for i in range(len(stages)):
            total = np.sum([piece[i]["bins"][y] for piece in found], axis=0)
            place = (np.arange(len(total)) + (0 if y == "sampled" else 0.5)) / len(total)
            seen = total[:, 1] > 0
            curves[y].append(np.stack([place[seen], _means(total)[seen]], axis=-1))
    curves["rank"] = {name: [[piece[i][name] for i in range(len(stages))] for piece in found] for name in _READINGS}
    return curves

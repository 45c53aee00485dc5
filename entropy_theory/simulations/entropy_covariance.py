"""Section VIII.B(a), Theorem IV.1: does the entropy fall by the covariance?

To first order and with the visitation held, the entropies change by ``-sum_s d(s) Cov_p(log p, dz)``, Eq. (8). What
tests that is the slope of the actual fall against the covariance, which should be one. A correlation over the course of
training tests little: it is blind to any constant factor, and any two quantities that rise and fall with the progress
of training have a high one. Two rows measure how little: the correlation with the covariance of *another* run, and the
correlation and the slope at step sizes at which the first order fails.

The averaged entropy of Eq. (4) is the entropy of whole responses over T. Its first order is a covariance of responses y
to a prompt, ``-Cov_y(log pi(y) / T, d log pi(y))``, d log pi(y) the change that the update brings about; with the
visitation held only part of it is left. The source plots an estimate at this level: length-normalised log-probabilities
of the sampled responses and their advantages, on policy. It has the form of Eq. (10) for a policy with a logit for each
response, which a step of size ``eta / (G T)`` on each of G prompts would move by that times ``pi(y) A(y)``. Here, as in
a language model, responses share the logits of their common prefixes, so that this is a stand-in for d log pi(y).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from entropy_theory.controls import PolicyGradient
from entropy_theory.estimators import GRPO
from entropy_theory.problems import TokenTree
from entropy_theory.rollouts import Rollouts
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL, SMALL, Report, Setting, pieces
from entropy_theory.softmax import covariance, softmax
from entropy_theory.training import History, Sampling, train

Array = np.ndarray[Any, Any]

NAME = "entropy-covariance"
TITLE = "The entropy change against the covariance"

FACTORS = (4, 8, 12, 16)
"""Step sizes beyond the setting's own, as multiples of it."""

_RECORDS = 34
"""Records of a run at most, each at the first update of a batch, which is on policy."""
_FEWER = 20
"""Records of a run with a larger step size, one a batch."""
_CURVES = ("step", "covariance", "held", "averaged", "response")


@dataclass(frozen=True)
class Watched(Sampling):
    """Sampling that notes covariances of each batch, under the policy that wrote it.

    `responses_seen` has for each batch the sums of `response_covariance` with pi A and with A, of GRPO, over the
    prompts that stay in it, and their number: those of which right and wrong responses were drawn. Of the other prompts
    A is zero, so these sums divided by the number of all prompts are the means over all. `exact` has the
    `exact_covariance` of the batches 0, `exact_every`, 2 `exact_every`, ...
    """

    exact_every: int = 1
    responses_seen: list[tuple[float, float, int]] = field(default_factory=list, repr=False, compare=False)
    exact: list[float] = field(default_factory=list, repr=False, compare=False)

    def collect(self, tree: TokenTree, z: Array, rng: np.random.Generator) -> Rollouts:
        rollouts = super().collect(tree, z, rng)
        if len(self.responses_seen) % self.exact_every == 0:
            self.exact.append(exact_covariance(tree, z))
        plain = GRPO().of_rewards(rollouts.reward)
        with_policy = np.exp(rollouts.log_prob.sum(-1)) * plain
        first, second = (float(response_covariance(rollouts, a).sum()) for a in (with_policy, plain))
        self.responses_seen.append((first, second, rollouts.groups))
        return rollouts


def exact_covariance(tree: TokenTree, z: Array) -> float:
    """``sum_s d(s) Cov_p(log p, p A)`` with the exact advantage: the covariance that the paper names."""
    values = tree.values(z)
    return float((values.visitation * covariance(z, z, softmax(z) * values.advantage)).sum())


def response_covariance(rollouts: Rollouts, change: Array) -> Array:
    """``Cov(log pi(y) / T, change)`` over the responses to each prompt, shape (G,); `change` has shape (G, K)."""
    normalised = rollouts.log_prob.mean(-1)
    centre = normalised - normalised.mean(-1, keepdims=True)
    return np.asarray((centre * (change - change.mean(-1, keepdims=True))).mean(-1))


def _recorded(setting: Setting, seed: int, between: int, exact_every: int = 1) -> tuple[History, Watched]:
    """A run with a record every `between` updates, and what was seen of its batches."""
    tree, z, sample_seed = setting.start(seed)
    watched = Watched(
        prompts=setting.prompts,
        responses=setting.responses,
        epochs=setting.epochs,
        filter_equal=setting.filter_equal,
        exact_every=exact_every,
    )
    run = train(
        tree,
        PolicyGradient(),
        z,
        setting.eta,
        setting.steps,
        sampling=watched,
        record_every=between,
        state_entropy=False,
        seed=sample_seed,
    )
    return run, watched


def repetition(setting: Setting, seed: int) -> dict[str, Any]:
    """One run: correlations and slopes over its updates, and its curves."""
    between = setting.steps // _records(setting)
    run, watched = _recorded(setting, seed, between, between // setting.epochs)
    # One update less than whole batches: the records go through the updates of a batch in turn.
    later, _ = _recorded(setting, seed, between - 1)
    step = run.step[:-1]
    held_covariance, held = run.covariance[:-1], -run.state_entropy_change[:-1]
    averaged, predicted = -run.entropy_change[:-1], -run.predicted_entropy_change[:-1]
    # A prompt that stays in the batch moves by a step of eta / (groups T), and is one of `prompts` in Eq. (4).
    scale = setting.eta / (setting.prompts * setting.horizon)
    with_policy, plain, groups = np.array(watched.responses_seen)[step // setting.epochs].T
    response = scale * with_policy / np.maximum(groups, 1)
    exact = np.array(watched.exact)
    return {
        **_fit("held", held_covariance, held),
        **_fit("averaged", held_covariance, averaged),
        **_fit("predicted", predicted, averaged),
        **_fit("held_later", later.covariance[:-1], -later.state_entropy_change[:-1]),
        **_fit("averaged_later", later.covariance[:-1], -later.entropy_change[:-1]),
        **_fit("response", response, averaged),
        **_fit("plain", scale * plain / np.maximum(groups, 1), averaged),
        "pearson_response_all": _pearson(with_policy, averaged),
        "pearson_plain_all": _pearson(plain, averaged),
        "pearson_exact_held": _pearson(exact, held),
        "pearson_exact_averaged": _pearson(exact, averaged),
        "step": step,
        "covariance": held_covariance,
        "held": held,
        "averaged": averaged,
        "response": response,
    }


def _records(setting: Setting) -> int:
    """A number of records that puts whole batches between them."""
    batches = setting.steps // setting.epochs
    return batches // -(-batches // _RECORDS)


def larger(setting: Setting, seed: int, factor: int) -> dict[str, float]:
    """Correlation and slope, visitation held, of a run with a larger step size."""
    records = min(_FEWER, setting.steps // setting.epochs)
    changed = setting.changed(eta=factor * setting.eta, steps=records * setting.epochs)
    run = changed.sampled(PolicyGradient(), seed, records=records)
    return _fit("held", run.covariance[:-1], -run.state_entropy_change[:-1])


def _fit(name: str, x: Array, y: Array) -> dict[str, float]:
    """Pearson's correlation, and the slope of least squares through the origin."""
    return {f"pearson_{name}": _pearson(x, y), f"slope_{name}": float((x * y).sum() / (x * x).sum())}


def _pearson(x: Array, y: Array) -> float:
    return float(stats.pearsonr(x, y).statistic)


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    setting = {"full": FULL, "small": SMALL}[scale]
    setting = setting if seeds is None else setting.changed(seeds=seeds)
    todo = [(1, seed) for seed in range(setting.seeds)]
    todo += [(factor, seed) for factor in FACTORS for seed in range(setting.seeds)]
    done = pieces(_piece, [(setting, *which) for which in todo], workers, report)
    found, more = done[: setting.seeds], done[setting.seeds :]
    by_factor = {f: [x for (g, _), x in zip(todo[setting.seeds :], more, strict=True) if g == f] for f in FACTORS}
    fits = {1: found, **by_factor}
    rows = (
        _own(found, "held"),
        _own(found, "averaged"),
        _phases(found),
        _exact(found),
        _predicted(found),
        _responses(found),
        _placebo(found),
        _steps(by_factor),
    )
    curves: dict[str, Any] = {name: [piece[name] for piece in found] for name in _CURVES}
    curves["step"] = found[0]["step"]
    curves["factor"] = list(fits)
    curves |= {
        f"{fit}_by_factor": [[piece[f"{fit}_held"] for piece in fits[f]] for f in fits] for fit in ("pearson", "slope")
    }
    return Result(
        NAME,
        TITLE,
        setting.described(scale=scale, control="none", factors=list(FACTORS), records=_records(setting)),
        rows,
        curves,
    )


def _piece(setting: Setting, factor: int, seed: int) -> dict[str, Any]:
    return repetition(setting, seed) if factor == 1 else larger(setting, seed, factor)


def _over_seeds(found: list[dict[str, Any]], name: str) -> Estimate:
    return Estimate.of(piece[name] for piece in found)


def _own(found: list[dict[str, Any]], which: str) -> Row:
    """The fall of the entropy against the covariance of the same update."""
    held = which == "held"
    pearson, slope = _over_seeds(found, f"pearson_{which}"), _over_seeds(found, f"slope_{which}")
    return Row(
        statement=("-dH" if held else "-dH of Eq. (4)") + " and Cov(log p, dz) move together in training",
        paper="near-identical curves, Pearson > 0.92 (Fig. 8 of the source)" if held else "not told apart from it",
        source="Fig. 8 shows similar trends; no correlation is given" if held else "-",
        model={"Pearson": pearson, "slope": slope},
        criterion="Pearson > 0.92 and slope within 0.9 to 1.1",
        agrees=every(pearson.above(0.92), slope.within(0.9, 1.1)),
        remark="Entropies of the states, averaged with the visitation held, at the first update of a batch, which is "
        "on policy as in the source. The covariance is that with the update "
        "itself, Eq. (8); the paper names pi A, which for one state and exact gradients is the same but for the "
        "factor eta."
        if held
        else "Eq. (4) also changes with the states that are visited, which the covariance leaves out.",
    )


def _phases(found: list[dict[str, Any]]) -> Row:
    return Row(
        statement="the same at all updates of a batch, on and off policy",
        paper="not told apart",
        source="on policy",
        model={
            "Pearson, visitation held": _over_seeds(found, "pearson_held_later"),
            "slope, visitation held": _over_seeds(found, "slope_held_later"),
            "Pearson, Eq. (4)": _over_seeds(found, "pearson_averaged_later"),
            "slope, Eq. (4)": _over_seeds(found, "slope_averaged_later"),
        },
        remark="Eight updates are made on each batch; the other rows look at the first of them.",
    )


def _exact(found: list[dict[str, Any]]) -> Row:
    return Row(
        statement="-dH against the exact Cov(log p, pA)",
        paper="near-identical curves, Pearson > 0.92 (Fig. 8 of the source)",
        source="-",
        model={
            "Pearson, visitation held": _over_seeds(found, "pearson_exact_held"),
            "Pearson, Eq. (4)": _over_seeds(found, "pearson_exact_averaged"),
        },
        remark="The paper's own term, averaged over the states as they are visited, A the exact advantage. The update "
        "has the sampled advantages of GRPO, weighs a state by its visits once more, and leaves prompts out whose "
        "responses earn the same.",
    )


def _predicted(found: list[dict[str, Any]]) -> Row:
    slope = _over_seeds(found, "slope_predicted")
    return Row(
        statement="the full gradient of Eq. (4) predicts its change",
        paper="-",
        source="-",
        model={"Pearson": _over_seeds(found, "pearson_predicted"), "slope": slope},
        criterion="slope within 0.9 to 1.1",
        agrees=slope.within(0.9, 1.1),
        remark="The corrected form of Theorem IV.1, with the entropy advantage: the covariance of log pi(y)/T and the "
        "change of log pi(y) over the responses y.",
    )


def _responses(found: list[dict[str, Any]]) -> Row:
    with_policy, plain = _over_seeds(found, "pearson_response"), _over_seeds(found, "pearson_plain")
    all_with_policy, all_plain = _over_seeds(found, "pearson_response_all"), _over_seeds(found, "pearson_plain_all")
    above = [pearson.above(0.92) for pearson in (with_policy, plain, all_with_policy, all_plain)]
    return Row(
        statement="the sampled covariance of whole responses follows -dH",
        paper="near-identical curves, Pearson > 0.92 (Fig. 8 of the source)",
        source="similar trends; length-normalised log-probabilities of responses, on policy",
        model={
            "Pearson with pi A": with_policy,
            "slope with pi A": _over_seeds(found, "slope_response"),
            "Pearson with A": plain,
            "slope with A": _over_seeds(found, "slope_plain"),
            "Pearson with pi A, over all prompts": all_with_policy,
            "Pearson with A, over all prompts": all_plain,
        },
        criterion="Pearson > 0.92 with pi A or with A, over the prompts of the batch or over all",
        agrees=True if True in above else None if None in above else False,
        remark="In units in which Eq. (10), with responses as the actions, predicts the slope 1 for pi A. Responses "
        "share the logits of their common prefixes, so an update moves log pi(y) by another amount than pi(y) A(y), "
        "in a ratio that changes as the policy sharpens. Over the batch: prompts of which right and wrong responses "
        "were drawn. Their number changes in training, and their eight responses show more spread in reward than the "
        "policy has. Over all: the other prompts count as zero.",
    )


def _placebo(found: list[dict[str, Any]]) -> Row:
    others = [
        _pearson(other["covariance"], piece["held"]) for piece, other in zip(found, found[1:] + found[:1], strict=True)
    ]
    other = Estimate.of(others)
    above = other.above(0.92)
    return Row(
        statement="a correlation above 0.92 supports Theorem IV.1",
        paper="strong empirical support",
        source="-",
        model={"Pearson with the covariance of another run": other},
        criterion="the covariance of another run, with other prompts and another start, stays below 0.92",
        agrees=None if above is None else not above,
        remark="Two quantities that rise and fall with the progress of training correlate, whether or not one "
        "determines the other. Each run is in two of the pairs, so the interval is not over independent samples.",
    )


def _steps(by_factor: dict[int, list[dict[str, Any]]]) -> Row:
    fits = {f: (_over_seeds(x, "pearson_held"), _over_seeds(x, "slope_held")) for f, x in by_factor.items()}
    return Row(
        statement="a correlation above 0.92 shows that the first order holds",
        paper="the correlation supports the proportionality under first-order approximation",
        source="-",
        model={
            name: estimate
            for f, (pearson, slope) in fits.items()
            for name, estimate in ((f"Pearson at {f} eta", pearson), (f"slope at {f} eta", slope))
        },
        criterion="at each step size with Pearson > 0.92 the slope is within 0.9 to 1.1",
        agrees=every(*(_implies(pearson.above(0.92), slope.within(0.9, 1.1)) for pearson, slope in fits.values())),
        remark="Visitation held, as in the first row, with larger step sizes.",
    )


def _implies(first: bool | None, second: bool | None) -> bool | None:
    """Whether the second holds if the first does; None where that is open."""
    if first is False or second is True:
        return True
    return False if first is True and second is False else None

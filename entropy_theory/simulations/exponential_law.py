"""Section VIII.C: is reward ``R = -a e^H + b`` in the course of training, and what does the theory say about it?

No law of that kind follows from Section IV. Along any path of policies the reward against ``e^H`` has a slope of its
own; with two actions, one right with probability p, it is ``-1 / (e^H log(p / (1 - p)))``, 1.26 in size at p = 0.6 and
0.14 at p = 0.999, see section-viii. Whether the slope is nearly constant for an average over many prompts of different
difficulty is a question for an experiment. Three things test the law beyond a good fit: a straight line in H, which has
as many coefficients, should do worse; the fit of the first steps should predict the rest; and the coefficient a of the
upper half of the entropies should be that of the lower half.

The model has no size. What stands for it is the confidence of the start: the paper takes larger models to be the more
confident ones. Whether confidence grows with size or with its logarithm is not known, so a line in the confidence
itself stands beside the line in its logarithm. Fits are over records at equal distances in updates, as those of the
source.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_theory.controls import PolicyGradient
from entropy_theory.simulations.law import FORMS, fit, reward_at, rmse, root_mean_square
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL, SMALL, Report, Setting, pieces

Array = np.ndarray[Any, Any]

NAME = "exponential-law"
TITLE = "Reward as an exponential function of entropy"

CONFIDENCES = (1.0, 1.5, 2.0, 3.0)
_EXPONENTIALS = np.exp(CONFIDENCES)
"""Sizes of which the confidence is the logarithm: a line in it is log-linear in them."""
MAIN = FULL.confidence
"""The confidence at which the law itself is judged, that of all other experiments."""
BEGINNING = 0.15
"""Share of the updates from which the rest is predicted."""
CLOSE = 0.02
"""What counts as a good prediction: twice the error of about 1 % that the source reports."""

_RECORDS = 40
# Half of the prompts, and half of the step size: a prompt learns as fast as with all.
_SCALES = {"full": FULL.changed(prompts=128, eta=FULL.eta / 2, steps=1200), "small": SMALL.changed(steps=40, seeds=2)}


def repetition(setting: Setting, seed: int) -> dict[str, Any]:
    """One run: its curve, the fits of all of it, of the beginning and of each half of the entropies."""
    run = setting.sampled(PolicyGradient(), seed, records=_RECORDS)
    step, reward, entropy = run.step, run.objective, run.entropy
    first = step <= BEGINNING * step[-1]
    whole = {form: fit(form, entropy, reward) for form in FORMS}
    early = {form: fit(form, entropy[first], reward[first]) for form in FORMS}
    return {
        "step": step,
        "reward": reward,
        "entropy": entropy,
        "whole": whole["exponential"],
        "early": early["exponential"],
        "fits": {form: rmse(form, c, entropy, reward) for form, c in whole.items()},
        "predicts": {form: rmse(form, c, entropy[~first], reward[~first]) for form, c in early.items()},
        "halves": halves(entropy, reward),
        **shares(step, reward, entropy),
    }


def halves(entropy: Array, reward: Array) -> float:
    """Coefficient a of the lower half of the entropies that a run passes through, over that of the upper half."""
    low, high = entropy.min(), entropy[0]
    middle = (low + high) / 2
    a = []
    for ends in ((low, middle), (middle, high)):
        levels = np.linspace(*ends, 25)
        a.append(fit("exponential", levels, reward_at(levels, entropy, reward))[0])
    return float(a[0] / a[1])


def shares(step: Array, reward: Array, entropy: Array) -> dict[str, Any]:
    """Shares of the entropy that a run uses up, of the reward that it gains, over the updates and at some points."""
    used = (entropy[0] - entropy) / (entropy[0] - entropy[-1])
    gained = (reward - reward[0]) / (reward[-1] - reward[0])
    return {
        "used": used,
        "gained": gained,
        "used_twelfth": float(np.interp(step[-1] / 12, step, used)),
        "gained_twelfth": float(np.interp(step[-1] / 12, step, gained)),
        "gained_at_73": float(reward_at(0.73, used, gained)),
        "steps_to_73": float(step[(used >= 0.73).argmax()] / step[-1]),
    }


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    setting = _SCALES[scale]
    setting = setting if seeds is None else setting.changed(seeds=seeds)
    todo = [(setting.changed(confidence=c), seed) for c in CONFIDENCES for seed in range(setting.seeds)]
    flat = pieces(repetition, todo, workers, report)
    number = setting.seeds
    found = {c: flat[i * number : (i + 1) * number] for i, c in enumerate(CONFIDENCES)}
    curves = {
        "confidence": CONFIDENCES,
        "step": flat[0]["step"],
        **{k: [[piece[k] for piece in found[c]] for c in CONFIDENCES] for k in ("reward", "entropy", "early", "whole")},
        **{f"predicts_{form}": [[p["predicts"][form] for p in found[c]] for c in CONFIDENCES] for form in FORMS},
    }
    curves |= {k: [piece[k] for piece in found[MAIN]] for k in ("used", "gained")}
    rows = (*_law_rows(found), *_share_rows(found), *_size_rows(found))
    described = setting.described(scale=scale, control="none", estimator="GRPO", records=_RECORDS)
    return Result(NAME, TITLE, {**described, "confidence": list(CONFIDENCES)}, rows, curves)


Found = dict[float, list[dict[str, Any]]]


def _law_rows(found: Found) -> tuple[Row, ...]:
    main = found[MAIN]
    fits = {form: Estimate.of(piece["fits"][form] for piece in main) for form in FORMS}
    better = Estimate.of(piece["fits"]["line"] - piece["fits"]["exponential"] for piece in main)
    predicts = {form: Estimate.of(piece["predicts"][form] for piece in main) for form in FORMS}
    ahead = [
        Estimate.of(piece["predicts"][form] - piece["predicts"]["exponential"] for piece in main)
        for form in ("line", "quadratic")
    ]
    elsewhere = {c: Estimate.of(p["predicts"]["exponential"] for p in found[c]) for c in CONFIDENCES if c != MAIN}
    ratios = {c: Estimate.of(piece["halves"] for piece in found[c]) for c in CONFIDENCES}
    return (
        Row(
            statement="R = -a e^H + b fits the whole run",
            paper="the observed exponential relationship (Fig. 1 of the source)",
            source="Fig. 1: R = -a e^H + b for all models",
            model={f"RMSE, {form}": estimate for form, estimate in fits.items()},
            criterion="RMSE of the exponential below 0.02 and below that of a straight line in H",
            agrees=every(fits["exponential"].below(CLOSE), better.above(0)),
            remark=f"Start of confidence {MAIN:g}. The quadratic has three coefficients, the others two.",
        ),
        Row(
            statement="the first 15 % of the steps predict the rest",
            paper="-",
            source="RMSE about 1 %",
            model={f"RMSE of the rest, {form}": estimate for form, estimate in predicts.items()},
            criterion="RMSE of the exponential below 0.02 (twice that of the source) and below that of both rivals",
            agrees=every(predicts["exponential"].below(CLOSE), *(gap.above(0) for gap in ahead)),
            remark=f"Start of confidence {MAIN:g}.",
        ),
        Row(
            statement="the first 15 % predict the rest from less and from more confident starts",
            paper="-",
            source="RMSE about 1 %",
            model={f"RMSE of the rest, confidence {c:g}": estimate for c, estimate in elsewhere.items()},
            criterion="RMSE of the exponential below 0.02 at each of the other confidences",
            agrees=every(*(estimate.below(CLOSE) for estimate in elsewhere.values())),
            remark="The source finds the law for models of all sizes, each with its own a and b.",
        ),
        Row(
            statement="a is one number for the whole run",
            paper="consistent with the first-order dynamics derived in Section IV",
            source="a fitted constant",
            model={f"a late / a early, confidence {c:g}": estimate for c, estimate in ratios.items()},
            criterion="a of the lower half of the entropies is 0.8 to 1.25 times that of the upper, at each confidence",
            agrees=every(*(estimate.within(0.8, 1.25) for estimate in ratios.values())),
            remark="Section IV implies no such constant, see section-viii: with two actions a falls from 1.26 to 0.14 "
            "as p goes from 0.6 to 0.999.",
        ),
    )


def _share_rows(found: Found) -> tuple[Row, ...]:
    main = found[MAIN]
    used, gained, at, steps = (
        Estimate.of(piece[name] for piece in main)
        for name in ("used_twelfth", "gained_twelfth", "gained_at_73", "steps_to_73")
    )
    return (
        Row(
            statement="most of the entropy and of the gain is used in the first twelfth of the steps",
            paper="-",
            source="73 % of the entropy, 76 % of the gain",
            model={
                "share of the entropy": used,
                "share of the gain": gained,
                "share of the steps in which 73 % of the entropy is used": steps,
            },
            criterion="within 0.1 of the shares of the source",
            agrees=every(used.within(0.63, 0.83), gained.within(0.66, 0.86)),
            remark="Depends on how long one trains and on the step size, which have no counterpart in the model; the "
            "next row needs no clock.",
        ),
        Row(
            statement="about 76 % of the gain is made when 73 % of the entropy is used",
            paper="-",
            source="76 %",
            model={"share of the gain": at},
            criterion="within 0.1 of the share of the source",
            agrees=at.within(0.66, 0.86),
            remark="Of the entropy that the run uses and the reward that it gains, so it depends on where the run "
            "ends, not on its speed.",
        ),
    )


_NO_SIZE = (
    "The model has no size; the confidence of the start stands for it. Whether confidence grows with size or with its "
    "logarithm is not known, so a line in the confidence itself stands beside it. Four points that rise steadily have "
    "a high R^2 with either."
)


def _size_rows(found: Found) -> tuple[Row, ...]:
    seeds = range(len(found[MAIN]))
    whole = np.array([[found[c][seed]["whole"] for c in CONFIDENCES] for seed in seeds])  # (seeds, confidences, 2)
    r_squared, rival = (
        {f"R^2 of {name}": Estimate.of(log_linear(x, row)[1] for row in whole[:, :, i]) for i, name in enumerate("ab")}
        for x in (CONFIDENCES, _EXPONENTIALS)
    )
    last = found[CONFIDENCES[-1]]
    error, rival_error = (
        Estimate.of(_extrapolated(x, row, piece) for piece, row in zip(last, whole, strict=True))
        for x in (CONFIDENCES, _EXPONENTIALS)
    )
    values = {
        f"{name}, confidence {c:g}": Estimate.of(whole[:, k, i])
        for i, name in enumerate("ab")
        for k, c in enumerate(CONFIDENCES)
    }
    return (
        Row(
            statement="a and b vary log-linearly with model size",
            paper="log-linear in model size",
            source="log-linear in model size",
            model={
                **r_squared,
                **{f"{name}, line in the confidence": estimate for name, estimate in rival.items()},
                **values,
            },
            criterion="a line in the log of the confidence has R^2 above 0.9 for a and for b",
            agrees=every(*(estimate.above(0.9) for estimate in r_squared.values())),
            remark=_NO_SIZE,
        ),
        Row(
            statement="smaller models predict the larger one",
            paper="enabling extrapolation of performance for larger models from smaller ones",
            source="a and b log-linear in model size",
            model={"RMSE": error, "RMSE, line in the confidence": rival_error},
            criterion="the law with a and b from the three less confident starts, log-linearly, has an RMSE below 0.02 "
            "at the most confident one",
            agrees=error.below(CLOSE),
            remark=_NO_SIZE,
        ),
    )


def _extrapolated(size: Any, coefficients: Array, piece: dict[str, Any]) -> float:
    """Error at the last size of the law whose a and b are log-linear through those of the others."""
    guess = np.array([log_linear(size[:-1], coefficients[:-1, i], size[-1])[0] for i in (0, 1)])
    return rmse("exponential", guess, piece["entropy"], piece["reward"])


def log_linear(size: Any, values: Array, new: float = 1.0) -> tuple[float, float]:
    """What the line through `values` against log size has at the size `new`, and its coefficient of determination."""
    x = np.log(np.asarray(size))
    columns = np.stack([x, np.ones_like(x)], axis=-1)
    slope, offset = np.linalg.lstsq(columns, values, rcond=None)[0]
    spread = root_mean_square(values - values.mean())
    left = root_mean_square(columns @ np.array([slope, offset]) - values)
    return float(slope * np.log(new) + offset), float(1 - (left / spread) ** 2)

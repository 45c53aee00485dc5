"""Section VIII.B(a), Theorem IV.1: does the entropy fall by the covariance?

To first order and with the visitation held, the entropies change by ``-sum_s d(s) Cov_p(log p, dz)``, Eq. (8). A
correlation over the course of training does not test that: any two quantities that rise and fall together correlate.
What tests it is the slope of the actual change against the covariance, which should be one. The paper's curves are at
response level, with length-normalised log-probabilities and sampled advantages; that estimate is here as well.
"""

from __future__ import annotations

from typing import Any

from scipy import stats

from entropy_theory.controls import PolicyGradient
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL, SMALL, Report, Setting, pieces

NAME = "entropy-covariance"
TITLE = "The entropy change against the covariance"

_RECORDS = 100


def repetition(setting: Setting, seed: int) -> dict[str, Any]:
    """One run: correlations and slopes over its updates, and its curves."""
    run = setting.sampled(PolicyGradient(), seed, records=_RECORDS)
    covariance, held = run.covariance[:-1], -run.state_entropy_change[:-1]
    averaged, predicted = -run.entropy_change[:-1], -run.predicted_entropy_change[:-1]
    return {
        "pearson": _pearson(covariance, held),
        "slope": _slope(covariance, held),
        "pearson_averaged": _pearson(covariance, averaged),
        "slope_averaged": _slope(covariance, averaged),
        "slope_predicted": _slope(predicted, averaged),
        "covariance": covariance,
        "held": held,
        "averaged": averaged,
        "step": run.step[:-1],
    }


def _pearson(x: Any, y: Any) -> float:
    return float(stats.pearsonr(x, y).statistic)


def _slope(x: Any, y: Any) -> float:
    """Least squares through the origin."""
    return float((x * y).sum() / (x * x).sum())


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    setting = {"full": FULL, "small": SMALL}[scale]
    setting = setting if seeds is None else setting.changed(seeds=seeds)
    found = pieces(repetition, [(setting, seed) for seed in range(setting.seeds)], workers, report)

    def over_seeds(name: str) -> Estimate:
        return Estimate.of(piece[name] for piece in found)

    pearson, slope = over_seeds("pearson"), over_seeds("slope")
    rows = (
        Row(
            statement="-dH and Cov(log p, dz) move together in training",
            paper="near-identical curves, Pearson > 0.92 (Fig. 8 of the source)",
            source="Fig. 8 shows similar trends; no correlation is given",
            model={"Pearson": pearson, "slope": slope},
            criterion="Pearson > 0.92 and slope within 0.9 to 1.1",
            agrees=every(pearson.above(0.92), slope.within(0.9, 1.1)),
            remark="Entropies of the states, averaged with the visitation held.",
        ),
        Row(
            statement="the same for the averaged entropy of Eq. (4)",
            paper="not told apart from the first",
            source="-",
            model={"Pearson": over_seeds("pearson_averaged"), "slope": over_seeds("slope_averaged")},
            criterion="Pearson > 0.92 and slope within 0.9 to 1.1",
            agrees=every(over_seeds("pearson_averaged").above(0.92), over_seeds("slope_averaged").within(0.9, 1.1)),
            remark="Eq. (4) also changes with the states that are visited, which the covariance leaves out.",
        ),
        Row(
            statement="the full gradient of Eq. (4) predicts its change",
            paper="-",
            source="-",
            model={"slope": over_seeds("slope_predicted")},
            criterion="slope within 0.9 to 1.1",
            agrees=over_seeds("slope_predicted").within(0.9, 1.1),
            remark="The corrected form of Theorem IV.1, with the entropy advantage.",
        ),
    )
    curves = {name: [piece[name] for piece in found] for name in ("step", "covariance", "held", "averaged")}
    return Result(NAME, TITLE, setting.described(scale=scale, control="none", records=_RECORDS), rows, curves)

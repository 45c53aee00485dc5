"""Section VIII.A(b) and the source: do a and b of ``R = -a e^H + b`` depend on the estimator of the advantage?

The source finds them the same for GRPO, RLOO, PRIME and REINFORCE++ (rewards normalised over the batch). Here every
estimator starts from the same policy on the same tree, with the same first batch of responses. The estimators differ in
the scale of their advantages, so the step size of each is such that its first update has the norm of that of GRPO.
Reward as a function of entropy does not see what difference of speed is left. Where the law is not exact, a and b
depend on the range of entropies; they are fitted at equally spaced entropies of the range that all estimators pass
through. A second run of GRPO with other samples says how far two runs differ by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from entropy_theory.controls import PolicyGradient
from entropy_theory.estimators import GRPO, PRIME, RLOO, Reinforce
from entropy_theory.estimators.estimator import Estimator
from entropy_theory.simulations.law import fit, reward_at, rmse, root_mean_square
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL, SMALL, Report, Setting, pieces
from entropy_theory.training import History, Sampling, train

Array = np.ndarray[Any, Any]

NAME = "estimators"
TITLE = "Reward against entropy for five estimators of the advantage"

REFERENCE = "GRPO"
AGAIN = "GRPO with other samples"
CLOSE = 0.02
"""Distance of two curves, and error of a fit, that counts as small: twice the error that the source reports."""
_PLAIN = "REINFORCE"
_RECORDS = 25
_LEVELS = 50
# Half of the prompts, and half of the step size: a prompt learns as fast as with all.
_SCALES = {"full": FULL.changed(prompts=128, eta=FULL.eta / 2), "small": SMALL.changed(steps=24, seeds=2)}


def estimators(setting: Setting) -> dict[str, Estimator]:
    """The four of the source, and REINFORCE without a baseline."""
    prime = PRIME(learning_rate=PRIME().learning_rate * setting.prompts / FULL.prompts)
    return {
        REFERENCE: GRPO(),
        "RLOO": RLOO(),
        "PRIME": prime,
        "REINFORCE++": Reinforce(normalise=True),
        _PLAIN: Reinforce(),
    }


def first_norms(setting: Setting, seed: int) -> dict[str, float]:
    """Norm of the first update of each estimator at step size one, on the first batch of the run."""
    tree, z0, sample_seed = setting.start(seed)
    batch = _sampling(setting).collect(tree, z0, np.random.default_rng(sample_seed))
    state, action = batch.state.ravel(), batch.action.ravel()
    out = {}
    for name, estimator in estimators(setting).items():
        advantage = estimator.advantages(batch, estimator.start(tree, z0)).ravel()
        out[name] = float(np.linalg.norm(PolicyGradient().loss_gradient(z0, state, action, advantage)))
    return out


def again(setting: Setting, seed: int) -> History:
    """Another run of GRPO from the same start on the same tree, with samples of its own."""
    tree, z0, sample_seed = setting.start(seed)
    every_so = max(1, setting.steps // _RECORDS)
    return train(
        tree,
        PolicyGradient(),
        z0,
        setting.eta,
        setting.steps,
        sampling=_sampling(setting),
        record_every=every_so,
        state_entropy=False,
        seed=sample_seed.spawn(1)[0],
    )


def _sampling(setting: Setting) -> Sampling:
    return Sampling(setting.prompts, setting.responses, epochs=setting.epochs, filter_equal=setting.filter_equal)


def repetition(setting: Setting, seed: int) -> dict[str, Any]:
    """A run of each estimator, and the law at the entropies that all of them pass through."""
    norms = first_norms(setting, seed)
    runs = {
        name: setting.changed(eta=setting.eta * norms[REFERENCE] / norms[name]).sampled(
            PolicyGradient(), seed, records=_RECORDS, estimator=estimator
        )
        for name, estimator in estimators(setting).items()
    }
    second = again(setting, seed)
    low = max(run.entropy.min() for run in (*runs.values(), second))
    levels = np.linspace(low, runs[REFERENCE].entropy[0], _LEVELS)
    reward = {name: reward_at(levels, run.entropy, run.objective) for name, run in runs.items()}
    law = {name: fit("exponential", levels, values) for name, values in reward.items()}
    reward[AGAIN] = reward_at(levels, second.entropy, second.objective)
    return {
        "step": runs[REFERENCE].step,
        "entropy": np.array([run.entropy for run in runs.values()]),
        "reward": np.array([run.objective for run in runs.values()]),
        "lowest": low,
        "a": {name: c[0] for name, c in law.items()},
        "b": {name: c[1] for name, c in law.items()},
        "fits": {name: rmse("exponential", c, levels, reward[name]) for name, c in law.items()},
        "apart": {name: root_mean_square(values - reward[REFERENCE]) for name, values in reward.items()},
    }


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    setting = _SCALES[scale]
    setting = setting if seeds is None else setting.changed(seeds=seeds)
    found = pieces(repetition, [(setting, seed) for seed in range(setting.seeds)], workers, report)
    names = list(estimators(setting))
    ratio = {
        k: {n: Estimate.of(piece[k][n] / piece[k][REFERENCE] for piece in found) for n in names if n != REFERENCE}
        for k in "ab"
    }
    fits = {n: Estimate.of(piece["fits"][n] for piece in found) for n in names}
    apart = {n: Estimate.of(piece["apart"][n] for piece in found) for n in (*names[1:], AGAIN)}
    values = {k: Estimate.of(piece[k][REFERENCE] for piece in found) for k in "ab"}
    rows = (
        *(_same_row(k, values[k], ratio[k]) for k in "ab"),
        _curve_row(apart),
        _fit_row(fits),
        _plain_row(ratio["a"][_PLAIN], ratio["b"][_PLAIN], apart[_PLAIN]),
    )
    curves = {
        "names": names,
        "step": found[0]["step"],
        "entropy": np.array([piece["entropy"] for piece in found]),
        "reward": np.array([piece["reward"] for piece in found]),
        "lowest": [piece["lowest"] for piece in found],
        **{f"ratio_{k}": {n: list(e.samples) for n, e in ratio[k].items()} for k in "ab"},
    }
    described = setting.described(scale=scale, control="none", estimator=names, records=_RECORDS)
    matched = {**described, "other step sizes": "that of GRPO divided by the ratio of the norms of the first updates"}
    return Result(NAME, TITLE, matched, rows, curves)


_SOURCE = "the same for GRPO, RLOO, PRIME and REINFORCE++"
_PAPER = "GRPO, RLOO and PRIME as baselines, not compared"


def _same_row(name: str, reference: Estimate, ratio: dict[str, Estimate]) -> Row:
    return Row(
        statement=f"{name} does not depend on the estimator",
        paper=_PAPER,
        source=_SOURCE,
        model={f"{name} of GRPO": reference, **{f"{n} / GRPO": e for n, e in ratio.items() if n != _PLAIN}},
        criterion=f"{name} of RLOO, PRIME and REINFORCE++ within 10 % of that of GRPO",
        agrees=every(*(e.within(0.9, 1.1) for n, e in ratio.items() if n != _PLAIN)),
    )


def _curve_row(apart: dict[str, Estimate]) -> Row:
    return Row(
        statement="reward is the same function of entropy for each estimator",
        paper=_PAPER,
        source=_SOURCE,
        model={f"distance from GRPO, {n}": e for n, e in apart.items() if n != _PLAIN},
        criterion="root mean square distance from the curve of GRPO below 0.02, for RLOO, PRIME and REINFORCE++",
        agrees=every(*(e.below(CLOSE) for n, e in apart.items() if n not in (_PLAIN, AGAIN))),
        remark="Without a fit. The second run of GRPO says what distance is chance.",
    )


def _fit_row(fits: dict[str, Estimate]) -> Row:
    return Row(
        statement="the exponential fits each estimator",
        paper=_PAPER,
        source=_SOURCE,
        model={f"RMSE, {n}": e for n, e in fits.items()},
        criterion="RMSE below 0.02 for GRPO, RLOO, PRIME and REINFORCE++",
        agrees=every(*(e.below(CLOSE) for n, e in fits.items() if n != _PLAIN)),
    )


def _plain_row(a: Estimate, b: Estimate, apart: Estimate) -> Row:
    return Row(
        statement="REINFORCE without a baseline",
        paper="-",
        source="-",
        model={"a / GRPO": a, "b / GRPO": b, "distance from GRPO": apart},
        remark="Its advantages are the rewards 0 and 1: it learns from right responses only, among prompts whose "
        "responses differ in reward.",
    )

"""Section VIII.D: the three guidelines for practice as statements that can fail.

1. Entropy regularisation suits an optimum that is stochastic, needs tuning, and annealing its coefficient mitigates the
bias. The task has many right responses to a prompt. What one wants beyond reward there is to use many of them:
``exp(H(y | right)) / number of right responses``, the coverage. The maximiser of J + alpha H tends to the uniform
distribution on the right responses as alpha falls to zero, so this control has a reason to be good at it.

2. Covariance methods suit an optimum that is nearly deterministic, where stability matters, where the entropy collapses
fast and where no bias may remain. The task has one right response to a prompt; in its second form many wrong ones earn
half of the reward, and a policy can collapse onto them. Stability is the stability margin of Definition VII.2 of the
updates along the run. Bias is a matter of the limit: with exact updates the gap to the optimum falls like 1 / t without
a bias and stands still with one. Prompts with equal rewards stay in the batches of these tasks, unlike in the source,
so that a bonus also acts where nothing has been learnt yet.

3. Annealing beta; shares of 1e-4 to 1e-3 for KL-Cov and of 2e-4 for Clip-Cov; and a band of one to five times the mean
covariance "to capture the extreme tail". Which tokens a band holds is looked at in the model of `covariance_tail`,
whose vocabulary and responses are large enough for a tail.

Best of a kind always means: best in the mean of these seeds, which favours a kind with more settings a little.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from entropy_theory.controls import Annealed, ClipCov, ClipHigher, Control, EntropyBonus, KLCov, PolicyGradient
from entropy_theory.problems import TokenTree
from entropy_theory.simulations import covariance_tail
from entropy_theory.simulations.controls_compared import batches, problem, some
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL as FULL_SETTING
from entropy_theory.simulations.setting import SMALL as SMALL_SETTING
from entropy_theory.simulations.setting import Report, Setting, pieces, seed_sequence
from entropy_theory.softmax import softmax
from entropy_theory.training import train

Array = np.ndarray[Any, Any]

NAME = "guidelines"
TITLE = "The guidelines for practice"

MANY, ONE, PART = "many right responses", "one right response", "one right, part credit"
PART_SHARE = 0.3
"""Share of the wrong responses of the third task that earn half of the reward."""

NONE = "none"
CONSTANT = ("bonus 0.1", "bonus 0.3", "bonus 1")
ANNEALED = ("bonus 0.3 to 0", "bonus 1 to 0")
COVARIANCE = ("KL-Cov 0.002", "KL-Cov 0.2", "KL-Cov 0.2, beta 1 to 0", "Clip-Cov 0.0002")
CHEAP = 0.02
"""How much reward a gain in coverage may cost."""

FIXED = "KL-Cov of the paper, fixed anchor"
RELEASED, DEFINED = "KL-Cov as released", "KL-Cov of the paper"
BIAS, NO_BIAS = "bonus 0.2", "bonus 0.2 to 0"
LAST_HALF = 2
HELD = 8
"""Exact updates for which the old policy is held."""

SHARES = {"k = 0.0001": 1e-4, "k = 0.001": 1e-3}
CLIP, CLIP_COV = "PPO clip", "Clip-Cov 0.0002"
MARGIN = 0.01
TAIL = 0.02


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes
    ----------
    setting : Setting
        Of the tasks.
    many, one : number
        Share of right responses of the first task, and of the others.
    batch : Setting
        Where the shares of tokens are tried.
    exact : Setting
        Tree of the exact updates.
    tokens : Model
        Where the bands are looked at.
    """

    setting: Setting
    many: float
    one: float
    batch: Setting
    exact: Setting
    tokens: covariance_tail.Model


FULL = Plan(
    setting=FULL_SETTING.changed(prompts=128, horizon=2, eta=20.0, filter_equal=False),
    many=1 / 4,
    one=1 / 64,
    batch=FULL_SETTING,
    exact=FULL_SETTING.changed(
        prompts=8, vocabulary=4, horizon=2, correct=(1 / 16, 1 / 16), confidence=1.0, eta=8.0, steps=1200
    ),
    tokens=covariance_tail.Model(vocabulary=4096, horizon=256, entropy=0.6),
)
SMALL = Plan(
    setting=SMALL_SETTING.changed(steps=24, seeds=2, filter_equal=False),
    many=1 / 4,
    one=1 / 16,
    batch=SMALL_SETTING.changed(steps=24, seeds=2),
    exact=FULL.exact.changed(prompts=4, steps=40),
    tokens=covariance_tail.Model(vocabulary=64, horizon=16, entropy=0.6, prompts=32),
)


def controls(steps: int) -> dict[str, Control]:
    """The controls of the tasks, for runs of `steps` updates."""
    return {
        NONE: PolicyGradient(),
        **{f"bonus {alpha:g}": EntropyBonus(alpha) for alpha in (0.1, 0.3, 1.0)},
        **{f"bonus {alpha:g} to 0": EntropyBonus(Annealed(alpha, 0.0, steps)) for alpha in (0.3, 1.0)},
        COVARIANCE[0]: KLCov.preset("cui2025"),
        COVARIANCE[1]: KLCov.preset("skyrl"),
        COVARIANCE[2]: KLCov.preset("skyrl", beta=Annealed(1.0, 0.0, steps)),
        COVARIANCE[3]: ClipCov.preset("cui2025"),
    }


def shares() -> dict[str, Control]:
    """The shares of tokens that the paper recommends, and what they are compared with."""
    return {
        NONE: PolicyGradient(),
        **{name: KLCov.preset("cui2025", fraction=share) for name, share in SHARES.items()},
        CLIP: ClipHigher(0.2, 0.2),
        CLIP_COV: ClipCov.preset("cui2025"),
    }


def exact_controls(steps: int) -> dict[str, Control]:
    """The controls of the exact updates; a bonus of alpha in a batch is one of T alpha here, T = 2."""
    annealed = Annealed(1.0, 0.0, steps)
    defined = KLCov.preset("paper", fraction=0.2)
    return {
        NONE: PolicyGradient(),
        BIAS: EntropyBonus(0.4),
        NO_BIAS: EntropyBonus(Annealed(0.4, 0.0, steps)),
        RELEASED: KLCov.preset("skyrl"),
        f"{RELEASED}, annealed": KLCov.preset("skyrl", beta=annealed),
        DEFINED: defined,
        f"{DEFINED}, annealed": replace(defined, beta=annealed),
        FIXED: replace(defined, anchor="fixed"),
        f"{FIXED}, annealed": replace(defined, anchor="fixed", beta=annealed),
    }


# One repetition ----------------------------------------------------------------------------------------------------


def task(setting: Setting, part: float, control: Control, margin: bool, seed: int) -> dict[str, float]:
    """One run on a task: reward and coverage at the end, and if asked for the stability margin along it."""
    tree, z0, sample_seed = problem(setting, part, seed)
    stride = setting.steps // 5
    run = train(
        tree,
        control,
        z0,
        setting.eta,
        setting.steps,
        sampling=batches(setting),
        # Odd, so that the records meet several updates of a batch: in the first KL-Cov does nothing.
        record_every=stride + 1 - stride % 2 if margin else setting.steps,
        margin=MARGIN if margin else None,
        state_entropy=False,
        seed=sample_seed,
    )
    return {
        "reward": float(run.objective[-1]),
        "coverage": coverage(tree, run.logits),
        "margin": float(np.median(run.margin[1:-1])) if margin else np.nan,
    }


def coverage(tree: TokenTree, z: Array) -> float:
    """``exp(H(y | right))`` as a share of the number of right responses, in the mean over the prompts.

    One if all right responses to a prompt are equally likely; the inverse of their number if one has all the mass.
    """
    last = tree.level(tree.horizon - 1)
    chance = (tree.values(z).visits[last, None] * softmax(z[last])).reshape(tree.prompts, -1)
    right = tree.reward == 1
    used = np.exp(stats.entropy(np.where(right, chance, 0), axis=1))
    return float(tree.weights @ (used / right.sum(1)))


def share_run(setting: Setting, control: Control, seed: int) -> dict[str, float]:
    """One run with a share of tokens: entropy in the mean over four records after the start, and final reward."""
    run = setting.sampled(control, seed, records=4)
    return {"entropy": float(run.entropy[1:].mean()), "reward": float(run.objective[-1])}


def gaps(setting: Setting, control: Control, places: tuple[int, ...]) -> Array:
    """Gap ``1 - J`` after `places` exact updates, for all seeds at once: shape (places, seeds)."""
    starts = [setting.start(seed) for seed in range(setting.seeds)]
    tree = TokenTree(setting.vocabulary, setting.horizon, np.stack([t.reward for t, _, _ in starts]))
    z0 = np.stack([z for _, z, _ in starts])
    fixed = getattr(control, "anchor", "moving") == "fixed"
    z = old = z0
    out = []
    for step in range(setting.steps + 1):
        if step in places:
            out.append(1 - tree.objective(z))
        if step % HELD == 0:
            old = z
        if step < setting.steps:
            reference = z0 if fixed else None
            z = z + control.update(tree, z, setting.eta, anchor=old, reference=reference, step=step)
    return np.array(out)


def bands(model: covariance_tail.Model, seed: int) -> dict[str, list[float]]:
    """What each band of covariance holds of a batch: share of the tokens, of the positive covariance, of the top."""
    rng = np.random.default_rng(seed_sequence(seed))
    batch = covariance_tail.sample(model, covariance_tail.Kinds.of(model, rng), rng)
    return held(covariance_tail.covariances(batch)["GRPO"].ravel())


def held(covariance: Array) -> dict[str, list[float]]:
    """What bands of one to five times the mean, and of one to five, hold, and what lies above them."""
    mean = covariance.mean()
    inside = {
        "1 to 5 means": (mean <= covariance) & (covariance <= 5 * mean),
        "above 5 means": covariance > 5 * mean,
        "1 to 5": (covariance > 1) & (covariance < 5),
        "above 5": covariance >= 5,
    }
    top = covariance >= np.sort(covariance)[-max(1, round(TAIL * covariance.size))]
    positive = np.maximum(covariance, 0)
    return {
        name: [float(m.mean()), float(positive[m].sum() / positive.sum()), float(m[top].mean())]
        for name, m in inside.items()
    }


# All of them -------------------------------------------------------------------------------------------------------


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    plan = {"full": FULL, "small": SMALL}[scale]
    number = plan.setting.seeds if seeds is None else seeds
    exact = plan.exact.changed(seeds=number)
    every_seed = range(number)
    tasks = {MANY: (plan.many, 0.0), ONE: (plan.one, 0.0), PART: (plan.one, PART_SHARE)}
    places = _places(exact.steps)
    todo: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []
    for name, (right, part) in tasks.items():
        setting = plan.setting.changed(correct=(right, right))
        todo += [
            (task, (setting, part, c, name == ONE, s)) for c in controls(setting.steps).values() for s in every_seed
        ]
    todo += [(share_run, (plan.batch, c, s)) for c in shares().values() for s in every_seed]
    todo += [(gaps, (exact, c, places)) for c in exact_controls(exact.steps).values()]
    todo += [(bands, (plan.tokens, s)) for s in every_seed]
    found = iter(pieces(_call, todo, workers, report))

    def by_seed(names: Iterable[str]) -> dict[str, list[Any]]:
        return {name: [next(found) for _ in every_seed] for name in names}

    on_tasks = {name: _Task(by_seed(controls(1))) for name in tasks}
    with_shares = by_seed(shares())
    gap = {name: next(found) for name in exact_controls(1)}
    in_bands = [next(found) for _ in every_seed]
    rows = (
        *_first(on_tasks[MANY]),
        _deterministic(on_tasks[ONE]),
        _stability(on_tasks[ONE]),
        _collapsing(on_tasks[PART]),
        _unbiased(gap, places),
        _annealed(gap),
        _shares(with_shares),
        _clip_share(with_shares),
        *_bands(in_bands),
    )
    described = {
        "scale": scale,
        "seeds": number,
        "tasks": plan.setting.described(correct=[plan.many, plan.one], part_share=PART_SHARE),
        "shares": plan.batch.described(),
        "exact": exact.described(),
        "bands": {"vocabulary": plan.tokens.vocabulary, "horizon": plan.tokens.horizon, "entropy": plan.tokens.entropy},
    }
    curves = {
        "tasks": {name: {k: getattr(t, k) for k in ("reward", "coverage")} for name, t in on_tasks.items()},
        "places": list(places),
        "gaps": {name: g.mean(1) for name, g in gap.items()},
        "bands": {name: np.array([piece[name] for piece in in_bands]) for name in in_bands[0]},
    }
    return Result(NAME, TITLE, described, rows, curves)


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return function(*arguments)


def _places(steps: int) -> tuple[int, ...]:
    """Where the gap is recorded: about evenly on a log axis, half of the run, and its end."""
    return tuple(sorted({*np.geomspace(10, steps, 13).astype(int).tolist(), steps // LAST_HALF, steps}))


class _Task:
    """What the controls reach on one task, an entry a seed."""

    def __init__(self, found: dict[str, list[dict[str, float]]]) -> None:
        def table(number: str) -> dict[str, Array]:
            return {name: np.array([piece[number] for piece in runs]) for name, runs in found.items()}

        self.reward, self.coverage, self.margin = table("reward"), table("coverage"), table("margin")

    def best(self, names: Iterable[str]) -> str:
        """The control with the highest mean reward."""
        return max(names, key=lambda name: float(self.reward[name].mean()))

    def most_covering(self, names: Iterable[str]) -> str:
        """The control with the highest coverage among those that cost little reward; the one of most reward if none
        does."""
        rivals = tuple(names)
        cheap = [n for n in rivals if self.reward[n].mean() >= self.reward[NONE].mean() - CHEAP]
        return max(cheap, key=lambda name: float(self.coverage[name].mean())) if cheap else self.best(rivals)

    def minus(self, first: str, second: str, number: str = "reward") -> Estimate:
        """Difference, paired by seed."""
        table = getattr(self, number)
        return Estimate.of(table[first] - table[second])

    def over(self, first: str, second: str) -> Estimate:
        """Ratio of the stability margins, paired by seed."""
        return Estimate.of(self.margin[first] / self.margin[second])


def _first(many: _Task) -> tuple[Row, Row, Row]:
    """The first guideline, on the task with many right responses."""
    bonus, covariance = many.most_covering((*CONSTANT, *ANNEALED)), many.most_covering(COVARIANCE)
    over_none = many.minus(bonus, NONE, "coverage")
    over_covariance = many.minus(bonus, covariance, "coverage")
    cost = many.minus(bonus, NONE)
    tenfold = many.minus("bonus 0.1", "bonus 1")
    annealed = {name: many.minus(name, name.removesuffix(" to 0")) for name in ANNEALED}
    return (
        Row(
            statement="entropy regularisation suits a stochastic optimum",
            paper="may be suitable when the optimal policy is inherently stochastic",
            source="-",
            model={
                f"coverage, {bonus} minus none": over_none,
                f"coverage, {bonus} minus {covariance}": over_covariance,
                f"reward, {bonus} minus none": cost,
            },
            criterion=f"more coverage than without control and than the covariance methods, each at a cost of at most "
            f"{CHEAP:g} in reward",
            agrees=every(over_none.above(0), over_covariance.above(0), cost.above(-CHEAP)),
            remark="A quarter of the responses is right. Of each kind the setting of most coverage at that cost.",
        ),
        Row(
            statement="careful tuning is essential for it",
            paper="careful hyperparameter tuning is essential",
            source="Fig. 9: sensitive to the coefficient",
            model={"reward, alpha = 0.1 minus alpha = 1": tenfold},
            criterion="a tenfold coefficient costs more than 0.05 in reward",
            agrees=tenfold.above(0.05),
        ),
        Row(
            statement="annealing alpha to zero mitigates the bias",
            paper="annealing can mitigate asymptotic bias",
            source="-",
            model={
                **{f"reward, {name} minus constant": estimate for name, estimate in annealed.items()},
                **{
                    f"coverage, {name} minus constant": many.minus(name, name.removesuffix(" to 0"), "coverage")
                    for name in ANNEALED
                },
            },
            criterion="more reward at the end than with the constant coefficient, for both",
            agrees=every(*(estimate.above(0) for estimate in annealed.values())),
            remark="At the regularised optimum itself it is decided (claims section-viii/annealing).",
        ),
    )


def _against(of: _Task) -> dict[str, Estimate]:
    """The best covariance method against the best constant bonus, the best annealed one, and no control."""
    covariance = of.best(COVARIANCE)
    rivals = (of.best(CONSTANT), of.best(ANNEALED), NONE)
    return {f"{covariance} minus {rival}": of.minus(covariance, rival) for rival in rivals}


def _deterministic(one: _Task) -> Row:
    model = _against(one)
    return Row(
        statement="covariance methods are preferred where the optimum is nearly deterministic",
        paper="preferred for near-deterministic optimal policies, common in reasoning tasks",
        source="tuned, the bonus stabilises the entropy but does not outperform other baselines (Fig. 9)",
        model=model,
        criterion="final reward of the best covariance method above that of the best constant entropy bonus",
        agrees=next(iter(model.values())).above(0),
        remark="One right response to each prompt, the same budget. A rare right response has to be met before it can "
        "be learnt, and a bonus raises what is rare; KL-Cov slows what moves. Prompts with equal rewards stay in the "
        "batches of these tasks, unlike in the source, so that a bonus also acts where nothing has been learnt yet.",
    )


def _collapsing(part: _Task) -> Row:
    model = _against(part)
    return Row(
        statement="covariance methods are preferred where the entropy collapses fast",
        paper="preferred when the policy exhibits rapid entropy collapse",
        source="-",
        model=model,
        criterion="final reward of the best covariance method above that of the best constant entropy bonus",
        agrees=next(iter(model.values())).above(0),
        remark="One right response, and three in ten of the wrong ones earn half of the reward: a policy can collapse "
        "onto them.",
    )


def _stability(one: _Task) -> Row:
    bonus = one.best(CONSTANT)
    kept, against = one.over(COVARIANCE[0], NONE), one.over(COVARIANCE[0], bonus)
    return Row(
        statement="covariance methods are preferred where stability matters",
        paper="preferred when training stability is a primary concern",
        source="-",
        model={
            f"margin, {COVARIANCE[0]} over none": kept,
            f"{COVARIANCE[0]} over {bonus}": against,
            f"{COVARIANCE[1]} over none": one.over(COVARIANCE[1], NONE),
            f"{bonus} over none": one.over(bonus, NONE),
        },
        criterion="the margin of KL-Cov as released within 0.9 to 1.1 of that without control, and above that of the "
        "best constant entropy bonus",
        agrees=every(kept.within(0.9, 1.1), against.above(1)),
        remark=f"Stability margin, Definition VII.2, of the sampled updates at a divergence of {MARGIN:g} nats, median "
        "along the run. Each control has its own policies by then; a policy that is still learning has larger updates.",
    )


def _unbiased(gap: dict[str, Array], places: tuple[int, ...]) -> Row:
    half = places.index(places[-1] // LAST_HALF)
    names = (NONE, DEFINED, FIXED, RELEASED, BIAS, NO_BIAS)
    kept = {name: Estimate.of(gap[name][-1] / gap[name][half]) for name in names}
    return Row(
        statement="covariance methods have no asymptotic bias, a constant bonus has one",
        paper="the goal is to maximize reward without asymptotic bias",
        source="-",
        model={f"gap left of that at half time, {name}": estimate for name, estimate in kept.items()},
        criterion="the second half of the run takes more than a quarter of the gap under KL-Cov, of the paper and as "
        "released, and less than a tenth under a constant bonus",
        agrees=every(kept[DEFINED].within(0, 0.75), kept[RELEASED].within(0, 0.75), kept[BIAS].above(0.9)),
        remark="Exact updates, the old policy held for eight, a fifth of the tokens penalised with beta = 1; alpha = "
        "0.2 in the units of a batch. Annealed to zero, a bonus has no bias either (claims remark-vii.1). A gap "
        "without bias halves in the long run when the time doubles.",
    )


def _annealed(gap: dict[str, Array]) -> Row:
    saved = {name: Estimate.of(1 - gap[f"{name}, annealed"][-1] / gap[name][-1]) for name in (RELEASED, DEFINED, FIXED)}
    return Row(
        statement="annealing beta of KL-Cov serves unbiased convergence",
        paper="annealing beta from a moderate initial value to zero is recommended",
        source="no annealing there",
        model={f"share of the final gap that annealing removes, {name}": e for name, e in saved.items()},
        criterion="the gap of KL-Cov as released is smaller with annealing",
        agrees=saved[RELEASED].above(0),
        remark="Exact updates as before. Where the penalty refers to the policy at the start of the batch a constant "
        "beta biases no limit, and annealing saves time; where it refers to a fixed policy there is a bias, and "
        "annealing removes it.",
    )


def _effect(found: dict[str, list[dict[str, float]]], name: str, reference: str) -> dict[str, Estimate]:
    """Entropy along the run over that of a reference, and final reward less its own, paired by seed."""
    pairs = list(zip(found[name], found[reference], strict=True))
    return {
        f"entropy, {name} over {reference}": Estimate.of(a["entropy"] / b["entropy"] for a, b in pairs),
        f"reward, {name} minus {reference}": Estimate.of(a["reward"] - b["reward"] for a, b in pairs),
    }


def _shares(found: dict[str, list[dict[str, float]]]) -> Row:
    effects = {name: _effect(found, name, NONE) for name in SHARES}
    largest = list(effects["k = 0.001"].values())
    return Row(
        statement="a share k of 1e-4 to 1e-3 is effective for KL-Cov",
        paper="k in [1e-4, 1e-3] as effective",
        source="2e-3 (7B), outside that range, and 2e-4 (32B)",
        model={label: estimate for effect in effects.values() for label, estimate in effect.items()},
        criterion="with k = 1e-3, entropy along the run or reward at its end above that without control",
        agrees=some(largest[0].above(1), largest[1].above(0)),
        remark="Of at most 6,144 tokens, fewer where prompts with equal rewards leave the batch, these shares are one "
        "token and at most six.",
    )


def _clip_share(found: dict[str, list[dict[str, float]]]) -> Row:
    effect = _effect(found, CLIP_COV, CLIP)
    entropy, reward = effect.values()
    return Row(
        statement="a small clip ratio such as 2e-4 works well for Clip-Cov",
        paper="a small clip ratio r, e.g. 2e-4, works well",
        source="r = 2e-4",
        model=effect,
        criterion="entropy along the run or reward at its end above that of PPO clipping alone",
        agrees=some(entropy.above(1), reward.above(0)),
        remark="The released Clip-Cov has the PPO clip as well; of at most 6,144 tokens this ratio is one token.",
    )


def _bands(found: list[dict[str, list[float]]]) -> tuple[Row, Row]:
    def row(band: str, above: str, statement: str, paper: str, source: str, remark: str) -> Row:
        of_top = Estimate.of(piece[band][2] for piece in found)
        return Row(
            statement=statement,
            paper=paper,
            source=source,
            model={
                f"share of the top {100 * TAIL:g} %": of_top,
                f"of the tokens, {band}": Estimate.of(piece[band][0] for piece in found),
                f"of the tokens, {above}": Estimate.of(piece[above][0] for piece in found),
                f"of the positive covariance, {band}": Estimate.of(piece[band][1] for piece in found),
                f"of the positive covariance, {above}": Estimate.of(piece[above][1] for piece in found),
            },
            criterion=f"the band holds more than half of the top {100 * TAIL:g} % of the tokens",
            agrees=of_top.above(0.5),
            remark=remark,
        )

    return (
        row(
            "1 to 5 means",
            "above 5 means",
            "a band of one to five times the mean captures the extreme tail",
            "thresholds to capture the extreme tail, e.g. 1-5 times the mean",
            "1 and 5, absolute, called there more than 500 times the mean (0.003 in Table 1)",
            "GRPO batch of the model of covariance-tail. The mean of all tokens is a small difference of large terms, "
            "so that tokens of positive covariance mostly lie above five times it.",
        ),
        row(
            "1 to 5",
            "above 5",
            "a band from 1 to 5, absolute, captures the extreme tail",
            "-",
            "1 and 5, absolute; the top 0.02 % average 5.654 (Table 1)",
            "The band as released. The few tokens of the largest covariance lie above it.",
        ),
    )

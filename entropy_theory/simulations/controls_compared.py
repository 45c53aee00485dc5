"""Section VIII.B(c): entropy and final reward under each entropy control.

The paper says that Clip-Cov and KL-Cov hold the entropy at ten times that of GRPO or more late in training and end with
more accuracy; that an entropy bonus is too weak at alpha = 1e-4, too strong at 1e-2, and of moderate use at 5e-3; and
that KL-Cov with its coefficient annealed from 1 to 0 ends best. Here every control starts from the same policy on the
same tree and meets the same stream of random numbers, so that the seeds are compared in pairs. The run is long, so that
the entropy without control can fall to a small part of its start. The source's baseline is GRPO with the clipping of
PPO, so the controls are compared with that as well as with none.

There are two trees. With rewards 0 and 1 (exact match) only a right response is ever reinforced: entropy falls where a
prompt is being solved, and a control that keeps it up can keep reward down at the same time. Since prompts share no
logits, a collapse onto right responses loses the policy little. In the second tree some wrong responses earn half of
the reward (as with a pass rate of tests). A prompt can then collapse onto half of the reward, and exploration can be
worth its price.

How strong a coefficient is depends on the covariance that it works against. To first order an entropy bonus stops the
fall of the entropy where ``alpha ||grad H||^2`` equals the covariance, and a short response concentrates the reward on
few tokens (a row gives the covariance). Hence there are stronger bonuses in addition to the paper's, and larger shares
of tokens.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from entropy_theory.controls import Annealed, ClipCov, ClipHigher, Control, EntropyBonus, KLCov, PolicyGradient
from entropy_theory.controls.tokens import Tokens
from entropy_theory.estimators import GRPO
from entropy_theory.problems import TokenTree
from entropy_theory.simulations.result import Estimate, Result, Row, every
from entropy_theory.simulations.setting import FULL, SMALL, Report, Setting, pieces, seed_sequence
from entropy_theory.training import Sampling, train

Array = np.ndarray[Any, Any]
Found = dict[str, dict[str, dict[str, Array]]]
"""By tree and control: each measured number, seeds on the first axis."""

NAME = "controls"
TITLE = "Entropy controls compared"

PART_SHARE, PART_CREDIT = 0.3, 0.5
"""Share of the wrong responses that earn part of the reward in the second tree, and how much."""

TREES = {"right or wrong": 0.0, "part credit": PART_SHARE}
"""The trees, by the share of wrong responses with part credit."""

RECORDS = 5
SOURCE_COVARIANCE = 0.003
"""Mean token-wise covariance at the first step in the source."""

NONE, PPO, HIGHER = "none", "PPO clip", "clip-higher"
WEAK, MIDDLE, STRONG = "bonus 0.0001", "bonus 0.005", "bonus 0.01"
CLIP_COV, CLIP_COV_MORE = "Clip-Cov", "Clip-Cov r = 0.2"
KL_COV, KL_COV_MORE = "KL-Cov", "KL-Cov k = 0.2"
ANNEALED = "KL-Cov k = 0.2, beta 1 to 0"
COMPARED = (CLIP_COV, CLIP_COV_MORE, KL_COV, KL_COV_MORE)
COVARIANCE = (*COMPARED, ANNEALED)
PAPER_ALPHAS, MORE_ALPHAS = (1e-4, 1e-3, 5e-3, 1e-2), (0.3, 1.0)
BONUSES = tuple(f"bonus {alpha:g}" for alpha in (*PAPER_ALPHAS, *MORE_ALPHAS))


def controls(steps: int) -> dict[str, Control]:
    """Every control of the comparison by its label, for runs of `steps` updates."""
    return {
        NONE: PolicyGradient(),
        PPO: ClipHigher(0.2, 0.2),
        HIGHER: ClipHigher(0.2, 0.28),
        **{f"bonus {alpha:g}": EntropyBonus(alpha) for alpha in (*PAPER_ALPHAS, *MORE_ALPHAS)},
        CLIP_COV: ClipCov.preset("cui2025"),
        CLIP_COV_MORE: ClipCov.preset("cui2025", fraction=0.2),
        KL_COV: KLCov.preset("cui2025"),
        KL_COV_MORE: KLCov.preset("skyrl"),
        ANNEALED: KLCov.preset("skyrl", beta=Annealed(1.0, 0.0, steps)),
    }


def problem(setting: Setting, part_share: float, seed: int) -> tuple[TokenTree, Array, np.random.SeedSequence]:
    """Tree, start and seed of the samples; beyond `Setting.start`, a share of the wrong responses earns part credit."""
    tree, z0, sample_seed = setting.start(seed)
    rng = np.random.default_rng(seed_sequence(seed).spawn(4)[3])
    part = (tree.reward == 0) & (rng.random(tree.reward.shape) < part_share)
    reward = np.where(part, PART_CREDIT, tree.reward)
    return TokenTree(tree.vocabulary, tree.horizon, reward, weights=tree.weights), z0, sample_seed


def batches(setting: Setting) -> Sampling:
    """How the responses are sampled."""
    return Sampling(
        prompts=setting.prompts,
        responses=setting.responses,
        epochs=setting.epochs,
        estimator=GRPO(),
        filter_equal=setting.filter_equal,
    )


def solved(tree: TokenTree, z: Array) -> float:
    """Share of the prompts at which a response earns the full reward with a chance above one half."""
    full = TokenTree(tree.vocabulary, tree.horizon, 1.0 * (tree.reward == 1), weights=tree.weights)
    return float((full.values(z).v[full.level(0)] > 0.5).mean())


def repetition(setting: Setting, part_share: float, control: Control, seed: int, records: int) -> dict[str, Any]:
    """One run: entropy and exact reward along it, prompts solved at its end, divergence of the end from the start."""
    tree, z0, sample_seed = problem(setting, part_share, seed)
    run = train(
        tree,
        control,
        z0,
        setting.eta,
        setting.steps,
        sampling=batches(setting),
        record_every=max(1, setting.steps // records),
        state_entropy=False,
        seed=sample_seed,
    )
    return {
        "step": run.step,
        "entropy": run.entropy,
        "reward": run.objective,
        "solved": solved(tree, run.logits),
        "divergence": run.kl_to_start,
    }


def start_covariance(setting: Setting, part_share: float, seed: int) -> float:
    """Mean over the tokens of the first batch of (log p - mean)(advantage - mean), as the released code has it."""
    tree, z0, sample_seed = problem(setting, part_share, seed)
    sampling = batches(setting)
    rollouts = sampling.collect(tree, z0, np.random.default_rng(sample_seed))
    tokens = Tokens.of(rollouts.log_prob.ravel(), sampling.estimator.advantages(rollouts).ravel())
    return float(tokens.covariance("batch", "advantage").mean())


def gather(
    setting: Setting,
    trees: dict[str, float],
    conditions: dict[str, Control],
    records: int,
    workers: int,
    report: Report | None,
) -> Found:
    """Every control on every tree with every seed."""
    keys = [(tree, label) for tree in trees for label in conditions]
    todo = [(setting, trees[t], conditions[c], seed, records) for t, c in keys for seed in range(setting.seeds)]
    runs = iter(pieces(repetition, todo, workers, report))
    found: Found = {tree: {} for tree in trees}
    for tree, label in keys:
        of_seeds = [next(runs) for _ in range(setting.seeds)]
        found[tree][label] = {name: np.array([run[name] for run in of_seeds]) for name in of_seeds[0]}
    return found


def settings(scale: str, seeds: int | None) -> Setting:
    """A quarter of the prompts with the movement of a logit per update doubled: the entropy has to collapse."""
    setting = {"full": FULL.changed(prompts=64, eta=20.0, steps=1600), "small": SMALL.changed(prompts=8, steps=16)}[
        scale
    ]
    return setting if seeds is None else setting.changed(seeds=seeds)


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    setting = settings(scale, seeds)
    records = RECORDS if scale == "full" else 2
    found = gather(setting, TREES, controls(setting.steps), records, workers, report)
    start = {
        tree: Estimate.of(start_covariance(setting, share, seed) for seed in range(setting.seeds))
        for tree, share in TREES.items()
    }
    rows = (
        _collapse(found),
        *(_ends(found, tree) for tree in TREES),
        *(_entropy(found, tree) for tree in TREES),
        *(_accuracy(found, tree) for tree in TREES),
        *(_accuracy_over_clip(found, tree) for tree in TREES),
        _exploration(found),
        _weak_bonus(found),
        _strong_bonus(found),
        _middle_bonus(found),
        _window(found),
        _best_of_each(found),
        *(_annealed(found, tree) for tree in TREES),
        _highest(found),
        _clip_alone(found),
        _three_seeds(found),
        Row(
            statement="token-wise covariance that a coefficient works against, first batch",
            paper="mean 0.003",
            source="mean .003 (Table 1)",
            model=start,
            remark="The responses here have few tokens, so each bears more of the reward. Coefficients that balance a "
            "larger covariance are larger in proportion, which is why the scan goes beyond the paper's alphas.",
        ),
    )
    described = setting.described(
        scale=scale, controls=list(controls(1)), part_share=PART_SHARE, part_credit=PART_CREDIT, records=records
    )
    return Result(NAME, TITLE, described, rows, _curves(found))


# Comparisons -----------------------------------------------------------------------------------------------


def some(*answers: bool | None) -> bool | None:
    """Whether one holds at least: True as soon as one does, None if none does but one is open."""
    return True if True in answers else None if None in answers else False


def times(found: Found, tree: str, label: str, other: str = NONE) -> Estimate:
    """Entropy at the end as a multiple of that under another control, seed by seed: the geometric mean.

    Late entropies are those of the few prompts that are not solved yet; their ratios are too uneven for a plain mean.
    """
    logs = Estimate.of(np.log(found[tree][label]["entropy"][:, -1] / found[tree][other]["entropy"][:, -1]))
    mean, low, high, *samples = np.exp([logs.mean, logs.low, logs.high, *logs.samples]).tolist()
    return Estimate(mean, low, high, tuple(samples))


def gain(found: Found, tree: str, label: str, other: str = NONE) -> Estimate:
    """Final reward minus that under another control, seed by seed."""
    return Estimate.of(found[tree][label]["reward"][:, -1] - found[tree][other]["reward"][:, -1])


def more_solved(found: Found, tree: str, label: str) -> Estimate:
    """Share of prompts solved minus that without control, seed by seed."""
    return Estimate.of(found[tree][label]["solved"] - found[tree][NONE]["solved"])


def best(found: Found, tree: str, labels: tuple[str, ...]) -> str:
    """The control with the largest mean final reward."""
    return max(labels, key=lambda label: float(found[tree][label]["reward"][:, -1].mean()))


# Rows ------------------------------------------------------------------------------------------------------


def _collapse(found: Found) -> Row:
    left = {t: Estimate.of(of[NONE]["entropy"][:, -1] / of[NONE]["entropy"][:, 0]) for t, of in found.items()}
    return Row(
        statement="share of the starting entropy left at the end without control",
        paper="-",
        source="-",
        model={
            **left,
            **{f"prompts solved, {tree}": Estimate.of(of[NONE]["solved"]) for tree, of in found.items()},
        },
        remark="A prompt on which no response has yet earned more than another keeps its entropy: nothing acts on it.",
    )


def _ends(found: Found, tree: str) -> Row:
    of = found[tree]
    return Row(
        statement=f"reward and entropy at the end by control; tree: {tree}",
        paper="-",
        source="-",
        model={
            **{f"reward, {label}": Estimate.of(runs["reward"][:, -1]) for label, runs in of.items()},
            **{
                f"share of the starting entropy, {label}": Estimate.of(runs["entropy"][:, -1] / runs["entropy"][:, 0])
                for label, runs in of.items()
            },
        },
        remark="The numbers themselves; differences of the same seeds are in the other rows.",
    )


_BASELINE = (
    "The source's baseline clips as PPO does; the released KL-Cov does not, so against that baseline its number also "
    "contains what dropping the clip does."
)
_SHARES = (
    "A share of 2e-4 is one token of a batch here, one of 2e-3 at most three. Clip-Cov takes its tokens from the band "
    "1 to 5, so a share of 0.2 means at most all tokens of the band."
)


def _entropy(found: Found, tree: str) -> Row:
    model = {label: times(found, tree, label) for label in COMPARED}
    tenfold = [estimate.above(10) for estimate in model.values()]
    model |= {f"{label} over PPO clip": times(found, tree, label, PPO) for label in COMPARED}
    return Row(
        statement=f"Clip-Cov and KL-Cov end with ten times the entropy; tree: {tree}",
        paper="a factor of 10 or more at later stages (Figs. 11, 12 of the source)",
        source="Fig. 11: over 10 times; Fig. 12: more clipping or a larger beta gives higher entropy",
        model=model,
        criterion="above 10 times that without control for Clip-Cov and for KL-Cov, at the released share or at 0.2",
        agrees=every(some(*tenfold[:2]), some(*tenfold[2:])),
        remark=f"Geometric means of the ratio to no control and to PPO clipping. {_SHARES} Prompts share no logits, so "
        f"a token that is held back holds back its own prompt only. {_BASELINE}",
    )


def _accuracy(found: Found, tree: str) -> Row:
    model = {label: gain(found, tree, label) for label in COMPARED}
    better = [estimate.above(0) for estimate in model.values()]
    model |= {f"{label} minus PPO clip": gain(found, tree, label, PPO) for label in COMPARED}
    return Row(
        statement=f"Clip-Cov and KL-Cov end with more reward; tree: {tree}",
        paper="better final accuracy of Clip-Cov and of KL-Cov",
        source="yes (Table 2)",
        model=model,
        criterion="above that without control for Clip-Cov and for KL-Cov, at the released share or at 0.2",
        agrees=every(some(*better[:2]), some(*better[2:])),
        remark="Differences from no control and from PPO clipping. Exact expected reward on the training prompts; "
        f"nothing here generalises to other prompts. {_BASELINE}",
    )


def _accuracy_over_clip(found: Found, tree: str) -> Row:
    model = {f"{label} minus PPO clip": gain(found, tree, label, PPO) for label in COMPARED}
    better = [estimate.above(0) for estimate in model.values()]
    return Row(
        statement=f"Clip-Cov and KL-Cov end with more reward than PPO clipping; tree: {tree}",
        paper="better final accuracy of Clip-Cov and of KL-Cov",
        source="yes (Table 2)",
        model=model,
        criterion="above that with PPO clipping for Clip-Cov and for KL-Cov, at the released share or at 0.2",
        agrees=every(some(*better[:2]), some(*better[2:])),
        remark=_BASELINE,
    )


def _exploration(found: Found) -> Row:
    labels = (CLIP_COV_MORE, KL_COV_MORE)
    model = {f"{label}, {tree}": more_solved(found, tree, label) for tree in found for label in labels}
    return Row(
        statement="covariance control at a share of 0.2 solves more prompts",
        paper="sustained exploration unlocks capacity for reasoning",
        source="-",
        model=model,
        criterion="share of prompts solved above that without control, for Clip-Cov and for KL-Cov at a share of 0.2, "
        "on one tree at least",
        agrees=some(*(every(*(model[f"{label}, {tree}"].above(0) for label in labels)) for tree in found)),
        remark="Differences from no control. Solved: a response earns the full reward with a chance above one half. A "
        "prompt whose responses all earn the same leaves the batch, and no control acts on it while that lasts.",
    )


def _bonus_model(found: Found, label: str) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
    return {tree: times(found, tree, label) for tree in found}, {tree: gain(found, tree, label) for tree in found}


def _named(entropy: dict[str, Estimate], reward: dict[str, Estimate]) -> dict[str, Estimate]:
    return {
        **{f"entropy ratio, {tree}": estimate for tree, estimate in entropy.items()},
        **{f"reward difference, {tree}": estimate for tree, estimate in reward.items()},
    }


_LEAVES = (
    "A prompt with equal rewards leaves the batch and its bonus with it; in a language model the bonus would reach it "
    "through shared parameters."
)


def _weak_bonus(found: Found) -> Row:
    entropy, reward = _bonus_model(found, WEAK)
    same = [every(entropy[tree].within(0.5, 2), reward[tree].within(-0.02, 0.02)) for tree in found]
    return Row(
        statement="an entropy bonus of 1e-4 changes little",
        paper="entropy remains low and performance plateaus (Figs. 9, 10 of the source)",
        source="Fig. 9: minor effect. Fig. 10 is a reference-KL penalty",
        model=_named(entropy, reward),
        criterion="entropy ratio within 0.5 to 2 and reward within 0.02 of none, on both trees",
        agrees=every(*same),
    )


def _strong_bonus(found: Found) -> Row:
    entropy, reward = _bonus_model(found, STRONG)
    worse = [every(entropy[tree].above(2), reward[tree].below(0)) for tree in found]
    return Row(
        statement="an entropy bonus of 1e-2 raises the entropy and costs reward",
        paper="entropy becomes excessively high while performance degrades",
        source="Fig. 9: entropy explosion",
        model=_named(entropy, reward),
        criterion="entropy ratio above 2 and reward below none, on one tree at least",
        agrees=some(*worse),
        remark="Whether the paper's largest alpha is small against the covariance here, the last row says; see the "
        f"stronger ones. {_LEAVES}",
    )


def _middle_bonus(found: Found) -> Row:
    rivals = {tree: best(found, tree, COVARIANCE) for tree in found}
    model = {
        **{f"5e-3 minus none, {tree}": gain(found, tree, MIDDLE) for tree in found},
        **{f"{rival} minus 5e-3, {tree}": gain(found, tree, rival, MIDDLE) for tree, rival in rivals.items()},
    }
    both = [
        every(model[f"5e-3 minus none, {tree}"].above(0), model[f"{rivals[tree]} minus 5e-3, {tree}"].above(0))
        for tree in found
    ]
    return Row(
        statement="an entropy bonus of 5e-3 helps, but less than covariance control",
        paper="moderate improvement, short of the covariance-based methods",
        source="Fig. 9: stabilises the entropy but does not outperform other baselines",
        model=model,
        criterion="final reward above none, and that of the best covariance-based control above it, on one tree at "
        "least",
        agrees=some(*both),
    )


def _window(found: Found) -> Row:
    labels = tuple(f"bonus {alpha:g}" for alpha in MORE_ALPHAS)
    model = {f"{label}, {tree}": gain(found, tree, label) for tree in found for label in labels}
    seen = [every(model[f"{labels[0]}, {tree}"].above(0), model[f"{labels[-1]}, {tree}"].below(0)) for tree in found]
    return Row(
        statement="some bonus improves the reward and a larger one degrades it",
        paper="too small does nothing, too large degrades, a value between improves (Corollary V.1)",
        source="Fig. 9: minor effect at 1e-4 and 1e-3, entropy explosion at 1e-2",
        model=model,
        criterion="final reward minus that without control above 0 for the smaller, below 0 for the larger, on one "
        "tree at least",
        agrees=some(*seen),
        remark=_LEAVES,
    )


def _best_of_each(found: Found) -> Row:
    pairs = {tree: (best(found, tree, COVARIANCE), best(found, tree, BONUSES)) for tree in found}
    model = {f"{a} minus {b}, {tree}": gain(found, tree, a, b) for tree, (a, b) in pairs.items()}
    return Row(
        statement="the best covariance control ends above the best entropy bonus",
        paper="the bonus falls short of covariance-based methods",
        source="5e-3 does not outperform other baselines",
        model=model,
        criterion="difference of the final rewards above 0 on one tree at least",
        agrees=some(*(estimate.above(0) for estimate in model.values())),
        remark="The best of each kind by the mean final reward of these seeds, the bonus over the wider scan.",
    )


def _annealed(found: Found, tree: str) -> Row:
    difference = gain(found, tree, ANNEALED, KL_COV_MORE)
    return Row(
        statement=f"annealing beta from 1 to 0 ends above beta = 1, share 0.2; tree: {tree}",
        paper="annealed has the highest final accuracy, as Theorem VII.3 predicts",
        source="no annealing there",
        model={"difference": difference},
        criterion="difference of the final rewards above 0",
        agrees=difference.above(0),
        remark="Not in the source. The penalty of KL-Cov refers to the policy at the start of the batch, so a constant "
        "coefficient biases no limit either; it slows the way there.",
    )


def _highest(found: Found) -> Row:
    others = {tree: tuple(label for label in of if label != ANNEALED) for tree, of in found.items()}
    rivals = {tree: best(found, tree, labels) for tree, labels in others.items()}
    return Row(
        statement="annealed KL-Cov ends above every other control",
        paper="KL-Cov with annealed beta achieves the highest final accuracy",
        source="no annealing there",
        model={f"minus {rival}, {tree}": gain(found, tree, ANNEALED, rival) for tree, rival in rivals.items()},
        criterion="final reward above that of every other control, on one tree at least",
        agrees=some(
            *(every(*(gain(found, tree, ANNEALED, label).above(0) for label in others[tree])) for tree in found)
        ),
        remark="Not in the source.",
    )


def _clip_alone(found: Found) -> Row:
    model = {f"{label}, {tree}": times(found, tree, label) for tree in found for label in (PPO, HIGHER)}
    model |= {f"Clip-Cov over PPO clip, {tree}": times(found, tree, CLIP_COV, PPO) for tree in found}
    return Row(
        statement="entropy at the end as a multiple of that without control: clipping alone",
        paper="-",
        source="-",
        model=model,
        remark="The released Clip-Cov keeps the PPO clip, KL-Cov drops it. The last numbers are what Clip-Cov adds to "
        "its clip at the released share.",
    )


def _three_seeds(found: Found) -> Row:
    labels = (CLIP_COV, KL_COV, CLIP_COV_MORE, KL_COV_MORE)
    return Row(
        statement="share of three-seed averages whose difference in final reward to none has the other sign",
        paper="results averaged over three seeds",
        source="not stated",
        model={
            f"{label}, {tree}": Estimate.of([wrong_signs(gain(found, tree, label).samples)])
            for tree in found
            for label in labels
        },
        remark="Over all choices of three of the seeds, against the sign of the average over all of them.",
    )


def wrong_signs(samples: tuple[float, ...]) -> float:
    """Share of the triples of samples whose mean has another sign than the mean of all; of fewer than three, none."""
    sign = np.sign(np.mean(samples))
    triples = list(combinations(samples, min(3, len(samples))))
    return float(np.mean([np.sign(np.mean(triple)) != sign for triple in triples]))


def _curves(found: Found) -> dict[str, Any]:
    """Means over the seeds along the run, and every seed at the end."""
    first = next(iter(next(iter(found.values())).values()))
    return {
        "step": first["step"][0],
        "trees": list(found),
        "controls": list(next(iter(found.values()))),
        "entropy": {t: {c: of[c]["entropy"].mean(0) for c in of} for t, of in found.items()},
        "reward": {t: {c: of[c]["reward"].mean(0) for c in of} for t, of in found.items()},
        "last_entropy": {t: {c: of[c]["entropy"][:, -1] for c in of} for t, of in found.items()},
        "last_reward": {t: {c: of[c]["reward"][:, -1] for c in of} for t, of in found.items()},
    }

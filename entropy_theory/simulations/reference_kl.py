"""Section VIII.B(c): a penalty on the divergence from the first policy, the source's Fig. 10.

The paper takes the source's Figs. 9 and 10 both for an entropy bonus. Fig. 10 is a reference-KL penalty: the loss of
each token gets ``beta KL(pi_ref(.|s) || pi(.|s))``, with pi_ref the policy at the start. Its gradient with respect to
the logits is ``p - q``, Eq. (21), which is also the expected gradient of the common "k3" loss on sampled tokens. Where
an entropy bonus leads towards the uniform policy, the penalty leads back to the start: to the entropy of the start, and
to its reward.
"""

from __future__ import annotations

from entropy_theory.controls import Control, EntropyBonus, KLCov
from entropy_theory.simulations.controls_compared import TREES, Found, gain, gather, settings, times
from entropy_theory.simulations.result import Estimate, Result, Row
from entropy_theory.simulations.setting import Report

NAME = "reference-kl"
TITLE = "A penalty on the divergence from the first policy"

_RECORDS = 1
BETAS = (0.0, 1e-3, 1e-2, 0.1, 0.3, 1.0)
_SHOWN = (0.1, 1.0)
_BONUS = "entropy bonus, alpha = 1"


def label(beta: float) -> str:
    """How a coefficient is named."""
    return f"beta = {beta:g}"


NONE = label(0.0)


def controls() -> dict[str, Control]:
    """The penalty with each coefficient, and the entropy bonus that is as strong as the strongest."""
    return {
        **{label(beta): KLCov(beta, 1.0, penalty="kl", mask="token", anchor="fixed") for beta in BETAS},
        _BONUS: EntropyBonus(1.0),
    }


def run(scale: str = "full", *, seeds: int | None = None, workers: int = 1, report: Report | None = None) -> Result:
    """Run the experiment, in full or as the fast variant ("small")."""
    setting = settings(scale, seeds)
    found = gather(setting, TREES, controls(), _RECORDS, workers, report)
    rows = (
        *(_entropy(found, tree) for tree in TREES),
        *(_reward(found, tree) for tree in TREES),
        _where_to(found),
        _divergence(found),
    )
    curves = {
        "betas": list(BETAS),
        **{
            name: {tree: [of[label(beta)][name][:, -1] for beta in BETAS] for tree, of in found.items()}
            for name in ("entropy", "reward", "divergence")
        },
        "start": {name: {tree: of[NONE][name][:, 0] for tree, of in found.items()} for name in ("entropy", "reward")},
    }
    return Result(NAME, TITLE, setting.described(scale=scale, betas=list(BETAS), records=_RECORDS), rows, curves)


_PAPER = "taken for an entropy bonus (Figs. 9, 10 of the source)"
_SOURCE = "Fig. 10 is a reference-KL penalty with coefficients .001 to .1, not an entropy bonus"
_LEAVES = (
    "A prompt with equal rewards leaves the batch and its penalty with it; in a language model the penalty would reach "
    "it through shared parameters."
)


def _entropy(found: Found, tree: str) -> Row:
    model = {label(beta): times(found, tree, label(beta), NONE) for beta in BETAS[1:]}
    return Row(
        statement=f"a reference-KL penalty against the entropy; tree: {tree}",
        paper=_PAPER,
        source=_SOURCE,
        model=model,
        remark="Entropy at the end as a multiple of that without penalty, geometric means. The rewards of a short "
        "response act more strongly on each of its tokens than those of the source's long ones, so that coefficients "
        f"beyond the source's are in the scan. {_LEAVES}",
    )


def _reward(found: Found, tree: str) -> Row:
    model = {label(beta): gain(found, tree, label(beta), NONE) for beta in BETAS[1:]}
    return Row(
        statement=f"a reference-KL penalty against the reward; tree: {tree}",
        paper=_PAPER,
        source=_SOURCE,
        model=model,
        remark=f"Final reward minus that without penalty. {_LEAVES}",
    )


def _where_to(found: Found) -> Row:
    strongest = label(BETAS[-1])
    model = {}
    for tree, of in found.items():
        for name in (strongest, _BONUS):
            model[f"{name}, {tree}"] = Estimate.of(of[name]["entropy"][:, -1] / of[name]["entropy"][:, 0])
    return Row(
        statement="entropy at the end as a share of that at the start, strongest penalty and strongest bonus",
        paper="the two are not told apart",
        source="two figures, two penalties",
        model=model,
        remark="The penalty pulls towards the first policy and its entropy, the bonus towards the uniform policy.",
    )


def _divergence(found: Found) -> Row:
    return Row(
        statement="divergence of a whole response from the start at the end, nats",
        paper="-",
        source="-",
        model={
            f"{label(beta)}, {tree}": Estimate.of(of[label(beta)]["divergence"][:, -1])
            for tree, of in found.items()
            for beta in (BETAS[0], *_SHOWN)
        },
        remark="Sum over the states of an episode of KL(pi || pi_ref), while the penalty is on KL(pi_ref || pi).",
    )

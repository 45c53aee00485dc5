"""Penalties that refer to another policy than the one that drew the tokens, and the share that a control selects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import entropy_theory as et

RNG = np.random.default_rng(20)
Z, OLD, ANCHOR = RNG.normal(size=(3, 4, 5))
STATE, ACTION = RNG.integers(0, 4, 40), RNG.integers(0, 5, 40)
ADVANTAGE = RNG.normal(size=40)
EVERY: dict[str, Any] = {"beta": 0.7, "fraction": 1.0}
"""All tokens are selected, so that the selection cannot differ."""


def gradient(control: et.Control, **policies: Any) -> Any:
    return control.loss_gradient(Z, STATE, ACTION, ADVANTAGE, **policies)


@pytest.mark.parametrize("options", [{}, {"penalty": "kl"}, {"penalty": "kl", "mask": "logit"}])
def test_the_penalty_refers_to_the_anchor_and_the_ratio_to_the_old_policy(options: dict[str, Any]) -> None:
    control = et.KLCov(**EVERY, **options)
    plain = et.PolicyGradient()
    penalty = gradient(control, z_old=OLD, reference=ANCHOR) - gradient(plain, z_old=OLD)
    alone = gradient(control, z_old=ANCHOR) - gradient(plain, z_old=ANCHOR)
    np.testing.assert_allclose(penalty, alone, rtol=0, atol=1e-14)
    assert np.abs(penalty - (gradient(control, z_old=OLD) - gradient(plain, z_old=OLD))).max() > 1e-3


@pytest.mark.parametrize("control", [et.PolicyGradient(), et.ClipHigher(), et.ClipCov(0.2, 0.0, 9.0)])
def test_a_control_without_penalty_knows_no_anchor(control: et.Control) -> None:
    held = gradient(control, z_old=OLD, reference=ANCHOR, rng=1)
    np.testing.assert_array_equal(held, gradient(control, z_old=OLD, rng=1))


def test_token_gradient_with_an_anchor() -> None:
    new, old, anchor = (et.log_softmax(x)[STATE, ACTION] for x in (Z, OLD, ANCHOR))
    found = et.KLCov(**EVERY).token_gradient(new, ADVANTAGE, old_log_prob=old, reference_log_prob=anchor)
    expected = (-ADVANTAGE * np.exp(new - old) + 0.7 * np.sign(new - anchor)) / 40
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_full_penalty_is_the_divergence_from_the_reference() -> None:
    """With all tokens selected the gradient of the penalty is that of KL(reference || policy), by complex step."""
    control = et.KLCov(**EVERY, penalty="kl")
    penalty = gradient(control, z_old=OLD, reference=ANCHOR) - gradient(et.PolicyGradient(), z_old=OLD)
    share = np.bincount(STATE, minlength=4) / 40
    for s, a in np.ndindex(Z.shape):
        moved = Z.astype(complex)
        moved[s, a] += 1e-30j
        slope = et.kl(ANCHOR[s], moved[s]).imag / 1e-30
        assert penalty[s, a] == pytest.approx(0.7 * share[s] * slope, abs=1e-14)


@pytest.mark.parametrize("name", ["reference", "z_old"])
def test_policies_of_the_wrong_shape(name: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} has shape \(4, 3\), expected \(4, 5\)"):
        gradient(et.PolicyGradient(), **{name: np.zeros((4, 3))})


CONTROLS = [
    et.KLCov(1.0, 0.3),
    et.KLCov(1.0, 0.3, rank="abs", centre="state", factor="logit-change"),
    et.ClipCov(0.1, 0.05, 0.6),
    et.ClipCov(0.9, 0.05, 0.6),
    et.ClipHigher(0.1, 0.2),
    et.PolicyGradient(),
    et.EntropyBonus(0.1),
]


@pytest.mark.parametrize("control", CONTROLS, ids=repr)
def test_selected_share_is_that_of_a_large_batch(control: et.Control) -> None:
    """A batch with the exact proportions of its tokens: the share of each entry that `select` takes, averaged over
    its draws, is the exact one. An entry at the edge may be filled in part, which a batch does token by token."""
    bandit, tokens = et.Bandit([1.0, 0.2, 0.0, 0.6]), 100_000
    z, old = np.log([0.4, 0.3, 0.2, 0.1]), np.log([0.25, 0.35, 0.24, 0.16])
    drawn = np.repeat(np.arange(4), (np.exp(old) * tokens).round().astype(int))
    advantage = bandit.values(z).advantage[drawn]
    mask = control.select(et.log_softmax(z)[drawn], advantage, 0, et.log_softmax(old)[drawn])
    share = np.array([mask[drawn == a].mean() for a in range(4)])
    exact = control.selected_share(bandit, z, anchor=old)
    assert exact.shape == z.shape
    np.testing.assert_allclose(exact, share, atol=2e-2)


def test_selected_share_on_a_tree_and_bad_input() -> None:
    tree = et.TokenTree.random(3, 2, prompts=2)
    z = tree.pretrained(1.0)
    share = et.KLCov(1.0, 0.2).selected_share(tree, z)
    tokens = tree.values(z).visitation[:, None] * et.softmax(z)
    assert share.shape == z.shape
    assert (tokens * share).sum() == pytest.approx(0.2, rel=1e-12)
    with pytest.raises(ValueError, match="z has shape"):
        et.KLCov(1.0, 0.2).selected_share(tree, z[1:])


PENALTIES: list[dict[str, Any]] = [
    {},
    {"penalty": "kl"},
    {"penalty": "kl", "mask": "logit"},
    {"fraction": 0.3, "penalty": "kl"},
]


@pytest.mark.parametrize("options", PENALTIES, ids=str)
def test_the_exact_update_with_a_reference_is_that_of_a_large_batch(options: dict[str, Any]) -> None:
    """A batch with the exact proportions of the old policy's tokens: ratio and selection know the old policy, the
    penalty the reference. Whole numbers of tokens are drawn and selected, so the two differ by the rounding of sums of
    N terms whose sizes add up to less than one: N units of rounding."""
    bandit, tokens = et.Bandit([1.0, 0.2, 0.0, 0.6]), 100_000
    z, old, reference = (np.log(p) for p in ([0.4, 0.3, 0.2, 0.1], [0.25, 0.35, 0.24, 0.16], [0.1, 0.2, 0.3, 0.4]))
    control = et.KLCov(**{"beta": 0.7, "fraction": 1.0, **options})
    drawn = np.repeat(np.arange(4), (np.exp(old) * tokens).round().astype(int))
    advantage = bandit.values(z).advantage[drawn]
    batch = control.loss_gradient(
        z[None], 0 * drawn, drawn, advantage, z_old=old[None], reference=reference[None], rng=0
    )
    exact = control.update(bandit, z, 1.0, anchor=old, reference=reference)
    np.testing.assert_allclose(exact, -batch[0], rtol=0, atol=tokens * np.finfo(float).eps)
    assert np.abs(exact - control.update(bandit, z, 1.0, anchor=old)).max() > 1e-2


def test_a_reference_that_is_the_policy_itself_pulls_nowhere() -> None:
    bandit, z = et.Bandit([1.0, 0.0, 0.5]), np.log([0.5, 0.3, 0.2])
    plain = et.PolicyGradient().update(bandit, z, 1.0)
    control = et.KLCov(1.0, 1.0, penalty="kl")
    np.testing.assert_allclose(control.update(bandit, z, 1.0, anchor=z + 1.0, reference=z), plain, atol=1e-15)
    np.testing.assert_array_equal(control.update(bandit, z, 1.0, reference=z), plain)
    assert np.abs(control.update(bandit, z, 1.0, reference=0 * z) - plain).max() > 1e-2

"""Penalties that refer to another policy than the one that drew the tokens, and the share that a control selects.

The share of the top, and the truth values by which a control decides, against numbers worked out by hand.
"""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from flint import arb

import entropy_theory as et
from entropy_theory.controls import Batch, Expected, top_share
from entropy_theory.controls.expected import decided, greater, magnitude, sign
from entropy_theory.duals import Dual
from tests.oracles.numbers import assert_encloses

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


# The exact quantities that a control is made of ----------------------------------------------------------------------


def balls(x: Any) -> Any:
    out = np.empty(np.shape(x), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = et.Ball(np.asarray(x, dtype=object)[index])
    return out


TIED, APART = 2.0**-40, 2.0**-39
"""Relative distances of floats: the largest at which they count as tied, and twice that."""

SHARES: list[tuple[list[float], list[float], float, list[float]]] = [
    # rank, weight, fraction, share of each entry
    ([3, 2, 1, 0], [0.25, 0.25, 0.25, 0.25], 0.625, [1, 1, 0.5, 0]),
    ([0, 1, 2, 3], [0.5, 0.25, 0.125, 0.125], 0.125, [0, 0, 0, 1]),
    ([0, 1, 2, 3], [0.5, 0.25, 0.125, 0.125], 0.3125, [0, 0.25, 1, 1]),
    ([2, 2, 1, 0], [0.125, 0.125, 0.25, 0.5], 0.125, [0.5, 0.5, 0, 0]),
    ([3, 2, 2, 1], [0.25, 0.125, 0.125, 0.5], 0.375, [1, 0.5, 0.5, 0]),
    ([3, 2, 1, 1], [0.25, 0.25, 0.25, 0.25], 0.625, [1, 1, 0.25, 0.25]),
    ([1, 3, 1, 2], [0.125, 0.25, 0.125, 0.5], 0.875, [0.5, 1, 0.5, 1]),
    ([-1, -1, -1, -1], [0.5, 0.25, 0.125, 0.125], 0.25, [0.25, 0.25, 0.25, 0.25]),
    ([0, 0, 0, 0], [0.5, 0.25, 0.125, 0.125], 0.25, [0.25, 0.25, 0.25, 0.25]),
    ([4, 3, 2, 1], [0, 0.5, 0.5, 0], 0.75, [1, 1, 0.5, 0]),
    ([1, 2.0**-43, 0, -1], [0.25, 0.25, 0.25, 0.25], 0.375, [1, 0.5, 0, 0]),
    ([4, 3, 2, 1], [1, 2.0**-70, 0, 0], 1, [1, 1, 1, 1]),
]


@pytest.mark.parametrize(("rank", "weight", "fraction", "share"), SHARES)
def test_share_of_the_top(rank: list[float], weight: list[float], fraction: float, share: list[float]) -> None:
    """Entries are filled in descending rank; those that are tied share what is left. All numbers are dyadic."""
    for shape in ((1, 4), (2, 2)):
        ranks, weights = np.reshape(rank, shape), np.reshape(weight, shape).astype(float)
        np.testing.assert_array_equal(top_share(ranks, weights, fraction), np.reshape(share, shape))
        enclosed = top_share(balls(ranks), balls(weights), Fraction(fraction))
        assert enclosed.shape == shape
        assert [entry == x for entry, x in zip(enclosed.flat, share, strict=True)] == [True] * 4


def test_share_of_the_top_in_a_batch() -> None:
    """Each problem has its own order and ties."""
    for fraction in {case[2] for case in SHARES}:
        cases = [case for case in SHARES if case[2] == fraction]
        rank, weight, share = (np.array([case[i] for case in cases], dtype=float).reshape(-1, 2, 2) for i in (0, 1, 3))
        np.testing.assert_array_equal(top_share(rank, weight, fraction), share)
        enclosed = top_share(balls(rank), balls(weight), Fraction(fraction))
        assert (enclosed == balls(share)).all()


def test_the_only_entry_has_all_tokens() -> None:
    assert top_share(np.array([[-1.0]]), np.array([[1.0]]), 0.25).tolist() == [[0.25]]
    assert top_share(balls([[-1]]), balls([[1]]), Fraction(1, 3))[0, 0] == Fraction(1, 3)


@pytest.mark.parametrize("scale", [1.0, -1.0, 2.0**20, 2.0**-20])
def test_what_counts_as_tied(scale: float) -> None:
    """Floats up to a relative distance of 2^-40; balls only if they are equal."""
    half = np.array([[0.5, 0.5]])
    for gap, tied in ((TIED, True), (APART, False)):
        rank = scale * np.array([[1.0, 1.0 - gap]])
        first, second = ([0.5, 0.0] if scale > 0 else [0.0, 0.5]), [0.25, 0.25]
        np.testing.assert_array_equal(top_share(rank, half, 0.25), [second if tied else first])
        exact = top_share(balls(rank), balls(half), Fraction(1, 4))
        assert [entry == x for entry, x in zip(exact[0], first, strict=True)] == [True, True]


WIDE = et.Ball(arb(1.5, 1))
"""A number between 1/2 and 5/2."""

AT_LEAST_ZERO = et.Ball(arb(0, 1).nonnegative_part())
"""A number that may be zero and is not less."""


def test_an_order_that_does_not_matter_is_left_open() -> None:
    """Two balls overlap: both are filled, or both left out, whichever is larger."""
    weight = balls([[Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)]])
    filled = top_share(balls([[WIDE, WIDE, 0]]), weight, Fraction(3, 4))
    assert [entry == x for entry, x in zip(filled[0], (1, 1, Fraction(1, 2)), strict=True)] == [True] * 3
    out = top_share(balls([[3, WIDE, WIDE]]), weight, Fraction(1, 8))
    assert [entry == x for entry, x in zip(out[0], (Fraction(1, 2), 0, 0), strict=True)] == [True] * 3


@pytest.mark.parametrize("rank", [[WIDE, WIDE], [WIDE, 1], [2, WIDE], [0, AT_LEAST_ZERO], [AT_LEAST_ZERO, 0]], ids=repr)
def test_an_order_that_matters_and_is_open(rank: Any) -> None:
    """Also where one may be equal to the other, but not below it."""
    with pytest.raises(et.UndecidedComparison, match="ranking cannot be decided"):
        top_share(balls([rank]), balls([[0.5, 0.5]]), Fraction(1, 4))


NOT_RANKS: list[tuple[str, Any, Any]] = [
    ("rank", [[1.0, 2.0]], HALVES := np.array([[0.5, 0.5]])),
    ("rank", np.array([1.0, 2.0]), np.array([0.5, 0.5])),
    ("rank", np.ma.array([[1.0, 2.0]]), HALVES),
    ("rank", np.array([["a", "b"]]), HALVES),
    ("weight", np.array([[1.0, 2.0, 3.0]]), HALVES),
    ("weight", np.array([[1.0, 2.0]]), [[0.5, 0.5]]),
    ("weight", np.array([[1.0, 2.0]]), np.array([["a", "b"]])),
    (r"rank\[0, 1\] is nan", np.array([[1.0, np.nan]]), HALVES),
    (r"weight\[0, 0\] is inf", np.array([[1.0, 2.0]]), np.array([[np.inf, 0.5]])),
]


@pytest.mark.parametrize(("message", "rank", "weight"), NOT_RANKS, ids=[repr(case[1]) for case in NOT_RANKS])
def test_no_numbers_to_rank(message: str, rank: Any, weight: Any) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        top_share(rank, weight, 0.5)


def test_truth_values() -> None:
    """1 true, -1 false, 0 unknown; what is differentiated counts by its value."""
    floats = greater(np.array([1.0, 2.0, 3.0]), 2)
    assert floats.tolist() == [-1, -1, 1]
    assert greater(2, np.array([1.0, 2.0, 3.0])).tolist() == [1, -1, -1]
    assert floats.dtype == np.int8
    x = balls([1, 2, 3, WIDE])
    assert greater(x, 2).tolist() == [-1, -1, 1, 0]
    assert greater(2, x).tolist() == [1, -1, -1, 0]
    assert greater(x, np.array([2.0, 2.0, 2.0, 3.0])).tolist() == [-1, -1, 1, -1]
    assert greater(balls([0, AT_LEAST_ZERO]), balls([AT_LEAST_ZERO, 0])).tolist() == [-1, 0]
    differentiated = x.copy()
    differentiated[:3] = [Dual(1, 5), Dual(2, -5), Dual(3, 0)]
    assert greater(differentiated, 2).tolist() == [-1, -1, 1, 0]
    assert greater(np.array([1 + 5j, 2 - 5j, 3 + 0j]), 2).tolist() == [-1, -1, 1]


def test_sizes_to_rank_by() -> None:
    """Of what is differentiated the size of the value, beside constants too."""
    x = balls([-1, 2, 0])
    assert [entry == size for entry, size in zip(magnitude(x), (1, 2, 0), strict=True)] == [True] * 3
    x[:2] = [Dual(-1, 5), Dual(2, -5)]
    assert [entry == size for entry, size in zip(magnitude(x), (1, 2, 0), strict=True)] == [True] * 3
    assert magnitude(np.array([-1 + 5j, 2 - 5j])).tolist() == [1.0, 2.0]


def test_decisions() -> None:
    assert decided(np.array([1, -1, 1]), "it").tolist() == [True, False, True]
    assert decided(np.array([-1, -1]), "it").tolist() == [False, False]
    with pytest.raises(et.UndecidedComparison, match="it cannot be decided"):
        decided(np.array([1, 0, -1]), "it")


def test_sign() -> None:
    """Where it does not matter it is zero, and need not be known."""
    every = np.ones(3, dtype=bool)
    assert sign(np.array([0.5, -3.0, 0.0]), every).tolist() == [1, -1, 0]
    assert sign(np.array([0.5, -3.0, 0.0]), ~every).tolist() == [0, 0, 0]
    x = balls([2, et.Ball(arb(0, 1)), -1])
    assert sign(x, np.array([True, False, True])).tolist() == [1, 0, -1]
    with pytest.raises(et.UndecidedComparison, match="sign of log p - log q"):
        sign(x, every)


def test_a_ratio_of_one_is_known_only_where_it_does_not_matter() -> None:
    """The first action is as likely as it was, which balls cannot see. It is not among the tokens selected, of which
    there are an eighth: those of the last action, whose share is ``(1/8) / (3/8)`` and whose probability has fallen."""
    p, q = (np.log(balls([Fraction(n, 8) for n in counts])) for counts in ((4, 2, 2), (4, 1, 3)))
    bandit = et.Bandit([0.0, 1.0, 0.5])
    control = et.KLCov(1, Fraction(1, 8))
    plain = et.PolicyGradient().update(bandit, p, 1)
    pull = plain - control.update(bandit, p, 1, anchor=q)
    # Of the tokens an eighth is selected, with the sign -1: -(e_b - p) / 8.
    for found, exact in zip(pull, (Fraction(1, 16), Fraction(1, 32), Fraction(-3, 32)), strict=True):
        assert abs(found - exact) < Fraction(1, 10**12)
    with pytest.raises(et.UndecidedComparison, match="sign of log p - log q"):
        et.KLCov(1, 1).update(bandit, p, 1, anchor=q)


def test_the_policy_itself_is_at_no_distance() -> None:
    """Without an old policy and a reference: zeros, also of an action that has no probability left."""
    expected = Expected.of(et.Bandit([1.0, 0.0]), np.array([0.0, -800.0]))
    for found in (expected.change, expected.log_ratio, expected.reference_log_ratio):
        np.testing.assert_array_equal(found, [[0.0, 0.0]])
    assert expected.ppo_clipped((0.2, 0.2)).tolist() == [[-1, -1]]
    assert expected.weight.tolist() == [[1.0, 0.0]]


def test_which_entries_are_clipped() -> None:
    """Ratios 2, 1/2 and 1; the first action is better than the mean, the others are worse."""
    z, old = np.log([0.5, 0.25, 0.25]), np.log([0.25, 0.5, 0.25])
    expected = Expected.of(et.Bandit([1.0, 0.0, 0.0]), z, old)
    assert expected.ppo_clipped((0.2, 0.2)).tolist() == [[1, 1, -1]]
    assert expected.ppo_clipped((0.75, 0.2)).tolist() == [[1, -1, -1]]
    assert expected.ppo_clipped((0.2, 1.5)).tolist() == [[-1, 1, -1]]
    assert expected.ppo_clipped(None).tolist() == [[-1, -1, -1]]


@pytest.mark.parametrize("centre", ["batch", "state"])
def test_the_uniform_policy_on_balls(centre: str) -> None:
    """All covariances are exactly zero, so that the tie is known: each entry gives its share."""
    found = et.KLCov(1, Fraction(1, 8), centre=centre).selected_share(et.Bandit([1.0, 0.0, 0.5]), balls([0, 0, 0]))
    assert [entry == Fraction(1, 8) for entry in found] == [True] * 3


def test_the_covariance_of_the_heaviest_token() -> None:
    """The old policy takes the first action but for 1e-20, the policy has since turned from it: the mean of the batch
    is so near to that action's own values that only a difference shows how far."""
    z, old = np.array([-46.0, 0.0]), np.array([46.0, 0.0])
    expected = Expected.of(et.Bandit([1.0, 0.0]), z, old)
    with mpmath.workdps(80):
        q = 1 / (1 + mpmath.exp(46))  # of the second action, whose logit is 46 and whose advantage 1 below
        exact = [-(46 * q) * q, -(46 * (1 - q)) * (1 - q)]
    for found, value in zip(expected.covariance("batch", "advantage")[0], exact, strict=True):
        # exp(46) is known to 46 units of rounding, and q is squared.
        assert abs(found - value) <= 1e-13 * abs(value)


LOGITS = {"z": [0.5, -1.0, -2.0], "anchor": [0.0, 0.5, 0.25], "reference": [0.0, 1.0, 0.0]}
MIXED = [("z",), ("anchor",), ("reference",), ("z", "anchor"), ("anchor", "reference"), ("z", "reference")]


@pytest.mark.parametrize("given", [("z", "anchor", "reference"), ("z", "anchor")], ids="-".join)
@pytest.mark.parametrize("names", MIXED, ids="-".join)
def test_floats_beside_balls_are_exact(names: tuple[str, ...], given: tuple[str, ...]) -> None:
    """Some of the logits are balls: the others count as the numbers that they are, and all is enclosed.

    Of the tokens an eighth is selected, which are all of the entry with the largest covariance: its share is that
    over the old probability.
    """
    if set(names) <= {"reference"} and "reference" not in given:
        return
    bandit, control = et.Bandit([1.0, 0.0, 0.5]), et.KLCov(1, Fraction(1, 8), penalty="kl", mask="logit")
    with et.precision(160):
        logits = {name: (balls if name in names else np.array)(LOGITS[name]) for name in given}
        found = control.update(bandit, logits["z"], 1, anchor=logits["anchor"], reference=logits.get("reference"))
    with mpmath.workdps(60):
        weights = {name: np.array([mpmath.exp(x) for x in LOGITS[name]]) for name in given}
        p, q, r = (weights[name] / weights[name].sum() for name in (given + given[1:])[:3])
        advantage = np.array([1, 0, mpmath.mpf(0.5)]) - (p * [1, 0, 0.5]).sum()
        log_p = np.array([mpmath.log(x) for x in p])
        covariance = (log_p - (q * log_p).sum()) * (advantage - (q * advantage).sum())
        share = (covariance == covariance.max()) / (8 * q)
        exact = p * advantage - share * (p - r)
    enclosures = np.array([entry.arb for entry in found], dtype=object)
    assert_encloses(enclosures, exact, 1e-40, 50, str(names))


def test_what_hooks_are_given_is_frozen() -> None:
    expected = Expected.of(et.Bandit([1.0, 0.0]), np.zeros(2))
    batch = Batch.of(np.zeros((1, 2)), [0], [1], [1.0])
    for given, name in ((expected, "visits"), (batch, "state"), (batch.tokens, "advantage")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(given, name, np.zeros(1))


def test_an_order_looks_at_what_is_differentiated_and_not_at_how() -> None:
    """A complex step changes no decision: NumPy orders complex numbers by their imaginary parts as well."""
    step = np.array([1 + 1e-30j, 1 - 1e-30j, 2 + 1e-30j])
    assert greater(step, 1).tolist() == [-1, -1, 1]
    assert greater(np.array([1.0, 1.0, 3.0]), step).tolist() == [-1, -1, 1]
    assert greater(1, step).tolist() == [-1, -1, -1]

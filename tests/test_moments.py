"""Moments of sampled updates against a list of all outcomes in rational numbers (``tests.oracles.enumeration``).

Limits count roundings: EPS times the number of operations times the size of the terms.
"""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from entropy_theory import controls
from entropy_theory.balls import Ball, precision
from entropy_theory.claims.theorem_vii_1 import CLAIMS
from entropy_theory.moments import (
    Moments,
    entry_masked,
    enumerated_moments,
    loewner_gap,
    loewner_witness,
    randomly_masked,
    token_moments,
)
from tests.oracles import enumeration as oracle

F = Fraction
POLICIES = {
    "two equal": [F(1, 2), F(1, 2)],
    "two": [F(2, 3), F(1, 3)],
    "three": [F(1, 2), F(3, 10), F(1, 5)],
    "confident": [F(999, 1000), F(1, 2000), F(1, 2000)],
}
ADVANTAGES = [F(1), F(-1, 2), F(3, 4)]
KEEP = [F(1, 3), F(1), F(3, 4)]
LIMIT = 1e-14
"""About 50 roundings of numbers of size one."""

every_policy = pytest.mark.parametrize("name", POLICIES)


def floats(values: Any) -> Any:
    return np.array(values, dtype=object).astype(float)


def balls(values: Any) -> Any:
    array = np.array(values, dtype=object)
    out = np.empty(array.shape, dtype=object)
    for index in np.ndindex(*array.shape):
        out[index] = Ball(array[index])
    return out


def exact(outcomes: Any) -> tuple[Any, Any]:
    mean, covariance = oracle.moments(outcomes)
    return np.array(mean, dtype=object), np.array(covariance, dtype=object)


def assert_moments(got: Moments, outcomes: Any, limit: float = LIMIT) -> None:
    mean, covariance = exact(outcomes)
    np.testing.assert_allclose(got.mean, mean.astype(float), rtol=0, atol=limit)
    np.testing.assert_allclose(got.covariance, covariance.astype(float), rtol=0, atol=limit)
    np.testing.assert_array_equal(got.variance, np.diagonal(got.covariance))


def assert_enclosed(got: Moments, outcomes: Any) -> None:
    for balls_, numbers in zip((got.mean, got.covariance), exact(outcomes), strict=True):
        assert balls_.shape == numbers.shape
        for ball, number in zip(balls_.flat, numbers.flat, strict=True):
            gap = Ball(ball) - Ball(number)
            assert gap.rational == 0 or (gap.arb.contains(0) and gap.arb.rad() < 1e-30)


# Closed forms ---------------------------------------------------------------------------------------------------


@every_policy
@pytest.mark.parametrize("tokens", [1, 2, 3])
def test_token_moments(name: str, tokens: int) -> None:
    p = POLICIES[name]
    n = len(p)
    plain = oracle.masked_tokens(p, ADVANTAGES, [F(1)] * n, tokens)
    masked = oracle.masked_tokens(p, ADVANTAGES, KEEP, tokens)
    z, a, k = np.log(floats(p)), floats(ADVANTAGES[:n]), floats(KEEP[:n])
    assert_moments(token_moments(z, a, tokens=tokens), plain)
    assert_moments(token_moments(z, a, k, tokens), masked)
    with precision(128):
        exactly = np.log(balls(p)), balls(ADVANTAGES[:n])
        assert_enclosed(token_moments(*exactly, tokens=tokens), plain)
        assert_enclosed(token_moments(*exactly, balls(KEEP[:n]), tokens), masked)


@every_policy
def test_masks_on_an_update(name: str) -> None:
    p = POLICIES[name]
    n = len(p)
    base = oracle.masked_tokens(p, ADVANTAGES, [F(1)] * n, 2)
    entries, updates = oracle.masked_entries(base, KEEP[:n]), oracle.masked_updates(base, F(2, 5))
    got = token_moments(np.log(floats(p)), floats(ADVANTAGES[:n]), tokens=2)
    assert_moments(entry_masked(got, floats(KEEP[:n])), entries)
    assert_moments(randomly_masked(got, 0.4), updates)
    with precision(128):
        wide = token_moments(np.log(balls(p)), balls(ADVANTAGES[:n]), tokens=2)
        assert_enclosed(entry_masked(wide, balls(KEEP[:n])), entries)
        assert_enclosed(randomly_masked(wide, balls(F(2, 5))[()]), updates)


def test_batches_are_rows() -> None:
    rng = np.random.default_rng(3)
    z, a, k = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 2, 4)), rng.random(size=(3, 2, 4))
    rho = rng.random(size=(3, 2))
    whole = token_moments(z, a, k, 2)
    masked, dropped = entry_masked(whole, k), randomly_masked(whole, rho)
    assert whole.covariance.shape == (3, 2, 4, 4)
    for index in np.ndindex(3, 2):
        one = token_moments(z[index], a[index], k[index], 2)
        for part in ("mean", "covariance", "variance"):
            for many, single in (
                (whole, one),
                (masked, entry_masked(one, k[index])),
                (dropped, randomly_masked(one, rho[index])),
            ):
                np.testing.assert_allclose(getattr(many, part)[index], getattr(single, part), rtol=0, atol=LIMIT)
    np.testing.assert_array_equal(token_moments(z, a[0, 0]).mean[1, 1], token_moments(z[1, 1], a[0, 0]).mean)


def test_moments_are_not_changed_and_are_equal_to_themselves_alone() -> None:
    """Arrays have no single truth value, by which two of them could be compared."""
    one, other = (token_moments([0.0, 1.0], [1.0, 0.0]) for _ in range(2))
    with pytest.raises(FrozenInstanceError):
        one.mean = other.mean  # type: ignore[misc]
    assert one != other
    assert len({one, other, one}) == 2


def test_nothing_kept_and_all_kept() -> None:
    base = token_moments(np.log([0.5, 0.3, 0.2]), [1.0, -0.5, 0.75])
    for masked in (randomly_masked(base, 0), entry_masked(base, np.ones(3))):
        np.testing.assert_array_equal(masked.covariance, base.covariance)
    for masked in (randomly_masked(base, 1), entry_masked(base, np.zeros(3))):
        assert not masked.mean.any()
        assert not masked.covariance.any()


def test_known_by_hand() -> None:
    """p = (1/2, 1/2), r = (1, 0): the one-token update is constant, (1/4, -1/4), and a mask with probability 1/2 gives
    it the variance 1/64. p = (2/3, 1/3): with entry 2 masked the difference is (2/81) [[0, -1], [-1, 1]]."""
    base = token_moments(np.zeros(2), [0.5, -0.5])
    np.testing.assert_array_equal(base.covariance, np.zeros((2, 2)))
    np.testing.assert_array_equal(randomly_masked(base, 0.5).variance, [1 / 64, 1 / 64])
    second = token_moments(np.log([2 / 3, 1 / 3]), [1 / 3, -2 / 3])
    difference = second.covariance - entry_masked(second, [1.0, 0.0]).covariance
    np.testing.assert_allclose(difference, np.array([[0.0, -1.0], [-1.0, 1.0]]) * 2 / 81, rtol=0, atol=1e-17)
    np.testing.assert_allclose(
        loewner_gap(entry_masked(second, [1.0, 0.0]).covariance, second.covariance), (1 - 5**0.5) / 81, rtol=1e-12
    )


# Controls -------------------------------------------------------------------------------------------------------

P = [F(1, 2), F(3, 10), F(1, 5)]
Q = [F(2, 5), F(1, 3), F(4, 15)]
"""Ratios 5/4, 9/10, 3/4: the first and the last leave [4/5, 6/5], the last leaves [4/5, 32/25]."""
A = [F(1), F(1, 2), F(-1)]
CLIP = (F(1, 5), F(1, 5))
KNOWN = oracle.known_covariances(P, A)

# Batches of one or three tokens: in a batch of two both have the same C, and which is first would hang on rounding.
CASES: dict[str, tuple[Any, Any, Any]] = {
    "policy gradient": (controls.PolicyGradient(), oracle.surrogate(P, Q, A), None),
    "natural gradient": (controls.NaturalPolicyGradient(), oracle.natural_gradient(P, Q, A), None),
    "entropy bonus": (controls.EntropyBonus(0.25), oracle.entropy_bonus(P, Q, A, 0.25), None),
    "clip-higher": (controls.ClipHigher(), oracle.surrogate(P, Q, A, (F(1, 5), F(7, 25))), None),
    "clip-cov": (
        controls.ClipCov(0.4, 0.01, 0.2),
        oracle.clip_cov(P, Q, A, count=1, low=0.01, high=0.2, clip=CLIP),
        None,
    ),
    "clip-cov, unclipped": (
        controls.ClipCov(0.4, 0.01, 5.0, ppo_clip=None),
        oracle.clip_cov(P, Q, A, count=1, low=0.01, high=5.0),
        None,
    ),
    "clip-cov, entries": (
        controls.ClipCov(0.7, 0.01, 5.0, ppo_clip=None, mask="logit"),
        oracle.clip_cov(P, Q, A, count=2, low=0.01, high=5.0, logit_mask=True),
        None,
    ),
    "clip-cov, paper": (
        controls.ClipCov.preset("paper", fraction=0.4, low=0.4, high=1.6),
        oracle.clip_cov(P, Q, A, count=1, low=0.4, high=1.6, of_mean=True, closed=True, logit_change=True),
        None,
    ),
    "clip-cov, known": (
        controls.ClipCov(0.4, 0.02, 1.0, ppo_clip=None),
        oracle.clip_cov(P, Q, A, count=1, low=0.02, high=1.0, known=KNOWN),
        KNOWN,
    ),
    "kl-cov": (controls.KLCov(0.5, 0.4), oracle.kl_cov(P, Q, A, beta=F(1, 2), count=1), None),
    "kl-cov, two tokens": (controls.KLCov(0.5, 0.7), oracle.kl_cov(P, Q, A, beta=F(1, 2), count=2), None),
    "kl-cov, divergence": (
        controls.KLCov(0.5, 0.7, penalty="kl"),
        oracle.kl_cov(P, Q, A, beta=F(1, 2), count=2, penalty="kl"),
        None,
    ),
    "kl-cov, paper": (
        controls.KLCov.preset("paper", fraction=0.4),
        oracle.kl_cov(P, Q, A, beta=1, count=1, absolute=True, logit_change=True, penalty="kl-entries"),
        None,
    ),
    "kl-cov, known": (
        controls.KLCov.preset("paper", fraction=0.7),
        oracle.kl_cov(P, Q, A, beta=1, count=2, absolute=True, penalty="kl-entries", known=KNOWN),
        KNOWN,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_enumerated_moments(name: str) -> None:
    control, update, covariance = CASES[name]
    got = enumerated_moments(control, np.log(floats(P)), floats(A), 3, z_old=np.log(floats(Q)), covariance=covariance)
    assert_moments(got, oracle.batches(Q, 3, update))


@pytest.mark.parametrize("name", ["clip-cov, known", "kl-cov, known", "policy gradient"])
def test_two_tokens(name: str) -> None:
    control, update, covariance = CASES[name]
    if name == "clip-cov, known":
        update = oracle.clip_cov(P, Q, A, count=1, low=0.02, high=1.0, known=KNOWN)
    if name == "kl-cov, known":
        update = oracle.kl_cov(P, Q, A, beta=1, count=1, absolute=True, penalty="kl-entries", known=KNOWN)
    got = enumerated_moments(control, np.log(floats(P)), floats(A), 2, z_old=np.log(floats(Q)), covariance=covariance)
    assert_moments(got, oracle.batches(Q, 2, update))


def test_the_cases_select() -> None:
    """Each rule changes the moments: none of the comparisons above is one of two plain policy gradients."""
    plain = oracle.moments(oracle.batches(Q, 3, CASES["policy gradient"][1]))
    for name, (_, update, _) in CASES.items():
        if name != "policy gradient":
            assert oracle.moments(oracle.batches(Q, 3, update)) != plain, name


def test_on_policy_enumeration_is_the_closed_form() -> None:
    z, a = np.log(floats(P)), floats(A)
    got = enumerated_moments(controls.PolicyGradient(), z, a, 3)
    closed = token_moments(z, a, tokens=3)
    np.testing.assert_allclose(got.mean, closed.mean, rtol=0, atol=LIMIT)
    np.testing.assert_allclose(got.covariance, closed.covariance, rtol=0, atol=LIMIT)


def test_the_step_sets_the_coefficient() -> None:
    z, a, old = np.log(floats(P)), floats(A), np.log(floats(Q))
    control = controls.KLCov(controls.Annealed(1.0, 0.0, 4), 0.4)
    for step, beta in ((0, F(1)), (2, F(1, 2)), (4, F(0))):
        got = enumerated_moments(control, z, a, 3, z_old=old, step=step)
        assert_moments(got, oracle.batches(Q, 3, oracle.kl_cov(P, Q, A, beta=beta, count=1)))
    first = enumerated_moments(control, z, a, 3, z_old=old)
    assert_moments(first, oracle.batches(Q, 3, oracle.kl_cov(P, Q, A, beta=F(1), count=1)))


# Loewner order --------------------------------------------------------------------------------------------------

BELOW = [[F(1), F(0), F(-1)], [F(0), F(0), F(0)], [F(-1), F(0), F(1)]]
ABOVE = [[F(2), F(-1), F(-1)], [F(-1), F(2), F(-1)], [F(-1), F(-1), F(2)]]
"""The differences have the eigenvalues 0, 1, 3, and -3, -1, 0; on the leading block (3 +- sqrt 5)/2."""


def test_gap_of_known_matrices() -> None:
    small, large = floats(BELOW), floats(ABOVE)
    np.testing.assert_allclose(loewner_gap(small, large), 0, atol=1e-15)
    np.testing.assert_allclose(loewner_gap(large, small), -3, rtol=1e-14)
    np.testing.assert_allclose(loewner_gap(small, large, zero_sum=True), (3 - 5**0.5) / 2, rtol=1e-14)
    batch = loewner_gap(np.stack([small, large]), np.stack([large, small]))
    np.testing.assert_allclose(batch, [0, -3], atol=1e-14)


def test_gap_of_two_actions_that_sum_to_zero() -> None:
    """``D = d [[1, -1], [-1, 1]]``: the leading block is d."""
    unit = np.array([[1.0, -1.0], [-1.0, 1.0]])
    assert loewner_gap(unit, 3 * unit, zero_sum=True) == 2
    assert loewner_gap(unit, 0.5 * unit, zero_sum=True) == -0.5


@pytest.mark.parametrize("zero_sum", [False, True])
def test_gaps_of_batches_with_several_axes(zero_sum: bool) -> None:
    small, large = floats(BELOW), floats(ABOVE)
    one, two = (loewner_gap(a, b, zero_sum=zero_sum) for a, b in ((small, large), (large, small)))
    pairs = np.stack([np.stack([small, large])] * 4)
    expected = np.broadcast_to([one, loewner_gap(large, large)], (4, 2))
    np.testing.assert_allclose(loewner_gap(pairs, large, zero_sum=zero_sum), expected, atol=1e-14)
    expected = np.broadcast_to([loewner_gap(large, large), two], (4, 2))
    np.testing.assert_allclose(loewner_gap(large, pairs[:, ::-1], zero_sum=zero_sum), expected, atol=1e-14)


def test_gap_on_balls_is_an_enclosure() -> None:
    with precision(128):
        block: Any = loewner_gap(balls(BELOW), balls(ABOVE), zero_sum=True)[()]
        assert (2 * block - 3) ** 2 - 5 < Ball(F(1, 10**30))
        assert block > F(38196, 100000)
        assert block < F(38197, 100000)
        gap: Any = loewner_gap(balls(ABOVE), balls(BELOW))[()]
        assert abs(gap + 3) < F(1, 10**30)
        several = loewner_gap(balls([BELOW, ABOVE]), balls([ABOVE, BELOW]))
        assert several.shape == (2,)
        assert several[0].arb.contains(0)
        equal: Any = loewner_gap(balls([[1, 0], [0, 1]]), balls([[3, 0], [0, 3]]))[()]
        assert abs(equal - 2) < F(1, 10**30)


def form(matrix: Any, v: Any) -> Any:
    n = range(len(v))
    return sum(v[i] * matrix[i][j] * v[j] for i in n for j in n)


def test_witness() -> None:
    difference = [[x - y for x, y in zip(a, b, strict=True)] for a, b in zip(BELOW, ABOVE, strict=True)]
    for convert in (floats, balls):
        v = loewner_witness(convert(ABOVE), convert(BELOW))
        assert v is not None
        assert all(isinstance(x, Fraction) for x in v)
        assert form(difference, v) < 0
        assert loewner_witness(convert(BELOW), convert(ABOVE)) is None


def test_witness_where_the_diagonal_shows_nothing() -> None:
    """The variances agree, the covariances do not; and a negative eigenvalue far below the others."""
    v = loewner_witness(np.zeros((2, 2)), [[0.0, -1.0], [-1.0, 1.0]])
    assert v is not None
    assert form([[0, -1], [-1, 1]], v) < 0
    thin = np.array([[1.0, 1.0], [1.0, 1.0 - 2.0**-20]])
    v = loewner_witness(np.zeros((2, 2)), thin)
    assert v is not None
    assert form([[F(x) for x in row] for row in thin.tolist()], v) < 0


SIMPLE = (1, 2, 3, 4, 5, 6, 8, 10, 12, 20, 50, 100, 1000, 10**6, 10**9, 10**12)


@pytest.mark.parametrize("d", SIMPLE)
def test_the_simplest_denominator_that_serves_is_taken(d: int) -> None:
    """``v'Dv = (v_2 - x)^2 - t^2`` for v_1 = 1: what lies within t = 2/(5d) of x = 7/(10d) is a witness. Zero and the
    fractions nearest to x with a smaller denominator of the list do not, 1/d does."""
    x, t = F(7, 10 * d), F(2, 5 * d)
    assert not any(abs(F(round(x * e), e) - x) < t for e in SIMPLE if e < d)
    witness = loewner_witness(balls([[0, 0], [0, 0]]), balls([[x * x - t * t, -x], [-x, 1]]))
    assert witness is not None
    assert witness.tolist() == [1, F(1, d)]


def test_a_form_that_vanishes_is_no_witness() -> None:
    assert loewner_witness(np.zeros((2, 2)), np.zeros((2, 2))) is None
    assert loewner_witness(np.zeros((2, 2)), [[1.0, -1.0], [-1.0, 1.0]]) is None


def test_random_masking_order() -> None:
    """``S_mask <= S`` iff ``(1 - rho) m' S^+ m <= 1``, the pseudo-inverse by NumPy, on both sides of the threshold."""
    rng = np.random.default_rng(5)
    seen = []
    for _ in range(40):
        base = token_moments(rng.normal(size=4), rng.normal(size=4) + 0.5)
        threshold = 1 - 1 / (base.mean @ np.linalg.pinv(base.covariance, rcond=1e-10) @ base.mean)
        for rho in (threshold - 0.01, threshold + 0.01):
            if 0 < rho < 1:
                gap = float(loewner_gap(randomly_masked(base, rho).covariance, base.covariance, zero_sum=True))
                assert (gap >= 0) == (rho > threshold)
                seen.append(rho > threshold)
    assert len(set(seen)) == 2


@pytest.mark.parametrize("rewards", [[0, F(1, 2), 1], [1, 0, F(1, 3)], [0, 1, F(1, 5)]])
def test_the_certified_order_follows_the_closed_criterion(rewards: list[Any]) -> None:
    """Masked tokens have the smaller covariance iff ``(1 - rho) Var_p(1/A) <= (E_p 1/A)^2``: certified off equality."""
    p = POLICIES["three"]
    mean = sum(x * r for x, r in zip(p, rewards, strict=True))
    inverse = [1 / (r - mean) for r in rewards]
    first = sum(x * y for x, y in zip(p, inverse, strict=True))
    variance = sum(x * y * y for x, y in zip(p, inverse, strict=True)) - first**2
    threshold = 1 - first**2 / variance
    assert 0 < threshold < 1
    with precision(128):
        base = token_moments(np.log(balls(p)), balls([r - mean for r in rewards]))
        for rho in (threshold * F(99, 100), 1 - (1 - threshold) * F(99, 100)):
            masked = randomly_masked(base, balls(rho)[()])
            gap: Any = loewner_gap(masked.covariance, base.covariance, zero_sum=True)[()]
            assert bool(gap > 0) == (rho > threshold)
            witness = loewner_witness(masked.covariance, base.covariance)
            assert (witness is not None) == (rho < threshold)


# Bad arguments --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [0, -1, 1.0, True, "2", None])
def test_tokens_is_a_positive_integer(tokens: Any) -> None:
    with pytest.raises(ValueError, match=r"tokens is .*expected an integer >= 1"):
        token_moments([0.0, 1.0], [1.0, 0.0], tokens=tokens)
    with pytest.raises(ValueError, match=r"tokens is .*expected an integer >= 1"):
        enumerated_moments(controls.PolicyGradient(), [0.0, 1.0], [1.0, 0.0], tokens)


def test_probabilities_are_checked() -> None:
    base = token_moments([0.0, 1.0], [1.0, 0.0])
    for bad in (-0.1, 1.1):
        with pytest.raises(ValueError, match=r"keep\[1\] is .*expected a probability in \[0, 1\]"):
            token_moments([0.0, 1.0], [1.0, 0.0], [0.5, bad])
        with pytest.raises(ValueError, match=r"keep\[0\] is .*probability"):
            entry_masked(base, [bad, 0.5])
        with pytest.raises(ValueError, match=r"rho.* is .*probability"):
            randomly_masked(base, bad)
    with pytest.raises(ValueError, match=r"keep has shape \(3,\)"):
        entry_masked(base, [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="finite"):
        entry_masked(base, [0.1, np.nan])


def test_shapes_and_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="broadcast"):
        token_moments([0.0, 1.0], [1.0, 0.0, 2.0])
    with pytest.raises(ValueError, match=r"advantage\[1\] is inf"):
        token_moments([0.0, 1.0], [1.0, np.inf])
    control = controls.PolicyGradient()
    with pytest.raises(ValueError, match=r"z has shape \(1, 2\).*one state"):
        enumerated_moments(control, [[0.0, 1.0]], [1.0, 0.0], 1)
    with pytest.raises(ValueError, match=r"advantage has shape \(3,\), expected \(2,\)"):
        enumerated_moments(control, [0.0, 1.0], [1.0, 0.0, 2.0], 1)
    with pytest.raises(ValueError, match=r"z_old has shape \(3,\)"):
        enumerated_moments(control, [0.0, 1.0], [1.0, 0.0], 1, z_old=[0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"covariance has shape \(1,\)"):
        enumerated_moments(control, [0.0, 1.0], [1.0, 0.0], 1, covariance=[0.0])


def test_too_many_outcomes() -> None:
    with pytest.raises(ValueError, match=r"tokens is too large: 4\^20 sequences are more than 1,000,000"):
        enumerated_moments(controls.PolicyGradient(), np.zeros(4), np.ones(4), 20)


class Reached(Exception):
    """That the enumeration has begun."""


class Beginning:
    """A control that is asked for its selections once."""

    def selections(self, *batch: Any, **more: Any) -> Any:
        raise Reached

    loss_gradient = selections


@pytest.mark.parametrize(("actions", "expected"), [(1_000_000, Reached), (1_000_001, ValueError)])
def test_a_million_outcomes_are_not_too_many(actions: int, expected: Any) -> None:
    with pytest.raises(expected):
        enumerated_moments(Beginning(), np.zeros(actions), np.zeros(actions), 1)


def test_as_many_selections_as_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entropy_theory.moments.MOST_OUTCOMES", 27)
    got = enumerated_moments(controls.PolicyGradient(), np.log(floats(P)), floats(A), 3)
    assert_moments(got, oracle.batches(P, 3, oracle.surrogate(P, P, A)))


def test_too_many_selections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entropy_theory.moments.MOST_OUTCOMES", 30)
    control = controls.ClipCov(0.4, -1.0, 5.0, ppo_clip=None)
    with pytest.raises(ValueError, match=r"tokens is too large: the selections of 3\^3 sequences"):
        enumerated_moments(control, np.log(floats(P)), floats(A), 3)


def test_matrices_are_checked() -> None:
    square = np.eye(2)
    with pytest.raises(ValueError, match=r"smaller has shape \(2, 3\), expected square"):
        loewner_gap(np.ones((2, 3)), square)
    with pytest.raises(ValueError, match=r"larger\[0, 1\] is .*expected a symmetric matrix"):
        loewner_gap(square, [[1.0, 2.0], [0.0, 1.0]])
    for size in (1.0, 1e12):
        with pytest.raises(ValueError, match=r"smaller\[0, 1\] is .*expected a symmetric matrix"):
            loewner_gap(size * np.array([[1.0, 1.5e-9], [0.0, 1.0]]), square)
        assert loewner_gap(size * np.array([[1.0, 0.5e-9], [0.0, 1.0]]), square) == pytest.approx(
            1 - size, abs=1e-9 * size
        )
    with pytest.raises(ValueError, match="equally many actions"):
        loewner_gap(square, np.eye(3))
    with pytest.raises(ValueError, match="at least two"):
        loewner_gap([[1.0]], [[2.0]], zero_sum=True)
    with pytest.raises(ValueError, match="at least two"):
        loewner_gap(np.ones((4, 2, 1, 1)), [[2.0]], zero_sum=True)
    with pytest.raises(ValueError, match=r"larger\[1, 0, 1\] is .*expected a symmetric matrix"):
        loewner_gap(square, np.stack([square, [[1.0, 2.0], [0.0, 1.0]]]))
    with pytest.raises(ValueError, match="expected one matrix"):
        loewner_witness(np.eye(2)[None], np.eye(2)[None])


# The claims' own counterexamples ----------------------------------------------------------------------------------


def test_known_counterexamples_of_the_claims() -> None:
    """Worked out by hand, put to the claims' functions."""
    printed = {c.name: c for c in CLAIMS if c.reading == "printed"}
    half = {"p": np.array([[0.5, 0.5]]), "r": np.array([[1.0, 0.0]]), "rho": np.array([0.5])}
    lhs, rhs = printed["theorem-vii.1/eq-27"].sides(half)
    np.testing.assert_array_equal(lhs, [[1 / 64, 1 / 64]])
    np.testing.assert_array_equal(rhs, [[0, 0]])
    third = {"p": np.array([[2 / 3, 1 / 3]]), "r": np.array([[1.0, 0.0]])}
    keep, ones = {"k": np.array([[1.0, 0.0]])}, {"v": np.array([[1.0, 1.0]])}
    eq_28 = printed["theorem-vii.1/eq-28"]
    assert eq_28.meets({**third, **keep, **ones}).all()
    lhs, rhs = eq_28.sides({**third, **keep, **ones})
    np.testing.assert_allclose(lhs, [[2 / 81]], rtol=1e-14)
    np.testing.assert_allclose(rhs, [[0]], atol=1e-17)
    dense = printed["theorem-vii.1/dense"]
    assert dense.sides({"m": np.array([[2.0, 1.0, 0.0, 0.0, 0.0, 0.0]])})[1] == [[0]]


@pytest.mark.parametrize("function", [loewner_gap, loewner_witness])
def test_a_difference_beyond_the_doubles_is_refused(function: Any) -> None:
    with pytest.raises(OverflowError, match=r"^smaller or larger is too large"):
        function(-1e308 * np.eye(2), 1e308 * np.eye(2))


def test_a_matrix_that_is_far_from_symmetric_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^larger\[0, 1\] is 1e\+308, expected a symmetric matrix$"):
        loewner_gap(np.eye(2), np.array([[1, 1e308], [-1e308, 1]]))

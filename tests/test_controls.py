"""The entropy controls against plain loops over tokens and tables (``tests.oracles.released_controls``).

Which tokens are selected is compared as a set.  Products C_t in floating point differ from the exact ones by
rounding, so a token may lie on either side of a boundary only within the error that the oracle derives; on grids of
dyadic numbers in batches of 2^k tokens nothing is rounded, the error is zero and the set is unique.  Equal tokens
have equal products in any arithmetic, so that the earliest comes first.

Gradients come from dual numbers of the losses, written out with ``controls.DIGITS`` digits.  Their limits count
roundings: EPS times the number of operations times the sum of the terms' sizes.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
import sys
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import entropy_theory as et
from entropy_theory import controls as package
from entropy_theory import fast
from tests.oracles import decision, policies, rounding
from tests.oracles import released_controls as controls
from tests.oracles.numbers import assert_encloses, assert_within
from tests.oracles.released_controls import Rule

EPS = rounding.EPS
MARGIN = 1e-9
"""Ratios closer than this to a threshold are not compared: far above the rounding of any ratio drawn here (1e-12)."""


def build(rule: Rule) -> Any:
    """The package's control of a rule."""
    o = dict(rule.options)
    if rule.kind == "clip-cov":
        return package.ClipCov(o.pop("fraction"), o.pop("low"), o.pop("high"), **o)
    if rule.kind == "kl-cov":
        return package.KLCov(o.pop("beta"), o.pop("fraction"), **o)
    kinds: dict[str, Any] = {
        "policy-gradient": package.PolicyGradient,
        "natural": package.NaturalPolicyGradient,
        "entropy-bonus": package.EntropyBonus,
        "clip-higher": package.ClipHigher,
    }
    return kinds[rule.kind](**o)


# Batches of tokens -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """Tokens; ``exact`` says that no deviation from a mean over all of them is rounded."""

    log_prob: list[float]
    advantage: list[float]
    old: list[float] | None
    state: list[int] | None
    exact: bool

    @property
    def n(self) -> int:
        return len(self.log_prob)

    @property
    def log_ratio(self) -> list[float]:
        old = self.log_prob if self.old is None else self.old
        return [x - y for x, y in zip(self.log_prob, old, strict=True)]

    @property
    def arrays(self) -> dict[str, Any]:
        """Arguments of ``select``."""
        return {
            "log_prob": np.array(self.log_prob),
            "advantage": np.array(self.advantage),
            "old_log_prob": None if self.old is None else np.array(self.old),
            "state": None if self.state is None else np.array(self.state),
        }

    @property
    def tokens(self) -> list[Any]:
        """What distinguishes one token from another."""
        labels = self.state if self.state is not None else [0] * self.n
        return list(zip(self.log_prob, self.advantage, labels, strict=True))

    def errors(self, rule: Rule) -> list[Fraction]:
        """How far a product may be off."""
        whole = rule.o.centre == "batch" or self.state is None
        if self.exact and whole and rule.o.factor == "advantage":
            return [Fraction(0)] * self.n
        return controls.covariance_errors(rule, self.log_prob, self.advantage, self.state)

    def covariances(self, rule: Rule) -> list[Fraction]:
        return controls.covariances(rule, self.log_prob, self.advantage, self.state)


def eighths(low: int, high: int) -> Any:
    return st.integers(low, high).map(lambda k: k / 8)


@st.composite
def batches(draw: Any, most: int = 60) -> Batch:
    """Few distinct values, so that ties are likely; on a dyadic grid or anywhere."""
    exact = draw(st.booleans())
    grid = exact or draw(st.booleans())
    n = draw(st.sampled_from([k for k in (1, 2, 4, 8, 16, 32) if k <= most]) if exact else st.integers(1, most))
    xs = eighths(-40, 0) if grid else st.floats(-12, 0, allow_subnormal=False)
    ys = eighths(-24, 24) if grid else st.floats(-3, 3, allow_subnormal=False)
    x_pool = draw(st.lists(xs, min_size=1, max_size=5))
    y_pool = draw(st.lists(ys, min_size=1, max_size=5))
    shifts = st.sampled_from([0.0, 0.0, 0.125, -0.125, 0.25, -0.25, 0.375, -0.375])
    rows = st.tuples(st.sampled_from(x_pool), st.sampled_from(y_pool), shifts, st.sampled_from([0, 3, 17]))
    drawn = draw(st.lists(rows, min_size=n, max_size=n))
    off_policy, labelled = draw(st.booleans()), draw(st.booleans())
    return Batch(
        [r[0] for r in drawn],
        [r[1] for r in drawn],
        # A log-probability is at most zero.
        [min(0.0, r[0] + r[2]) for r in drawn] if off_policy else None,
        [r[3] for r in drawn] if labelled else None,
        exact,
    )


FRACTIONS = st.sampled_from([1.0, 0.5, 0.29, 0.1, 0.3, 1 / 3, 0.05, 2e-4])
CENTRES = st.sampled_from(["batch", "state"])
FACTORS = st.sampled_from(["advantage", "logit-change"])
PPO = st.sampled_from([(0.2, 0.2), (0.2, 0.28), None])


LOWS = st.sampled_from([-2.0, -0.25, 0.0, 0.125, 1.0])
WIDTHS = st.sampled_from([0.25, 1.0, 4.0])


@st.composite
def clip_rules(draw: Any, fractions: Any = FRACTIONS, lows: Any = LOWS, widths: Any = WIDTHS) -> Rule:
    low = draw(lows)
    return controls.clip_cov(
        draw(fractions),
        low,
        low + draw(widths),
        band=draw(st.sampled_from(["open", "closed"])),
        unit=draw(st.sampled_from(["absolute", "mean"])),
        at_least_one=draw(st.booleans()),
        centre=draw(CENTRES),
        factor=draw(FACTORS),
        mask=draw(st.sampled_from(["token", "logit"])),
        ppo_clip=draw(PPO),
    )


@st.composite
def kl_rules(draw: Any, fractions: Any = FRACTIONS) -> Rule:
    penalty = draw(st.sampled_from(["abs-log-ratio", "kl"]))
    return controls.kl_cov(
        draw(st.sampled_from([0.0, 0.1, 1, 2.5])),
        draw(fractions),
        rank=draw(st.sampled_from(["signed", "abs"])),
        at_least_one=draw(st.booleans()),
        centre=draw(CENTRES),
        factor=draw(FACTORS),
        penalty=penalty,
        mask=draw(st.sampled_from(["token", "logit"])) if penalty == "kl" else "token",
        anchor=draw(st.sampled_from(["moving", "fixed"])),
    )


OTHER_RULES = st.one_of(
    st.just(controls.policy_gradient()),
    st.just(controls.natural()),
    st.builds(controls.entropy_bonus, st.sampled_from([0, 0.25, 1.0]), st.sampled_from(["through", "held"])),
    st.builds(controls.clip_higher, st.sampled_from([0.2, 0.1]), st.sampled_from([0.28, 0.5])),
)
RULES = {"clip-cov": clip_rules(), "kl-cov": kl_rules(), "others": OTHER_RULES}


def as_mask(got: Any, n: int) -> list[bool]:
    mask = np.asarray(got)
    assert mask.dtype == np.bool_
    assert mask.shape == (n,)
    return [bool(x) for x in mask]


# Selection -------------------------------------------------------------------------------------------------------


@given(kl_rules(), batches())
def test_kl_cov_selects_the_largest(rule: Rule, batch: Batch) -> None:
    control = build(rule)
    chosen = as_mask(control.select(**batch.arrays), batch.n)
    keys = batch.covariances(rule)
    keys = [abs(c) for c in keys] if rule.o.rank == "abs" else keys
    count = controls.asked(rule, batch.n)
    assert controls.is_top(chosen, keys, batch.errors(rule), count, batch.tokens)
    ((mask, probability),) = control.selections(**batch.arrays)
    assert as_mask(mask, batch.n) == chosen
    assert probability == 1


@given(clip_rules(), batches(), st.integers(0, 2**32 - 1))
def test_clip_cov_selects_eligible_tokens(rule: Rule, batch: Batch, seed: int) -> None:
    """Never a token that is not eligible, and as many as asked or as there are."""
    chosen = as_mask(build(rule).select(rng=seed, **batch.arrays), batch.n)
    allowed = controls.eligible(rule, batch.covariances(rule), batch.errors(rule), batch.log_ratio, batch.advantage)
    assert not any(c and a is False for c, a in zip(chosen, allowed, strict=True))
    k = controls.asked(rule, batch.n)
    fewest, most = sum(a is True for a in allowed), sum(a is not False for a in allowed)
    assert min(k, fewest) <= sum(chosen) <= min(k, most)


@given(clip_rules(st.just(1e-6)), batches(32))
def test_clip_cov_eligible_tokens(rule: Rule, batch: Batch) -> None:
    """One token is drawn: the possible selections are the eligible tokens, equally likely."""
    rule = Rule(rule.kind, {**rule.options, "at_least_one": True})
    found = build(rule).selections(**batch.arrays)
    masks = [as_mask(mask, batch.n) for mask, _ in found]
    allowed = controls.eligible(rule, batch.covariances(rule), batch.errors(rule), batch.log_ratio, batch.advantage)
    members = [any(mask[t] for mask in masks) for t in range(batch.n)]
    assert all(a is None or a == m for a, m in zip(allowed, members, strict=True))
    assert [p for _, p in found] == [Fraction(1, max(sum(members), 1))] * max(sum(members), 1)
    assert all(isinstance(p, Fraction) for _, p in found)
    assert all(sum(mask) == min(1, sum(members)) for mask in masks)


@given(clip_rules(), batches(8))
def test_clip_cov_selections_are_all_subsets(rule: Rule, batch: Batch) -> None:
    """Every subset of the size asked, once, each as likely as the others."""
    rule = Rule(rule.kind, {**rule.options, "at_least_one": True})
    found = build(rule).selections(**batch.arrays)
    masks = [as_mask(mask, batch.n) for mask, _ in found]
    members = [t for t in range(batch.n) if any(mask[t] for mask in masks)]
    k = min(controls.asked(rule, batch.n), len(members))
    expected = [[t in subset for t in range(batch.n)] for subset in itertools.combinations(members, k)]
    assert sorted(masks) == sorted(expected)
    assert [p for _, p in found] == [Fraction(1, len(expected))] * len(expected)


def test_clip_cov_draws_uniformly() -> None:
    """Each of the C(4, 2) selections of one batch, over 3,000 seeds; a uniform draw is as far off once in 10^9."""
    tokens, c = ([-1.0] * 6, [0.0] * 6), np.array([2.0, 0.5, 3.0, 2.0, 9.0, 4.0])
    control = package.ClipCov(0.4, 1, 5)
    masks = [tuple(as_mask(mask, 6)) for mask, _ in control.selections(*tokens, covariance=c)]
    assert len(masks) == 6
    drawn = [tuple(as_mask(control.select(*tokens, seed, covariance=c), 6)) for seed in range(3000)]
    assert set(drawn) <= set(masks)
    assert scipy.stats.chisquare([drawn.count(mask) for mask in masks]).pvalue > 1e-9


def test_clip_cov_draws_from_the_generator() -> None:
    """A seed means the generator made from it; a generator moves on from draw to draw."""
    log_prob, advantage = np.tile([-4.0, 0.0], 30), np.tile([-4.0, 4.0], 30)
    control = package.ClipCov(0.5, 1, 50)
    first = control.select(log_prob, advantage, 7)
    np.testing.assert_array_equal(first, control.select(log_prob, advantage, np.random.default_rng(7)))
    rng = np.random.default_rng(7)
    np.testing.assert_array_equal(first, control.select(log_prob, advantage, rng))
    # The same 30 of 60 tokens again have probability 1 / C(60, 30), below 1e-16.
    assert (first != control.select(log_prob, advantage, rng)).any()
    assert int(control.select(log_prob, advantage).sum()) == 30


@given(st.one_of(clip_rules(st.just(1e-6)), kl_rules()), batches(16), st.data())
def test_a_given_covariance_is_used_as_it_is(rule: Rule, batch: Batch, data: Any) -> None:
    """No rounding at all: the numbers are compared, not computed (but for thresholds in units of their mean)."""
    c = data.draw(st.lists(eighths(-32, 64), min_size=batch.n, max_size=batch.n))
    control = build(rule)
    keys, none = [Fraction(x) for x in c], [Fraction(0)] * batch.n
    if rule.kind == "kl-cov":
        keys = [abs(x) for x in keys] if rule.o.rank == "abs" else keys
        chosen = as_mask(control.select(covariance=np.array(c), **batch.arrays), batch.n)
        assert controls.is_top(chosen, keys, none, controls.asked(rule, batch.n), c)
        return
    rule = Rule(rule.kind, {**rule.options, "at_least_one": True, "unit": "absolute"})
    found = build(rule).selections(covariance=np.array(c), **batch.arrays)
    members = [any(as_mask(mask, batch.n)[t] for mask, _ in found) for t in range(batch.n)]
    assert members == controls.eligible(rule, keys, none, batch.log_ratio, batch.advantage)


@given(st.builds(controls.clip_higher, st.sampled_from([0.2, 0.1]), st.sampled_from([0.28, 0.5])), batches())
def test_clip_higher_selects_the_clipped(rule: Rule, batch: Batch) -> None:
    pairs = zip(batch.log_ratio, batch.advantage, strict=True)
    expected = [controls.ppo_clipped(rule.clip, mpmath.mpf(r), a) for r, a in pairs]
    assert as_mask(build(rule).select(**batch.arrays), batch.n) == expected


@pytest.mark.parametrize(
    "control", [package.PolicyGradient(), package.NaturalPolicyGradient(), package.EntropyBonus(0.1)], ids=repr
)
def test_nothing_is_special_without_a_control(control: Any) -> None:
    assert not as_mask(control.select([-1.0, -2.0, -0.5], [1.0, -1.0, 0.0]), 3).count(True)
    ((mask, probability),) = control.selections([-1.0, -2.0, -0.5], [1.0, -1.0, 0.0])
    assert as_mask(mask, 3) == [False] * 3
    assert probability == 1


# Gradients in the tokens' log-probabilities ------------------------------------------------------------------------


def token_limit(rule: Rule, batch: Batch) -> Any:
    """-A ratio / N: exp moves by the rounding of its argument, and has 4 units; the penalty is one number."""
    advantage, log_ratio = np.array(batch.advantage), np.array(batch.log_ratio)
    size = np.abs(advantage) * np.exp(log_ratio) * (10 + np.abs(log_ratio)) + 4 * float(rule.options.get("beta", 0))
    return size * EPS / batch.n


def has_token_gradient(rule: Rule) -> bool:
    """Whether the loss is a function of the tokens' own log-probabilities."""
    if rule.kind in ("clip-cov", "kl-cov"):
        return bool(rule.o.mask == "token" and rule.options.get("penalty") != "kl")
    return rule.kind != "natural" and not rule.options.get("alpha")


@pytest.mark.parametrize("kind", RULES)
@given(batches(30), st.data())
def test_token_gradient(kind: str, batch: Batch, data: Any) -> None:
    rule = data.draw(RULES[kind])
    selected = data.draw(st.lists(st.booleans(), min_size=batch.n, max_size=batch.n))
    control = build(rule)
    if rule.kind == "clip-higher":
        # The clip is its selection; whether an override lifts the clip is a convention that no formula decides.
        selected = as_mask(control.select(**batch.arrays), batch.n)
    if not has_token_gradient(rule):
        with pytest.raises(ValueError, match="loss_gradient"):
            control.token_gradient(selected=np.array(selected), **batch.arrays)
        return
    got = control.token_gradient(selected=np.array(selected), **batch.arrays)
    old = batch.log_prob if batch.old is None else batch.old
    exact = controls.token_gradient(rule, batch.log_prob, old, batch.advantage, selected)
    assert_within(got, np.array(exact, dtype=object), token_limit(rule, batch), rule.kind)


@given(st.one_of(clip_rules(), kl_rules()), batches(30), st.integers(0, 2**32 - 1))
def test_token_gradient_selects_by_itself(rule: Rule, batch: Batch, seed: int) -> None:
    control = build(rule)
    if not has_token_gradient(rule):
        return
    selected = control.select(rng=seed, **batch.arrays)
    np.testing.assert_array_equal(
        control.token_gradient(rng=seed, **batch.arrays), control.token_gradient(selected=selected, **batch.arrays)
    )
    c = np.linspace(-1, 5, batch.n)
    selected = control.select(rng=seed, covariance=c, **batch.arrays)
    np.testing.assert_array_equal(
        control.token_gradient(rng=seed, covariance=c, **batch.arrays),
        control.token_gradient(selected=selected, **batch.arrays),
    )


# Gradients in the logits --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """Logits and tokens (s, a, advantage)."""

    z: Any
    z_old: Any
    tokens: list[tuple[int, int, float]]

    @property
    def arrays(self) -> dict[str, Any]:
        """Arguments of ``loss_gradient``."""
        return {
            "z": self.z,
            "state": np.array([t[0] for t in self.tokens], dtype=int),
            "action": np.array([t[1] for t in self.tokens], dtype=int),
            "advantage": np.array([t[2] for t in self.tokens]),
            "z_old": self.z_old,
        }

    def log_probs(self) -> tuple[Any, Any]:
        x, old = et.log_softmax(self.z), et.log_softmax(self.z_old)
        index = ([t[0] for t in self.tokens], [t[1] for t in self.tokens])
        return x[index], old[index]


LOGITS = st.one_of(eighths(-32, 32), st.floats(-4, 4, allow_subnormal=False))


@st.composite
def samples(draw: Any, most: int = 20) -> Sample:
    states, actions = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    size = states * actions
    z = np.array(draw(st.lists(LOGITS, min_size=size, max_size=size))).reshape(states, actions)
    shift = draw(st.one_of(st.just([0.0] * size), st.lists(LOGITS, min_size=size, max_size=size)))
    advantages = st.one_of(eighths(-16, 16), st.floats(-2, 2, allow_subnormal=False))
    token = st.tuples(st.integers(0, states - 1), st.integers(0, actions - 1), advantages)
    return Sample(z, z + np.array(shift).reshape(z.shape) / 4, draw(st.lists(token, max_size=most)))


def near_a_kink(rule: Rule, p: Any, q: Any, same: Any) -> bool:
    """Whether rounding could move a ratio across one, where |log ratio| turns, or across a threshold of the clip.

    ``p``, ``q`` are rows of mpmath numbers, ``same`` says for each row whether its logits are the same.
    """
    kinks = [] if rule.clip is None else [mpmath.log1p(rule.clip[1]), mpmath.log1p(-rule.clip[0])]
    for row, other, equal in zip(p, q, same, strict=True):
        for a, b in zip(row, other, strict=True):
            log_ratio = mpmath.log(a / b)
            if any(abs(log_ratio - k) < MARGIN for k in kinks) or (not equal and abs(log_ratio) < MARGIN):
                return True
    return False


def loss_limit(rule: Rule, sample: Sample) -> Any:
    """Token t adds g_t (e_a - p) / N, and its ratio has the relative error of its log-probabilities.

    These are known to ``unit`` times their size.  The natural gradient divides by the entry's probability and
    subtracts a mean of such quotients.
    """
    z, old = sample.z, sample.z_old
    p = et.softmax(z)
    relative = rounding.unit(z).max() + rounding.unit(old).max()
    largest = max(rounding.log_magnitude(z).max(), rounding.log_magnitude(old).max())
    n = max(len(sample.tokens), 1)
    size = np.zeros(z.shape)
    extra = float(rule.options.get("beta", 0)) + float(rule.options.get("alpha", 0)) * (1 + np.log(z.shape[-1]))
    x, before = sample.log_probs()
    for t, (s, a, advantage) in enumerate(sample.tokens):
        weight = abs(advantage) * np.exp(x[t] - before[t]) + extra
        size[s] += weight * (p[s] + (np.arange(z.shape[-1]) == a))
    limit = 2 * size / n * (relative * (2 + 2 * largest) + (n + 16) * EPS)
    if rule.kind == "natural":
        visits = np.array([max(1, sum(t[0] == s for t in sample.tokens)) for s in range(z.shape[0])])
        limit = 2 * limit * n / visits[:, None] / p
        limit = limit + (p * limit).sum(-1, keepdims=True)
    return limit


@pytest.mark.parametrize("kind", RULES)
@given(samples(), st.data())
def test_loss_gradient(kind: str, sample: Sample, data: Any) -> None:
    rule = data.draw(RULES[kind])
    n = len(sample.tokens)
    selected = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    with mpmath.workdps(controls.DIGITS):
        p, q = (decision.softmax(controls.wide(x)) for x in (sample.z, sample.z_old))
        if near_a_kink(rule, p, q, (sample.z == sample.z_old).all(-1)):
            return
    override = None if rule.kind == "clip-higher" else np.array(selected, dtype=bool)
    got = build(rule).loss_gradient(selected=override, **sample.arrays)
    exact = controls.loss_gradient(rule, sample.z, sample.z_old, sample.tokens, selected)
    assert_within(got, np.array(exact, dtype=object), loss_limit(rule, sample), rule.kind)


def test_penalties_take_the_log_probabilities_that_the_caller_knows() -> None:
    """Those of the reference, and of the old policy where that is the reference; the logits give others."""
    z, known = np.zeros((2, 2)), [-0.25, -1.5]
    state, action, advantage = [0, 1], [0, 1], [1.0, 1.0]
    for batch in (
        package.Batch.of(z, state, action, advantage, z, old_log_prob=known),
        package.Batch.of(z, state, action, advantage, z, z, reference_log_prob=known),
        package.Batch.of(z, state, action, advantage, None, z, reference_log_prob=known),
    ):
        np.testing.assert_array_equal(batch.tokens.from_reference, batch.tokens.log_prob - known)


def test_a_table_in_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows in each, with tokens in all of them: to the bit what the whole table gives."""
    given = (np.random.default_rng(0).normal(size=(4, 3)), [3, 2, 0, 1, 3], [0, 1, 2, 0, 2], g := np.arange(1.0, 6.0))
    whole = package.Batch.of(*given)
    monkeypatch.setattr("entropy_theory.controls.tokens.PART", 6)
    parts = package.Batch.of(*given)
    np.testing.assert_array_equal(parts.tokens.log_prob, whole.tokens.log_prob)
    np.testing.assert_array_equal(parts.state_entropy, whole.state_entropy)
    np.testing.assert_array_equal(parts.policy, whole.policy)
    np.testing.assert_array_equal(parts.push(g), whole.push(g))


def test_small_tables_need_no_compiled_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be imported, as without the extra."""
    monkeypatch.setitem(sys.modules, "entropy_theory.fast.rows", None)
    monkeypatch.delattr(fast, "rows", raising=False)
    z = np.log([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    batch = package.Batch.of(z, [0, 1], [0, 2], [1.0, -1.0])
    np.testing.assert_allclose(batch.tokens.log_prob, [-math.log(2)] * 2, rtol=8 * EPS)
    np.testing.assert_allclose(batch.state_entropy, [1.5 * math.log(2)] * 2, rtol=8 * EPS)
    pushed = batch.push(np.array([1.0, -1.0]))
    np.testing.assert_allclose(pushed, [[0.5, -0.25, -0.25], [0.25, 0.25, -0.5]], rtol=8 * EPS)


@given(st.one_of(clip_rules(), kl_rules()), samples(), st.integers(0, 2**32 - 1))
def test_loss_gradient_selects_by_itself(rule: Rule, sample: Sample, seed: int) -> None:
    control = build(rule)
    x, old = sample.log_probs()
    arrays = sample.arrays
    chosen = control.select(x, arrays["advantage"], seed, old, state=arrays["state"])
    np.testing.assert_array_equal(
        control.loss_gradient(rng=seed, **arrays), control.loss_gradient(selected=chosen, **arrays)
    )


@given(samples())
def test_natural_gradient_solves_the_fisher_system(sample: Sample) -> None:
    """F_s u = row / (share of the tokens at s) with F = diag p - p p', and no common part in u."""
    arrays = sample.arrays
    row = package.PolicyGradient().loss_gradient(**arrays)
    u = package.NaturalPolicyGradient().loss_gradient(**arrays)
    p, n = et.softmax(sample.z), len(sample.tokens)
    limit = loss_limit(controls.natural(), sample)
    for s in range(p.shape[0]):
        visits = sum(t[0] == s for t in sample.tokens)
        if not visits:
            assert not u[s].any()
            continue
        fisher = np.diag(p[s]) - np.outer(p[s], p[s])
        slack = np.abs(fisher) @ limit[s] + 8 * EPS * np.abs(fisher) @ np.abs(u[s])
        assert np.all(
            np.abs(fisher @ u[s] - row[s] * n / visits)
            <= 2 * slack + loss_limit(controls.policy_gradient(), sample)[s] * n / visits
        )
        assert abs((p[s] * u[s]).sum()) <= 2 * (p[s] * (limit[s] + 8 * EPS * np.abs(u[s]))).sum()


# The expected update ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A problem, logits and an anchor; ``process`` is None for a bandit."""

    process: decision.Process | None
    reward: Any
    z: Any
    anchor: Any
    equal: set[tuple[tuple[int, int], tuple[int, int]]]

    @property
    def problem(self) -> Any:
        if self.process is None:
            return et.Bandit(self.reward)
        transition, reward, discount, initial, termination = self.process.arrays()
        return et.MDP(transition, reward, discount, initial, termination=termination)

    def table(self) -> controls.Table:
        z = controls.wide(np.atleast_2d(self.z))
        p, q = decision.softmax(z), decision.softmax(controls.wide(np.atleast_2d(self.anchor)))
        if self.process is None:
            reward = [mpmath.mpf(float(r)) for r in self.reward]
            mean = policies.mean(z[0], reward)
            slope = policies.entropy_gradient(z[0])
            one = [mpmath.mpf(1)]
            return controls.Table(p, q, [[r - mean for r in reward]], one, one, [slope])
        answer = decision.evaluate(self.process, p)
        exact = decision.exactly(self.process, self.z, controls.DIGITS)
        remaining = 1 - decision.field(self.process.discount)
        w = [d / remaining for d in answer.visitation]
        return controls.Table(p, q, answer.advantage, w, answer.visitation, exact.mean_entropy_gradient.tolist())


@dataclass(frozen=True)
class Errors:
    """Largest errors of what an update is made of: advantages, w, shares W, slope of the entropy; and the unit."""

    unit: float
    advantage: float
    w: float
    mass: float
    slope: float


def errors_of(case: Case, t: controls.Table) -> Errors:
    """As ``decision.allowed`` derives them; W = d p / sum d has the errors of d, of the sum of S of them, and of p."""
    unit = float(np.max(rounding.unit(np.atleast_2d(case.z))) + np.max(rounding.unit(np.atleast_2d(case.anchor))))
    actions = len(t.p[0])
    if case.process is None:
        size = 8 * max(1.0, float(np.abs(case.reward).max()))
        return Errors(unit, unit * size, 0.0, 4 * unit, unit * 4 * (1 + float(np.abs(case.z).max()) * 2))
    allowed = decision.allowed(case.process, case.z)
    total = float(decision.add(t.d))
    mass = (1 + len(t.d)) * allowed.visitation / total + 4 * unit
    local = unit * 4 * (1 + math.log(actions) + float(np.ptp(case.z)))
    w = allowed.visitation / (1 - float(case.process.discount))
    return Errors(unit, allowed.advantage, w, mass, allowed.mean_entropy_gradient + allowed.visitation + local)


def covariance_error(rule: Rule, t: controls.Table, e: Errors) -> float:
    """Deviations are known to three times the errors of the numbers subtracted (their own, and twice in a mean)."""
    x = max(float(abs(mpmath.log(p))) for row in t.p for p in row)
    y = max(float(abs(a)) for row in t.advantage for a in row)
    e_x, e_y = e.unit * x + e.mass * x * len(t.entries), e.advantage + e.unit * y + e.mass * y * len(t.entries)
    return 6 * (x * e_y + y * e_x + e_x * e_y)


def decided(rule: Rule, case: Case, t: controls.Table, e: Errors) -> bool:
    """Whether no comparison behind the update hangs on rounding."""
    same = (np.atleast_2d(case.z) == np.atleast_2d(case.anchor)).all(-1)
    if near_a_kink(rule, t.p, t.q, same):
        return False
    if rule.kind == "clip-cov":
        c = controls.table_covariances(rule, t)
        slack = covariance_error(rule, t, e) * 2 * (1 + abs(rule.o.low) + abs(rule.o.high))
        return all(abs(c[i] - edge) > slack for i in t.entries for edge in controls.thresholds(rule, t, c))
    if rule.kind == "kl-cov":
        keys = controls.rank_keys(rule, t)
        slack = 2 * covariance_error(rule, t, e)
        pairs = itertools.combinations(t.entries, 2)
        return all((i, j) in case.equal or abs(keys[i] - keys[j]) > slack for i, j in pairs)
    return True


def update_limit(rule: Rule, t: controls.Table, e: Errors, eta: float) -> float:
    """A sum of products of w, probabilities, shares, and advantages (or beta, or the slope of the entropy).

    A share of the selected tokens is a quotient of masses, with the error of a sum of masses over the smallest one.
    Each entry is the difference of two such products: eight times the sum of the errors.
    """
    beta, alpha = float(rule.options.get("beta", 0)), float(rule.options.get("alpha", 0))
    size = max(float(abs(a)) for row in t.advantage for a in row) + 2 * beta
    w = max(float(x) for x in t.w)
    masses = [float(t.mass(*i)) for i in t.entries]
    share = 0.0
    if rule.kind in ("clip-cov", "kl-cov"):
        share = len(masses) * e.mass / min(m for m in masses if m > 0)
    total = (e.w + w * (4 * e.unit + share)) * size + w * e.advantage + alpha * e.slope
    return 8 * eta * (total + e.advantage)


@st.composite
def bandits(draw: Any) -> Case:
    """Sometimes two actions are equal."""
    n = draw(st.integers(1, 5))
    few = draw(st.integers(max(1, n - 1), n))
    pairs = draw(st.lists(st.tuples(eighths(-16, 16), eighths(-8, 8)), min_size=few, max_size=few))
    drawn = draw(st.permutations(pairs + pairs[: n - few]))
    z, reward = np.array([d[0] for d in drawn]), np.array([d[1] for d in drawn])
    shift = draw(st.one_of(st.just([0.0] * n), st.lists(eighths(-8, 8), min_size=n, max_size=n)))
    equal = {((0, i), (0, j)) for i in range(n) for j in range(i + 1, n) if drawn[i] == drawn[j]}
    return Case(None, reward, z, z + np.array(shift) / 4, equal)


@st.composite
def processes(draw: Any) -> Case:
    seed, states, actions = draw(st.integers(0, 10**6)), draw(st.integers(1, 3)), draw(st.integers(2, 3))
    discount = Fraction(draw(st.integers(0, 60)), 64)
    process = decision.random_process(seed, states, actions, discount, terminating=draw(st.booleans()))
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1, (states, actions))
    return Case(process, None, z, z + draw(st.sampled_from([0.0, 0.1, 0.5])) * rng.normal(size=z.shape), set())


SHARES = st.sampled_from([1.0, 0.5, 0.25, 0.1, 2e-3])
# Bands that the covariances of these problems reach, which are of the order of a tenth.
BANDS = (st.sampled_from([-2.0, -0.05, 0.01, 0.05, 0.5]), st.sampled_from([0.1, 1.0, 4.0]))
UPDATE_RULES = {"clip-cov": clip_rules(SHARES, *BANDS), "kl-cov": kl_rules(SHARES), "others": OTHER_RULES}


def exact_update(rule: Rule, case: Case, t: controls.Table, eta: float) -> Any:
    rows = np.array([[mpmath.mpf(eta) * x for x in row] for row in controls.update(rule, t)], dtype=object)
    return rows.reshape(np.shape(case.z))


def balls(x: Any) -> Any:
    out = np.empty(np.shape(x), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = et.Ball(float(np.asarray(x)[index]))
    return out


def arbs(x: Any) -> Any:
    out = np.empty(np.shape(x), dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = et.Ball(np.asarray(x)[index]).arb
    return out


BITS = 160
ETA = 0.75


def check_update(rule: Rule, case: Case) -> None:
    """On floats, twice in a batch, and on balls, against the sums over states and actions."""
    with mpmath.workdps(controls.DIGITS):
        t = case.table()
        e = errors_of(case, t)
        if not decided(rule, case, t, e):
            return
        exact, limit = exact_update(rule, case, t, ETA), update_limit(rule, t, e, ETA)
    control, problem = build(rule), case.problem
    got = control.update(problem, case.z, ETA, anchor=case.anchor)
    assert_within(got, exact, limit, rule.kind)
    if (case.z == case.anchor).all():
        np.testing.assert_array_equal(control.update(problem, case.z, ETA), got)
    pair = control.update(problem, np.stack([case.z, 2 * case.z, case.z]), ETA, anchor=case.anchor)
    assert pair.shape == (3, *case.z.shape)
    for k in (0, 2):
        assert_within(pair[k], exact, limit, "in a batch")
    with et.precision(BITS):
        try:
            enclosed = arbs(control.update(problem, balls(case.z), ETA, anchor=balls(case.anchor)))
        except et.UndecidedComparison:
            # Balls need not see that numbers are equal, or that an advantage is zero; others they must tell apart.
            least = mpmath.mpf(10) ** (10 - controls.DIGITS)
            assert case.equal or any(abs(a) < least for row in t.advantage for a in row)
            return
    # The unit of balls is 2^-BITS instead of 2^-52, and their radii add up in the same way; rationals that NumPy
    # would have rounded are exact.
    assert_encloses(enclosed, exact, limit * 2.0 ** (64 - BITS) + 2.0 ** (32 - BITS), controls.DIGITS - 10, rule.kind)


@pytest.mark.parametrize("kind", UPDATE_RULES)
@given(bandits(), st.data())
def test_update_of_a_bandit(kind: str, case: Case, data: Any) -> None:
    check_update(data.draw(UPDATE_RULES[kind]), case)


def test_update_where_all_rewards_are_equal() -> None:
    """All advantages are zero: floats say so, balls may leave open on which side of a clip a token is."""
    one, reward = Fraction(1), Fraction(-27, 16)
    process = decision.Process([[[one], [one]]], [[reward, reward]], Fraction(1, 64), [one], [[0 * one, 0 * one]])
    z, anchor = np.array([[1.8, -0.8]]), np.array([[1.3, -0.5]])
    options = {"fraction": 1.0, "low": -2.0, "high": -1.9, "band": "open", "unit": "absolute", "at_least_one": False}
    more = {"centre": "batch", "factor": "advantage", "mask": "token", "ppo_clip": (0.2, 0.2)}
    check_update(Rule("clip-cov", {**options, **more}), Case(process, None, z, anchor, set()))


@pytest.mark.parametrize("kind", UPDATE_RULES)
@given(processes(), st.data())
def test_update_of_a_process(kind: str, case: Case, data: Any) -> None:
    check_update(data.draw(UPDATE_RULES[kind]), case)


def test_update_of_a_batch_of_bandits() -> None:
    """Each problem of a batch has its own bands, shares and ties."""
    rng = np.random.default_rng(3)
    z, reward, anchor = rng.normal(size=(3, 20, 4))
    for rule in (
        controls.clip_cov(0.25, 0.01, 0.3),
        controls.clip_cov(0.25, 1, 5, unit="mean", band="closed", factor="logit-change", mask="logit"),
        controls.kl_cov(1, 0.25),
        controls.kl_cov(1, 0.25, rank="abs", penalty="kl", mask="logit"),
        controls.kl_cov(1, 0.25, penalty="kl"),
        controls.clip_higher(),
    ):
        control = build(rule)
        together = control.update(et.Bandit(reward), z, ETA, anchor=anchor)
        with mpmath.workdps(controls.DIGITS):
            for k in range(20):
                case = Case(None, reward[k], z[k], anchor[k], set())
                t = case.table()
                e = errors_of(case, t)
                if decided(rule, case, t, e):
                    exact = exact_update(rule, case, t, ETA)
                    assert_within(together[k], exact, update_limit(rule, t, e, ETA), rule.kind)


def test_update_at_the_uniform_policy() -> None:
    """All covariances are zero: the entries share the selected tokens, whatever their rewards."""
    reward, z, anchor = np.array([1.0, 0.0, 0.5, -2.0]), np.zeros(4), np.array([0.5, 0.0, -1.0, 0.25])
    case = Case(None, reward, z, anchor, set())
    for rule in (controls.kl_cov(1, 0.25), controls.kl_cov(1, 0.25, penalty="kl", mask="logit", centre="state")):
        with mpmath.workdps(controls.DIGITS):
            t = case.table()
            exact, limit = exact_update(rule, case, t, ETA), update_limit(rule, t, errors_of(case, t), ETA)
        assert_within(build(rule).update(et.Bandit(reward), z, ETA, anchor=anchor), exact, limit, "uniform")


def test_update_of_equal_actions() -> None:
    """Two equal actions of mass 2/8 and 3/8 share an eighth of the tokens: masked by logits each is pulled by a fifth.

    log p - E log p = (3, -5, -5, -1) log(2) / 4 and A = (1, -3, -3, 1) / 4, so these two have the largest covariance.
    """
    p, q = np.array([4.0, 1.0, 1.0, 2.0]) / 8, np.array([1.0, 2.0, 3.0, 2.0]) / 8
    control = package.KLCov(1, 0.125, penalty="kl", mask="logit", centre="state")
    got = control.update(et.Bandit([0.0, -1.0, -1.0, 0.0]), np.log(p), 1.0, anchor=np.log(q))
    expected = p * np.array([0.25, -0.75, -0.75, 0.25]) - np.array([0, 0.2, 0.2, 0]) * (p - q)
    np.testing.assert_allclose(got, expected, rtol=0, atol=64 * EPS)


# The update is the limit of the mean gradient ------------------------------------------------------------------------


LINEAR = [
    (controls.policy_gradient(), False),
    (controls.entropy_bonus(0.5, "held"), False),
    (controls.clip_higher(), True),
    (controls.clip_higher(0.1, 0.5), True),
    (controls.kl_cov(1, 1.0), True),
    (controls.kl_cov(0.5, 1.0, penalty="kl"), True),
    (controls.clip_cov(1.0, -100, 100), True),
]


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize(("rule", "off_policy"), LINEAR, ids=lambda x: getattr(x, "kind", ""))
def test_update_is_the_mean_of_loss_gradients(rule: Rule, off_policy: bool, n: int) -> None:
    """Over all sequences of n tokens drawn from the old policy, where each token counts by itself."""
    reward = np.array([1.0, -0.5, 0.25, 0.0])
    z = np.array([0.5, -1.0, 0.0, 0.75])
    anchor = np.array([0.0, -0.5, 0.25, 1.25]) if off_policy else z
    problem, control = et.Bandit(reward), build(rule)
    advantage, q = problem.values(z).advantage, et.softmax(anchor)
    mean = np.zeros((1, 4))
    for actions in itertools.product(range(4), repeat=n):
        index = list(actions)
        gradient = control.loss_gradient(z[None], [0] * n, index, advantage[index], z_old=anchor[None])
        mean += math.prod(q[index]) * gradient
    # Each of at most 16 terms, and the update, has a size of at most 4 and a few dozen roundings.
    np.testing.assert_allclose(mean[0], -control.update(problem, z, 2.0, anchor=anchor) / 2, rtol=0, atol=1000 * EPS)


@pytest.mark.parametrize("rule", [controls.policy_gradient(), controls.entropy_bonus(0.5, "held")], ids=repr)
def test_update_of_a_process_is_the_mean_of_loss_gradients(rule: Rule) -> None:
    """One token of the discounted visitation: w = d / (1 - discount) counts the visits that one token stands for.

    The bonus with held visitation adds d(s) grad H, without that factor.
    """
    process = decision.random_process(11, 3, 2)
    transition, reward, discount, initial, _ = process.arrays()
    problem = et.MDP(transition, reward, discount, initial)
    z = np.random.default_rng(5).normal(size=(3, 2))
    values, p = problem.values(z), et.softmax(z)
    base, mean = np.zeros((3, 2)), np.zeros((3, 2))
    for s, a in np.ndindex(3, 2):
        one = ([s], [a], values.advantage[s, a : a + 1])
        weight = values.visitation[s] * p[s, a]
        plain = package.PolicyGradient().loss_gradient(z, *one)
        base += weight * plain
        mean += weight * (build(rule).loss_gradient(z, *one) - plain)
    expected = -build(rule).update(problem, z, 1.0)
    limit = decision.allowed(process, z).policy_gradient + 100 * EPS
    np.testing.assert_allclose(base / (1 - discount) + mean, expected, rtol=0, atol=limit)


def test_update_is_the_gradient_of_a_proportional_batch() -> None:
    """A batch with the shares of its policy behaves as an infinite one: Clip-Cov, over all its selections.

    Eight tokens for p = (1/2, 1/4, 1/8, 1/8); the mean over the selections of the gradients is exact.
    """
    counts = [4, 2, 1, 1]
    z = np.log(np.array(counts) / 8)
    reward = np.array([1.0, 0.0, 0.5, -1.0])
    problem = et.Bandit(reward)
    advantage = problem.values(z).advantage
    action = np.repeat(np.arange(4), counts)
    for fraction, low, high in ((0.25, 0.05, 1.0), (0.5, 0.05, 1.0), (0.25, -1.0, 0.2)):
        control = package.ClipCov(fraction, low, high)
        x = et.log_softmax(z)[action]
        mean = sum(
            float(probability)
            * control.loss_gradient(z[None], np.zeros(8, dtype=int), action, advantage[action], selected=chosen)
            for chosen, probability in control.selections(x, advantage[action])
        )
        assert any(chosen.any() for chosen, _ in control.selections(x, advantage[action]))
        np.testing.assert_allclose(np.asarray(mean)[0], -control.update(problem, z, 1.0), rtol=0, atol=1000 * EPS)


def test_kl_penalty_of_a_proportional_batch() -> None:
    """KL-Cov: the part of the gradient that comes from the penalty, as often as tokens are selected."""
    counts = [4, 2, 1, 1]
    z, old = np.log(np.array(counts) / 8), np.log(np.array([1, 2, 2, 3]) / 8)
    reward = np.array([1.0, 0.0, 0.5, -1.0])
    problem = et.Bandit(reward)
    advantage = problem.values(z).advantage
    action = np.repeat(np.arange(4), counts)
    for fraction in (0.125, 0.25, 0.5, 0.75):
        with_penalty, without = (package.KLCov(beta, fraction, penalty="kl") for beta in (1, 0))
        tokens = (z[None], np.zeros(8, dtype=int), action, advantage[action])
        drawn = with_penalty.loss_gradient(*tokens, z_old=old[None]) - without.loss_gradient(*tokens, z_old=old[None])
        expected = with_penalty.update(problem, z, 1.0, anchor=old) - without.update(problem, z, 1.0, anchor=old)
        np.testing.assert_allclose(drawn[0], -expected, rtol=0, atol=1000 * EPS)
        np.testing.assert_allclose(drawn[0], fraction * (et.softmax(z) - et.softmax(old)), rtol=0, atol=1000 * EPS)


# Corners --------------------------------------------------------------------------------------------------------------


CLIP = package.ClipCov(0.5, 1, 5)
CORNERS = [
    CLIP,
    dataclasses.replace(CLIP, unit="mean"),
    package.KLCov(1, 0.5),
    package.ClipHigher(),
    package.PolicyGradient(),
]


@pytest.mark.parametrize("control", CORNERS, ids=repr)
def test_no_tokens(control: Any) -> None:
    assert as_mask(control.select([], []), 0) == []
    ((mask, probability),) = control.selections([], [])
    assert as_mask(mask, 0) == []
    assert probability == 1
    assert control.token_gradient([], []).shape == (0,)
    assert control.token_gradient([], [], selected=[]).shape == (0,)
    gradient = control.loss_gradient(np.zeros((2, 3)), np.array([], dtype=int), np.array([], dtype=int), np.array([]))
    np.testing.assert_array_equal(gradient, np.zeros((2, 3)))


def test_one_token() -> None:
    """Its covariance is zero: outside the open band (0, 1), inside the closed one, and the largest there is."""
    one = ([-1.0], [2.0])
    assert as_mask(package.ClipCov(0.5, 0, 1).select(*one), 1) == [False]
    assert as_mask(package.ClipCov(0.5, 0, 1, band="closed").select(*one), 1) == [True]
    assert as_mask(package.ClipCov(0.5, 0, 1, band="closed", at_least_one=False).select(*one), 1) == [False]
    assert as_mask(package.KLCov(1, 0.5).select(*one), 1) == [True]
    assert as_mask(package.KLCov(1, 0.5, at_least_one=False).select(*one), 1) == [False]


def test_no_token_in_the_band() -> None:
    tokens = ([-1.0, -2.0, -3.0, -1.5], [0.1, -0.1, 0.2, 0.0])
    assert as_mask(CLIP.select(*tokens, 0), 4) == [False] * 4
    ((mask, probability),) = CLIP.selections(*tokens)
    assert as_mask(mask, 4) == [False] * 4
    assert probability == 1
    np.testing.assert_array_equal(CLIP.token_gradient(*tokens), package.PolicyGradient().token_gradient(*tokens))


def test_fewer_eligible_than_asked() -> None:
    """Half of eight tokens are asked for, two lie in the band: both are taken, for sure."""
    log_prob = [-4.0, 0.0, -2.0, -2.0, -2.0, -2.0, -2.0, -2.0]
    advantage = [-1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    expected = [True, True] + [False] * 6
    ((mask, probability),) = CLIP.selections(log_prob, advantage)
    assert as_mask(mask, 8) == expected
    assert probability == 1
    assert all(as_mask(CLIP.select(log_prob, advantage, seed), 8) == expected for seed in range(20))


def test_edges_of_the_band() -> None:
    """Covariances that equal a threshold: outside the open band, inside the closed one."""
    c = np.array([1.0, 5.0, 3.0, 0.0])
    tokens = ([-1.0] * 4, [0.0] * 4)
    for band, inside in (("open", [False, False, True, False]), ("closed", [True, True, True, False])):
        control = package.ClipCov(1.0, 1, 5, band=band)
        assert as_mask(control.select(*tokens, covariance=c), 4) == inside
        # Mean 2: thresholds 2 and 10 in its units.
        control = package.ClipCov(1.0, 0.5, 2.5, band=band, unit="mean")
        assert as_mask(control.select(*tokens, covariance=np.array([1.0, 5.0, 2.0, 0.0])), 4) == [
            band == "closed",
            band == "closed",
            True,
            False,
        ]


@pytest.mark.parametrize("unit", ["absolute", "mean"])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 0)])
def test_edges_of_the_band_in_the_exact_update(low: int, high: int, unit: str) -> None:
    """At the uniform policy all covariances are zero, which is an end of the band: all tokens are eligible or none."""
    z = np.zeros(3)
    for band, share in (("open", 0.0), ("closed", 0.25)):
        control = package.ClipCov(0.25, low, high, band=band, unit=unit)
        np.testing.assert_array_equal(control.selected_share(BANDIT, z), [share] * 3)
        enclosed = control.selected_share(BANDIT, balls(z))
        assert [entry == share for entry in enclosed] == [True] * 3


def test_a_negative_mean_empties_the_band() -> None:
    """In units of a negative mean the lower threshold lies above the upper one."""
    control = package.ClipCov(1.0, 1, 5, unit="mean")
    c = np.array([-1.0, -3.0, -2.0, -2.5])
    assert as_mask(control.select([-1.0] * 4, [0.0] * 4, covariance=c), 4) == [False] * 4


def test_ties_go_to_the_earliest() -> None:
    c = np.array([1.0, 2.0, -2.0, 2.0, 1.0, 2.0])
    tokens = ([-1.0] * 6, [0.0] * 6)
    for rank, expected in (("signed", [1, 3]), ("abs", [1, 2])):
        chosen = package.KLCov(1, 1 / 3, rank=rank).select(*tokens, covariance=c)
        assert np.flatnonzero(chosen).tolist() == expected


@pytest.mark.parametrize("n", [1, 2, 5, 60])
def test_all_advantages_equal(n: int) -> None:
    """All covariances are zero: nothing to clip, and the first tokens are the top ones."""
    log_prob, advantage = -np.arange(1.0, n + 1), np.full(n, 0.5)
    assert not CLIP.select(log_prob, advantage, 0).any()
    chosen = package.KLCov(1, 0.4).select(log_prob, advantage)
    assert np.flatnonzero(chosen).tolist() == list(range(max(1, int(0.4 * n))))


def test_the_number_asked_is_the_integer_part_of_the_float_product() -> None:
    """0.29 times 100 is 28.999999999999996 in floating point, hence 28."""
    log_prob, advantage = -np.arange(100.0), np.arange(100.0)
    assert int(package.KLCov(1, 0.29).select(log_prob, advantage).sum()) == int(0.29 * 100) == 28
    clip = package.ClipCov(0.29, -1e4, 1e4)
    assert int(clip.select(log_prob, advantage, 0).sum()) == 28
    assert int(package.KLCov(1, 2e-3).select(log_prob, advantage).sum()) == 1
    assert int(package.KLCov(1, 2e-3, at_least_one=False).select(log_prob, advantage).sum()) == 0


def test_state_labels_may_be_any_integers() -> None:
    log_prob, advantage = [-1.0, -3.0, -1.0, -2.0], [1.0, -1.0, 1.0, 0.0]
    control = package.KLCov(1, 0.5, centre="state")
    expected = control.select(log_prob, advantage, state=[0, 0, 1, 1])
    np.testing.assert_array_equal(control.select(log_prob, advantage, state=[-3, -3, 10**12, 10**12]), expected)
    assert as_mask(expected, 4) == [True, True, False, False]


@pytest.mark.parametrize("penalty", ["abs-log-ratio", "kl"])
@pytest.mark.parametrize("mask", ["token", "logit"])
def test_kl_cov_does_nothing_in_the_first_step(penalty: Any, mask: Any) -> None:
    """On-policy the penalty has its minimum: derivative zero for each token and in the expected update."""
    if mask == "logit" and penalty != "kl":
        return
    control = package.KLCov(3, 1.0, penalty=penalty, mask=mask)
    z = np.array([[0.5, -1.0, 0.25], [0.0, 2.0, -1.0]])
    tokens = (z, [0, 0, 1, 1], [0, 2, 1, 0], [1.0, -1.0, 0.5, 0.25])
    plain = package.PolicyGradient()
    np.testing.assert_array_equal(control.loss_gradient(*tokens), plain.loss_gradient(*tokens))
    problem = et.Bandit([1.0, 0.0, 0.5])
    np.testing.assert_array_equal(control.update(problem, z[0], 0.5), plain.update(problem, z[0], 0.5))
    np.testing.assert_array_equal(control.update(problem, z[0], 0.5), control.update(problem, z[0], 0.5, anchor=z[0]))
    if penalty != "kl":
        pair = ([-1.0, -2.0], [1.0, -1.0])
        np.testing.assert_array_equal(control.token_gradient(*pair), plain.token_gradient(*pair))


def test_clipped_tokens_only() -> None:
    """Every token is beyond its clip: none is eligible, and no gradient is left."""
    log_prob, old, advantage = [-1.0, -2.0], [-2.0, -1.0], [1.0, -1.0]
    for control in (package.ClipCov(1.0, -10, 10), package.ClipHigher()):
        np.testing.assert_array_equal(control.token_gradient(log_prob, advantage, old_log_prob=old), [0.0, 0.0])
    assert not package.ClipCov(1.0, -10, 10).select(log_prob, advantage, 0, old).any()
    assert package.ClipHigher().select(log_prob, advantage, None, old).all()
    assert package.ClipCov(1.0, -10, 10, ppo_clip=None).select(log_prob, advantage, 0, old).all()
    # KL-Cov has no clip: both tokens keep their gradient.
    assert np.all(package.KLCov(0, 1.0).token_gradient(log_prob, advantage, old_log_prob=old) != 0)


def test_a_ratio_at_the_edge_is_not_clipped() -> None:
    """On policy all ratios are one: a clip without width leaves them; so does the exact update."""
    control = package.ClipHigher(0, 0)
    assert not control.select([-1.0, -2.0], [0.5, -0.5]).any()
    z = np.array([0.5, -1.0, 0.25])
    assert not control.selected_share(BANDIT, z, anchor=z.copy()).any()


def test_ratios_up_to_exp_700() -> None:
    """Beyond it the token is named."""
    old = [-699.0, -700.0, -701.0, -702.0]
    found = package.PolicyGradient().token_gradient([0.0, 0.0], [1.0, -1.0], old_log_prob=old[:2])
    # exp has 4 units of rounding, and its argument is exact.
    np.testing.assert_allclose(found, [-math.exp(699) / 2, math.exp(700) / 2], rtol=8 * EPS)
    with pytest.raises(ValueError, match=r"log_prob - old_log_prob\[2\] is 701.0, expected at most 700"):
        package.PolicyGradient().token_gradient([0.0] * 4, [1.0] * 4, old_log_prob=old)


def test_a_zero_advantage_is_never_clipped() -> None:
    assert not package.ClipHigher().select([-1.0, -3.0], [0.0, 0.0], None, [-3.0, -1.0]).any()


def test_lists_are_tokens_too() -> None:
    batch = ([-1.0, -2.0, -0.5, -3.0], [1.0, 0.0, 0.5, -1.0])
    control = package.KLCov(1, 0.5)
    np.testing.assert_array_equal(control.select(*batch), control.select(*map(np.array, batch)))


def test_as_many_selections_as_can_be_listed() -> None:
    """10^8 entries: ten thousand tokens, one of which is drawn. One token more is refused."""
    log_prob, advantage, covariance = np.full(10_001, -1.0), np.zeros(10_001), np.ones(10_001)
    control = package.ClipCov(1e-4, 0, 2)
    found = control.selections(log_prob[1:], advantage[1:], covariance=covariance[1:])
    assert [int(mask.argmax()) for mask, _ in found] == list(range(10_000))
    assert all(int(mask.sum()) == 1 and share == Fraction(1, 10_000) for mask, share in found)
    with pytest.raises(ValueError, match="picks 1 of 10001 eligible tokens in 10001 ways, expected at most 9999"):
        control.selections(log_prob, advantage, covariance=covariance)


@pytest.mark.parametrize("control", [package.ClipCov(1.0, -9, 9), package.ClipCov(0.1, -9, 9, at_least_one=False)])
def test_nothing_is_drawn_where_nothing_is_random(control: Any) -> None:
    """All eligible tokens are taken, or none: the generator stays where it is."""
    rng = np.random.default_rng(3)
    before = rng.bit_generator.state
    control.select(-np.arange(5.0), np.arange(5.0), rng)
    assert rng.bit_generator.state == before


def test_natural_gradient_of_single_tokens() -> None:
    """u = (G_a / p_a - G) / share by hand. The action of probability zero does no harm while it is not sampled."""
    control = package.NaturalPolicyGradient()
    one = control.loss_gradient(np.zeros((2, 2)), [0], [0], [-1.0])
    np.testing.assert_array_equal(one, [[1.0, -1.0], [0.0, 0.0]])
    z = np.array([[0.0, 0.0, -800.0], [0.0, -800.0, 0.0]])
    two = control.loss_gradient(z, [0, 1, 1, 1], [1, 0, 2, 0], [4.0, 4.0, -8.0, 4.0])
    np.testing.assert_array_equal(two, [[4.0, -4.0, 4.0], [-16 / 3, 0.0, 16 / 3]])
    with pytest.raises(ValueError, match=r"pi\(a\|s\)\[0, 2\] is 0.0, expected a positive probability"):
        control.loss_gradient(z, [0, 1], [2, 0], [1.0, 1.0])


# Presets, schedules, dataclasses -------------------------------------------------------------------------------------


def fields(control: Any) -> dict[str, Any]:
    return {f.name: getattr(control, f.name) for f in dataclasses.fields(control)}


@pytest.mark.parametrize("name", controls.CLIP_PRESETS)
def test_clip_cov_presets(name: str) -> None:
    assert fields(package.ClipCov.preset(name)) == controls.CLIP_PRESETS[name]
    changed = package.ClipCov.preset(name, fraction=0.5, mask="logit")
    assert fields(changed) == {**controls.CLIP_PRESETS[name], "fraction": 0.5, "mask": "logit"}


@pytest.mark.parametrize("name", controls.KL_PRESETS)
def test_kl_cov_presets(name: str) -> None:
    assert fields(package.KLCov.preset(name)) == controls.KL_PRESETS[name]
    changed = package.KLCov.preset(name, fraction=2e-4, anchor="fixed")
    assert fields(changed) == {**controls.KL_PRESETS[name], "fraction": 2e-4, "anchor": "fixed"}


@pytest.mark.parametrize("control", [package.ClipCov, package.KLCov])
def test_unknown_preset(control: Any) -> None:
    with pytest.raises(ValueError, match="veri") as error:
        control.preset("veri")
    assert all(name in str(error.value) for name in controls.CLIP_PRESETS)


def test_defaults() -> None:
    assert fields(package.ClipCov(0.1, 1, 5)) == controls.clip_cov(0.1, 1, 5).options
    assert fields(package.KLCov(1, 0.1)) == controls.kl_cov(1, 0.1).options
    assert fields(package.ClipHigher()) == {"low": 0.2, "high": 0.28}
    assert fields(package.EntropyBonus(0.1)) == {"alpha": 0.1, "visitation": "through"}


@pytest.mark.parametrize(
    "control",
    [
        CLIP,
        package.KLCov(1, 0.5),
        package.ClipHigher(),
        package.EntropyBonus(0.1),
        package.PolicyGradient(),
        package.NaturalPolicyGradient(),
        package.Annealed(1, 0, 10),
        package.PowerDecay(1, 0.5),
    ],
    ids=repr,
)
def test_controls_are_frozen(control: Any) -> None:
    name = next((field.name for field in dataclasses.fields(control)), "anything")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(control, name, 1)
    assert control == dataclasses.replace(control)
    assert hash(control) == hash(dataclasses.replace(control))


def test_options_are_named() -> None:
    for make in (lambda: package.ClipCov(0.5, 1, 5, "open"), lambda: package.KLCov(1, 0.5, "signed")):  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="positional arguments"):
            make()


def test_ends_of_the_clip_may_be_a_list() -> None:
    control = package.ClipCov(0.5, 1, 5, ppo_clip=[0.2, 0.28])  # type: ignore[arg-type]
    assert control == package.ClipCov(0.5, 1, 5, ppo_clip=(0.2, 0.28))
    assert control.ppo_clip == (0.2, 0.28)


@given(eighths(0, 40), eighths(0, 40), st.integers(1, 50), st.integers(0, 100))
def test_annealed(start: float, end: float, steps: int, step: int) -> None:
    """Linear in the step, then constant."""
    exact = Fraction(start) + (Fraction(end) - Fraction(start)) * Fraction(min(step, steps), steps)
    assert abs(Fraction(package.Annealed(start, end, steps)(step)) - exact) <= 4 * EPS * Fraction(max(start, end))


@given(eighths(0, 40), st.sampled_from([0.25, 0.5, 1, 2]), st.integers(0, 10**6))
def test_power_decay(start: float, power: float, step: int) -> None:
    with mpmath.workdps(30):
        exact = mpmath.mpf(start) * mpmath.mpf(step + 1) ** -mpmath.mpf(power)
        # A power is within 4 units, the product adds one.
        assert abs(mpmath.mpf(float(package.PowerDecay(start, power)(step))) - exact) <= 5 * EPS * exact


SCHEDULES = [package.Annealed(1, 0, 4), package.PowerDecay(1, 0.5), lambda step: 1 / (step + 1)]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("step", [0, 3, 9])
def test_a_coefficient_may_depend_on_the_step(schedule: Any, step: int) -> None:
    """At each step the control with the schedule is the control with the number that the schedule gives."""
    z, old = np.array([[0.5, -1.0, 0.25]]), np.array([[0.0, 0.5, 0.25]])
    problem = et.Bandit([1.0, 0.0, 0.5])
    tokens = (z, [0, 0, 0], [0, 2, 1], [1.0, -1.0, 0.5])
    now = schedule(step)
    pairs = [
        (package.EntropyBonus(schedule), package.EntropyBonus(now)),
        (package.KLCov(schedule, 0.5), package.KLCov(now, 0.5)),
        (package.KLCov(schedule, 0.5, penalty="kl"), package.KLCov(now, 0.5, penalty="kl")),
        (package.KLCov(schedule, 0.5, penalty="kl", mask="logit"), package.KLCov(now, 0.5, penalty="kl", mask="logit")),
    ]
    for scheduled, constant in pairs:
        np.testing.assert_array_equal(
            scheduled.loss_gradient(*tokens, z_old=old, step=step), constant.loss_gradient(*tokens, z_old=old)
        )
        np.testing.assert_array_equal(
            scheduled.update(problem, z[0], 0.5, anchor=old[0], step=step),
            constant.update(problem, z[0], 0.5, anchor=old[0]),
        )
    batch = ([-1.0, -2.0], [1.0, -1.0])
    np.testing.assert_array_equal(
        pairs[1][0].token_gradient(*batch, old_log_prob=[-2.0, -1.0], step=step),
        pairs[1][1].token_gradient(*batch, old_log_prob=[-2.0, -1.0]),
    )


# Invalid arguments ----------------------------------------------------------------------------------------------------


NAN, INF = float("nan"), float("inf")
TOKENS = ([-1.0, -2.0], [1.0, -1.0])
Z = np.zeros((2, 3))
BANDIT = et.Bandit([1.0, 0.0, 0.5])
KL = package.KLCov(1, 0.5)
INVALID: list[tuple[str, Any]] = [
    *[("fraction", lambda x=x: package.ClipCov(x, 1, 5)) for x in (0, -0.1, 1.5, NAN, "half")],
    *[("fraction", lambda x=x: package.KLCov(1, x)) for x in (0, -0.1, 1.5, NAN)],
    *[("beta", lambda x=x: package.KLCov(x, 0.5)) for x in (-1, NAN, INF)],
    *[("alpha", lambda x=x: package.EntropyBonus(x)) for x in (-1, NAN, INF)],
    ("low", lambda: package.ClipCov(0.5, NAN, 5)),
    ("high", lambda: package.ClipCov(0.5, 1, NAN)),
    ("low|high", lambda: package.ClipCov(0.5, 5, 1)),
    ("low|high", lambda: package.ClipCov(0.5, 1, 1)),
    ("band", lambda: package.ClipCov(0.5, 1, 5, band="half")),
    ("unit", lambda: package.ClipCov(0.5, 1, 5, unit="median")),
    ("centre", lambda: package.ClipCov(0.5, 1, 5, centre="token")),
    ("factor", lambda: package.ClipCov(0.5, 1, 5, factor="reward")),
    ("mask", lambda: package.ClipCov(0.5, 1, 5, mask="none")),
    *[("ppo_clip", lambda x=x: package.ClipCov(0.5, 1, 5, ppo_clip=x)) for x in ((-0.1, 0.2), (0.2, -0.1), (0.2, NAN))],
    *[
        ("ppo_clip", lambda x=x: package.ClipCov(0.5, 1, 5, ppo_clip=x))
        for x in (0.2, (0.2,), (0.2, 0.2, 0.2), "ab", {0.1, 0.2})
    ],
    ("rank", lambda: package.KLCov(1, 0.5, rank="top")),
    ("centre", lambda: package.KLCov(1, 0.5, centre="token")),
    ("factor", lambda: package.KLCov(1, 0.5, factor="reward")),
    ("mask", lambda: package.KLCov(1, 0.5, mask="none", penalty="kl")),
    ("penalty", lambda: package.KLCov(1, 0.5, penalty="l2")),
    ("anchor", lambda: package.KLCov(1, 0.5, anchor="drifting")),
    ("mask|penalty", lambda: package.KLCov(1, 0.5, mask="logit")),
    ("visitation", lambda: package.EntropyBonus(0.1, visitation="none")),
    ("low", lambda: package.ClipHigher(low=-0.1)),
    ("high", lambda: package.ClipHigher(high=-0.1)),
    ("high", lambda: package.ClipHigher(high=NAN)),
    ("start", lambda: package.Annealed(NAN, 0, 10)),
    ("end", lambda: package.Annealed(1, INF, 10)),
    ("steps", lambda: package.Annealed(1, 0, 0)),
    ("steps", lambda: package.Annealed(1, 0, -3)),
    ("start", lambda: package.PowerDecay(INF, 1)),
    ("power", lambda: package.PowerDecay(1, NAN)),
    ("step", lambda: package.Annealed(1, 0, 10)(-1)),
    ("step", lambda: package.PowerDecay(1, 1)(-1)),
    ("fraction", lambda: package.ClipCov.preset("verl", fraction=2)),
    ("beta", lambda: package.KLCov.preset("verl", beta=-2)),
    # Tokens
    ("log_prob", lambda: KL.select([-1.0, NAN], [1.0, 0.0])),
    ("log_prob", lambda: KL.select([[-1.0, -2.0]], [[1.0, 0.0]])),
    ("log_prob", lambda: KL.select([-1.0, -2.0j], [1.0, 0.0])),
    ("log_prob", lambda: KL.select(balls([-1.0, -2.0]), [1.0, 0.0])),
    ("advantage", lambda: KL.select([-1.0, -2.0], [1.0, INF])),
    ("advantage", lambda: KL.select([-1.0, -2.0], [1.0])),
    ("old_log_prob", lambda: KL.select(*TOKENS, old_log_prob=[-1.0])),
    ("old_log_prob", lambda: KL.select(*TOKENS, old_log_prob=[-1.0, NAN])),
    ("state", lambda: KL.select(*TOKENS, state=[0])),
    ("state", lambda: KL.select(*TOKENS, state=[0.5, 1.0])),
    ("covariance", lambda: KL.select(*TOKENS, covariance=[1.0])),
    ("covariance", lambda: KL.select(*TOKENS, covariance=[1.0, NAN])),
    ("advantage", lambda: CLIP.select([-1.0, -2.0], [1.0])),
    ("advantage", lambda: package.PolicyGradient().select([-1.0, -2.0], [1.0])),
    ("old_log_prob", lambda: package.ClipHigher().select(*TOKENS, old_log_prob=[-1.0])),
    ("advantage", lambda: KL.selections([-1.0, -2.0], [1.0])),
    ("advantage", lambda: KL.token_gradient([-1.0, -2.0], [1.0])),
    ("selected", lambda: KL.token_gradient(*TOKENS, selected=[True])),
    ("selected", lambda: CLIP.token_gradient(*TOKENS, selected=[0.5, 1.0])),
    # Logits
    ("z", lambda: KL.loss_gradient(np.zeros(3), [0], [0], [1.0])),
    ("z", lambda: KL.loss_gradient(np.zeros((1, 2, 3)), [0], [0], [1.0])),
    ("z", lambda: KL.loss_gradient(np.zeros((2, 3)) + 0j, [0], [0], [1.0])),
    ("z", lambda: KL.loss_gradient(balls(np.zeros((2, 3))), [0], [0], [1.0])),
    ("z", lambda: KL.loss_gradient([0.0, NAN, 0.0], [0], [0], [1.0])),
    ("z", lambda: KL.loss_gradient(np.full((2, 3), NAN), [0], [0], [1.0])),
    ("z_old", lambda: KL.loss_gradient(Z, [0], [0], [1.0], z_old=np.zeros((2, 2)))),
    ("z_old", lambda: KL.loss_gradient(Z, [0], [0], [1.0], z_old=np.full((2, 3), INF))),
    *[("state", lambda s=s: KL.loss_gradient(Z, [s], [0], [1.0])) for s in (2, -1, 0.5)],
    *[("action", lambda a=a: KL.loss_gradient(Z, [0], [a], [1.0])) for a in (3, -1, 0.5)],
    ("action", lambda: KL.loss_gradient(Z, [0, 1], [0], [1.0, 1.0])),
    ("advantage", lambda: KL.loss_gradient(Z, [0, 1], [0, 1], [1.0])),
    ("advantage", lambda: KL.loss_gradient(Z, [0], [0], [NAN])),
    ("selected", lambda: KL.loss_gradient(Z, [0], [0], [1.0], selected=[True, False])),
    # Updates
    *[("eta", lambda x=x: KL.update(BANDIT, np.zeros(3), x)) for x in (0, -1.0, NAN, INF)],
    ("eta", lambda: package.NaturalPolicyGradient().update(BANDIT, np.zeros(3), -1.0)),
    ("z", lambda: KL.update(BANDIT, np.full(3, NAN), 1.0)),
    ("z", lambda: CLIP.update(BANDIT, np.zeros(4), 1.0)),
    ("anchor", lambda: KL.update(BANDIT, np.zeros(3), 1.0, anchor=np.zeros(2))),
    ("anchor", lambda: KL.update(BANDIT, np.zeros(3), 1.0, anchor=np.full(3, NAN))),
    ("beta", lambda: package.KLCov(lambda step: -1, 0.5).update(BANDIT, np.zeros(3), 1.0)),
    ("beta", lambda: package.KLCov(lambda step: -1, 0.5).loss_gradient(Z, [0], [0], [1.0])),
    ("beta", lambda: package.KLCov(lambda step: NAN, 0.5).token_gradient(*TOKENS)),
    ("alpha", lambda: package.EntropyBonus(lambda step: -1).update(BANDIT, np.zeros(3), 1.0)),
    ("alpha", lambda: package.EntropyBonus(lambda step: NAN).loss_gradient(Z, [0], [0], [1.0])),
]


@pytest.mark.parametrize(("name", "call"), INVALID, ids=[f"{i}-{name}" for i, (name, _) in enumerate(INVALID)])
def test_invalid_arguments(name: str, call: Any) -> None:
    """A ValueError that names the argument."""
    with pytest.raises(ValueError, match=rf"\b({name})\b"):
        call()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (([[-1.0, -2.0]], [1.0, 0.0]), "log_prob has shape (1, 2), expected (N,)"),
        (([-1.0, -2.0], [1.0]), "advantage has shape (1,), expected (2,), one number a token"),
    ],
)
def test_errors_say_how_many_numbers_were_expected(given: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        KL.select(*given)


@pytest.mark.parametrize("control", [package.ClipCov, package.KLCov])
def test_unknown_change(control: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="shape_of_band"):
        control.preset("verl", shape_of_band=1)


SELECTING: dict[str, Any] = {
    "penalty": lambda x: package.KLCov(1, 0.3).update(BANDIT, x, 1, reference=0 * x),
    "clipping": lambda x: package.ClipCov(0.1, -5, 5).update(BANDIT, x, 1),
    "selection": lambda x: package.KLCov(1, 0.3).selected_share(BANDIT, x),
}


@pytest.mark.parametrize("name", SELECTING)
def test_a_complex_step_passes_through_a_selection(name: str) -> None:
    """It gives the derivative that dual numbers give on balls."""
    z, v = np.array([0.25, -0.125, 0.5]), np.array([1.0, -1.0, 0.5])
    stepped = SELECTING[name](z + 1e-30j * v).imag / 1e-30
    exact = et.directional_derivative(SELECTING[name], *(np.vectorize(et.Ball, otypes=[object])(x) for x in (z, v)))
    assert np.abs(stepped).max() > 0.05
    for got, enclosure in zip(stepped, exact, strict=True):
        # Sums of three terms of size one, at most 40 operations on the way to each.
        assert abs(got - et.Ball(enclosure).midpoint()) <= 120 * EPS


def test_ranks_may_be_of_any_kind_of_number() -> None:
    weight = np.array([[0.25, 0.25, 0.5]])
    expected = [[0.0, 0.0, 0.5]]
    for dtype in (np.uint8, np.uint64, np.int8, np.int64, np.float32, float):
        found = package.expected.top_share(np.array([[0, 1, 2]], dtype=dtype), weight, 0.25)
        assert found.tolist() == expected
        assert not np.signbit(found).any()
    assert package.expected.top_share(np.array([[False, False, True]]), weight, 0.25).tolist() == expected

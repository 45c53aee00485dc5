"""The numbers of the figure of Proposition VI.1, by routes of their own.

What a control does to the entropy is taken from the masked loss itself: ``E_p[m_a A_a log p_a]`` moves the logits by
``p_b (m_b A_b - E_p[m A])``, and the influence ``p_a I_a`` is by how much ``Cov_p(log p, dz)`` is smaller without a.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from entropy_theory.figures import proposition_vi_1
from tests.drawings import cartesian, contours, region_is, shows_curve, words
from tests.oracles import policies, simplex

EPS = 2.0**-52
SIZE = 100 * EPS
"""Margins on the simplex: some roundings of products of probabilities, advantages and ``log p_a + H``, of size 7."""
EXAMPLE = [Fraction(12, 20), Fraction(7, 20), Fraction(1, 20)]


@pytest.fixture(scope="module", name="data")
def _data() -> proposition_vi_1.Data:
    return proposition_vi_1.data()


@pytest.fixture(scope="module", name="parts")
def _parts() -> Any:
    return simplex.lattice(proposition_vi_1.SIZE)


def softmax(z: Any) -> Any:
    if z.dtype == object:
        return np.array([policies.softmax(list(row)) for row in z], dtype=object)
    weight = np.exp(z - z.max(-1, keepdims=True))
    return weight / weight.sum(-1, keepdims=True)


def shares(p: Any, reward: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Shares by C and exactly of the action with the largest C, whether it is the best; Cov and the largest C."""
    fall, c, influence = simplex.fall(p, reward), simplex.token_covariances(p, reward), simplex.influences(p, reward)
    clipped = c.argmax(-1)[..., None]
    of_clipped = np.take_along_axis(influence, clipped, -1)[..., 0]
    claimed = np.take_along_axis(p * c, clipped, -1)[..., 0] / fall
    return claimed, of_clipped / fall, influence.argmax(-1) == clipped[..., 0], fall, c.max(-1)


def margins(p: Any, reward: Any) -> tuple[Any, Any, Any]:
    """Cov and the margins `other` and `faster` of `Data`."""
    fall, influence = simplex.fall(p, reward), simplex.influences(p, reward)
    alone = simplex.gap(simplex.token_covariances(p, reward))
    other = np.minimum(np.minimum(alone, -simplex.gap(influence)), influence).max(-1)
    return fall, np.minimum(other, fall), np.minimum(np.minimum(alone, -influence).max(-1), fall)


def stated(p: Any, reward: Any) -> tuple[Any, Any, Any]:
    """In words: the entropy falls; to clip the largest C slows it, but another action would do so more; quickens it."""
    fall, influence = simplex.fall(p, reward), simplex.influences(p, reward)
    clipped = simplex.token_covariances(p, reward).argmax(-1)[..., None]
    mine, best = np.take_along_axis(influence, clipped, -1)[..., 0], influence.max(-1)
    return fall > 0, (fall > 0) & (mine > 0) & (best > mine), (fall > 0) & (mine < 0)


def test_shapes(data: proposition_vi_1.Data, parts: Any) -> None:
    assert [z.shape[1] for z, _ in data.states] == list(proposition_vi_1.ACTIONS)
    assert all(z.shape == r.shape and 0 < len(z) <= proposition_vi_1.STATES for z, r in data.states)
    total = sum(len(z) for z, _ in data.states)
    assert data.claimed.shape == data.exact.shape == data.is_best.shape == (total,)
    assert data.is_best.dtype == bool
    np.testing.assert_allclose(data.policies, simplex.floats(parts), rtol=4 * EPS)
    assert data.falls.shape == data.other.shape == data.faster.shape == (len(parts),) == (65341,)


def test_shares_at_random_states(data: proposition_vi_1.Data) -> None:
    """Every state in floats, every eighth and the extreme ones with 50 digits.

    Numerator and Cov are sums of products with sizes ``max |log p_a + H| max |A_a|``, known to a hundred roundings of
    that; a quotient so to ``(1 + |quotient|) / Cov`` times as much.
    """
    start = 0
    for z, reward in data.states:
        here = slice(start, start + len(z))
        start += len(z)
        claimed, exact, best, fall, largest = shares(softmax(z), reward)
        assert ((largest > fall) & (fall > 0)).all()
        size = 100 * EPS * np.abs(simplex.surplus(softmax(z))).max(-1) * np.ptp(reward, axis=-1) / fall
        assert (np.abs(data.claimed[here] - claimed) <= size * (1 + np.abs(claimed))).all()
        assert (np.abs(data.exact[here] - exact) <= size * (1 + np.abs(exact))).all()
        np.testing.assert_array_equal(data.is_best[here], best)
        few = np.union1d(simplex.sample(exact, 8, nearest=4), simplex.sample(claimed, 8, nearest=4))
        with simplex.precise:
            claimed, exact, best, fall, largest = shares(softmax(simplex.wide(z[few])), simplex.wide(reward[few]))
            assert ((largest > fall) & (fall > 0)).all()
            assert (abs(data.claimed[here][few] - claimed) <= size[few] * (1 + abs(claimed))).all()
            assert (abs(data.exact[here][few] - exact) <= size[few] * (1 + abs(exact))).all()
            np.testing.assert_array_equal(data.is_best[here][few], best)
            np.testing.assert_array_equal(data.exact[here][few] < 0, exact < 0)


def test_shares_add_up(data: proposition_vi_1.Data) -> None:
    """``E_p C = E_p I = Cov``: either divides the whole fall; the best has a positive share."""
    for z, reward in data.states:
        p = softmax(z)
        fall, size = simplex.fall(p, reward), np.abs(simplex.surplus(p)).max(-1) * np.ptp(reward, axis=-1)
        assert (np.abs((p * simplex.token_covariances(p, reward)).sum(-1) - fall) <= 100 * EPS * size).all()
        assert (np.abs(simplex.influences(p, reward).sum(-1) - fall) <= 100 * EPS * size).all()
    assert (data.exact[data.is_best] > 0).all()
    assert (data.claimed > 0).all()


def test_fall_without_the_clipped_tokens_is_what_the_share_says(data: proposition_vi_1.Data) -> None:
    """The entropy itself, differentiated along the masked step, at the state where clipping does most harm."""
    i = int(np.argmin(data.exact))
    assert data.exact[i] < 0
    z, reward = [(x, r) for zs, rs in data.states for x, r in zip(zs, rs, strict=True)][i]
    with simplex.precise:
        z, reward = simplex.wide(z), simplex.wide(reward)
        p = softmax(z[None])[0]
        clipped = simplex.token_covariances(p, reward).argmax()
        advantage = reward - (p * reward).sum()

        def rate(mask: Any) -> Any:
            kept = mask * advantage
            dz = p * (kept - (p * kept).sum())
            return -mpmath.diff(lambda eta: policies.entropy(list(z + eta * dz)), 0)

        one = np.ones(len(p))
        without = rate(one - np.eye(len(p))[clipped]) / rate(one)
        assert without > 1
        assert abs(without - (1 - data.exact[i])) < 1e-12  # Cov is not small there


def test_margins_on_the_simplex(data: proposition_vi_1.Data, parts: Any) -> None:
    got = data.falls, data.other, data.faster
    reward = np.array(proposition_vi_1.REWARDS)
    assert reward.tolist() == [1, 0, 1]
    for margin, oracle in zip(got, margins(simplex.floats(parts), reward), strict=True):
        np.testing.assert_allclose(margin, oracle, rtol=0, atol=SIZE)
    # 50 digits also at the largest values, at those nearest to a border, and on the line p_1 = p_3, where C is shared
    shared = np.flatnonzero(parts[:, 0] == parts[:, 2])[::20]
    chosen = np.unique(np.concatenate([shared, *[simplex.sample(margin, 600) for margin in got]]))
    with simplex.precise:
        p, r = simplex.exact(parts[chosen]), simplex.wide(reward)
        for margin, oracle in zip(got, margins(p, r), strict=True):
            assert abs(oracle - margin[chosen]).max() < SIZE
        for margin, region in zip(got, stated(p, r), strict=True):
            clear = np.abs(margin[chosen]) > SIZE
            np.testing.assert_array_equal(margin[chosen][clear] > 0, region[clear])


def test_regions_are_those_in_words(data: proposition_vi_1.Data, parts: Any) -> None:
    """Everywhere but within rounding of a border; and the regions are symmetric in actions 1 and 3."""
    regions = stated(simplex.floats(parts), np.array(proposition_vi_1.REWARDS))
    mirrored = np.lexsort((parts[:, 1], parts[:, 2]))
    np.testing.assert_array_equal(parts[mirrored][:, ::-1], parts)
    for margin, region in zip((data.falls, data.other, data.faster), regions, strict=True):
        clear = np.abs(margin) > SIZE
        assert clear.mean() > 0.99
        assert np.count_nonzero(margin > SIZE) > 500
        np.testing.assert_array_equal(margin[clear] > 0, region[clear])
        np.testing.assert_allclose(margin[mirrored], margin, rtol=0, atol=SIZE)
    assert not ((data.other > 0) & (data.faster > 0)).any()


def test_example(data: proposition_vi_1.Data) -> None:
    """The known one: (19) says that the rate of fall drops from .05553 to .05505; it rises to .05882."""
    assert tuple(map(float, EXAMPLE)) == proposition_vi_1.EXAMPLE
    with simplex.precise:
        p, r = simplex.wide(EXAMPLE), simplex.wide(proposition_vi_1.REWARDS)
        c = simplex.token_covariances(p, r)
        clipped = int(c.argmax())
        fall = simplex.fall(p, r)
        rate = fall - simplex.influences(p, r)[clipped]
        by_19 = (fall - p[clipped] * c[clipped]) / (1 - p[clipped])
        assert [mpmath.nstr(x, 4) for x in (by_19, fall, rate)] == ["0.05505", "0.05553", "0.05882"]
        assert data.example[0] == clipped == 2
        assert abs(data.example[1] - fall) < SIZE
        assert abs(data.example[2] - rate) < SIZE


def test_data_are_the_same_each_time(data: proposition_vi_1.Data) -> None:
    again = proposition_vi_1.data()
    for name in set(proposition_vi_1.Data.__dataclass_fields__) - {"states"}:
        np.testing.assert_array_equal(getattr(data, name), getattr(again, name))
    for state, same in zip(data.states, again.states, strict=True):
        np.testing.assert_array_equal(state, same)


def test_picture_shows_the_data(data: proposition_vi_1.Data) -> None:
    left, right = proposition_vi_1.draw(data).axes
    groups = data.is_best, ~data.is_best & (data.exact >= 0), data.exact < 0
    for group in groups:
        assert shows_curve(left, data.claimed[group], data.exact[group])
    best, other, faster = (np.count_nonzero(group) for group in groups)
    assert best + other + faster == len(data.exact)
    said = words(left)
    assert f"best to clip: {best} of {len(data.exact)} states" in said
    assert f"would be better: {other}" in said
    assert f"falls faster: {faster}" in said
    # "In many states": not an exception
    assert "In many states C does not find the token to clip" in said
    assert other + faster > 0.25 * len(data.exact)
    assert "(12, 7, 1)/20, rate of fall 0.0555; with action 3 clipped, the largest C, 0.0588" in words(right)
    dot = cartesian(simplex.rounded(EXAMPLE))
    assert any(np.allclose(line.get_xydata(), dot, rtol=0, atol=8 * EPS) for line in right.lines)
    regions = contours(right, True)
    for contour, margin in zip(regions, (data.falls, data.other, data.faster), strict=True):
        region_is(contour, cartesian(data.policies), margin)

"""Tables of logits with sampled tokens: the compiled passes and the parts of the NumPy ones hold the same values.

Limits: a log-probability, an entropy and a probability are known to those of ``tests.oracles.rounding``; what a token's
derivative g_t adds to its row, ``g_t (e_a - p)``, to ``unit`` times the sizes ``|g_t| (1[a] + p)`` and a unit of
rounding for each token of the sum. Two paths may differ by twice as much.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from entropy_theory import fast
from entropy_theory.controls import ClipHigher, KLCov, tokens
from entropy_theory.controls.tokens import Batch
from tests.oracles import rounding

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="numba is not installed")

Array = np.ndarray[Any, Any]

SCALES = {
    "uniform": 0.0,
    "tiny spread": 1e-12,
    "usual": 1.0,
    "far": 700.0,
    "very far": 1e5,
    "1 - p = 1e-20": -46.0,
    "1 - p = 1e-300": -690.0,
}
SHAPES = {"one action": (5, 1), "narrow": (40, 3), "wide": (7, 1000), "one row": (1, 200)}


def table(shape: tuple[int, int], scale: float) -> Array:
    drawn = np.random.default_rng(shape[1]).standard_normal(shape)
    if scale >= 0:
        return np.asarray(scale * drawn)
    z = scale + drawn
    z[np.arange(shape[0]), np.arange(shape[0]) % shape[1]] = 0.0
    return z


def sample(shape: tuple[int, int], scale: float) -> tuple[Array, ...]:
    """Logits, and tokens at all rows but the last, some of them twice."""
    rng = np.random.default_rng(1)
    state = rng.integers(max(shape[0] - 1, 1), size=(3 * shape[0],))
    return table(shape, scale), state, rng.integers(shape[1], size=state.shape), rng.standard_normal(state.size)


def found(monkeypatch: pytest.MonkeyPatch, given: tuple[Array, ...], **constants: int) -> dict[str, Array]:
    with monkeypatch.context() as patch:
        patch.delenv(fast.SWITCH, raising=False)
        for name, value in constants.items():
            patch.setattr(tokens, name, value)
        z, state, action, g = given
        batch = Batch.of(z, state, action, g)
        return {
            "log_prob": batch.tokens.log_prob,
            "entropy": batch.state_entropy,
            "policy": batch.policy,
            "push": batch.push(g),
        }


LARGE = 2**60


@needs_numba
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_compiled_passes(monkeypatch: pytest.MonkeyPatch, shape: str, scale: str) -> None:
    given = sample(SHAPES[shape], SCALES[scale])
    z, state, action, g = given
    plain, compiled = found(monkeypatch, given, COMPILED=LARGE), found(monkeypatch, given, COMPILED=0)
    p, _ = rounding.parts(z)
    unit = np.asarray(rounding.unit(z))[:, None]
    size = np.zeros_like(z)
    np.add.at(size, (state, action), np.abs(g))
    size += p * size.sum(-1, keepdims=True)
    allowed = {
        "log_prob": rounding.log_softmax(z)[state, action],
        "entropy": rounding.entropy(z),
        "policy": rounding.softmax(z),
        "push": (unit + g.size * rounding.EPS) * size + rounding.SUBNORMAL,
    }
    for name, limit in allowed.items():
        assert compiled[name].shape == plain[name].shape
        assert np.all(np.abs(compiled[name] - plain[name]) <= 2 * limit), name


@pytest.mark.parametrize("scale", ["usual", "1 - p = 1e-20"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("part", "kept"), [(1, LARGE), (1, 0), (50, 0), (2500, LARGE)])
def test_parts_change_nothing(monkeypatch: pytest.MonkeyPatch, shape: str, scale: str, part: int, kept: int) -> None:
    """To the bit, whether the policies are kept or found again."""
    given = sample(SHAPES[shape], SCALES[scale])
    whole = found(monkeypatch, given, COMPILED=LARGE, PART=LARGE, KEPT=LARGE)
    parts = found(monkeypatch, given, COMPILED=LARGE, PART=part, KEPT=kept)
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value)


@pytest.mark.parametrize("compiled", [pytest.param(0, marks=needs_numba), LARGE])
def test_no_tokens(monkeypatch: pytest.MonkeyPatch, compiled: int) -> None:
    """A batch may be empty, and so may be its table."""
    nothing = np.zeros(0)
    for rows in (0, 2):
        given = np.zeros((rows, 3)), nothing.astype(int), nothing.astype(int), nothing
        out = found(monkeypatch, given, COMPILED=compiled)
        assert out["log_prob"].shape == (0,)
        assert out["entropy"].shape == (rows,)
        np.testing.assert_array_equal(out["push"], np.zeros((rows, 3)))


def test_log_probabilities_that_the_caller_knows() -> None:
    """They take the place of what the logits of the old policy and of the reference give."""
    z, state, action, a = sample((9, 4), 1.0)
    old, reference = z + 0.1 * table((9, 4), 1.0)[::-1], 2 * z
    found_out = Batch.of(z, state, action, a, old, reference)
    known = Batch.of(
        z,
        state,
        action,
        a,
        old,
        reference,
        old_log_prob=found_out.tokens.old_log_prob,
        reference_log_prob=found_out.tokens.reference_log_prob,
    )
    for control in (ClipHigher(0.05, 0.05), KLCov(1.0, 0.2)):
        np.testing.assert_array_equal(control.on_batch(known)[0], control.on_batch(found_out)[0])
    shifted = Batch.of(z, state, action, a, old, old_log_prob=found_out.tokens.old_log_prob - 1)
    np.testing.assert_array_equal(shifted.tokens.old_log_prob, found_out.tokens.old_log_prob - 1)


@needs_numba
def test_what_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large tables, unless it is switched off."""
    monkeypatch.delenv(fast.SWITCH, raising=False)
    assert tokens.Rows(np.zeros((64, 4096)))._compiled
    assert not tokens.Rows(np.zeros((63, 4096)))._compiled
    with fast.disabled():
        assert not tokens.Rows(np.zeros((64, 4096)))._compiled

"""The tables of logits of a sampled run: two of them take turns, and each batch writes only the rows that it visits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.training import sampling

Array = np.ndarray[Any, Any]

TREE = et.TokenTree.random(3, 3, prompts=6, correct=(0.1, 0.4), seed=1)
START = TREE.pretrained(1.0, seed=2)
BATCHES = et.Sampling(prompts=2, responses=3, minibatches=2, epochs=2)


def logits(steps: int, **more: Any) -> Array:
    return et.train(TREE, et.KLCov(0.5, 0.2), START, 3.0, steps, sampling=BATCHES, seed=4, **more).logits


@pytest.mark.parametrize("steps", [0, 3, 4, 7, 8, 12, 30])
def test_a_spare_table_changes_nothing(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    start, found = START.copy(), logits(steps)
    copied = sampling.Table.whole
    monkeypatch.setattr(sampling.Table, "whole", lambda table, z, spare=None: copied(table, z))
    np.testing.assert_array_equal(found, logits(steps))
    np.testing.assert_array_equal(START, start)


def test_a_spare_table_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the third batch on: the first table is the start, which is kept, and the second is in use."""
    seen: list[bool] = []
    whole = sampling.Table.whole

    def watched(table: Any, z: Array, spare: Any = None) -> Array:
        seen.append(spare is not None)
        out = whole(table, z, spare)
        if spare is not None:
            assert out is spare.z
            assert out is not z
        return out

    monkeypatch.setattr(sampling.Table, "whole", watched)
    logits(20, record_every=1000)
    assert seen[-5:] == [False, False, True, True, True]


def test_the_table_of_an_interrupted_batch_is_whole(tmp_path: Any) -> None:
    """Wherever it is interrupted, what is kept is the policy at the end of a batch."""
    expected = {step: logits(step) for step in range(0, 24, 4)}
    for stop in range(1, 24):

        def eta(step: int, last: int = stop) -> float:
            if step == last:
                raise KeyboardInterrupt
            return 3.0

        path = tmp_path / f"{stop}.ckpt"
        with pytest.raises(KeyboardInterrupt):
            et.train(TREE, et.KLCov(0.5, 0.2), START, eta, 24, sampling=BATCHES, seed=4, checkpoint=path)
        with np.load(path) as kept:
            np.testing.assert_array_equal(kept["z"], expected[stop - stop % 4])

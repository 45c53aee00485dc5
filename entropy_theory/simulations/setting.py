"""The model that the experiments share: a token tree at the paper's batch size, and a start that stands for a
pretrained model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

import numpy as np

from entropy_theory.controls import Control
from entropy_theory.estimators import GRPO
from entropy_theory.estimators.estimator import Estimator
from entropy_theory.problems import TokenTree
from entropy_theory.training import History, Sampling, train
from entropy_theory.workers import in_order

Array = np.ndarray[Any, Any]
T = TypeVar("T")

Report = Callable[[int, int], object]
"""Called with the number of pieces that are done and of all pieces."""


STREAM = 20_261_125
"""Settings and criteria were settled on other streams of random numbers than the one that the results are from."""


def seed_sequence(seed: int) -> np.random.SeedSequence:
    """The randomness of one repetition."""
    return np.random.SeedSequence([STREAM, seed])


@dataclass(frozen=True)
class Setting:
    """Numbers of the model.

    Attributes
    ----------
    prompts, vocabulary, horizon : int
        Of the token tree.
    correct : (low, high)
        Share of correct responses of a prompt, log-uniform: the difficulty.
    confidence, skill : float
        Of the start, see `TokenTree.pretrained`.
    eta : float
        Step size. An update of a batch of G prompts moves a logit of a first token by about ``eta / (G T)`` times the
        advantage.
    steps, epochs, responses : int
        Updates in all, updates a batch, responses to a prompt.
    filter_equal : bool
        Whether prompts with all-equal rewards leave the batch, as in arXiv:2505.22617.
    seeds : int
        Independent repetitions: another tree, another start and other samples each.
    """

    prompts: int = 256
    vocabulary: int = 8
    horizon: int = 3
    correct: tuple[float, float] = (1 / 512, 1 / 5)
    confidence: float = 2.0
    skill: float = 0.3
    eta: float = 40.0
    steps: int = 800
    epochs: int = 8
    responses: int = 8
    filter_equal: bool = True
    seeds: int = 10

    def changed(self, **changes: Any) -> Setting:
        """The setting with some numbers changed."""
        return replace(self, **changes)

    def described(self, **more: Any) -> dict[str, Any]:
        """All numbers, for a `Result`."""
        return {**{k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}, **more}

    def start(self, seed: int) -> tuple[TokenTree, Array, np.random.SeedSequence]:
        """Tree, logits of the start and the seed of the samples, for one repetition."""
        tree_seed, start_seed, sample_seed = seed_sequence(seed).spawn(3)
        tree = TokenTree.random(
            self.vocabulary,
            self.horizon,
            prompts=self.prompts,
            correct=self.correct,
            seed=np.random.default_rng(tree_seed),
        )
        z0 = tree.pretrained(self.confidence, skill=self.skill, seed=np.random.default_rng(start_seed))
        return tree, z0, sample_seed

    def sampled(
        self, control: Control, seed: int, *, records: int = 50, estimator: Estimator | None = None, **options: Any
    ) -> History:
        """A sampled run with about `records` records in equal steps."""
        tree, z0, sample_seed = self.start(seed)
        sampling = Sampling(
            prompts=self.prompts,
            responses=self.responses,
            epochs=self.epochs,
            estimator=GRPO() if estimator is None else estimator,
            filter_equal=self.filter_equal,
        )
        every = max(1, self.steps // records)
        return train(
            tree,
            control,
            z0,
            self.eta,
            self.steps,
            sampling=sampling,
            record_every=every,
            state_entropy=False,
            seed=sample_seed,
            **options,
        )


FULL = Setting()
SMALL = Setting(prompts=16, vocabulary=4, horizon=2, correct=(1 / 16, 1 / 4), eta=4.0, steps=48, seeds=3)
"""The fast variant that the tests run."""


def pieces(
    function: Callable[..., T], arguments: Iterable[tuple[Any, ...]], workers: int, report: Report | None = None
) -> list[T]:
    """``function(*a)`` for each of `arguments`, in order, in `workers` processes, with progress."""
    todo = list(arguments)
    out: list[T] = []
    for item in in_order(function, todo, workers):
        out.append(item)
        if report is not None:
            report(len(out), len(todo))
    return out

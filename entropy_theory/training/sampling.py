"""How sampled responses become updates: batches of groups, the old policy held, parts of the batch in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.controls import Control
from entropy_theory.controls.fields import check_flag
from entropy_theory.controls.tokens import Batch, Rows
from entropy_theory.estimators import GRPO
from entropy_theory.estimators.estimator import Estimator
from entropy_theory.problems import TokenTree
from entropy_theory.problems.token_tree import MOST_RESPONSES
from entropy_theory.rollouts import Rollouts, draw_prompts, sample
from entropy_theory.validation import as_count, as_generator

Array = np.ndarray[Any, Any]

Memory = dict[str, Array]


@dataclass(frozen=True)
class Sampling:
    """Batches of sampled responses.

    A batch has `responses` responses to each of `prompts` prompts, written by the current policy, which is then held as
    the old policy. Prompts are drawn by systematic sampling (`rollouts.draw_prompts`): each comes as often as its
    weight asks for in expectation, up to rounding, and of equal weights and as many as the tree has each comes once. In
    each of `epochs` passes the prompts are shuffled and split into `minibatches` parts, and each part gives one update.
    The defaults are the settings of arXiv:2505.22617, Section VIII.A of the paper: 256 prompts, 8 responses, 8 updates
    a batch; the filter of that source is `filter_equal`.

    Prompts share no logits here. With one epoch each prompt would be updated once a batch, at a ratio of one to the old
    policy, so that neither PPO clipping nor KL-Cov could act, however many parts the batch has. The updates are
    therefore epochs by default.

    Parameters
    ----------
    prompts, responses, minibatches, epochs : int >= 1
        With more parts than prompts some parts are empty: they count as updates and change nothing.
    estimator : Estimator
        Gives each token its advantage, once for the batch.
    filter_equal : bool
        Whether prompts whose responses all have the same reward leave the batch, as in arXiv:2505.22617. The means over
        tokens are then over those that stay. Only for RLOO and GRPO is the advantage of the others zero anyway.

    Raises
    ------
    ValueError
        If an argument is not as above.
    """

    prompts: int = 256
    responses: int = 8
    minibatches: int = 1
    epochs: int = 8
    estimator: Estimator = field(default_factory=GRPO)
    filter_equal: bool = False

    def __post_init__(self) -> None:
        for name in ("prompts", "responses", "minibatches", "epochs"):
            object.__setattr__(self, name, as_count(getattr(self, name), name))
        if self.prompts * self.responses > MOST_RESPONSES:
            raise ValueError(
                f"prompts is {brief(self.prompts)} and responses is {brief(self.responses)}, expected at most "
                f"{MOST_RESPONSES:.0e} responses in a batch"
            )
        if not isinstance(self.estimator, Estimator):
            raise ValueError(f"estimator is {brief(self.estimator)}, expected an Estimator such as GRPO() or RLOO()")
        if self.responses < self.estimator.least_responses:
            raise ValueError(
                f"responses is {brief(self.responses)}, expected at least {self.estimator.least_responses} for "
                f"{self.estimator!r}"
            )
        check_flag(self.filter_equal, "filter_equal")

    @property
    def updates(self) -> int:
        """Updates a batch."""
        return self.minibatches * self.epochs

    def collect(self, tree: TokenTree, z: Array, rng: np.random.Generator) -> Rollouts:
        """The responses of one batch.

        Parameters
        ----------
        tree : TokenTree
        z : array (S, V)
            Logits of the policy that writes the responses.
        rng : numpy.random.Generator

        Returns
        -------
        Rollouts

        Raises
        ------
        ValueError
            If `z` does not fit the tree, or `rng` is no generator.
        """
        if not isinstance(tree, TokenTree):
            raise ValueError(f"tree is {brief(tree)}, expected a TokenTree")
        rollouts = sample(tree, z, draw_prompts(tree, self.prompts, rng), self.responses, rng)
        if not self.filter_equal:
            return rollouts
        return rollouts.take((rollouts.reward != rollouts.reward[:, :1]).any(-1))

    def parts(self, groups: int, rng: np.random.Generator) -> Iterator[Array]:
        """The groups of each update, in turn.

        Parameters
        ----------
        groups : int
            Number of groups in the batch.
        rng : numpy.random.Generator

        Yields
        ------
        int array
            Indices of groups.

        Raises
        ------
        ValueError
            If `groups` is no integer from 0 to `prompts`, or `rng` is no generator.
        """
        if as_count(groups, "groups", least=0) > self.prompts:
            raise ValueError(f"groups is {brief(groups)}, expected at most the {self.prompts} prompts of a batch")
        rng = as_generator(rng, "rng")
        for _ in range(self.epochs):
            yield from np.array_split(rng.permutation(groups), self.minibatches)


@dataclass(frozen=True)
class Spare:
    """A table of logits that nobody needs any more, and the only rows in which it may differ from the current one."""

    z: Array
    rows: Array


@dataclass
class Table:
    """The rows of the logits that a batch visits: what is learned from it happens here."""

    rows: Array
    """The distinct states of the batch."""
    index: Array
    """Place of each token's state among the rows, shape (G, K, T)."""
    z: Array
    old: Array
    reference: Array | None
    reference_log_prob: Array | None
    """Of each token, shape (G, K, T)."""

    @classmethod
    def of(cls, rollouts: Rollouts, z: Array, reference: Array | None) -> Table:
        """The rows of the states of `rollouts`; the old policy is the one in `z`."""
        rows, index = np.unique(rollouts.state, return_inverse=True)
        current = z[rows]
        place = index.reshape(rollouts.state.shape)
        if reference is None:
            return cls(rows, place, current, current.copy(), None, None)
        held = reference[rows]
        log_prob = Rows(held).log_prob(place.ravel(), rollouts.action.ravel()).reshape(place.shape)
        return cls(rows, place, current, current.copy(), held, log_prob)

    def batch(self, groups: Array, rollouts: Rollouts, advantage: Array) -> tuple[Array, Batch]:
        """Places of the rows that some groups visit, and their tokens."""
        index = self.index[groups].ravel()
        present = np.zeros(self.rows.size, dtype=bool)
        present[index] = True
        places, where = np.flatnonzero(present), np.cumsum(present)[index] - 1
        held, penal = self.reference, self.reference_log_prob
        every = places.size == self.rows.size
        return places, Batch.of(
            self.z[places],
            where,
            rollouts.action[groups].ravel(),
            advantage[groups].ravel(),
            self.old if every else self.old[places],
            held if every or held is None else held[places],
            old_log_prob=rollouts.log_prob[groups].ravel(),
            reference_log_prob=None if penal is None else penal[groups].ravel(),
        )

    def whole(self, z: Array, spare: Spare | None = None) -> Array:
        """All logits `z` with the rows put in, a new array or the spare one."""
        if spare is None:
            out = z.copy()
        else:
            out = spare.z
            out[spare.rows] = z[spare.rows]
        out[self.rows] = self.z
        return out


def step_on(table: Table, places: Array, batch: Batch, control: Control, eta: float, rng: Any, step: int) -> Array:
    """Update the rows with the tokens of one part; the tokens that the control selected."""
    gradient, selected = control.on_batch(batch, rng=rng, step=step)
    if places.size == table.rows.size:
        table.z -= eta * gradient
    else:
        table.z[places] -= eta * gradient
    return selected

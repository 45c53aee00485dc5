"""Responses sampled from a policy on a token tree, in groups of several responses to one prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.problems import TokenTree
from entropy_theory.softmax import log_softmax
from entropy_theory.validation import as_count, as_generator, report

Array = np.ndarray[Any, Any]

PART = 2**20
"""Logits of distinct states that are looked at together, at most, where one state has no more."""

WIDE = 128
"""Vocabulary above which a token is searched for rather than counted off."""


@dataclass(frozen=True)
class Rollouts:
    """G groups of K responses of T tokens.

    Attributes
    ----------
    prompt : int array (G,)
    state, action : int array (G, K, T)
        Where each token was chosen, and the token.
    reward : array (G, K)
        Of the complete responses.
    log_prob : array (G, K, T)
        ``log pi_old(a|s)`` under the policy that wrote them.
    """

    prompt: Array
    state: Array
    action: Array
    reward: Array
    log_prob: Array

    @property
    def groups(self) -> int:
        """Number G of groups."""
        return int(self.prompt.size)

    @property
    def responses(self) -> int:
        """Number K of responses of a group."""
        return int(self.reward.shape[1])

    @property
    def horizon(self) -> int:
        """Number T of tokens of a response."""
        return int(self.action.shape[2])

    def take(self, index: Any) -> Rollouts:
        """Some of the groups.

        Parameters
        ----------
        index : int or bool array
            Indices of groups, or a mask.

        Returns
        -------
        Rollouts

        Raises
        ------
        ValueError
            If there are no such groups.
        """
        try:
            self.prompt[index]
        except (IndexError, OverflowError, TypeError, ValueError):
            raise ValueError(f"index is {brief(index)}, expected indices of {self.groups} groups, or a mask") from None
        return Rollouts(
            self.prompt[index], self.state[index], self.action[index], self.reward[index], self.log_prob[index]
        )


def sample(tree: TokenTree, z: Any, prompts: Any, responses: int, rng: Any) -> Rollouts:
    """Responses of the policy with logits `z` (S, V), `responses` to each of `prompts`, an int array (G,).

    Only the rows of the states that are visited are read.

    Raises
    ------
    ValueError
        If `z` does not fit, a prompt is out of range, or `responses` is no integer >= 1.
    """
    logits = np.asarray(z)
    if tree.batch or logits.shape != (tree.states, tree.vocabulary) or logits.dtype != np.float64:
        raise ValueError(
            f"z has shape {logits.shape} and dtype {logits.dtype}, expected floats of shape ({tree.states}, "
            f"{tree.vocabulary}) for one tree"
        )
    count, rng = as_count(responses, "responses"), as_generator(rng, "rng")
    group = np.asarray(prompts)
    if group.ndim != 1 or (group.dtype.kind not in "iu" and group.size):
        raise ValueError(f"prompts has shape {group.shape} and dtype {group.dtype}, expected integers of shape (G,)")
    group = group.astype(np.int64)
    report((group < 0) | (group >= tree.prompts), group, "prompts", f"an integer in [0, {tree.prompts})")
    place = np.repeat(group, count)
    shape = (place.size, tree.horizon)
    state, action, log_prob = np.empty(shape, np.int64), np.empty(shape, np.int64), np.empty(shape)
    for t in range(tree.horizon):
        state[:, t] = tree.level(t).start + place
        action[:, t], log_prob[:, t] = _tokens(logits, state[:, t], rng)
        place = place * tree.vocabulary + action[:, t]
    groups = (group.size, count, tree.horizon)
    return Rollouts(
        prompt=group,
        state=state.reshape(groups),
        action=action.reshape(groups),
        reward=tree.reward.reshape(-1)[place].reshape(groups[:2]),
        log_prob=log_prob.reshape(groups),
    )


def draw_prompts(tree: TokenTree, number: int, rng: Any) -> Array:
    """`number` prompts by systematic sampling: prompt m comes ``number * c_m`` times in expectation, and either the
    integer below it or the one above; of equal weights as many as there are prompts, each once. Shape (number,).

    Raises
    ------
    ValueError
        If `number` is no integer >= 0.
    """
    as_count(number, "number", least=0)
    rng = as_generator(rng, "rng")
    ends = np.cumsum(tree.weights) / tree.weights.sum()
    drawn = np.searchsorted(ends, (np.arange(number) + rng.random()) / max(number, 1), side="right")
    # The last point may round to one.
    return np.asarray(np.minimum(drawn, np.flatnonzero(tree.weights)[-1]))


def _tokens(logits: Array, state: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """One token at each of some states (N,), and its log-probability. Each distinct state is evaluated once."""
    uniform = rng.random((state.size, 1))
    rows, index = np.unique(state, return_inverse=True)
    action, log_prob = np.empty(state.size, np.int64), np.empty(state.size)
    order = np.argsort(index, kind="stable")
    ranked, step = index[order], max(1, PART // logits.shape[1])
    for start in range(0, rows.size, step):
        part = rows[start : start + step]
        chosen = order[slice(*np.searchsorted(ranked, (start, start + part.size)))]
        x, place = log_softmax(logits[part]), index[chosen] - start
        action[chosen] = _inverse(np.cumsum(np.exp(x), axis=-1), place, uniform[chosen])
        log_prob[chosen] = x[place, action[chosen]]
    return action, log_prob


def _inverse(ends: Array, row: Array, uniform: Array) -> Array:
    """Actions by inversion of the cumulative sums `ends` (R, A) at the rows (N,), for uniform numbers (N, 1)."""
    level = uniform * ends[row, -1:]
    if ends.shape[1] <= WIDE:
        return np.asarray((level >= ends[row, :-1]).sum(-1))
    found = [np.searchsorted(ends[r, :-1], x, side="right") for r, x in zip(row, level[:, 0], strict=True)]
    return np.array(found, dtype=np.int64)

"""Responses sampled from a policy on a token tree, in groups of several responses to one prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entropy_theory.problems import TokenTree
from entropy_theory.softmax import log_softmax
from entropy_theory.validation import as_count, as_generator, report

Array = np.ndarray[Any, Any]


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
        """
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
        x = log_softmax(logits[state[:, t]])
        action[:, t] = _draw(np.exp(x), rng)
        log_prob[:, t] = x[np.arange(place.size), action[:, t]]
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


def _draw(policy: Array, rng: np.random.Generator) -> Array:
    """One action a row, by inversion."""
    ends = np.cumsum(policy, axis=-1)
    return np.asarray((rng.random((policy.shape[0], 1)) * ends[:, -1:] >= ends[:, :-1]).sum(-1))

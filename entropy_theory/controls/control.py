"""What every entropy control has in common.

A control is a small frozen object that changes the loss of a policy. It can be used in three ways: on a batch of
sampled tokens (`select`, `selections`, `token_gradient`), on a batch with the logits of the policy
(`loss_gradient`), and as the exact update that an infinite batch gives (`update`).

A batch has N tokens with ``ratio_t = pi(a_t|s_t) / pi_old(a_t|s_t)``; N = 0 is allowed. The loss is the mean of the
tokens' losses, to be minimised. Without a control the loss of a token is ``-A_t ratio_t``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any

import numpy as np

from entropy_theory.controls.expected import Expected
from entropy_theory.controls.fields import as_step_size, spread
from entropy_theory.controls.tokens import Batch, Tokens
from entropy_theory.gradients import Problem, checked_logits
from entropy_theory.problems import Bandit

Array = np.ndarray[Any, Any]


class Control(ABC):
    """Base of the entropy controls."""

    # Sampled tokens ----------------------------------------------------------------------------------------

    def select(
        self,
        log_prob: Any,
        advantage: Any,
        rng: Any = None,
        old_log_prob: Any = None,
        *,
        state: Any = None,
        covariance: Any = None,
    ) -> Array:
        """The tokens that the control treats specially.

        Parameters
        ----------
        log_prob, advantage : array (N,)
            ``log pi(a_t|s_t)`` and the sampled advantages.
        rng : numpy.random.Generator or seed, optional
            Draws the selection, where it is random.
        old_log_prob : array (N,), optional
            ``log pi_old(a_t|s_t)``; `log_prob` if left out.
        state : int array (N,), optional
            Labels of the states, for means within a state; all tokens are of one state if left out.
        covariance : array (N,), optional
            The token-wise covariance, for a caller that knows it under the policy, Eq. (17).

        Returns
        -------
        bool array (N,)

        Raises
        ------
        ValueError
            If a shape does not fit or an entry is not finite.
        """
        return self._select(Tokens.of(log_prob, advantage, old_log_prob, state, covariance), rng)

    def selections(
        self, log_prob: Any, advantage: Any, old_log_prob: Any = None, *, state: Any = None, covariance: Any = None
    ) -> list[tuple[Array, Fraction]]:
        """Every selection that `select` may return, with its probability.

        Parameters
        ----------
        log_prob, advantage, old_log_prob, state, covariance
            As in `select`.

        Returns
        -------
        list of (bool array (N,), Fraction)
            One entry with probability one where the selection is not random.

        Raises
        ------
        ValueError
            As in `select`, and if there are more than a million selections.
        """
        return self._selections(Tokens.of(log_prob, advantage, old_log_prob, state, covariance))

    def token_gradient(
        self,
        log_prob: Any,
        advantage: Any,
        *,
        old_log_prob: Any = None,
        reference_log_prob: Any = None,
        selected: Any = None,
        rng: Any = None,
        step: int = 0,
        state: Any = None,
        covariance: Any = None,
    ) -> Array:
        """Derivative of the mean loss with respect to the log-probability of each token.

        The old policy and the selection count as constants.

        Parameters
        ----------
        log_prob, advantage, old_log_prob, rng, state, covariance
            As in `select`.
        reference_log_prob : array (N,), optional
            ``log pi_ref(a_t|s_t)`` of the policy that a penalty refers to, if that is not the old one.
        selected : bool array (N,), optional
            Takes the place of the selection.
        step : int, optional
            At which the coefficients are taken.

        Returns
        -------
        array (N,)

        Raises
        ------
        ValueError
            As in `select`, and if the update is no function of the log-probabilities of the tokens alone; then
            `loss_gradient` has it.
        """
        beyond = self._beyond_tokens(step)
        if beyond is not None:
            raise ValueError(
                f"{beyond} is no function of the log-probabilities of the sampled tokens, expected a control that is; "
                "use loss_gradient, which takes the logits"
            )
        tokens = Tokens.of(log_prob, advantage, old_log_prob, state, covariance, reference_log_prob)
        return self._mean_gradient(tokens, self._chosen(tokens, selected, rng), step)

    def loss_gradient(
        self,
        z: Any,
        state: Any,
        action: Any,
        advantage: Any,
        *,
        z_old: Any = None,
        reference: Any = None,
        selected: Any = None,
        rng: Any = None,
        step: int = 0,
    ) -> Array:
        """Gradient of the mean loss with respect to the logits; a step is ``z - eta * loss_gradient(...)``.

        Parameters
        ----------
        z : array (S, A)
            Logits of the policy.
        state, action : int array (N,)
            The tokens.
        advantage : array (N,)
        z_old : array (S, A), optional
            Logits of the old policy, which drew the tokens; `z` if left out.
        reference : array (S, A), optional
            Logits of the policy that a penalty refers to, if that is not the old one.
        selected, rng, step
            As in `token_gradient`.

        Returns
        -------
        array (S, A)

        Raises
        ------
        ValueError
            If a shape does not fit, an index is out of range or an entry is not finite.
        """
        return self.on_batch(Batch.of(z, state, action, advantage, z_old, reference), selected, rng, step)[0]

    def on_batch(self, batch: Batch, selected: Any = None, rng: Any = None, step: int = 0) -> tuple[Array, Array]:
        """`loss_gradient` (S, A) of a batch that is made already, and the tokens (N,) that were selected."""
        chosen = self._chosen(batch.tokens, selected, rng)
        return self._logit_gradient(batch, self._mean_gradient(batch.tokens, chosen, step), chosen, step), chosen

    # Exact update ------------------------------------------------------------------------------------------

    def update(
        self, problem: Problem, z: Any, eta: Any, *, anchor: Any = None, reference: Any = None, step: int = 0
    ) -> Array:
        """The exact expected update: what an infinite batch gives, minus `eta` times the expected loss gradient.

        Tokens are drawn from the old policy at the states that the policy visits. Two rules of a finite batch have
        no such limit off policy and are read as the paper has them: means within a state are those under the policy,
        Eq. (17), and a mask on logits acts on an entry with the share of its tokens that are selected, where a batch
        masks an entry whole as soon as one of its tokens is.

        Parameters
        ----------
        problem : Bandit, MDP or TokenTree
            Also a batch of problems.
        z : array (..., S, A), for a bandit (..., A)
            Logits, floats or balls.
        eta : number > 0 or array (...)
            Step size, or one a problem.
        anchor : array like `z`, optional
            Logits of the old policy, which draws the tokens; `z` if left out.
        reference : array like `z`, optional
            Logits of the policy that a penalty refers to, if that is not the old one.
        step : int, optional
            At which the coefficients are taken.

        Returns
        -------
        array of the shape of `z` broadcast against the problem

        Raises
        ------
        ValueError
            If a shape does not fit, an entry is not finite or `eta` is not positive.
        UndecidedComparison
            If a choice that matters cannot be made since balls overlap.
        """
        checked_logits(problem, z)
        size = spread(as_step_size(eta), 1 if isinstance(problem, Bandit) else 2)
        return np.asarray(size * self._direction(problem, z, anchor, reference, step))

    def selected_share(self, problem: Problem, z: Any, *, anchor: Any = None) -> Array:
        """Share of the tokens of each entry that the exact update treats specially: `select` in an infinite batch.

        Parameters
        ----------
        problem, z, anchor
            As in `update`.

        Returns
        -------
        array of the shape of `z` broadcast against the problem
            Zero for a control that selects no tokens.

        Raises
        ------
        ValueError, UndecidedComparison
            As in `update`.
        """
        expected = Expected.of(problem, checked_logits(problem, z), anchor)
        return expected.shaped(self._share(expected))

    # What a control fills in ---------------------------------------------------------------------------------

    @abstractmethod
    def _direction(self, problem: Problem, z: Any, anchor: Any, reference: Any, step: int) -> Array:
        """The update at step size one."""

    def _select(self, tokens: Tokens, rng: Any) -> Array:
        return np.zeros(tokens.size, dtype=bool)

    def _share(self, expected: Expected) -> Array:
        return np.zeros(expected.policy.shape)

    def _selections(self, tokens: Tokens) -> list[tuple[Array, Fraction]]:
        return [(self._select(tokens, None), Fraction(1))]

    def _beyond_tokens(self, step: int) -> str | None:
        """What in the update is no function of the tokens' log-probabilities, if anything."""
        return None

    def _per_token(self, tokens: Tokens, selected: Array, step: int) -> Array:
        """Derivative of each token's loss, before the mean is taken."""
        return np.asarray(-tokens.advantage * tokens.ratio)

    def _logit_gradient(self, batch: Batch, mean_gradient: Array, selected: Array, step: int) -> Array:
        return batch.push(mean_gradient)

    def _mean_gradient(self, tokens: Tokens, selected: Array, step: int) -> Array:
        return np.asarray(self._per_token(tokens, selected, step) / max(tokens.size, 1))

    def _chosen(self, tokens: Tokens, selected: Any, rng: Any) -> Array:
        return self._select(tokens, rng) if selected is None else tokens.as_selected(selected)

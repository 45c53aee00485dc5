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

from entropy_theory.brief import brief
from entropy_theory.controls.expected import Expected
from entropy_theory.controls.fields import as_step_size, spread
from entropy_theory.controls.tokens import Batch, Tokens
from entropy_theory.gradients import Problem, checked_logits
from entropy_theory.problems import Bandit

Array = np.ndarray[Any, Any]


class Control(ABC):
    """Base of the entropy controls, and of a control of one's own.

    A subclass has to say its exact update at step size one, `direction`. To work on sampled tokens as well it says
    which tokens it treats specially, `choose`, and the derivative of each token's loss, `token_derivative`; by default
    no token is special and the loss is the plain ``-A ratio``. `choices`, `chosen_share`, `logit_gradient` and
    `beyond_tokens` are for selections that are random or counted, and for losses that the logits enter directly.
    """

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
        return self._chosen(Tokens.of(log_prob, advantage, old_log_prob, state, covariance), None, rng)

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
            As in `select`, and if there are more than 10^8 numbers in all selections together.
        """
        return self.choices(Tokens.of(log_prob, advantage, old_log_prob, state, covariance))

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
        log_prob, advantage, old_log_prob
            As in `select`.
        reference_log_prob : array (N,), optional
            ``log pi_ref(a_t|s_t)`` of the policy that a penalty refers to, if that is not the old one.
        selected : bool array (N,), optional
            Takes the place of the selection.
        rng : numpy.random.Generator or seed, optional
            Draws the selection, where it is random.
        step : int, optional
            At which the coefficients are taken.
        state, covariance
            As in `select`.

        Returns
        -------
        array (N,)

        Raises
        ------
        ValueError
            As in `select`, and if the update is no function of the log-probabilities of the tokens alone; then
            `loss_gradient` has it.
        """
        beyond = self.beyond_tokens(step)
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
        """`loss_gradient` of a batch that is made already, and the tokens that were selected.

        Parameters
        ----------
        batch : Batch
        selected, rng, step
            As in `token_gradient`.

        Returns
        -------
        gradient : array (S, A)
        chosen : bool array (N,)
        """
        chosen = self._chosen(batch.tokens, selected, rng)
        gradient = self.logit_gradient(batch, self._mean_gradient(batch.tokens, chosen, step), chosen, step)
        return self._checked("logit_gradient", gradient, batch.z.shape, [batch.z]), chosen

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
        logits = checked_logits(problem, z)
        old, held = (logits if given is z else given for given in (anchor, reference))
        axes = 1 if isinstance(problem, Bandit) else 2
        size = spread(as_step_size(eta), axes)
        direction = self.direction(problem, logits, anchor=old, reference=held, step=step)
        others = [np.asarray(x) for x in (old, held) if x is not None and x is not logits]
        found = self._direction_of(direction, problem, logits, others)
        try:
            return np.asarray(size * found)
        except ValueError:
            raise ValueError(f"eta is {brief(eta)}, expected one that fits an update of shape {found.shape}") from None

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
        return expected.shaped(self.chosen_share(expected))

    # What a control of one's own fills in --------------------------------------------------------------------

    @abstractmethod
    def direction(self, problem: Problem, z: Array, *, anchor: Any, reference: Any, step: int) -> Array:
        """The exact update at step size one. Every control has to say this; all other hooks have a default.

        `update` checks the logits, calls this and multiplies by the step size. `Expected.of(problem, z, anchor,
        reference)` has the exact quantities that a direction is made of, in floats and in balls.

        Parameters
        ----------
        problem : Bandit, MDP or TokenTree
            Also a batch of problems.
        z : array (..., S, A), for a bandit (..., A)
            Logits, checked: floats or balls.
        anchor : array like `z`, or None
            Logits of the old policy, which draws the tokens; None if that is the policy itself.
        reference : array like `z`, or None
            Logits of the policy that a penalty refers to; None if that is the old one.
        step : int
            At which coefficients are taken.

        Returns
        -------
        array of the shape of `z` broadcast against the problem
        """

    def choose(self, tokens: Tokens, rng: Any) -> Array:
        """The sampled tokens that the control treats specially: what `select` returns. By default none.

        Parameters
        ----------
        tokens : Tokens
            The batch, checked.
        rng : numpy.random.Generator, seed or None
            Draws the selection, where it is random.

        Returns
        -------
        bool array (N,)
        """
        return np.zeros(tokens.size, dtype=bool)

    def choices(self, tokens: Tokens) -> list[tuple[Array, Fraction]]:
        """Every selection that `choose` may return, with its probability: what `selections` returns.

        The default is the one selection that `choose` returns. A control whose selection is random has to list them.

        Parameters
        ----------
        tokens : Tokens
            The batch, checked.

        Returns
        -------
        list of (bool array (N,), Fraction)
        """
        return [(self.choose(tokens, None), Fraction(1))]

    def chosen_share(self, expected: Expected) -> Array:
        """`choose` in an infinite batch: what `selected_share` returns. By default zero.

        Parameters
        ----------
        expected : Expected
            The policy in its problem.

        Returns
        -------
        array (..., S, A)
            Share in [0, 1] of the tokens of each entry that the control treats specially.
        """
        return np.zeros(expected.policy.shape)

    def token_derivative(self, tokens: Tokens, selected: Array, step: int) -> Array:
        """Derivative of the loss of each token with respect to its log-probability. By default ``-A_t ratio_t``.

        The old policy and the selection count as constants. The mean over the batch is taken by the caller.

        Parameters
        ----------
        tokens : Tokens
            The batch, checked.
        selected : bool array (N,)
            What `choose` returned, or what the caller gave in its place.
        step : int
            At which coefficients are taken.

        Returns
        -------
        array (N,)
        """
        return np.asarray(-tokens.advantage * tokens.ratio)

    def logit_gradient(self, batch: Batch, mean_gradient: Array, selected: Array, step: int) -> Array:
        """Gradient of the mean loss with respect to the logits. By default the softmax takes `mean_gradient` there.

        Override it where the loss has a part that is no function of the tokens' log-probabilities, such as the
        entropy of a state; say so in `beyond_tokens` as well.

        Parameters
        ----------
        batch : Batch
            The tokens with the logits of the policies.
        mean_gradient : array (N,)
            `token_derivative` divided by N.
        selected : bool array (N,)
            What `choose` returned, or what the caller gave in its place.
        step : int
            At which coefficients are taken.

        Returns
        -------
        array (S, A)
        """
        return batch.push(mean_gradient)

    def beyond_tokens(self, step: int) -> str | None:
        """What in the loss is no function of the tokens' log-probabilities, in words; None, the default, if nothing.

        `token_gradient` then raises an error that says it.

        Parameters
        ----------
        step : int
            At which coefficients are taken.

        Returns
        -------
        str or None
        """
        return None

    def _direction_of(self, found: Any, problem: Problem, logits: Array, others: list[Array]) -> Array:
        axes = 1 if isinstance(problem, Bandit) else 2
        batch = np.broadcast_shapes(() if isinstance(problem, Bandit) else problem.batch, logits.shape[:-axes])
        # One that looks at a batch of old policies has their batch too.
        if others and np.shape(found)[:-axes] != batch:
            batch = np.broadcast_shapes(batch, *(x.shape[:-axes] for x in others))
        shape = (*batch, *logits.shape[-axes:])
        tables = [x for x in vars(problem).values() if isinstance(x, np.ndarray)]
        return self._checked("direction", found, shape, [logits, *others, *tables], " (Expected.shaped gives it)")

    def _checked(self, hook: str, found: Any, shape: tuple[int, ...], given: list[Array], mend: str = "") -> Array:
        """What a hook returned, as an array of this shape and of the kind of numbers given to it, first the logits."""
        array = np.asarray(found)
        returned, of = f"{type(self).__name__}.{hook} returned", f"for logits of shape {given[0].shape}, expected"
        if array.shape != shape:
            raise ValueError(f"{returned} shape {array.shape} {of} shape {shape}{mend}")
        # A complex step differentiates, and objects are balls.
        if array.dtype.kind not in {*"biuf", *(x.dtype.kind for x in given)}:
            raise ValueError(f"{returned} dtype {array.dtype} {of} real numbers, as all that was given")
        return array

    def _mean_gradient(self, tokens: Tokens, selected: Array, step: int) -> Array:
        derivative = np.asarray(self.token_derivative(tokens, selected, step))
        if derivative.shape != (tokens.size,):
            raise ValueError(
                f"{type(self).__name__}.token_derivative returned shape {derivative.shape} for {tokens.size} tokens, "
                f"expected ({tokens.size},)"
            )
        return np.asarray(derivative / max(tokens.size, 1))

    def _chosen(self, tokens: Tokens, selected: Any, rng: Any) -> Array:
        if selected is None:
            return tokens.as_selected(self.choose(tokens, rng), f"{type(self).__name__}.choose's mask")
        return tokens.as_selected(selected)

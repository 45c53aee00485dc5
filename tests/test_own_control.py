"""A control of one's own: what it inherits, and errors that name the method that returned something unusable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import entropy_theory as et

BANDIT, Z = et.Bandit([1.0, 0.0, 0.5]), np.log([0.5, 0.3, 0.2])
LOG_PROB, ADVANTAGE = np.log([0.5, 0.3, 0.2, 0.5]), np.array([0.5, -0.5, 0.0, 0.5])
TOKENS: dict[str, Any] = {"state": np.zeros(4, dtype=int), "action": np.array([0, 1, 2, 0]), "advantage": ADVANTAGE}


class Doubled(et.Control):
    """Twice the policy gradient, and in a batch twice the loss."""

    def direction(self, problem: Any, z: Any, *, anchor: Any, reference: Any, step: int) -> Any:
        return 2 * et.policy_gradient(problem, z)

    def token_derivative(self, tokens: Any, selected: Any, step: int) -> Any:
        return 2 * super().token_derivative(tokens, selected, step)


def test_one_method_makes_an_exact_control_and_one_more_a_sampled_one() -> None:
    plain = et.PolicyGradient()
    np.testing.assert_array_equal(Doubled().update(BANDIT, Z, 0.5), plain.update(BANDIT, Z, 1.0))
    run = et.train(BANDIT, Doubled(), np.zeros(3), eta=0.5, steps=3)
    np.testing.assert_array_equal(run.logits, et.train(BANDIT, plain, np.zeros(3), eta=1.0, steps=3).logits)
    mine, its = (c.loss_gradient(Z[None], **TOKENS) for c in (Doubled(), plain))
    np.testing.assert_array_equal(mine, 2 * its)
    assert not Doubled().select(LOG_PROB, ADVANTAGE).any()


def test_a_control_without_a_direction_cannot_be_made() -> None:
    class Nothing(et.Control):
        pass

    with pytest.raises(TypeError, match="direction"):
        Nothing()  # type: ignore[abstract]


def test_a_direction_of_another_shape_is_named() -> None:
    class Square(Doubled):
        def direction(self, problem: Any, z: Any, *, anchor: Any, reference: Any, step: int) -> Any:
            return np.zeros((2, 2))

    with pytest.raises(ValueError, match=r"Square.direction returned shape \(2, 2\) for logits of shape \(3,\)"):
        Square().update(BANDIT, Z, 1.0)


class Fixed(et.Control):
    """A direction and a gradient that do not look at the problem."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def direction(self, problem: Any, z: Any, *, anchor: Any, reference: Any, step: int) -> Any:
        return self.found

    def logit_gradient(self, batch: Any, mean_gradient: Any, selected: Any, step: int) -> Any:
        return self.found


def test_a_direction_has_the_shape_of_the_logits_against_the_problem() -> None:
    """One axis of states too many or one of the batch too few is refused, though it would broadcast."""
    message = r"Fixed.direction returned shape \(1, 3\) for .*, expected shape \(3,\) \(Expected.shaped gives it"
    with pytest.raises(ValueError, match=message):
        Fixed(np.zeros((1, 3))).update(BANDIT, Z, 1.0)
    many = et.Bandit(np.eye(3)[:2])
    with pytest.raises(ValueError, match=r"expected shape \(2, 3\)"):
        Fixed(np.zeros(3)).update(many, Z, 1.0)
    assert Fixed(np.zeros((2, 3))).update(many, Z, 1.0).shape == (2, 3)
    mdp = et.MDP(transition=np.ones((1, 3, 1)), reward=[[1.0, 0.0, 0.5]], initial=[1.0], discount=0.5)
    with pytest.raises(ValueError, match=r"expected shape \(1, 3\)"):
        Fixed(np.zeros(3)).update(mdp, Z[None], 1.0)
    assert Fixed(np.zeros((1, 3))).update(mdp, Z[None], 1.0).shape == (1, 3)
    old = np.stack([Z, Z, Z])
    for shape in ((3,), (3, 3)):  # with and without a look at the old policies
        assert Fixed(np.zeros(shape)).update(BANDIT, Z, 1.0, anchor=old).shape == shape


@pytest.mark.parametrize("dtype", [complex, object, str])
def test_real_logits_have_a_real_direction(dtype: type) -> None:
    with pytest.raises(ValueError, match=r"Fixed.direction returned dtype .*, expected real numbers"):
        Fixed(np.zeros(3, dtype=dtype)).update(BANDIT, Z, 1.0)
    with pytest.raises(ValueError, match=r"Fixed.logit_gradient returned dtype .*, expected real numbers"):
        Fixed(np.zeros((1, 3), dtype=dtype)).loss_gradient(Z[None], **TOKENS)


def test_a_complex_step_of_a_reward_goes_through_real_logits() -> None:
    """d/dr_1 of the update is p_a (1[a = 1] - p_1)."""
    update = et.PolicyGradient().update(et.Bandit(np.array([1.0 + 1e-20j, 0.0, 0.5])), Z, 1.0)
    np.testing.assert_allclose(update.imag / 1e-20, np.exp(Z) * (np.eye(3)[0] - np.exp(Z[0])), rtol=1e-14)


def test_a_gradient_of_another_shape_is_named() -> None:
    message = r"Fixed.logit_gradient returned shape \(2,\) for logits of shape \(1, 3\), expected shape \(1, 3\)"
    with pytest.raises(ValueError, match=message):
        Fixed(np.zeros(2)).loss_gradient(Z[None], **TOKENS)


@pytest.mark.parametrize("mask", [[1, 0, 0, 1], [True, False], np.ones((4, 1), dtype=bool)])
def test_a_selection_that_is_no_mask_is_named(mask: Any) -> None:
    class Wrong(Doubled):
        def choose(self, tokens: Any, rng: Any) -> Any:
            return mask

    message = r"Wrong.choose's mask has shape .* expected booleans of shape \(4,\)"
    with pytest.raises(ValueError, match=message):
        Wrong().select(LOG_PROB, ADVANTAGE)
    with pytest.raises(ValueError, match=message):
        Wrong().loss_gradient(Z[None], **TOKENS)


def test_a_list_of_booleans_is_a_mask() -> None:
    class First(Doubled):
        def choose(self, tokens: Any, rng: Any) -> Any:
            return [True, False, False, False]

    assert First().select(LOG_PROB, ADVANTAGE).tolist() == [True, False, False, False]


def test_a_derivative_of_another_length_is_named() -> None:
    class Short(Doubled):
        def token_derivative(self, tokens: Any, selected: Any, step: int) -> Any:
            return np.zeros(2)

    with pytest.raises(ValueError, match=r"Short.token_derivative returned shape \(2,\) for 4 tokens, expected \(4,\)"):
        Short().token_gradient(LOG_PROB, ADVANTAGE)

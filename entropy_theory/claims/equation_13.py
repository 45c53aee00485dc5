"""Equation (13): the regularised logit update (its ``a`` before the second term is alpha).

In a bandit ``dz = eta (p A - alpha p (log p + H))`` is the gradient of ``J + alpha H``. In an MDP the gradient of ``J
+ alpha Hbar`` is ``w(s) p [A_soft - alpha' (log p + H_s)]`` with ``alpha' = (1 - discount) alpha``, since Hbar is an
average, and A_soft the advantage for the reward with the entropy bonus: ``V_soft = E[r] + alpha' H_s + discount E
V_soft(s')``.
"""

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity
from entropy_theory.claims._shared import Array, ascent, inner, weights
from entropy_theory.gradients import mean_entropy
from entropy_theory.problems import MDP, Bandit
from entropy_theory.softmax import centred, entropy, entropy_gradient

POSITION = 5.02

_BANDIT = Identity(
    name="equation-13/bandit",
    statement=r"\text{bandit:}\quad \Delta z_a = \eta\,\big(p_a A_a - \alpha\, p_a(\log p_a - \mathbb E\log p)\big)",
    given={
        "p": d.policies(),
        "r": d.rewards(like="p"),
        "alpha": d.positive(),
        "v": d.reals(-np.inf, np.inf, like="p"),
    },
    lhs=lambda p, r, alpha, v: directional_derivative(
        lambda z: Bandit(r).objective(z) + alpha * entropy(z), np.log(p), v
    ),
    rhs=lambda p, r, alpha, v: inner(ascent(p, r) + alpha[..., None] * entropy_gradient(np.log(p)), v),
    remark="The printed a before the second term is read as alpha.",
)
BANDIT = _BANDIT.with_mutants(
    _BANDIT.mutant(
        "flipped-sign",
        rhs=lambda p, r, alpha, v: inner(ascent(p, r) - alpha[..., None] * entropy_gradient(np.log(p)), v),
    ),
    _BANDIT.mutant("no-alpha", rhs=lambda p, r, alpha, v: inner(ascent(p, r) + entropy_gradient(np.log(p)), v)),
)

_GIVEN = {
    "mdp": d.mdps(),
    "p": d.policies(like="mdp"),
    "alpha": d.positive(),
    "v": d.reals(-np.inf, np.inf, like="mdp"),
}


def _slope(mdp: MDP, p: Array, alpha: Array, v: Array) -> Array:
    return directional_derivative(lambda z: mdp.objective(z) + alpha * mean_entropy(mdp, z), np.log(p), v)


def _soft_advantage(mdp: MDP, p: Array, bonus: Array) -> Array:
    """Advantage for the reward with the entropy bonus."""
    z = np.log(p)
    gain = (p * mdp.reward).sum(-1) + bonus[..., None] * entropy(z)
    ahead = mdp.discount[..., None, None] * mdp.expected_next(mdp.state_values(z, gain))
    return centred(z, mdp.reward + ahead)


PRINTED = Identity(
    name="equation-13/mdp",
    statement=r"\text{MDP:}\quad \Delta z_{s,a} = \eta\,\big(\pi A - \alpha\,\pi(\log\pi - \mathbb E\log\pi)\big)",
    given=_GIVEN,
    lhs=_slope,
    rhs=lambda mdp, p, alpha, v: inner(
        p * mdp.values(np.log(p)).advantage + alpha[..., None, None] * entropy_gradient(np.log(p)), v, axes=2
    ),
    remark="As in Eq. (9) the visits are missing, and the entropy that later states earn.",
)
_CORRECTED = Identity(
    name="equation-13/mdp",
    reading="corrected",
    statement=r"\text{MDP:}\quad \Delta z_{s,a} = \eta\, w(s)\,\pi\,\big[A_{\rm soft} - "
    r"\alpha(1-\gamma)(\log\pi + H_s)\big]",
    given=_GIVEN,
    lhs=_slope,
    rhs=lambda mdp, p, alpha, v: inner(
        weights(mdp, np.log(p)),
        inner(
            p * _soft_advantage(mdp, p, (1 - mdp.discount) * alpha)
            + ((1 - mdp.discount) * alpha)[..., None, None] * entropy_gradient(np.log(p)),
            v,
        ),
    ),
    remark="A_soft is the advantage for the reward plus the bonus alpha (1 - discount) H_s.",
)
CORRECTED = _CORRECTED.with_mutants(
    _CORRECTED.mutant(
        "hard-advantage",
        rhs=lambda mdp, p, alpha, v: inner(
            weights(mdp, np.log(p)),
            inner(
                p * mdp.values(np.log(p)).advantage
                + ((1 - mdp.discount) * alpha)[..., None, None] * entropy_gradient(np.log(p)),
                v,
            ),
        ),
    )
)

CLAIMS = (BANDIT, PRINTED, CORRECTED)

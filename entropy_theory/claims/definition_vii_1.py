"""Definition VII.1: global and local regularisation.

Global regularisation acts on all actions and states, local regularisation on selected tokens, "leaving other tokens
unaffected". In a softmax policy the tokens of a state share their normalisation: the loss of one token moves the logits
of every action of its state. Only a mask on logit entries leaves the others as they are.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Identity
from entropy_theory.claims._shared import Array, advantage, ascent, leading, loss_gradient

POSITION = 7.005

_GIVEN = {"p": d.policies(), "r": d.rewards(like="p"), "keep": d.reals(0, 1)}


def _first(p: Array) -> Array:
    """The clipped action: the first one."""
    return leading(p, 1 + 0 * p[..., 0])


def _weights(p: Array, keep: Array) -> Any:
    """Weight of each action's token loss: `keep` for the first action, one for the others."""
    return np.where(_first(p), keep[..., None] + 0 * p, 1 + 0 * p)


def _clipped(p: Array, r: Array, keep: Array) -> Any:
    """Exact update per unit of eta with weighted token losses, the gradient of ``sum_a pi_a m_a A_a``."""
    return loss_gradient(p, _weights(p, keep) * advantage(p, r))


PRINTED = Identity(
    name="definition-vii.1/local",
    statement=r"b \ne a:\quad \Delta z_b\ \text{is the same whether or not the token } a \text{ is clipped}",
    given=_GIVEN,
    hypotheses="Action a is the first; its token loss has the weight keep, all others have weight one.",
    lhs=lambda p, r, keep: _clipped(p, r, keep)[..., 1:],
    rhs=lambda p, r: ascent(p, r)[..., 1:],
    remark="'Leaving other tokens unaffected', for the token loss of Eq. (18); a token is taken for the parameter of "
    "its action, as in Appendix L ('a single parameter component z_s,a (a token)'). It is true of a mask on logit "
    "entries, and of the loss terms of the other tokens.",
    breaks="Definition VII.1 treats the tokens of a state as independent parameters. The gradient of log pi(a|s) is "
    "e_a - pi(.|s): it has an entry at every action, so a token that leaves the loss changes the update of all of "
    "them.",
    terms={
        "A = r - E r": advantage,
        "weights": _weights,
        "dz, nothing clipped": ascent,
        "dz, a clipped": _clipped,
    },
)


def _effect(p: Array, r: Array, keep: Array) -> Any:
    """``-(1 - m) p_a A_a (1{b = a} - p_b)``, a the first action."""
    lost = ((1 - keep) * p[..., 0] * advantage(p, r)[..., 0])[..., None]
    return -lost * np.where(_first(p), 1 - p, -p)


_CORRECTED = Identity(
    name="definition-vii.1/local",
    reading="corrected",
    statement=r"\Delta z_b^{\rm clipped} - \Delta z_b = -\eta\,(1-m)\,p_a A_a\,(\mathbf 1\{b=a\} - p_b)",
    given=_GIVEN,
    hypotheses="Action a is the first; its token loss has the weight m = keep, all others have weight one.",
    lhs=lambda p, r, keep: _clipped(p, r, keep) - ascent(p, r),
    rhs=_effect,
    remark="What a clipped token takes away is spread over all actions of its state, in proportion to their "
    "probability.",
    proof="The token loss of a enters the expected update with p_a A_a grad log p_a = p_a A_a (e_a - p). Weight m "
    "instead of one takes away the share 1 - m of it.",
)
CORRECTED = _CORRECTED.with_mutants(
    _CORRECTED.mutant("no-normalisation", rhs=lambda p, r, keep: np.where(_first(p), _effect(p, r, keep), 0 * p)),
    _CORRECTED.mutant("flipped-sign", rhs=lambda p, r, keep: -_effect(p, r, keep)),
)

CLAIMS = (PRINTED, CORRECTED)

"""Definition VI.1, Eq. (17): the token-wise covariance ``C_a = (x_a - mu)(dz_a - E dz)``.

Here ``x = log p`` and ``mu = E_p x``. Its mean under the policy is the covariance of Lemma IV.2: ``E_p C = Cov_p(x,
dz) = -dH``. A single C_a is not the part of that covariance which action a brings in: ``Cov_p(x, dz) = sum_a f_a
dz_a`` with ``f_a = p_a (x_a - mu)``, and ``p_a C_a = f_a dz_a - f_a E dz``. The second parts add up to zero over all
actions, in general not over a selection; the lines on Clip-Cov and KL-Cov turn on this.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity
from entropy_theory.claims._shared import Array, inner
from entropy_theory.softmax import entropy, token_covariance

POSITION = 6.01


def _covariance_two_ways(p: Array, D: Array) -> Any:
    """``E[x dz] - E[x] E[dz]``, and the rate at which the entropy falls along dz."""
    x = np.log(p)
    moments = inner(p, x * D) - inner(p, x) * inner(p, D)
    return np.stack([moments, -directional_derivative(entropy, x, D)], axis=-1)


_MEAN = Identity(
    name="definition-vi.1",
    statement=r"\mathbb E_{a\sim\pi}\,C(s,a) = \mathrm{Cov}(\log\pi, \Delta z) = "
    r"-\tfrac{d}{dt} H(z + t\,\Delta z)|_{t=0}",
    given={"p": d.policies(), "D": d.reals(-10, 10, like="p")},
    lhs=lambda p, D: inner(p, token_covariance(np.log(p), D)),
    rhs=_covariance_two_ways,
    hypotheses="D is the update Delta z, any direction in logits.",
    remark="Both equalities are tested: with E[x dz] - E[x] E[dz], and with the derivative of the entropy. The mean is "
    "over all actions; a mean of C over a selection of tokens is not what the entropy follows (proposition-vi.1).",
    proof="Write p = pi, x = log p, dz = Delta z, mu = E_p x, nu = E_p dz. Expand: E_p[(x - mu)(dz - nu)] = E_p[x dz] "
    "- nu E_p x - mu E_p dz + mu nu = E_p[x dz] - mu nu, which is Cov_p(x, dz). By Lemma IV.1, dH/dz_a = -p_a (x_a - "
    "mu), so the derivative of H along dz is -sum_a p_a (x_a - mu) dz_a = -(E_p[x dz] - mu nu).",
)
MEAN = _MEAN.with_mutants(
    _MEAN.mutant("unweighted", lhs=lambda p, D: token_covariance(np.log(p), D).sum(-1) / p.shape[-1]),
    _MEAN.mutant("flipped-sign", lhs=lambda p, D: -inner(p, token_covariance(np.log(p), D))),
    _MEAN.mutant("squared-weights", lhs=lambda p, D: inner(p**2, token_covariance(np.log(p), D))),
)

CLAIMS = (MEAN,)

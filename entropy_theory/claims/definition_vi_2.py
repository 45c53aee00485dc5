"""Definition VI.2: the tokens that Clip-Cov detaches, r N of them drawn uniformly from the band ``low <= C <= high``.

The definition asks for ``|I| = r N`` whatever the band holds. The band has fixed ends while the covariances shrink as
the policy sharpens or reaches its optimum, so nothing guarantees r N tokens in it. A rule that exists for every batch
orders the tokens of the band by independent random keys and takes the first ``max(floor(r N), 1)`` of them, or all if
there are fewer. It selects ``min(max(floor(r N), 1), B)`` tokens, B the number in the band.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._shared import Array

POSITION = 6.02


def _in_band(C: Array, low: Array, high: Array) -> Array:
    lowest, highest = low[..., None], high[..., None]
    return np.asarray(((lowest <= C) & (highest >= C)).astype(bool))


def _band_size(C: Array, low: Array, high: Array) -> Array:
    return np.asarray(_in_band(C, low, high).sum(-1))


ENOUGH_PRINTED = Inequality(
    name="definition-vi.2",
    statement=r"|I_{\rm clip}| = rN \text{ tokens can be chosen:}\quad rN \le \#\{t: \omega_{\rm low} \le C_t \le "
    r"\omega_{\rm high}\}",
    given={
        "C": d.rewards(actions=(4, 8)),
        "m": d.integers(1, 4),
        "low": d.reals(-10, 10),
        "high": d.reals(-10, 10),
    },
    assuming=lambda C, m, low, high: (
        ((low < high) & (2 * m <= C.shape[-1])).astype(bool) & (_band_size(C, low, high) >= 1)
    ),
    lhs=lambda m: m,
    rhs=_band_size,
    hypotheses="m = r N is a whole number and r <= 1/2; low < high; at least one token lies in the band.",
    remark="A batch of N token covariances; m = r N. It fails although the band is not empty: the ends of the band are "
    "fixed beforehand, the covariances are not. Nor does it take a large r: copies of such a batch, and more tokens "
    "outside the band, fail in the same way.",
    breaks="Definition VI.2 fixes both the band [omega_low, omega_high] and the number |I_clip| = r N. The two are "
    "independent of each other, and no assumption ties either to the batch; once the covariances leave the band, as "
    "they do when the policy converges, fewer than r N tokens are there to draw from.",
    terms={
        "tokens N": lambda C: 0 * C[..., 0] + C.shape[-1],
        "in the band": lambda C, low, high: _band_size(C, low, high),
        "r N": lambda m: m,
        "r": lambda C, m: m / C.shape[-1],
    },
)


def _most(C: Array, r: Array) -> Array:
    """``max(floor(r N), 1)``, the floor as a count."""
    upto = np.arange(1, C.shape[-1] + 1) <= C.shape[-1] * r[..., None]
    return np.asarray(np.maximum(upto.astype(bool).sum(-1), 1))


def _selected(C: Array, u: Array, low: Array, high: Array, r: Array) -> Any:
    """How many tokens the rule takes: each looks at how many of the band come before it in the order of the keys."""
    eligible = _in_band(C, low, high)
    before = (u[..., None, :] < u[..., :, None]).astype(bool) & eligible[..., None, :]
    rank = before.sum(-1)
    early = (rank + 1 <= C.shape[-1] * r[..., None]).astype(bool) | (rank == 0)
    return (eligible & early).sum(-1)


def _distinct(u: Array) -> Any:
    i, j = np.triu_indices(u.shape[-1], 1)
    return (u[..., i] != u[..., j]).astype(bool).all(-1)


_ENOUGH = Identity(
    name="definition-vi.2",
    reading="corrected",
    statement=r"|I_{\rm clip}| = \min\big(\max(\lfloor rN\rfloor, 1),\ \#\{t: \omega_{\rm low} \le C_t \le "
    r"\omega_{\rm high}\}\big)",
    given={
        "C": d.rewards(actions=(2, 8)),
        "u": d.reals(0, 1, like="C"),
        "low": d.reals(-10, 10),
        "high": d.reals(-10, 10),
        "r": d.reals(0, 1, open_low=True),
    },
    assuming=lambda u, low, high: (low < high).astype(bool) & _distinct(u),
    lhs=_selected,
    rhs=lambda C, low, high, r: np.minimum(_most(C, r), _band_size(C, low, high)),
    hypotheses="low < high; the random keys u are distinct, which has probability one.",
    remark="The rule: among the tokens of the band, those with the max(floor(r N), 1) smallest of independent uniform "
    "keys u. Its share is at most r once r N >= 1, and zero if the band is empty. The released code has this count, "
    "with the ends of the band excluded.",
    proof="Let B be the number of tokens in the band, M = max(floor(r N), 1), and let the rank of a token of the band "
    "be the number of tokens of the band with a smaller key. Keys are distinct, so the ranks are 0, 1, ..., B - 1, "
    "each once. A token is taken iff its rank is 0 or rank + 1 <= r N. Since rank + 1 is whole, this says rank + 1 <= "
    "M. So the number taken is that of the whole numbers in 1, ..., B that are at most M, which is min(M, B). The keys "
    "are exchangeable, so every subset of the band of that size is equally likely.",
)
ENOUGH = _ENOUGH.with_mutants(
    _ENOUGH.mutant("always-r-n", rhs=_most),
    _ENOUGH.mutant("whole-band", rhs=_band_size),
    _ENOUGH.mutant("one-token", rhs=lambda C, low, high: np.minimum(_band_size(C, low, high), 1)),
)

CLAIMS = (ENOUGH_PRINTED, ENOUGH)

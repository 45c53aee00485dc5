"""Mean and covariance of the logit update that is computed from N sampled tokens at one state, exactly.

One token of action a contributes ``X = M A_a (e_a - p)``: the score of the softmax policy times the advantage, and a
mask M that is 1 with probability k_a and else 0. The update is the mean of N such independent terms (eta = 1). Its
first two moments are polynomials in p, A and k (`token_moments`). Two other kinds of masking act on an update whose
moments are known: each logit entry is kept on its own (`entry_masked`), or the update as a whole (`randomly_masked`).

A selection that looks at the whole batch, as Clip-Cov and KL-Cov make it, has no such polynomials; there the moments
come from all batches and all selections, with their probabilities (`enumerated_moments`).

Covariances are compared in the Loewner order: ``S <= L`` if ``v'(L - S)v >= 0`` for every v (`loewner_gap`,
`loewner_witness`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, Protocol

import numpy as np
from flint import arb_mat

from entropy_theory.arithmetic import is_ball, midpoint, smallest, to_balls
from entropy_theory.balls import Ball, UndecidedComparison
from entropy_theory.brief import brief
from entropy_theory.controls.tokens import LARGEST_LOG_RATIO
from entropy_theory.softmax import log_softmax, softmax
from entropy_theory.validation import as_count, as_logits, as_numbers, as_reals, broadcast, report, within_doubles

Array = np.ndarray[Any, Any]

MOST_OUTCOMES = 1_000_000
"""Batches times selections that `enumerated_moments` goes through at most."""

DENOMINATORS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 20, 50, 100, 1000, 10**6, 10**9, 10**12)
"""Denominators to which `loewner_witness` rounds, simplest first."""


@dataclass(frozen=True, eq=False)
class Moments:
    """First two moments of a random logit update.

    Attributes
    ----------
    mean : array (..., A)
        ``m = E X``.
    covariance : array (..., A, A)
        ``S = E (X - m)(X - m)'``.
    """

    mean: Array
    covariance: Array

    @property
    def variance(self) -> Array:
        """Variance of each logit entry, the diagonal of the covariance, (..., A)."""
        return np.diagonal(self.covariance, axis1=-2, axis2=-1)


class SampledControl(Protocol):
    """What `enumerated_moments` asks of an entropy control."""

    def selections(
        self,
        log_prob: Any,
        advantage: Any,
        old_log_prob: Any = None,
        *,
        state: Any = None,
        covariance: Any = None,
    ) -> Sequence[tuple[Array, Fraction]]:
        """Every possible selection of tokens with its probability."""

    @property
    def loss_gradient(self) -> Callable[..., Array]:
        """Gradient of the mean loss over the tokens with respect to the logits."""


def token_moments(z: Any, advantage: Any, keep: Any = None, tokens: int = 1) -> Moments:
    """Moments of ``(1/N) sum_i M_i A_{a_i} (e_{a_i} - p)``, tokens ``a_i ~ p`` and masks M_i drawn independently.

    With ``k_a = P(M = 1 | a)``, ``c = E_p[k A]``, ``w_a = p_a k_a A_a^2`` and ``W = sum_a w_a``::

        m_b    = p_b (k_b A_b - c)
        N S_bc = w_b [b = c] - w_b p_c - p_b w_c + W p_b p_c - m_b m_c

    The moments of the base update of Eq. (23), and of Clip-Cov where a token of action a is detached with a probability
    1 - k_a that does not depend on the rest of the batch.

    Parameters
    ----------
    z : array (..., A)
        Logits.
    advantage : array (..., A)
        The advantage of a token of each action; it need not have mean zero.
    keep : array (..., A), optional
        Probability in [0, 1] that a token of each action is kept; default 1.
    tokens : int
        N, at least 1.

    Returns
    -------
    Moments
        In units of logits at step size one; a step size eta multiplies them by eta and eta^2. On floats their errors
        are a few units of rounding of ``E|X_b|`` and ``E|X_b X_c|``; on balls they are rigorous enclosures.

    Raises
    ------
    ValueError
        If shapes do not broadcast, a number is not finite, `keep` leaves [0, 1] or `tokens` is no integer >= 1.
    OverflowError
        If the squares of the advantages are beyond the doubles.

    Examples
    --------
    >>> import numpy as np
    >>> from entropy_theory.moments import token_moments
    >>> moments = token_moments(np.log([2 / 3, 1 / 3]), np.array([1.0, -2.0]))
    >>> moments.mean.round(4), moments.variance.round(4)
    (array([ 0.6667, -0.6667]), array([0.2222, 0.2222]))
    """
    number = _token_number(tokens)
    logits, value = broadcast(z=as_logits(z), advantage=as_numbers(advantage, "advantage", axes=1))
    share = _probabilities(1 if keep is None else keep, "keep", value)
    logits, value, share = np.broadcast_arrays(logits, value, share)
    p = softmax(logits)
    with within_doubles("advantage"):
        kept = p * share * value
        mean = kept - p * kept.sum(-1, keepdims=True)
        weight = kept * value
        second = (
            np.eye(p.shape[-1]) * weight[..., None, :]
            - _outer(weight, p)
            - _outer(p, weight)
            + weight.sum(-1, keepdims=True)[..., None] * _outer(p, p)
        )
        return Moments(mean, (second - _outer(mean, mean)) / number)


def entry_masked(moments: Moments, keep: Any) -> Moments:
    """Moments of ``K_b X_b``, where each logit entry b is kept with probability k_b, independently of all else.

    ``m'_b = k_b m_b``, ``S'_bc = k_b k_c S_bc`` for b != c, and ``S'_bb = k_b^2 S_bb + k_b (1 - k_b)(S_bb + m_b^2)``:
    the mask's own variance multiplies the second moment.

    Parameters
    ----------
    moments : Moments
        Of the update X.
    keep : array (..., A)
        Probabilities in [0, 1].

    Returns
    -------
    Moments

    Raises
    ------
    ValueError
        If `keep` leaves [0, 1] or does not broadcast against the mean.
    """
    _check_moments(moments)
    share = _probabilities(keep, "keep", moments.mean)
    own = share * (1 - share) * (moments.variance + moments.mean**2)
    diagonal = np.eye(own.shape[-1]) * own[..., None, :]
    return Moments(share * moments.mean, _outer(share, share) * moments.covariance + diagonal)


def randomly_masked(moments: Moments, rho: Any) -> Moments:
    """Moments of ``K X``, where the whole update is dropped with probability rho, independently of all else.

    The mean becomes ``(1 - rho) m`` and the covariance ``(1 - rho) S + rho (1 - rho) m m'``. For 0 < rho < 1 it is at
    most S in the Loewner order iff m lies in the range of S and ``(1 - rho) m' S^+ m <= 1``.

    Parameters
    ----------
    moments : Moments
        Of the update X.
    rho : float or array (...)
        Probability in [0, 1] of dropping the update.

    Returns
    -------
    Moments

    Raises
    ------
    ValueError
        If `rho` leaves [0, 1] or does not broadcast against the batch.
    """
    _check_moments(moments)
    drop = _probabilities(as_numbers(rho, "rho")[..., None], "rho", moments.mean[..., :1])
    spread = (drop * (1 - drop))[..., None] * _outer(moments.mean, moments.mean)
    return Moments((1 - drop) * moments.mean, (1 - drop)[..., None] * moments.covariance + spread)


def enumerated_moments(
    control: SampledControl,
    z: Any,
    advantage: Any,
    tokens: int,
    *,
    z_old: Any = None,
    covariance: Any = None,
    step: int = 0,
) -> Moments:
    """Moments of a control's logit update from N sampled tokens at one state, by enumeration.

    Every sequence of N actions has the probability ``prod_i q(a_i)``, q the policy that samples, and every selection
    that the control can make in it the probability that `control.selections` states. The update is minus the gradient
    of the mean loss, so that each method's masking and penalties enter as they are; eta = 1.

    Parameters
    ----------
    control : entropy control
        Has ``selections`` and ``loss_gradient``.
    z : array (A,)
        Logits.
    advantage : array (A,)
        The advantage of a token of each action.
    tokens : int
        N, at least 1.
    z_old : array (A,), optional
        Logits of the policy that samples the tokens and that the ratio and the penalties refer to; default `z`.
    covariance : array (A,), optional
        Covariance ``C(s, a)`` of each action where it is known, as by Eq. (17); default: the control's own estimate
        from the batch.
    step : int
        For coefficients that depend on it.

    Returns
    -------
    Moments
        float64.

    Raises
    ------
    ValueError
        If there are more than `MOST_OUTCOMES` batches and selections, an argument carries a batch or balls, or `tokens`
        is no integer >= 1.
    """
    for name in ("selections", "loss_gradient"):
        if not callable(getattr(control, name, None)):
            raise ValueError(f"control is {brief(control)}, expected one with {name}, such as KLCov")
    number = _token_number(tokens)
    logits = _row(as_logits(z), "z")
    value = _row(as_numbers(advantage, "advantage", axes=1), "advantage", logits)
    old = logits if z_old is None else _row(as_logits(z_old, "z_old"), "z_old", logits)
    known = None if covariance is None else _row(as_numbers(covariance, "covariance", axes=1), "covariance", logits)
    actions = len(logits)
    if number > MOST_OUTCOMES:
        raise ValueError(f"tokens is {number}, expected at most {MOST_OUTCOMES:,}")
    # The power itself may be a number of more digits than fit in memory.
    if actions ** min(number, MOST_OUTCOMES.bit_length()) > MOST_OUTCOMES:
        raise _too_many(f"{actions}^{number} sequences")
    log_p, log_q, q = log_softmax(logits), log_softmax(old), softmax(old)
    apart = log_p - log_q
    report(apart > LARGEST_LOG_RATIO, apart, "log p - log q of z and z_old", f"at most {LARGEST_LOG_RATIO:g}")
    weights: list[float] = []
    updates: list[Array] = []
    state = np.zeros(number, dtype=np.int64)
    for sequence in product(range(actions), repeat=number):
        taken = np.array(sequence)
        chance = float(np.prod(q[taken]))
        batch = (log_p[taken], value[taken], log_q[taken])
        c = None if known is None else known[taken]
        for mask, probability in control.selections(*batch, state=state, covariance=c):
            with within_doubles("advantage"):
                gradient = control.loss_gradient(
                    logits[None], state, taken, value[taken], z_old=old[None], selected=mask, step=step
                )
            weights.append(chance * float(probability))
            updates.append(-np.asarray(gradient)[0])
            if len(weights) > MOST_OUTCOMES:
                raise _too_many(f"the selections of {actions}^{number} sequences")
    with within_doubles("advantage"):
        return _weighted(np.array(weights), np.array(updates))


def loewner_gap(smaller: Any, larger: Any, *, zero_sum: bool = False) -> Array:
    """Smallest eigenvalue of ``larger - smaller``: nonnegative iff ``smaller <= larger`` in the Loewner order.

    Parameters
    ----------
    smaller, larger : array (..., A, A)
        Symmetric matrices, of shapes that broadcast.
    zero_sum : bool
        Whether both belong to updates whose entries sum to zero. Then ``D = larger - smaller`` maps (1, ..., 1) to
        zero, ``v'Dv`` depends on the differences ``v_a - v_A`` alone, and the eigenvalue returned is that of the
        leading (A - 1) x (A - 1) block, so that the sign is not hidden behind the eigenvalue 0 that D always has. (An
        update of which logit entries are masked does not sum to zero.)

    Returns
    -------
    array (...)
        On balls a certified enclosure.

    Raises
    ------
    ValueError
        If the matrices are not square, do not broadcast or, on floats, are not symmetric to rounding.
    UndecidedComparison
        On balls, if eigenvalues cannot be isolated at the precision in force.

    Examples
    --------
    >>> import numpy as np
    >>> from entropy_theory.moments import loewner_gap
    >>> float(loewner_gap(np.diag([1.0, 3.0]), np.diag([2.0, 2.0])))
    -1.0
    """
    if not isinstance(zero_sum, bool | np.bool_):
        raise ValueError(f"zero_sum is {brief(zero_sum)}, expected True or False")
    difference = _difference(smaller, larger)
    if zero_sum:
        if difference.shape[-1] < 2:
            raise ValueError("smaller has one action, expected at least two for updates that sum to zero")
        difference = difference[..., :-1, :-1]
    if not is_ball(difference):
        return np.asarray(np.linalg.eigvalsh(difference)[..., 0])
    out = np.empty(difference.shape[:-2], dtype=object)
    for index in np.ndindex(out.shape):
        out[index] = _smallest_eigenvalue(difference[index])
    return out


def loewner_witness(smaller: Any, larger: Any) -> Array | None:
    """A vector of simple rationals with ``v'(larger - smaller)v < 0``, certified, or None.

    Parameters
    ----------
    smaller, larger : array (A, A)
        Symmetric matrices; floats count as the exact binary numbers that they are.

    Returns
    -------
    array (A,) of Fraction or None
        None says that no such vector was found: there is none, or the matrices are too close to the order to tell.

    Raises
    ------
    ValueError
        As `loewner_gap`, and if the matrices carry a batch.

    Examples
    --------
    >>> import numpy as np
    >>> from entropy_theory.moments import loewner_witness
    >>> [str(x) for x in loewner_witness(np.diag([1.0, 3.0]), np.diag([2.0, 2.0]))]
    ['0', '1']
    """
    difference = _difference(smaller, larger)
    if difference.ndim != 2:
        raise ValueError(f"smaller has shape {difference.shape} with larger, expected one matrix (A, A)")
    centre = midpoint(difference)
    report(~np.isfinite(centre), difference, "larger - smaller", "a number in the range of doubles")
    exact = to_balls(difference)
    direction = np.linalg.eigh(centre)[1][:, 0]
    direction = direction / direction[np.argmax(np.abs(direction))]
    for d in DENOMINATORS:
        vector = np.array([Fraction(round(x * d), d) for x in direction], dtype=object)
        balls = np.array([Ball(x) for x in vector], dtype=object)
        if Ball(balls @ exact @ balls).arb < 0:
            return vector
    return None


def _smallest_eigenvalue(matrix: Array) -> Any:
    n = len(matrix)
    try:
        eigenvalues = arb_mat(n, n, [Ball(x).arb for x in matrix.flat]).eig(multiple=True)
    except ValueError as error:
        raise UndecidedComparison(f"the eigenvalues cannot be isolated: {error}") from None
    # A symmetric matrix has real eigenvalues: the enclosures' imaginary parts hold zero.
    return smallest(np.array([Ball(x.real) for x in eigenvalues], dtype=object))[()]


def _difference(smaller: Any, larger: Any) -> Array:
    small, large = as_reals(smaller, "smaller", axes=2), as_reals(larger, "larger", axes=2)
    for name, matrix in (("smaller", small), ("larger", large)):
        if matrix.shape[-1] != matrix.shape[-2]:
            raise ValueError(f"{name} has shape {matrix.shape}, expected square matrices (..., A, A)")
        if not is_ball(matrix):
            size = np.abs(matrix).max((-1, -2), keepdims=True)
            with np.errstate(over="ignore"):
                skew = np.abs(matrix - np.swapaxes(matrix, -1, -2)) > 1e-9 * size
            report(skew, matrix, name, "a symmetric matrix")
    if small.shape[-1] != large.shape[-1]:
        raise ValueError(f"smaller has shape {small.shape} and larger {large.shape}, expected equally many actions")
    small, large = broadcast(smaller=small, larger=large)
    with within_doubles("smaller", "larger"):
        return np.asarray(large - small)


def _outer(x: Array, y: Array) -> Array:
    return np.asarray(x[..., :, None] * y[..., None, :])


def _weighted(weights: Array, values: Array) -> Moments:
    """Moments of a variable with the values (K, A) and probabilities (K,)."""
    mean = weights @ values
    deviation = values - mean
    return Moments(mean, (weights[:, None] * deviation).T @ deviation)


def _check_moments(moments: Any) -> None:
    if not isinstance(moments, Moments):
        raise ValueError(f"moments is {brief(moments)}, expected Moments, as token_moments gives them")


def _token_number(tokens: Any) -> int:
    as_count(tokens, "tokens")
    return int(tokens)


def _probabilities(value: Any, name: str, like: Array) -> Array:
    share = as_numbers(value, name)
    report(np.asarray(((share < 0) | (share > 1)).astype(bool)), share, name, "a probability in [0, 1]")
    try:
        return np.asarray(np.broadcast_to(share, np.broadcast_shapes(share.shape, like.shape)))
    except ValueError:
        raise ValueError(f"{name} has shape {share.shape}, expected one that broadcasts against {like.shape}") from None


def _row(array: Array, name: str, like: Array | None = None) -> Array:
    if array.ndim != 1 or array.dtype != np.float64:
        raise ValueError(f"{name} has shape {array.shape} and dtype {array.dtype}, expected floats (A,), one state")
    if like is not None and array.shape != like.shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {like.shape} like z")
    return array


def _too_many(what: str) -> ValueError:
    return ValueError(f"tokens is too large: {what} are more than {MOST_OUTCOMES:,} outcomes")

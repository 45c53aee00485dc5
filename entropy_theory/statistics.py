"""Everything about a batch of policies at once: log-probabilities, entropy and its gradient, the policy-gradient update
and what it does to the entropy to first order."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np

from entropy_theory import fast, statistics_in_pieces
from entropy_theory.brief import brief
from entropy_theory.softmax import Policy
from entropy_theory.validation import LARGEST, as_array, as_logits, broadcast

Array = np.ndarray[Any, Any]

LARGE = 2**12
"""Numbers in a batch from which it is worked on by kernels or in pieces."""

ROWS = ("log_probability", "entropy_gradient", "update")
"""Statistics that are a number an action; the others are one a policy."""


@dataclass(frozen=True)
class PolicyStatistics:
    """Statistics of policies p and of their update ``u = p (v - E v)``.

    Attributes
    ----------
    log_probability : array (..., A)
        ``x_a = log p_a``, in nats.
    entropy : array (...)
        ``H = -E x``, Eq. (3), in nats.
    entropy_gradient : array (..., A)
        ``dH/dz_a = -p_a (x_a + H)``, Lemma IV.1, Eq. (7).
    mean : array (...)
        ``E v``; if v are rewards, the objective of a bandit.
    update : array (..., A)
        ``u_a = p_a (v_a - E v)``, Eq. (9) with step size one; if v are rewards, the policy gradient of a bandit.
    covariance : array (...)
        ``Cov_p(x, u)``, Eq. (8): minus the first-order change of the entropy under the update.
    fisher_norm : array (...)
        ``||u||_F = sqrt(Var_p(u))``.
    """

    log_probability: Array
    entropy: Array
    entropy_gradient: Array
    mean: Array
    update: Array
    covariance: Array
    fisher_norm: Array


def policy_statistics(z: Any, v: Any, *, out: PolicyStatistics | None = None) -> PolicyStatistics:
    """All statistics of a batch of policies in one pass.

    They are those of `log_softmax`, `entropy`, `entropy_gradient`, `expectation`, `covariance` and `fisher_norm`. A
    large batch of floats is worked on by compiled kernels where the extra ``fast`` is installed, else by NumPy in
    pieces that stay in the cache; the results differ by a few units of rounding.

    Parameters
    ----------
    z, v : array (..., A)
        Logits, and rewards, action values or advantages, of shapes that broadcast.
    out : PolicyStatistics, optional
        The result of an earlier call on floats of the same shape, to be overwritten and returned: fresh memory for a
        large result takes longer to provide than to fill. After an error its contents are undefined. A small batch is
        then worked on like a large one, and may differ in the last units of rounding.

    Returns
    -------
    PolicyStatistics

    Raises
    ------
    ValueError
        If an argument has no actions, a non-finite entry or one of size above 1e300, shapes do not fit, or `out` is no
        earlier result of this shape.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> s = et.policy_statistics(np.log([0.9, 0.1]), [1.0, 0.0])
    >>> float(np.round(s.mean, 12)), s.update.round(12).tolist(), float(s.covariance.round(6))
    (0.9, [0.09, -0.09], 0.035595)
    """
    given = as_array(z, "z", axes=1), as_array(v, "v", axes=1)
    logits, values = broadcast(z=given[0], v=given[1])
    floats = logits.dtype == values.dtype == np.float64
    if out is not None:
        _require_fits(out, logits, floats)
        logits, values = (_apart(x, out) for x in (logits, values))
    if not floats or (logits.size < LARGE and out is None):
        _require_bounded(*given)
        return _formulas(logits, values)
    result = _empty(logits) if out is None else out
    compiled = fast.enabled() and logits.size >= LARGE
    if not (compiled and _compiled(logits, values, result)):
        # The kernels find what is out of bounds on their way, but not where it is.
        _require_bounded(*given)
        statistics_in_pieces.statistics(*_tables(logits, values, result))
    return result


def _require_bounded(z: Array, v: Array) -> None:
    as_logits(z)
    as_logits(v, "v")


def _formulas(z: Array, v: Array) -> PolicyStatistics:
    policy = Policy(z)
    value, difference, mean = policy.from_mode(v)
    update = policy.probability * (difference - mean)
    centred = policy.centred(update)
    return PolicyStatistics(
        log_probability=policy.log_probability,
        entropy=policy.entropy,
        entropy_gradient=policy.entropy_gradient,
        mean=np.asarray((value + mean)[..., 0]),
        update=update,
        covariance=policy.covariance(policy.centred_log_probability, centred),
        fisher_norm=policy.norm(centred),
    )


def _compiled(z: Array, v: Array, out: PolicyStatistics) -> bool:
    """Whether the kernels have filled in `out`, with inputs and results that are within bounds."""
    from entropy_theory.fast.policies import statistics

    extent = statistics(*_tables(np.ascontiguousarray(z), np.ascontiguousarray(v), out))
    return bool(extent <= LARGEST and np.isfinite(out.entropy).all() and np.isfinite(out.mean).all())


def _tables(
    z: Array, v: Array, out: PolicyStatistics
) -> tuple[Array, Array, tuple[Array, Array, Array], tuple[Array, ...]]:
    """One axis for the policies; what is written is written into `out`."""

    def table(array: Array) -> Array:
        return array.reshape(-1, z.shape[-1])

    rows = table(out.log_probability), table(out.entropy_gradient), table(out.update)
    sums = tuple(x.reshape(-1) for x in (out.entropy, out.mean, out.covariance, out.fisher_norm))
    return table(z), table(v), rows, sums


def _empty(z: Array) -> PolicyStatistics:
    return PolicyStatistics(
        **{f.name: np.empty(z.shape if f.name in ROWS else z.shape[:-1]) for f in fields(PolicyStatistics)}
    )


def _require_fits(out: PolicyStatistics, z: Array, floats: bool) -> None:
    if not isinstance(out, PolicyStatistics):
        raise ValueError(f"out is {brief(out)}, expected the result of an earlier call")
    if not floats:
        raise ValueError("out is given, expected None beside arguments that are not real floats")
    arrays = {f.name: getattr(out, f.name) for f in fields(out)}
    for name, array in arrays.items():
        shape = z.shape if name in ROWS else z.shape[:-1]
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != np.float64:
            found = np.asarray(array)
            raise ValueError(
                f"out.{name} has shape {found.shape} and dtype {found.dtype}, expected the result of an earlier call, "
                f"here of shape {shape} and dtype float64"
            )
        if not array.flags.c_contiguous or not array.flags.writeable:
            state = "not writeable" if array.flags.c_contiguous else "not C-contiguous"
            raise ValueError(f"out.{name} is {state}, expected the result of an earlier call")
    for one, other in combinations(arrays, 2):
        if np.may_share_memory(arrays[one], arrays[other]):
            raise ValueError(f"out.{other} shares memory with out.{one}, expected the result of an earlier call")


def _apart(x: Array, out: PolicyStatistics) -> Array:
    """The argument, or a copy where writing the result would overwrite it."""
    return x.copy() if any(np.may_share_memory(x, getattr(out, f.name)) for f in fields(out)) else x

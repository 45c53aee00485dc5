"""Proposition VII.1: what an iteration costs, with the vocabulary as a variable.

The entropy of a token's distribution depends on every one of its |A| logits: ``dH/dz_a = -p_a (log p_a + H)`` is zero
only where ``p_a = exp(-H)``. Whatever the algorithm, it has to read all of them, so the entropies of N tokens cost at
least N |A| operations; and they can be had in that order. The covariance mechanism reads one log-probability a token
(which costs the same N |A| to normalise) and then selects among N numbers: by sorting, N log N comparisons, or by
partition, O(N).
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative
from entropy_theory.checking.claim import Identity, Inequality
from entropy_theory.claims._shared import Array
from entropy_theory.constants import exact
from entropy_theory.softmax import centred, entropy, entropy_gradient

POSITION = 7.07

_TOKENS = {"z": d.logits(states=(1, 2), actions=(2, 4))}


def _read(z: Array) -> Any:
    """How many of the logits move the sum of the tokens' entropies, by derivatives that know no formula."""
    total = 0 * z[..., 0, 0]
    for s, a in np.ndindex(z.shape[-2:]):
        one = np.zeros(z.shape[-2:])
        one[s, a] = 1
        slope = directional_derivative(lambda x: entropy(x).sum(-1), z, one)
        total = total + (slope != 0).astype(bool)
    return total


def _distinct(z: Array) -> Any:
    """Whether no log-probability is exactly -H, at any token."""
    return (centred(z, z) != 0).astype(bool).all(axis=(-2, -1))


ENTROPY_PRINTED = Inequality(
    name="proposition-vii.1/entropy",
    statement=r"\text{the entropies of } N \text{ tokens can be had from } O(N) \text{ numbers, whatever } |A|:"
    r"\quad \#\{\text{logits that } \textstyle\sum_t H_t \text{ depends on}\} \le 2N",
    given=_TOKENS,
    assuming=_distinct,
    hypotheses="N tokens, one row of logits each. The constant is that of two actions, where each token has two "
    "logits.",
    lhs=_read,
    rhs=lambda z: 2 * z.shape[-2] + 0 * z[..., 0, 0],
    remark="A count of inputs, which bounds the operations of any algorithm from below. O(N) is right for a fixed "
    "vocabulary; with |A| as a variable it is N |A|.",
    breaks="Appendix P: the sum over the vocabulary 'aggregates per-token values, also O(N)'. The sum has |A| terms "
    "for each token; the appendix counts tokens and holds the vocabulary, about 152,000 for the Qwen2.5 models of the "
    "experiments, for a constant.",
    terms={"dH/dz": entropy_gradient, "logits read": _read, "2 N": lambda z: 2 * z.shape[-2] + 0 * z[..., 0, 0]},
)

_ENTROPY = Identity(
    name="proposition-vii.1/entropy",
    reading="corrected",
    statement=r"\#\{\text{logits that } \textstyle\sum_t H_t \text{ depends on}\} = N\,|A|",
    given=_TOKENS,
    assuming=_distinct,
    hypotheses="At no token is a probability exactly exp(-H), as for almost all logits.",
    lhs=_read,
    rhs=lambda z: z.shape[-2] * z.shape[-1] + 0 * z[..., 0, 0],
    remark="So the entropies cost Theta(N |A|): at least one operation for each logit, and a fixed number suffices.",
    proof="dH/dz_a = -p_a (log p_a + H) is not zero at any entry, so a small change of any single logit "
    "changes the sum.\n"
    "An algorithm that does not read it answers the same before and after, and is wrong once.\n"
    "Conversely log-softmax and the sum of p log p take a fixed number of operations for each logit.",
)
ENTROPY = _ENTROPY.with_mutants(_ENTROPY.mutant("n-plus-a", rhs=lambda z: z.shape[-2] + z.shape[-1] + 0 * z[..., 0, 0]))


def _rounds(n: Array) -> Any:
    """``ceil(log2 n)``, exactly."""
    return sum(((2**k < n).astype(bool) * (1 + 0 * n) for k in range(40)), start=0 * n)


def _sort_comparisons(n: Array) -> Any:
    """Most comparisons of merge sort: ``n ceil(log2 n) - 2^ceil(log2 n) + 1``."""
    return n * _rounds(n) - 2 ** _rounds(n) + 1


_BATCH = {"n": d.integers(2, 2**26)}

_SORT = Inequality(
    name="proposition-vii.1/selection",
    statement=r"\text{ranking } N \text{ tokens takes at most } N\log_2 N \text{ comparisons}",
    given=_BATCH,
    lhs=_sort_comparisons,
    rhs=lambda n: n * np.log(n) / np.log(exact(2)),
    remark="By sorting, in the worst case of merge sort.",
    proof="Merge sort of n keys makes at most n L - 2^L + 1 comparisons, L = ceil(log_2 n) (Knuth, TAOCP 3, 5.2.4).\n"
    "Write n = 2^(L - t), 0 <= t < 1: n L - 2^L + 1 = n log_2 n + n t - n 2^t + 1, and n (2^t - t) >= n * 0.91 >= 1.",
)
SORT = _SORT.with_mutants(_SORT.mutant("half", rhs=lambda n: n * np.log(n) / np.log(exact(4))))

_PARTITION = Inequality(
    name="proposition-vii.1/selection-linear",
    reading="corrected",
    statement=r"k \le N/500,\ N \le 2^{26}:\quad \text{the top } k \text{ of } N \text{ tokens take at most } "
    r"\tfrac{11}{10} N \text{ comparisons}",
    given={**_BATCH, "k": d.integers(1, 2**17)},
    assuming=lambda n, k: (500 * k <= n).astype(bool),
    hypotheses="At most one token in 500 is selected, as in all published settings of KL-Cov but one.",
    lhs=lambda n, k: n - k + (k - 1) * _rounds(n - k + 2),
    rhs=lambda n: exact(11, 10) * n,
    remark="By tournament selection; partition does it in O(N) for every share. So the factor log N is not needed.",
    proof="The k largest of N keys can be found with N - k + (k - 1) ceil(log_2(N - k + 2)) comparisons (Hadian and "
    "Sobel 1969; Knuth, TAOCP 3, 5.3.3).\n"
    "With k <= N/500 and N <= 2^26 the second term is at most 26 N / 500 < N / 10.",
)
PARTITION = _PARTITION.with_mutants(
    _PARTITION.mutant("one-in-fifty", assuming=lambda n, k: (50 * k <= n).astype(bool)),
)

CLAIMS = (ENTROPY_PRINTED, ENTROPY, SORT, PARTITION)

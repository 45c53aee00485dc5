"""Proofs that are written once, in the docstring of a file of claims."""

from __future__ import annotations


def proof_in(docstring: str | None) -> str:
    """What follows ``Proof.`` in a docstring, one paragraph a line (empty if Python runs without docstrings)."""
    _, _, text = (docstring or "").partition("Proof.")
    return "\n".join(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


THRESHOLD_LEMMA = (
    "Threshold lemma. Let p_1 >= ... >= p_n > 0, A_1 >= ... >= A_n, E_p A = 0, and let G_i, a function of p_i, "
    "satisfy sum_i G_i = 0, G_i <= 0 where p_i < c, and G_i >= 0 and nondecreasing in p_i where p_i >= c. Then "
    "sum_i p_i A_i G_i >= 0.\n"
    "A is a sum, with weights >= 0, of the steps 1{i <= k} - (p_1 + ... + p_k), so it is enough to take one of "
    "them: the sum is then sum_{i <= k < j} p_i p_j (G_i - G_j).\n"
    "If p_k >= c, then G_i >= G_k >= G_j in each term, since G_j is either smaller or <= 0.\n"
    "If p_k < c, then G_j <= 0 for all j > k, so sum_{i <= k} G_i >= 0, and sum_{i <= k} p_i G_i >= c sum_{i <= k} "
    "G_i >= 0 because p_i G_i >= c G_i for every i; both parts of the sum are >= 0."
)
"""The lemma behind every statement about comonotone policies, in which f_a = p_a (log p_a + H) is not monotone in
p_a."""

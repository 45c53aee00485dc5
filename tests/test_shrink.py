"""Counterexamples of many numbers with long denominators are made small as well."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking.certify import Examiner, Status
from entropy_theory.checking.shrink import complexity, shrink

d = et.domains

WHOLE = 9223372036854777940
"""Just above 2^63. Its divisors below stand beside it in an array of floats, in which their products overflow."""

DENOMINATORS = (4, 5, 5, 1, 1, 1, 4, 5, 1, 1, 10, 10, 1, 1, 5, 20, 1, 4, 1)


@pytest.mark.parametrize("repeated", [1, 3])
def test_probabilities_whose_denominators_are_beyond_64_bits_together(repeated: int) -> None:
    small = [
        Fraction(int(4.8e15) // k + 2 * i + 1, WHOLE // k)
        for i, k in enumerate(repeated * DENOMINATORS)
        if WHOLE % k == 0
    ]
    p = np.array([1 - sum(small), *small], dtype=object)
    assert WHOLE > 2**63
    assert min(x.denominator for x in p) < 2**63
    claim = et.Inequality(name="half", given={"p": d.policies(len(p))}, lhs=lambda p: et.largest(p), rhs=et.exact(1, 2))
    examine = Examiner(claim)
    finding = examine({"p": p})
    assert finding.status is Status.VIOLATED
    instance, again = shrink(claim, {"p": p}, finding, examine)
    assert again.status is Status.VIOLATED
    assert sum(instance["p"]) == 1
    assert complexity(claim, instance) < complexity(claim, {"p": p})

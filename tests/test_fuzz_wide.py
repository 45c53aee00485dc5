"""A claim over the vocabulary of a language model is decided within a gibibyte."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
import entropy_theory as et
given = {{"z": et.domains.logits(actions=151_936)}}
claim = et.Inequality(name="wide", given=given, lhs=lambda z: et.entropy(z), rhs={rhs})
print(et.verify(claim, budget=2).outcome, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is in kilobytes on Linux")
@pytest.mark.parametrize(("rhs", "outcome"), [("np.log(et.exact(151_936))", "holds"), ("et.exact(1, 2)", "refuted")])
def test_a_claim_over_a_vocabulary_is_decided_within_a_gibibyte(rhs: str, outcome: str) -> None:
    """Here the slope has 151,936 entries: a square matrix of that many rows took 172 GiB."""
    program = PROGRAM.format(rhs=rhs)
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found, mebibytes = result.stdout.split()
    assert found == outcome
    assert int(mebibytes) < 1024

"""Hypothesis profiles: ``dev``, fast, and ``ci``, thorough and reproducible.

The environment variable HYPOTHESIS_PROFILE chooses one; without it the profile is ``ci`` where CI is set,
else ``dev``.
How long an example takes says more about the machine than about the code, so neither has a deadline.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci",
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=True,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

"""Every public function, class and method with hostile arguments: a well-formed result, or an error that names one.

`tests.fuzz_cases` has a good call of each; here some of its arguments are replaced. A public name without a case fails.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import entropy_theory as et
from entropy_theory import controls, estimators, simulations, strategies
from tests.fuzz_cases import CASES
from tests.hostile import strategy, violation

EXAMPLES = 20
"""Calls with hostile arguments for each case; a test of all of them takes about a minute."""

MODULES: dict[str, ModuleType] = {
    "": et,
    "domains.": et.domains,
    "controls.": controls,
    "estimators.": estimators,
    "strategies.": strategies,
    "simulations.": simulations,
}

WITHOUT_CALLS = {
    "Claim": "made through Identity, Inequality and Order",
    "ClaimError": "an exception",
    "Control": "abstract",
    "Estimator": "abstract",
    "Evaluation": "a record that evaluate makes",
    "History": "a record that train makes; its files are fuzzed in test_fuzz_files",
    "OutcomeEstimator": "abstract",
    "PolicyStatistics": "a record that policy_statistics makes",
    "Rollouts": "a record that Sampling.collect makes",
    "UndecidedComparison": "an exception",
    "Values": "a record that problems make",
    "Verdict": "a record that verify makes; its JSON is fuzzed in test_fuzz_files",
    "Verdicts": "a tuple",
    "Tokens": "made through Tokens.of",
    "Batch": "made through Batch.of",
    "Expected": "made through Expected.of",
    "domains": "a module",
    "SIMULATIONS": "a dictionary of modules",
}

HOOKS = {
    # of a control, called with what `update`, `select` and the others have checked
    *(
        "direction",
        "choose",
        "choices",
        "chosen_share",
        "token_derivative",
        "logit_gradient",
        "beyond_tokens",
        "on_batch",
    ),
    # of a problem, called with what `check_logits` has checked
    *("values_under", "totals_under", "residual_of", "fits_kernels", "pieces", "next_value"),
    # of a claim, called with the leaves of its own domain
    *("admitted", "meets", "evaluate_terms", "at", "sides"),
    # of records, without arguments or of files
    *("residual", "arrays", "plot", "rows", "setting", "load", "save", "to_json", "from_json", "lines"),
    # of Tokens, Batch and Expected, called by controls
    *("as_selected", "count", "covariance", "ppo_clipped", "entries", "entry_sums", "push", "share_at_state"),
    *("gradient", "mean", "shaped", "reset"),
}
"""Methods that the package itself calls, with arguments that it has checked."""


def public() -> Iterator[str]:
    """Names of all public functions, classes, and methods that a class has of its own."""
    for prefix, module in MODULES.items():
        for name in module.__all__:
            found = getattr(module, name)
            if prefix in ("controls.", "estimators.") and getattr(et, name, None) is found:
                continue
            bare = "" if prefix in ("", "controls.", "estimators.") else prefix
            if inspect.isclass(found):
                if name not in WITHOUT_CALLS:
                    yield f"{bare}{name}"
                if not issubclass(found, Exception):
                    yield from (f"{bare}{name}.{method}" for method in _methods(found))
            elif callable(found):
                yield f"{bare}{name}"
            else:
                assert name in WITHOUT_CALLS, name


def _methods(found: type) -> Iterator[str]:
    for name, member in vars(found).items():
        plain = isinstance(member, staticmethod | classmethod) or inspect.isfunction(member)
        if plain and not name.startswith("_") and name not in HOOKS:
            yield name
        if name == "__call__":
            yield name


def covered(name: str) -> bool:
    """Whether there is a case of this name, or of it and a variant; of a method of a base, one of a subclass."""
    owner, _, method = name.rpartition(".")
    known = {case.partition(" ")[0] for case in CASES} | {_bare(case) for case in CASES}
    if name in known:
        return True
    if owner in ("Control", "Estimator", "OutcomeEstimator", "Claim"):
        base = getattr(et, owner, None) or getattr(estimators, owner)
        return any(issubclass(getattr(et, sub), base) and f"{sub}.{method}" in known for sub in _classes())
    return False


def _bare(case: str) -> str:
    owner, _, method = case.rpartition(".")
    return f"{owner.partition(' ')[0]}.{method.partition(' ')[0]}" if owner else case


def _classes() -> list[str]:
    return [name for name in et.__all__ if inspect.isclass(getattr(et, name))]


def test_every_public_name_is_fuzzed() -> None:
    assert [name for name in public() if not covered(name)] == []


def test_no_exception_to_the_walk_is_stale() -> None:
    names = {name for module in MODULES.values() for name in module.__all__}
    assert sorted(set(WITHOUT_CALLS) - names) == []


@pytest.mark.parametrize("name", CASES)
def test_the_good_call_is_good(name: str) -> None:
    case = CASES[name]
    assert violation(lambda: case.call(**case.good), (), may_be_nan=case.may_be_nan) is None


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.good])
def test_hostile_arguments(name: str) -> None:
    case = CASES[name]

    @settings(max_examples=EXAMPLES, phases=[Phase.generate, Phase.shrink], database=None, deadline=None,
              derandomize=True, suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy(case.good, case.extra))
    def run(changes: dict[str, Any]) -> None:
        names = (*case.good, *case.names)
        wrong = violation(lambda: case.call(**{**case.good, **changes}), names, may_be_nan=case.may_be_nan)
        assert wrong is None, f"{name}: {wrong}"

    run()

"""The checker against claims whose truth is known: true ones are never refuted, false ones always, and rightly so.

A counterexample is not taken on trust: it is read from the rational strings of the verdict and evaluated with
mpmath, by formulas written here for one instance at a time.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.checking import campaign
from entropy_theory.checking.certificate import recheck, stands
from entropy_theory.checking.certify import Finding, Status, examine
from entropy_theory.checking.claim import Claim
from entropy_theory.checking.prove import prove
from entropy_theory.checking.registry import load
from entropy_theory.checking.shrink import _simple, _simple_rows, complexity, cost, rounded, shrink
from entropy_theory.checking.variables import Policies, Reals
from entropy_theory.checking.verify import check

Array = np.ndarray[Any, Any]

d = et.domains
ex = et.exact

BUDGET = 3000


_VERDICTS: dict[tuple[str, int], et.Verdict] = {}


def verdict_of(claim: Claim, seed: int = 0) -> et.Verdict:
    """The verdict, reached once in each process; the names of the claims here are distinct."""
    key = (claim.name, seed)
    if key not in _VERDICTS:
        _VERDICTS[key] = check(claim, seed, BUDGET)
    return _VERDICTS[key]


# Formulas for one instance, in mpmath ----------------------------------------------------------------------------


def number(text: str) -> Any:
    q = Fraction(text)
    return mpmath.mpf(q.numerator) / q.denominator


def numbers(texts: list[Any]) -> list[Any]:
    return [numbers(x) if isinstance(x, list) else number(x) for x in texts]


def softmax(z: list[Any]) -> list[Any]:
    top = max(z)
    weights = [mpmath.exp(x - top) for x in z]
    return [w / mpmath.fsum(weights) for w in weights]


def entropy(p: list[Any]) -> Any:
    return -mpmath.fsum(x * mpmath.log(x) for x in p if x > 0)


def variance(p: list[Any], x: list[Any]) -> Any:
    mean = mpmath.fdot(p, x)
    return mpmath.fsum(a * (b - mean) ** 2 for a, b in zip(p, x, strict=True))


def varentropy(p: list[Any]) -> Any:
    return variance(p, [mpmath.log(x) for x in p])


def value_of(instance: Mapping[str, Any], policy: list[list[Any]], reward: list[list[Any]]) -> Any:
    """Expected discounted sum of a reward, by solving the linear system of one MDP."""
    transition, discount = numbers(instance["m.transition"]), number(instance["m.discount"])
    n = len(policy)
    matrix = mpmath.eye(n)
    right = mpmath.matrix(n, 1)
    for s in range(n):
        for a, share in enumerate(policy[s]):
            right[s] += share * reward[s][a]
            for t in range(n):
                matrix[s, t] -= discount * share * transition[s][a][t]
    v = mpmath.lu_solve(matrix, right)
    return mpmath.fsum(mu * v[s] for s, mu in enumerate(numbers(instance["m.initial"])))


# True claims -----------------------------------------------------------------------------------------------------


def log_n(z: Array) -> Any:
    return np.log(ex(z.shape[-1]))


def uniform(p: Array) -> Array:
    return 0 * p + ex(1, p.shape[-1])


def mixed_entropy(t: Array, p: Array) -> Array:
    """Entropy of ``p + t (1/n - p)``."""
    q = p + t[:, None] * (uniform(p) - p)
    return np.asarray(-(q * np.log(q)).sum(-1))


def objective(m: et.MDP, z: Array) -> Array:
    return np.asarray(m.objective(z))


def gradient_norm(z: Array) -> Array:
    return np.asarray((et.entropy_gradient(z) ** 2).sum(-1))


LOGITS = {"z": d.logits(actions=(2, 5))}
ONE = {"z": d.logits(actions=1)}
POLICIES = {"p": d.policies(actions=(2, 4))}
PAIR = {"p": d.policies(actions=(2, 4)), "r": d.rewards(like="p")}
MDP = {"m": d.mdps(states=(1, 2), actions=(2, 2), tables=False), "z": d.logits(like="m")}

TRUE: tuple[Claim, ...] = (
    # Equality at a rational point, at a point that only balls can compare, along whole families, and nowhere.
    et.Inequality(name="quarter", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=ex(1, 4)),
    et.Inequality(name="log-n", given=LOGITS, lhs=lambda z: et.entropy(z), rhs=log_n),
    et.Inequality(name="log-n-halved", given=LOGITS, lhs=lambda z: et.entropy(z) / 2, rhs=lambda z: 0.5 * log_n(z)),
    et.Inequality(name="entropy-is-positive", given=LOGITS, lhs=0, rhs=lambda z: et.entropy(z)),
    et.Inequality(
        name="entropy-is-positive-strictly", given=POLICIES, lhs=0, rhs=lambda p: et.entropy(np.log(p)), strict=True
    ),
    et.Inequality(name="log-of-p", given=POLICIES, lhs=lambda p: np.log(p), rhs=lambda p: p - 1),
    et.Inequality(
        name="jensen", given=PAIR, lhs=lambda p, r: (p * r).sum(-1) ** 2, rhs=lambda p, r: (p * r**2).sum(-1)
    ),
    et.Inequality(
        name="gibbs",
        given={"p": d.policies(actions=(2, 4)), "q": d.policies(like="p")},
        lhs=lambda p, q: (p * np.log(q)).sum(-1),
        rhs=lambda p: (p * np.log(p)).sum(-1),
    ),
    et.Inequality(
        name="popoviciu",
        given=PAIR,
        lhs=lambda p, r: (p * (r - (p * r).sum(-1, keepdims=True)) ** 2).sum(-1),
        rhs=lambda r: (et.largest(r) - et.smallest(r)) ** 2 / 4,
    ),
    et.Inequality(name="mean-below-largest", given=PAIR, lhs=lambda p, r: (p * r).sum(-1), rhs=lambda r: et.largest(r)),
    et.Inequality(
        name="lse-above-max",
        given=LOGITS,
        lhs=lambda z: et.largest(z),
        rhs=lambda z: et.largest(z) + np.log(np.exp(z - et.largest(z)[..., None]).sum(-1)),
    ),
    et.Inequality(name="square-below-whole", given={"n": d.integers(-9, 9)}, lhs=lambda n: n, rhs=lambda n: n * n),
    et.Inequality(
        name="far-exponentials", given={"x": d.reals(0, 5000)}, lhs=lambda x: np.exp(x), rhs=lambda x: np.exp(x + 1)
    ),
    et.Inequality(
        name="nearly-deterministic",
        given={"p": d.policies(actions=2)},
        lhs=lambda p: et.entropy(np.log(p)),
        rhs=lambda p: et.smallest(p) * (1 - np.log(et.smallest(p))),
    ),
    et.Inequality(
        name="bernoulli",
        given={"x": d.reals(-1, 3), "n": d.integers(1, 6)},
        lhs=lambda x, n: 1 + n * x,
        rhs=lambda x, n: (1 + x) ** n,
    ),
    # Sums that cancel, exact ties, branches.
    et.Identity(
        name="swap",
        given={"x": d.reals(-1, 1), "y": d.positive()},
        lhs=lambda x, y: (x + y) ** 2 - (x - y) ** 2,
        rhs=lambda x, y: 4 * x * y,
    ),
    et.Identity(
        name="telescope",
        given={"z": d.logits(actions=3)},
        lhs=lambda z: (z[:, 0] - z[:, 1]) + (z[:, 1] - z[:, 2]),
        rhs=lambda z: z[:, 0] - z[:, 2],
    ),
    et.Identity(name="sum-to-one", given=LOGITS, lhs=lambda z: et.softmax(z).sum(-1), rhs=1),
    et.Identity(name="sum-to-one-rationally", given=POLICIES, lhs=lambda p: p.sum(-1), rhs=1),
    et.Identity(name="centred-mean", given=PAIR, lhs=lambda p, r: (p * et.centred(np.log(p), r)).sum(-1), rhs=0),
    et.Identity(name="gradient-sums-to-zero", given=LOGITS, lhs=lambda z: et.entropy_gradient(z).sum(-1), rhs=0),
    et.Identity(
        name="shift",
        given={"z": d.logits(actions=(2, 4)), "c": d.reals(-1e3, 1e3)},
        lhs=lambda z: et.entropy(z),
        rhs=lambda z, c: et.entropy(z + c[..., None]),
    ),
    et.Identity(
        name="two-variances",
        given=PAIR,
        lhs=lambda p, r: et.covariance(np.log(p), r, r),
        rhs=lambda p, r: (p * r**2).sum(-1) - (p * r).sum(-1) ** 2,
    ),
    et.Identity(name="exp-log", given=POLICIES, lhs=lambda p: np.exp(np.log(p)), rhs=lambda p: p),
    et.Identity(
        name="derivative",
        given={"z": d.logits(actions=(2, 3)), "v": d.rewards(like="z")},
        lhs=lambda z, v: (et.entropy_gradient(z) * v).sum(-1),
        rhs=lambda z, v: et.directional_derivative(et.entropy, z, v),
    ),
    et.Identity(
        name="tie-or-not", given={"p": d.policies(actions=2)}, lhs=lambda p: et.largest(p) + et.smallest(p), rhs=1
    ),
    et.Identity(name="tenths", given={"x": d.reals(-5, 5)}, lhs=lambda x: ex("0.1") * x * 10, rhs=lambda x: x),
    et.Identity(
        name="two-thirds", given={"x": d.reals(-5, 5)}, lhs=lambda x: 2.0 * ex(1, 3) * x, rhs=lambda x: 2 * x / 3
    ),
    et.Identity(
        name="where-a-tenth",
        given={"x": d.reals(-5, 5)},
        lhs=lambda x: np.where(x > 0, ex(1, 10), 0 * x) * x,
        rhs=lambda x: np.where(x > 0, x / 10, 0 * x),
    ),
    et.Identity(
        name="weighted",
        given={"z": d.logits(actions=(2, 4))},
        lhs=lambda z: (np.arange(1, z.shape[-1] + 1) * ex(1, 10) * z).sum(-1),
        rhs=lambda z: (np.arange(1, z.shape[-1] + 1) * z).sum(-1) / 10,
    ),
    et.Identity(
        name="float-constant",
        given={"x": d.reals(-5, 5)},
        lhs=lambda x: 0.1 * x,
        rhs=lambda x: ex(3602879701896397, 36028797018963968) * x,
    ),
    et.Identity(
        name="vacuous-at-ties",
        given={"p": d.policies(actions=3)},
        assuming=lambda p: (p[:, 0] == p[:, 1]) & (p[:, 1] == p[:, 2]),
        lhs=lambda p: et.entropy_gradient(np.log(p)),
        rhs=0,
    ),
    et.Identity(name="one-action", given=ONE, lhs=lambda z: et.entropy(z), rhs=0),
    et.Identity(name="one-action-softmax", given=ONE, lhs=lambda z: et.softmax(z)[:, 0], rhs=1),
    # Problems.
    et.Identity(name="value", given=MDP, lhs=objective, rhs=lambda m, z: (m.initial * m.values(z).v).sum(-1)),
    et.Inequality(
        name="value-below-best-reward",
        given=MDP,
        lhs=objective,
        rhs=lambda m: et.largest(np.maximum(et.largest(m.reward), 0)) / (1 - m.discount),
    ),
    et.Identity(
        name="advantage-mean", given=MDP, lhs=lambda m, z: (et.softmax(z) * m.values(z).advantage).sum(-1), rhs=0
    ),
    et.Identity(
        name="visits",
        given=MDP,
        lhs=lambda m, z: (
            (m.values(z).visitation[..., None] * et.softmax(z) * m.reward).sum((-1, -2)) / (1 - m.discount)
        ),
        rhs=objective,
    ),
    et.Identity(
        name="policy-gradient",
        given={**MDP, "v": d.rewards(like="z")},
        lhs=lambda m, z, v: (et.policy_gradient(m, z) * v).sum((-1, -2)),
        rhs=lambda m, z, v: et.directional_derivative(m.objective, z, v),
    ),
    # Orders.
    et.Order(name="square", given={"x": d.reals(-5, 5)}, remainder=lambda t, x: np.exp(t * x) - 1 - t * x, power=2),
    et.Order(
        name="zero", given={"x": d.reals(-5, 5)}, remainder=lambda t, x: (x + t) ** 2 - x**2 - 2 * t * x - t**2, power=7
    ),
    et.Order(
        name="entropy-change",
        given={"z": d.logits(actions=(2, 3)), "v": d.rewards(like="z")},
        remainder=lambda t, z, v: et.entropy_change(z, t[:, None] * v) - t * et.first_order_entropy_change(z, v),
        power=2,
    ),
    et.Order(name="near-pole", given=POLICIES, remainder=lambda t, p: t**2 / (t + et.smallest(p)), power=2),
    et.Order(
        name="mixing",
        given=POLICIES,
        power=2,
        remainder=lambda t, p: mixed_entropy(t, p) - et.entropy(np.log(p)) + t * ((uniform(p) - p) * np.log(p)).sum(-1),
    ),
)


@pytest.mark.parametrize("claim", TRUE, ids=lambda c: c.name)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_true_claim_is_never_refuted(claim: Claim, seed: int) -> None:
    verdict = verdict_of(claim, seed)
    assert verdict.outcome in ("holds", "proved"), f"{verdict.message} {verdict.counterexample}"
    assert verdict.counterexample is None
    assert verdict.certificate is None
    assert not verdict.error


@pytest.mark.parametrize("name", ["policies", "logits"])
def test_an_order_that_holds_below_every_scale_of_the_instance_is_not_refuted(name: str) -> None:
    """The remainder is of second order for each policy, though only for steps below its smallest probability."""
    policy = (lambda v: v) if name == "policies" else et.softmax

    def remainder(t: Array, v: Array) -> Array:
        p = policy(v)
        slope = ((uniform(p) - p) * np.log(p)).sum(-1)
        return np.asarray(mixed_entropy(t, p) - et.entropy(np.log(p)) + t * slope)

    domain = d.policies(actions=(2, 3)) if name == "policies" else d.logits(actions=(2, 3))
    claim = et.Order(name=f"mixing-{name}", given={"v": domain}, remainder=remainder, power=2)
    verdict = check(claim, 0, 20_000)
    assert verdict.outcome != "refuted", verdict.counterexample


@pytest.mark.parametrize("gap", [10, 100, 1000, 2000])
def test_an_order_is_not_refuted_at_logits_far_apart(gap: int) -> None:
    """The smallest probability is exp(-gap), far below any power of the logits themselves."""

    def remainder(t: Array, z: Array) -> Array:
        p = et.softmax(z)
        return np.asarray(t**2 / (t + et.smallest(p)))

    claim = et.Order(name="far-logits", given={"z": d.logits(actions=2)}, remainder=remainder, power=2)
    finding = examine(claim, {"z": np.array([Fraction(0), Fraction(-gap)], dtype=object)})
    assert finding.status != Status.VIOLATED, finding.evidence


CASTS: dict[str, Callable[[Array], Array]] = {
    "astype": lambda z: z.astype(np.float64),
    "asarray": lambda z: np.asarray(z, dtype=float),
    "filled": lambda z: _filled(z),
    "listed": lambda z: np.array([[float(x) for x in row] for row in z]),
}


def _filled(z: Array) -> Array:
    out = np.zeros(z.shape)
    out[...] = z
    return out


@pytest.mark.parametrize("name", CASTS)
def test_a_cast_to_floats_refutes_no_true_claim(name: str) -> None:
    """Rounding inside a claim's function must not pass for an exact value: the claim fails, or is not decided."""
    cast = CASTS[name]
    for claim in (
        et.Identity(name="cast-row", given=POLICIES, lhs=lambda p: cast(p), rhs=lambda p: p),
        et.Inequality(name="cast-entropy", given=LOGITS, lhs=lambda z: et.entropy(cast(z)), rhs=log_n),
    ):
        verdict = campaign.guarded(claim, 0, BUDGET)
        assert verdict.outcome != "refuted", verdict.counterexample


# False claims ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class False_:
    """A false claim and how far, in mpmath, an instance breaks it (positive: it does).

    `simple` bounds the denominators and the number of entries of its counterexample.
    """

    claim: Claim
    broken_by: Callable[[Mapping[str, Any]], Any]
    simple: tuple[int, int] | None = None


def p_of(instance: Mapping[str, Any]) -> list[Any]:
    return numbers(instance["p"])


def z_of(instance: Mapping[str, Any]) -> list[Any]:
    return softmax(numbers(instance["z"]))


def x_of(instance: Mapping[str, Any]) -> Any:
    return number(instance["x"])


def mdp_policy(instance: Mapping[str, Any]) -> list[list[Any]]:
    return [softmax(row) for row in numbers(instance["z"])]


LARGEST_VARENTROPY = "0.43922883"
"""For two actions, rounded down to eight digits: 0.43922883989…"""

FALSE: tuple[False_, ...] = (
    False_(
        et.Inequality(name="fifth", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=ex(1, 5)),
        lambda i: x_of(i) * (1 - x_of(i)) - number("1/5"),
        (2, 1),
    ),
    False_(
        et.Inequality(
            name="strict-quarter", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=ex(1, 4), strict=True
        ),
        lambda i: 1 if Fraction(i["x"]) * (1 - Fraction(i["x"])) >= Fraction(1, 4) else 0,
        (2, 1),
    ),
    False_(
        et.Inequality(
            name="strict-tie", given=PAIR, lhs=lambda p, r: (p * r).sum(-1), rhs=lambda r: et.largest(r), strict=True
        ),
        lambda i: 1 if len(set(map(Fraction, i["r"]))) == 1 else 0,
        (3, 4),
    ),
    False_(
        et.Inequality(
            name="strict-identity",
            given={"x": d.reals(-1, 1)},
            lhs=lambda x: (x + 1) ** 2,
            rhs=lambda x: x * x + 2 * x + 1,
            strict=True,
        ),
        lambda i: 1,
        (1, 1),
    ),
    False_(
        et.Inequality(
            name="entropy-below-half-log",
            given={"z": d.logits(actions=(2, 4))},
            lhs=lambda z: et.entropy(z),
            rhs=lambda z: log_n(z) / 2,
        ),
        lambda i: entropy(z_of(i)) - mpmath.log(len(i["z"])) / 2,
        (1, 2),
    ),
    False_(
        et.Inequality(
            name="just-below-log-n",
            given={"z": d.logits(actions=(2, 4))},
            lhs=lambda z: et.entropy(z),
            rhs=lambda z: log_n(z) * (1 - ex(1, 10**6)),
        ),
        lambda i: entropy(z_of(i)) - mpmath.log(len(i["z"])) * (1 - number("1/1000000")),
        (1, 2),
    ),
    False_(
        et.Inequality(
            name="just-below-varentropy",
            given={"p": d.policies(actions=2)},
            lhs=lambda p: et.varentropy(np.log(p)),
            rhs=ex("0.4392288"),
        ),
        lambda i: varentropy(p_of(i)) - number("4392288/10000000"),
    ),
    False_(
        et.Inequality(
            name="nearest-below-varentropy",
            given={"p": d.policies(actions=2)},
            lhs=lambda p: et.varentropy(np.log(p)),
            rhs=ex(LARGEST_VARENTROPY),
        ),
        lambda i: varentropy(p_of(i)) - number(LARGEST_VARENTROPY),
    ),
    False_(
        et.Inequality(
            name="fails-from-five-actions-on",
            given={"z": d.logits(actions=(2, 7))},
            lhs=lambda z: et.entropy(z),
            rhs=ex(3, 2),
        ),
        lambda i: entropy(z_of(i)) - number("3/2"),
        (1, 5),
    ),
    False_(
        et.Inequality(
            name="varentropy-from-five-actions-on",
            given={"p": d.policies(actions=(2, 7))},
            lhs=lambda p: et.varentropy(np.log(p)),
            rhs=ex("1.21"),
        ),
        lambda i: varentropy(p_of(i)) - number("121/100"),
    ),
    False_(
        et.Inequality(
            name="fails-next-to-deterministic",
            given={"p": d.policies(actions=(2, 3))},
            lhs=lambda p: -13 * (1 - et.largest(p)),
            rhs=lambda p: (p * np.log(p)).sum(-1),
        ),
        lambda i: entropy(p_of(i)) - 13 * (1 - max(p_of(i))),
    ),
    False_(
        et.Inequality(
            name="fails-beyond-a-millionth",
            given={"p": d.policies(actions=2)},
            lhs=lambda p: et.largest(p),
            rhs=ex(10**6 - 1, 10**6),
        ),
        lambda i: max(p_of(i)) - number("999999/1000000"),
    ),
    False_(
        et.Inequality(
            name="fails-at-ties",
            given={"p": d.policies(actions=(2, 3))},
            lhs=lambda p: np.where(p[:, 0] == p[:, 1], 1, 0),
            rhs=0,
        ),
        lambda i: 1 if Fraction(i["p"][0]) == Fraction(i["p"][1]) else 0,
        (2, 2),
    ),
    False_(
        et.Inequality(
            name="fails-at-tied-rewards",
            given=PAIR,
            lhs=lambda r: np.where((r[:, 0] == r[:, 1]) & (r[:, 0] != 0), 1, 0),
            rhs=0,
        ),
        lambda i: 1 if Fraction(i["r"][0]) == Fraction(i["r"][1]) != 0 else 0,
        (2, 4),
    ),
    False_(
        et.Inequality(
            name="fails-at-one-ratio",
            given={"a": d.positive(), "b": d.positive()},
            lhs=0,
            rhs=lambda a, b: abs(a - 2 * b),
            strict=True,
        ),
        lambda i: 1 if Fraction(i["a"]) == 2 * Fraction(i["b"]) else 0,
        (2, 2),
    ),
    False_(
        et.Inequality(
            name="fails-near-one-ratio",
            given={"a": d.positive(), "b": d.positive()},
            lhs=lambda a, b: a * b * ex("2.000001"),
            rhs=lambda a, b: a * a + b * b,
        ),
        lambda i: (
            number("2000001/1000000") * number(i["a"]) * number(i["b"]) - number(i["a"]) ** 2 - number(i["b"]) ** 2
        ),
        (1, 2),
    ),
    False_(
        et.Inequality(
            name="fails-at-one-integer",
            given={"n": d.integers(-10, 10)},
            lhs=0,
            rhs=lambda n: n * (n - 1) * (n - 6) * (n - 8),
        ),
        lambda i: 1 if i["n"] == "7" else 0,
    ),
    False_(
        et.Inequality(
            name="below-all-floats", given={"x": d.reals(-1, 1)}, lhs=lambda x: x + ex(1, 10**40), rhs=lambda x: x
        ),
        lambda i: number("1") / mpmath.mpf(10) ** 40,
        (1, 1),
    ),
    False_(
        et.Inequality(
            name="one-entry",
            given={"z": d.logits(actions=3)},
            lhs=lambda z: et.softmax(z) * np.array([0, 0, 1]),
            rhs=lambda z: et.softmax(z)[:, :1],
        ),
        lambda i: z_of(i)[2] - z_of(i)[0],
        (2, 3),
    ),
    False_(
        et.Inequality(
            name="far-exponentials-reversed",
            given={"x": d.reals(1000, 5000)},
            lhs=lambda x: np.exp(x + 1),
            rhs=lambda x: np.exp(x),
        ),
        lambda i: mpmath.exp(x_of(i) + 1) - mpmath.exp(x_of(i)),
        (1, 1),
    ),
    False_(
        et.Inequality(
            name="unsigned-counts",
            given={"z": d.logits(actions=(2, 3))},
            lhs=lambda z: (z > 0).sum(-1).astype(np.uint8),
            rhs=lambda z: np.full(len(z), 1, dtype=np.uint8),
        ),
        lambda i: sum(Fraction(x) > 0 for x in i["z"]) - 1,
        (1, 2),
    ),
    False_(
        et.Inequality(
            name="single-precision",
            given={"z": d.logits(actions=(2, 3))},
            lhs=lambda z: (z > 0).any(-1).astype(np.float32),
            rhs=0,
        ),
        lambda i: 1 if any(Fraction(x) > 0 for x in i["z"]) else 0,
        (1, 2),
    ),
    False_(
        et.Identity(
            name="renyi",
            given={"p": d.policies(actions=(2, 4))},
            lhs=lambda p: et.entropy(np.log(p)),
            rhs=lambda p: -np.log((p * p).sum(-1)),
        ),
        lambda i: abs(entropy(p_of(i)) + mpmath.log(mpmath.fsum(x * x for x in p_of(i)))),
        (5, 2),
    ),
    False_(
        et.Identity(
            name="identity-off-by-a-little",
            given={"z": d.logits(actions=(2, 3))},
            lhs=lambda z: et.entropy(z) * (1 + ex(1, 10**20)),
            rhs=lambda z: et.entropy(z),
        ),
        lambda i: entropy(z_of(i)) / mpmath.mpf(10) ** 20,
        (1, 2),
    ),
    False_(
        et.Identity(
            name="identity-of-three",
            given={"z": d.logits(actions=(2, 4))},
            lhs=lambda z: et.softmax(z)[:, 0] * np.minimum(2, z.shape[-1]),
            rhs=lambda z: et.softmax(z)[:, 0] * z.shape[-1],
        ),
        lambda i: len(i["z"]) - 2,
        (1, 3),
    ),
    False_(
        et.Inequality(name="value-of-uniform", given=MDP, lhs=objective, rhs=lambda m, z: m.objective(0 * z)),
        lambda i: (
            value_of(i, mdp_policy(i), numbers(i["m.reward"]))
            - value_of(i, [[mpmath.mpf(1) / len(r)] * len(r) for r in i["z"]], numbers(i["m.reward"]))
        ),
    ),
    False_(
        et.Identity(name="value-without-end", given=MDP, lhs=lambda m, z: m.values(z).visitation.sum(-1), rhs=1),
        lambda i: abs((1 - number(i["m.discount"])) * value_of(i, mdp_policy(i), [[1] * len(r) for r in i["z"]]) - 1),
    ),
    False_(
        et.Inequality(name="discount-below-nine-tenths", given=MDP, lhs=lambda m: m.discount, rhs=ex(9, 10)),
        lambda i: number(i["m.discount"]) - number("9/10"),
    ),
    False_(
        et.Order(name="cubic", given={"x": d.reals(-5, 5)}, remainder=lambda t, x: np.exp(t * x) - 1 - t * x, power=3),
        lambda i: abs(x_of(i)),
    ),
    False_(
        et.Order(
            name="first-order-is-all",
            given={"z": d.logits(actions=(2, 3)), "v": d.rewards(like="z")},
            power=2,
            remainder=lambda t, z, v: et.entropy_change(z, t[:, None] * v),
        ),
        lambda i: abs(_slope(i)),
    ),
    False_(
        et.Order(name="half-power", given={"x": d.positive()}, remainder=lambda t, x: np.sqrt(x * t), power=1),
        lambda i: x_of(i),
    ),
)


def _slope(instance: Mapping[str, Any]) -> Any:
    p, v = z_of(instance), numbers(instance["v"])
    h = entropy(p)
    return mpmath.fsum(a * (mpmath.log(a) + h) * b for a, b in zip(p, v, strict=True))


def flat(value: Any) -> list[Fraction]:
    return [q for x in value for q in flat(x)] if isinstance(value, list) else [Fraction(value)]


def assert_in_domain(claim: Claim, counterexample: Mapping[str, Any]) -> None:
    for name, value in counterexample.items():
        domain = claim.given[name.partition(".")[0]]
        values = flat(value)
        if isinstance(domain, Policies):
            assert sum(values) == 1
            assert min(values) > 0
        if isinstance(domain, Reals):
            for q in values:
                assert q > domain.low if domain.open_low else q >= domain.low
                assert q < domain.high if domain.open_high else q <= domain.high
                assert not domain.integer or q.denominator == 1


@pytest.mark.parametrize("case", FALSE, ids=lambda c: c.claim.name)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_false_claim_is_refuted_by_a_counterexample_that_mpmath_confirms(case: False_, seed: int) -> None:
    verdict = verdict_of(case.claim, seed)
    assert verdict.outcome == "refuted", verdict.message
    assert verdict.counterexample is not None
    with mpmath.workdps(400):
        assert case.broken_by(verdict.counterexample) > mpmath.mpf(10) ** -300
    assert stands(recheck(case.claim, verdict.certificate))
    assert_in_domain(case.claim, verdict.counterexample)


@pytest.mark.parametrize("case", [c for c in FALSE if c.simple], ids=lambda c: c.claim.name)
def test_the_counterexample_of_an_easy_claim_is_small(case: False_) -> None:
    verdict = verdict_of(case.claim)
    assert case.simple is not None
    denominator, entries = case.simple
    values = [q for value in (verdict.counterexample or {}).values() for q in flat(value)]
    assert 0 < len(values) <= entries
    assert max(q.denominator for q in values) <= denominator


@pytest.mark.parametrize("needle", range(2, 8))
def test_a_claim_that_fails_from_some_size_on_is_refuted_there_and_no_earlier(needle: int) -> None:
    claim = et.Inequality(
        name=f"size-{needle}",
        given={"z": d.logits(actions=(2, 9))},
        lhs=lambda z: et.entropy(z),
        rhs=np.log(et.exact(needle)) - et.exact(1, 1000),
    )
    verdict = verdict_of(claim)
    assert verdict.outcome == "refuted"
    assert verdict.counterexample is not None
    assert len(verdict.counterexample["z"]) == needle


def test_a_constant_just_above_the_supremum_holds() -> None:
    rounded_up = str(Fraction(LARGEST_VARENTROPY) + Fraction(1, 10**8))
    claim = et.Inequality(
        name="just-above-varentropy",
        given={"p": d.policies(actions=2)},
        lhs=lambda p: et.varentropy(np.log(p)),
        rhs=ex(rounded_up),
        tight=True,
    )
    verdict = verdict_of(claim)
    assert verdict.outcome == "holds"
    assert 0 < verdict.worst < 1e-8
    assert 1 - 1e-6 < verdict.ratio < 1


def test_the_worst_case_that_is_met_is_reported() -> None:
    quarter = et.Inequality(name="worst", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=1)
    assert verdict_of(quarter).worst == 0.75


# Assumptions and what cannot be decided --------------------------------------------------------------------------


def test_an_assumption_that_is_never_met_is_said_to_be_vacuous() -> None:
    for assuming in (lambda z: et.entropy(z) > 7, lambda z: np.zeros(len(z), dtype=bool), lambda: False):
        claim = et.Inequality(name="never", given={"z": d.logits()}, assuming=assuming, lhs=1, rhs=0)
        verdict = check(claim, 0, 500)
        assert verdict.outcome == "undecided"
        assert "vacuous" in verdict.message
        assert verdict.admitted == 0
        assert verdict.share_admitted == 0.0
        assert verdict.counterexample is None


def test_the_share_of_admitted_instances_is_counted() -> None:
    half = et.Inequality(name="half", given={"x": d.reals(-1, 1)}, assuming=lambda x: x < 0, lhs=lambda x: x, rhs=0)
    verdict = verdict_of(half)
    assert verdict.outcome in ("holds", "proved")
    assert 0.2 < verdict.share_admitted < 1
    assert verdict.share_admitted == verdict.admitted / verdict.instances
    assert verdict.instances >= BUDGET
    all_of_them = et.Inequality(name="all", given={"x": d.reals(-1, 1)}, lhs=lambda x: x, rhs=1)
    assert verdict_of(all_of_them).share_admitted == 1.0


def test_a_rare_assumption_is_mentioned() -> None:
    for width, rare in ((ex(1, 1000), True), (ex(1, 2), False)):
        claim = et.Order(
            name="rare",
            given={"x": d.reals(0, 1)},
            assuming=lambda x, width=width: (x > ex(3, 10)) & (x < ex(3, 10) + width),
            remainder=lambda t, x: t * x,
            power=1,
        )
        verdict = check(claim, 0, 60_000)
        assert verdict.outcome == "holds"
        assert verdict.share_admitted > 0
        assert (verdict.share_admitted < 0.01) is rare
        assert ("assumption is met by" in verdict.message) is rare


def test_only_instances_that_meet_the_assumption_refute() -> None:
    claim = et.Inequality(
        name="assumed", given={"x": d.reals(-5, 5)}, assuming=lambda x: x * x > 2, lhs=lambda x: x * x, rhs=4
    )
    verdict = verdict_of(claim)
    assert verdict.outcome == "refuted"
    assert verdict.counterexample is not None
    assert Fraction(verdict.counterexample["x"]) ** 2 > 4
    assert (
        verdict_of(
            et.Inequality(
                name="assumed-true",
                given={"x": d.reals(-5, 5)},
                assuming=lambda x: x * x <= 2,
                lhs=lambda x: x * x,
                rhs=2,
            )
        ).outcome
        == "holds"
    )


def test_the_sides_are_not_asked_where_the_assumption_fails() -> None:
    claim = et.Inequality(
        name="guarded", given={"x": d.reals(-1, 1)}, assuming=lambda x: x > 0, lhs=lambda x: np.log(x), rhs=0
    )
    verdict = verdict_of(claim)
    assert verdict.outcome == "holds"
    assert "no number" not in verdict.message


def test_strict_equality_that_balls_cannot_see_is_undecided() -> None:
    """At the uniform policy both sides are log 2, as two enclosures: neither refuted nor said to hold."""
    claim = et.Inequality(
        name="strict-log", given={"z": d.logits(actions=2)}, lhs=lambda z: et.entropy(z), rhs=log_n, strict=True
    )
    verdict = verdict_of(claim)
    assert verdict.outcome == "undecided"
    assert verdict.message
    assert verdict.counterexample is None


def test_an_assumption_that_balls_cannot_decide_refutes_nothing() -> None:
    claim = et.Inequality(
        name="open-assumption",
        given={"z": d.logits(actions=2)},
        assuming=lambda z: np.exp(np.log(np.exp(z[:, 0]) * 2)) == 2 * np.exp(z[:, 0]),
        lhs=1,
        rhs=0,
    )
    verdict = check(claim, 0, 500)
    assert verdict.outcome == "undecided"
    assert "not decided" in verdict.message


def test_a_maximum_of_equal_enclosures_is_undecided_not_wrong() -> None:
    claim = et.Inequality(
        name="numpy-max",
        given={"x": d.reals(-3, 3)},
        lhs=lambda x: np.max(np.stack([np.exp(x), np.exp(x / 2) ** 2], axis=-1), axis=-1),
        rhs=lambda x: np.exp(x) * 2,
    )
    verdict = check(claim, 0, 500)
    assert verdict.outcome == "undecided"
    assert "overlap" in verdict.message


def test_a_function_that_changes_its_arguments_refutes_no_true_claim() -> None:
    """``z *= 2`` inside a function must not reach the other side, the search or the certificate."""

    def doubled(z: Array) -> Array:
        z *= 2
        return np.asarray(z.sum(-1))

    claim = et.Identity(name="mutating", given={"z": d.logits()}, lhs=doubled, rhs=lambda z: 2 * z.sum(-1))
    assert campaign.guarded(claim, 0, 1000).outcome != "refuted"


# Proofs ----------------------------------------------------------------------------------------------------------

BOX = {"x": d.reals(0, 1)}
SPOT = ex(123456789, 10**9)
"""A place that no search on a grid meets."""


def box_claim(lhs: Any, rhs: Any, given: Mapping[str, Any] = BOX, *, strict: bool = False) -> et.Inequality:
    return et.Inequality(name="box", given=given, lhs=lhs, rhs=rhs, strict=strict)


NEVER_PROVED: dict[str, Callable[[], et.Inequality]] = {
    "narrow dip": lambda: box_claim(0, lambda x: (x - SPOT) ** 2 - ex(1, 10**12)),
    "touching, strict": lambda: box_claim(0, lambda x: (x - SPOT) ** 2, strict=True),
    "end, strict": lambda: box_claim(lambda x: x, 1, strict=True),
    "other end": lambda: box_claim(ex(1, 10**15), lambda x: x),
    "floor": lambda: box_claim(lambda x: np.floor(x), ex(1, 2)),
    "ceil": lambda: box_claim(lambda x: -np.ceil(x), ex(-1, 2)),
    "branch": lambda: box_claim(lambda x: np.where(x > SPOT, x, 2 - x), ex(3, 2)),
    "branch at a tie": lambda: box_claim(lambda x: np.where(x == ex(1, 2), 1, 0), 0),
    "sign": lambda: box_claim(lambda x: -np.sign(x), ex(-1, 2)),
    "absolute value": lambda: box_claim(ex(1, 10**9), lambda x: abs(x - SPOT)),
    "root": lambda: box_claim(lambda x: x**0.5, ex(999, 1000)),
    "square root": lambda: box_claim(lambda x: np.sqrt(x), ex(999, 1000)),
    "pole": lambda: box_claim(lambda x: 1 / (x - SPOT), 10**6),
    "logarithm at zero": lambda: box_claim(-(10**6), lambda x: np.log(x)),
    "logarithm of what may be negative": lambda: box_claim(-(10**6), lambda x: np.log(x - SPOT)),
    "tangent": lambda: box_claim(lambda x: np.tan(3 * x), 10**6),
    "largest": lambda: box_claim(lambda x: et.largest(np.stack([x, 1 - x], -1)), ex(99, 100)),
    "smallest": lambda: box_claim(ex(1, 100), lambda x: et.smallest(np.stack([x, 1 - x], -1))),
    "entropy": lambda: box_claim(lambda x: et.entropy(np.stack([x, 0 * x], -1)), np.log(ex(2)) - ex(1, 10**9)),
    "varentropy": lambda: box_claim(
        lambda x: et.varentropy(np.stack([x, 0 * x], -1)), ex(LARGEST_VARENTROPY), {"x": d.reals(0, 5)}
    ),
    "derivative": lambda: box_claim(lambda x: et.directional_derivative(lambda y: y**3, x, 1 + 0 * x), ex(299, 100)),
    "two variables": lambda: box_claim(
        lambda x, y: x * y, ex(999_999, 10**6), {"x": d.reals(0, 1), "y": d.reals(0, 1)}
    ),
    "one entry of two": lambda: box_claim(lambda x: np.stack([0 * x, x], -1), ex(999, 1000)),
    "cast": lambda: box_claim(lambda x: x.astype(np.float64), ex(3, 4)),
    "listed": lambda: box_claim(lambda x: np.array([float(v) for v in x]), ex(3, 4)),
    "filled": lambda: box_claim(lambda x: _filled(x), ex(3, 4)),
    "integers": lambda: box_claim(lambda n: n, 2, {"n": d.integers(0, 3)}),
    "assumption": lambda: et.Inequality(
        name="box", given=BOX, assuming=lambda x: x < ex(1, 2), lhs=lambda x: x, rhs=ex(1, 4)
    ),
}


@pytest.mark.parametrize("name", NEVER_PROVED)
def test_a_false_claim_is_never_proved(name: str) -> None:
    """Asked for a proof directly: the search might refute the claim first."""
    assert prove(NEVER_PROVED[name]()) is None


@pytest.mark.parametrize("case", FALSE, ids=lambda c: c.claim.name)
def test_no_false_claim_above_is_proved(case: False_) -> None:
    assert prove(case.claim) is None


def test_what_is_true_with_room_is_proved() -> None:
    claims = (
        box_claim(lambda x: x * (1 - x), ex(26, 100)),
        box_claim(lambda x: np.exp(x), 3, strict=True),
        box_claim(lambda x, y: x * y - x - y, ex(1, 10), {"x": d.reals(0, 1), "y": d.reals(0, 1)}),
        box_claim(lambda x: et.entropy(np.stack([x, 0 * x], -1)), ex(7, 10)),
    )
    for claim in claims:
        verdict = check(claim, 0, 500)
        assert verdict.outcome == "proved", verdict.message
        assert verdict.counterexample is None
        assert "box" in verdict.message


# Determinism -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", [FALSE[6].claim, FALSE[23].claim, TRUE[1], TRUE[-6]], ids=lambda c: c.name)
def test_the_same_seed_gives_the_same_verdict(claim: Claim) -> None:
    first, again = check(claim, 5, 1000), check(claim, 5, 1000)
    assert json.dumps(first.to_json()) == json.dumps(again.to_json())


def test_another_seed_draws_other_instances() -> None:
    claim = et.Inequality(name="seeded", given={"x": d.reals(0, 1)}, lhs=0, rhs=lambda x: 1 + x * (x - ex(1, 3)) ** 2)
    worst = {check(claim, seed, 50).worst for seed in range(4)}
    assert len(worst) > 1 or worst == {1.0}
    assert all(w >= 1 for w in worst)


def test_verdicts_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    file = tmp_path / "claims.py"
    file.write_text(
        "import entropy_theory as et\n"
        "d = et.domains\n"
        "a = et.Inequality(name='a', given={'x': d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 5))\n"
        "b = et.Inequality(name='b', given={'z': d.logits()}, lhs=lambda z: et.entropy(z), rhs=2)\n"
        "c = et.Identity(name='c', given={'z': d.logits()}, lhs=lambda z: et.softmax(z).sum(-1), rhs=1)\n",
        encoding="utf-8",
    )
    claims = load(str(file))
    runs = [
        campaign.run(claims, seed=3, budget=600, workers=w, isolated=isolated, source=str(file))
        for w, isolated in ((1, False), (1, True), (2, True))
    ]
    texts = [[json.dumps(v.to_json()) for v in run] for run in runs]
    assert texts[0] == texts[1] == texts[2]
    assert [v.outcome for v in runs[0]] == ["refuted", "holds", "holds"]
    alone = check(claims[1], 3, 600)
    assert json.dumps(alone.to_json()) == texts[0][1]


@pytest.mark.parametrize(("seed", "budget"), [(-1, 10), (0, 0), (True, 10), (0, 2.5), ("0", 10), (0, -3), (1.0, 10)])
def test_seed_and_budget_are_checked(seed: Any, budget: Any) -> None:
    with pytest.raises(ValueError, match=r"seed is|budget is"):
        et.verify(TRUE[0], seed=seed, budget=budget)


def test_a_budget_of_one_gives_a_verdict() -> None:
    for case in (TRUE[1], FALSE[4].claim, FALSE[-1].claim):
        verdict = check(case, 0, 1)
        assert verdict.outcome in ("holds", "refuted", "undecided")
        assert math.isfinite(verdict.share_admitted)


ROUNDED = (
    et.Identity(name="tenth", given={"x": d.reals(-5, 5)}, lhs=lambda x: 0.1 * x, rhs=lambda x: x / 10),
    et.Inequality(name="log-n", given=LOGITS, lhs=et.entropy, rhs=lambda z: np.log(z.shape[-1])),
    et.Inequality(name="cancelled", given=LOGITS, lhs=lambda z: et.entropy(z) - np.log(z.shape[-1]), rhs=0),
    et.Identity(
        name="divergence",
        given=LOGITS,
        lhs=lambda z: et.kl(z, 0 * z),
        rhs=lambda z: np.log(z.shape[-1]) - et.entropy(z),
    ),
)


@pytest.mark.parametrize("claim", ROUNDED, ids=lambda c: c.name)
def test_what_hangs_on_a_rounded_constant_is_undecided(claim: Claim) -> None:
    """With the constants' exact values these are true; with their doubles they fail in the seventeenth digit."""
    verdict = check(claim, budget=3000)
    assert verdict.outcome == "undecided"
    assert "et.exact" in verdict.message


def test_a_violation_beyond_rounding_is_refuted_despite_a_float_constant() -> None:
    claim = et.Inequality(name="log-n", given=LOGITS, lhs=et.entropy, rhs=lambda z: np.log(z.shape[-1]) - 1e-9)
    assert check(claim, budget=3000).outcome == "refuted"


MIXED = (
    et.Inequality(name="least", given=LOGITS, lhs=lambda z: et.entropy(z).min(), rhs=0.1),
    et.Inequality(name="spread", given={"x": d.reals(0, 1)}, lhs=lambda x: x.max() - x.min(), rhs=0.5),
    et.Identity(name="ranked", given={"x": d.reals(0, 1)}, lhs=lambda x: np.sort(x), rhs=lambda x: x),
)


@pytest.mark.parametrize("claim", MIXED, ids=lambda c: c.name)
def test_a_function_that_mixes_instances_is_refused(claim: Claim) -> None:
    with pytest.raises(et.ClaimError, match=rf"{claim.name}.*mixes instances"):
        check(claim, budget=500)


VACUOUS = (
    et.Inequality(
        name="unequal-exponentials",
        given={"x": d.reals(-3, 3)},
        assuming=lambda x: np.exp(x) ** 2 != np.exp(2 * x),
        lhs=lambda x: x,
        rhs=lambda x: x + 1,
    ),
    et.Inequality(
        name="more-than-one", given=LOGITS, assuming=lambda z: et.softmax(z).sum(-1) > 1, lhs=0, rhs=et.entropy
    ),
)


@pytest.mark.parametrize("claim", VACUOUS, ids=lambda c: c.name)
def test_an_assumption_that_only_floats_meet_is_vacuous(claim: Claim) -> None:
    verdict = check(claim, budget=3000)
    assert verdict.outcome == "undecided"
    assert "vacuous" in verdict.message


@pytest.mark.parametrize("budget", [100, 1000])
@pytest.mark.parametrize("assuming", [None, lambda z: et.largest(abs(z)) <= et.exact("0.01")], ids=["free", "narrow"])
def test_a_claim_that_floats_cannot_evaluate_does_not_hold(assuming: Any, budget: int) -> None:
    claim = et.Inequality(
        name="nan-in-floats",
        given=LOGITS,
        lhs=lambda z: et.varentropy(z) if z.dtype == object else np.full(len(z), np.nan),
        rhs=et.exact("0.43"),
        assuming=assuming,
    )
    assert check(claim, budget=budget).outcome in ("undecided", "refuted")


ROUNDED_ELSEWHERE = (
    et.Inequality(
        name="geometric-mean", given={"p": d.policies(3)}, lhs=lambda p: np.prod(p, -1) ** (1 / 3), rhs=et.exact(1, 3)
    ),
    et.Identity(name="cube-root", given={"x": d.reals(1, 2)}, lhs=lambda x: (x**3) ** (1 / 3), rhs=lambda x: x),
    et.Inequality(name="cancelled-constant", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (0.1 + 0.2 - 0.3), rhs=0),
    et.Inequality(name="end-of-the-domain", given={"x": d.reals(0, 0.1)}, lhs=lambda x: 10 * x, rhs=1),
)


@pytest.mark.parametrize("claim", ROUNDED_ELSEWHERE, ids=lambda c: c.name)
def test_rounding_in_exponents_cancellations_and_ends_is_not_refuted(claim: Claim) -> None:
    assert check(claim, budget=2000).outcome in ("undecided", "holds")


FALSE_FAR_BELOW = (
    et.Identity(name="one-plus", given={"x": d.reals(11, 20)}, lhs=lambda x: 1 + np.exp(-(x**2)), rhs=1),
    et.Identity(name="tanh", given={"x": d.reals(60, 500)}, lhs=lambda x: np.tanh(x), rhs=1),
    et.Inequality(name="one-point", given={"a": d.reals(0.1, 0.1)}, lhs=lambda a: a, rhs=0.01),
    et.Order(
        name="small-slope", given={"x": d.reals(2, 3)}, power=2, remainder=lambda t, x: t**2 + t * np.exp(-100 * x)
    ),
)


@pytest.mark.parametrize("claim", FALSE_FAR_BELOW, ids=lambda c: c.name)
def test_differences_far_below_a_double_are_seen(claim: Claim) -> None:
    assert check(claim, budget=2000).outcome == "refuted"


def test_a_branch_that_looks_at_the_batch_is_refused() -> None:
    claim = et.Inequality(
        name="branch", given={"x": d.reals(0, 1)}, lhs=lambda x: np.where(x > 0.7, x.min(), x), rhs=0.71
    )
    with pytest.raises(et.ClaimError, match="mixes instances"):
        check(claim, budget=2000)


def test_infinite_bounds_in_a_formula() -> None:
    claim = et.Inequality(
        name="clipped", given=LOGITS, lhs=lambda z: np.clip(z, 0, np.inf).max(-1), rhs=lambda z: np.abs(z).max(-1)
    )
    assert check(claim, budget=2000).outcome == "holds"


def test_an_order_that_hangs_on_a_rounded_constant_is_undecided() -> None:
    """0.1 t x - t x / 10 is zero but for the rounding of 0.1, which leaves a term of order one."""
    claim = et.Order(
        name="rounded-order",
        given={"x": d.reals(1, 2)},
        power=2,
        remainder=lambda t, x: 0.1 * t * x - t * x / 10 + t**2,
    )
    verdict = check(claim, budget=1000)
    assert verdict.outcome == "undecided"
    assert "et.exact" in verdict.message


def test_an_order_with_a_float_constant_that_does_not_matter_is_refuted() -> None:
    claim = et.Order(name="plain-order", given={"x": d.reals(1, 2)}, power=2, remainder=lambda t, x: 0.3 * t * x)
    assert check(claim, budget=1000).outcome == "refuted"


@pytest.mark.parametrize("n", [3, 7])
def test_a_strict_claim_that_fails_at_a_simple_point_is_refuted(n: int) -> None:
    claim = et.Inequality(
        name="square", given={"x": et.domains.reals(-1, 1)}, lhs=lambda x: -((n * x - 1) ** 2), rhs=0, strict=True
    )
    verdict = et.verify(claim, budget=2000)
    assert isinstance(verdict, et.Verdict)
    assert verdict.counterexample == {"x": f"1/{n}"}


def test_a_strict_claim_with_equality_that_balls_cannot_decide_does_not_hold() -> None:
    """H < log n fails at the uniform policy, where the two sides are the same irrational number."""
    claim = et.Inequality(
        name="entropy-below-log",
        given={"z": et.domains.logits(actions=(2, 3))},
        lhs=lambda z: et.entropy(z),
        rhs=lambda z: np.log(et.exact(z.shape[-1])) + 0 * z[..., 0],
        strict=True,
    )
    verdict = et.verify(claim, budget=2000)
    assert isinstance(verdict, et.Verdict)
    assert verdict.outcome == "undecided"


def test_whole_numbers_beyond_64_bits_are_numbers() -> None:
    claim = et.Inequality(name="big", given={"x": et.domains.reals(0, 1)}, lhs=lambda x: x, rhs=10**30)
    verdict = et.verify(claim, budget=200)
    assert isinstance(verdict, et.Verdict)
    assert verdict.outcome in ("holds", "proved")


def test_an_order_needs_its_step() -> None:
    given = {"x": et.domains.reals(0, 1)}
    with pytest.raises(ValueError, match="expected the step 't'"):
        et.Order(name="o", given=given, remainder=lambda x: x, power=1)
    with pytest.raises(ValueError, match="given has 't'"):
        et.Order(name="o", given={"t": given["x"]}, remainder=lambda t: t, power=1)


# Making counterexamples small ------------------------------------------------------------------------------------

BROKEN = Finding(Status.VIOLATED, -1.0, relative=-1.0)
HOLDS = Finding(Status.SATISFIED, 1.0, relative=1.0)


def fractions(value: Any) -> Array:
    return np.asarray(np.vectorize(Fraction, otypes=[object])(np.array(value, dtype=object)))


def false_on(given: Mapping[str, Any], rhs: Any = -1) -> et.Inequality:
    """A claim that floats find false, everywhere unless `rhs` says otherwise."""
    return et.Inequality(name="shrunk", given=given, lhs=0, rhs=rhs)


class Asked:
    """In place of an examiner: finds violated what `broken` accepts, and notes what it is asked, as nested lists."""

    def __init__(self, broken: Callable[..., bool]) -> None:
        self.broken, self.instances = broken, []  # type: ignore[var-annotated]

    def __call__(self, instance: Mapping[str, Array], thorough: bool = False) -> Finding:
        plain = {name: value.tolist() for name, value in instance.items()}
        self.instances.append(plain)
        return BROKEN if self.broken(**plain) else HOLDS

    def of(self, name: str) -> list[Any]:
        """What one variable was in all that was asked."""
        return [instance[name] for instance in self.instances]


def never(**_: Any) -> bool:
    return False


def shrunk(
    claim: Claim, instance: Mapping[str, Any], broken: Callable[..., bool], relative: float = -1.0
) -> tuple[dict[str, Any], Asked]:
    """What an instance becomes, and what was asked on the way. What is tried is made anew, whatever ran before."""
    _simple.cache_clear()
    _simple_rows.cache_clear()
    asked = Asked(broken)
    start = {name: fractions(value) for name, value in instance.items()}
    small, _ = shrink(claim, start, Finding(Status.VIOLATED, -1.0, relative=relative), asked)  # type: ignore[arg-type]
    return {name: value.tolist() for name, value in small.items()}, asked


def between(bound: int) -> Fraction:
    """A number whose best approximations have, of the denominators near an even `bound`, those of one less, one more
    and three more: 1 / (2 + 1 / (bound/2 + 1 / (1 + 1/K)))."""
    x = Fraction(1)
    for term in (10**9, 1, bound // 2, 2):
        x = term + 1 / x
    return 1 / x


def test_the_cost_of_writing_a_number_and_an_instance() -> None:
    for text, price in {"0": 0, "1": 2, "-1": 3, "1/2": 4, "2": 4, "9/10": 36, "-3/2": 9}.items():
        assert cost(Fraction(text)) == price
    claim = false_on({"m": d.mdps(states=2, actions=3, tables=False)})
    thirds, certain = ["1/3", "1/3", "1/3"], ["0", "1", "0"]
    instance = {
        "m.transition": fractions([[thirds, certain, certain], [certain, certain, ["0", "1/4", "3/4"]]]),
        "m.reward": fractions([["1", "0", "-1"], ["1/2", "0", "0"]]),
        "m.discount": fractions("9/10"),
        "m.initial": fractions(["1/2", "1/2"]),
    }
    assert complexity(claim, instance) == (18 + 6 + 1 + 2, (6 + 8) + (2 + 3 + 4) + 36 + 4)


def test_an_instance_is_rounded_to_multiples() -> None:
    claim = false_on({"m": d.mdps(states=2, actions=1, tables=False), "p": d.policies(actions=2)})
    instance = {
        "m.transition": fractions([[["1/10", "3/10", "6/10"]], [["2/3", "1/3", "0"]]]),
        "m.reward": fractions([["0.37"], ["-0.9"]]),
        "m.discount": fractions("0.6"),
        "m.initial": fractions(["0.1", "0.9"]),
        "p": fractions(["0.01", "0.99"]),
    }
    near = rounded(claim, instance, 4)
    assert near is not None
    assert {name: (value.shape, [str(x) for x in value.flat]) for name, value in near.items()} == {
        "m.transition": ((2, 1, 3), ["0", "1/3", "2/3", "3/4", "1/4", "0"]),
        "m.reward": ((2, 1), ["1/4", "-1"]),
        "m.discount": ((), ["1/2"]),
        "m.initial": ((2,), ["0", "1"]),
        "p": ((2,), ["1/5", "4/5"]),
    }
    assert rounded(claim, instance | {"m.initial": fractions(["1/2", "1/2"])}, 1) is None


def test_states_and_actions_go_first() -> None:
    """All that can go before any number is touched, in their order, down to the least that the claim ranges over."""
    start = ["3", "1/7", "5", "2/7", "9"]
    claim = false_on({"z": d.logits(actions=(2, 5))})
    small, asked = shrunk(claim, {"z": start}, lambda z: Fraction(3) in z and Fraction(9) in z)
    assert small == {"z": [3, 9]}
    sizes = [len(z) for z in asked.of("z")]
    assert sizes == sorted(sizes, reverse=True)
    untouched = [z for z in asked.of("z") if set(z) <= {Fraction(x) for x in start}]
    assert [len(z) for z in untouched][:6] == [4, 4, 3, 3, 2, 2]
    assert min(sizes) == 2
    assert shrunk(claim, {"z": start}, lambda z: True)[0] == {"z": [0, 0]}


def test_a_state_that_everything_leads_to_stays() -> None:
    claim = false_on({"m": d.mdps(states=(1, 2), actions=1, tables=False)})
    instance = {
        "m.transition": [[["0", "1", "0"]], [["1", "0", "0"]]],
        "m.reward": [["0"], ["0"]],
        "m.discount": "1/2",
        "m.initial": ["1", "0"],
    }
    small, asked = shrunk(claim, instance, lambda **_: True)
    assert small == {"m.transition": [[[0, 1, 0]], [[1, 0, 0]]], "m.reward": [[0], [0]], "m.discount": 0,
                     "m.initial": [1, 0]}  # fmt: skip
    assert all(len(rows) == 2 for rows in asked.of("m.transition"))


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 50, 100, 1000, 10**6])
def test_numbers_are_rounded_together(k: int) -> None:
    """Three numbers 0.4 / k above multiples of 1/k, where the claim fails: not one goes there without the others."""
    aim = [Fraction(1 + i * k + i, k) for i in range(3)]
    start = [q + Fraction(4, 10 * k) for q in aim]
    claim = false_on({"z": d.logits(actions=3)})
    assert shrunk(claim, {"z": start}, lambda z: z == aim)[0] == {"z": aim}


def test_the_simplest_numbers_are_tried_first() -> None:
    """Those that read easily, the cheapest first, each once; not 1/7, nor what is long for no reason."""
    x = between(10**8)
    small, asked = shrunk(false_on({"x": d.reals(-(10**9), 10**9)}), {"x": x}, never)
    assert small == {"x": x}
    rounded_to = {Fraction(round(x * k), k) for k in (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 50, 100, 1000, 10**6)}
    alone = [q for q in asked.of("x") if q not in rounded_to]
    assert len(set(alone)) == len(alone)
    assert [cost(q) for q in alone] == sorted(cost(q) for q in alone)
    easy = [*range(2, 11), *(Fraction(n, k) for n in (7, 19) for k in (2, 3, 4, 5, 6, 8, 10)), Fraction(20, 3)]
    powers = [Fraction(10) ** k for k in (2, 3, 4, 5, 6, -2, -3, -4, -5, -6)]
    nines = [1 - Fraction(1, 10**k) for k in range(1, 7)]
    assert {s * q for q in (*easy, *powers) for s in (-1, 1)} | set(nines) <= set(asked.of("x"))
    strange: list[Any] = ["1/7", "21/4", "21/8", "21/10", "1/50", "1/121", "49/50", "101/100"]
    strange += [11, 121, 200, 10**7, Fraction(1, 10**7), 1 - Fraction(1, 10**7)]
    assert not {s * Fraction(q) for q in strange for s in (-1, 1)} & set(asked.of("x"))


@pytest.mark.parametrize("bound", [10, 100, 1000, 10**6])
def test_the_best_approximations_of_a_number_are_tried(bound: int) -> None:
    asked = shrunk(false_on({"x": d.reals(-(10**9), 10**9)}), {"x": between(bound)}, never)[1]
    denominators = {q.denominator for q in asked.of("x")}
    assert bound - 1 in denominators
    assert bound + 1 not in denominators
    assert (bound + 3 in denominators) == (bound < 10**6)


@pytest.mark.parametrize("bound", [30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 2000, 5000, 10**4, 10**5])
def test_the_best_approximations_of_two_probabilities_are_tried(bound: int) -> None:
    x = between(bound)
    asked = shrunk(false_on({"p": d.policies(actions=2)}), {"p": [x, 1 - x]}, never)[1]
    tried = {p[0] for p in asked.of("p") if p[0].denominator in (bound - 1, bound + 1, bound + 3)}
    best = [x.limit_denominator(k) for k in (bound - 1, bound + 3)]
    assert [q.denominator for q in best] == [bound - 1, bound + 3]
    assert tried == set(best[: 1 + (bound < 10**5)])


def test_all_numbers_are_set_to_one_of_the_twelve_simplest() -> None:
    x = between(10**8)
    asked = shrunk(false_on({"z": d.logits(actions=2)}), {"z": [x, 5 + x]}, never)[1]
    first = takewhile(lambda z: z[1] != 5 + x, asked.of("z"))
    same = [str(z[0]) for z in first if z[0] == z[1]]
    assert same == ["0", "1", "-1", "1/2", "2", "-2", "-1/2", "1/3", "3", "-3", "-1/3", "1/4"]


PAIRS = {"a": d.reals(-(10**5), 10**5), "b": d.reals(-(10**5), 10**5)}


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (("-32", "16"), ("-1", "1/2")),
        (("-30", "15"), ("-30", "15")),
        (("-15", "30"), ("-1", "2")),
        (("-5000/11", "21000/11"), ("-5/3", "7")),
        (("-3000/11", "35000/11"), ("-3000/11", "35000/11")),
    ],
)
def test_two_costly_numbers_are_replaced_together(start: tuple[str, str], end: tuple[str, str]) -> None:
    """Where only their ratio counts: beyond a cost of 30, 15 costs as much, by the forty simplest, -5/3 is the last."""
    p, q = map(Fraction, start)
    claim = false_on(PAIRS, lambda a, b: abs(a * ex(q) - b * ex(p)) - ex(1, 1000))
    small, _ = shrunk(claim, {"a": p, "b": q}, lambda a, b: a * q == b * p and a < 0)
    assert small == dict(zip("ab", map(Fraction, end), strict=True))


@pytest.mark.parametrize("second", [1, 2, 3, 4])
def test_the_first_four_costly_numbers_are_paired(second: int) -> None:
    """Five numbers, where the claim fails if one is the first and the others are what they are."""
    start = [Fraction(10007 + i, 13) for i in range(5)]
    start[second] = start[0]
    others = [i for i in range(1, 5) if i != second]

    def broken(z: list[Fraction]) -> bool:
        return z[0] == z[second] > 0 and all(z[i] == start[i] for i in others)

    def gap(z: Array) -> Any:
        return abs(z[:, 0] - z[:, second]) + sum(abs(z[:, i] - ex(start[i])) for i in others) - ex(1, 1000)

    small, _ = shrunk(false_on({"z": d.logits(actions=5)}, gap), {"z": start}, broken)
    assert small == {"z": [1 if i in (0, second) and second < 4 else x for i, x in enumerate(start)]}


def sums(total: int, parts: int, least: int) -> Iterator[tuple[int, ...]]:
    """All ways to write a number as so many summands of at least `least`, in order."""
    if parts == 1:
        yield from [(total,)] if total >= least else []
        return
    for first in range(least, total + 1):
        yield from ((first, *rest) for rest in sums(total - first, parts - 1, least))


@pytest.mark.parametrize(("length", "largest"), [(1, 1), (2, 20), (3, 16), (4, 10), (5, 7), (8, 10), (9, 0)])
def test_simple_probabilities_are_tried(length: int, largest: int) -> None:
    """All with a common denominator up to a bound, positive ones only inside of the simplex, the simplest first."""
    _simple_rows.cache_clear()
    for interior in (True, False)[: 1 + (length != 8)]:
        found = _simple_rows(length, interior)
        expected = {
            tuple(Fraction(x, k) for x in row) for k in range(1, largest + 1) for row in sums(k, length, int(interior))
        }
        assert len(found) == len(expected)
        assert set(found) == expected
        common = [math.lcm(*(x.denominator for x in row)) for row in found]
        assert common == sorted(common)


@pytest.mark.parametrize("p", [Fraction(1, 10**7 + 1), 1 - Fraction(1, 10**7 + 1), between(10**8)])
def test_probabilities_stay_probabilities_and_the_simplest_are_tried_first(p: Fraction) -> None:
    """After the sixteen denominators to which all is rounded together."""
    asked = shrunk(false_on({"p": d.policies(actions=2)}), {"p": [p, 1 - p]}, never)[1]
    assert all(sum(row) == 1 and min(row) > 0 for row in asked.of("p"))
    common = [math.lcm(*(x.denominator for x in row)) for row in asked.of("p")[16:]]
    assert len(common) > 100
    assert common == sorted(common)


def test_one_weight_is_made_smaller() -> None:
    """To one, a half, three quarters and fifteen sixteenths, and where that is allowed to nothing."""
    weights = [100, 1, 302]
    start = [Fraction(w, 403) for w in weights]
    smaller = {0: (1, 50, 75, 93), 1: (), 2: (1, 151, 227, 283)}

    def gap(p: Array) -> Any:
        """Two are in proportion as before."""
        (a, b, c), (x, y, z) = p.T, weights
        return abs((a * y - b * x) * (b * z - c * y) * (c * x - a * z)) - ex(1, 10**9)

    for claim, name, zero in (
        (false_on({"p": d.policies(actions=3)}, gap), "p", False),
        (false_on({"m": d.mdps(states=3, actions=1, tables=False)}, lambda m: gap(m.initial)), "m.initial", True),
    ):
        instance: dict[str, Any] = {name: start}
        if zero:
            certain = ["0", "0", "0", "1"]
            instance = {"m.transition": [[certain]] * 3, "m.reward": [["0"]] * 3, "m.discount": "1/2", **instance}
        asked = shrunk(claim, instance, never)[1]
        for i, w in enumerate(weights):
            for v in range(w):
                changed = [*weights[:i], v, *weights[i + 1 :]]
                row = [Fraction(x, sum(changed)) for x in changed]
                expected = v in smaller[i] or (v == 0 and zero)
                assert (row in asked.of(name)) == expected, (name, row)


def test_no_more_than_six_hundred_decisions_are_spent() -> None:
    """An order, dear to measure, gets a hundred."""
    start = {"z": [between(10**8) + i for i in range(5)]}
    for claim, most in (
        (false_on({"z": d.logits(actions=5)}), 600),
        (et.Order(name="o", given={"z": d.logits(actions=5)}, remainder=lambda t, z: t * z[:, 0], power=2), 100),
    ):
        assert len(shrunk(claim, start, never)[1].instances) == most


X = {"x": d.reals(-1000, 1000)}


def tried(claim: Claim, relative: float = -1.0) -> set[str]:
    """Which of some simple numbers are handed to the balls."""
    asked = shrunk(claim, {"x": Fraction(-1001, 7)}, never, relative)[1]
    return {str(x) for x in asked.of("x")} & {"0", "1/2", "1", "3"}


def test_floats_sort_out_what_they_see_to_hold() -> None:
    """Unless the violation is too small for them, below 1e-13 of both sides, or they have no number."""
    half = false_on(X, lambda x: x - ex(1, 2))
    assert tried(half) == {"0", "1/2"}
    assert tried(half, -1e-13) == {"0", "1/2"}
    assert tried(half, -0.99e-13) == {"0", "1/2", "1", "3"}
    same = et.Identity(name="i", given=X, lhs=lambda x: x * x, rhs=lambda x: x)
    assert tried(same) == {"1/2", "3"}
    assert tried(false_on(X, lambda x: np.exp(1000 * x) - np.exp(500 * x))) == {"0", "1", "3"}
    assert tried(false_on({"x": d.reals(0.7, 1.5)}, 1)) == {"0", "1/2", "3"}


def test_a_counterexample_is_made_small_without_an_examiner() -> None:
    claim = et.Inequality(name="e", given=X, lhs=lambda x: np.exp(x), rhs=7)
    small, finding = shrink(claim, {"x": fractions("355/113")}, BROKEN)
    assert small["x"].item() == 2
    assert finding.status is Status.VIOLATED
    assert finding.value == pytest.approx(7 - math.exp(2), rel=1e-15)


def test_a_row_is_made_certain() -> None:
    """One row of probabilities after the other; a certain one stays."""
    claim = false_on({"m": d.mdps(states=2, actions=1, tables=False)})
    first, second = ["2/7", "4/7", "1/7"], ["0", "1", "0"]
    instance = {"m.transition": [[first], [second]], "m.reward": [["0"], ["0"]], "m.discount": "1/2"}
    small, asked = shrunk(claim, instance | {"m.initial": ["1", "0"]}, lambda **parts: parts["m.discount"] > 0)
    assert small["m.transition"] == [[[0, 0, 1]], [[0, 1, 0]]]
    assert small["m.discount"] == 1
    assert all(sum(row) == 1 for rows in asked.of("m.transition") for row in rows[0] + rows[1])


def test_only_what_is_simpler_is_decided() -> None:
    """3/2 is a half rounded to two. Of 2/5 and 1/21 multiples of 1/12 cost more, 3/8 and 1/16 do not."""
    for start in ([Fraction(3, 2)], [Fraction(2, 5), Fraction(1, 21)]):
        claim = false_on({"z": d.logits(actions=len(start))})
        asked = shrunk(claim, {"z": start}, never)[1].of("z")
        assert max(sum(map(cost, z)) for z in asked) < sum(map(cost, start))
    assert [Fraction(3, 8), Fraction(1, 16)] in asked


def test_where_the_claim_fails_to_be_evaluated_the_next_is_tried() -> None:
    def broken(x: Fraction) -> bool:
        if x >= 0:
            raise (et.ClaimError if x == 0 else ValueError)("no number")
        return True

    assert shrunk(false_on(X), {"x": Fraction(-355, 113)}, broken)[0] == {"x": -1}


def test_one_number_is_rounded_while_another_stays() -> None:
    """281/1000 to 7/25, which is no best approximation: 25/89 is nearer, and 9/32."""
    start = [Fraction(281, 1000), Fraction(355, 113)]
    small, _ = shrunk(false_on({"z": d.logits(actions=2)}), {"z": start}, lambda z: z == [Fraction(7, 25), start[1]])
    assert small == {"z": [Fraction(7, 25), start[1]]}


def test_as_many_decisions_are_spent_as_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 355/113 to 13/4, to 4, and once more over what is simpler."""

    def spent(most: int) -> int:
        monkeypatch.setattr("entropy_theory.checking.shrink.ATTEMPTS", most)
        small, asked = shrunk(false_on(X), {"x": Fraction(355, 113)}, lambda x: x > 3)
        assert small == {"x": 4} or most < 20
        return len(asked.instances)

    needed = spent(600)
    assert 20 < needed < 60
    assert [spent(most) for most in range(60)] == [min(most, needed) for most in range(60)]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: np.cbrt(x), " - balls know no np.cbrt: write it with powers, exp, expm1, log, "),
        (lambda x: np.arcsin(x), " - balls know no np.arcsin: write it with powers, exp, expm1, log, "),
        (lambda x: np.exp(np.where(x > 2, x, 0)), " - a plain number among balls, as from np.where(c, x, 0.0)"),
        (
            lambda x: et.directional_derivative(lambda z: np.arctan(z), x, 1 + 0 * x),
            " - derivatives know no np.arctan: write it with powers, exp, ",
        ),
    ],
)
def test_a_function_that_balls_do_not_know_is_named(function: Callable[..., Any], said: str) -> None:
    claim = et.Inequality(name="unknown", given={"x": et.domains.reals(0, 1)}, lhs=function, rhs=9)
    with pytest.raises(et.ClaimError, match=re.escape(said)):
        et.verify(claim, budget=50)

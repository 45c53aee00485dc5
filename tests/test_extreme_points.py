"""True claims where floating point is worst: none is refuted, and the package's own floats stay within a derived bound.

Each claim has a proof in a line. It is decided in balls at points that doubles cannot even hold, and searched by
`verify` on domains that are concentrated at such points. The floats are compared with mpmath at 60 digits.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

import entropy_theory as et
from entropy_theory.balls import Ball
from entropy_theory.checking.certify import Status, examine
from entropy_theory.checking.verify import check
from entropy_theory.softmax import expectation, kl_along

d = et.domains
# True claims ------------------------------------------------------------------------------------------------------


def mean(z: Any, x: Any) -> Any:
    return (et.softmax(z) * x).sum(-1)


def spread(v: Any) -> Any:
    return et.largest(v) - et.smallest(v)


def log_count(z: Any) -> Any:
    return np.log(et.exact(z.shape[-1]))


def gradient(z: Any, v: Any) -> Any:
    return et.softmax(z) * (v - mean(z, v)[..., None])


IDENTITIES: dict[str, tuple[Any, Any]] = {
    # sum_a p_a = 1
    "normalised": (lambda z: et.softmax(z).sum(-1), 1),
    # H = -E log p
    "entropy is the mean surprise": (lambda z: -mean(z, et.log_softmax(z)), et.entropy),
    # The entropy does not change when all logits are shifted.
    "gradient of the entropy sums to zero": (lambda z: et.entropy_gradient(z).sum(-1), 0),
    # E (log p + H) = 0
    "surprise is centred": (lambda z: mean(z, et.log_softmax(z) + et.entropy(z)[..., None]), 0),
    # Cov(x, y) = E x y - E x E y, whatever cancels
    "covariance": (lambda z, v: et.covariance(z, z, v), lambda z, v: mean(z, z * v) - mean(z, z) * mean(z, v)),
    # sum_a p_a (r_a - E r) = 0
    "policy gradient sums to zero": (lambda z, v: gradient(z, v).sum(-1), 0),
    # <dJ, 1[a]> = Cov(1[a], r)
    "policy gradient is a covariance": (lambda z, v: et.policy_gradient(et.Bandit(v), z), gradient),
    # <dH, v> = -Cov(log p, v), Eq. (8)
    "first-order change": (lambda z, v: (et.entropy_gradient(z) * v).sum(-1), lambda z, v: -et.covariance(z, z, v)),
    # The Fisher norm of a shift is that of the direction.
    "shift of a direction": (lambda z, v: et.covariance(z, v + 1, v + 1), lambda z, v: et.covariance(z, v, v)),
    # log p' - log p = eta (v - E v) - KL
    "exact entropy change": (
        lambda z, v, eta: et.entropy_change(z, eta[..., None] * v),
        lambda z, v, eta: et.entropy(z + eta[..., None] * v) - et.entropy(z),
    ),
}

INEQUALITIES: dict[str, tuple[Any, Any]] = {
    # -p log p >= 0
    "entropy is not negative": (0, et.entropy),
    # Jensen, for the logarithm
    "entropy is at most the logarithm": (et.entropy, log_count),
    # Gibbs
    "divergence is not negative": (0, lambda z, v: et.kl(z, v)),
    # Pinsker: |p - q|_1^2 <= 2 KL
    "pinsker": (lambda z, v: np.abs(et.softmax(z) - et.softmax(v)).sum(-1) ** 2, lambda z, v: 2 * et.kl(z, v)),
    # Popoviciu: 4 Var(v) <= (max v - min v)^2
    "popoviciu": (lambda z, v: 4 * et.covariance(z, v, v), lambda z, v: spread(v) ** 2),
    # max z <= log sum exp z <= max z + log A
    "log-sum-exp from below": (lambda z: et.log_softmax(z), 0),
    "log-sum-exp from above": (lambda z: -et.largest(et.log_softmax(z)), log_count),
    # Jensen: E v <= log E exp v
    "jensen": (0, lambda z, v: kl_along(z, v, np.full(len(z), 1))),
    # v' (diag p - p p') v = Var v >= 0, in the form that cancels
    "jacobian is semidefinite": (0, lambda z, v: mean(z, v**2) - mean(z, v) ** 2),
    # The entropy bonus is at most half of what is printed (Theorem V.1 corrected): |dH|^2 <= Var(log p) / 2
    "half the varentropy": (lambda z: 2 * (et.entropy_gradient(z) ** 2).sum(-1), et.varentropy),
    # Hoeffding's lemma: KL <= eta^2 osc(v)^2 / 8
    "hoeffding": (lambda z, v, eta: kl_along(z, v, eta), lambda z, v, eta: eta**2 * spread(v) ** 2 / 8),
    # Cauchy-Schwarz
    "cauchy-schwarz": (
        lambda z, v: et.covariance(z, z, v) ** 2,
        lambda z, v: et.varentropy(z) * et.covariance(z, v, v),
    ),
    # E v <= max v
    "mean is at most the largest": (lambda z, v: expectation(z, v), lambda z, v: et.largest(v)),
}

CLAIMS = {name: (et.Identity, sides) for name, sides in IDENTITIES.items()} | {
    name: (et.Inequality, sides) for name, sides in INEQUALITIES.items()
}


def slug(name: str) -> str:
    return name.replace(" ", "-")


# In balls, at points that doubles cannot hold -----------------------------------------------------------------------

LOGITS: dict[str, list[Any]] = {
    "exponentials overflow": [700, 710, -700],
    "differences overflow": [10**308, -(10**308), 0],
    "equal at the edge": [10**308] * 3,
    "one unit apart at the edge": [10**308, 10**308 - 2**971, 0],
    "1 - p = 1e-300": [0, Fraction(-6908, 10), -691],
    "underflow": [0, -745, -(10**4)],
    "subnormal": [0, -740, -744],
    "tie": [Fraction(1, 3)] * 3,
    "cancelling": [10**16, 10**16 + Fraction(1, 3), 10**16 - 1],
    "nearly uniform": [0, Fraction(1, 2**60), Fraction(-1, 2**61)],
}
VALUES: dict[str, list[Any]] = {
    "ordinary": [1, -2, Fraction(1, 2)],
    "1e16 and a small part": [10**16, 10**16 + Fraction(1, 2**20), 10**16 - Fraction(1, 7)],
    "1e-300": [Fraction(1, 10**300), Fraction(-2, 10**300), 0],
    "1e300": [10**300, -2 * 10**300, 0],
    "constant": [Fraction(1, 7)] * 3,
}
STEPS = [Fraction(1, 10**12), Fraction(10**12)]


DOMAIN = {"z": d.logits(actions=3), "v": d.rewards(like="z"), "eta": d.positive()}


def used(name: str) -> list[str]:
    """The variables of a claim."""
    sides = [side for side in CLAIMS[name][1] if callable(side)]
    taken = {p for side in sides for p in inspect.signature(side).parameters}
    return [variable for variable in DOMAIN if variable in taken]


def points(name: str) -> list[dict[str, Any]]:
    """The instances of a claim: each logits with each value, the steps in turn."""
    names = used(name)
    out = []
    for z in LOGITS.values():
        for i, v in enumerate(VALUES.values() if "v" in names else [[0]]):
            instance = {"z": z, "v": v, "eta": STEPS[i % 2]}
            out.append({key: fractions(instance[key]) for key in names})
    return out


def fractions(numbers: Any) -> Any:
    return np.array(np.frompyfunc(Fraction, 1, 1)(np.array(numbers, dtype=object)), dtype=object)


def claim_of(name: str, domain: dict[str, Any]) -> Any:
    kind, (lhs, rhs) = CLAIMS[name]
    return kind(name=name.replace(" ", "-"), given={key: domain[key] for key in used(name)}, lhs=lhs, rhs=rhs)


@pytest.mark.parametrize("name", CLAIMS)
def test_no_true_claim_is_violated_at_an_extreme_point(name: str) -> None:
    """Where nothing is decided, both sides vanish below every precision that is tried: at most one point in five."""
    claim = claim_of(name, DOMAIN)
    found = [examine(claim, instance).status for instance in points(name)]
    assert set(found) <= {Status.SATISFIED, Status.BALANCED, Status.UNDECIDED}
    assert 5 * found.count(Status.UNDECIDED) <= len(found)


@pytest.mark.parametrize("name", ["half the varentropy", "pinsker", "jacobian is semidefinite", "popoviciu"])
def test_no_true_claim_is_violated_with_thousands_of_actions(name: str) -> None:
    actions = 4096
    domain = {"z": d.logits(actions=actions), "v": d.rewards(like="z")}
    rng = np.random.default_rng(4096)
    instance = {"z": fractions(rng.normal(0, 20, actions)), "v": fractions(1e16 + rng.integers(-3, 4, actions))}
    finding = examine(claim_of(name, domain), {key: instance[key] for key in used(name)})
    assert finding.status is Status.SATISFIED


def test_no_true_claim_is_violated_with_a_vocabulary() -> None:
    z = np.random.default_rng(151936).normal(0, 5, 151_936)
    finding = examine(claim_of("half the varentropy", {"z": d.logits(actions=151_936)}), {"z": fractions(z)})
    assert finding.status is Status.SATISFIED


# Searched by `verify`, on domains that are concentrated there ---------------------------------------------------------

PLACES: list[Callable[[Any], Any]] = [
    lambda z: z,
    lambda z: z * 2.0**980,
    lambda z: z * 700,
    lambda z: z - np.array([0, 690, 745])[: z.shape[-1]],
    lambda z: z * 0,
    lambda z: z * 2.0**-60 + 700,
    lambda z: z + 1e16,
]
"""As they are; near the largest that floats may be; where exponentials underflow; 1 - p near 1e-300; tied; nearly tied;
rounded away by a common part."""


def put(place: Any, z: Any) -> Any:
    """The logits of each instance at its place."""
    out = z
    for i, move in enumerate(PLACES[1:], start=1):
        out = np.where((place == i)[..., None], move(z), out)
    return out


@pytest.mark.parametrize("name", CLAIMS)
def test_no_true_claim_is_refuted_on_a_domain_of_extreme_points(name: str) -> None:
    kind, sides = CLAIMS[name]
    names = used(name)

    def moved(side: Any) -> Any:
        if not callable(side):
            return side
        taken = list(inspect.signature(side).parameters)
        return lambda place, **given: side(
            **{k: put(place, x) if k == "z" else x for k, x in given.items() if k in taken}
        )

    given = {"place": d.integers(0, len(PLACES) - 1), "z": d.logits(actions=(2, 3))}
    given |= {key: DOMAIN[key] for key in names if key != "z"}
    claim = kind(name=name.replace(" ", "-"), given=given, lhs=moved(sides[0]), rhs=moved(sides[1]))
    verdict = check(claim, budget=300)
    assert verdict.outcome in ("holds", "undecided")
    assert verdict.admitted >= 300


# Processes ------------------------------------------------------------------------------------------------------------

LONG = 1 - 1e-12
REWARD_SIZES = [1e-300, 1e300]


def process(size: float, balls: bool = False) -> et.MDP:
    """Two states: the first action stays, the second changes the state; the reward is that of the first state."""
    stay, change = np.eye(2), np.eye(2)[::-1]
    transition, reward = np.stack([stay, change], axis=1), np.array([[1.0, 1.0], [0.0, 0.0]])
    # A horizon that is calculated from a float would be rounded.
    discount, unit = (Ball(LONG), Ball(size)) if balls else (LONG, size)
    return et.MDP(transition, reward * unit, discount, np.array([1.0, 0.0]))


PROCESS_CLAIMS: dict[str, tuple[Any, Any, Any]] = {
    # sum_s d(s) = 1
    "visitation": (et.Identity, lambda m, z: m.values(z).visitation.sum(-1), 1),
    # sum_a dJ / dz_{s,a} = 0
    "gradient": (et.Identity, lambda m, z: et.policy_gradient(m, z).sum(-1) / m.reward[0, 0], 0),
    # V <= max r / (1 - discount)
    "values": (et.Inequality, lambda m, z: m.values(z).v * (1 - m.discount), lambda m, z: m.reward[0, 0]),
    # 0 <= H <= log A, averaged
    "entropy": (et.Inequality, lambda m, z: et.mean_entropy(m, z), np.log(et.exact(2))),
}


@pytest.mark.parametrize("size", REWARD_SIZES)
@pytest.mark.parametrize("name", PROCESS_CLAIMS)
def test_no_true_claim_on_a_long_process_is_refuted(name: str, size: float) -> None:
    kind, lhs, rhs = PROCESS_CLAIMS[name]

    def side(function: Any) -> Any:
        return (lambda z: function(process(size, z.dtype == object), z)) if callable(function) else function

    given = {"z": d.logits(actions=2, states=2)}
    claim = kind(name=f"long-{name}", given=given, lhs=side(lhs), rhs=side(rhs))
    verdict = check(claim, budget=100)
    assert verdict.outcome in ("holds", "undecided")
    assert verdict.admitted >= 100
    for z in ([[0, 0], [0, 0]], [[700, 0], [0, 710]], [[0, -(10**4)], [-(10**4), 0]]):
        assert examine(claim, {"z": fractions(z)}).status in (Status.SATISFIED, Status.BALANCED)


# The package's own floats ---------------------------------------------------------------------------------------

DIGITS = 60
U = 2.0**-53
SMALLEST = 2.0**-1074


class Exactly:
    """A policy at the given doubles, and a direction, in mpmath: every number relative to the mode's."""

    def __init__(self, z: Any, v: Any) -> None:
        mode = int(np.argmax(z))
        self.d = [mpmath.mpf(x) - mpmath.mpf(float(z[mode])) for x in z.tolist()]
        self.v = [mpmath.mpf(x) - mpmath.mpf(float(v[mode])) for x in v.tolist()]
        odds = [mpmath.exp(x) for x in self.d]
        others = mpmath.fsum(x for a, x in enumerate(odds) if a != mode)
        self.p = [x / (1 + others) for x in odds]
        self.log_p = [x - mpmath.log1p(others) for x in self.d]

    def mean(self, x: Any) -> Any:
        return mpmath.fsum(p * y for p, y in zip(self.p, x, strict=True))

    def centred(self, x: Any) -> Any:
        mean = self.mean(x)
        return [y - mean for y in x]


def exact_and_size(name: str, e: Exactly) -> tuple[list[Any], list[Any]]:
    """The values of a function, and the sizes of what it is the sum of.

    For a centred value c_a = x_a - E x, both counted from the mode's, the size is s_a = |x_a| + E|x|; for a covariance
    E s t, for the entropy gradient p s, and for what has one sign the value itself.
    """
    cd, cv = e.centred(e.d), e.centred(e.v)
    mean_d, mean_v = e.mean([abs(x) for x in e.d]), e.mean([abs(x) for x in e.v])
    sd, sv = [abs(x) + mean_d for x in e.d], [abs(x) + mean_v for x in e.v]

    def times(x: Any, y: Any) -> list[Any]:
        return [a * b for a, b in zip(x, y, strict=True)]

    value: Any
    size: Any
    match name:
        case "softmax":
            value, size = e.p, e.p
        case "log_softmax":
            value, size = e.log_p, [abs(x) for x in e.log_p]
        case "entropy":
            value = size = [-e.mean(e.log_p)]
        case "entropy_gradient":
            value, size = [-x for x in times(e.p, cd)], times(e.p, sd)
        case "varentropy":
            value, size = [e.mean(times(cd, cd))], [e.mean(times(sd, sd))]
        case "covariance":
            value, size = [e.mean(times(cd, cv))], [e.mean(times(sd, sv))]
        case "variance":
            value, size = [e.mean(times(cv, cv))], [e.mean(times(sv, sv))]
        case "advantage":
            value, size = cv, sv
        case "policy_gradient":
            value, size = times(e.p, cv), times(e.p, sv)
    return value, size


FLOATS: dict[str, Callable[[Any, Any], Any]] = {
    "softmax": lambda z, v: et.softmax(z),
    "log_softmax": lambda z, v: et.log_softmax(z),
    "entropy": lambda z, v: et.entropy(z),
    "entropy_gradient": lambda z, v: et.entropy_gradient(z),
    "varentropy": lambda z, v: et.varentropy(z),
    "covariance": lambda z, v: et.covariance(z, z, v),
    "variance": lambda z, v: et.covariance(z, v, v),
    "advantage": lambda z, v: et.Bandit(v).values(z).advantage,
    "policy_gradient": lambda z, v: et.policy_gradient(et.Bandit(v), z),
}


def unit(z: Any) -> float:
    """The relative error of each of these functions, of the sizes of what it is the sum of.

    A logit relative to the mode's is rounded once, so an exponential carries |d| U + 8 U (exp is taken to be within 8
    U); beyond 746 it is zero. A sum of A numbers of one sign, in blocks of 128 by eight accumulators and then in pairs,
    is at most D = 20 + log2 A additions deep. So a probability carries 2 (S + 8) + D + 2 units, S the largest |d| up to
    746; a centred value 2 S + 2 D + 32 of its size; a product of two of them with a probability, summed, less than
    8 (S + D + 16).
    """
    spread = min(float(np.max(z) - np.min(z)), 746.0)
    return float(8 * (spread + 20 + np.log2(len(z)) + 16) * U)


def assert_floats_within(names: Iterable[str], z: Any, v: Any) -> None:
    """Within `unit` of the sizes, and of what underflows: SMALLEST for each probability, times the largest numbers."""
    reach = min(float(np.max(z) - np.min(z)), 746.0) + float(np.max(v) - np.min(v))
    lost = {name: SMALLEST * len(z) * (1 if name == "log_softmax" else 1 + (1 + reach) ** 2) for name in names}
    with mpmath.workdps(DIGITS):
        exactly = Exactly(z, v)
        for name in names:
            got = np.atleast_1d(FLOATS[name](z, v))
            assert got.dtype == np.float64
            for x, exact, size in zip(got.tolist(), *exact_and_size(name, exactly), strict=True):
                assert np.isfinite(x)
                assert abs(mpmath.mpf(x) - exact) <= unit(z) * size + lost[name], (name, x, exact)


FLOAT_LOGITS = {name: np.array([float(x) for x in z]) for name, z in LOGITS.items() if abs(z[0]) < 1e300} | {
    "largest": np.array([1e300, -1e300, 0.0]),
    "equal and largest": np.array([1e300] * 3),
    "one unit apart and large": np.array([1e300, np.nextafter(1e300, 0), 1.0]),
    "rounded away": np.array([1e16, 1e16 + 2, 1e16 - 2]),
}
FLOAT_VALUES = {name: np.array([float(x) for x in v]) for name, v in VALUES.items() if name != "1e300"} | {
    "1e150": np.array([1e150, -2e150, 0.0])
}


@pytest.mark.parametrize("values", FLOAT_VALUES)
@pytest.mark.parametrize("logits", FLOAT_LOGITS)
def test_floats_at_an_extreme_point(logits: str, values: str) -> None:
    z, v = FLOAT_LOGITS[logits], FLOAT_VALUES[values]
    # The square of a difference of 1e300 exceeds the largest double.
    squares = {"varentropy", "covariance"} if np.ptp(z) > 1e150 else set()
    assert_floats_within([name for name in FLOATS if name not in squares], z, v)


@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_floats_with_thousands_of_actions(scale: float) -> None:
    rng = np.random.default_rng(4096)
    z, v = rng.normal(0, scale, 4096), 1e16 + rng.integers(-3, 4, 4096).astype(float)
    assert_floats_within(FLOATS, z, v)


def test_floats_with_a_vocabulary() -> None:
    z = np.random.default_rng(151936).normal(0, 5, 151_936)
    assert_floats_within(["entropy", "varentropy"], z, z)


@pytest.mark.parametrize("step", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("logits", ["exponentials overflow", "1 - p = 1e-300", "tie", "nearly uniform"])
def test_divergence_for_steps_of_every_size(logits: str, step: float) -> None:
    """KL = log E exp(eta u), whose derivative in x_a = eta u_a is q_a - p_a and the second one at most one.

    x_a carries `unit` of its size s_a, E u = 0 holds to as much of E s, and what is summed has one sign: of the size of
    KL itself. The linear term counts twice, for what the second derivative adds.
    """
    z, v = FLOAT_LOGITS[logits], FLOAT_VALUES["ordinary"]
    got = float(kl_along(z, v, step))
    with mpmath.workdps(400):
        e = Exactly(z, v)
        x = [mpmath.mpf(step) * y for y in e.centred(e.v)]
        mean = e.mean([abs(y) for y in e.v])
        s = [mpmath.mpf(step) * (abs(y) + mean) for y in e.v]
        moved = [p * mpmath.exp(y) for p, y in zip(e.p, x, strict=True)]
        total = mpmath.fsum(moved)
        exact = mpmath.log1p(mpmath.fsum(p * mpmath.expm1(y) for p, y in zip(e.p, x, strict=True)))
        shift = mpmath.fsum(abs(m / total - p) * y for m, p, y in zip(moved, e.p, s, strict=True))
        assert abs(mpmath.mpf(got) - exact) <= unit(z) * (exact + 2 * shift) + 3 * SMALLEST * (1 + step)


def test_a_divergence_beyond_the_largest_double_is_infinite() -> None:
    """And those beside it are not: of two uniform actions the divergence is log cosh(eta v)."""
    got = kl_along([0.0, 0.0], [1e300, -1e300], [1e12, 1.0, -1e12, 1e-300])
    assert got.shape == (4,)
    assert got[0] == got[2] == np.inf
    assert kl_along([0.0, 0.0], [1e300, -1e300], 1e12) == np.inf
    assert abs(got[1] - 1e300) <= 4 * U * 1e300
    assert abs(got[3] - np.log(np.cosh(1.0))) <= 16 * U
    with et.precision(2048):
        ball = kl_along(fractions([0, 0]), fractions([10**300, -(10**300)]), np.array(Fraction(10**12), dtype=object))
        assert abs(Ball(np.asarray(ball)[()]) / 10**312 - 1) < Fraction(1, 10**15)


@pytest.mark.parametrize("size", [1e-300, 1e290])
@pytest.mark.parametrize("z", [[[0.0, 0.0], [0.0, 0.0]], [[40.0, 0.0], [0.0, 30.0]], [[-700.0, 0.0], [1.0, 0.0]]])
def test_floats_on_a_long_process(z: list[list[float]], size: float) -> None:
    """A stable elimination solves a system that differs by c U, c = 8 (S + 8), in each entry: with M = I - discount P,
    |M| <= 2 and |M^-1| <= 1 / (1 - discount) in the maximum norm, v is within c U (2 max|v| + max|r|) / (1 - discount).

    A probability carries `unit`, which moves M by as much.
    """
    logits = np.array(z)
    values = process(size).values(logits)
    with mpmath.workdps(DIGITS):
        rows = [Exactly(row, row).p for row in logits]
        discount = mpmath.mpf(LONG)
        matrix = mpmath.matrix(
            [
                [1 - discount * rows[0][0], -discount * rows[0][1]],
                [-discount * rows[1][1], 1 - discount * rows[1][0]],
            ]
        )
        exact = mpmath.lu_solve(matrix, mpmath.matrix([mpmath.mpf(size), 0]))
        largest = max(abs(x) for x in exact)
        error = (8 * 10 * U + max(unit(row) for row in logits)) * (2 * largest + size) / (1 - discount)
        for got, x in zip(values.v.tolist(), exact, strict=True):
            assert abs(mpmath.mpf(got) - x) <= error
        assert abs(mpmath.mpf(float(values.visitation.sum())) - 1) <= 8 * 10 * U * 3 / (1 - discount)


def test_a_discount_closer_to_one_than_a_double_is_a_discount() -> None:
    """One state that pays one at each step is worth ``1 / (1 - discount)``."""
    gap = et.Ball(1) / 2**70
    mdp = et.MDP([[[et.Ball(1)]]], [[et.Ball(1)]], 1 - gap, [et.Ball(1)])
    value = mdp.values(np.array([[et.Ball(0)]], dtype=object)).v[0]
    assert et.Ball(value).rational == 2**70
    with pytest.raises(ValueError, match=r"discount is .*, expected a number in \[0, 1\)"):
        et.MDP([[[et.Ball(1)]]], [[et.Ball(1)]], et.Ball(1), [et.Ball(1)])
    with pytest.raises(ValueError, match=r"discount is .*, expected a number in \[0, 1\)"):
        et.MDP([[[et.Ball(1)]]], [[et.Ball(1)]], 1 + gap, [et.Ball(1)])

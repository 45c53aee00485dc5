"""The entropy controls, token by token and table by table, in plain loops.

The released implementations of Clip-Cov and KL-Cov compute for each token of a batch the product of the deviations
C_t = (log p_t - mean log p)(y_t - mean y), treat a share of the tokens specially, and minimise the mean of a loss.
Here the products are rational numbers (``covariances``), a set is compared with what exact arithmetic says up to a
stated error of each C_t (``is_top``, ``band``), gradients are those of the losses written out, by dual numbers
(``loss_gradient``, ``token_gradient``), and the update of an infinite batch is a sum over all states and actions
(``update``).  No gradient is written down but those which a rule itself prescribes entry by entry (mask "logit").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import mpmath

from tests.oracles import dual
from tests.oracles.decision import add, softmax, state_entropy

DIGITS = 60
Number = Any
Rows = list[list[Number]]

CLIP_COV = {
    "band": "open",
    "unit": "absolute",
    "at_least_one": True,
    "centre": "batch",
    "factor": "advantage",
    "mask": "token",
    "ppo_clip": (0.2, 0.2),
}
KL_COV = {
    "rank": "signed",
    "at_least_one": True,
    "centre": "batch",
    "factor": "advantage",
    "mask": "token",
    "penalty": "abs-log-ratio",
    "anchor": "moving",
}
CLIP_RELEASED = {"fraction": 2e-4, "low": 1, "high": 5, **CLIP_COV}
KL_RELEASED = {"beta": 1, "fraction": 2e-3, **KL_COV}
CLIP_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        **CLIP_RELEASED,
        "unit": "mean",
        "band": "closed",
        "at_least_one": False,
        "centre": "state",
        "factor": "logit-change",
        "ppo_clip": None,
    },
    "cui2025": CLIP_RELEASED,
    "prime": CLIP_RELEASED,
    "verl": CLIP_RELEASED,
    "skyrl": CLIP_RELEASED,
}
KL_PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        **KL_RELEASED,
        "rank": "abs",
        "at_least_one": False,
        "centre": "state",
        "factor": "logit-change",
        "mask": "logit",
        "penalty": "kl",
    },
    "cui2025": KL_RELEASED,
    "prime": KL_RELEASED,
    "verl": {**KL_RELEASED, "beta": 0.1, "fraction": 2e-4},
    "skyrl": {**KL_RELEASED, "fraction": 0.2},
}


@dataclass(frozen=True)
class Rule:
    """A control: its kind and all its options, defaults filled in."""

    kind: str
    options: dict[str, Any]

    @property
    def o(self) -> Any:
        """The options as attributes."""
        return SimpleNamespace(**self.options)

    @property
    def clip(self) -> tuple[float, float] | None:
        """The range of the ratio beyond which a token's loss is flat, or None."""
        if self.kind == "clip-higher":
            return (self.o.low, self.o.high)
        clip: tuple[float, float] | None = self.options.get("ppo_clip")
        return clip


def policy_gradient() -> Rule:
    return Rule("policy-gradient", {})


def natural() -> Rule:
    return Rule("natural", {})


def entropy_bonus(alpha: float, visitation: str = "through") -> Rule:
    return Rule("entropy-bonus", {"alpha": alpha, "visitation": visitation})


def clip_higher(low: float = 0.2, high: float = 0.28) -> Rule:
    return Rule("clip-higher", {"low": low, "high": high})


def clip_cov(fraction: float, low: float, high: float, **changes: Any) -> Rule:
    return Rule("clip-cov", {"fraction": fraction, "low": low, "high": high, **CLIP_COV, **changes})


def kl_cov(beta: float, fraction: float, **changes: Any) -> Rule:
    return Rule("kl-cov", {"beta": beta, "fraction": fraction, **KL_COV, **changes})


# Tokens: which are selected ------------------------------------------------------------------------------------


def rational(x: Any) -> Fraction:
    """The exact value of a double or of an mpmath number."""
    if isinstance(x, mpmath.mpf):
        sign, mantissa, exponent, _ = x._mpf_
        power = Fraction(2**exponent) if exponent >= 0 else Fraction(1, 2**-exponent)
        return power * (-int(mantissa) if sign else int(mantissa))
    return Fraction(x)


def exponential(x: float) -> Fraction:
    """exp(x) to ``DIGITS`` digits."""
    with mpmath.workdps(DIGITS):
        return rational(mpmath.exp(mpmath.mpf(x)))


def factors(rule: Rule, log_prob: Sequence[float], advantage: Sequence[float]) -> list[Fraction]:
    """The second factor before centring: the advantage, or the change of the logit by Eq. (9)."""
    if rule.o.factor == "advantage":
        return [Fraction(a) for a in advantage]
    return [exponential(x) * Fraction(a) for x, a in zip(log_prob, advantage, strict=True)]


def groups(rule: Rule, n: int, state: Sequence[int] | None) -> list[list[int]]:
    """For each token the tokens over which the means are taken."""
    if rule.o.centre == "batch" or state is None:
        return [list(range(n))] * n
    return [[u for u in range(n) if state[u] == state[t]] for t in range(n)]


def covariances(
    rule: Rule, log_prob: Sequence[float], advantage: Sequence[float], state: Sequence[int] | None = None
) -> list[Fraction]:
    """C_t = (log p_t - mean)(y_t - mean)."""
    x = [Fraction(v) for v in log_prob]
    y = factors(rule, log_prob, advantage)
    out = []
    for t, same in enumerate(groups(rule, len(x), state)):
        mean_x = sum((x[u] for u in same), Fraction(0)) / len(same)
        mean_y = sum((y[u] for u in same), Fraction(0)) / len(same)
        out.append((x[t] - mean_x) * (y[t] - mean_y))
    return out


EPS = Fraction(1, 2**52)
UNDERFLOW = Fraction(1, 2**1070)


def covariance_errors(
    rule: Rule,
    log_prob: Sequence[float],
    advantage: Sequence[float],
    state: Sequence[int] | None = None,
    log_prob_error: Sequence[float] | None = None,
) -> list[Fraction]:
    """How far C_t in floating point may lie from its exact value.

    A mean of n numbers is summed in any order: n roundings of numbers up to the largest, and one of the division;
    the difference to it costs one more rounding.  So a deviation is known to (n + 2) EPS times the largest member, and
    to the errors of the members themselves, at most twice the largest.  exp is within 4 units, and moves by the
    error of its argument.  The errors of a product add up, and it may underflow.
    """
    x = [Fraction(v) for v in log_prob]
    y = factors(rule, log_prob, advantage)
    x_error = [Fraction(0)] * len(x) if log_prob_error is None else [Fraction(float(e)) for e in log_prob_error]
    changes = rule.o.factor == "logit-change"
    y_error = [abs(v) * (6 * EPS + 2 * e) if changes else Fraction(0) for v, e in zip(y, x_error, strict=True)]
    out = []
    for t, same in enumerate(groups(rule, len(x), state)):
        n = len(same)
        mean_x = sum((x[u] for u in same), Fraction(0)) / n
        mean_y = sum((y[u] for u in same), Fraction(0)) / n
        d_x = (n + 2) * EPS * max(abs(x[u]) for u in same) + 2 * max(x_error[u] for u in same)
        d_y = (n + 2) * EPS * max(abs(y[u]) for u in same) + 2 * max(y_error[u] for u in same)
        deviation_x, deviation_y = abs(x[t] - mean_x), abs(y[t] - mean_y)
        product = EPS * deviation_x * deviation_y + UNDERFLOW
        out.append(deviation_x * d_y + deviation_y * d_x + d_x * d_y + product)
    return out


def asked(rule: Rule, n: int) -> int:
    """How many tokens the rule wants."""
    count = int(rule.o.fraction * n)
    return min(max(count, 1) if rule.o.at_least_one else count, n)


def ppo_clipped(clip: tuple[float, float] | None, log_ratio: Number, advantage: Number) -> bool:
    """Whether the clipped surrogate is flat at the token."""
    if clip is None:
        return False
    ratio = mpmath.exp(log_ratio)
    return bool((advantage > 0 and ratio > 1 + clip[1]) or (advantage < 0 and ratio < 1 - clip[0]))


def is_top(
    chosen: Sequence[bool], keys: Sequence[Fraction], errors: Sequence[Fraction], count: int, tokens: Sequence[Any]
) -> bool:
    """Whether these are the ``count`` largest keys, earliest index first among equal ones.

    Keys may be off by their errors, except that equal tokens have equal keys; with errors of zero this is the exact
    rule, and leaves one set.
    """
    if sum(map(bool, chosen)) != count:
        return False
    for i, inside in enumerate(chosen):
        for j, other in enumerate(chosen):
            if not inside or other:
                continue
            slack = errors[i] + errors[j]
            equal = tokens[i] == tokens[j] or (slack == 0 and keys[i] == keys[j])
            if (i > j) if equal else (keys[i] + slack < keys[j]):
                return False
    return True


def band(rule: Rule, c: Sequence[Fraction], errors: Sequence[Fraction]) -> list[bool | None]:
    """For each token whether C_t lies in the band; None where the errors leave it open."""
    n = len(c)
    low, high, slack = Fraction(rule.o.low), Fraction(rule.o.high), Fraction(0)
    widths = (Fraction(0), Fraction(0))
    if rule.o.unit == "mean":
        mean = sum(c, Fraction(0)) / max(n, 1)
        if any(errors):
            slack = max(errors) + (n + 2) * EPS * max(abs(x) for x in c)
        widths = (abs(low) * slack + bool(slack) * EPS * abs(low * mean),) * 2
        widths = (widths[0], abs(high) * slack + bool(slack) * EPS * abs(high * mean))
        low, high = low * mean, high * mean
    closed = rule.o.band == "closed"
    out: list[bool | None] = []
    for x, error in zip(c, errors, strict=True):
        above, below = x - low, high - x
        near = [abs(d) <= e + w and e + w > 0 for d, e, w in ((above, error, widths[0]), (below, error, widths[1]))]
        inside = [d >= 0 if closed else d > 0 for d in (above, below)]
        if any(not i and not n for i, n in zip(inside, near, strict=True)):
            out.append(False)
        else:
            out.append(None if any(near) else True)
    return out


def eligible(
    rule: Rule,
    c: Sequence[Fraction],
    errors: Sequence[Fraction],
    log_ratio: Sequence[float],
    advantage: Sequence[float],
) -> list[bool | None]:
    """The tokens in the band that are not clipped already."""
    inside = band(rule, c, errors)
    flat = [ppo_clipped(rule.clip, mpmath.mpf(r), a) for r, a in zip(log_ratio, advantage, strict=True)]
    return [False if f else i for i, f in zip(inside, flat, strict=True)]


# Tokens: losses and their gradients ------------------------------------------------------------------------------


def value(x: Number) -> Number:
    return x.value if isinstance(x, dual.Dual) else x


def clamp(x: Number, low: Number, high: Number) -> Number:
    """The nearest number in [low, high]; a bound has derivative zero."""
    if low <= value(x) <= high:
        return x
    return x * 0 + (low if value(x) < low else high)


def absolute(x: Number) -> Number:
    """|x|, with derivative zero at zero."""
    if value(x) == 0:
        return x * 0
    return x if value(x) > 0 else -x


def surrogate(rule: Rule, log_ratio: Number, advantage: Number) -> Number:
    """-A ratio, or the larger of it and of -A times the clipped ratio."""
    ratio = dual.exp(log_ratio)
    plain = -(ratio * advantage)
    if rule.clip is None:
        return plain
    held = -(clamp(ratio, 1 - rule.clip[0], 1 + rule.clip[1]) * advantage)
    return plain if value(plain) >= value(held) else held


def token_loss(rule: Rule, log_ratio: Number, advantage: Number, selected: bool) -> Number:
    """The loss of one token as a function of its log-probability."""
    loss = surrogate(rule, log_ratio, advantage)
    if rule.kind == "clip-cov" and rule.o.mask == "token" and selected:
        return loss * 0
    if rule.kind == "kl-cov" and rule.o.penalty == "abs-log-ratio" and selected:
        return loss + absolute(log_ratio) * mpmath.mpf(rule.o.beta)
    return loss


def token_gradient(
    rule: Rule,
    log_prob: Sequence[float],
    old_log_prob: Sequence[float],
    advantage: Sequence[float],
    selected: Sequence[bool],
) -> list[Number]:
    """Derivatives of the mean loss in the tokens' log-probabilities."""
    out = []
    with mpmath.workdps(DIGITS):
        for x, old, a, s in zip(log_prob, old_log_prob, advantage, selected, strict=True):
            (variable,) = dual.variables([mpmath.mpf(x)])
            loss = token_loss(rule, variable - mpmath.mpf(old), mpmath.mpf(a), bool(s))
            out.append(loss.gradient[0] / len(log_prob))
    return out


def divergence(q: Sequence[Number], p: Sequence[Number]) -> Number:
    """KL(q || p)."""
    return add([b * (mpmath.log(b) - dual.log(a)) for a, b in zip(p, q, strict=True)])


def mean_loss(
    rule: Rule, z: Rows, z_old: Rows, tokens: Sequence[tuple[int, int, Number]], selected: Sequence[bool]
) -> Number:
    """The mean loss of the tokens (s, a, advantage) as a function of the logits."""
    p, q = softmax(z), softmax(z_old)
    total: Number = z[0][0] * 0
    entropies = [state_entropy(row) for row in p] if rule.kind == "entropy-bonus" else []
    divergences = [divergence(b, a) for a, b in zip(p, q, strict=True)] if rule.kind == "kl-cov" else []
    ratios = [[dual.log(a) - mpmath.log(b) for a, b in zip(x, y, strict=True)] for x, y in zip(p, q, strict=True)]
    for (s, a, advantage), chosen in zip(tokens, selected, strict=True):
        total = total + token_loss(rule, ratios[s][a], advantage, bool(chosen))
        if rule.kind == "entropy-bonus":
            total = total - entropies[s] * mpmath.mpf(rule.o.alpha)
        if rule.kind == "kl-cov" and rule.o.penalty == "kl" and rule.o.mask == "token" and chosen:
            total = total + divergences[s] * mpmath.mpf(rule.o.beta)
    return total / mpmath.mpf(max(len(tokens), 1))


def loss_gradient(
    rule: Rule, z: Any, z_old: Any, tokens: Sequence[tuple[int, int, float]], selected: Sequence[bool]
) -> Rows:
    """Gradient of the mean loss in the logits, then what the rule prescribes entry by entry."""
    with mpmath.workdps(DIGITS):
        rows, old = wide(z), wide(z_old)
        n = len(rows[0])
        flat = dual.variables([x for row in rows for x in row])
        points = [(s, a, mpmath.mpf(v)) for s, a, v in tokens]
        variables: Rows = [list(flat[i * n : (i + 1) * n]) for i in range(len(rows))]
        loss = mean_loss(rule, variables, old, points, selected)
        gradient = [list(loss.gradient[i * n : (i + 1) * n]) for i in range(len(rows))]
        p, q = softmax(rows), softmax(old)
        entries = {(s, a) for (s, a, _), chosen in zip(tokens, selected, strict=True) if chosen}
        for s, a in entries:
            if rule.kind == "clip-cov" and rule.o.mask == "logit":
                gradient[s][a] = mpmath.mpf(0)
            if rule.kind == "kl-cov" and rule.o.mask == "logit":
                share = mpmath.mpf(sum(t[0] == s for t in tokens)) / len(tokens)
                gradient[s][a] += mpmath.mpf(rule.o.beta) * share * (p[s][a] - q[s][a])
        if rule.kind == "natural":
            gradient = [natural_row(s, row, p[s], tokens) for s, row in enumerate(gradient)]
        return gradient


def natural_row(s: int, row: list[Number], p: list[Number], tokens: Sequence[tuple[int, int, float]]) -> list[Number]:
    """The u with mean zero that solves (diag p - p p') u = row / (share of the tokens at s), by elimination.

    With E_p u = 0 added to each equation the matrix is diag p, of which the solution is read off.
    """
    visits = sum(t[0] == s for t in tokens)
    if not visits:
        return row
    u = [g * len(tokens) / (visits * b) for g, b in zip(row, p, strict=True)]
    mean = add([b * x for b, x in zip(p, u, strict=True)])
    return [x - mean for x in u]


def wide(z: Any) -> Rows:
    """Rows of mpmath numbers."""
    return [[mpmath.mpf(float(x)) for x in row] for row in z]


# Infinite batches ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """All that the update depends on, by state: p, q, advantage, w = d / (1 - discount), d, gradient of Eq. (4)."""

    p: Rows
    q: Rows
    advantage: Rows
    w: list[Number]
    d: list[Number]
    mean_entropy_gradient: Rows

    @property
    def entries(self) -> list[tuple[int, int]]:
        return [(s, a) for s, row in enumerate(self.p) for a in range(len(row))]

    def mass(self, s: int, a: int) -> Number:
        """W(s, a): the share of the tokens at the entry; they are drawn from the old policy."""
        return self.d[s] * self.q[s][a] / add(self.d)


def table_covariances(rule: Rule, t: Table) -> dict[tuple[int, int], Number]:
    """C(s, a), the means under the policy of the state or under all tokens."""
    x = {(s, a): mpmath.log(t.p[s][a]) for s, a in t.entries}
    scale = rule.o.factor == "logit-change"
    y = {(s, a): t.advantage[s][a] * (t.p[s][a] if scale else 1) for s, a in t.entries}

    def mean(v: dict[tuple[int, int], Number], s: int) -> Number:
        if rule.o.centre == "state":
            return add([t.p[s][a] * v[s, a] for a in range(len(t.p[s]))])
        return add([t.mass(*e) * v[e] for e in t.entries])

    return {(s, a): (x[s, a] - mean(x, s)) * (y[s, a] - mean(y, s)) for s, a in t.entries}


def thresholds(rule: Rule, t: Table, c: dict[tuple[int, int], Number]) -> tuple[Number, Number]:
    """The ends of the band."""
    scale = add([t.mass(*e) * c[e] for e in t.entries]) if rule.o.unit == "mean" else mpmath.mpf(1)
    return mpmath.mpf(rule.o.low) * scale, mpmath.mpf(rule.o.high) * scale


def flat(rule: Rule, t: Table, s: int, a: int) -> bool:
    """Whether the entry is clipped by its ratio p / q."""
    return ppo_clipped(rule.clip, mpmath.log(t.p[s][a] / t.q[s][a]), t.advantage[s][a])


def clipped_share(rule: Rule, t: Table) -> dict[tuple[int, int], Number]:
    """For each entry the probability that Clip-Cov takes a token there."""
    c = table_covariances(rule, t)
    low, high = thresholds(rule, t, c)
    inside = {e: low <= c[e] <= high if rule.o.band == "closed" else low < c[e] < high for e in t.entries}
    members = [e for e in t.entries if inside[e] and not flat(rule, t, *e)]
    total = add([t.mass(*e) for e in members])
    rho = min(mpmath.mpf(1), mpmath.mpf(rule.o.fraction) / total) if total else mpmath.mpf(0)
    return {e: rho if e in members else mpmath.mpf(0) for e in t.entries}


def rank_keys(rule: Rule, t: Table) -> dict[tuple[int, int], Number]:
    """What KL-Cov ranks by."""
    c = table_covariances(rule, t)
    return {e: abs(x) if rule.o.rank == "abs" else x for e, x in c.items()}


def ranked_share(rule: Rule, t: Table) -> dict[tuple[int, int], Number]:
    """For each entry the share of its tokens that KL-Cov takes: largest first, equal ones alike.

    Numbers that agree to 40 of the ``DIGITS`` digits are equal.
    """
    keys = rank_keys(rule, t)
    left = mpmath.mpf(rule.o.fraction)
    share: dict[tuple[int, int], Number] = {}
    for e in sorted(t.entries, key=lambda e: -keys[e]):
        if e in share:
            continue
        tied = [f for f in t.entries if f not in share and abs(keys[f] - keys[e]) < mpmath.mpf(10) ** -40]
        mass = add([t.mass(*f) for f in tied])
        part = min(mpmath.mpf(1), left / mass) if mass else mpmath.mpf(left > 0)
        share.update(dict.fromkeys(tied, part))
        left = max(mpmath.mpf(0), left - mass)
    return share


def token_mask_update(t: Table, keep: dict[tuple[int, int], Number]) -> Rows:
    """w p_b (K_b A_b - E_p[K A]): the gradient of the mean loss if a token of entry b counts with weight K_b."""
    out = []
    for s, p in enumerate(t.p):
        kept = [keep[s, a] * t.advantage[s][a] for a in range(len(p))]
        mean = add([b * x for b, x in zip(p, kept, strict=True)])
        out.append([t.w[s] * b * (x - mean) for b, x in zip(p, kept, strict=True)])
    return out


def update(rule: Rule, t: Table) -> Rows:
    """The expected update of an infinite batch, for a step size of one."""
    base = [[w * b * x for b, x in zip(p, a, strict=True)] for w, p, a in zip(t.w, t.p, t.advantage, strict=True)]
    if rule.kind == "natural":
        return t.advantage
    if rule.kind == "entropy-bonus":
        return [
            [x + mpmath.mpf(rule.o.alpha) * g for x, g in zip(*rows, strict=True)] for rows in _bonus(rule, t, base)
        ]
    if rule.kind == "clip-higher":
        return token_mask_update(t, {e: mpmath.mpf(not flat(rule, t, *e)) for e in t.entries})
    if rule.kind == "clip-cov":
        return _clip_cov(rule, t)
    if rule.kind == "kl-cov":
        return _kl_cov(rule, t, base)
    return base


def _bonus(rule: Rule, t: Table, base: Rows) -> list[tuple[list[Number], list[Number]]]:
    if rule.o.visitation == "through":
        slope = t.mean_entropy_gradient
    else:
        slope = []
        for s, p in enumerate(t.p):
            entropy = state_entropy(p)
            slope.append([-t.d[s] * b * (mpmath.log(b) + entropy) for b in p])
    return list(zip(base, slope, strict=True))


def _clip_cov(rule: Rule, t: Table) -> Rows:
    taken = clipped_share(rule, t)
    ppo = {e: mpmath.mpf(not flat(rule, t, *e)) for e in t.entries}
    if rule.o.mask == "token":
        return token_mask_update(t, {e: (1 - taken[e]) * ppo[e] for e in t.entries})
    full = token_mask_update(t, ppo)
    return [[(1 - taken[s, a]) * x for a, x in enumerate(row)] for s, row in enumerate(full)]


def _kl_cov(rule: Rule, t: Table, base: Rows) -> Rows:
    share = ranked_share(rule, t)
    beta = mpmath.mpf(rule.o.beta)
    out = []
    for s, (p, q) in enumerate(zip(t.p, t.q, strict=True)):
        m = [share[s, a] for a in range(len(p))]
        if rule.o.penalty == "abs-log-ratio":
            sign = [mpmath.sign(a - b) for a, b in zip(p, q, strict=True)]
            drawn = [b * x * y for b, x, y in zip(q, m, sign, strict=True)]
            pull = [x - b * add(drawn) for x, b in zip(drawn, p, strict=True)]
        elif rule.o.mask == "token":
            pull = [add([b * x for b, x in zip(q, m, strict=True)]) * (a - b) for a, b in zip(p, q, strict=True)]
        else:
            pull = [x * (a - b) for x, a, b in zip(m, p, q, strict=True)]
        out.append([x - beta * t.w[s] * v for x, v in zip(base[s], pull, strict=True)])
    return out

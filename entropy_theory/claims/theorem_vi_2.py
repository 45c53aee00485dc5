"""Theorem VI.2, Eq. (22): the entropy under KL-Cov.

The penalty changes only the logits of the selected tokens I, so with ``x = log p``, ``mu = E_p x``, ``f_a = p_a (x_a -
mu) = -dH/dz_a`` it adds ``beta delta_I`` to the first-order entropy change, ``delta_I = eta sum_{a in I} f_a (p_a -
q_a)``. Eq. (22) has the covariance of p - q over all actions, as if all were selected.

The sign. ``C_a > 0`` does not fix it: C_a > 0 also for an action with x_a < mu whose update is below the mean. It is
nonnegative (in the second case positive, unless p is uniform or p = q)

* termwise, if ``(x_a - mu)(p_a - q_a) >= 0`` on I;
* if p/q is comonotone with p and I consists of the m most probable actions, for any m, ties included. Order the
  actions so that ``p_1 >= ... >= p_n``, ``A_1 >= ... >= A_n`` for ``A_a = 1 - q_a/p_a``; ``sum_a p_a A_a = sum_a f_a =
  0``. Let ``c = exp(mu)``: f_a >= 0 iff p_a >= c, and f rises with p there. From the sum over I drop the last terms as
  long as both A_a < 0 and p_a < c; they are positive. Let k be the last index left. If p_k >= c, then f_1 >= ... >= f_k
  >= 0 while the partial sums of p_a A_a are > 0; sum by parts. Otherwise A_1 >= ... >= A_k >= 0 while the partial sums
  of p_a f_a are > 0, since ``p_a f_a >= c f_a``; sum by parts;
* to first order in the step that led from q to p, if that was the exact policy gradient with the same advantages:
  ``p_a - q_a = t q_a (g_a - E g) + O(t^2)``, so ``delta_I = eta t sum_{a in I} q_a^2 C_a + O(t^2)``. This is where the
  theorem is right. For a step of finite size it can fail, and at q = p the penalty does nothing at all.
"""

from typing import Any

import numpy as np

import entropy_theory.checking.domains as d
from entropy_theory.arithmetic import directional_derivative, largest, smallest
from entropy_theory.checking.claim import Identity, Inequality, Order
from entropy_theory.claims._shared import (
    Array,
    advantage,
    ascent,
    comonotone,
    constant,
    driver,
    inner,
    leading,
    old_policy,
    token_driver,
)
from entropy_theory.softmax import centred, covariance, entropy, entropy_gradient, kl, log_softmax, softmax

POSITION = 6.06

_GIVEN = {"p": d.policies(), "q": d.policies(like="p"), "r": d.rewards(like="p")}
_SELECTED = "The selected tokens are the first m of the state's n actions (their order is free)"


def _slope(p: Array, direction: Array) -> Any:
    """First-order entropy change along a direction in logits, as a derivative."""
    return directional_derivative(entropy, np.log(p), direction)


def _penalty(p: Array, q: Array, chosen: Array) -> Array:
    """``p - q`` on the chosen tokens, 0 elsewhere."""
    return np.where(chosen, p - q, 0 * p)


def _delta(p: Array, q: Array, chosen: Array) -> Any:
    """``sum_{a in I} f_a (p_a - q_a)``: delta_I per unit of eta."""
    return -inner(_penalty(p, q, chosen), entropy_gradient(np.log(p)))


def _whole_delta(p: Array, q: Array) -> Array:
    """The delta of Eq. (22) per unit of eta, over all actions."""
    return covariance(np.log(p), np.log(p), p - q)


def _top(p: Array, r: Array, m: Array) -> Any:
    """Whether the first m < n actions are those with the largest |C|, all with C > 0, and Cov > 0."""
    C = token_driver(p, r)
    chosen, size = leading(p, m), abs(C)
    least = smallest(np.where(chosen, size, largest(size)[..., None]))
    most = largest(np.where(chosen, 0 * size, size))
    positive = ((C > 0).astype(bool) | ~chosen).all(-1)
    return ((m < p.shape[-1]) & (least >= most) & (driver(p, r) > 0)).astype(bool) & positive


_TOP = (
    f"{_SELECTED}, m < n; they have the largest |C| under the policy gradient, all of them C > 0, and Cov(log p, pA) > "
    "0: the paper's 'typical regime'."
)


def _true_change(p: Array, q: Array, r: Array, beta: Array, m: Array) -> Any:
    return _slope(p, ascent(p, r) - beta[..., None] * _penalty(p, q, leading(p, m)))


EQ_22_PRINTED = Identity(
    name="theorem-vi.2/eq-22",
    statement=r"\Delta H = -\eta\,\mathrm{Cov}(\log p, pA) + \beta\delta,\quad "
    r"\delta = \eta\,\mathrm{Cov}(\log p,\ p - q)",
    given={**_GIVEN, "beta": d.positive(), "m": d.integers(1, 2)},
    assuming=_top,
    lhs=_true_change,
    rhs=lambda p, q, r, beta: -driver(p, r) + beta * _whole_delta(p, q),
    hypotheses=_TOP,
    remark="Per unit of eta; q is the old policy. The penalty acts on the selected tokens only, the covariance in (22) "
    "is over all actions.",
    breaks="Appendix K notes that the extra term is 'only on the set I_KL', and then writes, 'using linearity of the "
    "covariance operator', Cov(log pi, pi - pi_old) over all actions. Linearity gives the covariance with the vector "
    "that is p - q on I_KL and 0 elsewhere.",
    terms={
        "log p": lambda p: np.log(p),
        "C": token_driver,
        "p - q": lambda p, q: p - q,
        "on I": lambda p, q, m: _penalty(p, q, leading(p, m)),
        "-Cov(log p, pA)": lambda p, r: -driver(p, r),
        "delta, all": _whole_delta,
        "delta, I": lambda p, q, m: _delta(p, q, leading(p, m)),
    },
)

_EQ_22 = Identity(
    name="theorem-vi.2/eq-22",
    reading="corrected",
    statement=r"\Delta H = -\eta\,\mathrm{Cov}(\log p, pA) + \beta\delta_I,\quad \delta_I = \eta\textstyle\sum_{a\in "
    r"I} f_a\,(p_a - q_a),\quad f_a = p_a(\log p_a + H)",
    given={**_GIVEN, "beta": d.positive(), "m": d.integers(1, 6)},
    assuming=lambda p, m: (m <= p.shape[-1]).astype(bool),
    lhs=_true_change,
    rhs=lambda p, q, r, beta, m: -driver(p, r) + beta * _delta(p, q, leading(p, m)),
    hypotheses=f"{_SELECTED}; any selection.",
    remark="Per unit of eta. The left side is the derivative of the entropy along the KL-Cov update.",
    proof="By Lemma IV.1 dH/dz_a = -f_a. Along dz_a = eta p_a A_a - eta beta 1{a in I} (p_a - q_a) the derivative of H "
    "is -eta sum_a f_a p_a A_a + eta beta sum_{a in I} f_a (p_a - q_a), and sum_a f_a p_a A_a = Cov(log p, pA) because "
    "sum_a f_a = 0.",
)
EQ_22 = _EQ_22.with_mutants(
    _EQ_22.mutant("whole-state", rhs=lambda p, q, r, beta: -driver(p, r) + beta * _whole_delta(p, q)),
    _EQ_22.mutant("no-beta", rhs=lambda p, q, r, m: -driver(p, r) + _delta(p, q, leading(p, m))),
    _EQ_22.mutant("flipped-sign", rhs=lambda p, q, r, beta, m: -driver(p, r) - beta * _delta(p, q, leading(p, m))),
)

POSITIVE_PRINTED = Inequality(
    name="theorem-vi.2/positive",
    statement=r"C_a > 0 \text{ on } I\ \Rightarrow\ \max(\delta_I, \delta) \ge 0",
    given={**_GIVEN, "m": d.integers(1, 2)},
    assuming=_top,
    lhs=0,
    rhs=lambda p, q, m: largest(np.stack([_delta(p, q, leading(p, m)), _whole_delta(p, q)], axis=-1)),
    hypotheses=_TOP,
    remark="delta of Eq. (22) and delta_I of its corrected form: the line counts as broken only where both are "
    "negative. That q came from an exact step is theorem-vi.2/one-step.",
    breaks="Appendix K: 'empirical evidence shows that log pi - mu_log is positive and large, and pi - pi_old is also "
    "positive ... Hence their product, and therefore their covariance, is positive.' C_a > 0 says that the two factors "
    "of C_a have one sign, not that log p_a - mu is positive, and nothing about p_a - q_a; nor does a positive product "
    "on some actions make the covariance over all of them positive.",
    terms={
        "log p": lambda p: np.log(p),
        "A": advantage,
        "C": token_driver,
        "f": lambda p: -entropy_gradient(np.log(p)),
        "p - q": lambda p, q: p - q,
        "delta, I": lambda p, q, m: _delta(p, q, leading(p, m)),
        "delta, all": _whole_delta,
    },
)


def _most_probable(p: Array, m: Array) -> Any:
    """Which actions are among the m most probable, ties included."""
    ahead = (p[..., None, :] > p[..., :, None]).astype(bool).sum(-1)
    return (ahead < m[..., None]).astype(bool)


def _sharpened_change(p: Array, u: Array, m: Array) -> Any:
    return _slope(p, -_penalty(p, old_policy(p, u), _most_probable(p, m)))


_POSITIVE = Inequality(
    name="theorem-vi.2/positive",
    reading="corrected",
    statement=r"p/q \text{ comonotone with } p,\ I = \text{the } m \text{ most probable actions}\ \Rightarrow\ "
    r"\delta_I > 0",
    given={"p": d.policies(), "u": d.rewards(like="p"), "m": d.integers(1, 6)},
    assuming=lambda p, u: comonotone(p, u) & ~constant(p) & ~constant(u),
    lhs=0,
    rhs=_sharpened_change,
    strict=True,
    hypotheses="u = log(p/q) up to a constant, so q is in proportion to p exp(-u). No action that is more probable "
    "under p than another has the smaller u. Neither p is uniform nor u constant (there delta_I = 0). I holds the "
    "actions than which fewer than m are more probable: actions of equal probability are selected together.",
    remark="The first sufficient condition, m >= n being the whole state. The selection must follow the probability; a "
    "ranking by C does not. The right side is the derivative of the entropy along the penalty, per unit of eta beta.",
    proof="Let x = log p, mu = E_p x, c = exp(mu), f_a = p_a (x_a - mu), A_a = 1 - q_a/p_a. By theorem-vi.2/eq-22 "
    "delta_I/eta is the sum of f_a p_a A_a over I. Number the actions so that p_1 >= ... >= p_n and A_1 >= ... >= A_n, "
    "which the assumption allows, as A rises with u; I is the first k_0 of them. Both sum_a p_a A_a and sum_a f_a are "
    "0, and neither p nor A is constant, so p_1 > c > p_n and A_1 > 0 > A_n. f_a >= 0 iff p_a >= c, and there f rises "
    "with p. So every T_i = sum_{a<=i} p_a A_a with i < n is > 0 (clear while A_i >= 0; later T_i is minus a sum of "
    "negative terms). And F_i = sum_{a<=i} p_a f_a exceeds c sum_{a<=i} f_a, because (p_a - c) f_a >= 0, with > for a "
    "= 1; the latter sum is >= 0, because the f_a are first >= 0, then < 0, with sum 0: every F_i > 0. From the sum "
    "over I drop the last terms as long as both A_a < 0 and p_a < c; each is > 0. Let k >= 1 be the last index left "
    "and S_k the sum that is left. Case p_k >= c: then k < n and f_1 >= ... >= f_k >= 0, f_1 > 0, so S_k = f_k T_k + "
    "sum_{i<k} (f_i - f_{i+1}) T_i > 0. Case p_k < c: then A_1 >= ... >= A_k >= 0, A_1 > 0, so S_k = A_k F_k + "
    "sum_{i<k} (A_i - A_{i+1}) F_i > 0.",
)
POSITIVE = _POSITIVE.with_mutants(
    _POSITIVE.mutant("first-m", rhs=lambda p, u, m: _slope(p, -_penalty(p, old_policy(p, u), leading(p, m)))),
    _POSITIVE.mutant("no-order", assuming=lambda p, u: ~constant(p) & ~constant(u)),
    _POSITIVE.mutant("flipped-sign", rhs=lambda p, u, m: -_sharpened_change(p, u, m)),
)


def _one_sign(p: Array, q: Array, m: Array) -> Any:
    """Whether log p_a - mu and p_a - q_a have one sign on the selected tokens, m <= n."""
    agrees = (centred(np.log(p), np.log(p)) * (p - q) >= 0).astype(bool)
    return (agrees | ~leading(p, m)).all(-1) & (m <= p.shape[-1]).astype(bool)


_TERMWISE = Inequality(
    name="theorem-vi.2/termwise",
    reading="corrected",
    statement=r"(\log p_a + H)(p_a - q_a) \ge 0 \text{ on } I\ \Rightarrow\ \delta_I \ge 0",
    given={"p": d.policies(), "q": d.policies(like="p"), "m": d.integers(1, 3)},
    assuming=_one_sign,
    lhs=0,
    rhs=lambda p, q, m: _slope(p, -_penalty(p, q, leading(p, m))),
    hypotheses=f"{_SELECTED}, m <= n; on them log p_a + H and p_a - q_a have one sign, or one of the two is 0.",
    remark="The second sufficient condition: since the old policy each selected token has grown if its probability is "
    "above exp(-H), and shrunk if it is below. The right side is the derivative of the entropy along the penalty, per "
    "unit of eta beta.",
    proof="delta_I = eta sum_{a in I} p_a (log p_a + H)(p_a - q_a) by theorem-vi.2/eq-22; by assumption every term is "
    ">= 0.",
)
TERMWISE = _TERMWISE.with_mutants(
    _TERMWISE.mutant(
        "grown",
        assuming=lambda p, q, m: ((p > q).astype(bool) | ~leading(p, m)).all(-1) & (m <= p.shape[-1]).astype(bool),
    ),
    _TERMWISE.mutant("flipped-sign", rhs=lambda p, q, m: _slope(p, _penalty(p, q, leading(p, m)))),
)


def _after_step(q: Array, r: Array, eta: Array) -> Array:
    """The policy after one exact policy-gradient step from q."""
    return softmax(np.log(q) + eta[..., None] * ascent(q, r))


def _joined(first: Array, others: Array) -> Array:
    return np.concatenate([first[..., None], others], axis=-1)


def _old(e: Array, w: Array) -> Array:
    """The old policy: e on the first action, the rest shared out by w."""
    return _joined(e, (1 - e)[..., None] * w)


def _new(e: Array, w: Array, a: Array, b: Array, eta: Array) -> Array:
    """The policy one exact step later, rewards a for the first action and b for the others."""
    return _after_step(_old(e, w), _joined(a, b), eta)


def _relative_delta(e: Array, w: Array, a: Array, b: Array, eta: Array) -> Any:
    """The larger of delta_I, I the first action, and delta of Eq. (22), over the positive number ``eta p_1^2 C_1``.

    That is the value of delta_I to first order in the step.
    """
    p, q = _new(e, w, a, b, eta), _old(e, w)
    both = np.stack([_delta(p, q, np.arange(p.shape[-1]) == 0), _whole_delta(p, q)], axis=-1)
    return largest(both) / (eta * (p**2 * token_driver(p, _joined(a, b)))[..., 0])


ONE_STEP_PRINTED = Inequality(
    name="theorem-vi.2/one-step",
    statement=r"p \text{ one exact step from } q,\ \eta\,\mathrm{osc}(r) \le 1,\ C_1 = \max_a |C_a| > 0,\ I = \{1\}\ "
    r"\Rightarrow\ \max(\delta_I, \delta) \ge 0\quad(n = 3)",
    given={
        "e": d.reals(0, 1, open_low=True, open_high=True),
        "w": d.policies(actions=2),
        "a": d.reals(0, 1),
        "b": d.reals(0, 1, like="w"),
        "eta": d.reals(0, 1, open_low=True),
    },
    assuming=lambda e, w, a, b, eta: _top(_new(e, w, a, b, eta), _joined(a, b), 1 + 0 * eta),
    lhs=0,
    rhs=_relative_delta,
    hypotheses="Three actions: q = (e, (1 - e) w), rewards r = (a, b) in [0, 1]. At p the first action has the largest "
    "|C|, with C > 0, and Cov(log p, pA) > 0.",
    remark="The proof's own reason, 'because the policy gradient increases the probability of actions with high "
    "advantage', granted in full: the old policy is one exact step behind, of moderate size, with the same rewards. "
    "It counts as broken only where delta_I and delta of Eq. (22) are both negative; the right side is the larger of "
    "them over eta p_1^2 C_1 > 0. A rare action breaks it: its |log p_1 + H| gives it the largest |C| however close "
    "its update is to the mean. To first order in the step delta_I > 0 (corrected line).",
    breaks="Appendix K: 'pi - pi_old is also positive because the policy gradient increases the probability of actions "
    "with high advantage.' The softmax of a step raises the actions whose entry of eta q A is above log E_q exp(eta q "
    "A), not those with high advantage, and C compares the update at the new policy with another mean. Where the two "
    "thresholds differ, C_a > 0 no longer gives p_a - q_a the sign of log p_a - mu, and the term of a can be negative.",
    terms={
        "q": _old,
        "r": lambda a, b: _joined(a, b),
        "p": _new,
        "C at p": lambda e, w, a, b, eta: token_driver(_new(e, w, a, b, eta), _joined(a, b)),
        "f at p": lambda e, w, a, b, eta: -entropy_gradient(np.log(_new(e, w, a, b, eta))),
        "p - q": lambda e, w, a, b, eta: _new(e, w, a, b, eta) - _old(e, w),
        "delta, I": lambda e, w, a, b, eta: _delta(_new(e, w, a, b, eta), _old(e, w), np.arange(w.shape[-1] + 1) == 0),
        "delta, all": lambda e, w, a, b, eta: _whole_delta(_new(e, w, a, b, eta), _old(e, w)),
    },
)


def _selected_squares(q: Array, r: Array, m: Array) -> Any:
    return (leading(q, m) * q**2 * token_driver(q, r)).sum(-1)


_ONE_STEP = Order(
    name="theorem-vi.2/one-step",
    reading="corrected",
    statement=r"p \text{ the exact step of size } t \text{ from } q:\quad \delta_I = \eta\,t\textstyle\sum_{a\in I} "
    r"q_a^2 C_a + O(t^2)",
    given={"q": d.policies(), "r": d.rewards(like="q"), "m": d.integers(1, 6)},
    assuming=lambda q, m: (m <= q.shape[-1]).astype(bool),
    power=2,
    remainder=lambda t, q, r, m: _delta(_after_step(q, r, t), q, leading(q, m)) - t * _selected_squares(q, r, m),
    hypotheses=f"{_SELECTED}; C is that of the policy gradient at q.",
    remark="So with C > 0 on I the penalty does hold the entropy up, for all small enough steps since the old policy; "
    "its effect is of second order, eta beta t. Per unit of eta.",
    proof="With g = qA, mu = E_q log q and p = softmax(log q + t g), p_a - q_a = t q_a (g_a - E_q g) + O(t^2), and f_a "
    "at p is that at q plus O(t), f_a = q_a (log q_a - mu). The product is t q_a^2 (log q_a - mu)(g_a - E_q g) + "
    "O(t^2) = t q_a^2 C_a + O(t^2); sum over a in I.",
)
ONE_STEP = _ONE_STEP.with_mutants(
    _ONE_STEP.mutant(
        "unsquared",
        remainder=lambda t, q, r, m: (
            _delta(_after_step(q, r, t), q, leading(q, m)) - t * (leading(q, m) * q * token_driver(q, r)).sum(-1)
        ),
    ),
    _ONE_STEP.mutant("second-order", remainder=lambda t, q, r, m: _delta(_after_step(q, r, t), q, leading(q, m))),
    _ONE_STEP.mutant("third-order", power=3),
)


def _kl_gradient(p: Array, q: Array) -> Array:
    """Gradient of KL(q || softmax(z)) in z at log p, one directional derivative an entry."""
    old = np.log(q)[..., None, :]
    return directional_derivative(lambda z: kl(old, z), np.log(p)[..., None, :], np.eye(p.shape[-1]))


def _controlled_change(p: Array, q: Array, r: Array, beta: Array, m: Array) -> Any:
    penalty = np.where(leading(p, m), _kl_gradient(p, q), 0 * p)
    return _slope(p, ascent(p, r) - beta[..., None] * penalty)


_ON_POLICY = Identity(
    name="theorem-vi.2/on-policy",
    reading="corrected",
    statement=r"q = p\ \Rightarrow\ \delta_I = 0:\quad \Delta H_{\rm KL-Cov} = -\eta\,\mathrm{Cov}(\log p, pA)",
    given={"p": d.policies(actions=(2, 4)), "r": d.rewards(like="p"), "beta": d.reals(0, 10), "m": d.integers(1, 4)},
    assuming=lambda p, m: (m <= p.shape[-1]).astype(bool),
    lhs=lambda p, r, beta, m: _controlled_change(p, p, r, beta, m),
    rhs=lambda p, r: -driver(p, r),
    hypotheses=f"{_SELECTED}; any selection.",
    remark="In the first step after the old policy is set, KL-Cov is the plain policy gradient, whatever beta and I. "
    "The left side takes the penalty's gradient as a derivative of the divergence. Per unit of eta.",
    proof="The gradient of KL(q || p) in z is p - q (theorem-vi.1/gradient), which vanishes at q = p; so the update is "
    "eta pA, and Theorem IV.1 gives its entropy change.",
)
ON_POLICY = _ON_POLICY.with_mutants(
    _ON_POLICY.mutant("uniform-old", lhs=lambda p, r, beta, m: _controlled_change(p, softmax(0 * p), r, beta, m)),
    _ON_POLICY.mutant("no-driver", rhs=lambda p, r: 0 * driver(p, r)),
)


def _log_ratio(p: Array, v: Array, t: Array) -> Any:
    """``log(p_t / p)`` of every action after the logits moved by t v."""
    return log_softmax(np.log(p) + t[..., None] * v) - log_softmax(np.log(p))


_RELEASED = Order(
    name="theorem-vi.2/on-policy-released",
    reading="corrected",
    statement=r"|\log(\pi_{z+tv}(a)/\pi_z(a))| - |\log(\pi_{z-tv}(a)/\pi_z(a))| = O(t^2)",
    given={"p": d.policies(), "v": d.reals(-10, 10, like="p")},
    power=2,
    remainder=lambda t, p, v: abs(_log_ratio(p, v, t)) - abs(_log_ratio(p, v, -t)),
    hypotheses="v is any direction in logits; every action a is tested.",
    remark="The released code has beta |log(pi/pi_old)| for the divergence. At pi = pi_old it has a kink whose "
    "symmetric derivative is 0 in every direction, the value that automatic differentiation gives: it too does nothing "
    "in the first step. Its one-sided slopes are |v_a - E v|.",
    proof="log(p_{t,a} / p_a) = t (v_a - E v) - t^2 w(t) with w bounded near 0 (the second derivative of log p_a "
    "along v is -Var(v)). So the two absolute values differ from |t| |v_a - E v| by O(t^2) each.",
)
RELEASED = _RELEASED.with_mutants(
    _RELEASED.mutant("one-sided", remainder=lambda t, p, v: abs(_log_ratio(p, v, t))),
    _RELEASED.mutant("third-order", power=3),
)

CLAIMS = (
    EQ_22_PRINTED,
    EQ_22,
    POSITIVE_PRINTED,
    POSITIVE,
    TERMWISE,
    ONE_STEP_PRINTED,
    ONE_STEP,
    ON_POLICY,
    RELEASED,
)

"""What the fuzz calls: a good call of every public function, class and method, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from flint import arb

import entropy_theory as et
from entropy_theory import controls, estimators, simulations, strategies
from entropy_theory.rollouts import sample

d = et.domains

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """A call with good arguments.

    Attributes
    ----------
    call : callable
        Takes the arguments by keyword.
    good : dict
        Of which any may be replaced.
    names : tuple of str
        What else an error may name: parts of an argument.
    extra : dict
        Values near good ones of an argument that is no array.
    may_be_nan : bool
        Whether "no number" is a documented result.
    """

    call: Callable[..., Any]
    good: dict[str, Any]
    names: tuple[str, ...] = ()
    extra: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    may_be_nan: bool = False


Z = np.array([0.5, -1.0, 0.25])
Z2 = np.array([[0.5, -1.0], [0.0, 2.0]])
V = np.array([1.0, 0.0, -2.0])
P = np.array([[[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [0.0, 1.0]]])
R = np.array([[1.0, 0.0], [0.5, -1.0]])
START = np.array([0.5, 0.5])
LOG_PROB = np.log([0.5, 0.25, 0.9])
OLD = np.log([0.4, 0.5, 0.8])
ADVANTAGE = np.array([1.0, -1.0, 0.5])
STATE = np.array([0, 1, 0])
ACTION = np.array([1, 0, 1])
MASK = np.array([True, False, True])
LARGE = np.array([[1e300, -1e300], [1e155, 0.0]])
"""Rewards of which differences, squares and discounted sums are at the end of the doubles."""
SIZES: tuple[Any, ...] = ((2, 3), (3, 2), (0, 2), (1, 10**12), (2, 2, 2), 10**12, -1, 0, (1.5, 2), ("a", 2))
PLACES: tuple[Any, ...] = ("z", "nowhere", "", "a b")


def bandit() -> et.Bandit:
    return et.Bandit([1.0, 0.0, 0.5])


def mdp(batch: bool = False) -> et.MDP:
    return et.MDP(np.stack([P, P]) if batch else P, R, 0.9, START)


def sparse() -> et.MDP:
    return et.MDP(sp.csr_matrix(P.reshape(4, 2)), R, 0.9, START)


def tree() -> et.TokenTree:
    return et.TokenTree(2, 2, np.array([[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]]))


def logits_of_tree() -> Array:
    return np.linspace(-1.0, 1.0, tree().states * 2).reshape(-1, 2)


def rollouts() -> et.Rollouts:
    return sample(tree(), logits_of_tree(), np.array([0, 1]), 2, 0)


PROBLEMS: dict[str, tuple[Callable[[], Any], Array]] = {
    "Bandit": (bandit, Z),
    "MDP": (mdp, Z2),
    "MDP sparse": (sparse, Z2),
    "MDP batch": (lambda: mdp(batch=True), np.stack([Z2, -Z2])),
    "TokenTree": (tree, logits_of_tree()),
}


def _balls(numbers: Array, radius: float = 0.0) -> Array:
    return np.array([et.Ball(arb(x, radius)) for x in numbers.flat], dtype=object).reshape(numbers.shape)


OTHERS: tuple[et.Bandit | et.MDP | et.TokenTree, ...] = (
    et.Bandit([1e300, -1e300, 0.0]),
    et.Bandit([1e155, -1e155, 0.0]),
    et.Bandit([5e-324, 0.0, -5e-324]),
    et.Bandit([1.0, 1.0, 1.0]),
    et.Bandit(_balls(V)),
    et.Bandit(_balls(V, 1.0)),
    et.Bandit(_balls(V, 1e300)),
    et.Bandit(np.zeros((2, 3))),
    et.Bandit([1.0]),
    et.MDP(P, LARGE, 0.9, START),
    et.MDP(P, LARGE[::-1], 0.0, START),
    et.MDP(sp.csr_matrix(P.reshape(4, 2)), LARGE, 0.9, START),
    et.MDP(P, R, 1 - 2**-53, START),
    et.MDP(P, _balls(R), 0.9, START),
    et.MDP(P, _balls(R, 1.0), 0.9, START),
    et.MDP(_balls(P, 0.25), R, 0.5, START),
    et.MDP(P, R, et.Ball(arb(0.5, 0.5)), START),
    et.TokenTree(2, 2, LARGE.reshape(1, 4)),
    et.TokenTree(2, 2, LARGE.reshape(1, 4)[:, ::-1] * 1e-145),
    et.TokenTree(2, 1, _balls(R, 1.0)),
)
"""Problems in place of a good one."""

PARTS = ("reward", "rewards", "discount")
"""What of a problem an error may name."""

CONTROLS: dict[str, Callable[[], et.Control]] = {
    "PolicyGradient": et.PolicyGradient,
    "NaturalPolicyGradient": et.NaturalPolicyGradient,
    "EntropyBonus": lambda: et.EntropyBonus(0.1),
    "ClipCov": lambda: et.ClipCov(0.5, -1.0, 2.0),
    "KLCov": lambda: et.KLCov(0.5, 0.4),
    "ClipHigher": et.ClipHigher,
    "KLCov fixed": lambda: et.KLCov(
        et.PowerDecay(1.0, 1), 0.4, anchor="fixed", centre="state", mask="logit", penalty="kl"
    ),
    "ClipCov state": lambda: et.ClipCov(0.5, -1.0, 2.0, centre="state", factor="logit-change", ppo_clip=None),
}


def _pure() -> Iterator[tuple[str, Case]]:
    for name in ("softmax", "log_softmax", "entropy", "entropy_gradient", "varentropy"):
        yield name, Case(getattr(et, name), {"z": Z})
    for name, second in (("centred", "v"), ("expectation", "v"), ("fisher_norm", "v")):
        yield name, Case(getattr(et, name), {"z": Z, second: V})
    for name in ("first_order_entropy_change", "entropy_change", "log_ratio", "policy_change", "token_covariance"):
        yield name, Case(getattr(et, name), {"z": Z, "dz": V})
    yield "covariance", Case(et.covariance, {"z": Z, "x": V, "y": -Z})
    yield "kl", Case(et.kl, {"z_old": Z, "z_new": V})
    yield "kl_along", Case(et.kl_along, {"z": Z, "direction": V, "step": np.array(0.5)})
    yield "policy_statistics", Case(et.policy_statistics, {"z": Z, "v": V, "out": None})
    for name in ("stability_margin", "quadratic_stability_margin"):
        # No divergence is ever reached along a direction that changes no policy: the margin is infinite.
        yield name, Case(getattr(et, name), {"z": Z, "direction": V, "epsilon": np.array(0.1)})
        yield (
            f"{name} weighted",
            Case(getattr(et, name), {"z": Z2, "direction": Z2[::-1], "epsilon": np.array(0.1), "weights": START}),
        )
    for name in ("largest", "smallest"):
        yield name, Case(getattr(et, name), {"x": Z2, "axis": -1}, extra={"axis": (0, 5, -7)}, may_be_nan=True)
    yield "exact", Case(et.exact, {"numerator": 1, "denominator": 3}, extra={"numerator": ("1/3", "1e999999999")})
    yield (
        "directional_derivative",
        Case(et.directional_derivative, {"function": et.entropy, "z": Z, "direction": V}, names=("v",)),
    )
    yield "precision", Case(_precisely, {"bits": 128})


def _precisely(bits: Any) -> Any:
    with et.precision(bits):
        return et.Ball(1).exp()


def _problems() -> Iterator[tuple[str, Case]]:
    yield "Bandit", Case(et.Bandit, {"reward": V})
    dense = {"transition": P, "reward": R, "discount": np.array(0.9), "initial": START, "termination": np.zeros((2, 2))}
    yield "MDP", Case(et.MDP, dense)
    yield (
        "MDP sparse",
        Case(
            et.MDP,
            {"transition": sp.csr_matrix(P.reshape(4, 2)), "reward": R, "discount": 0.9, "initial": START},
            extra={
                "transition": (sp.csr_matrix((4, 2)), sp.csr_matrix((2, 4)), sp.coo_matrix(np.full((4, 2), np.nan)))
            },
        ),
    )
    yield "MDP.from_gymnasium", Case(et.MDP.from_gymnasium, {"env_or_id": "FrozenLake-v1", "discount": 0.9})
    yield (
        "TokenTree",
        Case(
            et.TokenTree,
            {"vocabulary": 2, "horizon": 2, "reward": np.arange(8.0).reshape(2, 4), "prompts": 2, "weights": START},
        ),
    )
    yield (
        "TokenTree.random",
        Case(
            et.TokenTree.random,
            {"vocabulary": 2, "horizon": 2, "prompts": 2, "correct": 0.5, "weights": START, "seed": 0},
            extra={"correct": ((0.1, 0.5), (0.5, 0.1), (0.0, 1.0), (0.1,)), "horizon": (10**9, 29, 30)},
        ),
    )
    yield "TokenTree.level", Case(lambda **a: tree().level(**a), {"t": 1})
    yield "TokenTree.state", Case(lambda **a: tree().state(**a), {"prompt": 1, "prefix": (1,)})
    yield "TokenTree.prefix", Case(lambda **a: tree().prefix(**a), {"state": 3})
    yield "TokenTree.to_mdp", Case(lambda **a: tree().to_mdp(**a), {"discount": 0.9, "sparse": False})
    yield (
        "TokenTree.pretrained",
        Case(lambda **a: tree().pretrained(**a), {"confidence": 1.0, "skill": 0.5, "seed": 0}),
    )
    yield "Values", Case(lambda z: mdp().values(z).residual, {"z": Z2})
    for name, (make, z) in PROBLEMS.items():
        methods = ["objective", "values", "check_logits"]
        if name == "TokenTree":
            methods += ["objective_gradient", "mean_entropy", "mean_entropy_gradient"]
        for method in methods:
            yield (
                f"{name}.{method}",
                Case(lambda z, make=make, method=method: getattr(make(), method)(z), {"z": z}, ("discount",)),
            )
        if name != "Bandit":
            per_state = np.linspace(0.0, 1.0, make().states)
            for method in ("state_values", "expected_total"):
                yield (
                    f"{name}.{method}",
                    Case(
                        lambda make=make, method=method, **a: getattr(make(), method)(**a),
                        {"z": z, "reward": per_state},
                        ("discount",),
                    ),
                )
            yield (
                f"{name}.expected_next",
                Case(lambda v, make=make: make().expected_next(v), {"v": per_state}),
            )
        for function in (
            et.evaluate,
            et.policy_gradient,
            et.natural_policy_gradient,
            et.mean_entropy,
            et.mean_entropy_gradient,
        ):
            others = {"problem": OTHERS}
            yield f"{function.__name__} {name}", Case(function, {"problem": make(), "z": z}, PARTS, others)


def _controls() -> Iterator[tuple[str, Case]]:
    numbers: tuple[Any, ...] = (et.exact(1, 3), et.Annealed(1.0, 0.0, 3), lambda step: float("nan"), lambda step: "a")
    yield "EntropyBonus", Case(et.EntropyBonus, {"alpha": 0.1, "visitation": "held"}, extra={"alpha": numbers})
    yield "PolicyGradient", Case(et.PolicyGradient, {}, names=("PolicyGradient",))
    yield "NaturalPolicyGradient", Case(et.NaturalPolicyGradient, {})
    yield "ClipHigher", Case(et.ClipHigher, {"low": 0.2, "high": 0.3})
    clip = {"fraction": 0.5, "low": 0.0, "high": 1.0, "band": "open", "unit": "absolute", "at_least_one": True}
    more = {"centre": "batch", "factor": "advantage", "mask": "token", "ppo_clip": (0.2, 0.2)}
    yield (
        "ClipCov",
        Case(et.ClipCov, clip | more, extra={"ppo_clip": ((0.2,), (0.2, -1.0), (2.0, 0.1), ("a", "b"), 0.2)}),
    )
    kl: dict[str, Any] = {"beta": 0.5, "fraction": 0.4, "rank": "signed", "at_least_one": True, "centre": "batch"}
    kl |= {"factor": "advantage", "mask": "token", "penalty": "abs-log-ratio", "anchor": "moving"}
    yield "KLCov", Case(et.KLCov, kl, extra={"beta": numbers})
    yield (
        "ClipCov.preset",
        Case(
            et.ClipCov.preset, {"name": "verl", "fraction": 0.5}, names=("preset",), extra={"name": ("skyrl", "VERL")}
        ),
    )
    yield (
        "KLCov.preset",
        Case(et.KLCov.preset, {"name": "verl", "beta": 0.5}, names=("preset",), extra={"name": ("skyrl", "nobody")}),
    )
    yield "Annealed", Case(et.Annealed, {"start": 1.0, "end": 0.0, "steps": 4})
    yield "Annealed.__call__", Case(et.Annealed(1.0, 0.0, 4), {"step": 3})
    yield "PowerDecay", Case(et.PowerDecay, {"start": 1.0, "power": 1.0})
    yield "PowerDecay.__call__", Case(et.PowerDecay(1.0, 0.5), {"step": 3})
    tokens = {"log_prob": LOG_PROB, "advantage": ADVANTAGE, "old_log_prob": OLD, "state": STATE, "covariance": V}
    at_logits: dict[str, Any] = {"z": Z2, "state": STATE, "action": ACTION, "advantage": ADVANTAGE, "z_old": Z2 / 2}
    at_logits |= {"reference": Z2 / 3, "selected": MASK, "rng": 0, "step": 1}
    for name, make in CONTROLS.items():
        yield f"{name}.select", Case(lambda make=make, **a: make().select(**a), {**tokens, "rng": 0})
        yield f"{name}.selections", Case(lambda make=make, **a: make().selections(**a), dict(tokens))
        gradient = {**tokens, "reference_log_prob": OLD, "selected": MASK, "rng": 0, "step": 1}
        if not make().beyond_tokens(0):
            yield f"{name}.token_gradient", Case(lambda make=make, **a: make().token_gradient(**a), gradient)
        yield f"{name}.loss_gradient", Case(lambda make=make, **a: make().loss_gradient(**a), at_logits, ("log_prob",))
        for problem, (build, z) in PROBLEMS.items():
            if problem not in ("Bandit", "MDP batch") and name not in ("EntropyBonus", "KLCov"):
                continue
            good: dict[str, Any] = {"problem": build(), "z": z, "eta": np.array(0.5), "anchor": z / 2}
            yield (
                f"{name}.update {problem}",
                Case(
                    lambda make=make, **a: make().update(**a),
                    {**good, "reference": z / 3, "step": 1},
                    PARTS,
                    {"problem": OTHERS},
                ),
            )
            share = {"problem": build(), "z": z, "anchor": z / 2}
            yield (
                f"{name}.selected_share {problem}",
                Case(lambda make=make, **a: make().selected_share(**a), share, PARTS, {"problem": OTHERS}),
            )
    yield "Tokens.of", Case(controls.Tokens.of, {**tokens, "reference_log_prob": OLD})
    batch = {k: v for k, v in at_logits.items() if k not in ("selected", "rng", "step")}
    yield "Batch.of", Case(controls.Batch.of, {**batch, "old_log_prob": OLD, "reference_log_prob": OLD})
    yield "Expected.of", Case(controls.Expected.of, {"problem": mdp(), "z": Z2, "anchor": Z2 / 2, "reference": Z2 / 3})
    yield "top_tokens", Case(controls.top_tokens, {"values": V, "count": 2})
    yield "top_share", Case(controls.top_share, {"rank": Z2, "weight": np.full((2, 2), 0.25), "fraction": 0.5})


def _estimators() -> Iterator[tuple[str, Case]]:
    reward = np.array([[0.0, 1.0], [1.0, 1.0]])
    yield "Reinforce", Case(et.Reinforce, {"baseline": 0.5, "normalise": True})
    yield "GRPO", Case(et.GRPO, {"scale": "std", "ddof": 1})
    yield "RLOO", Case(et.RLOO, {})
    yield "PRIME", Case(et.PRIME, {"beta": 0.1, "learning_rate": 1.0})
    for name, estimator in (("Reinforce", et.Reinforce()), ("GRPO", et.GRPO()), ("RLOO", et.RLOO())):
        yield f"{name}.of_rewards", Case(estimator.of_rewards, {"reward": reward})
    process = np.zeros((2, 2, 2))
    yield "prime_advantage", Case(estimators.prime_advantage, {"reward": reward, "process": process})
    for name, made in (("Reinforce", et.Reinforce()), ("GRPO", et.GRPO()), ("RLOO", et.RLOO()), ("PRIME", et.PRIME())):
        yield f"{name}.start", Case(made.start, {"tree": tree(), "z0": logits_of_tree()})
        memory: Any = made.start(tree(), logits_of_tree())
        yield f"{name}.advantages", Case(made.advantages, {"rollouts": rollouts(), "memory": memory})
        if name == "PRIME":  # the others hand back what they are given
            yield f"{name}.learn", Case(made.learn, {"rollouts": rollouts(), "memory": memory})
    yield "PRIME.process", Case(et.PRIME().process, {"rollouts": rollouts(), "memory": memory})
    yield "Rollouts.take", Case(rollouts().take, {"index": np.array([0])})


def _moments() -> Iterator[tuple[str, Case]]:
    keep = np.array([1.0, 0.5, 0.25])
    made = et.token_moments(Z, V)
    yield "token_moments", Case(et.token_moments, {"z": Z, "advantage": V, "keep": keep, "tokens": 2})
    yield "entry_masked", Case(et.entry_masked, {"moments": made, "keep": keep})
    yield "randomly_masked", Case(et.randomly_masked, {"moments": made, "rho": np.array(0.5)})
    enumerated = {
        "control": et.KLCov(0.5, 0.4),
        "z": Z,
        "advantage": V,
        "tokens": 2,
        "z_old": -Z,
        "covariance": V,
        "step": 1,
    }
    yield "enumerated_moments", Case(et.enumerated_moments, enumerated, extra={"tokens": (0, 8, 40, 10**6)})
    small, large = np.diag([1.0, 3.0]), np.diag([2.0, 2.0])
    yield "loewner_gap", Case(et.loewner_gap, {"smaller": small, "larger": large, "zero_sum": False})
    yield "loewner_witness", Case(et.loewner_witness, {"smaller": small, "larger": large})
    yield "Moments", Case(et.Moments, {"mean": made.mean, "covariance": made.covariance}, may_be_nan=True)


def _runs() -> Iterator[tuple[str, Case]]:
    steps = {"steps": (0, 2, -1, 1.5, "3")}
    for name, (make, z) in PROBLEMS.items():
        good = {
            "problem": make(),
            "control": et.PolicyGradient(),
            "z0": z,
            "eta": np.array(0.5),
            "steps": 2,
            "anchor": z,
        }
        yield f"ascend {name}", Case(et.ascend, good, PARTS, {**steps, "problem": OTHERS})
    good = {"problem": bandit(), "control": et.KLCov(0.5, 0.4), "z0": Z, "eta": 0.5, "steps": 2, "updates": 1}
    good |= {"record_every": 1, "margin": 0.1, "state_entropy": None, "seed": 0, "checkpoint": None, "progress": None}
    yield "train", Case(et.train, good, PARTS, {**steps, "problem": OTHERS}, may_be_nan=True)
    sampled: dict[str, Any] = {
        "problem": tree(),
        "control": et.ClipCov(0.5, -1.0, 2.0),
        "z0": logits_of_tree(),
        "eta": 0.5,
    }
    sampled |= {"steps": 2, "sampling": et.Sampling(prompts=2, responses=2), "margin": 0.1, "seed": 0}
    yield "train sampled", Case(et.train, sampled, PARTS, {**steps, "problem": OTHERS}, may_be_nan=True)
    sampling = {
        "prompts": 2,
        "responses": 2,
        "minibatches": 1,
        "epochs": 2,
        "estimator": et.GRPO(),
        "filter_equal": True,
    }
    yield "Sampling", Case(et.Sampling, sampling)
    yield "Sampling.collect", Case(et.Sampling(2, 2).collect, {"tree": tree(), "z": logits_of_tree(), "rng": 0})
    yield "Sampling.parts", Case(lambda **a: list(et.Sampling(2, 2).parts(**a)), {"groups": 2, "rng": 0})
    yield "BiasedAscent", Case(et.BiasedAscent, {"bias": lambda z, t: 0 * z})
    update = {"problem": bandit(), "z": Z, "eta": 0.5, "anchor": None, "step": 1}
    yield "BiasedAscent.update", Case(et.BiasedAscent(lambda z, t: 0 * z).update, update)
    yield "reward_smoothness", Case(et.reward_smoothness, {"reward": V})
    yield "entropy_smoothness", Case(et.entropy_smoothness, {"actions": 3})
    yield "gradient_bound", Case(et.gradient_bound, {"gain": np.array(1.0), "eta": np.array(0.5), "squared_bias": Z**2})
    yield "two_armed_flow", Case(et.two_armed_flow, {"w0": np.array(0.5), "s": np.array([0.0, 1.0])})
    bounds = {"w0": np.array(0.5), "total": np.array(3.0), "largest_step": np.array(0.5)}
    yield "two_armed_bounds", Case(et.two_armed_bounds, bounds)
    yield "two_armed_ascent", Case(et.two_armed_ascent, {"w0": 0.0, "etas": np.ones(3), "betas": np.ones(3)})


def _domains() -> Iterator[tuple[str, Case]]:
    for name in ("logits", "policies", "rewards"):
        good = {"actions": (2, 3), "states": None, "like": None}
        extra = {"actions": SIZES, "states": SIZES, "like": PLACES}
        yield f"domains.{name}", Case(getattr(d, name), good, extra=extra)
    flags = {"open_low": False, "open_high": False}
    yield "domains.reals", Case(d.reals, {"low": 0.0, "high": 1.0, "like": None, **flags}, extra={"like": PLACES})
    yield "domains.positive", Case(d.positive, {"like": None}, extra={"like": PLACES})
    yield "domains.integers", Case(d.integers, {"low": 0, "high": 3}, extra={"low": (0.5, 2.5), "high": (0.5, 10**12)})
    extra = {"actions": SIZES, "states": SIZES}
    yield "domains.mdps", Case(d.mdps, {"states": (1, 2), "actions": (2, 3), "tables": False}, extra=extra)


def _claims() -> Iterator[tuple[str, Case]]:
    given = {"z": d.logits(actions=2)}
    base: dict[str, Any] = {"name": "fuzzed", "given": given, "statement": "a", "assuming": None, "reading": "printed"}
    base |= {"tight": False, "remark": "", "hypotheses": "", "proof": "", "breaks": "", "terms": {}, "mutants": ()}
    variables: tuple[Any, ...] = (
        {},
        {"z": 1},
        {1: d.logits()},
        {"": d.logits()},
        {"z": d.logits(like="z")},
        {"a b": d.logits()},
    )
    sides: dict[str, Any] = {"lhs": lambda z: z.sum(-1), "rhs": 0}
    extra = {"given": variables, "reading": ("corrected", "both")}
    ours = ("claim", "fuzzed", "name")
    yield "Identity", Case(et.Identity, base | sides, ours, extra)
    yield "Inequality", Case(et.Inequality, base | sides | {"strict": False}, ours, extra)
    yield "Order", Case(et.Order, base | {"remainder": lambda t, z: t**2 * z.sum(-1), "power": 2}, ours, extra)
    claim = et.Inequality(name="fuzzed", given=given, lhs=lambda z: 0 * z.sum(-1), rhs=1)
    verify = {"claim": claim, "seed": 0, "budget": 30, "reading": "printed"}
    yield (
        "verify",
        Case(
            et.verify, verify, names=("name",), extra={"claim": ("lemma-iv.9", "\n"), "budget": (1, 7)}, may_be_nan=True
        ),
    )
    every: dict[str, Any] = {
        "names": ("lemma-iv.1/zero-sum",),
        "seed": 0,
        "seeds": 1,
        "budget": 5,
        "workers": 1,
        "store": None,
    }
    yield (
        "verify_all",
        Case(
            et.verify_all, every, names=("name",), extra={"names": (("lemma-iv.9",), ("a\nb",), (3,))}, may_be_nan=True
        ),
    )
    yield "Claim.mutant", Case(claim.mutant, {"label": "wrong", "rhs": 2}, ours)
    yield (
        "Claim.with_mutants",
        Case(
            lambda mutant: claim.with_mutants(mutant),
            {"mutant": claim.mutant("wrong", rhs=-1)},
            ("claim", "fuzzed", "mutants"),
        ),
    )


def _strategies() -> Iterator[tuple[str, Case]]:
    bounds = {"low": -3.0, "high": 3.0}
    sizes = {"actions": (2, 3), "states": (1, 2)}
    extra = {"actions": SIZES, "states": SIZES, "discount": ((0.0, 0.9), (0.9, 0.1), (0.0, 1.0), 1.0)}
    yield "strategies.logits", Case(strategies.logits, sizes | bounds, extra=extra)
    yield "strategies.policies", Case(strategies.policies, sizes | bounds, extra=extra)
    yield "strategies.rewards", Case(strategies.rewards, {"like": None} | sizes | bounds, extra=extra)
    yield "strategies.directions", Case(strategies.directions, {"like": Z} | bounds)
    yield "strategies.bandits", Case(strategies.bandits, {"actions": (2, 3)}, extra=extra)
    yield (
        "strategies.bandits_with_logits",
        Case(strategies.bandits_with_logits, {"actions": (2, 3)} | bounds, extra=extra),
    )
    process = sizes | {"termination": True, "discount": (0.0, 0.9)}
    yield "strategies.mdps", Case(strategies.mdps, process, extra=extra)
    yield "strategies.mdps_with_logits", Case(strategies.mdps_with_logits, process | bounds, extra=extra)


def _simulations() -> Iterator[tuple[str, Case]]:
    yield (
        "simulations.select",
        Case(simulations.select, {"names": ("controls",)}, ("name",), {"names": (("a",), ("",))}),
    )
    yield "simulations.origin_of", Case(simulations.origin_of, {"scale": "small", "seeds": 2})
    good = {"name": "reference-kl", "scale": "small", "seeds": 2}
    yield "simulations.run", Case(simulations.run, good, extra={"name": ("reference", "REFERENCE-KL", "\n")})


def _numbers() -> Iterator[tuple[str, Case]]:
    yield (
        "Ball",
        Case(
            et.Ball,
            {"value": 1},
            names=("is not a finite rational number",),
            extra={"value": ("1/3", "1/0", "1e9", "٣")},
        ),
    )
    third = et.Ball(1) / 3
    methods = "exp expm1 log log10 log1p log2 sqrt sin cos tan sinh cosh tanh arctan conjugate is_finite midpoint"
    for name in methods.split():
        yield f"Ball.{name}", Case(lambda name=name: getattr(third, name)(), {})


CASES: dict[str, Case] = {
    name: case
    for part in (
        _pure,
        _problems,
        _controls,
        _estimators,
        _moments,
        _runs,
        _domains,
        _claims,
        _strategies,
        _simulations,
        _numbers,
    )
    for name, case in part()
}

"""Every refusal is a ValueError that names the argument, the offending index and value, and what was expected.

The expected fragments are derived from the input alone: the argument's name as a word, the index as its numbers in
order, and the value as Python prints it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

import flint
import numpy as np
import pytest
import scipy.sparse as sp

import entropy_theory as et

NAN, INF = float("nan"), float("inf")


def refuses(call: Callable[[], Any], argument: str, value: str, index: tuple[int, ...] = ()) -> None:
    """The call raises ValueError, and its message holds the argument's name, the value and the index."""
    with pytest.raises(ValueError, match=rf"\b({argument})\b") as caught:
        call()
    message = str(caught.value)
    assert value in message, f"the value {value!r} is not in {message!r}"
    if index:
        assert re.search(r"(?<!\d)" + r"\D{1,3}".join(map(str, index)) + r"(?!\d)", message), (
            f"the index {index} is not in {message!r}"
        )
    without = re.sub(r"[\d\W_]+", " ", message)
    assert len(without.split()) >= 4, f"what was expected is not in {message!r}"


GOOD = np.array([[0.5, -1.0, 0.25], [1.0, 0.0, 2.0]])
Engine = tuple[str, tuple[str, ...]]
ENGINE: list[Engine] = [
    ("softmax", ("z",)),
    ("log_softmax", ("z",)),
    ("entropy", ("z",)),
    ("entropy_gradient", ("z",)),
    ("varentropy", ("z",)),
    ("covariance", ("z", "x", "y")),
    ("kl", ("z_old", "z_new")),
    ("fisher_norm", ("z", "v")),
    ("first_order_entropy_change", ("z", "dz")),
    ("entropy_change", ("z", "dz")),
    ("token_covariance", ("z", "dz")),
]
EVERY = [(name, names, names.index(argument)) for name, names in ENGINE for argument in names]
every_argument = pytest.mark.parametrize(("name", "names", "position"), EVERY)


def with_argument(name: str, names: tuple[str, ...], position: int, value: Any) -> Callable[[], Any]:
    """A call whose arguments are all good but one."""
    arguments: list[Any] = [GOOD] * len(names)
    arguments[position] = value
    return lambda: getattr(et, name)(*arguments)


@every_argument
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_not_finite(name: str, names: tuple[str, ...], position: int, bad: float) -> None:
    value = GOOD.copy()
    value[1, 2] = bad
    refuses(with_argument(name, names, position, value), names[position], str(bad), (1, 2))


@every_argument
def test_not_finite_complex_and_balls(name: str, names: tuple[str, ...], position: int) -> None:
    value = GOOD.astype(complex)
    value[1, 2] = complex(0.0, NAN)
    refuses(with_argument(name, names, position, value), names[position], "nan", (1, 2))
    balls = np.array([[flint.arb(float(x)) for x in row] for row in GOOD], dtype=object)
    balls[1, 2] = flint.arb.nan()
    refuses(with_argument(name, names, position, balls), names[position], "nan", (1, 2))


@every_argument
def test_empty_action_set(name: str, names: tuple[str, ...], position: int) -> None:
    arguments: list[Any] = [np.zeros((2, 0))] * len(names)
    refuses(lambda: getattr(et, name)(*arguments), "|".join(names), "(2, 0)")
    refuses(with_argument(name, names, position, np.zeros((2, 0))), names[position], "(2, 0)")
    refuses(with_argument(name, names, position, []), names[position], "(0,)")


@every_argument
def test_a_number_has_no_actions(name: str, names: tuple[str, ...], position: int) -> None:
    refuses(with_argument(name, names, position, 1.5), names[position], "()")


@every_argument
@pytest.mark.parametrize("bad", ["logits", ["a", "b", "c"]])
def test_strings(name: str, names: tuple[str, ...], position: int, bad: Any) -> None:
    refuses(with_argument(name, names, position, bad), names[position], "logits" if bad == "logits" else "a")


@pytest.mark.parametrize(("name", "names"), [e for e in ENGINE if len(e[1]) > 1])
def test_shapes_that_do_not_broadcast(name: str, names: tuple[str, ...]) -> None:
    for position in range(1, len(names)):
        bad = np.zeros((2, 4))
        refuses(with_argument(name, names, position, bad), names[position], "(2, 4)")
        bad = np.zeros((5, 3))
        refuses(with_argument(name, names, position, bad), names[position], "(5, 3)")


# --- problems -----------------------------------------------------------------------------------------------------

P = np.array([[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.25, 0.75]]])
R = np.array([[1.0, 0.0], [0.5, -1.0]])
START = np.array([0.5, 0.5])


def mdp(**changes: Any) -> Callable[[], Any]:
    arguments: dict[str, Any] = {"transition": P, "reward": R, "discount": 0.5, "initial": START} | changes
    return lambda: et.MDP(
        arguments["transition"],
        arguments["reward"],
        arguments["discount"],
        arguments["initial"],
        termination=arguments.get("termination"),
    )


def changed(array: Any, index: tuple[int, ...], value: float) -> Any:
    out = np.array(array, dtype=float)
    out[index] = value
    return out


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_bandit_reward(bad: float) -> None:
    refuses(lambda: et.Bandit(changed(R, (1, 0), bad)), "reward", str(bad), (1, 0))


def test_bandit_shapes() -> None:
    refuses(lambda: et.Bandit([]), "reward", "(0,)")
    refuses(lambda: et.Bandit(np.zeros((3, 0))), "reward", "(3, 0)")
    refuses(lambda: et.Bandit("reward of one"), "reward", "reward of one")
    refuses(lambda: et.Bandit(1.0), "reward", "()")


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_process_not_finite(bad: float) -> None:
    refuses(mdp(reward=changed(R, (1, 0), bad)), "reward", str(bad), (1, 0))
    refuses(mdp(transition=changed(P, (1, 0, 1), bad)), "transition", str(bad), (1, 0, 1))
    refuses(mdp(initial=changed(START, (1,), bad)), "initial", str(bad), (1,))
    refuses(mdp(discount=bad), "discount", str(bad))
    refuses(mdp(termination=changed(np.zeros((2, 2)), (1, 0), bad)), "termination", str(bad), (1, 0))


def test_rows_that_do_not_sum_to_one() -> None:
    refuses(mdp(transition=changed(P, (1, 0, 0), 0.875)), "transition", "0.875", (1, 0))
    refuses(mdp(transition=changed(P, (0, 1, 0), 0.125)), "transition", "1.125", (0, 1))
    refuses(mdp(termination=changed(np.zeros((2, 2)), (1, 0), 0.125)), "transition", "1.125", (1, 0))
    refuses(mdp(initial=np.array([0.5, 0.375])), "initial", "0.875")
    rows = sp.csr_matrix(changed(P, (1, 0, 0), 0.875).reshape(4, 2))
    with pytest.raises(ValueError, match=r"\btransition\b.*") as caught:
        mdp(transition=rows)()
    assert "0.875" in str(caught.value)


def test_a_small_defect_of_a_row_is_not_overlooked() -> None:
    """1e-6 is ten digits above the rounding of a row of two entries."""
    with pytest.raises(ValueError, match=r"\btransition\b"):
        mdp(transition=changed(P, (0, 0, 0), 0.5 + 1e-6))()
    with pytest.raises(ValueError, match=r"\binitial\b"):
        mdp(initial=np.array([0.5, 0.5 - 1e-6]))()


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_rows_of_floats_may_be_off_by_1e_8(sparse: bool) -> None:
    """And by no more, above or below; so may the distribution of the first state."""
    for off, fine in ((0.9e-8, True), (-0.9e-8, True), (1.1e-8, False), (-1.1e-8, False)):
        rows: Any = changed(P, (0, 0, 0), 0.5 + off)
        rows = sp.csr_matrix(rows.reshape(4, 2)) if sparse else rows
        for change in ({"transition": rows}, {"initial": np.array([0.5, 0.5 + off])}):
            if fine:
                mdp(**change)()
            else:
                refuses(mdp(**change), "transition|initial", "1.00000001" if off > 0 else "0.99999998")


def test_zeros_of_a_sparse_table_may_be_stored() -> None:
    rows = sp.csr_matrix((np.array([0.5, 0.5, 0.0, 1.0, 1.0, 0.0, 0.25, 0.75]), [0, 1] * 4, [0, 2, 4, 6, 8]))
    assert rows.nnz == 8
    problem = mdp(transition=rows)()
    np.testing.assert_array_equal(problem.expected_next(START), mdp()().expected_next(START))


def test_rows_of_exact_numbers_sum_to_one() -> None:
    """Rationals exactly, balls if they hold one: thirds as balls do, and a ball beside one does not."""
    third = Fraction(1, 3)
    rows = np.full((3, 1, 3), third, dtype=object)
    arguments: dict[str, Any] = {"reward": np.zeros((3, 1)), "initial": [0.5, 0.5, 0.0]}
    mdp(transition=rows, **arguments)()
    rows[1, 0, 2] += Fraction(1, 10**30)
    refuses(mdp(transition=rows, **arguments), "transition", "1", (1, 0))
    balls = np.full((3, 1, 3), flint.arb(1) / 3, dtype=object)
    mdp(transition=balls, **arguments)()
    balls[2, 0, 1] += flint.arb(1e-10)
    refuses(mdp(transition=balls, **arguments), "transition", "1.0000000001", (2, 0))
    twos = np.full((3, 1, 3), flint.arb(2) / 3, dtype=object)
    refuses(mdp(transition=twos, **arguments), "transition", "2.0")


def test_what_a_row_is_to_sum_to() -> None:
    short = changed(P, (1, 0, 0), 0.875)
    with pytest.raises(ValueError, match=r"transition over the next state.* expected a row that sums to one$"):
        mdp(transition=short)()
    with pytest.raises(ValueError, match=r"next state.* expected transition \+ termination that sums to one$"):
        mdp(transition=short, termination=np.zeros((2, 2)))()
    mdp(transition=short, termination=changed(np.zeros((2, 2)), (1, 0), 0.125))()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("reward", np.zeros((3, 2, 2)), "reward has shape (3, 2, 2) and dtype float64"),
        ("reward", R.astype(complex), "reward has shape (2, 2) and dtype complex128"),
        ("discount", np.array([0.5]), "discount has shape (1,) and dtype float64"),
        ("initial", np.stack([START] * 3), "initial has shape (3, 2) and dtype float64"),
        ("initial", np.array([Fraction(1, 2)] * 2, dtype=object), "initial has shape (2,) and dtype object"),
        ("termination", np.zeros((1, 2, 2)), "termination has shape (1, 2, 2) and dtype float64"),
    ],
)
def test_beside_a_sparse_table_there_is_one_process_of_floats(name: str, value: Any, shown: str) -> None:
    rows = sp.csr_matrix(P.reshape(4, 2))
    expected = {"discount": "()", "initial": "(2,)"}.get(name, "(2, 2)")
    with pytest.raises(ValueError, match=re.escape(f"{shown}, expected real numbers of shape {expected} beside")):
        mdp(transition=rows, **{name: value})()


def test_policies_and_rewards_of_states_beside_a_sparse_table() -> None:
    """Floats, and at least one policy."""
    problem = mdp(transition=sp.csr_matrix(P.reshape(4, 2)))()
    balls = np.array([[flint.arb(0)] * 2] * 2, dtype=object)
    refuses(lambda: problem.objective(balls), "z holds balls", "beside a sparse transition (use a dense one)")
    refuses(lambda: problem.check_logits(balls, "anchor"), "anchor holds balls", "beside a sparse transition")
    refuses(lambda: problem.objective(np.zeros((0, 2, 2))), "z", "(0, 2, 2)")
    refuses(lambda: problem.expected_next(balls[0]), "v holds balls", "beside a sparse transition")
    refuses(lambda: problem.state_values(np.zeros((2, 2)), balls[0]), "reward holds balls", "beside a sparse")


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_rewards_of_states_of_a_process(kind: str) -> None:
    problem = mdp(transition=P if kind == "dense" else sp.csr_matrix(P.reshape(4, 2)))()
    z = np.zeros((2, 2))
    calls: list[tuple[str, Callable[[Any], Any]]] = [
        ("v", problem.expected_next),
        ("reward", partial(problem.state_values, z)),
        ("reward", partial(problem.expected_total, z)),
    ]
    for name, call in calls:
        for shape in ((3,), (), (2, 3), (0,)):
            refuses(partial(call, np.zeros(shape)), name, str(shape))
        refuses(partial(call, np.array([0.0, NAN])), name, "nan", (1,))
    batch = mdp(transition=np.stack([P] * 3))()
    refuses(lambda: batch.expected_next(np.zeros((2, 2))), "v", "(2, 2)")
    refuses(lambda: batch.state_values(z, np.zeros((2, 2))), "reward", "(2, 2)")
    refuses(lambda: batch.expected_next(np.zeros((2, 2))), "v", "against the batch (3,)")
    refuses(lambda: batch.objective(np.zeros((2, 2, 2))), "z", "against the batch (3,)")
    assert batch.expected_next(np.zeros(2)).shape == (3, 2, 2)
    assert batch.expected_next(np.zeros((5, 1, 2))).shape == (5, 3, 2, 2)


def test_negative_probabilities() -> None:
    bad = changed(changed(P, (1, 0, 0), 1.25), (1, 0, 1), -0.25)
    refuses(mdp(transition=bad), "transition", "-0.25", (1, 0, 1))
    refuses(mdp(initial=np.array([1.25, -0.25])), "initial", "-0.25", (1,))
    refuses(mdp(termination=changed(np.zeros((2, 2)), (0, 1), -0.25)), "termination", "-0.25", (0, 1))
    with pytest.raises(ValueError, match=r"\btransition\b") as caught:
        mdp(transition=sp.csr_matrix(bad.reshape(4, 2)))()
    assert "-0.25" in str(caught.value)


@pytest.mark.parametrize("bad", [1.0, 1.5, -0.25, 2])
def test_discount(bad: float) -> None:
    refuses(mdp(discount=bad), "discount", str(bad))


def test_discount_of_a_batch() -> None:
    refuses(mdp(discount=np.array([0.5, 1.25, 0.0])), "discount", "1.25", (1,))


def test_process_shapes() -> None:
    refuses(mdp(transition=P[:1]), "transition", "(1, 2, 2)")
    refuses(mdp(transition=P[0]), "transition", "(2, 2)")
    refuses(mdp(transition=np.zeros((2, 0, 2)), reward=np.zeros((2, 0))), "transition|reward", "(2, 0")
    refuses(
        mdp(transition=np.zeros((0, 2, 0)), reward=np.zeros((0, 2)), initial=[]),
        "transition|reward|initial",
        "(0",
    )
    refuses(mdp(reward=np.zeros((2, 3))), "reward|transition", "(2, 3")
    refuses(mdp(reward=np.zeros(2)), "reward", "(2,)")
    refuses(mdp(initial=np.array([0.5, 0.25, 0.25])), "initial", "(3,)")
    refuses(mdp(initial=1.0), "initial", "()")
    refuses(mdp(termination=np.zeros((2, 3))), "termination", "(2, 3)")
    refuses(mdp(transition=np.stack([P] * 3), reward=np.stack([R] * 2)), "reward|transition", "(2, 2, 2)")
    refuses(mdp(transition=np.stack([P] * 3), discount=np.array([0.5, 0.5])), "discount|transition", "(2,)")
    refuses(mdp(transition=sp.csr_matrix(P.reshape(4, 2)[:3])), "transition", "(3, 2)")


@pytest.mark.parametrize("argument", ["transition", "reward", "discount", "initial", "termination"])
def test_process_strings(argument: str) -> None:
    refuses(mdp(**{argument: "half"}), argument, "half")


PROBLEM_CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "objective": lambda problem, z: problem.objective(z),
    "values": lambda problem, z: problem.values(z),
    "policy_gradient": et.policy_gradient,
    "natural_policy_gradient": et.natural_policy_gradient,
    "mean_entropy": et.mean_entropy,
    "mean_entropy_gradient": et.mean_entropy_gradient,
}


@pytest.mark.parametrize("call", PROBLEM_CALLS)
@pytest.mark.parametrize("kind", ["bandit", "dense", "sparse"])
def test_logits_of_a_problem(kind: str, call: str) -> None:
    problem = {
        "bandit": lambda: et.Bandit(R),
        "dense": mdp(),
        "sparse": mdp(transition=sp.csr_matrix(P.reshape(4, 2))),
    }[kind]()
    function = PROBLEM_CALLS[call]
    for bad in (NAN, INF, -INF):
        logits = changed(np.zeros((2, 2)), (1, 0), bad)
        refuses(partial(function, problem, logits), "z", str(bad), (1, 0))
    refuses(lambda: function(problem, np.zeros((2, 3))), "z", "(2, 3)")
    refuses(lambda: function(problem, np.zeros((3, 2))), "z", "(3, 2)")
    refuses(lambda: function(problem, np.zeros((2, 0))), "z", "(2, 0)")
    refuses(lambda: function(problem, []), "z", "(0,)")
    refuses(lambda: function(problem, 1.5), "z", "()")
    refuses(lambda: function(problem, "logits"), "z", "logits")


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_a_process_needs_logits_for_every_state(kind: str) -> None:
    """A vector of logits is not spread over the states: it has no state axis."""
    problem = mdp(transition=P if kind == "dense" else sp.csr_matrix(P.reshape(4, 2)))()
    refuses(lambda: problem.objective(np.zeros(2)), "z", "(2,)")


def test_from_gymnasium() -> None:
    refuses(lambda: et.MDP.from_gymnasium("FrozenLake-v1", 1.5), "discount", "1.5")

"""Claims as data: an identity, an inequality or an order, over a domain, perhaps under an assumption.

The functions of a claim are written with NumPy, once, for a batch of instances along the first axis. The checker
calls them on float64 arrays to search and on object arrays of balls to decide; nothing in them may know which.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from entropy_theory.arithmetic import is_ball, midpoint
from entropy_theory.balls import Ball, UndecidedComparison
from entropy_theory.brief import brief, message
from entropy_theory.checking.space import Space
from entropy_theory.checking.variables import Variable
from entropy_theory.constants import Exact, exact
from entropy_theory.duals import Dual

Array = np.ndarray[Any, Any]

_PLAIN_NUMBER = (
    " - a plain number among balls, as from np.where(c, x, 0.0) or np.maximum(x, 0): write 0 * x for 0, 1 + 0 * x for 1"
)

_NUMBER = (int, float, Fraction, Exact, np.integer, np.floating)

MOST_POWER = 20

_NAME = r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*"

Reading = Literal["printed", "corrected"]


class ClaimError(Exception):
    """A function of a claim failed, or returned something that is no array of the right shape."""


class OutOfMemory(MemoryError):
    """A function of a claim asked for more memory than there is. No `ClaimError`, which a search passes over: its
    outcome would depend on the machine."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What all claims have in common; use `Identity`, `Inequality` or `Order`.

    Attributes
    ----------
    name : str
        Lower-case letters, digits, dots, hyphens and slashes: ``"theorem-v.2/eq-16"``.
    statement : str
        LaTeX.
    given : mapping of str to domain
        The variables, from `entropy_theory.domains`.
    assuming : callable, optional
        Maps the variables to one boolean an instance. Instances that do not meet it do not count.
    reading : "printed" or "corrected"
        Whether this is the source's own line or the line that holds in its place.
    tight : bool
        Whether the claim says that equality is attained or approached; the verdict then reports how close the search
        came.
    remark : str
        One or two sentences for the reader: the reason, the proof's idea, the equality case.
    hypotheses : str
        What `assuming` demands and what a reader must know of the variables, in words.
    proof : str
        A proof in plain text that a referee can follow, for a line that is meant to hold.
    breaks : str
        Where the source's own proof of a printed line breaks, in plain text.
    terms : mapping of str to callable
        Quantities from which the two sides are built, in the order of the calculation; functions of the variables like
        the sides. `entropy-theory show` evaluates them at the counterexample.
    mutants : tuple of Claim
        Wrong variants that the same routine must refute.
    """

    name: str
    statement: str = ""
    given: Mapping[str, Variable]
    assuming: Callable[..., Any] | None = None
    reading: Reading = "printed"
    tight: bool = False
    remark: str = ""
    hypotheses: str = ""
    proof: str = ""
    breaks: str = ""
    terms: Mapping[str, Callable[..., Any]] = field(default_factory=dict, repr=False)
    mutants: tuple[Claim, ...] = field(default=(), repr=False)

    kind: ClassVar[str] = "claim"
    functions: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(_NAME, self.name):
            raise ValueError(
                f"name is {brief(self.name)}, expected lower-case letters, digits, dots, hyphens and slashes"
            )
        if not isinstance(self.given, Mapping):
            raise ValueError(
                f"claim {self.name!r}: given is {brief(self.given)}, expected a mapping of names to domains"
            )
        try:
            space = Space(self.given)
        except ValueError as error:
            raise ValueError(f"claim {self.name!r}: {' '.join(str(error).split())}") from None
        for attribute in (*self.functions, "assuming"):
            function = getattr(self, attribute)
            if function is None and attribute == "assuming":
                continue
            if not callable(function):
                nan = isinstance(function, float | np.floating) and np.isnan(function)
                is_number = isinstance(function, _NUMBER) and not nan
                if attribute == "assuming" or not is_number:
                    kind = "a function" if attribute == "assuming" else "a function or a number"
                    raise ValueError(f"claim {self.name!r}: {attribute} is {brief(function)}, expected {kind}")
                continue
            extra = {"t"} if self.kind == "order" and attribute != "assuming" else set()
            self._check_names(attribute, function, [*sorted(extra), *self.given])
            unknown = [p for p in _required(function) if p not in self.given and p not in extra]
            if unknown:
                raise ValueError(
                    f"claim {self.name!r}: {attribute} takes {unknown[0]!r}, which is not among the variables "
                    f"{sorted(self.given)}"
                )
        self._check_words()
        for label, term in self.terms.items():
            if callable(term):
                self._check_names(f"term {label!r}", term, [*self.given])
            unknown = [p for p in _required(term) if p not in self.given] if callable(term) else [repr(term)]
            if unknown:
                raise ValueError(f"claim {self.name!r}: term {label!r} takes {unknown[0]}, expected a variable's name")
        object.__setattr__(self, "_space", space)

    def _check_names(self, attribute: str, function: Callable[..., Any], variables: list[str]) -> None:
        """Refuse a function that takes its arguments by their places: the variables are passed by their names."""
        if _by_place(function, {*variables}):
            names = ", ".join(map(str, variables))
            raise ValueError(
                f"claim {self.name!r}: {attribute} is {brief(function)}, which does not take its arguments by name; "
                f"write lambda {names}: f({names}) for a function f"
            )

    def _check_words(self) -> None:
        for field_name in ("statement", "remark", "hypotheses", "proof", "breaks"):
            if not isinstance(text := getattr(self, field_name), str):
                raise ValueError(f"claim {self.name!r}: {field_name} is {brief(text)}, expected a string")
        if not isinstance(self.reading, str) or self.reading not in ("printed", "corrected"):
            raise ValueError(
                f"claim {self.name!r}: reading is {brief(self.reading)}, expected 'printed' or 'corrected'"
            )
        if not isinstance(self.tight, bool):
            raise ValueError(f"claim {self.name!r}: tight is {brief(self.tight)}, expected True or False")
        if not isinstance(self.terms, Mapping):
            raise ValueError(f"claim {self.name!r}: terms is {brief(self.terms)}, expected functions by their names")
        if not isinstance(self.mutants, tuple | list) or not all(isinstance(x, Claim) for x in self.mutants):
            raise ValueError(f"claim {self.name!r}: mutants is {brief(self.mutants)}, expected a tuple of claims")

    @property
    def space(self) -> Space:
        """The domain as a whole."""
        space: Space = self.__dict__["_space"]
        return space

    def mutant(self, label: str, **changes: Any) -> Claim:
        """This claim with some of its parts replaced, named ``name/mutant-label``.

        Parameters
        ----------
        label : str
        **changes
            Fields that are to differ.

        Returns
        -------
        Claim

        Raises
        ------
        ValueError
            If `label` is no string, or a part is none that a claim takes.
        """
        if not isinstance(label, str):
            raise ValueError(f"label is {brief(label)}, expected a string")
        texts = dict.fromkeys(("remark", "hypotheses", "proof", "breaks"), "")
        bare: dict[str, Any] = {**texts, "terms": {}, "mutants": ()}
        return replace(self, **{**bare, "name": f"{self.name}/mutant-{label}", **changes})

    def with_mutants(self, *mutants: Claim) -> Claim:
        """This claim with wrong variants attached.

        Parameters
        ----------
        *mutants : Claim

        Returns
        -------
        Claim
        """
        return replace(self, mutants=mutants)

    def admitted(self, leaves: Mapping[str, Array]) -> Array:
        """Whether each instance lies in the domain and meets the assumption.

        Parameters
        ----------
        leaves : mapping of str to array
            The numbers of n instances, as the search holds them.

        Returns
        -------
        bool array (n,)
        """
        inside = self.space.admits(leaves)
        return inside if not inside.any() else np.asarray(inside & self.meets(leaves))

    def meets(self, leaves: Mapping[str, Array]) -> Array:
        """Whether each instance meets the assumption.

        Parameters
        ----------
        leaves : mapping of str to array
            The numbers of n instances, as the search holds them.

        Returns
        -------
        bool array (n,)

        Raises
        ------
        ClaimError
            If the assumption fails or returns something else.
        """
        n = len(next(iter(leaves.values())))
        if self.assuming is None:
            return np.ones(n, dtype=bool)
        meets = np.asarray(self._call("assuming", leaves))
        if meets.ndim == 0:
            meets = np.broadcast_to(meets, (n,))
        if meets.dtype == object and all(isinstance(x, bool | np.bool_) for x in meets.flat):
            meets = meets.astype(bool)
        if meets.shape != (n,) or meets.dtype != np.bool_:
            raise ClaimError(
                f"claim {self.name!r}: assuming returned {_kind(meets)} for {n} instances, expected one boolean "
                "an instance"
            )
        return meets

    def sides(self, leaves: Mapping[str, Array]) -> tuple[Array, Array]:
        """Left and right side, with k entries an instance.

        Parameters
        ----------
        leaves : mapping of str to array
            The numbers of n instances, as the search holds them.

        Returns
        -------
        lhs, rhs : array (n, k)

        Raises
        ------
        TypeError
            For a claim that has no sides.
        """
        raise TypeError(f"claim {self.name!r}: {type(self).__name__} has no sides")

    def evaluate_terms(self, leaves: Mapping[str, Array]) -> dict[str, Array]:
        """Each of `terms` on a batch of instances, in its order.

        Parameters
        ----------
        leaves : mapping of str to array
            The numbers of n instances, as the search holds them.

        Returns
        -------
        dict of str to array
        """
        return {
            label: np.asarray(self._apply(label, term, _parameters(term), leaves)) for label, term in self.terms.items()
        }

    def _call(self, attribute: str, leaves: Mapping[str, Array], **extra: Any) -> Any:
        function = getattr(self, attribute)
        if not callable(function):
            return function
        return self._apply(attribute, function, self._accepted[attribute], leaves, **extra)

    def _apply(
        self,
        attribute: str,
        function: Callable[..., Any],
        accepted: set[str] | None,
        leaves: Mapping[str, Array],
        **extra: Any,
    ) -> Any:
        try:
            arguments = self.space.build(_read_only(leaves)) | extra
            with np.errstate(all="ignore"):
                return function(**{k: v for k, v in arguments.items() if accepted is None or k in accepted})
        except (UndecidedComparison, KeyboardInterrupt, OutOfMemory, ClaimError):
            raise
        except MemoryError as error:
            why = message(error) or "no memory was left"
            raise OutOfMemory(f"claim {self.name!r}: {attribute} raised MemoryError: {why}") from None
        except ZeroDivisionError:
            if any(is_ball(x) for x in leaves.values()):
                raise UndecidedComparison(f"claim {self.name!r}: {attribute} divides by what may be zero") from None
            raise ClaimError(f"claim {self.name!r}: {attribute} divides by zero {self._where(leaves)}") from None
        except (Exception, SystemExit) as error:
            text = message(error)
            hint = _hint(text)
            if accepted is None and _signature(function) is None:
                names = ", ".join(map(str, arguments))
                hint += f" - the variables are passed by name: write lambda {names}: f({names}) for a function f"
            raise ClaimError(
                f"claim {self.name!r}: {attribute} raised {type(error).__name__}: {text}{hint} {self._where(leaves)}"
            ) from error

    @cached_property
    def _accepted(self) -> dict[str, set[str] | None]:
        return {a: _parameters(getattr(self, a)) for a in (*self.functions, "assuming")}

    def _where(self, leaves: Mapping[str, Array]) -> str:
        first = {name: value[0] for name, value in leaves.items()}
        text = ", ".join(f"{k} = {_brief(v)}" for k, v in self.space.describe(first).items())
        return f"(in a batch of {len(next(iter(leaves.values())))} whose first instance is {text})"

    def _rows(self, attribute: str, value: Any, leaves: Mapping[str, Array]) -> Array:
        """The result of a function as numbers of shape (n, k), or (1, 1) for a constant."""
        n = len(next(iter(leaves.values())))
        if isinstance(value, Fraction):
            value = exact(value)
        balls = any(is_ball(x) for x in leaves.values())
        if isinstance(value, Exact):
            value = value.ball() if balls else float(value)
        array = np.asarray(value)
        if array.dtype == object and not balls and all(isinstance(x, int | float | np.number) for x in array.flat):
            array = array.astype(np.float64)  # whole numbers beyond 64 bits
        if array.dtype.kind not in "biufO" or (
            array.dtype == object and not all(isinstance(x, Ball | Dual | int | float | np.number) for x in array.flat)
        ):
            raise ClaimError(f"claim {self.name!r}: {attribute} returned {_kind(array)}, expected real numbers")
        if array.dtype.kind in "biu":
            # Unsigned numbers would wrap around when subtracted.
            array = array.astype(object) if balls else array.astype(np.float64)
        if array.ndim == 0:
            return array.reshape(1, 1)
        if array.shape[0] != n:
            raise ClaimError(
                f"claim {self.name!r}: {attribute} returned shape {array.shape} for {n} instances, expected the "
                f"instances along the first axis {self._where(leaves)}"
            )
        return array.reshape(n, -1)


@dataclass(frozen=True, kw_only=True)
class Inequality(Claim):
    """``lhs <= rhs`` (``lhs < rhs`` if `strict`), elementwise, for every instance.

    Parameters
    ----------
    name, statement, given, assuming, reading, tight, remark, hypotheses, proof, breaks, terms, mutants
        As in `Claim`.
    lhs, rhs : callable or number
        Map the variables to arrays of shape (n,) or (n, ...), n instances along the first axis.
    strict : bool
        Whether equality refutes it.

    Examples
    --------
    >>> import entropy_theory as et
    >>> d = et.domains
    >>> claim = et.Inequality(
    ...     name="variance-of-a-share", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x), rhs=et.exact(1, 5))
    >>> verdict = et.verify(claim)
    >>> verdict.outcome, verdict.counterexample
    ('refuted', {'x': '1/2'})
    """

    lhs: Any
    rhs: Any
    strict: bool = False

    kind: ClassVar[str] = "inequality"
    functions: ClassVar[tuple[str, ...]] = ("lhs", "rhs")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.strict, bool):
            raise ValueError(f"claim {self.name!r}: strict is {brief(self.strict)}, expected True or False")

    def sides(self, leaves: Mapping[str, Array]) -> tuple[Array, Array]:
        return _both(self, leaves)


@dataclass(frozen=True, kw_only=True)
class Identity(Claim):
    """``lhs == rhs``, elementwise, for every instance. Compute the two sides by independent routes.

    Parameters
    ----------
    name, statement, given, assuming, reading, tight, remark, hypotheses, proof, breaks, terms, mutants
        As in `Claim`.
    lhs, rhs : callable or number
        Map the variables to arrays of shape (n,) or (n, ...), n instances along the first axis.
    """

    lhs: Any
    rhs: Any

    kind: ClassVar[str] = "identity"
    functions: ClassVar[tuple[str, ...]] = ("lhs", "rhs")

    def sides(self, leaves: Mapping[str, Array]) -> tuple[Array, Array]:
        return _both(self, leaves)


@dataclass(frozen=True, kw_only=True)
class Order(Claim):
    """``remainder(t) = O(t**power)`` as t falls to 0, for every instance, elementwise.

    Parameters
    ----------
    name, statement, given, assuming, reading, tight, remark, hypotheses, proof, breaks, terms, mutants
        As in `Claim`.
    remainder : callable
        Maps ``t`` (an array of shape (n,)) and the variables to an array of shape (n,) or (n, ...).
    power : float
        In [0, 20].
    """

    remainder: Callable[..., Any]
    power: float

    kind: ClassVar[str] = "order"
    functions: ClassVar[tuple[str, ...]] = ("remainder",)

    def __post_init__(self) -> None:
        super().__post_init__()
        number = isinstance(self.power, int | float) and not isinstance(self.power, bool)
        if not number or not 0 <= self.power <= MOST_POWER:
            raise ValueError(
                f"claim {self.name!r}: power is {brief(self.power)}, expected a number in [0, {MOST_POWER}]"
            )
        if "t" in self.given:
            raise ValueError(f"claim {self.name!r}: given has 't', the name of the step of an order; expected another")
        accepted = _parameters(self.remainder)
        if accepted is not None and "t" not in accepted:
            raise ValueError(f"claim {self.name!r}: remainder takes {sorted(accepted)}, expected the step 't' as well")

    def at(self, t: Any, leaves: Mapping[str, Array]) -> Array:
        """The remainder at a step.

        Parameters
        ----------
        t : number > 0
        leaves : mapping of str to array
            The numbers of n instances, as the search holds them.

        Returns
        -------
        array (n, k)
        """
        n = len(next(iter(leaves.values())))
        balls = any(is_ball(x) for x in leaves.values())
        steps = np.full(n, Ball(t), dtype=object) if balls else np.full(n, float(t))
        return self._rows("remainder", self._call("remainder", leaves, t=steps), leaves)


def _both(claim: Claim, leaves: Mapping[str, Array]) -> tuple[Array, Array]:
    lhs = claim._rows("lhs", claim._call("lhs", leaves), leaves)
    rhs = claim._rows("rhs", claim._call("rhs", leaves), leaves)
    n = len(next(iter(leaves.values())))
    try:
        shape = np.broadcast_shapes((n, 1), lhs.shape, rhs.shape)
    except ValueError:
        raise ClaimError(
            f"claim {claim.name!r}: lhs has {lhs.shape[1]} entries an instance and rhs {rhs.shape[1]}"
        ) from None
    return np.broadcast_to(lhs, shape), np.broadcast_to(rhs, shape)


def _hint(text: str) -> str:
    """What to do about NumPy's complaint that an entry of an array lacks a function."""
    match = re.search(r"of type (\w+) which has no callable (\w+) method", text)
    kinds: dict[str, type] = {"Ball": Ball, "Dual": Dual}
    if match is None or match[1] not in kinds:
        return _PLAIN_NUMBER if match else ""
    known = [x for x in vars(kinds[match[1]]) if x != "conjugate" and isinstance(getattr(np, x, None), np.ufunc)]
    what = "balls" if match[1] == "Ball" else "derivatives"
    return f" - {what} know no np.{match[2]}: write it with powers, {', '.join(known)}"


def _read_only(leaves: Mapping[str, Array]) -> dict[str, Array]:
    """Arrays that a function cannot write to: it would change the instance for whatever is called next."""
    # Where it decides, a copy: the owner of a view's memory can make it writable again.
    views = {name: value.copy() if is_ball(value) else value.view() for name, value in leaves.items()}
    for view in views.values():
        view.flags.writeable = False
    return views


_PLACES = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)


def _signature(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """The parameters of a function, None if Python cannot tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def _by_place(function: Callable[..., Any], names: set[str]) -> bool:
    """Whether a function takes some of these names, or all that it takes, by place and not by name."""
    if isinstance(function, np.ufunc):
        return True  # some of them tell their parameters, with newer versions of NumPy
    parameters = _signature(function) or []
    places = [p for p in parameters if p.kind in _PLACES]
    required = any(p.kind is p.POSITIONAL_ONLY and (p.default is p.empty or p.name in names) for p in places)
    return required or (bool(places) and len(places) == len(parameters))


def _required(function: Callable[..., Any]) -> list[str]:
    parameters = _signature(function) or []
    return [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def _parameters(function: Any) -> set[str] | None:
    """Names that `function` accepts, or None if it accepts all."""
    if not callable(function):
        return set()
    parameters = _signature(function)
    if parameters is None or any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters if p.kind not in _PLACES}


def _kind(array: Array) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _brief(value: Array) -> str:
    value = np.asarray(value)
    if value.size > 12:
        return f"an array of shape {value.shape}"
    return np.array2string(midpoint(np.asarray(value)), separator=", ", precision=6)

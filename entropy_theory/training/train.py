"""`train`: updates in turn, with what is recorded on the way."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from entropy_theory.brief import brief
from entropy_theory.controls import Control
from entropy_theory.controls.fields import at_step, check_flag
from entropy_theory.files import real
from entropy_theory.gradients import Problem
from entropy_theory.problems import Bandit, TokenTree
from entropy_theory.progress import Report, reporting
from entropy_theory.training.checkpoint import Checkpoint, State, describe, describe_problem
from entropy_theory.training.history import MEANING, QUANTILE_LEVELS, History
from entropy_theory.training.record import NO_BATCH, NO_UPDATE, Record, Recorder
from entropy_theory.training.sampling import Sampling, Spare, Table, step_on
from entropy_theory.validation import as_count, as_generator, as_logits, as_scalar

Array = np.ndarray[Any, Any]


FEW_STATES = 64
"""Up to so many states the entropy of each is recorded unless the caller says otherwise."""

MOST_RECORDS = 10**7
"""Records that a history may be asked for: each takes a kilobyte or so, and the time of some twenty evaluations."""

SAVE_EVERY = 30.0
"""Seconds between two checkpoints."""


def train(
    problem: Problem,
    control: Control,
    z0: Any,
    eta: Any,
    steps: int,
    *,
    sampling: Sampling | None = None,
    updates: int = 1,
    record_every: int = 1,
    margin: float | None = None,
    state_entropy: bool | None = None,
    seed: Any = 0,
    checkpoint: Any = None,
    progress: bool | Report | None = None,
) -> History:
    """Train a policy and record what happens to it.

    Exact, without `sampling`: ``z_{t+1} = z_t + control.update(problem, z_t, eta_t, anchor=z_old, step=t)``, z_old the
    policy at the last multiple of `updates`. Sampled: a batch of responses is written by the current policy, which is
    held as z_old; its estimator gives each token an advantage; and every part of the batch gives an update ``z_{t+1} =
    z_t - eta_t * control.loss_gradient(...)`` on its tokens. For a control whose `anchor` is "fixed", penalties refer
    to z0 in place of z_old.

    The loss of a batch is a mean over tokens, the objective a sum over the tokens of a response: with an unbiased
    estimator and all prompts kept, the expected sampled update on policy of the policy gradient is the exact one with
    step size ``eta / T`` (that of the natural policy gradient, which does not depend on the scale of the loss, with
    step size eta), and an entropy bonus alpha in a batch weighs as much as ``T alpha`` in the exact update
    with the visitation held, ``EntropyBonus(T * alpha, visitation="held")``.

    Parameters
    ----------
    problem : Bandit, MDP or TokenTree
        One problem, no batch of them; with `sampling` a TokenTree.
    control : Control
    z0 : array (S, A), for a bandit (A,)
        Logits of the first policy.
    eta : number > 0 or function of the step
        Step size.
    steps : int >= 0
        Number of updates.
    sampling : Sampling, optional
        How responses are sampled; without it every update is exact.
    updates : int >= 1
        Exact updates for which the old policy is held; a sampled batch says so itself.
    record_every : int >= 1
        Updates between records; the first and the last policy are always recorded. A record is exact and reads every
        state some twenty times: on a large tree it costs far more than a sampled update.
    margin : number > 0, optional
        Divergence in nats at which the stability margin of each recorded update is taken.
    state_entropy : bool, optional
        Whether the entropy of each state is recorded; by default up to 64 states.
    seed : int or numpy.random.SeedSequence
        The same arguments give the same history to the byte.
    checkpoint : path, optional
        The run is kept in this file, after each batch that ends half a minute or more after the last time, when it is
        interrupted and at the end. A later call with the same arguments goes on from there and ends with the same
        bytes; `steps` may have grown. One run a file: of two at a time the last one to write is kept.
    progress : bool or callable, optional
        True shows a bar on standard error; a callable gets the updates made and those to make.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If an argument is not as above, or the checkpoint belongs to other arguments.

    Examples
    --------
    >>> import numpy as np, entropy_theory as et
    >>> run = et.train(et.Bandit([1.0, 0.0]), et.PolicyGradient(), np.zeros(2), 1.0, 100)
    >>> run
    History(101 records, steps 0 to 100: J 0.5 -> 0.9949, entropy 0.6931 -> 0.03224)
    """
    run = _Run.of(problem, control, z0, eta, sampling, updates, record_every, margin, state_entropy, seed)
    steps = as_count(steps, "steps", least=0)
    if steps // run.record_every > MOST_RECORDS:
        raise ValueError(
            f"steps is {steps} and record_every {run.record_every}, expected at most {MOST_RECORDS:,} records"
        )
    store = None if checkpoint is None else Checkpoint(_as_path(checkpoint), run.arguments)
    with reporting(progress, steps, "training") as report:
        state, records = _advance(run, steps, store, report)
    last = {**NO_UPDATE, **run.recorder.policy(steps, run.recorder.read(state.z))}
    columns = {name: np.array([r[name] for r in (*records, last)]) for name in last}
    metadata = {
        **run.arguments,
        "steps": steps,
        "quantile_levels": list(QUANTILE_LEVELS),
        "fields": dict(MEANING),
        "numpy": np.__version__,
    }
    return History(**columns, logits=state.z, metadata=metadata)


def _advance(run: _Run, steps: int, store: Checkpoint | None, report: Report) -> tuple[State, list[Record]]:
    """Batch after batch up to `steps`. What is kept on disk are boundaries between whole batches."""
    found = None if store is None else store.load(run.z0)
    state, records = run.start() if found is None else found
    if state.step > steps:
        raise ValueError(f"steps is {steps}, expected at least {state.step}, where the checkpoint stands")
    whole, kept, saved = state, len(records), time.monotonic()
    if store is not None:
        store.save(whole, records)  # before any work: what cannot be written is not found out at its end
    try:
        report(state.step, steps)
        while state.step < steps:
            seen: list[Record] = []
            state = run.batch(state, steps, seen.append)
            records.extend(seen)
            if state.step % run.period == 0:
                whole, kept = state, len(records)
                if store is not None and time.monotonic() - saved > SAVE_EVERY:
                    store.save(whole, records[:kept])
                    saved = time.monotonic()
            report(state.step, steps)
    except BaseException as error:
        if store is not None:
            try:
                store.save(whole, records[:kept])
            except ValueError as unsaved:
                error.add_note(str(unsaved))
        raise
    if store is not None:
        store.save(whole, records[:kept])
    return state, records


@dataclass(frozen=True)
class _Run:
    """Everything about a run but its length."""

    problem: Problem
    control: Control
    z0: Array
    eta: Any
    sampling: Sampling | None
    period: int
    record_every: int
    recorder: Recorder
    seed: Any
    arguments: dict[str, Any]

    @classmethod
    def of(
        cls,
        problem: Problem,
        control: Control,
        z0: Any,
        eta: Any,
        sampling: Sampling | None,
        updates: int,
        record_every: int,
        margin: float | None,
        state_entropy: bool | None,
        seed: Any,
    ) -> _Run:
        from importlib.metadata import version

        z = _start(problem, z0)
        if not isinstance(control, Control):
            raise ValueError(f"control is {brief(control)}, expected a Control such as PolicyGradient()")
        if not callable(eta):
            eta = _step_size(eta)
        as_count(updates, "updates")
        as_count(record_every, "record_every")
        if sampling is not None:
            if not isinstance(sampling, Sampling):
                raise ValueError(f"sampling is {brief(sampling)}, expected a Sampling or None")
            if not isinstance(problem, TokenTree):
                raise ValueError(f"problem is {brief(problem)}, expected a TokenTree beside sampling")
            if updates != 1:
                raise ValueError(
                    f"updates is {brief(updates)}, expected it left out beside sampling, which has its own"
                )
        if margin is not None and not as_scalar(margin, "margin") > 0:
            raise ValueError(f"margin is {brief(margin)}, expected a number > 0")
        if state_entropy is not None:
            check_flag(state_entropy, "state_entropy")
        per_state = problem.states <= FEW_STATES if state_entropy is None else bool(state_entropy)
        sequence = (
            seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(as_count(seed, "seed", 0))
        )
        arguments = {
            "version": version("entropy_theory"),
            "problem": describe_problem(problem),
            "control": describe(control),
            "z0": describe(z),
            "eta": describe(eta),
            "sampling": describe(sampling),
            "updates": str(updates),
            "record_every": str(record_every),
            "margin": repr(margin),
            "state_entropy": str(per_state),
            "seed": f"{sequence.entropy} {sequence.spawn_key}",
        }
        recorder = Recorder(problem, z, None if margin is None else float(margin), per_state)
        period = int(updates) if sampling is None else sampling.updates
        return cls(problem, control, z, eta, sampling, period, int(record_every), recorder, sequence, arguments)

    def start(self) -> tuple[State, list[Record]]:
        memory = {}
        if self.sampling is not None and isinstance(self.problem, TokenTree):
            memory = self.sampling.estimator.start(self.problem, self.z0)
        return State(0, self.z0, _state_of(as_generator(self.seed)), memory), []

    def batch(self, state: State, steps: int, observe: Callable[[Record], None]) -> State:
        """One batch, or what fits into `steps` of it."""
        last = min(steps, state.step + self.period - state.step % self.period)
        if self.sampling is not None and isinstance(self.problem, TokenTree):
            return self._sampled(self.problem, self.sampling, state, last, observe)
        return self._exact(state, last, observe)

    def _exact(self, state: State, last: int, observe: Callable[[Record], None]) -> State:
        z = state.z
        old, held = z, {"reference": self.z0} if self._fixed else {}
        for step in range(state.step, last):
            eta = self._eta(step)
            dz = self.control.update(self.problem, z, eta, anchor=old, step=step, **held)
            if step % self.record_every == 0:
                at = self.recorder.read(z)
                chosen = self.recorder.selected(self.control, at, old)
                observe({**self.recorder.policy(step, at), **self.recorder.update(at, dz, eta), **NO_BATCH, **chosen})
            z = as_logits(z + dz, f"at step {step + 1} from z0 with eta, z")
        return State(last, z, state.rng, state.memory)

    def _sampled(
        self, tree: TokenTree, sampling: Sampling, state: State, last: int, observe: Callable[[Record], None]
    ) -> State:
        rng = np.random.default_rng()
        rng.bit_generator.state = state.rng
        rollouts = sampling.collect(tree, state.z, rng)
        advantage = sampling.estimator.advantages(rollouts, state.memory)
        memory = sampling.estimator.learn(rollouts, state.memory)
        table = Table.of(rollouts, state.z, self.z0 if self._fixed else None)
        parts = sampling.parts(rollouts.groups, rng)
        for step, groups in zip(range(state.step, last), parts, strict=False):
            recorded = step % self.record_every == 0
            before = table.whole(state.z) if recorded else None
            places, batch = table.batch(groups, rollouts, advantage)
            eta = self._eta(step)
            selected = step_on(table, places, batch, self.control, eta, rng, step)
            if before is not None:
                dz = table.whole(state.z) - before
                at, drawn = self.recorder.read(before), self.recorder.batch(batch, selected, rollouts.reward[groups])
                observe({**self.recorder.policy(step, at), **self.recorder.update(at, dz, eta), **drawn})
        # The table before this batch is kept until the next one ends, for a checkpoint; the first is kept for good.
        spare = None if state.z is self.z0 else Spare(state.z, table.rows)
        return State(last, table.whole(state.z, state.spare), _state_of(rng), memory, spare)

    @property
    def _fixed(self) -> bool:
        return getattr(self.control, "anchor", "moving") == "fixed"

    def _eta(self, step: int) -> float:
        return _step_size(at_step(self.eta, step, "eta")) if callable(self.eta) else float(self.eta)


def _step_size(value: Any) -> float:
    number = as_scalar(value, "eta")
    if not number > 0:
        raise ValueError(f"eta is {brief(value)}, expected a step size > 0")
    return number


def _as_path(value: Any) -> Path:
    path = Path(value) if isinstance(value, str | os.PathLike) and "\0" not in os.fspath(value) else None
    if path is None or os.path.isdir(path) or not os.path.isdir(real(path).parent):
        raise ValueError(f"checkpoint is {brief(value)}, expected a file in a folder that exists")
    return path


def _state_of(rng: np.random.Generator) -> dict[str, Any]:
    """State of the generator as JSON has it: a copy that a checkpoint gives back unchanged."""
    state: dict[str, Any] = json.loads(json.dumps(rng.bit_generator.state))
    return state


def _start(problem: Problem, z0: Any) -> Array:
    if not isinstance(problem, Problem):
        raise ValueError(f"problem is {brief(problem)}, expected a Bandit, an MDP or a TokenTree")
    batch = problem.reward.shape[:-1] if isinstance(problem, Bandit) else problem.batch
    if batch:
        raise ValueError(f"problem is {brief(problem)}, expected one problem, no batch of them")
    z = as_logits(z0, "z0")
    shape = (problem.actions,) if isinstance(problem, Bandit) else (problem.states, problem.actions)
    if z.shape != shape or z.dtype != np.float64:
        raise ValueError(f"z0 has shape {z.shape} and dtype {z.dtype}, expected floats of shape {shape}")
    if problem.check_logits(z).dtype != np.float64:
        raise ValueError(f"problem is {brief(problem)}, expected one in floats, not in exact numbers")
    return np.array(z)

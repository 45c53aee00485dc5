"""Campaigns on executors and on a Dask cluster: the same verdicts, with workers that die, differ or never answer."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.thread import BrokenThreadPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import entropy_theory as et
from entropy_theory.checking import campaign, executors, tasks
from entropy_theory.checking.executors import ExecutorError, Processes, dask_cluster, outcomes, workers_of
from entropy_theory.checking.registry import load
from entropy_theory.checking.store import Key, Store
from entropy_theory.checking.tasks import Task, TaskError, decide, fingerprint, package_version
from entropy_theory.checking.verdict import Verdict
from entropy_theory.cli import app
from entropy_theory.workers import one_thread_each

BUDGET = 200

HEAD = "import os, time\nfrom pathlib import Path\nimport entropy_theory as et\nd = et.domains\n"
CLAIM = "{0} = et.Inequality(name='{0}', given={{'z': d.logits(actions=2)}}, lhs=lambda z: et.entropy(z), rhs={1})\n"
GOOD = HEAD + "".join(CLAIM.format(name, rhs) for name, rhs in (("a", 2), ("b", 0), ("c", 3), ("e", "et.exact(3, 5)")))

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


@pytest.fixture
def claims_file(tmp_path: Path) -> Path:
    file = tmp_path / "claims.py"
    file.write_text(GOOD, encoding="utf-8")
    return file


def run(file: Path, **options: Any) -> list[Verdict]:
    return campaign.run(load(str(file)), source=str(file), **{"budget": BUDGET, "seeds": range(3), **options})


def texts(verdicts: list[Verdict]) -> list[str]:
    return [json.dumps(v.to_json()) for v in verdicts]


def spawned(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))


def task_of(file: Path, claim: str = "a", seed: int = 0, time_limit: float | None = 60) -> Task:
    source = str(file)
    return Task(Key(package_version(), fingerprint(source), seed, BUDGET, claim, "printed"), source, time_limit)


class Counting(ThreadPoolExecutor):
    """Threads that remember how many tasks were handed out at most."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.open = self.most = self.all = 0
        self.turn = threading.Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        with self.turn:
            self.open += 1
            self.all += 1
            self.most = max(self.most, self.open)
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: Future[Any]) -> None:
        with self.turn:
            self.open -= 1


# Any executor ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ThreadPoolExecutor, spawned, Processes], ids=["threads", "processes", "ours"])
def test_any_executor_gives_the_same_verdicts(claims_file: Path, make: Callable[[int], Executor]) -> None:
    with make(2) as executor:
        assert texts(run(claims_file, executor=executor)) == texts(run(claims_file))
        # It is not shut down.
        assert executor.submit(abs, -3).result() == 3


def test_an_executor_serves_the_whole_paper(tmp_path: Path) -> None:
    names = ["lemma-iv.1"]
    alone = et.verify_all(names, budget=BUDGET, seeds=2)
    with ThreadPoolExecutor(2) as executor:
        counts: list[tuple[int, int]] = []
        options: dict[str, Any] = {"budget": BUDGET, "seeds": 2, "store": tmp_path / "store.db"}
        found = et.verify_all(names, executor=executor, progress=lambda *n: counts.append(n), **options)
    assert texts(list(found)) == texts(list(alone))
    assert counts == [(i + 1, 2 * len(alone)) for i in range(2 * len(alone))]
    with pytest.raises(ValueError, match="seeds is 0, expected an integer >= 1"):
        et.verify_all(names, seeds=0)


def test_few_tasks_are_handed_out_at_a_time(claims_file: Path) -> None:
    with Counting(2) as executor:
        run(claims_file, executor=executor, seeds=range(10), budget=20)
    assert executor.all == 40
    assert executor.most == 2 * executors.IN_FLIGHT


def test_tasks_are_read_as_workers_become_free(claims_file: Path) -> None:
    """A campaign of a million tasks does not lie in memory."""
    made = 0

    def many() -> Iterator[Task]:
        nonlocal made
        for seed in range(10**6):
            made += 1
            yield task_of(claims_file, seed=seed)

    with Counting(1) as executor:
        found = outcomes(many(), executor)
        for _ in range(5):
            assert next(found).attempt is not None
        assert made <= 5 + 2 * executors.IN_FLIGHT
        found.close()  # type: ignore[attr-defined]
    assert executor.all < 5 + 3 * executors.IN_FLIGHT


def test_workers_are_counted() -> None:
    with ThreadPoolExecutor(3) as threads, spawned(2) as pool:
        assert [workers_of(x) for x in (threads, pool, Processes(4))] == [3, 2, 4]
    assert workers_of(object()) == (os.cpu_count() or 1)


def test_worker_processes_have_one_thread_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with one_thread_each(), Processes(1) as ours, spawned(1) as pool:
        for executor in (ours, pool):
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
                assert executor.submit(os.getenv, name).result() == "1"
    assert os.environ["OMP_NUM_THREADS"] == "7"


class Refusing(ThreadPoolExecutor):
    def __init__(self, error: Exception) -> None:
        super().__init__(1)
        self.error = error

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise self.error


def test_an_executor_that_takes_no_tasks_is_an_error(claims_file: Path) -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(ExecutorError, match=r"executor takes no more tasks \(RuntimeError: cannot schedule"):
        run(claims_file, executor=executor)
    with Refusing(OSError("gone")) as gone, pytest.raises(ExecutorError, match="OSError: gone"):
        run(claims_file, executor=gone)


def test_a_broken_executor_leaves_no_claim_without_a_verdict(claims_file: Path, tmp_path: Path) -> None:
    store = tmp_path / "store.db"
    with Refusing(BrokenThreadPool("broken")) as broken:
        verdicts = run(claims_file, executor=broken, store=store)
    assert [(v.outcome, v.error) for v in verdicts] == [("undecided", True)] * 4
    assert "was killed" in verdicts[0].message
    # None of them is kept: a later run decides them.
    assert texts(run(claims_file, store=store)) == texts(run(claims_file))


class Losing(ThreadPoolExecutor):
    """Loses the answer to the first `times` tasks."""

    def __init__(self, times: int) -> None:
        super().__init__(1)
        self.times = times

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.times > 0:
            self.times -= 1
            future: Future[Any] = Future()
            future.set_exception(ConnectionResetError("peer\nhas gone"))
            return future
        return super().submit(fn, *args, **kwargs)


def test_a_lost_answer_is_asked_for_once_more(claims_file: Path) -> None:
    with Losing(4) as executor:
        assert texts(run(claims_file, executor=executor)) == texts(run(claims_file))
        assert executor.times == 0
    with Losing(10**6) as executor:
        verdicts = run(claims_file, executor=executor, seeds=(0,))
    assert [v.outcome for v in verdicts] == ["undecided"] * 4
    assert verdicts[0].message == "the worker that checked it failed: ConnectionResetError: peer has gone"


# Processes that die ------------------------------------------------------------------------------------------------

DYING_ONCE = """
def die(z):
    mark = Path({mark!r})
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), 9)
    return et.entropy(z)
dying = et.Inequality(name='dying', given={{'z': d.logits(actions=2)}}, lhs=die, rhs=1)
"""

DYING = """
def die(z):
    os.kill(os.getpid(), 9)
dying = et.Inequality(name='dying', given={'z': d.logits(actions=2)}, lhs=die, rhs=1)
"""


@posix
@pytest.mark.parametrize("make", [spawned, Processes], ids=["processes", "ours"])
def test_a_task_whose_process_dies_is_tried_once_more(tmp_path: Path, make: Callable[[int], Executor]) -> None:
    mark, file = tmp_path / "mark", tmp_path / "dying.py"
    file.write_text(GOOD + DYING_ONCE.format(mark=str(mark)), encoding="utf-8")
    with make(2) as executor:
        found = run(file, executor=executor, seeds=(0, 1))
    assert mark.exists()
    assert not any(v.error for v in found)
    assert texts(found) == texts(run(file, seeds=(0, 1)))


@posix
@pytest.mark.parametrize("make", [spawned, Processes], ids=["processes", "ours"])
def test_a_task_that_kills_each_process_is_undecided_and_costs_no_other(
    tmp_path: Path, make: Callable[[int], Executor]
) -> None:
    file, store = tmp_path / "dying.py", tmp_path / "store.db"
    file.write_text(GOOD + DYING, encoding="utf-8")
    with make(2) as executor:
        found = run(file, executor=executor, seeds=(0, 1), store=store)
    *others, dying = found
    claims = [c for c in load(str(file)) if c.name != "dying"]
    assert texts(others) == texts(campaign.run(claims, seeds=(0, 1), budget=BUDGET))
    assert (dying.outcome, dying.error) == ("undecided", True)
    assert "the process that checked it was killed, twice" in dying.message
    with Store(store) as kept:
        assert len(kept) == 8


@posix
def test_worker_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import os, time\nfrom entropy_theory.checking.executors import Processes\n"
        "if __name__ == '__main__':\n"
        "    pool = Processes(1)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(600)\n",
        encoding="utf-8",
    )
    parent = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    os.kill(worker, 0)
    parent.kill()
    parent.communicate()
    for _ in range(600):
        if not _lives(worker):
            return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


# Workers that differ -----------------------------------------------------------------------------------------------


def test_a_worker_with_other_claims_is_an_error(claims_file: Path, tmp_path: Path) -> None:
    task = task_of(claims_file)
    assert decide(task).verdict.claim == "a"
    claims_file.write_text(GOOD + "\n", encoding="utf-8")
    with pytest.raises(TaskError, match=r"claims\.py or the package differs on a worker"):
        decide(task)
    claims_file.unlink()
    with pytest.raises(TaskError, match=r"cannot read .*claims\.py: .*on the same path there"):
        decide(task)
    elsewhere = Task(Key(package_version(), "0", 0, BUDGET, "lemma-iv.1", "printed"), "paper", None)
    with pytest.raises(TaskError, match="the package differs on a worker"):
        decide(elsewhere)
    with pytest.raises(TaskError, match=r"a worker has entropy_theory .*, expected 0\.0\.1"):
        decide(elsewhere._replace(key=elsewhere.key._replace(version="0.0.1")))
    other = tmp_path / "other.py"
    other.write_text(GOOD, encoding="utf-8")
    with pytest.raises(TaskError, match="a worker cannot load the claims: name is 'zz'"):
        decide(task_of(other, claim="zz"))


def test_claims_edited_in_mid_run_end_the_campaign(claims_file: Path) -> None:
    def edit(verdict: Verdict, seed: int, known: bool) -> None:
        claims_file.write_text(GOOD + "\n", encoding="utf-8")

    with ThreadPoolExecutor(1) as executor, pytest.raises(ExecutorError, match="differs on a worker"):
        run(claims_file, executor=executor, seeds=range(20), step=edit)


def test_an_edited_package_is_another_one(claims_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A formula that was changed in an editable installation leaves no verdict of before to be taken up again."""
    sources = ("paper", str(claims_file))
    before = [fingerprint(source) for source in sources]
    copy = tmp_path / "entropy_theory"
    shutil.copytree(Path(et.__path__[0]), copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(et, "__path__", [str(copy)])
    tasks._of_package.cache_clear()
    try:
        assert [fingerprint(source) for source in sources] == before
        for name in ("softmax.py", "claims/lemma_iv_1.py"):
            original = (copy / name).read_bytes()
            (copy / name).write_bytes(original + b"\n")
            tasks._of_package.cache_clear()
            assert not set(before) & {fingerprint(source) for source in sources}
            (copy / name).write_bytes(original)
    finally:
        tasks._of_package.cache_clear()


def test_a_relative_path_is_sent_whole(claims_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(claims_file.parent)
    assert tasks.located("claims.py:b") == f"{claims_file.resolve()}:b"
    assert tasks.located("claims.py") == str(claims_file.resolve())
    assert tasks.located("paper") == "paper"
    assert fingerprint("claims.py:b") == fingerprint("claims.py")


# Time limits in threads --------------------------------------------------------------------------------------------

WAITING = (
    HEAD
    + CLAIM.format("a", 2)
    + """
def wait(x):
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            pass
w = et.Inequality(name='waiting', given={'x': d.reals(0, 1)}, lhs=wait, rhs=1)
"""
)


def test_a_claim_that_never_returns_is_given_up_in_a_thread_too(tmp_path: Path) -> None:
    file = tmp_path / "waiting.py"
    file.write_text(WAITING, encoding="utf-8")
    with ThreadPoolExecutor(2) as executor:
        a, waiting = run(file, executor=executor, seeds=(0, 1), time_limit=1.0)
    assert a.outcome == "holds"
    assert waiting.outcome == "undecided"
    assert "claim 'waiting' was given up after 1 s" in waiting.message


def test_a_limit_that_is_not_reached_disturbs_nothing_later(claims_file: Path) -> None:
    def work() -> float:
        decide(task_of(claims_file, time_limit=0.5))
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            pass
        return end

    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(work).result()


TRACED = """
import sys, threading, time
from entropy_theory.checking import guard
def work():
    for limit in (60.0, 0.05):
        try:
            with guard._limited("x", limit):
                end = time.monotonic() + 0.5
                while limit < 1 and time.monotonic() < end:
                    pass
            ended.append(limit)
        except guard._TimeLimit as error:
            said.append(str(error))
ended, said = [], []
thread = threading.Thread(target=work)
thread.start()
thread.join()
def traced():
    return "entered"
sys.settrace(lambda *_: None)
print(ended, said, traced())
"""


def test_a_limit_leaves_nothing_behind_in_the_interpreter() -> None:
    """Under a debugger, a measurement of coverage or Hypothesis, whose functions are traced, it would stand still."""
    result = subprocess.run([sys.executable, "-c", TRACED], capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout == "[60.0] [\"claim 'x' was given up after 0.05 s\"] entered\n"


# Dask --------------------------------------------------------------------------------------------------------------


@contextmanager
def cluster(workers: int = 2, **options: Any) -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with warnings.catch_warnings():
        # Of Dask's own start and end: sockets that it leaves to the garbage collector, a busy port of its dashboard.
        warnings.simplefilter("ignore")
        with distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=None,
            worker_dashboard_address=None,
            silence_logs=50,
            **options,
        ) as made:
            yield made


dask_warnings = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")

SLOW = (
    HEAD
    + "def slow(z):\n    time.sleep(0.002)\n    return et.entropy(z)\n"
    + "".join(
        f"{n} = et.Inequality(name='{n}', given={{'z': d.logits(actions=2)}}, lhs=slow, rhs={rhs})\n"
        for n, rhs in (("a", 2), ("b", 0), ("c", 3))
    )
)


@posix
@dask_warnings
def test_a_dask_cluster_that_loses_a_worker_gives_the_same_verdicts(tmp_path: Path) -> None:
    file, store = tmp_path / "slow.py", tmp_path / "store.db"
    file.write_text(SLOW, encoding="utf-8")
    expected = run(file, seeds=range(3))
    killed: list[int] = []
    with cluster() as made, dask_cluster(made.scheduler_address) as executor:
        client: Any = executor._client  # type: ignore[attr-defined]
        assert workers_of(executor) == 2
        assert set(client.run(os.getenv, "OMP_NUM_THREADS").values()) == {"1"}
        workers = list(client.run(os.getpid).values())

        def kill(verdict: Verdict, seed: int, known: bool) -> None:
            if not killed:
                os.kill(workers[0], signal.SIGKILL)
                killed.append(workers[0])

        found = run(file, executor=executor, seeds=range(3), store=store, step=kill)
        assert killed
        assert workers[0] not in client.run(os.getpid).values()
    assert texts(found) == texts(expected)
    with Store(store) as kept:
        assert len(kept) == 9


@posix
@dask_warnings
def test_a_scheduler_that_is_lost_in_mid_run_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was reported is in the store; the run does not wait for ever."""
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "RECOUNT", 0.2)
    file, store, place = tmp_path / "slow.py", tmp_path / "store.db", tmp_path / "scheduler.json"
    file.write_text(SLOW.replace("0.002", "0.05"), encoding="utf-8")
    start = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    begin = [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", str(place), "--nthreads", "1"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*start, "--no-dashboard", "--scheduler-file", str(place)], **quiet) as scheduler:
        try:
            deadline = time.monotonic() + 60
            while not place.exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            address = json.loads(place.read_text(encoding="utf-8"))["address"]
            with subprocess.Popen([*begin, "--no-dashboard"], **quiet) as worker, dask_cluster(address) as executor:
                try:
                    monkeypatch.setattr(executor._client, "_timeout", 0.5)  # type: ignore[attr-defined]
                    kept: list[int] = []

                    def lose(verdict: Verdict, seed: int, known: bool) -> None:
                        kept.append(seed)
                        scheduler.kill()

                    with pytest.raises(ExecutorError, match="executor has lost its scheduler"):
                        run(file, executor=executor, seeds=range(50), store=store, step=lose)
                finally:
                    worker.kill()
        finally:
            scheduler.kill()
    assert kept
    with Store(store) as held:
        assert len(held) == len(kept)


@posix
@dask_warnings
def test_a_claim_that_kills_every_dask_worker_is_undecided(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    import dask

    file = tmp_path / "dying.py"
    file.write_text(HEAD + CLAIM.format("a", 2) + DYING, encoding="utf-8")
    few = dask.config.set({"distributed.scheduler.allowed-failures": 1})
    with few, cluster() as made, dask_cluster(made.scheduler_address) as executor:
        a, dying = run(file, executor=executor, seeds=(0,))
    assert a.outcome == "holds"
    assert (dying.outcome, dying.message) == ("undecided", "the process that checked it was killed")


@dask_warnings
def test_the_command_runs_on_a_dask_cluster(claims_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, other, store = tmp_path / "1.json", tmp_path / "2.json", tmp_path / "store.db"
    options = ["hunt", str(claims_file), "--budget", str(BUDGET), "--seeds", "2"]
    with cluster() as made:
        address = made.scheduler_address
        result = CliRunner().invoke(app, [*options, "--dask", address, "--json", str(out), "--resume", str(store)])
        assert result.exit_code == 0, result.output
        paper = CliRunner().invoke(app, ["verify", "lemma-iv.1", "--budget", "100", "--dask", address, "-q"])
        assert paper.exit_code == 0, paper.output
        monkeypatch.setattr(executors, "package_version", lambda: "0.0.1")
        said = command("hunt", claims_file, "--dask", address)
        assert f"has entropy_theory {package_version()}, expected 0.0.1 as here" in said
        monkeypatch.undo()
    result = CliRunner().invoke(app, [*options, "--workers", "1", "--json", str(other)])
    assert result.exit_code == 0, result.output
    assert out.read_text() == other.read_text()
    with Store(store) as kept:
        assert len(kept) == 8


@dask_warnings
def test_workers_of_a_cluster_import_what_stands_beside_a_file(tmp_path: Path) -> None:
    """And import it anew when it was edited in the meantime."""
    file, helper, out = tmp_path / "claims.py", tmp_path / "helper_on_a_cluster.py", tmp_path / "out.json"
    file.write_text(f"from helper_on_a_cluster import BOUND\n{HEAD}{CLAIM.format('a', 'BOUND')}", encoding="utf-8")
    with cluster(1) as made:
        for bound, outcome in ((2, "holds"), (0, "refuted")):
            helper.write_text(f"BOUND = {bound}\n", encoding="utf-8")
            options = ["--budget", str(BUDGET), "--dask", made.scheduler_address, "--json", str(out), "-q"]
            result = CliRunner().invoke(app, ["hunt", str(file), *options])
            assert result.exit_code == 0, result.output
            assert json.loads(out.read_text(encoding="utf-8"))[0]["outcome"] == outcome


def command(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(x) for x in arguments])
    assert result.exit_code == 2, result.output
    said = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert "Traceback" not in result.output
    return said[0]


def test_without_dask_the_command_says_how_to_install_it(claims_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    said = command("hunt", claims_file, "--dask", "tcp://127.0.0.1:1")
    assert "needs dask and distributed" in said
    assert "pip install 'entropy_theory[dask]'" in said


def test_workers_and_a_cluster_exclude_each_other(claims_file: Path) -> None:
    said = command("hunt", claims_file, "--dask", "tcp://127.0.0.1:1", "--workers", 2)
    assert "--workers is 2 with --dask, expected one of the two" in said


@dask_warnings
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "nonsense://x", "127.0.0.1:{port}", ""])
def test_an_address_where_no_scheduler_answers_is_an_error(
    claims_file: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "CONNECT", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = command("hunt", claims_file, "--dask", address.format(port=port))
    assert f"address is {address.format(port=port)!r}, expected that of a Dask scheduler" in said


@dask_warnings
def test_a_cluster_without_workers_is_an_error(claims_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "CONNECT", 1.0)
    with cluster(workers=0) as made:
        assert "a cluster without workers" in command("hunt", claims_file, "--dask", made.scheduler_address)

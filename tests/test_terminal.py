"""The command as a person meets it: terminals, pipes, locales, interruptions, completion, errors in one line."""

from __future__ import annotations

import errno
import itertools
import json
import os
import pty
import re
import select
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from entropy_theory.checking.registry import paper_claims
from entropy_theory.cli import app
from entropy_theory.cli.completion import claim_names, experiments
from entropy_theory.cli.terminal import command_line
from entropy_theory.progress import TimeLeft, in_words
from entropy_theory.simulations import SIMULATIONS

COMMAND = str(Path(sys.executable).with_name("entropy-theory"))

PART = "theorem-v.2/eq-16"

ESCAPE = "\x1b"

SLOW = """
import os, time
import entropy_theory as et
d = et.domains
false = et.Inequality(
    name="quick", statement="x (1 - x) <= 1/5", given={"x": d.reals(0, 1)}, lhs=lambda x: x * (1 - x),
    rhs=et.exact(1, 5))
def wait(x):
    if os.environ.get("WAIT"):
        time.sleep(300)
    return x
slow = et.Inequality(name="slow", statement="x <= 1", given={"x": d.reals(0, 1)}, lhs=wait, rhs=1)
later = et.Inequality(name="later", statement="x <= 2", given={"x": d.reals(0, 1)}, lhs=lambda x: x, rhs=2)
"""


def environment(**changes: str) -> dict[str, str]:
    """The tests' own environment without what would change the colour or the width."""
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "PYTHONIOENCODING")}
    return {**kept, "OMP_NUM_THREADS": "1", **changes}


def run(*arguments: Any, **changes: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [COMMAND, *map(str, arguments)], capture_output=True, check=False, env=environment(**changes), timeout=120
    )


def in_shell(script: str, **changes: str) -> subprocess.CompletedProcess[bytes]:
    variables = environment(COMMAND=COMMAND, **changes)
    return subprocess.run(["bash", "-c", script], capture_output=True, check=False, timeout=120, env=variables)


class Terminal:
    """The command in a pseudo-terminal."""

    def __init__(self, *arguments: Any, **changes: str) -> None:
        self.output = ""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execve(COMMAND, [COMMAND, *map(str, arguments)], environment(**{"TERM": "xterm-256color", **changes}))

    def read_until(self, text: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while text not in self.output and time.monotonic() < end and self._more():
            pass
        assert text in self.output

    def press_control_c(self) -> None:
        os.write(self.fd, b"\x03")

    def close(self) -> int:
        """Everything up to the end, and the exit status."""
        while self._more():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def _more(self) -> bool:
        if not select.select([self.fd], [], [], 60)[0]:
            os.kill(self.pid, signal.SIGKILL)
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # the other side is closed
                return False
            raise
        self.output += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


def visible(text: str) -> str:
    """Without colours and movements of the cursor."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


# Pipes -----------------------------------------------------------------------------------------------------------


def test_a_pipe_gets_plain_text_of_one_width() -> None:
    first = run("list", PART)
    second = run("list", PART, COLUMNS="40", TERM="xterm-256color")
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout
    assert ESCAPE not in first.stdout.decode()
    assert max(map(len, first.stdout.decode().splitlines())) <= 160


def test_progress_in_a_pipe_is_a_line_an_item_with_the_time_left() -> None:
    result = run("verify", PART, "--budget", 100, "--workers", 1)
    assert result.returncode == 0
    first, last = result.stderr.decode().splitlines()
    assert re.fullmatch(rf"\[1/2\] {PART} \((printed|corrected)\): \w+, about \d+ (s|min) left", first)
    assert re.fullmatch(rf"\[2/2\] {PART} \((printed|corrected)\): \w+", last)
    assert ESCAPE not in result.stdout.decode()


def test_quiet_is_a_line_a_row_and_nothing_on_standard_error() -> None:
    result = run("verify", "theorem-v.2/strict", PART, "--budget", 100, "--workers", 1, "--quiet")
    assert result.returncode == 0
    assert result.stderr == b""
    text = result.stdout.decode()
    assert text.isascii()
    head, *rows, counts = text.splitlines()
    assert head.split()[:3] == ["claim", "reading", "outcome"]
    assert [row.split()[0] for row in rows] == ["theorem-v.2/strict"] * 2 + [PART] * 2
    assert "of 4 readings" in counts


def test_quiet_lists_do_not_wrap() -> None:
    result = run("list", "-q")
    rows = result.stdout.decode().splitlines()[1:]
    assert [row.split()[0] for row in rows] == [claim.name for claim in paper_claims()]
    assert all(claim.statement in row for claim, row in zip(paper_claims(), rows, strict=True))


def test_quiet_show_says_the_same() -> None:
    loud, quiet = run("show", PART, "--budget", 100), run("show", PART, "--budget", 100, "-q")
    assert loud.stdout == quiet.stdout
    assert quiet.stderr == b""


@pytest.mark.parametrize("arguments", ["list", f"show {PART} --budget 100", "--help"])
def test_a_reader_that_goes_away_is_no_error(arguments: str) -> None:
    result = in_shell(f'"$COMMAND" {arguments} | head -n 1')
    assert result.returncode == 0
    assert result.stdout
    assert result.stderr == b""


def test_the_json_is_written_though_nobody_reads_the_table(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    in_shell(f'"$COMMAND" verify {PART} --budget 100 --workers 1 -q --json {out} | true')
    assert len(json.loads(out.read_text())) == 2


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    result = in_shell(f'"$COMMAND" list {PART} {closed}')
    assert result.returncode == 0
    assert result.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_said_in_one_line() -> None:
    result = in_shell(f'"$COMMAND" list {PART} > /dev/full')
    assert result.returncode == 1
    assert re.fullmatch(rb"error: [^\n]*no space left[^\n]*\n", result.stderr)


@pytest.mark.skipif(not Path("/proc").exists(), reason="only Linux has a folder that nobody can write to")
def test_a_store_that_cannot_be_written_is_named_in_the_same_words() -> None:
    result = run("verify", PART, "--budget", 100, "--workers", 1, "--resume", "/proc/verdicts.db")
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == b"error: /proc/verdicts.db cannot be written: no such file or directory"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_any_encoding_will_do(encoding: str) -> None:
    for arguments in (("show", PART, "--budget", 100), ("list", PART)):
        result = run(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
        assert result.returncode == 0, result.stderr
        assert result.stderr == b""
        assert PART in result.stdout.decode(encoding)


# Terminals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "colour", "moves"),
    [
        ({"COLUMNS": "160"}, True, True),
        ({"COLUMNS": "160", "NO_COLOR": "1"}, False, True),
        ({"COLUMNS": "160", "TERM": "dumb"}, False, False),
        ({"COLUMNS": "40"}, True, True),
        ({"COLUMNS": "1"}, True, True),
    ],
    ids=["wide", "no-colour", "dumb", "narrow", "absurd"],
)
def test_a_terminal_gets_what_it_can_show(changes: dict[str, str], colour: bool, moves: bool) -> None:
    terminal = Terminal("verify", PART, "--budget", 100, "--workers", 1, **changes)
    assert terminal.close() == 0
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.output)) == colour
    assert (ESCAPE in terminal.output) == moves
    table = visible(terminal.output.rpartition("\x1b[?25h")[2]) if moves else terminal.output
    width = max(20, int(changes["COLUMNS"]))
    assert max(map(len, table.splitlines())) <= max(width, len(f"{PART} (corrected): refuted"))
    said = " ".join(table.split())
    assert "r = (0, 1), alpha = 1" in said
    assert "refuted" in said


def test_narrow_results_of_experiments_are_one_below_the_other() -> None:
    terminal = Terminal("simulate", "operation-counts", "--small", "--workers", 1, COLUMNS="60")
    assert terminal.close() == 0
    table = visible(terminal.output.rpartition("\x1b[?25h")[2])
    assert max(map(len, table.splitlines())) <= 60
    assert "the paper: " in table
    assert "findings." in table


def test_help_in_a_pipe_has_no_panels_and_no_colour() -> None:
    result = run("verify", "--help")
    assert result.returncode == 0
    assert result.stdout.isascii()
    assert ESCAPE.encode() not in result.stdout


@pytest.mark.parametrize("command", ["", "verify", "hunt", "list", "show", "recheck", "simulate"])
def test_help_ends_with_an_example_that_is_a_command(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"] if command else ["--help"]).output
    found = re.search(r"(Example|Begin with): entropy-theory (.*)", text)
    assert found is not None
    name, *arguments = shlex.split(found.group(2))
    assert name == (command or "show")
    assert "NAME" not in arguments


# Interruptions ---------------------------------------------------------------------------------------------------


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    file = tmp_path / "slow claims.py"
    file.write_text(SLOW, encoding="utf-8")
    return file


@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 1), (signal.SIGINT, 3), (signal.SIGTERM, 1)])
def test_an_interrupted_hunt_prints_what_is_finished_and_how_to_go_on(
    slow: Path, tmp_path: Path, number: signal.Signals, times: int
) -> None:
    store, out = tmp_path / "a store.db", tmp_path / "out.json"
    arguments = ["hunt", slow, "--budget", 100, "--workers", 1, "--seed", 5, "--json", out, "--resume", store]
    process = subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(WAIT="1"),
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("[1/3] quick (printed): refuted")
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.02)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "quick" in stdout
    assert "1 refuted of 1 readings." in stdout
    assert [x["claim"] for x in json.loads(out.read_text())] == ["quick"]
    assert "Traceback" not in stderr
    last = stderr.splitlines()[-1]
    assert last.startswith("interrupted: 1 of 3 claims was decided; go on with: entropy-theory hunt ")
    again = run(*shlex.split(last.partition("entropy-theory ")[2]))
    assert again.returncode == 0, again.stderr
    assert "about 0 s" not in again.stderr.decode()
    assert [x["claim"] for x in json.loads(out.read_text())] == ["quick", "slow", "later"]
    with closing(sqlite3.connect(store)) as file:
        assert file.execute("SELECT count(*) FROM verdicts").fetchone() == (3,)


@pytest.mark.parametrize("times", [1, 3])
def test_control_c_in_a_terminal(slow: Path, times: int) -> None:
    terminal = Terminal("hunt", slow, "--budget", 100, "--workers", 1, COLUMNS="200", WAIT="1")
    terminal.read_until("1/3")
    for _ in range(times):
        terminal.press_control_c()
        time.sleep(0.05)
    start = time.monotonic()
    assert terminal.close() == 1
    assert time.monotonic() - start < 30  # the claim at work sleeps for five minutes
    assert "Traceback" not in terminal.output
    assert "\x1b[?25h" in terminal.output  # the cursor is shown again
    said = visible(terminal.output)
    assert "1 refuted of 1 readings." in said
    command = command_line("hunt", slow, ("--budget", 100), ("--workers", 1), ("--resume", "verdicts.db"))
    assert f"none is kept for a later run, as it would be with: {command}" in " ".join(said.split())


def test_an_interrupted_simulation_says_how_to_go_on(tmp_path: Path) -> None:
    options = ("--small", "--workers", 2, "-o", tmp_path)
    terminal = Terminal("simulate", "operation-counts", "estimators", *options, COLUMNS="200")
    terminal.read_until("estimators ")
    terminal.press_control_c()
    assert terminal.close() == 1
    assert (tmp_path / "operation-counts.json").is_file()
    assert not (tmp_path / "estimators.json").exists()
    said = " ".join(visible(terminal.output).split())
    assert "of 6 findings." in said
    command = f"entropy-theory simulate operation-counts estimators --small --workers 2 -o {tmp_path} --resume"
    assert f"interrupted in estimators: 1 of 2 experiments are done; go on with: {command}" in said


def test_an_interrupted_explanation_says_so_in_a_word() -> None:
    terminal = Terminal("show", "theorem-vii.1", COLUMNS="100")
    terminal.read_until("checking theorem-vii.1")
    terminal.press_control_c()
    assert terminal.close() == 1
    assert "Traceback" not in terminal.output
    assert visible(terminal.output).splitlines()[-1] == "interrupted"


# Errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verfy"], "command is 'verfy', expected one of verify"),
        (["verfy"], "the nearest is verify"),
        (["verify", "--sed", "3"], "option is '--sed', expected one of --json, --seed"),
        (["verify", "--sed", "3"], "the nearest are --seed, --seeds"),
        (["verify", "--wokers", "3"], "the nearest is --workers"),
        (["--nope"], "option is '--nope', expected one of --version"),
        (["verify", "--budget", "0"], "--budget is '0', expected an integer >= 1"),
        (["verify", "--budget", "many"], "--budget is 'many', expected an integer >= 1"),
        (["verify", "--seed", "-1"], "--seed is '-1', expected an integer >= 0"),
        (["simulate", "--seeds", "1"], "--seeds is '1', expected an integer >= 2"),
        (["hunt"], "FILE.py[:NAME] is missing, expected a Python file with claims"),
        (["show"], "NAME is missing, expected a claim"),
        (["show", "a", "b"], "unexpected extra argument"),
        (["verify", "--json"], "'--json' requires an argument"),
        (["verify", "--json", "."], "--json is ., expected a file"),
        (["verify", "--resume", "."], ". cannot be read"),
        (["recheck", "missing.json"], "missing.json cannot be read as JSON: no such file or directory"),
        (["recheck", "."], ". cannot be read as JSON: is a directory"),
        (["simulate", "x"], "name is 'x', expected one of entropy-covariance"),
    ],
)
def test_errors_are_one_line_on_standard_error(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(r"error: [^\n]+\n", result.stderr)
    assert said in result.stderr


def test_errors_in_a_terminal_are_the_same() -> None:
    terminal = Terminal("verify", "--sed", COLUMNS="40")
    assert terminal.close() == 2
    assert terminal.output == run("verify", "--sed").stderr.decode()


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "secret.json"
    file.write_text("[]")
    file.chmod(0)
    if os.access(file, os.R_OK):
        file.unlink()
        file.symlink_to(file)  # to the superuser every file is open, but no loop of links
    result = run("recheck", file)
    assert result.returncode == 2
    assert re.fullmatch(r"error: [^\n]*secret.json cannot be read as JSON: [^\n]+\n", result.stderr.decode())


def test_the_version() -> None:
    from entropy_theory import __version__

    assert run("--version").stdout.decode() == f"entropy-theory {__version__}\n"


# Completion ------------------------------------------------------------------------------------------------------


def complete(shell: str, line: str) -> list[str]:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    fish = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    result = run(_ENTROPY_THEORY_COMPLETE=f"complete_{shell}", **(words if shell == "bash" else fish))
    assert result.returncode == 0, result.stderr
    assert result.stderr == b""
    return [word for word in re.split(r'[\n\t"]', result.stdout.decode()) if word]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_claims_and_experiments(shell: str) -> None:
    assert "verify" in complete(shell, "entropy-theory ver")
    found = complete(shell, "entropy-theory show theorem-v.2/eq")
    assert PART in found
    assert not any("theorem-v.1" in x for x in found)
    assert "exponential-law" in complete(shell, "entropy-theory simulate exp")


@pytest.mark.parametrize("line", ["entropy-theory recheck ", "entropy-theory hunt ex"])
def test_files_are_left_to_the_shell(line: str) -> None:
    assert complete("bash", line) == []
    assert complete("zsh", line) == ["_files"]


def test_completion_shows_statements_first_and_parts_of_the_only_one() -> None:
    assert set(claim_names("theorem-v.")) == {"theorem-v.1", "theorem-v.2"}
    assert {"theorem-v.2", PART} <= set(claim_names("theorem-v.2"))
    assert "beyond/influence/mean" in claim_names("beyond/inf")
    assert claim_names("none") == []
    everything = {c.name for c in paper_claims()}
    reached = set(itertools.chain.from_iterable(claim_names(name) for name in claim_names("")))
    reached |= set(itertools.chain.from_iterable(claim_names(f"{name}/") for name in claim_names("")))
    assert everything <= reached
    assert [name for name, _ in experiments("")] == list(SIMULATIONS)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell: str) -> None:
    result = run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert result.returncode == 0, result.stderr
    assert "_ENTROPY_THEORY_COMPLETE" in result.stdout.decode()


# Time left, commands ---------------------------------------------------------------------------------------------


def test_the_time_left_is_in_proportion() -> None:
    now = [100.0]
    left = TimeLeft(lambda: now[0])
    assert left.after(0, 10) == ""
    now[0] += 30
    assert left.after(3, 10) == "about 70 s left"
    assert left.after(1, 10) == "about 4 min left"
    assert left.after(10, 10) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (89, "89 s"), (150, "2 min"), (5000, "83 min"), (5400, "1.5 h"), (36000, "10 h")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_commands_can_be_copied() -> None:
    line = command_line(
        "hunt", Path("my file.py"), ("--seed", None), ("--small", True), ("--quiet", False), ("-o", "x")
    )
    assert line == "entropy-theory hunt 'my file.py' --small -o x"
    assert shlex.split(line)[2] == "my file.py"

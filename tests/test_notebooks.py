"""The notebooks: stored as executed, run again in a fresh kernel with the same text, public names only, live controls.

A control is moved as a page moves it: the kernel's end of the widget gets the message that a browser would send, and
the picture that comes back is looked at.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import entropy_theory as et
from entropy_theory.checking.registry import paper_claims
from tests.store_notebooks import FOLDER, NAMES, client_of, read

LARGEST = 700_000
"""Bytes of a notebook."""
PUBLIC = {"entropy_theory", "entropy_theory.strategies", "entropy_theory.figures"}
KINDS = "beyond|lemma|theorem|proposition|corollary|remark|definition|assumption|equation|section"
MACHINE = re.compile(r"(?<![\w/.:])/(?:home|root|tmp|usr|work|opt|var|private|Users|mnt)/|[A-Z]:\\\\")
"""The start of an absolute path."""

every_notebook = pytest.mark.parametrize("name", NAMES)


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def statements(cell: Any) -> ast.Module:
    """The Python of a cell, without its magics."""
    return ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%")))


def texts(cell: Any) -> list[tuple[str, str]]:
    """What a cell says in words: each stream in one piece, and then the plain form of what it shows.

    When a stream is flushed is a matter of time, so its place among what is shown is none of its content.
    """
    streams: dict[str, str] = {}
    shown = []
    for output in cell.outputs:
        if output.output_type == "stream":
            streams[output.name] = streams.get(output.name, "") + output.text
        elif output.output_type == "error":
            shown.append(("error", f"{output.ename}: {output.evalue}"))
        else:
            shown.append(("shown", output.data.get("text/markdown", output.data.get("text/plain", ""))))
    return [*sorted(streams.items()), *shown]


def test_no_notebook_is_left_out() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == list(NAMES)


@every_notebook
def test_it_is_stored_executed_and_clean(name: str) -> None:
    path, notebook = FOLDER / f"{name}.ipynb", read(name)
    nbformat.validate(notebook)
    assert path.stat().st_size < LARGEST
    assert [cell.execution_count for cell in code(notebook)] == list(range(1, len(code(notebook)) + 1))
    assert set(notebook.metadata) <= {"kernelspec", "language_info", "widgets"}
    assert notebook.metadata.kernelspec == {"display_name": "Python 3", "language": "python", "name": "python3"}
    for cell in notebook.cells:
        assert not {"execution", "ExecuteTime"} & set(cell.metadata)
        assert not MACHINE.search(cell.source)
    for cell in code(notebook):
        assert all(kind in ("stdout", "shown") for kind, _ in texts(cell))
        assert not any(MACHINE.search(text) for _, text in texts(cell))


@every_notebook
def test_it_has_pictures_and_prose(name: str) -> None:
    notebook = read(name)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    pictures = [
        output
        for cell in code(notebook)
        for output in cell.outputs
        if {"image/png", "image/svg+xml"} & set(output.get("data", {}))
    ]
    assert len(pictures) >= 3


@every_notebook
def test_it_uses_public_names_only(name: str) -> None:
    for cell in code(read(name)):
        for node in ast.walk(statements(cell)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == "entropy_theory":
                        assert (alias.name, alias.asname) == ("entropy_theory", "et")
            elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "entropy_theory":
                module = str(node.module)
                assert module in PUBLIC or module.startswith("entropy_theory.figures."), module
                assert not any(alias.name.startswith("_") for alias in node.names)
                if module == "entropy_theory":
                    assert {alias.name for alias in node.names} <= {*et.__all__, "strategies", "figures"}
            elif isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_"), node.attr
                if isinstance(node.value, ast.Name) and node.value.id == "et":
                    assert node.attr in et.__all__, node.attr


@every_notebook
def test_the_claims_that_it_cites_exist(name: str) -> None:
    claims = {claim.name for claim in paper_claims()}
    known = claims | {claim.partition("/")[0] for claim in claims if not claim.startswith("beyond/")}
    prose = "\n".join(cell.source for cell in read(name).cells)
    cited = set(re.findall(rf"[`\"]((?:{KINDS})[-/][\w./-]+)[`\"]", prose))
    assert cited
    assert cited <= known, sorted(cited - known)


def pictures(client: NotebookClient) -> list[Any]:
    """What the output areas of the widgets hold now, none of it an error or a warning."""
    held = [
        output
        for state in client.widget_state.values()
        if state.get("_model_name") == "OutputModel"
        for output in state["outputs"]
    ]
    for output in held:
        assert output["output_type"] != "error", output["evalue"]
        assert output.get("name") != "stderr", output["text"]
    return [str(output.get("data", output.get("text"))) for output in held]


def positions(state: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The ends of a slider, every choice of a list, both states of a box; nothing for a widget that is no control."""
    if "_options_labels" in state:
        yield from ({"index": i} for i in range(len(state["_options_labels"])))
    elif {"min", "max", "value"} <= set(state):
        ends = (state["min"], state["max"])
        base = state.get("base")  # of a logarithmic slider, whose ends are exponents
        yield from ({"value": end if base is None else base**end} for end in ends)
    elif isinstance(state.get("value"), bool):
        yield from ({"value": value} for value in (False, True))


def run(client: NotebookClient, cell: Any) -> Any:
    """Execute one more cell in the kernel."""
    client.nb.cells.append(cell)
    return client.execute_cell(cell, len(client.nb.cells) - 1)


def move(client: NotebookClient, widget: str, state: dict[str, Any]) -> None:
    """Send a widget the message of a browser in which it was moved."""
    message = {"content": {"data": {"method": "update", "state": state, "buffer_paths": []}}, "buffers": []}
    source = f"import comm\ncomm.get_comm_manager().get_comm({widget!r}).handle_msg({message!r})"
    assert texts(run(client, nbformat.v4.new_code_cell(source))) == []


def check_controls(client: NotebookClient) -> None:
    """Each control goes through its positions, and what is shown depends on where it stands."""
    controls: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {}
    for key, state in client.widget_state.items():
        if places := list(positions(state)):
            controls[key] = places, {name: state[name] for name in places[0]}
    assert controls
    run(client, nbformat.v4.new_code_cell("import warnings\nwarnings.simplefilter('error')"))
    for key, (places, first) in controls.items():
        shown = set()
        for place in places:
            move(client, key, place)
            held = pictures(client)
            assert held
            shown.add("".join(held))
        assert len(shown) > 1
        move(client, key, first)


@every_notebook
def test_it_runs_as_stored_and_its_controls_work(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))  # nobody's own start-up files
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "jupyter"))
    monkeypatch.delenv("MPLBACKEND", raising=False)
    stored, notebook = read(name), read(name)
    client = client_of(notebook, tmp_path)
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        for old, new in zip(code(stored), code(notebook), strict=True):
            assert texts(new) == texts(old), old.source
        check_controls(client)

"""Notebooks in fresh kernels: ``python -m tests.store_notebooks [NAME]...`` executes them and stores what they show."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.output_widget import OutputWidget

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = (
    "1-entropy-dynamics",
    "2-bias-of-regularisation",
    "3-covariance-control",
    "4-stability-margins",
    "5-training-dynamics",
    "6-check-your-own-claim",
)
WIDGETS = "application/vnd.jupyter.widget-state+json"


class OutputArea(OutputWidget):
    """The area of a page into which a widget draws; here it does not report to the kernel what it holds.

    nbclient sends that report on the socket on which it awaits the reply of the cell, and the reply may then go
    unnoticed for ever. No notebook reads the report.
    """

    def sync_state(self) -> None:
        """Say nothing."""


def read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def client_of(notebook: Any, folder: Path) -> NotebookClient:
    """A client that runs the notebook in a fresh kernel in that folder."""
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", record_timing=False, resources=resources)
    client.widget_registry = {"@jupyter-widgets/output": {"OutputModel": OutputArea}}
    return client


def store(name: str) -> None:
    """Execute a notebook and store it; the same outputs are the same file."""
    notebook = read(name)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "matplotlibrc").write_text("svg.hashsalt: entropy_theory\n")  # the same names in each SVG
        client = client_of(notebook, Path(folder))
        with client.setup_kernel():
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            client.set_widgets_metadata()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _merged(cell.outputs)
    notebook.metadata.language_info = {"name": "python"}
    text: str = nbformat.writes(notebook)
    for number, key in enumerate(_widgets(notebook)):
        text = text.replace(key, f"{name[0]}{number:031d}")
    text = re.sub(r'("msg_id": )"[^"]+"', r'\1""', text)
    in_order: str = nbformat.writes(nbformat.reads(text, as_version=4))
    (FOLDER / f"{name}.ipynb").write_text(f"{in_order.rstrip()}\n", encoding="utf-8")


def _widgets(notebook: Any) -> list[str]:
    """The names of the widgets, each that is shown followed by what it is made of."""
    state = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    found: dict[str, None] = {}

    def visit(key: str) -> None:
        if key in state and key not in found:
            found[key] = None
            for part in re.findall("IPY_MODEL_([0-9a-f]+)", json.dumps(state[key], sort_keys=True)):
                visit(part)

    for cell in notebook.cells:
        for key in re.findall('"model_id": "([0-9a-f]+)"', json.dumps(cell.get("outputs", []))):
            visit(key)
    if set(found) != set(state):
        raise ValueError(f"notebook has widgets that no cell shows: {sorted(set(state) - set(found))}")
    return list(found)


def _merged(outputs: list[Any]) -> list[Any]:
    """With neighbouring pieces of one stream in one piece."""
    out: list[Any] = []
    for output in outputs:
        if out and output.output_type == "stream" and out[-1].get("name") == output.name:
            out[-1].text += output.text
        else:
            out.append(output)
    return out


if __name__ == "__main__":
    for chosen in sys.argv[1:] or NAMES:
        store(chosen)
        print(chosen)

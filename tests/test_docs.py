"""The documentation builds without a warning, has every public name, and prints what it says.

Each build is a process of its own on a copy of the pages, so that nothing is written beside them.
"""

from __future__ import annotations

import doctest
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from sphinx.util.inventory import InventoryFile

import entropy_theory as et
from entropy_theory import controls, estimators, figures, simulations, strategies
from entropy_theory.cli import app

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path for path in (ROOT / "docs").rglob("*.md") if not {"_build", "_generated"} & set(path.relative_to(ROOT).parts)
)
COMMAND = "entropy-theory"


def copy_of_the_pages(folder: Path) -> Path:
    """The sources, with links to what they take from beside them."""
    docs = folder / "docs"
    shutil.copytree(ROOT / "docs", docs, ignore=shutil.ignore_patterns("_build", "_generated", "*.ipynb"))
    for name in ("notebooks", "figures"):
        (folder / name).symlink_to(ROOT / name)
    return docs


def build(docs: Path, builder: str = "html", **environment: str) -> tuple[int, str]:
    """Status and complaints of a build; of pages a strict one."""
    trees, out = docs.parent / "trees", docs.parent / builder
    strict = ["-W", "--keep-going", "-n"] if builder == "html" else []
    options = [*strict, "-q", "-b", builder, "-d", str(trees), str(docs), str(out)]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options],
        cwd=docs.parent,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )
    return done.returncode, done.stdout + done.stderr


def change(path: Path, pattern: str, by: str) -> None:
    """Replace the first place in a file, which has to be there."""
    text, times = re.subn(pattern, by, path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    assert times == 1
    path.write_text(text, encoding="utf-8")


# Every name ------------------------------------------------------------------------------------------------------

NAMESPACES: dict[str, Any] = {
    "entropy_theory": et,
    "entropy_theory.domains": et.domains,
    "entropy_theory.controls": controls,
    "entropy_theory.estimators": estimators,
    "entropy_theory.strategies": strategies,
    "entropy_theory.figures": figures,
    "entropy_theory.simulations": simulations,
}


def homes() -> dict[str, Any]:
    """Every public name, where it is met first."""
    found: dict[str, Any] = {}
    for path, namespace in NAMESPACES.items():
        for name in namespace.__all__:
            thing = getattr(namespace, name)
            if not any(thing is known for known in found.values()):
                found[f"{path}.{name}"] = thing
    return found


def methods(public: dict[str, Any]) -> Iterator[list[str]]:
    """For each public method or property of a public class the names under which it may stand: its own or a base's."""
    places = {thing: name for name, thing in public.items() if inspect.isclass(thing)}
    for cls in places:
        for name, member in inspect.getmembers(cls):
            ours = getattr(inspect.unwrap(getattr(member, "fget", None) or member), "__module__", "") or ""
            if name.startswith("_") or not (callable(member) or isinstance(member, property)):
                continue
            if ours.startswith("entropy_theory"):
                yield [f"{places[base]}.{name}" for base in cls.__mro__ if base in places and hasattr(base, name)]


def test_the_site_is_built_has_every_name_and_fails_where_it_must(tmp_path: Path) -> None:
    docs = copy_of_the_pages(tmp_path)
    status, complaints = build(docs)
    assert (status, complaints) == (0, "")

    inventory = InventoryFile.loads((tmp_path / "html" / "objects.inv").read_bytes(), uri="")
    documented = {name for kind, names in inventory.data.items() if kind.startswith("py:") for name in names}
    public = homes()
    assert len(public) > 100
    assert not [name for name in public if name not in documented]
    several = list(methods(public))
    assert len(several) > 60
    assert not [places for places in several if not documented.intersection(places)]
    assert set(figures.FIGURES) <= {path.stem for path in (tmp_path / "html" / "_images").iterdir()}
    course = {path.stem for path in (tmp_path / "html" / "course").glob("*.html")}
    assert course - {"index"} == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert len(course) == 7

    # A name taken off its page; on a page broken references, broken links, a picture without words; a page on its own.
    page = docs / "reference" / "numerics.md"
    change(page, r"\.\. autofunction:: varentropy\n", "")
    tutorial = docs / "tutorial.md"
    written = tutorial.read_text(encoding="utf-8")
    wrong = """
{py:func}`entropy_theory.no_such_name` {py:obj}`entropy_theory.nor_this`
[](no-such-page.md) [](how-to/check-my-lemma.md#no-such-heading)
![](_generated/theorem_v_1.png)
"""
    tutorial.write_text(written + wrong, encoding="utf-8")
    (docs / "alone.md").write_text("# Alone\n", encoding="utf-8")
    status, complaints = build(docs)
    (docs / "alone.md").unlink()
    assert status != 0
    assert "public name entropy_theory.varentropy is on no page of the reference" in complaints
    assert "py:func reference target not found: entropy_theory.no_such_name" in complaints
    assert "py:obj reference target not found: entropy_theory.nor_this" in complaints
    assert "tutorial.md:" in complaints
    assert "cross-reference target not found: 'no-such-page.md'" in complaints
    assert "local id not found in doc 'how-to/check-my-lemma': 'no-such-heading'" in complaints
    assert "picture _generated/theorem_v_1.png has no alternative text" in complaints
    assert re.search(r"alone.md: WARNING: document isn't included in any toctree", complaints)

    # A function without a docstring, also among those that may lack sections; one that leaves a parameter out.
    shutil.copy2(ROOT / "docs" / "reference" / "numerics.md", page)
    tutorial.write_text(written, encoding="utf-8")
    package = tmp_path / "package" / "entropy_theory"
    shutil.copytree(ROOT / "entropy_theory", package, ignore=shutil.ignore_patterns("__pycache__"))
    docstring = r'    """.*?"""\n'
    change(package / "softmax.py", rf"(def varentropy\(.*?\n){docstring}", r"\1")
    change(package / "softmax.py", r"(def fisher_norm\()z: Any, ", r"\1z: Any, extra: Any, ")
    change(package / "figures" / "lemma_iv_1.py", rf"(def draw\(.*?\n){docstring}", r"\1")
    os.utime(page)
    os.utime(docs / "reference" / "figures.md")
    status, complaints = build(docs, PYTHONPATH=str(package.parent))
    assert status != 0
    assert re.search(r"entropy_theory\.varentropy':\s+GL08: The object does not have a docstring", complaints)
    assert "entropy_theory.figures.lemma_iv_1.draw has no docstring" in complaints
    assert re.search(r"entropy_theory\.fisher_norm':\s+PR01: Parameters \{'extra'\} not documented", complaints)


# What the pages print ----------------------------------------------------------------------------------------------


def test_the_examples_print_what_the_pages_say(tmp_path: Path) -> None:
    status, complaints = build(copy_of_the_pages(tmp_path), "doctest")
    assert status == 0, complaints
    report = (tmp_path / "doctest" / "output.txt").read_text(encoding="utf-8")
    tests = re.search(r"(\d+) tests?\n +0 failures in tests", report)
    assert tests is not None
    assert int(tests[1]) == sum(page.read_text(encoding="utf-8").count("```{testcode}") for page in PAGES)


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def files(page: Path) -> dict[str, str]:
    """The files that a page shows, by the name in the caption."""
    text = page.read_text(encoding="utf-8")
    pattern = r"^```\{code-block\} python\n:caption: (\S+)\n\n(.*?)^```"
    return dict(re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL))


def calls(session: str) -> Iterator[tuple[str, str]]:
    """Each command of a session with the output that follows it."""
    yield from re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", session, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "console")], ids=lambda page: str(page.relative_to(ROOT / "docs"))
)
def test_the_commands_print_what_the_page_says(page: Path, tmp_path: Path) -> None:
    for name, text in files(page).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for session in blocks(page, "console"):
        commands = list(calls(session))
        assert len(commands) == session.count("$ "), session
        for command, expected in commands:
            program, *arguments = shlex.split(command)
            assert program == COMMAND
            done = subprocess.run(
                [sys.executable, "-c", "from entropy_theory.cli import main; main()", *arguments],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                env={**os.environ, "COLUMNS": "120"},
            )
            assert done.returncode == 0, done.stderr
            assert doctest.OutputChecker().check_output(expected, done.stdout, flags), f"$ {command}\n{done.stdout}"


OTHERS = (
    r"pip install -e (\.|'\.\[\w+\]')",
    r"pip install --require-hashes -r lock\.txt",
    r"pip install --no-deps \.",
    r"export (\w+=('[^']*'|\"[^\"]*\"|\S+) ?)+",
    r"python tests/published\.py verdicts\.json --numbers",
)
"""Lines of the pages beside those of the command."""


def test_the_commands_that_are_not_run_have_the_options_that_they_name() -> None:
    known = typer.main.get_command(app)
    seen = 0
    for page in PAGES:
        for line in "".join(blocks(page, "sh")).splitlines():
            program, *arguments = shlex.split(line)
            if program == COMMAND:
                name, *rest = arguments
                command: Any = known.commands[name]  # type: ignore[attr-defined]
                command.make_context(name, rest)
                seen += 1
            else:
                assert any(re.fullmatch(other, line) for other in OTHERS), line
    assert seen > 3


def test_the_pages_name_no_claim_that_does_not_exist() -> None:
    from entropy_theory.checking.registry import paper_claims

    names = {claim.name for claim in paper_claims()}
    pattern = r"`((?:lemma|theorem|proposition|corollary|definition|remark|equation|section|beyond)[-/][a-z0-9./-]*)`"
    for page in PAGES:
        for name in re.findall(pattern, page.read_text(encoding="utf-8")):
            assert name in names or any(known.startswith(f"{name}/") for known in names), f"{page}: {name}"


def test_no_page_runs_code_that_is_not_compared() -> None:
    """Python is shown in {testcode}, or in a file that a command of the page reads."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert "```python" not in text
        assert text.count("{code-block}") == len(files(page)), page
        for name in files(page):
            assert any(name in session for session in blocks(page, "console")), f"{page}: {name}"

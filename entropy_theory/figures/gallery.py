"""All pictures by name: the figures of the theory and, after them, those of the experiments of Section VIII."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure

from entropy_theory.brief import brief
from entropy_theory.figures import FIGURES
from entropy_theory.figures.simulations import DRAWINGS
from entropy_theory.figures.style import MUTED, save, style
from entropy_theory.results import ResultsFolder
from entropy_theory.simulations import SIMULATIONS, run
from entropy_theory.simulations.result import Result

TITLES: dict[str, str] = {
    **{name: figure.TITLE for name, figure in FIGURES.items()},
    **{name: experiment.TITLE for name, experiment in SIMULATIONS.items()},
}
"""The title of each picture by its name."""

SUBFOLDER = "simulations"
"""Where the pictures of the experiments go."""

_STRIP = 0.24  # inches below a picture of a small variant


def select(names: Iterable[str]) -> list[str]:
    """The pictures with these names, figures in the order of the paper and then experiments; all if there is none.

    Parameters
    ----------
    names : iterable of str
        A figure, also by its claim (``theorem_v_1``, ``theorem-v.1``), or an experiment (``alpha-sweep``).

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If a name fits no picture; it proposes the nearest ones.

    Examples
    --------
    >>> select(["alpha-sweep", "theorem-v.1"])
    ['theorem_v_1', 'alpha-sweep']
    """
    written = {name: as_written(name) for name in TITLES}
    known = {_plain(name): name for name in TITLES}
    wanted = set()
    try:
        given = [*names]
    except TypeError:
        raise ValueError(f"names is {brief(names)}, expected names of pictures") from None
    for name in given:
        if not isinstance(name, str):
            raise ValueError(f"name is {brief(name)}, expected the name of a picture")
        if _plain(name) not in known:
            near = [written[known[key]] for key in difflib.get_close_matches(_plain(name), known, n=3, cutoff=0.4)]
            hint = f"; the nearest are {', '.join(near)}" if near else ""
            raise ValueError(f"name is {brief(name)}, expected one of {', '.join(written.values())}{hint}")
        wanted.add(known[_plain(name)])
    return [name for name in TITLES if not wanted or name in wanted]


def as_written(name: str) -> str:
    """A picture's name as the commands write it: a figure as its claim, an experiment as it is.

    Parameters
    ----------
    name : str
        A key of `TITLES`.

    Returns
    -------
    str

    Examples
    --------
    >>> as_written("theorem_v_1"), as_written("alpha-sweep")
    ('theorem-v.1', 'alpha-sweep')
    """
    return re.sub(r"_(?=\d)", ".", name).replace("_", "-")


def completions(incomplete: str) -> list[str]:
    """The pictures whose name begins so, in the form in which it was begun; as the commands write it if both fit.

    Parameters
    ----------
    incomplete : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> completions("theorem-v."), completions("theorem_v_")
    (['theorem-v.1', 'theorem-v.2'], ['theorem_v_1', 'theorem_v_2'])
    """
    forms = ([as_written(name), name] for name in TITLES)
    return [begun[0] for names in forms if (begun := [form for form in names if form.startswith(incomplete)])]


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower())


def holds_results(results: Path) -> bool:
    """Whether a folder holds the result of any experiment.

    Parameters
    ----------
    results : Path

    Returns
    -------
    bool
    """
    return any((results / f"{name}.json").is_file() for name in DRAWINGS)


def missing(names: Iterable[str], results: Path) -> list[str]:
    """The experiments among some pictures of which a folder holds no result.

    Parameters
    ----------
    names : iterable of str
        Keys of `TITLES`.
    results : Path
        A folder that ``entropy-theory simulate -o`` wrote.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If a file in the folder is no result, or that of another experiment.
    """
    return [name for name in names if name in DRAWINGS and ResultsFolder(results).load(name) is None]


def write(name: str, folder: Path, results: Path | None = None) -> list[Path]:
    """Draw a picture as ``NAME.svg`` and ``NAME.png``; those of experiments go into the subfolder ``simulations``.

    Parameters
    ----------
    name : str
        A key of `TITLES`.
    folder : Path
        Made if it is not there.
    results : Path, optional
        The folder with the results of the experiments. Without it an experiment is run in its small variant, and the
        picture says so.

    Returns
    -------
    list of Path
        The two files. The same numbers give the same bytes.

    Raises
    ------
    ValueError
        If the result of an experiment is missing, or its file is none, or that of another.
    OSError
        If a file cannot be written.
    """
    target = folder / SUBFOLDER if name in DRAWINGS else folder
    figure = _of_experiment(name, results) if name in DRAWINGS else FIGURES[name].draw(FIGURES[name].data())
    target.mkdir(parents=True, exist_ok=True)
    return save(figure, target, name)


def _of_experiment(name: str, results: Path | None) -> Figure:
    # A result goes through its stored form, which rounds: the picture is the same from the run and from the file.
    result = Result.from_json(run(name, "small").to_json()) if results is None else ResultsFolder(results).load(name)
    if result is None:
        raise ValueError(f"results is {results}, which holds no {name}.json, expected a result of this experiment")
    figure = _drawn(result, results)
    if result.setting["scale"] == "small":
        _say_below(figure, f"small variant, {result.setting['seeds']} seeds")
    return figure


def _drawn(result: Result, results: Path | None) -> Figure:
    try:
        figure: Figure = DRAWINGS[result.name].draw(result)
    except Exception as error:
        if results is None:
            raise
        raise ResultsFolder(results).not_drawn(result.name, error) from None
    return figure


def _say_below(figure: Figure, words: str) -> None:
    """Add a strip below the picture, whose layout stays, for a line of small text."""
    with style():
        figure.draw_without_rendering()  # lays it out
        figure.set_layout_engine("none")
        figure.set_figheight(figure.get_figheight() + _STRIP)
        strip = _STRIP / figure.get_figheight()
        for axes in figure.axes:
            x, y, width, height = axes.get_position().bounds
            axes.set_position((x, strip + (1 - strip) * y, width, (1 - strip) * height))
        for text in figure.texts:
            text.set_y(strip + (1 - strip) * text.get_position()[1])
        for legend in figure.legends:
            legend.set_bbox_to_anchor((0, strip, 1, 1 - strip), figure.transFigure)
        figure.text(0.99, 0.2 * strip, words, color=MUTED, fontsize=8.5, ha="right", va="bottom")

"""Sphinx configuration. Strict: an unresolved reference and a public name that is not documented are warnings, and the
build turns warnings into errors: ``python -m sphinx -W --keep-going -n -b html docs docs/_build/html``."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.ext import autosummary

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "entropy_theory"
author = "the entropy_theory authors"
project_copyright = "the entropy_theory authors"
version = release = version_of("entropy_theory")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "numpydoc",
    "generated_pages",
    "every_picture_in_words",
    "every_public_name",
    "mathematics",
]
exclude_patterns = ["_build", "_generated", "_ext"]

html_theme = "furo"
html_title = "entropy_theory"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_show_sphinx = False
html_copy_source = False
html_math_renderer = "mathml"
smartquotes = False  # "printed" and --json are to be copied

# Markdown and notebooks
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the notebooks are stored executed, and the tests execute them
nb_merge_streams = True
nb_render_image_options = {"alt": "What the code above draws; the text says what is to be seen."}
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # sliders need a kernel; no script is loaded from the network

# Reference. `name` in a docstring links to what is documented under that name, else it is set as code.
default_role = "py:obj"
nitpicky = True
autodoc_typehints = "none"  # the docstrings say what the types do not: shapes, units, ranges
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True}
autosummary_generate = False
autosummary.WELL_KNOWN_ABBREVIATIONS = (*autosummary.WELL_KNOWN_ABBREVIATIONS, "Eq.", "Eqs.")  # no end of a sentence
add_module_names = False
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False
numpydoc_validation_checks = {
    "GL06",  # unknown section
    "GL07",  # sections out of order
    "GL08",  # no docstring
    "PR01",  # a parameter is not documented
    "PR02",  # a documented parameter does not exist
    "PR03",  # parameters out of order
    "PR10",  # no space before the colon of a type
    "RT01",  # no Returns section
    "SS01",  # no summary
    "YD01",  # no Yields section
}
# The fields of a record stand under Attributes; `every_public_name` sees to it that none is missing there.
numpydoc_validation_overrides = {"PR01": [r"(?m)^Attributes\n-+$"]}

# Two kinds of functions may lack their sections, though not their docstring. The files of the simulations enter the
# origin of every stored result and are not edited for their wording; `data` and `draw` of a figure are described once,
# in `FIGURES`.
numpydoc_validation_exclude = {r"entropy_theory\.simulations\.", r"entropy_theory\.figures\.\w+\.(data|draw)$"}

# Examples: `sphinx -b doctest` runs every {testcode} and compares its {testoutput}; those of the docstrings are run by
# pytest.
doctest_test_doctest_blocks = ""
doctest_global_setup = "import matplotlib; matplotlib.use('agg')"

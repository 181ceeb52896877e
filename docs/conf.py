"""How Sphinx builds the site: `pip install -e ".[docs]" && sphinx-build docs site`."""

import sys
from pathlib import Path

import nasnet_keras

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "nasnet_keras"
author = "the authors of nasnet_keras"
release = version = nasnet_keras.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "elsewhere", "jobs"]
exclude_patterns = ["extensions", "cluster", "models/genotypes"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
autodoc_typehints = "none"  # the docstrings say more
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_use_rtype = False
default_role = "code"  # docstrings write code in single backticks

html_theme = "furo"
html_title = f"nasnet_keras {release}"
html_copy_source = False
html_show_sourcelink = False


def _code(app, what, name, value, options, lines):
    """Show examples that are no dialogues with Python as code, too."""
    for number, line in enumerate(lines[:-1]):
        if line.strip() == "Example:" and not lines[number + 1].lstrip().startswith(">>>"):
            lines[number : number + 1] = ["Example::", ""]


def setup(app):
    """Connect to Sphinx; this is before the docstrings' sections are read."""
    app.connect("autodoc-process-docstring", _code, priority=400)

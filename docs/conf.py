"""How Sphinx builds the site: `pip install -e ".[docs]" && sphinx-build docs site`."""

import os
import sys
from functools import partial
from pathlib import Path

from jupyter_cache.executors import utils as executors

import nasnet_keras

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "nasnet_keras"
author = "the authors of nasnet_keras"
project_copyright = f"the authors of {project}, Apache License 2.0"
release = version = nasnet_keras.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "elsewhere", "fields", "jobs"]
exclude_patterns = ["extensions", "cluster", "models/genotypes"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Pages in tutorials/ are notebooks, which each build runs; `-D nb_execution_mode=off` leaves that out.
nb_execution_mode = "force"
nb_execution_in_temp = True  # what they write stays out of the checkout
nb_execution_raise_on_error = nb_execution_show_tb = True
nb_execution_timeout = 1800  # seconds for one cell, on a machine that does much else
executors.executenb = partial(executors.executenb, coalesce_streams=True)  # nb_merge_streams would break lines
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # cells call the commands
os.environ |= {"NASNET_KERAS_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}

autodoc_typehints = "none"  # the docstrings say more
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
napoleon_use_rtype = False
default_role = "code"  # docstrings write code in single backticks

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["notebooks.css"]
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

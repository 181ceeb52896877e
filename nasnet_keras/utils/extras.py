"""How the packages of an extra are installed, in words for all errors of packages that are missing.

The package is in no index yet, so that `pip install "nasnet_keras[export]"` finds nothing. What works is the path of
the checkout, where there is one, and else the names of the packages.
"""

import re
import shlex
from importlib import metadata
from pathlib import Path

__all__ = ["install"]

_ROOT = Path(__file__).resolve().parent.parent.parent  # of a checkout
_NAME = "nasnet_keras"


def install(extra: str) -> str:
    """Write the command that installs an extra of this package; an empty one stands for what it always needs.

    Args:
        extra: its name in `setup.py`.

    Example:
        >>> install("ray").startswith("pip install ")
        True
    """
    if (_ROOT / "setup.py").is_file() and (_ROOT / _NAME).is_dir():
        what = [f"{_ROOT}[{extra}]" if extra else str(_ROOT)]
        return f"pip install -e {shlex.join(what)}"
    return f"pip install {shlex.join(_requirements(extra))}"


def _requirements(extra: str) -> list[str]:
    """The packages of an extra, as the installed package names them."""
    try:
        lines = metadata.requires(_NAME) or []
    except metadata.PackageNotFoundError:
        lines = []
    found = []
    for line in lines:
        requirement, _, condition = line.partition(";")
        of = re.search(r"""extra\s*==\s*["']([\w-]+)["']""", condition)
        if (of[1] if of else "") == extra:
            found.append(requirement.strip())
    return found or [f"{_NAME}[{extra}]" if extra else _NAME]

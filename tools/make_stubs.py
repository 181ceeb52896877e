"""Write `__init__.pyi` beside each package whose names resolve when they are used, for editors and type checkers.

    python tools/make_stubs.py

These run no code, so that they see no such name. `tests/test_editors.py` compares the files with the names.
"""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from nasnet_keras.utils.lazy import LAZY

_ROOT = Path(__file__).resolve().parent.parent
_HEAD = '"""The names of {}, for editors and type checkers. `tools/make_stubs.py` writes it."""\n\n'


def stub(package: ModuleType) -> str:
    """The text of a package's file: its lazy names, and the public values that it has itself."""
    name = package.__name__
    lines = [f"from {module} import {each} as {each}" for each, module in LAZY[name].items()]
    if name == "nasnet_keras":
        lines.append("__version__: str")
    if "LAYERS" in vars(package):
        lines.append("LAYERS: dict[str, str]")
    return "\n".join([_HEAD.format(name), *lines, f"__all__ = {package.__all__!r}"]) + "\n"


def packages() -> dict[str, ModuleType]:
    """The packages with lazy names, by the place of their file."""
    found = {}
    for path in _ROOT.rglob("__init__.py"):
        if "resolving(__name__" in path.read_text(encoding="utf-8"):
            parts = path.parent.relative_to(_ROOT).parts
            name = ".".join(parts if parts[0] == "nasnet_keras" else ("nasnet_keras", *parts))
            found[str(path.relative_to(_ROOT).with_suffix(".pyi"))] = importlib.import_module(name)
    return found


def main() -> None:
    for place, package in packages().items():
        (_ROOT / place).write_text(stub(package), encoding="utf-8")
        for rule in (["check", "--fix", "-q", "--select=I,RUF022"], ["format", "-q"]):
            subprocess.run([sys.executable, "-m", "ruff", *rule, place], cwd=_ROOT, check=True)


if __name__ == "__main__":
    main()

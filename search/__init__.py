"""Search for genotypes: a job, and what it is made of.

    from nasnet_keras import search
    study = search.run(search.SearchConfig(workdir="study"))

Names resolve when they are first used, so that flags and settings come before TensorFlow.
"""

import importlib
from typing import Any

_EXPORTS = {
    "SearchConfig": "config",
    "CellSpace": "spaces.nasnet",
    "Study": "study",
    "StudyError": "study",
    "load_study": "study",
    "run": "loop",
}

__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

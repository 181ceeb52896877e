"""Search for genotypes: a job, and what it is made of.

    from nasnet_keras import search
    study = search.run(search.SearchConfig(workdir="study"))

Names resolve when they are first used, so that flags and settings come before TensorFlow.
"""

from nasnet_keras.utils.lazy import resolving

_EXPORTS = {
    "SearchConfig": "config",
    "CellSpace": "spaces.nasnet",
    "Study": "study",
    "StudyError": "study",
    "load_study": "study",
    "run": "loop",
}

__all__ = sorted(_EXPORTS)


__getattr__, __dir__ = resolving(__name__, _EXPORTS)

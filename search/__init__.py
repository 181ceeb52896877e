"""Search for genotypes: the job, and its parts.

    from nasnet_keras import search
    study = search.run(search.SearchConfig(workdir="study"))

`Algorithm`, `Evaluator`, `Executor` and `Space` are interfaces, whose docstrings state the rules. `run` takes objects
of classes of one's own, which `nasnet_keras.search.testing` checks. Names resolve when they are first used, so that
flags and settings come before TensorFlow.
"""

from nasnet_keras.utils.lazy import resolving

_EXPORTS = {
    "Algorithm": "algorithms.base",
    "CellSpace": "spaces.nasnet",
    "Decision": "spaces.base",
    "Evaluator": "evaluators.base",
    "Executor": "executors.base",
    "Outcome": "executors.base",
    "SearchConfig": "config",
    "Space": "spaces.base",
    "Study": "study",
    "StudyError": "study",
    "Task": "executors.base",
    "load_study": "study",
    "perform": "executors.base",
    "run": "loop",
}

__all__ = sorted(_EXPORTS)


__getattr__, __dir__ = resolving(__name__, _EXPORTS)

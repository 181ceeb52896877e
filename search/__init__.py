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
    "Comparison": "report.compared",
    "Decision": "spaces.base",
    "Evaluator": "evaluators.base",
    "Executor": "executors.base",
    "Outcome": "executors.base",
    "SearchConfig": "config",
    "Space": "spaces.base",
    "Study": "study",
    "StudyError": "study",
    "Task": "executors.base",
    "compare": "report.compared",
    "load_studies": "study.seeds",
    "load_study": "study",
    "perform": "executors.base",
    "plot_optimization_history": "report.pictures",
    "plot_pareto_front": "report.pictures",
    "run": "loop",
    "run_seeds": "seeds",
}

__all__ = sorted(_EXPORTS)


__getattr__, __dir__ = resolving(__name__, _EXPORTS)

"""The names of nasnet_keras.search, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras.search.algorithms.base import Algorithm as Algorithm
from nasnet_keras.search.config import SearchConfig as SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator as Evaluator
from nasnet_keras.search.executors.base import Executor as Executor
from nasnet_keras.search.executors.base import Outcome as Outcome
from nasnet_keras.search.executors.base import Task as Task
from nasnet_keras.search.executors.base import perform as perform
from nasnet_keras.search.loop import run as run
from nasnet_keras.search.report.compared import Comparison as Comparison
from nasnet_keras.search.report.compared import compare as compare
from nasnet_keras.search.report.pictures import plot_optimization_history as plot_optimization_history
from nasnet_keras.search.report.pictures import plot_pareto_front as plot_pareto_front
from nasnet_keras.search.seeds import run_seeds as run_seeds
from nasnet_keras.search.spaces.base import Decision as Decision
from nasnet_keras.search.spaces.base import Space as Space
from nasnet_keras.search.spaces.nasnet import CellSpace as CellSpace
from nasnet_keras.search.study import Study as Study
from nasnet_keras.search.study import StudyError as StudyError
from nasnet_keras.search.study import load_study as load_study
from nasnet_keras.search.study.seeds import load_studies as load_studies

__all__ = [
    "Algorithm",
    "CellSpace",
    "Comparison",
    "Decision",
    "Evaluator",
    "Executor",
    "Outcome",
    "SearchConfig",
    "Space",
    "Study",
    "StudyError",
    "Task",
    "compare",
    "load_studies",
    "load_study",
    "perform",
    "plot_optimization_history",
    "plot_pareto_front",
    "run",
    "run_seeds",
]

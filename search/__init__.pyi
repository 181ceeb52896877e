"""The names of nasnet_keras.search, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras.search.algorithms.base import Algorithm as Algorithm
from nasnet_keras.search.config import SearchConfig as SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator as Evaluator
from nasnet_keras.search.executors.base import Executor as Executor
from nasnet_keras.search.executors.base import Outcome as Outcome
from nasnet_keras.search.executors.base import Task as Task
from nasnet_keras.search.executors.base import perform as perform
from nasnet_keras.search.loop import run as run
from nasnet_keras.search.spaces.base import Decision as Decision
from nasnet_keras.search.spaces.base import Space as Space
from nasnet_keras.search.spaces.nasnet import CellSpace as CellSpace
from nasnet_keras.search.study import Study as Study
from nasnet_keras.search.study import StudyError as StudyError
from nasnet_keras.search.study import load_study as load_study

__all__ = [
    "Algorithm",
    "CellSpace",
    "Decision",
    "Evaluator",
    "Executor",
    "Outcome",
    "SearchConfig",
    "Space",
    "Study",
    "StudyError",
    "Task",
    "load_study",
    "perform",
    "run",
]

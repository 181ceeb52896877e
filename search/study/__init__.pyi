"""The names of nasnet_keras.search.study, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras.search.study.errors import StudyError as StudyError
from nasnet_keras.search.study.folder import Study as Study
from nasnet_keras.search.study.folder import load_study as load_study
from nasnet_keras.search.study.trial import STATUSES as STATUSES
from nasnet_keras.search.study.trial import Trial as Trial

__all__ = ["STATUSES", "Study", "StudyError", "Trial", "load_study"]

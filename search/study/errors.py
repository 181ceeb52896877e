"""Errors of studies."""

from nasnet_keras.utils.workdir import WorkdirError

__all__ = ["StudyError"]


class StudyError(WorkdirError):
    """A study's folder cannot be used; nothing in it was changed."""

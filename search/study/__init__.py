"""A study's folder: its trials, its checkpoints and its result."""

from nasnet_keras.utils.lazy import resolving

_EXPORTS = {"STATUSES": "trial", "Study": "folder", "StudyError": "errors", "Trial": "trial", "load_study": "folder"}

__all__ = sorted(_EXPORTS)


__getattr__, __dir__ = resolving(__name__, _EXPORTS)

"""The exceptions by which a training run ends early."""

from nasnet_keras.utils.jobs import Stopped

__all__ = ["DivergedError", "Stopped"]


class DivergedError(ValueError):
    """The loss is no longer finite."""

"""What can go wrong in training, whoever trains."""

__all__ = ["DivergedError", "Stopped"]


class DivergedError(ValueError):
    """A loss is not finite any more."""


class Stopped(Exception):  # noqa: N818 – it is no error
    """The run was asked to stop; its checkpoint is written."""

"""What can go wrong in training, whoever trains."""

__all__ = ["DivergedError"]


class DivergedError(ValueError):
    """A loss is not finite any more."""

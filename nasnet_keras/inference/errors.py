"""The error of an export."""

__all__ = ["ExportError"]


class ExportError(ValueError):
    """A model cannot be exported, or the exported model computes something else."""

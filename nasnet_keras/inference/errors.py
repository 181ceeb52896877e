"""The errors of fusing and of an export."""

__all__ = ["ExportError", "FusionError"]


class ExportError(ValueError):
    """A model cannot be exported, or the exported model computes something else."""


class FusionError(ValueError):
    """A model has something that cannot be fused, which the message names."""

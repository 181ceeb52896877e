"""The type in which an exported file reads or writes values."""

from dataclasses import dataclass

import numpy as np

__all__ = ["TYPES", "TensorType"]

TYPES = ("float32", "uint8", "int8")


@dataclass(frozen=True)
class TensorType:
    """A type of values, and what integers stand for: `scale * (integer - zero_point)`.

    Attributes:
        dtype: one of `TYPES`, or what a model reads by itself.
        scale, zero_point: None if the values are what the model reads or computes.
    """

    dtype: str = "float32"
    scale: float | None = None
    zero_point: int | None = None

    @classmethod
    def of_range(cls, dtype: str, low: float, high: float) -> "TensorType":
        """Make integers stand for a range of values, and for zero.

        Example:
            >>> TensorType.of_range("uint8", 0, 255)
            TensorType(dtype='uint8', scale=1.0, zero_point=0)
        """
        low, high = min(low, 0.0), max(high, 0.0)
        scale = (high - low) / 255 or 1.0
        return cls(dtype, scale, int(np.iinfo(dtype).min - round(low / scale)))

    @classmethod
    def of_probabilities(cls, dtype: str) -> "TensorType":
        """Make integers stand for 256ths, as LiteRT's softmax in integers does."""
        return cls(dtype, 1 / 256, int(np.iinfo(dtype).min))

    def __str__(self) -> str:
        known = "" if self.scale is None else f" (scale {self.scale:.6g}, zero point {self.zero_point})"
        return f"{self.dtype}{known}"

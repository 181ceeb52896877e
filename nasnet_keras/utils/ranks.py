"""The agreement of orders."""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["kendall_tau"]


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Compute Kendall's tau-b of two orders of the same things, from -1 to 1; None if one of them is constant.

    Source: Kendall 1945.

    Example:
        >>> kendall_tau([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
        0.3333333333333333
    """
    signs = [np.sign(np.subtract.outer(values, values)) for values in map(np.asarray, (first, second))]
    ordered = math.prod(float((sign != 0).sum()) for sign in signs)
    return float((signs[0] * signs[1]).sum()) / math.sqrt(ordered) if ordered else None

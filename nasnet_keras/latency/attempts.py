"""Several attempts at a measurement, while the machine is too busy."""

import time
from collections.abc import Callable
from typing import TypeVar

from absl import logging

from nasnet_keras.latency.errors import MachineBusy

__all__ = ["when_calm"]

_Measured = TypeVar("_Measured")


def when_calm(measure: Callable[[], _Measured], attempts: int = 5, pause_seconds: float = 10.0) -> _Measured:
    """Measure; while the machine is too busy, again after a pause.

    Args:
        measure: measures, and raises `MachineBusy` if the machine is too busy.
        attempts: the number of attempts, after which its error is raised.
        pause_seconds: the time between two attempts.

    Example:
        >>> when_calm(lambda: 2.5)
        2.5
    """
    for attempt in range(2, attempts + 1):
        try:
            return measure()
        except MachineBusy as error:
            logging.warning("%s; attempt %d of %d in %g seconds", error, attempt, attempts, pause_seconds)
            time.sleep(pause_seconds)
    return measure()

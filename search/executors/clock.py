"""A clock for limits of time, which stands still while the search does."""

import time

__all__ = ["Clock"]

_SHORTEST_GAP = 30.0  # seconds between two looks at the clock


class Clock:
    """A clock that counts the seconds in which the search could watch its workers.

    A search may be suspended, with its workers or without them. The time that it missed must not count against them, so
    a long gap between two looks at the clock counts as a short one.
    """

    def __init__(self) -> None:
        self._seconds, self._looked = 0.0, time.monotonic()

    def look(self) -> float:
        """Return the seconds until now."""
        now = time.monotonic()
        self._seconds += min(now - self._looked, _SHORTEST_GAP)
        self._looked = now
        return self._seconds

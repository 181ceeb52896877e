"""Progress bars and other displays of a run; their errors never end it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from absl import logging
from tqdm import tqdm

__all__ = ["Progress", "showing"]

_told: set[str] = set()


@contextmanager
def showing(what: str) -> Iterator[None]:
    """Run a block that only displays something. An error of any kind becomes a warning, once, and the run continues.

    Args:
        what: the display, in words.

    Example:
        >>> with showing("the report"):
        ...     raise OSError("No space left on device")
    """
    try:
        yield
    except Exception as error:
        if what not in _told:
            _told.add(what)
            with suppress(Exception):  # the terminal itself may be gone
                logging.warning(
                    "%s cannot be shown, and the run goes on: %s: %.500s", what, type(error).__name__, error
                )


class Progress:
    """A progress bar for long steps, shown twice a second at a terminal and every half minute in a log.

    Args:
        options: arguments of `tqdm`.

    Example:
        >>> with Progress(total=2, desc="search", unit="child", disable=True) as bar:
        ...     bar.update()
        ...     bar.reach(2)
        ...     bar.beat(best="0.9")
    """

    def __init__(self, **options: Any) -> None:
        self._bar = None
        with showing("the progress"):
            often = 0.5 if sys.stderr.isatty() else 30.0
            self._bar = tqdm(**{"mininterval": often, "smoothing": 0.1, **options})

    def update(self, steps: float = 1) -> None:
        """Count more steps as done."""
        with showing("the progress"):
            if self._bar is not None:
                self._bar.update(steps)

    def reach(self, done: float, total: float | None = None) -> None:
        """Set the number of steps that are done, and the total if it is known by now."""
        with showing("the progress"):
            if self._bar is not None:
                self._bar.total = self._bar.total if total is None else total
                self._bar.update(done - self._bar.n)

    def beat(self, **shown: str) -> None:
        """Show the bar if that is due, with figures beside it."""
        with showing("the progress"):
            if self._bar is not None:
                self._bar.set_postfix(shown, refresh=False)
                if time.time() - self._bar.last_print_t >= self._bar.mininterval and not self._bar.disable:
                    self._bar.refresh()
                    self._bar.last_print_t = time.time()

    def close(self) -> None:
        """End the bar, which stays on the screen; a second call does nothing."""
        with showing("the progress"):
            if self._bar is not None:
                self._bar.close()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

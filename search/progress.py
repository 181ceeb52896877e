"""Progress bars for work whose steps take long."""

import sys
import time

from tqdm import tqdm

__all__ = ["Progress"]


class Progress(tqdm):
    """A bar that shows passing time between its steps: often at a terminal, every half minute in a log."""

    def __init__(self, **options) -> None:
        often = 0.5 if sys.stderr.isatty() else 30.0
        super().__init__(mininterval=often, smoothing=0.1, **options)

    def beat(self, **shown: str) -> None:
        """Show the bar if that is due, with some figures."""
        self.set_postfix(shown, refresh=False)
        if time.time() - self.last_print_t >= self.mininterval:
            self.refresh()
            self.last_print_t = time.time()

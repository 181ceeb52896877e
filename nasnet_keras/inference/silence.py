"""Quantizers speak to those who run them by hand: sizes of files, bars of their steps, tables, and advice."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

__all__ = ["silence"]


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Drop what is printed, warned of, and logged below an error.

    Example:
        >>> with silence():
        ...     print("1 of 3")
    """
    nowhere, before = io.StringIO(), logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)

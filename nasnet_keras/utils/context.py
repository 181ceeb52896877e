"""Settings that hold within a `with` statement."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

__all__ = ["within"]

_Value = TypeVar("_Value")


@contextmanager
def within(setting: ContextVar[_Value], value: _Value) -> Iterator[None]:
    """Set a context variable within the block.

    Example:
        >>> depth = ContextVar("depth", default=0)
        >>> with within(depth, 1):
        ...     depth.get()
        1
    """
    token = setting.set(value)
    try:
        yield
    finally:
        setting.reset(token)

"""The base of the checks of all interfaces: their error, and functions that raise it."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ContractError", "allowed", "refused", "require"]


class ContractError(AssertionError):
    """Raised when a class breaks a rule of its interface; the message says which."""


def require(holds: bool, rule: str) -> None:
    """Raise a ContractError unless a rule holds."""
    if not holds:
        raise ContractError(rule)


@contextmanager
def allowed(rule: str) -> Iterator[None]:
    """Run a block; its errors, except those of a nested check, break the rule."""
    try:
        yield
    except ContractError:
        raise
    except Exception as error:
        raise ContractError(f"{rule}; it raised {type(error).__name__}: {error}") from error


@contextmanager
def refused(rule: str) -> Iterator[None]:
    """Run a block that must raise a ValueError."""
    try:
        yield
    except ValueError:
        return
    except Exception as error:
        raise ContractError(f"{rule} must raise a ValueError; it raised {type(error).__name__}: {error}") from error
    raise ContractError(f"{rule} must raise a ValueError; it raised nothing")

"""Errors of measuring a latency."""

__all__ = ["LatencyError", "MachineBusy"]


class LatencyError(ValueError):
    """A latency cannot be measured; the error says why, and what to do."""


class MachineBusy(LatencyError):  # noqa: N818 – a state of the machine
    """The machine is too busy to tell a latency; the error says what was seen. A later attempt may succeed."""

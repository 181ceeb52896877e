"""The device that latencies are measured on: figures of different devices are never compared."""

from dataclasses import asdict, dataclass
from typing import Any

from nasnet_keras.latency.command import LatencyCommand
from nasnet_keras.latency.protocol import Protocol
from nasnet_keras.utils import environment
from nasnet_keras.utils.checks import quoted

__all__ = ["Device"]


@dataclass(frozen=True)
class Device:
    """What a latency was measured by.

    Attributes:
        runtime: the runtime; beside a command the one whose files it gets.
        version: of the runtime; None beside a command.
        threads: the number of threads; None beside a command.
        processor: the processor and its cores; None beside a command, which may measure anywhere.
        command: the user's own command, or None.

    Example:
        >>> from nasnet_keras.latency.protocol import Protocol
        >>> Device.of(Protocol(threads=1)).threads
        1
    """

    runtime: str
    version: str | None = None
    threads: int | None = None
    processor: str | None = None
    command: str | None = None

    @classmethod
    def of(cls, protocol: Protocol, command: LatencyCommand | None = None) -> "Device":
        """Describe the device of a protocol, which is this machine, or that of a command.

        Raises:
            LatencyError: the runtime is not installed.
        """
        if command is not None:
            return cls(protocol.runtime, command=command.text)
        protocol.chosen.require()
        return cls(protocol.runtime, protocol.chosen.version(), protocol.threads, environment.processor())

    @classmethod
    def from_json(cls, plain: Any) -> "Device":
        """Read what `to_json` returned.

        Raises:
            ValueError: it is something else.
        """
        texts = ("runtime", "version", "processor", "command")
        if not isinstance(plain, dict) or not isinstance(plain.get("runtime"), str):
            raise ValueError(f"expected a device, with its runtime, got {quoted(plain)}")
        known = {name: plain.get(name) for name in (*texts, "threads")}
        if any(not isinstance(known[name], str | None) for name in texts) or type(known["threads"]) not in (
            int,
            type(None),
        ):
            raise ValueError(f"expected a device of texts and a number of threads, got {quoted(plain)}")
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        """Return the attributes that are known, as JSON values."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def __str__(self) -> str:
        if self.command is not None:
            return f"{self.command} ({self.runtime})"
        threads = f"{self.threads} thread{'s' if self.threads != 1 else ''}"
        return f"{self.runtime} {self.version}, {threads}, {self.processor}"

"""Where the children of a search run now: by machine, and how many wait for room."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nasnet_keras.pages.markup import text

__all__ = ["UnderWay"]

_NAMED = 4  # machines that have a place in one line; of more there is a number


@dataclass(frozen=True)
class UnderWay:
    """The tasks of a search that are under way.

    Attributes:
        tasks: their number.
        places: how many of them run, by machine; empty if that is not known.

    Example:
        >>> UnderWay(9, {"node-a": 4, "node-b": 3}).brief()
        {'running': '7 (4 on node-a, 3 on node-b)', 'waiting': '2'}
        >>> UnderWay(2, {"laptop": 2}).brief()
        {'running': '2'}
    """

    tasks: int
    places: Mapping[str, int] = field(default_factory=dict)

    @property
    def running(self) -> int:
        """The number of tasks that run: all that are under way, if it is not known where."""
        return sum(self.places.values()) if self.places else self.tasks

    @property
    def waiting(self) -> int:
        """The number of tasks that wait for room."""
        return max(0, self.tasks - self.running)

    def brief(self) -> dict[str, str]:
        """Describe it in a few words by title, for a line of the terminal."""
        if not self.tasks:
            return {}
        where = self._where()
        shown = {"running": f"{self.running:,}" + (f" ({where})" if where else "")}
        return shown | ({"waiting": f"{self.waiting:,}"} if self.waiting else {})

    def sentence(self) -> str:
        """Describe it in a sentence, as HTML text; an empty one if nothing is under way."""
        if not self.tasks:
            return ""
        where = text(self._where())
        ran = f"{self.running:,} {'child' if self.running == 1 else 'children'} ran" + (f" ({where})" if where else "")
        waited = f", and {self.waiting:,} waited for room" if self.waiting else ""
        return f"When this page was written, {ran}{waited}."

    def _where(self) -> str:
        """The tasks of each of several machines, or the number of these; empty for one machine."""
        if len(self.places) < 2:
            return ""
        if len(self.places) <= _NAMED:
            return ", ".join(f"{count:,} on {name}" for name, count in sorted(self.places.items()))
        least, most = min(self.places.values()), max(self.places.values())
        each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        return f"{each} on each of {len(self.places):,} machines"

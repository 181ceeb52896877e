"""The settings of the job `nasnet-latency`."""

from dataclasses import dataclass
from pathlib import Path

from nasnet_keras.latency.command import LatencyCommand
from nasnet_keras.latency.protocol import Protocol
from nasnet_keras.latency.runtimes import RUNTIMES, runtime_named, usual
from nasnet_keras.search import registry, spaces
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.costs.meter import Meter
from nasnet_keras.search.costs.settings import CostSettings
from nasnet_keras.search.latency.drawn import DrawnNetworks
from nasnet_keras.search.spaces.settings import SpaceSettings
from nasnet_keras.utils import settings, values
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import as_in, documented, grouped, setting

__all__ = ["LatencyConfig"]


@documented
@grouped(Group.MEASURING)
@dataclass(frozen=True)
class LatencyConfig(SpaceSettings):
    """The settings of a measurement, or of a predictor.

    Raises:
        ValueError: a value is out of range.

    Example:
        >>> LatencyConfig(num_blocks=1, filters=4, alpha=0.5).drawn().network
        {'num_repeats': 1, 'filters': 4, 'classes': 10}
    """

    fit: bool = setting(False, "Whether to make a predictor for a search space.", values.switch())
    output: str = setting(
        "latency.json",
        "File of the predictor; the latencies that it is made of are kept beside it, in latencies.jsonl.",
        values.path(),
    )
    networks: int = setting(60, "Number of networks to measure for a predictor.", values.positive())
    runtime: str | None = setting(
        None,
        "Runtime to measure with; by default that of the file's ending, or litert for a predictor. Other usual names, "
        "such as tflite, mean the same.",
        values.named(runtime_named, *RUNTIMES),
    )
    threads: int = as_in(CostSettings, "threads", group=Group.MEASURING)
    latency_command: str | None = as_in(CostSettings, "latency_command", group=Group.MEASURING)
    accuracy: float = setting(
        0.02,
        "Share of a latency to which it must be known; a machine that is too busy for that is an error.",
        values.share(),
    )
    space: str = as_in(SearchConfig, "space")
    num_repeats: int = as_in(SearchConfig, "num_repeats", group=Group.NETWORK)
    filters: int = as_in(SearchConfig, "filters", group=Group.NETWORK)
    alpha: float = as_in(SearchConfig, "alpha", for_=(), group=Group.NETWORK)
    image_size: int | None = setting(
        None,
        "Height and width of the images, in pixels; by default 32 for a predictor, and those of the file that is "
        "measured, which may leave them open.",
        values.positive(),
        group=Group.NETWORK,
    )
    channels: int | None = setting(
        None,
        "Number of channels of the images; by default 3, or that of the file that is measured.",
        values.positive(),
        group=Group.NETWORK,
    )
    classes: int = setting(10, "Number of classes.", values.positive(), group=Group.NETWORK)
    seed: int = setting(0, "Random seed of the networks that are drawn.", values.seed(), group=Group.RECORDS)

    def __post_init__(self) -> None:
        implied = registry.space(self.space).defaults
        for name, one in settings.settings(LatencyConfig).items():
            if getattr(self, name) is None and one.usual is not None:
                object.__setattr__(self, name, implied.get(name, one.usual))
        settings.check(self)

    @property
    def images(self) -> tuple[int, int, int]:
        """The shape of the images of a predictor, and of a file whose sizes are open."""
        size = self.image_size or 32
        return size, size, self.channels or 3

    def meter(self, path: Path | None = None) -> Meter:
        """Return what measures: a file, or the files of a predictor.

        Raises:
            LatencyError: an argument of the measurement is not legal, or the command is none.
        """
        shape = None if path is None or (self.image_size, self.channels) == (None, None) else self.images
        command = None if self.latency_command is None else LatencyCommand(self.latency_command)
        protocol = Protocol(self.runtime or usual(path), self.threads, shape, accuracy=self.accuracy)
        return Meter(protocol, command, Path(self.output).parent)

    def drawn(self) -> DrawnNetworks:
        """Return the networks that are drawn for a predictor.

        Raises:
            ValueError: there is no such space, or it has no networks of this size.
        """
        named = {name: getattr(self, name) for name in settings.settings(SpaceSettings)}
        sizes = {"num_repeats": self.num_repeats, "filters": self.filters, "alpha": self.alpha}
        return DrawnNetworks(spaces.make(self.space, **named), self.images, sizes, self.classes, self.seed)

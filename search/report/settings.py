"""The settings of the job `nasnet-report`."""

from dataclasses import dataclass
from pathlib import Path

from nasnet_keras.search.costs.limits import is_name
from nasnet_keras.utils import settings, values
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import documented, grouped, setting
from nasnet_keras.utils.workdir import folder_name

__all__ = ["ReportSettings"]


def _cost(given: str) -> str:
    if not is_name(given):
        raise ValueError(f"cost must be the name of a cost, such as latency_ms, got {quoted(given)}")
    return given


@documented
@grouped(Group.RECORDS)
@dataclass(frozen=True)
class ReportSettings:
    """The settings of a job that draws pictures of folders.

    Raises:
        ValueError: a value is missing or out of range, or two folders would get pictures in one place.

    Example:
        >>> ReportSettings(("runs/a", "runs/b"), output="paper").places()
        {PosixPath('runs/a'): PosixPath('paper/a'), PosixPath('runs/b'): PosixPath('paper/b')}
    """

    workdir: tuple[str, ...] = setting(
        (),
        "Folder to draw: of nasnet-search, nasnet-train or nasnet-finetune, ended or going on. It may be given several "
        "times, and without the flag.",
        values.repeated("folders", str),
    )
    output: str | None = setting(
        None,
        "Folder of the pictures, which is made if it is missing. Those that an earlier call drew there are replaced, "
        "or removed if they are not drawn again; other files stay. By default figures in the folder that is drawn. "
        "If several are drawn, each gets a folder of its name in it.",
        values.path(),
    )
    cost: tuple[str, ...] = setting(
        (),
        "Cost of a Pareto plot, such as latency_ms; it may be given several times. By default there is one for each "
        "cost that the children of a search have.",
        values.repeated("names of costs", _cost),
        group=Group.COSTS,
    )

    def __post_init__(self) -> None:
        settings.check(self)
        if not all(self.workdir) or self.output == "":
            raise ValueError("--workdir and --output need the name of a folder, got an empty one")
        if not self.workdir:
            raise ValueError("name a folder to draw, of nasnet-search, nasnet-train or nasnet-finetune")

    def places(self) -> dict[Path, Path]:
        """The folder of the pictures of each folder that is drawn."""
        folders = [Path(one) for one in dict.fromkeys(self.workdir)]
        if self.output is None:
            return {folder: folder / "figures" for folder in folders}
        if len(folders) == 1:
            return {folders[0]: Path(self.output)}
        places = {folder: Path(self.output, folder_name(folder)) for folder in folders}
        if len({*places.values()}) < len(places):
            raise ValueError(
                f"two of the folders have one name, under which each would get its pictures in {self.output}: draw "
                f"them one by one, each with an --output of its own"
            )
        return places

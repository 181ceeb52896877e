"""The settings of the job `nasnet-predict`."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from nasnet_keras.training.datasets.settings import DatasetSettings
from nasnet_keras.utils import settings, values
from nasnet_keras.utils.checks import quoted, text
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import as_in, documented, grouped, setting

__all__ = ["PredictConfig"]


@documented
@grouped(Group.ANSWERS)
@dataclass(frozen=True)
class PredictConfig:
    """The settings of a job that classifies images.

    Raises:
        ValueError: a value is missing or out of range.

    Example:
        >>> PredictConfig("amoebanet_d_tiny_imagenet", "new").images
        ('new',)
    """

    model: str | None = setting(
        None,
        "The model: a name that nasnet-finetune --list prints, or the path of a card or weight file, of a file "
        "NAME.keras that reads pixels from 0 to 255, or of the folder of a run of nasnet-finetune or nasnet-train.",
        values.text(),
    )
    images: tuple[str, ...] = setting(
        (),
        "Folder of images, and of folders with images, to classify; or an image, or a file NAME.txt with the path of "
        "an image in each line. May be given several times.",
        values.repeated("paths", lambda one: text("images", one)),
        group=Group.IMAGES,
    )
    output: str = setting(
        "answers.csv",
        "Table to write, a CSV file with a row for each image: path, label, probability, the probability of each "
        "class, and an error if the image cannot be read.",
        values.path(),
    )
    top: int | None = setting(
        None,
        "Number of the most probable classes that a row names, each with its probability, in place of the "
        "probabilities of all classes.",
        values.positive(),
    )
    overwrite: bool = setting(False, "Replace --output if it is there.", values.switch())
    follow_links: bool = as_in(DatasetSettings, "follow_links")
    batch_size: int = setting(
        32,
        "Number of images that are classified at once; fewer need less memory.",
        values.positive(),
        group=Group.PLACE,
    )

    def __post_init__(self) -> None:
        settings.check(self)
        if not self.model:
            raise ValueError("give --model: a name that nasnet-finetune --list prints, or the path of a model or a run")
        if not self.images or "" in self.images:
            raise ValueError("give --images: a folder of images, an image, or a file NAME.txt of paths of images")

    def check_output(self) -> None:
        """Check, before anything slow begins and again before it is written, that the table may be written.

        Raises:
            ValueError: it is there already, or cannot be.
        """
        path = Path(self.output)
        if path.is_dir() or not self.output:
            raise ValueError(
                f"--output must be the path of a file, got {'a folder, ' * path.is_dir()}{quoted(self.output)}"
            )
        if not path.parent.is_dir():
            raise ValueError(f"--output={self.output}: there is no folder {path.parent}")
        there = os.path.lexists(path)
        if there and not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError(f"--output={self.output} is there and is a link or a device: expected a file to replace")
        if there and not self.overwrite:
            raise ValueError(f"--output={self.output} is there already: name another file, or give --overwrite")

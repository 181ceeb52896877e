"""The settings of a data set, which all jobs share."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from nasnet_keras.utils import values
from nasnet_keras.utils.checks import FITS
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import documented, grouped, setting

__all__ = ["DatasetSettings"]

_LEAST_SIZE = 8  # of images that a flag asks for


@documented
@grouped(Group.IMAGES)
@dataclass(frozen=True)
class DatasetSettings:
    """The settings that a data set is loaded by; see `nasnet_keras.training.datasets.load`."""

    dataset: str | Path = setting(
        "digits",
        "Images to train on: 'digits', a name of TensorFlow Datasets, a folder of images (FOLDER/CLASS/IMAGE) or the "
        "path of an .npz file.",
        values.path(),
    )
    data_dir: str | Path | None = setting(
        None, "Folder that TensorFlow Datasets keeps its data in; by default $TFDS_DATA_DIR.", values.path()
    )
    image_size: int | None = setting(
        None,
        "Side in pixels that all images are brought to; by default their own, or a model's in fine-tuning.",
        dataclasses.replace(values.positive(), options={"lower_bound": _LEAST_SIZE}),
    )
    fit: str = setting(
        "crop",
        "Way to bring images to --image_size: crop their middle, pad them with grey, or squash them.",
        values.choice_of_version(*FITS),
    )
    follow_links: bool = setting(
        False,
        "Follow links in a folder of images to files outside of it. Use it for your own links only.",
        values.switch(),
    )
    skip_unreadable: bool = setting(
        False,
        "Leave out images of a folder that cannot be read, and empty folders, and list them; by default they are an "
        "error that tells all of them.",
        values.switch(),
    )
    validation_fraction: float = setting(
        0.1,
        "Share of the training images to validate by, if there is no validation split.",
        values.share(),
    )

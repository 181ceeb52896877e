"""The settings of a data set, which all jobs share."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from nasnet_keras.utils import values
from nasnet_keras.utils.checks import FITS
from nasnet_keras.utils.settings import documented, setting

__all__ = ["DatasetSettings"]

_LEAST_SIZE = 8  # of images that a flag asks for


@documented
@dataclass(frozen=True)
class DatasetSettings:
    """What a data set is loaded by; see `nasnet_keras.training.datasets.load`."""

    dataset: str | Path = setting(
        "digits",
        "The data set: 'digits', a name of TensorFlow Datasets, a folder of images (FOLDER/CLASS/IMAGE), or an .npz.",
        values.path(),
    )
    data_dir: str | Path | None = setting(
        None, "The folder of TensorFlow Datasets; by default $TFDS_DATA_DIR.", values.path()
    )
    image_size: int | None = setting(
        None,
        "The side, in pixels, to which all images are brought; by default they keep theirs.",
        dataclasses.replace(values.positive(), options={"lower_bound": _LEAST_SIZE}),
    )
    fit: str = setting(
        "crop",
        "How images are brought to the side of --image_size: cut, padded with grey, or squashed.",
        values.choice_of_version(*FITS),
    )
    follow_links: bool = setting(
        False,
        "Whether to read what links in a folder of images lead to outside of it, which is safe if they are your own.",
        values.switch(),
    )
    validation_fraction: float = setting(
        0.1,
        "The share of the training images to validate by, if the data set has no validation images.",
        values.share(),
    )

"""The settings of the job `nasnet-finetune` that are its own."""

from dataclasses import dataclass
from pathlib import Path

from nasnet_keras.pretrained.recipe import BATCH_NORM
from nasnet_keras.utils import values
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import documented, grouped, setting

__all__ = ["FineTuneSettings"]


@documented
@grouped(Group.RECIPE)
@dataclass(frozen=True)
class FineTuneSettings:
    """The settings of a fine-tuning run that are neither a data set's nor a recipe's, which `fine_tune` checks."""

    model: str | None = setting(
        None,
        "The model to start from: a name that --list prints, or the path of a card or weight file.",
        values.text(),
        group=Group.NETWORK,
    )
    train_dir: str | Path | None = setting(
        None, "Folder of training images, FOLDER/CLASS/IMAGE.", values.path(), group=Group.IMAGES
    )
    validation_dir: str | Path | None = setting(
        None,
        "Folder of images to choose the best weights by; by default a share of the training images.",
        values.path(),
        group=Group.IMAGES,
    )
    test_dir: str | Path | None = setting(
        None, "Folder of images for the final figures only.", values.path(), group=Group.IMAGES
    )
    workdir: str | Path = setting(
        "nasnet_finetune",
        "The run's folder. It is made, or continued if it holds the same run; "
        "a finished run is trained on if more --epochs are asked for.",
        values.path(as_text=False),
        group=Group.RECORDS,
    )
    name: str | None = setting(
        None,
        "Name of the card and weight files; by default made of the model's and the folder's names.",
        values.text(),
        group=Group.RECORDS,
    )
    head_only: bool = setting(False, "Train the new classifier only, and leave the network as it is.", values.switch())
    balanced: bool = setting(True, "Count every class the same, however many images it has.", values.switch())
    batch_norm: str = setting(
        "adapt",
        "Statistics of batch normalization: adapt takes those of each batch, frozen those of the trained network.",
        values.choice(*BATCH_NORM),
    )
    patience: int | None = setting(
        None,
        "Epochs without a better validation accuracy after which training ends; by default half of all, at least 5.",
        values.positive(),
    )

"""Fine-tuning: a trained network becomes a classifier of other images. Its head is trained first, then all of it."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from absl import logging

from nasnet_keras.card import Card
from nasnet_keras.networks.large_images import loading_weights
from nasnet_keras.pretrained import listing, registry, result
from nasnet_keras.pretrained.further import going_on
from nasnet_keras.pretrained.plan import FILE, KIND, Plan, upgraded, weights_of_classes
from nasnet_keras.pretrained.recipe import recipe_for
from nasnet_keras.pretrained.result import RESULT, FineTuneResult
from nasnet_keras.pretrained.sources import dataset_of
from nasnet_keras.pretrained.start import start
from nasnet_keras.training import precision
from nasnet_keras.training.datasets import splits
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.datasets.recording import record_files
from nasnet_keras.training.fastest_precision import fastest_precision
from nasnet_keras.training.further import START, clear
from nasnet_keras.training.mistakes import files as mistakes
from nasnet_keras.training.records import BEFORE
from nasnet_keras.training.rehearsal import rehearse
from nasnet_keras.training.result import provenance, save
from nasnet_keras.training.run import Run
from nasnet_keras.training.step import StepConfig
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils import checks
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_saved
from nasnet_keras.utils.workdir import Workdir
from nasnet_keras.weights.loading import load_weights

__all__ = ["FineTuneResult", "fine_tune"]


def fine_tune(
    model: str | Path | keras.Model,
    train: Any,
    validation: Any = None,
    *,
    test: Any = None,
    workdir: str | Path = "nasnet_finetune",
    class_names: Sequence[str] | None = None,
    name: str | None = None,
    batch_norm: str = "adapt",
    class_weights: str | Mapping[str, float] | None = "balanced",
    patience: int | None = None,
    validation_fraction: float = 0.2,
    image_size: int | None = None,
    fit: str = "crop",
    follow_links: bool = False,
    skip_unreadable: bool = False,
    seed: int = 0,
    deterministic: bool = True,
    checkpoint_minutes: float = 5.0,
    license: str = "not stated",
    **recipe: Any,
) -> FineTuneResult:
    """Fine-tune a trained model on other images.

    First a new classifier is trained on the features that the network finds in the images. Then the whole network is
    trained, at a low rate, with random crops and mirroring, on all devices (see `devices.default_replicas`). Training
    ends when the validation accuracy has not grown for `patience` epochs; with class weights, every image counts in it
    as its class does. The weights are kept of the last epoch that is within a standard error of the best, which may be
    epoch 0, the head alone. A run that was stopped continues when it is called again; a finished one that is asked for
    more `epochs` goes on from its weights.

    Args:
        model: a name of `list_models`, the path of a card or weight file, or a model that `load` made.
        train: a folder of images (`FOLDER/CLASS/IMAGE`, or with `train`, `validation` and `test` above the classes),
            a `tf.data.Dataset` of `(image, label)`, batched or not, arrays `(images, labels)`, or a `Dataset`. Images
            have values from 0 to 255 and are brought to the model's size.
        validation: images to choose the best weights by, as `train`; by default a share of the training images.
        test: images for the final figures only, as `train`; by default these figures are of the validation images.
        workdir: the run's folder. It is made, or continued if it holds the same run.
        class_names: the names of the classes by label, if `train` has none; else their requested order.
        name: name of the card and weight files; by default made of the model's and the folder's names.
        batch_norm: `"adapt"`, batches are normalised by their own statistics and the moving ones follow; or
            `"frozen"`, they are normalised by the trained network's, for batches of a few images.
        class_weights: `"balanced"`, every class counts the same however many images it has; None, every image counts
            the same; or weights by class name, whose ratios count.
        patience: epochs without a better validation accuracy after which training ends; by default half of all epochs,
            but at least 5, since a network that adapts to new images is worse before it is better.
        validation_fraction: share of the training images to validate by, in (0, 1), if there are no others.
        image_size: side in pixels that images are brought to; by default the model's own.
        fit: how images are brought to it, new ones too: `"crop"`, the shorter side is resized and the middle cut out;
            `"pad"`, the longer side is resized and the rest is grey; or `"squash"`, both sides are resized. Images of a
            `Dataset` are by default brought to it as before.
        follow_links: whether links in folders may lead out of them.
        skip_unreadable: whether images in folders that cannot be read, and empty folders, are left out. A warning lists
            them, and `fine_tuning.json` records them; by default an error tells all of them at once. A class of which
            no image is left is an error.
        seed: random seed.
        deterministic: whether the same seed gives the same bits, on one device. It holds for the whole process, and
            costs speed on GPUs.
        checkpoint_minutes: minutes between checkpoints: the most work that a kill can cost.
        license: license of the weights, for the card.
        **recipe: fields of `Recipe` that differ from `FINE_TUNE`. By default there are as many epochs as make about
            1,000 steps, from 5 to 60, or for few images 300 steps; `epochs=0` trains the head alone.

    Returns:
        The result; the folder holds its files: `NAME.json`, `NAME.weights.h5`, `NAME.keras`, `result.json`.

    Raises:
        CardError: there is no such model, or its weight file is missing or damaged.
        DownloadError: the weight file cannot be downloaded.
        ValueError: the images, labels or an argument cannot be used; the error says what was expected.
        WorkdirError: the folder holds something else, or another process writes to it.
        Stopped: an interrupt or a termination signal came; the same call continues the run.

    Example:
        >>> images, labels = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), "uint8"), [0, 1] * 4
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = fine_tune("amoebanet_d_tiny_imagenet", (images, labels), workdir=folder, epochs=0)
        ...     result.confusion.shape
        (2, 2)
    """
    if "licence" in recipe:
        warnings.warn("licence is now license", DeprecationWarning, stacklevel=2)
        license = recipe.pop("licence")
    if isinstance(model, str) and model in listing.list_models() and Path(workdir).absolute() == Path(model).absolute():
        raise ValueError(
            f"workdir has the name of the model, {model}, which would mean the folder next time: expected another one"
        )
    with registry.saved(model) as path:
        source = listing.card(path)
        shape = _shape(source, image_size)
        if isinstance(train, Dataset):  # divided as the run began
            train = train.split_by(splits.begun_by(workdir, FILE) or train.split)
        dataset = dataset_of(
            *(train, validation, test, shape, class_names, validation_fraction),
            fit=fit,
            follow_links=follow_links,
            skip_unreadable=skip_unreadable,
        )
        how = recipe_for(len(dataset.train), recipe)
        plan = Plan(
            model=path,
            source=source,
            dataset=dataset,
            name=name or f"{source.name}_{dataset.name}",
            recipe=how,
            head_only=recipe.get("epochs") == 0,
            batch_norm=batch_norm,
            class_weights=weights_of_classes(class_weights, dataset),
            patience=checks.positive_integer("patience", max(5, how.epochs // 2) if patience is None else patience),
            seed=checks.seed(seed),
            deterministic=deterministic,
            license=license,
        )
        if not checkpoint_minutes > 0:
            raise ValueError(f"checkpoint_minutes must be positive, got {quoted(checkpoint_minutes)}")
        plan = going_on(_settled(plan, workdir), Path(workdir), recipe.get("epochs"))
        return _fine_tuned(plan, Path(workdir), checkpoint_minutes)


def _shape(source: Card, image_size: int | None) -> tuple[int, int, int]:
    """The shape of the images: the model's, or a square of the side that is wanted."""
    if image_size is None:
        return source.input_shape
    side = checks.positive_integer("image_size", image_size)
    return side, side, source.input_shape[-1]


def _settled(plan: Plan, workdir: str | Path) -> Plan:
    """The plan with a precision that is chosen."""
    of_network = [plan.source.genotype], plan.dataset, plan.network
    fastest = partial(fastest_precision, *of_network, deterministic=plan.deterministic)
    return dataclasses.replace(plan, recipe=precision.settled(plan.recipe, workdir, FILE, fastest))


def _fine_tuned(plan: Plan, workdir: Path, checkpoint_minutes: float) -> FineTuneResult:
    """The result of a plan, made in its folder unless it is there."""
    if _gone(workdir, plan.name):
        registry.weights_file(plan.model)  # before a folder is made; if all is done, nothing is downloaded again
    folder = Workdir(workdir, FILE, KIND, 1, plan.to_json(), complete=upgraded)
    try:
        _make(plan, folder.path, checkpoint_minutes)
        return result.read(folder.path.resolve(), plan.name)
    finally:
        folder.close()


def _gone(folder: Path, name: str) -> list[str]:
    """The files of a finished run that are missing."""
    return [each for each in result.files(name) if not (folder / each).exists()]


def _make(plan: Plan, folder: Path, checkpoint_minutes: float) -> None:
    """Make the files that are missing. A warning tells of it if the run had been finished."""
    gone, saved = _gone(folder, plan.name), f"{plan.name}.keras"
    if gone == [saved]:
        logging.warning("%s lacks %s: it is made again", folder, saved)
        write_saved(folder / saved, registry.load(folder / f"{plan.name}.json").save)
    elif gone:
        if len(gone) < len(result.files(plan.name)) and not (folder / START).exists():
            logging.warning("%s lacks %s, and has no checkpoint: it is trained anew", folder, ", ".join(gone))
        _run(plan, folder, checkpoint_minutes)
    else:
        clear(folder)
    if gone in ([], [saved]):
        mistakes.complete(folder, Card.read(folder / f"{plan.name}.json"), plan.dataset)


def _run(plan: Plan, folder: Path, checkpoint_minutes: float) -> None:
    """Train the head, then everything, and write the files of the result."""
    saved = f"{plan.name}.keras"
    rehearse(folder, plan.card(training=provenance(plan.recipe, plan.seed, 0.0, 0)), [saved, RESULT])
    trainer = _trainer(plan)
    seconds = start(trainer, plan, folder)
    run = Run(trainer, folder, checkpoint_minutes=checkpoint_minutes, patience=plan.patience)
    record_files(folder, plan.dataset)
    if not plan.head_only:
        run.train()
    # Users' images stay with them.
    noise = np.random.default_rng(0).integers(0, 256, (2, *plan.dataset.image_shape), np.uint8)
    training = _training(plan, seconds + run.seconds, 0 if plan.head_only else trainer.epoch, run.kept_epoch)
    card, answers = save(trainer.stepper, trainer.state, plan.dataset, folder, plan.card, training, noise)
    write_saved(folder / saved, registry.load(folder / f"{card.name}.json").save)
    mistakes.write(folder, card, plan.dataset, answers)
    result.write(folder, answers, plan.dataset, run.history)
    clear(folder)


def _trainer(plan: Plan) -> Trainer:
    """The training of the whole network, from its trained weights, with a head that is new."""

    def load(network: keras.Model) -> None:
        load_weights(network, registry.weights_file(plan.model), classifier=plan.epochs_before is not None, known=True)

    config = StepConfig(class_weights=plan.class_weights, frozen_statistics=plan.batch_norm == "frozen")
    with loading_weights():
        return Trainer(
            plan.source.genotype,
            plan.network,
            plan.dataset,
            plan.recipe,
            seed=plan.seed,
            deterministic=plan.deterministic,
            config=config,
            initialize=load,
        )


def _training(plan: Plan, seconds: float, epochs: int, kept_epoch: int | None) -> dict[str, Any]:
    """How the model was trained, for its card."""
    begun = {"fine_tuned_from": plan.source.name}
    if plan.epochs_before is not None:
        begun = {BEFORE: plan.epochs_before, "fine_tuned_from": plan.source.training.get("fine_tuned_from")}
    return {
        **provenance(plan.recipe, plan.seed, seconds, epochs),
        **begun,
        "kept_epoch": kept_epoch,
        "batch_norm": plan.batch_norm,
        "class_weights": list(plan.class_weights),
    }

"""Fine-tuning: a trained network becomes a classifier of other images. Its head first, then all of it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
from absl import logging

from nasnet_keras.card import Card
from nasnet_keras.layers.normalization import by_batch
from nasnet_keras.pretrained import registry
from nasnet_keras.pretrained.head import train_head
from nasnet_keras.pretrained.plan import Plan, upgraded, weights_of_classes
from nasnet_keras.pretrained.prediction import Classifier, Predictions
from nasnet_keras.pretrained.recipe import recipe_for
from nasnet_keras.pretrained.sources import dataset_of
from nasnet_keras.training import checkpoint, records
from nasnet_keras.training.datasets import splits
from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.training.errors import Stopped
from nasnet_keras.training.rehearsal import rehearse, weights_name
from nasnet_keras.training.result import provenance, save
from nasnet_keras.training.run import CHECKPOINT, Run, on_signals
from nasnet_keras.training.step import PREPROCESSING, State
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils import checks
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_saved, write_text
from nasnet_keras.utils.workdir import Workdir
from nasnet_keras.weights.loading import load_weights

__all__ = ["FineTuneResult", "fine_tune"]

_FILE = "fine_tuning.json"
_START = "start.npz"
_RESULT = "result.json"
_JUDGED_ON = ("test", "validation")


@dataclass(frozen=True)
class FineTuneResult:
    """A fine-tuned model and how it came about.

    Attributes:
        card: what is known of the model.
        path: of the card, wherever a model's name is asked for; its weights lie beside it.
        saved_model: the whole model as a `.keras` file, for `keras.models.load_model` after `import nasnet_keras`; it
            reads images as they come.
        history: the figures, one dict an epoch; epoch 0 is the new head on the network before it
            is trained.
        confusion: images by true class (rows) and predicted class (columns), of the test images or, without any, of
            the validation images.
        judged_on: which of the two.
    """

    card: Card
    path: Path
    saved_model: Path
    history: list[dict[str, float]]
    confusion: np.ndarray
    judged_on: str

    @property
    def accuracy(self) -> float:
        """The share of these images that are classified right."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @cached_property
    def _classifier(self) -> Classifier:
        return Classifier(self.path)

    def predict(self, images: Any, *, follow_links: bool = False) -> Predictions:
        """Classify new images; see `nasnet_keras.pretrained.predict`."""
        return self._classifier(images, follow_links=follow_links)

    def load(self) -> keras.Model:
        """The model."""
        return registry.load(self.path)


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
    seed: int = 0,
    deterministic: bool = True,
    checkpoint_minutes: float = 5.0,
    licence: str = "not stated",
    **recipe: Any,
) -> FineTuneResult:
    """Fine-tune a trained model on other images.

    First a new classifier is trained on what the network makes of the images; then the whole network, at a rate that
    is low for it, with random crops and mirroring, until the validation accuracy has not grown for `patience` epochs:
    the share of images or, with class weights, that share with every image counting as its class does. Of the epochs
    within a standard error of the best, the head alone among them, the last one's weights are kept. A run that was
    stopped goes on when it is called again.

    Args:
        model: a name of `list_models`, the path of a card or weight file, or a model that `load` made.
        train: a folder of images (`FOLDER/CLASS/IMAGE`, or with `train`, `validation` and `test` above the classes),
            a `tf.data.Dataset` of `(image, label)`, batched or not, arrays `(images, labels)`, or a `Dataset`. Images
            have values from 0 to 255 and are brought to the model's size.
        validation: the same, to choose by; by default a share of the training images.
        test: the same, for the final figures only; by default they are of the validation images.
        workdir: the run's folder: made, or continued where it holds the same run.
        class_names: by label, where `train` has none; where it has, the order that is wanted.
        name: of the card and the weights; by default the model's and the folder's.
        batch_norm: `"adapt"`, batches are normalised by their own statistics and the moving ones follow; or
            `"frozen"`, they are normalised by the trained network's, for batches of a few images.
        class_weights: `"balanced"`, every class counts the same however many images it has; None, every image counts
            the same; or weights by class name, of which the ratios count.
        patience: epochs; by default half of them all, but at least 5, as a network that learns anew what the images
            look like is worse before it is better.
        validation_fraction: that share, in (0, 1).
        image_size: side to bring images to instead of the model's own.
        fit: how they are, and new images will be: `"crop"`, the shorter side is resized and the middle cut out;
            `"pad"`, the longer side is resized and the rest is grey; or `"squash"`, both sides are resized. With
            `"crop"`, as those of a `Dataset` were.
        follow_links: whether links in folders may lead out of them.
        seed: of everything random.
        deterministic: whether the same seed gives the same bits, on one device; it holds for the whole process, and
            costs speed on GPUs.
        checkpoint_minutes: what a kill can cost.
        licence: of the weights, for the card.
        **recipe: fields of `Recipe` that differ from `FINE_TUNE`. By default there are as many epochs as make about
            1,000 steps, from 5 to 60, or for few images 300 steps; `epochs=0` trains the head alone.

    Returns:
        The result; the folder holds its files: `NAME.json`, `NAME.weights.h5`, `NAME.keras`, `result.json`.

    Raises:
        CardError: there is no such model, or its weight file is missing or damaged.
        DownloadError: that file cannot be had.
        ValueError: the images, labels or an argument cannot be used; the error says what was expected.
        WorkdirError: the folder holds something else, or another process writes to it.
        Stopped: an interrupt or a termination signal came; the same call goes on.

    Example:
        >>> images, labels = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), "uint8"), [0, 1] * 4
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = fine_tune("amoebanet_d_tiny_imagenet", (images, labels), workdir=folder, epochs=0)
        ...     result.confusion.shape
        (2, 2)
    """
    with registry.saved(model) as path:
        source = registry.card(path)
        shape = source.input_shape
        if image_size is not None:
            side = checks.positive_integer("image_size", image_size)
            shape = (side, side, shape[-1])
        if isinstance(train, Dataset):  # divided as the run began
            train = train.split_by(splits.begun_by(workdir, _FILE) or train.split)
        dataset = dataset_of(
            *(train, validation, test, shape, class_names, validation_fraction), fit=fit, follow_links=follow_links
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
            licence=licence,
        )
        if not checkpoint_minutes > 0:
            raise ValueError(f"checkpoint_minutes must be positive, got {quoted(checkpoint_minutes)}")
        if _gone(Path(workdir), plan.name):
            registry.weights_file(path)  # before a folder is made; where all is done, nothing is downloaded again
        folder = Workdir(workdir, _FILE, "nasnet_keras.fine_tuning", 1, plan.to_json(), complete=upgraded)
        try:
            _make(plan, folder.path, checkpoint_minutes)
            return _read(folder.path.resolve(), plan.name)
        finally:
            folder.close()


def _gone(folder: Path, name: str) -> list[str]:
    """What a finished run has and this one has not."""
    names = (f"{name}.json", weights_name(name), f"{name}.keras", _RESULT)
    return [each for each in names if not (folder / each).exists()]


def _make(plan: Plan, folder: Path, checkpoint_minutes: float) -> None:
    """Make what is not there; of a run that had been finished, with a warning."""
    gone, saved = _gone(folder, plan.name), f"{plan.name}.keras"
    if gone == [saved]:
        logging.warning("%s lacks %s: it is made again", folder, saved)
        write_saved(folder / saved, registry.load(folder / f"{plan.name}.json").save)
    elif gone:
        if len(gone) < 4 and not (folder / _START).exists():
            logging.warning("%s lacks %s, and has no checkpoint: it is trained anew", folder, ", ".join(gone))
        _run(plan, folder, checkpoint_minutes)


def _run(plan: Plan, folder: Path, checkpoint_minutes: float) -> None:
    """Train the head, then everything, and write what is left."""
    dataset = plan.dataset
    card = plan.card(training=provenance(plan.recipe, plan.seed, 0.0, 0))
    rehearse(folder, card, [f"{plan.name}.keras", _RESULT])
    trainer = Trainer(
        plan.source.genotype,
        plan.network,
        dataset,
        plan.recipe,
        seed=plan.seed,
        deterministic=plan.deterministic,
        initialize=lambda network: load_weights(
            network, registry.weights_file(plan.model), classifier=False, known=True
        ),
        class_weights=plan.class_weights,
        frozen_statistics=plan.batch_norm == "frozen",
    )
    seconds = _start(trainer, plan, folder / _START)
    run = Run(trainer, folder, checkpoint_minutes=checkpoint_minutes, patience=plan.patience)
    if not plan.head_only:
        run.train()
    training = provenance(plan.recipe, plan.seed, seconds + run.seconds, 0 if plan.head_only else trainer.epoch)
    card = save(
        trainer.stepper,
        trainer.state,
        dataset,
        folder,
        name=plan.name,
        genotype=plan.source.genotype,
        network=plan.network,
        training={
            **training,
            "fine_tuned_from": plan.source.name,
            "kept_epoch": run.kept_epoch,
            "batch_norm": plan.batch_norm,
            "class_weights": list(plan.class_weights),
        },
        licence=plan.licence,
        # Users' images stay with them.
        reference_images=np.random.default_rng(0).integers(0, 256, (2, *dataset.image_shape), np.uint8),
    )
    model = registry.load(folder / f"{card.name}.json")
    write_saved(folder / f"{card.name}.keras", model.save)
    judged_on = "test" if len(dataset.test) else "validation"
    confusion = _confusion(model, getattr(dataset, judged_on), len(dataset.class_names))
    result = {"history": run.history, "confusion": confusion.tolist(), "judged_on": judged_on}
    write_text(folder / _RESULT, json.dumps(result, indent=1) + "\n")  # the last: it says that all is there
    run.remove_checkpoint()
    (folder / _START).unlink(missing_ok=True)


def _start(trainer: Trainer, plan: Plan, path: Path) -> float:
    """Give a trainer the state to start from, with a trained head; it is kept at `path` for when the run goes on.

    Where the run has gone on from it and it was lost, it is not made again: the run has a state of its own.

    Returns:
        The seconds that it took.
    """
    stepper = trainer.stepper
    if not path.exists():
        if (path.parent / CHECKPOINT).exists():
            return 0.0
        began = time.monotonic()
        with on_signals(_stop):
            state = _with_head(trainer, plan)
        checkpoint.write(path, stepper.to_arrays(state), {"seconds": time.monotonic() - began})
    expected = stepper.to_arrays(trainer.state)
    arrays, position = checkpoint.read(path, expected, lambda position: records.seconds(position.get("seconds")))
    trainer.state = stepper.from_arrays(arrays)
    return position["seconds"]


def _stop() -> None:
    raise Stopped


def _with_head(trainer: Trainer, plan: Plan) -> State:
    """The state of a network with a trained head.

    What is judged, the average of weights, has the head that reads the network as it is. Where training will normalise
    each batch by itself, what is trained has one that reads it so: on images unlike those that the network knows, the
    first would begin with a loss ten times that of guessing.
    """
    stepper = trainer.stepper
    _assign_head(trainer, plan)
    judged = stepper.initial()
    if plan.batch_norm == "frozen" or plan.head_only:
        return judged
    with by_batch():
        _assign_head(trainer, plan)
    return {**stepper.initial(), "average_parameters": judged["average_parameters"]}


def _assign_head(trainer: Trainer, plan: Plan) -> None:
    """Train the classifier of a trainer's model on features of the network."""
    model, dataset, recipe = trainer.stepper.model, plan.dataset, plan.recipe
    classifier = model.get_layer("logits")
    images = keras.Input(dataset.image_shape)
    trunk = keras.Model(model.input, model.get_layer("head_pool").output)
    weights = train_head(
        keras.Model(images, trunk(keras.layers.Rescaling(**PREPROCESSING)(images))),
        dataset.train,
        dataset.validation,
        len(dataset.class_names),
        use_bias=classifier.use_bias,
        class_weights=plan.class_weights,
        label_smoothing=recipe.label_smoothing,
        flip=recipe.flip,
        batch_size=trainer.batch_size,
        seed=plan.seed,
    )
    for variable, value in zip(classifier.weights, weights, strict=True):
        variable.assign(value)


def _read(folder: Path, name: str) -> FineTuneResult:
    """The result of a finished run."""
    path = folder / f"{name}.json"
    card = Card.read(path)
    card.weights.check(folder)

    def result(values: Any) -> FineTuneResult:
        if not isinstance(values, dict) or values.get("judged_on") not in _JUDGED_ON:
            raise ValueError(f"expected a result, judged on {' or '.join(_JUDGED_ON)} images, got {quoted(values)}")
        history = records.history(values.get("history"), first=0)
        confusion = np.asarray(records.confusion(values.get("confusion"), len(card.class_names)), np.int64)
        return FineTuneResult(card, path, folder / f"{name}.keras", history, confusion, values["judged_on"])

    return records.read(folder / _RESULT, result, "remove it to train again")


def _confusion(model: keras.Model, split: Split, classes: int) -> np.ndarray:
    predicted = np.argmax(model.predict(split.images, batch_size=64, verbose=0), -1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (split.labels, predicted), 1)
    return confusion

"""Children trained from scratch, under `MirroredStrategy`."""

import dataclasses
import json
import shutil
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import psutil
import tensorflow as tf
from absl import logging

from nasnet_keras.card import Card
from nasnet_keras.genotypes.cells import Genotype
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.latency.device import Device
from nasnet_keras.latency.predictor import LatencyPredictor
from nasnet_keras.networks.any import network_from_genotype, size_arguments
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.costs.meter import Meter, Network
from nasnet_keras.search.costs.predicted import facts_of, fitting_predictor, warn_of_sizes
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.rungs import Floor, StoppedAtRung, accuracy_name, rungs_of
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.study.trial import fingerprint, genotype_of, genotype_text
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.curve import Curve, accuracy_of
from nasnet_keras.training.datasets import splits
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.fastest_precision import fastest_precision
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import PRECISIONS
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils.environment import require_tensorflow
from nasnet_keras.utils.files import replacing, write_saved
from nasnet_keras.utils.progress import Progress
from nasnet_keras.utils.workdir import STUDY, recorded

__all__ = ["ChildEvaluator"]

_BYTES = 12  # memory of a parameter: the weight, its momentum and its average
_CHECKED_STEPS = 50  # steps between two checks that a child has not diverged
_LAST = 5  # number of epochs of the reward "best_of_last_five"
_MEASURED = 2  # random children whose steps choose a precision


class ChildEvaluator(Evaluator):
    """Trains children from scratch; the reward is an accuracy on the validation images, from 0 to 1.

    Children never train on validation images, and only `finish` reads the test images.

    Args:
        config: data set, size and training of the children.

    Raises:
        ValueError: Keras does not run on TensorFlow, or the data set cannot be used.
    """

    children_per_process = 16  # a child finds the layers traced that an earlier one had; each leaves 16 MiB

    def __init__(self, config: SearchConfig) -> None:
        require_tensorflow()
        self._config = config
        self._dataset = datasets.load(
            config.dataset,
            config.data_dir,
            image_size=config.image_size,
            fit=config.fit,
            follow_links=config.follow_links,
            skip_unreadable=config.skip_unreadable,
            validation_fraction=config.validation_fraction,
        )
        self._dataset = self._dataset.split_by(splits.begun_by(config.workdir, STUDY) or self._dataset.split)
        if not len(self._dataset.validation):
            raise ValueError(
                f"{config.dataset} has no validation images to choose children by, with validation_fraction="
                f"{config.validation_fraction} of {len(self._dataset.train)}: give a larger one"
            )
        self._proxy = _part(self._dataset, config.train_images, "train_images", "children")
        self._final = _part(self._dataset, config.final_train_images, "final_train_images", "finalists")
        self._network = config.search_space().network
        self._rungs = {rung.epoch for rung in rungs_of(config.rungs)}
        self._children = 0
        self._meter = Meter.of(config.runtime, config.threads, config.latency_command, config.workdir)
        self.measures = self._meter.measures
        self._predictor = None if config.latency is None else self._fitting(config)

    def _fitting(self, config: SearchConfig) -> LatencyPredictor:
        """The predictor that a configuration names."""
        device = {"runtime": config.runtime, "threads": config.threads}
        predictor = fitting_predictor(config.latency, space=config.space, image_shape=self._proxy.image_shape, **device)
        warn_of_sizes(config.latency, predictor, config.sizes())
        return predictor

    def accept(self, space: Space) -> None:
        """Check that all genotypes of the space can be trained, as a child and to the end, and read again.

        Networks and cards have limits of size alone, so the first and the last choices, which are the smallest and the
        largest genotype of the package's spaces, stand for all. A warning says if limits do not hold for finalists.
        """
        self._warn_of_finalists()
        for choices in ([0] * len(space.decisions), [len(decision.choices) - 1 for decision in space.decisions]):
            genotype = space.decode(choices)
            genotype_of(json.loads(genotype_text(genotype)))
            for what, folder in (("child", None), ("finalist", Path())):
                try:
                    self._check(self._training(genotype, folder=folder))
                except ValueError as error:
                    raise ValueError(f"a {what} of this search cannot be trained: {error}") from None
            if self.device() is not None and not any(choices):
                with Progress(total=1, desc="trying to measure", unit="network") as bar:  # it takes half a minute
                    self._meter.rehearse(self._measured(genotype))
                    bar.update()

    def _check(self, training: TrainingConfig) -> None:
        training.check(self._dataset)
        network = training.network(self._dataset)
        parameters = genotype_cost(training.resolved, self._dataset.image_shape, **network).parameters
        if _BYTES * parameters > psutil.virtual_memory().total:
            raise ValueError(f"{parameters:,} parameters are more than this machine's memory holds: make it smaller")

    def _warn_of_finalists(self) -> None:
        sizes, final = self._config.sizes(), self._config.sizes(final=True)
        larger = [f"{name}={final[name]:g}, not {size:g}" for name, size in sizes.items() if final[name] > size]
        if larger and self._config.limit:
            logging.warning(
                "limits are of children: finalists have %s, and may be over %s",
                ", ".join(larger),
                ", ".join(self._config.limit),
            )

    def facts(self) -> dict[str, Any]:
        images = {name: len(getattr(self._proxy, name)) for name in ("train", "validation")}
        known = {"images_crc32": self._checksum()} if "images_crc32" in recorded(self._config.workdir, STUDY) else {}
        return {
            "images": images,
            "image_shape": list(self._dataset.image_shape),
            "split": self._dataset.split,
            "digest": self._dataset.digest,
            "skipped": dict(self._dataset.skipped),
            **known,
            **({} if self._predictor is None else {"latency_predictor": facts_of(self._predictor)}),
        }

    def _checksum(self) -> str:
        """The checksum by which studies of earlier versions identify their images."""
        found = 0
        for split in (self._proxy.train, self._proxy.validation):
            for values in (split.images, split.labels):
                found = zlib.crc32(np.ascontiguousarray(values), found)
        return f"{found:08x}"

    def exported(self, config: SearchConfig, folder: Path) -> SearchConfig:
        if config.dataset in datasets.names():
            return config
        path = folder / f"{self._dataset.name}.npz"
        datasets.save(self._dataset, path)
        return dataclasses.replace(config, dataset=path, data_dir=None, image_size=None)

    def evaluate(self, genotype: Genotype, seed: int, floors: Sequence[Floor] = ()) -> tuple[float, dict[str, Any]]:
        """Train a child.

        Args:
            genotype, seed: as of every evaluator.
            floors: what it needs to go on at the rungs of its training.

        Raises:
            StoppedAtRung: it was below a floor.
        """
        self._begin()
        try:
            return self._trained(genotype, seed, {floor.epoch: floor for floor in floors})
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(str(error)) from None

    def _begin(self) -> None:
        """Forget the models of earlier children, whose graphs a process keeps otherwise."""
        if self._children:
            keras.backend.clear_session()
        self._children += 1

    def _trained(self, genotype: Genotype, seed: int, floors: dict[int, Floor]) -> tuple[float, dict[str, Any]]:
        config, training = self._config, self._training(genotype, seed)
        network = training.network(self._proxy)
        trainer = Trainer(
            genotype,
            network,
            self._proxy,
            training.recipe,
            seed=seed,
            deterministic=training.deterministic,
            synchronized_batch_norm=config.synchronized_batch_norm,
        )
        accuracies: list[float] = []
        at_rungs: dict[str, float] = {}
        while trainer.step < trainer.total:
            if trainer.advance():
                figures = trainer.end_epoch()
                if trainer.epoch in self._rungs:
                    at_rungs[accuracy_name(trainer.epoch)] = figures["accuracy"]
                floor = floors.get(trainer.epoch)
                if floor is not None and figures["accuracy"] < floor.least:
                    metrics = {**_figures(figures), **at_rungs, "epochs": trainer.epoch, **self.counted(genotype)}
                    raise StoppedAtRung(floor.expected(figures["accuracy"]), metrics)
                if _counts(config.reward, training.recipe.epochs - trainer.epoch):
                    accuracies.append(trainer.validate()["validation_accuracy"])
            elif trainer.step % _CHECKED_STEPS == 0:
                trainer.figures()
        accuracy = max(accuracies)
        metrics = {"validation_accuracy": accuracy, **_figures(figures), **at_rungs, **self.counted(genotype)}
        return accuracy**config.reward_exponent, metrics

    def costs(self, genotype: Genotype) -> dict[str, float]:
        if self._predictor is None:
            return self.counted(genotype)
        network = self._training(genotype).network(self._proxy)
        latency, _ = self._predictor.predict(genotype, self._proxy.image_shape, **network)
        return {**self.counted(genotype), "latency_ms": latency}

    def measure(self, genotype: Genotype, seed: int) -> dict[str, float]:
        """Measure the child with random weights; equal ones are measured once on a device."""
        return self._meter.costs(self._measured(genotype))

    def device(self) -> Device | None:
        config = self._config
        wanted = {*config.measure, *(one.cost for one in config.search_objective().limits)}
        needed = wanted.intersection(self.measures) - ({"latency_ms"} if config.latency is not None else set())
        return self._meter.device if needed else None

    def _measured(self, genotype: Genotype) -> Network:
        """The network of a child, to measure."""
        shape, network = self._proxy.image_shape, self._training(genotype).network(self._proxy)
        described = {"input_shape": list(shape), **network}
        return Network(fingerprint(genotype), described, lambda: network_from_genotype(genotype, shape, **network))

    def counted(self, genotype: Genotype) -> dict[str, int]:
        """Return the parameters and the multiply-adds of the child."""
        network = self._training(genotype).network(self._proxy)
        return dataclasses.asdict(genotype_cost(genotype, self._proxy.image_shape, **network))

    def finish(self, genotype: Genotype, seed: int, folder: Path) -> tuple[float, dict[str, Any]]:
        """Train the genotype anew, longer, by the training job, which judges the saved model on the test images."""
        keras.backend.clear_session()
        config = self._training(genotype, seed, folder)
        try:
            result = train(config, self._final)
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(str(error)) from None
        card = result.card
        model = folder / f"{card.name}.keras"
        if not model.exists():
            write_saved(model, card.build(weights=result.path.with_name(card.weights.file)).save)
        metrics = {name: value for name, value in card.metrics.items() if name != "runs"}
        training = {"epochs": config.recipe.epochs, "training_seconds": 3600 * card.training["hours"]}
        curve = Curve(result.history, card.metrics["validation_images"])
        if curve.has_fallen:  # for a summary that tells of it
            training |= {"best_epoch": curve.best["epoch"], "best_validation_accuracy": accuracy_of(curve.best)}
        return metrics["validation_accuracy"], {**metrics, **training, **card.cost}

    def publish(self, folder: Path, path: Path) -> dict[str, Any]:
        name = self._training("nasnet_a").model_name(self._dataset)
        card = Card.read(folder / f"{name}.json")
        for file in (card.weights.file, f"{name}.keras", f"{name}.json"):  # the card last: it says that all is there
            with replacing(path / file) as temporary:
                shutil.copyfile(folder / file, temporary)
        return {"card": f"{name}.json", "model": f"{name}.keras"}

    def fastest_precision(self, space: Space) -> str:
        """Measure in which precision random children of a space train fastest; finalists, if no child is trained.

        It is float32 if they do not fit into memory, of which each child will tell by itself.
        """
        for gpu in tf.config.list_physical_devices("GPU"):
            with suppress(RuntimeError):  # too late to choose
                tf.config.experimental.set_memory_growth(gpu, True)  # the rest is for workers
        config, row = self._config, registry.evaluator(self._config.evaluator)
        folder = Path() if row.is_cheap or row.shares_weights else None
        generator = np.random.default_rng(0)  # the same ones for all seeds of a search
        trainings = [self._training(space.decode(space.sample(generator)), folder=folder) for _ in range(_MEASURED)]
        genotypes, images = [one.resolved for one in trainings], self._final if folder else self._proxy
        network = trainings[0].network(images)
        try:
            return fastest_precision(genotypes, images, network, config.recipe, deterministic=config.deterministic)
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            logging.warning("training in %s: children do not fit into memory (%s)", PRECISIONS[0], type(error).__name__)
            return PRECISIONS[0]

    def _training(self, genotype: Genotype | str, seed: int = 0, folder: Path | None = None) -> TrainingConfig:
        """How a network is trained: as a child, or with a folder, to the end."""
        config, recipe = self._config, self._config.recipe
        sizes = {**config.sizes(final=folder is not None), **self._network}
        if folder is not None:
            recipe = dataclasses.replace(recipe, epochs=config.final_epochs)
        return TrainingConfig(
            folder or "",
            genotype,
            self._dataset.source,
            recipe,
            **{name: value for name, value in sizes.items() if name in size_arguments(resolve_genotype(genotype))},
            name=f"searched_{self._dataset.name}",
            seed=seed,
            deterministic=config.deterministic,
        )


def _part(dataset: Dataset, images: int | None, setting: str, whose: str) -> Dataset:
    """The data set with so many of its training images, the same ones every time, of each class its share."""
    count, classes = len(dataset.train), len(dataset.class_names)
    if images is None:
        return dataset
    if images > count:
        raise ValueError(f"{setting}={images}: {dataset.source} has {count} training images")
    chosen = splits.part(dataset.train.labels, classes, images, dataset.split)
    part = dataset.train.take(chosen)
    found, had = (len(np.unique(split.labels)) for split in (part, dataset.train))
    if found < had:
        logging.warning("%s=%d: %s see no image of %d of %d classes", setting, images, whose, had - found, had)
    return dataclasses.replace(dataset, train=part)


def _figures(of_epoch: dict[str, float]) -> dict[str, float]:
    """The figures of an epoch by the names of metrics."""
    return {"loss": of_epoch["loss"], "train_accuracy": of_epoch["accuracy"]}


def _counts(reward: str, epochs_left: int) -> bool:
    """Whether the accuracy after an epoch may be the reward."""
    return {"last": epochs_left == 0, "best": True, "best_of_last_five": epochs_left < _LAST}[reward]

"""Pictures of a colour each, and a model trained on them: what the tests of trained models use."""

import numpy as np
from helpers import SMALL_GENOTYPE
from PIL import Image

from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe

COLOURS = {"blue": (40, 60, 200), "green": (50, 180, 60), "red": (200, 50, 40)}


def pictures(count, colours=("red", "green"), size=16, seed=0):
    """Noisy images of a colour each, and their labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % len(colours)
    means = np.array([COLOURS[name] for name in colours])[labels]
    images = means[:, None, None] + generator.normal(0, 40, (count, size, size, 3))
    return np.clip(images, 0, 255).astype(np.uint8), labels


def write_folder(folder, count, colours=("red", "green"), size=16, seed=0):
    images, labels = pictures(count, colours, size, seed)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / colours[label] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


def train_colours(folder):
    """Train a model: three colours at 16 pixels."""
    splits = [Split(*pictures(count, tuple(COLOURS), seed=count)) for count in (48, 12, 24)]
    dataset = Dataset("colours", *splits, class_names=tuple(COLOURS))
    recipe = Recipe(epochs=4, batch_size=16, learning_rate=0.05, average_decay=0.5)
    network = {"genotype": SMALL_GENOTYPE, "num_repeats": 1, "filters": 8, "name": "colours_cifar10"}
    train(TrainingConfig(folder, recipe=recipe, **network), dataset)


def card_of(folder):
    return folder / "colours_cifar10.json"


def weights_of(folder):
    return folder / "colours_cifar10.weights.h5"

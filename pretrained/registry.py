"""The registry: trained models by name, by card or by weight file."""

import dataclasses
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
from absl import logging

from nasnet_keras.card import Card
from nasnet_keras.inference.described import Description, describe
from nasnet_keras.networks.large_images import loading_weights
from nasnet_keras.pretrained.listing import CARDS, card_path
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_saved
from nasnet_keras.weights.file import CardError, WeightsFile
from nasnet_keras.weights.loading import load_weights

__all__ = ["described", "load", "saved", "weights_file"]

_WEIGHTS = Path(__file__).parent / "weights"
_loaded: weakref.WeakKeyDictionary[keras.Model, Card] = weakref.WeakKeyDictionary()


def load(
    model: str | Path,
    *,
    include_top: bool = True,
    classes: int | None = None,
    input_shape: Sequence[int | None] | None = None,
    preprocessing: bool = True,
    pooling: str | None = None,
    classifier_activation: Any = "softmax",
    weights: bool | str | Path = True,
    **network: Any,
) -> keras.Model:
    """Load a trained model. It reads images as they come, uint8 or float from 0 to 255.

    Args:
        model: a name of `list_models`, or the path of a card, of the weight file beside it, or of a folder that has
            one of each. Weights that are not in the package are downloaded into Keras' cache directory (see
            `nasnet_keras.weights.download`).
        include_top: whether to end in the classifier. Without it, the output is the last map.
        classes: number of classes. If it differs from the card's, a new classifier replaces the trained one. If it does
            not, the trained one stays, with a warning, and exports do not name its classes.
        input_shape: `(height, width, channels)`, by default the card's; height and width may be None.
        preprocessing: whether the model scales images on its own. Without it, the model reads `images * scale + offset`
            with the card's values.
        pooling: None, `"avg"` or `"max"`, for a model without the classifier.
        classifier_activation: `"softmax"`, or None for logits.
        weights: whether to load the trained weights; if not, this is the same network untrained. Or the path of the
            card's weight file, if it lies elsewhere.
        **network: further arguments of `network_from_genotype`, such as `dropout_rate`.

    Returns:
        A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        CardError: there is no such model, or its card or weight file cannot be used.
        ValueError: the weights are of another network, or an argument is out of range.
        DownloadError: the weight file cannot be downloaded.

    Example:
        >>> images = np.zeros((2, 64, 64, 3), "uint8")
        >>> tuple(load("amoebanet_d_tiny_imagenet")(images).shape)
        (2, 200)
    """
    path = _card_path(model)
    found = Card.read(path)
    shape = _input_shape(found, input_shape)
    if isinstance(weights, str | Path):
        file = found.weights.verify(Path(weights))
    else:
        file = _weights_file(path, found) if weights else None
    trained = len(found.class_names)
    images = keras.Input(shape, name="images")
    with loading_weights(file is not None):
        built = found.build(
            input_shape=shape,
            input_tensor=_scaled(images, found) if preprocessing else images,
            include_top=include_top,
            classes=trained if classes is None else classes,
            pooling=pooling,
            classifier_activation=classifier_activation,
            **network,
        )
    if file is not None:
        same_head = include_top and classes in (None, trained)
        load_weights(built, file, classifier=same_head, known=True)
        if include_top and not same_head:
            logging.warning(
                "%s: its classifier of %d classes was dropped; the new one of %d classes is not trained",
                *(found.name, trained, classes),
            )
        if same_head and classes is not None:
            logging.warning(
                "%s: its trained classifier is kept, since it has %d classes, too; the names of its classes are not "
                "known of the model: leave out classes to keep them",
                *(found.name, trained),
            )
        if same_head and classes is None:
            describe(built, described(found, preprocessing))
        if not network:
            _loaded[built] = found if None in shape else dataclasses.replace(found, input_shape=shape)
    return built


def _scaled(images: Any, found: Card) -> Any:
    return keras.layers.Rescaling(**found.preprocessing, name="preprocessing")(images)


def described(found: Card, preprocessing: bool) -> Description:
    """Tell what a card says of the images and the classes of its model, for exports.

    Args:
        found: the card.
        preprocessing: whether the model scales images on its own.
    """
    low, high = found.input_range
    if not preprocessing:
        low, high = (value * found.preprocessing["scale"] + found.preprocessing["offset"] for value in (low, high))
    return Description(tuple(found.class_names), (low, high), found.fit)


def _input_shape(found: Card, given: Any) -> tuple[int | None, ...]:
    """The shape that is wanted, or the card's.

    Raises:
        ValueError: it has other axes than the card's, or other channels.
    """
    wanted = found.input_shape if given is None else given
    shape = tuple(wanted) if isinstance(wanted, Iterable) else ()
    if len(shape) != 3 or shape[-1] != found.input_shape[-1]:
        raise ValueError(
            f"input_shape must be (height, width, {found.input_shape[-1]}) for {found.name}, got {quoted(given)}"
        )
    return shape


@contextmanager
def saved(model: str | Path | keras.Model) -> Iterator[str | Path]:
    """A context that gives the name or path by which `load` finds a model.

    For a model that `load` made, it is the path of a temporary card of its present weights without the classifier's.

    Raises:
        CardError: `load` did not make the model, or made it with further arguments of the network, or there is none.
    """
    if not isinstance(model, keras.Model):
        _card_path(model)
        yield model
        return
    known = _loaded.get(model)
    if known is None:
        raise CardError(
            f"nothing is known of the model {quoted(model.name)}: expected one that pretrained.load made, with its "
            f"weights and no other arguments of the network, a name of list_models(), or the path of a card"
        )
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, f"{known.name}.weights.h5")
        trunk = next((layer for layer in model.layers if layer.name == "head_pool"), None)
        if trunk is not None:  # without the classifier, which fine-tuning replaces
            model = keras.Model(model.inputs, trunk.output, name=known.name)  # an automatic name would be in the file
        write_saved(weights, model.save_weights)
        yield dataclasses.replace(known, weights=WeightsFile.of(weights)).write(Path(folder))


def weights_file(model: str | Path) -> Path:
    """The checked weight file of a model: beside its card, in the package, or downloaded.

    Args:
        model: as `load` takes it.

    Raises:
        CardError: there is no such model, or the file is missing or damaged.
        DownloadError: it cannot be downloaded.
    """
    path = _card_path(model)
    return _weights_file(path, Card.read(path))


def _card_path(model: str | Path) -> Path:
    """The path of the card whose weights a name or a path stands for, which are not those of a file `NAME.keras`."""
    path = card_path(model)
    if str(model).endswith(".keras"):
        raise CardError(
            f"{model} is a whole model, which keras.models.load_model loads: expected its card, {path}, or its weight "
            f"file"
        )
    return path


def _weights_file(path: Path, found: Card) -> Path:
    """The checked weight file of the card at `path`."""
    folder = _WEIGHTS if path.resolve().parent == CARDS.resolve() else path.parent
    weights = found.weights
    if weights.url is not None and not (folder / weights.file).exists():
        return weights.download()
    return weights.check(folder)

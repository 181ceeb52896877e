"""Any trained model that a job's flag names: one of the registry, of a card, of a run's folder, or saved by Keras."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras

from nasnet_keras.card import Card, is_card
from nasnet_keras.inference.described import describe
from nasnet_keras.inference.preprocessing import reads_pixels
from nasnet_keras.pretrained import listing, registry
from nasnet_keras.utils.checks import FITS, quoted

__all__ = ["AnyModel", "load_any"]


@dataclass(frozen=True, eq=False)
class AnyModel:
    """A model, and how it reads images.

    Attributes:
        model: the model.
        name: short, for files.
        fit: the way to bring images to its size.
        class_names: by number; empty if they are unknown.
    """

    model: keras.Model
    name: str
    fit: str
    class_names: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of images.

        Raises:
            ValueError: the model reads images of any size, or none.
        """
        shape = tuple(self.model.inputs[0].shape[1:])
        if len(self.model.inputs) != 1 or len(shape) != 3 or None in shape:
            reads = " and ".join(str(tuple(one.shape[1:])) for one in self.model.inputs)
            raise ValueError(f"{self.name} reads {reads}: expected a model of images of a known size")
        return shape


def load_any(model: str) -> AnyModel:
    """Load the model that a text names.

    Args:
        model: what `pretrained.load` takes, or the path of a file `NAME.keras`. What a card beside that file says of
            its images and classes holds for it; the weights are those of the file itself.

    Raises:
        ValueError: there is no such model, or it cannot be loaded.

    Example:
        >>> load_any("amoebanet_d_tiny_imagenet").shape
        (64, 64, 3)
    """
    path = Path(model)
    if path.suffix == ".keras":
        return (
            _beside_card(path) if is_card(path.with_suffix(".json")) else AnyModel(_saved(path), path.stem, FITS[0], ())
        )
    card = listing.card(model)
    return AnyModel(registry.load(model), card.name, card.fit, tuple(card.class_names))


def _beside_card(path: Path) -> AnyModel:
    """The model of a file `NAME.keras`, with what the card beside it says of its images and classes."""
    card = Card.read(path.with_suffix(".json"))
    model = _saved(path)
    if model.output_shape != (None, len(card.class_names)):
        raise ValueError(
            f"{path} answers with {quoted(model.output_shape)}, and {path.stem}.json beside it names "
            f"{len(card.class_names)} classes: expected the card of this model, or none"
        )
    describe(model, registry.described(card, reads_pixels(model)))
    return AnyModel(model, card.name, card.fit, tuple(card.class_names))


def _saved(path: Path) -> keras.Model:
    """Load a model that Keras saved; nothing in it is run."""
    if not path.is_file():
        raise ValueError(f"there is no file {quoted(str(path))}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no model that Keras saved")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged or strange file makes Keras raise anything
        raise ValueError(f"{path} cannot be loaded: {' '.join(str(error).split())[:300]}") from error

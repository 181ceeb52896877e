"""The arguments of a network of any kind, as a value that is checked, and the end that all networks have."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.operation_builder import Tensor
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.networks.builder import Builder
from nasnet_keras.utils.checks import choice, integer, number, positive_integer, quoted

__all__ = ["NetworkConfig", "build_head", "check_head", "check_normalization", "image_shape"]

_POOLINGS = (None, "avg", "max")
_LARGEST_SIDE = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(ABC):
    """The arguments of a network, and its description.

    A kind of network is a subclass. It sets `KIND`, adds its arguments as fields, checks them in `_checked`, and
    describes the network to a builder in `build`.

    Attributes:
        KIND: the class of its genotypes.
        SIZES: names of the arguments that say how large a genotype's network is.
        SMALLEST: the smallest height and width of images, in pixels.
        NAME: name of the model, unless the caller gives one.
        genotype: a genotype of that class, a catalogue name, a JSON text or a path; afterwards the genotype.
        input_shape: `(height, width, channels)` of the images. Height and width may be None.
        include_top: whether the network ends in a classifier.
        pooling: None, `"avg"` or `"max"`, for a network without the classifier.
        classes: number of classes.
        classifier_activation: any activation of Keras; None for logits.
        dropout_rate: rate of the dropout before the classifier, in [0, 1).
        batch_norm_momentum, batch_norm_epsilon: momentum and epsilon of all batch normalisations.

    Raises:
        ValueError: an argument is out of range; the error says what was expected and what was received.
    """

    KIND: ClassVar[type[BaseGenotype]]
    SIZES: ClassVar[tuple[str, ...]] = ()
    SMALLEST: ClassVar[int] = 1
    NAME: ClassVar[str | None] = None

    genotype: BaseGenotype | str | Path
    input_shape: tuple[int | None, int | None, int] | None = None
    include_top: bool = True
    pooling: str | None = None
    classes: int = 10
    classifier_activation: Any = "softmax"
    dropout_rate: float = 0.0
    batch_norm_momentum: float = 0.9
    batch_norm_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        self._set(genotype=resolve_genotype(self.genotype, self.KIND))
        self._set(**self._checked())
        head = self.include_top, self.pooling, self.classes, self.dropout_rate, self.classifier_activation
        self._set(classes=check_head(*head), include_top=bool(self.include_top))
        check_normalization(self.batch_norm_momentum, self.batch_norm_epsilon)
        default, smallest, network = self._sides()
        self._set(input_shape=image_shape(self.input_shape, default=default, smallest=smallest, what=network))

    @abstractmethod
    def build(self, builder: Builder, image: Tensor) -> Any:
        """Describe the network to a builder.

        Returns:
            The output; `{"logits": …, "auxiliary": …}` for a network with an auxiliary head.
        """

    def for_large_images(self) -> "tuple[str, NetworkConfig] | None":
        """The argument by which the network is made for large images, and the network with it; None if it is so."""
        return None

    def layer_settings(self, image: Any) -> dict[str, Any]:
        """The arguments of the `LayerBuilder` that makes the network on an image."""
        del image
        return {"padding": "same", "momentum": self.batch_norm_momentum, "epsilon": self.batch_norm_epsilon}

    def _checked(self) -> dict[str, Any]:
        """Check the arguments of this kind of network, and return those whose value or type changes."""
        return {}

    def _sides(self) -> tuple[int, int, str]:
        """The default and the smallest side of an image, in pixels, and the part that needs it, for the error."""
        return 32, self.SMALLEST, "a layer-wise network"

    def _head(self, builder: Builder, x: Tensor, *, use_bias: bool) -> Tensor:
        """Describe the end of the network: a classifier, a pooling, or nothing."""
        if not self.include_top:
            return x if self.pooling is None else builder.global_pool(x, self.pooling, name="head_pool")
        settings = {"activation": self.classifier_activation, "dropout_rate": self.dropout_rate, "use_bias": use_bias}
        return build_head(builder, x, self.classes, **settings)

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)


def build_head(
    builder: Builder, x: Tensor, classes: int, *, activation: Any = None, dropout_rate: float = 0.0, use_bias: bool
) -> Tensor:
    """Describe a classifier to a builder: the average over positions, dropout if there is any, and a dense layer.

    Args:
        builder: describes it.
        x: the last map, `(batch, height, width, channels)`.
        classes: number of classes.
        activation: any activation of Keras; None for logits.
        dropout_rate: in [0, 1).
        use_bias: whether the dense layer has a bias.
    """
    x = builder.global_pool(x, "avg", name="head_pool")
    if dropout_rate:
        x = builder.dropout(x, dropout_rate, name="head_dropout")
    return builder.dense(x, classes, name="logits", activation=activation, use_bias=use_bias)


def image_shape(input_shape: Any, *, default: int, smallest: int, what: str) -> tuple[int | None, int | None, int]:
    """`input_shape` as ints and None.

    Args:
        input_shape: `(height, width, channels)` as a caller gives it, or None for `default` and three channels.
        default, smallest: the default and the smallest height and width, in pixels.
        what: the part of a network that needs this smallest size, for the error.

    Raises:
        ValueError: it is not such a shape, or too small.
    """
    if input_shape is None:
        return (default, default, 3)
    legal = isinstance(input_shape, (tuple, list)) and len(input_shape) == 3
    if legal:
        shape = tuple(None if size is None else integer(size) for size in input_shape)
        legal = all(size is None or found is not None for size, found in zip(input_shape, shape, strict=True))
        legal = legal and shape[2] is not None and 0 < shape[2] <= _LARGEST_SIDE
        legal = legal and all(size is None or smallest <= size <= _LARGEST_SIDE for size in shape[:2])
    if not legal:
        raise ValueError(
            f"input_shape must be (height, width, channels), with height and width None or at least {smallest} for "
            f"{what} and channels positive, got {quoted(input_shape)}"
        )
    return shape


def check_head(include_top: Any, pooling: Any, classes: Any, dropout_rate: Any, activation: Any) -> int:
    """Check the arguments of a network's end, and return `classes` as an int.

    Raises:
        ValueError: an argument is not legal.
    """
    choice("pooling", pooling, _POOLINGS)
    if include_top and pooling is not None:
        raise ValueError(f"pooling={quoted(pooling)} is for include_top=False; the classifier pools on its own")
    number("dropout_rate", dropout_rate, "in [0, 1)", lambda v: 0.0 <= v < 1.0)
    if activation is not None and not isinstance(activation, str) and not callable(activation):
        # From a dict Keras would make any object that the dict describes.
        raise ValueError(
            f"classifier_activation must be None, the name of an activation or a function, got {quoted(activation)}"
        )
    return positive_integer("classes", classes)


def check_normalization(momentum: Any, epsilon: Any) -> None:
    """Check momentum and epsilon of batch normalisation.

    Raises:
        ValueError: one of them is out of range.
    """
    number("batch_norm_momentum", momentum, "in [0, 1]", lambda v: 0.0 <= v <= 1.0)
    number("batch_norm_epsilon", epsilon, "positive", lambda v: 0.0 < v < math.inf)

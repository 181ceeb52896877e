"""What all networks share: the checks of their arguments, the end that they have, and the Keras model that is made."""

import math
from dataclasses import InitVar, dataclass
from pathlib import Path
from typing import Any, ClassVar

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.utils.checks import choice, integer, number, positive_integer, quoted

__all__ = [
    "LayerwiseConfig",
    "build_head",
    "check_head",
    "check_normalization",
    "given_tensor",
    "image_shape",
    "keras_model",
]

_POOLINGS = (None, "avg", "max")
_LARGEST_SIDE = 2**31 - 1


def image_shape(input_shape: Any, *, default: int, smallest: int, what: str) -> tuple[int | None, int | None, int]:
    """`input_shape` as ints and None.

    Args:
        input_shape: `(height, width, channels)` as a caller gives it, or None for `default` and three channels.
        default, smallest: height and width.
        what: has this smallest size, for the error.

    Raises:
        ValueError: it is none, or too small.
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
    """`classes` as an int, where it and the other arguments of `build_head` are legal.

    Raises:
        ValueError: one is not.
    """
    choice("pooling", pooling, _POOLINGS)
    if include_top and pooling is not None:
        raise ValueError(f"pooling={quoted(pooling)} is for include_top=False; the classifier pools on its own")
    number("dropout_rate", dropout_rate, "in [0, 1)", lambda v: 0.0 <= v < 1.0)
    if activation is not None and not isinstance(activation, str) and not callable(activation):
        # Of a dict Keras would make whatever the dict says.
        raise ValueError(
            f"classifier_activation must be None, the name of an activation or a function, got {quoted(activation)}"
        )
    return positive_integer("classes", classes)


def check_normalization(momentum: Any, epsilon: Any) -> None:
    """Raise a ValueError where one of batch normalisation's values is out of range."""
    number("batch_norm_momentum", momentum, "in [0, 1]", lambda v: 0.0 <= v <= 1.0)
    number("batch_norm_epsilon", epsilon, "positive", lambda v: 0.0 < v < math.inf)


@dataclass(frozen=True, kw_only=True)
class LayerwiseConfig:
    """The validated arguments of a layer-wise network; `build` describes the network to a builder.

    Raises:
        ValueError: an argument is out of range; the error says what was expected and what came.
    """

    KIND: ClassVar[type[BaseGenotype]]
    SMALLEST: ClassVar[int]  # height and width

    genotype: Any
    input_shape: Any = None
    include_top: bool = True
    pooling: str | None = None
    classes: int = 10
    classifier_activation: Any = "softmax"
    dropout_rate: float = 0.0
    batch_norm_momentum: float = 0.9
    batch_norm_epsilon: float = 1e-5
    name: InitVar[str | None] = None  # of a model, which a configuration has not

    def __post_init__(self, name: str | None) -> None:
        del name
        shape = image_shape(self.input_shape, default=32, smallest=self.SMALLEST, what="a layer-wise network")
        checked = {
            "genotype": resolve_genotype(self.genotype, self.KIND),
            "input_shape": shape,
            "include_top": bool(self.include_top),
            "classes": check_head(
                self.include_top, self.pooling, self.classes, self.dropout_rate, self.classifier_activation
            ),
        }
        check_normalization(self.batch_norm_momentum, self.batch_norm_epsilon)
        for field, value in checked.items():
            object.__setattr__(self, field, value)

    def build(self, builder: Any, image: Any) -> Any:
        """Describe the network to a builder; returns the output."""
        raise NotImplementedError


def build_head(builder: Any, x: Any, config: Any, *, use_bias: bool) -> Any:
    """Describe the end of a network to a builder: a classifier, or a pooling, or nothing.

    Args:
        builder: see `builder.LayerBuilder`.
        x: the last map.
        config: has `include_top`, `pooling`, `classes`, `classifier_activation` and `dropout_rate`.
        use_bias: of the classifier.
    """
    if not config.include_top:
        return x if config.pooling is None else builder.global_pool(x, config.pooling, name="head_pool")
    x = builder.global_pool(x, "avg", name="head_pool")
    if config.dropout_rate:
        x = builder.dropout(x, config.dropout_rate, name="head_dropout")
    return builder.dense(x, config.classes, name="logits", activation=config.classifier_activation, use_bias=use_bias)


def given_tensor(tensor: Any, input_shape: Any) -> Any:
    """`input_shape`, or that of a caller's `input_tensor`, where there is one.

    Raises:
        ValueError: it is no Keras tensor, or of another shape.
    """
    if tensor is None:
        return input_shape
    import keras

    if not isinstance(tensor, keras.KerasTensor):
        raise ValueError(f"input_tensor must be a Keras tensor such as keras.Input(...), got {type(tensor).__name__}")
    shape = tuple(tensor.shape[1:])
    if input_shape is not None and tuple(input_shape) != shape:
        raise ValueError(f"input_tensor has shape {shape} and input_shape is {input_shape}: give one of them")
    return shape


def keras_model(
    config: Any,
    input_tensor: Any,
    weights: str | Path | None,
    name: str,
    *,
    padding: str = "same",
    drop_path: bool = False,
) -> Any:
    """The Keras model of a network.

    Args:
        config: describes it: has `build(builder, image)`, `input_shape`, `batch_norm_momentum`, `batch_norm_epsilon`.
        input_tensor: a Keras tensor to build on, or None.
        weights: None, or the path of a file of weights.
        name: of the model.
        padding: see `LayerBuilder`.
        drop_path: whether there is drop-path, which follows the progress of training.

    Raises:
        ValueError: the weights cannot be loaded.
    """
    import keras

    from nasnet_keras.networks.layer_builder import LayerBuilder
    from nasnet_keras.weights.loading import load_weights

    image = keras.Input(config.input_shape, name="image") if input_tensor is None else input_tensor
    normalization = config.batch_norm_momentum, config.batch_norm_epsilon
    output = config.build(LayerBuilder(padding, *normalization, image if drop_path else None), image)
    inputs = image if input_tensor is None else keras.utils.get_source_inputs(image)
    if isinstance(inputs, list) and len(inputs) == 1:
        (inputs,) = inputs  # Keras warns when a model of a list is called with a tensor
    model = keras.Model(inputs, output, name=name)
    if weights is not None:
        load_weights(model, weights)
    return model

"""What a model does with images before the network reads them, and so which values it expects."""

import keras
import numpy as np
from keras import layers

from nasnet_keras.inference.nodes import node_of
from nasnet_keras.layers.batch_norm import BatchNorm

__all__ = ["LARGEST_SCALED", "PREPROCESSING", "RESIZING", "normalizes", "reads_pixels", "tells_range"]

PREPROCESSING = (layers.Rescaling, layers.Normalization)
RESIZING = (layers.Resizing, layers.CenterCrop)

LARGEST_SCALED = 20.0
"""No image that was scaled to about one has larger values."""

# What comes out of these is in the range of what goes in. Those that augment do so in training only.
_KEEPING = (*RESIZING, layers.ZeroPadding2D, layers.Cropping2D, layers.UpSampling2D, layers.MaxPooling2D)
_KEEPING += (layers.AveragePooling2D, layers.Identity, layers.Reshape, layers.Permute, layers.ActivityRegularization)
_KEEPING += (layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout, layers.GaussianNoise)
_KEEPING += tuple(getattr(layers, name) for name in dir(layers) if name.startswith("Rand"))
# These read values of any range.
_NORMALIZING = (layers.Normalization, layers.BatchNormalization, BatchNorm)


def reads_pixels(model: keras.Model) -> bool:
    """Tell whether a model rescales images from 0 to 255 itself, perhaps after layers that keep their values.

    Example:
        >>> layers = [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 127.5, -1), keras.layers.Conv2D(2, 3)]
        >>> reads_pixels(keras.Sequential(layers)), reads_pixels(keras.Sequential([layers[0], layers[2]]))
        (True, False)
    """
    return any(_scales_pixels(layer) for layer in _first(model))


def normalizes(model: keras.Model) -> bool:
    """Tell whether a model subtracts a mean itself, so that it says nowhere which values it reads."""
    return any(isinstance(layer, layers.Normalization) for layer in _first(model))


def tells_range(model: keras.Model) -> bool:
    """Tell whether the first layers say which values a model reads.

    Layers that normalize do not, nor do operations such as `x / 255`, and layers of others: they may read pixels.
    """
    found = _first(model)
    return any(map(_scales_pixels, found)) or (bool(found) and all(map(_reads_scaled, found)))


def _scales_pixels(layer: keras.Operation) -> bool:
    return isinstance(layer, layers.Rescaling) and bool(0 < 255 * np.abs(layer.scale).max() <= LARGEST_SCALED)


def _reads_scaled(layer: keras.Operation) -> bool:
    """Tell whether a layer is one that reads scaled values, if it does not rescale pixels."""
    if isinstance(layer, layers.Rescaling) and np.abs(layer.offset).max() > LARGEST_SCALED:  # a mean of pixels
        return False
    return type(layer) in node_of.registry and not isinstance(layer, _NORMALIZING)


def _first(model: keras.Model) -> list[keras.Operation]:
    """List the layers and operations that read the image, with its values as they are."""
    return _followed(model)[0]


def _followed(model: keras.Model) -> tuple[list[keras.Operation], list[keras.KerasTensor]]:
    """Follow the image through layers that keep its values, also within models of the model.

    Returns:
        What reads it, and the tensors that have its values.
    """
    found, kept, waiting = [], [], [model.inputs[0]]
    while waiting:
        image = waiting.pop()
        kept.append(image)
        for layer in getattr(model, "operations", model.layers):  # operations are what is no layer as well
            for call in layer._inbound_nodes:
                if not any(tensor is image for tensor in call.input_tensors):
                    continue
                if isinstance(layer, _KEEPING):
                    waiting += call.output_tensors
                elif isinstance(layer, keras.Model) and len(getattr(layer, "inputs", None) or ()) == 1:
                    inner, passed = _followed(layer)
                    found += inner
                    outputs = zip(call.output_tensors, keras.tree.flatten(layer.outputs), strict=True)
                    waiting += [outer for outer, own in outputs if any(own is one for one in passed)]
                else:
                    found.append(layer)
    return found, kept

"""What a model does with images before the network reads them, and so which values it expects."""

import keras
import numpy as np

__all__ = ["LARGEST_SCALED", "PREPROCESSING", "RESIZING", "normalizes", "reads_pixels"]

PREPROCESSING = (keras.layers.Rescaling, keras.layers.Normalization)
RESIZING = (keras.layers.Resizing, keras.layers.CenterCrop)

LARGEST_SCALED = 20.0
"""No image that was scaled to about one has larger values."""


def reads_pixels(model: keras.Model) -> bool:
    """Tell whether a model rescales images from 0 to 255 itself.

    Example:
        >>> layers = [keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 127.5, -1), keras.layers.Conv2D(2, 3)]
        >>> reads_pixels(keras.Sequential(layers)), reads_pixels(keras.Sequential([layers[0], layers[2]]))
        (True, False)
    """
    found = [np.abs(layer.scale).max() for layer in _first(model) if isinstance(layer, keras.layers.Rescaling)]
    return any(0 < 255 * scale <= LARGEST_SCALED for scale in found)


def normalizes(model: keras.Model) -> bool:
    """Tell whether a model subtracts a mean itself, so that it says nowhere which values it reads."""
    return any(isinstance(layer, keras.layers.Normalization) for layer in _first(model))


def _first(model: keras.Model) -> list[keras.Layer]:
    """List the layers that read the image, resized or not."""
    read, found = [model.inputs[0]], []
    while read:
        image = read.pop()
        for layer in model.layers:
            for call in layer._inbound_nodes:
                if any(tensor is image for tensor in call.input_tensors):
                    found.append(layer)
                    read += call.output_tensors if isinstance(layer, RESIZING) else ()
    return found

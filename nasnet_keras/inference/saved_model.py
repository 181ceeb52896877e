"""A fused model ↔ TensorFlow's SavedModel, which holds each weight once."""

from pathlib import Path

import keras
import numpy as np

from nasnet_keras.inference.batches import in_batches
from nasnet_keras.inference.logits import split

__all__ = ["logits", "run", "write"]


def write(model: keras.Model, path: Path) -> None:
    """Write a SavedModel with the endpoints `serve`, which is its signature, too, and `logits`, which `serve` calls.

    The weights of convolutions are constants of the functions, which TensorFlow computes faster with, and the few that
    are not are variables. A Keras model beside them would hold all of them again.
    """
    import tensorflow as tf

    before, last = split(model)
    (image,) = model.inputs
    signature = [tf.TensorSpec(image.shape, image.dtype, name=image.name)]
    logits = tf.function(lambda x: before(x, training=False), signature, autograph=False).get_concrete_function()
    serve = tf.function(lambda x: last(logits(x)), signature, autograph=False).get_concrete_function()
    module = tf.Module()
    module.logits, module.serve = logits, serve  # traced once: TensorFlow traces what is not once more when it saves
    # Tracing lists the variables behind the constants, too.
    captured = {id(handle) for handle, _ in logits.graph.captures}
    module.weights = [variable for variable in logits.graph.variables if id(variable.handle) in captured]
    tf.saved_model.save(module, str(path), signatures=serve)


def run(path: Path, images: np.ndarray) -> np.ndarray:
    """Compute the outputs of a SavedModel."""
    return _called(path, "serve", images)


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Compute what the outputs are the softmax or sigmoid of; the outputs themselves if there is none."""
    return _called(path, "logits", images)


def _called(path: Path, endpoint: str, images: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    module = tf.saved_model.load(str(path))  # the module keeps its variables alive
    return in_batches(lambda images: getattr(module, endpoint)(images).numpy(), images)

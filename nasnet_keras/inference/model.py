"""The Keras model that fusing makes."""

from typing import Any

import keras
import numpy as np

from nasnet_keras.utils.checks import positive_integer

__all__ = ["FusedModel"]


@keras.saving.register_keras_serializable("nasnet_keras")
class FusedModel(keras.Model):
    """A functional model for inference; `predict` of an array costs little more than the network.

    On TensorFlow, `keras.Model.predict` compiles with XLA, which on processors is slower than TensorFlow's own kernels,
    and feeds batches by `tf.data`, which takes tens of milliseconds to start. This class cuts batches from the array.
    Anything but an array, and any other backend, goes Keras' way.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if keras.backend.backend() == "tensorflow":
            self.jit_compile = False
        self._compiled = None

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> np.ndarray:
        """Predict as `keras.Model.predict` does. An empty array, on which Keras fails, is a ValueError."""
        plain = isinstance(x, np.ndarray) and steps is None and not callbacks
        if not plain or keras.backend.backend() != "tensorflow":
            return super().predict(x, batch_size, verbose, steps, callbacks)
        import tensorflow as tf

        (image,) = self.inputs
        legal = x.ndim == 4 and all(b in (None, a) for a, b in zip(x.shape, image.shape, strict=True))
        if not legal or not x.size:
            raise ValueError(f"expected images of shape {image.shape}, and some, got {x.shape}")
        if self._compiled is None:
            signature = [tf.TensorSpec(image.shape, image.dtype)]
            self._compiled = tf.function(lambda x: self(x, training=False), input_signature=signature, autograph=False)
        return self._in_batches(x, batch_size, verbose)

    def _in_batches(self, x: np.ndarray, batch_size: int | None, verbose: str | int) -> np.ndarray:
        size = 32 if batch_size is None else positive_integer("batch_size", batch_size)
        starts = range(0, len(x), size)
        bar = keras.utils.Progbar(len(starts), verbose=1 if verbose == "auto" else verbose)
        answers = []
        for number, start in enumerate(starts, start=1):
            batch = x[start : start + size].astype(self.inputs[0].dtype, copy=False)
            answers.append(self._compiled(keras.ops.convert_to_tensor(batch)).numpy())
            bar.update(number)
        return np.concatenate(answers)

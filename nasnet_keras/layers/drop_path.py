"""Scheduled drop-path: the results of operations are dropped, per example, more often in later cells and later steps.

Source: NASNet (Zoph et al. 2018, appendix A.4): the probability grows linearly with the depth of the cell and with
the progress of training.
"""

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

__all__ = ["DropPathCombine", "DropPathSchedule", "TrainingProgress"]

_register = keras.saving.register_keras_serializable("nasnet_keras")


class _ProgressState(keras.random.SeedGenerator):
    """A scalar that belongs to a layer's state, like a random seed, and not to its weights.

    Keras passes a seed generator's state through compiled steps on every backend, but neither counts it among the
    parameters nor saves it with them. The progress of a training run needs exactly that.
    """

    def __init__(self, value: float = 1.0, name: str = "progress") -> None:
        super().__init__(seed=0, name=name)
        self.state = keras.Variable(value, dtype="float32", trainable=False, name=name)


@_register
class TrainingProgress(keras.layers.Layer):
    """How far training has come, from 0 to 1, as a tensor that `DropPathCombine` layers read.

    It is 1 until told otherwise, so a model trained without a schedule drops paths at its full rate.

    Example:
        >>> progress = TrainingProgress()
        >>> progress.assign(0.25)
        >>> float(progress(np.zeros((1, 8, 8, 3))))
        0.25
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.progress = _ProgressState()

    def assign(self, progress: float) -> None:
        """Set the progress; values beyond 0 and 1 are clipped."""
        self.progress.state.assign(min(max(float(progress), 0.0), 1.0))

    def call(self, x):
        del x  # read only so that the layer has a place in the graph
        return ops.convert_to_tensor(self.progress.state.value)

    def compute_output_shape(self, input_shape):
        return ()

    def compute_output_spec(self, x):
        return keras.KerasTensor((), dtype="float32")


@_register
class DropPathCombine(keras.layers.Layer):
    """Add or concatenate the results of a block's operations, dropping each of them at random in training.

    A result is dropped for a whole example with probability `rate · progress`, and scaled up otherwise. Drop-path and
    the combination are one layer, so that networks with and without drop-path have the same layers in the same order.

    Args:
        combine: `"add"` or `"concat"`.
        rates: for each tensor, the probability at the end of training, in [0, 1).
        seed: seed of the random numbers.

    Call it with `[*tensors, progress]`, where `progress` comes from `TrainingProgress`.

    Example:
        >>> layer = DropPathCombine("add", (0.5, 0.0), seed=1)
        >>> ones = np.ones((100, 1, 1, 1), "float32")
        >>> sorted(set(np.ravel(layer([ones, ones, np.float32(1.0)], training=True)).tolist()))
        [1.0, 3.0]
    """

    def __init__(self, combine, rates, seed=None, **kwargs):
        super().__init__(**kwargs)
        if combine not in ("add", "concat"):
            raise ValueError(f"combine must be 'add' or 'concat', got {combine!r}")
        if not all(0.0 <= rate < 1.0 for rate in rates):
            raise ValueError(f"drop-path rates must be in [0, 1), got {rates!r}")
        self.combine = combine
        self.rates = tuple(rates)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=None):
        *tensors, progress = inputs
        if training:
            tensors = [self._drop(x, rate, progress) for x, rate in zip(tensors, self.rates, strict=True)]
        return sum(tensors[1:], tensors[0]) if self.combine == "add" else ops.concatenate(tensors, axis=-1)

    def _drop(self, x, rate, progress):
        if not rate:
            return x
        keep = 1.0 - rate * ops.cast(progress, "float32")
        uniform = keras.random.uniform((ops.shape(x)[0], 1, 1, 1), dtype="float32", seed=self.seed_generator)
        return x * ops.cast(ops.floor(keep + uniform) / keep, x.dtype)

    def compute_output_spec(self, inputs, training=None):
        shape, channels = inputs[0].shape, [x.shape[-1] for x in inputs[:-1]]
        width = channels[0] if self.combine == "add" else sum(channels)
        return keras.KerasTensor((*shape[:-1], width), dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "combine": self.combine, "rates": self.rates, "seed": self.seed}


class DropPathSchedule(keras.callbacks.Callback):
    """Let drop-path grow linearly over training: `model.fit(…, callbacks=[DropPathSchedule(total_steps)])`.

    On JAX it costs speed: each step brings the state back to the model, which `fit` keeps apart otherwise.

    Args:
        total_steps: optimizer steps until the full rate is reached.

    Raises:
        ValueError: `total_steps` is not positive, or the model has no drop-path.

    Example:
        >>> DropPathSchedule(total_steps=1000).total_steps
        1000
    """

    def __init__(self, total_steps: int) -> None:
        super().__init__()
        if total_steps < 1:
            raise ValueError(f"total_steps must be positive, got {total_steps!r}")
        self.total_steps = total_steps

    def on_train_begin(self, logs: Any = None) -> None:
        layers = [layer for layer in _within(self.model) if isinstance(layer, TrainingProgress)]
        if not layers:
            raise ValueError("the model has no drop-path to schedule: build it with drop_path_rate > 0")
        self._layers = layers

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        step = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        for layer in self._layers:
            layer.assign(step / self.total_steps)


def _within(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model and of the models in it."""
    for layer in model.layers:
        yield from _within(layer) if isinstance(layer, keras.Model) else [layer]

"""The base of all layers here that convolve: a ReLU, the convolution and batch normalisation in one layer.

A NASNet has hundreds of convolutions, and each layer adds to the time that a network takes to build, to trace and to
start. One layer for "ReLU, convolution, batch normalisation" halves their number and lets TensorFlow use its fused
normalisation kernel, which `keras.layers.BatchNormalization` does not use. All layers work in `channels_last` on every
backend, for inputs of unknown size.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np
from keras import ops

from nasnet_keras.layers.first_kernels import he_normal
from nasnet_keras.layers.normalization import batch_normalize, is_by_batch, is_collecting, is_frozen
from nasnet_keras.layers.pointwise import Product
from nasnet_keras.layers.traces import traced
from nasnet_keras.utils.context import within

__all__ = ["CountedLayer", "NormalizedConv", "normalized_convolution", "sharing_activations"]

_activated: ContextVar[dict[int, tuple[Any, Any]] | None] = ContextVar("activated", default=None)


def sharing_activations() -> AbstractContextManager[None]:
    """Let the layers that are called within the block share the ReLU of a map that several of them read.

    Its gradient is then computed once, for the sum of theirs. The block keeps all maps, so it is for a single call of a
    network that is traced.
    """
    return within(_activated, {})


def _relu(x: Any) -> Any:
    known = _activated.get()
    if known is None:
        return ops.relu(x)
    if id(x) not in known:
        known[id(x)] = x, ops.relu(x)  # with the map itself, whose id is its own as long as it lives
    return known[id(x)][1]


class CountedLayer(keras.layers.Layer):
    """A layer that knows how many multiply-adds it makes."""

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Multiply-adds of convolutions and dense layers for one example of `input_shape` (with a batch axis)."""
        raise NotImplementedError


class NormalizedConv(CountedLayer):
    """The base of layers of a ReLU, convolutions and batch normalisation.

    A subclass makes its weights in `build`. Its `_kernels`, `_settings` and `convolve` define the convolution.

    Args:
        filters: output channels.
        relu: False leaves the ReLU out.
        momentum, epsilon: momentum and epsilon of the batch normalisation.
    """

    def __init__(self, filters, *, relu=True, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.relu = relu
        self.momentum = momentum
        self.epsilon = epsilon

    def _add_kernel(self, name: str, shape: tuple[int, ...]) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=he_normal)

    def _add_normalization(self) -> None:
        def weight(name, initializer, trainable):
            # Under a distribution strategy all replicas get the mean of their moving averages after each step;
            # otherwise each replica would have its own, and the first replica's would be saved. The variance is the
            # mean of the replicas' variances, as it is the mean over steps: training does not normalise by the variance
            # between the means of batches (Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 2).
            return self.add_weight(
                name=name,
                shape=(self.filters,),
                initializer=initializer,
                trainable=trainable,
                autocast=False,
                aggregation="none" if trainable else "mean",
            )

        # NumPy's functions serve as initializers, and take less time than operations of the backend.
        self.gamma = weight("gamma", np.ones, True)
        self.beta = weight("beta", np.zeros, True)
        self.moving_mean = weight("moving_mean", np.zeros, False)
        self.moving_variance = weight("moving_variance", np.ones, False)

    def call(self, x, training=None):
        training = bool(training) and self.trainable
        normalize_batch = (training and not is_frozen()) or is_by_batch()
        moving = () if normalize_batch else self.statistics
        y, *batch = traced(
            normalized_convolution,
            _relu(x) if self.relu else x,
            self.gamma,
            self.beta,
            *moving,
            *self._kernels(),
            convolve=self.convolve,
            settings=self._settings(),
            epsilon=self.epsilon,
            training=training,
            normalize_batch=normalize_batch,
        )
        if normalize_batch and training:
            for average, value in zip(self.statistics, batch, strict=True):
                average.assign(value if is_collecting() else average + (value - average) * (1.0 - self.momentum))
        return y

    @property
    def statistics(self) -> tuple[Any, Any]:
        """The moving mean and the moving variance."""
        return self.moving_mean, self.moving_variance

    def _kernels(self) -> list[Any]:
        """The kernels, in the order in which `convolve` takes them."""
        raise NotImplementedError

    def _settings(self) -> tuple[Any, ...]:
        """The further, hashable arguments of `convolve`."""
        return ()

    @staticmethod
    def convolve(x: Any, kernels: list[Any], training: bool, *settings: Any) -> Any:
        """The convolution itself. Static, so that layers of equal settings share one trace.

        Args:
            x: `(batch, height, width, channels)`.
            kernels: values of the kernels.
            training: whether gradients will be wanted.
            settings: as `_settings` gives them.

        Returns:
            `(batch, height, width, filters)`, or a `Product` that is yet to be computed.
        """
        raise NotImplementedError

    @classmethod
    def convolved(cls, x: Any, kernels: list[Any], training: bool, *settings: Any) -> Any:
        """The convolution as `convolve`, computed."""
        y = cls.convolve(x, kernels, training, *settings)
        return y.computed(training) if isinstance(y, Product) else y

    def multiply_adds(self, input_shape):
        height, width = self.compute_output_shape(input_shape)[1:3]
        # Every kernel is applied once at every position of the output.
        return height * width * sum(math.prod(w.shape) for w in self.weights if len(w.shape) == 4)

    def load_own_variables(self, store):
        # Keras matches layers by their order in the model, and a network and its variant with an auxiliary head may
        # differ in it. If the file knows the layer's name, the weights of another layer must not slip in.
        name = getattr(getattr(store, "_h5_entry_group", None), "attrs", {}).get("name", self.name)
        if name != self.name:
            raise ValueError(
                f"layer {self.name!r} was about to load the weights of layer {name!r}: the file is of another network "
                f"or variant. Build the model with weights=PATH, which loads by name"
            )
        super().load_own_variables(store)

    def get_config(self):
        config = {"filters": self.filters, "relu": self.relu, "momentum": self.momentum, "epsilon": self.epsilon}
        return {**super().get_config(), **config}


def normalized_convolution(
    x: Any,
    gamma: Any,
    beta: Any,
    *others: Any,
    convolve: Callable[..., Any],
    settings: tuple[Any, ...],
    epsilon: float,
    training: bool,
    normalize_batch: bool,
) -> tuple[Any, ...]:
    """A convolution and batch normalisation, as a pure function.

    Args:
        x: `(batch, height, width, channels)`.
        gamma, beta: `(filters,)`.
        others: the moving mean and variance, unless `normalize_batch`; then the kernels.
        convolve: `(x, kernels, training, *settings) -> y`, see `NormalizedConv.convolve`.
        settings: its further arguments.
        epsilon: epsilon of the batch normalisation.
        training: whether gradients will be wanted.
        normalize_batch: whether to normalise by the batch's own statistics.

    Returns:
        A tuple of the result and, with `normalize_batch`, the batch's mean and variance.
    """
    moving, kernels = (None, others) if normalize_batch else (others[:2], others[2:])
    y = convolve(x, kernels, training, *settings)
    if isinstance(y, Product):
        if normalize_batch and training and (found := y.normalized(gamma, beta, epsilon)) is not None:
            return found[0], *found[1]
        y = y.computed(training)
    y, statistics = batch_normalize(y, gamma, beta, moving, epsilon)
    return (y, *statistics) if normalize_batch else (y,)

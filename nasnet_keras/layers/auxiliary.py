"""The auxiliary head."""

import math

import keras
from keras import ops

from nasnet_keras.genotypes.skeleton import AUXILIARY_POOL, auxiliary_map
from nasnet_keras.layers.convolution import ConvBatchNorm
from nasnet_keras.layers.normalized import CountedLayer

__all__ = ["AuxiliaryHead"]


@keras.saving.register_keras_serializable("nasnet_keras")
class AuxiliaryHead(CountedLayer):
    """The classifier on an earlier cell that helps deep networks train.

    ReLU, 5×5 average pooling, 1×1 convolution, a convolution over the whole map, dense. It is one layer, so that
    weights load into a model with or without it.

    Args:
        units: number of classes.
        filters: filters of the two convolutions.
        stride: stride of the pooling.
        use_bias: whether the classifier has a bias.
        last_normalization: whether the second convolution is normalised.
        padding: padding of the second convolution; `"same"` leaves a map, which is averaged.
        activation: activation of the classifier.
        momentum, epsilon: momentum and epsilon of the batch normalisations.

    Shapes: `(batch, height, width, channels)` to `(batch, units)`.

    Raises:
        ValueError: the map is smaller than 5×5, or its size is unknown (the last convolution covers all of it).

    Source: TF-Slim's `_build_aux_head`; the released code of DARTS and ENAS for the variants.

    Example:
        >>> AuxiliaryHead(10)(np.ones((1, 8, 8, 16), "float32")).shape
        TensorShape([1, 10])
    """

    def __init__(
        self,
        units,
        *,
        filters=(128, 768),
        stride=3,
        use_bias=True,
        last_normalization=True,
        padding="valid",
        activation=None,
        momentum=0.9,
        epsilon=1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = units
        self.filters = tuple(filters)
        self.stride = stride
        self.use_bias = use_bias
        self.last_normalization = last_normalization
        self.padding = padding
        self.activation = keras.activations.get(activation)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape):
        narrow, wide = self.filters
        common = {"momentum": self.momentum, "epsilon": self.epsilon, "dtype": self.dtype_policy}
        shape = self._pooled(input_shape)
        self.project = ConvBatchNorm(narrow, name="project", relu=False, **common)
        self.project.build(shape)
        shape = self.project.compute_output_shape(shape)
        if self.last_normalization:
            self.whole_map = ConvBatchNorm(wide, shape[1:3], padding=self.padding, name="whole_map", **common)
        else:
            self.whole_map = keras.layers.Conv2D(
                wide,
                shape[1:3],
                padding=self.padding,
                use_bias=False,
                data_format="channels_last",
                name="whole_map",
                dtype=self.dtype_policy,
            )
        self.whole_map.build(shape)
        self.classify = keras.layers.Dense(self.units, use_bias=self.use_bias, name="classify", dtype="float32")
        self.classify.build((None, wide))

    def call(self, x, training=None):
        x = ops.average_pool(ops.relu(x), AUXILIARY_POOL, self.stride, "valid", "channels_last")
        x = self.project(x, training=training)
        if self.last_normalization:
            x = self.whole_map(x, training=training)
        else:
            x = self.whole_map(ops.relu(x))
        x = ops.mean(ops.relu(x), axis=(1, 2))  # one position, unless the padding is "same"
        return self.activation(self.classify(x))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)

    def compute_output_spec(self, x, training=None):
        return keras.KerasTensor(self.compute_output_shape(x.shape), dtype="float32")

    def multiply_adds(self, input_shape):
        shape = self._pooled(input_shape)
        total = self.project.multiply_adds(shape)
        positions = math.prod(shape[1:3]) if self.padding == "same" else 1
        return total + positions * math.prod(self.whole_map.kernel.shape) + math.prod(self.classify.kernel.shape)

    def get_config(self):
        names = ("units", "filters", "stride", "use_bias", "last_normalization", "padding", "momentum", "epsilon")
        config = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **config, "activation": keras.activations.serialize(self.activation)}

    def _pooled(self, shape):
        return (shape[0], *auxiliary_map(shape[1:3], self.stride), shape[-1])

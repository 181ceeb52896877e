"""The factorized reduction."""

import keras
from keras import ops

from nasnet_keras.layers.normalized import NormalizedConv
from nasnet_keras.layers.pointwise import pointwise_conv
from nasnet_keras.layers.windows import from_odd_pixels, window_shape

__all__ = ["FactorizedReduction"]


@keras.saving.register_keras_serializable("nasnet_keras")
class FactorizedReduction(NormalizedConv):
    """ReLU, then half the size without losing every other pixel; batch normalisation.

    One 1×1 convolution reads the pixels at even positions, another those at odd ones, with zeros beyond the border;
    their results are concatenated. With an odd number of filters the second one makes one more.

    Args:
        filters: output channels.
        relu, momentum, epsilon: as for `ConvBatchNorm`.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / 2), ceil(width / 2), filters)`.

    Source: TF-Slim's `factorized_reduction`.

    Example:
        >>> FactorizedReduction(8)(np.ones((1, 15, 15, 3), "float32")).shape
        TensorShape([1, 8, 8, 8])
    """

    def build(self, input_shape):
        half = self.filters // 2
        self.even_kernel = self._add_kernel("even_kernel", (1, 1, input_shape[-1], half)) if half else None
        self.odd_kernel = self._add_kernel("odd_kernel", (1, 1, input_shape[-1], self.filters - half))
        self._add_normalization()

    def _kernels(self):
        return [self.odd_kernel] if self.even_kernel is None else [self.odd_kernel, self.even_kernel]

    @staticmethod
    def convolve(x, kernels, training):
        odd, *even = kernels
        if not training:
            # The kernels as they are. A kernel that the graph computes is not a constant to tools that read the graph
            # and cannot be quantised: LiteRT's quantiser takes it for an activation and gives it a zero point, which
            # LiteRT's CONV_2D refuses of a kernel.
            parts = [pointwise_conv(x, kernel, (2, 2)) for kernel in even]
            parts.append(pointwise_conv(from_odd_pixels(x), odd, (2, 2)))
            return ops.concatenate(parts, axis=-1) if even else parts[0]
        # One 2×2 convolution whose kernel is zero at the pixels that are not read: it is several times faster, with
        # its gradient, than slices with a step. If a size is odd, "same" adds the zeros beyond the border.
        kernel = ops.pad(odd, ((1, 0), (1, 0), (0, 0), (0, 0)))
        if even:
            kernel = ops.concatenate([ops.pad(even[0], ((0, 1), (0, 1), (0, 0), (0, 0))), kernel], axis=-1)
        return ops.conv(x, kernel, 2, "same", "channels_last")

    def compute_output_shape(self, input_shape):
        return window_shape(input_shape, self.filters, (1, 1), (2, 2), "same")

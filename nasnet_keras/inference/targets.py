"""Targets that run fused networks, with the settings that are fastest there by `benchmarks/inference.py`."""

from dataclasses import dataclass

__all__ = ["ONNX_RUNTIME", "TENSORFLOW", "XNNPACK", "Target"]


@dataclass(frozen=True)
class Target:
    """The form of a network that is fastest on a runtime.

    Attributes:
        multiple: the widths of all convolutions are rounded up to a multiple of this, with channels of zeros.
        most_taps: the weights a channel that a depthwise kernel may have at once; a larger kernel is applied in bands.
            None means any number.
        plain_relus: whether the ReLU of a sum is written so that no optimiser merges the two, if the sum has another
            reader.
        most_inputs: the largest number of inputs of a concatenation; a longer one becomes several. None means any.
        native_dilation: whether the runtime has depthwise convolutions with a dilation, and with a stride, too.

    Lab note, NASNet-A mobile on two cores of an Intel Xeon (AVX-512), on TensorFlow. Three ideas were 10 to 40% slower
    at a batch of 8, and at most 5% faster at a batch of 1: to merge the depthwise convolutions of a cell, to merge 1×1
    convolutions that read the same tensor, and to merge those of neighbours into one with groups. The copies before and
    after wider operations cost as much as these save, and separate branches run on two cores at once.
    """

    multiple: int = 1
    most_taps: int | None = None
    plain_relus: bool = False
    most_inputs: int | None = None
    native_dilation: bool = False


TENSORFLOW = Target(plain_relus=True)
"""TensorFlow. Its graph optimiser merges convolution, sum and ReLU even if another node reads the sum; it notices that,
says so on the console, and then leaves the whole graph as it was (version 2.21)."""

XNNPACK = Target(most_taps=25, most_inputs=5, native_dilation=True)
"""XNNPACK, which runs LiteRT files. Its kernels take 30 times as long for the 49 weights of a 7×7 kernel as for 25. It
leaves concatenations of more than five to LiteRT, and each of them cuts the network in two parts. So do the operations
that TensorFlow puts around a dilated depthwise convolution."""

ONNX_RUNTIME = Target(multiple=16)
"""ONNX Runtime. It has a faster layout of channels in blocks, for widths that are multiples of the block."""

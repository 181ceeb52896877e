"""Targets that run fused networks, with the settings that are fastest there by `benchmarks/inference.py`."""

from dataclasses import dataclass, replace

__all__ = ["ONNX_RUNTIME", "ONNX_RUNTIME_INT8", "OPENVINO", "TENSORFLOW", "XNNPACK", "Target"]


@dataclass(frozen=True)
class Target:
    """The form of a network that is fastest on a runtime.

    Attributes:
        multiple: the widths of all convolutions are rounded up to a multiple of this, with channels of zeros.
        most_taps: the weights a channel that a depthwise kernel may have at once; a larger kernel is applied in bands.
            None means any number.
        copied_borders: whether pools with zeros around the map read a copy with these zeros. Otherwise averages become
            depthwise convolutions, and maxima take the zeros in afterwards.
        plain_relus: whether the ReLU of a sum is written so that no optimiser merges the two, if the sum has another
            reader.
        fast_filters: how many filters its fast code for convolutions computes at once. Those of 1×1 that read the
            same become one, if together they fill this and apart they need slower code. 1 means that none do.
        most_inputs: the largest number of inputs of a concatenation; a longer one becomes several. None means any.
        native_dilation: whether the runtime has depthwise convolutions with a dilation, and with a stride, too.
        average_pools: whether the runtime has fast average pools. If not, they become depthwise convolutions.
        relus_first: whether a concatenation that only ReLUs read becomes one of ReLUs.

    Lab note, NASNet-A mobile on two cores of an Intel Xeon (AVX-512), on TensorFlow. Three ideas were 10 to 40% slower
    at a batch of 8, and at most 5% faster at a batch of 1: to merge the depthwise convolutions of a cell, to merge 1×1
    convolutions that read the same tensor, and to merge those of neighbours into one with groups. The copies before and
    after wider operations cost as much as these save, and separate branches run on two cores at once.
    """

    multiple: int = 1
    most_taps: int | None = None
    copied_borders: bool = True
    fast_filters: int = 1
    plain_relus: bool = False
    most_inputs: int | None = None
    native_dilation: bool = False
    average_pools: bool = True
    relus_first: bool = False

    def smallest(self) -> "Target":
        """The same runtime, in the form that takes least space: without what is written twice, or filled with zeros.

        Example:
            >>> XNNPACK.smallest().most_taps, ONNX_RUNTIME.smallest().multiple
            (None, 1)
        """
        return replace(self, multiple=1, most_taps=None, copied_borders=True, fast_filters=1, most_inputs=None)


TENSORFLOW = Target(plain_relus=True)
"""TensorFlow. Its graph optimiser merges convolution, sum and ReLU even if another node reads the sum; it notices that,
says so on the console, and then leaves the whole graph as it was (version 2.21).

Lab note, NASNet-A mobile by compiled calls on two cores of an AMD EPYC (Zen 5, AVX-512), not quite idle, 2026-11-29,
least of 120 calls in turn at a batch of 1 and of 22 at a batch of 8, one thread an operation: factorized reductions as
two convolutions of 1×1 6.17 ms and 58.2, as one of 2×2 6.46 and 63.9, and once more 6.65 and 63.0 (for
`keras.applications` 12.6 and 88.4). Widths that are multiples of 16 and pools without copied borders change no more
beyond that than two runs of the same differ. Each operation takes 12 µs at least."""

XNNPACK = Target(
    most_taps=25,
    copied_borders=False,
    fast_filters=32,
    most_inputs=5,
    native_dilation=True,
)
"""XNNPACK, which runs LiteRT files. Its kernels take 30 times as long for the 49 weights of a 7×7 kernel as for 25. It
leaves concatenations of more than five to LiteRT, and each of them cuts the network in two parts. So do the operations
that TensorFlow puts around a dilated depthwise convolution.

Lab note, NASNet-A mobile by LiteRT 2.3 on one core of an AMD EPYC (Zen 5, AVX-512), 2026-11-29: each different
operation as a file of its own, least of five times. Operations took 9.9 ms in all, in three of these forms 8.8:

- a depthwise 7×7 at 111×111×32 with a stride: 417 µs as bands of 3, 3 and 1 rows of a map with a border, 239 as 5×5
  and what is around it as grids; at 28×28×22 81 and 59, at 7×7×176 17 and 13;
- a factorized reduction of 28×28×264 to 88 channels: 161 µs as one convolution of 2×2, 65 as two of 1×1;
- a copy of 111×111×11 with zeros around it, for two pools: 105 µs; a maximum with a constant instead, 12;
- two convolutions of 28×28×264 to 44 filters: 203 µs apart, 173 as one that is cut; of 7×7×1056 to 176, 183 and 150;
  but of 14×14×528 to 88, 158 and 182. The fast code computes 32 filters at once. XNNPACK takes slower code for 16 where
  that leaves fewer empty.

The whole network takes 9.6 ms of processor time and took 10.9; Keras' export takes 17.2 (one thread, medians of 150
calls in turn, beside other programs). Widths rounded up to multiples of 8 gain 1% here, and phones, whose vectors are
short, would compute channels in vain: depthwise convolutions take a quarter less time at 48 channels than at 44, and
convolutions a tenth more. Average pools are as fast as depthwise convolutions."""

ONNX_RUNTIME = Target(multiple=16)
"""ONNX Runtime. It has a faster layout of channels in blocks, for widths that are multiples of the block."""

ONNX_RUNTIME_INT8 = Target(multiple=16, average_pools=False, relus_first=True)
"""ONNX Runtime for quantized networks. Its fast convolutions in int8 want multiples of 4, and of 16 where they are
depthwise. An average pool in int8 takes it 20 times as long as a depthwise convolution in int8. A concatenation of maps
with the same scale is a copy; if a ReLU follows, its scale is another one, and each byte is looked up in a table, which
takes three times as long. The ReLU of a sum costs nothing."""

OPENVINO = Target(multiple=8)
"""OpenVINO, which leaves little to do: it chooses layouts and merges operations by itself.

Lab note, OpenVINO 2026.4 on one thread of an AMD EPYC (AVX-512), 2026-11-29, one image, all files in turn in one
process, medians of 184 to 851 calls against a multiple of 1. A multiple of 8 took 0.98 of the time in int8 on MnasNet
and on `searched_cifar10`, 0.96 on DARTS of 36 filters, 1.00 on NASNet-A mobile; in float32 1.00, 1.00, 1.02 and 0.99.
16 took 1.06 to 1.09 on MnasNet and DARTS in float32. 7×7 kernels in bands took 1.05, and the LiteRT file of
that day, which OpenVINO reads too, 1.28 (`nasnet_a_cifar10`)."""

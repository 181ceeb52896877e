"""What makes a fused network fast on the target that runs it, by measurement (`benchmarks/inference.py`)."""

from dataclasses import dataclass

__all__ = ["ONNX_RUNTIME", "TENSORFLOW", "XNNPACK", "Target"]


@dataclass(frozen=True)
class Target:
    """The form that an target wants.

    Attributes:
        multiple: what the widths of all convolutions are rounded up to, with channels of zeros.
        most_taps: depthwise kernels of more weights a channel are applied in bands of at most so many; None for all at
            once.
        plain_relus: whether the ReLU of a sum that something else reads too is written so that no optimiser takes the
            two for one operation.

    Lab note, NASNet-A mobile on two cores of an Intel Xeon (AVX-512). On TensorFlow, to merge the depthwise
    convolutions of a cell into one, 1×1 convolutions that read the same tensor into one, or those of neighbours into
    one with groups, was slower by 10 to 40% at a batch of 8, and at best 5% faster at one of 1: what wider operations
    save, the copies before and after them cost, and branches that are apart run on two cores at once.
    """

    multiple: int = 1
    most_taps: int | None = None
    plain_relus: bool = False


TENSORFLOW = Target(plain_relus=True)
"""Its graph optimiser makes one operation of convolution, sum and ReLU even where another reader needs the sum, finds
that out, says so on the console, and then leaves the whole graph as it was (TensorFlow 2.21)."""

XNNPACK = Target(most_taps=25)
"""The target of LiteRT. Its kernels take 30 times as long for the 49 weights of a 7×7 kernel as for 25."""

ONNX_RUNTIME = Target(multiple=16)
"""It has a faster layout of channels in blocks, for widths that are multiples of the block."""

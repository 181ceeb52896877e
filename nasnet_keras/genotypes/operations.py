"""The operation vocabulary: one entry an operation.

An operation is written once, over the primitives of an `OperationBuilder`, by its rules. The builders of a network, of
its cost and of a supernet run it, so that the cost of an operation cannot drift from the layers that are built.

Every operation takes a state of any width to `filters` channels, at stride 1 or 2.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nasnet_keras.genotypes.operation_builder import OperationBuilder, Tensor

__all__ = ["MACRO_APPLY", "MACRO_OPERATIONS", "NASBENCH201_APPLY", "NASBENCH201_OPERATIONS", "NASNET_OPERATIONS"]
__all__ += ["OPERATIONS", "Operation"]

_Apply = Callable[[OperationBuilder, Tensor, int, int, str], Tensor]  # builder, x, filters, stride, prefix of names
_Once = Callable[[OperationBuilder, Tensor, int, str], Tensor]  # builder, x, filters, prefix of names


@dataclass(frozen=True)
class Operation:
    """One operation of the vocabulary.

    Attributes:
        name: as genotypes write it.
        apply: `(builder, x, filters, stride, name) -> y`; the names of all layers start with `name`.
        drop_path: when scheduled drop-path may drop the result: `"always"`, `"never"`, or `"strided"` for strides
            beyond 1 only.
    """

    name: str
    apply: _Apply
    drop_path: str = "always"

    def dropped(self, stride: int) -> bool:
        """Whether drop-path may drop the result at that stride."""
        return self.drop_path == "always" or (self.drop_path == "strided" and stride > 1)


def _identity(builder, x, filters, stride, name):
    if stride == 1 and x.shape[-1] == filters:
        return x
    return builder.conv(x, filters, name=f"{name}_project", stride=stride)


def _factorized_identity(relu: bool):
    def apply(builder, x, filters, stride, name):
        if stride == 1:
            return _identity(builder, x, filters, stride, name)
        return builder.factorized_reduction(x, filters, name=f"{name}_reduce", relu=relu)

    return apply


def _pool(kind: str, size: int):
    def apply(builder, x, filters, stride, name):
        x = builder.pool(x, kind, size, stride, name=f"{name}_pool")
        if x.shape[-1] != filters:
            x = builder.conv(x, filters, name=f"{name}_project", relu=False)
        return x

    return apply


def _separable(size: int):
    def apply(builder, x, filters, stride, name):
        x = builder.separable_conv(x, filters, size, name=f"{name}_separable_1", stride=stride)
        return builder.separable_conv(x, filters, size, name=f"{name}_separable_2")

    return apply


def _conv(size: int, dilation: int = 1):
    def apply(builder, x, filters, stride, name):
        return builder.conv(x, filters, (size, size), name=f"{name}_conv", stride=stride, dilation=dilation)

    return apply


def _dilated_separable(size: int):
    def apply(builder, x, filters, stride, name):
        return builder.separable_conv(x, filters, size, name=f"{name}_separable", stride=stride, dilation=2)

    return apply


def _bottleneck(core):
    """1×1 to a quarter of the filters, the core on those, 1×1 back; with fewer than four filters the core alone."""

    def apply(builder, x, filters, stride, name):
        narrow = filters // 4
        if not narrow:
            return core(builder, x, filters, stride, name)
        x = builder.conv(x, narrow, name=f"{name}_narrow")
        x = core(builder, x, narrow, stride, name)
        return builder.conv(x, filters, name=f"{name}_widen")

    return apply


def _factorized_conv(size: int):
    def apply(builder, x, filters, stride, name):
        x = builder.conv(x, filters, (1, size), name=f"{name}_conv_1x{size}", stride=(1, stride))
        return builder.conv(x, filters, (size, 1), name=f"{name}_conv_{size}x1", stride=(stride, 1))

    return apply


# The 13 operations of the NASNet search space, in the paper's order.
_NASNET = (
    Operation("identity", _identity, drop_path="never"),
    Operation("conv_1x3_3x1", _factorized_conv(3)),
    Operation("conv_1x7_7x1", _factorized_conv(7)),
    Operation("dil_conv_3x3", _conv(3, dilation=2)),
    Operation("avg_pool_3x3", _pool("avg", 3)),
    Operation("max_pool_3x3", _pool("max", 3)),
    Operation("max_pool_5x5", _pool("max", 5)),
    Operation("max_pool_7x7", _pool("max", 7)),
    Operation("conv_1x1", _conv(1)),
    Operation("conv_3x3", _conv(3)),
    Operation("sep_conv_3x3", _separable(3)),
    Operation("sep_conv_5x5", _separable(5)),
    Operation("sep_conv_7x7", _separable(7)),
)

NASNET_OPERATIONS: tuple[str, ...] = tuple(operation.name for operation in _NASNET)

# Operations of other papers. One that differs from a NASNet operation of the same name has another name here.
_OTHERS = (
    # AmoebaNet, released code: 3×3 and 1×7-7×1 convolutions inside a bottleneck, and a small pool.
    Operation("bottleneck_conv_3x3", _bottleneck(_conv(3))),
    Operation("bottleneck_conv_1x7_7x1", _bottleneck(_factorized_conv(7))),
    Operation("bottleneck_dil_conv_3x3", _bottleneck(_conv(3, dilation=2))),
    Operation("max_pool_2x2", _pool("max", 2)),
    # DARTS: a separable convolution with dilation 2, applied once; an identity that is factorized at stride 2.
    Operation("dil_sep_conv_3x3", _dilated_separable(3)),
    Operation("dil_sep_conv_5x5", _dilated_separable(5)),
    Operation("skip_connect", _factorized_identity(relu=True), drop_path="strided"),
    # ENAS: the same without its ReLU.
    Operation("factorized_identity", _factorized_identity(relu=False), drop_path="never"),
)

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {operation.name: operation for operation in (*_NASNET, *_OTHERS)}
)


def _once_conv(size: int) -> _Once:
    return lambda builder, x, filters, name: builder.conv(x, filters, (size, size), name=f"{name}_conv")


def _once_separable(size: int) -> _Once:
    return lambda builder, x, filters, name: builder.separable_conv(x, filters, size, name=f"{name}_separable")


def _once_pool(kind: str) -> _Once:
    return lambda builder, x, filters, name: builder.pool(x, kind, 3, 1, name=f"{name}_pool")


def _relu_pool(kind: str) -> _Once:
    # The ReLU comes first, as before a convolution, since ENAS' search pools maps after the ReLU of a 1×1 convolution.
    pool = _once_pool(kind)
    return lambda builder, x, filters, name: pool(builder, builder.relu(x, name=f"{name}_relu"), filters, name)


MACRO_APPLY: Mapping[str, _Once] = MappingProxyType(
    {
        "conv_3x3": _once_conv(3),
        "sep_conv_3x3": _once_separable(3),
        "conv_5x5": _once_conv(5),
        "sep_conv_5x5": _once_separable(5),
        "avg_pool_3x3": _relu_pool("avg"),
        "max_pool_3x3": _relu_pool("max"),
    }
)
"""The operations of ENAS' macro space, by ENAS' numbers, as `(builder, x, filters, name) -> y` at stride 1.

Each is applied once, a separable convolution too."""

MACRO_OPERATIONS: tuple[str, ...] = tuple(MACRO_APPLY)
"""Their names, by ENAS' numbers."""

NASBENCH201_APPLY: Mapping[str, _Once] = MappingProxyType(
    {
        # Zeros, as in the benchmark: its networks also hold, and count, the operations that lead to no output.
        "none": lambda builder, x, filters, name: builder.zeros(x, name=f"{name}_zeros"),
        "skip_connect": lambda builder, x, filters, name: x,
        "nor_conv_1x1": _once_conv(1),
        "nor_conv_3x3": _once_conv(3),
        "avg_pool_3x3": _once_pool("avg"),
    }
)
"""The operations of NAS-Bench-201, in the benchmark's order, as `(builder, x, filters, name) -> y` at stride 1."""

NASBENCH201_OPERATIONS: tuple[str, ...] = tuple(NASBENCH201_APPLY)
"""Their names, in the benchmark's order."""

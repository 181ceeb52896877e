"""The interface that operations are written over: the primitives that a builder must offer, and the rules for them."""

from abc import ABC, abstractmethod
from typing import Any, Protocol

__all__ = ["OperationBuilder", "Tensor"]


class Tensor(Protocol):
    """The value that a builder's primitives read and return: a tensor of some library, or a shape and nothing else."""

    @property
    def shape(self) -> Any:
        """`(batch, height, width, channels)` or `(batch, features)`, of ints, and None for unknown sizes.

        The number of channels or features is always known.
        """


class OperationBuilder(ABC):
    """The primitives of an operation. `Builder` adds those of a whole network.

    An operation is a function of a builder. What it means depends on the builder: `LayerBuilder` makes Keras layers,
    `CostBuilder` counts parameters and multiply-adds, and the builder of a supernet computes with weights that it is
    handed. All of them keep these rules:

    - **Tensors** have a `shape`, see `Tensor`. Sizes may be unknown, and give the same network.
    - **Names.** Every call names the layer that it makes, by letters, digits and underscores. The layers of a network
      have different names. A caller makes a name from its own prefix and the architecture alone, so that two builds of
      a network have equal names. A builder that makes no layers ignores names.
    - **ReLU.** Activations stand before convolutions: the reader of a map applies the ReLU. `conv`, `separable_conv`
      and `factorized_reduction` begin with one; `relu=False` leaves it out, for an image, or for a map that has had
      its ReLU. `pool` applies none.
    - **Order.** ReLU, convolution without bias, batch normalisation.
    - **Widths.** `filters` is the number of output channels; the input may have any number.
    - **Strides.** Of `conv`, `stride` is an int, for both directions, or a pair `(height, width)`; of the others, an
      int. Padding is "same" unless said otherwise, so a side of `n` pixels becomes `ceil(n / stride)`.
    - **Dilation** is one rate for both directions. Beside a rate above 1 the stride is 1, or 2 if the rate is even.

    Source: NASNet's convolutions (Zoph et al. 2018, section 3.1 and appendix), in the form of TF-Slim.
    """

    @abstractmethod
    def conv(
        self,
        x: Tensor,
        filters: int,
        kernel: tuple[int, int] = (1, 1),
        *,
        name: str,
        stride: int | tuple[int, int] = 1,
        dilation: int = 1,
        relu: bool = True,
        padding: str = "same",
    ) -> Tensor:
        """ReLU, convolution with a `kernel` of `(height, width)`, batch normalisation.

        `padding` is "same" or "valid"; with "valid", a side of `n` pixels becomes `floor((n - kernel) / stride) + 1`.
        """

    @abstractmethod
    def separable_conv(
        self, x: Tensor, filters: int, size: int, *, name: str, stride: int = 1, dilation: int = 1
    ) -> Tensor:
        """ReLU, depthwise convolution of `size` × `size`, pointwise convolution, batch normalisation.

        The stride and the dilation are the depthwise convolution's.
        """

    @abstractmethod
    def factorized_reduction(self, x: Tensor, filters: int, *, name: str, relu: bool = True) -> Tensor:
        """ReLU, half the size from pixels at even and at odd positions, batch normalisation.

        Half of the filters read each; with an odd number those at odd positions get one more.
        """

    @abstractmethod
    def pool(self, x: Tensor, kind: str, size: int, stride: int, *, name: str) -> Tensor:
        """Maximum (`kind="max"`) or average (`"avg"`) of windows of `size` × `size`.

        What lies beyond the border does not count.
        """

    @abstractmethod
    def relu(self, x: Tensor, *, name: str) -> Tensor:
        """ReLU by itself."""

    @abstractmethod
    def zeros(self, x: Tensor, *, name: str) -> Tensor:
        """Zeros of the shape of `x`."""

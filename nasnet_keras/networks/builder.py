"""The interface that networks are described over."""

from abc import abstractmethod
from collections.abc import Sequence

from nasnet_keras.genotypes.operation_builder import OperationBuilder, Tensor
from nasnet_keras.genotypes.skeleton import Auxiliary

__all__ = ["Builder"]


class Builder(OperationBuilder):
    """The primitives of a whole network: those of operations, and those that join maps and end a network.

    A network is described once, by the `build` method of its arguments (`nasnet_keras.networks.any.network_config`),
    over a builder. `LayerBuilder` makes it a Keras model, and `CostBuilder` its cost. The rules of `OperationBuilder`
    hold here too. A builder of your own is a subclass that keeps them.

    Example:
        >>> from nasnet_keras.networks.any import network_config
        >>> from nasnet_keras.networks.cost import CostBuilder
        >>> class ConvolutionCounter(CostBuilder):
        ...     convolutions = 0
        ...     def conv(self, *args, **kwargs):
        ...         self.convolutions += 1
        ...         return super().conv(*args, **kwargs)
        >>> builder = ConvolutionCounter()
        >>> network = network_config("nasnet_a", (32, 32, 3))
        >>> network.build(builder, builder.input(32, 32, 3)).shape
        (None, 10)
        >>> builder.convolutions
        42
    """

    @abstractmethod
    def plain_conv(self, x: Tensor, filters: int, *, name: str) -> Tensor:
        """1×1 convolution, without bias, and nothing before or after it."""

    @abstractmethod
    def depthwise_conv(self, x: Tensor, size: int, *, name: str, stride: int = 1, relu: bool = True) -> Tensor:
        """ReLU, depthwise convolution of `size` × `size`, batch normalisation."""

    @abstractmethod
    def squeeze_excite(self, x: Tensor, reduced: int, *, name: str) -> Tensor:
        """The map times a factor for each of its channels, which two 1×1 convolutions with bias find of its average.

        Between them are `reduced` channels and a ReLU, and behind them a sigmoid. `x` has had its ReLU.
        """

    @abstractmethod
    def normalize(self, x: Tensor, *, name: str) -> Tensor:
        """Batch normalisation by itself."""

    @abstractmethod
    def combine(
        self, xs: Sequence[Tensor], combine: str, drop_path_rates: Sequence[float] = (), *, name: str
    ) -> Tensor:
        """The sum (`combine="add"`) or the concatenation of channels (`"concat"`) of two or more maps of one size.

        `drop_path_rates` has, for each map, the probability in [0, 1) with which it is dropped, per example, at the
        end of training. Without rates nothing is dropped.
        """

    @abstractmethod
    def concat(self, xs: Sequence[Tensor], *, name: str) -> Tensor:
        """The concatenation of channels of maps of one size. A single map is passed on, and gets this name."""

    @abstractmethod
    def padded_concat(self, xs: Sequence[Tensor], *, name: str) -> Tensor:
        """The concatenation of channels of maps of any sizes, with zeros around the smaller ones.

        A map stands in the middle; an odd zero stands behind it. A single map is passed on, and gets this name.
        """

    @abstractmethod
    def global_pool(self, x: Tensor, kind: str, *, name: str) -> Tensor:
        """Maximum (`"max"`) or average (`"avg"`) over all positions: `(batch, channels)`."""

    @abstractmethod
    def dropout(self, x: Tensor, rate: float, *, name: str) -> Tensor:
        """Dropout of features, with a probability `rate` in [0, 1)."""

    @abstractmethod
    def dense(self, x: Tensor, units: int, *, name: str, activation: object, use_bias: bool) -> Tensor:
        """A classifier, `(batch, features)` to `(batch, units)`, in float32 under mixed precision too.

        `activation` is any activation of Keras: a name, a function, or None for logits.
        """

    @abstractmethod
    def auxiliary_head(self, x: Tensor, units: int, auxiliary: Auxiliary, *, name: str, activation: object) -> Tensor:
        """The second classifier, on an earlier map `x` of known size: `(batch, units)`.

        `auxiliary` is a skeleton's description of it: the filters of its convolutions, the stride of its pool, …

        Raises:
            ValueError: the map is smaller than 5×5, or its size is unknown.
        """

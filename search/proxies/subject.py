"""A network to be scored by proxies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.networks.any import network_config
from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.cost import Cost, genotype_cost

__all__ = ["FirstWeights", "Subject"]


class FirstWeights:
    """The first weights of a network, distributed as those of its layers. Each is drawn when it is first asked for.

    Args:
        seed: the seed. With the same description of a network the weights are the same.
    """

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        self._drawn: dict[tuple[str, str], np.ndarray] = {}

    def __call__(self, layer: str, part: str, shape: tuple[int, ...]) -> np.ndarray:
        """Return a weight, float32: zeros for a bias, else a kernel.

        Args:
            layer, part: the names of a layer and of its weight, as in the network of layers.
            shape: the shape of the weight.
        """
        if (layer, part) not in self._drawn:
            self._drawn[layer, part] = self._first(part, shape)
        return self._drawn[layer, part]

    def _first(self, part: str, shape: tuple[int, ...]) -> np.ndarray:
        if part.endswith("bias"):
            return np.zeros(shape, np.float32)
        if len(shape) == 2:  # a dense layer, which begins as Keras' does (Glorot and Bengio 2010)
            most = np.sqrt(6.0 / sum(shape))
            return self._generator.uniform(-most, most, shape).astype(np.float32)
        from nasnet_keras.layers.first_kernels import he_normal_values

        return he_normal_values(shape, self._generator)


@dataclass(frozen=True)
class Subject:
    """A network to be scored. Nothing is computed before a proxy asks for it.

    Attributes:
        genotype: a genotype of any kind, a catalogue name, a JSON text or a path.
        images: the batch, uint8 from 0 to 255, `(count, height, width, channels)`.
        seed: seed of the first weights.
        network: further arguments of the function that builds the network.

    Raises:
        ValueError: a property was asked for, and an argument of the network is not legal.
    """

    genotype: BaseGenotype | str
    images: np.ndarray
    seed: int
    network: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)` of an image."""
        return tuple(self.images.shape[1:])

    @cached_property
    def cost(self) -> Cost:
        """The cost of the network, for which nothing is built."""
        return genotype_cost(self.genotype, self.shape, **self.network)

    @cached_property
    def weights(self) -> FirstWeights:
        """Its first weights, the same for all proxies."""
        return FirstWeights(self.seed)

    @cached_property
    def scaled(self) -> Any:
        """The images as a network reads them, a float32 tensor."""
        from nasnet_keras.training.inputs import scaled

        return scaled(self.images)

    def logits(
        self,
        images: Any,
        weight: Callable[[str, str, tuple[int, ...]], Any] | None = None,
        relu: Callable[[Any], Any] | None = None,
        normalize: bool = True,
    ) -> Any:
        """Compute the network on images, eagerly: no layer and no graph is made, so that nothing of it stays.

        Args:
            images: a tensor `(count, height, width, channels)`, float32 or float64.
            weight: `(layer, part, shape) -> tensor`, of the images' type; by default `weights`.
            relu: computes a ReLU; by default TensorFlow's.
            normalize: whether batch normalisation is by the batch; otherwise there is none.

        Returns:
            The logits `(count, classes)`.
        """
        from nasnet_keras.search.proxies.builder import ComputingBuilder

        config = self._config
        builder = ComputingBuilder(weight or self.weights, relu, config.batch_norm_epsilon if normalize else None)
        return config.build(builder, images)

    @cached_property
    def _config(self) -> NetworkConfig:
        """The network's description. It ends in logits, of which proxies take gradients."""
        network = {**self.network, "classifier_activation": None}
        config = network_config(self.genotype, self.shape, **network)
        if (padding := config.layer_settings(None)["padding"]) != "same":
            raise ValueError(f"proxies are of networks with padding='same', got {padding!r}")
        return config

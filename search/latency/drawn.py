"""Networks that are drawn at random from a space, all of one size, and their exported files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.networks.any import network_config, network_from_genotype, size_arguments
from nasnet_keras.search.costs.meter import Network
from nasnet_keras.search.spaces.base import Space

__all__ = ["DrawnNetworks"]

_DRAWS = 20  # for each network that is asked for


@dataclass(frozen=True)
class DrawnNetworks:
    """The networks that a seed draws from a space.

    Attributes:
        space: the space.
        input_shape: `(height, width, channels)` of their images.
        sizes: sizes of networks, such as `num_repeats` and `filters`; those that its networks lack are left out.
        classes: number of classes.
        seed: of all draws.
        network: the arguments that all networks are built with.

    Raises:
        ValueError: the space's genotypes have no networks, or none of these sizes.

    Example:
        >>> from nasnet_keras.search.spaces.nasnet import CellSpace
        >>> networks = DrawnNetworks(CellSpace(num_blocks=1), (16, 16, 3), {"num_repeats": 1, "filters": 4})
        >>> networks.network
        {'num_repeats': 1, 'filters': 4, 'classes': 10}
        >>> networks.genotype(3) == networks.genotype(3)
        True
    """

    space: Space
    input_shape: tuple[int, int, int]
    sizes: Mapping[str, int] = field(default_factory=dict)
    classes: int = 10
    seed: int = 0
    network: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        first = self.genotype(0)
        if not isinstance(first, BaseGenotype):
            raise ValueError("networks are drawn from a space of genotypes, and this space has names of cells only")
        sizes = {name: value for name, value in self.sizes.items() if name in size_arguments(first)}
        object.__setattr__(self, "network", {**sizes, **self.space.network, "classes": self.classes})
        network_config(first, self.input_shape, **self.network)

    def genotype(self, number: int) -> Any:
        """Draw the genotype of a number."""
        return self.space.decode(self.space.sample(np.random.default_rng([self.seed, number])))

    def different(self, count: int) -> list[int]:
        """List the first numbers whose genotypes differ: equal ones would tell a predictor what it is tested with.

        Raises:
            LatencyError: the space has fewer genotypes.
        """
        found: dict[str, int] = {}
        for number in range(_DRAWS * count):
            found.setdefault(self.genotype(number).fingerprint, number)
            if len(found) == count:
                return list(found.values())
        raise LatencyError(f"of {_DRAWS * count} draws of the space {len(found)} are different: expected {count}")

    def described(self, number: int) -> Network:
        """Describe the network of a number, to be measured."""
        genotype = self.genotype(number)
        shape = {"input_shape": list(self.input_shape)}
        return Network(genotype.fingerprint, {**shape, **self.network}, lambda: self._build(genotype))

    def export(self, number: int, paths: Mapping[str, Path]) -> None:
        """Build a network with random weights, and write its files.

        Args:
            number: of the network.
            paths: the path of each file, by its format for `nasnet_keras.export`.

        Raises:
            ExportError: a format needs a package that is missing, or a file computes something else.
        """
        import keras

        from nasnet_keras.inference.exporting import export

        keras.backend.clear_session()  # a process that makes many models keeps their graphs otherwise
        keras.utils.set_random_seed(self.seed)
        model = self._build(self.genotype(number))
        for name, path in paths.items():
            export(model, path, name)

    def _build(self, genotype: Any) -> Any:
        return network_from_genotype(genotype, self.input_shape, **self.network)

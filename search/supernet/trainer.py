"""The training of a supernet, one architecture in each step."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.supernet import supernet
from nasnet_keras.training.checkpoint import CheckpointError
from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.replicas import Replicas
from nasnet_keras.training.step_config import StepConfig
from nasnet_keras.training.trainer import Trainer

__all__ = ["SupernetTrainer"]

_JUDGED = 256  # images in a batch: normalisation is by the batch, so accuracies need large ones
_PLAIN = {
    "muon_rate": 0.0,
    "sam_radius": 0.0,
    "drop_path_rate": 0.0,
    "sizes": ((0.0, 1.0),),
    "precision": "float32",
}


class SupernetTrainer(Trainer):
    """Trains the shared weights. Each step trains the weights of one architecture.

    Args:
        space: the space of the architectures that share weights.
        network: `num_repeats`, `filters` and `classes` of the supernet.
        dataset: the data set, whose training split is used.
        recipe: how to train. Its settings for a fixed network do not apply: Muon, SAM, drop-path and smaller images.
        seed: seed of the weights, the order of images and all other random numbers.
        deterministic: whether the same seed gives the same bits, on the same devices.
        replicas: the devices that share each batch; by default all devices, see `devices.default_replicas`.

    Attributes:
        architectures: the architecture of each step of the present epoch, `(steps, decisions)`, int32. It is set before
            the epoch begins.

    Raises:
        ValueError: the supernet cannot be built.

    Source: Pham et al. 2018, section 2.2.
    """

    def __init__(
        self,
        space: Space,
        network: dict[str, Any],
        dataset: Dataset,
        recipe: Recipe,
        *,
        seed: int,
        deterministic: bool = True,
        replicas: Replicas | None = None,
    ) -> None:
        self._space = space
        super().__init__(
            space,
            network,
            dataset,
            dataclasses.replace(recipe, **_PLAIN),
            seed=seed,
            deterministic=deterministic,
            config=StepConfig(batch_statistics=True),
            replicas=replicas,
            synchronized_batch_norm=False,  # it cannot be, within the branches of a supernet
        )
        self.architectures = np.zeros((self.steps_per_epoch, len(space.decisions)), np.int32)

    def _model(self, genotype: Any, network: dict[str, Any]) -> keras.Model:
        network = {name: value for name, value in network.items() if name != "drop_path_rate"}
        return supernet(genotype, self.dataset.image_shape, seed=self._seed, **network)

    def _choices(self, position: int) -> np.ndarray:
        return self.architectures[position]

    def accuracy(self, choices: Sequence[int], split: Split) -> float:
        """Compute the accuracy, from 0 to 1, of an architecture with the shared weights on a split's images.

        The images are judged in equal batches, each normalised by itself. Up to one image for each batch is left out.
        """
        batches = math.ceil(len(split) / _JUDGED)
        size = len(split) // batches
        right = 0.0
        for start in range(0, batches * size, size):
            part = split.take(slice(start, start + size))
            logits = self.stepper.logits(self.state, part.images, choices=np.asarray(choices, np.int32))
            right += float(np.mean(np.argmax(logits, -1) == part.labels))
        return right / batches

    def arrays(self) -> dict[str, np.ndarray]:
        """The state and the architectures, as a checkpoint keeps them."""
        return {**self.stepper.to_arrays(self.state), "architectures": self.architectures}

    def restore(self, arrays: dict[str, np.ndarray], position: dict[str, Any]) -> None:
        architectures = arrays.pop("architectures")
        choices = [len(decision.choices) for decision in self._space.decisions]
        if (architectures < 0).any() or (architectures >= choices).any():
            raise CheckpointError("the checkpoint of the shared weights has architectures that are none; remove it")
        self.architectures = architectures
        super().restore(arrays, position)

"""What a training run does, as a value."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nasnet_keras import genotypes
from nasnet_keras.card import Card
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.cells import Genotype
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.networks.any import size_arguments
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.recipes import RECIPES, Recipe
from nasnet_keras.training.rehearsal import card_of
from nasnet_keras.utils import checks
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import digest

__all__ = ["TrainingConfig"]

_SIZES = {"num_repeats": 2, "filters": 16, "stem": "cifar"}  # where nobody said


@dataclass(frozen=True)
class TrainingConfig:
    """What is trained, on what and how. The same configuration gives the same weights.

    Attributes:
        workdir: the run's folder; made where it is missing, continued where it holds the same configuration.
        genotype: a genotype of any kind, a catalogue name, a JSON text or a path.
        dataset: what the data set was loaded by, for the records.
        recipe: how.
        num_repeats, filters, stem: of the network; None for 2, 16 and `"cifar"`. ENAS macro's has filters only, a chain
            none of these, a cell of NAS-Bench-201 no stem.
        name: of the card and the weights; by default made of the genotype's and the data set's names.
        initial_weights: a `.weights.h5` file of the same network to begin with; None for random weights.
        seed: of everything random.
        deterministic: whether the same seed gives the same bits, on one device. On GPUs it costs speed.
        checkpoint_minutes: how often the state is written; what a kill can cost.
        licence: of the weights, for the card.

    Raises:
        ValueError: a value is out of range.
    """

    workdir: str | Path
    genotype: BaseGenotype | str | Path = "nasnet_a"
    dataset: str = "digits"
    recipe: Recipe = RECIPES["digits"]
    num_repeats: int | None = None
    filters: int | None = None
    stem: str | None = None
    name: str | None = None
    initial_weights: str | Path | None = None
    seed: int = 0
    deterministic: bool = True
    checkpoint_minutes: float = 5.0
    licence: str = "not stated"
    resolved: BaseGenotype = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "resolved", resolve_genotype(self.genotype))
        object.__setattr__(self, "seed", checks.seed(self.seed))
        taken = size_arguments(self.resolved)
        for name, usual in _SIZES.items():
            given = getattr(self, name)
            if given is None and name in taken:
                object.__setattr__(self, name, usual)
            if given is not None and name not in taken:
                raise ValueError(
                    f"{name}={quoted(given)} is not for a {type(self.resolved).__name__}, whose networks take "
                    f"{', '.join(taken) or 'no such argument'}"
                )
        if not self.checkpoint_minutes > 0:
            raise ValueError(f"checkpoint_minutes must be positive, got {quoted(self.checkpoint_minutes)}")
        if self.initial_weights is not None:
            checks.weights_file(self.initial_weights)
        checks.text("licence", self.licence)
        if self.name is not None:
            checks.model_name(self.name)

    def check(self, dataset: Dataset) -> None:
        """Raise a ValueError where there is no such network for these images, or no card of it; nothing is built."""
        checks.model_name(self.model_name(dataset))
        genotype_cost(self.resolved, dataset.image_shape, **self.recipe.network, **self.network(dataset))
        self.card(dataset)

    def card(self, dataset: Dataset, **known: Any) -> Card:
        """The network's card; `known` are those arguments of `card_of` that training gives."""
        return card_of(
            dataset,
            name=self.model_name(dataset),
            genotype=self.resolved,
            network=self.network(dataset),
            licence=self.licence,
            **known,
        )

    def network(self, dataset: Dataset) -> dict[str, Any]:
        """Arguments of `network_from_genotype` that describe the network for inference."""
        return {
            **{name: getattr(self, name) for name in size_arguments(self.resolved)},
            "classes": len(dataset.class_names),
            "classifier_activation": None,
            "batch_norm_momentum": self.recipe.batch_norm_momentum,
        }

    def model_name(self, dataset: Dataset) -> str:
        """The name given, or one made of the genotype's and the data set's."""
        known = genotypes.name_of(self.resolved) or f"genotype_{self.resolved.fingerprint}"
        return self.name or f"{known}_{dataset.name}"

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """What may not change between sittings, as JSON values."""
        return {
            "name": self.model_name(dataset),
            "genotype": self.resolved.fingerprint,
            **self._skeleton(),
            "dataset": self.dataset,
            "images": {"train": len(dataset.train), "validation": len(dataset.validation)},
            "image_shape": list(dataset.image_shape),
            "fit": dataset.fit,
            "split": dataset.split,
            "digest": dataset.digest,
            "network": self.network(dataset),
            "recipe": self.recipe.to_json(),
            "initial_weights": self._initial_weights(),
            "seed": self.seed,
            "deterministic": self.deterministic,
        }

    def _skeleton(self) -> dict[str, str]:
        """The skeleton, where the genotype names another than its cells would be built on without."""
        if not isinstance(self.resolved, Genotype):
            return {}
        named = genotypes.skeleton_of(self.resolved)
        usual = genotypes.skeleton_of(replace(self.resolved, skeleton=None))
        return {} if named is usual else {"skeleton": named.name}

    def _initial_weights(self) -> dict[str, str] | None:
        """The initial weights' file, by its content."""
        if self.initial_weights is None:
            return None
        path = Path(self.initial_weights)
        return {"file": path.name, "sha256": digest(path, "sha256")}

"""The configuration of a training run, as a value."""

from dataclasses import MISSING, dataclass, field, replace
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
from nasnet_keras.training.datasets.settings import DatasetSettings
from nasnet_keras.training.recipes import RECIPES, Recipe, recipe_of
from nasnet_keras.training.rehearsal import card_of
from nasnet_keras.utils import checks, settings, values
from nasnet_keras.utils.checks import LARGEST, quoted
from nasnet_keras.utils.files import digest
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import Former, accepting_former, as_in, documented, grouped, setting
from nasnet_keras.utils.values import Kind

__all__ = ["TrainingConfig"]

_USUAL = {"num_repeats": 2, "filters": 16, "stem": "cifar", "alpha": 1.0, "stem_stride": 1}  # of those that take them
_COUNT = values.positive(LARGEST)


def _any(name: str, value: Any) -> Any:
    """A value that is checked elsewhere."""
    del name
    return value


def _model_name(name: str, value: Any) -> str:
    del name
    checks.model_name(value)
    return value


def _weights_file(name: str, value: Any) -> str | Path:
    del name
    checks.weights_file(value)
    return value


@accepting_former
@documented
@grouped(Group.NETWORK)
@dataclass(frozen=True)
class TrainingConfig:
    """The configuration of a training run. The same configuration gives the same weights.

    `recipe` says how the network is trained, as a `Recipe` or by a name of `RECIPES`. The genotype may also be given as
    a value; `resolved` is this value. Of `num_repeats`, `filters` and `stem`, ENAS' macro networks take filters only,
    chains none, and cells of NAS-Bench-201 no stem; `alpha` and `stem_stride` are for networks of stages.

    Raises:
        ValueError: a value is out of range.

    Example:
        >>> TrainingConfig("folder", "nasnet_a", filters=8).num_repeats
        2
    """

    workdir: str | Path = setting(
        MISSING,
        "The run's folder. It is made, or continued if it holds the same configuration; "
        "a finished run is trained on if more --epochs are asked for.",
        values.path(as_text=False),
        group=Group.RECORDS,
    )
    genotype: BaseGenotype | str | Path = setting(
        "nasnet_a",
        "Name of a catalogue's architecture, or a genotype as a JSON file or text, also of DARTS or NAS-Bench-201.",
        Kind(_any),
    )
    dataset: str = as_in(DatasetSettings, "dataset", help="Where the images came from, for the records.")
    recipe: Recipe | str = RECIPES["digits"]
    num_repeats: int | None = setting(None, "Normal cells in a stack (N); by default 2.", _COUNT)
    filters: int | None = setting(None, "Filters of the first stack (F); by default 16.", _COUNT)
    stem: str | None = setting(
        None,
        "Stem, the beginning of the network; the imagenet stem reduces images eightfold. By default cifar.",
        Kind(_any, "enum", {"enum_values": ("cifar", "imagenet")}),
    )
    name: str | None = setting(
        None,
        "Name of the card and weight files; by default made of the genotype's and the data set's names.",
        Kind(_model_name),
        group=Group.RECORDS,
    )
    initial_weights: str | Path | None = setting(
        None,
        "A .weights.h5 file of the same network to begin with; by default weights are random.",
        Kind(_weights_file),
    )
    seed: int = setting(0, "Random seed.", values.seed(), group=Group.RECORDS)
    deterministic: bool = setting(
        True,
        "Get the same bits from the same seed on one device. It costs speed on GPUs.",
        values.switch(),
        group=Group.RECORDS,
    )
    checkpoint_minutes: float = setting(
        5.0, "Minutes between checkpoints: the most work that a kill can cost.", values.limit(), group=Group.RECORDS
    )
    license: str = setting(
        "not stated", "License of the weights, for the card.", values.text(), was=Former("licence"), group=Group.RECORDS
    )
    alpha: float | None = setting(
        None, "Width multiplier of a network of stages such as MnasNet; by default 1.", values.positive_number()
    )
    stem_stride: int | None = setting(
        None,
        "Stride of the stem of a network of stages: 1, the default, for small images, or 2, as published for 224×224.",
        values.positive(2),
    )
    resolved: BaseGenotype = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "recipe", recipe_of(self.recipe))
        object.__setattr__(self, "resolved", resolve_genotype(self.genotype))
        taken = size_arguments(self.resolved)
        for name, usual in _USUAL.items():
            given = getattr(self, name)
            if given is None and name in taken:
                object.__setattr__(self, name, usual)
            if given is not None and name not in taken:
                raise ValueError(
                    f"{name}={quoted(given)} is not for a {type(self.resolved).__name__}, whose networks take "
                    f"{', '.join(taken) or 'no such argument'}"
                )
        settings.check(self)

    def check(self, dataset: Dataset) -> None:
        """Raise a ValueError if there can be no such network for these images, or no card of it; nothing is built."""
        checks.model_name(self.model_name(dataset))
        genotype_cost(self.resolved, dataset.image_shape, **self.recipe.network, **self.network(dataset))
        self.card(dataset)

    def card(self, dataset: Dataset, **known: Any) -> Card:
        """The network's card; `known` are the arguments of `card_of` that are known after training."""
        return card_of(
            dataset,
            name=self.model_name(dataset),
            genotype=self.resolved,
            network=self.network(dataset),
            license=self.license,
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
        """The name given, or one made of the names of the genotype and the data set."""
        known = genotypes.name_of(self.resolved) or f"genotype_{self.resolved.fingerprint}"
        return self.name or f"{known}_{dataset.name}"

    def to_json(self, dataset: Dataset) -> dict[str, Any]:
        """Return the settings that may not change between sittings, as JSON values."""
        return {
            "name": self.model_name(dataset),
            "genotype": self.resolved.fingerprint,
            **self._skeleton(),
            "dataset": self.dataset,
            "images": {"train": len(dataset.train), "validation": len(dataset.validation)},
            "image_shape": list(dataset.image_shape),
            "fit": dataset.fit,
            "skipped": dict(dataset.skipped),
            "split": dataset.split,
            "digest": dataset.digest,
            "network": self.network(dataset),
            "recipe": self.recipe.to_json(),
            "initial_weights": self.known_weights(),
            "seed": self.seed,
            "deterministic": self.deterministic,
        }

    def _skeleton(self) -> dict[str, str]:
        """The skeleton, if the genotype names another one than its cells are usually built on."""
        if not isinstance(self.resolved, Genotype):
            return {}
        named = genotypes.skeleton_of(self.resolved)
        usual = genotypes.skeleton_of(replace(self.resolved, skeleton=None))
        return {} if named is usual else {"skeleton": named.name}

    def known_weights(self) -> dict[str, str] | None:
        """The file of the initial weights, known by its content."""
        if self.initial_weights is None:
            return None
        path = Path(self.initial_weights)
        return {"file": path.name, "sha256": digest(path, "sha256")}

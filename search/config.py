"""The configuration of a search, as a value."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.search import combinations, registry, spaces, tables
from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.search.costs.settings import CostSettings
from nasnet_keras.search.equality import is_listed
from nasnet_keras.search.finishing import FinalSettings
from nasnet_keras.search.place import PlaceSettings
from nasnet_keras.search.proposing import AlgorithmSettings, begun_with
from nasnet_keras.search.proxies import PROXIES
from nasnet_keras.search.registry import EVALUATORS, SPACES, explained
from nasnet_keras.search.rungs import is_rung
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.spaces.settings import SpaceSettings
from nasnet_keras.training.datasets.settings import DatasetSettings
from nasnet_keras.training.precision import as_begun
from nasnet_keras.training.recipes import Recipe, default_recipe, recipe_of
from nasnet_keras.utils import checks, settings, values
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import Former, accepting_former, as_in, documented, grouped, setting
from nasnet_keras.utils.workdir import SEEDS, STUDY

__all__ = ["REWARDS", "SearchConfig", "child_recipe", "default_epochs", "defaults", "may_change"]

REWARDS = ("last", "best", "best_of_last_five")

_COUNT, _SWITCH = values.positive(), values.switch()
_CHILDREN = ("children",)
_CUBED = Former("cubed_reward", {False: 1, True: 3}, _SWITCH)
_SHARED = Former(values={"shared": "supernet"})


def _check_recipe(name: str, plain: Any) -> None:
    """Raise a ValueError if a recipe in a file, of any version, is not legal."""
    if not isinstance(plain, dict):
        raise ValueError(f"{name} must be an object, got {checks.quoted(plain)}")
    known = {field.name for field in dataclasses.fields(Recipe)}
    given = {name: value for name, value in plain.items() if name in known}
    Recipe(**{"epochs": 1, "batch_size": 1, "learning_rate": 0.1, **given})


@documented
@accepting_former
@grouped(Group.CHILDREN)
@dataclass(frozen=True)
class SearchConfig:
    """The settings of a search. Equal configurations propose and train equal children.

    Settings for `"children"` have no effect if no child is trained; settings for the `"space"` are passed to the search
    space. A study may continue with other values of the settings that say where a search runs, how far, and how its
    finalists are trained.

    Raises:
        ValueError: a value is out of range, or two contradict each other.

    Example:
        >>> config = SearchConfig("study", space="nas", filters=8)
        >>> config.algorithm, config.num_layers, config.reward_exponent, config.recipe.epochs
        ('nas', 6, 3, 5)
    """

    workdir: str | Path = setting(
        dataclasses.MISSING,
        "The study's folder: made if it is missing, else continued, by flags of what differs from its settings.",
        values.path(as_text=False),
        may_change=True,
        group=Group.RECORDS,
    )
    dataset: str | Path = as_in(DatasetSettings, "dataset", for_=_CHILDREN)
    data_dir: str | Path | None = as_in(DatasetSettings, "data_dir", may_change=True)
    image_size: int | None = as_in(DatasetSettings, "image_size", for_=_CHILDREN, assumed=None)
    fit: str = as_in(DatasetSettings, "fit", for_=_CHILDREN, assumed="crop")
    follow_links: bool = as_in(DatasetSettings, "follow_links", may_change=True)
    skip_unreadable: bool = as_in(DatasetSettings, "skip_unreadable", may_change=True)
    validation_fraction: float = as_in(DatasetSettings, "validation_fraction", for_=_CHILDREN, assumed=0.1)
    train_images: int | None = setting(
        None,
        "Number of training images that children see, the same ones for all; by default all. Finalists see all, or "
        "--final_train_images.",
        _COUNT,
        for_=_CHILDREN,
        assumed=None,
    )
    trials: int | None = setting(
        None,
        "Number of children; by default 24, or 10 in each epoch of a supernet.",
        _COUNT,
        usual=24,
        may_change=True,
        group=Group.ALGORITHM,
    )
    random_trials: int | None = setting(
        None,
        "Number of children drawn uniformly and judged alike. The report compares them with the search; the algorithm "
        "never learns of them. By default 8, 20 with a supernet, or as many as of the search where none is trained. "
        "Random search needs none.",
        values.whole(0),
        usual=8,
        may_change=True,
        group=Group.ALGORITHM,
    )
    derived_trials: int | None = setting(
        None,
        "Number of genotypes that the controller draws at the end of a search with a supernet; the best of them, by "
        "all validation images, are the finalists. By default 20, and 0 without a supernet.",
        values.whole(0),
        usual=0,
        may_change=True,
        group=Group.ALGORITHM,
    )
    space: str = setting(
        "nasnet",
        f"Search space. {explained(SPACES)}.",
        values.choice_of_version(*SPACES),
        assumed="nasnet",
        group=Group.SPACE,
    )
    operations: tuple[str, ...] | None = as_in(SpaceSettings, "operations")
    num_blocks: int = as_in(SpaceSettings, "num_blocks")
    num_layers: int | None = as_in(SpaceSettings, "num_layers")
    predict_strides: bool = as_in(SpaceSettings, "predict_strides")
    pool_after: tuple[int, ...] = as_in(SpaceSettings, "pool_after")
    deepen_every: int | None = as_in(SpaceSettings, "deepen_every")
    base: str = as_in(SpaceSettings, "base")
    algorithm: str | None = as_in(AlgorithmSettings, "algorithm")
    children_per_update: int | None = as_in(AlgorithmSettings, "children_per_update")
    population_size: int | None = as_in(AlgorithmSettings, "population_size")
    beam_size: int | None = as_in(AlgorithmSettings, "beam_size")
    predictor: str | None = as_in(AlgorithmSettings, "predictor")
    prior: str | Path | None = as_in(AlgorithmSettings, "prior")
    window: int = setting(
        4,
        "How far proposals run ahead of results: trial n is proposed from the results of the trials up to n - window, "
        "so that neither the order in which children finish nor their number at once changes a proposal. With many "
        "machines it is several times the number of children at once.",
        _COUNT,
        assumed=1,
        group=Group.ALGORITHM,
    )
    evaluator: str = setting(
        "child",
        f"Evaluator of children. {explained(EVALUATORS)}.",
        values.choice_of_version(*EVALUATORS),
        assumed="child",
        was=_SHARED,
    )
    table: str | Path | None = setting(
        None,
        "The file that the evaluator tabular looks children up in, CSV or JSON lines, or the name of a table of the "
        f"package: {', '.join(tables.names())}.",
        values.path(),
        assumed=None,
    )
    proxy: str | None = setting(
        None,
        f"Zero-cost proxy by which the evaluator zero_cost scores children. {explained(PROXIES)}.",
        values.choice_of_version(*PROXIES),
        assumed=None,
    )
    proxy_images: int = setting(
        64, "Number of training images that a proxy reads, the same ones for all children.", values.whole(2), assumed=64
    )
    limit: tuple[str, ...] = as_in(CostSettings, "limit")
    objective: str = as_in(CostSettings, "objective")
    exchange: tuple[str, ...] = as_in(CostSettings, "exchange")
    measure: tuple[str, ...] = as_in(CostSettings, "measure")
    runtime: str = as_in(CostSettings, "runtime")
    threads: int = as_in(CostSettings, "threads")
    latency_command: str | None = as_in(CostSettings, "latency_command")
    latency: str | Path | None = as_in(CostSettings, "latency")
    costs: str | Path | None = as_in(CostSettings, "costs")
    executor: str | None = as_in(PlaceSettings, "executor")
    workers: int | None = as_in(PlaceSettings, "workers")
    max_concurrent: int | None = as_in(PlaceSettings, "max_concurrent")
    gpus_per_child: float | None = as_in(PlaceSettings, "gpus_per_child")
    cpus_per_child: float | None = as_in(PlaceSettings, "cpus_per_child")
    ray_address: str | None = as_in(PlaceSettings, "ray_address")
    ray_resources: tuple[str, ...] = as_in(PlaceSettings, "ray_resources")
    child_retries: int = as_in(PlaceSettings, "child_retries")
    child_timeout_minutes: float = as_in(PlaceSettings, "child_timeout_minutes")
    finalist_stall_minutes: float = as_in(PlaceSettings, "finalist_stall_minutes")
    child_memory_gib: float | None = as_in(PlaceSettings, "child_memory_gib")
    num_repeats: int = setting(
        1, "N: number of normal cells in each stack of a child, or of the supernet.", _COUNT, for_=_CHILDREN
    )
    filters: int = setting(
        8, "F: number of filters in the first stack of a child, or of the supernet.", _COUNT, for_=_CHILDREN
    )
    alpha: float = setting(
        1.0,
        "Factor of the filters of a child in the space mnasnet; they become multiples of 8 unless it is 1.",
        values.positive_number(),
        for_=_CHILDREN,
        assumed=1.0,
    )
    recipe: Recipe | str | None = setting(
        None,
        "How a child or the supernet is trained, as a Recipe or, for 5 or 150 epochs, by its name; by default as "
        "nasnet-train would.",
        values.nested(Recipe, "a Recipe", _check_recipe),
        optional=False,
        for_=_CHILDREN,
        group=Group.RECIPE,
    )
    reward: str | None = setting(
        None,
        "Validation accuracy that is the reward: of the last epoch (the default), the best epoch, or the best of the "
        "last five (the default in the space nas).",
        values.choice_of_version(*REWARDS),
        usual="last",
        for_=_CHILDREN,
        assumed="last",
    )
    rungs: tuple[str, ...] = setting(
        (),
        "Epochs after which children that have fallen behind are stopped, with the share that goes on: after the first "
        "of several epochs, with 1:0.5, those go on whose accuracy on the training images is among the better half of "
        "all that came so far; 1:0.5,3:0.5 has two rungs. The first six children at a rung, and random ones, are "
        "never stopped. By default none is.",
        values.items("rungs, an epoch and the share that goes on, such as 1:0.5", is_rung),
        for_=_CHILDREN,
        assumed=[],
    )
    reward_exponent: float | None = setting(
        None,
        "Power of the validation accuracy that is the reward; by default 1, and 3 in the space nas.",
        values.positive_number(),
        usual=1,
        for_=_CHILDREN,
        assumed=1,
        was=_CUBED,
    )
    synchronized_batch_norm: bool = setting(
        False,
        "Whether batch normalization uses the statistics of all of a child's GPUs together.",
        _SWITCH,
        for_=_CHILDREN,
        assumed=False,
    )
    deterministic: bool = setting(
        True,
        "Get the same bits from the same seed. It costs speed on GPUs.",
        _SWITCH,
        for_=_CHILDREN,
        assumed=False,
        group=Group.RECORDS,
    )
    finalists: int = as_in(FinalSettings, "finalists")
    final_epochs: int = as_in(FinalSettings, "final_epochs")
    final_train_images: int | None = as_in(FinalSettings, "final_train_images")
    final_num_repeats: int | None = as_in(FinalSettings, "final_num_repeats")
    final_filters: int | None = as_in(FinalSettings, "final_filters")
    final_alpha: float | None = as_in(FinalSettings, "final_alpha")
    finalists_along: str | None = as_in(CostSettings, "finalists_along", group=Group.FINALISTS)
    seed: int = setting(0, "Random seed of the search.", values.seed(), group=Group.RECORDS)

    def __post_init__(self) -> None:
        settings.check(self, ("workdir", "dataset", "evaluator", "space"))  # the defaults of others depend on these
        if self.recipe is None or isinstance(self.recipe, str):
            object.__setattr__(self, "recipe", child_recipe(self.dataset, self.evaluator, self.recipe))
        settings.check(self, ("recipe",))
        for file in (STUDY, SEEDS):
            object.__setattr__(self, "recipe", as_begun(self.recipe, self.workdir, file))
        self._default("algorithm", begun_with(self.workdir))
        if isinstance(self.prior, registry.UsualPrior):
            object.__setattr__(self, "prior", None)  # by `dataclasses.replace` of other settings, maybe
        for name, value in defaults(self.evaluator, self.space, self.recipe.epochs, self.trials).items():
            self._default(name, value)
        settings.check(self)
        combinations.check(vars(self), {field.name: field.default for field in dataclasses.fields(self)})
        self.search_objective()
        self.search_space()
        for name, value in registry.usual_parameters(vars(self)).items():
            self._default(name, value)

    def _default(self, name: str, value: Any) -> None:
        """Set a field that is None."""
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)

    def search_space(self) -> Space:
        """Make the search space."""
        names = (name for name, one in settings.settings(SearchConfig).items() if "space" in one.for_)
        # A supernet has no weights for blocks that concatenate.
        combines = ("add",) if registry.evaluator(self.evaluator).shares_weights else None
        # Of some benchmarks the table holds a few networks only, and the space has to know which.
        given = {name: getattr(self, name) for name in (*names, "table")} | {"listed": is_listed(vars(self))}
        return spaces.make(self.space, **given, combines=combines)

    def search_objective(self) -> Objective:
        """Make the objective of the search, with its limits."""
        return Objective.of(self.limit, self.objective, self.exchange)

    def to_json(self) -> dict[str, Any]:
        """Convert all fields to JSON values, for `from_json`."""
        return settings.to_json(self)

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "SearchConfig":
        """Make a configuration from the values that `to_json` returned."""
        return cls(**{**plain, "recipe": Recipe(**plain["recipe"])})

    def final_settings(self) -> dict[str, Any]:
        """Return the epochs, the sizes and, unless they are all, the training images of finalists."""
        images = {} if self.final_train_images is None else {"train_images": self.final_train_images}
        return {"epochs": self.final_epochs, **self.sizes(final=True), **images}

    def sizes(self, final: bool = False) -> dict[str, Any]:
        """Return the sizes of a child's network, or of a finalist's, by the names of settings."""
        names = ["num_repeats", "filters", *(name for name in ("alpha",) if name in registry.space(self.space).own)]
        given = {name: getattr(self, f"final_{name}") if final else None for name in names}
        return {name: getattr(self, name) if value is None else value for name, value in given.items()}

    def identity(self) -> dict[str, Any]:
        """Return the settings that may not change while a study grows, as JSON values: they identify a search."""
        without = may_change(self.evaluator)
        return {name: value for name, value in self.to_json().items() if name not in without}


def may_change(evaluator: str) -> set[str]:
    """Return the names of the settings that may change while a study grows, for an evaluator."""
    row, known = registry.evaluator(evaluator), settings.settings(SearchConfig)
    free = {name for name, one in known.items() if one.may_change or not (row.trains or "children" not in one.for_)}
    return free - {"trials"} if row.shares_weights else free  # trials are spread over the supernet's epochs


def default_epochs(evaluator: str) -> int:
    """Return the default epochs of a child, or of the supernet."""
    return registry.evaluator(evaluator).epochs


def defaults(evaluator: str, space: str, epochs: int, trials: int | None = None) -> dict[str, Any]:
    """Return the default values of the settings that are None, by evaluator, space, epochs of training and trials."""
    row, known = registry.evaluator(evaluator), settings.settings(SearchConfig)
    usual = {name: one.usual for name, one in known.items() if one.usual is not None}
    implied = {**registry.space(space).defaults, **row.defaults}
    implied |= {"trials": row.trials_per_epoch * epochs} if row.trials_per_epoch else {}
    implied |= {"random_trials": usual["trials"] if trials is None else trials} if row.is_cheap else {}
    return {**usual, **{name: value for name, value in implied.items() if name in usual}}


def child_recipe(dataset: str | Path, evaluator: str, name: str | None = None) -> Recipe:
    """Return the recipe of a child, or of the supernet: that of `nasnet-train`, or of a name, in fewer epochs."""
    return dataclasses.replace(recipe_of(name or default_recipe(str(dataset))), epochs=default_epochs(evaluator))

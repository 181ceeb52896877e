"""The configuration of a search, as a value."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasnet_keras.search import algorithms, evaluators, executors, spaces
from nasnet_keras.search.settings import checked
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.training.recipes import RECIPES, Recipe, default_recipe
from nasnet_keras.utils.checks import FITS, choice, quoted

__all__ = ["MAY_CHANGE", "OF_CHILDREN", "REWARDS", "SearchConfig", "child_recipe", "default_epochs"]
__all__ += ["defaults", "may_change"]

REWARDS = ("last", "best", "best_of_last_five")

_EPOCHS, _SHARED_EPOCHS = 5, 150
_TRIALS_PER_EPOCH = 10  # of shared weights
_CHILDREN_PER_UPDATE, _SHARED_CHILDREN_PER_UPDATE = 4, 10  # five updates within two dozen children
_POPULATION, _CHEAP_POPULATION = 10, 50  # of children that are trained, of children that cost next to nothing
_OF_CHAINS: dict[str, Any] = {"predict_strides": False, "pool_after": (), "deepen_every": None}
_NOT_OF_CHAINS: dict[str, Any] = {"num_repeats": 1, "filters": 8, "num_blocks": 5}  # as they are by default
_NOT_OF_CHAINS |= {"operations": None, "final_num_repeats": None, "final_filters": None}
OF_CHILDREN = (
    "dataset",
    "image_size",
    "fit",
    "validation_fraction",
    "train_images",
    "num_repeats",
    "filters",
    "recipe",
)
OF_CHILDREN += ("reward", "cubed_reward", "synchronized_batch_norm", "deterministic")
"""Fields that say nothing where no child is trained."""
MAY_CHANGE = (
    "workdir",
    "trials",
    "random_trials",
    "finalists",
    "data_dir",
    "follow_links",
    "executor",
    "workers",
    "gpus_per_child",
)
MAY_CHANGE += (
    "derived_trials",
    "child_timeout_minutes",
    "finalist_stall_minutes",
    "child_memory_gib",
    "final_epochs",
    "final_num_repeats",
    "final_filters",
)
"""Fields that say where a search runs, how far, and what becomes of its best. Children depend on their limits alone."""


def may_change(evaluator: str) -> set[str]:
    """Fields that do not make a search another one, by what judges its children."""
    if evaluator == "tabular":
        return {*MAY_CHANGE, *OF_CHILDREN}
    return {*MAY_CHANGE} - ({"trials"} if evaluator == "shared" else set())  # they are spread over the epochs


def default_epochs(evaluator: str) -> int:
    """Of the training of a child, or of the weights that children share, where nobody said."""
    return _SHARED_EPOCHS if evaluator == "shared" else _EPOCHS


def defaults(evaluator: str, space: str, epochs: int) -> dict[str, Any]:
    """What a search does where nobody said, by what judges its children, where they are and how long they train."""
    found = {"trials": 24, "random_trials": 8, "derived_trials": 0, "algorithm": "ppo"}
    found |= {"reward": "last", "cubed_reward": False, "num_layers": 12}
    if space == "nas":
        found |= {"algorithm": "nas", "reward": "best_of_last_five", "cubed_reward": True, "num_layers": 6}
    if evaluator == "shared":
        found |= {"trials": _TRIALS_PER_EPOCH * epochs, "random_trials": 20, "derived_trials": 20, "algorithm": "enas"}
    return found


def child_recipe(dataset: str | Path, evaluator: str) -> Recipe:
    """What a child is trained by where nobody said: as `nasnet-train` would, in fewer epochs."""
    return dataclasses.replace(RECIPES[default_recipe(str(dataset))], epochs=default_epochs(evaluator))


@dataclass(frozen=True)
class SearchConfig:
    """What a search does; with the same configuration it proposes and trains the same children.

    Attributes:
        workdir: the study's folder; made where it is missing, continued where it holds the same configuration.
        dataset, data_dir, image_size, fit, follow_links, validation_fraction: see `training.datasets.load`.
        train_images: how many of the training images children see, the same ones for all; None for all of them. The
            finalists see all.
        trials: number of children; None for 24, and with shared weights for 10 in each of their epochs.
        random_trials: children drawn uniformly and judged alike, for the comparison in the report. They are not told
            to the algorithm. Random search needs none. None for 8, or 20 with shared weights.
        derived_trials: with shared weights: genotypes drawn from the policy at the end and judged by all validation
            images, among which are the finalists. None for 20 there; 0 elsewhere.
        space: name of the search space.
        operations: what its edges choose from; all that the space knows where None.
        num_blocks: blocks in each cell, in a space of cells.
        num_layers: of a layer-wise network; None for 12 of ENAS macro's and 6 of NAS'.
        predict_strides, pool_after, deepen_every: of the space `nas`; see `spaces.nas.ChainSpace`.
        algorithm: name of the algorithm that proposes children; None for `enas` with shared weights, `nas` in the space
            `nas`, else `ppo`.
        children_per_update: told to a controller between two of its updates; None for 4 where there is a controller.
        population_size: of `evolution`: so many children are random, and of so many last ones the parents are; None for
            10 where children are trained and 50 elsewhere.
        window: children that may be under way at once: trial `n` is proposed when all trials up to `n - window` are
            told, so the order in which children finish changes nothing.
        evaluator: name of what judges a child: `child` trains it, `shared` takes the weights of a supernet, `tabular`
            looks it up.
        table: the file that `tabular` looks into.
        executor: where children are judged: `subprocess`, each in a process of its own, or `inline`, in this one.
            None for the first where they are trained and the second elsewhere.
        workers: processes at once, at most `window`; None for as many as there are cores or GPUs for.
        gpus_per_child: GPUs that each child sees, where there are any.
        child_timeout_minutes: after which a child in a process of its own is given up.
        finalist_stall_minutes: after which a finalist in a process of its own is given up that made no step, ended no
            epoch and wrote no file, such as one that hangs; when the search is started again it goes on from its
            checkpoint. The first step, which is compiled, and the judging of the trained model must be shorter.
        child_memory_gib: resident memory at which it, or a finalist, is given up, the gigabyte included that it has
            when it begins; None for no limit.
        num_repeats, filters: N and F of a child, or of the supernet. NAS' networks have neither.
        recipe: how a child is trained, or the shared weights. By default as `nasnet-train` would, for five epochs, or
            a hundred and fifty.
        reward: which validation accuracy is the reward: `last`, `best` of all epochs, or `best_of_last_five`. None for
            `last`, and the latter in the space `nas`.
        cubed_reward: whether its cube is. None for no, and yes in the space `nas`.
        synchronized_batch_norm: whether batch normalisation sees the batches of all of a child's GPUs together.
        deterministic: whether the same seed gives the same bits. On GPUs it costs speed.
        finalists: how many of the best genotypes are trained to the end, and as many random ones beside them.
        final_epochs: how long, by the same recipe.
        final_num_repeats, final_filters: how large; as children where None.
        seed: of everything random.

    Raises:
        ValueError: a value is out of range.
    """

    workdir: str | Path
    dataset: str | Path = "digits"
    data_dir: str | Path | None = None
    image_size: int | None = None
    fit: str = "crop"
    follow_links: bool = False
    validation_fraction: float = 0.1
    train_images: int | None = None
    trials: int | None = None
    random_trials: int | None = None
    derived_trials: int | None = None
    space: str = "nasnet"
    operations: tuple[str, ...] | None = None
    num_blocks: int = 5
    num_layers: int | None = None
    predict_strides: bool = False
    pool_after: tuple[int, ...] = ()
    deepen_every: int | None = None
    algorithm: str | None = None
    children_per_update: int | None = None
    population_size: int | None = None
    window: int = 4
    evaluator: str = "child"
    table: str | Path | None = None
    executor: str | None = None
    workers: int | None = None
    gpus_per_child: int = 1
    child_timeout_minutes: float = 60.0
    finalist_stall_minutes: float = 30.0
    child_memory_gib: float | None = None
    num_repeats: int = 1
    filters: int = 8
    recipe: Recipe = field(default=None)  # type: ignore[assignment]  # the default depends on the data set
    reward: str | None = None
    cubed_reward: bool | None = None
    synchronized_batch_norm: bool = False
    deterministic: bool = True
    finalists: int = 2
    final_epochs: int = 20
    final_num_repeats: int | None = None
    final_filters: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        set_value = object.__setattr__
        shared = self.evaluator == "shared"
        for name in ("dataset", "evaluator", "space"):  # which say what the defaults of others are
            checked(name, getattr(self, name))
        if self.recipe is None:
            set_value(self, "recipe", child_recipe(self.dataset, self.evaluator))
        checked("recipe", self.recipe)
        for name, value in defaults(self.evaluator, self.space, self.recipe.epochs).items():
            if getattr(self, name) is None:
                set_value(self, name, value)
        for item in dataclasses.fields(self):
            set_value(self, item.name, checked(item.name, getattr(self, item.name)))
        for name, none in (_NOT_OF_CHAINS if self.space == "nas" else _OF_CHAINS).items():
            if getattr(self, name) != none:
                whose = "for spaces other than 'nas', whose networks have none" if self.space == "nas" else "for 'nas'"
                raise ValueError(f"{name}={quoted(getattr(self, name))} is {whose}; space is {quoted(self.space)}")
        legal = {"fit": FITS, "algorithm": algorithms.names(), "evaluator": evaluators.names(), "reward": REWARDS}
        for name, values in legal.items():
            choice(name, getattr(self, name), values)
        evaluators.check(self.evaluator, self.space, self.table)
        algorithms.check(self.algorithm, self.search_space())
        if self.derived_trials and not shared:
            raise ValueError(f"derived_trials is for children that share weights, got {self.derived_trials}")
        if shared and self.synchronized_batch_norm:
            raise ValueError("batch normalisation of shared weights cannot be synchronized over GPUs")
        if shared and self.trials < self.recipe.epochs:
            raise ValueError(f"trials={self.trials} leave none for some of the {self.recipe.epochs} epochs")
        if self.executor is None:
            set_value(self, "executor", "subprocess" if self.evaluator == "child" else "inline")
        executors.check(self)
        in_batches = self.algorithm in algorithms.LEARN_IN_BATCHES
        if self.children_per_update is None and in_batches:
            each = _SHARED_CHILDREN_PER_UPDATE if shared else _CHILDREN_PER_UPDATE
            set_value(self, "children_per_update", each)
        if self.children_per_update is not None and not in_batches:
            raise ValueError(
                f"children_per_update is for {', '.join(algorithms.LEARN_IN_BATCHES)}, which have a controller, "
                f"not for {quoted(self.algorithm)}"
            )
        evolves = self.algorithm == "evolution"
        if self.population_size is None and evolves:
            set_value(self, "population_size", _POPULATION if self.evaluator == "child" else _CHEAP_POPULATION)
        if self.population_size is not None and not evolves:
            raise ValueError(f"population_size is for 'evolution', not for {quoted(self.algorithm)}")

    def search_space(self) -> Space:
        """The space that is searched."""
        combines = ("add",) if self.evaluator == "shared" else None  # what else they do would need weights of its own
        names = ("operations", "num_blocks", "num_layers", *_OF_CHAINS)
        settings = {name: getattr(self, name) for name in names}
        return spaces.make(self.space, **settings, combines=combines)

    def to_json(self) -> dict[str, Any]:
        """All fields as JSON values, for `from_json`."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        lists = {"operations": None if self.operations is None else list(self.operations)}
        lists["pool_after"] = list(self.pool_after)
        return {**plain, **lists, "workdir": str(self.workdir), "recipe": self.recipe.to_json()}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "SearchConfig":
        """The configuration that `to_json` wrote."""
        return cls(**{**plain, "recipe": Recipe(**plain["recipe"])})

    def final_settings(self) -> dict[str, int]:
        """How long finalists are trained, and how large they are."""
        return {
            "epochs": self.final_epochs,
            "num_repeats": self.final_num_repeats or self.num_repeats,
            "filters": self.final_filters or self.filters,
        }

    def identity(self) -> dict[str, Any]:
        """What makes two searches the same one, as JSON values: what may not change while a study grows."""
        without = may_change(self.evaluator)
        return {name: value for name, value in self.to_json().items() if name not in without}

"""The facts of a choice, as a row of the registry: of an algorithm, an evaluator, an executor or a space."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nasnet_keras.search.objects import load_class

__all__ = ["AlgorithmRow", "EvaluatorRow", "ExecutorRow", "Row", "SpaceRow"]


@dataclass(frozen=True)
class Row:
    """The facts of a choice.

    Attributes:
        place: the module and the name of its class, `"module:Class"`.
        help: its description in a few words, for `--help`.
    """

    place: str
    help: str

    def load(self) -> type:
        """Import its class."""
        return load_class(self.place)


@dataclass(frozen=True)
class AlgorithmRow(Row):
    """An algorithm: a `search.algorithms.base.Algorithm`.

    Attributes:
        parameters: the settings that belong to it, by name, with the argument of its class that each one sets.
        derived: the default values of some of them, as functions of the values of a search's settings by name.
        is_baseline: whether other searches are compared with it, so that it needs no comparison.
        spaces: the spaces that it is for; empty for an algorithm that searches all spaces.
        spaces_of_sums: further spaces that it is for if their blocks only add.
        whole: whether all of its proposals are whole, as a supernet needs them, and no cells of fewer blocks.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    is_baseline: bool = False
    spaces: tuple[str, ...] = ()
    spaces_of_sums: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True)
class EvaluatorRow(Row):
    """An evaluator: a `search.evaluators.base.Evaluator`.

    Attributes:
        judges: the name in `SpaceRow.offers` that a space needs for it; None if it judges the genotypes of all spaces.
        trains: whether networks are trained, if only those of finalists. If not, the settings of children's networks,
            images and training have no effect.
        shares_weights: whether children share weights, which are trained between trials in the search's process.
        epochs: the default number of passes over the training images, of a child or of the shared weights.
        trials_per_epoch: the default number of children for each epoch of shared weights.
        executor: the default executor.
        requires: the settings that it needs, and that no other evaluator takes.
        takes: further settings that no other evaluator takes.
        defaults: the values of settings that are not given.
        figures: plausible figures of a child by name, by which an objective of one's own is tried.
        is_cheap: whether children take no training, so that as many random ones are judged by default.
        how: the treatment of a child, in words for the report.
    """

    judges: str | None = None
    trains: bool = True
    shares_weights: bool = False
    epochs: int = 5
    trials_per_epoch: int = 0
    executor: str = "subprocess"
    requires: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=lambda: {"children_per_update": 4, "population_size": 10})
    figures: Mapping[str, float] = field(default_factory=dict)
    is_cheap: bool = False
    how: str | None = None

    @property
    def trains_children(self) -> bool:
        """Whether each child is trained by itself."""
        return self.trains and not self.shares_weights and not self.is_cheap


@dataclass(frozen=True)
class ExecutorRow(Row):
    """An executor: a `search.executors.base.Executor`.

    Attributes:
        isolates: whether children have separate processes, with separate GPUs and limits. Otherwise children are
            judged in the search's process, one after another.
        takes: the settings that no other executor takes.
        spans_machines: whether children run on several machines, where they may share a GPU or see none.
    """

    isolates: bool = True
    takes: tuple[str, ...] = ()
    spans_machines: bool = False


@dataclass(frozen=True)
class SpaceRow(Row):
    """A search space: a `search.spaces.base.Space`.

    Attributes:
        arguments: the arguments of its class, which settings override.
        offers: the ways in which its genotypes can be judged: `network`, `supernet` or `table`.
        own: the settings that no other space takes.
        lacks: the settings that it refuses, since its networks have no such part.
        ignores: the settings that have no effect on its networks.
        defaults: the values of settings that are not given.
        cells: the number of its kinds of cells, which `Space.growth` has, too, if they grow.
        prior: the name of the prior that was shown to help where children are trained; None if there is none.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    offers: tuple[str, ...] = ("network",)
    own: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    cells: int = 1
    prior: str | None = None

"""The configuration of a search, as a value."""

from dataclasses import dataclass
from pathlib import Path

from nasnet_keras import checks
from nasnet_keras.checks import positive_integer
from nasnet_keras.search import algorithms, evaluators, spaces
from nasnet_keras.search.space import Space
from nasnet_keras.training import datasets

__all__ = ["SearchConfig"]

_POSITIVE = ("trials", "num_blocks", "window", "num_repeats", "filters", "epochs", "final_epochs", "batch_size")


@dataclass(frozen=True)
class SearchConfig:
    """What a search does; with the same configuration it proposes and trains the same children.

    Attributes:
        workdir: the study's folder; made where it is missing, continued where it holds the same configuration.
        dataset: name of the data set.
        trials: number of children.
        space: name of the search space.
        operations: what its edges choose from; all that the space knows where None.
        num_blocks: blocks in each cell, in a space that has them.
        algorithm: name of the algorithm that proposes children.
        window: children that may be under way at once: trial `n` is proposed when all trials up to `n - window` are
            told, so the order in which children finish changes nothing.
        evaluator: name of what judges a child: `child` trains it, `tabular` looks it up.
        table: the file that `tabular` looks into.
        num_repeats, filters: N and F of a child.
        epochs: passes over the training images that a child gets.
        final_epochs: what the best genotype gets in the end, trained anew.
        batch_size: images a step, over all devices.
        learning_rate: at the start of its cosine decay to zero.
        seed: of everything random.

    Raises:
        ValueError: a value is out of range.
    """

    workdir: str | Path
    dataset: str = "digits"
    trials: int = 12
    space: str = "nasnet"
    operations: tuple[str, ...] | None = None
    num_blocks: int = 5
    algorithm: str = "random"
    window: int = 1
    evaluator: str = "child"
    table: str | Path | None = None
    num_repeats: int = 1
    filters: int = 8
    epochs: int = 5
    final_epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in _POSITIVE:
            object.__setattr__(self, name, positive_integer(name, getattr(self, name)))
        object.__setattr__(self, "seed", checks.seed(self.seed))
        if not 0.0 < self.learning_rate < float("inf"):
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate!r}")
        if self.dataset not in datasets.names():
            raise ValueError(f"dataset must be one of {', '.join(datasets.names())}, got {self.dataset!r}")
        if self.operations is not None:
            object.__setattr__(self, "operations", tuple(self.operations))
        if self.table is not None:
            object.__setattr__(self, "table", str(self.table))
        for name, legal in (("algorithm", algorithms.names()), ("evaluator", evaluators.names())):
            if getattr(self, name) not in legal:
                raise ValueError(f"{name} must be one of {', '.join(legal)}, got {getattr(self, name)!r}")
        self.search_space()
        evaluators.check(self.evaluator, self.space, self.table)

    def search_space(self) -> Space:
        """The space that is searched."""
        return spaces.make(self.space, operations=self.operations, num_blocks=self.num_blocks)

"""The interface of evaluators."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.spaces.base import Space

__all__ = ["Evaluator"]


class Evaluator(ABC):
    """Judges genotypes.

    A subclass gives `evaluate` and `finish`. The rules, which `search.testing.check_evaluator` tries on any class:

    - **Early errors.** An evaluator is made before the study's folder is. Its constructor, `accept` and `facts` raise a
      `ValueError` if something that it needs is missing.
    - **Replay.** A child's reward depends on its genotype and seed only, never on the children before it, but for what
      `prepare` learnt of them.
    - **Results.** A reward is a finite number, the higher the better. Metrics are JSON values by name, without NaN,
      and are written to the study's files. A few names have a meaning: `parameters`, `multiply_adds`, `epochs` and
      `test_images` are whole numbers; a name that begins with `validation_accuracy` or `test_accuracy` is a number, a
      share from 0 to 1 or, if the name ends in `_epochs`, a percentage; `training_seconds` is the time of `finish`.
    - **Failures.** A child that fails raises. `DivergedError` and `MemoryError` are told apart from all other errors;
      none of them ends the search.
    - **Processes.** `evaluate`, `score` and `finish` may be called in another process, and everything else is called in
      the search's. Nothing is pickled: a worker imports the class by its module and name and makes the evaluator again,
      by `from_config` of what `get_config` returned, or, for a class without `get_config`, by calling it with the
      search's configuration. Each child then runs in a fork of that worker, so importing the class and making it starts
      no thread and no device, and nothing that a child does reaches the next. A class that cannot be imported, such as
      one of `__main__`, of a notebook or of a function, and a class that learns in `prepare` run with the executor
      `inline`.
    - **Ownership.** An object belongs to one thread and serves one search.
    """

    @abstractmethod
    def evaluate(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        """Judge a child.

        Args:
            genotype: of the space that is searched.
            seed: of everything random.

        Returns:
            Its reward, which is finite and the higher the better, and all other figures by name, as JSON values.
        """

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Evaluator":
        """Make an evaluator from what the `get_config` of another returned: by default its constructor's arguments."""
        return cls(**config)

    def accept(self, space: Space) -> None:
        """Take note of the space that is searched. It is called once, before all methods but `facts`.

        Raises:
            ValueError: genotypes of the space cannot be judged.
        """
        del space

    def prepare(self, number: int, draw: Callable[[int, np.random.Generator], np.ndarray]) -> None:
        """Get ready for trial `number`, which comes after all trials before it.

        Args:
            number: of the trial.
            draw: gives choice vectors of the present policy; see `Algorithm.draw`.

        Raises:
            DivergedError: the weights that all children share could not be trained.
            Stopped: a signal asked to stop.
        """
        del number, draw

    def score(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        """Judge a genotype for the comparison at the end of a search: by default as `evaluate` does."""
        return self.evaluate(genotype, seed)

    @abstractmethod
    def finish(self, genotype: Any, seed: int, folder: Path) -> tuple[float, dict[str, Any]]:
        """Judge one of the best genotypes by images, or figures, by which no child was judged.

        Args:
            genotype: to be judged.
            seed: of everything random.
            folder: for files, from which a call that was cut off goes on.

        Returns:
            The score by which the winner is chosen, which test images have no part in, and all figures by name, those
            of the test among them.

        Raises:
            DivergedError: it could not be trained.
            Stopped: a signal asked to stop.
        """

    def facts(self) -> dict[str, Any]:
        """Further JSON values for `study.json` that two searches must have in common to be the same one."""
        return {}

    def exported(self, config: SearchConfig, folder: Path) -> SearchConfig:
        """A configuration from which another process quickly makes an equal evaluator; its files go to `folder`."""
        del folder
        return config

    def publish(self, folder: Path, path: Path) -> dict[str, Any]:
        """Copy what `finish` left in `folder` to `path`, for the winner.

        Returns:
            Names of the files for `result.json`: a trained model's are `card` and `model`.
        """
        del folder, path
        return {}

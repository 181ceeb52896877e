"""The interface of evaluators."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.search.config import SearchConfig

__all__ = ["Evaluator"]


class Evaluator(ABC):
    """Judges genotypes. The rules:

    - It is made from the configuration of a search, before the study's folder is, and raises `ValueError` if
      something that it needs is missing.
    - A child's result depends on its genotype and seed only, never on the children before it, except through what
      `prepare` learnt.
    - A child that fails raises: `DivergedError` and `MemoryError` are told apart from all other errors, and none of
      them ends the search.
    - What is made on import and by the constructor can be shared with forked processes: no threads, no devices.
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
        """Copy the winner's files, which `finish` left in `folder`, to `path`; gives their names for `result.json`."""
        del folder, path
        return {}

"""The interface of evaluators."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nasnet_keras.search.config import SearchConfig

__all__ = ["Evaluator"]


class Evaluator(ABC):
    """Judges genotypes. The rules:

    - It is made from the configuration of a search, before the study's folder is, and raises `ValueError` where
      something that it needs is missing.
    - A child's result depends on its genotype and seed only, never on the children before it, but for what `prepare`
      learnt of them.
    - A child that fails raises: `DivergedError` and `MemoryError` are told apart from all other errors, and none of
      them ends the search.
    - What is made on import and by the constructor can be shared with forked processes: no threads, no devices.
    """

    @abstractmethod
    def evaluate(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        """The reward of a child, finite and the higher the better, and whatever else was measured, as JSON values."""

    def prepare(self, number: int, draw: Callable[[int, np.random.Generator], np.ndarray]) -> None:
        """Get ready for trial `number`, which comes after all trials before it.

        Args:
            number: of the trial.
            draw: gives choices of the present policy; see `Algorithm.draw`.

        Raises:
            DivergedError: what is shared by all children could not be trained.
            Stopped: a signal asked to stop.
        """
        del number, draw

    def score(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        """What a genotype is worth beside others at the end of a search: by default what `evaluate` says."""
        return self.evaluate(genotype, seed)

    @abstractmethod
    def finish(self, genotype: Any, seed: int, folder: Path) -> tuple[float, dict[str, Any]]:
        """Judge one of the best genotypes by what no child was judged by.

        Args:
            genotype: to be judged.
            seed: of everything random.
            folder: for files, with which a call that was cut off goes on.

        Returns:
            The score by which the winner is chosen, not by test images, and figures, those of the test among them.

        Raises:
            DivergedError: it could not be trained.
            Stopped: a signal asked to stop.
        """

    def facts(self) -> dict[str, Any]:
        """What else makes two searches the same one: JSON values for `study.json`."""
        return {}

    def exported(self, config: "SearchConfig", folder: Path) -> "SearchConfig":
        """A configuration with which another process makes an equal evaluator, fast; files for it go to `folder`."""
        del folder
        return config

    def publish(self, folder: Path, path: Path) -> dict[str, Any]:
        """Copy what `finish` left in `folder` to `path`, for the winner; gives names of the files for `result.json`."""
        del folder, path
        return {}

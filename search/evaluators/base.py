"""The interface of evaluators."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from nasnet_keras.training.errors import DivergedError

__all__ = ["DivergedError", "Evaluator"]


class Evaluator(ABC):
    """Judges genotypes. The rules:

    - It is made from the configuration of a search, before the study's folder is, and raises `ValueError` where
      something that it needs is missing.
    - A child's result depends on its genotype and seed only, never on the children before it.
    - A child that fails raises: `DivergedError` and `MemoryError` are told apart from all other errors, and none of
      them ends the search.
    """

    @abstractmethod
    def evaluate(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        """The reward of a child, finite and the higher the better, and whatever else was measured, as JSON values."""

    @abstractmethod
    def finish(self, genotype: Any, path: Path) -> dict[str, Any]:
        """Judge the best genotype by what no child was judged by.

        Args:
            genotype: the best of a study.
            path: the study's folder, for files.

        Returns:
            Figures for `result.json`.

        Raises:
            DivergedError: it could not be trained.
        """

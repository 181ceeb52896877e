"""The interface of evaluators."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.latency.device import Device
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.spaces.base import Space

__all__ = ["Evaluator"]


class Evaluator(ABC):
    """Judges genotypes.

    A subclass gives `evaluate` and `finish`. The rules, which `search.testing.check_evaluator` tries on any class:

    - **Early errors.** An evaluator is made before the study's folder is. Its constructor, `accept` and `facts` raise a
      `ValueError` if a file, a data set or a package is missing.
    - **Replay.** A child's reward depends on its genotype and seed only. It depends on the children before it only
      through `prepare`, if that method learns from them.
    - **Results.** A reward is a finite number; higher is better. Metrics are JSON values by name, without NaN,
      and are written to the study's files. A few names have a meaning: `parameters`, `multiply_adds`, `epochs` and
      `test_images` are whole numbers; a name that begins with `validation_accuracy` or `test_accuracy` is a number, a
      share from 0 to 1 or, if the name ends in `_epochs`, a percentage; `training_seconds` is the time of `finish`.
    - **Costs.** `costs` gives what is known of a genotype at once, such as the parameters of its network; limits of
      these costs cost no trial. `measure` gives what must be measured, of the costs that `measures` names, before a
      child is trained. Costs are finite numbers from 0 by name; one that is not known, as the latency on a device that
      cannot run the network, is left out and counts as over its limit. With a limit, rewards must not be below 0.
    - **Failures.** A failed child raises an exception. `DivergedError` and `MemoryError` have a status each, all others
      are crashes; none of them ends the search.
    - **Processes.** `evaluate`, `score`, `measure` and `finish` may be called in another process, and everything else
      is called in the search's. Nothing is pickled: a worker imports the class by its module and name and makes the
      evaluator again, by `from_config` of what `get_config` returned, or of the fields of a dataclass. Another class is
      called with the search's configuration if its constructor takes an argument `config`, or with nothing; one with
      further arguments runs with the executor `inline`. Each child then runs in a fork of that worker, so the import of
      the class and its constructor must not start a thread or a device, and a child cannot affect the next one, unless
      `children_per_process` lets them share a fork. A class that cannot be imported, because it stands in `__main__`,
      in a notebook or in a function, and a class that learns in `prepare` run with the executor `inline`.
    - **Ownership.** An object belongs to one thread and serves one search.

    Attributes:
        measures: the names of the costs that `measure` can give.
        children_per_process: the number of children that one process may judge, one after another. What a child leaves
            there, such as traced functions, may save the next one time, and takes memory. A child that fails is the
            last of its process. A finalist and a measurement have a process each, and so have all children of a search
            with a limit of their memory.
    """

    measures: tuple[str, ...] = ()
    children_per_process: int = 1

    @abstractmethod
    def evaluate(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        """Judge a child.

        Args:
            genotype: a genotype of the space.
            seed: the seed of all randomness.

        Returns:
            Its reward, a finite number of which higher is better, and all other figures by name, as JSON values.
        """

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Evaluator":
        """Make an evaluator from the values that `get_config` of another returned, its constructor's arguments."""
        return cls(**config)

    def accept(self, space: Space) -> None:
        """Take note of the space of the search. It is called once, before all methods except `facts`.

        Raises:
            ValueError: genotypes of the space cannot be judged.
        """
        del space

    def prepare(self, number: int, draw: Callable[[int, np.random.Generator], np.ndarray]) -> None:
        """Get ready for trial `number`, which comes after all trials before it.

        Args:
            number: the number of the trial.
            draw: a function that draws choice vectors of the present controller; see `Algorithm.draw`.

        Raises:
            DivergedError: the weights that all children share could not be trained.
            Stopped: a signal asked the process to stop.
        """
        del number, draw

    def costs(self, genotype: Any) -> dict[str, float]:
        """Return the costs of a genotype that are known in milliseconds, without training or measuring.

        They depend on the genotype only. A search calls it in its own process, after `accept`, for thousands of
        genotypes.

        Returns:
            Numbers from 0 by name, such as `parameters`; by default none. Costs that are known only after a child was
            trained may stand among its metrics.
        """
        del genotype
        return {}

    def measure(self, genotype: Any, seed: int) -> dict[str, float]:
        """Measure costs of a genotype, before it is trained. No child trains meanwhile.

        Args:
            genotype: the genotype to measure.
            seed: the seed of its first weights.

        Returns:
            Numbers from 0 by name: those of `measures` that the search needs.

        Raises:
            ValueError: this evaluator measures nothing, which is the default.
            MachineBusy: the machine is too busy to tell; the search tries again, a few times.
        """
        raise ValueError(f"{type(self).__name__} measures no costs")

    def device(self) -> Device | None:
        """Return the device that `measure` measures on; None, the default, if it is not known.

        A study that goes on on another device says so, and measures anew there what it compares.
        """
        return None

    def score(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        """Judge a genotype for the comparison at the end of a search; by default this calls `evaluate`."""
        return self.evaluate(genotype, seed)

    @abstractmethod
    def finish(self, genotype: Any, seed: int, folder: Path) -> tuple[float, dict[str, Any]]:
        """Judge one of the best genotypes by images, or figures, by which no child was judged.

        Args:
            genotype: the genotype to judge.
            seed: the seed of all randomness.
            folder: the folder for its files; a call that was cut off continues from them.

        Returns:
            The score by which the winner is chosen, which must not depend on test images, and all figures by name,
            including those of the test.

        Raises:
            DivergedError: the genotype could not be trained.
            Stopped: a signal asked the process to stop.
        """

    def facts(self) -> dict[str, Any]:
        """Return further JSON values for `study.json`; a study continues only with equal ones."""
        return {}

    def exported(self, config: SearchConfig, folder: Path) -> SearchConfig:
        """Return a configuration by which another process quickly makes an equal evaluator, with files in `folder`."""
        del folder
        return config

    def publish(self, folder: Path, path: Path) -> dict[str, Any]:
        """Copy the winner's files from `folder`, where `finish` wrote them, to `path`.

        Returns:
            The names of the files for `result.json`; a trained model has `card` and `model`.
        """
        del folder, path
        return {}

"""How long a search will still take, roughly, for the terminal."""

import math
import time
from pathlib import Path

from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.study.folder import Study
from nasnet_keras.utils.workdir import SEEDS

__all__ = ["Remaining", "parts_of"]

_FEWEST = 2  # children of this sitting, from whose time the rest is estimated


def parts_of(config: SearchConfig) -> dict[str, int]:
    """Return the parts of a search in their order, and their numbers of children, or of trained finalists."""
    beside = config.derived_trials or not registry.algorithm(config.algorithm).is_baseline
    random = config.random_trials if beside else 0
    counts = {"search": config.trials, "derived": config.derived_trials, "random": random}
    return {group: count for group, count in {**counts, "finalists": 2 * config.finalists}.items() if count}


class Remaining:
    """Estimates the rest of a search from the children of this sitting.

    All children are taken to last as long as those so far. Where children are trained as finalists are, a finalist is
    taken to last as many times as long as it has more epochs, images and filters, which is too long where most of a
    child's time is its start.

    Args:
        config: the configuration of the search.
        study: its study, open to be written.
    """

    def __init__(self, config: SearchConfig, study: Study) -> None:
        self._config, self._study = config, study
        self._parts = parts_of(config)
        several = Path(config.workdir, "..", SEEDS).exists()
        self._whose = f"left_of_seed_{config.seed}" if several else "left_in_all"  # further seeds are not known here
        self._begun: tuple[float, int] | None = None  # the time, and the number of children that were there

    def seconds(self) -> float | None:
        """The seconds that are left, of all parts; None as long as too few children have ended in this sitting."""
        done = {group: self._study.count(group) for group in self._parts if group != "finalists"}
        total, now = sum(done.values()), time.monotonic()
        if self._begun is None:
            self._begun = now, total
        if total - self._begun[1] < _FEWEST:
            return None
        each = (now - self._begun[0]) / (total - self._begun[1])
        left = sum(max(0, self._parts[group] - count) for group, count in done.items())
        return each * (left + self._parts.get("finalists", 0) * self._times_a_child())

    def shown(self) -> dict[str, str]:
        """What is left, in words, for a bar; nothing if it is not known, or none is left that can be estimated."""
        seconds = self.seconds()
        return {} if not seconds else {self._whose: f"about {_in_words(seconds)}"}

    def _times_a_child(self) -> float:
        """How many times as long as a child a finalist lasts; 0 if its training is no longer one of the same kind."""
        config = self._config
        if registry.evaluator(config.evaluator).how is None:
            return 0.0
        factor = config.final_epochs / config.recipe.epochs
        sizes = config.sizes()
        for name, size in config.sizes(final=True).items():
            factor *= (size / sizes[name]) ** (1 if name == "num_repeats" else 2)
        count = self._study.config.get("images", {}).get("train")  # of the children
        if config.final_train_images is not None and count:
            factor *= config.final_train_images / count
        return factor


def _in_words(seconds: float) -> str:
    """A duration, as roughly as it is known."""
    if seconds < 90:
        return f"{max(10, 10 * math.ceil(seconds / 10))} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"

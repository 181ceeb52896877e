"""The networks of children that were judged, or are on their way: an equal one is not judged again."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from nasnet_keras.search.costs.limits import OVER_LIMIT
from nasnet_keras.search.study.trial import EQUAL, REWARDED, Trial

__all__ = ["Judged"]

_RESULTS = (*REWARDED, OVER_LIMIT)  # what is known once and for all; another failed child may succeed with another seed


class Judged:
    """Which child of a group judges a network, and which ones have its result.

    The first child of a network judges it. Later ones have its result, and wait for it while it is on its way, so that
    what they get does not depend on which child is finished first. If the first one fails, the next one judges.

    Args:
        name: names the network of a genotype.
        trials: the trials of the group before this sitting. Those over a limit count no more, since the limit may be
            one of another device now.

    Example:
        >>> judged = Judged(str)
        >>> judged.claim(0, "|none~0|"), judged.claim(1, "|none~0|")
        (True, False)
        >>> shared, again = judged.end(Trial(0, "|none~0|", "ok", 0.5, {}, 1.0, seed=0))
        >>> [(one.trial, one.reward, one.metrics) for one in shared], again
        ([(1, 0.5, {'equal_trial': 0})], [])
        >>> judged.known(2, "|none~0|").reward
        0.5
    """

    def __init__(self, name: Callable[[Any], str], trials: Iterable[Trial] = ()) -> None:
        self._name = name
        self._results: dict[str, Trial] = {}
        self._waiting: dict[str, dict[int, Any]] = {}  # by the networks on their way: other children, by their numbers
        for trial in sorted(trials, key=lambda one: one.trial):
            if trial.status in REWARDED:
                self._results.setdefault(name(trial.genotype), trial)

    def known(self, number: int, genotype: Any) -> Trial | None:
        """The trial of a child whose network was judged; None if it was not."""
        earlier = self._results.get(self._name(genotype))
        return None if earlier is None else _shared(earlier, number, genotype)

    def claim(self, number: int, genotype: Any) -> bool:
        """Whether a child is to judge its network; otherwise it waits for the result of another one."""
        name = self._name(genotype)
        if name in self._waiting:
            self._waiting[name][number] = genotype
            return False
        self._waiting[name] = {}
        return True

    def end(self, trial: Trial) -> tuple[list[Trial], list[int]]:
        """Take the trial of a child that judged its network.

        Returns:
            The trials of those that waited for it; or else, if it failed, the numbers of those that are to try.
        """
        name = self._name(trial.genotype)
        waiting = self._waiting.pop(name, {})
        if trial.status not in _RESULTS:
            return [], list(waiting)
        self._results[name] = trial
        return [_shared(trial, *child) for child in waiting.items()], []


def _shared(trial: Trial, number: int, genotype: Any) -> Trial:
    """The trial of a child whose network another one has judged."""
    metrics = {EQUAL: trial.trial, **trial.metrics}  # the other one may have its result from another
    return dataclasses.replace(trial, trial=number, genotype=genotype, metrics=metrics, seconds=0.0)

"""The floors of the next child: what the children before it let one expect.

They depend on the trials that the algorithm knows when it proposes the child, and on nothing else, so that the order in
which children finish changes no search.
"""

import math
from collections.abc import Sequence

import numpy as np

from nasnet_keras.search.rungs import Floor, Rung, accuracy_name
from nasnet_keras.search.study.trial import EQUAL, REWARDED, Trial
from nasnet_keras.utils.checks import finite

__all__ = ["FEWEST", "floors"]

FEWEST = 6
"""The number of children that come to a rung before one is stopped there."""


def floors(rungs: Sequence[Rung], trials: Sequence[Trial]) -> tuple[Floor, ...]:
    """Compute the floors of the next child.

    Args:
        rungs: the rungs of the search.
        trials: the trials that the algorithm knows.

    Returns:
        A floor for each rung to which at least `FEWEST` children have come, two of them to the end. Children that have
        the result of another one do not count.

    Example:
        >>> known = [{"train_accuracy_1": (30 + number) / 100} for number in range(8)]
        >>> trials = [Trial(n, "|none~0|", "ok", 0.5, one, 1.0, seed=0) for n, one in enumerate(known)]
        >>> [floor.least for floor in floors([Rung(1, 0.25)], trials)]
        [0.36]
    """
    return tuple(found for rung in rungs if (found := _floor(rung, trials)) is not None)


def _floor(rung: Rung, trials: Sequence[Trial]) -> Floor | None:
    name = accuracy_name(rung.epoch)
    came = [one for one in trials if one.status in REWARDED and EQUAL not in one.metrics]
    came = [one for one in came if finite(one.metrics.get(name))]
    ended = np.array([(one.metrics[name], one.reward) for one in came if one.status == "ok"], float).reshape(-1, 2)
    if len(came) < FEWEST or len(ended) < 2:
        return None
    best = sorted((one.metrics[name] for one in came), reverse=True)
    accuracy, reward = ended.mean(axis=0)
    around = ended - (accuracy, reward)
    spread = float((around[:, 0] ** 2).sum())
    slope = max(0.0, float(around.prod(axis=1).sum()) / spread) if spread > 0 else 0.0
    return Floor(rung.epoch, float(best[math.ceil(rung.share * len(best)) - 1]), float(accuracy), float(reward), slope)

"""The front of a study for TensorBoard."""

import math
import shutil
from pathlib import Path

from nasnet_keras.pages.axes import thinned
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.pareto import cost_of, hypervolumes, points_of, reference_of
from nasnet_keras.training.events import EventFile

__all__ = ["write_front"]

_POINTS = 1000
_MOST = 2**62  # a step is a whole number
_PARTS = 1000.0  # of a cost that is no whole number


def write_front(study: Study) -> Path | None:
    """Write the front into `tensorboard/front/` of the study's folder, in place of the one that was there.

    TensorBoard draws curves over whole numbers. A curve such as `front/reward_by_multiply_adds` has the cost of a child
    in place of the step, so it is the front; that of a cost which is no whole number counts thousandths, and its name
    says so: `front/reward_by_latency_ms_thousandths`. `hypervolume` and `random_hypervolume` are over trials.

    Returns:
        The folder; None if no child has the costs of the front.

    Raises:
        OSError: a file cannot be written.
    """
    folder = study.path / "tensorboard" / "front"
    shutil.rmtree(folder, ignore_errors=True)
    if not study.pareto():
        return None
    file = EventFile(folder)
    try:
        for name in study.front_costs:
            _write_cost(file, study, name)
        _write_volumes(file, study)
    finally:
        file.close()
    return folder


def _write_cost(file: EventFile, study: Study, name: str) -> None:
    """Write the curve of the reward by a cost; of children whose steps are equal, the best."""
    front = study.pareto((name,))
    costs = [cost_of(trial, name) for trial in front]
    whole = all(float(cost).is_integer() for cost in costs)
    tag = f"front/reward_by_{name}" + ("" if whole else "_thousandths")
    rewards = {
        math.floor(cost * (1.0 if whole else _PARTS)): trial.reward for trial, cost in zip(front, costs, strict=True)
    }
    for step, reward in rewards.items():
        if step < _MOST:
            file.scalars({tag: reward}, step)


def _write_volumes(file: EventFile, study: Study) -> None:
    """Write the hypervolume over the children of the search, and over random ones."""
    names, ours = study.front_costs, study.candidates
    corner = reference_of([*ours, *study.random_trials], names, study.limits)
    for tag, trials in (("hypervolume", ours), ("random_hypervolume", study.random_trials)):
        volumes = hypervolumes(points_of(trials, names), corner)
        for place in thinned(len(volumes), _POINTS):
            file.scalars({tag: float(volumes[place])}, trials[place].trial)

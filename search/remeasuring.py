"""Children of a study that goes on on another device are measured there anew."""

import time

from absl import logging

from nasnet_keras.search.executors.base import BUSY, Executor, Outcome, Task, as_completed
from nasnet_keras.search.pipeline import ATTEMPTS, pause_seconds
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.trial import Trial

__all__ = ["measure_anew", "measured"]


def measure_anew(study: Study, executor: Executor) -> None:
    """Measure the children that have no costs on the study's device and could be best; the best ones come first.

    A child that cannot be measured there is left out of what is compared, and is tried again in the next sitting.

    Args:
        study: a study that is open to be written.
        executor: an executor that was started and has no task under way.

    Raises:
        StudyError: the study cannot be written.

    Example:
        measure_anew(study, executor)
        study.best.costs["latency_ms"]
    """
    for trial in study.unmeasured():
        outcome = measured(executor, _task(trial))
        if outcome.status == "ok":
            study.add_costs(trial, outcome.metrics)
        else:
            logging.warning("trial %d cannot be measured anew: %s", trial.trial, outcome.metrics.get("error"))


def measured(executor: Executor, task: Task) -> Outcome:
    """Measure the costs of one genotype, several times if the machine is busy.

    Args:
        executor: an executor without a task under way.
        task: a task of the stage `measure`.

    Example:
        measured(executor, Task("search", 0, genotype, 0, stage="measure")).metrics
    """
    for attempt in range(1, ATTEMPTS + 1):
        tasks = [task]
        (outcome,) = filter(None, as_completed(executor, lambda waiting=tasks: waiting.pop() if waiting else None))
        if outcome.status != BUSY or attempt == ATTEMPTS:
            break
        time.sleep(pause_seconds(attempt))
    return outcome


def _task(trial: Trial) -> Task:
    return Task("search", trial.trial, trial.genotype, trial.seed, stage="measure")

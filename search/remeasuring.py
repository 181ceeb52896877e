"""Children of a study that goes on on another device are measured there anew."""

import time
from collections.abc import Callable

from absl import logging

from nasnet_keras.search.executors.base import BUSY, Executor, Outcome, Task, as_completed
from nasnet_keras.search.pipeline import ATTEMPTS, pause_seconds
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.utils.progress import Progress

__all__ = ["measure_anew", "measured"]


def measure_anew(study: Study, executor: Executor) -> None:
    """Measure the children that succeeded and have no costs on the study's device; the best ones come first.

    A child that cannot be measured there is left out of what is compared, and is tried again in the next sitting.

    Args:
        study: a study that is open to be written.
        executor: an executor that was started and has no task under way.

    Raises:
        StudyError: the machine stays too busy, or the study cannot be written. What was measured is kept.

    Example:
        measure_anew(study, executor)
        study.best.costs["latency_ms"]
    """
    missing = study.unmeasured()
    if not missing:
        return
    with Progress(total=len(missing), desc="measured anew", unit="child") as bar:
        for trial in missing:
            outcome = measured(executor, _task(trial), bar.beat)
            if outcome.status == BUSY:
                raise StudyError(
                    f"{study.path}: children cannot be measured anew, and are when the same command runs "
                    f"again: {outcome.metrics.get('error')}"
                )
            if outcome.status == "ok":
                study.add_costs(trial, outcome.metrics)
            else:
                logging.warning("trial %d cannot be measured anew: %s", trial.trial, outcome.metrics.get("error"))
            bar.update()


def measured(executor: Executor, task: Task, beat: Callable[[], None] = lambda: None) -> Outcome:
    """Measure the costs of one genotype, several times if the machine is busy.

    Args:
        executor: an executor without a task under way.
        task: a task of the stage `measure`.
        beat: called once a second in the pauses between attempts.

    Example:
        measured(executor, Task("search", 0, genotype, 0, stage="measure")).metrics
    """
    for attempt in range(1, ATTEMPTS + 1):
        tasks = [task]
        (outcome,) = filter(None, as_completed(executor, lambda waiting=tasks: waiting.pop() if waiting else None))
        if outcome.status != BUSY or attempt == ATTEMPTS:
            break
        logging.warning("%s; attempt %d of %d", outcome.metrics.get("error"), attempt + 1, ATTEMPTS)
        for _ in range(round(pause_seconds(attempt))):
            beat()
            time.sleep(1.0)
    return outcome


def _task(trial: Trial) -> Task:
    return Task("search", trial.trial, trial.genotype, trial.seed, stage="measure")

"""Executors by name: they run evaluators. `base.Executor` states the rules."""

from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor
from nasnet_keras.search.executors.gpus import visible_gpus
from nasnet_keras.search.registry import EXECUTORS

__all__ = ["make", "names"]


def names() -> tuple[str, ...]:
    """List the names of all executors."""
    return tuple(EXECUTORS)


def make(config: SearchConfig, evaluator: Evaluator | None = None) -> Executor:
    """Make the executor that a configuration names.

    Args:
        config: the configuration of the search.
        evaluator: the evaluator that judges; None for the one that the configuration names.

    Raises:
        ValueError: there are too few GPUs, or a batch does not divide by the GPUs of a child.
        ExecutorError: no process can be started.
    """
    row = EXECUTORS[registry.executor_for(config.executor, config.evaluator)]
    gpus = visible_gpus()
    if evaluator is None and registry.evaluator(config.evaluator).trains and (gpus or row.spans_machines):
        devices = max(1, int(config.gpus_per_child or 1)) if row.isolates else len(gpus)
        batch_size = min(config.recipe.batch_size, config.train_images or config.recipe.batch_size)
        if batch_size % devices:
            raise ValueError(f"batch_size {batch_size} does not divide by the {devices} GPUs of a child")
    return row.load()(config, evaluator)

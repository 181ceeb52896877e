"""Executors by name: where evaluators run. `base.Executor` states the rules."""

import importlib
from typing import TYPE_CHECKING

from nasnet_keras.search.executors.base import Executor
from nasnet_keras.search.executors.gpus import visible_gpus
from nasnet_keras.utils.checks import choice, quoted

if TYPE_CHECKING:
    from nasnet_keras.search.config import SearchConfig

__all__ = ["check", "make", "names"]

_EXECUTORS = {  # imported when they are made
    "inline": "inline.Inline",
    "subprocess": "subprocesses.Subprocesses",
}


def names() -> tuple[str, ...]:
    """The names of all executors."""
    return tuple(_EXECUTORS)


def check(config: "SearchConfig") -> None:
    """Whether the executor that a configuration names can do what it says.

    Raises:
        ValueError: it cannot; the message says what would do.
    """
    name, workers = config.executor, config.workers
    choice("executor", name, names())
    if name == "inline" and (workers or 1) > 1:
        raise ValueError(f"executor 'inline' has one worker, got {workers}: choose 'subprocess'")
    if name == "inline" and config.child_memory_gib is not None:
        raise ValueError("executor 'inline' cannot limit memory: choose 'subprocess'")
    if name != "inline" and config.evaluator == "shared":
        raise ValueError(
            f"children that share weights are judged where these are, by executor 'inline', got {quoted(name)}"
        )
    if workers is not None and workers > config.window:
        raise ValueError(
            f"{workers} workers need a window of {workers} at least, got {config.window}: a wider window lets more "
            f"children start before the results of others are known"
        )


def make(config: "SearchConfig") -> Executor:
    """The executor that a configuration names.

    Raises:
        ValueError: there are too few GPUs, or a batch does not divide by those of a child.
        ExecutorError: no process can be started.
    """
    if config.evaluator != "tabular" and (gpus := visible_gpus()):
        devices = config.gpus_per_child if config.executor == "subprocess" else len(gpus)
        batch_size = min(config.recipe.batch_size, config.train_images or config.recipe.batch_size)
        if batch_size % devices:
            raise ValueError(f"batch_size {batch_size} does not divide by the {devices} GPUs of a child")
    module, _, attribute = _EXECUTORS[config.executor].partition(".")
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)(config)

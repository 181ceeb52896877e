"""Tasks in separate processes, several at once, within limits of time and memory."""

import os
import platform
from pathlib import Path

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor, Outcome, Task
from nasnet_keras.search.executors.gpus import visible_gpus
from nasnet_keras.search.executors.pool import Pool
from nasnet_keras.search.executors.workspace import Workspace, judge, setup_line
from nasnet_keras.utils.environment import cores

__all__ = ["THREADS", "Subprocesses", "threads_each"]

THREADS = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")
"""The variables that say how many threads TensorFlow and BLAS have."""


class Subprocesses(Executor):
    """Does tasks in forks of workers that have imported TensorFlow before: see `worker`.

    A child that is killed, runs out of memory or hangs is a recorded trial. If a worker ends, stops or hangs, its child
    is a recorded trial, too, and another worker takes its place. Without GPUs, the workers share the cores; with GPUs,
    the children of each worker see `gpus_per_child` GPUs that no other worker has.

    Args:
        config: the configuration of the search: `workers`, `gpus_per_child`, and the limits of children and finalists.
        evaluator: the evaluator that judges, so that workers import its class at once; None for the one that the
            configuration names.

    Raises:
        ValueError: there are too few GPUs.
        ExecutorError: no process can be started.
    """

    def __init__(self, config: SearchConfig, evaluator: Evaluator | None = None) -> None:
        self._config = config
        environments = _environments(config)
        self.capacity = len(environments)
        self._space: Workspace | None = None
        self._pool = Pool(config, judge(config, evaluator), environments, self._keep)

    def start(self, evaluator: Evaluator, folder: Path) -> None:
        self._pool.check_open()
        self._space = Workspace(folder)
        self._pool.set_up(setup_line(evaluator, evaluator.exported(self._config, self._space.path)))

    def submit(self, task: Task) -> None:
        self._pool.submit(task)

    def wait(self, timeout_seconds: float) -> Outcome | None:
        return self._pool.wait(timeout_seconds)

    def close(self) -> None:
        self._pool.close()
        if self._space is not None:
            self._space.close()

    def places(self) -> dict[str, int]:
        return {platform.node(): sum(worker.task is not None for worker in self._pool.workers)}

    def _keep(self, task: Task, output: bytes) -> None:
        self._space.keep(task, output)


def threads_each(config: SearchConfig) -> int:
    """Return the number of threads of each child, if as many run on this machine as there are cores or GPUs for."""
    return max(1, cores() // _workers(config))


def _workers(config: SearchConfig) -> int:
    """The number of workers on this machine."""
    gpus, each = len(visible_gpus()), 1 if config.gpus_per_child is None else config.gpus_per_child
    return config.workers or max(1, min(config.window, int(gpus / each) if gpus and each else cores()))


def _environments(config: SearchConfig) -> list[dict[str, str]]:
    """The environment of each worker, with its share of the GPUs or of the cores."""
    gpus, each = visible_gpus(), int(config.gpus_per_child or 1)
    if gpus and len(gpus) < each * (config.workers or 1):
        raise ValueError(
            f"{config.workers or 1} workers of {each} GPUs each need {each * (config.workers or 1)}, "
            f"and {len(gpus)} are visible: {', '.join(gpus)}"
        )
    threads = str(threads_each(config))
    base = {"TQDM_DISABLE": "1", **{name: os.environ.get(name, threads) for name in THREADS}}
    shares = [",".join(gpus[i * each : (i + 1) * each]) for i in range(_workers(config))]
    return [{**os.environ, **base, **({"CUDA_VISIBLE_DEVICES": share} if gpus else {})} for share in shares]

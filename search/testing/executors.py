"""The rules of executors."""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.latency.errors import MachineBusy
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor, Outcome, Task, as_completed, perform
from nasnet_keras.search.study.trial import fingerprint
from nasnet_keras.search.testing.contract import ContractError, allowed, require
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.utils.checks import quoted

__all__ = ["Probe", "check_executor"]


def check_executor(make: Callable[[], Executor], seconds: float = 300.0) -> None:
    """Check the rules of an executor, with an evaluator that fails in every way: `Probe`.

    Args:
        make: a function that makes a new executor, which is not started yet.
        seconds: the time limit for the next outcome.

    Raises:
        ContractError: a rule is broken.

    Example:
        >>> from nasnet_keras.search import SearchConfig
        >>> from nasnet_keras.search.executors.inline import Inline
        >>> check_executor(lambda: Inline(SearchConfig("study")))
    """
    with tempfile.TemporaryDirectory() as folder, make() as executor:
        require(isinstance(executor, Executor), f"expected an Executor, got {quoted(executor)}")
        capacity = executor.capacity
        require(isinstance(capacity, int) and capacity > 0, f"capacity must be 1 or more, got {quoted(capacity)}")
        executor.start(Probe(), Path(folder))
        with allowed("wait is called while nothing is under way"):
            idle = executor.wait(0.0)
        require(idle is None, "wait must return None while nothing is under way")
        final = Path(folder, "final")
        final.mkdir()
        tasks = [Task("search", number, NASNET_A, number) for number in range(8)]
        tasks += [Task("search", number, NASNET_A, number, stage="measure") for number in range(9, 12)]
        tasks += [Task("random", 0, "a benchmark's cell", 0), Task("search", 8, NASNET_A, 0, final)]
        for order in (tasks, tasks[::-1]):
            _check_outcomes(executor, order, seconds)
        require((final / "finished").exists(), "a task with a folder must be finished in it")
        executor.close()
        executor.close()


class Probe(Evaluator):
    """Judges any genotype by the seed, and fails for some seeds, in every way that an evaluator may."""

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor: there are none."""
        return {}

    def evaluate(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        failures = {1: RuntimeError("one"), 2: DivergedError("two"), 3: MemoryError("three")}
        if seed in failures:
            raise failures[seed]
        reward = math.nan if seed == 4 else seed / 10
        return reward, {"fingerprint": fingerprint(genotype), **({"object": object} if seed == 5 else {})}

    def measure(self, genotype: Any, seed: int) -> dict[str, float]:
        failures = {10: RuntimeError("ten"), 11: MachineBusy("eleven")}
        if seed in failures:
            raise failures[seed]
        return {"latency_ms": float(seed)}

    def finish(self, genotype: Any, seed: int, folder: Path) -> tuple[float, dict[str, Any]]:
        (folder / "finished").touch()
        return self.evaluate(genotype, seed)


def _check_outcomes(executor: Executor, tasks: list[Task], seconds: float) -> None:
    """Give all tasks to the executor, as a search does, and check their outcomes."""
    waiting, found = list(tasks), []
    until = time.monotonic() + seconds
    for outcome in as_completed(executor, lambda: waiting.pop(0) if waiting else None):
        if outcome is not None:
            found.append(outcome)
            until = time.monotonic() + seconds
        if time.monotonic() > until:
            raise ContractError(f"wait must return an outcome, however a task ends; there was none in {seconds:g} s")
    for outcome in found:
        require(isinstance(outcome, Outcome), f"wait must return an Outcome or None, got {quoted(outcome)}")
        with allowed("an outcome must be what the evaluator gives"):
            outcome.check()
    ended = [outcome.task for outcome in found]
    once = len(ended) == len(tasks) and set(ended) == set(tasks)
    require(once, f"each task must have one outcome, got those of {[task.number for task in ended]}")
    for outcome in found:
        here = perform(Probe(), replace(outcome.task, folder=None))  # which leaves the folder to the executor
        same = (outcome.status, outcome.reward, outcome.metrics) == (here.status, here.reward, here.metrics)
        require(
            same,
            f"an outcome must be what the evaluator gives: task {outcome.task.number} was {outcome.status} with "
            f"{outcome.reward} and {quoted(outcome.metrics)}, and not {here.status} with {here.reward} and "
            f"{quoted(here.metrics)}",
        )

"""The rules of evaluators."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.latency.errors import MachineBusy
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.costs.limits import checked_costs
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Outcome, Task, perform
from nasnet_keras.search.objects import config_of
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.testing.contract import allowed, require
from nasnet_keras.utils.checks import quoted

__all__ = ["check_evaluator"]

_PRICED = 5  # genotypes whose costs are compared


def check_evaluator(make: Callable[[], Evaluator], space: Space, genotypes: int = 2) -> None:
    """Check the rules of an evaluator with a few genotypes, and `finish` with one of them.

    Args:
        make: a function that makes a new evaluator.
        space: the space of the genotypes.
        genotypes: the number of genotypes to evaluate, twice each.

    Raises:
        ContractError: a rule is broken, or every genotype failed.

    Example:
        >>> from nasnet_keras.search import SearchConfig
        >>> from nasnet_keras.search.evaluators.tabular import TabularEvaluator
        >>> config = SearchConfig("study", evaluator="tabular", table="nasnet_cells_cifar10")
        >>> check_evaluator(lambda: TabularEvaluator(config), config.search_space())
    """
    first, again = make(), make()
    require(isinstance(first, Evaluator), f"expected an Evaluator, got {quoted(first)}")
    most = first.children_per_process
    require(type(most) is int and most > 0, f"children_per_process must be 1 or more, got {quoted(most)}")
    with allowed("facts must be a dictionary of JSON values"):
        facts = [json.dumps({**one.facts()}, allow_nan=False) for one in (first, again)]
    require(facts[0] == facts[1], f"facts must be the same for the same data, got {facts[0]}, then {facts[1]}")
    with allowed("what get_config returns must be what from_config takes"):
        config = config_of(again)
        again = again if config is None else type(again).from_config(config)
    for evaluator in (first, again):
        with allowed("it must accept the space"):
            evaluator.accept(space)
    _check_costs(first, again, space)
    generator = np.random.default_rng(0)
    tasks = [Task("search", seed, space.decode(space.sample(generator)), seed) for seed in range(genotypes)]
    outcomes = {task: _outcome(first, space, task) for task in tasks}
    good = [task for task in tasks if outcomes[task].status == "ok"]
    require(bool(good), f"no genotype could be judged: {outcomes[tasks[0]].metrics.get('error')}")
    for task in reversed(tasks):
        _check_same(outcomes[task], _outcome(again, space, task))
    _check_finish(again, good[0])


def _check_costs(one: Evaluator, other: Evaluator, space: Space) -> None:
    """Check the costs of a few genotypes, and measure one of them if the evaluator measures any."""
    generator = np.random.default_rng(1)
    for _ in range(_PRICED):
        genotype = space.decode(space.sample(generator))
        with allowed("costs must give finite numbers from 0 by name"):
            found = [checked_costs(evaluator.costs(genotype), "costs") for evaluator in (one, other)]
        require(found[0] == found[1], f"costs depend on the genotype only, got {found[0]}, then {found[1]}")
    require(isinstance(one.measures, tuple), f"measures must be a tuple of names, got {quoted(one.measures)}")
    if one.measures:
        with allowed("measure must give finite numbers from 0 by name"):
            measured = _measured(one, genotype)
        require(set(measured) <= set(one.measures), f"measure must give what measures names, got {measured}")


def _measured(evaluator: Evaluator, genotype: Any) -> dict[str, float]:
    """The measured costs of a genotype; none if the machine is too busy now."""
    try:
        return checked_costs(evaluator.measure(genotype, 0), "measure")
    except MachineBusy:
        return {}


def _outcome(evaluator: Evaluator, space: Space, task: Task) -> Outcome:
    """Judge a child as a search does."""
    evaluator.prepare(task.number, RandomSearch(space, 0).draw)
    return perform(evaluator, task)


def _check_same(one: Outcome, other: Outcome) -> None:
    same = (one.status, one.reward, one.metrics.keys()) == (other.status, other.reward, other.metrics.keys())
    require(
        same,
        f"a child's reward depends on its genotype and seed only: trial {one.task.number} was {one.status} with "
        f"{one.reward}, and {other.status} with {other.reward} in another evaluator and order",
    )


def _check_finish(evaluator: Evaluator, task: Task) -> None:
    with tempfile.TemporaryDirectory() as name:
        final, published = Path(name, "final"), Path(name, "published")
        final.mkdir()
        published.mkdir()
        for what in (Task("random", 0, task.genotype, task.seed), Task("search", 0, task.genotype, task.seed, final)):
            outcome = perform(evaluator, what)
            require(outcome.status == "ok", f"score and finish must judge what evaluate did: {outcome.metrics}")
        with allowed("publish must copy what finish left"):
            files = evaluator.publish(final, published)
            require(isinstance(files, dict), f"publish must return names of files, got {quoted(files)}")
            gone = [file for file in files.values() if not Path(published, file).exists()]
            require(not gone, f"publish must copy the files that it names: {', '.join(gone)}")

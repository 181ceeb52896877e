"""The choice of finalists: the best genotypes, and random ones of about their costs, all within the limits."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from absl import logging

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.costing import Costing
from nasnet_keras.search.equality import FACT, NETWORKS, is_listed, network_name
from nasnet_keras.search.executors.base import BUSY, Executor, Task
from nasnet_keras.search.remeasuring import measured
from nasnet_keras.search.report.matching import RATIO
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.front import judged
from nasnet_keras.search.study.pareto import cost_of, spread_along
from nasnet_keras.search.study.result import RESULT, final_folder, finalist_name
from nasnet_keras.search.study.trial import Trial, fingerprint

__all__ = ["Drawn", "best_trials", "random_finalists", "tasks_of"]

_DRAWS = 20  # for each random finalist
_MEASURED = 4  # for each random finalist, beyond those that were judged as children

Drawn = tuple[int, Any]
"""A random genotype with its number."""


def best_trials(config: SearchConfig, study: Study) -> list[Trial]:
    """Choose the best trials of different networks within the limits, or those along the front of a cost.

    Raises:
        StudyError: no child has the cost along which they are to be taken.
    """
    good = [one for one in study.candidates if one.status == "ok" and study.objective.within(one.costs)]
    ranked = sorted(good, key=lambda one: (-one.reward, one.trial))
    different: dict[str, Trial] = {}
    for trial in ranked:
        different.setdefault(_name(study, trial.genotype), trial)
    best, cost = list(different.values()), config.finalists_along
    if cost is None:
        return best[: config.finalists]
    known = [trial for trial in best if cost_of(trial, cost) is not None]
    if not known:
        costs = ", ".join(sorted({name for trial in best for name in trial.costs})) or "none"
        raise StudyError(f"finalists_along={cost}: no child has this cost, but {costs}")
    return spread_along(known, cost, config.finalists, study.limits.get(cost))


def random_finalists(
    config: SearchConfig,
    study: Study,
    costing: Costing,
    executor: Executor,
    drawn: Callable[[int], Any],
) -> dict[int, tuple[Any, dict[str, float]]]:
    """Choose random genotypes of about the costs of the best ones, of any reward, and within the limits as those are.

    Costs that have a limit and are measured are those of a random child that was judged; if there are too few of them,
    others are measured now, unless the machine is too busy.

    Returns:
        Genotypes and their costs by the numbers of the draws, as many as of the search, or fewer if no more are within.
    """
    draws = _DRAWS * config.finalists
    over = {name for name, one in judged(study).items() if not study.objective.within(one.costs)}
    pool = [one for one in _distinct(study, drawn, draws) if fingerprint(one[1]) not in over and _fits(one[1], costing)]
    folder, finished = study.path / final_folder(config.final_settings()), (study.path / RESULT).exists()
    begun = set() if finished else {path.name for path in folder.glob("random_*")}
    rewarded = {
        finalist_name("random", fingerprint(one.genotype)) for one in study.random_trials if one.reward is not None
    }
    best = best_trials(config, study)
    ours = {_name(study, one.genotype) for one in best}
    others = [one for one in pool if _name(study, one[1]) not in ours] or list(pool)
    ranked = _beside(best, costing, others, begun, rewarded)
    chosen: dict[int, tuple[Any, dict[str, float]]] = {}
    for number, genotype, costs in _within(ranked, config, study, costing, executor):
        chosen[number] = genotype, costs
        if len(chosen) == config.finalists:
            break
    if not chosen and pool:
        within = study.objective
        logging.warning("no random genotype is known to be within %s: finalists are compared with none", within)
    return chosen


def tasks_of(config: SearchConfig, study: Study, random: dict[int, tuple[Any, dict[str, float]]]) -> list[Task]:
    """Make the tasks of the best genotypes of the search, and of random ones."""
    folder = study.path / final_folder(config.final_settings())
    chosen = [("search", trial.trial, trial.genotype) for trial in best_trials(config, study)]
    chosen += [("random", number, genotype) for number, (genotype, _) in random.items()]
    return [
        Task(group, number, genotype, config.seed, folder / finalist_name(group, fingerprint(genotype)))
        for group, number, genotype in chosen
    ]


def _fits(genotype: Any, costing: Costing) -> bool:
    """Whether the costs that are known at once are within their limits."""
    space = costing.limited
    return not costing.objective.limits or space.fits(space.encode(genotype))


def _within(
    ranked: list[Drawn], config: SearchConfig, study: Study, costing: Costing, executor: Executor
) -> Iterator[tuple[int, Any, dict[str, float]]]:
    """Those that are within all limits, with their costs: those that are known to be, and then measured ones."""
    objective, known, unknown = study.objective, judged(study), []
    for number, genotype in ranked:
        trial = known.get(fingerprint(genotype))
        costs = {**costing.known(genotype), **({} if trial is None else trial.costs)}
        if objective.within(costs):
            yield number, genotype, costs
        else:
            unknown.append((number, genotype, costs))
    for number, genotype, costs in unknown[: _MEASURED * config.finalists] if costing.measured else ():
        outcome = measured(executor, Task("random", number, genotype, config.seed, stage="measure"))
        if outcome.status == BUSY:
            break
        costs |= {name: outcome.metrics[name] for name in costing.measured if name in outcome.metrics}
        if objective.within(costs):
            yield number, genotype, costs


def _beside(
    best: list[Trial], costing: Costing, others: list[Drawn], begun: set[str], rewarded: set[str]
) -> list[Drawn]:
    """Random genotypes with their numbers: for each of the best ones that whose cost is nearest, each once, and others.

    A large network is never compared with a small one. Trainings that were begun in a first sitting, perhaps of an
    earlier version, go on; and of those of about the same cost, random children that were judged come first, since
    their rewards tell how well rewards predict.
    """
    chosen = []
    for trial in best[: len(others)]:

        def far(one: Drawn, genotype: Any = trial.genotype) -> tuple[bool, bool, float]:
            name, distance = f"random_{fingerprint(one[1])}", costing.distance(one[1], genotype)
            return name not in begun, not (name in rewarded and distance <= math.log2(RATIO)), distance

        nearest = min(others, key=far)
        others.remove(nearest)
        chosen.append(nearest)
    return [*chosen, *others]


def _distinct(study: Study, drawn: Callable[[int], Any], draws: int) -> list[Drawn]:
    """Random genotypes of different networks with their numbers."""
    found: dict[str, Drawn] = {}
    for number in range(draws):
        genotype = drawn(number)
        found.setdefault(_name(study, genotype), (number, genotype))
    return list(found.values())


def _name(study: Study, genotype: Any) -> str:
    """The name of what a study counts once."""
    by_network = study.config.get(FACT) == NETWORKS
    return network_name(genotype, is_listed(study.config)) if by_network else fingerprint(genotype)

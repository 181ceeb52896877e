"""What a search knows of costs, and when: at once, by measuring, or only when a child was trained."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nasnet_keras.search.costs.limits import OVER_LIMIT, CostError, Objective, checked_costs
from nasnet_keras.search.costs.own import ObjectiveError, load_own, value_of
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.spaces.limited import LimitedSpace
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.utils.checks import finite

__all__ = ["BEFORE", "COUNTED", "Costing"]

BEFORE = "evaluator_reward"
"""The metric of a child that has the reward of its evaluator, if a function of one's own gave another."""

COUNTED = ("multiply_adds", "parameters", "trainable_parameters")
"""The costs that are counted without building a network; the first one says most of the time that it takes."""
_NOTHING = 1e-9  # added to costs, since some networks cost nothing
_EXAMPLES = 16  # genotypes that show which costs an evaluator knows
_REMEMBERED = 2**14


class Costing:
    """The costs of a search's genotypes, and their limits.

    Limits of costs that the evaluator knows at once restrict the space that children are drawn from, and cost no trial.
    Those that it measures are checked before a child is trained. An evaluator that states no costs may leave them among
    its metrics, and their limits are checked when a child was trained.

    Args:
        objective: the limits, and what is maximized under them.
        evaluator: gives the costs; it has accepted the space.
        space: the space to search.
        measure: names of further costs to measure.

    Attributes:
        objective: as above.
        measured: the names of the costs to measure before a child is trained.
        limited: the space within the limits that are known at once; the space itself if there are none.
        compared: the cost by which networks are compared, so that none is compared with a much larger one: that of the
            first limit that is known at once, else the first of `COUNTED` that is; None if none is known.
        searched: the space that an algorithm proposes from, which is not limited in the soft form.

    Raises:
        ValueError: the evaluator has no such cost, no genotype within the limits was found, or the function of one's
            own that is the objective cannot be imported.
    """

    def __init__(self, objective: Objective, evaluator: Evaluator, space: Space, measure: Iterable[str] = ()) -> None:
        self.objective, self._evaluator, self._space = objective, evaluator, space
        self._own = None if objective.own is None else load_own(objective.own)
        self._remembered = functools.lru_cache(_REMEMBERED)(self._asked)
        wanted = dict.fromkeys([*(one.cost for one in objective.limits), *measure])
        self._at_once = self._names()
        self.measured = tuple(name for name in wanted if name in set(evaluator.measures) - set(self._at_once))
        self._states = (*self._at_once, *evaluator.measures)
        first = [one.cost for one in objective.limits]
        self.compared = next((name for name in (*first, *COUNTED) if name in self._at_once), None)
        self._check_known((one.cost for one in objective.limits) if self._states else (), measure)
        cheap = objective.only(self._at_once)
        self.limited = LimitedSpace(space, lambda one: cheap.distance(self.known(one))) if cheap.limits else space
        self.searched = self.limited if objective.form == "hard" else space
        self._check_possible(cheap)

    def check_along(self, cost: str | None) -> None:
        """Check that finalists can be taken along a cost.

        Raises:
            ValueError: the evaluator does not have it, or does not measure it in this search.
        """
        if cost is None or not self._states or cost in (*self._at_once, *self.measured):
            return
        if cost in self._evaluator.measures:
            raise ValueError(f"finalists_along={cost} needs measure={cost}, or a limit of it, so that children have it")
        known = ", ".join(dict.fromkeys(self._states))
        raise ValueError(f"finalists_along={cost}: the evaluator has no such cost, but {known}")

    def known(self, genotype: Any) -> dict[str, float]:
        """The costs of a genotype that are known at once.

        Raises:
            CostError: the evaluator returned something else than costs.
        """
        return dict(self._remembered(genotype))

    def asked(self, costs: Mapping[str, float]) -> dict[str, float]:
        """Those of measured costs that this search measures.

        An evaluator may measure more, such as the latency here although that of a phone is predicted.
        """
        return {name: costs[name] for name in self.measured if name in costs}

    def lost(self, costs: Mapping[str, float], measured: bool) -> bool:
        """Whether a child need not be trained, by the costs that are known before, and those that were measured."""
        return self.objective.only((*self._at_once, *(self.measured if measured else ()))).loses(costs)

    def judged(self, trial: Trial) -> Trial:
        """The record of a trained child: with the costs that stand among its metrics, and over the limit if it is.

        Raises:
            CostError: with limits a reward is below 0, or the evaluator does not give a cost that has a limit.
        """
        wanted = (*COUNTED, *(one.cost for one in self.objective.limits))
        found = {name: trial.metrics[name] for name in wanted if finite(trial.metrics.get(name))}
        trial = self._valued(dataclasses.replace(trial, costs={**found, **trial.costs}))
        if trial.status != "ok" or not self.objective.limits:
            return trial
        if trial.reward < 0 and self._own is None:
            raise CostError(f"under a limit rewards must be 0 or more, got {trial.reward} of trial {trial.trial}")
        missing = [one.cost for one in self.objective.limits if one.cost not in trial.costs]
        if missing and not self._states:
            raise CostError(
                f"{type(self._evaluator).__name__} gives no cost {missing[0]}: neither its costs and measures nor the "
                f"metrics of trial {trial.trial} have it"
            )
        lost = self.objective.loses(trial.costs)
        return dataclasses.replace(trial, status=OVER_LIMIT, reward=None) if lost else trial

    def value(self, reward: float, metrics: Mapping[str, Any], costs: Mapping[str, float]) -> float:
        """The value of the objective for a child or a finalist: what the evaluator says, or one's own function.

        Args:
            reward: the reward, or the score, of the evaluator, which the function gets as the figure `reward`.
            metrics, costs: figures by name, which the function gets too.

        Raises:
            ObjectiveError: the function fails, or returns no finite number.
        """
        return reward if self._own is None else value_of(self._own, {"reward": reward, **metrics, **costs})

    def _valued(self, trial: Trial) -> Trial:
        """The record of a child whose reward is the value of the objective; a failure of that is one of the child."""
        if trial.status != "ok" or self._own is None:
            return trial
        try:
            reward = self.value(trial.reward, trial.metrics, trial.costs)
        except ObjectiveError as error:
            metrics = {**trial.metrics, "error": str(error)[:1000]}
            return dataclasses.replace(trial, status="crashed", reward=None, metrics=metrics)
        return dataclasses.replace(trial, reward=reward, metrics={**trial.metrics, BEFORE: trial.reward})

    def distance(self, one: Any, other: Any) -> float:
        """How far the costs of two genotypes are from each other: the logarithm of their ratio; infinite if unknown."""
        costs = [self.known(genotype).get(self.compared) for genotype in (one, other)]
        return np.inf if None in costs else abs(np.log2((costs[0] + _NOTHING) / (costs[1] + _NOTHING)))

    def moderate(self, seed: int) -> Any:
        """A genotype within the limits, as far as that is known: where a limit is measured, the smallest.

        It is the first child in the soft form, so that there is a result within the limits whatever is proposed.
        """
        if self.objective.only(self.measured).limits:
            return self.smallest()
        space: Any = self.limited.at(0)
        return space.decode(space.sample(np.random.default_rng(seed)))

    def smallest(self) -> Any:
        """A genotype of the lowest cost that is found, which shows whether a measured limit is possible at all."""
        first = self._space.decode([0] * len(self._space.decisions))
        names = [name for name in (*COUNTED, *self._at_once) if name in self._at_once]
        if not names:
            return first

        def cost(genotype: Any) -> float:
            return self.known(genotype).get(names[0], np.inf)

        space = LimitedSpace(self._space, cost)
        return min(space.decode(space.sample(np.random.default_rng(0))), first, key=cost)

    def _asked(self, genotype: Any) -> dict[str, float]:
        whose = f"costs of {type(self._evaluator).__name__}"
        try:
            found = self._evaluator.costs(genotype)
        except Exception as error:
            raise CostError(f"{whose} must not fail, got {type(error).__name__}: {error}") from error
        return checked_costs(found, whose)

    def _names(self) -> tuple[str, ...]:
        """The costs that the evaluator knows at once, of some genotypes."""
        generator = np.random.default_rng(0)
        corners = ([0] * len(self._space.decisions), [len(one.choices) - 1 for one in self._space.decisions])
        vectors = [*corners, *(self._space.sample(generator) for _ in range(_EXAMPLES))]
        return tuple(dict.fromkeys(name for one in vectors for name in self.known(self._space.decode(one))))

    def _check_known(self, limited: Iterable[str], measure: Iterable[str]) -> None:
        """Raise a ValueError for a cost that the evaluator does not have."""
        known = ", ".join(dict.fromkeys(self._states)) or "none"
        for what, names in (("limit", limited), ("measure", measure)):
            for name in names:
                if name not in self._states:
                    raise ValueError(f"{what}={name}: the evaluator has no such cost, but {known}")

    def _check_possible(self, cheap: Objective) -> None:
        """Raise a ValueError if no genotype within the limits is found: neither drawn, nor among all of a small space,
        nor by going down from one that was drawn.
        """
        if not cheap.limits:
            return
        space: Any = self.limited
        drawn = space.sample(np.random.default_rng(0))
        least = min(drawn, (0,) * len(space.decisions), key=space.excess)
        if not space.fits(least):
            costs = self.known(space.decode(least))
            nearest = {one.cost: costs.get(one.cost) for one in cheap.limits}
            whose = "of the space is" if space.is_small else "was found that is"
            raise ValueError(f"no genotype {whose} within {cheap}: the nearest that was found has {nearest}")

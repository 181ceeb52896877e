"""The objects that a search is given in place of names: their checks, and their record in the study."""

import dataclasses
import itertools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from absl import logging

from nasnet_keras.search import algorithms, evaluators, executors, registry
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.combinations import check_place
from nasnet_keras.search.config import SearchConfig, defaults
from nasnet_keras.search.costing import BEFORE, Costing
from nasnet_keras.search.costs.own import ObjectiveError, load_own, value_of
from nasnet_keras.search.equality import FACT, distinct_by
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor
from nasnet_keras.search.objects import RECORDED, class_name, config_of, why_not_elsewhere
from nasnet_keras.search.plausible import check_objective, of_finalist, try_on
from nasnet_keras.search.priors import known_prior
from nasnet_keras.search.proposing import begun_with
from nasnet_keras.search.registry import NO_PRIOR, UsualPrior
from nasnet_keras.search.rows import ExecutorRow
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.known import check_objects
from nasnet_keras.search.study.trial import EQUAL
from nasnet_keras.search.study.trial_log import read_trials
from nasnet_keras.search.surrogates.prior import Prior
from nasnet_keras.search.testing.algorithms import check_proposal
from nasnet_keras.search.testing.contract import ContractError
from nasnet_keras.search.testing.spaces import check_corners
from nasnet_keras.training.precision import settled
from nasnet_keras.training.recipes import AUTO, PRECISIONS
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.settings import settings
from nasnet_keras.utils.workdir import STUDY

__all__ = ["Own", "check_unchanged"]

_INTERFACES: Mapping[str, type] = MappingProxyType(
    {"algorithm": Algorithm, "evaluator": Evaluator, "executor": Executor, "space": Space}
)
_RECOMPUTED = 16  # rewards of a study that goes on
_searched: WeakValueDictionary[int, Algorithm] = WeakValueDictionary()  # by identity


@dataclass(frozen=True)
class Own:
    """The objects that a search was given beside its configuration, each in place of a name, or None for the name.

    Attributes:
        algorithm: an algorithm for the space and the seed of the search, or a function of both that makes one, such as
            its class.
        evaluator, executor, space: objects.
    """

    algorithm: Algorithm | Callable[[Space, int], Algorithm] | None = None
    evaluator: Evaluator | None = None
    executor: Executor | None = None
    space: Space | None = None

    def check_study(self, config: SearchConfig) -> None:
        """Check that no object is missing with which the study was begun.

        Raises:
            StudyError: an object is missing.
        """
        check_objects(config.workdir, [name for name in _INTERFACES if getattr(self, name) is not None])

    def checked(self, config: SearchConfig) -> SearchConfig:
        """Check the objects; returns the configuration of a search with them.

        Raises:
            ValueError: an object has a wrong class or breaks a rule, or the configuration contradicts it.
        """
        for name, interface in _INTERFACES.items():
            if getattr(self, name) is not None:
                _check_type(name, getattr(self, name), interface)
        self._check_names(config)
        if self.evaluator is None:
            check_objective(config)
        row = self._executor_row(config)
        if self.executor is not None and self.evaluator is None:
            check_place(config.evaluator, row is None or row.isolates, class_name(type(self.executor)))
        if self.space is not None:
            _kept("space", self.space, check_corners)
        replaced = any(one is not None for one in (self.algorithm, self.evaluator, self.space))
        if replaced and isinstance(config.prior, UsualPrior):  # it was shown to help what the names stand for
            config = dataclasses.replace(config, prior=NO_PRIOR)
        return config if self.evaluator is None or row is None or not row.isolates else self._here(config)

    def settled(self, config: SearchConfig) -> SearchConfig:
        """Return the configuration with a precision that is chosen: that of networks which the search trains itself.

        Raises:
            ValueError: the data set, or TensorFlow, is missing, or the limits are impossible.
        """
        if config.recipe.precision != AUTO:
            return config
        recipe = settled(config.recipe, config.workdir, STUDY, lambda recipe: self._fastest_precision(config))
        return dataclasses.replace(config, recipe=recipe)

    def _fastest_precision(self, config: SearchConfig) -> str:
        usual = PRECISIONS[0]
        if self.evaluator is not None:
            whose = class_name(type(self.evaluator))
            logging.warning("precision=auto is %s: it is measured for no evaluator of one's own, as %s", usual, whose)
            return usual
        if not registry.evaluator(config.evaluator).trains:
            return usual
        from nasnet_keras.search.evaluators.child import ChildEvaluator  # late: it imports TensorFlow

        row = self._executor_row(config)
        if row is None or row.spans_machines:
            logging.warning(
                "precision=auto is measured on this machine for all: give --precision if others are of another kind"
            )
        evaluator, space = ChildEvaluator(config), config.search_space() if self.space is None else self.space
        return evaluator.fastest_precision(Costing(config.search_objective(), evaluator, space).searched)

    def make_executor(self, config: SearchConfig) -> Executor:
        """Make the executor of the search; it raises the errors of `executors.make`."""
        return executors.make(config, self.evaluator) if self.executor is None else self.executor

    def prior(self, config: SearchConfig) -> Prior | None:
        """Read what the algorithm of a search knows beforehand; None for nothing.

        Raises:
            ValueError: it cannot be read.
        """
        takes = self.algorithm is None and "prior" in registry.algorithm(config.algorithm).parameters
        return known_prior(config.prior, config.workdir) if takes and config.prior != NO_PRIOR else None

    def make(self, config: SearchConfig, prior: Prior | None) -> tuple[Algorithm, Evaluator, Costing, dict[str, Any]]:
        """Make the algorithm, the evaluator, the costs with their limits, and the facts that a study records of them.

        Args:
            config: the settings.
            prior: as `prior` gives it.

        Raises:
            ValueError: a file, a data set or a package that they need is missing, they do not fit together, or the
                limits are impossible.
        """
        evaluator = evaluators.make(config) if self.evaluator is None else self.evaluator
        space = config.search_space() if self.space is None else self.space
        evaluator.accept(space)
        costing = Costing(config.search_objective(), evaluator, space, config.measure)
        costing.check_along(config.finalists_along)
        if self.evaluator is None and not registry.evaluator(config.evaluator).trains:
            _try_in_table(costing, evaluator, space, config)
        try:
            algorithm = self._algorithm(config, space, costing.searched, prior)
        except ValueError as error:
            if costing.searched.size == 1 < space.size:
                raise ValueError(f"{error}, and {costing.objective} leaves one of {space.size:,}") from error
            raise
        if config.trials < algorithm.least_trials:
            whose = config.algorithm if self.algorithm is None else class_name(type(algorithm))
            raise ValueError(
                f"the algorithm {whose} needs {algorithm.least_trials} trials at least with these settings, got "
                f"trials={config.trials}"
            )
        algorithm.distinct_by = distinct_by(config.workdir)
        facts = [_facts(evaluator), _facts(algorithm)]
        if twice := facts[0].keys() & facts[1].keys():
            raise ValueError(f"the evaluator and the algorithm both have a fact {quoted(min(twice))}: rename one")
        record = {**self._record(algorithm), FACT: algorithm.distinct_by}
        return algorithm, evaluator, costing, {**facts[0], **record, **facts[1]}

    def _check_names(self, config: SearchConfig) -> None:
        """Refuse a name, or a setting that belongs to it, beside an object that replaces it."""
        usual = {field.name: field.default for field in dataclasses.fields(SearchConfig)}
        usual |= defaults(config.evaluator, config.space, config.recipe.epochs)
        usual["algorithm"] = begun_with(config.workdir) or usual["algorithm"]
        parameters = dict.fromkeys(name for row in registry.ALGORITHMS.values() for name in row.parameters)
        usual |= registry.usual_parameters({**vars(config), "algorithm": usual["algorithm"]})
        reads_table = registry.evaluator(config.evaluator).judges == "table"  # its space says whose table it is
        usual["space"] = config.space if reads_table else registry.spaces_for(config.evaluator)[0]
        of_spaces = [name for name, one in settings(SearchConfig).items() if "space" in one.for_]
        of_evaluator = registry.evaluator(config.evaluator).takes
        belongs = {"algorithm": parameters, "evaluator": of_evaluator, "executor": (), "space": of_spaces}
        for name in (name for name in _INTERFACES if getattr(self, name) is not None):
            for setting in (name, *belongs[name]):
                if getattr(config, setting) != usual[setting]:
                    given = quoted(getattr(config, setting))
                    raise ValueError(f"{setting}={given} says nothing of the {name} that is given as an object")

    def _here(self, config: SearchConfig) -> SearchConfig:
        """Let a given evaluator run in this process if another process cannot make it; returns the configuration.

        Raises:
            ValueError: another process cannot make it, although the configuration names an executor that needs one.
        """
        if type(self.evaluator).prepare is not Evaluator.prepare:
            reason = f"{class_name(type(self.evaluator))} learns in prepare, in this process"
        else:
            reason = why_not_elsewhere(self.evaluator, ("config",))
        if reason is None:
            return config
        given = config.executor if self.executor is None else class_name(type(self.executor))
        if given is not None:
            raise ValueError(f"executor {quoted(given)} judges in other processes, but {reason}")
        here = registry.executors_that(isolates=False)[0]
        logging.warning("children are judged in this process, as by executor=%r: %s", here, reason)
        return dataclasses.replace(config, executor=here)

    def _executor_row(self, config: SearchConfig) -> ExecutorRow | None:
        """The facts of the executor; None for an object of a class of one's own, which may judge anywhere."""
        if self.executor is None:
            return registry.executor(registry.executor_for(config.executor, config.evaluator))
        return next((row for row in registry.EXECUTORS.values() if isinstance(self.executor, row.load())), None)

    def _algorithm(self, config: SearchConfig, space: Space, searched: Space, prior: Prior | None) -> Algorithm:
        """The algorithm for a space, of which it searches the part within the limits."""
        if self.algorithm is None:
            parameters = {name: getattr(config, name) for name in registry.algorithm(config.algorithm).parameters}
            parameters |= {"prior": prior} if "prior" in parameters else {}
            return algorithms.make(config.algorithm, searched, config.seed, **parameters)
        made = not isinstance(self.algorithm, Algorithm)
        algorithm: Any = self.algorithm(searched, config.seed) if made else self.algorithm
        _check_type("algorithm", algorithm, Algorithm, made)
        if missing := [name for name in ("space", "seed") if not hasattr(algorithm, name)]:
            raise ValueError(f"the algorithm {class_name(type(algorithm))} has no {missing[0]}: call super().__init__")
        if algorithm.space not in (space, searched):
            raise ValueError(
                f"the algorithm is for another space than the search: {quoted(algorithm.space)}, and not "
                f"{quoted(space)}: give both, or the algorithm's class"
            )
        if algorithm.seed != config.seed:
            raise ValueError(f"the algorithm has the seed {quoted(algorithm.seed)}, and the search {config.seed}")
        if _searched.get(id(algorithm)) is algorithm:
            raise ValueError("the algorithm was given to a search before: make another, or give its class")
        algorithm.space = searched
        _kept("algorithm", algorithm, check_proposal)
        _searched[id(algorithm)] = algorithm
        return algorithm

    def _record(self, algorithm: Algorithm) -> dict[str, Any]:
        """The classes and the arguments of the objects, for `study.json`."""
        found: dict[str, Any] = {}
        for name in (name for name in RECORDED if getattr(self, name) is not None):
            value = algorithm if name == "algorithm" else getattr(self, name)
            found[name] = class_name(type(value))
            if (config := config_of(value)) is not None:
                found[f"{name}_config"] = config
        if self.algorithm is not None:
            found |= {name: None for row in registry.ALGORITHMS.values() for name in row.parameters}
        return found


def check_unchanged(config: SearchConfig) -> None:
    """Check that the objective of one's own still gives the first children of the study the rewards that they have.

    Raises:
        StudyError: it gives another one, or none.
    """
    own, path = config.search_objective().own, Path(config.workdir, "trials.jsonl")
    if own is None or not path.exists():
        return
    try:
        trials = read_trials(path)
    except (OSError, ValueError):  # `Study.open` raises the error
        return
    function = load_own(own)
    judged = (one for one in trials if one.reward is not None and BEFORE in one.metrics and EQUAL not in one.metrics)
    for trial in itertools.islice(judged, _RECOMPUTED):
        figures = {**trial.metrics, **trial.costs, "reward": trial.metrics[BEFORE]}
        del figures[BEFORE]
        try:
            value = value_of(function, figures)
            made = f"gives {value:.6g}"
        except ObjectiveError as error:
            value, made = math.nan, f"cannot judge: {error}"
        if not math.isclose(value, trial.reward, rel_tol=1e-6, abs_tol=1e-9):
            raise StudyError(
                f"objective={own} is another function than the one that {config.workdir} was begun with: trial "
                f"{trial.trial} has the reward {trial.reward:.6g}, and from its figures the function now {made}. Name "
                f"a new folder, or take the earlier function back; its value must depend on the figures alone"
            )


def _try_in_table(costing: Costing, evaluator: Evaluator, space: Space, config: SearchConfig) -> None:
    """Try an objective of one's own on the figures of a table.

    Raises:
        ValueError: it cannot judge them.
    """
    own = costing.objective.own
    if own is None:
        return
    genotype = space.decode(space.sample(np.random.default_rng(0)))
    costs = {one.cost: one.most for one in costing.objective.limits} | costing.known(genotype)
    reward, metrics = evaluator.evaluate(genotype, 0)
    try_on(own, "a child", {"reward": reward, **metrics, **costs})
    if config.finalists:
        score, final = evaluator.finish(genotype, 0, Path())
        try_on(own, "a finalist", {"reward": score, **of_finalist(final, metrics), **costs})


def _check_type(name: str, value: Any, interface: type, made: bool = False) -> None:
    """Raise a ValueError unless an object has its interface; an algorithm may also be a function that makes one."""
    kind = value if isinstance(value, type) else None
    makes = name == "algorithm" and not made and callable(value) and (kind is None or issubclass(kind, interface))
    if isinstance(value, interface) or makes:
        return
    expected = f"{name} must be a search.{interface.__name__}"
    if kind is not None and issubclass(kind, interface):
        raise ValueError(f"{expected}, got the class {class_name(kind)}: make an object of it")
    raise ValueError(f"{expected}, got {quoted(value)}")


def _kept(name: str, value: Any, check: Callable[[Any], None]) -> None:
    """Raise a ValueError for an object that breaks a rule of its interface which is quickly checked."""
    try:
        check(value)
    except ContractError as error:
        raise ValueError(f"the {name} {class_name(type(value))} breaks a rule: {error}") from error


def _facts(value: Evaluator | Algorithm) -> dict[str, Any]:
    facts = value.facts()
    try:
        plain = json.loads(json.dumps(facts, allow_nan=False))
    except (TypeError, ValueError):
        plain = None
    known = {*settings(SearchConfig), FACT, *(f"{name}_config" for name in RECORDED)}
    if not isinstance(plain, dict) or known & plain.keys():
        raise ValueError(
            f"facts of {class_name(type(value))} must return JSON values by names that no setting has, got "
            f"{quoted(facts)}"
        )
    return plain

"""Ask, evaluate, record, tell: the loop of a search."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.costing import Costing
from nasnet_keras.search.costs.limits import OVER_LIMIT, CostError
from nasnet_keras.search.display import Display, part_shown, say_if_slots_stay_idle
from nasnet_keras.search.equality import FACT, NETWORKS
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor, ExecutorError, Task, as_completed
from nasnet_keras.search.finals import finish, is_finished, keep_front, keep_notes
from nasnet_keras.search.judged import Judged
from nasnet_keras.search.own import Own, check_unchanged
from nasnet_keras.search.pipeline import Pipeline
from nasnet_keras.search.priors import keep_prior
from nasnet_keras.search.remaining import parts_of
from nasnet_keras.search.remeasuring import measure_anew, measured
from nasnet_keras.search.rungs import Floor, rungs_of
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.known import check_continues
from nasnet_keras.search.study.ladder import floors
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training.checkpoint import CheckpointError
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.utils import environment
from nasnet_keras.utils.checks import SEEDS
from nasnet_keras.utils.progress import Progress

__all__ = ["SearchError", "run"]

_CHECKPOINT_TRIALS = 100  # between two checkpoints, and more in searches of more than
_MANY_TRIALS = 2000  # trials, whose states are larger; after a kill, at most as many trials are told again
_RANDOM_SEEDS = SEEDS  # larger than all seeds of searches, so that no algorithm draws the same children
_DERIVED_SEEDS = 2 * SEEDS
_BALLOONS = 16  # measured children, all over a limit, after which the smallest network is measured
_DRAWS = 64  # of the controller at once, for a genotype within the limits
_LAST_TRIAL = 2**31  # any number beyond which no space grows


class SearchError(ValueError):
    """Something that a search needs is missing; no folder was made."""


def run(
    config: SearchConfig,
    algorithm: Algorithm | Callable[[Space, int], Algorithm] | None = None,
    evaluator: Evaluator | None = None,
    executor: Executor | None = None,
    space: Space | None = None,
    objective: Callable[[dict[str, Any]], float] | None = None,
) -> Study:
    """Search, compare with random search, train the best genotypes and random ones to the end, save the winner.

    A search that was stopped at any moment continues from there when it is run again with the same configuration.

    An object replaces a name in the configuration; the name and its settings must then be left at their defaults.
    `study.json` records the class of each object by module and name, and its arguments as `get_config`, or the fields
    of a dataclass, return them. A study continues only with objects of equal class and arguments. Executors may change.

    Under a limit (`config.limit`) the algorithm searches the part of the space that is within, as far as costs are
    known before a child is trained: see `Evaluator.costs` and `Evaluator.measure`.

    Args:
        config: the configuration of the search.
        algorithm: the class of an algorithm, or anything else that makes one of a space and a seed; or an algorithm
            that was made for this space and seed, and has searched nothing yet.
        evaluator: judges the genotypes. If another process cannot make it again (see `Evaluator`), children are judged
            in this one, and a line of the log says so.
        executor: runs the evaluator; it is closed at the end.
        space: the space to search.
        objective: a function of the metrics and costs of a child by name, at the top of a module, whose value is the
            reward that is maximized; `config.objective` takes it, or its name, too.

    Returns:
        The study: `study.best` is the best trial, `study.result` has the figures of the winner.

    Raises:
        SearchError: the table, the data set, GPUs or TensorFlow are missing, no process can be started, or an object
            has another class than its interface.
        StudyError: the folder cannot be used, no worker can be started, or no child could be evaluated.

    Example:
        >>> table = {"evaluator": "tabular", "table": "nasnet_cells_cifar10"}  # in place of hours of training
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     study = run(SearchConfig(folder, algorithm="evolution", trials=12, **table))
        ...     len(study.trials), study.best.reward == max(trial.reward for trial in study.trials)
        (12, True)
    """
    if objective is not None:
        config = dataclasses.replace(config, objective=objective)
    own = Own(algorithm, evaluator, executor, space)
    own.check_study(config)
    if own == Own():  # objects stand for names, and are compared with what is known of them later
        check_continues(config)
    try:
        config = own.settled(own.checked(config))
        running = own.make_executor(config)  # made first, so that its processes start while the data set is read
    except (ValueError, ExecutorError) as error:
        raise SearchError(str(error)) from error
    with running:
        check_unchanged(config)
        try:
            prior = own.prior(config)
            proposing, judging, costing, facts = own.make(config, prior)
        except ValueError as error:
            raise SearchError(str(error)) from error
        study = Study.open(config, facts, judging.device() if costing.measured else None, costing.measured)
        try:
            keep_prior(prior, study.path)
            running.start(judging, study.path)
            _Search(config, study, proposing, judging, costing, running).run()
        except (DivergedError, CheckpointError, CostError) as error:
            raise StudyError(str(error)) from error
        except ExecutorError as error:
            raise StudyError(f"{error}; the children so far are in {study.path}") from error
        except OSError as error:
            raise StudyError(f"cannot write the study {study.path}: {error}") from error
        finally:
            running.close()  # before another process may have the folder
            study.close()
    return study


class _Search:
    """One sitting of a search."""

    def __init__(
        self,
        config: SearchConfig,
        study: Study,
        algorithm: Algorithm,
        evaluator: Evaluator,
        costing: Costing,
        executor: Executor,
    ) -> None:
        self.config, self.study, self.algorithm = config, study, algorithm
        self.evaluator, self.costing, self.executor = evaluator, costing, executor
        self.display = Display(config, study, executor, tuple(getattr(algorithm.space, "operations", ())))
        self._rungs = rungs_of(config.rungs)
        self._told = 0
        self._calm = False  # whether a measurement has succeeded in this sitting
        self._judged: dict[str, Judged] = {}  # by groups

    def run(self) -> None:
        config, study = self.config, self.study
        say_if_slots_stay_idle(config, self.executor)
        try:
            if self.costing.measured:
                measure_anew(study, self.executor)
                self._evaluate("search", config.trials, range(min(_BALLOONS, config.trials)), self._propose)
                self._check_possible()
            self._evaluate("search", config.trials, range(config.trials), self._propose)
            if study.best is None:
                raise StudyError(f"{self._none_of_them()}; see {study.path}/trials.jsonl")
            beside = {"derived": (config.derived_trials, self._derive), "random": (config.random_trials, self._draw)}
            for group, (count, task) in beside.items():
                count = count if group in parts_of(config) else 0
                if any(study.get(number, group) is None for number in range(count)):
                    self.evaluator.prepare(config.trials - 1, self._drawn)  # it is ready, unless its files were removed
                self._evaluate(group, count, range(count), task)
            if config.finalists and not is_finished(config, study):
                part = part_shown(config, "finalists")
                finish(config, study, self.evaluator, self.costing, self.executor, self._random_genotype, part)
            keep_front(study)
            keep_notes(study, self._notes())
        finally:
            self.display.close()

    def _evaluate(self, group: str, total: int, numbers: Iterable[int], task: Callable[[int], Task]) -> None:
        """Evaluate those of the given children of a group that are not recorded yet, and record each one."""
        missing = [number for number in numbers if self.study.get(number, group) is None]
        if not missing:
            return
        initial = sum(self.study.get(number, group) is not None for number in range(total))
        with Progress(total=total, initial=initial, desc=part_shown(self.config, group), unit="child") as bar:

            def record(trial: Trial) -> None:
                self.study.append(trial, group)
                if group == "search":
                    self.display.trial(trial)
                bar.update()

            def beat() -> None:
                self.display.beat(bar, pipeline)

            may_start = self._may_start if group == "search" else lambda number: True
            pipeline = Pipeline(
                self.costing, missing, may_start, task, record, beat, self._calm, self._judged_in(group)
            )
            for outcome in as_completed(self.executor, pipeline.following, self.config.max_concurrent):
                if outcome is not None:
                    pipeline.deal(outcome)
                elif not self._learns_between_trials:
                    pipeline.look_ahead()
                beat()
            self.display.show(bar, pipeline)
            self._calm = pipeline.calm

    @property
    def _learns_between_trials(self) -> bool:
        """Whether the evaluator learns before each proposal, so that nothing is proposed before its time."""
        return type(self.evaluator).prepare is not Evaluator.prepare

    def _judged_in(self, group: str) -> Judged | None:
        """The networks of a group that were judged; None if every child is to be judged."""
        study = self.study
        if study.config.get(FACT) != NETWORKS or self._learns_between_trials:
            return None
        if group not in self._judged:
            before = {"search": study.trials, "random": study.random_trials, "derived": study.derived_trials}[group]
            self._judged[group] = Judged(self.costing.searched.network_name, before)
        return self._judged[group]

    def _check_possible(self) -> None:
        """End a search of whose first children none is of use, if the smallest network is over the limits, too.

        Raises:
            StudyError: no network seems to be within the limits, or none can be measured.
        """
        trials, objective = self.study.trials, self.costing.objective
        if len(trials) < _BALLOONS or any(one.status == "ok" and objective.within(one.costs) for one in trials):
            return
        genotype = self.costing.smallest()
        outcome = measured(self.executor, Task("search", 0, genotype, self._seed(0), stage="measure"))
        if outcome.status != "ok":
            reason = outcome.metrics.get("error", outcome.status)
            raise StudyError(f"{self._none_of_them()}, and the smallest network cannot be measured: {reason}")
        costs = {**self.costing.known(genotype), **self.costing.asked(outcome.metrics)}
        if not objective.within(costs):
            shown = {one.cost: costs.get(one.cost) for one in objective.limits}
            raise StudyError(f"{self._none_of_them()}, and neither is the smallest network, which has {shown}")

    def _none_of_them(self) -> str:
        trials, objective = self.study.trials, self.costing.objective
        if not objective.limits:
            return f"none of {len(trials)} children could be trained"
        failed = sum(trial.status not in ("ok", OVER_LIMIT) for trial in trials)
        counted = f" ({len(trials) - failed} are over, and {failed} failed)" if failed else ""
        return f"none of {len(trials)} children is within {objective}{counted}"

    def _may_start(self, number: int) -> bool:
        """Whether all trials that the algorithm must know before it proposes this one are recorded."""
        return all(self.study.get(earlier) is not None for earlier in range(self._told, self._must(number)))

    def _must(self, number: int) -> int:
        """The number of the first trials that the algorithm is told before it proposes this one."""
        return max(0, number - self.config.window + 1, min(number, self.algorithm.awaits(number)))

    def _propose(self, number: int) -> Task:
        """Let the algorithm propose a child, given the results of the first trials only, of as many as it must know."""
        algorithm = self.algorithm
        self._tell(self._must(number))
        self.evaluator.prepare(number, algorithm.draw)
        if number == 0 and self.costing.objective.form == "soft":
            return Task("search", 0, self.costing.moderate(self.config.seed), self._seed(0))
        with environment.one_blas_thread():
            choices = algorithm.ask(number)
        try:
            genotype = algorithm.space.decode(choices)
        except ValueError as error:
            raise StudyError(f"what was proposed for trial {number} is not of the space: {error}") from error
        return Task("search", number, genotype, self._seed(number), floors=self._floors(self._must(number)))

    def _floors(self, count: int) -> tuple[Floor, ...]:
        """The floors of a child that is proposed when the algorithm knows the first `count` trials."""
        if not self._rungs:
            return ()
        return floors(self._rungs, [self.study.get(number) for number in range(count)])

    def _tell(self, count: int) -> None:
        """Tell the algorithm the results of the first `count` trials that it does not know yet."""
        study, algorithm = self.study, self.algorithm
        if self._told == 0 and count:
            self._told = self._restored(count)
        while self._told < count:
            trial = study.get(self._told)
            try:
                choices = algorithm.space.encode(trial.genotype)
            except ValueError as error:
                raise StudyError(
                    f"the genotype of trial {trial.trial} is not of the space that is searched: {error}"
                ) from None
            algorithm.tell(choices, self.costing.objective.told(trial))
            self._told += 1
            each = _CHECKPOINT_TRIALS * max(1, self._told // _MANY_TRIALS)
            if self._told % each == 0 and (state := algorithm.state()):
                study.save_checkpoint(self._told, state)

    def _restored(self, must: int) -> int:
        """Restore the latest checkpoint that can be used; returns the number of trials that the algorithm was told."""
        new = self.algorithm.state()
        for told, state in self.study.checkpoints.load(len(self.study.trials)):
            if told > must:
                continue
            try:
                self.algorithm.restore(state)
            except Exception:  # the state is damaged, or of another version
                self.algorithm.restore(new)  # a part of it may have been restored
                continue
            return told
        return 0

    def _notes(self) -> dict[str, Any]:
        """The tables of an algorithm that has any."""
        if type(self.algorithm).notes is Algorithm.notes:
            return {}
        self._tell(self.config.trials)
        return self.algorithm.notes()

    def _draw(self, number: int) -> Task:
        """A child of random search, to be evaluated."""
        space = self.costing.limited.at(_LAST_TRIAL)
        genotype = space.decode(RandomSearch(space, self.config.seed + _RANDOM_SEEDS).ask(number))
        return Task("random", number, genotype, self._seed(number))

    def _random_genotype(self, number: int) -> Any:
        return self._draw(number).genotype

    def _drawn(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draw choice vectors by the controller at the end of the search."""
        self._tell(self.config.trials)
        return self.algorithm.draw(count, generator)

    def _derive(self, number: int) -> Task:
        """Draw a genotype by the controller at the end of the search, within the limits, to be evaluated."""
        generator = np.random.default_rng((self.config.seed + _DERIVED_SEEDS, number))
        space = self.costing.limited
        drawn = tuple(self._drawn(1, generator)[0].tolist())
        if not space.fits(drawn):
            more = map(tuple, self._drawn(_DRAWS, generator).tolist())
            drawn = next(filter(space.fits, more), None) or space.sample(generator)
        return Task("derived", number, space.decode(drawn), self._seed(number))

    def _seed(self, number: int) -> int:
        """The seed of a child, by its number."""
        return (self.config.seed + number) % SEEDS

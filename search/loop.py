"""Ask, evaluate, record, tell: the loop of a search, and the judging of what it found."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tqdm import tqdm

from nasnet_keras.files import write_text
from nasnet_keras.search import algorithms, evaluators, executors
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor, Outcome, Task
from nasnet_keras.search.report import write_report
from nasnet_keras.search.study import Study, StudyError
from nasnet_keras.search.tensorboard import SearchLog
from nasnet_keras.search.trial import Trial, fingerprint

__all__ = ["SearchError", "run"]

_CHECKPOINT_TRIALS = 100  # told between two checkpoints: as many may have to be told again
_REPORT_SECONDS = 60.0
_RANDOM_SEEDS = 2**31  # beyond all seeds of searches, so that no algorithm draws the same children
_WAIT_SECONDS = 1.0


class SearchError(ValueError):
    """What a search needs is missing; no folder was made."""


def run(config: SearchConfig) -> Study:
    """Search, compare with random search, train the best genotypes to the end beside random ones, save the winner.

    A search that was stopped at any moment goes on where it was when it is run again with the same configuration.

    Returns:
        The study; `study.best` is the best trial and `study.result` what it led to.

    Raises:
        SearchError: the table, the data set, GPUs or TensorFlow are missing.
        StudyError: the folder cannot be used, or no child could be evaluated.
    """
    try:
        with executors.make(config) as executor:  # first, since processes start while the data set is read
            evaluator = evaluators.make(config)
            algorithm = algorithms.make(
                config.algorithm, config.search_space(), config.seed, config.children_per_update
            )
            study = Study.open(config, evaluator.facts())
            try:
                executor.start(evaluator, study.path)
                _Search(config, study, algorithm, evaluator, executor).run()
            finally:
                study.close()
    except (SearchError, StudyError):
        raise
    except ValueError as error:
        raise SearchError(str(error)) from error
    return study


class _Search:
    """One sitting of a search."""

    def __init__(
        self, config: SearchConfig, study: Study, algorithm: Algorithm, evaluator: Evaluator, executor: Executor
    ) -> None:
        self.config, self.study, self.algorithm = config, study, algorithm
        self.evaluator, self.executor = evaluator, executor
        failed = sum(trial.reward is None for trial in study.trials)
        self.log = SearchLog(study.path, failed, getattr(algorithm.space, "operations", ()))
        self._reported = time.monotonic()
        self._told = 0

    def run(self) -> None:
        config, study = self.config, self.study
        try:
            self._evaluate(
                "search", (number for number in range(config.trials) if study.get(number) is None), self._propose
            )
            if study.best is None:
                count = len(study.trials)
                raise StudyError(f"none of {count} children could be trained; see {study.path}/trials.jsonl")
            if config.algorithm != "random":
                known = {trial.trial for trial in study.random_trials}
                numbers = (number for number in range(config.random_trials) if number not in known)
                self._evaluate("random", numbers, self._draw)
            if study.result is None:
                self._finish()
        finally:
            self.log.close()
            with contextlib.suppress(OSError):  # a full disk was told of before
                write_report(study)

    def _evaluate(self, group: str, numbers: Iterator[int], task: Callable[[int], Task]) -> None:
        """Evaluate children, as many at once as the executor can, and record each when it is finished."""
        study, search = self.study, group == "search"
        total = self.config.trials if search else self.config.random_trials
        done = sum(trial.trial < total for trial in (study.trials if search else study.random_trials))
        under_way = 0
        following = next(numbers, None)
        often = {"mininterval": 0.5, "smoothing": 0.1}
        with tqdm(total=total, initial=done, desc=group, unit="child", **often) as bar:
            while following is not None or under_way:
                while following is not None and under_way < self.executor.capacity:
                    if search and not self._may_start(following):
                        break
                    self.executor.submit(task(following))
                    under_way += 1
                    following = next(numbers, None)
                outcome = self.executor.wait(_WAIT_SECONDS)
                if outcome is not None:
                    under_way -= 1
                    self._record(group, outcome.trial())
                    bar.update()
                bar.set_postfix(self._shown(), refresh=outcome is None)

    def _may_start(self, number: int) -> bool:
        """Whether all trials are recorded that must be told before this one is proposed."""
        must = range(self._told, number - self.config.window + 1)
        return all(self.study.get(earlier) is not None for earlier in must)

    def _propose(self, number: int) -> Task:
        """The child that the algorithm proposes, from just the results of the trials up to `number - window`."""
        study, algorithm = self.study, self.algorithm
        must = max(0, number - self.config.window + 1)
        if self._told == 0 and must:
            self._told = self._restored(must)
        while self._told < must:
            trial = study.get(self._told)
            try:
                choices = algorithm.space.encode(trial.genotype)
            except ValueError as error:
                raise StudyError(
                    f"the genotype of trial {trial.trial} is not of the space that is searched: {error}"
                ) from None
            algorithm.tell(choices, trial.reward)
            self._told += 1
            if self._told % _CHECKPOINT_TRIALS == 0 and (state := algorithm.state()):
                study.save_checkpoint(self._told, state)
        genotype = algorithm.space.decode(algorithm.ask(number))
        return Task("search", number, genotype, self.config.seed + number)

    def _restored(self, must: int) -> int:
        """Go on from the latest checkpoint that can be used; gives the number of trials that it was told."""
        for told, state in self.study.checkpoints.load(len(self.study.trials)):
            if told > must:
                continue
            try:
                self.algorithm.restore(state)
            except ValueError:  # of another version
                continue
            return told
        return 0

    def _draw(self, number: int) -> Task:
        """A child of random search."""
        space = self.algorithm.space
        genotype = space.decode(RandomSearch(space, self.config.seed + _RANDOM_SEEDS).ask(number))
        return Task("random", number, genotype, self.config.seed + number)

    def _record(self, group: str, trial: Trial) -> None:
        if group == "search":
            self.study.append(trial)
            self.log.trial(trial, None if self.study.best is None else self.study.best.reward)
        else:
            self.study.append_random(trial)
        if time.monotonic() - self._reported > _REPORT_SECONDS:
            write_report(self.study)
            self._reported = time.monotonic()

    def _shown(self) -> dict[str, str]:
        best = self.study.best
        return {} if best is None else {"best": f"{best.reward:.4f}"}

    def _finish(self) -> None:
        """Train the best genotypes and random ones to the end, and save the winner."""
        study, started = self.study, time.monotonic()
        tasks = self._finalists()
        outcomes = self._finals(tasks)
        finalists = [_entry(outcomes[task], task) for task in tasks]
        ours = [outcomes[task] for task in tasks if task.group == "search" and outcomes[task].status == "ok"]
        if not ours:
            raise StudyError(
                f"none of the best genotypes could be trained longer: {finalists[0]['metrics']['error']}. The children "
                f"are kept in {study.path}; name a new folder and a smaller learning_rate"
            )
        winner = max(ours, key=lambda outcome: outcome.reward)
        files = self.evaluator.publish(winner.task.folder, study.path)
        result = {
            "trial": study.best.trial,
            "fingerprint": fingerprint(study.best.genotype),
            "winner": fingerprint(winner.task.genotype),
            **files,
            **winner.metrics,
            "seconds": time.monotonic() - started,
            "finalists": finalists,
        }
        write_text(study.path / "result.json", json.dumps(result, indent=2) + "\n")

    def _finalists(self) -> list[Task]:
        """The best genotypes of the search, and as many drawn at random, without looking at how good they are."""
        config, study = self.config, self.study
        tasks, seen = [], set()
        for trial in sorted(study.trials, key=lambda trial: (-(trial.reward or 0.0), trial.trial)):
            name = fingerprint(trial.genotype)
            if trial.status == "ok" and name not in seen and len(tasks) < config.finalists:
                seen.add(name)
                folder = study.path / "final" / f"search_{name}"
                tasks.append(Task("search", trial.trial, trial.genotype, config.seed, folder))
        for number in range(config.finalists):
            genotype = self._draw(number).genotype
            folder = study.path / "final" / f"random_{fingerprint(genotype)}"
            tasks.append(Task("random", number, genotype, config.seed, folder))
        return tasks

    def _finals(self, tasks: list[Task]) -> dict[Task, Outcome]:
        outcomes: dict[Task, Outcome] = {}
        waiting = list(tasks)
        epochs = self.config.final_epochs
        with tqdm(total=len(tasks) * epochs, desc="finalists", unit="epoch") as bar:
            while len(outcomes) < len(tasks):
                while waiting and len(tasks) - len(waiting) - len(outcomes) < self.executor.capacity:
                    waiting[0].folder.mkdir(parents=True, exist_ok=True)
                    self.executor.submit(waiting.pop(0))
                outcome = self.executor.wait(_WAIT_SECONDS)
                if outcome is not None:
                    outcomes[outcome.task] = outcome
                done = sum(epochs if task in outcomes else _epochs(task.folder) for task in tasks)
                bar.update(done - bar.n)
        return outcomes


def _epochs(folder: Path) -> int:
    """How many epochs a training has done."""
    try:
        return len(json.loads((folder / "history.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return 0


def _entry(outcome: Outcome, task: Task) -> dict[str, object]:
    """A finalist in `result.json`."""
    trial = outcome.trial()
    plain = json.loads(trial.to_line())
    return {"origin": task.group, **plain}

"""Ask, evaluate, record, tell: the loop of a search, and the judging of what it found."""

import json
import math
import time

from tqdm import tqdm

from nasnet_keras.files import write_text
from nasnet_keras.search import algorithms, evaluators
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import DivergedError, Evaluator
from nasnet_keras.search.study import Study, StudyError, Trial
from nasnet_keras.search.trial import fingerprint

__all__ = ["SearchError", "run"]

_CHECKPOINT_TRIALS = 100  # told between two checkpoints: as many may have to be told again


class SearchError(ValueError):
    """What a search needs is missing; no folder was made."""


def run(config: SearchConfig) -> Study:
    """Search, then judge the best genotype: children that were trained are trained longer and saved.

    A search that was stopped at any moment goes on where it was when it is run again with the same configuration.

    Returns:
        The study; `study.best` is the best trial and `study.result` its figures.

    Raises:
        SearchError: the table, the data set or TensorFlow is missing.
        StudyError: the folder cannot be used, or no child could be evaluated.
    """
    try:
        evaluator = evaluators.make(config)
        algorithm = algorithms.make(config.algorithm, config.search_space(), config.seed)
    except ValueError as error:
        raise SearchError(str(error)) from error
    study = Study.open(config)
    try:
        _search(study, algorithm, evaluator, config)
        if study.best is None:
            raise StudyError(f"none of {len(study.trials)} children could be trained; see {study.path}/trials.jsonl")
        if study.result is None:
            _finish(study, evaluator)
    finally:
        study.close()
    return study


def _search(study: Study, algorithm: Algorithm, evaluator: Evaluator, config: SearchConfig) -> None:
    done = min(len(study.trials), config.trials)
    told = _restore(study, algorithm) if done < config.trials else done
    with tqdm(total=config.trials, initial=done, desc="search", unit="child") as progress:
        for number in range(done, config.trials):
            while told <= number - config.window:
                _tell(algorithm, study.trials[told])
                told += 1
                if told % _CHECKPOINT_TRIALS == 0 and (state := algorithm.state()):
                    study.save_checkpoint(told, state)
            study.append(_evaluate(algorithm, evaluator, number, config.seed + number))
            if study.best is not None:
                progress.set_postfix(best=f"{study.best.reward:.4f}", refresh=False)
            progress.update()


def _restore(study: Study, algorithm: Algorithm) -> int:
    """Go on from the latest checkpoint that can be used; gives the number of trials that it was told."""
    for told, state in study.checkpoints.load(len(study.trials)):
        try:
            algorithm.restore(state)
        except ValueError:  # of another version
            continue
        return told
    return 0


def _tell(algorithm: Algorithm, trial: Trial) -> None:
    try:
        choices = algorithm.space.encode(trial.genotype)
    except ValueError as error:
        raise StudyError(f"the genotype of trial {trial.trial} is not of the space that is searched: {error}") from None
    algorithm.tell(choices, trial.reward)


def _evaluate(algorithm: Algorithm, evaluator: Evaluator, number: int, seed: int) -> Trial:
    genotype = algorithm.space.decode(algorithm.ask(number))
    started = time.monotonic()
    try:
        reward, metrics = evaluator.evaluate(genotype, seed)
        if not math.isfinite(reward):
            raise DivergedError(f"the reward is {reward}")
        status = "ok"
    except Exception as error:  # whatever ends a child, the search goes on with the next
        kinds = ((DivergedError, "diverged"), (MemoryError, "out_of_memory"), (Exception, "crashed"))
        status = next(name for kind, name in kinds if isinstance(error, kind))
        reward, metrics = None, {"error": f"{type(error).__name__}: {error}"[:1000]}
    return Trial(number, genotype, status, reward, metrics, time.monotonic() - started, seed)


def _finish(study: Study, evaluator: Evaluator) -> None:
    best = study.best
    started = time.monotonic()
    try:
        figures = evaluator.finish(best.genotype, study.path)
    except DivergedError as error:
        raise StudyError(
            f"the best genotype (trial {best.trial}) diverged in its longer training: {error}. The children are "
            f"kept in {study.path}; name a new folder and a smaller learning_rate"
        ) from None
    result = {"trial": best.trial, "fingerprint": fingerprint(best.genotype), **figures}
    result["seconds"] = time.monotonic() - started
    write_text(study.path / "result.json", json.dumps(result, indent=2) + "\n")

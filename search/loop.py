"""Ask, evaluate, record: the loop of a search, and the training of what it found."""

import json
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

from nasnet_keras.files import write_text
from nasnet_keras.genotype import Genotype
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.child import DivergedError, TrainingPlan, accuracy, train
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.search.study import Study, StudyError, Trial
from nasnet_keras.training import datasets

__all__ = ["run"]

_FAILURES = (
    (DivergedError, "diverged"),
    (tf.errors.ResourceExhaustedError, "out_of_memory"),
    (MemoryError, "out_of_memory"),
)


def run(config: SearchConfig) -> Study:
    """Search, then train the best genotype longer and save it.

    A search that was stopped at any moment goes on where it was when it is run again with the same configuration.

    Returns:
        The study; `study.best` is the best trial and `study.result` the figures of the saved model.

    Raises:
        StudyError: the folder cannot be used, or no child could be trained.
    """
    dataset = datasets.load(config.dataset)
    study = Study.open(config)
    try:
        _search(study, config, dataset)
        if study.best is None:
            raise StudyError(f"none of {len(study.trials)} children could be trained; see {study.path}/trials.jsonl")
        if study.result is None:
            _train_best(study, config, dataset)
    finally:
        study.close()
    return study


def _search(study: Study, config: SearchConfig, dataset: datasets.Dataset) -> None:
    algorithm = RandomSearch(CellSpace(num_blocks=config.num_blocks), config.seed)
    done = min(len(study.trials), config.trials)
    with tqdm(total=config.trials, initial=done, desc="search", unit="child") as progress:
        while len(study.trials) < config.trials:
            if study.best is not None:
                progress.set_postfix(best=f"{study.best.reward:.4f}")
            number = len(study.trials)
            study.append(_evaluate(algorithm.space.decode(algorithm.ask(number)), number, config, dataset))
            progress.update()
        if study.best is not None:
            progress.set_postfix(best=f"{study.best.reward:.4f}")


def _evaluate(genotype: Genotype, number: int, config: SearchConfig, dataset: datasets.Dataset) -> Trial:
    seed = config.seed + number
    started = time.monotonic()
    keras.backend.clear_session()  # a process that makes many models keeps their graphs otherwise
    try:
        model, loss = train(genotype, dataset, _plan(config, config.epochs, seed))
    except Exception as error:  # whatever ends a child, the search goes on with the next
        status = next((name for kind, name in _FAILURES if isinstance(error, kind)), "crashed")
        metrics = {"error": f"{type(error).__name__}: {error}"[:1000]}
        return Trial(number, genotype, status, None, metrics, time.monotonic() - started, seed)
    reward = accuracy(model, dataset.validation)
    metrics = {"validation_accuracy": reward, "loss": loss, "parameters": model.count_params()}
    return Trial(number, genotype, "ok", reward, metrics, time.monotonic() - started, seed)


def _train_best(study: Study, config: SearchConfig, dataset: datasets.Dataset) -> None:
    """Train the best genotype anew and longer, save it, and judge what was saved on the test images."""
    best = study.best
    started = time.monotonic()
    keras.backend.clear_session()
    with tqdm(total=config.final_epochs, desc="best genotype", unit="epoch") as progress:

        def show(loss: float) -> None:
            progress.set_postfix(loss=f"{loss:.4f}", refresh=False)
            progress.update()

        plan = _plan(config, config.final_epochs, config.seed)
        try:
            trained, _ = train(best.genotype, dataset, plan, on_epoch=show)
        except DivergedError as error:
            raise StudyError(
                f"the best genotype (trial {best.trial}) diverged in its longer training: {error}. The children are "
                f"kept in {study.path}; name a new folder and a smaller learning_rate"
            ) from None
    path = study.path / "best_model.keras"
    _save(trained, path)
    model = keras.models.load_model(path)
    result: dict[str, Any] = {
        "trial": best.trial,
        "fingerprint": best.genotype.fingerprint,
        "model": path.name,
        "epochs": config.final_epochs,
        "validation_accuracy": accuracy(model, dataset.validation),
        "test_accuracy": accuracy(model, dataset.test),
        "test_images": len(dataset.test),
        "parameters": model.count_params(),
        "seconds": time.monotonic() - started,
    }
    write_text(study.path / "result.json", json.dumps(result, indent=2) + "\n")


def _save(model: keras.Model, path: Path) -> None:
    temporary = path.with_name(f".unfinished.{path.name}")
    model.save(temporary)
    temporary.replace(path)


def _plan(config: SearchConfig, epochs: int, seed: int) -> TrainingPlan:
    return TrainingPlan(
        num_repeats=config.num_repeats,
        filters=config.filters,
        epochs=epochs,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        seed=seed,
    )

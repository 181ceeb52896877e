"""From search to model: the best genotypes are trained to the end, and random ones beside them."""

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from absl import logging

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.costing import Costing
from nasnet_keras.search.costs.own import ObjectiveError
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor, Outcome, Task, as_completed
from nasnet_keras.search.finalists import best_trials, random_finalists, tasks_of
from nasnet_keras.search.plausible import of_finalist
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.front import front_record, judged, with_costs
from nasnet_keras.search.study.result import RESULT, are_notes, final_folder, finalist_name
from nasnet_keras.search.study.trial import fingerprint
from nasnet_keras.training.records import HISTORY
from nasnet_keras.training.rehearsal import weights_name
from nasnet_keras.utils import files
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.progress import Progress
from nasnet_keras.utils.ranks import kendall_tau

__all__ = ["finish", "is_finished", "keep_front", "keep_notes"]

_ATTEMPTS = 3  # at a training, which goes on from its checkpoint after its process ended


def finish(
    config: SearchConfig,
    study: Study,
    evaluator: Evaluator,
    costing: Costing,
    executor: Executor,
    drawn: Callable[[int], Any],
    part: str = "finalists",
) -> None:
    """Train the finalists, write `result.json`, and copy the winner's files to the study's folder.

    The winner is the genotype of the search with the best score; test images have no part in it. Each finalist trains
    on all devices that its process sees (see `devices.default_replicas`). Trainings that were cut off go on where they
    were.

    Args:
        config, study, evaluator, costing, executor: those of the search.
        drawn: gives random genotypes by their number.
        part: what the bar says that is running.

    Raises:
        StudyError: none of the best genotypes could be trained.
    """
    started = time.monotonic()
    random = random_finalists(config, study, costing, executor, drawn)
    tasks = tasks_of(config, study, random)
    trained = [_with_all_sittings(one) for one in _trained(tasks, executor, config, part)]
    outcomes = trained if costing.objective.own is None else _valued(trained, study, costing, random)
    winner = _winner(study, outcomes)
    finalists = with_costs(study, [_entry(outcome, random) for outcome in outcomes])
    result = {
        "trial": study.best.trial,
        "fingerprint": fingerprint(study.best.genotype),
        "winner": fingerprint(winner.task.genotype),
        **evaluator.publish(winner.task.folder, study.path),
        **winner.metrics,
        "seconds": time.monotonic() - started,
        "settings": config.final_settings(),
        **_ranking(study, outcomes),
        **front_record(study, finalists),
        "finalists": finalists,
    }
    _write(study, result)


def keep_front(study: Study) -> None:
    """Write the front of a finished study and the costs of its finalists into `result.json` anew, if they changed:
    trials were added, or costs are those of another device.
    """
    result = study.result or {}
    finalists = with_costs(study, result.get("finalists", ()))
    now = {**result, **front_record(study, finalists), **({"finalists": finalists} if "finalists" in result else {})}
    if result and now != result:
        _write(study, now)


def keep_notes(study: Study, notes: Any) -> None:
    """Write the notes of the algorithm into `result.json`, if they changed.

    Raises:
        StudyError: they are no tables.
    """
    if not are_notes(notes):
        raise StudyError(f"notes of the algorithm must be tables by their titles, got {quoted(notes)}")
    result = study.result or {}
    if result and notes != result.get("notes", {}):
        _write(study, {**result, "notes": notes})


def _write(study: Study, result: dict[str, Any]) -> None:
    files.write_text(study.path / RESULT, json.dumps(result, indent=2) + "\n")


def _winner(study: Study, outcomes: list[Outcome]) -> Outcome:
    """The best finalist of the search.

    Raises:
        StudyError: none of them could be trained.
    """
    ours = [outcome for outcome in outcomes if outcome.task.group == "search"]
    winner = max((outcome for outcome in ours if outcome.status == "ok"), key=lambda one: one.reward, default=None)
    if winner is None:
        raise StudyError(
            f"none of the best genotypes could be trained longer ({ours[0].status}: {ours[0].metrics['error']}). The "
            f"children are kept in {study.path}, and the same command tries again"
        )
    return winner


def is_finished(config: SearchConfig, study: Study) -> bool:
    """Whether `result.json` has all that `finish` would write for these genotypes and these settings."""
    result = study.result
    if result is None or result.get("settings") != config.final_settings():
        return False
    found = {"search": [], "random": []}
    for finalist in result.get("finalists", ()):
        if finalist["status"] not in ("ok", "diverged"):  # a training that was killed may end otherwise
            return False
        found[finalist["origin"]].append(finalist["fingerprint"])
    if found["search"] != [fingerprint(trial.genotype) for trial in best_trials(config, study)]:
        return False
    if gone := _gone(config, study, result):
        logging.warning("%s lacks %s: it is made again", study.path, ", ".join(gone))
    return not gone


def _gone(config: SearchConfig, study: Study, result: dict[str, Any]) -> list[str]:
    """Files that `finish` left and that are gone: the winner's, and those of each finalist."""
    if not {"card", "model"} <= result.keys():  # an evaluator that trains nothing
        return []
    names = [result["card"], weights_name(Path(result["card"]).stem), result["model"]]
    trained = [finalist_name(one["origin"], one["fingerprint"]) for one in result["finalists"] if one["status"] == "ok"]
    folders = [Path(), *(final_folder(config.final_settings()) / name for name in trained)]
    return [str(folder / name) for folder in folders for name in names if not (study.path / folder / name).exists()]


def _ranking(study: Study, outcomes: list[Outcome]) -> dict[str, Any]:
    """How well rewards predict final scores: Kendall's tau over all finalists, and over the random ones."""
    known = [*study.trials, *study.random_trials, *study.derived_trials]  # of one genotype, the last counts
    rewards = {fingerprint(trial.genotype): trial.reward for trial in known if trial.reward is not None}
    found = {}
    for name, group in (("kendall_tau", ("search", "random")), ("kendall_tau_random", ("random",))):
        pairs = [
            (rewards[fingerprint(one.task.genotype)], one.reward)
            for one in outcomes
            if one.status == "ok" and one.task.group in group and fingerprint(one.task.genotype) in rewards
        ]
        tau = kendall_tau(*zip(*pairs, strict=True)) if pairs else None
        found |= {name: tau, f"{name}_pairs": len(pairs)}
    return found


def _entry(outcome: Outcome, random: dict[int, tuple[Any, dict[str, float]]]) -> dict[str, Any]:
    """A finalist as `result.json` has it; a random one with the costs that it was chosen by."""
    task = outcome.task
    costs = random[task.number][1] if task.group == "random" else {}
    return {"origin": task.group, **json.loads(dataclasses.replace(outcome.trial(), costs=costs).to_line())}


def _trained(tasks: list[Task], executor: Executor, config: SearchConfig, part: str) -> list[Outcome]:
    """The outcomes of all tasks, in their order."""
    epochs = config.final_epochs
    outcomes: dict[Task, Outcome] = {}
    attempts: Counter[Task] = Counter()
    waiting = list(tasks)
    for task in tasks:
        files.check(task.folder)
        task.folder.mkdir(parents=True, exist_ok=True)
    with Progress(total=len(tasks) * epochs, desc=part, unit="epoch") as bar:
        for outcome in as_completed(executor, lambda: waiting.pop(0) if waiting else None, config.max_concurrent):
            if outcome is not None:
                attempts[outcome.task] += 1
                if outcome.status == "crashed" and attempts[outcome.task] < _ATTEMPTS:
                    waiting.insert(0, outcome.task)
                else:
                    outcomes[outcome.task] = outcome
            done = sum(epochs if task in outcomes else _epochs(task.folder) for task in tasks)
            bar.reach(done)
            bar.beat()
    return [outcomes[task] for task in tasks]


def _valued(
    outcomes: list[Outcome], study: Study, costing: Costing, random: dict[int, tuple[Any, dict[str, float]]]
) -> list[Outcome]:
    """The outcomes with the values of one's own objective as scores; where it fails, the finalist has failed."""
    known = {name for trial in study.candidates for name in trial.metrics}
    children = {name: trial.costs for name, trial in judged(study).items()}
    found = []
    for one in outcomes:
        if one.status == "ok":
            task = one.task
            costs = random[task.number][1] if task.group == "random" else children.get(fingerprint(task.genotype), {})
            try:
                score = costing.value(one.reward, {**costs, **of_finalist(one.metrics, known)}, {})
                one = dataclasses.replace(one, reward=score)
            except ObjectiveError as error:
                one = dataclasses.replace(one, status="crashed", reward=None, metrics={"error": str(error)})
        found.append(one)
    return found


def _with_all_sittings(outcome: Outcome) -> Outcome:
    """The outcome with the time of the whole training, over all sittings."""
    return dataclasses.replace(outcome, seconds=max(outcome.seconds, outcome.metrics.get("training_seconds", 0.0)))


def _epochs(folder: Path) -> int:
    """The number of epochs that a training has done."""
    try:
        history = parse(text_of(folder / HISTORY))
    except (OSError, ValueError):
        return 0
    return len(history) if isinstance(history, list) else 0

"""Measure what the first epochs of a child tell of its last: whether children can be stopped early.

    python benchmarks/early_epochs.py --results=early_epochs.jsonl

Cells of the table `nasnet_cells_cifar10` are trained as they were for it, for three epochs, and validated after each.
Printed are Kendall's tau of what is known after an epoch with the last validation accuracy, the reward, with the
standard deviation of 1,000 bootstrap samples of the cells; how many of the best tenth are in the better half; and the
seconds of a processor that were spent by then. The number of parameters stands beside it.

Then follows what rungs would have done with these cells, in 300 random orders, by the search's own rule: the share of
the processor's time, the share of orders in which the best cell goes on, and Kendall's tau of the rewards that the
search would have recorded with those of all children to the end.

With --results=FILE each cell is a line of that file, and one that is there is not trained again.
"""

from nasnet_keras.utils import environment

environment.prepare()

import dataclasses
import json
import tempfile
import time
from typing import Any

import keras
import numpy as np
from absl import app, flags
from measure import processor
from searches import Runs

from nasnet_keras.search import SearchConfig, spaces, tables
from nasnet_keras.search.config import child_recipe
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.rungs import STOPPED, Rung, accuracy_name, rungs_of
from nasnet_keras.search.study.ladder import floors
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils.progress import Progress
from nasnet_keras.utils.ranks import kendall_tau

_CELLS = flags.DEFINE_integer("cells", 40, "Cells at most, the first ones of the table.", lower_bound=2)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets; by default $TFDS_DATA_DIR.")
_RESULTS = flags.DEFINE_string("results", None, "A file that keeps all cells, so that a stopped measurement goes on.")

_TABLE = "nasnet_cells_cifar10"
_EPOCHS = 3
_BOOTSTRAPS = 1000
_ORDERS = 300
_WINDOW = 4  # of `nasnet-search`
_RUNGS = ("1:0.5", "1:0.67", "2:0.5", "1:0.67,2:0.5")


def main(argv: list[str]) -> None:
    del argv
    rows = [json.loads(line) for line in tables.located(_TABLE).read_text().splitlines()]
    rows = [row for row in rows if row["epochs"] == _EPOCHS][: _CELLS.value]
    runs, found = Runs(_RESULTS.value, ("row",)), []
    with tempfile.TemporaryDirectory() as folder, Progress(total=len(rows), desc="cells", unit="cell") as bar:
        children = None
        for row in rows:
            run = runs.get(row["row"])
            if run is None:
                children = children or ChildEvaluator(_config(folder))
                run = {"row": row["row"], **_trained(row, children)}
                runs.add(run)
            found.append(run)
            bar.update()
    print(f"{len(found)} cells, {processor()}")
    rewards = np.array([run["after"][-1]["validation_accuracy"] for run in found])
    _show("parameters", np.array([row["parameters"] for row in rows]), rewards)
    for epoch in range(_EPOCHS):
        for name in ("validation_accuracy", "train_accuracy", "loss"):
            values = np.array([run["after"][epoch][name] for run in found])
            _show(f"{name} after epoch {epoch + 1}", -values if name == "loss" else values, rewards)
        spent = np.mean([run["after"][epoch]["seconds"] for run in found])
        print(f"epoch {epoch + 1} ends after {spent:.1f} s of a processor, building included, without validations")
    for rungs in _RUNGS:
        _show_rungs(rungs, [run["after"] for run in found])


def _config(folder: str) -> SearchConfig:
    """The settings of the table's cells, see its card."""
    recipe = dataclasses.replace(child_recipe("cifar10", "child"), epochs=_EPOCHS, sizes=((0.0, 0.5), (0.5, 1.0)))
    given = {"dataset": "cifar10", "data_dir": _DATA_DIR.value, "train_images": 10000, "recipe": recipe}
    return SearchConfig(f"{folder}/study", num_repeats=1, filters=8, **given)


def _trained(row: dict[str, Any], children: ChildEvaluator) -> dict[str, Any]:
    """What is known of a cell after each of its epochs."""
    genotype = spaces.make("nasnet").decode(tuple(row["choices"]))
    training = children._training(genotype, row["seed"])
    keras.backend.clear_session()
    begun, after, validating = time.process_time(), [], 0.0
    trainer = Trainer(
        *(genotype, training.network(children._proxy), children._proxy, training.recipe),
        seed=row["seed"],
        deterministic=training.deterministic,
    )
    while len(after) < _EPOCHS:
        if trainer.advance():
            figures = trainer.end_epoch()
            ended = time.process_time()
            known = {"train_accuracy": figures["accuracy"], "loss": figures["loss"], **trainer.validate()}
            after.append({**known, "seconds": ended - begun - validating})
            validating += time.process_time() - ended
    return {"after": after}


def _show(name: str, values: np.ndarray, rewards: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    draws = generator.integers(0, len(rewards), (_BOOTSTRAPS, len(rewards)))
    spread = np.std([kendall_tau(values[draw], rewards[draw]) or 0.0 for draw in draws])
    best = np.argsort(-rewards, kind="stable")[: max(1, len(rewards) // 10)]
    better = np.isin(best, np.argsort(-values, kind="stable")[: len(rewards) // 2]).sum()
    tau = kendall_tau(values, rewards)
    print(f"{name:36s} tau {tau:5.2f} ± {spread:.2f}; {better} of the best {len(best)} are in the better half")


def _show_rungs(texts: str, cells: list[list[dict[str, float]]]) -> None:
    generator, rungs = np.random.default_rng(0), rungs_of(texts.split(","))
    orders = [_stopped(rungs, cells, generator.permutation(len(cells))) for _ in range(_ORDERS)]
    for name, values in zip(("of the time", "the best goes on", "tau"), np.mean(orders, axis=0), strict=True):
        print(f"rungs {texts:12s} {name:18s} {values:.2f}")


def _stopped(rungs: tuple[Rung, ...], cells: Any, order: np.ndarray) -> tuple[float, bool, float]:
    """What rungs do with cells that are trained in an order: time, whether the best goes on, and tau."""
    trials, seconds = [], 0.0
    rewards = [cells[place][-1]["validation_accuracy"] for place in order]
    for number, place in enumerate(order):
        after = cells[place]
        known = {accuracy_name(epoch + 1): one["train_accuracy"] for epoch, one in enumerate(after)}
        status, reward, ended = "ok", rewards[number], len(after)
        for floor in floors(rungs, trials[: max(0, number - _WINDOW + 1)]):
            accuracy = known[accuracy_name(floor.epoch)]
            if accuracy < floor.least:
                status, reward, ended = STOPPED, floor.expected(accuracy), floor.epoch
                break
        metrics = {name: known[name] for name in map(accuracy_name, range(1, ended + 1))}
        trials.append(Trial(number, f"cell {place}", status, reward, metrics, 1.0, seed=0))
        seconds += after[ended - 1]["seconds"]
    best = trials[int(np.argmax(rewards))].status == "ok"
    tau = kendall_tau([one.reward for one in trials], rewards)
    return seconds / sum(after[-1]["seconds"] for after in cells), best, tau


if __name__ == "__main__":
    app.run(main)

"""Measure what the first epochs of a child tell of its last: whether children can be stopped early.

    python benchmarks/early_epochs.py --results=early_epochs.jsonl

Cells of the table `nasnet_cells_cifar10` are trained again as they were for it, with the same seed, and validated after
each epoch but the last one. Printed are Kendall's tau of what is known after an epoch with the rewards of the table,
with the standard deviation of 1,000 bootstrap samples of the cells; how many of the best tenth are in the better half;
and the seconds of a processor that were spent by then. The number of parameters stands beside it.

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
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils.progress import Progress
from nasnet_keras.utils.ranks import kendall_tau

_CELLS = flags.DEFINE_integer("cells", 40, "Cells at most, the first ones of the table.", lower_bound=2)
_EPOCHS = flags.DEFINE_integer("epochs", 2, "Epochs after which a cell is validated.", lower_bound=1, upper_bound=3)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets; by default $TFDS_DATA_DIR.")
_RESULTS = flags.DEFINE_string("results", None, "A file that keeps all cells, so that a stopped measurement goes on.")

_TABLE = "nasnet_cells_cifar10"
_BOOTSTRAPS = 1000


def main(argv: list[str]) -> None:
    del argv
    rows = [json.loads(line) for line in tables.located(_TABLE).read_text().splitlines()]
    rows = [row for row in rows if row["epochs"] == 3][: _CELLS.value]
    runs, found = Runs(_RESULTS.value, ("row", "epochs")), []
    with tempfile.TemporaryDirectory() as folder, Progress(total=len(rows), desc="cells", unit="cell") as bar:
        children = None
        for row in rows:
            run = runs.get(row["row"], _EPOCHS.value)
            if run is None:
                children = children or ChildEvaluator(_config(folder))
                run = {"row": row["row"], "epochs": _EPOCHS.value, **_trained(row, children)}
                runs.add(run)
            found.append(run)
            bar.update()
    print(f"{len(found)} cells, {processor()}")
    rewards = np.array([row["validation_accuracy"] for row in rows])
    _show("parameters", np.array([row["parameters"] for row in rows]), rewards)
    for epoch in range(_EPOCHS.value):
        for name in ("validation_accuracy", "train_accuracy", "loss"):
            values = np.array([run["after"][epoch][name] for run in found])
            _show(f"{name} after epoch {epoch + 1}", -values if name == "loss" else values, rewards)
        spent = np.mean([run["after"][epoch]["seconds"] for run in found])
        print(f"epoch {epoch + 1} ends after {spent:.1f} s of a processor, building and the validation included")


def _config(folder: str) -> SearchConfig:
    """The settings of the table's cells, see its card."""
    recipe = dataclasses.replace(child_recipe("cifar10", "child"), epochs=3, sizes=((0.0, 0.5), (0.5, 1.0)))
    given = {"dataset": "cifar10", "data_dir": _DATA_DIR.value, "train_images": 10000, "recipe": recipe}
    return SearchConfig(f"{folder}/study", num_repeats=1, filters=8, **given)


def _trained(row: dict[str, Any], children: ChildEvaluator) -> dict[str, Any]:
    """What is known of a cell after each of its first epochs."""
    genotype = spaces.make("nasnet").decode(tuple(row["choices"]))
    training = children._training(genotype, row["seed"])
    keras.backend.clear_session()
    begun, after = time.process_time(), []
    trainer = Trainer(
        *(genotype, training.network(children._proxy), children._proxy, training.recipe),
        seed=row["seed"],
        deterministic=training.deterministic,
    )
    while len(after) < _EPOCHS.value:
        if trainer.advance():
            figures = trainer.end_epoch()
            known = {"train_accuracy": figures["accuracy"], "loss": figures["loss"], **trainer.validate()}
            after.append({**known, "seconds": time.process_time() - begun})
    return {"after": after}


def _show(name: str, values: np.ndarray, rewards: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    draws = generator.integers(0, len(rewards), (_BOOTSTRAPS, len(rewards)))
    spread = np.std([kendall_tau(values[draw], rewards[draw]) or 0.0 for draw in draws])
    best = np.argsort(-rewards, kind="stable")[: max(1, len(rewards) // 10)]
    better = np.isin(best, np.argsort(-values, kind="stable")[: len(rewards) // 2]).sum()
    tau = kendall_tau(values, rewards)
    print(f"{name:36s} tau {tau:5.2f} ± {spread:.2f}; {better} of the best {len(best)} are in the better half")


if __name__ == "__main__":
    app.run(main)

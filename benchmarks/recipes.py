"""Measure how well the rewards of cheaper children order cells as long trainings do.

    python benchmarks/recipes.py --results=recipes.jsonl

The cells of the table `nasnet_cells_cifar10` that were also trained ten times as long are trained as children, by each
of some recipes. Printed are the seconds of a child, Kendall's tau of its reward with the accuracy after the long
training, with the standard deviation of 1,000 bootstrap samples of the cells, and by how much this tau is above that of
the first recipe, in the same samples. Beside them stand the loss and the accuracy of the child's last epoch on training
images, multiply-adds, and parameters, which cost nothing.

Children run in as many processes as a search takes, so that their seconds are compared with those of the first recipe
only if nothing else ran. With --results=FILE each child is a line of that file, and one that is there is not trained
again.
"""

from nasnet_keras.utils import environment

environment.prepare()

import dataclasses
import itertools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags
from measure import processor
from searches import Runs

from nasnet_keras.search import SearchConfig, evaluators, executors, spaces, tables
from nasnet_keras.search.executors.base import Task, as_completed
from nasnet_keras.training.recipes import RECIPES, Recipe
from nasnet_keras.utils.progress import Progress
from nasnet_keras.utils.ranks import kendall_tau

_TABLE = "nasnet_cells_cifar10"
_EPOCHS = 3  # of the table's short trainings
_SHORT = dataclasses.replace(RECIPES["short"], epochs=_EPOCHS)


def _sized(*sizes: tuple[float, float], **changes: Any) -> Recipe:
    return dataclasses.replace(_SHORT, sizes=sizes, **changes)


_RECIPES = {  # by name: how a child is trained, and the side of the images that it sees
    "0:0.5,0.3:0.75,0.6:1": (_SHORT, 32),
    "0:0.5,0.9:1": (_sized((0.0, 0.5), (0.9, 1.0)), 32),
    "0:0.5,0.75:1": (_sized((0.0, 0.5), (0.75, 1.0)), 32),
    "16 pixels": (_sized((0.0, 1.0), pad=2), 16),
    "16 pixels, six epochs": (_sized((0.0, 1.0), pad=2, epochs=6), 16),
    "two epochs": (dataclasses.replace(_SHORT, epochs=2), 32),
}
_TRAINING = {"loss": -1, "train_accuracy": 1}  # figures of the last epoch on training images, and which sign is better
_BOOTSTRAPS = 1000

_CELLS = flags.DEFINE_string(
    "cells", None, "JSON lines of trainings, as make_cells.py writes them; by default those of the package's table."
)
_NUMBER = flags.DEFINE_integer("number", 60, "Cells at most, the first ones.", lower_bound=2)
_NAMES = flags.DEFINE_multi_enum(
    "recipe", [*_RECIPES], [*_RECIPES], "Recipe of the children; the first is compared with."
)
_SEED = flags.DEFINE_integer("seed", 1, "What is added to the seeds of the long trainings.", lower_bound=0)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets; by default $TFDS_DATA_DIR.")
_RESULTS = flags.DEFINE_string(
    "results", None, "A file that keeps all children, so that a stopped measurement goes on."
)


def main(argv: list[str]) -> None:
    del argv
    path = Path(_CELLS.value or tables.located(_TABLE).with_stem(f"{_TABLE}_repeats"))
    rows = [row for row in map(json.loads, path.read_text().splitlines()) if row["epochs"] > _EPOCHS]
    rows, runs = rows[: _NUMBER.value], Runs(_RESULTS.value, ("recipe", "row", "seed"))
    with Progress(total=len(rows) * len(_NAMES.value), desc="children", unit="child") as bar:
        for name in _NAMES.value:
            missing = [row for row in rows if runs.get(name, row["row"], row["seed"] + _SEED.value) is None]
            bar.update(len(rows) - len(missing))
            for run in _trained(name, missing) if missing else ():
                runs.add(run)
                bar.update()
    print(f"{len(rows)} cells, {processor()}")
    long = np.array([row["validation_accuracy"] for row in rows])
    found = {name: [runs.get(name, row["row"], row["seed"] + _SEED.value) for row in rows] for name in _NAMES.value}
    rewards = {name: np.array([run["reward"] for run in found[name]]) for name in found}
    seconds = {name: np.mean([run["seconds"] for run in found[name]]) for name in found}
    for name, (key, sign) in itertools.product(found, _TRAINING.items()):
        if all(key in run for run in found[name]):
            rewards[f"{name}: {key}"] = sign * np.array([run[key] for run in found[name]])
    rewards |= {name: np.array([row[name] for row in rows], float) for name in ("multiply_adds", "parameters")}
    draws = np.random.default_rng(0).integers(0, len(rows), (_BOOTSTRAPS, len(rows)))
    taus = {
        name: np.array([kendall_tau(values[draw], long[draw]) for draw in draws]) for name, values in rewards.items()
    }
    first, *_ = rewards
    for name, values in rewards.items():
        tau, more = kendall_tau(values, long), kendall_tau(values, long) - kendall_tau(rewards[first], long)
        spread, error = taus[name].std(), (taus[name] - taus[first]).std()
        cost = f"{seconds[name]:6.1f} s, {seconds[name] / seconds[first]:.2f} of the first" if name in seconds else ""
        print(f"{name:38s} tau {tau:5.2f} ± {spread:.2f}, {more:+.2f} ± {error:.2f}  {cost}")


def _trained(name: str, rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Train children by a recipe; yields the figures of each as it ends."""
    space = spaces.make("nasnet")
    tasks = (
        Task("search", number, space.decode(tuple(row["choices"])), row["seed"] + _SEED.value)
        for number, row in enumerate(rows)
    )
    with tempfile.TemporaryDirectory() as folder:
        config = _config(folder, name)
        with executors.make(config) as executor:
            executor.start(evaluators.make(config), Path(folder))
            for outcome in filter(None, as_completed(executor, lambda: next(tasks, None))):
                figures = {"seed": outcome.task.seed, "reward": outcome.reward, "seconds": round(outcome.seconds, 2)}
                kept = {key: outcome.metrics[key] for key in _TRAINING}
                yield {"recipe": name, "row": rows[outcome.task.number]["row"], **figures, **kept}


def _config(folder: str, name: str) -> SearchConfig:
    """The settings of the table's cells, see its card, with another recipe."""
    recipe, side = _RECIPES[name]
    given = {"dataset": "cifar10", "data_dir": _DATA_DIR.value, "train_images": 10000, "recipe": recipe}
    given |= {} if side == 32 else {"image_size": side}
    return SearchConfig(f"{folder}/study", num_repeats=1, filters=8, **given)


if __name__ == "__main__":
    app.run(main)

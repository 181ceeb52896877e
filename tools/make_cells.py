"""Train random cells of NASNet's space, for a table that begins where a search would: really trained children.

    python tools/make_cells.py --table=cells.jsonl

A line is a child as this command trains it, whatever becomes of the search's defaults:

    nasnet-search --dataset=cifar10 --train_images=10000 --epochs=3 --sizes=0:0.5,0.5:1

There are 1,000 cells. So that the table tells its own noise, 40 of them are trained with two more seeds, 60 also for
ten times as many epochs, and 20 once on every kind of processor that the job meets.

All rows come from one commit (`COMMIT`), since a change of the training would show as a difference between cells. Check
that commit out beside the working tree, install it in an environment of its own, and run this file there. The job
continues after the lines that the table has.

Cells are a stratified sample of random ones: cell number n is drawn uniformly among those whose multiply-adds are in
the tenth n mod 10 of all random cells, so that every ten numbers spread over the whole range, and all together are like
as many random cells.
"""

import bisect
import dataclasses
import itertools
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import app, flags, logging

from nasnet_keras.utils import environment

COMMIT = "5b6d24657062"
_CELLS = 1000
_EPOCHS = 3
_LONG = 10  # times as many epochs
_SEEDS = 3  # of some cells, the first included
_WITH_SEEDS, _WITH_LONG, _WITH_PROCESSORS = 40, 60, 20  # the first cells, since every ten spread over the range
_STRATA = 10
_DRAWN = 5000  # random cells that tell the borders of the strata
_NETWORK = {"num_repeats": 1, "filters": 8}
_TIMEOUT = 24 * 60  # minutes of a child: a long one beside other work takes hours, which tells nothing of its cell

_TABLE = flags.DEFINE_string("table", None, "JSON lines of the trainings, which are appended.", required=True)
_WORKERS = flags.DEFINE_integer(
    "workers", None, "Number of children that train at once; by default the number of cores."
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets; by default $TFDS_DATA_DIR.")


class Training(NamedTuple):
    """What a line of the table is the result of, but for the processor."""

    row: int
    seed: int
    epochs: int


def main(argv: list[str]) -> None:
    del argv
    environment.prepare()
    from nasnet_keras import search
    from nasnet_keras.search.spaces.nasnet import CellSpace

    commit, processor, path = _commit(Path(search.__file__).parent), _processor(), Path(_TABLE.value)
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    missing = _missing(lines, processor)
    logging.info("%d trainings are missing", len(missing))
    for epochs, trainings in itertools.groupby(missing, key=lambda training: training.epochs):
        for training, choices, facts in _trained(CellSpace(), trainings, epochs):
            line = {"row": training.row, "epochs": epochs, "choices": list(choices), **facts}
            line |= {"processor": processor, "date": time.strftime("%Y-%m-%d"), "commit": commit}
            with path.open("a") as file:
                file.write(json.dumps(line, separators=(",", ":")) + "\n")
            logging.info("%s: %s", training, facts)


def _missing(lines: list[dict[str, Any]], processor: str) -> list[Training]:
    """The trainings that the table lacks, in the order to do them."""
    done = {Training(line["row"], line["seed"], line["epochs"]) for line in lines}
    here = {Training(line["row"], line["seed"], line["epochs"]) for line in lines if line["processor"] == processor}
    first = [Training(row, row, _EPOCHS) for row in range(_CELLS)]
    seeds = [Training(row, _CELLS * seed + row, _EPOCHS) for seed in range(1, _SEEDS) for row in range(_WITH_SEEDS)]
    long = [Training(row, row, _LONG * _EPOCHS) for row in range(_WITH_LONG)]
    by_every_processor = [training for training in first[:_WITH_PROCESSORS] if training not in here]
    # Some long ones and a second seed come early, since other measurements need them.
    in_order = (*first[:100], *long[:18], *seeds[:_WITH_SEEDS], *first[100:], *seeds, *long)
    by_any = [training for training in in_order if training not in done]
    return list(dict.fromkeys(by_every_processor + by_any))


def _trained(space: Any, trainings: Iterator[Training], epochs: int) -> Iterator[tuple[Training, Any, dict[str, Any]]]:
    """Train cells; yields the choices and the figures of each as it ends."""
    from nasnet_keras import search
    from nasnet_keras.search import evaluators, executors

    borders, under_way = _borders(space), {}

    def following() -> Any:
        if (training := next(trainings, None)) is None:
            return None
        number = len(under_way)
        under_way[number] = training, _cell(space, borders, training.row)
        return search.Task("search", number, space.decode(under_way[number][1]), training.seed)

    with tempfile.TemporaryDirectory() as folder:
        config = _config(folder, epochs)
        with executors.make(config) as executor:
            executor.start(evaluators.make(config), Path(folder))
            for outcome in executors.base.as_completed(executor, following):
                if outcome is not None:
                    yield *under_way[outcome.task.number], _facts(outcome)


def _commit(folder: Path) -> str:
    """The commit of the package that trains.

    Raises:
        ValueError: it is not the commit of all rows, or its files were changed.
    """
    asked = ["git", "-C", str(folder)]
    found = subprocess.run([*asked, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run([*asked, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    if not found.startswith(COMMIT) or changed.stdout:
        raise ValueError(f"rows are made by commit {COMMIT} without changes, this is {found}: see the docstring")
    return found[:12]


def _config(folder: str, epochs: int) -> Any:
    """The settings of the command in the docstring of this file."""
    from nasnet_keras.search.config import SearchConfig, child_recipe

    recipe = dataclasses.replace(child_recipe("cifar10", "child"), epochs=epochs, sizes=((0.0, 0.5), (0.5, 1.0)))
    return SearchConfig(
        f"{folder}/study",
        dataset="cifar10",
        data_dir=_DATA_DIR.value,
        train_images=10000,
        recipe=recipe,
        workers=_WORKERS.value,
        child_timeout_minutes=_TIMEOUT,
        **_NETWORK,
    )


def _multiply_adds(space: Any, choices: Any) -> int:
    from nasnet_keras.networks.cost import genotype_cost

    return genotype_cost(space.decode(choices), (32, 32, 3), **_NETWORK).multiply_adds


def _borders(space: Any) -> list[float]:
    """The multiply-adds between the strata."""
    generator = np.random.default_rng(0)
    drawn = [_multiply_adds(space, space.sample(generator)) for _ in range(_DRAWN)]
    return np.quantile(drawn, np.arange(1, _STRATA) / _STRATA).tolist()


def _cell(space: Any, borders: list[float], number: int) -> Any:
    """The choices of a row: the first random ones, by the number's own generator, of its stratum."""
    generator = np.random.default_rng((1, number))
    while True:
        choices = space.sample(generator)
        if bisect.bisect(borders, _multiply_adds(space, choices)) == number % _STRATA:
            return choices


def _facts(outcome: Any) -> dict[str, Any]:
    trial = json.loads(outcome.trial().to_line())
    metrics = {name: round(value, 6) for name, value in trial["metrics"].items() if not isinstance(value, str)}
    errors = {name: value for name, value in trial["metrics"].items() if isinstance(value, str)}
    return {
        "fingerprint": trial["fingerprint"],
        "status": trial["status"],
        **metrics,
        **errors,
        "seed": trial["seed"],
        "seconds": round(trial["seconds"], 1),
    }


def _processor() -> str:
    """The name of the processor, with the instructions that change speed and rounding."""
    text = Path("/proc/cpuinfo").read_text()
    name = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")
    return " ".join([name, *(one for one in ("avx2", "avx512f", "amx_tile") if f" {one} " in text)])


if __name__ == "__main__":
    app.run(main)

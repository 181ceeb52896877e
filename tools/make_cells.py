"""Train random cells of NASNet's space, for a table that begins where a search would: really trained children.

    python tools/make_cells.py --rows=1000 --table=cells.jsonl

A row is a child as this command trains it, whatever becomes of the search's defaults:

    nasnet-search --dataset=cifar10 --train_images=10000 --epochs=3 --sizes=0:0.5,0.5:1

All rows come from one commit (`COMMIT`), since a change of the training would show as a difference between cells. Check
that commit out beside the working tree, install it in an environment of its own, and run this file there. The job
continues after the rows that the table has; another processor is recorded and no hindrance.

Cells are a stratified sample of random ones: row number n is drawn uniformly among cells whose multiply-adds are in the
tenth n mod 10 of all random cells, so that every ten rows spread over the whole range, and all rows together are like
as many random cells.
"""

import bisect
import dataclasses
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags, logging

from nasnet_keras.utils import environment

COMMIT = "5b6d24657062"
_STRATA = 10
_DRAWN = 5000  # random cells that tell the borders of the strata
_NETWORK = {"num_repeats": 1, "filters": 8}

_TABLE = flags.DEFINE_string("table", None, "JSON lines of the rows, which are appended.", required=True)
_ROWS = flags.DEFINE_integer("rows", 1000, "Number of rows of the finished table.", lower_bound=1)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of TensorFlow Datasets; by default $TFDS_DATA_DIR.")


def main(argv: list[str]) -> None:
    del argv
    environment.prepare()
    from nasnet_keras import search
    from nasnet_keras.search import evaluators, executors
    from nasnet_keras.search.spaces.nasnet import CellSpace

    commit = _commit(Path(search.__file__).parent)
    path = Path(_TABLE.value)
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    numbers = sorted(set(range(_ROWS.value)) - {row["row"] for row in done})
    space = CellSpace()
    borders = _borders(space)
    with tempfile.TemporaryDirectory() as folder:
        config = _config(folder)
        with executors.make(config) as executor:
            executor.start(evaluators.make(config), Path(folder))
            for number in numbers:
                choices = _cell(space, borders, number)
                executor.submit(search.Task("search", number, space.decode(choices), number))
                while (outcome := executor.wait(60.0)) is None:
                    pass
                facts = _facts(outcome)
                row = {"row": number, "choices": list(choices), **facts, "commit": commit}
                with path.open("a") as file:
                    file.write(json.dumps(row, separators=(",", ":")) + "\n")
                logging.info("row %d: %s", number, facts)


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


def _config(folder: str) -> Any:
    """The settings of the command in the docstring of this file."""
    from nasnet_keras.search.config import SearchConfig, child_recipe

    recipe = dataclasses.replace(child_recipe("cifar10", "child"), epochs=3, sizes=((0.0, 0.5), (0.5, 1.0)))
    return SearchConfig(
        f"{folder}/study",
        dataset="cifar10",
        data_dir=_DATA_DIR.value,
        train_images=10000,
        recipe=recipe,
        workers=1,
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
        "processor": _processor(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    """The name of the processor, with the instructions that change speed and rounding."""
    text = Path("/proc/cpuinfo").read_text()
    name = next((line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")), "")
    return " ".join([name, *(one for one in ("avx2", "avx512f", "amx_tile") if f" {one} " in text)])


if __name__ == "__main__":
    app.run(main)

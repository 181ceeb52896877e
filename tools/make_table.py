"""Make the table that ships with the package, and its card, of the trainings of `make_cells.py`.

    python tools/make_table.py --cells=cells.jsonl

Writes three files into `nasnet_keras/search/tables`. `nasnet_cells_cifar10.jsonl` has the first training of each cell,
whose validation accuracy is the reward of a search in the table; `nasnet_cells_cifar10_repeats.jsonl` has all others:
other seeds, other processors, more epochs. The card, `nasnet_cells_cifar10.json`, says what was trained and how, and
computes the noise from these lines. Cells whose training failed are counted in the card, and are not in the table.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

from nasnet_keras.search import tables
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.ranks import spearman

_CELLS = flags.DEFINE_string("cells", None, "JSON lines of trainings, as make_cells.py writes them.", required=True)
_TARGET = flags.DEFINE_string("target", str(Path(tables.__file__).parent), "The folder to write to.")

_NAME = "nasnet_cells_cifar10"
_EPOCHS = 3  # of the table's trainings; longer ones are repeats
_REWARD = "validation_accuracy"
_FIELDS = ("row", "choices", "fingerprint", _REWARD, "train_accuracy", "loss")
_FIELDS += ("parameters", "trainable_parameters", "multiply_adds")
_FIELDS += ("epochs", "seed", "seconds", "processor", "date", "commit")
_CARD = {
    "description": "Random cells of NASNet's space (13 operations, two cells of five blocks that add or concatenate), "
    "each trained from scratch as a child of a search is. Cell number n is drawn uniformly among those whose "
    "multiply-adds are in the tenth n mod 10 of all random cells.",
    "made_by": "tools/make_cells.py, tools/make_table.py",
    "command": "nasnet-search --dataset=cifar10 --train_images=10000 --epochs=3 --sizes=0:0.5,0.5:1",
    "network": {"num_repeats": 1, "filters": 8},
    "dataset": "CIFAR-10 (Krizhevsky 2009). A tenth of the 50,000 training images is put aside for validation, which "
    "gives the reward, and 10,000 of the others train, the same ones for all cells. The images were JPEG copies "
    "(4:2:0, quality about 75), so that accuracies are a little lower than on the original.",
    "hardware": "two CPU cores, two children at once, beside other programs: seconds are no measure of speed",
    "license": "Apache-2.0, as the package; no image is contained",
}

Lines = list[dict[str, Any]]


def divided(lines: Iterable[dict[str, Any]]) -> tuple[Lines, Lines, Lines]:
    """The first training of each cell by the number of the cell, all others, and those that failed."""
    firsts: dict[int, dict[str, Any]] = {}
    repeats, failed = [], []
    for line in lines:
        if line["status"] != "ok":
            failed.append(line)
        elif line["epochs"] == _EPOCHS and line["row"] not in firsts:
            firsts[line["row"]] = line
        else:
            repeats.append(line)
    return [firsts[row] for row in sorted(firsts)], repeats, failed


def noise(lines: Lines) -> dict[str, Any]:
    """What trainings of one cell differ by: over seeds, over processors, and in rank after more epochs."""
    seeds, processors, long = defaultdict(dict), defaultdict(dict), {}
    for line in lines:
        if line["epochs"] == _EPOCHS:
            seeds[line["row"]].setdefault(line["seed"], line[_REWARD])
            processors[line["row"], line["seed"]].setdefault(line["processor"], line[_REWARD])
        else:
            long.setdefault((line["row"], line["epochs"]), line[_REWARD])
    found = {"over_seeds": deviation(seeds.values()), "over_processors": deviation(processors.values())}
    for epochs in sorted({epochs for _, epochs in long}):
        rows = [row for row, other in long if other == epochs and row in seeds]
        pairs = [(next(iter(seeds[row].values())), long[row, epochs]) for row in rows]
        correlation = spearman(*zip(*pairs, strict=True)) if len(pairs) > 2 else None
        found[f"after_{epochs}_epochs"] = {"cells": len(pairs), "spearman": correlation}
    return found


def deviation(groups: Iterable[dict[Any, float]]) -> dict[str, Any]:
    """The standard deviation within groups of results, pooled over those of two or more."""
    several = [list(group.values()) for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in several)
    squares = sum(np.var(group) * len(group) for group in several)
    pooled = round(float(np.sqrt(squares / freedom)), 5) if freedom else None
    return {"cells": len(several), "trainings": sum(map(len, several)), "standard_deviation": pooled}


def card(firsts: Lines, repeats: Lines, failed: Lines) -> dict[str, Any]:
    """All that the card says."""
    known, rewards = firsts + repeats, [line[_REWARD] for line in firsts]
    return {
        "name": _NAME,
        **_CARD,
        "cells": len(firsts),
        "repeats": len(repeats),
        "failed": len(failed),
        "reward": {
            "mean": round(float(np.mean(rewards)), 5),
            "standard_deviation": round(float(np.std(rewards)), 5),
            "least": min(rewards),
            "most": max(rewards),
        },
        "noise": noise(known),
        "child_hours": round(sum(line["seconds"] for line in known) / 3600, 1),
        "dates": [min(line["date"] for line in known), max(line["date"] for line in known)],
        "processors": dict(Counter(line["processor"] for line in known)),
        "commits": sorted({line["commit"] for line in known}),
    }


def main(argv: list[str]) -> None:
    del argv
    text = Path(_CELLS.value).read_text()
    lines = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]  # a running job may write the last
    firsts, repeats, failed = divided(lines)
    described = json.dumps(card(firsts, repeats, failed), indent=2) + "\n"  # before anything is written
    for name, chosen in ((_NAME, firsts), (f"{_NAME}_repeats", repeats)):
        texts = [json.dumps({field: line[field] for field in _FIELDS}, separators=(",", ":")) for line in chosen]
        write_text(Path(_TARGET.value) / f"{name}.jsonl", "".join(f"{text}\n" for text in texts))
    write_text(Path(_TARGET.value) / f"{_NAME}.json", described)
    print(f"{len(firsts)} cells, {len(repeats)} repeats, {len(failed)} failed")


if __name__ == "__main__":
    app.run(main)

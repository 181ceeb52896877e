"""Write a page for each trained model that the package ships, and `models.csv` with the figures of all.

    python tools/model_pages.py                # writes docs/models/, from cards and logs
    python tools/model_pages.py --confusion    # first lets the models answer the test images again: some minutes

`docs/models/NAME_confusion.json` has how often a model took images of a class for another, which needs the data sets.
"""

import csv
import io
import json
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

import nasnet_keras as nk
from nasnet_keras import genotypes, pretrained
from nasnet_keras.card import Card
from nasnet_keras.pretrained.listing import CARDS
from nasnet_keras.training.picture import plot_training_curve
from nasnet_keras.utils.environment import prepare
from nasnet_keras.utils.files import write_text

_CONFUSION = flags.DEFINE_bool("confusion", False, "Let the models answer the test images of their data sets again.")
_FOLDER = Path(__file__).resolve().parent.parent / "docs/models"
_OUTPUT = flags.DEFINE_string("output", str(_FOLDER), "Folder to write pages, pictures and the table into.")
_MOST = 12  # pairs of classes that a page lists
_WIDTH = 80  # letters of a command in a line
_SMALL = 20  # classes of which a page has the whole matrix


def main(argv: list[str]) -> None:
    del argv
    prepare()
    output = Path(_OUTPUT.value)
    cards = sorted(map(Card.read, CARDS.glob("*.json")), key=lambda card: (card.dataset["name"], card.name))
    shipped = [card for card in cards if card.weights.url is None]
    for card in shipped if _CONFUSION.value else ():
        write_text(_FOLDER / f"{card.name}_confusion.json", json.dumps(_confusion(card)) + "\n")
        print(card.name, flush=True)
    for card in shipped:
        nk.plot_genotype(card.genotype, output / f"{card.name}.svg")
        history = json.loads((_FOLDER / f"{card.name}.json").read_text(encoding="utf-8"))
        title = f"{card.name}: accuracy over the epochs of its last training"
        plot_training_curve(history, output / f"{card.name}_training.svg", title)
        write_text(output / f"{card.name}.md", _page(card))
    write_text(output / "models.csv", _csv(cards))


def _confusion(card: Card) -> list[list[int]]:
    """Pairs of classes and how often the model took one for the other: `[true, predicted, images]`."""
    from nasnet_keras.training import datasets

    test = datasets.load(card.dataset["name"], image_size=card.input_shape[0], fit=card.fit).test
    model = nk.fuse_for_inference(pretrained.load(card.name))
    predicted = model.predict(test.images, batch_size=64, verbose=0).argmax(-1)
    pairs, counts = np.unique(np.stack([test.labels, predicted], 1), axis=0, return_counts=True)
    return [[*pair, count] for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True)]


def _page(card: Card) -> str:
    """The page of a model, in Markdown."""
    published = genotypes.name_of(card.genotype)
    height, width, _ = card.input_shape
    what = f"the cell of `{published}`" if published else "a genotype of this package"
    data, task = card.dataset["name"], len(card.class_names)
    parts = [
        f"# {card.name}",
        f"A classifier of images of {height}×{width} pixels into the {task} classes of {data}, with {what}.",
        _table(("figure", "value"), _facts(card)),
        f"![The genotype of {card.name}]({card.name}.svg)",
        "## Use",
        _code("python", _USE.format(name=card.name)),
        "Fine-tune it on images of your own, let what that made, `mine`, classify new ones, and export it:",
        _code("bash", "\n".join(_wrapped(line.format(name=card.name)) for line in _COMMANDS)),
        "## Latency",
        f"Of one image, measured on {card.latencies[0]['processor']} while nothing else ran; "
        "[Latency](../latency.md) has the protocol. Files in int8 were calibrated with 100 training images and answered"
        f" 4,000 test images, of which the file in float32 has {card.quantized[0]['float32_accuracy']:.2%} right.",
        _table(("runtime", "precision", "size, MiB", "accuracy", "1 thread, ms", "2 threads, ms"), _latencies(card)),
        "## Training",
        f"![Accuracy over the epochs]({card.name}_training.svg)",
        f"By the command below, in {card.training['hours']:.2f} hours on {card.training['hardware']}; "
        f"[the log]({card.name}.json) has each epoch.",
        *_earlier(card),
        _code("bash", _wrapped(card.training["command"])),
        "## Confusions",
        *_confusions(card),
    ]
    return "\n\n".join(parts) + "\n"


_USE = """from nasnet_keras import pretrained

model = pretrained.load("{name}")  # reads images as they come, 0 to 255
pretrained.verify("{name}")  # it computes here what its card recorded"""
_COMMANDS = (
    "nasnet-finetune --model={name} --train_dir=my_images --workdir=mine",
    "nasnet-predict --model=mine --images=photos --output=answers.csv",
    "nasnet-export --model=mine --output=mine.tflite --quantization=int8 --calibration_dir=my_images",
)


def _facts(card: Card) -> list[tuple[str, ...]]:
    metrics, cost = card.metrics, card.cost
    return [
        ("test accuracy", f"{metrics['test_accuracy']:.2%} of {metrics['test_images']:,} images, one run"),
        ("validation accuracy", f"{metrics['validation_accuracy']:.2%} of {metrics['validation_images']:,} images"),
        ("parameters", f"{cost['parameters']:,}, of which {cost['trainable_parameters']:,} are trained"),
        ("multiply-adds", f"{cost['multiply_adds']:,}"),
        ("weights", f"`{card.weights.file}`, {card.weights.size:,} bytes"),
        ("SHA-256", f"`{card.weights.sha256}`"),
        ("fingerprint of the genotype", f"`{card.genotype.fingerprint}`"),
        ("images", f"{card.dataset['source']}"),
        ("license of the images", card.license),
    ]


def _earlier(card: Card) -> list[str]:
    """What was trained before the last training, whose weights that began from."""
    start = card.training.get("initial_weights")
    if start is None:
        return []
    logs = _logs(card)
    links = " and ".join(f"[{name}]({name}.json)" for name in logs)
    number = "another training" if len(logs) == 1 else f"{len(logs)} other trainings"
    hours = sum(logs.values())
    return [
        f"That was the last one. It went on from `{start['file']}`, which came of {number} of {hours:.2f} hours in all "
        f"({links}), and which the package does not have, so that the command alone does not make this model. "
        "[Trained models](README.md#trained-more-than-once) tells how to make it from the beginning."
    ]


def _logs(card: Card) -> dict[str, float]:
    """The logs of earlier trainings by name, and the hours of each."""
    paths = [path for each in ("first", "second") if (path := _FOLDER / f"{card.name}_{each}.json").exists()]
    return {path.stem: json.loads(path.read_text(encoding="utf-8"))[-1]["seconds"] / 3600 for path in paths}


def _latencies(card: Card) -> list[tuple[str, ...]]:
    """The rows of the latencies: each runtime in float32, and in int8."""
    plain = {(each["runtime"], each["threads"]): each["median_ms"] for each in card.latencies}
    rows = []
    for each in card.quantized:
        runtime = each["format"]
        now = {one["threads"]: one["median_ms"] for one in each["latencies"]}
        for precision, size, accuracy, times in (
            ("float32", each["float32_size"], each["float32_accuracy"], [plain[runtime, n] for n in (1, 2)]),
            ("int8", each["size"], each["test_accuracy"], [now[n] for n in (1, 2)]),
        ):
            figures = f"{size / 2**20:.1f}", f"{accuracy:.2%}", *(f"{time:#.3g}" for time in times)
            rows.append((runtime, precision, *figures))
    return rows


def _confusions(card: Card) -> list[str]:
    """Which classes the model takes for which, as a matrix if they are few, else the commonest pairs."""
    found = json.loads((_FOLDER / f"{card.name}_confusion.json").read_text(encoding="utf-8"))
    names = card.class_names
    totals = np.zeros(len(names), int)
    for true, _, count in found:
        totals[true] += count
    right = {true: count for true, predicted, count in found if true == predicted}
    if len(names) <= _SMALL:
        matrix = np.zeros((len(names), len(names)), int)
        for true, predicted, count in found:
            matrix[true, predicted] = count
        rows = [
            (names[place], *(f"**{n}**" if place == other else str(n) for other, n in enumerate(row)))
            for place, row in enumerate(matrix.tolist())
        ]
        return ["True classes down, predicted ones across, by number of test images.", _table(("", *names), rows)]
    worst = sorted((each for each in found if each[0] != each[1]), key=lambda each: -each[2])[:_MOST]
    pairs = [(names[true], names[predicted], f"{count} of {totals[true]}") for true, predicted, count in worst]
    shares = sorted(((right.get(place, 0) / totals[place], name) for place, name in enumerate(names)))
    hardest = ", ".join(f"{name} {share:.0%}" for share, name in shares[:5])
    easiest = ", ".join(f"{name} {share:.0%}" for share, name in shares[:-6:-1])
    return [
        f"The commonest among {len(names)} classes, by number of test images:",
        _table(("true class", "taken for", "images"), pairs),
        f"Hardest classes, by the share that is right: {hardest}. Easiest: {easiest}.",
    ]


def _csv(cards: list[Card]) -> str:
    """One line a model; what a model does not have is empty."""
    rows = []
    for card in cards:
        shipped = card.weights.url is None
        row: dict[str, Any] = {
            "name": card.name,
            "dataset": card.dataset["name"],
            "genotype": genotypes.name_of(card.genotype) or card.genotype.fingerprint,
            "image_size": card.input_shape[0],
            "classes": len(card.class_names),
            "test_accuracy": card.metrics["test_accuracy"],
            "test_images": card.metrics["test_images"],
            "runs": card.metrics["runs"],
            "source": card.metrics.get("source", "measured here"),
            "validation_accuracy": card.metrics.get("validation_accuracy"),
            "validation_images": card.metrics.get("validation_images"),
            **card.cost,
            "weights_bytes": card.weights.size,
            "sha256": card.weights.sha256,
            "md5": card.weights.md5,
            "downloaded": not shipped,
            "license": card.license,
            "training_epochs": card.training.get("epochs"),
            "training_hours": card.training.get("hours"),
            "hours_of_earlier_trainings": round(sum(_logs(card).values()), 3) if shipped else None,
            "training_hardware": card.training.get("hardware"),
        }
        for each in card.latencies:
            row[f"{each['runtime']}_float32_{each['threads']}_threads_ms"] = each["median_ms"]
        for each in card.quantized:
            row[f"{each['format']}_int8_test_accuracy"] = each["test_accuracy"]
            row[f"{each['format']}_float32_accuracy_of_the_same_images"] = each["float32_accuracy"]
            row[f"{each['format']}_int8_test_images"] = each["test_images"]
            row[f"{each['format']}_int8_bytes"] = each["size"]
            for one in each["latencies"]:
                row[f"{each['format']}_int8_{one['threads']}_threads_ms"] = one["median_ms"]
        if card.latencies:
            row["processor"] = card.latencies[0]["processor"]
        rows.append(row)
    file = io.StringIO()
    writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _wrapped(command: str) -> str:
    """Continue a long command on further lines."""
    return " \\\n  ".join(textwrap.wrap(command, _WIDTH, break_long_words=False, break_on_hyphens=False))


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


if __name__ == "__main__":
    app.run(main)

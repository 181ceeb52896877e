"""Compare fine-tuning by its defaults with the same network from scratch, with the same images and the same time.

    python benchmarks/fine_tuning.py [--model=amoebanet_d_tiny_imagenet] [--dataset=cifar10] [--images=20,100]
        [--seeds=5] [--test_images=2000] [--results=FILE]

The images of each seed are drawn from the training split, the same number of each class. Fine-tuning takes its
validation images out of them; training from scratch learns from all. Both are judged on the first test images. Training
from scratch follows its own recipe, for as many epochs as fit into the time of fine-tuning, its start-up included.
Results are appended to FILE, one line a run; a run in FILE is not measured again.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

PARTS = ("fine_tuned", "from_scratch")


def draw(split, count, seed):
    """Draw `count` images of each class."""
    generator = np.random.default_rng(seed)
    classes = range(int(split.labels.max()) + 1)
    chosen = [generator.permutation(np.flatnonzero(split.labels == label))[:count] for label in classes]
    return split.take(np.concatenate(chosen))


def fine_tuned(model, train, test, seed):
    """Fine-tune a model; returns its figures on the test images, and the seconds of the training."""
    from nasnet_keras import pretrained

    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = pretrained.fine_tune(model, (train.images, train.labels), workdir=folder, seed=seed)
        seconds = time.monotonic() - start
        predicted = result.load().predict(test.images, batch_size=256, verbose=0)
    return {
        "accuracy": float(np.mean(np.argmax(predicted, -1) == test.labels)),
        "epochs": result.card.training["epochs"],
    }, seconds


def from_scratch(model, train, test, seed, seconds):
    """Train from scratch for a number of seconds; returns the figures on the test images, and the seconds taken."""
    from nasnet_keras import pretrained
    from nasnet_keras.training.datasets.base import Dataset
    from nasnet_keras.training.evaluation import accuracy
    from nasnet_keras.training.recipes import Recipe
    from nasnet_keras.training.trainer import Trainer

    card = pretrained.card(model)
    names = tuple(map(str, range(int(train.labels.max()) + 1)))
    data = Dataset("images", train, train.take(slice(0)), test, names)
    network = {**card.network, "classes": len(names), "classifier_activation": None}

    def trainer(epochs):
        recipe = Recipe(
            epochs,
            batch_size=32,
            learning_rate=0.1,
            muon_rate=0.05,
            schedule="one_cycle",
            warmup=0.2,
            label_smoothing=0.1,
            average_decay=0.98,
        )
        return Trainer(card.genotype, network, data, recipe, seed=seed)

    times = [time.monotonic()]
    trial = trainer(1000)
    for _ in range(6):
        trial.advance()
        trial.figures()
        times.append(time.monotonic())
    step = float(np.median(np.diff(times[2:])))
    start_up = times[1] - times[0]
    epochs = max(1, int((seconds - start_up) / (step * trial.steps_per_epoch)))
    start, run = time.monotonic(), trainer(epochs)
    while run.step < run.total:
        run.advance()
        run.figures()
    taken = time.monotonic() - start
    return {"accuracy": accuracy(run.stepper, run.state, test), "epochs": epochs}, taken


def measure(arguments, results):
    from nasnet_keras import pretrained
    from nasnet_keras.images.fitting import resized
    from nasnet_keras.training import datasets
    from nasnet_keras.training.datasets.base import Split

    shape = pretrained.card(arguments.model).input_shape
    data = datasets.load(arguments.dataset)

    def fitted(split):
        return Split(resized(split.images, shape, arguments.dataset), split.labels)

    test = fitted(data.test.take(slice(arguments.test_images)))
    for seed in range(arguments.seeds):
        for count in map(int, arguments.images.split(",")):
            key = {"model": arguments.model, "dataset": arguments.dataset, "test_images": arguments.test_images}
            key |= {"images": count, "seed": seed}
            done = {r["kind"]: r for r in read(results) if {name: r[name] for name in key} == key}
            train = fitted(draw(data.train, count, seed))
            for kind in PARTS:
                if kind in done:
                    continue
                if kind == "fine_tuned":
                    found, seconds = fine_tuned(arguments.model, train, test, seed)
                else:
                    found, seconds = from_scratch(arguments.model, train, test, seed, done["fine_tuned"]["seconds"])
                done[kind] = {**key, "kind": kind, **found, "seconds": round(seconds, 1)}
                print(json.dumps(done[kind]), flush=True)
                with results.open("a") as file:
                    file.write(json.dumps(done[kind]) + "\n")


def read(results):
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def report(arguments, results):
    print("| images a class | fine-tuned | from scratch | difference, seed by seed | seconds |")
    print("|---|---|---|---|---|")
    for count in map(int, arguments.images.split(",")):
        key = {"model": arguments.model, "dataset": arguments.dataset, "test_images": arguments.test_images}
        runs = [r for r in read(results) if {name: r[name] for name in key} == key]
        runs = [r for r in runs if r["images"] == count and r["seed"] < arguments.seeds]
        ours, scratch = (
            np.array([r["accuracy"] for r in sorted(runs, key=lambda r: r["seed"]) if r["kind"] == kind]) * 100
            for kind in PARTS
        )
        seconds = [np.mean([r["seconds"] for r in runs if r["kind"] == kind]) for kind in PARTS]
        cells = [f"{values.mean():.1f} ± {values.std(ddof=1):.1f}" for values in (ours, scratch)]
        difference = ours - scratch
        cells.append(f"{difference.mean():.1f} ({difference.min():.1f} to {difference.max():.1f})")
        print(f"| {count} | {' | '.join(cells)} | {seconds[0]:.0f} and {seconds[1]:.0f} |")


def main():
    from nasnet_keras.utils import environment

    environment.prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="amoebanet_d_tiny_imagenet", help="model of the registry")
    parser.add_argument("--dataset", default="cifar10", help="data set of the images")
    parser.add_argument("--images", default="20,100", help="numbers of images of each class, separated by commas")
    parser.add_argument("--seeds", type=int, default=5, help="number of runs, with the seeds from 0")
    parser.add_argument("--test_images", type=int, default=2000, help="number of test images")
    parser.add_argument("--results", type=Path, default=Path("fine_tuning.jsonl"), help="file of results")
    arguments = parser.parse_args()
    measure(arguments, arguments.results)
    report(arguments, arguments.results)


if __name__ == "__main__":
    main()

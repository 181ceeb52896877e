"""Measure children an hour: a default search, against the same children from plain Keras layers and `fit`.

    python benchmarks/children.py [--runs=3] [--children=12] [--peer_children=4] [--dataset=digits] [--epochs=5]

The children are those of random search in NASNet's space, at the size and by the recipe of a default search, without
augmentation. Ours are trained by the search's own executor, one process each, as many at once as there are cores. The
peer builds the same networks from plain Keras layers and trains them by `model.fit` in one process, one after another,
by the same optimizer, schedule, batches and epochs, and clears Keras' session between them. Both judge each child on
the validation images; the mean of the first rewards shows that both learn alike. The time runs from the start of the
first child to the end of the last one. It includes the imports of our workers, and leaves out the peer's.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path


def children(count):
    from nasnet_keras.search.algorithms.random import RandomSearch
    from nasnet_keras.search.spaces.nasnet import CellSpace

    algorithm = RandomSearch(CellSpace(), 0)
    return [algorithm.space.decode(algorithm.ask(number)) for number in range(count)]


def configuration(arguments, folder):
    import dataclasses

    from nasnet_keras.search.config import SearchConfig, child_recipe

    recipe = dataclasses.replace(child_recipe(arguments.dataset, "child"), epochs=arguments.epochs, pad=0, flip=False)
    images = arguments.train_images
    return SearchConfig(folder, arguments.dataset, recipe=recipe, train_images=images, validation_fraction=0.1)


def ours(arguments):
    """Train our children; returns the seconds and their validation accuracies."""
    from nasnet_keras.search import evaluators, executors
    from nasnet_keras.search.executors.base import Task, as_completed

    with tempfile.TemporaryDirectory() as folder:
        config = configuration(arguments, folder)
        tasks = [Task("search", number, one, number) for number, one in enumerate(children(arguments.children))]
        started = time.perf_counter()
        with executors.make(config) as executor:
            executor.start(evaluators.make(config), Path(folder))
            waiting = iter(tasks)
            outcomes = filter(None, as_completed(executor, lambda: next(waiting, None)))
            rewards = {outcome.task.number: outcome.reward for outcome in outcomes}
            seconds = time.perf_counter() - started
    return seconds, [rewards[number] for number in range(len(tasks))]


def plain(arguments):
    """Train the peer's children; returns the seconds and their validation accuracies."""
    import keras
    import numpy as np
    from peers import plain_model

    from nasnet_keras.search.evaluators.child import ChildEvaluator

    with tempfile.TemporaryDirectory() as folder:
        config = configuration(arguments, folder)
        data = ChildEvaluator(config)._proxy  # the images that our children learn from
    recipe = config.recipe
    images, validation = (split.images.astype("float32") / 127.5 - 1.0 for split in (data.train, data.validation))
    steps = len(data.train) // recipe.batch_size * recipe.epochs
    network = {"num_repeats": config.num_repeats, "filters": config.filters, "classes": len(data.class_names)}
    genotypes = children(arguments.peer_children)
    started, rewards = time.perf_counter(), []
    for number, genotype in enumerate(genotypes):
        keras.backend.clear_session()
        keras.utils.set_random_seed(number)
        model = plain_model(genotype, data.image_shape, **network)
        warmup = round(recipe.warmup * steps)
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warmup, warmup_target=recipe.learning_rate, warmup_steps=warmup
        )
        optimizer = keras.optimizers.SGD(
            schedule, momentum=0.9, nesterov=True, global_clipnorm=recipe.clip_norm, weight_decay=recipe.weight_decay
        )
        model.compile(optimizer, "sparse_categorical_crossentropy")
        model.fit(images, data.train.labels, recipe.batch_size, recipe.epochs, verbose=0)
        found = np.concatenate(
            [model.predict(validation[start : start + 256], verbose=0) for start in range(0, len(validation), 256)]
        )
        rewards.append(float(np.mean(found.argmax(-1) == data.validation.labels)))
    return time.perf_counter() - started, rewards


def measured(arguments):
    if arguments.side == "ours":
        from nasnet_keras.utils import environment

        environment.prepare()
    import tensorflow as tf

    if arguments.side == "plain":
        tf.config.list_logical_devices()
    seconds, rewards = {"ours": ours, "plain": plain}[arguments.side](arguments)
    first = rewards[: arguments.peer_children]
    return {"per_hour": round(3600 * len(rewards) / seconds, 1), "mean_reward": round(sum(first) / len(first), 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", nargs="?", choices=("ours", "plain"), help="measure one side in this process")
    parser.add_argument("--runs", type=int, default=3, help="number of pairs of runs")
    parser.add_argument("--children", type=int, default=12, help="children of our side in a run")
    parser.add_argument("--peer_children", type=int, default=4, help="children of the peer in a run")
    parser.add_argument("--dataset", default="digits", help="data set of the children")
    parser.add_argument("--epochs", type=int, default=5, help="epochs of each child")
    parser.add_argument("--train_images", type=int, help="number of training images; all by default")
    parser.add_argument("--peer_onednn", choices=("0", "1"), help="oneDNN of the peer; TensorFlow decides by default")
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measured(arguments)))
        return
    from measure import paired, processor, report, settings

    print(f"{processor()}; peer's oneDNN: {arguments.peer_onednn or 'default'}")
    names = ("children", "peer_children", "dataset", "epochs", "train_images")
    flags = [f"--{name}={value}" for name in names if (value := getattr(arguments, name)) is not None]
    sides = {"ours": settings(None), "plain": settings(arguments.peer_onednn)}
    found = paired(__file__, sides, arguments.runs, flags)
    report("children", *([run["per_hour"] for run in found[side]] for side in sides), "an hour")


if __name__ == "__main__":
    main()

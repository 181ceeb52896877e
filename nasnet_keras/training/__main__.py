"""Train one network: a genotype, a data set, a recipe. Writes a card and weights that load by path.

Without flags it trains a small NASNet-A on the embedded handwritten digits, in a few minutes. It uses all GPUs that it
sees, on TensorFlow. A run that was stopped continues from its last checkpoint when the same command is given again.
"""

from typing import Any

from nasnet_keras.utils.jobs import run_job  # nothing slow here: see there
from nasnet_keras.utils.manual import Manual, next_steps, path_of_model


def _define_flags() -> tuple[Any, ...]:
    """Define the flags that are the job's own; those of a data set and of a recipe are shared."""
    from absl import flags

    from nasnet_keras.training import flags as shared_flags
    from nasnet_keras.training.config import TrainingConfig
    from nasnet_keras.utils.settings import define_flags, settings

    names = settings(TrainingConfig).keys() - shared_flags.DATASET.keys()
    own = define_flags(TrainingConfig, names, workdir="nasnet_train")
    flags.adopt_module_key_flags(shared_flags)  # `--help` shows them too
    return own


def main(values: dict[str, Any]) -> None:
    """Flags, then one call."""
    from nasnet_keras.training import datasets
    from nasnet_keras.training.config import TrainingConfig
    from nasnet_keras.training.datasets.recording import are_files
    from nasnet_keras.training.flags import DATASET, changes, recipe
    from nasnet_keras.utils.progress import showing
    from nasnet_keras.utils.settings import from_flags

    data = {name: flag.value for name, flag in DATASET.items()}
    name = data.pop("dataset")
    config = TrainingConfig(**from_flags(TrainingConfig, values), dataset=name, recipe=recipe(name))
    dataset = datasets.load(config.dataset, **data)
    config.check(dataset)
    from nasnet_keras.training.job import train  # imports Keras

    result = train(config, dataset, go_on="epochs" in changes())
    with showing("the figures of the run"):
        _report(result, are_files(dataset))


def _report(result: Any, from_files: bool) -> None:
    from nasnet_keras.images.problems import of_record
    from nasnet_keras.training.mistakes.files import told
    from nasnet_keras.utils.workdir import TRAINING, recorded

    card = result.card
    print(f"\n{card.name}: {card.cost['parameters']:,} parameters, {card.training['hours']:.2f} hours")
    for split in ("validation", "test"):
        if f"{split}_accuracy" in card.metrics:
            accuracy, images = card.metrics[f"{split}_accuracy"], card.metrics[f"{split}_images"]
            print(f"{split} accuracy {accuracy:.4f} on {images:,} images")
    if result.verdict:
        print(f"\n{result.verdict}\n")
    print(f"Card:     {result.path}\nWeights:  {result.path.with_name(card.weights.file)}")
    if from_files and (said := told(result.path.parent, card)):
        print(f"Mistakes: {said}")
    if left_out := of_record(recorded(result.path.parent, TRAINING)):
        print(f"\n{left_out}")
    epochs = card.training["epochs"] + card.training.get("epochs_before", 0)
    steps = {
        "Train it on": f"the same command with an --epochs above {epochs}",
        "Classify images": [
            "nasnet-predict",
            f"--model={path_of_model(result.path.parent)}",
            "--images=FOLDER",
            "--output=answers.csv",
        ],
        "Fine-tune it": ["nasnet-finetune", f"--model={result.path}", "--train_dir=FOLDER", "--workdir=mine"],
        "Use it in Python": f"nasnet_keras.pretrained.load({str(result.path)!r})",
    }
    print(f"\n{next_steps(steps)}")


def _settings() -> tuple[type, ...]:
    from nasnet_keras.training.config import TrainingConfig
    from nasnet_keras.training.datasets.settings import DatasetSettings
    from nasnet_keras.training.recipes import Recipe

    return TrainingConfig, DatasetSettings, Recipe


def _defaults() -> dict[str, str]:
    from nasnet_keras.training.flags import in_words
    from nasnet_keras.training.recipes import RECIPES

    return in_words(RECIPES)


_MANUAL = Manual(
    "nasnet-train --genotype=nasnet_a --dataset=cifar10 --recipe=short --workdir=nasnet_a_cifar10",
    ("genotype", "dataset", "workdir", "recipe", "epochs", "num_repeats", "filters", "stem"),
    _settings,
    _defaults,
)


def console() -> None:
    """The console script `nasnet-train`."""
    run_job("nasnet-train", main, _define_flags, kept="the checkpoint", manual=_MANUAL)


if __name__ == "__main__":
    console()

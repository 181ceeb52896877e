"""Train one network: a genotype, a data set, a recipe. Writes a card and weights that load by path.

Without flags it trains a small NASNet-A on the embedded handwritten digits, in a few minutes. A run that was stopped,
however, goes on from its last checkpoint when the same command is given again.
"""

from typing import TYPE_CHECKING, Any

from nasnet_keras.utils.jobs import run_job  # nothing else here: see there

if TYPE_CHECKING:
    from absl import flags


def _define_flags() -> "tuple[flags.FlagHolder, ...]":
    from absl import flags

    from nasnet_keras.training import flags as shared_flags

    own = (
        flags.DEFINE_string("workdir", "nasnet_train", "The run's folder: made, or continued where it exists."),
        flags.DEFINE_string(
            "genotype",
            "nasnet_a",
            "The genotype: a name of the catalogue, a JSON file or a JSON text, of DARTS or NAS-Bench-201 too.",
        ),
        flags.DEFINE_integer("num_repeats", None, "N: normal cells in a stack; by default 2.", lower_bound=1),
        flags.DEFINE_integer("filters", None, "F: filters of the first stack; by default 16.", lower_bound=1),
        flags.DEFINE_enum(
            "stem", None, ("cifar", "imagenet"), "The imagenet stem reduces images eightfold; by default cifar."
        ),
        flags.DEFINE_string("name", None, "Of the card and the weights."),
        flags.DEFINE_string(
            "initial_weights", None, "A .weights.h5 file of the same network to begin with; by default random weights."
        ),
        flags.DEFINE_integer("seed", 0, "Of everything random.", lower_bound=0),
        flags.DEFINE_bool("deterministic", True, "The same bits from the same seed, on one device."),
        flags.DEFINE_float("checkpoint_minutes", 5.0, "What a kill can cost."),
        flags.DEFINE_string("licence", "not stated", "Of the weights, for the card."),
    )
    flags.adopt_module_key_flags(shared_flags)  # `--help` shows them too
    return own


def main(values: dict[str, Any]) -> None:
    """Flags, then one call."""
    from nasnet_keras.training import datasets
    from nasnet_keras.training.config import TrainingConfig
    from nasnet_keras.training.flags import DATASET, recipe
    from nasnet_keras.utils.progress import showing

    data = {name: flag.value for name, flag in DATASET.items()}
    name = data.pop("dataset")
    config = TrainingConfig(**values, dataset=name, recipe=recipe(name))
    dataset = datasets.load(config.dataset, **data)
    config.check(dataset)
    from nasnet_keras.training.job import train  # imports Keras

    result = train(config, dataset)
    with showing("the figures of the run"):
        _report(result)


def _report(result: Any) -> None:
    card = result.card
    print(f"\n{card.name}: {card.cost['parameters']:,} parameters, {card.training['hours']:.2f} hours")
    for split in ("validation", "test"):
        if f"{split}_accuracy" in card.metrics:
            accuracy, images = card.metrics[f"{split}_accuracy"], card.metrics[f"{split}_images"]
            print(f"{split} accuracy {accuracy:.4f} on {images:,} images")
    print(f"Card:    {result.path}\nWeights: {result.path.with_name(card.weights.file)}")


def console() -> None:
    """The console script `nasnet-train`."""
    run_job("nasnet-train", main, _define_flags, kept="the checkpoint")


if __name__ == "__main__":
    console()

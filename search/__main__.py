"""Search for the cells of a NASNet: train children, keep the best genotype, train it longer and save it.

Without flags it searches on the embedded handwritten digits and takes about five minutes on two cores. A search that
was stopped goes on when the same command is given again.
"""

import dataclasses
import sys

from absl import app, flags

from nasnet_keras import environment
from nasnet_keras.search import algorithms, evaluators, spaces
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.study import Study, StudyError
from nasnet_keras.training import datasets

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(SearchConfig)}

_FLAGS = (
    flags.DEFINE_string("workdir", "nasnet_search", "The study's folder: made where missing, continued where not."),
    flags.DEFINE_enum("dataset", _DEFAULTS["dataset"], datasets.names(), "What the children learn."),
    flags.DEFINE_enum("space", _DEFAULTS["space"], list(spaces.SPACES), "Where to search."),
    flags.DEFINE_list("operations", _DEFAULTS["operations"], "Operations to choose from; by default all of the space."),
    flags.DEFINE_integer("num_blocks", _DEFAULTS["num_blocks"], "Blocks in a cell of nasnet.", lower_bound=1),
    flags.DEFINE_enum("algorithm", _DEFAULTS["algorithm"], algorithms.names(), "What proposes the children."),
    flags.DEFINE_integer("window", _DEFAULTS["window"], "Children proposed before results are told.", lower_bound=1),
    flags.DEFINE_enum("evaluator", _DEFAULTS["evaluator"], evaluators.names(), "Train children, or look them up."),
    flags.DEFINE_string("table", _DEFAULTS["table"], "The CSV file that --evaluator=tabular looks into."),
    flags.DEFINE_integer("trials", _DEFAULTS["trials"], "Number of children.", lower_bound=1),
    flags.DEFINE_integer("num_repeats", _DEFAULTS["num_repeats"], "Normal cells in a stack of a child.", lower_bound=1),
    flags.DEFINE_integer("filters", _DEFAULTS["filters"], "Filters of a child's first stack.", lower_bound=1),
    flags.DEFINE_integer("epochs", _DEFAULTS["epochs"], "Epochs a child is trained.", lower_bound=1),
    flags.DEFINE_integer("final_epochs", _DEFAULTS["final_epochs"], "Epochs for the best genotype.", lower_bound=1),
    flags.DEFINE_integer("batch_size", _DEFAULTS["batch_size"], "Images a step, over all devices.", lower_bound=1),
    flags.DEFINE_float("learning_rate", _DEFAULTS["learning_rate"], "At the start of its cosine decay."),
    flags.DEFINE_integer("seed", _DEFAULTS["seed"], "Of everything random.", lower_bound=0),
)


def main(argv: list[str]) -> None:
    """Flags, then one call."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; flags start with --")
    try:
        config = SearchConfig(**{flag.name: flag.value for flag in _FLAGS})
    except ValueError as error:
        sys.exit(f"nasnet-search: {error}")
    environment.prepare()
    from nasnet_keras.search.loop import SearchError, run  # settings come before what it imports

    try:
        study = run(config)
    except (SearchError, StudyError) as error:
        sys.exit(f"nasnet-search: {error}")
    except KeyboardInterrupt:
        sys.exit(f"\nStopped. The same command goes on from the children already in {_FLAGS[0].value}.")
    best = study.best
    print(f"\nBest of {len(study.trials)} children: trial {best.trial}, reward {best.reward:.4f}")
    print(best.genotype if isinstance(best.genotype, str) else best.genotype.describe())
    print(f"\n{_figures(study)}")
    print(f"Genotype: {study.path / 'best_genotype.json'}\nTrials:   {study.path / 'trials.jsonl'}")


def _figures(study: Study) -> str:
    result = study.result
    if "model" not in result:  # looked up
        return f"In the table: test accuracy {result['test_accuracy_200_epochs']:.4f} after 200 epochs"
    return (
        f"Trained for {result['epochs']} epochs: test accuracy {result['test_accuracy']:.4f} on "
        f"{result['test_images']} images, {result['parameters']:,} parameters\n"
        f"Model:    {study.path / result['model']}"
    )


def console() -> None:
    """The console script `nasnet-search`."""
    app.run(main)


if __name__ == "__main__":
    console()

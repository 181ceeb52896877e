"""Search for cells or chains of layers: train children, train the best longer beside random ones, save the winner.

Without flags it searches on the embedded handwritten digits and takes about five minutes on two cores. A search that
was stopped goes on when the same command is given again. Follow it in WORKDIR/report.html or with TensorBoard.
"""

import dataclasses
import signal
import sys
from typing import Any

from absl import flags

from nasnet_keras import environment
from nasnet_keras.jobs import run_job
from nasnet_keras.search import algorithms, evaluators, executors, spaces
from nasnet_keras.search.config import REWARDS, SearchConfig, default_epochs
from nasnet_keras.search.study import StudyError
from nasnet_keras.search.summary import summary
from nasnet_keras.training import flags as shared_flags
from nasnet_keras.training.errors import Stopped
from nasnet_keras.training.flags import DATASET, recipe

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(SearchConfig)}


def _integer(name: str, text: str, lower_bound: int = 1) -> flags.FlagHolder:
    return flags.DEFINE_integer(name, _DEFAULTS[name], text, lower_bound=lower_bound)


def _define_flags() -> tuple[flags.FlagHolder, ...]:
    own = (
        flags.DEFINE_string("workdir", "nasnet_search", "The study's folder: made where missing, continued where not."),
        _integer("train_images", "Training images that children see, the same ones for all; by default all of them."),
        _integer("trials", "Number of children; by default 24, or 10 an epoch of shared weights."),
        _integer(
            "random_trials", "Children of random search beside, for comparison; by default 8 or 20.", lower_bound=0
        ),
        _integer(
            "derived_trials",
            "Genotypes drawn from the policy at the end of a search with shared weights; by default 20.",
            lower_bound=0,
        ),
        flags.DEFINE_enum("space", _DEFAULTS["space"], list(spaces.SPACES), "Where to search."),
        flags.DEFINE_list(
            "operations", _DEFAULTS["operations"], "Operations to choose from; by default all of the space."
        ),
        _integer("num_blocks", "Blocks in a cell."),
        _integer("num_layers", "Layers of enas_macro, by default 12, and of nas, by default 6."),
        flags.DEFINE_bool("predict_strides", _DEFAULTS["predict_strides"], "Choose strides too, in the space nas."),
        flags.DEFINE_list(
            "pool_after", list(_DEFAULTS["pool_after"]), "Numbers of layers of nas whose output is halved."
        ),
        _integer("deepen_every", "Trials after which networks of nas get two layers more, from 6 to --num_layers."),
        flags.DEFINE_enum(
            "algorithm",
            _DEFAULTS["algorithm"],
            algorithms.names(),
            "What proposes the children; by default ppo, nas in the space nas, or enas with shared weights.",
        ),
        _integer("children_per_update", "Between two updates of a controller (reinforce, ppo, enas, nas)."),
        _integer("population_size", "Of evolution: the last so many may be parents; by default 10 or 50."),
        _integer("window", "Children that may be under way at once, whatever the machine: part of what is searched."),
        flags.DEFINE_enum(
            "evaluator",
            _DEFAULTS["evaluator"],
            evaluators.names(),
            "Train children, share weights among them, or look them up.",
        ),
        flags.DEFINE_string("table", _DEFAULTS["table"], "The CSV file that --evaluator=tabular looks into."),
        flags.DEFINE_enum(
            "executor", _DEFAULTS["executor"], executors.names(), "A process for each child, or this one."
        ),
        _integer("workers", "Processes at once, at most --window; by default as the cores or GPUs allow."),
        _integer("gpus_per_child", "GPUs that each child sees, where there are any."),
        flags.DEFINE_float(
            "child_timeout_minutes", _DEFAULTS["child_timeout_minutes"], "After which a child is given up."
        ),
        flags.DEFINE_float(
            "finalist_stall_minutes",
            _DEFAULTS["finalist_stall_minutes"],
            "After which a finalist is given up that makes no step of its training and writes no file.",
        ),
        flags.DEFINE_float("child_memory_gib", _DEFAULTS["child_memory_gib"], "Memory at which a child is given up."),
        _integer("num_repeats", "N: normal cells in a stack of a child, or of the supernet."),
        _integer("filters", "F: filters of a child's first stack."),
        flags.DEFINE_enum(
            "reward", _DEFAULTS["reward"], REWARDS, "Which validation accuracy is the reward; by default the last."
        ),
        flags.DEFINE_bool("cubed_reward", _DEFAULTS["cubed_reward"], "Take its cube, as is the default of nas."),
        flags.DEFINE_bool(
            "synchronized_batch_norm",
            _DEFAULTS["synchronized_batch_norm"],
            "Batch normalisation over all of a child's GPUs together.",
        ),
        flags.DEFINE_bool("deterministic", _DEFAULTS["deterministic"], "The same bits from the same seed."),
        _integer("finalists", "Best genotypes to train to the end, and random ones beside them."),
        _integer("final_epochs", "How long, by the recipe of the children."),
        _integer("final_num_repeats", "N of the finalists; by default as children."),
        _integer("final_filters", "F of the finalists; by default as children."),
        _integer("seed", "Of everything random.", lower_bound=0),
    )
    flags.adopt_module_key_flags(shared_flags)  # `--help` shows them too
    return own


def main(values: dict[str, Any]) -> None:
    """Flags, then one call."""
    try:
        values = {**values, **{name: flag.value for name, flag in DATASET.items()}}
        values["pool_after"] = [int(number) if number.isdecimal() else number for number in values["pool_after"]]
        config = SearchConfig(**values, recipe=recipe(values["dataset"], epochs=default_epochs(values["evaluator"])))
    except ValueError as error:
        sys.exit(f"nasnet-search: {error}")
    environment.prepare()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cluster's way to say it
    from nasnet_keras.search.loop import SearchError, run  # settings come before what it imports

    try:
        study = run(config)
    except (SearchError, StudyError) as error:
        sys.exit(f"nasnet-search: {error}")
    except (KeyboardInterrupt, Stopped):
        sys.exit(f"\nStopped. The same command goes on from the children already in {config.workdir}.")
    print(f"\n{summary(study)}")


def console() -> None:
    """The console script `nasnet-search`."""
    run_job(main, _define_flags)


if __name__ == "__main__":
    console()

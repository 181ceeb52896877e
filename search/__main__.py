"""Search for cells or chains of layers: train children, train the best longer beside random ones, save the winner.

Without flags it searches on the embedded handwritten digits and takes about five minutes on two cores. A search that
was stopped goes on when the same command is given again. Follow it in WORKDIR/report.html or with TensorBoard.
"""

from typing import TYPE_CHECKING, Any

from nasnet_keras.utils.jobs import run_job  # nothing else here: see there

if TYPE_CHECKING:
    from absl import flags


def _define_flags() -> "tuple[flags.FlagHolder, ...]":
    import dataclasses

    from absl import flags

    from nasnet_keras.search import algorithms, evaluators, executors, spaces
    from nasnet_keras.search.config import REWARDS, SearchConfig
    from nasnet_keras.training import flags as shared_flags

    defaults = {field.name: field.default for field in dataclasses.fields(SearchConfig)}

    def integer(name: str, text: str, lower_bound: int = 1) -> flags.FlagHolder:
        return flags.DEFINE_integer(name, defaults[name], text, lower_bound=lower_bound)

    own = (
        flags.DEFINE_string("workdir", "nasnet_search", "The study's folder: made where missing, continued where not."),
        integer("train_images", "Training images that children see, the same ones for all; by default all of them."),
        integer("trials", "Number of children; by default 24, or 10 an epoch of shared weights."),
        integer(
            "random_trials", "Children of random search beside, for comparison; by default 8 or 20.", lower_bound=0
        ),
        integer(
            "derived_trials",
            "Genotypes drawn from the policy at the end of a search with shared weights; by default 20.",
            lower_bound=0,
        ),
        flags.DEFINE_enum("space", defaults["space"], list(spaces.SPACES), "Where to search."),
        flags.DEFINE_list(
            "operations", defaults["operations"], "Operations to choose from; by default all of the space."
        ),
        integer("num_blocks", "Blocks in a cell."),
        integer("num_layers", "Layers of enas_macro, by default 12, and of nas, by default 6."),
        flags.DEFINE_bool("predict_strides", defaults["predict_strides"], "Choose strides too, in the space nas."),
        flags.DEFINE_list(
            "pool_after", list(defaults["pool_after"]), "Numbers of layers of nas whose output is halved."
        ),
        integer("deepen_every", "Trials after which networks of nas get two layers more, from 6 to --num_layers."),
        flags.DEFINE_enum(
            "algorithm",
            defaults["algorithm"],
            algorithms.names(),
            "What proposes the children; by default ppo, nas in the space nas, or enas with shared weights.",
        ),
        integer("children_per_update", "Between two updates of a controller (reinforce, ppo, enas, nas)."),
        integer("population_size", "Of evolution: the last so many may be parents; by default 10 or 50."),
        integer("window", "Children that may be under way at once, whatever the machine: part of what is searched."),
        flags.DEFINE_enum(
            "evaluator",
            defaults["evaluator"],
            evaluators.names(),
            "Train children, share weights among them, or look them up.",
        ),
        flags.DEFINE_string("table", defaults["table"], "The CSV file that --evaluator=tabular looks into."),
        flags.DEFINE_enum(
            "executor", defaults["executor"], executors.names(), "A process for each child, or this one."
        ),
        integer("workers", "Processes at once, at most --window; by default as the cores or GPUs allow."),
        integer("gpus_per_child", "GPUs that each child sees, where there are any."),
        flags.DEFINE_float(
            "child_timeout_minutes", defaults["child_timeout_minutes"], "After which a child is given up."
        ),
        flags.DEFINE_float(
            "finalist_stall_minutes",
            defaults["finalist_stall_minutes"],
            "After which a finalist is given up that makes no step of its training and writes no file.",
        ),
        flags.DEFINE_float("child_memory_gib", defaults["child_memory_gib"], "Memory at which a child is given up."),
        integer("num_repeats", "N: normal cells in a stack of a child, or of the supernet."),
        integer("filters", "F: filters of a child's first stack."),
        flags.DEFINE_enum(
            "reward", defaults["reward"], REWARDS, "Which validation accuracy is the reward; by default the last."
        ),
        flags.DEFINE_bool("cubed_reward", defaults["cubed_reward"], "Take its cube, as is the default of nas."),
        flags.DEFINE_bool(
            "synchronized_batch_norm",
            defaults["synchronized_batch_norm"],
            "Batch normalisation over all of a child's GPUs together.",
        ),
        flags.DEFINE_bool("deterministic", defaults["deterministic"], "The same bits from the same seed."),
        integer("finalists", "Best genotypes to train to the end, and random ones beside them."),
        integer("final_epochs", "How long, by the recipe of the children."),
        integer("final_num_repeats", "N of the finalists; by default as children."),
        integer("final_filters", "F of the finalists; by default as children."),
        integer("seed", "Of everything random.", lower_bound=0),
    )
    flags.adopt_module_key_flags(shared_flags)  # `--help` shows them too
    return own


def main(values: dict[str, Any]) -> None:
    """Flags, then one call."""
    from nasnet_keras.search.config import SearchConfig, default_epochs
    from nasnet_keras.search.report.terminal import summary
    from nasnet_keras.training.flags import DATASET, recipe
    from nasnet_keras.utils.progress import showing

    values = {**values, **{name: flag.value for name, flag in DATASET.items()}}
    values["pool_after"] = [int(number) if number.isdecimal() else number for number in values["pool_after"]]
    config = SearchConfig(**values, recipe=recipe(values["dataset"], epochs=default_epochs(values["evaluator"])))
    from nasnet_keras.search.loop import run  # settings come before what it imports

    study = run(config)
    with showing("what the search found"):
        print(f"\n{summary(study)}")


def console() -> None:
    """The console script `nasnet-search`."""
    run_job("nasnet-search", main, _define_flags, kept="the children already")


if __name__ == "__main__":
    console()

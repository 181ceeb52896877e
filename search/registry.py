"""The registry of a search's choices: one row for each algorithm, evaluator, executor and space, with its facts.

The checks of a configuration, its defaults, its flags and its report read the facts of these rows, and never compare
names. Classes are imported when they are used, since some need TensorFlow.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from nasnet_keras.genotypes.conventions import ENAS_OPERATIONS
from nasnet_keras.search.rows import AlgorithmRow, EvaluatorRow, ExecutorRow, Row, SpaceRow
from nasnet_keras.utils.workdir import SEEDS, STUDY, recorded

__all__ = ["ALGORITHMS", "EVALUATORS", "EXECUTORS", "NO_PRIOR", "PRIORS", "SPACES", "UsualPrior", "algorithm"]
__all__ += ["algorithms_with", "evaluator", "executor", "executor_for", "executors_that", "explained"]
__all__ += ["sizes_of_cells", "space", "spaces_for", "usual_parameters", "usual_prior"]


PRIORS: Mapping[str, str] = MappingProxyType({"nasnet_cifar10": "nasnet_cells_cifar10"})
"""The names of priors, and of the tables that ship with the package which they are."""

NO_PRIOR = "none"
"""The name by which an algorithm that takes a prior is told that there is none."""

_SEARCH = "nasnet_keras.search"
_UPDATED = {"children_per_update": "batch_size"}  # the parameters of algorithms with a controller

ALGORITHMS: Mapping[str, AlgorithmRow] = MappingProxyType(
    {
        "random": AlgorithmRow(
            f"{_SEARCH}.algorithms.random:RandomSearch", "draws all choices uniformly", is_baseline=True
        ),
        "evolution": AlgorithmRow(
            f"{_SEARCH}.algorithms.evolution:RegularizedEvolution",
            "mutates the best of a population that ages (Real et al. 2019)",
            {"population_size": "population_size"},
        ),
        "local": AlgorithmRow(
            f"{_SEARCH}.algorithms.local:LocalSearch",
            "climbs from random starts to the first better neighbour (White et al. 2021)",
        ),
        "bayesian": AlgorithmRow(
            f"{_SEARCH}.algorithms.bayesian:BayesianOptimization",
            "proposes what a Gaussian process expects most of",
            {"prior": "prior"},
            {"prior": lambda given: usual_prior(given)},
        ),
        "reinforce": AlgorithmRow(
            f"{_SEARCH}.algorithms.reinforce:Reinforce", "trains an LSTM controller by REINFORCE", _UPDATED
        ),
        "ppo": AlgorithmRow(
            f"{_SEARCH}.algorithms.ppo:PPO", "trains an LSTM controller by proximal policy optimization", _UPDATED
        ),
        "enas": AlgorithmRow(
            f"{_SEARCH}.algorithms.enas:ENAS",
            "trains ENAS' controller (Pham et al. 2018)",
            _UPDATED,
            spaces=("enas_micro", "enas_macro"),
            spaces_of_sums=("nasnet",),
        ),
        "nas": AlgorithmRow(
            f"{_SEARCH}.algorithms.nas:NAS",
            "trains the controller of NAS (Zoph and Le 2017)",
            _UPDATED,
            spaces=("nas",),
        ),
        "progressive": AlgorithmRow(
            f"{_SEARCH}.algorithms.progressive:Progressive",
            "adds blocks to the best cells, as a predictor says (PNAS, Liu et al. 2018)",
            {"beam_size": "beam_size", "predictor": "predictor"},
            {
                "beam_size": lambda given: max(1, given["trials"] // sizes_of_cells(given)),
                "predictor": lambda given: "mlp",
            },
            spaces=("nasnet", "pnas", "enas_micro"),
            whole=False,
        ),
    }
)

EVALUATORS: Mapping[str, EvaluatorRow] = MappingProxyType(
    {
        "child": EvaluatorRow(
            f"{_SEARCH}.evaluators.child:ChildEvaluator",
            "trains each child from scratch",
            judges="network",
            takes=("rungs",),
            figures={"validation_accuracy": 0.9, "train_accuracy": 0.95, "loss": 0.3},
            how="trained from scratch",
        ),
        "supernet": EvaluatorRow(
            f"{_SEARCH}.evaluators.supernet:SupernetEvaluator",
            "trains one supernet, whose weights children share",
            judges="supernet",
            shares_weights=True,
            epochs=150,
            trials_per_epoch=10,
            executor="inline",
            figures={"shared_accuracy": 0.6, "supernet_epoch": 10},
            defaults={
                "random_trials": 20,
                "derived_trials": 20,
                "algorithm": "enas",
                "children_per_update": 10,
                "population_size": 50,
            },
        ),
        "zero_cost": EvaluatorRow(
            f"{_SEARCH}.evaluators.zero_cost:ZeroCostEvaluator",
            "scores children by a zero-cost proxy, and trains finalists alone",
            judges="network",
            requires=("proxy",),
            takes=("proxy_images",),
            is_cheap=True,
        ),
        "tabular": EvaluatorRow(
            f"{_SEARCH}.evaluators.tabular:TabularEvaluator",
            "looks children up in the table of a benchmark",
            judges="table",
            trains=False,
            executor="inline",
            requires=("table",),
            takes=("costs",),
            is_cheap=True,
            defaults={"children_per_update": 4, "population_size": 50},
        ),
    }
)

EXECUTORS: Mapping[str, ExecutorRow] = MappingProxyType(
    {
        "inline": ExecutorRow(
            f"{_SEARCH}.executors.inline:Inline", "in the search's own process, one after another", isolates=False
        ),
        "subprocess": ExecutorRow(
            f"{_SEARCH}.executors.subprocesses:Subprocesses", "in separate processes, several at once"
        ),
        "ray": ExecutorRow(
            f"{_SEARCH}.executors.distributed:Distributed",
            "in separate processes, on the machines of a Ray cluster",
            takes=("ray_address", "ray_resources", "cpus_per_child", "child_retries"),
            spans_machines=True,
        ),
    }
)

SPACES: Mapping[str, SpaceRow] = MappingProxyType(
    {
        "nasnet": SpaceRow(
            f"{_SEARCH}.spaces.nasnet:CellSpace",
            "NASNet's cells (Zoph et al. 2018)",
            offers=("network", "supernet", "table"),
            cells=2,
            prior="nasnet_cifar10",
        ),
        "pnas": SpaceRow(f"{_SEARCH}.spaces.pnas:PNASSpace", "PNAS' cell, one for both strides (Liu et al. 2018)"),
        "nasbench201": SpaceRow(
            f"{_SEARCH}.spaces.nasbench201:NASBench201Space",
            "the cells of NAS-Bench-201 (Dong and Yang 2020)",
            offers=("table", "network"),
            own=("costs",),
        ),
        "nasbench_macro": SpaceRow(
            f"{_SEARCH}.spaces.nasbench_macro:NASBenchMacroSpace",
            "the chains of blocks of NAS-Bench-Macro (Su et al. 2021)",
            offers=("table",),
            lacks=("num_blocks", "operations"),
        ),
        "accel_nasbench": SpaceRow(
            f"{_SEARCH}.spaces.accel_nasbench:AccelNASBenchSpace",
            "the networks of MnasNet's blocks in Accel-NASBench (Ahmad et al. 2024)",
            offers=("table",),
            lacks=("num_blocks", "operations"),
        ),
        "enas_micro": SpaceRow(
            f"{_SEARCH}.spaces.nasnet:CellSpace",
            "ENAS' cells (Pham et al. 2018)",
            {"operations": ENAS_OPERATIONS, "combines": ("add",), "unread_inputs": True},
            offers=("network", "supernet"),
            cells=2,
        ),
        "enas_macro": SpaceRow(
            f"{_SEARCH}.spaces.enas_macro:MacroSpace",
            "ENAS' networks layer by layer (Pham et al. 2018)",
            offers=("network", "supernet"),
            ignores=("num_repeats",),
        ),
        "nas": SpaceRow(
            f"{_SEARCH}.spaces.nas:ChainSpace",
            "the chains of convolutions of NAS (Zoph and Le 2017)",
            own=("predict_strides", "pool_after", "deepen_every"),
            lacks=("num_repeats", "filters", "num_blocks", "operations", "final_num_repeats", "final_filters"),
            defaults={"algorithm": "nas", "reward": "best_of_last_five", "reward_exponent": 3, "num_layers": 6},
        ),
        "mnasnet": SpaceRow(
            f"{_SEARCH}.spaces.mnasnet:MnasNetSpace",
            "MnasNet's networks stage by stage (Tan et al. 2019)",
            own=("base", "alpha", "final_alpha"),
            lacks=("num_repeats", "filters", "num_blocks", "operations", "final_num_repeats", "final_filters"),
        ),
    }
)

_Row = TypeVar("_Row", bound=Row)


def algorithm(name: Any) -> AlgorithmRow:
    """Return the row of an algorithm; a name that is not in `ALGORITHMS`, as of a later version, has an empty row."""
    return _found(ALGORITHMS, name, AlgorithmRow)


def evaluator(name: Any) -> EvaluatorRow:
    """Return the row of an evaluator; a name that is not in `EVALUATORS` has an empty row."""
    return _found(EVALUATORS, name, EvaluatorRow)


def executor(name: Any) -> ExecutorRow:
    """Return the row of an executor; a name that is not in `EXECUTORS` has an empty row."""
    return _found(EXECUTORS, name, ExecutorRow)


def space(name: Any) -> SpaceRow:
    """Return the row of a search space; a name that is not in `SPACES` has an empty row."""
    return _found(SPACES, name, SpaceRow)


def algorithms_with(parameter: str) -> tuple[str, ...]:
    """List the algorithms that a setting belongs to."""
    return tuple(name for name, row in ALGORITHMS.items() if parameter in row.parameters)


def spaces_for(judge: str) -> tuple[str, ...]:
    """The names of the spaces whose genotypes an evaluator judges; the first is its usual one."""
    needed = evaluator(judge).judges
    return tuple(name for name, row in SPACES.items() if needed in (None, *row.offers))


def executor_for(asked: str | None, judge: str) -> str:
    """The name of the executor that is asked for, or else of the evaluator's default."""
    return asked or evaluator(judge).executor


def executors_that(isolates: bool) -> tuple[str, ...]:
    """The names of the executors that judge in other processes, or of those that judge in the search's own."""
    return tuple(name for name, row in EXECUTORS.items() if row.isolates == isolates)


def sizes_of_cells(given: Mapping[str, Any]) -> int:
    """The number of sizes that cells have until they are whole, if they grow in turn, by the settings of a search."""
    return 1 + space(given["space"]).cells * (given["num_blocks"] - 1)


def usual_parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """The default values of the parameters of a search's algorithm, by the values of its settings."""
    row, implied = algorithm(given["algorithm"]), evaluator(given["evaluator"]).defaults
    return {name: row.derived[name](given) if name in row.derived else implied.get(name) for name in row.parameters}


class UsualPrior(str):
    """The name of a prior that nobody asked for: with other settings it may be another one."""

    __slots__ = ()


def usual_prior(given: Mapping[str, Any]) -> str:
    """The prior by default, by the settings of a search: that of the study in its folder, or one that helps."""
    if begun := recorded(given["workdir"], STUDY) or recorded(given["workdir"], SEEDS):
        return begun.get("prior") or NO_PRIOR
    helps = space(given["space"]).prior if evaluator(given["evaluator"]).trains_children else None
    return UsualPrior(helps or NO_PRIOR)


def explained(rows: Mapping[str, Row]) -> str:
    """Join the names and the descriptions of choices, for the help of a flag."""
    return "; ".join(f"{name}: {row.help}" for name, row in rows.items())


def _found(rows: Mapping[str, _Row], name: Any, unknown: Callable[[str, str], _Row]) -> _Row:
    return rows[name] if isinstance(name, str) and name in rows else unknown(str(name), "")

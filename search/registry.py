"""The registry of a search's choices: one row for each algorithm, evaluator, executor and space, with its facts.

The checks of a configuration, its defaults, its flags and its report read the facts of these rows, and never compare
names. Classes are imported when they are used, since some need TensorFlow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from nasnet_keras.genotypes.conventions import ENAS_OPERATIONS
from nasnet_keras.search.objects import load_class

__all__ = ["ALGORITHMS", "EVALUATORS", "EXECUTORS", "SPACES", "AlgorithmRow", "EvaluatorRow", "ExecutorRow", "Row"]
__all__ += ["SpaceRow", "algorithm", "algorithms_with", "evaluator", "executor", "executor_for", "executors_that"]
__all__ += ["explained", "space", "spaces_for"]


@dataclass(frozen=True)
class Row:
    """The facts of a choice.

    Attributes:
        place: the module and the name of its class, `"module:Class"`.
        help: its description in a few words, for `--help`.
    """

    place: str
    help: str

    def load(self) -> type:
        """Import its class."""
        return load_class(self.place)


@dataclass(frozen=True)
class AlgorithmRow(Row):
    """An algorithm: a `search.algorithms.base.Algorithm`.

    Attributes:
        parameters: the settings that belong to it, by name, with the argument of its class that each one sets.
        derived: the default values of some of them, as functions of the values of a search's settings by name.
        is_baseline: whether other searches are compared with it, so that it needs no comparison.
        spaces: the spaces that it is for; empty for an algorithm that searches all spaces.
        spaces_of_sums: further spaces that it is for if their blocks only add.
        whole: whether all of its proposals are whole, as a supernet needs them, and no cells of fewer blocks.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    derived: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    is_baseline: bool = False
    spaces: tuple[str, ...] = ()
    spaces_of_sums: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True)
class EvaluatorRow(Row):
    """An evaluator: a `search.evaluators.base.Evaluator`.

    Attributes:
        judges: the name in `SpaceRow.offers` that a space needs for it; None if it judges the genotypes of all spaces.
        trains: whether networks are trained, if only those of finalists. If not, the settings of children's networks,
            images and training have no effect.
        shares_weights: whether children share weights, which are trained between trials in the search's process.
        epochs: the default number of passes over the training images, of a child or of the shared weights.
        trials_per_epoch: the default number of children for each epoch of shared weights.
        executor: the default executor.
        requires: the settings that it needs, and that no other evaluator takes.
        takes: further settings that no other evaluator takes.
        defaults: the values of settings that are not given.
        how: the treatment of a child, in words for the report.
    """

    judges: str | None = None
    trains: bool = True
    shares_weights: bool = False
    epochs: int = 5
    trials_per_epoch: int = 0
    executor: str = "subprocess"
    requires: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=lambda: {"children_per_update": 4, "population_size": 10})
    how: str | None = None


@dataclass(frozen=True)
class ExecutorRow(Row):
    """An executor: a `search.executors.base.Executor`.

    Attributes:
        isolates: whether each child has a separate process, with separate GPUs and limits. Otherwise children are
            judged in the search's process, one after another.
        takes: the settings that no other executor takes.
        spans_machines: whether children run on several machines, where they may share a GPU or see none.
    """

    isolates: bool = True
    takes: tuple[str, ...] = ()
    spans_machines: bool = False


@dataclass(frozen=True)
class SpaceRow(Row):
    """A search space: a `search.spaces.base.Space`.

    Attributes:
        arguments: the arguments of its class, which settings override.
        offers: the ways in which its genotypes can be judged: `network`, `supernet` or `table`.
        own: the settings that no other space takes.
        lacks: the settings that it refuses, since its networks have no such part.
        ignores: the settings that have no effect on its networks.
        defaults: the values of settings that are not given.
        growing: the number of its cells that grow block by block, as `Space.growth` says; 0 if they do not.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    offers: tuple[str, ...] = ("network",)
    own: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    growing: int = 0


def _beam_size(given: Mapping[str, Any]) -> int:
    """The trials of a search shared out among the beams of progressive search, until cells are whole."""
    return max(1, given["trials"] // (1 + max(1, space(given["space"]).growing) * (given["num_blocks"] - 1)))


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
            {"beam_size": _beam_size, "predictor": lambda given: "mlp"},
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
        ),
        "tabular": EvaluatorRow(
            f"{_SEARCH}.evaluators.tabular:TabularEvaluator",
            "looks children up in the table of a benchmark",
            judges="table",
            trains=False,
            executor="inline",
            requires=("table",),
            takes=("costs",),
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
            f"{_SEARCH}.executors.subprocesses:Subprocesses", "each in a separate process, several at once"
        ),
        "ray": ExecutorRow(
            f"{_SEARCH}.executors.distributed:Distributed",
            "each in a separate process, on the machines of a Ray cluster",
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
            offers=("network", "supernet"),
            growing=2,
        ),
        "pnas": SpaceRow(
            f"{_SEARCH}.spaces.pnas:PNASSpace", "PNAS' cell, one for both strides (Liu et al. 2018)", growing=1
        ),
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
            growing=2,
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


def explained(rows: Mapping[str, Row]) -> str:
    """Join the names and the descriptions of choices, for the help of a flag."""
    return "; ".join(f"{name}: {row.help}" for name, row in rows.items())


def _found(rows: Mapping[str, _Row], name: Any, unknown: Callable[[str, str], _Row]) -> _Row:
    return rows[name] if isinstance(name, str) and name in rows else unknown(str(name), "")

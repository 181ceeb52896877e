"""What a search can be made of: a choice is one file and one row, from which all else that is said of it follows."""

import json
import subprocess
import sys

import pytest

from nasnet_keras.search import registry
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.utils.settings import settings

ROWS = {
    Algorithm: registry.ALGORITHMS,
    Evaluator: registry.EVALUATORS,
    Executor: registry.EXECUTORS,
    Space: registry.SPACES,
}

ONE_FILE = '''
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.inline import Inline
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space


class Walk(RandomSearch):
    def __init__(self, space, seed, length=3):
        super().__init__(space, seed + length)


class Count(Evaluator):
    def __init__(self, config):
        self.letter = config.table

    def evaluate(self, genotype, seed):
        return float(genotype.count(self.letter)), {}

    def finish(self, genotype, seed, folder):
        return self.evaluate(genotype, seed)


class Here(Inline):
    """In this process."""


class Small(NASBench201Space):
    """A space."""
'''

ONE_ROW_EACH = """
from types import MappingProxyType as Rows
from nasnet_keras.search import registry as r
r.ALGORITHMS = Rows({**r.ALGORITHMS, "walk": r.AlgorithmRow("mine:Walk", "walks", {"population_size": "length"})})
r.EVALUATORS = Rows({**r.EVALUATORS, "count": r.EvaluatorRow(
    "mine:Count", "counts letters", judges="words", trains=False, executor="here", requires=("table",),
    defaults={"trials": 5, "random_trials": 2, "population_size": 4, "algorithm": "walk"})})
r.EXECUTORS = Rows({**r.EXECUTORS, "here": r.ExecutorRow("mine:Here", "here", isolates=False)})
r.SPACES = Rows({**r.SPACES, "small": r.SpaceRow("mine:Small", "words", {"operations": ("none", "nor_conv_3x3")},
    offers=("words",), lacks=("num_blocks",))})
"""

JOB = """
import json
from nasnet_keras.search import executors
from nasnet_keras.search.__main__ import _define_flags
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.loop import run
config = SearchConfig("study", evaluator="count", space="small", table="n", final_epochs=1)
study = run(config)
judged = type(executors.make(config)).__name__
rewards = [one.reward for one in study.trials]
print(json.dumps({**study.config, "judged": judged, "rewards": rewards, "won": study.result is not None}))
for changes in ({"executor": "here", "workers": 2}, {"num_blocks": 3}, {"evaluator": "child"}, {"space": "nasnet"}):
    try:
        SearchConfig("study", **{"evaluator": "count", "space": "small", "table": "n", **changes})
    except ValueError as error:
        print(error)
from absl import flags
_define_flags()
print(flags.FLAGS["evaluator"].help)
"""


@pytest.mark.parametrize(("interface", "rows"), ROWS.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_every_row_has_a_class_of_its_interface_and_says_what_it_is(interface, rows):
    for name, row in rows.items():
        assert issubclass(row.load(), interface) and row.help, name


def test_facts_are_of_settings_that_there_are():
    known = settings(SearchConfig)
    named = [name for row in registry.SPACES.values() for name in (*row.own, *row.lacks, *row.ignores, *row.defaults)]
    named += [name for row in registry.EVALUATORS.values() for name in (*row.requires, *row.defaults)]
    named += [name for row in registry.EXECUTORS.values() for name in row.takes]
    named += [name for row in registry.ALGORITHMS.values() for name in row.parameters]
    assert {*named} <= {*known}
    offered = {one for row in registry.SPACES.values() for one in row.offers}
    assert {row.judges for row in registry.EVALUATORS.values()} <= offered
    assert {row.executor for row in registry.EVALUATORS.values()} <= {*registry.EXECUTORS}
    assert all(name in registry.SPACES for row in registry.ALGORITHMS.values() for name in row.spaces)


def test_names_of_later_versions_have_no_facts():
    for find in (registry.algorithm, registry.evaluator, registry.executor, registry.space):
        assert find("of a later version").help == "" and find(["no name"]).help == ""


def test_a_choice_is_one_file_and_one_row(tmp_path):
    (tmp_path / "mine.py").write_text(ONE_FILE)
    done = subprocess.run(
        [sys.executable, "-c", ONE_ROW_EACH + JOB], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    found, *errors, shown = done.stdout.splitlines()
    found = json.loads(found)
    assert (found["algorithm"], found["population_size"], found["judged"]) == ("walk", 4, "Here")
    assert len(found["rewards"]) == found["trials"] == 5 and found["random_trials"] == 2 and found["won"]
    assert errors == [
        "executor 'here' has one worker, got 2: choose 'subprocess' or 'ray'",
        "num_blocks=3 is for spaces other than 'nasbench_macro' and 'accel_nasbench' and 'nas' and 'mnasnet' and "
        "'small', whose networks have none; space is 'small'",
        "evaluator 'child' judges genotypes of nasnet, pnas, nasbench201, enas_micro, enas_macro, nas, mnasnet only, "
        "got 'small'",
        "evaluator 'count' judges genotypes of small only, got 'nasnet'",
    ]
    assert "<child|supernet|zero_cost|tabular|count>" in shown and "count: counts letters" in shown
    assert (tmp_path / "study" / "report.html").is_file()

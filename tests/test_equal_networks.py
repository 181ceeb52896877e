"""No search judges a network twice, however it is written."""

import dataclasses
import json

import numpy as np
import pytest

from nasnet_keras.search import CellSpace, SearchConfig, load_study, run
from nasnet_keras.search.algorithms.base import Algorithm, Seen
from nasnet_keras.search.algorithms.bayesian import BayesianOptimization
from nasnet_keras.search.algorithms.evolution import RegularizedEvolution
from nasnet_keras.search.algorithms.local import LocalSearch
from nasnet_keras.search.algorithms.ppo import PPO
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.equality import CHOICES, NETWORKS, distinct_by, network_name
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor, perform
from nasnet_keras.search.finalists import best_trials
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.pnas import PNASSpace
from nasnet_keras.search.study.trial import EQUAL

OPERATIONS = ("identity", "max_pool_3x3")
SPACE = PNASSpace(OPERATIONS, num_blocks=1)  # 16 choice vectors of 10 networks
CELLS = CellSpace(("identity",), num_blocks=2, combines=("add",))
MAKE = {
    "random": RandomSearch,
    "evolution": lambda space, seed: RegularizedEvolution(space, seed, population_size=5),
    "local": LocalSearch,
    "bayesian": lambda space, seed: BayesianOptimization(space, seed, random_children=5),
}
every_algorithm = pytest.mark.parametrize("name", MAKE)


class Count(Evaluator):
    """Rewards that differ by seed, as those of trained children do."""

    def __init__(self, fails=()):
        self.judged, self.fails = [], fails

    def evaluate(self, genotype, seed):
        self.judged.append(network_name(genotype))
        if seed in self.fails:
            raise RuntimeError("no luck")
        return 0.5 + 0.3 * np.random.default_rng(seed).random(), {"seed": seed}

    def finish(self, genotype, seed, folder):
        return 0.9, {}


class Learning(Count):
    """Learns between trials."""

    def prepare(self, number, draw):
        self.prepared = number


class Shuffled(Executor):
    """Three tasks at once, which end in any order."""

    capacity = 3

    def __init__(self, seed):
        self.generator, self.tasks = np.random.default_rng(seed), []

    def start(self, evaluator, folder):
        self.evaluator = evaluator

    def submit(self, task):
        self.tasks.append(task)

    def wait(self, timeout_seconds):
        return perform(self.evaluator, self.tasks.pop(int(self.generator.integers(len(self.tasks)))))

    def close(self):
        self.tasks.clear()


def searched(path, evaluator=None, algorithm=RandomSearch, space=SPACE, executor=None, **settings):
    settings = {"trials": 24, "random_trials": 0, "finalists": 1, **settings}
    return run(SearchConfig(path, **settings), algorithm, evaluator or Count(), executor, space)


def plain(study):
    return [dataclasses.replace(trial, seconds=0.0) for trial in study.trials]


def networks(space, choices):
    return [network_name(space.decode(one)) for one in choices]


@pytest.mark.parametrize("name", ["random", "evolution", "local", "ppo"])
def test_no_proposal_of_a_network_that_was_told(name):
    make = {**MAKE, "ppo": lambda space, seed: PPO(space, seed, batch_size=40)}[name]
    algorithm, proposed = make(CELLS, 0), []
    for trial in range(39):
        proposed.append(algorithm.ask(trial))
        algorithm.tell(proposed[-1], float(trial % 7))
    assert len({*networks(CELLS, proposed)}) == 39


@pytest.mark.parametrize("missing", [0, 3])
@pytest.mark.parametrize("name", ["local", "bayesian"])
def test_every_network_comes_once_before_one_comes_again(name, missing):
    """Those that are under way, too; the space has ten."""
    algorithm, proposed = MAKE[name](SPACE, 0), []
    for trial in range(10):
        if trial > missing:
            algorithm.tell(proposed[trial - missing - 1], float(trial % 3))
        proposed.append(algorithm.ask(trial))
    assert len({*networks(SPACE, proposed)}) == 10


@every_algorithm
def test_a_space_without_new_networks_gives_known_ones(name):
    algorithm = MAKE[name](SPACE, 0)
    vectors = [tuple(map(int, one)) for one in np.ndindex(2, 2, 2, 2)]
    assert len({*networks(SPACE, vectors)}) == 10
    for choices in vectors:
        algorithm.tell(choices, 0.5)
    assert algorithm.ask(16) in vectors


def test_what_was_told_is_restored_by_networks():
    first, algorithm = RandomSearch(SPACE, 0), RandomSearch(SPACE, 0)
    seen, again = Seen(first), Seen(algorithm)
    for choices in ((0, 1, 0, 1), (1, 0, 1, 0), (0, 0, 0, 0)):  # the second is the first with swapped sides
        seen.add(choices)
    assert seen.to_array().tolist() == [[0, 1, 0, 1], [0, 0, 0, 0]]
    again.restore(seen.to_array())
    assert list(again.new([(1, 0, 1, 0), (1, 0, 0, 1)])) == [(1, 0, 0, 1)]
    assert np.array_equal(again.to_array(), seen.to_array())
    with pytest.raises(ValueError, match="must be from 0 to 1, got 9"):
        again.restore(np.full((1, 4), 9, np.uint16))
    cells = PNASSpace(OPERATIONS, num_blocks=2)
    shorter = Seen(RandomSearch(cells, 0))
    shorter.add((0, 1, 0, 1))
    again = Seen(RandomSearch(cells, 0))
    again.restore(shorter.to_array())
    assert list(again.new([(1, 0, 1, 0), (0, 0, 0, 0)])) == [(0, 0, 0, 0)]


def test_names_of_networks():
    left, right = SPACE.decode((0, 1, 0, 1)), SPACE.decode((1, 0, 1, 0))
    assert left != right and network_name(left) == network_name(right) == left.canonical().fingerprint
    one, other = (
        "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|none~2|",
    )
    space = NASBench201Space()
    assert space.encode(one) != space.encode(other)
    assert network_name(one) == one and network_name(other) == other, "a table has figures of each"


def test_cells_of_a_benchmark_without_its_table_are_one_by_network(tmp_path):
    settings = {"space": "nasbench201", "operations": ("none", "skip_connect")}
    evaluator, config = Count(), SearchConfig(tmp_path / "study", trials=60, random_trials=0, finalists=60, **settings)
    study = run(config, RandomSearch, evaluator)
    judged = [trial for trial in study.trials if EQUAL not in trial.metrics]
    networks = {network_name(trial.genotype, listed=False) for trial in study.trials}
    assert len(evaluator.judged) == len(judged) == len(networks) < len({trial.genotype for trial in study.trials})
    assert len(networks) <= 52, "of 64 cells 24 are spellings of 12"
    assert len(best_trials(config, study)) == len(networks)
    table = SearchConfig("study", evaluator="tabular", table="cells.csv", **settings).search_space()
    spaces = (NASBench201Space(), table, config.search_space())
    assert [len({space.network_name(one.genotype) for one in study.trials}) for space in spaces] == [
        *[len({trial.genotype for trial in study.trials})] * 2,
        len(networks),
    ]
    assert table == config.search_space() and network_name("cell 7", listed=False) == "cell 7"


@every_algorithm
def test_a_known_network_is_not_judged_again(name, tmp_path):
    evaluator = Count()
    study = searched(tmp_path / "study", evaluator, MAKE[name])
    found = {}
    for trial in study.trials:
        first = found.setdefault(network_name(trial.genotype), trial)
        assert trial.reward == first.reward and trial.metrics.get(EQUAL) == (None if trial is first else first.trial)
        assert trial is first or (trial.seconds == 0.0 and trial.seed == first.seed)
    assert len(study.trials) == 24 and len(found) == 10 == len(evaluator.judged) and {*evaluator.judged} == {*found}
    assert study.best is found[network_name(study.best.genotype)]
    assert len({network_name(trial.genotype) for trial in best_trials(SearchConfig("study", finalists=9), study)}) == 9


class Few(Algorithm):
    """Proposes a few networks, by what it was told."""

    def __init__(self, space, seed):
        super().__init__(space, seed)
        self.told = 0

    def ask(self, trial):
        return (0, 0, *map(int, np.unravel_index((self.told + int(self.generator(trial).integers(2))) % 4, (2, 2))))

    def tell(self, choices, reward):
        self.told += 0 if reward is None else round(1e6 * reward)


def test_the_order_in_which_children_finish_changes_nothing(tmp_path):
    failing = [0, 3, 4, 9]
    studies = [searched(tmp_path / str(seed), Count(failing), Few, executor=Shuffled(seed)) for seed in range(5)]
    assert all(plain(study) == plain(studies[0]) for study in studies)
    trials = studies[0].trials
    failed = [trial.trial for trial in trials if trial.status == "crashed"]
    assert len(failed) > 1 and {*failed} <= {*failing}
    names = [network_name(trial.genotype) for trial in trials]
    close = [number for number in range(24) if names[number] in names[max(0, number - 3) : number]]
    assert any(EQUAL in trials[number].metrics for number in close), "one waits for another that is under way"
    again = [number for number in range(24) if names[number] in [names[other] for other in failed if other < number]]
    assert any(EQUAL not in trials[number].metrics for number in again), "what failed is tried again"
    part = searched(tmp_path / "part", Count(failing), Few, executor=Shuffled(9), trials=11)
    assert plain(part) == plain(studies[0])[:11]
    whole = searched(tmp_path / "part", Count(failing), Few, executor=Shuffled(9))
    assert plain(whole) == plain(studies[0])


def test_random_children_have_results_of_their_own(tmp_path):
    evaluator = Count()
    study = searched(tmp_path / "study", evaluator, MAKE["evolution"], trials=10, random_trials=15)
    assert any(EQUAL in trial.metrics for trial in study.random_trials)
    own = {network_name(one.genotype) for one in study.random_trials if EQUAL not in one.metrics}
    assert own & {network_name(one.genotype) for one in study.trials}
    assert len(own) == sum(EQUAL not in one.metrics for one in study.random_trials)


def test_children_that_are_judged_by_what_is_learnt_are_judged_each_time(tmp_path):
    evaluator = Learning()
    study = searched(tmp_path / "study", evaluator)
    assert len(evaluator.judged) == len(study.trials) == 24
    assert not any(EQUAL in trial.metrics for trial in study.trials)


class Counting(Algorithm):
    """Proposes all choice vectors in turn."""

    def ask(self, trial):
        return tuple(int(choice) for choice in np.unravel_index(trial % 16, (2, 2, 2, 2)))

    def tell(self, choices, reward):
        pass


def test_a_study_of_an_earlier_version_goes_on_as_it_began(tmp_path):
    study = searched(tmp_path / "study", algorithm=Counting, trials=4)
    description = json.loads((tmp_path / "study" / "study.json").read_text())
    assert description["config"].pop("distinct_by") == NETWORKS == distinct_by(tmp_path / "study")
    (tmp_path / "study" / "study.json").write_text(json.dumps(description))
    assert distinct_by(tmp_path / "study") == CHOICES and distinct_by(tmp_path / "none") == NETWORKS
    evaluator = Count()
    study = searched(tmp_path / "study", evaluator, Counting, trials=16)
    assert len(evaluator.judged) == 12 and not any(EQUAL in trial.metrics for trial in study.trials[4:])
    assert len({trial.metrics["seed"] for trial in study.trials[4:]}) == 12
    assert "distinct_by" not in json.loads((tmp_path / "study" / "study.json").read_text())["config"]
    assert len(best_trials(SearchConfig("study", finalists=16), load_study(tmp_path / "study"))) == 16


@every_algorithm
def test_algorithms_of_earlier_studies_propose_what_they_did(name):
    """By choice vectors, of which an algorithm that learns repeats none, and random draws may repeat."""
    algorithm, proposed = MAKE[name](SPACE, 0), []
    algorithm.distinct_by = CHOICES
    for trial in range(12):
        proposed.append(algorithm.ask(trial))
        algorithm.tell(proposed[-1], float(sum(proposed[-1])))
    drawn = [SPACE.sample(algorithm.generator(trial)) for trial in range(12)]
    if name == "random":
        assert proposed == drawn
    elif name == "evolution":
        assert proposed[:5] == drawn[:5] and len({*proposed[5:]} - {*proposed[:5]}) == 7
    else:
        assert len({*proposed}) == 12
    assert len({*networks(SPACE, proposed)}) < len({*proposed}), "both spellings of some are proposed"


def test_a_study_of_a_later_version_is_refused(tmp_path):
    searched(tmp_path / "study", trials=2)
    path = tmp_path / "study" / "study.json"
    path.write_text(path.read_text().replace('"networks"', '"functions"'))
    with pytest.raises(ValueError, match="distinct_by was 'functions' and is now 'networks'"):
        searched(tmp_path / "study", trials=2)

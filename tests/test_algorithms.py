"""One contract for every search algorithm, and what each of them is known for."""

import functools
import itertools

import keras
import numpy as np
import pytest
from helpers import mostly_fuzz

from nasnet_keras.search import CellSpace, algorithms
from nasnet_keras.search.algorithms.bayesian import BayesianOptimization
from nasnet_keras.search.algorithms.enas import ENAS
from nasnet_keras.search.algorithms.evolution import RegularizedEvolution
from nasnet_keras.search.algorithms.local import LocalSearch
from nasnet_keras.search.algorithms.nas import NAS
from nasnet_keras.search.algorithms.ppo import PPO
from nasnet_keras.search.algorithms.progressive import Progressive
from nasnet_keras.search.algorithms.reinforce import Reinforce
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.pnas import PNASSpace
from nasnet_keras.search.testing import check_algorithm

# Few decisions: controllers are compiled for all in a row.
OPERATIONS = ("identity", "sep_conv_3x3", "sep_conv_5x5", "max_pool_3x3", "avg_pool_3x3")
SPACE = CellSpace(OPERATIONS, num_blocks=1, combines=("add",))
GROWING = ChainSpace(num_layers=3, first_layers=1, deepen_every=15)
LEARNERS = {
    "evolution": lambda seed: RegularizedEvolution(SPACE, seed, population_size=10, sample_size=4),
    "local": lambda seed: LocalSearch(SPACE, seed),
    "bayesian": lambda seed: BayesianOptimization(SPACE, seed),
    "reinforce": lambda seed: Reinforce(SPACE, seed, batch_size=8, learning_rate=0.02),
    "ppo": lambda seed: PPO(SPACE, seed, batch_size=8, learning_rate=0.01),
    "enas": lambda seed: ENAS(SPACE, seed, batch_size=8, learning_rate=0.02),
    "nas": lambda seed: NAS(GROWING, seed, batch_size=8, learning_rate=0.02),
    "evolution in a space that grows": lambda seed: RegularizedEvolution(GROWING, seed, population_size=10),
    "local in a space that grows": lambda seed: LocalSearch(GROWING, seed),
    "ppo in a space that grows": lambda seed: PPO(GROWING, seed, batch_size=8, learning_rate=0.01),
}
LEVELS = PNASSpace(OPERATIONS[:3], num_blocks=3)
ALL = {
    "progressive": lambda seed: Progressive(LEVELS, seed, beam_size=15),
    "random": lambda seed: algorithms.make("random", SPACE, seed),
    "random in a space that grows": lambda seed: algorithms.make("random", GROWING, seed),
    **LEARNERS,
}
every_algorithm = pytest.mark.parametrize("name", ALL)


def reward_of(choices):
    """A third of all children fail; otherwise the more last choices, the better."""
    return None if choices[2] == 0 else float(sum(choices)) + 0.01 * choices[0]


def search(algorithm, first, last, reward=reward_of):
    proposed = []
    for trial in range(first, last):
        proposed.append(algorithm.ask(trial))
        algorithm.tell(proposed[-1], reward(proposed[-1]))
    return proposed


_shared = functools.cache(lambda name: ALL[name](0))


def at_its_start(name, seed=0):
    """As a new one of that seed, but one object for all tests: a new controller is compiled for seconds, once used."""
    algorithm = _shared(name)
    algorithm.restore(ALL[name](seed).state())
    algorithm.seed = seed
    return algorithm


@functools.cache
def proposals(name):
    """What an algorithm proposes first: most tests hold another run to it."""
    return search(at_its_start(name), 0, 60)


def test_all_names_are_under_contract():
    assert set(algorithms.names()) == {name for name in ALL if " " not in name}
    known = "random, evolution, local, bayesian, reinforce, ppo, enas, nas, progressive"
    with pytest.raises(ValueError, match=f"must be one of {known}, got 'bohb'"):
        algorithms.make("bohb", SPACE, 0)


def two_of(name):
    """Makes an algorithm as if it were new, and not the object that it made before."""
    objects, calls = [ALL[name](0), _shared(name)], itertools.count()
    start = ALL[name](0).state()

    def make(space, seed):
        assert space is objects[0].space and seed == 0
        if next(calls) == 3:  # before the one that goes on: whatever children do to the global state of the library
            keras.backend.clear_session()
        objects.reverse()
        objects[0].restore(start)
        return objects[0]

    return make


@pytest.mark.parametrize("name", mostly_fuzz(ALL, ALL.keys() - {"reinforce", "enas", "ppo in a space that grows"}))
def test_every_algorithm_keeps_the_contract(name):
    check_algorithm(two_of(name), _shared(name).space, trials=40)


@every_algorithm
def test_proposals_depend_on_the_seed(name):
    assert search(ALL[name](1), 0, 7) != proposals(name)[:7]


@every_algorithm
def test_the_scale_of_rewards_changes_nothing(name):
    def scaled(choices):
        return None if reward_of(choices) is None else 1e-6 * reward_of(choices)

    expected = proposals(name)[:50]
    assert search(at_its_start(name), 0, 50, scaled) == expected


@every_algorithm
def test_states_of_other_spaces_are_refused(name):
    algorithm = at_its_start(name)
    search(algorithm, 0, 12)
    before = algorithm.ask(12)
    other_space = {
        "random": {"something": np.zeros(3)},
        "evolution": RegularizedEvolution(NASBench201Space(), 0).state(),
    }.get(name.split()[0], PPO(NASBench201Space(), 0).state())
    with pytest.raises(ValueError, match="state|choices|shape"):
        algorithm.restore(other_space)
    assert algorithm.ask(12) == before


@every_algorithm
def test_children_that_all_fail_and_rewards_that_are_all_equal(name):
    for reward in (lambda choices: None, lambda choices: 0.1):
        proposed = search(at_its_start(name), 0, 40, reward)
        assert len(set(proposed)) > 30, "it goes on looking"


def test_a_batch_of_equal_rewards_does_not_stop_learning():
    """Differences from the baseline divided by a deviation of zero made Adam's steps vanish for good."""

    def moved(third_batch):
        """How far the weights move in ten updates, long after the third batch."""
        algorithm, generator = at_its_start("reinforce"), np.random.default_rng(1)
        rewards = generator.random(50 * 8).tolist()
        rewards[16:24] = third_batch or rewards[16:24]
        for trial, reward in enumerate(rewards):
            if trial == 40 * 8:
                before = algorithm.controller.get_weights()
            algorithm.tell(algorithm.ask(trial), reward)
        pairs = zip(before, algorithm.controller.get_weights(), strict=True)
        return np.mean([np.abs(after - weight).mean() for weight, after in pairs])

    usual = moved(None)
    for equal in ([0.9] * 8, [None] * 8):
        assert moved(equal) > 0.3 * usual


@pytest.mark.parametrize("name", ["evolution", "local", "reinforce", "ppo"])
def test_learners_beat_random_search_avoid_failures_and_do_not_repeat(name):
    def late(algorithm):
        proposed = search(algorithm, 0, 160)
        rewards = [reward_of(choices) for choices in proposed[100:]]
        failed = sum(reward is None for reward in rewards)
        return np.mean([reward for reward in rewards if reward is not None]), failed, len(set(proposed))

    learnt, random = ([late(at_its_start(one, seed)) for seed in range(3)] for one in (name, "random"))
    assert np.mean([row[0] for row in learnt]) > np.mean([row[0] for row in random]) + 1.0
    assert np.mean([row[1] for row in learnt]) < np.mean([row[1] for row in random])
    assert min(row[2] for row in learnt) >= 158


def test_the_policy_of_enas_learns_within_its_bounds():
    """Its squashed logits never let it be certain, so it is held to its own beginning."""
    gains = []
    for seed in range(3):
        proposed = search(at_its_start("enas", seed), 0, 240)
        first, last = (
            np.mean([reward for choices in some if (reward := reward_of(choices)) is not None])
            for some in (proposed[:60], proposed[180:])
        )
        gains.append(last - first)
    assert np.mean(gains) > 0.7


def test_a_supernet_is_drawn_from_the_policy():
    generator = np.random.default_rng(0)
    trained, random = at_its_start("ppo"), at_its_start("random")
    search(trained, 0, 160)
    rewards = [[reward_of(row) or 0.0 for row in one.draw(100, generator).tolist()] for one in (trained, random)]
    assert np.mean(rewards[0]) > np.mean(rewards[1]) + 1.0


def test_random_search_depends_on_seed_and_trial_only():
    space = CellSpace()
    first = [algorithms.make("random", space, 5).ask(i) for i in range(20)]
    algorithm = algorithms.make("random", space, 5)
    assert [algorithm.ask(i) for i in reversed(range(20))] == first[::-1]
    assert len(set(first)) == 20
    assert first != [algorithms.make("random", space, 6).ask(i) for i in range(20)]


def test_evolution_breeds_from_its_population_and_forgets_the_oldest():
    algorithm = RegularizedEvolution(NASBench201Space(), 0, population_size=3, sample_size=50)
    told = [(0,) * 6, (2,) * 6, (1,) * 6, (3,) * 6]
    for choices, reward in zip(told, (9.0, 2.0, None, 1.0), strict=True):
        algorithm.tell(choices, reward)
    for trial in range(4, 40):  # of the last three the second is best; the sample holds it almost surely
        assert sum(a != b for a, b in zip(algorithm.ask(trial), told[1], strict=True)) == 1
    with pytest.raises(ValueError, match="more than one genotype"):
        RegularizedEvolution(NASBench201Space(("none",)), 0)


def test_evolution_goes_past_a_neighbourhood_that_is_known():
    space = NASBench201Space(("none", "skip_connect"))
    algorithm = RegularizedEvolution(space, 0, population_size=5)
    proposed = search(algorithm, 0, 64, lambda choices: float(sum(choices)))
    assert len(set(proposed)) >= 56, "of 64; each cell has only six neighbours"
    assert search(algorithm, 64, 70, lambda choices: 1.0), "and then it goes on"

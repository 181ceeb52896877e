"""Bayesian optimization: what it proposes, and what its proposals depend on."""

import functools
import itertools

import numpy as np
import pytest

from nasnet_keras.search.algorithms import bayesian
from nasnet_keras.search.algorithms.bayesian import BayesianOptimization
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.spaces.base import Decision, Space
from nasnet_keras.search.spaces.limited import LimitedSpace
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.surrogates import features
from nasnet_keras.search.surrogates.features import described
from nasnet_keras.search.surrogates.gaussian_process import GaussianProcess
from nasnet_keras.search.surrogates.trace import trace
from nasnet_keras.search.testing import check_algorithm
from nasnet_keras.utils.ranks import normal_scores

OPERATIONS = ("none", "skip_connect", "nor_conv_3x3")


class Letters(Space):
    """Words of six letters, of which the package knows no network."""

    decisions = tuple(Decision(f"letter_{number}", tuple("abcd")) for number in range(6))

    def decode(self, choices):
        return "".join(self.pick(choices))

    def encode(self, genotype):
        return self.find(list(genotype))


WORDS = Letters()


def value(choices):
    """The higher, the more letters are as in `cdabcd`; a pair of them counts twice."""
    right = [one == other for one, other in zip(choices, (2, 3, 0, 1, 2, 3), strict=True)]
    return sum(right) + 2.0 * (right[0] and right[5])


def search(algorithm, first, last, reward=value):
    for trial in range(first, last):
        choices = algorithm.ask(trial)
        algorithm.tell(choices, reward(choices))
        yield choices


@functools.cache
def proposed(seed):
    return list(search(BayesianOptimization(WORDS, seed), 0, 60))


def test_it_keeps_the_contract():
    check_algorithm(BayesianOptimization, WORDS, trials=24)


def test_it_keeps_the_contract_within_a_limit():
    space = LimitedSpace(WORDS, lambda word: word.count("d") - 2.0)
    check_algorithm(functools.partial(BayesianOptimization, random_children=4), space, trials=12)
    assert all(space.fits(choices) for choices in search(BayesianOptimization(space, 0), 0, 30))


@pytest.mark.slow
def test_it_keeps_the_contract_in_a_space_that_grows():
    space = ChainSpace(num_layers=3, first_layers=1, deepen_every=4)
    check_algorithm(functools.partial(BayesianOptimization, random_children=3), space, trials=10)


def test_it_finds_the_best_far_sooner_than_random_search():
    best = value((2, 3, 0, 1, 2, 3))
    for seed in range(3):
        assert max(map(value, proposed(seed))) == best, "one of 4,096 words, after 60"
    random = [max(map(value, search(RandomSearch(WORDS, seed), 0, 60))) for seed in range(3)]
    assert max(random) < best


def test_it_proposes_nothing_twice():
    assert len(set(proposed(0))) == 60
    small = NASBench201Space(OPERATIONS[1:])
    found = list(search(BayesianOptimization(small, 0), 0, 66, lambda choices: float(sum(choices))))
    assert len(set(found)) == 64, "all there are, and then it goes on"


def test_children_in_parallel_differ_and_are_the_same_after_an_interruption():
    """Four at once, as the search asks: trial n is proposed when the results up to n - 4 are told."""

    def ask(algorithm, trial):
        while len(algorithm.state()["rewards"]) < trial - 3:
            number = len(algorithm.state()["rewards"])
            algorithm.tell(asked[number], value(asked[number]))
        return algorithm.ask(trial)

    asked = []
    first = BayesianOptimization(WORDS, 0)
    for trial in range(40):
        asked.append(ask(first, trial))
    assert len(set(asked)) == 40 and max(map(value, asked)) >= 6
    steps = [np.not_equal(one, other).sum() for one, other in itertools.pairwise(asked[14:])]
    assert np.mean(steps) > 1.5, "those under way are not all neighbours"
    for stop in (3, 17, 39):
        assert ask(BayesianOptimization(WORDS, 0), stop) == asked[stop], "told again, without the proposals in between"


def test_ranks_of_rewards_are_all_that_matters():
    def other(choices):
        return None if value(choices) == 0 else -1 / value(choices) ** 5

    def same(choices):
        return None if value(choices) == 0 else value(choices)

    assert list(search(BayesianOptimization(WORDS, 1), 0, 30, other)) == list(
        search(BayesianOptimization(WORDS, 1), 0, 30, same)
    )


def test_networks_are_known_by_what_they_compute():
    """Cells with a convolution on every path are better: the paths are no choices, but follow from all of them."""
    space = NASBench201Space(OPERATIONS)

    def paths(choices):
        names = space.pick(choices)
        routes = [(0, 2, 5), (0, 4), (1, 5), (3,)]
        alive = [[names[edge] for edge in route] for route in routes if all(names[edge] != "none" for edge in route)]
        return float(sum(route.count("nor_conv_3x3") ** 2 for route in alive)) if alive else None

    best = max(paths(choices) or 0.0 for choices in itertools.product(range(3), repeat=6))
    found = [paths(choices) or 0.0 for choices in search(BayesianOptimization(space, 0), 0, 25, paths)]
    assert max(found) == best


def test_networks_that_look_the_same_to_the_surrogate_come_last():
    """A table lists cells that differ in dead edges alone; each is a network of its own, and tells nothing new."""
    space = NASBench201Space(OPERATIONS)
    found = list(search(BayesianOptimization(space, 0), 0, 40, lambda choices: float(choices.count(2))))
    cells = {tuple(sorted(described(trace(space.architecture(space.decode(one)))).items())) for one in found[10:]}
    assert len(cells) == 30


def test_bad_arguments():
    with pytest.raises(ValueError, match="more than one genotype"):
        BayesianOptimization(NASBench201Space(("none",)), 0)
    with pytest.raises(ValueError, match="random_children must be a positive integer"):
        BayesianOptimization(WORDS, 0, random_children=0)
    state = BayesianOptimization(WORDS, 0).state()
    with pytest.raises(ValueError, match="letter_0 must be from 0 to 3"):
        BayesianOptimization(WORDS, 0).restore({**state, "choices": np.full((1, 6), 9), "rewards": np.ones(1)})
    with pytest.raises(ValueError, match="a state of BayesianOptimization"):
        BayesianOptimization(WORDS, 0).restore({**state, "rewards": np.ones(1)})


def test_of_many_results_it_learns_the_best_and_some_of_the_others(monkeypatch):
    monkeypatch.setattr(bayesian, "_MOST", 24)
    monkeypatch.setattr(bayesian, "_WAITING", 2)
    learnt, waiting = [], []

    class Noted(GaussianProcess):
        def condition(self, rows, rewards):
            learnt.append(np.asarray(rewards))
            return super().condition(rows, rewards)

        def expecting(self, rows):
            waiting.append(len(rows))
            return super().expecting(rows)

    monkeypatch.setattr(bayesian, "GaussianProcess", Noted)
    algorithm = BayesianOptimization(WORDS, seed=0)
    rewards = [value(choices) for choices in search(algorithm, 0, 60)]
    assert max(rewards) == value((2, 3, 0, 1, 2, 3)), "it is found all the same"
    for choices in (algorithm.ask(70), algorithm.ask(70)):
        assert choices not in algorithm.choices
    scores = normal_scores(rewards)
    assert max(map(len, learnt)) == 24 and waiting[-1] == 2, "of ten children on their way the last two"
    assert sorted(scores)[-12:] == sorted(learnt[-1])[-12:] and min(learnt[-1]) == min(scores)


def test_proposals_cost_the_same_however_many_trials_there_are(monkeypatch):
    monkeypatch.setattr(bayesian, "_MOST", 24)
    monkeypatch.setattr(features, "_REMEMBERED", 600)
    monkeypatch.setattr(bayesian, "_features", features.Features)
    described = []

    class Counted(Letters):
        def architecture(self, genotype):
            described.append(genotype)

    algorithm = BayesianOptimization(Counted(), seed=0)
    for number, choices in enumerate(itertools.islice(itertools.product(range(4), repeat=6), 1000)):
        algorithm.tell(choices, value(choices))
        if number in (200, 999):
            algorithm.ask(number + 1)
            described.clear()
            algorithm.ask(number + 2)
            assert len(described) < 600, "the rows of its candidates, and few of those of trials"

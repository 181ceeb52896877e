"""Local search: where it climbs, when it starts anew, and what it proposes while children are on their way."""

import functools

import numpy as np
import pytest

from nasnet_keras.search import CellSpace
from nasnet_keras.search.algorithms.local import LocalSearch
from nasnet_keras.search.spaces.limited import LimitedSpace
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.partial import PartialSpace

CELLS = NASBench201Space()  # six decisions among five: 24 neighbours


class Known(PartialSpace):
    """Three hundred of a million networks."""

    decisions = CellSpace(("identity", "sep_conv_3x3", "max_pool_3x3"), num_blocks=2).decisions
    known = tuple(dict.fromkeys(map(tuple, np.random.default_rng(0).integers(2, size=(300, len(decisions))).tolist())))

    def decode(self, choices):
        return str(self.pick(choices))

    def encode(self, genotype):
        raise NotImplementedError


SPACES = {
    "small": CELLS,
    "large": CellSpace(),
    "growing": ChainSpace(num_layers=5, first_layers=2, deepen_every=40),
    "known in part": Known(),
    "limited": LimitedSpace(CELLS, lambda genotype: float(genotype.count("nor_conv") - 2)),
    "known in part and limited": LimitedSpace(Known(), lambda genotype: float(genotype.count("max_pool") - 4)),
}


def reward_of(choices):
    """Rugged, and the same for equal choices; one in eight fails."""
    noise = np.random.default_rng((len(choices), *choices)).random()
    return None if noise < 0.125 else float(sum(choices)) + 4.0 * noise


def difference(one, other):
    return sum(a != b for a, b in zip(one, other, strict=True))


def search(algorithm, trials, window=1, reward=reward_of):
    """As a search asks: for each trial when all but the last ones before it are told."""
    proposed, told = [], 0
    for trial in range(trials):
        while told < trial - window + 1:
            algorithm.tell(proposed[told], reward(proposed[told]))
            told += 1
        proposed.append(algorithm.ask(trial))
    return proposed


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("window", [1, 4, 17])
def test_nothing_is_proposed_twice_whatever_is_on_its_way(name, window):
    proposed = search(LocalSearch(SPACES[name], 0), 150, window)
    assert len(set(proposed)) == len(proposed)
    assert all(SPACES[name].at(trial).fits(choices) for trial, choices in enumerate(proposed))


@pytest.mark.parametrize("name", SPACES)
def test_what_is_proposed_follows_from_the_results_alone(name):
    """A search that was killed asks a new object, which never proposed what is on its way."""
    expected = search(LocalSearch(SPACES[name], 3), 90, window=5)
    for trial in (3, 40, 89):
        again = LocalSearch(SPACES[name], 3)
        for choices in expected[: max(0, trial - 4)]:
            again.tell(choices, reward_of(choices))
        assert again.ask(trial) == expected[trial]


def test_all_neighbours_are_tried_and_then_the_next_start():
    """Nothing is better than the start."""
    proposed = search(LocalSearch(CELLS, 0), 26, reward=lambda choices: -float(difference(choices, start())))
    assert all(difference(one, proposed[0]) == 1 for one in proposed[1:25]) and len(set(proposed)) == 26
    changed = [next(place for place in range(6) if one[place] != proposed[0][place]) for one in proposed[1:25]]
    assert changed != sorted(changed), "in random order"
    assert difference(proposed[25], proposed[0]) > 1


@functools.cache
def start():
    return LocalSearch(CELLS, 0).ask(0)


def test_equally_good_neighbours_are_not_moved_to():
    proposed = search(LocalSearch(CELLS, 0), 25, reward=lambda choices: 1.0)
    assert all(difference(one, proposed[0]) == 1 for one in proposed[1:])


def test_the_first_better_neighbour_is_the_next_point():
    algorithm = LocalSearch(CELLS, 0)
    rewards = {0: 1.0, 5: 2.0, 7: None, 8: 3.0}
    point = None
    for trial in range(20):
        choices = algorithm.ask(trial)
        assert point is None or difference(choices, point) == 1
        if trial in (0, 5, 8):
            point = choices
        algorithm.tell(choices, rewards.get(trial, 0.5))


def test_a_start_that_failed_is_left_at_once():
    algorithm = LocalSearch(CELLS, 0)
    for trial, reward in enumerate((None, None, -5.0)):
        choices = algorithm.ask(trial)
        algorithm.tell(choices, reward)
    assert difference(algorithm.ask(3), choices) == 1, "any reward is better than none"


def test_starts_are_early_if_all_neighbours_are_on_their_way():
    """The first trial is better than everything: 3 other starts, 24 neighbours, and 4 starts until one is told."""
    rewards = {start(): 9.0}

    def reward(choices):
        return rewards.setdefault(choices, -float(len(rewards)))

    proposed = search(LocalSearch(CELLS, 0), 40, window=4, reward=reward)
    near = [difference(one, start()) == 1 for one in proposed]
    assert near[:4] == 4 * [False] and all(near[4:28]) and not any(near[28:])
    assert all(difference(one, proposed[28]) > 1 for one in proposed[29:32])
    assert all(difference(one, proposed[28]) == 1 for one in proposed[32:]), "the climb of the first one"


def test_a_smooth_hill_is_climbed_in_a_few_dozen_trials():
    counts = []
    for seed in range(10):
        proposed = search(LocalSearch(CELLS, seed), 200, reward=lambda choices: float(sum(choices)))
        counts.append(proposed.index((4,) * 6))
    assert max(counts) < 100, "of 15,625"


def test_small_spaces_are_searched_to_the_end_and_then_it_goes_on():
    space = NASBench201Space(("none", "skip_connect"))
    proposed = search(LocalSearch(space, 0), 70)
    assert len(set(proposed[:64])) == 64
    with pytest.raises(ValueError, match="more than one genotype"):
        LocalSearch(NASBench201Space(("none",)), 0)


def test_states_that_contradict_themselves_are_refused():
    algorithm = LocalSearch(CELLS, 0)
    proposed = search(algorithm, 20)
    state = algorithm.state()
    for name, value in (("rewards", state["rewards"][1:]), ("choices", state["choices"] + 9), ("points", np.zeros(3))):
        with pytest.raises(ValueError, match="state|must be from"):
            algorithm.restore({**state, name: value})
    assert algorithm.ask(19) == proposed[19]

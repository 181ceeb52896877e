"""Under a limit algorithms that learn prefer what uses it, and spaces of known networks stay among those within."""

import itertools

import numpy as np
import pytest
from helpers import mostly_fuzz

from nasnet_keras.search import algorithms
from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.search.spaces.base import Decision
from nasnet_keras.search.spaces.limited import LimitedSpace
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.partial import PartialSpace
from nasnet_keras.search.testing import check_algorithm, check_space

CONVOLUTIONS = 9.0  # in the size below, of 18 at most


def size(genotype):
    return 3.0 * genotype.count("nor_conv_3x3") + genotype.count("nor_conv_1x1")


CELLS = LimitedSpace(NASBench201Space(), lambda genotype: size(genotype) - CONVOLUTIONS)


class Few(PartialSpace):
    """Twenty known networks of 256."""

    decisions = tuple(Decision(f"place_{place}", tuple("0123")) for place in range(4))
    known = tuple(itertools.islice(itertools.product(range(4), repeat=4), 3, 256, 13))

    def decode(self, choices):
        return "".join(self.pick(choices))

    def encode(self, genotype):
        return self.find(list(genotype) if isinstance(genotype, str) else [])


def total(genotype):
    return sum(map(int, genotype)) - 6.0


def used(name, trials=40):
    algorithm, sizes = algorithms.make(name, CELLS, 0, population_size=20), []
    for trial in range(trials):
        choices = algorithm.ask(trial)
        sizes.append(size(CELLS.decode(choices)))
        algorithm.tell(choices, 1.0)  # nothing can be learnt
    return sizes


def test_the_distance_from_a_limit_has_a_sign():
    objective = Objective.of(["latency_ms=4", "parameters=100"])
    distances = [({"latency_ms": 1, "parameters": 50}, -1), ({"latency_ms": 4, "parameters": 1}, 0)]
    distances += [({"latency_ms": 8, "parameters": 50}, 1), ({"latency_ms": 0, "parameters": 0}, -np.inf)]
    for costs, distance in [*distances, ({"latency_ms": 1}, np.inf)]:
        assert objective.distance(costs) == distance and objective.excess(costs) == max(0, distance)
    over = np.nextafter(4, 5)
    assert objective.distance({"latency_ms": over, "parameters": 1}) > 0


def test_the_likeliest_candidate_uses_most_of_the_limit():
    sizes = {size(CELLS.decode(cell)): cell for cell in itertools.product(range(5), repeat=6)}
    assert CELLS.likeliest([sizes[3.0], sizes[8.0], sizes[12.0], sizes[5.0]]) == sizes[8.0]
    assert CELLS.likeliest([sizes[18.0], sizes[12.0]]) == sizes[12.0]
    assert CELLS.likeliest(iter([sizes[0.0], sizes[1.0], sizes[2.0], sizes[3.0], sizes[9.0]])) == sizes[3.0]
    assert NASBench201Space().likeliest([sizes[3.0], sizes[8.0]]) == sizes[3.0]


@pytest.mark.parametrize("name", ["evolution", "reinforce"])
def test_algorithms_that_learn_use_what_the_limit_allows_and_random_search_does_not(name):
    learning, random = used(name), used("random")
    assert max(*learning, *random) <= CONVOLUTIONS
    assert np.mean(learning) > np.mean(random) + 1


def test_a_mutation_over_the_limit_is_balanced_by_further_ones():
    full = NASBench201Space().find(["nor_conv_3x3"] * 3 + ["none"] * 3)
    mutated = {CELLS.mutate(full, np.random.default_rng(seed)) for seed in range(200)}
    assert all(map(CELLS.fits, mutated)) and full not in mutated
    assert {sum(a != b for a, b in zip(full, other, strict=True)) for other in mutated} == {1, 2, 3}


def test_a_limited_space_of_known_networks_proposes_those_within():
    few = Few()
    space, within = LimitedSpace(few, total), [one for one in few.known if sum(one) <= 6]
    assert 1 < len(within) == space.size < len(few.known)
    check_space(space, samples=20)
    generator = np.random.default_rng(0)
    assert {space.sample(generator) for _ in range(300)} == set(within)
    for draw in itertools.product(range(4), repeat=4):
        steps = [np.abs(np.subtract(one, draw)).sum() for one in within]
        assert space.nearest(draw) in within and np.abs(np.subtract(space.nearest(draw), draw)).sum() == min(steps)
    assert LimitedSpace(few, lambda genotype: 1.0).size == len(few.known)


@pytest.mark.parametrize("name", mostly_fuzz(["evolution", "reinforce"], ["evolution"]))
def test_algorithms_keep_their_contract_among_known_networks_within_a_limit(name):
    made = []

    def make(space, seed):
        made.append(algorithms.make(name, space, seed, population_size=5))
        return made[-1]

    space = LimitedSpace(Few(), total)
    check_algorithm(make, space, trials=15)
    assert all(space.fits(made[0].ask(trial)) for trial in range(60, 70))


def test_a_policy_proposes_the_known_networks_near_its_draws():
    space = Few()
    algorithm, found = algorithms.make("reinforce", space, 0, children_per_update=5), []
    drawn = algorithm.draw(8, algorithm.generator(0)).tolist()
    assert algorithm.ask(0) == space.nearest(drawn[0])
    for trial in range(20):
        choices = algorithm.ask(trial)
        found.append(choices)
        algorithm.tell(choices, float(sum(choices)))
    assert len(set(found)) == 20 == len(set(found) & set(space.known))

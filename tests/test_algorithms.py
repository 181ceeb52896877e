"""One contract for every search algorithm, and what each of them is known for."""

import io

import keras
import numpy as np
import pytest

from nasnet_keras.search import CellSpace, algorithms
from nasnet_keras.search.algorithms.enas import ENAS
from nasnet_keras.search.algorithms.evolution import RegularisedEvolution
from nasnet_keras.search.algorithms.nas import NAS
from nasnet_keras.search.algorithms.ppo import PPO
from nasnet_keras.search.algorithms.reinforce import Reinforce
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space

SPACE = CellSpace(operations=("identity", "sep_conv_3x3", "max_pool_3x3"), num_blocks=2, combines=("add",))
GROWING = ChainSpace(num_layers=3, first_layers=1, deepen_every=15, predict_strides=True)
LEARNERS = {
    "evolution": lambda seed: RegularisedEvolution(SPACE, seed, population_size=10, sample_size=4),
    "reinforce": lambda seed: Reinforce(SPACE, seed, batch_size=8, learning_rate=0.02),
    "ppo": lambda seed: PPO(SPACE, seed, batch_size=8, learning_rate=0.01),
    "enas": lambda seed: ENAS(SPACE, seed, batch_size=8, learning_rate=0.02),
    "nas": lambda seed: NAS(GROWING, seed, batch_size=8, learning_rate=0.02),
    "evolution in a space that grows": lambda seed: RegularisedEvolution(GROWING, seed, population_size=10),
    "ppo in a space that grows": lambda seed: PPO(GROWING, seed, batch_size=8, learning_rate=0.01),
}
ALL = {
    "random": lambda seed: algorithms.make("random", SPACE, seed),
    "random in a space that grows": lambda seed: algorithms.make("random", GROWING, seed),
    **LEARNERS,
}
every_algorithm = pytest.mark.parametrize("make", ALL.values(), ids=ALL)
every_learner = pytest.mark.parametrize("make", LEARNERS.values(), ids=LEARNERS)


def reward_of(choices):
    """A third of all children fail; otherwise the more last choices, the better."""
    return None if choices[2] == 0 else float(sum(choices)) + 0.01 * choices[0]


def search(algorithm, first, last, reward=reward_of):
    proposed = []
    for trial in range(first, last):
        proposed.append(algorithm.ask(trial))
        algorithm.tell(proposed[-1], reward(proposed[-1]))
    return proposed


def through_a_file(state):
    buffer = io.BytesIO()
    np.savez(buffer, **state)
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_all_names_are_under_contract():
    assert set(algorithms.names()) == {name for name in ALL if " " not in name}
    with pytest.raises(ValueError, match="must be one of random, evolution, reinforce, ppo, enas, nas, got 'bohb'"):
        algorithms.make("bohb", SPACE, 0)


@every_algorithm
def test_proposals_are_legal_and_depend_on_the_seed(make):
    proposed, space = search(make(0), 0, 30), make(0).space
    for trial, choices in enumerate(proposed):
        assert all(type(choice) is int for choice in choices) and space.encode(space.decode(choices)) == choices
        assert len(choices) == len(space.at(trial).decisions)
    assert proposed == search(make(0), 0, 30) != search(make(1), 0, 30)


@every_algorithm
def test_asking_changes_nothing(make):
    quiet, asked = make(0), make(0)
    search(quiet, 0, 20)
    for trial in range(20):
        ahead = [asked.ask(trial + i) for i in (3, 0, 7, 0)]
        assert ahead[1] == ahead[3]
        asked.tell(ahead[1], reward_of(ahead[1]))
    assert [asked.ask(t) for t in (25, 20, 22)] == [quiet.ask(t) for t in (25, 20, 22)]


@every_algorithm
def test_a_search_goes_on_from_its_state_or_from_its_results(make):
    whole = make(0)
    proposed = search(whole, 0, 60)
    for stop in (0, 8, 37):
        broken = make(0)
        search(broken, 0, stop)
        again = make(0)
        again.restore(through_a_file(broken.state()))
        search(broken, stop, stop + 3)  # what comes later does not reach the copy
        assert search(again, stop, 60) == proposed[stop:], "state"
    told_again = make(0)
    for choices in proposed[:37]:
        told_again.tell(choices, reward_of(choices))
    assert search(told_again, 37, 60) == proposed[37:], "results"
    for name, value in whole.state().items():
        np.testing.assert_array_equal(value, again.state()[name], err_msg=name)


@every_algorithm
def test_the_scale_of_rewards_changes_nothing(make):
    proposed = search(make(0), 0, 50)
    scaled = search(make(0), 0, 50, lambda choices: None if reward_of(choices) is None else 1e-6 * reward_of(choices))
    assert scaled == proposed


@every_algorithm
def test_other_states_are_refused(make):
    algorithm = make(0)
    search(algorithm, 0, 12)
    before = algorithm.ask(12)
    other_space = {
        "random": {"something": np.zeros(3)},
        "evolution": RegularisedEvolution(NASBench201Space(), 0).state(),
    }.get(next(name for name, value in ALL.items() if value is make).split()[0], PPO(NASBench201Space(), 0).state())
    for state in ({"nothing": np.zeros(1)}, other_space):
        with pytest.raises(ValueError, match="state|choices|shape"):
            algorithm.restore(state)
        assert algorithm.ask(12) == before


@every_algorithm
def test_children_that_all_fail_and_rewards_that_are_all_equal(make):
    for reward in (lambda choices: None, lambda choices: 0.1):
        algorithm = make(0)
        proposed = search(algorithm, 0, 40, reward)
        assert len(set(proposed)) > 30, "it goes on looking"


def test_a_batch_of_equal_rewards_does_not_stop_learning():
    """Differences from the baseline divided by a deviation of zero made Adam's steps vanish for good."""

    def moved(third_batch):
        """How far the weights move in ten updates, long after the third batch."""
        algorithm, generator = LEARNERS["reinforce"](0), np.random.default_rng(1)
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


@pytest.mark.parametrize("make", [LEARNERS[name] for name in ("evolution", "reinforce", "ppo")])
def test_learners_beat_random_search_avoid_failures_and_do_not_repeat(make):
    def late(algorithm):
        proposed = search(algorithm, 0, 160)
        rewards = [reward_of(choices) for choices in proposed[100:]]
        failed = sum(reward is None for reward in rewards)
        return np.mean([reward for reward in rewards if reward is not None]), failed, len(set(proposed))

    learnt = [late(make(seed)) for seed in range(3)]
    random = [late(ALL["random"](seed)) for seed in range(3)]
    assert np.mean([row[0] for row in learnt]) > np.mean([row[0] for row in random]) + 1.0
    assert np.mean([row[1] for row in learnt]) < np.mean([row[1] for row in random])
    assert min(row[2] for row in learnt) >= 158


@every_learner
def test_a_session_that_children_clear_changes_nothing(make):
    algorithm = make(0)
    proposed = []
    for trial in range(0, 30, 6):
        proposed += search(algorithm, trial, trial + 6)
        keras.backend.clear_session()
        keras.utils.set_random_seed(trial)
    assert proposed == search(make(0), 0, 30)


def test_the_policy_of_enas_learns_within_its_bounds():
    """Its squashed logits never let it be certain, so it is held to its own beginning."""
    gains = []
    for seed in range(3):
        proposed = search(LEARNERS["enas"](seed), 0, 240)
        first, last = (
            np.mean([reward for choices in some if (reward := reward_of(choices)) is not None])
            for some in (proposed[:60], proposed[180:])
        )
        gains.append(last - first)
    assert np.mean(gains) > 0.7


def test_a_supernet_is_drawn_from_the_policy():
    generator = np.random.default_rng(0)
    for name, make in ALL.items():
        algorithm = make(0)
        drawn = algorithm.draw(50, generator)
        assert drawn.shape == (50, len(algorithm.space.decisions)), name
        for row in drawn.tolist():
            algorithm.space.pick(row)
    trained = LEARNERS["ppo"](0)
    search(trained, 0, 160)
    rewards = [
        [reward_of(row) or 0.0 for row in one.draw(100, generator).tolist()] for one in (trained, ALL["random"](0))
    ]
    assert np.mean(rewards[0]) > np.mean(rewards[1]) + 1.0


def test_random_search_depends_on_seed_and_trial_only():
    space = CellSpace()
    first = [algorithms.make("random", space, 5).ask(i) for i in range(20)]
    algorithm = algorithms.make("random", space, 5)
    assert [algorithm.ask(i) for i in reversed(range(20))] == first[::-1]
    assert len(set(first)) == 20
    assert first != [algorithms.make("random", space, 6).ask(i) for i in range(20)]


def test_evolution_breeds_from_its_population_and_forgets_the_oldest():
    algorithm = RegularisedEvolution(NASBench201Space(), 0, population_size=3, sample_size=50)
    told = [(0,) * 6, (2,) * 6, (1,) * 6, (3,) * 6]
    for choices, reward in zip(told, (9.0, 2.0, None, 1.0), strict=True):
        algorithm.tell(choices, reward)
    for trial in range(4, 40):  # of the last three the second is best; the sample holds it almost surely
        assert sum(a != b for a, b in zip(algorithm.ask(trial), told[1], strict=True)) == 1
    with pytest.raises(ValueError, match="more than one genotype"):
        RegularisedEvolution(NASBench201Space(("none",)), 0)


def test_evolution_goes_past_a_neighbourhood_that_is_known():
    space = NASBench201Space(("none", "skip_connect"))
    algorithm = RegularisedEvolution(space, 0, population_size=5)
    proposed = search(algorithm, 0, 64, lambda choices: float(sum(choices)))
    assert len(set(proposed)) >= 56, "of 64; each cell has only six neighbours"
    assert search(algorithm, 64, 70, lambda choices: 1.0), "and then it goes on"

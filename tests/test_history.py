"""Algorithms that propose by all results: what they know of trials that are under way."""

import pytest

from nasnet_keras.search.algorithms.history import FromHistory
from nasnet_keras.search.equality import CHOICES
from nasnet_keras.search.spaces.pnas import PNASSpace

SPACE = PNASSpace(("identity", "max_pool_3x3"), num_blocks=1)


class Recorded(FromHistory):
    """Proposes a vector that follows from all that it is given, and notes what that was."""

    def __init__(self, space, seed):
        super().__init__(space, seed)
        self.calls = []

    def proposal(self, trial, known, earlier, taken):
        self.calls.append((trial, known, tuple(earlier), len(taken)))
        number = (7 * trial + 5 * known + 3 * sum(map(sum, earlier))) % 16
        return tuple(int(bit) for bit in f"{number:04b}")


def test_proposals_under_way_are_worked_out_with_as_many_results_missing():
    algorithm, told = Recorded(SPACE, 0), [(0, 0, 0, 0), (0, 1, 0, 1), (1, 0, 1, 0)]
    for choices in told:
        algorithm.tell(choices, 0.5)
    last = algorithm.ask(5)
    (*_, (trial, known, earlier, taken)) = algorithm.calls
    assert [call[:2] for call in algorithm.calls] == [(3, 1), (4, 2), (5, 3)]
    assert (trial, known, earlier[:3]) == (5, 3, tuple(told)) and algorithm.calls[1][2] == earlier[:4]
    assert taken == len({algorithm.key(choices) for choices in earlier}) < len(earlier), "one network is told twice"
    assert algorithm.ask(5) == last and len(algorithm.calls) == 3, "nothing is worked out twice"
    algorithm.tell(earlier[3], 0.5)
    algorithm.ask(6)
    assert [call[:2] for call in algorithm.calls[3:]] == [(6, 4)], "the others are known as they were proposed"


def test_a_proposal_that_was_never_made_is_forgotten():
    """Told other choices than were worked out, it proposes what a new object does."""
    first, second = Recorded(SPACE, 0), Recorded(SPACE, 0)
    first.ask(3)
    first.ask(4)
    for one in (first, second):
        for choices in ((1, 1, 1, 1), (1, 1, 0, 0)):
            one.tell(choices, None)
    assert [first.ask(trial) for trial in (2, 3, 4, 5)] == [second.ask(trial) for trial in (2, 3, 4, 5)]
    third = Recorded(SPACE, 0)
    third.restore(first.state())
    assert third.told == first.told and third.ask(5) == first.ask(5)


def test_networks_are_told_apart_as_the_study_began():
    algorithm = Recorded(SPACE, 0)
    algorithm.distinct_by = CHOICES
    for choices in ((0, 1, 0, 1), (1, 0, 1, 0)):
        algorithm.tell(choices, 0.5)
    assert algorithm.told == {*algorithm.choices} and len(algorithm.told) == 2


@pytest.mark.parametrize("rewards", [0, 2])
def test_states_that_contradict_themselves_are_refused(rewards):
    algorithm = Recorded(SPACE, 0)
    algorithm.tell((0, 0, 0, 0), 0.5)
    state = algorithm.state()
    with pytest.raises(ValueError, match="expected a state of Recorded, got choices, rewards"):
        algorithm.restore({**state, "rewards": state["rewards"].repeat(rewards)})
    assert algorithm.choices == [(0, 0, 0, 0)] and algorithm.rewards == [0.5]

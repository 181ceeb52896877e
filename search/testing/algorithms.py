"""The rules of algorithms."""

import io
import random
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.search.study.result import are_notes
from nasnet_keras.search.testing.contract import allowed, refused, require
from nasnet_keras.utils.checks import quoted

__all__ = ["check_algorithm", "check_proposal"]

_MORE = 10  # trials after those that are compared


def check_algorithm(make: Callable[[Space, int], Algorithm], space: Space, trials: int = 60) -> None:
    """Check the rules of an algorithm in a space.

    Args:
        make: a function of a space and a seed that returns a new object, such as the class itself.
        space: the space to search.
        trials: number of trials of the first search, with which others are compared.

    Raises:
        ContractError: a rule is broken.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> from nasnet_keras.search.algorithms.random import RandomSearch
        >>> check_algorithm(RandomSearch, CellSpace())
    """
    first = make(space, 0)
    require(isinstance(first, Algorithm), f"expected an Algorithm, got {quoted(first)}")
    require(first.space is space and first.seed == 0, "space and seed must be those that it was made with")
    _check_waiting(first, trials)
    expected = _searched(first, range(trials), _reward)
    _check_asking(make(space, 0), expected)
    _check_going_on(make, space, expected)
    _check_refused_state(make(space, 0))
    for reward in (lambda _: None, lambda _: 0.1, _scaled(1e-9), _scaled(-1e9)):
        _searched(make(space, 0), range(min(trials, 20)), reward)
    _check_drawing(make(space, 0))
    _check_notes(first, trials)


def _reward(choices: Choices) -> float | None:
    """About a third of all children fail."""
    return None if sum(choices) % 3 == 0 else float(sum(choices))


def _scaled(factor: float) -> Callable[[Choices], float | None]:
    return lambda choices: None if (reward := _reward(choices)) is None else factor * reward


def check_proposal(algorithm: Algorithm, trial: int = 0) -> Choices:
    """Check the proposal for one trial.

    Raises:
        ContractError: the proposal is not legal.
    """
    with allowed(f"ask({trial}) must propose"):
        choices = algorithm.ask(trial)
    ints = isinstance(choices, tuple) and all(type(choice) is int for choice in choices)
    require(ints, f"ask must return a tuple of ints, got {quoted(choices)}")
    with allowed(f"ask({trial}) must be legal in the space, got {choices}"):
        algorithm.space.at(trial).pick(choices)
    return choices


def _searched(algorithm: Algorithm, trials: Iterable[int], reward: Callable[[Choices], Any]) -> list[Choices]:
    """The proposals of an algorithm, one trial after another, all of them legal."""
    proposed = []
    for trial in trials:
        proposed.append(check_proposal(algorithm, trial))
        with allowed(f"tell must take the result of trial {trial}"):
            algorithm.tell(proposed[-1], reward(proposed[-1]))
    return proposed


def _check_waiting(algorithm: Algorithm, trials: int) -> None:
    least = algorithm.least_trials
    require(type(least) is int and least > 0, f"least_trials must be a positive int, got {quoted(least)}")
    for trial in range(trials):
        awaited = algorithm.awaits(trial)
        legal = type(awaited) is int and 0 <= awaited <= trial
        require(legal, f"awaits({trial}) must be a number of earlier trials, an int, got {quoted(awaited)}")


def _check_notes(algorithm: Algorithm, trial: int) -> None:
    before, notes = algorithm.ask(trial), algorithm.notes()
    require(are_notes(notes), f"notes must return tables by their titles, got {quoted(notes)}")
    require(algorithm.notes() == notes and algorithm.ask(trial) == before, "taking notes must change nothing")


def _check_asking(algorithm: Algorithm, expected: list[Choices]) -> None:
    for trial in range(len(expected) // 3):
        ahead = [algorithm.ask(trial + more) for more in (3, 0, 7, 0)]
        require(ahead[1] == ahead[3], f"asking must change nothing: ask({trial}) gave {ahead[1]}, then {ahead[3]}")
        require(
            ahead[1] == expected[trial],
            f"ask depends on the seed, the trial and the results only: ask({trial}) gave {expected[trial]}, and "
            f"{ahead[1]} in another object that was asked for other trials too",
        )
        algorithm.tell(ahead[1], _reward(ahead[1]))


def _check_going_on(make: Callable[[Space, int], Algorithm], space: Space, expected: list[Choices]) -> None:
    """Continue from a state, and from the results told again, with other global random numbers in between."""
    count = len(expected)
    told, states = make(space, 0), {}
    for trial, choices in enumerate(expected):
        if trial in (0, 8, count * 2 // 3):
            states[trial] = _copied(told.state())
        told.tell(choices, _reward(choices))
    last, more = told.state(), _searched(told, range(count, count + _MORE), _reward)
    again = make(space, 0)
    stateless = not any(states.values())
    for stop, state in {0: {}}.items() if stateless else states.items():
        _disturb(stop)
        with allowed("restore must take what state returned"):
            again.restore(state)
        found = _searched(again, range(stop, count), _reward)
        require(found == expected[stop:], f"restored after {stop} trials, it must propose what it did before")
    require(_equal(last, again.state()), "restored, it must have the same state after the same results")
    found = _searched(again, range(count, count + _MORE), _reward)
    require(found == more, "told all results again, it must propose what it did before")


def _copied(state: Any) -> dict[str, np.ndarray]:
    """A state through a file, as a checkpoint of a study has it."""
    arrays = isinstance(state, dict) and all(isinstance(value, (np.ndarray, np.generic)) for value in state.values())
    require(arrays, f"state must return arrays by name, got {quoted(state)}")
    buffer = io.BytesIO()
    with allowed("arrays of a state must be numbers"):
        np.savez(buffer, **state)
        buffer.seek(0)
        with np.load(buffer, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}


def _equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


def _disturb(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)


def _check_refused_state(algorithm: Algorithm) -> None:
    _searched(algorithm, range(12), _reward)
    before = algorithm.ask(12)
    with refused("restore of another state"):
        algorithm.restore({"nothing": np.zeros(1)})
    require(algorithm.ask(12) == before, "restore that raised must leave the algorithm as it was")


def _check_drawing(algorithm: Algorithm) -> None:
    space, before = algorithm.space, algorithm.ask(0)
    drawn = [algorithm.draw(5, np.random.default_rng(0)) for _ in range(2)]
    shape = (5, len(space.decisions))
    require(drawn[0].shape == shape, f"draw must give an array of shape {shape}, got {drawn[0].shape}")
    require(np.array_equal(*drawn), "draw must depend on the generator only")
    for row in drawn[0].tolist():
        with allowed(f"draw must give legal choices, got {row}"):
            space.pick(row)
    require(algorithm.ask(0) == before, "drawing must change nothing")

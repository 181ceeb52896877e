"""Bayesian optimization over features of networks."""

import functools
import itertools
import math
from collections.abc import Iterable, Iterator

import numpy as np

from nasnet_keras.search.algorithms.base import Algorithm, from_rows, grown, neighbours, to_rows
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.search.surrogates.acquisition import log_expected_improvement
from nasnet_keras.search.surrogates.features import Features
from nasnet_keras.search.surrogates.gaussian_process import GaussianProcess
from nasnet_keras.utils.checks import positive_integer
from nasnet_keras.utils.ranks import normal_scores

__all__ = ["BayesianOptimization"]

_PARENTS = 10  # best children, and then best candidates, that are mutated
_MUTATIONS = 20  # of each
_DRAWS = 300  # random candidates, of which a search sees others for each trial
_GROWTH = 1.2  # of the number of results between two fits of hyperparameters

_features = functools.lru_cache(maxsize=8)(Features)  # searches of one space share its rows


class BayesianOptimization(Algorithm):
    """Proposes the network of the largest expected improvement, as a Gaussian process of features predicts it.

    The first children are random. Afterwards the candidates for a trial are mutations of the best children, random
    networks, and mutations of the best of these candidates; none is proposed twice. Rewards become normal scores, so
    that children that failed or learnt nothing do not matter more than their rank. The improvement is over the best
    expected reward of a known network, not over the best reward, which is partly luck.

    **Children in parallel.** The search proposes all trials with equally many results missing. So the proposals that
    are under way follow from the results that are told and the trial's number. They count as if they had given what is
    expected of them, so that no other child is spent on what they will tell.

    Under a limit of costs all candidates are within it, as far as the space finds any.

    Args:
        space: the space to search.
        seed: seed of all random numbers.
        random_children: number of the first children, which are random.

    Raises:
        ValueError: the space has one genotype only, or the number is not a positive integer.

    Source: Mockus 1978 (expected improvement); Ginsbourger et al. 2010 (expected results of those under way); White et
    al. 2021 (arXiv 1910.11858; candidates by mutation). Ranks, features and kernel are this package's own.

    Example:
        >>> from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
        >>> algorithm = BayesianOptimization(NASBench201Space(), seed=0, random_children=5)
        >>> for trial in range(12):
        ...     choices = algorithm.ask(trial)
        ...     algorithm.tell(choices, reward=float(choices.count(3)))
        >>> choices.count(3) > 3
        True
    """

    def __init__(self, space: Space, seed: int, random_children: int = 10) -> None:
        super().__init__(space, seed)
        if space.size == 1:
            raise ValueError("Bayesian optimization needs a space of more than one genotype")
        self._random_children = positive_integer("random_children", random_children)
        self._choices: list[Choices] = []
        self._rewards: list[float] = []
        self._forget()

    def ask(self, trial: int) -> Choices:
        return self._proposal(trial, min(len(self._rewards), trial))

    def tell(self, choices: Choices, reward: float | None) -> None:
        self._choices.append(tuple(choices))
        self._rewards.append(-math.inf if reward is None else float(reward))

    def state(self) -> dict[str, np.ndarray]:
        choices = to_rows(self._choices, len(self.space.decisions))
        return {"choices": choices, "rewards": np.array(self._rewards, np.float64)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        if set(state) != {"choices", "rewards"} or len(state["choices"]) != len(state["rewards"]):
            raise ValueError(f"expected a state of Bayesian optimization, got {', '.join(state)}")
        choices = from_rows(state["choices"])
        for one in choices:
            self.space.pick(one)
        self._choices, self._rewards = choices, state["rewards"].tolist()
        self._forget()

    @functools.cached_property
    def _features(self) -> Features:
        try:
            return _features(self.space)
        except TypeError:  # a space of one's own that cannot be hashed
            return Features(self.space)

    def _forget(self) -> None:
        """Drop what only saves time: proposals by trial and number of known results, and hyperparameters."""
        self._proposed: dict[tuple[int, int], Choices] = {}
        self._fitted: dict[int, np.ndarray] = {}

    def _proposal(self, trial: int, known: int) -> Choices:
        """The proposal for a trial after the first `known` results."""
        if (trial, known) not in self._proposed:
            others = self._choices[:known] + [self._under_way(one, trial - known) for one in range(known, trial)]
            self._proposed[trial, known] = self._found(trial, known, others)
        return self._proposed[trial, known]

    def _under_way(self, trial: int, missing: int) -> Choices:
        """What was proposed for an earlier trial, with as many results missing."""
        return self._choices[trial] if trial < len(self._choices) else self._proposal(trial, max(0, trial - missing))

    def _found(self, trial: int, known: int, others: list[Choices]) -> Choices:
        """The proposal, given the choices of all earlier trials, told or not."""
        space, generator, taken = self.space.at(trial), self.generator(trial), set(others)
        draws = (space.sample(generator) for _ in range(_DRAWS))
        if trial < self._random_children or not known:
            return space.likeliest(_new(draws, taken))
        process = self._process(known, others)
        best = max(process.predict(self._features.rows(others)).mean)
        order = np.argsort(self._rewards[:known], kind="stable")[::-1][:_PARENTS]
        parents = [others[number] for number in order]
        found: dict[Choices, float] = {}
        for more in (draws, ()):
            mutations = itertools.chain.from_iterable(_mutations(space, one, generator) for one in parents)
            candidates = dict.fromkeys(itertools.chain(mutations, more))
            new = [one for one in candidates if one not in taken and one not in found and space.fits(one)]
            if new:
                predicted = process.predict(self._features.rows(new))
                found.update(zip(new, log_expected_improvement(predicted, best).tolist(), strict=True))
            parents = sorted(found, key=found.get, reverse=True)[:_PARENTS]
        return parents[0] if parents else next(_new(neighbours(space, space.sample(generator), generator), taken))

    def _process(self, known: int, others: list[Choices]) -> GaussianProcess:
        """What is known: the first results, and of those under way what is expected of them."""
        process = GaussianProcess(self._features.groups)
        process.hyperparameters = self._hyperparameters(known)
        rows, scores = self._features.rows(others), normal_scores(self._rewards[:known])
        process.condition(rows[:known], scores)
        if known < len(others):
            process.condition(rows, np.append(scores, process.predict(rows[known:]).mean))
        return process

    def _hyperparameters(self, known: int) -> np.ndarray:
        """Those of the last fit: there is one after the first results, and again after each fifth more."""
        count = 1
        while max(count + 1, int(_GROWTH * count)) <= known:
            count = max(count + 1, int(_GROWTH * count))
        if count not in self._fitted:
            rows = self._features.rows(self._choices[:count])
            process = GaussianProcess(self._features.groups).fit(rows, normal_scores(self._rewards[:count]))
            self._fitted[count] = process.hyperparameters
        return self._fitted[count]


def _mutations(space: Space, choices: Choices, generator: np.random.Generator) -> Iterator[Choices]:
    choices = grown(space, choices, generator)
    return (space.mutate(choices, generator) for _ in range(_MUTATIONS))


def _new(candidates: Iterable[Choices], taken: set[Choices]) -> Iterator[Choices]:
    """The candidates that are not taken; the last one alone if all are."""
    candidate, found = None, False
    for candidate in candidates:
        if candidate not in taken:
            found = True
            yield candidate
    if not found and candidate is not None:
        yield candidate

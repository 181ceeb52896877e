"""Bayesian optimization over features of networks."""

import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nasnet_keras.search.algorithms.base import Key, grown, neighbours
from nasnet_keras.search.algorithms.history import FromHistory
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.search.surrogates.acquisition import log_expected_improvement
from nasnet_keras.search.surrogates.features import Features
from nasnet_keras.search.surrogates.gaussian_process import GaussianProcess
from nasnet_keras.search.surrogates.prior import CoregionalizedProcess, Prior
from nasnet_keras.utils.checks import positive_integer
from nasnet_keras.utils.ranks import normal_scores, spearman

__all__ = ["BayesianOptimization"]

_PARENTS = 10  # best children, and then best candidates, that are mutated
_MUTATIONS = 20  # of each
_DRAWS = 100  # random candidates, of which a search sees others for each trial
_EXPLORED, _EVERY = 6, 3  # with a prior: the first children, of which every third is random
_TELLING = 3  # results that can say how far a prior holds: their level and their scale are learnt, too
_MOST, _WAITING = 1024, 256  # results, and the last children under way, that a process learns: its time is their cube
_DIGITS = 6  # of the figures in a report
_GROWTH = 1.2  # of the number of results between two fits of hyperparameters

Process = GaussianProcess | CoregionalizedProcess

_features = functools.lru_cache(maxsize=8)(Features)  # searches of one space share its rows


class BayesianOptimization(FromHistory):
    """Proposes the network of the largest expected improvement, as a Gaussian process of features predicts it.

    The first children are random. Afterwards the candidates for a trial are mutations of the best children, random
    networks, and mutations of the best of these candidates; no network is proposed twice. Rewards become normal scores,
    so that children that failed or learnt nothing do not matter more than their rank. The improvement is over the known
    network of the best expected reward, not over the best reward, which is partly luck. A network with the features of
    a known one is none, and is proposed when there are no others.

    Children that are on their way count as if they had given what is expected of them, so that no other child is spent
    on what they will tell.

    Of more than 1,024 results so many are learnt: the best ones, and as many that are evenly spread over the others. Of
    the children on their way the last 256 count.

    Under a limit of costs all candidates are within it, as far as the space finds any.

    **With a prior**, which knows rewards of other networks, the first children are those of which it expects most, and
    the third and the sixth are random, so that the results tell how far it is to be believed; see
    `CoregionalizedProcess`. Until three results are known the expected reward is all that counts.

    Args:
        space: the space to search.
        seed: seed of all random numbers.
        random_children: number of the first children, which are random without a prior.
        prior: what is known of other networks; None for nothing.

    Raises:
        ValueError: the space has one genotype only, the number is not a positive integer, or the networks of the prior
            have nothing in common with those of the space.

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

    def __init__(self, space: Space, seed: int, random_children: int = 10, prior: Prior | None = None) -> None:
        super().__init__(space, seed)
        if space.size == 1:
            raise ValueError("Bayesian optimization needs a space of more than one genotype")
        self._random_children = positive_integer("random_children", random_children)
        self._fitted: dict[int, np.ndarray] = {}  # hyperparameters by number of results
        self._prior = None if prior is None else prior.most()
        if prior is not None:
            self._check_prior()

    def facts(self) -> dict[str, Any]:
        return {} if self._prior is None else {"prior_crc32": self._prior.digest}

    def notes(self) -> dict[str, list[dict[str, Any]]]:
        if self._prior is None or not self.choices:
            return {}
        process, rows = self._process(len(self.choices), self.choices), self._features.rows(self.choices)
        figures = {
            "Rank correlation of what it expected and the rewards": spearman(process.expected(rows), self.rewards),
            "Correlation that was learnt": process.correlation,
            "Probability that it says nothing": process.unrelated,
        }
        # The last digits of a product of matrices depend on where in memory they lie.
        rounded = {name: value and round(value, _DIGITS) for name, value in figures.items()}
        worth = {"Prior": self._prior.name, "Networks it knows": len(self._prior.networks), **rounded}
        return {"What the prior was worth": [worth]}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        super().restore(state)
        self._fitted.clear()

    def proposal(self, trial: int, known: int, earlier: list[Choices], taken: set[Key]) -> Choices:
        space, generator = self.space.at(trial), self.generator(trial)
        draws = (space.sample(generator) for _ in range(_DRAWS))
        if self._is_random(trial, known):
            return space.likeliest(self.key.new(draws, taken))
        process = self._process(known, earlier)
        seen = set(self._features.marks(earlier))
        greedy = self._prior is not None and known < _TELLING
        order = np.argsort(self.rewards[:known], kind="stable")[::-1][:_PARENTS]
        parents, worth = [earlier[number] for number in order], {}
        for more in (draws, ()):
            mutations = itertools.chain.from_iterable(_mutations(space, one, generator) for one in parents)
            new = self._fitting(space, itertools.chain(mutations, more), taken)
            worth |= self._worth(process, list(new.values()), seen, greedy)
            taken = taken.union(new)
            parents = sorted(worth, key=worth.get, reverse=True)[:_PARENTS]
        return parents[0] if parents else next(self.key.new(_far(space, generator), taken))

    def _is_random(self, trial: int, known: int) -> bool:
        """Whether a trial is drawn at random."""
        if self._prior is None:
            return trial < self._random_children or not known
        return trial < _EXPLORED and trial % _EVERY == _EVERY - 1

    def _fitting(self, space: Space, candidates: Iterable[Choices], taken: set[Key]) -> dict[Key, Choices]:
        """The candidates that may be proposed, one of each network that is not taken, by their keys."""
        fitting = {self.key(one): one for one in dict.fromkeys(candidates) if space.fits(one)}
        return {key: one for key, one in fitting.items() if key not in taken}

    def _worth(
        self, process: Process, candidates: list[Choices], seen: set[bytes], greedy: bool
    ) -> dict[Choices, float]:
        """The logarithms of the expected improvements; -infinity for networks whose rows of features were seen.

        If greedy, they are the expected rewards instead.
        """
        rows = self._features.rows(candidates)
        gains = process.gains(rows)
        worth = gains.mean if greedy else log_expected_improvement(gains, best=0.0)
        unseen = [mark not in seen for mark in self._features.marks(candidates)]
        return dict(zip(candidates, np.where(unseen, worth, -np.inf).tolist(), strict=True))

    def _check_prior(self) -> None:
        try:
            _ = self._features
        except ValueError as error:
            raise ValueError(f"prior={self._prior.name!r} cannot tell anything of this space: {error}") from None

    @functools.cached_property
    def _features(self) -> Features:
        if self._prior is not None:
            return Features(self.space, self._prior.networks)
        try:
            hash(self.space)
        except TypeError:  # a space of one's own
            return Features(self.space)
        return _features(self.space)

    @functools.cached_property
    def _informed(self) -> CoregionalizedProcess:
        return CoregionalizedProcess(self._features.groups, self._features.other_rows, self._prior.rewards)

    def _process(self, known: int, earlier: list[Choices]) -> Process:
        """What is known: the first results, and of those under way what is expected of them."""
        process = GaussianProcess(self._features.groups) if self._prior is None else self._informed
        if known and (fitted := _last_fit(known)) not in self._fitted:
            process.fit(*self._learnt(fitted))
            self._fitted[fitted] = process.hyperparameters
        if known:
            process.hyperparameters = self._fitted[_last_fit(known)]
        process.condition(*self._learnt(known))
        if waiting := earlier[known:][-_WAITING:]:
            process.expecting(self._features.rows(waiting))
        return process

    def _learnt(self, known: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows and the scores of the results that a process learns of the first ones."""
        scores = normal_scores(self.rewards[:known])
        kept = _kept(scores)
        return self._features.rows(self.choices[number] for number in kept), scores[kept]


def _kept(scores: np.ndarray) -> np.ndarray:
    """The numbers of the results that a process learns: of many the best, and others that are evenly spread."""
    if len(scores) <= _MOST:
        return np.arange(len(scores))
    order = np.argsort(-scores, kind="stable")
    best, others = np.split(order, [_MOST // 2])
    spread = others[np.linspace(0, len(others) - 1, _MOST - len(best)).astype(int)]
    return np.sort(np.concatenate([best, spread]))


def _last_fit(known: int) -> int:
    """The number of results that hyperparameters are fitted to: the first one, and again after each fifth more."""
    count = 1
    while (more := max(count + 1, int(_GROWTH * count))) <= known:
        count = more
    return count


def _far(space: Space, generator: np.random.Generator) -> Iterator[Choices]:
    """Networks at random, further and further from a draw."""
    return neighbours(space, space.sample(generator), generator)


def _mutations(space: Space, choices: Choices, generator: np.random.Generator) -> Iterator[Choices]:
    choices = grown(space, choices, generator)
    return (space.mutate(choices, generator) for _ in range(_MUTATIONS))

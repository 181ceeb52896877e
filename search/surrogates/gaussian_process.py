"""A Gaussian process over groups of features."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from nasnet_keras.search.surrogates.base import Prediction, Surrogate, checked_rewards, checked_rows

__all__ = ["GaussianProcess"]

_NOISE, _LINEAR = 0.3, 0.7  # beforehand: deviations of the noise and of the linear part, relative to the smooth part
_STEP, _ROUNDS = 0.8, 2  # of the search for hyperparameters, in their logarithms; the second round's steps are half
_FARTHEST = 3.0  # logarithm of the factor by which a hyperparameter may differ from what is expected beforehand
_MOST = 256  # networks by which hyperparameters are judged; the time of one judgement grows with the cube
_JITTER = 1e-5  # of the variance, for a positive definite matrix
_SURE = 0.5  # networks that say beforehand that the variance is that of the rewards


class _Known(NamedTuple):
    """The networks that were judged.

    Attributes:
        rows: their features, scaled by groups.
        rewards: their rewards, standardised.
        squared, products: squared distances by groups, and inner products, of each with each.
    """

    rows: np.ndarray
    rewards: np.ndarray
    squared: np.ndarray
    products: np.ndarray


class _Posterior(NamedTuple):
    """What follows from the networks that were judged and hyperparameters.

    Attributes:
        whitener: inverse of the Cholesky factor of the rewards' covariance.
        residuals: the rewards less the mean, whitened.
        mean: of the process.
        variance: the factor of all covariances.
        likelihood: logarithm of the marginal likelihood, up to a constant.
    """

    whitener: np.ndarray
    residuals: np.ndarray
    mean: float
    variance: float
    likelihood: float


class GaussianProcess(Surrogate):
    """A Gaussian process whose covariance is a Matérn function of distances by groups of features, and a linear part.

    The covariance of two networks is, up to a factor, `matern_3/2(r) + b² x·x'`, where `r² = Σ_g |x_g - x'_g|² / l_g²`
    runs over groups of columns, each divided by the root of its number of columns. So a group of many features counts
    no more than one of few, unless its lengthscale says so. The linear part carries trends, such as that larger
    networks are better, to where no network is known. Lengthscales, `b` and the noise are those of the largest marginal
    likelihood times a log-normal prior of factor e; the mean and the factor of the covariance follow from them.

    Rewards should have few outliers: give normal scores, or the like, where some networks learn nothing.

    Args:
        groups: numbers of columns of the groups, which stand one after another.

    Raises:
        ValueError: there is no group, or a number is not positive.

    Attributes:
        hyperparameters: logarithms of the lengthscales, of the noise's deviation and of `b`; as expected beforehand
            until a fit.

    Source: Rasmussen and Williams 2006, sections 2.2, 2.7, 4.2 and 5.4.

    Example:
        >>> rows = np.linspace(-1, 1, 9)[:, None]
        >>> process = GaussianProcess(groups=(1,)).fit(rows, np.sin(3 * rows[:, 0]))
        >>> near, far = (process.predict([[at]]) for at in (0.6, 5.0))
        >>> bool(abs(near.mean[0] - np.sin(1.8)) < 0.05), bool(near.deviation[0] < 0.2 < far.deviation[0])
        (True, True)
    """

    def __init__(self, groups: Sequence[int]) -> None:
        self._groups = tuple(int(count) for count in groups)
        if not self._groups or min(self._groups) < 1:
            raise ValueError(f"expected groups of at least one column each, got {groups!r}")
        self._ends = np.cumsum(self._groups)
        length = 0.5 * math.log(len(self._groups))  # for which random networks are about as far apart for any number
        self._expected = np.array([*[length] * len(self._groups), math.log(_NOISE), math.log(_LINEAR)])
        self.hyperparameters = self._expected
        self._known: _Known | None = None

    def fit(self, rows: np.ndarray, rewards: np.ndarray) -> Self:
        rows, rewards = self._checked(rows, rewards)
        kept = np.arange(len(rows))
        if len(rows) > _MOST:  # evenly spread over the rewards
            kept = np.argsort(rewards, kind="stable")[np.linspace(0, len(rows) - 1, _MOST).astype(int)]
        self.hyperparameters = self._likeliest(self._compared(rows[kept], rewards[kept]))
        return self.condition(rows, rewards)

    def condition(self, rows: np.ndarray, rewards: np.ndarray) -> Self:
        """Learn from networks as `fit` does, but keep the hyperparameters, which takes a small part of the time."""
        rows, rewards = self._checked(rows, rewards)
        self._center, self._scale = rewards.mean(), rewards.std() or 1.0
        self._known = self._compared(rows, rewards)
        self._posterior = self._learnt(self._known, self.hyperparameters)
        return self

    def predict(self, rows: np.ndarray) -> Prediction:
        if self._known is None:
            raise ValueError("a Gaussian process must be fitted before it predicts")
        rows, posterior = self._by_groups(checked_rows(rows, sum(self._groups))), self._posterior
        squared, products = self._squared(rows, self._known.rows), rows @ self._known.rows.T
        whitened = self._covariance(squared, products, self.hyperparameters) @ posterior.whitener.T
        own = 1 + self._slope(self.hyperparameters) * (rows * rows).sum(axis=1)
        variance = posterior.variance * np.maximum(own - (whitened * whitened).sum(axis=1), 0)
        mean = posterior.mean + whitened @ posterior.residuals
        return Prediction(self._center + self._scale * mean, self._scale * np.sqrt(variance))

    def _checked(self, rows: np.ndarray, rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = checked_rows(rows, sum(self._groups))
        return rows, checked_rewards(rewards, len(rows))

    def _by_groups(self, rows: np.ndarray) -> np.ndarray:
        return rows / np.sqrt(np.repeat(self._groups, self._groups))

    def _compared(self, rows: np.ndarray, rewards: np.ndarray) -> _Known:
        rows, centered = self._by_groups(rows), rewards - rewards.mean()
        return _Known(rows, centered / (rewards.std() or 1.0), self._squared(rows, rows), rows @ rows.T)

    def _squared(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Squared distances by groups, of shape (groups, rows, others)."""
        ends = np.cumsum(self._groups)[:-1]
        pairs = zip(np.split(rows, ends, axis=1), np.split(others, ends, axis=1), strict=True)
        squares = [(a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T for a, b in pairs]
        return np.maximum(squares, 0)

    def _slope(self, hyperparameters: np.ndarray) -> float:
        return math.exp(2 * hyperparameters[-1]) / len(self._groups)

    def _covariance(self, squared: np.ndarray, products: np.ndarray, hyperparameters: np.ndarray) -> np.ndarray:
        distances = np.sqrt(3 * np.tensordot(np.exp(-2 * hyperparameters[:-2]), squared, axes=1))
        return (1 + distances) * np.exp(-distances) + self._slope(hyperparameters) * products

    def _learnt(self, known: _Known, hyperparameters: np.ndarray) -> _Posterior:
        """The posterior with the mean and the variance of the largest likelihood."""
        count = len(known.rewards)
        noise = math.exp(2 * hyperparameters[-2]) + _JITTER
        covariance = self._covariance(known.squared, known.products, hyperparameters) + noise * np.eye(count)
        factor = np.linalg.cholesky(covariance)
        whitener = np.linalg.inv(factor)
        rewards, ones = whitener @ known.rewards, whitener.sum(axis=1)
        mean = float(rewards @ ones / (ones @ ones))
        residuals = rewards - mean * ones
        variance = float((residuals @ residuals + _SURE) / (count + _SURE))
        likelihood = -0.5 * count * math.log(variance) - np.log(np.diag(factor)).sum()
        return _Posterior(whitener, residuals, mean, variance, float(likelihood))

    def _likeliest(self, known: _Known) -> np.ndarray:
        """Search the likeliest hyperparameters: along each in turn, as far as it gets better, then in half steps."""

        def goodness(one: np.ndarray) -> float:
            away = one - self._expected
            if np.abs(away).max() > _FARTHEST:
                return -math.inf
            return self._learnt(known, one).likelihood - 0.5 * float(away @ away)

        best = self._expected
        reached = goodness(best)
        for scale in range(_ROUNDS):
            for index, sign in itertools.product(range(len(best)), (1, -1)):
                step = np.zeros(len(best))
                step[index] = sign * _STEP / 2**scale
                while (found := goodness(best + step)) > reached:
                    best, reached = best + step, found
        return best

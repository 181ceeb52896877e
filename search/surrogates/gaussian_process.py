"""A Gaussian process over groups of features."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

from nasnet_keras.search.surrogates.base import Prediction, Surrogate, checked_rewards, checked_rows
from nasnet_keras.search.surrogates.kernel import Kernel, matern, squared_distances, squared_lengths

__all__ = ["GaussianProcess"]

_NOISE, _LINEAR = 0.3, 0.7  # beforehand: deviations of the noise and of the linear part, relative to the smooth part
_STEP, _ROUNDS = 0.8, 2  # of the search for hyperparameters, in their logarithms; the second round's steps are half
_FARTHEST = 3.0  # logarithm of the factor by which a hyperparameter may differ from what is expected beforehand
_MOST = 256  # networks by which hyperparameters are judged; the time of one judgement grows with the cube
_JITTER = 1e-5  # of the variance, for a positive definite matrix
_SURE = 0.5  # networks that say beforehand that the variance is that of the rewards


class _Likely(NamedTuple):
    """What hyperparameters say of rewards.

    Attributes:
        factor: the Cholesky factor of the rewards' covariance, up to `variance`.
        residuals: the rewards less the mean, whitened by the factor.
        mean: of the process.
        variance: the factor of all covariances.
        likelihood: logarithm of the marginal likelihood, up to a constant.
    """

    factor: np.ndarray
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
        length = 0.5 * math.log(len(self._groups))  # for which random networks are about as far apart for any number
        self._expected = np.array([*[length] * len(self._groups), math.log(_NOISE), math.log(_LINEAR)])
        self.hyperparameters = self._expected
        self._rows: np.ndarray | None = None

    def fit(self, rows: np.ndarray, rewards: np.ndarray) -> Self:
        rows, rewards = self._checked(rows, rewards)
        kept = np.arange(len(rows))
        if len(rows) > _MOST:  # evenly spread over the rewards
            kept = np.argsort(rewards, kind="stable")[np.linspace(0, len(rows) - 1, _MOST).astype(int)]
        self.hyperparameters = self._likeliest(rows[kept], _standard(rewards[kept]))
        return self.condition(rows, rewards)

    def condition(self, rows: np.ndarray, rewards: np.ndarray) -> Self:
        """Learn from networks as `fit` does, but keep the hyperparameters, which takes a small part of the time."""
        rows, rewards = self._checked(rows, rewards)
        self._center, self._scale = rewards.mean(), rewards.std() or 1.0
        self._kernel = Kernel(self._groups, self.hyperparameters)
        self._rows = self._kernel.scaled(rows)
        covariance, standard = self._kernel.covariance(self._rows, self._rows), _standard(rewards)
        likely = self._likely(covariance, standard, self.hyperparameters)
        self._whitener = np.linalg.inv(likely.factor)
        self._mean, self._variance = likely.mean, likely.variance
        self._weights = self._whitener.T @ likely.residuals
        self._fitted = standard - self._noise(self.hyperparameters) * self._weights
        return self

    def expecting(self, rows: np.ndarray) -> Self:
        """Take networks that are being judged as if they gave what is expected of them: deviations alone change."""
        rows, covariance = self._related(rows)
        self._fitted = np.append(self._fitted, self._mean + covariance @ self._weights)
        self._whitener = self._extended(covariance, self._kernel.covariance(rows, rows))
        self._rows = np.vstack([self._rows, rows])
        self._weights = np.append(self._weights, np.zeros(len(rows)))
        return self

    def _extended(self, across: np.ndarray, among: np.ndarray) -> np.ndarray:
        """The whitener with more rows, by blocks: their covariances with those before, and among themselves."""
        among.flat[:: len(among) + 1] += self._noise(self.hyperparameters)
        whitened = across @ self._whitener.T
        corner = np.linalg.inv(np.linalg.cholesky(among - whitened @ whitened.T))
        above = np.zeros((len(self._whitener), len(corner)))
        return np.block([[self._whitener, above], [-corner @ whitened @ self._whitener, corner]])

    def predict(self, rows: np.ndarray) -> Prediction:
        rows, covariance = self._related(rows)
        return self._prediction(self._center + self._scale * self._mean, covariance, self._kernel.variance(rows))

    def gains(self, rows: np.ndarray) -> Prediction:
        """Predict by how much networks are better than the one of the largest fitted value.

        What is not known of that one is not known of similar networks either, and is no difference between them. So
        the gain of a network with the same features is surely 0.
        """
        rows, covariance = self._related(rows)
        best = int(np.argmax(self._fitted))
        known = self._rows[best : best + 1]
        variances = self._kernel.variance(rows) + self._kernel.variance(known) - 2 * covariance[:, best]
        return self._prediction(0.0, covariance - self._kernel.covariance(known, self._rows), variances)

    def _related(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows scaled by groups, and the covariances of their networks with those that were learnt."""
        if self._rows is None:
            raise ValueError("a Gaussian process must be fitted before it predicts")
        rows = self._kernel.scaled(checked_rows(rows, sum(self._groups)))
        return rows, self._kernel.covariance(rows, self._rows)

    def _prediction(self, offset: float, covariance: np.ndarray, variances: np.ndarray) -> Prediction:
        """The posterior of what has these covariances with the networks that were learnt, and these prior variances."""
        left = variances - squared_lengths(covariance @ self._whitener.T)
        deviation = np.sqrt(self._variance * np.maximum(left, 0))
        return Prediction(offset + self._scale * (covariance @ self._weights), self._scale * deviation)

    def _checked(self, rows: np.ndarray, rewards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rows = checked_rows(rows, sum(self._groups))
        return rows, checked_rewards(rewards, len(rows))

    def _noise(self, hyperparameters: np.ndarray) -> float:
        return math.exp(2 * hyperparameters[-2]) + _JITTER

    def _likely(self, covariance: np.ndarray, rewards: np.ndarray, hyperparameters: np.ndarray) -> _Likely:
        """The mean and the variance of the largest likelihood, for a covariance without noise, which is changed."""
        count = len(rewards)
        covariance.flat[:: count + 1] += self._noise(hyperparameters)
        factor = np.linalg.cholesky(covariance)
        whitened, ones = np.linalg.solve(factor, np.stack([rewards, np.ones(count)], axis=1)).T
        mean = float(whitened @ ones / (ones @ ones))
        residuals = whitened - mean * ones
        variance = float((residuals @ residuals + _SURE) / (count + _SURE))
        likelihood = -0.5 * count * math.log(variance) - np.log(np.diag(factor)).sum()
        return _Likely(factor, residuals, mean, variance, float(likelihood))

    def _likeliest(self, rows: np.ndarray, rewards: np.ndarray) -> np.ndarray:
        """Search the likeliest hyperparameters: along each in turn, as far as it gets better, then in half steps."""
        rows = Kernel(self._groups, self._expected).scaled(rows)
        parts = np.split(rows, np.cumsum(self._groups)[:-1], axis=1)
        squared, products = np.stack([squared_distances(one, one) for one in parts]), rows @ rows.T

        def goodness(one: np.ndarray) -> float:
            away = one - self._expected
            if np.abs(away).max() > _FARTHEST:
                return -math.inf
            smooth = matern(np.tensordot(np.exp(-2 * one[:-2]), squared, axes=1))
            slope = math.exp(2 * one[-1]) / len(self._groups)
            likely = self._likely(smooth + slope * products, rewards, one)
            return likely.likelihood - 0.5 * float(away @ away)

        best = self._expected
        reached = goodness(best)
        for scale in range(_ROUNDS):
            for index, sign in itertools.product(range(len(best)), (1, -1)):
                step = np.zeros(len(best))
                step[index] = sign * _STEP / 2**scale
                while (found := goodness(best + step)) > reached:
                    best, reached = best + step, found
        return best


def _standard(rewards: np.ndarray) -> np.ndarray:
    """Rewards with the mean 0 and the deviation 1."""
    return (rewards - rewards.mean()) / (rewards.std() or 1.0)

"""A prior: rewards of other networks, of which it is learnt how far they tell those of one's own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from nasnet_keras.search.surrogates.base import Prediction, Surrogate, checked_rewards, checked_rows
from nasnet_keras.search.surrogates.gaussian_process import GaussianProcess
from nasnet_keras.search.surrogates.kernel import Kernel, squared_lengths
from nasnet_keras.utils.ranks import normal_scores

__all__ = ["CoregionalizedProcess", "Prior"]

_CORRELATIONS = {0.0: 0.10, 0.3: 0.16, 0.5: 0.16, 0.7: 0.16, 0.85: 0.16, 0.95: 0.16, -0.4: 0.05, -0.8: 0.05}
_APART = 0.15  # beforehand, beside the chances above: that not even the lengthscales are like those of the prior
_NOISES = (0.3, 0.6, 1.2)  # deviations of the noise, relative to the smooth part
_SURE = 0.5  # networks that say beforehand that the variance is that of the rewards
_JITTER = 1e-5
_MOST = 1024  # networks of a prior that are learnt


@dataclass(frozen=True)
class Prior:
    """What is known of other networks.

    Attributes:
        name: as the user calls it.
        networks: their genotypes, of any kind, or strings of a benchmark.
        rewards: their rewards, in any scale.
        digest: identifies networks and rewards.
    """

    name: str
    networks: tuple[Any, ...]
    rewards: tuple[float, ...]
    digest: str

    def most(self) -> "Prior":
        """The part that a process learns: of many networks some that are evenly spread over the rewards."""
        if len(self.networks) <= _MOST:
            return self
        order = np.argsort(self.rewards, kind="stable")
        kept = sorted(order[np.linspace(0, len(order) - 1, _MOST).astype(int)])
        chosen = (tuple(values[one] for one in kept) for values in (self.networks, self.rewards))
        return Prior(self.name, *chosen, self.digest)


class _Belief(NamedTuple):
    """One way in which the own rewards may follow from those of the prior, and what the own results then say.

    Attributes:
        correlation: of the own rewards with those of the prior, without noise.
        kernel: the covariance of either, up to a factor.
        whitener: inverse of the Cholesky factor of the own rewards' covariance.
        residuals: the own rewards less what is expected of them, whitened.
        mean, scale: the level and the deviation of the own rewards.
        noise: the deviation of their noise, relative to the smooth part.
        likelihood: logarithm of the marginal likelihood, up to a constant.
    """

    correlation: float
    kernel: Kernel
    whitener: np.ndarray
    residuals: np.ndarray
    mean: float
    scale: float
    noise: float
    likelihood: float


class _Rows(NamedTuple):
    """Networks as the prior sees them: features, expected rewards, and the share of their covariance that it explains.

    The covariance of two networks that is left when the prior is known is `k(x, x') - seen · seen'`. Each is an array
    of two dimensions, with a row for each network.
    """

    features: np.ndarray
    expected: np.ndarray
    seen: np.ndarray


class CoregionalizedProcess(Surrogate):
    """A Gaussian process of own rewards that are correlated with those of a prior, by a correlation that is learnt.

    The rewards of the prior are `f(x)`, a Gaussian process that is fitted once. The own ones are
    `c + a (ρ f(x) + √(1 - ρ²) g(x))`, where `g` is another process with the covariance of `f`, so that a pair of
    networks has the covariance matrix `[[1, ρ], [ρ, 1]]` between the two tasks (the intrinsic coregionalization
    model). The level `c` and the scale `a` are those of the largest likelihood. Of the correlation and of the own
    noise some values are tried, and predictions are the mean over all by their marginal likelihood and a distribution
    beforehand, in which a prior is likely to help, may say nothing (ρ = 0), and once in ten times misleads (ρ < 0).
    One more candidate is a `GaussianProcess` of the own rewards alone, with lengthscales of its own.

    Before any own result the predictions are those of the prior.

    Args:
        groups: numbers of columns of the groups of features.
        rows: features of the networks of the prior.
        rewards: their rewards, of which only the ranks matter.

    Attributes:
        hyperparameters: those of the process of the own rewards alone.

    Source: Bonilla et al. 2007 (multi-task Gaussian processes); Kennedy and O'Hagan 2000 (the same, one task after the
    other).

    Example:
        >>> rows = np.linspace(-1, 1, 21)[:, None]
        >>> process = CoregionalizedProcess((1,), rows, np.sin(3 * rows[:, 0]))
        >>> own = rows[[4, 8, 12, 16, 20]]
        >>> alike, other = (process.fit(own, 5 + sign * np.sin(3 * own[:, 0])).correlation for sign in (1, -1))
        >>> bool(alike > 0.5), bool(other < 0)
        (True, True)
    """

    def __init__(self, groups: Sequence[int], rows: np.ndarray, rewards: np.ndarray) -> None:
        self._alone = GaussianProcess(groups)
        self._groups = tuple(groups)
        scores = normal_scores(rewards)
        fitted = GaussianProcess(groups).fit(rows, scores).hyperparameters
        self._kernel = Kernel(self._groups, fitted)
        self._others = self._kernel.scaled(checked_rows(rows, sum(self._groups)))
        covariance = self._kernel.covariance(self._others, self._others)
        self._whitener = _whitener(covariance, math.exp(fitted[-2]))
        whitened = self._whitener @ (scores - scores.mean())
        self._residuals = whitened / (math.sqrt(float(whitened @ whitened) / len(scores)) or 1.0)
        self._forget()

    @property
    def hyperparameters(self) -> np.ndarray:
        return self._alone.hyperparameters

    @hyperparameters.setter
    def hyperparameters(self, values: np.ndarray) -> None:
        self._alone.hyperparameters = values

    @property
    def correlation(self) -> float:
        """The expected correlation of the own rewards with those of the prior, as far as own results tell."""
        return float(self._weights @ [belief.correlation for belief in self._beliefs])

    @property
    def unrelated(self) -> float:
        """The probability that the prior says nothing of the own rewards."""
        return float(self._weights @ [belief.correlation == 0 for belief in self._beliefs])

    def expected(self, rows: np.ndarray) -> np.ndarray:
        """What the prior alone expects of networks: normal scores, shrunk by what is not known of them."""
        return self._seen(rows).expected[:, 0]

    def fit(self, rows: np.ndarray, rewards: np.ndarray) -> Self:
        self._alone.fit(rows, rewards)
        return self.condition(rows, rewards)

    def condition(self, rows: np.ndarray, rewards: np.ndarray) -> Self:
        """Learn from own networks as `fit` does, but keep the hyperparameters. There may be no network."""
        if not len(rows):
            self._forget()
            return self
        rewards = checked_rewards(rewards, len(rows))
        self._center, self._width = float(rewards.mean()), float(rewards.std()) or 1.0
        self._known = self._seen(rows)
        self._believe((rewards - self._center) / self._width)
        return self

    def expecting(self, rows: np.ndarray) -> Self:
        """Take networks that are being judged as if they gave what is expected of them: deviations alone change."""
        self._known = _Rows(*map(np.vstack, zip(self._known, self._seen(rows), strict=True)))
        self._beliefs = [self._awaiting(belief) for belief in self._beliefs]
        return self

    def predict(self, rows: np.ndarray) -> Prediction:
        return self._mixed(self._seen(rows))

    def gains(self, rows: np.ndarray) -> Prediction:
        """Predict how much better networks are than the own one of which most is expected; before any, than the mean.

        What is not known of both alike is no difference between them.
        """
        if not len(self._known.expected):
            return self.predict(rows)
        best = int(np.argmax(self._mixed(self._known).mean))
        return self._mixed(self._seen(rows), best)

    def _forget(self) -> None:
        self._center, self._width = 0.0, 1.0
        self._known = self._seen(np.zeros((0, sum(self._groups))))
        self._believe(np.zeros(0))

    def _seen(self, rows: np.ndarray) -> _Rows:
        scaled = self._kernel.scaled(checked_rows(rows, sum(self._groups)))
        seen = self._kernel.covariance(scaled, self._others) @ self._whitener.T
        return _Rows(scaled, (seen @ self._residuals)[:, None], seen)

    def _believe(self, rewards: np.ndarray) -> None:
        """Work out all beliefs, and how likely each is."""
        beliefs, weights = [], []
        for correlation, weight in _CORRELATIONS.items():
            covariance = self._covariance(self._kernel, correlation, self._known, self._known)
            for noise in _NOISES:
                beliefs.append(self._learnt(correlation, self._kernel, covariance, noise, rewards))
                weights.append(math.log(weight / len(_NOISES)))
        if len(rewards):
            own = self._alone.hyperparameters
            away = own - GaussianProcess(self._groups).hyperparameters
            kernel = Kernel(self._groups, own)
            covariance = self._covariance(kernel, 0.0, self._known, self._known)
            beliefs.append(self._learnt(0.0, kernel, covariance, math.exp(own[-2]), rewards))
            weights.append(math.log(_APART) - 0.5 * float(away @ away))
        likely = np.array(weights) + [belief.likelihood for belief in beliefs]
        likely = np.exp(likely - likely.max())
        self._beliefs, self._weights = beliefs, likely / likely.sum()

    def _covariance(self, kernel: Kernel, correlation: float, rows: _Rows, others: _Rows) -> np.ndarray:
        covariance = kernel.covariance(rows.features, others.features)
        return covariance - correlation**2 * rows.seen @ others.seen.T if correlation else covariance

    def _learnt(
        self, correlation: float, kernel: Kernel, covariance: np.ndarray, noise: float, rewards: np.ndarray
    ) -> _Belief:
        """A belief with the level and the scale of the largest likelihood."""
        if not len(rewards):
            return _Belief(correlation, kernel, np.zeros((0, 0)), np.zeros(0), 0.0, 1.0, noise, 0.0)
        whitener = _whitener(covariance, noise)
        ones, given = whitener.sum(axis=1), whitener @ rewards
        expected = whitener @ (correlation * self._known.expected[:, 0])
        levels = [float(one @ ones) / float(ones @ ones) for one in (given, expected)]
        own, prior = (one - level * ones for one, level in zip((given, expected), levels, strict=True))
        count, squares, product = len(rewards) + _SURE, float(own @ own) + _SURE, float(own @ prior)
        scale = (math.sqrt(product**2 + 4 * count * squares) - product) / (2 * count)
        errors = squares / scale**2 - 2 * product / scale + float(prior @ prior)
        likelihood = -count * math.log(scale) + float(np.log(np.diag(whitener)).sum()) - 0.5 * errors
        mean = levels[0] - scale * levels[1]
        return _Belief(correlation, kernel, whitener, own - scale * prior, mean, scale, noise, likelihood)

    def _awaiting(self, belief: _Belief) -> _Belief:
        """A belief when further networks are known to be judged, of which nothing unexpected is learnt."""
        covariance = self._covariance(belief.kernel, belief.correlation, self._known, self._known)
        residuals = np.append(belief.residuals, np.zeros(len(covariance) - len(belief.residuals)))
        return belief._replace(whitener=_whitener(covariance, belief.noise), residuals=residuals)

    def _mixed(self, rows: _Rows, best: int | None = None) -> Prediction:
        """The mean over all beliefs, of rewards or of the gains over an own network."""
        if best is not None:  # it comes last
            rows = _Rows(
                *(np.vstack([one, other[best : best + 1]]) for one, other in zip(rows, self._known, strict=True))
            )
        explained = rows.seen @ self._known.seen.T
        kernels = dict.fromkeys(belief.kernel for belief in self._beliefs)
        whole = {kernel: kernel.covariance(rows.features, self._known.features) for kernel in kernels}
        moments = (
            _moments(belief, rows, whole[belief.kernel] - belief.correlation**2 * explained, best)
            for belief in self._beliefs
        )
        means, variances = (np.array(part) for part in zip(*moments, strict=True))
        mean = self._weights @ means
        deviation = np.sqrt(self._weights @ (variances + (means - mean) ** 2))
        if best is not None:
            return Prediction(self._width * mean[:-1], self._width * deviation[:-1])
        return Prediction(self._center + self._width * mean, self._width * deviation)


def _whitener(covariance: np.ndarray, noise: float) -> np.ndarray:
    """The inverse of the Cholesky factor of a covariance with noise."""
    return np.linalg.inv(np.linalg.cholesky(covariance + (noise**2 + _JITTER) * np.eye(len(covariance))))


def _moments(belief: _Belief, rows: _Rows, covariance: np.ndarray, best: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The means and variances of rewards by one belief, or of the gains over the last row.

    Args:
        belief: the belief.
        rows: the networks.
        covariance: theirs with the own networks that are known.
        best: the place of the last row among these; None for rewards.
    """
    whitened = covariance @ belief.whitener.T
    mean = belief.mean + belief.scale * belief.correlation * rows.expected[:, 0] + whitened @ belief.residuals
    variance = belief.kernel.variance(rows.features) - belief.correlation**2 * squared_lengths(rows.seen)
    if best is not None:
        mean, whitened = mean - mean[-1], whitened - whitened[-1]
        variance = variance + variance[-1] - 2 * covariance[:, best]
    return mean, belief.scale**2 * np.maximum(variance - squared_lengths(whitened), 0)

"""A linear fit of latencies with coefficients from 0, a prior, and its uncertainty."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Regression", "fit_best", "fit_latencies", "held_out"]

_SPREADS = (0.25, 0.5, 1.0, 2.0)
"""Standard deviations of coefficients around 1 to choose from."""
_NOISE = 0.05  # relative error of a latency beyond the model, to weigh measurements against the prior
_LEAST_NOISE = 1e-3
_UNKNOWN = 1.0  # standard deviation of a coefficient that nothing was measured of, at least
_FOLDS = 5


@dataclass(frozen=True)
class Regression:
    """A fit: a latency is the scaled sum of features times coefficients.

    Attributes:
        scale: milliseconds for one unit of features whose coefficient is 1.
        spread: standard deviation of coefficients before a measurement, around 1.
        coefficients: of the features, at least 0.
        covariance: of the coefficients.
        noise: standard deviation of a latency around its prediction, as a share of it.
    """

    scale: float
    spread: float
    coefficients: np.ndarray
    covariance: np.ndarray
    noise: float

    def predict(self, rows: np.ndarray, unknown: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Predict latencies.

        Args:
            rows: the features of networks, a row each.
            unknown: for each network the sum of the features that no measured network had. They count with the
                coefficient 1, and the whole of them is uncertain.

        Returns:
            Latencies in milliseconds, and their standard deviations.
        """
        shares, new = self.scale * rows, self.scale * np.asarray(unknown)
        latencies = shares @ self.coefficients + new
        variance = np.einsum("ij,jk,ik->i", shares, self.covariance, shares)
        variance += (max(self.spread, _UNKNOWN) * new) ** 2 + (self.noise * latencies) ** 2
        return latencies, np.sqrt(variance)


def fit_latencies(rows: np.ndarray, latencies: np.ndarray, prior: np.ndarray) -> Regression:
    """Fit coefficients to measured latencies, so that relative errors are small.

    Coefficients are near 1 where measurements do not say otherwise; how near, cross-validation decides.

    Args:
        rows: the features of the measured networks, a row each.
        latencies: their latencies in milliseconds.
        prior: the correlation of coefficients before a measurement.

    Source: Bayesian linear regression with a Gaussian prior, under the bound of Lawson and Hanson 1974, chapter 23.
    """
    crossed = {spread: _crossed(rows, latencies, prior, spread) for spread in _SPREADS}
    errors = {spread: np.log(found / latencies) for spread, found in crossed.items()}
    spread = min(_SPREADS, key=lambda one: float(np.mean(np.abs(errors[one]))))
    noise = max(float(np.sqrt(np.mean(errors[spread] ** 2))), _LEAST_NOISE)
    scale, coefficients = _coefficients(rows, latencies, prior, spread)
    shares = scale * rows / latencies[:, None]
    precision = shares.T @ shares / noise**2 + np.linalg.inv(prior) / spread**2
    return Regression(scale, spread, coefficients, np.linalg.inv(precision), noise)


def fit_best(forms: np.ndarray, latencies: np.ndarray, prior: np.ndarray) -> tuple[int, Regression]:
    """Fit to each of several forms of the same features, and choose the form that predicts other networks best.

    Args:
        forms: features of shape (forms, networks, features).
        latencies, prior: as of `fit_latencies`.

    Returns:
        The number of the form, and the fit to it.
    """
    fits = [fit_latencies(rows, latencies, prior) for rows in forms]
    return min(enumerate(fits), key=lambda each: each[1].noise)


def held_out(forms: np.ndarray, latencies: np.ndarray, prior: np.ndarray, folds: int = _FOLDS) -> np.ndarray:
    """Predict each latency by `fit_best`, with all its choices, of the networks of other folds."""
    found = np.empty_like(latencies)
    for fold, others in _folds(len(latencies), folds):
        form, fit = fit_best(forms[:, others], latencies[others], prior)
        found[fold], _ = fit.predict(forms[form, fold])
    return found


def _folds(count: int, folds: int = _FOLDS) -> list[tuple[np.ndarray, np.ndarray]]:
    """The networks of each fold, and all others."""
    order, number = np.random.default_rng(0).permutation(count), min(folds, count)
    return [(order[first::number], np.setdiff1d(order, order[first::number])) for first in range(number)]


def _crossed(rows: np.ndarray, latencies: np.ndarray, prior: np.ndarray, spread: float) -> np.ndarray:
    """Predict each latency by a fit, with this spread, to the networks of other folds."""
    found = np.empty_like(latencies)
    for fold, others in _folds(len(latencies)):
        scale, coefficients = _coefficients(rows[others], latencies[others], prior, spread)
        found[fold] = scale * rows[fold] @ coefficients
    return found


def _coefficients(
    rows: np.ndarray, latencies: np.ndarray, prior: np.ndarray, spread: float
) -> tuple[float, np.ndarray]:
    """The scale, and the coefficients that fit best."""
    scale = float(np.median(latencies / rows.sum(axis=1)))
    shares = scale * rows / latencies[:, None]
    before = np.linalg.inv(prior) / spread**2
    target = shares.sum(axis=0) / _NOISE**2 + before.sum(axis=1)
    return scale, _bounded(shares.T @ shares / _NOISE**2 + before, target)


def _bounded(gram: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The x from 0 for which x·gram·x/2 - target·x is least: the free part is solved, until all signs are right."""
    free = np.ones(len(target), bool)
    x = np.zeros(len(target))
    for _ in range(3 * len(target)):
        x[:] = 0.0
        x[free] = np.linalg.solve(gram[np.ix_(free, free)], target[free])
        slope = target - gram @ x
        wrong = np.where(free, -x, slope)
        worst = int(np.argmax(wrong))
        if wrong[worst] <= 1e-9 * np.abs(target).max():
            break
        if (x[free] < 0).any():
            free &= x >= 0
        else:
            free[worst] = True
    return np.maximum(x, 0.0)

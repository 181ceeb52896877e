"""The interface of surrogates: models that predict rewards, and how sure they are of them."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Self

import numpy as np

__all__ = ["Prediction", "Surrogate", "checked_rewards", "checked_rows"]


class Prediction(NamedTuple):
    """Predicted rewards of some networks.

    Attributes:
        mean: the expected rewards, in the scale of those that were learnt, of shape (networks,).
        deviation: the standard deviation of each expected reward, at least 0, of the same shape. It is what the model
            does not know of a network's mean reward; the noise of a training, which no model can know, is not in it.
    """

    mean: np.ndarray
    deviation: np.ndarray


class Surrogate(ABC):
    """A model of rewards, which learns from networks that were judged and predicts those of others.

    A subclass gives `fit` and `predict`. The rules:

    - **Rows.** A network is a row of numbers, and networks are an array of shape (networks, numbers). What the numbers
      mean is said by the class: features of a network (`search.surrogates.features`), or a sequence of choices. All
      rows that an object sees have one length.
    - **Rewards** are finite and may have any scale and any outliers, such as the accuracy of a child that learnt
      nothing. Whoever fits decides what a child that failed is worth. Predictions are in the scale of the rewards that
      were learnt: other units of the rewards give the same predictions in other units.
    - **Fitting** forgets what was learnt before. It works from one network on, and with rewards that are all equal.
    - **Replay.** A fit depends on the arguments of the constructor, among them a seed if there is chance in it, and on
      the rows and rewards in their order. It uses no global random generator and no clock.
    - **Many candidates.** A prediction of thousands of rows takes fractions of a second. Predicting changes nothing,
      and a row's prediction does not depend on the other rows, up to rounding.
    - **Ownership.** An object keeps its own copy of what it needs. It belongs to one thread.

    Example:
        >>> class Nearest(Surrogate):
        ...     '''Predicts the reward of the nearest network that is known; the further, the less sure.'''
        ...     def fit(self, rows, rewards):
        ...         rows = checked_rows(rows)
        ...         self.rows, self.rewards = rows.copy(), checked_rewards(rewards, len(rows)).copy()
        ...         return self
        ...     def predict(self, rows):
        ...         steps = np.abs(checked_rows(rows)[:, None] - self.rows).sum(axis=2)
        ...         sure = self.rewards.std() * np.sqrt(steps.min(axis=1))
        ...         return Prediction(self.rewards[steps.argmin(axis=1)], sure)
        >>> Nearest().fit([[0, 0], [4, 4]], [10.0, 90.0]).predict([[3, 4], [0, 1]])
        Prediction(mean=array([90., 10.]), deviation=array([40., 40.]))
    """

    @abstractmethod
    def fit(self, rows: np.ndarray, rewards: np.ndarray) -> Self:
        """Learn from networks that were judged.

        Args:
            rows: the networks, of shape (networks, numbers), at least one.
            rewards: their rewards, of shape (networks,).

        Returns:
            The surrogate itself.

        Raises:
            ValueError: the shapes do not fit, there is no network, or a number is not finite.
        """

    @abstractmethod
    def predict(self, rows: np.ndarray) -> Prediction:
        """Predict the rewards of networks.

        Args:
            rows: the networks, of shape (networks, numbers), as many numbers as in `fit`.

        Raises:
            ValueError: the rows are no such array, or nothing was learnt yet.
        """


def checked_rows(rows: np.ndarray, numbers: int | None = None) -> np.ndarray:
    """Networks as an array of float64.

    Args:
        rows: as a caller gives them.
        numbers: the length that they must have; None for any.

    Raises:
        ValueError: they are not rows of finite numbers, or have another length.

    Example:
        >>> checked_rows([[1, 2], [3, 4]]).shape
        (2, 2)
    """
    found = np.asarray(rows, np.float64)
    if found.ndim != 2 or (numbers is not None and found.shape[1] != numbers):
        length = "numbers" if numbers is None else numbers
        raise ValueError(f"expected networks as rows, of shape (networks, {length}), got the shape {found.shape}")
    if not np.isfinite(found).all():
        raise ValueError("the rows of networks must be finite numbers")
    return found


def checked_rewards(rewards: np.ndarray, networks: int) -> np.ndarray:
    """The rewards of so many networks as an array of float64.

    Raises:
        ValueError: they are not as many finite numbers, or there is none.

    Example:
        >>> checked_rewards([1, 2], networks=2).tolist()
        [1.0, 2.0]
    """
    found = np.asarray(rewards, np.float64)
    if found.shape != (networks,) or not networks:
        raise ValueError(
            f"expected a reward for each of {networks} networks, at least one, got the shape {found.shape}"
        )
    if not np.isfinite(found).all():
        raise ValueError("rewards must be finite numbers")
    return found

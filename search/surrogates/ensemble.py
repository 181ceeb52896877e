"""PNAS' predictors: ensembles of small networks that read choices as tokens and learn by the L1 loss."""

from abc import abstractmethod
from typing import Any, Self

import numpy as np

from nasnet_keras.search.surrogates.base import Prediction, Surrogate, checked_rewards
from nasnet_keras.search.surrogates.tokens import Tokens
from nasnet_keras.utils.checks import positive_integer

__all__ = ["MEMBERS", "SIZE", "Arrays", "Ensemble", "glorot", "sigmoid"]

MEMBERS = 5
SIZE = 100
"""The size of embeddings and of layers."""

Arrays = dict[str, np.ndarray]
"""Weights, or their gradients, by name; the first axis is that of the members."""

_EMBEDDED = 0.1  # the largest of the first embeddings
_LOW, _HIGH = 0.25, 0.75  # where a sigmoid is nearly straight, and rewards above all that were seen have room
_FAR = 2.0  # times the range of the middle rewards, from their median: rewards beyond are cut
_DECAYS = 0.9, 0.999  # of Adam
_SMALLEST = 1e-7
_CHUNK = 2**14  # rows at a time


class Ensemble(Surrogate):
    """Five networks, each of which learns another four fifths of the rewards; a prediction is the mean of theirs.

    All members are computed as one: the first axis of all weights is that of the members, and a row that a member does
    not learn has no weight in its loss. A step is one of Adam on the L1 loss of all rows, so that all chance of a fit
    is in the first weights and in the fifths. Of fewer than five rows each member learns all.

    The output of a member is a sigmoid. Rewards are scaled to the middle of its range, and its last bias begins at
    their mean, as the paper's bias of 1.8 does for accuracies of about 0.86. A choice that no row had is embedded at
    the mean of those that rows had; in the paper it keeps its first random numbers.

    A subclass gives `layers`, `outputs` and `gradients`.

    Args:
        tokens: what rows mean.
        seed: seed of the first weights and of the fifths.
        steps: steps of Adam in a fit.
        learning_rate: of Adam.

    Source: Liu et al. 2018, section 4.2: members, fifths, the L1 loss, all sizes and the first embeddings.
    """

    def __init__(self, tokens: Tokens, seed: int, steps: int, learning_rate: float) -> None:
        self.tokens, self.seed, self.learning_rate = tokens, seed, learning_rate
        self.steps = positive_integer("steps", steps)
        self._weights: Arrays = {}
        self._least, self._width = 0.0, 1.0

    @abstractmethod
    def layers(self, generator: np.random.Generator) -> Arrays:
        """Draw the first weights of all layers but the embeddings."""

    def inputs(self, choices: np.ndarray) -> Any:
        """What `outputs` reads of choices, of shape (rows, blocks, choices of a block): by default these."""
        return choices

    @abstractmethod
    def outputs(self, weights: Arrays, inputs: Any) -> tuple[np.ndarray, Any]:
        """The outputs before the sigmoid, of shape (members, rows), and what `gradients` needs of them.

        Args:
            weights: those of `layers`, the embeddings `table_0`, `table_1` …, and `bias`, of shape (members, 1).
            inputs: what `inputs` returned.
        """

    @abstractmethod
    def gradients(self, weights: Arrays, kept: Any, errors: np.ndarray) -> Arrays:
        """The gradients of a loss by all weights.

        Args:
            weights, kept: those of `outputs`, and what it returned.
            errors: the gradient of the loss by the outputs.
        """

    def fit(self, rows: np.ndarray, rewards: np.ndarray) -> Self:
        choices = self.tokens.read(rows)
        targets, least, width = _scaled(checked_rewards(rewards, len(choices)))
        generator = np.random.default_rng(self.seed)
        shares = _shares(len(choices), generator)
        weights = self._first(targets.mean(), generator)
        inputs, adam = self.inputs(choices), _Adam(weights, self.learning_rate)
        for _ in range(self.steps):
            outputs, kept = self.outputs(weights, inputs)
            found = sigmoid(outputs)
            errors = shares * np.sign(found - targets) * found * (1 - found)
            adam.step(self.gradients(weights, kept, errors))
        self._fill_unseen(weights, choices)
        self._weights, self._least, self._width = weights, least, width
        return self

    def predict(self, rows: np.ndarray) -> Prediction:
        choices = self.tokens.read(rows)
        if not self._weights:
            raise ValueError("nothing was learnt yet")
        if not len(choices):
            return Prediction(np.zeros(0), np.zeros(0))
        chunks = [choices[start : start + _CHUNK] for start in range(0, len(choices), _CHUNK)]
        outputs = [self.outputs(self._weights, self.inputs(chunk))[0] for chunk in chunks]
        found = sigmoid(np.concatenate(outputs, axis=1).astype(np.float64))
        rewards = self._least + self._width * (found - _LOW) / (_HIGH - _LOW)
        return Prediction(rewards.mean(axis=0), rewards.std(axis=0))

    def _first(self, mean: float, generator: np.random.Generator) -> Arrays:
        """The first weights, with a last bias whose sigmoid is the mean."""
        weights = {
            f"table_{number}": generator.uniform(-_EMBEDDED, _EMBEDDED, (MEMBERS, size, SIZE))
            for number, size in enumerate(self.tokens.sizes)
        }
        weights |= self.layers(generator) | {"bias": np.full((MEMBERS, 1), np.log(mean / (1 - mean)))}
        return {name: value.astype(np.float32) for name, value in weights.items()}

    def _fill_unseen(self, weights: Arrays, choices: np.ndarray) -> None:
        """Embed the choices that no row had at the mean of those that rows had."""
        for number in range(len(self.tokens.sizes)):
            slots = [slot for slot, table in enumerate(self.tokens.tables) if table == number]
            seen = np.isin(np.arange(self.tokens.sizes[number]), choices[:, :, slots])
            table = weights[f"table_{number}"]
            table[:, ~seen] = table[:, seen].mean(axis=1, keepdims=True)


class _Adam:
    """Adam, by the usual decays; it changes weights in place."""

    def __init__(self, weights: Arrays, learning_rate: float) -> None:
        self._weights, self._rate, self._steps = weights, learning_rate, 0
        self._first, self._second = ({name: np.zeros_like(value) for name, value in weights.items()} for _ in _DECAYS)

    def step(self, gradients: Arrays) -> None:
        self._steps += 1
        slow, fast = (1 - decay**self._steps for decay in _DECAYS)
        rate = np.float32(self._rate * np.sqrt(fast) / slow)
        for name, gradient in gradients.items():
            first, second = self._first[name], self._second[name]
            first += np.float32(1 - _DECAYS[0]) * (gradient - first)
            second += np.float32(1 - _DECAYS[1]) * (gradient * gradient - second)
            self._weights[name] -= rate * first / (np.sqrt(second) + np.float32(_SMALLEST))


def sigmoid(values: np.ndarray) -> np.ndarray:
    """The logistic function, without overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * values)


def glorot(generator: np.random.Generator, inputs: int, outputs: int) -> np.ndarray:
    """The first weights of a dense layer in each member, uniform as Glorot and Bengio 2010 have them."""
    limit = np.sqrt(6 / (inputs + outputs))
    return generator.uniform(-limit, limit, (MEMBERS, inputs, outputs))


def _scaled(rewards: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Rewards scaled to the middle of a sigmoid, with the least of them and their range; outliers are cut first."""
    low, median, high = np.quantile(rewards, (0.1, 0.5, 0.9))
    far = _FAR * (high - low)
    cut = rewards.clip(median - far, median + far) if far else rewards
    least, width = float(cut.min()), float(np.ptp(cut)) or 1.0
    return (_LOW + (_HIGH - _LOW) * (cut - least) / width).astype(np.float32), least, width


def _shares(rows: int, generator: np.random.Generator) -> np.ndarray:
    """The weight of each row in the loss of each member, of shape (members, rows): 0 for a fifth of the rows."""
    fifths = generator.permutation(rows) % MEMBERS
    learns = (fifths != np.arange(MEMBERS)[:, None]) | (rows < MEMBERS)
    return (learns / learns.sum(axis=1, keepdims=True)).astype(np.float32)

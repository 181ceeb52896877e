"""Policy gradients: a controller, its batches of trials, and the advantages of their rewards."""

import math
from collections import deque
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from nasnet_keras.search.algorithms.base import Algorithm, Seen, from_rows, neighbours, to_rows
from nasnet_keras.search.controllers.base import Controller
from nasnet_keras.search.controllers.lstm import LSTMController
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.utils.checks import positive_integer

__all__ = ["PolicyGradient", "scaled"]

_CANDIDATES = 8  # drawn for a trial, which gets the first that was not evaluated yet
_MORE = 64  # drawn if some of them are not within the limits of the space
_HISTORY = 1000  # rewards that a reward is ranked among
_EMPHASIS = 3  # the power of a rank
_LEAST_DIFFERENCE = 1e-3  # of gains, which are from -1 to 1: smaller ones are not scaled up


class PolicyGradient(Algorithm):
    """A controller that samples proposals from its policy and is updated after every batch of trials.

    The gain of a reward is the cube of its rank among the last thousand, from 0 to 1: its scale does not matter, a
    failed child is as bad as the worst, and differences among the best weigh most (Zoph and Le 2017 cube accuracies).
    The advantage is the gain less a moving baseline, divided by the root of the batch's mean square.

    A trial gets the first draw of the policy whose network was not evaluated yet; under a limit of costs the likeliest
    of several that are within, as the limited space says.

    Args:
        space: the space to search.
        seed: seed of all random numbers.
        batch_size: number of trials for each update.
        epochs: number of gradient steps of an update.
        learning_rate: learning rate of Adam.
        entropy_weight: weight of the policy's entropy, in nats and summed over decisions, in the objective.
        baseline_decay: share of the moving baseline that an update keeps.
        controller: takes the decisions; by default an LSTM that suits every space.
        optimizer: by default Adam.

    Attributes:
        controller, batch_size: as above.

    Raises:
        ValueError: Keras does not run on TensorFlow, or `batch_size` or `epochs` is not a positive integer.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        batch_size: int,
        epochs: int,
        learning_rate: float,
        entropy_weight: float,
        baseline_decay: float = 0.95,
        controller: Controller | None = None,
        optimizer: keras.optimizers.Optimizer | None = None,
    ) -> None:
        super().__init__(space, seed)
        self.batch_size = positive_integer("batch_size", batch_size)
        self._epochs = positive_integer("epochs", epochs)
        self._entropy_weight = entropy_weight
        self._baseline_decay = baseline_decay
        self.controller = controller or LSTMController(space.decisions, seed)
        with tf.device("/CPU:0"):
            self._optimizer = optimizer or keras.optimizers.Adam(learning_rate)
            self._optimizer.build(self.controller.trainable_variables)
        self._baseline = math.nan  # until the first update
        self._batch: list[Choices] = []
        self._rewards: deque[float] = deque(maxlen=max(_HISTORY, batch_size))
        self._seen = Seen(self)
        self._step = tf.function(
            self._gradient_step,
            input_signature=[
                tf.TensorSpec((None, len(space.decisions)), tf.int32),
                tf.TensorSpec((None,), tf.float32),
                tf.TensorSpec((None,), tf.float32),
            ],
            autograph=False,
        )

    def objective(self, log_probabilities: tf.Tensor, old: tf.Tensor, advantages: tf.Tensor) -> tf.Tensor:
        """The objective to maximise, one value for each trial: by default the step follows the policy gradient.

        Args:
            log_probabilities: present ones of the proposals, in nats; shape (trials,).
            old: the same before the update's first step.
            advantages: advantages of the trials' rewards; shape (trials,).
        """
        del old
        return log_probabilities * advantages

    def ask(self, trial: int) -> Choices:
        space = self.space.at(trial)
        return space.likeliest(self._seen.new(self._candidates(space, self.generator(trial))))

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        return self.controller.sample(generator.random((count, len(self.space.decisions)), np.float32))

    def tell(self, choices: Choices, reward: float | None) -> None:
        self._seen.add(choices)
        self._batch.append(tuple(choices))
        self._rewards.append(-math.inf if reward is None else float(reward))
        if len(self._batch) == self.batch_size:
            self._update()
            self._batch = []

    def state(self) -> dict[str, np.ndarray]:
        arrays = {f"variable_{index}": value.numpy() for index, value in enumerate(self._variables())}
        return arrays | {
            "baseline": np.array(self._baseline),
            "batch": to_rows(self._batch, len(self.space.decisions)),
            "rewards": np.array(self._rewards, np.float64),
            "seen": self._seen.to_array(),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        expected = self.state()
        if set(state) != set(expected):
            raise ValueError(f"expected a state with {', '.join(expected)}, got {', '.join(state)}")
        for name, value in expected.items():
            if name.startswith("variable_") and state[name].shape != value.shape:
                raise ValueError(f"{name} must have shape {value.shape}, got {state[name].shape}")
        with tf.device("/CPU:0"):
            for index, variable in enumerate(self._variables()):
                variable.assign(state[f"variable_{index}"])
        self._seen.restore(state["seen"])
        self._baseline = float(state["baseline"])
        self._batch = from_rows(state["batch"])
        self._rewards.clear()
        self._rewards.extend(state["rewards"].tolist())

    def _candidates(self, space: Space, generator: np.random.Generator) -> Iterator[Choices]:
        candidate = None
        for count in (_CANDIDATES, _MORE):
            kept = 0
            for row in self.draw(count, generator).tolist():
                drawn = space.nearest(row[: len(space.decisions)])
                if space.fits(drawn):
                    candidate, kept = drawn, kept + 1
                    yield candidate
            if kept == count:
                break
        if candidate is None:  # the policy draws nothing within the limits
            candidate = space.sample(generator)
            yield candidate
        if space.size > 1:  # a policy that has settled on known children looks around them
            yield from neighbours(space, candidate, generator)

    def _update(self) -> None:
        with tf.device("/CPU:0"):
            advantages = tf.constant(self._advantages(), tf.float32)
            actions = tf.constant(to_rows(self._batch, len(self.space.decisions)), tf.int32)
            old = tf.reduce_sum(self.controller.evaluate(actions)[0], axis=1)
            for _ in range(self._epochs):
                self._step(actions, old, advantages)

    def gains(self, rewards: np.ndarray) -> np.ndarray:
        """The gains of the present batch's rewards.

        Args:
            rewards: the last ones, at most a thousand, the batch's at the end; minus infinity for a child that failed.

        Returns:
            Finite numbers, shape (batch_size,).
        """
        batch = rewards[-self.batch_size :, None]
        ranks = ((rewards < batch).mean(axis=1) + (rewards <= batch).mean(axis=1)) / 2
        return ranks**_EMPHASIS

    def _advantages(self) -> np.ndarray:
        gains = self.gains(np.array(self._rewards))
        if math.isnan(self._baseline):
            self._baseline = float(gains.mean())
        else:
            self._baseline += (1.0 - self._baseline_decay) * (float(gains.mean()) - self._baseline)
        differences = gains - self._baseline
        # Not by the deviation: that of equal rewards is 0, and one such batch would hold Adam up for a thousand.
        return differences / max(float(np.sqrt(np.mean(differences**2))), _LEAST_DIFFERENCE)

    def _gradient_step(self, actions: tf.Tensor, old: tf.Tensor, advantages: tf.Tensor) -> None:
        variables = self.controller.trainable_variables
        with tf.GradientTape() as tape:
            log_probabilities, entropies, penalties = self.controller.evaluate_in_graph(actions)
            gained = self.objective(tf.reduce_sum(log_probabilities, axis=1), old, advantages)
            loss = -tf.reduce_mean(gained + self._entropy_weight * tf.reduce_sum(entropies, axis=1) - penalties)
        self._optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)

    def _variables(self) -> list[keras.Variable]:
        return [*self.controller.trainable_variables, *self._optimizer.variables]


def scaled(rewards: np.ndarray, count: int) -> np.ndarray:
    """The last rewards divided by the largest magnitude of all: gains that keep the rewards' proportions.

    Args:
        rewards: minus infinity for a child that failed, which counts as the worst that did not.
        count: number of the last rewards.

    Example:
        >>> scaled(np.array([0.5, 2.0, -np.inf]), count=2).tolist()
        [1.0, 0.25]
    """
    known = rewards[np.isfinite(rewards)]
    if not known.size:
        return np.zeros(count)
    return np.maximum(rewards, known.min())[-count:] / (np.abs(known).max() or 1.0)

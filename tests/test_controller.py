"""The controller and the gradients that train it."""

import numpy as np
import pytest
import tensorflow as tf

from nasnet_keras.search import CellSpace
from nasnet_keras.search.algorithms.ppo import PPO
from nasnet_keras.search.algorithms.reinforce import Reinforce
from nasnet_keras.search.controllers.lstm import LSTMController
from nasnet_keras.search.spaces.base import Decision
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space

DECISIONS = (Decision("a", ("x", "y", "z")), Decision("b", ("x", "y")), Decision("c", ("x", "y", "z", "u")))
LISTS = np.array([(a, b, c) for a in range(3) for b in range(2) for c in range(4)], np.int32)


def controller(seed=0, scale=10.0):
    """A policy that is far from uniform and depends on earlier actions."""
    made = LSTMController(DECISIONS, seed, units=8)
    for weight in made.trainable_variables:
        weight.assign(weight.value * scale)
    return made


def test_weights_start_uniformly_and_the_policy_almost_too():
    made = LSTMController(CellSpace().decisions, seed=0)
    assert made._cell.kernel.shape == (100, 400)
    for weight in made.trainable_variables:
        if "bias" not in weight.path:
            values = weight.numpy().ravel()
            assert abs(values).max() <= 0.1 and abs(np.std(values) - 0.2 / np.sqrt(12)) < 0.006, weight.path
    again, other = LSTMController(CellSpace().decisions, seed=0), LSTMController(CellSpace().decisions, seed=1)
    pairs = zip(made.get_weights(), again.get_weights(), other.get_weights(), strict=True)
    for first, same, different in pairs:
        np.testing.assert_array_equal(first, same)
        assert first.std() == 0 or "lstm" in str(first) or not np.array_equal(first, different) or first.ndim == 1


def test_probabilities_of_all_lists_sum_to_one():
    log_probabilities, _ = controller().evaluate(LISTS)
    probabilities = np.exp(log_probabilities.numpy().sum(axis=1))
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5) and probabilities.max() > 2 * probabilities.min()


def test_sampled_frequencies_match_the_probabilities(generator):
    made = controller()
    drawn = made.sample(generator.random((20000, 3)))
    probabilities = np.exp(made.evaluate(LISTS)[0].numpy().sum(axis=1))
    counts = np.array([(drawn == row).all(axis=1).sum() for row in LISTS])
    assert counts.sum() == 20000, "illegal choices are never drawn"
    statistic = np.sum((counts - 20000 * probabilities) ** 2 / (20000 * probabilities))
    assert statistic < 49.7  # chi squared with 23 degrees of freedom exceeds it once in a thousand
    uniform = np.sum((counts - 20000 / 24) ** 2 / (20000 / 24))
    assert uniform > 200, "the test can tell policies apart"


def test_extremes_of_the_noise_are_legal_choices():
    made = LSTMController(CellSpace(num_blocks=2).decisions, seed=0)
    counts = [len(decision.choices) for decision in CellSpace(num_blocks=2).decisions]
    lowest, highest = made.sample(np.array([[0.0] * 20, [np.nextafter(np.float32(1), np.float32(0))] * 20]))
    assert (lowest == 0).all() and (highest == np.array(counts) - 1).all()


def test_entropy_is_that_of_the_softmax_and_never_exceeds_log_k():
    limits = np.log([3, 2, 4])
    for scale in (0.0, 1.0, 10.0, 100.0):
        log_probabilities, entropies = controller(scale=scale).evaluate(LISTS)
        assert (entropies.numpy() <= limits + 1e-5).all() and (entropies.numpy() >= -1e-6).all()
        if scale == 0.0:
            np.testing.assert_allclose(entropies.numpy(), np.tile(limits, (24, 1)), rtol=1e-5)
    made = controller()
    log_probabilities, entropies = (value.numpy() for value in made.evaluate(LISTS))
    last = log_probabilities[:4, 2]  # the four choices of the last decision after the same two actions
    np.testing.assert_allclose(entropies[:4, 2], -np.sum(np.exp(last) * last), rtol=1e-4)


def test_the_policy_gradient_equals_finite_differences():
    """d E[R] / d w, over all 24 lists, against the gradient of sum p R through log-probabilities."""
    made = controller()
    rewards = np.random.default_rng(1).normal(size=24)
    probabilities = np.exp(made.evaluate(LISTS)[0].numpy().astype(np.float64).sum(axis=1))
    weights = made.trainable_variables
    with tf.GradientTape() as tape:
        log_probabilities = tf.reduce_sum(made.evaluate_in_graph(tf.constant(LISTS))[0], axis=1)
        surrogate = tf.reduce_sum(log_probabilities * tf.constant(probabilities * rewards, tf.float32))
    gradients = tape.gradient(surrogate, [weight.value for weight in weights])

    def expected():
        return np.sum(np.exp(made.evaluate(LISTS)[0].numpy().astype(np.float64).sum(axis=1)) * rewards)

    for weight, gradient in zip(weights, gradients, strict=True):
        start, direction = weight.numpy(), gradient.numpy() / np.linalg.norm(gradient)
        step = 1e-2
        weight.assign(start + step * direction)
        above = expected()
        weight.assign(start - step * direction)
        below = expected()
        weight.assign(start)
        slope = np.sum(gradient.numpy() * direction)
        assert slope > 1e-4 and (above - below) / (2 * step) == pytest.approx(slope, rel=0.02), weight.path


@pytest.mark.parametrize("kind", [Reinforce, PPO])
def test_a_bandit_is_solved(kind):
    """One decision matters; a repeated proposal counts, so the policy itself is looked at."""
    algorithm = kind(NASBench201Space(), 0)
    generator = np.random.default_rng(0)
    for trial in range(300):
        choices = algorithm.ask(trial)
        algorithm.tell(choices, float(choices[2] == 3) + 0.1 * generator.normal())
    drawn = algorithm.controller.sample(generator.random((2000, 6)))
    assert np.mean(drawn[:, 2] == 3) > 0.9
    assert np.mean(drawn[:, 0] == 3) < 0.9


def test_the_first_step_of_ppo_is_that_of_reinforce():
    """Before the first step the ratio is one, so both gradients are equal."""
    sides = []
    for kind in (Reinforce, PPO):
        options = {"epochs": 1} if kind is PPO else {}
        algorithm = kind(NASBench201Space(), 0, learning_rate=0.01, entropy_weight=0.0, **options)
        before = [weight.numpy() for weight in algorithm.controller.trainable_variables]
        for trial in range(10):
            choices = algorithm.ask(trial)
            algorithm.tell(choices, float(sum(choices)))
        after = [weight.numpy() for weight in algorithm.controller.trainable_variables]
        sides.append(np.concatenate([(a - b).ravel() for a, b in zip(after, before, strict=True)]))
    reinforce, ppo = sides
    assert np.linalg.norm(ppo) > 0.1
    cosine = reinforce @ ppo / np.linalg.norm(reinforce) / np.linalg.norm(ppo)
    assert cosine > 0.99


def test_ppo_stops_where_the_ratio_is_clipped():
    algorithm = PPO(NASBench201Space(), 0, clip=0.2)
    log_old = tf.zeros((4,))
    log_new = tf.Variable(np.log([1.5, 1.1, 0.5, 0.9]), dtype=tf.float32)
    advantages = tf.constant([1.0, 1.0, -1.0, -1.0])
    with tf.GradientTape() as tape:
        gained = algorithm.objective(log_new, log_old, advantages)
    np.testing.assert_allclose(gained, [1.2, 1.1, -0.8, -0.9], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(gained, log_new), [0.0, 1.1, 0.0, -0.9], rtol=1e-6)

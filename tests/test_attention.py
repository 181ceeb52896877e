"""ENAS' controllers, and what NAS' has in common with them."""

import numpy as np
import pytest
import tensorflow as tf

from nasnet_keras.search import spaces
from nasnet_keras.search.algorithms.enas import ENAS
from nasnet_keras.search.controllers.enas import ENASMacroController, ENASMicroController, controller_for
from nasnet_keras.search.controllers.nas import NASController

CELLS = spaces.make("enas_micro", num_blocks=1)
CHAINS = spaces.make("nas", num_layers=2)
LAYERS = spaces.make("enas_macro", operations=("conv_3x3", "max_pool_3x3"), num_layers=3)


def far_from_uniform(policy, scale=10.0):
    for weight in policy.trainable_variables:
        if weight.name != "bias":
            weight.assign(weight.value * scale)
    return policy


def all_lists(space):
    return np.array(np.meshgrid(*(range(len(decision.choices)) for decision in space.decisions), indexing="ij"))


POLICIES = {
    "cells": lambda: far_from_uniform(
        ENASMicroController(spaces.make("enas_micro", operations=_TWO, num_blocks=1), 0, units=8)
    ),
    "layers": lambda: far_from_uniform(ENASMacroController(LAYERS, 0, units=8)),
    "chains": lambda: far_from_uniform(NASController(CHAINS, 0, units=8)),
}
_TWO = ("sep_conv_3x3", "max_pool_3x3")
_SPACES = {"cells": spaces.make("enas_micro", operations=_TWO, num_blocks=1), "layers": LAYERS, "chains": CHAINS}
every_policy = pytest.mark.parametrize("name", POLICIES)


def lists(name):
    grid = all_lists(_SPACES[name])
    return grid.reshape(len(grid), -1).T.astype(np.int32)


def test_sizes_are_those_of_the_released_code():
    for policy, count in (
        (ENASMicroController(spaces.make("enas_micro"), 0), 41_733),
        (ENASMacroController(spaces.make("enas_macro"), 0), 41_856),
    ):
        assert sum(int(np.prod(v.shape)) for v in policy.trainable_variables) == count


@every_policy
def test_probabilities_of_all_lists_sum_to_one(name):
    log_probabilities, entropies = POLICIES[name]().evaluate(lists(name))
    probabilities = np.exp(log_probabilities.numpy().sum(axis=1))
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5) and probabilities.max() > 2 * probabilities.min()
    limits = np.log([len(decision.choices) for decision in _SPACES[name].decisions])
    assert (entropies.numpy() <= limits + 1e-5).all() and (entropies.numpy() >= 0.0).all()


@every_policy
def test_sampled_frequencies_match_the_probabilities(name, generator):
    policy, every = POLICIES[name](), lists(name)
    drawn = policy.sample(generator.random((20000, every.shape[1])))
    expected = 20000 * np.exp(policy.evaluate(every)[0].numpy().sum(axis=1))
    rows, counts = np.unique(drawn, axis=0, return_counts=True)
    found = {tuple(row): count for row, count in zip(rows.tolist(), counts, strict=True)}
    counts = np.array([found.pop(tuple(row), 0) for row in every.tolist()])
    assert not found, "illegal choices are never drawn"
    freedom = len(every) - 1
    assert np.sum((counts - expected) ** 2 / expected) < freedom + 4 * np.sqrt(2 * freedom)


@every_policy
def test_the_policy_gradient_equals_finite_differences(name):
    policy, every = POLICIES[name](), lists(name)
    reward = np.cos(np.arange(len(every))).astype(np.float32)

    def value():
        log_probabilities, _, penalties = policy.evaluate_in_graph(tf.constant(every))
        probabilities = tf.exp(tf.reduce_sum(log_probabilities, axis=1))
        return tf.reduce_sum(probabilities * (reward - penalties))

    variables = policy.trainable_variables
    with tf.GradientTape() as tape:
        result = value()
    gradients = tape.gradient(result, [variable.value for variable in variables])
    rng = np.random.default_rng(0)
    for variable, gradient in zip(variables, gradients, strict=True):
        before = variable.numpy()
        direction = rng.standard_normal(before.shape).astype(np.float32)
        direction /= np.linalg.norm(direction)
        step = 3e-3
        ends = []
        for sign in (1, -1):
            variable.assign(before + sign * step * direction)
            ends.append(float(value()))
        variable.assign(before)
        expected = float(np.sum(np.asarray(gradient) * direction))
        assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(expected, rel=0.03, abs=2e-4), variable.path


def test_squashing_bounds_every_choice():
    policy = far_from_uniform(ENASMicroController(spaces.make("enas_micro"), 0), 1000.0)
    drawn = policy.sample(np.random.default_rng(0).random((50, 50)))
    log_probabilities = policy.evaluate(drawn)[0].numpy()
    inputs = [0, 1, 25, 26]  # of the first blocks: two states, whose logits are from -1.1 to 1.1
    assert log_probabilities[:, inputs].min() > np.log(1 / (1 + np.exp(2.2))) - 1e-5
    operations = [27, 28]  # of the reduction cell: five, from -0.44 to 0.44
    assert log_probabilities[:, operations].min() > np.log(1 / (1 + 4 * np.exp(0.88))) - 1e-5


def test_operations_with_weights_are_favoured_at_first():
    space = spaces.make("enas_micro")
    drawn = ENASMicroController(space, 0).sample(np.random.default_rng(0).random((2000, 50)))
    shares = np.bincount(drawn[:, [2, 3, 27, 28]].ravel(), minlength=5) / 8000
    assert min(shares[:2]) > max(shares[2:]) + 0.05


def test_the_skip_penalty_is_the_divergence_from_its_target():
    policy = ENASMacroController(spaces.make("enas_macro", num_layers=2), 0, skip_target=0.4, skip_weight=2.0)
    choices = np.array([[0, 0, 0], [0, 0, 1]], np.int32)
    log_probabilities, _, penalties = policy.evaluate_in_graph(tf.constant(choices))
    no, yes = log_probabilities.numpy()[:, 2]  # their difference is that of the two logits, -s and s
    score = (yes - no) / 2
    chances = 1 / (1 + np.exp([score, -score]))
    expected = 2.0 * np.sum(chances * np.log(chances / [0.6, 0.4]))
    np.testing.assert_allclose(penalties.numpy(), expected, rtol=1e-5)


def test_the_penalty_moves_skips_to_their_target():
    space = spaces.make("enas_macro", operations=("conv_3x3",), num_layers=5)
    algorithm = ENAS(space, 0, batch_size=8, learning_rate=0.02)
    skips = [place for place, decision in enumerate(space.decisions) if "skips" in decision.name]
    for trial in range(400):
        algorithm.tell(algorithm.ask(trial), 0.5)  # nothing to learn but the penalty
    share = algorithm.draw(500, np.random.default_rng(0))[:, skips].mean()
    assert 0.2 < share < 0.46


def test_spaces_without_a_controller_are_refused():
    with pytest.raises(ValueError, match="no combine, got a space with add, concat"):
        ENASMicroController(spaces.make("nasnet"), 0)
    with pytest.raises(ValueError, match="no controller for the space NASBench201Space"):
        controller_for(spaces.make("nasbench201"), 0)

"""Latencies predicted from counted operations: features, the fit, its uncertainty, and how it is judged."""

import numpy as np
import pytest

from nasnet_keras.latency.accuracy import Accuracy, kendall_tau
from nasnet_keras.latency.features import PARTS, features, group
from nasnet_keras.latency.operations import network_operations
from nasnet_keras.latency.regression import fit_latencies, held_out
from nasnet_keras.search.spaces.nasnet import CellSpace

SPACE, SHAPE, NETWORK = CellSpace(num_blocks=2), (16, 16, 3), {"num_repeats": 1, "filters": 4}


def listed(seed, network=NETWORK):
    genotype = SPACE.decode(SPACE.sample(np.random.default_rng(seed)))
    return network_operations(genotype, SHAPE, "litert", **network)


def device(operations, noise=0.0, seed=0):
    """A device that is slow at 5x5 depthwise convolutions and at starting operations, in milliseconds."""
    slow = {"depthwise_5x5.steps": 9.0, "relu.number": 4.0, "conv_1x1.bytes": 0.1}
    found = sum(3.0 * slow.get(name, 1.0) * value for name, value in features(operations).items())
    return found * np.exp(noise * np.random.default_rng(seed).normal())


def table(seeds, names=None, noise=0.0):
    found = [features(listed(seed)) for seed in seeds]
    names = names or sorted({name for one in found for name in one})
    rows = np.array([[one.get(name, 0.0) for name in names] for one in found])
    return names, rows, np.array([device(listed(seed), noise, seed) for seed in seeds])


def test_features_add_up_and_are_positive():
    first, second = listed(0), listed(1)
    together = features([*first, *second])
    for name, value in together.items():
        assert value > 0 and name.partition(".")[2] in PARTS
        assert value == pytest.approx(features(first).get(name, 0.0) + features(second).get(name, 0.0))
    numbers = sum(value for name, value in together.items() if name.endswith(".number"))
    assert numbers == pytest.approx(0.002 * (len(first) + len(second)))


def test_groups_tell_kernels_strides_and_dilations_apart():
    groups = {group(one) for seed in range(20) for one in listed(seed)}
    assert {"depthwise_3x3", "depthwise_3x3_strided", "banded_depthwise_7x7", "conv_3x3_dilated", "add"} <= groups


def test_a_fit_finds_what_a_device_is_slow_at():
    names, rows, latencies = table(range(60))
    predicted = held_out(rows, latencies)
    assert Accuracy.of(predicted, latencies).median_error < 0.03
    fit = fit_latencies(rows, latencies)
    assert (fit.coefficients >= 0).all()
    found = dict(zip(names, fit.scale * fit.coefficients, strict=True))
    assert found["depthwise_5x5.steps"] == pytest.approx(27.0, rel=0.3)  # the prior says 3


def test_uncertainty_is_that_of_the_errors_and_grows_outside_of_what_was_measured():
    names, rows, latencies = table(range(40), noise=0.1)
    fit = fit_latencies(rows, latencies)
    _, others, true = table(range(100, 200), names, noise=0.1)
    predicted, deviation = fit.predict(others)
    inside = np.abs(predicted - true) < 2 * deviation
    assert 0.85 <= inside.mean() <= 1.0
    assert np.median(deviation / predicted) < 0.2
    known, unknown = fit.predict(rows[:1]), fit.predict(rows[:1], np.array([2 * rows[0].sum()]))
    assert unknown[0] > known[0] and unknown[1] / unknown[0] > 1.5 * known[1] / known[0]


def test_few_measurements_give_a_prediction_between_the_prior_and_them():
    _, rows, latencies = table(range(3))
    fit = fit_latencies(rows, latencies)
    assert np.isfinite(fit.predict(rows)[0]).all() and np.isfinite(fit.covariance).all()


def test_kendall_tau_is_that_of_its_definition():
    generator = np.random.default_rng(0)
    for _ in range(20):
        first, second = generator.permutation(12), generator.permutation(12)
        signs = [np.sign(first[i] - first[j]) * np.sign(second[i] - second[j]) for i in range(12) for j in range(i)]
        assert kendall_tau(first, second) == pytest.approx(np.mean(signs))
    assert kendall_tau([1, 2, 2], [1, 2, 3]) == pytest.approx(2 / np.sqrt(2 * 3))
    assert kendall_tau([1, 1, 1], [1, 2, 3]) == 0.0

"""Latencies predicted from counted operations: features, the fit, its uncertainty, and how it is judged."""

import dataclasses
import json

import numpy as np
import pytest

from nasnet_keras.latency.accuracy import Accuracy
from nasnet_keras.latency.device import Device
from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.features import PARTS, correlation, features, group
from nasnet_keras.latency.operations import network_operations
from nasnet_keras.latency.predictor import LatencyPredictor, Measured
from nasnet_keras.latency.predictor_file import read_predictor, write_predictor
from nasnet_keras.latency.regression import fit_latencies, held_out
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.costs.predicted import facts_of, fitting_predictor, warn_of_sizes
from nasnet_keras.search.report import head
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.utils.ranks import kendall_tau

SPACE, SHAPE, NETWORK = CellSpace(num_blocks=2), (16, 16, 3), {"num_repeats": 1, "filters": 4}


def listed(seed, network=NETWORK):
    genotype = SPACE.decode(SPACE.sample(np.random.default_rng(seed)))
    return network_operations(genotype, SHAPE, "litert", **network)


def device(operations, noise=0.0, seed=0, tile=1):
    """A device that is slow at 5x5 depthwise convolutions and at starting operations, in milliseconds."""
    slow = {"depthwise_5x5.steps": 9.0, "relu.number": 4.0, "conv_1x1.bytes": 0.1}
    found = sum(3.0 * slow.get(name, 1.0) * value for name, value in features(operations, tile).items())
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
    predicted = held_out(rows[None], latencies, correlation(names))
    assert Accuracy.of(predicted, latencies).median_error < 0.03
    fit = fit_latencies(rows, latencies, correlation(names))
    assert (fit.coefficients >= 0).all()
    slow = [name.startswith("depthwise_5x5.") for name in names]
    most = int(rows[:, slow].sum(axis=1).argmax())
    true = 3.0 * sum(
        (9.0 if "steps" in name else 1.0) * rows[most, names.index(name)] for name in names if "se_5x5." in name
    )
    assert fit.scale * rows[most, slow] @ fit.coefficients[slow] == pytest.approx(true, rel=0.3)


def test_uncertainty_is_that_of_the_errors_and_grows_outside_of_what_was_measured():
    names, rows, latencies = table(range(40), noise=0.1)
    fit = fit_latencies(rows, latencies, correlation(names))
    _, others, true = table(range(100, 200), names, noise=0.1)
    predicted, deviation = fit.predict(others)
    inside = np.abs(predicted - true) < 2 * deviation
    assert 0.85 <= inside.mean() <= 1.0
    assert np.median(deviation / predicted) < 0.2
    known, unknown = fit.predict(rows[:1]), fit.predict(rows[:1], np.array([2 * rows[0].sum()]))
    assert unknown[0] > known[0] and unknown[1] / unknown[0] > 1.5 * known[1] / known[0]


def test_few_measurements_give_a_prediction_between_the_prior_and_them():
    names, rows, latencies = table(range(3))
    fit = fit_latencies(rows, latencies, correlation(names))
    assert np.isfinite(fit.predict(rows)[0]).all() and np.isfinite(fit.covariance).all()


def test_kendall_tau_is_that_of_its_definition():
    generator = np.random.default_rng(0)
    for _ in range(20):
        first, second = generator.permutation(12), generator.permutation(12)
        signs = [np.sign(first[i] - first[j]) * np.sign(second[i] - second[j]) for i in range(12) for j in range(i)]
        assert kendall_tau(first, second) == pytest.approx(np.mean(signs))
    assert kendall_tau([1, 2, 2], [1, 2, 3]) == pytest.approx(2 / np.sqrt(2 * 3))
    assert Accuracy.of([1, 1, 1], [1, 2, 3]).kendall_tau == 0.0


# --- the predictor and its file

DEVICE = Device("litert", "2.1", 1, "2 cores of a processor")


@pytest.fixture(scope="module")
def predictor():
    cells = [SPACE.decode(SPACE.sample(np.random.default_rng(seed))) for seed in range(30)]
    measured = [Measured(cell, device(listed(seed))) for seed, cell in enumerate(cells)]
    return LatencyPredictor.fit(measured, DEVICE, "nasnet", SHAPE, **NETWORK)


def test_a_predictor_is_the_same_after_it_was_written(predictor, tmp_path):
    write_predictor(predictor, tmp_path / "a.json")
    again = read_predictor(tmp_path / "a.json")
    assert (again.device, again.space, again.held_out) == (DEVICE, "nasnet", predictor.held_out)
    assert (tmp_path / "a.json").stat().st_size < 100_000
    cell = SPACE.decode(SPACE.sample(np.random.default_rng(99)))
    assert again.predict(cell) == pytest.approx(predictor.predict(cell), rel=1e-3)
    assert again.predict(cell)[0] == pytest.approx(device(listed(99)), rel=0.1)


def test_the_number_of_channels_that_a_device_computes_at_once_is_found(tmp_path):
    cells = [SPACE.decode(SPACE.sample(np.random.default_rng(seed))) for seed in range(40)]
    sizes = {"num_repeats": 1, "filters": 6}  # stacks of 6, 12 and 24 channels
    measured = [
        Measured(cell, device(listed(seed, sizes), noise=0.01, seed=seed, tile=16)) for seed, cell in enumerate(cells)
    ]
    found = LatencyPredictor.fit(measured, DEVICE, "nasnet", SHAPE, **sizes)
    assert found.tile == 16 and found.held_out.median_error < 0.03
    write_predictor(found, tmp_path / "a.json")
    assert read_predictor(tmp_path / "a.json").tile == 16


def test_predictors_without_a_tile_are_those_of_the_first_version(predictor, tmp_path):
    write_predictor(dataclasses.replace(predictor, tile=16), tmp_path / "a.json")
    plain = json.loads((tmp_path / "a.json").read_text())
    del plain["tile"]
    (tmp_path / "a.json").write_text(json.dumps(plain))
    with pytest.raises(LatencyError, match="tile must be a positive integer"):
        read_predictor(tmp_path / "a.json")
    (tmp_path / "a.json").write_text(json.dumps({**plain, "version": 1}))
    assert read_predictor(tmp_path / "a.json").tile == 1


def test_larger_networks_take_longer_and_are_less_certain(predictor):
    cell = SPACE.decode(SPACE.sample(np.random.default_rng(99)))
    latency, deviation = predictor.predict(cell)
    more, uncertain = predictor.predict(cell, (64, 64, 3), num_repeats=2, filters=32)
    assert more > 4 * latency and uncertain / more > 2 * deviation / latency
    other, unlike = predictor.predict("mnasnet_a1", (32, 32, 3), stem_stride=1)
    assert unlike / other > 2 * deviation / latency


def test_too_few_or_wrong_measurements_make_no_predictor():
    cell = SPACE.decode([0] * len(SPACE.decisions))
    with pytest.raises(LatencyError, match="at least 10 measured networks, got 3"):
        LatencyPredictor.fit([Measured(cell, 1.0)] * 3, DEVICE, "nasnet", SHAPE, **NETWORK)
    with pytest.raises(LatencyError, match="must be positive"):
        LatencyPredictor.fit([Measured(cell, 0.0)] * 12, DEVICE, "nasnet", SHAPE, **NETWORK)


DAMAGES = {
    "format": ("format", "nasnet_keras.study", "it is no nasnet_keras.latency_predictor"),
    "version": ("version", 3, "it has version 3, expected 2"),
    "earlier version": ("version", -1, "it has version -1, expected 2"),
    "network": ("network", {"filters": [4]}, "network holds .'filters': .4"),
    "name of network": ("network", {"runtime": "onnx"}, "network holds"),
    "huge coefficient": ("coefficients", {"add.bytes": 1e308}, "add.bytes must be a number from 0 to 1e"),
    "huge covariance": ("covariance", [[1e308]], "its covariance is damaged"),
    "device": ("device", {"runtime": "tvm"}, "runtime must be one of litert"),
    "shape": ("input_shape", [16, 0, 3], "input_shape must be 3 positive integers"),
    "fit": ("fit", {"scale": 1, "spread": 1, "noise": float("nan")}, "noise must be a number above 0"),
    "coefficients": ("coefficients", {}, "it has no coefficients"),
    "coefficient": ("coefficients", {"add.bytes": -1}, "add.bytes must be a number from 0"),
    "covariance": ("covariance", [[1.0]], "its covariance is damaged"),
    "range": ("range_ms", [2.0, 1.0], "range_ms must be two latencies"),
    "held out": ("held_out", {"networks": 3}, "median_error must be a number"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_one_error(damage, predictor, tmp_path):
    path, (name, value, said) = tmp_path / "a.json", DAMAGES[damage]
    write_predictor(predictor, path)
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(LatencyError, match=f"a.json holds no latency predictor that can be read: .*{said}"):
        read_predictor(path)


def test_files_that_are_none_are_one_error(tmp_path):
    for text in ("", "{", "[]", "null"):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(LatencyError, match="holds no latency predictor"):
            read_predictor(tmp_path / "a.json")
    with pytest.raises(LatencyError, match="no such file"):
        read_predictor(tmp_path / "missing.json")


# --- in a search


def test_a_search_refuses_a_predictor_of_something_else(predictor, tmp_path):
    path = tmp_path / "a.json"
    write_predictor(predictor, path)
    asked = {"space": "nasnet", "image_shape": SHAPE, "runtime": "litert", "threads": 1}
    assert fitting_predictor(path, **asked).device == DEVICE
    others = {"space": "nas", "image_shape": (32, 32, 3), "runtime": "onnx", "threads": 2}
    said = {"space": "space nasnet, not nas", "image_shape": "16×16×3, not 32×32×3", "runtime": "litert, not onnx"}
    for name, value in others.items():
        with pytest.raises(
            LatencyError, match=f"of another kind than this search needs: .*{said.get(name, '1, not 2')}"
        ):
            fitting_predictor(path, **{**asked, name: value})


def test_a_predictor_of_other_sizes_is_used_with_a_warning(predictor, caplog):
    its = dict(predictor.network)
    warn_of_sizes("a.json", predictor, {**its, "alpha": 1.0})
    assert not caplog.text
    warn_of_sizes("a.json", predictor, {**its, "filters": 32, "alpha": 2.0})
    said = f"a.json was made of networks with filters={its['filters']}, not 32, alpha=1, not 2 as in this search"
    assert said in caplog.text


def test_children_have_predicted_latencies(tmp_path):
    from nasnet_keras.search.evaluators.child import ChildEvaluator

    shape, network = (8, 8, 1), {"num_repeats": 1, "filters": 2}
    cells = [SPACE.decode(SPACE.sample(np.random.default_rng(seed))) for seed in range(12)]
    measured = [Measured(cell, 0.1 + 0.01 * number) for number, cell in enumerate(cells)]
    predictor = LatencyPredictor.fit(measured, DEVICE, "nasnet", shape, **network, classes=10)
    write_predictor(predictor, tmp_path / "a.json")
    config = SearchConfig(tmp_path / "study", latency=tmp_path / "a.json", num_blocks=2, filters=2)
    evaluator = ChildEvaluator(config)
    costs = evaluator.costs(cells[0])
    assert costs["latency_ms"] == pytest.approx(predictor.predict(cells[0])[0], rel=1e-3)
    assert evaluator.facts()["latency_predictor"]["networks"] == 12
    assert evaluator.device() is None
    twice = dataclasses.replace(
        predictor,
        regression=dataclasses.replace(predictor.regression, coefficients=2 * predictor.regression.coefficients),
    )
    assert facts_of(twice)["crc32"] != facts_of(predictor)["crc32"]
    assert "latency" not in config.identity(), "the file may lie elsewhere"
    shown = head._predicted(json.loads(json.dumps(evaluator.facts()))["latency_predictor"])
    assert shown.startswith(
        " Latencies are predicted from 12 measured networks (litert, 2.1, 1, 2 cores of a processor)"
    )
    assert head._predicted(None) == head._predicted({"held_out": {"median_error": "x"}}) == ""

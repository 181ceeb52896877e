"""One step of training: against Keras, on the values that a recipe gives it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import SMALL_GENOTYPE, for_some_seed, small_batch
from tensorflow.python.framework import config as determinism

from nasnet_keras import NASNetFromGenotype
from nasnet_keras.layers.convolution import ConvBatchNorm, SeparableConvBatchNorm
from nasnet_keras.training import devices
from nasnet_keras.training.inputs import scaled
from nasnet_keras.training.step import StepConfig, TrainStep

TINY = {"num_repeats": 1, "filters": 4}


@for_some_seed
def test_a_step_is_the_update_of_keras(generator):
    """Loss, gradient and update of a whole vector against Keras' losses and optimizer, variable by variable."""
    images, labels = small_batch(generator)
    arguments = {**TINY, "classes": 5, "classifier_activation": None, "auxiliary_head": True}
    model = NASNetFromGenotype("nasnet_a", (32, 32, 3), **arguments)
    images = np.tile(images, (1, 2, 2, 1))
    objective = StepConfig(label_smoothing=0.1, auxiliary_weight=0.4, weight_decay=1e-3, clip_norm=0.5)
    stepper = TrainStep(model, objective)
    state = stepper.initial()
    for _ in range(2):
        state, (loss, accuracy) = stepper.step(state, images, labels, learning_rate=0.05)

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, global_clipnorm=0.5)
    entropy = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    targets = tf.one_hot(labels, 5)
    for _ in range(2):
        with tf.GradientTape() as tape:
            outputs = twin(scaled(images), training=True)
            main = entropy(targets, outputs["logits"])
            decay = tf.add_n([tf.nn.l2_loss(v.value) for v in twin.trainable_variables if len(v.shape) > 1])
            total = main + 0.4 * entropy(targets, outputs["auxiliary"]) + 1e-3 * decay
        optimizer.apply(tape.gradient(total, [v.value for v in twin.trainable_variables]), twin.trainable_variables)
    right = np.mean(np.argmax(outputs["logits"], -1) == labels)
    assert float(loss) == pytest.approx(float(main), rel=1e-4) and float(accuracy) == pytest.approx(right)
    stepper.assign(state, averaged=False)
    for ours, other in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), other.numpy(), rtol=1e-3, atol=2e-5, err_msg=ours.path)


def test_sam_takes_the_gradient_uphill(generator):
    """Against Keras: the gradient is that of the weights moved by the radius; all else is of the weights themselves."""
    images, labels = small_batch(generator)
    model = NASNetFromGenotype(SMALL_GENOTYPE, (16, 16, 3), **TINY, classes=5, classifier_activation=None)
    stepper = TrainStep(model, StepConfig(momentum=0.0, sam_radius=0.5))
    state, (loss, _) = stepper.step(stepper.initial(), images, labels, learning_rate=0.1)

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    variables = twin.trainable_variables
    entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def loss_and_gradient():
        with tf.GradientTape() as tape:
            value = entropy(labels, twin(scaled(images), training=True))
        return float(value), tape.gradient(value, [v.value for v in variables])

    first, gradient = loss_and_gradient()
    statistics = [v.numpy() for v in twin.non_trainable_weights]
    weights = [v.numpy() for v in variables]
    norm = np.sqrt(sum(np.sum(np.square(w * g)) for w, g in zip(weights, gradient, strict=True)))
    for variable, weight, slope in zip(variables, weights, gradient, strict=True):
        variable.assign(weight + 0.5 * weight**2 * slope / norm)
    second, uphill = loss_and_gradient()
    assert second > first + 0.01 and float(loss) == pytest.approx(first, rel=1e-4)
    stepper.assign(state, averaged=False)
    changes = [0.0, 0.0]
    for ours, weight, slope, other in zip(model.trainable_variables, weights, uphill, gradient, strict=True):
        np.testing.assert_allclose(ours, weight - 0.1 * np.asarray(slope), rtol=1e-3, atol=2e-5, err_msg=ours.path)
        changes[0] += np.sum(np.square(slope - other))
        changes[1] += np.sum(np.square(other))
    assert changes[0] > 0.01 * changes[1], "uphill is another gradient"
    for ours, expected in zip(model.non_trainable_weights, statistics, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-5, err_msg=ours.path)


@pytest.mark.parametrize("class_weights", [None, (0.5, 1.0, 2.0, 1.0, 1.5)])
def test_labels_may_be_shares_of_classes(generator, class_weights):
    images, labels = small_batch(generator)
    others = (labels + 1) % 5
    model = NASNetFromGenotype(SMALL_GENOTYPE, (16, 16, 3), **TINY, classes=5, classifier_activation=None)
    stepper = TrainStep(model, StepConfig(label_smoothing=0.1, class_weights=class_weights))

    def loss_and_accuracy(targets):
        _, figures = stepper.step(stepper.initial(), images, targets, learning_rate=0.1)
        return np.asarray(figures)

    classes = np.eye(5, dtype=np.float32)
    (one, right), (other, _) = (loss_and_accuracy(numbers) for numbers in (labels, others))
    np.testing.assert_allclose(loss_and_accuracy(classes[labels]), (one, right), rtol=1e-6)
    mixed, mostly_right = loss_and_accuracy(0.7 * classes[labels] + 0.3 * classes[others])
    assert mostly_right == right, "judged by the class of the largest share"
    if class_weights is None:
        assert mixed == pytest.approx(0.7 * one + 0.3 * other, rel=1e-5)
    else:
        assert min(one, other) < mixed < max(one, other)


def test_averages_follow_the_weights(generator):
    images, labels = small_batch(generator)
    model = NASNetFromGenotype(SMALL_GENOTYPE, (16, 16, 3), **TINY, classes=5, classifier_activation=None)
    stepper = TrainStep(model, StepConfig())
    state = stepper.initial()
    expected = np.asarray(state["parameters"])
    for decay in (0.0, 0.5, 0.75):
        state, _ = stepper.step(state, images, labels, learning_rate=0.1, average_decay=decay)
        expected = decay * expected + (1 - decay) * np.asarray(state["parameters"])
    np.testing.assert_allclose(state["average_parameters"], expected, atol=1e-6)
    assert np.abs(expected - np.asarray(state["parameters"])).max() > 1e-3
    averaged, last = (stepper.logits(state, images, averaged=a) for a in (True, False))
    assert not np.allclose(averaged, last)
    stepper.assign(state)
    np.testing.assert_allclose(averaged, model(scaled(images), training=False), atol=1e-4)


def test_drop_path_follows_progress(generator):
    images, labels = small_batch(generator)
    model = NASNetFromGenotype(
        SMALL_GENOTYPE, (16, 16, 3), **TINY, classes=5, classifier_activation=None, drop_path_rate=0.9
    )
    stepper = TrainStep(model, StepConfig())

    def losses(progress):
        state, found = stepper.initial(), []
        for _ in range(3):
            state, metrics = stepper.step(state, images, labels, learning_rate=1e-9, progress=progress)
            found.append(float(metrics[0]))
        return found

    assert np.ptp(losses(0.0)) < 1e-3, "nothing is dropped at the beginning"
    assert np.ptp(losses(1.0)) > 1e-2, "paths are drawn anew at each step"
    assert losses(1.0) == losses(1.0)


def test_sizes_scale_the_images(generator):
    images, labels = small_batch(generator, (16, 16, 3))
    model = NASNetFromGenotype("nasnet_a", (16, 16, 3), **TINY, classes=5, classifier_activation=None)
    stepper = TrainStep(model, StepConfig())
    resized = np.rint(tf.image.resize(images, (8, 8), antialias=True)).astype(np.uint8)
    small = NASNetFromGenotype("nasnet_a", (8, 8, 3), **TINY, classes=5, classifier_activation=None)
    small.set_weights(model.get_weights())
    _, scaled_down = stepper.step(stepper.initial(), images, labels, learning_rate=0.1, size=(8, 8))
    other = TrainStep(small, StepConfig())
    _, expected = other.step(other.initial(), resized, labels, learning_rate=0.1)
    assert float(scaled_down[0]) == pytest.approx(float(expected[0]), rel=0.02)


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_step_compiles_as_it_does_on_gpus(generator, monkeypatch, deterministic):
    """By XLA, but for bits that must be the same; here on the processor, which only has to give the same."""

    def be_deterministic(value):
        (determinism.enable_op_determinism if value else determinism.disable_op_determinism)()

    before = determinism.is_op_determinism_enabled()
    images, labels = small_batch(generator)
    model = NASNetFromGenotype(
        SMALL_GENOTYPE, (16, 16, 3), **TINY, classes=5, classifier_activation=None, drop_path_rate=0.5
    )
    objective = StepConfig(label_smoothing=0.1, weight_decay=1e-3, clip_norm=0.5, muon=0.1)
    taken = []
    try:
        be_deterministic(deterministic)
        for gpus in ([], ["one"]):
            monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None, gpus=gpus: gpus)
            stepper = TrainStep(model, objective)
            state, _ = stepper.step(stepper.initial(), images, labels, learning_rate=0.1, size=(12, 12))
            taken.append(np.asarray(state["parameters"]))
    finally:
        be_deterministic(before)
    np.testing.assert_allclose(*taken, atol=1e-3)
    assert not np.allclose(taken[0], np.asarray(TrainStep(model, objective).initial()["parameters"]), atol=1e-3)


def test_another_backend_trains_on_one_device_and_says_so(monkeypatch, caplog):
    assert devices.default_replicas(32).count == 1 and not caplog.text, "of a processor that nobody has split"
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    for gpus, said in ((["one"], ""), (["one", "two"], "training runs on one of 2 GPUs: Keras is on jax")):
        monkeypatch.setattr(devices, "accelerators", lambda gpus=gpus: gpus)
        assert devices.default_replicas(32).count == 1 and said in caplog.text and bool(said) == bool(caplog.text)


def test_moving_statistics_are_those_that_the_layers_average(generator):
    images, labels = small_batch(generator)
    inputs = keras.Input((16, 16, 3))
    outputs = ConvBatchNorm(4, (3, 3), momentum=0.9)(inputs)
    outputs = SeparableConvBatchNorm(6, 3, momentum=0.5)(outputs)
    outputs = keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(outputs))
    model = keras.Model(inputs, outputs)

    def after(at_once):
        stepper = TrainStep(model, StepConfig())
        assert stepper._share.tolist() == pytest.approx(8 * [0.1] + 12 * [0.5])
        if not at_once:
            stepper._share = None  # each layer averages
        state = stepper.initial()
        for _ in range(3):
            state, _ = stepper.step(state, images, labels, learning_rate=0.1)
        return stepper.to_arrays(state)

    one, other = after(at_once=True), after(at_once=False)
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_allclose(values, other[name], rtol=1e-6, atol=1e-7, err_msg=name)
    begun = [0.0] * 4 + [1.0] * 4 + [0.0] * 6 + [1.0] * 6
    assert not np.isclose(one["statistics"], begun).any()


def test_layers_that_average_for_themselves_are_left_to_it(generator):
    images, labels = small_batch(generator)
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.BatchNormalization(momentum=0.5)(ConvBatchNorm(4, (3, 3), momentum=0.9)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(5)(keras.layers.GlobalAveragePooling2D()(outputs)))
    stepper = TrainStep(model, StepConfig())
    state, _ = stepper.step(stepper.initial(), images, labels, learning_rate=0.1)
    statistics = stepper.to_arrays(state)["statistics"]
    model(scaled(images), training=True)
    expected = np.concatenate([v.numpy() for v in model.non_trainable_weights])
    np.testing.assert_allclose(statistics, expected, rtol=1e-4, atol=1e-5)

"""Supernets: shared weights, of which a tensor chooses."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, mostly_slow

from nasnet_keras.genotypes.catalogue import DARTS_V2
from nasnet_keras.genotypes.operations import OPERATIONS
from nasnet_keras.search import spaces
from nasnet_keras.search.spaces.nasnet import BLOCK
from nasnet_keras.search.supernet.macro import layer_network, layer_supernet
from nasnet_keras.search.supernet.micro import cell_network, cell_supernet
from nasnet_keras.search.supernet.mixed import add_chosen, initial_weights, mixed_operation, operation_weights, read
from nasnet_keras.search.supernet.trainer import SupernetTrainer
from nasnet_keras.training import datasets
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.step import StepConfig, TrainStep

NETWORK = {"num_repeats": 1, "filters": 4, "classes": 10}
SPACES = {
    "enas": spaces.make("enas_micro"),
    "nasnet": spaces.make("nasnet", num_blocks=2, combines=("add",)),
    "darts": spaces.make(
        "nasnet",
        operations=sorted({edge.operation for block in DARTS_V2.normal.blocks for edge in block.edges}),
        num_blocks=3,
        combines=("add",),
    ),
}
ONE = spaces.make("enas_micro", operations=("sep_conv_3x3",), num_blocks=1)
TINY = spaces.make("nasnet", operations=("identity", "sep_conv_3x3"), num_blocks=1, combines=("add",))


def supernet(space, generator, shape=(12, 12, 3), **network):
    """With weights that say something: gammas and betas differ from channel to channel."""
    model = cell_supernet(space, shape, seed=0, **{**NETWORK, **network})
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + 0.1 * generator.standard_normal(variable.shape))
    return model


def images(generator, count=4, shape=(12, 12, 3)):
    return generator.standard_normal((count, *shape)).astype(np.float32)


def called(model, x, choices):
    return model([x, np.array(choices, np.int32)], training=True)


def test_counts_are_those_of_the_released_code():
    network = {"num_repeats": 2, "filters": 20, "classes": 10, "auxiliary_head": True}
    model = cell_supernet(spaces.make("enas_micro"), (32, 32, 3), seed=0, **network)
    sizes = {variable.path: int(np.prod(variable.shape)) for variable in model.trainable_weights}
    head = sum(size for path, size in sizes.items() if path.startswith("auxiliary"))
    assert (sum(sizes.values()) - head, head) == (5_373_140, 412_928)


@pytest.mark.parametrize("name", mostly_slow(SPACES, ("enas",)))
def test_a_fixed_architecture_is_the_network_of_its_weights(name, generator):
    space = SPACES[name]
    model, x = supernet(space, generator), images(generator)
    for _ in range(3):
        choices = space.sample(generator)
        alone = cell_network(model, space, choices, **NETWORK)
        assert difference(called(model, x, choices), alone(x, training=True)) < 1e-4
        assert (
            len(alone.inputs) == 1 and not [v for v in alone.variables if len(v.shape) == 2 and v.name == "kernel"][1:]
        )


def test_its_gradients_are_those_of_the_network_and_nothing_else_has_any(generator):
    space, x = SPACES["enas"], images(generator)
    model, choices = supernet(space, generator), space.sample(generator)
    alone = cell_network(model, space, choices, **NETWORK)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(called(model, x, choices) ** 2)
    paths = [variable.path for variable in model.trainable_variables]
    gradients = dict(zip(paths, tape.gradient(loss, model.trainable_weights), strict=True))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(alone(x, training=True) ** 2)
    expected = tape.gradient(loss, [v.value for v in alone.trainable_variables])
    norms = {v.path: float(tf.norm(g)) for v, g in zip(alone.trainable_variables, expected, strict=True)}
    for layer, weight in (("stem_conv", "kernel"), ("logits", "kernel"), ("reduction_1_current", "gamma")):
        np.testing.assert_allclose(
            float(tf.norm(gradients[f"{layer}/{weight}"])), norms[f"{layer}/{weight}"], rtol=1e-3
        )
    genotype = space.decode(choices)
    for cell in (layer for layer in model.layers if hasattr(layer, "edges")):
        fixed = getattr(genotype, cell.role)
        for (block, side), variable in cell.edges.items():
            gradient = np.asarray(tf.convert_to_tensor(gradients[variable.path]))
            edge = getattr(fixed.blocks[block], side)
            row = fixed.states.index(edge.input)
            assert not np.delete(gradient, row, axis=0).any(), "rows of other inputs"
            mine = [v for p, v in norms.items() if p.startswith(f"{cell.name}_block_{block}_{side}_")]
            np.testing.assert_allclose(np.linalg.norm(gradient), np.sqrt(np.sum(np.square(mine))), rtol=1e-3, atol=1e-5)


def test_every_choice_changes_the_output(generator):
    space = SPACES["enas"]
    model, x = supernet(space, generator), images(generator)
    function = tf.function(lambda choices: model([tf.constant(x), choices], training=True), autograph=False)
    base = list(space.sample(generator))
    for place, decision in enumerate(space.decisions[:20]):
        if BLOCK[place % len(BLOCK)] == "combine":
            continue
        outputs = []
        for choice in range(len(decision.choices)):
            outputs.append(function(tf.constant([*base[:place], choice, *base[place + 1 :]])).numpy())
        for one, other in itertools.combinations(outputs, 2):
            assert difference(one, other) > 1e-3, decision.name


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_can_be_mixed(name, generator):
    x = images(generator, 2, (8, 8, 8))
    names = ("conv_1x1", name)
    weights = initial_weights(names, 8, generator)
    assert len(weights) == sum(w.size for one in names for w in operation_weights(one, 8))
    with tf.GradientTape() as tape:
        vector = tf.constant(weights)
        tape.watch(vector)
        y = tf.function(mixed_operation, autograph=False)(tf.constant(x), tf.constant(1), vector, names, 1e-5)
    assert y.shape == x.shape
    gradient = tape.gradient(y, vector)
    first = sum(w.size for w in operation_weights(names[0], 8))
    assert not np.asarray(gradient)[:first].any()


def test_readers_add_their_gradients(generator):
    states = [tf.constant(generator.standard_normal((2, 3)), tf.float32) for _ in range(3)]

    @tf.function(autograph=False)
    def gradients(picks):
        with tf.GradientTape() as tape:
            tape.watch(states)
            now, total = states, 0.0
            for number in range(4):
                x, now = read(picks[number], now)
                total += (number + 1.0) * tf.reduce_sum(x)
            total += 10.0 * tf.reduce_sum(now[1])
        return tape.gradient(total, states)

    for picks, expected in (([0, 0, 2, 0], (7, 10, 3)), ([1, 2, 1, 1], (0, 18, 2))):
        for gradient, value in zip(gradients(tf.constant(picks)), expected, strict=True):
            np.testing.assert_array_equal(gradient, np.full((2, 3), value))


def test_a_hundred_architectures_are_one_trace(generator):
    space = spaces.make("enas_micro", num_blocks=1)
    model = cell_supernet(space, (8, 8, 1), seed=0, num_repeats=1, filters=2, classes=10)
    stepper = TrainStep(model, StepConfig(clip_norm=5.0, batch_statistics=True))
    state = stepper.initial()
    pixels = generator.integers(0, 256, (4, 8, 8, 1), dtype=np.uint8)
    for number in range(100):
        choices = np.array(space.sample(generator), np.int32)
        state, figures = stepper.step(state, pixels, np.arange(4, dtype=np.int32), learning_rate=0.01, choices=choices)
        if number % 10 == 0:
            assert np.isfinite(stepper.logits(state, pixels, choices=choices)).all()
    assert np.isfinite(np.asarray(figures)).all()
    for function in (stepper._step, stepper._predict):
        assert function.experimental_get_tracing_count() == 1


def test_the_auxiliary_head_learns_and_clipping_clips(generator):
    space, shape = TINY, (32, 32, 3)
    model = cell_supernet(space, shape, seed=0, **NETWORK, auxiliary_head=True)
    pixels = generator.integers(0, 256, (4, *shape), dtype=np.uint8)
    labels, choices = np.arange(4, dtype=np.int32), np.array(space.sample(generator), np.int32)
    moved = {}
    for clip in (None, 1e-3):
        stepper = TrainStep(model, StepConfig(clip_norm=clip, momentum=0.0, batch_statistics=True))
        before = stepper.to_arrays(stepper.initial())["parameters"]
        state, _ = stepper.step(stepper.initial(), pixels, labels, learning_rate=1.0, choices=choices)
        moved[clip] = stepper.to_arrays(state)["parameters"] - before
        stepper.assign(state, averaged=False)
        if clip is None:
            head = [v.numpy() for v in model.get_layer("auxiliary").trainable_variables]
    assert np.linalg.norm(moved[None]) > 0.1
    np.testing.assert_allclose(np.linalg.norm(moved[1e-3]), 1e-3, rtol=1e-3)
    fresh = cell_supernet(space, shape, seed=0, **NETWORK, auxiliary_head=True).get_layer("auxiliary")
    assert [h.shape for h in head] == [tuple(v.shape) for v in fresh.trainable_variables]
    start, kernels = 0, 0
    for variable in model.trainable_variables:
        size = int(np.prod(variable.shape))
        if variable.path.startswith("auxiliary"):
            kernels += 1
            assert np.abs(moved[None][start : start + size]).max() > 0.0, variable.path
        start += size
    assert kernels == 7


def test_it_is_judged_by_the_batch_and_without_dropout(generator):
    model = supernet(TINY, generator, dropout_rate=0.5)
    stepper = TrainStep(model, StepConfig(batch_statistics=True))
    state, choices = stepper.initial(), np.array(TINY.sample(generator), np.int32)
    pixels = generator.integers(0, 256, (8, 12, 12, 3), dtype=np.uint8)
    first, again = (stepper.logits(state, pixels, choices=choices) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    alone = cell_network(model, TINY, choices, **NETWORK)
    scaled = pixels.astype(np.float32) / 127.5 - 1.0
    assert difference(first, alone(scaled, training=True)) < 1e-4


def test_spaces_that_do_more_than_add_are_refused():
    with pytest.raises(ValueError, match="only add, got a space with add, concat"):
        cell_supernet(spaces.make("nasnet"), (8, 8, 1), seed=0, **NETWORK)


@pytest.mark.parametrize("space", [ONE, spaces.make("enas_macro", operations=("conv_3x3",), num_layers=3)], ids=str)
def test_a_supernet_learns_what_all_its_networks_can(space, generator):
    digits = datasets.load("digits")
    recipe = Recipe(8, 64, 0.1, warmup=0.1, pad=0, flip=False, muon_rate=0.1, drop_path_rate=0.3, sam_radius=0.5)
    trainer = SupernetTrainer(space, NETWORK, digits, recipe, seed=0)
    assert trainer.stepper.config.muon == trainer.stepper.config.sam_radius == 0.0, "for fixed networks"
    while trainer.step < trainer.total:
        trainer.architectures = np.array([space.sample(generator) for _ in range(trainer.steps_per_epoch)], np.int32)
        while not trainer.advance():
            pass
        trainer.end_epoch()
    accuracies = [trainer.accuracy(space.sample(generator), digits.validation) for _ in range(5)]
    assert np.mean(accuracies) > 0.4


def test_a_layer_wise_architecture_is_the_network_of_its_weights(generator):
    network = {"filters": 4, "classes": 10}
    for layers in (1, 4, 6):
        space, x = spaces.make("enas_macro", num_layers=layers), images(generator)
        model = layer_supernet(space, (12, 12, 3), seed=0, **network)
        for variable in model.trainable_variables:
            variable.assign(variable.numpy() + 0.1 * generator.standard_normal(variable.shape))
        for _ in range(3):
            choices = space.sample(generator)
            alone = layer_network(model, space, choices, **network)
            assert difference(called(model, x, choices), alone(x, training=True)) < 1e-4


def test_every_layer_and_every_skip_changes_the_output(generator):
    """In the released code, every choice of an operation was the last one."""
    space = spaces.make("enas_macro", num_layers=4)
    model, x = layer_supernet(space, (8, 8, 3), seed=0, filters=4, classes=10), images(generator, 4, (8, 8, 3))
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + 0.1 * generator.standard_normal(variable.shape))
    function = tf.function(lambda choices: model([tf.constant(x), choices], training=True), autograph=False)
    base = list(space.sample(generator))
    for place, decision in enumerate(space.decisions):
        outputs = [
            function(tf.constant([*base[:place], choice, *base[place + 1 :]])).numpy()
            for choice in range(len(decision.choices))
        ]
        for one, other in itertools.combinations(outputs, 2):
            assert difference(one, other) > 1e-4, decision.name


def test_skips_that_are_not_chosen_have_no_gradient_and_others_add_theirs(generator):
    total, x = (tf.constant(generator.standard_normal((2, 3)), tf.float32) for _ in range(2))

    @tf.function(autograph=False)
    def gradients(first, second):
        with tf.GradientTape() as tape:
            tape.watch([total, x])
            y, again = add_chosen(total, first, x)
            y, again = add_chosen(2.0 * y, second, again)
            value = tf.reduce_sum(y) + 10.0 * tf.reduce_sum(again)
        return tape.gradient(value, [total, x])

    for first, second, expected in ((True, True, 13), (True, False, 12), (False, True, 11), (False, False, 10)):
        of_total, of_x = gradients(tf.constant(first), tf.constant(second))
        np.testing.assert_array_equal(of_total, np.full((2, 3), 2.0))
        np.testing.assert_array_equal(of_x, np.full((2, 3), expected))

"""The same weights give the same outputs on every backend. Each backend needs a process of its own."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import mostly_fuzz


def installed(name, *marks):
    """A backend, as a parameter of a test that is skipped without it."""
    skip = pytest.mark.skipif(not importlib.util.find_spec(name), reason=f"{name} is not installed")
    return pytest.param(name, marks=[skip, *marks])


# What nasnet_a lacks of all operations: cells that wire the same operations differently are no other test of a backend.
REST = ("conv_1x3_3x1", "conv_1x7_7x1", "dil_conv_3x3", "max_pool_5x5", "max_pool_7x7", "conv_3x3", "conv_1x1")
REST += (
    "bottleneck_conv_3x3",
    "bottleneck_conv_1x7_7x1",
    "bottleneck_dil_conv_3x3",
    "max_pool_2x2",
    "dil_sep_conv_5x5",
    "dil_sep_conv_3x3",
    "skip_connect",
    "factorized_identity",
    "identity",
)
CELLS = ("nasnet_a", "rest")
TRAINED = {  # the custom gradients are TensorFlow's, and test_equivalence.py holds them to those of plain layers
    "tensorflow": ("enas_micro", "darts_v2"),
    "jax": ("nasnet_a", "rest"),
    "torch": ("nasnet_a",),
}
FUSED = ("nasnet_a", "rest", "chain", "stages")
SHORT = ("macro", "chain", "stages")  # the kinds of networks beside the cells that the job trains


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Run a function of this module in a process of its own, on another backend or processor."""
    # JAX compiles every step; that takes half the time without optimisation, and nothing where another process did it.
    settings = {
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

    def run(backend, action, folder, **environment):
        subprocess.run(
            [sys.executable, "-c", f"import test_backends; test_backends.{action}({str(folder)!r})"],
            check=True,
            timeout=1200,
            cwd=os.path.dirname(__file__),  # noqa: PTH120
            env={**settings, **os.environ, **environment, "KERAS_BACKEND": backend},
        )

    return run


def cases(names):
    """Genotypes by name."""
    return {name: genotype for name, genotype in _cases() if name in names}.items()


def _cases():
    from nasnet_keras import Block, Cell, ChainGenotype, ChainLayer, Edge, Genotype, Stage, StageGenotype, genotypes
    from nasnet_keras.genotypes import conventions

    yield from ((name, genotypes.get(name)) for name in genotypes.names())
    pairs = list(zip(REST[::2], REST[1::2], strict=True))
    blocks = [
        Block(Edge(a, "current"), Edge(b, "previous"), "concat" if i % 2 else "add") for i, (a, b) in enumerate(pairs)
    ]
    cell = Cell(blocks, ["current", *(f"block_{i}" for i in range(len(blocks)))])
    yield "rest", Genotype(cell, cell)
    yield "macro", conventions.from_enas_macro("0  5 1  4 0 1  1 1 0 0")
    first = [ChainLayer((3, 1), 24, strides=(2, 3)), ChainLayer((1, 7), 36), ChainLayer((5, 3), 24, ["layer_0"])]
    yield "chain", ChainGenotype([*first, ChainLayer((3, 3), 48, ["layer_0", "layer_1"], (3, 1))], ["layer_1"])
    few = [Stage("depthwise", 3, 8), Stage("inverted_bottleneck", 5, 8, 2, stride=2, expansion=3, squeeze_excite=0.25)]
    yield "stages", StageGenotype([*few, Stage("conv", 3, 8), Stage("depthwise", 7, 8, stride=2, skip="pool")], 8, 16)


def build(genotype, padding, **arguments):
    from nasnet_keras import Genotype, StageGenotype
    from nasnet_keras.networks.any import network_from_genotype, size_arguments

    sizes = {"num_repeats": 1, "filters": 4, "stem": "cifar", "alpha": 1, "stem_stride": 2}
    arguments = {name: sizes[name] for name in size_arguments(genotype)} | arguments
    arguments |= {"padding": padding} if isinstance(genotype, Genotype) else {}
    arguments |= {"padding": "torch"} if isinstance(genotype, StageGenotype) else {}
    return network_from_genotype(genotype, (33, 34, 3), classes=5, **arguments)


def write(folder, names):
    """Weights and outputs of the first backend."""
    from helpers import randomize

    generator = np.random.default_rng(0)
    images = generator.normal(size=(2, 33, 34, 3)).astype("float32")
    np.save(f"{folder}/images.npy", images)
    for index, (name, genotype) in enumerate(cases(names)):
        model = build(genotype, "keras" if index % 2 else "same", classifier_activation=None)
        randomize(model, generator)
        model.save_weights(f"{folder}/{name}.weights.h5")
        np.save(f"{folder}/{name}.npy", model(images))


def compare(folder, names):
    """Outputs of another backend."""
    from helpers import difference

    from nasnet_keras import fuse_for_inference

    images = np.load(f"{folder}/images.npy")
    for index, (name, genotype) in enumerate(cases(names)):
        padding, weights = "keras" if index % 2 else "same", f"{folder}/{name}.weights.h5"
        model = build(genotype, padding, weights=weights, classifier_activation=None)
        expected = np.load(f"{folder}/{name}.npy")
        assert difference(model.predict(images, verbose=0), expected) < 1e-4, name
        if name in FUSED:
            assert difference(fuse_for_inference(model).predict(images, verbose=0), expected) < 1e-4, name


def learn(names):
    """Forward and backward in training: the loss falls, drop-path and the auxiliary head take part."""
    import keras

    from nasnet_keras import DropPathSchedule

    generator = np.random.default_rng(0)
    labels = np.arange(16) % 5
    images = (generator.normal(size=(16, 33, 34, 3)) + labels[:, None, None, None]).astype("float32")
    for name, genotype in cases(names):
        keras.utils.set_random_seed(0)
        # With eight filters a bottleneck has two: the scale of a single one is undone by the next normalisation.
        model = build(genotype, "same", filters=8, auxiliary_head=True, drop_path_rate=0.1)
        loss = "sparse_categorical_crossentropy"
        model.compile(keras.optimizers.SGD(0.02), {"logits": loss, "auxiliary": loss}, loss_weights=[1.0, 0.4])
        targets = {"logits": labels, "auxiliary": labels}
        before = model.get_weights()
        schedule = DropPathSchedule(12)
        losses = model.fit(images, targets, batch_size=8, epochs=3, verbose=0, callbacks=[schedule]).history["loss"]
        assert np.isfinite(losses).all() and min(losses[1:]) < losses[0], (name, losses)
        changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
        assert all(changed), (name, [w.path for w, c in zip(model.weights, changed, strict=True) if not c])


def steps(model, images, labels):
    """The weights, averages and figures after two steps of the training job."""
    from nasnet_keras.training.step import StepConfig, TrainStep

    stepper = TrainStep(
        model, StepConfig(label_smoothing=0.1, weight_decay=1e-3, clip_norm=0.5, muon=0.5, sam_radius=0.1)
    )
    state = stepper.initial()
    for _ in range(2):
        state, figures = stepper.step(state, images, labels, learning_rate=0.05, average_decay=0.5)
    stepper.assign(state)
    logits = stepper.logits(state, images)
    return [*model.get_weights(), np.asarray([float(value) for value in figures]), logits]


def write_steps(folder):
    from helpers import randomize

    from nasnet_keras import NASNetFromGenotype

    generator = np.random.default_rng(0)
    model = NASNetFromGenotype("nasnet_a", (16, 16, 3), num_repeats=1, filters=4, classifier_activation=None)
    randomize(model, generator)
    model.save_weights(f"{folder}/start.weights.h5")
    images, labels = generator.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8), generator.integers(0, 10, 8)
    np.savez(f"{folder}/batch.npz", images=images, labels=labels.astype(np.int32))
    np.savez(f"{folder}/steps.npz", *steps(model, images, labels.astype(np.int32)))


def compare_steps(folder):
    from nasnet_keras import NASNetFromGenotype

    weights = f"{folder}/start.weights.h5"
    arguments = {"num_repeats": 1, "filters": 4, "classifier_activation": None, "weights": weights}
    model = NASNetFromGenotype("nasnet_a", (16, 16, 3), **arguments)
    with np.load(f"{folder}/batch.npz") as batch:
        found = steps(model, batch["images"], batch["labels"])
    with np.load(f"{folder}/steps.npz") as expected:
        for index, value in enumerate(found):
            np.testing.assert_allclose(value, expected[f"arr_{index}"], rtol=2e-3, atol=2e-4)


def job(folder):
    """The training job from an `.npz`, without TensorFlow; then it goes on after a stop."""
    from helpers import SMALL_GENOTYPE

    from nasnet_keras.training import datasets
    from nasnet_keras.training.config import TrainingConfig
    from nasnet_keras.training.errors import Stopped
    from nasnet_keras.training.job import train
    from nasnet_keras.training.recipes import Recipe
    from nasnet_keras.training.trainer import Trainer

    backend = os.environ["KERAS_BACKEND"]
    data = datasets.load("digits")
    path = f"{folder}/{backend}.npz"
    np.savez(
        path,
        train_images=data.train.images[:256],
        train_labels=data.train.labels[:256],
        test_images=data.test.images,
        test_labels=data.test.labels,
    )
    data = datasets.load(path)
    recipe = Recipe(epochs=4, batch_size=64, learning_rate=0.1, flip=False, pad=1, drop_path_rate=0.1, dropout_rate=0.1)
    config = TrainingConfig(f"{folder}/{backend}", SMALL_GENOTYPE, recipe=recipe, num_repeats=1, filters=8)
    advance = Trainer.advance

    def interrupted(trainer):
        epoch_ends = advance(trainer)
        if trainer.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return epoch_ends

    Trainer.advance = interrupted
    try:
        train(config, data)
    except Stopped:
        pass
    else:
        raise AssertionError("the run was not stopped")
    Trainer.advance = advance
    result = train(config, data)
    assert [entry["epoch"] for entry in result.history] == [1, 2, 3, 4]
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    _fine_tune(result.path, data, f"{folder}/{backend}_finetuned")
    assert "tensorflow" not in sys.modules or "tensorboard" in sys.modules


def _fine_tune(model, data, workdir):
    """What the job made becomes a classifier of odd and even digits."""
    from nasnet_keras import pretrained
    from nasnet_keras.pretrained import head

    head._EPOCHS = 12  # enough, and a third of the time
    images = data.train.images[:96], data.train.labels[:96] % 2
    result = pretrained.fine_tune(model, images, workdir=workdir, epochs=1, pad=1, flip=False)
    answers = result.predict(images[0][:8])
    assert {answer.label for answer in answers} <= {"0", "1"} and len(result.history) == 2
    assert result.accuracy > 0.6, result.history


def strides_of_narrow_images(folder):
    del folder
    import keras

    from nasnet_keras.layers.convolution import ConvBatchNorm
    from nasnet_keras.training.step import StepConfig, TrainStep
    from nasnet_keras.utils import environment

    environment.prepare()
    steppers = []
    for strides, side in ((2, 8), (1, 4)):
        image = keras.Input((side, side, 4))
        features = ConvBatchNorm(6, strides=(strides, strides))(image)
        model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(features))
        steppers.append(TrainStep(model, StepConfig()))
    strided, plain = steppers
    plain.model.set_weights(strided.model.get_weights())
    generator = np.random.default_rng(0)
    for _ in range(20):
        images = generator.integers(0, 256, (5, 8, 8, 4)).astype("uint8")
        labels = generator.integers(0, 6, 5).astype("int32")
        state, _ = strided.step(strided.initial(), images, labels, learning_rate=1.0)
        expected, _ = plain.step(plain.initial(), images[:, ::2, ::2], labels, learning_rate=1.0)
        difference = strided.to_arrays(state)["parameters"] - plain.to_arrays(expected)["parameters"]
        assert np.abs(difference).max() < 1e-4, difference


def searching_is_refused(folder):
    """Children and controllers run on TensorFlow."""
    from nasnet_keras.search import SearchConfig, run

    try:
        run(SearchConfig(f"{folder}/study", executor="inline"))
    except ValueError as error:
        assert "set KERAS_BACKEND=tensorflow" in str(error), error
    else:
        raise AssertionError("the search was not refused")
    assert not Path(folder, "study").exists()


def everything(folder):
    """All that a backend is held to, in one process: each takes seconds to start, and compiles what others did."""
    compare(folder, CELLS)
    compare_steps(folder)
    learn(TRAINED[os.environ["KERAS_BACKEND"]])


def essentials(folder):
    """Every kind of network, the training job, and what runs on TensorFlow alone."""
    compare(folder, SHORT)
    job(folder)
    searching_is_refused(folder)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """What the backend of this process, TensorFlow, answers and learns."""
    folder = tmp_path_factory.mktemp("reference")
    write(folder, CELLS)
    write_steps(folder)
    return folder


@pytest.fixture(scope="module")
def short_reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("short_reference")
    write(folder, SHORT)
    return folder


@pytest.mark.parametrize("backend", [installed("jax"), installed("torch", pytest.mark.slow)])
def test_another_backend(backend, run, short_reference, tmp_path):
    shutil.copytree(short_reference, tmp_path, dirs_exist_ok=True)
    run(backend, "essentials", tmp_path)


def test_every_operation_is_compared():
    from nasnet_keras.genotypes.operations import OPERATIONS

    cells = [cell for _, genotype in cases(CELLS) for cell in (genotype.normal, genotype.reduction)]
    assert {edge.operation for cell in cells for block in cell.blocks for edge in block.edges} == {*OPERATIONS}


@pytest.mark.slow
@pytest.mark.parametrize("backend", [installed("jax"), installed("torch")])
def test_everything_on_another_backend(backend, run, reference, tmp_path):
    shutil.copytree(reference, tmp_path, dirs_exist_ok=True)
    run(backend, "everything", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_fuzz(TRAINED["tensorflow"], ["darts_v2"]))
def test_training(name):
    learn((name,))


@pytest.mark.parametrize(
    "backend", ["tensorflow", installed("torch", pytest.mark.slow)]
)  # JAX does not compute by oneDNN
def test_strides_over_narrow_images_on_a_processor_without_avx512(backend, run, tmp_path):
    run(backend, "strides_of_narrow_images", tmp_path, ONEDNN_MAX_CPU_ISA="AVX2")

"""Fused networks of stages: depthwise convolutions that are normalised, squeeze-and-excite, PyTorch's padding."""

import keras
import numpy as np
import pytest
from helpers import difference, mostly_fuzz, mostly_slow, randomize
from hypothesis import given, settings
from hypothesis import strategies as st
from test_stages import GENOTYPES, MIXED

from nasnet_keras import StagesFromGenotype, applications, export, fuse_for_inference
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.targets import ONNX_RUNTIME, TENSORFLOW, XNNPACK, Target
from nasnet_keras.layers import ConvBatchNorm, DepthwiseBatchNorm, SqueezeExcite

TOLERANCE = 1e-5
ENGINES = (TENSORFLOW, ONNX_RUNTIME, XNNPACK, Target(multiple=5, most_taps=9))
PATHS = {"saved_model": "folder", "litert": "model.tflite", "onnx": "model.onnx"}


def block(x, filters, size, stride, padding, name, reduced=0):
    """An inverted bottleneck by the rules of the builders: who reads a convolution's map applies the ReLU."""
    y = ConvBatchNorm(3 * x.shape[-1], relu=False, name=f"{name}_expand")(x)
    y = DepthwiseBatchNorm(size, strides=stride, padding=padding, name=f"{name}_depthwise")(y)
    if reduced:
        y = keras.layers.ReLU(name=f"{name}_relu")(y)
        y = SqueezeExcite(reduced, name=f"{name}_excite")(y)
    y = ConvBatchNorm(filters, relu=not reduced, name=f"{name}_project")(y)
    return keras.layers.Add(name=f"{name}_add")([x, y]) if stride == 1 and filters == x.shape[-1] else y


def network(generator, padding, shape=(None, None, 3)):
    """Kernels of 3, 5 and 7, widths that are multiples of nothing, with and without squeeze-and-excite and skips."""
    image = keras.Input(shape)
    x = ConvBatchNorm(7, (3, 3), strides=(2, 2), padding=padding, relu=False, name="stem")(image)
    x = ConvBatchNorm(6, name="first")(DepthwiseBatchNorm(7, padding=padding, name="first_depthwise")(x))
    rows = [(9, 7, 2, 2), (9, 5, 1, 3), (11, 3, 2, 0)]
    for index, (filters, size, stride, reduced) in enumerate(rows):
        x = block(x, filters, size, stride, padding, f"block_{index}", reduced)
    x = keras.layers.ReLU()(ConvBatchNorm(20, relu=False, name="head")(x))
    x = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, keras.layers.Dense(5)(x))
    randomize(model, generator)
    return model


@pytest.mark.parametrize(
    ("padding", "size"), mostly_fuzz([(p, s) for p in ("same", "torch") for s in (32, 45)], [("torch", 32)])
)
def test_outputs_on_every_engine(padding, size, generator):
    model = network(generator, padding)
    x = generator.normal(size=(2, size, size + 1, 3)).astype("float32")
    expected = np.asarray(model(x))
    for target in ENGINES:
        faster = fused(model, target)
        assert difference(faster(x), expected) < TOLERANCE, target
        again = fused(faster, ENGINES[-1])
        assert difference(again(x), expected) < TOLERANCE, target


def check(genotype, padding, alpha, generator, targets=ENGINES):
    arguments = {"classes": 3, "classifier_activation": None, "alpha": alpha, "stem_stride": 1, "padding": padding}
    model = StagesFromGenotype(genotype, (None, None, 2), **arguments)
    randomize(model, generator)
    x = generator.normal(size=(2, 13, 10, 2)).astype("float32")
    expected = np.asarray(model(x))
    for target in targets:
        assert difference(fused(model, target)(x), expected) < TOLERANCE, target


@pytest.mark.parametrize("padding", ["same", "torch"])
def test_a_genotype_of_every_kind_of_stage(padding, generator):
    check(MIXED, padding, 1.3, generator, ENGINES[1:3])


@pytest.mark.slow
@given(GENOTYPES, st.sampled_from((0.5, 1.3)), st.sampled_from(("same", "torch")), st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_any_genotype(genotype, alpha, padding, seed):
    check(genotype, padding, alpha, np.random.default_rng(seed))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MnasNetA1", "MnasNetB1", "MnasNetSmall", "MnasNetD1"])
def test_named_models(name, generator):
    model = getattr(applications, name)((64, 64, 3), alpha=0.5, classes=7, classifier_activation=None)
    randomize(model, generator)
    x = generator.normal(size=(2, 64, 64, 3)).astype("float32")
    for target in ENGINES[:3]:
        faster = fused(model, target)
        assert difference(faster(x), model(x)) < TOLERANCE
        assert not [weight.path for weight in faster.weights if weight.name.startswith(("gamma", "moving"))]


def test_every_normalisation_and_relu_is_inside_a_convolution(generator):
    model = network(generator, "torch", (32, 32, 3))
    for target in ENGINES:
        faster = fused(model, target)
        assert not [
            layer for layer in faster.layers if isinstance(layer, keras.layers.ReLU | keras.layers.BatchNormalization)
        ]
        names = [weight.name for weight in faster.weights]
        assert set(names) <= {"kernel", "bias", "reduce_kernel", "reduce_bias", "expand_kernel", "expand_bias"}
        widths = [layer.filters for layer in faster.layers if type(layer).__name__ == "FixedConv2D"]
        assert len(widths) == 9 and all(width % target.multiple == 0 for width in widths)


def test_a_fused_network_is_saved_and_loaded(generator, tmp_path):
    model = network(generator, "torch")
    x = generator.normal(size=(2, 33, 40, 3)).astype("float32")
    faster = fused(model, Target(multiple=16, most_taps=25, plain_relus=True))
    faster.save(tmp_path / "fused.keras")
    loaded = keras.models.load_model(tmp_path / "fused.keras")
    assert np.array_equal(loaded.predict(x, verbose=0), faster.predict(x, verbose=0))
    assert difference(fuse_for_inference(loaded)(x), model(x)) < TOLERANCE


@pytest.mark.parametrize("format_", mostly_slow(PATHS, ["litert", "onnx"]))
def test_files_compute_the_same_for_images_of_any_size(format_, tmp_path, generator):
    model = network(generator, "torch")
    path = tmp_path / PATHS[format_]
    report = export(model, path, format_, images=generator.normal(size=(3, 32, 45, 3)).astype("float32"))
    assert report.difference < TOLERANCE and report.agreement == 1.0
    other = generator.normal(size=(1, 40, 31, 3)).astype("float32")
    assert difference(FORMATS[format_].run(path, other), model(other)) < TOLERANCE

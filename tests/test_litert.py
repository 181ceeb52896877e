"""Files for LiteRT: XNNPACK runs each as a whole."""

from collections import Counter

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from helpers import difference, randomize

from nasnet_keras import NASNetFromGenotype, export, fuse_for_inference, genotypes
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.graph import Concat, Conv, Input, topological
from nasnet_keras.inference.layers import kernel_bands
from nasnet_keras.inference.passes import concats_cut, passed
from nasnet_keras.inference.reading import read
from nasnet_keras.inference.targets import TENSORFLOW, XNNPACK
from nasnet_keras.layers import (
    ConvBatchNorm,
    DepthwiseBatchNorm,
    FactorizedReduction,
    PaddedPooling2D,
    SeparableConvBatchNorm,
)

EXPORTED = ("amoebanet_d", "pnasnet_5", "enas_micro", "darts_v2")  # cells that stand for the catalogue


def operations(path) -> Counter:
    """The operations of a file, and as "DELEGATE" the parts that XNNPACK runs."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    return Counter(operation["op_name"] for operation in interpreter._get_ops_details())


def constants(path):
    """The operation that reads each constant of a file, and the constant's shape."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    shapes = {tensor["index"]: tensor["shape"].tolist() for tensor in interpreter.get_tensor_details()}
    for operation in interpreter._get_ops_details():
        yield operation["op_name"], shapes[operation["inputs"][1]] if len(operation["inputs"]) > 1 else []


def test_the_exported_cells_have_every_operation_of_the_catalogue():
    def operations_of(names):
        cells = [(kind, getattr(genotypes.get(name), kind)) for name in names for kind in ("normal", "reduction")]
        return {(kind, edge.operation) for kind, cell in cells for block in cell.blocks for edge in block.edges}

    assert operations_of(EXPORTED) == operations_of(genotypes.names())


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTED)
def test_xnnpack_runs_every_operation_of_the_catalogue_in_one_part(name, tmp_path, generator):
    model = NASNetFromGenotype(name, (32, 32, 3), num_repeats=1, filters=8, classes=5)
    randomize(model, generator)
    assert export(model, tmp_path / "a.tflite", "litert").agreement == 1.0
    found = operations(tmp_path / "a.tflite")
    assert found["DELEGATE"] == 1 and "SPACE_TO_BATCH_ND" not in found


@pytest.mark.parametrize("shape", [(17, 16, 3), (None, None, 3)])
def test_dilations_and_long_concatenations_are_one_operation_each(shape, tmp_path, generator):
    image = keras.Input(shape)
    x = [SeparableConvBatchNorm(8, 3, strides=2, dilation=rate)(image) for rate in (1, 2, 4, 6)]
    x += [keras.layers.MaxPooling2D(2, 2, "same")(image) for _ in range(5)]
    x = SeparableConvBatchNorm(4, 5, dilation=2)(keras.layers.Concatenate()(x))
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))
    randomize(model, generator)
    images = generator.normal(size=(2, 17, 16, 3)).astype("float32")
    assert difference(fused(model, XNNPACK)(images), model(images)) < 1e-5
    assert difference(fuse_for_inference(fused(model, XNNPACK))(images), model(images)) < 1e-5
    path = tmp_path / "a.tflite"
    export(model, path, "litert", images=images)
    found = operations(path)
    assert (found["DELEGATE"], found["DEPTHWISE_CONV_2D"], found["CONCATENATION"]) == (1, 5, 2)
    assert not found.keys() & {"SPACE_TO_BATCH_ND", "STRIDED_SLICE"}
    other = generator.normal(size=(1, 17, 16, 3)).astype("float32")
    assert difference(FORMATS["litert"].run(path, other), model(other)) < 1e-5


@pytest.mark.parametrize("size", [3, 5, 6, 7, 8, 9, 11])
@pytest.mark.parametrize("most", [9, 25])
def test_bands_make_up_their_kernel(size, most, generator):
    kernel = generator.normal(size=(size, size, 2))
    total = np.zeros_like(kernel)
    for band, dilation in kernel_bands(kernel, most):
        assert band.shape[0] * band.shape[1] <= most
        extents = [(taps - 1) * rate + 1 for taps, rate in zip(band.shape, dilation, strict=False)]
        places = (slice((size - e) // 2, (size + e) // 2, rate) for e, rate in zip(extents, dilation, strict=True))
        assert all((size - extent) % 2 == 0 for extent in extents)
        total[tuple(places)] += band
    assert np.array_equal(total, kernel)


@pytest.mark.parametrize(
    ("padding", "shape"), [("same", (17, 16, 3)), ("same", (None, None, 3)), ("torch", (17, 16, 3))]
)
def test_large_kernels_and_reductions_copy_no_map(padding, shape, tmp_path, generator):
    image = keras.Input(shape)
    x = image
    for filters, stride in ((8, 1), (9, 2)):
        x = DepthwiseBatchNorm(7, strides=stride, padding=padding)(ConvBatchNorm(filters)(x))
    x = keras.layers.Concatenate()([FactorizedReduction(filters)(x) for filters in (1, 6, 7)])
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))
    randomize(model, generator)
    images = generator.normal(size=(2, 17, 16, 3)).astype("float32")
    assert difference(fused(model, XNNPACK)(images), model(images)) < 1e-5
    assert difference(fuse_for_inference(fused(model, XNNPACK))(images), model(images)) < 1e-5
    path = tmp_path / "a.tflite"
    assert export(model, path, "litert", images=images).difference < 1e-5
    found = operations(path)
    assert found["DELEGATE"] == 1 and found["DEPTHWISE_CONV_2D"] == 12 + 1
    assert padding == "torch" or not found.keys() & {"PAD", "PADV2", "STRIDED_SLICE", "SLICE"}
    kernels = [shape for name, shape in constants(path) if name.startswith("CONV_2D")]
    assert all(shape[1:3] == [1, 1] for shape in kernels)


@pytest.mark.parametrize("shape", [(17, 16, 3), (9, 12, 3), (None, None, 3)])
def test_pools_with_borders(shape, tmp_path, generator):
    image = keras.Input(shape)
    x = keras.layers.Concatenate()([PaddedPooling2D(kind, size)(image) for kind in ("max", "avg") for size in (3, 5)])
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalMaxPooling2D()(x)))
    randomize(model, generator)
    images = generator.normal(-1, 1, (2, *(size or 12 for size in shape))).astype("float32")
    for target in (XNNPACK, TENSORFLOW):
        assert difference(fused(fused(model, XNNPACK), target)(images), model(images)) < 1e-5
    assert export(model, tmp_path / "a.tflite", "litert", images=images).difference < 1e-5
    found = operations(tmp_path / "a.tflite")
    if None not in shape:
        assert found["DELEGATE"] == 1 and not found.keys() & {"PAD", "PADV2", "AVERAGE_POOL_2D"}


def test_convolutions_that_read_the_same_are_merged_where_that_fills_tiles(generator):
    image = keras.Input((8, 8, 40))
    groups = ((44, 44), (176, 176), (88, 88), (44, 88), (11, 11, 11))
    filters = [number for group in groups for number in group]
    inputs = [keras.layers.MaxPooling2D(size + 1, 1, "same")(image) for size in range(len(groups))]
    xs = [ConvBatchNorm(number)(x) for x, group in zip(inputs, groups, strict=True) for number in group]
    model = keras.Model(image, keras.layers.Concatenate()(xs))
    randomize(model, generator)
    convolutions = [node for node in topological(passed(read(model), XNNPACK)) if isinstance(node, Conv)]
    assert sorted(node.channels for node in convolutions) == sorted([88, 352, 88, 88, 44, 88, 11, 11, 11])
    assert sum(filters) == model.output.shape[-1]
    images = generator.normal(size=(2, 8, 8, 40)).astype("float32")
    assert difference(fused(model, XNNPACK)(images), model(images)) < 1e-5


@pytest.mark.parametrize("number", range(1, 20))
def test_concatenations_are_cut(number):
    parts = [Input(str(index), (), (4, 4, index + 1), "float32") for index in range(number)]
    cut = concats_cut(Concat("all", tuple(parts)), 5)
    concats = [node for node in topological(cut) if isinstance(node, Concat)]
    assert all(len(node.inputs) <= 5 for node in concats) and len(concats) == max(1, -(-(number - 1) // 4))
    assert [node for node in topological(cut) if isinstance(node, Input)] == parts
    assert cut.channels == sum(range(1, number + 1))

"""Files for LiteRT: XNNPACK runs each as a whole."""

from collections import Counter

import keras
import pytest
from ai_edge_litert.interpreter import Interpreter
from helpers import difference, randomize

from nasnet_keras import NASNetFromGenotype, export, fuse_for_inference, genotypes
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.graph import Concat, Input, topological
from nasnet_keras.inference.passes import concats_cut
from nasnet_keras.inference.targets import XNNPACK
from nasnet_keras.layers.convolution import SeparableConvBatchNorm


def operations(path) -> Counter:
    """The operations of a file, and as "DELEGATE" the parts that XNNPACK runs."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    return Counter(operation["op_name"] for operation in interpreter._get_ops_details())


@pytest.mark.slow
@pytest.mark.parametrize("name", genotypes.names())
def test_xnnpack_runs_every_catalogue_cell_in_one_part(name, tmp_path, generator):
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


@pytest.mark.parametrize("number", range(1, 20))
def test_concatenations_are_cut(number):
    parts = [Input(str(index), (), (4, 4, index + 1), "float32") for index in range(number)]
    cut = concats_cut(Concat("all", tuple(parts)), 5)
    concats = [node for node in topological(cut) if isinstance(node, Concat)]
    assert all(len(node.inputs) <= 5 for node in concats) and len(concats) == max(1, -(-(number - 1) // 4))
    assert [node for node in topological(cut) if isinstance(node, Input)] == parts
    assert cut.channels == sum(range(1, number + 1))

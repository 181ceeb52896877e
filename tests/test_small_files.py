"""`optimize="size"`: smaller files that answer the same, and what made the others larger."""

import importlib.util

import numpy as np
import onnx
import pytest
from helpers import difference, mostly_slow, randomize
from test_house import ROOT

from nasnet_keras import Block, Cell, Edge, ExportError, Genotype, NASNetFromGenotype, export
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.inference.litert_file import read
from nasnet_keras.inference.onnx import shrink


@pytest.fixture(scope="module")
def model():
    """Of kernels that are written in parts for speed, and of widths that are no multiples of 8 or 16."""
    cell = Cell([Block(Edge("sep_conv_7x7", "current"), Edge("identity", "previous"))], ["block_0"])
    made = NASNetFromGenotype(Genotype(cell, cell), (16, 16, 3), num_repeats=1, filters=9)
    randomize(made, np.random.default_rng(0))
    return made


def names_within(path):
    """The names of a file, but those of what it reads and writes."""
    if path.suffix == ".onnx":
        graph = onnx.load(path).graph
        outside = {value.name for value in (*graph.input, *graph.output)}
        return {name for node in graph.node for name in (node.name, *node.input, *node.output)} - outside
    (graph,) = read(path.read_bytes()).subgraphs
    outside = {*graph.inputs, *graph.outputs}
    return {tensor.name.decode() for number, tensor in enumerate(graph.tensors) if number not in outside}


@pytest.mark.parametrize("name", mostly_slow(["a.tflite", "a.onnx", "a.xml", "folder"], ["a.tflite", "a.onnx"]))
def test_it_is_smaller_and_answers_the_same(name, model, tmp_path, generator):
    images = generator.normal(size=(3, 16, 16, 3)).astype("float32")
    fast = export(model, tmp_path / name, images=images)
    small = export(model, tmp_path / name, images=images, optimize="size")
    assert small.difference < 1e-5 and small.agreement == 1 and small.parameters_size == 4 * model.count_params()
    assert small.size < (0.9 if name != "folder" else 1.01) * fast.size
    assert difference(FORMATS[small.format].run(tmp_path / name, images), model(images)) < 1e-4
    if name in ("a.tflite", "a.onnx"):
        assert max(map(len, names_within(tmp_path / name))) < 6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.tflite", "a.onnx"])
def test_it_is_quantized_as_the_other(name, model, tmp_path, generator):
    noise, colors = generator.normal(size=(40, 16, 16, 3)), generator.normal(size=(40, 1, 1, 3))
    images = np.clip(0.2 * noise + 0.6 * colors, -1, 1).astype("float32")
    given = {"quantization": "int8", "calibration": images, "min_agreement": 0}
    fast = export(model, tmp_path / name, **given).size
    assert export(model, tmp_path / name, **given, optimize="size").size < fast
    assert np.isfinite(FORMATS["litert" if name == "a.tflite" else "onnx"].run(tmp_path / name, images)).all()


def test_short_names_are_none_of_those_that_stay(tmp_path):
    """A model of Keras may call its input or output as a short name is."""
    kind, shape = onnx.TensorProto.FLOAT, (2,)
    outside = [onnx.helper.make_tensor_value_info(name, kind, shape) for name in ("t1", "t0")]
    steps = [("t1", "first"), ("first", "second"), ("second", "t0")]
    nodes = [onnx.helper.make_node("Neg", [read], [written]) for read, written in steps]
    model = onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", outside[:1], outside[1:]))
    path = tmp_path / "a.onnx"
    onnx.save(model, path)
    shrink(path)
    graph = onnx.load(path).graph
    assert [(*node.input, *node.output) for node in graph.node] == [("t1", "t2"), ("t2", "t3"), ("t3", "t0")]


def test_aims_are_two(model, tmp_path):
    for aim in ("small", None, 1):
        with pytest.raises(ExportError, match="optimize must be 'speed' or 'size', got"):
            export(model, tmp_path / "a.tflite", optimize=aim)


def test_the_benchmark_counts_every_byte(model, tmp_path):
    spec = importlib.util.spec_from_file_location("sizes", ROOT / "benchmarks" / "sizes.py")
    sizes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sizes)
    data = export(model, tmp_path / "a.tflite").path.read_bytes()
    depthwise, others, constants, names, rest = sizes.parts(data)
    assert depthwise + others + constants + names + rest == len(data) and min(constants, names, rest) > 0
    kernels = sum(4 * int(np.prod(weight.shape)) for weight in model.weights if "kernel" in weight.name)
    assert kernels <= depthwise + others < 1.1 * kernels, "picks of factorized reductions are depthwise, too"

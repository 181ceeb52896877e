"""Exported models: run in their own runtimes, equal to their sources; and what goes wrong leaves files as they were."""

import dataclasses
import importlib.util
import os
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from helpers import difference, randomize

from nasnet_keras import (
    Block,
    Cell,
    ChainFromGenotype,
    ChainGenotype,
    ChainLayer,
    Edge,
    ExportError,
    Genotype,
    MacroGenotype,
    MacroLayer,
    NASBench201FromGenotype,
    NASNetFromGenotype,
    Stage,
    StageGenotype,
    StagesFromGenotype,
    applications,
    export,
    fuse_for_inference,
    pretrained,
)
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.inference.logits import split
from nasnet_keras.inference.naming import format_for, format_named
from nasnet_keras.layers.auxiliary import AuxiliaryHead

PATHS = {"saved_model": "folder", "litert": "model.tflite", "onnx": "model.onnx"}


@pytest.fixture(scope="module")
def model():
    """Of separable convolutions up to 7×7, which LiteRT gets in bands, and widths that ONNX gets rounded up."""
    blocks = [
        Block(Edge("sep_conv_7x7", "current"), Edge("dil_sep_conv_3x3", "previous")),
        Block(Edge("avg_pool_3x3", "block_0"), Edge("identity", "current")),
    ]
    cell = Cell(blocks, ["block_0", "block_1"])
    made = NASNetFromGenotype(Genotype(cell, cell), (None, None, 3), num_repeats=1, filters=6)
    randomize(made, np.random.default_rng(0))
    return made


@pytest.fixture(scope="module")
def plain():
    """For what is no matter of the network: quickly exported, and too large for a disk of 20,000 bytes."""
    image = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(64, 7, padding="same")(image))
    return keras.Model(image, keras.layers.Dense(3)(pooled))


def computed_kernels(path) -> list[str]:
    """The convolutions and products of a file whose kernels are no constants of it."""
    if path.suffix == ".onnx":
        graph = onnx.load(path).graph
        constants = {value.name for value in graph.initializer}
        constants |= {node.output[0] for node in graph.node if node.op_type == "Constant"}
        found = [(node.op_type, node.input[1:]) for node in graph.node if node.op_type in ("Conv", "MatMul", "Gemm")]
    else:
        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        interpreter = Interpreter(str(path), experimental_op_resolver_type=plain)
        operations = interpreter._get_ops_details()
        given = {tensor["index"] for tensor in interpreter.get_input_details()}
        made = given.union(*(operation["outputs"].tolist() for operation in operations))
        constants = {tensor["index"] for tensor in interpreter.get_tensor_details()} - made
        kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL")
        found = [(each["op_name"], each["inputs"].tolist()[1:]) for each in operations if each["op_name"] in kinds]
    assert len(found) > 5
    return [kind for kind, weights in found if not set(weights) <= constants | {-1}]


@pytest.mark.filterwarnings("error::FutureWarning")  # of libraries, which users cannot mend
@pytest.mark.parametrize("format_", PATHS)
def test_formats(model, format_, tmp_path, generator):
    path = tmp_path / PATHS[format_]
    images, environment = generator.normal(size=(3, 24, 17, 3)).astype("float32"), dict(os.environ)
    report = export(model, path, images=images)
    assert os.environ == environment  # some exporters change it for all later processes
    assert (report.path, report.format, report.images, report.agreement) == (path, format_, 3, 1.0)
    assert 0 <= report.difference < 1e-5
    assert report.size == sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())
    assert format_ in str(report) and "100%" in str(report)
    # Any number of images of any size, and what a fused model is exported to computes the same.
    other = generator.normal(size=(1, 32, 32, 3)).astype("float32")
    got = FORMATS[format_].run(path, other)
    assert difference(got, model(other)) < 1e-4
    export(fuse_for_inference(model), path, format_, images=other)
    assert difference(FORMATS[format_].run(path, other), got) < 1e-4
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert format_ == "saved_model" or not computed_kernels(path)


def test_a_saved_model_holds_each_weight_once(tmp_path, generator):
    image = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(64, 7, padding="same")(keras.layers.Conv2D(64, 3)(image))
    model = keras.Model(image, keras.layers.Dense(100, "softmax")(keras.layers.Flatten()(x)))
    report = export(model, tmp_path / "folder")
    weights = 4 * model.count_params()
    assert weights < report.size < 1.15 * weights
    images = generator.normal(size=(2, 8, 8, 3)).astype("float32")
    module, expected = tf.saved_model.load(tmp_path / "folder"), model(images)
    (served,) = module.signatures["serving_default"](tf.constant(images)).values()
    for answers in (served, module.serve(images), tf.nn.softmax(module.logits(images))):
        assert difference(answers, expected) < 1e-5


@pytest.mark.slow
def test_a_saved_model_is_as_large_as_the_parameters_of_its_source(tmp_path):
    model = pretrained.load("nasnet_a_cifar10")
    assert export(model, tmp_path / "folder").size < 1.05 * 4 * model.count_params()


@pytest.mark.slow
def test_every_kernel_of_a_network_that_was_not_fused_is_a_constant(tmp_path, generator):
    """So that it can be quantised: in int8 LiteRT refuses a kernel that the graph computes."""
    pairs = (("sep_conv_5x5", "dil_sep_conv_3x3"), ("skip_connect", "dil_conv_3x3"), ("conv_1x7_7x1", "identity"))
    blocks = [Block(Edge(left, "current"), Edge(right, "previous")) for left, right in pairs]
    cell = Cell(blocks, [f"block_{index}" for index in range(len(pairs))])
    macro = MacroGenotype([MacroLayer("sep_conv_3x3"), MacroLayer("conv_3x3"), MacroLayer("avg_pool_3x3", ["stem"])])
    chain = ChainGenotype([ChainLayer((3, 1), 24), ChainLayer((1, 1), 24, ["layer_0"], (2, 2)), ChainLayer((5, 7), 24)])
    graph = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|"
    rows = [Stage("depthwise", 7, 8, stride=2), Stage("inverted_bottleneck", 5, 8, 2, expansion=2, squeeze_excite=0.5)]
    stages = StageGenotype(rows, stem=8, head=16)
    shape, common = (17, 16, 3), {"classes": 3, "classifier_activation": None}
    image = keras.Input((*shape,), name="image")
    networks = (
        NASNetFromGenotype(Genotype(cell, cell), shape, num_repeats=1, filters=6, name="cells", **common),
        applications.ENASMacro(shape, genotype=macro, filters=20, **common),
        ChainFromGenotype(chain, shape, **common),
        NASBench201FromGenotype(graph, shape, num_repeats=1, filters=4, **common),
        StagesFromGenotype(stages, shape, stem_stride=1, **common),
        keras.Sequential([keras.Input(shape), AuxiliaryHead(3, filters=(4, 4))]),
    )
    model = keras.Model(image, keras.layers.Concatenate()([network(image) for network in networks]))
    randomize(model, generator)
    for weight in model.weights:
        if weight.name.endswith("kernel"):
            weight.assign(weight + 0.1)  # what is even about zero has a zero point of 0 by chance
    images = generator.normal(size=(4, *shape)).astype("float32")
    expected = model(images, training=False).numpy()

    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    assert not computed_kernels(tmp_path / "model.onnx")
    assert difference(FORMATS["onnx"].run(tmp_path / "model.onnx", images), expected) < 1e-4

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([one[None]] for one in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    (tmp_path / "model.tflite").write_bytes(converter.convert())
    assert not computed_kernels(tmp_path / "model.tflite")
    got = [FORMATS["litert"].run(tmp_path / "model.tflite", one[None])[0] for one in images]
    assert difference(got, expected) < 0.2


@pytest.mark.parametrize("format_", PATHS)
def test_a_full_disk_is_an_error_and_leaves_what_was_there(plain, format_, tmp_path, small_files):
    path = tmp_path / PATHS[format_]
    if format_ == "saved_model":
        path.mkdir()
        (path / "saved_model.pb").write_bytes(b"old")
    else:
        path.write_bytes(b"old")
    small_files(20_000)
    with pytest.raises(OSError, match=path.name):
        export(plain, path, format_)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert (path / "saved_model.pb" if path.is_dir() else path).read_bytes() == b"old"


def test_a_folder_in_the_way_of_a_file_is_named(plain, tmp_path):
    path = tmp_path / "x.tflite"
    path.mkdir()
    with pytest.raises(ExportError, match=r"x\.tflite' is a folder, and a file is to be written: remove it"):
        export(plain, path)
    (path / "saved_model.pb").write_bytes(b"")  # as versions wrote that went by no ending
    with pytest.raises(ExportError, match=r"x\.tflite' is a folder of a SavedModel, and a file is to be written"):
        export(plain, path, "tflite")


def test_other_names_of_formats_are_understood(tmp_path):
    for name, found in (("TFLite", "litert"), (".onnx", "onnx"), ("tf", "saved_model"), ("IR", "openvino")):
        assert format_named(name) == found
    for path, word, found in (("a.tflite", "tf-lite", "litert"), ("a.b.xml", None, "openvino"), ("v1.0/", None, "")):
        assert format_for(path, word) == (found or "saved_model")
    (tmp_path / "v1.1").mkdir()
    (tmp_path / "v1.1" / "saved_model.pb").write_bytes(b"")
    assert format_for(tmp_path / "v1.1") == format_for(tmp_path / "v1.2", "SavedModel") == "saved_model"


def endings():
    """Models that end in different ways, with the activation that their outputs are of."""
    layers, image = keras.layers, keras.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3, activation="relu")(image))
    linear = layers.Dense(3)(pooled)
    yield keras.Model(image, linear), "linear"
    yield keras.Model(image, layers.Dense(3, "softmax")(pooled)), "softmax"
    yield keras.Model(image, layers.Dense(1, "sigmoid")(pooled)), "sigmoid"
    yield keras.Model(image, layers.Softmax()(linear)), "softmax"
    yield keras.Model(image, layers.Activation("sigmoid")(linear)), "sigmoid"
    inner = keras.Model(image, layers.Dense(3, "softmax")(pooled))
    yield keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(2.0), inner]), "softmax"
    yield keras.Model(image, {"logits": linear, "auxiliary": layers.Dense(3)(pooled)}), "linear"


@pytest.mark.parametrize("number", range(7))
def test_a_model_is_its_logits_and_what_follows(number, generator):
    model, activation = list(endings())[number]
    images = generator.normal(size=(5, 8, 8, 3)).astype("float32")
    expected = model(images)
    if isinstance(expected, dict):
        expected = expected["logits"]
    logits, last = split(model)
    assert difference(last(logits(images)), expected) < 1e-6
    assert difference(keras.activations.get(activation)(logits(images)), expected) < 1e-6


@pytest.mark.parametrize("format_", [*PATHS, "openvino"])
def test_a_wrong_kernel_is_found_behind_a_saturated_softmax(format_, tmp_path, monkeypatch, generator):
    image = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, name="kernel")(image))
    model = keras.Model(image, keras.layers.Dense(4, "softmax")(pooled))
    model.layers[-1].kernel.assign(generator.normal(size=(8, 4)) * 5000)
    images = generator.normal(size=(3, 8, 8, 3)).astype("float32")
    kind = FORMATS[format_]
    written = []

    def disturbed(fast, path):
        kernel = fast.get_layer("kernel").kernel
        kernel.assign(kernel * 1.2)
        kind.write(fast, path)
        written.append(np.abs(kind.run(path, images) - model(images)).max())

    monkeypatch.setitem(FORMATS, format_, dataclasses.replace(kind, write=disturbed))
    with pytest.raises(ExportError, match=r"by [12]\.\de-01 of the range of its logits, on 3 images"):
        export(model, tmp_path / PATHS.get(format_, "model.xml"), format_, images=images)
    assert written[0] < 1e-4 and not list(tmp_path.iterdir())  # the probabilities hide it


def test_what_differs_is_not_written(plain, tmp_path, monkeypatch):
    path = tmp_path / "folder"
    export(plain, path)
    before = sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob("*"))
    kind = FORMATS["saved_model"]

    def other(part, factor):
        scaled = {part: lambda path, x: getattr(kind, part)(path, x) * np.float32(factor)}
        monkeypatch.setitem(FORMATS, "saved_model", dataclasses.replace(kind, **scaled))

    other("logits", np.nan)
    with pytest.raises(ExportError, match="differs from the model by nan of the range of its logits, on 4 images"):
        export(plain, path)
    other("logits", 1.0001)
    with pytest.raises(ExportError, match="expected at most 1.0e-05"):
        export(plain, path, tolerance=1e-5)
    other("run", 1.01)
    with pytest.raises(ExportError, match="outputs that do not follow from its logits"):
        export(plain, path)
    assert sorted((file, file.stat().st_mtime_ns) for file in tmp_path.rglob("*")) == before


def test_an_earlier_saved_model_stays_when_the_new_one_cannot_take_its_place(plain, tmp_path, monkeypatch):
    path, rename = tmp_path / "folder", Path.rename
    export(plain, path)
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}

    def failing(source, target):
        if target == path:
            raise OSError(5, "no", str(target))
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no"):
        export(plain, path)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_bad_requests(plain, tmp_path, monkeypatch):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("mine")
    for path, format_, message in (
        ("a.tflite", "caffe", "format must be one of litert, onnx, openvino, saved_model, got 'caffe'"),
        ("a.tflite", 5, "format must be one of .*, got 5"),
        ("a.onnx", "onx", "did you mean 'onnx'"),
        ("a.onnx", "litert", r"of format 'onnx', and format is 'litert': leave that out, .* file, NAME\.tflite"),
        ("a.tflite", "tf", "of format 'litert', and format is 'tf': leave that out, or give the path of a folder"),
        ("notes", "onnx", r"NAME\.onnx, for format 'onnx'"),
        ("a.ONNX", None, r"small letters, .*a\.onnx"),
        ("a.onnx/", None, r"a\.onnx/' is the path of a folder, with the ending of a file of format 'onnx'"),
        (".tflite", None, r"\.tflite' is an ending without a name: expected NAME\.tflite"),
        ("m.", None, r"m\.' ends in none of \.tflite"),
        ("a.pt", None, r"ends in none of \.tflite, \.onnx, \.xml: end it so, or give format saved_model"),
        ("a.h5", None, r"'\.h5' is Keras' own format: write it by model\.save\('NAME\.keras'\)"),
        ("a.keras", "tf", r"'\.keras' is Keras' own format"),
        ("a", "keras", r"format 'keras' is Keras' own format.*fuse_for_inference"),
        ("a.pb", None, r"a SavedModel is a folder, .*, such as .*/a'"),
        ("nowhere/a.onnx", None, "no folder"),
        ("notes/mine.txt/a", None, "mine.txt' is a file, and no folder"),
        ("notes", None, "notes' is there, a folder that is no SavedModel"),
        ("notes/mine.txt", "saved_model", "mine.txt' is there, a file"),
    ):
        with pytest.raises(ExportError, match=message):
            export(plain, f"{tmp_path}/{path}", format_)
    for images in (np.zeros((0, 16, 16, 3)), np.zeros((2, 16, 16)), np.zeros((2, 16, 16, 1)), ["a"], 5):
        with pytest.raises(ExportError, match=r"expected images to check with of \(count, any, any, 3\), and some"):
            export(plain, tmp_path / "a.onnx", "onnx", images=images)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    with pytest.raises(ExportError, match=r"needs onnxruntime: pip install -e .*\[export\]"):
        export(plain, tmp_path / "a.onnx", "onnx")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ExportError, match="TensorFlow backend, this is 'jax'"):
        export(plain, tmp_path / "folder")
    assert sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*")) == ["notes", "notes/mine.txt"]

"""What is written for one runtime is read by others, too: the table of docs/inference.md."""

import keras
import numpy as np
import pytest
from helpers import difference, mostly_fuzz, randomize

from nasnet_keras import Block, Cell, Edge, Genotype, NASNetFromGenotype, export
from nasnet_keras.inference.formats import FORMATS


def openvino(path, images):
    import openvino

    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return compiled(images)[0]


def tensorflow_lite(path, images):
    """The interpreter that is within TensorFlow, until TensorFlow drops it."""
    import tensorflow as tf

    if not hasattr(tf, "lite"):
        pytest.skip("TensorFlow has no interpreter any more")
    interpreter = tf.lite.Interpreter(str(path))
    (read,), (written,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(read["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(read["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(written["index"])


READERS = {"saved_model": (openvino,), "litert": (openvino, tensorflow_lite), "onnx": (openvino,)}


def network(shape):
    """One with what runtimes may lack: long kernels, dilations, factorized reductions, pools of all kinds."""
    blocks = [
        Block(Edge("sep_conv_7x7", "current"), Edge("dil_sep_conv_3x3", "previous")),
        Block(Edge("avg_pool_3x3", "block_0"), Edge("max_pool_3x3", "current")),
        Block(Edge("conv_1x7_7x1", "current"), Edge("identity", "previous")),
    ]
    cell = Cell(blocks, ["block_0", "block_1", "block_2"])
    model = NASNetFromGenotype(Genotype(cell, cell), shape, num_repeats=1, filters=6, classes=5)
    randomize(model, np.random.default_rng(0))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(24, 24, 3), (None, None, 3)])
@pytest.mark.parametrize("format_", READERS)
def test_float_files(format_, shape, tmp_path, generator):
    model, path = network(shape), tmp_path / f"model{FORMATS[format_].suffix}"
    images = generator.normal(size=(3, 24, 24, 3)).astype("float32")
    export(model, path, format_, images=images)
    for reader in READERS[format_]:
        for count in (1, 3):
            assert difference(reader(path, images[:count]), model(images[:count])) < 1e-5, reader.__name__


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_", "mode"),
    mostly_fuzz(
        [(name, mode) for name in READERS for mode in FORMATS[name].modes], [(name, "int8") for name in READERS]
    ),
)
def test_quantized_files(format_, mode, tmp_path, generator):
    image = keras.Input((24, 24, 3))
    model, path = network((24, 24, 3)), tmp_path / f"model{FORMATS[format_].suffix}"
    noise, colors = generator.normal(size=(40, 24, 24, 3)), generator.normal(size=(40, 1, 1, 3))
    images = np.clip(0.2 * noise + 0.6 * colors, -1, 1).astype("float32")
    export(keras.Model(image, model(image)), path, format_, quantization=mode, calibration=images, min_agreement=0)
    own = FORMATS[format_].run(path, images[:3])
    for reader in READERS[format_]:
        for count in (1, 3):
            assert np.abs(reader(path, images[:count]) - own[:count]).max() < 0.03, reader.__name__

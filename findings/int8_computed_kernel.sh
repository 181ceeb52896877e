#!/usr/bin/env bash
# Finding: TensorFlow Lite's converter makes an int8 file that no interpreter can run of a convolution whose kernel is
# made from a variable by tf.pad or tf.tile, if that kernel has more than about 8 KB. Below, the same program works.
#
# Seen with tensorflow 2.21.0 (its tf.lite.TFLiteConverter) and ai-edge-litert 2.3.0, Python 3.11, Linux x86-64.
#
# Expected: the kernel depends on weights alone, so that it is a constant of the frozen graph, as tf.concat, tf.reverse
# or a product of weights is at any size; it is quantised symmetrically, as LiteRT's int8 specification says of weights.
# Behaviour: what makes a constant larger is folded only while the result is small (the limit is TensorFlow's graph
# optimiser's). Above, the quantiser takes the kernel for an activation and gives it a zero point. convert() succeeds
# without a warning; then allocate_tensors() raises. So a model runs in int8 while it is narrow, and not when it is wide,
# and kernels that happen to be even about zero (such as fresh ones) have the zero point 0 and pass.
#
# Output seen:
#   16 channels, kernel of  4,096 bytes: runs (QUANTIZE RELU CONV_2D DEQUANTIZE)
#   32 channels, kernel of 16,384 bytes: RuntimeError: tflite/kernels/conv.cc:390 affine_quantization->zero_point->data[i]
#       != 0 (… != 0)Node number 4 (CONV_2D) failed to prepare. (QUANTIZE PAD RELU TRANSPOSE CONV_2D DEQUANTIZE)
#
# What helps: compute such kernels outside the graph, or write the convolution so that it reads the variable itself.
# tensorflow/tensorflow#62171 has the same message and no cause.
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet tensorflow==2.21.0 ai-edge-litert==2.3.0; } ||
  { echo "cannot install the packages" >&2; exit 2; }
cat > "$folder/program.py" <<'PYTHON'
import sys

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

generator = np.random.default_rng(0)


def ran(channels: int) -> bool:
    weights = tf.Variable(generator.normal(0.5, 1.0, (1, 1, channels, channels)).astype("float32"))
    images = generator.normal(size=(4, 8, 8, channels)).astype("float32")

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, channels))])
        def __call__(self, x):
            kernel = tf.pad(weights, ((1, 0), (1, 0), (0, 0), (0, 0)))  # reads every other pixel
            return tf.nn.conv2d(tf.nn.relu(x), kernel, 2, "SAME")

    model = Model()
    model.weights = weights
    converter = tf.lite.TFLiteConverter.from_concrete_functions([model.__call__.get_concrete_function()], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    interpreter = Interpreter(model_content=converter.convert())
    operations = " ".join(operation["op_name"] for operation in interpreter._get_ops_details())
    try:
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images[:1])
        interpreter.invoke()
        said = "runs"
    except RuntimeError as error:
        said = f"RuntimeError: {' '.join(str(error).split())}"
    print(f"{channels} channels, kernel of {16 * channels**2:6,} bytes: {said} ({operations})")
    return said == "runs"


print("tensorflow", tf.__version__)
sys.exit(0 if ran(16) and not ran(32) else 1)
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/program.py" 2> "$folder/errors" || { code=$?; tail -5 "$folder/errors"; exit $code; }

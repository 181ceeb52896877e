#!/usr/bin/env bash
# Finding: ONNX Runtime computes a convolution's weights anew in each call, and a depthwise convolution many times as
# slowly, if they are stored in int8 behind DequantizeLinear. Stored in int8 behind Cast and Mul, they are computed once.
#
# Seen with onnxruntime 1.32.0 and onnx 1.23.2, Python 3.11, Linux x86-64 (AMD EPYC, AVX-512), one thread.
#
# Expected: both say the same of constants, and a session folds constants before it chooses kernels and layouts, so that
# a file that is a quarter as large runs like the float32 file. DequantizeLinear is the operator that ONNX has for this.
# Behaviour: by default DequantizeLinear of constants is left for the fusion of quantized operators, also where the
# input of the convolution is float32 and nothing can be fused. It then stays in the graph, and the convolution, whose
# weights are no constants, keeps the plain layout.
#
# Output seen:
#   float32:            0.10 ms, operators Conv 8, ReorderInput 1, ReorderOutput 1
#   Cast and Mul:       0.10 ms, operators Conv 8, ReorderInput 1, ReorderOutput 1
#   DequantizeLinear:   0.71 ms, operators Conv 8, DequantizeLinear 8
#
# What helps: Cast and Mul, or the setting session.disable_quant_qdq, which stops all quantized operators.
# microsoft/onnxruntime#6643 leaves DequantizeLinear on purpose, and does not say what becomes of float32 convolutions.
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet onnxruntime==1.32.0 onnx==1.23.2; } ||
  { echo "cannot install the packages" >&2; exit 2; }
"$folder/venv/bin/pip" freeze | grep -iE '^(onnxruntime|onnx)=='
cat > "$folder/program.py" <<'PYTHON'
import statistics
import sys
import time
from collections import Counter

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

CHANNELS, LAYERS = 64, 8
generator = np.random.default_rng(0)


def model(form: str) -> bytes:
    nodes, constants, x = [], [], "x"
    for layer in range(LAYERS):
        weights = generator.integers(-127, 128, (CHANNELS, 1, 3, 3)).astype(np.int8)
        scale = np.full((), 0.001, np.float32)
        w = f"w{layer}"
        if form == "float32":
            constants.append(numpy_helper.from_array(weights * scale, w))
        else:
            constants += [numpy_helper.from_array(weights, f"{w}_int8"), numpy_helper.from_array(scale, f"{w}_scale")]
        if form == "DequantizeLinear":
            nodes.append(helper.make_node("DequantizeLinear", [f"{w}_int8", f"{w}_scale"], [w]))
        if form == "Cast and Mul":
            nodes.append(helper.make_node("Cast", [f"{w}_int8"], [f"{w}_cast"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Mul", [f"{w}_cast", f"{w}_scale"], [w]))
        nodes.append(helper.make_node("Conv", [x, w], [x := f"y{layer}"], group=CHANNELS, pads=[1] * 4))
    shape = [1, CHANNELS, 32, 32]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", x)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    return made.SerializeToString()


def milliseconds(form: str) -> float:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.optimized_model_filepath = sys.argv[1]
    session = onnxruntime.InferenceSession(model(form), options, providers=["CPUExecutionProvider"])
    feeds = {"x": generator.normal(size=(1, CHANNELS, 32, 32)).astype(np.float32)}
    times = []
    for _ in range(200):
        start = time.perf_counter()
        session.run(None, feeds)
        times.append(1e3 * (time.perf_counter() - start))
    operators = Counter(node.op_type for node in onnx.load(sys.argv[1]).graph.node)
    found = statistics.median(times)
    print(f"{form + ':':19} {found:.2f} ms, operators {', '.join(f'{a} {b}' for a, b in sorted(operators.items()))}")
    return found


plain, cast, dequantized = (milliseconds(form) for form in ("float32", "Cast and Mul", "DequantizeLinear"))
sys.exit(0 if dequantized > 1.5 * max(plain, cast) else 1)
PYTHON
"$folder/venv/bin/python" "$folder/program.py" "$folder/optimized.onnx"

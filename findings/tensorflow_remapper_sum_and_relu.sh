#!/usr/bin/env bash
# Finding: with oneDNN, TensorFlow's graph optimiser leaves a whole graph as it was if somewhere in it a convolution is
# added to something, and both a ReLU and another operation read the sum, as in cells of NASNet and pre-activation ResNets.
#
# Seen with tensorflow 2.21.0, Python 3.11, Linux x86-64 (AMD EPYC and Intel Xeon, AVX-512), TF_ENABLE_ONEDNN_OPTS=1, which
# is the default on processors with AVX-512.
#
# Expected: the remapper merges convolution, bias, sum and ReLU only where nothing else reads what lies between them, as
# it does without oneDNN, and merges the other convolutions of the graph in any case.
# Behaviour: it plans to remove the sum, finds that another node reads it, prints one line of level E, and is dropped: no
# convolution of the graph is merged with its bias or its ReLU. Results are right, and computed more slowly. Without
# oneDNN (TF_ENABLE_ONEDNN_OPTS=0) both graphs are merged.
#
# Output seen:
#   another reader False: merged True, said nothing
#   another reader True: merged False, said remapper failed
#
# What helps: write the ReLU in a form that the optimiser does not know, as a maximum with a tensor of zeros.
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet tensorflow==2.21.0; } ||
  { echo "cannot install the packages" >&2; exit 2; }
"$folder/venv/bin/pip" freeze | grep -iE '^tensorflow=='
cat > "$folder/program.py" <<'PYTHON'
import sys

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

kernels = [tf.constant(np.random.default_rng(i).normal(size=(3, 3, 8, 8)).astype("float32")) for i in range(2)]
bias = tf.ones(8)


def network(x, another_reader):
    first = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernels[0], 1, "SAME"), bias))
    total = tf.nn.bias_add(tf.nn.conv2d(first, kernels[1], 1, "SAME"), bias) + x
    return tf.nn.relu(total) + total if another_reader else tf.nn.relu(total)


another_reader = sys.argv[1] == "True"
context.context().enable_run_metadata()
tf.function(lambda x: network(x, another_reader))(tf.ones((1, 16, 16, 8)))
graphs = context.context().export_run_metadata().function_graphs
print(any("Fused" in node.op for graph in graphs for node in graph.post_optimization_graph.node))
PYTHON
status=0
for another in False True; do
  merged=$(TF_ENABLE_ONEDNN_OPTS=1 "$folder/venv/bin/python" "$folder/program.py" "$another" 2> "$folder/messages")
  said=nothing
  if grep -q "remapper failed" "$folder/messages"; then said="remapper failed"; fi
  echo "another reader $another: merged $merged, said $said"
  case "$another $merged $said" in
    "False True nothing" | "True False remapper failed") ;;
    *) status=1 ;;
  esac
done
exit $status

#!/usr/bin/env bash
# Finding: TensorFlow keeps the graph of every tf.function that calls something with tf.custom_gradient until the process
# ends, and with it all tensors that the graph holds as constants. A process that traces one network after another, as an
# architecture search does, grows without an end.
#
# Seen with tensorflow 2.21.0, Python 3.11, Linux x86-64.
#
# Expected: a graph goes with the function that it was traced for.
# Behaviour: each call within a graph registers a gradient under a new name in a registry of the process, from which
# nothing is removed; the registered function refers to the graph's tensors. Deleting the model, gc.collect() and
# keras.backend.clear_session() do not help. Keras' layers use tf.custom_gradient in places.
#
# Output seen:
#   plain: 0 of 5 graphs are left
#   tf.custom_gradient: 5 of 5 graphs are left
#
# What helps: gradients that TensorFlow finds by itself, or one process for each few networks. tensorflow/tensorflow#97697
# reports it for tensors; a change that was merged in 2026 may end it in later versions.
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet tensorflow==2.21.0; } ||
  { echo "cannot install the packages" >&2; exit 2; }
"$folder/venv/bin/pip" freeze | grep -iE '^tensorflow=='
cat > "$folder/program.py" <<'PYTHON'
import gc
import sys
import weakref

import tensorflow as tf


@tf.custom_gradient
def square(x):
    return x * x, lambda upstream: 2 * x * upstream


def graph_of(function):
    return weakref.ref(tf.function(function).get_concrete_function(tf.TensorSpec((2,))).graph)


left = {}
for name, function in (("plain", lambda x: x * x), ("tf.custom_gradient", lambda x: square(x))):
    graphs = [graph_of(function) for _ in range(5)]
    tf.keras.backend.clear_session()
    gc.collect()
    left[name] = sum(graph() is not None for graph in graphs)
    print(f"{name}: {left[name]} of 5 graphs are left")
sys.exit(left != {"plain": 0, "tf.custom_gradient": 5})
PYTHON
"$folder/venv/bin/python" "$folder/program.py" 2> "$folder/messages"

#!/usr/bin/env bash
# Finding: on processors, the gradient of a max pool of 7×7 pixels takes TensorFlow three times as long as those of two
# pools one after the other, of 7×1 and of 1×7 pixels, which are the same function.
#
# Seen with tensorflow 2.21.0 (TF_ENABLE_ONEDNN_OPTS=1), Python 3.11, Linux x86-64, one thread of an AMD EPYC with AVX2.
#
# Expected: a gradient that costs about as much as the pool itself, since each result has one pixel that it came from.
# Behaviour: the time grows with the number of pixels of a window. Forward there is little between the two.
#
# Output seen:
#   one pool: 3.2 ms, and 22.9 ms for the gradient
#   two pools: 2.0 ms, and 8.2 ms for the gradient
#
# What helps: in training, a pool along one axis after the other. Results are equal to the bit. So are gradients, unless
# several pixels of a window are the largest; then one of them has it all, as before, but it may be another one.
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
import time

import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
images, slopes = tf.random.stateless_normal((2, 128, 32, 32, 8), (0, 0))


def one(maps):
    return tf.nn.max_pool2d(maps, 7, 1, "SAME")


def two(maps):
    return tf.nn.max_pool2d(tf.nn.max_pool2d(maps, (7, 1), 1, "SAME"), (1, 7), 1, "SAME")


def milliseconds(run):
    times = []
    for _ in range(12):
        begun = time.perf_counter()
        run()[0].numpy()
        times.append(time.perf_counter() - begun)
    return 1e3 * min(times)


def measured(pool):
    """The milliseconds of a pool and of its gradient, the result and the gradient."""

    @tf.function
    def forward():
        return (pool(images),)

    @tf.function
    def both():
        with tf.GradientTape() as tape:
            tape.watch(images)
            found = pool(images)
        return found, tape.gradient(found, images, slopes)

    pooled = milliseconds(forward)
    return (pooled, milliseconds(both) - pooled), both()


(alone, expected), (apart, found) = measured(one), measured(two)
for name, (pooled, backward) in (("one pool", alone), ("two pools", apart)):
    print(f"{name}: {pooled:.1f} ms, and {backward:.1f} ms for the gradient")
assert all(np.array_equal(*pair) for pair in zip(expected[:1], found[:1]))
assert np.allclose(expected[1], found[1], atol=1e-4)
sys.exit(not alone[1] > 1.8 * apart[1])
PYTHON
TF_ENABLE_ONEDNN_OPTS=1 TF_CPP_MIN_LOG_LEVEL=2 "$folder/venv/bin/python" "$folder/program.py" 2> "$folder/messages"

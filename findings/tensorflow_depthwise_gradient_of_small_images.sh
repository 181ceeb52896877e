#!/usr/bin/env bash
# Finding: the gradient of a depthwise kernel takes TensorFlow longer for smaller images, once they are of about as many
# columns as the kernel or fewer. That of a 5×5 kernel for 128 images of 4×4 pixels and 32 channels takes 1.6 times as long
# as for 8×8 pixels, which are four times as many; so the last cells of a small network may be its slowest.
#
# Seen with tensorflow 2.21.0 (TF_ENABLE_ONEDNN_OPTS=1), Python 3.11, Linux x86-64, one thread of an AMD EPYC with AVX2.
#
# Expected: a time that falls with the number of pixels, down to that of starting an operation.
# Behaviour: DepthwiseConv2dNativeBackpropFilter changes to a slower way below a width. The sums over all pairs of pixels,
# by a product of matrices for each channel, are the same gradient in a fraction of the time.
#
# Output seen:
#   8×8 pixels: 1.11 ms, 0.017 ms a pixel
#   4×4 pixels: 1.80 ms, 0.113 ms a pixel
#   4×4 pixels, by pairs: 0.20 ms, 0.013 ms a pixel
#
# What helps: the product by pairs for small images. The script checks that both gradients are equal.
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
SIZE, BATCH, CHANNELS, CALLS = 5, 128, 32, 8


def by_tensorflow(images, slopes):
    return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
        input=images,
        filter_sizes=[SIZE, SIZE, CHANNELS, 1],
        out_backprop=slopes,
        strides=[1, 1, 1, 1],
        padding="SAME",
    )


def by_pairs(images, slopes):
    side = images.shape[1]
    before, after = (tf.transpose(tf.reshape(maps, (BATCH, side * side, CHANNELS)), (2, 1, 0)) for maps in (images, slopes))
    pairs = tf.reshape(tf.matmul(before, after, transpose_b=True), (CHANNELS, -1))
    offsets = np.arange(side)[:, None] - np.arange(side) + SIZE // 2
    along = offsets[..., None] == np.arange(SIZE)
    joined = along[:, None, :, None, :, None] & along[None, :, None, :, None, :]
    sums = tf.matmul(pairs, joined.reshape(-1, SIZE * SIZE).astype("float32"))
    return tf.reshape(tf.transpose(sums), (SIZE, SIZE, CHANNELS, 1))


def measured(way, side):
    """The milliseconds of a gradient, and the gradients of the first images."""
    maps = tf.random.stateless_normal((2, CALLS, BATCH, side, side, CHANNELS), (0, side))
    run = tf.function(lambda: [way(maps[0, i], maps[1, i]) for i in range(CALLS)])
    found, times = run(), []
    for _ in range(20):
        begun = time.perf_counter()
        run()[0].numpy()
        times.append(time.perf_counter() - begun)
    return 1e3 * min(times) / CALLS, found[0].numpy()


large, _ = measured(by_tensorflow, 8)
small, expected = measured(by_tensorflow, 4)
pairs, found = measured(by_pairs, 4)
for name, side, milliseconds in (("", 8, large), ("", 4, small), (", by pairs", 4, pairs)):
    print(f"{side}×{side} pixels{name}: {milliseconds:.2f} ms, {milliseconds / side**2:.3f} ms a pixel")
assert np.allclose(found, expected, atol=1e-3)
sys.exit(not (small / 16 > 3 * large / 64 and small > 3 * pairs))
PYTHON
TF_ENABLE_ONEDNN_OPTS=1 TF_CPP_MIN_LOG_LEVEL=2 "$folder/venv/bin/python" "$folder/program.py" 2> "$folder/messages"

#!/usr/bin/env bash
# Finding: in bfloat16, on processors with instructions for it, TensorFlow computes a depthwise convolution and its
# gradients as fast as in float32, but for two gradients: that of the images takes some 20 times as long as in float32 if
# the convolution has strides, and that of a 5×5 kernel twice to four times as long. A network that Keras trains in
# mixed_bfloat16 takes longer than in float32 if it has a few such layers, as NASNet's cells have where they reduce.
#
# Seen with tensorflow 2.21.0 (TF_ENABLE_ONEDNN_OPTS=1), Python 3.11, Linux x86-64, two cores of an AMD EPYC (Zen 5) with
# AVX512_BF16.
#
# Expected: times in bfloat16 that are like those in float32 for all gradients, as they are for most.
# Behaviour: which gradients have a fast way depends on the type, the strides and the kernel; nothing says so, and the
# convolution itself, which has one in all cases, gives no hint.
#
# Output seen (milliseconds, 128 images of 32×32 pixels and 16 channels):
#   kernel 3, stride 1, gradient of the images: float32 0.90, bfloat16 0.38, ratio 0.4
#   kernel 3, stride 2, gradient of the images: float32 0.45, bfloat16 8.90, ratio 19.7
#   kernel 5, stride 2, gradient of the images: float32 0.46, bfloat16 15.29, ratio 33.6
#   kernel 3, stride 1, gradient of the kernel: float32 0.49, bfloat16 0.31, ratio 0.6
#   kernel 5, stride 1, gradient of the kernel: float32 4.10, bfloat16 9.27, ratio 2.3
#
# What helps: computing these two gradients in float32, with casts around them. A step of NASNet-A then takes 0.75 of the
# time of float32, and not 1.8 of it.
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed or the processor
# has no instructions for bfloat16.
set -euo pipefail
grep -qm1 avx512_bf16 /proc/cpuinfo || { echo "this processor has no instructions for bfloat16" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet tensorflow==2.21.0; } ||
  { echo "cannot install the packages" >&2; exit 2; }
"$folder/venv/bin/pip" freeze | grep -iE '^tensorflow=='
cat > "$folder/program.py" <<'PYTHON'
import sys
import time

import tensorflow as tf

BATCH, SIDE, CHANNELS = 128, 32, 16


def of_images(size, stride, images, kernel, slopes):
    return tf.nn.depthwise_conv2d_backprop_input(images.shape, kernel, slopes, [1, stride, stride, 1], "SAME")


def of_kernel(size, stride, images, kernel, slopes):
    steps = [1, stride, stride, 1]
    return tf.nn.depthwise_conv2d_backprop_filter(images, kernel.shape, slopes, steps, "SAME")


def milliseconds(gradient, size, stride, dtype):
    shapes = (BATCH, SIDE, SIDE, CHANNELS), (size, size, CHANNELS, 1), (BATCH, SIDE // stride, SIDE // stride, CHANNELS)
    arguments = [tf.cast(tf.random.stateless_normal(shape, (0, 1)), dtype) for shape in shapes]
    run = tf.function(lambda *arguments: gradient(size, stride, *arguments))
    times = []
    for _ in range(12):
        begun = time.perf_counter()
        run(*arguments)
        times.append(time.perf_counter() - begun)
    return 1e3 * min(times)


found = {}
for gradient, size, stride in ((of_images, 3, 1), (of_images, 3, 2), (of_images, 5, 2), (of_kernel, 3, 1), (of_kernel, 5, 1)):
    wide, narrow = (milliseconds(gradient, size, stride, dtype) for dtype in (tf.float32, tf.bfloat16))
    what = gradient.__name__.replace("of_", "gradient of the ")
    print(f"kernel {size}, stride {stride}, {what}: float32 {wide:.2f}, bfloat16 {narrow:.2f}, ratio {narrow / wide:.1f}")
    found[gradient.__name__, size, stride] = narrow / wide
like = found["of_images", 3, 1] < 2.5 and found["of_kernel", 3, 1] < 2.5
unlike = min(found["of_images", 3, 2], found["of_images", 5, 2]) > 5 and found["of_kernel", 5, 1] > 1.5
sys.exit(not (like and unlike))
PYTHON
TF_ENABLE_ONEDNN_OPTS=1 TF_CPP_MIN_LOG_LEVEL=2 "$folder/venv/bin/python" "$folder/program.py" 2> "$folder/messages"

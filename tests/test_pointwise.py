"""Products of large maps, whose results are computed again for the gradient."""

import math
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from nasnet_keras.layers import ConvBatchNorm, SeparableConvBatchNorm, pointwise, traces

PEAK = """
import sys
import tensorflow as tf
from nasnet_keras.latency import memory
from nasnet_keras.layers import SeparableConvBatchNorm, pointwise

pointwise._LARGE = float(sys.argv[1])
layers = [SeparableConvBatchNorm(32, 3) for _ in range(12)]

@tf.function
def slope(x):
    with tf.GradientTape() as tape:
        for layer in layers:
            x = layer(x, training=True)
    return tape.gradient(x, [variable for layer in layers for variable in layer.trainable_variables])

for _ in range(2):
    slope(tf.ones((64, 32, 32, 32)))[0].numpy()
print(memory.peak() // 2**20)
"""


@pytest.fixture(autouse=True)
def _traced_anew():
    traces.forget()
    yield
    traces.forget()


@pytest.mark.parametrize("channels, filters", [(6, 3), (4, 4), (3, 7)])
@pytest.mark.parametrize("make", [ConvBatchNorm, lambda filters: SeparableConvBatchNorm(filters, 3)])
def test_a_product_that_is_computed_twice_is_the_same_to_the_bit(channels, filters, make, monkeypatch, generator):
    x = tf.constant(generator.normal(size=(2, 5, 4, channels)).astype("float32"))
    layer = make(filters)
    layer.build(x.shape)
    start, found = layer.get_weights(), []
    for large in (1, math.inf):
        monkeypatch.setattr(pointwise, "_LARGE", large)
        traces.forget()
        layer.set_weights(start)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(tf.sin(y) * y)
        found.append([y, *tape.gradient(loss, [x, *layer.trainable_variables]), *layer.get_weights()])
    for twice, once in zip(*found, strict=True):
        np.testing.assert_array_equal(twice, once)
    assert not np.array_equal(found[0][-1], start[-1])  # the moving variance


@pytest.mark.slow
def test_the_result_of_a_large_product_is_not_kept():
    kept, computed_again = (
        int(subprocess.run([sys.executable, "-c", PEAK, large], capture_output=True, text=True, check=True).stdout)
        for large in ("inf", "1")
    )
    assert kept - computed_again > 0.6 * 12 * 8  # twelve maps of 8 MiB

"""The operations of a network's file, listed from its genotype: they are those of the fused model."""

from collections import Counter

import numpy as np
import pytest
from helpers import mostly_slow, random_chain_genotype, random_genotype, random_macro_genotype

from nasnet_keras.genotypes.nasbench201 import NASBench201Genotype
from nasnet_keras.genotypes.stages import Stage, StageGenotype
from nasnet_keras.inference.fusing import fused
from nasnet_keras.latency.operations import TARGETS, Operation, network_operations
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.networks.cost import genotype_cost

KINDS = {
    "FixedConv2D": "conv",
    "FixedDepthwiseConv2D": "depthwise",
    "BandedDepthwiseConv2D": "banded_depthwise",
    "DilatedDepthwiseConv2D": "depthwise",
    "Dense": "dense",
    "ReLU": "relu",
    "PlainReLU": "relu",
    "Add": "add",
    "Concatenate": "concat",
    "PaddedConcatenate": "concat",
    "EveryOtherPixel": "subsample",
    "Channels": "slice",
    "MaxPooling2D": "max_pool",
    "AveragePooling2D": "avg_pool",
    "GlobalAveragePooling2D": "global_avg_pool",
    "FixedSqueezeExcite": "squeeze_excite",
    "Rescaling": "scale",
    "ZeroPadding2D": "border",
}


def layer_facts(layer):
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    window = getattr(layer, "kernel_size", getattr(layer, "pool_size", (1, 1)))
    shapes = tuple(tuple(x.shape[1:]) for x in inputs)
    return KINDS[type(layer).__name__], shapes, tuple(layer.output.shape[1:]), tuple(window)


def facts(operation: Operation):
    return operation.kind, operation.inputs, operation.output, operation.kernel


def networks():
    generator = np.random.default_rng(0)
    for side in (17, 32):
        yield random_genotype(generator), (side, side, 3), {"num_repeats": 1, "filters": 5}
    yield random_macro_genotype(generator), (16, 16, 3), {"filters": 6}
    yield random_chain_genotype(generator), (13, 16, 3), {}
    cell = NASBench201Genotype(("none", "avg_pool_3x3", "nor_conv_3x3", "skip_connect", "nor_conv_1x1", "none"))
    yield cell, (16, 16, 3), {"num_repeats": 1, "filters": 4}
    stages = [Stage("conv", 3, 8, 2, skip="none"), Stage("inverted_bottleneck", 5, 12, 2, 2, 3, 0.25)]
    stages += [Stage("depthwise", 7, 12, stride=2, squeeze_excite=0.5, skip="pool"), Stage("conv", 5, 20, stride=2)]
    for padding in ("same", "torch"):
        yield StageGenotype(stages, stem=6, head=9), (20, 24, 3), {"padding": padding}


@pytest.mark.parametrize("number", mostly_slow(range(7), [1, 6]))
def test_operations_are_those_of_the_fused_model(number):
    genotype, shape, network = list(networks())[number]
    model = network_from_genotype(genotype, shape, **network)
    for runtime in ("litert", "onnx", "tensorflow"):  # openvino reads the file of onnx
        target = TARGETS[runtime]
        built = [layer_facts(layer) for layer in fused(model, target).layers if type(layer).__name__ != "InputLayer"]
        listed = [facts(operation) for operation in network_operations(genotype, shape, runtime, **network)]
        assert Counter(listed) == Counter(built), runtime


def test_steps_of_convolutions_are_the_multiply_adds():
    """But for the normalization by itself at the end, which becomes a convolution."""
    cell = NASBench201Genotype(["nor_conv_3x3", "nor_conv_1x1", "nor_conv_3x3", "skip_connect", "avg_pool_3x3", "none"])
    network = {"num_repeats": 2, "filters": 4}
    operations = network_operations(cell, (16, 16, 3), "litert", **network)
    steps = sum(one.steps for one in operations if one.kind in ("conv", "dense"))
    normalization = 4 * 4 * 16 * 16
    assert steps - normalization == genotype_cost(cell, (16, 16, 3), **network).multiply_adds


def test_a_network_of_unknown_size_has_no_operations():
    with pytest.raises(ValueError, match="needs a known input size"):
        network_operations("nasnet_a", (None, None, 3))

"""What several tests use."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import psutil
import pytest

from nasnet_keras.genotypes.cells import COMBINES, Block, Cell, Edge, Genotype, block_state
from nasnet_keras.genotypes.chain import CHAIN_FILTERS, CHAIN_KERNELS, CHAIN_STRIDES, ChainGenotype, ChainLayer
from nasnet_keras.genotypes.macro import MacroGenotype, MacroLayer, layer_output
from nasnet_keras.genotypes.operations import MACRO_OPERATIONS, OPERATIONS

_CELL = Cell([Block(Edge("sep_conv_3x3", "current"), Edge("max_pool_3x3", "previous"))], ["block_0"])
SMALL_GENOTYPE = Genotype(_CELL, _CELL)
"""For what is no matter of the genotype: quickly built and compiled."""


_SEEDS = 5


def for_some_seed(test: Callable[..., None]) -> Callable[..., None]:
    """Try a test that compares gradients with other first weights, until it passes.

    Where an input of a ReLU or a maximum is within rounding of its kink, the gradient jumps, and no side is wrong.
    Other weights do not have it; what is wrong is wrong for all.
    """

    @functools.wraps(test)
    def tried(*args: Any, **kwargs: Any) -> None:
        for seed in range(_SEEDS):
            keras.utils.set_random_seed(seed)
            try:
                test(*args, **kwargs)
            except AssertionError:
                if seed == _SEEDS - 1:
                    raise
            else:
                break

    return tried


def mostly_slow(values: Iterable[Any], quick: Iterable[Any]) -> list[Any]:
    """Parameters of a test, a tuple for several: all values, those that are not among the quick ones marked `slow`."""
    return _marked(values, set(quick), pytest.mark.slow)


def mostly_fuzz(values: Iterable[Any], usual: Iterable[Any]) -> list[Any]:
    """Parameters as of `mostly_slow`, whose others are marked `fuzz`: they go the way that the usual ones go."""
    return _marked(values, set(usual), pytest.mark.fuzz)


def _marked(values: Iterable[Any], unmarked: set[Any], mark: Any) -> list[Any]:
    def marked(value: Any) -> Any:
        return pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=mark)

    return [value if value in unmarked else marked(value) for value in values]


def random_cell(generator: np.random.Generator, operations=tuple(OPERATIONS)) -> Cell:
    """Any legal cell: every operation, add and concat, inputs among the outputs, blocks that nobody reads."""
    states = ["current", "previous"]
    blocks = []
    for index in range(int(generator.integers(1, 6))):
        edges = [Edge(str(generator.choice(operations)), str(generator.choice(states))) for _ in range(2)]
        blocks.append(Block(*edges, combine=str(generator.choice(COMBINES))))
        states.append(block_state(index))
    outputs = generator.permutation(states)[: generator.integers(1, len(states) + 1)]
    return Cell(blocks, [str(output) for output in outputs])


def random_genotype(generator: np.random.Generator, operations=tuple(OPERATIONS)) -> Genotype:
    return Genotype(random_cell(generator, operations), random_cell(generator, operations))


def random_macro_genotype(generator: np.random.Generator, most_layers: int = 8) -> MacroGenotype:
    outputs, layers = ["stem"], []
    for index in range(int(generator.integers(1, most_layers + 1))):
        skips = [name for name in outputs[:-1] if generator.random() < 0.4]
        layers.append(MacroLayer(str(generator.choice(MACRO_OPERATIONS)), skips))
        outputs.append(layer_output(index))
    return MacroGenotype(layers)


def randomize(model, generator: np.random.Generator) -> None:
    """Weights as of a trained model: moving statistics and offsets far from their start, outputs of order one."""
    for weight in model.weights:
        shape = tuple(weight.shape)
        name = weight.path.rpartition("/")[2]
        if name in ("gamma", "moving_variance"):
            weight.assign(generator.uniform(0.5, 1.5, shape))
        elif len(shape) == 1:
            weight.assign(generator.normal(0.0, 0.2, shape))
        else:
            fan_in = np.prod(shape[:2]) if "depthwise" in name else np.prod(shape[:-1])
            weight.assign(generator.normal(0.0, np.sqrt(1.0 / fan_in), shape))


def difference(a, b) -> float:
    """max|a - b| / max|b|."""
    a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
    assert a.shape == b.shape
    scale = np.abs(b).max()
    assert np.isfinite(scale) and scale > 1e-6, "outputs too small to compare"
    return float(np.abs(a - b).max() / scale)


def random_chain_genotype(generator: np.random.Generator, most_layers: int = 8) -> ChainGenotype:
    """Any legal one: a layer may read nothing, and pools may follow each other."""
    outputs, layers = [], []
    for index in range(int(generator.integers(1, most_layers + 1))):
        inputs = [name for name in outputs if generator.random() < 0.4]
        kernel, strides = (tuple(generator.choice(legal, 2).tolist()) for legal in (CHAIN_KERNELS, CHAIN_STRIDES))
        layers.append(ChainLayer(kernel, int(generator.choice(CHAIN_FILTERS)), inputs, strides))
        outputs.append(layer_output(index))
    return ChainGenotype(layers, [name for name in outputs if generator.random() < 0.2])


def small_batch(generator: np.random.Generator, shape=(16, 16, 3), count: int = 8, classes: int = 5):
    """Images and labels, both of no meaning."""
    images = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
    return images, generator.integers(0, classes, count).astype(np.int32)


def running(pid: int) -> bool:
    """Whether a process goes on."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(look: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Look until something is there; a file may be missing, or be half written, at first."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, ValueError):
            if found := look():
                return found
        assert time.monotonic() < deadline
        time.sleep(0.02)

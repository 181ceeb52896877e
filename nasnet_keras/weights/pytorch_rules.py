"""What PyTorch's MnasNets compute, beyond their weights: a model that takes their weights must compute the same."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nasnet_keras.weights.hdf5 import WeightsError
from nasnet_keras.weights.pytorch import FIRST_SUM

__all__ = ["check", "sums"]

_EPSILON = 1e-5  # PyTorch's default
_BLOCK = re.compile(r"(stage_\d+_layer_\d+)_depthwise")


def sums(model: Any) -> dict[str, list[Any]]:
    """The sum that `pytorch.found` has too where a network adds, or may add, the input of its first layer."""
    return {FIRST_SUM: []} if any(layer.name == FIRST_SUM for layer in model.layers) else {}


def check(model: Any, path: Path) -> None:
    """Check that a model, whose layers are those of a file, computes what PyTorch's network does with these weights.

    Raises:
        WeightsError: it does not; the error says how to build one that does.
    """
    epsilons = {layer.epsilon for layer in model.layers if hasattr(layer, "epsilon")}
    needed = []
    if epsilons - {_EPSILON}:
        needed.append(f"batch_norm_epsilon={_EPSILON:g}, not {', '.join(f'{e:g}' for e in sorted(epsilons))}")
    if any(_is_bordered_by_tensorflow(layer) for layer in model.layers):
        needed.append("padding='torch', not 'same'")
    if wrong := list(_without_sum(model)):
        needed.append(
            f"of a genotype with skip='identity' where a layer keeps its width and its size, as in {wrong[0]}"
        )
    if needed:
        raise WeightsError(
            f"{path} is of PyTorch, whose network computes otherwise than the model; nothing was loaded. Expected a "
            f"model {', and '.join(needed)}"
        )


def _is_bordered_by_tensorflow(layer: Any) -> bool:
    strides, size = getattr(layer, "strides", 1), getattr(layer, "kernel_size", 1)
    return strides not in (1, (1, 1)) and size not in (1, (1, 1)) and getattr(layer, "padding", None) == "same"


def _without_sum(model: Any) -> Iterator[str]:
    """Yield the layers whose input PyTorch's networks add, and this one does not, but for the first: see `sums`."""
    layers = {layer.name: layer for layer in model.layers}
    for block in [match[1] for name in layers if (match := _BLOCK.fullmatch(name))]:
        widened = layers.get(f"{block}_expand")
        depthwise, project = layers[f"{block}_depthwise"], layers[f"{block}_project"]
        width = (widened or depthwise).input.shape[-1]
        adds = depthwise.strides == 1 and width == project.filters
        pooled = f"{block}_skip_pool" in layers
        if pooled or (adds and f"{block}_add" not in layers and f"{block}_add" != FIRST_SUM):
            yield block

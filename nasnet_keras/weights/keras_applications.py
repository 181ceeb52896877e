"""Files of `keras.applications`' NASNet in Keras' legacy HDF5 format, read as weights of this package's layers."""

import re
from typing import Any

import h5py

from nasnet_keras.weights.hdf5 import Objects, brief

__all__ = ["found"]

_SEPARABLE = re.compile(r"separable_conv_([12])_(normal|reduction)_(left|right)(\d)_(.+)")
_CURRENT = re.compile(r"(normal|reduction)_conv_1_(.+)")
_PREVIOUS = re.compile(r"adjust_conv_(projection|1)_(.+)")


def found(objects: Objects, file: h5py.File) -> dict[str, list[h5py.Dataset]]:
    """Group a file's data sets by the names of this package's layers, in the order of their variables.

    The data sets of a batch normalisation join those of the convolution before it. A layer that NASNet does not have
    keeps its own name, so that a comparison with a model shows it.

    Raises:
        WeightsError: a data set lies outside the file, or is missing.
    """
    weights = {name: _datasets(objects, file, name) for name in objects.texts(file, "layer_names")}
    weights = {name: datasets for name, datasets in weights.items() if datasets}
    repeats = _first_stack(weights)
    owners: dict[str, list[h5py.Dataset]] = {}
    taken: set[str] = set()
    for name in weights:
        parts, ours = _parts(name, repeats)
        if ours is not None:
            owners[ours] = [dataset for part in (name, *parts) for dataset in weights.get(part, [])]
            taken.update((name, *parts))
    return owners | {name: datasets for name, datasets in weights.items() if name not in taken}


def _parts(name: str, repeats: int) -> tuple[list[str], str | None]:
    """Name the layers of Keras that join the one called `name`, and the layer here; None if `name` joins another."""
    if name == "stem_conv1":
        return ["stem_bn1"], "stem_conv"
    if name == "predictions":
        return [], "logits"
    if match := _SEPARABLE.fullmatch(name):
        stage, role, side, number, place = match.groups()
        # Their reduction cell calls the left of its fifth block "left4".
        block = 4 if (role, side, number) == ("reduction", "left", "4") else int(number) - 1
        bn = name.replace(f"separable_conv_{stage}_", f"separable_conv_{stage}_bn_", 1)
        return [bn], f"{_cell(place, repeats)}_block_{block}_{side}_separable_{stage}"
    if match := _CURRENT.fullmatch(name):
        return [f"{match[1]}_bn_1_{match[2]}"], f"{_cell(match[2], repeats)}_current"
    if match := _PREVIOUS.fullmatch(name):
        second = [f"adjust_conv_2_{match[2]}"] if match[1] == "1" else []
        return [*second, f"adjust_bn_{match[2]}"], f"{_cell(match[2], repeats)}_previous"
    return [], None


def _cell(place: str, repeats: int) -> str:
    """Name the cell here. Keras counts reduction cells along with the others, and cells of the stem from 1."""
    kind, _, number = place.rpartition("_")
    if kind == "stem":
        return f"stem_{int(number) - 1}"
    if kind == "reduce":
        return f"reduction_{int(number) // repeats - 1}"
    return f"cell_{int(number) - (int(number) > repeats):02d}"


def _first_stack(names: Any) -> int:
    """Find N: Keras' first reduction cell after the stem is `reduce_N`."""
    numbers = [int(match[1]) for name in names if (match := re.fullmatch(r"reduction_conv_1_reduce_(\d+)", name))]
    return min(numbers, default=1)


def _datasets(objects: Objects, file: h5py.File, layer: str) -> list[h5py.Dataset]:
    group = objects.group(file, layer)
    if group is None:
        raise objects.refused(f"has no layer {brief(layer)}")
    return [objects.dataset(group, weight) for weight in objects.texts(group, "weight_names")]

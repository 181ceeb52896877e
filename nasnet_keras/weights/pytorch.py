"""PyTorch's state dicts of MnasNet, as torchvision and timm name them, read as weights of this package's layers."""

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nasnet_keras.weights.hdf5 import WeightsError, brief
from nasnet_keras.weights.stored import Layers, Stored

__all__ = ["FIRST_SUM", "found", "hint"]

_CONV, _DEPTHWISE, _DENSE, _VECTOR = (2, 3, 1, 0), (2, 3, 0, 1), (1, 0), (0,)
_ROLES = {  # for each part of a module: its place among the variables of the layer here, and the order of its axes
    "conv": {"weight": (0, _CONV)},
    "depthwise": {"weight": (0, _DEPTHWISE)},
    "normalization": {
        "weight": (1, _VECTOR),
        "bias": (2, _VECTOR),
        "running_mean": (3, _VECTOR),
        "running_var": (4, _VECTOR),
    },
    "dense": {"weight": (0, _DENSE), "bias": (1, _VECTOR)},
    "reduce": {"weight": (0, _CONV), "bias": (1, _VECTOR)},
    "expand": {"weight": (2, _CONV), "bias": (3, _VECTOR)},
}
_COUNTER = "num_batches_tracked"  # of a batch normalisation; nothing depends on it
_SHOWN = 3


class _Place(NamedTuple):
    """The layer here that a module of PyTorch is, or a part of it."""

    layer: str
    role: str


def _modules(*rows: tuple[str, str, str]) -> dict[str, _Place]:
    return {module: _Place(layer, role) for module, layer, role in rows}


_EXCITE = (("se.conv_reduce", "excite", "reduce"), ("se.conv_expand", "excite", "expand"))
_TIMM = _modules(
    ("conv_stem", "stem_conv", "conv"),
    ("bn1", "stem_conv", "normalization"),
    ("conv_head", "head_conv", "conv"),
    ("bn2", "head_conv", "normalization"),
    ("classifier", "logits", "dense"),
)
_TIMM_DEPTHWISE = _modules(
    ("conv_dw", "depthwise", "depthwise"),
    ("bn1", "depthwise", "normalization"),
    ("conv_pw", "project", "conv"),
    ("bn2", "project", "normalization"),
    *_EXCITE,
)
_TIMM_INVERTED = _modules(
    ("conv_pw", "expand", "conv"),
    ("bn1", "expand", "normalization"),
    ("conv_dw", "depthwise", "depthwise"),
    ("bn2", "depthwise", "normalization"),
    ("conv_pwl", "project", "conv"),
    ("bn3", "project", "normalization"),
    *_EXCITE,
)
_FIRST = "stage_01_layer_00"
FIRST_SUM = f"{_FIRST}_add"
"""The layer of a network that adds the input of its first layer to the result."""
_SMALL = (8, 8, 16, *[16] * 2, *[32] * 4, *[32] * 3, *[88] * 3, 144)
"""The filters of timm's `mnasnet_small`: of its stem, and of its layers."""

_TORCHVISION = _modules(
    ("layers.0", "stem_conv", "conv"),
    ("layers.1", "stem_conv", "normalization"),
    ("layers.3", f"{_FIRST}_depthwise", "depthwise"),
    ("layers.4", f"{_FIRST}_depthwise", "normalization"),
    ("layers.6", f"{_FIRST}_project", "conv"),
    ("layers.7", f"{_FIRST}_project", "normalization"),
    ("layers.14", "head_conv", "conv"),
    ("layers.15", "head_conv", "normalization"),
    ("classifier.1", "logits", "dense"),
)
_TORCHVISION_INVERTED = _modules(
    ("0", "expand", "conv"),
    ("1", "expand", "normalization"),
    ("3", "depthwise", "depthwise"),
    ("4", "depthwise", "normalization"),
    ("6", "project", "conv"),
    ("7", "project", "normalization"),
)
_TIMM_BLOCK = re.compile(r"blocks\.(\d{1,4})\.(\d{1,4})\.(.+)")
_TORCHVISION_BLOCK = re.compile(r"layers\.(8|9|1[0-3])\.(\d{1,4})\.layers\.(.+)")


def found(path: object, tensors: Mapping[str, Stored], *, adds: bool) -> Layers:
    """Group the tensors of a state dict by the names of this package's layers, in the order of their variables.

    The tensors of a batch normalisation join those of the convolution before it. Where the network adds the input of
    its first layer to the result, `FIRST_SUM` is among the layers, without arrays, so that a comparison shows it. No
    tensor tells this: torchvision's networks do not, timm's `mnasnet_small` does, and any other network of timm's code
    is taken to do as the model.

    Args:
        path: of the file, for errors.
        tensors: the tensors by PyTorch's names.
        adds: whether the model adds the input of its first layer.

    Raises:
        WeightsError: it is no state dict of MnasNet, or not a whole one; the error lists names.
    """
    modules: dict[str, dict[str, Stored]] = {}
    for name, tensor in tensors.items():
        module, _, part = name.rpartition(".")
        modules.setdefault(module, {})[part] = tensor
    if not {"conv_stem", "layers.0"} & modules.keys():
        raise WeightsError(
            f"{path} holds no weights of MnasNet as PyTorch's state dicts name them: expected conv_stem.weight (timm) "
            f"or layers.0.weight (torchvision) among its tensors, got {_listed(tensors) or 'none'}"
        )
    layers, unknown, lacking = _in_layers(modules)
    if problems := [f"{what} {_listed(names)}" for what, names in (("has", unknown), ("lacks", lacking)) if names]:
        style = "timm" if "conv_stem" in modules else "torchvision"
        raise WeightsError(f"{path} is no state dict of {style}'s MnasNet: it {', and it '.join(problems)}")
    in_order = {name: [arrays[index] for index in sorted(arrays)] for name, arrays in layers.items()}
    if "conv_stem" in modules and (adds or _is_small(in_order)):
        return {**in_order, FIRST_SUM: []}
    return in_order


def _in_layers(modules: dict[str, dict[str, Stored]]) -> tuple[dict[str, dict[int, Stored]], list[str], list[str]]:
    """Group tensors by layer and place in it; and list names that are unknown, and names that are missing."""
    layers: dict[str, dict[int, Stored]] = {}
    unknown, lacking = [], []
    for module, parts in modules.items():
        place = _place(module, modules)
        expected = {} if place is None else _ROLES[place.role]
        ignored = {_COUNTER} if place is not None and place.role == "normalization" else set()
        unknown += [f"{module}.{part}".removeprefix(".") for part in parts if part not in expected.keys() | ignored]
        lacking += [f"{module}.{part}" for part in expected if part not in parts]
        for part in expected.keys() & parts.keys():
            index, axes = expected[part]
            layers.setdefault(place.layer, {})[index] = parts[part].transposed(axes)
    return layers, sorted(unknown), sorted(lacking)


def hint(found: Layers, differing: list[str]) -> str:
    """Say what is special of a state dict that differs from a model in some layers; "" if nothing is known."""
    if FIRST_SUM in differing:
        adds, skip = ("adds", "identity") if FIRST_SUM in found else ("does not add", "none")
        return (
            f" (the file's network {adds} the input of its first layer to the result, as a genotype does with "
            f"skip={skip!r} in its first stage; conventions.from_timm reads timm's tables)"
        )
    widths = [_width(found, name) for name in ("stem_conv", f"{_FIRST}_project", "stage_02_layer_00_project")]
    if widths[:2] == [32, 16] and widths[2] != 24:
        return (
            " (the file is of version 1 of torchvision's MNASNet, which has 32 filters in its stem and 16 in its first "
            "layer whatever the width multiplier is: build the network with alpha=1 of a genotype that has these, and "
            "in its other stages the widths of the file)"
        )
    return ""


def _place(module: str, modules: Iterable[str]) -> _Place | None:
    """Find the layer here that a module is or belongs to."""
    if "conv_stem" not in modules:
        match, top, within = _TORCHVISION_BLOCK.fullmatch(module), _TORCHVISION, _TORCHVISION_INVERTED
        first = -6  # the stacks begin as `layers.8`, and are the second stage here
    else:
        match, top, first = _TIMM_BLOCK.fullmatch(module), _TIMM, 1
        inverted = match is not None and f"blocks.{match[1]}.{match[2]}.conv_pwl" in modules
        within = _TIMM_INVERTED if inverted else _TIMM_DEPTHWISE
    if match is None:
        return top.get(module)
    place = within.get(match[3])
    layer = f"stage_{int(match[1]) + first:02d}_layer_{int(match[2]):02d}"
    return place and place._replace(layer=f"{layer}_{place.layer}")


def _is_small(layers: Layers) -> bool:
    """Whether the widths of all layers are those of timm's `mnasnet_small`."""
    names = [name for name in layers if name.endswith("_project")]
    return tuple(_width(layers, name) for name in ("stem_conv", *sorted(names))) == _SMALL


def _width(layers: Layers, name: str) -> int | None:
    """The filters of a convolution, by its batch normalisation."""
    arrays = layers.get(name, [])
    return arrays[1].shape[0] if len(arrays) > 1 and arrays[1].shape else None


def _listed(names: Iterable[str]) -> str:
    shown = [brief(name) for name in names]
    more = [f"{len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
    return ", ".join([*shown[:_SHOWN], *more])

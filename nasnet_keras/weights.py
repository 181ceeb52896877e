"""Strict loading of weights: by layer name, all or nothing, and a mismatch shows both sides."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from nasnet_keras import checks, legacy

__all__ = ["load_weights"]

_AUXILIARY = "auxiliary"
_CLASSIFIER = "logits"
_HEADS = (_CLASSIFIER, _AUXILIARY)
_SHOWN = 3


def load_weights(model: Any, path: str | Path, *, classifier: bool = True) -> None:
    """Load a file that `model.save_weights` wrote, into the layers of the same names.

    The auxiliary head may be missing in the file (it keeps its values) or in the model (it is passed over).
    Nothing is changed unless everything fits.

    Args:
        model: a functional model made by `nasnet_keras`.
        path: of a `.weights.h5` file, or of a file of `keras.applications`' NASNet in Keras' legacy `.h5` format.
        classifier: whether to load the classifier. Without, the model keeps its own, of any number of classes or none.

    Raises:
        ValueError: no such file, no weights file, or weights of another network; the error lists what the file
            holds and what the model expects.
    """
    path = checks.weights_file(path)
    expected = _expected(model)
    try:
        with h5py.File(path, "r") as file:
            if "layer_names" in file.attrs:
                found = legacy.found(file)
            elif "layers" in file:
                found = _found(file["layers"])
            else:
                found = {}
            if not found:
                raise ValueError(f"{path} holds no layers: expected a file written by model.save_weights(...)")
            if not classifier:
                expected, found = ({k: v for k, v in x.items() if k != _CLASSIFIER} for x in (expected, found))
            problem = _mismatch(path, expected, found)
            if problem:
                raise ValueError(problem)
            values = {owner: [np.asarray(dataset) for dataset in found[owner]] for owner in expected if owner in found}
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(
            f"{path} cannot be read as a .weights.h5 file (cut off, or another format?): {error}"
        ) from None
    for owner, arrays in values.items():
        for variable, array in zip(expected[owner], arrays, strict=True):
            variable.assign(array)


def _expected(model: Any) -> dict[str, list[Any]]:
    """The model's variables by the path of the layer that owns them, in the order in which Keras saves them."""
    owners: dict[str, list[Any]] = {}
    for variable in model.weights:
        owners.setdefault(variable.path.rpartition("/")[0], []).append(variable)
    return owners


def _found(group: h5py.Group, prefix: str = "") -> dict[str, list[h5py.Dataset]]:
    """The file's data sets by the path of the layer that owns them. Nothing outside the file is followed."""
    owners: dict[str, list[h5py.Dataset]] = {}
    for key in group:
        link = group.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{group.file.filename} has a link to elsewhere at {group.name}/{key}: refused")
        layer = group[key]
        if key == "vars" or not isinstance(layer, h5py.Group) or "vars" not in layer:
            continue
        variables = layer["vars"]
        name = prefix + str(variables.attrs.get("name", key))
        datasets = [variables[str(index)] for index in range(len(variables))]
        for dataset in datasets:
            if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
                raise ValueError(f"{group.file.filename} has weights outside the file at {variables.name}: refused")
        if datasets:
            owners[name] = datasets
        owners.update(_found(layer, f"{name}/"))
    return owners


def _mismatch(path: Path, expected: dict[str, list[Any]], found: dict[str, list[Any]]) -> str | None:
    """What differs between the file and the model, or None. The auxiliary head may be absent on one side."""

    def shapes(owners, owner):
        return [tuple(value.shape) for value in owners[owner]] if owner in owners else None

    def optional(owner):
        return owner.startswith(_AUXILIARY) and not (owner in expected and owner in found)

    differing = [
        owner
        for owner in dict.fromkeys([*expected, *found])
        if shapes(expected, owner) != shapes(found, owner) and not optional(owner)
    ]
    if not differing:
        return None
    # First what both have in other shapes, then what only the file, then what only the model has: some of each.
    kinds: dict[tuple[bool, bool], list[str]] = {(True, True): [], (False, True): [], (True, False): []}
    for owner in differing:
        kinds[owner in expected, owner in found].append(owner)
    lines = []
    for owners in kinds.values():
        lines += [
            f"  {owner}: file {shapes(found, owner) or 'absent'}, model {shapes(expected, owner) or 'absent'}"
            for owner in owners[:_SHOWN]
        ]
        if len(owners) > _SHOWN:
            lines.append(f"  … and {len(owners) - _SHOWN} more like these")
    hint = ""
    if all(owner.startswith(_HEADS) for owner in differing) and _CLASSIFIER in found and _CLASSIFIER in expected:
        classes = found[_CLASSIFIER][-1].shape[0], expected[_CLASSIFIER][-1].shape[0]
        hint = f" (the file is for {classes[0]} classes, the model has classes={classes[1]})"
    elif all(owner.startswith(_CLASSIFIER) for owner in differing):
        hint = " (only the classifier differs: is include_top what the file was saved with?)"
    return f"{path} does not fit the model{hint}; nothing was loaded:\n" + "\n".join(lines)

"""Reading of a file of weights, after a comparison with the expected layers, without Keras or a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from nasnet_keras.weights import keras_applications, pytorch, state_dict
from nasnet_keras.weights.hdf5 import BFLOAT16, Objects, WeightsError, brief, kind, word
from nasnet_keras.weights.stored import Layers, Stored

__all__ = ["FLOATS", "Expected", "read"]

FLOATS = ("f", BFLOAT16)

Expected = dict[str, list[tuple[tuple[int, ...], tuple[str, ...]]]]
"""By the path of a layer: the shape of each variable, and the kinds of its numbers, as `hdf5.kind` calls them."""

_AUXILIARY = "auxiliary"
_CLASSIFIER = "logits"
_HEADS = (_CLASSIFIER, _AUXILIARY)
_SHOWN = 3
_ARRAYS = 8


def read(path: Path, expected: Expected, *, classifier: bool = True) -> dict[str, list[np.ndarray]]:
    """Read the arrays of a file of weights, by layer; see `weights.load_weights`.

    Names, shapes and kinds of numbers are checked before any array is read.

    Raises:
        WeightsError: it is no file of weights, or of another network; the error lists what the file holds and what was
            expected.
    """
    is_state_dict = state_dict.opener(path) is not None
    try:
        state_dict.refuse_pickles(path)
        with _tensors(path, expected) if is_state_dict else _hdf5(path) as found:
            if not classifier:
                expected, found = ({k: v for k, v in x.items() if k != _CLASSIFIER} for x in (expected, found))
            if differing := [owner for owner in {**expected, **found} if not _agree(owner, expected, found)]:
                hint = _hint(expected, found, differing) or (pytorch.hint(found, differing) if is_state_dict else "")
                raise WeightsError(_mismatch(path, expected, found, differing, hint))
            return {owner: [each.read() for each in found[owner]] for owner in expected if owner in found}
    except WeightsError:
        raise
    except Exception as error:  # a damaged file makes h5py raise any exception
        raise WeightsError(
            f"{path} cannot be read as a {path.suffix if is_state_dict else '.weights.h5'} file (cut off, or another "
            f"format?): {brief(error) or type(error).__name__}"
        ) from None


@contextmanager
def _tensors(path: Path, expected: Expected) -> Iterator[Layers]:
    with state_dict.opener(path)(path) as tensors:
        yield pytorch.found(path, tensors, adds=pytorch.FIRST_SUM in expected)


@contextmanager
def _hdf5(path: Path) -> Iterator[Layers]:
    with h5py.File(path, "r", locking="best-effort") as file:
        objects = Objects(file, path)
        found = _datasets(objects, file)
        if not found:
            raise WeightsError(f"{path} holds no layers: expected a file written by model.save_weights(...)")
        yield {
            owner: [Stored(each.shape, kind(each), partial(objects.read, each)) for each in datasets]
            for owner, datasets in found.items()
        }


def _datasets(objects: Objects, file: h5py.File) -> dict[str, list[h5py.Dataset]]:
    """Group a file's data sets by the path of their layer."""
    if h5py.h5a.exists(file.id, b"layer_names"):
        return keras_applications.found(objects, file)
    layers = objects.group(file, "layers")
    owners: dict[str, list[h5py.Dataset]] = {}
    if layers is not None:
        _collect(objects, layers, "", owners)
    return owners


def _collect(objects: Objects, group: h5py.Group, prefix: str, owners: dict[str, list[h5py.Dataset]]) -> None:
    for key, layer in objects.groups(group):
        variables = None if key == "vars" else objects.group(layer, "vars")
        if variables is None:
            continue
        name = prefix + (objects.text(variables, "name") or key)
        if datasets := objects.datasets(variables):
            if name in owners:
                raise objects.refused(f"has two layers {brief(name)}")
            owners[name] = datasets
        _collect(objects, layer, f"{name}/", owners)


def _mismatch(path: Path, expected: Expected, found: Layers, differing: list[str], hint: str) -> str:
    """Describe how the file and the model differ."""
    # Some layers of each kind: in both with other shapes, only in the file, only in the model.
    sides: dict[tuple[bool, bool], list[str]] = {(True, True): [], (False, True): [], (True, False): []}
    for owner in differing:
        sides[owner in expected, owner in found].append(owner)
    lines = []
    for owners in sides.values():
        lines += [
            f"  {brief(owner)}: file {_in_file(found.get(owner))}, model {_in_model(expected.get(owner))}"
            for owner in owners[:_SHOWN]
        ]
        if len(owners) > _SHOWN:
            lines.append(f"  … and {len(owners) - _SHOWN} more like these")
    return f"{path} does not fit the model{hint}; nothing was loaded:\n" + "\n".join(lines)


def _agree(owner: str, expected: Expected, found: Layers) -> bool:
    """Tell whether the file has the weights of a layer that the model expects. Either may lack the auxiliary head."""
    if (owner in expected) != (owner in found):
        return owner.startswith(_AUXILIARY)
    pairs = list(zip(found[owner], expected[owner], strict=False))
    equal = all(each.shape == tuple(shape) and each.kind in kinds for each, (shape, kinds) in pairs)
    return equal and len(found[owner]) == len(expected[owner])


def _hint(expected: Expected, found: Layers, differing: list[str]) -> str:
    if all(owner.startswith(_HEADS) for owner in differing) and _CLASSIFIER in found and _CLASSIFIER in expected:
        classes = [shape[0] for shape in (found[_CLASSIFIER][-1].shape, expected[_CLASSIFIER][-1][0]) if shape]
        if len(set(classes)) == 2:
            return f" (the file is for {classes[0]} classes, the model has classes={classes[1]})"
    elif all(owner.startswith(_CLASSIFIER) for owner in differing):
        return " (only the classifier differs: is include_top what the file was saved with?)"
    return ""


def _in_file(arrays: list[Stored] | None) -> str:
    return "absent" if arrays is None else _listed([(each.shape, each.kind) for each in arrays])


def _in_model(variables: list[tuple[tuple[int, ...], tuple[str, ...]]] | None) -> str:
    return "absent" if variables is None else _listed([(tuple(shape), kinds[0]) for shape, kinds in variables])


def _listed(arrays: list[tuple[tuple[int, ...], str]]) -> str:
    shown = [f"{shape}{'' if of in FLOATS else f' of {word(of)}'}" for shape, of in arrays[:_ARRAYS]]
    more = [f"… {len(arrays) - _ARRAYS} more"] if len(arrays) > _ARRAYS else []
    return f"[{', '.join([*shown, *more])}]"

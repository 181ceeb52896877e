"""Strict loading of weights: by layer name, all or nothing, and a mismatch shows both sides."""

from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np

from nasnet_keras.utils import checks
from nasnet_keras.weights import pytorch_rules, reading
from nasnet_keras.weights.isolated import read_apart
from nasnet_keras.weights.reading import FLOATS
from nasnet_keras.weights.state_dict import opener

__all__ = ["load_weights"]


def load_weights(model: Any, path: str | Path, *, classifier: bool = True, known: bool = False) -> None:
    """Load a file that `model.save_weights` wrote, into the layers of the same names.

    Files of other code are read too: of Keras' NASNet, and of torchvision's and timm's MnasNet, for a model with
    `padding="torch"` and `batch_norm_epsilon=1e-5`. The auxiliary head may be missing in the file (it keeps its values)
    or in the model (it is left out).
    The model changes only if all weights fit. Links in the file to other files are never followed.

    Args:
        model: a functional model made by `nasnet_keras`.
        path: a `.weights.h5` file; a file of `keras.applications`' NASNet in Keras' legacy `.h5` format; or a state
            dict of PyTorch as `.safetensors` or `.npz`. Pickles (`.pt`, `.pth`) are never read.
        classifier: whether to load the classifier. If not, the model keeps its own, with any number of classes, or has
            none.
        known: whether the file is trusted, since its hash was checked or this process wrote it. Any other file is
            read in a separate process, which may take 30 seconds, and one more for each MiB of the file.

    Raises:
        ValueError: there is no such file, it is no weights file, or its weights are of another network; the error
            lists what the file holds and what the model expects.

    Example:
        >>> from nasnet_keras import NASNetFromGenotype
        >>> model = NASNetFromGenotype("nasnet_a", (16, 16, 3), num_repeats=1, filters=4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save_weights(f"{folder}/a.weights.h5")
        ...     load_weights(model, f"{folder}/a.weights.h5")
    """
    path = checks.weights_file(path)
    variables = _variables(model)
    expected = {
        owner: [(tuple(each.shape), _kinds(each)) for each in variables] for owner, variables in variables.items()
    }
    of_pytorch = opener(path) is not None
    expected |= pytorch_rules.sums(model) if of_pytorch else {}
    values = (reading.read if known else read_apart)(path, expected, classifier=classifier)
    if of_pytorch:
        pytorch_rules.check(model, path)
    # All that can fail comes before the first assignment.
    pairs = [
        (variable, _tensor(variable, array))
        for owner, arrays in values.items()
        for variable, array in zip(variables.get(owner, []), arrays, strict=True)
    ]
    for variable, value in pairs:
        variable.assign(value)


def _variables(model: Any) -> dict[str, list[Any]]:
    """Group a model's variables by the path of their layer, in the order in which Keras saves them."""
    owners: dict[str, list[Any]] = {}
    for variable in model.weights:
        owners.setdefault(variable.path.rpartition("/")[0], []).append(variable)
    return owners


def _kinds(variable: Any) -> tuple[str, ...]:
    """The kinds of numbers that a variable can hold with no change but of their precision."""
    if "float" in variable.dtype:
        return FLOATS
    letter = np.dtype(variable.dtype).kind
    return ("i", "u") if letter in "iu" else (letter,)


def _tensor(variable: Any, array: np.ndarray) -> Any:
    if array.dtype == np.uint16 and _kinds(variable) == FLOATS:
        array = array.view(ml_dtypes.bfloat16)
    return keras.ops.convert_to_tensor(array, variable.dtype)

"""The names of formats, as users write them: by the ending of a path, or by a word. Nothing here imports Keras."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasnet_keras.inference.errors import ExportError
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.near import alike, nearest

__all__ = ["ENDINGS", "NAMES", "check_free", "format_for", "format_named", "known_name"]

ENDINGS = {"litert": ".tflite", "onnx": ".onnx", "openvino": ".xml", "saved_model": ""}
"""The endings of paths by format; that of a folder is empty."""
NAMES = {
    **{name: name for name in ENDINGS},
    "lite": "litert",
    "tensorflow_lite": "litert",
    "tflite": "litert",
    "onnxruntime": "onnx",
    "ort": "onnx",
    "ir": "openvino",
    "xml": "openvino",
    "pb": "saved_model",
    "tensorflow": "saved_model",
    "tf": "saved_model",
}
"""The formats by their names and other usual ones."""
_OF_KERAS = ("h5", "hdf5", "keras", "weights_h5")
_KERAS = "is Keras' own format: write it by model.save('NAME.keras'), or of the fused model by "
_KERAS += "nk.fuse_for_inference(model).save('NAME.keras')"
_SAVED = "saved_model.pb"


def known_name(word: Any, names: Mapping[str, str]) -> str | None:
    """Find what a word is a name of; None if it is none. Capitals, dots, hyphens and the like do not matter.

    Example:
        >>> known_name("TF-Lite", NAMES), known_name("caffe", NAMES)
        ('litert', None)
    """
    found = alike(word, names) if isinstance(word, str) else None
    return None if found is None else names[found]


def format_named(word: Any) -> str:
    """Find the format that a word names, by its name or another usual one.

    Raises:
        ExportError: it names none; the error says what to type.

    Example:
        >>> format_named("tflite"), format_named("ONNX"), format_named("SavedModel")
        ('litert', 'onnx', 'saved_model')
    """
    found = known_name(word, NAMES)
    if found is not None:
        return found
    if isinstance(word, str) and alike(word, _OF_KERAS):
        raise ExportError(f"format {word!r} {_KERAS}")
    near = nearest(word, NAMES) if isinstance(word, str) else None
    hint = "" if near is None else f"; did you mean {NAMES[near]!r}?"
    raise ExportError(f"format must be one of {', '.join(ENDINGS)}, got {quoted(word)}{hint}")


def format_for(path: str | Path, word: Any = None) -> str:
    """Find the format of a path: by its ending, or by a word, which the ending must not contradict.

    Args:
        path: where to write; a folder has any name that no file of another format has.
        word: see `format_named`; None takes the ending's, which is `"saved_model"` if there is none.

    Raises:
        ExportError: the ending is none of a format, or that of another one.

    Example:
        >>> format_for("model.tflite"), format_for("folder/model"), format_for("exports/1.0", "tf")
        ('litert', 'saved_model', 'saved_model')
    """
    named = None if word is None else format_named(word)
    text, path = str(path), Path(path)
    ending, is_folder = path.suffix, text.endswith(("/", "\\"))
    if path.name.lower() in filter(None, ENDINGS.values()):
        raise ExportError(f"{text!r} is an ending without a name: expected NAME{path.name.lower()}")
    by_ending = next((name for name, known in ENDINGS.items() if known and known == ending.lower()), None)
    if by_ending is not None and ending != ENDINGS[by_ending]:
        raise ExportError(f"write the ending in small letters, {path.with_suffix(ENDINGS[by_ending])}, got {text!r}")
    if by_ending is not None and named not in (None, by_ending):
        other = f"a file, NAME{ENDINGS[named]}" if ENDINGS[named] else "a folder"
        raise ExportError(
            f"{text!r} has the ending of format {by_ending!r}, and format is {word!r}: leave that out, or give the "
            f"path of {other}"
        )
    if by_ending is not None and is_folder:
        raise ExportError(f"{text!r} is the path of a folder, with the ending of a file of format {by_ending!r}")
    if by_ending is not None:
        return by_ending
    if named not in (None, "saved_model"):
        raise ExportError(f"expected the path of a file, NAME{ENDINGS[named]}, for format {named!r}, got {text!r}")
    if alike(ending, _OF_KERAS):
        raise ExportError(f"{ending!r} {_KERAS}")
    if ending.lower() == ".pb":
        raise ExportError(
            f"a SavedModel is a folder, which has a file {_SAVED}: give the path of the folder, such as "
            f"{str(path.with_suffix(''))!r}, got {text!r}"
        )
    plain = not ending and not path.name.endswith(".")
    if named is None and not plain and not is_folder and not (path / _SAVED).is_file():
        raise ExportError(
            f"{text!r} ends in none of {', '.join(filter(None, ENDINGS.values()))}: end it so, or give format "
            f"saved_model to write a folder of that name"
        )
    return "saved_model"


def check_free(path: Path, name: str) -> None:
    """Check that nothing is in the way of what is written to a path, but an earlier export.

    Raises:
        ExportError: a folder is in the way of a file, or a file or another folder in that of a SavedModel, or the
            folder around it is missing.
    """
    parent = str(path.parent)
    if path.parent.exists() and not path.parent.is_dir():
        raise ExportError(f"{parent!r} is a file, and no folder to write {path.name!r} into")
    if not path.parent.is_dir():
        raise ExportError(f"there is no folder {parent!r} to write {path.name!r} into")
    saved = (path / _SAVED).is_file()
    if ENDINGS[name]:
        if path.is_dir():
            what = "a folder of a SavedModel" if saved else "a folder"
            raise ExportError(
                f"{str(path)!r} is {what}, and a file is to be written: remove it, or choose another name"
            )
    elif path.exists() and not saved:
        what = "a folder that is no SavedModel" if path.is_dir() else "a file"
        raise ExportError(
            f"{str(path)!r} is there, {what}: expected a new folder, or a SavedModel to replace; choose another name"
        )

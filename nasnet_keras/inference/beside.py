"""The files beside an exported classifier, for the program that runs it: its labels, and what it reads and answers."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from nasnet_keras.inference.described import Description
from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.logits import split
from nasnet_keras.inference.preprocessing import reads_pixels
from nasnet_keras.inference.tensor_type import TensorType
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.json_text import parse, text_of

__all__ = ["About", "check_beside", "files_beside", "left_beside", "lines_of"]

_FORMAT = "nasnet_keras.exported"
_VERSION = 1
_MOST_BYTES = 1 << 20
_FOLDER = "assets.extra"  # of a SavedModel, for files that its readers copy and leave alone
_COLORS = {1: "gray", 3: "RGB"}


def files_beside(path: Path, is_folder: bool) -> tuple[Path, Path]:
    """The paths of the labels, and of what is said of a file; within a SavedModel's folder if it is one.

    Example:
        >>> [str(one) for one in files_beside(pathlib.Path("a/model.tflite"), False)]
        ['a/model.tflite.labels.txt', 'a/model.tflite.json']
    """
    if is_folder:
        return path / _FOLDER / "labels.txt", path / _FOLDER / "model.json"
    return path.with_name(f"{path.name}.labels.txt"), path.with_name(f"{path.name}.json")


def left_beside(path: Path) -> tuple[Path, ...]:
    """The files that an earlier export left beside a path, which say nothing of what comes to be there."""
    labels, about = files_beside(path, is_folder=False)
    try:
        plain = parse(text_of(about, _MOST_BYTES))
    except (OSError, ValueError):
        return ()
    if not isinstance(plain, dict) or plain.get("format") != _FORMAT:
        return ()
    return tuple(path for path in (labels, about) if path.is_file())


def check_beside(path: Path) -> None:
    """Check that nothing is in the way of the files beside a path, but those of an earlier export.

    Raises:
        ExportError: a file of the user's own, or a folder, is.
    """
    theirs = left_beside(path)
    for each in files_beside(path, is_folder=False):
        if os.path.lexists(each) and each not in theirs:
            what = "a folder" if each.is_dir() else "no file of an earlier export"
            raise ExportError(
                f"{str(each)!r} is there, {what}, and the names of classes or what is read would be written to it: "
                f"remove it, or choose another name than {path.name!r}"
            )


def lines_of(names: Sequence[str]) -> list[str]:
    """List the lines of a labels file, one for each name of a class.

    Raises:
        ExportError: two names make the same line.

    Example:
        >>> lines_of(["a cat", "a  cat", "two\\nlines"])
        ['a cat', 'a  cat', 'two lines']
    """
    lines = [" ".join(name.splitlines()) for name in names]
    if len(set(lines)) != len(lines):
        same = [name for name, line in zip(names, lines, strict=True) if lines.count(line) > 1]
        raise ExportError(f"the names of classes {quoted(same[:2])} would be the same line of labels: pass class_names")
    return lines


@dataclass(frozen=True, eq=False)
class About:
    """What is said of an exported classifier.

    Attributes:
        model: what was exported.
        description: what is known of it, with names of classes.
        read, written: the types in which the file reads images and writes answers.
    """

    model: keras.Model
    description: Description
    read: TensorType
    written: TensorType

    @property
    def labels(self) -> bytes:
        """The text of the labels file."""
        lines = lines_of(self.description.class_names)
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")

    @property
    def image(self) -> Any:
        """The input of the model."""
        (image,) = self.model.inputs
        return image

    @property
    def input_type(self) -> TensorType:
        """The type that is read, which a model that was not quantized says itself."""
        return self.read if self.read.scale is not None else TensorType(self.image.dtype)

    @property
    def input_range(self) -> tuple[float, float] | None:
        """The lowest and the highest value of the images that are read; None if nobody told."""
        known = self.description.input_range
        return (0.0, 255.0) if known is None and reads_pixels(self.model) else known

    def write(self, path: Path, is_folder: bool) -> None:
        """Write both files for a file or folder at a path."""
        labels, about = files_beside(path, is_folder)
        labels.parent.mkdir(exist_ok=True)
        labels.write_bytes(self.labels)
        plain = {"format": _FORMAT, "version": _VERSION, "file": path.name, **self._plain(labels.name)}
        about.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def _plain(self, labels: str) -> dict[str, Any]:
        known, colors = self.input_range, _COLORS.get(self.image.shape[-1])
        probabilities = not isinstance(split(self.model)[1], keras.layers.Identity)
        return {
            "input": {
                "shape": list(self.image.shape),
                **_type(self.input_type),
                "range": None if known is None else list(known),
                "colors": colors,
                "fit": self.description.fit,
            },
            "output": {
                "shape": list(self.model.outputs[0].shape),
                **_type(self.written),
                "probabilities": probabilities,
                "labels": labels,
            },
        }


def _type(kind: TensorType) -> dict[str, Any]:
    scaled = {} if kind.scale is None else {"scale": kind.scale, "zero_point": kind.zero_point}
    return {"type": kind.dtype, **scaled}

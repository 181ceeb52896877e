"""What a `.tflite` file says of itself to MediaPipe and Android Studio: labels, and the range of what it reads.

The format is LiteRT's own, `metadata_schema.fbs`: a flatbuffer among the buffers of the file, and the labels as a ZIP
archive behind it, which readers find by its end. Numbers below are those of fields and of values in that schema.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.inference.beside import About
from nasnet_keras.inference.litert_file import packed, read

__all__ = ["describe"]

_NAME, _IDENTIFIER, _LABELS = "TFLITE_METADATA", b"M001", "labels.txt"
_IMAGE, _FEATURE, _NORMALIZATION, _AXIS_LABELS = 2, 1, 1, 2
_COLORS = {3: 1, 1: 2}  # channels: RGB, grey


def describe(path: Path, about: About) -> None:
    """Add metadata to the file of an image classifier, which computes the same as before.

    Args:
        path: of the file, which is replaced.
        about: what is said of it. If the range of what it reads is unknown, readers are not told how to scale pixels.
    """
    if len(about.image.shape) != 4 or len(about.model.outputs[0].shape) != 2:
        return  # no image classifier, of which alone this speaks
    is_float = about.input_type.dtype == "float32"
    data = _metadata(about.input_range, about.image.shape[-1], is_float)
    from ai_edge_litert import schema_py_generated as schema

    model = read(path.read_bytes())
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    entry.name, entry.buffer = _NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or ()), entry]
    archive = io.BytesIO(packed(model))
    archive.seek(0, io.SEEK_END)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as file:
        file.writestr(zipfile.ZipInfo(_LABELS), about.labels)
    path.write_bytes(archive.getvalue())


def _metadata(input_range: tuple[float, float] | None, channels: int, is_float: bool) -> bytes:
    """The flatbuffer: a model of one graph, with one image and one answer."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    units: list[Any] = []
    if is_float and input_range is not None:  # pixels become (pixel - mean) / deviation
        low, high = input_range
        deviation = 255 / (high - low)
        options = _table(builder, {0: _floats(builder, [0.0 - low * deviation]), 1: _floats(builder, [deviation])})
        units.append(_table(builder, {1: options}, bytes_={0: _NORMALIZATION}))
    ranges = {} if input_range is None else {5: _range(builder, *input_range)}
    image = _table(builder, {}, bytes_={0: _COLORS.get(channels, 0)})
    image = _table(builder, {1: image}, bytes_={0: _IMAGE})
    name = builder.CreateString("image")
    image = _table(builder, {0: name, 3: image, 4: _tables(builder, units), **ranges})
    file = _table(builder, {0: builder.CreateString(_LABELS)}, bytes_={2: _AXIS_LABELS})
    answer = _table(builder, {1: _table(builder, {})}, bytes_={0: _FEATURE})
    files, name = _tables(builder, [file]), builder.CreateString("probability")
    answer = _table(builder, {0: name, 3: answer, 6: files})
    graph = _table(builder, {2: _tables(builder, [image]), 3: _tables(builder, [answer])})
    name, graphs = builder.CreateString("ImageClassifier"), _tables(builder, [graph])
    version = builder.CreateString("1.0.0")
    builder.Finish(_table(builder, {0: name, 3: graphs, 7: version}), _IDENTIFIER)
    return bytes(builder.Output())


def _table(builder: Any, offsets: Mapping[int, int], bytes_: Mapping[int, int] | None = None) -> int:
    """A table of fields by their numbers, which are offsets of what was built before, or bytes."""
    fields = [*offsets, *(bytes_ or {})]
    builder.StartObject(max(fields, default=-1) + 1)
    for number, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(number, offset, 0)
    for number, value in (bytes_ or {}).items():
        builder.PrependUint8Slot(number, value, 0)
    return builder.EndObject()


def _tables(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _floats(builder: Any, values: Sequence[float]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependFloat32(value)
    return builder.EndVector()


def _range(builder: Any, low: float, high: float) -> int:
    return _table(builder, {0: _floats(builder, [high]), 1: _floats(builder, [low])})

"""What a `.tflite` file says of itself: read back field by field, and as MediaPipe's own reader does."""

import io
import struct
import zipfile

import keras
import numpy as np
import pytest
from helpers import difference

from nasnet_keras import export
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.inference.litert_file import read

NAMES = ["blå katt", "犬", "plain"]


class Table:
    """A table of a flatbuffer, read by the numbers of its fields."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    def number(self, form, at):
        return struct.unpack_from(f"<{form}", self.data, at)[0]

    def place(self, field):
        vtable = self.at - self.number("i", self.at)
        here = 4 + 2 * field
        offset = self.number("H", vtable + here) if here < self.number("H", vtable) else 0
        return self.at + offset if offset else None

    def byte(self, field):
        return self.number("B", self.place(field)) if self.place(field) else 0

    def table(self, field):
        return Table(self.data, self.place(field) + self.number("I", self.place(field)))

    def vector(self, field):
        if self.place(field) is None:
            return []
        start = self.place(field) + self.number("I", self.place(field))
        return [start + 4 + 4 * index for index in range(self.number("I", start))]

    def tables(self, field):
        return [Table(self.data, at + self.number("I", at)) for at in self.vector(field)]

    def floats(self, field):
        return [self.number("f", at) for at in self.vector(field)]

    def text(self, field):
        start = self.place(field) + self.number("I", self.place(field))
        return self.data[start + 4 : start + 4 + self.number("I", start)].decode()


def graph_of(path):
    """The metadata of the only graph of a file."""
    data = path.read_bytes()
    model = read(data)
    (entry,) = [one for one in model.metadata if one.name == b"TFLITE_METADATA"]
    found = np.asarray(model.buffers[entry.buffer].data, np.uint8).tobytes()
    assert found[4:8] == b"M001"
    (graph,) = Table(found, struct.unpack_from("<I", found)[0]).tables(3)
    return graph


def classifier(channels=3):
    image = keras.Input((8, 8, channels))
    pooled = keras.layers.GlobalAveragePooling2D()(
        keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 127.5, -1)(image))
    )
    return keras.Model(image, keras.layers.Dense(3, "softmax")(pooled))


@pytest.mark.parametrize("channels", [3, 1])
def test_labels_and_the_range_of_pixels(channels, tmp_path, generator):
    model, path = classifier(channels), tmp_path / "a.tflite"
    export(model, path, class_names=NAMES)
    images = generator.integers(0, 256, (3, 8, 8, channels)).astype("float32")
    assert difference(FORMATS["litert"].run(path, images), model(images)) < 1e-5
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert archive.read("labels.txt").decode("utf-8").splitlines() == NAMES
    (image,), (answer,) = graph_of(path).tables(2), graph_of(path).tables(3)
    assert image.table(3).byte(0) == 2 and image.table(3).table(1).byte(0) == {3: 1, 1: 2}[channels]
    (unit,) = image.tables(4)
    assert unit.byte(0) == 1 and (unit.table(1).floats(0), unit.table(1).floats(1)) == ([0.0], [1.0])
    assert (image.table(5).floats(0), image.table(5).floats(1)) == ([255.0], [0.0])
    (file,) = answer.tables(6)
    assert (file.text(0), file.byte(2)) == ("labels.txt", 2)


def test_pixels_are_scaled_for_a_model_that_does_not(tmp_path):
    model = classifier()
    export(model, tmp_path / "a.tflite", preprocessing=False, class_names=NAMES)
    assert not graph_of(tmp_path / "a.tflite").tables(2)[0].tables(4), "nobody told what pixels are"
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3))
    given = {"quantization": "weights", "calibration": images, "min_agreement": 0, "inference_input_type": "uint8"}
    export(model, tmp_path / "b.tflite", class_names=NAMES, **given)
    assert not graph_of(tmp_path / "b.tflite").tables(2)[0].tables(4), "integers are pixels"


def test_maps_are_no_answers_of_a_classifier(tmp_path):
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Conv2D(3, 1)(image))
    export(model, tmp_path / "a.tflite", class_names=NAMES)
    assert not zipfile.is_zipfile(tmp_path / "a.tflite")

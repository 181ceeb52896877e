"""Data sets of the training job: by name, from files, from folders; and what is refused."""

import functools
import http.server
import io
import os
import threading

import numpy as np
import pytest
from helpers import small_batch
from PIL import Image

from nasnet_keras.training import datasets


def write_images(folder, classes=("cat", "dog"), count=12, size=(10, 8), generator=None):
    generator = generator or np.random.default_rng(0)
    for label in classes:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{index}.png")


def test_a_folder_of_images(tmp_path):
    write_images(tmp_path / "pets")
    pets = datasets.load(tmp_path / "pets")
    assert pets.name == "pets" and pets.class_names == ("cat", "dog") and pets.image_shape == (10, 8, 3)
    assert [len(s) for s in (pets.train, pets.validation, pets.test)] == [20, 2, 2]
    pixels = np.asarray(Image.open(tmp_path / "pets" / "dog" / "3.png"))
    everything = np.concatenate([s.images for s in (pets.train, pets.validation, pets.test)])
    labels = np.concatenate([s.labels for s in (pets.train, pets.validation, pets.test)])
    (found,) = np.flatnonzero((everything == pixels).all((1, 2, 3)))
    assert labels[found] == 1 and len(np.unique(everything.reshape(24, -1), axis=0)) == 24
    again = datasets.load(tmp_path / "pets")
    np.testing.assert_array_equal(again.validation.images, pets.validation.images)
    square = datasets.load(tmp_path / "pets", image_size=6)
    assert square.image_shape == (6, 6, 3)


def test_a_folder_with_splits_grey_and_transparent_images(tmp_path):
    for split, count in (("train", 5), ("test", 3), ("validation", 2)):
        write_images(tmp_path / split, count=count)
    Image.new("L", (8, 10), 7).save(tmp_path / "train" / "cat" / "grey.png")
    Image.new("RGBA", (8, 10), (1, 2, 3, 4)).save(tmp_path / "train" / "cat" / "see_through.png")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("not an image")
    loaded = datasets.load(tmp_path)
    assert [len(s) for s in (loaded.train, loaded.validation, loaded.test)] == [12, 4, 6]


def test_folders_that_cannot_be_used(tmp_path):
    cases = {}
    cases["empty"] = "has no images: expected FOLDER/CLASS/IMAGE"
    (tmp_path / "empty").mkdir()
    write_images(tmp_path / "one", classes=("cat",))
    cases["one"] = r"has only one class \(cat\)"
    write_images(tmp_path / "corrupt")
    broken = tmp_path / "corrupt" / "cat" / "3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    cases["corrupt"] = r"cannot read the image .*3\.png"
    write_images(tmp_path / "sizes")
    write_images(tmp_path / "sizes", classes=("dog",), count=1, size=(5, 5))
    cases["sizes"] = "2 different sizes .* give image_size"
    write_images(tmp_path / "unknown" / "train")
    write_images(tmp_path / "unknown" / "test", classes=("cow",))
    cases["unknown"] = "classes that .* has not: cow"
    write_images(tmp_path / "leads_out")
    (tmp_path / "secret.png").write_bytes((tmp_path / "one" / "cat" / "0.png").read_bytes())
    (tmp_path / "leads_out" / "cat" / "x.png").symlink_to(tmp_path / "secret.png")
    cases["leads_out"] = "leads out of .*: refused"
    cases["missing/folder"] = "no folder"
    for name, message in cases.items():
        with pytest.raises(ValueError, match=message):
            datasets.load(str(tmp_path / name))


def test_npz_files(tmp_path, generator):
    images, labels = small_batch(generator, count=40)
    path = tmp_path / "mine.npz"
    np.savez(path, train_images=images, train_labels=labels, class_names=list("abcde"))
    mine = datasets.load(path, validation_fraction=0.25)
    assert [len(s) for s in (mine.train, mine.validation, mine.test)] == [22, 8, 10] and mine.class_names[4] == "e"
    bad = {
        "train_images": r"must hold train_images and train_labels",
        "float": "must be uint8",
        "labels": r"must be whole numbers of shape \(40,\)",
        "range": "labels of .* must be from 0 to 3, got -1",
    }
    np.savez(tmp_path / "train_images.npz", images=images, labels=labels)
    np.savez(tmp_path / "float.npz", train_images=images / 255.0, train_labels=labels)
    np.savez(tmp_path / "labels.npz", train_images=images, train_labels=labels[:, None])
    np.savez(tmp_path / "range.npz", train_images=images, train_labels=labels - 1)
    np.savez(tmp_path / "pickle.npz", train_images=np.array([{}], dtype=object), train_labels=labels)
    (tmp_path / "text.npz").write_text("no")
    bad |= {"pickle": "without pickled objects", "text": "without pickled objects", "absent": "no data set file"}
    for name, message in bad.items():
        with pytest.raises(ValueError, match=message):
            datasets.load(tmp_path / f"{name}.npz")


@pytest.fixture
def served(tmp_path):
    """A folder served over HTTP on loopback."""
    (tmp_path / "www").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    handler.func.log_message = lambda *arguments: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path / "www", f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_tensorflow_datasets_are_downloaded_and_prepared(served, tmp_path, generator):
    import tensorflow_datasets as tfds

    www, url = served
    images, labels = small_batch(generator, (8, 6, 3), count=50, classes=3)
    np.savez(www / "pixels.npz", images=images, labels=labels)

    class OursForTests(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(8, 6, 3)),
                "label": tfds.features.ClassLabel(names=["a", "b", "c"]),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
            )

        def _split_generators(self, manager):
            path = manager.download(f"{url}/pixels.npz")
            return {"train": self._generate_examples(path, 0, 40), "validation": self._generate_examples(path, 40, 50)}

        def _generate_examples(self, path, start, end):
            with np.load(path) as stored:
                for index in range(start, end):
                    yield index, {"image": stored["images"][index], "label": int(stored["labels"][index])}

    loaded = datasets.load("ours_for_tests", tmp_path / "data")
    assert [len(s) for s in (loaded.train, loaded.validation, loaded.test)] == [36, 4, 10], "validation is the test"
    found = {
        image.tobytes(): label
        for s in (loaded.train, loaded.validation, loaded.test)
        for image, label in zip(s.images, s.labels, strict=True)
    }
    assert found == {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    assert "ours_for_tests/1.0.0" in loaded.source and loaded.class_names == ("a", "b", "c")
    assert loaded.source.endswith("stored as png"), "as TensorFlow Datasets stores arrays"
    (www / "pixels.npz").unlink()
    again = datasets.load("ours_for_tests", tmp_path / "data")
    np.testing.assert_array_equal(again.train.images, loaded.train.images)
    assert datasets.load("ours_for_tests:1.0.0", tmp_path / "data", image_size=8).image_shape == (8, 8, 3)
    with pytest.raises(ValueError, match="cannot be downloaded there: .*404"):
        datasets.load("ours_for_tests", tmp_path / "elsewhere")


def test_the_source_says_how_images_are_stored_where_the_description_does_not(tmp_path, generator):
    import tensorflow_datasets as tfds

    images, labels = small_batch(generator, (8, 6, 3), count=12, classes=2)

    class JpegForTests(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {"image": tfds.features.Image(shape=(8, 6, 3)), "label": tfds.features.ClassLabel(num_classes=2)}
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
            )

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for index, label in enumerate(labels):
                file = io.BytesIO()
                Image.fromarray(images[index]).save(file, "jpeg")
                file.seek(0)
                yield index, {"image": file, "label": int(label)}

    assert datasets.load("jpeg_for_tests", tmp_path).source.endswith("stored as jpeg")


def test_names_that_nobody_knows(tmp_path):
    with pytest.raises(ValueError, match="no data set 'cifar11'.*TensorFlow Datasets says"):
        datasets.load("cifar11", tmp_path)
    with pytest.raises(ValueError, match="image_size=16: the images of digits are 8x8"):
        datasets.load("digits", image_size=16)
    with pytest.raises(ValueError, match=r"validation_fraction must be in \[0, 1\), got 1"):
        datasets.load("digits", validation_fraction=1)


@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR is not set")
def test_cifar10_where_it_is():
    cifar = datasets.load("cifar10")
    assert [len(s) for s in (cifar.train, cifar.validation, cifar.test)] == [45000, 5000, 10000]
    assert cifar.class_names[3] == "cat" and (np.bincount(cifar.test.labels) == 1000).all()

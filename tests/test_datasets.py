"""Data sets of the training job: by name, from files, from folders; and what is refused."""

import dataclasses
import functools
import http.server
import io
import os
import threading
import types

import numpy as np
import pytest
from fuzz import damaged_bytes, rounds
from helpers import small_batch
from PIL import Image

from nasnet_keras.training import datasets
from nasnet_keras.training.datasets import npz


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
        "labels": r"train labels of .* got int32 of shape \(40, 2\): several labels",
        "range": "train labels of .*: the least is -1; -1 mostly marks an image that nobody labelled",
    }
    np.savez(tmp_path / "train_images.npz", images=images, labels=labels)
    np.savez(tmp_path / "float.npz", train_images=images / 255.0, train_labels=labels)
    np.savez(tmp_path / "labels.npz", train_images=images, train_labels=np.stack([labels, labels + 1], 1))
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda f: {"label": f.Sequence(f.ClassLabel(num_classes=2))}, "one class each .several labels an image, and"),
        (lambda f: {"label": f.Scalar(np.float32)}, "one class each .* figures, are not supported.; it has"),
        (lambda f: {"image": f.Image(shape=(8, 8, 1), dtype=np.uint16)}, "values of uint16: expected uint8, 0 to 255"),
    ],
    ids=["several", "figures", "deep"],
)
def test_tensorflow_datasets_of_other_kinds(changes, message, monkeypatch):
    import tensorflow_datasets as tfds

    plain = {"image": tfds.features.Image(shape=(8, 8, 3)), "label": tfds.features.ClassLabel(num_classes=2)}
    features = tfds.features.FeaturesDict({**plain, **changes(tfds.features)})
    info = types.SimpleNamespace(features=features, supervised_keys=("image", "label"))
    monkeypatch.setattr(tfds, "builder", lambda *_, **__: types.SimpleNamespace(info=info))
    with pytest.raises(ValueError, match=message):
        datasets.load("anything")


def test_names_that_nobody_knows(tmp_path):
    with pytest.raises(ValueError, match="no data set 'cifar11': did you mean 'cifar10.*Datasets says"):
        datasets.load("cifar11", tmp_path)
    with pytest.raises(ValueError, match="image_size=16: the images of digits are 8x8"):
        datasets.load("digits", image_size=16)
    with pytest.raises(ValueError, match=r"validation_fraction must be in \[0, 1\), got 1"):
        datasets.load("digits", validation_fraction=1)


@pytest.mark.slow
@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR is not set")
def test_cifar10_where_it_is():
    cifar = datasets.load("cifar10")
    assert [len(s) for s in (cifar.train, cifar.validation, cifar.test)] == [45000, 5000, 10000]
    assert cifar.class_names[3] == "cat" and (np.bincount(cifar.test.labels) == 1000).all()


# --- data sets as they come


def saved(path, generator, **changes):
    images, labels = small_batch(generator, count=40, classes=4)
    np.savez(path, **{"train_images": images, "train_labels": labels, **changes})
    return path


def test_npz_files_in_other_forms(tmp_path, generator):
    images, labels = small_batch(generator, count=40, classes=4)
    plain = datasets.load(saved(tmp_path / "plain.npz", np.random.default_rng(0)))
    assert plain.train.labels.dtype == np.int32 and plain.train.images.dtype == np.uint8
    forms = {
        "one_hot": {"train_labels": np.eye(4, dtype="float32")[labels]},
        "column": {"train_labels": labels[:, None].astype("float64")},
        "texts": {"train_labels": np.array(list("0123"))[labels]},
        "bytes": {"train_labels": np.array(list("0123"), "S")[labels], "class_names": np.arange(4)},
        "float": {"train_images": images.astype("float32")},
        "beside": {"notes": np.array([{}], dtype=object)},
    }
    for name, changes in forms.items():
        loaded = datasets.load(saved(tmp_path / f"{name}.npz", np.random.default_rng(0), **changes))
        assert loaded.digest == plain.digest, name
    grey = datasets.load(saved(tmp_path / "grey.npz", np.random.default_rng(0), train_images=images[..., 0]))
    np.testing.assert_array_equal(grey.train.images[..., 0], plain.train.images[..., 0])
    masks = datasets.load(saved(tmp_path / "masks.npz", np.random.default_rng(0), train_images=images > 127))
    np.testing.assert_array_equal(masks.train.images, np.where(plain.train.images > 127, 255, 0))
    named = {**forms["texts"], "class_names": list("3210"), "test_images": images, "test_labels": labels}
    ordered = datasets.load(saved(tmp_path / "o.npz", np.random.default_rng(0), **named), validation_fraction=0)
    np.testing.assert_array_equal(ordered.train.labels, 3 - labels, "in the order of the names that are given")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_names": np.array("abcd")}, r"npz: class_names must be a list of texts, got array\('abcd'"),
        ({"class_names": np.array(list("aabc"))}, "npz: class_names must be different names, got more than once a"),
        ({"class_names": np.array([["a", "b"]])}, "npz: class_names must be a list of texts"),
        ({"class_names": np.array([0.5, 1.5])}, "npz: class_names must be texts, got .*0.5.* among them"),
        ({"class_names": list("abc")}, "train labels of .* must be from 0 to 2, .* there is a label 3"),
        ({"train_labels": np.arange(40) + 2**32}, "train labels of .*: the largest is 4294967335"),
        ({"train_labels": np.arange(40) + 10**6}, "must count from 0, .* a label 1000039, and there are 40 images"),
        ({"train_labels": np.zeros(40, int)}, r"has only one class \(0\): at least two are needed"),
        ({"train_labels": np.arange(39) % 4}, "as many train images of .* as labels, got 40 and 39"),
        ({"train_labels": np.float32([0.5] * 40)}, "fractions are no classes"),
        ({"train_labels": np.eye(40, 4, dtype=int)}, "36 images have several labels or none"),
        ({"train_images": np.ones((40, 8, 8, 3), "uint8")}, "train images of .* got 0 and 1 alone, .* times 255"),
        ({"train_images": np.ones((40, 8, 8, 3)) / 2}, "train images of .* must be uint8.* up to 0.5: times 255"),
        ({"train_images": np.ones((40, 8, 8, 3)) - 2}, "train images of .* must be uint8.* values from -1.0 to -1.0"),
        ({"train_images": np.zeros((40, 3, 32, 32), "uint8")}, "channels last, got .40, 3, 32, 32.: np.moveaxis"),
        ({"train_images": np.zeros((40, 8), "uint8")}, "must be uint8 of .count, height, width, channels., or grey"),
        ({"train_images": np.zeros((0, 8, 8, 3), "uint8"), "train_labels": np.zeros(0, int)}, "at least two|no images"),
        ({"test_images": np.zeros((3, 8, 8, 3), "uint8"), "test_labels": [0, 1, 4]}, "test labels .* is a label 4"),
        ({"test_images": np.zeros((3, 9, 8, 3), "uint8"), "test_labels": [0, 1, 2]}, "images of different shapes"),
        ({"test_images": np.zeros((3, 8, 8, 3), "uint8")}, "must hold train_images and train_labels, and the same for"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_npz_files_that_cannot_be_used(changes, message, tmp_path, generator):
    with pytest.raises(ValueError, match=message) as caught:
        datasets.load(saved(tmp_path / "x.npz", generator, **changes))
    assert len(str(caught.value)) < 600


@rounds(60, 3000)
def test_a_damaged_npz_file_is_an_error_or_what_is_whole(seeds, tmp_path, generator):
    images, labels = small_batch(generator, (4, 4, 3), count=40, classes=4)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "whole.npz", train_images=images, train_labels=labels, class_names=list("abcd"), source="here")
        whole, damaged = (tmp_path / "whole.npz").read_bytes(), tmp_path / "damaged.npz"
        for seed in seeds:
            damaged.write_bytes(damaged_bytes(whole, seed))
            try:
                found = datasets.load(damaged)
            except ValueError as error:
                assert len(str(error)) < 800, seed
            else:
                count = sum(len(split) for split in (found.train, found.validation, found.test))
                assert count <= 40 and found.train.images.dtype == np.uint8, seed


def test_a_file_that_unpacks_to_more_than_there_is_room_for(tmp_path, generator, monkeypatch):
    path = saved(tmp_path / "x.npz", generator)
    monkeypatch.setattr(npz.psutil, "virtual_memory", lambda: types.SimpleNamespace(available=1000))
    with pytest.raises(ValueError, match="it needs 0.0 GiB of memory"):
        datasets.load(path)


def test_what_is_saved_is_loaded_as_it_was(tmp_path, generator):
    first = datasets.load(saved(tmp_path / "x.npz", generator, source="here"))
    for data in (first, first.split_by("random")):
        datasets.save(data, tmp_path / "y.npz")
        again = datasets.load(tmp_path / "y.npz")
        assert (again.digest, again.split, again.source) == (data.digest, data.split, "here")


def test_rare_classes_are_trained_and_told_of(tmp_path, caplog):
    for counts, without in (
        ({"common": 50, "usual": 50, "rare": 1}, {"validation": ["rare"], "test": ["rare"]}),
        ({f"c{index:03d}": 3 for index in range(200)}, {}),
        ({"a": 60, "b": 40, "rare": 4}, {}),
        ({"a": 2, "b": 2}, {"validation": ["b"], "test": ["a"]}),
    ):
        labels = np.repeat(np.arange(len(counts)), list(counts.values()))
        images = np.full((len(labels), 2, 2, 1), 9, np.uint8)
        np.savez(tmp_path / "x.npz", train_images=images, train_labels=labels, class_names=list(counts))
        caplog.clear()
        data = datasets.load(tmp_path / "x.npz")
        for key in ("train", "validation", "test"):
            found = np.bincount(getattr(data, key).labels, minlength=len(counts))
            assert [list(counts)[label] for label in np.flatnonzero(found == 0)] == without.get(key, [])
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == bool(without)
        for key, classes in without.items():
            assert f"of {len(counts)} classes" in said[0] and f"no {key} image of 1 ({classes[0]})" in said[0]
    with pytest.raises(ValueError, match="too few images to train and test on: 5; of each class there should be three"):
        np.savez(tmp_path / "x.npz", train_images=np.zeros((5, 2, 2, 1), "uint8"), train_labels=np.arange(5))
        datasets.load(tmp_path / "x.npz")


def test_classes_that_are_tested_and_never_trained_are_told_of(tmp_path, caplog, generator):
    images, _ = small_batch(generator, count=8)
    named = {"class_names": list("abc"), "test_images": images, "test_labels": np.arange(8) % 3}
    datasets.load(saved(tmp_path / "x.npz", generator, train_images=images, train_labels=np.arange(8) % 2, **named))
    assert "no train image of 1 (c)" in caplog.text and "cannot be learnt" in caplog.text


def test_arguments_that_name_nothing():
    for wrong in ("", None, 5, b"digits", ["digits"]):
        with pytest.raises(ValueError, match="dataset must be a name, a folder or an .npz file, got"):
            datasets.load(wrong)
    for size in (0, 2.5, -8, True, "8"):
        with pytest.raises(ValueError, match="image_size must be a positive integer, got"):
            datasets.load("digits", image_size=size)
    for name in ("x" * 5000, "x" * 5000 + ".npz", "a/b/" + "x" * 5000):
        with pytest.raises(ValueError) as caught:
            datasets.load(name)
        assert len(str(caught.value)) < 1000


def test_a_data_set_made_by_hand(generator, caplog):
    images, labels = small_batch(generator, count=12, classes=3)
    part = datasets.Split(images, labels)
    by_hand = datasets.Dataset("own", part, part, part.take(slice(0)), {"a": 0, "b": 1, "c": 2})
    assert by_hand.class_names == ("a", "b", "c") and by_hand.train is part
    forms = datasets.Split(images.astype("float32"), np.eye(3)[labels])
    assert dataclasses.replace(by_hand, train=forms).digest == by_hand.digest
    for message, changes in (
        ("more than once a", {"class_names": ["a", "a", "b"]}),
        ("must be from 0 to 1", {"class_names": ["a", "b"]}),
        ("own has only one class", {"class_names": ["a"]}),
        ("own has no images to train on", {"train": part.take(slice(0))}),
        ("validation labels of own .*the least is -1", {"validation": datasets.Split(images, labels - 1)}),
        ("as many test images of own as labels, got 12 and 3", {"test": datasets.Split(images, labels[:3])}),
        ("different shapes", {"test": datasets.Split(images[:, 1:], labels)}),
        ("fractions up to 1: times 255", {"train": datasets.Split(images / 255, labels)}),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(by_hand, **changes)
    assert not caplog.records
    dataclasses.replace(by_hand, train=datasets.Split(images % 2, labels))
    assert "own: the values of its train images are 0 and 1 alone" in caplog.text


def test_a_division_is_made_anew(tmp_path, generator):
    data = datasets.load(saved(tmp_path / "x.npz", generator), validation_fraction=0.3)
    other = data.split_by("random")
    sizes = [len(split) for split in (other.train, other.validation, other.test)]
    assert sizes == [20, 8, 12] and other.split == "random" and other.digest != data.digest
    assert other.split_by("stratified").digest == data.digest and data.split_by("stratified") is data
    fewer = dataclasses.replace(data, train=data.train.take(slice(5)))
    assert fewer.split_by("random").digest == fewer.digest, "what was changed since cannot be put together again"
    digits = datasets.load("digits")
    assert digits.split_by("random").digest == digits.digest, "whose splits are given"

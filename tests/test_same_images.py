"""What makes two runs the same run: the images, their labels, the names of the classes, and who is put aside."""

import dataclasses
import json
import shutil
import zlib

import numpy as np
import pytest
from colours import COLOURS, card_of, pictures

from nasnet_keras import pretrained
from nasnet_keras.pretrained import fine_tuning
from nasnet_keras.search import SearchConfig
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study
from nasnet_keras.training import datasets, job
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils.workdir import WorkdirError, recorded

RECIPE = Recipe(epochs=1, batch_size=8, learning_rate=0.1)


class BegunError(Exception):
    """Training would begin."""


@pytest.fixture
def images(tmp_path):
    """An .npz file whose splits are to be made: three classes, one of them rare."""
    pixels, labels = pictures(60, tuple(COLOURS))
    keep = np.concatenate([np.flatnonzero(labels != 2), np.flatnonzero(labels == 2)[:4]])
    np.savez(tmp_path / "own.npz", train_images=pixels[keep], train_labels=labels[keep], class_names=list(COLOURS))
    return tmp_path / "own.npz"


@pytest.fixture
def begins(monkeypatch):
    """A job's data set, where it would begin to train."""

    def data_of(call):
        seen = []

        def trainer(genotype, network, dataset, *arguments, **options):
            seen.append(dataset)
            raise BegunError

        monkeypatch.setattr(job, "Trainer", trainer)
        monkeypatch.setattr(fine_tuning, "Trainer", trainer)
        with pytest.raises(BegunError):
            call()
        return seen[0]

    return data_of


def make_old(path, **changes):
    """What an earlier version would have written."""
    plain = json.loads(path.read_text())
    for name in ("split", "digest"):
        del plain["config"][name]
    plain["config"] |= changes
    path.write_text(json.dumps(plain))
    return path.read_bytes()


def others(data):
    """Data sets that are not `data`, of the same numbers and shapes."""
    pixels, labels = data.train.images, data.train.labels
    one = pixels.copy()
    one[-1, -1, -1, -1] ^= 1
    swapped = labels.copy()
    swapped[:2] = labels[1::-1]
    validation = Split(data.validation.images, np.roll(data.validation.labels, 1))
    yield "a pixel", dataclasses.replace(data, train=Split(one, labels))
    yield "labels", dataclasses.replace(data, train=Split(pixels, swapped))
    yield "validation labels", dataclasses.replace(data, validation=validation)
    yield "test images", dataclasses.replace(data, test=Split(255 - data.test.images, data.test.labels))
    yield "their order", dataclasses.replace(data, train=data.train.take(slice(None, None, -1)))
    yield "class names", dataclasses.replace(data, class_names=("x", *data.class_names[1:]))
    yield "the order of class names", dataclasses.replace(data, class_names=data.class_names[::-1])


def test_a_digest_is_of_content_alone(images):
    data = datasets.load(images)
    same = Split(np.asfortranarray(data.train.images), data.train.labels.astype("int64"))
    again = Dataset("other", same, data.validation, data.test, list(data.class_names), "elsewhere")
    assert again.digest == data.digest == datasets.load(images).digest
    digests = {name: other.digest for name, other in others(data)}
    assert len({data.digest, *digests.values()}) == 1 + len(digests)
    data.train.images[0, 0, 0, 0] ^= 1
    assert data.digest != again.digest, "it is not of what was there once"


def test_names_are_checked_before_the_first_step(images, tmp_path):
    """Which the card would refuse at the end."""
    data, config = datasets.load(images), TrainingConfig(tmp_path / "run", recipe=RECIPE, num_repeats=1, filters=4)
    with pytest.raises(ValueError, match="name must be of letters, digits and underscores, got 'nasnet_a_my images'"):
        job.train(config, dataclasses.replace(data, name="my images"))
    with pytest.raises(ValueError, match="got more than once a"):
        dataclasses.replace(data, class_names=("a", "a", "b"))
    with np.load(images) as stored:
        np.savez(images, **{**stored, "class_names": ["a", "a", "b"]})
    for wrong in (
        lambda: datasets.load(images),
        lambda: ChildEvaluator(SearchConfig(tmp_path / "run", dataset=images)),
    ):
        with pytest.raises(ValueError, match="class_names must be different names, got more than once a"):
            wrong()
    assert not (tmp_path / "run").exists()


def test_a_training_does_not_go_on_with_others(images, tmp_path, begins):
    data, config = datasets.load(images), TrainingConfig(tmp_path / "run", recipe=RECIPE, num_repeats=1, filters=4)
    begins(lambda: job.train(config, data))
    written = (tmp_path / "run" / "training.json").read_bytes()
    for name, other in others(data):
        with pytest.raises(WorkdirError, match="digest .of images, labels and class names. was .* and is now"):
            job.train(config, other)
        assert (tmp_path / "run" / "training.json").read_bytes() == written, name
    begins(lambda: job.train(config, data.split_by("random").split_by("stratified")))


def test_an_old_training_goes_on_by_its_own_split(images, tmp_path, begins, caplog):
    config = TrainingConfig(tmp_path / "run", recipe=RECIPE, num_repeats=1, filters=4)
    old = datasets.load(images).split_by("random")
    assert old.digest != datasets.load(images).digest
    begins(lambda: job.train(config, old))
    written = make_old(tmp_path / "run" / "training.json")
    with pytest.raises(WorkdirError, match="seed was 0 and is now 1"):
        job.train(dataclasses.replace(config, seed=1), datasets.load(images))
    assert (tmp_path / "run" / "training.json").read_bytes() == written, "who is refused adds nothing"
    caplog.clear()
    found = begins(lambda: job.train(config, datasets.load(images)))
    assert found.digest == old.digest
    (said,) = [record.getMessage() for record in caplog.records if "training.json" in record.getMessage()]
    assert "earlier version" in said and "(split, digest)" in said
    now = recorded(tmp_path / "run", "training.json")
    assert now == {**json.loads(written)["config"], "split": "random", "digest": old.digest}
    assert begins(lambda: job.train(config, datasets.load(images))).digest == old.digest
    with pytest.raises(WorkdirError, match="digest"):
        job.train(config, dataclasses.replace(datasets.load(images), class_names=("x", "y", "z")))


def test_a_finished_training_of_an_earlier_version_is_known_again(trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "run")
    splits = [Split(*pictures(count, tuple(COLOURS), seed=count)) for count in (48, 12, 24)]
    data = Dataset("colours", *splits, class_names=tuple(COLOURS))
    before = recorded(folder, "training.json")
    make_old(folder / "training.json")
    recipe = Recipe(epochs=4, batch_size=16, learning_rate=0.05, average_decay=0.5)
    card = pretrained.card(card_of(folder))
    config = TrainingConfig(folder, card.genotype, recipe=recipe, num_repeats=1, filters=8, name=card.name)
    assert job.train(config, data).card == card
    assert recorded(folder, "training.json") == {**before, "split": "random"}, "which is said of all that began then"
    with pytest.raises(WorkdirError, match="digest"):
        job.train(config, dataclasses.replace(data, class_names=tuple(COLOURS)[::-1]))


def crc32(*splits):
    found = 0
    for split in splits:
        for values in (split.images, split.labels):
            found = zlib.crc32(np.ascontiguousarray(values), found)
    return f"{found:08x}"


def test_an_old_search_goes_on_by_its_own_split_and_part(images, tmp_path):
    config = SearchConfig(tmp_path / "study", dataset=images, recipe=RECIPE, train_images=20, filters=4)
    new = ChildEvaluator(config)
    assert np.bincount(new._proxy.train.labels).tolist() == [9, 9, 2], "of each class its share"
    old = datasets.load(images).split_by("random")
    chosen = np.sort(np.random.default_rng(0).permutation(len(old.train))[:20])
    sum_of = crc32(old.train.take(chosen), old.validation)
    counts = {"train": 20, "validation": len(old.validation)}
    facts = {"images": counts, "image_shape": [16, 16, 3], "images_crc32": sum_of}
    Study.open(config, facts).close()
    written = (tmp_path / "study" / "study.json").read_bytes()
    again = ChildEvaluator(config)
    assert again._dataset.digest == old.digest and again.facts()["images_crc32"] == sum_of
    Study.open(config, again.facts()).close()
    now = recorded(tmp_path / "study", "study.json")
    assert now == {**json.loads(written)["config"], "split": "random", "digest": old.digest}
    exported = datasets.load(again.exported(config, tmp_path).dataset)
    assert exported.split == "random" and exported.digest == old.digest, "as the finalists' folders say"
    with np.load(images) as stored:
        arrays = dict(stored)
    np.savez(images, **{**arrays, "train_labels": np.roll(arrays["train_labels"], 1)})
    with pytest.raises(StudyError, match=r"digest .* was .*; images_crc32 was"):
        Study.open(config, ChildEvaluator(config).facts())
    with pytest.raises(StudyError, match="split .the rule by which images are put aside. was 'random' and is now"):
        Study.open(config, {**again.facts(), "split": "stratified"})


def test_a_new_search_is_known_by_its_digest(images, tmp_path):
    config = SearchConfig(tmp_path / "study", dataset=images, recipe=RECIPE, filters=4)
    facts = ChildEvaluator(config).facts()
    assert facts["digest"] == datasets.load(images).digest and "images_crc32" not in facts
    Study.open(config, facts).close()
    assert ChildEvaluator(config).facts() == facts
    with np.load(images) as stored:
        arrays = dict(stored)
    np.savez(images, **{**arrays, "class_names": arrays["class_names"][::-1]})
    with pytest.raises(StudyError, match="digest .of images, labels and class names. was"):
        Study.open(config, ChildEvaluator(config).facts())


def test_fine_tuning_goes_on_with_the_same(trained, images, tmp_path, begins):
    def call(data, **changes):
        return lambda: pretrained.fine_tune(card_of(trained), data, workdir=tmp_path / "run", epochs=1, **changes)

    old = datasets.load(images).split_by("random")
    begins(call(old))
    make_old(tmp_path / "run" / "fine_tuning.json")
    assert begins(call(datasets.load(images))).digest == old.digest
    assert recorded(tmp_path / "run", "fine_tuning.json")["split"] == "random"
    for _, other in others(datasets.load(images)):
        with pytest.raises(WorkdirError, match="digest"):
            call(other)()
    arrays = pictures(24)
    shutil.rmtree(tmp_path / "run")
    given = begins(call(arrays, class_names=["a", "b"]))
    make_old(tmp_path / "run" / "fine_tuning.json")
    assert begins(call(arrays, class_names=["a", "b"])).digest == given.digest, "whose rule was stratified before"
    with pytest.raises(WorkdirError, match="class_names was"):
        call(arrays, class_names=["b", "a"])()

"""Images that are not square: cut, padded or squashed, by every job, and new images as those that were trained on."""

import dataclasses
import json

import numpy as np
import pytest
from colours import card_of
from PIL import Image

from nasnet_keras import pretrained
from nasnet_keras.card import Card
from nasnet_keras.images.fitting import resized
from nasnet_keras.pretrained.sources import dataset_of
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.utils.checks import FITS
from nasnet_keras.weights.file import CardError


def stripes(height, width):
    """Red on the left, green in the middle, blue on the right: each a third."""
    image = np.zeros((height, width, 3), np.uint8)
    for channel, part in enumerate(np.array_split(np.arange(width), 3)):
        image[:, part, channel] = 255
    return image


def colours_of(image):
    """What a row shows: r, g, b or a dash for grey."""
    names = {(255, 0, 0): "r", (0, 255, 0): "g", (0, 0, 255): "b", (128, 128, 128): "-"}
    return "".join(names.get(tuple(pixel.tolist()), "?") for pixel in image)


def test_each_fit_keeps_what_it_says():
    wide = stripes(10, 30)
    shown = {fit: resized([wide], (12, 12, 3), "here", fit=fit)[0] for fit in FITS}
    assert colours_of(shown["crop"][5]).strip("?") == "g" * colours_of(shown["crop"][5]).count("g") != ""
    assert colours_of(shown["squash"][5]).replace("?", "") == "rrrggbbb"[:3] + "gg" + "bbb"
    assert colours_of(shown["pad"][:, 5]) == "----gggg----" and colours_of(shown["pad"][5]).startswith("rrr")
    tall = resized([wide.swapaxes(0, 1)], (12, 12, 3), "here", fit="pad")[0]
    np.testing.assert_array_equal(tall, shown["pad"].swapaxes(0, 1))
    square = np.random.default_rng(0).integers(0, 256, (17, 17, 3), dtype=np.uint8)
    whole = [resized([square], (12, 12, 3), "here", fit=fit) for fit in FITS]
    np.testing.assert_array_equal(whole[0], whole[1])
    np.testing.assert_array_equal(whole[0], whole[2])


def test_every_size_fits_into_every_other():
    for fit in FITS:
        for shape in ((1, 300, 3), (300, 1, 3), (7, 8, 3), (1, 1, 3), (299, 300, 1)):
            for wanted in ((32, 32), (5, 9), (1, 64)):
                image = np.full(shape, 200, np.uint8)
                found = resized([image], (*wanted, shape[-1]), "here", fit=fit)[0]
                assert found.shape == (*wanted, shape[-1]) and 200 in found
                assert fit == "pad" or (found == 200).all()
    with pytest.raises(ValueError, match="fit must be one of crop, pad, squash, got 'stretch'"):
        resized([image], (4, 4, 1), "here", fit="stretch")


@pytest.fixture
def folder(tmp_path):
    for label in ("a", "b"):
        (tmp_path / "wide" / label).mkdir(parents=True)
        for index in range(6):
            Image.fromarray(np.roll(stripes(16, 48), index, axis=1)).save(tmp_path / "wide" / label / f"{index}.png")
    return tmp_path / "wide"


def test_every_source_of_images_takes_it(folder):
    image = np.asarray(Image.open(folder / "a" / "0.png"))
    for fit in FITS:
        expected = resized([image], (16, 16, 3), "here", fit=fit)[0]
        for found in (
            datasets.load(folder, image_size=16, fit=fit),
            dataset_of(folder, None, None, (16, 16, 3), fit=fit),
            dataset_of(([image] * 6, [0, 1] * 3), None, None, (16, 16, 3), fit=fit),
        ):
            images = np.concatenate([found.train.images, found.validation.images, found.test.images])
            assert found.fit == fit and (images == expected).all((1, 2, 3)).any()
    for load in (lambda: datasets.load(folder, fit="cut"), lambda: dataset_of(folder, None, None, (8, 8, 3), fit=1)):
        with pytest.raises(ValueError, match="fit must be one of crop, pad, squash, got"):
            load()


@pytest.mark.parametrize("value", [0, -1, 2.5, "8", True, 10**9, 10**400, float("nan")])
def test_sizes_that_cannot_be(folder, value):
    for load in (
        datasets.load,
        lambda *args, **kwargs: pretrained.fine_tune("amoebanet_d_tiny_imagenet", *args, **kwargs),
    ):
        with pytest.raises(ValueError, match="image_size must be|GiB of memory"):
            load(folder, image_size=value)


def test_images_that_are_kept_say_how_they_came_to_their_size(folder, tmp_path):
    for fit in FITS:
        datasets.save(datasets.load(folder, image_size=16, fit=fit), tmp_path / "kept.npz")
        kept = datasets.load(tmp_path / "kept.npz")
        assert kept.fit == fit == dataset_of(kept, None, None, (16, 16, 3)).fit
        assert dataset_of(kept, None, None, (16, 16, 3), fit="squash").fit == "squash"
    arrays = {"train_images": np.zeros((9, 8, 8, 3), np.uint8), "train_labels": np.arange(9) % 2}
    for value, fit in (({}, "crop"), ({"fit": "stretch"}, "crop"), ({"fit": [1, 2]}, "crop"), ({"fit": "pad"}, "pad")):
        np.savez(tmp_path / "own.npz", **arrays, **value)
        assert datasets.load(tmp_path / "own.npz").fit == fit
    assert datasets.load(tmp_path / "own.npz", fit="squash").fit == "squash"


def test_tensorflow_datasets_are_brought_to_a_size_alike():
    import tensorflow as tf

    from nasnet_keras.training.datasets.tensorflow_datasets import _resized

    for shape in ((40, 120), (120, 40), (124, 28), (48, 48), (4, 160), (5, 7)):
        rows, columns = np.meshgrid(*(np.linspace(0, 255, side) for side in shape), indexing="ij")
        image = np.stack([rows, columns, (rows + columns) / 2], axis=-1).astype(np.uint8)
        for fit in FITS:
            found = _resized(tf, tf.constant(image), 12, fit).numpy().astype(int)
            expected = resized([image], (12, 12, 3), "here", fit=fit)[0]
            assert found.shape == expected.shape and np.abs(found - expected).mean() < 6, (shape, fit)


def test_jobs_record_it_and_what_says_nothing_was_cropped(folder, tmp_path):
    padded = datasets.load(folder, image_size=16, fit="pad")
    config = TrainingConfig(tmp_path / "run")
    assert config.to_json(padded)["fit"] == "pad"
    assert dataclasses.replace(padded, name="again").fit == "pad"
    search = SearchConfig(str(tmp_path / "study"), dataset=str(folder), image_size=16, fit="squash")
    assert search.identity()["fit"] == "squash" and "follow_links" not in search.identity()
    before = {key: value for key, value in search.to_json().items() if key not in ("fit", "follow_links")}
    assert SearchConfig.from_json(before).fit == "crop"
    with pytest.raises(ValueError, match="fit must be one of crop, pad, squash, got 'x'"):
        SearchConfig(str(tmp_path / "study"), fit="x")
    split = Split(np.zeros((2, 8, 8, 3), np.uint8), np.array([0, 1]))
    assert Dataset("a", split, split, split, ("a", "b")).fit == "crop"


def with_fit(trained, path, **fit):
    values = json.loads(card_of(trained).read_text())
    values["dataset"] = {**{key: value for key, value in values["dataset"].items() if key != "fit"}, **fit}
    path.write_text(json.dumps(values))
    return path


def test_new_images_are_brought_to_size_as_the_card_says(trained, folder, tmp_path):
    assert Card.read(card_of(trained)).dataset["fit"] == "crop", "training writes it"
    classify = pretrained.Classifier(card_of(trained))
    path = folder / "a" / "1.png"
    answers = {}
    for fit in FITS:
        card = Card.read(with_fit(trained, tmp_path / "card.json", fit=fit))
        classify.card = card
        image = resized([np.asarray(Image.open(path))], card.input_shape, "here", fit=fit)[0]
        assert card.fit == fit and classify(path)[0].probabilities == classify(image)[0].probabilities
        answers[fit] = tuple(classify(path)[0].probabilities.values())
    assert len(set(answers.values())) == 3
    assert Card.read(with_fit(trained, tmp_path / "card.json")).fit == "crop"
    for value in ("stretch", None, ["crop"], 1):
        with pytest.raises(CardError, match="must have none or one of crop, pad, squash as fit as dataset"):
            Card.read(with_fit(trained, tmp_path / "card.json", fit=value))


def test_fine_tuning_takes_it_and_its_runs_differ_by_it(trained, folder, tmp_path, short_heads):
    def run(**options):
        return pretrained.fine_tune(card_of(trained), folder, workdir=tmp_path / "run", epochs=0, **options)

    result = run(fit="pad")
    assert result.card.fit == "pad" == json.loads((tmp_path / "run" / "fine_tuning.json").read_text())["config"]["fit"]
    image = np.asarray(Image.open(folder / "b" / "2.png"))
    padded = resized([image], (16, 16, 3), "here", fit="pad")[0]
    assert result.predict(image)[0].probabilities == result.predict(padded)[0].probabilities
    with pytest.raises(ValueError, match="fit was 'pad' and is now 'crop'"):
        run()

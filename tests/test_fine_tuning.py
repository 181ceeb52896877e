"""Fine-tuning trained models, and classifying images with them."""

import json
import shutil
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from colours import card_of, pictures, weights_of, write_folder
from PIL import Image

from nasnet_keras import pretrained
from nasnet_keras.layers.normalization import by_batch
from nasnet_keras.pretrained import head
from nasnet_keras.pretrained.plan import weights_of_classes
from nasnet_keras.pretrained.recipe import recipe_for
from nasnet_keras.pretrained.sources import dataset_of
from nasnet_keras.training import datasets
from nasnet_keras.training.datasets.loading import is_folder
from nasnet_keras.weights.file import CardError

short_heads = pytest.mark.usefixtures("short_heads")


def quick(folder, train_on, **changes):
    arguments = {"epochs": 2, "batch_size": 8, "pad": 1, **changes}
    return pretrained.fine_tune(card_of(folder), train_on, workdir=arguments.pop("workdir"), **arguments)


@short_heads
def test_fine_tuning_on_a_folder(trained, tmp_path):
    folder = write_folder(tmp_path / "lamps", 24, ("blue", "red"), size=20)
    result = quick(trained, folder, workdir=tmp_path / "run")
    assert result.card.name == "colours_cifar10_lamps" and result.card.class_names == ("blue", "red")
    assert result.judged_on == "validation" and result.confusion.shape == (2, 2) and result.confusion.sum() == 4
    assert [entry["epoch"] for entry in result.history] == [0, 1, 2]
    kept = result.history[result.card.training["kept_epoch"]]["validation_accuracy"]
    assert result.accuracy == pytest.approx(kept) == pytest.approx(result.card.metrics["validation_accuracy"])
    assert result.card.training["fine_tuned_from"] == "colours_cifar10"
    files = {path.name for path in (tmp_path / "run").iterdir() if not path.name.startswith(".")}
    stem = "colours_cifar10_lamps"
    expected = {f"{stem}.json", f"{stem}.weights.h5", f"{stem}.keras", "result.json", "history.json"}
    assert files == {*expected, "fine_tuning.json", "splits.json", "tensorboard"}
    # one call for new images, by files, folders and arrays; the .keras file stands alone and agrees
    paths = sorted((folder / "red").iterdir())[:3]
    by_path = result.predict(paths)
    assert [each.path for each in by_path] == paths and by_path == pretrained.predict(result.path, paths)
    assert [each.label for each in by_path] == ["red"] * 3
    assert sum(by_path[0].probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    assert by_path[0].probability == by_path[0].probabilities["red"]
    assert len(result.predict(folder / "red")) == 12 and len(result.predict(paths[0])) == 1
    array = np.stack([np.asarray(Image.open(path).resize((16, 16), Image.Resampling.BILINEAR)) for path in paths])
    saved = keras.models.load_model(result.saved_model).predict(array, verbose=0)
    np.testing.assert_allclose([each.probability for each in by_path], saved[:, 1], atol=1e-5)
    assert [each.label for each in result.predict(array.astype("float32"))] == ["red"] * 3
    # the same call again has nothing to do; another one is refused
    again = quick(trained, folder, workdir=tmp_path / "run")
    assert again.history == result.history and np.array_equal(again.confusion, result.confusion)
    with pytest.raises(ValueError, match="has another configuration: batch_norm was 'adapt' and is now 'frozen'"):
        quick(trained, folder, workdir=tmp_path / "run", batch_norm="frozen")
    # what came out is a model like any other
    further = pretrained.fine_tune(
        result.path, pictures(12, ("green", "red")), workdir=tmp_path / "further", epochs=0, class_names=["g", "r"]
    )
    assert further.card.class_names == ("g", "r") and [entry["epoch"] for entry in further.history] == [0]


@short_heads
def test_fine_tuning_learns_and_begins_from_the_trained_weights(trained, tmp_path):
    everything = pictures(24, ("red", "green")), pictures(40, ("red", "green"), seed=9)
    result = quick(trained, everything[0], test=everything[1], workdir=tmp_path / "run", epochs=4)
    assert result.judged_on == "test" and result.accuracy > 0.9
    assert result.history[0]["validation_accuracy"] > 0.7, "the head alone"
    start = pretrained.load(card_of(trained), include_top=False)
    end = pretrained.load(result.path, include_top=False)
    for a, b in zip(start.trainable_weights, end.trainable_weights, strict=True):
        assert not np.array_equal(a.numpy(), b.numpy()), "all of the network is trained"
        if len(a.shape) == 4:
            assert np.linalg.norm(a.numpy() - b.numpy()) < 0.5 * np.linalg.norm(a.numpy()), "from where it was"


@short_heads
@pytest.mark.parametrize("batch_norm", ["adapt", "frozen"])
def test_the_policy_of_batch_normalisation(trained, tmp_path, batch_norm):
    result = quick(trained, pictures(16), workdir=tmp_path / "run", batch_norm=batch_norm, patience=5, seed=3)
    start, end = (
        {v.path: v.numpy() for v in pretrained.load(model, include_top=False).weights}
        for model in (card_of(trained), result.path)
    )
    assert result.card.training["kept_epoch"], "one of the trained epochs is kept"
    # Averaging equal values rounds.
    same = [np.allclose(value, end[path], rtol=1e-5) for path, value in start.items() if "moving" in path]
    assert all(same) if batch_norm == "frozen" else not any(same)
    assert not any(np.array_equal(value, end[path]) for path, value in start.items() if "kernel" in path)


@short_heads
def test_the_head_alone_leaves_the_network_as_it_is(trained, tmp_path):
    with pytest.warns(DeprecationWarning, match="licence is now license"):
        result = pretrained.fine_tune(
            card_of(trained), pictures(16), workdir=tmp_path / "run", epochs=0, licence="CC0-1.0"
        )
    assert result.card.license == "CC0-1.0"
    start, end = (pretrained.load(m, include_top=False).weights for m in (card_of(trained), result.path))
    for before, after in zip(start, end, strict=True):
        np.testing.assert_array_equal(before.numpy(), after.numpy())
    assert result.accuracy > 0.9


@short_heads
def test_what_is_gone_of_a_finished_run_is_told_and_made_again(trained, tmp_path, caplog):
    def tuned():
        return pretrained.fine_tune(card_of(trained), pictures(12), workdir=tmp_path, name="mine", epochs=0)

    first = tuned()
    weights, saved = tmp_path / "mine.weights.h5", tmp_path / "mine.keras"
    saved.unlink()
    assert tuned().history == first.history and "lacks mine.keras: it is made again" in caplog.text
    assert keras.models.load_model(saved).output_shape == (None, 2)
    for gone in (weights, tmp_path / "result.json"):
        gone.unlink()
    assert tuned().card.metrics == first.card.metrics
    assert "lacks mine.weights.h5, result.json, and has no checkpoint: it is trained anew" in caplog.text
    content = weights.read_bytes()
    weights.write_bytes(content[:-1])
    with pytest.raises(CardError, match="bytes, expected"):
        tuned()
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    (tmp_path / "mine.keras").mkdir()
    with pytest.raises(ValueError, match="is not empty"):
        tuned()


def test_class_names_given_twice_are_refused_before_a_folder_is_made(trained, tmp_path):
    with pytest.raises(ValueError, match="class_names"):
        pretrained.fine_tune(card_of(trained), pictures(12), workdir=tmp_path / "run", epochs=0, class_names=["a", "a"])
    assert not (tmp_path / "run").exists()


@short_heads
def test_a_loaded_model_is_fine_tuned_from_its_present_weights(trained, tmp_path):
    model = pretrained.load(card_of(trained))
    for variable in model.trainable_variables:
        variable.assign(variable * 0.5)
    result = pretrained.fine_tune(model, pictures(12), workdir=tmp_path / "run", epochs=0)
    again = pretrained.fine_tune(model, pictures(12), workdir=tmp_path / "run", epochs=0)
    assert again.history == result.history, "the same call has nothing to do"
    larger = pretrained.load(card_of(trained), input_shape=(20, 24, 3))
    assert pretrained.fine_tune(larger, pictures(12), workdir=tmp_path / "b", epochs=0).card.input_shape == (20, 24, 3)
    kept = {w.path: w.numpy() for w in model.weights}
    for weight in pretrained.load(result.path, include_top=False).weights:
        np.testing.assert_array_equal(weight.numpy(), kept[weight.path])
    assert result.card.name == "colours_cifar10_images"
    with pytest.raises(CardError, match="nothing is known of the model 'clone'"):
        pretrained.fine_tune(keras.Sequential(name="clone"), pictures(12), workdir=tmp_path / "no")
    with pytest.raises(CardError, match="with its weights and no other arguments"):
        pretrained.fine_tune(pretrained.load(card_of(trained), weights=False), pictures(12), workdir=tmp_path / "no")


def test_sources_of_images(tmp_path):
    import tensorflow as tf

    def gathered(train_on, *others, **changes):
        return dataset_of(train_on, *others, *[None] * (2 - len(others)), (16, 16, 3), **changes)

    images, labels = pictures(16)
    plain = gathered((images, labels))
    assert [len(split) for split in (plain.train, plain.validation, plain.test)] == [12, 4, 0]
    assert plain.class_names == ("0", "1") and np.bincount(plain.validation.labels).tolist() == [2, 2]
    seen = {image.tobytes() for split in (plain.train, plain.validation) for image in split.images}
    assert seen == {image.tobytes() for image in images}
    for same in ((list(images), labels.tolist()), (images.astype("float32"), labels[:, None].astype("int64"))):
        np.testing.assert_array_equal(gathered(same).train.images, plain.train.images)
    grey = gathered((images[..., :1], labels))
    np.testing.assert_array_equal(grey.train.images[..., 2], plain.train.images[..., 0])

    data = tf.data.Dataset.from_tensor_slices((images, labels))
    single = gathered(data)
    assert {image.tobytes() for split in (single.train, single.validation) for image in split.images} == seen
    for shuffled in (data.shuffle(16), data.shuffle(16).batch(5), data.map(lambda x, y: (tf.cast(x, tf.float32), y))):
        again = gathered(shuffled)
        np.testing.assert_array_equal(again.train.images, single.train.images)
        np.testing.assert_array_equal(again.train.labels, single.train.labels)
    with pytest.raises(ValueError, match=r"has no end: leave out its repeat\(\)"):
        gathered(data.repeat())
    for wrong, message in (
        (data.map(lambda x, y: (x, y, 1.0)), "elements .image, label.* a tuple of 3: weights of .*: class_weights"),
        (data.map(lambda x, y: {"image": x, "target": y}), "elements .image, label.* in the train .* got a dict of 2"),
        (data.map(lambda x, y: ({"image": x}, y)), "elements .image, label.* in the train .* got a tuple of 2"),
        (data.map(lambda x, y: x), "elements .image, label.* in the train .* got a ndarray"),
        (data.map(lambda x, y: (x[:, 0, 0], y)), r"batches of them, in the train .* an array of \(16,\)"),
        (data.map(lambda x, y: (tf.transpose(x, (2, 0, 1)), y)), r"channels last, got \(1, 3, 16, 16\)"),
        (data.map(lambda x, y: (x // 200, y)), "train images of values from 0 to 255, got 0 and 1 alone"),
        (data.batch(4).map(lambda x, y: (x, tf.one_hot(y, 2) * 0.9 + 0.05)), "rows of probabilities"),
        (data.batch(4).map(lambda x, y: (x, tf.stack([y, y], 1))), "images have several labels or none"),
        (data.map(lambda x, y: (x, tf.cast(y, tf.float32) + 0.5)), "regression. are not supported"),
        (data.map(lambda x, y: (x, y - 1)), "-1 mostly marks an image that nobody labelled"),
    ):
        with pytest.raises(ValueError, match=message):
            gathered(wrong)

    write_folder(tmp_path / "split" / "train", 12)
    write_folder(tmp_path / "split" / "test", 8)
    folder = tmp_path / "split"
    keras_data = keras.utils.image_dataset_from_directory(
        folder / "train", image_size=(16, 16), batch_size=4, verbose=False
    )
    assert gathered(keras_data).class_names == ("green", "red")
    by_folder = gathered(folder)
    assert [len(split) for split in (by_folder.train, by_folder.validation, by_folder.test)] == [10, 2, 8]
    assert by_folder.class_names == ("green", "red")
    assert len(gathered(folder / "train", folder / "test").validation) == 8
    assert len(gathered(folder / "train", None, folder).test) == 8, "the folder's own test images"
    named = gathered((images, labels), folder / "test", class_names=["red", "green"])
    assert np.array_equal(named.validation.labels, [1] * 4 + [0] * 4), "by name, not by place"
    with pytest.raises(ValueError, match="classes that the training images have not: green, red"):
        gathered((images, labels), folder / "test")
    for source in (folder, keras_data, by_folder):
        turned = gathered(source, folder / "test", class_names=["red", "green"])
        assert turned.class_names == ("red", "green"), "another order of the same classes"
        for split in (turned.train, turned.validation):
            reds = split.images[split.labels == 0].mean((0, 1, 2))
            assert reds[0] > reds[1] + 50
        with pytest.raises(ValueError, match="of the classes green, red: class_names may have them in another order"):
            gathered(source, class_names=["rouge", "vert"])
    with pytest.raises(ValueError, match="and none for validation"):
        gathered(folder / "train", folder)
    with pytest.raises(ValueError, match="validation labels must be from 0 to 1, .* there is a label 5"):
        gathered((images, labels), (images, labels + 4))
    reds_first = gathered(keras_data, keras_data, class_names=["red", "green"])
    means = reds_first.validation.images[reds_first.validation.labels == 0].mean((0, 1, 2))
    assert means[0] > means[1] + 50, "by the names that come with the images"


def test_labels_and_images_as_tools_give_them():
    import tensorflow as tf

    images, labels = pictures(16)
    names = np.array(["green", "red"])  # the other way round

    def ragged(part):
        sized = ((image[: 8 + index], label) for index, (image, label) in enumerate(zip(images, part, strict=True)))
        shapes = tf.TensorSpec((None, 16, 3), tf.uint8), tf.TensorSpec((), tf.int32)
        return tf.data.Dataset.from_generator(lambda: iter(list(sized)), output_signature=shapes).ragged_batch(5)

    def data(*parts, batch=5):
        found = tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0])
        return found.batch(batch) if batch else found

    def gathered(came, **changes):
        return dataset_of(came, None, None, (16, 16, 3), **changes)

    one_hot, plain = np.eye(2, dtype="float32")[labels], gathered((images, labels))
    for batch in (None, 5):
        in_order = gathered(data(images, labels, batch=batch))
        for same in (
            data(images, labels[:, None].astype("float32"), batch=batch),
            data(images, one_hot, batch=batch),
            data({"image": images, "label": labels, "id": labels}, batch=batch),
        ):
            assert gathered(same).digest == in_order.digest
        by_name = gathered(data(images, names[1 - labels], batch=batch))
        assert by_name.class_names == ("green", "red") and np.bincount(by_name.validation.labels).tolist() == [2, 2]
        grey = gathered(data(images[..., 0], labels, batch=batch))
        assert grey.digest == gathered(data(images[..., :1], labels, batch=batch)).digest
        assert gathered(data(images[..., 0], one_hot, batch=batch)).digest == grey.digest
    for same in ((images, one_hot), (images, labels.astype(bool)), (images.tolist(), labels.tolist())):
        assert gathered(same).digest == plain.digest
    assert gathered((images[..., 0], labels)).digest == gathered((list(images[..., :1]), labels)).digest
    masks = gathered((images > 127, labels))
    assert masks.digest == gathered((np.where(images > 127, 255, 0), labels)).digest, "True is white"
    assert len(gathered(ragged(labels)).train) == 12, "images of different sizes"
    texts = gathered((images, names[1 - labels]), class_names=["red", "green"])
    assert texts.class_names == ("red", "green") and gathered((images, labels)).train.labels.tolist() == [
        *texts.train.labels
    ]
    by_column = gathered((images, one_hot), class_names={"r": 0, "g": 1})
    assert by_column.class_names == ("r", "g")
    validation = dataset_of((images, names[labels]), (images[:2], ["red", "green"]), None, (16, 16, 3)).validation
    assert validation.labels.tolist() == [1, 0]
    with pytest.raises(ValueError, match="labels must be of the classes green, red; there are blue too"):
        dataset_of((images, names[labels]), (images[:2], ["red", "blue"]), None, (16, 16, 3))


@short_heads
def test_class_weights(trained, tmp_path):
    images, labels = pictures(24)
    few = np.flatnonzero(labels == 0).tolist() + np.flatnonzero(labels == 1)[:4].tolist()
    data = images[few], labels[few]
    result = quick(trained, data, workdir=tmp_path / "balanced", epochs=1)
    train_on = [10, 3]  # after the validation images were taken
    balanced = [sum(train_on) / (2 * count) for count in train_on]
    assert result.card.training["class_weights"] == pytest.approx(balanced, abs=1e-5)
    assert {"validation_accuracy", "validation_weighted_accuracy"} <= set(result.history[0])
    given = {"x": 1, "y": 2.5}
    result = quick(trained, data, workdir=tmp_path / "given", epochs=0, class_weights=given, class_names=["x", "y"])
    x, y = result.card.training["class_weights"]
    assert y / x == pytest.approx(2.5, rel=1e-5) and (10 * x + 3 * y) / 13 == pytest.approx(1.0, rel=1e-5)
    thousandfold = {name: 1000 * weight for name, weight in given.items()}
    assert weights_of_classes(thousandfold, dataset_of(data, None, None, (16, 16, 3), ["x", "y"])) == (x, y)
    for wrong in ({"x": 1}, {"x": 1, "y": float("inf")}):
        with pytest.raises(
            ValueError, match="class_weights must be 'balanced', None, or a positive number for each of"
        ):
            quick(trained, data, workdir=tmp_path / "no", class_names=["x", "y"], class_weights=wrong)


@short_heads
def test_class_weights_say_which_mistakes_count(trained, tmp_path):
    """Of images that are all the same, the heavier class is seen in all."""
    same = np.full((24, 16, 16, 3), 90, np.uint8), np.arange(24) % 2
    for heavy in (0, 1):
        weights = {str(heavy): np.float32(3.0), str(1 - heavy): 1}
        result = quick(trained, same, workdir=tmp_path / str(heavy), epochs=0, class_weights=weights)
        assert result.confusion[:, heavy].sum() == result.confusion.sum() > 0


@short_heads
def test_training_stops_where_it_no_longer_helps(trained, tmp_path):
    """Noise that is learnt by heart: the best validation accuracy comes early. The last that is as good is kept."""
    noise = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8), np.arange(40) % 2
    result = quick(trained, noise, workdir=tmp_path / "run", epochs=40, patience=2)
    judged = np.array([entry["validation_accuracy"] for entry in result.history])
    best = len(judged) - 3
    assert len(judged) < 41 and judged[best] == max(judged) and max(judged[best + 1 :]) <= judged[best]
    as_good = judged >= judged[best] - np.sqrt(judged[best] * (1 - judged[best]) / 8)
    kept = result.card.training["kept_epoch"]
    assert as_good[kept] and not as_good[kept + 1 :].any() and result.accuracy == pytest.approx(judged[kept])


@pytest.mark.parametrize(
    ("images", "epochs"), [(4, 300), (40, 240), (160, 60), (800, 40), (3200, 10), (6400, 5), (100_000, 5)]
)
def test_epochs_by_default(images, epochs):
    """About 1,000 steps of 32 images, from 5 to 60 epochs, but 300 steps where the images are few."""
    assert recipe_for(images, {}).epochs == epochs and recipe_for(images, {"epochs": 7}).epochs == 7


@short_heads
def test_fine_tuning_on_a_tf_data_dataset(trained, tmp_path):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices(pictures(24)).shuffle(24).batch(7)
    result = quick(trained, data, workdir=tmp_path / "run")
    assert result.accuracy > 0.7 and len(result.history) == 3
    assert quick(trained, data, workdir=tmp_path / "run").history == result.history, "in whatever order they come"


def test_features_are_not_rounded_where_the_network_computes_in_halves(trained, request):
    request.addfinalizer(lambda: keras.config.set_dtype_policy("float32"))
    keras.config.set_dtype_policy("mixed_bfloat16")
    trunk = pretrained.load(card_of(trained), include_top=False, pooling="avg")
    assert head._features(trunk, pictures(4)[0], 4).dtype == np.float32


def test_features_of_batches_that_are_normalised_by_themselves(trained):
    def trunk():
        return pretrained.load(card_of(trained), include_top=False, pooling="avg")

    images, model = pictures(10)[0], trunk()
    with by_batch():
        whole = head._features(model, images, 10)
        parts = head._features(model, images, 4)
    assert all(map(np.array_equal, model.get_weights(), trunk().get_weights())), "the moving statistics stay"
    np.testing.assert_allclose(whole, model(images, training=True), atol=1e-4)
    first, second, _ = np.split(np.random.default_rng(0).permutation(10), (4, 8))  # batches of all classes together
    for batch in (first, second):
        np.testing.assert_allclose(parts[batch], model(images[batch], training=True), atol=1e-4)
    assert not np.allclose(parts, whole, atol=1e-2)
    np.testing.assert_allclose(head._features(trunk(), images, 4), trunk()(images), atol=1e-4)


@pytest.mark.slow
def test_images_unlike_those_that_the_network_knows(tmp_path):
    """Grey and blurred: many of its features hardly differ between them. A head that made much of these had 0.3."""
    data = datasets.load("digits")
    chosen = np.concatenate([np.flatnonzero(data.train.labels == label)[:20] for label in range(10)])
    few = data.train.take(chosen)
    result = pretrained.fine_tune(
        "amoebanet_d_tiny_imagenet",
        (few.images, few.labels),
        test=(data.test.images, data.test.labels),
        workdir=tmp_path / "run",
        epochs=1,
        muon_rate=0.001,
    )
    assert result.accuracy > 0.8 and result.history[0]["validation_accuracy"] > 0.7
    assert result.history[1]["loss"] < np.log(10), "training begins better than by guessing"


def test_fine_tuning_refuses(trained, tmp_path):
    good = pictures(16)
    one_of_a_kind = good[0], np.array([0] * 15 + [1])
    for message, train_on, changes in (
        ("batch_norm must be one of adapt, frozen, got 'off'", good, {"batch_norm": "off"}),
        ("a recipe has no epoch: did you mean 'epochs'", good, {"epoch": 3}),
        ("learning_rate must be positive", good, {"learning_rate": -1.0}),
        ("patience must be a positive integer", good, {"patience": 0}),
        ("no auxiliary head", good, {"auxiliary_weight": 0.4}),
        (r"validation_fraction must be in \(0, 1\), got 1", good, {"validation_fraction": 1}),
        ("name must be of letters", good, {"name": "../x"}),
        ("license must be a text, got None", good, {"license": None}),
        ("no folder", str(tmp_path / "nothing"), {}),
        ("expected as train a folder of images", 3, {}),
        ("got fractions up to 1: times 255", (good[0] / 255.0 / (good[0] / 255.0).max(), good[1]), {}),
        ("values from 0 to 255, got values from -1.0", (good[0] / 127.5 - 1.0, good[1]), {}),
        ("rows of probabilities", (good[0], np.eye(2)[good[1]] * 0.8 + 0.1), {}),
        ("got 0 and 1 alone, all but black: times 255", (good[0] // 200, good[1]), {}),
        ("channels last", (good[0].transpose(0, 3, 1, 2), good[1]), {}),
        ("got three parts: weights of single images are not supported", (*good, good[1]), {}),
        ("as many train images as labels", (good[0], good[1][:3]), {}),
        ("there is only one class", (good[0], good[1] * 0), {}),
        ("there is one image of 1: at least two are needed", one_of_a_kind, {}),
        ("no training images of 1", (good[0], good[1] * 2), {}),
        ("class_names must be 2 or more different names", good, {"class_names": ["a"]}),
        ("class_names must be different names, got more than once a", good, {"class_names": ["a", "a"]}),
        ("class_names must be a list of texts, got {'", good, {"class_names": {"a", "b"}}),
        ("class_names must be a list of texts, got 'ab'", good, {"class_names": "ab"}),
        ("class_names must be a list of texts, got 5", good, {"class_names": 5}),
        ("expected as train a folder of images", (iter(good[0]), good[1]), {}),
        ("expected as train a folder of images", (good[0], None), {}),
        ("expected as train a folder of images.*got an empty path", "", {}),
        ("expected as train a folder of images.*File name too long", "x" * 5000, {}),
        ("no training images of 0, and some of 20230001", (good[0], good[1] + 20_230_000), {}),
        (r"expected images of \(height, width, 3\), got one of \(16, 16, 2\)", (good[0][..., :2], good[1]), {}),
    ):
        with pytest.raises(ValueError, match=message):
            quick(trained, train_on, workdir=tmp_path / "run", **changes)
        assert not (tmp_path / "run").exists(), message
    with pytest.raises(CardError, match="no model 'nothing'"):
        pretrained.fine_tune("nothing", good, workdir=tmp_path / "run")
    shutil.copy(card_of(trained), tmp_path)
    with pytest.raises(CardError, match="the weight file .* is missing"):
        quick(tmp_path, good, workdir=tmp_path / "run")
    assert not (tmp_path / "run").exists()
    for images in ([], tmp_path, np.zeros((2, 2)), tmp_path / "missing.png"):
        with pytest.raises(ValueError, match="no images|expected an array of|cannot read the image"):
            pretrained.predict(card_of(trained), images)


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(trained, tmp_path):
    folder = write_folder(tmp_path / "lamps", 32)

    def command(workdir):
        return [
            *(sys.executable, "-m", "nasnet_keras.pretrained.fine_tune", f"--model={card_of(trained)}"),
            *(f"--train_dir={folder}", f"--workdir={tmp_path / workdir}", "--epochs=4", "--batch_size=8"),
            *("--checkpoint_minutes=0.0001", "--patience=6"),
        ]

    def curve(workdir):
        history = json.loads((tmp_path / workdir / "history.json").read_text())
        return [{name: value for name, value in entry.items() if name != "seconds"} for entry in history]

    process = subprocess.Popen(command("killed"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 600
    history = tmp_path / "killed" / "history.json"
    while not (history.exists() and len(json.loads(history.read_text())) >= 2):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.communicate()
    done = subprocess.run(command("killed"), capture_output=True, text=True, check=True)
    assert "validation images right" in done.stdout and "true class" in done.stdout
    assert "Card:" in done.stdout
    subprocess.run(command("whole"), capture_output=True, check=True)
    assert curve("killed") == curve("whole")
    a, b = (pretrained.load(tmp_path / run / "colours_cifar10_lamps.json").weights for run in ("killed", "whole"))
    for resumed, straight in zip(a, b, strict=True):
        np.testing.assert_array_equal(resumed.numpy(), straight.numpy())


def test_the_job_says_what_is_wrong(tmp_path):
    def run(*arguments, module="nasnet_keras.pretrained.fine_tune"):
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )

    done = run("--model=amoebanet_d_tiny_imagenet")
    assert done.returncode == 1 and "give --model, and either --train_dir" in done.stderr
    assert "Traceback" not in done.stderr and not list(tmp_path.iterdir())
    done = run("--model=amoebanet_tiny_imagenet", f"--train_dir={tmp_path}")
    assert done.returncode == 1 and "did you mean 'amoebanet_d_tiny_imagenet'" in done.stderr
    done = run("--helpfull")
    assert "--train_dir" in done.stdout and "--learning_rate" in done.stdout


@pytest.mark.slow
def test_the_job_with_folders_of_its_own_in_a_folder_named_like_the_images(trained, tmp_path, monkeypatch):
    """Among them `--dataset` for the folder, and the same command once more."""
    for split, count in (("flowers", 16), ("chosen", 8), ("tested", 12)):
        write_folder(tmp_path / "images" / split, count, seed=count)
    command = [
        *(sys.executable, "-m", "nasnet_keras.pretrained.fine_tune", f"--model={weights_of(trained)}"),
        *("--dataset=images/flowers", "--validation_dir=images/chosen", "--test_dir=images/tested"),
        *("--workdir=flowers", "--nobalanced", "--batch_norm=frozen", "--image_size=24", "--epochs=1", "--noflip"),
        "--licence=MIT",
    ]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0 and "of 12 test images right" in done.stdout, done.stderr
        assert done.stderr.count("licence='MIT' is now license='MIT'") == 1
    card = pretrained.card(tmp_path / "flowers" / "colours_cifar10_flowers.json")
    assert card.dataset["images"] == {"train": 16, "validation": 8, "test": 12} and card.input_shape == (24, 24, 3)
    assert card.training["class_weights"] == [1, 1] and card.training["batch_norm"] == "frozen"
    assert card.license == "MIT"
    monkeypatch.chdir(tmp_path)
    assert is_folder("images") and not is_folder("flowers"), "which may be TensorFlow Datasets' name"

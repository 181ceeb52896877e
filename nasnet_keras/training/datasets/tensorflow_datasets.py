"""Data sets of TensorFlow Datasets, as arrays."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nasnet_keras.images.fitting import GREY, check_memory, stacked
from nasnet_keras.training.datasets.base import SPLITS, Loaded, Split, slug
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.near import nearest

__all__ = ["load"]

_LONG = 300  # letters of a message


def load(name: str, data_dir: str | Path | None, image_size: int | None = None, fit: str = "crop") -> Loaded:
    """Read a data set of images with one label each; it is downloaded and prepared if it is missing.

    Args:
        name: as `tfds.load` takes it: `"cifar10"`, `"cifar10:3.0.2"`, `"name/config"`.
        data_dir: the folder of prepared data sets.
        image_size: side in pixels that every image is brought to.
        fit: the way to bring them to it, one of `checks.FITS`.

    Returns:
        Its splits `train`, `validation` and `test`. If it has no `test`, its `validation` becomes `test`.

    Raises:
        ValueError: there is no such data set, it cannot be downloaded, or it is not one of images with labels.
    """
    builder = _builder(name, data_dir)
    image, label, key = _features(builder, name)
    _prepare(builder, name)
    known = {split: builder.info.splits[split] for split in SPLITS if split in builder.info.splits}
    if "train" not in known:
        raise ValueError(f"{name} has no training split; it has {', '.join(builder.info.splits)}")
    sides = (image_size or side or 0 for side in image.shape[:2])
    check_memory(sum(split.num_examples for split in known.values()), (*sides, image.shape[2] or 3), name)
    side = image_size if image.shape[:2] != (image_size, image_size) else None
    splits = {
        split: _read(_stream(builder, split, side, fit), known[split].num_examples, f"{name} ({split})")
        for split in known
    }
    if "test" not in splits and "validation" in splits:
        splits["test"] = splits.pop("validation")
    encoding = image.encoding_format or _encoding(builder, key)
    source = f"{builder.info.full_name} of TensorFlow Datasets, stored as {encoding}"
    return Loaded(slug(builder.info.name), splits, tuple(label.names), source)


def _builder(name: str, data_dir: str | Path | None) -> Any:
    """Find a data set.

    Raises:
        ValueError: there is no such data set.
    """
    import tensorflow_datasets as tfds  # slow: it imports TensorFlow

    try:
        return tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # a builder's code may raise anything
        near = nearest(name.partition("/")[0], ["digits", *tfds.list_builders(with_community_datasets=False)])
        hint = f"did you mean {near!r}? It" if near else "it"
        raise ValueError(
            f"no data set {quoted(name)}: {hint} is neither in the package, nor a file, nor a folder, and TensorFlow "
            f"Datasets says: {_first_line(error)}"
        ) from None


def _features(builder: Any, name: str) -> tuple[Any, Any, str]:
    """Find the features of a data set that are its images and its labels, and the name of the first.

    Raises:
        ValueError: it has no images of 8 bits with one label each.
    """
    import tensorflow_datasets as tfds

    features = builder.info.features
    keys = builder.info.supervised_keys
    image = features[keys[0]] if keys and keys[0] in features else None
    label = features[keys[1]] if keys and isinstance(keys[1], str) and keys[1] in features else None
    if not isinstance(image, tfds.features.Image) or not isinstance(label, tfds.features.ClassLabel):
        raise ValueError(
            f"{name} of TensorFlow Datasets is not one of images with one class each (several labels an image, and "
            f"figures, are not supported); it has {quoted(features, 300)}"
        )
    if image.np_dtype != np.uint8:  # larger values would be cut off
        raise ValueError(f"the images of {name} have values of {np.dtype(image.np_dtype)}: expected uint8, 0 to 255")
    return image, label, keys[0]


def _prepare(builder: Any, name: str) -> None:
    """Download a data set, unless it is there.

    Raises:
        ValueError: it cannot be downloaded.
    """
    try:
        builder.download_and_prepare()  # returns at once if the data set is there
    except Exception as error:  # network, disk, checksums, the builder's own code
        raise ValueError(
            f"{name} is not in {builder.data_dir} and cannot be downloaded there: {_first_line(error)}. Get it where "
            f"there is a network, with tfds.builder({quoted(name)}).download_and_prepare(), and give its data_dir"
        ) from None


def _stream(builder: Any, split: str, side: int | None, fit: str) -> Any:
    """Make a stream of images and labels; the images are brought to a side if one is given."""
    import tensorflow as tf

    data = builder.as_dataset(split=split, as_supervised=True)
    if side is not None:
        data = data.map(lambda x, y: (_resized(tf, x, side, fit), y), num_parallel_calls=tf.data.AUTOTUNE)
    return data.prefetch(tf.data.AUTOTUNE)


def _encoding(builder: Any, key: str) -> str:
    """Find the format of the first training image, if the description does not name it."""
    import tensorflow_datasets as tfds

    stored = builder.as_dataset(split="train[:1]", decoders={key: tfds.decode.SkipDecoding()})
    (first,) = (example[key] for example in stored.as_numpy_iterator())
    with Image.open(io.BytesIO(first)) as file:
        return file.format.lower()


def _read(data: Any, count: int, source: str) -> Split:
    labels = np.empty(count, np.int32)
    if None not in data.element_spec[0].shape:
        images = np.empty((count, *data.element_spec[0].shape), np.uint8)
        for index, (image, label) in enumerate(data.as_numpy_iterator()):
            images[index], labels[index] = image, label
        return Split(images, labels)
    unequal = []
    for index, (image, label) in enumerate(data.as_numpy_iterator()):
        unequal.append(image)
        labels[index] = label
    return Split(stacked(unequal, source), labels)


def _resized(tf: Any, image: Any, image_size: int, fit: str) -> Any:
    """Bring an image to a square, as `fitting.resized` does."""
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    wanted = tf.constant([image_size, image_size])
    if fit == "crop":
        scaled = tf.cast(tf.math.round(size * (image_size / tf.reduce_min(size))), tf.int32)
        image = tf.image.resize(image, tf.maximum(scaled, image_size), antialias=True)
        image = tf.image.resize_with_crop_or_pad(image, image_size, image_size)
    elif fit == "pad":
        scaled = tf.cast(tf.math.round(size * (image_size / tf.reduce_max(size))), tf.int32)
        inner = tf.clip_by_value(scaled, 1, image_size)
        image = tf.image.resize(image, inner, antialias=True)
        before = (wanted - inner) // 2
        borders = tf.concat([tf.stack([before, wanted - inner - before], axis=1), [[0, 0]]], axis=0)
        image = tf.pad(image, borders, constant_values=GREY)
    else:
        image = tf.image.resize(image, wanted, antialias=True)
    return tf.cast(tf.clip_by_value(tf.math.round(image), 0.0, 255.0), tf.uint8)


def _first_line(error: Exception) -> str:
    first = next(iter(str(error).strip().splitlines()), "")
    return f"{type(error).__name__}: {first if len(first) <= _LONG else f'{first[:_LONG]}…'}"

"""The first part of fine-tuning: a new classifier on the features of the trained network, which stays as it is."""

import keras
import numpy as np

from nasnet_keras.layers.normalization import is_by_batch
from nasnet_keras.training.datasets.base import Split

__all__ = ["train_head"]

_EPOCHS = 100
_PATIENCE = 10
_AT_ONCE = 64  # images
_MANY = 2000  # images whose features take long enough to show progress
_LEAST_SPREAD = 0.3  # of a feature, as a share of what features have on average


class _Batches(keras.utils.PyDataset):
    """Images in batches, all of one size, in an order of their own; the last one is filled up with the first images."""

    def __init__(self, images: np.ndarray, order: np.ndarray, batch_size: int) -> None:
        super().__init__()
        self._images = images
        self._batches = np.resize(order, (-(-len(order) // batch_size), batch_size))

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._images[self._batches[index]]


def _features(model: keras.Model, images: np.ndarray, batch_size: int) -> np.ndarray:
    """What the classifier reads, `(count, channels)`, float32 whatever the network computes in."""
    count, shown = len(images), int(len(images) > _MANY)
    order = np.arange(count)
    if is_by_batch():  # of all classes together, as in training
        order = np.random.default_rng(0).permutation(count)
    else:
        batch_size = _AT_ONCE
    values = model.predict(_Batches(images, order, min(batch_size, count)), verbose=shown)[:count]
    return values[np.argsort(order)].astype(np.float32)


def train_head(
    model: keras.Model,
    train: Split,
    validation: Split,
    classes: int,
    *,
    use_bias: bool,
    class_weights: tuple[float, ...],
    label_smoothing: float,
    flip: bool,
    batch_size: int,
    seed: int,
) -> list[np.ndarray]:
    """Train a classifier by the images' features, which are computed once.

    Args:
        model: ends in the average that the classifier reads; a new one, as Keras keeps how it first predicted.
        train, validation: what to learn and when to stop.
        classes: how many.
        use_bias: whether the classifier has a bias.
        class_weights: by label.
        label_smoothing: share of the target spread over all classes.
        flip: whether to learn from mirrored images too.
        batch_size: of the batches whose statistics normalise them, within `by_batch`.
        seed: of the order of images.

    Returns:
        The classifier's kernel `(channels, classes)` and, where it has one, its bias `(classes,)`.
    """
    keras.utils.set_random_seed(seed)
    values, labels = _features(model, train.images, batch_size), train.labels
    if flip:
        values = np.concatenate([values, _features(model, train.images[:, :, ::-1], batch_size)])
        labels = np.concatenate([labels, labels])
    mean = values.mean(0) if use_bias else np.zeros(values.shape[1], values.dtype)
    # Some features hardly differ between these images (of colours, where all are grey). Brought to the spread of the
    # others they would be noise, and of another image, or of the network as it learns, rule the answer.
    spread = values.std(0)
    spread = np.hypot(spread, _LEAST_SPREAD * np.sqrt(np.mean(np.square(spread))) + 1e-6)

    def normalized(x: np.ndarray) -> np.ndarray:
        return (x - mean) / spread

    classifier = keras.Sequential([keras.layers.Dense(classes, use_bias=use_bias, kernel_initializer="zeros")])
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    classifier.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-2), smoothed)
    stop = keras.callbacks.EarlyStopping(patience=_PATIENCE, restore_best_weights=True)

    def targets(numbers: np.ndarray) -> np.ndarray:
        return np.eye(classes, dtype=np.float32)[numbers]

    judged = normalized(_features(model, validation.images, batch_size)), targets(validation.labels)
    weights = np.asarray(class_weights, np.float32)
    classifier.fit(
        normalized(values),
        targets(labels),
        batch_size=32,
        epochs=_EPOCHS,
        sample_weight=weights[labels],
        validation_data=(*judged, weights[validation.labels]),
        callbacks=[stop],
        verbose=0,
    )
    kernel, *bias = (keras.ops.convert_to_numpy(value) for value in classifier.weights)
    kernel = kernel / spread[:, None]
    return [kernel, *(value - mean @ kernel for value in bias)]

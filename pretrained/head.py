"""The first part of fine-tuning: a new classifier on the features of the trained network, which does not change."""

import keras
import numpy as np

from nasnet_keras.layers.normalization import is_by_batch
from nasnet_keras.training.datasets.base import Split

__all__ = ["train_head"]

_EPOCHS = 100
_PATIENCE = 10
_AT_ONCE = 64  # images of a batch of features
_MANY = 2000  # number of images from which on progress is shown
_LEAST_SPREAD = 0.3  # least spread of a feature, as a share of the mean spread


class _Batches(keras.utils.PyDataset):
    """Images in batches of one size, in a given order. The last batch is filled up with the first images."""

    def __init__(self, images: np.ndarray, order: np.ndarray, batch_size: int) -> None:
        super().__init__()
        self._images = images
        self._batches = np.resize(order, (-(-len(order) // batch_size), batch_size))

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._images[self._batches[index]]


def _features(model: keras.Model, images: np.ndarray, batch_size: int) -> np.ndarray:
    """The features that the classifier reads, `(count, channels)`, float32 even if the network computes in halves."""
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
        model: ends in the average that the classifier reads. It must be new, as Keras keeps how it first predicted.
        train: images to learn from.
        validation: images that say when to stop.
        classes: the number of classes.
        use_bias: whether the classifier has a bias.
        class_weights: the weights of the classes, by label.
        label_smoothing: share of the target spread over all classes.
        flip: whether to learn from mirrored images too.
        batch_size: images in a batch, which is normalised by its statistics within `by_batch`.
        seed: of the order of images.

    Returns:
        The classifier's kernel `(channels, classes)` and, if it has one, its bias `(classes,)`.
    """
    keras.utils.set_random_seed(seed)
    values, labels = _features(model, train.images, batch_size), train.labels
    if flip:
        values = np.concatenate([values, _features(model, train.images[:, :, ::-1], batch_size)])
        labels = np.concatenate([labels, labels])
    mean = values.mean(0) if use_bias else np.zeros(values.shape[1], values.dtype)
    spread = _spread(values)
    weights, one_hot = np.asarray(class_weights, np.float32), np.eye(classes, dtype=np.float32)

    def learnt_from(features: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return (features - mean) / spread, one_hot[numbers], weights[numbers]

    judged = learnt_from(_features(model, validation.images, batch_size), validation.labels)
    kernel, *bias = _fitted(learnt_from(values, labels), judged, use_bias, label_smoothing)
    kernel = kernel / spread[:, None]
    return [kernel, *(value - mean @ kernel for value in bias)]


def _spread(values: np.ndarray) -> np.ndarray:
    """The spread of each feature, by which it is divided, with a lower bound.

    Some features hardly differ between these images, as features of color between grey images. At the spread of the
    others they would be noise, which could decide the answer for another image, or after the network has learned.
    """
    spread = values.std(0)
    return np.hypot(spread, _LEAST_SPREAD * np.sqrt(np.mean(np.square(spread))) + 1e-6)


def _fitted(
    train: tuple[np.ndarray, ...], validation: tuple[np.ndarray, ...], use_bias: bool, label_smoothing: float
) -> list[np.ndarray]:
    """The weights of a classifier of features, each split as features, targets and weights of images."""
    features, targets, weights = train
    classes = targets.shape[-1]
    classifier = keras.Sequential([keras.layers.Dense(classes, use_bias=use_bias, kernel_initializer="zeros")])
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    classifier.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-2), smoothed)
    classifier.fit(
        features,
        targets,
        batch_size=32,
        epochs=_EPOCHS,
        sample_weight=weights,
        validation_data=validation,
        callbacks=[keras.callbacks.EarlyStopping(patience=_PATIENCE, restore_best_weights=True)],
        verbose=0,
    )
    return [keras.ops.convert_to_numpy(value) for value in classifier.weights]

"""The first part of fine-tuning: a new classifier on the features of the trained network, which stays as it is."""

import keras
import numpy as np

from nasnet_keras.training.datasets import Split

__all__ = ["train_head"]

_EPOCHS = 100
_PATIENCE = 10
_AT_ONCE = 64  # images
_MANY = 2000  # images whose features take long enough to show progress


def _features(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the classifier reads, `(count, channels)`, float32 whatever the network computes in."""
    shown = int(len(images) > _MANY)
    return model.predict(images, batch_size=min(_AT_ONCE, len(images)), verbose=shown).astype(np.float32)


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
    seed: int,
) -> list[np.ndarray]:
    """Train a classifier by the images' features, which are computed once.

    Args:
        model: ends in the average that the classifier reads.
        train, validation: what to learn and when to stop.
        classes: how many.
        use_bias: whether the classifier has a bias.
        class_weights: by label.
        label_smoothing: share of the target spread over all classes.
        flip: whether to learn from mirrored images too.
        seed: of the order of images.

    Returns:
        The classifier's kernel `(channels, classes)` and, where it has one, its bias `(classes,)`.
    """
    keras.utils.set_random_seed(seed)
    values, labels = _features(model, train.images), train.labels
    if flip:
        values = np.concatenate([values, _features(model, train.images[:, :, ::-1])])
        labels = np.concatenate([labels, labels])
    mean = values.mean(0) if use_bias else np.zeros(values.shape[1], values.dtype)
    spread = values.std(0) + 1e-3

    def normalized(x: np.ndarray) -> np.ndarray:
        return (x - mean) / spread

    classifier = keras.Sequential([keras.layers.Dense(classes, use_bias=use_bias, kernel_initializer="zeros")])
    smoothed = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=label_smoothing)
    classifier.compile(keras.optimizers.AdamW(1e-3, weight_decay=1e-2), smoothed)
    stop = keras.callbacks.EarlyStopping(patience=_PATIENCE, restore_best_weights=True)

    def targets(numbers: np.ndarray) -> np.ndarray:
        return np.eye(classes, dtype=np.float32)[numbers]

    judged = normalized(_features(model, validation.images)), targets(validation.labels)
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

"""An installation is checked: does a trained model answer here as it did where it was made?"""

from pathlib import Path

import numpy as np

from nasnet_keras.card import decoded
from nasnet_keras.pretrained.listing import card
from nasnet_keras.pretrained.registry import load
from nasnet_keras.utils.checks import quoted
from nasnet_keras.weights.file import CardError

__all__ = ["verify"]

_TOLERANCE = 1e-3  # what processors and backends round differently is a hundredth of this


def verify(model: str | Path) -> float:
    """Check that a trained model computes here what its card says, on the card's reference images.

    Weights that are missing are downloaded, and their checksum is compared, too.

    Args:
        model: as `load` takes it.

    Returns:
        The largest difference of a logit from the recorded one, as a share of the range of the recorded ones.

    Raises:
        CardError: there is no such model, its card has no reference images, its weights are not those of the card, or
            the difference exceeds 0.001: TensorFlow, Keras or the processor compute something else here.
        DownloadError: the weights cannot be downloaded.

    Example:
        >>> verify("mnasnet_cifar10") < 1e-3
        True
    """
    found = card(model)
    if not found.reference:
        raise CardError(f"the card of {found.name} has no reference images to check with")
    images, expected = decoded(found.reference)
    logits = load(model, classifier_activation=None).predict(images, verbose=0)
    if logits.shape != expected.shape:
        raise CardError(f"{found.name} has outputs of {logits.shape}, its card says {expected.shape}")
    difference = float(np.abs(logits - expected).max() / max(float(np.ptp(expected)), 1e-30))
    if not difference <= _TOLERANCE:
        raise CardError(
            f"{found.name} differs from its card by {difference:.1e} of the range of its logits, expected at most "
            f"{_TOLERANCE:.0e}: {quoted(str(model))} does not compute here what it did where it was made"
        )
    return difference

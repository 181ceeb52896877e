"""Keras' published ImageNet weights of NASNet-A mobile and large: where they are, and our networks with them."""

from typing import Any

from nasnet_keras.card import WeightsFile
from nasnet_keras.network import NASNetFromGenotype
from nasnet_keras.weights import load_weights

__all__ = ["PUBLISHED", "build_with_imagenet_weights"]

_URL = "https://storage.googleapis.com/tensorflow/keras-applications/nasnet/"


# (model, include_top): the file, its name in Keras' cache, and its MD5, as Keras' source has them
PUBLISHED = {
    ("mobile", True): WeightsFile(
        "nasnet_mobile.h5", 24_227_760, md5="020fb642bf7360b370c678b08e0adf61", url=_URL + "NASNet-mobile.h5"
    ),
    ("mobile", False): WeightsFile(
        "nasnet_mobile_no_top.h5", md5="1ed92395b5b598bdda52abe5c0dbfd63", url=_URL + "NASNet-mobile-no-top.h5"
    ),
    ("large", True): WeightsFile(
        "nasnet_large.h5", md5="11577c9a518f0070763c2b964a382f17", url=_URL + "NASNet-large.h5"
    ),
    ("large", False): WeightsFile(
        "nasnet_large_no_top.h5", md5="d81d89dc07e6e56530c4e77faddd61b5", url=_URL + "NASNet-large-no-top.h5"
    ),
}


def build_with_imagenet_weights(arguments: dict[str, Any], model: str) -> Any:
    """Build NASNet-A mobile or large with the published weights.

    Args:
        arguments: of `NASNetFromGenotype`.
        model: `"mobile"` or `"large"`.

    Raises:
        ValueError: there are no such weights for these classes or this size of network.
        DownloadError: the file cannot be had; the error says which one to put where.
    """
    include_top = bool(arguments["include_top"])
    if include_top and arguments["classes"] != 1000:
        raise ValueError(
            f"weights='imagenet' with include_top=True needs classes=1000, got {arguments['classes']}; build with "
            f"include_top=False and add a classifier, or with weights=None"
        )
    built = NASNetFromGenotype(**{**arguments, "weights": None})
    load_weights(built, PUBLISHED[model, include_top].download(), known=True)
    return built

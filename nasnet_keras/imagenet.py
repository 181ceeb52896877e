"""Keras' published ImageNet weights of NASNet-A mobile and large: where they are, and our networks with them."""

from dataclasses import dataclass
from typing import Any

from nasnet_keras.download import fetch
from nasnet_keras.network import NASNetFromGenotype
from nasnet_keras.weights import load_weights

__all__ = ["build_with_imagenet_weights"]

_URL = "https://storage.googleapis.com/tensorflow/keras-applications/nasnet/"


@dataclass(frozen=True)
class _PublishedFile:
    """A file's name at the source and in Keras' cache, and its MD5, as Keras' source has them."""

    remote: str
    local: str
    md5: str


# (model, include_top): the file
_FILES = {
    ("mobile", True): _PublishedFile("NASNet-mobile.h5", "nasnet_mobile.h5", "020fb642bf7360b370c678b08e0adf61"),
    ("mobile", False): _PublishedFile(
        "NASNet-mobile-no-top.h5", "nasnet_mobile_no_top.h5", "1ed92395b5b598bdda52abe5c0dbfd63"
    ),
    ("large", True): _PublishedFile("NASNet-large.h5", "nasnet_large.h5", "11577c9a518f0070763c2b964a382f17"),
    ("large", False): _PublishedFile(
        "NASNet-large-no-top.h5", "nasnet_large_no_top.h5", "d81d89dc07e6e56530c4e77faddd61b5"
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
    file = _FILES[model, include_top]
    load_weights(built, fetch(_URL + file.remote, file.local, md5=file.md5))
    return built

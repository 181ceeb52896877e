"""Keras' published ImageNet weights of NASNet-A mobile and large: where they are, and our networks with them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

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
        OSError: the file cannot be had; the error says which one to put where.
    """
    include_top = bool(arguments["include_top"])
    if include_top and arguments["classes"] != 1000:
        raise ValueError(
            f"weights='imagenet' with include_top=True needs classes=1000, got {arguments['classes']}; build with "
            f"include_top=False and add a classifier, or with weights=None"
        )
    built = NASNetFromGenotype(**{**arguments, "weights": None})
    load_weights(built, _fetch(_FILES[model, include_top]))
    return built


def _fetch(file: _PublishedFile) -> Path:
    """The file in Keras' cache, downloaded when it is not there, with the right hash."""
    cache = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    url = _URL + file.remote
    try:
        return Path(keras.utils.get_file(file.local, url, cache_subdir="models", file_hash=file.md5))
    except Exception as error:  # get_file raises bare Exception
        raise OSError(
            f"cannot download the ImageNet weights ({error}). Get {url} (MD5 {file.md5}) on a machine with a network "
            f"and put it at {cache / file.local}, or anywhere and give weights=PATH"
        ) from error

"""A trained model → an equal, faster one for inference."""

from dataclasses import dataclass

import keras

from nasnet_keras.fusion.alignment import aligned
from nasnet_keras.fusion.passes import relu_absorbed, shared
from nasnet_keras.fusion.reading import read
from nasnet_keras.fusion.writing import write

__all__ = ["Settings", "fuse_for_inference"]


@dataclass(frozen=True)
class Settings:
    multiple: int = 1
    most_taps: int | None = None


def fuse_for_inference(model: keras.Model, settings: Settings = Settings()) -> keras.Model:
    graph = relu_absorbed(shared(read(model)))
    if settings.multiple > 1:
        graph = aligned(graph, settings.multiple)
    return write(graph, f"{model.name}_fused", settings.most_taps)

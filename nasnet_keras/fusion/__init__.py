"""A trained model → an equal, faster one for inference."""

from dataclasses import dataclass

import keras

from nasnet_keras.fusion import passes
from nasnet_keras.fusion.alignment import aligned
from nasnet_keras.fusion.reading import read
from nasnet_keras.fusion.writing import write

__all__ = ["Settings", "fuse_for_inference"]


@dataclass(frozen=True)
class Settings:
    align: int = 16
    branches: bool = True
    sums: bool = True
    groups: bool = True
    readers: bool = True


def fuse_for_inference(model: keras.Model, settings: Settings = Settings()) -> keras.Model:
    graph = passes.relu_absorbed(passes.shared(read(model)))
    if settings.align > 1:
        graph = aligned(graph, settings.align)
    if settings.branches:
        graph = passes.branches_merged(graph)
        if settings.sums:
            graph = passes.sums_merged(graph)
        if settings.groups:
            graph = passes.groups_merged(graph)
    if settings.readers:
        graph = passes.readers_merged(graph)
    graph = passes.relu_absorbed(passes.shared(graph))
    fused = write(graph, f"{model.name}_fused")
    fused.jit_compile = False
    return fused

"""Modules of version 0.1 by their old names, which import for one release, with a warning that names the new place."""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "install"]

# By the old name of a module, within the package: where its names are now.
MOVED: dict[str, tuple[str, ...]] = {
    "auxiliary": ("layers.auxiliary",),
    "batch_norm": ("layers.batch_norm",),
    "builder": ("networks.builder",),
    "cell": ("networks.cell",),
    "chain": (
        "networks.chain",
        "networks.macro",
        "networks.base",
        "genotypes.operations",
    ),
    "chain_genotype": ("genotypes.chain",),
    "chain_plotting": ("plotting.layers",),
    "checks": ("utils.checks",),
    "conventions": ("genotypes.conventions",),
    "cost": ("networks.cost",),
    "depthwise": ("layers.depthwise",),
    "download": ("weights.download",),
    "drawing": ("plotting.svg",),
    "drop_path": ("layers.drop_path",),
    "environment": ("utils.environment",),
    "exporting": ("inference.exporting",),
    "files": ("utils.files",),
    "fusion": ("inference.fusing",),
    "fusion.alignment": ("inference.alignment",),
    "fusion.engines": ("inference.targets",),
    "fusion.graph": ("inference.graph",),
    "fusion.layers": ("inference.layers",),
    "fusion.model": ("inference.model",),
    "fusion.passes": ("inference.passes",),
    "fusion.reading": ("inference.reading",),
    "fusion.writing": ("inference.writing",),
    "genotype": ("genotypes.cells",),
    "genotype_json": ("genotypes.base",),
    "hdf5": ("weights.hdf5",),
    "imagenet": ("weights.published",),
    "jobs": ("utils.jobs",),
    "json_text": ("utils.json_text",),
    "kinds": (
        "genotypes.reading",
        "networks.any",
    ),
    "lazy": ("utils.lazy",),
    "legacy": ("weights.keras_applications",),
    "locks": ("utils.locks",),
    "macro_genotype": (
        "genotypes.macro",
        "genotypes.operations",
    ),
    "model": ("networks.base",),
    "nasbench201": ("networks.nasbench201",),
    "nasbench201_genotype": ("genotypes.nasbench201",),
    "network": ("networks.cells",),
    "noise": ("utils.noise",),
    "normalization": ("layers.normalization",),
    "operations": ("genotypes.operations",),
    "padded_concatenate": ("layers.padded_concatenate",),
    "pixels": ("layers.windows",),
    "pooling": ("layers.pooling",),
    "search.attention": ("search.controllers.enas",),
    "search.backend": ("utils.environment",),
    "search.chain_policy": ("search.controllers.nas",),
    "search.charts": ("search.report.charts",),
    "search.checkpoints": ("search.study.checkpoints",),
    "search.controller": ("search.controllers.base", "search.controllers.lstm"),
    "search.evaluators.mirrored": ("training.mirrored",),
    "search.evaluators.shared": ("search.evaluators.supernet",),
    "search.pages": ("search.report",),
    "search.pages.cells": ("search.report.cells",),
    "search.pages.facts": ("search.report.facts",),
    "search.pages.finalists": ("search.report.finalists",),
    "search.pages.listing": ("search.report.listing",),
    "search.pages.markup": ("search.report.markup",),
    "search.pages.rebuild": ("search.report.rebuild",),
    "search.pages.rewards": ("search.report.rewards",),
    "search.pages.style": ("search.report.style",),
    "search.pages.summary": ("search.report.head",),
    "search.progress": ("utils.progress",),
    "search.recurrent": ("search.controllers.recurrent",),
    "search.result": ("search.study.result",),
    "search.space": ("search.spaces.base",),
    "search.statistics": ("search.report.statistics",),
    "search.summary": ("search.report.terminal",),
    "search.tensorboard": ("search.report.tensorboard",),
    "search.trial": ("search.study.trial",),
    "search.trial_log": ("search.study.trial_log",),
    "showing": ("utils.progress",),
    "skeleton": ("genotypes.skeleton",),
    "traces": ("layers.traces",),
    "training.dataset": ("training.datasets.base",),
    "training.fitting": ("training.datasets.fitting",),
    "training.image_folder": ("training.datasets.image_folder",),
    "training.image_tree": ("training.datasets.image_tree",),
    "training.images": ("training.datasets.images",),
    "training.labels": ("training.datasets.labels",),
    "training.npz": ("training.datasets.npz",),
    "training.pixels": ("training.datasets.pixels",),
    "training.splits": ("training.datasets.splits",),
    "training.tensorflow_datasets": ("training.datasets.tensorflow_datasets",),
    "weight_file": ("weights.reading",),
    "weight_reader": ("weights.isolated",),
    "workdir": ("utils.workdir",),
}


class _Moved:
    """Finds and loads modules of old names. It is asked last, when nothing else has found them."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        del path, target
        package, _, module = name.partition(".")
        known = package == self._package and module in MOVED
        return ModuleSpec(name, self, is_package=any(old.startswith(f"{module}.") for old in MOVED)) if known else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        del spec  # which says all that the module is

    def exec_module(self, module: ModuleType) -> None:
        """Fill an empty module: its names are those of the new ones, and resolve when they are used."""
        old = module.__name__
        places = [f"{self._package}.{place}" for place in MOVED[old.partition(".")[2]]]
        warnings.warn(f"{old} is now {' and '.join(places)}", DeprecationWarning, stacklevel=_outside())
        found = [importlib.import_module(place) for place in places]

        def get(name: str) -> Any:
            for place in found:
                if hasattr(place, name):
                    return getattr(place, name)
            raise AttributeError(f"module {old!r} has no attribute {name!r}")

        module.__getattr__ = get
        module.__doc__ = f"{' and '.join(places)}, by the name of before."
        module.__all__ = [name for place in found for name in getattr(place, "__all__", ())]


def _outside() -> int:
    """How many calls up the import is, past the machinery of importing."""
    level, frame = 2, sys._getframe(2)
    while frame.f_back is not None and "importlib" in frame.f_code.co_filename:
        level, frame = level + 1, frame.f_back
    return level


def install(package: str) -> None:
    """Let the old names of modules of a package be imported."""
    sys.meta_path.append(_Moved(package))

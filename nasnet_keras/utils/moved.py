"""Old names of modules, classes and functions import for one release, with a warning that names the new place.

Before the release of 0.1.0 the modules stood in one folder. Remove this file, and its two users, after that release.
"""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["MOVED", "RENAMED", "install", "renamed"]

MOVED: dict[str, tuple[str, ...]] = {
    "auxiliary": ("layers.auxiliary",),
    "batch_norm": ("layers.batch_norm",),
    "builder": ("networks.layer_builder",),
    "cell": ("networks.cell",),
    "chain": ("networks.chain", "networks.macro", "networks.base", "genotypes.operations"),
    "chain_genotype": ("genotypes.chain",),
    "chain_plotting": ("plotting.layers",),
    "checks": ("utils.checks",),
    "conventions": ("genotypes.conventions",),
    "cost": ("networks.cost", "networks.counting"),
    "depthwise": ("layers.depthwise",),
    "download": ("weights.download",),
    "drawing": ("plotting.svg",),
    "drop_path": ("layers.drop_path",),
    "environment": ("utils.environment",),
    "exporting": ("inference.exporting", "inference.errors", "inference.report"),
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
    "kinds": ("genotypes.reading", "networks.any"),
    "lazy": ("utils.lazy",),
    "legacy": ("weights.keras_applications",),
    "locks": ("utils.locks",),
    "macro_genotype": ("genotypes.macro", "genotypes.operations"),
    "model": ("networks.base", "networks.model"),
    "nasbench201": ("networks.nasbench201",),
    "nasbench201_genotype": ("genotypes.nasbench201",),
    "network": ("networks.cells",),
    "noise": ("utils.noise",),
    "normalization": ("layers.normalization",),
    "operations": ("genotypes.operations",),
    "padded_concatenate": ("layers.padded_concatenate",),
    "pixels": ("layers.windows",),
    "pooling": ("layers.pooling",),
    "search.algorithms.policy": ("search.algorithms.policy_gradient",),
    "search.attention": ("search.controllers.enas",),
    "search.backend": ("utils.environment",),
    "search.chain_policy": ("search.controllers.nas",),
    "search.charts": ("pages.charts", "pages.axes"),
    "search.checkpoints": ("search.study.checkpoints",),
    "search.controller": ("search.controllers.base", "search.controllers.lstm"),
    "search.evaluators.mirrored": ("training.mirrored",),
    "search.evaluators.shared": ("search.evaluators.supernet",),
    "search.pages": ("search.report",),
    "search.pages.cells": ("search.report.cells",),
    "search.pages.facts": ("search.report.facts",),
    "search.pages.finalists": ("search.report.finalists",),
    "search.pages.listing": ("search.report.listing",),
    "search.pages.markup": ("pages.markup",),
    "search.pages.rebuild": ("search.report.rebuild",),
    "search.pages.rewards": ("search.report.rewards",),
    "search.pages.style": ("pages.style",),
    "search.pages.summary": ("search.report.head",),
    "search.progress": ("utils.progress",),
    "search.recurrent": ("search.controllers.recurrent",),
    "search.result": ("search.study.result",),
    "search.settings": ("utils.settings",),
    "search.space": ("search.spaces.base",),
    "search.statistics": ("search.report.statistics",),
    "search.summary": ("search.report.terminal",),
    "search.tensorboard": ("search.report.tensorboard",),
    "search.trial": ("search.study.trial",),
    "search.trial_log": ("search.study.trial_log",),
    "showing": ("utils.progress",),
    "skeleton": ("genotypes.skeleton",),
    "traces": ("layers.traces",),
    "training.dataset": ("training.datasets.base", "images.fitting"),
    "training.fitting": ("images.fitting",),
    "training.image_folder": ("training.datasets.image_folder", "images.reading", "images.files", "images.fitting"),
    "training.image_tree": ("images.tree",),
    "training.datasets.fitting": ("images.fitting",),
    "training.datasets.image_tree": ("images.tree",),
    "training.datasets.images": ("images.files",),
    "training.datasets.pixels": ("images.pixels",),
    "training.images": ("images.files",),
    "training.labels": ("training.datasets.labels", "training.datasets.class_names"),
    "training.npz": ("training.datasets.npz",),
    "training.pixels": ("images.pixels",),
    "training.splits": ("training.datasets.splits",),
    "training.tensorflow_datasets": ("training.datasets.tensorflow_datasets",),
    "weight_file": ("weights.reading",),
    "weight_reader": ("weights.isolated",),
    "workdir": ("utils.workdir",),
}
"""By the old name of a module, within the package: the modules that have its names now."""

RENAMED: dict[str, str] = {
    "chain.APPLY": "genotypes.operations.MACRO_APPLY",
    "chain.LayerwiseConfig": "networks.base.NetworkConfig",
    "chain_plotting.chain_svg": "plotting.cells.genotype_svg",
    "chain_plotting.macro_svg": "plotting.cells.genotype_svg",
    "chain_plotting.nasbench201_svg": "plotting.cells.genotype_svg",
    "fusion.alignment.aligned": "inference.alignment.channels_padded",
    "fusion.engines.Engine": "inference.targets.Target",
    "fusion.graph.Image": "inference.graph.Input",
    "fusion.graph.Kept": "inference.graph.Passthrough",
    "fusion.graph.Pick": "inference.graph.Subsample",
    "fusion.passes.shared": "inference.passes.merged",
    "genotype_json.AnyGenotype": "genotypes.base.BaseGenotype",
    "imagenet.build_with_imagenet_weights": "applications._build_with_imagenet_weights",
    "layers.CountedLayer": "layers.normalized.CountedLayer",
    "layers.NormalizedConv": "layers.normalized.NormalizedConv",
    "network.NetworkConfig": "networks.cells.CellsConfig",
    "search.attention.AttentionPolicy": "search.controllers.enas.AttentionController",
    "search.attention.CellPolicy": "search.controllers.enas.ENASMicroController",
    "search.attention.LayerPolicy": "search.controllers.enas.ENASMacroController",
    "search.attention.policy_for": "search.controllers.enas.controller_for",
    "search.chain_policy.ChainPolicy": "search.controllers.nas.NASController",
    "search.controller.Controller": "search.controllers.lstm.LSTMController",
    "search.controller.Policy": "search.controllers.base.Controller",
    "search.evaluators.shared.SharedEvaluator": "search.evaluators.supernet.SupernetEvaluator",
    "traces.kept": "layers.traces.noinline",
    "training.datasets.Loaded": "training.datasets.base.Loaded",
    "training.datasets.check_memory": "images.fitting.check_memory",
    "training.datasets.is_folder": "training.datasets.loading.is_folder",
    "training.datasets.short_name": "training.datasets.base.slug",
    "training.datasets.stacked": "images.fitting.stacked",
}
"""By the old name of a class or function: its new one, where the module alone does not say it."""


class _Moved:
    """Finds and loads modules by their old names. Python asks it last, when nothing else has found a module."""

    def __init__(self, package: str) -> None:
        self._package = package

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        del path, target
        package, _, module = name.partition(".")
        known = package == self._package and module in MOVED
        return ModuleSpec(name, self, is_package=any(old.startswith(f"{module}.") for old in MOVED)) if known else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        del spec  # Python makes the module

    def exec_module(self, module: ModuleType) -> None:
        """Give an empty module the names that it had."""
        old = module.__name__.partition(".")[2]
        places = [f"{self._package}.{place}" for place in MOVED[old]]
        warnings.warn(f"{module.__name__} is now {' and '.join(places)}", DeprecationWarning, stacklevel=2)
        found = [importlib.import_module(place) for place in places]

        def get(name: str) -> Any:
            if f"{old}.{name}" in RENAMED:
                return _named(self._package, RENAMED[f"{old}.{name}"])
            for place in found:
                if hasattr(place, name):
                    return getattr(place, name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        module.__getattr__ = get
        module.__doc__ = f"The old name of {' and '.join(places)}."
        module.__all__ = [name for place in found for name in getattr(place, "__all__", ())]


def install(package: str) -> None:
    """Let the old names of a package's modules be imported."""
    sys.meta_path.append(_Moved(package))


def renamed(module: str, name: str) -> Any:
    """Find what had a name in a module that is a folder now, and warn the code that asks the folder for it.

    Raises:
        AttributeError: it never had such a name.
    """
    package, _, within = module.partition(".")
    if f"{within}.{name}" not in RENAMED:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    place = RENAMED[f"{within}.{name}"]
    warnings.warn(f"{module}.{name} is now {package}.{place}", DeprecationWarning, stacklevel=3)
    return _named(package, place)


def _named(package: str, place: str) -> Any:
    module, _, name = f"{package}.{place}".rpartition(".")
    return getattr(importlib.import_module(module), name)

"""An objective of one's own is tried on plausible figures, before anything slow begins."""

from collections.abc import Collection, Mapping
from typing import Any

from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.costs.own import ObjectiveError, load_own, value_of

__all__ = ["check_objective", "of_finalist", "try_on"]

_COUNTED = {"parameters": 100_000, "trainable_parameters": 99_000, "multiply_adds": 10_000_000}
_FINALIST = {"validation_accuracy": 0.95, "validation_images": 500, "epochs": 20, "training_seconds": 60.0}


def check_objective(config: SearchConfig) -> None:
    """Import the objective of one's own, and try it on plausible figures of a child and of a finalist.

    Figures of a table, and those of an evaluator of one's own, are not known yet.

    Raises:
        ObjectiveError: it cannot be imported, fails on them, or returns no finite number.
    """
    own = config.search_objective().own
    if own is None:
        return
    load_own(own)
    row = registry.evaluator(config.evaluator)
    child = {**row.figures, **({} if config.proxy is None else {config.proxy: 20.0})}
    if not row.trains or not child:
        return
    costs = dict.fromkeys(config.measure, 1.0) | {one.cost: one.most for one in config.search_objective().limits}
    costs = {**_COUNTED, **({} if config.latency is None else {"latency_ms": 1.0}), **costs}
    try_on(own, "a child", {"reward": 0.9, **child, **costs})
    if config.finalists:
        try_on(own, "a finalist", {"reward": 0.9, **_FINALIST, **costs})


def try_on(own: str, whose: str, figures: Mapping[str, Any]) -> None:
    """Try an objective on figures.

    Raises:
        ObjectiveError: it fails on them, or returns no finite number.
    """
    try:
        value_of(load_own(own), figures)
    except ObjectiveError as error:
        rest = "; with finalists=0 there are none" if whose == "a finalist" else ""
        raise ObjectiveError(
            f"objective={own} cannot judge {whose}, whose figures are such as {_listed(figures)}: {error}{rest}"
        ) from error


def of_finalist(metrics: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The metrics of a finalist by which the winner may be chosen: those of test images only if children have them.

    Args:
        metrics: the metrics of the finalist.
        known: the names of the metrics of children.
    """
    return {name: value for name, value in metrics.items() if not name.startswith("test") or name in known}


def _listed(figures: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in figures.items() if isinstance(value, int | float))

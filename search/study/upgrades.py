"""Configurations in files of earlier versions, in the words of this one."""

from typing import Any

from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig, may_change
from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils.settings import upgraded

__all__ = ["in_words_of", "objective_of", "upgraded_config"]


def upgraded_config(config: dict[str, Any], warned: bool = False) -> dict[str, Any]:
    """Convert the configuration of a study of any version to the present names, without settings that may change.

    Args:
        config: JSON values, as `study.json` holds them.
        warned: whether the log warns of former names and values, for those who go on with a study.

    Raises:
        ValueError: it is damaged.

    Example:
        upgraded_config({"algorithm": "random", "evaluator": "shared"})["evaluator"]
    """
    config = upgraded(SearchConfig, config, warned)
    if "recipe" not in config and "epochs" in config:
        plain = {name: config.pop(name, None) for name in ("epochs", "batch_size", "learning_rate")}
        config["recipe"] = Recipe(**plain, clip_norm=0.0, pad=0, flip=False).to_json()
    if isinstance(config.get("recipe"), dict):
        config["recipe"] = Recipe.upgraded(config["recipe"])
    if config.get("prior") is None and "prior" in registry.algorithm(config.get("algorithm")).parameters:
        config["prior"] = registry.NO_PRIOR  # there was none by default
    without = may_change(config["evaluator"])
    return {name: value for name, value in config.items() if name not in without}


def objective_of(config: dict[str, Any]) -> Objective:
    """Make the objective of a configuration whose settings are legal, each by itself.

    Args:
        config: the configuration, in the words of this version.

    Raises:
        ValueError: the settings contradict each other.

    Example:
        >>> str(objective_of({"limit": ["latency_ms=5"]}))
        'latency_ms=5'
    """
    return Objective.of(config.get("limit", ()), config.get("objective", "hard"), config.get("exchange", ()))


def in_words_of(config: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Write the limits and exchange rates of a configuration as in another one, if they mean the same.

    Args:
        config: the configuration, in the words of this version.
        other: the other one.

    Raises:
        ValueError: the settings of one of them contradict each other.

    Example:
        >>> in_words_of({"limit": ["b=1", "a=2"]}, {"limit": ["a=2", "b=1"]})
        {'limit': ['a=2', 'b=1']}
    """
    one, another = objective_of(config), objective_of(other)
    same = set(one.limits) == set(another.limits) and (one.form, one.exponents) == (another.form, another.exponents)
    return {**config, **{name: other[name] for name in ("limit", "exchange") if same and name in other}}

"""Objects in place of names: the names of their classes in a study, and their copies in another process."""

import dataclasses
import inspect
import json
from collections.abc import Collection, Mapping
from typing import Any

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.importing import load_named, name_of

__all__ = ["RECORDED", "class_name", "classes_in", "config_of", "description", "load_class", "rebuilt"]
__all__ += ["why_not_elsewhere"]

RECORDED = ("algorithm", "evaluator", "space")
"""The kinds of objects that a study records."""


def class_name(kind: type) -> str:
    """Return the name of a class, by which `load_class` finds it.

    Example:
        >>> class_name(dataclasses.Field)
        'dataclasses:Field'
    """
    return name_of(kind)


def classes_in(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of the classes of the objects that a study was begun with, by their kinds.

    Args:
        config: the configuration in `study.json`. An executor is not recorded, since it may change.

    Example:
        >>> classes_in({"algorithm": "ppo", "space": "my_module:MySpace", "evaluator": "child"})
        {'space': 'my_module:MySpace'}
    """
    return {name: kind for name in RECORDED if isinstance(kind := config.get(name), str) and ":" in kind}


def load_class(name: str) -> type:
    """Import a class by its `class_name`.

    Raises:
        ImportError: the module does not exist, or has no such class.
    """
    return load_named(name)


def config_of(value: Any) -> dict[str, Any] | None:
    """Return the arguments of an object as JSON values: those of its `get_config`, or the fields of a dataclass.

    Returns:
        A dictionary; None if it has neither, or if its fields cannot be written as JSON.

    Raises:
        ValueError: `get_config` does not return a dictionary of JSON values.
    """
    if hasattr(value, "get_config"):
        plain = value.get_config()
        try:
            if isinstance(plain, dict):
                return json.loads(json.dumps(plain, allow_nan=False))
        except (TypeError, ValueError):
            pass
        raise ValueError(
            f"get_config of {class_name(type(value))} must return JSON values by name, got {quoted(plain)}"
        )
    if not dataclasses.is_dataclass(value):
        return None
    fields = {
        field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init and field.compare
    }
    try:
        return json.loads(json.dumps(fields, allow_nan=False))
    except (TypeError, ValueError):
        return None


def description(value: Any) -> dict[str, Any]:
    """Describe an object in JSON: its class and its arguments."""
    return {"class": class_name(type(value)), "config": config_of(value)}


def rebuilt(plain: dict[str, Any], **known: Any) -> Any:
    """Make an object again from its `description`.

    Args:
        plain: the description.
        known: values by name, for the arguments of its class if the description has none.
    """
    kind: Any = load_class(plain["class"])
    if plain["config"] is not None:
        return kind.from_config(plain["config"])
    return kind(**{name: known[name] for name in inspect.signature(kind).parameters})


def why_not_elsewhere(value: Any, known: Collection[str]) -> str | None:
    """Say why another process could not make an object again; None if it could.

    Args:
        value: an object.
        known: the names of the arguments that `rebuilt` gives to its class if `config_of` finds none.
    """
    kind, name = type(value), class_name(type(value))
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        return f"{name} cannot be imported by another process: move the class into a module"
    try:
        if load_class(name) is not kind:
            return f"{name} is another class than the one that was given"
    except ImportError as error:
        return f"{name} cannot be imported by another process: {error}"
    others = [argument for argument in inspect.signature(kind).parameters if argument not in known]
    if config_of(value) is None and others:
        return (
            f"{name} cannot be made again by another process, which does not know its {', '.join(others)}: define "
            f"get_config(), or let its constructor take the search's {' and '.join(known)} only"
        )
    return None

"""Settings: fields of dataclasses that carry all their facts.

A field that `setting` makes has its help, its legal values, its meaning in files without it, its former name, and its
readers. The checks of values, the flags of a job and the upgrade of old files follow from these facts, so a setting is
added, or renamed, in one place.
"""

import dataclasses
import functools
import inspect
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar

from nasnet_keras.utils.checks import choice, quoted
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.near import refuse_argument
from nasnet_keras.utils.values import Kind

__all__ = ["Former", "Setting", "accepting_former", "as_in", "check", "check_json", "define_flags", "documented"]
__all__ += ["from_flags", "grouped", "setting", "settings", "to_json", "upgraded"]

T = TypeVar("T")


@dataclass(frozen=True)
class Former:
    """The former name and values of a setting.

    Attributes:
        name: the former name; None if the setting has kept its name.
        values: the present values of former ones that are written in another way now.
        kind: the kind of the former values, for their flag; None if it is the present one.
    """

    name: str | None = None
    values: Mapping[Any, Any] = field(default_factory=dict)
    kind: Kind | None = None

    def now(self, value: Any) -> Any:
        """Convert a former value to the present one; other values are returned as they are."""
        same = (new for old, new in self.values.items() if type(old) is type(value) and old == value)
        return next(same, value)


@dataclass(frozen=True)
class Setting:
    """The facts of a field.

    Attributes:
        help: one sentence for `--help`, which stands alone.
        kind: the kind of its values.
        usual: the value that None stands for; None if another place gives it, or if None is a value like any other.
        optional: whether None is a legal value in a finished configuration.
        assumed: the meaning of files without the field, as a JSON value, or a function of such a file's values;
            `MISSING` if every file has it.
        for_: its readers, in the words of the dataclass, such as `("children",)`; empty if all read it.
        may_change: whether a continued job may be given another value.
        was: its former name and values; None if it has none.
        group: the group under which `--help` lists its flag; None if it is not in one, as no flag of a job is.
    """

    help: str
    kind: Kind
    usual: Any = None
    optional: bool = False
    assumed: Any = field(default_factory=lambda: MISSING)
    for_: tuple[str, ...] = ()
    may_change: bool = False
    was: Former | None = None
    group: Group | None = None

    def check(self, name: str, value: Any, in_file: bool = False) -> Any:
        """Check a value; returns it in the type that it has in a configuration, or in a file.

        Raises:
            ValueError: the value has another type, or is out of the range of all versions.
        """
        check = (in_file and self.kind.check_json) or self.kind.check
        return None if value is None and self.optional else check(name, value)


def setting(default: Any, help: str, kind: Kind, *, optional: bool | None = None, **facts: Any) -> Any:  # noqa: A002
    """Make a field of a dataclass that is a `Setting`.

    Args:
        default: the default of the field; `MISSING` if it has none.
        help, kind, facts: see `Setting`.
        optional: see `Setting`; None means True if the default is None and has no usual value.

    Example:
        >>> from nasnet_keras.utils import values
        >>> @dataclass(frozen=True)
        ... class Config:
        ...     epochs: int = setting(5, "Passes over the training images.", values.positive(), assumed=1)
        >>> upgraded(Config, {})
        {'epochs': 1}
    """
    if optional is None:
        optional = default is None and facts.get("usual") is None
    return field(default=default, metadata={"setting": Setting(help, kind, optional=optional, **facts)})


@functools.cache
def settings(cls: type) -> dict[str, Setting]:
    """Collect the settings of a dataclass by the names of their fields, in order."""
    return {one.name: one.metadata["setting"] for one in dataclasses.fields(cls) if "setting" in one.metadata}


def as_in(cls: type, name: str, **changes: Any) -> Any:
    """Make a field like that of another dataclass, with some facts changed."""
    like = cls.__dataclass_fields__[name]
    return field(default=like.default, metadata={"setting": dataclasses.replace(like.metadata["setting"], **changes)})


def grouped(group: Group) -> Callable[[type[T]], type[T]]:
    """Put those settings of a dataclass that have no group into one; a decorator of the dataclass."""

    def put(cls: type[T]) -> type[T]:
        for one in dataclasses.fields(cls):
            found = one.metadata.get("setting")
            if found is not None and found.group is None:
                one.metadata = MappingProxyType({"setting": dataclasses.replace(found, group=group)})
        return cls

    return put


def documented(cls: type[T]) -> type[T]:
    """Add the settings of a dataclass to its docstring; a class decorator."""
    known = (_described(name, one.help) for name, one in settings(cls).items())
    if cls.__doc__ is not None:
        written = inspect.cleandoc(cls.__doc__)  # as Python 3.13 keeps it
        listed = textwrap.indent("\n".join(known), " " * 4)
        cls.__doc__ = f"{written}\n\nAttributes:\n{listed}\n"
    return cls


def _described(name: str, text: str) -> str:
    """A setting's line in a docstring, which names other settings without the dashes of flags."""
    return textwrap.fill(f"{name}: {text.replace('--', '')}", 112, subsequent_indent="    ")


def check(config: Any, names: Iterable[str] | None = None) -> None:
    """Check the settings of a configuration, and convert their values to their types.

    Args:
        config: an object of a dataclass, which may be frozen.
        names: the names of the settings; None for all.

    Raises:
        ValueError: a value has another type, or is not legal.
    """
    known = {name: one for name, one in settings(type(config)).items() if names is None or name in names}
    for name, one in known.items():
        object.__setattr__(config, name, one.check(name, getattr(config, name)))
    for name, one in known.items():
        if one.kind.choices and getattr(config, name) is not None:
            choice(name, getattr(config, name), one.kind.choices)


def check_json(cls: type, plain: Mapping[str, Any]) -> None:
    """Check the settings in a file, of an earlier version, or of a later one, which may have more.

    Raises:
        ValueError: a value has another type, or is out of the range of all versions.
    """
    known = settings(cls)
    for name, value in plain.items():
        if name in known:
            known[name].check(name, value, in_file=True)


def to_json(config: Any) -> dict[str, Any]:
    """Convert the settings of a configuration to JSON values."""
    found = {name: (one.kind, getattr(config, name)) for name, one in settings(type(config)).items()}
    return {name: None if value is None else kind.to_json(value) for name, (kind, value) in found.items()}


def upgraded(cls: type, plain: Mapping[str, Any], warned: bool = True) -> dict[str, Any]:
    """Convert the values of a file of any version to present names and values, and add the settings that it lacks.

    Args:
        cls: the class of the settings.
        plain: the values, by their names of any version.
        warned: whether the log warns of each former name and value, once in a process.
    """
    found = _present(cls, plain, _log if warned else _ignored)
    for name, one in settings(cls).items():
        if name not in found and one.assumed is not MISSING:
            found[name] = one.assumed(found) if callable(one.assumed) else one.assumed
    return found


def accepting_former(cls: type[T]) -> type[T]:
    """Let a dataclass be made with former names and values too, with a `DeprecationWarning`; a class decorator.

    A former name has precedence over the present one, so that `dataclasses.replace` takes it.
    """
    made = cls.__init__

    @functools.wraps(made)
    def initialized(self: Any, *arguments: Any, **values: Any) -> None:
        present = _present(cls, values, _warn)
        known = [one.name for one in dataclasses.fields(cls) if one.init]
        for unknown in present.keys() - set(known):
            refuse_argument(cls.__name__, unknown, known)
        made(self, *arguments, **present)

    cls.__init__ = initialized
    return cls


def define_flags(cls: type, names: Iterable[str] | None = None, **defaults: Any) -> tuple[Any, ...]:
    """Define the flags of a dataclass' settings, as those of the module that calls.

    Args:
        cls: the dataclass.
        names: the names of the settings; None for all that a flag can give.
        defaults: the default values that differ from those of the fields, by name.

    Returns:
        absl's holders of the flags. They include the flags of former names, which `--help` does not list.
    """
    from absl import flags  # imported late: a job handles signals first

    flags.disclaim_key_flags()
    holders = []
    usual = {one.name: one.default for one in dataclasses.fields(cls)}
    for name, one in settings(cls).items():
        if (names is not None and name not in names) or not one.kind.flag:
            continue
        default = defaults.get(name, usual[name])
        holders.append(_define(name, default, one.help, one.kind, one.was))
        if one.was is not None and one.was.name is not None:
            former = one.was.kind or one.kind
            holders.append(_define(one.was.name, None, f"Former name of --{name}.", former, module_name=__name__))
    return tuple(holders)


def from_flags(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Convert the values of flags to those of settings; values of other flags are returned as they are.

    The log warns of each former name and value, once in a process.
    """
    former = {one.was.name for one in settings(cls).values() if one.was is not None}
    given = {name: value for name, value in given.items() if value is not None or name not in former}
    found = _present(cls, given, _log)
    kinds = {name: one.kind for name, one in settings(cls).items() if found.get(name) is not None}
    return {name: kinds[name].parse(value) if name in kinds else value for name, value in found.items()}


def _define(name: str, default: Any, text: str, kind: Kind, was: Former | None = None, **options: Any) -> Any:
    from absl import flags

    default = list(default) if isinstance(default, tuple) else default
    holder = getattr(flags, f"DEFINE_{kind.flag}")(name=name, default=default, help=text, **kind.options, **options)
    if kind.flag == "enum" and was is not None:  # former values are legal, though help and errors do not offer them
        parser = flags.FLAGS[name].parser
        parser.parse = functools.partial(_parsed, parser.parse, was.values)
    if kind.named is not None:
        flags.FLAGS[name].parser.parse = kind.named
    return holder


def _parsed(parse: Callable[[str], Any], former: Mapping[Any, Any], text: str) -> Any:
    return text if text in former else parse(text)


def _present(cls: type, plain: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    """Convert values to present names and values; `tell` gets a message on each former one."""
    found = dict(plain)
    for name, one in settings(cls).items():
        before = (one.was.name or name) if one.was is not None else name
        if one.was is None or before not in plain:
            continue
        value = found.pop(before)
        found[name] = one.was.now(value)
        if before != name or found[name] is not value:
            tell(f"{before}={quoted(value)} is now {name}={quoted(found[name])}")
    return found


def _warn(message: str) -> None:
    """Warn the code that made a configuration, also if it did by `dataclasses.replace` or a method of the package."""
    package, level, frame = __name__.partition(".")[0], 2, sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] in (package, "dataclasses"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DeprecationWarning, stacklevel=level)


def _ignored(message: str) -> None:
    """Say nothing, to someone who only reads an old file."""


@functools.cache
def _log(message: str) -> None:
    from absl import logging

    logging.warning("%s", message)

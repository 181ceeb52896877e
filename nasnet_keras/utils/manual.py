"""The manual of a job, which `--help` shows: what it does, an example, and its flags, the first ones to know on top."""

import shlex
import shutil
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Manual", "counted", "documentation", "next_steps", "path_of_model", "shown"]

_WIDEST = 110
_ROOT = Path(__file__).resolve().parent.parent.parent  # of a checkout
_INDENT = 24  # of what a flag means
_VALUES = {"int": "N", "float": "X", "comma separated list of strings": "A,B"}  # by absl's names of types


class Manual(NamedTuple):
    """What a job's `--help` says beside the docstring of its module.

    Attributes:
        example: a command that a user may begin with.
        first: the names of the flags that one needs first, which stand on top.
        settings: a function of the dataclasses whose settings are the flags; it imports them when it is called. The
            groups of these settings are those of the flags.
        defaults: a function of the defaults, in words, of flags that are None unless they are given.
    """

    example: str = ""
    first: tuple[str, ...] = ()
    settings: Callable[[], Iterable[type]] = tuple
    defaults: Callable[[], Mapping[str, str]] = dict

    def text(self, name: str, about: str, flags: Iterable[Any]) -> str:
        """Write the manual of a job.

        Args:
            name: the name of its console script.
            about: what it does: the docstring of its module.
            flags: its flags, absl's objects, in the order in which they are defined.
        """
        width = min(shutil.get_terminal_size((100, 24)).columns, _WIDEST) - 1
        parts = [_filled(paragraph, width) for paragraph in f"{name}: {about.strip()}".split("\n\n")]
        parts += [f"For example:\n  {self.example}"] if self.example else []
        words = self.defaults()
        for title, members in self._grouped(flags).items():
            lines = [_described(flag, words.get(flag.name), width) for flag in members]
            parts.append("\n".join([f"{title}:", *lines]))
        parts.append(
            "--flagfile=FILE reads flags from a file, one a line; --version prints the version; --helpfull lists the "
            "flags of libraries, too."
        )
        parts[-1] = textwrap.fill(parts[-1], width)
        return "\n\n".join(parts) + "\n"

    def _grouped(self, flags: Iterable[Any]) -> dict[str, list[Any]]:
        """The flags by the titles of their groups, in order; none is without a group."""
        from nasnet_keras.utils.groups import Group  # late: a job handles signals first
        from nasnet_keras.utils.settings import settings

        by_name = {flag.name: flag for flag in flags}
        found = {"What one needs first": [by_name.pop(name) for name in self.first]}
        found |= {group.value: [] for group in Group}
        groups: dict[str, Group] = {}
        for cls in self.settings():
            groups = {name: one.group for name, one in settings(cls).items()} | groups
        for name, flag in by_name.items():
            found[groups.get(name, Group.RECORDS).value].append(flag)
        return {title: members for title, members in found.items() if members}


def next_steps(steps: Mapping[str, str | Sequence[str]]) -> str:
    """Write what a user may type next, at the end of a job.

    Args:
        steps: what it is for: the words of a command, which are quoted for a shell, or a line of Python.

    Example:
        >>> print(next_steps({"Train it on": ["nasnet-train", "--workdir=a b", "--epochs=60"]}))
        Next:
          Train it on:  nasnet-train '--workdir=a b' --epochs=60
    """
    width = max(map(len, steps)) + 3
    lines = {title: step if isinstance(step, str) else shlex.join(step) for title, step in steps.items()}
    return "\n".join(["Next:", *(f"  {f'{title}:':{width}s}{line}" for title, line in lines.items())])


def path_of_model(path: Path) -> str:
    """Write the path of a model so that a flag does not take it for the name of a model of the package.

    Example:
        >>> path_of_model(Path("mine")), path_of_model(Path("runs/mine")), path_of_model(Path("."))
        ('./mine', 'runs/mine', '.')
    """
    return f"./{path}" if len(path.parts) == 1 else str(path)


def documentation(name: str) -> str:
    """Return the path of a page of the documentation, or its place in the source if the package is no checkout.

    Example:
        >>> documentation("fine_tuning.md").endswith("docs/fine_tuning.md")
        True
    """
    path = _ROOT / "docs" / name
    return str(path) if path.is_file() else f"docs/{name}"


def counted(count: int, noun: str) -> str:
    """Write a number of things.

    Example:
        >>> counted(1, "epoch"), counted(1200, "epoch")
        ('1 epoch', '1,200 epochs')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def shown(value: Any) -> str:
    """Write a value as a flag takes it.

    Example:
        >>> shown(True), shown(0.0005), shown(((0.0, 0.5), (0.3, 1.0)))
        ('true', '0.0005', '0:0.5,0.3:1')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ",".join(":".join(map(shown, one)) if isinstance(one, tuple | list) else shown(one) for one in value)
    return str(value)


def _filled(paragraph: str, width: int) -> str:
    """A paragraph in lines of a width; one that is indented, such as a command, stays as it is."""
    if paragraph.startswith(" "):
        return "\n".join(line[2:] for line in paragraph.splitlines())
    return textwrap.fill(" ".join(paragraph.split()), width)


def _described(flag: Any, default: str | None, width: int) -> str:
    """The lines of a flag: how it is typed, what it means, and its default."""
    text, typed = flag.help.partition(";\n")[0], f"  --{flag.name}="  # absl adds that a flag may be repeated
    choices = getattr(flag.parser, "enum_values", None)
    if flag.boolean:
        typed = f"  --{flag.name}" if flag.default is False else f"  --[no]{flag.name}"
    elif choices:
        text = text.partition(">: ")[2]  # absl writes the choices before the text
        typed += "|".join(choices)
    else:
        typed += _VALUES.get(flag.flag_type(), "TEXT")
    unset = flag.default is None or flag.default is False or flag.default == [] or flag.default == ""
    if default is None and not unset:  # 0 is a default to be told, though it equals False
        default = shown(flag.default)
    text = " ".join(text.split()) + (f" Default: {default}." if default else "")
    lines = textwrap.wrap(text, width - _INDENT, break_on_hyphens=False)
    if len(typed) >= _INDENT - 1:
        return "\n".join([*_broken(typed, width), *(" " * _INDENT + line for line in lines)])
    return "\n".join([typed.ljust(_INDENT) + lines[0], *(" " * _INDENT + line for line in lines[1:])])


def _broken(typed: str, width: int) -> list[str]:
    """A flag with many choices in lines of a width."""
    lines = textwrap.wrap(typed.replace("|", "| "), width, subsequent_indent=" " * 6, break_on_hyphens=False)
    return [line.replace("| ", "|") for line in lines]

"""The fields of a dataclass as they stand in a file: their names, their JSON types and what they mean.

```{fields} nasnet_keras.search.config.SearchConfig
:under: sitting
:without: workdir
```

Of settings the help is shown, the legal values as their check words them, and what a file of an earlier version means
that lacks them; of other fields, the type and their line in the docstring.
"""

import dataclasses
import inspect
import re
import types
import typing
from importlib import import_module

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from nasnet_keras.utils.settings import settings

_TYPES = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null", dict: "object"}
_LISTS = (list, tuple)


class Fields(SphinxDirective):
    """Describes the fields of a dataclass."""

    required_arguments = 1
    option_spec: typing.ClassVar = {"under": str, "without": str.split}

    def run(self):
        """One entry a field."""
        module, _, name = self.arguments[0].rpartition(".")
        cls, prefix = getattr(import_module(module), name), self.options.get("under", "")
        self.env.note_dependency(inspect.getfile(cls))
        left_out = self.options.get("without", ())
        entries = (self._entry(prefix, *field) for field in fields(cls) if field[0] not in left_out)
        return [nodes.definition_list("", *entries)]

    def _entry(self, prefix, name, kind, meaning):
        path = f"{prefix}.{name}" if prefix else name
        term = nodes.term("", "", nodes.literal("", path), nodes.Text(f", {kind}" if kind else ""))
        parts = re.split(r"(`[^`]+`|--[a-z]\w*(?:=\w+)?)", meaning)
        kinds = (nodes.Text, lambda part: nodes.literal("", part.strip("`")))
        words = [kinds[number % 2](part) for number, part in enumerate(parts)]
        return nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph("", "", *words)))


def fields(cls):
    """The names, types and meanings of the fields of a dataclass."""
    known, lines, hints = settings(cls), _lines(cls), typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        kind, one = _type(hints[field.name]), known.get(field.name)
        if one is None:
            yield field.name, kind, lines.get(field.name, "")
        else:
            yield field.name, _legal(field.name, one, kind), one.help + _older(one)


def _legal(name, one, kind):
    """The legal values of a setting in words: its choices, or what its check says to a value that cannot be one."""
    null = " or null" if kind.endswith("or null") else ""
    if choices := one.kind.choices or one.kind.options.get("enum_values"):
        return f"one of {', '.join(choices)}{null}"
    said = ""
    try:
        one.kind.check(name, object())
    except ValueError as error:
        said = re.sub(r"^\S+ must be (.*?),? got .*$", r"\1", str(error), flags=re.DOTALL)
    if "Recipe" in said:
        return "object"
    words = said.replace(" or a path", "").replace("True or False", "true or false")
    words = {"positive": "a positive number", "0 or positive": "a number from 0"}.get(words, words)
    words = words.replace("an integer", "a whole number").replace("integer", "whole number")
    words = re.sub(r"^pairs \((.*?)\)", r"a list of pairs [\1]", words)
    return f"{'a number ' * words.startswith('in ')}{words or kind.removesuffix(null)}{null}"


def _older(one):
    """What files mean that lack a setting, and its former name."""
    missing = one.assumed is not dataclasses.MISSING and not callable(one.assumed)
    words = f" A file without it means `{_json(one.assumed)}`." if missing else ""
    return words + (f" Formerly `{one.was.name}`." if one.was is not None and one.was.name else "")


def _json(value):
    return {None: "null", True: "true", False: "false"}.get(value, value) if isinstance(value, bool | None) else value


def _lines(cls):
    """The attributes in a docstring by their names."""
    _, _, text = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    text = re.split(r"\n\n|\n\S", text)[0]
    found = {}
    for names, meaning in re.findall(r"^    (\w[\w, ]*): (.*(?:\n {5,}.*)*)", text, re.MULTILINE):
        words = " ".join(meaning.split())
        words = re.sub(r"`([A-Z_]+)`", lambda match: _constant(cls, match), words)
        found |= dict.fromkeys(names.split(", "), words[:1].upper() + words[1:])
    return found


def _constant(cls, match):
    """The legal values that a docstring names by a constant of the class' module."""
    value = getattr(import_module(cls.__module__), match[1], None)
    return ", ".join(f"`{one}`" for one in value) if isinstance(value, _LISTS) else match[0]


def _type(hint):
    """The JSON types of an annotation in words; empty if it is of another class, whose own page says more."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        words = [_type(part) for part in typing.get_args(hint)]
        return " or ".join(dict.fromkeys(filter(None, words)))
    origin = typing.get_origin(hint) or hint
    return "list" if origin in _LISTS else _TYPES.get(origin, "")


def setup(app):
    """Connect to Sphinx."""
    app.add_directive("fields", Fields)
    return {"parallel_read_safe": True}

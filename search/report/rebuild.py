"""The section on building the best model again and on continuing the search."""

import dataclasses
import json
import shlex
from html import escape
from pathlib import Path
from typing import Any

from nasnet_keras.card import Card
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.kinds import kind_of
from nasnet_keras.networks.any import size_arguments
from nasnet_keras.pages.markup import section, text
from nasnet_keras.search.config import SearchConfig, child_recipe, defaults, may_change
from nasnet_keras.search.objects import classes_in
from nasnet_keras.search.report.facts import Facts
from nasnet_keras.search.study.trial import network_genotype
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils import settings
from nasnet_keras.weights.file import CardError

__all__ = ["command", "rebuild"]

_RECIPE = [field.name for field in dataclasses.fields(Recipe)]


def rebuild(facts: Facts) -> str:
    """Write Python code for the best model, the command that continues the search, and the versions that began it."""
    parts = []
    if facts.study.best is not None and network_genotype(facts.study.best.genotype) is not None:
        parts.append(f"<h3>The best genotype as a model</h3>\n<pre><code>{escape(_snippet(facts))}</code></pre>")
    grows = "; <code>--trials</code> may grow" if "trials" in may_change(facts.config.get("evaluator")) else ""
    classes = classes_in(facts.config)
    same, code = ("call", _call(classes, facts.config)) if classes else ("command", command(facts))
    parts.append(
        f"<h3>Continuing</h3>\n<p>The same {same} continues the search from its last trial{grows}.</p>\n"
        f"<pre><code>{escape(code)}</code></pre>"
    )
    if facts.versions:
        versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
        parts.append(f'<p class="note">Begun with {text(versions)}.</p>')
    return section("rebuild", "Building it again", *parts)


def _call(classes: dict[str, str], config: dict[str, Any]) -> str:
    """The call that continues a study of objects of one's own, which no command makes."""
    lines = [f"    {name}=...,  # {kind}{_made_with(config.get(f'{name}_config'))}" for name, kind in classes.items()]
    return "\n".join(["search.run(", "    config,", *lines, ")"])


def _made_with(config: Any) -> str:
    return f", made with {json.dumps(config)}" if config else ""


def command(facts: Facts) -> str:
    """Compose the command line that continues a study, with the flags that differ from their defaults."""
    config = facts.config
    usual = {field.name: field.default for field in dataclasses.fields(SearchConfig)}
    usual |= {name: list(value) for name, value in usual.items() if isinstance(value, tuple)}
    usual |= {"trials": None, "recipe": None}
    values = {name: config.get(name) for name in usual}
    if isinstance(config.get("recipe"), dict):
        values |= {name: config["recipe"].get(name) for name in _RECIPE}
        evaluator = str(config.get("evaluator", "child"))
        usual |= child_recipe(str(config.get("dataset")), evaluator).to_json()
        usual |= {**defaults(evaluator, str(config.get("space")), 0), "trials": None}
    flags = {"workdir": facts.study.path, "trials": facts.planned or len(facts.trials) or None}
    flags |= {name: value for name, value in values.items() if name not in flags and value != usual[name]}
    flags |= {"recipe": None}
    several = {name for name, one in settings.settings(SearchConfig).items() if one.kind.flag == "multi_string"}
    flags = [(name, value) for name, value in flags.items() if value is not None]
    given = [(name, one) for name, value in flags for one in (value if name in several else [value])]
    shown = (f"--{name}={_flag(value)}" for name, value in given)
    return " \\\n    ".join(["nasnet-search", *map(shlex.quote, shown)])


def _flag(value: Any) -> str:
    """A value as the text that its flag reads."""
    if isinstance(value, list):
        return ",".join(":".join(map(str, item)) if isinstance(item, list) else str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _snippet(facts: Facts) -> str:
    """Code that builds the best child, untrained, and loads the winner, which may be another child, trained."""
    result, folder = facts.result or {}, facts.study.path
    name = result.get("card")
    name = name if isinstance(name, str) and Path(name).name == name else None
    genotype = network_genotype(facts.study.best.genotype)
    arguments = _arguments(facts.study.best.genotype, facts.config, _card(folder / name) if name else None)
    written = "".join(f"    {argument},\n" for argument in ("genotype=genotype", *arguments))
    lines = [
        "from pathlib import Path",
        "",
        "import nasnet_keras as nk",
        "",
        f"folder = Path({json.dumps(str(folder))})",
        f'genotype = nk.{type(genotype).__name__}.from_json(folder / "best_genotype.json")',
        f"model = nk.{kind_of(genotype).function}(\n{written})  # the best child, untrained",
    ]
    if name:
        lines += [
            "",
            f"card = nk.Card.read(folder / {json.dumps(name)})  # the winner, trained",
            "trained = card.build(weights=folder / card.weights.file)",
        ]
    elif isinstance(model := result.get("model"), str):
        lines += ["", "import keras", "", f"trained = keras.models.load_model(folder / {json.dumps(model)})"]
    return "\n".join(lines)


def _arguments(genotype: BaseGenotype | str, config: dict[str, Any], card: Card | None) -> list[str]:
    """The arguments of the best child's network, as code."""
    arguments = [f"input_shape={tuple(card.input_shape) if card else (32, 32, 3)}"]
    # A benchmark's string has figures from a table, for the benchmark's own sizes, which are that network's defaults.
    sizes = () if isinstance(genotype, str) else size_arguments(genotype)
    known = {**(card.network if card else {}), **config}  # a winner may be larger than a child
    arguments += [f"{key}={known[key]}" for key in sizes if isinstance(known.get(key), int | float)]
    return [*arguments, f"classes={len(card.class_names)}"] if card else arguments


def _card(path: Path) -> Card | None:
    try:
        return Card.read(path)
    except CardError:  # the page can be written without the card
        return None

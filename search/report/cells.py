"""Sections of the page: pictures of the best genotypes, and the shares of each operation."""

import base64
import math
from html import escape

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.cells import Genotype
from nasnet_keras.pages.markup import code, figure, section, short, table, text
from nasnet_keras.plotting.cells import genotype_svg
from nasnet_keras.search.equality import is_listed, network_name
from nasnet_keras.search.report.facts import Facts
from nasnet_keras.search.report.statistics import operation_shares
from nasnet_keras.search.report.weightless import weightless_note, weightless_share
from nasnet_keras.search.study.trial import Trial, fingerprint

__all__ = ["best_cells", "operations"]

_DRAWN = 3
_BAR_EM = 5.5


def best_cells(facts: Facts) -> str:
    """Draw the three best architectures that differ from each other."""
    drawn: dict[str, Trial] = {}
    complete = [trial for trial in facts.candidates if trial.status == "ok"]
    for trial in sorted(complete, key=lambda trial: (-trial.reward, trial.trial)):
        drawn.setdefault(network_name(trial.genotype, is_listed(facts.config)), trial)
        if len(drawn) == _DRAWN:
            break
    kind = "derived genotype" if facts.derived else "trial"
    pictures = (_cell(place, kind, trial) for place, trial in enumerate(drawn.values(), 1))
    return section("cells", "Best genotypes", _without_weights(facts), *pictures)


def _without_weights(facts: Facts) -> str:
    """How many children have a cell that learns nothing, in a sentence."""
    some, every = weightless_share(facts.derived or facts.trials)
    if not some:
        return ""
    return (
        f'<p class="note">{some:,} of {every:,} children that were judged have a cell, or a network, without any '
        f"trainable operation on a path to its output: pools and identities alone.</p>"
    )


def operations(facts: Facts) -> str:
    """Tabulate the share of each operation: among the first children, the last, the best, and random ones."""
    groups = _groups(facts)
    shares = {name: operation_shares(trial.genotype for trial in trials) for name, trials in groups.items()}
    headers = ("Operation", *(f"{name} ({len(trials):,})" for name, trials in groups.items()))
    cells = dict.fromkeys(cell for found in shares.values() for cell in found)
    tables = [_shares(cell, headers, {group: found.get(cell, {}) for group, found in shares.items()}) for cell in cells]
    if not tables:
        return ""
    words = (
        "<p>The share of each choice among all choices of a group of children; the number of children is in brackets. "
        "The algorithm came to prefer the choices whose share grows from the first third to the last; the rewards "
        "favor the choices that are frequent among the best tenth.</p>"
    )
    return section("operations", "Operations", words, *tables)


def _shares(cell: str, headers: tuple[str, ...], groups: dict[str, dict[str, float]]) -> str:
    """The table of one cell, from the shares of its operations in each group of children."""
    highest = max((share for found in groups.values() for share in found.values()), default=1.0)
    rows = [
        (code(operation), *(_bar(group, found.get(operation, 0.0), highest) for group, found in groups.items()))
        for operation in sorted({operation for found in groups.values() for operation in found})
    ]
    return table(f"Shares in the {cell}", headers, rows, kind="even")


def _groups(facts: Facts) -> dict[str, list[Trial]]:
    trials = facts.trials
    if not trials:
        return {}
    third = math.ceil(len(trials) / 3)
    groups = {"First third": trials[:third], "Last third": trials[-third:]}
    if facts.complete:
        best = sorted(facts.complete, key=lambda trial: -trial.reward)
        groups["Best tenth"] = best[: math.ceil(len(best) / 10)]
    if facts.derived:
        groups["Derived"] = facts.derived
    if facts.random and not facts.is_random:
        groups["Random"] = facts.random
    return groups


def _bar(group: str, share: float, highest: float) -> str:
    kind = "bar from-random" if group == "Random" else "bar"
    bar = f'<span class="{kind}" style="width:{_BAR_EM * share / highest:.2f}em"></span>' if share else ""
    return f"{bar}{100 * share:.1f} %"


def _cell(place: int, kind: str, trial: Trial) -> str:
    parameters = trial.metrics.get("parameters")
    size = f", {short(parameters)} parameters" if parameters is not None else ""
    heading = (
        f"<h3>{place}. {kind.capitalize()} {trial.trial}: reward {figure(trial.reward)}{size} "
        f"{code(fingerprint(trial.genotype))}</h3>"
    )
    if note := weightless_note(trial.genotype, f"{kind} {trial.trial}"):
        heading += f'\n<p class="verdict">{text(note)}</p>'
    if not isinstance(trial.genotype, BaseGenotype):
        return f'<div class="cell">{heading}\n<pre class="wrap">{text(trial.genotype)}</pre></div>'
    # The picture is a separate image, so that its style does not apply to the whole page.
    picture = base64.b64encode(genotype_svg(trial.genotype).encode()).decode()
    words = escape(trial.genotype.describe())
    shape = "picture" if isinstance(trial.genotype, Genotype) else "picture column"
    return (
        f'<div class="cell">{heading}\n<div class="{shape}" tabindex="0" role="group" aria-label="Picture of {kind} '
        f'{trial.trial}"><img alt="The genotype of {kind} {trial.trial}; it follows in words" '
        f'src="data:image/svg+xml;base64,{picture}"/></div>\n'
        f"<details><summary>In words</summary><pre>{words}</pre></details></div>"
    )

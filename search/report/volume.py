"""Parts of the section on the front: its hypervolume over trials, and its table."""

from collections.abc import Sequence

import numpy as np

from nasnet_keras.pages.axes import Axis
from nasnet_keras.pages.charts import Band, Chart, Line
from nasnet_keras.pages.legend import drawn
from nasnet_keras.pages.markup import code, figure, integer, number, table
from nasnet_keras.search.report.amounts import amount, cost_title, plain_amount
from nasnet_keras.search.report.facts import Facts
from nasnet_keras.search.report.marks import MARKS
from nasnet_keras.search.report.statistics import thinned
from nasnet_keras.search.study.pareto import cost_of, hypervolumes, points_of, reference_of
from nasnet_keras.search.study.trial import Trial, fingerprint

__all__ = ["front_table", "volume"]

_POINTS = 300
_ORDERS = 64  # in which random children might have been drawn
_WORK = 8_000  # children in all these orders together
_ROWS = 30  # a table of more is folded
_COUNTED = ("multiply_adds", "parameters")
_BAND = (0.1, 0.9)


def volume(facts: Facts) -> str:
    """Draw the hypervolume over trials, beside that of as many random children."""
    children, random = (
        facts.derived or facts.successful,
        [] if facts.is_random else [*facts.random, *facts.random_beyond],
    )
    corner = reference_of([*children, *random], facts.costs, facts.limits)
    if corner is None:
        return ""
    scale = float(np.prod(corner[:-1]))
    ours = hypervolumes(points_of(children, facts.costs), corner) / (scale or 1.0)
    layers = [
        Line("best", [(children[place].trial + 1, ours[place]) for place in thinned(len(ours), _POINTS)], step=True)
    ]
    key = [(MARKS["best"], "of the search’s children so far")]
    if random:
        counts, means, lows, highs = _of_random(points_of(random, facts.costs), corner, scale or 1.0)
        layers.insert(0, Band("spread", list(zip(counts, lows, highs, strict=True))))
        layers.insert(1, Line("random", list(zip(counts, means, strict=True))))
        key.append((MARKS["random"], "of as many random children: mean and middle 80&nbsp;% over orders of drawing"))
    chart = _chart(facts, layers, ours, means[-1] if random else None)
    reference = ", ".join(amount(name, most) for name, most in zip(facts.costs, corner, strict=False))
    reference += f"; reward {figure(corner[-1])}"
    notes = (
        f"The hypervolume is what the front dominates down to the reference ({reference}), as a share of the "
        f"cost{'s' * (len(facts.costs) > 1)} up to there: the mean over these costs of "
        f"the best reward that each one buys.",
    )
    return drawn(chart, key, notes)


def _chart(facts: Facts, layers: Sequence[Line | Band], ours: np.ndarray, theirs: float | None) -> Chart:
    heights = [y for layer in layers for _, *some in layer.points for y in some]
    low, high = min(heights), max(heights)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    beside = f"; that of all random children is {theirs:.4f}" if theirs is not None else ""
    last = max(x for layer in layers for x, *_ in layer.points)
    return Chart(
        name="volume_chart",
        title="Hypervolume over trials",
        description=f"The hypervolume of all {len(ours)} children with a reward is {ours[-1]:.4f}{beside}.",
        axis=Axis("children evaluated", 0.0, last + 1.0),
        y_label="hypervolume",
        y_range=(max(0.0, low - margin), high + margin),
        layers=tuple(layers),
        height=260.0,
    )


def _of_random(points: np.ndarray, corner: Sequence[float], scale: float) -> tuple[list[float], ...]:
    """Numbers of random children, and the mean and two quantiles of their hypervolume over orders of drawing."""
    generator, count = np.random.default_rng(0), len(points)
    orders = max(4, min(_ORDERS, _WORK // count))
    runs = np.array([hypervolumes(generator.permutation(points), corner) for _ in range(orders)]) / scale
    places = thinned(count, _POINTS)
    low, high = np.quantile(runs[:, places], _BAND, axis=0)
    return (places + 1).tolist(), runs[:, places].mean(axis=0).tolist(), low.tolist(), high.tolist()


def front_table(facts: Facts) -> str:
    """Tabulate the front: costs, reward, the score of those that became finalists, and the fingerprint."""
    found = facts.study.pareto(facts.costs)
    more = [
        name for name in _COUNTED if name not in facts.costs and any(cost_of(one, name) is not None for one in found)
    ]
    names, scores = (*facts.costs, *more), _scores(facts)
    kind = "Genotype" if facts.derived else "Trial"
    headers = [kind, *map(cost_title, names), "Reward", *(["Finalist’s score"] if scores else []), "Fingerprint"]
    rows = [_row(one, names, scores) for one in found]
    best = facts.study.best
    marked = {place for place, one in enumerate(found) if best is not None and one.trial == best.trial}
    body = table(
        "The front by cost; the best within the limits stands out" if facts.limits else "The front by cost",
        headers,
        rows,
        range(len(headers) - 1),
        marked,
    )
    return (
        body
        if len(rows) <= _ROWS
        else f"<details><summary>The front: {len(rows):,} children</summary>\n{body}</details>"
    )


def _row(one: Trial, names: Sequence[str], scores: dict[str, float]) -> list[str]:
    costs = [
        integer(value) if name in _COUNTED else plain_amount(name, value)
        for name, value in ((name, cost_of(one, name)) for name in names)
    ]
    known = [figure(scores.get(fingerprint(one.genotype)))] if scores else []
    return [integer(one.trial), *costs, figure(one.reward), *known, code(fingerprint(one.genotype))]


def _scores(facts: Facts) -> dict[str, float]:
    """The scores of the search's finalists by fingerprint."""
    ours = (one for one in facts.finalists if one.get("origin") == "search")
    return {one["fingerprint"]: score for one in ours if (score := number(one.get("reward"))) is not None}

"""The section on accuracy against cost: the front, the limit, random children and finalists."""

from collections.abc import Sequence
from typing import Any

from nasnet_keras.pages.axes import Axis, thinned
from nasnet_keras.pages.charts import Chart, Dots, Line, Rule
from nasnet_keras.pages.legend import drawn
from nasnet_keras.pages.markup import figure, number, section, text
from nasnet_keras.search.report.amounts import amount, cost_name, cost_title, plain_amount
from nasnet_keras.search.report.facts import Facts
from nasnet_keras.search.report.finalists import cost_of_finalist
from nasnet_keras.search.report.marks import DOTS, MARKS
from nasnet_keras.search.report.rewards import bounds
from nasnet_keras.search.report.volume import front_table, volume
from nasnet_keras.search.rungs import STOPPED
from nasnet_keras.search.study.pareto import cost_of, front_of
from nasnet_keras.search.study.trial import Trial

__all__ = ["chart", "front"]

_DECADES = 8.0  # the axis has equal factors if costs differ by more
_KEY = {
    "dot": "a child of the search",
    "stopped": "stopped early, at the reward to expect",
    "front": "its front: nothing found is as cheap and as good",
    "drawn": "a random child",
    "random_front": "the front of random children",
    "finalist": "a finalist of the search, trained longer",
    "finalist_drawn": "a random finalist",
    "limit": "over the limit",
    "over": "over a limit, not trained",
}
_Point = tuple[float, float | None, str]


def front(facts: Facts) -> str:
    """Draw the rewards of all children against each cost that counts, with the front, and tabulate the front."""
    if not facts.costs or not (facts.derived or facts.successful):
        return ""
    return section(
        "front",
        "Reward against cost" if facts.proxy else "Accuracy against cost",
        _words(facts),
        *(_figure(facts, cost) for cost in facts.costs),
        volume(facts),
        front_table(facts),
    )


def _words(facts: Facts) -> str:
    """The size and the ends of the front, in sentences."""
    found = facts.study.pareto(facts.costs)
    names = " and ".join(cost_name(name) for name in facts.costs)
    ends = [f"{figure(one.reward)} at {amount(facts.cost, cost_of(one, facts.cost))}" for one in found]
    reach = f", from {ends[0]} to {ends[-1]}" if len(ends) > 1 else f", with {ends[0]}" if ends else ""
    within = sum(map(facts.is_within, found))
    limits = " and ".join(f"at most {amount(name, most)}" for name, most in facts.limits.items())
    whole = "All of them are" if within == len(found) else f"{within:,} of them {'is' if within == 1 else 'are'}"
    limited = f" {whole} within the limit of {limits}.{_over(facts)}" if limits else ""
    count = f"{len(found):,} children are" if len(found) != 1 else "1 child is"
    return (
        f"<p>{count} on the front of reward against {text(names)}{reach}: no other child of the search costs as little "
        f"and is as good.{limited}</p>"
    )


def _over(facts: Facts) -> str:
    """The numbers of children over a limit, in a sentence."""
    ours = [trial for trial in facts.derived or facts.trials if trial.costs and not facts.is_within(trial)]
    verb = "is" if len(ours) == 1 else "are"
    said = f" {len(ours):,} of the {len(facts.derived or facts.trials):,} children {verb} over the limit"
    theirs, total = facts.over_limit_random + len(facts.random_beyond), len(facts.study.random_trials)
    if not ours and not theirs:
        return ""
    return said + (f", and {theirs:,} of the {total:,} random ones." if total and not facts.is_random else ".")


def chart(facts: Facts, cost: str) -> tuple[Chart, list[tuple[str, str]]]:
    """Make the chart of a cost that a child with a reward has, and its key: marks with their meanings."""
    shown = _shown(facts, cost)
    return _chart(facts, cost, shown), [(MARKS[name], words) for name, words in _KEY.items() if name in shown]


def _shown(facts: Facts, cost: str) -> dict[str, Any]:
    """The layers of a chart that have something to show."""
    layers = _layers(facts, cost).items()
    return {name: layer for name, layer in layers if not isinstance(layer, Dots | Line) or layer.points}


def _figure(facts: Facts, cost: str) -> str:
    (made, key), shown = chart(facts, cost), _shown(facts, cost)
    low = made.y_range[0]
    notes = [
        f"{DOTS:,} children of {len(group):,} are drawn as dots; the lines include all of them."
        for group in (_children(facts),)
        if len(group) > DOTS
    ]
    dots = [point for name in ("dot", "stopped", "drawn") if name in shown for point in shown[name].points]
    if below := sum(y is not None and y < low for _, y, _ in dots):
        notes.append(f"Triangles at the lower border: {below:,} children whose reward is below it.")
    if facts.finalists and not _comparable(facts):
        others = f"are the proxy {text(facts.proxy)}" if facts.proxy else "are powers of them"
        notes.append(f"Finalists are not drawn: their scores are accuracies, and rewards {others}.")
    if facts.derived:
        notes.append("The children are the genotypes derived from the controller at the end.")
    return drawn(made, key, notes)


def _chart(facts: Facts, cost: str, layers: dict[str, Any]) -> Chart:
    points = [point for layer in layers.values() if isinstance(layer, Dots) for point in layer.points]
    found = front_of(_children(facts), [cost])
    limit = f" The limit is {plain_amount(cost, facts.limits[cost])}." if cost in facts.limits else ""
    return Chart(
        name=f"front_{cost}",
        title=f"Reward against {cost_name(cost)}",
        description=(
            f"{len(_children(facts))} children, {len(found)} of them on the front: "
            + ", ".join(f"{figure(one.reward)} at {plain_amount(cost, cost_of(one, cost))}" for one in found[:12])
            + (" and more." if len(found) > 12 else ".")
            + limit
        ),
        axis=_axis(cost, [x for x, _, _ in points] + [most for name, most in facts.limits.items() if name == cost]),
        y_label="reward",
        y_range=_heights([y for _, y, _ in points if y is not None], cost in facts.limits),
        layers=tuple(layers[name] for name in _ORDER if name in layers),
    )


_ORDER = (
    "limit",
    "dot",
    "stopped",
    "drawn",
    "over",
    "random_front",
    "front",
    "front_dots",
    "finalist_drawn",
    "finalist",
)


def _layers(facts: Facts, cost: str) -> dict[str, Dots | Line | Rule]:
    """The layers of a chart by their names in the key, some of them empty."""
    children = _children(facts)
    random = [trial for trial in _random(facts) if cost_of(trial, cost) is not None]
    best = front_of(children, [cost])
    over = [] if facts.derived else facts.over_limit
    most = facts.limits.get(cost, max(cost_of(one, cost) or 0.0 for one in [*children, *random]))
    complete, stopped = ([one for one in children if one.status == status] for status in ("ok", STOPPED))
    layers: dict[str, Dots | Line | Rule] = {
        "drawn": Dots("drawn", _points(random, cost, "random child")),
        "dot": Dots("dot low", _points(complete, cost, "trial")),
        "stopped": Dots("stopped low", _points(stopped, cost, "stopped trial")),
        "over": Dots("over-line", _points(over, cost, "trial"), shape="triangle", lane="over limit"),
        "random_front": Line("random thin", _steps(front_of(random, [cost]) if random else [], cost, most), step=True),
        "front": Line("best", _steps(best, cost, most), step=True),
        "front_dots": Dots("front", _points(best, cost, "on the front: trial")),
        "finalist_drawn": Dots("finalist drawn", _finalists(facts, cost, "random"), shape="square"),
        "finalist": Dots("finalist", _finalists(facts, cost, "search"), shape="diamond"),
    }
    if cost in facts.limits:
        layers["limit"] = Rule("over-line", facts.limits[cost], f"limit {_with_unit(cost, facts.limits[cost])}")
    return layers


def _children(facts: Facts) -> list[Trial]:
    return facts.derived or facts.successful


def _random(facts: Facts) -> list[Trial]:
    return [] if facts.is_random else [*facts.random, *facts.random_beyond]


def _points(trials: Sequence[Trial], cost: str, kind: str) -> list[_Point]:
    """The points of trials whose cost is known, at most 1,500."""
    known = [(trial, value) for trial in trials if (value := cost_of(trial, cost)) is not None]
    return [
        (value, trial.reward, f"{kind} {trial.trial}: {figure(trial.reward)} at {plain_amount(cost, value)}")
        for trial, value in (known[place] for place in thinned(len(known), DOTS))
    ]


def _steps(trials: Sequence[Trial], cost: str, most: float) -> list[tuple[float, float]]:
    """The corners of a front, which goes on at its height to a cost if it ends before."""
    steps = [(cost_of(trial, cost), trial.reward) for trial in trials]
    return [*steps, (most, steps[-1][1])] if steps and steps[-1][0] < most else steps


def _finalists(facts: Facts, cost: str, origin: str) -> list[_Point]:
    """The finalists of an origin, if their scores are of the same kind as the rewards."""
    if not _comparable(facts):
        return []
    points = []
    for one in facts.finalists:
        score, value = number(one.get("reward")), cost_of_finalist(facts, one, cost)
        if one.get("origin") == origin and score is not None and value is not None:
            kind = "finalist" if origin == "search" else "random finalist"
            points.append((value, score, f"{kind} {one.get('trial')}: {figure(score)} at {plain_amount(cost, value)}"))
    return points


def _comparable(facts: Facts) -> bool:
    """Whether the scores of finalists are of the same kind as rewards."""
    own = facts.study.objective.own
    return facts.proxy is None and (own is not None or facts.config.get("reward_exponent", 1) in (1, None))


def _with_unit(cost: str, value: float) -> str:
    """A measure with its unit, and a count without its name, which the axis has."""
    return amount(cost, value).replace("&nbsp;", " ").removesuffix(f" {cost_name(cost)}")


def _heights(rewards: Sequence[float], limited: bool) -> tuple[float, float]:
    """The lowest and the highest reward of the chart, with room for the name of a limit at the top."""
    low, high = bounds(rewards)
    return low, high + 0.07 * (high - low) * limited


def _axis(cost: str, values: Sequence[float]) -> Axis:
    """The axis of a cost; its factors are equal if costs span decades."""
    label = cost_title(cost)
    positive = [value for value in values if value > 0.0]
    low, high = min(values), max(values)
    if positive and high >= _DECADES * min(positive):
        margin = (high / min(positive)) ** 0.04
        return Axis(
            label, min(positive) / margin, high * margin, log=True, write=lambda value: plain_amount(cost, value)
        )
    margin = 0.05 * (high - low) or 0.1 * abs(high) or 1.0
    return Axis(label, max(0.0, low - margin), high + margin, write=lambda value: plain_amount(cost, value))

"""The section on rewards: their course over trials, and a comparison with random search."""

from collections.abc import Sequence

import numpy as np

from nasnet_keras.pages.axes import Axis, thinned
from nasnet_keras.pages.charts import Band, Chart, Dots, Line, Rule
from nasnet_keras.pages.legend import drawn
from nasnet_keras.pages.markup import figure, section
from nasnet_keras.search.costs.limits import OVER_LIMIT
from nasnet_keras.search.report.comparison import comparison
from nasnet_keras.search.report.facts import Facts
from nasnet_keras.search.report.marks import DOTS, MARKS
from nasnet_keras.search.report.statistics import expected_best, improvements, running_mean
from nasnet_keras.search.rungs import STOPPED
from nasnet_keras.search.study.trial import Trial

__all__ = ["bounds", "chart", "rewards"]

_POINTS = 400
_KEY = {
    "dot": "a child",
    "best": "best so far",
    "mean": "running mean",
    "random": "expected best of as many random children, with the middle 80&nbsp;% of the draws",
    "stopped": "stopped early, at the reward to expect",
    "over": "over the limit, not trained",
    "failed": "failed",
}


def rewards(facts: Facts) -> str:
    """Draw the chart of rewards and compare the search with random search."""
    if not facts.trials:
        return ""
    if not facts.successful:
        return section("rewards", "Reward over trials", "<p>No trial has a reward yet.</p>")
    return section("rewards", "Reward over trials", _figure(facts), comparison(facts))


def bounds(values: Sequence[float]) -> tuple[float, float]:
    """Choose the lowest and the highest reward of a chart; rewards far below all others do not stretch it.

    Args:
        values: all rewards, at least one.
    """
    low, tenth, high = (float(value) for value in np.quantile(values, (0.0, 0.1, 1.0)))
    low = max(low, tenth - (high - tenth))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def chart(facts: Facts) -> tuple[Chart, list[tuple[str, str]]]:
    """Make the chart of a study with a reward at least, and its key: marks with their meanings as HTML."""
    shown = {"random": _random(facts), "over": facts.over_limit, "failed": facts.failed, "stopped": facts.stopped}
    key = [
        (name, f"{words}, within the limit" if name == "best" and facts.limits else words)
        for name, words in _KEY.items()
    ]
    return _chart(facts, _window(facts)), [(MARKS[name], words) for name, words in key if shown.get(name, True)]


def _figure(facts: Facts) -> str:
    made, key = chart(facts)
    return drawn(made, key, _notes(facts, _window(facts), made.y_range[0]))


def _window(facts: Facts) -> int:
    """The number of children in the running mean."""
    return max(5, round(len(facts.successful) / 10))


def _chart(facts: Facts, window: int) -> Chart:
    return Chart(
        name="reward_chart",
        title="Reward over trials",
        description=_description(facts, window),
        axis=Axis("children evaluated", 0.0, max(trial.trial for trial in facts.trials) + 2.0),
        y_label="reward",
        y_range=bounds(facts.rewards + [trial.reward for trial in _random(facts)]),
        layers=_layers(facts, window),
    )


def _description(facts: Facts, window: int) -> str:
    over = f" and {len(facts.over_limit)} over the limit" if facts.over_limit else ""
    over += f", and {len(facts.stopped)} stopped early" if facts.stopped else ""
    best = max(facts.complete, key=lambda trial: (trial.reward, -trial.trial), default=None)
    highest = f"The best reward is {figure(best.reward)}, of trial {best.trial}" if best else "None is within the limit"
    return (
        f"{len(facts.trials)} trials, {len(facts.failed)} of them failed{over}. {highest}; the mean of the last "
        f"{min(window, len(facts.successful))} successful ones is {figure(np.mean(facts.rewards[-window:]))}."
    )


def _notes(facts: Facts, window: int, low: float) -> list[str]:
    """Sentences below the chart, whose lower border is at the reward `low`."""
    notes = [f"The running mean is over {window:,} successful children."]
    if len(_random(facts)) > 1:
        notes.append(
            f"The band ends with the {len(facts.random):,} random children that were evaluated. It narrows towards its "
            f"end because fewer ways to draw them are left; chance stays as large."
        )
        if facts.cost is not None and not facts.is_random:
            notes.append("It takes children of any cost together; the section below compares them at equal cost.")
    if below := sum(reward < low for reward in facts.rewards):
        notes.append(f"Triangles at the lower border: {below:,} children whose reward is below it.")
    if len(facts.trials) > DOTS:
        notes.append(f"{DOTS:,} of {len(facts.trials):,} children are drawn as dots; the lines include all of them.")
    return notes


def _layers(facts: Facts, window: int) -> list[Band | Line | Dots | Rule]:
    successful, within, random = facts.successful, facts.complete, _random(facts)
    expected = expected_best([trial.reward for trial in random]) if random else None
    layers: list[Band | Line | Dots | Rule] = []
    if expected is not None:
        layers.append(Band("spread", list(zip(expected.counts, expected.low, expected.high, strict=True))))
    layers += _children(facts.trials)
    means = running_mean(facts.rewards, window)
    places = thinned(len(successful), _POINTS)
    layers.append(Line("mean", [(successful[place].trial + 1, means[place]) for place in places]))
    if expected is not None:
        layers.append(Line("random", list(zip(expected.counts, expected.mean, strict=True))))
    steps = [(within[place].trial + 1, within[place].reward) for place in improvements([one.reward for one in within])]
    if steps:
        layers.append(Line("best", [*steps, (facts.trials[-1].trial + 1, steps[-1][1])], step=True))
    return layers


def _children(trials: list[Trial]) -> list[Dots]:
    """The dots of successful children, and those of children over the limit and of failed ones."""
    shown = [trials[place] for place in thinned(len(trials), DOTS)]
    good, stopped = (
        [(t.trial + 1, t.reward, f"trial {t.trial}: {said}{figure(t.reward)}") for t in shown if t.status == status]
        for status, said in (("ok", ""), (STOPPED, "stopped early, expected "))
    )
    groups = {True: [], False: []}
    for t in shown:
        if t.reward is None:
            words = "over the limit" if t.status == OVER_LIMIT else t.status
            groups[t.status == OVER_LIMIT].append((t.trial + 1, None, f"trial {t.trial}: {words}"))
    return [
        Dots("dot low", good),
        Dots("stopped low", stopped),
        Dots("over-line", groups[True], shape="triangle", lane="over limit"),
        Dots("failed", groups[False]),
    ]


def _random(facts: Facts) -> list[Trial]:
    """The random children in the chart: none if they were judged by other images than the search's own."""
    return [] if facts.derived else facts.random

"""The section on rewards: their course over trials, and a comparison with random search."""

import numpy as np

from nasnet_keras.search.report.charts import Band, Chart, Dots, Line
from nasnet_keras.search.report.facts import Facts
from nasnet_keras.search.report.markup import figure, integer, section, table
from nasnet_keras.search.report.statistics import expected_best, improvements, rank_sum, running_mean, thinned
from nasnet_keras.search.study.trial import Trial

__all__ = ["rewards"]

_DOTS = 1500
_POINTS = 400
_SURPRISING = 0.05
_KEYS = {
    "dot": ("a child", '<circle class="dot" cx="13" cy="6" r="4"/>'),
    "best": ("best so far", '<path class="best" d="M1 6h24"/>'),
    "mean": ("running mean", '<path class="mean" d="M1 6h24"/>'),
    "random": (
        "expected best of as many random children, with the middle 80&nbsp;% of the draws",
        '<rect class="spread" width="26" height="12"/><path class="random" d="M1 6h24"/>',
    ),
    "failed": ("failed", '<path class="failed" d="M9 2l8 8m0 -8l-8 8"/>'),
}


def rewards(facts: Facts) -> str:
    """Draw the chart of rewards and compare the search with random search."""
    if not facts.trials:
        return ""
    if not facts.successful:
        return section("rewards", "Reward over trials", "<p>No trial has a reward yet.</p>")
    return section("rewards", "Reward over trials", _figure(facts), _comparison(facts))


def _figure(facts: Facts) -> str:
    window = max(5, round(len(facts.successful) / 10))
    names = ["dot", "best", "mean"] + ["random"] * bool(_random(facts))
    names += ["failed"] * (len(facts.successful) < len(facts.trials))
    key = "".join(f'<li><svg viewBox="0 0 26 12">{_KEYS[name][1]}</svg>{_KEYS[name][0]}</li>' for name in names)
    chart = _chart(facts, window)
    caption = " ".join(_notes(facts, window, chart.y_range[0]))
    return f'<figure>\n<ul class="key">{key}</ul>\n{chart.svg()}\n<figcaption>{caption}</figcaption>\n</figure>'


def _chart(facts: Facts, window: int) -> Chart:
    trials, successful = facts.trials, facts.successful
    best = max(successful, key=lambda trial: (trial.reward, -trial.trial))
    return Chart(
        name="reward_chart",
        title="Reward over trials",
        description=(
            f"{len(trials)} trials, {len(trials) - len(successful)} of them failed. The best reward is "
            f"{figure(best.reward)}, of trial {best.trial}; the mean of the last {min(window, len(successful))} "
            f"successful ones is {figure(np.mean(facts.rewards[-window:]))}."
        ),
        x_label="children evaluated",
        y_label="reward",
        x_range=(0.0, max(trial.trial for trial in trials) + 2.0),
        y_range=_bounds(facts.rewards + [trial.reward for trial in _random(facts)]),
        layers=_layers(facts, window),
    )


def _notes(facts: Facts, window: int, low: float) -> list[str]:
    """Sentences below the chart, whose lower border is at the reward `low`."""
    notes = [f"The running mean is over {window:,} successful children."]
    if len(_random(facts)) > 1:
        notes.append(
            f"The band ends with the {len(facts.random):,} random children that were evaluated. It narrows towards its "
            f"end because fewer ways to draw them are left; chance stays as large."
        )
    if below := sum(reward < low for reward in facts.rewards):
        notes.append(f"Triangles at the lower border: {below:,} children whose reward is below it.")
    if len(facts.trials) > _DOTS:
        notes.append(f"{_DOTS:,} of {len(facts.trials):,} children are drawn as dots; the lines include all of them.")
    return notes


def _layers(facts: Facts, window: int) -> list[Band | Line | Dots]:
    successful, random = facts.successful, _random(facts)
    expected = expected_best([trial.reward for trial in random]) if random else None
    layers: list[Band | Line | Dots] = []
    if expected is not None:
        layers.append(Band("spread", list(zip(expected.counts, expected.low, expected.high, strict=True))))
    layers += _children(facts.trials)
    means = running_mean(facts.rewards, window)
    places = thinned(len(successful), _POINTS)
    layers.append(Line("mean", [(successful[place].trial + 1, means[place]) for place in places]))
    if expected is not None:
        layers.append(Line("random", list(zip(expected.counts, expected.mean, strict=True))))
    steps = [(successful[place].trial + 1, facts.rewards[place]) for place in improvements(facts.rewards)]
    layers.append(Line("best", [*steps, (facts.trials[-1].trial + 1, steps[-1][1])], step=True))
    return layers


def _children(trials: list[Trial]) -> list[Dots]:
    """The dots of successful children, and those of failed ones."""
    shown = [trials[place] for place in thinned(len(trials), _DOTS)]
    good = [(t.trial + 1, t.reward, f"trial {t.trial}: {figure(t.reward)}") for t in shown if t.reward is not None]
    failed = [(t.trial + 1, None, f"trial {t.trial}: {t.status}") for t in shown if t.reward is None]
    return [Dots("dot low", good), Dots("failed", failed)]


def _random(facts: Facts) -> list[Trial]:
    """The random children in the chart: none if they were judged by other images than the search's own."""
    return [] if facts.derived else facts.random


def _bounds(values: list[float]) -> tuple[float, float]:
    """The lowest and the highest reward in the chart; rewards far below all others do not stretch it."""
    low, tenth, high = (float(value) for value in np.quantile(values, (0.0, 0.1, 1.0)))
    low = max(low, tenth - (high - tenth))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def _comparison(facts: Facts) -> str:
    if facts.is_random:
        return (
            "<p>This is random search itself: the band shows the best so far if the same children were drawn in "
            "another order. Nothing was learnt from one child to the next.</p>"
        )
    if not facts.random:
        return (
            "<p>No random children were evaluated beside this search, so this page cannot say whether the search found "
            "more than random search would have.</p>"
        )
    proposed, drawn = [trial.reward for trial in facts.candidates], facts.random_rewards
    # Derived genotypes are all drawn at the end, so none of them is later than another.
    last = [] if facts.derived else proposed[-max(1, len(proposed) // 3) :]
    headers = ("Children", "Number", "Mean reward", "Median", "Best")
    return "\n".join(
        [
            f"<h3>Against random search</h3>\n<p>{_how(facts)}</p>",
            f'<p class="verdict">{_verdict(proposed, last, drawn)}</p>',
            table("Rewards of proposed and of random children", headers, _rows(facts, last), numeric=(1, 2, 3, 4)),
            f"<p>{_equal_budget(facts)}</p>",
        ]
    )


def _how(facts: Facts) -> str:
    """The number of random children and how they were evaluated, in sentences."""
    if facts.derived:
        how = "judged with the same weights as the genotypes derived from the controller, on all validation images"
    elif facts.config.get("deepen_every") is not None:
        how = (
            "trained exactly as the search’s own; they are as deep as the search’s last networks become, and its first "
            "ones are not"
        )
    else:
        how = "trained exactly as the search’s own"
    failed = facts.failed_random
    left_out = f" {failed:,} more random children failed and are left out." if failed else ""
    return f"{len(facts.random):,} uniformly random children were {how}.{left_out}"


def _rows(facts: Facts, last: list[float]) -> list[tuple[str, ...]]:
    name = "Derived from the controller" if facts.derived else "Proposed by the search"
    rows = [_row(name, [trial.reward for trial in facts.candidates])]
    rows += [_row("… the last third of them", last)] if last else []
    return [*rows, _row("Drawn at random", facts.random_rewards)]


def _row(name: str, values: list[float]) -> tuple[str, ...]:
    return name, integer(len(values)), figure(np.mean(values)), figure(np.median(values)), figure(max(values))


def _verdict(proposed: list[float], last: list[float], drawn: list[float]) -> str:
    share, surprise = rank_sum(proposed, drawn)
    above = sum(reward > max(drawn) for reward in proposed)
    if surprise < _SURPRISING and share > 0.5:
        said = "The search proposes better children than chance"
    elif surprise < _SURPRISING:
        said = "The search proposes worse children than chance"
    else:
        said = "The children of the search cannot be told from random ones"
    late = f", one of its last third in {100 * rank_sum(last, drawn)[0]:.0f}&nbsp;%" if last else ""
    return (
        f"{said}: one of them beats a random one in {100 * share:.0f}&nbsp;% of all pairs (50&nbsp;% would be chance; "
        f"p = {_p_value(surprise)} by the rank sum test){late}. "
        f"{above:,} of {len(proposed):,} ({100 * above / len(proposed):.1f}&nbsp;%) beat the best random one."
    )


def _equal_budget(facts: Facts) -> str:
    """The best rewards of the search and of random search after equally many children, in sentences."""
    proposed, drawn = [trial.reward for trial in facts.candidates], facts.random_rewards
    count = min(len(proposed), len(drawn))
    words = [f"After equally many successful children: {_after(count, proposed, drawn)}"]
    if count // 2 > 1:
        words.append(f"; {_after(count // 2, proposed, drawn)}")
    words.append(".")
    if len(proposed) > len(drawn):
        words.append(
            f" The best of {len(proposed):,} random children is not known: only {len(drawn):,} were drawn, and nothing "
            f"is extrapolated."
        )
    return "".join(words)


def _after(count: int, proposed: list[float], drawn: list[float]) -> str:
    ours = figure(max(proposed[:count]))
    if count == len(drawn):  # all of them can be drawn in one way only
        theirs = figure(max(drawn))
        return f"the best of the search's first {count:,} has {ours}, the best of all {count:,} random ones {theirs}"
    expected = expected_best(drawn, [count])
    low, high = figure(expected.low[0]), figure(expected.high[0])
    return (
        f"the best of its first {count:,} has {ours}, and of {count:,} random ones {figure(expected.mean[0])} is "
        f"expected ({low} to {high} in the middle eight tenths of the draws)"
    )


def _p_value(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.2g}"

"""Reward over trials, and what the search adds to drawing children at random."""

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
        "expected best of as many random children, and from 10&nbsp;% to 90&nbsp;% of the draws",
        '<rect class="spread" width="26" height="12"/><path class="random" d="M1 6h24"/>',
    ),
    "failed": ("failed", '<path class="failed" d="M9 2l8 8m0 -8l-8 8"/>'),
}


def rewards(facts: Facts) -> str:
    """The chart, its words, and the comparison with random search."""
    if not facts.trials:
        return ""
    if not facts.successful:
        return section("rewards", "Reward over trials", "<p>No trial has a reward yet.</p>")
    return section("rewards", "Reward over trials", _figure(facts), _comparison(facts))


def _figure(facts: Facts) -> str:
    successful = facts.successful
    window = max(5, round(len(successful) / 10))
    low, high = _bounds(facts.rewards + [trial.reward for trial in _random(facts)])
    best = max(successful, key=lambda trial: (trial.reward, -trial.trial))
    chart = Chart(
        name="reward_chart",
        title="Reward over trials",
        description=(
            f"{len(facts.trials)} trials, {len(facts.trials) - len(successful)} of them failed. The best reward is "
            f"{figure(best.reward)}, of trial {best.trial}; the mean of the last {min(window, len(successful))} "
            f"successful ones is {figure(np.mean(facts.rewards[-window:]))}."
        ),
        x_label="children evaluated",
        y_label="reward",
        x_range=(0.0, max(trial.trial for trial in facts.trials) + 2.0),
        y_range=(low, high),
        layers=_layers(facts, window),
    )
    names = ["dot", "best", "mean"] + ["random"] * bool(_random(facts))
    names += ["failed"] * (len(successful) < len(facts.trials))
    key = "".join(f'<li><svg viewBox="0 0 26 12">{_KEYS[name][1]}</svg>{_KEYS[name][0]}</li>' for name in names)
    notes = [f"The running mean is over {window:,} successful children."]
    if len(_random(facts)) > 1:
        notes.append(
            f"The band ends with the {len(facts.random):,} random children there are; it narrows towards its end since "
            f"fewer ways to draw them are left, not since chance does."
        )
    if below := sum(reward < low for reward in facts.rewards):
        notes.append(f"Triangles at the lower border: {below:,} children whose reward is below it.")
    if len(facts.trials) > _DOTS:
        notes.append(f"Of {len(facts.trials):,} children, {_DOTS:,} are drawn as dots; the lines know all.")
    return f'<figure>\n<ul class="key">{key}</ul>\n{chart.svg()}\n<figcaption>{" ".join(notes)}</figcaption>\n</figure>'


def _layers(facts: Facts, window: int) -> list[Band | Line | Dots]:
    trials, successful = facts.trials, facts.successful
    layers: list[Band | Line | Dots] = []
    random = _random(facts)
    if random:
        expected = expected_best([trial.reward for trial in random])
        layers.append(Band("spread", list(zip(expected.counts, expected.low, expected.high, strict=True))))
    shown = [trials[place] for place in thinned(len(trials), _DOTS)]
    good = [(t.trial + 1, t.reward, f"trial {t.trial}: {figure(t.reward)}") for t in shown if t.reward is not None]
    layers.append(Dots("dot low", good))
    failed = [(t.trial + 1, None, f"trial {t.trial}: {t.status}") for t in shown if t.reward is None]
    layers.append(Dots("failed", failed))
    means = running_mean(facts.rewards, window)
    places = thinned(len(successful), _POINTS)
    layers.append(Line("mean", [(successful[place].trial + 1, means[place]) for place in places]))
    if random:
        layers.append(Line("random", list(zip(expected.counts, expected.mean, strict=True))))
    steps = [(successful[place].trial + 1, facts.rewards[place]) for place in improvements(facts.rewards)]
    layers.append(Line("best", [*steps, (trials[-1].trial + 1, steps[-1][1])], step=True))
    return layers


def _random(facts: Facts) -> list[Trial]:
    """The random children that the chart shows: none that are judged by other images than the search's own."""
    return [] if facts.derived else facts.random


def _bounds(values: list[float]) -> tuple[float, float]:
    """The heights to show: all, but for children so far below the others that these would become a line."""
    low, tenth, high = (float(value) for value in np.quantile(values, (0.0, 0.1, 1.0)))
    low = max(low, tenth - (high - tenth))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    return low - margin, high + margin


def _comparison(facts: Facts) -> str:
    if facts.is_random:
        return (
            "<p>This is random search itself: the band says where the best so far stands when the same children are "
            "drawn in another order. Nothing was learnt from one child to the next.</p>"
        )
    if not facts.random:
        return (
            "<p>No random children were evaluated beside this search, so nothing is said here of whether it found more "
            "than random search would have.</p>"
        )
    proposed, drawn = [trial.reward for trial in facts.candidates], facts.random_rewards
    if facts.derived:  # all at the end: none of them is later than another
        last, ours = [], [_row("Derived from the policy", proposed)]
        how = "judged by the same shared weights as those that the policy led to in the end, on all validation images"
    else:
        last = proposed[-max(1, len(proposed) // 3) :]
        ours = [_row("Proposed by the search", proposed), _row("… the last third of them", last)]
        how = "trained exactly as the search’s own"
        if facts.config.get("deepen_every") is not None:
            how += "; they are as deep as the search’s last networks become, and its first ones are not"
    rows = [*ours, _row("Drawn at random", drawn)]
    headers = ("Children", "Number", "Mean reward", "Median", "Best")
    failed = facts.failed_random
    left_out = f" {failed:,} more random children failed and are left out." if failed else ""
    return "\n".join(
        [
            f"<h3>Against random search</h3>\n<p>{len(drawn):,} uniformly random children were {how}.{left_out}</p>",
            f'<p class="verdict">{_verdict(proposed, last, drawn)}</p>',
            table("Rewards of proposed and of random children", headers, rows, numeric=(1, 2, 3, 4)),
            f"<p>{_equal_budget(facts)}</p>",
        ]
    )


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
    """The best of the search and of random search, after equally many children."""
    proposed, drawn = [trial.reward for trial in facts.candidates], facts.random_rewards
    count = min(len(proposed), len(drawn))
    words = [f"After equally many successful children: {_after(count, proposed, drawn)}"]
    if count // 2 > 1:
        words.append(f"; {_after(count // 2, proposed, drawn)}")
    words.append(".")
    if len(proposed) > len(drawn):
        words.append(
            f" What random search would have found with {len(proposed):,} children is not known: only {len(drawn):,} "
            f"were drawn, and nothing is extrapolated."
        )
    return "".join(words)


def _after(count: int, proposed: list[float], drawn: list[float]) -> str:
    ours = figure(max(proposed[:count]))
    if count == len(drawn):  # there is one way only to draw all of them
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

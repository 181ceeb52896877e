"""The comparison of a search with random search, at equal cost where costs are known."""

from collections.abc import Sequence

import numpy as np

from nasnet_keras.pages.markup import figure, integer, table, text
from nasnet_keras.search.report.amounts import amount, cost_name, cost_title, plain_amount
from nasnet_keras.search.report.facts import Facts
from nasnet_keras.search.report.matching import RATIO, EqualCost, equal_cost
from nasnet_keras.search.report.statistics import expected_best, rank_sum
from nasnet_keras.search.study.pareto import cost_of
from nasnet_keras.search.study.trial import Trial

__all__ = ["comparison"]

_SURPRISING = 0.05


def comparison(facts: Facts) -> str:
    """Compare the children of the search with random ones, in sentences and a table."""
    if facts.is_random:
        return (
            "<p>This is random search itself: the band shows the best so far if the same children were drawn in "
            "another order. Nothing was learnt from one child to the next.</p>"
        )
    if not facts.random or not facts.candidates:
        kind, where = ("random", "") if not facts.random else ("proposed", " within the limit")
        return (
            f"<p>No {kind} children were evaluated{where or ' beside this search'}, so this page cannot say whether "
            f"the search found more than random search would have.</p>"
        )
    headers = ["Children", "Number", "Mean reward", "Median", "Best"]
    headers += [f"Median {_lower(cost_title(facts.cost))}"] if facts.cost else []
    return "\n".join(
        [
            f"<h3>Against random search</h3>\n<p>{_how(facts)}</p>",
            f'<p class="verdict">{_verdict(facts)}</p>',
            f"<p>{_at_any_cost(facts)}</p>" if facts.cost else "",
            table("Rewards of proposed and of random children", headers, _rows(facts), numeric=range(1, len(headers))),
            f"<p>{_equal_budget(facts)}</p>",
        ]
    )


def _how(facts: Facts) -> str:
    """The number of random children and how they were evaluated, in sentences."""
    if facts.derived:
        how = "judged with the same weights as the genotypes derived from the controller, on all validation images"
    else:
        how = f"{'scored' if facts.proxy else 'trained'} exactly as the search’s own"
        if facts.config.get("deepen_every") is not None:
            how += "; they are as deep as the search’s last networks become, and its first ones are not"
    failed, over = facts.failed_random, len(facts.random_beyond) + facts.over_limit_random
    left_out = f" {failed:,} more random children failed and are left out." if failed else ""
    left_out += f" {over:,} more are over the limit and are left out." if over else ""
    if facts.stopped and not facts.is_random:
        left_out += (
            f" All of them were trained to the end; {len(facts.stopped):,} of the search were stopped early, and count "
            f"with the reward that their accuracy let expect."
        )
    return f"{len(facts.random):,} uniformly random children were {how}.{left_out}"


def _last(facts: Facts) -> list[Trial]:
    """The last third of the children; none of derived ones, which are all drawn at the end."""
    return [] if facts.derived else facts.candidates[-max(1, len(facts.candidates) // 3) :]


def _rows(facts: Facts) -> list[list[str]]:
    name = "Derived from the controller" if facts.derived else "Proposed by the search"
    groups = [(name, facts.candidates), ("… the last third of them", _last(facts)), ("Drawn at random", facts.random)]
    return [_row(name, trials, facts.cost) for name, trials in groups if trials]


def _row(name: str, trials: Sequence[Trial], cost: str | None) -> list[str]:
    values = [trial.reward for trial in trials]
    row = [name, integer(len(values)), figure(np.mean(values)), figure(np.median(values)), figure(max(values))]
    return [*row, plain_amount(cost, _median(trials, cost))] if cost else row


def _median(trials: Sequence[Trial], cost: str) -> float | None:
    known = [value for trial in trials if (value := cost_of(trial, cost)) is not None]
    return float(np.median(known)) if known else None


def _verdict(facts: Facts) -> str:
    """Whether the search proposes better children than chance, in sentences: at equal cost if costs are known."""
    if facts.cost:
        return _at_equal_cost(facts.cost, _matched(facts))
    share, surprise, late, best = _plain(facts)
    return (
        f"{_said(share, surprise)}: one of them beats a random one in {_percent(share)} of all pairs (50&nbsp;% would "
        f"be chance; p{_p_value(surprise)} by the rank sum test){late}. {best}"
    )


def _at_any_cost(facts: Facts) -> str:
    """The comparison of all children with all random ones, in sentences."""
    share, surprise, late, best = _plain(facts)
    return (
        f"In all pairs, of large networks with small ones too, one of the search beats a random one in "
        f"{_percent(share)} (p{_p_value(surprise)} by the rank sum test){late}. {best}"
    )


def _plain(facts: Facts) -> tuple[float, float, str, str]:
    """The share of all pairs in which the search's child wins, its p-value, and two more facts in words."""
    proposed, drawn = ([trial.reward for trial in trials] for trials in (facts.candidates, facts.random))
    share, surprise = rank_sum(proposed, drawn)
    last = [trial.reward for trial in _last(facts)]
    above = sum(reward > max(drawn) for reward in proposed)
    late = f", one of its last third in {_percent(rank_sum(last, drawn)[0])}" if last else ""
    best = (
        f"{above:,} of {len(proposed):,} ({100 * above / len(proposed):.1f}&nbsp;%) beat the best random one"
        f"{', whatever it costs' if facts.cost else ''}."
    )
    return share, surprise, late, best


def _matched(facts: Facts) -> EqualCost:
    """The children of the search and the random ones in classes of about equal cost."""
    points = (
        [(value, trial.reward) for trial in trials if (value := cost_of(trial, facts.cost)) is not None]
        for trials in (facts.candidates, facts.random)
    )
    return equal_cost(*points)


def _at_equal_cost(cost: str, found: EqualCost) -> str:
    equal = f"{text(cost_name(cost))} within a factor of {RATIO:g}"
    if found.p_value is None:
        pairs = "1 pair has" if found.pairs == 1 else f"{found.pairs:,} pairs have" if found.pairs else "no pair has"
        return f"At equal cost nothing can be said: {'only ' * bool(found.pairs)}{pairs} {equal}, which is too few."
    said = _said(found.share, found.p_value)
    return (
        f"At equal cost {said[0].lower()}{said[1:]}: one of them beats a random one in {_percent(found.share)} of the "
        f"{found.pairs:,} pairs with {equal} (50&nbsp;% would be chance; p{_p_value(found.p_value)} by permutation "
        f"within classes of cost; {found.counts[0]:,} children of the search and {found.counts[1]:,} random ones)."
    )


def _said(share: float, surprise: float) -> str:
    if surprise < _SURPRISING and share > 0.5:
        return "The search proposes better children than chance"
    if surprise < _SURPRISING:
        return "The search proposes worse children than chance"
    return "The children of the search cannot be told from random ones"


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
    return "".join(words) + (_as_costly(facts) if facts.cost else "")


def _as_costly(facts: Facts) -> str:
    """The best random child that costs about as much as the search's best at most, in a sentence."""
    best = max(facts.candidates, key=lambda trial: (trial.reward, -trial.trial))
    most = cost_of(best, facts.cost)
    if most is None:
        return ""
    costs = [(trial, cost_of(trial, facts.cost)) for trial in facts.random]
    cheap = [trial.reward for trial, cost in costs if cost is not None and cost <= RATIO * most]
    said = f" The best child of the search ({figure(best.reward)}) has {amount(facts.cost, most)}"
    if not cheap:
        return f"{said}; no random child is about as cheap."
    return (
        f"{said}; of the {len(cheap):,} random children that cost at most {RATIO:g} times as much, the best has "
        f"{figure(max(cheap))}."
    )


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


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]


def _percent(share: float) -> str:
    return f"{100 * share:.0f}&nbsp;%"


def _p_value(value: float) -> str:
    return " below 0.001" if value < 0.001 else f" = {value:.2g}"

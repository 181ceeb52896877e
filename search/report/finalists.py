"""The section on finalists: the best children and random ones, trained alike and longer."""

from collections.abc import Iterable, Mapping
from functools import partial
from statistics import mean
from typing import Any

from nasnet_keras.pages.markup import code, duration, figure, integer, number, percent, section, table, text
from nasnet_keras.search.report.amounts import amount, cost_name, cost_title, plain_amount
from nasnet_keras.search.report.facts import Facts, accuracy
from nasnet_keras.search.report.matching import RATIO, nearest_pairs
from nasnet_keras.search.report.statistics import interval_of_difference, interval_of_mean
from nasnet_keras.search.study.pareto import cost_of
from nasnet_keras.utils.ranks import kendall_tau

__all__ = ["beyond_limits", "cost_of_finalist", "finalists", "why_winner"]

_COUNTED = ("multiply_adds", "parameters")
_Finalist = dict[str, Any]


def finalists(facts: Facts) -> str:
    """Tabulate the finalists, and say in a sentence how much better the search's are than random ones."""
    if not facts.finalists:
        return ""
    cost = _compared(facts)
    pairs = _pairs(facts, cost) if cost else []
    plain = _verdict(facts.finalists)
    equal = _at_equal_cost(cost, pairs) if pairs else ""
    return section(
        "worth",
        "Gain over random search",
        f'<p class="verdict">{equal or plain}</p>',
        f"<p>Whatever the cost: {plain[:1].lower()}{plain[1:]}</p>" if equal else "",
        _chosen(facts),
        _ranking(facts, facts.result or {}),
        _final_sizes(facts),
        _table(facts, cost, [(ours, theirs) for ours, theirs, ratio in pairs if ratio <= RATIO]),
    )


def _chosen(facts: Facts) -> str:
    """The winner, and why it is the winner, in sentences."""
    winner = (facts.result or {}).get("winner")
    return (
        ""
        if winner is None
        else f"<p>{code(winner)} is the winner. {text(why_winner(facts.finalists, facts.study.objective.own))}</p>"
    )


def cost_of_finalist(facts: Facts, one: _Finalist, cost: str) -> float | None:
    """Return a cost of a finalist: that of its line, or among its metrics, else that of the child of its genotype."""
    for place in ("costs", "metrics"):
        found = one.get(place)
        if isinstance(found, dict) and (value := number(found.get(cost))) is not None:
            return value
    child = facts.children.get(one.get("fingerprint"))
    return None if child is None else cost_of(child, cost)


def beyond_limits(limits: Mapping[str, float], metrics: Mapping[str, Any]) -> list[str]:
    """Write the counted costs of a finalist, as it was trained, that are over a limit of children."""
    known = {name: number(metrics.get(name)) for name in _COUNTED if name in limits}
    return [amount(name, value) for name, value in known.items() if value is not None and value > limits[name]]


def why_winner(finalists: Iterable[_Finalist], own: str | None = None) -> str:
    """Say why the winner is the winner, in a sentence, also where a random genotype has a better test accuracy.

    Args:
        finalists: the entries of `result.json`.
        own: the name of the objective of one's own, by which it was chosen; None if it was the validation accuracy.
    """
    scored = [(number(one.get("reward")), one) for one in finalists if one.get("origin") == "search"]
    scored = [(score, one) for score, one in scored if score is not None]
    if not scored:
        return "It is the best of the search's finalists."
    score, winner = max(scored, key=lambda pair: pair[0])
    of = f"of the {len(scored)} finalists of the search" if len(scored) > 1 else "of the one finalist of the search"
    by = f"value of the objective {own}" if own else "validation accuracy"
    said = f"It has the best {by} {of}, {score:.4f}; test images have no part in the choice"
    ours = _test(winner)
    theirs = [test for one in finalists if one.get("origin") == "random" and (test := _test(one)) is not None]
    if ours is None or not theirs or max(theirs) <= ours:
        return f"{said}."
    there = f"one of them has {max(theirs) / 100:.4f}"
    return f"{said}, nor have random genotypes, which the search is compared with: {there}."


def _final_sizes(facts: Facts) -> str:
    """How many finalists are over a limit at the sizes that they were trained with, in a sentence."""
    over = [found for one in facts.finalists if (found := beyond_limits(facts.limits, _metrics(one)))]
    if not over:
        return ""
    count = f"{len(over)} of the {len(facts.finalists)} finalists"
    return f"<p>Limits are of children. As they were trained here, larger, {count} are over: one has {over[0][0]}.</p>"


def _compared(facts: Facts) -> str | None:
    """The first cost that all finalists with a test accuracy have: a latency may not be measured of random ones."""
    tested = [one for one in facts.finalists if _test(one) is not None]
    names = dict.fromkeys([*facts.costs, *_COUNTED]) if facts.costs else ()
    return next((name for name in names if all(cost_of_finalist(facts, one, name) for one in tested)), None)


def _pairs(facts: Facts, cost: str) -> list[tuple[_Finalist, _Finalist, float]]:
    """Each finalist of the search with a random one of the nearest cost, and the ratio of their costs."""
    sides = []
    for origin in ("search", "random"):
        tested = [one for one in facts.finalists if one.get("origin") == origin and _test(one) is not None]
        sides.append([(one, cost_of_finalist(facts, one, cost)) for one in tested])
    ours, theirs = sides
    places = nearest_pairs([known for _, known in ours], [known for _, known in theirs])
    return [
        (ours[one][0], theirs[other][0], max(ours[one][1], theirs[other][1]) / min(ours[one][1], theirs[other][1]))
        for one, other in places
    ]


def _at_equal_cost(cost: str, pairs: list[tuple[_Finalist, _Finalist, float]]) -> str:
    """The gain over random finalists of about the same cost, in sentences."""
    equal = [(ours, theirs) for ours, theirs, ratio in pairs if ratio <= RATIO]
    said = f"{text(cost_name(cost))} within a factor of {RATIO:g}"
    if not equal:
        return (
            f"At equal cost nothing can be said: no finalist of the search and no random one have {said}, and a "
            f"larger network may be better for its size alone."
        )
    gains = [_test(ours) - _test(theirs) for ours, theirs in equal]
    better = sum(gain > 0.0 for gain in gains)
    count = f"the {len(gains)} pairs" if len(gains) > 1 else "the one pair"
    words = f"At equal cost, in {count} with {said}, the search is {_points(mean(gains))}, better in {better}"
    if len(gains) < 2:
        return f"{words}; this may be chance."
    spread = interval_of_mean(gains)
    return f"{words} (known to about ±{spread:.2f}): {_chance(mean(gains), spread)}."


def _table(facts: Facts, cost: str | None, pairs: list[tuple[_Finalist, _Finalist]]) -> str:
    ordered = sorted(facts.finalists, key=lambda one: (one.get("origin") != "search", -(_test(one) or -1.0)))
    places = {id(one): place for place, pair in enumerate(pairs, 1) for one in pair}
    columns = _columns(facts, ordered, places, cost)
    chosen = (facts.result or {}).get("winner", (facts.result or {}).get("fingerprint"))
    marked = {i for i, one in enumerate(ordered) if chosen is not None and one.get("fingerprint") == chosen}
    words = "; those of a pair cost about the same" if places else ""
    return table(
        f"Finalists: trained anew by one recipe; the chosen one stands out{words}",
        [name for name, _ in columns],
        [[cell(one) for _, cell in columns] for one in ordered],
        numeric=[place for place, (name, _) in enumerate(columns) if name not in ("Origin", "Fingerprint")],
        marked=marked,
    )


def _columns(facts: Facts, ordered: list[_Finalist], places: dict[int, int], cost: str | None) -> list[tuple[str, Any]]:
    """The title and the cell of each column."""
    columns = [
        ("Origin", lambda one: text({"search": "the search"}.get(one.get("origin"), str(one.get("origin"))))),
        ("Trial", lambda one: integer(one.get("trial"))),
        ("Fingerprint", lambda one: code(one.get("fingerprint", "–"))),
        ("Reward", lambda one: figure(one.get("reward"))),
    ]
    if places:
        columns.insert(1, ("Pair", lambda one: integer(places.get(id(one)))))
    if any(accuracy(one.get("metrics"), "validation_accuracy") is not None for one in ordered):
        columns.append(("Validation", lambda one: percent(accuracy(one.get("metrics"), "validation_accuracy"))))
    columns.append(("Test accuracy", _tested))
    for name in dict.fromkeys((facts.cost, cost)):
        if name not in (None, "parameters"):
            columns.append((cost_title(name), partial(_cost_cell, facts, name)))
    return [
        *columns,
        ("Parameters", lambda one: integer(_parameters(facts, one))),
        ("Epochs", lambda one: integer(_metrics(one).get("epochs"))),
        ("Time", lambda one: duration(one.get("seconds"))),
    ]


def _cost_cell(facts: Facts, cost: str, one: _Finalist) -> str:
    return plain_amount(cost, cost_of_finalist(facts, one, cost))


def _parameters(facts: Facts, one: _Finalist) -> float | None:
    """The parameters of the network that was trained, which may be larger than the child, else those of the child."""
    own = number(_metrics(one).get("parameters"))
    return cost_of_finalist(facts, one, "parameters") if own is None else own


def _tested(one: _Finalist) -> str:
    status = str(one.get("status", "ok"))
    return percent(_test(one)) if status == "ok" else f'<span class="status">{text(status)}</span>'


def _metrics(one: _Finalist) -> dict[str, Any]:
    return one["metrics"] if isinstance(one.get("metrics"), dict) else {}


def _ranking(facts: Facts, result: dict[str, Any]) -> str:
    """How well the rewards predict the finalists' accuracies, and beside a proxy, how well parameters alone do."""
    tau, pairs = (number(result.get(name)) for name in ("kendall_tau", "kendall_tau_pairs"))
    if tau is None or pairs is None:
        return ""
    of_chance = number(result.get("kendall_tau_random"))
    among = f", and {of_chance:.2f} among the random ones alone" if of_chance is not None else ""
    return (
        f"<p>Rewards and the validation accuracies after this training agree with Kendall's τ = {tau:.2f} over "
        f"{integer(pairs)} finalists{among} (1 would be the same order, 0 none).{_of_parameters(facts)}</p>"
    )


def _of_parameters(facts: Facts) -> str:
    """How well the parameters of children predict the finalists' accuracies, in a sentence, if rewards are a proxy."""
    known = [(cost_of_finalist(facts, one, "parameters"), number(one.get("reward"))) for one in facts.finalists]
    pairs = [pair for pair in known if None not in pair]
    tau = kendall_tau(*zip(*pairs, strict=True)) if pairs and facts.proxy else None
    return "" if tau is None else f" Numbers of parameters agree with them with τ = {tau:.2f}."


def _test(one: _Finalist) -> float | None:
    return accuracy(one.get("metrics"), "test_accuracy")


def _verdict(found: list[_Finalist]) -> str:
    tests = {
        origin: [value for one in found if one.get("origin") == origin and (value := _test(one)) is not None]
        for origin in ("search", "random")
    }
    ours, theirs = tests["search"], tests["random"]
    if not ours and not theirs:
        return "No finalist has a test accuracy, as in a benchmark that has none; the reward is all that is known."
    if not ours or not theirs:
        there = "the search" if ours else "random search"
        return f"Only finalists of {there} have a test accuracy, so there is nothing to compare it with."
    gain = mean(ours) - mean(theirs)
    said = (
        f"Test accuracy, mean of {_many(len(ours), 'of the search')}: {percent(mean(ours))}; mean of "
        f"{_many(len(theirs), 'drawn at random')}: {percent(mean(theirs))}. The search is {_points(gain)}."
    )
    if len(ours) < 2 or len(theirs) < 2:
        return f"{said} With so few finalists, this difference may be chance."
    spread = interval_of_difference(ours, theirs)
    return (
        f"{said} With {len(ours)} against {len(theirs)} finalists this is known to about ±{spread:.2f} points "
        f"(95&nbsp;%, by Student's t): {_chance(gain, spread)}."
    )


def _chance(gain: float, spread: float) -> str:
    return "chance alone would hardly give as much" if abs(gain) > spread else "chance alone may well give as much"


def _many(count: int, kind: str) -> str:
    return f"the {count} finalist{'s' if count != 1 else ''} {kind}"


def _points(gain: float) -> str:
    if abs(gain) < 0.005:
        return "as good as chance to the hundredth of a point"
    return f"worth {gain:.2f} points" if number(gain) and gain > 0 else f"{-gain:.2f} points worse than chance"

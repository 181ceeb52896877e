"""The section on finalists: the best children and random ones, trained alike and longer."""

import math
from statistics import mean, variance
from typing import Any

from nasnet_keras.search.report.facts import Facts, accuracy
from nasnet_keras.search.report.markup import code, duration, figure, integer, number, percent, section, table, text

__all__ = ["finalists"]

_STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)  # 97.5 % quantiles, by degrees of freedom


def finalists(facts: Facts) -> str:
    """Tabulate the finalists, and say in a sentence how much better the search's are than random ones."""
    if not facts.finalists:
        return ""
    return section(
        "worth",
        "Gain over random search",
        f'<p class="verdict">{_verdict(facts.finalists)}</p>',
        _ranking(facts.result or {}),
        _table(facts),
    )


def _table(facts: Facts) -> str:
    ordered = sorted(facts.finalists, key=lambda one: (one.get("origin") != "search", -(_test(one) or -1.0)))
    with_validation = any(accuracy(one.get("metrics"), "validation_accuracy") is not None for one in ordered)
    headers = ["Origin", "Trial", "Fingerprint", "Reward", "Test accuracy", "Parameters", "Epochs", "Time"]
    if with_validation:
        headers.insert(4, "Validation")
    chosen = (facts.result or {}).get("winner", (facts.result or {}).get("fingerprint"))
    marked = {i for i, one in enumerate(ordered) if chosen is not None and one.get("fingerprint") == chosen}
    return table(
        "Finalists: trained anew by one recipe; the chosen one stands out",
        headers,
        [_row(one, with_validation) for one in ordered],
        numeric=(1, *range(3, len(headers))),
        marked=marked,
    )


def _ranking(result: dict[str, Any]) -> str:
    """How well the rewards predict the finalists' accuracies."""
    tau, pairs = (number(result.get(name)) for name in ("kendall_tau", "kendall_tau_pairs"))
    if tau is None or pairs is None:
        return ""
    of_chance = number(result.get("kendall_tau_random"))
    among = f", and {of_chance:.2f} among the random ones alone" if of_chance is not None else ""
    return (
        f"<p>Rewards and the validation accuracies after this training agree with Kendall's τ = {tau:.2f} over "
        f"{integer(pairs)} finalists{among} (1 would be the same order, 0 none).</p>"
    )


def _row(one: dict[str, Any], with_validation: bool) -> list[str]:
    metrics = one.get("metrics") if isinstance(one.get("metrics"), dict) else {}
    origin = {"search": "the search", "random": "random"}.get(one.get("origin"), str(one.get("origin")))
    status = str(one.get("status", "ok"))
    test = percent(_test(one)) if status == "ok" else f'<span class="status">{text(status)}</span>'
    row = [text(origin), integer(one.get("trial")), code(one.get("fingerprint", "–")), figure(one.get("reward")), test]
    row += [integer(metrics.get("parameters")), integer(metrics.get("epochs")), duration(one.get("seconds"))]
    if with_validation:
        row.insert(4, percent(accuracy(metrics, "validation_accuracy")))
    return row


def _test(one: dict[str, Any]) -> float | None:
    return accuracy(one.get("metrics"), "test_accuracy")


def _verdict(found: list[dict[str, Any]]) -> str:
    tests = {
        origin: [value for one in found if one.get("origin") == origin and (value := _test(one)) is not None]
        for origin in ("search", "random")
    }
    ours, theirs = tests["search"], tests["random"]
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
    spread = _interval(ours, theirs)
    chance = "chance alone would hardly give as much" if abs(gain) > spread else "chance alone may well give as much"
    return (
        f"{said} With {len(ours)} against {len(theirs)} finalists this is known to about ±{spread:.2f} points "
        f"(95&nbsp;%, by Student's t): {chance}."
    )


def _interval(first: list[float], second: list[float]) -> float:
    """Half of the 95 % interval of a difference of means, for two samples of one variance, in their unit.

    Beyond ten degrees of freedom the quantile is 2.2, so the interval is up to 12 % too wide.
    """
    freedom = len(first) + len(second) - 2
    pooled = ((len(first) - 1) * variance(first) + (len(second) - 1) * variance(second)) / freedom
    quantile = _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else 2.2
    return quantile * math.sqrt(pooled * (1 / len(first) + 1 / len(second)))


def _many(count: int, kind: str) -> str:
    return f"the {count} finalist{'s' if count != 1 else ''} {kind}"


def _points(gain: float) -> str:
    if abs(gain) < 0.005:
        return "as good as chance to the hundredth of a point"
    return f"worth {gain:.2f} points" if number(gain) and gain > 0 else f"{-gain:.2f} points worse than chance"

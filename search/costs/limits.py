"""Limits of the costs of networks, and the objective of a search under them."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from nasnet_keras.search.costs.own import is_own
from nasnet_keras.utils.checks import choice, finite, quoted

__all__ = [
    "FORMS",
    "MEASURED",
    "OVER_LIMIT",
    "CostError",
    "Judged",
    "Limit",
    "Objective",
    "checked_costs",
    "exponent",
    "is_name",
]

FORMS = ("hard", "soft")
MEASURED = ("latency_ms", "peak_memory_mib")
"""The costs that are measured on a device, unless an evaluator knows them."""
OVER_LIMIT = "over_limit"
"""The status of a child that is over a hard limit."""

_MNASNET = ("mnasnet", -0.07)  # Tan et al. 2019, section 3.1: a doubling is worth 5 %
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}", re.ASCII)
_LEAST = 2.0**-30  # share of a limit that a cost counts for at least in the soft form, since some networks cost nothing


class CostError(ValueError):
    """Costs are not what a search needs."""


class Judged(Protocol):
    """The part of a trial that an objective reads."""

    status: str
    reward: float | None
    costs: Mapping[str, float]


@dataclass(frozen=True)
class Limit:
    """The largest value that a cost may have.

    Attributes:
        cost: the name of the cost, such as `latency_ms` or `multiply_adds`.
        most: its largest value, positive.

    Raises:
        ValueError: the name or the value is not legal.

    Example:
        >>> str(Limit("latency_ms", 5.0))
        'latency_ms=5'
    """

    cost: str
    most: float

    def __post_init__(self) -> None:
        if not is_name(self.cost):
            raise ValueError(f"a limit needs the name of a cost, such as latency_ms, got {quoted(self.cost)}")
        if not finite(self.most) or self.most <= 0:
            raise ValueError(f"the limit of {self.cost} must be a positive number, got {quoted(self.most)}")

    @classmethod
    def parse(cls, text: str) -> "Limit":
        """Read a limit as it is written on a command line.

        Raises:
            ValueError: it is not a name and a positive number.

        Example:
            >>> Limit.parse("multiply_adds=3e8")
            Limit(cost='multiply_adds', most=300000000.0)
        """
        return cls(*_parts("limit", text, "latency_ms=5"))

    def __str__(self) -> str:
        return f"{self.cost}={_shown(self.most)}"


@dataclass(frozen=True)
class Objective:
    """What a search maximizes: the reward of a child, under limits of its costs.

    In the hard form a child over a limit is worse than every child within. In the soft form the reward is
    `value * (cost / most) ** exponent`, a product over all limits, and a child over a limit is one among others; the
    results of a search are within the limits in both forms.

    Attributes:
        limits: the limits, of different costs; the first one is the one that networks are compared by.
        form: `hard` or `soft`.
        exponents: the exponents of the soft form by the names of costs.
        own: the name of a function of one's own, `package.module:function`, which gives the reward of a child; None if
            that is what its evaluator says. Limits are hard then.

    Source: Tan et al. 2019 (MnasNet), section 3.1. Their hard form has alpha 0 and beta -1.

    Example:
        >>> objective = Objective.of(["latency_ms=5"])
        >>> objective.within({"latency_ms": 4.0}), objective.within({"latency_ms": 10.0}), objective.within({})
        (True, False, False)
        >>> objective.excess({"latency_ms": 10.0})
        1.0
    """

    limits: tuple[Limit, ...] = ()
    form: str = "hard"
    exponents: Mapping[str, float] = field(default_factory=dict)
    own: str | None = None

    @classmethod
    def of(cls, limit: Iterable[str] = (), objective: str = "hard", exchange: Iterable[str] = ()) -> "Objective":
        """Make an objective of settings of a search, by their names.

        Args:
            limit: limits, such as `latency_ms=5`.
            objective: the form, or the name of a function of one's own.
            exchange: exchange rates of the soft form, such as `latency_ms=0.02`: a doubling of the latency is worth two
                percent of the reward. `mnasnet` stands for the exponent -0.07 of all limits.

        Raises:
            ValueError: a text is not legal, or two contradict each other.

        Example:
            >>> Objective.of(["latency_ms=5"], "soft", ["mnasnet"]).exponents
            {'latency_ms': -0.07}
        """
        own = objective if is_own(objective) else None
        objective = "hard" if own else objective
        choice("objective", objective, FORMS)
        limits, rates = tuple(map(Limit.parse, limit)), tuple(exchange)
        names = [one.cost for one in limits]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            given = ", ".join(str(one) for one in limits if one.cost == twice[0])
            raise ValueError(f"a cost has one limit, got {given}")
        exponents = _exponents(names, rates)
        if objective == "hard" and rates:
            raise ValueError(
                f"exchange={quoted(list(rates))} is for objective=soft, and the objective is {own or 'hard'}"
            )
        if objective == "soft" and (missing := [name for name in names if name not in exponents]):
            raise ValueError(
                f"objective=soft needs an exchange rate of {missing[0]}, such as exchange={missing[0]}=0.02: twice the "
                f"{missing[0]} is worth 2 % of the reward"
            )
        if objective == "soft" and not limits:
            raise ValueError("objective=soft needs a limit, such as limit=latency_ms=5")
        return cls(limits, objective, exponents, own)

    def only(self, names: Iterable[str]) -> "Objective":
        """The same objective with the limits of some costs alone."""
        kept = set(names)
        return replace(self, limits=tuple(one for one in self.limits if one.cost in kept))

    def within(self, costs: Mapping[str, Any]) -> bool:
        """Whether costs are within all limits. A cost that is missing or not finite, as of a device that cannot run
        the network, is over its limit.
        """
        return all(finite(costs.get(one.cost)) and costs[one.cost] <= one.most for one in self.limits)

    def excess(self, costs: Mapping[str, Any]) -> float:
        """How far costs are over the limits: the largest number of doublings, 0 within, infinite if one is missing."""
        return max(0.0, self.distance(costs))

    def distance(self, costs: Mapping[str, Any]) -> float:
        """The doublings that lead from the nearest limit to costs: the excess, or a negative number within them."""
        known = [(costs.get(one.cost), one.most) for one in self.limits]
        if not all(finite(cost) for cost, _ in known):
            return math.inf
        doublings = max((math.log2(cost / most) if cost > 0 else -math.inf for cost, most in known), default=-math.inf)
        return min(0.0, doublings) if self.within(costs) else max(2.0**-52, doublings)

    def loses(self, costs: Mapping[str, Any]) -> bool:
        """Whether a child of these costs is of no use: over a limit in the hard form, or without a limited cost."""
        return not self.within(costs) if self.form == "hard" else math.isinf(self.excess(costs))

    def reward(self, value: float, costs: Mapping[str, Any]) -> float:
        """The reward that is maximized: in the hard form the value itself.

        Args:
            value: the reward of a child, at least 0 with limits.
            costs: its costs; without one of the limited costs the soft reward is 0.
        """
        for one in self.limits if self.form == "soft" else ():
            if not finite(costs.get(one.cost)):
                return 0.0
            value *= max(costs[one.cost] / one.most, _LEAST) ** self.exponents[one.cost]
        return value

    def told(self, trial: Judged) -> float | None:
        """What an algorithm is told of a trial.

        Returns:
            Its reward; for a child over a hard limit a number from -1 to below 0, which falls with the excess; None
            for a child that failed. Under limits the values of a function of one's own, which may be negative, are
            moved above 0 in their order.
        """
        if trial.status == OVER_LIMIT or (trial.reward is not None and self.loses(trial.costs)):
            excess = self.excess(trial.costs)
            return -1.0 if math.isinf(excess) else -excess / (1.0 + excess)
        if trial.reward is None:
            return None
        reward = self.reward(trial.reward, trial.costs)
        return _positive(reward) if self.own and self.limits else reward

    def __str__(self) -> str:
        return ", ".join(map(str, self.limits))


def _positive(value: float) -> float:
    """A number above 0 for any number, in the same order: the number and 1, or its exponential if it is below 0."""
    return 1.0 + value if value >= 0 else math.exp(value)


def exponent(gain: float) -> float:
    """The exponent of the soft form for which twice the cost is worth a share of the reward.

    Source: the constant of Tan et al. 2019 follows in the same way, from 5 % for twice the latency.

    Example:
        >>> round(exponent(0.05), 2)
        -0.07
    """
    return -math.log2(1.0 + gain)


def is_name(value: Any) -> bool:
    """Whether a value can be the name of a cost: lower-case letters, digits and underscores."""
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def checked_costs(found: Any, whose: str) -> dict[str, float]:
    """Check costs that other code returned, and leave out those that are not known, which are None or not finite.

    Args:
        found: numbers by name.
        whose: what returned them, for the message.

    Raises:
        CostError: it is something else, or a cost is below 0.
    """
    if not isinstance(found, Mapping) or not all(map(is_name, found)):
        raise CostError(f"{whose} must return numbers by the names of costs, got {quoted(found)}")
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in found.items()}
    for name, value in plain.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and (not number or value < 0):
            raise CostError(f"{whose} must return costs from 0, got {name}={quoted(value)}")
    return {name: value for name, value in plain.items() if finite(value)}


def _exponents(names: list[str], exchange: tuple[str, ...]) -> dict[str, float]:
    """The exponents of the soft form, by the costs that have limits."""
    found: dict[str, float] = {}
    for text in exchange:
        setting, value = _MNASNET
        new = dict.fromkeys(names, value)
        if text != setting:
            name, gain = _parts("exchange", text, "latency_ms=0.02")
            if gain <= 0 or not finite(gain):
                raise ValueError(f"the exchange rate of {name} must be a positive share, got {_shown(gain)}")
            new = {name: exponent(gain)}
        if twice := found.keys() & new.keys():
            raise ValueError(f"a cost has one exchange rate, got two of {min(twice)}: {', '.join(exchange)}")
        if unlimited := [name for name in new if name not in names]:
            raise ValueError(f"exchange={text} needs a limit of {unlimited[0]}")
        found |= new
    return found


def _parts(what: str, text: Any, example: str) -> tuple[str, float]:
    """The name and the number of a text such as `latency_ms=5`."""
    name, _, number = text.partition("=") if isinstance(text, str) else ("", "", "")
    try:
        return name.strip(), float(number)
    except ValueError:
        raise ValueError(
            f"{what} must be the name of a cost and a number, such as {example}, got {quoted(text)}"
        ) from None


def _shown(number: float) -> str:
    """A number without a point that says nothing."""
    return str(int(number)) if float(number).is_integer() else repr(number)

"""The settings of costs: limits, what they weigh, and how latency is known."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.latency.runtimes import RUNTIMES
from nasnet_keras.search.costs.limits import FORMS, Limit, is_name
from nasnet_keras.search.costs.own import is_own, own_name
from nasnet_keras.utils import checks, values
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.near import nearest
from nasnet_keras.utils.settings import documented, grouped, setting

__all__ = ["CostSettings"]


def _objective(name: str, value: Any) -> str:
    """One of the forms, or the name of a function."""
    if callable(value):
        return own_name(value)
    if is_own(value) or value in FORMS:
        return value
    near = nearest(value, FORMS) if isinstance(value, str) else None
    hint = f"; did you mean {near!r}?" if near else ""
    raise ValueError(
        f"{name} must be {' or '.join(FORMS)}, or the name of a function, package.module:function, got "
        f"{checks.quoted(value)}{hint}"
    )


_LIMITS = values.repeated("limits, such as latency_ms=5", lambda text: str(Limit.parse(text)))
_RATES = values.repeated("exchange rates, such as latency_ms=0.02", str)
_NAMES = values.items("names of costs", is_name)


@documented
@grouped(Group.COSTS)
@dataclass(frozen=True)
class CostSettings:
    """The settings of costs of a search; `Objective.of` makes its objective of the first three."""

    limit: tuple[str, ...] = setting(
        (),
        "Largest cost of a child, such as latency_ms=5, multiply_adds=3e8 or parameters=1e6; give the flag several "
        "times for several costs. The best genotype and the finalists are within all limits as children: finalists "
        "that are made larger by --final_filters, --final_num_repeats or --final_alpha may be over.",
        _LIMITS,
        assumed=[],
    )
    objective: str = setting(
        "hard",
        "What a limit means while the search goes on. hard: a child over a limit is worse than all within, and is not "
        "trained; soft: the reward is accuracy * (cost / limit) ** w, by the rates of --exchange, and the first child "
        "is drawn within the limits, or is the smallest network if a limit is measured. Or the name of a function of "
        "your own, package.module:function, which makes the reward of a child's figures; limits are hard then.",
        values.Kind(_objective, check_json=checks.text),
        assumed="hard",
    )
    exchange: tuple[str, ...] = setting(
        (),
        "What twice the cost is worth in --objective=soft, as a share of the reward: with latency_ms=0.02, twice the "
        "latency is worth 2 %, so that w = -log2(1.02). mnasnet: w = -0.07 for all limits, as in the paper. Give the "
        "flag several times for several costs.",
        _RATES,
        assumed=[],
    )
    measure: tuple[str, ...] = setting(
        (),
        "Costs to measure of each child before it is trained, such as latency_ms,peak_memory_mib; those with a limit "
        "are measured anyway.",
        _NAMES,
        assumed=[],
    )
    runtime: str = setting(
        "litert",
        "Runtime in which the latency of an exported child is measured; of a command, the one whose files it gets.",
        values.choice_of_version(*RUNTIMES),
        assumed="litert",
    )
    threads: int = setting(
        1,
        "Number of threads that latency is measured with; TensorFlow runs as many operations at once, one thread each.",
        values.positive(),
        assumed=1,
    )
    latency_command: str | None = setting(
        None,
        "Command that measures the latency of a child: {model} stands for its file, and the last line of the output is "
        "the number of milliseconds. It runs without a shell.",
        values.text(),
        assumed=None,
    )
    latency: str | Path | None = setting(
        None,
        "File of a latency predictor, which nasnet-latency writes; latency_ms is then predicted and not measured.",
        values.path(),
        may_change=True,  # the study knows what is in it
    )
    costs: str | Path | None = setting(
        None,
        "CSV file of further costs of the cells of NAS-Bench-201, such as latencies, joined with --table by the "
        "column index; each other column is a cost by its name, and a negative figure means that a device cannot run "
        "the cell.",
        values.path(),
        may_change=True,  # the study knows what is in it
    )
    finalists_along: str | None = setting(
        None,
        "Cost along whose front of accuracy against cost the finalists are taken, such as latency_ms; by default the "
        "finalists are the best by accuracy.",
        values.text(),
        may_change=True,
    )

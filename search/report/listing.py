"""The table of all trials."""

from typing import Any

from nasnet_keras.pages.markup import code, duration, figure, integer, section, table, text
from nasnet_keras.search.costs.limits import OVER_LIMIT
from nasnet_keras.search.report.amounts import cost_title, plain_amount
from nasnet_keras.search.report.facts import Facts
from nasnet_keras.search.rungs import STOPPED
from nasnet_keras.search.study.pareto import cost_of
from nasnet_keras.search.study.trial import Trial, fingerprint

__all__ = ["listing"]

_COUNTS = ("parameters", "multiply_adds", "trainable_parameters")
_MOST = 2000
_OPEN = 200  # a table of more rows is folded


def listing(facts: Facts) -> str:
    """Tabulate all trials, or the best and the last ones if there are more than 2,000."""
    trials = facts.trials
    if not trials:
        return ""
    shown, words = trials, f"All {len(trials):,} trials"
    if len(trials) > _MOST:
        half = _MOST // 2
        best = sorted(facts.successful, key=lambda trial: -trial.reward)[:half]
        kept = {trial.trial: trial for trial in (*best, *trials[-half:])}
        shown = [kept[number] for number in sorted(kept)]
        words = f"The best {half:,} and the last {half:,} of {len(trials):,} trials; trials.jsonl has all"
    columns = _columns(shown)
    best = max(facts.complete, key=lambda trial: trial.reward, default=None)
    marked = {place for place, trial in enumerate(shown) if best is not None and trial.trial == best.trial}
    numeric = [place for place, (name, _) in enumerate(columns) if name not in ("Status", "Fingerprint", "Error")]
    rows = [[cell(trial) for _, cell in columns] for trial in shown]
    body = table("Trials by number; the best one stands out", [name for name, _ in columns], rows, numeric, marked)
    opened = " open" if len(shown) <= _OPEN else ""
    return section("trials", "Trials", f"<details{opened}><summary>{words}</summary>\n{body}</details>")


def _columns(trials: list[Trial]) -> list[tuple[str, object]]:
    """The title and the cell of each column; a figure that no trial has gets no column."""
    columns = [
        ("Trial", lambda trial: integer(trial.trial)),
        ("Status", _status),
        ("Reward", lambda trial: figure(trial.reward)),
    ]
    measured = sorted({name for trial in trials for name in trial.costs} - set(_COUNTS))
    for name in (*_COUNTS[:2], *measured):
        if any(_known(trial, name) is not None for trial in trials):
            columns.append((cost_title(name), lambda trial, name=name: _cost(trial, name)))
    columns += [
        ("Time", lambda trial: duration(trial.seconds)),
        ("Seed", lambda trial: str(trial.seed)),
        ("Fingerprint", lambda trial: code(fingerprint(trial.genotype))),
    ]
    if any("error" in trial.metrics for trial in trials):
        columns.append(("Error", _error))
    return columns


def _cost(trial: Trial, name: str) -> str:
    value = _known(trial, name)
    return integer(value) if name in _COUNTS else plain_amount(name, value)


def _known(trial: Trial, name: str) -> Any:
    """A cost of a trial, or the metric of that name of an evaluator that does not know costs."""
    cost = cost_of(trial, name)
    return trial.metrics.get(name) if cost is None else cost


def _error(trial: Trial) -> str:
    if trial.reward is not None:
        return ""
    return f'<div class="error">{text(trial.metrics.get("error", ""))}</div>'


def _status(trial: Trial) -> str:
    if trial.status == "ok":
        return trial.status
    style = "over" if trial.status in (OVER_LIMIT, STOPPED) else "status"
    words = "over limit" if trial.status == OVER_LIMIT else trial.status
    return f'<span class="{style}">{text(words)}</span>'

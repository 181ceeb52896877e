"""The table of all trials."""

from nasnet_keras.search.report.facts import Facts
from nasnet_keras.search.report.markup import code, duration, figure, integer, section, table, text
from nasnet_keras.search.study.trial import Trial, fingerprint

__all__ = ["listing"]

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
    best = max(facts.successful, key=lambda trial: trial.reward, default=None)
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
        ("Status", lambda trial: trial.status if trial.status == "ok" else _failed(trial.status)),
        ("Reward", lambda trial: figure(trial.reward)),
    ]
    for name, metric in (("Parameters", "parameters"), ("Multiply-adds", "multiply_adds")):
        if any(metric in trial.metrics for trial in trials):
            columns.append((name, lambda trial, metric=metric: integer(trial.metrics.get(metric))))
    columns += [
        ("Time", lambda trial: duration(trial.seconds)),
        ("Seed", lambda trial: str(trial.seed)),
        ("Fingerprint", lambda trial: code(fingerprint(trial.genotype))),
    ]
    if any(trial.reward is None for trial in trials):
        columns.append(("Error", _error))
    return columns


def _error(trial: Trial) -> str:
    if trial.reward is not None:
        return ""
    return f'<div class="error">{text(trial.metrics.get("error", ""))}</div>'


def _failed(status: str) -> str:
    return f'<span class="status">{text(status)}</span>'

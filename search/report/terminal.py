"""The summary of a search for the terminal."""

from collections.abc import Iterable, Sequence
from statistics import mean
from typing import Any

from nasnet_keras.pages.markup import number
from nasnet_keras.search.costs.limits import OVER_LIMIT
from nasnet_keras.search.report.amounts import amount, cost_name
from nasnet_keras.search.report.finalists import beyond_limits, why_winner
from nasnet_keras.search.report.weightless import weightless_note
from nasnet_keras.search.rungs import STOPPED
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.pareto import cost_of
from nasnet_keras.search.study.trial import Trial, fingerprint, genotype_of
from nasnet_keras.utils.manual import counted, documentation

__all__ = ["summary"]

_FEW = 5  # children that may be alike by chance


def summary(study: Study) -> str:
    """Compose the summary of a finished study as text of several lines.

    Args:
        study: a study whose search has ended.

    Example:
        >>> from nasnet_keras.search import SearchConfig
        >>> from nasnet_keras.search.study.trial import Trial
        >>> config = SearchConfig(tempfile.mkdtemp(), evaluator="tabular", table="nasnet_cells_cifar10")
        >>> study = Study.open(config)
        >>> study.append(Trial(0, "|none~0|", "ok", 0.5, {}, 1.0, seed=0))
        >>> "reward 0.5000" in summary(study)
        True
        >>> study.close()
    """
    best, trials, result = study.best, study.trials, study.result or {}
    over, stopped = (sum(trial.status == status for trial in trials) for status in (OVER_LIMIT, STOPPED))
    failed = sum(trial.reward is None for trial in trials) - over
    lines = [
        f"{_best(study)}, reward {best.reward:.4f}"
        + (f"; {failed} children failed" if failed else "")
        + (f"; {over} children were over the limit" if over else "")
        + (f"; {stopped} children were stopped early" if stopped else ""),
        best.genotype if isinstance(best.genotype, str) else best.genotype.describe(),
        *_costs(study),
        *_without_weights(study, result),
        "",
    ]
    if study.updates is not None:
        lines.append(f"Controller: {study.updates} updates, {study.config['children_per_update']} children each")
    lines += _alike(study.candidates)
    if study.random_trials:
        lines.append(f"Rewards of the search:     {_rewards(study, study.candidates)}")
        lines.append(f"Rewards of random search:  {_rewards(study, study.random_trials)}")
    return "\n".join([*lines, *_finalists(result), "", *_files(study, result)])


def _without_weights(study: Study, result: dict[str, Any]) -> list[str]:
    """Parts of the best child and of the winner that learn nothing, a sentence for each of both."""
    found = {fingerprint(study.best.genotype): weightless_note(study.best.genotype, "the best child")}
    for one in result.get("finalists", ()):
        if one["fingerprint"] == result.get("winner") and "genotype" in one:
            found.setdefault(one["fingerprint"], weightless_note(genotype_of(one["genotype"]), "the winner"))
    return [note for note in found.values() if note]


def _alike(trials: list[Trial]) -> list[str]:
    """Say so if no child can be told from another by its reward."""
    rewards = [trial.reward for trial in trials if trial.reward is not None]
    if len(rewards) < _FEW or max(rewards) > min(rewards):
        return []
    return [
        f"All {len(rewards)} children have the same reward, as if they had learnt nothing: the search learns nothing "
        f"of them either; see {documentation('validation_accuracy.md')}"
    ]


def _fallen(result: dict[str, Any]) -> list[str]:
    """Say so if the winner was better before the end of its training."""
    names = ("best_epoch", "best_validation_accuracy", "validation_accuracy")
    epoch, best, last = (number(result.get(name)) for name in names)
    if epoch is None or best is None or last is None:
        return []
    return [
        f"More training made the winner worse: its validation accuracy was {best:.4f} after epoch {epoch:.0f}, and is "
        f"{last:.4f} at the end. Try --final_epochs={epoch:.0f}, or a smaller --learning_rate; "
        f"{documentation('validation_accuracy.md')} tells more"
    ]


def _costs(study: Study) -> list[str]:
    """The limits, the costs of the best child and of the winner, and the size of the front."""
    front, names = study.pareto(), study.front_costs
    if not front:
        return []
    found = {fingerprint(one.genotype): one for one in study.candidates}
    winner = found.get((study.result or {}).get("winner"), study.best)
    shown = f"{'the' if study.limits else 'The'} best child has {_amounts(study.best, names)}"
    shown += f", the winner {_amounts(winner, names)}" if winner.genotype != study.best.genotype else ""
    limits = f"Limit: {', '.join(study.config['limit'])}; " if study.limits else ""
    ends = [f"{_amounts(one, names[:1])} (reward {one.reward:.4f})" for one in (front[0], front[-1])]
    size = f"{len(front)} children, from {ends[0]} to {ends[1]}" if len(front) > 1 else f"1 child, {ends[0]}"
    against = ", ".join(map(cost_name, names))
    measured = [] if study.device is None else [f"Measured on {study.device}"]
    within = sum(study.objective.within(one.costs) for one in front)
    of_these = "" if within == len(front) else f"; {within} within the limit"
    if beyond := beyond_limits(study.limits, study.result or {}):
        measured.append(f"Limits are of children: as it was trained, larger, the winner has {_plain(beyond)}")
    return [f"{limits}{shown}", *measured, f"Front of reward against {against}: {size}{of_these}"]


def _amounts(trial: Trial, names: Sequence[str]) -> str:
    return _plain(amount(name, cost_of(trial, name)) for name in names)


def _plain(amounts: Iterable[str]) -> str:
    return ", ".join(amounts).replace("&nbsp;", " ")


def _finalists(result: dict[str, Any]) -> list[str]:
    lines = []
    finalists = result.get("finalists", ())
    for origin, name in (("search", "Best genotypes"), ("random", "Random genotypes")):
        ours = [finalist for finalist in finalists if finalist["origin"] == origin]
        if any(_test(one) != "ok" for one in ours):  # some benchmarks have no test accuracy
            lines.append(f"{f'{name}, test accuracy:':33s}{', '.join(map(_test, ours))}")
    if result.get("kendall_tau") is not None:
        lines.append(f"Kendall's tau of rewards and finalists: {result['kendall_tau']:.2f}")
    return lines


def _best(study: Study) -> str:
    derived = study.derived_trials
    if derived and study.candidates == derived:
        return f"Best of {len(derived)} derived genotypes: number {study.best.trial}"
    return f"Best of {len(study.trials)} children: trial {study.best.trial}"


def _rewards(study: Study, trials: list[Trial]) -> str:
    """The rewards of the children within the limits: larger ones are not compared with them."""
    judged = [trial for trial in trials if trial.reward is not None]
    rewards = [trial.reward for trial in judged if study.objective.within(trial.costs)]
    if not rewards:
        return f"none of {len(trials)} children within the limit" if judged else f"all {len(trials)} children failed"
    limited = " within the limit" if study.limits else ""
    return f"mean {mean(rewards):.4f}, best {max(rewards):.4f} of {len(rewards)}{limited}"


def _test(finalist: dict[str, Any]) -> str:
    metrics = finalist["metrics"]
    tests = [value for name, value in metrics.items() if name.startswith("test_accuracy")]
    return f"{tests[0]:.4f}" if tests else finalist["status"]


def _files(study: Study, result: dict[str, Any]) -> list[str]:
    names = {"Best child": "best_genotype.json", "Card": result.get("card"), "Model": result.get("model")}
    names |= {"Trials": "trials.jsonl", "Report": "report.html"}
    lines = [f"{f'{title}:':12s}{study.path / name}" for title, name in names.items() if name]
    if {"test_images", "test_accuracy", "epochs", "parameters"} <= result.keys():
        lines.insert(
            0,
            f"Winner: test accuracy {result['test_accuracy']:.4f} on {result['test_images']:,} images after "
            f"{counted(result['epochs'], 'epoch')}, {result['parameters']:,} parameters. "
            f"{why_winner(result.get('finalists', ()), study.objective.own)}",
        )
        lines[1:1] = _fallen(result)
    return lines

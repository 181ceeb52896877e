"""Trials and studies in one line, for whoever prints them."""

from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.utils.manual import counted

__all__ = ["study_words", "trial_words"]

_LONGEST = 60  # letters of a benchmark's string, or of an error


def trial_words(trial: Any) -> str:
    """Describe a trial: its number and status, the reward or the error, costs, genotype and time.

    Example:
        >>> from nasnet_keras.search.study.trial import Trial
        >>> Trial(3, "|none~0|", "ok", 0.5, {}, 12.3, seed=0, costs={"parameters": 1160})
        <Trial 3: ok, reward 0.5000, parameters=1160, |none~0|, 12.3 s>
    """
    expected = "" if trial.status == "ok" else "expected "
    said = f"{expected}reward {trial.reward:.4f}" if trial.reward is not None else _cut(trial.metrics.get("error", ""))
    costs = [f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in _few(trial)]
    known = isinstance(trial.genotype, BaseGenotype)
    genotype = f"{type(trial.genotype).__name__} {trial.genotype.fingerprint}" if known else _cut(trial.genotype)
    parts = [trial.status, *([said] if said else []), *costs, genotype, f"{trial.seconds:.1f} s"]
    return f"<Trial {trial.trial}: {', '.join(parts)}>"


def study_words(path: Any, config: dict[str, Any], counts: dict[str, int], best: Any) -> str:
    """Describe a study: folder, algorithm, space and data set or table, trials by group, and the best one.

    Args:
        path: its folder.
        config: its configuration, which may be damaged.
        counts: numbers of trials by group.
        best: the best trial, or None.

    Example:
        >>> study_words("s1", {"algorithm": "ppo", "space": "nasnet", "dataset": "digits"}, {"search": 8}, None)
        '<Study s1: ppo in nasnet on digits, 8 trials, none within the limits succeeded>'
    """
    images = config.get("table") or config.get("dataset", "unnamed images")
    names = [_cut(config.get("algorithm", "?")), _cut(config.get("space", "nasnet")), _cut(images)]
    also = [f"{count:,} {group}" for group, count in counts.items() if count and group != "search"]
    done = counted(counts["search"], "trial") + (f" and {', '.join(also)}" if also else "")
    first = f"best reward {best.reward:.4f} of trial {best.trial}" if best else "none within the limits succeeded"
    said = first if counts["search"] else "no trial has finished"
    return f"<Study {path}: {names[0]} in {names[1]} on {names[2]}, {done}, {said}>"


def _few(trial: Any) -> list[tuple[str, Any]]:
    """The costs of a trial, without that which others imply."""
    return [(name, value) for name, value in trial.costs.items() if name != "trainable_parameters"]


def _cut(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

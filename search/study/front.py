"""The front of a study as it stands in `result.json`."""

from collections.abc import Iterable, Mapping
from typing import Any

from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.pareto import hypervolume, points_of, reference_of
from nasnet_keras.search.study.trial import Trial, fingerprint

__all__ = ["front_record"]


def front_record(study: Study, finalists: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Describe the front, by the costs that have limits, else by the multiply-adds, as JSON values.

    Args:
        study: the study.
        finalists: the entries of `result.json` on the finalists.

    Returns:
        The field `front`: names of costs, the trials of the front with costs, reward, and the score of those that were
        trained to the end, else None; the hypervolume of all children and that of the random ones, None if there are
        none, with their reference point. Nothing if no child has these costs.
    """
    found = study.pareto()
    if not found:
        return {}
    names, limits = study.front_costs, study.limits
    ours, random = study.derived_trials or study.trials, study.random_trials
    corner = reference_of([*ours, *random], names, limits)
    scores = {one["fingerprint"]: one["reward"] for one in finalists if one["origin"] == "search"}

    def volume(trials: list[Trial]) -> float | None:
        judged = [trial for trial in trials if trial.reward is not None]
        return hypervolume(points_of(judged, names), corner) if judged else None

    front = {
        "costs": list(names),
        "hypervolume": volume(ours),
        "random_hypervolume": volume(random),
        "reference": {"costs": dict(zip(names, corner, strict=False)), "reward": corner[-1]},
        "trials": [_entry(trial, scores) for trial in found],
    }
    return {"front": front}


def _entry(trial: Trial, scores: Mapping[str, float | None]) -> dict[str, Any]:
    name = fingerprint(trial.genotype)
    known = {"trial": trial.trial, "fingerprint": name, "costs": trial.costs, "reward": trial.reward}
    return {**known, "score": scores.get(name)}

"""The front of a study as it stands in `result.json`."""

from collections.abc import Iterable, Mapping
from typing import Any

from nasnet_keras.search.costs.limits import OVER_LIMIT
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.pareto import hypervolume, points_of, reference_of
from nasnet_keras.search.study.trial import Trial, fingerprint

__all__ = ["front_record", "judged", "with_costs"]


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
    ours, random = study.candidates, study.random_trials
    corner = reference_of([*ours, *random], names, limits)
    scores = {one["fingerprint"]: one["reward"] for one in finalists if one["origin"] == "search"}

    def volume(trials: list[Trial]) -> float | None:
        judged = [trial for trial in trials if trial.status == "ok"]
        return hypervolume(points_of(judged, names), corner) if judged else None

    front = {
        "costs": list(names),
        "hypervolume": volume(ours),
        "random_hypervolume": volume(random),
        "reference": {"costs": dict(zip(names, corner, strict=False)), "reward": corner[-1]},
        "trials": [_entry(trial, scores) for trial in found],
    }
    return {"front": front}


def judged(study: Study) -> dict[str, Trial]:
    """Return the trials of a study that succeeded or were over a limit, by the fingerprints of their genotypes.

    Of several of one genotype it is that among which the best one is chosen, with the costs of the latest device.

    Example:
        judged(load_study("study"))[genotype.fingerprint].costs
    """
    trials = [*study.random_trials, *study.derived_trials, *study.trials, *study.candidates]
    return {fingerprint(one.genotype): one for one in trials if one.status in ("ok", OVER_LIMIT)}


def with_costs(study: Study, finalists: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries of `result.json` on the finalists with the costs of their children, on the latest device.

    Those without costs, of earlier versions, have none, and those that were no children with costs keep their own.

    Example:
        with_costs(study, study.result["finalists"])
    """
    known = {name: trial for name, trial in judged(study).items() if trial.costs}
    return [
        {**one, "costs": known[one["fingerprint"]].costs}
        if "costs" in one and one["fingerprint"] in known
        else dict(one)
        for one in finalists
    ]


def _entry(trial: Trial, scores: Mapping[str, float | None]) -> dict[str, Any]:
    name = fingerprint(trial.genotype)
    known = {"trial": trial.trial, "fingerprint": name, "costs": trial.costs, "reward": trial.reward}
    return {**known, "score": scores.get(name)}

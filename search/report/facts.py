"""The facts that the sections of a study's page show, gathered once."""

from dataclasses import dataclass, field
from typing import Any

from nasnet_keras.search import registry
from nasnet_keras.search.report.markup import number
from nasnet_keras.search.study.folder import Study, StudyError
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.utils.json_text import parse, text_of

__all__ = ["Facts", "accuracy", "gather"]


@dataclass(frozen=True)
class Facts:
    """A study at one moment.

    Attributes:
        study: the study; its files are not read again.
        config: the configuration in `study.json`.
        trials: the trials that the search proposed.
        successful: the trials with a reward that can be drawn.
        derived: the genotypes derived from the controller at the end of a supernet's search, judged as the random
            children are; empty for other searches.
        random: the random children to compare with; random search compares with its own.
        failed_random: number of failed random children, not counting the search's own.
        result: the result of the best genotype; None until there is one.
        finalists: the entries of `result.json` on the finalists, which were trained alike at the end.
        versions: versions of the packages that began the study.
        problem: the error, if a file could not be read.
    """

    study: Study
    config: dict[str, Any]
    trials: list[Trial]
    successful: list[Trial]
    derived: list[Trial]
    random: list[Trial]
    failed_random: int
    result: dict[str, Any] | None
    finalists: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None

    @property
    def algorithm(self) -> str:
        """The name of the search algorithm."""
        return self.config["algorithm"]

    @property
    def is_random(self) -> bool:
        """Whether the search is random search itself."""
        return registry.algorithm(self.algorithm).is_baseline and not self.derived

    @property
    def candidates(self) -> list[Trial]:
        """The children among which the best one is chosen: the derived ones, or the search's own."""
        return self.derived or self.successful

    @property
    def planned(self) -> int | None:
        """The requested number of trials; None if the study does not say."""
        planned = self.config.get("trials")
        return planned if isinstance(planned, int) and not isinstance(planned, bool) else None

    @property
    def rewards(self) -> list[float]:
        """The rewards of the successful trials."""
        return [trial.reward for trial in self.successful]

    @property
    def random_rewards(self) -> list[float]:
        """The rewards of the random children."""
        return [trial.reward for trial in self.random]


def gather(study: Study) -> Facts:
    """Gather the facts of a study. A damaged result becomes the fact `problem`."""
    problem, result = None, None
    try:
        result = study.result
    except StudyError as error:
        problem = str(error)
    beside = study.random_trials
    successful = [trial for trial in study.trials if number(trial.reward) is not None]
    derived = [trial for trial in study.derived_trials if number(trial.reward) is not None]
    is_random = registry.algorithm(study.config["algorithm"]).is_baseline and not derived
    found = result.get("finalists") if result else None
    return Facts(
        study=study,
        config=study.config,
        trials=study.trials,
        successful=successful,
        derived=derived,
        random=successful if is_random else [trial for trial in beside if number(trial.reward) is not None],
        failed_random=0 if is_random else sum(trial.reward is None for trial in beside),
        result=result,
        finalists=[one for one in found if isinstance(one, dict)] if isinstance(found, list) else [],
        versions=_versions(study),
        problem=problem,
    )


def accuracy(metrics: Any, name: str) -> float | None:
    """Return an accuracy in percent, from a trained child's share or a benchmark's percentage (`NAME_200_epochs`)."""
    if not isinstance(metrics, dict):
        return None
    if (share := number(metrics.get(name))) is not None:
        return 100.0 * share
    tabular = (
        key for key in metrics if isinstance(key, str) and key.startswith(f"{name}_") and key.endswith("_epochs")
    )
    return next((value for key in tabular if (value := number(metrics[key])) is not None), None)


def _versions(study: Study) -> dict[str, Any]:
    try:
        plain = parse(text_of(study.path / "study.json"))
    except (OSError, ValueError):
        return {}
    versions = plain.get("versions") if isinstance(plain, dict) else None
    return versions if isinstance(versions, dict) else {}

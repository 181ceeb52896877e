"""The facts that the sections of a study's page show, gathered once."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nasnet_keras.pages.markup import number
from nasnet_keras.search import registry
from nasnet_keras.search.costs.limits import OVER_LIMIT
from nasnet_keras.search.report.places import UnderWay
from nasnet_keras.search.rungs import STOPPED
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.pareto import cost_of
from nasnet_keras.search.study.trial import Trial, fingerprint
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.workdir import STUDY

__all__ = ["Facts", "accuracy", "gather"]


@dataclass(frozen=True)
class Facts:
    """A study at one moment.

    Attributes:
        study: the study; its files are not read again.
        config: the configuration in `study.json`.
        trials: the trials that the search proposed.
        successful: the trials with a reward that can be drawn, the expected one of those that were stopped included.
        derived: the genotypes derived from the controller at the end of a supernet's search, judged as the random
            children are; empty for other searches, and if none of them is within the limits.
        random: the random children to compare with, within the limits; random search compares with its own.
        random_beyond: further random children with a reward, whose costs are over a limit.
        over_limit: the trials of the search that were over a limit, so that they were not trained.
        failed: the trials of the search that failed.
        failed_random: number of failed random children, not counting the search's own.
        limits: the largest value of each cost that has a limit, by its name.
        costs: the names of costs that children are compared by: those that have limits, else the multiply-adds, as far
            as any child has them; none in studies without costs.
        result: the result of the best genotype; None until there is one.
        finalists: the entries of `result.json` on the finalists, which were trained alike at the end.
        versions: versions of the packages that began the study.
        problem: the error, if a file could not be read.
        under_way: the children that are being judged; None if no search is going on.
    """

    study: Study
    config: dict[str, Any]
    trials: list[Trial]
    successful: list[Trial]
    derived: list[Trial]
    random: list[Trial]
    over_limit: list[Trial]
    failed: list[Trial]
    failed_random: int
    limits: dict[str, float]
    costs: tuple[str, ...]
    result: dict[str, Any] | None
    random_beyond: list[Trial] = field(default_factory=list)
    finalists: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, Any] = field(default_factory=dict)
    problem: str | None = None
    under_way: UnderWay | None = None

    @property
    def algorithm(self) -> str:
        """The name of the search algorithm."""
        return self.config["algorithm"]

    @property
    def proxy(self) -> str | None:
        """The name of the zero-cost proxy that rewards are; None if they are accuracies, or another's figures."""
        return self.config.get("proxy")

    @property
    def is_random(self) -> bool:
        """Whether the search is random search itself."""
        return registry.algorithm(self.algorithm).is_baseline and not self.derived

    @cached_property
    def candidates(self) -> list[Trial]:
        """The children among which the best one is chosen: the derived ones, or the search's own, within the limits."""
        return [trial for trial in self.derived if self.is_within(trial)] or self.within

    @cached_property
    def within(self) -> list[Trial]:
        """The successful trials of the search within the limits."""
        return [trial for trial in self.successful if self.is_within(trial)]

    def is_within(self, trial: Trial) -> bool:
        """Whether the costs of a trial are within all limits; one that is not known is not."""
        return self.study.objective.within(trial.costs)

    @cached_property
    def complete(self) -> list[Trial]:
        """The trials of the search within the limits that were not stopped."""
        return [trial for trial in self.within if trial.status == "ok"]

    @cached_property
    def stopped(self) -> list[Trial]:
        """The trials that were stopped at a rung."""
        return [trial for trial in self.successful if trial.status == STOPPED]

    @property
    def over_limit_random(self) -> int:
        """The number of random children that were over a limit, so that they were not trained."""
        return 0 if self.is_random else sum(trial.status == OVER_LIMIT for trial in self.study.random_trials)

    @property
    def cost(self) -> str | None:
        """The name of the cost at which children are compared; None if no cost is known."""
        return self.costs[0] if self.costs else None

    @cached_property
    def children(self) -> dict[str, Trial]:
        """All children with costs by the fingerprint of their genotype, random and derived ones too."""
        study = self.study
        return {
            fingerprint(one.genotype): one
            for one in (*study.trials, *study.random_trials, *study.derived_trials)
            if one.costs
        }

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


def gather(study: Study, under_way: UnderWay | None = None) -> Facts:
    """Gather the facts of a study. A damaged result becomes the fact `problem`."""
    problem, result = None, None
    try:
        result = study.result
    except StudyError as error:
        problem = str(error)
    successful, derived, beside = (
        [trial for trial in trials if number(trial.reward) is not None]
        for trials in (study.trials, study.derived_trials, study.random_trials)
    )
    derived = derived if any(study.objective.within(trial.costs) for trial in derived) else []
    rewardless = [trial for trial in study.trials if trial.reward is None]
    is_random = registry.algorithm(study.config["algorithm"]).is_baseline and not derived
    limits = study.limits
    facts = Facts(
        study=study,
        config=study.config,
        trials=study.trials,
        successful=successful,
        derived=derived,
        random=successful if is_random else beside,
        over_limit=[trial for trial in rewardless if trial.status == OVER_LIMIT],
        failed=[trial for trial in rewardless if trial.status != OVER_LIMIT],
        failed_random=0 if is_random else sum(_has_failed(trial) for trial in study.random_trials),
        limits=limits,
        costs=tuple(name for name in study.front_costs if _known(name, derived or successful)),
        result=result,
        finalists=_finalists(result),
        versions=_versions(study),
        problem=problem,
        under_way=under_way,
    )
    within = [trial for trial in facts.random if facts.is_within(trial)]
    return replace(facts, random=within, random_beyond=[trial for trial in facts.random if not facts.is_within(trial)])


def _finalists(result: dict[str, Any] | None) -> list[dict[str, Any]]:
    found = result.get("finalists") if result else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


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


def _has_failed(trial: Trial) -> bool:
    return trial.reward is None and trial.status != OVER_LIMIT


def _known(name: str, trials: list[Trial]) -> bool:
    return any(cost_of(trial, name) is not None for trial in trials)


def _versions(study: Study) -> dict[str, Any]:
    try:
        plain = parse(text_of(study.path / STUDY))
    except (OSError, ValueError):
        return {}
    versions = plain.get("versions") if isinstance(plain, dict) else None
    return versions if isinstance(versions, dict) else {}

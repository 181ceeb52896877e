"""Charts of a study as files: SVG pictures that stand alone, for papers, slides and notebooks."""

from pathlib import Path
from typing import Any

from nasnet_keras.pages.picture import picture
from nasnet_keras.search.report import front, rewards
from nasnet_keras.search.report.facts import gather
from nasnet_keras.search.report.marks import MARK_STYLE
from nasnet_keras.search.study.folder import Study, load_study
from nasnet_keras.search.study.pareto import cost_of
from nasnet_keras.utils.checks import quoted, svg_path
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.manual import counted
from nasnet_keras.utils.near import suggestion
from nasnet_keras.utils.workdir import folder_name

__all__ = [
    "known_costs",
    "optimization_history_svg",
    "pareto_front_svg",
    "plot_optimization_history",
    "plot_pareto_front",
]


def plot_optimization_history(study: Study | str | Path, path: str | Path) -> Path:
    """Draw the rewards of a study over its trials, with the best so far and what chance would find, as an SVG file.

    Args:
        study: a study at any moment, or its folder.
        path: the file to write, which ends in `.svg`.

    Returns:
        The path of the file.

    Raises:
        ValueError: the path does not end in `.svg`, or no trial has a reward yet.
        TypeError: `study` is neither a study nor a folder.
        StudyError: the folder holds no study.
        OSError: the file cannot be written.

    Example:
        plot_optimization_history("study", "history.svg")
    """
    path = svg_path(path)
    write_text(path, optimization_history_svg(_read(study)))
    return path


def optimization_history_svg(study: Study) -> str:
    """Draw the rewards of a study over its trials as SVG text; see `plot_optimization_history`."""
    facts = gather(study)
    if not facts.successful:
        raise ValueError(_nothing(study))
    return picture(*rewards.chart(facts), f"{folder_name(study.path)}: reward over trials", MARK_STYLE)


def plot_pareto_front(study: Study | str | Path, path: str | Path, cost: str | None = None) -> Path:
    """Draw the rewards of a study against a cost, with the front, the limit and random children, as an SVG file.

    Args:
        study: a study at any moment, or its folder.
        path: the file to write, which ends in `.svg`.
        cost: the name of a cost, one of `study.cost_names`; by default the first of `study.front_costs`.

    Returns:
        The path of the file.

    Raises:
        ValueError: the path does not end in `.svg`, no trial has a reward yet, or none has such a cost.
        TypeError: `study` is neither a study nor a folder.
        StudyError: the folder holds no study.
        OSError: the file cannot be written.

    Example:
        study = load_study("study")
        for cost in study.cost_names:
            plot_pareto_front(study, f"{cost}.svg", cost)
    """
    path = svg_path(path)
    write_text(path, pareto_front_svg(_read(study), cost))
    return path


def pareto_front_svg(study: Study, cost: str | None = None) -> str:
    """Draw the rewards of a study against a cost as SVG text; see `plot_pareto_front`."""
    facts = gather(study)
    known = facts.derived or facts.successful
    if not known:
        raise ValueError(_nothing(study))
    cost = study.front_costs[0] if cost is None else cost
    if not any(cost_of(trial, cost) is not None for trial in known):
        others = suggestion(cost, known_costs(study))
        raise ValueError(f"no trial of {study.path} with a reward has the cost {quoted(cost)}: {others}")
    return picture(*front.chart(facts, cost), f"{folder_name(study.path)}: reward against {cost}", MARK_STYLE)


def known_costs(study: Study) -> tuple[str, ...]:
    """The names of the costs that children have, those of the search first, then those of derived ones."""
    return tuple(dict.fromkeys([*study.cost_names, *(name for one in study.derived_trials for name in one.costs)]))


def _read(study: Any) -> Study:
    if isinstance(study, str | Path):
        return load_study(study)
    if not isinstance(study, Study):
        raise TypeError(f"a study is drawn: expected what load_study returns, or a study's folder, got {quoted(study)}")
    return study


def _nothing(study: Study) -> str:
    if derived := sum(one.reward is not None for one in study.derived_trials):
        return (
            f"no trial of the search with a reward is in {study.path}, only {counted(derived, 'genotype')} derived "
            f"from the controller at its end, which have no course"
        )
    return f"no trial of {study.path} has a reward yet, so that there is nothing to draw"

"""All pictures of a folder: of a search, of a search with several seeds, or of a training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasnet_keras.card import Card
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.plotting.cells import genotype_svg
from nasnet_keras.search import spaces
from nasnet_keras.search.costs.limits import is_name
from nasnet_keras.search.registry import SPACES
from nasnet_keras.search.report.compared import compare
from nasnet_keras.search.report.pictures import known_costs, optimization_history_svg, pareto_front_svg
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study, load_study
from nasnet_keras.search.study.result import FINAL, RESULT, final_folder, finalist_name
from nasnet_keras.search.study.seeds import load_studies
from nasnet_keras.search.study.trial import Trial, fingerprint, network_genotype
from nasnet_keras.training.picture import RUNS, training_curve_svg
from nasnet_keras.training.records import HISTORY
from nasnet_keras.utils.checks import model_name, quoted
from nasnet_keras.utils.workdir import SEEDS, STUDY, description_of, folder_name, not_of, recorded

__all__ = ["Figures", "figures", "is_picture"]

_NAMES = ("best_genotype", "best_reward", "genotype", "optimization_history", "training_curve")
_NAMES += ("winner_genotype", "winner_training")
_FRONT = "pareto_front_"  # before the name of a cost


@dataclass
class Figures:
    """The pictures of a folder.

    Attributes:
        pictures: SVG text by the name of a picture, such as `best_genotype`.
        lacking: by the name of a picture that there is not, or not yet: why.
    """

    pictures: dict[str, str] = field(default_factory=dict)
    lacking: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, draw: Callable[[], str]) -> None:
        """Add what a function draws, or the error that says why it cannot."""
        try:
            self.pictures[name] = draw()
        except (OSError, ValueError) as error:
            self.lacking[name] = str(error)

    def add_all(self, others: "Figures", folder: str) -> None:
        """Add those of another folder, whose names begin with its own."""
        for name, drawn in others.pictures.items():
            self.pictures[f"{folder}/{name}"] = drawn
        for name, reason in others.lacking.items():
            self.lacking[f"{folder}/{name}"] = reason


def is_picture(name: str) -> bool:
    """Tell whether a file's name is one that a picture of `figures` can have.

    Example:
        >>> is_picture("winner_genotype.svg"), is_picture("pareto_front_latency_ms.svg"), is_picture("logo.svg")
        (True, True, False)
    """
    stem, _, suffix = name.rpartition(".")
    return suffix == "svg" and (stem in _NAMES or (stem.startswith(_FRONT) and is_name(stem.removeprefix(_FRONT))))


def figures(folder: Path, costs: Sequence[str] = ()) -> Figures:
    """Draw what there is to draw of a folder, at any moment of a search or a training; nothing is written.

    Args:
        folder: of a study, of a search with several seeds, or of a training or a fine-tuning.
        costs: the names of the costs of Pareto plots; none for all that children have.

    Raises:
        ValueError: the folder is none of these, or is damaged; or there is nothing to draw yet, or no such cost.
    """
    file = description_of(folder)
    if file in (STUDY, SEEDS):
        found = _of_study(load_study(folder), costs) if file == STUDY else _of_seeds(folder, costs)
        for cost in costs:
            _check_drawn(found, f"{_FRONT}{cost}")
        return found
    if file is None and not (folder / HISTORY).is_file():
        raise not_of(folder, (STUDY, SEEDS, *RUNS, HISTORY), "nasnet-search, nasnet-train or nasnet-finetune")
    if costs:
        raise ValueError(f"{folder} holds a training, and --cost is for the folder of a search")
    return _of_training(folder)


def _of_study(study: Study, costs: Sequence[str]) -> Figures:
    if not _has_rewards(study):
        raise ValueError(f"no trial of {study.path} has a reward yet, so that there is nothing to draw")
    found, space = Figures(), study.config.get("space")
    found.add("optimization_history", lambda: optimization_history_svg(study))
    drawn = costs or known_costs(study)
    for cost in drawn:
        found.add(f"{_FRONT}{cost}", lambda cost=cost: pareto_front_svg(study, cost))
    if not drawn:
        found.lacking["pareto_front"] = "no child has a cost"
    found.add("best_genotype", lambda: _drawn(study.best, space))
    try:
        winner = (study.result or {}).get("winner")
    except StudyError as error:
        found.lacking["winner"] = str(error)
    else:
        _add_winner(found, study, winner)
    return found


def _check_drawn(found: Figures, name: str) -> None:
    """Raise a ValueError unless a picture of a name is drawn, of a study or of one of several."""
    if not any(one.rpartition("/")[2] == name for one in found.pictures):
        raise ValueError(next(why for one, why in found.lacking.items() if one.rpartition("/")[2] == name))


def _has_rewards(study: Study) -> bool:
    return any(one.reward is not None for one in (*study.trials, *study.derived_trials))


def _drawn(trial: Trial | None, space: Any) -> str:
    """The picture of a child's genotype, as a network is built of it.

    Raises:
        ValueError: there is no such child, or no network of it is known.
    """
    if trial is None:
        raise ValueError("no child is within the limits yet")
    genotype = trial.genotype
    built = network_genotype(genotype)
    if built is None and space in SPACES:  # a benchmark's name for a network
        built = spaces.make(space).architecture(genotype)
    if built is None:
        raise ValueError(f"it is {quoted(genotype)}, of which no network is known")
    return genotype_svg(built)


def _add_winner(found: Figures, study: Study, winner: Any) -> None:
    """Add the genotype of the winner, which may be another than the best child's, and its training."""
    if winner is None:
        found.lacking["winner_genotype"] = found.lacking["winner_training"] = _why_no_winner(study)
        return
    trial = next((one for one in study.candidates if fingerprint(one.genotype) == winner), None)
    if trial is not None:
        found.add("winner_genotype", lambda: _drawn(trial, study.config.get("space")))
    else:
        found.lacking["winner_genotype"] = (
            f"{study.path / RESULT} names {quoted(winner)}, which is none of the children to choose from"
        )
    folder = study.path / final_folder(study.result.get("settings", {})) / finalist_name("search", winner)
    if folder.is_dir():
        title = f"{folder_name(study.path)}: accuracy of the winner over epochs"
        found.add("winner_training", lambda: training_curve_svg(folder, title))
    else:
        found.lacking["winner_training"] = f"there is no folder {folder}"


def _why_no_winner(study: Study) -> str:
    if (study.path / RESULT).is_file():
        return "another genotype is the best now than when the finalists were trained, and its own are not trained yet"
    if (study.path / FINAL).is_dir():
        return "the finalists are not all trained yet"
    return "no finalist has been trained yet"


def _of_seeds(folder: Path, costs: Sequence[str]) -> Figures:
    studies = load_studies(folder)
    if not studies:
        raise StudyError(f"no search of {folder} has begun yet, so that there is nothing to draw")
    found = Figures()
    found.add("best_reward", lambda: compare(studies).svg())
    for study in studies:
        if _has_rewards(study):
            found.add_all(_of_study(study, costs), study.path.name)
    if not found.pictures:
        raise StudyError(f"no trial of {folder} has a reward yet, so that there is nothing to draw")
    return found


def _of_training(folder: Path) -> Figures:
    found = Figures({"training_curve": training_curve_svg(folder)})
    found.add("genotype", lambda: genotype_svg(_trained(folder)))
    return found


def _trained(folder: Path) -> BaseGenotype:
    """The genotype of a training that has ended.

    Raises:
        ValueError: it has not, or its card or the file that says the card's name is damaged.
        OSError: a file cannot be read.
    """
    file = description_of(folder)
    if file is None:
        raise ValueError(
            f"it is in the card of the training, whose name {' or '.join(RUNS)} says, and neither is there"
        )
    try:
        name = model_name(recorded(folder, file).get("name"))
    except ValueError:
        raise ValueError(
            f"{folder / file} is damaged or cannot be read: it does not say the name of the card"
        ) from None
    path = folder / f"{name}.json"
    if not path.is_file():
        raise ValueError("it is in the card that a training writes in the end, and there is none yet")
    return Card.read(path).genotype

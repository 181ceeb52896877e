"""A search with several seeds: one study after another, and one report of all."""

from absl import logging

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.loop import run
from nasnet_keras.search.report.compared import Comparison, compare
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.known import check_continues
from nasnet_keras.search.study.seeds import SeedsFolder
from nasnet_keras.utils.progress import showing

__all__ = ["run_seeds"]


def run_seeds(config: SearchConfig, seeds: int) -> Comparison:
    """Search with several seeds, one after another, and write one report with the mean and the spread of all.

    The study of seed N is in the folder `seed_N` of `config.workdir`, and is what `run` would make there: with its own
    children, random children, finalists and winner. The studies share settings and images, and nothing that one of them
    found. A search that was stopped at any moment goes on when this is called again; `trials` and `seeds` may grow.

    Args:
        config: the configuration of the first seed, `config.seed`; the others are those after it.
        seeds: the number of seeds.

    Returns:
        The comparison of the studies, whose page is `report.html` of the folder.

    Raises:
        SearchError: as of `run`.
        StudyError: as of `run`, or the folder holds something else.
        ValueError: the number is not from 1 to 1,000.

    Example:
        print(run_seeds(SearchConfig("s5", trials=20), seeds=5))
    """
    folder = SeedsFolder(config, seeds)
    try:
        configs, studies = folder.configs(), []
        for one in configs:
            check_continues(one)  # before the first of them takes hours
        for number, one in enumerate(configs, 1):
            logging.warning("seed %d, in %s (%d of %d)", one.seed, one.workdir, number, len(configs))
            studies.append(run(one))
            _show(studies, folder)
        return compare(studies)
    finally:
        folder.close()


def _show(studies: list[Study], folder: SeedsFolder) -> None:
    """Write the report of the studies so far."""
    with showing("the report of all seeds"):
        compare(studies).write(folder.path / "report.html")

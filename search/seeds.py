"""A search with several seeds: one study after another, and one report of all."""

from collections.abc import Mapping
from pathlib import Path

from absl import logging

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.loop import SearchError, run
from nasnet_keras.search.own import Own
from nasnet_keras.search.report.compared import Comparison, compare
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.known import check_continues
from nasnet_keras.search.study.seeds import SeedsFolder, load_studies
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
        The comparison of the folder's studies, also of earlier calls' seeds; its page is `report.html` of the folder.

    Raises:
        SearchError: as of `run`.
        StudyError: as of `run`, or the folder holds something else.
        ValueError: the number is not from 1 to 1,000.

    Example:
        >>> table = {"evaluator": "tabular", "table": "nasnet_cells_cifar10"}  # in place of hours of training
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = run_seeds(SearchConfig(folder, algorithm="random", trials=8, **table), seeds=2)
        ...     [study.path.name for study in found.studies]
        ['seed_0', 'seed_1']
    """
    try:
        config = Own().settled(config)  # once for all seeds, wherever each of them runs
    except ValueError as error:
        raise SearchError(str(error)) from error
    folder = SeedsFolder(config, seeds)
    try:
        configs, done = folder.configs(), {}
        for one in configs:
            check_continues(one)  # before the first of them takes hours
        for number, one in enumerate(configs, 1):
            logging.warning("seed %d, in %s (%d of %d)", one.seed, one.workdir, number, len(configs))
            done[one.workdir] = run(one)
            with showing("the report of all seeds"):
                _compared(folder, done).write(folder.path / "report.html")
        return _compared(folder, done)
    finally:
        folder.close()


def _compared(folder: SeedsFolder, done: Mapping[Path, Study]) -> Comparison:
    """Compare all studies of the folder, those of this call with the values of its settings."""
    return compare(done.get(one.path, one) for one in load_studies(folder.path))

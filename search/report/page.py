"""A study as one page for a browser or for paper: no other file, no network and no script is needed to read it."""

from pathlib import Path

from nasnet_keras.search.report.cells import best_cells, operations
from nasnet_keras.search.report.facts import gather
from nasnet_keras.search.report.finalists import finalists
from nasnet_keras.search.report.head import failures, head, title
from nasnet_keras.search.report.listing import listing
from nasnet_keras.search.report.markup import page
from nasnet_keras.search.report.rebuild import rebuild
from nasnet_keras.search.report.rewards import rewards
from nasnet_keras.search.study.folder import Study
from nasnet_keras.utils.files import write_text

__all__ = ["report", "write_report"]

_SECTIONS = (head, rewards, finalists, best_cells, operations, failures, rebuild, listing)


def report(study: Study) -> str:
    """The page as HTML text, at any moment of a study. The same files give the same text.

    Args:
        study: from `load_study`, or while it is written to.

    Raises:
        StudyError: its configuration is damaged.
    """
    facts = gather(study)
    return page(title(facts), "\n".join(part for section in _SECTIONS if (part := section(facts))))


def write_report(study: Study) -> Path:
    """Write the page to `report.html` in the study's folder, at once; returns its path.

    Raises:
        OSError: it cannot be written.
        StudyError: the study's configuration is damaged.
    """
    path = study.path / "report.html"
    write_text(path, report(study))
    return path

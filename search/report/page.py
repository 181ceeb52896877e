"""A study as one page for a browser or for paper, which needs no other file, no network and no script."""

from pathlib import Path

from nasnet_keras.pages.markup import page
from nasnet_keras.search.report.cells import best_cells, operations
from nasnet_keras.search.report.facts import gather
from nasnet_keras.search.report.finalists import finalists
from nasnet_keras.search.report.front import front
from nasnet_keras.search.report.head import failures, head, title
from nasnet_keras.search.report.listing import listing
from nasnet_keras.search.report.notes import notes
from nasnet_keras.search.report.places import UnderWay
from nasnet_keras.search.report.rebuild import rebuild
from nasnet_keras.search.report.rewards import rewards
from nasnet_keras.search.report.style import STYLE
from nasnet_keras.search.study.folder import Study
from nasnet_keras.utils.files import write_text

__all__ = ["report", "write_report"]

_SECTIONS = (head, rewards, front, notes, finalists, best_cells, operations, failures, rebuild, listing)


def report(study: Study, under_way: UnderWay | None = None) -> str:
    """Compose the page as HTML text, at any moment of a study. Equal files give equal text.

    Args:
        study: a study from `load_study`, or one that a search is writing.
        under_way: the children that are being judged; None if no search is going on.

    Raises:
        StudyError: its configuration is damaged.

    Example:
        >>> study = Study(Path("study"), {"algorithm": "ppo"}, search=[])
        >>> report(study)[:15]
        '<!DOCTYPE html>'
    """
    facts = gather(study, under_way)
    body = "\n".join(part for section in _SECTIONS if (part := section(facts)))
    return page(title(facts), body, STYLE)


def write_report(study: Study, under_way: UnderWay | None = None) -> Path:
    """Write the page to `report.html` in the study's folder and return its path.

    A reader sees the old page or the new one, and never a part of one.

    Args:
        study, under_way: as of `report`.

    Raises:
        OSError: the file cannot be written.
        StudyError: the study's configuration is damaged.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_report(Study(Path(folder), {"algorithm": "ppo"}, search=[])).name
        'report.html'
    """
    path = study.path / "report.html"
    write_text(path, report(study, under_way))
    return path

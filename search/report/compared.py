"""Several studies compared: a table, a text for the terminal, and a page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any

from nasnet_keras.pages.legend import SERIES, SERIES_STYLE, drawn
from nasnet_keras.pages.markup import code, duration, figure, integer, page, percent, section, table, text
from nasnet_keras.pages.picture import picture
from nasnet_keras.search.report import course
from nasnet_keras.search.report.several import Kind, Spread, Together, best_so_far, together
from nasnet_keras.search.report.statistics import interval_of_difference, interval_of_mean
from nasnet_keras.search.report.style import STYLE
from nasnet_keras.search.study.folder import Study
from nasnet_keras.utils.checks import svg_path
from nasnet_keras.utils.extras import install
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.manual import counted

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """Studies side by side: print it for a table, or write its page.

    Attributes:
        found: the studies by kinds, which differ in more than their seed.

    Example:
        comparison = compare(["ppo_0", "ppo_1", "bayesian_0", "bayesian_1"])
        print(comparison)
        comparison.write("comparison.html")
    """

    found: Together

    @property
    def studies(self) -> tuple[Study, ...]:
        """The studies."""
        return self.found.studies

    def rows(self) -> list[dict[str, Any]]:
        """The figures of each kind of search: means over its studies, their standard deviations, and the best."""
        return [_figures(kind) for kind in self.found.kinds]

    def to_dataframe(self) -> Any:
        """Make a `pandas.DataFrame` of one row for each kind of search.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas  # a package that only tables need
        except ImportError as error:
            raise ImportError(f"a DataFrame needs pandas: {install('pandas')}") from error
        return pandas.DataFrame(self.rows())

    def write(self, path: str | Path) -> Path:
        """Write the page: an HTML file that needs no other file.

        Raises:
            OSError: it cannot be written.
        """
        path = Path(path)
        write_text(path, self.page(path.parent))
        return path

    def plot(self, path: str | Path) -> Path:
        """Draw the best reward so far over trials as an SVG file: means over the studies of a kind, and their bounds.

        Raises:
            ValueError: the path does not end in `.svg`, no study has a child within its limits yet, or there are more
                than eight kinds of search, which colors do not tell apart.
            OSError: it cannot be written.
        """
        path = svg_path(path)
        write_text(path, self.svg())
        return path

    def svg(self) -> str:
        """Draw the best reward so far over trials as SVG text; see `plot`."""
        kinds, most = len(self.found.kinds), len(SERIES)
        if kinds > most:
            raise ValueError(f"{kinds} kinds of search are too many to tell apart by color: compare at most {most}")
        made = course.chart(self.found, _described(self.found))
        if made is None:
            raise ValueError("no study has a child within its limits yet, so that there is nothing to draw")
        return picture(*made, f"{self._title}: best reward over trials", SERIES_STYLE)

    @property
    def _title(self) -> str:
        return _counted(self.studies) + (" compared" if len(self.studies) > 1 else "")

    def page(self, folder: Path = Path()) -> str:
        """Compose the page; links lead from a folder to the studies' own pages, where these are within it."""
        body = [
            f'<header>\n<h1>{text(self._title)}</h1>\n<p class="lead">{_lead(self.found)}</p>\n</header>',
            section("kinds", "In short", *self._verdicts(), _kinds(self.found), _notes(self.found)),
            section("course", "Best reward over trials", _course(self.found)),
            section("studies", "Each study", _studies(self.found, folder)),
        ]
        return page(self._title, "\n".join(body), STYLE)

    def __str__(self) -> str:
        lines = [_plain(_lead(self.found))]
        for kind in self.found.kinds:
            best = f"best after {counted(kind.trials, 'trial')}: {_said(kind.equal)}"
            tests = f"; test accuracy of winners: {_said(kind.tests, ' %')}" if kind.tests.values else ""
            lines.append(f"  {kind.title}: {best}{tests}")
        return "\n".join([*lines, *map(_plain, self._differences())])

    def __repr__(self) -> str:
        titles = "; ".join(f"{kind.title} ({len(kind.studies)})" for kind in self.found.kinds)
        return f"<Comparison of {_counted(self.studies)}: {titles}>"

    def _verdicts(self) -> list[str]:
        """Paragraphs on what was found: which kind is better, or how good the only one is."""
        if len(self.found.kinds) > 1:
            return self._differences()
        (kind,) = self.found.kinds
        said = f"{code(kind.title)}: best after {counted(kind.trials, 'trial')} {text(_said(kind.equal))}"
        return [f'<p class="verdict">{said}.</p>']

    def _differences(self) -> list[str]:
        """Paragraphs on the best kind beside each other one, and on what its choice among several does to them."""
        found = list(map(_verdict, self._pairs()))
        chosen = (
            f'<p class="verdict">The best of {len(found) + 1} searches was chosen by these figures, so that it looks '
            f"better than it is: each interval holds for two searches that were named before.</p>"
        )
        return found if len(found) < 2 else [*found, chosen]

    def _pairs(self) -> list[tuple[Kind, Kind]]:
        """The kind of the highest mean beside each other one."""
        known = [kind for kind in self.found.kinds if kind.equal.values]
        ranked = sorted(known, key=lambda kind: -kind.equal.mean)
        return [(ranked[0], other) for other in ranked[1:]]


def compare(studies: Iterable[Study | str | Path]) -> Comparison:
    """Compare studies whose rewards are of one kind: of the same images or table, judged in the same way.

    Algorithms, seeds, spaces, limits and numbers of trials may differ. Studies that differ by their seed alone are one
    row, with the mean and the standard deviation over them. Bests are taken after as many trials as the shortest study
    has.

    Args:
        studies: studies of `load_study`, or their folders; a folder of several seeds stands for all of them.

    Raises:
        StudyError: they cannot be compared, and the message says in what they differ.

    Example:
        print(compare(["ppo", "bayesian"]))
    """
    return Comparison(together(studies))


def _counted(studies: Sequence[Study]) -> str:
    return "1 study" if len(studies) == 1 else f"{len(studies):,} studies"


def _figures(kind: Kind) -> dict[str, Any]:
    spreads = {
        "best_reward": kind.equal,
        "best_of_all_trials": kind.best,
        "mean_reward": kind.rewards,
        "mean_random_reward": kind.random,
        "test_accuracy_percent": kind.tests,
    }
    figures = {"search": kind.title, "studies": len(kind.studies), "trials": kind.trials}
    for name, spread in spreads.items():
        figures |= {name: spread.mean, f"{name}_deviation": spread.deviation, f"{name}_highest": spread.best}
    return figures


def _lead(found: Together) -> str:
    """What is compared, in sentences as HTML."""
    config = found.studies[0].config
    images = config.get("table") or config.get("dataset", "unnamed images")
    spaces = dict.fromkeys(str(one.config.get("space", "nasnet")) for one in found.studies)
    several, networks = found.networks[1], found.networks[0]
    where = f"in the space {code(next(iter(spaces)))}" if len(spaces) == 1 else f"in {len(spaces)} spaces"
    shared = (
        f" They found {counted(networks, 'network')}, {integer(several)} of them in more than one study."
        if len(found.studies) > 1
        else ""
    )
    return (
        f"{_counted(found.studies)} {where} on {code(images)}, judged "
        f"in the same way, of {counted(found.trials, 'trial')} at least.{shared}{_left_out(found)}"
    )


def _left_out(found: Together) -> str:
    """The studies that are left out as yet, in a sentence as HTML."""
    named = [f"{code(one.path)} ({counted(len(one.trials), 'trial')})" for one in found.left_out]
    why = "fewer trials so far than others of its kind, or no reward yet"
    return f" Left out is what has {why}: {', '.join(named)}." if named else ""


def _kinds(found: Together) -> str:
    headers = ("Search", "Studies", "Best", "Highest", "Best of all trials", "Mean reward", "Mean of random", "Test")
    rows = [
        (
            text(kind.title),
            integer(len(kind.studies)),
            _spread(kind.equal),
            figure(kind.equal.best),
            _spread(kind.best),
            _spread(kind.rewards),
            _spread(kind.random),
            _spread(kind.tests, percent),
        )
        for kind in found.kinds
    ]
    caption = (
        f"Means over studies ± their standard deviations; Best: within the limits, after "
        f"{counted(found.trials, 'trial')}; Test: test accuracy of the winners"
    )
    return table(caption, headers, rows, numeric=range(1, len(headers)))


def _spread(spread: Spread, write: Any = figure) -> str:
    if spread.deviation is None:
        return write(spread.mean)
    return f"{write(spread.mean)}&nbsp;±&nbsp;{write(spread.deviation)}"


def _said(spread: Spread, unit: str = "") -> str:
    """A spread in words, with the interval that its mean is known to."""
    if not spread.values:
        return "none within the limits"
    digits = 2 if unit or abs(spread.mean) >= 2 else 4
    if spread.deviation is None:
        return f"{spread.mean:.{digits}f}{unit}"
    many = f"{len(spread.values)} studies"
    if len({*spread.values}) == 1:
        return f"{spread.mean:.{digits}f}{unit} in all of {many} (equal figures do not tell how well the mean is known)"
    known = interval_of_mean(spread.values)
    return (
        f"{spread.mean:.{digits}f} ± {spread.deviation:.{digits}f}{unit} over {many} (highest "
        f"{spread.best:.{digits}f}; the mean is known to about ±{known:.{digits}f})"
    )


def _verdict(pair: tuple[Kind, Kind]) -> str:
    """Whether one kind of search is better than another, in a paragraph."""
    first, second = pair
    ours, theirs = first.equal.values, second.equal.values
    gain = first.equal.mean - second.equal.mean
    said = (
        f"After {counted(first.trials, 'trial')} the best of {code(first.title)} is on average {figure(gain)} above "
        f"that of {code(second.title)}"
    )
    if len(ours) + len(theirs) < 3:
        return f'<p class="verdict">{said}. One study of each says nothing of chance: run several seeds.</p>'
    if len({*ours}) == len({*theirs}) == 1:
        why = "The figures of each search are equal, which does not tell what chance alone may give"
        return f'<p class="verdict">{said}. {why}.</p>'
    spread = interval_of_difference(ours, theirs)
    chance = "chance alone would hardly give as much" if gain > spread else "chance alone may well give as much"
    return f'<p class="verdict">{said}, which is known to about ±{figure(spread)} (95&nbsp;%): {chance}.</p>'


def _notes(found: Together) -> str:
    """What differs beside the algorithm, in a note."""
    limits = {str(one.objective) or "none" for one in found.studies}
    finals = {str((one.result or {}).get("settings")) for one in found.studies if one.result is not None}
    notes = []
    if len(limits) > 1:
        notes.append(f"Limits differ ({text('; '.join(sorted(limits)))}), and each best is within its own.")
    if any(name in ("space", "num_blocks", "operations") or name.startswith("space.") for name in found.differing):
        notes.append("Spaces differ, so that rewards say as much of the spaces as of the algorithms.")
    if len(finals) > 1:
        notes.append("Winners were not all trained by the same settings.")
    return "".join(f'<p class="note">{note}</p>' for note in notes)


def _course(found: Together) -> str:
    """The best reward so far, as a mean over the studies of each kind with their lowest and highest."""
    made = course.chart(found, _described(found))
    if made is None:
        return "<p>No study has a child within its limits yet.</p>"
    several = any(len(kind.studies) > 1 for kind in found.kinds)
    return drawn(*made, ["Lines are means over studies, bands reach from the lowest to the highest."] * several)


def _described(found: Together) -> str:
    return "; ".join(f"{kind.title}: {_said(kind.equal)}" for kind in found.kinds)


def _studies(found: Together, folder: Path) -> str:
    headers = (
        "Study",
        "Search",
        "Seed",
        "Trials",
        f"Best after {found.trials:,}",
        "Best",
        "Random best",
        "Test",
        "Time",
    )
    rows = [
        (
            _link(one, folder),
            text(kind.title),
            text(one.config.get("seed", "–")),
            integer(len(one.trials)),
            figure(max(best_so_far(one, found.trials)[-1:], default=None)),
            figure(one.best.reward if one.best else None),
            figure(max((trial.reward for trial in one.random_trials if trial.reward is not None), default=None)),
            _spread(Kind("", (one,), found.trials).tests, percent),
            duration(sum(trial.seconds for trial in one.trials)),
        )
        for kind in found.kinds
        for one in kind.studies
    ]
    best = max((one.best.reward for one in found.studies if one.best), default=None)
    order = [one for kind in found.kinds for one in kind.studies]
    marked = [place for place, one in enumerate(order) if one.best and one.best.reward == best]
    return table("Studies; the one with the best child stands out", headers, rows, range(2, len(headers)), marked)


def _link(study: Study, folder: Path) -> str:
    """The name of a study, as a link to its page if that is within the folder of the page with the link."""
    report = study.path / "report.html"
    try:
        place = report.resolve().relative_to(folder.resolve())
    except ValueError:
        return text(study.path)
    return f'<a href="{escape(place.as_posix())}">{text(study.path.name)}</a>' if report.is_file() else text(study.path)


def _plain(html: str) -> str:
    """A sentence without its HTML."""
    bare = html
    for mark in ("<code>", "</code>", '<p class="verdict">', "</p>"):
        bare = bare.replace(mark, "")
    return unescape(bare).replace("\u00a0", " ")

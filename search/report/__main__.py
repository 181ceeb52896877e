"""Draw a search or a training as SVG files, for papers and slides.

    nasnet-report study
    nasnet-report study run --output=paper

Of a search: the rewards over trials, the Pareto plot of each cost, the genotypes of the best child and of the winner,
and the training of the winner. Of a training: its curve and its genotype. Folders that are being written are read, too,
and what there is is drawn.
"""

from typing import Any

from nasnet_keras.utils.jobs import run_job  # nothing slow here: see there
from nasnet_keras.utils.manual import Manual


def _define_flags() -> tuple[Any, ...]:
    """Define the flags of the job."""
    from nasnet_keras.search.report.settings import ReportSettings
    from nasnet_keras.utils.settings import define_flags

    return define_flags(ReportSettings)


def main(values: dict[str, Any]) -> None:
    """Draw, by the values of the flags, and print the paths of what was drawn."""
    from nasnet_keras.search.report.figures import figures
    from nasnet_keras.search.report.settings import ReportSettings
    from nasnet_keras.search.report.writing import check_places, write
    from nasnet_keras.utils.settings import from_flags

    given = values.pop("folders")
    found = from_flags(ReportSettings, values)
    config = ReportSettings(**{**found, "workdir": (*found["workdir"], *given)})
    places = config.places()
    drawn = {place: figures(folder, config.cost) for folder, place in places.items()}
    check_places(drawn)  # before anything is written
    for place, each in drawn.items():
        write(place, each)


def _settings() -> tuple[type, ...]:
    from nasnet_keras.search.report.settings import ReportSettings

    return (ReportSettings,)


_MANUAL = Manual(first=("output", "workdir"), settings=_settings)


def console() -> None:
    """The console script `nasnet-report`."""
    run_job("nasnet-report", main, _define_flags, kept=None, operands="folders", manual=_MANUAL, needs_keras=False)


if __name__ == "__main__":
    console()

"""`python -m nasnet_keras` says what there is: the jobs, and what to begin with in Python."""

import importlib
import sys
import textwrap

from nasnet_keras import __version__
from nasnet_keras.utils.jobs import open_streams

__all__ = ["JOBS", "main"]

JOBS = {
    "nasnet-finetune": "nasnet_keras.pretrained.__main__",
    "nasnet-predict": "nasnet_keras.pretrained.predict_job.__main__",
    "nasnet-train": "nasnet_keras.training.__main__",
    "nasnet-search": "nasnet_keras.search.__main__",
    "nasnet-export": "nasnet_keras.pretrained.export.__main__",
    "nasnet-latency": "nasnet_keras.search.latency.__main__",
    "nasnet-report": "nasnet_keras.search.report.__main__",
}
"""The console scripts of the package, by the modules whose `console` they call."""

_PYTHON = """\
import nasnet_keras as nk
model = nk.NASNetFromGenotype("nasnet_a", input_shape=(32, 32, 3), classes=10)
nk.genotypes.names()           # the published architectures
nk.pretrained.list_models()    # the trained models
nk.pretrained.load("amoebanet_d_tiny_imagenet")"""


def _text() -> str:
    """What there is, in lines."""
    lines = [f"nasnet_keras {__version__}: networks from genotypes, trained models, and a search for new ones.", ""]
    lines += ["Commands, each with --help:"]
    for name, module in JOBS.items():
        about = " ".join((importlib.import_module(module).__doc__ or "").partition("\n\n")[0].split())
        lines += textwrap.wrap(about, 99, initial_indent=f"  {name:17s}", subsequent_indent=" " * 19)
    return "\n".join([*lines, "", "In Python:", textwrap.indent(_PYTHON, "  ")])


def main(arguments: list[str]) -> None:
    """Print what there is, or the version."""
    match arguments:
        case [] | ["--help" | "-h" | "--helpshort"]:
            print(_text())
        case ["--version"]:
            print(f"nasnet_keras {__version__}")
        case [first, *_]:
            sys.exit(f"nasnet_keras: unexpected argument {first!r}; the commands are {', '.join(JOBS)}")


if __name__ == "__main__":
    open_streams()
    main(sys.argv[1:])

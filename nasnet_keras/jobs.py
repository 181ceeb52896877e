"""What the jobs' console scripts share."""

import os
import sys
from collections.abc import Callable

from absl import app, flags

__all__ = ["run_job"]


def run_job(main: Callable[[list[str]], None]) -> None:
    """Parse the flags and call `main`, with the help of the module that it stands in.

    absl takes that help, and the flags to list in it, from the module that Python was started with. A console script
    is another, which has none.
    """
    module = sys.modules[main.__module__]
    if module.__name__ != "__main__":
        sys.modules["__main__"].__doc__ = module.__doc__
        for flag in flags.FLAGS.get_key_flags_for_module(module):
            flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    app.run(main, flags_parser=_parse)


def _parse(arguments: list[str]) -> list[str]:
    """Parse the flags. A shell leaves the `~` of `--workdir=~/study` as it is, and means the user's folder by it."""
    rest = app.parse_flags_with_usage(arguments)
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        if isinstance(flag.value, str) and flag.value.startswith("~/"):
            flag.value = os.path.expanduser(flag.value)  # noqa: PTH111 – of a text that need not be a path
    return rest

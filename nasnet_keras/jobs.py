"""What the jobs' console scripts share."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags

__all__ = ["run_job"]


def run_job(main: Callable[[dict[str, Any]], None], define_flags: Callable[[], Sequence[flags.FlagHolder]]) -> None:
    """Define and parse the flags and call `main`, with the help of the module that it stands in.

    Args:
        main: called with the values of the flags defined, by name.
        define_flags: defines the job's own flags. It is called here and not when a module is imported: flags belong to
            the whole process, and jobs have some of the same names.

    absl takes that help, and the flags to list in it, from the module that Python was started with. A console script
    is another, which has none.
    """
    own = define_flags()

    def checked(arguments: list[str]) -> None:
        if len(arguments) > 1:
            raise app.UsageError(f"unexpected arguments {arguments[1:]}; flags start with --")
        main({flag.name: flag.value for flag in own})

    module = sys.modules[main.__module__]
    if module.__name__ != "__main__":
        sys.modules["__main__"].__doc__ = module.__doc__
        for flag in flags.FLAGS.get_key_flags_for_module(module):
            flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    app.run(checked, flags_parser=_parse)


def _parse(arguments: list[str]) -> list[str]:
    """Parse the flags. A shell leaves the `~` of `--workdir=~/study` as it is, and means the user's folder by it."""
    rest = app.parse_flags_with_usage(arguments)
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        if isinstance(flag.value, str) and flag.value.startswith("~/"):
            flag.value = os.path.expanduser(flag.value)  # noqa: PTH111 – of a text that need not be a path
    return rest

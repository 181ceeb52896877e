"""What the jobs' console scripts share: flags, signals, errors in one line, and streams that never fail.

Nothing slow is imported here, nor by the modules of the jobs, so that signals are minded from the first moment.
"""

import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from absl import flags

__all__ = ["Stopped", "run_job"]

_LONGEST = 2000  # letters of an error
_OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError")  # of TensorFlow and PyTorch, which have no MemoryError


class Stopped(Exception):  # noqa: N818 – it is no error
    """The run was asked to stop; its checkpoint is written."""


def run_job(
    name: str,
    main: Callable[[dict[str, Any]], None],
    define_flags: Callable[[], "Sequence[flags.FlagHolder]"],
    kept: str,
) -> None:
    """Define and parse the flags and call `main`, with the help of the module that it stands in.

    An error that a user can do something about ends the process with exit code 1 and one line; any other, with its
    traceback. A signal before there is a folder to leave whole ends it at once, with the exit code of the signal.

    Args:
        name: of the console script.
        main: called with the values of the flags defined, by name. It imports what it needs.
        define_flags: defines the job's own flags. It is called here and not when a module is imported: flags belong to
            the whole process, and jobs have some of the same names.
        kept: what a run that was stopped goes on from.

    absl takes that help, and the flags to list in it, from the module that Python was started with. A console script
    is another, which has none.
    """
    _open_streams()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    from absl import app, flags

    from nasnet_keras.utils import environment

    environment.prepare()
    own = define_flags()

    def checked(arguments: list[str]) -> None:
        if len(arguments) > 1:
            raise app.UsageError(f"unexpected arguments {arguments[1:]}; flags start with --")
        values = {flag.name: flag.value for flag in own}
        try:
            main(dict(values))
        except BaseException as error:
            if (message := _message(error, f"{kept} in {values['workdir']}")) is None:
                raise
            sys.exit(message if message.startswith("\n") else f"{name}: {message}")

    module = sys.modules[main.__module__]
    if module.__name__ != "__main__":
        sys.modules["__main__"].__doc__ = module.__doc__
        for flag in flags.FLAGS.get_key_flags_for_module(module):
            flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    app.run(checked, flags_parser=_parse)


def _message(error: BaseException, kept: str) -> str | None:
    """What an error says to a user, in one line; None of one that is the program's own."""
    if isinstance(error, (Stopped, KeyboardInterrupt)):
        return f"\nStopped. The same command goes on from {kept}."
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if isinstance(error, MemoryError) or type(error).__name__ in _OUT_OF_MEMORY:
        lines = ["there is not enough memory:", *(lines or ["a smaller batch_size needs less"])]
    elif not isinstance(error, (ValueError, OSError)):
        return None
    text = " ".join(lines) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _parse(arguments: list[str]) -> list[str]:
    """Parse the flags. A shell leaves the `~` of `--workdir=~/study` as it is, and means the user's folder by it."""
    from absl import app, flags, logging

    rest = app.parse_flags_with_usage(arguments)
    if not flags.FLAGS["verbosity"].present:  # libraries tell of every file that they read
        flags.FLAGS.verbosity = logging.WARNING
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        if isinstance(flag.value, str) and flag.value.startswith("~/"):
            flag.value = os.path.expanduser(flag.value)  # noqa: PTH111 – of a text that need not be a path
    return rest


def _stop(number: int, frame: Any) -> None:
    """Stop by an exception when a folder is to be left whole, before that at once: imports lose exceptions."""
    del frame
    begun = getattr(getattr(sys.modules.get("nasnet_keras.utils.workdir"), "Workdir", None), "begun", False)
    if begun:
        raise KeyboardInterrupt
    os.write(sys.stderr.fileno(), b"\nStopped before the run began: nothing was changed.\n")
    os._exit(128 + number)


class _Unfailing(io.FileIO):
    """A descriptor that takes whatever is written, though its terminal, pipe or disk may take nothing any more."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or len(data)
        except OSError:
            return len(data)


def _open_streams() -> None:
    """Make stdout and stderr show what they can of any text, and never end a run; leave noise out of stderr."""
    from nasnet_keras.utils.noise import leave_out, level_wanted

    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # else the next file that is opened would be taken for it
            os.open(os.devnull, os.O_RDWR)
    shown = {"stdout": 1, "stderr": leave_out(level_wanted())}
    for name, descriptor in shown.items():
        before = getattr(sys, name)
        if before is not None:
            before.flush()
        stream = io.TextIOWrapper(
            io.BufferedWriter(_Unfailing(descriptor, "w", closefd=False)),
            encoding=getattr(before, "encoding", None) or "utf-8",
            errors="backslashreplace",
            line_buffering=name == "stderr" or os.isatty(descriptor),
            write_through=getattr(before, "write_through", False),
        )
        setattr(sys, name, stream)

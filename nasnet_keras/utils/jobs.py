"""Shared parts of the jobs' console scripts: flags, signals, errors in one line, and streams that never fail.

This module and those of the jobs import nothing slow, so that signals are handled from the first moment.
"""

import io
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nasnet_keras.utils.keras_package import BrokenKerasError, check_keras
from nasnet_keras.utils.manual import Manual

if TYPE_CHECKING:
    from absl import flags

__all__ = ["Stopped", "open_streams", "run_job"]

_LONGEST, _LONGEST_ITEM = 2000, 400  # letters of an error, and of each item of a list in it
_ITEM = "  - "  # the beginning of its line
_NO_MANUAL = Manual()
_MORE = "--help lists the flags"
_OUT_OF_MEMORY = ("ResourceExhaustedError", "OutOfMemoryError")  # of TensorFlow and PyTorch, which have no MemoryError


class Stopped(Exception):  # noqa: N818 – it is no error
    """A run was asked to stop, and has written its checkpoint."""


def run_job(
    name: str,
    main: Callable[[dict[str, Any]], None],
    define_flags: Callable[[], "Sequence[flags.FlagHolder]"],
    kept: str | None,
    place: str = "workdir",
    operands: str | None = None,
    manual: Manual = _NO_MANUAL,
    needs_keras: bool = True,
) -> None:
    """Define and parse the flags of a job and call its `main`.

    `--help` shows the docstring of `main`'s module and the manual; `--version` shows the version.

    An error that a user can mend ends the process with exit code 1 and one line, any other error with
    its traceback. A signal that comes before the job has a folder to leave whole ends the process at once, with the
    exit code of the signal.

    Args:
        name: name of the console script.
        main: a function of the values of the job's flags, by name, with its imports inside.
        define_flags: a function that defines the job's flags. It is called here and not when a module is imported:
            flags belong to the whole process, and some jobs have flags of the same name.
        kept: the state that a stopped run keeps, in words for the message; None if the same command does all anew.
        place: the flag that says where it is kept.
        operands: the name under which `main` gets the arguments that are no flags, a list; None if there may be none.
        manual: what `--help` shows of the flags.
        needs_keras: whether a broken installation of Keras is an error before `main` begins, and not only where it is
            imported.
    """
    open_streams()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    from absl import app, flags  # slow

    from nasnet_keras.utils import environment  # slow

    environment.prepare()
    own = define_flags()

    def parse(arguments: list[str]) -> list[str]:
        _offer_help(name, sys.modules[main.__module__], manual)
        try:
            return _parse(arguments)
        except flags.Error as error:
            sys.exit(f"{name}: {' '.join(str(error).split())}{_meant(str(error))} ({_MORE})")

    def run(arguments: list[str]) -> None:
        if len(arguments) > 1 and operands is None:
            sys.exit(f"{name}: {_unexpected(arguments[1])} ({_MORE})")
        values = {flag.name: flag.value for flag in own}
        try:
            if needs_keras:
                check_keras()
            main(values | ({} if operands is None else {operands: arguments[1:]}))
        except BaseException as error:
            if (message := _message(error, kept and f"{kept} in {values[place]}")) is None:
                raise
            sys.exit(message if message.startswith("\n") else f"{name}: {message}")

    app.run(run, flags_parser=parse)


def _offer_help(name: str, module: ModuleType, manual: Manual) -> None:
    """Let `--help` and `--version` print and end the job with exit code 0; absl's own `--help` ends it with 1."""
    from absl import flags  # slow

    key = flags.FLAGS.get_key_flags_for_module(module)
    flags.DEFINE_bool("version", False, "Print the version and end.")

    def ends(show: Callable[[], Any]) -> Callable[[str], None]:
        def parse(argument: str) -> None:
            if argument != "false":
                show()
                sys.exit()

        return parse

    def version() -> None:
        from nasnet_keras import __version__

        print(f"{name} {__version__}")

    flags.FLAGS["version"].parse = ends(version)
    for each in ("help", "helpshort"):
        flags.FLAGS[each].parse = ends(lambda: print(manual.text(name, module.__doc__ or "", key), end=""))
    flags.FLAGS["helpfull"].parse = ends(lambda: print(flags.FLAGS.get_help()))
    flags.FLAGS["helpxml"].parse = ends(lambda: flags.FLAGS.write_help_in_xml_format(sys.stdout))


def _meant(error: str) -> str:
    """The choice that a wrong value of a flag was meant to be, for the end of an error."""
    from absl import flags  # slow

    from nasnet_keras.utils.near import nearest

    found = re.match(r"flag --([\w-]+)=(.*?): ", error)
    choices = getattr(flags.FLAGS[found[1]].parser, "enum_values", ()) if found and found[1] in flags.FLAGS else ()
    near = nearest(found[2], choices) if choices else None
    return f"; did you mean {near!r}?" if near else ""


def _unexpected(word: str) -> str:
    """What is wrong with an argument that is no flag."""
    from absl import flags  # slow

    bare, equals, value = word.lstrip("-\u2010\u2011\u2012\u2013\u2014\u2212").partition("=")  # as texts are pasted
    if bare in flags.FLAGS:
        return f"unexpected argument {word!r}; did you mean --{bare}{equals}{value}?"
    return f"unexpected argument {word!r}; flags start with --"


def _message(error: BaseException, kept: str | None) -> str | None:
    """Put an error in one line for a user, with further ones for the items of a list; None for one of the program."""
    if isinstance(error, (Stopped, KeyboardInterrupt)):
        if kept is None:
            return (
                "\nStopped. Each file is whole, of this run or as it was before; the same command writes all of them."
            )
        return f"\nStopped. The same command goes on from {kept}."
    lines = [line.strip() for line in str(error).split("\n") if line.strip() and not line.startswith(_ITEM)]
    items = [line for line in str(error).split("\n") if line.startswith(_ITEM)]
    if isinstance(error, MemoryError) or type(error).__name__ in _OUT_OF_MEMORY:
        lines = ["there is not enough memory:", *(lines or ["a smaller batch_size needs less"])]
    elif not isinstance(error, (ValueError, OSError, BrokenKerasError)):
        return None
    text = " ".join(lines) or type(error).__name__
    return "\n".join([_cut(text, _LONGEST), *(_cut(item, _LONGEST_ITEM) for item in items)])


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[:letters]}…"


def _parse(arguments: list[str]) -> list[str]:
    """Parse the flags. A leading `~`, which shells leave as it is in `--workdir=~/study`, becomes the user's folder."""
    from absl import flags, logging

    rest = flags.FLAGS(["--help" if argument == "-h" else argument for argument in arguments])
    if not flags.FLAGS["verbosity"].present:  # libraries report every file that they read
        flags.FLAGS.verbosity = logging.WARNING
    for name in flags.FLAGS:
        flag = flags.FLAGS[name]
        if isinstance(flag.value, list):  # of a flag that may be repeated
            flag.value = [_expanded(one) for one in flag.value]
        else:
            flag.value = _expanded(flag.value)
    return rest


def _expanded(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("~/"):
        return os.path.expanduser(value)  # noqa: PTH111 – the text need not be a path
    return value


def _stop(number: int, frame: Any) -> None:
    """Stop by an exception if there are files to leave whole, else at once: an import can swallow an exception."""
    del frame
    if getattr(sys.modules.get("nasnet_keras.utils.files"), "begun", bool)():
        raise KeyboardInterrupt
    os.write(sys.stderr.fileno(), b"\nStopped before the run began: nothing was changed.\n")
    os._exit(128 + number)


class _Unfailing(io.FileIO):
    """A descriptor that accepts all that is written, even when its terminal, pipe or disk no longer does."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or len(data)
        except OSError:
            return len(data)


def open_streams() -> None:
    """Make stdout and stderr accept any text and never end a run, and keep noise out of stderr."""
    from nasnet_keras.utils.noise import leave_out, level_wanted

    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # else the next file to be opened would get its number
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

"""Run statements each in a process that has imported a backend and nothing else: `python fresh.py BACKEND`.

A fork takes the place of a new process, whose import of TensorFlow would take seconds. It reads a JSON list of
statements, and writes an object of what those raised that failed.
"""

import importlib
import json
import os
import sys
import traceback
from typing import IO

_AT_ONCE = 2


def begun(statement: str) -> tuple[int, IO[str]]:
    """The process that a statement runs in, and what it says."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        said = ""
        try:
            exec(statement, {})
        except BaseException:
            said = traceback.format_exc()
        os.write(writing, said[-4000:].encode())
        os._exit(0)
    os.close(writing)
    return pid, os.fdopen(reading)


def ended(pid: int, said: IO[str]) -> str:
    """What the statement raised, or nothing."""
    with said:
        text = said.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return text if code == 0 else f"exit code {code}"


def main() -> None:
    importlib.import_module(sys.argv[1])
    for name in list(sys.modules):  # TensorFlow imports it
        if name.partition(".")[0] == "keras":
            del sys.modules[name]
    if any(name.partition(".")[0] == "nasnet_keras" for name in sys.modules):
        raise RuntimeError("this process is not fresh")
    statements = json.load(sys.stdin)
    failures = {}
    for first in range(0, len(statements), _AT_ONCE):
        some = statements[first : first + _AT_ONCE]
        for statement, process in [(statement, begun(statement)) for statement in some]:
            if said := ended(*process):
                failures[statement] = said
    json.dump(failures, sys.stdout)


if __name__ == "__main__":
    main()

"""The commands of pages, and what the package's jobs make of them without running."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent

_FLAGS = """
import importlib, json, re, sys
from absl import flags
from nasnet_keras.__main__ import JOBS
job, operands = sys.argv[1], sys.argv[1] in ("nasnet-latency", "nasnet-report")
module = importlib.import_module(JOBS[job])
own = module._define_flags()

def parsed(command):
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    try:
        rest = flags.FLAGS([job, *command])
    except flags.Error as error:
        raise SystemExit(f"{job} {' '.join(command)}: {error}")
    assert operands or not rest[1:], (command, rest)
    assert not [word for word in rest[1:] if re.fullmatch(r"[&|;]+|[a-z_]+=.*", word)], (command, rest)
    return {flag.name: flag.value for flag in own}
"""
_PARSE = """
for command in json.loads(sys.argv[2]):
    parsed(command)
"""
_SEARCH = """
import types
found = []
stand_in = types.ModuleType("nasnet_keras.search.loop")
stand_in.run = found.append
sys.modules["nasnet_keras.search.loop"] = stand_in
for command in json.loads(sys.argv[2]):
    values = parsed(command)
    try:
        module.main({**values, "seeds": None})
    except ValueError as error:
        raise SystemExit(f"nasnet-search {' '.join(command)}: {error}")
print(json.dumps([config.to_json() for config in found]))
"""


def commands(text: str) -> list[list[str]]:
    """The commands of the blocks of a page, one list of words each, of a line with several of them too.

    Example:
        >>> commands("```bash\\npip install . && nasnet-search --trials=2 | tail\\n```")
        [['pip', 'install', '.'], ['nasnet-search', '--trials=2'], ['tail']]
    """
    blocks = "".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    return [words for line in blocks.splitlines() for words in _parts(line)]


def _parts(line: str) -> list[list[str]]:
    """The commands of a line, which `&&`, `||`, `|`, `;` and `&` end."""
    lexer = shlex.shlex(re.sub(r"\d>&\d", "", line), posix=True, punctuation_chars="&|;")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        parts.append([]) if set(word) <= set("&|;") else parts[-1].append(word)
    return [words for words in parts if words]


def configs(searches: Sequence[list[str]], folder: Path | None = None) -> list[dict]:
    """The configurations of searches by their arguments."""
    return json.loads(_run(_SEARCH, "nasnet-search", searches, folder).splitlines()[-1])


def parse(job: str, given: Sequence[list[str]], folder: Path | None = None) -> None:
    """Let the flags of a job take commands, by their arguments."""
    _run(_PARSE, job, given, folder)


def _run(code: str, job: str, given: Sequence[list[str]], folder: Path | None) -> str:
    line = [sys.executable, "-c", _FLAGS + code, job, json.dumps(given)]
    paths = [str(ROOT / "docs"), *filter(None, [os.environ.get("PYTHONPATH")])]  # with the objective of a page
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout

"""The manual of a job as a part of a page: what `--help` says, each flag as an entry that can be linked to.

```{job} nasnet-train
```
"""

import importlib
import re
import subprocess
import sys

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from nasnet_keras.__main__ import JOBS

_FLAG = re.compile(r"  (--\S+)(?:\s+(.*))?$")


class Job(SphinxDirective):
    """Writes the manual of one of `JOBS`."""

    required_arguments = 1

    def run(self):
        """The paragraphs, the example and the groups of flags."""
        (name,) = self.arguments
        module = importlib.import_module(JOBS[name])
        self.env.note_dependency(module.__file__)
        command = [sys.executable, "-m", JOBS[name].removesuffix(".__main__"), "--help"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.removeprefix(f"{name}: ")
        return list(self._parts(name, text.split("\n\n")))

    def _parts(self, name, paragraphs):
        for part in paragraphs:
            first, *rest = part.splitlines()
            if part.startswith(("For example:", "  ")):  # commands, of which some follow no heading
                commands = part.removeprefix("For example:").strip().splitlines()
                yield nodes.literal_block("", "\n".join(map(str.strip, commands)), language="bash")
            elif rest and rest[0].startswith("  --"):
                yield nodes.rubric("", first.rstrip(":"))
                yield self._flags(name, rest)
            else:
                yield self._paragraph(" ".join(part.split()))

    def _flags(self, name, lines):
        found = []
        for line in lines:
            if match := _FLAG.match(line):
                found.append([match[1], match[2] or ""])
            elif found[-1][0].endswith("|"):  # a list of choices that is too long for a line
                choices, _, meaning = line.strip().partition(" ")
                found[-1] = [found[-1][0] + choices, meaning]
            else:
                found[-1][1] += f" {line.strip()}"
        return nodes.definition_list("", *(self._flag(name, *flag) for flag in found))

    def _flag(self, name, flag, meaning):
        anchor = f"{name}-{flag.partition('=')[0].lstrip('-').replace('_', '-')}"
        term = nodes.term("", "", nodes.literal("", flag), ids=[anchor])
        return nodes.definition_list_item("", term, nodes.definition("", self._paragraph(meaning.strip())))

    @staticmethod
    def _paragraph(text):
        """Flags within a text are code, so that no dash is made of theirs."""
        parts = re.split(r"(--[a-z]\w*(?:=\w+)?)", text)
        kinds = (nodes.Text, lambda part: nodes.literal("", part))
        return nodes.paragraph("", "", *(kinds[number % 2](part) for number, part in enumerate(parts) if part))


def setup(app):
    """Connect to Sphinx."""
    app.add_directive("job", Job)
    return {"parallel_read_safe": True}

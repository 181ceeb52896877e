#!/usr/bin/env bash
# Finding: with nb_merge_streams, myst-nb 1.4.0 ends a line after each piece of an output, wherever the piece ends, and
# drops blanks before it. A program that writes a line in two pieces is shown with two lines. Every `%%bash` cell is
# such a program, since IPython passes on what a command writes in pieces of 100 bytes.
#
# Seen with myst-nb 1.4.0, nbclient 0.11.0, ipykernel 7.4.0, Sphinx 9.0.4, Python 3.11. The cell writes "one ", and
# half a second later "line\n":
#   nb_merge_streams: 'one\nline'
#   coalesce_streams: 'one line'
#
# What helps: to leave nb_merge_streams at False, and to let nbclient merge, which joins the pieces as they are. myst-nb
# has no setting for it; `jupyter_cache.executors.utils.executenb` passes it on, as below.
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet myst-nb==1.4.0 nbclient==0.11.0 ipykernel==7.4.0 sphinx==9.0.4; } ||
  { echo "cannot install the packages" >&2; exit 2; }
"$folder/venv/bin/pip" freeze | grep -iE '^(myst-nb|nbclient|ipykernel|sphinx)=='
mkdir "$folder/pages"
cat > "$folder/pages/index.md" <<'PAGE'
---
file_format: mystnb
kernelspec:
  name: python3
---

# A page

```{code-cell} ipython3
import sys, time

sys.stdout.write("one ")
sys.stdout.flush()
time.sleep(0.5)
sys.stdout.write("line\n")
```
PAGE
cat > "$folder/pages/conf.py" <<'PYTHON'
import os
from functools import partial

from jupyter_cache.executors import utils

extensions = ["myst_nb"]
nb_execution_mode = "force"
if os.environ["MERGED_BY"] == "nb_merge_streams":
    nb_merge_streams = True
else:
    utils.executenb = partial(utils.executenb, coalesce_streams=True)
PYTHON
for merged in nb_merge_streams coalesce_streams; do
  MERGED_BY=$merged "$folder/venv/bin/python" -m sphinx -q -d "$folder/$merged.cache" "$folder/pages" "$folder/$merged" \
    > "$folder/messages" 2>&1 || { cat "$folder/messages"; exit 1; }
  "$folder/venv/bin/python" - "$merged" "$folder/$merged/index.html" >> "$folder/seen" <<'PYTHON'
import pathlib
import re
import sys

page = pathlib.Path(sys.argv[2]).read_text()
(output,) = re.findall(r'<div class="output stream.*?</div>', page, re.DOTALL)
print(f"{sys.argv[1]}:", repr(re.sub(r"<[^>]+>", "", output).strip()))
PYTHON
done
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
nb_merge_streams: 'one\nline'
coalesce_streams: 'one line'
SEEN

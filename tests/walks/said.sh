# What the walks share. `said WORDS COMMAND…` runs a command, which succeeds, and expects words in what it prints; of
# `refused` it fails, with a message and no traceback; of `raised` it is Python that fails, and the words are in the
# error, not in the lines above it. `heard WORDS` expects more words of the same command.
set -euo pipefail
export TF_CPP_MIN_LOG_LEVEL=3

said() {
  ran "$@"
  [ "$code" = 0 ] || wrong "expected success, got exit code $code"
  told "$1"
}

refused() {
  ran "$@"
  [ "$code" != 0 ] || wrong "expected an error, got exit code 0"
  told "$1"
}

raised() {
  ran "$@"
  [ "$code" != 0 ] || wrong "expected an error, got exit code 0"
  grep -v "^  " heard.txt | grep -E -- "$1" > /dev/null || wrong "expected to read in the error: $1"
}

ran() {
  printf '\n$ %s\n' "${*:2}"
  "${@:2}" > heard.txt 2>&1 && code=0 || code=$?
  tail -n 40 heard.txt
}

told() {
  ! grep -q "^Traceback (most recent call last)" heard.txt || wrong "expected a message, got a traceback"
  heard "$1"
}

wrong() {
  echo "$1" >&2
  exit 1
}

heard() {
  grep -qE -- "$1" heard.txt || wrong "expected to read: $1"
}

pictures() { # FOLDER, IMAGES A CLASS: photographs of two kinds, of different sizes
  python - "$1" "$2" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
from PIL import Image

generator = np.random.default_rng(0)
for number, name in enumerate(("day", "night")):
    folder = Path(sys.argv[1], name)
    folder.mkdir(parents=True)
    for image in range(int(sys.argv[2])):
        pixels = generator.normal(170 - 110 * number, 40, (40 + image % 7, 52, 3)).clip(0, 255).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{image:02d}.jpg")
PYTHON
}

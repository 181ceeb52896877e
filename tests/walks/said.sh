# What the walks share: `said WORDS COMMAND…` runs a command and expects words in what it prints, also where it fails, as
# one message and not as a traceback of ours; `heard WORDS` expects more words of the same command.
set -euo pipefail
export TF_CPP_MIN_LOG_LEVEL=3

said() {
  local words=$1
  shift
  printf '\n$ %s\n' "$*"
  "$@" > heard.txt 2>&1 && code=0 || code=$?
  tail -n 40 heard.txt
  heard "$words"
}

heard() {
  grep -qE -- "$1" heard.txt || { echo "expected to read: $1" >&2; exit 1; }
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

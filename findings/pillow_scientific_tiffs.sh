#!/usr/bin/env bash
# Finding: Pillow reads three kinds of valid TIFF, as cameras of microscopes and satellites write them, to wrong pixels
# without an error or a warning. tifffile reads all of them as they were written.
#
# Seen with Pillow 13.0.0, tifffile 2026.1.14, NumPy 2.4.6, Python 3.11, Linux x86-64.
#
# 1. Colours of 16 bits, one colour after the other (planar configuration 2), not compressed. Expected: each value's high
#    byte, as Pillow reads the same picture with its colours side by side. Seen: of each row the left half, with high and
#    low bytes in turn as if they were pixels.
# 2. Grey of 16 bits in which 0 is white (photometric interpretation 0). Expected: inverted, as Pillow does with 8 bits.
#    Seen: as it lies in the file, so that white is black.
# 3. Signed grey of 16 bits, big-endian and deflated. Expected: 1000. Seen: -6141, which are its bytes the other way
#    round; little-endian, unsigned or not compressed, it is right.
#
# Output seen:
#   planes of 4000: first pixels 160 15 160 15 and side by side 15 15 15 15
#   white is zero, 1000: 1000 and with 8 bits, 10: 245
#   signed, big-endian, 1000: -6141 and little-endian 1000
#
# What helps: to read such files with tifffile, or to refuse them by their tags (284, 262, 339).
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.1.14 numpy==2.4.6; } ||
  { echo "cannot install the packages" >&2; exit 2; }
cat > "$folder/program.py" <<'PYTHON'
import io
import sys

import numpy as np
import PIL
import tifffile
from PIL import Image


def read(pixels: np.ndarray, **how) -> np.ndarray:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **how)
    file.seek(0)
    if not np.array_equal(tifffile.imread(file), pixels):
        sys.exit("tifffile does not read what it wrote")
    file.seek(0)
    return np.asarray(Image.open(file))


print("Pillow", PIL.__version__)
colours = np.full((3, 8, 8), 4000, np.uint16)
planes = read(colours, photometric="rgb", planarconfig="separate")[0, :4, 0].tolist()
beside = read(np.moveaxis(colours, 0, -1).copy(), photometric="rgb")[0, :4, 0].tolist()
print("planes of 4000: first pixels", *planes, "and side by side", *beside)
white = int(read(np.full((8, 8), 1000, np.uint16), photometric="miniswhite")[0, 0])
white_8 = int(read(np.full((8, 8), 10, np.uint8), photometric="miniswhite")[0, 0])
print("white is zero, 1000:", white, "and with 8 bits, 10:", white_8)
signed = np.full((8, 8), 1000, np.int16)
big = int(read(signed, byteorder=">", compression="zlib")[0, 0])
little = int(read(signed, byteorder="<", compression="zlib")[0, 0])
print("signed, big-endian, 1000:", big, "and little-endian", little)
seen = (planes, beside, white, white_8, big, little)
sys.exit(seen != ([160, 15, 160, 15], [15] * 4, 1000, 245, -6141, 1000))
PYTHON
"$folder/venv/bin/python" "$folder/program.py"

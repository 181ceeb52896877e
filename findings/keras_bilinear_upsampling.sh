#!/usr/bin/env bash
# Finding: with TensorFlow, a Keras model with UpSampling2D(interpolation="bilinear") and images of any size predicts
# images of the first size that it is given, and fails for a second one: TensorFlow then compiles it for unknown sizes,
# and Keras compares such a size, a tensor, as if it were a number. model.export() fails at once. With "nearest" all of
# it works, and shapes are the same.
#
# Seen with Keras 3.15.1, TensorFlow 2.21.0, Python 3.11, Linux x86-64:
#   nearest: 4x4 to (1, 8, 8, 3); 6x6 to (1, 12, 12, 3); 8x8 to (1, 16, 16, 3); export: done
#   bilinear: 4x4 to (1, 8, 8, 3); 6x6: OperatorNotAllowedInGraphError; 8x8: OperatorNotAllowedInGraphError; export: OperatorNotAllowedInGraphError
#
# What helps: keras.layers.Conv2DTranspose, or upsampling by "nearest" and a blur; to build the model for each size.
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet tensorflow==2.21.0 keras==3.15.1; } ||
  { echo "cannot install the packages" >&2; exit 2; }
"$folder/venv/bin/pip" freeze | grep -iE '^(tensorflow|keras)=='
cat > "$folder/program.py" <<'PYTHON'
import sys

import keras
import numpy as np


def tried(action) -> str:
    try:
        return str(action())
    except Exception as error:
        return type(error).__name__


seen = {}
for how in ("nearest", "bilinear"):
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.UpSampling2D(2, interpolation=how)(image))
    found = {}
    for side in (4, 6, 8):
        images = np.zeros((1, side, side, 3), "float32")
        found[f"{side}x{side}"] = tried(lambda images=images, model=model: model.predict(images, verbose=0).shape)
    export = tried(lambda model=model: model.export(sys.argv[1], verbose=False) or "done")
    sizes = "; ".join(f"{size}{':' if 'Error' in shape else ' to'} {shape}" for size, shape in found.items())
    print(f"{how}: {sizes}; export: {export}")
    seen[how] = [*found.values(), export]
same = seen["nearest"][0] == seen["bilinear"][0] == "(1, 8, 8, 3)"
failed = [["Error" in word for word in seen[how]] for how in seen]
sys.exit(not (same and failed == [[False] * 4, [False, True, True, True]]))
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/program.py" "$folder/exported" 2> "$folder/messages" || { tail -3 "$folder/messages"; exit 1; }

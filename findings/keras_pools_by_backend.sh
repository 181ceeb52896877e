#!/usr/bin/env bash
# Finding: two pools of Keras 3.15.1 depend on its backend. A network that was trained on TensorFlow or JAX predicts
# otherwise on PyTorch if it has an average pool with strides, and padding="same", over images of an even side.
# - Average pools: pixels beyond the border do not count on TensorFlow and JAX. On PyTorch they do not count if both
#   borders are equally wide, as without strides; else the outermost pixels count twice.
# - keras.ops.max_pool and average_pool without `strides`, which is then documented to be `pool_size`, raise an error on
#   JAX. Layers pass their strides, and work.
#
# Seen with Keras 3.15.1, JAX 0.10.2, PyTorch 2.13.0, Python 3.11, Linux x86-64, 2026-12-01, of the row 0, 1, 2, 3 (four
# columns of each of four rows), window 3, stride 2, padding "same": borders that do not count give 1.0 and 2.5.
#   jax: average: 1.0000 2.5000; without strides: TypeError; layer without strides: (1, 2, 2, 1)
#   torch: average: 1.0000 2.6667; without strides: (1, 2, 2, 1); layer without strides: (1, 2, 2, 1)
#
# What helps: pool a padded image with padding="valid", pool an image of ones likewise, and divide; give strides.
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 torch==2.13.0; } ||
  { echo "cannot install the packages" >&2; exit 2; }
"$folder/venv/bin/pip" freeze | grep -iE '^(keras|jax|torch)=='
cat > "$folder/program.py" <<'PYTHON'
import keras
import numpy as np


def tried(action) -> str:
    try:
        return str(tuple(action().shape))
    except Exception as error:
        return type(error).__name__


images = np.tile(np.arange(4, dtype="float32"), (4, 1))[None, :, :, None]
average = keras.layers.AveragePooling2D(3, 2, "same")(images)
row = " ".join(f"{value:.4f}" for value in keras.ops.convert_to_numpy(average)[0, 0, :, 0])
without = tried(lambda: keras.ops.average_pool(images, 2))
layer = tried(lambda: keras.layers.AveragePooling2D(2)(images))
print(f"{keras.backend.backend()}: average: {row}; without strides: {without}; layer without strides: {layer}")
PYTHON
for backend in jax torch; do
  KERAS_BACKEND=$backend "$folder/venv/bin/python" "$folder/program.py" >> "$folder/seen" 2> "$folder/messages" ||
    { tail -3 "$folder/messages"; exit 1; }
done
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN' || exit 1
jax: average: 1.0000 2.5000; without strides: TypeError; layer without strides: (1, 2, 2, 1)
torch: average: 1.0000 2.6667; without strides: (1, 2, 2, 1); layer without strides: (1, 2, 2, 1)
SEEN

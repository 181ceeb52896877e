#!/usr/bin/env bash
# tf2onnx 1.17.0, through which Keras 3 exports models to ONNX, changes the level of TensorFlow's messages when its
# module `convert` is imported: it sets TF_CPP_MIN_LOG_LEVEL=3 in the environment of the process, whatever stood there.
# TensorFlow has read the variable by then, so this process shows what it did before; every process that it starts later
# (workers of a search, of a data loader) inherits the 3, and no longer shows errors of TensorFlow's libraries.
# The way around it is to put the variable back after an export.
#
# Seen, 2026-11-29, Python 3.11:
#   before: 1
#   after:  3
#   inherited by a new process: 3
#
# Exit code: 0 if it is still so, 1 if the import leaves the variable as it was, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ python3 -m venv "$folder/venv" && "$folder/venv/bin/pip" install --quiet tensorflow==2.21.0 tf2onnx==1.17.0; } ||
  { echo "cannot install the packages" >&2; exit 2; }
"$folder/venv/bin/pip" freeze | grep -iE '^(tensorflow|tf2onnx)=='
TF_CPP_MIN_LOG_LEVEL=1 "$folder/venv/bin/python" - > "$folder/seen" 2> "$folder/messages" <<'PYTHON' || { cat "$folder/messages"; exit 1; }
import os
import subprocess
import sys

print("before:", os.environ["TF_CPP_MIN_LOG_LEVEL"])
import tf2onnx.convert

print("after: ", os.environ["TF_CPP_MIN_LOG_LEVEL"])
code = "import os; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
print("inherited by a new process:", said)
PYTHON
cat "$folder/seen"
diff "$folder/seen" <(printf 'before: 1\nafter:  3\ninherited by a new process: 3\n')

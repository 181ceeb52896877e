#!/usr/bin/env bash
# Finding: the distributions keras and keras-nightly install into one folder, and pip does not mind. TensorFlow 2.22.0rc0
# requires keras-nightly, so that it and any package that requires keras bring both. Then
# 1. the folder is a mixture: which of the two runs is settled by which was installed last, and files that only the other
#    one has stay beside it.
# 2. removing either of them removes the files of both. What is left of the folder imports as an empty package: `import
#    keras` succeeds, and `keras.layers` is an AttributeError. pip goes on to list the other one, and to install it again
#    changes nothing, since it is there.
#
# Seen with keras 3.15.1, keras-nightly 3.16.0.dev2026102704, pip 23.2.1, Python 3.11, Linux x86-64:
#   installed: keras 3.15.1, keras-nightly 3.16.0.dev2026102704; files of both: 589, of one alone: 366
#   keras.__version__ is 3.16.0.dev2026102704
#   after pip uninstall keras-nightly: pip lists keras 3.15.1, of whose files 589 of 904 are gone
#   import keras: an empty package
#   after pip install keras: files gone: 589
#   after pip install --force-reinstall keras: files gone: 0
#
# What helps: `pip install --force-reinstall --no-deps` of the one that is to stay.
#
# Exit code: 0 if it is still so, 1 if the behaviour has changed, 2 if the packages cannot be installed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
pip=("$folder/venv/bin/python" -m pip --disable-pip-version-check)
install() { "${pip[@]}" install --quiet --no-deps "$@" || { echo "cannot install the packages" >&2; exit 2; }; }
install keras==3.15.1
install keras-nightly==3.16.0.dev2026102704
cat > "$folder/program.py" <<'PYTHON'
import importlib.metadata
import pathlib
import re
import sys


def files(name: str) -> set[pathlib.Path]:
    found = importlib.metadata.files(name)
    return {pathlib.Path(file.locate()) for file in found if file.suffix == ".py" and file.parts[0] == "keras"}


def there(name: str) -> str:
    return f"{name} {importlib.metadata.version(name)}"


if sys.argv[1] == "both":
    stable, nightly = files("keras"), files("keras-nightly")
    shared = len(stable & nightly)
    alone = len(stable ^ nightly)
    print(f"installed: {there('keras')}, {there('keras-nightly')}; files of both: {shared}, of one alone: {alone}")
    source = next(file for file in stable if file.parts[-3:] == ("keras", "src", "version.py"))
    version = re.search(r'__version__ = "(.*)"', source.read_text())[1]
    print("keras.__version__ is", version)
    sys.exit(not (shared > 500 and alone and version.startswith("3.16") and all(map(pathlib.Path.is_file, stable))))
stable = files("keras")
gone = sum(not file.is_file() for file in stable)
if sys.argv[1] == "one":
    print(f"after pip uninstall keras-nightly: pip lists {there('keras')}, of whose files {gone} of {len(stable)} are gone")
    import keras

    print("import keras:", "a package" if hasattr(keras, "layers") else "an empty package")
    sys.exit(not (gone > 500 and not hasattr(keras, "layers")))
print(f"after {sys.argv[1]}: files gone: {gone}")
sys.exit((gone == 0) != ("--force-reinstall" in sys.argv[1]))
PYTHON
"$folder/venv/bin/python" "$folder/program.py" both
"${pip[@]}" uninstall --quiet --yes keras-nightly
"$folder/venv/bin/python" "$folder/program.py" one
install keras==3.15.1
"$folder/venv/bin/python" "$folder/program.py" "pip install keras"
install --force-reinstall keras==3.15.1
"$folder/venv/bin/python" "$folder/program.py" "pip install --force-reinstall keras"

"""Try the package with a Python and versions of libraries, and print a row of docs/versions.md.

    python tools/try_versions.py INTERPRETER [REQUIREMENT...] [--environment=FOLDER]

For example `python tools/try_versions.py python3.13 torch==2.13.0`. An environment of its own gets this checkout with
the extra `test`, which brings all others, and the further requirements; the tests in TESTS run in it. They train,
search, fuse, export to every format in float32 and in int8, save, load, count costs and read flags. The environment is
made in a temporary folder that is removed, or in --environment, where one that is there is used as it is. The row ends
with the numbers of tests; the process ends with pytest's exit code.
"""

import argparse
import datetime
import json
import subprocess
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = {
    "jax": "JAX",
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "ai-edge-litert": "LiteRT",
    "litert-quantizer": "LiteRT Quantizer",
    "tf2onnx": "tf2onnx",
    "openvino": "OpenVINO",
    "nncf": "NNCF",
    "ray": "Ray",
    "keras-nightly": "keras-nightly",
}
INT8 = "test_a_quantized_file_is_small_and_answers_as_before"
TESTS = (
    "test_editors.py",
    "test_genotype.py",
    "test_imports.py",
    "test_keras_package.py",
    "test_manual.py",
    "test_settings.py",
    "test_exporting.py::test_formats",
    "test_fine_tuning.py::test_a_loaded_model_is_fine_tuned_from_its_present_weights",
    "test_fusion.py::test_a_fused_model_is_saved_and_loaded",
    "test_fusion.py::test_bundled_models_keep_their_predictions",
    "test_jobs.py",
    "test_model_cost.py::test_every_layer_of_keras_with_weights_has_a_rule",
    "test_model_cost.py::test_layers_of_keras",
    "test_openvino.py::test_openvino_runs_what_is_written",
    f"test_openvino.py::{INT8}",
    "test_pretrained.py::test_a_loaded_model_reads_images_as_they_come",
    f"test_quantized.py::{INT8}",
    f"test_quantized_onnx.py::{INT8}",
    "test_saving.py",
    "test_search.py::test_run_saves_a_model_and_its_card",
    "test_steps.py::test_a_step_is_the_update_of_keras",
    "test_training.py::test_a_run_ends_in_a_card_that_tells_how_to_load_it",
    "test_unfused.py::test_it_is_written_as_it_is_with_a_word",
)
VERSIONS = """
import importlib.metadata, json, platform
import keras
found = {each.name.lower(): each.version for each in importlib.metadata.distributions() if each.name}
print(json.dumps({**found, "python": platform.python_version(), "keras": keras.__version__}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interpreter", help="a Python, as a path or a command")
    parser.add_argument("requirements", nargs="*", help="what is installed beside the extra 'test', for pip")
    parser.add_argument("--environment", type=Path, help="folder of the environment, which is kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = arguments.environment or Path(folder, "environment")
        if not place.is_dir():
            subprocess.run([arguments.interpreter, "-m", "venv", place], check=True)
            pip = [place / "bin/pip", "install", "--quiet", "-e", f"{ROOT}[test]", *arguments.requirements]
            subprocess.run(pip, check=True)
        code = tried(place / "bin/python", Path(folder, "results.xml"))
    raise SystemExit(code)


def tried(python: Path, results: Path) -> int:
    """Run the tests and print the row."""
    tests = [f"tests/{name}" for name in TESTS]
    pytest = [python, "-m", "pytest", "-q", "--no-header", f"--junitxml={results}", *tests]
    code = subprocess.run(pytest, cwd=ROOT, check=False).returncode
    lines = subprocess.run([python, "-c", VERSIONS], check=True, capture_output=True, text=True).stdout.splitlines()
    version = json.loads(lines[-1])
    suite = next(ElementTree.parse(results).iter("testsuite"))
    total, skipped, *bad = (int(suite.get(name)) for name in ("tests", "skipped", "failures", "errors"))
    passed = f"{total - skipped - sum(bad)} passed" + (f", {skipped} skipped" if skipped else "")
    result = passed + (f", {sum(bad)} failed" if sum(bad) else "")
    beside = ", ".join(f"{title} {version[name]}" for name, title in LIBRARIES.items() if name in version)
    cells = [version["python"], version["tensorflow"], version["keras"], beside, result, f"{datetime.date.today()}"]
    print("|", " | ".join(cells), "|")
    return code


if __name__ == "__main__":
    main()

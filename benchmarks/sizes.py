"""What a `.tflite` file is made of, beside Keras' own export of the same network: for speed, and for size.

    python benchmarks/sizes.py nasnet_a_cifar10 mnasnet_cifar10 NASNetMobile
    python benchmarks/sizes.py --format=onnx nasnet_a_cifar10

A name is one of `pretrained.list_models()`, or a named model of `nk.applications` with random weights. Each file is
written as `nk.export` writes it, and as `model.export(…, format="litert")` does. The columns are bytes: of kernels that
depthwise convolutions read, of those of full convolutions and products, of other constants (biases, factors, shapes),
of the names of tensors, and of the rest (tensors, operations and their settings). Of an ONNX file it is the size alone.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import nasnet_keras as nk
from nasnet_keras import pretrained
from nasnet_keras.inference.litert_file import operator_name, read
from nasnet_keras.inference.naming import ENDINGS

NAMES = ("nasnet_a_cifar10", "amoebanet_d_cifar10", "mnasnet_cifar10", "NASNetMobile", "MnasNetA1", "DARTSCIFAR10")
COLUMNS = ("depthwise kernels", "other kernels", "other constants", "names", "the rest")
_KERNELS = {"DEPTHWISE_CONV_2D": 0, "CONV_2D": 1, "FULLY_CONNECTED": 1}


def parts(data: bytes) -> list[int]:
    """The bytes of each of `COLUMNS`."""
    model = read(data)
    (graph,) = model.subgraphs
    kinds: dict[int, int] = {}
    for operator in graph.operators:
        column = _KERNELS.get(operator_name(model, operator))
        if column is not None:
            kinds.setdefault(graph.tensors[operator.inputs[1]].buffer, column)
    found = [0, 0, 0, sum(len(tensor.name) for tensor in graph.tensors), 0]
    for number, buffer in enumerate(model.buffers):
        if buffer.data is not None:
            found[kinds.get(number, 2)] += len(buffer.data)
    found[4] = len(data) - sum(found)
    return found


def network(name: str) -> Any:
    if name in pretrained.list_models():
        return pretrained.load(name)
    return getattr(nk.applications, name)(weights=None)


def measure(name: str, kind: str, folder: Path) -> None:
    model = network(name)
    files = {form: folder / f"{form}{ENDINGS[kind]}" for form in ("Keras", "speed", "size")}
    model.export(files["Keras"], format=kind, verbose=False)
    for form in ("speed", "size"):
        nk.export(model, files[form], optimize=form)
    whole = files["Keras"].stat().st_size
    for form, file in files.items():
        data = file.read_bytes()
        shown = "".join(f" {value:,} |" for value in parts(data)) if kind == "litert" else ""
        print(f"| `{name}` | {form} | {len(data):,} | {len(data) / whole:.3f} |{shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--format", choices=("litert", "onnx"), default="litert")
    arguments = parser.parse_args()
    columns = COLUMNS if arguments.format == "litert" else ()
    print(f"| network | form | bytes | of Keras' |{''.join(f' {one} |' for one in columns)}")
    print(f"|---|---|---|---|{'---|' * len(columns)}")
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names:
            measure(name, arguments.format, Path(folder))


if __name__ == "__main__":
    main()

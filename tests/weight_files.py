"""Small files of weights, and what becomes of damaged ones: `python weight_files.py FOLDER FIRST LAST`."""

import collections
import io
import json
import os
import signal
import sys
from pathlib import Path

import h5py
import numpy as np
from fuzz import damaged_bytes

from nasnet_keras.weights import reading

SHAPES = {"stem": [(3, 3, 3, 8), (8,), (8,)], "cell/inner": [(8,)], "logits": [(8, 10), (10,)]}
EXPECTED = {owner: [(shape, reading.FLOATS) for shape in shapes] for owner, shapes in SHAPES.items()}
STYLES = ("plain", "latest", "packed", "legacy")
_SECONDS = 5


def values(owner, index):
    return np.random.default_rng(len(owner) + index).normal(size=SHAPES[owner][index]).astype("float32")


def made(style="plain"):
    """The bytes of a whole file."""
    memory = io.BytesIO()
    with h5py.File(memory, "w", libver="latest" if style == "latest" else None) as file:
        if style == "legacy":
            file.attrs["layer_names"] = list(SHAPES)  # as Keras does today; what it published has a fixed length
        for owner, shapes in SHAPES.items():
            group = file.create_group(owner if style == "legacy" else f"layers/{owner.replace('/', '_layer/')}_layer")
            if style == "legacy":
                group.attrs["weight_names"] = np.array([f"{owner}/{index}:0".encode() for index in range(len(shapes))])
            else:
                for name, layer in (("cell", group.parent), (owner.rpartition("/")[2], group)):
                    if layer.name != "/layers":
                        layer.require_group("vars").attrs["name"] = name
                group = group["vars"]
            packing = {"compression": "gzip", "shuffle": True} if style == "packed" else {}
            for index in range(len(shapes)):
                name = f"{owner}/{index}:0" if style == "legacy" else str(index)
                group.create_dataset(name, data=values(owner, index), **packing)
    return memory.getvalue()


def unending():
    """A file whose reading never ends: a text is said to reach beyond the end of the heap that it lies in."""
    damaged = bytearray(made())
    damaged[damaged.index(b"logits\0") - 8] = 79
    return bytes(damaged)


def outcome(path):
    """What reading a file comes to, in a fork that may crash: HDF5 itself does on some."""
    ended, began = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(_SECONDS)
        try:
            found = reading.read(path, EXPECTED)
            right = {owner: [array.shape for array in arrays] for owner, arrays in found.items()} == SHAPES
            said = "read" if right else "read wrong shapes"
        except reading.WeightsError as error:
            said = "refused" if len(str(error).encode()) < 4000 else "a long error"
        except BaseException as error:
            said = repr(error)
        os.write(began, said.encode(errors="replace"))
        os._exit(0)
    os.close(began)
    with os.fdopen(ended) as file:
        said = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return said if code == 0 else signal.Signals(-code).name


def main():
    path, seeds = Path(sys.argv[1], "damaged.weights.h5"), range(int(sys.argv[2]), int(sys.argv[3]))
    outcomes = collections.Counter()
    for style in STYLES:
        whole = made(style)
        for seed in seeds:
            path.write_bytes(damaged_bytes(whole, seed))
            outcomes[outcome(path)] += 1
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()

"""Networks and convolutions of PyTorch, in a process of their own: its Triton and TensorFlow crash together.

`python pytorch_networks.py FOLDER [NAME …]`; with no name, convolutions. The answers of some networks are in
`pytorch_answers`, for machines without torchvision and timm: `python pytorch_networks.py FOLDER answers`.
"""

import importlib.util
import json
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

CASES = [(kernel, stride, size) for kernel in (1, 3, 5, 7) for stride in (1, 2) for size in ((8, 9), (11, 14))]
ANSWERS = Path(__file__).parent / "pytorch_answers"
QUICK = ("torchvision mnasnet0_5", "timm semnasnet_050", "timm mnasnet_small")
_LARGE = "timm semnasnet_100"


def computed(folder, *names):
    """Have this module write to a folder; a test that calls it is skipped without PyTorch."""
    for package in ("torch", *{name.partition(" ")[0] for name in names}):
        if not importlib.util.find_spec(package):
            pytest.skip(f"{package} is not installed")
    subprocess.run([sys.executable, __file__, str(folder), *names], check=True, timeout=900)


def values(name, shape):
    """The values of a tensor of a state dict, the same on every machine, as of a trained network."""
    random = np.random.RandomState(zlib.crc32(name.encode()))  # the generator whose numbers NumPy never changes
    part = name.rpartition(".")[2]
    if part == "num_batches_tracked":
        return np.array(7)
    if part == "running_var" or (part == "weight" and len(shape) == 1):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    scale = 0.2 if len(shape) == 1 else 1.3 / np.sqrt(np.prod(shape[1:]))
    return (scale * random.standard_normal(shape)).astype(np.float32)


def images(size):
    return np.random.RandomState(sum(size)).standard_normal((2, *size, 3)).astype(np.float32)


def sizes(name):
    return ((64, 64), (45, 70), *[(224, 224)] * (name == _LARGE))


def _networks(names):
    """Yield networks of PyTorch with these values."""
    import torch

    for name in names:
        package, _, model = name.partition(" ")
        made = getattr(importlib.import_module(f"{package}.models"), model)(num_classes=7).eval()
        shapes = {key: tuple(tensor.shape) for key, tensor in made.state_dict().items()}
        answers = {}
        with torch.no_grad():
            for key, tensor in made.state_dict().items():
                tensor.copy_(torch.from_numpy(values(key, tuple(tensor.shape))))
            for size in sizes(name):
                answers[str(size[0])] = made(torch.from_numpy(images(size).transpose(0, 3, 1, 2).copy())).numpy()
        yield name, made, shapes, answers


def _write_networks(folder, names):
    from safetensors.torch import save_file

    for name, made, _, answers in _networks(names):
        save_file(
            {key: tensor.contiguous() for key, tensor in made.state_dict().items()}, folder / f"{name}.safetensors"
        )
        np.savez(folder / f"{name}.npz", **answers)


def _write_answers(folder):
    for name, _, shapes, answers in _networks(QUICK):
        plain = {"shapes": shapes, "answers": {size: each.tolist() for size, each in answers.items()}}
        (folder / f"{name.replace(' ', '_')}.json").write_text(json.dumps(plain) + "\n")


def _write_convolutions(folder):
    import torch

    generator = torch.manual_seed(0)
    for index, (kernel, stride, size) in enumerate(CASES):
        for groups in (1, 6):
            x = torch.randn((2, 6, *size), generator=generator)
            weights = torch.randn((6, 6 // groups, kernel, kernel), generator=generator)
            y = torch.nn.functional.conv2d(x, weights, None, stride, kernel // 2, 1, groups)
            axes = (2, 3, 1, 0) if groups == 1 else (2, 3, 0, 1)
            arrays = {"x": x.numpy().transpose(0, 2, 3, 1), "y": y.numpy().transpose(0, 2, 3, 1)}
            np.savez(folder / f"{index}_{groups}.npz", **arrays, weights=weights.numpy().transpose(axes))


if __name__ == "__main__":
    place, *asked = sys.argv[1:]
    if asked == ["answers"]:
        _write_answers(Path(place))
    elif asked:
        _write_networks(Path(place), asked)
    else:
        _write_convolutions(Path(place))
